//! One poll of one device: ICMP and SNMP side by side, then the report.

use super::evidence;
use super::memory::{Memory, details};
use super::stats::Counts;
use super::{PollReport, PollerOptions, Shared, Target};
use crate::icmp::{Echo, Echoes, Pinger};
use crate::profile::Profiles;
use crate::reading::{Instance, Reading};
use crate::snmp::{Dialect, Glimpse, Groups, Look, read_within};
use crate::status::{self, PollSeen};
use model::status::Status;
use model::{Clock, Metric, Value};
use snmp::{Session, SessionError, Transport, oid};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, timeout_at};

/// A poll that begins later than this share of its interval reads only what changes.
const LATE_SHARE: u32 = 4;

/// What every poll needs.
pub(super) struct Context {
    pub(super) options: PollerOptions,
    pub(super) transport: Transport,
    pub(super) pinger: Pinger,
    pub(super) clock: Clock,
    pub(super) profiles: Profiles,
    pub(super) reports: mpsc::Sender<PollReport>,
    pub(super) shared: Arc<Shared>,
}

impl Context {
    /// Reports if there is room; says whether.
    pub(super) fn try_report(&self, report: PollReport) -> bool {
        self.reports.try_send(report).is_ok()
    }

    async fn report(&self, report: PollReport) {
        match self.reports.try_send(report) {
            Err(TrySendError::Full(report)) => {
                Counts::one(&self.shared.counts.reports_waited);
                // An error means that nobody wants reports any more: the server is stopping.
                let _ = self.reports.send(report).await;
            }
            Ok(()) | Err(TrySendError::Closed(_)) => {}
        }
    }
}

/// Polls, reports, and gives back what is remembered.
pub(super) async fn run(
    context: Arc<Context>,
    target: Target,
    mut memory: Box<Memory>,
    lag: Duration,
) -> Box<Memory> {
    let started = Instant::now();
    let started_at = context.clock.now();
    let limit = context.options.deadline(target.interval);
    // One that was silent twice, though SNMP answers, is most likely behind a filter.
    let history = &memory.history;
    let echoes = if history.silent_polls() > 0 || history.icmp_silent_polls() > 1 {
        Echoes::SILENT
    } else {
        Echoes::POLL
    };
    let address = target.address.ip();
    let (echo, asked) = tokio::join!(
        context.pinger.ping(address, echoes),
        ask(&context, &target, &mut memory, (started + limit, lag))
    );
    let ended_at = context.clock.now();
    let seen = PollSeen {
        started_at,
        ended_at,
        snmp: evidence::snmp(&asked, memory.incomplete, limit, ended_at),
        icmp: evidence::icmp(&echo, ended_at),
        echoes: echo.as_ref().ok().map(|e| (e.sent, e.received)),
    };
    memory.history.record(seen);
    let verdict = status::decide(&memory.history, target.interval, ended_at);

    let counts = &context.shared.counts;
    Counts::one(&counts.polls);
    if memory.history.silent_polls() > 0 {
        Counts::one(&counts.polls_silent);
    }
    if asked.late {
        Counts::one(&counts.deadlines);
    }
    let mut readings = asked.look.readings.clone();
    readings.extend(own_readings(echo.ok(), &asked.look, started.elapsed()));
    let system = asked.look.complete.contains(Groups::SYSTEM);
    let report = PollReport {
        device_id: target.device_id,
        address: target.address,
        due_at: started_at.minus(lag),
        started_at,
        answered_at: asked.look.answered_at.unwrap_or(ended_at),
        last_seen_at: memory.history.answered_at(),
        status: verdict.status,
        evidence: verdict.evidence,
        said: system.then(|| asked.look.said()),
        identity: system.then(|| asked.look.identity()),
        glimpse: asked.look.glimpse,
        complete: asked.look.complete,
        unheard: asked.look.unheard,
        readings,
        defects: asked.look.defects.by_name(),
        facts: asked.look.facts,
        lag,
        only_behind: false,
    };
    context.report(report).await;
    memory
}

