//! Aggregates and default routes, as agents tell of them.

use super::*;

const IF_TYPE: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 3];
const IF_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];
const IF_HIGH_SPEED: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15];
const STACK_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 2, 1, 3];
const ATTACHED: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13];
const AGGREGATE_MAC: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 1, 1, 1, 2];
const TABLES_CHANGED: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 3, 0];

/// The column of interfaces that are aggregates: ifIndex.
fn aggregates(mib: &dyn Mib) -> Vec<u32> {
    let kinds = column(mib, IF_TYPE).into_iter();
    kinds
        .filter(|(_, kind)| *kind == Value::Integer(161))
        .map(|(row, _)| row[0])
        .collect()
}

fn counter(mib: &dyn Mib, arc: u32, index: u32) -> u64 {
    match mib.get(&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, arc, index]) {
        Some(Value::Counter64(value)) => value,
        other => panic!("{other:?}"),
    }
}

/// ifIndex of the ports that are attached to an aggregate.
fn attached(mib: &dyn Mib, aggregate: u32) -> Vec<u32> {
    let wanted = Value::Integer(aggregate.cast_signed());
    let rows = column(mib, ATTACHED).into_iter();
    rows.filter(|(_, to)| *to == wanted)
        .map(|(row, _)| row[0])
        .collect()
}

fn link_down(a: &str, second: &str) -> FaultDraft {
    FaultDraft {
        kind: "link-down".to_owned(),
        target: format!("{a} {second}"),
        ..FaultDraft::default()
    }
}

#[test]
fn an_aggregate_counts_what_its_members_count() {
    let simulation = simulation(Shape::Campus, 50);
    let network = simulation.network();
    let mut ends = Vec::new();
    for device in network.device_numbers() {
        let mib = simulation.mib(device);
        let all = aggregates(&mib);
        let names = column(&mib, IF_NAME);
        let truth = crate::truth::Truth::of(network);
        let node = &truth.nodes[usize::try_from(device.0).unwrap()];
        assert_eq!(node.interfaces, names.len());
        let heard: Vec<u32> = heard(&mib).iter().map(|(index, ..)| *index).collect();
        assert_eq!(column(&mib, AGGREGATE_MAC).len(), all.len());
        assert_eq!(mib.get(TABLES_CHANGED).is_some(), !all.is_empty());
        assert_eq!(column(&mib, STACK_STATUS).is_empty(), all.is_empty());
        for index in all {
            let members = attached(&mib, index);
            assert_eq!(members.len(), 2);
            // The neighbours are those of the members.
            assert!(members.iter().all(|member| heard.contains(member)));
            assert!(!heard.contains(&index));
            for arc in [6, 7, 10, 11] {
                let sum: u64 = members.iter().map(|port| counter(&mib, arc, *port)).sum();
                assert!(sum > 0 && counter(&mib, arc, index) == sum, "{arc}");
            }
            let under = column(&mib, STACK_STATUS);
            assert!(
                members
                    .iter()
                    .all(|port| under.contains_key(&vec![index, *port]))
            );
            ends.push((
                network.device(device).name.clone(),
                text_of(&names[&vec![index]]),
            ));
        }
    }
    ends.sort();
    let names: Vec<&str> = ends.iter().map(|(device, _)| device.as_str()).collect();
    assert_eq!(names, ["core-1", "edge-1"], "{ends:?}");
    assert!(
        ends[0].1.to_lowercase().starts_with("port-channel"),
        "{ends:?}"
    );
    let [told] = &crate::truth::Truth::of(network).aggregates[..] else {
        panic!("one aggregate");
    };
    assert_eq!(told.members.len(), 2);
    assert_eq!(told.a.node, "edge-1");
}

#[test]
fn links_and_traffic_are_not_told_twice_for_an_aggregate() {
    let simulation = simulation(Shape::Campus, 20);
    let network = simulation.network();
    assert_eq!(network.aggregates().len(), 1);
    let truth = crate::truth::Truth::of(network);
    let (edge, core) = ("edge-1", "core-1");
    let between = truth.links.iter().filter(|link| {
        let mut ends = [link.a.node, link.b.node];
        ends.sort_unstable();
        ends == [core, edge]
    });
    assert_eq!(between.count(), 2);
    for aggregate in network.aggregates() {
        for end in [aggregate.a, aggregate.b] {
            assert_eq!(network.channels(end), None);
            assert_eq!(
                network.mac(end),
                network.mac(network.members(end).next().unwrap())
            );
        }
        assert_eq!(network.far_end(aggregate.a), Some(aggregate.b));
    }
}

