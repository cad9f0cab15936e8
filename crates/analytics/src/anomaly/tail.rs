//! How rare a figure is, by what the series itself showed: a quantile that follows (Robbins and Monro, "A
//! Stochastic Approximation Method", 1951) and beyond it a power law (Hill, "A Simple General Approach to
//! Inference about the Tail of a Distribution", 1975).

use super::saved::Field;

/// The part of figures that lies beyond the quantile.
const BEYOND: f32 = 0.05;
/// Figures over which the quantile is followed, and those beyond it whose slope is told apart.
const FOLLOW: f32 = 300.0;
const SLOPES: f32 = 30.0;
/// What is taken for the slope before anything is known, as how many figures.
const SLOPE: f32 = 0.25;
const PRIOR: f32 = 5.0;

/// The tail of a figure that is 0 or more, in units of what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tail {
    quantile: f32,
    slope: f32,
    many: f32,
}

impl Tail {
    pub(super) const fn new(quantile: f32) -> Self {
        Self {
            quantile,
            slope: SLOPE,
            many: PRIOR,
        }
    }

    /// How many decimal digits of rareness: 1 is one in ten.
    pub(super) fn rareness(&self, figure: f32) -> f32 {
        let over = (figure / self.quantile).max(1e-6).ln();
        if over <= 0.0 {
            // Below the quantile it only has to be in order.
            return (1.301 + over).max(0.0);
        }
        1.301 + over / self.slope * std::f32::consts::LOG10_E
    }

    pub(super) fn learn(&mut self, figure: f32, seen: f32) {
        let pace = 1.0 / (seen * 0.2).clamp(5.0, FOLLOW);
        let is_over = figure > self.quantile;
        let moved = if is_over { 1.0 - BEYOND } else { -BEYOND } * pace * 3.0;
        if is_over {
            let over = (figure / self.quantile).ln().min(2.0);
            self.many = (self.many + 1.0).min(SLOPES);
            self.slope += (over - self.slope) / self.many;
            self.slope = self.slope.clamp(0.08, 1.0);
        }
        self.quantile = (self.quantile * moved.exp()).clamp(0.05, 1e6);
    }

    pub(super) fn walk(&mut self, field: &mut impl Field) {
        field.f32(&mut self.quantile);
        field.f32(&mut self.slope);
        field.f32(&mut self.many);
    }
}
