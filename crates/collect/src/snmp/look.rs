//! What one look at a device brought.

use super::{Groups, Markers};
use crate::reading::Reading;
use model::Timestamp;
use model::device::{Identity, Said};
use model::facts::Facts;
use snmp::{Defects, SessionError};

/// Who answered, as the first question of every look tells: little, but at every poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glimpse {
    /// snmpEngineID in lower-case hex.
    pub engine_id: Option<String>,
    /// sysName.
    pub name: Option<String>,
    /// sysObjectID, dotted.
    pub object_id: Option<String>,
}

impl Glimpse {
    /// What it tells of who answered.
    pub fn identity(&self) -> Identity {
        Identity {
            engine_id: self.engine_id.clone(),
            sys_name: self.name.clone(),
            ..Identity::default()
        }
    }
}

/// Which object told a fact.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Origin {
    /// The fact: `device.model`, `sensors`.
    pub fact: String,
    /// The MIB or the profile by which it was read.
    pub source: String,
    /// The object, by its name where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// What one look at a device brought.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What it says of itself.
    pub facts: Facts,
    /// What was measured.
    pub readings: Vec<Reading>,
    /// Who answered, whatever was asked for.
    pub glimpse: Glimpse,
    /// What the change markers said before anything else was read.
    pub markers: Markers,
    /// The groups that were asked for.
    pub asked: Groups,
    /// Of these, the ones that were read to their end. A group that the device does not have is
    /// complete, and empty.
    pub complete: Groups,
    /// Of these, the ones of which something that no group is judged by was not heard to its end: of
    /// interfaces the members of aggregates, of routing the default routes, of VLANs the ports.
    pub unheard: Groups,
    /// What was wrong with its answers.
    pub defects: Defects,
    /// When it first answered.
    pub answered_at: Option<Timestamp>,
    /// What ended the look, where something did.
    pub error: Option<SessionError>,
}

impl Look {
    /// What it says of itself, for the inventory.
    pub fn said(&self) -> Said {
        let device = self.facts.device.clone();
        Said {
            name: device.name,
            description: device.description,
            object_id: device.object_id,
            vendor: device.vendor,
            model: device.model,
            os: device.os,
            os_version: device.os_version,
            serial: device.serial,
            kind: device.kind,
            location: device.location,
            contact: device.contact,
        }
    }

    /// What tells it from other devices.
    pub fn identity(&self) -> Identity {
        let device = self.facts.device.clone();
        Identity {
            engine_id: device.engine_id,
            serial: device.serial,
            chassis_id: device.chassis_id,
            base_mac: device.base_mac,
            sys_name: device.name,
            interface_macs: self
                .facts
                .interfaces
                .iter()
                .filter_map(|interface| interface.mac.clone())
                .collect(),
            addresses: self
                .facts
                .addresses
                .iter()
                .filter_map(|row| row.address)
                .filter(|address| !address.is_loopback() && !address.is_unspecified())
                .collect(),
        }
    }
}
