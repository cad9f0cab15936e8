//! Backups that the server takes: when they are due or asked for, one at a time, into the folder that
//! the settings name. How one is taken is in `store::backup`.
//!
//! One that fails is told: by the backup itself, by readiness and a notice until one succeeds, and by
//! a counter.

mod counts;
mod shown;

pub use counts::Counts;
pub use shown::of_summary;

use crate::config::BackupSettings;
use crate::readiness::{Live, reason};
use anyhow::Context as _;
use api::BackupRefused;
use model::backup::Backup;
use model::{BackupId, Clock, Timestamp};
use shown::Shown;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Store;
use store::backup::{
    Access, BackupError, BackupKey, Keep, Progress, Repository, Summary, TakeOptions, take,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How often it is looked whether one is due, and how far one is.
const TICK: Duration = Duration::from_secs(1);
/// How soon one that failed is tried again, where the interval is longer: a disk that was full or away
/// may be back.
const AGAIN_AFTER: Duration = Duration::from_mins(15);
/// What a failure is called among the notices.
const FAILED: &str = "backup_failed";
/// What a backup without some of the files is called.
const LEFT_OUT: &str = "backup_incomplete";
/// What backups that cannot be read are called.
const DAMAGED: &str = "backup_damaged";
/// What a backup is called that lasts longer than the time from one to the next.
const SLOW: &str = "backup_slow";
/// The part of the server that is told of.
const PART: &str = "backup";
/// What all may see of a backup that failed.
const LATEST_FAILED: &str = "the latest backup failed";

/// Variable with the key, where the settings name no file.
pub const KEY_VARIABLE: &str = "FORETELL_BACKUP_KEY";

/// What backups are taken of, and where to.
pub struct Context {
    /// What is backed up.
    pub store: Store,
    /// The present time.
    pub clock: Clock,
    /// Where to, how often, how many.
    pub settings: BackupSettings,
    /// The key file that secrets are sealed under, where it is not in the data folder.
    pub secret_key_file: Option<PathBuf>,
    /// Backups as they are shown.
    pub told: watch::Sender<Arc<Vec<Backup>>>,
    /// What the operator should know.
    pub live: Live,
    /// What is counted.
    pub counts: Counts,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// Who joins the backups.
    pub tasks: TaskTracker,
}

/// Takes backups. Cheap to clone.
#[derive(Clone)]
pub struct Backups(Arc<Inner>);

struct Inner {
    context: Context,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shown: Shown,
    running: Option<Running>,
    /// When the last one that failed ended.
    failed_at: Option<Timestamp>,
}

/// The backup that is being taken.
struct Running {
    id: BackupId,
    began: Timestamp,
    progress: Arc<Progress>,
}

impl Backups {
    /// What takes them; nothing is taken until [`Backups::run`].
    pub fn new(context: Context) -> Self {
        Self(Arc::new(Inner {
            context,
            state: Mutex::default(),
        }))
    }

    /// Begins a backup, which goes on by itself. The same id again answers the one that has begun.
    pub fn begin(&self, id: BackupId) -> Result<Backup, BackupRefused> {
        let context = &self.0.context;
        if context.settings.folder.as_os_str().is_empty() {
            return Err(BackupRefused::NoFolder);
        }
        let progress = Arc::new(Progress::default());
        let now = context.clock.now();
        let backup = {
            let mut state = self.0.state();
            let running = state.running.as_ref().map(|running| running.id);
            if let Some(backup_id) = running.filter(|running| *running != id) {
                return Err(BackupRefused::Running { backup_id });
            }
            if let Some(begun) = state.shown.find(id) {
                return Ok(begun);
            }
            state.running = Some(Running {
                id,
                began: now,
                progress: Arc::clone(&progress),
            });
            let encrypted = is_encrypted(&context.settings);
            state.shown.begin(id, now, encrypted)
        };
        self.0.tell();
        let inner = Arc::clone(&self.0);
        context.tasks.spawn(async move {
            let worker = Arc::clone(&inner);
            let work = move || worker.take(id, &progress);
            let done = tokio::task::spawn_blocking(work).await;
            let done = done
                .unwrap_or_else(|_| Err(anyhow::anyhow!("it ended early, by a mistake of ours")));
            inner.ended(id, done);
        });
        Ok(backup)
    }

    /// Takes those that are due, and tells how far one is, until the server stops.
    pub async fn run(self) {
        let context = &self.0.context;
        if context.settings.folder.as_os_str().is_empty() {
            return;
        }
        let inner = Arc::clone(&self.0);
        // A panic was printed, and then nothing is known to be there.
        let _ = tokio::task::spawn_blocking(move || inner.look()).await;
        self.0.tell();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = context.stop.cancelled() => break,
            }
            self.0.tell();
            self.0.tell_slow(context.clock.now());
            if self.0.is_due(context.clock.now()) {
                // It is refused only where one was asked for this moment.
                let _ = self.begin(BackupId::new());
            }
        }
        if let Some(running) = &self.0.state().running {
            running.progress.stop();
        }
    }
}

