//! A series in its seasons and what is left of it, each drawn on by itself: the seasons as they were, the rest,
//! with its level, by its own last values.
//!
//! Source: the plan of MSTL with a model of the seasonally adjusted series (Bandara, Hyndman and Bergmeir, "MSTL",
//! 2021; Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 2021, section 5.7). Its smooth curves
//! cost a hundred times more and forecast no better, so seasons are medians of the last ones here.

use crate::linear::{Lagged, count};
use crate::robust::median;

/// Seasons back of which each is made.
const SEASONS: usize = 6;
/// Lags of the rest.
const LAGS: usize = 24;
/// The penalty of their weights, in parts of the mean variance of the lags.
const PENALTY: f64 = 1e-2;

/// What is expected behind a history; none where no season was seen twice, or no number comes of it.
/// O(n · l + n · s) for l lags and s seasons, shortest first.
pub(super) fn forecast(history: &[f64], seasons: &[usize], horizon: usize) -> Option<Vec<f64>> {
    let mut rest = history.to_vec();
    let mut seasonal = vec![0.0; horizon];
    let mut any = false;
    for &length in seasons {
        let times = (rest.len() / length).min(SEASONS);
        if times < 2 {
            continue;
        }
        any = true;
        let season = season(rest.get(rest.len() - times * length..)?, length)?;
        // The end of the history is the end of a season, so backwards from there both are in step.
        let backwards = season.iter().rev().cycle();
        for (rest, of) in rest.iter_mut().rev().zip(backwards) {
            *rest -= of;
        }
        for (seasonal, of) in seasonal.iter_mut().zip(season.iter().cycle()) {
            *seasonal += of;
        }
    }
    if !any {
        return None;
    }
    let lags: Vec<usize> = (1..=LAGS.min(rest.len() / 4)).collect();
    let model = Lagged::new(&rest, &lags, &[rest.len()])?.solve(0, PENALTY)?;
    let expected = model.expect(&rest, horizon)?;
    let both = expected.iter().zip(&seasonal);
    Some(both.map(|(rest, season)| rest + season).collect())
}

/// The median at each place of whole seasons, around their mean.
fn season(values: &[f64], length: usize) -> Option<Vec<f64>> {
    let mean = values.iter().sum::<f64>() / count(values.len().max(1));
    let of_place = |place: usize| {
        let at_place: Vec<f64> = values.iter().skip(place).step_by(length).copied().collect();
        Some(median(&at_place)? - mean)
    };
    (0..length).map(of_place).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn seasons_go_on_from_any_place_and_the_rest_fades() {
        // A day of 4 steps and a week of 28, a rest that halves, and one wild value that no median minds.
        let of = |at: usize| {
            let weekend = if at % 28 >= 20 { -5.0 } else { 0.0 };
            let noise = 0.01 * count(at * 7_919 % 101);
            count(at % 4) * 3.0 + weekend + noise
        };
        for end in [280, 283, 300] {
            let mut values: Vec<f64> = (0..end).map(of).collect();
            values
                .iter_mut()
                .rev()
                .skip(60)
                .take(1)
                .for_each(|value| *value = 40.0);
            let expected = forecast(&values, &[4, 28], 56).unwrap();
            for (step, expected) in expected.iter().enumerate() {
                let came = of(end + step);
                assert!(
                    (expected - came).abs() < 2.5,
                    "{end} {step}: {expected} {came}"
                );
            }
        }
    }

    #[test]
    fn what_has_no_season_or_does_not_vary_has_none() {
        assert_eq!(forecast(&[1.0, 2.0, 3.0], &[2], 2), None);
        assert_eq!(forecast(&[1.0; 40], &[4], 2), None);
        assert_eq!(forecast(&[1.0, 2.0, 4.0, 1.0], &[], 2), None);
        assert_eq!(forecast(&[], &[4], 2), None);
    }
}
