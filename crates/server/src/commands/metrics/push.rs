//! `foretell metrics push`: single samples, from arguments or from lines of standard input.

use crate::cli::{PushMetrics, ToServer};
use crate::commands::answer::{FAULTS_SHOWN, list, number, print, text};
use crate::commands::client::{Client, with_server};
use crate::exit::{Exit, UsageError};
use crate::{clock, complain};
use anyhow::Context as _;
use model::{DeviceId, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read as _};
use std::time::Duration;
use store::pushing::SAMPLES_PER_PUSH_MAX;
use store::series::{Comparison, Selector};

/// How long samples of different series that come without a time have the same.
const STAMP_AGE_MAX: Duration = Duration::from_secs(10);
/// Octets of samples that are sent at once: half of what a server reads of a body.
const BATCH_LEN_MAX: usize = 1 << 20;
/// Longest line, in octets: 32 labels are shorter.
const LINE_LEN_MAX: usize = 64 << 10;
/// Refused samples that are kept with the reason; all are counted.
const FAULTS_MAX: usize = 1_000;

/// Runs it.
pub(super) fn run(asked: &PushMetrics) -> anyhow::Result<Exit> {
    let given = given(asked)?;
    let input = BufReader::new(io::stdin());
    let (told, sent) = pushed(&asked.asked.to, given, input)?;
    // Also where sending ended early: what was taken until then is there.
    print(&told.as_json(), asked.asked.json, &told.words())?;
    sent?;
    if told.refused == 0 {
        return Ok(Exit::Done);
    }
    complain(&format!("{} samples were refused", told.refused));
    Ok(Exit::Failed)
}

/// Sends samples that are given, or those of an input: what became of them, and whether all were sent.
fn pushed(
    to: &ToServer,
    given: Option<Vec<Sample>>,
    input: impl BufRead,
) -> anyhow::Result<(Told, anyhow::Result<()>)> {
    with_server(to, async |server| {
        let mut push = Push::new(server);
        let sent = push.all(given, input).await;
        Ok((push.told, sent))
    })
}

/// A sample as the API takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    series_id: Option<SeriesId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_id: Option<DeviceId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    value: Number,
}

/// The samples of the arguments; none where standard input has them.
fn given(asked: &PushMetrics) -> Result<Option<Vec<Sample>>, UsageError> {
    if let (Some(metric), Some(value)) = (&asked.metric, &asked.value) {
        let mut labels = BTreeMap::new();
        for (name, value) in &asked.labels {
            put(&mut labels, name, value).map_err(UsageError)?;
        }
        return Ok(Some(vec![Sample {
            series_id: None,
            metric: Some(metric.clone()),
            device_id: asked.device_id,
            labels,
            at: asked.time,
            value: value_of(value).map_err(UsageError)?,
        }]));
    }
    if asked.samples == ["-"] {
        return Ok(None);
    }
    let samples = asked.samples.iter();
    let read = samples.map(|text| {
        sample(text).map_err(|detail| UsageError(format!("the sample `{text}`: {detail}")))
    });
    read.collect::<Result<_, _>>().map(Some)
}

/// Reads a sample: `METRIC{LABEL="VALUE",…} VALUE [TIME]`, or the JSON object that the API takes.
fn sample(text: &str) -> Result<Sample, String> {
    let text = text.trim();
    if text.starts_with('{') {
        let sample: Sample = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let alone = sample.device_id.is_none() && sample.labels.is_empty();
        return match (sample.series_id, &sample.metric) {
            (Some(_), None) if alone => Ok(sample),
            (None, Some(_)) => Ok(sample),
            _ => {
                Err("give `series_id` alone, or `metric` with `device_id` and `labels`".to_owned())
            }
        };
    }
    let (series, rest) = text
        .split_at_checked(series_len(text))
        .unwrap_or((text, ""));
    let series: Selector = series
        .parse()
        .map_err(|error: store::series::SelectorError| error.to_string())?;
    let (mut labels, mut device_id) = (BTreeMap::new(), None);
    for matcher in series.matchers() {
        if matcher.comparison() != Comparison::Equal {
            return Err("a label of a sample is NAME=\"VALUE\"".to_owned());
        }
        if matcher.name() == "device_id" {
            let id = matcher.text().parse::<DeviceId>();
            device_id = Some(id.map_err(|error| error.to_string())?);
        } else {
            put(&mut labels, matcher.name(), matcher.text())?;
        }
    }
    let mut words = rest.split_whitespace();
    let value = words
        .next()
        .ok_or("a value is expected behind the series")?;
    let value = value_of(value)?;
    let at = words.next().map(str::parse::<Timestamp>).transpose();
    let at = at.map_err(|error| error.to_string())?;
    if words.next().is_some() {
        return Err("nothing more is expected behind the time".to_owned());
    }
    Ok(Sample {
        series_id: None,
        metric: series.metric().map(str::to_owned),
        device_id,
        labels,
        at,
        value,
    })
}

