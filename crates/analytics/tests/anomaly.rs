//! The detector: each kind is found and named, false alarms are as rare as was said, the answer for a row does not
//! hang on later rows, and no input is too bad.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap
)]

use foretell_analytics::anomaly::group::{Anomaly, Key, groups};
use foretell_analytics::anomaly::{Detector, Kind, Moment, Options, Verdict};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

const HOUR: i64 = 3_600;
const BEGIN: i64 = 1_700_006_400;

/// Numbers that look like chance, about normally distributed.
fn noise(n: usize) -> f64 {
    (0..12_u64)
        .map(|k| {
            let mixed = (n as u64 * 12 + k).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
        })
        .sum::<f64>()
        - 6.0
}

fn daily(n: usize) -> f64 {
    100.0 + 30.0 * (n as f64 / 24.0 * TAU).sin() + 2.0 * noise(n)
}

fn observed(values: impl IntoIterator<Item = Option<f64>>, step: i64) -> Vec<Verdict> {
    let mut detector = Detector::new(Options::default());
    let rows = values.into_iter().enumerate();
    rows.map(|(n, value)| detector.observe(BEGIN + n as i64 * step, value))
        .collect()
}

/// Alarms in runs: gaps of up to three samples belong to one.
fn runs(verdicts: &[Verdict]) -> usize {
    let mut last = None;
    let mut runs = 0;
    for (n, _) in verdicts.iter().enumerate().filter(|(_, v)| v.alarm) {
        runs += usize::from(last.is_none_or(|last| n - last > 4));
        last = Some(n);
    }
    runs
}

#[test]
fn each_kind_is_found_and_named() {
    type Series = fn(usize) -> Option<f64>;
    let at = 1_000;
    let cases: [(Kind, Series); 8] = [
        (Kind::Spike, |n| {
            Some(daily(n) + if n == 1_000 { 60.0 } else { 0.0 })
        }),
        (Kind::Dip, |n| {
            Some(daily(n) - if n == 1_000 { 60.0 } else { 0.0 })
        }),
        (Kind::Level, |n| {
            Some(daily(n) + if n >= 1_000 { 80.0 } else { 0.0 })
        }),
        (Kind::Drift, |n| {
            Some(daily(n) + 0.9 * n.saturating_sub(1_000) as f64)
        }),
        (Kind::FlatLine, |n| Some(daily(n.min(1_000)))),
        (Kind::Variance, |n| {
            Some(daily(n) + if n >= 1_000 { 7.0 * noise(n * 3) } else { 0.0 })
        }),
        (Kind::Pattern, |n| {
            Some(daily(if n >= 1_000 { n + 12 } else { n }))
        }),
        (Kind::Missing, |n| (n < 1_000).then(|| daily(n))),
    ];
    for (kind, series) in cases {
        let verdicts = observed((0..1_060).map(series), HOUR);
        let named: Vec<_> = verdicts[at..]
            .iter()
            .enumerate()
            .filter(|(_, v)| v.alarm)
            .map(|(n, v)| (n, v.kind.unwrap()))
            .collect();
        assert!(
            named.iter().any(|(_, of)| *of == kind),
            "{kind:?}: {named:?}"
        );
        let begins = verdicts[at..].iter().position(|v| v.score >= 0.5);
        assert!(begins.is_some_and(|n| n < 40), "{kind:?} begins {begins:?}");
    }
}

#[test]
fn false_alarms_are_as_rare_as_was_said() {
    let mut remembered = 0.0;
    let memory: Vec<f64> = (0..20_000)
        .map(|n| {
            remembered = 0.9 * remembered + noise(n);
            50.0 + remembered
        })
        .collect();
    let white: Vec<f64> = (0..20_000).map(|n| 10.0 + noise(n)).collect();
    let seasonal: Vec<f64> = (0..20_000).map(daily).collect();
    let five_minutes: Vec<f64> = (0..20_000)
        .map(|n| 100.0 + 30.0 * (n as f64 / 288.0 * TAU).sin() + 2.0 * noise(n))
        .collect();
    for (name, values, step) in [
        ("memory", memory, HOUR),
        ("white", white, HOUR),
        ("seasonal", seasonal, HOUR),
        ("five minutes", five_minutes, 300),
    ] {
        let verdicts = observed(values.into_iter().map(Some), step);
        let false_alarms = runs(&verdicts);
        assert!(false_alarms <= 20, "{name}: {false_alarms} of 20,000");
    }
}

#[test]
fn daylight_saving_is_no_alarm_each_day() {
    // From one day on everything happens an hour earlier.
    let values = (0..2_000).map(|n| Some(daily(if n >= 1_200 { n + 1 } else { n })));
    let verdicts = observed(values, HOUR);
    assert!(
        runs(&verdicts[1_200..]) <= 2,
        "{}",
        runs(&verdicts[1_200..])
    );
}

