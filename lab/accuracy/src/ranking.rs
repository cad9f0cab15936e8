//! Rankings of what may be the cause: how often the true one is among the first (recall at k, as Hardt, Orchard,
//! Blöbaum, Kasiviswanathan and Kirschbaum have it, "The PetShop Dataset", CLeaR 2024).

use crate::number::{mean, wilson};
use crate::read::{by_id, json, json_lines};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Cause {
    node: String,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    ranking: Vec<String>,
}

/// Scores a file of rankings; an issue that is not answered has none.
pub fn score(truth: &Path, answers: &Path) -> anyhow::Result<Value> {
    let truth: BTreeMap<String, Cause> = json(truth)?;
    let answers: Vec<Answer> = json_lines(answers)?;
    let answers = by_id(
        answers
            .into_iter()
            .map(|answer| (answer.id, answer.ranking)),
    )?;
    let places = truth
        .iter()
        .map(|(id, cause)| answers.get(id)?.iter().position(|node| *node == cause.node));
    Ok(of(&places.collect::<Vec<_>>()))
}

/// Of the places at which the causes are, from 0 on.
fn of(places: &[Option<usize>]) -> Value {
    let mut told = json!({ "issues": places.len() });
    for first in [1, 3, 5] {
        let among = |place: &Option<usize>| f64::from(place.is_some_and(|place| place < first));
        let share = mean(&places.iter().map(among).collect::<Vec<f64>>());
        let (low, high) = wilson(share, places.len());
        let name = format!("top{first}");
        told[&name] = json!(share);
        told[format!("{name}_low")] = json!(low);
        told[format!("{name}_high")] = json!(high);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_among_the_first_are_counted() {
        let told = of(&[Some(0), Some(2), Some(3), None]);
        for (name, expected) in [("top1", 0.25), ("top3", 0.5), ("top5", 0.75)] {
            assert!(
                (told[name].as_f64().unwrap() - expected).abs() < 1e-12,
                "{name}"
            );
        }
        assert!(told["top1_low"].as_f64().unwrap() < 0.25);
    }
}