/// How many octets of a text say which series it is: a name, and what is in braces behind it.
fn series_len(text: &str) -> usize {
    let name_ends = |character: char| character == '{' || character.is_whitespace();
    let name_len = text.find(name_ends).unwrap_or(text.len());
    let behind = text.get(name_len..).unwrap_or_default();
    if !behind.trim_start().starts_with('{') {
        return name_len;
    }
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (place, character) in behind.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '}' if !is_quoted => return name_len + place + 1,
            _ => {}
        }
    }
    text.len()
}

/// A value: whole numbers up to 2^64-1 are kept as they are.
fn value_of(text: &str) -> Result<Number, String> {
    if let Ok(whole) = text.parse::<u64>() {
        return Ok(whole.into());
    }
    let number = text.parse().ok().and_then(Number::from_f64);
    number.ok_or_else(|| format!("`{text}` is no number that is finite"))
}

fn put(labels: &mut BTreeMap<String, String>, name: &str, value: &str) -> Result<(), String> {
    match labels.insert(name.to_owned(), value.to_owned()) {
        None => Ok(()),
        Some(_) => Err(format!("the label `{name}` is given twice")),
    }
}

/// What became of samples.
#[derive(Debug, Default)]
struct Told {
    taken: u64,
    refused: u64,
    /// The first of those that were refused: their lines, why in one word and in a sentence.
    faults: Vec<Value>,
}

impl Told {
    fn refuse(&mut self, line: u64, reason: &str, detail: &str) {
        self.refused += 1;
        if self.faults.len() < FAULTS_MAX {
            let fault = json!({"line": line, "reason": reason, "detail": detail});
            self.faults.push(fault);
        }
    }

    fn as_json(&self) -> Value {
        json!({"taken": self.taken, "refused": self.refused, "faults": self.faults})
    }

    fn words(&self) -> String {
        let mut words = String::new();
        for fault in self.faults.iter().take(FAULTS_SHOWN) {
            let (line, reason) = (number(fault, "line"), text(fault, "reason"));
            let detail = text(fault, "detail");
            let _ = writeln!(words, "line {line:>7}  {reason}: {detail}");
        }
        let (taken, refused) = (self.taken, self.refused);
        let _ = write!(words, "{taken} samples taken, {refused} refused");
        words
    }
}

/// The time of samples that are given without one. Different series that come within a while have the same:
/// each time of a device is a row of the store, of which a half-hour has a bounded number.
struct Stamp {
    at: Timestamp,
    /// The series that have it.
    series: HashSet<String>,
}

impl Stamp {
    fn new() -> Self {
        Self {
            at: Timestamp::default(),
            series: HashSet::new(),
        }
    }

    fn of(&mut self, sample: &Sample, now: Timestamp) -> anyhow::Result<Timestamp> {
        let value = Number::from(0);
        let series = serde_json::to_string(&Sample {
            value,
            ..sample.clone()
        })?;
        let is_fresh = (self.at..self.at.plus(STAMP_AGE_MAX)).contains(&now);
        if !is_fresh || self.series.len() >= SAMPLES_PER_PUSH_MAX || self.series.contains(&series) {
            self.at = now;
            self.series.clear();
        }
        self.series.insert(series);
        Ok(self.at)
    }
}

/// Samples on their way.
struct Push<'a> {
    server: &'a Client,
    /// Those that are not sent yet, as JSON with commas between.
    body: String,
    /// The line of each of them.
    lines: Vec<u64>,
    stamp: Stamp,
    told: Told,
}

