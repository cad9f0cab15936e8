//! Events in damaged files: set aside, and saved as far as they can be read.

use crate::events::{Events, line, texts, words};
use foretell_store::events::EventQuery;
use model::EventRecord;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

fn overwrite(path: &PathBuf, at: u64, octets: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(octets).unwrap();
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come");
}

#[tokio::test]
async fn a_damaged_day_is_set_aside_and_what_can_be_read_is_saved() {
    let events = Events::new();
    let (store, _) = events.open();
    let kept: Vec<EventRecord> = (0..3_000)
        .map(|n| {
            line(
                events.now().plus(Duration::from_millis(n)),
                &format!("event {n}"),
            )
        })
        .collect();
    store.append(kept).await.unwrap();
    store.close().await;
    drop(store);
    let name = events.files().remove(0);
    let path = events.folder().join(&name);
    let pages = std::fs::metadata(&path).unwrap().len() / 4_096;
    // Pages in the middle: of rows and of words.
    for page in [pages / 3, pages / 2] {
        overwrite(&path, page * 4_096, &[0x5a; 4_096]);
    }
    // The header tells what it was, the tables are found: reading meets the damage.
    let (store, damage) = events.open();
    assert_eq!(damage, Vec::<String>::new());
    let (mut cursor, mut count) = (None, 0);
    loop {
        let query = EventQuery {
            limit: 1_000,
            cursor,
            ..EventQuery::default()
        };
        let page = store.query(query).await.unwrap();
        count += page.items.len();
        let Some(next) = page.next else { break };
        cursor = Some(next);
    }
    assert!(count < 3_000, "{count}");
    store.tend().await.unwrap();
    until("the end of saving", || store.stats().saved > 1_000).await;
    store.close().await;
    assert!(store.stats().damaged >= 1);
    let aside = format!("{name}.0.damaged");
    let mark = format!("{aside}.saved");
    assert_eq!(events.files(), [name.clone(), aside, mark]);
    let found = texts(
        &store,
        EventQuery {
            limit: 1_000,
            ..words("event")
        },
    )
    .await;
    assert_eq!(found.len(), 1_000);
}

#[tokio::test]
async fn saving_that_was_interrupted_is_taken_up_at_the_next_start() {
    let events = Events::new();
    let (store, _) = events.open();
    let some = vec![line(events.now(), "first"), line(events.now(), "second")];
    store.append(some).await.unwrap();
    store.close().await;
    drop(store);
    let name = events.files().remove(0);
    let aside = format!("{name}.0.damaged");
    let path = |name: &str| events.folder().join(name);
    // As a crash leaves it that came between setting aside and saving.
    std::fs::rename(path(&name), path(&aside)).unwrap();
    let (store, damage) = events.open();
    assert_eq!(damage, Vec::<String>::new());
    until("the end of saving", || store.stats().saved == 2).await;
    assert_eq!(texts(&store, words("first")).await, ["first"]);
    store.close().await;
    drop(store);
    let mark = format!("{aside}.saved");
    assert_eq!(events.files(), [name.clone(), aside, mark.clone()]);
    // What was saved whole is left alone; without its mark it is read again, and doubles nothing.
    for (is_marked, appends) in [(true, 0), (false, 1)] {
        if !is_marked {
            std::fs::remove_file(path(&mark)).unwrap();
        }
        let (store, _) = events.open();
        until("the mark", || path(&mark).exists()).await;
        store.close().await;
        let stats = store.stats();
        assert_eq!((stats.saved, stats.commits), (0, appends));
        assert_eq!(stats.duplicates, appends * 2);
        drop(store);
    }
}

#[tokio::test]
async fn a_file_that_is_none_does_not_stop_the_start() {
    let events = Events::new();
    let (store, _) = events.open();
    store
        .append(vec![line(events.now(), "kept")])
        .await
        .unwrap();
    store.close().await;
    drop(store);
    let name = events.files().remove(0);
    overwrite(&events.folder().join(&name), 0, &[0xff; 4_096]);
    let (store, damage) = events.open();
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].contains(&name), "{damage:?}");
    assert_eq!(store.stats().damaged, 1);
    store
        .append(vec![line(events.now(), "after")])
        .await
        .unwrap();
    assert_eq!(texts(&store, words("after")).await, ["after"]);
    // An empty file is what a crash leaves that came before the first commit.
    store.close().await;
    drop(store);
    std::fs::write(events.folder().join(&name), b"").unwrap();
    let (store, damage) = events.open();
    assert_eq!(damage, Vec::<String>::new());
    assert_eq!(texts(&store, words("x")).await, Vec::<String>::new());
    store
        .append(vec![line(events.now(), "again")])
        .await
        .unwrap();
    assert_eq!(texts(&store, words("")).await, ["again"]);
}

/// A row whose octets changed on the disk does not prove itself any more.
#[tokio::test]
async fn a_row_that_changed_on_disk_is_left_out_and_counted() {
    let events = Events::new();
    let (store, _) = events.open();
    store
        .append(vec![
            line(events.now(), "first marker"),
            line(events.now(), "second"),
        ])
        .await
        .unwrap();
    store.close().await;
    drop(store);
    let path = events.folder().join(events.files().remove(0));
    let octets = std::fs::read(&path).unwrap();
    let at = octets
        .windows(12)
        .position(|octets| octets == b"first marker")
        .unwrap();
    overwrite(&path, at as u64, b"F");
    let (store, _) = events.open();
    assert_eq!(texts(&store, words("")).await, ["second"]);
    assert_eq!(store.stats().damaged, 1);
}
