use super::*;
use proptest::prelude::*;

const DAY: i64 = 86_400;
const BASE: f64 = 100_000_000.0;

fn seen(host: u32, octets: f64) -> Seen<u32> {
    Seen {
        host,
        octets,
        peer: None,
    }
}

/// Minutes from one to another in which hosts have what `of` says; what was told, by its name and host.
fn minutes(
    talkers: &mut Talkers<u32>,
    range: std::ops::Range<i64>,
    of: impl Fn(i64) -> Vec<Seen<u32>>,
) -> Vec<(i64, &'static str, u32)> {
    let mut told = Vec::new();
    for minute in range {
        let hosts = of(minute);
        let total = hosts.iter().map(|seen| seen.octets).sum::<f64>().max(BASE);
        let mut said = talkers.look(minute * 60, minute, total, &hosts);
        said.extend(talkers.tick(minute * 60));
        for one in said {
            match one {
                Said::Begun(talk) => told.push((minute, "begun", talk.host)),
                Said::Ended { host, .. } => told.push((minute, "ended", host)),
                Said::Grew(_) => {}
            }
        }
    }
    told
}

/// One that has watched a host with nearly all for two days.
fn learned() -> Talkers<u32> {
    let mut talkers = Talkers::new(0);
    let told = minutes(&mut talkers, 0..2 * 1_440, |_| vec![seen(1, 0.8 * BASE)]);
    assert_eq!(told, [], "who was there from the beginning is not new");
    talkers
}

#[test]
fn a_new_host_is_told_once_while_it_lasts() {
    let mut talkers = learned();
    let told = minutes(&mut talkers, 2_880..2_920, |minute| {
        let is_here = (2_890..2_900).contains(&minute);
        let own = if is_here { 0.5 } else { 0.0 };
        vec![seen(1, 0.5 * BASE), seen(2, own * BASE)]
    });
    assert_eq!(told, [(2_890, "begun", 2), (2_902, "ended", 2)]);
    // Back within the week it is known.
    let again = minutes(&mut talkers, 4_000..4_020, |_| {
        vec![seen(1, 0.5 * BASE), seen(2, 0.5 * BASE)]
    });
    assert_eq!(again, []);
}

#[test]
fn what_comes_every_week_is_not_new_and_what_was_long_away_is() {
    let mut talkers = learned();
    let copy = |minute: i64| {
        move |at: i64| {
            let is_copied = (minute..minute + 30).contains(&at);
            vec![
                seen(1, 0.5 * BASE),
                seen(7, if is_copied { BASE } else { 0.0 }),
            ]
        }
    };
    let week = 7 * 1_440;
    let first = minutes(&mut talkers, 2_880..2_990, copy(2_900));
    assert_eq!(first.first(), Some(&(2_900, "begun", 7)));
    let second = minutes(&mut talkers, 2_990..2_990 + week, copy(2_900 + week));
    assert_eq!(second, []);
    let begin = 2_900 + 3 * week;
    let third = minutes(&mut talkers, 2_990 + week..begin + 10, copy(begin));
    assert_eq!(third, [(begin, "begun", 7)]);
}

#[test]
fn the_first_seconds_of_a_window_are_held_against_a_usual_one() {
    let mut talkers = learned();
    // A packet of a stranger is all that came in the first second.
    let said = talkers.look(2_880 * 60, 2_880, 1_500.0, &[seen(9, 1_500.0)]);
    assert_eq!(said, []);
    // It is told as soon as it has its share of a usual minute, long before the minute is over.
    let said = talkers.look(2_880 * 60 + 20, 2_880, 0.35 * BASE, &[seen(9, 0.34 * BASE)]);
    assert!(
        matches!(said[..], [Said::Begun(Talk { host: 9, .. })]),
        "{said:?}"
    );
}

#[test]
fn one_at_the_border_is_told_once() {
    let mut talkers = learned();
    let told = minutes(&mut talkers, 2_880..2_940, |minute| {
        let share = if minute % 2 == 0 { 0.32 } else { 0.2 };
        vec![seen(1, 0.6 * BASE), seen(2, share * BASE)]
    });
    assert_eq!(told, [(2_880, "begun", 2)]);
}

#[test]
fn one_that_was_there_long_before_it_was_heavy_is_not_new() {
    let mut talkers = learned();
    let told = minutes(&mut talkers, 2_880..2_940, |minute| {
        let share = if minute < 2_900 { 0.2 } else { 0.5 };
        vec![seen(1, 0.5 * BASE), seen(2, share * BASE)]
    });
    assert_eq!(told, []);
    // But one that rises within minutes is.
    let told = minutes(&mut talkers, 2_940..2_950, |minute| {
        let share = 0.1 * (minute - 2_940) as f64;
        vec![seen(1, 0.5 * BASE), seen(3, share * BASE)]
    });
    assert_eq!(told.first().map(|one| (one.1, one.2)), Some(("begun", 3)));
}

#[test]
fn both_ends_of_a_conversation_are_told_as_one() {
    let mut talkers = learned();
    let ends = [
        Seen {
            host: 8,
            octets: 0.9 * BASE,
            peer: Some((9, 0.8 * BASE)),
        },
        Seen {
            host: 9,
            octets: 0.8 * BASE,
            peer: Some((8, 0.8 * BASE)),
        },
    ];
    for at in 0..3 {
        let said = talkers.look((2_880 + at) * 60, 2_880 + at, BASE, &ends);
        let begun = said
            .iter()
            .filter(|one| matches!(one, Said::Begun(talk) if talk.host == 8));
        assert_eq!(
            (said.len(), begun.count()),
            (usize::from(at == 0), usize::from(at == 0))
        );
    }
}

