//! Samples as CSV (RFC 4180): a header, then a row a sample.

use super::row::{self, End, Named, Of, ReadError, Refused, Row, Whose, Why, short};
use super::text::LINE_LEN_MAX;
use super::{Exported, See};
use model::{Labels, Timestamp, Value};
use std::borrow::Cow;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// Columns that are read at most.
pub(super) const COLUMNS_MAX: usize = 64;

/// The byte order mark that some programs put before a file.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holds {
    Time,
    Value,
    SeriesId,
    Metric,
    DeviceId,
    Device,
    Labels,
    Label(String),
    /// What is written for people and known from the metric.
    Unit,
}

/// Reads a file.
pub(super) fn read(input: &mut dyn BufRead, see: &mut See<'_>) -> Result<End, ReadError> {
    if input.fill_buf()?.starts_with(MARK) {
        input.consume(MARK.len());
    }
    let mut records = Records::new(input);
    let header = match records.next()? {
        Got::Record if records.record.broken => {
            let detail = "the header is not UTF-8, or a quote of it is not closed";
            return Err(ReadError::not_it(1, detail));
        }
        Got::Record => records.record.fields().map(Cow::into_owned).collect(),
        Got::TooLong => return Err(ReadError::not_it(1, "the header is too long")),
        Got::None => Vec::new(),
    };
    let columns = header_of(&header).map_err(|detail| ReadError::not_it(1, detail))?;
    let mut before: Option<(Vec<String>, Arc<Of>)> = None;
    loop {
        let line = records.line + 1;
        let read = match records.next()? {
            Got::None => return Ok(End::default()),
            Got::TooLong => {
                let detail = format!("a row has at most {LINE_LEN_MAX} octets");
                Err(Refused::new(line, Why::TooLong, detail))
            }
            Got::Record if records.record.is_empty_line() => continue,
            Got::Record => row_of(&columns, &records.record, line, &mut before),
        };
        if see(read).is_break() {
            return Ok(End::default());
        }
    }
}

fn header_of(header: &[String]) -> Result<Vec<Holds>, String> {
    if header.len() > COLUMNS_MAX {
        return Err(format!("there are more than {COLUMNS_MAX} columns"));
    }
    let mut columns = Vec::new();
    for name in header {
        let name = name.trim();
        let holds = match name {
            "time" => Holds::Time,
            "value" => Holds::Value,
            "series_id" => Holds::SeriesId,
            "metric" => Holds::Metric,
            "device_id" => Holds::DeviceId,
            "device" => Holds::Device,
            "labels" => Holds::Labels,
            "unit" => Holds::Unit,
            _ => match name.strip_prefix("label:") {
                Some(label) => Holds::Label(label.to_owned()),
                None => return Err(format!("no column is called `{}`", short(name))),
            },
        };
        if columns.contains(&holds) {
            return Err(format!("the column `{}` is there twice", short(name)));
        }
        columns.push(holds);
    }
    let has = |holds: &Holds| columns.contains(holds);
    if !has(&Holds::Value) {
        return Err("the header names no column `value`".to_owned());
    }
    if !has(&Holds::SeriesId) && !has(&Holds::Metric) {
        return Err("the header names neither a column `series_id` nor `metric`".to_owned());
    }
    Ok(columns)
}

fn row_of(
    columns: &[Holds],
    record: &Record,
    line: u64,
    before: &mut Option<(Vec<String>, Arc<Of>)>,
) -> Result<Row, Refused> {
    let refused = |(why, detail): (Why, String)| Refused::new(line, why, detail);
    if record.len() != columns.len() {
        let (given, wanted) = (record.len(), columns.len());
        let detail = format!("the row has {given} fields, the header {wanted}");
        return Err(Refused::new(line, Why::Malformed, detail));
    }
    if record.broken {
        let detail = "it is not UTF-8, or a quote is not closed, or stands within a field";
        return Err(Refused::new(line, Why::Malformed, detail));
    }
    let (mut at, mut value) = (None, None);
    let same = match before.as_ref() {
        Some((texts, of)) => {
            let ours = of_series(columns, record).map(|(_, text)| text);
            ours.eq(texts.iter().map(|text| Cow::Borrowed(text.as_str())))
                .then(|| Arc::clone(of))
        }
        None => None,
    };
    for (holds, text) in columns.iter().zip(record.fields()) {
        let text = text.trim();
        match holds {
            Holds::Time if !text.is_empty() => at = Some(row::time(text).map_err(refused)?),
            Holds::Value => value = Some(row::value(text).map_err(refused)?),
            _ => {}
        }
    }
    let of = if let Some(of) = same {
        of
    } else {
        let of = Arc::new(of_of(columns, record).map_err(refused)?);
        let texts = of_series(columns, record).map(|(_, text)| text.into_owned());
        *before = Some((texts.collect(), Arc::clone(&of)));
        of
    };
    let value = value.ok_or_else(|| refused((Why::BadValue, "there is no value".to_owned())))?;
    Ok(Row {
        line,
        of,
        at,
        value,
    })
}

