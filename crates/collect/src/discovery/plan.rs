//! A request for a discovery, checked: what to ask first, how, and how far it may go. Pure.

use super::target::{Range, Target, TargetTextError, allowed_network};
use crate::profile::Profiles;
use model::CredentialId;
use model::discovery::{CREDENTIALS_MAX, DiscoveryRequest, HOPS_MAX, Method, TARGETS_MAX};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Addresses that a request may state: a whole /16. At the usual pace that is a quarter of an hour.
pub const ADDRESSES_MAX: u128 = 65_536;

/// A request that can be run.
#[derive(Clone)]
// Invariant: not empty, and within the bounds above.
pub struct DiscoveryPlan {
    pub(super) targets: Vec<Target>,
    pub(super) icmp: bool,
    pub(super) snmp: bool,
    pub(super) neighbors: bool,
    pub(super) credentials: Vec<Candidate>,
    pub(super) allowed: Allowed,
    pub(super) port: u16,
    pub(super) hops_max: u8,
    /// What is known of makes of devices; the embedded ones unless others are given.
    pub profiles: Profiles,
}

/// A credential to try.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) id: Option<CredentialId>,
    pub(super) credentials: Arc<snmp::Credentials>,
}

/// What is wrong with a request, and where. `field` and `index` make a JSON pointer, see
/// [`TargetError::pointer`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", self.pointer())]
pub struct TargetError {
    /// The field of the request, as `targets`.
    pub field: &'static str,
    /// Which element of the field, from 0; none where the field as a whole is wrong.
    pub index: Option<usize>,
    /// What is wrong with it.
    pub reason: TargetReason,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetReason {
    /// Nothing to do.
    #[error("at least one is needed")]
    Empty,
    /// More than can be carried.
    #[error("there are more than {max}")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// An element that cannot be read.
    #[error(transparent)]
    Text(#[from] TargetTextError),
    /// Too many addresses in all targets up to this one.
    #[error("the targets hold more than {ADDRESSES_MAX} addresses; name smaller networks")]
    TooManyAddresses,
    /// Deeper than is allowed.
    #[error("{hops} hops are more than {HOPS_MAX}")]
    TooDeep {
        /// As asked for.
        hops: u8,
    },
    /// Port 0.
    #[error("0 is not a port")]
    Port,
    /// SNMP without anything to ask with.
    #[error("SNMP needs at least one credential")]
    NoCredential,
    /// Neighbours are read by SNMP.
    #[error("following neighbours needs the method snmp")]
    NeighborsWithoutSnmp,
}

impl TargetError {
    /// Where in the request it is, as a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        match self.index {
            Some(index) => format!("/{}/{index}", self.field),
            None => format!("/{}", self.field),
        }
    }
}

impl DiscoveryPlan {
    /// Checks a request. `credentials` are those that it names, in its order; without an id where
    /// they were given on a command line.
    pub fn parse(
        request: &DiscoveryRequest,
        credentials: Vec<(Option<CredentialId>, snmp::Credentials)>,
    ) -> Result<Self, TargetError> {
        let wrong = |field, index, reason| {
            Err(TargetError {
                field,
                index,
                reason,
            })
        };
        let uses = |method| request.methods.contains(&method);
        if request.methods.is_empty() {
            return wrong("methods", None, TargetReason::Empty);
        }
        if uses(Method::Snmp) && credentials.is_empty() {
            return wrong("credential_ids", None, TargetReason::NoCredential);
        }
        if uses(Method::Neighbors) && !uses(Method::Snmp) {
            return wrong("methods", None, TargetReason::NeighborsWithoutSnmp);
        }
        if credentials.len() > CREDENTIALS_MAX {
            let max = CREDENTIALS_MAX;
            return wrong("credential_ids", None, TargetReason::TooMany { max });
        }
        if request.max_hops > HOPS_MAX {
            let hops = request.max_hops;
            return wrong("max_hops", None, TargetReason::TooDeep { hops });
        }
        if request.port == 0 {
            return wrong("port", None, TargetReason::Port);
        }
        let targets = targets(&request.targets)?;
        let mut allowed = Allowed(targets.iter().filter_map(own_network).collect());
        allowed.0.extend(networks(&request.allowed_networks)?);
        Ok(Self {
            profiles: Profiles::default(),
            targets,
            icmp: uses(Method::Icmp),
            snmp: uses(Method::Snmp),
            neighbors: uses(Method::Neighbors),
            credentials: credentials
                .into_iter()
                .map(|(id, credentials)| Candidate {
                    id,
                    credentials: Arc::new(credentials),
                })
                .collect(),
            allowed,
            port: request.port,
            hops_max: request.max_hops,
        })
    }

    /// Addresses that the targets state, host names not counted.
    pub fn addresses_stated(&self) -> u64 {
        let all: u128 = self.targets.iter().map(len).sum();
        // At most ADDRESSES_MAX, checked when it was made.
        u64::try_from(all).unwrap_or(u64::MAX)
    }
}

/// Where a run may go: its targets, and what the operator allowed besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed(Vec<Range>);

impl Allowed {
    /// Whether an address may be asked.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }

    /// Allows what the name of a target stands for.
    pub(super) fn add(&mut self, address: IpAddr) {
        self.0.push(Range::single(address));
    }
}

