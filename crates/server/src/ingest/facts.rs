//! What a poll read takes the place of what is known, group by group; what it did not read to its
//! end leaves it as it is.

use collect::PollReport;
use collect::snmp::Groups;
use model::device::{Device, Identity};
use model::facts::Facts;
use std::net::SocketAddr;
use topology::identity::{self, Resolution};

/// The facts after a poll that read these groups to their end.
pub(super) fn merge(known: &Facts, read: &Facts, complete: Groups) -> Facts {
    let mut facts = known.clone();
    macro_rules! take {
        ($($group:ident $field:ident),*) => {
            $(if complete.contains(Groups::$group) {
                facts.$field.clone_from(&read.$field);
            })*
        };
    }
    take!(
        SYSTEM device, ADDRESSES addresses, PROCESSORS processors, MEMORY memory,
        STORAGE storage, SENSORS sensors, VLANS vlans, INVENTORY inventory
    );
    facts
}

/// The identity after a poll: MACs and addresses stay where they were not read to their end.
pub(super) fn merge_identity(known: &Identity, read: &Identity, report: &PollReport) -> Identity {
    let mut identity = read.clone();
    if !report.complete.contains(Groups::INTERFACES) {
        identity.interface_macs.clone_from(&known.interface_macs);
    }
    if !report.complete.contains(Groups::ADDRESSES) {
        identity.addresses.clone_from(&known.addresses);
    }
    identity
}

/// Why what answers at a device's address may be another device than the one that is known there:
/// exchanged hardware, an address given to something else. None where nothing speaks for it.
pub(super) fn replaced(device: &Device, met: &Identity) -> Option<String> {
    let at = SocketAddr::new(device.address, device.port);
    if device.identity == *met {
        return None;
    }
    match identity::resolve(&[(device.id, &device.identity, at)], met, at) {
        Resolution::Same { .. } => None,
        Resolution::New { reason } | Resolution::Conflict { reason, .. } => Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::DeviceId;
    use model::device::{Said, Typed};
    use model::facts::{SensorFacts, VlanFacts};

    fn device(engine_id: Option<&str>, serial: Option<&str>) -> Device {
        Device {
            id: DeviceId::new(),
            address: [192, 0, 2, 1].into(),
            port: 161,
            vantage: model::device::LOCAL_VANTAGE.to_owned(),
            typed: Typed::default(),
            said: Said::default(),
            identity: Identity {
                engine_id: engine_id.map(str::to_owned),
                serial: serial.map(str::to_owned),
                ..Identity::default()
            },
            credential_id: None,
            interval_secs: 60,
            maintenance: None,
            created_at: model::Timestamp::default(),
        }
    }

    #[test]
    fn another_device_at_the_address_is_noticed() {
        let one = Some("80001f8880aeabef28c75a046b00000000");
        let two = Some("80001f88805f00ba1188d1046b00000000");
        for (known, met, is_replaced) in [
            ((one, None), (one, None), false),
            ((None, None), (one, None), false),
            ((one, Some("FTX1")), (two, Some("FTX2")), true),
            ((one, Some("FTX1")), (one, Some("FTX2")), true),
            ((one, None), (two, None), true),
        ] {
            let met = device(met.0, met.1).identity;
            let reason = replaced(&device(known.0, known.1), &met);
            assert_eq!(
                reason.is_some(),
                is_replaced,
                "{known:?} {met:?} {reason:?}"
            );
        }
    }

    #[test]
    fn only_groups_that_were_read_to_their_end_replace() {
        let sensor = |name: &str| SensorFacts {
            name: Some(name.into()),
            ..SensorFacts::default()
        };
        let known = Facts {
            sensors: vec![sensor("old")],
            vlans: vec![VlanFacts {
                id: Some(1),
                name: None,
            }],
            ..Facts::default()
        };
        let read = Facts {
            sensors: vec![sensor("new")],
            ..Facts::default()
        };
        let merged = merge(&known, &read, Groups::SENSORS);
        assert_eq!(merged.sensors, read.sensors);
        assert_eq!(merged.vlans, known.vlans);
        assert_eq!(merge(&known, &read, Groups::NONE), known);
        assert_eq!(merge(&known, &read, Groups::ALL), read);
    }
}
