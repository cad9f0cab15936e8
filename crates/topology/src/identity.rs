//! Which device an answer came from.
//!
//! In order of strength: SNMP engine id, serial, LLDP chassis id, base MAC, and sysName together
//! with interface MACs. A device is the same where the strongest identity that both state agrees
//! and none that both state disagrees. Where some agree and others disagree, the two are kept
//! apart and the disagreement is reported: merging two devices mixes their histories for good,
//! keeping one twice is mended by a click. Addresses are no identity: they are only used for a
//! device of which nothing else is known yet, and to know a device whose agent was installed anew
//! (see [`standing`]).
//!
//! Interfaces have rules of their own, in [`crate::interfaces`].

pub mod standing;

use crate::usable;
use model::DeviceId;
use model::device::Identity;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

/// Which device was met, and why we say so in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A device that we know.
    Same {
        /// Which.
        device_id: DeviceId,
        /// Which identity agreed.
        reason: String,
    },
    /// A device that we did not know.
    New {
        /// What was looked at.
        reason: String,
    },
    /// Something agrees with a known device and something else says it is another one: kept apart.
    Conflict {
        /// The device it agrees with in part.
        with: DeviceId,
        /// What agrees and what does not.
        reason: String,
    },
}

impl Resolution {
    /// The sentence.
    pub fn reason(&self) -> &str {
        match self {
            Self::Same { reason, .. } | Self::New { reason } | Self::Conflict { reason, .. } => {
                reason
            }
        }
    }
}

/// Of the interface MACs of the smaller set, how many must be shared for sysName to count: 1 in 2.
/// Fewer would let two virtual machines that share one bridge's MAC pass for one.
const SHARED_MACS_DIVISOR: usize = 2;

/// Resolves the identity met at `address` against the devices that we know. Who resolves many
/// makes an [`Index`] once.
pub fn resolve(
    known: &[(DeviceId, &Identity, SocketAddr)],
    met: &Identity,
    address: SocketAddr,
) -> Resolution {
    let mut index = Index::default();
    for (device_id, identity, at) in known {
        index.insert(*device_id, identity, *at);
    }
    index.resolve(met, address)
}

/// Known devices by everything that may identify them, so that a discovery of many devices does
/// not compare each with all.
#[derive(Default)]
pub struct Index {
    known: Vec<(DeviceId, Comparable, SocketAddr)>,
    /// Positions in `known`.
    by_value: HashMap<(usize, String), Vec<usize>>,
    by_address: HashMap<SocketAddr, Vec<usize>>,
}

impl Index {
    /// Adds a device. Of a device added twice both identities are known.
    pub fn insert(&mut self, device_id: DeviceId, identity: &Identity, address: SocketAddr) {
        let comparable = Comparable::of(identity);
        let position = self.known.len();
        for key in comparable.keys() {
            self.by_value.entry(key).or_default().push(position);
        }
        self.by_address.entry(address).or_default().push(position);
        self.known.push((device_id, comparable, address));
    }

    /// Resolves the identity met at `address`.
    pub fn resolve(&self, met: &Identity, address: SocketAddr) -> Resolution {
        let met = Comparable::of(met);
        let mut candidates: BTreeSet<usize> = self
            .by_address
            .get(&address)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for key in met.keys() {
            candidates.extend(self.by_value.get(&key).into_iter().flatten());
        }
        let candidates = candidates
            .into_iter()
            .filter_map(|position| self.known.get(position));
        let mut same: Option<(usize, DeviceId, String)> = None;
        let mut conflict: Option<(usize, DeviceId, String)> = None;
        for (device_id, known, at) in candidates {
            let Some((rank, verdict)) = met.verdict(known, *at == address) else {
                continue;
            };
            let (slot, reason) = match verdict {
                Verdict::Same(reason) | Verdict::Renewed(reason) => (&mut same, reason),
                Verdict::Differs { agrees, unlike } => {
                    (&mut conflict, format!("{agrees}, but {unlike}"))
                }
            };
            if slot.as_ref().is_none_or(|(best, ..)| rank < *best) {
                *slot = Some((rank, *device_id, reason));
            }
        }
        match (same, conflict) {
            (Some((_, device_id, reason)), _) => Resolution::Same {
                device_id,
                reason: format!("the same device: {reason}"),
            },
            (None, Some((_, with, reason))) => Resolution::Conflict {
                with,
                reason: format!("kept apart: {reason}"),
            },
            (None, None) => Resolution::New {
                reason: met.new_because(),
            },
        }
    }
}

