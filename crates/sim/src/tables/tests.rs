use super::*;
use crate::mib::Mib;
use crate::network::{DeviceNo, Network, PortNo, Role};
use crate::scenario::{FaultDraft, Scenario, Shape};
use crate::simulation::Simulation;
use model::{Clock, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

mod groups;

const START: Timestamp = Timestamp::from_unix_ms(1_795_000_000_000);

const LLDP_REMOTE: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1];
const IF_OPER_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8];

fn simulation(topology: Shape, devices: usize) -> Arc<Simulation> {
    let scenario = Scenario {
        topology,
        devices,
        ..Scenario::default()
    };
    Simulation::new(&scenario, Clock::new(|| START)).unwrap()
}

fn after(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

/// Everything a device says at a moment under a name.
fn rows(mib: &dyn Mib, under: &[u32]) -> Vec<(Vec<u32>, Value<'static>)> {
    let mut found = Vec::new();
    mib.walk(under, &mut |name, value| {
        if !under.is_empty() && !name.starts_with(under) {
            return ControlFlow::Break(());
        }
        found.push((name.to_vec(), owned(&value)));
        ControlFlow::Continue(())
    });
    found
}

fn owned(value: &Value<'_>) -> Value<'static> {
    use std::borrow::Cow;
    match value {
        Value::Integer(value) => Value::Integer(*value),
        Value::OctetString(value) => Value::OctetString(Cow::Owned(value.to_vec())),
        Value::ObjectIdentifier(value) => Value::ObjectIdentifier(Cow::Owned(value.to_vec())),
        Value::IpAddress(value) => Value::IpAddress(*value),
        Value::Counter32(value) => Value::Counter32(*value),
        Value::Gauge32(value) => Value::Gauge32(*value),
        Value::TimeTicks(value) => Value::TimeTicks(*value),
        Value::Opaque(value) => Value::Opaque(Cow::Owned(value.to_vec())),
        Value::Counter64(value) => Value::Counter64(*value),
        Value::Null => Value::Null,
    }
}

fn text_of(value: &Value<'_>) -> String {
    match value {
        Value::OctetString(octets) => String::from_utf8_lossy(octets).into_owned(),
        other => format!("{other:?}"),
    }
}

/// A column of a device: last arcs and values.
fn column(mib: &dyn Mib, of: &[u32]) -> BTreeMap<Vec<u32>, Value<'static>> {
    let rows = rows(mib, of).into_iter();
    rows.map(|(name, value)| (name[of.len()..].to_vec(), value))
        .collect()
}

#[test]
fn names_rise_and_every_instance_is_had_by_get() {
    for (shape, devices) in [
        (Shape::Campus, 40),
        (Shape::LeafSpine, 8),
        (Shape::Ring, 5),
        (Shape::HubAndSpoke, 12),
        (Shape::Fleet, 2),
    ] {
        let simulation = simulation(shape, devices);
        for device in simulation.network().device_numbers() {
            let mib = simulation.mib(device);
            let all = rows(&mib, &[]);
            assert!(all.len() > 150, "{shape:?}: {}", all.len());
            for pair in all.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{:?} {:?}", pair[0].0, pair[1].0);
            }
            for (name, value) in &all {
                assert_eq!(mib.get(name).as_ref(), Some(value), "{name:?}");
            }
        }
    }
}

#[test]
fn a_walk_may_begin_anywhere() {
    let simulation = simulation(Shape::Campus, 12);
    let mib = simulation.mib(DeviceNo(4));
    let all = rows(&mib, &[]);
    let mut starts: Vec<Vec<u32>> = all.iter().map(|(name, _)| name.clone()).collect();
    starts.extend(all.iter().map(|(name, _)| name[..name.len() - 1].to_vec()));
    starts.extend(all.iter().map(|(name, _)| [&name[..], &[0]].concat()));
    starts.push(vec![2]);
    for start in starts {
        let expected = all.iter().find(|(name, _)| *name > start);
        let mut found = None;
        mib.walk(&start, &mut |name, value| {
            found = Some((name.to_vec(), owned(&value)));
            ControlFlow::Break(())
        });
        assert_eq!(found.as_ref(), expected, "{start:?}");
    }
}

