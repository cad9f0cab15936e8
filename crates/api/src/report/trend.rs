//! Whether something rises or falls. Means of an hour become means of a day, and of these
//! `analytics::trend` says where they go, without their seasons and apart from jumps of their level.

use super::groups::Group;
use super::percentile::{Source, traffic};
use super::reading::{DAY_SECS, Join, Reader, Stop, Sums};
use super::{
    Cell, Column, Made, Question, ReportOf, change_ratio, column, evidence, mean, thinned,
};
use crate::limits;
use crate::sampling::Span;
use analytics::change::change_points;
use analytics::season::seasons;
use analytics::trend::{Direction, Trend, trend};
use model::{Metric, SeriesId};
use std::sync::Arc;
use store::series::Aggregation;

/// A step that days are made of, in seconds.
const STEP_SECS: u32 = 3_600;
/// Steps of a day.
const STEPS_A_DAY: usize = 24;
/// Steps of a day that must be measured, so that the hours that are missing do not make it another.
const STEPS_MIN: usize = STEPS_A_DAY / 2;
/// Days that must be known, and the least part of the days of the period.
const DAYS_MIN: usize = 14;

/// The columns.
pub(super) fn columns(of: ReportOf) -> Vec<Column> {
    let (unit, each_day) = match of {
        ReportOf::InTraffic | ReportOf::OutTraffic => ("bit/s", "bit/s per day"),
        ReportOf::RoundTrip => ("seconds", "seconds per day"),
        _ => ("ratio", "ratio per day"),
    };
    let mut columns = vec![
        column("mean", unit, "Mean", "The mean of the period."),
        column(
            "before_mean",
            unit,
            "Before",
            "The mean of the period before.",
        ),
        column(
            "change_ratio",
            "ratio",
            "Change",
            "By which share of what was before it is more.",
        ),
        column(
            "trend",
            "",
            "Trend",
            "up, down, no trend (no more than chance makes), or unknown (too few days were measured).",
        ),
        column(
            "slope",
            each_day,
            "Slope",
            "The median of all slopes between two days, whether or not a trend is believed.",
        ),
        column(
            "score",
            "standard deviations",
            "Score",
            "How sure the trend is: the standard score of Kendall's test; 3.29 either way is one in a thousand.",
        ),
        column(
            "days",
            "days",
            "Days",
            "UTC days of which at least half was measured, and which the trend rests on.",
        ),
    ];
    columns.extend(evidence("Series that the row is of."));
    columns
}

/// A row.
pub(super) fn row(
    reader: &mut Reader<'_>,
    group: &Group,
    (span, before): (Span, Span),
    question: &Question,
) -> Result<Made, Stop> {
    let of = question.of.unwrap_or(ReportOf::InTraffic);
    let (sources, how, join) = sources(reader, group, of)?;
    let count = sources.iter().map(|(_, series)| series.len()).sum();
    reader.afford(count, span, STEP_SECS)?;
    reader.afford(count, before, STEP_SECS)?;
    let (mut now, mut earlier) = (Sums::new(span, STEP_SECS), Sums::new(before, STEP_SECS));
    let mut samples = 0;
    for (record, series) in &sources {
        now.add(reader, record, series, (span, how))?;
        earlier.add(reader, record, series, (before, how))?;
        let ids: Vec<SeriesId> = series.iter().map(|(id, _)| *id).collect();
        samples += reader.samples(record, &ids, span)?;
    }
    let values = now.values(join);
    let means = (mean(&values), mean(&earlier.values(join)));
    let days = days(&values, now.first_ms);
    let known = days.iter().filter(|day| day.is_finite()).count();
    let found = of_days(&days);
    let told = match found.map(|trend| trend.direction) {
        Some(Direction::Up) => "up",
        Some(Direction::Down) => "down",
        Some(Direction::None) => "no trend",
        None => "unknown",
    };
    let (members, measured) = now.members();
    let cells = vec![
        Cell::number(means.0),
        Cell::number(means.1),
        Cell::number(change_ratio(means.0, means.1)),
        Cell::text(told),
        Cell::number(found.map(|trend| trend.slope)),
        Cell::number(found.map(|trend| trend.score)),
        Cell::Count(known as u64),
        Cell::Count(members),
        Cell::Count(measured),
        Cell::Count(samples),
        Cell::Number(now.measured_ratio()),
        Cell::Number(earlier.measured_ratio()),
    ];
    Ok((cells, thinned(&values, now.first_ms, now.step_ms)))
}

