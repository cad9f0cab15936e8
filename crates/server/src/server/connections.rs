//! Connections of HTTP: how many at a time, and how long a client may take over the head of a
//! request or leave an answer unread. Whoever does nothing gives its place back; whoever finds no place waits in the listen
//! queue of the kernel.
//!
//! A stream (WebSocket) leaves its place here when it is upgraded, and has a bound of its own in
//! `api`. What a request may take once its head was read is `http.request_timeout_secs`.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// Connections at a time, besides open streams: six of each of a hundred browsers. Together with the
/// streams they stay within the 1,024 files that a process may open where nobody said otherwise.
pub(crate) const CONNECTIONS_MAX: usize = 400;
/// How long the head of a request may take, and how long a connection may rest between two: a silent
/// one is in the way of others. Browsers open a new one without a word.
pub(crate) const HEAD_WAIT_MAX: Duration = Duration::from_secs(15);
/// How long a client may leave what it is sent: one that reads nothing is in the way of others.
pub(crate) const READ_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long nothing is accepted after that failed, as where no more files may be opened.
const REST: Duration = Duration::from_millis(500);

/// The bounds; those of the server but in tests.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) connections: usize,
    pub(super) head_wait: Duration,
    pub(super) read_wait: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            head_wait: HEAD_WAIT_MAX,
            read_wait: READ_WAIT_MAX,
        }
    }
}

/// What is counted.
#[derive(Clone, Default)]
pub(super) struct Counts {
    open: Gauge,
    full: Counter,
    silent: Counter,
    unread: Counter,
    refused: Counter,
}

impl Counts {
    /// Shows them.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "foretell_http_connections",
            "Connections that are open, besides streams",
            self.open.clone(),
        );
        for (name, help, counter) in [
            (
                "foretell_http_connections_full",
                "Times that a client had to wait, for as many were connected as may be",
                &self.full,
            ),
            (
                "foretell_http_connections_silent",
                "Connections ended since the head of a request did not come in time",
                &self.silent,
            ),
            (
                "foretell_http_connections_unread",
                "Connections ended since the client did not read what it was sent",
                &self.unread,
            ),
            (
                "foretell_http_accept_failures",
                "Times that a connection could not be accepted",
                &self.refused,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

/// Serves until the token is cancelled; what is being answered then is answered.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    counts: Counts,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = accept(&listener, &places, &counts) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let connection = Connection {
            stream,
            peer,
            router: router.clone(),
            bounds,
        };
        let (counts, stop) = (counts.clone(), stop.clone());
        tasks.spawn(async move {
            counts.open.inc();
            connection.serve(&counts, stop).await;
            counts.open.dec();
            drop(place);
        });
    }
}

/// The next connection and its place; none where it could not be had.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    counts: &Counts,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    if places.available_permits() == 0 {
        counts.full.inc();
    }
    // It is never closed.
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            counts.refused.inc();
            warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(REST).await;
            None
        }
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    bounds: Bounds,
}

impl Connection {
    async fn serve(self, counts: &Counts, stop: CancellationToken) {
        let (router, peer) = (self.router, self.peer);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        // Answers are small and waited for.
        let _ = self.stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(self.stream);
        stream.set_write_timeout(Some(self.bounds.read_wait));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.bounds.head_wait)
            .serve_connection(TokioIo::new(Box::pin(stream)), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        match served {
            Ok(()) => {}
            Err(error) if error.is_timeout() => {
                counts.silent.inc();
            }
            Err(error) if is_unread(&error) => {
                counts.unread.inc();
            }
            // The client's doing: it left, or did not speak HTTP.
            Err(error) => debug!(%error, "a connection ended"),
        }
    }
}

/// Whether a connection ended since nothing more could be written for too long.
fn is_unread(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref());
    source.is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const BOUNDS: Bounds = Bounds {
        connections: 2,
        head_wait: Duration::from_millis(200),
        read_wait: Duration::from_millis(300),
    };

    async fn served() -> (SocketAddr, Counts, CancellationToken, TaskTracker) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (counts, stop, tasks) = (
            Counts::default(),
            CancellationToken::new(),
            TaskTracker::new(),
        );
        let peer =
            |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
        let router = Router::new()
            .route("/", get(peer))
            .route("/long", get(async || vec![0_u8; 64 << 20]));
        let serving = serve(
            listener,
            router,
            BOUNDS,
            counts.clone(),
            tasks.clone(),
            stop.clone(),
        );
        tasks.spawn(serving);
        (address, counts, stop, tasks)
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn who_says_nothing_makes_room_for_who_does() {
        let (address, counts, stop, tasks) = served().await;
        let mut silent = Vec::new();
        for word in ["", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(word.as_bytes()).await.unwrap();
            silent.push(stream);
        }
        while counts.open.get() < 2 {
            tokio::task::yield_now().await;
        }
        // Both places are taken: it waits until the silent are ended.
        let answer = ask(address).await;
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
        assert!(counts.full.get() >= 1);
        assert!(counts.silent.get() >= 1, "{}", counts.silent.get());
        for mut stream in silent {
            let mut rest = Vec::new();
            // Ended, with or without a word.
            let _ = stream.read_to_end(&mut rest).await;
        }
        assert_eq!(counts.silent.get(), 2);
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(counts.open.get(), 0);
    }

    #[tokio::test]
    async fn whoever_does_not_read_gives_its_place_back() {
        let (address, counts, stop, tasks) = served().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let ended = async {
            while counts.unread.get() == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let within = Duration::from_secs(20);
        tokio::time::timeout(within, ended).await.unwrap();
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(counts.open.get(), 0);
    }

    #[tokio::test]
    async fn a_stop_waits_for_what_is_being_answered() {
        let (address, _, stop, tasks) = served().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n")
            .await
            .unwrap();
        tokio::task::yield_now().await;
        stop.cancel();
        tasks.close();
        // It ends at the latest when the head has not come in time.
        tasks.wait().await;
    }
}