/// The fields that say of which series a row is.
fn of_series<'a>(
    columns: &'a [Holds],
    record: &'a Record,
) -> impl Iterator<Item = (&'a Holds, Cow<'a, str>)> {
    let both = columns.iter().zip(record.fields());
    both.filter(|(holds, _)| !matches!(holds, Holds::Time | Holds::Value | Holds::Unit))
}

fn of_of(columns: &[Holds], record: &Record) -> Result<Of, (Why, String)> {
    let mut of = Of::default();
    let (mut metric, mut id, mut name) = (None, None, None);
    let mut labels = Labels::default();
    let taken_twice = |name: &str| {
        let detail = format!("the label `{}` is given twice", short(name));
        (Why::BadLabels, detail)
    };
    for (holds, text) in of_series(columns, record) {
        // Values of labels are taken as they are; of all else the blanks around it go.
        let tidy = text.trim();
        match holds {
            _ if text.is_empty() => {}
            Holds::SeriesId => {
                let bad = |error| (Why::UnknownSeries, format!("{error}"));
                of.id = Some(tidy.parse().map_err(bad)?);
            }
            Holds::Metric => metric = Some(tidy.to_owned()),
            Holds::DeviceId => {
                let bad = |error| (Why::UnknownDevice, format!("{error}"));
                id = Some(tidy.parse().map_err(bad)?);
            }
            Holds::Device => name = Some(tidy.to_owned()),
            Holds::Labels => {
                let read: Labels = serde_json::from_str(tidy).map_err(|_| {
                    let detail = "the labels are no JSON object of texts".to_owned();
                    (Why::BadLabels, detail)
                })?;
                for (name, value) in read.0 {
                    if labels.0.contains_key(&name) {
                        return Err(taken_twice(&name));
                    }
                    labels.0.insert(name, value);
                }
            }
            Holds::Label(name) => {
                if labels.0.insert(name.clone(), text.into_owned()).is_some() {
                    return Err(taken_twice(name));
                }
            }
            Holds::Time | Holds::Value | Holds::Unit => {}
        }
    }
    of.named = metric.map(|metric| Named {
        metric,
        or_metric: None,
        device: match (id, name) {
            (Some(id), _) => Whose::Id(id),
            (None, Some(name)) => Whose::Name(name),
            (None, None) => Whose::Unsaid,
        },
        labels,
        said: None,
    });
    Ok(of)
}

/// A row of a file, as fields.
#[derive(Default)]
struct Record {
    text: Vec<u8>,
    /// Where each field ends in the text.
    ends: Vec<usize>,
    /// A quote was not where one may be.
    broken: bool,
    quoted: bool,
}

impl Record {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        (self.broken, self.quoted) = (false, false);
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether each field by itself is UTF-8.
    fn is_text(&self) -> bool {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let mut fields = begins.zip(&self.ends);
        fields.all(|(begin, end)| {
            let octets = self.text.get(begin..*end).unwrap_or_default();
            std::str::from_utf8(octets).is_ok()
        })
    }

    fn is_empty_line(&self) -> bool {
        self.ends.len() == 1 && self.text.is_empty() && !self.quoted
    }

    fn fields(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let fields = begins.zip(&self.ends);
        fields.map(|(begin, end)| {
            String::from_utf8_lossy(self.text.get(begin..*end).unwrap_or_default())
        })
    }
}

/// What was met.
enum Got {
    Record,
    TooLong,
    None,
}

