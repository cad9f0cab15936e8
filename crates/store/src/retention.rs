//! How long samples are kept: policies by metric, tag of device and level of detail, and holds, which
//! keep whatever the policies say.
//!
//! Begin with [`Retention`]. What goes is decided by [`plan()`], which is pure: of files, of what is in
//! them, and of the [`Terms`], which are policies and holds held against the series that there are. A dry
//! run tells the plan, a pass (`pass`) carries it out: files in which all is over are removed, days in
//! which some series are over are written again without those. Samples go by whole UTC days. How a file
//! is removed or written again is the series' own (`series::retained`). Events and history have keeping of
//! their own.
//!
//! Where anything of this cannot be read (a document that is damaged, a pattern that cannot be
//! understood) nothing is removed at all: it may be what keeps.

mod archived;
mod hold;
mod keeping;
mod pass;
mod plan;
mod policy;
mod proof;
mod terms;
mod view;

pub use archived::{Archived, Archiving, OfDay, Proven};
pub use hold::{Columns, HOLDS_MAX, Held, HeldDevice, HeldSeries, Hold, REASON_LEN_MAX};
pub(crate) use keeping::Keeping;
pub use pass::{Pass, Planned, RetentionStats};
pub use plan::{Amount, Contents, FileFate, Look, Patch, Plan, plan};
pub use policy::{
    Detail, KEEP_DAYS_MAX, KEEP_DAYS_MIN, METRICS_LEN_MAX, POLICIES_MAX, POLICY_LIST_MAX,
    PRIORITY_MAX, Policy, PolicyError, PolicySet, metric_pattern,
};
pub use terms::{HeldBy, Terms};
pub use view::{DeviceView, View};

