//! What a million series cost: the memory of their index, the time to load them, to find some of
//! them by metric and by labels, to count them, and to know those of a poll again. 2,083 devices of
//! 48 ports with ten series each. Prints one JSON object.
//!
//! `cargo run --release -p foretell-store --example index_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use foretell_store::series::attached::OfDevice;
use foretell_store::series::{Attached, Selector, SeriesOptions, SeriesStore, Shape};
use model::device::LOCAL_VANTAGE;
use model::interface::Interface;
use model::{Clock, DeviceId, InterfaceId, Labels, Metric, Timestamp};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const DEVICES: usize = 2_083;
const PORTS: u32 = 48;
const METRICS: [Metric; 10] = [
    Metric::IF_OPER_STATUS,
    Metric::IF_HC_IN_OCTETS,
    Metric::IF_HC_OUT_OCTETS,
    Metric::IF_HC_IN_UCAST_PKTS,
    Metric::IF_HC_OUT_UCAST_PKTS,
    Metric::IF_IN_DISCARDS,
    Metric::IF_OUT_DISCARDS,
    Metric::IF_IN_ERRORS,
    Metric::IF_OUT_ERRORS,
    Metric::IF_ADMIN_STATUS,
];
const ROUNDS: u32 = 20;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let mut arguments = std::env::args().skip(1);
    if let Some(folder) = arguments.next() {
        runtime.block_on(measure(Path::new(&folder)));
        return;
    }
    runtime.block_on(register(folder.path()));
    // A process of its own, so that what registering left in memory is not counted.
    let program = std::env::current_exe().unwrap();
    let mut measured = std::process::Command::new(program);
    let status = measured.arg(folder.path()).status().unwrap();
    assert!(status.success());
}

fn open(folder: &Path) -> SeriesStore {
    let clock = Clock::new(|| Timestamp::from_unix_ms(1_772_366_400_000));
    let options = SeriesOptions {
        maintain_every: None,
        ..SeriesOptions::default()
    };
    let (store, recovery) = SeriesStore::open(folder, options, clock).unwrap();
    assert!(recovery.damage.is_empty());
    store
}

/// Registers all series, many devices at once as polls do.
async fn register(folder: &Path) {
    let store = open(folder);
    let ids: Vec<DeviceId> = (0..DEVICES).map(|_| DeviceId::new()).collect();
    for some in ids.chunks(128) {
        let resolving: Vec<_> = some
            .iter()
            .map(|id| {
                let (store, id) = (store.clone(), *id);
                tokio::spawn(async move { store.resolve(id, keys()).await.unwrap() })
            })
            .collect();
        for resolved in resolving {
            resolved.await.unwrap();
        }
    }
    store.close().await;
}

/// What is measured of a device, as a poll has it: port by port.
fn keys() -> Vec<(Metric, Labels)> {
    let of_port = |port: u32| {
        let labels = Labels::default()
            .with(Labels::VANTAGE, LOCAL_VANTAGE)
            .with(Labels::INTERFACE_ID, InterfaceId::new().to_string())
            .with(Labels::INTERFACE, format!("GigabitEthernet1/0/{port}"));
        METRICS.map(|metric| (metric, labels.clone()))
    };
    (1..=PORTS).flat_map(of_port).collect()
}

