//! Documents out as lines and in again, and lines that are not as they should be.

use crate::fixture::{FORKED_MAX, Fixture, device};
use foretell_store::documents::{Change, CollectionSpec, Document, Documents, Query};
use foretell_store::lines::{
    ImportError, ImportOptions, Imported, LINE_BYTES_MAX, Mode, Refusal, export, import,
};
use foretell_store::{DocumentsAlone, Expect, OpenError, Store, StoreOptions, catalog};
use model::CredentialId;
use model::credential::{CredentialKind, CredentialSecrets, Secret};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const COMMUNITY: &str = "not-for-everybody";

/// A folder with some of this and that, closed.
async fn filled() -> Fixture {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    for n in 1..=20 {
        let device = device(n, fixture.now());
        store.inventory.create(device).await.unwrap();
    }
    let secrets = CredentialSecrets {
        community: Some(Secret::new(COMMUNITY.to_owned())),
        ..CredentialSecrets::default()
    };
    let (id, kind) = (CredentialId::new(), CredentialKind::SnmpV2c);
    let name = "site".to_owned();
    store
        .credentials
        .create(id, name, kind, &secrets)
        .await
        .unwrap();
    for (name, value) in [
        ("nothing", json!(null)),
        ("number", json!(18_446_744_073_709_551_615_u64)),
        ("text", json!("a\nb\u{2028} ä")),
    ] {
        let set = store.settings.set(name, Expect::Absent, &value);
        set.await.unwrap();
    }
    store.close().await.unwrap();
    fixture
}

fn alone(dir: &Path) -> DocumentsAlone {
    let began = Instant::now();
    loop {
        match DocumentsAlone::open(&StoreOptions::new(dir)) {
            Err(OpenError::InUse { .. }) if began.elapsed() < FORKED_MAX => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened.unwrap(),
        }
    }
}

async fn all(documents: &dyn Documents) -> Vec<(&'static str, Document)> {
    let mut all = Vec::new();
    for spec in catalog::ALL {
        let query = Query {
            limit: 1000,
            ..Query::default()
        };
        let page = documents.page(spec, query).await.unwrap();
        all.extend(page.items.into_iter().map(|document| (spec.name, document)));
    }
    all
}

