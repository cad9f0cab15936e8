//! Deleting ranges of series, and letting go of what hides them.
//!
//! - All that the log held at the start is in the head. Then the log stands still, its segment is closed.
//! - The tombstones are durable, in one commit, with a generation that no pack has and with that cut of
//!   the log: from here on it is deleted, whatever happens.
//! - What the head has of it is taken out, and the log goes on. So what is appended afterwards is behind
//!   the cut and in none of what is hidden, and a crash brings back just that.
//! - Patches are written again without it, in this call or before the next pass seals anything: until then
//!   no patch is newer than the tombstone, which hides in all of them.
//!
//! Packs are written again without it as they are merged, and whole days one each quarter of an hour
//! ([`due`]). Where nothing is left that a tombstone hides, it goes ([`forget`]).

use super::log::writer::{self, Still};
use super::parts::Parts;
use super::recovery::lazy::NotReplayed;
use super::registry::{self, with};
use super::rollup::{Grain, is_count, series_of};
use super::tombstones::{TOMBSTONES_MAX, Tombstone};
use super::{Column, SeriesError};
use crate::blocks::codec::{decode, encode};
use crate::blocks::{BlockKey, Level};
use crate::pack::{Kind, Pack, PackId};
use model::{DeviceId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// Patches that are written again together: some megabytes, as readers of their day wait.
const CHUNK: usize = 64;

/// How often a day is written again for nothing but what is hidden in it: 96 a day, which is a
/// month's samples, and some percent of a core where a day is a minute's work.
const BURY_INTERVAL: Duration = Duration::from_mins(15);

/// Queues to the threads that deleting asks.
#[derive(Clone)]
pub(super) struct Queues {
    pub(super) log: mpsc::Sender<writer::Request>,
    pub(super) registry: mpsc::Sender<registry::Request>,
}

/// Series of a device that something is deleted of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grave {
    /// Whose.
    pub device_id: DeviceId,
    /// Which columns; none: all of them.
    pub columns: Option<Vec<Column>>,
}

/// Deletes `[from, to)` of series: all of it or, where this fails, none. Blocks.
pub(super) fn bury(
    parts: &Parts,
    queues: &Queues,
    graves: Vec<Grave>,
    (from, to): (Timestamp, Timestamp),
) -> Result<(), SeriesError> {
    if graves.is_empty() || from >= to {
        return Ok(());
    }
    let _one_at_a_time = parts.passes.lock().unwrap_or_else(PoisonError::into_inner);
    replayed(parts)?;
    let there = parts.tombstones.len();
    if there.saturating_add(graves.len()) > TOMBSTONES_MAX {
        return Err(SeriesError::TooManyDeleted {
            asked: graves.len(),
            there,
            max: TOMBSTONES_MAX,
        });
    }
    let generation = parts.packs.give_generation();
    let still = still(&queues.log)?;
    let stones = graves.into_iter().map(|grave| Tombstone {
        id: parts.tombstones.give_id(),
        device_id: grave.device_id,
        columns: grave.columns.map(|mut columns| {
            columns.sort_unstable();
            columns.dedup();
            columns
        }),
        from_ms: from.unix_ms(),
        to_ms: to.unix_ms(),
        generation,
        cut: still.cut,
        patched: false,
    });
    let stones: Vec<Tombstone> = stones.collect();
    ask(&queues.registry, |reply| registry::Request::Bury {
        stones: stones.clone(),
        reply,
    })?;
    // Files first: who reads the head without it must not find it there.
    parts.tombstones.add(stones.clone());
    for stone in &stones {
        parts.head.leave_out(stone);
    }
    drop(still);
    if let Err(error) = write_patches(parts, &queues.registry) {
        warn!(error = %error, cause = ?error, "patches are written again later without what was deleted");
    }
    Ok(())
}

/// Sees to it that the head has all that the log held at the start.
pub(super) fn replayed(parts: &Parts) -> Result<(), SeriesError> {
    parts.lazy.finish().map_err(|error| match error {
        NotReplayed::Stopped => SeriesError::Closed,
        NotReplayed::Unread(error) => SeriesError::Log(Arc::new(error)),
    })
}

fn still(log: &mpsc::Sender<writer::Request>) -> Result<Still, SeriesError> {
    let (reply, still) = oneshot::channel();
    let asked = log.blocking_send(writer::Request::Still { reply });
    asked.map_err(|_| SeriesError::Closed)?;
    still.blocking_recv().map_err(|_| SeriesError::Closed)
}

