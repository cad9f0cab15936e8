//! Samples that come from files and go into them: CSV, JSON lines, OpenMetrics text and Parquet.
//!
//! A reader ([`read()`]) makes [`Row`]s of a file and knows no series; [`find`] says which series a row
//! is of; [`import`] puts both together and writes, day by day, by way of a `spool`; [`export`] writes
//! what a selector means. What the files look like, to the octet, is in `docs/formats/exchange.md`.
//! What cannot be read or taken costs itself alone and is told with its line, save where a file is
//! none of its format: then nothing is taken.

mod csv;
pub mod export;
pub mod files;
pub mod find;
#[cfg(test)]
mod format_tests;
pub mod import;
mod lines;
mod openmetrics;
#[cfg(feature = "archive")]
mod parquet;
mod row;
mod spool;
mod text;

pub use row::{
    End, LABEL_NAME_LEN_MAX, LABEL_VALUE_LEN_MAX, LABELS_MAX, Named, Of, ReadError, Refused, Row,
    Said, Whose, Why, bad_labels, of_kind,
};
pub use text::LINE_LEN_MAX;

use model::series::{NETWORK, Series};
use serde::{Deserialize, Serialize};
use std::io::BufRead;
use std::ops::ControlFlow;

/// What samples are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExchangeFormat)]
pub enum Format {
    /// A header and a line a sample (RFC 4180).
    Csv,
    /// JSON objects, one a line.
    Lines,
    /// OpenMetrics 1.0 text.
    Openmetrics,
    /// Parquet.
    Parquet,
}

impl Format {
    /// How a file of it is called at its end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Lines => "jsonl",
            Self::Openmetrics => "om.txt",
            Self::Parquet => "parquet",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Lines => "application/x-ndjson",
            Self::Openmetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// What is told of each row, and whether to go on.
pub type See<'a> = dyn FnMut(Result<Row, Refused>) -> ControlFlow<()> + 'a;

/// Reads a file of text and tells each row. What was told before a [`ReadError`] is not to be taken.
pub fn read(format: Format, input: &mut dyn BufRead, see: &mut See<'_>) -> Result<End, ReadError> {
    // By their first octets; none of these is text.
    let packed = [
        (&b"\x1f\x8b"[..], "gzip"),
        (&b"\x28\xb5\x2f\xfd"[..], "zstd"),
        (&b"PK\x03\x04"[..], "zip"),
    ];
    let begin = input.fill_buf()?;
    let packed = packed.iter().find(|(magic, _)| begin.starts_with(magic));
    if let Some((_, by)) = packed {
        let detail = format!("it is packed by {by}: unpack it first");
        return Err(ReadError::not_it(1, detail));
    }
    match format {
        Format::Csv => csv::read(input, see),
        Format::Lines => lines::read(input, see),
        Format::Openmetrics => openmetrics::read(input, see),
        Format::Parquet => Err(ReadError::Unsupported),
    }
}

/// Reads a file of Parquet, which is read from its end.
#[cfg(feature = "archive")]
pub fn read_parquet(file: std::fs::File, see: &mut See<'_>) -> Result<End, ReadError> {
    parquet::read(file, see)
}

/// Reads a file of Parquet: not here.
#[cfg(not(feature = "archive"))]
pub fn read_parquet(_: std::fs::File, _: &mut See<'_>) -> Result<End, ReadError> {
    Err(ReadError::Unsupported)
}

/// Whether files of Parquet are read and written.
pub const HAS_PARQUET: bool = cfg!(feature = "archive");

/// A series as it is written.
#[derive(Debug)]
struct Exported {
    series: Series,
    /// What people call its device; empty where it is of the whole network.
    device: String,
}

impl Exported {
    fn device_id(&self) -> String {
        let id = self.series.key.device_id;
        if id == NETWORK {
            String::new()
        } else {
            id.to_string()
        }
    }

    fn labels_text(&self) -> String {
        serde_json::to_string(&self.series.key.labels).unwrap_or_default()
    }
}
