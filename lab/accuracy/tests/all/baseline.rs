//! Answers that are simple, good at some of it and wrong at the rest, so that each branch of a scorer is used.

use foretell_accuracy::naive::seasonal;
use foretell_accuracy::read::{Table, json, json_lines};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Rows over which the mean and the spread of a value are taken.
const WINDOW: usize = 60;
/// Numbers that look like chance and are the same each time: SplitMix64.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new() -> Self {
        Self(1)
    }

    /// 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from(mixed >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn below(&mut self, bound: usize) -> usize {
        foretell_accuracy::number::whole(self.share() * foretell_accuracy::number::count(bound))
            .min(bound - 1)
    }
}

/// How far each value is from the mean of those before it, as a share of chance, in steps of a hundredth, so
/// that there are ties; an alarm from 0.97 on.
pub(crate) fn detect(data: &Path, into: &Path) {
    let table = Table::read(data).unwrap();
    let (times, values) = (
        table.texts("timestamp").unwrap(),
        table.numbers("value").unwrap(),
    );
    let mut text = String::from("timestamp,anomaly_score,alarm\n");
    for (at, (time, value)) in times.iter().zip(&values).enumerate() {
        let before = &values[at.saturating_sub(WINDOW)..at];
        let count = foretell_accuracy::number::count(before.len().max(1));
        let mean = before.iter().sum::<f64>() / count;
        let spread = before
            .iter()
            .map(|other| (other - mean).powi(2))
            .sum::<f64>()
            / count;
        let away = (value - mean).abs() / spread.sqrt().max(1e-9);
        let score = ((1.0 - (-away / 2.0).exp()) * 100.0).round() / 100.0;
        // Some scores are missing.
        let told = if at % 501 == 500 {
            String::new()
        } else {
            score.to_string()
        };
        writeln!(text, "{time},{told},{}", u8::from(score >= 0.97)).unwrap();
    }
    fs::create_dir_all(into.parent().unwrap()).unwrap();
    fs::write(into, text).unwrap();
}

/// The last season, with bands of some share of the value, and a quantile besides.
pub(crate) fn forecast(input: &Path, into: &Path) {
    let mut chance = Chance::new();
    let mut text = String::from("series_id,step,mean,lo80,hi80,lo95,hi95,q25\n");
    for task in json_lines::<Value>(input).unwrap() {
        let values: Vec<f64> = task["y"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_f64().unwrap())
            .collect();
        let whole = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let (horizon, season) = (whole(&task["horizon"]), whole(&task["season"][0]));
        let id = task["id"].as_str().unwrap();
        let forecast = seasonal(&values, horizon, season);
        let mut rows: Vec<String> = Vec::new();
        for (step, value) in forecast.iter().enumerate() {
            let width = value.abs() * (0.05 + 0.3 * chance.share());
            let (low, high) = (value - width, value + width * 1.5);
            let (lowest, highest) = (value - 2.0 * width, value + 3.0 * width);
            let quarter = value - width / 2.0;
            rows.push(format!(
                "{id},{},{value},{low},{high},{lowest},{highest},{quarter}",
                step + 1
            ));
        }
        // In no order.
        rows.reverse();
        writeln!(text, "{}", rows.join("\n")).unwrap();
    }
    fs::write(into, text).unwrap();
}

/// Days that are off by up to a half, some missing, some made up.
pub(crate) fn capacity(truth: &Path, into: &Path) {
    let mut chance = Chance::new();
    let mut text = String::from("id,hit_day\n");
    for series in json::<Vec<Value>>(truth).unwrap() {
        let id = series["id"].as_str().unwrap();
        let day = series["hit_day"].as_f64();
        let day = day.map(|day| (day * (0.5 + chance.share())).round().max(1.0));
        let day = match chance.below(8) {
            0 => continue,
            1 => None,
            2 => Some(100.0),
            _ => day,
        };
        writeln!(
            text,
            "{id},{}",
            day.map_or(String::new(), |day| day.to_string())
        )
        .unwrap();
    }
    fs::write(into, text).unwrap();
}

