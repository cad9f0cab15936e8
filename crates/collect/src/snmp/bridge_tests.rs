//! Ports of bridges and of VLANs, over rows written out.

use super::tests::{read, rows};
use super::{Look, bridge_ports, q_bridge};
use model::facts::StpState;
use std::fmt::Write as _;

/// Bridge ports 1 to 20, which are interfaces 101 to 120.
fn ports() -> String {
    (1..=20).fold(String::new(), |mut lines, port| {
        writeln!(lines, "2.1.17.1.4.1.2.{port} int {}", 100 + port).unwrap();
        lines
    })
}

/// Name, untagged and tagged ports of each VLAN.
fn vlans(look: &Look) -> Vec<String> {
    let list = |ports: &Option<Vec<u32>>| match ports {
        Some(ports) => ports
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(","),
        None => "?".to_owned(),
    };
    let rows = look.facts.vlans.iter();
    rows.map(|row| {
        let id = row.id.unwrap();
        let name = row.name.as_deref().unwrap_or("-");
        format!(
            "{id} {name} u {} t {}",
            list(&row.untagged),
            list(&row.tagged)
        )
    })
    .collect()
}

fn defects(look: &Look, name: &str) -> u64 {
    look.defects.by_name().get(name).copied().unwrap_or(0)
}

