//! Backups as they are shown: those that are there, the one that is being taken, those that failed
//! lately.

use model::backup::{Backup, BackupPhase, BackupSamples};
use model::{BackupId, Timestamp};
use std::collections::VecDeque;
use store::backup::{Progress, Summary};

/// Backups that failed which are shown: a day of tries. The counter has all.
const FAILED_MAX: usize = 100;

/// What is shown.
#[derive(Default)]
pub(super) struct Shown {
    done: Vec<Backup>,
    running: Option<Backup>,
    failed: VecDeque<Backup>,
}

impl Shown {
    /// All of them, the oldest first.
    pub(super) fn all(&self) -> Vec<Backup> {
        let all = self.done.iter().chain(&self.failed).chain(&self.running);
        let mut all: Vec<Backup> = all.cloned().collect();
        all.sort_by_key(|backup| (backup.started_at, backup.id));
        all
    }

    /// One of them.
    pub(super) fn find(&self, id: BackupId) -> Option<Backup> {
        let mut all = self.done.iter().chain(&self.failed).chain(&self.running);
        all.find(|backup| backup.id == id).cloned()
    }

    /// When the latest that is there began. One that is of later than now, as the clock was wrong, does
    /// not count.
    pub(super) fn latest_done(&self, now: Timestamp) -> Option<Timestamp> {
        let began = self.done.iter().map(|backup| backup.started_at);
        began.filter(|at| *at <= now).max()
    }

    /// One is being taken.
    pub(super) fn begin(&mut self, id: BackupId, now: Timestamp, encrypted: bool) -> Backup {
        let backup = Backup {
            id,
            phase: BackupPhase::Running,
            started_at: now,
            ended_at: None,
            encrypted,
            bytes_total: 0,
            bytes_done: 0,
            bytes_written: 0,
            samples: None,
            left_out: Vec::new(),
            error: None,
        };
        self.running = Some(backup.clone());
        backup
    }

    /// How far the one is that is being taken.
    pub(super) fn set_progress(&mut self, id: BackupId, progress: &Progress) {
        if let Some(backup) = self.running.as_mut().filter(|backup| backup.id == id) {
            backup.bytes_done = progress.bytes_done();
            backup.bytes_total = progress.bytes_total().max(backup.bytes_done);
        }
    }

    /// These are there.
    pub(super) fn set_done(&mut self, all: &[Summary]) {
        self.done = all.iter().map(of_summary).collect();
    }

    /// The one that was being taken is there, with these others.
    pub(super) fn done(&mut self, id: BackupId, all: &[Summary]) {
        self.end(id);
        self.set_done(all);
    }

    /// The one that was being taken failed.
    pub(super) fn failed(&mut self, id: BackupId, now: Timestamp, error: &str) {
        let Some(backup) = self.end(id) else { return };
        if self.failed.len() >= FAILED_MAX {
            self.failed.pop_front();
        }
        self.failed.push_back(Backup {
            phase: BackupPhase::Failed,
            ended_at: Some(now),
            error: Some(error.to_owned()),
            ..backup
        });
    }

    fn end(&mut self, id: BackupId) -> Option<Backup> {
        self.running.take_if(|backup| backup.id == id)
    }
}

/// A backup that is there, as it is shown.
pub fn of_summary(summary: &Summary) -> Backup {
    let left_out = summary.left_out.iter();
    Backup {
        id: summary.id,
        phase: BackupPhase::Done,
        started_at: summary.started_at,
        ended_at: Some(summary.ended_at),
        encrypted: summary.encrypted,
        bytes_total: summary.bytes,
        bytes_done: summary.bytes,
        bytes_written: summary.bytes_written,
        samples: Some(BackupSamples {
            series: summary.counts.series,
            packed: summary.counts.pack_samples,
            log_polls: summary.counts.log_frames,
        }),
        left_out: left_out
            .map(|left| format!("{}: {}", left.path, left.why))
            .collect(),
        error: None,
    }
}
