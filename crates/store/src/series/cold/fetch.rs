//! What a question fetches of archived days: how many, until when, and what came of each.
//!
//! Their samples lie under all that is here: what came late to an archived day, and what was corrected
//! in it, holds. What could not be had is told and not passed over in silence: a day where the archive does
//! not answer, and where something in it is damaged the series that this reaches. What takes too long is
//! refused.

use super::{ColdDay, ColdDays, ColdError, ColdLost};
use crate::blocks::{Column, Level};
use crate::series::parts::Parts;
use crate::series::read::{chain, length};
use crate::series::registry::with;
use crate::series::rollup::steps::tell;
use crate::series::rollup::{Grain, Part};
use crate::series::{Points, SeriesError};
use model::{DeviceId, SeriesId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::warn;

/// Archived days that one question may read: a month, some gigabytes of a large network where all of it
/// is asked for. What needs more is restored first.
pub const COLD_DAYS_MAX: usize = 31;

/// Days besides: one on either side, of which the samples next to the range are read.
const EDGE_DAYS: usize = 2;

/// Archived days that are read at a time, for all who ask: each holds some blocks in memory, and the
/// archive may be a disk that others use.
const READS_MAX: usize = 2;

/// How long a reader waits that names no time: less than a request may take.
pub const COLD_WAIT: Duration = Duration::from_secs(20);

/// How long an archive that did not answer is not asked again: a question over many devices would wait
/// for each of them.
const AWAY_KEPT: Duration = Duration::from_secs(10);

/// Devices whose series could not be found in a day, as what says where they are is damaged: after so many
/// one question passes the day over, as each of them is a request or two.
const FAILED_MAX: usize = 64;

/// Series of a day that one question remembers as damaged, some 32 octets each; with more of them all of the
/// day counts as missing.
const LOST_MAX: usize = 65_536;

/// How often a day is read once more that was archived anew while it was read.
const REVISED_MAX: usize = 3;

/// What a question may fetch of archived days, and what came of it.
#[derive(Debug)]
pub struct Fetch {
    until: Instant,
    days: BTreeMap<Timestamp, Came>,
}

/// What came of an archived day.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    /// It was read.
    Read,
    /// It was read but for what is damaged in it.
    Damaged(Lost),
    /// It could not be read, and why.
    Missing(String),
}

/// What is damaged of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lost {
    /// What is wrong with the first of it.
    why: String,
    /// The series of which nothing was read.
    series: BTreeSet<(DeviceId, Column)>,
    /// Devices whose series could not be found.
    devices: usize,
}

impl Default for Fetch {
    fn default() -> Self {
        Self::until(None)
    }
}

impl Fetch {
    /// One that gives up at a time; without it after [`COLD_WAIT`].
    pub fn until(until: Option<Instant>) -> Self {
        Self {
            until: until.unwrap_or_else(|| Instant::now() + COLD_WAIT),
            days: BTreeMap::new(),
        }
    }

    /// The days that were read of the archive as a whole, ascending.
    pub fn read(&self) -> impl Iterator<Item = Timestamp> {
        let days = self.days.iter();
        days.filter(|(_, came)| **came == Came::Read)
            .map(|(day, _)| *day)
    }

    /// The days that could not be read, or not all of what was asked for, ascending, and why.
    pub fn missing(&self) -> impl Iterator<Item = (Timestamp, &str)> {
        self.days.iter().filter_map(|(day, came)| match came {
            Came::Missing(why) | Came::Damaged(Lost { why, .. }) => Some((*day, why.as_str())),
            Came::Read => None,
        })
    }

    /// What samples of a day are made of, of any series.
    fn grain_of_any(&self, day: Timestamp) -> Grain {
        match self.days.get(&day) {
            None => Grain::Raw,
            Some(Came::Read) => Grain::Archive,
            Some(Came::Damaged(_) | Came::Missing(_)) => Grain::Missing,
        }
    }

    /// What samples of a day are made of, of one series.
    pub(in crate::series) fn grain_of(
        &self,
        day: Timestamp,
        device_id: DeviceId,
        column: Column,
    ) -> Grain {
        match self.days.get(&day) {
            Some(Came::Damaged(lost)) if !lost.series.contains(&(device_id, column)) => {
                Grain::Archive
            }
            _ => self.grain_of_any(day),
        }
    }

    /// What all of a range is made of that was read of samples: of each part the coarsest of any series.
    pub(in crate::series) fn parts(&self, from: Timestamp, to: Timestamp) -> Vec<Part> {
        self.parts_by((from, to), |day| self.grain_of_any(day))
    }

    /// What all of a range of one series is made of that was read of samples.
    pub(in crate::series) fn parts_of(
        &self,
        device_id: DeviceId,
        column: Column,
        range: (Timestamp, Timestamp),
    ) -> Vec<Part> {
        self.parts_by(range, |day| self.grain_of(day, device_id, column))
    }