/// Where in a field one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Begin,
    Plain,
    Quoted,
    /// Behind a quote within quotes: the end of them, or half of one that is meant.
    Quote,
}

/// The rows of a file.
struct Records<'a> {
    input: &'a mut dyn BufRead,
    record: Record,
    /// Lines that were read.
    line: u64,
}

impl<'a> Records<'a> {
    fn new(input: &'a mut dyn BufRead) -> Self {
        Self {
            input,
            record: Record::default(),
            line: 0,
        }
    }

    fn next(&mut self) -> io::Result<Got> {
        let record = &mut self.record;
        record.clear();
        let (mut place, mut any, mut too_long) = (Place::Begin, false, false);
        let mut after_return = false;
        'record: loop {
            let octets = self.input.fill_buf()?;
            if octets.is_empty() {
                break;
            }
            any = true;
            let mut used = 0;
            for octet in octets {
                used += 1;
                let was_return = std::mem::take(&mut after_return);
                match (place, octet) {
                    // A row that is too long ends with its line, for a quote that is never closed
                    // would take all others with it.
                    (_, b'\n') if too_long || place != Place::Quoted => {
                        self.line += 1;
                        if was_return && place == Place::Plain {
                            record.text.pop();
                        }
                        after_return = false;
                        self.input.consume(used);
                        record.broken |= place == Place::Quoted;
                        break 'record;
                    }
                    // A return behind a quote ends the line, and nothing else is behind it.
                    (Place::Quote, octet) if was_return => {
                        record.broken = true;
                        record.text.push(*octet);
                        place = Place::Plain;
                    }
                    (Place::Quoted, b'"') => place = Place::Quote,
                    (Place::Quote, b'"') => {
                        record.text.push(b'"');
                        place = Place::Quoted;
                    }
                    (Place::Begin, b'"') => {
                        record.quoted = true;
                        place = Place::Quoted;
                    }
                    (Place::Quoted, _) => {
                        self.line += u64::from(*octet == b'\n');
                        record.text.push(*octet);
                    }
                    (_, b',') => {
                        record.ends.push(record.text.len());
                        place = Place::Begin;
                    }
                    (Place::Quote, b'\r') => after_return = true,
                    (Place::Quote, _) => {
                        record.broken = true;
                        record.text.push(*octet);
                    }
                    (_, octet) => {
                        record.broken |= *octet == b'"';
                        after_return = *octet == b'\r';
                        record.text.push(*octet);
                        place = Place::Plain;
                    }
                }
                if record.text.len() > LINE_LEN_MAX || record.ends.len() > COLUMNS_MAX {
                    too_long = true;
                    record.text.clear();
                    record.ends.clear();
                }
            }
            self.input.consume(used);
        }
        if !any {
            return Ok(Got::None);
        }
        if too_long {
            return Ok(Got::TooLong);
        }
        if after_return && place == Place::Plain {
            // The file ends in the midst of the end of its last line.
            record.text.pop();
        }
        record.ends.push(record.text.len());
        record.broken |= place == Place::Quoted || !record.is_text();
        Ok(Got::Record)
    }
}

/// The header of what is written.
pub(super) fn write_header(output: &mut dyn Write) -> io::Result<()> {
    output.write_all(b"time,value,metric,unit,device_id,device,series_id,labels\n")
}

/// Writes points of a series.
pub(super) fn write(
    output: &mut dyn Write,
    of: &Exported,
    points: &[(Timestamp, Value)],
) -> io::Result<()> {
    let mut behind = String::new();
    for field in [
        of.series.key.metric.name(),
        of.series.key.metric.unit(),
        &of.device_id(),
        &of.device,
        &of.series.id.to_string(),
        &of.labels_text(),
    ] {
        behind.push(',');
        behind.push_str(&quoted(field));
    }
    for (at, value) in points {
        writeln!(output, "{at},{}{behind}", row::written(*value))?;
    }
    Ok(())
}

fn quoted(text: &str) -> Cow<'_, str> {
    let needs = |character: char| matches!(character, ',' | '"' | '\n' | '\r');
    // Blanks around it would be taken for the file's own.
    if text.contains(needs) || text.trim() != text {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    Cow::Borrowed(text)
}
