//! What a crash leaves in the folder of an archive: files that were being written, which have a name of
//! their own until they are whole, and folders with nothing in them. No list shows them.

use super::manifest::is_name_of_day;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tracing::warn;

/// Folders that are gone through at most: three hundred years of days, and their revisions.
const FOLDERS_MAX: usize = 250_000;

/// Removes files that were never finished, where nobody wrote to them for a while, and empty folders. What
/// cannot be removed is tried again the next time.
pub(super) fn sweep(folder: &Path, kept: Duration) {
    let mut left = FOLDERS_MAX;
    if let Err(error) = sweep_days(folder, kept, &mut left) {
        warn!(folder = %folder.display(), %error, "what was left over in the archive stays for now");
    }
}

fn sweep_days(folder: &Path, kept: Duration, left: &mut usize) -> io::Result<()> {
    // The owner's mark lies beside the days.
    sweep_files(folder, kept)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_day = entry.file_name().to_str().is_some_and(is_name_of_day);
        if is_day && entry.file_type()?.is_dir() {
            sweep_day(&entry.path(), kept, left)?;
        }
    }
    Ok(())
}

/// A day with its revisions.
fn sweep_day(day: &Path, kept: Duration, left: &mut usize) -> io::Result<()> {
    for entry in fs::read_dir(day)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let Some(now_left) = left.checked_sub(1) else {
                return Ok(());
            };
            *left = now_left;
            sweep_files(&entry.path(), kept)?;
            remove_empty(&entry.path(), kept)?;
        }
    }
    sweep_files(day, kept)?;
    remove_empty(day, kept)
}

fn sweep_files(folder: &Path, kept: Duration) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(is_unfinished);
        if is_ours && entry.file_type()?.is_file() && is_old(&entry.metadata()?, kept) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// As `object_store` names a file of a folder until it is whole: `samples-000.parquet#1`.
fn is_unfinished(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit())
    })
}

fn remove_empty(folder: &Path, kept: Duration) -> io::Result<()> {
    if !is_old(&fs::metadata(folder)?, kept) {
        return Ok(());
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed,
    }
}

/// By the clock of the machine, as the times of files are.
fn is_old(about: &fs::Metadata, kept: Duration) -> bool {
    let changed = about.modified().ok();
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age >= kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_finished_goes_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("2026-03-01/r0000000017")).unwrap();
        fs::create_dir_all(at("2026-03-02/r0000000018")).unwrap();
        fs::create_dir_all(at("mine")).unwrap();
        let stay = [
            "owner.json",
            "mine/note#1",
            "2026-03-01/r0000000017.json",
            "2026-03-01/r0000000017/samples-000.parquet",
            "2026-03-01/r0000000017/note#a",
        ];
        let go = [
            "owner.json#1",
            "2026-03-01/r0000000017.json#2",
            "2026-03-01/r0000000017/samples-001.parquet#12",
        ];
        for name in stay.iter().chain(&go) {
            fs::write(at(name), "x").unwrap();
        }
        sweep(folder.path(), Duration::from_hours(1));
        assert!(go.iter().all(|name| at(name).exists()), "they are new");
        sweep(folder.path(), Duration::ZERO);
        assert!(stay.iter().all(|name| at(name).exists()));
        assert!(!go.iter().any(|name| at(name).exists()));
        assert!(!at("2026-03-02").exists());
    }
}
