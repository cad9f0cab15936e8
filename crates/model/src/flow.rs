//! Traffic of an interface as its exporters told of it: the largest applications, hosts,
//! conversations, AS numbers and DSCPs of a minute, each with the error of its number.
//!
//! Octets and packets are what was counted, multiplied by the sampling rate that the exporter
//! stated. A row's number is never too large: what really flowed is between it and it plus its
//! error. [`merge`] adds tops up. How a top comes about is the business of the collector.

pub mod application;
pub mod exporter;
pub mod merge;

pub use application::Application;
pub use exporter::{FlowDefect, FlowExporter, FlowListener, FlowStanding, WaitedTemplate};
pub use merge::{MergedRow, Merging};

use crate::InterfaceId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Length of a window, the time that one top adds up, in seconds.
pub const WINDOW_SECS: u32 = 60;
/// How long after its end a window still takes flows. Exporters send what ended some 15 s later; what
/// ended earlier still counts in the oldest window.
pub const GRACE: Duration = Duration::from_mins(1);

/// Which way traffic crossed an interface, seen from its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FlowDirection {
    /// Received by the device on the interface.
    Ingress,
    /// Sent by the device on the interface.
    Egress,
}

impl FlowDirection {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// By what traffic is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FlowDimension {
    /// By protocol and service port, as `tcp/443`.
    Application,
    /// By address. A flow counts for its source and for its destination.
    Host,
    /// By source, destination, protocol and service port, as `192.0.2.1 192.0.2.2 tcp/443`.
    Conversation,
    /// By AS number, of the source and of the destination. 0 where the exporter named neither.
    As,
    /// By DSCP (RFC 2474), 0 to 63.
    Dscp,
}

impl FlowDimension {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Application,
        Self::Host,
        Self::Conversation,
        Self::As,
        Self::Dscp,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Host => "host",
            Self::Conversation => "conversation",
            Self::As => "as",
            Self::Dscp => "dscp",
        }
    }
}

impl fmt::Display for FlowDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for FlowDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The top of one interface, direction and dimension over one window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowTop {
    /// ifIndex as the exporter sent it; 0 where its flows name no interface.
    pub if_index: u32,
    /// Which way.
    pub direction: FlowDirection,
    /// By what.
    pub dimension: FlowDimension,
    /// Length of the window in seconds.
    pub window_secs: u32,
    /// All that crossed the interface, whatever the rows show.
    pub total: FlowTotal,
    /// How the exporter sampled.
    pub sampling: FlowSampling,
    /// The most that a key without a row may have.
    pub absent: FlowBound,
    /// The largest, most octets first.
    pub rows: Vec<FlowRow>,
}

impl FlowTop {
    /// The words by which its event is found; those of an interface that is not known are never
    /// those of one that is.
    pub fn words(
        direction: FlowDirection,
        dimension: FlowDimension,
        interface_id: Option<InterfaceId>,
    ) -> String {
        let interface = match interface_id {
            Some(id) => id.to_string().replace('-', ""),
            None => "nointerface".to_owned(),
        };
        format!("{direction} {dimension} {interface}")
    }
}

/// A sum of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowTotal {
    /// Octets.
    pub octets: u64,
    /// Packets.
    pub packets: u64,
    /// Flow records, or sampled packets of sFlow, that it was counted from.
    pub flows: u64,
}

/// How the packets were picked that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowSampling {
    /// Flow records whose exporter stated no rate: they count as they were sent.
    pub unstated_flows: u64,
    /// Smallest rate stated, one packet in so many; 0 where none was.
    pub rate_min: u32,
    /// Largest rate stated; 0 where none was.
    pub rate_max: u32,
}

/// The most that went uncounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowBound {
    /// Octets.
    pub octets: u64,
    /// Packets.
    pub packets: u64,
}

/// One row. In JSON a list: key, octets, packets, and how many octets and packets more there may
/// have been; a row is written for every minute, and names of fields would be half of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "(String, u64, u64, u64, u64)",
    into = "(String, u64, u64, u64, u64)"
)]
pub struct FlowRow {
    /// What the dimension tells apart.
    pub key: String,
    /// Octets counted.
    pub octets: u64,
    /// Packets counted.
    pub packets: u64,
    /// The most that may be missing.
    pub error: FlowBound,
}

impl From<(String, u64, u64, u64, u64)> for FlowRow {
    fn from(
        (key, octets, packets, more_octets, more_packets): (String, u64, u64, u64, u64),
    ) -> Self {
        Self {
            key,
            octets,
            packets,
            error: FlowBound {
                octets: more_octets,
                packets: more_packets,
            },
        }
    }
}

impl From<FlowRow> for (String, u64, u64, u64, u64) {
    fn from(row: FlowRow) -> Self {
        let FlowRow {
            key,
            octets,
            packets,
            error,
        } = row;
        (key, octets, packets, error.octets, error.packets)
    }
}

impl FlowTotal {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.octets = self.octets.saturating_add(other.octets);
        self.packets = self.packets.saturating_add(other.packets);
        self.flows = self.flows.saturating_add(other.flows);
    }
}

impl FlowBound {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.octets = self.octets.saturating_add(other.octets);
        self.packets = self.packets.saturating_add(other.packets);
    }

    /// What is left of it without another.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self {
            octets: self.octets.saturating_sub(other.octets),
            packets: self.packets.saturating_sub(other.packets),
        }
    }
}

impl FlowSampling {
    /// Takes in what another says.
    pub fn add(&mut self, other: Self) {
        self.unstated_flows = self.unstated_flows.saturating_add(other.unstated_flows);
        self.rate_max = self.rate_max.max(other.rate_max);
        self.rate_min = match (self.rate_min, other.rate_min) {
            (0, rate) | (rate, 0) => rate,
            (one, two) => one.min(two),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_top_is_read_as_it_was_written() {
        let top = FlowTop {
            if_index: 3,
            direction: FlowDirection::Egress,
            dimension: FlowDimension::Application,
            window_secs: 60,
            total: FlowTotal {
                octets: 1_000,
                packets: 10,
                flows: 2,
            },
            sampling: FlowSampling::default(),
            absent: FlowBound::default(),
            rows: vec![FlowRow::from(("tcp/443".to_owned(), 900, 9, 5, 1))],
        };
        let text = serde_json::to_string(&top).unwrap();
        assert!(text.contains(r#"[["tcp/443",900,9,5,1]]"#), "{text}");
        assert_eq!(serde_json::from_str::<FlowTop>(&text).unwrap(), top);
    }

    #[test]
    fn the_smallest_stated_rate_is_not_that_of_those_who_state_none() {
        let mut sampling = FlowSampling::default();
        for rate in [0, 100, 10] {
            sampling.add(FlowSampling {
                unstated_flows: 1,
                rate_min: rate,
                rate_max: rate,
            });
        }
        assert_eq!((sampling.rate_min, sampling.rate_max), (10, 100));
        assert_eq!(sampling.unstated_flows, 3);
    }
}
