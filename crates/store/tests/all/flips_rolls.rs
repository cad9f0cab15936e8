//! One flipped bit in the packs of days, in their roll-ups and in those of months. See [`crate::flips`].

use crate::flips::{Told, Wanted, flip, named};
use crate::series_fixture::{TestClock, options, quick_folder};
use foretell_store::disk::RealDisk;
use foretell_store::pack::{FolderCursor, PackFolder};
use foretell_store::series::{Aggregation, Ask, Batch, SeriesStore, Stepped};
use model::{DeviceId, Labels, Metric, SeriesId, Timestamp, Value};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// 2026-03-01T00:00:00Z.
const DAY: i64 = 1_772_323_200_000;
const DAY_MS: i64 = 86_400_000;
/// From poll to poll.
const POLL_MS: i64 = 600_000;
const POLLS: i64 = DAY_MS / POLL_MS;
const DEVICES: u8 = 2;
const METRICS: [Metric; 3] = [
    Metric::IF_HC_IN_OCTETS,
    Metric::SENSOR_OTHER,
    Metric::SYS_UP_TIME,
];

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n + 1; 16])
}

/// What is asked of a folder, and answered.
type Answer = Vec<Stepped>;

struct Sound {
    folder: TempDir,
    clock: TestClock,
    answer: Answer,
    samples: u64,
}

impl Sound {
    /// A day that is one pack, and its roll-ups; or the roll-ups of its month alone.
    async fn new(is_month: bool) -> Self {
        let (folder, clock) = (quick_folder(), TestClock::new());
        let (store, _) = SeriesStore::open(folder.path(), options(), clock.clock()).unwrap();
        for poll in 0..POLLS {
            clock.set(at(DAY + poll * POLL_MS));
            for n in 0..DEVICES {
                let keys = METRICS.map(|metric| (metric, Labels::default()));
                let series = store.resolve(device(n), keys.to_vec()).await.unwrap();
                let number = poll.unsigned_abs() * 7_919 + u64::from(n);
                let values = [
                    Value::U64(number),
                    Value::F64(number as f64 / 8.0),
                    Value::F64(poll as f64 * 600.0),
                ];
                let columns = series.iter().map(|series| series.column);
                let batch = Batch {
                    device_id: device(n),
                    at: at(DAY + poll * POLL_MS),
                    values: columns.zip(values).collect(),
                };
                store.append(batch).await.unwrap();
            }
        }
        let (days, passes) = if is_month { (40, 60) } else { (1, 8) };
        for pass in 0..passes {
            let later = DAY + days * DAY_MS + 7_200_000 + pass * 1_860_000;
            clock.set(at(later));
            store.maintain().await.unwrap();
        }
        store.close().await;
        if is_month {
            fs::remove_dir_all(folder.path().join("packs/2026-03-01")).unwrap();
        }
        let mut sound = Self {
            folder,
            clock,
            answer: Answer::new(),
            samples: 0,
        };
        // What was taken away is told once.
        let (told, store) = sound.look(sound.folder.path(), "sound");
        assert_eq!(told.lost, 0);
        sound.answer = Self::steps(&store);
        sound.samples = Self::count(&store);
        let known = sound.answer.iter().flat_map(|read| &read.steps);
        assert!(known.filter(|(_, value)| value.is_some()).count() > 200);
        store.close().await;
        sound
    }

    fn open(&self, folder: &Path) -> (SeriesStore, bool) {
        let opened = SeriesStore::open(folder, options(), self.clock.clock());
        let (store, recovery) = opened.unwrap();
        let is_told = !recovery.damage.is_empty();
        (store, is_told)
    }

    /// All series by hours and by five minutes, in several ways.
    fn steps(store: &SeriesStore) -> Answer {
        let mut answer = Answer::new();
        for (metric, how) in [
            (METRICS[0], Aggregation::Rate),
            (METRICS[0], Aggregation::Peak),
            (METRICS[1], Aggregation::Max),
            (METRICS[1], Aggregation::Avg),
        ] {
            for step in [Duration::from_mins(5), Duration::from_hours(1)] {
                let ask = Ask {
                    from: at(DAY),
                    to: at(DAY + DAY_MS),
                    step,
                    how,
                    interval: Duration::from_millis(POLL_MS.unsigned_abs()),
                    replaced: Vec::new(),
                    until: None,
                };
                for n in 0..DEVICES {
                    let all = store.series_named(device(n), metric);
                    let ids: Vec<SeriesId> = all.iter().map(|series| series.id).collect();
                    let read: Vec<Stepped> = store.steps(device(n), &ids, &ask).unwrap();
                    answer.extend(read);
                }
            }
        }
        answer
    }

