//! Agents behind sockets: threads that take requests in batches, answer them and hold back those
//! that are to be late.
//!
//! All agents of a port share one socket, so that 10,000 devices cost what one costs.

mod desk;

use super::Agent;
use super::socket::{self, AgentSocket, Datagram, Inbox};
use super::stats::{Counters, Stats};
use desk::Desk;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, PipeReader, PipeWriter};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Sockets of one server: one for each port, and one for each IPv6 address.
const SOCKETS_MAX: usize = 64;
/// Octets that the system may hold for a socket: a monitor asks thousands of devices in bursts. The
/// system grants what net.core.rmem_max allows.
const RECEIVE_BUFFER_LEN: usize = 8 * 1024 * 1024;
/// Pause after a socket failed, so that a broken one does not spin.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// How agents are served.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// Threads for each socket. One answers some ten thousand requests a second.
    pub threads: NonZeroUsize,
    /// What lost requests are drawn from: the same seed and the same requests, the same losses (with
    /// one thread).
    pub seed: u64,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            threads: NonZeroUsize::MIN,
            seed: 0,
        }
    }
}

/// Why agents are not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Two agents would answer for one address.
    #[error("two agents are to answer for {address}")]
    AddressTwice {
        /// Where.
        address: SocketAddr,
    },
    /// Ports, or IPv6 addresses, without end.
    #[error("the agents need {needed} sockets, and there are {SOCKETS_MAX}: give them one port")]
    TooManySockets {
        /// How many.
        needed: usize,
    },
    /// The system refused a socket.
    #[error("binding to {address} failed")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system refused a thread or a pipe.
    #[error("starting a thread for {address} failed")]
    Start {
        /// Where it would have listened.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Agents that are being served, until this is dropped.
pub struct Server {
    addresses: Vec<SocketAddr>,
    inodes: Vec<u64>,
    counters: Arc<Counters>,
    // Dropped to stop the threads, before they are joined.
    stop: Option<PipeWriter>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Where an agent is really asked, by its place among those that are served.
    pub fn address(&self, agent: usize) -> Option<SocketAddr> {
        self.addresses.get(agent).copied()
    }

    /// What happened since it began. A thread adds what it did after every batch.
    pub fn stats(&self) -> Stats {
        Stats {
            overflowed: self
                .inodes
                .iter()
                .map(|&inode| socket::overflowed(inode))
                .sum(),
            ..self.counters.read()
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so itself.
            let _ = thread.join();
        }
    }
}

/// Answers for all of these agents until the server is dropped.
pub fn serve(agents: &[Arc<Agent>], options: &ServeOptions) -> Result<Server, ServeError> {
    let counters = Arc::<Counters>::default();
    let groups = groups(agents)?;
    let start = |address| move |source| ServeError::Start { address, source };
    let first = agents
        .first()
        .map_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), |agent| {
            agent.address()
        });
    let (wake, stop) = io::pipe().map_err(start(first))?;
    let wake = Arc::new(wake);
    let mut server = Server {
        addresses: agents.iter().map(|agent| agent.address()).collect(),
        inodes: Vec::new(),
        counters: Arc::clone(&counters),
        stop: Some(stop),
        threads: Vec::new(),
    };
    for (bind, group) in groups {
        let bound = |source| ServeError::Bind {
            address: bind,
            source,
        };
        let socket = Arc::new(
            AgentSocket::bind(bind, group.only_loopback(), RECEIVE_BUFFER_LEN).map_err(bound)?,
        );
        let port = socket.port().map_err(bound)?;
        server.inodes.push(socket.inode().map_err(bound)?);
        for &position in &group.positions {
            if let Some(address) = server.addresses.get_mut(position) {
                address.set_port(port);
            }
        }
        let audience = Arc::new(group.audience);
        for thread in 0..options.threads.get() {
            let worker = Worker {
                socket: Arc::clone(&socket),
                wake: Arc::clone(&wake),
                audience: Arc::clone(&audience),
                counters: Arc::clone(&counters),
                seed: options.seed ^ (thread as u64) << 32,
            };
            let thread = std::thread::Builder::new()
                .name(format!("agents-{port}-{thread}"))
                .spawn(move || worker.run())
                .map_err(start(bind))?;
            server.threads.push(thread);
        }
    }
    Ok(server)
}

/// Agents that share a socket.
#[derive(Default)]
struct Group {
    positions: Vec<usize>,
    audience: Audience,
}

impl Group {
    fn only_loopback(&self) -> bool {
        let Audience { by_address, other } = &self.audience;
        let is_loopback = |agent: &Arc<Agent>| agent.address().ip().is_loopback();
        by_address.keys().all(Ipv4Addr::is_loopback) && other.as_ref().is_none_or(is_loopback)
    }
}

/// Whom a socket's datagrams are for.
#[derive(Default)]
struct Audience {
    by_address: HashMap<Ipv4Addr, Arc<Agent>>,
    // Who answers at every other address: an agent of 0.0.0.0, and the only one of a socket of IPv6,
    // where the system does not say to which address a datagram was sent.
    other: Option<Arc<Agent>>,
}

impl Audience {
    fn whom(&self, to: Option<Ipv4Addr>) -> Option<&Arc<Agent>> {
        to.and_then(|to| self.by_address.get(&to))
            .or(self.other.as_ref())
    }
}

