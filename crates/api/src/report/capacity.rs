//! When limits are reached: of each group the resource that reaches its threshold first. Steps of five minutes
//! become a number of each UTC day, and of these `analytics::capacity` says when their mean over a week, or where
//! few weeks are known the day's own, first exceeds the threshold. What has a limit, and which, is in [`limits`].

use super::groups::Group;
use super::percentile::STEP_SECS;
use super::reading::{DAY_SECS, Join, Reader, Stop, Sums};
use super::{
    Cell, Column, Made, Question, ReportStatistic, change_ratio, column, evidence, mean, thinned,
};
use crate::foresight::limit::{WEEK, reach};
use crate::limits::{self, Limited, Resource};
use crate::sampling::{Span, steps_of};
use analytics::capacity::{CYCLES_MIN, exhaustion};
use model::SeriesId;
use std::cmp::Ordering;
use std::sync::Arc;
use store::inventory::DeviceRecord;
use store::series::Quantile;

/// The longest step that days are made of, in seconds, for devices that are polled so seldom.
const STEP_SECS_MAX: u32 = 21_600;
/// Resources of one group, at most: each is looked at by itself.
const RESOURCES_MAX: usize = 100_000;

/// The columns before those of the evidence.
const COLUMNS: [Column; 19] = [
    column(
        "device",
        "",
        "Device",
        "Whose resource it is that reaches the threshold first.",
    ),
    column(
        "resource",
        "",
        "Resource",
        "Which of its resources that is.",
    ),
    column(
        "verdict",
        "",
        "Verdict",
        "over (the mean of the last seven days is), expected (within the horizon), not expected (within the horizon), or unknown (fewer than five days were measured).",
    ),
    column(
        "days_until",
        "days",
        "Days until",
        "Days until the threshold is first exceeded, by the mean of a week where five of them are known, else by a day; 0 where it is now.",
    ),
    column(
        "days_earliest",
        "days",
        "Earliest",
        "The same if it grows as quickly as is likely: one in four growths are quicker.",
    ),
    column(
        "days_latest",
        "days",
        "Latest",
        "The same if it grows as slowly as is likely: one in four growths are slower. Nothing where that is beyond the horizon.",
    ),
    column(
        "horizon_days",
        "days",
        "Horizon",
        "How many days ahead it is looked: four times as many as are known, a year at most.",
    ),
    column(
        "growth_ratio",
        "ratio per week",
        "Growth",
        "By which share of it the number grows in a week.",
    ),
    column(
        "used_ratio",
        "ratio",
        "Used",
        "The number that is held against the threshold, as a share of the limit: the mean of its days.",
    ),
    column(
        "before_used_ratio",
        "ratio",
        "Before",
        "The same of the period before.",
    ),
    column(
        "change_ratio",
        "ratio",
        "Change",
        "By which share of what was before it is more.",
    ),
    column(
        "mean_ratio",
        "ratio",
        "Mean",
        "The mean of the period, as a share of the limit.",
    ),
    column(
        "percentile_ratio",
        "ratio",
        "95th percentile",
        "The least of the steps that 95 of 100 do not exceed.",
    ),
    column("peak_ratio", "ratio", "Peak", "The greatest of the steps."),
    column("limit", "as limit_unit", "Limit", "The limit."),
    column(
        "limit_unit",
        "",
        "Unit",
        "Unit of the limit: bit/s, octets or ratio.",
    ),
    column(
        "over",
        "count",
        "Over",
        "Resources of the row that are over the threshold now.",
    ),
    column(
        "expected",
        "count",
        "Expected",
        "Others that are expected to exceed it within the horizon.",
    ),
    column(
        "unknown",
        "count",
        "Unknown",
        "Others of which nothing can be told.",
    ),
];

/// The columns.
pub(super) fn columns() -> Vec<Column> {
    let mut columns = COLUMNS.to_vec();
    columns.extend(evidence("Resources with a limit that the row is of."));
    columns
}

/// What is told of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Over,
    Expected,
    NotExpected,
    Unknown,
}

