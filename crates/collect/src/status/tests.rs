//! Stories of polls as data: one letter a check and poll, 5 s apart, and the status after each.

use super::*;

const INTERVAL: Duration = Duration::from_secs(5);
const START: i64 = 1_800_000_000_000;

fn outcome(letter: char) -> CheckOutcome {
    match letter {
        'a' => CheckOutcome::Answered,
        'p' => CheckOutcome::Partial,
        's' => CheckOutcome::Silent,
        'r' => CheckOutcome::Refused,
        '-' => CheckOutcome::Skipped,
        _ => panic!("no outcome is written `{letter}`"),
    }
}

fn seen(letter: char, at: i64) -> Seen {
    Seen {
        outcome: outcome(letter),
        at: Timestamp::from_unix_ms(at),
        detail: format!("({letter})"),
    }
}

/// `snmp` and `icmp` have a letter a poll; `expected` a word a poll.
fn check(name: &str, snmp: &str, icmp: &str, expected: &str) {
    let mut history = History::default();
    let mut statuses = Vec::new();
    for (n, (s, i)) in snmp.chars().zip(icmp.chars()).enumerate() {
        let at = START + i64::try_from(n).unwrap() * 5000;
        let took = if s == 's' || i == 's' { 3000 } else { 20 };
        history.record(PollSeen {
            started_at: Timestamp::from_unix_ms(at),
            ended_at: Timestamp::from_unix_ms(at + took),
            snmp: seen(s, at + took),
            icmp: seen(i, at + took),
            echoes: match i {
                'a' => Some((3, 3)),
                'p' => Some((3, 2)),
                's' => Some((3, 0)),
                _ => None,
            },
        });
        let verdict = decide(&history, INTERVAL, Timestamp::from_unix_ms(at + took));
        assert_eq!(verdict.evidence.len(), 2, "{name}");
        assert_eq!(verdict.evidence[0].outcome, outcome(s), "{name}");
        assert_eq!(verdict.evidence[1].outcome, outcome(i), "{name}");
        statuses.push(match verdict.status {
            Status::Up => "up",
            Status::Degraded => "degraded",
            Status::Down => "down",
            Status::Unknown => "unknown",
        });
    }
    assert_eq!(statuses.join(" "), expected, "{name}: {snmp} {icmp}");
}

#[test]
fn stories() {
    check("well", "aaa", "aaa", "up up up");
    check(
        "agent stopped, host alive",
        "ass",
        "aaa",
        "up degraded degraded",
    );
    check("agent back", "asa", "aaa", "up degraded up");
    check("cut off", "asss", "asss", "up degraded down down");
    check("back from the dead", "assa", "assa", "up degraded down up");
    check("one poll lost", "asa", "asa", "up degraded up");
    check("never there", "sss", "sss", "unknown unknown down");
    check(
        "ICMP not permitted: SNMP alone decides",
        "assa",
        "----",
        "up degraded down up",
    );
    check(
        "ICMP filtered",
        "aaaaaaa",
        "sssssss",
        "up up up up up up up",
    );
    check(
        "no credential: ICMP alone decides",
        "----",
        "assa",
        "up degraded down up",
    );
    check(
        "nothing can be asked",
        "---",
        "---",
        "unknown unknown unknown",
    );
    check("read in part", "pap", "aaa", "degraded up degraded");
    check("refused", "rr", "aa", "degraded degraded");
    check("refused, no ICMP", "rr", "--", "degraded degraded");
    check(
        "refused after well",
        "arrr",
        "----",
        "up degraded degraded degraded",
    );
}

#[test]
fn loss_adds_up_over_polls() {
    check("one bad poll is chance", "aaaaa", "apaaa", "up up up up up");
    check("lossy", "aaaa", "appp", "up up degraded degraded");
    check(
        "lossy, then clean again",
        "aaaaaaaa",
        "pppaaaaa",
        "up degraded degraded degraded degraded up up up",
    );
    check("lossy without SNMP", "---", "ppp", "up degraded degraded");
    check(
        "a wholly lost poll counts neither way",
        "aaaa",
        "psap",
        "up up up degraded",
    );
}

#[test]
fn asking_often_makes_nobody_dead() {
    let mut history = History::default();
    let at = |ms| Timestamp::from_unix_ms(START + ms);
    for (start, letter) in [(0, 'a'), (1000, 's'), (2000, 's'), (3000, 's')] {
        history.record(PollSeen {
            started_at: at(start),
            ended_at: at(start + 500),
            snmp: seen(letter, START + start + 500),
            icmp: seen('-', START + start + 500),
            echoes: None,
        });
    }
    assert_eq!(
        decide(&history, INTERVAL, at(3500)).status,
        Status::Degraded
    );
    assert_eq!(decide(&history, INTERVAL, at(11_000)).status, Status::Down);
}

#[test]
fn a_poller_that_is_behind_knows_nothing() {
    let mut history = History::default();
    let at = |ms| Timestamp::from_unix_ms(START + ms);
    let verdict = decide(&history, INTERVAL, at(0));
    assert_eq!(verdict.status, Status::Unknown);
    assert!(verdict.evidence[0].detail.contains("not asked yet"));

    history.record(PollSeen {
        started_at: at(0),
        ended_at: at(20),
        snmp: seen('a', START + 20),
        icmp: seen('a', START + 20),
        echoes: Some((3, 3)),
    });
    assert_eq!(decide(&history, INTERVAL, at(15_000)).status, Status::Up);
    let verdict = decide(&history, INTERVAL, at(15_100));
    assert_eq!(verdict.status, Status::Unknown);
    assert!(verdict.evidence[0].detail.contains("behind"), "{verdict:?}");
    assert_eq!(verdict.evidence.len(), 3);
}

#[test]
fn evidence_says_since_when_it_is_silent() {
    let mut history = History::default();
    for (n, letter) in [(0, 'a'), (5000, 's')] {
        history.record(PollSeen {
            started_at: Timestamp::from_unix_ms(START + n),
            ended_at: Timestamp::from_unix_ms(START + n),
            snmp: seen(letter, START + n),
            icmp: seen('s', START + n),
            echoes: Some((3, 0)),
        });
    }
    let verdict = decide(&history, INTERVAL, Timestamp::from_unix_ms(START + 5000));
    let last = Timestamp::from_unix_ms(START).to_string();
    assert!(verdict.evidence[0].detail.contains(&last), "{verdict:?}");
    assert!(
        verdict.evidence[1]
            .detail
            .contains("not answered since we began")
    );
}
