//! The scale on which models work: that of ratios for what is never negative, as traffic, counts and
//! sizes are.

use crate::robust::median;

/// How values are scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Distances from this origin, in these units.
    Plain { origin: f64, unit: f64 },
    /// The logarithm of the value and this much.
    Log { shift: f64 },
}

/// What is added to a series that has zeros, in parts of its median.
const SHIFT_SHARE: f64 = 0.05;

impl Scale {
    /// The scale of values, all finite.
    pub(super) fn of(values: &[f64]) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        if least > 0.0 {
            return Self::Log { shift: 0.0 };
        }
        let positive: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| *value > 0.0)
            .collect();
        match median(&positive) {
            Some(middle) if least == 0.0 && middle * SHIFT_SHARE > 0.0 => Self::Log {
                shift: middle * SHIFT_SHARE,
            },
            _ => {
                let origin = median(values).unwrap_or_default();
                let distances = values.iter().map(|value| (value - origin).abs());
                let greatest = distances.fold(0.0, f64::max);
                let unit = if greatest > 0.0 { greatest } else { 1.0 };
                Self::Plain { origin, unit }
            }
        }
    }

    pub(super) fn scaled(self, value: f64) -> f64 {
        match self {
            Self::Plain { origin, unit } => (value - origin) / unit,
            Self::Log { shift } => (value + shift).max(f64::MIN_POSITIVE).ln(),
        }
    }

    pub(super) fn plain(self, value: f64) -> f64 {
        match self {
            Self::Plain { origin, unit } => value * unit + origin,
            Self::Log { shift } => (value.exp() - shift).clamp(0.0, f64::MAX),
        }
    }

    pub(super) fn all(self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|value| self.scaled(*value)).collect()
    }
}
