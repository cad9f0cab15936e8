//! Whether the server can do its work, and what it does without: looked at every second from the
//! counters of its parts.

use crate::metrics::Ingested;
use api::{Notice, Readiness, Reason};
use collect::Poller;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the counters are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Polls that begin this late mean that the poller is behind: the shortest interval there is.
const LAG_MAX: Duration = Duration::from_secs(5);

/// How long samples that could not be kept are told after the last of them: looks, of a second each.
const REFUSED_TOLD_LOOKS: u32 = 60;

/// What does not change while the server runs.
#[derive(Clone, Default)]
pub struct Standing {
    /// What the server does without.
    pub degraded: Vec<Reason>,
    /// What the operator should know.
    pub notices: Vec<Notice>,
}

impl Standing {
    /// Something found at the start that the operator should know, and nothing is done without.
    pub fn note(&mut self, code: &str, message: String, since: model::Timestamp) {
        self.notices.push(Notice {
            code: code.to_owned(),
            message,
            since,
        });
    }

    /// Something found at the start that the server does without. All may see it: a text with places
    /// on the disk is told by [`Standing::add_apart`].
    pub fn add(&mut self, part: &str, code: &str, detail: String, since: model::Timestamp) {
        self.degraded.push(reason(part, &detail));
        self.note(code, detail, since);
    }

    /// The same, with a message that only those who have signed in may see, and less for all.
    pub fn add_apart(
        &mut self,
        code: &str,
        reason: Reason,
        message: String,
        since: model::Timestamp,
    ) {
        self.note(code, message, since);
        self.degraded.push(reason);
    }
}

/// What comes and goes while the server runs: whoever finds something tells it here, and takes it back
/// when it is over. Cheap to clone.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<BTreeMap<&'static str, (Reason, Notice)>>>);

impl Live {
    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, (Reason, Notice)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that the server does without and the operator should know: the reason is for all, the
    /// message for those who have signed in. While it goes on it keeps the time from which on it was
    /// told.
    pub fn set(&self, code: &'static str, reason: Reason, message: String, now: model::Timestamp) {
        let mut all = self.all();
        let since = all.get(code).map_or(now, |(_, notice)| notice.since);
        let notice = Notice {
            code: code.to_owned(),
            message,
            since,
        };
        all.insert(code, (reason, notice));
    }

    /// It is over.
    pub fn clear(&self, code: &'static str) {
        self.all().remove(code);
    }

    /// Whether it goes on.
    #[cfg(test)]
    pub(crate) fn is_told(&self, code: &str) -> bool {
        self.all().contains_key(code)
    }

    fn reasons(&self) -> Vec<Reason> {
        self.all()
            .values()
            .map(|(reason, _)| reason.clone())
            .collect()
    }

    fn notices(&self) -> Vec<Notice> {
        self.all()
            .values()
            .map(|(_, notice)| notice.clone())
            .collect()
    }
}

/// What is the matter with a part, for all to see: without places on the disk, and without what the
/// system said of them.
pub fn reason(part: &str, detail: &str) -> Reason {
    Reason {
        part: part.to_owned(),
        detail: detail.to_owned(),
    }
}

/// Where it is shown.
pub struct Telling {
    /// Whether the server can do its work.
    pub readiness: watch::Sender<Readiness>,
    /// What the operator should know.
    pub notices: watch::Sender<Arc<Vec<Notice>>>,
}

/// Looks until the server stops, then says that it does.
pub async fn watch(
    Telling { readiness, notices }: Telling,
    standing: Standing,
    live: Live,
    seeding: watch::Receiver<Option<Reason>>,
    poller: Arc<Poller>,
    ingested: Ingested,
    stop: CancellationToken,
) {
    let mut refused_before = 0;
    let mut told_for = 0;
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => break,
        }
        let mut degraded = standing.degraded.clone();
        degraded.extend(live.reasons());
        publish_notices(&notices, &standing, &live);
        degraded.extend(seeding.borrow().clone());
        let stats = poller.stats();
        if stats.waiting > 0 && stats.lag > LAG_MAX {
            let detail = format!(
                "polls begin {} s late, {} devices wait for theirs",
                stats.lag.as_secs(),
                stats.waiting
            );
            degraded.push(Reason {
                part: "poller".to_owned(),
                detail,
            });
        }
        let refused = ingested.samples_refused.get();
        told_for = if refused > refused_before {
            REFUSED_TOLD_LOOKS
        } else {
            told_for.saturating_sub(1)
        };
        refused_before = refused;
        if told_for > 0 {
            let detail = format!("samples could not be kept lately, {refused} since the start");
            degraded.push(Reason {
                part: "store".to_owned(),
                detail,
            });
        }
        publish(
            &readiness,
            Readiness {
                blocking: Vec::new(),
                degraded,
            },
        );
    }
    let stopping = Reason {
        part: "server".to_owned(),
        detail: "it is stopping".to_owned(),
    };
    publish(
        &readiness,
        Readiness {
            blocking: vec![stopping],
            degraded: standing.degraded,
        },
    );
}

/// What was found at the start, then what is found since.
fn publish_notices(notices: &watch::Sender<Arc<Vec<Notice>>>, standing: &Standing, live: &Live) {
    let mut now = standing.notices.clone();
    now.extend(live.notices());
    notices.send_if_modified(|before| {
        let changed = **before != now;
        if changed {
            *before = Arc::new(now);
        }
        changed
    });
}

fn publish(readiness: &watch::Sender<Readiness>, now: Readiness) {
    readiness.send_if_modified(|before| {
        let changed = *before != now;
        *before = now;
        changed
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    #[test]
    fn what_goes_on_keeps_its_time_and_goes_when_it_is_over() {
        let (live, at) = (Live::default(), Timestamp::from_unix_ms);
        let mut standing = Standing::default();
        standing.note("history_seeded", "made up".to_owned(), at(1));
        let notices = watch::Sender::new(Arc::default());
        let codes = || {
            publish_notices(&notices, &standing, &live);
            let shown = notices.borrow();
            let codes: Vec<_> = shown
                .iter()
                .map(|notice| (notice.code.clone(), notice.since.unix_ms()))
                .collect();
            codes
        };
        let seeded = ("history_seeded".to_owned(), 1);
        assert_eq!(codes(), std::slice::from_ref(&seeded));
        let failed = || reason("backup", "away");
        live.set("backup_failed", failed(), "/mnt is full".to_owned(), at(2));
        live.set("backup_failed", failed(), "/mnt is away".to_owned(), at(3));
        assert_eq!(codes(), [seeded.clone(), ("backup_failed".to_owned(), 2)]);
        let reasons = live.reasons();
        assert_eq!((reasons.len(), reasons[0].detail.as_str()), (1, "away"));
        assert_eq!(notices.borrow()[1].message, "/mnt is away");
        live.clear("backup_failed");
        assert_eq!(codes(), [seeded]);
    }
}
