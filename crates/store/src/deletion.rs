//! Deleting samples of a range of time: what it means, what hinders it, what was done.

use crate::audit::{AuditAction, AuditCounts, AuditState, What, Who};
use crate::progress::{Progress, Stopped};
use crate::retention::RetentionError;
use crate::series::{Column, Grave, Selection, Selector, SeriesError};
use crate::{Store, StoreError};
use model::{AuditId, DeviceId, HoldId, JobId, Timestamp};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tracing::info;

/// Series that one deletion may be of: they are held in memory, and what hides them is asked about at
/// each read until their files were written again.
pub const DELETED_SERIES_MAX: usize = 100_000;

/// How long a dry run counts: less than a request may take.
const COUNT_WAIT: Duration = Duration::from_secs(20);

/// What is to be deleted.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// The series, as they were named.
    pub text: String,
    /// The same, understood: those that it means now.
    pub selector: Selector,
    /// From when on.
    pub from: Timestamp,
    /// Until when, not itself; not in the future.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
}

/// What was deleted, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Devices whose series were meant.
    pub devices: u64,
    /// Series that were meant.
    pub series: u64,
    /// Samples that they had in the range.
    pub samples: u64,
    /// Those are all; else there may be more: counting them took too long, or some are in the archive and
    /// could not be had.
    pub counted_whole: bool,
    /// Where it is written down; none of a dry run.
    pub audit_id: Option<AuditId>,
}