/// A resource and what comes of it.
struct Told {
    record: Arc<DeviceRecord>,
    limited: Limited,
    reached: Reached,
    used: Option<f64>,
    used_before: Option<f64>,
    mean: Option<f64>,
    percentile: Option<f64>,
    peak: Option<f64>,
    measured: f64,
    measured_before: f64,
    points: Vec<crate::sampling::Point>,
}

/// A row.
pub(super) fn row(
    reader: &mut Reader<'_>,
    group: &Group,
    spans: (Span, Span),
    question: &Question,
) -> Result<Made, Stop> {
    let resources = resources(reader, group, question)?;
    let count = resources.len();
    for span in [spans.0, spans.1] {
        reader.afford(count, span, STEP_SECS)?;
    }
    let (mut over, mut expected, mut unknown, mut measured, mut samples) = (0u64, 0u64, 0u64, 0, 0);
    let (mut ratio, mut ratio_before) = (0.0, 0.0);
    let mut first: Option<Told> = None;
    for (record, limited) in resources {
        let ids: [SeriesId; 1] = [limited.series];
        samples += reader.samples(&record, &ids, spans.0)?;
        let told = told(reader, record, limited, spans, question)?;
        match told.reached.verdict {
            Verdict::Over => over += 1,
            Verdict::Expected => expected += 1,
            Verdict::NotExpected => {}
            Verdict::Unknown => unknown += 1,
        }
        measured += u64::from(told.measured > 0.0);
        ratio += told.measured;
        ratio_before += told.measured_before;
        if first
            .as_ref()
            .is_none_or(|first| told.before(first).is_lt())
        {
            first = Some(told);
        }
    }
    let each = |sum: f64| Cell::Number(sum / count.max(1) as f64);
    let counted = [over, expected, unknown, count as u64, measured, samples].map(Cell::Count);
    let points = first.as_mut().map(|told| std::mem::take(&mut told.points));
    let mut cells = match first {
        Some(told) => told.cells(),
        None => vec![Cell::Missing; 16],
    };
    cells.extend(counted);
    cells.extend([each(ratio), each(ratio_before)]);
    Ok((cells, points.unwrap_or_default()))
}

/// What of the group has a limit.
fn resources(
    reader: &Reader<'_>,
    group: &Group,
    question: &Question,
) -> Result<Vec<(Arc<DeviceRecord>, Limited)>, Stop> {
    let wanted = match question.of.and_then(super::ReportOf::resource) {
        Some(resource) => vec![resource],
        None => Resource::ALL.to_vec(),
    };
    let mut all = Vec::new();
    for record in &group.members {
        reader.in_time()?;
        for resource in &wanted {
            let only = group.interface.as_ref();
            let found = limits::of_device(reader.store, record, *resource, only)?;
            all.extend(
                found
                    .into_iter()
                    .map(|limited| (Arc::clone(record), limited)),
            );
            if all.len() > RESOURCES_MAX {
                return Err(Stop::TooMuch);
            }
        }
    }
    Ok(all)
}

/// Reads a resource and tells when its threshold is reached.
fn told(
    reader: &mut Reader<'_>,
    record: Arc<DeviceRecord>,
    limited: Limited,
    (span, before): (Span, Span),
    question: &Question,
) -> Result<Told, Stop> {
    let step_secs = step_of(record.device.body.interval_secs);
    let series = [(limited.series, limited.factor / limited.limit)];
    let how = limited.resource.way();
    let mut read = |span: Span| -> Result<Sums, Stop> {
        let mut sums = Sums::new(span, step_secs);
        sums.add(reader, &record, &series, (span, how))?;
        Ok(sums)
    };
    // The period before first: both are one course.
    let (earlier, now) = (read(before)?, read(span)?);
    let values = now.values(Join::Sum);
    let mut known: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    let statistic = |sums: &Sums, span| days(sums, span, step_secs, question.statistic);
    let (days_before, days_now) = (statistic(&earlier, before), statistic(&now, span));
    let used = mean(&days_now);
    // A day that both periods have a part of is in neither.
    let mut course = days_before.clone();
    if !span
        .from
        .unix_ms()
        .rem_euclid(i64::from(DAY_SECS) * 1_000)
        .eq(&0)
    {
        course.push(f64::NAN);
    }
    course.extend(&days_now);
    Ok(Told {
        reached: reached(&course, question.threshold),
        used,
        used_before: mean(&days_before),
        mean: mean(&known),
        percentile: Quantile::P95.nearest_rank(&mut known),
        // They are in order by now.
        peak: known.last().copied(),
        measured: now.measured_ratio(),
        measured_before: earlier.measured_ratio(),
        points: thinned(&values, now.first_ms, now.step_ms),
        record,
        limited,
    })
}

