//! Threads that read, each with its own connection.

use super::{read, row, writer};
use crate::StoreError;
use crate::documents::{CollectionSpec, Damage, Document, Query, RawPage};
use row::Found;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Something to be read.
pub(super) type Request = Box<dyn FnOnce(&Connection) + Send>;

/// Does what is asked until nobody can ask any more.
pub(super) fn run(connection: &Connection, requests: &Mutex<mpsc::Receiver<Request>>) {
    loop {
        let request = requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        match request {
            Some(request) => request(connection),
            None => return,
        }
    }
}

/// A connection to read from, and the writer, to be told of damage.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) writes: mpsc::Sender<writer::Request>,
}

impl Reader<'_> {
    pub(super) fn get(
        &self,
        collection: &'static CollectionSpec,
        id: &str,
    ) -> Result<Option<Document>, StoreError> {
        match read::get(self.connection, collection, id).map_err(failed)? {
            None => Ok(None),
            Some(Found::Sound(document)) => Ok(Some(document)),
            Some(Found::Damaged { number, id }) => {
                self.tell(collection, number);
                Err(StoreError::Damaged {
                    collection: collection.name.to_owned(),
                    id,
                    reason: row::CHECKSUM.to_owned(),
                })
            }
        }
    }

    pub(super) fn page(
        &self,
        collection: &'static CollectionSpec,
        query: &Query,
    ) -> Result<RawPage, StoreError> {
        let (found, next) = read::page(self.connection, collection, query).map_err(failed)?;
        let mut items = Vec::with_capacity(found.len());
        for row in found {
            match row {
                Found::Sound(document) => items.push(document),
                Found::Damaged { number, .. } => self.tell(collection, number),
            }
        }
        Ok(RawPage { items, next })
    }

    pub(super) fn count(
        &self,
        collection: &'static CollectionSpec,
        index: Option<(&'static str, String)>,
    ) -> Result<u64, StoreError> {
        read::count(self.connection, collection, index).map_err(failed)
    }

    pub(super) fn damaged(&self) -> Result<Vec<Damage>, StoreError> {
        row::damaged(self.connection).map_err(failed)
    }

    /// Has the writer set a document aside. Where its queue is full the next reader says it again.
    fn tell(&self, collection: &'static CollectionSpec, number: i64) {
        let _ = self
            .writes
            .try_send(writer::Request::SetAside { collection, number });
    }
}

#[allow(clippy::needless_pass_by_value)] // it is moved into the error
fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Database {
        operation: "reading",
        source: Arc::new(source),
    }
}
