//! Series that behave alike.

use crate::{any_time, any_value, hourly, is_office, noise};
use foretell_analytics::profile::week_profile;
use foretell_analytics::similar::{
    GROUPED_MAX, LAG_MAX, Sketch, TooMany, groups, nearest, together,
};
use proptest::prelude::*;

fn sketch(of: impl Fn(usize) -> f64) -> Option<Sketch> {
    let samples = hourly(3 * 168, of);
    Sketch::of(&week_profile(&samples, (0.25, 0.75)).unwrap())
}

fn office(seed: usize, size: f64) -> Sketch {
    let of =
        |n: usize| size * ((if is_office(n) { 8.0 } else { 1.0 }) + 0.8 * noise(seed * 1_000 + n));
    sketch(of).unwrap()
}

fn evening(seed: usize) -> Sketch {
    let of = |n: usize| (if n % 24 >= 18 { 8.0 } else { 1.0 }) + 0.8 * noise(seed * 1_000 + n);
    sketch(of).unwrap()
}

#[test]
fn the_nearest_of_many_are_those_of_the_same_week_whatever_their_size() {
    let mut among: Vec<Sketch> = (0..200).map(evening).collect();
    among[17] = office(500, 1e9);
    among[180] = office(501, 1e-6);
    let found = nearest(&office(7, 1.0), &among, 5);
    let mut first: Vec<usize> = found.iter().take(2).map(|(at, _)| *at).collect();
    first.sort_unstable();
    assert_eq!((found.len(), first), (5, vec![17, 180]));
    assert!(found[1].1 > 0.9 && found[2].1 < 0.3, "{found:?}");
    assert_eq!(size_of::<Sketch>(), 56);
    assert_eq!(sketch(|_| 3.3), None);
}

#[test]
fn weeks_fall_into_groups_by_their_shape() {
    let mixed: Vec<Sketch> = (0..40)
        .map(|n| {
            if n % 3 == 0 {
                office(n, 2.0)
            } else {
                evening(n)
            }
        })
        .collect();
    let found = groups(&mixed, 0.7).unwrap();
    let expected: Vec<usize> = (0..40).map(|n| usize::from(n % 3 != 0)).collect();
    assert_eq!(found, expected);
    assert_eq!(groups(&mixed, -1.0).unwrap(), vec![0; 40]);
    assert_eq!(groups(&[], 0.5).unwrap(), Vec::<usize>::new());
    let many = vec![office(1, 1.0); GROUPED_MAX + 1];
    assert_eq!(
        groups(&many, 0.5),
        Err(TooMany {
            found: GROUPED_MAX + 1
        })
    );
    assert_eq!(groups(&many[1..], 0.5).unwrap(), vec![0; GROUPED_MAX]);
}

#[test]
fn what_follows_another_is_told_with_its_lag() {
    let first: Vec<f64> = (0..500).map(noise).collect();
    let mut second: Vec<f64> = (0..500_usize)
        .map(|n| n.checked_sub(5).map_or(0.0, |n| 1e6 * first[n] + 3e5))
        .collect();
    second[100] = f64::NAN;
    let found = together(&first, &second, 20).unwrap();
    assert_eq!((found.lag, found.pairs), (5, 494));
    assert!(found.correlation > 0.99);
    assert_eq!(together(&second, &first, 20).unwrap().lag, -5);
    assert!(together(&first, &second, 2).unwrap().correlation < 0.3);
    assert_eq!(together(&first, &[3.0; 500], 20), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_is_answered(
        first in prop::collection::vec(any_value(), 0..200),
        second in prop::collection::vec(any_value(), 0..200),
        lags in any::<usize>(),
        weeks in prop::collection::vec(prop::collection::vec((any_time(), any_value()), 150..400), 0..6),
        alike in any::<f64>(),
    ) {
        if let Some(found) = together(&first, &second, lags) {
            prop_assert!((-1.0..=1.0).contains(&found.correlation));
            prop_assert!(found.lag.unsigned_abs() <= LAG_MAX);
        }
        let sketches: Vec<Sketch> = weeks
            .iter()
            .filter_map(|samples| week_profile(samples, (0.25, 0.75)).ok())
            .filter_map(|profile| Sketch::of(&profile))
            .collect();
        let found = groups(&sketches, alike).unwrap();
        prop_assert!(found.iter().all(|group| *group < sketches.len()));
        for sketch in &sketches {
            prop_assert!(sketch.likeness(sketch) > 0.999);
            prop_assert_eq!(nearest(sketch, &sketches, 3).len(), sketches.len().min(3));
        }
    }
}
