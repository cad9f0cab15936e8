//! What is known of archived days: in memory, and as documents. It is a cache of what the archive has, but
//! for what is said of days here: whether they are still whole, and whether they were restored.

use super::manifest::day_name;
use super::{ArchiveError, Installation};
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query};
use crate::{ArchivedDay, StoreError};
use arc_swap::ArcSwap;
use model::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Where whose archive the days are of is kept, among the settings; it is not where it is our own.
const OWNER_OF_DAYS: &str = "archive_owner_of_days";

pub(super) type Known = BTreeMap<Timestamp, ArchivedDay>;

pub(super) struct Days {
    kept: Collection<ArchivedDay>,
    owner: Collection<Installation>,
    known: ArcSwap<Known>,
    /// Held while one is changed.
    changing: Mutex<()>,
}

impl Days {
    pub(super) async fn load(documents: Arc<dyn Documents>) -> Result<Self, ArchiveError> {
        let owner = Collection::new(Arc::clone(&documents), &catalog::SETTINGS);
        let kept: Collection<ArchivedDay> = Collection::new(documents, &catalog::ARCHIVED_DAYS);
        let all = kept.all(Query::default()).await?;
        let known: Known = all
            .into_iter()
            .map(|day| (day.body.day, day.body))
            .collect();
        Ok(Self {
            kept,
            owner,
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

    /// Whose archive the days are of, where that was said.
    pub(super) async fn owner(&self) -> Result<Option<String>, ArchiveError> {
        let said = self.owner.get(OWNER_OF_DAYS).await?;
        Ok(said.map(|said| said.body.id))
    }

    /// The days, and those that are found from now on, are of the archive of an installation.
    pub(super) async fn are_of(&self, id: String) -> Result<(), ArchiveError> {
        let owner = Installation { id };
        self.owner.put(OWNER_OF_DAYS, Expect::Any, &owner).await?;
        Ok(())
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
        self.know(day);
        Ok(())
    }

    fn know(&self, day: ArchivedDay) {
        let mut known = Known::clone(&self.known.load());
        known.insert(day.day, day);
        self.known.store(Arc::new(known));
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

    /// Something of a day goes here. Where there is no room to keep that it is known until the next start,
    /// which finds the day by the packs that are not here any more.
    pub(super) async fn thin(&self, day: Timestamp) -> Result<(), ArchiveError> {
        let _alone = self.changing.lock().await;
        let Some(known) = self.get(day).filter(|known| !known.thinned) else {
            return Ok(());
        };
        let thinned = ArchivedDay {
            thinned: true,
            ..known
        };
        match self.write(thinned.clone()).await {
            Err(ArchiveError::Documents(StoreError::Full { .. })) => {
                self.know(thinned);
                Ok(())
            }
            written => written,
        }
    }

    /// Takes what a look at the archive found, day by day: what is said meanwhile of a day here stays. A
    /// day of which nothing was found is known no longer.
    pub(super) async fn take(
        &self,
        found: BTreeMap<Timestamp, Looked>,
    ) -> Result<(), ArchiveError> {
        let _alone = self.changing.lock().await;
        let before = self.all();
        for day in before.keys().filter(|day| !found.contains_key(*day)) {
            let id = day_name(*day).unwrap_or_else(|| day.to_string());
            match self.kept.delete(&id, Expect::Any).await {
                Err(StoreError::NotFound { .. }) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
            let mut known = Known::clone(&self.known.load());
            known.remove(day);
            self.known.store(Arc::new(known));
        }
        for (day, looked) in found {
            let known = before.get(&day);
            if let Some(now) = looked.over(known).filter(|now| known != Some(now)) {
                self.write(now).await?;
            }
        }
        Ok(())
    }
}

/// What a look at the archive found of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// The revision that is known.
    Same,
    /// Another one counts.
    Other(ArchivedDay),
    /// The revision that is known is not there, or not sound, and no other is.
    Damaged(String),
}

impl Looked {
    /// What is known of the day from now on.
    fn over(self, known: Option<&ArchivedDay>) -> Option<ArchivedDay> {
        let Some(known) = known else {
            return match self {
                Self::Other(found) => Some(found),
                Self::Same | Self::Damaged(_) => None,
            };
        };
        Some(match self {
            Self::Same => known.clone(),
            Self::Other(found) => ArchivedDay {
                // What was there before has no more than what is known, of which all is here or not. Of
                // what came after it nobody here knows.
                thinned: known.thinned || (found.revision > known.revision && found.thinned),
                restored_until: known.restored_until,
                ..found
            },
            Self::Damaged(what) => ArchivedDay {
                damaged: Some(known.damaged.clone().unwrap_or(what)),
                ..known.clone()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(revision: u64, thinned: bool) -> ArchivedDay {
        ArchivedDay {
            day: Timestamp::from_unix_ms(0),
            revision,
            source: Vec::new(),
            samples: 1,
            series: 1,
            bytes: 1,
            archived_at: Timestamp::from_unix_ms(0),
            thinned,
            restored_until: None,
            damaged: None,
            unknown_columns: 0,
        }
    }

    #[test]
    fn what_is_said_of_a_day_here_outlives_a_look() {
        let restored = ArchivedDay {
            restored_until: Some(Timestamp::from_unix_ms(9)),
            ..known(5, true)
        };
        assert_eq!(Looked::Same.over(Some(&restored)), Some(restored.clone()));
        for (before, found, thinned) in [
            (known(5, true), known(6, false), true),
            (known(5, false), known(6, true), true),
            (known(5, false), known(6, false), false),
            // An older one, of which all is here as well.
            (known(5, false), known(4, true), false),
        ] {
            let now = Looked::Other(found.clone()).over(Some(&before)).unwrap();
            assert_eq!((now.revision, now.thinned), (found.revision, thinned));
        }
        let now = Looked::Other(known(6, true)).over(Some(&restored)).unwrap();
        assert_eq!(now.restored_until, restored.restored_until);
        let gone = Looked::Damaged("gone".to_owned());
        let now = gone.clone().over(Some(&restored)).unwrap();
        assert_eq!(now.damaged.as_deref(), Some("gone"));
        assert_eq!((gone.over(None), Looked::Same.over(None)), (None, None));
    }
}
