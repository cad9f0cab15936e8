//! Series at equal steps, of what the store has of them: roll-ups where these answer.

use super::Ground;
use model::Timestamp;
use model::metric::Kind;
use model::series::Series;
use std::time::{Duration, Instant};
use store::series::{Aggregation, Ask, SeriesError};

/// How fine the steps are, and so how far back and forth is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Five minutes: two weeks back, for some hours.
    FiveMinutes,
    /// Hours: two years back, for two weeks.
    Hours,
    /// Days: two years back, for a year.
    Days,
}

/// Two years, in days.
const LONG_DAYS: u64 = 730;
/// As far back as is looked where older days would have to be fetched of the archive.
const SHORT_DAYS: u64 = 60;
/// Two weeks, in days.
const FINE_DAYS: u64 = 14;
/// The longest horizon by steps of five minutes.
const FINE_HORIZON: Duration = Duration::from_hours(6);
/// The longest horizon by steps of an hour: what is further is as good by days, at a twenty-fourth.
const HOURS_HORIZON: Duration = Duration::from_hours(24 * 14);

impl Grain {
    /// That for a horizon.
    pub fn of_horizon(horizon: Duration) -> Self {
        if horizon <= FINE_HORIZON {
            Self::FiveMinutes
        } else if horizon <= HOURS_HORIZON {
            Self::Hours
        } else {
            Self::Days
        }
    }

    /// How long a step is.
    pub fn step(self) -> Duration {
        match self {
            Self::FiveMinutes => Duration::from_mins(5),
            Self::Hours => Duration::from_hours(1),
            Self::Days => Duration::from_hours(24),
        }
    }

    /// How far back is looked.
    pub fn back(self) -> Duration {
        let days = match self {
            Self::FiveMinutes => FINE_DAYS,
            Self::Hours | Self::Days => LONG_DAYS,
        };
        Duration::from_hours(24 * days)
    }

    /// Lengths that may repeat, in steps: day and week; of days, week and year.
    pub fn seasons(self) -> &'static [usize] {
        match self {
            Self::FiveMinutes => &[288, 2_016],
            Self::Hours => &[24, 168],
            Self::Days => &[7, 365],
        }
    }
}

/// Values at equal steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// When the first step begins.
    pub from: Timestamp,
    /// How long each is.
    pub step: Duration,
    /// The values; NaN where there is none. The first is there.
    pub values: Vec<f64>,
}

impl Input {
    /// When the last step ends.
    pub fn to(&self) -> Timestamp {
        let steps = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.from.plus(self.step * steps)
    }

    /// Values that are there.
    pub fn known(&self) -> usize {
        self.values.iter().filter(|value| value.is_finite()).count()
    }

    /// The value of the step that begins then.
    pub fn at(&self, at: Timestamp) -> Option<f64> {
        if at < self.from {
            return None;
        }
        let steps = at.since(self.from).as_millis() / self.step.as_millis().max(1);
        let value = self.values.get(usize::try_from(steps).ok()?)?;
        value.is_finite().then_some(*value)
    }

    /// The values with what is missing filled as a line, and as it was last at the end.
    pub fn filled(&self) -> Vec<f64> {
        let known = analytics::gaps::filled(&self.values);
        let missing = self.values.iter().take_while(|value| !value.is_finite());
        let first = known.first().copied().unwrap_or(0.0);
        let mut filled = vec![first; missing.count()];
        filled.extend(known);
        let last = filled.last().copied().unwrap_or(0.0);
        filled.resize(self.values.len(), last);
        filled
    }

    /// The same up to its step that begins then.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Self {
        let steps = at.since(self.from).as_millis() / self.step.as_millis().max(1);
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        let values = self.values.get(..steps.min(self.values.len()));
        Self {
            values: values.unwrap_or_default().to_vec(),
            ..self.clone()
        }
    }
}

/// What a step of a series says where nothing else is wanted: the rate of a counter, the mean of a gauge.
pub fn usual(kind: Kind) -> Aggregation {
    match kind {
        Kind::Counter => Aggregation::Rate,
        Kind::Gauge => Aggregation::Avg,
        Kind::State => Aggregation::Last,
    }
}

/// The greatest value within a step.
pub fn greatest(kind: Kind) -> Aggregation {
    match kind {
        Kind::Counter => Aggregation::Peak,
        Kind::Gauge | Kind::State => Aggregation::Max,
    }
}

