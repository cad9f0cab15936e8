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
