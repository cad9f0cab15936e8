//! Questions over many series: which by a [`Selector`], their samples by steps of time, and of those a
//! row for each series, for each group of series, or for the greatest of them.
//!
//! Begin with [`run`]. The work goes device by device: what is on disk of a device is read once for
//! all of its series that are meant ([`steps`]), and what they say is folded into the answer ([`rows`])
//! before the next one is read. So what is held does not grow with the series, but for what the answer
//! itself needs.
//!
//! A question is bounded before it reads: the series that it means, the samples and numbers of roll-ups
//! that it would read by how often its devices are polled ([`reach`]), the numbers that it must hold, and time. What is refused says what
//! would fit; what is left out of an answer is told in it.

mod levels;
mod reach;
mod rows;
mod steps;

use super::across::{Across, End, Grouping};
use super::attached::Attached;
use super::rollup::Budget;
use super::{
    Aggregation, ColdError, Fetch, Selection, Selector, SeriesError, SeriesStore, bucket_count,
};
use crate::pack::PackMeta;
use levels::Levels;
use model::metric::Kind;
use model::{DeviceId, SeriesId, Timestamp};
use reach::{Load, Reach};
use rows::Rows;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What steps are made from where no day is taken of its roll-ups.
pub const LEVEL_RAW: &str = "raw";

/// Series of one question that are put together or ranked: the million of a large network, by halves.
/// A selection takes 40 octets a series.
pub const SERIES_MAX: usize = 500_000;

/// Samples, and numbers of roll-ups, that one question may read: 100,000 series of a sample a minute over
/// a day and a half, or of rates by the hour over three weeks; some ten seconds of a core.
pub const SAMPLES_MAX: u64 = 200_000_000;

/// Numbers that one question may hold, 16 to 40 octets each: a thousand groups by a thousand steps, or
/// of a quantile across series all values of all steps.
pub const NUMBERS_MAX: usize = 2_000_000;

/// Groups of one question; each keeps its labels, some hundred octets.
pub const GROUPS_MAX: usize = 20_000;

/// From poll to poll of a device of which that is not known.
const INTERVAL_DEFAULT: Duration = Duration::from_mins(1);

/// A question.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which series.
    pub selector: Selector,
    /// Where the range begins.
    pub from: Timestamp,
    /// Where it ends; not part of it.
    pub to: Timestamp,
    /// Time of a step, at least a millisecond. The range has no more of them than
    /// [`BUCKETS_MAX`](super::BUCKETS_MAX).
    pub step: Duration,
    /// How the samples of a step become one; by the kind of the metric where it is none: rate of
    /// counters, mean of gauges, latest of states.
    pub over: Option<Aggregation>,
    /// What becomes of the series.
    pub across: Put,
    /// Rows of the answer.
    pub rows_max: usize,
    /// Samples and numbers of roll-ups that may be read; [`SAMPLES_MAX`] at most.
    pub samples_max: u64,
    /// When nobody waits for the answer any more.
    pub until: Instant,
}

/// What becomes of the series.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// Each is a row, in the order in which they were registered.
    Each,
    /// Each group is a row, in the order of their labels.
    Together(Across, Grouping),
    /// Of each group, in the order of their labels, the `k` with the greatest or the least mean of
    /// their steps are rows, the first first. One without a value takes no part.
    First {
        /// How many of each group.
        k: usize,
        /// Which.
        end: End,
        /// The groups.
        grouping: Grouping,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// When the first step begins. Steps are aligned to multiples of their time since 1970.
    pub first: Timestamp,
    /// The rows; each has the same steps.
    pub rows: Vec<Row>,
    /// There are other rows, which did not fit.
    pub more: bool,
    /// Series that the selector means.
    pub matched: usize,
    /// The coarsest of `parts`.
    pub level: &'static str,
    /// From what the steps were made, of each part of the range the coarsest of any series, in order; they
    /// cover the range.
    pub parts: Vec<Part>,
    /// What it took.
    pub cost: Cost,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The series, where it is of one.
    pub series: Option<SeriesId>,
    /// All labels of the series, or those of the group.
    pub labels: BTreeMap<String, String>,
    /// Of how many series it is.
    pub count: u64,
    /// By what it was ranked, where it was.
    pub ranked_by: Option<f64>,
    /// The value of each step; none where it is not known.
    pub values: Vec<Option<f64>>,
}

