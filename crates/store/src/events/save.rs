//! What can be saved of a day's file that is damaged: its rows are read in order for as far as they
//! can be found, and appended as any others are, so that their words are indexed anew. It is done
//! beside the work, since a large day takes a minute.

use super::error::EventsError;
use super::writer::Request;
use super::{BATCH_MAX, Parts, add, row};
use crate::blocks::salvage;
use model::EventRecord;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// How far to go on behind a row that cannot be read: a second, in numbers.
const STEP: i64 = 1_000 << 20;
/// The numbers of a day: behind them there is nothing.
const NUMBERS_MAX: i64 = 86_400 * STEP;
/// Steps that are made in one file: twice the seconds of a day.
const STEPS_MAX: u32 = 172_800;
/// How often the step is doubled behind parts that the disk cannot read: it then is as long as a day.
const DOUBLINGS_MAX: u32 = 17;
/// From here on a read that fails was tried again and again by the disk. One that works answers
/// within some tens of milliseconds, and nonsense is found in microseconds.
const TRIED_BY_DISK: Duration = Duration::from_millis(100);
/// How long reads of one file may take together that fail. Each may take seconds, where the disk
/// cannot read a page that the way to every row leads over; where it reads nonsense well, all steps
/// together take a few seconds.
const FAILING_MAX: Duration = Duration::from_mins(10);

/// Why a file was not saved to its end.
#[derive(Debug)]
enum Stopped {
    /// The store was closed: the next start goes on.
    Closed,
    /// What was saved could not be kept, as on a full disk.
    NotKept(EventsError),
    /// What was saved was not kept, since there is as much as all events may have.
    NoRoom,
    /// The disk could not read a part of it, or it took too long.
    NotByDisk(rusqlite::Error),
    /// It could not be opened or read for another reason, which may be the file itself.
    NotRead(rusqlite::Error),
}

/// Saves what can be saved of files, and marks those that were read to their end. The others are kept
/// for the next tending, or the next start. Ends early when the store is closed.
pub(super) fn all(parts: &Parts, queue: &mpsc::WeakSender<Request>, files: Vec<PathBuf>) {
    for file in files {
        let shown = file.display();
        let is_closed = || is_closed(queue);
        match events(&file, is_closed, |events| append(parts, queue, events)) {
            Ok(saved) => {
                info!(file = %shown, saved, "events of a damaged file were saved");
                parts.days.mark_saved(file);
            }
            Err(Stopped::NotRead(error)) if is_final(&error) => {
                warn!(file = %shown, %error, "nothing could be saved of a damaged file");
                parts.days.mark_saved(file);
            }
            Err(Stopped::Closed) => return,
            Err(Stopped::NotKept(error)) => {
                warn!(file = %shown, %error, "events of a damaged file are still to be saved");
                parts.days.put_aside(file);
            }
            // Neither a larger bound nor a better disk comes within minutes: tried again each minute,
            // what was saved already would be read and refused each minute too.
            Err(Stopped::NoRoom) => warn!(file = %shown, "events of a damaged file are left, for \
                the day is larger than events.size_bytes_max; the next start saves them if there is room"),
            Err(Stopped::NotRead(_) | Stopped::NotByDisk(_)) if !file.exists() => {}
            Err(Stopped::NotByDisk(error)) => {
                warn!(file = %shown, %error, "the disk could not read all of a damaged file; \
                the next start tries again");
            }
            // As where there are no descriptors, or no room for SQLite's own file beside it.
            Err(Stopped::NotRead(error)) => {
                warn!(file = %shown, %error, "a damaged file is still to be read");
                parts.days.put_aside(file);
            }
        }
    }
}

/// Whether a file will never be read.
fn is_final(error: &rusqlite::Error) -> bool {
    salvage::is_damage(error) || salvage::lacks_table(error)
}

/// Whether the store was closed, though somebody may still hold it.
fn is_closed(queue: &mpsc::WeakSender<Request>) -> bool {
    queue.upgrade().is_none_or(|queue| queue.is_closed())
}

/// Whether the disk could not read, as SQLite says it. In a query it says damage instead where the
/// disk said EIO: that is told by how long it took.
fn is_of_the_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_extended_error_code(),
        Some(ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_CORRUPTFS)
    )
}

/// Why a file is left that could not be opened.
fn unopened(error: rusqlite::Error) -> Stopped {
    if is_of_the_disk(&error) {
        return Stopped::NotByDisk(error);
    }
    Stopped::NotRead(error)
}

/// Whether a read fails at what the file says, so that it will fail again: nonsense, or a length that
/// no row was ever written with.
fn is_of_the_file(error: &rusqlite::Error) -> bool {
    salvage::is_damage(error) || error.sqlite_error_code() == Some(ErrorCode::TooBig)
}

