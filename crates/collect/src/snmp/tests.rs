//! Readers over rows written out, as an agent would give them.

use super::{Groups, Look, Rows, interpret};
use crate::profile::{Plan, Profiles};
use crate::reading::Instance;
use ::snmp::{Defect, Oid, Value};
use model::interface::IfStatus;
use model::{Metric, Value as Measured};

/// A line an object: `OID TYPE VALUE`. OIDs are under 1.3.6.1 unless they begin with a dot.
pub(super) fn rows(lines: &str) -> Rows {
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (oid, rest) = line.split_once(' ').unwrap();
            let (kind, value) = rest.split_once(' ').unwrap_or((rest, ""));
            (arcs(oid), parse(kind, value))
        })
        .collect()
}

fn arcs(text: &str) -> Oid {
    let whole = match text.strip_prefix('.') {
        Some(whole) => whole.to_owned(),
        None => format!("1.3.6.1.{text}"),
    };
    Oid::new(whole.split('.').map(|arc| arc.parse().unwrap()))
}

fn parse(kind: &str, value: &str) -> Value {
    match kind {
        "text" => Value::Octets(value.to_owned().into()),
        "hex" => Value::Octets(
            value
                .split(' ')
                .map(|octet| u8::from_str_radix(octet, 16).unwrap())
                .collect(),
        ),
        "int" => Value::Integer(value.parse().unwrap()),
        "gauge" => Value::Gauge32(value.parse().unwrap()),
        "count" => Value::Counter32(value.parse().unwrap()),
        "count64" => Value::Counter64(value.parse().unwrap()),
        "ticks" => Value::TimeTicks(value.parse().unwrap()),
        "oid" => Value::Oid(arcs(value)),
        "ip" => Value::IpAddress(value.parse().unwrap()),
        other => panic!("no type {other}"),
    }
}

pub(super) fn read(lines: &str) -> Look {
    let rows = rows(lines);
    let plan = Plan::of_rows(&Profiles::default(), &rows);
    interpret(&rows, Groups::ALL, &plan)
}

pub(super) fn reading(look: &Look, metric: Metric, instance: &Instance) -> Option<Measured> {
    look.readings
        .iter()
        .find(|reading| reading.metric == metric && reading.instance == *instance)
        .map(|reading| reading.value)
}

#[test]
fn the_system_group_and_what_it_tells() {
    let look = read(
        "2.1.1.1.0 text Cisco IOS Software, C2960 Software (C2960-LANBASEK9-M), Version 15.0(2)SE4, RELEASE SOFTWARE (fc1)
         2.1.1.2.0 oid 4.1.9.1.1208
         2.1.1.3.0 ticks 12345
         2.1.1.5.0 text access-1
         2.1.1.7.0 int 6
         6.3.10.2.1.1.0 hex 80 00 00 09 03 00 11 22 33 44 55
         6.3.10.2.1.3.0 int 4000000
         2.1.17.1.1.0 hex 00 11 22 33 44 55
         .1.0.8802.1.1.2.1.3.1.0 int 4
         .1.0.8802.1.1.2.1.3.2.0 hex 00 11 22 33 44 56
         2.1.47.1.1.1.1.5.1 int 11
         2.1.47.1.1.1.1.5.1001 int 3
         2.1.47.1.1.1.1.11.1001 text FOC0000X000
         2.1.47.1.1.1.1.13.1001 text WS-C2960-24TT-L",
    );
    let device = &look.facts.device;
    let check = |found: &Option<String>, expected: &str| {
        assert_eq!(found.as_deref(), Some(expected));
    };
    check(&device.vendor, "Cisco");
    check(&device.os, "IOS");
    check(&device.os_version, "15.0(2)SE4");
    check(&device.model, "WS-C2960-24TT-L");
    check(&device.serial, "FOC0000X000");
    check(&device.object_id, "1.3.6.1.4.1.9.1.1208");
    check(&device.engine_id, "8000000903001122334455");
    check(&device.base_mac, "00:11:22:33:44:55");
    check(&device.chassis_id, "00:11:22:33:44:56");
    assert_eq!(device.uptime_seconds, Some(4_000_000.0));
    let uptime = reading(&look, Metric::SYS_UP_TIME, &Instance::Device);
    assert_eq!(uptime, Some(Measured::F64(123.45)));
    assert!(look.defects.is_empty(), "{:?}", look.defects);
}

