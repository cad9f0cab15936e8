//! Forecasts: what comes of seasons, of rubbish, and of nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap
)]

use foretell_analytics::forecast::{
    Clock, Forecast, HORIZON_MAX, Method, Unforecastable, VALUE_MAX, VALUES_MIN, forecast,
    forecast_by_clock,
};
use proptest::prelude::*;
use std::f64::consts::TAU;

/// Numbers that look like chance, from -1 to 1.
fn noise(n: usize) -> f64 {
    let mixed = (n as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(31)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// A day and a week of hours, with noise.
fn week(n: usize) -> f64 {
    let (day, week) = (
        (n % 24) as f64 / 24.0 * TAU,
        if n % 168 >= 120 { 0.6 } else { 1.0 },
    );
    1_000.0 * (2.0 + day.sin()) * week * (1.0 + 0.05 * noise(n))
}

#[test]
fn a_day_and_a_week_are_foretold_and_the_bands_hold() {
    let values: Vec<f64> = (0..1_008).map(week).collect();
    let told = forecast(&values, &[24, 168], 48, &[0.8, 0.95]).unwrap();
    assert_eq!((told.median.len(), told.tried), (48, 9));
    let mut within = 0;
    for (step, expected) in told.median.iter().enumerate() {
        let came = week(1_008 + step);
        assert!(
            (expected / came - 1.0).abs() < 0.15,
            "{step}: {expected} and {came} came"
        );
        let band = &told.bands[1];
        within += usize::from(band.lower[step] <= came && came <= band.upper[step]);
        assert!(band.lower[step] <= told.bands[0].lower[step]);
        assert!(band.upper[step] >= told.bands[0].upper[step]);
    }
    assert!(within >= 42, "{within}");
    let weights: f64 = told.members.iter().map(|member| member.1).sum();
    assert!((weights - 1.0).abs() < 1e-9);
    assert!(told.members.is_sorted_by(|a, b| a.1 >= b.1));
    assert!(matches!(
        told.members[0].0,
        Method::Autoregression { .. } | Method::Profile | Method::Parts
    ));
}

#[test]
fn gaps_are_filled_and_many_are_refused() {
    let mut values: Vec<f64> = (0..500).map(week).collect();
    values[100..120].fill(f64::NAN);
    values[499] = f64::INFINITY;
    let told = forecast(&values, &[24], 24, &[0.95]).unwrap();
    assert!(
        told.median
            .iter()
            .all(|value| (200.0..4_000.0).contains(value))
    );
    for (n, value) in values.iter_mut().enumerate() {
        if n % 5 != 0 {
            *value = f64::NAN;
        }
    }
    assert!(matches!(
        forecast(&values, &[24], 24, &[]),
        Err(Unforecastable::TooManyMissing { .. })
    ));
}

#[test]
fn what_cannot_be_foretold_is_refused_with_the_reason() {
    assert_eq!(
        forecast(&[], &[], 1, &[]),
        Err(Unforecastable::TooFew { found: 0 })
    );
    assert_eq!(
        forecast(&[f64::NAN; 99], &[], 1, &[]),
        Err(Unforecastable::TooFew { found: 0 })
    );
    assert_eq!(
        forecast(&[1.0; 7], &[], 1, &[]),
        Err(Unforecastable::TooFew { found: 7 })
    );
    for horizon in [0, HORIZON_MAX + 1] {
        assert_eq!(
            forecast(&[1.0; 99], &[], horizon, &[]),
            Err(Unforecastable::Horizon(horizon))
        );
    }
}

#[test]
fn what_is_constant_stays() {
    for value in [0.0, 7.0, -3.5, 1e99, 1e-300] {
        let told = forecast(&[value; 300], &[24], 30, &[0.95]).unwrap();
        for step in 0..30 {
            let near = |other: f64| (other - value).abs() <= value.abs() * 1e-6;
            assert!(near(told.median[step]), "{value}: {}", told.median[step]);
            assert!(
                near(told.bands[0].lower[step]) && near(told.bands[0].upper[step]),
                "{value}"
            );
        }
    }
}

#[test]
fn what_follows_the_clock_of_a_place_is_foretold_where_it_is_put() {
    // Offices by a clock that is put forward at one hour, in the past, at its end, and in what is foretold.
    let office = |local: i64| {
        let is_open = (8..18).contains(&local.rem_euclid(24)) && local.rem_euclid(168) < 120;
        if is_open { 200.0 } else { 20.0 }
    };
    let value = |local: i64| office(local) * (1.0 + 0.02 * noise(usize::try_from(local).unwrap()));
    for (put_at, hours) in [(960, 1), (1_000, 1), (1_010, 1), (960, -1), (990, -1)] {
        let offset_hours = |hour: i64| if hour >= put_at { hours } else { 0 };
        let came = |hour: usize| value(hour as i64 + offset_hours(hour as i64));
        let values: Vec<f64> = (0..1_000).map(came).collect();
        let clock = Clock {
            begin_secs: 0,
            step_secs: 3_600,
            offset_secs: |secs: i64| 3_600 * offset_hours(secs.div_euclid(3_600)),
            is_holiday: |_| false,
        };
        let told = forecast_by_clock(&values, &clock, &[24, 168], 48, &[0.95]).unwrap();
        assert_eq!((told.median.len(), told.bands[0].upper.len()), (48, 48));
        for (step, expected) in told.median.iter().enumerate() {
            let came = came(1_000 + step);
            assert!(
                (expected / came - 1.0).abs() < 0.3,
                "{put_at} {hours} {step}: {expected} and {came} came"
            );
        }
    }
}

/// Hours of offices from Monday, 2026-01-05, on, which are as on a Sunday on these days.
fn office_with(closed: &[i64], hours: usize) -> Vec<f64> {
    let value = |hour: usize| {
        let (day, of_day) = (hour as i64 / 24, hour % 24);
        let is_open = (8..18).contains(&of_day) && day % 7 < 5 && !closed.contains(&day);
        (if is_open { 200.0 } else { 20.0 }) * (1.0 + 0.02 * noise(hour))
    };
    (0..hours).map(value).collect()
}

const MONDAY: i64 = 20_458;

fn told_with(values: &[f64], holidays: &[i64], horizon: usize) -> Forecast {
    let clock = Clock {
        begin_secs: MONDAY * 86_400,
        step_secs: 3_600,
        offset_secs: |_| 0,
        is_holiday: |day| holidays.contains(&(day - MONDAY)),
    };
    forecast_by_clock(values, &clock, &[24, 168], horizon, &[0.8, 0.95]).unwrap()
}

fn error(told: &[f64], came: &[f64]) -> f64 {
    let off: f64 = told.iter().zip(came).map(|(a, b)| (a - b).abs()).sum();
    off / came.len() as f64
}

#[test]
fn a_holiday_is_foretold_as_the_weekday_that_it_is_like() {
    // Eight weeks, of which a Thursday and a Monday were holidays, a Saturday alone, or none; the day behind is one,
    // a Tuesday.
    for past in [&[][..], &[26], &[24, 42]] {
        let all = [past, &[57]].concat();
        let came = office_with(&all, 58 * 24 + 24);
        let (seen, comes) = came.split_at(57 * 24);
        let with = told_with(seen, &all, 48);
        let plain = told_with(seen, &[], 48);
        let (known, ignored) = (
            error(&with.median[..24], &comes[..24]),
            error(&plain.median[..24], &comes[..24]),
        );
        assert!(known * 10.0 < ignored, "{known} {ignored}");
        // The day behind it is as ever.
        let behind = error(&with.median[24..], &comes[24..]);
        assert!(behind < 10.0, "{behind}");
        for (step, came) in comes[..24].iter().enumerate() {
            let band = &with.bands[1];
            assert!(
                band.lower[step] <= came + 2.0 && came - 2.0 <= band.upper[step],
                "{step}"
            );
        }
        // Steps of a day that is asked for alone are the same day.
        assert_eq!(told_with(seen, &all, 24).median.len(), 24);
    }
}

#[test]
fn what_is_left_of_a_holiday_is_foretold_as_one() {
    let holidays = [57];
    let came = office_with(&holidays, 58 * 24);
    for hour in [2, 7, 12] {
        let (seen, comes) = came.split_at(57 * 24 + hour);
        let with = told_with(seen, &holidays, 24);
        let off = error(&with.median[..comes.len()], comes);
        assert!(off < 5.0, "{hour}: {off}");
    }
}

#[test]
fn the_day_behind_a_holiday_is_foretold_as_if_there_had_been_none() {
    let holidays = [56];
    let came = office_with(&holidays, 58 * 24);
    let (seen, comes) = came.split_at(57 * 24);
    let (with, plain) = (told_with(seen, &holidays, 24), told_with(seen, &[], 24));
    let (known, ignored) = (error(&with.median, comes), error(&plain.median, comes));
    assert!(known < 10.0 && known <= ignored, "{known} {ignored}");
}

#[test]
fn holidays_that_are_as_other_days_or_far_change_nothing() {
    let values = office_with(&[], 57 * 24);
    let plain = forecast(&values, &[24, 168], 48, &[0.8, 0.95]).unwrap();
    // They were open on each, or there is none within.
    for holidays in [&[24, 42, 57][..], &[-1, 59], &[]] {
        assert_eq!(told_with(&values, holidays, 48), plain, "{holidays:?}");
    }
    // Steps that are no parts of a day have none.
    let clock = |step_secs| Clock {
        begin_secs: 0,
        step_secs,
        offset_secs: |_| 0,
        is_holiday: |_| true,
    };
    for step_secs in [86_400, 7_000, 0, u32::MAX] {
        let told = forecast_by_clock(&values, &clock(step_secs), &[24, 168], 48, &[0.8, 0.95]);
        if step_secs > 0 {
            assert_eq!(told.unwrap(), plain, "{step_secs}");
        }
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e3..1e3_f64,
        2 => Just(0.0),
        1 => Just(f64::NAN),
        1 => any::<f64>(),
        1 => prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE), Just(f64::INFINITY)],
    ]
}

