//! What the objects of the standard MIBs are called, so that every profile may name them.

use super::expression::oid;
use std::collections::BTreeMap;

/// The names that a profile may use: its own, those of the profiles it extends, the standard ones.
pub(super) struct Names<'a>(pub(super) &'a BTreeMap<String, Vec<u32>>);

impl Names<'_> {
    /// The object of that name.
    pub(super) fn find(&self, name: &str) -> Option<Vec<u32>> {
        self.0.get(name).cloned().or_else(|| standard(name))
    }
}

fn standard(name: &str) -> Option<Vec<u32>> {
    let (_, text) = STANDARD.iter().find(|(own, _)| *own == name)?;
    oid(text).ok()
}

/// The name of a standard object, and the arcs that follow it. No object stands on another.
pub(super) fn name_of(arcs: &[u32]) -> Option<(&'static str, &[u32])> {
    STANDARD.iter().find_map(|(name, text)| {
        let object = oid(text).ok()?;
        Some((*name, arcs.strip_prefix(object.as_slice())?))
    })
}

/// The standard objects that every profile may name, with their OIDs.
pub fn standard_objects() -> impl Iterator<Item = (&'static str, Vec<u32>)> {
    STANDARD
        .iter()
        .filter_map(|&(name, text)| Some((name, oid(text).ok()?)))
}

/// Source: SNMPv2-MIB (RFC 3418), IF-MIB (RFC 2863), ENTITY-MIB (RFC 6933), ENTITY-SENSOR-MIB
/// (RFC 3433), HOST-RESOURCES-MIB (RFC 2790).
static STANDARD: &[(&str, &str)] = &[
    ("sysDescr", "1.3.6.1.2.1.1.1"),
    ("sysObjectID", "1.3.6.1.2.1.1.2"),
    ("sysContact", "1.3.6.1.2.1.1.4"),
    ("sysName", "1.3.6.1.2.1.1.5"),
    ("sysLocation", "1.3.6.1.2.1.1.6"),
    ("ifDescr", "1.3.6.1.2.1.2.2.1.2"),
    ("ifType", "1.3.6.1.2.1.2.2.1.3"),
    ("ifPhysAddress", "1.3.6.1.2.1.2.2.1.6"),
    ("ifAdminStatus", "1.3.6.1.2.1.2.2.1.7"),
    ("ifOperStatus", "1.3.6.1.2.1.2.2.1.8"),
    ("ifName", "1.3.6.1.2.1.31.1.1.1.1"),
    ("ifAlias", "1.3.6.1.2.1.31.1.1.1.18"),
    ("entPhysicalDescr", "1.3.6.1.2.1.47.1.1.1.1.2"),
    ("entPhysicalVendorType", "1.3.6.1.2.1.47.1.1.1.1.3"),
    ("entPhysicalContainedIn", "1.3.6.1.2.1.47.1.1.1.1.4"),
    ("entPhysicalClass", "1.3.6.1.2.1.47.1.1.1.1.5"),
    ("entPhysicalParentRelPos", "1.3.6.1.2.1.47.1.1.1.1.6"),
    ("entPhysicalName", "1.3.6.1.2.1.47.1.1.1.1.7"),
    ("entPhysicalHardwareRev", "1.3.6.1.2.1.47.1.1.1.1.8"),
    ("entPhysicalFirmwareRev", "1.3.6.1.2.1.47.1.1.1.1.9"),
    ("entPhysicalSoftwareRev", "1.3.6.1.2.1.47.1.1.1.1.10"),
    ("entPhysicalSerialNum", "1.3.6.1.2.1.47.1.1.1.1.11"),
    ("entPhysicalMfgName", "1.3.6.1.2.1.47.1.1.1.1.12"),
    ("entPhysicalModelName", "1.3.6.1.2.1.47.1.1.1.1.13"),
    ("entPhysicalAlias", "1.3.6.1.2.1.47.1.1.1.1.14"),
    ("entPhySensorType", "1.3.6.1.2.1.99.1.1.1.1"),
    ("entPhySensorScale", "1.3.6.1.2.1.99.1.1.1.2"),
    ("entPhySensorPrecision", "1.3.6.1.2.1.99.1.1.1.3"),
    ("entPhySensorValue", "1.3.6.1.2.1.99.1.1.1.4"),
    ("entPhySensorOperStatus", "1.3.6.1.2.1.99.1.1.1.5"),
    ("hrSystemUptime", "1.3.6.1.2.1.25.1.1"),
    ("hrStorageType", "1.3.6.1.2.1.25.2.3.1.2"),
    ("hrStorageDescr", "1.3.6.1.2.1.25.2.3.1.3"),
    ("hrStorageAllocationUnits", "1.3.6.1.2.1.25.2.3.1.4"),
    ("hrStorageSize", "1.3.6.1.2.1.25.2.3.1.5"),
    ("hrStorageUsed", "1.3.6.1.2.1.25.2.3.1.6"),
    ("hrDeviceDescr", "1.3.6.1.2.1.25.3.2.1.3"),
    ("hrProcessorLoad", "1.3.6.1.2.1.25.3.3.1.2"),
    ("prtGeneralSerialNumber", "1.3.6.1.2.1.43.5.1.1.17"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_object_is_named_with_its_instance() {
        let sys_name = [1, 3, 6, 1, 2, 1, 1, 5, 0];
        assert_eq!(name_of(&sys_name), Some(("sysName", [0].as_slice())));
        assert_eq!(name_of(&sys_name[..8]), Some(("sysName", [].as_slice())));
        assert_eq!(name_of(&sys_name[..7]), None);
    }
}
