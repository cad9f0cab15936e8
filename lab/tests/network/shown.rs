//! What the server has shown, and whether it is still there, each sample once.
//!
//! REST shows steps of time, not single samples. In steps of a second the sum of a step is what
//! tells: less than was shown, and a sample is lost. That none is there twice is told by sysUpTime,
//! whose values differ from poll to poll: a sum too large by just one of the values that were shown
//! holds that value twice; too large by anything else, it holds one that the kill kept from being
//! shown.

use foretell_lab::client::Client;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Series that one query names.
const QUERY_LEN: usize = 50;
const STEP_MS: i64 = 1000;
/// The metric whose values differ from poll to poll.
pub(crate) const UPTIME: &str = "sysUpTime";

/// By series, by the Unix milliseconds of a step.
type Steps<T> = BTreeMap<String, BTreeMap<i64, T>>;

/// Everything that was shown.
#[derive(Default)]
pub(crate) struct Shown {
    /// By WebSocket: each value.
    streamed: Steps<Vec<f64>>,
    /// By REST: the sum of the step, as it was when it was read last.
    read: Steps<f64>,
    /// Series whose values differ from poll to poll.
    uptimes: BTreeSet<String>,
}

impl Shown {
    /// Takes down an event `samples`.
    pub(crate) fn streamed(&mut self, data: &Value) {
        let at = unix_ms(&data["at"]);
        for sample in data["samples"].as_array().into_iter().flatten() {
            let series = sample["series_id"].as_str().unwrap().to_owned();
            let steps = self.streamed.entry(series).or_default();
            let values = steps.entry(at - at.rem_euclid(STEP_MS)).or_default();
            values.push(sample["value"].as_f64().unwrap());
        }
    }

    /// Takes down an answer of `sums`.
    pub(crate) fn read(&mut self, sums: Vec<Sums>) {
        for sums in sums {
            if sums.metric == UPTIME {
                self.uptimes.insert(sums.series.clone());
            }
            self.read.entry(sums.series).or_default().extend(sums.steps);
        }
    }

    /// Every series that was ever streamed.
    pub(crate) fn series(&self) -> Vec<String> {
        self.streamed.keys().cloned().collect()
    }

    /// How many samples were streamed.
    pub(crate) fn len(&self) -> usize {
        self.streamed
            .values()
            .flat_map(BTreeMap::values)
            .map(Vec::len)
            .sum()
    }

    /// What was shown since `from` and is lost now, or there twice.
    pub(crate) async fn faults(&self, client: &Client, from: i64) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        for sums in read_sums(client, &self.series(), from).await? {
            let id = &sums.series;
            let streamed = self.streamed.get(id).into_iter().flatten();
            for (step, values) in streamed.filter(|(step, _)| **step >= from) {
                let now = sums.steps.get(step).copied().unwrap_or(0.0);
                let shown: f64 = values.iter().sum();
                if less(now, shown) {
                    faults.push(format!(
                        "{id} lost of {values:?} at {step}: the sum is {now}"
                    ));
                }
                let more = values.iter().find(|value| same(now - shown, **value));
                if let (Some(twice), true) = (more, self.uptimes.contains(id)) {
                    faults.push(format!("{id} has {twice} twice at {step}"));
                }
            }
            let read = self.read.get(id).into_iter().flatten();
            for (step, before) in read.filter(|(step, _)| **step >= from) {
                let now = sums.steps.get(step).copied().unwrap_or(0.0);
                if less(now, *before) {
                    faults.push(format!("{id} at {step}: the sum was {before}, is {now}"));
                }
            }
        }
        Ok(faults)
    }
}

/// The sums of the steps of one series, as REST tells them.
pub(crate) struct Sums {
    series: String,
    metric: String,
    steps: BTreeMap<i64, f64>,
}

/// Asks for the sums of every step since `from`, Unix milliseconds.
pub(crate) async fn read_sums(
    client: &Client,
    series: &[String],
    from: i64,
) -> anyhow::Result<Vec<Sums>> {
    let from = Timestamp::from_millisecond(from)?.to_string();
    // The second that is just passing is not over.
    let to = (Timestamp::now() + jiff::SignedDuration::from_secs(1)).to_string();
    let mut all = Vec::new();
    for ids in series.chunks(QUERY_LEN) {
        let query = json!({
            "series_ids": ids, "from": from, "to": to,
            "step_secs": STEP_MS / 1000, "aggregation": "sum",
        });
        let answer = client.post("samples/query", &query).await?;
        for item in answer["items"].as_array().into_iter().flatten() {
            let points = item["points"].as_array().into_iter().flatten();
            all.push(Sums {
                series: item["series"]["id"].as_str().unwrap_or_default().to_owned(),
                metric: item["series"]["metric"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                steps: points
                    .filter_map(|point| Some((point[0].as_i64()?, point[1].as_f64()?)))
                    .collect(),
            });
        }
    }
    Ok(all)
}

/// Unix milliseconds of an RFC 3339 time.
pub(crate) fn unix_ms(at: &Value) -> i64 {
    let text = at.as_str().unwrap_or_else(|| panic!("no time: {at}"));
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// Sums of a few numbers, in whatever order they were added up.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
}

fn less(a: f64, b: f64) -> bool {
    a < b && !same(a, b)
}
