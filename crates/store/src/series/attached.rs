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
use model::series::{NETWORK, Series};
use model::{DeviceId, InterfaceId, Labels, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

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
// Invariant: `interfaces` has those of `of_devices`, and no others.
pub struct Attached {
    devices: HashMap<DeviceId, Arc<OfDevice>>,
    interfaces: HashMap<InterfaceId, Arc<Interface>>,
    of_devices: HashMap<DeviceId, Arc<[Arc<Interface>]>>,
}

/// What a device's series are told apart by, beside their labels; and what must be known of it to
/// tell what its counters counted.
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
    /// From poll to poll; none where it is not known.
    pub interval: Option<Duration>,
    /// When another machine took its place.
    pub replaced_at: Vec<Timestamp>,
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
            interval: Some(Duration::from_secs(device.interval_secs.max(1).into())),
            replaced_at: device.replaced_at.clone(),
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
        let shared = |(id, of): (DeviceId, OfDevice)| (id, Arc::new(of));
        let mut attached = Self {
            devices: devices.into_iter().map(shared).collect(),
            ..Self::default()
        };
        let mut by_device: BTreeMap<DeviceId, Vec<Arc<Interface>>> = BTreeMap::new();
        for interface in interfaces {
            let of_device = by_device.entry(interface.device_id).or_default();
            of_device.push(interface);
        }
        for (id, interfaces) in by_device {
            attached.put_interfaces(id, interfaces.into());
        }
        attached
    }

    /// Puts what is attached to a device and its interfaces in place of what was.
    pub fn put(&mut self, id: DeviceId, of: OfDevice, interfaces: Arc<[Arc<Interface>]>) {
        self.devices.insert(id, Arc::new(of));
        self.put_interfaces(id, interfaces);
    }

    /// Takes out a device and its interfaces.
    pub fn remove(&mut self, id: DeviceId) {
        self.devices.remove(&id);
        self.put_interfaces(id, Arc::new([]));
    }

    fn put_interfaces(&mut self, id: DeviceId, interfaces: Arc<[Arc<Interface>]>) {
        let before = self.of_devices.remove(&id);
        for old in before.iter().flat_map(|before| before.iter()) {
            // Another device may have it by now.
            let is_its = |there: &Arc<Interface>| there.device_id == id;
            if self.interfaces.get(&old.id).is_some_and(is_its) {
                self.interfaces.remove(&old.id);
            }
        }
        let by_id = interfaces.iter().map(|row| (row.id, Arc::clone(row)));
        self.interfaces.extend(by_id);
        if !interfaces.is_empty() {
            self.of_devices.insert(id, interfaces);
        }
    }

    /// What is attached to a device.
    pub fn device(&self, id: DeviceId) -> Option<&OfDevice> {
        self.devices.get(&id).map(Arc::as_ref)
    }

    /// Whether anything is attached to interfaces.
    pub fn has_interfaces(&self) -> bool {
        !self.interfaces.is_empty()
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

    /// The value that a series has for a label: several are joined by commas, none is empty.
    pub fn value(&self, series: &Series, name: &str) -> String {
        let key = &series.key;
        if name == METRIC {
            return key.metric.name().to_owned();
        }
        if let Some(own) = key.labels.get(name) {
            return own.to_owned();
        }
        if name == DEVICE_ID {
            if key.device_id == NETWORK {
                return String::new();
            }
            return key.device_id.to_string();
        }
        let interface = key.labels.interface_id();
        if let Some(value) = interface.and_then(|id| self.of_interface(id, name)) {
            return value.to_owned();
        }
        let of_device = self.device(key.device_id);
        let values = of_device.map(|of| of.values(name).collect::<Vec<_>>().join(","));
        values.unwrap_or_default()
    }

    /// Every label that a series has, with its value as [`value`](Self::value) tells it.
    pub fn labels(&self, series: &Series) -> BTreeMap<String, String> {
        let mut names: BTreeSet<&str> = series.key.labels.0.keys().map(String::as_str).collect();
        names.extend([METRIC, DEVICE_ID]);
        names.extend(INTERFACE_LABELS);
        names.extend(DEVICE_LABELS);
        let of_device = self.device(series.key.device_id);
        let tags = of_device.into_iter().flat_map(|of| &of.tags);
        names.extend(tags.filter_map(|tag| Some(tag.split_once('=')?.0)));
        names
            .into_iter()
            .filter(|name| !name.is_empty())
            .map(|name| (name.to_owned(), self.value(series, name)))
            .filter(|(_, value)| !value.is_empty())
            .collect()
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

    fn interface(id: InterfaceId, device_id: DeviceId, name: &str) -> Arc<Interface> {
        Arc::new(Interface {
            id,
            device_id,
            index: 1,
            name: name.to_owned(),
            description: None,
            alias: None,
            kind: None,
            speed_bps: None,
            mac: None,
            mtu: None,
            aggregate: None,
            admin_status: None,
            oper_status: None,
            last_change_at: None,
            present: true,
        })
    }

    #[test]
    fn a_device_is_put_in_place_of_itself() {
        let (a, b) = (DeviceId::new(), DeviceId::new());
        let (first, second) = (InterfaceId::new(), InterfaceId::new());
        let mut attached = Attached::new([], [interface(first, a, "eth0")]);
        let both: Arc<[_]> = [interface(first, b, "lan"), interface(second, b, "wan")].into();
        // The interface goes from one device to the other, whichever is put first.
        attached.put(b, OfDevice::default(), both);
        attached.put(a, OfDevice::default(), Arc::new([]));
        let name = |attached: &Attached, id| {
            let name = attached.of_interface(id, Labels::INTERFACE);
            name.map(str::to_owned)
        };
        assert_eq!(name(&attached, first).as_deref(), Some("lan"));
        attached.remove(b);
        assert_eq!(
            (name(&attached, first), name(&attached, second)),
            (None, None)
        );
        assert!(attached.device(b).is_none() && attached.device(a).is_some());
        assert!(!attached.has_interfaces());
    }

    #[test]
    fn a_series_has_its_own_labels_and_those_attached() {
        let (device, port) = (DeviceId::new(), InterfaceId::new());
        let tags = ["core", "role=lab", "role=spare", "=odd"].map(str::to_owned);
        let of_device = OfDevice {
            name: "r1".to_owned(),
            site: Some("x".to_owned()),
            tags: tags.into(),
            ..OfDevice::default()
        };
        let attached = Attached::new([(device, of_device)], [interface(port, device, "eth0")]);
        let series = |device_id, labels| Series {
            id: model::SeriesId::new(),
            key: model::SeriesKey {
                device_id,
                metric: model::Metric::IF_HC_IN_OCTETS,
                labels,
            },
        };
        let labels = Labels::default().with(Labels::INTERFACE_ID, port.to_string());
        let of_port = series(device, labels);
        let told = attached.labels(&of_port);
        let told: Vec<String> = told.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let expected = [
            "device=r1".to_owned(),
            format!("device_id={device}"),
            "interface=eth0".to_owned(),
            format!("interface_id={port}"),
            "metric=ifHCInOctets".to_owned(),
            "role=lab,spare".to_owned(),
            "site=x".to_owned(),
            "tag==odd,core,role=lab,role=spare".to_owned(),
        ];
        assert_eq!(told, expected);
        assert_eq!(attached.value(&of_port, "vendor"), "");
        let of_network = series(NETWORK, Labels::default().with("site", "own"));
        assert_eq!(attached.value(&of_network, DEVICE_ID), "");
        assert_eq!(attached.value(&of_network, "site"), "own");
    }
}