/// The report that a device's status is stale, where it is.
pub(super) fn behind(
    context: &Context,
    target: &Target,
    memory: &Memory,
    lag: Duration,
) -> Option<PollReport> {
    let now = context.clock.now();
    let verdict = status::decide(&memory.history, target.interval, now);
    let stale = verdict.status == Status::Unknown && memory.history.answered_at().is_some();
    stale.then(|| PollReport {
        device_id: target.device_id,
        address: target.address,
        due_at: now.minus(lag),
        started_at: now,
        answered_at: now,
        last_seen_at: memory.history.answered_at(),
        status: verdict.status,
        evidence: verdict.evidence,
        facts: model::facts::Facts::default(),
        complete: Groups::NONE,
        unheard: Groups::NONE,
        said: None,
        identity: None,
        glimpse: Glimpse::default(),
        readings: Vec::new(),
        defects: std::collections::BTreeMap::new(),
        lag,
        only_behind: true,
    })
}

/// What SNMP brought.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) look: Look,
    /// SNMP was asked at all.
    pub(super) any: bool,
    /// The deadline cut it short.
    pub(super) late: bool,
    pub(super) took: Duration,
    /// The profile that was chosen for it, where there is none of that name.
    pub(super) missing_profile: Option<Arc<str>>,
}

/// Asks in the order of what matters: what changes, then what seldom changes, then neighbours.
/// What the deadline cuts short is read in part.
/// Where polls are begun late, what changes is read and the rest waits.
async fn ask(
    context: &Context,
    target: &Target,
    memory: &mut Memory,
    (deadline, lag): (Instant, Duration),
) -> Asked {
    let mut asked = Asked::default();
    let began = Instant::now();
    let was_silent = memory.history.snmp_silent_polls() > 0;
    let options = &context.options;
    let late = lag > target.interval / LATE_SHARE
        && memory.is_known()
        && !memory.details_overdue(options, began);
    if late {
        Counts::one(&context.shared.counts.postponed);
    }
    let details_due = !late && memory.details_due(options, began);
    let inventory_due = !late && memory.inventory_due(options, began);
    let neighbors_due = !late && memory.neighbors_due(options, began);
    let heard_due = if late {
        Groups::NONE
    } else {
        memory.heard_due(options, began)
    };
    let Some(mut session) = memory.take_session(target, &context.transport, options) else {
        return asked;
    };
    asked.any = true;
    memory
        .dialect
        .get_or_insert_with(|| Dialect::new(&context.profiles))
        .choose(target.profile.as_ref());
    // One that was silent is asked a single question first: a dead device costs no more.
    if was_silent && let Err(error) = knock(&mut session).await {
        asked.look.error = Some(error);
        asked.look.defects.merge(&session.take_defects());
        memory.session = Some(session);
        return asked;
    }
    let mut first = if details_due {
        (Groups::COUNTERS - Groups::TRAFFIC) | details()
    } else {
        Groups::COUNTERS
    };
    if inventory_due {
        first |= Groups::INVENTORY;
    }
    asked
        .stage(first, &mut session, memory, &context.clock, deadline)
        .await;
    let mut again = memory.owing(Instant::now()) - first;
    // What access points are by make is of the rows that tell of them.
    let has_wireless = !asked.look.facts.wireless.is_empty() || memory.access_points.are_known();
    if again.contains(Groups::INVENTORY) && has_wireless {
        again |= Groups::WIRELESS;
    }
    if !again.is_empty() && !late {
        asked
            .stage(again, &mut session, memory, &context.clock, deadline)
            .await;
    }
    if neighbors_due && !again.contains(Groups::NEIGHBORS) {
        asked
            .stage(
                Groups::NEIGHBORS,
                &mut session,
                memory,
                &context.clock,
                deadline,
            )
            .await;
    }
    if !heard_due.is_empty() {
        asked
            .stage(heard_due, &mut session, memory, &context.clock, deadline)
            .await;
    }
    if asked.look.facts.interfaces.is_empty() {
        asked.look.facts.interfaces = memory.interfaces(&asked.look);
    }
    memory.access_points.fill(&mut asked.look.facts.wireless);
    asked.missing_profile = memory.dialect.as_ref().and_then(Dialect::missing).cloned();
    asked.took = began.elapsed();
    memory.session = Some(session);
    asked
}

