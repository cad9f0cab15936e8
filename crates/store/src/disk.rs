//! Where files of our own formats meet the disk; tests put one here that is full, fails to sync or
//! loses its power.
//!
//! The log and the packs write through [`Disk`]. SQLite's files do not, nor does anything that only
//! looks whether a file is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// What room there is on the disk that a folder is on.
    fn space(&self, folder: &Path) -> io::Result<Space> {
        let disk = nix::sys::statvfs::statvfs(folder)?;
        // Their types are not the same on all systems.
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
        let (free, all, block) = (
            disk.blocks_available() as u64,
            disk.blocks() as u64,
            disk.fragment_size() as u64,
        );
        Ok(Space {
            free_bytes: free.saturating_mul(block),
            all_bytes: all.saturating_mul(block),
        })
    }
}

/// The room on a disk, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What whoever is not root may still write.
    pub free_bytes: u64,
    /// What the disk holds in all.
    pub all_bytes: u64,
}

/// Octets that work which can wait leaves free at most: hours of what a large network writes. Of a small
/// disk it leaves a tenth.
pub const RESERVE_BYTES_MAX: u64 = 2 << 30;
/// Octets that other work leaves free: what a server writes in the minutes that it takes.
pub const RESERVE_BYTES_LITTLE: u64 = 64 << 20;

/// How much of a disk stays free beside work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// A tenth of the disk, at most [`RESERVE_BYTES_MAX`]: work that an operator asks for and that can
    /// wait must not take the room that the server itself needs.
    Reserve,
    /// [`RESERVE_BYTES_LITTLE`]: what takes little room for a while and makes the data safe, or room in
    /// the end, as a backup and the archive do, goes on where the disk is nearly full.
    Little,
    /// Nothing: without it the server does not start.
    Nothing,
}

/// There is less room than work needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk of {} has {free_bytes} octets of free room where {needed_bytes} are needed, what stays \
     free among them: make room", folder.display()
)]
pub struct NoRoom {
    /// Whose disk it is.
    pub folder: PathBuf,
    /// What is needed, with what stays free.
    pub needed_bytes: u64,
    /// What is free.
    pub free_bytes: u64,
}

/// Who is asked for room: a disk. Cheap to clone.
#[derive(Clone)]
pub struct Room(Arc<dyn Disk>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(RealDisk))
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Room")
    }
}

impl Room {
    /// That of a disk.
    pub fn of(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    /// Looks whether so many octets fit beside what is to stay free; `None` where they do.
    pub fn lacking(&self, folder: &Path, bytes: u64, leave: Leave) -> io::Result<Option<NoRoom>> {
        let space = self.0.space(folder)?;
        let needed_bytes = needed(space, bytes, leave);
        Ok((space.free_bytes < needed_bytes).then(|| NoRoom {
            folder: folder.to_owned(),
            needed_bytes,
            free_bytes: space.free_bytes,
        }))
    }

    /// Fails where so many octets do not fit beside [`Leave::Reserve`]. Where it cannot be told they may
    /// be written: that fails by itself.
    pub fn look(&self, folder: &Path, bytes: u64) -> Result<(), NoRoom> {
        match self.lacking(folder, bytes, Leave::Reserve) {
            Ok(Some(lacking)) => Err(lacking),
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

/// The room on the disk of a folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RoomOf {
    room: Room,
    folder: PathBuf,
}

impl RoomOf {
    /// That of a folder which is there.
    pub fn new(room: Room, folder: &Path) -> Self {
        Self {
            room,
            folder: folder.to_owned(),
        }
    }

    /// As [`Room::look`].
    pub fn look(&self, bytes: u64) -> Result<(), NoRoom> {
        self.room.look(&self.folder, bytes)
    }
}

/// The room that so many octets need on such a disk.
fn needed(space: Space, bytes: u64, leave: Leave) -> u64 {
    bytes.saturating_add(match leave {
        Leave::Reserve => (space.all_bytes / 10).min(RESERVE_BYTES_MAX),
        Leave::Little => RESERVE_BYTES_LITTLE,
        Leave::Nothing => 0,
    })
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
    fn work_leaves_a_tenth_of_a_small_disk_and_two_gibibytes_of_a_large_one() {
        let gibi = 1 << 30;
        let of = |all_bytes| Space {
            free_bytes: 0,
            all_bytes,
        };
        for (all, bytes, leave, expected) in [
            (10 * gibi, 5, Leave::Reserve, gibi + 5),
            (20 * gibi, 0, Leave::Reserve, 2 * gibi),
            (250 * gibi, gibi, Leave::Reserve, 3 * gibi),
            (250 * gibi, u64::MAX, Leave::Reserve, u64::MAX),
            (250 * gibi, 10 << 20, Leave::Little, 74 << 20),
            (250 * gibi, 10, Leave::Nothing, 10),
        ] {
            assert_eq!(needed(of(all), bytes, leave), expected, "{all} {leave:?}");
        }
    }

    /// Free room as a test has it.
    struct Free(u64);

    impl Disk for Free {
        fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
            RealDisk.create(path)
        }
        fn space(&self, _: &Path) -> io::Result<Space> {
            Ok(Space {
                free_bytes: self.0,
                all_bytes: 250 << 30,
            })
        }
    }

    #[test]
    fn a_disk_with_less_than_a_tenth_free_has_room() {
        let (folder, reserve) = (Path::new("data"), RESERVE_BYTES_MAX);
        let room = |free| Room::of(Arc::new(Free(free)));
        assert_eq!(room(24 << 30).look(folder, 1 << 30), Ok(()));
        assert_eq!(room(reserve + 10).look(folder, 10), Ok(()));
        let lacking = room(reserve + 10).look(folder, 11).unwrap_err();
        assert_eq!(
            (lacking.needed_bytes, lacking.free_bytes),
            (reserve + 11, reserve + 10)
        );
    }

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
