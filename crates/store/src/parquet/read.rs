//! Reading columns: some rows of samples of ours, or all rows of anybody's, within bounds.

use super::ParquetError;
use super::rows::Cell;
use ::parquet::basic::{
    Compression, ConvertedType, LogicalType, TimeUnit as Unit, Type as Physical,
};
use ::parquet::column::reader::ColumnReader;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError as Source;
use ::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use ::parquet::file::properties::ReaderProperties;
use ::parquet::file::reader::{ChunkReader, RowGroupReader as _};
use ::parquet::file::serialized_reader::SerializedRowGroupReader;
use ::parquet::schema::types::ColumnDescriptor;
use model::{Timestamp, Value};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows that are read at once.
const BATCH: usize = 8_192;

/// How much of a file of others is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Columns.
    pub columns: usize,
    /// Rows of a row group.
    pub row_group_rows: u64,
    /// Octets of a row group, unpacked.
    pub row_group_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            columns: 256,
            row_group_rows: 4 << 20,
            row_group_bytes: 1 << 30,
        }
    }
}

/// The end of a file, which says where everything is; with the places of its pages.
#[derive(Clone, Debug)]
pub struct Footer(Arc<ParquetMetaData>);

/// The unit of a column of instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Whole numbers that may be less than nought.
    Signed,
    /// Whole numbers from nought on, as the bits of signed ones.
    Unsigned,
    /// Floating-point numbers.
    Float,
    /// UTF-8.
    Text,
    /// Instants since 1970.
    Time(TimeUnit),
    /// What is not read here.
    Other,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnAbout {
    /// Its name; of one within a group all names, with points between.
    pub name: String,
    /// What it holds.
    pub kind: CellKind,
}

/// Cells of a column, one for each row; `None` where a row has none.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Whole numbers and instants.
    Whole(Vec<Option<i64>>),
    /// Floating-point numbers.
    Float(Vec<Option<f64>>),
    /// Octets of texts, which need not be UTF-8.
    Text(Vec<Option<ByteArray>>),
}

impl Footer {
    /// Reads the end of a file.
    pub fn read<R: ChunkReader>(file: &R) -> Result<Self, ParquetError> {
        let read = ParquetMetaDataReader::new()
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(file);
        Ok(Self(Arc::new(read.map_err(ParquetError::Read)?)))
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        let rows = self.0.row_groups().iter();
        rows.map(|group| u64::try_from(group.num_rows()).unwrap_or(0))
            .sum()
    }

    /// The rows of each row group.
    pub fn row_groups(&self) -> Vec<u64> {
        let rows = self.0.row_groups().iter();
        rows.map(|group| u64::try_from(group.num_rows()).unwrap_or(0))
            .collect()
    }

    /// What it says of itself.
    pub fn said(&self, key: &str) -> Option<&str> {
        let said = self.0.file_metadata().key_value_metadata()?;
        let pair = said.iter().find(|pair| pair.key == key)?;
        pair.value.as_deref()
    }

