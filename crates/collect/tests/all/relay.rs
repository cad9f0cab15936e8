//! Agents that behave badly: one that never answers, one that takes its time for every answer, one that fails over
//! some objects.

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
    start(agent, (delay, None)).await
}

/// Passes on each question but those with some octets in them.
pub(super) async fn deaf_to(agent: SocketAddr, octets: &'static [u8]) -> Relay {
    start(agent, (Duration::ZERO, Some((octets, Bad::Silent)))).await
}

/// Passes on each question but those with some octets in them, which it answers itself: it failed.
pub(super) async fn failing_over(agent: SocketAddr, octets: &'static [u8]) -> Relay {
    start(agent, (Duration::ZERO, Some((octets, Bad::Fails)))).await
}

async fn start(agent: SocketAddr, manner: Manner) -> Relay {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let task = tokio::spawn(relay(front, agent, manner, Arc::clone(&counts)));
    Relay {
        address,
        counts,
        _task: AbortOnDropHandle::new(task),
    }
}

/// How long a question waits, and what becomes of those with some octets in them.
type Manner = (Duration, Option<(&'static [u8], Bad)>);

/// What becomes of a question that is not passed on.
#[derive(Clone, Copy)]
enum Bad {
    Silent,
    Fails,
}

/// The answer to a question of SNMPv2c that the agent failed over its first object: genErr(5). None where the question
/// is another. Source: RFC 3416 section 4.2.
fn failed(question: &[u8]) -> Option<Vec<u8>> {
    const RESPONSE: u8 = 0xa2;
    const GEN_ERR: u8 = 5;
    let mut answer = question.to_vec();
    // The message; past its version and community the PDU; past the request id two integers, which are the error and
    // its place in an answer.
    let pdu = after(question, after(question, within(question, 0)?)?)?;
    *answer.get_mut(pdu)? = RESPONSE;
    let status = after(question, within(question, pdu)?)?;
    let place = after(question, status)?;
    *answer.get_mut(status + 2)? = GEN_ERR;
    for at in place + 2..after(question, place)? {
        *answer.get_mut(at)? = 0;
    }
    *answer.get_mut(after(question, place)? - 1)? = 1;
    Some(answer)
}

/// Where the content of a value begins. Lengths are of up to two octets.
fn within(octets: &[u8], at: usize) -> Option<usize> {
    match *octets.get(at + 1)? {
        0x81 => Some(at + 3),
        0x82 => Some(at + 4),
        _ => Some(at + 2),
    }
}

/// Where a value ends.
fn after(octets: &[u8], at: usize) -> Option<usize> {
    let begin = within(octets, at)?;
    let length = match octets.get(at + 1..begin)? {
        [length] | [0x81, length] => usize::from(*length),
        [_, high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => return None,
    };
    Some(begin + length)
}

async fn relay(
    front: Arc<UdpSocket>,
    agent: SocketAddr,
    (delay, bad): Manner,
    counts: Arc<Counts>,
) {
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut tasks = tokio::task::JoinSet::new();
    let mut bytes = [0; 2048];
    while let Ok((len, from)) = front.recv_from(&mut bytes).await {
        counts.asked.fetch_add(1, Ordering::SeqCst);
        let has = |octets: &[u8]| bytes[..len].windows(octets.len()).any(|it| it == octets);
        match bad.filter(|(octets, _)| has(octets)) {
            Some((_, Bad::Silent)) => continue,
            Some((_, Bad::Fails)) => {
                if let Some(answer) = failed(&bytes[..len]) {
                    let _ = front.send_to(&answer, from).await;
                }
                continue;
            }
            None => {}
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
