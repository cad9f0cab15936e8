//! What the API keeps between requests, besides what the services hold. Nothing here outlives the
//! process; what must is in the store.

use crate::auth::limit::LoginLimits;
use crate::auth::password::Passwords;
use crate::auth::remembered::Remembered;
use crate::exchange::Exchange;
use crate::foresight::balance::Kept as Balanced;
use crate::jobs::Jobs;
use crate::metrics::{
    HttpMetrics, JobMetrics, OnceMetrics, PushedRefused, SignInMetrics, StreamMetrics,
};
use crate::once;
use crate::problem::{Answer, Problem};
use crate::rates::board::Board;
use crate::report::Report;
use crate::routes::availability::Sum;
use crate::routes::sample_imports::UPLOADS_MAX;
use crate::routes::top::Top;
use crate::services::Services;
use crate::stream::ring::{self, Ring};
use crate::stream::tickets::Tickets;
use crate::turns::Turns;
use axum::body::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Metric;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use topology::candidates::Gathered;

/// Handlers that read sample files at a time: more only waits for the same disk.
const READERS_MAX: usize = 8;
/// Handlers that wait for their turn to read.
const READERS_WAITING_MAX: usize = 256;

/// Handlers that wait for their turn to put many series together: each may take seconds.
const QUERIES_WAITING_MAX: usize = 32;

/// Rankings that are remembered for a moment.
const TOPS_MAX: usize = 32;
/// Lists of availability that are remembered for a moment: 3 MB each at 10,000 devices.
const AVAILABILITIES_MAX: usize = 4;
/// Reports that are remembered for a moment: 20 MB each of 10,000 rows.
const REPORTS_MAX: usize = 4;

/// The state.
pub(crate) struct State {
    /// What there is to work with.
    pub(crate) services: Services,
    /// Requests.
    pub(crate) http: HttpMetrics,
    /// The stream.
    pub(crate) stream: StreamMetrics,
    /// Signing in.
    pub(crate) sign_in: SignInMetrics,
    /// Requests with an idempotency key.
    pub(crate) once: OnceMetrics,
    /// Room for those at work.
    pub(crate) once_places: Arc<Semaphore>,
    /// Hashing and checking.
    pub(crate) passwords: Arc<Passwords>,
    /// Tries to sign in.
    pub(crate) limits: LoginLimits,
    /// Who asked just now.
    pub(crate) principals: Remembered,
    /// The latest events of the stream.
    pub(crate) ring: Arc<Ring>,
    /// One-time tickets of the stream.
    pub(crate) tickets: Tickets,
    /// What every interface carried a moment ago.
    pub(crate) board: Arc<Board>,
    /// Rankings.
    pub(crate) top: Turns<Top>,
    /// Availability of all devices.
    pub(crate) availability: Turns<Vec<Sum>>,
    /// Addresses that devices have heard of.
    pub(crate) candidates: Turns<Gathered>,
    /// Those left out because there were too many.
    pub(crate) candidates_left_out: Counter,
    /// Reports.
    pub(crate) reports: Turns<Report>,
    /// Those that left rows out.
    pub(crate) reports_partial: Counter,
    /// How traffic is best split over groups of links.
    pub(crate) balance: Balanced,
    /// Groups left out because there were too many.
    pub(crate) balance_left_out: Gauge,
    /// Long work.
    pub(crate) jobs: Jobs,
    /// Files of samples.
    pub(crate) exchange: Exchange,
    /// Room for files that are sent.
    pub(crate) uploads: Arc<Semaphore>,
    /// Samples that users brought and that were not taken.
    pub(crate) pushed_refused: PushedRefused,
    /// Room for an import: each holds a long text.
    pub(crate) imports: Arc<Semaphore>,
    /// The OpenAPI document as it is sent.
    pub(crate) openapi_json: Bytes,
    readers: Arc<Semaphore>,
    readers_waiting: Semaphore,
    queries: Arc<Semaphore>,
    queries_waiting: Semaphore,
}

impl State {
    pub(crate) fn new(services: Services, openapi_json: Bytes) -> Self {
        let (http, stream, sign_in, once, jobs, pushed_refused) = {
            let mut registry = services
                .registry
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            (
                HttpMetrics::register(&mut registry),
                StreamMetrics::register(&mut registry),
                SignInMetrics::register(&mut registry),
                OnceMetrics::register(&mut registry, services.store.idempotency.clone()),
                JobMetrics::register(&mut registry),
                PushedRefused::register(&mut registry),
            )
        };
        let ring = Arc::new(Ring::new());
        services.tasks.spawn(ring::fill(
            ring.clone(),
            services.events.subscribe(),
            services.clock.clone(),
            services.stop.clone(),
        ));
        Self {
            http,
            stream,
            sign_in,
            once,
            once_places: Arc::new(Semaphore::new(once::AT_WORK_MAX)),
            passwords: Arc::new(Passwords::new()),
            limits: LoginLimits::new(),
            principals: Remembered::new(),
            ring,
            tickets: Tickets::new(),
            board: Arc::new(Board::register(&services.registry)),
            top: Turns::new(TOPS_MAX),
            availability: Turns::new(AVAILABILITIES_MAX),
            candidates: Turns::new(1),
            candidates_left_out: counter(
                &services,
                "foretell_candidates_left_out",
                "Addresses that devices have heard of and that are not offered, for there are too many",
            ),
            reports: Turns::new(REPORTS_MAX),
            reports_partial: counter(
                &services,
                "foretell_reports_partial",
                "Reports that left rows out, for there was too much to read, too many rows or too little time",
            ),
            balance: Balanced::default(),
            balance_left_out: gauge(
                &services,
                "foretell_balance_groups_left_out",
                "Groups of links whose balance is not looked at, for there are too many",
            ),
            jobs: Jobs::new(&services, jobs),
            exchange: Exchange::new(&services),
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            pushed_refused,
            imports: Arc::new(Semaphore::new(1)),
            openapi_json,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            readers_waiting: Semaphore::new(READERS_WAITING_MAX),
            queries: Arc::new(Semaphore::new(cores())),
            queries_waiting: Semaphore::new(QUERIES_WAITING_MAX),
            services,
        }
    }

    /// Does work that may read files or take long, where it holds nobody up.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        in_turn(&self.readers, &self.readers_waiting, work).await
    }

    /// Does work that keeps a core busy for as long as a request may take: no more of it at a time
    /// than there are cores, and apart from those who read, so that neither waits for the other.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        in_turn(&self.queries, &self.queries_waiting, work).await
    }
}

async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    waiting: &Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> Answer<T> {
    let busy = || {
        Problem::busy(
            "As many readers wait as may at a time.",
            Duration::from_secs(1),
        )
    };
    let _place = waiting.try_acquire().map_err(|_| busy())?;
    // The turn goes with the work: a client that leaves does not make room for another while its
    // work goes on.
    let turn = Arc::clone(turns)
        .acquire_owned()
        .await
        .map_err(|_| busy())?;
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal("reading", &error))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn counter(services: &Services, name: &str, help: &str) -> Counter {
    register(services, name, help, Counter::default())
}

fn gauge(services: &Services, name: &str, help: &str) -> Gauge {
    register(services, name, help, Gauge::default())
}

fn register<M: Metric + Clone>(services: &Services, name: &str, help: &str, metric: M) -> M {
    let mut registry = services
        .registry
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    registry.register(name, help, metric.clone());
    metric
}
