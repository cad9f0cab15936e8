//! Where the octets of a pack are read from, at any place: a file, or memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Octets that are read at a place, by many at once.
#[derive(Debug)]
pub(super) enum Source {
    /// A file. It is never changed, and stays readable where its name is removed.
    File(File),
    /// Octets in memory.
    Memory(Vec<u8>),
}

impl Source {
    pub(super) fn length(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            Self::Memory(octets) => Ok(octets.len() as u64),
        }
    }

    /// Reads so many octets into the buffer, in place of what it holds. The caller has checked that
    /// the source has as many.
    pub(super) fn read(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        match self {
            Self::File(file) => {
                into.resize(length, 0);
                file.read_exact_at(into, offset)
            }
            Self::Memory(octets) => {
                let begin = usize::try_from(offset).unwrap_or(usize::MAX);
                let end = begin.saturating_add(length);
                let found = octets.get(begin..end);
                into.extend(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}
