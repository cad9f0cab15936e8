//! From head to blocks, and from blocks to larger blocks.
//!
//! A half-hour is sealed a little after it has ended: each device's samples of it become one block,
//! laid over the block of that key where there is one already (samples that came late, or a crash
//! between the block and the log). Once all blocks of a pass are durable, the head lets go of them
//! and the log of the segments that nothing else needs. The half-hours of two hours that have ended
//! become one block and are removed in the same transaction. Blocks of a day, and roll-ups, will be
//! further levels made the same way.

use crate::blocks::codec::{decode, encode};
use crate::blocks::{Block, BlockKey, Level};
use crate::series::SeriesError;
use crate::series::head::Taken;
use crate::series::log::writer::Request;
use crate::series::parts::Parts;
use crate::series::recovery::lazy::NotReplayed;
use crate::series::registry::with;
use crate::series::stats::add;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// How long after its end a half-hour is sealed, so that polls under way are in it.
pub const SEAL_DELAY: Duration = Duration::from_mins(1);

/// Devices whose blocks are committed together: some megabytes, as readers of that day wait.
const CHUNK: usize = 64;

/// Half-hours looked at in one round of merging: four of 32,768 devices, a megabyte or two of keys.
const MERGE_ROUND: usize = 1 << 17;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Half-hour blocks written.
    pub sealed: u64,
    /// Two-hour blocks written.
    pub merged: u64,
    /// Log segments deleted.
    pub segments: u64,
}

/// Seals and merges what is due.
pub(super) fn maintain(
    parts: &Parts,
    log: &mpsc::Sender<Request>,
    now: Timestamp,
) -> Result<Maintained, SeriesError> {
    let _one_at_a_time = parts.passes.lock().unwrap_or_else(PoisonError::into_inner);
    let by = now.minus(SEAL_DELAY);
    {
        let _alone = parts.move_blocks();
        parts.blocks.mend()?;
    }
    let mut done = Maintained::default();
    seal(parts, log, by, &mut done)?;
    merge(parts, by, &mut done)?;
    parts.note_damage();
    Ok(done)
}

fn seal(
    parts: &Parts,
    log: &mpsc::Sender<Request>,
    by: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    // What the log still holds from before the start is sealed with the rest.
    parts.lazy.finish().map_err(|error| match error {
        NotReplayed::Stopped => SeriesError::Closed,
        NotReplayed::Unread(error) => SeriesError::Log(Arc::new(error)),
    })?;
    let starts = parts.head.ended(by);
    if starts.is_empty() {
        return Ok(());
    }
    // All that is in segments before the cut is in the head already, and so in what is sealed now.
    let (reply, cut) = oneshot::channel();
    let asked = log.blocking_send(Request::Cut { reply });
    let cut = asked
        .ok()
        .and_then(|()| cut.blocking_recv().ok())
        .ok_or(SeriesError::Closed)?;
    // Half-hours of which something could not be sealed: the head and the log go on holding it.
    let mut kept = BTreeSet::new();
    let mut all = parts.head.snapshot(&starts).into_iter().peekable();
    while all.peek().is_some() {
        // What is taken is let go of with its chunk, and blocks are made one device after the other.
        let chunk: Vec<Taken> = all.by_ref().take(CHUNK).collect();
        // For a chunk alone, so that deleting a device need not wait for the whole pass. What is
        // deleted between two chunks is no longer in the index, and left out.
        let _alone = parts.move_blocks();
        let (mut put, mut let_go) = (Vec::new(), Vec::new());
        for (device_id, taken) in &chunk {
            let known = with(&parts.index, |index| index.has_device(*device_id));
            for (start, view) in taken {
                match known.then(|| seal_one(parts, *device_id, *start, &view.block())) {
                    Some(Ok(sealed)) => put.push(sealed),
                    Some(Err(NotSealed::Encode)) => {
                        kept.insert(*start);
                        continue;
                    }
                    Some(Err(NotSealed::Series(error))) => return Err(error),
                    None => {}
                }
                let_go.push((*device_id, *start, view));
            }
        }
        parts.blocks.write(&put, &[])?;
        done.sealed += put.len() as u64;
        add(&parts.counters.blocks_sealed, put.len() as u64);
        let octets: usize = put.iter().map(|(_, bytes)| bytes.len()).sum();
        add(&parts.counters.block_bytes_sealed, octets as u64);
        for (device_id, start, view) in let_go {
            parts.head.sealed(device_id, start, view);
        }
    }
    let sealed = &starts - &kept;
    let gone = parts.segments.sealed(cut, &sealed);
    done.segments += gone.map_err(|error| SeriesError::Log(Arc::new(error)))? as u64;
    Ok(())
}

