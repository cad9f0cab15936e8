//! Copying files of SQLite while others read and write them, each as it stands at one moment.

use model::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for whoever writes.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// How often it is tried anew where somebody writes: each time after [`BUSY_WAIT`].
const TRIES_MAX: u32 = 6;
/// All pages in one step. Of a file with a write-ahead log nobody waits meanwhile; of others, writers
/// do, for as long as the copy takes. In several steps each write would begin it anew.
const ALL_PAGES: i32 = -1;
/// How long a file was not written before its times say that it is as it was: file systems count time
/// in steps of up to two seconds, and two changes within a step look like one.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Copies a file to where none is, and answers the number that `count` asks of the copy.
pub(super) fn copy(from: &Path, to: &Path, count: &str) -> rusqlite::Result<u64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(BUSY_WAIT)?;
    // Of a stopped server the file stays as it was, its log beside it.
    let has_log = has_octets(&beside(from, "-wal"));
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)?;
    let mut copy = Connection::open(to)?;
    // Where anything fails the copy is thrown away.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        let mut tries = 0;
        while !matches!(backup.step(ALL_PAGES)?, StepResult::Done) {
            tries += 1;
            if tries >= TRIES_MAX {
                let code = ffi::Error::new(ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(code, None));
            }
        }
    }
    let counted: i64 = copy.query_row(count, [], |row| row.get(0))?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(u64::try_from(counted).unwrap_or(0))
}

/// Says that a file is as it was: its length, the times of its last change, and which file it is. None
/// where it changed just now, or where changes stand beside it in a log, which would not show.
///
/// The file is not opened: closing any handle of a file lets go of all locks that this process has of
/// it, those of SQLite too, and another program could write it in the midst of a change.
pub(super) fn stamp(path: &Path, now: Timestamp) -> Option<String> {
    for log in ["-wal", "-journal"] {
        if has_octets(&beside(path, log)) {
            return None;
        }
    }
    let found = fs::metadata(path).ok()?;
    let (seconds, nanos) = (found.mtime(), found.mtime_nsec());
    let written = seconds
        .saturating_mul(1_000)
        .saturating_add(nanos / 1_000_000);
    // So with a time to come, where the clock was set back.
    if now.minus(SETTLED_AFTER) < Timestamp::from_unix_ms(written) {
        return None;
    }
    let (length, inode) = (found.len(), found.ino());
    let (changed, changed_nanos) = (found.ctime(), found.ctime_nsec());
    Some(format!(
        "{length} {seconds}.{nanos:09} {changed}.{changed_nanos:09} {inode}"
    ))
}

fn has_octets(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_was_committed_and_a_stamp_tells_a_change() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, stamped) in [("TRUNCATE", true), ("WAL", false)] {
            let (path, to) = (folder.path().join(mode), folder.path().join("copy"));
            let connection = Connection::open(&path).unwrap();
            connection
                .execute_batch(&format!(
                    "PRAGMA page_size = 8192; PRAGMA journal_mode = {mode};
                     CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2);"
                ))
                .unwrap();
            let written = fs::metadata(&path).unwrap().mtime() * 1_000;
            let after = |secs| Timestamp::from_unix_ms(written).plus(Duration::from_secs(secs));
            let later = after(60);
            let before = stamp(&path, later);
            assert_eq!(before.is_some(), stamped, "{mode}");
            assert_eq!(stamp(&path, later), before);
            assert_eq!(stamp(&path, after(1)), None, "it changed just now");
            assert_eq!(copy(&path, &to, "SELECT count(*) FROM t").unwrap(), 2);
            let first = fs::read(&to).unwrap();
            fs::remove_file(&to).unwrap();
            // Others go on writing, and what is not changed is copied the same.
            connection
                .execute_batch("BEGIN; INSERT INTO t VALUES (3);")
                .unwrap();
            assert_eq!(copy(&path, &to, "SELECT count(*) FROM t").unwrap(), 2);
            assert!(first == fs::read(&to).unwrap(), "{mode}");
            fs::remove_file(&to).unwrap();
            connection.execute_batch("COMMIT;").unwrap();
            assert_eq!(copy(&path, &to, "SELECT count(*) FROM t").unwrap(), 3);
            fs::remove_file(&to).unwrap();
            if stamped {
                assert_ne!(stamp(&path, later), before);
            }
        }
    }
}
