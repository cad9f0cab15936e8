//! What is kept of each archived day, also where the archive itself is not built in or not named now:
//! retention looks at it.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query};
use crate::retention::{Archived, Archiving, OfDay, Proven};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;

/// What is known of a day in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArchivedDay {
    /// Where the day begins.
    pub day: Timestamp,
    /// Which of its revisions counts.
    pub revision: u64,
    /// The packs that it was made of, or those that took their place here and hold nothing besides: of each
    /// the name of its file, its octets and its checksum.
    pub source: Vec<String>,
    /// Samples in it.
    pub samples: u64,
    /// Series in it.
    pub series: u64,
    /// Octets of its files.
    pub bytes: u64,
    /// When it was archived.
    pub archived_at: Timestamp,
    /// Not all of it is here any more, as it was removed or lost, so that reading it whole takes the archive.
    pub thinned: bool,
    /// It was restored, and retention leaves it alone until then.
    pub restored_until: Option<Timestamp>,
    /// What of it was found damaged.
    pub damaged: Option<String>,
    /// Columns of its packs that are not in it, as nobody knew their series.
    #[serde(default)]
    pub unknown_columns: u64,
}

impl ArchivedDay {
    /// A pack takes the place of others here and holds nothing that they do not. A day that is whole here is
    /// archived anew instead. They stay beside it, as it may come to nothing.
    pub(crate) fn replaced(&mut self, packs: &[String], by: &str) {
        let is_there = |stamp: &String| self.source.contains(stamp);
        if self.thinned && !packs.is_empty() && packs.iter().all(is_there) {
            self.source = packs.to_vec();
            self.source.push(by.to_owned());
        }
    }
}

/// Archived days while no archive is used: nothing waits for it, nothing is read of it. What retention
/// removes of them here is noted all the same, so that it is read there once the archive is used again.
pub(crate) struct Shut {
    kept: Collection<ArchivedDay>,
    /// By day, with the id of the document.
    days: Mutex<BTreeMap<Timestamp, (String, ArchivedDay)>>,
    runtime: Handle,
}

impl Shut {
    /// The days that are known; to be called on a runtime.
    pub(crate) async fn load(documents: Arc<dyn Documents>) -> Result<Self, StoreError> {
        let kept: Collection<ArchivedDay> = Collection::new(documents, &catalog::ARCHIVED_DAYS);
        let all = kept.all(Query::default()).await?.into_iter();
        let days = all.map(|stored| (stored.body.day, (stored.id, stored.body)));
        Ok(Self {
            days: Mutex::new(days.collect()),
            kept,
            runtime: Handle::current(),
        })
    }

    /// How many days are known.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Timestamp, (String, ArchivedDay)>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a day, durably first, or in memory alone where a disk may be full.
    fn change(
        &self,
        (day, may_be_full): (Timestamp, bool),
        change: impl FnOnce(&mut ArchivedDay),
    ) -> Result<(), Arc<dyn Error + Send + Sync>> {
        let mut days = self.lock();
        let Some((id, known)) = days.get_mut(&day) else {
            return Ok(());
        };
        let mut changed = known.clone();
        change(&mut changed);
        if changed == *known {
            return Ok(());
        }
        let put = self.kept.put(id, Expect::Any, &changed);
        let put = self.runtime.block_on(put);
        if put.is_ok() || matches!(&put, Err(StoreError::Full { .. }) if may_be_full) {
            *known = changed;
            return Ok(());
        }
        put.map(drop)
            .map_err(|error| -> Arc<dyn Error + Send + Sync> { Arc::new(error) })
    }
}

impl Archiving for Shut {
    fn archived(&self) -> Archived {
        let days = self.lock();
        let days = days.iter().map(|(day, (_, known))| {
            let of_day = OfDay {
                revision: known.revision,
                packs: known.source.iter().cloned().collect(),
                is_thinned: known.thinned,
                restored_until: None,
            };
            (*day, of_day)
        });
        Archived::shut(days.collect())
    }

    fn prove(&self, _: Timestamp) -> Result<Option<Proven>, Arc<dyn Error + Send + Sync>> {
        Ok(None)
    }

    fn thin(&self, day: Timestamp) -> Result<(), Arc<dyn Error + Send + Sync>> {
        self.change((day, true), |known| known.thinned = true)
    }

    fn replace(
        &self,
        day: Timestamp,
        packs: &[String],
        by: &str,
    ) -> Result<(), Arc<dyn Error + Send + Sync>> {
        self.change((day, false), |known| known.replaced(packs, by))
    }
}
