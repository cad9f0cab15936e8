//! Senders and interfaces by cases.

use super::KnownBy::{EngineId, NamedAddress, SourceAddress};
use super::*;
use model::Timestamp;
use model::device::{Said, Typed};

fn device(at: &str, engine: Option<&str>, own: &[&str]) -> Device {
    Device {
        id: DeviceId::new(),
        address: at.parse().unwrap(),
        port: 161,
        vantage: "local".to_owned(),
        typed: Typed::default(),
        said: Said::default(),
        identity: Identity {
            engine_id: engine.map(str::to_owned),
            addresses: own.iter().map(|text| text.parse().unwrap()).collect(),
            ..Identity::default()
        },
        credential_id: None,
        interval_secs: 60,
        maintenance: None,
        created_at: Timestamp::default(),
        conflict: None,
        replaced_at: Vec::new(),
    }
}

#[test]
fn a_sender_is_known_by_its_engine_then_by_what_it_names_then_by_its_address() {
    let devices = [
        device(
            "192.0.2.1",
            Some("80001f8880aa000001"),
            &["10.0.0.1", "198.51.100.1"],
        ),
        device(
            "192.0.2.2",
            Some("80001f8880aa000002"),
            &["10.0.0.2", "198.51.100.1"],
        ),
        device("192.0.2.3", None, &["192.0.2.2"]),
        device("127.0.0.1", None, &[]),
        device("127.0.0.1", None, &[]),
    ];
    let senders = Senders::new(&devices);
    let check = |engine: Option<&str>, named: Option<&str>, source: &str, expected| {
        let engine = engine.map(|hex| octets(hex).unwrap());
        let claims = Claims {
            engine_id: engine.as_deref(),
            named: named.map(|text| text.parse().unwrap()),
            source: source.parse().unwrap(),
        };
        let place = |id| devices.iter().position(|device| device.id == id).unwrap();
        let found = senders.find(&claims).map(|(id, by)| (place(id), by));
        assert_eq!(found, expected, "{claims:?}");
    };
    check(None, None, "192.0.2.1", Some((0, SourceAddress)));
    check(None, None, "::ffff:192.0.2.1", Some((0, SourceAddress)));
    check(None, None, "10.0.0.2", Some((1, SourceAddress)));
    check(
        Some("80001f8880aa000002"),
        Some("192.0.2.3"),
        "192.0.2.1",
        Some((1, EngineId)),
    );
    check(
        Some("80001f8880aa0000ff"),
        Some("192.0.2.3"),
        "192.0.2.1",
        Some((2, NamedAddress)),
    );
    // A proxy that is no device passes on what a device said.
    check(
        None,
        Some("10.0.0.1"),
        "203.0.113.9",
        Some((0, NamedAddress)),
    );
    // Where a device is asked goes before what another says of its own addresses.
    check(None, None, "192.0.2.2", Some((1, SourceAddress)));
    // An address that two have tells nothing.
    check(None, None, "198.51.100.1", None);
    check(None, None, "127.0.0.1", None);
    check(None, None, "203.0.113.9", None);
}

#[test]
fn what_an_agent_names_that_does_not_know_its_address_is_not_its_device() {
    let devices = [
        device("127.0.0.1", None, &[]),
        device("192.0.2.1", None, &["169.254.0.1", "fe80::1"]),
        device("192.0.2.2", None, &[]),
    ];
    let senders = Senders::new(&devices);
    let check = |named: &str, source: &str, expected| {
        let claims = Claims {
            engine_id: None,
            named: Some(named.parse().unwrap()),
            source: source.parse().unwrap(),
        };
        let place = |id| devices.iter().position(|device| device.id == id).unwrap();
        let found = senders.find(&claims).map(|(id, by)| (place(id), by));
        assert_eq!(found, expected, "{claims:?}");
    };
    for named in [
        "127.0.0.1",
        "169.254.0.1",
        "fe80::1",
        "224.0.0.5",
        "0.0.0.0",
        "::ffff:127.0.0.1",
    ] {
        check(named, "192.0.2.2", Some((2, SourceAddress)));
        check(named, "203.0.113.9", None);
    }
    // Simulated devices.
    check("127.0.0.1", "127.0.0.1", Some((0, NamedAddress)));
    check("127.0.0.1", "127.0.0.9", Some((0, NamedAddress)));
    check("192.0.2.1", "127.0.0.1", Some((1, NamedAddress)));
}

fn called(at: &str, sys_name: Option<&str>, typed: Option<&str>, own: &[&str]) -> Device {
    let mut device = device(at, None, own);
    device.identity.sys_name = sys_name.map(str::to_owned);
    device.typed.name = typed.map(str::to_owned);
    device
}

