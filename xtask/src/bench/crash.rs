//! A thousand kills and more: the store's own tests of `kill -9`, as many at each of the points of which
//! they tell figures. As the tests are built, not optimised: what is slower is open for longer.

use super::figure::{Bound, Figures, Outcome, Peer, Want};
use crate::programs::{cargo, output};
use anyhow::ensure;

/// How often at each point; `BENCH_CRASH_ROUNDS` says otherwise.
const ROUNDS: u32 = 200;
/// What the tests name themselves by in their figures.
const POINTS: [&str; 6] = ["append", "rotate", "seal", "merge", "backup", "delete"];
/// The tests that have them.
const TESTS: [&str; 3] = [
    "survive::a_kill",
    "backup_kill::a_kill",
    "delete_kill::a_kill",
];
/// How a line of figures begins.
const FIGURES: &str = "FIGURES ";

pub(super) const WANTS: &[Want] = &[
    Want {
        name: "crash_rounds",
        floor: Bound::Least(1_000.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "crash_samples_lost",
        floor: Bound::Most(0.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "crash_samples_twice_or_other",
        floor: Bound::Most(0.0),
        target: None,
        peer: Peer::None,
    },
];

pub(super) fn run() -> anyhow::Result<Outcome> {
    let rounds = std::env::var("BENCH_CRASH_ROUNDS").unwrap_or_else(|_| ROUNDS.to_string());
    let printed = output(
        cargo(&[
            "test",
            "--quiet",
            "--package",
            "foretell-store",
            "--test",
            "all",
        ])
        .arg("--")
        .args(TESTS)
        .arg("--nocapture")
        .env("FORETELL_CRASH_ROUNDS", rounds),
    )?;
    let mut outcome = Outcome {
        figures: told(&printed)?,
        ..Outcome::default()
    };
    for what in ["rounds", "samples_lost", "samples_twice_or_other"] {
        let of = |point: &str| outcome.figures.get(&format!("crash_{point}_{what}"));
        let all: Vec<f64> = POINTS
            .iter()
            .filter_map(|point| of(point).copied())
            .collect();
        ensure!(
            all.len() == POINTS.len(),
            "not all points told {what}:\n{printed}"
        );
        outcome.add(&format!("crash_{what}"), all.iter().sum());
    }
    Ok(outcome)
}

/// The figures of all tests. What else is printed is for people.
fn told(printed: &str) -> anyhow::Result<Figures> {
    let mut all = Figures::new();
    let lines = printed.lines().filter_map(|line| line.split_once(FIGURES));
    for (_, object) in lines {
        all.extend(super::example::figures(object)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_among_what_tests_print() {
        let printed = "seed 5\n\nFIGURES {\"a\": 1, \"b\": 2.5}\ntest x ... FIGURES {\"c\": 0}\n.";
        let all = told(printed).unwrap();
        let all: Vec<(&str, f64)> = all.iter().map(|(name, v)| (name.as_str(), *v)).collect();
        assert_eq!(all, [("a", 1.0), ("b", 2.5), ("c", 0.0)]);
        assert!(told("FIGURES none").is_err());
    }
}
