//! A process that is killed while it keeps events: what it was told is kept is there afterwards, with
//! its words, and each batch whole or not at all.

use crate::events::line;
use crate::fixture::Fixture;
use crate::killing;
use foretell_store::events::{EventOptions, EventQuery, EventStore};
use std::ffi::OsStr;
use std::path::Path;

/// Where the child finds its folder. Without it the child's test does nothing.
const DIR: &str = "FORETELL_TEST_EVENTS_KILL_DIR";
const ROUNDS: usize = 4;
const WRITERS: usize = 3;
const BATCH: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let (dir, round) = dir.split_once('|').unwrap();
    let fixture = Fixture::new();
    let (store, damage) =
        EventStore::open(Path::new(dir), EventOptions::default(), fixture.clock()).unwrap();
    assert_eq!(damage, Vec::<String>::new());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, now, round) = (store.clone(), fixture.now(), round.to_owned());
        writers.spawn(async move {
            for n in 0.. {
                let word = format!("r{round}w{writer}n{n}x");
                let events = (0..BATCH).map(|_| line(now, &format!("batch {word}")));
                store.append(events.collect()).await.unwrap();
                println!("ack {word}");
            }
        });
    }
    while writers.join_next().await.is_some() {}
}

fn run_and_kill(dir: &Path, round: usize, answers: usize) -> Vec<String> {
    let place = format!("{}|{round}", dir.display());
    let read = |words: &[&str]| match *words {
        ["ack", word] if word.ends_with('x') => Some(word.to_owned()),
        _ => None,
    };
    let environment = [(DIR, OsStr::new(&place))];
    killing::run_and_kill("events_kill::child", &environment, answers, || (), read)
}

#[tokio::test]
async fn acknowledged_events_survive_kill_9() {
    let fixture = Fixture::new();
    let folder = fixture.dir.path().join("events");
    let mut acks = Vec::new();
    for round in 0..ROUNDS {
        acks.extend(run_and_kill(&folder, round, 20 + 37 * round));
        let (store, damage) =
            EventStore::open(&folder, EventOptions::default(), fixture.clock()).unwrap();
        assert_eq!(damage, Vec::<String>::new(), "round {round}");
        for word in &acks {
            let query = EventQuery {
                text: word.clone(),
                limit: 1_000,
                ..EventQuery::default()
            };
            let found = store.query(query).await.unwrap();
            assert_eq!(found.items.len(), BATCH, "{word}");
        }
        let (mut cursor, mut count) = (None, 0);
        loop {
            let query = EventQuery {
                limit: 1_000,
                cursor,
                ..EventQuery::default()
            };
            let page = store.query(query).await.unwrap();
            count += page.items.len();
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(count % BATCH, 0, "a batch is torn");
        assert_eq!(store.stats().damaged, 0);
        store.close().await;
    }
}
