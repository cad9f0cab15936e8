//! Makes of device: what each says of itself, how it names and numbers its ports, what is built in.
//! Names, texts and numbers are made after what such devices are known to say; no two fields are
//! meant to be those of one real device.

use super::Role;

/// A make: one family of one vendor.
#[derive(Debug)]
pub struct Make {
    /// The vendor, as people write it.
    pub vendor: &'static str,
    /// Its operating system.
    pub os: &'static str,
    /// The version of it.
    pub version: &'static str,
    /// By how many ports for hosts it has, the smallest first.
    pub(crate) models: &'static [Model],
    /// sysDescr, with `{model}`, `{version}` and `{name}` in it.
    pub(crate) description: &'static str,
    /// The first three octets of its MACs.
    pub(crate) oui: [u8; 3],
    /// Ports for hosts.
    pub(crate) edge: Naming,
    /// Ports for links.
    pub(crate) uplink: Naming,
    /// Aggregates.
    pub(crate) aggregate: Naming,
    /// The interface that has the management address: ifName, ifType.
    pub(crate) management: (&'static str, i32),
    /// How ifIndex begins and goes on.
    pub(crate) first_index: u32,
    pub(crate) index_step: u32,
    /// What is built in, and how much.
    pub(crate) supplies: u8,
    pub(crate) fans: u8,
    pub(crate) processors: u8,
    pub(crate) memory_mb: u32,
    /// Objects of the vendor's own that tell its version: OID, with the text of `version`.
    pub(crate) version_object: Option<&'static [u32]>,
    /// The newest table of routes that it answers.
    pub(crate) routes: RouteTable,
}

/// A table of routes, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteTable {
    /// inetCidrRouteTable (RFC 4292).
    Inet,
    /// ipCidrRouteTable (RFC 2096).
    Cidr,
    /// ipRouteTable (RFC 1213), which has one next hop of a destination.
    Old,
}

/// A model of a make.
#[derive(Debug)]
pub(crate) struct Model {
    /// The most ports for hosts that it has.
    pub(crate) edge_max: u16,
    pub(crate) name: &'static str,
    /// The whole of sysObjectID.
    pub(crate) object_id: &'static [u32],
}

/// How ports are named: `{s}` is the slot, `{n}` the port of it.
#[derive(Debug)]
pub(crate) struct Naming {
    /// ifDescr.
    pub(crate) long: &'static str,
    /// ifName.
    pub(crate) short: &'static str,
    pub(crate) first_slot: u16,
    pub(crate) first: u16,
    /// Ports of a slot; the next slot begins after them.
    pub(crate) per_slot: u16,
}

impl Naming {
    pub(crate) fn long(&self, port: u16) -> String {
        self.fill(self.long, port)
    }

    pub(crate) fn short(&self, port: u16) -> String {
        self.fill(self.short, port)
    }

    fn fill(&self, pattern: &str, port: u16) -> String {
        let per_slot = self.per_slot.max(1);
        let slot = self.first_slot + port / per_slot;
        let number = self.first + port % per_slot;
        pattern
            .replace("{s}", &slot.to_string())
            .replace("{n}", &number.to_string())
    }
}

