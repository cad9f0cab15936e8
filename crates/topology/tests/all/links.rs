//! Neighbours to links: who is at the other end, what both ends say, and what is no longer said.

use foretell_topology::links::{LINK_KEPT_UNREPORTED, infer, resolve_neighbors};
use foretell_topology::{Directory, Known};
use model::device::Identity;
use model::facts::NeighborFacts;
use model::interface::{IfStatus, Interface};
use model::link::Link;
use model::neighbor::{Neighbor, Protocol};
use model::{DeviceId, InterfaceId, Status, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

struct Device {
    id: DeviceId,
    name: String,
    address: IpAddr,
    identity: Identity,
    status: Status,
    interfaces: Vec<Arc<Interface>>,
    neighbors: Vec<Neighbor>,
}

struct Net {
    devices: Vec<Device>,
    now: Timestamp,
}

impl Net {
    /// `NAME PORT..`: devices r1, r2.. with chassis ids 02:00:00:00:00:0N, all ports up at 1 Gbit/s.
    fn new(spec: &[&str]) -> Self {
        let device = |(number, line): (usize, &&str)| {
            let id = DeviceId::new();
            let mut words = line.split_whitespace();
            let name = words.next().unwrap().to_owned();
            let interface = |(index, port): (usize, &str)| {
                Arc::new(Interface {
                    id: InterfaceId::new(),
                    device_id: id,
                    index: u32::try_from(index).unwrap() + 1,
                    name: port.to_owned(),
                    description: None,
                    alias: None,
                    kind: None,
                    speed_bps: Some(1_000_000_000),
                    mac: Some(format!("02:00:00:0{number}:01:{index:02}")),
                    mtu: None,
                    aggregate: None,
                    admin_status: Some(IfStatus::Up),
                    oper_status: Some(IfStatus::Up),
                    last_change_at: None,
                    present: true,
                })
            };
            Device {
                id,
                address: format!("192.0.2.{}", number + 1).parse().unwrap(),
                identity: Identity {
                    chassis_id: Some(format!("02:00:00:00:00:0{number}")),
                    sys_name: Some(name.clone()),
                    ..Identity::default()
                },
                name,
                status: Status::Up,
                interfaces: words.enumerate().map(interface).collect(),
                neighbors: Vec::new(),
            }
        };
        Self {
            devices: spec.iter().enumerate().map(device).collect(),
            now: Timestamp::from_unix_ms(1_000_000),
        }
    }

    fn directory(&self) -> Directory<'_> {
        Directory::new(self.devices.iter().map(|device| Known {
            device_id: device.id,
            name: &device.name,
            address: device.address,
            identity: &device.identity,
            status: device.status,
            maintenance: false,
            interfaces: &device.interfaces,
        }))
    }

    fn place(&self, name: &str) -> usize {
        self.devices
            .iter()
            .position(|device| device.name == name)
            .unwrap()
    }

    /// Replaces what the device reports.
    fn report(&mut self, name: &str, rows: &[NeighborFacts]) {
        let place = self.place(name);
        let device = &self.devices[place];
        let neighbors = resolve_neighbors(
            device.id,
            rows,
            &device.neighbors,
            &self.directory(),
            self.now,
        );
        self.devices[place].neighbors = neighbors;
    }

    fn hears(&self, port: &str, remote: &str, remote_port: &str) -> NeighborFacts {
        NeighborFacts {
            protocol: Some(Protocol::Lldp),
            local_interface: Some(port.to_owned()),
            remote_name: Some(remote.to_owned()),
            remote_port: Some(remote_port.to_owned()),
            remote_chassis_id: self.devices[self.place(remote)].identity.chassis_id.clone(),
            ..NeighborFacts::default()
        }
    }

    fn infer(&self, previous: &[Link]) -> Vec<Link> {
        let all = self.devices.iter().flat_map(|device| &device.neighbors);
        infer(all, previous, &self.directory(), self.now)
    }

    fn end(&self, device: DeviceId, interface: Option<InterfaceId>) -> String {
        let device = self.devices.iter().find(|d| d.id == device).unwrap();
        let interface = interface.map_or("?", |id| {
            device
                .interfaces
                .iter()
                .find(|i| i.id == id)
                .map_or("gone", |i| i.name.as_str())
        });
        format!("{}.{interface}", device.name)
    }

    fn told(&self, links: &[Link]) -> Vec<String> {
        let mut told: Vec<String> = links
            .iter()
            .map(|link| {
                let a = self.end(link.a.device_id, link.a.interface_id);
                let b = self.end(link.b.device_id, link.b.interface_id);
                format!("{a}-{b} {:?} {}", link.status, link.confidence)
            })
            .collect();
        told.sort();
        told
    }

    fn set_oper(&mut self, name: &str, port: &str, status: IfStatus) {
        let place = self.place(name);
        for interface in &mut self.devices[place].interfaces {
            if interface.name == port {
                Arc::make_mut(interface).oper_status = Some(status);
            }
        }
    }
}

