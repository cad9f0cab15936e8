//! Labels that series have by what is known of their device and interface, not by their key.
//!
//! They are joined when series are looked for: another site or tag makes no new series, and the
//! samples of before are found by it as well.
//!
//! The values that a series has for a name of a label are those of the first of these that has any:
//! 1. `metric`: the name of what is measured;
//! 2. its own labels, those of the key and `interface`;
//! 3. `device_id`, save for series of the whole network;
//! 4. what is attached to its interface: [`INTERFACE_LABELS`];
//! 5. what is attached to its device: [`DEVICE_LABELS`], and for each tag `name=value` the label
//!    `name`.

use model::device::Device;
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Labels};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The label of what is measured. No series has one of its own.
pub const METRIC: &str = "metric";

/// The label of the device's id. No series has one of its own.
pub const DEVICE_ID: &str = "device_id";

/// Labels of interfaces: ifName as it is now, ifAlias, ifDescr, ifType.
pub const INTERFACE_LABELS: [&str; 4] = [
    Labels::INTERFACE,
    "interface_alias",
    "interface_description",
    "interface_kind",
];

/// Labels of devices. A device has `tag` once for each of its tags.
pub const DEVICE_LABELS: [&str; 8] = [
    "device", "site", "location", "kind", "vendor", "model", "os", "tag",
];

/// What is attached to devices and interfaces: a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Attached {
    devices: HashMap<DeviceId, OfDevice>,
    interfaces: HashMap<InterfaceId, Arc<Interface>>,
}

/// What a device's series are told apart by, beside their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfDevice {
    /// What people call it: the label `device`.
    pub name: String,
    /// The site it belongs to.
    pub site: Option<String>,
    /// Where it is.
    pub location: Option<String>,
    /// router, switch, ...
    pub kind: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// Its tags.
    pub tags: BTreeSet<String>,
}

impl From<&Device> for OfDevice {
    fn from(device: &Device) -> Self {
        let said = &device.said;
        Self {
            name: device.name(),
            site: device.typed.site.clone(),
            location: device.location().map(str::to_owned),
            kind: said.kind.clone(),
            vendor: said.vendor.clone(),
            model: said.model.clone(),
            os: said.os.clone(),
            tags: device.typed.tags.clone(),
        }
    }
}

impl OfDevice {
    /// The values that it has for a label: mostly one or none.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let one = match name {
            "device" => Some(&self.name),
            "site" => self.site.as_ref(),
            "location" => self.location.as_ref(),
            "kind" => self.kind.as_ref(),
            "vendor" => self.vendor.as_ref(),
            "model" => self.model.as_ref(),
            "os" => self.os.as_ref(),
            _ => None,
        };
        let tags = self.tags.iter().filter_map(move |tag| match name {
            "tag" => Some(tag.as_str()),
            name if DEVICE_LABELS.contains(&name) => None,
            name => tag.strip_prefix(name)?.strip_prefix('='),
        });
        one.map(String::as_str).into_iter().chain(tags)
    }
}

impl Attached {
    /// A snapshot of these.
    pub fn new(
        devices: impl IntoIterator<Item = (DeviceId, OfDevice)>,
        interfaces: impl IntoIterator<Item = Arc<Interface>>,
    ) -> Self {
        let by_id = |interface: Arc<Interface>| (interface.id, interface);
        Self {
            devices: devices.into_iter().collect(),
            interfaces: interfaces.into_iter().map(by_id).collect(),
        }
    }

    /// What is attached to a device.
    pub fn device(&self, id: DeviceId) -> Option<&OfDevice> {
        self.devices.get(&id)
    }

    /// The value that an interface has for a label.
    pub fn of_interface(&self, id: InterfaceId, name: &str) -> Option<&str> {
        let interface = self.interfaces.get(&id)?;
        match name {
            Labels::INTERFACE => Some(&interface.name),
            "interface_alias" => interface.alias.as_deref(),
            "interface_description" => interface.description.as_deref(),
            "interface_kind" => interface.kind.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_with_a_value_is_a_label() {
        let tags = ["core", "role=lab", "role=spare", "site=y"].map(str::to_owned);
        let device = OfDevice {
            site: Some("x".to_owned()),
            tags: tags.into(),
            ..OfDevice::default()
        };
        let values = |name| device.values(name).collect::<Vec<_>>();
        assert_eq!(values("role"), ["lab", "spare"]);
        assert_eq!(values("site"), ["x"]);
        assert_eq!(values("tag").len(), 4);
        assert!(values("core").is_empty() && values("vendor").is_empty());
        assert_eq!(OfDevice::default().values("tag").count(), 0);
    }
}
