//! What a series is made of: its seasons, the points at which it changes, and its trend.
//!
//! Change points are matched one to one within a margin, and stretches between them by how far they cover each
//! other (van den Burg and Williams, "An Evaluation of Change Point Detection Algorithms", arXiv:2003.06222,
//! 2020; covering after Arbeláez and others, IEEE TPAMI 33, 2011). Seasons are matched within three percent.

use crate::number::{count, mean};
use crate::read::{by_id, json, json_lines};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A season is found within this share of its length, or one step.
const SEASON_SHARE: f64 = 0.03;
/// A change is found within this share of the series,
const MARGIN_SHARE: f64 = 0.01;
/// and within so many steps at least.
const MARGIN_LEAST: f64 = 5.0;

#[derive(Deserialize)]
struct Truth {
    id: String,
    periods: Vec<f64>,
    change_points: Vec<f64>,
    trend: Option<String>,
    n: f64,
}

#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    id: String,
    #[serde(default)]
    periods: Vec<f64>,
    #[serde(default)]
    change_points: Vec<f64>,
    trend: Option<String>,
}

/// Things that are there, that are told, and that are both.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Matched {
    there: usize,
    told: usize,
    both: usize,
}

impl Matched {
    fn f1(self) -> f64 {
        2.0 * count(self.both) / count((self.there + self.told).max(1))
    }

    /// Adds how many of `there` are told within a margin of each. Each that is told counts once; of several the
    /// first is taken, or the `nearest`.
    fn add(
        &mut self,
        there: &[f64],
        told: &[f64],
        margin: impl Fn(f64) -> f64,
        nearest: bool,
    ) -> usize {
        let mut left = told.to_vec();
        let mut both = 0;
        for wanted in there {
            let distance = |told: &f64| (told - wanted).abs();
            let mut near: Vec<usize> = (0..left.len())
                .filter(|at| distance(&left[*at]) <= margin(*wanted))
                .collect();
            if nearest {
                near.sort_by(|a, b| distance(&left[*a]).total_cmp(&distance(&left[*b])));
            }
            if let Some(at) = near.first() {
                left.remove(*at);
                both += 1;
            }
        }
        self.there += there.len();
        self.told += told.len();
        self.both += both;
        both
    }
}

/// Scores a file of answers; a series that is not answered has nothing.
pub fn score(truth: &Path, answers: &Path) -> anyhow::Result<Value> {
    let truth: Vec<Truth> = json(truth)?;
    let answers: Vec<Answer> = json_lines(answers)?;
    let answers = by_id(
        answers
            .into_iter()
            .map(|answer| (answer.id.clone(), answer)),
    )?;
    Ok(of(&truth, &answers))
}

fn of(truth: &[Truth], answers: &BTreeMap<String, Answer>) -> Value {
    let nothing = Answer::default();
    let (mut periods, mut changes) = (Matched::default(), Matched::default());
    let (mut exact, mut trends, mut trends_right) = (0, 0, 0);
    let mut coverings = Vec::with_capacity(truth.len());
    for series in truth {
        let answer = answers.get(&series.id).unwrap_or(&nothing);
        let within = |period: f64| (SEASON_SHARE * period).max(1.0);
        let both = periods.add(&series.periods, &answer.periods, within, false);
        exact += usize::from(both == series.periods.len() && both == answer.periods.len());
        let margin = MARGIN_LEAST.max((MARGIN_SHARE * series.n).floor());
        let mut told = answer.change_points.clone();
        told.sort_by(f64::total_cmp);
        changes.add(&series.change_points, &told, |_| margin, true);
        coverings.push(covering(&series.change_points, &told, series.n));
        if let Some(trend) = &series.trend {
            trends += 1;
            trends_right += usize::from(answer.trend.as_ref() == Some(trend));
        }
    }
    let share = |part: usize, of: usize| count(part) / count(of.max(1));
    json!({
        "n": truth.len(),
        "period_F1": periods.f1(),
        "period_exact_share": share(exact, truth.len()),
        "changepoint_F1": changes.f1(),
        "changepoint_precision": share(changes.both, changes.told),
        "changepoint_recall": share(changes.both, changes.there),
        "changepoint_covering": mean(&coverings),
        "trend_accuracy": share(trends_right, trends),
    })
}

/// How far the stretches that are told cover those that are there: of each the best overlap over union,
/// weighted by its length.
fn covering(there: &[f64], told: &[f64], all: f64) -> f64 {
    let stretches = |changes: &[f64]| {
        let inside = changes.iter().map(|change| change.trunc());
        let inside = inside.filter(|change| 0.0 < *change && *change < all);
        let ends: Vec<f64> = [0.0].into_iter().chain(inside).chain([all]).collect();
        let two = ends.windows(2).map(|two| (two[0], two[1]));
        two.filter(|(begin, end)| end > begin).collect::<Vec<_>>()
    };
    let told = stretches(told);
    let covered = |(begin, end): (f64, f64)| {
        let overlaps = told.iter().map(|(from, to)| {
            let shared = (end.min(*to) - begin.max(*from)).max(0.0);
            shared / (end.max(*to) - begin.min(*from))
        });
        (end - begin) * overlaps.fold(0.0, f64::max)
    };
    stretches(there).into_iter().map(covered).sum::<f64>() / all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    #[test]
    fn each_that_is_told_is_matched_once() {
        let mut matched = Matched::default();
        matched.add(&[100.0, 104.0], &[103.0], |_| 5.0, true);
        assert_eq!(
            matched,
            Matched {
                there: 2,
                told: 1,
                both: 1
            }
        );
        near(matched.f1(), 2.0 / 3.0);
        // The nearer one is taken, and the other is left for the next.
        let mut matched = Matched::default();
        matched.add(&[100.0, 95.0], &[96.0, 101.0], |_| 5.0, true);
        assert_eq!(matched.both, 2);
    }

    #[test]
    fn stretches_cover_each_other() {
        near(covering(&[], &[], 100.0), 1.0);
        near(covering(&[50.0], &[50.0], 100.0), 1.0);
        // Both halves are covered by the whole: half each.
        near(covering(&[50.0], &[], 100.0), 0.5);
        near(
            covering(&[50.0], &[60.0], 100.0),
            0.5 * (50.0 / 60.0) + 0.5 * (40.0 / 50.0),
        );
        // What is outside is no change.
        near(covering(&[], &[0.0, 100.0, 300.0], 100.0), 1.0);
    }

    #[test]
    fn a_whole_answer_is_scored() {
        let truth = Truth {
            id: "a".to_owned(),
            periods: vec![24.0, 168.0],
            change_points: vec![500.0],
            trend: Some("up".to_owned()),
            n: 1_000.0,
        };
        let answer = Answer {
            id: "a".to_owned(),
            periods: vec![25.0, 160.0],
            change_points: vec![511.0],
            trend: Some("up".to_owned()),
        };
        let told = of(&[truth], &[("a".to_owned(), answer)].into());
        // 25 is one step from 24; 160 is 8 from 168, over 5. 511 is one more than the margin of ten.
        near(told["period_F1"].as_f64().unwrap(), 0.5);
        near(told["changepoint_F1"].as_f64().unwrap(), 0.0);
        near(told["trend_accuracy"].as_f64().unwrap(), 1.0);
        near(told["period_exact_share"].as_f64().unwrap(), 0.0);
    }
}
