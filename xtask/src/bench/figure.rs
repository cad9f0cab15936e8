//! What a figure should be, what it is, and how the two are told. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What was measured, by name; each name ends in its unit.
pub(crate) type Figures = BTreeMap<String, f64>;

/// What is wanted of one figure.
#[derive(Clone, Copy)]
pub(crate) struct Want {
    /// Its name, which ends in its unit.
    pub(crate) name: &'static str,
    /// Which way is better, and how far it has to go at least: where it does not, the bench fails.
    pub(crate) floor: Bound,
    /// How far it should go.
    pub(crate) target: Option<f64>,
    /// What the best of the others reaches.
    pub(crate) peer: Peer,
}

/// The least that is good enough.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// Less is better; this is the most.
    Most(f64),
    /// More is better; this is the least.
    Least(f64),
    /// Less is better; none is bad enough to fail.
    Less,
    /// More is better; none is bad enough to fail.
    More,
}

/// What the figure is held beside.
#[derive(Clone, Copy)]
pub(crate) enum Peer {
    /// Nothing does the same.
    None,
    /// Another figure of the same run.
    Measured(&'static str),
    /// What was measured once, and of what.
    Known(f64, &'static str),
}

/// What came of a bench.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) figures: Figures,
    /// What could not be measured here, and why.
    pub(crate) skipped: Vec<(&'static str, String)>,
}

impl Outcome {
    /// Adds a figure.
    pub(crate) fn add(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }
}

impl Want {
    /// Whether the figure is good enough.
    pub(crate) fn holds(&self, value: f64) -> bool {
        match self.floor {
            Bound::Most(most) => value <= most,
            Bound::Least(least) => value >= least,
            Bound::Less | Bound::More => true,
        }
    }

    fn is_reached(&self, value: f64) -> Option<bool> {
        let target = self.target?;
        Some(match self.floor {
            Bound::Most(_) | Bound::Less => value <= target,
            Bound::Least(_) | Bound::More => value >= target,
        })
    }

    fn sign(&self) -> &'static str {
        match self.floor {
            Bound::Most(_) | Bound::Less => "<=",
            Bound::Least(_) | Bound::More => ">=",
        }
    }
}

/// The figures beside what is wanted of them, as a table for people; those that nothing is wanted of
/// come last.
pub(crate) fn table(wants: &[Want], outcome: &Outcome) -> String {
    let figures = &outcome.figures;
    let mut rows = vec![["figure", "measured", "floor", "target", "peer", ""].map(str::to_owned)];
    for want in wants {
        let Some(&value) = figures.get(want.name) else {
            continue;
        };
        let bound = |bound: Option<f64>| {
            bound.map_or_else(String::new, |bound| {
                format!("{} {}", want.sign(), shown(bound))
            })
        };
        let floor = match want.floor {
            Bound::Most(bound) | Bound::Least(bound) => Some(bound),
            Bound::Less | Bound::More => None,
        };
        let peer = match want.peer {
            Peer::None => String::new(),
            Peer::Measured(name) => figures
                .get(name)
                .map_or_else(String::new, |peer| format!("{} ({name})", shown(*peer))),
            Peer::Known(peer, whose) => format!("{} ({whose})", shown(peer)),
        };
        let verdict = match (want.holds(value), want.is_reached(value)) {
            (false, _) => "MISSED",
            (true, Some(true)) => "target",
            (true, Some(false)) => "floor",
            (true, None) => "",
        };
        rows.push([
            want.name.to_owned(),
            shown(value),
            bound(floor),
            bound(want.target),
            peer,
            verdict.to_owned(),
        ]);
    }
    let wanted = |name: &str| wants.iter().any(|want| want.name == name);
    for (name, value) in figures.iter().filter(|(name, _)| !wanted(name)) {
        let empty = String::new;
        rows.push([
            name.clone(),
            shown(*value),
            empty(),
            empty(),
            empty(),
            empty(),
        ]);
    }
    let mut text = aligned(&rows);
    for (what, why) in &outcome.skipped {
        let _ = writeln!(text, "SKIPPED {what}: {why}");
    }
    text
}

/// The names of the figures that are not good enough.
pub(crate) fn missed<'a>(wants: &'a [Want], figures: &Figures) -> Vec<&'a str> {
    wants
        .iter()
        .filter(|want| {
            figures
                .get(want.name)
                .is_some_and(|value| !want.holds(*value))
        })
        .map(|want| want.name)
        .collect()
}

