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
/// Octets that are read at once, about, so that whoever else reads is not held up: some milliseconds of a
/// disk.
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
    // However slow it is to be: each step opens its pack anew, and small ones would do little else.
    let read = parts.packs.verify(from, STEP_BYTES_MAX);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{Batch, SeriesOptions, SeriesStore, SyncPolicy};
    use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    fn pack_in(folder: &Path) -> PathBuf {
        let days = fs::read_dir(folder.join("packs")).unwrap();
        let mut days = days
            .map(|day| day.unwrap().path())
            .filter(|day| day.is_dir());
        let files = fs::read_dir(days.next().unwrap()).unwrap();
        files.map(|file| file.unwrap().path()).next().unwrap()
    }

    /// A whole pass; answers the least time that it takes.
    fn pass(store: &SeriesStore, bytes_per_sec_max: u64) -> Duration {
        let (mut place, mut waited) = (Some(FolderCursor::default()), Duration::ZERO);
        while let Some(from) = place {
            let (next, wait) = step(&store.0.parts, from, bytes_per_sec_max);
            place = next;
            waited += wait;
        }
        waited
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flipped_bit_is_found_counted_and_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(0));
        let clock = {
            let now = Arc::clone(&now);
            Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)))
        };
        let options = SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            scrub_bytes_per_sec_max: 0,
            ..SeriesOptions::default()
        };
        let (store, _) = SeriesStore::open(folder.path(), options, clock).unwrap();
        let device_id = DeviceId::new();
        let keys = vec![(Metric::ICMP_RTT, Labels::default())];
        let column = store.resolve(device_id, keys).await.unwrap()[0].column;
        for at in 0..30 {
            let number = f64::from(at) * 0.37;
            let batch = Batch {
                device_id,
                at: Timestamp::from_unix_ms(i64::from(at) * 60_000),
                values: vec![(column, Value::F64(number.sin()))],
            };
            now.store(batch.at.unix_ms(), Ordering::SeqCst);
            store.append(batch).await.unwrap();
        }
        now.store(3_600_000, Ordering::SeqCst);
        assert_eq!(store.maintain().await.unwrap().sealed, 1);

        pass(&store, 1 << 20);
        let read = store.stats().scrub_bytes;
        assert!(read > 0 && store.stats().scrub_damage == 0);
        // Slower takes as many octets, and longer.
        let waited = pass(&store, 100);
        assert_eq!(store.stats().scrub_bytes, 2 * read);
        assert!(waited >= Duration::from_secs(read / 100), "{waited:?}");

        let path = pack_in(folder.path());
        let mut octets = fs::read(&path).unwrap();
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        fs::write(&path, octets).unwrap();
        for passes in 1..3 {
            pass(&store, 1 << 20);
            assert_eq!(store.stats().scrub_damage, passes);
            let defects = store.stats().defects;
            assert_eq!(defects.get("damaged_blocks_found"), Some(&1), "told once");
        }
    }
}
