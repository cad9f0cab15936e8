//! Making the changes of one write. Runs within a transaction that the writer ends.

use super::read;
use super::row::{self, Account, Found, account, checksum, key_of};
use crate::StoreError;
use crate::documents::feed::{Happened, What, note};
use crate::documents::{Change, CollectionSpec, Expect};
use rusqlite::{Connection, ErrorCode, params};
use std::sync::Arc;

/// Makes the changes in their order; answers the revision of each one's document after it, and adds
/// to `happened` what became of which document. Of a write that fails nothing of it is true.
pub(super) fn apply(
    connection: &Connection,
    changes: &[Change],
    happened: &mut Vec<Happened>,
) -> Result<Vec<u64>, StoreError> {
    changes
        .iter()
        .map(|change| match change {
            Change::Put {
                collection,
                id,
                expect,
                body,
            } => put(connection, collection, (id, *expect, body), happened),
            Change::Delete {
                collection,
                id,
                expect,
            } => delete(connection, collection, id, *expect, happened),
            Change::DeleteAll {
                collection,
                index,
                key,
            } => delete_all(connection, collection, index, key, happened),
            Change::Require {
                collection,
                id,
                expect,
            } => {
                let now = current(connection, collection, id, happened)?;
                check(collection, id, *expect, now.as_ref())?;
                Ok(now.map_or(0, |now| now.revision))
            }
            Change::RequireUnused {
                of: (of, id),
                collection,
                index,
                key,
            } => {
                let used = Some((*index, key.clone()));
                match read::count(connection, collection, used).map_err(failed)? {
                    0 => Ok(0),
                    count => Err(StoreError::InUse {
                        collection: of.name,
                        id: id.clone(),
                        by: collection.name,
                        count,
                    }),
                }
            }
        })
        .collect()
}

/// What the database said, as what it means to whoever asked for the change.
pub(super) fn failed(source: rusqlite::Error) -> StoreError {
    let full = source.sqlite_error_code() == Some(ErrorCode::DiskFull);
    let source = Arc::new(source);
    if full {
        StoreError::Full { source }
    } else {
        StoreError::Database {
            operation: "writing",
            source,
        }
    }
}

