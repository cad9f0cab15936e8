//! Archived days as readers see them.

use super::{COLD_DAYS_MAX, ColdDays, ColdFault, Fetch, MemoryCold, MemorySeries};
use crate::blocks::Level;
use crate::pack::Kind;
use crate::progress::Progress;
use crate::series::attached::Attached;
use crate::series::{
    AdoptRefused, Aggregation, Ask, Batch, Column, Grain, Points, Resolved, SeriesError,
    SeriesOptions, SeriesStore, SyncPolicy, query, read,
};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

pub(in crate::series) const DAY_MS: i64 = 86_400_000;
/// Between two polls of these tests.
pub(in crate::series) const POLL_MS: i64 = 900_000;

/// A store with a device of some series, and an archive in memory.
pub(in crate::series) struct Kept {
    pub(in crate::series) store: SeriesStore,
    pub(in crate::series) cold: Arc<MemoryCold>,
    pub(in crate::series) device_id: DeviceId,
    pub(in crate::series) series: Vec<Resolved>,
    /// What there should be.
    pub(in crate::series) expected: BTreeMap<(Column, i64), Value>,
    now: Arc<AtomicI64>,
    pub(in crate::series) folder: tempfile::TempDir,
}

/// The start of a day of these tests.
pub(in crate::series) fn day(n: i64) -> Timestamp {
    Timestamp::from_unix_ms((20_000 + n) * DAY_MS)
}

pub(in crate::series) fn keys() -> Vec<(Metric, Labels)> {
    let port = |n: u32| Labels::default().with("port", n.to_string());
    vec![
        (Metric::ICMP_RTT, Labels::default()),
        (Metric::IF_HC_IN_OCTETS, port(1)),
        (Metric::SENSOR_OTHER, port(2)),
    ]
}

fn value(column: Column, at_ms: i64) -> Value {
    let turn = (at_ms / POLL_MS).unsigned_abs();
    match column.0 {
        0 if turn.is_multiple_of(5) => Value::F64(-0.0),
        0 => Value::F64(turn as f64 / 7.0),
        1 => Value::U64(u64::MAX - turn % 3),
        _ if turn.is_multiple_of(2) => Value::U64((1 << 53) + 1),
        _ => Value::F64(f64::MIN_POSITIVE / 2.0),
    }
}

pub(in crate::series) fn open(
    folder: &std::path::Path,
    now: &Arc<AtomicI64>,
) -> (SeriesStore, Arc<MemoryCold>) {
    let options = SeriesOptions {
        sync: SyncPolicy::EachBatch,
        maintain_every: None,
        ..SeriesOptions::default()
    };
    let clock = {
        let now = Arc::clone(now);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)))
    };
    let (store, _) = SeriesStore::open(folder, options, clock).unwrap();
    let cold = Arc::new(MemoryCold::default());
    store.set_memory_cold(Arc::clone(&cold));
    (store, cold)
}

impl Kept {
    /// Days of polls, each one pack and rolled up.
    pub(in crate::series) async fn of_days(days: i64) -> Self {
        Self::of_polls(days, 0).await
    }

