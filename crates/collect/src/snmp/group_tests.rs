//! Members of aggregates, default routes and power over Ethernet, over rows written out.

use super::tests::{read, rows};
use super::{Dialect, Groups, Look, aggregate, default_route};
use model::facts::DefaultRouteFacts;
use std::fmt::Write as _;

/// ifType of interfaces, by ifIndex.
fn interfaces(kinds: &[(u32, u32)]) -> String {
    kinds
        .iter()
        .fold(String::new(), |mut lines, (index, kind)| {
            writeln!(lines, "2.1.2.2.1.3.{index} int {kind}").unwrap();
            writeln!(lines, "2.1.31.1.1.1.1.{index} text if{index}").unwrap();
            lines
        })
}

fn attached(port: u32, aggregate: u32) -> String {
    format!(".1.2.840.10006.300.43.1.2.1.1.13.{port} int {aggregate}\n")
}

fn stacked(higher: u32, lower: u32, status: u32) -> String {
    format!("2.1.31.1.2.1.3.{higher}.{lower} int {status}\n")
}

fn members(look: &Look) -> Vec<(u32, u32)> {
    let rows = look.facts.interfaces.iter();
    rows.filter_map(|row| Some((row.index?, row.aggregate?)))
        .collect()
}

fn defects(look: &Look, name: &str) -> u64 {
    look.defects.by_name().get(name).copied().unwrap_or(0)
}

const PORTS: &[(u32, u32)] = &[(1, 6), (2, 6), (3, 6), (4, 6), (9, 161)];

#[test]
fn ports_that_are_attached_are_members() {
    // 3 is by itself, 4 left.
    let lines =
        interfaces(PORTS) + &attached(1, 9) + &attached(2, 9) + &attached(3, 3) + &attached(4, 0);
    // The stack still has the one that left; of what the other table speaks of, it is not believed.
    let look = read(&(lines + &stacked(9, 4, 1)));
    assert_eq!(members(&look), [(1, 9), (2, 9)]);
    assert_eq!(defects(&look, "absurd_value"), 0);
}

#[test]
fn what_lies_under_an_aggregate_is_a_member_where_nothing_else_tells() {
    let kinds = [PORTS, &[(5, 53), (20, 135), (21, 6)]].concat();
    let lines = interfaces(&kinds)
        + &stacked(0, 9, 1)
        + &stacked(9, 1, 1)
        + &stacked(9, 2, 1)
        + &stacked(1, 0, 1)
        // notInService, a unit, a VLAN over the aggregate, a bridge port over a port.
        + &stacked(9, 3, 2)
        + &stacked(9, 5, 1)
        + &stacked(20, 9, 1)
        + &stacked(21, 4, 1);
    let look = read(&lines);
    assert_eq!(members(&look), [(1, 9), (2, 9)]);
    assert_eq!(defects(&look, "absurd_value"), 0);
}

#[test]
fn rows_that_lie_make_no_member() {
    let kinds = [PORTS, &[(10, 161), (11, 54)]].concat();
    for (said, defects_of, kept) in [
        // An aggregate and a port that there are not, a number that is none.
        (attached(1, 77) + &attached(2, 9), 1, vec![(2, 9)]),
        (attached(88, 9), 1, vec![]),
        (
            ".1.2.840.10006.300.43.1.2.1.1.13.1 int -5\n".to_owned(),
            1,
            vec![],
        ),
        // Rings, of two and of three.
        (attached(9, 10) + &attached(10, 9), 2, vec![]),
        (
            attached(9, 10) + &attached(10, 11) + &attached(11, 9),
            3,
            vec![],
        ),
        (stacked(9, 10, 1) + &stacked(10, 9, 1), 2, vec![]),
        (stacked(9, 9, 1), 1, vec![]),
        // A port under two.
        (stacked(9, 1, 1) + &stacked(10, 1, 1), 1, vec![(1, 9)]),
        (stacked(9, 99, 1) + &stacked(99, 1, 1), 1, vec![]),
    ] {
        let look = read(&(interfaces(&kinds) + &said));
        assert_eq!(members(&look), kept, "{said}");
        assert_eq!(defects(&look, "absurd_value"), defects_of, "{said}");
    }
    let short = interfaces(PORTS) + ".1.2.840.10006.300.43.1.2.1.1.13.1.1 int 9\n";
    let look = read(&(short + "2.1.31.1.2.1.3.9 int 1\n"));
    assert_eq!((members(&look), defects(&look, "wrong_index")), (vec![], 2));
}

#[test]
fn the_stack_is_asked_for_only_where_an_aggregate_has_no_member() {
    for (lines, lacks) in [
        (interfaces(&PORTS[..4]), false),
        (interfaces(PORTS), true),
        (interfaces(PORTS) + &attached(1, 9), false),
        (interfaces(PORTS) + &attached(1, 0), true),
    ] {
        assert_eq!(aggregate::lacks_members(&rows(&lines)), lacks, "{lines}");
    }
}