    fn parts_by(
        &self,
        (from, to): (Timestamp, Timestamp),
        grain_of: impl Fn(Timestamp) -> Grain,
    ) -> Vec<Part> {
        let (mut told, mut begin) = (Vec::new(), from);
        for day in self.days.keys() {
            let (start, end) = ((*day).max(from), Level::Day.end(*day).min(to));
            if start < end {
                tell(&mut told, begin, start, Grain::Raw);
                tell(&mut told, start, end, grain_of(*day));
                begin = end;
            }
        }
        tell(&mut told, begin, to, Grain::Raw);
        told
    }

    fn is_missing(&self, day: Timestamp) -> bool {
        matches!(self.days.get(&day), Some(Came::Missing(_)))
    }

    /// Notes what is damaged of a day that was read: of series, and of so many devices all of them.
    fn lost(
        &mut self,
        day: Timestamp,
        series: impl Iterator<Item = (DeviceId, Column)>,
        (why, devices): (&ColdError, usize),
    ) {
        let came = self.days.entry(day).or_insert(Came::Read);
        if *came == Came::Read {
            *came = Came::Damaged(Lost {
                why: chain(why),
                ..Lost::default()
            });
        }
        let Came::Damaged(lost) = came else {
            return;
        };
        lost.series.extend(series);
        lost.devices += devices;
        if lost.devices > FAILED_MAX || lost.series.len() > LOST_MAX {
            *came = Came::Missing(std::mem::take(&mut lost.why));
        }
    }

