//! What was changed, told inside the process as it happens.

use crate::documents::CollectionSpec;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Changes that wait for the slowest receiver: some seconds of a busy start, in some 400 KiB. One
/// that is further behind is told how many it missed ([`broadcast::error::RecvError::Lagged`]) and
/// reads what it needs anew.
pub const CHANGES_KEPT: usize = 4_096;

/// A document that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// 1 for the first change since the documents were opened, one more with each.
    pub seq: u64,
    /// Its collection.
    pub collection: &'static str,
    /// The document.
    pub id: String,
    /// Its revision after the change; 0 where it is no longer there.
    pub revision: u64,
    /// What happened to it.
    pub what: What,
}

/// What happened to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was made, or written anew.
    Put,
    /// It was deleted.
    Deleted,
    /// It was found damaged on disk, and set aside.
    SetAside,
}

/// What a receiver of changes listens to. It ends when the documents are closed.
pub type Changes = broadcast::Receiver<Arc<Changed>>;

/// A change before it has its number: collection, id, revision, what.
pub(crate) type Happened = (&'static str, String, u64, What);

/// Notes what happened to a document.
pub(crate) fn note(
    into: &mut Vec<Happened>,
    collection: &'static CollectionSpec,
    id: &str,
    revision: u64,
    what: What,
) {
    into.push((collection.name, id.to_owned(), revision, what));
}

/// Where changes are told. The one who tells also numbers them.
pub(crate) struct Teller {
    sender: broadcast::Sender<Arc<Changed>>,
    told: u64,
}

impl Teller {
    pub(crate) fn new(sender: broadcast::Sender<Arc<Changed>>) -> Self {
        Self { sender, told: 0 }
    }

    /// Tells what happened and is durable.
    pub(crate) fn tell(&mut self, happened: Vec<Happened>) {
        for (collection, id, revision, what) in happened {
            self.told += 1;
            let changed = Changed {
                seq: self.told,
                collection,
                id,
                revision,
                what,
            };
            // Where nobody listens nothing is kept.
            let _ = self.sender.send(Arc::new(changed));
        }
    }
}

/// A receiver of documents that are closed.
pub(crate) fn ended() -> Changes {
    broadcast::channel(1).1
}