#[test]
fn a_quiet_interface_has_no_heavy_talker() {
    let mut talkers = Talkers::new(0);
    let mut said = talkers.look(0, 0, 1e3, &[seen(1, 1e3)]);
    said.extend(talkers.look(2 * DAY, 2_880, 1e6, &[seen(2, 1e6)]));
    assert_eq!(said, []);
}

#[test]
fn a_past_that_is_read_is_remembered() {
    let mut talkers = Talkers::new(10 * DAY);
    talkers.begun(9 * DAY - 60);
    talkers.past(10 * DAY - 3_600, BASE, &[(5, 0.2 * BASE), (6, 0.1 * BASE)]);
    assert!(!talkers.may_begin(BASE, &[seen(5, BASE)]));
    assert!(talkers.may_begin(BASE, &[seen(6, BASE)]));
    let said = talkers.look(
        10 * DAY,
        14_400,
        BASE,
        &[seen(5, 0.5 * BASE), seen(6, 0.4 * BASE)],
    );
    assert!(
        matches!(said[..], [Said::Begun(Talk { host: 6, .. })]),
        "{said:?}"
    );
    assert_eq!(talkers.open_ones(), [(6, 10 * DAY)]);
}

#[test]
fn one_that_was_told_before_goes_on_until_it_is_quiet() {
    let mut talkers = Talkers::new(DAY);
    assert!(talkers.reopen(7, DAY - 300, 0.5, DAY));
    // It has enough, then too little.
    talkers.go_on(DAY + 170, BASE, &[seen(7, 0.2 * BASE), seen(8, BASE)]);
    talkers.go_on(DAY + 340, BASE, &[seen(7, 0.1 * BASE)]);
    assert_eq!(talkers.known_count(), 1, "nobody is learned");
    assert_eq!(talkers.tick(DAY + 340), []);
    let ended = Said::Ended {
        host: 7,
        started_secs: DAY - 300,
        last_secs: DAY + 170,
    };
    assert_eq!(talkers.tick(DAY + 350), [ended]);
}

#[test]
fn scores_are_shares_above_what_is_heavy() {
    assert!((score(HEAVY_SHARE) - 0.5).abs() < 1e-12);
    assert!((score(1.0) - 1.0).abs() < 1e-12);
    assert!(score(f64::NAN).abs() < 1e-12 && score(-1e300).abs() < 1e-12);
    assert!((score(f64::INFINITY) - 1.0).abs() < 1e-12);
}

fn any_octets() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..1e9,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-1e300),
        Just(1e300),
        Just(0.0),
    ]
}

proptest! {
    /// Whatever comes: bounds hold, what ends has begun, and nobody is told twice at a time.
    #[test]
    fn whatever_comes_is_bounded_and_in_order(
        looks in prop::collection::vec(
            (
                prop_oneof![0_i64..30 * DAY, Just(i64::MAX), Just(i64::MIN)],
                any_octets(),
                prop::collection::vec((0_u32..300, any_octets(), 0_u32..300), 0..30),
            ),
            0..60,
        ),
        begun in prop_oneof![Just(0_i64), Just(i64::MIN), Just(i64::MAX)],
    ) {
        let mut talkers = Talkers::new(begun);
        let mut open = std::collections::BTreeSet::new();
        talkers.past(begun, 1e8, &[(1, 1e8), (2, f64::NAN)]);
        for host in 0..30 {
            if talkers.reopen(host, begun, f64::NAN, begun) {
                open.insert(host);
            }
        }
        for (at, total, hosts) in looks {
            let hosts: Vec<Seen<u32>> = hosts
                .into_iter()
                .map(|(host, octets, peer)| Seen { host, octets, peer: Some((peer, octets)) })
                .collect();
            talkers.go_on(at, total, &hosts);
            let mut said = talkers.look(at, at.div_euclid(60), total, &hosts);
            said.extend(talkers.tick(at));
            for one in said {
                match one {
                    Said::Begun(talk) => {
                        prop_assert!(open.insert(talk.host));
                        prop_assert!((HEAVY_SHARE..=1.0).contains(&talk.share));
                        prop_assert!(talk.octets >= OCTETS_MIN);
                    }
                    Said::Grew(talk) => prop_assert!(open.contains(&talk.host)),
                    Said::Ended { host, .. } => prop_assert!(open.remove(&host)),
                }
            }
            prop_assert!(talkers.open_count() <= OPEN_MAX);
            prop_assert_eq!(talkers.open_count(), open.len());
            prop_assert!(talkers.known.len() <= KNOWN_MAX);
        }
    }

    /// The same input gives the same output.
    #[test]
    fn it_is_the_same_each_time(hosts in prop::collection::vec((0_u32..9, 0.0..1e9), 0..40)) {
        let run = || {
            let mut talkers = Talkers::new(-2 * DAY);
            talkers.past(-DAY, BASE, &[(1, BASE)]);
            let looks = (0_i64..).zip(&hosts);
            looks
                .map(|(at, (host, octets))| talkers.look(at * 60, at, *octets, &[seen(*host, *octets)]))
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }
}
