//! Trend, seasons and rest.

use crate::{any_value, noise};
use foretell_analytics::decompose::{SEASONS_MAX, Undecomposable, VALUES_MAX, decompose};
use proptest::prelude::*;
use std::f64::consts::TAU;

fn day(n: usize) -> f64 {
    10.0 * (n as f64 / 24.0 * TAU).sin()
}

fn week(n: usize) -> f64 {
    if n % 168 < 120 { 4.0 } else { -10.0 }
}

#[test]
fn trend_day_and_week_are_told_apart_also_where_values_are_wild_or_missing() {
    let trend = |n: usize| 100.0 + 0.02 * n as f64;
    let mut values: Vec<f64> = (0..1_344)
        .map(|n| trend(n) + day(n) + week(n) + noise(n))
        .collect();
    for at in (50..1_300).step_by(97) {
        values[at] += 80.0;
        values[at + 1] = f64::NAN;
    }
    let parts = decompose(&values, &[168, 24, 5_000]).unwrap();
    let lengths: Vec<usize> = parts.seasons.iter().map(|season| season.length).collect();
    assert_eq!(lengths, [24, 168]);
    let mean = |of: &dyn Fn(usize) -> f64| (0..1_344).map(of).sum::<f64>() / 1_344.0;
    let off_day = mean(&|n| (parts.seasons[0].values[n] - day(n)).abs());
    let off_week = mean(&|n| (parts.seasons[1].values[n] - week(n)).abs());
    let off_trend = mean(&|n| (parts.trend[n] - trend(n)).abs());
    assert!(
        off_day < 1.0 && off_week < 1.5 && off_trend < 1.0,
        "{off_day} {off_week} {off_trend}"
    );
    let wild: Vec<f64> = (50..1_300).step_by(97).map(|n| parts.rest[n]).collect();
    assert!(
        wild.iter().all(|rest| *rest > 60.0) && parts.rest[51].is_nan(),
        "{wild:?}"
    );
    for (n, value) in values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_finite())
    {
        let seasons: f64 = parts.seasons.iter().map(|season| season.values[n]).sum();
        assert!((parts.trend[n] + seasons + parts.rest[n] - value).abs() < 1e-9);
    }
}

#[test]
fn strengths_are_near_one_of_what_is_there_and_near_zero_of_what_is_not() {
    let strong: Vec<f64> = (0..720).map(|n| day(n) + 0.5 * noise(n)).collect();
    let parts = decompose(&strong, &[24]).unwrap();
    assert!(
        parts.seasons[0].strength > 0.95,
        "{}",
        parts.seasons[0].strength
    );
    assert!(parts.trend_strength < 0.3, "{}", parts.trend_strength);
    let nothing: Vec<f64> = (0..2_400).map(noise).collect();
    let parts = decompose(&nothing, &[24]).unwrap();
    assert!(
        parts.seasons[0].strength < 0.4,
        "{}",
        parts.seasons[0].strength
    );
    let line: Vec<f64> = (0..300).map(|n| n as f64 + noise(n)).collect();
    assert!(decompose(&line, &[]).unwrap().trend_strength > 0.99);
    let still = decompose(&[5.0; 100], &[7]).unwrap();
    assert_eq!(
        (still.trend_strength, still.seasons[0].strength),
        (0.0, 0.0)
    );
    let few = decompose(&[1.0; 3], &[]);
    assert_eq!(few, Err(Undecomposable::TooFew { found: 3 }));
    let long: Vec<f64> = (0..VALUES_MAX + 5).map(day).collect();
    let parts = decompose(&long, &[24]).unwrap();
    assert_eq!((parts.trend.len(), parts.left_out), (VALUES_MAX, 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_is_answered(
        values in prop::collection::vec(any_value(), 0..400),
        seasons in prop::collection::vec(0..250_usize, 0..6),
    ) {
        if let Ok(parts) = decompose(&values, &seasons) {
            prop_assert!(parts.seasons.len() <= SEASONS_MAX);
            prop_assert_eq!(parts.trend.len(), values.len());
            prop_assert!((0.0..=1.0).contains(&parts.trend_strength));
            for season in &parts.seasons {
                prop_assert!((0.0..=1.0).contains(&season.strength));
                prop_assert!(season.values.len() == values.len());
                prop_assert!(season.values.iter().all(|value| value.is_finite()));
            }
            prop_assert!(parts.trend.iter().all(|value| value.is_finite()));
        }
    }
}
