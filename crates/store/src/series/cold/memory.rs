//! Archived days in memory, that fail on request: for tests.

use super::{ColdDay, ColdDays, ColdError, ColdLost, ColdSeries};
use crate::series::{Column, Points};
use model::{DeviceId, Labels, SeriesId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Samples that are handed over at a time.
const AT_A_TIME: usize = 1_000;

/// What is said of what is damaged.
const TORN: &str = "a block's checksum does not agree";

/// How long a day is.
const DAY: Duration = Duration::from_hours(24);

/// A series of an archived day.
#[derive(Clone, Debug)]
pub struct MemorySeries {
    /// Whose.
    pub device_id: DeviceId,
    /// Its id.
    pub id: SeriesId,
    /// What is measured.
    pub metric: String,
    /// Its labels.
    pub labels: Labels,
    /// Its samples of the day, ascending.
    pub points: Points,
}

/// How reading fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdFault {
    /// Nothing answers.
    Away,
    /// What is there is damaged.
    Damaged,
    /// What is there of one series is damaged.
    DamagedSeries(SeriesId),
}

/// Archived days in memory.
#[derive(Debug, Default)]
pub struct MemoryCold {
    days: Mutex<BTreeMap<Timestamp, Day>>,
    fault: Mutex<Option<ColdFault>>,
    /// How long a read takes.
    delay: Mutex<Duration>,
    reads: AtomicUsize,
}

#[derive(Debug)]
struct Day {
    generation: u64,
    whole_here: bool,
    series: Vec<MemorySeries>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryCold {
    /// Archives a day as a generation; it is here as well.
    pub fn put(&self, day: Timestamp, generation: u64, mut series: Vec<MemorySeries>) {
        series.sort_by_key(|series| (series.device_id, series.id));
        let day_of = Day {
            generation,
            whole_here: true,
            series,
        };
        lock(&self.days).insert(day, day_of);
    }

    /// Says whether all of a day is here as well.
    pub fn set_whole_here(&self, day: Timestamp, whole_here: bool) {
        if let Some(day) = lock(&self.days).get_mut(&day) {
            day.whole_here = whole_here;
        }
    }

    /// Makes reading fail, or work again.
    pub fn set_fault(&self, fault: Option<ColdFault>) {
        *lock(&self.fault) = fault;
    }

    /// Makes each read take so long.
    pub fn set_delay(&self, delay: Duration) {
        *lock(&self.delay) = delay;
    }

    /// How often samples were read.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    fn works(&self, day: Timestamp) -> Result<(), ColdError> {
        match *lock(&self.fault) {
            None | Some(ColdFault::DamagedSeries(_)) => Ok(()),
            Some(ColdFault::Away) => Err(ColdError::Away {
                source: Arc::new(std::io::Error::other("nothing answers")),
            }),
            Some(ColdFault::Damaged) => Err(ColdError::Damaged {
                day,
                what: TORN.to_owned(),
            }),
        }
    }

    fn of(&self, day: Timestamp, device_id: DeviceId) -> Vec<MemorySeries> {
        let days = lock(&self.days);
        let series = days.get(&day).map(|day| day.series.iter());
        let of_device = series
            .into_iter()
            .flatten()
            .filter(|series| series.device_id == device_id);
        of_device.cloned().collect()
    }
}

impl ColdDays for MemoryCold {
    fn meets(&self, from: Timestamp, to: Timestamp) -> Vec<ColdDay> {
        let days = lock(&self.days);
        let meets = days
            .range(..to)
            .filter(|(day, _)| day.plus(DAY) > from)
            .map(|(day, of)| ColdDay {
                day: *day,
                generation: of.generation,
                whole_here: of.whole_here,
            });
        meets.collect()
    }

    fn devices(&self, day: Timestamp) -> Result<Vec<DeviceId>, ColdError> {
        self.works(day)?;
        let days = lock(&self.days);
        let series = days.get(&day).map(|day| day.series.iter());
        let devices: BTreeSet<DeviceId> = series
            .into_iter()
            .flatten()
            .map(|series| series.device_id)
            .collect();
        Ok(devices.into_iter().collect())
    }

    fn series(
        &self,
        day: Timestamp,
        device_id: DeviceId,
        take: &mut dyn FnMut(ColdSeries),
    ) -> Result<(), ColdError> {
        self.works(day)?;
        for series in self.of(day, device_id) {
            take(ColdSeries {
                id: series.id,
                metric: series.metric,
                labels: series.labels,
                samples: series.points.len() as u64,
            });
        }
        Ok(())
    }

    fn read(
        &self,
        day: Timestamp,
        device_id: DeviceId,
        wanted: &[(Column, SeriesId)],
        (from, to): (Timestamp, Timestamp),
        deadline: Instant,
        take: &mut dyn FnMut(usize, &[(Timestamp, Value)]),
    ) -> Result<Vec<ColdLost>, ColdError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let delay = *lock(&self.delay);
        let left = deadline.saturating_duration_since(Instant::now());
        if !delay.is_zero() {
            std::thread::sleep(delay.min(left));
        }
        if delay >= left {
            return Err(ColdError::Late);
        }
        self.works(day)?;
        let there = self.of(day, device_id);
        let (fault, mut lost) = (*lock(&self.fault), Vec::new());
        for (place, (_, id)) in wanted.iter().enumerate() {
            let series = there.iter().find(|series| series.id == *id);
            let points: Points = series.map_or_else(Points::new, |series| {
                let in_range = |(at, _): &&(Timestamp, Value)| *at >= from && *at < to;
                series.points.iter().filter(in_range).copied().collect()
            });
            let is_torn = fault == Some(ColdFault::DamagedSeries(*id)) && !points.is_empty();
            // Half of it came before it was found out.
            let whole = if is_torn {
                points.len() / 2
            } else {
                points.len()
            };
            let whole = points.get(..whole).unwrap_or_default();
            whole
                .chunks(AT_A_TIME)
                .for_each(|points| take(place, points));
            if is_torn {
                let what = TORN.to_owned();
                lost.push(ColdLost { place, what });
            }
        }
        Ok(lost)
    }
}
