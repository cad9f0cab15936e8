//! Folding by hand, and what every fold must be.

use super::*;
use crate::series::{Aggregation, aggregate};
use proptest::prelude::*;

/// 2026-03-01T00:00:00Z.
const DAY: i64 = 20_513 * DAY_MS;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix_ms(DAY + secs * 1_000)
}

/// A counter that grows by ten a second, polled each minute from a second on.
fn even(from: i64, polls: u64) -> Vec<Point> {
    let point = |n: u64| (at(from + n.cast_signed() * 60), Value::U64(n * 600));
    (0..polls).map(point).collect()
}

fn folded(points: &[Point], kind: Kind) -> Folded {
    fold(points, at(0), kind, &[])
}

#[test]
fn gauges_by_hand() {
    let points = [
        (at(0), Value::F64(1.5)),
        (at(299), Value::F64(-2.0)),
        (at(300), Value::U64(7)),
        (at(86_399), Value::U64(9)),
    ];
    let folded = folded(&points, Kind::Gauge);
    let first = folded.fives[0];
    assert_eq!((first.fold.count, first.fold.sum), (2, -0.5));
    assert_eq!((first.fold.min, first.fold.max), (-2.0, 1.5));
    assert_eq!(first.last, Some(Value::F64(-2.0)));
    assert_eq!(folded.fives[1].last, Some(Value::U64(7)));
    assert_eq!(folded.fives[2], Bucket::default());
    assert_eq!(folded.fives[287].fold.count, 1);
    assert_eq!((folded.samples(), folded.edges.len()), (4, 0));
    let hours = folded.hours();
    assert_eq!(hours.len(), 24);
    assert_eq!((hours[0].fold.count, hours[0].fold.sum), (3, 6.5));
    assert_eq!(hours[0].last, Some(Value::U64(7)));
}

#[test]
fn the_ends_of_a_counter_are_left_to_the_reader() {
    // Too few samples to tell anything by themselves.
    let few = even(0, 22);
    let folded = fold(&few, at(0), Kind::Counter, &[]);
    assert_eq!(folded.edges, few);
    assert!(folded.fives.iter().all(|five| five.spread.covered_ms == 0));
    // One more, and the pair in the middle and those beside it are told.
    let more = even(0, 23);
    let folded = fold(&more, at(0), Kind::Counter, &[]);
    assert_eq!(folded.edges, [&more[..11], &more[12..]].concat());
    let covered: i64 = folded.fives.iter().map(|five| five.spread.covered_ms).sum();
    assert_eq!(covered, 12 * 60_000);
    let hour = folded.hours()[0].spread;
    assert!((hour.sum - 7_200.0).abs() < 1e-9 && (hour.peak - 10.0).abs() < 1e-9);
}

#[test]
fn restarts_are_no_increase() {
    let points = even(0, 60);
    let folded = fold(&points, at(0), Kind::Counter, &[at(1_790)]);
    let covered: i64 = folded.fives.iter().map(|five| five.spread.covered_ms).sum();
    assert_eq!(covered, (60 - 1 - 10 - 1) * 60_000);
}

proptest! {
    #[test]
    fn hours_add_up(gaps in prop::collection::vec((1i64..400, 0u64..5_000_000_000), 0..600)) {
        let mut points = Vec::new();
        let (mut secs, mut value) = (0, 0u64);
        for (gap, by) in gaps {
            secs += gap;
            value = value.wrapping_add(by) % (1 << 40);
            if secs < 86_400 {
                points.push((at(secs), Value::U64(value)));
            }
        }
        for kind in [Kind::Counter, Kind::State] {
            let folded = folded(&points, kind);
            prop_assert_eq!(folded.samples(), points.len() as u64);
            let hour = Duration::from_hours(1);
            for how in [Aggregation::Count, Aggregation::Sum, Aggregation::Last, Aggregation::Min] {
                let breaks = Breaks::default();
                let told = aggregate(&points, at(0), at(86_400), hour, how, &breaks);
                let hours: Vec<Option<f64>> =
                    folded.hours().iter().map(|hour| hour.fold.value(how)).collect();
                let expected: Vec<Option<f64>> = told.into_iter().map(|(_, value)| value).collect();
                if how == Aggregation::Sum {
                    let pairs = hours.iter().flatten().zip(expected.iter().flatten());
                    for (hour, expected) in pairs {
                        prop_assert!((hour - expected).abs() <= expected.abs() * 1e-12);
                    }
                } else {
                    prop_assert_eq!(hours, expected);
                }
            }
        }
    }
}
