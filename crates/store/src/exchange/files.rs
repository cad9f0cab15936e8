//! Files that are exchanged: those that are being sent, and those that were exported. Each is in a
//! folder of its job, `exchange/JOB/` of the data folder, and goes with it.

use crate::disk::{NoRoom, Room, RoomOf};
use model::JobId;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an exported file is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24);
/// Octets of exported files, where the settings do not say.
pub const BYTES_MAX_DEFAULT: u64 = 8 << 30;
/// Octets of a file that is sent.
pub const IMPORT_BYTES_MAX: u64 = 1 << 30;

/// The files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ExchangeFiles {
    folder: PathBuf,
    room: RoomOf,
    /// One piece is taken at a time: two of one file must not cross, nor one a file that is read.
    taking: Arc<Mutex<()>>,
}

/// An exported file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of which job.
    pub job_id: JobId,
    /// Its octets.
    pub bytes: u64,
}

/// What is sent of a file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It does not go on where the file ends.
    #[error("the file has {length} octets; go on at that offset")]
    Offset {
        /// What is there.
        length: u64,
    },
    /// It would be longer than is taken.
    #[error("a file has at most {IMPORT_BYTES_MAX} octets")]
    TooLong,
    /// Nothing more is taken of it.
    #[error("the job does not wait to be sent anything")]
    Closed,
    /// The disk has no room for it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// It could not be written.
    #[error("the file could not be written")]
    File(#[from] io::Error),
}

impl ExchangeFiles {
    /// Those of a data folder.
    pub fn of(data_dir: &Path, room: Room) -> Self {
        Self {
            folder: data_dir.join("exchange"),
            room: RoomOf::new(room, data_dir),
            taking: Arc::default(),
        }
    }

    /// The room on the disk that they are on.
    pub fn room(&self) -> &RoomOf {
        &self.room
    }

    /// The folder of a job.
    pub fn folder(&self, id: JobId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// The file that is sent for an import.
    pub fn sent(&self, id: JobId) -> PathBuf {
        self.folder(id).join("sent")
    }

    /// The file of an export.
    pub fn exported(&self, id: JobId) -> PathBuf {
        self.folder(id).join("exported")
    }

    /// Takes a piece of a file at an offset; one that was taken already is not taken again. Answers the
    /// length of the file. `waits` says whether the file is still being sent: what is answered as taken
    /// is read by whoever comes after it says no.
    pub fn take(
        &self,
        id: JobId,
        offset: u64,
        piece: &[u8],
        waits: impl Fn() -> bool,
    ) -> Result<u64, SendError> {
        let _alone = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        if !waits() {
            return Err(SendError::Closed);
        }
        self.room.look(piece.len() as u64)?;
        fs::create_dir_all(self.folder(id))?;
        let path = self.sent(id);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let length = file.metadata()?.len();
        let end = offset.saturating_add(piece.len() as u64);
        if end > IMPORT_BYTES_MAX {
            return Err(SendError::TooLong);
        }
        if end <= length {
            return Ok(length);
        }
        if offset != length {
            return Err(SendError::Offset { length });
        }
        file.seek(SeekFrom::Start(offset))?;
        let written = file.write_all(piece);
        if written.is_err() {
            // What is there of it would be taken for all of it.
            let _ = file.set_len(length);
        }
        written?;
        Ok(end)
    }

    /// Opens a file that was sent, once no piece of it is being taken.
    pub fn open_sent(&self, id: JobId) -> io::Result<File> {
        let _alone = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        File::open(self.sent(id))
    }

    /// Begins the file of an export: under another name until [`ExchangeFiles::finish`].
    pub fn begin(&self, id: JobId) -> io::Result<File> {
        fs::create_dir_all(self.folder(id))?;
        File::create(self.part(id))
    }

    /// The file of an export is whole.
    pub fn finish(&self, id: JobId) -> io::Result<()> {
        fs::rename(self.part(id), self.exported(id))
    }

    fn part(&self, id: JobId) -> PathBuf {
        self.folder(id).join("part")
    }

    /// Removes what is there of a job.
    pub fn remove(&self, id: JobId) {
        let folder = self.folder(id);
        if let Err(error) = fs::remove_dir_all(&folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            let folder = folder.display();
            tracing::warn!(error = ?error, "{folder} could not be removed");
        }
    }

    /// Removes what is there of all jobs but those of which `keep` says so; answers the exported files
    /// that are left, the oldest first.
    pub fn sweep(&self, keep: impl Fn(JobId) -> bool) -> Vec<Kept> {
        let mut kept = Vec::new();
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let id: Option<JobId> = name.to_str().and_then(|name| name.parse().ok());
            // What is not of a job is not ours.
            let Some(id) = id else { continue };
            if !keep(id) {
                self.remove(id);
            } else if let Ok(found) = fs::metadata(self.exported(id)) {
                kept.push(Kept {
                    job_id: id,
                    bytes: found.len(),
                });
            }
        }
        kept.sort_by_key(|kept| kept.job_id);
        kept
    }

