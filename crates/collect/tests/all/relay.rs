//! Agents that behave badly: one that never answers, and one that takes its time for every answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

/// A socket in front of an agent, or in front of nothing.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    pub(super) counts: Arc<Counts>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Default)]
pub(super) struct Counts {
    /// Questions that came.
    pub(super) asked: AtomicU64,
    /// Most questions that waited for their answer at one time.
    pub(super) open_max: AtomicU64,
    open: AtomicU64,
}

/// Listens and never answers.
pub(super) async fn silent() -> Relay {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let task = tokio::spawn({
        let counts = Arc::clone(&counts);
        async move {
            let mut bytes = [0; 2048];
            while socket.recv_from(&mut bytes).await.is_ok() {
                counts.asked.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    Relay {
        address,
        counts,
        _task: AbortOnDropHandle::new(task),
    }
}

/// Passes each question on to `agent` after `delay`.
pub(super) async fn slow(agent: SocketAddr, delay: Duration) -> Relay {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let task = tokio::spawn(relay(front, agent, (delay, None), Arc::clone(&counts)));
    Relay {
        address,
        counts,
        _task: AbortOnDropHandle::new(task),
    }
}

/// Passes on each question but those with some octets in them.
pub(super) async fn deaf_to(agent: SocketAddr, octets: &'static [u8]) -> Relay {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let deaf = (Duration::ZERO, Some(octets));
    let task = tokio::spawn(relay(front, agent, deaf, Arc::clone(&counts)));
    Relay {
        address,
        counts,
        _task: AbortOnDropHandle::new(task),
    }
}

async fn relay(
    front: Arc<UdpSocket>,
    agent: SocketAddr,
    (delay, deaf_to): (Duration, Option<&'static [u8]>),
    counts: Arc<Counts>,
) {
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut tasks = tokio::task::JoinSet::new();
    let mut bytes = [0; 2048];
    while let Ok((len, from)) = front.recv_from(&mut bytes).await {
        counts.asked.fetch_add(1, Ordering::SeqCst);
        let is_heard = |octets: &[u8]| !bytes[..len].windows(octets.len()).any(|it| it == octets);
        if !deaf_to.is_none_or(is_heard) {
            continue;
        }
        let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
        counts.open_max.fetch_max(open, Ordering::SeqCst);
        if let std::collections::hash_map::Entry::Vacant(place) = backs.entry(from) {
            let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            place.insert(Arc::clone(&back));
            let (front, counts) = (Arc::clone(&front), Arc::clone(&counts));
            tasks.spawn(async move {
                let mut bytes = vec![0; 65_536];
                while let Ok((len, _)) = back.recv_from(&mut bytes).await {
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                    let _ = front.send_to(&bytes[..len], from).await;
                }
            });
        }
        let back = Arc::clone(&backs[&from]);
        let question = bytes[..len].to_vec();
        tasks.spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = back.send_to(&question, agent).await;
        });
    }
}
