//! Blocks in SQLite: one file a UTC day, `blocks/2026-03-01.sqlite`, so that what is too old goes
//! by deleting a file.
//!
//! A file that is damaged is renamed to `….damaged` and named, and what can still be read of it is
//! saved; the other days are read on.

mod day;

use super::{BlockKey, Blocks, BlocksError, salvage};
use crate::disk::sync_folder;
use day::DayFile;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// Days whose files are kept open, one connection each: a month of charts.
const OPEN_DAYS_MAX: usize = 32;
/// Names of damage kept until they are asked for; more are only logged.
const DAMAGE_MAX: usize = 1_000;

const DAY_MS: i64 = 86_400_000;
const SUFFIX: &str = ".sqlite";

/// A UTC day, by its number since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Day(i64);

impl Day {
    fn of(at: Timestamp) -> Self {
        Self(at.unix_ms().div_euclid(DAY_MS))
    }
    fn start(self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.saturating_mul(DAY_MS))
    }
    fn file_name(self) -> String {
        let date: String = self
            .start()
            .to_string()
            .chars()
            .take_while(|c| *c != 'T')
            .collect();
        date + SUFFIX
    }
    fn named(file_name: &str) -> Option<Self> {
        let date = file_name.strip_suffix(SUFFIX)?;
        let day = Self::of(format!("{date}T00:00:00Z").parse().ok()?);
        (day.file_name() == file_name).then_some(day)
    }
}

/// Sealed blocks in a folder of SQLite files.
pub struct SqliteBlocks {
    folder: PathBuf,
    state: Mutex<State>,
    /// Held while a file is opened, made anew or deleted: of two that find one damaged, the second finds
    /// it made anew.
    opening: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Days that have a file.
    days: BTreeSet<Day>,
    /// Those that were found damaged, until they are made anew.
    suspect: BTreeSet<Day>,
    /// Those that were not looked through since the start, the next one first.
    unseen: VecDeque<Day>,
    open: BTreeMap<Day, (Arc<DayFile>, u64)>,
    /// Counts uses, so that the least recently used file is closed.
    uses: u64,
    damage: Vec<String>,
}