/// When a threshold is first exceeded, and what that rests on.
struct Reached {
    verdict: Verdict,
    /// Expected, earliest and latest.
    days: [Option<usize>; 3],
    horizon_days: usize,
    /// In parts a week.
    growth: Option<f64>,
}

/// When the numbers of days first exceed the threshold.
fn reached(course: &[f64], threshold: f64) -> Reached {
    let known = course.iter().filter(|day| day.is_finite()).count();
    let (cycle, horizon_days) = reach(known);
    let week = course.rchunks(WEEK).next().unwrap_or_default();
    let is_over = mean(week).is_some_and(|level| level > threshold);
    let found = exhaustion(course, cycle, threshold, horizon_days);
    let cycles_a_week = (WEEK / cycle) as f64;
    let growth = found
        .ok()
        .map(|found| (1.0 + found.growth).powf(cycles_a_week) - 1.0);
    let (verdict, days) = match found {
        _ if is_over => (Verdict::Over, [Some(0); 3]),
        Ok(found) => {
            let verdict = match found.expected {
                Some(_) => Verdict::Expected,
                None => Verdict::NotExpected,
            };
            (verdict, [found.expected, found.earliest, found.latest])
        }
        // What nothing is used of has no growth, and is known all the same.
        Err(_) if is_idle(course) => (Verdict::NotExpected, [None; 3]),
        Err(_) => (Verdict::Unknown, [None; 3]),
    };
    Reached {
        verdict,
        days,
        horizon_days,
        growth,
    }
}

/// Whether enough days are known, and nothing is used in any of them.
fn is_idle(course: &[f64]) -> bool {
    let known = course.iter().filter(|day| day.is_finite());
    known.clone().count() >= CYCLES_MIN && known.copied().all(|day| day <= 0.0)
}

/// The number of each whole UTC day; NaN of those of which less than half is known.
fn days(sums: &Sums, span: Span, step_secs: u32, statistic: ReportStatistic) -> Vec<f64> {
    let day_ms = i64::from(DAY_SECS) * 1_000;
    let first = span.from.unix_ms().div_euclid(day_ms);
    let first = first + i64::from(span.from.unix_ms().rem_euclid(day_ms) > 0);
    let skip = (first * day_ms - sums.first_ms).max(0) / sums.step_ms.max(1);
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let a_day = (DAY_SECS / step_secs.max(1)).max(1) as usize;
    // A step that goes on beyond the period is no whole one.
    let values = sums.values(Join::Sum);
    let whole = steps_of(span, step_secs).min(values.len());
    let is_cut = span.to.unix_ms().rem_euclid(sums.step_ms.max(1)) > 0;
    let values = values.get(skip..whole.saturating_sub(usize::from(is_cut)));
    let day = |steps: &[f64]| {
        let mut known: Vec<f64> = steps
            .iter()
            .copied()
            .filter(|step| step.is_finite())
            .collect();
        if known.len() * 2 < a_day {
            return f64::NAN;
        }
        let told = match statistic {
            ReportStatistic::Mean => mean(&known),
            ReportStatistic::Percentile => Quantile::P95.nearest_rank(&mut known),
            ReportStatistic::Peak => known.into_iter().reduce(f64::max),
        };
        told.unwrap_or(f64::NAN)
    };
    let whole = values.unwrap_or_default().chunks_exact(a_day);
    whole.map(day).collect()
}

/// A step that no poll misses, and that a day is a multiple of.
fn step_of(interval_secs: u32) -> u32 {
    const STEPS_SECS: [u32; 6] = [STEP_SECS, 900, 1_800, 3_600, 7_200, STEP_SECS_MAX];
    let fits = STEPS_SECS.into_iter().find(|step| *step >= interval_secs);
    fits.unwrap_or(STEP_SECS_MAX)
}