    /// Fails where a day could not be read, for who has no place to tell it.
    pub(in crate::series) fn whole(&self) -> Result<(), SeriesError> {
        match self.missing().next() {
            Some((day, why)) => Err(SeriesError::ArchiveMissing {
                day,
                why: why.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Whether these days may be read, with those that were.
    fn enter(&self, days: &[ColdDay]) -> Result<(), SeriesError> {
        let new = days.iter().filter(|day| !self.days.contains_key(&day.day));
        if self.days.len() + new.count() > COLD_DAYS_MAX + EDGE_DAYS {
            return Err(SeriesError::TooManyArchived { max: COLD_DAYS_MAX });
        }
        Ok(())
    }
}

/// The archived days of `[from, to)` that are not here as a whole: something of them was removed, or was
/// found damaged. From memory.
pub(in crate::series) fn days(parts: &Parts, from: Timestamp, to: Timestamp) -> Vec<ColdDay> {
    let Some(cold) = parts.cold.get() else {
        return Vec::new();
    };
    let mut days = cold.meets(from, to);
    days.retain(|day| !day.whole_here || parts.packs.is_less(day.day));
    days
}

/// Fails where an archived day counts as being here as a whole: nothing of it may go. Asked by whoever
/// removes samples while it holds the lock of passes.
pub(in crate::series) fn may_go(parts: &Parts, day: Timestamp) -> Result<(), SeriesError> {
    let cold = parts.cold.get();
    let of_day = cold.map(|cold| cold.meets(day, Level::Day.end(day)));
    let whole = of_day
        .iter()
        .flatten()
        .any(|of| of.day == day && of.whole_here);
    if whole {
        return Err(SeriesError::NotThinned { day });
    }
    Ok(())
}

/// Adds what archived days have of columns of a device, which ascend, in `[from, to)`; false where that is
/// more samples than may be, of which no more than some are in memory. Of a day or a series that cannot be
/// read nothing is added, and `fetch` tells it.
pub(in crate::series) fn read(
    parts: &Parts,
    (device_id, columns): (DeviceId, &[Column]),
    (from, to): (Timestamp, Timestamp),
    (days, max): (&[ColdDay], u64),
    fetch: &mut Fetch,
    found: &mut [Points],
) -> Result<bool, SeriesError> {
    let Some(cold) = parts.cold.get() else {
        return Ok(true);
    };
    let ids = with(&parts.index, |index| index.ids_of(device_id, columns));
    let known = columns.iter().zip(ids).enumerate();
    let known = known.filter_map(|(place, (column, id))| Some((place, (*column, id?))));
    let (places, wanted): (Vec<usize>, Vec<(Column, SeriesId)>) = known.unzip();
    if wanted.is_empty() {
        return Ok(true);
    }
    // Before any is read: it takes as long as all else together.
    fetch.enter(days)?;
    for day in days {
        if fetch.is_missing(day.day) {
            continue;
        }
        let of_day = Level::Day.end(day.day);
        let asked = Asked {
            device_id,
            wanted: &wanted,
            places: &places,
            range: (from.max(day.day), to.min(of_day)),
            max: max.saturating_sub(length(found)),
        };
        let column = |(column, _): &(Column, SeriesId)| (device_id, *column);
        match asked.read(parts, cold.as_ref(), *day, fetch.until, found) {
            Ok(lost) => {
                let (day, first) = (day.day, lost.first().map(|one| one.what.clone()));
                let series = lost.iter().filter_map(|one| wanted.get(one.place));
                match first {
                    None => {
                        fetch.days.entry(day).or_insert(Came::Read);
                    }
                    Some(what) => {
                        let why = ColdError::Damaged { day, what };
                        fetch.lost(day, series.map(column), (&why, 0));
                    }
                }
            }
            Err(ColdError::Late) => return Err(SeriesError::Archive(ColdError::Late)),
            Err(error @ ColdError::Damaged { .. }) => {
                fetch.lost(day.day, wanted.iter().map(column), (&error, 1));
            }
            Err(error @ ColdError::Away { .. }) => {
                fetch.days.insert(day.day, Came::Missing(chain(&error)));
            }
        }
        if length(found) > max {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is asked of a day.
struct Asked<'a> {
    device_id: DeviceId,
    wanted: &'a [(Column, SeriesId)],
    /// Where each belongs.
    places: &'a [usize],
    range: (Timestamp, Timestamp),
    /// Samples that may be added; some more are, and then no others.
    max: u64,
}

impl Asked<'_> {
    /// Adds what there is; of what is damaged nothing, which is answered. A day that is archived anew
    /// meanwhile is read once more: what was read may be of either, and the files of before may be gone.
    fn read(
        &self,
        parts: &Parts,
        cold: &dyn ColdDays,
        mut day: ColdDay,
        until: Instant,
        found: &mut [Points],
    ) -> Result<Vec<ColdLost>, ColdError> {
        let before: Vec<usize> = found.iter().map(Vec::len).collect();
        let cut = |place: usize, found: &mut [Points]| {
            if let (Some(points), Some(before)) = (found.get_mut(place), before.get(place)) {
                points.truncate(*before);
            }
        };
        let mut left = REVISED_MAX;
        loop {
            let read = self.once(parts, cold, &day, until, found);
            let mut of_day = cold.meets(day.day, Level::Day.end(day.day)).into_iter();
            let now = of_day.rfind(|now| now.day == day.day);
            let newer = now.filter(|now| now.generation != day.generation);
            let is_told = matches!(read, Ok(_) | Err(ColdError::Damaged { .. }));
            match (newer, &read) {
                (Some(newer), _) if is_told && left > 0 => {
                    (0..before.len()).for_each(|place| cut(place, found));
                    (day, left) = (newer, left - 1);
                    continue;
                }
                (_, Ok(lost)) => {
                    let lost = lost.iter().filter_map(|one| self.places.get(one.place));
                    lost.for_each(|place| cut(*place, found));
                }
                (_, Err(_)) => (0..before.len()).for_each(|place| cut(place, found)),
            }
            return read;
        }
    }

    fn once(
        &self,
        parts: &Parts,
        cold: &dyn ColdDays,
        day: &ColdDay,
        until: Instant,
        found: &mut [Points],
    ) -> Result<Vec<ColdLost>, ColdError> {
        let _turn = parts.gate.enter(until)?;
        let mut added = 0;
        let mut take = |n: usize, points: &[(Timestamp, model::Value)]| {
            let (Some((column, _)), Some(place)) = (self.wanted.get(n), self.places.get(n)) else {
                return;
            };
            if added > self.max {
                return;
            }
            let hidden = |at: Timestamp| {
                let at_ms = at.unix_ms();
                let stones = &parts.tombstones;
                stones.hides(self.device_id, *column, at_ms, day.generation)
            };
            if let Some(all) = found.get_mut(*place) {
                let before = all.len();
                all.extend(points.iter().filter(|(at, _)| !hidden(*at)));
                added += (all.len() - before) as u64;
            }
        };
        let (device_id, wanted) = (self.device_id, self.wanted);
        let read = cold.read(day.day, device_id, wanted, self.range, until, &mut take);
        if let Err(error @ ColdError::Away { .. }) = &read {
            parts.gate.is_away(error);
        }
        read
    }
}

/// Lets some in at a time, and none for a while after the archive did not answer.
#[derive(Default)]
pub(in crate::series) struct Gate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    away: Option<(Instant, ColdError)>,
}

/// A turn to read the archive; it ends with this.
struct Turn<'a>(&'a Gate);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, until: Instant) -> Result<Turn<'_>, ColdError> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            match &state.away {
                Some((since, error)) if now < *since + AWAY_KEPT => return Err(error.clone()),
                _ => state.away = None,
            }
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return Err(ColdError::Late);
            }
            if state.inside < READS_MAX {
                state.inside += 1;
                return Ok(Turn(self));
            }
            let waited = self.left.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn is_away(&self, error: &ColdError) {
        // Once, as until it is asked again nobody else meets it.
        warn!(error = %chain(error), "archived samples are missing in answers");
        self.lock().away = Some((Instant::now(), error.clone()));
        self.left.notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().inside -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn two_are_let_in_and_others_wait_until_their_deadline() {
        let gate = Gate::default();
        let soon = || Instant::now() + Duration::from_millis(5);
        let (one, two) = (gate.enter(soon()).unwrap(), gate.enter(soon()).unwrap());
        assert!(matches!(gate.enter(soon()), Err(ColdError::Late)));
        drop(one);
        let three = gate.enter(soon()).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| gate.enter(Instant::now() + Duration::from_mins(1)).is_ok());
            drop((two, three));
            assert!(waits.join().unwrap());
        });
        assert_eq!(gate.lock().inside, 0);
    }

    #[test]
    fn an_archive_that_does_not_answer_is_not_asked_by_the_next() {
        let gate = Gate::default();
        let far = Instant::now() + Duration::from_mins(1);
        gate.is_away(&ColdError::Away {
            source: Arc::new(std::io::Error::other("refused")),
        });
        assert!(matches!(gate.enter(far), Err(ColdError::Away { .. })));
        if let Some((since, _)) = &mut gate.lock().away {
            *since = Instant::now().checked_sub(AWAY_KEPT).unwrap();
        }
        assert!(gate.enter(far).is_ok());
    }

    fn cold(n: usize) -> ColdDay {
        let ms = i64::try_from(n).unwrap() * 86_400_000;
        ColdDay {
            day: Timestamp::from_unix_ms(ms),
            generation: 1,
            whole_here: false,
        }
    }

    #[test]
    fn a_question_reads_so_many_days() {
        let mut fetch = Fetch::default();
        let days: Vec<ColdDay> = (0..=COLD_DAYS_MAX + EDGE_DAYS).map(cold).collect();
        assert!(fetch.enter(&days).is_err());
        assert!(fetch.enter(&days[1..]).is_ok());
        for day in &days[1..] {
            fetch.days.insert(day.day, Came::Read);
        }
        assert!(fetch.enter(&days[1..]).is_ok(), "they were counted");
        assert!(fetch.enter(&days[..1]).is_err());
    }

    #[test]
    fn what_is_damaged_is_of_its_series_until_it_is_too_much() {
        let (day, column) = (cold(1).day, Column(7));
        let why = ColdError::Damaged {
            day,
            what: "torn".to_owned(),
        };
        let mut fetch = Fetch::default();
        let (one, other) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        fetch.lost(day, [(one, column)].into_iter(), (&why, 0));
        assert_eq!(fetch.grain_of(day, one, column), Grain::Missing);
        assert_eq!(fetch.grain_of(day, one, Column(8)), Grain::Archive);
        assert_eq!(fetch.grain_of(day, other, column), Grain::Archive);
        assert_eq!(fetch.grain_of(cold(2).day, one, column), Grain::Raw);
        assert_eq!(fetch.parts(day, cold(2).day)[0].grain, Grain::Missing);
        assert!(!fetch.is_missing(day), "other devices are still read");
        assert!(fetch.whole().is_err());
        for _ in 0..=FAILED_MAX {
            fetch.lost(day, std::iter::empty(), (&why, 1));
        }
        assert!(fetch.is_missing(day));
        assert_eq!(fetch.missing().count(), 1);
        let mut fetch = Fetch::default();
        let columns = (0..=u32::try_from(LOST_MAX).unwrap()).map(|n| (one, Column(n)));
        fetch.lost(day, columns, (&why, 0));
        assert!(fetch.is_missing(day));
    }

    #[test]
    fn a_range_is_told_by_days() {
        let mut fetch = Fetch::default();
        let at = |hours: i64| Timestamp::from_unix_ms(hours * 3_600_000);
        fetch.days.insert(cold(1).day, Came::Read);
        fetch
            .days
            .insert(cold(2).day, Came::Missing("away".to_owned()));
        fetch.days.insert(cold(9).day, Came::Read);
        let told = fetch.parts(at(12), at(24 * 4));
        let told: Vec<_> = told
            .iter()
            .map(|part| (part.from, part.to, part.grain))
            .collect();
        let expected = [
            (at(12), at(24), Grain::Raw),
            (at(24), at(48), Grain::Archive),
            (at(48), at(72), Grain::Missing),
            (at(72), at(96), Grain::Raw),
        ];
        assert_eq!(told, expected);
        assert_eq!(fetch.parts(at(30), at(40)).len(), 1);
    }
}
