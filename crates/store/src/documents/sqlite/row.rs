//! One document as a row: its checksum, the keys it is found by, and setting it aside.

use crate::documents::{CollectionSpec, DAMAGE_LISTED_MAX, Damage, Document};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What a document was found to be.
pub(super) enum Found {
    /// As it was written.
    Sound(Document),
    /// Its checksum does not hold.
    Damaged {
        /// The row's number, since its id may be what is damaged.
        number: i64,
        /// The id as it is there.
        id: String,
    },
}

/// What is read of a row.
pub(super) const COLUMNS: &str = "d.id, d.revision, d.body, d.crc, d.number";
/// Said of a row whose checksum does not hold.
pub(super) const CHECKSUM: &str = "its checksum does not hold";

/// CRC-32C of collection, version, id, revision and body: a row that was put in another's place, or
/// that is of another version than is thought, is noticed as one with a flipped bit is. Version 1
/// adds nothing, for there was no version when it was written.
pub fn checksum(collection: &str, version: u32, id: &str, revision: u64, body: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c(collection.as_bytes());
    if version > 1 {
        crc = crc32c::crc32c_append(crc, format!("@{version}").as_bytes());
    }
    crc = crc32c::crc32c_append(crc, &[0]);
    crc = crc32c::crc32c_append(crc, id.as_bytes());
    crc = crc32c::crc32c_append(crc, &[0]);
    crc = crc32c::crc32c_append(crc, &revision.to_le_bytes());
    crc32c::crc32c_append(crc, body)
}

/// Reads [`COLUMNS`] of a row. A column of another type than it should be is damage
/// like any other.
pub(super) fn found(collection: &CollectionSpec, row: &Row<'_>) -> rusqlite::Result<Found> {
    found_at(collection, collection.version, row)
}

/// Reads [`COLUMNS`] of a row that is of a version.
pub(super) fn found_at(
    collection: &CollectionSpec,
    version: u32,
    row: &Row<'_>,
) -> rusqlite::Result<Found> {
    let (id, body) = (text(row, 0)?, text(row, 2)?);
    let (revision, crc) = (row.get(1).ok(), row.get(3).ok());
    Ok(
        match proven_at((collection.name, version), id, revision, body, crc) {
            Some(document) => Found::Sound(document),
            None => Found::Damaged {
                number: row.get(4)?,
                id: String::from_utf8_lossy(id).into_owned(),
            },
        },
    )
}

/// The document that the columns of a row make, whatever they are; none where its checksum does
/// not hold. Public so that it can be fuzzed.
pub fn proven(
    collection: &CollectionSpec,
    id: &[u8],
    revision: Option<i64>,
    body: &[u8],
    crc: Option<i64>,
) -> Option<Document> {
    let of = (collection.name, collection.version);
    proven_at(of, id, revision, body, crc)
}

fn proven_at(
    (collection, version): (&str, u32),
    id: &[u8],
    revision: Option<i64>,
    body: &[u8],
    crc: Option<i64>,
) -> Option<Document> {
    let id = String::from_utf8_lossy(id).into_owned();
    let revision = u64::try_from(revision?).ok()?;
    let sound = crc == Some(checksum(collection, version, &id, revision, body).into());
    sound.then(|| Document {
        id,
        revision,
        body: body.to_vec(),
    })
}

/// The octets of a text or blob; none of anything else.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    use rusqlite::types::ValueRef;
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    })
}

/// The keys of a document in the indexes of its collection. A body that is not JSON has none.
pub fn key_of(spec: &CollectionSpec, body: &[u8]) -> Vec<(&'static str, String)> {
    if spec.indexes.is_empty() {
        return Vec::new();
    }
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    spec.indexes
        .iter()
        .filter_map(|index| Some((index.name, index.key(&body)?)))
        .collect()
}

/// What one key adds to the digest of a collection's keys.
pub(super) fn key_sum(index: &[u8], key: &[u8], id: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c(index);
    for part in [key, id] {
        crc = crc32c::crc32c_append(crc, &[0]);
        crc = crc32c::crc32c_append(crc, part);
    }
    crc
}

