//! What an operator may write as the target of a discovery, and the addresses that it stands for.
//! Pure: a host's name is taken as it is and resolved by [`super::run`].

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Longest text of a target: a host name of 253 octets (RFC 1035 section 2.3.4) and a port.
const TARGET_LEN_MAX: usize = 260;
/// Longest label of a host name (RFC 1035 section 2.3.4).
const LABEL_LEN_MAX: usize = 63;

/// A target: one host, or all addresses from one to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A name to be resolved.
    Host {
        /// The name.
        name: String,
        /// UDP port of the agent, where it was given.
        port: Option<u16>,
    },
    /// A single address.
    Address {
        /// The address.
        address: IpAddr,
        /// UDP port of the agent, where it was given.
        port: Option<u16>,
    },
    /// A CIDR or a range.
    Range(Range),
}

/// Addresses from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Invariant: first <= last, of one family.
pub struct Range {
    first: IpAddr,
    last: IpAddr,
}

/// Why a text is no target. Display is the sentence that an operator reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetTextError {
    /// Nothing there.
    #[error("it is empty; a CIDR, a range or a host is expected")]
    Empty,
    /// Too long to be anything.
    #[error("it is longer than {TARGET_LEN_MAX} characters")]
    TooLong,
    /// Something with a slash that is no CIDR.
    #[error("`{text}` is not a CIDR, as 192.0.2.0/24 or 2001:db8::/120")]
    Cidr {
        /// The text.
        text: String,
    },
    /// A range whose end is not an address.
    #[error("`{text}` ends no range; a whole address is expected, as 192.0.2.10-192.0.2.40")]
    RangeEnd {
        /// The text behind the dash.
        text: String,
    },
    /// A range that mixes IPv4 and IPv6.
    #[error("the range begins in one address family and ends in the other")]
    MixedFamilies,
    /// A range that goes backwards.
    #[error("the range ends before it begins ({first} is after {last})")]
    Backwards {
        /// As written.
        first: IpAddr,
        /// As written.
        last: IpAddr,
    },
    /// A port that is none.
    #[error("`{text}` is not a port from 1 to 65535")]
    Port {
        /// The text.
        text: String,
    },
    /// A port behind a network.
    #[error("a port goes with a single host only; use `port` for all targets")]
    PortOfMany,
    /// An address that no single device has.
    #[error("{address} is not the address of a device")]
    NotADevice {
        /// The address.
        address: IpAddr,
    },
    /// An IPv6 zone, as in fe80::1%eth0.
    #[error("`{text}` names a zone; addresses with a zone are not supported")]
    Zone {
        /// The text.
        text: String,
    },
    /// Neither an address nor a name.
    #[error("`{text}` is neither an address nor a host name")]
    Name {
        /// The text.
        text: String,
    },
}

impl FromStr for Target {
    type Err = TargetTextError;

    fn from_str(text: &str) -> Result<Self, TargetTextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetTextError::Empty);
        }
        if text.len() > TARGET_LEN_MAX {
            return Err(TargetTextError::TooLong);
        }
        if text.contains('/') {
            return network(text).map(Self::Range);
        }
        if let Some((first, last)) = text.split_once('-')
            && let Ok(first) = first.trim().parse::<IpAddr>()
        {
            return range(first, last.trim()).map(Self::Range);
        }
        host(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port: None } => f.write_str(name),
            Self::Host {
                name,
                port: Some(port),
            } => write!(f, "{name}:{port}"),
            Self::Address {
                address,
                port: None,
            } => address.fmt(f),
            Self::Address {
                address,
                port: Some(port),
            } => SocketAddr::new(*address, *port).fmt(f),
            Self::Range(range) => write!(f, "{}-{}", range.first, range.last),
        }
    }
}

impl Range {
    /// One address.
    pub fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            first: address,
            last: address,
        }
    }

    /// How many addresses it has; held at the greatest number for the whole of IPv6.
    pub fn len(&self) -> u128 {
        number(self.last)
            .saturating_sub(number(self.first))
            .saturating_add(1)
    }

    /// Never; a range has one address at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether it has this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// Its addresses, in order.
    pub fn addresses(self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.first.is_ipv4();
        (number(self.first)..=number(self.last)).map(move |n| {
            if v4 {
                // Within the 32 bits of an IPv4 address, as both ends are.
                IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(n).unwrap_or(u32::MAX)))
            } else {
                IpAddr::V6(Ipv6Addr::from_bits(n))
            }
        })
    }
}

/// A network that neighbours may be followed into: a CIDR, a range or one address, without a port.
/// Unlike a target it may be of any size.
pub fn allowed_network(text: &str) -> Result<Range, TargetTextError> {
    match text.parse::<Target>()? {
        Target::Range(range) => Ok(range),
        Target::Address {
            address,
            port: None,
        } => Ok(Range::single(address)),
        Target::Address { .. } => Err(TargetTextError::PortOfMany),
        Target::Host { name, .. } => Err(TargetTextError::Cidr { text: name }),
    }
}