/// What a backup came to.
struct Taken {
    summary: Summary,
    /// Those that are there now.
    all: Vec<Summary>,
    /// Those that cannot be read, each named.
    damage: Vec<String>,
    /// Older ones that could not be removed.
    not_rotated: Option<BackupError>,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time from the beginning of one to that of the next; nought where they are asked for alone.
    fn every(&self) -> Duration {
        Duration::from_secs(u64::from(self.context.settings.every_secs))
    }

    /// Whether one is to be taken now.
    fn is_due(&self, now: Timestamp) -> bool {
        let state = self.state();
        let latest = state.shown.latest_done(now);
        state.running.is_none() && is_due(self.every(), latest, state.failed_at, now)
    }

    /// Looks which backups are there. What cannot be looked at is told as a backup that failed.
    fn look(&self) {
        let listed = self.open(Access::List, &Progress::default());
        match listed.and_then(|repository| Ok(repository.list()?)) {
            Ok((all, damage)) => {
                self.context.counts.set_latest(all.last());
                self.state().shown.set_done(&all);
                self.tell_damage(&damage);
                if let Some(latest) = all.last() {
                    self.tell_left_out(latest, self.context.clock.now());
                }
            }
            Err(error) if is_new(&error) => {}
            Err(error) => self.tell_failure(LATEST_FAILED, &error),
        }
    }

    fn open(&self, access: Access, progress: &Progress) -> anyhow::Result<Repository> {
        let settings = &self.context.settings;
        let key = key(settings)?;
        let opened = Repository::open_watched(&settings.folder, key.as_ref(), access, progress);
        Ok(opened?)
    }

    /// Takes one. Waits for the disk.
    fn take(&self, id: BackupId, progress: &Progress) -> anyhow::Result<Taken> {
        let context = &self.context;
        let mut repository = self.open(Access::Write, progress)?;
        let how = TakeOptions {
            id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            key_file: context.secret_key_file.clone(),
        };
        let (store, clock) = (&context.store, &context.clock);
        let summary = take(store, clock, &mut repository, &how, progress)?;
        let rotated = repository.rotate(&keep(&context.settings), progress);
        let (all, damage) = repository.list()?;
        Ok(Taken {
            summary,
            all,
            damage,
            not_rotated: rotated.err(),
        })
    }