/// One question: sysUpTime. Source: SNMPv2-MIB (RFC 3418).
async fn knock(session: &mut Session) -> Result<(), SessionError> {
    session
        .get(&[oid!(1, 3, 6, 1, 2, 1, 1, 3, 0)])
        .await
        .map(drop)
}

impl Asked {
    /// Reads some groups; what is to be read anew for it is owed from then on.
    async fn stage(
        &mut self,
        groups: Groups,
        session: &mut Session,
        memory: &mut Memory,
        clock: &Clock,
        deadline: Instant,
    ) {
        // A device that fell silent on the way is not asked for more.
        if self.late || self.look.error.is_some() {
            self.look.asked |= groups;
            return;
        }
        // The look ends itself in time and keeps what it read; only where it does not it is cut off
        // and lost.
        let began = Instant::now();
        let left = deadline.saturating_duration_since(began);
        let time = left * 4 / 5;
        let mut dialect = memory.dialect.take().unwrap_or_default();
        let reading = read_within(session, &mut dialect, groups, clock, time);
        let look = timeout_at(deadline, reading)
            .await
            .unwrap_or_else(|_| Look {
                asked: groups,
                defects: session.take_defects(),
                ..Look::default()
            });
        memory.dialect = Some(dialect);
        self.late |= began.elapsed() >= time && !look.complete.contains(groups);
        // Silence and refusal say nothing about what the device has; it is asked again next time.
        let unanswered = look.error.is_some() && look.complete.is_empty();
        if !unanswered {
            memory.take_in(&look, Instant::now());
        }
        merge(&mut self.look, look);
    }
}

/// Brings a later part of a poll together with the earlier ones. What the later one read takes the
/// place of the same in the earlier ones, but for readings: their time is that of the first answer.
fn merge(look: &mut Look, later: Look) {
    fn take<T>(old: &mut Vec<T>, new: Vec<T>) {
        if !new.is_empty() {
            *old = new;
        }
    }
    let facts = later.facts;
    if later.asked.contains(Groups::SYSTEM) {
        look.facts.device = facts.device;
    } else if look.facts.device.uptime_seconds.is_none() {
        look.facts.device.uptime_seconds = facts.device.uptime_seconds;
    }
    take(&mut look.facts.interfaces, facts.interfaces);
    take(&mut look.facts.addresses, facts.addresses);
    take(&mut look.facts.processors, facts.processors);
    take(&mut look.facts.memory, facts.memory);
    take(&mut look.facts.storage, facts.storage);
    take(&mut look.facts.sensors, facts.sensors);
    take(&mut look.facts.wireless, facts.wireless);
    take(&mut look.facts.neighbors, facts.neighbors);
    take(&mut look.facts.vlans, facts.vlans);
    take(&mut look.facts.bridge_ports, facts.bridge_ports);
    take(&mut look.facts.inventory, facts.inventory);
    take(&mut look.facts.routing_neighbors, facts.routing_neighbors);
    take(&mut look.facts.default_routes, facts.default_routes);
    take(&mut look.facts.arp, facts.arp);
    if look.readings.is_empty() {
        look.readings = later.readings;
        look.glimpse = later.glimpse;
    }
    look.unheard = (look.unheard - later.asked) | later.unheard;
    look.asked |= later.asked;
    look.complete |= later.complete;
    look.defects.merge(&later.defects);
    look.answered_at = look.answered_at.or(later.answered_at);
    look.error = look.error.take().or(later.error);
}

/// What we measure ourselves.
fn own_readings(echo: Option<Echo>, look: &Look, took: Duration) -> Vec<Reading> {
    let reading = |metric, value: f64| Reading {
        metric,
        instance: Instance::Device,
        value: Value::F64(value),
    };
    let mut readings = Vec::with_capacity(4);
    if let Some(echo) = echo {
        readings.push(reading(Metric::ICMP_LOSS, echo.loss()));
        let rtt = echo
            .rtt
            .map(|rtt| reading(Metric::ICMP_RTT, rtt.as_secs_f64()));
        readings.extend(rtt);
        let jitter = echo.jitter;
        readings.extend(jitter.map(|time| reading(Metric::ICMP_JITTER, time.as_secs_f64())));
    }
    if look.answered_at.is_some() {
        readings.push(reading(Metric::POLL_DURATION, took.as_secs_f64()));
    }
    readings
}
