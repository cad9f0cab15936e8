//! The members of the pool, each a plain model that forecasts from any point of the past.

use super::parts;
use super::scale::Scale;
use super::smooth::{Smoothed, smoothed};
use crate::linear::{Autoregression, Lagged, count};
use crate::robust::median;

/// A way to forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Ridge regression on lags: those near, and around whole seasons.
    Autoregression {
        /// Over differences at this lag; 0: of the values themselves.
        difference: usize,
        /// The penalty, in parts of the mean variance of the lags.
        penalty: f64,
    },
    /// The median of the last seasons at each place of the season, at half the present distance from it.
    Profile,
    /// The last season again, the longest that was seen.
    SeasonalNaive,
    /// The change of the last season from here on, by half.
    SeasonalDrift,
    /// Exponential smoothing of a level and of all seasons, without trend.
    Smoothing,
    /// Seasons by medians, and regression on the last values of what they leave.
    Parts,
    /// Exponential smoothing with half the slope of the whole (Assimakopoulos and Nikolopoulos, "The Theta
    /// Model", International Journal of Forecasting 16, 2000).
    Theta,
    /// The last value.
    Naive,
}

/// Penalties of models of values, of differences at a season, and of differences from one to the next.
const OF_VALUES: &[f64] = &[1e-3];
const OF_SEASON: &[f64] = &[1e-3];
const OF_STEPS: &[f64] = &[1e-3, 0.1, 0.5, 2.0];
/// Near lags that are looked at: as many as the shortest season, or these.
const NEAR_MAX: usize = 60;
/// Near lags where there is no season.
const NEAR: usize = 24;
/// Seasons back of which the profile is made.
const PROFILE_SEASONS: usize = 6;
/// How far forecasts may leave what was seen, in parts of its range.
const LEAVE: f64 = 1.0;
/// Smoothing factors that theta tries.
const SMOOTHING: [f64; 8] = [0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.99];

/// The models of one series, made from its beginning up to each of several ends.
pub(super) struct Pool<'a> {
    scaled: &'a [f64],
    seasons: &'a [usize],
    ends: Vec<usize>,
    regressions: Vec<Regression>,
    /// By end.
    smoothed: Vec<Option<Smoothed>>,
    methods: Vec<Method>,
}

struct Regression {
    difference: usize,
    penalty: f64,
    /// By end.
    models: Vec<Option<Autoregression>>,
}

/// Lags of a series of this length: up to a day or season near, then around multiples of the seasons.
fn lags(seasons: &[usize], known: usize) -> Vec<usize> {
    let longest = known * 9 / 20;
    let near = seasons.first().map_or(NEAR, |season| NEAR_MAX.min(*season));
    let mut lags: Vec<usize> = (1..=near.min(known / 4)).collect();
    for (nth, season) in seasons.iter().enumerate() {
        let (times, around) = if nth == 0 { (7, 1) } else { (2, 2) };
        for time in 1..=times {
            // Three whole seasons with those beside them; of more only themselves and the one behind.
            let around = if time <= 3 { around } else { 0 };
            let centre = season * time;
            lags.extend(centre.saturating_sub(around)..=centre + around.max(1));
        }
    }
    lags.retain(|lag| (1..=longest).contains(lag));
    lags.sort_unstable();
    lags.dedup();
    lags
}