    fn ended(&self, id: BackupId, done: anyhow::Result<Taken>) {
        let now = self.context.clock.now();
        let counts = &self.context.counts;
        match done {
            Ok(taken) => {
                counts.done(&taken.summary);
                {
                    let mut state = self.state();
                    state.running = None;
                    state.failed_at = None;
                    state.shown.done(id, &taken.all);
                }
                let summary = &taken.summary;
                info!(
                    backup.id = %id,
                    bytes = summary.bytes,
                    bytes_written = summary.bytes_written,
                    "a backup was taken"
                );
                self.context.live.clear(FAILED);
                self.tell_left_out(summary, now);
                self.tell_damage(&taken.damage);
                match taken.not_rotated {
                    // The server stops: the next backup goes on with it.
                    None | Some(BackupError::Stopped) => {}
                    Some(error @ BackupError::NotSwept { .. }) => {
                        self.tell_damage(&[error.to_string()]);
                    }
                    Some(error) => {
                        let detail = "older backups could not be removed";
                        self.tell_failure(detail, &error.into());
                    }
                }
            }
            Err(error) => {
                let detail = format!("{error:#}");
                {
                    let mut state = self.state();
                    state.running = None;
                    state.failed_at = Some(now);
                    state.shown.failed(id, now, &detail);
                }
                // The server stops: nothing is wrong.
                let stopped = matches!(error.downcast_ref(), Some(BackupError::Stopped));
                if !stopped && !self.context.stop.is_cancelled() {
                    counts.failed();
                    self.tell_failure(LATEST_FAILED, &error);
                }
            }
        }
        self.context.live.clear(SLOW);
        self.tell();
    }

    fn tell_failure(&self, detail: &str, error: &anyhow::Error) {
        let now = self.context.clock.now();
        let message = format!("{detail}: {error:#}");
        warn!("{message}");
        let live = &self.context.live;
        live.set(FAILED, reason(PART, detail), message, now);
    }

    /// Backups that cannot be read are told; others are taken and restored all the same.
    fn tell_damage(&self, damage: &[String]) {
        let live = &self.context.live;
        let Some(first) = damage.first() else {
            live.clear(DAMAGED);
            return;
        };
        let detail = format!("{} backups cannot be read", damage.len());
        let message = format!(
            "{detail}, the first: {first}; until they are put back or removed, nothing that no backup needs any more is"
        );
        warn!("{message}");
        live.set(
            DAMAGED,
            reason(PART, &detail),
            message,
            self.context.clock.now(),
        );
    }

    /// A backup under way that lasts longer than the time from one to the next is told: it may hang, and
    /// no other one is taken meanwhile.
    fn tell_slow(&self, now: Timestamp) {
        let (every, state) = (self.every(), self.state());
        let Some(running) = &state.running else {
            return;
        };
        if !is_slow(running.began, every, now) {
            return;
        }
        let detail = "a backup takes longer than the time from one to the next";
        let (done, total) = running.progress.read();
        let message = format!(
            "{detail}: it began at {}, and has gone over {done} of {total} octets",
            running.began
        );
        // Under the lock of the state, so that it is not told behind the end.
        let live = &self.context.live;
        live.set(SLOW, reason(PART, detail), message, now);
    }

    /// Files that could not be backed up are told; that the key is not among them is as it should be.
    fn tell_left_out(&self, summary: &Summary, now: Timestamp) {
        let lost: Vec<_> = summary
            .left_out
            .iter()
            .filter(|left| left.path != "secret.key")
            .collect();
        match lost.first() {
            None => self.context.live.clear(LEFT_OUT),
            Some(first) => {
                let detail = format!("{} files are not in the latest backup", lost.len());
                let message = format!("{detail}, the first: {}: {}", first.path, first.why);
                let live = &self.context.live;
                live.set(LEFT_OUT, reason(PART, &detail), message, now);
            }
        }
    }

    /// Shows how things are.
    fn tell(&self) {
        let mut state = self.state();
        if let Some(running) = &state.running {
            let (id, progress) = (running.id, Arc::clone(&running.progress));
            state.shown.set_progress(id, &progress);
        }
        let all = state.shown.all();
        drop(state);
        self.context.told.send_if_modified(|before| {
            let changed = **before != all;
            if changed {
                *before = Arc::new(all);
            }
            changed
        });
    }
}

