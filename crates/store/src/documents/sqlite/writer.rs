//! The one thread that writes. Writes that wait together go into one transaction and share its
//! sync; each is still all or nothing by itself.

use super::apply::{apply, failed};
use super::row::{self, Found};
use super::{Counters, count, read};
use crate::StoreError;
use crate::documents::feed::{Happened, Teller, What, note};
use crate::documents::{Change, CollectionSpec};
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

/// Writes that share a transaction: enough that a sync costs each little, few enough that the
/// first does not wait long.
pub(super) const GROUP_LEN_MAX: usize = 256;
/// Octets of bodies that share a transaction.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// Something to be written.
pub(super) enum Request {
    /// Changes, and where to answer.
    Write {
        changes: Vec<Change>,
        answer: oneshot::Sender<Result<Vec<u64>, StoreError>>,
    },
    /// A document that a reader found damaged.
    SetAside {
        collection: &'static CollectionSpec,
        number: i64,
    },
}

type Outcome = Result<Vec<u64>, StoreError>;

/// What came of a group: of each request its outcome, and of all what happened to which document.
#[derive(Default)]
struct Written {
    outcomes: Vec<Outcome>,
    happened: Vec<Happened>,
}

/// Writes what is asked, and tells of it, until nobody can ask any more.
#[allow(clippy::needless_pass_by_value)] // it closes the file when it ends
pub(super) fn run(
    connection: Connection,
    mut requests: mpsc::Receiver<Request>,
    counters: &Counters,
    mut teller: Teller,
) {
    while let Some(first) = requests.blocking_recv() {
        let mut bytes = size(&first);
        let mut group = vec![first];
        while group.len() < GROUP_LEN_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(next) = requests.try_recv() else { break };
            bytes += size(&next);
            group.push(next);
        }
        let Written { outcomes, happened } = write_group(&connection, &group, counters);
        if let Ok(damaged) = row::damaged_count(&connection) {
            counters.damaged.store(damaged, Ordering::Relaxed);
        }
        teller.tell(happened);
        for (request, outcome) in group.into_iter().zip(outcomes) {
            count(match outcome {
                Ok(_) => &counters.writes,
                Err(_) => &counters.writes_refused,
            });
            if let Request::Write { answer, .. } = request {
                // Where nobody waits any more, the write is made all the same.
                let _ = answer.send(outcome);
            }
        }
    }
}

fn size(request: &Request) -> usize {
    let Request::Write { changes, .. } = request else {
        return 0;
    };
    changes
        .iter()
        .map(|change| match change {
            Change::Put { body, .. } => body.len(),
            _ => 0,
        })
        .sum()
}

/// One transaction for all; where that fails as a whole, one for each, so that a write that needs
/// more room than there is does not take the others with it.
fn write_group(connection: &Connection, group: &[Request], counters: &Counters) -> Written {
    let first = match transaction(connection, group, counters) {
        Ok(written) => return written,
        Err(e) => e,
    };
    if group.len() == 1 {
        return Written {
            outcomes: vec![Err(first)],
            happened: Vec::new(),
        };
    }
    let mut all = Written::default();
    for request in group {
        match transaction(connection, std::slice::from_ref(request), counters) {
            Ok(written) => {
                all.outcomes.extend(written.outcomes);
                all.happened.extend(written.happened);
            }
            Err(e) => all.outcomes.push(Err(e)),
        }
    }
    all
}

/// Writes a group and syncs it. An error means that nothing of the group was kept.
fn transaction(
    connection: &Connection,
    group: &[Request],
    counters: &Counters,
) -> Result<Written, StoreError> {
    let result = attempt(connection, group);
    if let Err(e) = &result {
        if !connection.is_autocommit()
            && let Err(rollback) = connection.execute_batch("ROLLBACK")
        {
            error!(error = %rollback, "a failed write of documents could not be undone");
        }
        error!(error = ?e, "documents could not be written");
    } else {
        count(&counters.commits);
    }
    result
}

fn attempt(connection: &Connection, group: &[Request]) -> Result<Written, StoreError> {
    let run = |sql: &str| connection.execute_batch(sql).map_err(failed);
    run("BEGIN IMMEDIATE")?;
    let mut written = Written::default();
    for request in group {
        run("SAVEPOINT one")?;
        let before = written.happened.len();
        let outcome = one(connection, request, &mut written.happened);
        match &outcome {
            Ok(_) => run("RELEASE one")?,
            // The database is in no state to go on, or has given up the transaction itself.
            Err(e @ (StoreError::Full { .. } | StoreError::Database { .. })) => {
                return Err(e.clone());
            }
            Err(_) => {
                run("ROLLBACK TO one; RELEASE one")?;
                written.happened.truncate(before);
            }
        }
        written.outcomes.push(outcome);
    }
    run("COMMIT")?;
    Ok(written)
}

fn one(connection: &Connection, request: &Request, happened: &mut Vec<Happened>) -> Outcome {
    match request {
        Request::Write { changes, .. } => apply(connection, changes, happened),
        Request::SetAside { collection, number } => {
            // Read anew: it may have been written over since.
            let found = read::numbered(connection, collection, *number).map_err(failed)?;
            if let Some(Found::Damaged { number, id }) = found {
                row::set_aside(connection, collection, number, row::CHECKSUM).map_err(failed)?;
                note(happened, collection, &id, 0, What::SetAside);
                error!(
                    collection = collection.name,
                    id, "a damaged document was set aside"
                );
            }
            Ok(Vec::new())
        }
    }
}