fn routes(look: &Look) -> Vec<String> {
    let rows = look.facts.default_routes.iter();
    rows.map(|row| {
        let hop = row.next_hop.map(|hop| hop.to_string());
        format!(
            "{} {} {} {} {}",
            row.destination.as_deref().unwrap_or("-"),
            hop.as_deref().unwrap_or("-"),
            row.interface.as_deref().unwrap_or("-"),
            row.metric
                .map_or("-".to_owned(), |metric| metric.to_string()),
            row.protocol.as_deref().unwrap_or("-"),
        )
    })
    .collect()
}

#[test]
fn next_hops_of_the_default_route_are_read() {
    let v4 = |column: u32, hop: &str| format!("2.1.4.24.7.1.{column}.1.4.0.0.0.0.0.2.0.0.{hop}");
    let v6 = "2.16.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0";
    let v6_hop = "2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1";
    let (one, two, three) = ("1.4.192.0.2.1", "1.4.192.0.2.5", "1.4.192.0.2.9");
    let mut lines = interfaces(PORTS);
    for (hop, index, kind, metric) in [(one, 1, 4, 10), (two, 2, 4, 10), (three, 3, 2, 1)] {
        writeln!(lines, "{} int {index}", v4(7, hop)).unwrap();
        writeln!(lines, "{} int {kind}", v4(8, hop)).unwrap();
        writeln!(lines, "{} int 13", v4(9, hop)).unwrap();
        writeln!(lines, "{} int {metric}", v4(12, hop)).unwrap();
    }
    // Another route, a link without addresses, a damaged index, and IPv6.
    lines += "2.1.4.24.7.1.7.1.4.10.0.0.0.8.2.0.0.1.4.192.0.2.77 int 3\n";
    writeln!(lines, "{} int 4", v4(7, "0.0")).unwrap();
    writeln!(lines, "{} int -1", v4(12, "0.0")).unwrap();
    writeln!(lines, "{} int 4", v4(7, "1.4.192.0")).unwrap();
    writeln!(lines, "2.1.4.24.7.1.7.{v6}.{v6_hop} int 9").unwrap();
    writeln!(lines, "2.1.4.24.7.1.12.{v6}.{v6_hop} gauge 20").unwrap();
    // Older tables are not listened to where the newer one has a default route.
    lines += "2.1.4.21.1.2.0.0.0.0 int 3\n2.1.4.21.1.7.0.0.0.0 ip 192.0.2.99\n";
    let look = read(&lines);
    assert_eq!(
        routes(&look),
        [
            "0.0.0.0/0 192.0.2.1 if1 10 ospf",
            "0.0.0.0/0 192.0.2.5 if2 10 ospf",
            "::/0 fe80::1 if9 20 -",
            "0.0.0.0/0 - if4 - -",
        ]
    );
    assert_eq!(defects(&look, "wrong_index"), 1);
}

#[test]
fn older_tables_of_routes_stand_in() {
    let look = read(
        "2.1.31.1.1.1.1.1 text if1
         2.1.4.24.4.1.5.0.0.0.0.0.0.0.0.0.192.0.2.1 int 1
         2.1.4.24.4.1.6.0.0.0.0.0.0.0.0.0.192.0.2.1 int 4
         2.1.4.24.4.1.11.0.0.0.0.0.0.0.0.0.192.0.2.1 int 5
         2.1.4.24.4.1.5.0.0.0.0.0.0.0.0.0.192.0.2.2 int 2
         2.1.4.24.4.1.6.0.0.0.0.0.0.0.0.0.192.0.2.2 int 2",
    );
    assert_eq!(routes(&look), ["0.0.0.0/0 192.0.2.1 if1 5 -"]);
    let look = read(
        "2.1.31.1.1.1.1.1 text if1
         2.1.4.21.1.2.0.0.0.0 int 1
         2.1.4.21.1.3.0.0.0.0 int 0
         2.1.4.21.1.7.0.0.0.0 ip 192.0.2.1
         2.1.4.21.1.8.0.0.0.0 int 4
         2.1.4.21.1.9.0.0.0.0 int 3
         2.1.4.21.1.2.0.0.0.8 int 2",
    );
    assert_eq!(routes(&look), ["0.0.0.0/0 192.0.2.1 if1 0 netmgmt"]);
    let none = read("2.1.4.24.7.1.7.1.4.10.0.0.0.8.2.0.0.1.4.192.0.2.77 int 3");
    assert!(none.facts.default_routes.is_empty());
}

#[test]
fn of_many_next_hops_those_with_the_lowest_metric_are_kept() {
    let mut lines = String::new();
    for hop in 1..=20 {
        let index = format!("1.4.0.0.0.0.0.2.0.0.1.4.192.0.2.{hop}");
        writeln!(lines, "2.1.4.24.7.1.7.{index} int {hop}").unwrap();
        writeln!(lines, "2.1.4.24.7.1.12.{index} int {}", 100 - hop).unwrap();
    }
    let look = read(&lines);
    let kept = &look.facts.default_routes;
    assert_eq!(kept.len(), default_route::NEXT_HOPS_MAX);
    assert_eq!(kept[0].metric, Some(80));
    assert_eq!(defects(&look, "too_many_rows"), 4);
}

