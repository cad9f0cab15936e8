//! The server: opens what it works with, starts its parts along the [`wire`](crate::wire), serves,
//! and stops in the reverse order, so that what was read is kept.

use crate::config::{SecureCookie, Settings, Sync};
use crate::metrics::{self, Ingested, Sampled};
use crate::readiness::{self, Standing};
use crate::shutdown::{self, Signals};
use crate::wire::Wire;
use crate::{clock, desk, ingest, links, secrets};
use anyhow::Context as _;
use collect::{Pinger, Poller, PollerOptions};
use model::Clock;
use prometheus_client::registry::Registry;
use snmp::Transport;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use store::series::{SeriesOptions, SeriesStore, SyncPolicy};
use store::{Store, StoreOptions};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// Runs until a signal, then stops in order within the deadline.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let running = tokio::select! {
        running = start(&settings) => running?,
        name = signals.next() => {
            info!("{name} while starting");
            return Ok(());
        }
    };
    let name = signals.next().await;
    let deadline = Duration::from_secs(u64::from(settings.shutdown.deadline_secs));
    info!("{name}: stopping within {} s", deadline.as_secs());
    tokio::select! {
        stopped = tokio::time::timeout(deadline, running.stop()) => match stopped {
            Ok(()) => info!("stopped"),
            Err(_) => warn!("stopped at the deadline; what was acknowledged is kept"),
        },
        _ = signals.next() => shutdown::at_once(),
    }
    Ok(())
}

/// The server at work.
struct Running {
    store: Store,
    series: SeriesStore,
    poller: Arc<Poller>,
    /// Stops what comes in: polls, requests, discoveries.
    intake: CancellationToken,
    poller_stop: CancellationToken,
    /// Ends by itself when the poller has: ingest and links.
    drain: TaskTracker,
    /// Ends when told: desk, discoveries, readiness, HTTP, streams.
    tasks: TaskTracker,
}

impl Running {
    /// Stops intake, drains what was read, syncs and closes.
    async fn stop(self) {
        self.intake.cancel();
        self.poller_stop.cancel();
        self.poller.join().await;
        // The last handle to the channel of reports goes with the poller: ingest ends after it.
        drop(self.poller);
        self.drain.close();
        self.drain.wait().await;
        self.series.close().await;
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.store.close().await {
            warn!(error = %crate::chain(&error), "the documents were not closed in order");
        }
    }
}

async fn start(settings: &Settings) -> anyhow::Result<Running> {
    let clock = clock::real();
    let mut standing = Standing::default();
    let (store, series) = open(settings, &clock, &mut standing).await?;
    let generated = first_administrator(settings, &store).await?;
    let signer = api::auth::load_signer(&store)
        .await
        .context("the signing key")?;

    let transport = Transport::bind().context("cannot ask devices from here")?;
    let pinger = if settings.poll.icmp {
        Pinger::open()
    } else {
        Pinger::disabled("ICMP is switched off by `poll.icmp`")
    };
    if let Some(reason) = pinger.notice() {
        warn!("{reason}");
        standing.add(
            "icmp",
            "icmp_not_permitted",
            reason.to_string(),
            clock.now(),
        );
    }

    let wire = Wire::new();
    let intake = CancellationToken::new();
    let poller_stop = CancellationToken::new();
    let (drain, tasks) = (TaskTracker::new(), TaskTracker::new());
    let mut registry = Registry::default();
    let ingested = Ingested::register(&mut registry);

    let (reports_in, reports_out) = wire.reports;
    let poller = Arc::new(Poller::start(
        poller_options(settings),
        transport.clone(),
        pinger.clone(),
        clock.clone(),
        reports_in,
        poller_stop.clone(),
    ));
    let (heard_in, heard_out) = wire.heard;
    let take_in = ingest::Context {
        store: store.clone(),
        series: series.clone(),
        events: wire.events.clone(),
        heard: heard_in,
        counts: ingested.clone(),
    };
    let mut gauges = wire.gauges;
    gauges.push(ingest::start(&take_in, reports_out, &drain));
    // Ingest alone holds the way to links, so that links end after it.
    drop(take_in);
    drain.spawn(links::run(
        store.clone(),
        clock.clone(),
        wire.events.clone(),
        heard_out,
    ));

    let (found_in, found_out) = wire.found;
    let (commands_in, commands_out) = wire.commands;
    let desk = desk::Context {
        store: store.clone(),
        series: series.clone(),
        events: wire.events.clone(),
        clock: clock.clone(),
        poller: Arc::clone(&poller),
        transport,
        pinger,
        found: found_in,
        tasks: tasks.clone(),
        interval_secs: settings.poll.default_interval_secs,
        allowed_networks: settings.discovery.allowed_networks.clone(),
        runs_max: usize::try_from(settings.discovery.runs_max).unwrap_or(1),
        stop: intake.clone(),
    };
    desk::begin_polling(&desk).await;
    tasks.spawn(desk::run(desk, commands_out, found_out));

    let sampled = Sampled {
        gauges,
        poller: Arc::downgrade(&poller),
        store: store.clone(),
        series: series.clone(),
    };
    metrics::register(&mut registry, sampled);
    wire.notices
        .send_replace(Arc::new(standing.notices.clone()));
    let services = api::Services {
        store: store.clone(),
        series: series.clone(),
        events: wire.events,
        commands: commands_in,
        clock,
        readiness: wire.readiness.subscribe(),
        notices: wire.notices.subscribe(),
        registry: Arc::new(RwLock::new(registry)),
        signer: Arc::new(signer),
        options: options(settings),
        stop: intake.clone(),
        tasks: tasks.clone(),
    };
    let (listener, address) = bind(settings.listen).await?;
    serve(listener, api::router(services), &tasks, intake.clone());
    let looked_at = Arc::clone(&poller);
    tasks.spawn(readiness::watch(
        wire.readiness,
        standing,
        looked_at,
        ingested,
        intake.clone(),
    ));
    announce(address, generated.as_ref())?;
    Ok(Running {
        store,
        series,
        poller,
        intake,
        poller_stop,
        drain,
        tasks,
    })
}

