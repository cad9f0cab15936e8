//! Starting: what is worked with is opened, the parts are started along the wire, and only then is
//! the address told.

mod archive;
mod backups;
mod opening;
mod refusals;
mod sampled;
mod tombstones;
mod watching;

use super::connections::{self, Bounds, Counts};
use super::front::Front;
use super::{Running, options};
use crate::allowance::Allowance;
use crate::backups::Backups;
use crate::config::{SecureCookie, Settings};
use crate::logs::{self, LogCounts};
use crate::metrics::Ingested;
use crate::readiness::{self, Live, Standing, Telling};
use crate::senders::Senders;
use crate::threads::Places;
use crate::webhook::Webhooks;
use crate::wire::{FlowTops, Heard, Receiver, Wire};
use crate::workbench::Bench;
use crate::{
    checks, clock, clockwork, desk, flows, ingest, links, retention, secrets, seed, traps,
};
use anyhow::Context as _;
use api::auth::GeneratedPassword;
use collect::Profiles;
use collect::profile::Catalog;
use collect::syslog::{Received, Syslog};
use collect::{Pinger, PollReport, Poller, TrapOptions, TrapReport};
use model::Clock;
use model::event::Event;
use model::flow::FlowStanding;
use prometheus_client::registry::Registry;
use snmp::Transport;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use store::Store;
use store::series::SeriesStore;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// What every part works with.
struct Base<'a> {
    settings: &'a Settings,
    clock: Clock,
    profiles: Profiles,
    store: Store,
    senders: Senders,
    allowance: Allowance,
    series: SeriesStore,
    events: broadcast::Sender<Arc<Event>>,
    intake: CancellationToken,
    drain: TaskTracker,
    tasks: TaskTracker,
}

/// The snapshots that the API shows.
type Shown = (
    watch::Receiver<api::Readiness>,
    watch::Receiver<Arc<Vec<api::Notice>>>,
    watch::Receiver<Arc<FlowStanding>>,
    watch::Receiver<Arc<Vec<model::backup::Backup>>>,
    watch::Receiver<api::foresight::PlanStanding>,
);

/// What readiness is told of besides what stands.
type LookedAt = (watch::Receiver<Option<api::Reason>>, Arc<Poller>, Ingested);

