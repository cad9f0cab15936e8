//! SNMP agents: a simulated device's side of the wire. What they answer from is a [`Mib`]; how they
//! misbehave is a [`Behaviour`], switched while they run.
//!
//! An agent is a function: [`Responder::respond`] makes an answer of a datagram, without a socket.
//! [`serve`] puts thousands of them behind one socket. Begin with [`Agent`].
//!
//! Everything is read-only, and nothing is sent unasked: no SetRequest is obeyed, and there are no
//! traps.

mod access;
mod answer;
mod behaviour;
mod ber;
mod engine;
mod message;
mod names;
mod respond;
mod serve;
mod socket;
mod stats;
mod usm;
mod v3;

pub use access::{Access, User, UserError};
pub use behaviour::{Behaviour, DELAY_MAX};
pub(crate) use engine::BOOTS_MAX;
pub use engine::{Engine, EngineId, EngineIdError};
pub use respond::Responder;
pub use serve::{ServeError, ServeOptions, Server, serve};
pub use stats::Stats;

use crate::mib::Mib;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use usm::Security;

/// Longest answer unless said otherwise: what fits an Ethernet frame with IPv4 and UDP, as agents of
/// network devices do. Source: RFC 3417 section 3.2.1 (1472 octets are recommended).
pub const MESSAGE_LEN_DEFAULT: usize = 1472;
/// Shortest longest answer: every SNMP engine takes 484 octets. Source: RFC 3417 section 3.2.1.
pub const MESSAGE_LEN_MIN: usize = 484;
/// Longest answer there can be: the payload of a UDP datagram over IPv4.
pub const MESSAGE_LEN_MAX: usize = 65_507;

/// One agent: where it is, what it shows, and to whom.
// Invariant: `message_len_max` is between MESSAGE_LEN_MIN and MESSAGE_LEN_MAX.
pub struct Agent {
    address: SocketAddr,
    shown: Shown,
    access: Arc<Access>,
    engine: Engine,
    security: Security,
    behaviour: Arc<Behaviour>,
    message_len_max: usize,
}

/// What an agent shows.
pub enum Shown {
    /// One [`Mib`], to everyone who has access, in the default context.
    One(Arc<dyn Mib>),
    /// One of many: the community (v1, v2c) or the context (v3) picks it by name. Of two with one
    /// name either is shown.
    ByName(Vec<(String, Arc<dyn Mib>)>),
}

impl Agent {
    /// An agent at `address` with an engine id made of it, booted at `now` for the first time.
    pub fn new(address: SocketAddr, shown: Shown, access: Arc<Access>, now: Instant) -> Self {
        let shown = match shown {
            Shown::ByName(mut named) => {
                named.sort_by(|(one, _), (other, _)| one.cmp(other));
                Shown::ByName(named)
            }
            one @ Shown::One(_) => one,
        };
        Self {
            address,
            shown,
            security: Security::new(&access),
            access,
            engine: Engine::new(EngineId::of_address(address), 1, now),
            behaviour: Arc::default(),
            message_len_max: MESSAGE_LEN_DEFAULT,
        }
    }

    /// The same with another engine.
    #[must_use]
    pub fn with_engine(self, engine: Engine) -> Self {
        // Keys belong to an engine id.
        let security = Security::new(&self.access);
        Self {
            engine,
            security,
            ..self
        }
    }

    /// The same with a behaviour that others hold too.
    #[must_use]
    pub fn with_behaviour(self, behaviour: Arc<Behaviour>) -> Self {
        Self { behaviour, ..self }
    }

    /// The same with answers of at most so many octets, confined to what SNMP allows.
    #[must_use]
    pub fn with_message_len_max(self, octets: usize) -> Self {
        Self {
            message_len_max: octets.clamp(MESSAGE_LEN_MIN, MESSAGE_LEN_MAX),
            ..self
        }
    }

    /// Where it is asked; port 0 is any free port, see [`Server::address`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its engine: id, boots and time.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How it misbehaves.
    pub fn behaviour(&self) -> &Arc<Behaviour> {
        &self.behaviour
    }

    /// What is shown to who asks with this community; none where it is unknown.
    fn by_community(&self, community: &[u8]) -> Option<&dyn Mib> {
        match &self.shown {
            Shown::One(mib) => self.access.admits(community).then_some(&**mib),
            Shown::ByName(named) => by_name(named, community),
        }
    }

    /// What is shown in this context; none where there is no such.
    fn by_context(&self, context: &[u8]) -> Option<&dyn Mib> {
        match &self.shown {
            Shown::One(mib) => context.is_empty().then_some(&**mib),
            Shown::ByName(named) => by_name(named, context),
        }
    }
}

fn by_name<'a>(named: &'a [(String, Arc<dyn Mib>)], name: &[u8]) -> Option<&'a dyn Mib> {
    let found = named.binary_search_by(|(known, _)| known.as_bytes().cmp(name));
    found
        .ok()
        .and_then(|at| named.get(at))
        .map(|(_, mib)| &**mib)
}
