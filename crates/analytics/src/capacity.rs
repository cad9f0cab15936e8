//! When a growing series first exceeds a limit.
//!
//! Growth is that of ratios: the median of all slopes between two cycles' logarithms (Theil 1950, Sen 1968),
//! since the break where growth last changed. What crosses a limit first is not the expected course but its
//! fluctuations above it, whose greatest grows with their number: of n independent normal ones it is near the
//! standard deviation times the root of 2 ln n (Leadbetter, Lindgren and Rootzen, "Extremes and Related Properties
//! of Random Sequences and Processes", 1983); neighbouring ones are not independent, and some
//! third of that counts.

use crate::change::change_points;
use crate::linear::count;
use crate::robust::{median, quantile, spread};

/// The fewest cycles of which growth is told.
pub const CYCLES_MIN: usize = 5;
/// Cycles that are looked at: the last ones.
const CYCLES_MAX: usize = 260;
/// How much of the greatest fluctuation counts, in spreads of cycles around the course.
const FLUCTUATION: f64 = 0.5;
/// Slopes between these quantiles are likely.
const LIKELY: (f64, f64) = (0.25, 0.75);

/// When a limit is first exceeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exhaustion {
    /// Steps behind the last value, from 1; none where it is not within those that were asked for.
    pub expected: Option<usize>,
    /// The same where it grows as quickly as is likely.
    pub earliest: Option<usize>,
    /// The same where it grows as slowly as is likely.
    pub latest: Option<usize>,
    /// Growth in parts a cycle: 0.01 is one per cent.
    pub growth: f64,
}

/// Why nothing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untellable {
    /// There are too few whole cycles.
    #[error("{found} whole cycles are known, and {CYCLES_MIN} are needed")]
    TooFew {
        /// How many.
        found: usize,
    },
    /// The limit is no number over zero.
    #[error("a limit is a number over zero")]
    Limit,
}

/// When the mean over a cycle (a week of days) first exceeds a limit, within so many steps. Values are not
/// negative; those that are missing are left out of their cycle's mean. O(n + c²) for c = 260 cycles.
pub fn exhaustion(
    values: &[f64],
    cycle: usize,
    limit: f64,
    steps: usize,
) -> Result<Exhaustion, Untellable> {
    if !(limit.is_finite() && limit > 0.0) {
        return Err(Untellable::Limit);
    }
    let levels = levels(values, cycle.max(1));
    if levels.len() < CYCLES_MIN {
        return Err(Untellable::TooFew {
            found: levels.len(),
        });
    }
    let breaks = change_points(&levels, &[]);
    let since = breaks
        .last()
        .copied()
        .filter(|at| levels.len() - at >= CYCLES_MIN)
        .unwrap_or(0);
    let recent = levels.get(since..).unwrap_or(&levels);
    let slopes = slopes(recent);
    let slope = median(&slopes).unwrap_or_default();
    let likely = |share| quantile(&slopes, share).unwrap_or(slope);
    let course = Course {
        recent,
        cycle: cycle.max(1),
        limit: limit.ln(),
        steps,
    };
    Ok(Exhaustion {
        expected: course.crossing(slope),
        earliest: course.crossing(likely(LIKELY.1)),
        latest: course.crossing(likely(LIKELY.0)),
        growth: slope.exp() - 1.0,
    })
}

/// Logarithms of the means of whole cycles, counted from the end.
fn levels(values: &[f64], cycle: usize) -> Vec<f64> {
    let mut means: Vec<f64> = values
        .rchunks_exact(cycle)
        .take(CYCLES_MAX)
        .filter_map(|chunk| {
            let known: Vec<f64> = chunk
                .iter()
                .copied()
                .filter(|value| value.is_finite())
                .collect();
            let mean = known.iter().sum::<f64>() / count(known.len());
            (mean > 0.0 && mean.is_finite()).then(|| mean.ln())
        })
        .collect();
    means.reverse();
    means
}

fn slopes(levels: &[f64]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(levels.len() * levels.len() / 2);
    for (at, first) in levels.iter().enumerate() {
        for (behind, later) in levels.iter().skip(at + 1).enumerate() {
            slopes.push((later - first) / count(behind + 1));
        }
    }
    slopes
}

struct Course<'a> {
    recent: &'a [f64],
    cycle: usize,
    limit: f64,
    steps: usize,
}

impl Course<'_> {
    /// The first step at which the course with its fluctuations is over the limit. O(c + s).
    fn crossing(&self, slope: f64) -> Option<usize> {
        let starts: Vec<f64> = self
            .recent
            .iter()
            .enumerate()
            .map(|(at, level)| level - slope * count(at))
            .collect();
        let start = median(&starts)?;
        let width = spread(&starts).unwrap_or_default() * FLUCTUATION;
        let last = count(self.recent.len() - 1);
        (1..=self.steps).find(|&step| {
            let cycles = count(step) / count(self.cycle);
            start + slope * (last + cycles) + width * cycles.ln_1p().sqrt() > self.limit
        })
    }
}
