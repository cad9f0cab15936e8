//! Addresses that an operator does not want to be offered as devices.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query};
use model::Timestamp;
use model::candidate::Ignored;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Most addresses that are ignored one by one; a network is left out by not allowing it.
pub const IGNORED_MAX: u64 = 10_000;

/// The addresses. Cheap to clone.
#[derive(Clone)]
pub struct IgnoredCandidates(Collection<Ignored>);

impl IgnoredCandidates {
    pub(crate) fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents, &catalog::IGNORED_CANDIDATES))
    }

    /// All of them, and since when.
    pub async fn all(&self) -> Result<HashMap<IpAddr, Timestamp>, StoreError> {
        let all = self.0.all(Query::default()).await?;
        let row = |stored: crate::documents::Stored<Ignored>| (stored.body.address, stored.body.at);
        Ok(all.into_iter().map(row).collect())
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.0.count().await
    }

    /// Ignores an address. One that is ignored stays so since when it was.
    pub async fn put(&self, address: IpAddr, at: Timestamp) -> Result<(), StoreError> {
        let ignored = Ignored { address, at };
        match self
            .0
            .put(&address.to_string(), Expect::Absent, &ignored)
            .await
        {
            Ok(_) | Err(StoreError::RevisionConflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ignores it no longer; nothing where it was not ignored.
    pub async fn delete(&self, address: IpAddr) -> Result<(), StoreError> {
        self.0.delete(&address.to_string(), Expect::Any).await
    }
}
