//! What is built into a device: names of ports, parts, sensors. Devices of the same make with as many
//! ports share it.

use crate::network::{Device, Make};
use crate::tables::Index;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Ports with optics whose light is measured: as many as a line card has; a chassis of hundreds would
/// fill a walk with them.
const OPTICS_MAX: u16 = 64;

/// What is built in.
#[derive(Debug)]
pub(crate) struct Hardware {
    /// ifName and ifDescr, by port.
    pub(crate) names: Vec<(Box<str>, Box<str>)>,
    pub(crate) parts: Vec<Part>,
    /// entPhysicalIndex of the parts.
    pub(crate) part_rows: Index,
    /// Places of the sensors among the parts, and their entPhysicalIndex.
    pub(crate) sensors: Vec<usize>,
    pub(crate) sensor_rows: Index,
    /// hrDeviceIndex of the processors.
    pub(crate) processor_rows: Index,
    pub(crate) storages: &'static [Storage],
    pub(crate) storage_rows: Index,
}

/// A part, as in entPhysicalTable.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) index: u32,
    pub(crate) within: u32,
    pub(crate) class: Class,
    pub(crate) place: u32,
    pub(crate) name: Box<str>,
    pub(crate) description: Box<str>,
    /// What it measures, where it is a sensor.
    pub(crate) sensor: Option<Sensor>,
    /// Which port it is.
    pub(crate) port: Option<u16>,
}

/// IANAPhysicalClass. Source: IANA-ENTITY-MIB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Chassis = 3,
    Supply = 6,
    Fan = 7,
    Sensor = 8,
    Module = 9,
    Port = 10,
}

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sensor {
    Inlet,
    Processor,
    Fan,
    Supply,
    /// Light that a port sends, and that it receives.
    SentLight(u16),
    ReceivedLight(u16),
}

/// A row of hrStorageTable.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) name: &'static str,
    pub(crate) kind: StorageKind,
    /// Octets of a unit.
    pub(crate) unit_len: i32,
    /// Megabytes; none is the make's memory.
    pub(crate) size_mb: Option<u32>,
}

/// Source: HOST-RESOURCES-TYPES (RFC 2790).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorageKind {
    Ram = 2,
    Virtual = 3,
    FixedDisk = 4,
    Flash = 9,
}

static OF_DEVICE: [Storage; 2] = [
    Storage {
        name: "Physical memory",
        kind: StorageKind::Ram,
        unit_len: 1024,
        size_mb: None,
    },
    Storage {
        name: "flash:",
        kind: StorageKind::Flash,
        unit_len: 4096,
        size_mb: Some(8_192),
    },
];

static OF_SERVER: [Storage; 5] = [
    Storage {
        name: "Physical memory",
        kind: StorageKind::Ram,
        unit_len: 1024,
        size_mb: None,
    },
    Storage {
        name: "Swap space",
        kind: StorageKind::Virtual,
        unit_len: 1024,
        size_mb: Some(8_192),
    },
    Storage {
        name: "/",
        kind: StorageKind::FixedDisk,
        unit_len: 4096,
        size_mb: Some(61_440),
    },
    Storage {
        name: "/var",
        kind: StorageKind::FixedDisk,
        unit_len: 4096,
        size_mb: Some(204_800),
    },
    Storage {
        name: "/srv",
        kind: StorageKind::FixedDisk,
        unit_len: 4096,
        size_mb: Some(1_843_200),
    },
];

/// The hardware of all devices, each kind once.
#[derive(Default)]
pub(crate) struct Store(Mutex<HashMap<Key, Arc<Hardware>>>);

/// The make, by its address; ports for hosts, for links, and all.
type Key = (usize, u16, u16, usize);

impl Store {
    pub(crate) fn of(&self, device: &Device) -> Arc<Hardware> {
        let make = std::ptr::from_ref::<Make>(device.make).addr();
        let key = (
            make,
            device.edge_ports,
            device.link_ports,
            device.ports().len(),
        );
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hardware = known.entry(key);
        Arc::clone(hardware.or_insert_with(|| Arc::new(Hardware::of(device))))
    }
}

