//! Documents with a type.

use super::{Change, CollectionSpec, Document, Documents, Expect, Query};
use crate::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use tracing::warn;

/// Documents that are looked at for one page of [`Collection::newest`].
const LOOKED_AT_MAX: usize = 10_000;

/// A document's content, and the revision at which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// Unique in its collection.
    pub id: String,
    /// 1 when it is made, one more at each change.
    pub revision: u64,
    /// What it says.
    pub body: T,
}

/// Some of a collection's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The documents.
    pub items: Vec<Stored<T>>,
    /// What to give as [`Query::after`] for the next page; none where this is the last.
    pub next: Option<String>,
}

/// The documents of one collection, read and written as `T`.
pub struct Collection<T> {
    documents: Arc<dyn Documents>,
    spec: &'static CollectionSpec,
    body: PhantomData<fn() -> T>,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self {
            documents: self.documents.clone(),
            spec: self.spec,
            body: PhantomData,
        }
    }
}

impl<T: Serialize + DeserializeOwned> Collection<T> {
    /// The documents of that collection.
    pub fn new(documents: Arc<dyn Documents>, spec: &'static CollectionSpec) -> Self {
        Self {
            documents,
            spec,
            body: PhantomData,
        }
    }

    /// What the collection declares.
    pub fn spec(&self) -> &'static CollectionSpec {
        self.spec
    }

    /// One document; none where it is not there.
    pub async fn get(&self, id: &str) -> Result<Option<Stored<T>>, StoreError> {
        let document = self.documents.get(self.spec, id).await?;
        document
            .map(|document| typed(self.spec, document))
            .transpose()
    }

    /// One document, or [`StoreError::NotFound`].
    pub async fn require(&self, id: &str) -> Result<Stored<T>, StoreError> {
        self.get(id).await?.ok_or_else(|| StoreError::NotFound {
            collection: self.spec.name,
            id: id.to_owned(),
        })
    }

    /// Some documents, by id. One that is not a `T` is left out and logged, so that it does not
    /// take the others with it.
    pub async fn page(&self, query: Query) -> Result<Page<T>, StoreError> {
        let raw = self.documents.page(self.spec, query).await?;
        let mut items = Vec::with_capacity(raw.items.len());
        for document in raw.items {
            match typed(self.spec, document) {
                Ok(stored) => items.push(stored),
                Err(e) => warn!(collection = self.spec.name, error = ?e, "{e}; left out"),
            }
        }
        Ok(Page {
            items,
            next: raw.next,
        })
    }

    /// The newest documents of which something holds, behind the one with the id of `query.after`, whose ids
    /// are of time: at most `wanted`, and with which id to go on; none where there are no more. Where
    /// [`LOOKED_AT_MAX`] were looked at, there may be fewer and yet more to come.
    pub async fn newest(
        &self,
        mut query: Query,
        wanted: usize,
        holds: impl Fn(&T) -> bool,
    ) -> Result<(Vec<T>, Option<String>), StoreError> {
        query.descending = true;
        query.limit = super::PAGE_LEN_MAX;
        let (mut found, mut looked_at) = (Vec::new(), 0);
        loop {
            let page = self.page(query.clone()).await?;
            for stored in page.items {
                looked_at += 1;
                query.after = Some(stored.id);
                if holds(&stored.body) {
                    found.push(stored.body);
                }
                if found.len() >= wanted {
                    return Ok((found, query.after));
                }
            }
            if page.next.is_none() {
                return Ok((found, None));
            }
            query.after = page.next;
            if looked_at >= LOOKED_AT_MAX {
                return Ok((found, query.after));
            }
        }
    }

    /// All documents that a query finds, page after page. For collections that are small by
    /// nature, or at the start.
    pub async fn all(&self, mut query: Query) -> Result<Vec<Stored<T>>, StoreError> {
        query.limit = super::PAGE_LEN_MAX;
        let mut all = Vec::new();
        loop {
            let page = self.page(query.clone()).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.documents.count(self.spec, None).await
    }

    /// Writes one document; answers its new revision.
    pub async fn put(&self, id: &str, expect: Expect, body: &T) -> Result<u64, StoreError> {
        let change = self.change(id, expect, body)?;
        let revisions = self.documents.write(vec![change]).await?;
        Ok(revisions.first().copied().unwrap_or(0))
    }

    /// Deletes one document.
    pub async fn delete(&self, id: &str, expect: Expect) -> Result<(), StoreError> {
        self.documents.write(vec![self.removal(id, expect)]).await?;
        Ok(())
    }

    /// The change that writes one document, to make together with others.
    pub fn change(&self, id: &str, expect: Expect, body: &T) -> Result<Change, StoreError> {
        Ok(Change::Put {
            collection: self.spec,
            id: id.to_owned(),
            expect,
            body: written(self.spec, id, body)?,
        })
    }

    /// The change that deletes one document, to make together with others.
    pub fn removal(&self, id: &str, expect: Expect) -> Change {
        Change::Delete {
            collection: self.spec,
            id: id.to_owned(),
            expect,
        }
    }
}

/// A document as a `T`; [`StoreError::Shape`] where it is none.
fn typed<T: DeserializeOwned>(
    spec: &CollectionSpec,
    document: Document,
) -> Result<Stored<T>, StoreError> {
    match serde_json::from_slice(&document.body) {
        Ok(body) => Ok(Stored {
            id: document.id,
            revision: document.revision,
            body,
        }),
        Err(source) => Err(StoreError::Shape {
            collection: spec.name,
            id: document.id,
            source: Arc::new(source),
        }),
    }
}

/// The JSON that is kept of a `T`.
fn written<T: Serialize>(spec: &CollectionSpec, id: &str, body: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(body).map_err(|source| StoreError::Shape {
        collection: spec.name,
        id: id.to_owned(),
        source: Arc::new(source),
    })
}