/// What a document's keys add to the digest of its collection's keys.
pub(super) fn keys_sum(keys: &[(&'static str, String)], id: &str) -> u32 {
    keys.iter().fold(0, |sum, (index, key)| {
        sum ^ key_sum(index.as_bytes(), key.as_bytes(), id.as_bytes())
    })
}

/// A document that already has one of these keys where only one may: the index and its id.
pub(super) fn taken(
    connection: &Connection,
    spec: &CollectionSpec,
    keys: &[(&'static str, String)],
    id: &str,
) -> rusqlite::Result<Option<(&'static str, String)>> {
    for (index, key) in keys {
        if !spec.index(index).is_some_and(|index| index.unique) {
            continue;
        }
        let other: Option<String> = connection
            .prepare_cached(&format!(
                "SELECT id FROM key_{} WHERE name = ?1 AND key = ?2 AND id <> ?3",
                spec.name
            ))?
            .query_row([*index, key, id], |row| row.get(0))
            .optional()?;
        if let Some(other) = other {
            return Ok(Some((index, other)));
        }
    }
    Ok(None)
}

/// Adds a document's keys to the index.
pub(super) fn add_keys(
    connection: &Connection,
    spec: &CollectionSpec,
    keys: &[(&'static str, String)],
    id: &str,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO key_{} (name, key, id) VALUES (?1, ?2, ?3)",
        spec.name
    ))?;
    for (index, key) in keys {
        statement.execute([*index, key, id])?;
    }
    Ok(())
}

/// Makes the index of a collection anew from its documents.
pub(super) fn fill_index(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<()> {
    let name = spec.name;
    connection.execute_batch(&format!("DELETE FROM key_{name}"))?;
    let mut documents = connection.prepare(&format!("SELECT id, body FROM doc_{name}"))?;
    let mut insert = connection.prepare(&format!(
        "INSERT OR IGNORE INTO key_{name} (name, key, id) VALUES (?1, ?2, ?3)"
    ))?;
    let mut sum = 0;
    let mut rows = documents.query([])?;
    while let Some(row) = rows.next()? {
        let id = String::from_utf8_lossy(text(row, 0)?).into_owned();
        let keys = key_of(spec, text(row, 1)?);
        sum ^= keys_sum(&keys, &id);
        for (index, key) in keys {
            insert.execute([index, &key, &id])?;
        }
    }
    connection.execute(
        "UPDATE collections SET keys = ?2 WHERE name = ?1",
        params![name, sum],
    )?;
    Ok(())
}

/// What a change adds to what is kept of a collection as a whole.
#[derive(Default)]
pub(super) struct Account {
    /// Documents more, or less.
    pub(super) documents: i64,
    /// Exclusive or of the checksums of the rows that come and go.
    pub(super) digest: u32,
    /// Exclusive or of [`keys_sum`] of the rows that come and go.
    pub(super) keys: u32,
}

/// Adds to the number and the digests of a collection.
pub(super) fn account(
    connection: &Connection,
    collection: &CollectionSpec,
    change: &Account,
) -> rusqlite::Result<()> {
    // SQLite has no exclusive or: it is what is in either and not in both.
    connection
        .prepare_cached(
            "UPDATE collections SET documents = documents + ?2,
             digest = (digest | ?3) - (digest & ?3), keys = (keys | ?4) - (keys & ?4)
             WHERE name = ?1",
        )?
        .execute(params![
            collection.name,
            change.documents,
            change.digest,
            change.keys
        ])?;
    Ok(())
}

/// Moves a row to the damaged ones as it is; nothing happens where it is not there. Its keys are
/// found by its id, and where that is what is damaged, left to the next start.
pub(super) fn set_aside(
    connection: &Connection,
    spec: &CollectionSpec,
    number: i64,
    reason: &str,
) -> rusqlite::Result<()> {
    let name = spec.name;
    let row: Option<(Option<i64>, Vec<u8>)> = connection
        .prepare_cached(&format!("SELECT crc, id FROM doc_{name} WHERE number = ?1"))?
        .query_row([number], |row| {
            Ok((row.get(0).ok(), text(row, 1)?.to_vec()))
        })
        .optional()?;
    let Some((crc, id)) = row else {
        return Ok(());
    };
    connection
        .prepare_cached(&format!(
            "INSERT INTO damaged (collection, id, revision, body, crc, reason)
             SELECT ?2, id, revision, body, crc, ?3 FROM doc_{name} WHERE number = ?1"
        ))?
        .execute(params![number, name, reason])?;
    connection
        .prepare_cached(&format!("DELETE FROM doc_{name} WHERE number = ?1"))?
        .execute([number])?;
    let id = String::from_utf8_lossy(&id);
    let mut keys = 0;
    let mut statement =
        connection.prepare_cached(&format!("SELECT name, key FROM key_{name} WHERE id = ?1"))?;
    let mut rows = statement.query([&id])?;
    while let Some(row) = rows.next()? {
        keys ^= key_sum(text(row, 0)?, text(row, 1)?, id.as_bytes());
    }
    connection
        .prepare_cached(&format!("DELETE FROM key_{name} WHERE id = ?1"))?
        .execute([&id])?;
    let change = Account {
        documents: -1,
        digest: crc.and_then(|crc| u32::try_from(crc).ok()).unwrap_or(0),
        keys,
    };
    account(connection, spec, &change)
}

/// Keeps in mind that something is missing, where no row is left to be set aside.
pub(super) fn note_missing(
    connection: &Connection,
    collection: &str,
    reason: &str,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO damaged (collection, reason) VALUES (?1, ?2)",
        [collection, reason],
    )?;
    Ok(())
}

/// How much is damaged.
pub(super) fn damaged_count(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM damaged", [], |row| {
        Ok(row.get::<_, i64>(0)?.try_into().unwrap_or(0))
    })
}

/// What is damaged, the latest first, at most [`DAMAGE_LISTED_MAX`].
pub(super) fn damaged(connection: &Connection) -> rusqlite::Result<Vec<Damage>> {
    let mut statement = connection.prepare_cached(
        "SELECT collection, id, reason FROM damaged ORDER BY number DESC LIMIT ?1",
    )?;
    let rows = statement.query_map(
        [i64::try_from(DAMAGE_LISTED_MAX).unwrap_or(i64::MAX)],
        |row| {
            let lossy = |column| -> rusqlite::Result<Option<String>> {
                let bytes = text(row, column)?;
                Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned()))
            };
            Ok(Damage {
                collection: lossy(0)?.unwrap_or_default(),
                id: lossy(1)?,
                reason: lossy(2)?.unwrap_or_default(),
            })
        },
    )?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_covers_place_and_content() {
        let sum = checksum("devices", 1, "a", 1, b"{}");
        assert_eq!(sum, 0x59e8_caa7, "the bytes on disk have this one");
        for (collection, version, id, revision, body) in [
            ("links", 1, "a", 1, &b"{}"[..]),
            ("devices", 2, "a", 1, b"{}"),
            ("devices", 1, "b", 1, b"{}"),
            ("devices", 1, "a", 2, b"{}"),
            ("devices", 1, "a", 1, b"[]"),
            ("device", 1, "sa", 1, b"{}"),
        ] {
            assert_ne!(
                sum,
                checksum(collection, version, id, revision, body),
                "{collection} {version} {id}"
            );
        }
    }
}
