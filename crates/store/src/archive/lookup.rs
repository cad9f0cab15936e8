//! `series.parquet`: which series an archived day has, what they are, and where their samples are.
//!
//! Rows ascend by device and then by id, as the samples do, so that a device is found by the bounds of row
//! groups, and its rows are in one piece.

use super::blocks::Remote;
use crate::parquet::{About, Cells, Footer, ParquetError, Written, settings};
use ::parquet::basic::{Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use ::parquet::errors::ParquetError as Source;
use ::parquet::file::metadata::SortingColumn;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use model::{DeviceId, SeriesId};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

/// Rows of a row group: what is gone through to find a device.
const ROW_GROUP_ROWS: usize = 65_536;
/// The name of the file.
pub(super) const NAME: &str = "series.parquet";

/// A series of a day, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) about: About,
    pub(super) site: Option<String>,
    pub(super) unit: String,
    pub(super) kind: String,
    pub(super) vantage: Option<String>,
    pub(super) interface_id: Option<String>,
    /// The number of the file that its samples are in.
    pub(super) file: i32,
    /// The row of that file that the first of them is, from nought.
    pub(super) first_row: u64,
    pub(super) rows: usize,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

/// Where the samples of a series are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: SeriesId,
    pub(super) file: usize,
    pub(super) first_row: u64,
    pub(super) rows: usize,
}

/// A series of a day, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) place: Place,
    pub(super) metric: String,
    pub(super) labels: String,
    pub(super) interface: Option<String>,
}

/// Writes the file, some rows in memory.
pub(super) struct LookupWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<Listed>,
    written: Written,
}

