//! From what the checks saw to how a device is: pure, the present time is an argument.
//!
//! A [`History`] is what is remembered of a device between polls. [`History::record`] takes in
//! what one poll saw, [`decide`] says how the device is and why:
//!
//! - `up`: the main check answers, which is SNMP, or ICMP where SNMP is not asked;
//! - `degraded`: it answers only in part, only to ICMP, refuses us, or loses packets;
//! - `down`: nothing has answered for two intervals;
//! - `unknown`: never asked, nothing could be asked, or the poller is behind.

use model::Timestamp;
use model::status::{Check, CheckOutcome, Evidence, Status};
use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

/// Silence of so many intervals is `down`.
const DOWN_AFTER_INTERVALS: u32 = 2;
/// Not asked for so many intervals is `unknown`: one poll may overrun its interval and the next
/// may be waiting, but not three.
const BEHIND_AFTER_INTERVALS: u32 = 3;
/// Polls over which loss is counted.
const LOSS_POLLS_MAX: usize = 5;
/// Share of echoes lost over those polls from which a device is lossy.
const LOSSY_RATIO: f64 = 0.2;
/// Polls with loss that it takes at least: one bad poll is chance.
const LOSSY_POLLS_MIN: usize = 2;

/// What one check of one poll saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What came of it.
    pub outcome: CheckOutcome,
    /// When it was over.
    pub at: Timestamp,
    /// One sentence for an operator.
    pub detail: String,
}

impl Seen {
    /// Whether the device sent anything: a refusal is an answer too.
    pub fn answered(&self) -> bool {
        match self.outcome {
            CheckOutcome::Answered | CheckOutcome::Partial | CheckOutcome::Refused => true,
            CheckOutcome::Silent | CheckOutcome::OtherDevice | CheckOutcome::Skipped => false,
        }
    }
}

/// What one poll saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollSeen {
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
    /// SNMP.
    pub snmp: Seen,
    /// ICMP.
    pub icmp: Seen,
    /// Echo requests sent and answered; none where ICMP was skipped.
    pub echoes: Option<(u8, u8)>,
}

/// What is remembered of a device between polls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// When it was first asked anything.
    asked_since: Option<Timestamp>,
    /// When anything last answered.
    answered_at: Option<Timestamp>,
    /// Polls in a row that nothing answered.
    silent_polls: u32,
    snmp: Memory,
    icmp: Memory,
    last: Option<PollSeen>,
    // Invariant: at most LOSS_POLLS_MAX, the latest last; only polls of which an echo came back.
    losses: VecDeque<(u8, u8)>,
}

/// What is remembered of one check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Memory {
    answered_at: Option<Timestamp>,
    silent_polls: u32,
}

impl Memory {
    fn record(&mut self, seen: &Seen) {
        match seen.outcome {
            CheckOutcome::Skipped => *self = Self::default(),
            CheckOutcome::Silent | CheckOutcome::OtherDevice => {
                self.silent_polls = self.silent_polls.saturating_add(1);
            }
            _ => {
                *self = Self {
                    answered_at: Some(seen.at),
                    silent_polls: 0,
                }
            }
        }
    }
}

/// How a device is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it is.
    pub status: Status,
    /// The latest outcome of each check, SNMP first.
    pub evidence: Vec<Evidence>,
}

impl History {
    /// Takes in what a poll saw.
    pub fn record(&mut self, seen: PollSeen) {
        let asked = |s: &Seen| s.outcome != CheckOutcome::Skipped;
        if asked(&seen.snmp) || asked(&seen.icmp) {
            self.asked_since.get_or_insert(seen.started_at);
        }
        self.snmp.record(&seen.snmp);
        self.icmp.record(&seen.icmp);
        let answers = [&seen.snmp, &seen.icmp];
        if let Some(at) = answers.iter().filter(|s| s.answered()).map(|s| s.at).max() {
            self.answered_at = Some(at);
            self.silent_polls = 0;
        } else if asked(&seen.snmp) || asked(&seen.icmp) {
            self.silent_polls = self.silent_polls.saturating_add(1);
        }
        // An agent behind a filter never answers an echo: that is no loss.
        if let Some((sent, received)) = seen.echoes.filter(|(_, received)| *received > 0) {
            if self.losses.len() >= LOSS_POLLS_MAX {
                self.losses.pop_front();
            }
            self.losses.push_back((sent, received));
        }
        self.last = Some(seen);
    }

    /// Polls in a row that nothing answered.
    pub fn silent_polls(&self) -> u32 {
        self.silent_polls
    }

    /// Polls in a row that SNMP was asked and did not answer.
    pub fn snmp_silent_polls(&self) -> u32 {
        self.snmp.silent_polls
    }

    /// Polls in a row that ICMP was asked and did not answer.
    pub fn icmp_silent_polls(&self) -> u32 {
        self.icmp.silent_polls
    }

