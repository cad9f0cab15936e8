//! Lengths of seasons, found from the data.
//!
//! Autocorrelation of what is left without slow movement and wild values names candidates (Box and Jenkins,
//! "Time Series Analysis", 1970); each must then foretell: the profile of some cycles must explain the
//! others. What a found season explains is taken out before the next is looked for, so that a week is found
//! behind a day.

use crate::clean::filled;
use crate::fft::autoproducts;
use crate::linear::count;
use crate::robust::{median, quantile_of_sorted, sort, spread};
use std::f64::consts::TAU;
use std::ops::RangeInclusive;

/// The most values that are looked at: the last ones. More than a year of steps of five minutes.
pub const VALUES_MAX: usize = 1 << 17;

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
/// Parts of a length that are tried by themselves: up to a seventh, which is the day of a week.
const DIVISOR_MAX: usize = 7;
/// The part of a length to either side within which the exact one is looked for.
const AROUND: usize = 25;
/// Seasons that are made of shorter ones: weeks of days, and days of hours.
const NESTED: [usize; 2] = [7, 24];
/// Multiples of a frequency whose power counts for its exact length.
const HARMONICS: usize = 8;
/// Lengths to either side that are tried for the exact one, before those between the best.
const EXACT_STEPS: usize = 64;
/// So many lags are summed directly.
const LAGS_DIRECT_MAX: usize = 16;
/// How far values may lie from the middle, in spreads; the rest counts as lying there.
const WILD: f64 = 4.0;

