//! From head to packs, and from packs to larger packs.
//!
//! A half-hour is sealed a little after it has ended: the samples of all devices become one pack.
//! Once that is durable, the head lets go of them, and the log of the segments that nothing else
//! needs. What a few devices add to a half-hour that has a pack already is laid over it as a *patch*, a
//! block in the day's SQLite file. The packs of two hours that have ended become one, and those of a day some
//! time after its end ([`merge`]); each takes in the patches of its time. A day's roll-ups are made with
//! its pack, and those of a month that is over are put together ([`months`]).

mod laid;
mod merge;
mod months;
mod rolls;
mod sources;
mod under;

pub(super) use merge::{Keep, end, roll_up_day};
pub(super) use rolls::is_rolled_up;
pub(super) use sources::shown;
pub(super) use under::Under;

use crate::blocks::codec::{decode, encode};
use crate::blocks::{Block, BlockKey, Level};
use crate::pack::{Kind, PackId, PackMeta};
use crate::progress::Progress;
use crate::series::SeriesError;
use crate::series::bury::{self, Queues};
use crate::series::head::View;
use crate::series::log::writer::Request;
use crate::series::parts::Parts;
use crate::series::registry::with;
use crate::series::stats::add;
use model::{DeviceId, Timestamp};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// How long after its end a half-hour is sealed, so that polls under way are in it.
pub const SEAL_DELAY: Duration = Duration::from_mins(1);

/// Devices whose patches are committed together: some megabytes, as readers of that day wait.
const CHUNK: usize = 64;

/// Devices that may be late with a half-hour and become patches; more become a pack of their own.
const PATCHES_MAX: usize = 64;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Half-hours of devices sealed, those that were laid over a pack too.
    pub sealed: u64,
    /// Half-hours and two hours of devices merged.
    pub merged: u64,
    /// Days of devices merged.
    pub days: u64,
    /// Days of devices rolled up that had been merged before.
    pub rolled: u64,
    /// Months of roll-ups of devices put together.
    pub months: u64,
    /// Log segments deleted.
    pub segments: u64,
}

/// Seals and merges what is due.
pub(super) fn maintain(
    parts: &Parts,
    queues: &Queues,
    now: Timestamp,
) -> Result<Maintained, SeriesError> {
    let _one_at_a_time = parts.passes.lock().unwrap_or_else(PoisonError::into_inner);
    let by = now.minus(SEAL_DELAY);
    // Where a day cannot be mended now, as on a full disk, all else goes on.
    let mended = {
        let _alone = parts.move_blocks();
        parts.blocks.mend()
    };
    // Before anything is sealed; what cannot be written again stays hidden, and no patch is laid over it.
    let buried = bury::write_patches(parts, &queues.registry);
    let mut done = Maintained::default();
    let sealed = seal(parts, &queues.log, by, &mut done);
    let halves = merge::half_hours(parts, now, &mut done);
    let merged = merge::two_hours(parts, by, now, &mut done);
    let days = merge::days(parts, now, &mut done);
    let months = months::merge(parts, now, &mut done);
    let forgotten = bury::forget(parts, &queues.registry);
    parts.note_damage();
    sealed
        .and(halves)
        .and(merged)
        .and(days)
        .and(months)
        .and(forgotten)
        .and(buried)
        .and(mended.map_err(SeriesError::from))
        .map(|()| done)
}

/// Makes one pack of what is sealed of a day, with the patches of its time, and of the columns that are
/// to be kept alone. The order is that of merging: whenever it is broken off, all that stays is there.
pub(super) fn rewrite_day(
    parts: &Parts,
    day: Timestamp,
    keep: &Keep<'_>,
) -> Result<(), SeriesError> {
    let rewritten = merge::merge_kept(parts, Level::Day, day, keep);
    parts.note_damage();
    rewritten.map(|_| ())
}

