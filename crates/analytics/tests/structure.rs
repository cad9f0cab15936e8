//! Seasons, changes, trends and limits: what is found in made-up series, and that nothing is found in noise.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss
)]

use foretell_analytics::capacity::{Untellable, exhaustion};
use foretell_analytics::change::change_points;
use foretell_analytics::season::seasons;
use foretell_analytics::trend::{Direction, trend};
use proptest::prelude::*;
use std::f64::consts::TAU;

/// Numbers that look like chance, about normally distributed.
fn noise(n: usize) -> f64 {
    (0..12_u64)
        .map(|k| {
            let mixed = (n as u64 * 12 + k).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
        })
        .sum::<f64>()
        - 6.0
}

fn day(n: usize) -> f64 {
    10.0 * (n as f64 / 24.0 * TAU).sin()
}

#[test]
fn seasons_are_found_and_none_in_noise() {
    let daily: Vec<f64> = (0..1_000)
        .map(|n| 100.0 + day(n) + 3.0 * noise(n))
        .collect();
    assert_eq!(seasons(&daily), [24]);
    let weekly: Vec<f64> = (0..2_000)
        .map(|n| {
            day(n) * if n % 168 >= 120 { 0.2 } else { 1.0 } - if n % 168 >= 120 { 8.0 } else { 0.0 }
                + noise(n)
        })
        .collect();
    assert_eq!(seasons(&weekly), [24, 168]);
    let nothing: Vec<f64> = (0..1_000).map(noise).collect();
    assert!(seasons(&nothing).is_empty());
}

#[test]
fn a_long_season_in_noise_is_exact_to_a_hundredth_and_gaps_do_not_matter() {
    let of = |n: usize| (n as f64 / 288.0 * TAU).sin() + 0.4 * (n as f64 / 96.0 * TAU).cos();
    let mut values: Vec<f64> = (0..1_400).map(|n| of(n) + 0.6 * noise(n)).collect();
    let found = seasons(&values);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].abs_diff(288) <= 3, "{found:?}");
    for value in values.iter_mut().step_by(7) {
        *value = f64::NAN;
    }
    let found = seasons(&values);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].abs_diff(288) <= 3, "{found:?}");
}

#[test]
fn a_day_is_found_in_a_week_that_hides_it_and_a_week_is_seven_days() {
    let of = |n: usize| {
        let weekend = n % 168 >= 120;
        if weekend { 0.0 } else { 14.0 + 1.2 * day(n) }
    };
    let values: Vec<f64> = (0..1_500).map(|n| of(n) + 6.0 * noise(n)).collect();
    assert_eq!(seasons(&values), [24, 168]);
}

#[test]
fn a_day_is_found_in_two_years_of_hours() {
    let values: Vec<f64> = (0..17_520).map(|n| day(n) + 4.0 * noise(n)).collect();
    assert_eq!(seasons(&values), [24]);
}

#[test]
fn changes_of_level_slope_and_variance_are_found_and_none_in_noise() {
    let at = 400;
    let level: Vec<f64> = (0..1_000)
        .map(|n| if n < at { 0.0 } else { 4.0 } + noise(n))
        .collect();
    let slope: Vec<f64> = (0..1_000)
        .map(|n: usize| n.saturating_sub(at) as f64 * 0.05 + noise(n))
        .collect();
    let variance: Vec<f64> = (0..1_000)
        .map(|n| if n < at { 1.0 } else { 4.0 } * noise(n))
        .collect();
    for (values, off) in [(level, 3), (slope, 15), (variance, 15)] {
        let found = change_points(&values, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].abs_diff(at) <= off, "{found:?}");
    }
    let nothing: Vec<f64> = (0..1_000).map(|n| day(n) + noise(n)).collect();
    assert!(change_points(&nothing, &[24]).is_empty());
}

#[test]
fn a_trend_is_told_also_across_a_jump_and_none_where_there_is_none() {
    let rising = |n: usize| 0.01 * n as f64 + day(n) + noise(n);
    let up: Vec<f64> = (0..1_000).map(rising).collect();
    let found = trend(&up, &[24], &[]);
    assert_eq!(found.direction, Direction::Up);
    assert!((found.slope - 0.01).abs() < 0.002, "{}", found.slope);
    let jumps: Vec<f64> = (0..1_000)
        .map(|n| rising(n) - if n < 500 { 0.0 } else { 20.0 })
        .collect();
    let found = trend(&jumps, &[24], &change_points(&jumps, &[24]));
    assert_eq!(found.direction, Direction::Up);
    let still: Vec<f64> = (0..1_000).map(|n| day(n) + noise(n)).collect();
    assert_eq!(trend(&still, &[24], &[]).direction, Direction::None);
}

#[test]
fn a_limit_is_told_to_the_week() {
    let of = |n: usize| 100.0 * 1.002_f64.powi(i32::try_from(n).unwrap()) * (1.0 + 0.03 * noise(n));
    let values: Vec<f64> = (0..210).map(of).collect();
    // 100 · 1.002^n is 200 at n = 347.
    let told = exhaustion(&values, 7, 200.0, 365).unwrap();
    let expected = told.expected.unwrap();
    assert!((120..=150).contains(&expected), "{told:?}");
    assert!(told.earliest.unwrap() <= expected && expected <= told.latest.unwrap());
    assert!((told.growth - 0.014).abs() < 0.003, "{}", told.growth);
    assert_eq!(exhaustion(&values, 7, 1e9, 365).unwrap().expected, None);
    assert_eq!(exhaustion(&values, 7, 1.0, 365).unwrap().expected, Some(1));
    assert_eq!(
        exhaustion(&[], 7, 1.0, 9),
        Err(Untellable::TooFew { found: 0 })
    );
    for limit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(exhaustion(&values, 7, limit, 9), Err(Untellable::Limit));
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e3..1e3_f64,
        2 => Just(0.0),
        1 => -1e300..1e300_f64,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::MAX, 1e99]),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_is_answered(
        values in prop::collection::vec(any_value(), 0..400),
        given in prop::collection::vec(0..500_usize, 0..3),
        limit in any::<f64>(),
        cycle in 0..40_usize,
    ) {
        let found = seasons(&values);
        prop_assert!(found.is_sorted() && found.iter().all(|length| length * 3 <= values.len()));
        let changes = change_points(&values, &given);
        prop_assert!(changes.is_sorted() && changes.iter().all(|at| (1..values.len()).contains(at)));
        prop_assert!(trend(&values, &given, &changes).slope.is_finite());
        if let Ok(told) = exhaustion(&values, cycle, limit, 50) {
            prop_assert!(told.expected.is_none_or(|step| (1..=50).contains(&step)));
        }
    }
}
