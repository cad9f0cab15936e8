//! What is known of one device at one moment, and the shapes in which its parts are kept.

use crate::documents::Stored;
use model::device::{Device, DeviceState};
use model::facts::{
    Facts, ProcessorFacts, RoutingNeighborFacts, SensorFacts, VolumeFacts, WirelessFacts,
};
use model::interface::Interface;
use model::neighbor::Neighbor;
use model::status::Evidence;
use model::{Status, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A device with all that is known of it: a snapshot, cheap to clone.
#[derive(Clone, Debug)]
pub struct DeviceRecord {
    /// The device as it is kept, with its revision.
    pub device: Arc<Stored<Device>>,
    /// How it is. After a start `unknown` until it was polled.
    pub state: DeviceState,
    /// Its interfaces by ifIndex, then name; those no longer there too.
    pub interfaces: Arc<[Arc<Interface>]>,
    /// What it said at its last complete looks. `interfaces` and `neighbors` of it are left empty:
    /// they are beside it. After a start what changes all the time (values of sensors, what is in
    /// use) is missing until it was polled.
    pub facts: Arc<Facts>,
    /// Its neighbours.
    pub neighbors: Arc<[Neighbor]>,
    /// The status that is kept: the latest that was not `unknown`.
    pub(super) kept_status: Option<Arc<KeptStatus>>,
    /// The facts that are kept.
    pub(super) kept_facts: Arc<Facts>,
    /// When the neighbours were written last.
    pub(super) neighbors_kept_at: Option<Timestamp>,
    /// The neighbours could not be written.
    pub(super) neighbors_owed: bool,
}

impl DeviceRecord {
    /// A device of which nothing else is known, at `now`.
    pub(super) fn new(device: Arc<Stored<Device>>, now: Timestamp) -> Self {
        Self {
            device,
            state: DeviceState {
                status_since: Some(now),
                ..DeviceState::default()
            },
            interfaces: Arc::new([]),
            facts: Arc::default(),
            neighbors: Arc::new([]),
            kept_status: None,
            kept_facts: Arc::default(),
            neighbors_kept_at: None,
            neighbors_owed: false,
        }
    }
}

/// The latest known status of a device, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct KeptStatus {
    /// The latest that was not `unknown`.
    pub(super) status: Status,
    /// Since when it is so.
    pub(super) since: Timestamp,
    /// When anything last answered.
    pub(super) last_seen_at: Option<Timestamp>,
    /// Why we say so.
    pub(super) evidence: Vec<Evidence>,
}

/// The neighbours of a device, as they are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct KeptNeighbors {
    /// When they were written.
    pub(super) written_at: Timestamp,
    /// The neighbours.
    pub(super) neighbors: Vec<Neighbor>,
}

/// What is kept of facts: all but what has a place of its own, and what is measured anew at each
/// poll and would be written each time.
pub(super) fn lasting(facts: &Facts) -> Facts {
    let mut device = facts.device.clone();
    device.uptime_seconds = None;
    let volume = |v: &VolumeFacts| VolumeFacts {
        used_bytes: None,
        used_percent: None,
        ..v.clone()
    };
    Facts {
        device,
        interfaces: Vec::new(),
        addresses: facts.addresses.clone(),
        processors: facts
            .processors
            .iter()
            .map(|p| ProcessorFacts {
                utilization_percent: None,
                ..p.clone()
            })
            .collect(),
        memory: facts.memory.iter().map(volume).collect(),
        storage: facts.storage.iter().map(volume).collect(),
        sensors: facts
            .sensors
            .iter()
            .map(|s| SensorFacts {
                value: None,
                ..s.clone()
            })
            .collect(),
        // What there is of it, not how it is.
        wireless: facts
            .wireless
            .iter()
            .map(|w| WirelessFacts {
                kind: w.kind,
                name: w.name.clone(),
                access_point: w.access_point.clone(),
                model: w.model.clone(),
                serial: w.serial.clone(),
                ..WirelessFacts::default()
            })
            .collect(),
        neighbors: Vec::new(),
        vlans: facts.vlans.clone(),
        bridge_ports: facts.bridge_ports.clone(),
        inventory: facts.inventory.clone(),
        // Not the state of a session, which changes, nor how long it is so.
        routing_neighbors: facts
            .routing_neighbors
            .iter()
            .map(|n| RoutingNeighborFacts {
                state: None,
                established_seconds: None,
                ..n.clone()
            })
            .collect(),
        default_routes: facts.default_routes.clone(),
        routing_read_at: None,
        // Read anew after a start, and different each hour.
        arp: Vec::new(),
        arp_read_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_radio_is_at_a_moment_is_not_written_at_each_poll() {
        let radio = |clients, channel| WirelessFacts {
            name: Some("lobby radio 0".to_owned()),
            access_point: Some("lobby".to_owned()),
            state: Some("up".to_owned()),
            clients,
            channel,
            ..WirelessFacts::default()
        };
        let facts = |radio| Facts {
            wireless: vec![radio],
            ..Facts::default()
        };
        let first = lasting(&facts(radio(Some(3), Some(36))));
        assert_eq!(first, lasting(&facts(radio(Some(4), Some(100)))));
        assert_eq!(
            first.wireless[0].access_point.as_deref(),
            Some("lobby"),
            "what there is of it is kept"
        );
    }
}
