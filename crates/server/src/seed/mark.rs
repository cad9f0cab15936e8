//! The mark of a store whose history is made up: kept among its settings, so that it is never taken
//! for a real one.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use sim::Scenario;
use std::time::Duration;
use store::documents::Expect;
use store::{Store, StoreError};

/// Under which name it is kept.
const NAME: &str = "seeded_history";

/// That and how a store was seeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Name of the simulated network.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// When the store was marked, empty as it was.
    pub marked_at: Timestamp,
    /// Where the made history begins.
    pub from: Timestamp,
    /// Where it ends: from here on devices were polled.
    pub until: Option<Timestamp>,
    /// When it was made; none until then.
    pub done_at: Option<Timestamp>,
}

impl Mark {
    pub(super) fn new(scenario: &Scenario, span: Duration, now: Timestamp) -> Self {
        Self {
            name: scenario.name.clone(),
            seed: scenario.seed,
            marked_at: now,
            from: now.minus(span),
            until: None,
            done_at: None,
        }
    }

    pub(super) fn is_of(&self, scenario: &Scenario) -> bool {
        self.name == scenario.name && self.seed == scenario.seed
    }
}

/// The mark of a store; none where nothing in it is made up.
pub async fn read(store: &Store) -> Result<Option<Mark>, StoreError> {
    let kept = store.settings.get::<Mark>(NAME).await?;
    Ok(kept.map(|kept| kept.body))
}

pub(super) async fn keep(store: &Store, mark: &Mark) -> Result<(), StoreError> {
    store.settings.set(NAME, Expect::Any, mark).await?;
    Ok(())
}