/// A triangle in which both ends of each link report it.
fn triangle() -> Net {
    let mut net = Net::new(&["r1 eth0 eth1", "r2 eth0 eth1", "r3 eth0 eth1"]);
    let rows = [
        (
            "r1",
            vec![
                net.hears("eth0", "r2", "eth0"),
                net.hears("eth1", "r3", "eth0"),
            ],
        ),
        (
            "r2",
            vec![
                net.hears("eth0", "r1", "eth0"),
                net.hears("eth1", "r3", "eth1"),
            ],
        ),
        (
            "r3",
            vec![
                net.hears("eth0", "r1", "eth1"),
                net.hears("eth1", "r2", "eth1"),
            ],
        ),
    ];
    for (name, rows) in rows {
        net.report(name, &rows);
    }
    net
}

#[test]
fn both_ends_make_one_link() {
    let net = triangle();
    let links = net.infer(&[]);
    assert_eq!(
        net.told(&links),
        [
            "r1.eth0-r2.eth0 Up 1",
            "r1.eth1-r3.eth0 Up 1",
            "r2.eth1-r3.eth1 Up 1"
        ]
    );
    assert!(
        links
            .iter()
            .all(|link| link.evidence.len() == 2 && link.speed_bps == Some(1_000_000_000))
    );
    assert!(
        links[0].evidence[0].detail.contains("hears"),
        "{:?}",
        links[0].evidence
    );
    let again = net.infer(&links);
    assert_eq!(
        again, links,
        "the same reports give the same links with the same ids"
    );
}

#[test]
fn one_end_makes_a_link_of_less_confidence() {
    let mut net = Net::new(&["r1 eth0", "r2 eth0"]);
    net.report("r1", &[net.hears("eth0", "r2", "eth0")]);
    assert_eq!(net.told(&net.infer(&[])), ["r1.eth0-r2.eth0 Up 0.8"]);
}

#[test]
fn an_unknown_port_is_filled_in_by_the_other_end() {
    let mut net = Net::new(&["r1 eth0 eth1", "r2 eth0"]);
    net.report("r1", &[net.hears("eth1", "r2", "who knows")]);
    let before = net.infer(&[]);
    assert_eq!(net.told(&before), ["r1.eth1-r2.? Up 0.8"]);
    net.report("r2", &[net.hears("eth0", "r1", "no such port")]);
    let after = net.infer(&before);
    assert_eq!(net.told(&after), ["r1.eth1-r2.eth0 Up 1"]);
    assert_eq!(after[0].id, before[0].id);
}

#[test]
fn parallel_links_stay_apart() {
    let mut net = Net::new(&["r1 eth0 eth1", "r2 eth0 eth1"]);
    net.report(
        "r1",
        &[
            net.hears("eth0", "r2", "eth0"),
            net.hears("eth1", "r2", "eth1"),
        ],
    );
    net.report(
        "r2",
        &[
            net.hears("eth0", "r1", "eth0"),
            net.hears("eth1", "r1", "eth1"),
        ],
    );
    assert_eq!(
        net.told(&net.infer(&[])),
        ["r1.eth0-r2.eth0 Up 1", "r1.eth1-r2.eth1 Up 1"]
    );
}

