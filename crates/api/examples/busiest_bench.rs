//! What a list sorted by traffic costs in the largest network that one server carries: 10,000
//! devices of 48 interfaces, polled each minute. Prints one JSON object.
//!
//! `cargo run --release -p foretell-api --example busiest_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing)] // Of JSON only: indexing it gives null where there is nothing.

use axum::body::Body;
use axum::http::{Method, Request};
use foretell_api::{Options, Readiness, Services, auth, router};
use futures_util::StreamExt as _;
use model::credential::Secret;
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::interface::{IfStatus, Interface};
use model::{Clock, DeviceId, InterfaceId, Labels, Metric, Timestamp, Value};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use store::series::{Batch, Column, SeriesStore, SyncPolicy};
use store::{Store, StoreOptions};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

const DEVICES: u32 = 10_000;
const INTERFACES: u32 = 48;
const POLLS: u64 = 3;
/// Devices that are made at a time.
const AT_ONCE: usize = 256;
/// Twenty minutes into a half-hour, so that the polls are in the head as they mostly are.
const NOW: i64 = 1_772_366_400_000 + 20 * 60_000;
const PASSWORD: &str = "correct horse battery";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = {
        let now = now.clone();
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::Relaxed)))
    };
    let services = services(folder.path(), clock).await;
    // Together, for each waits for a sync that it shares with the others.
    let devices = futures_util::stream::iter(0..DEVICES);
    devices
        .for_each_concurrent(AT_ONCE, |n| fill(&services, n))
        .await;
    let router = router(services.clone());
    let token = token(&router).await;
    let before = resident_bytes();
    let first = page(&router, &token, "-utilization").await;
    let look_bytes = resident_bytes().saturating_sub(before);
    now.fetch_add(1_000, Ordering::Relaxed);
    let same_look = page(&router, &token, "-in_bps").await;
    now.fetch_add(60_000, Ordering::Relaxed);
    let next_look = page(&router, &token, "-in_bps").await;
    let by_name = page(&router, &token, "name").await;
    let by_device = page(&router, &token, "device").await;
    let ms = |took: Duration| took.as_millis();
    println!(
        r#"{{"interfaces": {}, "first_look_ms": {}, "next_look_ms": {}, "same_look_ms": {}, "by_name_ms": {}, "by_device_ms": {}, "look_mb": {}}}"#,
        DEVICES * INTERFACES,
        ms(first),
        ms(next_look),
        ms(same_look),
        ms(by_name),
        ms(by_device),
        look_bytes >> 20,
    );
}

async fn services(folder: &Path, clock: Clock) -> Services {
    let mut options = StoreOptions::new(folder);
    options.series.sync = SyncPolicy::Every(Duration::from_millis(100));
    options.series.maintain_every = None;
    let (store, _) = Store::open(options, clock.clone()).await.unwrap();
    let given = Secret::new(PASSWORD.to_owned());
    auth::bootstrap_admin(&store, Some(given)).await.unwrap();
    let signer = auth::load_signer(&store).await.unwrap();
    Services {
        series: store.series.clone(),
        store,
        events: broadcast::channel(16).0,
        commands: mpsc::channel(16).0,
        bands: mpsc::channel(1).0,
        clock,
        readiness: watch::channel(Readiness::default()).1,
        notices: watch::channel(Arc::default()).1,
        flows: watch::channel(Arc::default()).1,
        plan: watch::channel(foretell_api::foresight::PlanStanding::default()).1,
        backups: watch::channel(Arc::default()).1,
        registry: Arc::new(RwLock::default()),
        signer: Arc::new(signer),
        options: Options::default(),
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
    }
}

/// A device with its interfaces, polled some times up to now.
async fn fill(services: &Services, n: u32) {
    let id = DeviceId::new();
    let device = Device {
        id,
        address: Ipv4Addr::from(0x0a00_0000 + n).into(),
        port: 161,
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed::default(),
        said: Said::default(),
        identity: Identity::default(),
        credential_id: None,
        interval_secs: 60,
        maintenance: None,
        created_at: services.clock.now(),
        conflict: None,
        replaced_at: Vec::new(),
    };
    let inventory = &services.store.inventory;
    inventory.create(device).await.unwrap();
    let rows: Vec<Interface> = (1..=INTERFACES).map(|index| interface(id, index)).collect();
    let labels = Labels::default().with(Labels::VANTAGE, LOCAL_VANTAGE);
    let mut keys = vec![(Metric::SYS_UP_TIME, labels.clone())];
    for row in &rows {
        let labels = labels
            .clone()
            .with(Labels::INTERFACE_ID, row.id.to_string())
            .with(Labels::INTERFACE, row.name.clone());
        keys.push((Metric::IF_HC_IN_OCTETS, labels.clone()));
        keys.push((Metric::IF_HC_OUT_OCTETS, labels));
    }
    inventory.set_interfaces(id, rows).await.unwrap();
    let resolved = services.series.resolve(id, keys).await.unwrap();
    let columns: Vec<Column> = resolved.iter().map(|series| series.column).collect();
    poll(&services.series, id, &columns, u64::from(n)).await;
}

async fn poll(series: &SeriesStore, device_id: DeviceId, columns: &[Column], n: u64) {
    let appends = (0..POLLS).map(|poll| {
        let ago = i64::try_from(POLLS - 1 - poll).unwrap() * 60_000;
        let of = |(at, column): (usize, &Column)| {
            let per_second = (n * 7_919 + at as u64 * 104_729) % 100_000_000;
            (*column, Value::U64(1_000 + per_second * 60 * poll))
        };
        series.append(Batch {
            device_id,
            at: Timestamp::from_unix_ms(NOW - ago),
            values: columns.iter().enumerate().map(of).collect(),
        })
    });
    for append in futures_util::future::join_all(appends).await {
        append.unwrap();
    }
}

fn interface(device_id: DeviceId, index: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("GigabitEthernet1/0/{index}"),
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

async fn token(router: &axum::Router) -> String {
    let body = serde_json::json!({"username": "admin", "password": PASSWORD}).to_string();
    let request = Request::post("/api/v1/auth/login")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&ask(router, request).await).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

/// How long a page of ten takes.
async fn page(router: &axum::Router, token: &str, sort: &str) -> Duration {
    let request = Request::builder()
        .method(Method::GET)
        .uri(format!("/api/v1/interfaces?limit=10&sort={sort}"))
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let began = Instant::now();
    let answer = ask(router, request).await;
    let took = began.elapsed();
    let page: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 10, "{page}");
    took
}

async fn ask(router: &axum::Router, request: Request<Body>) -> Vec<u8> {
    let response = router.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 10 << 20).await;
    body.unwrap().to_vec()
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