/// Makes one pack of what the archive has of a day and what is sealed of it here, which lies over it.
pub(super) fn restore_day(
    parts: &Parts,
    day: Timestamp,
    under: &Under<'_>,
    progress: &Progress,
) -> Result<(), SeriesError> {
    let restored = merge::merge_under(parts, day, under, progress);
    parts.note_damage();
    restored.map(|_| ())
}

fn seal(
    parts: &Parts,
    log: &mpsc::Sender<Request>,
    by: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    // What the log still holds from before the start is sealed with the rest.
    bury::replayed(parts)?;
    let starts = parts.head.ended(by);
    let due = window_ended(by);
    let left = parts.segments.starts().into_iter();
    let left: BTreeSet<i64> = left.filter(|start| *start <= due).collect();
    if starts.is_empty() && left.is_empty() && !parts.segments.is_idle() {
        return Ok(());
    }
    // All that is in segments before the cut is in the head already, and so in what is sealed now.
    let (reply, cut) = oneshot::channel();
    let asked = log.blocking_send(Request::Cut { reply });
    let cut = asked
        .ok()
        .and_then(|()| cut.blocking_recv().ok())
        .ok_or(SeriesError::Closed)?;
    // One that fails holds up no other; its samples stay in the head and the log.
    let mut failed = None;
    for start in &starts {
        if let Err(error) = half_hour(parts, *start, done) {
            failed.get_or_insert(error);
        }
    }
    // What the head does not hold any more is sealed, or of devices that were deleted: all of it
    // that is in segments before the cut was in the head.
    let kept = parts.head.ended(by);
    let sealed = left.into_iter().chain(starts);
    let sealed: BTreeSet<i64> = sealed.filter(|start| !kept.contains(start)).collect();
    let gone = parts.segments.sealed(cut, &sealed);
    done.segments += gone.map_err(|error| SeriesError::Log(Arc::new(error)))? as u64;
    failed.map_or(Ok(()), Err)
}

/// The start of the last half-hour that has ended by a time.
fn window_ended(by: Timestamp) -> i64 {
    let begun = by.unix_ms().saturating_sub(Level::HalfHour.span_ms());
    Level::HalfHour
        .start(Timestamp::from_unix_ms(begun))
        .unix_ms()
}

/// A device's samples of a half-hour, as they were taken of the head.
struct Taken {
    device_id: DeviceId,
    view: View,
}

/// Seals a half-hour. What does not fit stays in the head.
fn half_hour(parts: &Parts, start: i64, done: &mut Maintained) -> Result<(), SeriesError> {
    let at = Timestamp::from_unix_ms(start);
    let over = parts.packs_over(at);
    let patched = parts.blocks.keys(at, end(Level::HalfHour, at))?;
    let patched = patched.iter().filter(|key| key.level == Level::HalfHour);
    let patched: BTreeSet<DeviceId> = patched.map(|key| key.device_id).collect();
    let (mut fresh, mut late) = (Vec::new(), Vec::new());
    for (device_id, taken) in parts.head.snapshot(&BTreeSet::from([start])) {
        let known = with(&parts.index, |index| index.has_device(device_id));
        for (_, view) in taken {
            if patched.contains(&device_id) {
                late.push(Taken { device_id, view });
            } else if known
                && (over.is_empty() || !sources::holds(parts, &over, device_id, &view.block()))
            {
                fresh.push(Taken { device_id, view });
            } else {
                // Of a device that was deleted; or after a crash, sealed just before it.
                parts.head.sealed(device_id, start, &view);
            }
        }
    }
    if !over.is_empty() && fresh.len() <= PATCHES_MAX {
        late.append(&mut fresh);
    }
    new_pack(parts, at, fresh, done)?;
    patches(parts, at, &late, done)
}

