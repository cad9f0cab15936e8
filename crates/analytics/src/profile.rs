//! The week of a series: what is usual in each of its 168 hours, which hours are busy, and thresholds that
//! follow it.
//!
//! Times are seconds since 1970 of any clock: who wants the hours of a place adds its offset from UTC before.
//! Begin at [`week_profile`].

use crate::clean::is_known;
use crate::linear::count;
use crate::robust::{median, quantile, quantile_of_sorted, sort, spread};

/// Hours of a week, from Monday 00:00.
pub const HOURS: usize = 168;
/// Samples that are looked at: the last ones. A year of steps of half a minute.
pub const SAMPLES_MAX: usize = 1 << 20;
/// The fewest hours of the week of which something must be known.
pub const HOURS_MIN: usize = 84;
/// The fewest weeks of which business hours are told: one alone has no evidence that it comes again.
pub const WEEKS_MIN: usize = 2;

const HOUR_SECS: i64 = 3_600;
const WEEK_SECS: i64 = 7 * 24 * HOUR_SECS;
/// 1970 began on a Thursday.
const THURSDAY_SECS: i64 = 3 * 24 * HOUR_SECS;
/// Busy and quiet hours must lie on their side of the threshold in such a share of what was measured.
const HELD_MIN: f64 = 0.75;
/// The part of the variance between hours that being busy or quiet must explain.
const SEPARATION_MIN: f64 = 0.5;
/// The least spread of an hour, in spreads of all hours around their medians: one that happened to be still is
/// not taken to be always so.
const SPREAD_MIN: f64 = 0.25;

/// What is usual in one hour of the week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hour {
    /// The middle value.
    pub median: f64,
    /// The lower quantile that was asked for.
    pub lower: f64,
    /// The upper quantile that was asked for.
    pub upper: f64,
    /// The spread around the median, as a standard deviation.
    pub spread: f64,
    /// Samples of which this is.
    pub samples: usize,
}

/// What is usual in each hour of the week.
// Invariant: `hours` has 168 cells, `residuals` is ascending and not empty.
#[derive(Clone, Debug, PartialEq)]
pub struct WeekProfile {
    hours: Vec<Option<Hour>>,
    /// Distances from the medians of their hours, in spreads of them, ascending.
    residuals: Vec<f64>,
    weeks: usize,
}

/// Why there is no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unprofiled {
    /// Too few hours of the week have a value.
    #[error("{found} hours of the week are known, and {HOURS_MIN} are needed")]
    TooFewHours {
        /// How many have one.
        found: usize,
    },
}

/// The hour of the week of a time, 0 to 167 from Monday 00:00. O(1).
pub fn hour_of_week(at_secs: i64) -> usize {
    let into = (at_secs.rem_euclid(WEEK_SECS) + THURSDAY_SECS).rem_euclid(WEEK_SECS);
    usize::try_from(into / HOUR_SECS).unwrap_or(0)
}

/// The median and two quantiles (0 to 1) of each hour of the week, of samples in any order; those that are missing
/// (or beyond 1e100) are left out, as are all but the last [`SAMPLES_MAX`] of the slice. Robust profiles by hour of
/// the week are the seasonal subseries of Cleveland and Terpenning, "Graphical Methods for Seasonal Adjustment",
/// 1982. O(n log n).
pub fn week_profile(
    samples: &[(i64, f64)],
    quantiles: (f64, f64),
) -> Result<WeekProfile, Unprofiled> {
    let last = samples.len().saturating_sub(SAMPLES_MAX);
    let mut by_hour: Vec<Vec<f64>> = vec![Vec::new(); HOURS];
    let mut weeks: Vec<Vec<i64>> = vec![Vec::new(); HOURS];
    for &(at, value) in samples.iter().skip(last) {
        let hour = hour_of_week(at);
        if let (Some(cell), Some(weeks)) = (by_hour.get_mut(hour), weeks.get_mut(hour))
            && is_known(value)
        {
            cell.push(value);
            weeks.push(at.div_euclid(WEEK_SECS));
        }
    }
    for cell in &mut by_hour {
        sort(cell);
    }
    let hours: Vec<Option<Hour>> = by_hour
        .iter()
        .map(|sorted| {
            Some(Hour {
                median: quantile_of_sorted(sorted, 0.5)?,
                lower: quantile_of_sorted(sorted, quantiles.0)?,
                upper: quantile_of_sorted(sorted, quantiles.1)?,
                spread: 0.0,
                samples: sorted.len(),
            })
        })
        .collect();
    let found = hours.iter().flatten().count();
    if found < HOURS_MIN {
        return Err(Unprofiled::TooFewHours { found });
    }
    Ok(with_spreads(hours, &by_hour, usual_weeks(weeks)))
}

