//! Samples: a synced log, the head in memory, sealed blocks, and the registry of series.
//!
//! Begin with [`SeriesStore`]. Its parts: `registry` (which series there are), `log` (what makes an
//! append durable), `head` (the last half-hour in memory), `seal` (head to packs, packs to larger
//! packs), `recovery` (what is done at the start and soon after), `read`, `retained` (what goes by
//! age, for [`crate::retention`]), `scrub` (packs are read again and again), `stage` (what a backup
//! takes), `threads` (who runs what).
//! [`aggregate`] and [`across`] are pure. Sealed samples and their octets are in [`mod@crate::pack`]
//! and [`crate::blocks`]; what days of them add up to is in [`rollup`]. Which series there are is asked
//! by [`selector`]s over their labels and those that are [`attached`] to them, and counted by
//! [`cardinality`]; a [`query`] makes a few rows of the samples of many; a [`shape`] spares pollers the
//! asking.

pub mod across;
pub mod aggregate;
mod append;
#[cfg(feature = "archive")]
mod archived;
pub mod attached;
mod bury;
pub mod cardinality;
pub mod cold;
mod delete;
mod error;
mod head;
pub mod log;
mod options;
mod parts;
mod pushed;
pub mod query;
mod read;
mod recovery;
mod registry;
mod restore;
mod retained;
pub mod rollup;
mod scrub;
mod seal;
pub mod selector;
pub mod shape;
mod stage;
mod statistics;
mod stats;
mod threads;
mod tombstones;

pub use crate::blocks::Column;
pub use aggregate::{Aggregation, BUCKETS_MAX, Breaks, aggregate, bucket_count, increase, resets};
#[cfg(feature = "archive")]
pub(crate) use archived::Revision;
pub use attached::Attached;
pub use bury::Grave;
pub use cardinality::{BoundHit, Cardinality};
pub use cold::{ColdError, Fetch};
pub use error::{AppendError, OpenSeriesError, SeriesError};
pub use options::{
    AHEAD_MAX, APPEND_QUEUE_MAX, APPENDS_IN_FLIGHT_MAX, LATE_MAX_DEFAULT, REGISTRY_QUEUE_MAX,
    ROWS_PER_SEAL_MAX, SCRUB_BYTES_PER_SEC_DEFAULT, SERIES_PER_DEVICE_MAX, SeriesOptions,
    SyncPolicy,
};
pub use pushed::LABEL_VALUES_MAX;
pub use read::LATEST_BACK_MAX;
#[cfg(feature = "archive")]
pub(crate) use read::chain;
pub use registry::adopt::AdoptRefused;
pub(crate) use registry::table::inspect as inspect_registry;
pub use restore::RestoredDay;
pub use retained::{Here, Size};
pub(crate) use retained::{Looked, Rewritten};
pub use rollup::{Ask, Grain, Part, Stepped};
pub use seal::{Maintained, SEAL_DELAY};
pub use selector::{Comparison, Matcher, Selector, SelectorError};
pub use shape::Shape;
pub use statistics::{Moments, Quantile};
pub use stats::{LogFailing, SeriesStats};

use crate::blocks::{Blocks, SqliteBlocks};
use crate::disk::{Disk, RealDisk};
use crate::pack::PackFolder;
use head::Head;
use log::segments::Segments;
use log::writer;
use model::series::Series;
use model::{Clock, DeviceId, InterfaceId, Labels, Metric, SeriesId, Timestamp, Value};
use parts::Parts;
use recovery::lazy::Lazy;
use registry::table::Table;
use registry::with;
use stats::Counters;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use threads::Threads;
use tokio::sync::oneshot;
use tombstones::Tombstones;

/// A series as `resolve` answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resolved {
    /// The id that readers ask for it under.
    pub id: SeriesId,
    /// What its samples are appended under.
    pub column: Column,
}

/// A series that is known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The series.
    pub series: Resolved,
    /// Its interface has another name for people than the one that is known.
    pub renamed: bool,
}

/// A series that a selector means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The series.
    pub id: SeriesId,
    /// Whose.
    pub device_id: DeviceId,
    /// Its column.
    pub column: Column,
    /// What is measured.
    pub metric: Metric,
}

/// The series that a selector means, or a page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// By id, that is in the order they were registered.
    pub series: Vec<Selection>,
    /// How many the selector means in all, whatever the page.
    pub matched: usize,
    /// There are more behind the last one.
    pub more: bool,
}

