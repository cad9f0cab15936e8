//! An interface keeps its id while the agent renumbers, renames and swaps.

use foretell_topology::interfaces::{ABSENT_INTERFACES_MAX, Assignment, Change, assign};
use model::facts::InterfaceFacts;
use model::interface::{IfStatus, Interface};
use model::{DeviceId, InterfaceId, Timestamp};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

/// `INDEX NAME [descr=.. mac=NN alias=.. up|down]`, one a line or separated by `;`.
fn rows(text: &str) -> Vec<InterfaceFacts> {
    text.split(';')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut row = InterfaceFacts {
                index: words.next().unwrap().parse().ok(),
                name: words.next().filter(|name| *name != "-").map(str::to_owned),
                ..InterfaceFacts::default()
            };
            for word in words {
                match word.split_once('=') {
                    Some(("descr", value)) => row.description = Some(value.to_owned()),
                    Some(("mac", value)) => row.mac = Some(format!("02:00:00:00:00:{value}")),
                    Some(("alias", value)) => row.alias = Some(value.to_owned()),
                    None if word == "up" => row.oper_status = Some(IfStatus::Up),
                    None if word == "down" => row.oper_status = Some(IfStatus::Down),
                    _ => panic!("{word}"),
                }
            }
            row
        })
        .collect()
}

fn first(text: &str) -> Assignment {
    assign(&[], &rows(text), true, DeviceId::new(), NOW)
}

fn then(before: &Assignment, text: &str) -> Assignment {
    assign(&before.interfaces, &rows(text), true, DeviceId::new(), NOW)
}

/// `expected` is `NEW=OLD` by ifIndex, or `NEW=new`, separated by spaces.
fn check(before: &str, after: &str, expected: &str, reports: usize) {
    let before_rows = first(before);
    let assigned = then(&before_rows, after);
    let got: Vec<String> = assigned
        .by_index
        .iter()
        .map(|(index, id)| {
            let old = before_rows.by_index.iter().find(|(_, old)| *old == id);
            format!(
                "{index}={}",
                old.map_or("new".into(), |(index, _)| index.to_string())
            )
        })
        .collect();
    assert_eq!(got.join(" "), expected, "{before} -> {after}");
    assert_eq!(
        assigned.reports.len(),
        reports,
        "{after}: {:?}",
        assigned.reports
    );
}

#[test]
fn identity_survives_renumbering_and_renaming() {
    check(
        "1 lo; 2 eth0; 3 eth1",
        "1 lo; 12 eth0; 13 eth1",
        "1=1 12=2 13=3",
        0,
    );
    check(
        "1 lo; 2 eth0; 3 eth1",
        "1 lo; 2 eth1; 3 eth0",
        "1=1 2=3 3=2",
        0,
    );
    check("1 eth0", "2 eth0; 1 eth9", "1=new 2=1", 0);
    check("1 eth0 descr=port-a", "5 uplink descr=port-a", "5=1", 0);
    check("1 eth0 mac=0a", "1 lan mac=0a", "1=1", 0);
    check("1 eth0 alias=to-core", "1 ge0 alias=to-core", "1=1", 0);
    check("1 eth0", "1 ge0", "1=new", 0);
    check(
        "1 - descr=a; 2 - descr=b",
        "1 - descr=b; 2 - descr=a",
        "1=2 2=1",
        0,
    );
}

#[test]
fn a_value_that_several_share_identifies_none() {
    // VLANs share their parent's MAC: a new one does not take over the id of one that is gone.
    check(
        "1 eth0 mac=0a; 2 eth0.10 mac=0a",
        "1 eth0 mac=0a; 3 eth0.20 mac=0a",
        "1=1 3=new",
        0,
    );
    check(
        "1 eth0 alias=x; 2 eth1 alias=x",
        "1 eth0 alias=x; 3 eth2 alias=x",
        "1=1 3=new",
        0,
    );
}

#[test]
fn duplicates_are_told_apart_by_index_and_reported() {
    check(
        "1 Port; 2 Port; 3 Port",
        "1 Port; 2 Port; 3 Port",
        "1=1 2=2 3=3",
        1,
    );
    check(
        "1 Port; 2 Port; 3 Port",
        "11 Port; 12 Port; 13 Port",
        "11=1 12=2 13=3",
        1,
    );
    check(
        "1 Port mac=0a; 2 Port mac=0b",
        "1 Port mac=0b; 2 Port mac=0a",
        "1=2 2=1",
        1,
    );
    check("1 Port; 2 Port", "2 Port", "2=2", 0);
    check(
        "1 Port; 2 Port",
        "1 Port; 2 Port; 7 Port",
        "1=1 2=2 7=new",
        1,
    );
    check("1 a", "1 a; 1 b; 1 c", "1=1", 1);
}

#[test]
fn what_is_gone_is_remembered_and_comes_back() {
    let one = first("1 eth0 up; 2 eth1 up");
    let gone = then(&one, "1 eth0 up");
    let eth1 = one.by_index[&2];
    assert!(gone.changes.contains(&Change::Vanished { id: eth1 }));
    assert!(gone.changes.contains(&Change::OperStatus {
        id: eth1,
        from: Some(IfStatus::Up),
        to: None
    }));
    let back = then(&gone, "1 eth0 up; 9 eth1 up");
    assert_eq!(back.by_index[&9], eth1);
    assert!(back.changes.contains(&Change::Returned { id: eth1 }));

    let cut_short = assign(
        &one.interfaces,
        &rows("1 eth0 up"),
        false,
        DeviceId::new(),
        NOW,
    );
    assert!(cut_short.changes.is_empty(), "{:?}", cut_short.changes);
    assert!(
        cut_short
            .interfaces
            .iter()
            .all(|interface| interface.present)
    );
}

