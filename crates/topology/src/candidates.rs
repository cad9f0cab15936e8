//! Addresses that devices have heard of, by ARP, routing protocols or neighbours, and that are no
//! device yet. Whether one is asked is an operator's decision, and not made here.

use model::candidate::{Candidate, CandidateEvidence, Heard};
use model::facts::Facts;
use model::neighbor::{Neighbor, Protocol, RoutingProtocol};
use model::network::Network;
use model::{DeviceId, Timestamp};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// Most candidates: twice the devices that a discovery may find. Beyond it new addresses are left
/// out, and counted.
pub const CANDIDATES_MAX: usize = 20_000;
/// Pieces of evidence that are told of one candidate; a gateway is in everybody's ARP table.
pub const EVIDENCE_MAX: usize = 8;

/// A device and what it has heard.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    /// The device.
    pub device_id: DeviceId,
    /// What people call it.
    pub name: &'a str,
    /// The address it is asked at.
    pub address: IpAddr,
    /// Its other addresses.
    pub addresses: &'a BTreeSet<IpAddr>,
    /// ARP and routing neighbours.
    pub facts: &'a Facts,
    /// LLDP and CDP neighbours.
    pub neighbors: &'a [Neighbor],
}

/// What was gathered.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The candidates, each address once.
    pub candidates: Vec<Candidate>,
    /// Addresses left out because there were [`CANDIDATES_MAX`] already.
    pub left_out: u64,
}

/// Gathers the addresses within the allowed networks that are no device's.
pub fn gather(witnesses: &[Witness<'_>], allowed: &[Network]) -> Gathered {
    let known: HashSet<IpAddr> = witnesses
        .iter()
        .flat_map(|witness| witness.addresses.iter().copied().chain([witness.address]))
        .map(|address| address.to_canonical())
        .collect();
    let mut found: HashMap<IpAddr, Candidate> = HashMap::new();
    let mut left_out = 0;
    for witness in witnesses {
        let mut take = |word: Word<'_>| {
            let address = word.address.to_canonical();
            let may = !known.contains(&address)
                && may_be_a_device(address, witness.address)
                && allowed.iter().any(|network| network.contains(address));
            if !may {
                return;
            }
            let full = found.len() >= CANDIDATES_MAX;
            match found.entry(address) {
                Entry::Vacant(_) if full => left_out += 1,
                Entry::Vacant(place) => {
                    add(place.insert(nothing(address)), witness, &word);
                }
                Entry::Occupied(mut place) => add(place.get_mut(), witness, &word),
            }
        };
        arp(witness, &mut take);
        routing(witness, &mut take);
        neighbors(witness, &mut take);
    }
    let mut candidates: Vec<Candidate> = found.into_values().collect();
    candidates.sort_by_key(|candidate| candidate.address);
    Gathered {
        candidates,
        left_out,
    }
}

/// One mention of an address.
struct Word<'a> {
    address: IpAddr,
    how: Heard,
    interface: Option<&'a str>,
    detail: Option<String>,
    mac: Option<&'a str>,
    name: Option<&'a str>,
    at: Timestamp,
}

fn arp<'a>(witness: &Witness<'a>, take: &mut impl FnMut(Word<'a>)) {
    let at = witness.facts.arp_read_at.unwrap_or_default();
    for row in &witness.facts.arp {
        let Some(address) = row.address else { continue };
        take(Word {
            address,
            how: Heard::Arp,
            interface: row.interface.as_deref(),
            detail: None,
            mac: row.mac.as_deref(),
            name: None,
            at,
        });
    }
}

fn routing<'a>(witness: &Witness<'a>, take: &mut impl FnMut(Word<'a>)) {
    let at = witness.facts.routing_read_at.unwrap_or_default();
    for row in &witness.facts.routing_neighbors {
        let (Some(address), Some(protocol)) = (row.remote_address, row.protocol) else {
            continue;
        };
        let state = row.state.as_deref();
        let (how, detail) = match protocol {
            RoutingProtocol::Ospf => (Heard::Ospf, state.map(|state| format!("OSPF {state}"))),
            RoutingProtocol::Bgp => {
                let peer = row.remote_as.map(|number| format!("AS {number}"));
                let said = [peer.as_deref(), state].into_iter().flatten();
                (Heard::Bgp, Some(said.collect::<Vec<_>>().join(", ")))
            }
        };
        take(Word {
            address,
            how,
            interface: row.local_interface.as_deref(),
            detail,
            mac: None,
            name: None,
            at,
        });
    }
}

fn neighbors<'a>(witness: &Witness<'a>, take: &mut impl FnMut(Word<'a>)) {
    for row in witness.neighbors {
        // One that is a device of ours has another address there than we ask it at.
        let (Some(address), None) = (row.remote_address, row.remote_device_id) else {
            continue;
        };
        take(Word {
            address,
            how: match row.protocol {
                Protocol::Lldp => Heard::Lldp,
                Protocol::Cdp => Heard::Cdp,
                Protocol::Fdp => Heard::Fdp,
            },
            interface: row.local_interface.as_deref(),
            detail: row.remote_platform.clone(),
            mac: None,
            name: row.remote_name.as_deref(),
            at: row.last_seen_at,
        });
    }
}