impl WeekProfile {
    /// What is usual in an hour of the week, 0 to 167 from Monday 00:00; none where nothing was measured in it.
    pub fn hour(&self, of_week: usize) -> Option<Hour> {
        self.hours.get(of_week).copied().flatten()
    }

    /// What is usual at a time.
    pub fn at(&self, at_secs: i64) -> Option<Hour> {
        self.hour(hour_of_week(at_secs))
    }

    /// In how many weeks an hour of the week was measured, the median of those hours that were.
    pub fn weeks(&self) -> usize {
        self.weeks
    }

    /// The part of the variance of single values that the hour of the week explains, 0 to 1, by spreads, which
    /// wild values do not move. O(1) of what was measured.
    pub fn explained(&self) -> f64 {
        let medians: Vec<f64> = self
            .hours
            .iter()
            .flatten()
            .map(|hour| hour.median)
            .collect();
        let spreads: Vec<f64> = self
            .hours
            .iter()
            .flatten()
            .map(|hour| hour.spread)
            .collect();
        let mean = medians.iter().sum::<f64>() / count(medians.len().max(1));
        let of_hours: f64 = medians.iter().map(|value| (value - mean).powi(2)).sum();
        let within: f64 = spreads.iter().map(|value| value * value).sum();
        let all = of_hours + within;
        if all.is_finite() && all > 0.0 {
            of_hours / all
        } else {
            0.0
        }
    }
}

/// The median over hours of how many weeks each was measured in.
fn usual_weeks(mut of_hours: Vec<Vec<i64>>) -> usize {
    for weeks in &mut of_hours {
        weeks.sort_unstable();
        weeks.dedup();
    }
    let mut counts: Vec<usize> = of_hours
        .iter()
        .map(Vec::len)
        .filter(|weeks| *weeks > 0)
        .collect();
    counts.sort_unstable();
    counts
        .get(counts.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0)
}

/// The spread of each hour, together with the hours beside it, and the residuals by it.
fn with_spreads(mut hours: Vec<Option<Hour>>, by_hour: &[Vec<f64>], weeks: usize) -> WeekProfile {
    let medians: Vec<f64> = hours
        .iter()
        .map(|hour| hour.map_or(f64::NAN, |hour| hour.median))
        .collect();
    let away: Vec<Vec<f64>> = by_hour
        .iter()
        .zip(&medians)
        .map(|(cell, median)| cell.iter().map(|value| value - median).collect())
        .collect();
    let all: Vec<f64> = away.iter().flatten().copied().collect();
    let least = SPREAD_MIN
        * spread(&all)
            .filter(|width| width.is_finite())
            .unwrap_or(0.0);
    for (nth, hour) in hours.iter_mut().enumerate() {
        let near = [(nth + HOURS - 1) % HOURS, nth, (nth + 1) % HOURS];
        let near: Vec<f64> = near
            .iter()
            .filter_map(|at| away.get(*at))
            .flatten()
            .copied()
            .collect();
        if let Some(hour) = hour {
            hour.spread = spread(&near).unwrap_or(0.0).max(least);
        }
    }
    let mut residuals: Vec<f64> = away
        .iter()
        .zip(&hours)
        .filter_map(|(cell, hour)| Some((cell, (*hour)?.spread)))
        .flat_map(|(cell, spread)| {
            cell.iter()
                .map(move |value| if *value == 0.0 { 0.0 } else { value / spread })
        })
        // Nothing varies around most hours: wild values have no measure.
        .filter(|residual| residual.is_finite())
        .collect();
    if residuals.is_empty() {
        residuals.push(0.0);
    }
    sort(&mut residuals);
    WeekProfile {
        hours,
        residuals,
        weeks,
    }
}

/// Between which values a threshold may lie; none is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// It is never under this.
    pub floor: Option<f64>,
    /// It is never over this, also where the floor is.
    pub ceiling: Option<f64>,
}

