//! Where files of our own formats meet the disk; tests put one here that is full, fails to sync or
//! loses its power.
//!
//! The log and the packs write through [`Disk`]. SQLite's files do not, nor does anything that only
//! looks whether a file is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
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
