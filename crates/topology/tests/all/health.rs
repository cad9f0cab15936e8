//! The one formula, by cases that can be reckoned by hand.

use foretell_topology::{Known, health};
use model::device::Identity;
use model::interface::{IfStatus, Interface};
use model::link::{End, Link, LinkStatus};
use model::{DeviceId, InterfaceId, LinkId, Status, Timestamp};
use std::sync::Arc;

struct Device {
    id: DeviceId,
    status: Status,
    maintenance: bool,
    interfaces: Vec<Arc<Interface>>,
}

/// `up up:up,down,shut` is a device with its ports; `*` marks maintenance; `never` is a port that
/// was down from the first look.
fn device(text: &str) -> Device {
    let id = DeviceId::new();
    let (status, ports) = text.split_once(':').unwrap_or((text, ""));
    let maintenance = status.ends_with('*');
    let port = |(index, port): (usize, &str)| {
        Arc::new(Interface {
            id: InterfaceId::new(),
            device_id: id,
            index: u32::try_from(index).unwrap(),
            name: format!("eth{index}"),
            description: None,
            alias: None,
            kind: None,
            speed_bps: None,
            mac: None,
            mtu: None,
            aggregate: None,
            admin_status: Some(if port == "shut" {
                IfStatus::Down
            } else {
                IfStatus::Up
            }),
            oper_status: Some(if port == "up" {
                IfStatus::Up
            } else {
                IfStatus::Down
            }),
            last_change_at: (port == "down").then_some(Timestamp::from_unix_ms(1)),
            present: true,
        })
    };
    Device {
        id,
        status: match status.trim_end_matches('*') {
            "up" => Status::Up,
            "degraded" => Status::Degraded,
            "down" => Status::Down,
            _ => Status::Unknown,
        },
        maintenance,
        interfaces: ports
            .split(',')
            .filter(|p| !p.is_empty())
            .enumerate()
            .map(port)
            .collect(),
    }
}

/// `links` are `A-B STATUS` by place of the device.
fn check(
    devices: &[&str],
    links: &[(usize, usize, LinkStatus)],
    expected: Option<f64>,
) -> model::health::Health {
    let devices: Vec<Device> = devices.iter().map(|text| device(text)).collect();
    let identity = Identity::default();
    let links: Vec<Link> = links
        .iter()
        .map(|(a, b, status)| Link {
            id: LinkId::new(),
            a: End {
                device_id: devices[*a].id,
                interface_id: None,
            },
            b: End {
                device_id: devices[*b].id,
                interface_id: None,
            },
            status: *status,
            confidence: 1.0,
            evidence: vec![],
            speed_bps: None,
            first_seen_at: Timestamp::default(),
            last_seen_at: Timestamp::default(),
        })
        .collect();
    let known = devices.iter().map(|device| Known {
        device_id: device.id,
        name: "d",
        address: "192.0.2.1".parse().unwrap(),
        identity: &identity,
        status: device.status,
        maintenance: device.maintenance,
        interfaces: &device.interfaces,
    });
    let health = health::assess(known, &links, []);
    match (health.score, expected) {
        (Some(score), Some(expected)) => {
            assert!((score - expected).abs() < 1e-9, "{score} is not {expected}");
        }
        (score, expected) => assert_eq!(score, expected),
    }
    health
}

#[test]
fn the_formula_by_hand() {
    use LinkStatus::{Down, Up};
    check(&[], &[], None);
    check(&["unknown"], &[], None);
    check(&["up", "up"], &[], Some(1.0));
    check(&["up", "degraded", "down"], &[], Some(0.5));
    // Devices: weights 3, 2, 2 of which the one with two links is down: 4/7. Links: 1/2.
    check(
        &["down", "up", "up"],
        &[(0, 1, Down), (0, 2, Up)],
        Some(f64::midpoint(4.0 / 7.0, 0.5)),
    );
    // Interfaces: one up, one down, one shut, one never used.
    let health = check(
        &["up:up,down,shut,never"],
        &[],
        Some(f64::midpoint(1.0, 0.5)),
    );
    assert_eq!(health.interfaces.maintenance, 1);
    assert_eq!(health.interfaces.unknown, 1);
}

#[test]
fn maintenance_takes_no_part() {
    let health = check(
        &["up", "down*:down,down"],
        &[(0, 1, LinkStatus::Down)],
        Some(1.0),
    );
    assert_eq!(
        (
            health.devices.maintenance,
            health.interfaces.maintenance,
            health.links.maintenance
        ),
        (1, 2, 1)
    );
}

#[test]
fn a_device_that_does_not_answer_counts_once() {
    let health = check(&["up", "down:down,up"], &[], Some(0.5));
    assert_eq!(health.interfaces.unknown, 2);
}

#[test]
fn checks_of_services_are_a_kind_of_their_own() {
    let check = |status| health::Checked {
        device_id: None,
        status,
    };
    let none: [Known<'_>; 0] = [];
    let links: [Link; 0] = [];
    let checks = [Status::Up, Status::Down, Status::Degraded, Status::Unknown].map(check);
    let health = health::assess(none, &links, checks);
    assert_eq!(health.score, Some(0.5));
    assert_eq!((health.checks.up, health.checks.unknown), (1, 1));
}
