//! What can be saved of a day's file that is damaged: its rows are read in order for as far as they
//! can be found, and appended as any others are, so that their words are indexed anew. It is done
//! beside the work, since a large day takes a minute.

use super::error::EventsError;
use super::writer::Request;
use super::{BATCH_MAX, Parts, add, row};
use crate::blocks::salvage;
use model::EventRecord;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// How far to go on behind a row that cannot be read: a second, in numbers.
const STEP: i64 = 1_000 << 20;
/// Steps that are made in one file: twice the seconds of a day.
const STEPS_MAX: u32 = 172_800;

/// Why a file was not saved to its end.
enum Stopped {
    /// The store was closed: the next start goes on.
    Closed,
    /// What was saved could not be kept, as on a full disk.
    NotKept(EventsError),
    /// What was saved was not kept, since there is as much as all events may have.
    NoRoom,
    /// It could not be read, for another reason than its damage.
    NotRead(rusqlite::Error),
}

/// Saves what can be saved of files, and marks those that were read to their end. The others are kept
/// for the next tending, or the next start. Ends early when the store is closed.
pub(super) fn all(parts: &Parts, queue: &mpsc::WeakSender<Request>, files: Vec<PathBuf>) {
    for file in files {
        let shown = file.display();
        match events(&file, |events| append(parts, queue, events)) {
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
            Err(Stopped::NotRead(_)) if !file.exists() => {}
            Err(Stopped::NotRead(error)) => {
                warn!(file = %shown, %error, "not all of a damaged file \
                could be read; the next start tries again");
            }
        }
    }
}

/// Whether a file will never be read.
fn is_final(error: &rusqlite::Error) -> bool {
    salvage::is_damage(error) || salvage::lacks_table(error)
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

/// Visits the events of a file that can still be read, in batches; answers how many.
fn events(
    file: &Path,
    visit: impl FnMut(Vec<EventRecord>) -> Result<(), Stopped>,
) -> Result<u64, Stopped> {
    // Not made anew where it went with its day.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(Stopped::NotRead)?;
    events_of(&connection, visit)
}

/// The same of a file that is open. What lies behind a part that the disk cannot read is read all the
/// same; that and any other failure, which ends it, is answered.
fn events_of(
    connection: &Connection,
    mut visit: impl FnMut(Vec<EventRecord>) -> Result<(), Stopped>,
) -> Result<u64, Stopped> {
    let columns = row::COLUMNS;
    let mut statement = connection
        .prepare(&format!(
            "SELECT {columns} FROM event WHERE number > ?1 ORDER BY number"
        ))
        .map_err(Stopped::NotRead)?;
    let (mut last, mut saved, mut batch, mut failed) = (-1_i64, 0, Vec::new(), None);
    for _ in 0..STEPS_MAX {
        let mut rows = statement.query([last]).map_err(Stopped::NotRead)?;
        let ended = loop {
            match rows.next() {
                Ok(Some(found)) => {
                    last = found.get(0).unwrap_or(last);
                    batch.extend(row::read(found).ok().flatten());
                }
                Ok(None) => break true,
                Err(error) if is_of_the_file(&error) => break false,
                Err(error) => {
                    let is_of_the_disk =
                        error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
                    failed.get_or_insert(error);
                    break !is_of_the_disk;
                }
            }
            if batch.len() >= BATCH_MAX {
                saved += batch.len() as u64;
                visit(std::mem::take(&mut batch))?;
            }
        };
        if ended {
            break;
        }
        last = last.saturating_add(STEP);
    }
    saved += batch.len() as u64;
    if !batch.is_empty() {
        visit(batch)?;
    }
    failed.map_or(Ok(saved), |error| Err(Stopped::NotRead(error)))
}

#[cfg(test)]
mod tests {
    use super::super::{EventOptions, EventStore};
    use super::*;
    use model::device::LOCAL_VANTAGE;
    use model::{Clock, EventId, EventKind, Timestamp};
    use std::time::Duration;

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

    #[tokio::test]
    async fn what_was_refused_for_want_of_room_is_saved_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), EventOptions::default());
        let (first, rest) = (BATCH_MAX as u64, 900);
        let kept = (0..first + rest).map(line).collect();
        store.append(kept).await.unwrap();
        store.close().await;
        drop(store);
        // As a crash leaves it that came between setting aside and saving.
        let day = folder.path().join("2027-01-15.sqlite");
        let aside = folder.path().join("2027-01-15.sqlite.0.damaged");
        std::fs::rename(&day, &aside).unwrap();
        let mark = folder.path().join("2027-01-15.sqlite.0.damaged.saved");
        let small = EventOptions {
            size_max: 64 << 10,
            ..EventOptions::default()
        };
        for (options, saved, refused) in [(small, first, rest), (EventOptions::default(), rest, 0)]
        {
            let store = open(folder.path(), options);
            // It waits until the file was read, as far as it is.
            let threads = std::mem::take(&mut *store.0.threads.lock().unwrap());
            let mut threads = threads.into_iter();
            let writer = threads.next();
            for saver in threads {
                tokio::task::spawn_blocking(|| saver.join().unwrap())
                    .await
                    .unwrap();
            }
            store.0.threads.lock().unwrap().extend(writer);
            store.close().await;
            let stats = store.stats();
            assert_eq!((stats.saved, stats.over_size), (saved, refused));
            assert_eq!(mark.exists(), refused == 0);
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
        let read = || events_of(&reader, |_| Ok(()));
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