/// A document as it is before a change.
struct Current {
    revision: u64,
    crc: u32,
    keys: Vec<(&'static str, String)>,
}

/// The document that is there; one that is damaged is set aside and no longer is.
fn current(
    connection: &Connection,
    spec: &'static CollectionSpec,
    id: &str,
    happened: &mut Vec<Happened>,
) -> Result<Option<Current>, StoreError> {
    match read::get(connection, spec, id).map_err(failed)? {
        None => Ok(None),
        Some(Found::Sound(document)) => Ok(Some(Current {
            revision: document.revision,
            crc: checksum(
                spec.name,
                spec.version,
                id,
                document.revision,
                &document.body,
            ),
            keys: key_of(spec, &document.body),
        })),
        Some(Found::Damaged { number, .. }) => {
            row::set_aside(connection, spec, number, row::CHECKSUM).map_err(failed)?;
            note(happened, spec, id, 0, What::SetAside);
            Ok(None)
        }
    }
}

fn check(
    spec: &CollectionSpec,
    id: &str,
    expect: Expect,
    now: Option<&Current>,
) -> Result<(), StoreError> {
    let found = now.map(|now| now.revision);
    match (expect, found) {
        (Expect::Any, _) | (Expect::Absent, None) | (Expect::Present, Some(_)) => Ok(()),
        (Expect::Revision(expected), Some(revision)) if expected == revision => Ok(()),
        (Expect::Present | Expect::Revision(_), None) => Err(StoreError::NotFound {
            collection: spec.name,
            id: id.to_owned(),
        }),
        (expected, found) => Err(StoreError::RevisionConflict {
            collection: spec.name,
            id: id.to_owned(),
            expected,
            found,
        }),
    }
}

fn put(
    connection: &Connection,
    spec: &'static CollectionSpec,
    (id, expect, body): (&str, Expect, &[u8]),
    happened: &mut Vec<Happened>,
) -> Result<u64, StoreError> {
    let now = current(connection, spec, id, happened)?;
    check(spec, id, expect, now.as_ref())?;
    let keys = key_of(spec, body);
    let revision = now.as_ref().map_or(0, |now| now.revision) + 1;
    let before = now.as_ref().map_or(&[][..], |now| &now.keys);
    if before != keys {
        drop_keys(connection, spec, id, before).map_err(failed)?;
        add_keys(connection, spec, id, &keys)?;
    }
    let row = (id, revision, body);
    write_row(connection, spec, row, &keys, now.as_ref()).map_err(failed)?;
    note(happened, spec, id, revision, What::Put);
    Ok(revision)
}

fn write_row(
    connection: &Connection,
    spec: &CollectionSpec,
    (id, revision, body): (&str, u64, &[u8]),
    keys: &[(&'static str, String)],
    before: Option<&Current>,
) -> rusqlite::Result<()> {
    let name = spec.name;
    let crc = checksum(name, spec.version, id, revision, body);
    let sql = if before.is_some() {
        format!("UPDATE doc_{name} SET revision = ?2, body = ?3, crc = ?4 WHERE id = ?1")
    } else {
        format!("INSERT INTO doc_{name} (id, revision, body, crc) VALUES (?1, ?2, ?3, ?4)")
    };
    let number = i64::try_from(revision).unwrap_or(i64::MAX);
    connection
        .prepare_cached(&sql)?
        .execute(params![id, number, body, crc])?;
    let change = Account {
        documents: i64::from(before.is_none()),
        digest: crc ^ before.map_or(0, |before| before.crc),
        keys: row::keys_sum(keys, id) ^ before.map_or(0, |before| row::keys_sum(&before.keys, id)),
    };
    account(connection, spec, &change)
}

fn add_keys(
    connection: &Connection,
    spec: &'static CollectionSpec,
    id: &str,
    keys: &[(&'static str, String)],
) -> Result<(), StoreError> {
    let taken = row::taken(connection, spec, keys, id).map_err(failed)?;
    if let Some((index, id)) = taken {
        return Err(StoreError::Duplicate {
            collection: spec.name,
            index,
            id,
        });
    }
    row::add_keys(connection, spec, keys, id).map_err(failed)
}

fn drop_keys(
    connection: &Connection,
    spec: &CollectionSpec,
    id: &str,
    keys: &[(&'static str, String)],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "DELETE FROM key_{} WHERE name = ?1 AND key = ?2 AND id = ?3",
        spec.name
    ))?;
    for (index, key) in keys {
        statement.execute([*index, key, id])?;
    }
    Ok(())
}

fn delete(
    connection: &Connection,
    spec: &'static CollectionSpec,
    id: &str,
    expect: Expect,
    happened: &mut Vec<Happened>,
) -> Result<u64, StoreError> {
    let now = current(connection, spec, id, happened)?;
    check(spec, id, expect, now.as_ref())?;
    if let Some(now) = now {
        drop_keys(connection, spec, id, &now.keys)
            .and_then(|()| {
                connection
                    .prepare_cached(&format!("DELETE FROM doc_{} WHERE id = ?1", spec.name))?
                    .execute([id])?;
                let change = Account {
                    documents: -1,
                    digest: now.crc,
                    keys: row::keys_sum(&now.keys, id),
                };
                account(connection, spec, &change)
            })
            .map_err(failed)?;
        note(happened, spec, id, 0, What::Deleted);
    }
    Ok(0)
}

fn delete_all(
    connection: &Connection,
    spec: &'static CollectionSpec,
    index: &str,
    key: &str,
    happened: &mut Vec<Happened>,
) -> Result<u64, StoreError> {
    let ids: Vec<String> = connection
        .prepare_cached(&format!(
            "SELECT id FROM key_{} WHERE name = ?1 AND key = ?2 ORDER BY id",
            spec.name
        ))
        .and_then(|mut statement| {
            statement
                .query_map([index, key], |row| row.get(0))?
                .collect()
        })
        .map_err(failed)?;
    for id in ids {
        delete(connection, spec, &id, Expect::Any, happened)?;
    }
    Ok(0)
}
