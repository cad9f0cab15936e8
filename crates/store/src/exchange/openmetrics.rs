//! Samples as OpenMetrics 1.0 text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

mod sample;

use super::row::{self, End, Named, Of, ReadError, Refused, Row, Said, Whose, Why, short};
use super::text::{LINE_LEN_MAX, Line, Lines};
use super::{Exported, See};
use model::metric::Kind;
use model::series::NETWORK;
use model::{Labels, Metric, Timestamp, Value};
use sample::{Sample, parse};
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// The last line.
const EOF: &str = "# EOF";
/// The label that says whose a series is.
const DEVICE_ID: &str = "device_id";
/// What a label of a series is prefixed by that would be taken for one of ours.
const OWN: &str = "own_";
/// Seconds above which a time is of the older format, which counts in milliseconds: the year 5138.
const SECONDS_MAX: f64 = 1e11;

/// What `# TYPE` said of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Unknown,
    /// Histograms and others that have samples of several names.
    Compound,
}

/// The family that is being read.
#[derive(Default)]
struct Family {
    name: String,
    kind: Option<Type>,
    unit: String,
    help: String,
}

/// Reads a file.
pub(super) fn read(input: &mut dyn BufRead, see: &mut See<'_>) -> Result<End, ReadError> {
    let mut lines = Lines::new(input);
    let mut reading = Reading::default();
    loop {
        let read = match lines.next()? {
            Line::None => break,
            Line::TooLong => {
                let detail = format!("a line has at most {LINE_LEN_MAX} octets");
                Some(Err(Refused::new(lines.number, Why::TooLong, detail)))
            }
            Line::Whole => {
                let number = lines.number;
                if number == 1 && lines.buffer.starts_with("\u{feff}".as_bytes()) {
                    let detail = "it begins with a byte order mark, which OpenMetrics has not";
                    return Err(ReadError::not_it(1, detail));
                }
                match std::str::from_utf8(&lines.buffer) {
                    Ok(EOF) => return reading.end(&mut lines),
                    Ok(text) => reading.line(text, number),
                    Err(_) => {
                        let detail = "the line is not UTF-8";
                        Some(Err(Refused::new(number, Why::Malformed, detail)))
                    }
                }
            }
        };
        match &read {
            Some(Err(refused)) if matches!(refused.why, Why::Malformed | Why::TooLong) => {
                reading.first_broken.get_or_insert(refused.line);
            }
            _ => reading.understood = true,
        }
        if read.is_some_and(|read| see(read).is_break()) {
            return Ok(reading.end);
        }
    }
    if !reading.understood
        && let Some(line) = reading.first_broken
    {
        let detail = "no line of it is one of OpenMetrics";
        return Err(ReadError::not_it(line, detail));
    }
    if let Some(line) = reading.first_in_ms {
        let detail = "times are in milliseconds and the last line is not `# EOF`: it is the older \
                      text format of Prometheus, whose times are not seconds";
        return Err(ReadError::not_it(line, detail));
    }
    reading.end.cut_short = true;
    Ok(reading.end)
}

#[derive(Default)]
struct Reading {
    family: Family,
    said: Option<Arc<Said>>,
    end: End,
    /// Some line was one of the format.
    understood: bool,
    /// The first line that was none.
    first_broken: Option<u64>,
    /// A time was met.
    timed: bool,
    /// The line of the first time, where that was in milliseconds.
    first_in_ms: Option<u64>,
    /// What the sample before was of, and what that means.
    before: Option<(String, Arc<Of>)>,
}

impl Reading {
    fn end(self, lines: &mut Lines<'_>) -> Result<End, ReadError> {
        if lines.next()? == Line::None {
            return Ok(self.end);
        }
        let detail = "there is more behind `# EOF`";
        Err(ReadError::not_it(lines.number, detail))
    }

    fn line(&mut self, text: &str, line: u64) -> Option<Result<Row, Refused>> {
        if let Some(said) = text.strip_prefix("# ") {
            let known = self.metadata(said);
            return (!known).then(|| {
                let detail = format!("`{}` is no line of OpenMetrics", short(text));
                Err(Refused::new(line, Why::Malformed, detail))
            });
        }
        let sample = match parse(text) {
            Ok(sample) => sample,
            Err((why, detail)) => return Some(Err(Refused::new(line, why, detail))),
        };
        if sample.has_exemplar {
            self.end.leave_out("exemplars");
        }
        let suffix = sample.name.strip_prefix(self.family.name.as_str());
        if suffix == Some("_created") && self.family.kind.is_some() {
            self.end.leave_out("created");
            return None;
        }
        Some(self.row(&sample, line))
    }

    fn row(&mut self, sample: &Sample<'_>, line: u64) -> Result<Row, Refused> {
        let refused = |(why, detail): (Why, String)| Refused::new(line, why, detail);
        let at = sample.time.map(|seconds| {
            if !std::mem::replace(&mut self.timed, true) && seconds > SECONDS_MAX {
                self.first_in_ms = Some(line);
            }
            time(seconds)
        });
        let at = at.transpose().map_err(refused)?;
        let value = row::value(sample.value).map_err(refused)?;
        let of = match &self.before {
            Some((text, of)) if text == sample.series => Arc::clone(of),
            _ => {
                let of = Arc::new(self.of(sample).map_err(refused)?);
                self.before = Some((sample.series.to_owned(), Arc::clone(&of)));
                of
            }
        };
        Ok(Row {
            line,
            of,
            at,
            value,
        })
    }