/// What is read for it, how samples become a step, and how series become one.
fn sources(
    reader: &Reader<'_>,
    group: &Group,
    of: ReportOf,
) -> Result<(Vec<Source>, Aggregation, Join), Stop> {
    if of.is_of_interfaces() {
        let metric = match of {
            ReportOf::OutTraffic => Metric::IF_HC_OUT_OCTETS,
            _ => Metric::IF_HC_IN_OCTETS,
        };
        let sources = traffic(reader.store, group, metric);
        return Ok((sources, Aggregation::Rate, Join::Sum));
    }
    let mut sources = Vec::with_capacity(group.members.len());
    for record in &group.members {
        reader.in_time()?;
        let series = if let Some(resource) = of.resource() {
            limits::of_device(reader.store, record, resource, None)?
                .into_iter()
                .map(|limited| (limited.series, limited.factor / limited.limit))
                .collect()
        } else {
            let metric = match of {
                ReportOf::Loss => Metric::ICMP_LOSS,
                _ => Metric::ICMP_RTT,
            };
            let all = reader.store.series_named(record.device.body.id, metric);
            all.iter().map(|series| (series.id, 1.0)).collect()
        };
        sources.push((Arc::clone(record), series));
    }
    Ok((sources, Aggregation::Avg, Join::Mean))
}

/// Means of whole UTC days of hours, the first of which begins at `first_ms`; NaN of those of which less than half is known.
fn days(hours: &[f64], first_ms: i64) -> Vec<f64> {
    let hour_ms = i64::from(STEP_SECS) * 1_000;
    let into = first_ms.rem_euclid(i64::from(DAY_SECS) * 1_000) / hour_ms;
    let into = usize::try_from(into).unwrap_or_default();
    let skip = (STEPS_A_DAY - into) % STEPS_A_DAY;
    let whole = hours.get(skip..).unwrap_or_default();
    let day = |hours: &[f64]| {
        let known = hours.iter().filter(|hour| hour.is_finite()).count();
        let mean = mean(hours).filter(|_| known >= STEPS_MIN);
        mean.unwrap_or(f64::NAN)
    };
    whole.chunks_exact(STEPS_A_DAY).map(day).collect()
}

/// The trend of days; none where fewer than [`DAYS_MIN`], or less than half of them, are known.
fn of_days(days: &[f64]) -> Option<Trend> {
    let known = days.iter().filter(|day| day.is_finite()).count();
    if known < DAYS_MIN || known * 2 < days.len() {
        return None;
    }
    let filled = filled(days);
    let seasons = seasons(&filled);
    let changes = change_points(&filled, &seasons);
    Some(trend(&filled, &seasons, &changes))
}

/// Without the gaps at both ends, and with those between on a straight line, as the trend wants them.
fn filled(days: &[f64]) -> Vec<f64> {
    let is_known = |day: &f64| day.is_finite();
    let first = days.iter().position(is_known).unwrap_or(days.len());
    let end = days
        .iter()
        .rposition(is_known)
        .map_or(first, |last| last + 1);
    let mut filled: Vec<f64> = Vec::with_capacity(end - first);
    let mut gap = 0u32;
    for day in days.get(first..end).unwrap_or_default() {
        if !day.is_finite() {
            gap += 1;
            continue;
        }
        if let Some(last) = filled.last().copied().filter(|_| gap > 0) {
            let each = (day - last) / f64::from(gap + 1);
            filled.extend((1..=gap).map(|n| last + each * f64::from(n)));
        }
        gap = 0;
        filled.push(*day);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lie_on_a_line_and_ends_are_left_away() {
        let nan = f64::NAN;
        assert_eq!(
            filled(&[nan, 1.0, nan, nan, 4.0, nan]),
            [1.0, 2.0, 3.0, 4.0]
        );
        assert!(filled(&[nan, nan]).is_empty());
        assert!(filled(&[]).is_empty());
    }

    #[test]
    fn days_are_whole_utc_days_of_which_half_is_known() {
        let hour_ms = 3_600_000;
        let mut hours = vec![1.0; 60];
        hours.splice(12..36, std::iter::repeat_n(f64::NAN, 24));
        let told = days(&hours, 12 * hour_ms);
        assert_eq!(told.len(), 2);
        assert!(told[0].is_nan(), "it was not measured");
        assert!((told[1] - 1.0).abs() < f64::EPSILON);
        assert!(days(&[1.0; 5], 0).is_empty());
        assert!(days(&[], 7).is_empty());
    }

    #[test]
    fn a_trend_is_told_where_there_are_days_for_it() {
        let rising: Vec<f64> = (0..30).map(|day| 10.0 + f64::from(day)).collect();
        let told = of_days(&rising).unwrap();
        assert_eq!(told.direction, Direction::Up);
        assert!((told.slope - 1.0).abs() < 1e-9);
        let flat = vec![3.0; 30];
        assert_eq!(
            of_days(&flat).map(|told| told.direction),
            Some(Direction::None)
        );
        assert!(of_days(&rising[..13]).is_none());
        let mut gaps = vec![f64::NAN; 40];
        gaps[..15].copy_from_slice(&rising[..15]);
        assert!(of_days(&gaps).is_none(), "more than half is missing");
    }
}
