//! `foretell series`: asks the running server what is measured.

use super::answer::{list, number, print, text};
use super::client::{List, with_query, with_server};
use crate::cli::{self, CountSeries};
use crate::exit::Exit;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Runs it.
pub fn run(command: &cli::Series) -> anyhow::Result<Exit> {
    match command {
        cli::Series::List(asked) => {
            let series = List::all("series")
                .with("match", asked.matching.as_ref())
                .at_most(asked.limit);
            with_server(&asked.asked.to, async |server| {
                server.print(&series, asked.asked.json, line).await
            })?;
        }
        cli::Series::Count(asked) => count(asked)?,
    }
    Ok(Exit::Done)
}

/// A series in a line: its id, and what a selector would call it.
fn line(series: &Value) -> String {
    let labels = series.get("labels").and_then(Value::as_object);
    let labels: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let (id, metric) = (text(series, "id"), text(series, "metric"));
    format!("{id}  {metric}{{{}}}", labels.join(","))
}

fn count(asked: &CountSeries) -> anyhow::Result<()> {
    let is_json = asked.asked.json;
    if asked.matching.is_some() {
        let meant = List::all("series").with("match", asked.matching.as_ref());
        let mut count: u64 = 0;
        with_server(&asked.asked.to, async |server| {
            let read = server.rows(&meant, |_| {
                count += 1;
                Ok(true)
            });
            read.await
        })?;
        let counted = json!({"series": count});
        return Ok(print(&counted, is_json, &format!("{count} series"))?);
    }
    let path = with_query("series/cardinality", &[("limit", asked.top.to_string())]);
    let counted = with_server(&asked.asked.to, async |server| server.get(&path).await)?;
    let words = cardinality(&counted, usize::from(asked.top));
    Ok(print(&counted, is_json, &words)?)
}

/// How many there are, in words.
fn cardinality(counted: &Value, top: usize) -> String {
    let mut words = format!(
        "{} series of {} devices",
        number(counted, "series"),
        number(counted, "devices")
    );
    for metric in list(counted, "by_metric").take(top) {
        let (name, series) = (text(metric, "metric"), number(metric, "series"));
        let _ = write!(words, "\n{series:>12} of {name}");
    }
    for label in list(counted, "by_label").take(top) {
        let (name, values) = (text(label, "label"), number(label, "values"));
        let series = number(label, "series");
        let _ = write!(
            words,
            "\n{series:>12} with the label {name}, {values} values"
        );
    }
    for device in list(counted, "largest_devices").take(top) {
        let _ = write!(
            words,
            "\n{:>12} of the device {}",
            number(device, "series"),
            name(device)
        );
    }
    let bound = number(counted, "series_per_device_max");
    for device in list(counted, "near_bound").take(top) {
        let _ = write!(
            words,
            "\nnear the bound of {bound}: {} with {}",
            name(device),
            number(device, "series")
        );
        if let Some(asked) = device.get("asked").and_then(Value::as_u64) {
            let _ = write!(words, ", which would have had {asked}");
        }
    }
    let near = list(counted, "near_bound").count() as u64;
    let more = number(counted, "near_bound_count").saturating_sub(near);
    if more > 0 {
        let _ = write!(words, "\nnear the bound of {bound}: {more} more");
    }
    words
}

/// What people call a device; its id where they do not.
fn name(device: &Value) -> &str {
    let name = device.get("device_name").and_then(Value::as_str);
    name.unwrap_or_else(|| text(device, "device_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinality_is_told_in_words() {
        let counted = json!({
            "series": 30, "devices": 2, "series_per_device_max": 16384,
            "by_metric": [{"metric": "icmp_rtt", "series": 20, "known": true}],
            "by_label": [{"label": "vantage", "values": 1, "series": 30}],
            "largest_devices": [{"device_id": "x", "device_name": null, "series": 29, "asked": null}],
            "near_bound": [{"device_id": "y", "device_name": "core-1", "series": 16384, "asked": 20000}],
            "near_bound_count": 2,
        });
        let told = cardinality(&counted, 10);
        let expected = "30 series of 2 devices\n          20 of icmp_rtt\n          \
            30 with the label vantage, 1 values\n          29 of the device x\n\
            near the bound of 16384: core-1 with 16384, which would have had 20000\n\
            near the bound of 16384: 1 more";
        assert_eq!(told, expected);
        let series = json!({"id": "0198", "metric": "icmp_rtt", "labels": {"device_id": "a\"b"}});
        assert_eq!(line(&series), r#"0198  icmp_rtt{device_id="a\"b"}"#);
    }
}
