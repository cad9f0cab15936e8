//! From a poll's report to what is kept and told: interfaces get their identity, readings their
//! series, samples are synced, and only then is anybody told. Before all that it is asked who
//! answered ([`standing`]): of another device nothing is taken in.
//!
//! Reports of one device go to one worker in their order, so that what is observed of a device is
//! written by one task; devices go in parallel, so that their samples share a sync of the log.

mod facts;
mod past;
mod samples;
mod standing;

pub(crate) use samples::SeriesOfDevice;

use crate::metrics::{Ingested, OutcomeLabels};
use crate::wire::{self, Heard, Receiver};
use collect::PollReport;
use collect::snmp::Groups;
use model::device::IdentityConflict;
use model::event::Event;
use model::facts::NeighborFacts;
use model::status::{Check, CheckOutcome};
use model::{DeviceId, InterfaceId, Status, Timestamp};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use store::Store;
use store::inventory::{DeviceRecord, StatusReport};
use store::series::SeriesStore;
use tokio::sync::{broadcast, mpsc};
use tokio_util::task::TaskTracker;
use topology::interfaces::{Assignment, Change};
use tracing::{info, warn};

/// After so many reports a worker forgets the devices that are no longer there.
const REPORTS_PER_SWEEP: u32 = 1_000;

/// What ingest works with.
#[derive(Clone)]
pub struct Context {
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// Who resolves neighbours.
    pub heard: mpsc::Sender<Heard>,
    /// What was done.
    pub counts: Ingested,
}

/// Starts the workers on `tasks` and hands reports to them until the poller is gone and all was
/// taken in.
pub fn start(
    context: &Context,
    mut reports: Receiver<PollReport>,
    tasks: &TaskTracker,
) -> wire::Gauge {
    let (senders, receivers, gauge) = wire::workers();
    for receiver in receivers {
        tasks.spawn(work(context.clone(), receiver));
    }
    tasks.spawn(async move {
        while let Some(report) = reports.recv().await {
            let Some(sender) = senders.get(place(report.device_id, senders.len())) else {
                continue;
            };
            if sender.send(report).await.is_err() {
                return;
            }
        }
    });
    gauge
}

fn place(device_id: DeviceId, workers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    device_id.hash(&mut hasher);
    usize::try_from(hasher.finish() % workers.max(1) as u64).unwrap_or(0)
}

async fn work(context: Context, mut reports: Receiver<PollReport>) {
    let mut worker = Worker {
        context,
        devices: HashMap::new(),
    };
    let mut until_sweep = REPORTS_PER_SWEEP;
    while let Some(report) = reports.recv().await {
        worker.take(report).await;
        until_sweep -= 1;
        if until_sweep == 0 {
            until_sweep = REPORTS_PER_SWEEP;
            let inventory = &worker.context.store.inventory;
            worker
                .devices
                .retain(|id, _| inventory.device(*id).is_some());
        }
    }
}

/// Takes in the reports of its share of the devices.
struct Worker {
    context: Context,
    /// What is remembered of each device; forgotten with the device.
    devices: HashMap<DeviceId, Memory>,
}

/// What is remembered of a device from poll to poll.
#[derive(Default)]
struct Memory {
    series: SeriesOfDevice,
    past: past::Kept,
    /// What was reported of its interfaces last, so that it is logged when it changes.
    interface_reports: Vec<String>,
    /// Another device that was met at this address, where that could not be kept.
    conflict_owed: Option<(SocketAddr, IdentityConflict)>,
}

