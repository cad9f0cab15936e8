//! What can be saved of a day's file that is damaged: its rows are read in order for as far as they
//! can be found, and appended as any others are, so that their words are indexed anew. It is done
//! beside the work, since a large day takes a minute.

use super::writer::Request;
use super::{BATCH_MAX, Parts, add, row};
use model::EventRecord;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// How far to go on behind a row that cannot be read: a second, in numbers.
const STEP: i64 = 1_000 << 20;
/// Steps that are made in one file: twice the seconds of a day.
const STEPS_MAX: u32 = 172_800;

/// Saves what can be saved of files. Ends early when the store is closed.
pub(super) fn all(parts: &Parts, queue: &mpsc::WeakSender<Request>, files: Vec<PathBuf>) {
    for file in files {
        match events(&file, |events| append(parts, queue, events)) {
            Ok(saved) => {
                info!(file = %file.display(), saved, "events of a damaged file were saved");
            }
            Err(error) => {
                warn!(file = %file.display(), %error, "nothing could be saved of a damaged file");
            }
        }
    }
}

/// Hands events to the writer; false where there is none any more.
fn append(parts: &Parts, queue: &mpsc::WeakSender<Request>, events: Vec<EventRecord>) -> bool {
    let Some(queue) = queue.upgrade() else {
        return false;
    };
    let (reply, answer) = oneshot::channel();
    if queue
        .blocking_send(Request::Append { events, reply })
        .is_err()
    {
        return false;
    }
    drop(queue);
    if let Ok(Ok(done)) = answer.blocking_recv() {
        add(&parts.counters.saved, done.stored);
    }
    true
}

/// Visits the events of a file that can still be read, in batches; answers how many.
fn events(file: &Path, mut visit: impl FnMut(Vec<EventRecord>) -> bool) -> rusqlite::Result<u64> {
    let connection = Connection::open(file)?;
    let columns = row::COLUMNS;
    let mut statement = connection.prepare(&format!(
        "SELECT {columns} FROM event WHERE number > ?1 ORDER BY number"
    ))?;
    let (mut last, mut saved, mut batch) = (-1_i64, 0, Vec::new());
    for _ in 0..STEPS_MAX {
        let mut rows = statement.query([last])?;
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
                if !visit(std::mem::take(&mut batch)) {
                    return Ok(saved);
                }
            }
        };
        if ended {
            break;
        }
        last = last.saturating_add(STEP);
    }
    saved += batch.len() as u64;
    if !batch.is_empty() {
        visit(batch);
    }
    Ok(saved)
}
