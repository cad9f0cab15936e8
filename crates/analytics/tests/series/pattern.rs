//! Kinds of traffic.

use crate::{HOUR, any_time, any_value, hourly, is_office, noise};
use foretell_analytics::pattern::{Kind, Pattern, Unclassified, classify};
use proptest::prelude::*;

const WEEKS: usize = 5 * 168;

fn of(value: impl Fn(usize) -> f64) -> Pattern {
    classify(&hourly(WEEKS, value), None).unwrap()
}

#[test]
fn each_kind_is_told_of_a_series_made_like_it() {
    let office = |n: usize| (if is_office(n) { 80.0 } else { 10.0 }) + 3.0 * noise(n);
    let evening = |n: usize| {
        let hours = (n % 24) as f64 - 20.5;
        20.0 + 60.0 * (-hours * hours / 12.0).exp() + 3.0 * noise(n)
    };
    let night = |n: usize| {
        (if (1..5).contains(&(n % 24)) {
            900.0
        } else {
            20.0
        }) + 5.0 * noise(n)
    };
    let job = |n: usize| (if n % 11 == 3 { 500.0 } else { 20.0 }) + 5.0 * noise(n);
    let burst = |n: usize| {
        let is_burst = noise(n + 7_777) > 1.8;
        5.0 + 0.5 * noise(n)
            + if is_burst {
                400.0 + 50.0 * noise(n + 999)
            } else {
                0.0
            }
    };
    let growing = |n: usize| 100.0 + 0.3 * n as f64 + 5.0 * noise(n);
    let cases: [(Kind, &dyn Fn(usize) -> f64); 8] = [
        (Kind::OfficeHours, &office),
        (Kind::Evening, &evening),
        (Kind::NightBatch, &night),
        (Kind::PeriodicJob, &job),
        (Kind::Bursty, &burst),
        (Kind::Growing, &growing),
        (Kind::Flat, &|n| 100.0 + 3.0 * noise(n)),
        (Kind::Idle, &|_| 0.0),
    ];
    for (kind, value) in cases {
        let found = of(value);
        assert_eq!(found.kind, Some(kind), "{found:#?}");
        let fit = found.fits.first().unwrap();
        let least = fit
            .evidence
            .iter()
            .map(|figure| figure.fits)
            .fold(1.0, f64::min);
        assert!(fit.kind == kind && fit.fits == least && !fit.evidence.is_empty());
    }
    let interval = of(job).figures.interval_secs;
    assert_eq!(interval, 11 * HOUR);
}

#[test]
fn a_kind_told_before_stays_until_another_fits_better_by_much() {
    // It grows by nearly a quarter: about as well as it is flat.
    let both = |n: usize| 100.0 + 0.03 * n as f64 + noise(n);
    let samples = hourly(WEEKS, both);
    let fresh = classify(&samples, None).unwrap();
    let fits = |kind: Kind| fresh.fits.iter().find(|fit| fit.kind == kind).unwrap().fits;
    assert!(
        fits(Kind::Flat) > 0.35 && fits(Kind::Growing) > 0.35,
        "{:?}",
        fresh.figures
    );
    for kind in [Kind::Flat, Kind::Growing] {
        let other = classify(&samples, Some(kind)).unwrap();
        let best = fresh.fits[0].fits;
        let stays = best < fits(kind) + 0.15;
        assert_eq!(other.kind == Some(kind), stays, "{:?}", fresh.fits);
    }
    let idle = classify(&samples, Some(Kind::Idle)).unwrap();
    assert_eq!(idle.kind, fresh.kind);
}

/// Levels of eight weeks around which noise with or without memory is.
fn around(level: impl Fn(f64) -> f64, noise_of: f64, memory: f64, seed: usize) -> Pattern {
    let hours = 8 * 168;
    let mut wanders = 0.0;
    let values: Vec<f64> = (0..hours)
        .map(|n| {
            wanders = memory * wanders + (1.0 - memory * memory).sqrt() * noise(n + 100_000 * seed);
            level(n as f64 / hours as f64) * (1.0 + noise_of * wanders)
        })
        .collect();
    classify(&hourly(hours, |n| 1e6 * values[n]), None).unwrap()
}

#[test]
fn slow_growth_is_told_and_neither_jumps_nor_noise_are_growth() {
    for seed in 1..5 {
        for (noise_of, memory) in [(0.03, 0.0), (0.05, 0.9), (0.15, 0.0)] {
            let seen = |level: &dyn Fn(f64) -> f64| {
                let found = around(level, noise_of, memory, seed);
                (found.kind, found.figures.growth)
            };
            let case = format!("seed {seed}, noise {noise_of}, memory {memory}");
            for by in [0.35, 0.6, 1.0] {
                let line = seen(&|t| 1.0 - by / 2.0 + by * t);
                let curve = seen(&|t| (1.0 + by).powf(1.2 * t));
                for (kind, growth) in [line, curve] {
                    assert_eq!(kind, Some(Kind::Growing), "{case}, by {by}: {growth}");
                }
                let jump = seen(&|t| if t < 0.55 { 1.0 } else { 1.0 + by });
                assert_ne!(jump.0, Some(Kind::Growing), "{case}, by {by}: {}", jump.1);
                let falls = seen(&|t| 1.0 - 0.6 * by * t);
                assert_eq!(falls.1, 0.0, "{case}, by {by}");
            }
            let little = seen(&|t| 1.0 + 0.1 * t);
            assert_ne!(little.0, Some(Kind::Growing), "{case}: {}", little.1);
            let level = seen(&|_| 1.0);
            assert!(level.1 < 0.25, "{case}: {}", level.1);
            if noise_of < 0.1 {
                assert_eq!([little.0, level.0], [Some(Kind::Flat); 2], "{case}");
            }
        }
    }
}

#[test]
fn an_office_that_grows_a_little_is_an_office() {
    let of_hour = |n: usize| if is_office(n) { 80.0 } else { 10.0 };
    let office = |n: usize| of_hour(n) * (1.0 + 0.2 * n as f64 / WEEKS as f64) + noise(n);
    let found = of(office);
    assert_eq!(found.kind, Some(Kind::OfficeHours), "{found:#?}");
}

#[test]
fn what_is_no_series_says_why() {
    assert!(matches!(
        classify(&[], None),
        Err(Unclassified::Unusable(_))
    ));
    let day = hourly(24, noise);
    assert!(matches!(
        classify(&day, None),
        Err(Unclassified::Unprofiled(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_is_answered(
        samples in prop::collection::vec((any_time(), any_value()), 0..500),
    ) {
        // Times that lie near each other.
        let samples: Vec<(i64, f64)> = samples
            .into_iter()
            .map(|(at, value)| (at.rem_euclid(2_000 * HOUR), value))
            .collect();
        if let Ok(found) = classify(&samples, Some(Kind::Flat)) {
            prop_assert_eq!(found.fits.len(), 8);
            prop_assert!(found.fits.iter().all(|fit| (0.0..=1.0).contains(&fit.fits)));
        }
    }
}
