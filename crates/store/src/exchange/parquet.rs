//! Samples as Parquet. What is written has the columns of the archive's files and the labels beside each
//! sample; what others wrote is read by the names of its columns.

use super::row::{End, Named, Of, ReadError, Refused, Row, Whose, Why, short};
use super::{Exported, See};
use crate::parquet::{
    About, Bounds, CellKind, Cells, ColumnAbout, Columns, ParquetError, SamplesWriter, Table,
    TimeUnit, guarded,
};
use model::{Labels, Timestamp, Value};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What a column holds of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Time(TimeUnit),
    /// A number, whatever its column says that it is.
    Value(CellKind),
    SeriesId,
    Metric,
    DeviceId,
    Device,
    Labels,
}

/// Reads a file. A panic of the parser, which is not ours, is an unreadable file.
pub(super) fn read(file: File, see: &mut See<'_>) -> Result<End, ReadError> {
    let see = std::panic::AssertUnwindSafe(see);
    guarded(move || read_table(file, see.0))
}

impl From<ParquetError> for ReadError {
    fn from(error: ParquetError) -> Self {
        let stems = std::error::Error::source(&error);
        let detail = stems.map_or(error.to_string(), |stem| format!("{error}: {stem}"));
        Self::not_it(0, detail)
    }
}

fn read_table(file: File, see: &mut See<'_>) -> Result<End, ReadError> {
    let bounds = Bounds {
        columns: super::csv::COLUMNS_MAX,
        ..Bounds::default()
    };
    let table = Table::open(file, &bounds)?;
    let mut end = End::default();
    let (mut wanted, mut names) = (Vec::new(), BTreeSet::new());
    for (place, column) in table.columns().iter().enumerate() {
        match holds(column)? {
            Some(_) if !names.insert(&column.name) => {
                let name = short(&column.name);
                let detail = format!("the column `{name}` is there twice");
                return Err(ReadError::not_it(0, detail));
            }
            Some(holds) => wanted.push((place, holds)),
            None => end.leave_out("columns"),
        }
    }
    let has = |is: fn(Holds) -> bool| wanted.iter().any(|(_, holds)| is(*holds));
    if !has(|holds| matches!(holds, Holds::Value(_))) {
        let detail = "it has no column `value`, nor `value_u64` or `value_f64`";
        return Err(ReadError::not_it(0, detail));
    }
    if !has(|holds| matches!(holds, Holds::SeriesId | Holds::Metric)) {
        let detail = "it has neither a column `series_id` nor `metric`";
        return Err(ReadError::not_it(0, detail));
    }
    let places: Vec<usize> = wanted.iter().map(|(place, _)| *place).collect();
    let holds: Vec<Holds> = wanted.iter().map(|(_, holds)| *holds).collect();
    let mut batch = Batch {
        holds: &holds,
        before: None,
        row: 0,
    };
    table.batches(&places, &mut |cells| batch.rows(cells, see))?;
    Ok(end)
}

fn holds(column: &ColumnAbout) -> Result<Option<Holds>, ReadError> {
    // One within a group has all names, with points between.
    let (name, kind) = match column.name.split_once('.') {
        Some((group, _)) => (group, CellKind::Other),
        None => (column.name.as_str(), column.kind),
    };
    let is_number = matches!(
        kind,
        CellKind::Signed | CellKind::Unsigned | CellKind::Float
    );
    let text = |holds| (kind == CellKind::Text).then_some(holds);
    let holds = match (name, kind) {
        ("time" | "timestamp", CellKind::Time(unit)) => Some(Holds::Time(unit)),
        ("value" | "value_u64" | "value_f64", kind) if is_number => Some(Holds::Value(kind)),
        ("series_id", _) => text(Holds::SeriesId),
        ("metric", _) => text(Holds::Metric),
        ("device_id", _) => text(Holds::DeviceId),
        ("device", _) => text(Holds::Device),
        ("labels", _) => text(Holds::Labels),
        ("time" | "timestamp" | "value" | "value_u64" | "value_f64", _) => None,
        _ => return Ok(None),
    };
    if holds.is_none() {
        let detail = format!(
            "the column `{}` is of a type that is not read: times are TIMESTAMP in INT64, values \
             DOUBLE or INT64, all else is text",
            short(&column.name)
        );
        return Err(ReadError::not_it(0, detail));
    }
    Ok(holds)
}

struct Batch<'a> {
    holds: &'a [Holds],
    /// The texts that said of which series the row before was, and that series.
    before: Option<(Vec<Option<String>>, Arc<Of>)>,
    row: u64,
}

