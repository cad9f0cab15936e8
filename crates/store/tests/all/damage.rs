//! Bytes that change on disk, and a disk without room.

use foretell_store::documents::sqlite::{SqliteDocuments, SqliteOptions};
use foretell_store::documents::{Change, CollectionSpec, Documents, Expect, Query};
use foretell_store::{OpenError, StoreError};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) static NOTES: CollectionSpec = CollectionSpec::plain(
    "notes",
    &[foretell_store::documents::Index {
        name: "group",
        pointers: &["/group"],
        unique: false,
    }],
);

pub(crate) struct Place {
    _dir: TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("documents.sqlite3");
    Place { _dir: dir, path }
}

pub(crate) fn open(path: &Path) -> SqliteDocuments {
    SqliteDocuments::open(path, &[&NOTES], &SqliteOptions::default()).unwrap()
}

pub(crate) fn put(n: usize, len: usize) -> Change {
    let text = "t".repeat(len);
    Change::Put {
        collection: &NOTES,
        id: format!("note-{n:04}"),
        expect: Expect::Any,
        body: format!("{{\"group\":{},\"text\":\"{text}\"}}", n % 3).into_bytes(),
    }
}

pub(crate) async fn filled(path: &Path, notes: usize) {
    let documents = open(path);
    documents
        .write((0..notes).map(|n| put(n, 300)).collect())
        .await
        .unwrap();
    documents.close().await.unwrap();
}

pub(crate) async fn ids(documents: &SqliteDocuments) -> Vec<String> {
    let query = Query {
        limit: 1000,
        ..Query::default()
    };
    let page = documents.page(&NOTES, query).await.unwrap();
    page.items.into_iter().map(|note| note.id).collect()
}

/// Changes the file behind the store's back.
pub(crate) fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_damaged_document_is_set_aside_and_named() {
    for (sql, what) in [
        (
            "UPDATE doc_notes SET body = replace(body, 't', 'u') WHERE id = 'note-0002'",
            "body",
        ),
        (
            "UPDATE doc_notes SET body = CAST('{' AS BLOB) WHERE id = 'note-0002'",
            "no JSON",
        ),
        (
            "UPDATE doc_notes SET crc = crc + 1 WHERE id = 'note-0002'",
            "checksum",
        ),
        (
            "UPDATE doc_notes SET revision = 7 WHERE id = 'note-0002'",
            "revision",
        ),
        (
            "UPDATE doc_notes SET revision = 'x', crc = 'y' WHERE id = 'note-0002'",
            "types",
        ),
    ] {
        let place = place();
        filled(&place.path, 10).await;
        tamper(&place.path, sql);
        let documents = open(&place.path);
        let damaged = documents.damaged().await.unwrap();
        assert_eq!(damaged.len(), 1, "{what}: {damaged:?}");
        assert_eq!(damaged[0].id.as_deref(), Some("note-0002"), "{what}");
        assert_eq!(documents.stats().damaged, 1, "{what}");
        assert_eq!(ids(&documents).await.len(), 9, "{what}");
        assert_eq!(documents.get(&NOTES, "note-0002").await.unwrap(), None);
        let group = Some(("group", "2".to_owned()));
        assert_eq!(documents.count(&NOTES, group).await.unwrap(), 2, "{what}");
        documents.write(vec![put(2, 300)]).await.unwrap();
        documents.close().await.unwrap();
        let documents = open(&place.path);
        assert_eq!(ids(&documents).await.len(), 10, "{what}");
        assert_eq!(
            documents.damaged().await.unwrap().len(),
            1,
            "{what}: not counted twice"
        );
    }
}

#[tokio::test]
async fn damage_met_while_running_is_set_aside_too() {
    let place = place();
    filled(&place.path, 10).await;
    let documents = open(&place.path);
    tamper(
        &place.path,
        "UPDATE doc_notes SET body = replace(body, 't', 'u') WHERE id IN ('note-0002', 'note-0003')",
    );
    let got = documents.get(&NOTES, "note-0002").await;
    assert!(matches!(got, Err(StoreError::Damaged { .. })), "{got:?}");
    assert_eq!(ids(&documents).await.len(), 8, "the others can be read");
    // A write goes behind what the readers asked to be set aside.
    documents.write(vec![put(3, 300)]).await.unwrap();
    assert_eq!(documents.stats().damaged, 2);
    assert_eq!(documents.get(&NOTES, "note-0002").await.unwrap(), None);
    assert_eq!(ids(&documents).await.len(), 9);
}

#[tokio::test]
async fn a_missing_document_is_noticed() {
    let place = place();
    filled(&place.path, 10).await;
    tamper(&place.path, "DELETE FROM doc_notes WHERE id = 'note-0004'");
    let damaged = open(&place.path).damaged().await.unwrap();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].reason, "1 of 10 documents are missing");
    assert_eq!(
        open(&place.path).damaged().await.unwrap().len(),
        1,
        "told once"
    );
}

#[tokio::test]
async fn a_damaged_index_is_made_anew() {
    let place = place();
    filled(&place.path, 10).await;
    tamper(
        &place.path,
        "UPDATE key_notes SET key = '9' WHERE id = 'note-0004'",
    );
    let documents = open(&place.path);
    for (key, count) in [("0", 4), ("1", 3), ("2", 3), ("9", 0)] {
        let index = Some(("group", key.to_owned()));
        assert_eq!(
            documents.count(&NOTES, index).await.unwrap(),
            count,
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_reads_go_on() {
    let place = place();
    let options = SqliteOptions {
        bytes_max: Some(300_000),
    };
    let documents = SqliteDocuments::open(&place.path, &[&NOTES], &options).unwrap();
    let mut kept = 0;
    let full = loop {
        match documents.write(vec![put(kept, 5000)]).await {
            Ok(_) => kept += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!(kept > 10, "{kept}");
    assert_eq!(ids(&documents).await.len(), kept);
    // A write that has room is not refused for one that has none.
    let (large, small) = tokio::join!(
        documents.write(vec![put(9999, 200_000)]),
        documents.write(vec![Change::Delete {
            collection: &NOTES,
            id: "note-0000".to_owned(),
            expect: Expect::Present,
        }]),
    );
    assert!(matches!(large, Err(StoreError::Full { .. })), "{large:?}");
    small.unwrap();
    documents.write(vec![put(0, 100)]).await.unwrap();
    documents.close().await.unwrap();
    let documents = open(&place.path);
    assert_eq!(documents.damaged().await.unwrap(), vec![]);
    assert_eq!(ids(&documents).await.len(), kept);
}

#[tokio::test]
async fn what_a_newer_server_or_another_program_wrote_is_refused() {
    let place = place();
    filled(&place.path, 1).await;
    tamper(
        &place.path,
        "PRAGMA user_version = 99; UPDATE foretell_format SET version = 99",
    );
    let refused = SqliteDocuments::open(&place.path, &[&NOTES], &SqliteOptions::default());
    assert!(matches!(refused, Err(OpenError::Newer { found: 99, .. })));
    tamper(
        &place.path,
        "PRAGMA user_version = 1; PRAGMA application_id = 7; DROP TABLE foretell_format",
    );
    let refused = SqliteDocuments::open(&place.path, &[&NOTES], &SqliteOptions::default());
    assert!(matches!(refused, Err(OpenError::Foreign { .. })));
}

#[tokio::test]
async fn a_document_too_large_is_refused() {
    let place = place();
    let documents = open(&place.path);
    let refused = documents.write(vec![put(1, 13 << 20)]).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
}
