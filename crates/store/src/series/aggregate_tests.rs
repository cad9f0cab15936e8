//! Aggregation: cases as text, and properties.
#![allow(clippy::cast_sign_loss)]

use super::*;
use proptest::prelude::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix_ms(secs * 1000)
}

/// `60:5 120:7.5` are samples at seconds 60 and 120; a value with a point is a gauge.
fn points(text: &str) -> Vec<(Timestamp, Value)> {
    text.split_whitespace()
        .map(|point| {
            let (secs, value) = point.split_once(':').unwrap();
            let value = if value.contains('.') {
                Value::F64(value.parse().unwrap())
            } else {
                Value::U64(value.parse().unwrap())
            };
            (at(secs.parse().unwrap()), value)
        })
        .collect()
}

fn how(text: &str) -> Aggregation {
    match text {
        "min" => Aggregation::Min,
        "max" => Aggregation::Max,
        "avg" => Aggregation::Avg,
        "sum" => Aggregation::Sum,
        "last" => Aggregation::Last,
        "rate" => Aggregation::Rate,
        "increase" => Aggregation::Increase,
        "delta" => Aggregation::Delta,
        "count" => Aggregation::Count,
        "stddev" => Aggregation::Stddev,
        "median" => Aggregation::Quantile(Quantile::MEDIAN),
        other => panic!("{other}"),
    }
}

/// `asked` is `how from..to/step`, in seconds; `expected` is `start=value` or `start=-`.
fn check(samples: &str, resets: &[i64], asked: &str, expected: &str) {
    let (function, range) = asked.split_once(' ').unwrap();
    let (range, step) = range.split_once('/').unwrap();
    let (from, to) = range.split_once("..").unwrap();
    let breaks = Breaks::new(
        Duration::from_mins(1),
        resets.iter().map(|s| at(*s)).collect(),
        &[],
    );
    let answer = aggregate(
        &points(samples),
        at(from.parse().unwrap()),
        at(to.parse().unwrap()),
        Duration::from_secs(step.parse().unwrap()),
        how(function),
        &breaks,
    );
    let told: Vec<String> = answer
        .iter()
        .map(|(start, value)| {
            let value = value.map_or("-".to_owned(), |v| v.to_string());
            format!("{}={value}", start.unix_ms() / 1000)
        })
        .collect();
    assert_eq!(told.join(" "), expected, "{asked} of {samples}");
}

#[test]
fn folds_by_bucket() {
    let samples = "0:1 60:2 120:6 240:4";
    check(samples, &[], "min 0..300/120", "0=1 120=6 240=4");
    check(samples, &[], "max 0..300/120", "0=2 120=6 240=4");
    check(samples, &[], "avg 0..300/120", "0=1.5 120=6 240=4");
    check(samples, &[], "sum 0..300/120", "0=3 120=6 240=4");
    check(samples, &[], "last 0..300/120", "0=2 120=6 240=4");
    check("0:1.5 60:-2.5", &[], "min 0..120/120", "0=-2.5");
}

#[test]
fn what_needs_all_samples_of_a_bucket() {
    let samples = "-60:99 0:2 20:4 40:4 60:4 80:5 100:5 120:7 140:9 300:8";
    check(samples, &[], "count 0..300/120", "0=6 120=2 240=-");
    check(samples, &[], "median 0..300/120", "0=4 120=8 240=-");
    check(samples, &[], "stddev 0..150/150", "0=2");
    check(samples, &[], "stddev 120..360/120", "120=1 240=0");
    // In an unaligned range its first bucket is what lies in the range.
    check(samples, &[], "count 30..130/120", "0=4 120=1");
    check(samples, &[], "median 30..130/120", "0=4.5 120=7");
}

#[test]
fn increases_and_changes_add_up() {
    check(
        "30:0 90:600 150:900",
        &[],
        "increase 0..180/60",
        "0=300 60=450 120=150",
    );
    check(
        "0:900 60:1500 120:5",
        &[],
        "increase 0..120/60",
        "0=600 60=-",
    );
    check("0:0 600:600 660:600", &[], "increase 0..120/60", "0=- 60=-");
    // A gauge may fall, and a gap is none.
    check(
        "0:20.5 60:18.5 120:19.5",
        &[90],
        "delta 0..120/60",
        "0=-2 60=1",
    );
    check("0:0.0 600:-60.0", &[], "delta 0..120/60", "0=-6 60=-6");
    check("0:1.5", &[], "delta 0..60/60", "0=-");
}

#[test]
fn a_gap_is_a_gap() {
    check(
        "0:1 240:4",
        &[],
        "avg 0..300/60",
        "0=1 60=- 120=- 180=- 240=4",
    );
    check("", &[], "last 0..120/60", "0=- 60=-");
    check("0:1", &[], "last 60..60/60", "");
    check("0:1", &[], "last 90..30/60", "");
}

