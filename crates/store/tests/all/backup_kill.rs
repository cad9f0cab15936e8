//! `kill -9` at any point of a backup that is taken while samples are appended, sealed and merged as
//! fast as they can be, and documents, changes and events are kept: all that was acknowledged before a
//! backup began is in it, and no sample twice; a backup that was cut short is none, and the next one is
//! whole.
//!
//! `FORETELL_CRASH_ROUNDS` sets how often; `cargo xtask bench crash` does it as the other kills.

use crate::backup::{files, how, options, repository};
use crate::events::{line, texts, words};
use crate::fixture::open_unlocked;
use crate::killing;
use crate::series_fixture::{Chance, quick_folder, times};
use foretell_store::backup::{Access, Keep, Progress, Repository, RestoreOptions, restore, take};
use foretell_store::documents::Expect;
use foretell_store::history::Record;
use foretell_store::series::{Batch, Points, SeriesStore, SyncPolicy};
use foretell_store::{Store, StoreOptions};
use model::history::DeviceFound;
use model::{BackupId, Clock, DeviceId, Labels, Metric, Status, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

const DIR: &str = "FORETELL_BACKUP_KILL_DIR";
const BEGIN: &str = "FORETELL_BACKUP_KILL_BEGIN";
const ROUNDS: &str = "FORETELL_CRASH_ROUNDS";
const ROUNDS_DEFAULT: u64 = 50;
/// Rounds on one folder: all that was acknowledged is restored and read again in each.
const ROUNDS_OF_A_FOLDER: u64 = 10;
const DEVICES: u8 = 3;
const SERIES: u64 = 4;
const MINUTES: i64 = 3;
/// Of so many polls one is noted besides: in a document, as a change and as an event.
const NOTED_EVERY: u64 = 8;
/// The name of the document.
const NOTE: &str = "poll";
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
    // The poll that was noted last.
    let noted = Arc::new(AtomicU64::new(0));
    {
        let (store, clock) = (store.clone(), clock.clone());
        let (folder, acknowledged) = (dir.join("backups"), Arc::clone(&acknowledged));
        let noted = Arc::clone(&noted);
        std::thread::spawn(move || {
            loop {
                let mut repository = Repository::open(&folder, None, Access::Write).unwrap();
                let how = how();
                let before = acknowledged.load(Ordering::SeqCst);
                let noted = noted.load(Ordering::SeqCst);
                println!("\nbegun {} {before} {noted} whole", how.id);
                take(&store, &clock, &mut repository, &how, &Progress::default()).unwrap();
                println!("\ntaken {} {before} {noted} whole", how.id);
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
        if poll % NOTED_EVERY == 1 {
            note(&store, poll).await;
            noted.store(poll, Ordering::SeqCst);
        }
    }
}

fn word(poll: u64) -> String {
    format!("poll{poll}x")
}

async fn note(store: &Store, poll: u64) {
    let set = store.settings.set(NOTE, Expect::Any, &poll);
    set.await.unwrap();
    let found = DeviceFound {
        at: at(poll),
        status: Status::Up,
        interfaces_read: true,
        evidence: Vec::new(),
    };
    let record = Record::Device {
        id: device_id(0),
        found,
    };
    let kept = store.history.append(vec![record]).await.unwrap();
    assert_eq!(kept, [true]);
    let event = line(at(poll), &word(poll));
    let kept = store.events.append(vec![event]).await.unwrap();
    assert_eq!(kept.stored, 1);
}

/// What was acknowledged when a backup began.
#[derive(Clone, Copy)]
struct Before {
    /// All polls of the child below this one.
    polls: u64,
    /// The poll that was noted last; 0 where the child has noted none.
    noted: u64,
}

/// What a child said: backups that were begun and those that were taken.
#[derive(Default)]
struct Said {
    begun: BTreeMap<BackupId, Before>,
    taken: BTreeMap<BackupId, Before>,
}

fn run_and_kill(dir: &Path, begin: u64, lines_wanted: usize, wait: Duration) -> Said {
    let begin = begin.to_string();
    let environment = [(DIR, dir.as_os_str()), (BEGIN, OsStr::new(&begin))];
    let mut said = Said::default();
    let read = |words: &[&str]| {
        let (into, id, polls, noted) = match *words {
            ["begun", id, polls, noted, "whole"] => (&mut said.begun, id, polls, noted),
            ["taken", id, polls, noted, "whole"] => (&mut said.taken, id, polls, noted),
            _ => return None,
        };
        let before = Before {
            polls: polls.parse().unwrap(),
            noted: noted.parse().unwrap(),
        };
        into.insert(id.parse().unwrap(), before);
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

/// What came of all rounds.
#[derive(Default)]
struct Outcome {
    /// Kills that came between the beginning and the end of a backup.
    inside: u64,
    /// Backups that were restored and proved.
    whole: u64,
    /// Samples that a restored backup had to hold.
    acknowledged: u64,
    lost: u64,
    twice_or_other: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_it_is_backed_up_loses_nothing_acknowledged() {
    let rounds = times(ROUNDS, ROUNDS_DEFAULT);
    let mut chance = Chance::new();
    let mut outcome = Outcome::default();
    let mut left = rounds;
    while left > 0 {
        let of_folder = left.min(ROUNDS_OF_A_FOLDER);
        rounds_of_a_folder(of_folder, &mut chance, &mut outcome).await;
        left -= of_folder;
    }
    let Outcome {
        inside,
        whole,
        acknowledged,
        lost,
        twice_or_other,
    } = outcome;
    println!("{whole} backups were whole in {rounds} rounds");
    // Read by `cargo xtask bench crash`.
    println!(
        "\nFIGURES {{\"crash_backup_rounds\": {rounds}, \"crash_backup_rounds_inside\": {inside}, \
         \"crash_backup_samples_acknowledged\": {acknowledged}, \
         \"crash_backup_samples_lost\": {lost}, \
         \"crash_backup_samples_twice_or_other\": {twice_or_other}}}"
    );
    assert!(
        whole * 2 >= rounds,
        "only {whole} backups in {rounds} rounds"
    );
    assert!(inside * 5 >= rounds, "only {inside} of {rounds} kills hit");
}

async fn rounds_of_a_folder(rounds: u64, chance: &mut Chance, outcome: &mut Outcome) {
    let dir = quick_folder();
    let folder = dir.path().join("backups");
    std::fs::create_dir(&folder).unwrap();
    let mut begin = 0;
    // Of each round, the polls that are known to have been acknowledged.
    let mut acknowledged: Vec<Range<u64>> = Vec::new();
    let mut of_backup: BTreeMap<BackupId, (usize, Before)> = BTreeMap::new();
    for round in 0..rounds {
        let lines = 1 + usize::try_from(chance.below(6)).unwrap();
        let wait = Duration::from_micros(chance.below(60_000));
        let said = run_and_kill(dir.path(), begin, lines, wait);
        outcome.inside += u64::from(said.begun.len() > said.taken.len());
        let number = acknowledged.len();
        let backups = said.begun.iter();
        of_backup.extend(backups.map(|(id, before)| (*id, (number, *before))));
        let end = said.begun.values().map(|before| before.polls).max();
        let end = end.unwrap_or(begin);
        acknowledged.push(begin..end);
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
            expected.push(acknowledged[of_round].start..before.polls);
            let restored = Restored::new(&repository, latest.id, dir.path(), round);
            let found = restored.proved(&expected, before.noted, outcome).await;
            let wrong = (outcome.lost, outcome.twice_or_other);
            assert_eq!(wrong, (0, 0), "round {round}");
            last = last.max(found);
            outcome.whole += 1;
        }
        // Above all that was sent and never told of.
        begin = last + 10_000;
    }
}

/// A backup that was restored.
struct Restored {
    into: tempfile::TempDir,
    round: u64,
}

impl Restored {
    fn new(repository: &Repository, id: BackupId, dir: &Path, round: u64) -> Self {
        let into = quick_folder();
        let how = RestoreOptions {
            id: Some(id),
            ..RestoreOptions::default()
        };
        let (clock, progress) = (Clock::new(|| at(0)), Progress::default());
        let restored = restore(repository, into.path(), &how, &clock, &progress).unwrap();
        assert!(restored.is_whole(), "round {round}: {:?}", restored.differs);
        let odd = |path: &&PathBuf| path.to_string_lossy().contains("damaged/");
        assert_eq!(files(into.path()).iter().find(odd), None, "round {round}");
        // It is in no backup that is not encrypted.
        let key = dir.join("data/secret.key");
        std::fs::copy(key, into.path().join("secret.key")).unwrap();
        Self { into, round }
    }

    /// Looks for all that must be in it; answers the last poll that is.
    async fn proved(&self, expected: &[Range<u64>], noted: u64, outcome: &mut Outcome) -> u64 {
        let round = self.round;
        // Samples far ahead of the clock are not looked for.
        let end = expected.iter().map(|polls| polls.end).max().unwrap_or(0);
        let clock = Clock::new(move || at(end + 1_000));
        let opened = open_unlocked(store_options(self.into.path()), clock).await;
        let (store, recovery) = opened.unwrap();
        assert_eq!(recovery.damaged, vec![], "round {round}");
        assert_eq!(recovery.series.orphaned, 0, "round {round}");
        let damage = [recovery.history, recovery.events].concat();
        assert_eq!(damage, Vec::<String>::new(), "round {round}");
        if noted > 0 {
            self.has_note(&store, noted).await;
        }
        let mut last = 0;
        for n in 0..DEVICES {
            for (s, one) in (0..).zip(columns(&store.series, n).await) {
                let (from, to) = (at(0), Timestamp::from_unix_ms(i64::MAX));
                let points = store.series.read(one.id, from, to).unwrap();
                let polls = sent(&points, (n, s), outcome);
                last = last.max(polls.last().copied().unwrap_or(0));
                let wanted = expected.iter().cloned().flatten();
                for poll in wanted {
                    outcome.acknowledged += 1;
                    outcome.lost += u64::from(!polls.contains(&poll));
                }
            }
        }
        store.close().await.unwrap();
        last
    }

    /// The document, the change and the event of a poll are there.
    async fn has_note(&self, store: &Store, noted: u64) {
        let round = self.round;
        let note = store.settings.get::<u64>(NOTE).await.unwrap().unwrap();
        assert!(
            note.body >= noted,
            "round {round}: {} of {noted}",
            note.body
        );
        let (from, to) = (at(noted), at(noted + 1));
        let found = store.history.device(device_id(0), from, to, false).unwrap();
        let is_there = found.iter().any(|found| found.at == from);
        assert!(is_there, "round {round}: the change of {noted}");
        let texts = texts(&store.events, words(&word(noted))).await;
        assert_eq!(texts, [word(noted)], "round {round}");
    }
}

/// The polls of the samples of a series. Those that are there twice or were never sent are counted.
fn sent(points: &Points, (n, s): (u8, u64), outcome: &mut Outcome) -> BTreeSet<u64> {
    let mut polls = BTreeSet::new();
    for (time, found) in points {
        let ms = time.unix_ms() - BEGIN_MS;
        let poll = u64::try_from(ms / (MINUTES * 60_000)).unwrap();
        let was_sent = *time == at(poll) && *found == value(n, s, poll);
        outcome.twice_or_other += u64::from(!polls.insert(poll) || !was_sent);
    }
    polls
}