#[test]
fn names_that_are_not_there_are_none() {
    let simulation = simulation(Shape::Campus, 12);
    let mib = simulation.mib(DeviceNo(0));
    for name in [
        &[][..],
        &[1],
        &[1, 3, 6, 1, 2, 1, 1, 1],
        &[1, 3, 6, 1, 2, 1, 1, 1, 1],
        &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8, 999_999],
        &[1, 3, 6, 1, 2, 1, 1, 1, 0, 0],
        &[u32::MAX],
    ] {
        assert_eq!(mib.get(name), None, "{name:?}");
    }
}

/// Who hears whom: (own ifIndex, remote chassis id, remote port).
fn heard(mib: &dyn Mib) -> Vec<(u32, Value<'static>, String)> {
    let of = |arc: u32| column(mib, &[LLDP_REMOTE, &[arc]].concat());
    let (chassis, ports) = (of(5), of(7));
    chassis
        .into_iter()
        .map(|(row, chassis)| (row[1], chassis, text_of(&ports[&row])))
        .collect()
}

#[test]
fn lldp_is_told_alike_at_both_ends_and_not_over_a_cut_link() {
    let simulation = simulation(Shape::Campus, 40);
    let network = simulation.network();
    let check = |simulation: &Arc<Simulation>, down: &BTreeSet<u32>| {
        for (number, link) in (0..).zip(network.links()) {
            for (own, far) in [(link.a, link.b), (link.b, link.a)] {
                let mib = simulation.mib(own.device);
                let names = column(&mib, &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1]);
                let index = names
                    .iter()
                    .find(|(_, name)| text_of(name) == network.port_name(own))
                    .unwrap()
                    .0[0];
                let expected = (
                    index,
                    Value::OctetString(network.chassis_mac(far.device).to_vec().into()),
                    network.port_name(far),
                );
                let told = heard(&mib).contains(&expected);
                assert_eq!(told, !down.contains(&number), "{own:?} {far:?}");
                let status = mib.get(&[IF_OPER_STATUS, &[index]].concat());
                let expected = if down.contains(&number) { 2 } else { 1 };
                assert_eq!(status, Some(Value::Integer(expected)));
            }
        }
    };
    check(&simulation, &BTreeSet::new());
    let [a, b] = {
        let link = network.link(crate::network::LinkNo(3));
        [link.a, link.b].map(|end| network.device(end.device).name.clone())
    };
    let fault = FaultDraft {
        kind: "link-down".to_owned(),
        target: format!("{a} {b}"),
        ..FaultDraft::default()
    };
    let id = simulation.add_fault(&fault).unwrap().id;
    check(&simulation, &BTreeSet::from([3]));
    simulation.remove_fault(id).unwrap();
    check(&simulation, &BTreeSet::new());
}

