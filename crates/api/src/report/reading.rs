//! Reading for reports: by steps, a few series and a piece of time at once, within what a report may read.

use crate::problem::{Kind, Problem};
use crate::sampling::{Span, in_time, not_read, steps_of};
use model::{SeriesId, Timestamp};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use store::inventory::DeviceRecord;
use store::series::{Aggregation, Ask, Grain, SeriesStore};

/// Most steps that one report reads, of all series together: 5,500 interfaces, both ways, over two months by
/// five minutes, some 20 seconds of a core.
const STEPS_MAX: u64 = 200_000_000;
/// Steps of a series that are read at once: a month by five minutes.
const PIECE_STEPS: i64 = 8_640;
/// Series that are read at once: 13 MB of such steps.
const SERIES_AT_ONCE: usize = 64;
/// Notes of what could not be read, at most.
const NOTES_MAX: usize = 20;
/// Seconds of a day.
pub(super) const DAY_SECS: u32 = 86_400;

/// Why a group is not told.
pub(super) enum Stop {
    /// Time is up.
    Late,
    /// It is more than may still be read.
    TooMuch,
    /// Reading failed.
    Failed(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        match problem.kind() {
            Kind::Timeout => Self::Late,
            _ => Self::Failed(problem),
        }
    }
}

/// Reads for one report.
pub(super) struct Reader<'a> {
    /// Where from.
    pub(super) store: &'a SeriesStore,
    /// When nobody waits any more.
    until: Instant,
    /// Steps that may still be read.
    left: u64,
    notes: BTreeSet<String>,
}

/// Steps of a series, in order.
type Steps = [(Timestamp, Option<f64>)];

impl<'a> Reader<'a> {
    pub(super) fn new(store: &'a SeriesStore, until: Instant) -> Self {
        Self {
            store,
            until,
            left: STEPS_MAX,
            notes: BTreeSet::new(),
        }
    }

    /// Whether somebody still waits.
    pub(super) fn in_time(&self) -> Result<(), Stop> {
        in_time(self.until).map_err(Stop::from)
    }

    /// Sets apart what reading so many series takes.
    pub(super) fn afford(&mut self, series: usize, span: Span, step_secs: u32) -> Result<(), Stop> {
        let steps = steps_of(span, step_secs) as u64;
        let all = steps.saturating_mul(series as u64);
        self.left = self.left.checked_sub(all).ok_or(Stop::TooMuch)?;
        Ok(())
    }

    /// Reads series of a device by steps; gives each piece with the place of its series.
    pub(super) fn read(
        &mut self,
        record: &DeviceRecord,
        series: &[SeriesId],
        (span, step_secs): (Span, u32),
        how: Aggregation,
        mut take: impl FnMut(usize, &Steps),
    ) -> Result<(), Stop> {
        let device = &record.device.body;
        let step_ms = i64::from(step_secs.max(1)) * 1_000;
        let end_of = |from: Timestamp| {
            let first = from.unix_ms().div_euclid(step_ms);
            let end = first.saturating_add(PIECE_STEPS).saturating_mul(step_ms);
            Timestamp::from_unix_ms(end).min(span.to)
        };
        for (chunk, ids) in series.chunks(SERIES_AT_ONCE).enumerate() {
            let mut from = span.from;
            while from < span.to {
                self.in_time()?;
                let ask = Ask {
                    from,
                    to: end_of(from),
                    step: Duration::from_secs(step_secs.max(1).into()),
                    how,
                    interval: Duration::from_secs(device.interval_secs.max(1).into()),
                    replaced: device.replaced_at.clone(),
                    until: Some(self.until),
                };
                from = ask.to;
                let read = self.store.steps(device.id, ids, &ask).map_err(not_read)?;
                for (at, one) in read.iter().enumerate() {
                    take(chunk * SERIES_AT_ONCE + at, &one.steps);
                    self.note(&one.parts);
                }
            }
        }
        Ok(())
    }

