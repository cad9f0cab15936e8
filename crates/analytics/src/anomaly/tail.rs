//! How rare a figure is, by what the series itself showed: a quantile that follows (Robbins and Monro, "A
//! Stochastic Approximation Method", 1951) and beyond it a power law (Hill, "A Simple General Approach to
//! Inference about the Tail of a Distribution", 1975).

use super::quantised;
use super::saved::Field;

/// The part of figures that lies beyond the quantile.
const BEYOND: f32 = 0.05;
/// Figures over which the quantile is followed, and those beyond it whose slope is told apart.
const FOLLOW: f32 = 300.0;
const SLOPES: u16 = 30;
/// What is taken for the slope before anything is known, as how many figures.
const SLOPE: u16 = 16_384;
const SLOPE_ONE: f32 = 65_535.0;
const SLOPE_MIN: f32 = 0.08;
const PRIOR: u16 = 5;

/// The tail of a figure that is 0 or more, in units of what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tail {
    quantile: f32,
    /// In parts of [`SLOPE_ONE`].
    slope: u16,
    /// How many figures told of the slope.
    many: u16,
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
    pub(super) fn rareness(self, figure: f32) -> f32 {
        let over = (figure / self.quantile).max(1e-6).ln();
        if over <= 0.0 {
            // Below the quantile it only has to be in order.
            return (1.301 + over).max(0.0);
        }
        1.301 + over / self.slope() * std::f32::consts::LOG10_E
    }

    pub(super) fn learn(&mut self, figure: f32, seen: f32) {
        let pace = 1.0 / (seen * 0.2).clamp(5.0, FOLLOW);
        let is_over = figure > self.quantile;
        let moved = if is_over { 1.0 - BEYOND } else { -BEYOND } * pace * 3.0;
        if is_over {
            let over = (figure / self.quantile).ln().min(2.0);
            self.many = (self.many + 1).min(SLOPES);
            let slope = self.slope();
            self.slope = quantised((slope + (over - slope) / f32::from(self.many)) * SLOPE_ONE);
        }
        self.quantile = (self.quantile * moved.exp()).clamp(0.05, 1e6);
    }

    fn slope(self) -> f32 {
        (f32::from(self.slope) / SLOPE_ONE).max(SLOPE_MIN)
    }

    pub(super) fn walk(&mut self, field: &mut impl Field) {
        field.f32(&mut self.quantile);
        field.u16(&mut self.slope);
        field.u16(&mut self.many);
        field.hold(self.many <= SLOPES);
    }
}