#[test]
fn ports_of_vlans_are_interfaces() {
    let look = read(
        &(ports()
            + "2.1.17.7.1.4.3.1.1.10 text office
         2.1.17.7.1.4.3.1.1.20 text guests
         2.1.17.7.1.4.3.1.1.30 text spare
         2.1.17.7.1.4.2.1.3.0.10 gauge 10
         2.1.17.7.1.4.2.1.4.0.10 hex c0 01 10
         2.1.17.7.1.4.2.1.5.0.10 hex 40 01 00
         2.1.17.7.1.4.2.1.3.0.20 gauge 20
         2.1.17.7.1.4.2.1.4.0.20 hex 00 00 00
         2.1.17.7.1.4.2.1.5.0.20 hex 00 00 00"),
    );
    assert_eq!(
        vlans(&look),
        [
            "10 office u 102,116 t 101,120",
            "20 guests u  t ",
            "30 spare u ? t ?",
        ]
    );
    assert!(look.defects.is_empty(), "{:?}", look.defects);
}

#[test]
fn ports_that_were_set_up_stand_in_where_there_is_no_current_table() {
    let fixed = "2.1.17.7.1.4.3.1.1.10 text office
         2.1.17.7.1.4.3.1.2.10 hex c0
         2.1.17.7.1.4.3.1.4.10 hex 40\n";
    let look = read(&(ports() + fixed));
    assert_eq!(vlans(&look), ["10 office u 102 t 101"]);
    // The latest time mark tells how it is now.
    let current = "2.1.17.7.1.4.2.1.3.5.10 gauge 10
         2.1.17.7.1.4.2.1.4.5.10 hex 10
         2.1.17.7.1.4.2.1.5.5.10 hex 10
         2.1.17.7.1.4.2.1.4.77.10 hex 30
         2.1.17.7.1.4.2.1.5.77.10 hex 10\n";
    let look = read(&(ports() + fixed + current));
    assert_eq!(vlans(&look), ["10 office u 104 t 103"]);
    for (lines, lacks) in [
        (fixed.to_owned(), true),
        (fixed.to_owned() + current, false),
        (ports(), false),
    ] {
        assert_eq!(q_bridge::lacks_ports(&rows(&lines)), lacks, "{lines}");
    }
}

#[test]
fn lists_of_ports_that_lie_cost_only_what_they_lie_about() {
    let vlan = |egress: &str, untagged: &str| {
        let lines = format!(
            "2.1.17.7.1.4.3.1.1.10 text office
             2.1.17.7.1.4.2.1.4.0.10 {egress}
             2.1.17.7.1.4.2.1.5.0.10 {untagged}"
        );
        read(&(ports() + &lines))
    };
    let long = format!("hex 80{}", " 00".repeat(1_024));
    for (egress, untagged, kept, wrong) in [
        // Port 24 is no interface.
        ("hex 80 00 01", "hex 00", "10 office u  t 101", 1),
        // What leaves without a tag by a port that it does not leave by.
        ("hex 80", "hex c0", "10 office u 101 t ", 0),
        (&long, "hex 00", "10 office u  t 101", 1),
        ("text", "text", "10 office u  t ", 0),
        ("int 5", "hex 80", "10 office u ? t ?", 0),
        ("hex 80", "int 5", "10 office u ? t ?", 0),
        // Written out, which is taken for bits.
        (
            "text 9,99",
            "hex 00",
            "10 office u  t 103,104,105,108,111,113,114,119,120",
            1,
        ),
    ] {
        let look = vlan(egress, untagged);
        assert_eq!(vlans(&look), [kept], "{egress} {untagged}");
        assert_eq!(defects(&look, "wrong_index"), wrong, "{egress} {untagged}");
    }
    // Where the index is another number than the VLAN's, nothing is told of its ports.
    let written = "2.1.17.7.1.4.3.1.1.10 text office
         2.1.17.7.1.4.3.1.2.10 text 0,12
         2.1.17.7.1.4.3.1.4.10 text 0\n";
    let look = read(&(ports() + "2.1.1.2.0 oid 4.1.2636.1.1.1.2.31\n" + written));
    assert_eq!(vlans(&look), ["10 office u ? t ?"]);
    // Ports that are said to be no interfaces, or nonsense.
    let look = read(
        "2.1.17.1.4.1.2.1 int 0
         2.1.17.1.4.1.2.2 int -4
         2.1.17.1.4.1.2.3.1 int 4
         2.1.17.7.1.4.3.1.1.10 text office
         2.1.17.7.1.4.3.1.2.10 hex 80
         2.1.17.7.1.4.3.1.4.10 hex 80",
    );
    assert_eq!(vlans(&look), ["10 office u ? t ?"]);
    assert_eq!(
        (
            defects(&look, "absurd_value"),
            defects(&look, "wrong_index")
        ),
        (1, 1)
    );
}

#[test]
fn vlans_beyond_the_bound_on_ports_are_told_without_them() {
    let mut lines = (1..=1_000).fold(String::new(), |mut lines, port| {
        writeln!(lines, "2.1.17.1.4.1.2.{port} int {port}").unwrap();
        lines
    });
    let all = " ff".repeat(125);
    for vlan in 1..=32 {
        writeln!(lines, "2.1.17.7.1.4.3.1.1.{vlan} text v").unwrap();
        writeln!(lines, "2.1.17.7.1.4.3.1.2.{vlan} hex{all}").unwrap();
        writeln!(lines, "2.1.17.7.1.4.3.1.4.{vlan} hex 00").unwrap();
    }
    let look = read(&lines);
    let rows = &look.facts.vlans;
    let told = rows.iter().filter_map(|row| row.tagged.as_ref()).flatten();
    assert_eq!((rows.len(), told.count()), (32, q_bridge::MEMBERSHIPS_MAX));
    assert_eq!(defects(&look, "too_many_rows"), 2);
}

#[test]
fn interfaces_have_their_vlan_and_their_state_in_the_spanning_tree() {
    let look = read(
        &(ports()
            + "2.1.17.7.1.4.5.1.1.1 gauge 10
         2.1.17.2.15.1.3.1 int 5
         2.1.17.7.1.4.5.1.1.2 gauge 0
         2.1.17.2.15.1.3.2 int 2
         2.1.17.7.1.4.5.1.1.3 gauge 4095
         2.1.17.2.15.1.3.3 int 7
         2.1.17.7.1.4.5.1.1.99 gauge 10
         2.1.17.2.15.1.3.4 int 1"),
    );
    let ports = look.facts.bridge_ports.iter();
    let found: Vec<_> = ports
        .map(|port| (port.index.unwrap(), port.pvid, port.stp_state))
        .collect();
    assert_eq!(
        found,
        [
            (101, Some(10), Some(StpState::Forwarding)),
            (102, None, Some(StpState::Blocking)),
            (104, None, Some(StpState::Disabled)),
        ]
    );
    assert_eq!(defects(&look, "absurd_value"), 2);
}

#[test]
fn ports_beyond_the_bound_are_counted() {
    let most = u32::try_from(bridge_ports::BRIDGE_PORTS_MAX).unwrap();
    let mut lines = String::new();
    for port in 1..=most + 3 {
        writeln!(lines, "2.1.17.1.4.1.2.{port} int {port}").unwrap();
        writeln!(lines, "2.1.17.7.1.4.5.1.1.{port} gauge 1").unwrap();
    }
    let look = read(&lines);
    assert_eq!(
        look.facts.bridge_ports.len(),
        bridge_ports::BRIDGE_PORTS_MAX
    );
    assert_eq!(defects(&look, "too_many_rows"), 1);
}