/// Starts the server.
pub(super) async fn start(
    settings: &Settings,
    seed: Option<seed::Wanted>,
    places: &Places,
) -> anyhow::Result<Running> {
    // First, so that a port that is taken stops us before anything is made or asked.
    let (listener, address) = bind(settings.listen).await?;
    let (intake, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (front, mut registry) = (Front::default(), Registry::default());
    let (router, stop) = (front.router(), intake.clone());
    serve(listener, router, &tasks, stop, &mut registry);
    let (clock, mut standing) = (clock::real(), Standing::default());
    let (store, series) = opening::open(settings, &clock, &mut standing).await?;
    let seeding = match seed {
        Some(wanted) => seed::prepare(&store, wanted, &clock).await?,
        None => None,
    };
    tell_made_history(&store, &mut standing).await?;
    let signer = sign_in(settings, &store).await?;
    let (transport, pinger) = asked_from(settings, &clock, &mut standing, places)?;
    let wire = Wire::new();
    let profiles = load_profiles(settings, &clock, &mut standing);
    let base = Base {
        settings,
        senders: Senders::new(store.inventory.clone(), clock.clone()),
        allowance: Allowance::register(settings.events.sender_bytes_per_day_max, &mut registry),
        clock,
        profiles,
        store,
        series,
        events: wire.events,
        intake,
        drain: TaskTracker::new(),
        tasks,
    };
    let (syslog, logs) = base.start_syslog(wire.log_lines, &mut standing, places);
    let flows = (wire.flow_tops, wire.flows.clone());
    base.start_flows(flows, &mut standing, &mut registry, places);
    let seeding = base.start_seeding(seeding, &wire.seeding, places);
    let degraded = [standing.degraded.clone(), Vec::from_iter(seeding)].concat();
    let (bands_in, bands_out) = wire.bands;
    let heard = (wire.seeding.subscribe(), wire.matter.subscribe());
    let webhooks = base.start_watch(bands_out, heard, &mut registry, places);
    let (ingested, poller_stop) = (Ingested::register(&mut registry), CancellationToken::new());
    let (reports_in, reports_out) = wire.reports;
    let poller = base.start_poller(
        (transport.clone(), pinger),
        reports_in,
        &poller_stop,
        places,
    );
    base.begin_run().await;
    let mut gauges = wire.gauges;
    gauges.push({
        let _there = places.ingest.enter();
        base.start_ingest(reports_out, wire.heard, ingested.clone())
    });

    let ((commands_in, commands_out), (found_in, found_out)) = (wire.commands, wire.found);
    let live = Live::default();
    let shown_backups = wire.backups.subscribe();
    base.start_lookouts(&live);
    let backups = base.start_backups(wire.backups, live.clone(), &mut registry);
    let ways = (transport.clone(), backups, webhooks);
    let desk = base.desk(Arc::clone(&poller), ways, found_in);
    desk::begin_polling(&desk).await;
    base.tasks.spawn(desk::run(desk, commands_out, found_out));

    base.start_clockwork();
    base.start_traps(wire.traps, &poller, &mut registry, &mut standing, places)
        .await?;
    base.start_checks(&mut registry, places);
    let plan = base.start_plan(wire.seeding.subscribe(), wire.matter, &mut registry);

    base.show_metrics(
        &mut registry,
        (gauges, syslog, logs),
        &poller,
        transport,
        places,
    );
    wire.notices
        .send_replace(Arc::new(standing.notices.clone()));
    let shown = (
        wire.readiness.subscribe(),
        wire.notices.subscribe(),
        wire.flows.subscribe(),
        shown_backups,
        plan,
    );
    let services = base.services((commands_in, bands_in), shown, registry, signer);
    // What is known already is told from the first answer on.
    wire.readiness.send_replace(api::Readiness {
        blocking: Vec::new(),
        degraded,
    });
    front.open(api::router(services));
    let telling = Telling {
        readiness: wire.readiness,
        notices: wire.notices,
    };
    let looked_at = (wire.seeding.subscribe(), Arc::clone(&poller), ingested);
    base.start_readiness(telling, standing, live, looked_at);
    tell_address(settings, address)?;
    Ok(base.running(poller, poller_stop))
}

impl Base<'_> {
    /// What looks whether the store can do its work, and tells.
    fn start_lookouts(&self, live: &Live) {
        self.start_archive(live.clone());
        self.start_refusals(live.clone());
        self.start_tombstones(live.clone());
    }

    /// Makes a history for a demonstration, after the discovery that finds its devices, where one is wanted;
    /// the server does without it until then, and nothing is learned before.
    fn start_seeding(
        &self,
        seeding: Option<seed::Seeding>,
        told: &watch::Sender<Option<api::Reason>>,
        places: &Places,
    ) -> Option<api::Reason> {
        let seeding = seeding?;
        told.send_replace(Some(seed::Seeding::waiting()));
        let context = seed::Context {
            store: self.store.clone(),
            clock: self.clock.clone(),
            told: told.clone(),
            stop: self.intake.clone(),
        };
        self.tasks.spawn_on(seeding.run(context), &places.ingest);
        Some(seed::Seeding::waiting())
    }

    /// Tells whether the server can do its work, for as long as it runs.
    fn start_readiness(
        &self,
        telling: Telling,
        standing: Standing,
        live: Live,
        (seeding, poller, ingested): LookedAt,
    ) {
        let stop = self.intake.clone();
        let watching = readiness::watch(telling, standing, live, seeding, poller, ingested, stop);
        self.tasks.spawn(watching);
    }

    /// Flows. What they counted is kept before the store is closed.
    fn start_flows(
        &self,
        (tops, told): (FlowTops, watch::Sender<Arc<FlowStanding>>),
        standing: &mut Standing,
        registry: &mut Registry,
        places: &Places,
    ) {
        let context = flows::Context {
            store: self.store.clone(),
            clock: self.clock.clone(),
            senders: self.senders.clone(),
            events: self.events.clone(),
            stop: self.intake.clone(),
            drain: self.drain.clone(),
        };
        let arrows = flows::Arrows { tops, told };
        flows::start(
            &self.settings.flows,
            context,
            arrows,
            standing,
            registry,
            places,
        );
    }

    /// Keeps that the server measures from now on; where the disk is full, as soon as there is room.
    async fn begin_run(&self) {
        if let Err(error) = self.store.history.begin_run().await {
            warn!(error = %crate::chain(&error), "that the server began to measure is not kept yet");
        }
    }

    fn start_poller(
        &self,
        (transport, pinger): (Transport, Pinger),
        reports: mpsc::Sender<PollReport>,
        stop: &CancellationToken,
        places: &Places,
    ) -> Arc<Poller> {
        let _there = places.poll.enter();
        Arc::new(Poller::start(
            options::poller(self.settings),
            transport,
            pinger,
            self.clock.clone(),
            self.profiles.clone(),
            reports,
            stop.clone(),
        ))
    }

    fn services(
        &self,
        (commands, bands): (
            mpsc::Sender<api::Command>,
            mpsc::Sender<api::expected::BandsAsked>,
        ),
        (readiness, notices, flows, backups, plan): Shown,
        registry: Registry,
        signer: api::auth::Signer,
    ) -> api::Services {
        api::Services {
            store: self.store.clone(),
            series: self.series.clone(),
            events: self.events.clone(),
            commands,
            bands,
            clock: self.clock.clone(),
            readiness,
            notices,
            flows,
            plan,
            backups,
            registry: Arc::new(RwLock::new(registry)),
            signer: Arc::new(signer),
            options: options::api(self.settings),
            stop: self.intake.clone(),
            tasks: self.tasks.clone(),
        }
    }

    fn running(self, poller: Arc<Poller>, poller_stop: CancellationToken) -> Running {
        Running {
            store: self.store,
            series: self.series,
            poller,
            intake: self.intake,
            poller_stop,
            drain: self.drain,
            tasks: self.tasks,
        }
    }

    /// Receives lines of logs where that is wanted; what cannot be listened on is told.
    fn start_syslog(
        &self,
        (lines_in, lines_out): (mpsc::Sender<Vec<Received>>, Receiver<Vec<Received>>),
        standing: &mut Standing,
        places: &Places,
    ) -> (Syslog, LogCounts) {
        let there = places.listen.enter();
        let syslog = Syslog::new(
            options::syslog(self.settings),
            self.clock.clone(),
            lines_in,
            self.intake.clone(),
            self.tasks.clone(),
        );
        for refusal in logs::listen(&syslog, &self.settings.syslog) {
            warn!("{refusal}");
            let reason = readiness::reason("syslog", "not all of syslog is received");
            standing.add_apart("syslog_not_received", reason, refusal, self.clock.now());
        }
        drop(there);
        let context = logs::Context {
            senders: self.senders.clone(),
            allowance: self.allowance.clone(),
            events: self.store.events.clone(),
            syslog: syslog.clone(),
            clock: self.clock.clone(),
            stop: self.intake.clone(),
            counts: LogCounts::default(),
        };
        let counts = context.counts.clone();
        self.tasks
            .spawn_on(logs::run(context, lines_out), &places.ingest);
        (syslog, counts)
    }

    /// What is done by the clock.
    fn start_clockwork(&self) {
        self.tasks.spawn(clockwork::run(clockwork::Context {
            store: self.store.clone(),
            series: self.series.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            stop: self.intake.clone(),
        }));
        self.tasks.spawn(retention::run(retention::Context {
            store: self.store.clone(),
            series: self.series.clone(),
            clock: self.clock.clone(),
            stop: self.intake.clone(),
        }));
    }

    /// Listens for traps where the settings say so. What keeps it from that is told, and never keeps
    /// the server from starting.
    async fn start_traps(
        &self,
        (reports_in, reports_out): (mpsc::Sender<TrapReport>, Receiver<TrapReport>),
        poller: &Arc<Poller>,
        registry: &mut Registry,
        standing: &mut Standing,
        places: &Places,
    ) -> anyhow::Result<()> {
        let settings = &self.settings.traps;
        let addresses: Vec<SocketAddr> = settings
            .listen
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        if addresses.is_empty() {
            return Ok(());
        }
        let mut told = |code: &str, detail: String| {
            warn!("{detail}");
            standing.add("traps", code, detail, self.clock.now());
        };
        let (sockets, failed) = traps::bind(&addresses);
        for (address, error) in failed {
            let detail = format!("traps are not heard at {address}: {error}");
            told("trap_port_not_bound", detail);
        }
        if sockets.is_empty() {
            return Ok(());
        }
        let engine = match traps::begin_engine(&self.store).await {
            Ok(engine) => engine,
            Err(error) => {
                let detail = format!("traps are not heard: {error:#}");
                told("snmp_engine_not_kept", detail);
                return Ok(());
            }
        };
        let started = {
            let _there = places.listen.enter();
            let options = TrapOptions {
                per_source_rate_max: settings.per_sender_rate_max,
            };
            let (clock, stop) = (self.clock.clone(), &self.intake);
            traps::listen(options, engine, sockets, clock, reports_in, stop)
        };
        let listener = match started {
            Ok(listener) => listener,
            Err(error) => {
                let detail = format!("traps are not heard: {error}");
                told("trap_port_not_bound", detail);
                return Ok(());
            }
        };
        for address in listener.addresses() {
            print(&format!("traps on udp://{address}"))?;
        }
        let counts = traps::Counts::default();
        traps::register(registry, &listener, &counts);
        let context = traps::Context {
            store: self.store.clone(),
            clock: self.clock.clone(),
            senders: self.senders.clone(),
            allowance: self.allowance.clone(),
            poller: Arc::clone(poller),
            accept_unknown_senders: settings.accept_unknown_senders,
            counts,
            stop: self.intake.clone(),
        };
        self.tasks
            .spawn_on(traps::run(context, listener, reports_out), &places.ingest);
        Ok(())
    }

    /// Checks of services, asked from where devices are polled.
    fn start_checks(&self, registry: &mut Registry, places: &Places) {
        let context = checks::Context {
            store: self.store.clone(),
            series: self.series.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
            counts: checks::Counts::register(registry),
            stop: self.intake.clone(),
        };
        self.tasks.spawn_on(checks::run(context), &places.poll);
    }

    /// Ingest and links. They end after the poller, when all that it read is kept.
    fn start_ingest(
        &self,
        reports: Receiver<PollReport>,
        heard: (mpsc::Sender<Heard>, Receiver<Heard>),
        counts: Ingested,
    ) -> crate::wire::Gauge {
        let (heard_in, heard_out) = heard;
        let context = ingest::Context {
            store: self.store.clone(),
            series: self.series.clone(),
            events: self.events.clone(),
            heard: heard_in,
            counts,
        };
        let (store, clock, events) = (self.store.clone(), self.clock.clone(), self.events.clone());
        self.drain
            .spawn(links::run(store, clock, events, heard_out));
        // Ingest alone holds the way to links: dropped here, links end after it.
        ingest::start(&context, reports, &self.drain)
    }

    fn desk(
        &self,
        poller: Arc<Poller>,
        (transport, backups, webhooks): (Transport, Backups, Webhooks),
        found: mpsc::Sender<crate::wire::RunWord>,
    ) -> desk::Context {
        let settings = self.settings;
        desk::Context {
            store: self.store.clone(),
            series: self.series.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            poller,
            transport,
            // Another one than the poller's: a sweep of addresses that are not there fills the
            // kernel's room.
            pinger: open_pinger(settings),
            profiles: self.profiles.clone(),
            bench: Bench::new(&settings.data_dir, self.profiles.clone()),
            backups,
            webhooks,
            found,
            tasks: self.tasks.clone(),
            interval_secs: settings.poll.default_interval_secs,
            allowed_networks: settings.discovery.allowed_networks.clone(),
            runs_max: usize::try_from(settings.discovery.runs_max).unwrap_or(1),
            stop: self.intake.clone(),
        }
    }
}