fn ask(
    registry: &mpsc::Sender<registry::Request>,
    request: impl FnOnce(oneshot::Sender<Result<(), SeriesError>>) -> registry::Request,
) -> Result<(), SeriesError> {
    let (reply, answer) = oneshot::channel();
    let sent = registry.blocking_send(request(reply));
    sent.map_err(|_| SeriesError::Closed)?;
    answer.blocking_recv().map_err(|_| SeriesError::Closed)?
}

/// Writes patches again, and what the first version sealed, without what is deleted of them. Under the
/// lock of passes; nothing is sealed before it is done.
pub(super) fn write_patches(
    parts: &Parts,
    registry: &mpsc::Sender<registry::Request>,
) -> Result<(), SeriesError> {
    let all = parts.tombstones.all().into_iter();
    let waiting: Vec<Arc<Tombstone>> = all.filter(|stone| !stone.patched).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let mut ranges: BTreeMap<(i64, i64), BTreeSet<DeviceId>> = BTreeMap::new();
    for stone in &waiting {
        let of = ranges.entry((stone.from_ms, stone.to_ms)).or_default();
        of.insert(stone.device_id);
    }
    for ((from, to), devices) in ranges {
        let (from, to) = (Timestamp::from_unix_ms(from), Timestamp::from_unix_ms(to));
        let keys = parts.blocks.keys(from, to)?.into_iter();
        let keys: Vec<BlockKey> = keys
            .filter(|key| devices.contains(&key.device_id))
            .collect();
        for chunk in keys.chunks(CHUNK) {
            write_chunk(parts, chunk)?;
        }
        if !parts.blocks.is_sound(from, to) {
            // What is saved of it has all of it again.
            return Err(SeriesError::Unsound { start: from });
        }
    }
    let ids: Vec<i64> = waiting.iter().map(|stone| stone.id).collect();
    ask(registry, |reply| registry::Request::Patched {
        ids: ids.clone(),
        reply,
    })?;
    parts.tombstones.patched(&ids);
    Ok(())
}

fn write_chunk(parts: &Parts, keys: &[BlockKey]) -> Result<(), SeriesError> {
    // For a chunk alone, so that deleting a device need not wait for all.
    let _alone = parts.move_blocks();
    let (mut put, mut remove) = (Vec::new(), Vec::new());
    for key in keys {
        let range = (key.start, key.end());
        let hidden = parts.tombstones.of_patches(key.device_id, range);
        let (Some(hidden), Some(bytes)) = (hidden, parts.blocks.get(key)?) else {
            continue;
        };
        let block = match decode(&bytes) {
            Ok(block) => block,
            Err(error) => {
                parts.set_aside(key, &error.to_string());
                continue;
            }
        };
        let left = block.without(|column, at_ms| hidden.has(column, at_ms));
        if left.is_empty() {
            remove.push(*key);
        } else if left.values() < block.values() {
            match encode(&left) {
                Ok(bytes) => put.push((*key, bytes)),
                // It has less than what was decoded.
                Err(error) => warn!(device.id = %key.device_id, %error, "a patch stays as it is"),
            }
        }
    }
    parts.blocks.write(&put, &remove)?;
    Ok(())
}

/// The day that is next to be written again for what is hidden in its pack, that of the oldest tombstone
/// first.
pub(super) fn due(
    parts: &Parts,
    now: Timestamp,
    is_over: impl Fn(Timestamp) -> bool,
) -> Option<Timestamp> {
    if parts.tombstones.len() == 0 || !parts.buries(now, BURY_INTERVAL) {
        return None;
    }
    let list = parts.packs.list();
    let of_days = list.iter().map(|meta| meta.id);
    let of_days: Vec<PackId> = of_days
        .filter(|id| id.kind == Kind::Samples && id.level == Level::Day && is_over(id.start))
        .filter(|id| parts.is_in_turn(Level::Day, id.start, now))
        .collect();
    let stones = parts.tombstones.all();
    let hidden = stones.iter().find_map(|stone| {
        let mut packs = of_days.iter().filter(|id| hides(stone, id));
        // Also where none of its samples is in the range: its roll-ups are of whole buckets.
        let has_device = |pack: Arc<Pack>| pack.find(stone.device_id).is_some();
        packs.find(|id| parts.packs.pack(id).map_or(true, has_device))
    });
    hidden.map(|id| id.start)
}

