//! Triggers that are to come before an overload: how many overloads had one in time, and how many triggers had
//! an overload behind them. Events and alarms ahead of them are counted as forecasts of rare events are (Weiss
//! and Hirsh, "Learning to Predict Rare Events in Event Sequences", KDD 1998).

use crate::number::{bootstrap, count, f1, median};
use crate::read::{Table, json_lines, with_gaps};
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const SECS_PER_DAY: f64 = 86_400.0;
const SECS_PER_MINUTE: f64 = 60.0;
/// A trigger so many steps after the begin of an overload is late; after that it is of nothing.
const LATE_STEPS: usize = 2;
/// A trigger is right where the overload begins up to so many steps off its time.
const SLACK_STEPS: usize = 1;

#[derive(Deserialize)]
struct Series {
    id: String,
    step_s: f64,
    eval_from: usize,
    threshold: f64,
    lead_min: usize,
    lead_max: usize,
    y: Vec<Option<f64>>,
}

/// Counts of one series.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    overloads: usize,
    in_time: usize,
    late: usize,
    triggers: usize,
    right: usize,
    leads_mins: Vec<f64>,
    days: f64,
}

/// Scores a file of triggers.
pub fn score(input: &Path, answers: &Path) -> anyhow::Result<Value> {
    let series: Vec<Series> = json_lines(input)?;
    let table = Table::read(answers)?;
    let (ids, times) = (table.texts("id")?, table.texts("t")?);
    let mut triggers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (id, time) in ids.into_iter().zip(times) {
        let time = time
            .parse()
            .with_context(|| format!("{id}: no place of a row: {time}"))?;
        triggers.entry(id).or_default().push(time);
    }
    let mut counts = Vec::with_capacity(series.len());
    for series in &series {
        let triggers = triggers
            .get(series.id.as_str())
            .cloned()
            .unwrap_or_default();
        let inside = triggers.iter().all(|at| *at < series.y.len());
        ensure!(inside, "{}: a trigger is behind its end", series.id);
        counts.push(of(series, triggers));
    }
    Ok(told(&counts))
}

fn of(series: &Series, mut triggers: Vec<usize>) -> Counts {
    let values = with_gaps(&series.y);
    let (least, most) = (series.lead_min, series.lead_max);
    let overloads = overloads(&values, series.threshold, most, series.eval_from);
    triggers.retain(|at| at + most >= series.eval_from);
    triggers.sort_unstable();
    let mut counts = Counts {
        overloads: overloads.len(),
        days: (count(values.len()) - count(series.eval_from)) * series.step_s / SECS_PER_DAY,
        ..Counts::default()
    };
    for &begin in &overloads {
        let in_time = |at: &&usize| **at + most >= begin && **at + least <= begin;
        if let Some(first) = triggers.iter().find(in_time) {
            counts.in_time += 1;
            counts
                .leads_mins
                .push(count(begin - first) * series.step_s / SECS_PER_MINUTE);
        } else if triggers
            .iter()
            .any(|at| at + least > begin && *at <= begin + LATE_STEPS)
        {
            counts.late += 1;
        }
    }
    let mut before: Option<usize> = None;
    for at in triggers {
        // In an overload nothing is foretold, and triggers close by are one.
        if values[at] > series.threshold || before.is_some_and(|before| at - before < most) {
            continue;
        }
        before = Some(at);
        counts.triggers += 1;
        let foretold =
            |begin: &usize| at + least <= begin + SLACK_STEPS && *begin <= at + most + SLACK_STEPS;
        counts.right += usize::from(overloads.iter().any(foretold));
    }
    counts
}

/// Where an overload begins: two steps or more above the threshold, none above it in those before.
fn overloads(values: &[f64], threshold: f64, before: usize, from: usize) -> Vec<usize> {
    let over: Vec<bool> = values.iter().map(|value| *value > threshold).collect();
    let begins = |at: &usize| {
        let calm = !over[at.saturating_sub(before)..*at].contains(&true);
        over[*at] && over[at + 1] && calm
    };
    (from..values.len().saturating_sub(1))
        .filter(begins)
        .collect()
}