fn targets(texts: &[String]) -> Result<Vec<Target>, TargetError> {
    let at = |index, reason| TargetError {
        field: "targets",
        index,
        reason,
    };
    if texts.is_empty() {
        return Err(at(None, TargetReason::Empty));
    }
    if texts.len() > TARGETS_MAX {
        return Err(at(None, TargetReason::TooMany { max: TARGETS_MAX }));
    }
    let mut all = 0u128;
    let mut targets = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let target: Target = text
            .parse()
            .map_err(|e: TargetTextError| at(Some(index), e.into()))?;
        all = all.saturating_add(len(&target));
        if all > ADDRESSES_MAX {
            return Err(at(Some(index), TargetReason::TooManyAddresses));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn networks(texts: &[String]) -> Result<Vec<Range>, TargetError> {
    let at = |index, reason| TargetError {
        field: "allowed_networks",
        index,
        reason,
    };
    if texts.len() > TARGETS_MAX {
        return Err(at(None, TargetReason::TooMany { max: TARGETS_MAX }));
    }
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| allowed_network(text).map_err(|e| at(Some(index), e.into())))
        .collect()
}

fn len(target: &Target) -> u128 {
    match target {
        Target::Range(range) => range.len(),
        Target::Address { .. } => 1,
        Target::Host { .. } => 0,
    }
}

fn own_network(target: &Target) -> Option<Range> {
    match target {
        Target::Range(range) => Some(*range),
        Target::Address { address, .. } => Some(Range::single(*address)),
        Target::Host { .. } => None,
    }
}

/// What a target stands for, but for a name: each address with its port.
pub(super) fn agents(target: &Target, port: u16) -> impl Iterator<Item = SocketAddr> + use<> {
    let (range, port) = match target {
        Target::Range(range) => (Some(*range), port),
        Target::Address { address, port: own } => {
            (Some(Range::single(*address)), own.unwrap_or(port))
        }
        Target::Host { .. } => (None, port),
    };
    range
        .into_iter()
        .flat_map(Range::addresses)
        .map(move |address| SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(targets: &[&str], allowed: &[&str]) -> DiscoveryRequest {
        let own = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        DiscoveryRequest {
            targets: own(targets),
            methods: vec![Method::Icmp, Method::Snmp, Method::Neighbors],
            credential_ids: Vec::new(),
            allowed_networks: own(allowed),
            port: 161,
            max_hops: 8,
            register: true,
        }
    }

    fn public() -> Vec<(Option<CredentialId>, snmp::Credentials)> {
        vec![(None, snmp::Credentials::v2c("public"))]
    }

    fn refused(request: &DiscoveryRequest, pointer: &str, why: &str) {
        let error = DiscoveryPlan::parse(request, public()).err().unwrap();
        assert_eq!(error.pointer(), pointer, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }

    #[test]
    fn errors_point_at_the_field() {
        refused(&request(&[], &[]), "/targets", "at least one");
        refused(
            &request(&["192.0.2.1", "x y"], &[]),
            "/targets/1",
            "neither",
        );
        refused(&request(&["10.0.0.0/15"], &[]), "/targets/0", "65536");
        refused(
            &request(&["10.0.0.0/17", "10.1.0.0/16"], &[]),
            "/targets/1",
            "65536",
        );
        refused(&request(&["2001:db8::/64"], &[]), "/targets/0", "65536");
        refused(
            &request(&["a"], &["10.0.0.0/8", "b"]),
            "/allowed_networks/1",
            "not a CIDR",
        );
        refused(
            &request(&vec!["a"; TARGETS_MAX + 1], &[]),
            "/targets",
            "more than 1024",
        );
        let good = || request(&["192.0.2.1"], &[]);
        refused(
            &DiscoveryRequest {
                max_hops: 9,
                ..good()
            },
            "/max_hops",
            "9 hops",
        );
        refused(&DiscoveryRequest { port: 0, ..good() }, "/port", "0 is not");
        refused(
            &DiscoveryRequest {
                methods: vec![],
                ..good()
            },
            "/methods",
            "at least one",
        );
        let methods = vec![Method::Neighbors];
        refused(
            &DiscoveryRequest { methods, ..good() },
            "/methods",
            "needs the method snmp",
        );
        let error = DiscoveryPlan::parse(&good(), Vec::new()).err().unwrap();
        assert_eq!(error.pointer(), "/credential_ids");
        let methods = vec![Method::Icmp];
        let icmp_only = DiscoveryRequest { methods, ..good() };
        assert!(DiscoveryPlan::parse(&icmp_only, Vec::new()).is_ok());
    }

    #[test]
    fn targets_and_allowed_networks_bound_the_run() {
        let request = request(
            &["192.0.2.0/29", "192.0.2.20:1161", "[2001:db8::1]:1161"],
            &["10.0.0.0/8", "2001:db8:1::/48"],
        );
        let plan = DiscoveryPlan::parse(&request, public()).unwrap();
        assert_eq!(plan.addresses_stated(), 8);
        for (address, inside) in [
            ("192.0.2.1", true),
            ("192.0.2.20", true),
            ("192.0.2.21", false),
            ("10.200.0.1", true),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("2001:db8:1:ffff::7", true),
            ("127.0.0.1", false),
        ] {
            assert_eq!(
                plan.allowed.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
        let agents: Vec<String> = plan
            .targets
            .iter()
            .flat_map(|t| agents(t, plan.port))
            .map(|a| a.to_string())
            .collect();
        assert_eq!(agents.len(), 8);
        assert_eq!(agents[0], "192.0.2.1:161");
        assert_eq!(agents[6..], ["192.0.2.20:1161", "[2001:db8::1]:1161"]);
    }
}