#[test]
fn wide_counters_are_read_before_narrow_ones() {
    let look = read(
        "2.1.2.2.1.2.1 text GigabitEthernet0/1
         2.1.2.2.1.3.1 int 6
         2.1.2.2.1.6.1 hex 00 11 22 33 44 01
         2.1.2.2.1.7.1 int 1
         2.1.2.2.1.8.1 int 2
         2.1.2.2.1.10.1 count 7
         2.1.2.2.1.16.1 count 8
         2.1.31.1.1.1.1.1 text Gi0/1
         2.1.31.1.1.1.6.1 count64 50000000000
         2.1.31.1.1.1.10.1 count64 0
         2.1.31.1.1.1.18.1 text uplink
         2.1.2.2.1.2.2 text Null0
         2.1.2.2.1.8.2 int 1
         2.1.2.2.1.10.2 count 9",
    );
    let [first, second] = look.facts.interfaces.as_slice() else {
        panic!("{:?}", look.facts.interfaces);
    };
    assert_eq!(first.name.as_deref(), Some("Gi0/1"));
    assert_eq!(first.alias.as_deref(), Some("uplink"));
    assert_eq!(first.kind.as_deref(), Some("ethernetCsmacd"));
    assert_eq!(first.mac.as_deref(), Some("00:11:22:33:44:01"));
    assert_eq!(first.oper_status, Some(IfStatus::Down));
    assert_eq!(first.in_octets, Some(50_000_000_000));
    // A 64-bit counter at zero beside a 32-bit one that counts was never filled.
    assert_eq!(first.out_octets, Some(8));
    assert_eq!(second.name.as_deref(), Some("Null0"));
    assert_eq!(second.in_octets, Some(9));
    assert_eq!(second.out_octets, None);
    let instance = Instance::Interface { index: 1 };
    assert_eq!(
        reading(&look, Metric::IF_HC_IN_OCTETS, &instance),
        Some(Measured::U64(50_000_000_000))
    );
    assert_eq!(
        reading(&look, Metric::IF_OPER_STATUS, &instance),
        Some(Measured::U64(2))
    );
}

#[test]
fn speeds() {
    let check = |speed: &str, high: &str, expected: Option<u64>| {
        let look = read(&format!("2.1.2.2.1.5.1 {speed}\n2.1.31.1.1.1.15.1 {high}"));
        let found = look.facts.interfaces.first().and_then(|row| row.speed_bps);
        assert_eq!(found, expected, "{speed}, {high}");
        look.defects.count(Defect::AbsurdValue)
    };
    check("gauge 1544000", "gauge 2", Some(1_544_000));
    check("gauge 1000000000", "gauge 1000", Some(1_000_000_000));
    check("gauge 4294967295", "gauge 100000", Some(100_000_000_000));
    check("gauge 1410065408", "gauge 10000", Some(10_000_000_000));
    check("gauge 0", "gauge 0", None);
    check("gauge 4294967295", "gauge 0", None);
    assert_eq!(check("gauge 0", "gauge 4294967295", None), 1);
    assert_eq!(check("gauge 0", "int -5", None), 1);
}

#[test]
fn what_cannot_be_is_counted_and_the_rest_is_used() {
    let look = read(
        "2.1.2.2.1.2.1 int 5
         2.1.2.2.1.2.2 text eth0
         2.1.2.2.1.2.3.4 text an index too long
         2.1.2.2.1.8.2 int 99
         2.1.17.7.1.4.3.1.1.5000 text no such VLAN
         2.1.17.7.1.4.3.1.1.20 text office
         2.1.25.2.3.1.3.1 text /
         2.1.25.2.3.1.4.1 int 2147483647
         2.1.25.2.3.1.5.1 int 2147483647
         2.1.25.2.3.1.6.1 int 2147483647
         2.1.25.3.3.1.2.1 text busy
         2.1.99.1.1.1.1.1 int 8
         2.1.99.1.1.1.2.1 int 9
         2.1.99.1.1.1.4.1 int 2147483647",
    );
    assert_eq!(look.facts.interfaces.len(), 2);
    assert_eq!(look.facts.vlans.len(), 1);
    assert!(look.facts.storage.is_empty() && look.facts.sensors.is_empty());
    assert!(look.facts.processors.is_empty());
    for (defect, least) in [
        (Defect::WrongType, 2),
        (Defect::WrongIndex, 2),
        (Defect::AbsurdValue, 3),
    ] {
        let count = look.defects.count(defect);
        assert!(count >= least, "{defect:?}: {count}");
    }
}