fn serve(
    listener: TcpListener,
    router: axum::Router,
    tasks: &TaskTracker,
    stop: CancellationToken,
    registry: &mut Registry,
) {
    let counts = Counts::default();
    counts.register(registry);
    let bounds = Bounds::default();
    let serving = connections::serve(listener, router, bounds, counts, tasks.clone(), stop);
    tasks.spawn(serving);
}

/// Says for good that a store's history is made up.
async fn tell_made_history(store: &Store, standing: &mut Standing) -> anyhow::Result<()> {
    if let Some(mark) = seed::mark_of(store).await? {
        standing.notices.push(api::Notice {
            code: "history_seeded".to_owned(),
            message: format!(
                "a demonstration: the devices are simulated (network `{}`), and what is shown of \
                 the time before they were first polled was made up by --seed-history",
                mark.name
            ),
            since: mark.from,
        });
    }
    Ok(())
}

/// The profiles that are built in, and those of the folder `profiles` in the data folder; what is wrong
/// with one of these is told, and it is left out.
fn load_profiles(settings: &Settings, clock: &Clock, standing: &mut Standing) -> Profiles {
    let embedded = Catalog::embedded();
    let folder = settings.data_dir.join("profiles");
    if !folder.is_dir() {
        return Profiles::new(embedded);
    }
    let (catalog, wrong) = match embedded.with_folder(&folder) {
        Ok((catalog, left_out)) => {
            let wrong = left_out.iter().map(ToString::to_string).collect();
            (Arc::new(catalog), wrong)
        }
        Err(error) => (embedded, vec![crate::chain(&error)]),
    };
    for words in wrong {
        warn!("left out: {words}");
        let message = format!("devices are read without a profile of yours: {words}");
        let reason = readiness::reason("profiles", "devices are read without a profile of yours");
        standing.add_apart("profile_left_out", reason, message, clock.now());
    }
    Profiles::new(catalog)
}

