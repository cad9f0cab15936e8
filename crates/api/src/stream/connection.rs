//! One client of the stream: three loops in one task, tied by one bounded queue.
//!
//! `tell` takes events from the server's ring and puts what the client wants into its queue, never
//! waiting: what does not fit is counted and told as `lagged`. `write` empties the queue to the
//! socket. `listen` reads what the client says. The first that ends ends the others.

use super::protocol::{self, ClientMessage, MESSAGE_LEN_MAX, ServerMessage, name_of};
use super::subscription::{SUBSCRIPTIONS_MAX, Subscriptions};
use crate::auth::gate::look_again;
use crate::auth::principal::Principal;
use crate::metrics::StreamMetrics;
use crate::problem::{Kind, Problem};
use crate::state::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use model::event::Event;
use model::{Clock, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Messages that wait for a client: 10 s of the samples of 100 devices polled at 5 s, with room for
/// a burst of discovery. A message has some kilobytes, so that a stuck client holds a few MB.
pub(crate) const QUEUE_LEN_MAX: usize = 256;
/// Seconds between heartbeats.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client that says nothing for so long, not even a pong, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// A client whose socket takes nothing for so long is stuck.
const WRITE_MAX: Duration = Duration::from_secs(20);
/// Clients that are connected at a time.
pub(crate) const CLIENTS_MAX: i64 = 500;

/// Close codes (RFC 6455 section 7.4).
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const POLICY: u16 = 1008;
    /// Ours: what the client signed in with has ended; sign in or fetch a ticket, and come again.
    pub(super) const SIGNED_OUT: u16 = 4401;
}

/// What a connection works with.
pub(crate) struct Connection {
    /// Who.
    pub(crate) principal: Principal,
    /// Where the sign-in is looked at again.
    pub(crate) state: Arc<State>,
    /// The id of the request that opened it.
    pub(crate) request_id: String,
    /// What happens.
    pub(crate) events: broadcast::Receiver<Arc<Event>>,
    /// The present time.
    pub(crate) clock: Clock,
    /// What is measured.
    pub(crate) metrics: StreamMetrics,
    /// The server stops.
    pub(crate) stop: CancellationToken,
}

/// Counts a client while it is connected.
pub(crate) struct Place(StreamMetrics);

impl Place {
    /// A place; none where as many are connected as may.
    pub(crate) fn take(metrics: &StreamMetrics) -> Option<Self> {
        if metrics.clients.inc() >= CLIENTS_MAX {
            metrics.clients.dec();
            metrics.refused.inc();
            return None;
        }
        Some(Self(metrics.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.clients.dec();
    }
}

/// Serves one client to its end.
pub(crate) async fn serve(socket: WebSocket, connection: Connection, _place: Place) {
    let Connection {
        principal,
        state,
        request_id,
        events,
        clock,
        metrics,
        stop,
    } = connection;
    let (sink, stream) = socket.split();
    let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
    let subscriptions = Mutex::new(Subscriptions::default());
    let heard_at = AtomicI64::new(clock.now().unix_ms());
    let hello = ServerMessage::Hello {
        seq: 0,
        heartbeat_secs: HEARTBEAT.as_secs(),
    };
    // The queue is empty: there is room.
    let _ = queue.try_send(Message::text(protocol::write(&hello)));

    let telling = tell(events, &queue, &subscriptions, &clock, &metrics);
    let listening = listen(
        stream,
        &queue,
        &subscriptions,
        &heard_at,
        &clock,
        &request_id,
    );
    let beating = beat(&queue, &heard_at, &clock, &state, &principal);
    let ending = async {
        tokio::select! {
            farewell = telling => farewell,
            farewell = listening => farewell,
            farewell = beating => farewell,
            () = stop.cancelled() => Some(goodbye(code::GOING_AWAY, "the server stops")),
        }
    };
    write(sink, waiting, ending).await;
}

/// What is said at the end; nothing where the client has left.
type Farewell = Option<CloseFrame>;

fn goodbye(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code,
        reason: reason.into(),
    }
}

/// Events to the queue.
async fn tell(
    mut events: broadcast::Receiver<Arc<Event>>,
    queue: &mpsc::Sender<Message>,
    subscriptions: &Mutex<Subscriptions>,
    clock: &Clock,
    metrics: &StreamMetrics,
) -> Farewell {
    let (mut seq, mut dropped) = (0u64, 0u64);
    loop {
        let received = tokio::select! {
            received = events.recv() => received,
            // As soon as there is room again the client is told what it missed.
            Ok(room) = queue.reserve(), if dropped > 0 => {
                let lagged = protocol::write(&ServerMessage::Lagged { dropped });
                room.send(Message::text(lagged));
                dropped = 0;
                continue;
            }
        };
        let event = match received {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                // How many of them this client wanted is not known; too many is said.
                dropped = dropped.saturating_add(missed);
                seq = seq.saturating_add(missed);
                metrics.dropped.inc_by(missed);
                continue;
            }
            Err(broadcast::error::RecvError::Closed) => {
                return Some(goodbye(code::GOING_AWAY, "the server stops"));
            }
        };
        let text = {
            let subscriptions = subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(data) = subscriptions.select(&event) else {
                continue;
            };
            seq = seq.saturating_add(1);
            let (topic, name) = name_of(&event);
            protocol::write(&ServerMessage::Event {
                seq,
                topic,
                event: name,
                at: clock.now(),
                data,
            })
        };
        if dropped == 0 && queue.try_send(Message::text(text)).is_ok() {
            metrics.events.inc();
        } else {
            dropped = dropped.saturating_add(1);
            metrics.dropped.inc();
        }
    }
}

