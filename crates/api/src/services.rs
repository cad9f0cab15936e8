//! What the API works with. `server` makes it and hands it to [`crate::router`]; handlers reach it
//! only through [`crate::auth::Granted`].

use crate::auth::Signer;
use crate::command::Command;
use crate::expected::BandsAsked;
use crate::foresight::place::Place;
use crate::foresight::{Ground, PlanStanding};
use crate::problem::{Answer, Problem};
use model::backup::Backup;
use model::event::Event;
use model::flow::FlowStanding;
use model::{Clock, Timestamp};
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use store::Store;
use store::disk::Room;
use store::series::SeriesStore;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The registry that `/metrics` shows. Whoever measures something registers it before serving.
pub type SharedRegistry = Arc<RwLock<Registry>>;

/// All that the API works with.
#[derive(Clone)]
pub struct Services {
    /// Where everything is kept.
    pub store: Store,
    /// What was measured.
    pub series: SeriesStore,
    /// What happens, for the stream. Sent after what it tells is durable.
    pub events: broadcast::Sender<Arc<Event>>,
    /// What handlers ask of the server.
    pub commands: mpsc::Sender<Command>,
    /// What is asked of whoever watches every series.
    pub bands: mpsc::Sender<BandsAsked>,
    /// The present time.
    pub clock: Clock,
    /// Whether the server can do its work, for `/readyz`.
    pub readiness: watch::Receiver<Readiness>,
    /// What the operator should know about this server, as that ICMP is not permitted.
    pub notices: watch::Receiver<Arc<Vec<Notice>>>,
    /// Who sends flows, and where they are listened for.
    pub flows: watch::Receiver<Arc<FlowStanding>>,
    /// How the scheduled forecasts stand.
    pub plan: watch::Receiver<PlanStanding>,
    /// Backups that are there or being taken, the oldest first.
    pub backups: watch::Receiver<Arc<Vec<Backup>>>,
    /// Where the API registers its own metrics, and what `/metrics` shows.
    pub registry: SharedRegistry,
    /// Signs and checks tokens.
    pub signer: Arc<Signer>,
    /// Settings.
    pub options: Options,
    /// Cancelled when the server stops: streams say goodbye and end.
    pub stop: CancellationToken,
    /// Every task of an open stream and every change under way; the server waits for it after
    /// `stop`.
    pub tasks: TaskTracker,
}

/// How long a handler waits for room in the channel of commands: the server acts on each within
/// milliseconds, so a full one means that it is stuck.
const COMMAND_WAIT: Duration = Duration::from_secs(5);

impl Services {
    /// What foresight works with.
    pub fn ground(&self) -> Ground {
        Ground {
            store: self.store.clone(),
            series: self.series.clone(),
            thresholds: self.options.capacity_thresholds,
            place: self.options.place.clone(),
        }
    }
    /// Asks something of the server.
    pub(crate) async fn send(&self, command: Command) -> Answer<()> {
        self.commands
            .send_timeout(command, COMMAND_WAIT)
            .await
            .map_err(|_| {
                Problem::busy(
                    "The server does not take commands now.",
                    Duration::from_secs(5),
                )
            })
    }
    /// Does a change to its end, also where the client leaves or the request takes too long: what
    /// is written is told to the poller.
    pub(crate) async fn to_the_end<T: Send + 'static, F>(
        &self,
        change: impl FnOnce(Self) -> F,
    ) -> Answer<T>
    where
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        let change = change(self.clone()).in_current_span();
        self.tasks
            .spawn(change)
            .await
            .map_err(|error| Problem::internal("a change", &error))?
    }
    /// Tells whoever listens; nobody need.
    pub(crate) fn publish(&self, event: Event) {
        let _ = self.events.send(Arc::new(event));
    }
}

/// Settings of the API.
#[derive(Clone, Debug)]
pub struct Options {
    /// Version of the product, shown in `/api/v1/system`.
    pub version: &'static str,
    /// Seconds from poll to poll of a device registered without an interval.
    pub default_interval_secs: u32,
    /// Networks that every discovery may follow neighbours into.
    pub allowed_networks: Vec<String>,
    /// How long a token by `POST /auth/login` is good.
    pub token_lifetime: Duration,
    /// How long a cookie session is good at most.
    pub session_lifetime: Duration,
    /// Whether the session cookie carries `Secure`. Off only for plain HTTP: on loopback, or where
    /// the operator said so.
    pub secure_cookie: bool,
    /// Origins besides the request's own Host that pages may come from, as
    /// `https://monitor.example.net` behind a proxy that rewrites Host.
    pub allowed_origins: Vec<String>,
    /// Whether `/metrics` is shown to anybody, as to a scraper that cannot sign in.
    pub open_metrics: bool,
    /// Octets of exported files that are kept.
    pub exchange_bytes_max: u64,
    /// Who says how much room there is for files that are sent and exported.
    pub room: Room,
    /// The thresholds of limits, as shares, the lower first.
    pub capacity_thresholds: [f64; 2],
    /// By which clock and calendar hours and days are told.
    pub place: Place,
    /// How long a request may take before it is answered with 504.
    pub request_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            default_interval_secs: 60,
            allowed_networks: Vec::new(),
            token_lifetime: Duration::from_mins(15),
            session_lifetime: Duration::from_hours(24 * 7),
            secure_cookie: true,
            allowed_origins: Vec::new(),
            open_metrics: false,
            exchange_bytes_max: store::exchange::files::BYTES_MAX_DEFAULT,
            room: Room::default(),
            capacity_thresholds: [0.8, 0.9],
            place: Place::default(),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// Whether the server can do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Readiness {
    /// What keeps it from its work; ready where there is nothing.
    pub blocking: Vec<Reason>,
    /// What it does without; still ready.
    pub degraded: Vec<Reason>,
}

/// One part of the server and what is the matter with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Reason {
    /// The part: `store`, `poller`, `icmp`, ...
    pub part: String,
    /// One sentence for an operator.
    pub detail: String,
}

/// Something about this server that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Notice {
    /// What it is about, for programs: `icmp_not_permitted`, `damage_set_aside`, ...
    pub code: String,
    /// One sentence for an operator.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}
