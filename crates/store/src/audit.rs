//! Who changed or took what was measured, when, and how much of it.
//!
//! What takes long or cannot be undone is written down twice: as *begun* before anything of it is done,
//! and as done with its counts afterwards. What was begun when the server stopped is told as failed at the
//! next start. Entries are never changed otherwise, and nobody can delete them before their time.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, PAGE_LEN_MAX, Query};
use model::{AuditId, Clock, JobId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::warn;

/// How long entries are kept: an audit of a year is made some weeks after its end.
pub const AUDIT_KEPT_FOR: Duration = Duration::from_hours(24 * 400);
/// Entries that are kept; the oldest go.
pub const AUDIT_ENTRIES_MAX: u64 = 100_000;
/// Longest text of an entry, in characters.
pub const AUDIT_TEXT_LEN_MAX: usize = 1_000;
/// What one user writes over in so long is one entry: a program that sends the same times again and again
/// must not push all others out.
const WRITTEN_OVER_TOGETHER: Duration = Duration::from_hours(1);
/// Users of whom that is remembered; of others it is an entry each.
const WRITERS_MAX: usize = 1_000;
/// Said of samples that were written over as they were measured.
const WRITTEN_OVER: &str = "samples that were there were sent again with another value";
/// How often the old ones are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_hours(24);
/// Said of what was begun when the server stopped.
const BROKEN_OFF: &str = "broken off; it may be done in part";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// Samples of a range were deleted.
    DeleteSamples,
    /// Samples were written again, or added to the past.
    CorrectSamples,
    /// Samples were imported.
    ImportSamples,
    /// Samples were exported.
    ExportSamples,
    /// Days were restored from the archive.
    Restore,
    /// The archive of another installation was taken over.
    Adopt,
    /// How long samples are kept was changed.
    Policy,
    /// A hold was placed, changed or released.
    Hold,
    /// A metric was made, changed or deleted.
    Metric,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditState {
    /// It is being done.
    Begun,
    /// It was done.
    Done,
    /// It was not done, or in part.
    Failed,
    /// It was not allowed; nothing was done.
    Refused,
}

/// How much of it there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct AuditCounts {
    /// Devices.
    pub devices: u64,
    /// Series.
    pub series: u64,
    /// Samples: of a deletion those that were there, of writing those that were taken.
    pub samples: u64,
    /// Samples that took the place of another value.
    pub replaced: u64,
    /// Samples that were refused.
    pub refused: u64,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// The id.
    pub id: AuditId,
    /// When it began.
    pub at: Timestamp,
    /// When it ended; not given while it is being done.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Who: the id of the user; not given where the server did it by itself.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// Who: the name as it was.
    pub by: String,
    /// What.
    pub action: AuditAction,
    /// Of which series, as a selector, where it was of some.
    #[serde(default)]
    pub selector: Option<String>,
    /// From when on, where it was of a range.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Until when, not itself.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// The job that did it, where one did.
    #[serde(default)]
    pub job_id: Option<JobId>,
    /// How it stands.
    pub state: AuditState,
    /// How much.
    #[serde(default)]
    pub counts: AuditCounts,
    /// Why, in the words of who did it, and what else there is to say.
    #[serde(default)]
    pub detail: Option<String>,
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user; none where it is the server itself.
    pub user_id: Option<UserId>,
    /// The name.
    pub name: String,
}

/// What is begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct What {
    /// What.
    pub action: AuditAction,
    /// Of which series.
    pub selector: Option<String>,
    /// Of which range.
    pub range: Option<(Timestamp, Timestamp)>,
    /// By which job.
    pub job_id: Option<JobId>,
    /// Why.
    pub detail: Option<String>,
}

