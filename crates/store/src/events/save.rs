//! What can be saved of a day's file that is damaged: its rows are read in order for as far as they
//! can be found, and appended as any others are, so that their words are indexed anew. It is done
//! beside the work, since a large day takes a minute.

use super::error::EventsError;
use super::writer::Request;
use super::{BATCH_MAX, Parts, add, row};
use crate::blocks::salvage;
use model::EventRecord;
use rusqlite::{Connection, OpenFlags};
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
    /// It could not be read, for another reason than its damage.
    NotRead(rusqlite::Error),
}

/// Saves what can be saved of files, and marks those that were read to their end. The others are kept
/// for the next time. Ends early when the store is closed.
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
            Err(Stopped::NotRead(_)) if !file.exists() => {}
            Err(Stopped::NotRead(error)) => {
                warn!(file = %shown, %error, "events of a damaged file are still to be saved");
                parts.days.put_aside(file);
            }
        }
    }
}

/// Whether a file will never be read.
fn is_final(error: &rusqlite::Error) -> bool {
    salvage::is_damage(error) || salvage::lacks_table(error)
}

/// Hands events to the writer, and waits until they are durable. What was saved before an
/// interruption is there already, and kept once.
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
    Ok(())
}

/// Visits the events of a file that can still be read, in batches; answers how many.
fn events(
    file: &Path,
    mut visit: impl FnMut(Vec<EventRecord>) -> Result<(), Stopped>,
) -> Result<u64, Stopped> {
    // Not made anew where it went with its day.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(Stopped::NotRead)?;
    let columns = row::COLUMNS;
    let mut statement = connection
        .prepare(&format!(
            "SELECT {columns} FROM event WHERE number > ?1 ORDER BY number"
        ))
        .map_err(Stopped::NotRead)?;
    let (mut last, mut saved, mut batch) = (-1_i64, 0, Vec::new());
    for _ in 0..STEPS_MAX {
        let mut rows = statement.query([last]).map_err(Stopped::NotRead)?;
        let ended = loop {
            match rows.next() {
                Ok(Some(found)) => {
                    last = found.get(0).unwrap_or(last);
                    batch.extend(row::read(found).ok().flatten());
                }
                Ok(None) => break true,
                Err(_) => break false,
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
    Ok(saved)
}