    /// When anything last answered.
    pub fn answered_at(&self) -> Option<Timestamp> {
        self.answered_at
    }

    /// Echoes lost and sent over the latest polls, where that is lossy.
    fn lossy(&self) -> Option<(u32, u32)> {
        let sent: u32 = self.losses.iter().map(|(sent, _)| u32::from(*sent)).sum();
        let lost = |&(sent, received): &(u8, u8)| u32::from(sent.saturating_sub(received));
        let polls_with_loss = self.losses.iter().filter(|l| lost(l) > 0).count();
        let lost: u32 = self.losses.iter().map(lost).sum();
        let ratio = f64::from(lost) / f64::from(sent.max(1));
        (polls_with_loss >= LOSSY_POLLS_MIN && ratio >= LOSSY_RATIO).then_some((lost, sent))
    }

    /// Whether nothing has answered for two intervals. A tenth of an interval is allowed for the
    /// unevenness of polls; two polls at least must have found silence, so that asking twice in a
    /// second does not make a device dead.
    fn dead(&self, interval: Duration, now: Timestamp) -> bool {
        let Some(quiet_since) = self.answered_at.or(self.asked_since) else {
            return false;
        };
        self.silent_polls >= DOWN_AFTER_INTERVALS && is_long_quiet(quiet_since, interval, now)
    }
}

/// Whether a device that was quiet since then, polled every `interval`, is down.
pub fn is_long_quiet(quiet_since: Timestamp, interval: Duration, now: Timestamp) -> bool {
    let enough = (interval * DOWN_AFTER_INTERVALS).saturating_sub(interval / 10);
    now.since(quiet_since) >= enough
}

/// How a device is, polled every `interval`.
pub fn decide(history: &History, interval: Duration, now: Timestamp) -> Verdict {
    let Some(last) = &history.last else {
        return Verdict {
            status: Status::Unknown,
            evidence: vec![behind(now, "It was not asked yet.".to_owned())],
        };
    };
    let evidence = vec![
        evidence(Check::Snmp, &last.snmp, &history.snmp),
        evidence(Check::Icmp, &last.icmp, &history.icmp),
    ];
    if now.since(last.ended_at) > interval * BEHIND_AFTER_INTERVALS {
        let detail = format!("Not asked since {}: the poller is behind.", last.ended_at);
        let mut all = vec![behind(now, detail)];
        all.extend(evidence);
        return Verdict {
            status: Status::Unknown,
            evidence: all,
        };
    }
    let mut verdict = Verdict {
        status: from_checks(history, last, interval, now),
        evidence,
    };
    let losses = history.lossy().filter(|_| last.icmp.answered());
    if let (Some((lost, sent)), Some(icmp)) = (losses, verdict.evidence.last_mut()) {
        // Writing to a String cannot fail.
        let _ = write!(
            icmp.detail,
            " {lost} of {sent} echoes were lost over the latest polls."
        );
        if verdict.status == Status::Up {
            verdict.status = Status::Degraded;
        }
    }
    verdict
}

/// The status by the latest outcome of each check, loss aside.
fn from_checks(history: &History, last: &PollSeen, interval: Duration, now: Timestamp) -> Status {
    use CheckOutcome::{Answered, OtherDevice, Partial, Refused, Silent, Skipped};
    match (last.snmp.outcome, last.icmp.outcome) {
        // Lost echoes alone are chance until they add up: see `lossy`.
        (Answered, _) | (Skipped, Answered | Partial) => Status::Up,
        (Partial | Refused, _) | (Silent, Answered | Partial | Refused) | (Skipped, Refused) => {
            Status::Degraded
        }
        (Skipped, Skipped) => Status::Unknown,
        // Whoever answers in its place, the device itself is silent.
        (OtherDevice, _) | (Silent | Skipped, OtherDevice | Silent) | (Silent, Skipped) => {
            if history.dead(interval, now) {
                Status::Down
            } else if history.answered_at.is_some() {
                // It answered less than two intervals ago: not dead yet, and not well.
                Status::Degraded
            } else {
                Status::Unknown
            }
        }
    }
}

/// The evidence of a check; for a silent one, since when.
fn evidence(check: Check, seen: &Seen, memory: &Memory) -> Evidence {
    let mut detail = seen.detail.clone();
    if seen.outcome == CheckOutcome::Silent {
        let _ = match memory.answered_at {
            Some(at) => write!(detail, " It last answered at {at}."),
            None => detail.write_str(" It has not answered since we began to ask."),
        };
    }
    Evidence {
        check,
        outcome: seen.outcome,
        at: seen.at,
        detail,
    }
}

fn behind(at: Timestamp, detail: String) -> Evidence {
    Evidence {
        check: Check::Snmp,
        outcome: CheckOutcome::Skipped,
        at,
        detail,
    }
}

#[cfg(test)]
mod tests;