    /// How many samples series of a device have in a period.
    pub(super) fn samples(
        &mut self,
        record: &DeviceRecord,
        series: &[SeriesId],
        span: Span,
    ) -> Result<u64, Stop> {
        let mut samples = 0.0;
        let how = Aggregation::Count;
        self.read(record, series, (span, DAY_SECS), how, |_, steps| {
            samples += steps.iter().filter_map(|(_, count)| *count).sum::<f64>();
        })?;
        // A sum of counts.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(samples as u64)
    }

    fn note(&mut self, parts: &[store::series::Part]) {
        for part in parts.iter().filter(|part| part.grain == Grain::Missing) {
            if self.notes.len() < NOTES_MAX {
                self.notes.insert(format!(
                    "Samples from {} to {} are in the archive, which could not be read.",
                    part.from, part.to
                ));
            }
        }
    }

    /// What could not be read.
    pub(super) fn into_notes(self) -> impl Iterator<Item = String> {
        self.notes.into_iter()
    }
}

/// Several series made one, step by step, of those that have a value there.
pub(super) struct Sums {
    /// When the first step begins.
    pub(super) first_ms: i64,
    /// Milliseconds of a step.
    pub(super) step_ms: i64,
    sum: Vec<f64>,
    known: Vec<u32>,
    members: u64,
    measured: u64,
}

/// How several series become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// What they are together.
    Sum,
    /// What they are each.
    Mean,
}

impl Sums {
    pub(super) fn new(span: Span, step_secs: u32) -> Self {
        let step_ms = i64::from(step_secs.max(1)) * 1_000;
        let steps = steps_of(span, step_secs);
        Self {
            first_ms: span.from.unix_ms().div_euclid(step_ms) * step_ms,
            step_ms,
            sum: vec![0.0; steps],
            known: vec![0; steps],
            members: 0,
            measured: 0,
        }
    }

    /// Adds series of a device, each number times its factor.
    pub(super) fn add(
        &mut self,
        reader: &mut Reader<'_>,
        record: &DeviceRecord,
        series: &[(SeriesId, f64)],
        (span, how): (Span, Aggregation),
    ) -> Result<(), Stop> {
        let ids: Vec<SeriesId> = series.iter().map(|(id, _)| *id).collect();
        let mut has_value = vec![false; ids.len()];
        let step_secs = u32::try_from(self.step_ms / 1_000).unwrap_or(u32::MAX);
        reader.read(record, &ids, (span, step_secs), how, |at, steps| {
            let factor = series.get(at).map_or(1.0, |(_, factor)| *factor);
            for (when, value) in steps {
                let place = (when.unix_ms() - self.first_ms).div_euclid(self.step_ms);
                let Some(value) = value.filter(|value| value.is_finite()) else {
                    continue;
                };
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                if let (Some(sum), Some(known)) =
                    (self.sum.get_mut(place), self.known.get_mut(place))
                {
                    *sum += value * factor;
                    *known += 1;
                    if let Some(has_value) = has_value.get_mut(at) {
                        *has_value = true;
                    }
                }
            }
        })?;
        self.members += ids.len() as u64;
        self.measured += has_value.iter().filter(|has| **has).count() as u64;
        Ok(())
    }

    /// The value of each step; NaN where none is known.
    pub(super) fn values(&self, join: Join) -> Vec<f64> {
        let steps = self.sum.iter().zip(&self.known);
        steps
            .map(|(sum, known)| match (known, join) {
                (0, _) => f64::NAN,
                (_, Join::Sum) => *sum,
                (known, Join::Mean) => sum / f64::from(*known),
            })
            .collect()
    }

    /// How many series there are, and how many of them have a value.
    pub(super) fn members(&self) -> (u64, u64) {
        (self.members, self.measured)
    }

    /// How much is measured of all series over all steps, 0 to 1; 0 where there are none.
    pub(super) fn measured_ratio(&self) -> f64 {
        let known: u64 = self.known.iter().map(|known| u64::from(*known)).sum();
        let all = self.members.saturating_mul(self.sum.len() as u64);
        known as f64 / all.max(1) as f64
    }
}
