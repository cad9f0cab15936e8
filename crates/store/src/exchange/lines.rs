//! Samples as JSON objects, one a line: what a file is, then points of series, then how many.

use super::row::{End, Named, Of, ReadError, Refused, Row, Whose, Why};
use super::text::{LINE_LEN_MAX, Line, Lines};
use super::{Exported, See};
use model::{DeviceId, Labels, SeriesId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// What the first line says that the file is.
const FORMAT: &str = "foretell-samples";
const VERSION: u32 = 1;
/// Points of a line that is written.
const POINTS_PER_LINE: usize = 1_000;

/// The first line.
#[derive(Serialize, Deserialize)]
struct First<'a> {
    format: &'a str,
    version: u32,
}

/// A line of points, or the last.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Any {
    series_id: Option<SeriesId>,
    metric: Option<String>,
    device_id: Option<DeviceId>,
    device: Option<String>,
    #[serde(default)]
    labels: Labels,
    points: Option<Vec<(i64, Number)>>,
    at: Option<At>,
    value: Option<Number>,
    end: Option<bool>,
    /// Of how many series, for people.
    #[serde(rename = "series")]
    _series: Option<u64>,
    samples: Option<u64>,
}

/// A time: milliseconds since 1970, or RFC 3339.
#[derive(Deserialize)]
#[serde(untagged)]
enum At {
    Ms(i64),
    Text(Timestamp),
}

/// Points of a series, as they are written.
#[derive(Serialize)]
struct Written<'a> {
    series_id: SeriesId,
    metric: &'a str,
    device_id: Option<DeviceId>,
    labels: &'a Labels,
    points: Vec<(i64, Value)>,
}

/// The last line.
#[derive(Serialize)]
struct Last {
    end: bool,
    series: u64,
    samples: u64,
}

/// Reads a file.
pub(super) fn read(input: &mut dyn BufRead, see: &mut See<'_>) -> Result<End, ReadError> {
    let mut lines = Lines::new(input);
    first(&mut lines)?;
    let mut end = End::default();
    let mut told: u64 = 0;
    loop {
        let number = match lines.next()? {
            Line::None => break,
            Line::TooLong => {
                let detail = format!("a line has at most {LINE_LEN_MAX} octets");
                if see(Err(Refused::new(lines.number, Why::TooLong, detail))).is_break() {
                    return Ok(end);
                }
                continue;
            }
            Line::Whole => lines.number,
        };
        if lines.buffer.trim_ascii().is_empty() {
            continue;
        }
        let any: Any = match serde_json::from_slice(&lines.buffer) {
            Ok(any) => any,
            Err(error) => {
                let detail = without_place(&error);
                if see(Err(Refused::new(number, Why::Malformed, detail))).is_break() {
                    return Ok(end);
                }
                continue;
            }
        };
        if any.end == Some(true) {
            return last(&mut lines, &any, told, end);
        }
        if points(any, number, &mut told, see).is_break() {
            return Ok(end);
        }
    }
    end.cut_short = true;
    Ok(end)
}

fn first(lines: &mut Lines<'_>) -> Result<(), ReadError> {
    let is_there = lines.next()? == Line::Whole;
    let first: Option<First<'_>> = is_there
        .then(|| serde_json::from_slice(&lines.buffer).ok())
        .flatten();
    match first {
        Some(First {
            format: FORMAT,
            version: VERSION,
        }) => Ok(()),
        Some(First {
            format: FORMAT,
            version,
        }) => {
            let detail = format!("it is of version {version}; this server reads {VERSION}");
            Err(ReadError::not_it(1, detail))
        }
        _ => {
            let detail = format!("the first line is not {{\"format\":\"{FORMAT}\",\"version\":1}}");
            Err(ReadError::not_it(1, detail))
        }
    }
}

/// What is behind the last line makes the file none of ours; a count that does not agree says that some
/// of it is missing.
fn last(lines: &mut Lines<'_>, any: &Any, told: u64, mut end: End) -> Result<End, ReadError> {
    end.cut_short = any.samples.is_some_and(|samples| samples != told);
    loop {
        match lines.next()? {
            Line::None => return Ok(end),
            Line::Whole if lines.buffer.trim_ascii().is_empty() => {}
            _ => {
                let detail = "there is more behind the last line";
                return Err(ReadError::not_it(lines.number, detail));
            }
        }
    }
}

fn points(any: Any, line: u64, told: &mut u64, see: &mut See<'_>) -> std::ops::ControlFlow<()> {
    let of = Arc::new(Of {
        id: any.series_id,
        named: any.metric.map(|metric| Named {
            metric,
            or_metric: None,
            device: match (any.device_id, any.device) {
                (Some(id), _) => Whose::Id(id),
                (None, Some(name)) => Whose::Name(name),
                (None, None) => Whose::Unsaid,
            },
            labels: any.labels,
            said: None,
        }),
    });
    let mut one = |at: Option<Timestamp>, number: &Number| {
        *told += 1;
        see(value(number, line).map(|value| Row {
            line,
            of: Arc::clone(&of),
            at,
            value,
        }))
    };
    match (any.points, any.value) {
        (Some(points), None) => {
            for (ms, number) in &points {
                one(Some(Timestamp::from_unix_ms(*ms)), number)?;
            }
            std::ops::ControlFlow::Continue(())
        }
        (None, Some(number)) => {
            let at = any.at.map(|at| match at {
                At::Ms(ms) => Timestamp::from_unix_ms(ms),
                At::Text(at) => at,
            });
            one(at, &number)
        }
        _ => {
            let detail = "a line has either `points` or `value`";
            see(Err(Refused::new(line, Why::Malformed, detail)))
        }
    }
}

fn value(number: &Number, line: u64) -> Result<Value, Refused> {
    if let Some(whole) = number.as_u64() {
        return Ok(Value::U64(whole));
    }
    let finite = number.as_f64().filter(|number| number.is_finite());
    let refused = || Refused::new(line, Why::NotFinite, format!("`{number}` is not finite"));
    finite.map(Value::F64).ok_or_else(refused)
}

/// The sentence without its line, which would be that of the line by itself.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// Writes the first line.
pub(super) fn write_first(output: &mut dyn Write) -> io::Result<()> {
    line(
        output,
        &First {
            format: FORMAT,
            version: VERSION,
        },
    )
}

/// Writes points of a series.
pub(super) fn write(
    output: &mut dyn Write,
    of: &Exported,
    points: &[(Timestamp, Value)],
) -> io::Result<()> {
    let key = &of.series.key;
    for some in points.chunks(POINTS_PER_LINE) {
        let points = some.iter().map(|(at, value)| (at.unix_ms(), *value));
        let written = Written {
            series_id: of.series.id,
            metric: key.metric.name(),
            device_id: (key.device_id != model::series::NETWORK).then_some(key.device_id),
            labels: &key.labels,
            points: points.collect(),
        };
        line(output, &written)?;
    }
    Ok(())
}

/// Writes the last line.
pub(super) fn write_last(output: &mut dyn Write, series: u64, samples: u64) -> io::Result<()> {
    line(
        output,
        &Last {
            end: true,
            series,
            samples,
        },
    )
}

fn line(output: &mut dyn Write, what: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, what)?;
    output.write_all(b"\n")
}
