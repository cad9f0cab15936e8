//! Onto equal steps, and what is wrong with a series.

use crate::{HOUR, MONDAY, any_time, any_value, hourly, noise};
use foretell_analytics::clean::{
    Gap, STEPS_MAX, Unusable, filled, gaps, increases, outliers, regular,
};
use proptest::prelude::*;

#[test]
fn what_comes_unordered_twice_and_late_is_put_in_its_step_and_counted() {
    let samples = [
        (60, 2.0),
        (0, 1.0),
        (121, 3.0),
        (122, 5.0),
        (300, 6.0),
        (240, f64::NAN),
        (299, 8.0),
    ];
    let found = regular(&samples, Some(60)).unwrap();
    assert_eq!((found.begin_secs, found.step_secs), (0, 60));
    assert_eq!(found.values[..3], [1.0, 2.0, 4.0]);
    assert!(found.values[3].is_nan() && found.values[4].is_nan());
    assert_eq!(found.values[5], 7.0);
    assert_eq!((found.unordered, found.doubles, found.invalid), (2, 2, 1));
    assert_eq!(gaps(&found.values), [Gap { from: 3, len: 2 }]);
    assert_eq!(filled(&found.values), [1.0, 2.0, 4.0, 5.0, 6.0, 7.0]);
}

#[test]
fn the_step_is_the_usual_one_and_jumps_of_it_are_counted() {
    let mut samples = hourly(50, noise);
    samples.extend((0..10).map(|n| (MONDAY + (50 + n * 3) * HOUR, 1.0)));
    let found = regular(&samples, None).unwrap();
    assert_eq!(found.step_secs, HOUR);
    assert_eq!((found.values.len(), found.uneven), (78, 9));
    assert_eq!(gaps(&found.values).len(), 9);
}

#[test]
fn a_century_of_gap_leaves_out_what_is_before_it_and_says_so() {
    let mut samples = hourly(10, noise);
    samples.extend((0..10).map(|n| (MONDAY + 36_525 * 24 * HOUR * 2 + n * 60, 1.0)));
    let found = regular(&samples, Some(60)).unwrap();
    assert_eq!((found.values.len(), found.left_out), (10, 10));
    let found = regular(&[(i64::MIN, 1.0), (i64::MAX, 2.0)], None).unwrap();
    assert!(found.values.len() <= 2);
    assert_eq!(
        regular(&[(5, f64::INFINITY)], None),
        Err(Unusable::NoValues { samples: 1 })
    );
    assert_eq!(regular(&[(5, 1.0)], Some(0)), Err(Unusable::Step(0)));
    assert_eq!(regular(&[(5, 1.0)], None).unwrap().values, [1.0]);
}

#[test]
fn a_counter_that_begins_anew_has_no_increase_there() {
    let found = increases(&[100.0, 110.0, 3.0, 8.0, 7.0, f64::NAN, 9.0, 9.0]);
    let known: Vec<Option<f64>> = found
        .values
        .iter()
        .map(|value| value.is_finite().then_some(*value))
        .collect();
    let expected = [
        None,
        Some(10.0),
        None,
        Some(5.0),
        None,
        None,
        None,
        Some(0.0),
    ];
    assert_eq!(known, expected);
    assert_eq!((found.resets, found.backward), (vec![2], vec![4]));
}

#[test]
fn wild_values_are_flagged_and_the_peak_of_each_day_is_not() {
    let of = |n: usize| if n % 24 == 12 { 50.0 } else { 10.0 } + noise(n);
    let mut values: Vec<f64> = (0..480).map(of).collect();
    values[100] += 30.0;
    values[201] -= 30.0;
    values[300] = f64::NAN;
    assert_eq!(outliers(&values, &[24], 12, 7.0), [100, 201]);
    assert!(outliers(&values, &[], 12, 7.0).len() > 15);
    let mut still = vec![3.0; 100];
    assert!(outliers(&still, &[], 5, 3.0).is_empty());
    still[50] = 4.0;
    assert_eq!(outliers(&still, &[], 5, 3.0), [50]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_is_answered(
        samples in prop::collection::vec((any_time(), any_value()), 0..300),
        step in prop::option::of(any::<i64>()),
        season in 0..400_usize,
        neighbours in any::<usize>(),
        times in any::<f64>(),
    ) {
        if let Ok(found) = regular(&samples, step) {
            prop_assert!((1..=STEPS_MAX + 1).contains(&found.values.len()));
            prop_assert!(found.step_secs > 0 && found.values.last().unwrap().is_finite());
            let known = found.values.iter().filter(|value| value.is_finite()).count();
            prop_assert_eq!(known + found.doubles + found.left_out + found.invalid, samples.len());
        }
        let values: Vec<f64> = samples.iter().map(|sample| sample.1).collect();
        prop_assert!(filled(&values).iter().all(|value| value.is_finite()));
        let missing: usize = gaps(&values).iter().map(|gap| gap.len).sum();
        prop_assert!(missing <= values.len());
        prop_assert_eq!(increases(&values).values.len(), values.len());
        let found = outliers(&values, &[season], neighbours, times);
        prop_assert!(found.is_sorted() && found.iter().all(|at| values[*at].is_finite()));
    }
}
