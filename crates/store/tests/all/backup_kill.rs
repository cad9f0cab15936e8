//! `kill -9` at any point of a backup that is taken while samples are appended, sealed and merged as
//! fast as they can be: every sample that was acknowledged before a backup began is in it, and none
//! twice; a backup that was cut short is none, and the next one is whole.
//!
//! `FORETELL_BACKUP_ROUNDS` sets how often.

use crate::backup::{files, how, options, repository};
use crate::fixture::Fixture;
use crate::killing;
use crate::series_fixture::{Chance, times};
use foretell_store::backup::{Access, Keep, Progress, Repository, RestoreOptions, restore, take};
use foretell_store::series::{Batch, SeriesStore, SyncPolicy};
use foretell_store::{Store, StoreOptions};
use model::{BackupId, Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

const DIR: &str = "FORETELL_BACKUP_KILL_DIR";
const BEGIN: &str = "FORETELL_BACKUP_KILL_BEGIN";
const ROUNDS: &str = "FORETELL_BACKUP_ROUNDS";
const ROUNDS_DEFAULT: u64 = 10;
const DEVICES: u8 = 3;
const SERIES: u64 = 4;
const MINUTES: i64 = 3;
const BEGIN_MS: i64 = 1_800_000_000_000;

fn device_id(n: u8) -> DeviceId {
    DeviceId::from_bytes([n + 1; 16])
}

fn at(poll: u64) -> Timestamp {
    Timestamp::from_unix_ms(BEGIN_MS + i64::try_from(poll).unwrap() * MINUTES * 60_000)
}

fn value(device: u8, series: u64, poll: u64) -> Value {
    Value::U64(poll * 1000 + u64::from(device) * 10 + series)
}

fn store_options(dir: &Path) -> StoreOptions {
    let mut options = options(dir);
    options.series.sync = SyncPolicy::Every(Duration::from_millis(1));
    options.series.segment_bytes_max = 8_192;
    options
}

async fn columns(store: &SeriesStore, n: u8) -> Vec<foretell_store::series::Resolved> {
    let key = |n: u64| {
        let labels = Labels::default().with("sensor", n.to_string());
        (Metric::SENSOR_OTHER, labels)
    };
    let keys = (0..SERIES).map(key).collect();
    store.resolve(device_id(n), keys).await.unwrap()
}

/// The child: does nothing unless the parent has called it.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let begin: u64 = std::env::var(BEGIN).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(Path::new(&dir), begin));
}