/// A part of the range that was answered from one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Its level: [`LEVEL_RAW`], or that of roll-ups, as [`Grain::name`](super::Grain::name) has it.
    pub level: &'static str,
}

/// What an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Devices that were read.
    pub devices: u64,
    /// Series that were read.
    pub series: u64,
    /// Samples and numbers of roll-ups that were read, with those on either side of the range and those
    /// that tell restarts.
    pub samples: u64,
}

/// A question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// More than [`SERIES_MAX`] would be put together.
    #[error("the selector means {matched} series and at most {max} are put together")]
    TooManySeries {
        /// How many it means.
        matched: usize,
        /// How many are taken.
        max: usize,
    },
    /// More samples would be read than may be.
    #[error(
        "some {samples} samples of {series} series would have to be read and at most {max} are"
    )]
    TooManySamples {
        /// How many, by how often the devices are polled.
        samples: u64,
        /// How many may be.
        max: u64,
        /// Of how many series.
        series: usize,
        /// The longest range of the same series that may be read.
        range: Duration,
    },
    /// There are more groups than may be.
    #[error("there are more than {max} groups")]
    TooManyGroups {
        /// [`GROUPS_MAX`].
        max: usize,
    },
    /// More numbers would be held than may be.
    #[error("over {max} numbers would have to be held, {steps} for each row")]
    TooManyNumbers {
        /// Steps.
        steps: usize,
        /// [`NUMBERS_MAX`].
        max: usize,
    },
    /// It took too long.
    #[error("it took too long")]
    Late,
    /// Fetching archived days took too long.
    #[error("archived days take longer: ask for fewer days, or restore them")]
    ArchiveLate,
    /// Samples of more archived days are needed than are fetched for one question.
    #[error("samples of more than {max} archived days would have to be fetched")]
    TooManyArchived {
        /// [`COLD_DAYS_MAX`](super::cold::COLD_DAYS_MAX).
        max: usize,
    },
    /// The samples could not be read.
    #[error("the samples could not be read")]
    Read(#[from] SeriesError),
}

/// Answers a question. Reads files and may take a core for seconds: call it where blocking is allowed,
/// and not for more at a time than there are cores.
pub fn run(store: &SeriesStore, query: &Query, attached: &Attached) -> Result<Answer, QueryError> {
    let limit = match query.across {
        Put::Each => query.rows_max,
        _ => SERIES_MAX,
    };
    let (page, until) = ((None, limit), Some(query.until));
    let selected = store.select_until(&query.selector, attached, page, until);
    let selected = selected.ok_or(QueryError::Late)?;
    if selected.more && query.across != Put::Each {
        return Err(QueryError::TooManySeries {
            matched: selected.matched,
            max: SERIES_MAX,
        });
    }
    let mut series = selected.series;
    series.sort_unstable_by_key(|series| (series.device_id, series.column));
    let list = store.packs();
    let reach = reach_of(query, &list, query.from);
    affordable(query, &list, &reach, &series, attached)?;
    let mut rows = Rows::new(query);
    let mut cost = Cost::default();
    let mut levels = Levels::raw(query.from, query.to);
    // By what is there, not by what should be: intervals are changed.
    let fetch = Fetch::until(Some(query.until));
    let mut budget = Budget::new(samples_max(query).saturating_mul(2), fetch);
    for of_device in of_devices(&series) {
        let both = (&mut budget, &mut levels);
        let read = of_one(store, query, attached, (of_device, reach), both, &mut rows);
        read.map_err(|error| match error {
            QueryError::Read(SeriesError::TooMuch { read, .. }) => {
                too_many(query, read, series.len())
            }
            QueryError::Read(SeriesError::GivenUp) => QueryError::Late,
            QueryError::Read(SeriesError::Archive(ColdError::Late)) => QueryError::ArchiveLate,
            QueryError::Read(SeriesError::TooManyArchived { max }) => {
                QueryError::TooManyArchived { max }
            }
            error => error,
        })?;
        cost.devices += 1;
        cost.series += of_device.len() as u64;
    }
    cost.samples = budget.read();
    let (rows, left_out) = rows.told(store, attached);
    Ok(Answer {
        first: first_step(query),
        rows,
        more: left_out || selected.more,
        matched: selected.matched,
        level: levels.coarsest().name(),
        parts: levels.parts(),
        cost,
    })
}

