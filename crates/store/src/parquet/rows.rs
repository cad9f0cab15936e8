//! The columns of samples, and rows that wait to be written as a row group.

use ::parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::{Type, TypePtr};
use model::{DeviceId, SeriesId, Timestamp, Value};
use std::sync::Arc;

/// Which columns are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Those of the archive, whose labels are in a file of their own.
    Archive,
    /// The labels beside each sample, for whoever takes samples elsewhere.
    WithLabels,
}

/// What is written beside each sample of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The series.
    pub series_id: SeriesId,
    /// Whose; nobody's is all noughts.
    pub device_id: DeviceId,
    /// The device's name as of now; empty for the network.
    pub device: String,
    /// What is measured.
    pub metric: String,
    /// The interface's name for people, where it is of one.
    pub interface: Option<String>,
    /// The labels of the key as a JSON object; written where the columns say so.
    pub labels: String,
}

/// A column of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Time,
    SeriesId,
    DeviceId,
    Device,
    Metric,
    Interface,
    Labels,
    U64,
    F64,
}

impl Cell {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::SeriesId => "series_id",
            Self::DeviceId => "device_id",
            Self::Device => "device",
            Self::Metric => "metric",
            Self::Interface => "interface",
            Self::Labels => "labels",
            Self::U64 => "value_u64",
            Self::F64 => "value_f64",
        }
    }

    fn field(self) -> Result<Type, ParquetError> {
        let name = self.name();
        match self {
            Self::Time => time(name),
            Self::SeriesId | Self::DeviceId | Self::Device | Self::Metric | Self::Labels => {
                text(name, Repetition::REQUIRED)
            }
            Self::Interface => text(name, Repetition::OPTIONAL),
            Self::U64 => Type::primitive_type_builder(name, Physical::INT64)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::integer(64, false)))
                .with_converted_type(ConvertedType::UINT_64)
                .build(),
            Self::F64 => Type::primitive_type_builder(name, Physical::DOUBLE)
                .with_repetition(Repetition::OPTIONAL)
                .build(),
        }
    }
}

/// A column of text.
pub(crate) fn text(name: &str, repetition: Repetition) -> Result<Type, ParquetError> {
    Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::String))
        .with_converted_type(ConvertedType::UTF8)
        .build()
}

/// A column of instants: milliseconds since 1970, UTC.
pub(crate) fn time(name: &str) -> Result<Type, ParquetError> {
    Type::primitive_type_builder(name, Physical::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
        .with_converted_type(ConvertedType::TIMESTAMP_MILLIS)
        .build()
}

/// A message of these columns.
pub(crate) fn message(name: &str, fields: Vec<Type>) -> Result<TypePtr, ParquetError> {
    let fields = fields.into_iter().map(Arc::new).collect();
    let message = Type::group_type_builder(name).with_fields(fields).build()?;
    Ok(Arc::new(message))
}

impl Columns {
    pub(super) fn cells(self) -> Vec<Cell> {
        let mut cells = vec![
            Cell::Time,
            Cell::SeriesId,
            Cell::DeviceId,
            Cell::Device,
            Cell::Metric,
            Cell::Interface,
        ];
        if self == Self::WithLabels {
            cells.push(Cell::Labels);
        }
        cells.extend([Cell::U64, Cell::F64]);
        cells
    }

    pub(super) fn schema(self) -> Result<TypePtr, ParquetError> {
        let fields: Result<_, _> = self.cells().into_iter().map(Cell::field).collect();
        message("foretell_samples", fields?)
    }
}

/// How many rows in a row say the same of their series, and what.
pub(super) struct Run {
    pub(super) rows: usize,
    series_id: ByteArray,
    device_id: ByteArray,
    device: ByteArray,
    metric: ByteArray,
    interface: Option<ByteArray>,
    labels: ByteArray,
}

impl Run {
    /// The text of a column; `None` where it has none.
    pub(super) fn text(&self, cell: Cell) -> Option<&ByteArray> {
        match cell {
            Cell::SeriesId => Some(&self.series_id),
            Cell::DeviceId => Some(&self.device_id),
            Cell::Device => Some(&self.device),
            Cell::Metric => Some(&self.metric),
            Cell::Interface => self.interface.as_ref(),
            Cell::Labels => Some(&self.labels),
            Cell::Time | Cell::U64 | Cell::F64 => None,
        }
    }
}

/// Rows of a row group, column by column, as Parquet wants them: some 22 octets a row.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) times: Vec<i64>,
    /// The bits of whole numbers, of the rows that have one.
    pub(super) whole: Vec<i64>,
    /// Of each row, whether it has one.
    pub(super) has_whole: Vec<i16>,
    pub(super) floats: Vec<f64>,
    pub(super) has_float: Vec<i16>,
    pub(super) runs: Vec<Run>,
}

impl Rows {
    pub(super) fn push(&mut self, about: &About, points: &[(Timestamp, Value)]) {
        for (at, value) in points {
            self.times.push(at.unix_ms());
            match value {
                Value::U64(number) => {
                    self.whole.push(number.cast_signed());
                    self.has_whole.push(1);
                    self.has_float.push(0);
                }
                Value::F64(number) => {
                    self.floats.push(*number);
                    self.has_whole.push(0);
                    self.has_float.push(1);
                }
            }
        }
        self.runs.push(Run {
            rows: points.len(),
            series_id: text_of(&about.series_id.to_string()),
            device_id: text_of(&about.device_id.to_string()),
            device: text_of(&about.device),
            metric: text_of(&about.metric),
            interface: about.interface.as_deref().map(text_of),
            labels: text_of(&about.labels),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.whole.clear();
        self.has_whole.clear();
        self.floats.clear();
        self.has_float.clear();
        self.runs.clear();
    }
}

pub(crate) fn text_of(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
}
