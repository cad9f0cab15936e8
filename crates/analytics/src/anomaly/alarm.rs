//! When an anomaly begins, and when an operator is told: one event is told once, and what happens often must be
//! rarer to be told again.
//!
//! The bar rises with each beginning and sinks with time, as in the control of coverage by its own errors (Gibbs
//! and Candès, "Adaptive Conformal Inference Under Distribution Shift", 2021).

use super::saved::Field;

/// Rareness, in decimal digits, at which one in a thousand may be false: of a beginning, and of an alarm.
const BEGINS: f32 = 2.4;
const ALARMS: f32 = 3.1;
/// Samples without a second beginning: a part of all that were seen, within bounds.
const REST: f32 = 0.02;
const REST_MIN: f32 = 20.0;
const REST_MAX: f32 = 300.0;
/// The bar after a beginning: a part of its rareness, which counts up to a bound, and sinks over two rests.
const HEIGHT: f32 = 0.5;
const RARENESS_MAX: f32 = 10.0;
/// What each beginning raises the bar by for long, and the samples over which that sinks.
const LASTING: f32 = 0.15;
const LASTS_MIN: f32 = 300.0;
const LASTS_MAX: f32 = 3_000.0;
/// Samples over which it is told how busy the series is.
const BUSY: f32 = 20.0;

/// How alarmed a series is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alarm {
    /// Samples since the last beginning.
    quiet: f32,
    /// The part of the last samples that were rare.
    busy: f32,
    bar: f32,
    lasting: f32,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            quiet: REST_MAX,
            busy: 0.0,
            bar: 0.0,
            lasting: 0.0,
        }
    }
}

impl Alarm {
    /// Score and alarm of a sample so rare, after so many; `per_1000` alarms may be false.
    pub(super) fn judge(&mut self, rareness: f32, seen: f32, per_1000: f32) -> (f64, bool) {
        let strict = -per_1000.log10();
        let rest = (seen * REST).clamp(REST_MIN, REST_MAX);
        let is_rare = rareness >= BEGINS + strict;
        let begins = rareness >= BEGINS + strict + self.bar + self.lasting
            && self.busy < 0.5
            && self.quiet > rest;
        self.busy += (f32::from(u8::from(is_rare)) - self.busy) / BUSY;
        self.quiet = (self.quiet + 1.0).min(REST_MAX + 1.0);
        self.lasting *= 1.0 - 1.0 / seen.clamp(LASTS_MIN, LASTS_MAX);
        self.bar *= 1.0 - 1.0 / (2.0 * rest);
        if begins {
            self.quiet = 0.0;
            self.lasting += LASTING;
            self.bar = HEIGHT * rareness.min(RARENESS_MAX);
        }
        let grade = 1.0 - f64::from(-rareness / 4.0).exp();
        let score = if begins {
            0.5 + 0.5 * grade
        } else {
            0.499 * grade
        };
        (score, rareness >= ALARMS + strict)
    }

    pub(super) fn walk(&mut self, field: &mut impl Field) {
        field.f32(&mut self.quiet);
        field.f32(&mut self.busy);
        field.f32(&mut self.bar);
        field.f32(&mut self.lasting);
    }
}