/// Thresholds of one hour of the week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// What is under it is unusually low.
    pub low: f64,
    /// What is over it is unusually high.
    pub high: f64,
}

/// Thresholds for each hour of the week, between which a share (0 to 1) of what was measured lies, widened by
/// `times` (1 is as measured) around the median and then brought within what an operator bounds the low and the
/// high one by. An hour in which nothing was measured, or of values beyond reckoning, has none. The share is that of distances from the medians in
/// spreads of their hours, over all hours, as in split conformal prediction (Lei and others, "Distribution-Free
/// Predictive Inference for Regression", 2018, their locally weighted form). O(168).
pub fn thresholds(
    profile: &WeekProfile,
    share: f64,
    times: f64,
    low: Bounds,
    high: Bounds,
) -> Vec<Option<Threshold>> {
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        1.0
    };
    let times = if times.is_finite() {
        times.max(0.0)
    } else {
        1.0
    };
    let of = |share| quantile_of_sorted(&profile.residuals, share).unwrap_or(0.0) * times;
    let (below, above) = (
        of((1.0 - share) / 2.0).min(0.0),
        of(f64::midpoint(1.0, share)).max(0.0),
    );
    profile
        .hours
        .iter()
        .map(|hour| {
            let hour = (*hour)?;
            let usual = |by: f64| hour.median + by * hour.spread;
            let (low, high) = (within(usual(below), low), within(usual(above), high));
            (!low.is_nan() && !high.is_nan()).then_some(Threshold { low, high })
        })
        .collect()
}

fn within(value: f64, bounds: Bounds) -> f64 {
    let known = |bound: Option<f64>| bound.filter(|bound| !bound.is_nan());
    let value = known(bounds.floor).map_or(value, |floor| value.max(floor));
    known(bounds.ceiling).map_or(value, |ceiling| value.min(ceiling))
}

/// Busy hours of a day: from an hour to before another, 0 to 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The day of the week, 0 is Monday.
    pub day: usize,
    /// The first busy hour.
    pub from_hour: usize,
    /// The first hour behind it.
    pub to_hour: usize,
}

/// When a series is busy, and what tells so.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessHours {
    /// Busy hours, ascending.
    pub windows: Vec<Window>,
    /// An hour is busy whose median is over this.
    pub threshold: f64,
    /// The middle of the medians of busy hours.
    pub busy: f64,
    /// The middle of the medians of quiet hours.
    pub quiet: f64,
    /// The part of the variance between hours that being busy or quiet explains, 0 to 1.
    pub separation: f64,
    /// The share of samples, 0 to 1, that lay on the side of the threshold that their hour is on, of that side on
    /// which it is less.
    pub held: f64,
    /// Days of the week, from Monday, that have hardly any busy hours beside others that have.
    pub is_quiet_day: [bool; 7],
}

/// Why no business hours are told.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoBusinessHours {
    /// Too few weeks were seen.
    #[error("{found} weeks are known, and {WEEKS_MIN} are needed")]
    TooFewWeeks {
        /// How many.
        found: usize,
    },
    /// Hours do not fall into busy and quiet ones.
    #[error(
        "busy and quiet explain {separation:.2} of what differs between hours, and {SEPARATION_MIN} is needed"
    )]
    NotSeparate {
        /// What they explain, 0 to 1.
        separation: f64,
    },
    /// Hours are busy in one week and quiet in another.
    #[error(
        "hours are as busy or quiet as usual in {held:.2} of all samples, and {HELD_MIN} is needed"
    )]
    NotHeld {
        /// The share that was, 0 to 1.
        held: f64,
    },
}