/// The hosts of a CIDR: all but the network's own and the broadcast address of an IPv4 network of
/// more than two (RFC 3021 for /31).
fn network(text: &str) -> Result<Range, TargetTextError> {
    let wrong = || TargetTextError::Cidr {
        text: text.to_owned(),
    };
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    if prefix.contains([':', ']']) {
        return Err(TargetTextError::PortOfMany);
    }
    zone(address)?;
    let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
    let prefix: u8 = prefix.trim().parse().map_err(|_| wrong())?;
    let network = IpNet::new(address, prefix).map_err(|_| wrong())?.trunc();
    let (mut first, mut last) = (network.network(), network.broadcast());
    if let (IpAddr::V4(lowest), IpAddr::V4(highest)) = (first, last)
        && prefix < 31
    {
        first = Ipv4Addr::from_bits(lowest.to_bits().saturating_add(1)).into();
        last = Ipv4Addr::from_bits(highest.to_bits().saturating_sub(1)).into();
    }
    if first.is_multicast() {
        return Err(TargetTextError::NotADevice { address: first });
    }
    Ok(Range { first, last })
}

fn range(first: IpAddr, last: &str) -> Result<Range, TargetTextError> {
    let last: IpAddr = last.parse().map_err(|_| TargetTextError::RangeEnd {
        text: last.to_owned(),
    })?;
    let (first, last) = (a_device(first)?, a_device(last)?);
    if first.is_ipv4() != last.is_ipv4() {
        return Err(TargetTextError::MixedFamilies);
    }
    if first > last {
        return Err(TargetTextError::Backwards { first, last });
    }
    Ok(Range { first, last })
}

/// `192.0.2.1`, `192.0.2.1:1161`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:1161`, `name`,
/// `name:1161`.
fn host(text: &str) -> Result<Target, TargetTextError> {
    zone(text)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Target::Address {
            address: a_device(address)?,
            port: None,
        });
    }
    if let Some(rest) = text.strip_prefix('[') {
        let wrong = || TargetTextError::Name {
            text: text.to_owned(),
        };
        let (address, rest) = rest.split_once(']').ok_or_else(wrong)?;
        let address: Ipv6Addr = address.parse().map_err(|_| wrong())?;
        let port = match rest.strip_prefix(':') {
            Some(digits) => Some(port(digits)?),
            None if rest.is_empty() => None,
            None => return Err(wrong()),
        };
        return Ok(Target::Address {
            address: a_device(address.into())?,
            port,
        });
    }
    let (name, port) = match text.split_once(':') {
        Some((name, digits)) => (name, Some(port(digits)?)),
        None => (text, None),
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(Target::Address {
            address: a_device(address)?,
            port,
        });
    }
    host_name(name)?;
    Ok(Target::Host {
        name: name.to_owned(),
        port,
    })
}

fn zone(text: &str) -> Result<(), TargetTextError> {
    if text.contains('%') {
        return Err(TargetTextError::Zone {
            text: text.to_owned(),
        });
    }
    Ok(())
}

fn port(digits: &str) -> Result<u16, TargetTextError> {
    digits
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| TargetTextError::Port {
            text: digits.to_owned(),
        })
}

