//! Looking at every row once at the start: what is damaged is set aside, what is missing is noted.

use super::row::{self, CHECKSUM, Found, account, found};
use crate::documents::CollectionSpec;
use rusqlite::{Connection, params};
use tracing::error;

/// Verifies each collection against its checksums, its number of rows and their digest.
pub(super) fn verify(
    connection: &Connection,
    collections: &[&'static CollectionSpec],
) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for spec in collections {
        verify_one(&transaction, spec)?;
    }
    transaction.commit()
}

fn verify_one(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<()> {
    let name = spec.name;
    let (mut documents, mut digest) = (0_i64, 0_u32);
    let mut damaged = Vec::new();
    let mut statement = connection.prepare(&format!(
        "SELECT id, revision, body, crc FROM doc_{name} ORDER BY number"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        documents += 1;
        digest ^= row
            .get::<_, i64>(3)
            .ok()
            .and_then(|crc| u32::try_from(crc).ok())
            .unwrap_or(0);
        if let Found::Damaged { id } = found(spec, row)? {
            damaged.push(id);
        }
    }
    let (expected, expected_digest): (i64, i64) = connection.query_row(
        "SELECT documents, digest FROM collections WHERE name = ?1",
        [name],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for id in &damaged {
        error!(collection = name, id, "a damaged document was set aside");
        row::set_aside(connection, spec, id, CHECKSUM)?;
    }
    let missing = expected - documents;
    let differs = expected_digest != i64::from(digest);
    // A row whose checksum itself was damaged is set aside above and explains the digest.
    let reason = if missing > 0 {
        format!("{missing} of {expected} documents are missing")
    } else if missing < 0 {
        format!("{} documents too many", -missing)
    } else if differs && damaged.is_empty() {
        "a document is not the one that was written last".to_owned()
    } else {
        String::new()
    };
    if !reason.is_empty() {
        error!(collection = name, reason, "documents are damaged");
        row::note_missing(connection, name, &reason)?;
    }
    if missing != 0 || differs {
        account(connection, spec, missing.saturating_neg(), 0)?;
        let left: i64 =
            connection.query_row(&format!("SELECT count(*) FROM doc_{name}"), [], |row| {
                row.get(0)
            })?;
        let mut digest = 0;
        let mut statement = connection.prepare(&format!("SELECT crc FROM doc_{name}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            digest ^= row.get::<_, i64>(0)?;
        }
        connection.execute(
            "UPDATE collections SET documents = ?2, digest = ?3 WHERE name = ?1",
            params![name, left, digest],
        )?;
    }
    Ok(())
}