proptest! {
    #[test]
    fn whatever_comes_is_answered_in_numbers_or_refused(
        values in prop::collection::vec(any_value(), 0..300),
        seasons in prop::collection::vec(0..400_usize, 0..4),
        horizon in 1..60_usize,
    ) {
        let told = forecast(&values, &seasons, horizon, &[0.8, 0.95]);
        prop_assert_eq!(&forecast(&values, &seasons, horizon, &[0.8, 0.95]), &told, "the same again");
        let Ok(told) = told else { return Ok(()) };
        let known: Vec<f64> = values.iter().copied().filter(|value| value.abs() <= VALUE_MAX).collect();
        prop_assert!(known.len() >= VALUES_MIN);
        prop_assert_eq!(told.median.len(), horizon);
        for step in 0..horizon {
            prop_assert!(told.median[step].is_finite());
            for band in &told.bands {
                prop_assert!(band.lower[step] <= told.median[step], "{} {}", band.lower[step], told.median[step]);
                prop_assert!(band.upper[step] >= told.median[step]);
            }
        }
        let is_positive = known.iter().all(|value| *value >= 0.0);
        prop_assert!(!is_positive || told.median.iter().all(|value| *value >= 0.0));
    }

    #[test]
    fn any_clock_is_answered_and_one_that_is_never_put_changes_nothing(
        values in prop::collection::vec(any_value(), 0..200),
        horizon in 1..60_usize,
        (begin_secs, step_secs) in (any::<i64>(), prop_oneof![Just(3_600_u32), Just(86_400), any::<u32>()]),
        every in 1..20_i64,
        puts in prop::collection::vec(prop_oneof![Just(0), Just(3_600), Just(-3_600), any::<i64>()], 1..4),
    ) {
        let wild = Clock {
            begin_secs,
            step_secs: step_secs.max(60),
            offset_secs: |at: i64| puts[usize::try_from(at.unsigned_abs()).unwrap() / 100_000 % puts.len()],
            is_holiday: |day: i64| day % every == 0,
        };
        if let Ok(told) = forecast_by_clock(&values, &wild, &[24], horizon, &[0.95]) {
            prop_assert_eq!(told.median.len(), horizon);
            for step in 0..horizon {
                prop_assert!(told.median[step].is_finite());
                prop_assert!(told.bands[0].lower[step] <= told.median[step]);
                prop_assert!(told.bands[0].upper[step] >= told.median[step]);
            }
        }
        let fixed = Clock { begin_secs, step_secs, offset_secs: |_| puts[0], is_holiday: |_| false };
        prop_assert_eq!(
            forecast_by_clock(&values, &fixed, &[24], horizon, &[0.95]),
            forecast(&values, &[24], horizon, &[0.95])
        );
    }
}
