//! The write-ahead log beside the file, read without the database.
//!
//! SQLite forgets all that is behind a frame whose checksum does not hold, as after a crash it
//! must: there the rest was never synced. A frame that was damaged later looks the same to it.
//! Here the two are told apart: behind damage there are commits, behind a crash there are none.
//!
//! Source of the layout: <https://sqlite.org/fileformat2.html#walformat>.

use super::pages::PAGE_LEN;
use std::collections::HashMap;

const HEADER_LEN: usize = 32;
const FRAME_HEADER_LEN: usize = 24;
const FRAME_LEN: usize = FRAME_HEADER_LEN + PAGE_LEN;

/// A page that was written to the log.
struct Frame<'a> {
    page: u32,
    /// Whether a transaction ends with it.
    commit: bool,
    salt: [u8; 8],
    /// Whether its checksum holds, and those of all before it.
    sound: bool,
    content: &'a [u8; PAGE_LEN],
}

/// The log of a file, as its octets.
pub(super) struct Log<'a> {
    frames: Vec<Frame<'a>>,
}

impl<'a> Log<'a> {
    /// Reads the frames; of what is not a log, none.
    pub(super) fn read(octets: &'a [u8]) -> Self {
        let mut frames = Vec::new();
        let Some((header, rest)) = octets.split_first_chunk::<HEADER_LEN>() else {
            return Self { frames };
        };
        let (words, _) = header.as_chunks::<4>();
        let big_endian = words.first().is_some_and(|magic| magic[3] & 1 == 1);
        let salt: Option<&[u8; 8]> = header.get(16..).and_then(<[u8]>::first_chunk);
        let mut sums = checksum((0, 0), header.get(..24).unwrap_or_default(), big_endian);
        let mut sound = header.get(24..) == Some(&both(sums)[..]);
        for frame in rest.as_chunks::<FRAME_LEN>().0 {
            let Some((head, content)) = frame.split_first_chunk::<FRAME_HEADER_LEN>() else {
                continue;
            };
            let Some(content) = content.first_chunk::<PAGE_LEN>() else {
                continue;
            };
            let word = |at: usize| {
                let octets = head.get(at..).and_then(<[u8]>::first_chunk::<4>);
                octets.map_or(0, |octets| u32::from_be_bytes(*octets))
            };
            let own: [u8; 8] = head
                .get(8..)
                .and_then(<[u8]>::first_chunk)
                .copied()
                .unwrap_or_default();
            sums = checksum(sums, head.get(..8).unwrap_or_default(), big_endian);
            sums = checksum(sums, content, big_endian);
            sound &= Some(&own) == salt && head.get(16..) == Some(&both(sums)[..]);
            frames.push(Frame {
                page: word(0),
                commit: word(4) != 0,
                salt: own,
                sound,
                content,
            });
        }
        Self { frames }
    }

    /// Whether a frame is damaged that SQLite would take for the end of the log: a transaction
    /// that was written after it ends behind it.
    pub(super) fn is_damaged(&self) -> bool {
        let Some(salt) = self.salt() else {
            return false;
        };
        self.frames
            .iter()
            .any(|frame| !frame.sound && frame.commit && frame.salt == salt)
    }

    /// The latest content of each page as SQLite sees it: up to the last commit before any damage.
    pub(super) fn sound_pages(&self) -> HashMap<u32, &'a [u8; PAGE_LEN]> {
        let sound = self.frames.iter().take_while(|frame| frame.sound).count();
        let sound = self.frames.get(..sound).unwrap_or_default();
        let end = sound
            .iter()
            .rposition(|f| f.commit)
            .map_or(0, |last| last + 1);
        sound
            .iter()
            .take(end)
            .map(|f| (f.page, f.content))
            .collect()
    }

    /// The latest content of each page, up to the last commit. A damaged frame takes part: whether
    /// its rows are sound is told by their own checksums.
    pub(super) fn pages(&self) -> HashMap<u32, &'a [u8; PAGE_LEN]> {
        let salt = self.salt();
        let ours = |frame: &&Frame<'_>| Some(frame.salt) == salt;
        let end = self
            .frames
            .iter()
            .rposition(|frame| frame.commit && ours(&frame))
            .map_or(0, |last| last + 1);
        self.frames
            .iter()
            .take(end)
            .filter(ours)
            .map(|frame| (frame.page, frame.content))
            .collect()
    }

    /// The salt of the frames that were written since the log was last begun anew. That of the
    /// first frame, for the header may be what is damaged; where they differ, that of the second.
    fn salt(&self) -> Option<[u8; 8]> {
        match &self.frames[..] {
            [] => None,
            [one, two, three, ..] if one.salt != two.salt && two.salt == three.salt => {
                Some(two.salt)
            }
            [one, ..] => Some(one.salt),
        }
    }
}

fn both(sums: (u32, u32)) -> [u8; 8] {
    let mut octets = [0; 8];
    let (first, second) = octets.split_at_mut(4);
    first.copy_from_slice(&sums.0.to_be_bytes());
    second.copy_from_slice(&sums.1.to_be_bytes());
    octets
}

/// The log's checksum, gone on with over more octets.
fn checksum((mut a, mut b): (u32, u32), octets: &[u8], big_endian: bool) -> (u32, u32) {
    let number = if big_endian {
        u32::from_be_bytes
    } else {
        u32::from_le_bytes
    };
    for pair in octets.as_chunks::<4>().0.as_chunks::<2>().0 {
        let [x, y] = *pair;
        a = a.wrapping_add(number(x)).wrapping_add(b);
        b = b.wrapping_add(number(y)).wrapping_add(a);
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    /// The log of a file in which eight transactions were committed.
    fn log() -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; CREATE TABLE t (b)")
            .unwrap();
        for n in 0..7 {
            connection
                .execute("INSERT INTO t VALUES (?1)", [vec![n; 6000]])
                .unwrap();
        }
        std::fs::read(dir.path().join("a-wal")).unwrap()
    }

    #[test]
    fn damage_is_told_from_the_end() {
        let log = log();
        let frames = Log::read(&log).frames.len();
        assert!(!Log::read(&log).is_damaged());
        assert_eq!(Log::read(&log).pages(), Log::read(&log).sound_pages());
        for frame in 0..frames {
            let at = HEADER_LEN + frame * FRAME_LEN + 1000;
            let mut damaged = log.clone();
            damaged[at] ^= 1;
            let damaged = Log::read(&damaged);
            assert!(damaged.is_damaged(), "frame {frame}");
            let cut = &log[..at];
            assert!(!Log::read(cut).is_damaged(), "cut in frame {frame}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..50),
            len in any::<prop::sample::Index>(),
        ) {
            let mut octets = log();
            for (at, octet) in changes {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
            octets.truncate(len.index(octets.len()));
            let log = Log::read(&octets);
            prop_assert!(log.pages().len() <= log.frames.len());
            prop_assert!(log.sound_pages().len() <= log.frames.len());
            log.is_damaged();
        }
    }
}
