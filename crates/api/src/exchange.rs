//! Files of samples: what is kept between the requests that send one, and what becomes of those that
//! were exported.

use crate::jobs::Jobs;
use crate::problem::{Answer, Kind, Problem};
use crate::services::Services;
use model::job::{Job, JobKind, JobState};
use model::{JobId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use store::disk::NoRoom;
use store::exchange::Format;
use store::exchange::files::{ExchangeFiles, KEPT_FOR};
use store::exchange::find::{Defaults, Ground};

/// Octets of a body with a file, or with a piece of one.
pub(crate) const PIECE_LEN_MAX: usize = 16 << 20;

/// What an import does with its file.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) format: Format,
    pub(crate) dry_run: bool,
    pub(crate) default_time: Option<Timestamp>,
    pub(crate) defaults: Defaults,
}

/// Files that are sent or kept.
pub(crate) struct Exchange {
    pub(crate) files: ExchangeFiles,
    bytes_max: u64,
    /// Imports whose files are being sent.
    sending: Mutex<BTreeMap<JobId, Asked>>,
}

impl Exchange {
    pub(crate) fn new(services: &Services) -> Self {
        let room = services.options.room.clone();
        let files = ExchangeFiles::of(services.store.dir(), room);
        files.begin_anew();
        Self {
            files,
            bytes_max: services.options.exchange_bytes_max,
            sending: Mutex::default(),
        }
    }

    /// Notes what an import is to do when its file is there.
    pub(crate) fn sends(&self, id: JobId, asked: Asked) {
        self.sending().insert(id, asked);
    }

    /// What an import is to do.
    pub(crate) fn asked(&self, id: JobId) -> Option<Asked> {
        self.sending().get(&id).cloned()
    }

    /// Nothing more is sent for an import.
    pub(crate) fn sent(&self, id: JobId) -> Option<Asked> {
        self.sending().remove(&id)
    }

    fn sending(&self) -> MutexGuard<'_, BTreeMap<JobId, Asked>> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes files that are kept no longer, the oldest of the others where they are too many, and
    /// answers how many octets a new one may have. `known` are the jobs as they stood a moment ago. Waits
    /// for the disk.
    pub(crate) fn make_room(&self, jobs: &Jobs, known: &[Job], now: Timestamp) -> Answer<u64> {
        let known: BTreeMap<JobId, &Job> = known.iter().map(|job| (job.id, job)).collect();
        self.sending().retain(|id, _| jobs.is_live(*id));
        let kept = self.files.sweep(|id| {
            // Those that were begun since are live.
            let job = known.get(&id);
            jobs.is_live(id) || job.is_some_and(|job| !job.state.is_over() || is_kept(job, now))
        });
        let mut bytes: u64 = kept.iter().map(|kept| kept.bytes).sum();
        for old in kept {
            // Half of the room is for the new one, as long as there are others to go.
            if bytes <= self.bytes_max / 2 {
                break;
            }
            self.files.remove(old.job_id);
            bytes = bytes.saturating_sub(old.bytes);
        }
        let looked = self.files.room().look(PIECE_LEN_MAX as u64);
        looked.map_err(|lacking| no_room(&lacking))?;
        Ok(self.bytes_max.saturating_sub(bytes))
    }
}

/// [`Kind::Full`]: what stays free of the disk would not.
pub(crate) fn no_room(lacking: &NoRoom) -> Problem {
    let NoRoom {
        needed_bytes,
        free_bytes,
        ..
    } = lacking;
    let detail = format!(
        "The disk has {free_bytes} octets of free room where {needed_bytes} are needed, what stays free \
         among them: no files are taken or made."
    );
    Problem::new(Kind::Full, detail)
}

/// Whether the file of an export is kept.
pub(crate) fn is_kept(job: &Job, now: Timestamp) -> bool {
    let ended_at = job.ended_at.unwrap_or(job.made_at);
    job.kind == JobKind::Export && job.state == JobState::Done && now < ended_at.plus(KEPT_FOR)
}

/// Where series of rows are looked for.
pub(crate) fn ground(services: &Services) -> Ground {
    Ground {
        inventory: services.store.inventory.clone(),
        series: services.series.clone(),
        metrics: services.store.metrics.clone(),
    }
}
