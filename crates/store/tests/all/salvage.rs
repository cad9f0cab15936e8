//! Files that are damaged as a whole: every row that can be proved is brought over to a new one.

use crate::damage::{NOTES, Place, filled, ids, open, place, put};
use foretell_store::OpenError;
use foretell_store::documents::Documents;
use foretell_store::documents::sqlite::{SqliteDocuments, SqliteOptions};
use std::fs;
use std::path::{Path, PathBuf};

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

/// SQLite reads how tables are made as a text, and takes what it says.
#[tokio::test]
async fn a_column_of_another_name_is_damage() {
    let (place, sound) = filled_anew().await;
    for (name, other) in [("reason TEXT", "reasom TEXT"), ("copy TEXT", "cnpy TEXT")] {
        let mut octets = sound.clone();
        let found = octets
            .windows(name.len())
            .position(|w| w == name.as_bytes());
        let at = found.unwrap();
        octets[at..at + other.len()].copy_from_slice(other.as_bytes());
        fs::write(&place.path, &octets).unwrap();
        let documents = open(&place.path);
        assert_eq!(ids(&documents).await.len(), 200, "{other}");
        assert!(!documents.damaged().await.unwrap().is_empty(), "{other}");
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
        let other = crate::damage::place();
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
    let other = crate::damage::place();
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

/// A file of format 1, written on 2026-11-23 by the server of that day: five notes, of which one
/// was set aside. It is never written anew: what was kept must stay readable.
#[tokio::test]
async fn a_file_of_format_1_is_still_read() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/documents-1.sqlite3");
    let place = place();
    fs::copy(kept, &place.path).unwrap();
    let documents = open(&place.path);
    let expected: Vec<String> = [0, 1, 3, 4].map(|n| format!("note-{n:04}")).into();
    assert_eq!(ids(&documents).await, expected);
    let note = documents.get(&NOTES, "note-0003").await.unwrap().unwrap();
    assert_eq!(note.revision, 2);
    assert_eq!(note.body, br#"{"group":0,"text":"tttttttttt"}"#);
    let group = Some(("group", "1".to_owned()));
    assert_eq!(documents.count(&NOTES, group).await.unwrap(), 2);
    let damaged = documents.damaged().await.unwrap();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].id.as_deref(), Some("note-0002"));
    assert!(!aside(&place.path).exists());
}