/// The samples of one poll of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Whose.
    pub device_id: DeviceId,
    /// When they were true.
    pub at: Timestamp,
    /// Each series' value. Of one column given twice the later holds; a value that is not finite
    /// is left out and counted.
    pub values: Vec<(Column, Value)>,
}

/// Sample points of one series, ascending in time, each time once.
pub type Points = Vec<(Timestamp, Value)>;

/// What opening the store found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesRecovery {
    /// Log segments read.
    pub segments: u64,
    /// Frames read from them.
    pub frames: u64,
    /// Samples found in the log; they are brought back behind the start.
    pub samples: u64,
    /// Samples of the log whose series no longer exists.
    pub orphaned: u64,
    /// What was torn or damaged, each named; the rest was used.
    pub damage: Vec<String>,
}

/// The time series. Cheap to clone; the last clone dropped closes it.
#[derive(Clone)]
pub struct SeriesStore(Arc<Inner>);

struct Inner {
    parts: Arc<Parts>,
    threads: Threads,
    /// How old what is appended may be.
    late_max: Duration,
}

impl SeriesStore {
    /// Opens the series kept in the folder `dir`, which is made where it is missing. Blocks while it
    /// goes over the registry and the log; what the log holds is brought back behind that, a device
    /// that is read or appended to first ([`SeriesStats::devices_waiting`]).
    pub fn open(
        dir: &Path,
        options: SeriesOptions,
        clock: Clock,
    ) -> Result<(Self, SeriesRecovery), OpenSeriesError> {
        Self::open_on(dir, options, clock, Arc::new(RealDisk))
    }

    /// As [`SeriesStore::open`], on another disk than the real one: tests put one here on which
    /// something goes wrong. SQLite's files are on the real one all the same.
    pub fn open_on(
        dir: &Path,
        options: SeriesOptions,
        clock: Clock,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, SeriesRecovery), OpenSeriesError> {
        let (log_folder, damaged) = (dir.join("log"), dir.join("damaged"));
        for folder in [dir, &log_folder, &damaged] {
            fs::create_dir_all(folder).map_err(recovery::failed("create", folder))?;
        }
        let mut told = SeriesRecovery::default();
        let counters = Arc::new(Counters::default());
        let path = dir.join("series.sqlite");
        let (table, loaded) =
            Table::open(&path).map_err(|source| OpenSeriesError::Registry { path, source })?;
        counters.defect("damaged_series", loaded.damage.len() as u64);
        told.damage.extend(loaded.damage);
        let index: registry::Shared = Arc::new(loaded.index.into());
        let packs = PackFolder::open(Arc::clone(&disk), &dir.join("packs"))?;
        let damage = packs.damage();
        counters.defect("damaged_blocks_found", damage.len() as u64);
        told.damage.extend(damage.iter().map(ToString::to_string));
        let blocks = SqliteBlocks::open(&dir.join("blocks"))?;
        for device_id in loaded.unclean {
            blocks.delete_device(device_id)?;
        }
        let (head, segments) = (Arc::new(Head::default()), Segments::new(&log_folder));
        let tombstones = Arc::new(Tombstones::new(loaded.tombstones, loaded.next_tombstone));
        if let Some(greatest) = tombstones.greatest_generation() {
            // They may have been given to nothing that is there.
            packs.raise_generation(greatest.saturating_add(1));
        }
        let (frames, next) = recovery::scan(&segments, &damaged, &index, &counters, &mut told)?;
        // Where no segment is left, numbers begin anew, but not with one that a tombstone hides.
        let next = next.max(tombstones.greatest_cut());
        let segments = Arc::new(segments);
        let lazy = Lazy::new(
            frames,
            Arc::clone(&segments),
            Arc::clone(&index),
            (Arc::clone(&head), Arc::clone(&tombstones)),
            Arc::clone(&counters),
        );
        let log = (segments, lazy);
        let parts = Arc::new(Parts::new(
            index,
            head,
            (packs, blocks),
            log,
            tombstones,
            counters,
            clock,
        ));
        let threads = Threads::start(&parts, table, &options, disk, next);
        let late_max = options.late_max;
        let inner = Inner {
            parts,
            threads,
            late_max,
        };
        Ok((Self(Arc::new(inner)), told))
    }

