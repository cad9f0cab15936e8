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
use super::tombstones::{TOMBSTONES_ALL_MAX, TOMBSTONES_MAX, Tombstone};
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
    if parts.tombstones.len_here().saturating_add(graves.len()) > TOMBSTONES_MAX {
        // Just after a start it is not known yet of which of them only the archive has something.
        forget(parts, &queues.registry)?;
    }
    let graves: Vec<(Grave, Before)> = (graves.into_iter())
        .map(|grave| Before::of(parts, grave, (from, to)))
        .collect();
    may_bury(parts, &graves)?;
    let generation = parts.packs.give_generation();
    let still = still(&queues.log)?;
    let stones = graves.iter().map(|(grave, before)| Tombstone {
        id: parts.tombstones.give_id(),
        device_id: grave.device_id,
        columns: grave.columns.clone(),
        from_ms: from.unix_ms(),
        to_ms: to.unix_ms(),
        generation,
        cut: still.cut,
        patched: false,
        made_at: before.made_at.or_else(|| Some(parts.clock.now())),
    });
    let stones: Vec<Tombstone> = stones.collect();
    let written = ask(&queues.registry, |reply| registry::Request::Bury {
        stones: stones.clone(),
        reply,
    });
    if let Err(error) = written {
        // Nor after the next start, where they were written all the same.
        let ids = stones.iter().map(|stone| stone.id).collect();
        let _ = ask(&queues.registry, |reply| registry::Request::Forget {
            ids,
            reply,
        });
        return Err(error);
    }
    // Files first: who reads the head without it must not find it there.
    parts.tombstones.add(stones.clone());
    for stone in &stones {
        parts.head.leave_out(stone);
    }
    drop(still);
    if let Err(error) = write_patches(parts, &queues.registry) {
        warn!(error = %error, cause = ?error, "patches are written again later without what was deleted");
    }
    let before: Vec<i64> = graves
        .into_iter()
        .flat_map(|(_, before)| before.ids)
        .collect();
    if let Err(error) = let_go(parts, &queues.registry, &before) {
        warn!(error = %error, "ranges that were deleted once more are still remembered twice");
    }
    Ok(())
}

/// Tombstones that one made now takes the place of, as where the same range is deleted once more.
struct Before {
    ids: Vec<i64>,
    /// How many of them have something left here.
    here: usize,
    /// When the oldest of those was written down.
    made_at: Option<Timestamp>,
}

impl Before {
    /// Those of a grave, of which the columns then ascend strictly.
    fn of(parts: &Parts, mut grave: Grave, range: (Timestamp, Timestamp)) -> (Grave, Self) {
        if let Some(columns) = &mut grave.columns {
            columns.sort_unstable();
            columns.dedup();
        }
        let all = &parts.tombstones;
        let within = all.within(grave.device_id, grave.columns.as_deref(), range);
        let is_here = |stone: &&Arc<Tombstone>| !all.is_of_archive(stone.id);
        let before = Self {
            ids: within.iter().map(|stone| stone.id).collect(),
            here: within.iter().filter(is_here).count(),
            made_at: (within.iter().filter(is_here))
                .filter_map(|stone| stone.made_at)
                .min(),
        };
        (grave, before)
    }
}