#[test]
fn buckets_are_aligned_and_the_range_is_half_open() {
    check("30:1 59:2 60:3 120:9", &[], "sum 50..120/60", "0=2 60=3");
    check("-90:7", &[], "last -100..0/60", "-120=7 -60=-");
}

#[test]
fn rate_of_a_counter() {
    check("0:0 60:600 120:1200", &[], "rate 0..120/60", "0=10 60=10");
    // Shorter than a poll: the increase is spread evenly.
    check("0:0 60:600", &[], "rate 0..60/20", "0=10 20=10 40=10");
    // A poll across two buckets is shared by overlap.
    check(
        "30:0 90:600 150:600",
        &[],
        "rate 0..180/60",
        "0=10 60=5 120=0",
    );
    // What lies outside the range helps at its edges and does not count in itself.
    check("-30:0 30:600", &[], "rate 0..60/60", "0=10");
}

#[test]
fn rate_breaks() {
    // Lower than before, and no wrap.
    check(
        "0:900 60:1500 120:5 180:65",
        &[],
        "rate 0..180/60",
        "0=10 60=- 120=1",
    );
    // Restarted, though the counter is higher than before.
    check("0:0 60:600 120:1200", &[90], "rate 0..120/60", "0=10 60=-");
    // A restart exactly at a sample belongs to the time before it.
    check("0:0 60:600 120:1200", &[60], "rate 0..120/60", "0=- 60=10");
    // Three polls are an increase, more are a gap.
    check("0:0 180:1800", &[], "rate 0..180/180", "0=10");
    check("0:0 181:1810", &[], "rate 0..180/180", "0=-");
    // In part covered: not made smaller by what is missing.
    check("0:0 60:600 600:0", &[], "rate 0..120/120", "0=10");
}

#[test]
fn a_narrow_counter_that_wraps_goes_on() {
    // 2^32 is 4,294,967,296.
    check(
        "0:4294967000 60:4294967240 120:184",
        &[],
        "rate 0..120/60",
        "0=4 60=4",
    );
    // The device restarted: it began anew.
    check(
        "0:4294967000 60:4294967240 120:184",
        &[100],
        "rate 0..120/60",
        "0=4 60=-",
    );
    let grown = |before, after| increase(Value::U64(before), Value::U64(after));
    for (before, after, by) in [
        ((1 << 32) - 1, 0, Some(1.0)),
        (1 << 31, 0, None),
        ((1 << 31) + 1, 0, Some(2_147_483_647.0)),
        // Cleared, or back by a little.
        (5_000, 20, None),
        (4_000_000_000, 3_999_999_000, None),
        // Of 64 bits.
        (1 << 32, 5, None),
        (u64::MAX, 5, None),
    ] {
        assert_eq!(grown(before, after), by, "{before} {after}");
    }
}

#[test]
fn history_survives_a_changed_interval() {
    // Every sample counts one more per second; `spacings` as `TIMESxSECONDS`.
    let gaps = |spacings: &str, interval: u64| -> Vec<i64> {
        let mut now = 0;
        let mut samples = vec![(at(0), Value::U64(0))];
        for (times, secs) in spacings.split(' ').map(|run| run.split_once('x').unwrap()) {
            for _ in 0..times.parse::<u32>().unwrap() {
                now += secs.parse::<i64>().unwrap();
                samples.push((at(now), Value::U64(now as u64)));
            }
        }
        let breaks = Breaks::new(Duration::from_secs(interval), vec![], &[]);
        let second = Duration::from_secs(1);
        let answer = aggregate(&samples, at(0), at(now), second, Aggregation::Rate, &breaks);
        let broken = |(start, rate): &(Timestamp, Option<f64>)| {
            rate.is_none().then_some(start.unix_ms() / 1000)
        };
        answer.iter().filter_map(broken).collect()
    };
    // Polled faster than before, slower than before: no gaps.
    assert!(gaps("20x60 20x5", 5).is_empty());
    assert!(gaps("20x5 20x300", 300).is_empty());
    assert!(gaps("3x60 1x5", 5).is_empty());
    // Real gaps are gaps, whatever the interval is now.
    let gap: Vec<i64> = (100..150).collect();
    assert_eq!(gaps("20x5 1x50 20x5", 300), gap);
    assert_eq!(gaps("20x5 1x50 20x5 20x300", 300), gap);
    // A lost poll is none, nor is one asked for in between.
    assert!(gaps("20x5 1x10 5x5 1x1 1x4 20x5", 5).is_empty());
}

#[test]
fn counters_are_exact_above_two_to_the_53() {
    check(
        "0:18446744073709550000 10:18446744073709550010",
        &[],
        "rate 0..10/10",
        "0=1",
    );
}