/// Reads a series up to the last step that is over. Blocks: it reads files. Days that are only in the archive
/// are fetched where they are few; else less is looked at.
pub fn read(
    ground: &Ground,
    series: &Series,
    grain: Grain,
    how: Aggregation,
    (now, until): (Timestamp, Option<Instant>),
) -> Result<Input, SeriesError> {
    let back = grain.back();
    let to = begin_of(now, grain.step());
    let read = |back: Duration| {
        range(
            ground,
            series,
            grain.step(),
            how,
            (to.minus(back), to),
            until,
        )
    };
    match read(back) {
        Err(SeriesError::Archive(_) | SeriesError::TooManyArchived { .. }) => {
            read(back.min(Duration::from_hours(24 * SHORT_DAYS)))
        }
        read => read,
    }
}

/// Reads a range of a series. Blocks: it reads files.
pub fn range(
    ground: &Ground,
    series: &Series,
    step: Duration,
    how: Aggregation,
    (from, to): (Timestamp, Timestamp),
    until: Option<Instant>,
) -> Result<Input, SeriesError> {
    let device_id = series.key.device_id;
    let record = ground.store.inventory.device(device_id);
    let device = record.as_ref().map(|record| &record.device.body);
    let secs = device.map_or(60, |device| device.interval_secs.max(1));
    let ask = Ask {
        from: from.max(Timestamp::from_unix_ms(0)),
        to,
        step,
        how,
        interval: Duration::from_secs(secs.into()),
        replaced: device
            .map(|device| device.replaced_at.clone())
            .unwrap_or_default(),
        until,
    };
    let read = ground.series.steps(device_id, &[series.id], &ask)?;
    let steps = read.into_iter().next().unwrap_or_default().steps;
    let first = steps.iter().position(|(_, value)| value.is_some());
    let steps = steps
        .get(first.unwrap_or(steps.len())..)
        .unwrap_or_default();
    Ok(Input {
        from: steps.first().map_or(to, |(at, _)| *at),
        step,
        values: steps
            .iter()
            .map(|(_, value)| value.unwrap_or(f64::NAN))
            .collect(),
    })
}

/// When the step begins in which a time lies.
pub fn begin_of(at: Timestamp, step: Duration) -> Timestamp {
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    Timestamp::from_unix_ms(at.unix_ms().div_euclid(step_ms).saturating_mul(step_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(values: &[f64]) -> Input {
        Input {
            from: Timestamp::from_unix_ms(3_600_000),
            step: Duration::from_hours(1),
            values: values.to_vec(),
        }
    }

    #[test]
    fn values_are_found_by_their_time() {
        let input = input(&[1.0, f64::NAN, 3.0]);
        let at = |hours: i64| input.at(Timestamp::from_unix_ms(hours * 3_600_000));
        assert_eq!(
            [at(0), at(1), at(2), at(3), at(4)],
            [None, Some(1.0), None, Some(3.0), None]
        );
        assert_eq!(input.to().unix_ms(), 4 * 3_600_000);
        assert_eq!(
            input.until(Timestamp::from_unix_ms(2 * 3_600_000)).values,
            [1.0]
        );
        assert_eq!(input.known(), 2);
    }

    #[test]
    fn gaps_are_lines() {
        let gap = f64::NAN;
        assert_eq!(
            input(&[1.0, gap, gap, 4.0, gap]).filled(),
            [1.0, 2.0, 3.0, 4.0, 4.0]
        );
        assert_eq!(input(&[]).filled(), [0.0; 0]);
        assert_eq!(input(&[gap, gap]).filled(), [0.0, 0.0]);
    }

    #[test]
    fn the_step_follows_the_horizon() {
        for (hours, grain) in [
            (1, Grain::FiveMinutes),
            (6, Grain::FiveMinutes),
            (7, Grain::Hours),
            (24 * 14, Grain::Hours),
            (24 * 15, Grain::Days),
            (24 * 365, Grain::Days),
        ] {
            assert_eq!(
                Grain::of_horizon(Duration::from_hours(hours)),
                grain,
                "{hours}"
            );
        }
    }

    #[test]
    fn steps_begin_at_their_multiples() {
        let hour = Duration::from_hours(1);
        for (ms, begin) in [
            (0, 0),
            (3_599_999, 0),
            (3_600_000, 3_600_000),
            (-1, -3_600_000),
        ] {
            let begun = begin_of(Timestamp::from_unix_ms(ms), hour);
            assert_eq!(begun.unix_ms(), begin, "{ms}");
        }
    }
}