    fn of(&mut self, sample: &Sample<'_>) -> Result<Of, (Why, String)> {
        let mut labels = Labels::default();
        let mut device = Whose::Unsaid;
        for (name, value) in &sample.labels {
            // An empty label is as none.
            if value.is_empty() {
                continue;
            }
            if *name == DEVICE_ID {
                let id = value.parse();
                device = Whose::Id(id.map_err(|error| (Why::UnknownDevice, format!("{error}")))?);
                continue;
            }
            let name = name
                .strip_prefix(OWN)
                .filter(|name| is_ours(name))
                .unwrap_or(name);
            let twice = labels.0.insert(name.to_owned(), value.clone().into_owned());
            if twice.is_some() {
                let detail = format!("the label `{}` is given twice", short(name));
                return Err((Why::BadLabels, detail));
            }
        }
        let name = sample.name;
        let suffix = name.strip_prefix(self.family.name.as_str());
        let (metric, or_metric) = match (self.family.kind, suffix) {
            (Some(Type::Counter), Some("_total")) => {
                (self.family.name.clone(), Some(name.to_owned()))
            }
            _ => (name.to_owned(), None),
        };
        Ok(Of {
            id: None,
            named: Some(Named {
                metric,
                or_metric,
                device,
                labels,
                said: self.said(suffix),
            }),
        })
    }

    /// What the family says of the metric of a sample with this suffix.
    fn said(&mut self, suffix: Option<&str>) -> Option<Arc<Said>> {
        let kind = match (self.family.kind?, suffix?) {
            (Type::Counter, "_total") => Kind::Counter,
            (Type::Gauge | Type::Unknown, "") => Kind::Gauge,
            _ => return None,
        };
        let family = &self.family;
        let said = self.said.get_or_insert_with(|| {
            Arc::new(Said {
                kind,
                unit: family.unit.clone(),
                help: family.help.clone(),
            })
        });
        Some(Arc::clone(said))
    }

    /// Takes what a line says of a family; whether it is such a line.
    fn metadata(&mut self, said: &str) -> bool {
        let mut parts = said.splitn(3, ' ');
        let (Some(what), Some(name), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        if !matches!(what, "TYPE" | "UNIT" | "HELP") {
            return false;
        }
        if self.family.name != name {
            self.family = Family {
                name: name.to_owned(),
                ..Family::default()
            };
        }
        (self.said, self.before) = (None, None);
        match what {
            "UNIT" => text.clone_into(&mut self.family.unit),
            "HELP" => self.family.help = sample::unescaped(text),
            _ => {
                self.family.kind = Some(match text {
                    "counter" => Type::Counter,
                    "gauge" => Type::Gauge,
                    "unknown" => Type::Unknown,
                    "histogram" | "gaugehistogram" | "summary" | "info" | "stateset" => {
                        Type::Compound
                    }
                    _ => return false,
                });
            }
        }
        true
    }
}

/// Whether a label of a series has a name that means something else here: [`DEVICE_ID`], also behind
/// prefixes. It is written with one prefix more, which is taken off again.
fn is_ours(name: &str) -> bool {
    name.trim_start_matches(OWN) == DEVICE_ID
}

/// A time in seconds, to the millisecond.
fn time(seconds: f64) -> Result<Timestamp, (Why, String)> {
    let ms = (seconds * 1_000.0).round();
    if !(0.0..=8.64e15).contains(&ms) {
        let detail = format!("{seconds} seconds since 1970 is no time that is kept");
        return Err((Why::OutOfTime, detail));
    }
    #[allow(clippy::cast_possible_truncation)] // It is between 0 and 2^53.
    Ok(Timestamp::from_unix_ms(ms as i64))
}

/// Under which family a metric is written. That of a counter is its name without `_total`, unless
/// another metric has that name.
pub(super) fn family_of(metric: Metric) -> &'static str {
    let name = metric.name();
    let stripped = name.strip_suffix("_total").filter(|family| {
        metric.kind() == Kind::Counter && !family.is_empty() && Metric::named(family).is_err()
    });
    stripped.unwrap_or(name)
}

/// Writes what is said of a metric before its samples.
pub(super) fn write_family(output: &mut dyn Write, metric: Metric) -> io::Result<()> {
    let family = family_of(metric);
    let kind = match metric.kind() {
        Kind::Counter => "counter",
        // A set of states is something else here: each state a sample.
        Kind::Gauge | Kind::State => "gauge",
    };
    writeln!(output, "# TYPE {family} {kind}")?;
    let unit = metric.unit();
    // A unit may be told only where the name ends in it.
    if !unit.is_empty() && family.strip_suffix(unit).is_some_and(|f| f.ends_with('_')) {
        writeln!(output, "# UNIT {family} {unit}")?;
    }
    writeln!(output, "# HELP {family} {}", escaped(metric.row().help))
}

/// Writes points of a series.
pub(super) fn write(
    output: &mut dyn Write,
    of: &Exported,
    points: &[(Timestamp, Value)],
) -> io::Result<()> {
    let key = &of.series.key;
    let mut series = family_of(key.metric).to_owned();
    if key.metric.kind() == Kind::Counter {
        series.push_str("_total");
    }
    let mut comma = '{';
    let mut label = |name: &str, value: &str| {
        let _ = write!(series, "{comma}{name}=\"{}\"", escaped(value));
        comma = ',';
    };
    if key.device_id != NETWORK {
        label(DEVICE_ID, &key.device_id.to_string());
    }
    for (name, value) in &key.labels.0 {
        if is_ours(name) {
            label(&format!("{OWN}{name}"), value);
        } else {
            label(name, value);
        }
    }
    if comma == ',' {
        series.push('}');
    }
    for (at, value) in points {
        let ms = at.unix_ms();
        let (seconds, ms) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
        let value = row::written(*value);
        writeln!(output, "{series} {value} {seconds}.{ms:03}")?;
    }
    Ok(())
}

/// Writes the last line.
pub(super) fn write_last(output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "{EOF}")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}
