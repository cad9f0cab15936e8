//! Writing samples, series after series.

use super::ParquetError;
use super::rows::{About, Cell, Columns, Rows, Run};
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError as Source;
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::ColumnPath;
use model::{Timestamp, Value};
use std::io::Write;
use std::sync::Arc;

/// Rows after which a row group ends, with the series that passes them. It is in memory until then, some
/// 25 MB, and once more as it is encoded.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Rows of a page. A reader of one series unpacks no less.
const PAGE_ROWS: usize = 20_000;
/// Values given to the writer at once.
const BATCH: usize = 8_192;
/// How hard zstd tries: its own middle, some 200 MB a second of what it is given.
const ZSTD_LEVEL: i32 = 3;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Row groups.
    pub row_groups: u64,
}

/// Samples going into a file, in memory up to a row group.
pub struct SamplesWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    cells: Vec<Cell>,
    rows: Rows,
    row_group_rows: usize,
    written: Written,
}

/// Who says that it wrote a file.
pub fn created_by() -> String {
    format!(
        "foretell version {} (build archive-1)",
        env!("CARGO_PKG_VERSION")
    )
}

/// How all files are written, and what they say of themselves.
pub fn settings(said: &[(&str, String)]) -> Result<WriterPropertiesBuilder, ParquetError> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(ParquetError::Write)?;
    let said = said
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
    Ok(WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(level))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_max_row_group_row_count(None)
        .set_created_by(created_by())
        .set_key_value_metadata(Some(said.collect())))
}

impl<W: Write + Send> SamplesWriter<W> {
    /// Begins a file. `said` is put into it as what it says of itself; where series come in the order of
    /// devices and then of their ids, as in the archive, it says that too.
    pub fn new(out: W, columns: Columns, said: &[(&str, String)]) -> Result<Self, ParquetError> {
        let path = |cell: Cell| ColumnPath::from(cell.name());
        let mut settings = settings(said)?
            .set_column_dictionary_enabled(path(Cell::Time), false)
            .set_column_encoding(path(Cell::Time), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled(path(Cell::U64), false)
            .set_column_encoding(path(Cell::U64), Encoding::DELTA_BINARY_PACKED)
            // Readers have pruned numbers of over 2^63 by bounds that they took for signed ones.
            .set_column_statistics_enabled(path(Cell::U64), EnabledStatistics::None);
        let cells = columns.cells();
        if columns == Columns::Archive {
            let sorted = [Cell::DeviceId, Cell::SeriesId, Cell::Time].map(|cell| {
                let place = cells.iter().position(|other| *other == cell);
                SortingColumn {
                    column_idx: place
                        .and_then(|place| i32::try_from(place).ok())
                        .unwrap_or(0),
                    descending: false,
                    nulls_first: false,
                }
            });
            settings = settings.set_sorting_columns(Some(sorted.to_vec()));
        }
        let schema = columns.schema().map_err(ParquetError::Write)?;
        let file = SerializedFileWriter::new(out, schema, Arc::new(settings.build()));
        Ok(Self {
            file: file.map_err(ParquetError::Write)?,
            cells,
            rows: Rows::default(),
            row_group_rows: ROW_GROUP_ROWS,
            written: Written::default(),
        })
    }

    /// As [`new`](Self::new), with row groups that end after so many rows: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_row_group_rows(mut self, rows: usize) -> Self {
        self.row_group_rows = rows.max(1);
        self
    }

    /// Adds samples of a series; those of one call are never parted by the end of a row group. Answers
    /// the row of the file that the first of them is.
    pub fn series(
        &mut self,
        about: &About,
        points: &[(Timestamp, Value)],
    ) -> Result<u64, ParquetError> {
        let first = self.written.rows;
        if points.is_empty() {
            return Ok(first);
        }
        self.rows.push(about, points);
        self.written.rows += points.len() as u64;
        if self.rows.len() >= self.row_group_rows {
            self.end_group().map_err(ParquetError::Write)?;
        }
        Ok(first)
    }

    /// Octets that were written so far, without the rows that wait.
    pub fn bytes(&self) -> u64 {
        self.file.bytes_written() as u64
    }

    /// Writes what waits and the end of the file.
    pub fn finish(mut self) -> Result<(W, Written), ParquetError> {
        if self.rows.len() > 0 {
            self.end_group().map_err(ParquetError::Write)?;
        }
        let out = self.file.into_inner().map_err(ParquetError::Write)?;
        Ok((out, self.written))
    }

    fn end_group(&mut self) -> Result<(), Source> {
        let rows = &self.rows;
        let mut group = self.file.next_row_group()?;
        let mut cells = self.cells.iter();
        while let (Some(mut column), Some(cell)) = (group.next_column()?, cells.next()) {
            match cell {
                Cell::Time => {
                    let column = column.typed::<Int64Type>();
                    column.write_batch(&rows.times, None, None)?;
                }
                Cell::U64 => {
                    let column = column.typed::<Int64Type>();
                    column.write_batch(&rows.whole, Some(&rows.has_whole), None)?;
                }
                Cell::F64 => {
                    let column = column.typed::<DoubleType>();
                    column.write_batch(&rows.floats, Some(&rows.has_float), None)?;
                }
                Cell::Interface => texts(&mut column, &rows.runs, *cell, true)?,
                Cell::SeriesId | Cell::DeviceId | Cell::Device | Cell::Metric | Cell::Labels => {
                    texts(&mut column, &rows.runs, *cell, false)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        self.written.row_groups += 1;
        self.rows.clear();
        Ok(())
    }
}

/// Writes a text for each row, a batch at a time.
fn texts(
    column: &mut SerializedColumnWriter<'_>,
    runs: &[Run],
    cell: Cell,
    optional: bool,
) -> Result<(), Source> {
    let column = column.typed::<ByteArrayType>();
    let mut texts: Vec<ByteArray> = Vec::with_capacity(BATCH);
    let mut levels: Vec<i16> = Vec::with_capacity(BATCH);
    let mut waiting = 0;
    for run in runs {
        let mut left = run.rows;
        while left > 0 {
            let now = left.min(BATCH - waiting);
            match run.text(cell) {
                Some(text) => {
                    texts.extend(std::iter::repeat_n(text, now).cloned());
                    levels.extend(std::iter::repeat_n(1, now));
                }
                None => levels.extend(std::iter::repeat_n(0, now)),
            }
            (left, waiting) = (left - now, waiting + now);
            if waiting == BATCH {
                column.write_batch(&texts, optional.then_some(levels.as_slice()), None)?;
                texts.clear();
                levels.clear();
                waiting = 0;
            }
        }
    }
    if waiting > 0 {
        column.write_batch(&texts, optional.then_some(levels.as_slice()), None)?;
    }
    Ok(())
}