#[test]
fn expectations_resume_after_a_gap_and_the_band_holds_what_comes() {
    let values = (0..1_500).map(|n| (!(1_000..1_060).contains(&n)).then(|| daily(n)));
    let verdicts = observed(values, HOUR);
    assert_eq!(runs(&verdicts[1_062..]), 0);
    let mut detector = Detector::new(Options::default());
    for n in 0..1_500 {
        detector.observe(BEGIN + n as i64 * HOUR, Some(daily(n)));
    }
    let inside = (1_500..1_668)
        .filter(|&n| {
            let band = detector.band(BEGIN + n as i64 * HOUR).unwrap();
            (band.lower..=band.upper).contains(&daily(n))
        })
        .count();
    assert!(inside >= 151, "{inside} of 168 in the band of 95 %");
}

#[test]
fn a_level_that_stays_becomes_what_is_expected() {
    let values = (0..2_000).map(|n| Some(daily(n) + if n >= 1_000 { 80.0 } else { 0.0 }));
    let verdicts = observed(values, HOUR);
    assert!(verdicts[1_000].alarm);
    let begins = verdicts[1_000..].iter().filter(|v| v.score >= 0.5).count();
    assert!(begins <= 3, "told {begins} times");
    assert_eq!(runs(&verdicts[1_500..]), 0);
}

#[test]
fn rows_out_of_order_are_told_of_and_not_learned() {
    let mut detector = Detector::new(Options::default());
    for n in 0..200 {
        detector.observe(BEGIN + n * HOUR, Some(daily(usize::try_from(n).unwrap())));
    }
    let before = detector.clone();
    for at in [BEGIN + 199 * HOUR, BEGIN, i64::MIN] {
        let verdict = detector.observe(at, Some(1e9));
        assert!(!verdict.alarm && verdict.score < 0.5);
    }
    assert_eq!(detector, before);
    // Of numbers whose distance is none.
    let mut detector = Detector::new(Options::default());
    for n in 0..60 {
        let value = if n % 2 == 0 { f64::MAX } else { f64::MIN };
        detector.observe(BEGIN + n * HOUR, Some(value));
    }
    let verdict = detector.observe(BEGIN, Some(f64::MAX));
    assert!((0.0..0.5).contains(&verdict.score), "{verdict:?}");
}

#[test]
fn a_state_is_small_and_other_bytes_are_none() {
    let mut detector = Detector::new(Options::default());
    assert!(detector.octets() <= 512, "{}", detector.octets());
    detector.observe(BEGIN, Some(1.0));
    let mut bytes = Vec::new();
    detector.encode(&mut bytes);
    assert!(bytes.len() <= detector.octets());
    assert!(Detector::decode(&[]).is_err());
    assert!(Detector::decode(&bytes[..bytes.len() - 1]).is_err());
    let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    assert!(Detector::decode(&longer).is_err());
    bytes[0] = 200;
    assert!(Detector::decode(&bytes).is_err());
}

#[test]
fn a_state_of_version_1_is_read() {
    let bytes = include_bytes!("detector.v1.bin");
    let mut detector = Detector::decode(bytes).unwrap();
    let mut written = Vec::new();
    detector.encode(&mut written);
    assert_eq!(written, bytes);
    let verdict = detector.observe(BEGIN + 365 * 24 * HOUR, Some(1.0));
    assert!(verdict.expected.is_some_and(f64::is_finite));
}

#[test]
fn what_happens_together_is_one_group() {
    let anomaly = |series: u64, device: u64, site: u64, metric: u64| Anomaly {
        series,
        device,
        site: Some(site),
        metric,
        start: 100 + series as i64,
        score: 0.7,
    };
    // A thousand series: 100 devices of 10, 10 sites of 100, 10 metrics of 100.
    let sizes: BTreeMap<Key, u64> = (0..100)
        .map(|n| (Key::Device(n), 10))
        .chain((0..10).map(|n| (Key::Site(n), 100)))
        .chain((0..10).map(|n| (Key::Metric(n), 100)))
        .collect();
    let scattered = [
        anomaly(1, 0, 0, 1),
        anomaly(555, 55, 5, 5),
        anomaly(777, 77, 7, 7),
    ];
    assert!(groups(&scattered, &sizes, 1_000).is_empty());
    assert!(groups(&[], &sizes, 1_000).is_empty());
    let of_device: Vec<Anomaly> = (0..8)
        .map(|n| anomaly(120 + n, 12, 1, n))
        .chain(scattered)
        .collect();
    let found = groups(&of_device, &sizes, 1_000);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, Key::Device(12));
    assert_eq!(found[0].series, (120..128).collect::<Vec<_>>());
    assert_eq!((found[0].of, found[0].start), (10, 220));
    let of_site: Vec<Anomaly> = (0..30)
        .map(|n| anomaly(300 + n * 3, 30 + n * 3 / 10, 3, n % 10))
        .collect();
    assert_eq!(groups(&of_site, &sizes, 1_000)[0].key, Key::Site(3));
    let of_metric: Vec<Anomaly> = (0..30)
        .map(|n| anomaly(n * 30 + 4, n * 3, n * 3 / 10, 4))
        .collect();
    assert_eq!(groups(&of_metric, &sizes, 1_000)[0].key, Key::Metric(4));
}

