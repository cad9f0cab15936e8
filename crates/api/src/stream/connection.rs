//! One client of the stream: three loops in one task, tied by one bounded queue.
//!
//! `tell` takes events from the ring and puts what the client wants into its queue; where that is
//! full it waits, and what leaves the ring meanwhile is counted and told as `lagged`. `write` empties
//! the queue to the socket. `listen` reads what the client says. The first that ends ends the others.

use super::protocol::{
    self, ClientMessage, MESSAGE_LEN_MAX, NotResumed, Resume, ServerMessage, name_of,
};
use super::ring::{Ring, Step, Told};
use super::subscription::{SUBSCRIPTIONS_MAX, Subscriptions};
use crate::auth::gate::look_again;
use crate::auth::principal::Principal;
use crate::metrics::StreamMetrics;
use crate::problem::{Kind, Problem};
use crate::state::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use model::{Clock, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Messages that are written out and wait for a client's socket. Those of a large device's samples
/// have 30 kB, so that a stuck client holds 1 MB; all else that it has not read waits in the ring,
/// which all clients share.
pub(crate) const QUEUE_LEN_MAX: usize = 32;
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

/// What a client wants and how far it was told. Its loops run in one task and share it.
struct Seat {
    kept: Mutex<Seated>,
    /// Its position was set back.
    moved: Notify,
    ring: Arc<Ring>,
}

struct Seated {
    subscriptions: Subscriptions,
    /// The number up to which all that it wants was put into its queue.
    position: u64,
    /// It has asked for something, and may no longer resume.
    begun: bool,
}

impl Seat {
    fn new(ring: Arc<Ring>) -> Self {
        let seated = Seated {
            subscriptions: Subscriptions::default(),
            position: ring.last(),
            begun: false,
        };
        Self {
            kept: Mutex::new(seated),
            moved: Notify::new(),
            ring,
        }
    }
    fn lock(&self) -> MutexGuard<'_, Seated> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves one client to its end.
pub(crate) async fn serve(socket: WebSocket, connection: Connection, _place: Place) {
    let Connection {
        principal,
        state,
        request_id,
        clock,
        metrics,
        stop,
    } = connection;
    let (sink, stream) = socket.split();
    let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
    let seat = Seat::new(state.ring.clone());
    let heard_at = AtomicI64::new(clock.now().unix_ms());
    let hello = ServerMessage::Hello {
        stream: seat.ring.id,
        seq: seat.lock().position,
        heartbeat_secs: HEARTBEAT.as_secs(),
    };
    // The queue is empty: there is room.
    let _ = queue.try_send(Message::text(protocol::write(&hello)));

    let telling = tell(&queue, &seat, &metrics);
    let listener = Listener {
        queue: &queue,
        seat: &seat,
        metrics: &metrics,
        request_id: &request_id,
    };
    let listening = listener.listen(stream, &heard_at, &clock);
    let beating = beat(&queue, &seat, &heard_at, &clock, &state, &principal);
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
async fn tell(queue: &mpsc::Sender<Message>, seat: &Seat, metrics: &StreamMetrics) -> Farewell {
    let mut changes = seat.ring.changes();
    loop {
        changes.mark_unchanged();
        let position = seat.lock().position;
        match seat.ring.after(position) {
            Step::Nothing => {
                tokio::select! {
                    changed = changes.changed() => changed.ok()?,
                    () = seat.moved.notified() => {}
                }
            }
            Step::Lost { dropped, to } => {
                let room = queue.reserve().await.ok()?;
                let mut seated = seat.lock();
                // Unless it resumed while there was no room.
                if seated.position == position {
                    seated.position = to;
                    // Who has asked for nothing has missed nothing.
                    if !seated.subscriptions.is_empty() {
                        metrics.dropped.inc_by(dropped);
                        let lagged = ServerMessage::Lagged { dropped, seq: to };
                        room.send(Message::text(protocol::write(&lagged)));
                    }
                }
            }
            Step::Events(events) => {
                if !tell_all(events, queue, seat, metrics).await? {
                    // Nobody waited: others have a turn before the next look.
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// Some events in their order; whether any was wanted. None where the queue is gone.
async fn tell_all(
    events: Vec<Told>,
    queue: &mpsc::Sender<Message>,
    seat: &Seat,
    metrics: &StreamMetrics,
) -> Option<bool> {
    let (mut room, mut any) = (None, false);
    for Told { seq, at, event } in events {
        let place = match room.take() {
            Some(place) => place,
            None => queue.reserve().await.ok()?,
        };
        let mut seated = seat.lock();
        if seated.position + 1 != seq {
            // It resumed while there was no room.
            break;
        }
        seated.position = seq;
        let Some(data) = seated.subscriptions.select(&event) else {
            room = Some(place);
            continue;
        };
        let (topic, name) = name_of(&event);
        let message = ServerMessage::Event {
            seq,
            topic,
            event: name,
            at,
            data,
        };
        place.send(Message::text(protocol::write(&message)));
        metrics.events.inc();
        any = true;
    }
    Some(any)
}

/// What the client says is acted on and answered here.
struct Listener<'a> {
    queue: &'a mpsc::Sender<Message>,
    seat: &'a Seat,
    metrics: &'a StreamMetrics,
    request_id: &'a str,
}

impl Listener<'_> {
    async fn listen(
        &self,
        mut stream: SplitStream<WebSocket>,
        heard_at: &AtomicI64,
        clock: &Clock,
    ) -> Farewell {
        while let Some(Ok(message)) = stream.next().await {
            heard_at.store(clock.now().unix_ms(), Ordering::Relaxed);
            if let Message::Ping(_) | Message::Pong(_) = message {
                continue;
            }
            // The room first, so that the answer stands before what follows from it. A client that
            // asks and does not read waits for itself.
            let room = self.queue.reserve().await.ok()?;
            let reply = match message {
                Message::Text(text) => self.answer(&text),
                Message::Close(_) => return None,
                _ => self.refuse(None, Kind::MediaType, "Messages are JSON in text frames."),
            };
            room.send(Message::text(reply));
            self.seat.moved.notify_one();
        }
        None
    }

    /// Acts on a message; what is answered.
    fn answer(&self, text: &str) -> String {
        let message = match protocol::parse(text) {
            Ok(message) => message,
            Err(bad) => {
                let problem = Problem::of_faults(Kind::Invalid, bad.errors);
                return protocol::refusal(bad.id.as_deref(), &problem, self.request_id);
            }
        };
        let mut seated = self.seat.lock();
        match message {
            ClientMessage::Subscribe(wanted) => {
                seated.begun = true;
                let id = wanted.id.clone();
                if seated.subscriptions.add(wanted) {
                    return protocol::write(&ServerMessage::Subscribed { id: &id });
                }
                let detail = format!("A connection has at most {SUBSCRIPTIONS_MAX} subscriptions.");
                self.refuse(Some(&id), Kind::TooMany, &detail)
            }
            ClientMessage::Unsubscribe { id } => {
                if seated.subscriptions.remove(&id) {
                    return protocol::write(&ServerMessage::Unsubscribed { id: &id });
                }
                let detail = "There is no subscription of that name.";
                self.refuse(Some(&id), Kind::NotFound, detail)
            }
            ClientMessage::Resume(_) if seated.begun => self.refuse(
                None,
                Kind::Conflict,
                "Resume comes first: this connection has subscriptions already.",
            ),
            ClientMessage::Resume(resume) => self.resume(&mut seated, resume),
        }
    }

    /// Takes a client back to where it was. Its subscriptions are in force either way.
    fn resume(&self, seated: &mut Seated, resume: Resume) -> String {
        let ring = &self.seat.ring;
        let (reason, missed) = if resume.stream != ring.id {
            (Some(NotResumed::Restarted), None)
        } else if resume.seq > ring.last() {
            let detail = "the stream has not come so far".to_owned();
            let problem = Problem::field(Kind::Invalid, "/seq", detail);
            return protocol::refusal(None, &problem, self.request_id);
        } else if let Step::Lost { dropped, .. } = ring.after(resume.seq) {
            (Some(NotResumed::TooOld), Some(dropped))
        } else {
            seated.position = resume.seq;
            (None, None)
        };
        self.metrics.count_resume(match reason {
            None => "resumed",
            Some(NotResumed::Restarted) => "restarted",
            Some(NotResumed::TooOld) => "too_old",
        });
        seated.begun = true;
        for wanted in resume.subscriptions {
            seated.subscriptions.add(wanted);
        }
        protocol::write(&ServerMessage::Resumed {
            resumed: reason.is_none(),
            reason,
            missed,
            stream: ring.id,
            seq: seated.position,
        })
    }

    fn refuse(&self, id: Option<&str>, kind: Kind, detail: &str) -> String {
        protocol::refusal(id, &Problem::new(kind, detail), self.request_id)
    }
}

/// Heartbeats, and the end of those who are silent or signed out.
async fn beat(
    queue: &mpsc::Sender<Message>,
    seat: &Seat,
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
        let seq = seat.lock().position;
        let beat = protocol::write(&ServerMessage::Heartbeat { at: now, seq });
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
