//! Reading samples by steps of time: what is asked for, checked and bounded, and the reading.

use crate::problem::{Answer, Faults, Kind, Problem};
use crate::services::Services;
use model::metric::Kind as MetricKind;
use model::series::Series;
use model::{DeviceId, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use store::series::aggregate::bucket_count;
use store::series::{Ask, ColdError, Grain, Quantile, SeriesError, SeriesStore, Stepped};
use topology::availability::Range;

/// Most steps of one series: three for each pixel of a wide screen.
pub(crate) const POINTS_MAX: usize = 11_000;
/// Most series of one answer: all ports of a switch, both ways.
pub(crate) const SERIES_MAX: usize = 100;
/// Steps that are aimed at where the client does not say.
const STEPS_WANTED: u32 = 300;
/// The range where none is asked for.
const RANGE_DEFAULT: Duration = Duration::from_hours(1);
/// Longest range: a leap year and a bit.
const RANGE_MAX: Duration = Duration::from_hours(24 * 400);
/// Longest range where steps are of [`LONG_STEP_SECS`] or more, as these are read of roll-ups: ten years.
const LONG_RANGE_MAX: Duration = Duration::from_hours(24 * 3_660);
/// The shortest step of a range that is longer than [`RANGE_MAX`], in seconds.
const LONG_STEP_SECS: u32 = 3_600;
/// The steps that are chosen from, in seconds.
const STEPS_SECS: [u32; 16] = [
    1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
];
/// What a part of an answer was summed up from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SamplesPart)]
pub(crate) struct Part {
    /// Where the part begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// What it was summed up from: `raw` (samples), `5m` or `1h` (roll-ups), `archive` (samples that were
    /// fetched of the archive), `missing` (such samples that could not be had).
    level: &'static str,
}

/// Steps, and what they were summed up from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    /// Each step.
    pub(crate) points: Vec<Point>,
    /// The last of these that any of its parts is: `raw`, `5m`, `1h`, `archive`, `missing`.
    pub(crate) level: &'static str,
    /// All of the range.
    pub(crate) parts: Vec<Part>,
    /// What whoever reads it should know.
    pub(crate) notes: Vec<String>,
}

/// `[unix_ms, value]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Point(pub(crate) i64, pub(crate) Option<f64>);

/// How the samples of a step become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aggregation {
    /// The least.
    Min,
    /// The mean of the samples.
    Avg,
    /// The greatest.
    Max,
    /// The sum of the samples.
    Sum,
    /// How many samples there are.
    Count,
    /// The latest.
    Last,
    /// The standard deviation of the samples.
    Stddev,
    /// The median of the samples, between the two nearest by a straight line; so are the others.
    P50,
    /// The 95th percentile of the samples.
    P95,
    /// The 99th percentile of the samples.
    P99,
    /// Increase of a counter in the step, of what is covered of it; breaks where a rate does.
    Increase,
    /// By how much a gauge changed in the step; up or down.
    Delta,
    /// The greatest increase per second of a counter from one sample to the next; breaks where a rate does.
    Peak,
    /// Increase per second of a counter; goes on over a wrap of 32 bits, breaks at a restart and at a gap of over three polls.
    Rate,
}

/// Where a range was asked for, and so where a problem points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// In the query.
    Query,
    /// In the body.
    Body,
}

impl Where {
    fn refuse(self, name: &str, detail: String) -> Problem {
        match self {
            Self::Query => Problem::field(Kind::BadQuery, format!("?{name}"), detail),
            Self::Body => {
                let mut faults = Faults::default();
                faults.add(format!("/{name}"), detail.clone());
                match faults.into_result() {
                    Err(problem) => problem,
                    Ok(()) => Problem::new(Kind::Invalid, detail),
                }
            }
        }
    }
}

/// A range of time, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it begins.
    pub(crate) from: Timestamp,
    /// Where it ends; not part of it.
    pub(crate) to: Timestamp,
}

