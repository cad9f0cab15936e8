//! Sets of series whose points are labelled: a folder of truth beside one of answers.

use crate::events::Events;
use crate::number::{count, mean, median, runs, whole};
use crate::points::{Points, Thresholds, points, volume};
use crate::read::{Table, csv_files};
use anyhow::ensure;
use serde_json::{Value, json};
use std::path::Path;

/// The buffer is the median length of a series' events, within these rows.
const BUFFER: (f64, f64) = (5.0, 100.0);
/// What a score that is missing counts as: less than any.
const MISSING: f64 = -1e9;

/// Of one series.
struct Scored {
    volume: f64,
    volume_even: f64,
    points: Points,
    share: f64,
}

/// Scores all series of a folder that have a labelled point. `buffer` is how many rows after an event an alarm
/// still counts as of it; where answers have no column `alarm`, scores from `threshold` on are alarms.
pub fn score(
    truth: &Path,
    answers: &Path,
    buffer: usize,
    threshold: Option<f64>,
) -> anyhow::Result<Value> {
    let mut told_of = Vec::new();
    let mut events = Events::default();
    let mut has_alarms = false;
    for file in csv_files(truth)? {
        let name = file.file_name().unwrap_or_default();
        let labels = Table::read(&file)?.numbers("label")?;
        let labels: Vec<bool> = labels.into_iter().map(|label| label >= 1.0).collect();
        let answer = Table::read(&answers.join(name))?;
        let (found, wanted) = (answer.len(), labels.len());
        ensure!(
            found == wanted,
            "{}: {found} rows are answered of {wanted}",
            name.display()
        );
        if !labels.contains(&true) {
            continue;
        }
        let scores = answer.numbers("anomaly_score")?.into_iter();
        // Nought of either sign is one score.
        let scores: Vec<f64> = scores
            .map(|score| if score.is_nan() { MISSING } else { score + 0.0 })
            .collect();
        told_of.push(of(&labels, &scores));
        let alarms: Option<Vec<bool>> = if answer.has("alarm") {
            let alarms = answer.numbers("alarm")?;
            Some(alarms.into_iter().map(|alarm| alarm != 0.0).collect())
        } else {
            threshold.map(|least| scores.iter().map(|score| *score >= least).collect())
        };
        if let Some(alarms) = alarms {
            has_alarms = true;
            events.add(&labels, &alarms, buffer);
        }
    }
    ensure!(!told_of.is_empty(), "no series has a labelled point");
    Ok(told(&told_of, has_alarms.then_some(&events)))
}

fn of(labels: &[bool], scores: &[f64]) -> Scored {
    let lengths = runs(labels.iter().copied()).into_iter();
    let lengths: Vec<f64> = lengths
        .map(|(first, last)| count(last - first + 1))
        .collect();
    let buffer = whole(median(&lengths).clamp(BUFFER.0, BUFFER.1));
    Scored {
        volume: volume(labels, scores, buffer, Thresholds::Dense),
        volume_even: volume(labels, scores, buffer, Thresholds::Even),
        points: points(labels, scores),
        share: lengths.iter().sum::<f64>() / count(labels.len()),
    }
}

fn told(scored: &[Scored], events: Option<&Events>) -> Value {
    let column = |of: fn(&Scored) -> f64| scored.iter().map(of).collect::<Vec<f64>>();
    let volumes = column(|series| series.volume);
    let mut told = json!({
        "series": scored.len(),
        "VUS_PR": mean(&volumes),
        "VUS_PR_lowest": volumes.iter().copied().fold(f64::INFINITY, f64::min),
        "VUS_PR_highest": volumes.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "VUS_PR_250thr": mean(&column(|series| series.volume_even)),
        "AUC_PR": mean(&column(|series| series.points.area)),
        "best_point_F1": mean(&column(|series| series.points.best_f1)),
        "anomaly_ratio": mean(&column(|series| series.share)),
    });
    if let Some(events) = events {
        told["event_precision"] = json!(events.precision());
        told["event_recall"] = json!(events.recall());
        told["event_F1"] = json!(events.f1());
        told["median_delay"] = json!(events.median_delay());
        told["false_alarms_per_1000"] = json!(events.false_per_1000());
    }
    told
}
