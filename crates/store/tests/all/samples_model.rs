//! Samples that are written, written again, deleted and deleted with their device, in any order, with
//! everything that is done to files in between: what is read is what a map holds.

use crate::series_fixture::{BEGIN_MS, TestClock, copied, options, quick_folder};
use foretell_store::series::{
    Aggregation, Ask, Batch, Breaks, Grave, Resolved, SeriesStore, aggregate,
};
use model::{DeviceId, Labels, Metric, Timestamp, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;

const DEVICES: usize = 2;
const COLUMNS: usize = 3;
const METRICS: [Metric; COLUMNS] = [
    Metric::SENSOR_OTHER,
    Metric::IF_HC_IN_OCTETS,
    Metric::ICMP_RTT,
];
const MINUTE_MS: i64 = 60_000;
/// How far back is written and deleted, in minutes.
const BACK: i64 = 3 * 24 * 60;

/// What is done. Times are in minutes before the present one.
#[derive(Clone, Debug)]
enum Step {
    /// Polls, each some minutes after the one before.
    Poll {
        device: usize,
        every: i64,
        polls: i64,
        value: u64,
    },
    /// Something of the past, as it comes late or is corrected.
    Write {
        device: usize,
        back: i64,
        rows: i64,
        value: u64,
        many: bool,
    },
    /// A range of some columns, or of all.
    Delete {
        devices: usize,
        columns: Option<usize>,
        back: i64,
        minutes: i64,
    },
    /// What was deleted last, with the values that it had.
    WriteAgain {
        device: usize,
    },
    /// Time passes, and all is sealed and merged that is due.
    Pass {
        minutes: i64,
        passes: i64,
    },
    DeleteDevice {
        device: usize,
    },
    /// The folder as it lies is opened again.
    Crash,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..DEVICES;
    prop_oneof![
        4 => (device.clone(), 1..20_i64, 1..40_i64, any::<u64>()).prop_map(
            |(device, every, polls, value)| Step::Poll { device, every, polls, value }),
        3 => (device.clone(), 0..BACK, 1..30_i64, any::<u64>(), any::<bool>()).prop_map(
            |(device, back, rows, value, many)| Step::Write { device, back, rows, value, many }),
        4 => (1..4_usize, prop::option::of(1..8_usize), 0..BACK, 1..BACK).prop_map(
            |(devices, columns, back, minutes)| Step::Delete { devices, columns, back, minutes }),
        2 => device.clone().prop_map(|device| Step::WriteAgain { device }),
        6 => (prop_oneof![1..40_i64, 100..900_i64], 1..4_i64).prop_map(
            |(minutes, passes)| Step::Pass { minutes, passes }),
        1 => device.prop_map(|device| Step::DeleteDevice { device }),
        2 => Just(Step::Crash),
        1 => Just(Step::Reopen),
    ]
}

type Model = BTreeMap<(usize, usize, i64), Value>;

struct Work {
    folder: TempDir,
    clock: TestClock,
    now: i64,
    store: Option<SeriesStore>,
    ids: [DeviceId; DEVICES],
    series: Vec<Vec<Resolved>>,
    model: Model,
    /// What was deleted last.
    gone: Model,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_unix_ms(minute * MINUTE_MS)
}

/// A counter that grows, in column 1; numbers of both kinds in the others.
fn value(column: usize, minute: i64, seed: u64) -> Value {
    match column {
        1 => Value::U64(minute.unsigned_abs() * 1_000 + seed % 500),
        _ if seed.is_multiple_of(3) => Value::F64((seed % 1_000) as f64 / 8.0),
        _ => Value::U64(seed % 1_000),
    }
}

impl Work {
    async fn new() -> Self {
        let clock = TestClock::new();
        let mut work = Self {
            folder: quick_folder(),
            clock,
            now: BEGIN_MS / MINUTE_MS,
            store: None,
            ids: [DeviceId::new(), DeviceId::new()],
            series: vec![Vec::new(); DEVICES],
            model: Model::new(),
            gone: Model::new(),
        };
        work.open();
        for device in 0..DEVICES {
            work.resolve(device).await;
        }
        work
    }

    fn open(&mut self) {
        self.store = None;
        let (store, recovery) =
            SeriesStore::open(self.folder.path(), options(), self.clock.clock()).unwrap();
        assert_eq!(recovery.damage, [""; 0]);
        self.store = Some(store);
    }

    fn store(&self) -> &SeriesStore {
        self.store.as_ref().unwrap()
    }

    async fn resolve(&mut self, device: usize) {
        let keys = METRICS.map(|metric| (metric, Labels::default())).to_vec();
        let resolved = self.store().resolve(self.ids[device], keys).await;
        self.series[device] = resolved.unwrap();
    }

    fn pass(&mut self, minutes: i64) {
        self.now += minutes;
        self.clock.set(at(self.now));
    }

    fn batch(&mut self, device: usize, minute: i64, seed: u64) -> Batch {
        let mut values = Vec::new();
        for column in 0..COLUMNS {
            // Not all are in each poll.
            let turn = u32::try_from(column).unwrap();
            if (seed.rotate_left(turn * 7) ^ minute.unsigned_abs()).is_multiple_of(4) {
                continue;
            }
            let value = value(column, minute, seed.rotate_left(turn * 13));
            values.push((self.series[device][column].column, value));
            self.model
                .insert((device, column, minute * MINUTE_MS), value);
        }
        Batch {
            device_id: self.ids[device],
            at: at(minute),
            values,
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Poll {
                device,
                every,
                polls,
                value,
            } => {
                for poll in 0..polls {
                    self.pass(every);
                    let seed = value.wrapping_add(poll.unsigned_abs().wrapping_mul(0x9E37_79B9));
                    let batch = self.batch(device, self.now, seed);
                    self.store().append(batch).await.unwrap();
                }
            }
            Step::Write {
                device,
                back,
                rows,
                value,
                many,
            } => {
                let batches = (0..rows).map(|row| {
                    let seed = value.wrapping_add(row.unsigned_abs());
                    self.batch(device, self.now - back + row * 3 % (back + 1), seed)
                });
                let batches: Vec<Batch> = batches.collect();
                let done = if many {
                    self.store().append_at_any_age(batches).await
                } else {
                    self.store().append_many(batches).await
                };
                assert!(done.into_iter().all(|one| one.is_ok()));
            }
            Step::Delete {
                devices,
                columns,
                back,
                minutes,
            } => {
                let from = self.now - back;
                let to = (from + minutes).min(self.now + 1);
                self.delete(devices, columns, (from, to)).await;
            }
            Step::WriteAgain { device } => self.write_again(device).await,
            Step::Pass { minutes, passes } => {
                for _ in 0..passes {
                    // A month that is put together is another test's.
                    if self.now < BEGIN_MS / MINUTE_MS + 20 * 24 * 60 {
                        self.pass(minutes);
                    }
                    self.store().maintain().await.unwrap();
                }
            }
            Step::DeleteDevice { device } => {
                self.store().delete_device(self.ids[device]).await.unwrap();
                self.model.retain(|(of, _, _), _| *of != device);
                self.gone.retain(|(of, _, _), _| *of != device);
                self.resolve(device).await;
            }
            Step::Crash => {
                let copy = copied(self.folder.path());
                self.store = None;
                self.folder = copy;
                self.open();
            }
            Step::Reopen => self.open(),
        }
    }

    async fn delete(&mut self, devices: usize, columns: Option<usize>, (from, to): (i64, i64)) {
        let has = |column: usize| columns.is_none_or(|of| of >> column & 1 == 1);
        let graves = (0..DEVICES).filter(|device| devices >> device & 1 == 1);
        let graves = graves.map(|device| Grave {
            device_id: self.ids[device],
            columns: columns.map(|_| {
                let of = (0..COLUMNS).filter(|column| has(*column));
                of.map(|column| self.series[device][column].column)
                    .collect()
            }),
        });
        let graves: Vec<Grave> = graves.collect();
        let (store, range) = (self.store().clone(), (at(from), at(to)));
        let buried = tokio::task::spawn_blocking(move || store.bury(graves, range));
        buried.await.unwrap().unwrap();
        self.gone.clear();
        let (model, gone) = (&mut self.model, &mut self.gone);
        model.retain(|(device, column, ms), value| {
            let hit = devices >> device & 1 == 1
                && has(*column)
                && (from * MINUTE_MS..to * MINUTE_MS).contains(ms);
            if hit {
                gone.insert((*device, *column, *ms), *value);
            }
            !hit
        });
    }

    async fn write_again(&mut self, device: usize) {
        let gone = std::mem::take(&mut self.gone);
        let mut batches: BTreeMap<i64, Batch> = BTreeMap::new();
        for ((of, column, ms), value) in gone.into_iter().filter(|(key, _)| key.0 == device) {
            let batch = batches.entry(ms).or_insert_with(|| Batch {
                device_id: self.ids[of],
                at: Timestamp::from_unix_ms(ms),
                values: Vec::new(),
            });
            batch.values.push((self.series[of][column].column, value));
            self.model.insert((of, column, ms), value);
        }
        let batches = batches.into_values().collect();
        let done = self.store().append_at_any_age(batches).await;
        assert!(done.into_iter().all(|one| one.is_ok()));
    }

    fn check(&self, step: &str) {
        let (from, to) = (at(0), at(self.now + 60));
        for device in 0..DEVICES {
            for column in 0..COLUMNS {
                let id = self.series[device][column].id;
                let of = (device, column, i64::MIN)..=(device, column, i64::MAX);
                let expected = self.model.range(of);
                let expected: Vec<(Timestamp, Value)> = expected
                    .map(|((_, _, ms), value)| (Timestamp::from_unix_ms(*ms), *value))
                    .collect();
                let found = self.store().read(id, from, to).unwrap();
                assert_eq!(found, expected, "{step}: device {device}, column {column}");
                let since = at(self.now - 7 * 24 * 60);
                let latest: Vec<_> = expected.iter().filter(|(at, _)| *at >= since).collect();
                let latest = &latest[latest.len().saturating_sub(5)..];
                let told = self.store().latest(id, 5).unwrap();
                assert!(
                    told.iter().eq(latest.iter().copied()),
                    "{step}: latest {told:?}"
                );
                let hows = if column == 1 {
                    [Aggregation::Count, Aggregation::Increase]
                } else {
                    [Aggregation::Max, Aggregation::Sum]
                };
                for how in hows {
                    self.check_steps(device, id, how, &expected, step);
                }
            }
        }
    }

    /// What is answered by steps, of roll-ups where there are some.
    fn check_steps(
        &self,
        device: usize,
        id: model::SeriesId,
        how: Aggregation,
        points: &[(Timestamp, Value)],
        step: &str,
    ) {
        let ask = Ask {
            from: at((self.now - 6 * 24 * 60) / 60 * 60),
            to: at(self.now + 60),
            step: Duration::from_hours(1),
            how,
            interval: Duration::from_mins(5),
            replaced: Vec::new(),
            until: None,
        };
        let told = self.store().steps(self.ids[device], &[id], &ask).unwrap();
        let margin = Duration::from_mins(40);
        let (early, late) = (ask.from.minus(margin), ask.to.plus(margin));
        let points: Vec<_> = points
            .iter()
            .filter(|(at, _)| *at >= early && *at < late)
            .copied()
            .collect();
        let breaks = Breaks::new(ask.interval, Vec::new(), &[]);
        let expected = aggregate(&points, ask.from, ask.to, ask.step, how, &breaks);
        for (told, expected) in told[0].steps.iter().zip(&expected) {
            let same = match (told.1, expected.1) {
                (Some(told), Some(expected)) => {
                    (told - expected).abs() <= 1e-6 + expected.abs() * 1e-9
                }
                (told, expected) => told == expected,
            };
            assert!(
                same && told.0 == expected.0,
                "{step}: {how:?} {told:?}, not {expected:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: u32::try_from(crate::series_fixture::times("FORETELL_MODEL_CASES", 24)).unwrap(),
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_read_is_what_was_written_and_not_deleted(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut work = Work::new().await;
            for (n, step) in steps.into_iter().enumerate() {
                let label = format!("step {n}, {step:?}");
                work.step(step).await;
                work.check(&label);
            }
            // What can be let go of is.
            for _ in 0..12 {
                work.pass(16);
                work.store().maintain().await.unwrap();
            }
            for _ in 0..400 {
                if work.store().tombstones() == 0 {
                    break;
                }
                work.pass(31);
                work.store().maintain().await.unwrap();
            }
            work.check("in the end");
            assert_eq!(work.store().tombstones(), 0, "all that is hidden is gone");
            work.open();
            work.check("opened again");
        });
    }
}

/// Lets time pass until no tombstone is left, at most for a week.
async fn all_go(work: &mut Work) {
    for _ in 0..400 {
        if work.store().tombstones() == 0 {
            return;
        }
        work.pass(31);
        work.store().maintain().await.unwrap();
    }
    let packs = std::fs::read_dir(work.folder.path().join("packs")).unwrap();
    let packs: Vec<_> = packs.map(|entry| entry.unwrap().file_name()).collect();
    let log = std::fs::read_dir(work.folder.path().join("log")).unwrap();
    let log: Vec<_> = log.map(|entry| entry.unwrap().file_name()).collect();
    panic!("a tombstone is left beside {packs:?} and {log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_of_a_device_that_was_deleted_before_goes() {
    let delete = |back, minutes| Step::Delete {
        devices: 2,
        columns: None,
        back,
        minutes,
    };
    let poll = Step::Poll {
        device: 1,
        every: 1,
        polls: 1,
        value: 0,
    };
    let gone = || Step::DeleteDevice { device: 1 };
    let write = Step::Write {
        device: 1,
        back: 1_323,
        rows: 1,
        value: 0,
        many: false,
    };
    let pass = |minutes| Step::Pass { minutes, passes: 3 };
    for steps in [
        vec![poll, gone(), delete(0, 1), Step::Crash],
        vec![pass(200), write, pass(5), gone(), delete(1_336, 1)],
    ] {
        let mut work = Work::new().await;
        for step in steps {
            work.step(step).await;
        }
        all_go(&mut work).await;
    }
}
