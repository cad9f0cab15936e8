//! Whether a series keeps to a level, keeps to a line, or wanders.
//!
//! Two tests that ask the opposite: that of Kwiatkowski, Phillips, Schmidt and Shin ("Testing the Null Hypothesis of
//! Stationarity Against the Alternative of a Unit Root", Journal of Econometrics 54, 1992) doubts that it keeps, and
//! the augmented one of Dickey and Fuller (Said and Dickey, "Testing for Unit Roots in Autoregressive-Moving Average
//! Models of Unknown Order", Biometrika 71, 1984) doubts that it wanders. Where only one has reason to doubt, the
//! verdict is plain.

use crate::clean::{filled, is_known};
use crate::linear::{count, solve_symmetric};

/// The fewest values.
pub const VALUES_MIN: usize = 20;
/// The most that are looked at: the last ones. Two years of hours.
pub const VALUES_MAX: usize = 17_520;
/// Differences that are taken at most.
pub const DIFFERENCES_MAX: usize = 2;
/// Lagged differences in the test of Dickey and Fuller, at most.
const LAGS_MAX: usize = 24;
/// Critical values at 5 % around a level and around a line, of table 1 of Kwiatkowski and others.
const KPSS_LEVEL: f64 = 0.463;
const KPSS_LINE: f64 = 0.146;

/// What a series does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It never changes.
    Constant,
    /// It keeps to a level.
    Level,
    /// It keeps to a line that rises or falls.
    Line,
    /// It wanders: where it was says nothing of where it will return to.
    Wanders,
    /// The tests contradict each other, or neither can say: a level that jumped, or too short a series.
    Unclear,
}

/// A verdict and what it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stationarity {
    /// The verdict, at 5 %.
    pub verdict: Verdict,
    /// The statistic of Kwiatkowski and others around a level; over 0.463 it does not keep to one.
    pub kpss_level: f64,
    /// The same around a line; over 0.146 it does not keep to one.
    pub kpss_line: f64,
    /// The statistic of Dickey and Fuller around a level.
    pub adf_level: f64,
    /// It does not wander where the statistic is under this (MacKinnon, "Critical Values for Cointegration Tests",
    /// 2010, at 5 % for so many values).
    pub adf_level_critical: f64,
    /// The statistic around a line.
    pub adf_line: f64,
    /// The same for it.
    pub adf_line_critical: f64,
    /// Differences from one value to the next that must be taken until it keeps to a level, 0 to 2.
    pub differences: usize,
}

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untested {
    /// There are too few values.
    #[error("{found} values are known, and {VALUES_MIN} are needed")]
    TooFew {
        /// How many are known.
        found: usize,
    },
    /// Over half is missing.
    #[error("{missing} of {all} values are missing")]
    TooManyMissing {
        /// How many.
        missing: usize,
        /// Of how many.
        all: usize,
    },
}

/// Whether a series at equal steps keeps to a level or a line, or wanders. Seasons should be taken out before. What
/// is missing counts as lying between its neighbours. O(n · p²) for p lags, at most 24.
pub fn stationarity(values: &[f64]) -> Result<Stationarity, Untested> {
    let values = values
        .get(values.len().saturating_sub(VALUES_MAX)..)
        .unwrap_or_default();
    let found = values.iter().filter(|value| is_known(**value)).count();
    if found < VALUES_MIN {
        return Err(Untested::TooFew { found });
    }
    let (missing, all) = (values.len() - found, values.len());
    if missing > found {
        return Err(Untested::TooManyMissing { missing, all });
    }
    let values = scaled(&filled(values));
    // Rows of the regression.
    let n = count(all - 1 - lags(all));
    let (kpss_level, kpss_line) = (kpss(&values, false), kpss(&values, true));
    let (adf_level, adf_line) = (adf(&values, false), adf(&values, true));
    let critical = |at: [f64; 4]| at[0] + at[1] / n + at[2] / n.powi(2) + at[3] / n.powi(3);
    let adf_level_critical = critical([-2.861_54, -2.8903, -4.234, -40.04]);
    let adf_line_critical = critical([-3.410_49, -4.3904, -9.036, -45.374]);
    let keeps_level = kpss_level <= KPSS_LEVEL;
    let keeps_line = kpss_line <= KPSS_LINE;
    let returns = adf_level < adf_level_critical;
    let returns_to_line = adf_line < adf_line_critical;
    let verdict = if values.iter().all(|value| *value == 0.0) {
        Verdict::Constant
    } else if keeps_level && returns {
        Verdict::Level
    } else if !keeps_level && keeps_line && returns_to_line {
        Verdict::Line
    } else if !keeps_level && !keeps_line && !returns_to_line {
        Verdict::Wanders
    } else {
        Verdict::Unclear
    };
    Ok(Stationarity {
        verdict,
        kpss_level,
        kpss_line,
        adf_level,
        adf_level_critical,
        adf_line,
        adf_line_critical,
        differences: differences(values),
    })
}