/// Season lengths in steps, ascending, of a series without gaps; none of one that has no season or fewer than
/// three cycles of it. What is missing counts as lying between its neighbours. O(n log n) for each of a bounded
/// number of candidates, for the last [`VALUES_MAX`] values: 3 ms of CPU for 1,700.
pub fn seasons(values: &[f64]) -> Vec<usize> {
    let mut found = Vec::new();
    let late = values.len().saturating_sub(VALUES_MAX);
    let values = values.get(late..).unwrap_or_default();
    let mut rest = levelled(&filled(values));
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
    // A long one may be found before those that it is made of.
    for nth in 1..found.len() {
        let (shorter, longer) = found.split_at_mut(nth);
        let Some(long) = longer.first_mut() else {
            continue;
        };
        let around = *long / AROUND;
        let made = made_of(shorter, &(*long - around..=*long + around));
        *long = made
            .filter(|made| made * CYCLES_MIN <= values.len())
            .unwrap_or(*long);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Without slow movement, and with wild values brought near.
fn levelled(values: &[f64]) -> Vec<f64> {
    let window = (values.len() / 4).max(2 * LENGTH_MIN);
    let mut rest: Vec<f64> = values
        .iter()
        .zip(moving_mean(values, window))
        .map(|(value, mean)| value - mean)
        .collect();
    let (middle, width) = (
        median(&rest).unwrap_or_default(),
        spread(&rest).unwrap_or_default() * WILD,
    );
    if width > 0.0 && width.is_finite() {
        for value in &mut rest {
            // Of a scale of its own, so that nothing overflows.
            *value = (value.clamp(middle - width, middle + width) - middle) / width;
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
    let length = exact(rest, length, found);
    Some(innermost(rest, length, best))
}

/// A part of the length that explains enough by itself: noise hides the peak of a day where it does not hide
/// that of two days or a week.
fn innermost(rest: &[f64], length: usize, best: f64) -> usize {
    let enough = (best * OF_BEST_MIN).max(EXPLAINED_MIN);
    (2..=DIVISOR_MAX)
        .rev()
        .map(|divisor| (length + divisor / 2) / divisor)
        .filter(|part| *part >= LENGTH_MIN)
        .find(|part| explained(rest, *part) >= enough)
        .map_or(length, |part| exact(rest, part, &[]))
}

/// The length near one at which it and its harmonics have most power, which is the likeliest one of a smooth
/// profile in noise (Quinn and Thomson, "Estimating the Frequency of a Periodic Function", 1991). Near seven or
/// 24 times a season that was found it is that: weeks are made of days, and days of hours.
fn exact(rest: &[f64], length: usize, found: &[usize]) -> usize {
    let around = (length / AROUND).max(1);
    let near = (length - around).max(LENGTH_MIN)..=(length + around).min(rest.len() / CYCLES_MIN);
    if let Some(made) = made_of(found, &near) {
        return made;
    }
    let stride = (around / EXACT_STEPS).max(1);
    let coarse = near.clone().step_by(stride).collect::<Vec<_>>();
    let Some(best) = of_most_power(rest, &coarse) else {
        return length;
    };
    let fine: Vec<usize> = near.filter(|near| near.abs_diff(best) < stride).collect();
    of_most_power(rest, &fine).unwrap_or(best)
}

/// Seven or 24 times a season, where that is within a range.
fn made_of(found: &[usize], near: &RangeInclusive<usize>) -> Option<usize> {
    let mut of_found = found
        .iter()
        .flat_map(|inner| NESTED.map(|times| inner * times));
    of_found.find(|made| near.contains(made))
}

fn of_most_power(rest: &[f64], lengths: &[usize]) -> Option<usize> {
    let powers = lengths.iter().map(|&length| (length, power(rest, length)));
    powers
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(length, _)| length)
}

/// The power of a length and its harmonics (Goertzel, "An Algorithm for the Evaluation of Finite Trigonometric
/// Series", 1958). O(n).
fn power(values: &[f64], length: usize) -> f64 {
    let turns: [f64; HARMONICS] =
        std::array::from_fn(|nth| 2.0 * (TAU * count(nth + 1) / count(length)).cos());
    let (mut last, mut before) = ([0.0; HARMONICS], [0.0; HARMONICS]);
    for value in values {
        for ((last, before), turn) in last.iter_mut().zip(&mut before).zip(&turns) {
            let now = value + turn * *last - *before;
            *before = *last;
            *last = now;
        }
    }
    let powers = last.iter().zip(&before).zip(&turns);
    powers
        .take(length / 2)
        .map(|((last, before), turn)| last * last + before * before - turn * last * before)
        .sum()
}

/// Autocorrelations at lags from 0 to `lags`. O(n log n), or O(n · lags) for few.
pub(crate) fn autocorrelations(values: &[f64], lags: usize) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / count(values.len().max(1));
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let variance: f64 = centred.iter().map(|value| value * value).sum();
    if variance.is_nan() || variance <= 0.0 {
        return Vec::new();
    }
    let lags = lags.min(centred.len().saturating_sub(1));
    if lags > LAGS_DIRECT_MAX {
        let products = autoproducts(&centred, lags);
        return products.into_iter().map(|sum| sum / variance).collect();
    }
    (0..=lags)
        .map(|lag| {
            let later = centred.iter().skip(lag);
            later.zip(&centred).map(|(a, b)| a * b).sum::<f64>() / variance
        })
        .collect()
}

/// The median at each place of a season, in the middle 0.
pub(crate) fn profile(values: &[f64], length: usize) -> Vec<f64> {
    let mut of_place = Vec::with_capacity(values.len() / length.max(1) + 1);
    let mut profile: Vec<f64> = (0..length)
        .map(|place| {
            of_place.clear();
            of_place.extend(values.iter().skip(place).step_by(length));
            sort(&mut of_place);
            quantile_of_sorted(&of_place, 0.5).unwrap_or_default()
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

/// What is left without the profiles of seasons, each around a level that may move.
pub(crate) fn without_seasons(values: &[f64], seasons: &[usize]) -> Vec<f64> {
    let mut rest = values.to_vec();
    for &season in seasons
        .iter()
        .filter(|season| **season > 1 && **season * 2 <= values.len())
    {
        let level = moving_mean(&rest, season);
        let around: Vec<f64> = rest
            .iter()
            .zip(&level)
            .map(|(value, level)| value - level)
            .collect();
        let profile = profile(&around, season);
        for (value, of) in rest.iter_mut().zip(profile.iter().cycle()) {
            *value -= of;
        }
    }
    rest
}