/// Nothing was deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// The range is none, or goes into the future.
    #[error("from {from} to {to} is no range of the past (it is {now})")]
    Range {
        /// Where it begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
        /// The present time.
        now: Timestamp,
    },
    /// The selector means too many series.
    #[error("{matched} series are meant; at most {max} at once can be deleted from")]
    TooManySeries {
        /// How many are meant.
        matched: usize,
        /// The bound.
        max: usize,
    },
    /// A hold keeps some of it.
    #[error("samples of {device_id} are kept by the hold {hold_id} ({reason})")]
    Held {
        /// Whose.
        device_id: DeviceId,
        /// Which hold.
        hold_id: HoldId,
        /// Why it was placed.
        reason: String,
    },
    /// Whether a hold keeps some of it could not be told.
    #[error("holds could not be asked")]
    Holds(#[source] Box<RetentionError>),
    /// What is to be written down could not be.
    #[error("the audit could not be written")]
    Audit(#[source] StoreError),
    /// The series failed.
    #[error("the series failed")]
    Series(#[from] SeriesError),
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Store {
    /// Whether something may be deleted at all. Blocks, inside a runtime.
    pub fn check_deletion(&self, ask: &Deletion) -> Result<(), DeleteError> {
        let meant = self.meant(ask)?;
        let checked = Handle::current().block_on(self.may_delete_samples(ask, &meant));
        checked.map(drop)
    }

    /// What a deletion would delete. Nothing is changed. Blocks, inside a runtime.
    pub fn count_deletion(
        &self,
        ask: &Deletion,
        progress: &Progress,
    ) -> Result<Deleted, DeleteError> {
        let meant = self.meant(ask)?;
        let runtime = Handle::current();
        drop(runtime.block_on(self.may_delete_samples(ask, &meant))?);
        let until = Instant::now() + COUNT_WAIT;
        self.counted(ask, &meant, progress, Some(until))
    }

    /// Deletes samples of a range. That it is begun is written down before anything is hidden; where it
    /// fails, nothing is. It cannot be stopped any more once that is so. Blocks, inside a runtime.
    pub fn delete_samples(
        &self,
        ask: &Deletion,
        who: &Who,
        job_id: Option<JobId>,
        progress: &Progress,
    ) -> Result<Deleted, DeleteError> {
        let runtime = Handle::current();
        let meant = self.meant(ask)?;
        let what = What {
            action: AuditAction::DeleteSamples,
            selector: Some(ask.text.clone()),
            range: Some((ask.from, ask.to)),
            job_id,
            detail: Some(ask.reason.clone()),
        };
        if let Err(refused) = runtime.block_on(self.may_delete_samples(ask, &meant)) {
            let counts = AuditCounts::default();
            let detail = what.detail.iter().cloned().chain([refused.to_string()]);
            let what = What {
                detail: Some(detail.collect::<Vec<_>>().join("; ")),
                ..what
            };
            let noted = runtime.block_on(self.audit.note(who, what, AuditState::Refused, counts));
            noted.map_err(DeleteError::Audit)?;
            return Err(refused);
        }
        let mut deleted = self.counted(ask, &meant, progress, None)?;
        progress.go_on()?;
        let begun = runtime.block_on(self.audit.begin(who, what));
        let begun = begun.map_err(DeleteError::Audit)?;
        let done = runtime
            .block_on(self.may_delete_samples(ask, &meant))
            .and_then(|_no_hold_meanwhile| {
                let graves = self.graves(&meant);
                Ok(self.series.bury(graves, (ask.from, ask.to))?)
            });
        let mut counts = AuditCounts {
            devices: deleted.devices,
            series: deleted.series,
            samples: deleted.samples,
            ..AuditCounts::default()
        };
        let (state, more) = match &done {
            Ok(()) if deleted.counted_whole => (AuditState::Done, None),
            Ok(()) => (
                AuditState::Done,
                Some("there may have been more samples".to_owned()),
            ),
            Err(error) => {
                counts = AuditCounts::default();
                (AuditState::Failed, Some(error.to_string()))
            }
        };
        let ended = runtime.block_on(self.audit.end(&begun, state, counts, more));
        done?;
        info!(
            by = who.name,
            selector = ask.text,
            from = %ask.from,
            to = %ask.to,
            series = deleted.series,
            samples = deleted.samples,
            "samples were deleted"
        );
        deleted.audit_id = Some(begun.id);
        ended.map_err(DeleteError::Audit)?;
        Ok(deleted)
    }

    /// The series that a deletion means.
    fn meant(&self, ask: &Deletion) -> Result<Vec<Selection>, DeleteError> {
        let now = self.series.now();
        if ask.from >= ask.to || ask.to > now {
            return Err(DeleteError::Range {
                from: ask.from,
                to: ask.to,
                now,
            });
        }
        let attached = self.inventory.attached();
        let found = self
            .series
            .select(&ask.selector, &attached, None, DELETED_SERIES_MAX);
        if found.matched > DELETED_SERIES_MAX {
            return Err(DeleteError::TooManySeries {
                matched: found.matched,
                max: DELETED_SERIES_MAX,
            });
        }
        Ok(found.series)
    }

    /// No hold keeps any of it, and none is placed while what is answered lives.
    async fn may_delete_samples(
        &self,
        ask: &Deletion,
        meant: &[Selection],
    ) -> Result<tokio::sync::OwnedSemaphorePermit, DeleteError> {
        let attached = self.inventory.attached();
        self.retention
            .may_lose(&self.series, attached, meant, (ask.from, ask.to))
            .await
    }

    fn counted(
        &self,
        ask: &Deletion,
        meant: &[Selection],
        progress: &Progress,
        until: Option<Instant>,
    ) -> Result<Deleted, DeleteError> {
        let of: Vec<(DeviceId, Vec<Column>)> = by_device(meant).into_iter().collect();
        let counted = self
            .series
            .count_samples(&of, (ask.from, ask.to), progress, until);
        let (samples, counted_whole) = match counted {
            Err(SeriesError::GivenUp) => return Err(Stopped.into()),
            counted => counted?,
        };
        Ok(Deleted {
            devices: of.len() as u64,
            series: meant.len() as u64,
            samples,
            counted_whole,
            audit_id: None,
        })
    }

    /// Of a device of which all series are meant, all columns.
    fn graves(&self, meant: &[Selection]) -> Vec<Grave> {
        let of = by_device(meant).into_iter();
        let graves = of.map(|(device_id, columns)| {
            let all = self.series.are_all_of(device_id, &columns);
            Grave {
                device_id,
                columns: (!all).then_some(columns),
            }
        });
        graves.collect()
    }
}

/// Columns by device, each ascending.
fn by_device(meant: &[Selection]) -> BTreeMap<DeviceId, Vec<Column>> {
    let mut all: BTreeMap<DeviceId, Vec<Column>> = BTreeMap::new();
    for series in meant {
        all.entry(series.device_id).or_default().push(series.column);
    }
    for columns in all.values_mut() {
        columns.sort_unstable();
    }
    all
}
