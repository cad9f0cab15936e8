//! What is known of archived days: in memory, and as documents. It is a cache of what the archive has, but
//! for what is said of days here: whether they are still whole, and whether they were restored.

use super::ArchiveError;
use super::manifest::day_name;
use crate::ArchivedDay;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query};
use arc_swap::ArcSwap;
use model::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

pub(super) type Known = BTreeMap<Timestamp, ArchivedDay>;

pub(super) struct Days {
    kept: Collection<ArchivedDay>,
    known: ArcSwap<Known>,
    /// Held while one is changed.
    changing: Mutex<()>,
}

impl Days {
    pub(super) async fn load(documents: Arc<dyn Documents>) -> Result<Self, ArchiveError> {
        let kept: Collection<ArchivedDay> = Collection::new(documents, &catalog::ARCHIVED_DAYS);
        let all = kept.all(Query::default()).await?;
        let known: Known = all
            .into_iter()
            .map(|day| (day.body.day, day.body))
            .collect();
        Ok(Self {
            kept,
            known: ArcSwap::from_pointee(known),
            changing: Mutex::const_new(()),
        })
    }

    pub(super) fn all(&self) -> Arc<Known> {
        self.known.load_full()
    }

    pub(super) fn get(&self, day: Timestamp) -> Option<ArchivedDay> {
        self.known.load().get(&day).cloned()
    }

    /// The greatest revision.
    pub(super) fn greatest(&self) -> Option<u64> {
        self.known.load().values().map(|day| day.revision).max()
    }

    /// Takes a day in, durably first.
    pub(super) async fn put(&self, day: ArchivedDay) -> Result<(), ArchiveError> {
        let _alone = self.changing.lock().await;
        self.write(day).await
    }

    async fn write(&self, day: ArchivedDay) -> Result<(), ArchiveError> {
        let id = day_name(day.day).unwrap_or_else(|| day.day.to_string());
        self.kept.put(&id, Expect::Any, &day).await?;
        let mut known = Known::clone(&self.known.load());
        known.insert(day.day, day);
        self.known.store(Arc::new(known));
        Ok(())
    }

    /// Changes what is known of a day; says whether there is one.
    pub(super) async fn change(
        &self,
        day: Timestamp,
        change: impl FnOnce(&mut ArchivedDay) + Send,
    ) -> Result<bool, ArchiveError> {
        let _alone = self.changing.lock().await;
        let Some(mut known) = self.get(day) else {
            return Ok(false);
        };
        let before = known.clone();
        change(&mut known);
        if known != before {
            self.write(known).await?;
        }
        Ok(true)
    }

    /// Takes what a look at the archive found in place of what was known.
    pub(super) async fn replace(&self, found: Known) -> Result<(), ArchiveError> {
        let _alone = self.changing.lock().await;
        let before = self.all();
        for day in before.keys().filter(|day| !found.contains_key(*day)) {
            let id = day_name(*day).unwrap_or_else(|| day.to_string());
            match self.kept.delete(&id, Expect::Any).await {
                Err(crate::StoreError::NotFound { .. }) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (day, about) in &found {
            if before.get(day) != Some(about) {
                let id = day_name(*day).unwrap_or_else(|| day.to_string());
                self.kept.put(&id, Expect::Any, about).await?;
            }
        }
        self.known.store(Arc::new(found));
        Ok(())
    }
}