/// Loopback addresses mean something where their witness is asked on loopback itself, as agents that
/// are simulated are.
fn may_be_a_device(address: IpAddr, told_by: IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let foreign = address.is_loopback() && !told_by.to_canonical().is_loopback();
    !(address.is_unspecified() || address.is_multicast() || local || foreign)
}

fn nothing(address: IpAddr) -> Candidate {
    Candidate {
        address,
        mac: None,
        name: None,
        evidence: Vec::new(),
        seen_by: 0,
        last_seen_at: Timestamp::default(),
        ignored_at: None,
    }
}

fn add(candidate: &mut Candidate, witness: &Witness<'_>, word: &Word<'_>) {
    candidate.seen_by += 1;
    candidate.last_seen_at = candidate.last_seen_at.max(word.at);
    let first = |kept: &mut Option<String>, said: Option<&str>| {
        if kept.is_none() {
            *kept = said.map(str::to_owned);
        }
    };
    first(&mut candidate.mac, word.mac);
    first(&mut candidate.name, word.name);
    candidate.evidence.push(CandidateEvidence {
        device_id: witness.device_id,
        device_name: witness.name.to_owned(),
        how: word.how,
        interface: word.interface.map(str::to_owned),
        detail: word.detail.clone().filter(|detail| !detail.is_empty()),
        seen_at: word.at,
    });
    // The latest first; a word of a protocol says more than ARP.
    candidate
        .evidence
        .sort_by_key(|seen| (seen.how == Heard::Arp, std::cmp::Reverse(seen.seen_at)));
    candidate.evidence.truncate(EVIDENCE_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::facts::{ArpFacts, RoutingNeighborFacts};

    fn heard(arp: &[&str], bgp: &[&str]) -> Facts {
        let address = |text: &&str| text.parse().ok();
        Facts {
            arp: arp
                .iter()
                .map(|text| ArpFacts {
                    address: address(text),
                    mac: Some("02:00:00:00:00:01".to_owned()),
                    interface: Some("eth0".to_owned()),
                })
                .collect(),
            arp_read_at: Some(Timestamp::from_unix_ms(2_000)),
            routing_neighbors: bgp
                .iter()
                .map(|text| RoutingNeighborFacts {
                    protocol: Some(RoutingProtocol::Bgp),
                    remote_address: address(text),
                    remote_as: Some(64_500),
                    state: Some("established".to_owned()),
                    ..RoutingNeighborFacts::default()
                })
                .collect(),
            routing_read_at: Some(Timestamp::from_unix_ms(1_000)),
            ..Facts::default()
        }
    }

    #[test]
    fn what_is_allowed_and_no_device_is_offered_with_who_saw_it() {
        let facts = heard(
            &[
                "192.0.2.9",
                "192.0.2.1",
                "198.51.100.1",
                "127.0.0.9",
                "224.0.0.5",
                "192.0.2.8",
            ],
            &["192.0.2.9"],
        );
        let other = heard(&["192.0.2.9", "192.0.2.2"], &[]);
        let own: BTreeSet<IpAddr> = ["192.0.2.8".parse().unwrap()].into();
        let none = BTreeSet::new();
        let witness = |name, address: &str, addresses, facts| Witness {
            device_id: DeviceId::new(),
            name,
            address: address.parse().unwrap(),
            addresses,
            facts,
            neighbors: &[],
        };
        let witnesses = [
            witness("r1", "192.0.2.1", &own, &facts),
            witness("r2", "192.0.2.2", &none, &other),
        ];
        let allowed: Vec<Network> = ["192.0.2.0/24", "127.0.0.0/8", "224.0.0.0/4"]
            .map(|text| text.parse().unwrap())
            .into();
        let gathered = gather(&witnesses, &allowed);
        let [one] = gathered.candidates.as_slice() else {
            panic!("{gathered:?}");
        };
        assert_eq!(one.address.to_string(), "192.0.2.9");
        assert_eq!((one.seen_by, one.last_seen_at.unix_ms()), (3, 2_000));
        assert_eq!(one.mac.as_deref(), Some("02:00:00:00:00:01"));
        let how: Vec<_> = one
            .evidence
            .iter()
            .map(|seen| (seen.device_name.as_str(), seen.how, seen.detail.as_deref()))
            .collect();
        let said = Some("AS 64500, established");
        assert_eq!(
            how,
            [
                ("r1", Heard::Bgp, said),
                ("r1", Heard::Arp, None),
                ("r2", Heard::Arp, None)
            ]
        );
        assert!(gather(&witnesses, &[]).candidates.is_empty());
    }

    #[test]
    fn there_is_a_bound() {
        let addresses: Vec<String> = (0..CANDIDATES_MAX + 5)
            .map(|n| format!("10.1.{}.{}", n / 256, n % 256))
            .collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let (facts, none) = (heard(&addresses, &[]), BTreeSet::new());
        let witness = Witness {
            device_id: DeviceId::new(),
            name: "r1",
            address: "10.0.0.1".parse().unwrap(),
            addresses: &none,
            facts: &facts,
            neighbors: &[],
        };
        let gathered = gather(&[witness], &["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(gathered.candidates.len(), CANDIDATES_MAX);
        assert_eq!(gathered.left_out, 5);
    }
}