/// Which agents share which socket: one for all of IPv4 on a port, bound to the agent's address where
/// it is alone; one for each address of IPv6.
fn groups(agents: &[Arc<Agent>]) -> Result<BTreeMap<SocketAddr, Group>, ServeError> {
    let mut groups: BTreeMap<SocketAddr, Group> = BTreeMap::new();
    for (position, agent) in agents.iter().enumerate() {
        let address = agent.address();
        let twice = || ServeError::AddressTwice { address };
        let key = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())),
            SocketAddr::V6(_) => address,
        };
        let group = groups.entry(key).or_default();
        group.positions.push(position);
        match address.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => {
                let earlier = group.audience.by_address.insert(ip, Arc::clone(agent));
                if earlier.is_some() {
                    return Err(twice());
                }
            }
            _ => {
                if group.audience.other.replace(Arc::clone(agent)).is_some() {
                    return Err(twice());
                }
            }
        }
    }
    if groups.len() > SOCKETS_MAX {
        return Err(ServeError::TooManySockets {
            needed: groups.len(),
        });
    }
    let alone = |(key, group): (SocketAddr, Group)| match group.positions.as_slice() {
        &[position] => (
            agents.get(position).map_or(key, |agent| agent.address()),
            group,
        ),
        _ => (key, group),
    };
    Ok(groups.into_iter().map(alone).collect())
}

struct Worker {
    socket: Arc<AgentSocket>,
    wake: Arc<PipeReader>,
    audience: Arc<Audience>,
    counters: Arc<Counters>,
    seed: u64,
}

impl Worker {
    fn run(self) {
        let mut inbox = Inbox::new();
        let mut desk = Desk::new(self.seed);
        // Whether the last batch was a full one: then more may wait already.
        let mut more = false;
        loop {
            let patience = if more {
                PollTimeout::ZERO
            } else {
                patience(&desk)
            };
            if !self.wait(patience) {
                return;
            }
            let now = Instant::now();
            let received = inbox.receive(&self.socket, |datagram| {
                self.take(&datagram, now, &mut desk);
            });
            desk.answer_late(&self.socket, &self.audience, now);
            self.counters.take(&mut desk.responder.tally);
            more = match received {
                Ok(count) => Inbox::is_full(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
                Err(_) => {
                    std::thread::sleep(FAILURE_PAUSE);
                    false
                }
            };
        }
    }

    /// Waits for a datagram; false means stop.
    fn wait(&self, patience: PollTimeout) -> bool {
        let mut fds = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
        ];
        // What fails here (a signal) is tried again.
        let _ = poll(&mut fds, patience);
        let [_, wake] = &fds;
        wake.revents().is_none_or(|events| events.is_empty())
    }

    fn take(&self, datagram: &Datagram<'_>, now: Instant, desk: &mut Desk) {
        let Desk {
            responder, random, ..
        } = desk;
        let tally = &mut responder.tally;
        tally.datagrams_in += 1;
        let Some(octets) = datagram.octets else {
            tally.malformed += 1;
            return;
        };
        tally.octets_in += octets.len() as u64;
        let Some(agent) = self.audience.whom(datagram.to) else {
            tally.nobody_there += 1;
            return;
        };
        let behaviour = agent.behaviour();
        if behaviour.silent() {
            tally.silenced += 1;
            return;
        }
        if behaviour.loses(random.next()) {
            tally.lost += 1;
            return;
        }
        let delay = behaviour.delay();
        if delay.is_zero() {
            desk.answer(
                &self.socket,
                agent,
                octets,
                &datagram.from,
                datagram.to,
                now,
            );
        } else {
            desk.hold(octets, datagram.from, datagram.to, now + delay);
        }
    }
}

/// How long there is until the next late answer.
fn patience(desk: &Desk) -> PollTimeout {
    // One millisecond over, lest it wakes just before the time and spins.
    desk.next_due().map_or(PollTimeout::NONE, |due| {
        let left = due.saturating_duration_since(Instant::now());
        let left = left.as_millis().saturating_add(1);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Access, Shown};
    use crate::mib::{Mib, Value};
    use std::ops::ControlFlow;
    use std::sync::Mutex;

    /// Tells its server to stop when it is asked.
    struct Stopping(Mutex<Option<PipeWriter>>);

    impl Mib for Stopping {
        fn get(&self, _: &[u32]) -> Option<Value<'_>> {
            self.0.lock().unwrap().take();
            None
        }

        fn walk(&self, _: &[u32], _: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {}
    }

    #[test]
    fn agents_that_are_asked_without_a_pause_stop() {
        let (wake, stop) = io::pipe().unwrap();
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = Arc::new(AgentSocket::bind(bind, true, RECEIVE_BUFFER_LEN).unwrap());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, socket.port().unwrap()));
        let shown = Shown::One(Arc::new(Stopping(Mutex::new(Some(stop)))));
        let access = Arc::new(Access::by_communities(["public"]));
        let agent = Arc::new(Agent::new(address, shown, access, Instant::now()));
        let counters = Arc::<Counters>::default();
        let worker = Worker {
            socket,
            wake: Arc::new(wake),
            audience: Arc::new(Audience {
                by_address: HashMap::new(),
                other: Some(agent),
            }),
            counters: Arc::clone(&counters),
            seed: 0,
        };
        // A GetRequest of SNMPv2c for sysName.0.
        let question = b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x12\x34\x56\x78\
            \x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x05\x00\
            \x05\x00";
        let asker = std::net::UdpSocket::bind(bind).unwrap();
        for _ in 0..100 {
            asker.send_to(question, address).unwrap();
        }
        worker.run();
        let stats = counters.read();
        assert!(
            (1..100).contains(&stats.datagrams_in),
            "{} taken in after it was told to stop",
            stats.datagrams_in
        );
    }
}