    /// Octets that it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.0.memory_size()
    }

    /// The least and the greatest text of a column in a row group, where it says them.
    pub fn bounds_of(&self, group: usize, column: &str) -> Option<(&[u8], &[u8])> {
        let place = self.place(column).ok()?;
        let group = self.0.row_groups().get(group)?;
        let statistics = group.columns().get(place)?.statistics()?;
        statistics.min_bytes_opt().zip(statistics.max_bytes_opt())
    }

    fn place(&self, name: &str) -> Result<usize, ParquetError> {
        let schema = self.0.file_metadata().schema_descr();
        let place = schema
            .columns()
            .iter()
            .position(|column| column.path().string() == name);
        place.ok_or_else(|| ParquetError::unfit(format!("it has no column {name}")))
    }

    fn group<R: ChunkReader + 'static>(
        &self,
        file: &Arc<R>,
        group: usize,
    ) -> Result<SerializedRowGroupReader<'_, R>, ParquetError> {
        let about = self.0.row_groups().get(group);
        let about = about.ok_or_else(|| ParquetError::unfit("it has too few row groups"))?;
        let index = self.0.page_index_for_row_group(group);
        let settings = Arc::new(ReaderProperties::builder().build());
        SerializedRowGroupReader::new(Arc::clone(file), about, index, settings)
            .map_err(ParquetError::Read)
    }

    /// The cells of some rows of a row group, of columns by their names. All of them come into memory.
    pub fn cells<R: ChunkReader + 'static>(
        &self,
        file: &Arc<R>,
        group: usize,
        (first, rows): (usize, usize),
        columns: &[&str],
    ) -> Result<Vec<Cells>, ParquetError> {
        let reader = self.group(file, group)?;
        let cells = columns.iter().map(|name| {
            let mut column = Open::new(&reader, self.place(name)?)?;
            column.skip(first)?;
            column.exactly(rows)
        });
        cells.collect()
    }
}

/// Takes samples of a series, some at a time, and says whether there is to be more.
pub type TakeSamples<'a> = dyn FnMut(&[(Timestamp, Value)]) -> ControlFlow<()> + 'a;

/// Hands over samples of a file of ours: so many rows of a row group from one on, some at a time. Only
/// the times and values are read, and only the pages that have them.
pub fn samples_at<R: ChunkReader + 'static>(
    file: &Arc<R>,
    footer: &Footer,
    group: usize,
    (first, rows): (usize, usize),
    take: &mut TakeSamples<'_>,
) -> Result<(), ParquetError> {
    let reader = footer.group(file, group)?;
    let open = |cell: Cell| -> Result<Open, ParquetError> {
        let mut column = Open::new(&reader, footer.place(cell.name())?)?;
        column.skip(first)?;
        Ok(column)
    };
    let (mut times, mut whole, mut floats) =
        (open(Cell::Time)?, open(Cell::U64)?, open(Cell::F64)?);
    let mut points = Vec::with_capacity(rows.min(BATCH));
    let mut left = rows;
    while left > 0 {
        let now = left.min(BATCH);
        let cells = (
            times.exactly(now)?,
            whole.exactly(now)?,
            floats.exactly(now)?,
        );
        let (Cells::Whole(times), Cells::Whole(whole), Cells::Float(floats)) = cells else {
            return Err(ParquetError::unfit(
                "a column of samples is of another type",
            ));
        };
        points.clear();
        for ((time, whole), float) in times.into_iter().zip(whole).zip(floats) {
            let value = match (whole, float) {
                (Some(bits), None) => Value::U64(bits.cast_unsigned()),
                (None, Some(number)) => Value::F64(number),
                _ => return Err(ParquetError::unfit("a row has no value, or two")),
            };
            let time = time.ok_or_else(|| ParquetError::unfit("a row has no time"))?;
            points.push((Timestamp::from_unix_ms(time), value));
        }
        if take(&points).is_break() {
            break;
        }
        left -= now;
    }
    Ok(())
}

/// A file of anybody, read row group by row group.
pub struct Table<R> {
    file: Arc<R>,
    footer: Footer,
    columns: Vec<ColumnAbout>,
}