impl Span {
    pub(crate) fn new(
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
        place: Where,
    ) -> Answer<Self> {
        Self::by_default(from, to, now, (RANGE_DEFAULT, RANGE_MAX), place)
    }
    /// A range that may be as long as ten years: [`Plan::check`] refuses one that is too long for its
    /// step.
    pub(crate) fn long(
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
        place: Where,
    ) -> Answer<Self> {
        Self::by_default(from, to, now, (RANGE_DEFAULT, LONG_RANGE_MAX), place)
    }
    /// A range of what is over: it ends now at the latest.
    pub(crate) fn past(
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
        default: Duration,
        place: Where,
    ) -> Answer<Self> {
        Self::past_within(from, to, now, (default, RANGE_MAX), place)
    }
    /// The same, of at most so long a range.
    pub(crate) fn past_within(
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
        bounds: (Duration, Duration),
        place: Where,
    ) -> Answer<Self> {
        let to = to.unwrap_or(now).min(now);
        Self::by_default(from, Some(to), now, bounds, place)
    }
    fn by_default(
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
        (default, max): (Duration, Duration),
        place: Where,
    ) -> Answer<Self> {
        let to = to.unwrap_or(now);
        let from = from.unwrap_or_else(|| to.minus(default));
        if from >= to {
            return Err(place.refuse("from", format!("it must be before the end, {to}")));
        }
        if to.since(from) > max {
            let days = max.as_secs() / 86_400;
            return Err(place.refuse("from", format!("a range has at most {days} days")));
        }
        let outside =
            |name| Err(place.refuse(name, "the range is outside of what is kept".to_owned()));
        if from.unix_ms() < 0 {
            return outside("from");
        }
        if to > now.plus(RANGE_MAX) {
            return outside("to");
        }
        Ok(Self { from, to })
    }
    /// The same for `topology`.
    pub(crate) fn range(self) -> Range {
        Range {
            from: self.from,
            to: self.to,
        }
    }
    /// Its length.
    pub(crate) fn secs(self) -> u64 {
        self.to.since(self.from).as_secs()
    }
}

/// What is to be read of one series.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Over which range.
    pub(crate) span: Span,
    /// Seconds of a step.
    pub(crate) step_secs: u32,
    id: SeriesId,
    device_id: DeviceId,
    interval_secs: u32,
    aggregation: store::series::Aggregation,
    /// When another machine took the device's place.
    replaced_at: Vec<Timestamp>,
    /// When nobody waits for the answer any more.
    until: Instant,
}

impl Plan {
    pub(crate) fn new(
        services: &Services,
        series: &Series,
        span: Span,
        step_secs: Option<u32>,
        aggregation: Option<Aggregation>,
    ) -> Self {
        use store::series::Aggregation as Way;
        let key = &series.key;
        let record = services.store.inventory.device(key.device_id);
        let device = record.as_ref().map(|record| &record.device.body);
        let interval_secs = device.map_or(60, |device| device.interval_secs.max(1));
        let replaced_at = device.map(|device| device.replaced_at.clone());
        let aggregation = match (aggregation, key.metric.kind()) {
            (Some(Aggregation::Min), _) => Way::Min,
            (Some(Aggregation::Max), _) => Way::Max,
            (Some(Aggregation::Sum), _) => Way::Sum,
            (Some(Aggregation::Count), _) => Way::Count,
            (Some(Aggregation::Stddev), _) => Way::Stddev,
            (Some(Aggregation::P50), _) => Way::Quantile(Quantile::MEDIAN),
            (Some(Aggregation::P95), _) => Way::Quantile(Quantile::P95),
            (Some(Aggregation::P99), _) => Way::Quantile(Quantile::P99),
            (Some(Aggregation::Increase), _) => Way::Increase,
            (Some(Aggregation::Peak), _) => Way::Peak,
            (Some(Aggregation::Delta), _) => Way::Delta,
            (Some(Aggregation::Avg), _) | (None, MetricKind::Gauge) => Way::Avg,
            (Some(Aggregation::Last), _) | (None, MetricKind::State) => Way::Last,
            (Some(Aggregation::Rate), _) | (None, MetricKind::Counter) => Way::Rate,
        };
        Self {
            span,
            step_secs: step_secs.unwrap_or_else(|| step_of(span, interval_secs)),
            id: series.id,
            device_id: key.device_id,
            interval_secs,
            aggregation,
            replaced_at: replaced_at.unwrap_or_default(),
            until: Instant::now() + services.options.request_timeout,
        }
    }