    /// Removes all but whole exported files, before any job is at work: what was being sent, read or
    /// written when the server stopped is not gone on with.
    pub fn begin_anew(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let id: Option<JobId> = name.to_str().and_then(|name| name.parse().ok());
            let Some(id) = id else { continue };
            if !self.exported(id).is_file() {
                self.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, DiskFile, RESERVE_BYTES_MAX, RealDisk, Space};

    /// A disk of 250 GiB with so many octets free.
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

    fn files(data: &Path, free_bytes: u64) -> ExchangeFiles {
        ExchangeFiles::of(data, Room::of(Arc::new(Free(free_bytes))))
    }

    #[test]
    fn a_piece_is_taken_while_it_leaves_the_reserve() {
        let data = tempfile::tempdir().unwrap();
        let id = JobId::new();
        let free = files(data.path(), RESERVE_BYTES_MAX + 3);
        assert_eq!(free.take(id, 0, b"abc", || true).unwrap(), 3);
        let full = files(data.path(), RESERVE_BYTES_MAX + 2);
        let refused = full.take(id, 3, b"abc", || true).unwrap_err();
        assert!(matches!(refused, SendError::NoRoom(_)), "{refused}");
        assert_eq!(fs::read(free.sent(id)).unwrap(), b"abc");
    }

    #[test]
    fn what_a_stopped_server_left_goes_but_for_exported_files() {
        let data = tempfile::tempdir().unwrap();
        let files = files(data.path(), u64::MAX);
        let (sent, whole, half) = (JobId::new(), JobId::new(), JobId::new());
        files.take(sent, 0, b"abc", || true).unwrap();
        for id in [whole, half] {
            files.begin(id).unwrap().write_all(b"abc").unwrap();
        }
        files.finish(whole).unwrap();
        files.begin_anew();
        assert!(files.exported(whole).is_file());
        assert!(!files.folder(sent).exists() && !files.folder(half).exists());
    }

    #[test]
    fn pieces_are_taken_once_and_in_order() {
        let data = tempfile::tempdir().unwrap();
        let files = files(data.path(), u64::MAX);
        let id = JobId::new();
        assert_eq!(files.take(id, 0, b"abc", || true).unwrap(), 3);
        assert_eq!(files.take(id, 0, b"abc", || true).unwrap(), 3, "sent twice");
        let early = files.take(id, 5, b"x", || true).unwrap_err();
        assert!(matches!(early, SendError::Offset { length: 3 }));
        let across = files.take(id, 2, b"cd", || true).unwrap_err();
        assert!(matches!(across, SendError::Offset { length: 3 }));
        assert_eq!(files.take(id, 3, b"de", || true).unwrap(), 5);
        let closed = files.take(id, 5, b"x", || false).unwrap_err();
        assert!(matches!(closed, SendError::Closed));
        let long = files.take(id, IMPORT_BYTES_MAX, b"x", || true).unwrap_err();
        assert!(matches!(long, SendError::TooLong));
        assert_eq!(fs::read(files.sent(id)).unwrap(), b"abcde");
    }

    #[test]
    fn what_is_of_no_job_any_more_is_swept() {
        let data = tempfile::tempdir().unwrap();
        let files = files(data.path(), u64::MAX);
        let (gone, kept) = (JobId::new(), JobId::new());
        for id in [gone, kept] {
            files.begin(id).unwrap().write_all(b"abc").unwrap();
            files.finish(id).unwrap();
        }
        let left = files.sweep(|id| id == kept);
        let expected = Kept {
            job_id: kept,
            bytes: 3,
        };
        assert_eq!(left, [expected]);
        assert!(!files.folder(gone).exists());
    }
}