impl Make {
    /// The model that has so many ports for hosts; the largest, where none has.
    pub(crate) fn model(&self, edge: u16) -> &'static Model {
        static NONE: Model = Model {
            edge_max: 0,
            name: "generic",
            object_id: &[1, 3, 6, 1, 4, 1, 8072, 3, 2, 255],
        };
        self.models
            .iter()
            .find(|model| model.edge_max >= edge)
            .or(self.models.last())
            .unwrap_or(&NONE)
    }

    /// sysDescr of a device of this make.
    pub(crate) fn describe(&self, edge: u16, name: &str) -> String {
        self.description
            .replace("{model}", self.model(edge).name)
            .replace("{version}", self.version)
            .replace("{name}", name)
    }

    /// The makes that devices of a role are of.
    pub(crate) fn of_role(role: Role) -> &'static [&'static Self] {
        match role {
            Role::Core => const { &[&NEXUS, &ARISTA] },
            Role::Distribution => const { &[&CATALYST, &ARISTA] },
            Role::Access | Role::Node => const { &[&CATALYST, &PROCURVE, &JUNIPER_EX, &EXTREME] },
            Role::Gateway => const { &[&FORTIGATE] },
            Role::Server => const { &[&LINUX] },
            Role::Spine | Role::Leaf => const { &[&ARISTA, &NEXUS] },
            Role::Router => const { &[&JUNIPER_MX, &NOKIA, &CISCO_ISR] },
            Role::Hub => const { &[&CISCO_ISR, &JUNIPER_MX] },
            Role::Branch => const { &[&CISCO_ISR, &MIKROTIK] },
        }
    }
}

macro_rules! model {
    ($edge_max:literal, $name:literal, $($arc:literal)+) => {
        Model { edge_max: $edge_max, name: $name, object_id: &[1, 3, 6, 1, 4, 1, $($arc),+] }
    };
}

macro_rules! naming {
    ($long:literal, $short:literal, $first_slot:literal, $first:literal, $per_slot:expr) => {
        Naming {
            long: $long,
            short: $short,
            first_slot: $first_slot,
            first: $first,
            per_slot: $per_slot,
        }
    };
}

/// propVirtual, l3ipvlan, softwareLoopback, ethernetCsmacd. Source: IANAifType-MIB.
const PROP_VIRTUAL: i32 = 53;
const L3_IP_VLAN: i32 = 136;
const LOOPBACK: i32 = 24;
/// Ports of one slot where there is but one.
const ANY: u16 = u16::MAX;

static CATALYST: Make = Make {
    vendor: "Cisco",
    os: "IOS XE",
    version: "17.9.4",
    models: &[
        model!(24, "C9300-24T", 9 1 2435),
        model!(48, "C9300-48T", 9 1 2436),
        model!(512, "C9410R", 9 1 2497),
    ],
    description: "Cisco IOS Software [Cupertino], Catalyst L3 Switch Software (CAT9K_IOSXE), Version {version}, RELEASE SOFTWARE (fc5)\r\nTechnical Support: http://www.cisco.com/techsupport\r\nCopyright (c) 1986-2023 by Cisco Systems, Inc.",
    oui: [0x00, 0x1b, 0x54],
    edge: naming!("GigabitEthernet{s}/0/{n}", "Gi{s}/0/{n}", 1, 1, 48),
    uplink: naming!("TenGigabitEthernet{s}/1/{n}", "Te{s}/1/{n}", 1, 1, 48),
    aggregate: naming!("Port-channel{n}", "Po{n}", 0, 1, ANY),
    management: ("Vl1", PROP_VIRTUAL),
    first_index: 7,
    index_step: 1,
    supplies: 2,
    fans: 3,
    processors: 1,
    memory_mb: 8_192,
    version_object: None,
    routes: RouteTable::Inet,
};

static NEXUS: Make = Make {
    vendor: "Cisco",
    os: "NX-OS",
    version: "9.3(11)",
    models: &[
        model!(48, "N9K-C93180YC-FX", 9 12 3 1 3 1955),
        model!(512, "N9K-C9508", 9 12 3 1 3 1467),
    ],
    description: "Cisco NX-OS(tm) n9000, Software (n9000-dk9), Version {version}, RELEASE SOFTWARE Copyright (c) 2002-2023 by Cisco Systems, Inc.",
    oui: [0x00, 0x3a, 0x9c],
    edge: naming!("Ethernet{s}/{n}", "Eth{s}/{n}", 1, 1, 48),
    uplink: naming!("Ethernet{s}/{n}", "Eth{s}/{n}", 21, 1, 36),
    aggregate: naming!("port-channel{n}", "port-channel{n}", 0, 1, ANY),
    management: ("loopback0", LOOPBACK),
    first_index: 436_207_616,
    index_step: 4_096,
    supplies: 2,
    fans: 4,
    processors: 1,
    memory_mb: 24_576,
    version_object: None,
    routes: RouteTable::Inet,
};