    /// As [`of_days`](Self::of_days), each poll so long after a quarter of an hour.
    pub(in crate::series) async fn of_polls(days: i64, after_ms: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(day(0).unix_ms()));
        let (store, cold) = open(folder.path(), &now);
        let device_id = DeviceId::new();
        let series = store.resolve(device_id, keys()).await.unwrap();
        let mut kept = Self {
            store,
            cold,
            device_id,
            series,
            expected: BTreeMap::new(),
            now,
            folder,
        };
        for n in 0..days {
            let first = day(n).unix_ms() + after_ms;
            for at in (first..first + DAY_MS).step_by(usize::try_from(POLL_MS).unwrap()) {
                kept.now.store(at, Ordering::SeqCst);
                let values = kept.series.iter().map(|series| {
                    let column = series.column;
                    (column, value(column, at))
                });
                kept.append(at, values.collect()).await;
            }
        }
        kept.settle(day(days).unix_ms() + 2 * 3_600_000).await;
        kept
    }

    pub(in crate::series) async fn append(&mut self, at_ms: i64, values: Vec<(Column, Value)>) {
        for (column, value) in &values {
            self.expected.insert((*column, at_ms), *value);
        }
        let batch = Batch {
            device_id: self.device_id,
            at: Timestamp::from_unix_ms(at_ms),
            values,
        };
        self.store.append(batch).await.unwrap();
    }

    /// Seals and merges what is due by a time.
    pub(in crate::series) async fn settle(&self, now_ms: i64) {
        self.now.store(now_ms, Ordering::SeqCst);
        for _ in 0..8 {
            self.store.maintain().await.unwrap();
        }
    }

    /// Archives a day as it is.
    pub(in crate::series) fn archive(&self, n: i64) {
        let packs = self.store.packs();
        let generations = packs.iter().map(|meta| meta.id.generation);
        let generation = generations.max().unwrap_or(0) + 1;
        let series = self.store.series_of(self.device_id).into_iter();
        let series = series.map(|series| MemorySeries {
            device_id: self.device_id,
            id: series.id,
            metric: series.key.metric.name().to_owned(),
            labels: series.key.labels,
            points: self.store.read(series.id, day(n), day(n + 1)).unwrap(),
        });
        self.cold.put(day(n), generation, series.collect());
    }

    /// Archives a day, and removes its samples here.
    pub(in crate::series) fn retire(&self, n: i64) {
        self.archive(n);
        self.cold.set_whole_here(day(n), false);
        self.remove(n);
    }

    /// Removes the packs of samples of a day.
    pub(in crate::series) fn remove(&self, n: i64) {
        let packs = self.store.packs();
        let of_day = packs
            .iter()
            .map(|meta| meta.id)
            .filter(|id| id.kind == Kind::Samples && Level::Day.start(id.start) == day(n));
        let ids: Vec<_> = of_day.collect();
        assert_eq!(
            self.store.remove_packs(&ids, &|_, _| true).unwrap().len(),
            ids.len()
        );
    }

    pub(in crate::series) fn expected_of(
        &self,
        column: Column,
        from: Timestamp,
        to: Timestamp,
    ) -> Points {
        let range = (column, from.unix_ms())..(column, to.unix_ms());
        let points = self.expected.range(range);
        points
            .map(|((_, at), value)| (Timestamp::from_unix_ms(*at), *value))
            .collect()
    }

    /// All series of a range are as they should be.
    pub(in crate::series) fn check(&self, from: Timestamp, to: Timestamp) {
        for series in &self.series {
            let read = self.store.read(series.id, from, to).unwrap();
            assert_same(&read, &self.expected_of(series.column, from, to));
        }
        let ids: Vec<_> = self.series.iter().map(|series| series.id).collect();
        let read = self.store.read_many(self.device_id, &ids, from, to);
        for (series, read) in self.series.iter().zip(read.unwrap()) {
            assert_same(&read, &self.expected_of(series.column, from, to));
        }
    }
}

