//! What the API measures of itself. `/metrics` shows the whole registry, the server's part too.

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

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
    /// Events that a client missed because its queue was full.
    pub(crate) dropped: Counter,
    /// Connections refused because there were as many as are allowed.
    pub(crate) refused: Counter,
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
            "Events that clients missed because their queue was full",
            metrics.dropped.clone(),
        );
        registry.register(
            "foretell_stream_clients_refused",
            "Connections refused because as many as allowed were open",
            metrics.refused.clone(),
        );
        metrics
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