    /// The series of a device with these metrics and labels, in that order; those not yet known are
    /// registered, durably before this returns. The label `interface` of a series with an
    /// `interface_id` is for people: another name is taken over and the series stays the same.
    pub async fn resolve(
        &self,
        device_id: DeviceId,
        keys: Vec<(Metric, Labels)>,
    ) -> Result<Vec<Resolved>, SeriesError> {
        let known = with(&self.0.parts.index, |index| index.lookup(device_id, &keys));
        if let Some(known) = known {
            return Ok(known);
        }
        self.ask(|reply| registry::Request::Resolve {
            device_id,
            keys,
            reply,
        })
        .await
    }

    /// The series of each of these keys, where it is known; [`SeriesStore::resolve`] makes the others
    /// so, and takes over other names for people. Never waits.
    pub fn known(&self, device_id: DeviceId, keys: &[(Metric, Labels)]) -> Vec<Option<Known>> {
        with(&self.0.parts.index, |index| {
            index.known(device_id, keys).collect()
        })
    }

    /// The series that a selector means, by id: at most `limit` of those above `after`, which is the
    /// id of the last of the page before. Ids of series that were deleted meanwhile do as well. All
    /// that may be meant are looked at for each page: some milliseconds for a hundred thousand, so
    /// call it where blocking is allowed.
    pub fn select(
        &self,
        selector: &Selector,
        attached: &Attached,
        after: Option<SeriesId>,
        limit: usize,
    ) -> Selected {
        let selected = self.select_until(selector, attached, (after, limit), None);
        selected.unwrap_or_default()
    }

    /// As [`SeriesStore::select`], of a page `(after, limit)`; `None` where it is not done by the time
    /// `until`. Nothing waits for it meanwhile, however slow an expression is.
    pub fn select_until(
        &self,
        selector: &Selector,
        attached: &Attached,
        page: (Option<SeriesId>, usize),
        until: Option<Instant>,
    ) -> Option<Selected> {
        registry::select::select(&self.0.parts.index, selector, attached, page, until)
    }

    /// How many series there are, and of what; of devices the `top` largest. Looks at each series:
    /// call it where blocking is allowed.
    pub fn cardinality(&self, top: usize) -> Cardinality {
        with(&self.0.parts.index, |index| index.cardinality(top))
    }

    /// Whether a device would have had more than [`SERIES_PER_DEVICE_MAX`] series since the start.
    pub fn bound_hit(&self, device_id: DeviceId) -> Option<BoundHit> {
        with(&self.0.parts.index, |index| index.bound_hit(device_id))
    }