/// What the client says.
async fn listen(
    mut stream: SplitStream<WebSocket>,
    queue: &mpsc::Sender<Message>,
    subscriptions: &Mutex<Subscriptions>,
    heard_at: &AtomicI64,
    clock: &Clock,
    request_id: &str,
) -> Farewell {
    while let Some(Ok(message)) = stream.next().await {
        heard_at.store(clock.now().unix_ms(), Ordering::Relaxed);
        let reply = match message {
            Message::Text(text) => answer(&text, subscriptions, request_id),
            Message::Binary(_) => {
                let problem = Problem::new(Kind::MediaType, "Messages are JSON in text frames.");
                protocol::refusal(None, &problem, request_id)
            }
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return None,
        };
        // A client that asks and does not read waits for itself.
        if queue.send(Message::text(reply)).await.is_err() {
            return None;
        }
    }
    None
}

/// Acts on a message; what is answered.
fn answer(text: &str, subscriptions: &Mutex<Subscriptions>, request_id: &str) -> String {
    let message = match protocol::parse(text) {
        Ok(message) => message,
        Err(bad) => {
            let problem = Problem::of_faults(Kind::Invalid, bad.errors);
            return protocol::refusal(bad.id.as_deref(), &problem, request_id);
        }
    };
    let mut subscriptions = subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
    match message {
        ClientMessage::Subscribe(wanted) => {
            let id = wanted.id.clone();
            if subscriptions.add(wanted) {
                return protocol::write(&ServerMessage::Subscribed { id: &id });
            }
            let problem = Problem::new(
                Kind::TooMany,
                format!("A connection has at most {SUBSCRIPTIONS_MAX} subscriptions."),
            );
            protocol::refusal(Some(&id), &problem, request_id)
        }
        ClientMessage::Unsubscribe { id } => {
            if subscriptions.remove(&id) {
                return protocol::write(&ServerMessage::Unsubscribed { id: &id });
            }
            let problem = Problem::new(Kind::NotFound, "There is no subscription of that name.");
            protocol::refusal(Some(&id), &problem, request_id)
        }
    }
}

/// Heartbeats, and the end of those who are silent or signed out.
async fn beat(
    queue: &mpsc::Sender<Message>,
    heard_at: &AtomicI64,
    clock: &Clock,
    state: &State,
    principal: &Principal,
) -> Farewell {
    let mut ticks = interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut sign_outs = state.principals.sign_outs();
    loop {
        // The sign-in is looked at with each heartbeat, and at once where anybody signs out.
        let signed_out = tokio::select! {
            _ = ticks.tick() => false,
            changed = sign_outs.changed() => changed.is_ok(),
        };
        let now = clock.now();
        if let Err(problem) = look_again(state, principal).await {
            // A store that cannot be read now says nothing about the sign-in.
            if matches!(problem.kind(), Kind::Unauthenticated | Kind::Forbidden) {
                return Some(goodbye(code::SIGNED_OUT, "the sign-in has ended"));
            }
            tracing::warn!("a stream's sign-in could not be looked at again; it goes on");
        }
        if signed_out {
            continue;
        }
        let heard_at = Timestamp::from_unix_ms(heard_at.load(Ordering::Relaxed));
        if now.since(heard_at) > SILENCE_MAX {
            return Some(goodbye(code::POLICY, "nothing was heard for 45 seconds"));
        }
        let beat = protocol::write(&ServerMessage::Heartbeat { at: now });
        // A full queue tells the client enough; browsers answer the ping by themselves.
        let _ = queue.try_send(Message::text(beat));
        let _ = queue.try_send(Message::Ping(Vec::new().into()));
    }
}

/// The queue to the socket, until the connection ends.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut waiting: mpsc::Receiver<Message>,
    ending: impl Future<Output = Farewell>,
) {
    let emptying = async {
        while let Some(message) = waiting.recv().await {
            match timeout(WRITE_MAX, sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    let farewell = tokio::select! {
        () = emptying => return,
        farewell = ending => farewell,
    };
    if let Some(frame) = farewell {
        let _ = timeout(
            Duration::from_secs(1),
            sink.send(Message::Close(Some(frame))),
        )
        .await;
    }
}

/// Bounds of the socket's own buffers.
pub(crate) fn bounded(
    upgrade: axum::extract::ws::WebSocketUpgrade,
) -> axum::extract::ws::WebSocketUpgrade {
    upgrade
        .max_message_size(MESSAGE_LEN_MAX)
        .max_frame_size(MESSAGE_LEN_MAX)
        .max_write_buffer_size(1 << 20)
}