/// Hands events to the writer, and waits until they are durable. What was saved before an
/// interruption is there already, and kept once. What is too old by now goes unsaved.
fn append(
    parts: &Parts,
    queue: &mpsc::WeakSender<Request>,
    events: Vec<EventRecord>,
) -> Result<(), Stopped> {
    let queue = queue.upgrade().ok_or(Stopped::Closed)?;
    let (reply, answer) = oneshot::channel();
    let sent = queue.blocking_send(Request::Append { events, reply });
    sent.map_err(|_| Stopped::Closed)?;
    drop(queue);
    let done = answer.blocking_recv().map_err(|_| Stopped::Closed)?;
    let done = done.map_err(Stopped::NotKept)?;
    add(&parts.counters.saved, done.stored);
    if done.over_size > 0 {
        return Err(Stopped::NoRoom);
    }
    Ok(())
}

/// The reads of a file that failed.
#[derive(Default)]
struct Failures {
    /// How long they took together.
    took: Duration,
    /// Those of the disk behind the last row that was read.
    of_disk: u32,
    /// Why not all of the file is read.
    stopped: Option<Stopped>,
}

impl Failures {
    /// How far to go on behind a read that failed, and after how long; none where it ends there. What
    /// the disk cannot read is stepped over in ever longer steps: at most as much again is left out.
    fn step(&mut self, error: rusqlite::Error, took: Duration) -> Option<i64> {
        self.took += took;
        let of_file = is_of_the_file(&error);
        let of_disk = is_of_the_disk(&error) || (of_file && took >= TRIED_BY_DISK);
        if !of_disk && !of_file {
            self.stopped = Some(Stopped::NotRead(error));
            return None;
        }
        let is_enough = self.took >= FAILING_MAX;
        if of_disk || is_enough {
            self.stopped.get_or_insert(Stopped::NotByDisk(error));
        }
        if is_enough {
            return None;
        }
        let doublings = self.of_disk.min(DOUBLINGS_MAX);
        self.of_disk += u32::from(of_disk);
        Some(if of_disk { STEP << doublings } else { STEP })
    }
}

/// Visits the events of a file that can still be read, in batches; answers how many.
fn events(
    file: &Path,
    is_closed: impl Fn() -> bool,
    visit: impl FnMut(Vec<EventRecord>) -> Result<(), Stopped>,
) -> Result<u64, Stopped> {
    // Not made anew where it went with its day.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(unopened)?;
    events_of(&connection, is_closed, visit)
}

/// The same of a file that is open. What lies behind a part that the disk cannot read is read all the
/// same; that and any other failure, which ends it, is answered. `is_closed` is asked at each row and
/// each step, since neither may bring anything to visit.
fn events_of(
    connection: &Connection,
    is_closed: impl Fn() -> bool,
    mut visit: impl FnMut(Vec<EventRecord>) -> Result<(), Stopped>,
) -> Result<u64, Stopped> {
    let columns = row::COLUMNS;
    let mut statement = connection
        .prepare(&format!(
            "SELECT {columns} FROM event WHERE number > ?1 ORDER BY number"
        ))
        .map_err(unopened)?;
    let (mut last, mut saved, mut batch) = (-1_i64, 0, Vec::new());
    let mut failures = Failures::default();
    for _ in 0..STEPS_MAX {
        let mut rows = statement.query([last]).map_err(unopened)?;
        let step = loop {
            if is_closed() {
                return Err(Stopped::Closed);
            }
            let began = Instant::now();
            match rows.next() {
                Ok(Some(found)) => {
                    last = found.get(0).unwrap_or(last);
                    failures.of_disk = 0;
                    batch.extend(row::read(found).ok().flatten());
                }
                Ok(None) => break None,
                Err(error) => break failures.step(error, began.elapsed()),
            }
            if batch.len() >= BATCH_MAX {
                saved += batch.len() as u64;
                visit(std::mem::take(&mut batch))?;
            }
        };
        let Some(step) = step else { break };
        last = last.saturating_add(step);
        if last >= NUMBERS_MAX {
            break;
        }
    }
    saved += batch.len() as u64;
    if !batch.is_empty() {
        visit(batch)?;
    }
    failures.stopped.map_or(Ok(saved), Err)
}

#[cfg(test)]
mod tests {
    use super::super::{EventOptions, EventStore};
    use super::*;
    use model::device::LOCAL_VANTAGE;
    use model::{Clock, EventId, EventKind, Timestamp};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn line(number: u64) -> EventRecord {
        let at = NOW.plus(Duration::from_millis(number));
        EventRecord {
            id: EventId::received(at),
            at,
            vantage: LOCAL_VANTAGE.to_owned(),
            kind: EventKind::Log,
            device_id: None,
            interface_id: None,
            source: [192, 0, 2, 1].into(),
            severity: Some(5),
            text: format!("line {number}"),
            body: serde_json::Value::Null,
        }
    }

    fn open(folder: &Path, options: EventOptions) -> EventStore {
        EventStore::open(folder, options, Clock::new(|| NOW))
            .unwrap()
            .0
    }

    /// Waits until the files that were set aside were read, as far as they are.
    async fn until_read(store: &EventStore) {
        let threads = std::mem::take(&mut *store.0.threads.lock().unwrap());
        let mut threads = threads.into_iter();
        let writer = threads.next();
        for saver in threads {
            tokio::task::spawn_blocking(|| saver.join().unwrap())
                .await
                .unwrap();
        }
        store.0.threads.lock().unwrap().extend(writer);
    }