/// An identity with what does not identify left out, in a form to compare.
struct Comparable {
    /// Engine id, serial, chassis id, base MAC, in that order.
    strong: [(&'static str, Option<String>); NAME_WITH_MACS],
    name: Option<String>,
    macs: BTreeSet<String>,
}

/// Whether one device is another that is known, and why.
enum Verdict {
    /// It is.
    Same(String),
    /// It is, and something changed of it that may change.
    Renewed(String),
    /// They agree in part at most.
    Differs {
        /// What agrees.
        agrees: String,
        /// What does not.
        unlike: String,
    },
}

/// What agrees and what differs, strongest first, each with its rank and in words.
#[derive(Default)]
struct Comparison {
    agrees: Vec<(usize, String)>,
    differs: Vec<(usize, String)>,
}

/// Ranks of what one device at one address may change together, while its sysName and interface
/// MACs stay. An agent that is installed anew makes itself an engine id. The chassis id of LLDP and
/// the MAC of a bridge in software follow ports that come and go. A serial number never changes.
const RENEWABLE: &[&[usize]] = &[&[ENGINE_ID], &[CHASSIS_ID, BASE_MAC]];
const ENGINE_ID: usize = 0;
const CHASSIS_ID: usize = 2;
const BASE_MAC: usize = 3;
/// Rank of sysName with interface MACs.
const NAME_WITH_MACS: usize = 4;

impl Comparison {
    /// Whether sysName and MACs agree, and all that differs is what may change.
    fn is_renewed(&self) -> bool {
        let machine_agrees = self.agrees.iter().any(|(rank, _)| *rank == NAME_WITH_MACS);
        let may_change = |ranks: &&[usize]| self.differs.iter().all(|(r, _)| ranks.contains(r));
        machine_agrees && RENEWABLE.iter().any(may_change)
    }
}

impl Comparable {
    fn of(identity: &Identity) -> Self {
        let field = |value: &Option<String>, usable: fn(&str) -> Option<String>| {
            value.as_deref().and_then(usable)
        };
        Self {
            strong: [
                (
                    "SNMP engine id",
                    field(&identity.engine_id, usable::engine_id),
                ),
                ("serial number", field(&identity.serial, usable::serial)),
                (
                    "LLDP chassis id",
                    field(&identity.chassis_id, usable::chassis_id),
                ),
                ("base MAC", field(&identity.base_mac, usable::mac)),
            ],
            name: field(&identity.sys_name, usable::name),
            macs: identity
                .interface_macs
                .iter()
                .filter_map(|mac| usable::interface_mac(mac))
                .collect(),
        }
    }

    /// Everything by which a device that is the same, or in conflict, may be found.
    fn keys(&self) -> Vec<(usize, String)> {
        let strong = self.strong.iter().enumerate();
        let strong = strong.filter_map(|(rank, (_, value))| Some((rank, value.clone()?)));
        strong
            .chain(self.name.clone().map(|name| (NAME_WITH_MACS, name)))
            .collect()
    }

    /// Whether we are the known device, with how strong what agrees is; none where nothing agrees.
    fn verdict(&self, known: &Self, same_address: bool) -> Option<(usize, Verdict)> {
        let comparison = self.compare(known);
        Some(
            match (comparison.agrees.first(), comparison.differs.first()) {
                (Some((rank, what)), None) => (*rank, Verdict::Same(format!("{what} agrees"))),
                (Some((rank, what)), Some((_, unlike)))
                    if same_address && comparison.is_renewed() =>
                {
                    let reason = format!("{what} agrees at its address; {unlike}");
                    (*rank, Verdict::Renewed(reason))
                }
                (Some((rank, what)), Some((_, unlike))) => {
                    let (agrees, unlike) = (format!("{what} agrees"), unlike.clone());
                    (*rank, Verdict::Differs { agrees, unlike })
                }
                (None, Some((rank, unlike))) if same_address => {
                    let agrees = "registered at this address".to_owned();
                    let unlike = unlike.clone();
                    (*rank, Verdict::Differs { agrees, unlike })
                }
                (None, None) if same_address => {
                    let reason = "registered at this address, and nothing it states disagrees";
                    (usize::MAX, Verdict::Same(reason.to_owned()))
                }
                (None, _) => return None,
            },
        )
    }

    fn compare(&self, other: &Self) -> Comparison {
        let mut comparison = Comparison::default();
        for (rank, ((what, mine), (_, theirs))) in self.strong.iter().zip(&other.strong).enumerate()
        {
            if let (Some(mine), Some(theirs)) = (mine, theirs) {
                if mine == theirs {
                    comparison.agrees.push((rank, format!("{what} {mine}")));
                } else {
                    let text = format!("{what} {theirs} was known, {mine} is said here");
                    comparison.differs.push((rank, text));
                }
            }
        }
        let rank = NAME_WITH_MACS;
        let shared = self.macs.intersection(&other.macs).count();
        let fewer = self.macs.len().min(other.macs.len());
        if let (Some(mine), Some(theirs)) = (&self.name, &other.name)
            && mine == theirs
            && shared > 0
            && shared * SHARED_MACS_DIVISOR >= fewer
        {
            comparison
                .agrees
                .push((rank, format!("sysName {mine} with {shared} interface MACs")));
        }
        // A cloned machine keeps engine id and serial; its name and its MACs give it away.
        if let (Some(mine), Some(theirs)) = (&self.name, &other.name)
            && mine != theirs
            && fewer > 0
            && shared == 0
        {
            let text = format!(
                "sysName {theirs} was known, {mine} is said here, with every interface MAC another"
            );
            comparison.differs.push((rank, text));
        }
        comparison
    }

    fn new_because(&self) -> String {
        let stated = self
            .strong
            .iter()
            .find_map(|(what, value)| value.as_ref().map(|value| format!("{what} {value}")));
        match (stated, &self.name) {
            (Some(stated), _) => format!("a new device: no known device has {stated}"),
            (None, Some(name)) => {
                format!("a new device: it states only sysName {name}, which proves no identity")
            }
            (None, None) => "a new device: it states nothing that identifies it".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