/// Seasons and changes that are off by a little or much, some missing, some made up.
pub(crate) fn structure(truth: &Path, into: &Path) {
    let mut chance = Chance::new();
    let mut text = String::new();
    for series in json::<Vec<Value>>(truth).unwrap() {
        let mut moved = |name: &str, by: f64| {
            let numbers = series[name].as_array().unwrap().iter();
            let numbers = numbers.map(|number| number.as_f64().unwrap());
            let mut moved: Vec<f64> = numbers
                .map(|number| (number + by * (chance.share() - 0.5)).round().max(1.0))
                .collect();
            if chance.below(3) == 0 {
                moved.push(17.0);
            }
            if chance.below(4) == 0 {
                moved.reverse();
                moved.pop();
            }
            moved
        };
        let (periods, changes) = (moved("periods", 6.0), moved("change_points", 60.0));
        let trend = ["up", "down", "none"][chance.below(3)];
        let trend = if chance.below(2) == 0 {
            json!(trend)
        } else {
            series["trend"].clone()
        };
        let (id, of) = (&series["id"], chance.below(10));
        if of > 0 {
            let answer =
                json!({ "id": id, "periods": periods, "change_points": changes, "trend": trend });
            writeln!(text, "{answer}").unwrap();
        }
    }
    fs::write(into, text).unwrap();
}

/// Where a value comes near the threshold from below, and now and then by chance.
pub(crate) fn scaling(input: &Path, into: &Path) {
    let mut chance = Chance::new();
    let mut text = String::from("id,t\n");
    for series in json_lines::<Value>(input).unwrap() {
        let threshold = series["threshold"].as_f64().unwrap();
        let values = series["y"].as_array().unwrap().iter();
        let values: Vec<f64> = values.map(|value| value.as_f64().unwrap()).collect();
        for (at, two) in values.windows(2).enumerate() {
            let near = 0.85 * threshold;
            if (two[0] < near && two[1] >= near) || chance.below(200) == 0 {
                writeln!(text, "{},{}", series["id"].as_str().unwrap(), at + 1).unwrap();
            }
        }
    }
    fs::write(into, text).unwrap();
}

/// The cause at a place by chance among others; one issue is left out.
pub(crate) fn ranking(truth: &Path, into: &Path) {
    let mut chance = Chance::new();
    let mut text = String::new();
    let truth: BTreeMap<String, Value> = json(truth).unwrap();
    for (id, cause) in truth.iter().skip(1) {
        let mut ranking: Vec<String> = (0..7).map(|nth| format!("other {nth}")).collect();
        ranking.insert(chance.below(7), cause["node"].as_str().unwrap().to_owned());
        writeln!(text, "{}", json!({ "id": id, "ranking": ranking })).unwrap();
    }
    fs::write(into, text).unwrap();
}

/// In turn weights, paths and next hops, by chance.
pub(crate) fn routing(set: &Path, into: &Path) {
    let mut chance = Chance::new();
    let topology: Value = json(&set.join("topology.json")).unwrap();
    let name = |value: &Value| value.as_str().unwrap().to_owned();
    let links: Vec<(String, String)> = topology["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (name(&link["a"]), name(&link["b"])))
        .collect();
    let nodes: Vec<String> = topology["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .collect();
    let step = |name: &str| topology[name].as_u64().unwrap();
    let mut text = String::new();
    for step in step("first_eval_step")..step("steps") {
        let answer = match step % 3 {
            0 => {
                let some = links
                    .iter()
                    .filter(|_| chance.below(3) > 0)
                    .collect::<Vec<_>>();
                let weights = some.into_iter().map(|(from, to)| {
                    // Whole numbers, so that some paths are equally long.
                    (format!("{from}>{to}"), json!(1 + chance.below(4)))
                });
                json!({ "step": step, "weights": Value::Object(weights.collect()) })
            }
            1 => {
                // Of each link its own pair, and of it and the next a longer one.
                let mut paths = serde_json::Map::new();
                for (from, to) in &links {
                    let on = links.iter().find(|(a, b)| a == to && b != from);
                    paths.insert(format!("{from}>{to}"), json!([[0.7, [from, to]]]));
                    if let Some((_, end)) = on {
                        let share = 0.5 + chance.share();
                        let pair = format!("{from}>{end}");
                        paths
                            .entry(pair)
                            .or_insert(json!([[share, [from, to, end]]]));
                    }
                }
                json!({ "step": step, "paths": paths, "elapsed_ms": chance.share() })
            }
            _ => {
                // Neighbours of a destination send to it, partly by another: some of it comes back.
                let mut next = serde_json::Map::new();
                for to in &nodes {
                    if chance.below(4) == 0 {
                        continue;
                    }
                    let mut of = serde_json::Map::new();
                    for (from, _) in links.iter().filter(|(_, end)| end == to) {
                        let others = links.iter().filter(|(a, _)| a == from);
                        let shares = others.map(|(_, b)| {
                            let share = if b == to { 1.0 } else { 0.2 * chance.share() };
                            (b.clone(), json!(share))
                        });
                        of.insert(from.clone(), Value::Object(shares.collect()));
                    }
                    next.insert(to.clone(), Value::Object(of));
                }
                json!({ "step": step, "next": next })
            }
        };
        writeln!(text, "{answer}").unwrap();
    }
    fs::write(into, text).unwrap();
}