/// From -1 to 1 around the mean, so that nothing overflows; zeroes for what differs by rounding alone.
fn scaled(values: &[f64]) -> Vec<f64> {
    let mean = values
        .iter()
        .map(|value| value / count(values.len()))
        .sum::<f64>();
    let scale = values
        .iter()
        .map(|value| (value - mean).abs())
        .fold(0.0, f64::max);
    if scale <= mean.abs() * f64::EPSILON * count(values.len()) {
        return vec![0.0; values.len()];
    }
    values.iter().map(|value| (value - mean) / scale).collect()
}

/// Differences until the test does not doubt a level any more.
fn differences(mut values: Vec<f64>) -> usize {
    for taken in 0..DIFFERENCES_MAX {
        if kpss(&values, false) <= KPSS_LEVEL {
            return taken;
        }
        values = values.windows(2).map(difference).collect();
    }
    DIFFERENCES_MAX
}

fn difference(pair: &[f64]) -> f64 {
    match pair {
        [before, after] => after - before,
        _ => 0.0,
    }
}

/// The statistic around a level or a line, with Bartlett's weights over 3 √n / 13 lags (as Hyndman and Khandakar,
/// "Automatic Time Series Forecasting", 2008). 0 of what does not vary. O(n · √n).
fn kpss(values: &[f64], line: bool) -> f64 {
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let middle = (n - 1.0) / 2.0;
    let products = values
        .iter()
        .enumerate()
        .map(|(at, value)| (count(at) - middle) * value);
    let slope = if line {
        products.sum::<f64>() * 12.0 / (n * (n * n - 1.0))
    } else {
        0.0
    };
    let left: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(at, value)| value - mean - slope * (count(at) - middle))
        .collect();
    let product = |lag: usize| {
        left.iter()
            .skip(lag)
            .zip(&left)
            .map(|(a, b)| a * b)
            .sum::<f64>()
            / n
    };
    // At most 30 for two years of hours.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let lags = (3.0 * n.sqrt() / 13.0) as usize;
    let weighed = (1..=lags).map(|lag| (1.0 - count(lag) / count(lags + 1)) * product(lag));
    let variance = product(0) + 2.0 * weighed.sum::<f64>();
    let mut sum = 0.0;
    let sums: f64 = left
        .iter()
        .map(|value| {
            sum += value;
            sum * sum
        })
        .sum();
    if variance > 1e-24 {
        sums / (n * n * variance)
    } else {
        0.0
    }
}

/// The statistic of the value before in a regression of the difference, beside the cube root of n lagged
/// differences. 0 where it cannot be told.
fn adf(values: &[f64], line: bool) -> f64 {
    let lags = lags(values.len());
    let changes: Vec<f64> = values.windows(2).map(difference).collect();
    let n = count(values.len());
    let size = 2 + usize::from(line) + lags;
    let mut matrix = vec![0.0; size * size];
    let mut right = vec![0.0; size];
    let (mut squares, mut rows) = (0.0, 0.0);
    let mut row = Vec::with_capacity(size);
    for (at, &change) in changes.iter().enumerate().skip(lags) {
        row.clear();
        row.extend([values.get(at).copied().unwrap_or_default(), 1.0]);
        row.extend(line.then(|| count(at) / n - 0.5));
        row.extend(changes.iter().take(at).rev().take(lags));
        for ((cells, right), a) in matrix.chunks_mut(size).zip(&mut right).zip(&row) {
            for (cell, b) in cells.iter_mut().zip(&row) {
                *cell += a * b;
            }
            *right += a * change;
        }
        squares += change * change;
        rows += 1.0;
    }
    let of_right = right.clone();
    let mut unit = vec![0.0; size];
    unit.iter_mut().take(1).for_each(|cell| *cell = 1.0);
    let solved = solve_symmetric(&mut matrix.clone(), &mut right)
        .and_then(|()| solve_symmetric(&mut matrix, &mut unit));
    let (Some(()), Some(&weight), Some(&inverse)) = (solved, right.first(), unit.first()) else {
        return 0.0;
    };
    let explained: f64 = right.iter().zip(&of_right).map(|(a, b)| a * b).sum();
    let variance = (squares - explained).max(0.0) / (rows - count(size)).max(1.0);
    let error = (variance * inverse).sqrt();
    // A line without noise: what is left is rounding.
    if error > 1e-12 { weight / error } else { 0.0 }
}

/// Lagged differences beside the value before, of so many values.
fn lags(values: usize) -> usize {
    // The cube root of 17,520 is 26.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let root = count(values).cbrt() as usize;
    root.min(LAGS_MAX)
}
