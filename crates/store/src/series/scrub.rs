//! Reading every pack again, slowly and for ever, so that a bit that flipped is found while there is a
//! backup with the pack as it was, and not when somebody asks for that day.
//!
//! What is found goes the way of what readers find: it is told once, counted, and left out of answers.

use crate::pack::FolderCursor;
use crate::series::parts::Parts;
use crate::series::stats::add;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long after the start it begins: the start has enough to read.
const FIRST_AFTER: Duration = Duration::from_mins(2);
/// The least time from the beginning of one pass to that of the next. Bits do not flip by the minute,
/// and a small folder would be read again and again.
const PASS_MIN: Duration = Duration::from_hours(6);
/// Octets that are read at once at most, so that whoever else reads is not held up.
const STEP_BYTES_MAX: u64 = 1 << 20;

/// Runs until whoever holds the other end of `stop` drops it. No more than `bytes_per_sec_max` octets
/// are read in a second, in the long run.
pub(super) fn run(parts: &Parts, bytes_per_sec_max: u64, stop: &Receiver<()>) {
    if bytes_per_sec_max == 0 || stopped(stop, FIRST_AFTER) {
        return;
    }
    loop {
        let began = Instant::now();
        let mut place = Some(FolderCursor::default());
        while let Some(from) = place {
            let (next, wait) = step(parts, from, bytes_per_sec_max);
            place = next;
            if stopped(stop, wait) {
                return;
            }
        }
        add(&parts.counters.scrub_passes, 1);
        if stopped(stop, PASS_MIN.saturating_sub(began.elapsed())) {
            return;
        }
    }
}

/// Reads some octets on; answers where to go on, and how long to wait before.
fn step(
    parts: &Parts,
    from: FolderCursor,
    bytes_per_sec_max: u64,
) -> (Option<FolderCursor>, Duration) {
    let read = parts
        .packs
        .verify(from, bytes_per_sec_max.min(STEP_BYTES_MAX));
    add(&parts.counters.scrub_bytes, read.bytes);
    add(&parts.counters.scrub_damage, read.damage.len() as u64);
    parts.note_damage();
    let micros = read.bytes.saturating_mul(1_000_000) / bytes_per_sec_max.max(1);
    (read.next, Duration::from_micros(micros))
}

/// Waits; answers whether to stop.
fn stopped(stop: &Receiver<()>, wait: Duration) -> bool {
    stop.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
}