impl Hardware {
    fn of(device: &Device) -> Self {
        let count = u16::try_from(device.ports().len()).unwrap_or(u16::MAX);
        let names = (0..count)
            .map(|port| {
                let (name, long) = (device.port_name(port), device.port_description(port));
                (name.into_boxed_str(), long.into_boxed_str())
            })
            .collect();
        let parts = parts(device);
        let sensors: Vec<usize> = (0..parts.len())
            .filter(|&place| parts.get(place).is_some_and(|part| part.sensor.is_some()))
            .collect();
        let storages: &'static [Storage] = if device.role == crate::network::Role::Server {
            &OF_SERVER
        } else {
            &OF_DEVICE
        };
        let numbers = |count: usize| Index::of_numbers(1..=u32::try_from(count).unwrap_or(0));
        Self {
            names,
            part_rows: Index::of_numbers(parts.iter().map(|part| part.index)),
            sensor_rows: Index::of_numbers(
                sensors
                    .iter()
                    .filter_map(|&place| parts.get(place))
                    .map(|part| part.index),
            ),
            sensors,
            parts,
            processor_rows: numbers(usize::from(device.make.processors)),
            storage_rows: numbers(storages.len()),
            storages,
        }
    }

    /// ifName of a port.
    pub(crate) fn name(&self, port: u16) -> &str {
        self.names
            .get(usize::from(port))
            .map_or("", |(name, _)| name)
    }

    /// ifDescr of a port.
    pub(crate) fn description(&self, port: u16) -> &str {
        self.names
            .get(usize::from(port))
            .map_or("", |(_, description)| description)
    }
}

/// The parts of a device, by rising index: the chassis, what is in it, the ports with optics.
fn parts(device: &Device) -> Vec<Part> {
    const CHASSIS: u32 = 1;
    const MODULE: u32 = 2;
    let mut parts = Vec::new();
    let mut add = |index, within, class, place, name: String, description: String| {
        parts.push(Part {
            index,
            within,
            class,
            place,
            name: name.into_boxed_str(),
            description: description.into_boxed_str(),
            sensor: None,
            port: None,
        });
    };
    let make = device.make;
    let chassis = format!("{} {} chassis", make.vendor, device.model());
    add(CHASSIS, 0, Class::Chassis, 0, "Chassis".to_owned(), chassis);
    let module = "Switching and management module".to_owned();
    add(
        MODULE,
        CHASSIS,
        Class::Module,
        0,
        "Slot 1".to_owned(),
        module,
    );
    for n in 1..=u32::from(make.supplies) {
        let name = format!("Power supply {n}");
        add(10 + n, CHASSIS, Class::Supply, n, name.clone(), name);
    }
    for n in 1..=u32::from(make.fans) {
        let name = format!("Fan {n}");
        add(30 + n, CHASSIS, Class::Fan, n, name.clone(), name);
    }
    let mut sensor = |index, within, name: String, sensor| {
        parts.push(Part {
            index,
            within,
            class: Class::Sensor,
            place: 1,
            description: format!("{name} sensor").into_boxed_str(),
            name: name.into_boxed_str(),
            sensor: Some(sensor),
            port: None,
        });
    };
    sensor(101, CHASSIS, "Inlet temperature".to_owned(), Sensor::Inlet);
    sensor(
        102,
        MODULE,
        "Processor temperature".to_owned(),
        Sensor::Processor,
    );
    for n in 1..=u32::from(make.supplies) {
        sensor(
            110 + n,
            10 + n,
            format!("Power supply {n} output"),
            Sensor::Supply,
        );
    }
    for n in 1..=u32::from(make.fans) {
        sensor(130 + n, 30 + n, format!("Fan {n} speed"), Sensor::Fan);
    }
    if device.role != crate::network::Role::Server {
        for n in 0..device.link_ports.min(OPTICS_MAX) {
            optics(&mut parts, device, n);
        }
    }
    parts
}

/// A port for links with its optics.
fn optics(parts: &mut Vec<Part>, device: &Device, n: u16) {
    let port = device.edge_ports + n;
    let name = device.port_name(port);
    let index = 1_000 + 10 * u32::from(n);
    let make = |index, within, class, name: String, sensor, port| Part {
        index,
        within,
        class,
        place: u32::from(n) + 1,
        description: name.clone().into_boxed_str(),
        name: name.into_boxed_str(),
        sensor,
        port,
    };
    parts.push(make(index, 2, Class::Port, name.clone(), None, Some(port)));
    let sent = format!("{name} transmit power");
    let received = format!("{name} receive power");
    for (place, name, sensor) in [
        (1, sent, Sensor::SentLight(port)),
        (2, received, Sensor::ReceivedLight(port)),
    ] {
        parts.push(make(
            index + place,
            index,
            Class::Sensor,
            name,
            Some(sensor),
            Some(port),
        ));
    }
}
