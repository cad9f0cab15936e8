//! Who answers at an address, by cases: poll after poll.

use super::*;
use crate::identity::tests::identity;

/// `known` is met by each of `polls` in turn: `whole WORDS` or `part WORDS`, words as in
/// [`identity`]. Expected is what each stands for: `known`, `renewed`, `other` or `unproven`. Answers
/// the conflict that is left.
fn check(known: &str, polls: &[(&str, &str)]) -> Option<IdentityConflict> {
    let (known, _) = identity(known);
    let mut conflict: Option<IdentityConflict> = None;
    for (second, (poll, expected)) in (1..).zip(polls) {
        let (how, words) = poll.split_once(' ').unwrap_or((poll, ""));
        let (met, _) = identity(words);
        let said = Said {
            serial: met.serial.clone(),
            ..Said::default()
        };
        let shown = match how {
            "whole" => Shown::Whole(&met, &said),
            _ => Shown::Part(&met),
        };
        let found = standing(&known, conflict.as_ref(), shown);
        let word = match &found {
            Standing::Known => "known",
            Standing::Renewed { .. } => "renewed",
            Standing::Other { .. } => "other",
            Standing::Unproven => "unproven",
        };
        assert_eq!(word, *expected, "poll {second}: {poll}: {found:?}");
        let at = Timestamp::from_unix_ms(second * 1_000);
        conflict = conflict_after(conflict.as_ref(), &found, shown, at);
        let held = matches!(word, "other" | "unproven");
        assert_eq!(conflict.is_some(), held, "poll {second}: {poll}");
    }
    conflict
}

const E1: &str = "engine=80001f8880aa000001 name=r1 macs=01,02,03,04";
const E2: &str = "engine=80001f8880aa000002 name=r2 macs=11,12";

#[test]
fn the_known_device_and_what_says_nothing_is_taken_in() {
    let whole = format!("whole {E1}");
    check(
        E1,
        &[
            ("part", "known"),
            (&whole, "known"),
            ("part name=r1", "known"),
        ],
    );
    check("", &[("part", "known"), (&whole, "known")]);
    check(E1, &[("whole name=r9", "known")]);
}

#[test]
fn another_device_is_held_off_until_the_known_one_answers_as_a_whole() {
    let (one, two) = (format!("whole {E1}"), format!("whole {E2}"));
    let conflict = check(
        E1,
        &[
            (&one, "known"),
            (&two, "other"),
            ("part", "unproven"),
            ("part engine=80001f8880aa000002", "other"),
            ("part engine=80001f8880aa000001", "unproven"),
            ("part", "unproven"),
        ],
    )
    .unwrap();
    assert_eq!(conflict.since, Timestamp::from_unix_ms(2_000));
    assert_eq!(conflict.met, identity(E2).0, "what was read whole stays");
    assert!(conflict.reason.contains("was known"), "{}", conflict.reason);
    check(E1, &[(&two, "other"), (&one, "known"), ("part", "known")]);
}

#[test]
fn one_object_is_enough_to_hold_off_a_poll() {
    let conflict = check(E1, &[("part engine=80001f8880aa000002 name=r2", "other")]).unwrap();
    assert_eq!(conflict.said.name.as_deref(), Some("r2"));
    let third = "whole engine=80001f8880aa000003 serial=AAAA3";
    let two = format!("whole {E2}");
    let conflict = check(E1, &[(&two, "other"), (third, "other")]).unwrap();
    assert_eq!(conflict.said.serial.as_deref(), Some("AAAA3"));
    assert_eq!(conflict.since, Timestamp::from_unix_ms(1_000));
    let third = "part engine=80001f8880aa000003";
    let conflict = check(E1, &[(&two, "other"), (third, "other")]).unwrap();
    assert!(
        conflict.met.interface_macs.is_empty(),
        "of the third nothing else is known"
    );
}

#[test]
fn an_agent_installed_anew_is_the_same_device_at_its_address() {
    for (known, met, expected) in [
        // Reinstalled: another engine id on the same machine.
        (
            "",
            "engine=80001f8880aa000009 name=r1 macs=01,02,03,04",
            "renewed",
        ),
        (
            "serial=AAAA1",
            "serial=AAAA1 engine=80001f8880aa000009 name=r1 macs=01,02",
            "renewed",
        ),
        (
            "",
            "engine=80001f8880aa000009 name=r1 macs=01,02,05,06",
            "renewed",
        ),
        (
            "",
            "engine=80001f8880aa000009 name=r1 macs=01,05,06,07",
            "other",
        ),
        (
            "",
            "engine=80001f8880aa000009 name=r2 macs=01,02,03,04",
            "other",
        ),
        ("", "engine=80001f8880aa000009 name=r1", "other"),
        (
            "serial=AAAA1",
            "serial=BBBB1 engine=80001f8880aa000009 name=r1 macs=01,02",
            "other",
        ),
        (
            "serial=AAAA1",
            "serial=BBBB1 engine=80001f8880aa000001 name=r1 macs=01,02",
            "other",
        ),
        (
            "mac=00:1b:00:00:00:01",
            "mac=00:1b:00:00:00:02 engine=80001f8880aa000009 name=r1 macs=01,02",
            "other",
        ),
        // A bridge in software took another port's MAC.
        (
            "mac=00:1b:00:00:00:01",
            "mac=00:1b:00:00:00:02 engine=80001f8880aa000001 name=r1 macs=01,02",
            "renewed",
        ),
        (
            "chassis=00:1b:00:00:00:01",
            "chassis=00:1b:00:00:00:02 engine=80001f8880aa000001",
            "other",
        ),
    ] {
        check(
            &format!("{E1} {known}"),
            &[(&format!("whole {met}"), expected)],
        );
    }
}
