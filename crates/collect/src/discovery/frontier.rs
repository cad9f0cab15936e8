//! Which addresses of a run are still to be asked, and which were. Pure.
//!
//! Each agent is asked once. Targets come first, then neighbours in the order they were heard of,
//! and a neighbour only where the run may go.

use super::plan::Allowed;
use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// Neighbours that a run takes up. Far more than [`super::DEVICES_MAX`] devices have, so only lies
/// are left out.
const NEIGHBORS_MAX: usize = 50_000;

/// An agent to ask, and how we came by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) agent: SocketAddr,
    pub(super) via: String,
    /// 0 for a target.
    pub(super) hops: u8,
    /// Whether it is reported even where it is silent.
    pub(super) named: bool,
}

/// What became of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It will be asked.
    New,
    /// It was asked or waits to be.
    Known,
    /// The run may not go there.
    NotAllowed,
    /// There are too many.
    Full,
}

/// What is still to be asked.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    waiting: VecDeque<Lead>,
    // Invariant: every agent that waits or waited.
    met: HashSet<SocketAddr>,
    neighbors: usize,
}

impl Frontier {
    /// Takes up a target.
    pub(super) fn target(&mut self, agent: SocketAddr, via: &str, named: bool) {
        if self.met.insert(agent) {
            self.waiting.push_back(Lead {
                agent,
                via: via.to_owned(),
                hops: 0,
                named,
            });
        }
    }

    /// Takes up the neighbour `address` that the agent of `from` told of, by its name `who`.
    pub(super) fn neighbor(
        &mut self,
        from: &Lead,
        who: &str,
        address: IpAddr,
        port: u16,
        allowed: &Allowed,
    ) -> Taken {
        let address = address.to_canonical();
        let agent = SocketAddr::new(address, port);
        // A loopback address in a neighbour table is the neighbour's own, never one of ours,
        // unless we asked on loopback ourselves.
        let foreign_loopback = address.is_loopback() && !from.agent.ip().is_loopback();
        if !allowed.contains(address) || foreign_loopback {
            return Taken::NotAllowed;
        }
        if self.met.contains(&agent) {
            return Taken::Known;
        }
        if self.neighbors >= NEIGHBORS_MAX {
            return Taken::Full;
        }
        self.neighbors += 1;
        self.met.insert(agent);
        self.waiting.push_back(Lead {
            agent,
            via: format!("neighbour of {who}"),
            hops: from.hops.saturating_add(1),
            named: true,
        });
        Taken::New
    }

    /// The next to ask.
    pub(super) fn next(&mut self) -> Option<Lead> {
        self.waiting.pop_front()
    }

    /// How many agents there are, asked or not.
    pub(super) fn total(&self) -> u64 {
        self.met.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::target::allowed_network;

    fn allowed(networks: &[&str]) -> Allowed {
        let mut allowed = Allowed::default();
        for network in networks {
            for address in allowed_network(network).unwrap().addresses() {
                allowed.add(address);
            }
        }
        allowed
    }

    #[test]
    fn each_is_asked_once_and_only_where_allowed() {
        let allowed = allowed(&["192.0.2.0/28", "127.0.0.0/29"]);
        let mut frontier = Frontier::default();
        frontier.target("192.0.2.1:161".parse().unwrap(), "192.0.2.1", true);
        frontier.target("192.0.2.1:161".parse().unwrap(), "again", true);
        let seed = frontier.next().unwrap();
        assert_eq!(frontier.next(), None);
        for (address, expected) in [
            ("192.0.2.2", Taken::New),
            ("192.0.2.2", Taken::Known),
            ("::ffff:192.0.2.2", Taken::Known),
            ("192.0.2.1", Taken::Known),
            ("198.51.100.1", Taken::NotAllowed),
            ("127.0.0.1", Taken::NotAllowed),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let taken = frontier.neighbor(&seed, "r1", address, 161, &allowed);
            assert_eq!(taken, expected, "{address}");
        }
        let second = frontier.next().unwrap();
        assert_eq!((second.hops, second.via.as_str()), (1, "neighbour of r1"));
        assert_eq!(frontier.total(), 2);
    }

    #[test]
    fn a_lying_table_fills_a_bound_and_no_more() {
        let mut allowed = Allowed::default();
        allowed.add("10.0.0.1".parse().unwrap());
        let everything = allowed_network("10.0.0.0/8").unwrap();
        let all = super::super::plan::DiscoveryPlan::parse(
            &model::discovery::DiscoveryRequest {
                targets: vec!["10.0.0.1".to_owned()],
                methods: vec![model::discovery::Method::Icmp],
                credential_ids: Vec::new(),
                allowed_networks: vec!["10.0.0.0/8".to_owned()],
                port: 161,
                max_hops: 8,
                register: false,
            },
            Vec::new(),
        )
        .unwrap()
        .allowed;
        let mut frontier = Frontier::default();
        frontier.target("10.0.0.1:161".parse().unwrap(), "10.0.0.1", true);
        let seed = frontier.next().unwrap();
        let full = everything
            .addresses()
            .skip(1)
            .take(NEIGHBORS_MAX + 10)
            .filter(|a| frontier.neighbor(&seed, "liar", *a, 161, &all) == Taken::Full)
            .count();
        assert_eq!(full, 10);
        assert_eq!(frontier.total(), NEIGHBORS_MAX as u64 + 1);
    }
}
