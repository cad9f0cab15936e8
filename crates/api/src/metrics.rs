//! What the API measures of itself. `/metrics` shows the whole registry, the server's part too.

use axum::http::{Method, StatusCode};
use model::job::{JobKind, JobState};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;
use store::idempotency::IdempotencyKeys;

/// Upper bounds of the latency histogram, in seconds: from a list in memory to a slow disk.
const LATENCY_BUCKETS_SECS: [f64; 10] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

/// Requests: how many with what outcome, and how long they took.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

impl HttpMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        let latency = Family::new_with_constructor(latency_histogram as fn() -> Histogram);
        registry.register(
            "foretell_http_requests",
            "HTTP requests answered",
            requests.clone(),
        );
        registry.register(
            "foretell_http_request_duration_seconds",
            "Time from a request's first line to its answer's first line",
            latency.clone(),
        );
        Self { requests, latency }
    }

    pub(crate) fn observe(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let method = method_label(method);
        let route = route.to_owned();
        let labels = RequestLabels {
            route: route.clone(),
            method,
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        self.latency
            .get_or_create(&RouteLabels { route, method })
            .observe(took.as_secs_f64());
    }
}

/// The stream: who listens, and what they missed.
#[derive(Clone, Default)]
pub(crate) struct StreamMetrics {
    /// Clients that are connected.
    pub(crate) clients: Gauge,
    /// Events put into clients' queues.
    pub(crate) events: Counter,
    /// Events that a client missed because it fell behind the ring.
    pub(crate) dropped: Counter,
    /// Connections refused because there were as many as are allowed.
    pub(crate) refused: Counter,
    /// Clients that came back, by what became of it.
    resumes: Family<ResumeLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResumeLabels {
    outcome: &'static str,
}

impl StreamMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "foretell_stream_clients",
            "Clients of the stream that are connected",
            metrics.clients.clone(),
        );
        registry.register(
            "foretell_stream_events",
            "Events put into the queues of clients",
            metrics.events.clone(),
        );
        registry.register(
            "foretell_stream_events_dropped",
            "Events that clients missed because they fell behind the ring",
            metrics.dropped.clone(),
        );
        registry.register(
            "foretell_stream_clients_refused",
            "Connections refused because as many as allowed were open",
            metrics.refused.clone(),
        );
        registry.register(
            "foretell_stream_resumes",
            "Clients that came back for what they missed, by what became of it",
            metrics.resumes.clone(),
        );
        metrics
    }
    /// Counts a client that came back: `resumed`, `too_old` or `restarted`.
    pub(crate) fn count_resume(&self, outcome: &'static str) {
        let labels = ResumeLabels { outcome };
        self.resumes.get_or_create(&labels).inc();
    }
}

/// Bounds of sign-in, and how often each was hit.
#[derive(Clone, Default)]
pub(crate) struct SignInMetrics {
    /// Sign-ins that succeeded.
    pub(crate) accepted: Counter,
    /// Wrong name or password.
    pub(crate) refused: Counter,
    /// Turned away by the rate limit.
    pub(crate) limited: Counter,
    /// Turned away because every hasher was at work.
    pub(crate) busy: Counter,
}

impl SignInMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for (name, help, counter) in [
            ("accepted", "Sign-ins that succeeded", &metrics.accepted),
            (
                "refused",
                "Sign-ins with a wrong name or password",
                &metrics.refused,
            ),
            (
                "limited",
                "Sign-ins turned away by the rate limit",
                &metrics.limited,
            ),
            (
                "busy",
                "Sign-ins turned away because every hasher was at work",
                &metrics.busy,
            ),
        ] {
            registry.register(format!("foretell_sign_ins_{name}"), help, counter.clone());
        }
        metrics
    }
}

/// Requests with an idempotency key.
#[derive(Clone, Default)]
pub(crate) struct OnceMetrics {
    outcomes: Family<OnceLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OnceLabels {
    outcome: &'static str,
}

impl OnceMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry, keys: IdempotencyKeys) -> Self {
        let metrics = Self::default();
        registry.register(
            "foretell_idempotent_requests",
            "Requests with an idempotency key, by what became of them",
            metrics.outcomes.clone(),
        );
        registry.register_collector(Box::new(KnownKeys(keys)));
        metrics
    }
    /// Counts a request: `done`, `refused`, `failed`, `replayed`, `in_flight`, `reused`, ...
    pub(crate) fn count(&self, outcome: &'static str) {
        self.outcomes.get_or_create(&OnceLabels { outcome }).inc();
    }
}

/// The keys that are known, asked when somebody looks.
#[derive(Debug)]
struct KnownKeys(IdempotencyKeys);

impl Collector for KnownKeys {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let known = ConstGauge::new(i64::try_from(self.0.count()).unwrap_or(i64::MAX));
        known.encode(encoder.encode_descriptor(
            "foretell_idempotency_keys",
            "Idempotency keys that are known",
            None,
            known.metric_type(),
        )?)?;
        let forgotten = ConstCounter::new(self.0.forgotten_early());
        forgotten.encode(encoder.encode_descriptor(
            "foretell_idempotency_keys_forgotten",
            "Idempotency keys forgotten before their end, for their user sent too many later ones",
            None,
            forgotten.metric_type(),
        )?)
    }
}

/// Jobs.
#[derive(Clone, Default)]
pub(crate) struct JobMetrics {
    ended: Family<JobLabels, Counter>,
    /// Those turned away, for as many waited as may.
    pub(crate) refused: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    kind: &'static str,
    state: &'static str,
}

impl JobMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "foretell_jobs_ended",
            "Jobs that are over, by their kind and how they ended",
            metrics.ended.clone(),
        );
        registry.register(
            "foretell_jobs_refused",
            "Jobs turned away because as many waited as may",
            metrics.refused.clone(),
        );
        metrics
    }
    /// Counts one that is over.
    pub(crate) fn ended(&self, kind: JobKind, state: JobState) {
        let labels = JobLabels {
            kind: kind.name(),
            state: state.name(),
        };
        self.ended.get_or_create(&labels).inc();
    }
}

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_BUCKETS_SECS)
}

/// A method as a label; those that nobody should use are one.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