impl Batch<'_> {
    fn rows(&mut self, cells: &[Cells], see: &mut See<'_>) -> ControlFlow<()> {
        let rows = cells.first().map_or(0, |cells| match cells {
            Cells::Whole(cells) => cells.len(),
            Cells::Float(cells) => cells.len(),
            Cells::Text(cells) => cells.len(),
        });
        for at in 0..rows {
            self.row += 1;
            let row = self.one(cells, at);
            see(row.map_err(|(why, detail)| Refused::new(self.row, why, detail)))?;
        }
        ControlFlow::Continue(())
    }

    fn one(&mut self, all: &[Cells], at: usize) -> Result<Row, (Why, String)> {
        let (mut time, mut values) = (None, Vec::new());
        for (holds, cells) in self.holds.iter().zip(all) {
            match (holds, cells) {
                (Holds::Time(unit), Cells::Whole(cells)) => {
                    let raw = cells.get(at).copied().flatten();
                    time = time.or(raw.map(|raw| ms(raw, *unit)));
                }
                (Holds::Value(kind), Cells::Whole(cells)) => {
                    let whole = cells.get(at).copied().flatten();
                    values.extend(whole.map(|raw| match kind {
                        CellKind::Unsigned => Value::U64(raw.cast_unsigned()),
                        _ => u64::try_from(raw).map_or(Value::F64(raw as f64), Value::U64),
                    }));
                }
                (Holds::Value(_), Cells::Float(cells)) => {
                    values.extend(cells.get(at).copied().flatten().map(Value::F64));
                }
                _ => {}
            }
        }
        if values.len() > 1 {
            let detail = "it has two values";
            return Err((Why::BadValue, detail.to_owned()));
        }
        let value = values.pop();
        let value = value.ok_or_else(|| (Why::BadValue, "there is no value".to_owned()))?;
        if !value.as_f64().is_finite() {
            return Err((Why::NotFinite, "the value is not finite".to_owned()));
        }
        Ok(Row {
            line: self.row,
            of: self.of(all, at)?,
            at: time.map(Timestamp::from_unix_ms),
            value,
        })
    }

    fn of(&mut self, all: &[Cells], at: usize) -> Result<Arc<Of>, (Why, String)> {
        let text = |cells: &Cells| match cells {
            Cells::Text(cells) => {
                let octets = cells.get(at).and_then(Option::as_ref);
                let text = octets.map(|octets| str::from_utf8(octets.data()).map(str::to_owned));
                text.transpose()
            }
            _ => Ok(None),
        };
        if let Some((before, of)) = &self.before {
            let same = before.iter().zip(all).all(|(before, cells)| match cells {
                Cells::Text(cells) => {
                    let now = cells.get(at).and_then(Option::as_ref);
                    now.map(parquet_data) == before.as_ref().map(String::as_bytes)
                }
                _ => true,
            });
            if same {
                return Ok(Arc::clone(of));
            }
        }
        let texts: Result<Vec<Option<String>>, _> = all.iter().map(text).collect();
        let texts = texts.map_err(|_| (Why::Malformed, "a text is not UTF-8".to_owned()))?;
        let of = Arc::new(self.of_texts(&texts)?);
        self.before = Some((texts, Arc::clone(&of)));
        Ok(of)
    }

    fn of_texts(&self, texts: &[Option<String>]) -> Result<Of, (Why, String)> {
        let mut of = Of::default();
        let (mut metric, mut id, mut name) = (None, None, None);
        let mut labels = Labels::default();
        for (holds, text) in self.holds.iter().zip(texts) {
            let Some(text) = text.as_ref().filter(|text| !text.is_empty()) else {
                continue;
            };
            match holds {
                Holds::SeriesId => {
                    let bad = |error| (Why::UnknownSeries, format!("{error}"));
                    of.id = Some(text.parse().map_err(bad)?);
                }
                Holds::Metric => metric = Some(text.clone()),
                Holds::DeviceId => {
                    let bad = |error| (Why::UnknownDevice, format!("{error}"));
                    id = Some(text.parse().map_err(bad)?);
                }
                Holds::Device => name = Some(text.clone()),
                Holds::Labels => {
                    labels = serde_json::from_str(text).map_err(|_| {
                        let detail = "the labels are no JSON object of texts".to_owned();
                        (Why::BadLabels, detail)
                    })?;
                }
                Holds::Time(_) | Holds::Value(_) => {}
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
}

fn parquet_data(octets: &::parquet::data_type::ByteArray) -> &[u8] {
    octets.data()
}

fn ms(raw: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Millis => raw,
        TimeUnit::Micros => raw.div_euclid(1_000),
        TimeUnit::Nanos => raw.div_euclid(1_000_000),
    }
}

/// A file that is being written.
pub(super) struct Writer<W: Write + Send>(SamplesWriter<W>);

impl<W: Write + Send> Writer<W> {
    pub(super) fn new(output: W) -> Result<Self, ParquetError> {
        let said = [("foretell.format", "foretell-samples".to_owned())];
        SamplesWriter::new(output, Columns::WithLabels, &said).map(Self)
    }

    /// Octets that were written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    pub(super) fn write(
        &mut self,
        of: &Exported,
        points: &[(Timestamp, Value)],
    ) -> Result<(), ParquetError> {
        let key = &of.series.key;
        let about = About {
            series_id: of.series.id,
            device_id: key.device_id,
            device: of.device.clone(),
            metric: key.metric.name().to_owned(),
            interface: key.labels.get(Labels::INTERFACE).map(str::to_owned),
            labels: of.labels_text(),
        };
        self.0.series(&about, points).map(|_| ())
    }

    pub(super) fn finish(self) -> Result<W, ParquetError> {
        self.0.finish().map(|(output, _)| output)
    }
}
