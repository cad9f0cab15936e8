//! How likely something is, learned step by step: logistic regression by the extended Kalman filter.

// Kernels over rows whose lengths are given by the types.
#![allow(clippy::indexing_slicing)]

/// What is looked at.
pub(super) const FEATURES: usize = 13;
/// Numbers of the triangle of a covariance.
const TRIANGLE: usize = FEATURES * (FEATURES + 1) / 2;
/// What neighbouring steps say is nearly the same: each counts so much.
const COUNTS: f64 = 0.25;
/// How much of what was known is kept from step to step: half of it after some 3,500.
const KEPT: f64 = 0.9998;
/// The least variance of an outcome that is reckoned with.
const VARIANCE_MIN: f64 = 0.02;
/// Uncertainty grows to so much a weight, at most.
const UNCERTAIN_MAX: f64 = 4.0;
/// What is likely before anything was seen, in logits: about one in five.
const BEFORE: f64 = -1.5;

/// Weights, and how uncertain they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Learner {
    pub(super) weights: [f64; FEATURES],
    /// Lower triangle of their covariance, row by row.
    pub(super) covariance: [f64; TRIANGLE],
}

/// Place in the triangle.
fn place(row: usize, column: usize) -> usize {
    let (high, low) = (row.max(column), row.min(column));
    high * (high + 1) / 2 + low
}

impl Learner {
    pub(super) fn new() -> Self {
        let mut learner = Self {
            weights: [0.0; FEATURES],
            covariance: [0.0; TRIANGLE],
        };
        learner.weights[0] = BEFORE;
        for at in 0..FEATURES {
            learner.covariance[place(at, at)] = 1.0;
        }
        learner
    }

    /// How likely it is with these features, 0 to 1. O(features).
    pub(super) fn likelihood(&self, features: &[f64; FEATURES]) -> f64 {
        let sum: f64 = self.weights.iter().zip(features).map(|(a, b)| a * b).sum();
        1.0 / (1.0 + (-sum.clamp(-30.0, 30.0)).exp())
    }

    /// Learns that it came, or did not. O(features²).
    pub(super) fn learn(&mut self, features: &[f64; FEATURES], came: bool) {
        let likely = self.likelihood(features);
        let variance = (likely * (1.0 - likely)).max(VARIANCE_MIN) * COUNTS;
        let mut along = [0.0; FEATURES];
        for (row, along) in along.iter_mut().enumerate() {
            *along = (0..FEATURES)
                .map(|column| self.covariance[place(row, column)] * features[column])
                .sum();
        }
        let spread: f64 = along.iter().zip(features).map(|(a, b)| a * b).sum();
        let gain = 1.0 / (1.0 + variance * spread);
        let error = f64::from(u8::from(came)) - likely;
        for (weight, along) in self.weights.iter_mut().zip(&along) {
            *weight += gain * along * COUNTS * error;
        }
        let mut trace = 0.0;
        for row in 0..FEATURES {
            for column in 0..=row {
                let cell = &mut self.covariance[place(row, column)];
                *cell = (*cell - gain * variance * along[row] * along[column]) / KEPT;
            }
            trace += self.covariance[place(row, row)];
        }
        // Below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let most = UNCERTAIN_MAX * FEATURES as f64;
        if trace > most {
            for cell in &mut self.covariance {
                *cell *= most / trace;
            }
        }
    }
}
