//! Weeks, gaps, parts, likeness and recurrence of series: what is found in made-up ones, and that whatever comes
//! is answered.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::float_cmp
)]

mod calendar;
mod clean;
mod decompose;
mod motif;
mod pattern;
mod profile;
mod similar;
mod stationarity;

use proptest::prelude::*;

pub(crate) const HOUR: i64 = 3_600;
/// A Monday, 00:00.
pub(crate) const MONDAY: i64 = 4 * 24 * HOUR + 52 * 7 * 24 * HOUR;

/// Numbers that look like chance, about normally distributed.
pub(crate) fn noise(n: usize) -> f64 {
    (0..12_u64)
        .map(|k| {
            let mixed = (n as u64 * 12 + k).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
        })
        .sum::<f64>()
        - 6.0
}

/// Hourly samples from a Monday on.
pub(crate) fn hourly(hours: usize, of: impl Fn(usize) -> f64) -> Vec<(i64, f64)> {
    (0..hours)
        .map(|n| (MONDAY + n as i64 * HOUR, of(n)))
        .collect()
}

/// Whether an hour of a week from Monday is within working days, eight to six.
pub(crate) fn is_office(n: usize) -> bool {
    n % 168 < 120 && (8..18).contains(&(n % 24))
}

/// Values as they come, and as they should not.
pub(crate) fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e3..1e3_f64,
        2 => Just(0.0),
        1 => -1e300..1e300_f64,
        1 => -1e-300..1e-300_f64,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE]),
    ]
}

/// Times near each other, twice the same, and centuries away.
pub(crate) fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => (0..2_000_i64).prop_map(|n| MONDAY + n * HOUR),
        2 => MONDAY..MONDAY + 100_000,
        1 => any::<i64>(),
        1 => Just(MONDAY),
    ]
}
