//! Flows in the server: the ports that they come in by, whose they are, and keeping the tops of each
//! minute as events; [`applications`] keeps the largest applications as series, and [`talkers`] looks at
//! flows as they come. What is read of them is the business of `collect::flow`.

mod applications;
mod measured;
mod talkers;

use crate::config::FlowSettings;
use crate::readiness::Standing;
use crate::senders::Senders;
use crate::threads::Places;
use crate::wire::{FlowTops, Receiver};
use applications::{Applications, Minute};
use collect::flow::{ExporterState, Flows, Listening, Protocol, Sealed};
use measured::Kept;
use model::device::LOCAL_VANTAGE;
use model::event::Event;
use model::flow::{FlowDefect, FlowExporter, FlowListener, FlowStanding, FlowTop, WaitedTemplate};
use model::{Clock, DeviceId, EventId, EventKind, EventRecord, InterfaceId};
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::events::BATCH_MAX;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use topology::senders;
use tracing::{info, warn};

/// How often it is told anew who sends flows.
const TELL_INTERVAL: Duration = Duration::from_secs(2);

/// What flows work with.
pub struct Context {
    /// Where tops are kept.
    pub store: Store,
    /// The present time.
    pub clock: Clock,
    /// Whose an address is.
    pub senders: Senders,
    /// Whom to tell of new talkers.
    pub events: broadcast::Sender<Arc<Event>>,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// Waited for before the store is closed.
    pub drain: TaskTracker,
}

/// The arrows of flows.
pub struct Arrows {
    /// To the keeper.
    pub tops: FlowTops,
    /// To the API.
    pub told: watch::Sender<Arc<FlowStanding>>,
}

/// Begins to listen where the settings say so. A port that cannot be had is told, and the server goes
/// on without.
pub fn start(
    settings: &FlowSettings,
    context: Context,
    arrows: Arrows,
    standing: &mut Standing,
    registry: &mut Registry,
    places: &Places,
) {
    let wanted = wanted(settings);
    if wanted.is_empty() {
        let (store, stop) = (context.store, context.stop);
        let end = talkers::left_open::end_all(store, context.events, stop);
        context.drain.spawn_on(end, &places.foresight);
        return;
    }
    let flows = Flows::new(
        settings.exporter_flows_per_second_max,
        context.clock.clone(),
    );
    let mut listeners = Vec::new();
    for (protocol, address) in wanted {
        let (listener, listening) = listen(&flows, (protocol, address), &context.stop);
        if let Some(error) = &listener.error {
            warn!("{error}");
            let now = context.clock.now();
            standing.add("flows", "flows_not_listened_for", error.clone(), now);
        }
        if let Some(listening) = listening {
            let read = flows.clone().read(listening);
            context.drain.spawn_on(read, &places.listen);
        }
        listeners.push(listener);
    }
    let (tops_in, tops_out) = arrows.tops;
    let seal = flows.clone().seal(tops_in, context.stop.clone());
    context.drain.spawn_on(seal, &places.ingest);
    let kept = Kept::register(registry, flows.clone());
    let applications = Applications::new(
        context.store.series.clone(),
        context.store.inventory.clone(),
        context.events.clone(),
        context.clock.clone(),
        applications::Counts::register(registry),
    );
    let talkers = talkers::Context {
        store: context.store.clone(),
        senders: context.senders.clone(),
        flows: flows.clone(),
        clock: context.clock.clone(),
        events: context.events,
        counts: talkers::Counts::register(registry),
        stop: context.stop.clone(),
    };
    context
        .drain
        .spawn_on(talkers::run(talkers), &places.foresight);
    let drain = context.drain.clone();
    let keeper = Keeper {
        store: context.store,
        senders: context.senders,
        flows,
        listeners,
        told: arrows.told,
        kept,
        applications,
        failing: false,
    };
    drain.spawn_on(keeper.run(tops_out), &places.ingest);
}

fn wanted(settings: &FlowSettings) -> Vec<(Protocol, SocketAddr)> {
    let netflow = settings.listen_netflow.iter();
    let sflow = settings.listen_sflow.iter();
    netflow
        .map(|address| (Protocol::Netflow, *address))
        .chain(sflow.map(|address| (Protocol::Sflow, *address)))
        .collect()
}

fn listen(
    flows: &Flows,
    (protocol, address): (Protocol, SocketAddr),
    stop: &CancellationToken,
) -> (FlowListener, Option<Listening>) {
    let name = match protocol {
        Protocol::Netflow => "netflow",
        Protocol::Sflow => "sflow",
    };
    let mut listener = FlowListener {
        protocol: name.to_owned(),
        address,
        error: None,
    };
    match flows.listen(address, protocol, stop) {
        Ok(listening) => {
            // Port 0 took any.
            listener.address = listening.address();
            info!("{name} flows are listened for on {}", listener.address);
            (listener, Some(listening))
        }
        Err(error) => {
            listener.error = Some(crate::chain(&error));
            (listener, None)
        }
    }
}

/// Keeps what was sealed, and tells who sends.
struct Keeper {
    store: Store,
    senders: Senders,
    flows: Flows,
    listeners: Vec<FlowListener>,
    told: watch::Sender<Arc<FlowStanding>>,
    kept: Kept,
    applications: Applications,
    failing: bool,
}

