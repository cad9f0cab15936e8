//! Lengths of seasons, found from the data.
//!
//! Autocorrelation of what is left without slow movement and wild values names candidates (Box and Jenkins,
//! "Time Series Analysis", 1970); each must then foretell: the profile of some cycles must explain the
//! others. What a found season explains is taken out before the next is looked for, so that a week is found
//! behind a day.

use crate::linear::count;
use crate::robust::{median, spread};

/// The shortest season that is looked for, in steps.
const LENGTH_MIN: usize = 4;
/// Whole cycles that must be there.
const CYCLES_MIN: usize = 3;
/// Seasons that are looked for.
const SEASONS_MAX: usize = 3;
/// The part of the variance that a profile must explain in cycles that it was not made of.
const EXPLAINED_MIN: f64 = 0.08;
/// The part of what the best length explains that a shorter one must.
const OF_BEST_MIN: f64 = 0.3;
/// Candidates of a pass whose profile is tried, by their autocorrelation.
const CANDIDATES_MAX: usize = 12;
/// How far values may lie from the middle, in spreads; the rest counts as lying there.
const WILD: f64 = 4.0;

/// Season lengths in steps, ascending, of a series without gaps; none of one that has no season or fewer than
/// three cycles of it. O(n · l) for l lags up to a third of n.
pub fn seasons(values: &[f64]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut rest = levelled(values);
    while found.len() < SEASONS_MAX {
        let Some(length) = strongest(&rest, &found) else {
            break;
        };
        let profile = profile(&rest, length);
        for (value, of) in rest.iter_mut().zip(profile.iter().cycle()) {
            *value -= of;
        }
        found.push(length);
    }
    found.sort_unstable();
    found
}

/// Without slow movement, and with wild values brought near.
fn levelled(values: &[f64]) -> Vec<f64> {
    let window = (values.len() / 6).max(2 * LENGTH_MIN);
    let mut rest: Vec<f64> = values
        .iter()
        .zip(moving_mean(values, window))
        .map(|(value, mean)| value - mean)
        .collect();
    let (middle, width) = (
        median(&rest).unwrap_or_default(),
        spread(&rest).unwrap_or_default() * WILD,
    );
    if width > 0.0 {
        for value in &mut rest {
            *value = value.clamp(middle - width, middle + width);
        }
    }
    rest
}

/// Means of so many values around each, fewer at the ends. O(n).
pub(crate) fn moving_mean(values: &[f64], window: usize) -> Vec<f64> {
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    sums.extend(values.iter().map(|value| {
        sum += value;
        sum
    }));
    let half = window / 2;
    (0..values.len())
        .map(|at| {
            let (low, high) = (at.saturating_sub(half), (at + half + 1).min(values.len()));
            let between = sums
                .get(high)
                .zip(sums.get(low))
                .map(|(high, low)| high - low);
            between.unwrap_or_default() / count(high - low)
        })
        .collect()
}

/// The length whose profile explains most, where any explains enough.
fn strongest(rest: &[f64], found: &[usize]) -> Option<usize> {
    let correlations = autocorrelations(rest, rest.len() / CYCLES_MIN);
    let is_noise = 2.0 / count(rest.len().max(1)).sqrt();
    let at = |lag: usize| correlations.get(lag).copied().unwrap_or(0.0);
    let mut peaks: Vec<usize> = (LENGTH_MIN..correlations.len().saturating_sub(1))
        .filter(|&lag| at(lag) > is_noise && at(lag) >= at(lag - 1) && at(lag) > at(lag + 1))
        .collect();
    peaks.sort_by(|&a, &b| at(b).total_cmp(&at(a)));
    peaks.truncate(CANDIDATES_MAX);
    let mut explained: Vec<(usize, f64)> = peaks
        .into_iter()
        .filter(|length| !found.contains(length))
        .map(|length| (length, explained(rest, length)))
        .filter(|(_, part)| *part >= EXPLAINED_MIN)
        .collect();
    let best = explained.iter().map(|(_, part)| *part).fold(0.0, f64::max);
    // A multiple of a season explains as much and more; what it explains beyond is found in what is left.
    explained.retain(|(_, part)| *part >= best * OF_BEST_MIN);
    let (length, _) = explained.into_iter().min_by_key(|(length, _)| *length)?;
    Some(exact(rest, length))
}

/// The length near one that explains most: noise with memory has broad peaks of autocorrelation.
fn exact(rest: &[f64], length: usize) -> usize {
    let around = (length / 25).max(1);
    let near = (length - around).max(LENGTH_MIN)..=(length + around).min(rest.len() / CYCLES_MIN);
    near.max_by(|&a, &b| explained(rest, a).total_cmp(&explained(rest, b)))
        .unwrap_or(length)
}

/// Autocorrelations at lags from 0 to `lags`. O(n · lags).
pub(crate) fn autocorrelations(values: &[f64], lags: usize) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / count(values.len().max(1));
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let variance: f64 = centred.iter().map(|value| value * value).sum();
    if variance.is_nan() || variance <= 0.0 {
        return Vec::new();
    }
    (0..=lags.min(centred.len().saturating_sub(1)))
        .map(|lag| {
            let later = centred.iter().skip(lag);
            later.zip(&centred).map(|(a, b)| a * b).sum::<f64>() / variance
        })
        .collect()
}

/// The median at each place of a season, in the middle 0.
pub(crate) fn profile(values: &[f64], length: usize) -> Vec<f64> {
    let mut profile: Vec<f64> = (0..length)
        .map(|place| {
            let of_place: Vec<f64> = values.iter().skip(place).step_by(length).copied().collect();
            median(&of_place).unwrap_or_default()
        })
        .collect();
    let mean = profile.iter().sum::<f64>() / count(length.max(1));
    for value in &mut profile {
        *value -= mean;
    }
    profile
}

/// The part of the variance of each half of the cycles that the profile of the other half explains; the mean
/// of both, under 0 where it foretells worse than nothing.
fn explained(values: &[f64], length: usize) -> f64 {
    let cycles = values.len() / length;
    let half = |parity: usize| -> Vec<f64> {
        let of_half = values
            .chunks_exact(length)
            .take(cycles)
            .skip(parity)
            .step_by(2);
        of_half.flatten().copied().collect()
    };
    let halves = [half(0), half(1)];
    let [even, odd] = &halves;
    let part = |by: &[f64], of: &[f64]| {
        let profile = profile(by, length);
        let mean = of.iter().sum::<f64>() / count(of.len().max(1));
        let (mut left, mut all) = (0.0, 0.0);
        for (value, expected) in of.iter().zip(profile.iter().cycle()) {
            let centred = value - mean;
            left += (centred - expected) * (centred - expected);
            all += centred * centred;
        }
        if all > 0.0 { 1.0 - left / all } else { 0.0 }
    };
    f64::midpoint(part(even, odd), part(odd, even))
}
