//! Files of an older server: their documents are brought to the present versions, whatever happens
//! meanwhile.

use crate::damage::{Place, place};
use foretell_store::OpenError;
use foretell_store::documents::sqlite::{Migrated, SqliteDocuments, SqliteOptions, Upgrade};
use foretell_store::documents::{
    Change, CollectionSpec, Documents, Expect, Fault, Index, Migration, Query, Shape,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the child finds its file. Without it the child's test does nothing.
const FILE: &str = "FORETELL_TEST_MIGRATION_FILE";
const NOTES_LEN: usize = 120;
const ROOMS_LEN: usize = 5;

const BY_NAME: &[Index] = &[Index {
    name: "name",
    pointers: &["/name"],
    unique: true,
}];
const BY_TITLE: &[Index] = &[Index {
    name: "title",
    pointers: &["/title"],
    unique: true,
}];

/// As the first server had them.
static NOTES_1: CollectionSpec = CollectionSpec::plain("notes", BY_NAME);
static ROOMS_1: CollectionSpec = CollectionSpec::plain("rooms", &[]);
/// As the next but one has them: a name is a title, and of three digits.
static NOTES_3: CollectionSpec = CollectionSpec {
    version: 3,
    shape: Shape {
        check: titled,
        ..Shape::ANY
    },
    migrations: &[
        Migration {
            to: 2,
            change: name_is_title,
        },
        Migration {
            to: 3,
            change: three_digits,
        },
    ],
    ..CollectionSpec::plain("notes", BY_TITLE)
};
/// As it has these: nothing is changed but the version.
static ROOMS_2: CollectionSpec = CollectionSpec {
    version: 2,
    migrations: &[Migration {
        to: 2,
        change: as_it_is,
    }],
    ..CollectionSpec::plain("rooms", &[])
};
static OLD: &[&CollectionSpec] = &[&NOTES_1, &ROOMS_1];
static NEW: &[&CollectionSpec] = &[&NOTES_3, &ROOMS_2];

/// In the child, says that it is at a document and waits until it is told to go on; at the end of
/// what it is told it goes on by itself.
fn in_step() {
    if std::env::var(FILE).is_ok() {
        println!("ack");
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}

fn name_is_title(mut body: Value) -> Result<Value, String> {
    in_step();
    let fields = body.as_object_mut().ok_or("it is no object")?;
    let name = fields.remove("name").ok_or("it has no name")?;
    fields.insert("title".to_owned(), name);
    Ok(body)
}

fn three_digits(mut body: Value) -> Result<Value, String> {
    let title = body["title"].as_str().ok_or("its title is no text")?;
    let number: u32 = title
        .parse()
        .map_err(|_| format!("`{title}` is no number"))?;
    body["title"] = json!(format!("{:03}", number % 500));
    Ok(body)
}

#[allow(clippy::unnecessary_wraps)]
fn as_it_is(body: Value) -> Result<Value, String> {
    in_step();
    Ok(body)
}

fn titled(body: &Value) -> Result<(), Vec<Fault>> {
    match body["title"].as_str() {
        Some("013") => Err(vec![Fault {
            at: "title".to_owned(),
            reason: "nobody calls a note so".to_owned(),
        }]),
        _ => Ok(()),
    }
}

fn opened(path: &Path, collections: &[&'static CollectionSpec]) -> SqliteDocuments {
    SqliteDocuments::open(path, collections, &SqliteOptions::default()).unwrap()
}

fn put(collection: &'static CollectionSpec, id: &str, body: &Value) -> Change {
    Change::Put {
        collection,
        id: id.to_owned(),
        expect: Expect::Any,
        body: body.to_string().into_bytes(),
    }
}

/// A file of the first server with so many notes and some rooms.
async fn old_file(notes: &[&str]) -> Place {
    let place = place();
    let documents = opened(&place.path, OLD);
    let notes = notes.iter().enumerate();
    let mut changes: Vec<Change> = notes
        .map(|(n, name)| put(&NOTES_1, &format!("note-{n}"), &json!({"name": name})))
        .collect();
    changes
        .extend((0..ROOMS_LEN).map(|n| put(&ROOMS_1, &format!("room-{n}"), &json!({"floor": n}))));
    documents.write(changes).await.unwrap();
    documents.close().await.unwrap();
    place
}

async fn titles(documents: &SqliteDocuments) -> Vec<(String, u64, String)> {
    let query = Query {
        limit: 1000,
        ..Query::default()
    };
    let page = documents.page(&NOTES_3, query).await.unwrap();
    let title = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        body["title"].as_str().unwrap().to_owned()
    };
    page.items
        .into_iter()
        .map(|note| (note.id, note.revision, title(&note.body)))
        .collect()
}

fn copy(path: &Path, number: u32) -> PathBuf {
    PathBuf::from(format!("{}.before-{number}", path.display()))
}

#[tokio::test]
async fn documents_of_an_older_server_are_brought_along() {
    // 12 and 512 come to have one title; 13 is refused; `x` is no number.
    let place = old_file(&["7", "12", "512", "13", "x"]).await;
    let documents = opened(&place.path, NEW);
    let upgrade = documents.upgrade().clone();
    assert_eq!(upgrade.copy.as_deref(), Some(&*copy(&place.path, 1)));
    let migrated = |collection, from, to, documents, set_aside| Migrated {
        collection,
        from,
        to,
        documents,
        set_aside,
    };
    assert_eq!(
        upgrade.collections,
        [migrated("notes", 1, 3, 2, 3), migrated("rooms", 1, 2, 5, 0)]
    );
    let expected = [("note-0", 2, "007"), ("note-1", 2, "012")]
        .map(|(id, revision, title)| (id.to_owned(), revision, title.to_owned()));
    assert_eq!(titles(&documents).await, expected);
    let title = Some(("title", "012".to_owned()));
    assert_eq!(documents.count(&NOTES_3, title).await.unwrap(), 1);
    assert_eq!(documents.count(&NOTES_3, None).await.unwrap(), 2);
    // What says the same as before has its revision still.
    let room = documents.get(&ROOMS_2, "room-0").await.unwrap().unwrap();
    assert_eq!((room.revision, &room.body[..]), (1, &br#"{"floor":0}"#[..]));
    let mut damaged = documents.damaged().await.unwrap();
    damaged.sort_by(|a, b| a.id.cmp(&b.id));
    let reasons: Vec<_> = damaged
        .iter()
        .map(|d| (d.id.as_deref().unwrap(), d.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            (
                "note-2",
                "it cannot be of version 3: note-1 already has that title"
            ),
            (
                "note-3",
                "it cannot be of version 3: title: nobody calls a note so"
            ),
            ("note-4", "it cannot be of version 3: `x` is no number"),
        ]
    );
    // As they were, so that an operator can bring them back by hand.
    let rows = Connection::open(&place.path).unwrap();
    let body: Vec<u8> = rows
        .query_row("SELECT body FROM damaged WHERE id = 'note-4'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(body, br#"{"name":"x"}"#);
    drop(rows);
    documents.close().await.unwrap();

    // Once, and for good.
    let again = opened(&place.path, NEW);
    assert_eq!(again.upgrade(), &Upgrade::default());
    assert_eq!(titles(&again).await, expected);
    assert_eq!(again.damaged().await.unwrap().len(), 3);
    assert!(!copy(&place.path, 2).exists());
    again.close().await.unwrap();

    // The server of before refuses the file, and reads the copy.
    let refused = SqliteDocuments::open(&place.path, OLD, &SqliteOptions::default());
    let Err(refused @ OpenError::NewerDocuments { .. }) = refused.map(|_| ()) else {
        panic!("a newer file was opened");
    };
    assert!(
        refused
            .to_string()
            .contains("its notes were written by a newer Foretell (version 3"),
        "{refused}"
    );
    let octets = fs::read(copy(&place.path, 1)).unwrap();
    fs::write(&place.path, octets).unwrap();
    let before = opened(&place.path, OLD);
    assert_eq!(before.damaged().await.unwrap(), vec![]);
    assert_eq!(before.count(&NOTES_1, None).await.unwrap(), 5);
    let name = Some(("name", "512".to_owned()));
    assert_eq!(before.count(&NOTES_1, name).await.unwrap(), 1);
    before.close().await.unwrap();
    // Gone forward again, there is a copy of this, too.
    let forward = opened(&place.path, NEW);
    let second = forward.upgrade().copy.clone();
    assert_eq!(second.as_deref(), Some(&*copy(&place.path, 2)));
}

#[tokio::test]
async fn a_collection_without_documents_needs_no_copy() {
    let place = place();
    opened(&place.path, OLD).close().await.unwrap();
    let documents = opened(&place.path, NEW);
    assert_eq!(documents.upgrade(), &Upgrade::default());
    documents
        .write(vec![put(&NOTES_3, "a", &json!({"title": "001"}))])
        .await
        .unwrap();
    documents.close().await.unwrap();
    assert!(SqliteDocuments::open(&place.path, OLD, &SqliteOptions::default()).is_err());
    assert!(!copy(&place.path, 1).exists());
}

#[tokio::test]
async fn only_the_last_copies_are_kept() {
    let place = old_file(&["1"]).await;
    for number in [3, 4, 7] {
        fs::write(copy(&place.path, number), b"an older copy").unwrap();
    }
    // Cut short while a copy was made: it is made again.
    fs::write(
        format!("{}.copying", place.path.display()),
        b"half of a copy",
    )
    .unwrap();
    drop(opened(&place.path, NEW));
    let there: Vec<u32> = (1..20).filter(|n| copy(&place.path, *n).exists()).collect();
    assert_eq!(there, [4, 7, 8]);
}

/// An older server that does not know of the note went on with the file meanwhile.
#[tokio::test]
async fn a_copy_of_an_earlier_migration_is_not_taken_for_one_of_this() {
    for (is_changed, copies) in [(false, 1), (true, 2)] {
        let place = old_file(&["1", "2"]).await;
        fs::copy(&place.path, copy(&place.path, 1)).unwrap();
        let earlier = fs::read(copy(&place.path, 1)).unwrap();
        if is_changed {
            let documents = opened(&place.path, OLD);
            let other = put(&NOTES_1, "note-1", &json!({"name": "3"}));
            documents.write(vec![other]).await.unwrap();
            documents.close().await.unwrap();
        }
        let name = copy(&place.path, 1);
        let name = name.file_name().unwrap().to_str().unwrap();
        let note = format!("INSERT INTO upgrade (number, copy) VALUES (1, '{name}')");
        crate::damage::tamper(&place.path, &note);
        let documents = opened(&place.path, NEW);
        assert_eq!(titles(&documents).await.len(), 2);
        documents.close().await.unwrap();
        assert_eq!(fs::read(copy(&place.path, 1)).unwrap(), earlier);
        assert!(copy(&place.path, copies).exists(), "changed: {is_changed}");
        assert!(!copy(&place.path, copies + 1).exists());
        // Who goes back finds what was there last.
        fs::copy(copy(&place.path, copies), &place.path).unwrap();
        let documents = opened(&place.path, OLD);
        let note = documents.get(&NOTES_1, "note-1").await.unwrap().unwrap();
        let name = if is_changed { "3" } else { "2" };
        let expected = json!({"name": name}).to_string().into_bytes();
        assert_eq!(note.body, expected);
    }
}

#[tokio::test]
async fn what_is_stated_of_a_version_counts_less_than_what_documents_prove() {
    let set = "UPDATE collections SET version =";
    for stated in [0, -5, 2, 3, 1_i64 << 40] {
        let place = old_file(&["1", "2"]).await;
        crate::damage::tamper(&place.path, &format!("{set} {stated}"));
        let documents = opened(&place.path, OLD);
        assert_eq!(documents.damaged().await.unwrap(), vec![], "{stated}");
        assert_eq!(documents.count(&NOTES_1, None).await.unwrap(), 2);
        documents.close().await.unwrap();
        crate::damage::tamper(&place.path, &format!("{set} {stated}"));
        let documents = opened(&place.path, NEW);
        assert_eq!(documents.damaged().await.unwrap(), vec![], "{stated}");
        assert_eq!(titles(&documents).await.len(), 2, "{stated}");
        documents.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_migration_without_room_leaves_all_as_it_was() {
    #[allow(clippy::unnecessary_wraps)]
    fn grown(mut body: Value) -> Result<Value, String> {
        body["text"] = json!("t".repeat(2000));
        Ok(body)
    }
    static GROWN: CollectionSpec = CollectionSpec {
        version: 2,
        migrations: &[Migration {
            to: 2,
            change: grown,
        }],
        ..CollectionSpec::plain("notes", BY_NAME)
    };
    let names: Vec<String> = (0..NOTES_LEN).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let place = old_file(&names).await;
    let options = SqliteOptions {
        bytes_max: Some(fs::metadata(&place.path).unwrap().len()),
    };
    for _ in 0..2 {
        let refused = SqliteDocuments::open(&place.path, &[&GROWN], &options);
        let Err(OpenError::Database { source, .. }) = refused.map(|_| ()) else {
            panic!("there was room");
        };
        let full = Some(rusqlite::ErrorCode::DiskFull);
        assert_eq!(source.sqlite_error_code(), full, "{source}");
    }
    let before = opened(&place.path, OLD);
    assert_eq!(before.damaged().await.unwrap(), vec![]);
    let count = before.count(&NOTES_1, None).await.unwrap();
    assert_eq!(count, NOTES_LEN as u64);
    before.close().await.unwrap();
    let documents = opened(&place.path, &[&GROWN]);
    let upgrade = documents.upgrade();
    assert_eq!(upgrade.collections[0].documents, NOTES_LEN as u64);
    let kept = copy(&place.path, 1).exists() && !copy(&place.path, 3).exists();
    assert!(kept, "{upgrade:?}");
}

/// A file that is damaged as a whole and of an older version, both at once.
#[tokio::test]
async fn salvaged_documents_are_brought_along_too() {
    let names: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let place = old_file(&names).await;
    let sound = fs::read(&place.path).unwrap();
    for page in 1..sound.len() / 4096 {
        let mut octets = sound.clone();
        octets[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&place.path, &octets).unwrap();
        let documents = opened(&place.path, NEW);
        let found = titles(&documents).await;
        // A page of notes holds some hundred; 13 is refused.
        assert!(found.len() >= 150, "page {page}: {}", found.len());
        assert!(
            found
                .iter()
                .all(|(_, revision, title)| *revision == 2 && title.len() == 3),
            "page {page}"
        );
        let damaged = documents.damaged().await.unwrap();
        assert!(!damaged.is_empty(), "page {page}");
        documents.close().await.unwrap();
        let aside = PathBuf::from(format!("{}.damaged-1", place.path.display()));
        fs::remove_file(aside).unwrap();
    }
}

/// An older server does not salvage what it would lose: the one that wrote it reads all of it.
#[tokio::test]
async fn a_damaged_file_of_a_newer_server_is_left_to_it() {
    let names: Vec<String> = (100..400).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let place = old_file(&names).await;
    opened(&place.path, NEW).close().await.unwrap();
    let mut octets = fs::read(&place.path).unwrap();
    octets[..100].fill(0xa5);
    fs::write(&place.path, &octets).unwrap();
    let refused = SqliteDocuments::open(&place.path, OLD, &SqliteOptions::default());
    let refused = refused.map(|_| ());
    assert!(
        matches!(refused, Err(OpenError::NewerDocuments { .. })),
        "{refused:?}"
    );
    assert_eq!(fs::read(&place.path).unwrap(), octets);
    let documents = opened(&place.path, NEW);
    assert_eq!(titles(&documents).await.len(), 300);
    documents.close().await.unwrap();
}

/// A file of format 1, before collections had versions: see `salvage`.
#[tokio::test]
async fn documents_of_format_1_are_of_version_1() {
    fn counted(mut body: Value) -> Result<Value, String> {
        let text = body["text"].as_str().ok_or("it has no text")?.len();
        body["text"] = json!(text);
        Ok(body)
    }
    static COUNTED: CollectionSpec = CollectionSpec {
        version: 2,
        migrations: &[Migration {
            to: 2,
            change: counted,
        }],
        ..CollectionSpec::plain("notes", &[])
    };
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/documents-1.sqlite3");
    let place = place();
    fs::copy(kept, &place.path).unwrap();
    let documents = opened(&place.path, &[&COUNTED]);
    let upgrade = documents.upgrade();
    assert_eq!(upgrade.collections.len(), 1);
    assert_eq!(upgrade.collections[0].documents, 4);
    let note = documents.get(&COUNTED, "note-0003").await.unwrap().unwrap();
    assert_eq!(note.revision, 3);
    assert_eq!(note.body, br#"{"group":0,"text":10}"#);
    assert_eq!(documents.damaged().await.unwrap().len(), 1);
}

/// A file of format 2, written on 2026-11-26 by the server of that day: notes of version 3 that were
/// of version 1, of which three were set aside. It is never written anew: what was kept must stay
/// readable.
#[tokio::test]
async fn a_file_of_format_2_is_still_read() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/documents-2.sqlite3");
    let place = place();
    fs::copy(kept, &place.path).unwrap();
    assert!(SqliteDocuments::open(&place.path, OLD, &SqliteOptions::default()).is_err());
    let documents = opened(&place.path, NEW);
    assert_eq!(documents.upgrade(), &Upgrade::default());
    let expected = [("note-0", 2, "007"), ("note-1", 2, "012")]
        .map(|(id, revision, title)| (id.to_owned(), revision, title.to_owned()));
    assert_eq!(titles(&documents).await, expected);
    assert_eq!(documents.count(&ROOMS_2, None).await.unwrap(), 5);
    assert_eq!(documents.damaged().await.unwrap().len(), 3);
}

/// Opens the file as the newer server; killed at it.
#[test]
fn child() {
    let Ok(file) = std::env::var(FILE) else {
        return;
    };
    drop(opened(Path::new(&file), NEW));
}

/// Runs the child, and kills it while it is at that document, counted from 1 over both collections;
/// with none at some time behind the last.
fn run_and_kill(path: &Path, at: Option<usize>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "migrations::child", "--nocapture"])
        .env(FILE, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let steps = at.unwrap_or(NOTES_LEN + ROOMS_LEN);
    let mut told = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut met = lines.map_while(Result::ok).filter(|line| line == "ack");
    for _ in 1..steps {
        met.next().unwrap();
        writeln!(told).unwrap();
    }
    met.next().unwrap();
    if at.is_none() {
        writeln!(told).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The versions that the file states of both.
fn stated(path: &Path) -> (u32, u32) {
    let file = Connection::open(path).unwrap();
    let of = |name| {
        let sql = "SELECT version FROM collections WHERE name = ?1";
        file.query_row(sql, [name], |row| row.get(0)).unwrap()
    };
    (of("notes"), of("rooms"))
}

#[tokio::test]
async fn a_migration_that_is_killed_is_gone_on_with() {
    let names: Vec<String> = (100..100 + NOTES_LEN).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let old = old_file(&names).await;
    let octets = fs::read(&old.path).unwrap();
    let last = NOTES_LEN + ROOMS_LEN;
    let at = [1, 2, NOTES_LEN / 2, NOTES_LEN, NOTES_LEN + 1, last];
    let rounds = at.into_iter().map(Some);
    for at in rounds.chain([None; 6]) {
        let place = place();
        fs::write(&place.path, &octets).unwrap();
        run_and_kill(&place.path, at);
        match at {
            Some(at) if at <= NOTES_LEN => {
                // Nothing of it was kept, and it is killed again at it.
                assert_eq!(stated(&place.path), (1, 1), "{at}");
                run_and_kill(&place.path, Some(NOTES_LEN / 3));
                assert_eq!(stated(&place.path), (1, 1), "{at}");
            }
            // One collection is as it shall be, the other as it was.
            Some(at) => assert_eq!(stated(&place.path), (3, 1), "{at}"),
            None => {}
        }
        let documents = opened(&place.path, NEW);
        assert_eq!(documents.damaged().await.unwrap(), vec![], "{at:?}");
        let found = titles(&documents).await;
        assert_eq!(found.len(), NOTES_LEN, "{at:?}");
        // Each once, whatever was cut short.
        assert!(found.iter().all(|note| note.1 == 2), "{at:?}");
        let rooms = documents.count(&ROOMS_2, None).await.unwrap();
        assert_eq!(rooms, ROOMS_LEN as u64, "{at:?}");
        documents.close().await.unwrap();
        // The first copy is of before any of it, and there is no second.
        assert!(!copy(&place.path, 2).exists(), "{at:?}");
        fs::copy(copy(&place.path, 1), &place.path).unwrap();
        let before = opened(&place.path, OLD);
        assert_eq!(before.damaged().await.unwrap(), vec![], "{at:?}");
        let count = before.count(&NOTES_1, None).await.unwrap();
        assert_eq!(count, NOTES_LEN as u64, "{at:?}");
    }
}
