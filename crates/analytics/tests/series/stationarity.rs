//! What keeps to a level, keeps to a line, or wanders.

use crate::{any_value, noise};
use foretell_analytics::stationarity::{Untested, Verdict, stationarity};
use proptest::prelude::*;

fn verdict(of: impl Fn(usize) -> f64) -> (Verdict, usize) {
    let values: Vec<f64> = (0..600).map(of).collect();
    let found = stationarity(&values).unwrap();
    (found.verdict, found.differences)
}

/// Sums of chance.
fn walk(seed: usize) -> Vec<f64> {
    let steps = (0..600).map(|n| noise(seed * 1_000 + n));
    steps
        .scan(0.0, |at, step| {
            *at += step;
            Some(*at)
        })
        .collect()
}

#[test]
fn noise_keeps_to_a_level_and_rising_noise_to_a_line() {
    assert_eq!(verdict(noise), (Verdict::Level, 0));
    assert_eq!(verdict(|n| 0.05 * n as f64 + noise(n)), (Verdict::Line, 1));
    assert_eq!(verdict(|_| 7.0), (Verdict::Constant, 0));
}

#[test]
fn sums_of_chance_wander_most_of_the_time_and_never_keep_to_a_level() {
    let verdicts: Vec<Verdict> = (0..20)
        .map(|seed| stationarity(&walk(seed)).unwrap().verdict)
        .collect();
    let wander = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Wanders)
        .count();
    assert!(wander >= 12, "{verdicts:?}");
    let level = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Level)
        .count();
    assert!(level <= 2, "{verdicts:?}");
}

#[test]
fn of_noise_one_in_twenty_is_doubted_by_each_test() {
    let (mut doubted, mut kept) = (0, 0);
    for seed in 0..100 {
        let values: Vec<f64> = (0..300).map(|n| noise(seed * 1_000 + n)).collect();
        let found = stationarity(&values).unwrap();
        doubted += usize::from(found.kpss_level > 0.463);
        kept += usize::from(found.adf_level < found.adf_level_critical);
    }
    assert!(doubted <= 12 && kept >= 95, "{doubted} {kept}");
    let few = stationarity(&[1.0; 5]);
    assert_eq!(few, Err(Untested::TooFew { found: 5 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_is_answered(values in prop::collection::vec(any_value(), 0..400)) {
        if let Ok(found) = stationarity(&values) {
            prop_assert!(found.kpss_level >= 0.0 && found.kpss_line.is_finite());
            prop_assert!(found.adf_level.is_finite() && found.adf_line.is_finite());
            prop_assert!(found.differences <= 2);
        }
    }
}
