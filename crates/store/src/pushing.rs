//! Samples that users write by themselves: as they measure them, or to correct what is there.

use crate::audit::{AuditAction, AuditCounts, AuditState, What, Who};
use crate::deletion::DeleteError;
use crate::exchange::find::{Defaults, Finder, Found, Ground, Target};
use crate::exchange::import::ROWS_PER_DEVICE_DAY_MAX;
use crate::exchange::{Of, Why, of_kind};
use crate::progress::Progress;
use crate::series::{AppendError, Batch, Column};
use crate::{Store, StoreError};
use model::{AuditId, DeviceId, SeriesId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Samples of one request: they are in memory, and one after the other in a batch each.
pub const SAMPLES_PER_PUSH_MAX: usize = 10_000;
/// Series of a device that are read together to see what is there.
const COLUMNS_AT_ONCE: usize = 512;
/// Samples that are younger are of half-hours that are not sealed yet.
const YOUNG: Duration = Duration::from_mins(31);
const DAY_MS: i64 = 24 * 3_600_000;

/// A sample as somebody writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushed {
    /// Of which series.
    pub of: Arc<Of>,
    /// When.
    pub at: Timestamp,
    /// Whether it came with its time; else that is when it was sent.
    pub is_timed: bool,
    /// The value.
    pub value: Value,
}

/// Whether a request is sent for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is, as far as is known.
    First,
    /// It was sent before and broken off: it may have been done, and others may have written since. What
    /// is there with another value is left.
    Again,
}

/// A sample that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// Its place among those that were given.
    pub index: usize,
    /// Why, as it is counted.
    pub reason: &'static str,
    /// Which field of it is the matter, where it is one.
    pub field: Option<&'static str>,
    /// Why, in words.
    pub detail: String,
}

/// What became of samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Those that are kept, also where an earlier one of the same request has their time.
    pub taken: u64,
    /// Of corrections: those of a time that had none.
    pub added: u64,
    /// Of corrections: those that took the place of another value.
    pub replaced: u64,
    /// Of corrections: those that had that value already.
    pub same: u64,
    /// The others, by their places.
    pub refused: Vec<NotTaken>,
    /// Where it is written down, of corrections.
    pub audit_id: Option<AuditId>,
}

