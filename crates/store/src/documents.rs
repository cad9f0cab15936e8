//! Documents: everything that is kept besides samples and events, as JSON with a revision.
//!
//! [`Documents`] is the seam at which another database may take the place of the embedded one;
//! [`sqlite::SqliteDocuments`] is the embedded one. [`Collection`] gives documents their type.
//! What the collections of Foretell are is not known here but in [`crate::catalog`].

mod collection;
pub(crate) mod feed;
mod schema;
mod shape;
pub mod sqlite;

pub use collection::{Collection, Page, Stored};
pub use feed::{CHANGES_KEPT, Changed, Changes, What};
pub use schema::{CollectionSpec, Index, Migration};
pub use shape::{Fault, Shape};

use crate::StoreError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Octets of one document's JSON. A device of 4,000 inventory parts has 1.5 million; a document
/// must also fit into the 16 MB that MongoDB takes.
pub const DOCUMENT_BYTES_MAX: usize = 12 << 20;
/// Documents of one page.
pub const PAGE_LEN_MAX: usize = 1000;

/// What a reader of documents awaits.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Unique in its collection.
    pub id: String,
    /// 1 when it is made, one more at each change.
    pub revision: u64,
    /// JSON.
    pub body: Vec<u8>,
}

/// What must be true of a document for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It is not there.
    Absent,
    /// It is there, at whatever revision.
    Present,
    /// It is there at this revision.
    Revision(u64),
    /// Whatever is there.
    Any,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no revision"),
            Self::Present => f.write_str("some revision"),
            Self::Revision(n) => write!(f, "revision {n}"),
            Self::Any => f.write_str("any revision"),
        }
    }
}

/// One part of a write.
#[derive(Clone, Debug)]
pub enum Change {
    /// Writes a document.
    Put {
        /// Collection.
        collection: &'static CollectionSpec,
        /// Document.
        id: String,
        /// What must be true of it.
        expect: Expect,
        /// JSON.
        body: Vec<u8>,
    },
    /// Deletes a document. With [`Expect::Any`] it need not be there.
    Delete {
        /// Collection.
        collection: &'static CollectionSpec,
        /// Document.
        id: String,
        /// What must be true of it.
        expect: Expect,
    },
    /// Deletes every document that has this key in this index.
    DeleteAll {
        /// Collection.
        collection: &'static CollectionSpec,
        /// Name of the index.
        index: &'static str,
        /// Key in the index.
        key: String,
    },
    /// Changes nothing; the write is refused where this is not true.
    Require {
        /// Collection.
        collection: &'static CollectionSpec,
        /// Document.
        id: String,
        /// What must be true of it.
        expect: Expect,
    },
    /// Changes nothing; the write is refused with [`StoreError::InUse`] of `of` where any document
    /// has this key in this index.
    RequireUnused {
        /// What would be left dangling: its collection and id.
        of: (&'static CollectionSpec, String),
        /// Collection that may name it.
        collection: &'static CollectionSpec,
        /// Name of the index.
        index: &'static str,
        /// Key in the index.
        key: String,
    },
}

/// Which documents, in which order. All orders are by id.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only those with this key in this index.
    pub index: Option<(&'static str, String)>,
    /// Only ids that begin so.
    pub prefix: Option<String>,
    /// Only those behind this id in the order: the last of the page before.
    pub after: Option<String>,
    /// From the highest id down.
    pub descending: bool,
    /// At most so many; never more than [`PAGE_LEN_MAX`].
    pub limit: usize,
}

/// Documents in the order that was asked for. Damaged ones are left out, set aside and counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawPage {
    /// The documents.
    pub items: Vec<Document>,
    /// Where the next page begins; none where this is the last.
    pub next: Option<String>,
}

/// Something that was damaged on disk and set aside, or is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Collection.
    pub collection: String,
    /// Document; none where it is not known which.
    pub id: Option<String>,
    /// What is wrong, in words for an operator.
    pub reason: String,
}

/// What has happened since the documents were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentsStats {
    /// Writes that were answered with success.
    pub writes: u64,
    /// Writes that were refused or failed.
    pub writes_refused: u64,
    /// Transactions those went in: writes that arrive together share one.
    pub commits: u64,
    /// Reads.
    pub reads: u64,
    /// How often a writer had to wait since the queue was full.
    pub write_queue_full: u64,
    /// How often a reader had to wait since the queue was full.
    pub read_queue_full: u64,
    /// Documents that are damaged or missing.
    pub damaged: u64,
}

/// A database of documents.
///
/// A write is all or nothing, and is there after a crash once it is answered. A reader sees every
/// write that was answered before it asked.
pub trait Documents: Send + Sync + 'static {
    /// One document; none where it is not there.
    fn get<'a>(
        &'a self,
        collection: &'static CollectionSpec,
        id: &'a str,
    ) -> Answer<'a, Option<Document>>;
    /// Some documents, by id.
    fn page(&self, collection: &'static CollectionSpec, query: Query) -> Answer<'_, RawPage>;
    /// How many documents there are, or how many have a key in an index.
    fn count(
        &self,
        collection: &'static CollectionSpec,
        index: Option<(&'static str, String)>,
    ) -> Answer<'_, u64>;
    /// Makes all the changes or none. Answers the revision of the document of each change after
    /// it, 0 where there is none.
    fn write(&self, changes: Vec<Change>) -> Answer<'_, Vec<u64>>;
    /// What is damaged, at most [`DAMAGE_LISTED_MAX`] of it; [`DocumentsStats`] has the number.
    fn damaged(&self) -> Answer<'_, Vec<Damage>>;
    /// What is changed from now on, each change after it is durable and before its write is
    /// answered, in the order in which they were made; of one write in the order of its changes,
    /// and of those that one of them deletes by id. At most [`CHANGES_KEPT`] wait; a receiver that
    /// is further behind is told how many it missed.
    fn changes(&self) -> Changes;
    /// What has happened.
    fn stats(&self) -> DocumentsStats;
    /// Answers what was asked before, then refuses all else.
    fn close(&self) -> Answer<'_, ()>;
}

/// Damaged documents that are named; an operator acts on the first few, and the number is exact.
pub const DAMAGE_LISTED_MAX: usize = 1000;