async fn measure(folder: &Path) {
    let before = memory();
    let cpu = cpu_time();
    let store = open(folder);
    let load = cpu_time().saturating_sub(cpu);
    let index = memory().saturating_sub(before);
    let series = usize::try_from(store.stats().series).unwrap();
    assert_eq!(series, DEVICES * PORTS as usize * METRICS.len());

    let attached = Attached::default();
    let select = |text: &str, expected: usize, limit: usize| {
        let selector: Selector = text.parse().unwrap();
        let cpu = cpu_time();
        for _ in 0..ROUNDS {
            let selected = store.select(black_box(&selector), &attached, None, limit);
            assert_eq!(selected.matched, expected);
            black_box(&selected);
        }
        millis(cpu_time().saturating_sub(cpu)) / f64::from(ROUNDS)
    };
    let ports = DEVICES * PORTS as usize;
    let by_metric = select("ifHCInOctets", ports, usize::MAX);
    let page = select("ifHCInOctets", ports, 100);
    let by_name = select(
        r#"ifHCInOctets{interface=~"Gigabit.*/1.?"}"#,
        11 * DEVICES,
        usize::MAX,
    );
    let first = store
        .select(&"{}".parse().unwrap(), &attached, None, 1)
        .series;
    let labels = store.series(first.first().unwrap().id).unwrap().key.labels;
    let id = labels.interface_id().unwrap();
    let by_interface = select(&format!(r#"{{interface_id="{id}"}}"#), METRICS.len(), 100);
    let cpu = cpu_time();
    black_box(store.cardinality(10));
    let cardinality = millis(cpu_time().saturating_sub(cpu));

    let (attached_all, attached_one) = attach();
    let device_id = first.first().unwrap().device_id;
    let of_device = store.series_of(device_id);
    let keys: Vec<_> = of_device
        .into_iter()
        .map(|series| (series.key.metric, series.key.labels))
        .collect();
    let poll: Vec<(Metric, u32)> = (1..=PORTS)
        .flat_map(|port| METRICS.map(|metric| (metric, port)))
        .collect();
    let borrowed = || poll.iter().map(|(metric, port)| (*metric, port));
    let known = store.known(device_id, &keys);
    assert!(known.iter().all(Option::is_some));
    let known = known.into_iter().map(|known| Some(known?.series));
    let shape = Shape::new(borrowed(), known);
    let rounds = 20_000;
    let cpu = cpu_time();
    for _ in 0..rounds {
        assert!(shape.series_of(black_box(borrowed())).is_some());
    }
    let same = nanos_each(cpu_time().saturating_sub(cpu), rounds * poll.len());
    let rounds = 200;
    let cpu = cpu_time();
    for _ in 0..rounds {
        black_box(store.known(device_id, black_box(&keys)));
    }
    let looked_up = nanos_each(cpu_time().saturating_sub(cpu), rounds * keys.len());
    let id = first.first().unwrap().id;
    let rounds = 100_000;
    let cpu = cpu_time();
    for _ in 0..rounds {
        black_box(store.series(black_box(id)));
    }
    let by_id = nanos_each(cpu_time().saturating_sub(cpu), rounds);
    println!(
        r#"{{"series": {series}, "index_bytes_per_series": {:.1}, "load_cpu_s": {:.2}, "select_by_metric_ms": {by_metric:.2}, "select_page_ms": {page:.2}, "select_by_expression_ms": {by_name:.2}, "select_by_interface_ms": {by_interface:.3}, "cardinality_ms": {cardinality:.2}, "attached_all_ms": {attached_all:.2}, "attached_one_of_a_copy_ms": {attached_one:.2}, "shape_ns_per_sample": {same:.1}, "lookup_ns_per_sample": {looked_up:.0}, "series_by_id_ns": {by_id:.0}}}"#,
        index as f64 / series as f64,
        load.as_secs_f64(),
    );
    store.close().await;
}

/// What it takes to attach all interfaces of 10,000 devices, and one device anew while somebody reads
/// what was attached before.
fn attach() -> (f64, f64) {
    let records: Vec<(DeviceId, Arc<[Arc<Interface>]>)> = (0..10_000)
        .map(|_| {
            let device_id = DeviceId::new();
            let rows = (1..=PORTS).map(|port| Arc::new(interface(device_id, port)));
            (device_id, rows.collect())
        })
        .collect();
    let put = |attached: &mut Attached, (id, rows): &(DeviceId, Arc<[Arc<Interface>]>)| {
        attached.put(*id, OfDevice::default(), Arc::clone(rows));
    };
    let cpu = cpu_time();
    let mut all = Arc::new(Attached::default());
    for record in &records {
        put(Arc::make_mut(&mut all), record);
    }
    let made = millis(cpu_time().saturating_sub(cpu));
    let rounds = 10;
    let cpu = cpu_time();
    for _ in 0..rounds {
        let read = Arc::clone(&all);
        put(Arc::make_mut(&mut all), records.first().unwrap());
        black_box(read);
    }
    let again = millis(cpu_time().saturating_sub(cpu));
    (made, again / f64::from(rounds))
}

fn interface(device_id: DeviceId, port: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index: port,
        name: format!("GigabitEthernet1/0/{port}"),
        description: None,
        alias: None,
        kind: None,
        speed_bps: None,
        mac: None,
        mtu: None,
        admin_status: None,
        oper_status: None,
        last_change_at: None,
        present: true,
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn nanos_each(time: Duration, times: usize) -> f64 {
    time.as_secs_f64() * 1e9 / times as f64
}

/// Memory of this process in octets, from `/proc/self/status`.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// CPU time of all threads of this process, to the nanosecond, from `/proc/self/task/*/schedstat`.
fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = tasks.map(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat"));
        // A thread may end meanwhile.
        let stat = stat.unwrap_or_default();
        stat.split(' ')
            .next()
            .and_then(|nanos| nanos.parse::<u64>().ok())
    });
    Duration::from_nanos(nanos.flatten().sum())
}
