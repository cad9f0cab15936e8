//! The files of all days: opened, set aside where they are damaged, deleted where they are old.

use super::day::Day;
use super::error::EventsError;
use super::file::{DayFile, DayWriter, is_damage, prove};
use crate::blocks::salvage;
use model::Timestamp;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io, ops};
use tracing::warn;

/// The days.
pub(super) struct Days {
    folder: PathBuf,
    state: Mutex<State>,
    damaged: AtomicU64,
}

#[derive(Default)]
struct State {
    /// As many as days are kept.
    files: BTreeMap<Day, Kept>,
    /// Those that a reader found damaged.
    suspect: BTreeSet<Day>,
    /// Those that were not looked through since the start, the next one first.
    unseen: VecDeque<Day>,
    /// Files that were set aside and were not saved to their end yet.
    aside: Vec<PathBuf>,
}

struct Kept {
    file: Arc<DayFile>,
    /// Octets of the file, its log, and what was set aside of the day.
    size: u64,
}

impl Days {
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<String>), EventsError> {
        fs::create_dir_all(folder).map_err(failed("making", folder))?;
        let days = Self {
            folder: folder.to_owned(),
            state: Mutex::default(),
            damaged: AtomicU64::new(0),
        };
        let mut damage = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed("reading", folder))? {
            let name = entry.map_err(failed("reading", folder))?.file_name();
            let Some(day) = name.to_str().and_then(Day::named) else {
                continue;
            };
            match prove(&days.path(day)) {
                Ok(()) => days.keep(day),
                Err(error) if is_damage(&error) => damage.push(days.set_aside(day, &error)?),
                // Only a file that has nothing yet needs room to be opened: the next write tries.
                Err(error) if error.is_full() => {}
                Err(error) => return Err(error),
            }
        }
        days.find_aside()?;
        days.measure()?;
        let found = days.of(..);
        days.state().unseen.extend(found);
        Ok((days, damage))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, day: Day) -> PathBuf {
        self.folder.join(day.file_name())
    }

    fn keep(&self, day: Day) {
        let file = Arc::new(DayFile::new(self.path(day)));
        self.state()
            .files
            .entry(day)
            .or_insert(Kept { file, size: 0 });
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.state().files.len()
    }

    /// Octets of all files.
    pub(super) fn size(&self) -> u64 {
        self.state().files.values().map(|kept| kept.size).sum()
    }

    /// Rows and files that were found damaged.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Counts rows that do not prove themselves.
    pub(super) fn count_damaged(&self, rows: u64) {
        self.damaged.fetch_add(rows, Ordering::Relaxed);
    }

    /// The days of a range that have a file, ascending.
    pub(super) fn of(&self, range: impl ops::RangeBounds<Day>) -> Vec<Day> {
        self.state()
            .files
            .range(range)
            .map(|(day, _)| *day)
            .collect()
    }

    /// Reads of a day; nothing where it has no file. One that is damaged is mended by and by.
    pub(super) fn read<T>(
        &self,
        day: Day,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, EventsError> {
        let file = self
            .state()
            .files
            .get(&day)
            .map(|kept| Arc::clone(&kept.file));
        let Some(file) = file else { return Ok(None) };
        match file.read(read) {
            Err(error) if is_damage(&error) => {
                let mut state = self.state();
                // Not where it was set aside meanwhile, and there is another.
                let kept = state.files.get(&day).map(|kept| &kept.file);
                if kept.is_some_and(|kept| Arc::ptr_eq(kept, &file)) {
                    state.suspect.insert(day);
                }
                Ok(None)
            }
            read => read,
        }
    }

    /// Opens a day to write; one that is damaged is set aside and begun anew.
    pub(super) fn open_to_write(&self, day: Day) -> Result<DayWriter, EventsError> {
        let writer = match DayWriter::open(&self.path(day)) {
            Err(error) if is_damage(&error) => {
                self.set_aside(day, &error)?;
                DayWriter::open(&self.path(day))?
            }
            opened => opened?,
        };
        self.keep(day);
        Ok(writer)
    }

    /// Notes how large a day is that was written to.
    pub(super) fn grown(&self, day: Day) {
        let path = self.path(day);
        let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        let size = length(&path) + length(&path.with_extension("sqlite-wal"));
        if let Some(kept) = self.state().files.get_mut(&day) {
            kept.size = kept.size.max(size);
        }
    }

    /// Looks through one of the files that were there at the start, each once: events wait meanwhile.
    /// One that is damaged is mended as if a reader had found it so.
    pub(super) fn look_through(&self) -> Result<(), EventsError> {
        let Some(day) = self.state().unseen.pop_front() else {
            return Ok(());
        };
        let looked = self.read(day, salvage::look_through);
        if looked.is_err() {
            // After the others.
            self.state().unseen.push_back(day);
        }
        looked.map(|_| ())
    }

    /// The days that a reader found damaged and that were not set aside yet.
    pub(super) fn suspect(&self) -> Vec<Day> {
        self.state().suspect.iter().copied().collect()
    }

    /// The files that were set aside and are still to be saved from.
    pub(super) fn take_aside(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.state().aside)
    }

    /// Keeps a file that was set aside for the next time that files are saved.
    pub(super) fn put_aside(&self, file: PathBuf) {
        self.state().aside.push(file);
    }

    /// Notes on disk that all that can be saved of a file was. Without the note the next start
    /// reads it once more, which does no harm.
    pub(super) fn mark_saved(&self, file: PathBuf) {
        // It went with its day meanwhile.
        if !file.exists() {
            return;
        }
        if let Err(error) = fs::File::create(mark(&file)).and_then(|mark| mark.sync_all()) {
            warn!(file = %file.display(), %error, "a file that was saved could not be marked");
            self.put_aside(file);
        }
    }

    /// Takes up what an earlier run set aside and did not save to its end.
    fn find_aside(&self) -> Result<(), EventsError> {
        for (path, _) in self.files()? {
            let is_aside = path.extension().is_some_and(|is| is == "damaged");
            let mut state = self.state();
            if is_aside && !mark(&path).exists() && !state.aside.contains(&path) {
                state.aside.push(path);
            }
        }
        Ok(())
    }

    /// Has connections of readers closed that wait for the next one.
    pub(super) fn rest(&self) {
        let state = self.state();
        for kept in state.files.values() {
            kept.file.rest();
        }
    }

    /// Renames a file that cannot be used any more; answers it in words. Whoever writes it has
    /// closed it before.
    pub(super) fn set_aside(&self, day: Day, error: &EventsError) -> Result<String, EventsError> {
        let path = self.path(day);
        let kept = self.state().files.remove(&day);
        if let Some(kept) = kept {
            kept.file.retire();
        }
        let aside = match salvage::set_aside(&path) {
            Ok(aside) => aside,
            Err(error) => {
                // What can be read of it is read on, and it stays suspect.
                self.keep(day);
                return Err(failed("setting aside", &self.folder)(error));
            }
        };
        self.count_damaged(1);
        self.state().suspect.remove(&day);
        warn!(file = %path.display(), aside = %aside.display(), %error, cause = ?error,
            "a day of events is damaged; what can be read is taken over");
        let said = format!("{}: damaged, kept as {}", path.display(), aside.display());
        self.state().aside.push(aside);
        Ok(said)
    }

    /// Deletes a day with all that was set aside of it. Whoever writes it has closed it before.
    pub(super) fn delete(&self, day: Day) -> Result<(), EventsError> {
        if let Some(kept) = self.state().files.get(&day) {
            kept.file.retire();
        }
        let name = day.file_name();
        for (path, of) in self.files()? {
            if of == day {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(failed("deleting", &path)(error));
                    }
                    _ => {}
                }
            }
        }
        let mut state = self.state();
        state.files.remove(&day);
        state.suspect.remove(&day);
        state.aside.retain(|path| {
            path.file_name()
                .and_then(|aside| aside.to_str())
                .is_none_or(|aside| !aside.starts_with(&name))
        });
        Ok(())
    }

    /// The days of which all is older than a time, also those of which only damaged files are left.
    pub(super) fn before(&self, oldest: Timestamp) -> Result<Vec<Day>, EventsError> {
        let days: BTreeSet<Day> = self.files()?.into_iter().map(|(_, day)| day).collect();
        Ok(days.into_iter().filter(|day| day.end() <= oldest).collect())
    }

    /// Looks how large all files are.
    pub(super) fn measure(&self) -> Result<(), EventsError> {
        let mut sizes: BTreeMap<Day, u64> = BTreeMap::new();
        for (path, day) in self.files()? {
            *sizes.entry(day).or_default() += fs::metadata(&path).map_or(0, |found| found.len());
        }
        for (day, kept) in &mut self.state().files {
            kept.size = sizes.get(day).copied().unwrap_or(0);
        }
        Ok(())
    }

    /// All files of days: themselves, their logs, and what was set aside.
    fn files(&self) -> Result<Vec<(PathBuf, Day)>, EventsError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed("reading", &self.folder))? {
            let entry = entry.map_err(failed("reading", &self.folder))?;
            let name = entry.file_name();
            let length = Day::of(Timestamp::default()).file_name().len();
            let day = name.to_str().and_then(|name| name.get(..length));
            if let Some(day) = day.and_then(Day::named) {
                files.push((entry.path(), day));
            }
        }
        Ok(files)
    }
}

/// The file that says that one which was set aside was saved to its end.
fn mark(aside: &Path) -> PathBuf {
    let mut name = aside.as_os_str().to_owned();
    name.push(".saved");
    PathBuf::from(name)
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EventsError {
    let path = path.to_owned();
    move |source| EventsError::Folder {
        operation,
        path,
        source: Arc::new(source),
    }
}