/// Equal to the bit: -0.0 is not 0.0.
#[track_caller]
pub(in crate::series) fn assert_same(read: &Points, expected: &Points) {
    let bits = |points: &Points| -> Vec<(i64, bool, u64)> {
        let of = |(at, value): &(Timestamp, Value)| match value {
            Value::U64(number) => (at.unix_ms(), false, *number),
            Value::F64(number) => (at.unix_ms(), true, number.to_bits()),
        };
        points.iter().map(of).collect()
    };
    assert_eq!(bits(read), bits(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_days_lie_under_what_came_since() {
    let mut kept = Kept::of_days(3).await;
    kept.archive(0);
    kept.check(day(0), day(3));
    assert_eq!(kept.cold.reads(), 0, "what is here is not fetched");
    kept.retire(0);
    kept.retire(1);
    kept.check(day(0), day(3));
    // A range within a day, one across midnight, and one that begins before all there is.
    let hours = |n: i64| Duration::from_hours(n.unsigned_abs());
    kept.check(day(0).plus(hours(3)), day(0).plus(hours(5)));
    kept.check(day(0).plus(hours(20)), day(1).plus(hours(2)));
    kept.check(day(-10), day(0).plus(hours(1)));
    // Late: a time of its own; a correction: one that the archive has. In the head, then sealed.
    let late = day(0).unix_ms() + 5 * POLL_MS + 7;
    let columns: Vec<Column> = kept.series.iter().map(|series| series.column).collect();
    kept.append(late, vec![(columns[0], Value::F64(1.5))]).await;
    let corrected = day(1).unix_ms() + 9 * POLL_MS;
    kept.append(corrected, vec![(columns[1], Value::U64(42))])
        .await;
    kept.check(day(0), day(3));
    kept.settle(day(3).unix_ms() + 4 * 3_600_000).await;
    kept.check(day(0), day(3));
    kept.settle(day(4).unix_ms() + 4 * 3_600_000).await;
    kept.check(day(0), day(3));
    // As the log brings it back, too.
    let at = day(0).unix_ms() + 11;
    kept.append(at, vec![(columns[2], Value::U64(7))]).await;
    kept.check(day(0), day(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_samples_are_counted_before_they_are_deleted() {
    let kept = Kept::of_days(3).await;
    kept.retire(0);
    kept.retire(1);
    let columns = kept.series.iter().map(|series| series.column).collect();
    let of = [(kept.device_id, columns)];
    let count = |range, until| {
        let progress = Progress::default();
        kept.store.count_samples(&of, range, &progress, until)
    };
    let polls = (DAY_MS / POLL_MS).unsigned_abs() * kept.series.len() as u64;
    let half = day(0).plus(Duration::from_hours(12));
    for (range, expected) in [
        ((day(0), day(3)), polls * 3),
        ((day(0), day(1)), polls),
        ((half, day(2)), polls * 3 / 2),
    ] {
        assert_eq!(count(range, None).unwrap(), (expected, true));
    }
    let past = Instant::now();
    assert!(!count((day(0), day(3)), Some(past)).unwrap().1);
    kept.cold.set_fault(Some(ColdFault::Away));
    let told = count((day(0), day(3)), None).unwrap();
    assert_eq!(told, (polls, false), "there are more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_told() {
    let kept = Kept::of_days(2).await;
    kept.retire(0);
    let (id, column) = (kept.series[0].id, kept.series[0].column);
    for fault in [ColdFault::Damaged, ColdFault::Away] {
        kept.cold.set_fault(Some(fault));
        let read = kept.store.read(id, day(0), day(2));
        assert!(
            matches!(read, Err(SeriesError::ArchiveMissing { day: of, .. }) if of == day(0)),
            "{read:?}"
        );
        let mut fetch = Fetch::default();
        let (parts, range) = (kept.store.parts(), (day(0), day(2)));
        let read = read::read_fetching(parts, kept.device_id, &[column], range, &mut fetch);
        assert_same(&read.unwrap()[0], &kept.expected_of(column, day(1), day(2)));
        let missing: Vec<Timestamp> = fetch.missing().map(|(day, _)| day).collect();
        assert_eq!(missing, [day(0)]);
        // What is here needs no archive.
        assert_eq!(kept.store.read(id, day(1), day(2)).unwrap().len(), 96);
    }
    let reads = kept.cold.reads();
    kept.cold.set_fault(None);
    assert!(kept.store.read(id, day(0), day(1)).is_err());
    assert_eq!(kept.cold.reads(), reads, "it did not answer just now");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_never_reach_the_archive() {
    let kept = Kept::of_days(2).await;
    kept.retire(0);
    let latest = kept.store.latest(kept.series[0].id, 1_000).unwrap();
    assert_eq!(latest.len(), 96);
    assert_eq!(kept.cold.reads(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_refused() {
    let kept = Kept::of_days(1).await;
    kept.retire(0);
    kept.cold.set_delay(Duration::from_mins(1));
    let mut fetch = Fetch::until(Some(Instant::now() + Duration::from_millis(5)));
    let columns = [kept.series[0].column];
    let (parts, range) = (kept.store.parts(), (day(0), day(1)));
    let read = read::read_fetching(parts, kept.device_id, &columns, range, &mut fetch);
    assert!(matches!(
        read,
        Err(SeriesError::Archive(super::ColdError::Late))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_days_than_a_question_may_read_are_refused() {
    let kept = Kept::of_days(1).await;
    // And a day on either side.
    let days = i64::try_from(COLD_DAYS_MAX + 2).unwrap() + 1;
    for n in 0..days {
        let series = MemorySeries {
            device_id: kept.device_id,
            id: kept.series[0].id,
            metric: "icmp_rtt".to_owned(),
            labels: Labels::default(),
            points: vec![(day(-n - 1), Value::F64(1.0))],
        };
        kept.cold.put(day(-n - 1), 1, vec![series]);
        kept.cold.set_whole_here(day(-n - 1), false);
    }
    let id = kept.series[0].id;
    let read = kept.store.read(id, day(-days), day(0));
    assert!(
        matches!(read, Err(SeriesError::TooManyArchived { max }) if max == COLD_DAYS_MAX),
        "{read:?}"
    );
    let read = kept.store.read(id, day(-days + 1), day(0)).unwrap();
    assert_eq!(read.len(), COLD_DAYS_MAX + 2);
    assert_eq!(kept.cold.meets(day(-3), day(0)).len(), 3);
}

pub(in crate::series) async fn restore(
    store: &SeriesStore,
    n: i64,
) -> Result<crate::series::RestoredDay, SeriesError> {
    let store = store.clone();
    let restored = tokio::task::spawn_blocking(move || {
        let cold = Arc::clone(store.parts().cold.get().unwrap());
        let came = |_: &crate::series::RestoredDay| Ok::<(), SeriesError>(());
        store.restore_day(cold.as_ref(), day(n), &Progress::default(), came)
    });
    restored.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_comes_back_as_it_was_with_what_came_since() {
    let mut kept = Kept::of_days(2).await;
    kept.retire(0);
    let columns: Vec<Column> = kept.series.iter().map(|series| series.column).collect();
    // A late sample, a correction, and one that only the head has.
    let late = day(0).unix_ms() + 5 * POLL_MS + 7;
    kept.append(late, vec![(columns[0], Value::F64(1.5))]).await;
    let corrected = day(0).unix_ms() + 9 * POLL_MS;
    kept.append(corrected, vec![(columns[1], Value::U64(42))])
        .await;
    kept.settle(day(2).unix_ms() + 5 * 3_600_000).await;
    let newest = day(0).unix_ms() + 10 * POLL_MS;
    kept.append(newest, vec![(columns[1], Value::U64(43))])
        .await;
    let restored = restore(&kept.store, 0).await.unwrap();
    assert_eq!((restored.devices, restored.series), (1, 3));
    assert_eq!(restored.samples, 3 * 96 + 1);
    assert!(restored.is_whole());
    kept.cold.set_whole_here(day(0), true);
    let reads = kept.cold.reads();
    kept.check(day(0), day(2));
    assert_eq!(kept.cold.reads(), reads, "all is here");
    // Twice is as once; and after a start.
    assert_eq!(restore(&kept.store, 0).await.unwrap(), restored);
    kept.check(day(0), day(2));
    kept.settle(day(3).unix_ms()).await;
    kept.check(day(0), day(2));
    kept.store.close().await;
    let (store, _) = open(kept.folder.path(), &kept.now);
    kept.store = store;
    kept.check(day(0), day(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_comes_into_a_store_that_does_not_know_its_series() {
    let kept = Kept::of_days(1).await;
    kept.archive(0);
    let deleted = DeviceId::new();
    let folder = tempfile::tempdir().unwrap();
    let (store, cold) = open(folder.path(), &kept.now);
    let mut series = Vec::new();
    for of in kept.store.series_of(kept.device_id) {
        series.push(MemorySeries {
            device_id: kept.device_id,
            id: of.id,
            metric: of.key.metric.name().to_owned(),
            labels: of.key.labels,
            points: kept.store.read(of.id, day(0), day(1)).unwrap(),
        });
    }
    // One of a device that was deleted here, and one of a metric that nobody knows.
    store.resolve(deleted, keys()).await.unwrap();
    store.delete_device(deleted).await.unwrap();
    let mut gone = series[0].clone();
    (gone.device_id, gone.id) = (deleted, model::SeriesId::new());
    let mut unknown = series[1].clone();
    (unknown.metric, unknown.id) = ("of_a_later_version".to_owned(), model::SeriesId::new());
    series.extend([gone, unknown]);
    cold.put(day(0), 17, series);
    cold.set_whole_here(day(0), false);
    let restored = restore(&store, 0).await.unwrap();
    assert_eq!((restored.series, restored.samples), (3, 3 * 96));
    let refused = BTreeMap::from([
        (AdoptRefused::DeviceDeleted, 1),
        (AdoptRefused::UnknownMetric, 1),
    ]);
    assert_eq!(restored.refused, refused);
    assert!(!restored.is_whole());
    cold.set_whole_here(day(0), true);
    for series in &kept.series {
        let there = store.series(series.id).unwrap();
        assert_eq!(Some(there), kept.store.series(series.id));
        let read = store.read(series.id, day(0), day(1)).unwrap();
        assert_same(&read, &kept.expected_of(series.column, day(0), day(1)));
    }
    assert_eq!(
        restore(&store, 0).await.unwrap(),
        restored,
        "twice is as once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_changes_nothing() {
    let kept = Kept::of_days(2).await;
    kept.retire(0);
    let before = kept.store.packs();
    for fault in [ColdFault::Away, ColdFault::Damaged] {
        kept.cold.set_fault(Some(fault));
        assert!(restore(&kept.store, 0).await.is_err());
    }
    kept.cold.set_fault(None);
    assert!(
        restore(&kept.store, 7).await.is_err(),
        "it was not archived"
    );
    assert_eq!(kept.store.packs(), before);
    let stopped = Progress::default();
    stopped.stop();
    let store = kept.store.clone();
    let came = |_: &crate::series::RestoredDay| Ok::<(), SeriesError>(());
    let cold = Arc::clone(&kept.cold);
    let restored = tokio::task::spawn_blocking(move || {
        store.restore_day(cold.as_ref(), day(0), &stopped, came)
    });
    assert!(matches!(restored.await.unwrap(), Err(SeriesError::GivenUp)));
    assert_eq!(kept.store.packs(), before);
    kept.check(day(0), day(2));
}

pub(in crate::series) fn ask(step: Duration, how: Aggregation, (from, to): (i64, i64)) -> Ask {
    Ask {
        from: day(from),
        to: day(to),
        step,
        how,
        interval: Duration::from_millis(POLL_MS.unsigned_abs()),
        replaced: Vec::new(),
        until: None,
    }
}

pub(in crate::series) const FIVE_MINUTES: Duration = Duration::from_mins(5);
pub(in crate::series) const SEVEN_MINUTES: Duration = Duration::from_mins(7);
pub(in crate::series) const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn steps_take_roll_ups_where_they_answer_and_the_archive_else() {
    let kept = Kept::of_days(3).await;
    let (gauge, counter) = (kept.series[0].id, kept.series[1].id);
    let steps = |id, step, how, days| {
        let asked = ask(step, how, days);
        let read = kept.store.steps(kept.device_id, &[id], &asked);
        read.unwrap().pop().unwrap()
    };
    let questions = [
        (gauge, HOUR, Aggregation::Avg, "1h"),
        (counter, HOUR, Aggregation::Rate, "1h"),
        (gauge, FIVE_MINUTES, Aggregation::Max, "5m"),
        (gauge, SEVEN_MINUTES, Aggregation::Avg, "archive"),
        (counter, SEVEN_MINUTES, Aggregation::Rate, "archive"),
        (gauge, HOUR, Aggregation::Stddev, "archive"),
        (gauge, HOUR, Aggregation::Delta, "archive"),
    ];
    let all = questions.map(|(id, step, how, _)| steps(id, step, how, (0, 3)));
    kept.retire(1);
    for ((id, step, how, level), before) in questions.into_iter().zip(&all) {
        let reads = kept.cold.reads();
        let after = steps(id, step, how, (0, 3));
        assert_eq!(before.steps, after.steps, "{step:?} {how:?}");
        let parts = after.parts.iter();
        let of_day = parts.filter(|part| part.from < day(2) && part.to > day(1));
        let names: Vec<_> = of_day.map(|part| part.grain.name()).collect();
        assert_eq!(names, [level], "{step:?} {how:?}");
        assert_eq!(after.parts.first().unwrap().from, day(0));
        assert_eq!(after.parts.last().unwrap().to, day(3));
        let fetched = kept.cold.reads() > reads;
        assert_eq!(fetched, level == "archive", "{step:?} {how:?}");
    }
    // Days of which the samples next to the range would be read.
    kept.retire(0);
    let reads = kept.cold.reads();
    steps(counter, HOUR, Aggregation::Rate, (1, 2));
    assert_eq!(kept.cold.reads(), reads, "roll-ups answer");
    steps(counter, SEVEN_MINUTES, Aggregation::Rate, (1, 2));
    assert_eq!(kept.cold.reads(), reads + 2);
    // Where the archive is away: roll-ups, where there are any, and what is missing is told.
    kept.cold.set_fault(Some(ColdFault::Away));
    let by_minutes = steps(gauge, SEVEN_MINUTES, Aggregation::Avg, (0, 3));
    assert!(
        by_minutes
            .parts
            .iter()
            .all(|part| part.grain < Grain::Archive)
    );
    let spread = steps(gauge, HOUR, Aggregation::Stddev, (0, 3));
    assert_eq!(spread.coarsest(), Grain::Missing);
    let missing = spread.parts.iter();
    let missing: Vec<_> = missing
        .filter(|part| part.grain == Grain::Missing)
        .collect();
    assert_eq!((missing[0].from, missing[0].to), (day(0), day(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_says_that_it_took_the_archive() {
    let kept = Kept::of_days(3).await;
    let attached = Attached::default();
    let question = |step, over| query::Query {
        selector: "{metric=~\".*\"}".parse().unwrap(),
        from: day(0),
        to: day(3),
        step,
        over,
        across: query::Put::Each,
        rows_max: 100,
        samples_max: query::SAMPLES_MAX,
        until: Instant::now() + Duration::from_mins(5),
    };
    let spread = Some(Aggregation::Stddev);
    let run = |question: &query::Query| query::run(&kept.store, question, &attached);
    let before = run(&question(HOUR, spread)).unwrap();
    let by_hours = run(&question(HOUR, None)).unwrap();
    kept.retire(1);
    let after = run(&question(HOUR, spread)).unwrap();
    assert_eq!((before.level, after.level), ("raw", "archive"));
    assert_eq!(before.rows, after.rows);
    assert_eq!(before.cost, after.cost, "what is archived is counted");
    let levels: Vec<_> = after.parts.iter().map(|part| part.level).collect();
    assert_eq!(levels, ["raw", "archive", "raw"]);
    let reads = kept.cold.reads();
    assert_eq!(run(&question(HOUR, None)).unwrap().rows, by_hours.rows);
    assert_eq!(kept.cold.reads(), reads, "roll-ups answer");
    kept.cold.set_fault(Some(ColdFault::Damaged));
    assert_eq!(run(&question(HOUR, spread)).unwrap().level, "missing");
    kept.cold.set_fault(None);
    kept.cold.set_delay(Duration::from_mins(10));
    let late = query::Query {
        until: Instant::now() + Duration::from_millis(300),
        ..question(HOUR, spread)
    };
    assert!(matches!(run(&late), Err(query::QueryError::ArchiveLate)));
    let mut few = question(HOUR, spread);
    few.samples_max = 10;
    assert!(matches!(
        run(&few),
        Err(query::QueryError::TooManySamples { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_day_goes_that_counts_as_here() {
    let kept = Kept::of_days(1).await;
    kept.archive(0);
    let packs = kept.store.packs();
    let ids: Vec<_> = packs.iter().map(|meta| meta.id).collect();
    let refused = |done: Result<(), SeriesError>| {
        assert!(
            matches!(done, Err(SeriesError::NotThinned { .. })),
            "{done:?}"
        );
    };
    refused(kept.store.remove_packs(&ids, &|_, _| true).map(|_| ()));
    refused(
        kept.store
            .rewrite_day(day(0), &|_, _| false, &|_, _| true)
            .map(|_| ()),
    );
    assert_eq!(kept.store.packs(), packs);
    kept.check(day(0), day(1));
    kept.cold.set_whole_here(day(0), false);
    let of_samples = ids.iter().copied().filter(|id| id.kind == Kind::Samples);
    let samples: Vec<_> = of_samples.collect();
    let stays = kept.store.remove_packs(&samples, &|_, _| false);
    let stays = stays.unwrap();
    assert!(stays.is_empty() && kept.store.packs() == packs);
    kept.store.remove_packs(&ids, &|_, _| true).unwrap();
    kept.check(day(0), day(1));
}
