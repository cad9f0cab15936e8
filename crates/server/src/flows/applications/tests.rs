#[path = "../../../../collect/tests/all/packets.rs"]
mod packets;

use super::super::{Whose, owner_of};
use super::*;
use crate::senders::Senders;
use collect::flow::{Flows, Protocol, Sealed};
use model::device::{Device, Identity, Said, Typed};
use model::flow::{FlowBound, FlowRow, FlowSampling, FlowTotal};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use store::{Store, StoreOptions};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const MINUTE_MS: i64 = 60_000;
/// 2026-03-01T12:00:00Z.
const NOW: i64 = 1_772_366_400_000;
const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Octets of a minute whose rate is 1,000 a second.
const THOUSAND: u64 = 60_000;

/// The last samples of each series: the minute and the value.
type Kept = BTreeMap<String, Vec<(i64, f64)>>;

/// What crossed an interface: its ifIndex, all octets, and those by port.
type Had<'a> = (u32, u64, &'a [(u16, u64)]);

/// A store with a device that sends flows, a clock that is set, and what keeps applications.
struct Lab {
    store: Store,
    time: Arc<AtomicI64>,
    clock: Clock,
    heard: broadcast::Receiver<Arc<Event>>,
    device_id: DeviceId,
    applications: Applications,
}

impl Lab {
    async fn open(folder: &Path) -> Self {
        let time = Arc::new(AtomicI64::new(NOW));
        let of = Arc::clone(&time);
        let clock = Clock::new(move || Timestamp::from_unix_ms(of.load(Ordering::SeqCst)));
        let options = StoreOptions::new(folder);
        let (store, _) = Store::open(options, clock.clone()).await.unwrap();
        let device = device();
        let device_id = device.id;
        store.inventory.create(device).await.unwrap();
        let (applications, heard) = applications(&store, &clock);
        Self {
            store,
            time,
            clock,
            heard,
            device_id,
            applications,
        }
    }

    /// The server starts anew.
    fn restart(&mut self) {
        (self.applications, self.heard) = applications(&self.store, &self.clock);
    }