/// Makes a pack of a half-hour. Where there is one already, this one lies over it.
fn new_pack(
    parts: &Parts,
    at: Timestamp,
    mut taken: Vec<Taken>,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    if taken.is_empty() {
        return Ok(());
    }
    taken.sort_unstable_by_key(|taken| taken.device_id);
    let mut packed = Vec::with_capacity(taken.len());
    let mut writer = parts.packs.begin(samples(at, Level::HalfHour))?;
    for one in taken {
        match one.view.dense() {
            Ok(dense) => {
                writer.push(one.device_id, &dense)?;
                packed.push(one);
            }
            Err(error) => {
                not_encoded(parts, one.device_id, &error);
            }
        }
    }
    if !packed.is_empty() {
        let meta = parts.finish(writer)?;
        parts.commit(&[meta], &[])?;
        done.sealed += meta.totals.devices;
        add(&parts.counters.blocks_sealed, meta.totals.devices);
        add(&parts.counters.block_bytes_sealed, meta.bytes);
    }
    for one in packed {
        parts.head.sealed(one.device_id, at.unix_ms(), &one.view);
    }
    Ok(())
}

/// Lays the samples of a few devices over those of a half-hour that was sealed before.
fn patches(
    parts: &Parts,
    at: Timestamp,
    taken: &[Taken],
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    for chunk in taken.chunks(CHUNK) {
        // For a chunk alone, so that deleting a device need not wait for all.
        let _alone = parts.move_blocks();
        let (mut put, mut let_go) = (Vec::new(), Vec::new());
        for one in chunk {
            let half_hour = (at, end(Level::HalfHour, at));
            if parts
                .tombstones
                .of_patches(one.device_id, half_hour)
                .is_some()
            {
                // Patches of it are not yet without what was deleted: it stays in the head and the log.
                continue;
            }
            let key = BlockKey::holding(one.device_id, Level::HalfHour, at);
            let known = with(&parts.index, |index| index.has_device(one.device_id));
            if known {
                let newer = one.view.block();
                let encoded = match stored(parts, &key)? {
                    Some(older) => encode(&older.overlaid_by(&newer)),
                    None => encode(&newer),
                };
                match encoded {
                    Ok(bytes) => put.push((key, bytes)),
                    Err(error) => {
                        not_encoded(parts, one.device_id, &error);
                        continue;
                    }
                }
            }
            let_go.push(one);
        }
        parts.blocks.write(&put, &[])?;
        done.sealed += put.len() as u64;
        add(&parts.counters.blocks_sealed, put.len() as u64);
        let octets: usize = put.iter().map(|(_, bytes)| bytes.len()).sum();
        add(&parts.counters.block_bytes_sealed, octets as u64);
        for one in let_go {
            parts.head.sealed(one.device_id, at.unix_ms(), &one.view);
        }
    }
    Ok(())
}

/// The head holds no such block, by its bounds. It was acknowledged, so it is kept.
fn not_encoded(parts: &Parts, device_id: DeviceId, error: &impl Display) {
    parts.counters.defect("not_encoded", 1);
    warn!(device.id = %device_id, %error, "a half-hour could not be sealed and stays in the log");
}

/// The block of a key; one that is damaged is set aside and counted.
fn stored(parts: &Parts, key: &BlockKey) -> Result<Option<Block>, SeriesError> {
    let Some(bytes) = parts.blocks.get(key)? else {
        return if parts.blocks.is_sound(key.start, key.end()) {
            Ok(None)
        } else {
            // What was saved of it must not be overwritten.
            Err(SeriesError::Unsound { start: key.start })
        };
    };
    match decode(&bytes) {
        Ok(block) => Ok(Some(block)),
        Err(error) => {
            parts.set_aside(key, &error.to_string());
            Ok(None)
        }
    }
}

/// A pack of samples; its generation is given when it is begun.
fn samples(start: Timestamp, level: Level) -> PackId {
    PackId {
        start,
        level,
        kind: Kind::Samples,
        class: 0,
        shard: 0,
        generation: 0,
    }
}

/// Packs of samples by the start of the larger range that they are in.
fn packs_of(parts: &Parts, level: Level) -> Vec<PackMeta> {
    let list = parts.packs.list();
    let of = |meta: &&PackMeta| meta.id.kind == Kind::Samples && meta.id.level == level;
    list.iter().filter(of).copied().collect()
}
