//! Rules for what discoveries find, as operators typed them.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query, Stored};
use model::RuleId;
use model::rule::Rule;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The rules. Cheap to clone.
#[derive(Clone)]
pub struct Rules {
    typed: Collection<Rule>,
    /// Grows with each change.
    changes: Arc<AtomicU64>,
}

impl Rules {
    pub(crate) fn new(documents: Arc<dyn Documents>) -> Self {
        Self {
            typed: Collection::new(documents, &catalog::DISCOVERY_RULES),
            changes: Arc::default(),
        }
    }

    /// Another number after each change, so that whoever read the rules knows whether to read them
    /// anew. To be asked for before they are read.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// All rules, by id.
    pub async fn list(&self) -> Result<Vec<Stored<Rule>>, StoreError> {
        self.typed.all(Query::default()).await
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.typed.count().await
    }

    /// One rule; none where it is not there.
    pub async fn get(&self, id: RuleId) -> Result<Option<Stored<Rule>>, StoreError> {
        self.typed.get(&id.to_string()).await
    }

    /// Writes a rule; answers its revision. [`StoreError::Duplicate`] where another has its name.
    pub async fn put(&self, rule: &Rule, expect: Expect) -> Result<u64, StoreError> {
        let written = self.typed.put(&rule.id.to_string(), expect, rule).await;
        self.changes.fetch_add(1, Ordering::Release);
        written
    }

    /// Deletes a rule.
    pub async fn delete(&self, id: RuleId, expect: Expect) -> Result<(), StoreError> {
        let deleted = self.typed.delete(&id.to_string(), expect).await;
        self.changes.fetch_add(1, Ordering::Release);
        deleted
    }
}
