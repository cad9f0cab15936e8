//! Forecasts of one series by a pool of simple models, each weighed by how well it forecast this series'
//! own past, with bands that hold as often as they did there.
//!
//! No single model serves all series: daily and weekly rhythms want autoregression on their lags, bursty
//! links a robust profile of the week, what wanders at random its last value. So each member of the pool
//! forecasts from several points of the past ([`backtest`]), and what is answered is the weighted median
//! of the members, which one that goes wild does not move. Source of the plan: Petropoulos and Svetunkov,
//! "A Simple Combination of Univariate Models", International Journal of Forecasting 36 (2020).

mod backtest;
mod bands;
mod clock;
mod holiday;
mod parts;
mod pool;
mod scale;
mod smooth;

pub use clock::{Clock, OFFSET_MAX_SECS, forecast_by_clock};
pub use pool::Method;

use crate::robust::weighted_median;
use backtest::{Backtest, weights};
use bands::bands;
use pool::Pool;
use scale::Scale;

/// The fewest values of which a forecast is made.
pub const VALUES_MIN: usize = 8;
/// The most that are looked at: the last ones. Two years of hours.
pub const VALUES_MAX: usize = 17_520;
/// The longest horizon: a year of hours.
pub const HORIZON_MAX: usize = 8_784;
/// Beyond this, in either direction, nothing was measured: it counts as missing.
pub const VALUE_MAX: f64 = 1e100;
/// The longest season.
pub const SEASON_MAX: usize = 8_784;

/// A forecast, step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// What is expected: half of what comes should be above it.
    pub median: Vec<f64>,
    /// The same with bounds.
    pub bands: Vec<Band>,
    /// The members of the pool and their weights, which are 1 together; the weightiest first.
    pub members: Vec<(Method, f64)>,
    /// Points of the past from which the members were tried.
    pub tried: usize,
}

/// Bounds within which a share of what comes should lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The share, 0 to 1.
    pub coverage: f64,
    /// Lower bounds, step by step.
    pub lower: Vec<f64>,
    /// Upper bounds, step by step.
    pub upper: Vec<f64>,
}

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unforecastable {
    /// There are too few values.
    #[error("{found} values are known, and {VALUES_MIN} are needed")]
    TooFew {
        /// How many are known.
        found: usize,
    },
    /// Over half of what was to be looked at is missing.
    #[error("{missing} of {all} values are missing")]
    TooManyMissing {
        /// How many.
        missing: usize,
        /// Of how many.
        all: usize,
    },
    /// The horizon is none, or too long.
    #[error("the horizon is {0} steps, and may be 1 to {HORIZON_MAX}")]
    Horizon(usize),
}

/// Forecasts a series at equal steps for so many steps behind its end.
///
/// `seasons` are the lengths that may repeat, in steps; those that were not seen twice count for nothing.
/// `coverages` are the shares of the bands that are wanted, 0 to 1. Missing values are filled as a line over
/// short gaps. Cost: O(n · d + p³ · m) for n values, d distances between lags (under 400), p lags (under 80)
/// and m members at each point of the past: some milliseconds for 1,000 hourly values.
pub fn forecast(
    values: &[f64],
    seasons: &[usize],
    horizon: usize,
    coverages: &[f64],
) -> Result<Forecast, Unforecastable> {
    if !(1..=HORIZON_MAX).contains(&horizon) {
        return Err(Unforecastable::Horizon(horizon));
    }
    let values = values
        .get(values.len().saturating_sub(VALUES_MAX)..)
        .unwrap_or_default();
    let values = known(values)?;
    let mut seasons: Vec<usize> = seasons
        .iter()
        .copied()
        .filter(|season| (2..=SEASON_MAX.min(values.len() / 2)).contains(season))
        .collect();
    seasons.sort_unstable();
    seasons.dedup();
    let scale = Scale::of(&values);
    let scaled = scale.all(&values);
    let past = Backtest::points(values.len(), horizon);
    let pool = Pool::new(&scaled, &seasons, &past.ends());
    let past = past.run(&pool, scale, &values);
    let members = pool.forecasts(values.len(), horizon, scale, &values);
    let weights = weights(&past, members.len(), None);
    let median = combine(&members, &weights, horizon);
    let bands = bands(&past, &median, members.len(), scale, &values, coverages);
    let mut members: Vec<(Method, f64)> = pool.methods().into_iter().zip(weights).collect();
    members.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(Forecast {
        median,
        bands,
        members,
        tried: past.len(),
    })
}

/// The weighted median of members, step by step.
fn combine(members: &[Vec<f64>], weights: &[f64], horizon: usize) -> Vec<f64> {
    let mut pairs = Vec::with_capacity(members.len());
    (0..horizon)
        .map(|step| {
            pairs.clear();
            pairs.extend(
                members
                    .iter()
                    .zip(weights)
                    .filter_map(|(member, weight)| Some((*member.get(step)?, *weight))),
            );
            weighted_median(&mut pairs).unwrap_or(0.0)
        })
        .collect()
}

/// The values from the first to the last that is known, gaps filled as a line.
fn known(values: &[f64]) -> Result<Vec<f64>, Unforecastable> {
    let is_known = |value: &f64| value.abs() <= VALUE_MAX;
    let found = values.iter().filter(|value| is_known(value)).count();
    if found < VALUES_MIN {
        return Err(Unforecastable::TooFew { found });
    }
    let begin = values.iter().position(is_known).unwrap_or(0);
    let rest = values.get(begin..).unwrap_or_default();
    let missing = rest.len() - found;
    if missing > found {
        let all = rest.len();
        return Err(Unforecastable::TooManyMissing { missing, all });
    }
    let mut filled = Vec::with_capacity(rest.len());
    let mut gap = 0;
    for &value in rest {
        if !is_known(&value) {
            gap += 1;
            continue;
        }
        let last: f64 = filled.last().copied().unwrap_or(value);
        let steps = crate::linear::count(gap + 1);
        filled.extend((1..=gap).map(|at| {
            let share = crate::linear::count(at) / steps;
            last * (1.0 - share) + value * share
        }));
        filled.push(value);
        gap = 0;
    }
    // What is missing at the end is as it was last.
    let last = filled.last().copied().unwrap_or_default();
    filled.extend(std::iter::repeat_n(last, gap));
    Ok(filled)
}
