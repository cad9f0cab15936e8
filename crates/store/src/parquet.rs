//! Samples as Parquet, for the archive and for whoever takes them elsewhere.
//!
//! Begin with [`SamplesWriter`], which writes series after series, and [`Table`], which reads the columns
//! of any file within bounds. Which columns there are is in `rows`; the page `docs/formats/archive.md`
//! says it for readers. Only the low-level writer and reader of the crate `parquet` are used, so that
//! Arrow is not needed: a sample is a row of a few columns.
//!
//! The parser is not ours. Octets of ours are proved by checksums before it sees them; those of others
//! are read behind bounds, and what panics all the same is caught by whoever reads ([`guarded`]).

mod read;
mod rows;
mod write;

pub use ::parquet::file::reader::{ChunkReader, Length};
pub use read::{Bounds, CellKind, Cells, ColumnAbout, Footer, Table, TimeUnit, samples_at};
pub use rows::{About, Columns};
pub use write::{SamplesWriter, Written, created_by, settings};

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A file of Parquet could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParquetError {
    /// It could not be written.
    #[error("a file of Parquet could not be written")]
    Write(#[source] ::parquet::errors::ParquetError),
    /// It could not be read.
    #[error("a file of Parquet could not be read")]
    Read(#[source] ::parquet::errors::ParquetError),
    /// It is not as it must be to be read here.
    #[error("a file of Parquet cannot be used: {what}")]
    Unfit {
        /// What is wrong with it.
        what: String,
    },
    /// It holds more than is read.
    #[error("a file of Parquet has {found} {what}, and no more than {max} are read")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many it says that it has.
        found: u64,
        /// How many may be.
        max: u64,
    },
    /// The parser gave up in the middle.
    #[error("a file of Parquet could not be understood")]
    Panicked,
}

impl ParquetError {
    pub(crate) fn unfit(what: impl Into<String>) -> Self {
        Self::Unfit { what: what.into() }
    }
}

/// Runs work that reads octets by the parser of others; a panic of it is an error.
pub fn guarded<T, E: From<ParquetError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(ParquetError::Panicked.into()))
}

#[cfg(test)]
mod tests;