impl<'a> Push<'a> {
    fn new(server: &'a Client) -> Self {
        Self {
            server,
            body: String::new(),
            lines: Vec::new(),
            stamp: Stamp::new(),
            told: Told::default(),
        }
    }

    /// Sends samples that are given, or those of an input.
    async fn all(&mut self, given: Option<Vec<Sample>>, input: impl BufRead) -> anyhow::Result<()> {
        match given {
            Some(samples) => {
                for (place, sample) in (1..).zip(samples) {
                    self.add(place, sample).await?;
                }
            }
            None => self.lines(input).await?,
        }
        self.send().await
    }

    /// Takes all lines of an input; one that is no sample is refused by itself.
    async fn lines(&mut self, mut input: impl BufRead) -> anyhow::Result<()> {
        let mut octets = Vec::new();
        for line in 1.. {
            octets.clear();
            let mut bounded = input.by_ref().take(LINE_LEN_MAX as u64 + 1);
            let read = bounded.read_until(b'\n', &mut octets);
            if read.context("standard input cannot be read")? == 0 {
                break;
            }
            if octets.len() > LINE_LEN_MAX && octets.last() != Some(&b'\n') {
                input.skip_until(b'\n')?;
                let detail = format!("a line has at most {LINE_LEN_MAX} octets");
                self.told.refuse(line, "malformed", &detail);
                continue;
            }
            let Ok(text) = str::from_utf8(&octets) else {
                self.told.refuse(line, "malformed", "it is not UTF-8 text");
                continue;
            };
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match sample(text) {
                Ok(sample) => self.add(line, sample).await?,
                Err(detail) => self.told.refuse(line, "malformed", &detail),
            }
        }
        Ok(())
    }

    /// Takes a sample, and sends those before it where there is no room beside them. One without a time is
    /// of now: so it is the same sample also where the server has it sent again.
    async fn add(&mut self, line: u64, mut sample: Sample) -> anyhow::Result<()> {
        if sample.at.is_none() {
            sample.at = Some(self.stamp.of(&sample, clock::real().now())?);
        }
        let sample = serde_json::to_string(&sample)?;
        let is_full = self.lines.len() >= SAMPLES_PER_PUSH_MAX
            || self.body.len() + sample.len() > BATCH_LEN_MAX;
        if is_full {
            self.send().await?;
        }
        if !self.body.is_empty() {
            self.body.push(',');
        }
        self.body.push_str(&sample);
        self.lines.push(line);
        Ok(())
    }