#[test]
fn a_member_whose_link_is_cut_has_left() {
    let simulation = simulation(Shape::Campus, 20);
    let network = simulation.network();
    let device = network.by_name("edge-1").unwrap();
    let aggregate = network.aggregates()[0].a;
    assert_eq!(aggregate.device, device);
    let members: Vec<PortNo> = network.members(aggregate).collect();
    let mib = simulation.mib(device);
    let [index] = aggregates(&mib)[..] else {
        panic!("one aggregate");
    };
    let looked = |at| {
        let mib = mib.at(at);
        (
            attached(&mib, index).len(),
            mib.get(&[IF_HIGH_SPEED, &[index]].concat())
                .map(Value::into_owned),
            mib.get(&[IF_OPER_STATUS, &[index]].concat())
                .map(Value::into_owned),
        )
    };
    let changed = |at| mib.at(at).get(TABLES_CHANGED).map(Value::into_owned);
    let (up, down) = (Some(Value::Integer(1)), Some(Value::Integer(2)));
    let speed = |mbps| Some(Value::Gauge32(mbps));
    assert_eq!(looked(after(0)), (2, speed(50_000), up.clone()));
    let before = changed(after(0));
    let cut = |port: PortNo| {
        let fault = link_down("edge-1", &network.port_name(port));
        simulation.add_fault(&fault).unwrap().id
    };
    let first = cut(members[1]);
    assert_eq!(looked(after(1)), (1, speed(40_000), up.clone()));
    assert_ne!(changed(after(1)), before);
    let second = cut(members[0]);
    assert_eq!(looked(after(1)), (0, speed(50_000), down));
    assert_eq!(
        simulation.timeline().last_change(aggregate, after(9)),
        START
    );
    simulation.remove_fault(first).unwrap();
    simulation.remove_fault(second).unwrap();
    assert_eq!(looked(after(1)), (2, speed(50_000), up));
    // A fault on the aggregate itself is refused: what can be cut are its links.
    let fault = link_down("edge-1", &network.port_name(aggregate));
    assert!(simulation.add_fault(&fault).is_err());
}

/// Default routes of a device by the table that it has: next hop, ifIndex, metric.
fn routes(mib: &dyn Mib, arcs: [u32; 3], skipped: usize) -> Vec<(Vec<u32>, u32, i32)> {
    let [table, if_index, metric] = arcs;
    let of = |arc| column(mib, &[1, 3, 6, 1, 2, 1, 4, 24, table, 1, arc]);
    let (indexes, metrics) = (of(if_index), of(metric));
    indexes
        .into_iter()
        .map(|(row, index)| match (index, &metrics[&row]) {
            (Value::Integer(index), Value::Integer(metric)) => {
                (row[skipped..].to_vec(), index.cast_unsigned(), *metric)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn inet_routes(mib: &dyn Mib) -> Vec<(Vec<u32>, u32, i32)> {
    routes(mib, [7, 7, 12], 12)
}

#[test]
fn routers_have_a_next_hop_for_each_shortest_way_out() {
    let simulation = simulation(Shape::Campus, 50);
    let network = simulation.network();
    let of = |name: &str| network.by_name(name).unwrap();
    let dist = simulation.mib(of("b1-dist-1"));
    // The other ends of links, by the ifIndex here.
    let neighbors = column(&dist, &[1, 3, 6, 1, 2, 1, 4, 22, 1, 2]);
    let told = inet_routes(&dist);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].2, told[1].2);
    for (hop, index, _) in &told {
        assert!(
            neighbors.contains_key(&[&[*index], &hop[..]].concat()),
            "{hop:?}"
        );
    }
    // The way from the first core is the aggregate, one next hop; the second has a link of its own.
    let core = simulation.mib(of("core-1"));
    let told = inet_routes(&core);
    assert_eq!(told.len(), 1);
    assert_eq!(vec![told[0].1], aggregates(&core));
    assert_eq!(inet_routes(&simulation.mib(of("core-2"))).len(), 1);
    // Of the way into the world nothing is known here.
    assert!(inet_routes(&simulation.mib(of("edge-1"))).is_empty());
    let fault = FaultDraft {
        kind: "device-down".to_owned(),
        target: "core-2".to_owned(),
        ..FaultDraft::default()
    };
    let id = simulation.add_fault(&fault).unwrap().id;
    assert_eq!(inet_routes(&dist).len(), 1);
    simulation.remove_fault(id).unwrap();
    assert_eq!(inet_routes(&dist).len(), 2);
}

#[test]
fn makes_without_the_newer_table_have_an_older_one() {
    let mut tables = BTreeSet::new();
    for shape in [Shape::Campus, Shape::HubAndSpoke] {
        let simulation = simulation(shape, 50);
        let network = simulation.network();
        for device in network.device_numbers() {
            let mib = simulation.mib(device);
            let inet = inet_routes(&mib).len();
            let cidr = routes(&mib, [4, 5, 11], 9).len();
            let old = column(&mib, &[1, 3, 6, 1, 2, 1, 4, 21, 1, 7]).len();
            let has: Vec<&str> = [("inet", inet), ("cidr", cidr), ("old", old)]
                .iter()
                .filter(|(_, rows)| *rows > 0)
                .map(|(name, _)| *name)
                .collect();
            assert!(has.len() < 2, "{has:?}");
            assert!(old < 2);
            let vendor = network.device(device).make.vendor;
            tables.extend(has.into_iter().map(|table| (table, vendor)));
        }
    }
    for expected in [("cidr", "MikroTik"), ("old", "HP"), ("inet", "Arista")] {
        assert!(tables.contains(&expected), "{tables:?}");
    }
}
