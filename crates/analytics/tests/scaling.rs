//! Triggers of scaling: raised before what comes each day, cleared behind it, the same for whatever comes
//! later; state that goes on where it was; bad input.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap
)]

use foretell_analytics::anomaly::Moment;
use foretell_analytics::scaling::{Change, LEAD_MAX, ScalingOptions, Trigger, Unscalable};
use proptest::prelude::*;

const OPTIONS: ScalingOptions = ScalingOptions {
    threshold: 80.0,
    lead_min: 2,
    lead_max: 8,
    step_secs: 300,
};

fn at(n: usize) -> i64 {
    1_700_000_000 + n as i64 * 300
}

/// Each day of 288 steps an hour of overload from step 120, to which it climbs.
fn busy(n: usize) -> f64 {
    let noise = (n * 7_919 % 101) as f64 / 20.0;
    noise
        + match n % 288 {
            100..120 => 30.0 + 2.0 * (n % 288 - 100) as f64,
            120..132 => 90.0,
            _ => 30.0,
        }
}

fn changes(options: ScalingOptions, values: &[f64]) -> Vec<(usize, Change)> {
    let mut trigger = Trigger::new(options).unwrap();
    let told = values.iter().enumerate();
    told.filter_map(|(n, value)| Some((n, trigger.observe(at(n), *value)?)))
        .collect()
}

#[test]
fn it_is_raised_before_what_comes_each_day_and_cleared_behind_it() {
    let days = 30;
    let values: Vec<f64> = (0..288 * days).map(busy).collect();
    let changes = changes(OPTIONS, &values);
    let late = 288 * 15;
    let in_time = |day: usize| {
        let begin = day * 288 + 120;
        changes.iter().any(|(n, change)| {
            matches!(change, Change::Raised { expected_at_secs, probability }
                if (begin - 8..=begin - 2).contains(n)
                    && (at(begin) - expected_at_secs).abs() <= 8 * 300
                    && *probability > 0.25)
        })
    };
    let found = (15..days).filter(|day| in_time(*day)).count();
    assert!(found >= 14, "{found} of 15");
    let raised = changes
        .iter()
        .filter(|(n, change)| *n >= late && matches!(change, Change::Raised { .. }))
        .count();
    assert!(raised <= 2 * 15, "{raised} in 15 days");
    let cleared = changes
        .iter()
        .filter(|(n, change)| *n >= late && *change == Change::Cleared)
        .count();
    assert!(cleared >= 14, "{cleared} of 15");
}

#[test]
fn the_rhythm_goes_on_when_clocks_are_put() {
    // Nothing but the hour tells what comes, and from the thirtieth day on it comes an hour sooner.
    let (put, days) = (30, 34);
    let sudden = |n: usize| {
        if (120..132).contains(&(n % 288)) {
            90.0
        } else {
            30.0
        }
    };
    let found = |is_told: bool| {
        let mut trigger = Trigger::new(OPTIONS).unwrap();
        let mut raised = vec![false; 288 * days];
        for (n, raised) in raised.iter_mut().enumerate() {
            let ahead = if n >= 288 * put { 12 } else { 0 };
            let shown = if is_told { at(n + ahead) } else { at(n) };
            let moment = Moment { at: at(n), shown };
            let change = trigger.observe(moment, sudden(n + ahead));
            *raised = matches!(change, Some(Change::Raised { .. }));
        }
        let in_time = |day: &usize| {
            let begin = day * 288 + 120 - 12;
            raised[begin - 8..=begin - 2].contains(&true)
        };
        (put..days).filter(in_time).count()
    };
    assert_eq!(found(true), days - put);
    assert!(found(false) <= 1, "{}", found(false));
}

#[test]
fn what_never_overloads_raises_nothing() {
    let values: Vec<f64> = (0..5_000).map(|n| busy(n) / 2.0).collect();
    assert!(changes(OPTIONS, &values).is_empty());
    assert!(changes(OPTIONS, &vec![80.0; 5_000]).is_empty());
    assert!(changes(OPTIONS, &vec![90.0; 5_000]).is_empty());
}

#[test]
fn it_goes_on_from_its_state() {
    let mut trigger = Trigger::new(OPTIONS).unwrap();
    for n in 0..288 * 20 + 115 {
        trigger.observe(at(n), busy(n));
    }
    let bytes = trigger.encode();
    assert!(bytes.len() < 16 << 10, "{}", bytes.len());
    let mut again = Trigger::decode(OPTIONS, &bytes).unwrap();
    assert_eq!(again, trigger);
    for n in 288 * 20 + 115..288 * 25 {
        assert_eq!(
            trigger.observe(at(n), busy(n)),
            again.observe(at(n), busy(n))
        );
    }
    let others = ScalingOptions {
        lead_max: 9,
        ..OPTIONS
    };
    assert_eq!(Trigger::decode(others, &bytes), Err(Unscalable::State));
    for cut in [0, 1, 8, 100, bytes.len() - 8, bytes.len() - 1] {
        assert_eq!(
            Trigger::decode(OPTIONS, &bytes[..cut]),
            Err(Unscalable::State)
        );
    }
    let longest = ScalingOptions {
        lead_min: 1,
        lead_max: LEAD_MAX,
        step_secs: 1,
        ..OPTIONS
    };
    let mut trigger = Trigger::new(longest).unwrap();
    for n in 0..1_000_i64 {
        trigger.observe(n, 1.0);
    }
    assert!(trigger.encode().len() < 16 << 10);
}