    /// Keeps so manieth minute, in which interfaces had so much by port.
    async fn minute(&mut self, nth: i64, interfaces: &[Had<'_>]) {
        let from = Timestamp::from_unix_ms(NOW + nth * MINUTE_MS);
        self.time
            .store(NOW + (nth + 2) * MINUTE_MS, Ordering::SeqCst);
        let sealed = interfaces.iter().map(|(if_index, total, ports)| Sealed {
            exporter: EXPORTER,
            from,
            top: top(*if_index, *total, ports),
        });
        self.sealed(sealed.collect()).await;
    }

    /// Keeps so manieth minute, in which a top of an interface leaves out so much.
    async fn minute_without(&mut self, nth: i64, absent: u64, (if_index, total, ports): Had<'_>) {
        let from = Timestamp::from_unix_ms(NOW + nth * MINUTE_MS);
        self.time
            .store(NOW + (nth + 2) * MINUTE_MS, Ordering::SeqCst);
        let mut top = top(if_index, total, ports);
        top.absent.octets = absent;
        let exporter = EXPORTER;
        self.sealed(vec![Sealed {
            exporter,
            from,
            top,
        }])
        .await;
    }

    async fn sealed(&mut self, sealed: Vec<Sealed>) {
        let senders = Senders::new(self.store.inventory.clone(), self.clock.clone());
        let mut whose = Whose::new(self.store.clone(), senders.snapshot());
        whose.events(sealed);
        self.applications.keep(whose.minute).await;
    }

    /// The last samples of each series, the newest first, by interface and application.
    fn kept(&self) -> Kept {
        let series = &self.store.series;
        let all = series.series_named(self.device_id, Metric::FLOW_OCTET_RATE);
        let one = |one: &Series| {
            let labels = &one.key.labels;
            let of = labels.get(Labels::IF_INDEX).unwrap_or("-");
            let name = format!("{of} {}", labels.get(Labels::APPLICATION).unwrap());
            let mut points: Vec<_> = series
                .read(
                    one.id,
                    Timestamp::from_unix_ms(NOW),
                    Timestamp::from_unix_ms(NOW + 100_000 * MINUTE_MS),
                )
                .unwrap()
                .into_iter()
                .map(|(at, value)| ((at.unix_ms() - NOW) / MINUTE_MS, value.as_f64()))
                .collect();
            points.reverse();
            points.truncate(2);
            (name, points)
        };
        all.iter().map(one).collect()
    }
}

fn applications(store: &Store, clock: &Clock) -> (Applications, broadcast::Receiver<Arc<Event>>) {
    let events = broadcast::Sender::new(1_000);
    let heard = events.subscribe();
    let applications = Applications::new(
        store.series.clone(),
        store.inventory.clone(),
        events,
        clock.clone(),
        Counts::default(),
    );
    (applications, heard)
}

fn device() -> Device {
    Device {
        id: DeviceId::new(),
        address: EXPORTER,
        port: 161,
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed::default(),
        said: Said::default(),
        identity: Identity::default(),
        credential_id: None,
        interval_secs: 60,
        maintenance: None,
        conflict: None,
        replaced_at: Vec::new(),
        created_at: Timestamp::from_unix_ms(NOW),
    }
}

fn top(if_index: u32, octets: u64, ports: &[(u16, u64)]) -> FlowTop {
    let row =
        |(port, octets): &(u16, u64)| FlowRow::from((format!("tcp/{port}"), *octets, 1, 0, 0));
    FlowTop {
        if_index,
        direction: FlowDirection::Ingress,
        dimension: FlowDimension::Application,
        window_secs: WINDOW_SECS,
        total: FlowTotal {
            octets,
            packets: 1,
            flows: 1,
        },
        sampling: FlowSampling::default(),
        absent: FlowBound::default(),
        rows: ports.iter().map(row).collect(),
    }
}

fn shown(kept: &Kept) -> Vec<String> {
    let last = |(name, points): (&String, &Vec<(i64, f64)>)| match points.first() {
        Some((minute, rate)) => format!("{name} {minute}: {rate}"),
        None => name.clone(),
    };
    kept.iter().map(last).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_applications_are_series_with_zeros_and_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path()).await;
    let usual: &[(u16, u64)] = &[(443, 3 * THOUSAND), (22, THOUSAND)];
    for nth in 0..9 {
        lab.minute(nth, &[(3, 5 * THOUSAND, usual)]).await;
    }
    assert_eq!(lab.kept(), BTreeMap::new(), "it is watched for ten minutes");
    assert!(lab.heard.try_recv().is_err());
    lab.minute(9, &[(3, 5 * THOUSAND, usual)]).await;
    assert_eq!(
        shown(&lab.kept()),
        [
            "3 other 10: 1000",
            "3 tcp/22 10: 1000",
            "3 tcp/443 10: 3000"
        ]
    );
    let heard = lab.heard.try_recv().unwrap();
    let Event::Samples { at, samples, .. } = &*heard else {
        panic!("{heard:?}");
    };
    assert_eq!((at.unix_ms(), samples.len()), (NOW + 10 * MINUTE_MS, 3));
    // One of them is silent, then the interface, then the device.
    lab.minute(10, &[(3, 2 * THOUSAND, &[(443, 2 * THOUSAND)])])
        .await;
    assert_eq!(
        shown(&lab.kept()),
        ["3 other 11: 0", "3 tcp/22 11: 0", "3 tcp/443 11: 2000"]
    );
    lab.minute(11, &[(4, THOUSAND, &[(443, THOUSAND)])]).await;
    assert_eq!(
        shown(&lab.kept()),
        ["3 other 12: 0", "3 tcp/22 12: 0", "3 tcp/443 12: 0"]
    );
    lab.minute(12, &[]).await;
    lab.minute(13, &[(3, THOUSAND, &[(443, THOUSAND)])]).await;
    let kept = lab.kept();
    assert_eq!(kept["3 tcp/443"], [(14, 1_000.0), (12, 0.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_a_top_may_hide_has_no_sample() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path()).await;
    let usual: &[(u16, u64)] = &[(443, 3 * THOUSAND), (22, THOUSAND)];
    for nth in 0..10 {
        lab.minute(nth, &[(3, 5 * THOUSAND, usual)]).await;
    }
    let without: Had<'_> = (3, 5 * THOUSAND, &[(443, 3 * THOUSAND)]);
    // The 100th part of all may be hidden, then less.
    lab.minute_without(10, 5 * THOUSAND / 100, without).await;
    let shown_now = shown(&lab.kept());
    assert_eq!(
        shown_now,
        [
            "3 other 11: 2000",
            "3 tcp/22 10: 1000",
            "3 tcp/443 11: 3000"
        ]
    );
    lab.minute_without(11, 5 * THOUSAND / 100 - 1, without)
        .await;
    assert_eq!(lab.kept()["3 tcp/22"], [(12, 0.0), (10, 1_000.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_and_ports_that_change_make_no_more_series_than_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path()).await;
    for nth in 0..30_u16 {
        let scan: Vec<(u16, u64)> = (0..32).map(|port| (1 + nth * 32 + port, 60)).collect();
        lab.minute(i64::from(nth), &[(1, 200 * THOUSAND, &scan)])
            .await;
    }
    assert_eq!(lab.kept().len(), 0);
    // Others are the largest every day.
    for turn in 0..6_u16 {
        let ports: Vec<(u16, u64)> = (0..8).map(|n| (10_000 + turn * 8 + n, 9_000_000)).collect();
        for nth in 0..10 {
            let minute = 40 + i64::from(turn) * 4_000 + nth;
            lab.minute(minute, &[(1, 80_000_000, &ports)]).await;
        }
    }
    assert_eq!(lab.kept().len(), PLACE_SERIES_MAX);
    assert!(lab.applications.counts.left_out.get() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn series_go_on_after_a_start_and_a_part_of_a_minute_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path()).await;
    let usual: &[(u16, u64)] = &[(443, 3 * THOUSAND)];
    for nth in 0..10 {
        lab.minute(nth, &[(3, 3 * THOUSAND, usual)]).await;
    }
    // The server stops within a minute, and starts within it.
    lab.minute(10, &[]).await;
    lab.time
        .store(NOW + 10 * MINUTE_MS + 30_000, Ordering::SeqCst);
    let part = || Sealed {
        exporter: EXPORTER,
        from: Timestamp::from_unix_ms(NOW + 10 * MINUTE_MS),
        top: top(3, THOUSAND, &[(443, THOUSAND)]),
    };
    lab.sealed(vec![part()]).await;
    lab.restart();
    lab.time.store(NOW + 12 * MINUTE_MS, Ordering::SeqCst);
    lab.sealed(vec![part()]).await;
    assert_eq!(lab.kept()["3 tcp/443"][0].0, 10, "neither part is a minute");
    // Another interface tells first: those of before have zeros.
    lab.minute(11, &[(4, THOUSAND, usual)]).await;
    assert_eq!(shown(&lab.kept()), ["3 other 12: 0", "3 tcp/443 12: 0"]);
    lab.minute(12, &[(3, 3 * THOUSAND, usual)]).await;
    assert_eq!(lab.kept()["3 tcp/443"][0], (13, 3_000.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_deleted_has_no_samples_and_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path()).await;
    let usual: &[(u16, u64)] = &[(443, 3 * THOUSAND)];
    for nth in 0..10 {
        lab.minute(nth, &[(3, 3 * THOUSAND, usual)]).await;
    }
    assert_eq!(lab.applications.places, 1);
    lab.store.series.delete_device(lab.device_id).await.unwrap();
    lab.minute(10, &[(3, 3 * THOUSAND, usual)]).await;
    assert_eq!(lab.applications.counts.not_kept.get(), 1);
    assert!(lab.applications.devices.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_series_is_counted_once_flows_stop_and_a_deleted_device_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path()).await;
    let usual: &[(u16, u64)] = &[(443, 3 * THOUSAND)];
    for nth in 0..10 {
        lab.minute(nth, &[(3, 3 * THOUSAND, usual)]).await;
    }
    let series = lab.applications.counts.series.clone();
    assert_eq!(series.get(), 2);
    lab.minute(10, &[]).await;
    assert_eq!(series.get(), 0);
    assert_eq!(lab.applications.places, 1);
    lab.minute(11, &[(3, 3 * THOUSAND, usual)]).await;
    lab.applications.tick();
    assert_eq!(series.get(), 2);
    let any = store::Expect::Any;
    let inventory = &lab.store.inventory;
    inventory.delete(lab.device_id, any).await.unwrap();
    lab.time.fetch_add(3 * MINUTE_MS, Ordering::SeqCst);
    lab.applications.tick();
    assert_eq!((series.get(), lab.applications.places), (0, 0));
    assert!(lab.applications.devices.is_empty());
}

#[test]
fn labels_tell_the_place() {
    let application = Application::from_key("udp/53");
    for (of, name) in [
        (Of::Interface(InterfaceId::new()), Some("eth0")),
        (Of::Index(0), None),
    ] {
        for application in [application, None] {
            let at = (of, FlowDirection::Egress);
            let labels = labels(at, name, application);
            assert_eq!(labels.get(Labels::INTERFACE), name);
            assert_eq!(place_of(&labels), Some((at, application)));
        }
    }
    assert_eq!(place_of(&Labels::default()), None);
}

/// Writes packets, has softflowd export them, and waits until they are counted.
fn export(folder: &Path, address: &str, flows: &Flows, before: u64) {
    let packets = folder.join("packets.pcap");
    packets::write_packets(&packets);
    let status = Command::new("softflowd")
        .args(["-d", "-c", "none", "-v", "10", "-n", address, "-r"])
        .arg(&packets)
        .arg("-p")
        .arg(folder.join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let begun = std::time::Instant::now();
    while flows.totals().flows < before + 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no flows");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_softflowd_exports_by_the_minute_is_a_series_of_each_application() {
    if Command::new("softflowd").arg("-h").output().is_err() {
        let skipped = b"SKIPPED: softflowd is missing (Debian: softflowd)\n";
        return std::io::Write::write_all(&mut std::io::stderr(), skipped).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path()).await;
    let flows = Flows::new(100_000, lab.clock.clone());
    let stop = CancellationToken::new();
    let at = (Ipv4Addr::LOCALHOST, 0).into();
    let listening = flows.listen(at, Protocol::Netflow, &stop).unwrap();
    let address = listening.address().to_string();
    let reading = tokio::spawn(flows.clone().read(listening));
    let (tops_in, mut tops) = mpsc::channel(4);
    let sealing = tokio::spawn(flows.clone().seal(tops_in, stop.clone()));
    let (of, path) = (flows.clone(), folder.path().to_owned());
    // What it exports is some two minutes old.
    for nth in 2..13_u64 {
        let at = NOW + i64::try_from(nth).unwrap() * MINUTE_MS + 30_000;
        lab.time.store(at, Ordering::SeqCst);
        let (path, address, of) = (path.clone(), address.clone(), of.clone());
        tokio::task::spawn_blocking(move || export(&path, &address, &of, (nth - 2) * 2))
            .await
            .unwrap();
        lab.time.store(at + 40_000, Ordering::SeqCst);
        if let Ok(Some(sealed)) = tokio::time::timeout(Duration::from_secs(5), tops.recv()).await {
            lab.sealed(sealed).await;
        }
    }
    stop.cancel();
    let _ = reading.await;
    drop(tops);
    let _ = sealing.await;
    let senders = Senders::new(lab.store.inventory.clone(), lab.clock.clone());
    assert!(owner_of(&lab.store, &senders.snapshot(), EXPORTER).is_some());
    let kept = lab.kept();
    // 20 packets of 1,040 octets and 10 of 128 in a minute.
    for (name, octets) in [
        ("0 tcp/443", 20_800.0),
        ("0 udp/53", 1_280.0),
        ("0 other", 0.0),
    ] {
        let (_, rate) = kept[name][0];
        assert!((rate - octets / 60.0).abs() < 1e-9, "{name}: {kept:?}");
    }
}
