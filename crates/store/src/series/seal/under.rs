//! An archived day under what there is of it here, while it is made one pack again.

use super::laid::Laid;
use super::sources::CELLS_AT_ONCE;
use crate::blocks::Column;
use crate::series::SeriesError;
use crate::series::cold::{ColdDay, ColdDays, ColdError};
use crate::series::parts::Parts;
use model::{DeviceId, SeriesId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long reading of one device may take: what is archived of the largest is some hundred megabytes.
const DEVICE_WAIT: Duration = Duration::from_mins(10);

/// Samples of a device that are held while it is written, 16 octets each; of a larger one some columns
/// are read at a time, twice.
const HELD_MAX: usize = 2 * CELLS_AT_ONCE;

/// An archived day, and which of its series are which columns here.
pub(in crate::series) struct Under<'a> {
    pub(in crate::series) cold: &'a dyn ColdDays,
    pub(in crate::series) day: ColdDay,
    /// The day.
    pub(in crate::series) range: (Timestamp, Timestamp),
    /// Of each device its columns, ascending, and the ids that the archive has them under.
    pub(in crate::series) series: BTreeMap<DeviceId, Vec<(Column, SeriesId)>>,
    /// Series of which something is damaged there, so that nothing of them was taken.
    pub(in crate::series) damaged: AtomicU64,
}

/// What the archive has of one device.
pub(super) struct UnderDevice<'a> {
    of: &'a Under<'a>,
    device_id: DeviceId,
    /// Its series, but for those that are damaged.
    series: Vec<(Column, SeriesId)>,
    /// Each time at which it has a sample.
    pub(super) times: BTreeSet<i64>,
    /// Columns of which it has samples.
    pub(super) columns: BTreeSet<Column>,
    /// The samples, where they are not too many.
    held: Option<BTreeMap<Column, Vec<(Timestamp, Value)>>>,
}

impl Under<'_> {
    /// Reads what the archive has of a device; `None` where it has nothing.
    pub(super) fn of(
        &self,
        parts: &Parts,
        device_id: DeviceId,
    ) -> Result<Option<UnderDevice<'_>>, SeriesError> {
        let Some(series) = self.series.get(&device_id) else {
            return Ok(None);
        };
        let mut device = UnderDevice {
            of: self,
            device_id,
            series: series.clone(),
            times: BTreeSet::new(),
            columns: BTreeSet::new(),
            held: None,
        };
        loop {
            let (mut times, mut columns) = (BTreeSet::new(), BTreeSet::new());
            let mut held = Some(BTreeMap::<Column, Vec<(Timestamp, Value)>>::new());
            let mut count = 0;
            let damaged = device.read(parts, &device.series, &mut |column, points| {
                times.extend(points.iter().map(|(at, _)| at.unix_ms()));
                columns.insert(column);
                count += points.len();
                if count > HELD_MAX {
                    held = None;
                }
                if let Some(held) = &mut held {
                    held.entry(column).or_default().extend(points);
                }
            })?;
            if damaged.is_empty() {
                (device.times, device.columns, device.held) = (times, columns, held);
                return Ok(Some(device));
            }
            // Once more without them, as some of their samples are among the others.
            let count = damaged.len() as u64;
            self.damaged.fetch_add(count, Ordering::Relaxed);
            let is_sound = |(column, _): &(Column, SeriesId)| !damaged.contains(column);
            device.series.retain(is_sound);
        }
    }
}

impl UnderDevice<'_> {
    /// Lays the samples of columns, which ascend, where nothing lies yet.
    pub(super) fn lay(
        &self,
        parts: &Parts,
        wanted: &[Column],
        laid: &mut Laid,
    ) -> Result<(), SeriesError> {
        if let Some(held) = &self.held {
            for (place, column) in wanted.iter().enumerate() {
                if let Some(points) = held.get(column) {
                    laid.lay(place, points.iter().copied());
                }
            }
            return Ok(());
        }
        let is_wanted = |(column, _): &&(Column, SeriesId)| wanted.binary_search(column).is_ok();
        let series: Vec<_> = self.series.iter().filter(is_wanted).copied().collect();
        let damaged = self.read(parts, &series, &mut |column, points| {
            if let Ok(place) = wanted.binary_search(&column) {
                laid.lay(place, points.iter().copied());
            }
        })?;
        if damaged.is_empty() {
            return Ok(());
        }
        // It was sound a moment ago, and some of it is laid already.
        Err(SeriesError::Archive(ColdError::Damaged {
            day: self.of.day.day,
            what: "a series changed while it was read".to_owned(),
        }))
    }

    /// Hands over the samples of series that were not deleted since; answers the columns of those that are
    /// damaged, of which only some were handed over.
    #[expect(
        clippy::type_complexity,
        reason = "whoever takes the samples is a function, with no name of its own"
    )]
    fn read(
        &self,
        parts: &Parts,
        series: &[(Column, SeriesId)],
        take: &mut dyn FnMut(Column, &[(Timestamp, Value)]),
    ) -> Result<BTreeSet<Column>, SeriesError> {
        let Under {
            cold, day, range, ..
        } = self.of;
        let (device_id, stones) = (self.device_id, &parts.tombstones);
        let mut left = Vec::new();
        let deadline = Instant::now() + DEVICE_WAIT;
        let taken =
            &mut |place: usize, points: &[(Timestamp, Value)]| {
                let Some((column, _)) = series.get(place) else {
                    return;
                };
                left.clear();
                left.extend(points.iter().filter(|(at, _)| {
                    !stones.hides(device_id, *column, at.unix_ms(), day.generation)
                }));
                if !left.is_empty() {
                    take(*column, &left);
                }
            };
        let lost = cold.read(day.day, device_id, series, *range, deadline, taken)?;
        let lost = lost.iter().filter_map(|one| series.get(one.place));
        Ok(lost.map(|(column, _)| *column).collect())
    }
}