#[test]
fn old_state_is_still_read() {
    let options = ScalingOptions {
        threshold: 80.0,
        lead_min: 1,
        lead_max: 2,
        step_secs: 3_600,
    };
    let bytes = include_bytes!("saved/scaling-state-1");
    let mut trigger = Trigger::decode(options, bytes).unwrap();
    assert_eq!(trigger.encode(), bytes);
    // Behind 500 hours with an overload at two hours of each day, eight hours on.
    let raised = (500..536).any(|n: i64| {
        let value = if matches!(n % 24, 9 | 10) { 90.0 } else { 20.0 };
        let change = trigger.observe(1_700_000_000 + n * 3_600, value);
        matches!(change, Some(Change::Raised { .. })) && matches!(n % 24, 7 | 8)
    });
    assert!(raised);
}

#[test]
fn what_cannot_be_triggered_is_told() {
    let with = |threshold, lead_min, lead_max, step_secs| {
        Trigger::new(ScalingOptions {
            threshold,
            lead_min,
            lead_max,
            step_secs,
        })
    };
    for threshold in [f64::NAN, f64::INFINITY, 1e200] {
        assert_eq!(with(threshold, 1, 2, 60), Err(Unscalable::Threshold));
    }
    assert_eq!(with(1.0, 0, 2, 60), Err(Unscalable::Lead));
    assert_eq!(with(1.0, 3, 2, 60), Err(Unscalable::Lead));
    assert_eq!(with(1.0, 1, LEAD_MAX + 1, 60), Err(Unscalable::Lead));
    assert_eq!(with(1.0, 1, 2, 0), Err(Unscalable::Step));
    assert_eq!(with(1.0, 1, 2, 86_401), Err(Unscalable::Step));
    assert!(with(-1e99, LEAD_MAX, LEAD_MAX, 86_400).is_ok());
}

#[test]
fn times_that_do_not_go_on_are_left_out_and_gaps_end_what_was_raised() {
    let mut trigger = Trigger::new(OPTIONS).unwrap();
    let mut n = 0;
    while !trigger.raised() && n < 288 * 40 {
        trigger.observe(at(n), busy(n));
        n += 1;
    }
    assert!(trigger.raised());
    let before = trigger.clone();
    assert_eq!(trigger.observe(at(n - 1), 1e9), None);
    assert_eq!(trigger.observe(i64::MIN, 1e9), None);
    assert_eq!(trigger.observe(at(n), f64::NAN), None);
    assert_eq!(trigger, before);
    // A century later.
    assert_eq!(
        trigger.observe(at(n) + 3_155_760_000, 1.0),
        Some(Change::Cleared)
    );
    assert_eq!(trigger.observe(i64::MAX, 1.0), None);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..100.0,
        1 => prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::MAX), Just(1e99),
            Just(-1e99), Just(1e-300), Just(0.0),
        ],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_later_changes_nothing(
        steps in proptest::collection::vec((any_value(), prop_oneof![8 => 1_i64..900, 1 => Just(i64::MAX / 9)]), 0..400),
        threshold in prop_oneof![4 => 0.0..100.0, 1 => Just(1e100), 1 => Just(-1e100), 1 => Just(0.0)],
        leads in (1_usize..10, 0_usize..39),
        step_secs in prop_oneof![Just(1_u32), Just(300), Just(3_600), Just(86_400)],
        cut in 0.0..1.0,
    ) {
        let options = ScalingOptions { threshold, lead_min: leads.0, lead_max: leads.0 + leads.1, step_secs };
        let run = |steps: &[(f64, i64)]| {
            let mut trigger = Trigger::new(options).unwrap();
            let mut at_secs = 0_i64;
            let told: Vec<_> = steps
                .iter()
                .map(|&(value, later)| {
                    at_secs = at_secs.saturating_add(later);
                    trigger.observe(at_secs, value)
                })
                .collect();
            (told, trigger)
        };
        let (whole, trigger) = run(&steps);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let cut = (steps.len() as f64 * cut) as usize;
        prop_assert_eq!(&run(&steps[..cut]).0[..], &whole[..cut]);
        for change in whole.into_iter().flatten() {
            if let Change::Raised { probability, .. } = change {
                prop_assert!((0.0..=1.0).contains(&probability));
            }
        }
        prop_assert_eq!(Trigger::decode(options, &trigger.encode()), Ok(trigger));
    }

    #[test]
    fn whatever_the_bytes_nothing_breaks(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), at in 0_usize..6_000, byte in any::<u8>()) {
        prop_assert!(Trigger::decode(OPTIONS, &bytes).is_err());
        let mut trigger = Trigger::new(OPTIONS).unwrap();
        for n in 0..50 {
            trigger.observe(n as i64 * 300, busy(n));
        }
        let mut bytes = trigger.encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(mut trigger) = Trigger::decode(OPTIONS, &bytes) {
            for n in 50..100 {
                trigger.observe(n as i64 * 300, busy(n));
            }
        }
    }
}