impl Told {
    /// Whether it needs somebody before another: by its days, then by what is used.
    fn before(&self, other: &Self) -> Ordering {
        let [days, ..] = self.reached.days;
        let [others, ..] = other.reached.days;
        let used = |told: &Self| told.used.unwrap_or(-1.0);
        self.reached
            .verdict
            .cmp(&other.reached.verdict)
            .then_with(|| days.cmp(&others))
            .then_with(|| used(other).total_cmp(&used(self)))
    }

    fn cells(self) -> Vec<Cell> {
        let [expected, earliest, latest] = self
            .reached
            .days
            .map(|days| days.map_or(Cell::Missing, |days| Cell::Count(days as u64)));
        let resource = match self.limited.resource {
            Resource::InTraffic => format!("traffic received, {}", self.limited.name),
            Resource::OutTraffic => format!("traffic sent, {}", self.limited.name),
            Resource::Processor => format!("processor {}", self.limited.name),
            Resource::Memory => format!("memory {}", self.limited.name),
            Resource::Storage => format!("storage {}", self.limited.name),
        };
        let verdict = match self.reached.verdict {
            Verdict::Over => "over",
            Verdict::Expected => "expected",
            Verdict::NotExpected => "not expected",
            Verdict::Unknown => "unknown",
        };
        vec![
            Cell::text(self.record.device.body.name()),
            Cell::text(resource),
            Cell::text(verdict),
            expected,
            earliest,
            latest,
            Cell::Count(self.reached.horizon_days as u64),
            Cell::number(self.reached.growth),
            Cell::number(self.used),
            Cell::number(self.used_before),
            Cell::number(change_ratio(self.used, self.used_before)),
            Cell::number(self.mean),
            Cell::number(self.percentile),
            Cell::number(self.peak),
            Cell::Number(self.limited.limit),
            Cell::text(self.limited.resource.unit()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_over_expected_or_not() {
        let grows: Vec<f64> = (0..56).map(|day| 0.3 * 1.01f64.powi(day)).collect();
        let told = reached(&grows, 0.8);
        assert_eq!((told.verdict, told.horizon_days), (Verdict::Expected, 224));
        let [expected, earliest, latest] = told.days;
        // The mean of the last week is 0.503, and ln(0.8 / 0.503) / ln(1.01) is 47 days.
        assert!((44..=48).contains(&expected.unwrap()), "{expected:?}");
        assert!(earliest <= expected && latest >= expected);
        assert!((told.growth.unwrap() - 0.072).abs() < 0.002);
        // The same by days, where few weeks are known.
        let told = reached(&grows[..20], 0.4);
        let [expected, ..] = told.days;
        assert!((8..=10).contains(&expected.unwrap()), "{expected:?}");
        assert!((told.growth.unwrap() - 0.072).abs() < 0.002);
        let verdict = |course: &[f64], threshold| reached(course, threshold).verdict;
        assert_eq!(verdict(&grows, 0.4), Verdict::Over);
        assert_eq!(
            verdict(&grows[..20], 0.9),
            Verdict::NotExpected,
            "beyond the horizon"
        );
        assert_eq!(verdict(&[0.3; 56], 0.8), Verdict::NotExpected);
        assert_eq!(verdict(&[0.0; 56], 0.8), Verdict::NotExpected, "idle");
        assert_eq!(verdict(&[0.3; 4], 0.8), Verdict::Unknown);
        assert_eq!(verdict(&[f64::NAN; 56], 0.8), Verdict::Unknown);
        assert_eq!(verdict(&[], 0.8), Verdict::Unknown);
    }

    #[test]
    fn a_day_is_a_multiple_of_its_steps() {
        for (interval, step) in [
            (1, 300),
            (300, 300),
            (301, 900),
            (3_600, 3_600),
            (86_400, 21_600),
        ] {
            assert_eq!(step_of(interval), step);
            assert_eq!(DAY_SECS % step, 0);
        }
    }
}
