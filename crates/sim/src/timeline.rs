//! What happens to a network in time.
use crate::hash::{self, purpose};
use crate::network::{Channel, DeviceNo, Network, PortNo};
use crate::routes::{self, Down, Loading};
use crate::traffic;
use model::Timestamp;
use std::sync::Arc;

/// Octets of a port since the origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Octets {
    /// ifHCInOctets
    pub into: u64,
    /// ifHCOutOctets
    pub out: u64,
}

/// What happens to a network.
pub struct Timeline {
    network: Arc<Network>,
    usual: Loading,
}

impl Timeline {
    /// A quiet time.
    pub fn new(network: Arc<Network>) -> Self {
        let usual = routes::route(&network, &Down::default());
        Self { network, usual }
    }

    /// When the device booted last, as seen at `at`.
    pub fn booted(&self, device: DeviceNo, _at: Timestamp) -> Timestamp {
        let chance = hash::mix2(self.network.root, purpose::BOOT, u64::from(device.0));
        let days = hash::between(chance, 0.0, 300.0);
        #[expect(clippy::cast_possible_truncation)]
        let ms = (days * 86_400_000.0) as i64;
        Timestamp::from_unix_ms(traffic::ORIGIN_MS - ms)
    }

    /// What the port's counters say at `at`: octets since the device booted; nothing before.
    pub fn octets(&self, port: PortNo, at: Timestamp) -> Octets {
        let Some(channels) = self.network.channels(port) else {
            return Octets::default();
        };
        let booted = self.booted(port.device, at);
        let since = |channel| {
            let octets = self.carried(channel, at) - self.carried(channel, booted);
            octets.max(0).cast_unsigned()
        };
        Octets {
            into: since(channels.into),
            out: since(channels.out),
        }
    }

    fn carried(&self, channel: Channel, at: Timestamp) -> i64 {
        let flows = self.usual.flows(channel).iter();
        flows.map(|&flow| self.network.flow_octets(flow, at)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Scenario, Shape};
    #[test]
    fn smoke() {
        for topology in Shape::ALL {
            if topology == Shape::Graph {
                continue;
            }
            for devices in [1, 2, 3, 5, 10, 50, 200] {
                let scenario = Scenario {
                    topology,
                    devices,
                    ..Scenario::default()
                };
                let network = Arc::new(Network::new(&scenario).unwrap());
                assert_eq!(network.devices().len(), devices);
                let t = Timeline::new(network.clone());
                let at = Timestamp::from_unix_ms(1_795_000_000_000);
                let mut max: f64 = 0.0;
                for l in network.links() {
                    let o = t
                        .octets(l.a, at.plus(std::time::Duration::from_secs(60)))
                        .out
                        - t.octets(l.a, at).out;
                    max = max.max(o as f64 * 8.0 / 60.0 / f64::from(l.speed_mbps) / 1e6);
                }
                println!(
                    "{topology:?} {devices} links {} edges {} demands {} max {max:.3}",
                    network.links().len(),
                    network.edges().len(),
                    network.demands.len()
                );
            }
        }
    }
}