    /// Asks the registry's thread and waits for its commit.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, SeriesError>>) -> registry::Request,
    ) -> Result<T, SeriesError> {
        let (reply, answer) = oneshot::channel();
        let registry = self.0.threads.registry().ok_or(SeriesError::Closed)?;
        let sent = registry.send(request(reply)).await;
        sent.map_err(|_| SeriesError::Closed)?;
        answer.await.map_err(|_| SeriesError::Closed)?
    }

    /// The series of that id; none also where its metric is one that this version does not know.
    pub fn series(&self, id: SeriesId) -> Option<Series> {
        with(&self.0.parts.index, |index| index.series(id))
    }

    /// The series of a device, in the order they were registered.
    pub fn series_of(&self, device_id: DeviceId) -> Vec<Series> {
        with(&self.0.parts.index, |index| index.series_of(device_id))
    }

    /// The series of a device that measure something, without looking at its others.
    pub fn series_named(&self, device_id: DeviceId, metric: Metric) -> Vec<Series> {
        with(&self.0.parts.index, |index| {
            index.series_named(device_id, metric)
        })
    }

    /// The samples of a series in `[from, to)`, ascending, each time once, with those of archived days.
    /// Reads files: call it where blocking is allowed. All of the range comes into memory: bound it
    /// first. [`SeriesError::ArchiveMissing`] where some of them cannot be had.
    pub fn read(
        &self,
        id: SeriesId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Points, SeriesError> {
        let (device_id, column) = self.place(id)?;
        let mut fetch = Fetch::default();
        let (parts, range) = (&self.0.parts, (from, to));
        let read = read::read_fetching(parts, device_id, &[column], range, &mut fetch)?.pop();
        fetch.whole()?;
        Ok(read.unwrap_or_default())
    }

    /// The samples of several series of one device in `[from, to)`, in the order asked for, each as
    /// [`SeriesStore::read`] answers it: what is on disk of the device is read once. One that is not
    /// there has none.
    pub fn read_many(
        &self,
        device_id: DeviceId,
        ids: &[SeriesId],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Points>, SeriesError> {
        let places: Vec<Option<Column>> = with(&self.0.parts.index, |index| {
            let place = |id: &SeriesId| index.place_of(*id).filter(|(of, _)| *of == device_id);
            ids.iter().map(|id| Some(place(id)?.1)).collect()
        });
        let columns: Vec<Column> = places.iter().flatten().copied().collect();
        let (parts, mut fetch) = (&self.0.parts, Fetch::default());
        let read = read::read_fetching(parts, device_id, &columns, (from, to), &mut fetch)?;
        fetch.whole()?;
        let mut read = read.into_iter();
        let points = |place: &Option<Column>| match place {
            Some(_) => read.next().unwrap_or_default(),
            None => Points::new(),
        };
        Ok(places.iter().map(points).collect())
    }

    /// Series of one device by steps of time, in the order asked for, of roll-ups where those answer as
    /// the samples would. One that is not there has no values. Reads files: call it where blocking is
    /// allowed. No more than the first [`BUCKETS_MAX`] steps are answered.
    pub fn steps(
        &self,
        device_id: DeviceId,
        ids: &[SeriesId],
        ask: &Ask,
    ) -> Result<Vec<Stepped>, SeriesError> {
        let places: Vec<_> = with(&self.0.parts.index, |index| {
            let place = |id: &SeriesId| index.kind_of(*id).filter(|(of, _, _)| *of == device_id);
            let places = ids.iter().map(place);
            places
                .map(|place| place.map(|(_, column, kind)| (column, kind)))
                .collect()
        });
        let columns: Vec<_> = places.iter().flatten().copied().collect();
        let mut all = rollup::Budget::new(u64::MAX, Fetch::until(ask.until));
        let read = rollup::steps::steps(&self.0.parts, device_id, &columns, ask, &mut all)?;
        let mut read = read.into_iter();
        let stepped = |place: &Option<_>| place.as_ref().and_then(|_| read.next());
        let all = places.iter().map(stepped);
        Ok(all
            .map(|one| one.unwrap_or_else(|| rollup::steps::nothing(ask)))
            .collect())
    }

    /// The last `n` samples of a series, ascending, of the last [`LATEST_BACK_MAX`]. Reads files:
    /// call it where blocking is allowed.
    pub fn latest(&self, id: SeriesId, n: usize) -> Result<Points, SeriesError> {
        let (device_id, column) = self.place(id)?;
        read::latest(&self.0.parts, device_id, column, n)
    }

    /// The last `n` samples since a time of each of several series of a device, in the order of
    /// `columns`: none of those that it does not have. May read files: call it where blocking is
    /// allowed. Cheaper by far than asking for each series.
    pub fn latest_together(
        &self,
        device_id: DeviceId,
        columns: &[Column],
        n: usize,
        since: Timestamp,
    ) -> Result<Vec<Points>, SeriesError> {
        read::latest_together(&self.0.parts, device_id, columns, n, since)
    }

    /// The columns of a device's series that measure something, with their interfaces.
    pub fn columns_named(
        &self,
        device_id: DeviceId,
        metric: Metric,
    ) -> Vec<(Option<InterfaceId>, Column)> {
        with(&self.0.parts.index, |index| {
            index.columns_named(device_id, metric)
        })
    }

    /// How many series a device has.
    pub fn count_of(&self, device_id: DeviceId) -> usize {
        with(&self.0.parts.index, |index| index.count_of(device_id))
    }

    /// How many series measure something.
    pub fn count_of_metric(&self, metric: Metric) -> usize {
        with(&self.0.parts.index, |index| index.count_of_metric(metric))
    }

    /// Whether columns, which ascend, are those of all series of a device.
    pub(crate) fn are_all_of(&self, device_id: DeviceId, columns: &[Column]) -> bool {
        with(&self.0.parts.index, |index| {
            columns.len() == index.count_of(device_id)
                && index
                    .first_unknown(device_id, columns.iter().copied())
                    .is_none()
        })
    }

    fn place(&self, id: SeriesId) -> Result<(DeviceId, Column), SeriesError> {
        with(&self.0.parts.index, |index| index.place_of(id)).ok_or(SeriesError::NotFound { id })
    }

    /// Deletes all series of a device and their samples. Ids and columns are not used again. A
    /// crash in between leaves samples that nobody sees and that the next start removes.
    pub async fn delete_device(&self, device_id: DeviceId) -> Result<(), SeriesError> {
        self.ask(|reply| registry::Request::Delete { device_id, reply })
            .await?;
        let parts = Arc::clone(&self.0.parts);
        let deleted = tokio::task::spawn_blocking(move || {
            let _alone = parts.move_blocks();
            parts.lazy.forget(device_id);
            parts.head.remove(device_id);
            parts.blocks.delete_device(device_id)
        });
        deleted.await.map_err(|_| SeriesError::Closed)??;
        self.ask(|reply| registry::Request::Cleaned { device_id, reply })
            .await?;
        // Nothing is left that they hide.
        let ids = self.0.parts.tombstones.ids_of(device_id);
        if ids.is_empty() {
            return Ok(());
        }
        let gone = ids.clone();
        self.ask(|reply| registry::Request::Forget { ids, reply })
            .await?;
        self.0.parts.tombstones.forget(&gone);
        Ok(())
    }

    /// Seals and merges what is due by the clock. Done by itself every
    /// [`SeriesOptions::maintain_every`].
    pub async fn maintain(&self) -> Result<Maintained, SeriesError> {
        let parts = Arc::clone(&self.0.parts);
        let queues = self.0.threads.queues().ok_or(SeriesError::Closed)?;
        let done = tokio::task::spawn_blocking(move || {
            let now = parts.clock.now();
            seal::maintain(&parts, &queues, now)
        });
        done.await.map_err(|_| SeriesError::Closed)?
    }

    /// Counters and queue depths, for `/metrics`.
    pub fn stats(&self) -> SeriesStats {
        let parts = &self.0.parts;
        let (head_rows, head_values) = parts.head.size();
        let (max, free) = self
            .0
            .threads
            .log()
            .map_or((0, 0), |log| (log.max_capacity(), log.capacity()));
        SeriesStats {
            series: with(&parts.index, registry::index::Index::len) as u64,
            log_segments: parts.segments.count() as u64,
            head_rows: head_rows as u64,
            head_values: head_values as u64,
            devices_waiting: parts.lazy.left() as u64,
            queue_depth: (max - free) as u64,
            queue_max: max as u64,
            tombstones: parts.tombstones.len() as u64,
            tombstone_oldest_secs: parts.tombstones.oldest(parts.clock.now()).as_secs(),
            pack_bytes: parts.packs.list().iter().map(|meta| meta.bytes).sum(),
            ..parts.counters.snapshot()
        }
    }

    /// Why samples are refused, where the log cannot be written; the next that is taken ends it.
    pub fn log_failing(&self) -> Option<LogFailing> {
        self.0.parts.counters.log_failing()
    }

    /// Syncs what waits, stops the threads and waits for them. Later appends are refused; reading
    /// goes on.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        // Joining blocks; what this fails with is a panic of a thread, which was printed.
        let _ = tokio::task::spawn_blocking(move || inner.threads.stop_timer()).await;
        if let (Some(log), Some(registry)) = (self.0.threads.log(), self.0.threads.registry()) {
            let _ = log.send(writer::Request::Close).await;
            let _ = registry.send(registry::Request::Close).await;
        }
        let inner = Arc::clone(&self.0);
        let _ = tokio::task::spawn_blocking(move || inner.threads.join()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Clock, Labels};
    use std::sync::atomic::{AtomicI64, Ordering};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_does_not_fit_a_block_stays_in_the_head_and_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(0));
        let clock = {
            let now = Arc::clone(&now);
            Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)))
        };
        let options = SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            ..SeriesOptions::default()
        };
        let (store, _) = SeriesStore::open(folder.path(), options, clock).unwrap();
        let device_id = DeviceId::new();
        let keys = vec![(Metric::ICMP_RTT, Labels::default())];
        let column = store.resolve(device_id, keys).await.unwrap()[0].column;
        let batch = |at| Batch {
            device_id,
            at: Timestamp::from_unix_ms(at),
            values: vec![(column, Value::U64(1))],
        };
        store.append(batch(0)).await.unwrap();
        // More than the bound of the log's thread lets in.
        let rows = i64::try_from(crate::blocks::codec::ROWS_MAX).unwrap() + 1;
        for at in 1..rows {
            store.0.parts.head.add(&batch(at));
        }
        now.store(2 * 3_600_000, Ordering::SeqCst);
        assert_eq!(store.maintain().await.unwrap(), Maintained::default());
        let stats = store.stats();
        assert_eq!(stats.head_rows, rows.unsigned_abs());
        assert_eq!(stats.defects.get("not_encoded"), Some(&1));
        assert!(store.0.parts.segments.count() >= 1);
    }
}
