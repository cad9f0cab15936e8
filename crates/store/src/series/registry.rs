//! Which series there are: device, metric and labels to id and column.
//!
//! Kept in memory ([`index`]) and in `series.sqlite` ([`table`]). One thread writes the table and
//! commits for all that wait; a series is in the index, and so usable, only after its commit.

mod count;
mod find;
pub(crate) mod index;
mod judge;
mod labels;
pub(crate) mod metrics;
#[cfg(test)]
mod model_tests;
mod postings;
mod saved;
pub(crate) mod select;
pub(crate) mod table;
mod view;

use crate::series::stats::Counters;
use crate::series::{REGISTRY_QUEUE_MAX, Resolved, SERIES_PER_DEVICE_MAX, SeriesError};
use index::Index;
use model::{DeviceId, Labels, Metric};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use table::{Change, Table};
use tokio::sync::{mpsc, oneshot};

/// Requests that are committed together.
const GROUP_MAX: usize = 256;
/// Requests whose changes are made known while the index is held once: of 64 devices that are deleted,
/// some tens of milliseconds where a million series are.
const APPLIED_MAX: usize = 64;
/// How long the index is let go of between them: enough for all that wait to get in. A lock that is
/// taken again at once is mostly had by who let go of it.
const BETWEEN_LOTS: Duration = Duration::from_millis(1);

type Reply<T> = oneshot::Sender<Result<T, SeriesError>>;

/// What the thread is asked.
pub(crate) enum Request {
    /// The series with these keys, registered where they are new.
    Resolve {
        device_id: DeviceId,
        keys: Vec<(Metric, Labels)>,
        reply: Reply<Vec<Resolved>>,
    },
    /// Forget the series of a device; its blocks are still there.
    Delete {
        device_id: DeviceId,
        reply: Reply<()>,
    },
    /// The blocks of a deleted device are gone as well.
    Cleaned {
        device_id: DeviceId,
        reply: Reply<()>,
    },
    /// Take what waits already, and no more.
    Close,
}

impl Request {
    fn device(&self) -> Option<DeviceId> {
        match self {
            Self::Resolve { device_id, .. }
            | Self::Delete { device_id, .. }
            | Self::Cleaned { device_id, .. } => Some(*device_id),
            Self::Close => None,
        }
    }
}

/// The series in memory, shared by readers and the thread.
pub(crate) type Shared = Arc<RwLock<Index>>;

/// Something read from the index.
pub(crate) fn with<T>(index: &Shared, read: impl FnOnce(&Index) -> T) -> T {
    read(&index.read().unwrap_or_else(PoisonError::into_inner))
}

/// A queue to the thread.
pub(crate) fn queue() -> (mpsc::Sender<Request>, mpsc::Receiver<Request>) {
    mpsc::channel(REGISTRY_QUEUE_MAX)
}

/// What a request will do once the changes are committed.
type Answer = Box<dyn FnOnce(Result<(), SeriesError>)>;

/// Runs until every sender is gone or it is asked to close.
pub(crate) fn run(
    mut table: Table,
    index: &Shared,
    counters: &Counters,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut left_over = None;
    while let Some(first) = left_over.take().or_else(|| requests.blocking_recv()) {
        let mut devices = BTreeSet::new();
        let (mut changes, mut ends, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(request) = next.take() {
            // What a request does is worked out from the index, which does not know of changes
            // that are not committed: so one request a device in each group.
            if request
                .device()
                .is_some_and(|device| !devices.insert(device))
            {
                left_over = Some(request);
                break;
            }
            if matches!(request, Request::Close) {
                requests.close();
            } else if let Some((change, answer)) = plan(index, counters, request) {
                changes.extend(change);
                ends.push(changes.len());
                answers.push(answer);
            }
            if answers.len() < GROUP_MAX {
                next = requests.try_recv().ok();
            }
        }
        let committed = if changes.is_empty() {
            Ok(())
        } else {
            table.commit(&changes).map_err(Arc::new)
        };
        if committed.is_ok() {
            apply(index, changes, &ends);
        }
        for answer in answers {
            answer(committed.clone().map_err(|source| SeriesError::Registry {
                operation: "writing",
                source,
            }));
        }
    }
}

/// Makes changes known that are committed, those of some requests at a time; each ends before one of
/// `ends`. Whoever reads the index meanwhile may see some of them: nobody was answered yet.
fn apply(index: &Shared, changes: Vec<Change>, ends: &[usize]) {
    let (mut changes, mut done) = (changes.into_iter(), 0);
    for lot in ends.chunks(APPLIED_MAX) {
        if done > 0 {
            std::thread::sleep(BETWEEN_LOTS);
        }
        let end = lot.last().copied().unwrap_or(done);
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        index.apply_all(changes.by_ref().take(end.saturating_sub(done)));
        done = end;
    }
    // This thread alone changes the index: what is made anew is what it is in the end.
    let fresh = with(index, |index| index.is_sparse().then(|| index.compacted()));
    if let Some(fresh) = fresh {
        let mut held = index.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *held, fresh);
        drop(held);
        drop(old);
    }
}

/// The changes that a request makes, and how it is answered after them; `None` where it has been
/// answered already.
fn plan(index: &Shared, counters: &Counters, request: Request) -> Option<(Vec<Change>, Answer)> {
    match request {
        Request::Resolve {
            device_id,
            keys,
            reply,
        } => match with(index, |index| index.plan(device_id, &keys)) {
            Ok((changes, resolved)) => Some((
                changes,
                Box::new(move |done| {
                    let _ = reply.send(done.map(|()| resolved));
                }),
            )),
            Err(asked) => {
                counters.defect("series_bound", 1);
                let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
                index.refused(device_id, asked);
                drop(index);
                let _ = reply.send(Err(SeriesError::TooManySeries {
                    device_id,
                    asked,
                    max: SERIES_PER_DEVICE_MAX,
                }));
                None
            }
        },
        Request::Delete { device_id, reply } => {
            Some((vec![Change::Delete { device_id }], plain(reply)))
        }
        Request::Cleaned { device_id, reply } => {
            Some((vec![Change::Cleaned { device_id }], plain(reply)))
        }
        Request::Close => None,
    }
}

fn plain(reply: Reply<()>) -> Answer {
    Box::new(move |done| {
        let _ = reply.send(done);
    })
}