/// Nothing is known to be kept; what was asked may be asked again.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The log could not be written, or the store is closed.
    #[error("the samples could not be kept")]
    Append(#[from] AppendError),
    /// What is there could not be read.
    #[error("what is there could not be read")]
    Series(#[from] crate::series::SeriesError),
    /// Whether a hold keeps what is there could not be told.
    #[error("holds could not be asked")]
    Holds(#[source] DeleteError),
    /// What is to be written down could not be.
    #[error("the audit could not be written")]
    Audit(#[source] StoreError),
}

/// A sample whose series is known.
struct Placed {
    index: usize,
    found: Found,
    at: Timestamp,
    value: Value,
    /// Another value is there.
    replaces: bool,
}

impl Store {
    /// Takes samples as they were measured: no older than
    /// [`late_max`](crate::series::SeriesOptions::late_max). Series that are not there are made. What is
    /// written last holds, but for what a hold keeps; that another value was there is written down.
    pub async fn push_samples(
        &self,
        samples: Vec<Pushed>,
        who: &Who,
        sent: Sent,
    ) -> Result<Taken, PushError> {
        let mut told = Taken::default();
        let placed = self.placed(samples, sent, &mut told).await;
        let work = |store: Self| store.looked_at(placed);
        let (placed, full, replaces) = self.blocking(work).await?;
        told.refused.extend(full);
        if replaces {
            self.replace(placed, who, sent, &mut told).await?;
        } else {
            // The most that comes, which nobody need hold up.
            let (batches, indices) = batches(&placed);
            let done = self.series.append_many(batches).await;
            settle(done, indices, &mut told)?;
        }
        told.refused.sort_by_key(|refused| refused.index);
        Ok(told)
    }

    /// Writes samples of which some take the place of another value.
    async fn replace(
        &self,
        placed: Vec<Placed>,
        who: &Who,
        sent: Sent,
        told: &mut Taken,
    ) -> Result<(), PushError> {
        let no_hold_meanwhile = self.retention.no_hold_meanwhile().await;
        let _no_hold_meanwhile = no_hold_meanwhile.map_err(PushError::Holds)?;
        let oldest = self.series.oldest_taken();
        let compare = move |store: Self| store.compare(placed, sent, oldest);
        let (placed, compared) = self.blocking(compare).await?;
        told.refused.extend(compared.refused);
        let replacing: Vec<&Placed> = placed.iter().filter(|one| one.replaces).collect();
        let begun = match range(&replacing) {
            None => None,
            Some(range) => {
                let begun = self.audit.begin_writing_over(who, range).await;
                Some(begun.map_err(PushError::Audit)?)
            }
        };
        let (batches, indices) = batches(&placed);
        let done = self.series.append_many(batches).await;
        let settled = settle(done, indices, told);
        if let Some(begun) = begun {
            let replaced = replacing.len() as u64;
            let counts = AuditCounts {
                devices: devices(&replacing),
                series: series(&replacing),
                samples: replaced,
                replaced,
                refused: 0,
            };
            let more = settled.as_ref().err().map(ToString::to_string);
            let ended = self.audit.end_writing_over(&begun, counts, more).await;
            ended.map_err(PushError::Audit)?;
        }
        Ok(settled?)
    }

    /// Writes samples again, or adds some to the past, of whatever age. A sample that a hold keeps is not
    /// changed. That it is begun is written down before.
    pub async fn correct_samples(
        &self,
        samples: Vec<Pushed>,
        reason: String,
        who: &Who,
        sent: Sent,
    ) -> Result<Taken, PushError> {
        let mut told = Taken::default();
        let placed = self.placed(samples, sent, &mut told).await;
        let no_hold_meanwhile = self.retention.no_hold_meanwhile().await;
        let _no_hold_meanwhile = no_hold_meanwhile.map_err(PushError::Holds)?;
        let placed = self.compared(placed, sent, &mut told).await?;
        let written: Vec<&Placed> = placed.iter().collect();
        let what = What {
            action: AuditAction::CorrectSamples,
            selector: None,
            range: range(&written),
            job_id: None,
            detail: Some(reason),
        };
        let begun = self.audit.begin(who, what).await;
        let begun = begun.map_err(PushError::Audit)?;
        let (batches, indices) = batches(&placed);
        let done = self.series.append_at_any_age(batches).await;
        let settled = settle(done, indices, &mut told);
        told.refused.sort_by_key(|refused| refused.index);
        let counts = AuditCounts {
            devices: devices(&written),
            series: series(&written),
            samples: told.taken,
            replaced: told.replaced,
            refused: told.refused.len() as u64,
        };
        let (state, more) = match &settled {
            Ok(()) => (AuditState::Done, None),
            Err(error) => (AuditState::Failed, Some(error.to_string())),
        };
        let ended = self.audit.end(&begun, state, counts, more).await;
        settled?;
        ended.map_err(PushError::Audit)?;
        told.audit_id = Some(begun.id);
        Ok(told)
    }

    /// Finds the series of samples, and makes those that are new.
    async fn placed(&self, samples: Vec<Pushed>, sent: Sent, told: &mut Taken) -> Vec<Placed> {
        let mut finder = Finder::new(Ground::of(self), Defaults::default());
        let numbers: Vec<Result<u32, (Why, String)>> = samples
            .iter()
            .map(|sample| finder.number(&sample.of))
            .collect();
        // Nobody stops it.
        let _ = finder.make(&Progress::default()).await;
        let mut placed = Vec::with_capacity(samples.len());
        for (index, (sample, number)) in samples.into_iter().zip(numbers).enumerate() {
            let Pushed {
                at,
                is_timed,
                value,
                ..
            } = sample;
            let mut refuse = |why: Why, detail: &str| {
                told.refused.push(NotTaken {
                    index,
                    reason: why.name(),
                    field: field(why),
                    detail: detail.to_owned(),
                });
            };
            if !value.as_f64().is_finite() {
                refuse(Why::NotFinite, "it is not finite");
                continue;
            }
            if sent == Sent::Again && !is_timed {
                let detail = "it has no time, and may be there already: send it with one, or under \
                              a new key";
                refuse(Why::SentBefore, detail);
                continue;
            }
            let target = number.map(|number| finder.target(number));
            match target {
                Ok(Some(Target::Known(found))) => placed.push(Placed {
                    index,
                    found: *found,
                    at,
                    value: of_kind(value, found.kind),
                    replaces: false,
                }),
                Ok(Some(Target::Refused(why, detail))) => refuse(*why, detail),
                Ok(Some(Target::New(_)) | None) => {
                    refuse(Why::TooManySeries, "it could not be made");
                }
                Err((why, detail)) => refuse(why, &detail),
            }
        }
        placed
    }

    /// Holds samples against what is there; answers those that are to be written.
    async fn compared(
        &self,
        placed: Vec<Placed>,
        sent: Sent,
        told: &mut Taken,
    ) -> Result<Vec<Placed>, PushError> {
        let compare = move |store: Self| {
            let (placed, full) = store.fitting(placed)?;
            let (placed, mut compared) = store.compare(placed, sent, Timestamp::from_unix_ms(0))?;
            compared.refused.extend(full);
            Ok((placed, compared))
        };
        let (placed, compared) = self.blocking(compare).await?;
        told.added = compared.added;
        told.replaced = compared.replaced;
        told.same = compared.same;
        told.refused.extend(compared.refused);
        Ok(placed)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(Self) -> Result<T, PushError> + Send + 'static,
    ) -> Result<T, PushError> {
        let store = self.clone();
        match tokio::task::spawn_blocking(move || work(store)).await {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// The samples that fit their days. A day has a bound, as it becomes one block of a device; what is
    /// of the last half-hours is bounded by these ([`ROWS_PER_SEAL_MAX`](crate::series::ROWS_PER_SEAL_MAX)).
    fn fitting(&self, placed: Vec<Placed>) -> Result<(Vec<Placed>, Vec<NotTaken>), PushError> {
        let young = self.series.now().minus(YOUNG);
        let mut days: BTreeMap<(DeviceId, i64), BTreeSet<i64>> = BTreeMap::new();
        for one in placed.iter().filter(|one| one.at < young) {
            let of = days.entry((one.found.device_id, day_of(one.at)));
            of.or_default().insert(one.at.unix_ms());
        }
        let mut full: BTreeSet<(DeviceId, i64)> = BTreeSet::new();
        for ((device_id, day), times) in days {
            let from = Timestamp::from_unix_ms(day.saturating_mul(DAY_MS));
            let to = Timestamp::from_unix_ms(from.unix_ms().saturating_add(DAY_MS));
            let there = self.series.times_of(device_id, from, to)?;
            let room = ROWS_PER_DEVICE_DAY_MAX.saturating_sub(there.len());
            let new = times.iter().filter(|at| there.binary_search(at).is_err());
            full.extend(new.skip(room).map(|at| (device_id, *at)));
        }
        let is_full = |one: &Placed| full.contains(&(one.found.device_id, one.at.unix_ms()));
        let (left_out, fit): (Vec<_>, Vec<_>) = placed.into_iter().partition(is_full);
        let left_out = left_out.into_iter().map(|one| NotTaken {
            index: one.index,
            reason: Why::DayFull.name(),
            field: field(Why::DayFull),
            detail: format!(
                "{} has samples at {ROWS_PER_DEVICE_DAY_MAX} times of that day already",
                one.found.device_id
            ),
        });
        Ok((fit, left_out.collect()))
    }

    /// The samples that fit their days, those that do not, and whether any of the first is to take the
    /// place of another value. What is too old is not looked at, as it is refused.
    fn looked_at(
        &self,
        placed: Vec<Placed>,
    ) -> Result<(Vec<Placed>, Vec<NotTaken>, bool), PushError> {
        let (placed, full) = self.fitting(placed)?;
        let there = self.there(&placed, self.series.oldest_taken())?;
        let replaces = placed.iter().any(|one| {
            let before = before(&there, one);
            before.is_some_and(|before| !is_same(before, one.value))
        });
        Ok((placed, full, replaces))
    }

    /// Holds samples that are not older against what is there; answers those that are to be written.
    fn compare(
        &self,
        placed: Vec<Placed>,
        sent: Sent,
        oldest: Timestamp,
    ) -> Result<(Vec<Placed>, Taken), PushError> {
        let attached = self.inventory.attached();
        let holds = self.retention.keeping(&self.series, &attached);
        let holds = holds.map_err(|error| PushError::Holds(DeleteError::Holds(Box::new(error))))?;
        let there = self.there(&placed, oldest)?;
        let mut told = Taken::default();
        let mut left = Vec::with_capacity(placed.len());
        for mut one in placed {
            let Found {
                device_id, column, ..
            } = one.found;
            let is_held = || {
                let mut holds = holds.iter();
                holds.any(|hold| hold.keeps(device_id, column, one.at))
            };
            let mut refuse = |why: Why, detail: &str| {
                told.refused.push(NotTaken {
                    index: one.index,
                    reason: why.name(),
                    field: field(why),
                    detail: detail.to_owned(),
                });
            };
            match before(&there, &one) {
                None => told.added += 1,
                Some(before) if is_same(before, one.value) => told.same += 1,
                Some(_) if sent == Sent::Again => {
                    let detail = "the request was sent before, and what is there may be newer: send \
                                  it under a new key";
                    refuse(Why::SentBefore, detail);
                    continue;
                }
                Some(_) if is_held() => {
                    refuse(Why::Held, "a hold keeps the sample that is there");
                    continue;
                }
                Some(_) => {
                    told.replaced += 1;
                    one.replaces = true;
                }
            }
            left.push(one);
        }
        Ok((left, told))
    }

    /// What is there of the series of samples around their times, by days, of those that are not older.
    fn there(&self, placed: &[Placed], oldest: Timestamp) -> Result<There, PushError> {
        let mut wanted: BTreeMap<(DeviceId, i64), Around> = BTreeMap::new();
        for one in placed.iter().filter(|one| one.at >= oldest) {
            let of = wanted
                .entry((one.found.device_id, day_of(one.at)))
                .or_insert_with(|| Around {
                    first: one.at,
                    last: one.at,
                    series: BTreeMap::new(),
                });
            of.first = of.first.min(one.at);
            of.last = of.last.max(one.at);
            of.series.insert(one.found.column, one.found.id);
        }
        let mut there = There::new();
        for ((device_id, day), around) in wanted {
            let Around {
                first,
                last,
                series,
            } = around;
            let to = Timestamp::from_unix_ms(last.unix_ms().saturating_add(1));
            let series: Vec<(Column, SeriesId)> = series.into_iter().collect();
            for some in series.chunks(COLUMNS_AT_ONCE) {
                let ids: Vec<SeriesId> = some.iter().map(|(_, id)| *id).collect();
                let read = self.series.read_many(device_id, &ids, first, to)?;
                let keys = some.iter().map(|(column, _)| (device_id, *column, day));
                there.extend(keys.zip(read));
            }
        }
        Ok(there)
    }
}

/// Series of a device, and from when to when samples of them are written.
struct Around {
    first: Timestamp,
    last: Timestamp,
    series: BTreeMap<Column, SeriesId>,
}

/// Samples by device, column and day.
type There = BTreeMap<(DeviceId, Column, i64), Vec<(Timestamp, Value)>>;

/// What is there where a sample is to be.
fn before(there: &There, one: &Placed) -> Option<Value> {
    let Found {
        device_id, column, ..
    } = one.found;
    let points = there.get(&(device_id, column, day_of(one.at)))?;
    let place = points.binary_search_by_key(&one.at, |(at, _)| *at).ok()?;
    points.get(place).map(|(_, value)| *value)
}

fn devices(placed: &[&Placed]) -> u64 {
    let devices: BTreeSet<DeviceId> = placed.iter().map(|one| one.found.device_id).collect();
    devices.len() as u64
}

fn series(placed: &[&Placed]) -> u64 {
    let series: BTreeSet<SeriesId> = placed.iter().map(|one| one.found.id).collect();
    series.len() as u64
}

fn day_of(at: Timestamp) -> i64 {
    at.unix_ms().div_euclid(DAY_MS)
}

/// Bit for bit: zero and its negative are two values.
fn is_same(a: Value, b: Value) -> bool {
    match (a, b) {
        (Value::U64(a), Value::U64(b)) => a == b,
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        _ => false,
    }
}

/// The times that samples are of, without the end.
fn range(placed: &[&Placed]) -> Option<(Timestamp, Timestamp)> {
    let first = placed.iter().map(|one| one.at).min()?;
    let last = placed.iter().map(|one| one.at).max()?;
    Some((
        first,
        Timestamp::from_unix_ms(last.unix_ms().saturating_add(1)),
    ))
}

/// A batch for each device and time, and the places of the samples in it.
fn batches(placed: &[Placed]) -> (Vec<Batch>, Vec<Vec<usize>>) {
    let mut by_time: BTreeMap<(DeviceId, Timestamp), (Batch, Vec<usize>)> = BTreeMap::new();
    for one in placed {
        let device_id = one.found.device_id;
        let (batch, indices) = by_time.entry((device_id, one.at)).or_insert_with(|| {
            let batch = Batch {
                device_id,
                at: one.at,
                values: Vec::new(),
            };
            (batch, Vec::new())
        });
        batch.values.push((one.found.column, one.value));
        indices.push(one.index);
    }
    by_time.into_values().unzip()
}

/// Tells what became of batches; fails where it is not the samples' fault.
fn settle(
    done: Vec<Result<(), AppendError>>,
    indices: Vec<Vec<usize>>,
    told: &mut Taken,
) -> Result<(), AppendError> {
    for (done, indices) in done.into_iter().zip(indices) {
        let error = match done {
            Ok(()) => {
                told.taken += indices.len() as u64;
                continue;
            }
            Err(error) => error,
        };
        let (reason, field) = match &error {
            AppendError::TooLate { .. } => ("too_late", Some("at")),
            AppendError::OutOfTime { .. } => (Why::OutOfTime.name(), Some("at")),
            AppendError::TooManyRows { .. } => (Why::DayFull.name(), Some("at")),
            AppendError::TooManyValues { .. } | AppendError::UnknownColumn { .. } => {
                (Why::NotTaken.name(), None)
            }
            AppendError::Log { .. } | AppendError::Closed => return Err(error),
        };
        told.refused
            .extend(indices.into_iter().map(|index| NotTaken {
                index,
                reason,
                field,
                detail: error.to_string(),
            }));
    }
    Ok(())
}

/// Which field of a sample is the matter.
fn field(why: Why) -> Option<&'static str> {
    match why {
        Why::BadValue | Why::NotFinite | Why::Held | Why::SentBefore => Some("value"),
        Why::NoTime | Why::BadTime | Why::OutOfTime | Why::DayFull => Some("at"),
        Why::UnknownSeries => Some("series_id"),
        Why::UnknownMetric | Why::MetricRefused => Some("metric"),
        Why::UnknownDevice | Why::AmbiguousDevice => Some("device_id"),
        Why::UnknownInterface | Why::BadLabels | Why::LabelBound => Some("labels"),
        _ => None,
    }
}