    /// A file that was set aside, with this many events.
    async fn aside(folder: &Path, count: u64) -> PathBuf {
        let store = open(folder, EventOptions::default());
        store.append((0..count).map(line).collect()).await.unwrap();
        store.close().await;
        drop(store);
        // As a crash leaves it that came between setting aside and saving.
        let aside = folder.join("2027-01-15.sqlite.0.damaged");
        std::fs::rename(folder.join("2027-01-15.sqlite"), &aside).unwrap();
        aside
    }

    #[tokio::test]
    async fn what_was_refused_for_want_of_room_is_saved_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let (first, rest) = (BATCH_MAX as u64, 900);
        aside(folder.path(), first + rest).await;
        let mark = folder.path().join("2027-01-15.sqlite.0.damaged.saved");
        let small = EventOptions {
            size_max: 64 << 10,
            ..EventOptions::default()
        };
        for (options, saved, refused) in [(small, first, rest), (EventOptions::default(), rest, 0)]
        {
            let store = open(folder.path(), options);
            until_read(&store).await;
            store.close().await;
            let stats = store.stats();
            assert_eq!((stats.saved, stats.over_size), (saved, refused));
            assert_eq!(mark.exists(), refused == 0);
        }
    }

    #[tokio::test]
    async fn a_file_that_could_not_be_opened_is_saved_at_the_next_tending_not_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let aside = aside(folder.path(), 2).await;
        let log = Connection::open(&aside).unwrap();
        log.pragma_update(None, "journal_mode", "wal").unwrap();
        drop(log);
        let in_the_way = folder.path().join("2027-01-15.sqlite.0.damaged-wal");
        std::fs::create_dir(&in_the_way).unwrap();
        let store = open(folder.path(), EventOptions::default());
        until_read(&store).await;
        assert_eq!(store.stats().saved, 0);
        std::fs::remove_dir(&in_the_way).unwrap();
        store.tend().await.unwrap();
        until_read(&store).await;
        assert_eq!(store.stats().saved, 2);
        store.close().await;
    }

    #[tokio::test]
    async fn closing_does_not_wait_for_the_steps_of_a_file_that_brings_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let aside = aside(folder.path(), 2_000).await;
        let file = Connection::open(&aside).unwrap();
        let root = "SELECT rootpage FROM sqlite_master WHERE name = 'event'";
        let root: u32 = file.query_row(root, [], |row| row.get(0)).unwrap();
        drop(file);
        let mut octets = std::fs::read(&aside).unwrap();
        let at = usize::try_from(root - 1).unwrap() * 4_096;
        octets[at..at + 4_096].fill(0x5a);
        std::fs::write(&aside, octets).unwrap();
        let steps = std::cell::Cell::new(0);
        let is_closed = || steps.replace(steps.get() + 1) == 3;
        let ended = events(&aside, is_closed, |_| panic!("something was found"));
        assert!(matches!(ended, Err(Stopped::Closed)), "{ended:?}");
        // A store that was closed is seen to be, though somebody still holds it.
        let store = open(folder.path(), EventOptions::default());
        let queue = store.0.queue.downgrade();
        assert!(!super::is_closed(&queue));
        store.close().await;
        assert!(super::is_closed(&queue));
    }

    #[test]
    fn a_page_that_the_disk_cannot_read_is_not_read_a_hundred_thousand_times() {
        let (quick, slow) = (Duration::from_micros(10), Duration::from_secs(7));
        let (disk, eio, damage) = (
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CORRUPT,
        );
        // Of a page that the way to every row leads over: reads, what they take, and whether the
        // next start tries again.
        for (code, took, reads, again) in [
            (disk, quick, 17, true),
            (disk, slow, 17, true),
            (eio, slow, 17, true),
            (damage, quick, 86_400, false),
            // One that hangs for minutes.
            (disk, 60 * slow, 2, true),
        ] {
            let (mut failures, mut last, mut count) = (Failures::default(), 0, 0);
            while last < NUMBERS_MAX {
                count += 1;
                let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
                let Some(step) = failures.step(error, took) else {
                    break;
                };
                last += step;
            }
            assert_eq!(count, reads, "{code} in {took:?}");
            let left = matches!(failures.stopped, Some(Stopped::NotByDisk(_)));
            assert_eq!(left, again, "{code} in {took:?}");
        }
    }

    #[test]
    fn a_read_that_fails_for_another_reason_than_damage_is_not_the_end_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aside");
        let writer = Connection::open(&path).unwrap();
        let table = format!("CREATE TABLE event ({})", row::COLUMNS);
        writer.execute_batch(&table).unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.busy_timeout(Duration::ZERO).unwrap();
        let read = || events_of(&reader, || false, |_| Ok(()));
        assert!(matches!(read(), Ok(0)));
        writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let Err(Stopped::NotRead(error)) = read() else {
            panic!("it was taken for damage");
        };
        assert!(!is_final(&error), "{error}");
        writer.execute_batch("ROLLBACK").unwrap();
        assert!(matches!(read(), Ok(0)));
    }
}