/// Whether something of a pack may be hidden, by what it is.
pub(super) fn hides(stone: &Tombstone, id: &PackId) -> bool {
    id.generation < stone.generation && stone.meets(id.start, id.end())
}

/// Whether a pack may have something in the range of a tombstone: of its device a row, of roll-ups a bucket.
/// One that cannot be read may.
pub(super) fn may_have(parts: &Parts, id: &PackId, stone: &Tombstone) -> bool {
    let pack = parts.packs.pack(id);
    pack.map_or(true, |pack| has(parts, &pack, stone))
}

/// The same of a pack that is open.
pub(super) fn has(parts: &Parts, pack: &Pack, stone: &Tombstone) -> bool {
    let Some(entry) = pack.find(stone.device_id) else {
        return false;
    };
    let Ok(head) = pack.head(&entry) else {
        return true;
    };
    let step_ms = match pack.meta().id.kind {
        Kind::Samples => 1,
        Kind::FiveMinutes => Grain::FiveMinutes.step_ms(),
        Kind::Hours => Grain::Hours.step_ms(),
    };
    // A bucket that begins before the range may end in it.
    let first = stone.from_ms.saturating_sub(step_ms.saturating_sub(1));
    let times = head.times();
    let next = times.partition_point(|at| *at < first);
    let is_met = times.get(next).is_some_and(|at| *at < stone.to_ms);
    if !is_met || pack.meta().id.kind == Kind::Samples {
        return is_met;
    }
    // Roll-ups have a row for every bucket of a day: those that are not empty count, of series that are
    // somebody's. What an earlier device of that id had is read by nobody, and hidden by nothing.
    let counts: Vec<Column> = with(&parts.index, |index| {
        let is_of =
            |series: Column| stone.has(series) && !index.is_deleted_column(stone.device_id, series);
        let counts = head.columns();
        counts
            .filter(|column| is_count(*column) && is_of(series_of(*column)))
            .collect()
    });
    let (from, to) = (
        Timestamp::from_unix_ms(first),
        Timestamp::from_unix_ms(stone.to_ms),
    );
    let mut any = false;
    let damage = pack.read_with(&head, &entry, &counts, from, to, |_, slice| {
        any |= slice.points().any(|(_, count)| count != Value::U64(0));
    });
    any || !damage.is_empty()
}

/// Lets go of tombstones that hide nothing any more: no pack of samples or roll-ups from before has
/// their device, no segment of the log from before is left, and no archived day is from before.
pub(super) fn forget(
    parts: &Parts,
    registry: &mpsc::Sender<registry::Request>,
) -> Result<(), SeriesError> {
    let first_segment = parts.segments.first();
    let is_cold = |stone: &Tombstone| {
        let (from, to) = (
            Timestamp::from_unix_ms(stone.from_ms),
            Timestamp::from_unix_ms(stone.to_ms),
        );
        let days = parts.cold.get().map(|cold| cold.meets(from, to));
        let mut days = days.into_iter().flatten();
        let mut shut = parts.shut.get().into_iter().flatten();
        days.any(|day| day.generation < stone.generation)
            || shut.any(|(day, revision)| {
                *revision < stone.generation && stone.meets(*day, Level::Day.end(*day))
            })
    };
    let list = parts.packs.list();
    let is_listed = |id: &PackId| list.binary_search_by_key(id, |meta| meta.id).is_ok();
    let stones = parts.tombstones.all().into_iter();
    let stones = stones
        .filter(|stone| stone.patched && first_segment.is_none_or(|first| first >= stone.cut))
        .filter(|stone| !is_cold(stone) && !parts.may_be_unlisted(stone.generation));
    let mut ids = Vec::new();
    for stone in stones {
        // Mostly what was found the last time is still there.
        let known = parts.tombstones.witness(stone.id);
        if known.as_ref().is_some_and(is_listed) {
            continue;
        }
        let mut of = list.iter().map(|meta| &meta.id);
        let found = of.find(|id| hides(&stone, id) && may_have(parts, id, &stone));
        match found {
            Some(id) => parts.tombstones.saw(stone.id, *id),
            None => ids.push(stone.id),
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    ask(registry, |reply| registry::Request::Forget {
        ids: ids.clone(),
        reply,
    })?;
    parts.tombstones.forget(&ids);
    Ok(())
}

#[cfg(test)]
#[path = "bury_tests.rs"]
mod tests;
