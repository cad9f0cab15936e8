//! Bytes that change on disk, and a disk without room.

use foretell_store::documents::sqlite::{SqliteDocuments, SqliteOptions};
use foretell_store::documents::{Change, CollectionSpec, Documents, Expect, Query};
use foretell_store::{OpenError, StoreError};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

static NOTES: CollectionSpec = CollectionSpec {
    name: "notes",
    indexes: &[foretell_store::documents::Index {
        name: "group",
        pointers: &["/group"],
        unique: false,
    }],
};

struct Place {
    _dir: TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("documents.sqlite3");
    Place { _dir: dir, path }
}

fn open(path: &Path) -> SqliteDocuments {
    SqliteDocuments::open(path, &[&NOTES], &SqliteOptions::default()).unwrap()
}

fn put(n: usize, len: usize) -> Change {
    let text = "t".repeat(len);
    Change::Put {
        collection: &NOTES,
        id: format!("note-{n:04}"),
        expect: Expect::Any,
        body: format!("{{\"group\":{},\"text\":\"{text}\"}}", n % 3).into_bytes(),
    }
}

async fn filled(path: &Path, notes: usize) {
    let documents = open(path);
    documents
        .write((0..notes).map(|n| put(n, 300)).collect())
        .await
        .unwrap();
    documents.close().await.unwrap();
}

async fn ids(documents: &SqliteDocuments) -> Vec<String> {
    let query = Query {
        limit: 1000,
        ..Query::default()
    };
    let page = documents.page(&NOTES, query).await.unwrap();
    page.items.into_iter().map(|note| note.id).collect()
}

/// Changes the file behind the store's back.
fn tamper(path: &Path, sql: &str) {
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

/// Where a damaged file is kept.
fn aside(path: &Path) -> PathBuf {
    path.with_file_name("documents.sqlite3.damaged-1")
}

async fn filled_anew() -> (Place, Vec<u8>) {
    let place = place();
    filled(&place.path, 200).await;
    let octets = fs::read(&place.path).unwrap();
    (place, octets)
}

#[tokio::test]
async fn one_flipped_bit_anywhere_never_stops_the_server() {
    let (place, sound) = filled_anew().await;
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random).unwrap() % below
    };
    // The lengths, numbers and marks that the file's header has.
    let header = [0..1, 16..24, 28..32, 44..48, 56..64, 68..72, 92..100];
    let header = header
        .into_iter()
        .flatten()
        .map(|octet| octet * 8 + octet % 8);
    let anywhere: Vec<usize> = (0..40).map(|_| next(sound.len() * 8)).collect();
    for bit in header.chain(anywhere) {
        let mut octets = sound.clone();
        octets[bit / 8] ^= 1 << (bit % 8);
        fs::write(&place.path, &octets).unwrap();
        let documents = open(&place.path);
        let left = ids(&documents).await.len();
        let damaged = documents.damaged().await.unwrap();
        // A page of notes holds eleven at most.
        assert!(left >= 189, "bit {bit}: {left} left, {damaged:?}");
        assert!(
            left == 200 || !damaged.is_empty(),
            "bit {bit}: lost and not told"
        );
        documents.write(vec![put(500, 10)]).await.unwrap();
        documents.close().await.unwrap();
        let _ = fs::remove_file(aside(&place.path));
    }
}

#[tokio::test]
async fn lost_pages_cost_what_was_on_them() {
    let (place, sound) = filled_anew().await;
    for page in 1..sound.len() / 4096 {
        let mut octets = sound.clone();
        octets[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&place.path, &octets).unwrap();
        let documents = open(&place.path);
        let left = ids(&documents).await.len();
        let damaged = documents.damaged().await.unwrap();
        // A page of notes holds eleven.
        assert!(left >= 189, "page {page}: {left} left");
        assert!(!damaged.is_empty(), "page {page}");
        assert!(aside(&place.path).exists(), "page {page}");
        drop(documents);
        let again = open(&place.path);
        assert_eq!(
            ids(&again).await.len(),
            left,
            "page {page}: as it was salvaged"
        );
        assert_eq!(again.damaged().await.unwrap(), damaged, "page {page}");
        drop(again);
        fs::remove_file(aside(&place.path)).unwrap();
    }
}