    /// Sends what is there.
    async fn send(&mut self) -> anyhow::Result<()> {
        let Some(&first) = self.lines.first() else {
            return Ok(());
        };
        let body = format!("{{\"samples\":[{}]}}", self.body);
        let taken = self.told.taken;
        let answer = self.server.post_text("samples", body).await;
        let answer = answer.with_context(|| {
            format!("samples of line {first} and behind it are not known to be kept; {taken} were taken before")
        })?;
        self.told.taken += number(&answer, "taken");
        for refused in list(&answer, "refused") {
            let index = usize::try_from(number(refused, "index")).ok();
            let line = index.and_then(|index| self.lines.get(index));
            let (reason, detail) = (text(refused, "reason"), text(refused, "detail"));
            self.told
                .refuse(line.copied().unwrap_or(first), reason, detail);
        }
        self.body.clear();
        self.lines.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::standin;

    const TOKEN: (&str, &str) = ("200 OK", r#"{"token":"one"}"#);

    /// What comes of lines for a server that answers so, and what it is asked.
    fn answered(
        answers: &[(&'static str, &'static str)],
        lines: &str,
    ) -> (Told, anyhow::Result<()>, Vec<String>) {
        let (url, asked) = standin::server([&[TOKEN][..], answers].concat());
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "hunter2").unwrap();
        let to = ToServer {
            server: Some(url),
            user: None,
            password_env: None,
            password_file: Some(password),
        };
        let (told, sent) = pushed(&to, None, lines.as_bytes()).unwrap();
        (told, sent, asked.join().unwrap())
    }

    #[test]
    fn what_a_busy_server_is_sent_again_is_the_same_sample() {
        let busy = ("503 Service Unavailable\r\nretry-after: 0", "{}");
        let taken = ("200 OK", r#"{"taken":1,"refused":[]}"#);
        let (told, sent, asked) = answered(&[busy, taken], "a 1\n");
        sent.unwrap();
        assert_eq!((told.taken, told.refused), (1, 0));
        assert!(
            asked[1].contains(r#""at":""#),
            "it has a time: {}",
            asked[1]
        );
        assert_eq!(asked[1], asked[2]);
    }

    #[test]
    fn what_was_taken_and_refused_before_sending_failed_is_told() {
        let some = r#"{"taken":9999,"refused":[{"index":3,"reason":"held","detail":"a hold"}]}"#;
        let answers = [
            ("200 OK", some),
            ("500 Oops", r#"{"detail":"it fell over"}"#),
        ];
        let (told, sent, _) = answered(&answers, &"a 1\n".repeat(SAMPLES_PER_PUSH_MAX + 1));
        let why = format!("{:#}", sent.unwrap_err());
        assert!(
            why.contains("line 10001") && why.contains("it fell over"),
            "{why}"
        );
        assert_eq!((told.taken, told.refused), (9_999, 1));
        assert_eq!(told.faults[0]["line"], 4);
    }

    #[test]
    fn different_series_of_a_while_have_one_time_and_one_series_never_twice_the_same() {
        let mut stamp = Stamp::new();
        let mut at = |text: &str, ms: i64| {
            let now = Timestamp::from_unix_ms(1_800_000_000_000 + ms);
            let at = stamp.of(&sample(text).unwrap(), now).unwrap();
            at.unix_ms() - 1_800_000_000_000
        };
        assert_eq!(at("a 1", 0), 0);
        assert_eq!(at("b 1", 40), 0);
        assert_eq!(at("a{c=\"1\"} 1", 80), 0);
        assert_eq!(at("a 2", 120), 120);
        assert_eq!(at("b 2", 160), 120);
        assert_eq!(at("c 1", 10_119), 120);
        assert_eq!(at("d 1", 10_120), 10_120);
        // The clock was set back.
        assert_eq!(at("e 1", 9_000), 9_000);
    }

    fn read(text: &str) -> Result<String, String> {
        sample(text).map(|sample| serde_json::to_string(&sample).unwrap())
    }

    #[test]
    fn samples_are_read() {
        for (text, expected) in [
            ("a 1", r#"{"metric":"a","value":1}"#),
            (
                "a 18446744073709551615",
                r#"{"metric":"a","value":18446744073709551615}"#,
            ),
            ("  a\t1.5  ", r#"{"metric":"a","value":1.5}"#),
            ("a -2e3", r#"{"metric":"a","value":-2000.0}"#),
            ("a{} 1", r#"{"metric":"a","value":1}"#),
            (
                r#"a{b="} \"7",c=""} 1 2026-03-01T12:00:00Z"#,
                r#"{"metric":"a","labels":{"b":"} \"7","c":""},"at":"2026-03-01T12:00:00.000Z","value":1}"#,
            ),
            (
                r#"a {device_id="0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21"} 1"#,
                r#"{"metric":"a","device_id":"0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21","value":1}"#,
            ),
            (
                r#"{"series_id":"0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21","value":2}"#,
                r#"{"series_id":"0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21","value":2}"#,
            ),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_sample_is_told() {
        for (text, expected) in [
            ("a", "a value is expected"),
            ("a x", "no number"),
            ("a NaN", "no number that is finite"),
            ("a 1e999", "no number that is finite"),
            ("a 1 noon", "noon"),
            ("a 1 2026-03-01T12:00:00Z 2", "nothing more"),
            ("9a 1", "a name is expected"),
            (r#"a{b="c} 1"#, "no closing quote"),
            (r#"a{b=~"c"} 1"#, "NAME="),
            (r#"a{b="c",b="d"} 1"#, "twice"),
            (r#"a{device_id="core-1"} 1"#, "core-1"),
            (r#"{"metric":"a","value":1,"colour":2}"#, "colour"),
            (r#"{"value":1}"#, "series_id"),
            (r#"{"metric":"a"}"#, "value"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
