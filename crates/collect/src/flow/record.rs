//! One flow as every protocol's reader hands it on.

use model::Timestamp;
use std::net::{IpAddr, Ipv6Addr};

/// An address: IPv6, or IPv4 mapped into it (RFC 4291, 2.5.5.2), so that it compares and hashes as one
/// number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u128);

impl Address {
    /// From the four octets of IPv4.
    pub fn v4(address: u32) -> Self {
        Self(0xffff_0000_0000 | u128::from(address))
    }

    /// As it is written.
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.0).to_canonical()
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::v4(address.to_bits()),
            IpAddr::V6(address) => Self(address.to_bits()),
        }
    }
}

/// One flow, or one sampled packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// When it ended, by the receiver's clock.
    pub at: Timestamp,
    /// What was no IP has no addresses.
    pub is_ip: bool,
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Protocol number of IP.
    pub protocol: u8,
    /// 0 to 63.
    pub dscp: u8,
    /// AS number of the source; 0 where it is not known.
    pub source_as: u32,
    /// AS number of the destination.
    pub destination_as: u32,
    /// ifIndex that it came in by; 0 where it is not known.
    pub input: u32,
    /// ifIndex that it went out by.
    pub output: u32,
    /// Where it was observed, as far as the exporter said.
    pub observed: Observed,
    /// Octets, already multiplied by `rate`.
    pub octets: u64,
    /// Packets, already multiplied by `rate`.
    pub packets: u64,
    /// One packet in so many was looked at; none where the exporter did not say.
    pub rate: Option<u32>,
}

/// Where a flow was observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Observed {
    /// Not said.
    #[default]
    Unsaid,
    /// As it came in (flowDirection 0).
    Ingress,
    /// As it went out (flowDirection 1).
    Egress,
}

impl Observed {
    /// Where the other way of a flow was observed: what comes in by an interface one way goes out by
    /// it the other way.
    fn reversed(self) -> Self {
        match self {
            Self::Unsaid => Self::Unsaid,
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }
}

impl Flow {
    /// Multiplies what was counted by the rate.
    #[must_use]
    pub fn scaled(mut self) -> Self {
        let rate = u64::from(self.rate.unwrap_or(1));
        self.octets = self.octets.saturating_mul(rate);
        self.packets = self.packets.saturating_mul(rate);
        self
    }

    /// The same flow the other way round, with other counts.
    #[must_use]
    pub fn reversed(self, octets: u64, packets: u64) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            source_as: self.destination_as,
            destination_as: self.source_as,
            input: self.output,
            output: self.input,
            observed: self.observed.reversed(),
            octets,
            packets,
            ..self
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ip().fmt(f)
    }
}
