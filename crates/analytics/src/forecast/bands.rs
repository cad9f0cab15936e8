//! Bands around a forecast that hold as often as they did in the past of the same series: conformal prediction
//! on the errors of the back-test (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005).
//! How wide a band is at a step follows the mean error around that step; by what factor, is what each trial's
//! errors were in parts of the means of the other trials (locally weighted conformal prediction: Lei and others,
//! "Distribution-Free Predictive Inference for Regression", 2018; with one trial left out: Barber and others,
//! "Predictive Inference With the Jackknife+", 2021).

use super::backtest::{Backtest, weights};
use super::scale::Scale;
use super::{Band, combine};
use crate::linear::count;
use crate::robust::{sort, spread};

/// Steps to either side whose errors stand for those of a step, in parts of the horizon that was tried.
const AROUND_SHARE: usize = 12;
/// The fewest of them.
const AROUND_MIN: usize = 2;
/// How much of a step's mean error is that of all steps and trials, for few errors are near one step.
const SHARED: f64 = 0.5;
/// The errors of one trial are much alike, so what counts is how many trials there are: the share of errors
/// that may lie outside is made smaller as if so many more trials had all lain outside.
const MORE_TRIALS: f64 = 3.0;
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
    let widths = if tried == 0 {
        let width = untried(values, scale);
        coverages.iter().map(|_| vec![width]).collect()
    } else {
        widths(&errors, tried, coverages)
    };
    let of = |(&coverage, widths): (&f64, &Vec<f64>)| {
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        for (step, &middle) in median.iter().enumerate() {
            let at = step.min(widths.len().saturating_sub(1));
            let width = widths.get(at).copied().unwrap_or_default();
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
    };
    coverages.iter().zip(&widths).map(of).collect()
}

/// Half the width of each band, step by step of those that were tried, on the scale of models.
fn widths(errors: &[Vec<f64>], tried: usize, coverages: &[f64]) -> Vec<Vec<f64>> {
    let local = local_errors(errors, tried);
    let overall = {
        let (all, n) = errors
            .iter()
            .flatten()
            .fold((0.0, 0), |(sum, n), error| (sum + error, n + 1));
        all / count(n.max(1))
    };
    let mean = |without: Option<usize>| -> Vec<f64> {
        let others = local.iter().enumerate();
        let others: Vec<&Vec<f64>> = others
            .filter(|(nth, _)| Some(*nth) != without)
            .map(|(_, trial)| trial)
            .collect();
        let of_step = |step: usize| {
            let sum: f64 = others.iter().filter_map(|trial| trial.get(step)).sum();
            let local = sum / count(others.len().max(1));
            local * (1.0 - SHARED) + overall * SHARED
        };
        (0..tried).map(of_step).collect()
    };
    let is_alone = errors.len() == 1;
    let mut ratios = Vec::with_capacity(errors.len() * tried);
    for (nth, trial) in errors.iter().enumerate() {
        let means = mean((!is_alone).then_some(nth));
        let ratio = |(error, mean): (&f64, &f64)| {
            // Where the others erred not at all.
            if *mean > 0.0 {
                error / mean
            } else {
                f64::from(u8::from(*error > 0.0))
            }
        };
        ratios.extend(trial.iter().zip(&means).map(ratio));
    }
    sort(&mut ratios);
    let means = mean(None);
    let trials = count(errors.len());
    let of_coverage = |coverage: &f64| {
        let outside = (1.0 - coverage) * trials / (trials + MORE_TRIALS);
        let factor = conformal(&ratios, 1.0 - outside);
        means.iter().map(|mean| factor * mean).collect()
    };
    coverages.iter().map(of_coverage).collect()
}

/// The mean error around each step, trial by trial.
fn local_errors(errors: &[Vec<f64>], tried: usize) -> Vec<Vec<f64>> {
    let around = AROUND_MIN.max(tried / AROUND_SHARE);
    let of_trial = |trial: &Vec<f64>| {
        let of_step = |step: usize| {
            let near = step.saturating_sub(around)..(step + around + 1).min(trial.len());
            let near = trial.get(near).unwrap_or_default();
            near.iter().sum::<f64>() / count(near.len().max(1))
        };
        (0..tried).map(of_step).collect()
    };
    errors.iter().map(of_trial).collect()
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
