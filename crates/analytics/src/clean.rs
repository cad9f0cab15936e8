//! From what was measured to a series at equal steps: order, doubles, gaps, resets of counters, and values that
//! are wild beside their neighbours. Nothing is mended in silence: what was done is counted, and wild values are
//! flagged, not taken out.

use crate::forecast::VALUE_MAX;
use crate::linear::count;
use crate::robust::{quantile_of_sorted, sort, spread};
use crate::season::without_seasons;

/// Steps that a series has at most: two years of minutes.
pub const STEPS_MAX: usize = 1 << 20;
/// Values to either side that a value is compared with, at most.
pub const NEIGHBOURS_MAX: usize = 64;
/// A counter that falls under such a part of what it was begins anew; one that falls less was misread.
const RESET_PART: f64 = 0.5;

/// Values at equal steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Regular {
    /// The time of the first value, in seconds since 1970.
    pub begin_secs: i64,
    /// Seconds from one to the next, over 0.
    pub step_secs: i64,
    /// The values; those that are missing are NaN.
    pub values: Vec<f64>,
    /// Samples that were no finite numbers.
    pub invalid: usize,
    /// Samples that were earlier than the one before them.
    pub unordered: usize,
    /// Samples that shared their step with another; the mean of these is taken.
    pub doubles: usize,
    /// Samples that were so long before the last one that no series of [`STEPS_MAX`] steps holds them.
    pub left_out: usize,
    /// Distances between neighbours that are half a step or more from a step: how uneven it was.
    pub uneven: usize,
}

/// Why there is no series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No sample is a finite number.
    #[error("none of {samples} samples is a finite number")]
    NoValues {
        /// How many there are.
        samples: usize,
    },
    /// The step is not over 0.
    #[error("a step of {0} s is none")]
    Step(i64),
}

/// Missing values between two that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Index of the first that is missing.
    pub from: usize,
    /// How many are.
    pub len: usize,
}

/// Whether a value was measured: a finite number of a size that anything has.
pub(crate) fn is_known(value: f64) -> bool {
    value.abs() <= VALUE_MAX
}

/// A series at equal steps of (seconds since 1970, value) in any order. Without a step that is given, it is the
/// median of the distances between neighbours; a single time has one of a second. Each sample counts for the step
/// nearest to it. What was measured so long before the last sample that more than [`STEPS_MAX`] steps would lie
/// between is left out and counted, so a gap of a century costs no memory. O(n log n).
pub fn regular(samples: &[(i64, f64)], step_secs: Option<i64>) -> Result<Regular, Unusable> {
    let mut known: Vec<(i64, f64)> = samples
        .iter()
        .copied()
        .filter(|sample| is_known(sample.1))
        .collect();
    let unordered = known
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if b.0 < a.0))
        .count();
    let invalid = samples.len() - known.len();
    // Stable, so that the same samples in the same order give the same mean to the bit.
    known.sort_by_key(|sample| sample.0);
    let Some(&(last, _)) = known.last() else {
        let samples = samples.len();
        return Err(Unusable::NoValues { samples });
    };
    let step = step_secs.unwrap_or_else(|| usual_step(&known));
    if step <= 0 {
        return Err(Unusable::Step(step));
    }
    let longest = step.saturating_mul(i64::try_from(STEPS_MAX - 1).unwrap_or(i64::MAX));
    let earliest = last.saturating_sub(longest);
    let left_out = known.partition_point(|sample| sample.0 < earliest);
    let kept = known.get(left_out..).unwrap_or_default();
    let begin = kept.first().map_or(last, |sample| sample.0);
    let mut values: Vec<f64> = Vec::new();
    let (mut of_step, mut doubles) = (0_usize, 0);
    for &(at, value) in kept {
        let nth = nearest_step(at, begin, step);
        if nth >= values.len() {
            values.resize(nth, f64::NAN);
            values.push(value);
            of_step = 1;
        } else if let Some(mean) = values.last_mut() {
            of_step += 1;
            doubles += 1;
            *mean += (value - *mean) / count(of_step);
        }
    }
    let half = step.unsigned_abs() / 2;
    let off = |pair: &[(i64, f64)]| match pair {
        [a, b] => b.0.abs_diff(a.0).abs_diff(step.unsigned_abs()) > half,
        _ => false,
    };
    Ok(Regular {
        begin_secs: begin,
        step_secs: step,
        uneven: kept.windows(2).filter(|pair| off(pair)).count(),
        values,
        invalid,
        unordered,
        doubles,
        left_out,
    })
}

/// The step nearest to a time that is not before the first.
fn nearest_step(at: i64, begin: i64, step: i64) -> usize {
    let (away, step) = (at.abs_diff(begin), step.unsigned_abs());
    let nth = away / step + u64::from(away % step > step / 2);
    usize::try_from(nth).unwrap_or(STEPS_MAX).min(STEPS_MAX)
}