    /// Refuses more steps than are answered.
    pub(crate) fn check(&self, points_max: usize, place: Where) -> Answer<()> {
        check_step(Some(self.step_secs), place)?;
        check_long(self.span, self.step_secs, place)?;
        let steps = steps_of(self.span, self.step_secs);
        if steps > points_max {
            let least = self
                .span
                .secs()
                .div_ceil(points_max.saturating_sub(1).max(1) as u64);
            return Err(place.refuse(
                "step_secs",
                format!(
                    "the range has {steps} steps and at most {points_max} are answered here: \
                     ask for a step of {least} seconds or a shorter range"
                ),
            ));
        }
        Ok(())
    }

    fn step(&self) -> Duration {
        Duration::from_secs(self.step_secs.into())
    }
}

/// How many steps meet a range.
pub(crate) fn steps_of(span: Span, step_secs: u32) -> usize {
    bucket_count(span.from, span.to, Duration::from_secs(step_secs.into()))
}

/// Longest step, in seconds: a leap year.
pub(crate) const STEP_SECS_MAX: u32 = 366 * 86_400;

/// Refuses a step that is none.
pub(crate) fn check_step(step_secs: Option<u32>, place: Where) -> Answer<()> {
    if step_secs.is_none_or(|secs| (1..=STEP_SECS_MAX).contains(&secs)) {
        return Ok(());
    }
    let detail = format!("a step has 1 to {STEP_SECS_MAX} seconds");
    Err(place.refuse("step_secs", detail))
}

/// Refuses short steps of a range that is read of roll-ups.
pub(crate) fn check_long(span: Span, step_secs: u32, place: Where) -> Answer<()> {
    if step_secs >= LONG_STEP_SECS || span.to.since(span.from) <= RANGE_MAX {
        return Ok(());
    }
    let detail = format!("a step of {LONG_STEP_SECS} seconds or more for over 400 days");
    Err(place.refuse("step_secs", detail))
}

/// Reads the steps. Blocks: it may read files.
pub(crate) fn read(store: &SeriesStore, plan: &Plan) -> Answer<Vec<Point>> {
    Ok(read_whole(store, plan)?.points)
}

/// As [`read`], with what the steps were summed up from.
pub(crate) fn read_whole(store: &SeriesStore, plan: &Plan) -> Answer<Read> {
    in_time(plan.until)?;
    let ask = Ask {
        from: plan.span.from,
        to: plan.span.to,
        step: plan.step(),
        how: plan.aggregation,
        interval: Duration::from_secs(plan.interval_secs.into()),
        replaced: plan.replaced_at.clone(),
        until: Some(plan.until),
    };
    let read = store.steps(plan.device_id, &[plan.id], &ask);
    let read = read.map_err(not_read)?.pop().unwrap_or_default();
    Ok(Read::of(&read))
}

/// What is told where reading failed.
pub(crate) fn not_read(error: SeriesError) -> Problem {
    match error {
        SeriesError::GivenUp => too_long(),
        SeriesError::Archive(ColdError::Late) => archive_too_long(),
        SeriesError::TooManyArchived { max } => too_many_archived(max),
        error => Problem::internal("reading samples", &error),
    }
}

/// What is told where fetching archived days took longer than somebody waits.
pub(crate) fn archive_too_long() -> Problem {
    let detail = "Archived days take longer: ask for fewer days, or restore them.";
    Problem::new(Kind::Timeout, detail)
}