#[test]
fn a_sender_is_the_device_of_its_address() {
    let devices = [
        called(
            "192.0.2.1",
            Some("core.example.net"),
            None,
            &["198.51.100.1", "127.0.0.1"],
        ),
        called(
            "192.0.2.2",
            Some("edge"),
            None,
            &["192.0.2.2", "2001:db8::2"],
        ),
        called("127.0.0.1", Some("sim-1"), None, &[]),
        called("127.0.0.1", Some("sim-2"), None, &[]),
        // Where one is asked, another says that it is.
        called("192.0.2.3", Some("other"), None, &["192.0.2.2"]),
        // Two of one short name, and two that are named by addresses.
        called("192.0.2.9", Some("sw1.ber.example.net"), None, &[]),
        called("192.0.2.9", Some("sw1.par.example.net"), None, &[]),
        called("192.0.2.9", Some("sw2.par.example.net"), Some("desk"), &[]),
        called("192.0.2.9", Some("10.1.1.1"), None, &[]),
        called("192.0.2.9", Some("10"), None, &[]),
    ];
    let senders = Senders::new(&devices);
    for (source, host, expected) in [
        ("192.0.2.1", None, Some(0)),
        ("198.51.100.1", Some("anything"), Some(0)),
        ("::ffff:192.0.2.2", None, Some(1)),
        ("192.0.2.2", Some("other"), Some(1)),
        ("2001:db8::2", None, Some(1)),
        ("203.0.113.9", Some("edge"), None),
        ("127.0.0.1", None, None),
        ("127.0.0.1", Some("SIM-2.lab."), Some(3)),
        ("127.0.0.1", Some("core"), None),
        ("192.0.2.9", Some("SW1.ber.example.net"), Some(5)),
        ("192.0.2.9", Some("sw1"), None),
        ("192.0.2.9", Some("sw1.rom.example.net"), None),
        ("192.0.2.9", Some("sw2"), Some(7)),
        ("192.0.2.9", Some("desk.example.net"), Some(7)),
        ("192.0.2.9", Some("10.1.1.1"), Some(8)),
        ("192.0.2.9", Some("10.2.2.2"), None),
    ] {
        let found = senders.at(source.parse().unwrap(), host);
        let expected = expected.map(|at: usize| devices[at].id);
        assert_eq!(found, expected, "{source} {host:?}");
    }
}

#[test]
fn devices_of_one_address_beyond_the_bound_are_not_told_apart() {
    let devices: Vec<Device> = (0..SHARED_MAX + 2)
        .map(|at| called("192.0.2.1", Some(&format!("sw{at}")), None, &[]))
        .collect();
    let senders = Senders::new(&devices);
    let at = |host: &str| senders.at("192.0.2.1".parse().unwrap(), Some(host));
    assert_eq!(at("sw0"), Some(devices[0].id));
    assert_eq!(at("sw65"), None);
}

fn row(index: u32, name: &str, description: &str) -> Arc<Interface> {
    Arc::new(Interface {
        id: InterfaceId::new(),
        device_id: DeviceId::new(),
        index,
        name: name.to_owned(),
        description: Some(description.to_owned()),
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
fn an_interface_by_its_name_before_its_index() {
    let mut rows = vec![
        row(1, "Gi0/1", "GigabitEthernet0/1"),
        row(2, "Gi0/2", "GigabitEthernet0/2"),
        row(3, "eth", "Ethernet"),
        row(4, "eth", "Ethernet"),
    ];
    let mut gone = (*row(5, "Gi0/9", "GigabitEthernet0/9")).clone();
    gone.present = false;
    rows.push(Arc::new(gone));
    let check = |index, name, description, expected: Option<usize>| {
        let clues = PortClues {
            index,
            name,
            description,
        };
        let expected = expected.map(|place| rows[place].id);
        assert_eq!(interface(&rows, clues), expected, "{clues:?}");
    };
    check(Some(2), None, None, Some(1));
    // It was renumbered since the last poll.
    check(Some(2), Some("Gi0/1"), None, Some(0));
    check(Some(2), None, Some("GigabitEthernet0/1"), Some(0));
    // net-snmp says as ifDescr what is ifName elsewhere.
    check(None, None, Some("Gi0/2"), Some(1));
    check(Some(4), None, Some("Ethernet"), Some(3));
    check(None, Some("eth"), None, None);
    check(Some(5), None, None, None);
    check(Some(77), None, None, None);
    check(None, None, None, None);
}