/// Which entries are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those of an action.
    pub action: Option<AuditAction>,
    /// Those of a user.
    pub user_id: Option<UserId>,
    /// Those that began then or later.
    pub from: Option<Timestamp>,
    /// Those that began before.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    fn has(&self, entry: &AuditEntry) -> bool {
        self.action.is_none_or(|action| action == entry.action)
            && self.user_id.is_none_or(|id| entry.user_id == Some(id))
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

/// The entries. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    entries: Collection<AuditEntry>,
    clock: Clock,
    /// Tells how old an entry is.
    ages: Clock,
    swept_at: Arc<Mutex<Option<Timestamp>>>,
    /// The entries of users that write samples over; one is written at a time.
    writing_over: Arc<tokio::sync::Mutex<HashMap<Option<UserId>, AuditEntry>>>,
}

impl Audit {
    pub(crate) fn new(documents: Arc<dyn Documents>, clock: Clock, ages: Clock) -> Self {
        Self {
            entries: Collection::new(documents, &catalog::AUDIT),
            clock,
            ages,
            swept_at: Arc::default(),
            writing_over: Arc::default(),
        }
    }

    /// Writes down that something is begun, durably. Old entries go from time to time.
    pub async fn begin(&self, who: &Who, what: What) -> Result<AuditEntry, StoreError> {
        let entry = self.entry(who, &what, AuditState::Begun);
        self.write(&entry, Expect::Absent).await?;
        Ok(entry)
    }

    /// Writes down how something ended that was begun.
    pub async fn end(
        &self,
        begun: &AuditEntry,
        state: AuditState,
        counts: AuditCounts,
        more: Option<String>,
    ) -> Result<(), StoreError> {
        let detail = begun.detail.iter().chain(&more);
        let detail: Vec<&str> = detail.map(String::as_str).collect();
        let entry = AuditEntry {
            state,
            counts,
            ended_at: Some(self.clock.now()),
            detail: (!detail.is_empty()).then(|| cut(&detail.join("; "))),
            ..begun.clone()
        };
        self.write(&entry, Expect::Present).await
    }

