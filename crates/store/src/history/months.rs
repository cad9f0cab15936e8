//! The files of all months: opened, set aside where they are damaged, deleted where they are old.

use super::HistoryError;
use super::file::{MonthFile, Rows, is_damage};
use super::month::Month;
use super::row::Row;
use crate::blocks::salvage;
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, ops};
use tracing::warn;

/// The months.
pub(super) struct Months {
    folder: PathBuf,
    state: Mutex<State>,
    damaged: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Open files: as many as months are kept, a few dozen at most.
    files: BTreeMap<Month, Arc<MonthFile>>,
    /// Those that a reader found damaged.
    suspect: BTreeSet<Month>,
}

impl Months {
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<String>), HistoryError> {
        fs::create_dir_all(folder).map_err(failed("making", folder))?;
        salvage::settle_all(folder, |name| Month::named(name).is_some())
            .map_err(failed("putting salvaged files into", folder))?;
        let months = Self {
            folder: folder.to_owned(),
            state: Mutex::default(),
            damaged: AtomicU64::new(0),
        };
        let mut damage = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed("reading", folder))? {
            let name = entry.map_err(failed("reading", folder))?.file_name();
            let Some(month) = name.to_str().and_then(Month::named) else {
                continue;
            };
            match MonthFile::open(&months.path(month)) {
                Ok(file) => {
                    months.state().files.insert(month, Arc::new(file));
                }
                Err(error) if is_damage(&error) => match months.begin_anew(month, &error) {
                    // It stays suspect: the writer tries again.
                    Err(refused) if refused.is_full() => damage.push(format!(
                        "{}: damaged, and there is no room to save what can be read",
                        months.path(month).display()
                    )),
                    begun => damage.push(begun?),
                },
                // Only a file that has nothing yet needs room to be opened: the next write tries.
                Err(error) if error.is_full() => {}
                Err(error) => return Err(error),
            }
        }
        Ok((months, damage))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, month: Month) -> PathBuf {
        self.folder.join(month.file_name())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.state().files.len()
    }

    /// Rows and files that were found damaged.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// The months of a range that have a file, ascending.
    pub(super) fn of(&self, range: impl ops::RangeBounds<Month>) -> Vec<Month> {
        self.state().files.range(range).map(|(m, _)| *m).collect()
    }

    /// Reads of a month; nothing where it has no file. What does not prove itself is counted, and a
    /// file that is damaged is mended by the next write.
    pub(super) fn read(
        &self,
        month: Month,
        read: impl FnOnce(&MonthFile) -> Result<Rows, HistoryError>,
    ) -> Result<Vec<Row>, HistoryError> {
        let Some(file) = self.state().files.get(&month).cloned() else {
            return Ok(Vec::new());
        };
        match read(&file) {
            Ok(Rows { rows, damaged }) => {
                self.damaged.fetch_add(damaged, Ordering::Relaxed);
                Ok(rows)
            }
            Err(error) if is_damage(&error) => {
                self.doubt(month, &file);
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes rows of a month, whose file is made where there is none.
    pub(super) fn write(&self, month: Month, rows: &[Row]) -> Result<(), HistoryError> {
        match self.file(month)?.write(rows) {
            Err(error) if is_damage(&error) => {
                self.begin_anew(month, &error)?;
                self.file(month)?.write(rows)
            }
            written => written,
        }
    }

    /// Does something to each file.
    pub(super) fn each(
        &self,
        mut work: impl FnMut(&MonthFile) -> Result<(), HistoryError>,
    ) -> Result<(), HistoryError> {
        let files: Vec<_> = self.state().files.values().cloned().collect();
        files.iter().try_for_each(|file| work(file))
    }

    /// Looks through each file. One that is damaged is mended as if a reader had found it so; one that
    /// cannot be read now is left to readers.
    pub(super) fn look_through(&self) {
        let files = self.state().files.clone();
        for (month, file) in files {
            if file.look_through().is_err_and(|error| is_damage(&error)) {
                self.doubt(month, &file);
            }
        }
    }

    /// A file was found damaged; not where it was set aside meanwhile, and there is another.
    fn doubt(&self, month: Month, file: &Arc<MonthFile>) {
        let mut state = self.state();
        let kept = state.files.get(&month);
        if kept.is_some_and(|kept| Arc::ptr_eq(kept, file)) {
            state.suspect.insert(month);
        }
    }

    /// Saves what can be saved of what readers found damaged.
    pub(super) fn mend(&self) -> Result<(), HistoryError> {
        let suspect: Vec<Month> = self.state().suspect.iter().copied().collect();
        let mut failed = None;
        for month in suspect {
            let source = rusqlite::Error::InvalidQuery;
            let error = HistoryError::File {
                operation: "reading changes",
                path: self.path(month),
                source: Arc::new(source),
            };
            // The others are mended all the same.
            if let Err(error) = self.begin_anew(month, &error) {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Deletes the months of which all is older; answers how many.
    pub(super) fn delete_before(
        &self,
        now: Timestamp,
        retention: Duration,
    ) -> Result<u64, HistoryError> {
        let oldest = now.minus(retention);
        let old: Vec<Month> = self
            .of(..)
            .into_iter()
            .filter(|month| month.end() <= oldest)
            .collect();
        for month in &old {
            self.state().files.remove(month);
            let path = self.path(*month);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("deleting", &path)(error));
                }
                _ => {}
            }
            self.state().suspect.remove(month);
            salvage::remove_left(&path);
        }
        Ok(old.len() as u64)
    }

    fn file(&self, month: Month) -> Result<Arc<MonthFile>, HistoryError> {
        if let Some(file) = self.state().files.get(&month) {
            return Ok(Arc::clone(file));
        }
        let path = self.path(month);
        salvage::settle(&path).map_err(failed("putting salvaged files into", &self.folder))?;
        let file = match MonthFile::open(&path) {
            Err(error) if is_damage(&error) => {
                self.begin_anew(month, &error)?;
                MonthFile::open(&path)?
            }
            opened => opened?,
        };
        let file = Arc::new(file);
        self.state().files.insert(month, Arc::clone(&file));
        Ok(file)
    }

    /// Makes a new file of a month of the rows that can still be read, and renames the damaged one;
    /// answers it in words. Where that fails the month is as it was, and stays suspect.
    fn begin_anew(&self, month: Month, error: &HistoryError) -> Result<String, HistoryError> {
        let path = self.path(month);
        self.state().suspect.insert(month);
        let failed = |error| failed("setting aside", &self.folder)(error);
        // Where it was set aside before and no more, the rest is done.
        if salvage::settle(&path).map_err(failed)? {
            let file = Arc::new(MonthFile::open(&path)?);
            let mut state = self.state();
            state.files.insert(month, file);
            state.suspect.remove(&month);
            return Ok(format!("{}: damaged, and salvaged", path.display()));
        }
        let made = salvage::remake(&path, failed, |new| MonthFile::open(new)?.save_from(&path));
        let (saved, aside) = made?;
        let file = Arc::new(MonthFile::open(&path)?);
        self.damaged.fetch_add(1, Ordering::Relaxed);
        {
            let mut state = self.state();
            state.files.insert(month, file);
            state.suspect.remove(&month);
        }
        warn!(file = %path.display(), aside = %aside.display(), %error, saved,
            "a month of the history is damaged; what could be read was saved");
        Ok(format!(
            "{}: damaged, {saved} changes saved, kept as {}",
            path.display(),
            aside.display()
        ))
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    move |source| HistoryError::Folder {
        operation,
        path,
        source: Arc::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::row::{Kind, Subject};

    fn subject() -> Subject {
        Subject {
            kind: Kind::Device,
            id: [7; 16],
        }
    }

    /// What a month holds, in words; none where it cannot be read.
    fn held(folder: &Path) -> Option<String> {
        let (months, _) = Months::open(folder).ok()?;
        months.look_through();
        let _ = months.mend();
        let all = months.of(..);
        let read = |month| months.read(month, |file| file.range(subject(), 0, i64::MAX, 1_000));
        let rows: Vec<i64> = all
            .iter()
            .flat_map(|month| read(*month).unwrap())
            .map(|row| row.at)
            .collect();
        Some(format!("{} of {} months: {rows:?}", rows.len(), all.len()))
    }

    #[test]
    fn a_salvage_that_is_cut_short_leaves_the_damaged_month_or_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let (months, _) = Months::open(folder.path()).unwrap();
        let month = Month::of(Timestamp::default());
        let rows: Vec<Row> = (0..20)
            .map(|at| Row {
                subject: subject(),
                at,
                value: 1,
                text: None,
            })
            .collect();
        months.write(month, &rows).unwrap();
        let path = months.path(month);
        drop(months);
        let sound = fs::read(&path).unwrap();
        let whole = held(folder.path()).unwrap();
        assert!(whole.starts_with("20 of 1"), "{whole}");
        // The first page, and that of the index.
        for page in [0, 2] {
            let mut octets = sound.clone();
            octets[page * 4096..(page + 1) * 4096].fill(0xee);
            fs::write(&path, octets).unwrap();
            salvage::steps::check(folder.path(), held);
        }
    }
}
