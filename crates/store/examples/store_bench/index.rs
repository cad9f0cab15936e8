//! What a million series cost: the memory of their index, the time to load them, to find some of
//! them by metric and by labels, to count them, and to know those of a poll again.

use super::load::{BEGIN_MS, Hand, METRICS, Network, PORTS, open, workers};
use super::proc;
use foretell_store::series::attached::OfDevice;
use foretell_store::series::{Attached, Selector, Shape};
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Metric};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const DEVICES: usize = 2_083;
const ROUNDS: u32 = 20;

pub(crate) fn run() {
    let folder = tempfile::tempdir_in(".").unwrap();
    workers(1).block_on(async {
        let mut network = Network::new(DEVICES);
        let store = open(folder.path(), &hand());
        network.register(&store).await;
        store.close().await;
    });
    // A process of its own, so that what registering left in memory is not counted.
    let program = std::env::current_exe().unwrap();
    let mut measured = Command::new(program);
    let status = measured.arg("indexed").arg(folder.path()).status();
    assert!(status.unwrap().success());
}

/// Measures the series that are registered in a folder.
pub(crate) fn registered(folder: &Path) {
    workers(1).block_on(measure(folder));
}

fn hand() -> Hand {
    let hand = Hand::new();
    hand.set(BEGIN_MS);
    hand
}

async fn measure(folder: &Path) {
    let before = proc::memory();
    let cpu = cpu_time();
    let store = open(folder, &hand());
    let load = cpu_time().saturating_sub(cpu);
    let index = proc::memory().saturating_sub(before);
    let series = store.stats().series as usize;
    assert_eq!(series, DEVICES * PORTS * METRICS.len());

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
    let ports = DEVICES * PORTS;
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
    let first = first.first().unwrap();
    let labels = store.series(first.id).unwrap().key.labels;
    let id = labels.interface_id().unwrap();
    let by_interface = select(&format!(r#"{{interface_id="{id}"}}"#), METRICS.len(), 100);
    let cpu = cpu_time();
    black_box(store.cardinality(10));
    let cardinality = millis(cpu_time().saturating_sub(cpu));

    let (attached_all, attached_one) = attach();
    let device_id = first.device_id;
    let of_device = store.series_of(device_id);
    let keys: Vec<_> = of_device
        .into_iter()
        .map(|series| (series.key.metric, series.key.labels))
        .collect();
    let poll: Vec<(Metric, u32)> = (1..=PORTS as u32)
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
    let rounds = 100_000;
    let cpu = cpu_time();
    for _ in 0..rounds {
        black_box(store.series(black_box(first.id)));
    }
    let by_id = nanos_each(cpu_time().saturating_sub(cpu), rounds);
    println!(
        "{}",
        serde_json::json!({
            "index_series": series,
            "index_bytes_per_series": index as f64 / series as f64,
            "index_load_cpu_s": load.as_secs_f64(),
            "index_select_by_metric_cpu_ms": by_metric,
            "index_select_page_cpu_ms": page,
            "index_select_by_expression_cpu_ms": by_name,
            "index_select_by_interface_cpu_ms": by_interface,
            "index_cardinality_cpu_ms": cardinality,
            "index_attached_all_cpu_ms": attached_all,
            "index_attached_one_of_a_copy_cpu_ms": attached_one,
            "index_shape_cpu_ns_per_sample": same,
            "index_lookup_cpu_ns_per_sample": looked_up,
            "index_series_by_id_cpu_ns": by_id,
        })
    );
    store.close().await;
}

/// What it takes to attach all interfaces of 10,000 devices, and one device anew while somebody reads
/// what was attached before.
fn attach() -> (f64, f64) {
    let records: Vec<(DeviceId, Arc<[Arc<Interface>]>)> = (0..10_000)
        .map(|_| {
            let device_id = DeviceId::new();
            let rows = (1..=PORTS as u32).map(|port| Arc::new(interface(device_id, port)));
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
        aggregate: None,
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

/// CPU time of all threads that live, to the nanosecond.
fn cpu_time() -> Duration {
    proc::threads().values().sum()
}