impl<'a> Pool<'a> {
    /// The pool of a scaled series, of which each end is a length of its beginning. O(n · d + p³ · m), as
    /// [`super::forecast`] says.
    pub(super) fn new(scaled: &'a [f64], seasons: &'a [usize], ends: &[usize]) -> Self {
        let mut differences = vec![(0, OF_VALUES)];
        differences.extend(seasons.first().map(|season| (*season, OF_SEASON)));
        differences.push((1, OF_STEPS));
        let mut regressions = Vec::new();
        for (difference, penalties) in differences {
            regressions.extend(Regression::all(
                scaled,
                seasons,
                (difference, penalties),
                ends,
            ));
        }
        let mut methods: Vec<Method> = regressions
            .iter()
            .map(|of| Method::Autoregression {
                difference: of.difference,
                penalty: of.penalty,
            })
            .collect();
        let mut of_ends = Vec::new();
        if !seasons.is_empty() {
            methods.extend([
                Method::Profile,
                Method::SeasonalNaive,
                Method::SeasonalDrift,
                Method::Smoothing,
                Method::Parts,
            ]);
            of_ends = smoothed(scaled, seasons, ends).unwrap_or_default();
        }
        methods.extend([Method::Theta, Method::Naive]);
        Self {
            smoothed: of_ends,
            scaled,
            seasons,
            ends: ends.to_vec(),
            regressions,
            methods,
        }
    }

    /// The members, in the order of [`Self::forecasts`].
    pub(super) fn methods(&self) -> Vec<Method> {
        self.methods.clone()
    }

    /// What each member forecasts from one of the ends, on the plain scale and within reach of what was
    /// seen of `values` until then.
    pub(super) fn forecasts(
        &self,
        end: usize,
        horizon: usize,
        scale: Scale,
        values: &[f64],
    ) -> Vec<Vec<f64>> {
        let history = self.scaled.get(..end).unwrap_or(self.scaled);
        let seen = values.get(..end).unwrap_or(values);
        let least = seen.iter().copied().fold(f64::INFINITY, f64::min);
        let most = seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let leave = (most - least) * LEAVE;
        let low = if least >= 0.0 {
            (least - leave).max(0.0)
        } else {
            least - leave
        };
        let high = most + leave;
        let nth_end = self.ends.iter().position(|at| *at == end);
        let mut regressions = self.regressions.iter();
        let naive = || vec![history.last().copied().unwrap_or_default(); horizon];
        self.methods
            .iter()
            .map(|method| {
                let scaled = match method {
                    Method::Autoregression { .. } => regressions
                        .next()
                        .zip(nth_end)
                        .and_then(|(of, nth)| of.forecast(history, nth, horizon))
                        .unwrap_or_else(naive),
                    Method::Profile => self.profile(history, horizon).unwrap_or_else(naive),
                    Method::SeasonalNaive => self.again(history, horizon).unwrap_or_else(naive),
                    Method::Smoothing => nth_end
                        .and_then(|nth| self.smoothed.get(nth)?.as_ref())
                        .map_or_else(naive, |of| of.forecast(horizon)),
                    Method::Parts => {
                        parts::forecast(history, self.seasons, horizon).unwrap_or_else(naive)
                    }
                    Method::SeasonalDrift => self.drift(history, horizon).unwrap_or_else(naive),
                    Method::Theta => theta(history, horizon),
                    Method::Naive => naive(),
                };
                let plain = scaled.into_iter().map(|value| scale.plain(value));
                plain.map(|value| value.clamp(low, high)).collect()
            })
            .collect()
    }

    fn profile(&self, history: &[f64], horizon: usize) -> Option<Vec<f64>> {
        let fits = |season: &&usize| history.len() >= 2 * **season;
        let season = *self.seasons.iter().rev().find(fits)?;
        let times = (history.len() / season).min(PROFILE_SEASONS);
        let last = history.get(history.len() - times * season..)?;
        let profile: Vec<f64> = (0..season)
            .map(|place| {
                let at_place: Vec<f64> = last.iter().skip(place).step_by(season).copied().collect();
                median(&at_place).unwrap_or_default()
            })
            .collect();
        let near = self
            .seasons
            .first()
            .map_or(season, |first| 2 * first)
            .min(last.len());
        let expected = profile.iter().cycle();
        let distances: Vec<f64> = last
            .iter()
            .zip(expected)
            .map(|(found, of)| found - of)
            .collect();
        let level = median(distances.get(distances.len() - near..)?)? / 2.0;
        Some(
            profile
                .iter()
                .cycle()
                .take(horizon)
                .map(|of| of + level)
                .collect(),
        )
    }

