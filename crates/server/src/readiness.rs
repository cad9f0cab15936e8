//! Whether the server can do its work, and what it does without: looked at every second from the
//! counters of its parts.

use crate::metrics::Ingested;
use api::{Notice, Readiness, Reason};
use collect::Poller;
use std::sync::Arc;
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

    /// Something found at the start that the server does without.
    pub fn add(&mut self, part: &str, code: &str, detail: String, since: model::Timestamp) {
        self.note(code, detail.clone(), since);
        self.degraded.push(Reason {
            part: part.to_owned(),
            detail,
        });
    }
}

/// Looks until the server stops, then says that it does.
pub async fn watch(
    readiness: watch::Sender<Readiness>,
    standing: Standing,
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

fn publish(readiness: &watch::Sender<Readiness>, now: Readiness) {
    readiness.send_if_modified(|before| {
        let changed = *before != now;
        *before = now;
        changed
    });
}