fn told(counts: &[Counts]) -> Value {
    let all: Vec<usize> = (0..counts.len()).collect();
    let sum = |of: fn(&Counts) -> usize, which: &[usize]| {
        which.iter().map(|at| of(&counts[*at])).sum::<usize>()
    };
    let share = |part: fn(&Counts) -> usize, whole: fn(&Counts) -> usize, which: &[usize]| {
        count(sum(part, which)) / count(sum(whole, which).max(1))
    };
    let precision = |which: &[usize]| share(|one| one.right, |one| one.triggers, which);
    let recall = |which: &[usize]| share(|one| one.in_time, |one| one.overloads, which);
    let both = |which: &[usize]| f1(precision(which), recall(which));
    let leads: Vec<f64> = counts
        .iter()
        .flat_map(|one| one.leads_mins.iter().copied())
        .collect();
    let days: f64 = counts.iter().map(|one| one.days).sum();
    let wrong = sum(|one| one.triggers - one.right, &all);
    let (low, high) = bootstrap(counts.len(), both);
    json!({
        "events": sum(|one| one.overloads, &all),
        "recall": recall(&all),
        "precision": precision(&all),
        "F1": both(&all),
        "F1_low": low,
        "F1_high": high,
        "late": share(|one| one.late, |one| one.overloads, &all),
        "median_lead_min": (!leads.is_empty()).then(|| median(&leads)),
        "false_triggers_per_day": count(wrong) / days,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Series {
        Series {
            id: "a".to_owned(),
            step_s: 300.0,
            eval_from: 0,
            threshold: 0.5,
            lead_min: 2,
            lead_max: 5,
            y: text
                .bytes()
                .map(|octet| Some(f64::from(octet == b'#')))
                .collect(),
        }
    }

    #[test]
    fn an_overload_begins_after_calm_and_lasts_two_steps() {
        let found = |text: &str| overloads(&with_gaps(&series(text).y), 0.5, 5, 0);
        assert_eq!(found(".....##....."), [5]);
        assert!(found(".....#......").is_empty());
        // Four steps of calm are too few of five.
        assert_eq!(found("##....##....."), [0]);
        assert_eq!(found("##.....##...."), [0, 7]);
        assert!(found("").is_empty());
    }

    #[test]
    fn a_trigger_counts_in_its_time() {
        let check = |triggers: &[usize], expected: (usize, usize, usize, usize)| {
            let found = of(
                &series("..........##...................."),
                triggers.to_vec(),
            );
            let found = (found.in_time, found.late, found.triggers, found.right);
            assert_eq!(found, expected, "{triggers:?}");
        };
        check(&[8], (1, 0, 1, 1));
        check(&[5], (1, 0, 1, 1));
        // One step too early or late is right for precision, and not in time.
        check(&[4], (0, 0, 1, 1));
        check(&[9], (0, 1, 1, 1));
        check(&[3], (0, 0, 1, 0));
        // In the overload it is late, and no false one.
        check(&[10], (0, 1, 0, 0));
        // Close by it is the same.
        check(&[5, 7, 20], (1, 0, 2, 1));
    }

    #[test]
    fn shares_are_over_all_series() {
        let good = of(&series("..........##...................."), vec![6]);
        let silent = of(&series("..........##...................."), vec![]);
        let told = told(&[good, silent]);
        assert!((told["recall"].as_f64().unwrap() - 0.5).abs() < 1e-12);
        assert!((told["precision"].as_f64().unwrap() - 1.0).abs() < 1e-12);
        assert!((told["median_lead_min"].as_f64().unwrap() - 20.0).abs() < 1e-12);
        let interval = (
            told["F1_low"].as_f64().unwrap(),
            told["F1_high"].as_f64().unwrap(),
        );
        assert_eq!(interval, (0.0, 1.0));
    }
}
