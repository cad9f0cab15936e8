//! When a limit is reached: which series are said to reach it, and how near the day is.
//!
//! Reaching it within the time that is looked at is told as yes or no, by precision and recall (van Rijsbergen,
//! "Information Retrieval", 1979); the day by its relative error, of which the median is taken as a few that
//! are years off would be all of a mean.

use crate::number::{count, f1, median, ratio};
use crate::read::{Table, by_id, json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// A day that is off by less counts as near, and errors are relative to no less.
const NEAR_DAYS: f64 = 7.0;
/// Or by less than this share.
const NEAR_SHARE: f64 = 0.25;

#[derive(Deserialize)]
struct Truth {
    id: String,
    hit_day: Option<f64>,
}

/// Scores a file of answers; a series that is not answered is one that reaches no limit.
pub fn score(truth: &Path, answers: &Path) -> anyhow::Result<Value> {
    let truth: Vec<Truth> = json(truth)?;
    let table = Table::read(answers)?;
    let ids = table.texts("id")?.into_iter().map(str::to_owned);
    let days = by_id(ids.zip(table.numbers("hit_day")?))?;
    let pairs = truth.iter().map(|series| {
        let answer = days.get(&series.id).copied().filter(|day| !day.is_nan());
        (series.hit_day, answer)
    });
    Ok(of(&pairs.collect::<Vec<_>>()))
}

/// Of pairs of the day on which a limit is reached and the day that is answered.
fn of(pairs: &[(Option<f64>, Option<f64>)]) -> Value {
    let truly = count(pairs.iter().filter(|(came, _)| came.is_some()).count());
    let told = count(pairs.iter().filter(|(_, answer)| answer.is_some()).count());
    let both: Vec<(f64, f64)> = pairs
        .iter()
        .filter_map(|(came, answer)| Some(((*came)?, (*answer)?)))
        .collect();
    let errors: Vec<f64> = both
        .iter()
        .map(|(came, answer)| (answer - came).abs() / came.max(NEAR_DAYS))
        .collect();
    let is_near =
        |(came, answer): &&(f64, f64)| (answer - came).abs() <= NEAR_DAYS.max(NEAR_SHARE * came);
    let near = count(both.iter().filter(is_near).count());
    let (precision, recall) = (
        ratio(count(both.len()), told),
        ratio(count(both.len()), truly),
    );
    json!({
        "n": pairs.len(),
        "exhaust_precision": precision,
        "exhaust_recall": recall,
        "exhaust_F1": f1(precision, recall),
        "median_rel_error": (!errors.is_empty()).then(|| median(&errors)),
        "share_within_25pct_or_7d_of_all_true": ratio(near, truly),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_held_against_those_that_came() {
        let told = of(&[
            (Some(100.0), Some(120.0)),
            (Some(3.0), Some(10.0)),
            (Some(50.0), None),
            (None, Some(300.0)),
            (None, None),
        ]);
        let found = |name: &str| told[name].as_f64().unwrap();
        assert!((found("exhaust_precision") - 2.0 / 3.0).abs() < 1e-12);
        assert!((found("exhaust_recall") - 2.0 / 3.0).abs() < 1e-12);
        // 0.2, and 7 days of 3 as of 7.
        assert!((found("median_rel_error") - 0.6).abs() < 1e-12);
        assert!((found("share_within_25pct_or_7d_of_all_true") - 2.0 / 3.0).abs() < 1e-12);
        assert!(of(&[(None, None)])["median_rel_error"].is_null());
    }
}