#[tokio::test]
async fn a_file_cut_short_is_read_as_far_as_it_goes() {
    let (place, sound) = filled_anew().await;
    fs::write(&place.path, &sound[..sound.len() / 2 + 1000]).unwrap();
    let documents = open(&place.path);
    let left = ids(&documents).await.len();
    assert!((50..200).contains(&left), "{left}");
    let reasons: Vec<_> = documents.damaged().await.unwrap();
    assert!(
        reasons
            .iter()
            .any(|d| d.reason.contains("documents were salvaged")),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn what_was_never_a_database_is_left_alone() {
    let place = place();
    fs::write(&place.path, vec![7; 20_000]).unwrap();
    let refused = SqliteDocuments::open(&place.path, &[&NOTES], &SqliteOptions::default());
    assert!(matches!(refused, Err(OpenError::Unreadable { .. })));
    assert_eq!(fs::read(&place.path).unwrap(), vec![7; 20_000]);
}

#[tokio::test]
async fn a_damaged_log_costs_what_was_damaged_and_not_what_was_written_later() {
    let place = place();
    filled(&place.path, 20).await;
    let documents = open(&place.path);
    for n in 20..60 {
        documents.write(vec![put(n, 300)]).await.unwrap();
    }
    // As after kill -9: the log was not taken into the file.
    let wal = PathBuf::from(format!("{}-wal", place.path.display()));
    let (file, log) = (fs::read(&place.path).unwrap(), fs::read(&wal).unwrap());
    drop(documents);
    assert!(log.len() > 100_000, "{}", log.len());
    for at in [
        0,
        3,
        17,
        25,
        40,
        500,
        5_000,
        20_001,
        50_000,
        log.len() - 9_000,
    ] {
        let other = self::place();
        fs::write(&other.path, &file).unwrap();
        let mut damaged = log.clone();
        damaged[at] ^= 0x10;
        fs::write(other.path.with_file_name("documents.sqlite3-wal"), &damaged).unwrap();
        let documents = open(&other.path);
        let left = ids(&documents).await.len();
        assert!(left >= 58, "octet {at}: {left} left");
        assert!(!documents.damaged().await.unwrap().is_empty(), "octet {at}");
        assert!(aside(&other.path).exists(), "octet {at}");
    }
    // The very last transaction torn is what a crash does: it was never answered.
    let other = self::place();
    fs::write(&other.path, &file).unwrap();
    fs::write(
        other.path.with_file_name("documents.sqlite3-wal"),
        &log[..log.len() - 100],
    )
    .unwrap();
    let documents = open(&other.path);
    assert_eq!(ids(&documents).await.len(), 59);
    assert_eq!(documents.damaged().await.unwrap(), vec![]);
}

#[tokio::test]
async fn salvaging_goes_on_where_it_was_cut_short() {
    let (place, sound) = filled_anew().await;
    let beside = |end: &str| PathBuf::from(format!("{}{end}", place.path.display()));
    // Cut short while the new file was made: it is made again.
    fs::write(beside(".salvaging"), b"half a file").unwrap();
    let mut octets = sound.clone();
    octets[2 * 4096..3 * 4096].fill(0);
    fs::write(&place.path, &octets).unwrap();
    let left = ids(&open(&place.path)).await.len();
    // Cut short when it was ready: it is put in its place, and the old log does not come near it.
    fs::rename(&place.path, beside(".salvaged")).unwrap();
    fs::write(&place.path, &octets).unwrap();
    fs::write(beside("-wal"), b"an old log").unwrap();
    let documents = open(&place.path);
    assert_eq!(ids(&documents).await.len(), left);
    assert_eq!(fs::read(beside(".damaged-2")).unwrap(), octets);
    assert_eq!(fs::read(beside(".damaged-2-wal")).unwrap(), b"an old log");
}