#[test]
fn addresses_of_both_tables_are_one_list() {
    let look = read(
        "2.1.31.1.1.1.1.2 text eth1
         2.1.4.20.1.2.192.0.2.1 int 2
         2.1.4.20.1.3.192.0.2.1 ip 255.255.255.0
         2.1.4.34.1.3.1.4.192.0.2.1 int 2
         2.1.4.34.1.4.1.4.192.0.2.1 int 1
         2.1.4.34.1.5.1.4.192.0.2.1 oid .0.0
         2.1.4.34.1.3.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1 int 2
         2.1.4.34.1.5.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1 oid 2.1.4.32.1.5.2.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.0.64
         2.1.4.34.1.3.1.4.192.0.2.255 int 2
         2.1.4.34.1.4.1.4.192.0.2.255 int 3",
    );
    let found: Vec<_> = look
        .facts
        .addresses
        .iter()
        .map(|row| {
            (
                row.address.unwrap().to_string(),
                row.prefix_len,
                row.interface.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("192.0.2.1".to_owned(), Some(24), Some("eth1")),
            ("2001:db8::1".to_owned(), Some(64), Some("eth1")),
        ]
    );
}

#[test]
fn buffers_and_cache_are_not_memory_in_use() {
    let row = |index: u32, kind: u32, name: &str, size: u32, used: u32| {
        format!(
            "2.1.25.2.3.1.2.{index} oid 2.1.25.2.1.{kind}
             2.1.25.2.3.1.3.{index} text {name}
             2.1.25.2.3.1.4.{index} int 1024
             2.1.25.2.3.1.5.{index} int {size}
             2.1.25.2.3.1.6.{index} int {used}\n"
        )
    };
    let table = [
        row(1, 2, "Physical memory", 1000, 900),
        row(6, 1, "Memory buffers", 1000, 100),
        row(7, 1, "Cached memory", 300, 300),
        row(10, 3, "Swap space", 500, 50),
        row(31, 4, "/", 8000, 2000),
        row(32, 7, "/cdrom", 700, 700),
    ]
    .concat();
    let look = read(&table);
    let found: Vec<_> = look
        .facts
        .memory
        .iter()
        .map(|row| {
            (
                row.name.as_deref().unwrap(),
                row.used_bytes.unwrap() / 1024,
                row.total_bytes.unwrap() / 1024,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("Physical memory", 500, 1000),
            ("Memory buffers", 100, 1000),
            ("Cached memory", 300, 1000),
            ("Swap space", 50, 500),
        ]
    );
    assert_eq!(look.facts.storage.len(), 1);
    let root = Instance::Part {
        label: "storage",
        name: "/".into(),
    };
    assert_eq!(
        reading(&look, Metric::STORAGE_SIZE, &root),
        Some(Measured::F64(8000.0 * 1024.0))
    );
}

#[test]
fn sizes_that_ran_over_31_bits_are_read_unsigned() {
    let look = read(
        "2.1.25.2.3.1.2.1 oid 2.1.25.2.1.4
         2.1.25.2.3.1.3.1 text /data
         2.1.25.2.3.1.4.1 int 4096
         2.1.25.2.3.1.5.1 int -2147483648
         2.1.25.2.3.1.6.1 int 10",
    );
    let disk = look.facts.storage.first().unwrap();
    assert_eq!(disk.total_bytes, Some(2_147_483_648 * 4096));
}

#[test]
fn hosts_without_host_resources_are_read_by_ucd() {
    let look = read(
        "4.1.2021.4.5.0 int 1000
         4.1.2021.4.6.0 int 300
         4.1.2021.4.14.0 int 100
         4.1.2021.4.15.0 int 200
         4.1.2021.9.1.2.1 text /
         4.1.2021.9.1.6.1 int 5000
         4.1.2021.9.1.8.1 int 1000
         4.1.2021.11.11.0 int 80",
    );
    assert_eq!(
        look.facts.memory.first().unwrap().used_bytes,
        Some(400 * 1024)
    );
    assert_eq!(look.facts.storage.first().unwrap().used_percent, Some(20.0));
    assert_eq!(
        look.facts.processors.first().unwrap().utilization_percent,
        Some(20.0)
    );
}

#[test]
fn sensors_in_their_units() {
    let sensor = |index: u32, kind: u32, scale: u32, precision: u32, value: i64, status: u32| {
        format!(
            "2.1.99.1.1.1.1.{index} int {kind}
             2.1.99.1.1.1.2.{index} int {scale}
             2.1.99.1.1.1.3.{index} int {precision}
             2.1.99.1.1.1.4.{index} int {value}
             2.1.99.1.1.1.5.{index} int {status}\n"
        )
    };
    let table = [
        sensor(1, 8, 9, 1, 235, 1),
        sensor(2, 4, 8, 0, 3300, 1),
        sensor(3, 10, 9, 0, 4200, 1),
        sensor(4, 14, 9, 2, -712, 1),
        sensor(5, 9, 9, 0, 40, 1),
        sensor(6, 8, 9, 0, 30, 3),
        sensor(7, 8, 9, 0, 1_000_000_000, 1),
        "2.1.47.1.1.1.1.7.1 text Inlet\n2.1.47.1.1.1.1.7.2 text Inlet".to_owned(),
    ]
    .concat();
    let look = read(&table);
    let found: Vec<_> = look
        .facts
        .sensors
        .iter()
        .map(|row| {
            (
                row.kind.as_deref().unwrap(),
                row.value.unwrap(),
                row.unit.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("temperature", 23.5, "°C"),
            ("voltage", 3.3, "V"),
            ("fanspeed", 4200.0, "rpm"),
            ("dbm", -7.12, "dBm"),
            ("humidity", 40.0, "%"),
        ]
    );
    let part = |name: &str| Instance::Part {
        label: "sensor",
        name: name.into(),
    };
    let humidity = reading(&look, Metric::SENSOR_HUMIDITY, &part("Sensor 5"));
    assert_eq!(humidity, Some(Measured::F64(0.4)));
    // What is measured differently may share a name.
    assert!(reading(&look, Metric::SENSOR_TEMPERATURE, &part("Inlet")).is_some());
    assert!(reading(&look, Metric::SENSOR_VOLTAGE, &part("Inlet")).is_some());
    assert_eq!(look.defects.count(Defect::AbsurdValue), 1);
}

#[test]
fn a_neighbour_under_two_time_marks_is_one() {
    let look = read(
        "2.1.31.1.1.1.1.12 text eth1
         .1.0.8802.1.1.2.1.3.7.1.2.1 int 5
         .1.0.8802.1.1.2.1.3.7.1.3.1 text eth1
         .1.0.8802.1.1.2.1.4.1.1.4.10.1.1 int 4
         .1.0.8802.1.1.2.1.4.1.1.5.10.1.1 hex 00 11 22 33 44 55
         .1.0.8802.1.1.2.1.4.1.1.6.10.1.1 int 5
         .1.0.8802.1.1.2.1.4.1.1.7.10.1.1 text ge-0/0/1
         .1.0.8802.1.1.2.1.4.1.1.9.10.1.1 text core-1
         .1.0.8802.1.1.2.1.4.1.1.7.99.1.1 text ge-0/0/1
         .1.0.8802.1.1.2.1.4.1.1.4.99.1.1 int 4
         .1.0.8802.1.1.2.1.4.1.1.5.99.1.1 hex 00 11 22 33 44 55
         .1.0.8802.1.1.2.1.4.1.1.6.99.1.1 int 5
         .1.0.8802.1.1.2.1.4.1.1.9.99.1.1 text core-1
         .1.0.8802.1.1.2.1.4.2.1.3.99.1.1.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1 int 2
         .1.0.8802.1.1.2.1.4.2.1.3.99.1.1.1.4.192.0.2.7 int 2",
    );
    let [neighbor] = look.facts.neighbors.as_slice() else {
        panic!("{:?}", look.facts.neighbors);
    };
    assert_eq!(neighbor.local_interface.as_deref(), Some("eth1"));
    assert_eq!(neighbor.local_index, Some(12));
    assert_eq!(neighbor.remote_name.as_deref(), Some("core-1"));
    assert_eq!(neighbor.remote_port.as_deref(), Some("ge-0/0/1"));
    assert_eq!(
        neighbor.remote_chassis_id.as_deref(),
        Some("00:11:22:33:44:55")
    );
    assert_eq!(neighbor.remote_address, Some("192.0.2.7".parse().unwrap()));
}

#[test]
fn cdp_neighbours() {
    let look = read(
        "2.1.31.1.1.1.1.3 text Gi0/3
         4.1.9.9.23.1.2.1.1.3.3.1 int 1
         4.1.9.9.23.1.2.1.1.4.3.1 hex c0 00 02 09
         4.1.9.9.23.1.2.1.1.6.3.1 text phone-9
         4.1.9.9.23.1.2.1.1.7.3.1 text Port 1
         4.1.9.9.23.1.2.1.1.8.3.1 text a telephone",
    );
    let neighbor = look.facts.neighbors.first().unwrap();
    assert_eq!(neighbor.local_interface.as_deref(), Some("Gi0/3"));
    assert_eq!(neighbor.remote_address, Some("192.0.2.9".parse().unwrap()));
    assert_eq!(neighbor.remote_platform.as_deref(), Some("a telephone"));
}

#[test]
fn vlans_of_static_and_current_tables() {
    let look = read(
        "2.1.17.7.1.4.3.1.1.10 text office
         2.1.17.7.1.4.3.1.1.20 text
         2.1.17.7.1.4.2.1.3.77.30 gauge 30",
    );
    let found: Vec<_> = look
        .facts
        .vlans
        .iter()
        .map(|row| (row.id.unwrap(), row.name.as_deref()))
        .collect();
    assert_eq!(found, [(10, Some("office")), (20, None), (30, None)]);
}

/// Any value under any object that is asked for: no panic, and never NaN or infinity.
#[test]
fn random_rows_are_survived() {
    let mut state = 0x5eed_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let profiles = Profiles::default();
    let roots: Vec<Vec<u32>> = super::roots(&profiles).into_iter().collect();
    let vendors = [9, 11, 171, 1588, 2011, 2636, 12356, 14823, 25506];
    for _ in 0..200 {
        let vendor = vendors[usize::try_from(random()).unwrap() % vendors.len()];
        let object_id = Value::Oid(Oid::from_slice(&[1, 3, 6, 1, 4, 1, vendor, 1]));
        let mut objects = vec![(arcs("2.1.1.2.0"), object_id)];
        for _ in 0..400 {
            let root = &roots[usize::try_from(random()).unwrap() % roots.len()];
            let length = usize::try_from(random() % 9).unwrap();
            let index: Vec<u32> = (0..length)
                .map(|_| {
                    u32::try_from(random() % if random() % 9 == 0 { 1 << 32 } else { 5 }).unwrap()
                })
                .collect();
            let value = match random() % 8 {
                0 => Value::Integer(i64::from(u32::try_from(random() >> 32).unwrap()) - (1 << 31)),
                1 => Value::Counter64(random()),
                2 => Value::Gauge32(u32::try_from(random() >> 32).unwrap()),
                3 => Value::Oid(Oid::from_slice(&index)),
                4 => Value::Opaque(random().to_be_bytes().to_vec().into()),
                5 => Value::IpAddress(u32::try_from(random() >> 32).unwrap().into()),
                6 => Value::Integer(i64::try_from(random() % 12).unwrap()),
                _ => Value::Octets(
                    random().to_be_bytes()[..usize::try_from(random() % 8).unwrap()]
                        .to_vec()
                        .into(),
                ),
            };
            objects.push((Oid::from_slice(&[root.as_slice(), &index].concat()), value));
        }
        let rows: Rows = objects.into_iter().collect();
        let look = interpret(&rows, Groups::ALL, &Plan::of_rows(&profiles, &rows));
        for reading in look.readings {
            assert!(reading.value.as_f64().is_finite(), "{reading:?}");
        }
    }
}

#[test]
fn loads_that_only_the_vendor_tells() {
    let look = read(
        "2.1.1.2.0 oid 4.1.2636.1.1.1.2.1
         4.1.2636.3.1.13.1.5.9.1.0.0 text Routing Engine 0
         4.1.2636.3.1.13.1.8.9.1.0.0 gauge 12
         4.1.2636.3.1.13.1.11.9.1.0.0 gauge 50
         4.1.2636.3.1.13.1.15.9.1.0.0 int 1024
         4.1.2636.3.1.13.1.5.4.1.0.0 text Fan 1
         4.1.2636.3.1.13.1.8.4.1.0.0 gauge 0
         4.1.2636.3.1.13.1.15.4.1.0.0 int 0",
    );
    let [processor] = look.facts.processors.as_slice() else {
        panic!("{:?}", look.facts.processors);
    };
    assert_eq!(processor.name.as_deref(), Some("Routing Engine 0"));
    assert_eq!(processor.utilization_percent, Some(12.0));
    let memory = look.facts.memory.first().unwrap();
    assert_eq!(memory.total_bytes, Some(1 << 30));
    // Another vendor's agent is not believed under these objects.
    let other = read("2.1.1.2.0 oid 4.1.9.1.1\n4.1.2636.3.1.13.1.8.9.1.0.0 gauge 12");
    assert!(other.facts.processors.is_empty());
}

#[test]
fn who_was_heard_on_local_networks() {
    let look = read(
        "2.1.31.1.1.1.1.3 text Gi0/3
         2.1.4.35.1.4.3.1.4.192.0.2.9 hex 02 00 00 00 00 09
         2.1.4.35.1.6.3.1.4.192.0.2.9 int 3
         2.1.4.35.1.4.3.1.4.192.0.2.1 hex 02 00 00 00 00 01
         2.1.4.35.1.6.3.1.4.192.0.2.1 int 5
         2.1.4.35.1.4.3.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.5 hex 02 00 00 00 00 05
         2.1.4.35.1.4.3.1.4.192.0.2.300 hex 02 00 00 00 00 07
         2.1.4.22.1.2.3.192.0.2.9 hex 02 00 00 00 00 09
         2.1.4.22.1.2.3.192.0.2.10 hex 02 00 00 00 00 10
         2.1.4.22.1.4.3.192.0.2.10 int 2
         2.1.4.22.1.2.3.192.0.2.11 text
         2.1.4.22.1.2.4.192.0.2.12 hex 02 00 00 00 00 12",
    );
    let found: Vec<_> = look
        .facts
        .arp
        .iter()
        .map(|row| {
            let address = row.address.unwrap().to_string();
            (address, row.mac.clone().unwrap(), row.interface.as_deref())
        })
        .collect();
    let row = |address: &str, mac: &str, interface| (address.to_owned(), mac.to_owned(), interface);
    assert_eq!(
        found,
        [
            row("192.0.2.9", "02:00:00:00:00:09", Some("Gi0/3")),
            row("192.0.2.12", "02:00:00:00:00:12", None),
            row("2001:db8::5", "02:00:00:00:00:05", Some("Gi0/3")),
        ]
    );
    let defects = look.defects.by_name();
    assert_eq!(defects.get("wrong_index"), Some(&1), "{defects:?}");
}

#[test]
fn a_long_table_of_arp_is_cut_and_counted() {
    let lines: Vec<String> = (0..super::arp::ARP_MAX + 3)
        .map(|n| {
            let (high, low) = (n / 256, n % 256);
            format!("2.1.4.22.1.2.1.10.0.{high}.{low} hex 02 00 00 00 00 01")
        })
        .collect();
    let look = read(&lines.join("\n"));
    assert_eq!(look.facts.arp.len(), super::arp::ARP_MAX);
    assert_eq!(look.defects.by_name().get("too_many_rows"), Some(&3));
}

#[test]
fn neighbours_by_routing_protocols() {
    let look = read(
        "2.1.31.1.1.1.1.7 text xe-0/0/7
         2.1.4.20.1.2.10.0.0.1 int 7
         2.1.4.20.1.3.10.0.0.1 ip 255.255.255.252
         2.1.4.20.1.2.10.0.9.9 int 8
         2.1.4.20.1.3.10.0.9.9 ip 255.0.0.0
         2.1.14.10.1.3.10.0.0.2.0 ip 10.255.0.2
         2.1.14.10.1.6.10.0.0.2.0 int 8
         2.1.14.10.1.3.10.255.0.3.7 ip 10.255.0.3
         2.1.14.10.1.6.10.255.0.3.7 int 9
         2.1.14.10.1.6.10.255.0 int 1
         2.1.15.3.1.1.192.0.2.1 ip 10.255.0.9
         2.1.15.3.1.2.192.0.2.1 int 6
         2.1.15.3.1.5.192.0.2.1 ip 10.0.0.1
         2.1.15.3.1.9.192.0.2.1 int 64500
         2.1.15.3.1.16.192.0.2.1 gauge 86400
         2.1.15.3.1.1.192.0.2.2 ip 0.0.0.0
         2.1.15.3.1.2.192.0.2.2 int 3
         2.1.15.3.1.5.192.0.2.2 ip 0.0.0.0
         2.1.15.3.1.9.192.0.2.2 text x",
    );
    let said: Vec<String> = look
        .facts
        .routing_neighbors
        .iter()
        .map(|n| serde_json::to_string(n).unwrap())
        .collect();
    assert_eq!(
        said,
        [
            r#"{"protocol":"ospf","remote_address":"10.0.0.2","remote_id":"10.255.0.2","state":"full","local_interface":"xe-0/0/7"}"#,
            r#"{"protocol":"ospf","remote_address":"10.255.0.3","remote_id":"10.255.0.3","local_interface":"xe-0/0/7"}"#,
            r#"{"protocol":"bgp","remote_address":"192.0.2.1","remote_id":"10.255.0.9","remote_as":64500,"state":"established","local_address":"10.0.0.1","local_interface":"xe-0/0/7","established_seconds":86400}"#,
            r#"{"protocol":"bgp","remote_address":"192.0.2.2","state":"active"}"#,
        ]
    );
    let defects = look.defects.by_name();
    let counted = ["wrong_index", "absurd_value", "wrong_type"].map(|name| defects.get(name));
    assert_eq!(counted, [Some(&1), Some(&1), Some(&1)], "{defects:?}");
}

/// A profile with a table of temperatures of interfaces, and one that stands in for it.
fn sensors_of(draft: super::Draft, lines: &str) -> Vec<model::facts::SensorFacts> {
    let text = "[[match]]\nany = true\n\
        [[sensor]]\nkind = \"temperature\"\nvalue = \"1.3.6.1.4.1.9999.1\"\ninterface = \"index\"\n\
        [[sensor]]\nkind = \"temperature\"\nvalue = \"1.3.6.1.4.1.9999.2\"\nfallback = true\n";
    let catalog = crate::profile::Catalog::default()
        .with("own", text)
        .unwrap();
    let draft = super::Draft {
        wanted: Groups::COUNTERS,
        plan: std::sync::Arc::new(catalog.plan(&[], "", |_| false)),
        ..draft
    };
    super::interpret_into(&rows(lines), draft).0.facts.sensors
}

#[test]
fn a_sensor_keeps_its_interface_in_a_look_without_names() {
    let names = std::collections::BTreeMap::from([(3, "eth3".to_owned())]);
    let draft = super::Draft {
        known_names: std::sync::Arc::new(names),
        ..super::Draft::default()
    };
    let sensors = sensors_of(draft, "4.1.9999.1.3 int 40");
    assert_eq!(sensors.len(), 1);
    assert_eq!(sensors[0].interface.as_deref(), Some("eth3"));
    assert_eq!(sensors[0].name.as_deref(), Some("Temperature 3"));
}

#[test]
fn nothing_stands_in_for_a_table_that_was_cut_short() {
    let of = |cut: Groups| {
        let draft = super::Draft {
            cut,
            ..super::Draft::default()
        };
        sensors_of(draft, "4.1.9999.2.3 int 40").len()
    };
    assert_eq!(of(Groups::NONE), 1);
    assert_eq!(of(Groups::SENSORS), 0);
}
