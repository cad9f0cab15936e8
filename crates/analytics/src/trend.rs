//! Whether a series rises or falls as a whole, and by how much.
//!
//! Kendall's test for a trend (Mann, "Nonparametric Tests Against Trend", 1945) of means over whole seasons,
//! which have less memory than single values, with its variance corrected for what memory is left (Hamed and Rao,
//! 1998); the slope is the median of all slopes between two (Theil 1950, Sen 1968).

use crate::clean::filled;
use crate::linear::count;
use crate::robust::{median, spread};
use crate::season::{autocorrelations, without_seasons};

/// Means that are compared, at most.
const MEANS_MAX: usize = 200;
/// The score from which on a trend is believed: two-sided, one in a thousand.
const SCORE_MIN: f64 = 3.29;
/// The least change over the whole, in spreads of what is left around it.
const CHANGE_MIN: f64 = 0.5;

/// Where a series goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It rises.
    Up,
    /// It falls.
    Down,
    /// Neither is beyond what chance makes.
    None,
}

/// A trend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Where it goes.
    pub direction: Direction,
    /// The slope, in units a step.
    pub slope: f64,
    /// How sure it is: the standard score of Kendall's test.
    pub score: f64,
}

/// The trend of a series; what is missing counts as lying between its neighbours. `seasons` are taken out before, and
/// jumps of its level between [`crate::change::change_points`] are no part of it: it is that of the pieces between
/// them together (Dietz, "A Comparison of Robust Estimators in Simple Linear Regression", 1987, for slopes pooled
/// over groups). O(n + m²) for m = 200 means.
pub fn trend(values: &[f64], seasons: &[usize], changes: &[usize]) -> Trend {
    let rest = without_seasons(&filled(values), seasons);
    let season = seasons.first().copied().unwrap_or(1);
    let each = rest
        .len()
        .div_ceil(MEANS_MAX)
        .max(season.min(rest.len() / 24))
        .max(1);
    let mut slopes = Vec::new();
    let (mut signs, mut variance) = (0.0, 0.0);
    let mut pieces: Vec<Vec<f64>> = Vec::new();
    let ends = changes.iter().copied().chain([rest.len()]);
    let mut begin = 0;
    for end in ends {
        let piece = rest.get(begin..end).unwrap_or_default();
        begin = end;
        let means = piece
            .chunks_exact(each)
            .map(|chunk| chunk.iter().sum::<f64>() / count(each));
        pieces.push(means.collect());
    }
    for means in &pieces {
        for (at, first) in means.iter().enumerate() {
            for (behind, later) in means.iter().skip(at + 1).enumerate() {
                let change = later - first;
                signs += if change > 0.0 {
                    1.0
                } else if change < 0.0 {
                    -1.0
                } else {
                    0.0
                };
                slopes.push(change / count(behind + 1));
            }
        }
    }
    let slope = median(&slopes).unwrap_or_default();
    let mut left = Vec::new();
    for means in &pieces {
        let n = count(means.len());
        let around: Vec<f64> = means
            .iter()
            .enumerate()
            .map(|(at, mean)| mean - slope * count(at))
            .collect();
        variance += n * (n - 1.0).max(0.0) * (2.0 * n + 5.0) / 18.0 * correction(&around);
        let level = median(&around).unwrap_or_default();
        left.extend(around.iter().map(|value| value - level));
    }
    let score = if variance > 0.0 {
        signs / variance.sqrt()
    } else {
        0.0
    };
    let n = count(left.len());
    let width = spread(&left).unwrap_or_default();
    let is_believed = score.abs() >= SCORE_MIN && (slope * n).abs() >= CHANGE_MIN * width;
    let direction = match (is_believed, slope > 0.0) {
        (true, true) => Direction::Up,
        (true, false) => Direction::Down,
        (false, _) => Direction::None,
    };
    Trend {
        direction,
        slope: slope / count(each),
        score,
    }
}

/// How much more the test varies, of a first-order autoregression of what is left.
fn correction(left: &[f64]) -> f64 {
    let r = autocorrelations(left, 1)
        .get(1)
        .copied()
        .unwrap_or(0.0)
        .clamp(0.0, 0.9);
    (1.0 + r) / (1.0 - r)
}