impl<R: ChunkReader + 'static> Table<R> {
    /// Opens a file; refuses one that goes beyond the bounds.
    pub fn open(file: R, bounds: &Bounds) -> Result<Self, ParquetError> {
        let read = ParquetMetaDataReader::new().parse_and_finish(&file);
        let footer = Footer(Arc::new(read.map_err(ParquetError::Read)?));
        let schema = footer.0.file_metadata().schema_descr();
        let too_large = |what, found: u64, max: u64| {
            (found > max).then_some(ParquetError::TooLarge { what, found, max })
        };
        let refused = too_large(
            "columns",
            schema.num_columns() as u64,
            bounds.columns as u64,
        );
        refused.map_or(Ok(()), Err)?;
        for group in footer.0.row_groups() {
            let rows = u64::try_from(group.num_rows()).unwrap_or(u64::MAX);
            let mut bytes = 0_u64;
            for column in group.columns() {
                let unpacked = u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX);
                bytes = bytes.saturating_add(unpacked);
                codec_is_known(column.compression())?;
            }
            let refused = too_large("rows in a row group", rows, bounds.row_group_rows)
                .or_else(|| too_large("octets in a row group", bytes, bounds.row_group_bytes));
            refused.map_or(Ok(()), Err)?;
        }
        let about = schema.columns().iter().map(|column| {
            let is_flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
            ColumnAbout {
                name: column.path().string(),
                kind: if is_flat {
                    kind_of(column)
                } else {
                    CellKind::Other
                },
            }
        });
        let columns = about.collect();
        Ok(Self {
            file: Arc::new(file),
            columns,
            footer,
        })
    }

    /// The columns.
    pub fn columns(&self) -> &[ColumnAbout] {
        &self.columns
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.footer.rows()
    }

    /// What it says of itself.
    pub fn said(&self, key: &str) -> Option<&str> {
        self.footer.said(key)
    }

    /// Hands over the rows, some at a time, of the columns at these places, in their order.
    pub fn batches(
        &self,
        wanted: &[usize],
        take: &mut dyn FnMut(&[Cells]) -> ControlFlow<()>,
    ) -> Result<(), ParquetError> {
        for (group, rows) in self.footer.row_groups().into_iter().enumerate() {
            let reader = self.footer.group(&self.file, group)?;
            let open = wanted.iter().map(|place| Open::new(&reader, *place));
            let mut columns: Vec<Open> = open.collect::<Result<_, _>>()?;
            let mut left = usize::try_from(rows).unwrap_or(usize::MAX);
            while left > 0 {
                let now = left.min(BATCH);
                let cells = columns.iter_mut().map(|column| column.exactly(now));
                let cells: Vec<Cells> = cells.collect::<Result<_, _>>()?;
                if take(&cells).is_break() {
                    return Ok(());
                }
                left -= now;
            }
        }
        Ok(())
    }
}

/// Those that this is built with.
fn codec_is_known(codec: Compression) -> Result<(), ParquetError> {
    match codec {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) => Ok(()),
        other => Err(ParquetError::unfit(format!(
            "it is compressed by {other}; none, snappy and zstd are read"
        ))),
    }
}

/// What a column holds. Files of older writers say it by a converted type alone.
fn kind_of(column: &ColumnDescriptor) -> CellKind {
    if let Some(logical) = column.logical_type_ref() {
        return kind(column.physical_type(), Some(logical));
    }
    match (column.physical_type(), column.converted_type()) {
        (physical, ConvertedType::NONE) => kind(physical, None),
        (Physical::INT64, ConvertedType::TIMESTAMP_MILLIS) => CellKind::Time(TimeUnit::Millis),
        (Physical::INT64, ConvertedType::TIMESTAMP_MICROS) => CellKind::Time(TimeUnit::Micros),
        (Physical::INT64, ConvertedType::UINT_64) => CellKind::Unsigned,
        (
            Physical::INT64 | Physical::INT32,
            ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64,
        ) => CellKind::Signed,
        (Physical::BYTE_ARRAY, ConvertedType::UTF8 | ConvertedType::JSON) => CellKind::Text,
        _ => CellKind::Other,
    }
}

