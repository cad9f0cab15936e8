//! `kill -9` at any moment: nothing that was acknowledged is lost, nothing is there twice, and the
//! store opens again.
//!
//! The test runs this program again, as a child that appends, seals and merges as fast as it can
//! and prints what was acknowledged, and kills it at random. `FORETELL_CRASH_ROUNDS` sets how often.

use crate::killing;
use crate::series_fixture::{Chance, TestClock, minute, times};
use foretell_store::series::{Batch, Resolved, SeriesOptions, SeriesStore, SyncPolicy};
use model::{DeviceId, Labels, Metric, Timestamp, Value};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

const DIR: &str = "FORETELL_CRASH_DIR";
const BEGIN: &str = "FORETELL_CRASH_BEGIN";
const ROUNDS: &str = "FORETELL_CRASH_ROUNDS";
const DEVICES: u8 = 3;
const SERIES: usize = 4;
/// Polls are three minutes apart, so ten fill a half-hour and forty are merged.
const MINUTES: i64 = 3;

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n + 1; 16])
}

fn at(poll: u64) -> Timestamp {
    minute(i64::try_from(poll).unwrap() * MINUTES)
}

/// What a series holds at a poll.
fn value(device: u8, series: usize, poll: u64) -> Value {
    let number = poll * 1000 + u64::from(device) * 10 + series as u64;
    if series.is_multiple_of(2) {
        Value::U64(number + (1 << 60))
    } else {
        Value::F64(number as f64 / 10.0)
    }
}

fn open(dir: &Path, clock: &TestClock) -> SeriesStore {
    let options = SeriesOptions {
        sync: SyncPolicy::Every(Duration::from_millis(1)),
        maintain_every: None,
        segment_bytes_max: 4096,
        ..SeriesOptions::default()
    };
    let (store, recovery) = SeriesStore::open(dir, options, clock.clock()).unwrap();
    // A torn tail is what a crash leaves; anything else is damage that we did.
    let torn = |what: &&String| what.contains("torn");
    assert!(
        recovery.damage.iter().all(|what| torn(&what)),
        "{recovery:?}"
    );
    store
}

async fn series(store: &SeriesStore, device_id: DeviceId) -> Vec<Resolved> {
    let key = |n: usize| {
        (
            Metric::SENSOR_OTHER,
            Labels::default().with("sensor", n.to_string()),
        )
    };
    store
        .resolve(device_id, (0..SERIES).map(key).collect())
        .await
        .unwrap()
}

/// The child: does nothing unless the parent has called it.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let begin: u64 = std::env::var(BEGIN).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = TestClock::new();
        clock.set(at(begin));
        let store = open(Path::new(&dir), &clock);
        let sealing = store.clone();
        tokio::spawn(async move {
            loop {
                sealing.maintain().await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut columns = Vec::new();
        for n in 0..DEVICES {
            columns.push(series(&store, device(n)).await);
        }
        for poll in begin.. {
            clock.set(at(poll));
            let appends: Vec<_> = (0..DEVICES)
                .zip(columns.clone())
                .map(|(n, columns)| {
                    let store = store.clone();
                    let values = columns.iter().enumerate();
                    let values = values.map(|(s, series)| (series.column, value(n, s, poll)));
                    let batch = Batch {
                        device_id: device(n),
                        at: at(poll),
                        values: values.collect(),
                    };
                    tokio::spawn(async move {
                        store.append(batch).await.unwrap();
                        println!("\nack {n} {poll} whole");
                    })
                })
                .collect();
            for append in appends {
                append.await.unwrap();
            }
        }
    });
}

/// Runs the child until so many polls were acknowledged, kills it, and answers all it printed.
fn run_and_kill(dir: &Path, begin: u64, acks: usize, spin: u64) -> Vec<(u8, u64)> {
    let begin = begin.to_string();
    let environment = [(DIR, dir.as_os_str()), (BEGIN, OsStr::new(&begin))];
    let read = |words: &[&str]| match *words {
        ["ack", n, poll, "whole"] => Some((n.parse().unwrap(), poll.parse().unwrap())),
        _ => None,
    };
    let pause = || killing::spin(spin);
    killing::run_and_kill("crash::child", &environment, acks, pause, read)
}

/// Every acknowledged sample is there, once and exact; what else is there was at least sent.
async fn verify(store: &SeriesStore, acked: &BTreeSet<(u8, u64)>, label: &str) {
    for n in 0..DEVICES {
        for (s, series) in series(store, device(n)).await.into_iter().enumerate() {
            let points = store.read(series.id, minute(0), minute(1 << 30)).unwrap();
            let mut polls = BTreeSet::new();
            for (time, found) in points {
                let poll =
                    u64::try_from((time.unix_ms() - at(0).unix_ms()) / (MINUTES * 60_000)).unwrap();
                assert_eq!(time, at(poll), "{label}: a time that was never sent");
                assert!(
                    polls.insert(poll),
                    "{label}: device {n} series {s} has poll {poll} twice"
                );
                assert_eq!(
                    found,
                    value(n, s, poll),
                    "{label}: device {n} series {s} poll {poll}"
                );
            }
            for (_, poll) in acked.iter().filter(|(device, _)| *device == n) {
                assert!(
                    polls.contains(poll),
                    "{label}: device {n} series {s} lost poll {poll}"
                );
            }
        }
    }
}

#[test]
fn kill_minus_nine_loses_nothing_that_was_acknowledged() {
    let rounds = times(ROUNDS, 10);
    let mut chance = Chance::new();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let mut acked: BTreeSet<(u8, u64)> = BTreeSet::new();
    for round in 0..rounds {
        let begin = acked.iter().map(|(_, poll)| poll + 1).max().unwrap_or(0);
        let acks = 1 + usize::try_from(chance.below(400)).unwrap();
        let spin = chance.below(2_000_000);
        acked.extend(run_and_kill(folder.path(), begin, acks, spin));
        let last = acked.iter().map(|(_, poll)| *poll).max().unwrap_or(0);
        let clock = TestClock::new();
        clock.set(at(last));
        let store = open(folder.path(), &clock);
        runtime.block_on(async {
            verify(&store, &acked, &format!("round {round}, at once")).await;
            if round % 3 == 2 {
                store.maintain().await.unwrap();
                verify(&store, &acked, &format!("round {round}, sealed")).await;
            }
        });
    }
    println!("{} polls acknowledged in {rounds} rounds", acked.len());
}
