//! Runs of discovery at work: what they found is placed at once, and written and told in lots.

use super::Context;
use super::register::{self, RuleBook};
use crate::wire::{self, RunWord};
use api::DiscoveryRefused;
use collect::{DiscoveryPlan, Found, TargetError};
use model::discovery::{Discovery, DiscoveryPhase, DiscoveryRequest, DiscoveryResult, SnmpAnswer};
use model::event::Event;
use model::{DeviceId, DiscoveryId, ScheduleId};
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use store::documents::PAGE_LEN_MAX;
use tokio_util::sync::CancellationToken;
use topology::identity::Index;
use tracing::{info, warn};

/// Sentences kept of one run, so that a broken network does not fill its document.
const NOTICES_MAX: usize = 100;

/// Results kept in memory while they cannot be written: as many as a run may find devices. Beyond it
/// the oldest are told and lost.
const UNWRITTEN_MAX: usize = 10_000;

/// The runs at work, and the rules for what they find.
#[derive(Default)]
pub(super) struct Runs(BTreeMap<DiscoveryId, Run>, RuleBook);

/// The schedule that begins a run.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) schedule_id: ScheduleId,
    /// Its last run.
    pub(super) before: Option<DiscoveryId>,
}

struct Run {
    discovery: Discovery,
    cancel: CancellationToken,
    /// Known devices as the run began, and what it found since.
    index: Index,
    devices: HashSet<DeviceId>,
    /// Found and not yet written.
    results: Vec<DiscoveryResult>,
    /// Those of them that were not known before.
    new: HashSet<SocketAddr>,
    /// Where the run of the same schedule before found devices: they are not new again where nothing
    /// is registered.
    met_before: HashSet<SocketAddr>,
    /// Whether the run changed since it was written.
    moved: bool,
}

impl Runs {
    /// Checks what is asked for, keeps the run and begins it.
    pub(super) async fn begin(
        &mut self,
        context: &Context,
        id: DiscoveryId,
        request: DiscoveryRequest,
        schedule: Option<Of>,
    ) -> Result<Discovery, DiscoveryRefused> {
        if let Some(begun) = self.begun(context, id).await? {
            return Ok(begun);
        }
        if self.0.len() >= context.runs_max {
            let detail = format!(
                "{} discoveries are at work; wait or cancel one",
                self.0.len()
            );
            return Err(DiscoveryRefused::Busy { detail });
        }
        let plan = plan(context, &request).await?;
        let before = schedule.and_then(|of| of.before);
        let met_before = match before.filter(|_| !request.register) {
            Some(before) => met(context, before).await,
            None => HashSet::new(),
        };
        let schedule_id = schedule.map(|of| of.schedule_id);
        let discoveries = &context.store.discoveries;
        let kept = match schedule_id {
            Some(_) => discoveries.create_of(id, request, schedule_id).await,
            None => discoveries.create(id, request).await,
        };
        let discovery = kept
            .map_err(|error| DiscoveryRefused::Failed {
                detail: crate::chain(&error),
            })?
            .body;
        let run = Run {
            discovery: discovery.clone(),
            cancel: context.stop.child_token(),
            index: index(context),
            devices: HashSet::new(),
            results: Vec::new(),
            new: HashSet::new(),
            met_before,
            moved: false,
        };
        spawn(context, discovery.id, plan, run.cancel.clone());
        self.0.insert(discovery.id, run);
        Ok(discovery)
    }

    /// The run of that id, where it was begun before: a request may come twice, with the same id, where
    /// its answer did not arrive.
    pub(super) async fn begun(
        &self,
        context: &Context,
        id: DiscoveryId,
    ) -> Result<Option<Discovery>, DiscoveryRefused> {
        if let Some(run) = self.0.get(&id) {
            return Ok(Some(run.discovery.clone()));
        }
        let kept = context.store.discoveries.get(id).await;
        let kept = kept.map_err(|error| DiscoveryRefused::Failed {
            detail: crate::chain(&error),
        })?;
        Ok(kept.map(|stored| stored.body))
    }

    /// Whether a run is at work.
    pub(super) fn at_work(&self, id: DiscoveryId) -> bool {
        self.0.contains_key(&id)
    }

    /// The schedule is gone; its run goes on as one that somebody began.
    pub(super) fn let_go(&mut self, schedule: ScheduleId) {
        let of = |run: &&mut Run| run.discovery.schedule_id == Some(schedule);
        for run in self.0.values_mut().filter(of) {
            run.discovery.schedule_id = None;
            run.moved = true;
        }
    }

    /// Stops a run; its last word follows.
    pub(super) fn cancel(&self, id: DiscoveryId) {
        if let Some(run) = self.0.get(&id) {
            run.cancel.cancel();
        }
    }