static CISCO_ISR: Make = Make {
    vendor: "Cisco",
    os: "IOS XE",
    version: "17.6.5",
    models: &[
        model!(16, "ISR4451-X", 9 1 1707),
        model!(512, "ASR1006-X", 9 1 2144),
    ],
    description: "Cisco IOS Software [Bengaluru], ISR Software (X86_64_LINUX_IOSD-UNIVERSALK9-M), Version {version}, RELEASE SOFTWARE (fc2)\r\nTechnical Support: http://www.cisco.com/techsupport",
    oui: [0x00, 0x26, 0xcb],
    edge: naming!("GigabitEthernet0/{s}/{n}", "Gi0/{s}/{n}", 0, 0, 8),
    uplink: naming!("TenGigabitEthernet1/{s}/{n}", "Te1/{s}/{n}", 0, 0, 8),
    aggregate: naming!("Port-channel{n}", "Po{n}", 0, 1, ANY),
    management: ("Loopback0", LOOPBACK),
    first_index: 1,
    index_step: 1,
    supplies: 2,
    fans: 2,
    processors: 2,
    memory_mb: 8_192,
    version_object: None,
    routes: RouteTable::Inet,
};

static PROCURVE: Make = Make {
    vendor: "HP",
    os: "ProCurve",
    version: "YA.16.11.0012",
    models: &[
        model!(24, "J9776A", 11 2 3 7 11 143),
        model!(48, "J9775A", 11 2 3 7 11 142),
        model!(512, "J9851A", 11 2 3 7 11 160),
    ],
    description: "HP {model} 2530 Switch, revision {version}, ROM YA.15.20 (/ws/swbuildm/rel_ajanta_qaoff/code/build/lakes)",
    oui: [0x9c, 0x8e, 0x99],
    edge: naming!("{n}", "{n}", 1, 1, ANY),
    uplink: naming!("Trunk port {n}", "T{n}", 1, 1, ANY),
    aggregate: naming!("Trk{n}", "Trk{n}", 0, 1, ANY),
    management: ("DEFAULT_VLAN", PROP_VIRTUAL),
    first_index: 1,
    index_step: 1,
    supplies: 1,
    fans: 1,
    processors: 1,
    memory_mb: 512,
    version_object: None,
    routes: RouteTable::Old,
};

static JUNIPER_EX: Make = Make {
    vendor: "Juniper",
    os: "Junos",
    version: "20.4R3.8",
    models: &[
        model!(24, "ex3400-24t", 2636 1 1 1 2 131),
        model!(48, "ex3400-48t", 2636 1 1 1 2 132),
        model!(512, "ex9208", 2636 1 1 1 2 85),
    ],
    description: "Juniper Networks, Inc. {model} Ethernet Switch, kernel JUNOS {version}, Build date: 2022-03-25 04:12:33 UTC Copyright (c) 1996-2022 Juniper Networks, Inc.",
    oui: [0x3c, 0x61, 0x04],
    edge: naming!("ge-{s}/0/{n}", "ge-{s}/0/{n}", 0, 0, 48),
    uplink: naming!("xe-{s}/2/{n}", "xe-{s}/2/{n}", 0, 0, 48),
    aggregate: naming!("ae{n}", "ae{n}", 0, 0, ANY),
    management: ("vlan", L3_IP_VLAN),
    first_index: 503,
    index_step: 1,
    supplies: 2,
    fans: 2,
    processors: 1,
    memory_mb: 2_048,
    version_object: None,
    routes: RouteTable::Inet,
};