/// What is told where more archived days are needed than are fetched for one answer.
pub(crate) fn too_many_archived(max: usize) -> Problem {
    let detail = format!(
        "Samples of more than {max} archived days would have to be fetched: ask for a shorter range, or \
         for steps that roll-ups answer, or restore the days."
    );
    Problem::new(Kind::Invalid, detail)
}

/// What whoever reads an answer should know of its parts.
pub(crate) fn notes<'a>(
    parts: impl Iterator<Item = (Timestamp, Timestamp, &'a str)>,
) -> Vec<String> {
    let missing = Grain::Missing.name();
    parts
        .filter(|(_, _, level)| *level == missing)
        .map(|(from, to, _)| {
            format!("Samples from {from} to {to} are in the archive, which could not be read.")
        })
        .collect()
}

impl Read {
    fn of(read: &Stepped) -> Self {
        let part = |part: &store::series::Part| Part {
            from: part.from,
            to: part.to,
            level: part.grain.name(),
        };
        let points = read.steps.iter();
        Self {
            points: points
                .map(|(at, value)| Point(at.unix_ms(), *value))
                .collect(),
            level: read.coarsest().name(),
            parts: read.parts.iter().map(part).collect(),
            notes: notes(
                read.parts
                    .iter()
                    .map(|part| (part.from, part.to, part.grain.name())),
            ),
        }
    }
}

/// Whether somebody still waits: the turn to read is another's else.
pub(crate) fn in_time(until: Instant) -> Answer<()> {
    if Instant::now() < until {
        return Ok(());
    }
    Err(too_long())
}

fn too_long() -> Problem {
    Problem::new(Kind::Timeout, "Reading took too long; ask for less.")
}

/// A round step that cuts a range into some [`STEPS_WANTED`], none shorter than the poll.
pub(crate) fn step_of(span: Span, interval_secs: u32) -> u32 {
    let wanted = (span.secs() / u64::from(STEPS_WANTED)).max(interval_secs.into());
    STEPS_SECS
        .into_iter()
        .find(|step| u64::from(*step) >= wanted)
        .unwrap_or(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_unix_ms(secs * 1_000)
    }

    #[test]
    fn steps_are_round_and_not_shorter_than_the_poll() {
        for (range_secs, interval_secs, step_secs) in [
            (3_600, 5, 15),
            (3_600, 60, 60),
            (300, 5, 5),
            (86_400, 60, 300),
            (7 * 86_400, 60, 3_600),
            (400 * 86_400, 60, 86_400),
        ] {
            let span = Span {
                from: at(0),
                to: at(range_secs),
            };
            assert_eq!(step_of(span, interval_secs), step_secs, "{range_secs}");
        }
    }

    #[test]
    fn nobody_reads_for_those_who_left() {
        let now = Instant::now();
        assert!(in_time(now + Duration::from_mins(1)).is_ok());
        assert_eq!(in_time(now).unwrap_err().kind(), Kind::Timeout);
    }

    #[test]
    fn ranges_are_checked() {
        let now = at(100_000_000);
        let span = |from, to| Span::new(from, to, now, Where::Query);
        assert_eq!(span(None, None).unwrap().from, now.minus(RANGE_DEFAULT));
        assert!(span(Some(now), None).is_err());
        assert!(span(Some(at(0)), None).is_err(), "over 400 days");
        let long = |from| Span::long(Some(at(from)), None, now, Where::Query);
        assert!(long(0).is_ok());
        let pointer = |from, to| {
            let refused = Span::new(from, to, now, Where::Body).unwrap_err();
            refused.faults()[0].pointer.clone()
        };
        assert_eq!(pointer(Some(at(-5)), Some(at(5))), "/from");
        assert_eq!(pointer(Some(at(150_000_000)), Some(at(150_000_001))), "/to");
        assert!(span(None, Some(at(200_000_000))).is_err());
    }
}
