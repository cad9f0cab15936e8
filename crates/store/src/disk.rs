//! Where files of our own formats meet the disk; tests put one here that is full, fails to sync or
//! loses its power.
//!
//! The log and the packs write through [`Disk`]. SQLite's files do not, nor does anything that only
//! looks whether a file is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Makes, names and removes files. What an implementation leaves out is done on the real disk.
///
/// A name that was made, changed or removed is durable once [`sync_folder`](Disk::sync_folder) of
/// its folder has returned, and not before.
pub trait Disk: Send + Sync + 'static {
    /// Makes a new file, its name durable in its folder. Fails where there is one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to be read.
    fn open_read(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    /// Gives a file another name in the same folder, in one step; what had that name is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Removes the name of a file. Who has it open can go on reading it.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Makes a folder and those that it is in, where they are missing. Its name is not yet durable.
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// A file that is appended to.
pub trait DiskFile: Send {
    /// Appends octets. Where this fails, any part of them may have been appended.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// All that was appended is on the disk when this returns.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts off what lies behind a length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// The real disk.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        sync_folder(path)?;
        Ok(Box::new(file))
    }
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => RealDisk.sync_folder(folder),
        None => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_names(folder: &Path) -> io::Result<()> {
    RealDisk.sync_folder(folder)
}

/// Gives a file that does not change another name in the same file system; where that knows no such
/// names, it is copied.
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    if !hard_link(from, to)? {
        fs::copy(from, to)?;
    }
    Ok(())
}

/// As [`link`], but where it would have to be copied nothing is done, and `false` answered.
pub(crate) fn hard_link(from: &Path, to: &Path) -> io::Result<bool> {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    match fs::hard_link(from, to) {
        Err(error)
            if matches!(
                error.kind(),
                CrossesDevices | PermissionDenied | TooManyLinks | Unsupported
            ) =>
        {
            Ok(false)
        }
        linked => linked.map(|()| true),
    }
}

/// Octets that whoever is not root may still write to the disk that a folder is on.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// Octets that are left out together where a file cannot be read: what a disk reads at once.
const SECTOR: usize = 4_096;

/// Reads a file of which some sectors cannot be read; those are as zeros. Answers how many octets
/// that is.
pub(crate) fn read_around(file: &File, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    bytes.clear();
    bytes.resize(length, 0);
    Ok(zeros_where_unread(bytes, |sector, at| {
        file.read_exact_at(sector, at)
    }))
}

/// Reads sector by sector; answers how many octets could not be read, which are zeros.
fn zeros_where_unread(
    bytes: &mut [u8],
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<()>,
) -> usize {
    let (mut at, mut lost) = (0, 0);
    for sector in bytes.chunks_mut(SECTOR) {
        if read(sector, at).is_err() {
            sector.fill(0);
            lost += sector.len();
        }
        at += sector.len() as u64;
    }
    lost
}

/// Whether a disk, or what of it may be used, has no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_zeros_and_the_rest_is_there() {
        let all: Vec<u8> = (0..=250)
            .cycle()
            .map(|n: u8| n | 1)
            .take(SECTOR * 2 + 10)
            .collect();
        let mut bytes = vec![9; all.len()];
        let lost = zeros_where_unread(&mut bytes, |sector, at| {
            if at == SECTOR as u64 {
                sector.fill(7);
                return Err(io::Error::other("a bad sector"));
            }
            let at = usize::try_from(at).unwrap();
            sector.copy_from_slice(&all[at..at + sector.len()]);
            Ok(())
        });
        assert_eq!(lost, SECTOR);
        assert_eq!(bytes[..SECTOR], all[..SECTOR]);
        assert!(bytes[SECTOR..SECTOR * 2].iter().all(|octet| *octet == 0));
        assert_eq!(bytes[SECTOR * 2..], all[SECTOR * 2..]);
    }
}
