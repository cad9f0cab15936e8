//! Checks of services, as operators typed them, and how each service is. Both are in memory too; of
//! how a service is, what is kept changes with its status alone.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Collection, Documents, Expect, Query, Stored};
use model::check::{CheckState, Outcome, ServiceCheck};
use model::{CheckId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tracing::warn;

/// The checks. Cheap to clone.
#[derive(Clone)]
pub struct Checks {
    documents: Arc<dyn Documents>,
    typed: Collection<ServiceCheck>,
    states: Collection<CheckState>,
    // Never held across an await.
    view: Arc<RwLock<View>>,
    /// Grows with each change by an operator.
    changes: Arc<AtomicU64>,
}

#[derive(Default)]
struct View {
    typed: BTreeMap<CheckId, Arc<Stored<ServiceCheck>>>,
    states: HashMap<CheckId, CheckState>,
}

impl Checks {
    pub(crate) async fn load(documents: Arc<dyn Documents>) -> Result<Self, StoreError> {
        let checks = Self {
            typed: Collection::new(documents.clone(), &catalog::CHECKS),
            states: Collection::new(documents.clone(), &catalog::CHECK_STATES),
            documents,
            view: Arc::default(),
            changes: Arc::default(),
        };
        let typed = checks.typed.all(Query::default()).await?;
        let states = checks.states.all(Query::default()).await?;
        checks.alter(|view| {
            let states = states.into_iter();
            view.states = states
                .filter_map(|stored| Some((stored.id.parse().ok()?, stored.body)))
                .collect();
            view.typed = typed
                .into_iter()
                .map(|stored| (stored.body.id, Arc::new(stored)))
                .collect();
        });
        Ok(checks)
    }

    /// Another number after each change by an operator. To be asked for before the list.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// All checks by id, and how each service is.
    pub fn list(&self) -> Vec<(Arc<Stored<ServiceCheck>>, CheckState)> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let state = |id| view.states.get(id).cloned().unwrap_or_default();
        let all = view.typed.iter();
        all.map(|(id, stored)| (stored.clone(), state(id)))
            .collect()
    }

    /// One check and how its service is; none where it is not there.
    pub fn get(&self, id: CheckId) -> Option<(Arc<Stored<ServiceCheck>>, CheckState)> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let state = view.states.get(&id).cloned().unwrap_or_default();
        Some((view.typed.get(&id)?.clone(), state))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.typed.len() as u64
    }

    /// Writes a check. [`StoreError::Duplicate`] where another has its name.
    pub async fn put(&self, check: ServiceCheck, expect: Expect) -> Result<(), StoreError> {
        let id = check.id;
        let revision = self.typed.put(&id.to_string(), expect, &check).await?;
        let stored = Arc::new(Stored {
            id: id.to_string(),
            revision,
            body: check,
        });
        self.alter(|view| {
            let newer = |there: &Arc<Stored<ServiceCheck>>| there.revision < revision;
            if view.typed.get(&id).is_none_or(newer) {
                view.typed.insert(id, stored);
            }
        });
        self.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Deletes a check.
    pub async fn delete(&self, id: CheckId, expect: Expect) -> Result<(), StoreError> {
        let key = id.to_string();
        let changes = vec![
            self.typed.removal(&key, expect),
            self.states.removal(&key, Expect::Any),
        ];
        self.documents.write(changes).await?;
        self.alter(|view| {
            view.typed.remove(&id);
            view.states.remove(&id);
        });
        self.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Takes in what came of a check that began with a revision of it: nothing where it was changed or
    /// deleted meanwhile. It is written where the status is another than before; where that fails it
    /// is seen nonetheless.
    pub async fn set_outcome(&self, id: CheckId, revision: u64, outcome: Outcome, at: Timestamp) {
        let Some((typed, before)) = self.get(id) else {
            return;
        };
        if typed.revision != revision {
            return;
        }
        let same = before.since.is_some() && before.outcome.status == outcome.status;
        let state = CheckState {
            since: if same { before.since } else { Some(at) },
            outcome,
            checked_at: Some(at),
        };
        if !same {
            match self.keep(id, revision, &state).await {
                Ok(()) => {}
                Err(StoreError::RevisionConflict { .. } | StoreError::NotFound { .. }) => return,
                Err(error) => {
                    warn!(check.id = %id, error = %error, "how a service is was seen and not kept");
                }
            }
        }
        self.alter(|view| {
            let typed = view.typed.get(&id);
            if typed.is_some_and(|typed| typed.revision == revision) {
                view.states.insert(id, state);
            }
        });
    }

    async fn keep(&self, id: CheckId, revision: u64, state: &CheckState) -> Result<(), StoreError> {
        let key = id.to_string();
        let changes = vec![
            Change::Require {
                collection: &catalog::CHECKS,
                id: key.clone(),
                expect: Expect::Revision(revision),
            },
            self.states.change(&key, Expect::Any, state)?,
        ];
        self.documents.write(changes).await.map(drop)
    }

    fn alter(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }
}
