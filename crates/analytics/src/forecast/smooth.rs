//! Exponential smoothing of a level and of each season: how each is found anew with every value.
//!
//! Source: additive seasons without trend as in Hyndman and others, "Forecasting with Exponential Smoothing",
//! 2008 (chapter 2, ETS(A,N,A)); several seasons beside each other as in Taylor, "Short-Term Electricity Demand
//! Forecasting Using Double Seasonal Exponential Smoothing", Journal of the Operational Research Society 54
//! (2003). There is no slope: that of the whole is in theta, and a damped one of its own made nothing better.

use crate::linear::count;

/// Parts of an error that the level takes up.
const LEVEL: [f64; 5] = [0.02, 0.1, 0.3, 0.6, 0.95];
/// Parts of what the level leaves that the seasons take up together.
const SEASON: [f64; 3] = [0.05, 0.2, 0.5];
/// Seasons at the beginning of which the first level and seasons are made.
const FIRST: usize = 2;

/// What is known at an end.
#[derive(Clone, Debug)]
pub(super) struct Smoothed {
    level: f64,
    /// The shortest first.
    seasons: Vec<Season>,
    end: usize,
}

#[derive(Clone, Debug)]
struct Season {
    values: Vec<f64>,
    /// The place of the next value.
    next: usize,
}

/// What is known at each of the ends, with that of the factors which erred least until there, one step ahead.
/// None where no season was seen twice at the first of them. O(n · s) for s seasons, 15 times.
pub(super) fn smoothed(
    values: &[f64],
    seasons: &[usize],
    ends: &[usize],
) -> Option<Vec<Option<Smoothed>>> {
    let least = ends.iter().copied().min()?;
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by_key(|nth| ends.get(*nth));
    let fits = |season: &usize| season * FIRST <= least;
    let seasons: Vec<usize> = seasons.iter().copied().filter(fits).collect();
    let first = first(values.get(..seasons.last()? * FIRST)?, &seasons);
    let mut best: Vec<(f64, Option<Smoothed>)> = vec![(f64::INFINITY, None); ends.len()];
    for of_level in LEVEL {
        for of_season in SEASON {
            // What seasons take up is shared among them.
            let of_season = of_season * (1.0 - of_level) / count(seasons.len());
            let (mut state, mut errors) = (first.clone(), 0.0);
            for &nth in &order {
                let (Some(&end), Some(best)) = (ends.get(nth), best.get_mut(nth)) else {
                    continue;
                };
                for value in values.get(state.end..end).unwrap_or_default() {
                    let error = state.see(*value, of_level, of_season);
                    errors += error * error;
                }
                if errors < best.0 {
                    *best = (errors, Some(state.clone()));
                }
            }
        }
    }
    Some(best.into_iter().map(|best| best.1).collect())
}

/// The mean of the first values, and of each place of each season what the shorter ones leave of it.
fn first(values: &[f64], seasons: &[usize]) -> Smoothed {
    let level = values.iter().sum::<f64>() / count(values.len().max(1));
    let mut rest: Vec<f64> = values.iter().map(|value| value - level).collect();
    let mut found = Vec::with_capacity(seasons.len());
    for &length in seasons {
        let mean = |place: usize| {
            let at_place = rest.iter().skip(place).step_by(length);
            let times = count(at_place.len().max(1));
            at_place.sum::<f64>() / times
        };
        let values: Vec<f64> = (0..length).map(mean).collect();
        for (rest, of) in rest.iter_mut().zip(values.iter().cycle()) {
            *rest -= of;
        }
        found.push(Season { values, next: 0 });
    }
    Smoothed {
        level,
        seasons: found,
        end: 0,
    }
}

impl Smoothed {
    /// Sees the next value; the error of what was expected of it.
    fn see(&mut self, value: f64, of_level: f64, of_season: f64) -> f64 {
        let of = |season: &Season| season.values.get(season.next).copied();
        let seasonal = self.seasons.iter().filter_map(of).sum::<f64>();
        let error = value - self.level - seasonal;
        self.level += of_level * error;
        for season in &mut self.seasons {
            if let Some(of_place) = season.values.get_mut(season.next) {
                *of_place += of_season * error;
            }
            season.next += 1;
            if season.next >= season.values.len() {
                season.next = 0;
            }
        }
        self.end += 1;
        error
    }

    /// What is expected of the steps behind the end. O(h · s).
    pub(super) fn forecast(&self, horizon: usize) -> Vec<f64> {
        let mut expected = vec![self.level; horizon];
        for season in &self.seasons {
            let later = season.values.iter().cycle().skip(season.next);
            for (expected, of) in expected.iter_mut().zip(later) {
                *expected += of;
            }
        }
        expected
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_smoothed_to_itself_at_every_end() {
        let season = |at: usize| count(at % 3) + 10.0 * count(at % 12 / 6);
        let values: Vec<f64> = (0..120).map(season).collect();
        let ends = [120, 61, 100];
        let known = smoothed(&values, &[3, 12], &ends).unwrap();
        for (end, known) in ends.iter().zip(known) {
            let expected = known.unwrap().forecast(30);
            for (step, expected) in expected.iter().enumerate() {
                assert!((expected - season(end + step)).abs() < 1e-9, "{end} {step}");
            }
        }
    }

    #[test]
    fn a_new_level_is_taken_up_and_what_is_too_short_is_refused() {
        let mut values = vec![1.0; 40];
        values.resize(80, 5.0);
        let known = smoothed(&values, &[8], &[80, 40]).unwrap();
        let level = |nth: usize| known[nth].as_ref().unwrap().forecast(1)[0];
        assert!((level(0) - 5.0).abs() < 0.1 && (level(1) - 1.0).abs() < 1e-9);
        assert!(smoothed(&values, &[8], &[80, 15]).is_none());
        assert!(smoothed(&values, &[], &[80]).is_none());
        assert!(smoothed(&[], &[8], &[]).is_none());
    }
}
