//! Whether a day that is archived anew has all that the revision before has of it. What was deleted since
//! may be missing; what merely is not here any more, as where a pack was damaged, may not: the revision
//! that has it stays.

use super::ArchiveError;
use super::read::Reading;
use crate::ArchivedDay;
use crate::series::cold::{ColdDays as _, ColdError};
use crate::series::{Column, Points, SeriesStore};
use model::{DeviceId, SeriesId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Times of new samples that are held until they are compared, 8 octets each.
const HELD_MAX: usize = 1 << 20;
/// Series of one device that are compared together.
const SERIES_AT_ONCE: usize = 4_096;
/// Time for what is read of a device at once.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long a day is.
const DAY: Duration = Duration::from_hours(24);

/// The revision before, and what of it was not yet met again.
pub(super) struct Before<'a> {
    reading: &'a Reading,
    series: &'a SeriesStore,
    known: ArchivedDay,
    devices: BTreeSet<DeviceId>,
    /// The device that is at hand, and its series that were not met.
    device_id: Option<DeviceId>,
    ids: Ids,
    /// Times of new samples, by series, with the ids that the revision before has it under.
    times: BTreeMap<SeriesId, (Vec<i64>, Vec<SeriesId>)>,
    held: usize,
    /// What of it could not be compared, as it is damaged there.
    lost: Option<String>,
}

/// Ids that series have here, each with those that they have in the revision before: others, where the
/// registry was lost in between.
type Ids = BTreeMap<SeriesId, Vec<SeriesId>>;

impl<'a> Before<'a> {
    /// Begins to compare with what is known of a day.
    pub(super) fn of(
        reading: &'a Reading,
        series: &'a SeriesStore,
        known: ArchivedDay,
    ) -> Result<Self, ArchiveError> {
        let devices = reading.devices(known.day)?;
        Ok(Self {
            reading,
            series,
            known,
            devices: devices.into_iter().collect(),
            device_id: None,
            ids: Ids::new(),
            times: BTreeMap::new(),
            held: 0,
            lost: None,
        })
    }

    /// A device of the new revision begins.
    pub(super) fn begin(&mut self, device_id: DeviceId) -> Result<(), ArchiveError> {
        self.device_id = Some(device_id);
        if self.devices.remove(&device_id) {
            self.ids = self.series_of(device_id)?;
        }
        Ok(())
    }

    /// A series of it with its samples, ascending.
    pub(super) fn series(&mut self, id: SeriesId, points: &Points) -> Result<(), ArchiveError> {
        let Some(ids) = self.ids.remove(&id) else {
            return Ok(());
        };
        self.held += points.len();
        let times = points.iter().map(|(at, _)| at.unix_ms()).collect();
        self.times.insert(id, (times, ids));
        if self.held >= HELD_MAX || self.times.len() >= SERIES_AT_ONCE {
            self.compare()?;
        }
        Ok(())
    }

    /// The device ends.
    pub(super) fn end(&mut self) -> Result<(), ArchiveError> {
        self.compare()?;
        // What the new revision has nothing of at all.
        for (id, ids) in std::mem::take(&mut self.ids) {
            self.times.insert(id, (Vec::new(), ids));
            if self.times.len() >= SERIES_AT_ONCE {
                self.compare()?;
            }
        }
        self.compare()
    }

    /// All devices of the new revision were met. Fails where something of the revision before could not be
    /// compared.
    pub(super) fn finish(mut self) -> Result<(), ArchiveError> {
        for device_id in std::mem::take(&mut self.devices) {
            self.device_id = Some(device_id);
            self.ids = self.series_of(device_id)?;
            self.end()?;
        }
        let day = self.known.day;
        match self.lost {
            Some(what) => Err(ArchiveError::Cold(ColdError::Damaged { day, what })),
            None => Ok(()),
        }
    }

    fn series_of(&self, device_id: DeviceId) -> Result<Ids, ArchiveError> {
        let mut all = Ids::new();
        let day = self.known.day;
        self.reading.series(day, device_id, &mut |series| {
            let id = self.series.known_as(device_id, &series);
            all.entry(id).or_default().push(series.id);
        })?;
        Ok(all)
    }

    /// Holds what the revision before has of some series against the new samples.
    fn compare(&mut self) -> Result<(), ArchiveError> {
        let (times, device_id) = (std::mem::take(&mut self.times), self.device_id);
        self.held = 0;
        let (Some(device_id), false) = (device_id, times.is_empty()) else {
            return Ok(());
        };
        // Columns are the store's; the archive goes by ids.
        let mut wanted: Vec<(Column, SeriesId)> = Vec::with_capacity(times.len());
        let mut here: Vec<(SeriesId, &[i64])> = Vec::with_capacity(times.len());
        for (id, (new, ids)) in &times {
            for old in ids {
                wanted.push((Column(0), *old));
                here.push((*id, new));
            }
        }
        let (day, revision) = (self.known.day, self.known.revision);
        let mut missing = None;
        let deadline = Instant::now() + PATIENCE;
        let mut take = |place: usize, points: &[(Timestamp, model::Value)]| {
            let Some((id, new)) = here.get(place) else {
                return;
            };
            let is_missing = |at: &Timestamp| {
                new.binary_search(&at.unix_ms()).is_err()
                    && !self.series.is_deleted_since(device_id, *id, *at, revision)
            };
            let mut all = points.iter().map(|(at, _)| at);
            missing = missing.or_else(|| all.find(|at| is_missing(at)).map(|at| (*id, *at)));
        };
        let range = (day, day.plus(DAY));
        let reading = self.reading;
        let lost = reading.read(day, device_id, &wanted, range, deadline, &mut take)?;
        if let Some(first) = lost.into_iter().next() {
            self.lost.get_or_insert(first.what);
        }
        match missing {
            Some((id, at)) => Err(ArchiveError::Less { day, id, at }),
            None => Ok(()),
        }
    }
}

/// Whether comparing ended as the revision before cannot be read.
pub(super) fn is_unreadable(error: &ArchiveError) -> bool {
    matches!(error, ArchiveError::Cold(ColdError::Damaged { .. }))
}
