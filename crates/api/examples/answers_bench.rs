//! What answers about a large network cost: 10,000 devices of 48 interfaces, 100,000 series of
//! octets over an hour, ten changes of status a device in a month. Prints one JSON object.
//!
//! `cargo run --release -p foretell-api --example answers_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use axum::body::Body;
use axum::http::{Method, Request, header};
use foretell_api::{Options, Readiness, Services, auth, router};
use futures_util::stream::{self, StreamExt as _};
use model::credential::Secret;
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::history::DeviceFound;
use model::interface::{IfStatus, Interface};
use model::{Clock, DeviceId, InterfaceId, Labels, Metric, Status, Timestamp, Value};
use std::net::Ipv4Addr;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use store::history::Record;
use store::inventory::StatusReport;
use store::series::Batch;
use store::{Store, StoreOptions};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

const DEVICES: u32 = 10_000;
const INTERFACES: u32 = 48;
/// Devices whose interfaces have samples: 100,000 series.
const MEASURED: usize = 1_042;
const POLLS: i64 = 60;
const CHANGES: i64 = 10;
/// 2026-03-30T12:00:00Z, so that a month is in two files.
const NOW_MS: i64 = 1_774_872_000_000;
const PASSWORD: &str = "only for this bench";
const ROUNDS: u32 = 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new(|| Timestamp::from_unix_ms(NOW_MS));
    let options = StoreOptions::new(folder.path());
    let (store, _) = Store::open(options, clock.clone()).await.unwrap();
    let devices = network(&store).await;
    samples(&store, &devices[..MEASURED]).await;
    changes(&store, &devices).await;
    let given = Secret::new(PASSWORD.to_owned());
    auth::bootstrap_admin(&store, Some(given)).await.unwrap();
    let (commands, _taken) = mpsc::channel(16);
    let services = Services {
        series: store.series.clone(),
        events: broadcast::channel(16).0,
        commands,
        bands: mpsc::channel(1).0,
        clock,
        readiness: watch::channel(Readiness::default()).1,
        notices: watch::channel(Arc::default()).1,
        flows: watch::channel(Arc::default()).1,
        plan: watch::channel(foretell_api::foresight::PlanStanding::default()).1,
        backups: watch::channel(Arc::default()).1,
        registry: Arc::new(RwLock::default()),
        signer: Arc::new(auth::load_signer(&store).await.unwrap()),
        options: Options {
            request_timeout: Duration::from_mins(10),
            ..Options::default()
        },
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
        store,
    };
    let router = router(services);
    let body = serde_json::json!({"username": "admin", "password": PASSWORD});
    let (_, answer) = ask(&router, Method::POST, "auth/login", "", body.to_string()).await;
    let token = answer["token"].as_str().unwrap().to_owned();
    let device = devices[0];
    let mut figures = serde_json::Map::new();
    for (name, path, rounds) in [
        ("health_cpu_ms", "health".to_owned(), ROUNDS),
        ("devices_cpu_ms", "devices?limit=100".to_owned(), ROUNDS),
        (
            "interfaces_cpu_ms",
            "interfaces?limit=100".to_owned(),
            ROUNDS,
        ),
        (
            "interfaces_by_speed_cpu_ms",
            "interfaces?limit=100&sort=-speed_bps".to_owned(),
            ROUNDS,
        ),
        ("series_cpu_ms", "series?limit=100".to_owned(), ROUNDS),
        (
            "history_of_one_cpu_ms",
            format!("devices/{device}/status-history"),
            ROUNDS,
        ),
        (
            "availability_of_one_cpu_ms",
            format!("devices/{device}/availability"),
            ROUNDS,
        ),
        ("availability_of_all_cpu_ms", "availability".to_owned(), 5),
        ("top_100000_series_cpu_ms", "top?by=bps".to_owned(), 1),
        (
            "top_points_cpu_ms",
            "top?by=bps&points=true&limit=100".to_owned(),
            1,
        ),
    ] {
        let began = cpu_time();
        for _ in 0..rounds {
            let (status, answer) = ask(&router, Method::GET, &path, &token, String::new()).await;
            assert_eq!(status, 200, "{path}: {answer}");
        }
        let each = cpu_time().saturating_sub(began).as_secs_f64() * 1_000.0 / f64::from(rounds);
        figures.insert(name.to_owned(), each.into());
    }
    figures.insert("memory_bytes".to_owned(), memory().into());
    println!("{}", serde_json::Value::Object(figures));
}

