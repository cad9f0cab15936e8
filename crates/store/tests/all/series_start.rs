//! The start: what the log holds is there from the first read on, wherever the log ends, while it is
//! still brought back, and where that is cut short by a kill.

use crate::killing;
use crate::series_fixture::{Chance, Fixture, TestClock, minute, times};
use foretell_store::series::{Batch, Column, Resolved, SeriesOptions, SeriesStore, SyncPolicy};
use model::{DeviceId, Labels, Metric, Timestamp, Value};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DIR: &str = "FORETELL_REPLAY_DIR";
const BEGIN: &str = "FORETELL_REPLAY_BEGIN";
const ROUNDS: &str = "FORETELL_CRASH_ROUNDS";
/// Enough that a replay takes longer than a kill.
const DEVICES: u8 = 40;
const POLLS: u64 = 300;
const SERIES: usize = 4;
/// Polls are three minutes apart, so ten fill a half-hour.
const MINUTES: i64 = 3;

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n + 1; 16])
}

fn at(poll: u64) -> Timestamp {
    minute(i64::try_from(poll).unwrap() * MINUTES)
}

/// What a series holds at a poll.
fn value(device: u8, series: usize, poll: u64) -> Value {
    let number = poll * 1_000 + u64::from(device) * 10 + series as u64;
    if series.is_multiple_of(2) {
        Value::U64(number)
    } else {
        Value::F64(number as f64 / 8.0)
    }
}

fn open(dir: &Path, clock: &TestClock) -> SeriesStore {
    let options = SeriesOptions {
        sync: SyncPolicy::Every(Duration::from_millis(1)),
        maintain_every: None,
        segment_bytes_max: 64 << 10,
        ..SeriesOptions::default()
    };
    let (store, recovery) = SeriesStore::open(dir, options, clock.clock()).unwrap();
    let torn = |what: &&String| what.contains("torn");
    assert!(
        recovery.damage.iter().all(|what| torn(&what)),
        "{recovery:?}"
    );
    store
}

async fn series(store: &SeriesStore, device_id: DeviceId) -> Vec<Resolved> {
    let key = |n: usize| {
        let labels = Labels::default().with("sensor", n.to_string());
        (Metric::SENSOR_OTHER, labels)
    };
    let keys = (0..SERIES).map(key).collect();
    store.resolve(device_id, keys).await.unwrap()
}

fn batch(n: u8, series: &[Resolved], poll: u64) -> Batch {
    let values = series.iter().enumerate();
    Batch {
        device_id: device(n),
        at: at(poll),
        values: values
            .map(|(s, series)| (series.column, value(n, s, poll)))
            .collect(),
    }
}

/// Appends some polls of all devices, of which none is sealed.
async fn fill(store: &SeriesStore, clock: &TestClock, polls: std::ops::Range<u64>) {
    let mut all = Vec::new();
    for n in 0..DEVICES {
        all.push((n, series(store, device(n)).await));
    }
    for poll in polls {
        clock.set(at(poll));
        let appends: Vec<_> = all
            .iter()
            .map(|(n, series)| {
                let (store, batch) = (store.clone(), batch(*n, series, poll));
                tokio::spawn(async move { store.append(batch).await.unwrap() })
            })
            .collect();
        for append in appends {
            append.await.unwrap();
        }
    }
}

/// A device has all polls up to one, each series once and exact, and of those behind it none that
/// was not sent.
fn check(store: &SeriesStore, n: u8, series: &[Resolved], polls: u64, label: &str) {
    for (s, series) in series.iter().enumerate() {
        let points = store.read(series.id, minute(0), minute(1 << 30)).unwrap();
        assert!(
            points.len() as u64 >= polls,
            "{label}: device {n} series {s} has {} of {polls}",
            points.len()
        );
        for ((time, found), poll) in points.into_iter().zip(0..) {
            let expected = (at(poll), value(n, s, poll));
            assert_eq!((time, found), expected, "{label}: device {n} series {s}");
        }
    }
}

/// The child: opens what is there and goes on with the first device, unless nobody has called it.
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
        println!("\nack {begin} whole");
        let columns = series(&store, device(0)).await;
        for poll in begin.. {
            clock.set(at(poll));
            store.append(batch(0, &columns, poll)).await.unwrap();
            println!("\nack {} whole", poll + 1);
        }
    });
}