/// Why a half-hour was not sealed.
enum NotSealed {
    /// It does not fit a block; counted and told.
    Encode,
    /// The store failed, and the pass with it.
    Series(SeriesError),
}

impl From<SeriesError> for NotSealed {
    fn from(error: SeriesError) -> Self {
        Self::Series(error)
    }
}

/// The block of a half-hour, with what a block of the same key holds already.
fn seal_one(
    parts: &Parts,
    device_id: DeviceId,
    start: i64,
    block: &Block,
) -> Result<(BlockKey, Vec<u8>), NotSealed> {
    let key = BlockKey::holding(device_id, Level::HalfHour, Timestamp::from_unix_ms(start));
    let encoded = match stored(parts, &key)? {
        Some(older) => encode(&older.overlaid_by(block)),
        None => encode(block),
    };
    match encoded {
        Ok(bytes) => Ok((key, bytes)),
        Err(error) => {
            // The head holds no such block, by its bounds. It was acknowledged, so it is kept.
            parts.counters.defect("not_encoded", 1);
            warn!(device.id = %device_id, %error, "a half-hour could not be sealed and stays in the log");
            Err(NotSealed::Encode)
        }
    }
}

/// The block of a key; one that is damaged is set aside and counted.
fn stored(parts: &Parts, key: &BlockKey) -> Result<Option<Block>, SeriesError> {
    let Some(bytes) = parts.blocks.get(key)? else {
        return Ok(None);
    };
    match decode(&bytes) {
        Ok(block) => Ok(Some(block)),
        Err(error) => {
            parts.set_aside(key, &error.to_string());
            Ok(None)
        }
    }
}

fn merge(parts: &Parts, by: Timestamp, done: &mut Maintained) -> Result<(), SeriesError> {
    let span = Level::TwoHours.span_ms();
    // Only two hours that have ended as a whole.
    let by = Timestamp::from_unix_ms(by.unix_ms().div_euclid(span).saturating_mul(span));
    loop {
        let mut keys = parts.blocks.ended(Level::HalfHour, by, MERGE_ROUND)?;
        let last_round = keys.len() < MERGE_ROUND;
        // What is too large to be merged stays, and must not hold up what follows.
        keys.retain(|key| !parts.is_too_large(key));
        if keys.is_empty() {
            return Ok(());
        }
        let mut groups: BTreeMap<BlockKey, BTreeSet<BlockKey>> = BTreeMap::new();
        for key in keys {
            let merged = BlockKey::holding(key.device_id, Level::TwoHours, key.start);
            groups.entry(merged).or_default().insert(key);
        }
        let groups: Vec<_> = groups.into_iter().collect();
        for chunk in groups.chunks(CHUNK) {
            // Of a device that is deleted between two chunks nothing is found here.
            let _alone = parts.move_blocks();
            let (mut put, mut remove) = (Vec::new(), Vec::new());
            for (key, halves) in chunk {
                if let Some(bytes) = merge_one(parts, key, halves)? {
                    put.push((*key, bytes));
                    remove.extend(halves);
                }
            }
            parts.blocks.write(&put, &remove)?;
            done.merged += put.len() as u64;
            add(&parts.counters.blocks_merged, put.len() as u64);
        }
        if last_round {
            return Ok(());
        }
    }
}

/// The block of two hours: what it holds already, and over it the half-hours.
fn merge_one(
    parts: &Parts,
    key: &BlockKey,
    halves: &BTreeSet<BlockKey>,
) -> Result<Option<Vec<u8>>, SeriesError> {
    let mut block = stored(parts, key)?.unwrap_or_default();
    for half in halves {
        if let Some(newer) = stored(parts, half)? {
            block = block.overlaid_by(&newer);
        }
    }
    match encode(&block) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) if block.is_empty() => Ok(None),
        Err(error) => {
            parts.counters.defect("not_merged", 1);
            warn!(device.id = %key.device_id, %error, "half-hours stay unmerged");
            parts.too_large(halves);
            Ok(None)
        }
    }
}