fn any_value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        4 => (-100.0..100.0).prop_map(Some),
        1 => any::<f64>().prop_map(Some),
        1 => Just(None),
        1 => prop::sample::select(vec![0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NAN])
            .prop_map(Some),
    ]
}

fn rows() -> impl Strategy<Value = Vec<(i64, Option<f64>)>> {
    let gap = prop_oneof![8 => 1..1_000_i64, 1 => -1_000..1_i64, 1 => Just(3_200_000_000_i64), 1 => any::<i64>()];
    prop::collection::vec((gap, any_value()), 0..400).prop_map(|rows| {
        let mut at = BEGIN;
        rows.into_iter()
            .map(|(gap, value)| {
                at = at.saturating_add(gap);
                (at, value)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_input_is_too_bad_and_a_state_goes_on_as_it_was(
        rows in rows(), cut in 0_usize..400, puts in prop_oneof![Just(0), any::<i64>()]
    ) {
        let mut detector = Detector::new(Options::default());
        let by_clock = |at: i64| Moment { at, shown: at.saturating_add(puts) };
        for (n, &(at, value)) in rows.iter().enumerate() {
            if n == cut {
                let mut bytes = Vec::new();
                detector.encode(&mut bytes);
                let read = Detector::decode(&bytes);
                prop_assert_eq!(read.as_ref(), Ok(&detector));
                // What goes on from bytes says the same to the bit.
                let (mut one, mut other) = (detector.clone(), read.unwrap());
                for &(at, value) in &rows[n..] {
                    let at = by_clock(at);
                    prop_assert_eq!(one.observe(at, value), other.observe(at, value));
                }
            }
            let at = by_clock(at);
            let verdict = detector.observe(at, value);
            prop_assert!((0.0..=1.0).contains(&verdict.score), "{:?}", verdict);
            for of in [verdict.expected, verdict.lower, verdict.upper].into_iter().flatten() {
                prop_assert!(of.is_finite(), "{:?}", verdict);
            }
            prop_assert!(!verdict.alarm || verdict.kind.is_some());
            if let Some(band) = detector.band(at) {
                prop_assert!(band.lower <= band.expected && band.expected <= band.upper, "{:?}", band);
            }
        }
    }

    #[test]
    fn later_rows_change_nothing(cut in 1_usize..600, later in any_value()) {
        let values: Vec<Option<f64>> = (0..600).map(|n| Some(daily(n))).collect();
        let changed = values.iter().enumerate().map(|(n, value)| if n < cut { *value } else { later });
        let (whole, other) = (observed(values.clone(), HOUR), observed(changed, HOUR));
        prop_assert_eq!(&whole[..cut], &other[..cut]);
        prop_assert_eq!(&observed(values[..cut].to_vec(), HOUR)[..], &whole[..cut]);
    }

    #[test]
    fn bytes_of_any_kind_are_refused_or_go_on(bytes in prop::collection::vec(any::<u8>(), 0..900), at in any::<i64>()) {
        let mut whole = Vec::new();
        Detector::new(Options::default()).encode(&mut whole);
        let mixed: Vec<u8> = whole.iter().enumerate()
            .map(|(n, octet)| if n == 0 { *octet } else { bytes.get(n).copied().unwrap_or(*octet) })
            .collect();
        for bytes in [bytes, mixed] {
            if let Ok(mut detector) = Detector::decode(&bytes) {
                for n in 0..40 {
                    let verdict = detector.observe(at.saturating_add(n), Some(n as f64));
                    prop_assert!((0.0..=1.0).contains(&verdict.score));
                    detector.band(at);
                }
            }
        }
    }

    #[test]
    fn any_series_gets_verdicts(value in any::<f64>(), scale in prop::sample::select(vec![1e-300, 1e-6, 1.0, 1e12, 1e300])) {
        for values in [vec![], vec![Some(value); 2], vec![Some(value); 200], vec![None; 200],
            (0..300).map(|n| Some(daily(n) * scale)).collect::<Vec<_>>()]
        {
            let verdicts = observed(values, HOUR);
            prop_assert!(verdicts.iter().all(|v| v.score.is_finite()));
        }
    }
}

/// A sensor of whole steps, which is measured each half-hour and then each ten seconds, stands still no longer than
/// before.
#[test]
fn what_is_measured_more_often_does_not_stand_still() {
    let mut detector = Detector::new(Options::default());
    let level = |at: i64| {
        let day = (at.rem_euclid(86_400) as f64 / 86_400.0 * TAU).sin();
        ((50.0 + 3.0 * day + 0.3 * noise(usize::try_from(at / 600).unwrap())) * 5.0).round() / 5.0
    };
    let begin = 1_700_000_000;
    let live = begin + 14 * 86_400;
    for at in (begin..live).step_by(1_800) {
        detector.observe(at, Some(level(at)));
    }
    let verdicts = (live..live + 86_400)
        .step_by(10)
        .map(|at| detector.observe(at, Some(level(at))));
    let still = verdicts.filter(|verdict| verdict.alarm && verdict.kind == Some(Kind::FlatLine));
    let still = still.count();
    assert!(still <= 9, "{still} of 8,640");
    let stuck = level(live + 86_400);
    let found = (0..4 * 360).any(|n| {
        let verdict = detector.observe(live + 86_400 + n * 10, Some(stuck));
        verdict.alarm && verdict.kind == Some(Kind::FlatLine)
    });
    assert!(found, "one that hangs is told within four hours");
}

/// Verdicts of hours of offices whose clock is put forward by an hour, at a detector that knows it or does not.
fn over_a_put(is_known: bool) -> Vec<Verdict> {
    let mut detector = Detector::new(Options::default());
    let put = |n: i64| if n >= 2_000 { HOUR } else { 0 };
    let hours = (0..2_400_i64).map(|n| {
        let at = BEGIN + n * HOUR;
        let shown = at + put(n);
        let (day, of_day) = (
            shown.div_euclid(24 * HOUR),
            shown.rem_euclid(24 * HOUR) / HOUR,
        );
        let is_open = (8..18).contains(&of_day) && (day + 3).rem_euclid(7) < 5;
        let value = (if is_open { 200.0 } else { 20.0 })
            * (1.0 + 0.02 * noise(usize::try_from(n).unwrap()));
        let moment = Moment {
            at,
            shown: if is_known { shown } else { at },
        };
        detector.observe(moment, Some(value))
    });
    hours.collect()
}

#[test]
fn a_clock_that_is_put_is_no_anomaly_where_it_is_known() {
    let told = |verdicts: &[Verdict]| {
        verdicts[2_000..]
            .iter()
            .filter(|verdict| verdict.alarm)
            .count()
    };
    let (known, unknown) = (told(&over_a_put(true)), told(&over_a_put(false)));
    assert_eq!(known, 0);
    assert!(unknown > 0, "a put that is not known is an anomaly");
}

#[test]
fn a_holiday_with_the_hours_of_a_sunday_is_no_anomaly_and_no_monday() {
    let run = |is_known: bool| {
        let mut detector = Detector::new(Options::default());
        let mut alarms = 0;
        for n in 0..2_400_i64 {
            let at = BEGIN + n * HOUR;
            let (day, of_day) = (at.div_euclid(24 * HOUR), at.rem_euclid(24 * HOUR) / HOUR);
            let weekday = (day + 3).rem_euclid(7);
            let is_holiday = n >= 2_000 && weekday == 0 && n < 2_168;
            let is_open = (8..18).contains(&of_day) && weekday < 5 && !is_holiday;
            let value = (if is_open { 200.0 } else { 20.0 })
                * (1.0 + 0.02 * noise(usize::try_from(n).unwrap()));
            let shown = if is_known && is_holiday {
                at - 24 * HOUR
            } else {
                at
            };
            let verdict = detector.observe(Moment { at, shown }, Some(value));
            alarms += usize::from(n >= 2_000 && verdict.alarm);
        }
        // The first day behind the end that is a Monday.
        let end = (BEGIN + 2_400 * HOUR).div_euclid(24 * HOUR);
        let monday = end + (4 - end).rem_euclid(7);
        let band = detector.band(monday * 24 * HOUR + 12 * HOUR).unwrap();
        (alarms, band.expected)
    };
    let ((known, of_known), (unknown, of_unknown)) = (run(true), run(false));
    assert!(known == 0 && unknown > 0, "{known} {unknown}");
    assert!(
        (of_known - 200.0).abs() <= (of_unknown - 200.0).abs() + 1.0,
        "{of_known} {of_unknown}"
    );
}