impl Worker {
    async fn take(&mut self, report: PollReport) {
        let device_id = report.device_id;
        // One that only says that the poller is behind is no poll.
        if !report.only_behind {
            let counts = &self.context.counts;
            counts.lag.observe(report.lag.as_secs_f64());
            counts.polls.get_or_create(&outcome(&report)).inc();
        }
        let Some(record) = self.context.store.inventory.device(device_id) else {
            // Deleted while it was polled.
            self.devices.remove(&device_id);
            return;
        };
        // It was given another address while it was polled.
        if record.device.body.socket() != report.address {
            return;
        }
        let memory = self.devices.entry(device_id).or_default();
        if let Some(conflict) = self.context.keep_conflict(&record, &report, memory).await {
            let status = standing::absence(&record, &report, &conflict);
            let (context, past) = (&self.context, &mut memory.past);
            past::keep(context, past, device_id, &status, None).await;
            self.context.keep_status(device_id, status).await;
            return;
        }
        let mut interfaces = assign(&record, &report);
        if interfaces.reports != memory.interface_reports {
            for line in &interfaces.reports {
                info!(device.id = %device_id, "interfaces: {line}");
            }
            memory.interface_reports.clone_from(&interfaces.reports);
        }
        // Before what is known changes: a change that is lost here is not seen again.
        let status = status(&record, &report);
        let read = past::Interfaces {
            before: &record.interfaces,
            now: &interfaces,
            read: report
                .complete
                .intersects(Groups::TRAFFIC | Groups::INTERFACES),
        };
        let (context, past) = (&self.context, &mut memory.past);
        past::keep(context, past, device_id, &status, Some(read)).await;
        // Series name interfaces, so these are durable first.
        let kept = self
            .context
            .keep_interfaces(device_id, &interfaces, report.answered_at)
            .await;
        if !kept {
            let inventory = &self.context.store.inventory;
            let there = inventory.device(device_id);
            let known: Vec<_> = there
                .iter()
                .flat_map(|record| record.interfaces.iter().map(|interface| interface.id))
                .collect();
            only_known(&mut interfaces, &known);
        }
        let samples = samples::take(&self.context, &mut memory.series, &report, &interfaces);
        let ((), ()) = tokio::join!(samples, self.context.keep_facts(&record, &report));
        self.context.keep_status(device_id, status).await;
    }
}

/// How the device is, as the poll found it.
fn status(record: &DeviceRecord, report: &PollReport) -> StatusReport {
    let mut defects = record.state.defects.clone();
    for (name, count) in &report.defects {
        let known = defects.entry(name.clone()).or_default();
        *known = known.saturating_add(*count);
    }
    StatusReport {
        status: report.status,
        evidence: report.evidence.clone(),
        at: report.answered_at,
        last_seen_at: report.last_seen_at,
        defects,
    }
}

/// What came of SNMP, which is what a poll is for.
fn outcome(report: &PollReport) -> OutcomeLabels {
    let snmp = report
        .evidence
        .iter()
        .find(|evidence| evidence.check == Check::Snmp);
    let outcome = match snmp.map(|evidence| evidence.outcome) {
        Some(CheckOutcome::Answered) => "answered",
        Some(CheckOutcome::Partial) => "partial",
        Some(CheckOutcome::Silent) => "silent",
        Some(CheckOutcome::Refused) => "refused",
        Some(CheckOutcome::OtherDevice) => "other_device",
        Some(CheckOutcome::Skipped) | None => "skipped",
    };
    OutcomeLabels { outcome }
}

fn assign(record: &DeviceRecord, report: &PollReport) -> Assignment {
    let known: Vec<_> = record
        .interfaces
        .iter()
        .map(|i| i.as_ref().clone())
        .collect();
    let complete = report.complete.contains(Groups::INTERFACES);
    let rows = &report.facts.interfaces;
    topology::interfaces::assign(&known, rows, complete, report.device_id, report.answered_at)
}

/// Leaves out the interfaces that could not be kept. A series under an id that is kept nowhere
/// would split its history, for the next poll gives the interface another. Their readings are
/// counted as without an interface.
fn only_known(assignment: &mut Assignment, known: &[InterfaceId]) {
    assignment.by_index.retain(|_, id| known.contains(id));
}

