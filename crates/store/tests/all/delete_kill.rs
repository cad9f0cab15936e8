//! `kill -9` while samples are written, deleted by range and written again: what was acknowledged last of
//! a time is what is there. A deletion that was not acknowledged is there whole or not at all.
//!
//! The test runs this program again as a child, as `crash` does. `FORETELL_CRASH_ROUNDS` sets how often.

use crate::series_fixture::{Chance, TestClock, minute, times};
use foretell_store::series::{Batch, Column, Grave, SeriesOptions, SeriesStore, SyncPolicy};
use model::{DeviceId, Labels, Metric, SeriesId, Value};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const DIR: &str = "FORETELL_DELETE_KILL_DIR";
const BEGIN: &str = "FORETELL_DELETE_KILL_BEGIN";
const DEVICE: DeviceId = DeviceId::from_bytes([7; 16]);
/// Minutes from poll to poll.
const EVERY: i64 = 7;
/// Polls that are deleted at once, and those that are not deleted any more.
const DELETED: i64 = 9;
/// Rounds, and those on one folder, as all of it is read again in each.
const ROUNDS: u64 = 50;
const ROUNDS_OF_A_FOLDER: u64 = 50;
/// Passes, half an hour apart, within which what was deleted is out of all files: a week.
const PASSES_MAX: i64 = 336;

fn open(dir: &Path, clock: &TestClock) -> SeriesStore {
    let options = SeriesOptions {
        sync: SyncPolicy::Every(Duration::from_millis(1)),
        maintain_every: None,
        segment_bytes_max: 4_096,
        ..SeriesOptions::default()
    };
    SeriesStore::open(dir, options, clock.clock()).unwrap().0
}

async fn series(store: &SeriesStore) -> (SeriesId, Column) {
    let keys = vec![(Metric::SENSOR_OTHER, Labels::default())];
    let resolved = store.resolve(DEVICE, keys).await.unwrap()[0];
    (resolved.id, resolved.column)
}

async fn put(store: &SeriesStore, column: Column, poll: i64, value: u64) {
    let batch = Batch {
        device_id: DEVICE,
        at: minute(poll * EVERY),
        values: vec![(column, Value::U64(value))],
    };
    store.append(batch).await.unwrap();
}

/// The child: does nothing unless the parent has called it.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let begin: i64 = std::env::var(BEGIN).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = TestClock::new();
        clock.set(minute(begin * EVERY));
        let store = open(Path::new(&dir), &clock);
        let sealing = store.clone();
        tokio::spawn(async move {
            loop {
                sealing.maintain().await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let (_, column) = series(&store).await;
        for poll in begin.. {
            clock.set(minute(poll * EVERY));
            put(&store, column, poll, 1).await;
            println!("\nack put {poll} 1 whole");
            if poll % 5 != 4 {
                continue;
            }
            let (from, to) = ((poll - DELETED).max(0), poll);
            println!("\nack try {from} {to} whole");
            let graves = vec![Grave {
                device_id: DEVICE,
                columns: (poll % 2 == 0).then(|| vec![column]),
            }];
            let burying = store.clone();
            let range = (minute(from * EVERY), minute(to * EVERY));
            let done = tokio::task::spawn_blocking(move || burying.bury(graves, range)).await;
            done.unwrap().unwrap();
            println!("\nack del {from} {to} whole");
            // One of them is written again, with the value that it had or another.
            let again = poll - 3;
            let value = 1 + u64::from(poll % 3 == 0);
            println!("\nack again {again} {value} whole");
            put(&store, column, again, value).await;
            println!("\nack put {again} {value} whole");
        }
    });
}

/// What is known of each poll: its value, none where it was deleted. And the deletion and the poll that
/// are not acknowledged.
#[derive(Default)]
struct Known {
    polls: BTreeMap<i64, Option<u64>>,
    trying: Option<(i64, i64)>,
    again: Option<(i64, u64)>,
}

impl Known {
    fn see(&mut self, line: &str) -> bool {
        let words: Vec<&str> = line.split(' ').collect();
        let ["ack", what, a, b, "whole"] = words[..] else {
            return false;
        };
        let (a, b): (i64, i64) = (a.parse().unwrap(), b.parse().unwrap());
        match what {
            "put" => {
                self.polls.insert(a, Some(b.unsigned_abs()));
                self.again = None;
            }
            "again" => self.again = Some((a, b.unsigned_abs())),
            "try" => self.trying = Some((a, b)),
            _ => {
                self.trying = None;
                for (_, value) in self.polls.range_mut(a..b) {
                    *value = None;
                }
            }
        }
        true
    }
}