#[test]
fn restarts_are_read_from_uptime() {
    let found = |text| -> Vec<i64> {
        resets(&points(text))
            .iter()
            .map(|t| t.unix_ms() / 1000)
            .collect()
    };
    assert_eq!(found("0:1000.0 60:1060.0 120:20.0 180:80.0"), [100]);
    // It restarted just before it answered, or its clock is slow: held between the samples.
    assert_eq!(found("0:1000.0 60:500.0"), [0]);
    // The 497 day wrap of TimeTicks is no restart.
    assert!(found("0:42949650.0 60:37.0").is_empty());
    assert!(found("").is_empty());
}

#[test]
fn another_machine_in_its_place_is_no_increase() {
    let samples = points("0:100 10:200 20:5000 30:5100");
    let breaks = |replaced: &[Timestamp]| Breaks::new(Duration::from_secs(10), vec![], replaced);
    let rates = |breaks: &Breaks| -> Vec<Option<f64>> {
        let step = Duration::from_secs(10);
        let told = aggregate(&samples, at(0), at(30), step, Aggregation::Rate, breaks);
        told.into_iter().map(|(_, value)| value).collect()
    };
    assert_eq!(rates(&breaks(&[])), [Some(10.0), Some(480.0), Some(10.0)]);
    assert_eq!(rates(&breaks(&[at(15)])), [Some(10.0), None, Some(10.0)]);
}

#[test]
fn absurd_ranges_are_bounded() {
    let far = Timestamp::from_unix_ms(i64::MAX);
    let near = Timestamp::from_unix_ms(i64::MIN);
    for how in [Aggregation::Rate, Aggregation::Avg] {
        let samples = [(near, Value::U64(1)), (far, Value::U64(2))];
        let answer = aggregate(&samples, near, far, Duration::ZERO, how, &Breaks::default());
        assert_eq!(answer.len(), BUCKETS_MAX);
    }
}

proptest! {
    #[test]
    fn rates_add_up_to_the_increase(
        steps in prop::collection::vec((60i64..=180, 0u64..1_000_000), 1..50),
        step in 1u64..1000,
        offset in -500i64..500,
    ) {
        let (mut secs, mut total) = (offset, 0);
        let mut samples = vec![(at(secs), Value::U64(0))];
        for (gap, by) in steps {
            secs += gap;
            total += by;
            samples.push((at(secs), Value::U64(total)));
        }
        let breaks = Breaks::new(Duration::from_mins(1), vec![], &[]);
        let step = Duration::from_secs(step);
        let answer = aggregate(&samples, at(offset), at(secs), step, Aggregation::Rate, &breaks);
        prop_assert_eq!(answer.len(), bucket_count(at(offset), at(secs), step));
        let sum: f64 = answer
            .iter()
            .map(|(start, rate)| {
                let covered = start.plus(step).min(at(secs)).since((*start).max(at(offset)));
                rate.unwrap() * covered.as_secs_f64()
            })
            .sum();
        prop_assert!((sum - total as f64).abs() <= 1e-6 * (1.0 + total as f64));
    }

    #[test]
    fn folds_agree_with_a_plain_reading(
        secs in prop::collection::btree_set(0i64..2000, 0..60),
        from in 0i64..1000, long in 0i64..1000, step in 1i64..400,
    ) {
        let samples: Vec<_> = secs.iter().map(|s| (at(*s), Value::U64(*s as u64 % 17))).collect();
        let all = [Aggregation::Min, Aggregation::Max, Aggregation::Sum, Aggregation::Last,
            Aggregation::Count, Aggregation::Quantile(Quantile::MEDIAN), Aggregation::Stddev];
        for how in all {
            let answer = aggregate(&samples, at(from), at(from + long),
                Duration::from_secs(step as u64), how, &Breaks::default());
            for (start, value) in answer {
                let start = start.unix_ms() / 1000;
                prop_assert_eq!(start.rem_euclid(step), 0);
                let inside = || secs.iter()
                    .filter(|s| **s >= start.max(from) && **s < (start + step).min(from + long))
                    .map(|s| (s % 17) as f64);
                let expected = match how {
                    Aggregation::Min => inside().reduce(f64::min),
                    Aggregation::Max => inside().reduce(f64::max),
                    Aggregation::Sum => inside().reduce(|a, b| a + b),
                    Aggregation::Last => inside().next_back(),
                    Aggregation::Count => Some(inside().count() as f64).filter(|count| *count > 0.0),
                    Aggregation::Quantile(quantile) => quantile.of(&mut inside().collect::<Vec<f64>>()),
                    _ => {
                        let mean = inside().sum::<f64>() / inside().count() as f64;
                        let squares = inside().map(|value| (value - mean).powi(2));
                        let variance = squares.sum::<f64>() / inside().count() as f64;
                        variance.is_finite().then(|| variance.sqrt())
                    }
                };
                let near = |(a, b): (f64, f64)| (a - b).abs() < 1e-9;
                prop_assert!(value.is_some() == expected.is_some());
                prop_assert!(value.zip(expected).is_none_or(near), "{:?} {:?} {:?}", how, value, expected);
            }
        }
    }
}