    /// Samples that are read; each as it was given.
    fn count(store: &SeriesStore) -> u64 {
        let mut count = 0;
        for n in 0..DEVICES {
            for series in store.series_of(device(n)) {
                let read = store.read(series.id, at(0), at(DAY + 2 * DAY_MS)).unwrap();
                for (when, value) in &read {
                    let poll = (when.unix_ms() - DAY) / POLL_MS;
                    let number = poll.unsigned_abs() * 7_919 + u64::from(n);
                    let expected = match series.key.metric {
                        Metric::IF_HC_IN_OCTETS => Value::U64(number),
                        Metric::SENSOR_OTHER => Value::F64(number as f64 / 8.0),
                        _ => Value::F64(poll as f64 * 600.0),
                    };
                    assert_eq!((*value, *when), (expected, at(DAY + poll * POLL_MS)));
                }
                count += read.len() as u64;
            }
        }
        count
    }

    /// Reads all; what is not there any more is lost, and nothing is made up.
    fn look(&self, folder: &Path, label: &str) -> (Told, SeriesStore) {
        let (store, opening) = self.open(folder);
        let steps = Self::steps(&store);
        let mut lost = self.samples.saturating_sub(Self::count(&store));
        for (read, sound) in steps.iter().zip(&self.answer) {
            // What is coarser than what was asked of is said to be.
            let is_coarser = read.coarsest() > sound.coarsest();
            for ((_, found), (at, sound)) in read.steps.iter().zip(&sound.steps) {
                // A peak is kept in thousandths, rounded up.
                let is_near = |(a, b): (f64, f64)| (a - b).abs() < 0.001_1;
                if found == sound || found.zip(*sound).is_some_and(is_near) {
                    continue;
                }
                let is_said = found.is_none() || is_coarser;
                assert!(is_said, "{label}: {found:?}, not {sound:?} at {at}");
                lost += 1;
            }
        }
        let defects = store.stats().defects;
        let told = Told {
            is_told: opening || defects.values().any(|count| *count > 0),
            lost,
        };
        (told, store)
    }

    async fn flip(&self, wanted: Wanted, is_meant: fn(&str) -> bool) {
        let files = named(self.folder.path(), is_meant);
        assert!(!files.is_empty(), "{}", wanted.kind);
        flip(
            wanted,
            self.folder.path(),
            &files,
            async |folder, label, _| {
                let (mut told, store) = self.look(folder, label);
                store.close().await;
                drop(store);
                if !told.is_told {
                    // What nothing was read of yet is found by looking at all.
                    let packs = folder.join("packs");
                    let packs = PackFolder::open(Arc::new(RealDisk), &packs).unwrap();
                    let verified = packs.verify(FolderCursor::default(), u64::MAX);
                    told.is_told = !verified.damage.is_empty() || !packs.damage().is_empty();
                }
                told
            },
        )
        .await;
    }
}

fn is_day(name: &str) -> bool {
    name.starts_with("day-")
}

fn is_rolled_day(name: &str) -> bool {
    name.contains("-d01-")
}

fn is_rolled_month(name: &str) -> bool {
    name.contains("-month-")
}

#[tokio::test]
async fn a_flipped_bit_of_a_day_costs_samples_of_one_device_and_no_roll_up() {
    let wanted = Wanted {
        kind: "packs of days",
        is_all_told: true,
        lost_max: (POLLS * 3).unsigned_abs(),
    };
    Sound::new(false).await.flip(wanted, is_day).await;
}

#[tokio::test]
async fn a_flipped_bit_of_roll_ups_of_a_day_costs_nothing_while_there_are_samples() {
    let wanted = Wanted {
        kind: "roll-ups of days",
        is_all_told: true,
        lost_max: 0,
    };
    Sound::new(false).await.flip(wanted, is_rolled_day).await;
}

#[tokio::test]
async fn a_flipped_bit_of_roll_ups_of_a_month_is_told_and_makes_nothing_up() {
    let sound = Sound::new(true).await;
    let steps = sound.answer.iter().map(|read| read.steps.len());
    let wanted = Wanted {
        kind: "roll-ups of months",
        is_all_told: true,
        // Of one device.
        lost_max: steps.sum::<usize>() as u64 / u64::from(DEVICES),
    };
    sound.flip(wanted, is_rolled_month).await;
}