    /// Takes in a word of a run.
    pub(super) async fn hear(&mut self, context: &Context, word: RunWord) {
        let Some(run) = self.0.get_mut(&word.run) else {
            return;
        };
        run.moved = true;
        match word.found {
            Found::Progress {
                total,
                done,
                answered,
            } => {
                run.discovery.addresses_total = total;
                run.discovery.addresses_done = done;
                run.discovery.addresses_answered = answered;
            }
            Found::Notice(notice) => {
                if run.discovery.notices.len() < NOTICES_MAX {
                    run.discovery.notices.push(notice);
                }
            }
            Found::Address {
                mut result,
                look,
                credential,
            } => {
                let found = register::Found {
                    register: run.discovery.request.register,
                    schedule_id: run.discovery.schedule_id,
                    result: &result,
                    look: look.as_deref(),
                    credential,
                };
                let rules = self.1.current(context).await;
                let placed = register::place(context, &mut run.index, rules, found).await;
                result.device_id = placed.device_id;
                result.identity_reason = placed.reason;
                result.rule_reason = placed.rule_reason;
                run.devices.extend(placed.counted_as);
                run.discovery.devices_found = run.devices.len() as u64;
                let at = SocketAddr::new(result.address, result.port);
                if placed.new && !run.met_before.contains(&at) {
                    run.discovery.devices_new += 1;
                    run.new.insert(at);
                }
                run.results.push(*result);
            }
            Found::Finished { cancelled } => {
                // The server is stopping: the run is not done, and the next start says so.
                if context.stop.is_cancelled() {
                    return;
                }
                run.discovery.phase = if cancelled {
                    DiscoveryPhase::Cancelled
                } else {
                    DiscoveryPhase::Done
                };
                run.discovery.ended_at = Some(context.clock.now());
                run.flush(context).await;
                let found = run.discovery.devices_found;
                info!(discovery.id = %word.run, "discovery ended, {found} devices found");
                self.0.remove(&word.run);
            }
        }
    }

    /// Writes and tells what came since the last time.
    pub(super) async fn flush(&mut self, context: &Context) {
        for run in self.0.values_mut().filter(|run| run.moved) {
            run.flush(context).await;
        }
    }
}

impl Run {
    async fn flush(&mut self, context: &Context) {
        let id = self.discovery.id;
        let mut results = std::mem::take(&mut self.results);
        if let Err(error) = context.store.discoveries.add_results(id, &results).await {
            warn!(discovery.id = %id, error = %crate::chain(&error), "what a discovery found is not kept yet");
            // Written with the next lot, and told when it is.
            let lost = results.len().saturating_sub(UNWRITTEN_MAX);
            self.results = results.split_off(lost);
        }
        if let Err(error) = context.store.discoveries.update(&self.discovery).await {
            warn!(discovery.id = %id, error = %crate::chain(&error), "how far a discovery is is not kept");
        }
        for result in results {
            let at = SocketAddr::new(result.address, result.port);
            if self.new.remove(&at) {
                context.tell(Event::DeviceDiscovered {
                    discovery_id: id,
                    schedule_id: self.discovery.schedule_id,
                    result: result.clone(),
                });
            }
            context.tell(Event::DiscoveryFound {
                discovery_id: id,
                result,
            });
        }
        context.tell(Event::DiscoveryProgress(self.discovery.clone()));
        self.moved = false;
    }
}

/// Where a run found devices.
async fn met(context: &Context, run: DiscoveryId) -> HashSet<SocketAddr> {
    let mut met = HashSet::new();
    let mut after = None;
    loop {
        let page = context
            .store
            .discoveries
            .results(run, after, false, PAGE_LEN_MAX);
        // A run that is gone found nothing: its devices are new.
        let Ok(page) = page.await else {
            return met;
        };
        let results = page.items.iter().map(|stored| &stored.body);
        let devices = results.filter(|result| {
            matches!(result.snmp, SnmpAnswer::Identified { .. })
                || (result.snmp == SnmpAnswer::NotAsked && result.icmp_answered == Some(true))
        });
        met.extend(devices.map(|result| SocketAddr::new(result.address, result.port)));
        after = page.next;
        if after.is_none() {
            return met;
        }
    }
}

/// Starts the run and the task that forwards its words with its id.
fn spawn(context: &Context, id: DiscoveryId, mut plan: DiscoveryPlan, cancel: CancellationToken) {
    plan.profiles = context.profiles.clone();
    let (sender, mut receiver) = wire::run();
    context.tasks.spawn(collect::discovery::run(
        plan,
        context.transport.clone(),
        context.pinger.clone(),
        context.clock.clone(),
        sender,
        cancel,
    ));
    let found = context.found.clone();
    context.tasks.spawn(async move {
        while let Some(word) = receiver.recv().await {
            if found
                .send(RunWord {
                    run: id,
                    found: word,
                })
                .await
                .is_err()
            {
                return;
            }
        }
    });
}

fn index(context: &Context) -> Index {
    let mut index = Index::default();
    for record in context.store.inventory.devices() {
        let device = &record.device.body;
        index.insert(
            device.id,
            &device.identity,
            SocketAddr::new(device.address, device.port),
        );
    }
    index
}

/// Whether a run that looks for this could begin.
pub(super) async fn check(
    context: &Context,
    request: &DiscoveryRequest,
) -> Result<(), DiscoveryRefused> {
    plan(context, request).await.map(drop)
}

async fn plan(
    context: &Context,
    request: &DiscoveryRequest,
) -> Result<DiscoveryPlan, DiscoveryRefused> {
    let mut credentials = Vec::with_capacity(request.credential_ids.len());
    for (index, id) in request.credential_ids.iter().enumerate() {
        match context.open(*id).await {
            Ok(opened) => credentials.push((Some(*id), opened)),
            Err(detail) => return Err(DiscoveryRefused::Credential { index, detail }),
        }
    }
    let mut allowed = request.clone();
    allowed
        .allowed_networks
        .extend(context.allowed_networks.iter().cloned());
    DiscoveryPlan::parse(&allowed, credentials).map_err(|error| refused(&error))
}

fn refused(error: &TargetError) -> DiscoveryRefused {
    let detail = error.reason.to_string();
    match (error.field, error.index) {
        ("targets", Some(index)) => DiscoveryRefused::Target { index, detail },
        ("allowed_networks", Some(index)) => DiscoveryRefused::AllowedNetwork { index, detail },
        ("credential_ids", Some(index)) => DiscoveryRefused::Credential { index, detail },
        (field, _) => DiscoveryRefused::Field { field, detail },
    }
}