#[test]
fn hosts_are_learnt_along_the_tree() {
    let simulation = simulation(Shape::Campus, 40);
    let network = simulation.network();
    // dot1dTpFdbPort by MAC, and dot1dBasePortIfIndex.
    let table = |device: DeviceNo| {
        let mib = simulation.mib(device);
        column(&mib, &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2])
    };
    let bridges: Vec<DeviceNo> = network
        .device_numbers()
        .filter(|&device| network.device(device).role.bridges())
        .collect();
    let mut checked = 0;
    for &start in &bridges {
        for (number, edge) in (0..).map(crate::network::EdgeNo).zip(network.edges()) {
            let home = network.device(edge.port.device);
            if network.device(start).segment != home.segment {
                continue;
            }
            // Following the tables from any bridge of the segment leads to the host's own port.
            let mac: Vec<u32> = network.host_mac(number).iter().map(|&o| o.into()).collect();
            let mut here = start;
            for _ in 0..8 {
                let Some(Value::Integer(port)) = table(here).remove(&mac) else {
                    panic!("{} has not learnt {mac:?}", network.device(here).name);
                };
                let port = PortNo {
                    device: here,
                    port: u16::try_from(port - 1).unwrap(),
                };
                if port == edge.port {
                    checked += 1;
                    break;
                }
                here = network
                    .far_end(port)
                    .expect("towards another bridge")
                    .device;
            }
        }
        if checked > 300 {
            break;
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn tables_of_a_moment_agree_with_those_of_now_and_are_to_be_had_of_the_past() {
    let simulation = simulation(Shape::Ring, 5);
    let mib = simulation.mib(DeviceNo(1));
    assert_eq!(rows(&mib, &[]), rows(&mib.at(START), &[]));
    let week = 7 * 86_400;
    let then = START.minus(Duration::from_secs(week));
    let octets = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6];
    let total = |mib: &dyn Mib| -> u64 {
        let values = column(mib, octets).into_values();
        values
            .map(|value| match value {
                Value::Counter64(value) => value,
                other => panic!("{other:?}"),
            })
            .sum()
    };
    assert!(total(&mib.at(then)) < total(&mib));
    let up_time = |at| match mib.at(at).get(&[1, 3, 6, 1, 2, 1, 1, 3, 0]) {
        Some(Value::TimeTicks(ticks)) => ticks,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        up_time(START).wrapping_sub(up_time(then)),
        u32::try_from(week).unwrap() * 100
    );
}

#[test]
fn a_reboot_sets_the_clock_back_and_renumbering_moves_every_index() {
    let simulation = simulation(Shape::Campus, 12);
    let network = simulation.network();
    let device = network.by_name("core-1").unwrap();
    let fault = FaultDraft {
        kind: "renumber".to_owned(),
        target: "core-1".to_owned(),
        ..FaultDraft::default()
    };
    let labels = |at| {
        column(
            &simulation.mib(device).at(at),
            &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1],
        )
    };
    let before = labels(after(0));
    simulation.add_fault(&fault).unwrap();
    let mib = simulation.mib(device);
    let later = labels(after(100));
    let rebooted = mib.at(after(100));
    let ticks = rebooted.get(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
    assert_eq!(ticks, Some(Value::TimeTicks(1_000)));
    let named: BTreeSet<String> = before.values().map(text_of).collect();
    let still: BTreeSet<String> = later.values().map(text_of).collect();
    assert_eq!(named, still);
    let moved = before
        .iter()
        .filter(|(row, name)| later.get(*row) != Some(name));
    assert_eq!(moved.count(), before.len());
}

#[test]
fn sensors_and_loads_are_plausible() {
    let simulation = simulation(Shape::Campus, 40);
    let network: &Network = simulation.network();
    for device in network.device_numbers() {
        let mib = simulation.mib(device);
        let table = |arc: u32| column(&mib, &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, arc]);
        let (kinds, precision, values) = (table(1), table(3), table(4));
        assert!(values.len() >= 4);
        for (row, value) in &values {
            let (Value::Integer(value), Value::Integer(decimals), Value::Integer(kind)) =
                (value, &precision[row], &kinds[row])
            else {
                panic!("{value:?}");
            };
            let value = f64::from(*value) / 10_f64.powi(*decimals);
            let range = match kind {
                8 => 10.0..90.0,
                10 => 1_000.0..16_000.0,
                6 => 5.0..2_000.0,
                14 => -41.0..5.0,
                other => panic!("{other}"),
            };
            assert!(range.contains(&value), "{kind} {value}");
        }
        for load in column(&mib, &[1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2]).values() {
            assert!(matches!(load, Value::Integer(1..=99)), "{load:?}");
        }
        let size = column(&mib, &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 5]);
        for (row, used) in column(&mib, &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 6]) {
            let (Value::Integer(used), Value::Integer(size)) = (used, &size[&row]) else {
                panic!("{row:?}");
            };
            assert!((0..=*size).contains(&used));
        }
        let is_server = network.device(device).role == Role::Server;
        assert_eq!(size.len(), if is_server { 5 } else { 2 });
    }
}