static JUNIPER_MX: Make = Make {
    vendor: "Juniper",
    os: "Junos",
    version: "21.4R3.15",
    models: &[model!(512, "mx204", 2636 1 1 1 2 150)],
    description: "Juniper Networks, Inc. {model} internet router, kernel JUNOS {version}, Build date: 2023-01-22 10:44:01 UTC Copyright (c) 1996-2023 Juniper Networks, Inc.",
    oui: [0x44, 0xf4, 0x77],
    edge: naming!("ge-{s}/0/{n}", "ge-{s}/0/{n}", 0, 0, 20),
    uplink: naming!("xe-{s}/1/{n}", "xe-{s}/1/{n}", 0, 0, 20),
    aggregate: naming!("ae{n}", "ae{n}", 0, 0, ANY),
    management: ("lo0", LOOPBACK),
    first_index: 513,
    index_step: 1,
    supplies: 2,
    fans: 3,
    processors: 1,
    memory_mb: 16_384,
    version_object: None,
    routes: RouteTable::Inet,
};

static ARISTA: Make = Make {
    vendor: "Arista",
    os: "EOS",
    version: "4.27.3F",
    models: &[
        model!(48, "DCS-7050SX3-48YC12", 30065 1 3011 7050 3741 48 2826 12),
        model!(512, "DCS-7508N", 30065 1 3011 7500 3),
    ],
    description: "Arista Networks EOS version {version} running on an Arista Networks {model}",
    oui: [0x00, 0x1c, 0x73],
    edge: naming!("Ethernet{n}", "Ethernet{n}", 1, 1, ANY),
    uplink: naming!("Ethernet{n}/1", "Ethernet{n}/1", 1, 49, ANY),
    aggregate: naming!("Port-Channel{n}", "Port-Channel{n}", 0, 1, ANY),
    management: ("Loopback0", LOOPBACK),
    first_index: 1,
    index_step: 1,
    supplies: 2,
    fans: 4,
    processors: 4,
    memory_mb: 16_384,
    version_object: None,
    routes: RouteTable::Inet,
};

static EXTREME: Make = Make {
    vendor: "Extreme Networks",
    os: "ExtremeXOS",
    version: "22.4.1.4",
    models: &[
        model!(24, "X460G2-24t-10G4", 1916 2 189),
        model!(48, "X460G2-48t-10G4", 1916 2 190),
        model!(512, "BD-X8", 1916 2 155),
    ],
    description: "ExtremeXOS ({model}) version {version} by release-manager on Wed Nov 29 14:02:51 EST 2017",
    oui: [0x00, 0x04, 0x96],
    edge: naming!("X460G2 Port {n}", "{s}:{n}", 1, 1, 48),
    uplink: naming!("X460G2 Uplink {s}:{n}", "u{s}:{n}", 1, 1, 48),
    aggregate: naming!("Load sharing group {n}", "lag{n}", 0, 1, ANY),
    management: ("Default", L3_IP_VLAN),
    first_index: 1_001,
    index_step: 1,
    supplies: 2,
    fans: 3,
    processors: 1,
    memory_mb: 1_024,
    version_object: None,
    routes: RouteTable::Inet,
};

static NOKIA: Make = Make {
    vendor: "Nokia",
    os: "TiMOS",
    version: "C-20.10.R4",
    models: &[model!(512, "7750", 6527 1 3 4)],
    description: "TiMOS-{version} cpm/hops64 Nokia {model} SR Copyright (c) 2000-2020 Nokia. All rights reserved.",
    oui: [0x00, 0x03, 0xfa],
    edge: naming!("{s}/1/{n}, 10/100/Gig Ethernet", "{s}/1/{n}", 1, 1, 40),
    uplink: naming!("{s}/2/{n}, 10-Gig Ethernet", "{s}/2/{n}", 1, 1, 40),
    aggregate: naming!("lag-{n}, LAG Group", "lag-{n}", 0, 1, ANY),
    management: ("system", LOOPBACK),
    first_index: 35_684_352,
    index_step: 32_768,
    supplies: 2,
    fans: 3,
    processors: 1,
    memory_mb: 16_384,
    version_object: None,
    routes: RouteTable::Inet,
};

