//! What limits a series, and when thresholds of it are reached.

use super::Ground;
use super::input::{self, Grain, Input};
use crate::limits::size_of;
use analytics::capacity::{CYCLES_MIN, exhaustion};
use analytics::robust::{median, quantile};
use model::forecast::{Capacity, CapacityOf, LimitKind, Outlook};
use model::series::Series;
use model::{Metric, Timestamp};
use std::time::{Duration, Instant};
use store::series::SeriesError;

/// The furthest that is told, in days.
pub const DAYS_MAX: usize = 365;
/// How many times as far as a series is known it is told of it: growth that was seen for two weeks says nothing
/// of the next year.
const TIMES_KNOWN: usize = 4;
/// Hours that a day must have to be taken.
const HOURS_MIN: usize = 12;
/// A week, in days: whole ones are compared where [`CYCLES_MIN`] of them are known.
pub(crate) const WEEK: usize = 7;
/// A day.
const DAY: Duration = Duration::from_hours(24);

/// The limit of a series, in its unit (a second, of counters); none where nothing is known to limit it.
pub fn limit_of(ground: &Ground, series: &Series) -> Option<(LimitKind, f64)> {
    let key = &series.key;
    let found = match key.metric {
        Metric::IF_HC_IN_OCTETS | Metric::IF_HC_OUT_OCTETS => {
            let id = key.labels.interface_id()?;
            let speed_bps = ground.store.inventory.interface(id)?.speed_bps?;
            Some((LimitKind::InterfaceSpeed, speed_bps as f64 / 8.0))
        }
        // One that cannot be read now is not known now.
        _ => size_of(&ground.series, series).ok()?,
    };
    found.filter(|(_, limit)| *limit > 0.0 && limit.is_finite())
}

/// The numbers of a series by whole days.
#[derive(Clone, Debug, PartialEq)]
pub struct Days {
    /// When the first begins.
    pub from: Timestamp,
    avg: Vec<f64>,
    p95: Vec<f64>,
    peak: Vec<f64>,
}

impl Days {
    /// One of the numbers, day by day; NaN where it is not known.
    pub fn of(&self, of: CapacityOf) -> &[f64] {
        match of {
            CapacityOf::Avg => &self.avg,
            CapacityOf::P95 => &self.p95,
            CapacityOf::Peak => &self.peak,
        }
    }
}

/// The days of a series whose hours are known; its greatest values are read. Blocks: it reads files.
pub fn days(
    ground: &Ground,
    series: &Series,
    hours: &Input,
    (now, until): (Timestamp, Option<Instant>),
) -> Result<Days, SeriesError> {
    let how = input::greatest(series.key.metric.kind());
    let peaks = input::read(ground, series, Grain::Days, how, (now, until))?;
    Ok(of_hours(hours, &peaks))
}

fn of_hours(hours: &Input, peaks: &Input) -> Days {
    let from = input::begin_of(hours.from, DAY);
    let lead = hours.from.since(from).as_secs() / 3_600;
    let lead = usize::try_from(lead).unwrap_or(0);
    // The day in which it began is filled up with nothing, so that all have 24 hours.
    let mut values = vec![f64::NAN; lead.min(23)];
    values.extend_from_slice(&hours.values);
    let (mut avg, mut p95, mut peak) = (Vec::new(), Vec::new(), Vec::new());
    for (nth, day) in (0u32..).zip(values.chunks_exact(24)) {
        let known: Vec<f64> = day.iter().copied().filter(|v| v.is_finite()).collect();
        if known.len() < HOURS_MIN {
            for all in [&mut avg, &mut p95, &mut peak] {
                all.push(f64::NAN);
            }
            continue;
        }
        avg.push(known.iter().sum::<f64>() / known.len() as f64);
        p95.push(quantile(&known, 0.95).unwrap_or(f64::NAN));
        peak.push(peaks.at(from.plus(DAY * nth)).unwrap_or(f64::NAN));
    }
    Days {
        from,
        avg,
        p95,
        peak,
    }
}