/// An address that a device can have, an IPv4 address mapped into IPv6 as the former.
fn a_device(address: IpAddr) -> Result<IpAddr, TargetTextError> {
    let address = address.to_canonical();
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(TargetTextError::NotADevice { address });
    }
    Ok(address)
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63 (RFC 1123 section 2.1, and the
/// underscore that real networks use). A name of digits and dots alone is a mistyped address.
fn host_name(name: &str) -> Result<(), TargetTextError> {
    let label = |label: &str| {
        (1..=LABEL_LEN_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let digits_only = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let labels = name.strip_suffix('.').unwrap_or(name);
    if digits_only || !labels.split('.').all(label) {
        return Err(TargetTextError::Name {
            text: name.to_owned(),
        });
    }
    Ok(())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(a.to_bits()),
        IpAddr::V6(a) => a.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A target that can be read: how it is written back, and how many addresses it has.
    fn reads(text: &str, as_text: &str, len: u128) {
        let target: Target = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(target.to_string(), as_text, "{text}");
        if let Target::Range(range) = target {
            assert_eq!(range.len(), len, "{text}");
        }
    }

    #[test]
    fn what_can_be_read() {
        for (text, as_text, len) in [
            ("192.0.2.0/24", "192.0.2.1-192.0.2.254", 254),
            ("192.0.2.77/24", "192.0.2.1-192.0.2.254", 254),
            ("192.0.2.4/30", "192.0.2.5-192.0.2.6", 2),
            ("192.0.2.4/31", "192.0.2.4-192.0.2.5", 2),
            ("192.0.2.4/32", "192.0.2.4-192.0.2.4", 1),
            ("2001:db8::/120", "2001:db8::-2001:db8::ff", 256),
            (
                "::/0",
                "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                u128::MAX,
            ),
            ("0.0.0.0/0", "0.0.0.1-255.255.255.254", 0xffff_fffe),
            (" 192.0.2.10-192.0.2.40 ", "192.0.2.10-192.0.2.40", 31),
            ("192.0.2.10 - 192.0.2.10", "192.0.2.10-192.0.2.10", 1),
            ("2001:db8::1-2001:db8::ff", "2001:db8::1-2001:db8::ff", 255),
            ("192.0.2.1", "192.0.2.1", 1),
            ("192.0.2.1:1161", "192.0.2.1:1161", 1),
            ("::1", "::1", 1),
            ("[::1]", "::1", 1),
            ("[::1]:161", "[::1]:161", 1),
            ("::ffff:192.0.2.1", "192.0.2.1", 1),
            ("core-sw1", "core-sw1", 1),
            (
                "core-sw1.example.net.:1161",
                "core-sw1.example.net.:1161",
                1,
            ),
            ("10-0-0-1.example.net", "10-0-0-1.example.net", 1),
        ] {
            reads(text, as_text, len);
        }
    }

    #[test]
    fn what_cannot_says_why() {
        for (text, why) in [
            ("", "empty"),
            ("  ", "empty"),
            (&"a".repeat(300), "longer"),
            ("192.0.2.0/33", "not a CIDR"),
            ("192.0.2/24", "not a CIDR"),
            ("192.0.2.0/", "not a CIDR"),
            ("/24", "not a CIDR"),
            ("192.0.2.0/24:161", "single host"),
            ("224.0.0.0/24", "not the address of a device"),
            ("192.0.2.1-40", "ends no range"),
            ("192.0.2.9-192.0.2.1", "ends before"),
            ("192.0.2.1-::1", "family"),
            ("192.0.2.1-255.255.255.255", "not the address"),
            ("0.0.0.0", "not the address"),
            ("ff02::1", "not the address"),
            ("fe80::1%eth0", "zone"),
            ("192.0.2.1:0", "port"),
            ("192.0.2.1:65536", "port"),
            ("host:snmp", "port"),
            ("[::1]161", "neither"),
            ("[::1", "neither"),
            ("192.0.2.256", "neither"),
            ("1.2.3", "neither"),
            ("-host", "neither"),
            ("a..b", "neither"),
            ("ho st", "neither"),
            ("host\u{0}", "neither"),
            ("höst", "neither"),
        ] {
            let error = text.parse::<Target>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn allowed_networks_are_ranges() {
        let range = allowed_network("10.0.0.0/8").unwrap();
        for (address, inside) in [
            ("10.0.0.1", true),
            ("10.255.255.254", true),
            ("::ffff:10.1.1.1", true),
            ("11.0.0.0", false),
            ("::a00:1", false),
        ] {
            assert_eq!(
                range.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
        assert!(allowed_network("10.0.0.1:161").is_err());
        assert!(allowed_network("router").is_err());
        assert_eq!(allowed_network("::1").unwrap().len(), 1);
    }

    #[test]
    fn addresses_are_listed_in_order() {
        let range = |text| match text {
            "none" => unreachable!(),
            text => allowed_network(text).unwrap(),
        };
        let listed: Vec<String> = range("192.0.2.254-192.0.3.1")
            .addresses()
            .map(|a| a.to_string())
            .collect();
        assert_eq!(
            listed,
            ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"]
        );
        assert_eq!(range("2001:db8::/126").addresses().count(), 4);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
            let _ = text.parse::<Target>();
            let _ = allowed_network(&text);
        }

        #[test]
        fn any_near_miss_is_read_without_a_panic(text in "[0-9a-f:./\\[\\]%-]{0,48}") {
            if let Ok(target) = text.parse::<Target>() {
                let again: Target = target.to_string().parse().unwrap();
                if !matches!(target, Target::Range(_)) {
                    prop_assert_eq!(again, target);
                }
            }
        }

        #[test]
        fn a_cidr_has_its_addresses(bits in any::<u32>(), prefix in 20u8..=32) {
            let text = format!("{}/{prefix}", Ipv4Addr::from_bits(bits & 0xdfff_ffff));
            if let Ok(Target::Range(range)) = text.parse::<Target>() {
                let all: Vec<IpAddr> = range.addresses().collect();
                prop_assert_eq!(all.len() as u128, range.len());
                prop_assert!(all.iter().all(|a| range.contains(*a)));
            }
        }
    }
}