/// What devices are asked from; where the pinger cannot work, the operator is told.
fn asked_from(
    settings: &Settings,
    clock: &Clock,
    standing: &mut Standing,
    places: &Places,
) -> anyhow::Result<(Transport, Pinger)> {
    let _there = places.poll.enter();
    let transport = Transport::bind().context("cannot ask devices from here")?;
    let pinger = open_pinger(settings);
    if let Some(reason) = pinger.notice() {
        warn!("{reason}");
        standing.add(
            "icmp",
            "icmp_not_permitted",
            reason.to_string(),
            clock.now(),
        );
    }
    Ok((transport, pinger))
}

fn open_pinger(settings: &Settings) -> Pinger {
    if settings.poll.icmp {
        Pinger::open()
    } else {
        Pinger::disabled("ICMP is switched off by `poll.icmp`")
    }
}

/// What signs, once the first password is told.
async fn sign_in(settings: &Settings, store: &Store) -> anyhow::Result<api::auth::Signer> {
    tell_first_password(settings, store).await?;
    let signer = api::auth::load_signer(store).await;
    signer.context("the signing key")
}

async fn tell_first_password(settings: &Settings, store: &Store) -> anyhow::Result<()> {
    let made = first_administrator(settings, store).await?;
    made.map_or(Ok(()), |password| {
        let password = password.reveal();
        print(&format!(
            "user admin, password {password} (shown this once)"
        ))
    })
}

async fn first_administrator(
    settings: &Settings,
    store: &Store,
) -> anyhow::Result<Option<GeneratedPassword>> {
    let file = &settings.admin_password_file;
    let file = (!file.as_os_str().is_empty()).then_some(file.as_path());
    let variable = std::env::var_os("FORETELL_ADMIN_PASSWORD").map(|_| "FORETELL_ADMIN_PASSWORD");
    let given = secrets::from(variable, file)?;
    Ok(api::auth::bootstrap_admin(store, given).await?)
}

async fn bind(listen: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn tell_address(settings: &Settings, address: SocketAddr) -> anyhow::Result<()> {
    print(&format!("listening on http://{address}"))?;
    warn_of_plain_http(settings, address);
    Ok(())
}

fn warn_of_plain_http(settings: &Settings, address: SocketAddr) {
    if settings.http.secure_cookie == SecureCookie::Auto && !address.ip().is_loopback() {
        warn!(
            "browsers sign in over https only, for the server listens beyond loopback: put a TLS \
             proxy before it, or set http.secure_cookie to \"never\""
        );
    }
}

/// What a person or a script that started the server waits for.
fn print(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