/// Runs the child until it has told so often how many polls are acknowledged, kills it, and answers
/// what it told last.
fn run_and_kill(dir: &Path, begin: u64, acks: usize, spin: u64) -> u64 {
    let from = begin.to_string();
    let environment = [(DIR, dir.as_os_str()), (BEGIN, OsStr::new(&from))];
    let read = |words: &[&str]| match *words {
        ["ack", polls, "whole"] => Some(polls.parse().unwrap()),
        _ => None,
    };
    let pause = || killing::spin(spin);
    let told = killing::run_and_kill("series_start::child", &environment, acks, pause, read);
    told.last().copied().unwrap_or(begin)
}

#[test]
fn a_kill_while_the_log_is_brought_back_loses_nothing() {
    let rounds = times(ROUNDS, 6);
    let mut chance = Chance::new();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let clock = TestClock::new();
    runtime.block_on(async { fill(&open(folder.path(), &clock), &clock, 0..POLLS).await });
    let mut first = POLLS;
    let mut cut_short = 0;
    for round in 0..rounds {
        let acks = 1 + usize::try_from(chance.below(3)).unwrap();
        let spin = chance.below(1_000_000);
        first = run_and_kill(folder.path(), first, acks, spin);
        clock.set(at(first));
        let store = open(folder.path(), &clock);
        runtime.block_on(async {
            let mut order: Vec<u8> = (0..DEVICES).collect();
            order.sort_by_cached_key(|_| chance.below(u64::MAX));
            for n in order {
                cut_short += u64::from(store.stats().devices_waiting > 0);
                let polls = if n == 0 { first } else { POLLS };
                let series = series(&store, device(n)).await;
                check(&store, n, &series, polls, &format!("round {round}"));
            }
            // What was sent and not acknowledged may be there: it is sent again.
            if round % 3 == 2 {
                store.maintain().await.unwrap();
                let series = series(&store, device(0)).await;
                check(&store, 0, &series, first, &format!("round {round}, sealed"));
            }
        });
        if round % 3 == 2 {
            // All is sealed: there must be something to bring back for the next round.
            drop(store);
            fs::remove_dir_all(folder.path()).unwrap();
            fs::create_dir(folder.path()).unwrap();
            clock.set(at(0));
            runtime.block_on(async { fill(&open(folder.path(), &clock), &clock, 0..POLLS).await });
            first = POLLS;
        }
    }
    println!("{cut_short} reads while others waited, in {rounds} rounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_appends_while_the_log_is_brought_back_are_those_after() {
    const AGAIN: u64 = 99;
    let folder = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    fill(&open(folder.path(), &clock), &clock, 0..60).await;
    let store = open(folder.path(), &clock);
    let mut working = Vec::new();
    for n in (0..DEVICES).rev() {
        let store = store.clone();
        working.push(tokio::spawn(async move {
            let series = series(&store, device(n)).await;
            if n % 2 == 0 {
                // Over what is in the log, and it must stay over it.
                let values = vec![(series[0].column, Value::U64(AGAIN))];
                let batch = Batch {
                    device_id: device(n),
                    at: at(7),
                    values,
                };
                store.append(batch).await.unwrap();
            }
            let reading = store.clone();
            let read = move || {
                let read = |series: &Resolved| reading.read(series.id, minute(0), minute(1 << 30));
                series
                    .iter()
                    .map(|one| read(one).unwrap())
                    .collect::<Vec<_>>()
            };
            (n, tokio::task::spawn_blocking(read).await.unwrap())
        }));
    }
    let mut during = BTreeMap::new();
    for work in working {
        let (n, points) = work.await.unwrap();
        during.insert(n, points);
    }
    store.maintain().await.unwrap();
    assert_eq!(store.stats().devices_waiting, 0);
    for (n, during) in during {
        let series = series(&store, device(n)).await;
        for (s, (one, during)) in series.iter().zip(during).enumerate() {
            let after = store.read(one.id, minute(0), minute(1 << 30)).unwrap();
            assert_eq!(during, after, "device {n} series {s}");
            let expected: Vec<(Timestamp, Value)> = (0..60)
                .map(|poll| match (n % 2, s, poll) {
                    (0, 0, 7) => (at(poll), Value::U64(AGAIN)),
                    _ => (at(poll), value(n, s, poll)),
                })
                .collect();
            assert_eq!(after, expected, "device {n} series {s}");
        }
    }
}

fn only_segment(dir: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = fs::read_dir(dir.join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[tokio::test]
async fn a_log_that_is_cut_anywhere_gives_what_was_before() {
    const WIDE: usize = 150;
    const WRITTEN: usize = 5;
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, WIDE).await;
    let mut ends = Vec::new();
    for poll in 0..WRITTEN {
        let column = |(n, one): (usize, &Resolved)| {
            let value = Value::U64((poll * 1_000_000_007 + n) as u64);
            (one.column, value)
        };
        let values: Vec<(Column, Value)> = series.iter().enumerate().map(column).collect();
        let time = minute(i64::try_from(poll).unwrap());
        fixture.try_put(device_id, time, values).await.unwrap();
        ends.push(fs::metadata(only_segment(fixture.path())).unwrap().len());
    }
    fixture.shut();
    let segment = only_segment(fixture.path());
    let octets = fs::read(&segment).unwrap();
    let whole = u64::try_from(octets.len()).unwrap();
    assert_eq!(ends.last(), Some(&whole));
    assert!(ends[4] - ends[3] > 10 * 64, "{ends:?}");
    // Every 64 octets of the last frame and of the one before it, and the octet before each end.
    let cuts = (ends[2]..=whole)
        .step_by(64)
        .chain([ends[3] - 1, ends[3], whole - 1, whole]);
    for cut in cuts {
        fixture.shut();
        let _ = fs::remove_dir_all(fixture.path().join("log"));
        fs::create_dir(fixture.path().join("log")).unwrap();
        fs::write(&segment, &octets[..usize::try_from(cut).unwrap()]).unwrap();
        let recovery = fixture.reopen();
        let expected = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(recovery.frames, expected as u64, "cut at {cut}");
        let torn = usize::from(!ends.contains(&cut));
        assert_eq!(recovery.damage.len(), torn, "cut at {cut}: {recovery:?}");
        for n in [0, WIDE - 1] {
            let expected: Vec<String> = (0..expected)
                .map(|poll| format!("{poll}:{}", poll * 1_000_000_007 + n))
                .collect();
            assert_eq!(fixture.told(series[n]), expected.join(" "), "cut at {cut}");
        }
        // And it goes on from there.
        fixture.put(device_id, series[0].column, 9, 1).await;
        fixture.reopen();
        assert!(fixture.told(series[0]).ends_with("9:1"), "cut at {cut}");
    }
}

#[tokio::test]
async fn what_is_sealed_right_after_the_start_is_all_there_was() {
    let mut fixture = Fixture::new();
    let devices: Vec<DeviceId> = (0..20).map(|_| DeviceId::new()).collect();
    for (n, device_id) in (0..).zip(&devices) {
        let series = fixture.series(*device_id, 1).await;
        for at in 0..3 {
            fixture.put(*device_id, series[0].column, at, n).await;
        }
    }
    fixture.reopen();
    let gone = devices[7];
    fixture.store().delete_device(gone).await.unwrap();
    let done = fixture.maintain(35).await;
    assert_eq!(done.sealed, 19);
    assert_eq!(fixture.store().stats().head_rows, 0);
    fixture.reopen();
    for (n, device_id) in (0..).zip(&devices).filter(|(_, id)| **id != gone) {
        let series = fixture.series(*device_id, 1).await[0];
        assert_eq!(fixture.told(series), format!("0:{n} 1:{n} 2:{n}"));
    }
}

#[tokio::test]
async fn a_clock_that_steps_two_hours_back_and_forth_loses_nothing() {
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, 1).await[0];
    let mut model = BTreeMap::new();
    let mut now = 0;
    let mut poll = 0;
    // Minutes that the clock goes on with a poll each, and then steps.
    for (minutes, step) in [(45, -120), (70, 120), (45, -120), (20, 60), (150, 0)] {
        for _ in 0..minutes {
            fixture.clock.set(minute(now));
            let values = vec![(series.column, Value::U64(poll))];
            fixture
                .try_put(device_id, minute(now), values)
                .await
                .unwrap();
            model.insert(now, poll);
            (now, poll) = (now + 1, poll + 1);
            fixture.store().maintain().await.unwrap();
        }
        now += step;
        fixture.clock.set(minute(now));
        let all: Vec<String> = model
            .iter()
            .map(|(at, value)| format!("{at}:{value}"))
            .collect();
        assert_eq!(
            fixture.told(series),
            all.join(" "),
            "after a step of {step}"
        );
        fixture.store().maintain().await.unwrap();
        assert_eq!(fixture.told(series), all.join(" "), "and sealed");
        fixture.reopen();
        assert_eq!(fixture.told(series), all.join(" "), "and opened again");
    }
}