use crate::StoreError;
use crate::catalog;
use crate::deletion::DeleteError;
use crate::documents::{Collection, Documents, Expect, Query, Stored};
use crate::series::{Attached, Selected, Selection, Selector, SeriesError, SeriesStore};
use model::{DeviceId, HoldId, PolicyId, Timestamp};
use pass::{Accepted, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Policies, holds, and what was done by them. Cheap to clone.
#[derive(Clone)]
pub struct Retention {
    documents: Arc<dyn Documents>,
    policies: Collection<Policy>,
    holds: Collection<Hold>,
    held: Collection<HeldSeries>,
    accepted: Collection<Accepted>,
    // Never held across an await.
    guarded: Arc<Mutex<Guarded>>,
    state: Arc<Mutex<State>>,
    /// One pass at a time.
    passing: Arc<Semaphore>,
    /// One step of it at a time, and none while a hold is placed.
    steps: Arc<Semaphore>,
    /// One dry run at a time.
    previews: Arc<Semaphore>,
    archive: Arc<OnceLock<Arc<dyn Archiving>>>,
}

/// So that a device is not deleted while a hold is placed on it.
#[derive(Default)]
struct Guarded {
    /// All holds with what they meant, also those that are being placed.
    holds: BTreeMap<HoldId, Arc<Placed>>,
    /// Devices that are being deleted, and how often.
    deleting: BTreeMap<DeviceId, usize>,
}

/// A hold with what it meant when it was placed.
#[derive(Clone, Debug)]
struct Placed {
    hold: Hold,
    series: HeldSeries,
}

/// What is to be removed could not be told, or not be removed. Nothing that stays is lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// Policies or holds could not be read.
    #[error("policies and holds could not be read")]
    Documents(#[from] StoreError),
    /// Some of them are damaged.
    #[error(
        "{count} policies or holds are damaged: nothing is removed until an operator accepts that"
    )]
    Damaged {
        /// How many.
        count: usize,
    },
    /// A policy could not be understood.
    #[error("nothing is removed")]
    Policy(#[from] PolicyError),
    /// A hold could not be understood.
    #[error("the hold {id} cannot be understood: nothing is removed")]
    Hold {
        /// Which.
        id: HoldId,
        /// What is wrong with its selector.
        #[source]
        source: crate::series::SelectorError,
    },
    /// Files could not be read, removed or written.
    #[error("the series failed")]
    Series(#[from] SeriesError),
    /// A hold was placed, changed or released meanwhile.
    #[error("holds were changed meanwhile")]
    HoldsChanged,
    /// The archive did not say what it has, or could not be told what goes.
    #[error("the archive could not be asked, or told what goes")]
    Archive(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// It was broken off.
    #[error("it was broken off")]
    GivenUp,
}

/// A device is being deleted: no hold is placed on it until this is dropped.
#[must_use]
pub struct Deleting {
    guarded: Arc<Mutex<Guarded>>,
    device_id: DeviceId,
}

impl Drop for Deleting {
    fn drop(&mut self) {
        let mut guarded = lock(&self.guarded);
        if let Some(times) = guarded.deleting.get_mut(&self.device_id) {
            *times -= 1;
            if *times == 0 {
                guarded.deleting.remove(&self.device_id);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Retention {
    pub(crate) async fn load(documents: Arc<dyn Documents>) -> Result<Self, StoreError> {
        let retention = Self {
            policies: Collection::new(documents.clone(), &catalog::RETENTION_POLICIES),
            holds: Collection::new(documents.clone(), &catalog::RETENTION_HOLDS),
            held: Collection::new(documents.clone(), &catalog::RETENTION_HELD),
            accepted: Collection::new(documents.clone(), &catalog::SETTINGS),
            documents,
            guarded: Arc::default(),
            state: Arc::default(),
            passing: Arc::new(Semaphore::new(1)),
            steps: Arc::new(Semaphore::new(1)),
            previews: Arc::new(Semaphore::new(1)),
            archive: Arc::default(),
        };
        let holds = retention.holds.all(Query::default()).await?;
        for stored in holds {
            let series = retention.held.get(&stored.id).await;
            let placed = Placed {
                // What it meant is damaged: its selector says what it means now, and no pass is made.
                series: series.ok().flatten().map(|s| s.body).unwrap_or_default(),
                hold: stored.body,
            };
            let mut guarded = lock(&retention.guarded);
            guarded.holds.insert(placed.hold.id, Arc::new(placed));
        }
        Ok(retention)
    }

    /// From now on samples wait until they are archived; to be set once, before the first pass.
    pub fn set_archive(&self, archive: Arc<dyn Archiving>) {
        let _ = self.archive.set(archive);
    }

    /// The policies that decide, those that go before others first, each with its revision: 0 for a
    /// built-in one that nobody changed.
    pub async fn policies(&self) -> Result<Vec<Stored<Policy>>, StoreError> {
        let mut all = self.policies.all(Query::default()).await?;
        for built_in in Policy::built_in() {
            let id = built_in.id.to_string();
            match all.iter_mut().find(|stored| stored.id == id) {
                Some(changed) => {
                    let keep_days = changed.body.keep_days;
                    changed.body = Policy {
                        keep_days,
                        ..built_in
                    };
                }
                None => all.push(Stored {
                    id,
                    revision: 0,
                    body: built_in,
                }),
            }
        }
        Ok(all)
    }

    /// One of them; none where it is not there.
    pub async fn policy(&self, id: PolicyId) -> Result<Option<Stored<Policy>>, StoreError> {
        let all = self.policies().await?;
        Ok(all.into_iter().find(|stored| stored.body.id == id))
    }

    /// Writes a policy; answers its revision. [`StoreError::Duplicate`] where another has its name.
    pub async fn put_policy(&self, policy: &Policy, expect: Expect) -> Result<u64, StoreError> {
        let id = policy.id.to_string();
        let expect = match expect {
            // A built-in one that nobody changed.
            Expect::Revision(0) => Expect::Absent,
            expect => expect,
        };
        self.policies.put(&id, expect, policy).await
    }

    /// Deletes a policy; a built-in one is again as it was.
    pub async fn delete_policy(&self, id: PolicyId, expect: Expect) -> Result<(), StoreError> {
        self.policies.delete(&id.to_string(), expect).await
    }

    /// All holds, by id.
    pub async fn holds(&self) -> Result<Vec<Stored<Hold>>, StoreError> {
        self.holds.all(Query::default()).await
    }

    /// One hold; none where it is not there.
    pub async fn hold(&self, id: HoldId) -> Result<Option<Stored<Hold>>, StoreError> {
        self.holds.get(&id.to_string()).await
    }

    /// The series that a hold meant when it was placed.
    pub fn held(&self, id: HoldId) -> HeldSeries {
        let guarded = lock(&self.guarded);
        let placed = guarded.holds.get(&id);
        placed
            .map(|placed| placed.series.clone())
            .unwrap_or_default()
    }

    /// Places a hold, with the series that its selector means now; answers its revision. It holds from
    /// before it is durable on.
    pub async fn place(
        &self,
        hold: &Hold,
        selector: Selector,
        series: &SeriesStore,
        attached: Arc<Attached>,
    ) -> Result<u64, StoreError> {
        let found = blocking(series, selector, attached).await;
        let mut meant = HeldSeries::of(&found.series, |device_id| series.count_of(device_id));
        let placed = {
            let mut guarded = lock(&self.guarded);
            let going = &guarded.deleting;
            meant
                .devices
                .retain(|device| !going.contains_key(&device.device_id));
            let placed = Arc::new(Placed {
                hold: hold.clone(),
                series: meant,
            });
            guarded.holds.insert(hold.id, Arc::clone(&placed));
            placed
        };
        // What is under way may not know of it. What begins from now on does.
        drop(self.steps.acquire().await);
        let written = self.write_hold(&placed).await;
        if written.is_err() {
            lock(&self.guarded).holds.remove(&hold.id);
        }
        written
    }

    async fn write_hold(&self, placed: &Placed) -> Result<u64, StoreError> {
        let id = placed.hold.id.to_string();
        let changes = vec![
            self.holds.change(&id, Expect::Absent, &placed.hold)?,
            self.held.change(&id, Expect::Any, &placed.series)?,
        ];
        let revisions = self.documents.write(changes).await?;
        Ok(revisions.first().copied().unwrap_or(0))
    }

    /// Changes the range or the reason of a hold; answers its revision. Its series stay.
    pub async fn change_hold(&self, hold: &Hold, expect: Expect) -> Result<u64, StoreError> {
        let written = self.holds.put(&hold.id.to_string(), expect, hold).await?;
        self.show(hold);
        // What is under way may know the range of before.
        drop(self.steps.acquire().await);
        Ok(written)
    }

    fn show(&self, hold: &Hold) {
        if let Some(placed) = lock(&self.guarded).holds.get_mut(&hold.id) {
            let series = placed.series.clone();
            *placed = Arc::new(Placed {
                hold: hold.clone(),
                series,
            });
        }
    }

    /// Releases a hold.
    pub async fn release(&self, id: HoldId, expect: Expect) -> Result<(), StoreError> {
        let key = id.to_string();
        let changes = vec![
            self.holds.removal(&key, expect),
            self.held.removal(&key, Expect::Any),
        ];
        self.documents.write(changes).await?;
        lock(&self.guarded).holds.remove(&id);
        Ok(())
    }

    /// Whether a device may be deleted: not where a hold means any of its series, or meant one when it
    /// was placed. No hold is placed on it while what is answered lives.
    pub async fn may_delete(
        &self,
        device_id: DeviceId,
        series: &SeriesStore,
        attached: impl FnOnce() -> Arc<Attached>,
    ) -> Result<Deleting, StoreError> {
        let held = |hold: &Hold| StoreError::Held {
            device_id,
            hold_id: hold.id,
            reason: hold.reason.clone(),
        };
        let (deleting, holds) = {
            let mut guarded = lock(&self.guarded);
            let by = guarded
                .holds
                .values()
                .find(|placed| placed.series.has(device_id));
            if let Some(placed) = by {
                return Err(held(&placed.hold));
            }
            *guarded.deleting.entry(device_id).or_default() += 1;
            let holds: Vec<Arc<Placed>> = guarded.holds.values().cloned().collect();
            let deleting = Deleting {
                guarded: Arc::clone(&self.guarded),
                device_id,
            };
            (deleting, holds)
        };
        if holds.is_empty() {
            return Ok(deleting);
        }
        let attached = attached();
        for placed in holds {
            // One that cannot be understood holds everything.
            let Ok(selector) = placed.hold.selector.parse() else {
                return Err(held(&placed.hold));
            };
            let found = blocking(series, selector, attached.clone()).await;
            if found.series.iter().any(|one| one.device_id == device_id) {
                return Err(held(&placed.hold));
            }
        }
        Ok(deleting)
    }
}

impl Retention {
    /// No hold is placed while what is answered lives.
    pub(crate) async fn no_hold_meanwhile(&self) -> Result<OwnedSemaphorePermit, DeleteError> {
        let permit = self.steps.clone().acquire_owned().await;
        permit.map_err(|_| DeleteError::Holds(Box::new(RetentionError::GivenUp)))
    }

    /// Whether samples of series in `[from, to)` may be deleted: not where a hold keeps any of them, or
    /// it cannot be told whether one does. No hold is placed while what is answered lives.
    pub(crate) async fn may_lose(
        &self,
        series: &SeriesStore,
        attached: Arc<Attached>,
        meant: &[Selection],
        (from, to): (Timestamp, Timestamp),
    ) -> Result<OwnedSemaphorePermit, DeleteError> {
        let unsure = |error: RetentionError| DeleteError::Holds(Box::new(error));
        let permit = self.no_hold_meanwhile().await?;
        let holds = self.sound_holds().await.map_err(unsure)?;
        for placed in holds {
            let Hold {
                id,
                from: since,
                to: until,
                ..
            } = placed.hold;
            let meets =
                since.is_none_or(|since| since < to) && until.is_none_or(|until| until > from);
            if !meets {
                continue;
            }
            let selector = placed.hold.selector.parse();
            let selector =
                selector.map_err(|source| unsure(RetentionError::Hold { id, source }))?;
            let found = blocking(series, selector, attached.clone()).await;
            let held = placed.series.with(&found.series);
            let is_held = |one: &&Selection| {
                let of = held.get(&one.device_id);
                of.is_some_and(|columns| columns.has(one.column))
            };
            if let Some(one) = meant.iter().find(is_held) {
                return Err(DeleteError::Held {
                    device_id: one.device_id,
                    hold_id: id,
                    reason: placed.hold.reason.clone(),
                });
            }
        }
        Ok(permit)
    }
}

/// All that a selector means, where asking holds nobody up.
async fn blocking(series: &SeriesStore, selector: Selector, attached: Arc<Attached>) -> Selected {
    let series = series.clone();
    let asked = tokio::task::spawn_blocking(move || series.all_of(&selector, &attached));
    match asked.await {
        Ok(found) => found,
        // It is never cancelled; what is left is a panic, which goes on here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
