//! A real exporter: softflowd reads packets from a file that is made here, and exports them to the
//! collector over loopback, in each of its formats.

use super::packets::write_packets;
use foretell_collect::flow::{ExporterState, Flows, Format, Protocol, Sealed};
use model::flow::{FlowDimension, FlowDirection};
use model::{Clock, Timestamp};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const WAIT_MAX: Duration = Duration::from_secs(30);

fn softflowd_is_missing() -> bool {
    let found = Command::new("softflowd").arg("-h").output().is_ok();
    if !found {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let skipped = b"SKIPPED: softflowd is missing (Debian: softflowd)\n";
        std::io::Write::write_all(&mut std::io::stderr(), skipped).unwrap();
    }
    !found
}

/// What one export says of its exporter, and the tops of it.
async fn exported(version: &str, more: &[&str]) -> (ExporterState, Vec<Sealed>) {
    let folder = tempfile::tempdir().unwrap();
    let packets = folder.path().join("packets.pcap");
    write_packets(&packets);
    let clock = Clock::new(|| {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        Timestamp::from_unix_ms(i64::try_from(now.as_millis()).unwrap())
    });
    let flows = Flows::new(100_000, clock);
    let stop = CancellationToken::new();
    let at = (Ipv4Addr::LOCALHOST, 0).into();
    let listening = flows.listen(at, Protocol::Netflow, &stop).unwrap();
    let address = listening.address();
    let reader = tokio::spawn(flows.clone().read(listening));
    let status = Command::new("softflowd")
        .args([
            "-d",
            "-c",
            "none",
            "-v",
            version,
            "-n",
            &address.to_string(),
        ])
        .arg("-r")
        .arg(&packets)
        .arg("-p")
        .arg(folder.path().join("pid"))
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let begun = std::time::Instant::now();
    while flows.totals().flows < 2 {
        assert!(
            begun.elapsed() < WAIT_MAX,
            "no flows: {:?}",
            flows.exporters()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (tops_in, mut tops) = mpsc::channel(4);
    stop.cancel();
    reader.await.unwrap();
    let state = flows.exporters().remove(0);
    flows.seal(tops_in, stop).await;
    let mut sealed = Vec::new();
    while let Some(window) = tops.recv().await {
        sealed.extend(window);
    }
    (state, sealed)
}

/// Octets and packets of a dimension's rows, whatever windows they fell in.
fn rows(sealed: &[Sealed], dimension: FlowDimension) -> Vec<(String, u64, u64)> {
    let mut merging = model::flow::Merging::default();
    for sealed in sealed {
        assert_eq!(
            (sealed.top.if_index, sealed.top.direction),
            (0, FlowDirection::Ingress)
        );
        if sealed.top.dimension == dimension {
            merging.add(&sealed.top);
        }
    }
    let rows = merging.rows(10).into_iter();
    rows.map(|row| (row.key, row.octets, row.packets)).collect()
}

fn row(key: &str, octets: u64, packets: u64) -> (String, u64, u64) {
    (key.to_owned(), octets, packets)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_softflowd_exports_is_counted_in_every_format() {
    if softflowd_is_missing() {
        return;
    }
    for (version, format) in [
        ("5", Format::Netflow5),
        ("9", Format::Netflow9),
        ("10", Format::Ipfix),
    ] {
        let (state, sealed) = exported(version, &[]).await;
        assert_eq!(state.format, Some(format));
        assert_eq!(state.templates_waited_for, [], "{version}");
        let mut defects = state.defects.named();
        defects.retain(|(kind, count)| *count > 0 && *kind != "late");
        assert_eq!(defects, [], "{version}");
        assert_eq!(
            rows(&sealed, FlowDimension::Application),
            [row("tcp/443", 20_800, 20), row("udp/53", 1_280, 10)],
            "{version}"
        );
        assert_eq!(
            rows(&sealed, FlowDimension::Conversation)[0],
            row("10.1.0.1 10.1.0.2 tcp/443", 20_800, 20),
            "{version}"
        );
        let dscps = rows(&sealed, FlowDimension::Dscp);
        assert!(
            dscps.contains(&row("46", 1_280, 10)),
            "{version}: {dscps:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_softflowd_says_of_its_sampling_is_honoured_in_every_format() {
    if softflowd_is_missing() {
        return;
    }
    for version in ["5", "9", "10"] {
        let (state, sealed) = exported(version, &["-s", "10"]).await;
        assert_eq!(
            (state.rate, state.unstated_flows),
            (Some(10), 0),
            "{version}"
        );
        // Two packets of TCP were looked at, and one of UDP; each stands for ten.
        assert_eq!(
            rows(&sealed, FlowDimension::Application),
            [row("tcp/443", 20_800, 20), row("udp/53", 1_280, 10)],
            "{version}"
        );
        assert!(sealed.iter().all(|it| it.top.sampling.rate_max == 10));
    }
}
