//! Opening a file whatever state it is in.

use super::{SqliteOptions, file, verify};
use crate::OpenError;
use crate::documents::CollectionSpec;
use rusqlite::Connection;
use std::path::Path;

/// Opens the file to write, sound or made sound.
pub(super) fn open(
    path: &Path,
    collections: &[&'static CollectionSpec],
    options: &SqliteOptions,
) -> Result<Connection, OpenError> {
    let connection = file::open_to_write(path, collections, options)?;
    verify::verify(&connection, collections).map_err(|e| file::failed("verifying", path, e))?;
    Ok(connection)
}