/// The median distance between times that differ; a second where there is but one.
fn usual_step(sorted: &[(i64, f64)]) -> i64 {
    let mut apart: Vec<u64> = sorted
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(b.0.abs_diff(a.0)),
            _ => None,
        })
        .filter(|apart| *apart > 0)
        .collect();
    apart.sort_unstable();
    let middle = apart
        .get(apart.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(1);
    i64::try_from(middle).unwrap_or(i64::MAX)
}

/// Runs of missing values, also at both ends. O(n).
pub fn gaps(values: &[f64]) -> Vec<Gap> {
    let mut found: Vec<Gap> = Vec::new();
    for (at, _) in values
        .iter()
        .enumerate()
        .filter(|(_, value)| !is_known(**value))
    {
        match found.last_mut() {
            Some(last) if last.from + last.len == at => last.len += 1,
            _ => found.push(Gap { from: at, len: 1 }),
        }
    }
    found
}

/// With what is missing as a line between its neighbours, and at the ends as the nearest that is known; zeroes
/// where none is. O(n).
pub fn filled(values: &[f64]) -> Vec<f64> {
    let mut filled: Vec<f64> = Vec::with_capacity(values.len());
    let mut gap = 0;
    for &value in values {
        if !is_known(value) {
            gap += 1;
            continue;
        }
        let last = filled.last().copied().unwrap_or(value);
        filled.extend((1..=gap).map(|at| {
            let share = count(at) / count(gap + 1);
            last * (1.0 - share) + value * share
        }));
        filled.push(value);
        gap = 0;
    }
    let last = filled.last().copied().unwrap_or_default();
    filled.extend(std::iter::repeat_n(last, gap));
    filled
}

/// What a counter counted from each value to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Increases {
    /// The increase to each value from the one before it; NaN for the first, where either is missing, and where the
    /// counter fell.
    pub values: Vec<f64>,
    /// Indexes of values at which the counter had begun anew: it fell under half of what it was.
    pub resets: Vec<usize>,
    /// Indexes at which it fell less, as no counter does: two readings in the wrong order, or a gauge.
    pub backward: Vec<usize>,
}

/// Increases of a counter that only grows or begins anew; it says nothing of how much was counted across a reset
/// (as RFC 2578, section 7.1.6, has it: a single value of a counter has no information). O(n).
pub fn increases(values: &[f64]) -> Increases {
    let mut found = Increases {
        values: Vec::with_capacity(values.len()),
        resets: Vec::new(),
        backward: Vec::new(),
    };
    let mut before = f64::NAN;
    for (at, &value) in values.iter().enumerate() {
        let both = is_known(before) && is_known(value);
        let grown = both && value >= before;
        found
            .values
            .push(if grown { value - before } else { f64::NAN });
        if both && !grown {
            let anew = value < before * RESET_PART;
            if anew {
                &mut found.resets
            } else {
                &mut found.backward
            }
            .push(at);
        }
        before = value;
    }
    found
}

/// Indexes of values that lie more than so many spreads from the median of their neighbours, `neighbours` to
/// either side (at most [`NEIGHBOURS_MAX`]): the identifier of Hampel (Davies and Gather, "The Identification of
/// Multiple Outliers", 1993). Seasons, in steps, are taken out before, so that the peak of a day is not wild.
/// Where all neighbours are alike, the spread of all of the series around its medians stands for theirs.
/// O(n · w log w) for w neighbours.
pub fn outliers(values: &[f64], seasons: &[usize], neighbours: usize, times: f64) -> Vec<usize> {
    let neighbours = neighbours.clamp(1, NEIGHBOURS_MAX);
    let rest = without_seasons(&filled(values), seasons);
    let mut near = Vec::with_capacity(2 * neighbours + 1);
    let mut measured: Vec<(f64, f64)> = Vec::with_capacity(rest.len());
    for (at, value) in rest.iter().enumerate() {
        near.clear();
        let (low, high) = (
            at.saturating_sub(neighbours),
            (at + neighbours + 1).min(rest.len()),
        );
        let of_window = rest.iter().zip(values).take(high).skip(low);
        near.extend(
            of_window
                .filter(|(_, raw)| is_known(**raw))
                .map(|(rest, _)| *rest),
        );
        sort(&mut near);
        let middle = quantile_of_sorted(&near, 0.5).unwrap_or_default();
        for value in &mut near {
            *value = (*value - middle).abs();
        }
        sort(&mut near);
        let width = quantile_of_sorted(&near, 0.5).unwrap_or_default() * 1.4826;
        measured.push((value - middle, width));
    }
    let all: Vec<f64> = measured.iter().map(|(away, _)| *away).collect();
    let usual = spread(&all).unwrap_or_default();
    // What differs by rounding alone is alike.
    let largest = rest.iter().map(|value| value.abs()).fold(0.0, f64::max);
    let least = largest * f64::EPSILON * 16.0;
    measured
        .iter()
        .zip(values)
        .enumerate()
        .filter(|(_, ((away, width), raw))| {
            let width = if *width > 0.0 { *width } else { usual };
            is_known(**raw) && away.abs() > (times * width).max(least)
        })
        .map(|(at, _)| at)
        .collect()
}
