//! What a fault befalls, from the words of its target: `acc-1`, `127.20.0.9`, `core-1 edge-1`,
//! `acc-1 Gi1/0/3`.

use super::{DeviceNo, EdgeNo, LinkNo, Network, Peer, PortNo};
use crate::scenario::ScenarioError;

/// Something that a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A device.
    Device(DeviceNo),
    /// A link, by its two devices or by one of its ports.
    Link(LinkNo),
    /// A port at the edge.
    Edge(EdgeNo),
}

/// There is no such thing in the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No device of that name or address.
    #[error("there is no device `{name}`{}", hint(.nearest.as_deref()))]
    Device {
        /// What was written.
        name: String,
        /// The nearest name that there is, where one is near enough.
        nearest: Option<String>,
    },
    /// Two devices without a link between them.
    #[error("there is no link between `{a}` and `{b}`")]
    Link {
        /// One.
        a: String,
        /// The other.
        b: String,
    },
    /// The second word is neither a device nor a port of the first.
    #[error("`{second}` is neither a device nor a port of `{device}`")]
    Second {
        /// The first word.
        device: String,
        /// The second.
        second: String,
    },
    /// A port that nothing is plugged into.
    #[error("nothing is plugged into port `{port}` of `{device}`")]
    Unplugged {
        /// Of which device.
        device: String,
        /// Which.
        port: String,
    },
    /// More words than two.
    #[error("a target is a device, two devices, or a device and its port")]
    Words,
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

impl Network {
    /// Finds what the words mean.
    pub fn target(&self, words: &str) -> Result<Target, TargetError> {
        let words: Vec<&str> = words.split_whitespace().collect();
        match *words.as_slice() {
            [device] => Ok(Target::Device(self.named(device)?)),
            [a, b] => self.pair(a, b),
            _ => Err(TargetError::Words),
        }
    }

    fn named(&self, name: &str) -> Result<DeviceNo, TargetError> {
        let by_address = || self.by_address(name.parse().ok()?);
        self.by_name(name).or_else(by_address).ok_or_else(|| {
            let known: Vec<&str> = self.devices().iter().map(|d| d.name.as_str()).collect();
            let name: String = name.chars().take(64).collect();
            TargetError::Device {
                nearest: crate::scenario::nearest(&name, &known).map(str::to_owned),
                name,
            }
        })
    }

    fn pair(&self, first: &str, second: &str) -> Result<Target, TargetError> {
        let device = self.named(first)?;
        if let Ok(other) = self.named(second) {
            return self
                .between(device, other)
                .map(Target::Link)
                .ok_or_else(|| TargetError::Link {
                    a: first.to_owned(),
                    b: second.to_owned(),
                });
        }
        let ports = self.device(device).ports();
        let found = (0..).zip(ports).find(|(number, _)| {
            self.port_name(PortNo {
                device,
                port: *number,
            }) == second
        });
        match found.map(|(_, port)| port.peer) {
            Some(Peer::Link(link)) => Ok(Target::Link(link)),
            Some(Peer::Edge(edge)) => Ok(Target::Edge(edge)),
            Some(Peer::Nothing | Peer::Inside | Peer::Aggregate(_)) => {
                Err(TargetError::Unplugged {
                    device: first.to_owned(),
                    port: second.to_owned(),
                })
            }
            None => Err(TargetError::Second {
                device: first.to_owned(),
                second: second.chars().take(64).collect(),
            }),
        }
    }

    /// The first link between two devices.
    pub fn between(&self, a: DeviceNo, b: DeviceNo) -> Option<LinkNo> {
        self.device(a).ports().iter().find_map(|port| {
            let Peer::Link(number) = port.peer else {
                return None;
            };
            let link = self.link(number);
            let ends = [link.a.device, link.b.device];
            (ends == [a, b] || ends == [b, a]).then_some(number)
        })
    }

    /// The same, as an error of the scenario's fault at this place.
    pub(crate) fn target_of(&self, place: usize, words: &str) -> Result<Target, ScenarioError> {
        self.target(words).map_err(|error| {
            ScenarioError::value(&format!("faults[{place}].target"), error.to_string())
        })
    }
}