#[test]
fn addresses_and_neighbours_agree_with_each_other() {
    let simulation = simulation(Shape::Campus, 40);
    let network = simulation.network();
    let mut owners: BTreeMap<Vec<u32>, DeviceNo> = BTreeMap::new();
    for device in network.device_numbers() {
        for row in column(&simulation.mib(device), &[1, 3, 6, 1, 2, 1, 4, 20, 1, 2]).into_keys() {
            let before = owners.insert(row.clone(), device);
            assert_eq!(before, None, "{row:?} twice");
        }
    }
    let mut met = 0;
    for device in network.device_numbers() {
        let mib = simulation.mib(device);
        let older = column(&mib, &[1, 3, 6, 1, 2, 1, 4, 22, 1, 2]);
        let newer = column(&mib, &[1, 3, 6, 1, 2, 1, 4, 35, 1, 4]);
        assert_eq!(
            older.values().collect::<Vec<_>>(),
            newer.values().collect::<Vec<_>>()
        );
        for (row, mac) in older {
            let Some(&owner) = owners.get(&row[1..]) else {
                continue;
            };
            assert_ne!(owner, device);
            let macs: Vec<Value<'_>> = (0..)
                .zip(network.device(owner).ports())
                .map(|(port, _)| {
                    network.mac(PortNo {
                        device: owner,
                        port,
                    })
                })
                .chain([network.chassis_mac(owner)])
                .map(|mac| Value::OctetString(mac.to_vec().into()))
                .collect();
            assert!(macs.contains(&mac), "{row:?}");
            met += 1;
        }
    }
    assert!(met > 60, "{met}");
}

#[test]
fn what_is_learnt_on_a_port_to_a_server_is_in_the_ports_own_vlan() {
    let simulation = simulation(Shape::Campus, 60);
    let network = simulation.network();
    let switch = network.by_name("srv-sw-1").unwrap();
    let mib = simulation.mib(switch);
    // dot1qPvid by port, and dot1qTpFdbPort by VLAN and MAC.
    let pvid = column(&mib, &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 5, 1, 1]);
    let learnt = column(&mib, &[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2]);
    let mut servers = 0;
    for (row, port) in &learnt {
        let Value::Integer(number) = *port else {
            panic!("{port:?}")
        };
        let far = network.far_end(PortNo {
            device: switch,
            port: u16::try_from(number - 1).unwrap(),
        });
        if far.is_none_or(|far| network.device(far.device).role != Role::Server) {
            continue;
        }
        servers += 1;
        let own = pvid.get(&vec![number.cast_unsigned()]);
        assert_eq!(own, Some(&Value::Gauge32(row[0])), "port {number}");
    }
    assert!(servers > 0);
}

#[test]
fn whoever_is_a_gateway_routes() {
    for shape in [
        Shape::Campus,
        Shape::LeafSpine,
        Shape::Ring,
        Shape::HubAndSpoke,
        Shape::Fleet,
    ] {
        for devices in [1, 2, 5, 8, 12, 40] {
            let simulation = simulation(shape, devices);
            let network = simulation.network();
            for segment in network.segments() {
                let of = &network.device(segment.members[0]).name;
                let told = format!("{shape:?} of {devices}, {of}");
                let Some(gateway) = segment.gateway else {
                    assert_eq!(shape, Shape::Fleet, "{told}");
                    continue;
                };
                let device = network.device(gateway.device);
                assert!(!device.role.only_bridges(), "{told}: {}", device.name);
            }
        }
    }
}