/// Whether the next backup is due, where the latest that is there began and the last that failed ended
/// then. A failure that is of later than now, as the clock was wrong, holds nothing up.
fn is_due(
    every: Duration,
    latest: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    if every.is_zero() {
        return false;
    }
    let again = every.min(AGAIN_AFTER);
    let waits = failed_at.is_some_and(|failed| failed <= now && failed.plus(again) > now);
    !waits && latest.is_none_or(|latest| latest.plus(every) <= now)
}

/// Whether a backup that began then lasts longer than the time from one to the next.
fn is_slow(began: Timestamp, every: Duration, now: Timestamp) -> bool {
    !every.is_zero() && began.plus(every) < now
}

/// Nothing was backed up into the folder yet.
fn is_new(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(BackupError::NoRepository { .. }))
}

/// How many backups are kept.
pub fn keep(settings: &BackupSettings) -> Keep {
    Keep {
        daily_max: settings.daily_max,
        weekly_max: settings.weekly_max,
        monthly_max: settings.monthly_max,
    }
}

/// The key that the settings name, or the environment; none where backups are not encrypted.
pub fn key(settings: &BackupSettings) -> anyhow::Result<Option<BackupKey>> {
    key_of(&settings.key_file)
}

/// The key of a file, or where none is named that of the environment.
pub fn key_of(file: &Path) -> anyhow::Result<Option<BackupKey>> {
    if !file.as_os_str().is_empty() {
        let key = BackupKey::read(file).context("the key of the backups cannot be read")?;
        return Ok(Some(key));
    }
    let Ok(text) = std::env::var(KEY_VARIABLE) else {
        return Ok(None);
    };
    let wrong = || format!("{KEY_VARIABLE} holds no key: 64 hexadecimal digits are expected");
    BackupKey::parse(&text).with_context(wrong).map(Some)
}

fn is_encrypted(settings: &BackupSettings) -> bool {
    !settings.key_file.as_os_str().is_empty() || std::env::var_os(KEY_VARIABLE).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_due_an_interval_after_the_latest_and_soon_after_one_that_failed() {
        let minute = |minute: i64| Timestamp::from_unix_ms(minute * 60_000);
        let check = |every_mins, latest: Option<i64>, failed: Option<i64>, due: i64| {
            let every = Duration::from_mins(every_mins);
            let is_due = |now| is_due(every, latest.map(minute), failed.map(minute), minute(now));
            let told = format!("every {every_mins}, latest {latest:?}, failed {failed:?}");
            assert!(!is_due(due - 1), "{told}: early");
            assert!(is_due(due), "{told}");
        };
        check(60, Some(0), None, 60);
        check(1_440, Some(100), None, 1_540);
        // A failure is tried again within a quarter of an hour, and not before its time.
        check(1_440, None, Some(7), 22);
        check(1_440, Some(0), Some(1_440), 1_455);
        check(5, Some(0), Some(6), 11);
        check(1_440, Some(1_430), Some(1_440), 2_870);
        let every = Duration::from_hours(1);
        assert!(is_due(every, None, None, minute(0)), "there is none yet");
        // The clock was set back since one failed.
        assert!(is_due(every, None, Some(minute(50)), minute(0)));
        assert!(
            !is_due(Duration::ZERO, None, None, minute(0)),
            "when asked for"
        );
    }

    #[test]
    fn a_backup_is_slow_where_it_lasts_longer_than_its_interval() {
        let (at, day) = (Timestamp::from_unix_ms, Duration::from_hours(24));
        let day_ms = 86_400_000;
        assert!(!is_slow(at(5), day, at(5 + day_ms)));
        assert!(is_slow(at(5), day, at(6 + day_ms)));
        // It was asked for, and nothing is due.
        assert!(!is_slow(at(5), Duration::ZERO, at(6 + day_ms)));
    }
}