/// Its columns; each is of one type.
enum Column {
    Text(&'static str, fn(&Listed) -> String),
    Perhaps(&'static str, fn(&Listed) -> Option<&String>),
    Int(&'static str, fn(&Listed) -> i32),
    Long(&'static str, fn(&Listed) -> i64),
    Time(&'static str, fn(&Listed) -> i64),
}

const COLUMNS: [Column; 16] = [
    Column::Text("series_id", |row| row.about.series_id.to_string()),
    Column::Text("device_id", |row| row.about.device_id.to_string()),
    Column::Text("device", |row| row.about.device.clone()),
    Column::Perhaps("site", |row| row.site.as_ref()),
    Column::Text("metric", |row| row.about.metric.clone()),
    Column::Text("unit", |row| row.unit.clone()),
    Column::Text("kind", |row| row.kind.clone()),
    Column::Perhaps("vantage", |row| row.vantage.as_ref()),
    Column::Perhaps("interface_id", |row| row.interface_id.as_ref()),
    Column::Perhaps("interface", |row| row.about.interface.as_ref()),
    Column::Text("labels", |row| row.about.labels.clone()),
    Column::Int("file", |row| row.file),
    Column::Long("first_row", |row| {
        i64::try_from(row.first_row).unwrap_or(i64::MAX)
    }),
    Column::Int("rows", |row| i32::try_from(row.rows).unwrap_or(i32::MAX)),
    Column::Time("first_time", |row| row.first_ms),
    Column::Time("last_time", |row| row.last_ms),
];

impl Column {
    fn field(&self) -> Result<Type, Source> {
        let number = |name, physical| {
            Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::REQUIRED)
                .build()
        };
        match self {
            Self::Text(name, _) => crate::parquet::text(name, Repetition::REQUIRED),
            Self::Perhaps(name, _) => crate::parquet::text(name, Repetition::OPTIONAL),
            Self::Int(name, _) => number(name, Physical::INT32),
            Self::Long(name, _) => number(name, Physical::INT64),
            Self::Time(name, _) => crate::parquet::time(name),
        }
    }
}

impl<W: Write + Send> LookupWriter<W> {
    pub(super) fn new(out: W, said: &[(&str, String)]) -> Result<Self, ParquetError> {
        let fields: Result<_, _> = COLUMNS.iter().map(Column::field).collect();
        let schema = fields.and_then(|fields| crate::parquet::message("foretell_series", fields));
        // Device, then series.
        let sorted = [1, 0].map(|column_idx| SortingColumn {
            column_idx,
            descending: false,
            nulls_first: false,
        });
        let settings = settings(said)?.set_sorting_columns(Some(sorted.to_vec()));
        let file = schema
            .and_then(|schema| SerializedFileWriter::new(out, schema, Arc::new(settings.build())));
        Ok(Self {
            file: file.map_err(ParquetError::Write)?,
            rows: Vec::new(),
            written: Written::default(),
        })
    }

    pub(super) fn push(&mut self, row: Listed) -> Result<(), ParquetError> {
        self.rows.push(row);
        self.written.rows += 1;
        if self.rows.len() >= ROW_GROUP_ROWS {
            self.end_group().map_err(ParquetError::Write)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(W, Written), ParquetError> {
        if !self.rows.is_empty() {
            self.end_group().map_err(ParquetError::Write)?;
        }
        let out = self.file.into_inner().map_err(ParquetError::Write)?;
        Ok((out, self.written))
    }

    fn end_group(&mut self) -> Result<(), Source> {
        let rows = &self.rows;
        let mut group = self.file.next_row_group()?;
        let mut columns = COLUMNS.iter();
        while let (Some(mut out), Some(column)) = (group.next_column()?, columns.next()) {
            match column {
                Column::Text(_, of) => {
                    let texts = rows.iter().map(|row| ByteArray::from(of(row).into_bytes()));
                    let texts: Vec<ByteArray> = texts.collect();
                    out.typed::<ByteArrayType>()
                        .write_batch(&texts, None, None)?;
                }
                Column::Perhaps(_, of) => {
                    let levels = rows.iter().map(|row| i16::from(of(row).is_some()));
                    let levels: Vec<i16> = levels.collect();
                    let texts = rows.iter().filter_map(of);
                    let texts = texts.map(|text| ByteArray::from(text.as_bytes().to_vec()));
                    let texts: Vec<ByteArray> = texts.collect();
                    out.typed::<ByteArrayType>()
                        .write_batch(&texts, Some(&levels), None)?;
                }
                Column::Int(_, of) => {
                    let numbers: Vec<i32> = rows.iter().map(of).collect();
                    out.typed::<Int32Type>().write_batch(&numbers, None, None)?;
                }
                Column::Long(_, of) | Column::Time(_, of) => {
                    let numbers: Vec<i64> = rows.iter().map(of).collect();
                    out.typed::<Int64Type>().write_batch(&numbers, None, None)?;
                }
            }
            out.close()?;
        }
        group.close()?;
        self.written.row_groups += 1;
        self.rows.clear();
        Ok(())
    }
}

/// The devices of a day, ascending.
pub(super) fn devices(file: &Arc<Remote>) -> Result<Vec<DeviceId>, ParquetError> {
    let footer = file.footer()?;
    let mut found = BTreeSet::new();
    for (group, rows) in row_groups(&footer)? {
        for id in texts(&footer, file, group, (0, rows), "device_id")? {
            found.insert(parsed(&id)?);
        }
    }
    Ok(found.into_iter().collect())
}

/// Where the samples of a device's series are, ascending by id.
pub(super) fn places(file: &Arc<Remote>, device_id: DeviceId) -> Result<Vec<Place>, ParquetError> {
    let mut found = Vec::new();
    each_part(file, device_id, |footer, group, range| {
        found.extend(places_in(footer, file, group, range)?);
        Ok(())
    })?;
    Ok(found)
}

/// The series of a device, ascending by id.
pub(super) fn named(file: &Arc<Remote>, device_id: DeviceId) -> Result<Vec<Named>, ParquetError> {
    let mut found = Vec::new();
    each_part(file, device_id, |footer, group, range| {
        let places = places_in(footer, file, group, range)?;
        let metrics = texts(footer, file, group, range, "metric")?;
        let labels = texts(footer, file, group, range, "labels")?;
        let interfaces = footer.cells(file, group, range, &["interface"])?;
        let [Cells::Text(interfaces)] = interfaces.as_slice() else {
            return Err(ParquetError::unfit("`interface` is no text"));
        };
        let rows = places.into_iter().zip(metrics).zip(labels).zip(interfaces);
        for (((place, metric), labels), interface) in rows {
            found.push(Named {
                place,
                metric,
                labels,
                interface: interface.as_ref().map(text).transpose()?,
            });
        }
        Ok(())
    })?;
    Ok(found)
}

/// The rows of a device in each row group that has any.
fn each_part(
    file: &Arc<Remote>,
    device_id: DeviceId,
    mut see: impl FnMut(&Footer, usize, (usize, usize)) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let footer = file.footer()?;
    let wanted = device_id.to_string();
    for (group, rows) in row_groups(&footer)? {
        let bounds = footer.bounds_of(group, "device_id");
        let beyond =
            |(least, most): (&[u8], &[u8])| wanted.as_bytes() < least || wanted.as_bytes() > most;
        if bounds.is_some_and(beyond) {
            continue;
        }
        let ids = texts(&footer, file, group, (0, rows), "device_id")?;
        let begin = ids.partition_point(|id| *id < wanted);
        let end = ids.partition_point(|id| *id <= wanted);
        if begin < end {
            see(&footer, group, (begin, end - begin))?;
        }
    }
    Ok(())
}

fn places_in(
    footer: &Footer,
    file: &Arc<Remote>,
    group: usize,
    range: (usize, usize),
) -> Result<Vec<Place>, ParquetError> {
    let ids = texts(footer, file, group, range, "series_id")?;
    let cells = footer.cells(file, group, range, &["file", "first_row", "rows"])?;
    let [
        Cells::Whole(files),
        Cells::Whole(firsts),
        Cells::Whole(counts),
    ] = cells.as_slice()
    else {
        return Err(ParquetError::unfit("a place is no number"));
    };
    let rows = ids.iter().zip(files).zip(firsts).zip(counts);
    let places = rows.map(|(((id, file), first), rows)| {
        let number = |cell: &Option<i64>| {
            let number = cell.and_then(|cell| u64::try_from(cell).ok());
            number.ok_or_else(|| ParquetError::unfit("a place is below nought"))
        };
        let size = |cell: &Option<i64>| {
            let number = usize::try_from(number(cell)?);
            number.map_err(|_| ParquetError::unfit("a place is too large"))
        };
        Ok(Place {
            id: parsed(id)?,
            file: size(file)?,
            first_row: number(first)?,
            rows: size(rows)?,
        })
    });
    places.collect()
}

fn row_groups(footer: &Footer) -> Result<Vec<(usize, usize)>, ParquetError> {
    let groups = footer.row_groups().into_iter().enumerate();
    let groups = groups.map(|(group, rows)| {
        let rows = usize::try_from(rows)
            .ok()
            .filter(|rows| *rows <= ROW_GROUP_ROWS);
        let rows = rows.ok_or_else(|| ParquetError::unfit("a row group is too large"))?;
        Ok((group, rows))
    });
    groups.collect()
}

fn texts(
    footer: &Footer,
    file: &Arc<Remote>,
    group: usize,
    range: (usize, usize),
    column: &str,
) -> Result<Vec<String>, ParquetError> {
    let cells = footer.cells(file, group, range, &[column])?;
    let [Cells::Text(cells)] = cells.as_slice() else {
        return Err(ParquetError::unfit(format!("`{column}` is no text")));
    };
    let texts = cells.iter().map(|cell| {
        let cell = cell.as_ref();
        cell.map_or_else(|| Err(ParquetError::unfit("a text is missing")), text)
    });
    texts.collect()
}

fn text(cell: &ByteArray) -> Result<String, ParquetError> {
    let text = std::str::from_utf8(cell.data());
    let text = text.map_err(|_| ParquetError::unfit("a text is not UTF-8"))?;
    Ok(text.to_owned())
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, ParquetError> {
    text.parse()
        .map_err(|_| ParquetError::unfit(format!("{text} is no id")))
}
