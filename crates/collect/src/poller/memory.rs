//! What is remembered of a device from poll to poll: its session, its history, and when what was
//! last read. A poll takes it along and brings it back.

use super::{PollerOptions, Target};
use crate::snmp::{Groups, Look};
use crate::status::History;
use model::Metric;
use snmp::{Session, SessionOptions, Transport};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Shortest time between two readings of the neighbours: the tables are long and agents are slow
/// to fill them.
const NEIGHBORS_INTERVAL_MIN: Duration = Duration::from_secs(15);
/// Time until details that could not be read to their end are asked for again.
const DETAILS_RETRY: Duration = Duration::from_mins(1);

/// What seldom changes.
pub(super) fn details() -> Groups {
    Groups::SYSTEM | Groups::INTERFACES | Groups::ADDRESSES | Groups::VLANS | Groups::INVENTORY
}

/// What is remembered of a device.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) history: History,
    pub(super) session: Option<Session>,
    /// Groups that were not read to their end when they were last asked for.
    pub(super) incomplete: Groups,
    details_at: Option<Instant>,
    details_complete: bool,
    neighbors_at: Option<Instant>,
    up_time_secs: Option<f64>,
    indexes: BTreeSet<u32>,
}

impl Memory {
    /// The session for a target, as patient as its interval allows; none where SNMP is not asked.
    /// The poll puts it back: one that was given up on the way opens a new one.
    pub(super) fn take_session(
        &mut self,
        target: &Target,
        transport: &Transport,
        options: &PollerOptions,
    ) -> Option<Session> {
        let credentials = target.credentials.as_ref()?;
        let open = || {
            let options = patience(target.interval, options.answer_timeout);
            Session::open(transport, target.address, credentials, options)
        };
        Some(self.session.take().unwrap_or_else(open))
    }

    /// Whether it is time for what seldom changes.
    pub(super) fn details_due(&self, options: &PollerOptions, now: Instant) -> bool {
        let wait = if self.details_complete {
            options.details_interval
        } else {
            DETAILS_RETRY.min(options.details_interval)
        };
        passed(self.details_at, wait, now)
    }

    /// Whether it is time for the neighbours.
    pub(super) fn neighbors_due(&self, interval: Duration, now: Instant) -> bool {
        // Polls are not perfectly even; a tenth too early is in time.
        let wait = interval.max(NEIGHBORS_INTERVAL_MIN);
        passed(self.neighbors_at, wait * 9 / 10, now)
    }

    /// Takes in what a look found; says whether the device restarted or its interfaces are other
    /// ones than before, so that what seldom changes may have changed.
    pub(super) fn take_in(&mut self, look: &Look, now: Instant) -> bool {
        let asked = implied(look.asked);
        let complete = implied(look.complete);
        self.incomplete = (self.incomplete - asked) | (asked - complete);
        if look.asked.contains(details()) {
            self.details_at = Some(now);
            self.details_complete = look.complete.contains(details());
        }
        if look.asked.contains(Groups::NEIGHBORS) {
            self.neighbors_at = Some(now);
        }
        let mut changed = false;
        if let Some(up_time) = up_time_secs(look) {
            changed = self.up_time_secs.is_some_and(|before| up_time < before);
            self.up_time_secs = Some(up_time);
        }
        if complete.contains(Groups::TRAFFIC) {
            let indexes = look.facts.interfaces.iter().filter_map(|row| row.index);
            let indexes: BTreeSet<u32> = indexes.collect();
            changed |= !self.indexes.is_empty() && indexes != self.indexes;
            self.indexes = indexes;
        }
        changed
    }
}

/// A poll of a short interval waits less, so that silence is known well within it: two questions
/// of 1 s at 5 s, three of 1.5 s at a minute.
pub(super) fn patience(interval: Duration, answer_timeout: Duration) -> SessionOptions {
    SessionOptions {
        timeout: answer_timeout.min(interval / 5),
        retries: if interval < Duration::from_secs(15) {
            1
        } else {
            2
        },
    }
}

/// All columns of IF-MIB have its counters among them.
fn implied(groups: Groups) -> Groups {
    if groups.contains(Groups::INTERFACES) {
        groups | Groups::TRAFFIC
    } else {
        groups
    }
}

fn passed(since: Option<Instant>, wait: Duration, now: Instant) -> bool {
    since.is_none_or(|since| now.saturating_duration_since(since) >= wait)
}

fn up_time_secs(look: &Look) -> Option<f64> {
    look.readings
        .iter()
        .find(|reading| reading.metric == Metric::SYS_UP_TIME)
        .map(|reading| reading.value.as_f64())
}