/// The names of the figures that were not measured though nothing was skipped: a want of another
/// name than the figure has would hold nothing to anything.
pub(crate) fn lacking<'a>(wants: &'a [Want], outcome: &Outcome) -> Vec<&'a str> {
    let measured = |want: &&Want| outcome.figures.contains_key(want.name);
    let lacking = wants.iter().filter(|want| !measured(want));
    let names = lacking.map(|want| want.name);
    if outcome.skipped.is_empty() {
        names.collect()
    } else {
        Vec::new()
    }
}

/// Columns as wide as their widest cell, the first to the left and numbers to the right.
fn aligned(rows: &[[String; 6]]) -> String {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (place, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = match place {
                1..=3 => write!(line, "{cell:>width$}  "),
                _ => write!(line, "{cell:<width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A number as people read it: three digits that matter, thousands apart.
pub(crate) fn shown(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len() - place;
        if place > 0 && left % 3 == 0 && digit.is_ascii_digit() && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    let rest = rest.trim_end_matches('0').trim_end_matches('.');
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTS: &[Want] = &[
        Want {
            name: "ratio",
            floor: Bound::Most(1.5),
            target: Some(1.0),
            peer: Peer::Measured("theirs_us"),
        },
        Want {
            name: "requests_per_s",
            floor: Bound::Least(50_000.0),
            target: Some(100_000.0),
            peer: Peer::Known(7_000.0, "the other"),
        },
    ];

    fn check(ratio: f64, requests: f64, words: [&str; 2], failing: &[&str]) {
        let mut outcome = Outcome::default();
        outcome.add("ratio", ratio);
        outcome.add("requests_per_s", requests);
        outcome.add("theirs_us", 412.5);
        let text = table(WANTS, &outcome);
        let mut lines = text.lines().skip(1);
        for word in words {
            let line = lines.next().unwrap();
            assert!(line.ends_with(word), "{line}");
        }
        assert_eq!(missed(WANTS, &outcome.figures), failing);
    }

    #[test]
    fn a_figure_is_held_to_its_floor_and_target() {
        check(0.9, 120_000.0, ["target", "target"], &[]);
        check(1.2, 60_000.0, ["floor", "floor"], &[]);
        check(1.6, 1.0, ["MISSED", "MISSED"], &["ratio", "requests_per_s"]);
    }

    #[test]
    fn what_is_skipped_is_told_and_misses_nothing() {
        let mut outcome = Outcome::default();
        outcome.skipped.push(("poll", "no C compiler".to_owned()));
        assert!(table(WANTS, &outcome).contains("SKIPPED poll: no C compiler"));
        assert!(missed(WANTS, &outcome.figures).is_empty());
        assert!(lacking(WANTS, &outcome).is_empty());
    }

    #[test]
    fn what_is_wanted_and_not_measured_is_noticed() {
        let mut outcome = Outcome::default();
        outcome.add("ratio", 1.0);
        assert_eq!(lacking(WANTS, &outcome), ["requests_per_s"]);
    }

    #[test]
    fn the_table_shows_floor_target_and_peer() {
        let mut outcome = Outcome::default();
        outcome.add("requests_per_s", 1_234_567.0);
        let text = table(WANTS, &outcome);
        let line = text.lines().nth(1).unwrap();
        let cells: Vec<&str> = line.split("  ").filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells.iter().map(|cell| cell.trim()).collect::<Vec<_>>(),
            [
                "requests_per_s",
                "1,234,567",
                ">= 50,000",
                ">= 100,000",
                "7,000 (the other)",
                "target"
            ]
        );
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (0.1234, "0.123"),
            (1.5, "1.5"),
            (12.34, "12.3"),
            (999.6, "1,000"),
            (-1234.0, "-1,234"),
            (123_456.7, "123,457"),
        ] {
            assert_eq!(shown(value), text);
        }
    }
}