async fn exported(documents: &dyn Documents, collections: &[&'static CollectionSpec]) -> String {
    let (mut lines, mut told) = (Vec::new(), 0);
    let done = export(documents, collections, &mut lines, &mut |documents| {
        told = documents;
    })
    .await
    .unwrap();
    assert_eq!((done.documents, done.left_out), (told, 0));
    String::from_utf8(lines).unwrap()
}

async fn imported(
    documents: &dyn Documents,
    lines: &str,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    import(documents, &mut lines.as_bytes(), options, &mut |_| {}).await
}

fn replacing() -> ImportOptions {
    ImportOptions {
        mode: Mode::Replace,
        ..ImportOptions::default()
    }
}

fn bodies(all: &[(&'static str, Document)]) -> Vec<(&'static str, String, Vec<u8>)> {
    all.iter()
        .map(|(of, document)| (*of, document.id.clone(), document.body.clone()))
        .collect()
}

#[tokio::test]
async fn what_goes_out_comes_in_the_same() {
    let from = filled().await;
    let (there, lines) = {
        let from = alone(from.dir.path());
        let there = all(&from.documents).await;
        (there, exported(&from.documents, catalog::ALL).await)
    };
    assert_eq!(lines.lines().count(), there.len() + 2);
    assert!(!lines.contains(COMMUNITY));
    let to = Fixture::new();
    {
        let to = alone(to.dir.path());
        let dry = ImportOptions {
            dry_run: true,
            ..replacing()
        };
        let told = imported(&to.documents, &lines, &dry).await.unwrap();
        assert_eq!((told.created, told.refused), (there.len() as u64, 0));
        assert!(all(&to.documents).await.is_empty());
        for mode in [Mode::Merge, Mode::Replace] {
            let options = ImportOptions {
                mode,
                ..ImportOptions::default()
            };
            let done = imported(&to.documents, &lines, &options).await.unwrap();
            assert!(done.refusals.is_empty(), "{done:?}");
            assert!(!done.cut_short);
            assert_eq!(done.created + done.unchanged, there.len() as u64);
            assert_eq!((done.changed, done.deleted), (0, 0));
            assert_eq!(done.created == 0, mode == Mode::Replace);
        }
        assert_eq!(bodies(&all(&to.documents).await), bodies(&there));
        let again = exported(&to.documents, catalog::ALL).await;
        let without_revisions = |lines: &str| -> Vec<Value> {
            let read = |line: &str| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                line["revision"].take();
                line
            };
            lines.lines().map(read).collect()
        };
        assert_eq!(without_revisions(&again), without_revisions(&lines));
        to.documents.close().await.unwrap();
    }
    // With the key file beside it, it is the folder that it was.
    let key = "secret.key";
    fs::copy(from.dir.path().join(key), to.dir.path().join(key)).unwrap();
    let store = to.open().await;
    assert_eq!(store.inventory.device_count(), 20);
    let credential = store.credentials.list().await.unwrap().remove(0);
    let opened = store.credentials.secrets(credential.body.id).await.unwrap();
    assert_eq!(opened.community.unwrap().reveal(), COMMUNITY);
}

#[tokio::test]
async fn a_folder_that_a_server_has_is_left_alone() {
    let fixture = Fixture::new();
    let _store = fixture.open().await;
    let refused = DocumentsAlone::open(&StoreOptions::new(fixture.dir.path()));
    assert!(matches!(refused.err(), Some(OpenError::InUse { .. })));
}

#[tokio::test]
async fn broken_lines_are_named_and_the_rest_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let to = alone(dir.path());
    let setting =
        |id: &str| format!(r#"{{"collection":"settings","version":1,"id":"{id}","body":1}}"#);
    let long = format!(r#"{{"body":"{}"}}"#, "x".repeat(LINE_BYTES_MAX));
    let lines = [
        r#"{"foretell":"documents","format":1,"vault":null,"collections":{"settings":1}}"#.to_owned(),
        setting("a"),
        "{\"collection\":\"settings\",\"version\":1,".to_owned(),
        String::new(),
        "\u{feff}[]".to_owned(),
        r#"{"collection":"nothing","version":1,"id":"a","body":1}"#.to_owned(),
        r#"{"collection":"settings","version":2,"id":"b","body":1}"#.to_owned(),
        r#"{"collection":"settings","version":1,"id":"","body":1}"#.to_owned(),
        r#"{"collection":"settings","version":1,"id":"b"}"#.to_owned(),
        long,
        r#"{"collection":"links","version":1,"id":"b","body":{"id":"b"}}"#.to_owned(),
        r#"{"collection":"signing_keys","version":1,"id":"k","body":{"sealed":"00","created_at":"2026-03-01T12:00:00Z"}}"#.to_owned(),
        setting("z"),
        r#"{"end":{"documents":11}}"#.to_owned(),
        setting("behind"),
    ];
    let lines = lines.join("\n");
    let done = imported(&to.documents, &lines, &replacing()).await.unwrap();
    let refused: Vec<(u64, &str)> = done
        .refusals
        .iter()
        .map(|refusal| (refusal.line, refusal.reason.as_str()))
        .collect();
    let expected = [
        (3, "it is no line of an export: EOF"),
        (5, "it is no line of an export: expected value"),
        (6, "there is no such collection"),
        (7, "it is of version 2; this Foretell reads up to 1"),
        (8, "an id has 1 to 1024 octets"),
        (9, "it has no `body`"),
        (10, "it is longer than a document may be"),
        (11, "id: "),
        (12, "it is sealed by the vault of another folder"),
        (15, "it is behind the end"),
    ];
    assert_eq!(refused.len(), expected.len(), "{refused:?}");
    for ((line, reason), (at, begins)) in refused.iter().zip(expected) {
        assert_eq!(*line, at, "{reason}");
        assert!(reason.starts_with(begins), "{line}: {reason}");
    }
    assert_eq!(done.refused, expected.len() as u64);
    assert_eq!((done.created, done.deleted, done.lines), (2, 0, 15));
    assert!(!done.replaced && !done.cut_short, "{done:?}");
    let named = Refusal {
        line: 7,
        collection: Some("settings".to_owned()),
        id: Some("b".to_owned()),
        reason: "it is of version 2; this Foretell reads up to 1".to_owned(),
    };
    assert!(done.refusals.contains(&named));
    assert_eq!(all(&to.documents).await.len(), 2);
}

#[tokio::test]
async fn what_is_no_export_is_refused_before_anything_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let to = alone(dir.path());
    for lines in [
        "",
        "\n\n",
        "{}",
        "address,port\n",
        r#"{"foretell":"devices","format":1,"vault":null,"collections":{}}"#,
    ] {
        let refused = imported(&to.documents, lines, &replacing()).await;
        assert!(matches!(refused, Err(ImportError::NotAnExport)), "{lines}");
    }
    let newer = r#"{"foretell":"documents","format":2,"vault":null,"collections":{}}"#;
    let refused = imported(&to.documents, newer, &replacing()).await;
    assert!(matches!(refused, Err(ImportError::Newer { found: 2 })));
}

/// A file of users by number and name, that says to have so many.
fn file_of(users: &[(u32, &str)], end: u64) -> String {
    let header = r#"{"foretell":"documents","format":1,"vault":null,"collections":{"users":1}}"#;
    let mut lines = vec![header.to_owned()];
    for (id, name) in users {
        let id = format!("00000000-0000-7000-8000-00000000000{id}");
        let body = json!({"id": id, "name": name, "password_hash": "h", "roles": [], "created_at": "2026-03-01T12:00:00Z"});
        let line = json!({"collection": "users", "version": 1, "id": id, "body": body});
        lines.push(line.to_string());
    }
    lines.push(json!({"end": {"documents": end}}).to_string());
    lines.join("\n")
}

/// The names that are left of three users, by id, after a file was imported; and how many were created,
/// changed, deleted and refused.
async fn left_after(
    (mode, dry_run): (Mode, bool),
    users: &[(u32, &str)],
    end: u64,
) -> (String, (u64, u64, u64, u64)) {
    let dir = tempfile::tempdir().unwrap();
    let to = alone(dir.path());
    let there = file_of(&[(1, "a"), (2, "b"), (3, "c")], 3);
    imported(&to.documents, &there, &replacing()).await.unwrap();
    let options = ImportOptions {
        mode,
        dry_run,
        collections: None,
    };
    let lines = file_of(users, end);
    let done = imported(&to.documents, &lines, &options).await.unwrap();
    let names: Vec<String> = all(&to.documents)
        .await
        .into_iter()
        .map(|(_, user)| {
            let body: Value = serde_json::from_slice(&user.body).unwrap();
            format!("{}{}", &user.id[35..], body["name"].as_str().unwrap())
        })
        .collect();
    let counts = (done.created, done.changed, done.deleted, done.refused);
    (names.join(" "), counts)
}

/// Names are unique: that of a document which is to go is free.
#[tokio::test]
async fn replacing_deletes_what_the_file_has_not_and_merging_does_not() {
    let swapped = [(1, "b"), (2, "a"), (4, "c")];
    // What is asked, then the names that are left, by id; and what is told.
    for (mode, dry_run, users, end, left, told) in [
        (
            Mode::Merge,
            false,
            &[(4, "d")][..],
            1,
            "1a 2b 3c 4d",
            (1, 0, 0, 0),
        ),
        (
            Mode::Merge,
            false,
            &swapped[..],
            3,
            "1a 2b 3c",
            (0, 0, 0, 3),
        ),
        (
            Mode::Replace,
            false,
            &swapped[..],
            3,
            "1b 2a 4c",
            (1, 2, 1, 0),
        ),
        (
            Mode::Replace,
            true,
            &swapped[..],
            3,
            "1a 2b 3c",
            (1, 2, 1, 0),
        ),
        (Mode::Replace, false, &[(4, "d")][..], 1, "4d", (1, 0, 3, 0)),
        (Mode::Replace, false, &[][..], 0, "", (0, 0, 3, 0)),
        // One line is missing: what it was is not known.
        (
            Mode::Replace,
            false,
            &[(1, "z")][..],
            2,
            "1z 2b 3c",
            (0, 1, 0, 0),
        ),
        // One line is refused.
        (
            Mode::Replace,
            false,
            &[(1, "z"), (4, "z")][..],
            2,
            "1z 2b 3c",
            (0, 1, 0, 1),
        ),
    ] {
        let found = left_after((mode, dry_run), users, end).await;
        let what = format!("{mode:?} {dry_run} {users:?}");
        assert_eq!(found, (left.to_owned(), told), "{what}");
    }
}

#[tokio::test]
async fn who_has_what_a_line_wants_gives_way_to_a_whole_file_and_to_no_other() {
    for (users, end, left, told) in [
        (&[(4, "b")][..], 1, "4b", (1, 0, 3, 0)),
        (&[(4, "b")][..], 2, "1a 2b 3c", (0, 0, 0, 1)),
        (&[(4, "b"), (5, "b")][..], 2, "1a 2b 3c", (0, 0, 0, 2)),
        // It came later, under another name.
        (&[(4, "b"), (2, "e")][..], 2, "2e 4b", (1, 1, 2, 0)),
    ] {
        let found = left_after((Mode::Replace, false), users, end).await;
        assert_eq!(found, (left.to_owned(), told), "{users:?}");
    }
}

#[tokio::test]
async fn only_the_collections_that_are_asked_for_are_touched() {
    let from = filled().await;
    let from = alone(from.dir.path());
    let lines = exported(&from.documents, catalog::ALL).await;
    let dir = tempfile::tempdir().unwrap();
    let to = alone(dir.path());
    let change = |collection, id: &str, body: &str| Change::Put {
        collection,
        id: id.to_owned(),
        expect: Expect::Any,
        body: body.as_bytes().to_vec(),
    };
    to.documents
        .write(vec![
            change(&catalog::SETTINGS, "mine", "1"),
            change(&catalog::FACTS, "mine", "{}"),
        ])
        .await
        .unwrap();
    let options = ImportOptions {
        collections: Some(vec![&catalog::DEVICES, &catalog::SETTINGS]),
        ..replacing()
    };
    let done = imported(&to.documents, &lines, &options).await.unwrap();
    assert_eq!((done.created, done.deleted, done.refused), (23, 1, 0));
    assert!(done.left_out >= 3 && done.replaced, "{done:?}");
    let facts = to.documents.count(&catalog::FACTS, None).await.unwrap();
    assert_eq!(facts, 1);
}

/// The vault of a folder is never written over, nor mixed with what another one sealed.
#[tokio::test]
async fn what_another_vault_sealed_does_not_come_in() {
    let (from, to) = (filled().await, filled().await);
    let lines = {
        let from = alone(from.dir.path());
        exported(&from.documents, catalog::ALL).await
    };
    let before;
    {
        let to = alone(to.dir.path());
        before = all(&to.documents).await;
        let options = ImportOptions {
            collections: Some(vec![&catalog::VAULT, &catalog::CREDENTIALS]),
            ..replacing()
        };
        let done = imported(&to.documents, &lines, &options).await.unwrap();
        assert_eq!((done.created, done.changed, done.deleted), (0, 0, 0));
        assert_eq!(done.refused, 3, "{done:?}");
        assert_eq!(all(&to.documents).await, before);
        to.documents.close().await.unwrap();
    }
    let store: Store = to.open().await;
    let credential = store.credentials.list().await.unwrap().remove(0);
    store.credentials.secrets(credential.body.id).await.unwrap();
}