impl Context {
    /// Keeps the interfaces and tells what changed; says whether they are kept.
    async fn keep_interfaces(
        &self,
        device_id: DeviceId,
        assignment: &Assignment,
        at: Timestamp,
    ) -> bool {
        let kept = self
            .store
            .inventory
            .set_interfaces(device_id, assignment.interfaces.clone())
            .await;
        if let Err(error) = kept {
            self.not_kept(device_id, "interfaces", &error);
            return false;
        }
        for change in &assignment.changes {
            if let Change::OperStatus { id, from, to } = change {
                self.tell(Event::InterfaceStatus {
                    device_id,
                    interface_id: *id,
                    from: *from,
                    to: *to,
                    at,
                });
            }
        }
        let told = |change: &Change| !matches!(change, Change::OperStatus { .. });
        if assignment.changes.iter().any(told) {
            self.tell(Event::DeviceChanged { device_id });
        }
        if !assignment.changes.is_empty() {
            self.hear(device_id, None, at).await;
        }
        true
    }

    async fn keep_facts(&self, record: &DeviceRecord, report: &PollReport) {
        let device_id = report.device_id;
        if let (Some(said), Some(identity)) = (&report.said, &report.identity)
            && report.complete.contains(Groups::SYSTEM)
        {
            let known = &record.device.body.identity;
            let identity = facts::merge_identity(known, identity, report.complete);
            match self
                .store
                .inventory
                .observe(device_id, said, &identity)
                .await
            {
                Ok(true) => self.tell(Event::DeviceChanged { device_id }),
                Ok(false) => {}
                Err(error) => self.not_kept(device_id, "what it says of itself", &error),
            }
        }
        if !report.complete.is_empty() || !report.facts.arp.is_empty() {
            let facts = facts::merge(
                &record.facts,
                &report.facts,
                (report.complete, report.unheard),
                report.answered_at,
            );
            if let Err(error) = self.store.inventory.set_facts(device_id, facts).await {
                self.not_kept(device_id, "facts", &error);
            }
        }
        if report.complete.contains(Groups::NEIGHBORS) {
            let neighbors = Some(report.facts.neighbors.clone());
            self.hear(device_id, neighbors, report.answered_at).await;
        }
    }

    async fn keep_status(&self, device_id: DeviceId, report: StatusReport) {
        let (at, evidence) = (report.at, report.evidence.clone());
        match self.store.inventory.set_state(device_id, report).await {
            Ok(None) => {}
            Ok(Some(change)) => {
                if change.to != Status::Up && change.from != Status::Unknown {
                    let why: Vec<&str> = evidence.iter().map(|e| e.detail.as_str()).collect();
                    info!(device.id = %device_id, "{:?}: {}", change.to, why.join("; "));
                }
                self.tell(Event::DeviceStatus {
                    device_id,
                    from: change.from,
                    to: change.to,
                    since: change.since,
                    evidence,
                });
                self.hear(device_id, None, at).await;
            }
            Err(error) => self.not_kept(device_id, "status", &error),
        }
    }

    /// Tells the task that keeps links.
    async fn hear(
        &self,
        device_id: DeviceId,
        neighbors: Option<Vec<NeighborFacts>>,
        at: Timestamp,
    ) {
        // An error means that the server is stopping.
        let _ = self
            .heard
            .send(Heard {
                device_id,
                neighbors,
                at,
            })
            .await;
    }

    fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(Arc::new(event));
    }

    /// A device that was deleted meanwhile is no failure.
    fn not_kept(&self, device_id: DeviceId, what: &str, error: &store::StoreError) {
        if self.store.inventory.device(device_id).is_some() {
            let error = crate::chain(error);
            warn!(device.id = %device_id, %error, "{what} of a poll not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::facts::InterfaceFacts;

    #[test]
    fn interfaces_that_are_not_kept_have_no_readings() {
        let device_id = DeviceId::new();
        let row = |index, name: &str| InterfaceFacts {
            index,
            name: Some(name.to_owned()),
            ..InterfaceFacts::default()
        };
        let at = Timestamp::from_unix_ms(0);
        let rows = [row(Some(1), "eth0"), row(Some(2), "eth1")];
        let mut assigned = topology::interfaces::assign(&[], &rows, true, device_id, at);
        let first = assigned.by_index[&1];
        only_known(&mut assigned, &[first]);
        assert_eq!(assigned.by_index.get(&1), Some(&first));
        assert_eq!(assigned.by_index.get(&2), None);
    }
}