impl Keeper {
    async fn run(mut self, mut tops: Receiver<Vec<Sealed>>) {
        let mut ticks = tokio::time::interval(TELL_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                sealed = tops.recv() => match sealed {
                    Some(sealed) => self.keep(sealed).await,
                    None => return,
                },
                _ = ticks.tick() => {
                    self.tell();
                    self.applications.tick();
                }
            }
        }
    }

    /// Keeps a minute, as much at a time as the store takes at once: nobody waits while all of it is
    /// written as JSON, nor does all of it lie in memory twice.
    async fn keep(&mut self, sealed: Vec<Sealed>) {
        let mut whose = Whose::new(self.store.clone(), self.senders.snapshot());
        let mut sealed = sealed.into_iter();
        while !sealed.as_slice().is_empty() {
            let lot: Vec<Sealed> = sealed.by_ref().take(BATCH_MAX).collect();
            let made = tokio::task::spawn_blocking(move || {
                let (events, strangers) = whose.events(lot);
                (whose, events, strangers)
            });
            let (returned, events, strangers) = match made.await {
                Ok(made) => made,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime ends.
                    Err(_) => return,
                },
            };
            whose = returned;
            self.kept.of_strangers.inc_by(strangers);
            self.append(events).await;
        }
        self.applications.keep(whose.minute).await;
    }

    async fn append(&mut self, events: Vec<EventRecord>) {
        let count = events.len() as u64;
        match self.store.events.append(events).await {
            Ok(appended) => {
                self.kept.durable.inc_by(appended.stored);
                self.kept.lost.inc_by(appended.refused);
                self.failing = false;
            }
            Err(error) => {
                self.kept.lost.inc_by(count);
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(error = %crate::chain(&error), "tops of flows are lost");
                }
            }
        }
    }

    fn tell(&self) {
        let senders = self.senders.snapshot();
        let exporters = self.flows.exporters().into_iter();
        self.told.send_replace(Arc::new(FlowStanding {
            listeners: self.listeners.clone(),
            exporters: exporters.map(|state| exporter(state, &senders)).collect(),
        }));
    }
}

/// A device that sends flows, and its interfaces by ifIndex.
struct Owner {
    device_id: DeviceId,
    /// Of each the id and the name.
    interfaces: HashMap<u32, (InterfaceId, String)>,
}

/// Whose the tops of one window are.
struct Whose {
    store: Store,
    senders: Arc<senders::Senders>,
    known: HashMap<IpAddr, Option<Owner>>,
    /// The applications of the window.
    minute: Minute,
}

impl Whose {
    fn new(store: Store, senders: Arc<senders::Senders>) -> Self {
        Self {
            store,
            senders,
            known: HashMap::new(),
            minute: Minute::default(),
        }
    }

    /// The events of tops, and how many were of an exporter that is no device that we know.
    fn events(&mut self, sealed: Vec<Sealed>) -> (Vec<EventRecord>, u64) {
        let (mut events, mut strangers) = (Vec::with_capacity(sealed.len()), 0);
        for sealed in sealed {
            match self.event(sealed) {
                Some(event) => events.push(event),
                None => strangers += 1,
            }
        }
        (events, strangers)
    }

    /// None where the exporter is no device that we know.
    fn event(&mut self, sealed: Sealed) -> Option<EventRecord> {
        let (store, senders) = (&self.store, &self.senders);
        let Sealed {
            exporter,
            from,
            top,
        } = sealed;
        let owner = self.known.entry(exporter);
        let owner = owner.or_insert_with(|| owner_of(store, senders, exporter));
        let owner = owner.as_ref()?;
        self.minute.add(owner, from, &top);
        let interface = owner.interfaces.get(&top.if_index);
        let interface_id = interface.map(|(id, _)| *id);
        Some(EventRecord {
            id: EventId::received(from),
            at: from,
            vantage: LOCAL_VANTAGE.to_owned(),
            kind: EventKind::FlowTop,
            device_id: Some(owner.device_id),
            interface_id,
            source: exporter,
            severity: None,
            text: FlowTop::words(top.direction, top.dimension, interface_id),
            body: serde_json::to_value(&top).ok()?,
        })
    }
}

fn owner_of(store: &Store, senders: &senders::Senders, exporter: IpAddr) -> Option<Owner> {
    let device_id = senders.at(exporter, None)?;
    let record = store.inventory.device(device_id)?;
    // Where an ifIndex was given anew, the interface that is there has it.
    let (present, gone): (Vec<_>, Vec<_>) = record.interfaces.iter().partition(|row| row.present);
    let interfaces = gone.into_iter().chain(present);
    Some(Owner {
        device_id,
        interfaces: interfaces
            .map(|row| (row.index, (row.id, row.name.clone())))
            .collect(),
    })
}

fn exporter(state: ExporterState, senders: &senders::Senders) -> FlowExporter {
    let waited = state.templates_waited_for.into_iter();
    let defects = state.defects.named().into_iter();
    FlowExporter {
        address: state.address,
        device_id: senders.at(state.address, None),
        format: state.format.map(|format| format.name().to_owned()),
        first_heard_at: state.first_heard,
        last_heard_at: state.last_heard,
        datagrams: state.datagrams,
        flows: state.flows,
        unstated_flows: state.unstated_flows,
        sampling_rate: state.rate,
        templates: state.templates,
        templates_waited_for: waited
            .map(|(domain, template, sets)| WaitedTemplate {
                domain,
                template,
                sets,
            })
            .collect(),
        defects: defects
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| FlowDefect {
                kind: kind.to_owned(),
                count,
            })
            .collect(),
    }
}
