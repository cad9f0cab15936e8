//! What the API keeps between requests, besides what the services hold. Nothing here outlives the
//! process; what must is in the store.

use crate::auth::limit::LoginLimits;
use crate::auth::password::Passwords;
use crate::auth::remembered::Remembered;
use crate::metrics::{HttpMetrics, SignInMetrics, StreamMetrics};
use crate::problem::{Answer, Problem};
use crate::routes::top::Top;
use crate::services::Services;
use crate::stream::tickets::Tickets;
use crate::top;
use axum::body::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Handlers that read sample files at a time: more only waits for the same disk.
const READERS_MAX: usize = 8;
/// Handlers that wait for their turn to read.
const READERS_WAITING_MAX: usize = 256;

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
    /// Hashing and checking.
    pub(crate) passwords: Arc<Passwords>,
    /// Tries to sign in.
    pub(crate) limits: LoginLimits,
    /// Who asked just now.
    pub(crate) principals: Remembered,
    /// One-time tickets of the stream.
    pub(crate) tickets: Tickets,
    /// Rankings.
    pub(crate) top: top::Desk<Top>,
    /// The OpenAPI document as it is sent.
    pub(crate) openapi_json: Bytes,
    readers: Arc<Semaphore>,
    readers_waiting: Semaphore,
}

impl State {
    pub(crate) fn new(services: Services, openapi_json: Bytes) -> Self {
        let (http, stream, sign_in) = {
            let mut registry = services
                .registry
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            (
                HttpMetrics::register(&mut registry),
                StreamMetrics::register(&mut registry),
                SignInMetrics::register(&mut registry),
            )
        };
        Self {
            http,
            stream,
            sign_in,
            passwords: Arc::new(Passwords::new()),
            limits: LoginLimits::new(),
            principals: Remembered::new(),
            tickets: Tickets::new(),
            top: top::Desk::new(),
            openapi_json,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            readers_waiting: Semaphore::new(READERS_WAITING_MAX),
            services,
        }
    }

    /// Does work that may read files or take long, where it holds nobody up.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let busy = || {
            Problem::busy(
                "As many readers wait as may at a time.",
                Duration::from_secs(1),
            )
        };
        let _place = self.readers_waiting.try_acquire().map_err(|_| busy())?;
        // The turn goes with the work: a client that leaves does not make room for another while
        // its work goes on.
        let turn = self
            .readers
            .clone()
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
}