#[test]
fn counters_without_names_go_by_index() {
    let one = first("1 eth0 up; 2 eth1 up");
    let poll = |text: &str| assign(&one.interfaces, &rows(text), false, DeviceId::new(), NOW);
    let counters = poll("1 - up; 2 - down; 3 - up");
    assert_eq!(
        counters.by_index, one.by_index,
        "the third is not known yet"
    );
    assert_eq!(counters.changes.len(), 1, "{:?}", counters.changes);
    assert_eq!(counters.interfaces[1].name, "eth1");
}

#[test]
fn the_memory_of_what_is_gone_is_bounded() {
    let mut known = first("1 eth0");
    for round in 0..ABSENT_INTERFACES_MAX + 50 {
        known = then(&known, &format!("1 eth0; {} veth{round}", round + 2));
    }
    assert_eq!(known.interfaces.len(), ABSENT_INTERFACES_MAX + 2);
}

#[test]
fn a_change_of_status_is_told_once() {
    let up = first("1 eth0 up");
    let down = then(&up, "1 eth0 down");
    assert_eq!(
        down.changes,
        [Change::OperStatus {
            id: up.by_index[&1],
            from: Some(IfStatus::Up),
            to: Some(IfStatus::Down)
        }]
    );
    assert_eq!(down.interfaces[0].last_change_at, Some(NOW));
    assert_eq!(then(&down, "1 eth0 down").changes, []);
    assert_eq!(up.interfaces[0].last_change_at, None);
}

proptest! {
    #[test]
    fn renumbering_keeps_every_id(
        names in proptest::collection::btree_set("[a-z]{2,5}[0-9]{1,2}", 1..40),
        shift in 1u32..1000,
        seed in any::<u64>(),
    ) {
        let row = |index: usize, name: &String| InterfaceFacts {
            index: u32::try_from(index).ok(),
            name: Some(name.clone()),
            ..InterfaceFacts::default()
        };
        let before: Vec<_> = names.iter().enumerate().map(|(i, n)| row(i + 1, n)).collect();
        let mut shuffled: Vec<&String> = names.iter().collect();
        shuffled.sort_by_key(|name| name.bytes().fold(seed, |hash, b| hash.rotate_left(7) ^ u64::from(b)));
        let after: Vec<_> = shuffled.iter().enumerate().map(|(i, n)| row(i + shift as usize, n)).collect();
        let one = assign(&[], &before, true, DeviceId::new(), NOW);
        let two = assign(&one.interfaces, &after, true, DeviceId::new(), NOW);
        let id = |all: &[Interface], name: &str| -> InterfaceId {
            all.iter().find(|i| i.name == name).unwrap().id
        };
        prop_assert_eq!(two.interfaces.len(), names.len());
        for name in &names {
            prop_assert_eq!(id(&one.interfaces, name), id(&two.interfaces, name));
        }
    }

    #[test]
    fn any_rows_give_each_interface_one_row(
        before in proptest::collection::vec((0u32..8, "[ab]{1,2}", 0u8..3), 0..12),
        after in proptest::collection::vec((0u32..8, "[ab]{1,2}", 0u8..3), 0..12),
    ) {
        let rows = |spec: &[(u32, String, u8)]| -> Vec<InterfaceFacts> {
            spec.iter().map(|(index, name, mac)| InterfaceFacts {
                index: Some(*index),
                name: Some(name.clone()),
                mac: Some(format!("02:00:00:00:00:0{mac}")),
                ..InterfaceFacts::default()
            }).collect()
        };
        let one = assign(&[], &rows(&before), true, DeviceId::new(), NOW);
        let two = assign(&one.interfaces, &rows(&after), true, DeviceId::new(), NOW);
        let mut ids: Vec<_> = two.interfaces.iter().map(|i| i.id).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), two.interfaces.len());
        let indexes: std::collections::BTreeSet<_> = after.iter().map(|(index, ..)| index).collect();
        prop_assert_eq!(two.by_index.len(), indexes.len());
        // The same walk again changes nothing.
        let three = assign(&two.interfaces, &rows(&after), true, DeviceId::new(), NOW);
        prop_assert_eq!(three.by_index, two.by_index);
        prop_assert_eq!(three.changes, vec![]);
    }
}

#[test]
fn a_member_leaves_its_aggregate_with_a_whole_walk_alone() {
    let row = |index: u32, aggregate: Option<u32>| InterfaceFacts {
        index: Some(index),
        name: Some(format!("eth{index}")),
        aggregate,
        ..InterfaceFacts::default()
    };
    let device = DeviceId::new();
    let aggregates = |assigned: &Assignment| -> Vec<Option<u32>> {
        assigned
            .interfaces
            .iter()
            .map(|one| one.aggregate)
            .collect()
    };
    let joined = assign(&[], &[row(1, Some(9)), row(9, None)], true, device, NOW);
    assert_eq!(aggregates(&joined), [Some(9), None]);
    let left = [row(1, None), row(9, None)];
    let cut = assign(&joined.interfaces, &left, false, device, NOW);
    assert_eq!(aggregates(&cut), [Some(9), None], "it was not heard out");
    let whole = assign(&cut.interfaces, &left, true, device, NOW);
    assert_eq!(aggregates(&whole), [None, None]);
    let gone = assign(&joined.interfaces, &[row(9, None)], true, device, NOW);
    assert_eq!(aggregates(&gone), [None, None]);
}
