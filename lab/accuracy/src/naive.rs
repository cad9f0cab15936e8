//! The forecasts that others are held against: the last value, the last season, and the last value with the
//! shape of the season (Naive2 of Makridakis, Spiliotis and Assimakopoulos, "The M4 Competition: 100,000 time
//! series and 61 forecasting methods", International Journal of Forecasting 36, 2020).

use crate::number::{count, mean};

/// Autocorrelation counts as seasonal beyond this many standard deviations (90 % of both sides).
const SEASONAL: f64 = 1.645;

/// Repeats the last season, or the last value where none was seen.
pub fn seasonal(values: &[f64], horizon: usize, period: usize) -> Vec<f64> {
    let begin = values.len().saturating_sub(period.max(1));
    let season = if values.len() >= period {
        &values[begin..]
    } else {
        &[]
    };
    if season.is_empty() {
        return vec![last(values); horizon];
    }
    season.iter().copied().cycle().take(horizon).collect()
}

/// The last value, with the shape of the season where there is one (see [`is_seasonal`]).
pub fn naive2(values: &[f64], horizon: usize, period: usize) -> Vec<f64> {
    if is_seasonal(values, period) && values.iter().all(|value| *value > 0.0) {
        let shape = shape(values, period);
        if shape.iter().all(|index| index.is_finite() && *index > 0.0) {
            let level = last(values) / shape[(values.len() - 1) % period];
            let at = |step: usize| level * shape[(values.len() + step) % period];
            return (0..horizon).map(at).collect();
        }
    }
    vec![last(values); horizon]
}

/// Whether the autocorrelation at the period stands out of what those at shorter lags allow (Bartlett's formula,
/// as the competition's test has it).
fn is_seasonal(values: &[f64], period: usize) -> bool {
    if period < 2 || values.len() < 3 * period {
        return false;
    }
    let middle = mean(values);
    let around: Vec<f64> = values.iter().map(|value| value - middle).collect();
    let variance: f64 = around.iter().map(|value| value * value).sum();
    if variance <= 0.0 {
        return false;
    }
    let at = |lag: usize| {
        let pairs = around.iter().skip(lag).zip(&around);
        pairs.map(|(later, earlier)| later * earlier).sum::<f64>() / variance
    };
    let shorter: f64 = (1..period).map(|lag| at(lag).powi(2)).sum();
    let limit = SEASONAL * ((1.0 + 2.0 * shorter) / count(values.len())).sqrt();
    at(period).abs() > limit
}

/// The mean ratio of each place in the season to the moving average of a season around it, 1 on the mean
/// (classical multiplicative decomposition).
fn shape(values: &[f64], period: usize) -> Vec<f64> {
    // An even season is centred by half of each value at its ends.
    let weights: Vec<f64> = if period.is_multiple_of(2) {
        let ends = |at: usize| if at == 0 || at == period { 0.5 } else { 1.0 };
        (0..=period).map(ends).collect()
    } else {
        vec![1.0; period]
    };
    let mut sums = vec![(0.0, 0.0); period];
    let half = (weights.len() - 1) / 2;
    for (at, window) in values.windows(weights.len()).enumerate() {
        let smooth: f64 = window
            .iter()
            .zip(&weights)
            .map(|(value, weight)| value * weight)
            .sum();
        let ratio = values[at + half] / (smooth / count(period));
        let (sum, seen) = &mut sums[(at + half) % period];
        (*sum, *seen) = (*sum + ratio, *seen + 1.0);
    }
    let means = sums
        .into_iter()
        .map(|(sum, seen)| if seen > 0.0 { sum / seen } else { 1.0 });
    let means: Vec<f64> = means.collect();
    let all: f64 = means.iter().sum();
    means
        .into_iter()
        .map(|index| index * count(period) / all)
        .collect()
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_season_is_repeated() {
        assert_eq!(seasonal(&[9.0, 1.0, 2.0], 5, 2), [1.0, 2.0, 1.0, 2.0, 1.0]);
        assert_eq!(seasonal(&[9.0], 2, 3), [9.0, 9.0]);
    }

    #[test]
    fn a_season_without_noise_is_kept_and_its_level_is_the_last() {
        let values: Vec<f64> = [1.0, 2.0, 3.0, 2.0].repeat(6);
        let forecast = naive2(&values, 5, 4);
        for (found, expected) in forecast.iter().zip([1.0, 2.0, 3.0, 2.0, 1.0]) {
            assert!((found - expected).abs() < 1e-9, "{forecast:?}");
        }
    }

    #[test]
    fn without_a_season_the_last_value_goes_on() {
        let straight: Vec<f64> = (1..40).map(f64::from).collect();
        // A trend is no season of three, as shorter lags say the same.
        assert_eq!(naive2(&straight, 2, 3), [39.0, 39.0]);
        assert_eq!(naive2(&[1.0, 2.0], 2, 4), [2.0, 2.0]);
        assert_eq!(naive2(&[5.0; 40], 2, 4), [5.0, 5.0]);
        // Values at or below nought have no ratios.
        let mut dips: Vec<f64> = [1.0, 2.0, 3.0, 2.0].repeat(6);
        dips[3] = 0.0;
        assert_eq!(naive2(&dips, 1, 4), [2.0]);
    }
}