fn run_and_kill(dir: &Path, begin: i64, acks: u64, known: &mut Known) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "delete_kill::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(BEGIN, begin.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    // What was printed before the kill is read to the end: it was acknowledged.
    while let Some(Ok(line)) = lines.next() {
        seen += u64::from(known.see(&line));
        if seen == acks {
            let _ = child.kill();
        }
    }
    child.wait().unwrap();
    assert!(seen >= acks, "the child ended by itself after {seen}");
}

fn verify(store: &SeriesStore, id: SeriesId, known: &mut Known, label: &str) {
    let read = store.read(id, minute(-1), minute(1 << 30)).unwrap();
    let found: BTreeMap<i64, u64> = read
        .iter()
        .map(|(at, value)| {
            let behind = at.unix_ms() - minute(0).unix_ms();
            let Value::U64(value) = value else {
                panic!("{value:?}")
            };
            (behind / 60_000 / EVERY, *value)
        })
        .collect();
    if let Some((from, to)) = known.trying.take() {
        // All or nothing: the oldest of it that was there tells.
        let there = known.polls.range(from..to);
        let mut there = there.filter_map(|(poll, value)| value.map(|_| *poll));
        let is_gone = there.next().is_some_and(|poll| !found.contains_key(&poll));
        if is_gone {
            for (_, value) in known.polls.range_mut(from..to) {
                *value = None;
            }
        }
    }
    if let Some((poll, value)) = known.again.take()
        && found.get(&poll) == Some(&value)
    {
        known.polls.insert(poll, Some(value));
    }
    let last = known.polls.keys().next_back().copied().unwrap_or(-1);
    for (poll, value) in &found {
        match known.polls.get(poll) {
            Some(known) => assert_eq!(Some(*value), *known, "{label}: poll {poll}"),
            // The next one, which was written and not acknowledged.
            None => assert_eq!((*poll, *value), (last + 1, 1), "{label}"),
        }
    }
    for (poll, value) in &known.polls {
        assert_eq!(found.get(poll).copied(), *value, "{label}: poll {poll}");
    }
}

#[test]
fn a_kill_while_samples_are_deleted_neither_loses_nor_brings_back() {
    let mut chance = Chance::new();
    let mut folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let mut known = Known::default();
    let rounds = times("FORETELL_CRASH_ROUNDS", ROUNDS);
    let mut acknowledged = 0;
    for round in 0..rounds {
        if round % ROUNDS_OF_A_FOLDER == 0 {
            folder = tempfile::tempdir().unwrap();
            acknowledged += known.polls.len();
            known = Known::default();
        }
        // A time behind what was sent and is not known to be kept.
        let begin = known.polls.keys().next_back().map_or(0, |last| last + 2);
        let begin = begin + (5 - begin % 5) % 5;
        run_and_kill(folder.path(), begin, 1 + chance.below(70), &mut known);
        let clock = TestClock::new();
        let last = known.polls.keys().next_back().copied().unwrap_or(begin);
        clock.set(minute((last + 1) * EVERY));
        let store = open(folder.path(), &clock);
        runtime.block_on(async {
            let (id, _) = series(&store).await;
            verify(&store, id, &mut known, &format!("round {round}, at once"));
            // What was written and not acknowledged counts from now on.
            let all = store.read(id, minute(-1), minute(1 << 30)).unwrap();
            for (at, value) in all {
                let poll = (at.unix_ms() - minute(0).unix_ms()) / 60_000 / EVERY;
                let Value::U64(value) = value else {
                    panic!("{value:?}")
                };
                known.polls.insert(poll, Some(value));
            }
            store.maintain().await.unwrap();
            verify(&store, id, &mut known, &format!("round {round}, sealed"));
            if (round + 1) % ROUNDS_OF_A_FOLDER == 0 {
                // In the end nothing of it is left in any file.
                for pass in 0..PASSES_MAX {
                    if store.tombstones() == 0 {
                        break;
                    }
                    clock.set(minute((last + 1) * EVERY + pass * 31));
                    store.maintain().await.unwrap();
                }
                assert_eq!(store.tombstones(), 0);
                verify(&store, id, &mut known, &format!("round {round}, gone"));
            }
        });
    }
    acknowledged += known.polls.len();
    // Read by `cargo xtask bench crash`; what is not as it must be has ended the test before.
    println!(
        "\nFIGURES {{\"crash_delete_rounds\": {rounds}, \
         \"crash_delete_samples_acknowledged\": {acknowledged}, \"crash_delete_samples_lost\": 0, \
         \"crash_delete_samples_twice_or_other\": 0}}"
    );
}