/// Whether so many more may be remembered.
fn may_bury(parts: &Parts, graves: &[(Grave, Before)]) -> Result<(), SeriesError> {
    let (mut ids, mut here) = (0, 0);
    for (_, before) in graves {
        ids += before.ids.len();
        here += before.here;
    }
    let stones = &parts.tombstones;
    for (there, goes, max) in [
        (stones.len_here(), here, TOMBSTONES_MAX),
        (stones.len(), ids, TOMBSTONES_ALL_MAX),
    ] {
        if there.saturating_sub(goes).saturating_add(graves.len()) > max {
            return Err(SeriesError::TooManyDeleted {
                asked: graves.len(),
                there,
                max,
            });
        }
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
/// first; then one for what is hidden in its roll-ups alone.
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
    let of_samples = hidden.map(|id| id.start);
    of_samples.or_else(|| {
        let is_due = |day| is_over(day) && parts.is_in_turn(Level::Day, day, now);
        let mut days = stones.iter();
        days.find_map(|stone| due_of_rolls(parts, stone, is_due))
    })
}

/// A day whose roll-ups have something of a tombstone, and are the newest of their kind: as where its
/// samples are gone by age.
fn due_of_rolls(
    parts: &Parts,
    stone: &Tombstone,
    is_due: impl Fn(Timestamp) -> bool,
) -> Option<Timestamp> {
    // What was found when it was last asked what the tombstone waits for.
    let id = parts.tombstones.witness(stone.id)?;
    if id.kind == Kind::Samples || !hides(stone, &id) {
        return None;
    }
    let pack = parts.packs.pack(&id).ok()?;
    let list = parts.packs.list();
    let is_anew = |day: Timestamp| {
        let of = list.iter().map(|meta| &meta.id);
        let mut later = of.filter(|of| {
            let is_of = of.kind == id.kind && of.start <= day && day < of.end();
            is_of && of.generation > stone.generation
        });
        let has_it = |pack: Arc<Pack>| has_day(&pack, stone.device_id, day);
        later.any(|id| parts.packs.pack(id).is_ok_and(has_it))
    };
    let mut day = Level::Day.start(id.start.max(Timestamp::from_unix_ms(stone.from_ms)));
    let end = id.end().min(Timestamp::from_unix_ms(stone.to_ms));
    while day < end {
        let next = Level::Day.end(day);
        if is_due(day) && has_in(parts, &pack, stone, (day, next)) && !is_anew(day) {
            return Some(day);
        }
        day = next;
    }
    None
}

/// Whether a pack has anything to say of a day of a device.
pub(super) fn has_day(pack: &Pack, device_id: DeviceId, day: Timestamp) -> bool {
    let Some(entry) = pack.find(device_id) else {
        return false;
    };
    let (from, to) = (day.unix_ms(), Level::Day.end(day).unix_ms());
    pack.head(&entry).is_ok_and(|head| {
        let next = head.times().partition_point(|at| *at < from);
        head.times().get(next).is_some_and(|at| *at < to)
    })
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
    let id = &pack.meta().id;
    has_in(parts, pack, stone, (id.start, id.end()))
}

/// The same of a part of its range; of roll-ups of whole buckets.
pub(super) fn has_in(
    parts: &Parts,
    pack: &Pack,
    stone: &Tombstone,
    (from, to): (Timestamp, Timestamp),
) -> bool {
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
    let (first, end) = (first.max(from.unix_ms()), stone.to_ms.min(to.unix_ms()));
    let times = head.times();
    let next = times.partition_point(|at| *at < first);
    let is_met = times.get(next).is_some_and(|at| *at < end);
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
    let (from, to) = (Timestamp::from_unix_ms(first), Timestamp::from_unix_ms(end));
    let mut any = false;
    let damage = pack.read_with(&head, &entry, &counts, from, to, |_, slice| {
        any |= slice.points().any(|(_, count)| count != Value::U64(0));
    });
    any || !damage.is_empty()
}

/// Lets go of tombstones that hide nothing any more: no pack of samples or roll-ups from before has
/// their device, no segment of the log from before is left, and no archived day is from before. None goes
/// while it is not known which days are archived.
pub(super) fn forget(
    parts: &Parts,
    registry: &mpsc::Sender<registry::Request>,
) -> Result<(), SeriesError> {
    let first_segment = parts.segments.first();
    let list = parts.packs.list();
    let is_listed = |id: &PackId| list.binary_search_by_key(id, |meta| meta.id).is_ok();
    let stones = parts.tombstones.all().into_iter();
    let stones = stones
        .filter(|stone| stone.patched && first_segment.is_none_or(|first| first >= stone.cut))
        .filter(|stone| !parts.may_be_unlisted(stone.generation));
    let (mut ids, mut of_archive) = (Vec::new(), Vec::new());
    for stone in stones {
        if !parts.tombstones.is_of_archive(stone.id) {
            // Mostly what was found the last time is still there.
            let known = parts.tombstones.witness(stone.id);
            if known.as_ref().is_some_and(is_listed) {
                continue;
            }
            let mut of = list.iter().map(|meta| &meta.id);
            let found = of.find(|id| hides(&stone, id) && may_have(parts, id, &stone));
            if let Some(id) = found {
                parts.tombstones.saw(stone.id, *id);
                continue;
            }
        }
        // Nothing is forgotten while it is not known which days are archived. In this order: a revision that
        // cannot be removed makes that unknown before it is archived no more.
        let is_archived = parts.is_archived_before(&stone);
        if is_archived || !parts.cold.get().is_none_or(|cold| cold.is_known()) {
            of_archive.push(stone.id);
        } else {
            ids.push(stone.id);
        }
    }
    parts.tombstones.are_of_archive(of_archive);
    let_go(parts, registry, &ids)
}

/// Forgets tombstones, durably first.
fn let_go(
    parts: &Parts,
    registry: &mpsc::Sender<registry::Request>,
    ids: &[i64],
) -> Result<(), SeriesError> {
    if ids.is_empty() {
        return Ok(());
    }
    ask(registry, |reply| registry::Request::Forget {
        ids: ids.to_vec(),
        reply,
    })?;
    parts.tombstones.forget(ids);
    Ok(())
}

#[cfg(test)]
#[path = "bury_tests.rs"]
mod tests;