async fn open(
    settings: &Settings,
    clock: &Clock,
    standing: &mut Standing,
) -> anyhow::Result<(Store, SeriesStore)> {
    let begun = std::time::Instant::now();
    let (store, recovery) = Store::open(store_options(settings), clock.clone()).await?;
    for damage in &recovery.damaged {
        let document = damage.id.as_deref().unwrap_or("(not known which)");
        warn!(
            "damaged, set aside: {} {document}: {}",
            damage.collection, damage.reason
        );
    }
    if !recovery.damaged.is_empty() {
        let detail = format!("{} damaged documents are set aside", recovery.damaged.len());
        standing.add("store", "damage_set_aside", detail, clock.now());
    }
    let options = SeriesOptions {
        sync: sync_policy(settings),
        ..SeriesOptions::default()
    };
    let folder = store.dir().join("series");
    let opening = clock.clone();
    let (series, recovery) =
        tokio::task::spawn_blocking(move || SeriesStore::open(&folder, options, opening)).await??;
    for defect in &recovery.damage {
        warn!("{defect}");
    }
    if !recovery.damage.is_empty() {
        let detail = format!(
            "{} damaged parts of the samples are set aside",
            recovery.damage.len()
        );
        standing.add("store", "damage_set_aside", detail, clock.now());
    }
    info!(
        devices = store.inventory.device_count(),
        samples_recovered = recovery.samples,
        "store opened in {} ms",
        begun.elapsed().as_millis()
    );
    Ok((store, series))
}

/// Where and how the documents are kept.
pub fn store_options(settings: &Settings) -> StoreOptions {
    let mut options = StoreOptions::new(&settings.data_dir);
    let key = &settings.secret_key_file;
    options.key_file = (!key.as_os_str().is_empty()).then(|| key.clone());
    options
}

fn sync_policy(settings: &Settings) -> SyncPolicy {
    match settings.store.sync {
        Sync::Batch => SyncPolicy::EachBatch,
        Sync::Interval => SyncPolicy::Every(Duration::from_millis(u64::from(
            settings.store.sync_interval_ms,
        ))),
    }
}

fn poller_options(settings: &Settings) -> PollerOptions {
    PollerOptions {
        in_flight_max: usize::try_from(settings.poll.concurrency_max).unwrap_or(1),
        answer_timeout: Duration::from_millis(u64::from(settings.poll.timeout_ms)),
        ..PollerOptions::default()
    }
}

fn options(settings: &Settings) -> api::Options {
    let secs = |secs: u32| Duration::from_secs(u64::from(secs));
    api::Options {
        token_lifetime: secs(settings.http.token_lifetime_secs),
        session_lifetime: secs(settings.http.session_lifetime_secs),
        secure_cookie: match settings.http.secure_cookie {
            SecureCookie::Auto => !settings.listen.ip().is_loopback(),
            SecureCookie::Always => true,
            SecureCookie::Never => false,
        },
        allowed_origins: settings.http.allowed_origins.clone(),
        request_timeout: secs(settings.http.request_timeout_secs),
        ..api::Options::default()
    }
}

async fn first_administrator(
    settings: &Settings,
    store: &Store,
) -> anyhow::Result<Option<api::auth::GeneratedPassword>> {
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

fn serve(
    listener: TcpListener,
    router: axum::Router,
    tasks: &TaskTracker,
    stop: CancellationToken,
) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move {
        let served = axum::serve(listener, service)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            warn!(%error, "HTTP ended");
        }
    });
}

/// What a person or a script that started the server waits for.
fn announce(
    address: SocketAddr,
    generated: Option<&api::auth::GeneratedPassword>,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if let Some(password) = generated {
        writeln!(
            out,
            "user admin, password {} (shown this once)",
            password.reveal()
        )?;
    }
    writeln!(out, "listening on http://{address}")?;
    out.flush()?;
    Ok(())
}