async fn work(dir: &Path, begin: u64) {
    let now = Arc::new(AtomicI64::new(at(begin).unix_ms()));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)))
    };
    let opened = Store::open(store_options(&dir.join("data")), clock.clone()).await;
    let (store, _) = opened.unwrap();
    let sealing = store.series.clone();
    tokio::spawn(async move {
        loop {
            sealing.maintain().await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    // The poll up to which all is acknowledged, one above.
    let acknowledged = Arc::new(AtomicU64::new(begin));
    {
        let (store, clock) = (store.clone(), clock.clone());
        let (folder, acknowledged) = (dir.join("backups"), Arc::clone(&acknowledged));
        std::thread::spawn(move || {
            loop {
                let mut repository = Repository::open(&folder, None, Access::Write).unwrap();
                let how = how();
                let before = acknowledged.load(Ordering::SeqCst);
                println!("\nbegun {} {before} whole", how.id);
                take(&store, &clock, &mut repository, &how, &Progress::default()).unwrap();
                println!("\ntaken {} {before} whole", how.id);
                let keep = Keep {
                    daily_max: 3,
                    weekly_max: 1,
                    monthly_max: 1,
                };
                repository.rotate(&keep, &Progress::default()).unwrap();
            }
        });
    }
    let mut series = Vec::new();
    for n in 0..DEVICES {
        series.push(columns(&store.series, n).await);
    }
    for poll in begin.. {
        now.store(at(poll).unix_ms(), Ordering::SeqCst);
        for (n, columns) in (0..DEVICES).zip(&series) {
            let values = columns.iter().zip(0..);
            let values = values.map(|(series, s)| (series.column, value(n, s, poll)));
            let batch = Batch {
                device_id: device_id(n),
                at: at(poll),
                values: values.collect(),
            };
            store.series.append(batch).await.unwrap();
        }
        acknowledged.store(poll + 1, Ordering::SeqCst);
    }
}

/// What a child said: backups that were begun and those that were taken, each with the poll below
/// which all was acknowledged when it began.
#[derive(Default)]
struct Said {
    begun: BTreeMap<BackupId, u64>,
    taken: BTreeMap<BackupId, u64>,
}

fn run_and_kill(dir: &Path, begin: u64, lines_wanted: usize, wait: Duration) -> Said {
    let begin = begin.to_string();
    let environment = [(DIR, dir.as_os_str()), (BEGIN, OsStr::new(&begin))];
    let mut said = Said::default();
    let read = |words: &[&str]| {
        let (into, id, poll) = match *words {
            ["begun", id, poll, "whole"] => (&mut said.begun, id, poll),
            ["taken", id, poll, "whole"] => (&mut said.taken, id, poll),
            _ => return None,
        };
        into.insert(id.parse().unwrap(), poll.parse().unwrap());
        Some(())
    };
    let pause = || std::thread::sleep(wait);
    killing::run_and_kill(
        "backup_kill::child",
        &environment,
        lines_wanted,
        pause,
        read,
    );
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_has_all_that_was_acknowledged_before_it_whenever_it_is_killed() {
    let rounds = times(ROUNDS, ROUNDS_DEFAULT);
    let mut chance = Chance::new();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("backups")).unwrap();
    let fixture = Fixture::new();
    let (mut begin, mut whole) = (0, 0);
    // Of each round, the polls that are known to have been acknowledged.
    let mut acknowledged: Vec<Range<u64>> = Vec::new();
    let mut of_backup: BTreeMap<BackupId, (usize, u64)> = BTreeMap::new();
    for round in 0..rounds {
        let lines = 1 + usize::try_from(chance.below(6)).unwrap();
        let wait = Duration::from_micros(chance.below(60_000));
        let said = run_and_kill(dir.path(), begin, lines, wait);
        let number = acknowledged.len();
        of_backup.extend(
            said.begun
                .iter()
                .map(|(id, before)| (*id, (number, *before))),
        );
        let end = said.begun.values().copied().max().unwrap_or(begin);
        acknowledged.push(begin..end);
        let folder = dir.path().join("backups");
        // What a kill left does not keep the next one from it.
        let mut repository = repository(&folder, None, Access::Write).unwrap();
        let checked = repository.check(&Progress::default()).unwrap();
        assert_eq!(checked.damage, Vec::<String>::new(), "round {round}");
        repository.sweep(&Progress::default()).unwrap();
        let (there, damage) = repository.list().unwrap();
        assert_eq!(damage, Vec::<String>::new(), "round {round}");
        let kept: BTreeSet<BackupId> = there.iter().map(|backup| backup.id).collect();
        // The latest that was told of is never rotated away.
        if let Some(last) = said.taken.keys().next_back() {
            assert!(kept.contains(last), "round {round}: {last} is gone");
        }
        let mut last = end;
        if let Some(latest) = there.last() {
            let (of_round, before) = of_backup[&latest.id];
            let mut expected = acknowledged[..of_round].to_vec();
            expected.push(acknowledged[of_round].start..before);
            let found = proved(&repository, latest.id, &expected, &fixture, round).await;
            last = last.max(found);
            whole += 1;
        }
        // Above all that was sent and never told of.
        begin = last + 10_000;
    }
    println!("{whole} backups were whole in {rounds} rounds");
    assert!(whole > 0);
}

/// Restores a backup and looks for each sample that must be in it; answers the last poll that is.
async fn proved(
    repository: &Repository,
    id: BackupId,
    expected: &[Range<u64>],
    fixture: &Fixture,
    round: u64,
) -> u64 {
    let into = tempfile::tempdir().unwrap();
    let how = RestoreOptions {
        id: Some(id),
        ..RestoreOptions::default()
    };
    let progress = Progress::default();
    let (into_path, clock) = (into.path(), fixture.clock());
    let restored = restore(repository, into_path, &how, &clock, &progress).unwrap();
    assert!(restored.is_whole(), "round {round}: {:?}", restored.differs);
    let odd = |path: &&PathBuf| path.to_string_lossy().contains("damaged/");
    assert_eq!(files(into.path()).iter().find(odd), None, "round {round}");
    let options = store_options(into.path()).series;
    // Samples far ahead of the clock are not looked for.
    let end = expected.iter().map(|polls| polls.end).max().unwrap_or(0);
    let clock = Clock::new(move || at(end + 1_000));
    let opened = SeriesStore::open(&into.path().join("series"), options, clock);
    let (store, recovery) = opened.unwrap();
    assert_eq!(recovery.orphaned, 0, "round {round}");
    let mut last = 0;
    for n in 0..DEVICES {
        for (s, one) in (0..).zip(columns(&store, n).await) {
            let (from, to) = (at(0), Timestamp::from_unix_ms(i64::MAX));
            let mut polls = BTreeSet::new();
            for (time, found) in store.read(one.id, from, to).unwrap() {
                let ms = time.unix_ms() - BEGIN_MS;
                let poll = u64::try_from(ms / (MINUTES * 60_000)).unwrap();
                assert!(polls.insert(poll), "round {round}: poll {poll} twice");
                assert_eq!(found, value(n, s, poll), "round {round}: poll {poll}");
                last = last.max(poll);
            }
            let mut wanted = expected.iter().cloned().flatten();
            let missing = wanted.find(|poll| !polls.contains(poll));
            assert_eq!(missing, None, "round {round}: device {n} series {s}");
        }
    }
    last
}