    /// Writes down that samples of a range are about to be written over, by somebody who sends them as
    /// they are measured: durably, into the entry of the same user of the last hour where there is one.
    pub(crate) async fn begin_writing_over(
        &self,
        who: &Who,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<AuditEntry, StoreError> {
        let mut all = self.writing_over.lock().await;
        let now = self.clock.now();
        all.retain(|_, entry| entry.at <= now && now < entry.at.plus(WRITTEN_OVER_TOGETHER));
        let Some(known) = all.get(&who.user_id) else {
            let what = What {
                action: AuditAction::CorrectSamples,
                selector: None,
                range: Some((from, to)),
                job_id: None,
                detail: Some(WRITTEN_OVER.to_owned()),
            };
            let entry = self.begin(who, what).await?;
            if all.len() < WRITERS_MAX {
                all.insert(who.user_id, entry.clone());
            }
            return Ok(entry);
        };
        let entry = AuditEntry {
            from: known.from.min(Some(from)),
            to: known.to.max(Some(to)),
            state: AuditState::Begun,
            ended_at: None,
            ..known.clone()
        };
        // Where that fails the next begins another.
        all.remove(&who.user_id);
        self.write(&entry, Expect::Present).await?;
        all.insert(who.user_id, entry.clone());
        Ok(entry)
    }

    /// Writes down how many were written over, besides those of before.
    pub(crate) async fn end_writing_over(
        &self,
        begun: &AuditEntry,
        counts: AuditCounts,
        failed: Option<String>,
    ) -> Result<(), StoreError> {
        let mut all = self.writing_over.lock().await;
        let known = all.get_mut(&begun.user_id);
        let mut known = known.filter(|known| known.id == begun.id);
        let mut entry = known.as_deref().unwrap_or(begun).clone();
        entry.counts = AuditCounts {
            devices: entry.counts.devices.max(counts.devices),
            series: entry.counts.series.max(counts.series),
            samples: entry.counts.samples + counts.samples,
            replaced: entry.counts.replaced + counts.replaced,
            refused: entry.counts.refused + counts.refused,
        };
        if let Some(known) = &mut known {
            known.counts = entry.counts;
        }
        let state = match failed {
            None => AuditState::Done,
            Some(_) => AuditState::Failed,
        };
        self.end(&entry, state, entry.counts, failed).await
    }

    /// Writes down something that is over already.
    pub async fn note(
        &self,
        who: &Who,
        what: What,
        state: AuditState,
        counts: AuditCounts,
    ) -> Result<AuditEntry, StoreError> {
        let entry = AuditEntry {
            counts,
            ended_at: Some(self.clock.now()),
            ..self.entry(who, &what, state)
        };
        self.write(&entry, Expect::Absent).await?;
        Ok(entry)
    }

    fn entry(&self, who: &Who, what: &What, state: AuditState) -> AuditEntry {
        AuditEntry {
            id: AuditId::new(),
            at: self.clock.now(),
            ended_at: None,
            user_id: who.user_id,
            by: cut(&who.name),
            action: what.action,
            selector: what.selector.as_deref().map(cut),
            from: what.range.map(|(from, _)| from),
            to: what.range.map(|(_, to)| to),
            job_id: what.job_id,
            state,
            counts: AuditCounts::default(),
            detail: what.detail.as_deref().map(cut),
        }
    }

    async fn write(&self, entry: &AuditEntry, expect: Expect) -> Result<(), StoreError> {
        self.entries
            .put(&entry.id.to_string(), expect, entry)
            .await?;
        let due = {
            let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            let due = swept_at.is_none_or(|at| at.plus(SWEEP_INTERVAL) <= now);
            if due {
                *swept_at = Some(now);
            }
            due
        };
        if due && let Err(error) = self.sweep().await {
            warn!(%error, "old entries of the audit are deleted later");
        }
        Ok(())
    }

    /// Deletes what is older than [`AUDIT_KEPT_FOR`], and the oldest beyond [`AUDIT_ENTRIES_MAX`].
    /// Answers how many.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let oldest = self.ages.now().minus(AUDIT_KEPT_FOR);
        let mut beyond = self
            .entries
            .count()
            .await?
            .saturating_sub(AUDIT_ENTRIES_MAX);
        let mut gone = 0;
        loop {
            let query = Query {
                limit: PAGE_LEN_MAX,
                ..Query::default()
            };
            let page = self.entries.page(query).await?;
            let before = gone;
            for stored in &page.items {
                if beyond == 0 && stored.body.at >= oldest {
                    return Ok(gone);
                }
                self.entries.delete(&stored.id, Expect::Any).await?;
                beyond = beyond.saturating_sub(1);
                gone += 1;
            }
            if page.next.is_none() || gone == before {
                return Ok(gone);
            }
        }
    }

    /// Entries that a filter has, the newest first, behind the one with the id `after`: at most `limit`,
    /// and with which id to go on.
    pub async fn page(
        &self,
        filter: &AuditFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<AuditEntry>, Option<String>), StoreError> {
        let query = Query {
            after,
            ..Query::default()
        };
        let of_filter = |entry: &AuditEntry| filter.has(entry);
        self.entries.newest(query, limit, of_filter).await
    }

    /// Tells what was begun when the server stopped as failed; answers how many that were.
    pub(crate) async fn end_interrupted(&self) -> Result<usize, StoreError> {
        let query = Query {
            index: Some(("state", "begun".to_owned())),
            ..Query::default()
        };
        let begun = self.entries.all(query).await?;
        for stored in &begun {
            let counts = stored.body.counts;
            let more = Some(BROKEN_OFF.to_owned());
            self.end(&stored.body, AuditState::Failed, counts, more)
                .await?;
        }
        Ok(begun.len())
    }
}

/// A text no longer than it may be.
fn cut(text: &str) -> String {
    text.chars().take(AUDIT_TEXT_LEN_MAX).collect()
}
