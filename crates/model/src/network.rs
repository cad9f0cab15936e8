//! Networks as an operator writes them, to see whether an address is in one: a CIDR, a range or one
//! address. What a discovery asks of a network is `collect`'s: there the network's own and its
//! broadcast address are left out, here they are in it.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longest text of a network: two IPv6 addresses and a dash.
const TEXT_LEN_MAX: usize = 100;

/// All addresses from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Invariant: first <= last, of one family, none an IPv4 address mapped into IPv6.
pub struct Network {
    first: IpAddr,
    last: IpAddr,
}

/// The text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no network: a CIDR (192.0.2.0/24), a range (192.0.2.10-192.0.2.40) or an address is expected"
)]
pub struct NetworkError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl Network {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError {
            text: text.chars().take(64).collect(),
        };
        if text.len() > TEXT_LEN_MAX {
            return Err(wrong());
        }
        let address = |text: &str| {
            let address: IpAddr = text.trim().parse().map_err(|_| wrong())?;
            Ok(address.to_canonical())
        };
        let (first, last) = if text.contains('/') {
            let network: IpNet = text.trim().parse().map_err(|_| wrong())?;
            (network.network(), network.broadcast())
        } else if let Some((first, last)) = text.split_once('-') {
            (address(first)?, address(last)?)
        } else {
            let one = address(text)?;
            (one, one)
        };
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return Err(wrong());
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return self.first.fmt(f);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_their_addresses() {
        for (network, within, without) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.77/24", "192.0.2.0", "192.0.1.255"),
            ("192.0.2.10 - 192.0.2.40", "192.0.2.40", "192.0.2.41"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::/64", "2001:db8::ffff", "2001:db8:0:1::"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(
                network.contains(within.parse().unwrap()),
                "{network} {within}"
            );
            assert!(
                !network.contains(without.parse().unwrap()),
                "{network} {without}"
            );
        }
        for bad in [
            "",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.9-192.0.2.1",
            "192.0.2.1-::1",
            "host.example",
            "192.0.2.1:161",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
