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
mod tests;