/// The busy hours of a week, found where a threshold parts the medians of hours best (Otsu, "A Threshold Selection
/// Method from Gray-Level Histograms", 1979), and how well single samples kept to it. `samples` are those of the
/// profile. O(n).
pub fn business_hours(
    profile: &WeekProfile,
    samples: &[(i64, f64)],
) -> Result<BusinessHours, NoBusinessHours> {
    if profile.weeks < WEEKS_MIN {
        let found = profile.weeks;
        return Err(NoBusinessHours::TooFewWeeks { found });
    }
    let medians: Vec<f64> = profile
        .hours
        .iter()
        .flatten()
        .map(|hour| hour.median)
        .collect();
    let (threshold, separation) = parting(&medians);
    if separation < SEPARATION_MIN {
        return Err(NoBusinessHours::NotSeparate { separation });
    }
    let is_busy: Vec<bool> = profile
        .hours
        .iter()
        .map(|hour| hour.is_some_and(|hour| hour.median > threshold))
        .collect();
    let held = held(&is_busy, threshold, samples);
    if held < HELD_MIN {
        return Err(NoBusinessHours::NotHeld { held });
    }
    let side = |busy: bool| {
        let of_side: Vec<f64> = medians
            .iter()
            .copied()
            .filter(|value| (*value > threshold) == busy)
            .collect();
        median(&of_side).unwrap_or_default()
    };
    Ok(BusinessHours {
        windows: windows(&is_busy),
        threshold,
        busy: side(true),
        quiet: side(false),
        separation,
        held,
        is_quiet_day: quiet_days(&is_busy),
    })
}

/// The value that parts others best into two groups, and the part of their variance that the groups explain.
fn parting(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sort(&mut sorted);
    let middle = quantile(&sorted, 0.5).unwrap_or_default();
    let scale = sorted
        .iter()
        .map(|value| (value - middle).abs())
        .fold(0.0, f64::max);
    if !(scale > 0.0 && scale.is_finite()) {
        return (middle, 0.0);
    }
    let scaled: Vec<f64> = sorted
        .iter()
        .map(|value| (value - middle) / scale)
        .collect();
    let n = count(scaled.len());
    let all: f64 = scaled.iter().sum();
    let variance: f64 = scaled.iter().map(|value| (value - all / n).powi(2)).sum();
    let mut best = (middle, 0.0);
    let (mut below, mut nth) = (0.0, 0.0);
    for (pair, raw) in scaled.windows(2).zip(sorted.windows(2)) {
        let (&[low, high], &[raw_low, raw_high]) = (pair, raw) else {
            continue;
        };
        below += low;
        nth += 1.0;
        if high <= low {
            continue;
        }
        let apart = below / nth - (all - below) / (n - nth);
        let explained = nth * (n - nth) / n * apart * apart / variance;
        if explained > best.1 {
            best = (f64::midpoint(raw_low, raw_high), explained.min(1.0));
        }
    }
    best
}

/// The share of samples on the side of their hour, of the side on which it is less.
fn held(is_busy: &[bool], threshold: f64, samples: &[(i64, f64)]) -> f64 {
    let last = samples.len().saturating_sub(SAMPLES_MAX);
    let (mut all, mut kept) = ([0_usize; 2], [0_usize; 2]);
    for &(at, value) in samples
        .iter()
        .skip(last)
        .filter(|sample| is_known(sample.1))
    {
        let busy = is_busy.get(hour_of_week(at)).copied().unwrap_or(false);
        let side = usize::from(busy);
        if let (Some(all), Some(kept)) = (all.get_mut(side), kept.get_mut(side)) {
            *all += 1;
            *kept += usize::from((value > threshold) == busy);
        }
    }
    let shares = all.iter().zip(kept).filter(|(all, _)| **all > 0);
    shares
        .map(|(all, kept)| count(kept) / count(*all))
        .fold(1.0, f64::min)
}

/// Runs of busy hours within days; a single quiet hour between busy ones (a lunch) parts none.
fn windows(is_busy: &[bool]) -> Vec<Window> {
    let mut found: Vec<Window> = Vec::new();
    for hour in is_busy
        .iter()
        .enumerate()
        .filter(|(_, busy)| **busy)
        .map(|(hour, _)| hour)
    {
        let (day, of_day) = (hour / 24, hour % 24);
        match found.last_mut() {
            Some(last) if last.day == day && last.to_hour + 1 >= of_day => {
                last.to_hour = of_day + 1;
            }
            _ => found.push(Window {
                day,
                from_hour: of_day,
                to_hour: of_day + 1,
            }),
        }
    }
    found
}

/// Days with less than a quarter of the busy hours of the busiest.
fn quiet_days(is_busy: &[bool]) -> [bool; 7] {
    let mut busy = [0_usize; 7];
    for (day, hours) in busy.iter_mut().zip(is_busy.chunks(24)) {
        *day = hours.iter().filter(|busy| **busy).count();
    }
    let most = busy.iter().copied().max().unwrap_or(0);
    busy.map(|hours| hours * 4 < most)
}
