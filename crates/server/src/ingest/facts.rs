//! What a poll read takes the place of what is known, group by group; what it did not read to its
//! end leaves it as it is.

use collect::PollReport;
use collect::snmp::Groups;
use model::device::Identity;
use model::facts::Facts;

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

#[cfg(test)]
mod tests {
    use super::*;
    use model::facts::{SensorFacts, VlanFacts};

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
