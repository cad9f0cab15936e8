//! The week of a series.

use crate::{HOUR, MONDAY, any_time, any_value, hourly, is_office, noise};
use foretell_analytics::profile::{
    Bounds, HOURS, NoBusinessHours, Unprofiled, Window, business_hours, hour_of_week, thresholds,
    week_profile,
};
use proptest::prelude::*;

const QUARTILES: (f64, f64) = (0.25, 0.75);

fn office(n: usize) -> f64 {
    let base = if is_office(n) { 80.0 } else { 10.0 };
    base + 3.0 * noise(n)
}

#[test]
fn hours_count_from_monday() {
    // 2026-11-23 was a Monday.
    assert_eq!(hour_of_week(1_795_392_000), 0);
    assert_eq!(hour_of_week(0), 72);
    assert_eq!(hour_of_week(-1), 71);
    assert_eq!(hour_of_week(MONDAY + 167 * HOUR + 3_599), 167);
    for extreme in [i64::MIN, i64::MAX] {
        assert!(hour_of_week(extreme) < HOURS);
    }
}

#[test]
fn working_hours_are_found_with_what_tells_so() {
    let samples = hourly(6 * HOURS, office);
    let profile = week_profile(&samples, QUARTILES).unwrap();
    assert_eq!(profile.weeks(), 6);
    assert!(profile.explained() > 0.9, "{}", profile.explained());
    let hour = profile.hour(10).unwrap();
    assert!(hour.lower < hour.median && hour.median < hour.upper && hour.samples == 6);
    let found = business_hours(&profile, &samples).unwrap();
    let expected: Vec<Window> = (0..5)
        .map(|day| Window {
            day,
            from_hour: 8,
            to_hour: 18,
        })
        .collect();
    assert_eq!(found.windows, expected);
    assert_eq!(
        found.is_quiet_day,
        [false, false, false, false, false, true, true]
    );
    assert!(found.held > 0.95 && found.separation > 0.9, "{found:?}");
    assert!((found.busy - 80.0).abs() < 4.0 && (found.quiet - 10.0).abs() < 4.0);
}

#[test]
fn noise_and_a_single_week_have_no_business_hours() {
    let samples = hourly(8 * HOURS, noise);
    let profile = week_profile(&samples, QUARTILES).unwrap();
    let told = business_hours(&profile, &samples).unwrap_err();
    assert!(matches!(told, NoBusinessHours::NotHeld { .. }), "{told}");
    let still = hourly(8 * HOURS, |_| 5.0);
    let profile = week_profile(&still, QUARTILES).unwrap();
    assert_eq!(
        business_hours(&profile, &still),
        Err(NoBusinessHours::NotSeparate { separation: 0.0 })
    );
    // From a Wednesday to the Tuesday behind it.
    let week = hourly(HOURS + 48, office).split_off(48);
    let profile = week_profile(&week, QUARTILES).unwrap();
    assert_eq!(
        business_hours(&profile, &week),
        Err(NoBusinessHours::TooFewWeeks { found: 1 })
    );
    let day = hourly(24, office);
    assert_eq!(
        week_profile(&day, QUARTILES),
        Err(Unprofiled::TooFewHours { found: 24 })
    );
}

#[test]
fn thresholds_follow_the_week_hold_their_share_and_keep_to_bounds() {
    let samples = hourly(12 * HOURS, office);
    let profile = week_profile(&samples, QUARTILES).unwrap();
    let free = Bounds::default();
    let found = thresholds(&profile, 0.95, 1.0, free, free);
    let new = (12 * HOURS..16 * HOURS).map(|n| (n, office(n)));
    let inside = new
        .filter(|(n, value)| {
            let of_hour = found[n % HOURS].unwrap();
            of_hour.low <= *value && *value <= of_hour.high
        })
        .count();
    assert!(
        (0.88..=0.99).contains(&(inside as f64 / (4.0 * 168.0))),
        "{inside}"
    );
    assert!(found[10].unwrap().low > found[3].unwrap().high);
    let high = Bounds {
        floor: Some(50.0),
        ceiling: Some(82.0),
    };
    let bound = thresholds(&profile, 0.95, 1.0, free, high);
    assert_eq!(
        (bound[3].unwrap().high, bound[10].unwrap().high),
        (50.0, 82.0)
    );
    assert_eq!(bound[3].unwrap().low, found[3].unwrap().low);
    let wide = thresholds(&profile, 0.95, 2.0, free, free);
    assert!(wide[3].unwrap().high > found[3].unwrap().high);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_is_answered(
        samples in prop::collection::vec((any_time(), any_value()), 0..600),
        quantiles in (any::<f64>(), any::<f64>()),
        share in any::<f64>(),
        times in any::<f64>(),
        floor in prop::option::of(any::<f64>()),
    ) {
        let Ok(profile) = week_profile(&samples, quantiles) else {
            return Ok(());
        };
        prop_assert!((0.0..=1.0).contains(&profile.explained()));
        let bounds = Bounds { floor, ceiling: Some(1e3) };
        let found = thresholds(&profile, share, times, Bounds::default(), bounds);
        prop_assert_eq!(found.len(), HOURS);
        prop_assert!(found.iter().flatten().all(|of_hour| of_hour.high <= 1e3));
        if let Ok(found) = business_hours(&profile, &samples) {
            prop_assert!((0.0..=1.0).contains(&found.held) && found.windows.len() <= HOURS);
        }
        prop_assert!(week_profile(&samples, QUARTILES) == week_profile(&samples, QUARTILES));
    }
}