    fn again(&self, history: &[f64], horizon: usize) -> Option<Vec<f64>> {
        let fits = |season: &&usize| history.len() >= **season;
        let season = *self.seasons.iter().rev().find(fits)?;
        let last = history.get(history.len() - season..)?;
        Some(last.iter().cycle().take(horizon).copied().collect())
    }

    fn drift(&self, history: &[f64], horizon: usize) -> Option<Vec<f64>> {
        let season = *self.seasons.first()?;
        let (last, before) = (history.last()?, history.len().checked_sub(season + 1)?);
        let from = history.get(before)?;
        let season = history.get(before + 1..)?;
        Some(
            season
                .iter()
                .cycle()
                .take(horizon)
                .map(|then| last + (then - from) / 2.0)
                .collect(),
        )
    }
}

impl Regression {
    fn all(
        scaled: &[f64],
        seasons: &[usize],
        (difference, penalties): (usize, &[f64]),
        ends: &[usize],
    ) -> Vec<Self> {
        let differences = differenced(scaled, difference);
        let ends: Vec<usize> = ends
            .iter()
            .map(|end| end.saturating_sub(difference))
            .collect();
        let lags = lags(seasons, ends.iter().copied().min().unwrap_or_default());
        let lagged = Lagged::new(&differences, &lags, &ends);
        let of_penalty = |penalty: &f64| Self {
            difference,
            penalty: *penalty,
            models: (0..ends.len())
                .map(|end| {
                    lagged
                        .as_ref()
                        .and_then(|lagged| lagged.solve(end, *penalty))
                })
                .collect(),
        };
        penalties.iter().map(of_penalty).collect()
    }

    fn forecast(&self, history: &[f64], nth_end: usize, horizon: usize) -> Option<Vec<f64>> {
        let model = self.models.get(nth_end)?.as_ref()?;
        let differences = differenced(history, self.difference);
        let expected = model.expect(&differences, horizon)?;
        if self.difference == 0 {
            return Some(expected);
        }
        let mut values = history.get(history.len() - self.difference..)?.to_vec();
        for (step, change) in expected.iter().enumerate() {
            let before = *values.get(step)?;
            values.push(before + change);
        }
        Some(values.split_off(self.difference))
    }
}

/// Differences at a lag; the values themselves at none.
fn differenced(values: &[f64], lag: usize) -> Vec<f64> {
    if lag == 0 {
        return values.to_vec();
    }
    let later = values.get(lag..).unwrap_or_default();
    later
        .iter()
        .zip(values)
        .map(|(now, then)| now - then)
        .collect()
}

fn theta(history: &[f64], horizon: usize) -> Vec<f64> {
    let Some((&first, rest)) = history.split_first() else {
        return vec![0.0; horizon];
    };
    let mut best = (f64::INFINITY, 1.0, first);
    for smoothing in SMOOTHING {
        let (mut level, mut errors) = (first, 0.0);
        for value in rest {
            let error = value - level;
            errors += error * error;
            level += smoothing * error;
        }
        if errors < best.0 {
            best = (errors, smoothing, level);
        }
    }
    let (_, smoothing, level) = best;
    let slope = slope(history) / 2.0;
    // As the second line of the model is drawn on from where smoothing lags behind it.
    let behind = (1.0 - (1.0 - smoothing).powf(count(history.len()))) / smoothing;
    (0..horizon)
        .map(|step| level + slope * (count(step) + behind))
        .collect()
}

/// The slope of the line of least squares.
fn slope(values: &[f64]) -> f64 {
    let n = count(values.len());
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let (mut products, mut squares) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let distance = count(at) - middle;
        products += distance * (value - mean);
        squares += distance * distance;
    }
    if squares > 0.0 {
        products / squares
    } else {
        0.0
    }
}