#[test]
fn a_cut_cable_is_down_and_a_moved_one_is_gone() {
    let mut net = triangle();
    let links = net.infer(&[]);
    net.now = net.now.plus(Duration::from_secs(10));
    net.set_oper("r1", "eth0", IfStatus::Down);
    assert_eq!(
        net.told(&net.infer(&links))[0],
        "r1.eth0-r2.eth0 Down 1",
        "a port went down"
    );

    // Both ends stop hearing each other.
    net.report("r1", &[net.hears("eth1", "r3", "eth0")]);
    net.report("r2", &[net.hears("eth1", "r3", "eth1")]);
    let cut = net.infer(&links);
    assert_eq!(net.told(&cut)[0], "r1.eth0-r2.eth0 Down 1");
    assert_eq!(cut.len(), 3);

    let mut later = triangle();
    later.devices = net.devices;
    later.now = net.now.plus(LINK_KEPT_UNREPORTED);
    assert_eq!(later.infer(&cut).len(), 2, "forgotten after a day");

    // The cable of r1.eth0 is plugged into r3.
    later.set_oper("r1", "eth0", IfStatus::Up);
    later.now = net.now.plus(Duration::from_mins(1));
    later.report(
        "r1",
        &[
            later.hears("eth0", "r3", "eth9"),
            later.hears("eth1", "r3", "eth0"),
        ],
    );
    assert_eq!(
        later.told(&later.infer(&cut)),
        [
            "r1.eth0-r3.? Up 0.8",
            "r1.eth1-r3.eth0 Up 1",
            "r2.eth1-r3.eth1 Up 1"
        ]
    );
}

#[test]
fn a_device_that_does_not_answer_tells_nothing_of_its_ports() {
    let mut net = triangle();
    net.devices[0].status = Status::Down;
    net.devices[1].status = Status::Down;
    assert_eq!(
        net.told(&net.infer(&[])),
        [
            "r1.eth0-r2.eth0 Unknown 1",
            "r1.eth1-r3.eth0 Up 1",
            "r2.eth1-r3.eth1 Up 1"
        ]
    );
}

/// `known` names the device that should be found, or `-`.
fn remote(net: &Net, facts: &NeighborFacts, known: &str) {
    let found = resolve_neighbors(
        net.devices[0].id,
        std::slice::from_ref(facts),
        &[],
        &net.directory(),
        net.now,
    );
    let name = found[0].remote_device_id.map_or("-".to_owned(), |id| {
        net.devices
            .iter()
            .find(|device| device.id == id)
            .unwrap()
            .name
            .clone()
    });
    assert_eq!(name, known, "{facts:?}");
}

#[test]
fn a_neighbour_is_found_by_chassis_then_address_then_name() {
    let net = Net::new(&["r1 eth0", "r2 eth0 Gi0/1", "r3.example.net eth0"]);
    let facts = |chassis: Option<&str>, address: Option<&str>, name: Option<&str>| NeighborFacts {
        protocol: Some(Protocol::Lldp),
        remote_chassis_id: chassis.map(str::to_owned),
        remote_address: address.map(|address| address.parse().unwrap()),
        remote_name: name.map(str::to_owned),
        ..NeighborFacts::default()
    };
    remote(
        &net,
        &facts(Some("02:00:00:00:00:01"), None, Some("r3")),
        "r2",
    );
    remote(&net, &facts(Some("02:00:00:01:01:00"), None, None), "r2");
    remote(&net, &facts(None, Some("192.0.2.2"), Some("r3")), "r2");
    remote(&net, &facts(None, None, Some("R2")), "r2");
    remote(&net, &facts(None, None, Some("r3")), "r3.example.net");
    remote(&net, &facts(None, None, Some("r2(FOX1234)")), "r2");
    remote(&net, &facts(None, None, Some("r3.other.net")), "-");
    remote(
        &net,
        &facts(Some("02:aa:00:00:00:01"), None, Some("r2")),
        "-",
    );
    remote(
        &net,
        &facts(Some("02:aa:00:00:00:01"), Some("192.0.2.2"), None),
        "-",
    );
    remote(&net, &facts(None, None, Some("r1")), "-");

    let port = NeighborFacts {
        remote_port: Some("GigabitEthernet0/1".into()),
        ..facts(None, None, Some("r2"))
    };
    let found = resolve_neighbors(net.devices[0].id, &[port], &[], &net.directory(), net.now);
    assert_eq!(
        found[0].remote_interface_id,
        Some(net.devices[1].interfaces[1].id)
    );
}
