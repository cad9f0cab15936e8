//! What comes again, and what is like nothing else.

use crate::{any_value, noise};
use foretell_analytics::motif::{
    Unmatched, VALUES_MAX, WINDOW_MIN, discords, matrix_profile, motifs,
};
use proptest::prelude::*;
use std::f64::consts::TAU;

/// Distances of all pairs, as the definition has them.
fn slowly(values: &[f64], window: usize) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = values
        .windows(window)
        .map(|part| {
            let mean = part.iter().sum::<f64>() / window as f64;
            let square: f64 = part.iter().map(|value| (value - mean).powi(2)).sum();
            let deviation = (square / window as f64).sqrt();
            part.iter()
                .map(|value| (value - mean) / deviation)
                .collect()
        })
        .collect();
    let distance = |a: &[f64], b: &[f64]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    (0..parts.len())
        .map(|at| {
            (0..parts.len())
                .filter(|other| at.abs_diff(*other) >= window.div_ceil(2))
                .map(|other| distance(&parts[at], &parts[other]))
                .fold(f64::INFINITY, f64::min)
        })
        .collect()
}

#[test]
fn distances_are_those_of_the_definition() {
    let values: Vec<f64> = (0..300)
        .map(|n| 1e6 + noise(n) + (n as f64 / 9.0).sin())
        .collect();
    let found = matrix_profile(&values, 17).unwrap();
    for (found, expected) in found.distances.iter().zip(slowly(&values, 17)) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn a_shape_put_in_twice_is_the_motif_and_a_day_like_no_other_the_discord() {
    let mut values: Vec<f64> = (0..1_000).map(noise).collect();
    for n in 0..40 {
        let shape = 4.0 * (n as f64 / 40.0 * TAU * 1.5).sin();
        values[200 + n] = shape + 0.1 * noise(n);
        values[700 + n] = 3.0 * shape + 50.0 + 0.3 * noise(n + 99);
    }
    let profile = matrix_profile(&values, 40).unwrap();
    let found = motifs(&profile, 1)[0];
    assert!(
        found.at.abs_diff(200) <= 2 && found.nearest.abs_diff(700) <= 2,
        "{found:?}"
    );
    let mut days: Vec<f64> = (0..960)
        .map(|n| (n as f64 / 24.0 * TAU).sin() + 0.05 * noise(n))
        .collect();
    for value in &mut days[500..512] {
        *value = -*value;
    }
    days[100] = f64::NAN;
    let profile = matrix_profile(&days, 24).unwrap();
    assert!(profile.nearest[90].is_none() && profile.distances[90].is_infinite());
    let found = discords(&profile, 3);
    assert!((476..=512).contains(&found[0].at), "{found:?}");
    assert!(found[0].distance > 2.0 * found[2].distance, "{found:?}");
}

#[test]
fn bounds_are_kept() {
    let long: Vec<f64> = (0..VALUES_MAX + 100).map(|n| (n % 50) as f64).collect();
    let found = matrix_profile(&long, 50).unwrap();
    assert_eq!(
        (found.left_out, found.distances.len()),
        (100, VALUES_MAX - 49)
    );
    assert!(motifs(&found, 3).iter().all(|part| part.at >= 100));
    let still = matrix_profile(&[5.0; 100], 10).unwrap();
    assert!(still.distances.iter().all(|distance| *distance == 0.0));
    assert_eq!(matrix_profile(&long, 3), Err(Unmatched::Window(3)));
    let few = matrix_profile(&[1.0, 2.0], 4);
    assert_eq!(
        few,
        Err(Unmatched::TooFew {
            values: 2,
            window: 4
        })
    );
    let huge = matrix_profile(&long, usize::MAX);
    assert!(matches!(huge, Err(Unmatched::TooFew { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_is_answered(
        values in prop::collection::vec(any_value(), 0..250),
        window in 0..40_usize,
        most in any::<usize>(),
    ) {
        if let Ok(found) = matrix_profile(&values, window) {
            prop_assert!(window >= WINDOW_MIN);
            prop_assert!(found.distances.iter().all(|distance| *distance >= 0.0));
            for parts in [motifs(&found, most), discords(&found, most)] {
                prop_assert!(parts.iter().all(|part| part.at.abs_diff(part.nearest) * 2 >= window));
            }
        }
    }
}