fn kind(physical: Physical, logical: Option<&LogicalType>) -> CellKind {
    match (physical, logical) {
        (Physical::INT64, Some(LogicalType::Timestamp(about))) => {
            CellKind::Time(match about.unit {
                Unit::MILLIS => TimeUnit::Millis,
                Unit::MICROS => TimeUnit::Micros,
                Unit::NANOS => TimeUnit::Nanos,
            })
        }
        (Physical::INT64 | Physical::INT32, Some(LogicalType::Integer(about))) => {
            // Those of 32 bits would have to be widened without their sign.
            match (about.is_signed, physical) {
                (true, _) => CellKind::Signed,
                (false, Physical::INT64) => CellKind::Unsigned,
                (false, _) => CellKind::Other,
            }
        }
        (Physical::INT64 | Physical::INT32, None) => CellKind::Signed,
        (Physical::DOUBLE | Physical::FLOAT, None) => CellKind::Float,
        (Physical::BYTE_ARRAY, None | Some(LogicalType::String | LogicalType::Json)) => {
            CellKind::Text
        }
        _ => CellKind::Other,
    }
}

/// A column of a row group that is being read.
struct Open {
    reader: ColumnReader,
    levels: Vec<i16>,
    optional: bool,
}

impl Open {
    fn new<R: ChunkReader + 'static>(
        group: &SerializedRowGroupReader<'_, R>,
        place: usize,
    ) -> Result<Self, ParquetError> {
        let about = group.metadata().columns().get(place);
        let about = about.ok_or_else(|| ParquetError::unfit("it has too few columns"))?;
        let optional = about.column_descr().max_def_level() > 0;
        let reader = group.get_column_reader(place).map_err(ParquetError::Read)?;
        Ok(Self {
            reader,
            levels: Vec::new(),
            optional,
        })
    }

    fn skip(&mut self, rows: usize) -> Result<(), ParquetError> {
        let skipped = match &mut self.reader {
            ColumnReader::Int32ColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::Int64ColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::FloatColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::DoubleColumnReader(reader) => reader.skip_records(rows),
            ColumnReader::ByteArrayColumnReader(reader) => reader.skip_records(rows),
            _ => return Err(ParquetError::unfit("a column is of another type")),
        };
        if skipped.map_err(ParquetError::Read)? == rows {
            Ok(())
        } else {
            Err(too_few())
        }
    }

    /// So many rows more.
    fn exactly(&mut self, rows: usize) -> Result<Cells, ParquetError> {
        macro_rules! read {
            ($reader:expr) => {{
                let mut values = Vec::with_capacity(rows);
                self.levels.clear();
                let levels = self.optional.then_some(&mut self.levels);
                let read = $reader.read_records(rows, levels, None, &mut values);
                let (records, _, _): (usize, usize, usize) = read.map_err(ParquetError::Read)?;
                if records != rows {
                    return Err(too_few());
                }
                spread(values, &self.levels, self.optional)
            }};
        }
        Ok(match &mut self.reader {
            ColumnReader::Int32ColumnReader(reader) => {
                let values: Vec<Option<i32>> = read!(reader);
                Cells::Whole(values.into_iter().map(|cell| cell.map(i64::from)).collect())
            }
            ColumnReader::Int64ColumnReader(reader) => Cells::Whole(read!(reader)),
            ColumnReader::FloatColumnReader(reader) => {
                let values: Vec<Option<f32>> = read!(reader);
                Cells::Float(values.into_iter().map(|cell| cell.map(f64::from)).collect())
            }
            ColumnReader::DoubleColumnReader(reader) => Cells::Float(read!(reader)),
            ColumnReader::ByteArrayColumnReader(reader) => Cells::Text(read!(reader)),
            _ => return Err(ParquetError::unfit("a column is of another type")),
        })
    }
}

fn too_few() -> ParquetError {
    ParquetError::Read(Source::General("a column has too few rows".to_owned()))
}

/// A cell for each row, of the values that there are.
fn spread<T>(values: Vec<T>, levels: &[i16], optional: bool) -> Vec<Option<T>> {
    if !optional {
        return values.into_iter().map(Some).collect();
    }
    let mut values = values.into_iter();
    let cells = levels.iter().map(|level| {
        let there = *level > 0;
        there.then(|| values.next()).flatten()
    });
    cells.collect()
}
