//! Everything HTTP: the REST API, the stream, sign-in, the OpenAPI document, and the embedded page.
//!
//! Nothing here talks to a device: what must be asked of the network goes to the server as a
//! [`Command`]. Begin with [`services`] (what there is to work with), then `routes` (one file a
//! resource).

pub mod auth;
mod command;
mod metrics;
mod observe;
mod problem;
pub mod services;

pub use command::{Command, DiscoveryRefused};
pub use services::{Notice, Options, Readiness, Reason, Services, SharedRegistry};

/// The whole of HTTP over these services.
pub fn router(services: Services) -> axum::Router {
    drop(services);
    axum::Router::new()
}