/// Reads the series of one device that are meant, which ascend by column, and folds them in.
fn of_one(
    store: &SeriesStore,
    query: &Query,
    attached: &Attached,
    (series, reach): (&[Selection], Reach),
    read: (&mut Budget, &mut Levels),
    rows: &mut Rows,
) -> Result<(), QueryError> {
    let Some(device_id) = series.first().map(|series| series.device_id) else {
        return Ok(());
    };
    let of_device = attached.device(device_id);
    let asked = steps::Asked {
        device_id,
        from: query.from,
        to: query.to,
        step: query.step,
        interval: interval(attached, device_id),
        replaced_at: of_device.map_or(&[][..], |of| of.replaced_at.as_slice()),
        until: query.until,
        reach,
        held_max: steps::HELD_MAX,
    };
    let wanted = series.iter().map(|series| steps::Wanted {
        column: series.column,
        kind: series.metric.kind(),
        how: over(query, series),
    });
    let wanted: Vec<steps::Wanted> = wanted.collect();
    steps::read(store, &asked, &wanted, read, |place, values| {
        match series.get(place) {
            Some(series) => rows.add(store, attached, series, values),
            None => Ok(()),
        }
    })
}

/// How the samples of a step of a series become one.
fn over(query: &Query, series: &Selection) -> Aggregation {
    let by_kind = || way_of(series.metric.kind());
    query.over.unwrap_or_else(by_kind)
}

/// What there is of the range of a query, from another time on.
fn reach_of(query: &Query, list: &[PackMeta], from: Timestamp) -> Reach {
    reach::reach(list, (from, query.to), query.step)
}

/// How the samples of a step become one where nothing is said.
pub fn way_of(kind: Kind) -> Aggregation {
    match kind {
        Kind::Counter => Aggregation::Rate,
        Kind::Gauge => Aggregation::Avg,
        Kind::State => Aggregation::Last,
    }
}

/// From poll to poll.
fn interval(attached: &Attached, device_id: DeviceId) -> Duration {
    let known = attached.device(device_id).and_then(|of| of.interval);
    known
        .unwrap_or(INTERVAL_DEFAULT)
        .max(Duration::from_secs(1))
}

/// The series device by device.
fn of_devices(series: &[Selection]) -> impl Iterator<Item = &[Selection]> {
    series.chunk_by(|a, b| a.device_id == b.device_id)
}

fn samples_max(query: &Query) -> u64 {
    query.samples_max.min(SAMPLES_MAX)
}

/// Refuses what would read more than may be, by how often the devices are polled; says how long a range
/// would fit.
fn affordable(
    query: &Query,
    list: &[PackMeta],
    reach: &Reach,
    series: &[Selection],
    attached: &Attached,
) -> Result<(), QueryError> {
    let mut load = Load::default();
    for of_device in of_devices(series) {
        let device_id = of_device.first().map(|series| series.device_id);
        let poll = device_id.map_or(INTERVAL_DEFAULT, |id| interval(attached, id));
        for series in of_device {
            load.add(poll, over(query, series), series.metric.kind());
        }
    }
    let max = samples_max(query);
    let samples = load.cost(reach);
    if samples <= max {
        return Ok(());
    }
    // The longest in whole seconds, by halves. Days of roll-ups may take less than a part of a day, so
    // that it is not always the longest; it always fits.
    let (mut fits, mut over) = (0, query.to.since(query.from).as_secs());
    while fits + 1 < over {
        let middle = u64::midpoint(fits, over);
        let from = query.to.minus(Duration::from_secs(middle));
        if load.cost(&reach_of(query, list, from)) <= max {
            fits = middle;
        } else {
            over = middle;
        }
    }
    Err(QueryError::TooManySamples {
        samples,
        max,
        series: series.len(),
        range: Duration::from_secs(fits),
    })
}

fn too_many(query: &Query, samples: u64, series: usize) -> QueryError {
    let max = samples_max(query);
    let range = query.to.since(query.from).as_secs_f64() * (max as f64 / samples.max(1) as f64);
    QueryError::TooManySamples {
        samples,
        max,
        series,
        range: Duration::try_from_secs_f64(range.floor()).unwrap_or_default(),
    }
}

/// How many steps the range has.
fn step_count(query: &Query) -> usize {
    bucket_count(query.from, query.to, query.step).min(super::BUCKETS_MAX)
}

fn first_step(query: &Query) -> Timestamp {
    let step = i64::try_from(query.step.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let first = query.from.unix_ms().div_euclid(step).saturating_mul(step);
    Timestamp::from_unix_ms(first)
}
