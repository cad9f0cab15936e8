//! Schedules of discoveries: what an operator typed, and apart from it when they ran and run next.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query, Stored};
use model::ScheduleId;
use model::schedule::{Schedule, ScheduleState};
use std::collections::HashMap;
use std::sync::Arc;

/// Most schedules: one for each site of a large network.
pub const SCHEDULES_MAX: u64 = 1_000;

/// The schedules. Cheap to clone.
#[derive(Clone)]
pub struct Schedules {
    documents: Arc<dyn Documents>,
    typed: Collection<Schedule>,
    states: Collection<ScheduleState>,
}

impl Schedules {
    pub(crate) fn new(documents: Arc<dyn Documents>) -> Self {
        Self {
            typed: Collection::new(documents.clone(), &catalog::SCHEDULES),
            states: Collection::new(documents.clone(), &catalog::SCHEDULE_STATES),
            documents,
        }
    }

    /// All schedules, by id.
    pub async fn list(&self) -> Result<Vec<Stored<Schedule>>, StoreError> {
        self.typed.all(Query::default()).await
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.typed.count().await
    }

    /// One schedule; none where it is not there.
    pub async fn get(&self, id: ScheduleId) -> Result<Option<Stored<Schedule>>, StoreError> {
        self.typed.get(&id.to_string()).await
    }

    /// Writes a schedule; answers its revision. [`StoreError::Duplicate`] where another has its
    /// name.
    pub async fn put(&self, schedule: &Schedule, expect: Expect) -> Result<u64, StoreError> {
        let id = schedule.id.to_string();
        self.typed.put(&id, expect, schedule).await
    }

    /// Deletes a schedule; its runs stay.
    pub async fn delete(&self, id: ScheduleId, expect: Expect) -> Result<(), StoreError> {
        let id = id.to_string();
        let changes = vec![
            self.typed.removal(&id, expect),
            self.states.removal(&id, Expect::Any),
        ];
        self.documents.write(changes).await?;
        Ok(())
    }

    /// How each schedule is, by id; of one that never was looked at there is none.
    pub async fn states(&self) -> Result<HashMap<ScheduleId, ScheduleState>, StoreError> {
        let all = self.states.all(Query::default()).await?;
        Ok(all
            .into_iter()
            .filter_map(|stored| Some((stored.id.parse().ok()?, stored.body)))
            .collect())
    }

    /// How a schedule is.
    pub async fn state(&self, id: ScheduleId) -> Result<ScheduleState, StoreError> {
        let stored = self.states.get(&id.to_string()).await?;
        Ok(stored.map(|stored| stored.body).unwrap_or_default())
    }

    /// Writes how a schedule is. The schedule must be there.
    pub async fn set_state(&self, id: ScheduleId, state: &ScheduleState) -> Result<(), StoreError> {
        let key = id.to_string();
        let changes = vec![
            crate::documents::Change::Require {
                collection: &catalog::SCHEDULES,
                id: key.clone(),
                expect: Expect::Present,
            },
            self.states.change(&key, Expect::Any, state)?,
        ];
        self.documents.write(changes).await?;
        Ok(())
    }
}
