//! Which segments there are, and which half-hours each still holds unsealed samples of.
//!
//! Segments are deleted from the oldest on and never past one that is needed: replaying what is
//! left then gives, for every time, the value that was written last.

use crate::disk::sync_folder;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

const SUFFIX: &str = ".log";
/// How a segment's name goes on that is kept as it could not be read.
const DAMAGED: &str = ".damaged";
/// Segments of one number that are kept so.
const ASIDE_MAX: u32 = 100;

/// The segments of a folder.
pub(crate) struct Segments {
    folder: PathBuf,
    /// By segment, the starts of the half-hours that are not sealed.
    unsealed: Mutex<BTreeMap<u64, BTreeSet<i64>>>,
    /// Those that are not deleted, as not all of them could be read.
    kept: Mutex<BTreeSet<u64>>,
}

impl Segments {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            unsealed: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// The numbers of the segments in the folder, ascending.
    pub(crate) fn list(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            numbers.extend(digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016x}{SUFFIX}"))
    }

    fn unsealed(&self) -> MutexGuard<'_, BTreeMap<u64, BTreeSet<i64>>> {
        self.unsealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.unsealed().len()
    }

    /// The number of the oldest that there is.
    pub(crate) fn first(&self) -> Option<u64> {
        self.unsealed().keys().next().copied()
    }

    /// Whether the oldest has nothing that is not sealed, as one that a crash left of a device that was
    /// deleted: nothing else would have it deleted while nothing is appended.
    pub(crate) fn is_idle(&self) -> bool {
        self.unsealed()
            .values()
            .next()
            .is_some_and(BTreeSet::is_empty)
    }

    /// A segment exists and holds samples of these half-hours.
    pub(crate) fn holds(&self, number: u64, starts: impl IntoIterator<Item = i64>) {
        self.unsealed().entry(number).or_default().extend(starts);
    }

    /// A segment that holds nothing acknowledged is not used any more. Where even deleting it
    /// fails, it counts as one that holds nothing, and is deleted with the others.
    pub(crate) fn give_up(&self, number: u64) {
        let mut unsealed = self.unsealed();
        match fs::remove_file(self.path(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                unsealed.entry(number).or_default();
            }
            _ => {
                unsealed.remove(&number);
            }
        }
    }

    /// Of a segment something could not be read: it is renamed where it would be deleted.
    pub(crate) fn keep(&self, number: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(number);
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        let path = self.path(number);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains(&number) {
            return fs::remove_file(path);
        }
        // Numbers are given again after a start without segments.
        let aside = (0..ASIDE_MAX)
            .map(|n| {
                let mut aside = path.clone().into_os_string();
                aside.push(if n == 0 {
                    DAMAGED.to_owned()
                } else {
                    format!(".{n}{DAMAGED}")
                });
                PathBuf::from(aside)
            })
            .find(|aside| !aside.exists());
        match aside {
            Some(aside) => fs::rename(path, aside)?,
            None => fs::remove_file(path)?,
        }
        kept.remove(&number);
        Ok(())
    }

    /// The half-hours that segments still hold samples of, though they may be sealed.
    pub(crate) fn starts(&self) -> BTreeSet<i64> {
        self.unsealed().values().flatten().copied().collect()
    }

    /// Blocks hold all the samples of these half-hours that are in segments before `cut`. Deletes
    /// what is no longer needed; answers how many segments that were.
    pub(crate) fn sealed(&self, cut: u64, starts: &BTreeSet<i64>) -> io::Result<usize> {
        let mut unsealed = self.unsealed();
        for (_, holds) in unsealed.range_mut(..cut) {
            holds.retain(|start| !starts.contains(start));
        }
        let done: Vec<u64> = unsealed
            .range(..cut)
            .take_while(|(_, holds)| holds.is_empty())
            .map(|(number, _)| *number)
            .collect();
        for number in &done {
            match self.remove(*number) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // One after the other, so that a crash leaves no hole. What may come back counts until then.
            sync_folder(&self.path(*number))?;
            unsealed.remove(number);
        }
        Ok(done.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_oldest_go_and_only_when_all_of_theirs_is_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let segments = Segments::new(folder.path());
        for (number, holds) in [(1, vec![0, 30]), (2, vec![0]), (3, vec![30])] {
            fs::write(segments.path(number), "").unwrap();
            segments.holds(number, holds);
        }
        let sealed = |cut, start| {
            segments.sealed(cut, &BTreeSet::from([start])).unwrap();
            segments.list().unwrap()
        };
        assert_eq!(sealed(3, 0), [1, 2, 3], "the second waits for the first");
        assert_eq!(sealed(3, 30), [3], "the third is behind the cut");
        assert_eq!(sealed(4, 30), [0u64; 0]);
        assert_eq!(segments.count(), 0);
    }
}