static MIKROTIK: Make = Make {
    vendor: "MikroTik",
    os: "RouterOS",
    version: "7.11.2",
    models: &[model!(512, "CCR2004-16G-2S+", 14988 1)],
    description: "RouterOS {model}",
    oui: [0x48, 0x8f, 0x5a],
    edge: naming!("ether{n}", "ether{n}", 1, 1, ANY),
    uplink: naming!("sfp-sfpplus{n}", "sfp-sfpplus{n}", 1, 1, ANY),
    aggregate: naming!("bonding{n}", "bonding{n}", 0, 1, ANY),
    management: ("loopback", LOOPBACK),
    first_index: 1,
    index_step: 1,
    supplies: 1,
    fans: 2,
    processors: 4,
    memory_mb: 4_096,
    // MIKROTIK-MIB::mtxrLicVersion.0
    version_object: Some(&[1, 3, 6, 1, 4, 1, 14988, 1, 1, 4, 4, 0]),
    routes: RouteTable::Cidr,
};

static FORTIGATE: Make = Make {
    vendor: "Fortinet",
    os: "FortiOS",
    version: "7.2.5",
    models: &[model!(512, "FortiGate-1101E", 12356 101 1 11001)],
    description: "{model} at the way out",
    oui: [0x00, 0x09, 0x0f],
    edge: naming!("wan{n}", "wan{n}", 1, 1, ANY),
    uplink: naming!("port{n}", "port{n}", 1, 1, ANY),
    aggregate: naming!("lag{n}", "lag{n}", 0, 1, ANY),
    management: ("mgmt", LOOPBACK),
    first_index: 1,
    index_step: 1,
    supplies: 2,
    fans: 3,
    processors: 4,
    memory_mb: 16_384,
    // FORTINET-FORTIGATE-MIB::fgSysVersion.0
    version_object: Some(&[1, 3, 6, 1, 4, 1, 12356, 101, 4, 1, 1, 0]),
    routes: RouteTable::Inet,
};

static LINUX: Make = Make {
    vendor: "net-snmp",
    os: "Linux",
    version: "6.1.0-18-amd64",
    models: &[model!(512, "PowerEdge R650", 8072 3 2 10)],
    description: "Linux {name} {version} #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) x86_64",
    oui: [0x00, 0x50, 0x56],
    edge: naming!("veth{n}", "veth{n}", 0, 0, ANY),
    uplink: naming!("ens{n}", "ens{n}", 1, 192, ANY),
    aggregate: naming!("bond{n}", "bond{n}", 0, 0, ANY),
    management: ("lo", LOOPBACK),
    first_index: 1,
    index_step: 1,
    supplies: 2,
    fans: 6,
    processors: 8,
    memory_mb: 65_536,
    version_object: None,
    routes: RouteTable::Inet,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_makes_and_every_make_names_its_ports_apart() {
        for role in Role::ALL {
            assert!(!Make::of_role(role).is_empty(), "{role:?}");
            for make in Make::of_role(role) {
                let mut names: Vec<String> = (0..96).map(|port| make.edge.short(port)).collect();
                names.extend((0..60).map(|port| make.uplink.short(port)));
                names.extend((0..8).map(|port| make.aggregate.short(port)));
                names.push(make.management.0.to_owned());
                let all = names.len();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), all, "{} {}", make.vendor, make.os);
            }
        }
    }

    #[test]
    fn models_by_ports() {
        assert_eq!(CATALYST.model(20).name, "C9300-24T");
        assert_eq!(CATALYST.model(48).name, "C9300-48T");
        assert_eq!(CATALYST.model(96).name, "C9410R");
        assert!(JUNIPER_EX.describe(24, "x").contains("ex3400-24t"));
    }
}
