//! How the members of a pool did in the past of the same series.

use super::pool::Pool;
use super::scale::Scale;
use crate::linear::count;
use crate::robust::median;

/// Points of the past from which members are tried.
const POINTS: usize = 9;
/// How much more a member weighs that errs less: by this power of how much less.
const POWER: f64 = 4.0;
/// A member that erred so many times more or less than the middle one counts as this.
const RATIO_MAX: f64 = 20.0;

/// The points of the past that are tried.
pub(super) struct Points {
    ends: Vec<usize>,
    all: usize,
    horizon: usize,
}

/// What became of the trials.
pub(super) struct Backtest {
    pub(super) trials: Vec<Trial>,
}

/// What each member forecast from a point of the past, and what came.
pub(super) struct Trial {
    pub(super) members: Vec<Vec<f64>>,
    pub(super) came: Vec<f64>,
}

impl Backtest {
    /// The points of a series of this length for a horizon: one horizon apart, in its later half. Horizons
    /// that are long for the series are tried over a part of them.
    pub(super) fn points(all: usize, horizon: usize) -> Points {
        let horizon = horizon.min((all / 8).max(1));
        let ends = (1..=POINTS).filter_map(|nth| all.checked_sub(nth * horizon));
        let ends = ends.filter(|end| end * 2 >= all).collect();
        Points { ends, all, horizon }
    }

    pub(super) fn len(&self) -> usize {
        self.trials.len()
    }
}

impl Points {
    /// All lengths of the series that models are wanted of: those of the points, and the whole.
    pub(super) fn ends(&self) -> Vec<usize> {
        std::iter::once(self.all)
            .chain(self.ends.iter().copied())
            .collect()
    }

    pub(super) fn run(self, pool: &Pool, scale: Scale, values: &[f64]) -> Backtest {
        let trial = |end: &usize| Trial {
            members: pool.forecasts(*end, self.horizon, scale, values),
            came: values
                .iter()
                .skip(*end)
                .take(self.horizon)
                .copied()
                .collect(),
        };
        Backtest {
            trials: self.ends.iter().map(trial).collect(),
        }
    }
}

/// The weights of the members, 1 together, by all trials but one: each member's mean absolute error in parts of
/// the middle member's, trial by trial, so that one bad week weighs as one. `members` of them weigh the same
/// where nothing was tried.
pub(super) fn weights(past: &Backtest, members: usize, without: Option<usize>) -> Vec<f64> {
    let mut logarithms = vec![0.0; members];
    let mut tried = 0_usize;
    for (_, trial) in past
        .trials
        .iter()
        .enumerate()
        .filter(|(nth, _)| Some(*nth) != without)
    {
        let errors: Vec<f64> = trial
            .members
            .iter()
            .map(|member| error(member, &trial.came))
            .collect();
        let Some(middle) = median(&errors) else {
            continue;
        };
        tried += 1;
        for (sum, error) in logarithms.iter_mut().zip(&errors) {
            // Where the middle one errs not at all, so do most.
            let ratio = if middle > 0.0 {
                error / middle
            } else {
                f64::from(u8::from(*error > 0.0))
            };
            *sum += ratio.clamp(1.0 / RATIO_MAX, RATIO_MAX).ln();
        }
    }
    let trials = count(tried.max(1));
    let weights: Vec<f64> = logarithms
        .iter()
        .map(|sum| (-POWER * sum / trials).exp())
        .collect();
    let all: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / all).collect()
}

/// The mean absolute error.
fn error(forecast: &[f64], came: &[f64]) -> f64 {
    let sum: f64 = forecast
        .iter()
        .zip(came)
        .map(|(of, came)| (of - came).abs())
        .sum();
    sum / count(came.len().max(1))
}