impl SqliteBlocks {
    /// Opens the blocks kept in a folder, which is made where it is missing.
    pub fn open(folder: &Path) -> Result<Self, BlocksError> {
        let failed = |source| BlocksError::Folder {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        salvage::settle_all(folder, |name| Day::named(name).is_some()).map_err(failed)?;
        let mut state = State::default();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            state.days.extend(name.to_str().and_then(Day::named));
        }
        state.unseen.extend(state.days.iter().copied());
        Ok(Self {
            folder: folder.to_owned(),
            state: Mutex::new(state),
            opening: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, day: Day) -> PathBuf {
        self.folder.join(day.file_name())
    }

    fn failed(&self, source: io::Error) -> BlocksError {
        BlocksError::Folder {
            path: self.folder.clone(),
            source,
        }
    }

    /// The file of a day where it is open.
    fn kept(&self, day: Day) -> Option<Arc<DayFile>> {
        let mut state = self.state();
        state.uses += 1;
        let uses = state.uses;
        let (file, last_use) = state.open.get_mut(&day)?;
        *last_use = uses;
        Some(Arc::clone(file))
    }

    /// Keeps a file open, in the place of whatever was.
    fn keep(&self, day: Day, file: Arc<DayFile>) {
        let mut state = self.state();
        state.days.insert(day);
        if state.open.len() >= OPEN_DAYS_MAX && !state.open.contains_key(&day) {
            let oldest = state.open.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(day, _)| *day) {
                state.open.remove(&oldest);
            }
        }
        let uses = state.uses;
        state.open.insert(day, (file, uses));
    }

    /// The file of a day; `None` where there is none and it is not to be made. One that is damaged is
    /// made anew.
    fn day(&self, day: Day, make: bool) -> Result<Option<Arc<DayFile>>, BlocksError> {
        if let Some(file) = self.kept(day) {
            return Ok(Some(file));
        }
        if !make && !self.state().days.contains(&day) {
            return Ok(None);
        }
        let _alone = self.opening();
        if let Some(file) = self.kept(day) {
            return Ok(Some(file));
        }
        // It may have been deleted meanwhile.
        if !make && !self.state().days.contains(&day) {
            return Ok(None);
        }
        let path = self.path(day);
        salvage::settle(&path).map_err(|error| self.failed(error))?;
        let file = match DayFile::open(&path) {
            Err(error) if is_damage(&error) => self.remade(day, &error)?,
            opened => Arc::new(opened?),
        };
        self.keep(day, Arc::clone(&file));
        Ok(Some(file))
    }

    /// Begins a day anew whose file was found damaged, unless somebody did meanwhile. `found` is the
    /// file that was read or written then; none for a day that is suspect.
    fn begin_anew(
        &self,
        day: Day,
        found: Option<&Arc<DayFile>>,
        error: &BlocksError,
    ) -> Result<(), BlocksError> {
        let _alone = self.opening();
        if !self.is_as_found(day, found) {
            return Ok(());
        }
        let file = self.remade(day, error)?;
        self.keep(day, file);
        Ok(())
    }

    /// Whether a day was not begun anew since a file of it was found damaged.
    fn is_as_found(&self, day: Day, found: Option<&Arc<DayFile>>) -> bool {
        let state = self.state();
        match (state.open.get(&day), found) {
            (Some((open, _)), Some(found)) => Arc::ptr_eq(open, found),
            (None, Some(_)) => state.days.contains(&day),
            (_, None) => state.suspect.contains(&day),
        }
    }

    /// Makes a new file of a day of the blocks that can still be read, and opens it; the damaged one is
    /// renamed. Where that fails the day stays suspect. For one who is [`opening`](Self::opening).
    fn remade(&self, day: Day, error: &BlocksError) -> Result<Arc<DayFile>, BlocksError> {
        let path = self.path(day);
        self.state().suspect.insert(day);
        let failed = |error| self.failed(error);
        // Where it was set aside before and no more, the rest is done.
        if salvage::settle(&path).map_err(failed)? {
            let file = DayFile::open(&path)?;
            let mut state = self.state();
            state.open.remove(&day);
            state.suspect.remove(&day);
            note(
                &mut state,
                format!("{}: damaged, and salvaged", day.file_name()),
            );
            return Ok(Arc::new(file));
        }
        let made = salvage::remake(&path, failed, |new| DayFile::open(new)?.save_from(&path));
        let (saved, aside) = made?;
        let file = DayFile::open(&path)?;
        let mut state = self.state();
        state.open.remove(&day);
        state.suspect.remove(&day);
        warn!(file = %path.display(), aside = %aside.display(), %error, saved,
            "a day of samples is damaged; what could be read was saved");
        note(
            &mut state,
            format!(
                "{}: damaged, {saved} blocks saved, kept as {}",
                day.file_name(),
                aside.display()
            ),
        );
        Ok(Arc::new(file))
    }

    /// Does something for each day that has a file. A day that is damaged is named and passed over.
    fn each_day<T>(
        &self,
        days: impl IntoIterator<Item = Day>,
        mut visit: impl FnMut(&DayFile) -> Result<T, BlocksError>,
    ) -> Result<Vec<T>, BlocksError> {
        let mut answers = Vec::new();
        for day in days {
            let file = match self.day(day, false) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                // It could not be made anew now, as on a full disk: `mend` tries again, and tells.
                Err(_) if self.state().suspect.contains(&day) => continue,
                Err(error) => return Err(error),
            };
            match visit(&file) {
                Ok(answer) => answers.push(answer),
                Err(error) if is_damage(&error) => {
                    // Mended by `mend`; told then.
                    if self.is_as_found(day, Some(&file)) {
                        self.state().suspect.insert(day);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    fn all_days(&self) -> Vec<Day> {
        self.state().days.iter().copied().collect()
    }

    /// The days that have a file and meet `[from, to)`.
    fn days_in(&self, from: Timestamp, to: Timestamp) -> Vec<Day> {
        if from >= to {
            return Vec::new();
        }
        let last = Day::of(Timestamp::from_unix_ms(to.unix_ms().saturating_sub(1)));
        let state = self.state();
        state.days.range(Day::of(from)..=last).copied().collect()
    }
}

fn note(state: &mut State, what: String) {
    if state.damage.len() < DAMAGE_MAX {
        state.damage.push(what);
    }
}

fn is_damage(error: &BlocksError) -> bool {
    matches!(error, BlocksError::File { source, .. }
        if salvage::is_damage(source) || salvage::lacks_table(source))
}

impl Blocks for SqliteBlocks {
    fn write(&self, put: &[(BlockKey, Vec<u8>)], remove: &[BlockKey]) -> Result<(), BlocksError> {
        let days: BTreeSet<Day> = put
            .iter()
            .map(|(key, _)| key)
            .chain(remove)
            .map(|key| Day::of(key.start))
            .collect();
        // All that is put is durable before anything of another day is removed.
        let (putting, removing): (Vec<Day>, Vec<Day>) = days
            .into_iter()
            .partition(|day| put.iter().any(|(key, _)| Day::of(key.start) == *day));
        for day in putting.into_iter().chain(removing) {
            let put = put.iter().filter(|(key, _)| Day::of(key.start) == day);
            let remove = remove.iter().filter(|key| Day::of(key.start) == day);
            let Some(file) = self.day(day, true)? else {
                continue;
            };
            match file.write(put.clone(), remove.clone()) {
                Err(error) if is_damage(&error) => {
                    self.begin_anew(day, Some(&file), &error)?;
                    if let Some(file) = self.day(day, true)? {
                        file.write(put, remove)?;
                    }
                }
                written => written?,
            }
        }
        Ok(())
    }

    fn get(&self, key: &BlockKey) -> Result<Option<Vec<u8>>, BlocksError> {
        let found = self.each_day([Day::of(key.start)], |file| file.get(key))?;
        Ok(found.into_iter().flatten().next())
    }

    fn read(
        &self,
        device_id: DeviceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(BlockKey, Vec<u8>)>, BlocksError> {
        let days = self.days_in(from, to);
        let by_day = self.each_day(days, |file| file.read(device_id, from, to))?;
        let mut blocks: Vec<_> = by_day.into_iter().flatten().collect();
        blocks.sort_by_key(|(key, _)| (std::cmp::Reverse(key.level), key.start));
        Ok(blocks)
    }

    fn keys(&self, from: Timestamp, to: Timestamp) -> Result<Vec<BlockKey>, BlocksError> {
        let by_day = self.each_day(self.days_in(from, to), |file| file.keys(from, to))?;
        let mut keys: Vec<BlockKey> = by_day.into_iter().flatten().collect();
        keys.sort_unstable();
        Ok(keys)
    }

    fn days(&self) -> Result<Vec<Timestamp>, BlocksError> {
        Ok(self.all_days().into_iter().map(Day::start).collect())
    }

    fn is_sound(&self, from: Timestamp, to: Timestamp) -> bool {
        let days = self.days_in(from, to);
        let state = self.state();
        days.iter().all(|day| !state.suspect.contains(day))
    }

    fn tidy(&self, from: Timestamp, to: Timestamp) -> Result<(), BlocksError> {
        for day in self.days_in(from, to) {
            let empty = self.each_day([day], DayFile::is_empty)?;
            if empty != [true] {
                continue;
            }
            let _alone = self.opening();
            let mut state = self.state();
            state.open.remove(&day);
            let path = self.path(day);
            let removed = fs::remove_file(&path);
            let removed = removed.and_then(|()| sync_folder(&path));
            removed.map_err(|error| self.failed(error))?;
            state.days.remove(&day);
            state.suspect.remove(&day);
            // Its journal was left empty by the last commit.
            salvage::remove_left(&path);
        }
        Ok(())
    }

    fn oldest(&self) -> Result<Option<Timestamp>, BlocksError> {
        Ok(self.state().days.first().map(|day| day.start()))
    }

    fn set_aside(&self, key: &BlockKey, reason: &str) -> Result<(), BlocksError> {
        self.each_day([Day::of(key.start)], |file| file.set_aside(key, reason))?;
        warn!(device.id = %key.device_id, start = %key.start, level = ?key.level, reason,
            "a block is damaged and was set aside");
        note(
            &mut self.state(),
            format!(
                "block {:?} {} of {}: {reason}",
                key.level, key.start, key.device_id
            ),
        );
        Ok(())
    }

    fn mend(&self) -> Result<(), BlocksError> {
        // One each time: samples wait meanwhile.
        let unseen = self.state().unseen.pop_front();
        let mut failed = None;
        if let Some(day) = unseen
            && let Err(error) = self.each_day([day], DayFile::look_through)
        {
            self.state().unseen.push_back(day);
            failed = Some(error);
        }
        let suspect = self.state().suspect.clone();
        for day in suspect {
            let error = BlocksError::Unreadable {
                path: self.path(day),
            };
            // The others are mended all the same.
            if let Err(error) = self.begin_anew(day, None, &error) {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn delete_device(&self, device_id: DeviceId) -> Result<(), BlocksError> {
        self.each_day(self.all_days(), |file| file.delete_device(device_id))?;
        Ok(())
    }

    fn damage(&self) -> Vec<String> {
        std::mem::take(&mut self.state().damage)
    }
}

#[cfg(test)]
#[path = "sqlite/tests.rs"]
mod tests;