/// When each number of a series reaches each threshold of its limit.
pub fn capacity(
    (limit_kind, limit): (LimitKind, f64),
    days: &Days,
    thresholds: &[f64],
    now: Timestamp,
) -> Capacity {
    let mut capacity = Capacity {
        limit_kind,
        limit,
        outlooks: Vec::new(),
        reason: None,
    };
    for of in CapacityOf::ALL {
        for &threshold in thresholds {
            match outlook(of, days.of(of), (limit, threshold), now) {
                Ok(outlook) => capacity.outlooks.push(outlook),
                Err(reason) => capacity.reason = Some(reason),
            }
        }
    }
    if !capacity.outlooks.is_empty() {
        capacity.reason = None;
    }
    capacity
}

/// What is told of so many days that are known: days of a cycle whose means are compared, and how many days
/// ahead.
pub(crate) fn reach(known: usize) -> (usize, usize) {
    let cycle = if known >= WEEK * CYCLES_MIN { WEEK } else { 1 };
    (cycle, (known * TIMES_KNOWN).min(DAYS_MAX))
}

/// When a number by days reaches a threshold of a limit; else why that is not told, in one sentence.
pub fn outlook(
    of: CapacityOf,
    values: &[f64],
    (limit, threshold): (f64, f64),
    now: Timestamp,
) -> Result<Outlook, String> {
    let known = values.iter().filter(|value| value.is_finite()).count();
    let (cycle, steps) = reach(known);
    let found = exhaustion(values, cycle, limit * threshold, steps);
    let found = found.map_err(|error| error.to_string())?;
    let late = values.get(values.len().saturating_sub(WEEK)..);
    let used = median(late.unwrap_or_default()).unwrap_or(f64::NAN) / limit;
    let is_over = used >= threshold;
    let day = |step: Option<usize>| {
        if is_over {
            return Some(now);
        }
        let step = u32::try_from(step?).ok()?;
        Some(now.plus(DAY * step))
    };
    Ok(Outlook {
        of,
        threshold,
        used: if used.is_finite() { used } else { 0.0 },
        expected_at: day(found.expected),
        earliest_at: day(found.earliest),
        latest_at: day(found.latest),
        growth_a_day: (1.0 + found.growth).powf(1.0 / cycle as f64) - 1.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_772_366_400_000);

    /// So many days that grow by a share each.
    fn growing(days: i32, share: f64) -> Vec<f64> {
        (0..days)
            .map(|day| 100.0 * (1.0 + share).powi(day))
            .collect()
    }

    #[test]
    fn known_growth_reaches_its_limit_when_it_does() {
        // 14 days by 2 % a day: from 129.4 at the last it is over 180 after 17 days.
        let outlook = outlook(CapacityOf::Avg, &growing(14, 0.02), (200.0, 0.9), NOW).unwrap();
        let days = outlook.expected_at.unwrap().since(NOW).as_secs() / 86_400;
        assert!((16..=18).contains(&days), "{days}");
        assert!((outlook.growth_a_day - 0.02).abs() < 1e-3, "{outlook:?}");
        assert!(outlook.earliest_at <= outlook.expected_at);
        assert!(outlook.expected_at <= outlook.latest_at);
    }

    #[test]
    fn a_year_is_told_of_a_quarter_and_two_months_of_two_weeks() {
        let reached = |days, share| {
            let outlook = outlook(CapacityOf::P95, &growing(days, share), (1_000.0, 0.9), NOW);
            outlook.unwrap().expected_at
        };
        assert!(reached(14, 0.03).is_none(), "74 days away");
        assert!(reached(60, 0.015).is_some(), "88 days away");
    }

    #[test]
    fn what_is_over_is_over_now_and_what_is_short_says_so() {
        let over = outlook(CapacityOf::Peak, &growing(14, 0.0), (100.0, 0.8), NOW).unwrap();
        assert_eq!((over.expected_at, over.latest_at), (Some(NOW), Some(NOW)));
        let short = outlook(CapacityOf::Peak, &growing(3, 0.0), (100.0, 0.8), NOW);
        assert!(short.unwrap_err().contains("3 whole cycles"));
        let days = of_hours(
            &Input {
                from: NOW,
                step: Duration::from_hours(1),
                values: vec![1.0; 30],
            },
            &Input {
                from: NOW,
                step: DAY,
                values: vec![],
            },
        );
        // It began at noon: the first day has 12 hours, the second 18 of which the last are not whole.
        assert_eq!(days.of(CapacityOf::Avg), [1.0]);
        let none = capacity((LimitKind::Full, 1.0), &days, &[0.8], NOW);
        assert!(none.outlooks.is_empty() && none.reason.is_some());
    }
}