async fn ask(
    router: &axum::Router,
    method: Method,
    path: &str,
    token: &str,
    body: String,
) -> (u16, serde_json::Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(body))
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    (
        status,
        serde_json::from_slice(&body.unwrap()).unwrap_or_default(),
    )
}

/// The devices with their interfaces, all up.
async fn network(store: &Store) -> Vec<DeviceId> {
    let make = async |n: u32| {
        let id = DeviceId::new();
        let device = Device {
            id,
            address: Ipv4Addr::from_bits(0x0a00_0000 + n).into(),
            port: 161,
            vantage: LOCAL_VANTAGE.to_owned(),
            typed: Typed {
                name: Some(format!("device-{n:05}")),
                site: Some(format!("site-{}", n % 50)),
                ..Typed::default()
            },
            said: Said::default(),
            identity: Identity::default(),
            credential_id: None,
            interval_secs: 60,
            maintenance: None,
            created_at: Timestamp::from_unix_ms(NOW_MS),
            conflict: None,
            replaced_at: Vec::new(),
        };
        store.inventory.create(device).await.unwrap();
        let interfaces = (1..=INTERFACES).map(|index| interface(id, index)).collect();
        store
            .inventory
            .set_interfaces(id, interfaces)
            .await
            .unwrap();
        let report = StatusReport {
            status: Status::Up,
            evidence: Vec::new(),
            at: Timestamp::from_unix_ms(NOW_MS),
            last_seen_at: None,
            defects: std::collections::BTreeMap::default(),
        };
        store.inventory.set_state(id, report).await.unwrap();
        id
    };
    stream::iter((0..DEVICES).map(make))
        .buffer_unordered(64)
        .collect()
        .await
}

fn interface(device_id: DeviceId, index: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("ge-0/0/{index}"),
        description: None,
        alias: None,
        kind: Some("ethernetCsmacd".to_owned()),
        speed_bps: Some(1_000_000_000),
        mac: None,
        mtu: Some(1_500),
        aggregate: None,
        admin_status: Some(IfStatus::Up),
        oper_status: Some(IfStatus::Up),
        last_change_at: None,
        present: true,
    }
}

/// An hour of octets both ways; half of it is sealed.
async fn samples(store: &Store, devices: &[DeviceId]) {
    let mut resolved = Vec::new();
    for id in devices {
        let record = store.inventory.device(*id).unwrap();
        let keys = record.interfaces.iter().flat_map(|interface| {
            let labels = Labels::default()
                .with(Labels::VANTAGE, LOCAL_VANTAGE)
                .with(Labels::INTERFACE_ID, interface.id.to_string());
            [Metric::IF_HC_IN_OCTETS, Metric::IF_HC_OUT_OCTETS]
                .map(|metric| (metric, labels.clone()))
        });
        let series = store.series.resolve(*id, keys.collect()).await.unwrap();
        resolved.push((*id, series));
    }
    let mut octets = 0u64;
    for poll in 0..POLLS {
        let at = Timestamp::from_unix_ms(NOW_MS - (POLLS - poll) * 60_000);
        octets += 60 * 1_000_000;
        let append = async |(device_id, series): &(DeviceId, Vec<store::series::Resolved>)| {
            let values = series.iter().map(|series| {
                (
                    series.column,
                    Value::U64(octets + u64::from(series.column.0) * 977),
                )
            });
            let batch = Batch {
                device_id: *device_id,
                at,
                values: values.collect(),
            };
            store.series.append(batch).await.unwrap();
        };
        stream::iter(resolved.iter().map(append))
            .buffer_unordered(1_024)
            .collect::<()>()
            .await;
    }
    store.series.maintain().await.unwrap();
}

/// Ten changes of each device over the last month.
async fn changes(store: &Store, devices: &[DeviceId]) {
    store.history.begin_run().await.unwrap();
    let begin = NOW_MS - 30 * 86_400_000;
    let run = model::history::Run {
        from: Timestamp::from_unix_ms(begin),
        until: Timestamp::from_unix_ms(NOW_MS),
    };
    store.history.append(vec![Record::Run(run)]).await.unwrap();
    for id in devices {
        let found = (0..CHANGES).map(|n| Record::Device {
            id: *id,
            found: DeviceFound {
                at: Timestamp::from_unix_ms(begin + n * 3 * 86_400_000),
                status: if n % 2 == 0 { Status::Up } else { Status::Down },
                interfaces_read: n % 2 == 0,
                evidence: Vec::new(),
            },
        });
        store.history.append(found.collect()).await.unwrap();
    }
}

/// Octets of this process in RAM.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

/// CPU time of this process, from `/proc/self/stat`, in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |n: usize| fields[n].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
