//! Bands around a forecast that hold as often as they did in the past of the same series: split conformal
//! prediction on the errors of the back-test (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
//! World", 2005; Lei and others, "Distribution-Free Predictive Inference for Regression", 2018).

use super::backtest::{Backtest, weights};
use super::scale::Scale;
use super::{Band, combine};
use crate::linear::count;
use crate::robust::{sort, spread};

/// Steps to either side whose errors stand for those of a step, in parts of the horizon that was tried.
const AROUND_SHARE: usize = 12;
/// The fewest of them.
const AROUND_MIN: usize = 2;
/// How wide a band is where nothing was tried, in standard deviations of the changes from step to step.
const UNTRIED: f64 = 3.0;

/// The bands of the wanted coverages.
pub(super) fn bands(
    past: &Backtest,
    median: &[f64],
    members: usize,
    scale: Scale,
    values: &[f64],
    coverages: &[f64],
) -> Vec<Band> {
    let errors = errors(past, members, scale);
    let tried = errors.first().map_or(0, Vec::len);
    let is_positive = values.iter().all(|value| *value >= 0.0);
    let mut widths: Vec<Vec<f64>> = Vec::new();
    if tried == 0 {
        widths.push(vec![untried(values, scale)]);
    } else {
        let around = AROUND_MIN.max(tried / AROUND_SHARE);
        for step in 0..tried {
            let near = step.saturating_sub(around)..(step + around + 1).min(tried);
            let of_trials = errors.iter().filter_map(|trial| trial.get(near.clone()));
            let mut near: Vec<f64> = of_trials.flatten().copied().collect();
            sort(&mut near);
            widths.push(near);
        }
    }
    coverages
        .iter()
        .map(|&coverage| {
            let (mut lower, mut upper) = (Vec::new(), Vec::new());
            for (step, &middle) in median.iter().enumerate() {
                let at = step.min(widths.len() - 1);
                let width = widths
                    .get(at)
                    .map_or(0.0, |errors| conformal(errors, coverage));
                // Behind what was tried errors grow as those of a walk by chance.
                let width = width * (count(step + 1) / count(at + 1)).sqrt();
                let scaled = scale.scaled(middle);
                let low = scale.plain(scaled - width);
                let low = if is_positive { low.max(0.0) } else { low };
                // Scaling there and back rounds.
                lower.push(low.min(middle));
                upper.push(scale.plain(scaled + width).max(middle));
            }
            Band {
                coverage,
                lower,
                upper,
            }
        })
        .collect()
}

/// Absolute errors of the combination on the scale of models, trial by trial and step by step, each with the
/// weights that the other trials give.
fn errors(past: &Backtest, members: usize, scale: Scale) -> Vec<Vec<f64>> {
    let of_trial = |(nth, trial): (usize, &super::backtest::Trial)| {
        let weights = weights(past, members, Some(nth));
        let median = combine(&trial.members, &weights, trial.came.len());
        let distance = |(of, came): (&f64, &f64)| (scale.scaled(*came) - scale.scaled(*of)).abs();
        median.iter().zip(&trial.came).map(distance).collect()
    };
    past.trials.iter().enumerate().map(of_trial).collect()
}

/// The error that a share of errors does not exceed, with the correction for their number.
fn conformal(ascending: &[f64], coverage: f64) -> f64 {
    let wanted = (count(ascending.len() + 1) * coverage.clamp(0.0, 1.0)).ceil();
    let place = ascending.len().min(to_count(wanted)).saturating_sub(1);
    ascending.get(place).copied().unwrap_or_default()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn to_count(value: f64) -> usize {
    value.clamp(0.0, 1e9) as usize
}

fn untried(values: &[f64], scale: Scale) -> f64 {
    let changes: Vec<f64> = values
        .windows(2)
        .filter_map(|two| Some(scale.scaled(*two.last()?) - scale.scaled(*two.first()?)))
        .collect();
    spread(&changes).unwrap_or_default() * UNTRIED
}