#[test]
fn what_was_not_heard_out_stays_as_it_was() {
    let heard = |aggregate, unheard| {
        let mut look = read(&(interfaces(PORTS) + &attached(1, aggregate)));
        let hop = if aggregate == 9 { 1 } else { 2 };
        look.facts.default_routes = vec![DefaultRouteFacts {
            metric: Some(hop),
            ..DefaultRouteFacts::default()
        }];
        look.complete = look.asked;
        look.unheard = unheard;
        look
    };
    let all = Groups::INTERFACES | Groups::ROUTING;
    let told = |look: &Look| (members(look), look.facts.default_routes[0].metric);
    let mut dialect = Dialect::default();
    // Nothing was heard out before: what was heard is worth having.
    let mut look = heard(0, all);
    dialect.keep(&mut look);
    assert_eq!(told(&look), (vec![], Some(2)));
    for (aggregate, unheard, expected) in [
        (9, Groups::NONE, (vec![(1, 9)], Some(1))),
        (0, all, (vec![(1, 9)], Some(1))),
        (0, Groups::INTERFACES, (vec![(1, 9)], Some(2))),
        (0, Groups::NONE, (vec![], Some(2))),
    ] {
        let mut look = heard(aggregate, unheard);
        dialect.keep(&mut look);
        assert_eq!(told(&look), expected, "{aggregate} {unheard:?}");
    }
}

/// Names of the sensors that tell of power over Ethernet, with their values, states, ranks and limits.
fn powered(lines: &str) -> Vec<String> {
    let look = read(lines);
    let sensors = look.facts.sensors.iter();
    sensors
        .map(|sensor| {
            let limit = sensor.limits.as_ref().and_then(|limits| limits.high);
            let words = [
                sensor.state.clone(),
                sensor.severity.map(|rank| format!("{rank:?}")),
                limit.map(|limit| format!("of {limit}")),
            ];
            let told: Vec<String> = words.into_iter().flatten().collect();
            let name = sensor.name.as_deref().unwrap_or("-");
            let value = sensor.value.unwrap();
            format!("{name}: {value} {}", told.join(" "))
                .trim()
                .to_owned()
        })
        .collect()
}

#[test]
fn power_over_ethernet_is_read_of_any_switch() {
    let found = powered(
        "2.1.1.2.0 oid 4.1.99999.1
         2.1.105.1.3.1.1.2.1 gauge 370
         2.1.105.1.3.1.1.3.1 int 1
         2.1.105.1.3.1.1.4.1 gauge 43
         2.1.105.1.3.1.1.2.2 gauge 0
         2.1.105.1.3.1.1.3.2 int 3
         2.1.105.1.3.1.1.4.2 gauge 7
         2.1.105.1.3.1.1.2.3 gauge 740
         2.1.105.1.3.1.1.3.3 int 2
         2.1.105.1.3.1.1.4.3 gauge 0
         2.1.105.1.1.1.3.1.1 int 1
         2.1.105.1.1.1.6.1.1 int 3
         2.1.105.1.1.1.10.1.1 int 5
         2.1.105.1.1.1.3.1.2 int 2
         2.1.105.1.1.1.6.1.2 int 1
         2.1.105.1.1.1.10.1.2 int 1
         2.1.105.1.1.1.6.1.3 int 4",
    );
    assert_eq!(
        found,
        [
            "PoE unit 1 power used: 43 of 370",
            "PoE unit 2 power used: 7",
            "PoE unit 1: 1 on Ok",
            "PoE unit 2: 3 faulty Critical",
            "PoE unit 3: 2 off Warning",
            "PoE unit 1 port 1: 3 delivering power Ok",
            "PoE unit 1 port 2: 1 disabled Ok",
            "PoE unit 1 port 3: 4 fault Critical",
            "PoE unit 1 port 1, wanted: 1 on",
            "PoE unit 1 port 2, wanted: 2 off",
            "PoE unit 1 port 1, class: 5 class 4",
        ]
    );
}

#[test]
fn power_that_a_vendors_profile_tells_is_told_once() {
    let group = "2.1.105.1.3.1.1.2.1 gauge 370
         2.1.105.1.3.1.1.3.1 int 1
         2.1.105.1.3.1.1.4.1 gauge 43";
    for (object_id, expected) in [
        ("4.1.9.1.1208", "PoE unit 1 consumption: 43 of 370"),
        ("4.1.7428.1", "Unit 1 power used: 43"),
        ("4.1.99999.1", "PoE unit 1 power used: 43 of 370"),
    ] {
        let found = powered(&format!("2.1.1.2.0 oid {object_id}\n{group}"));
        assert_eq!(found, [expected, "PoE unit 1: 1 on Ok"], "{object_id}");
    }
}
