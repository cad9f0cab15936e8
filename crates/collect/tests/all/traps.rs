//! The listener for traps: informs answered once they are kept, repeats, floods, a full channel.

use super::polling::clock;
use foretell_collect::trap::{BoundSocket, Consequence, TrapListener, TrapOptions, TrapReport};
use model::CredentialId;
use snmp::{Credentials, LocalEngine, Rejection};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// linkDown of ifIndex 17, ifName Gi0/17, by a proxy for 192.0.2.1; as net-snmp sends it.
const INFORM: &str = "307e02010104067075626c6963a67102047a415db8020100020100306\
3300d06082b0601020101030043012a3017060a2b06010603010104010006092b06010603010105\
03300f060a2b0601020102020101110201113015060b2b060102011f01010101110406476930\
2f3137301106092b06010603120103004004c0000201";
/// Where its request-id is, and the tag of its PDU.
const ID_AT: usize = 17;
const TAG_AT: usize = 13;
/// Longer than an answer on loopback takes.
const SILENCE: Duration = Duration::from_millis(150);
/// Only a failed test waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

fn message(tag: u8, id: u32) -> Vec<u8> {
    let digits: Vec<u8> = INFORM.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    let mut octets: Vec<u8> = pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect();
    assert_eq!((octets[TAG_AT], octets[ID_AT - 2]), (0xa6, 2));
    octets[TAG_AT] = tag;
    octets[ID_AT..ID_AT + 4].copy_from_slice(&(id & 0x7fff_ffff).to_be_bytes());
    octets
}

fn inform(id: u32) -> Vec<u8> {
    message(0xa6, id)
}

pub(super) fn trap(id: u32) -> Vec<u8> {
    message(0xa7, id)
}

struct Lab {
    listener: TrapListener,
    reports: mpsc::Receiver<TrapReport>,
    cancel: CancellationToken,
    at: SocketAddr,
}

fn start(rate: u32, reports_max: usize) -> (Lab, CredentialId) {
    let socket = BoundSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = socket.address();
    let (sender, reports) = mpsc::channel(reports_max);
    let cancel = CancellationToken::new();
    let engine = LocalEngine::make().unwrap();
    let options = TrapOptions {
        per_source_rate_max: rate,
    };
    let listener = TrapListener::start(options, engine, vec![socket], clock(), sender, &cancel);
    let listener = listener.unwrap();
    let credential = CredentialId::new();
    listener.believe(vec![(credential, Arc::new(Credentials::v2c("public")))]);
    let lab = Lab {
        listener,
        reports,
        cancel,
        at,
    };
    (lab, credential)
}

async fn device() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn answered(device: &UdpSocket) -> bool {
    let mut buffer = [0; 2048];
    timeout(SILENCE, device.recv_from(&mut buffer))
        .await
        .is_ok()
}

impl Lab {
    async fn report(&mut self) -> TrapReport {
        let next = timeout(PATIENCE, self.reports.recv());
        next.await.expect("a report").unwrap()
    }
    async fn is_quiet(&mut self) -> bool {
        timeout(SILENCE, self.reports.recv()).await.is_err()
    }
}

#[tokio::test]
async fn an_inform_is_told_once_and_answered_when_it_is_kept() {
    let (mut lab, credential) = start(100, 16);
    let device = device().await;
    device.send_to(&inform(1), lab.at).await.unwrap();
    let report = lab.report().await;
    assert_eq!(report.credential_id, credential);
    assert_eq!(report.source, device.local_addr().unwrap());
    let kind = report.kind.unwrap();
    assert_eq!(
        (kind.name, kind.consequence),
        ("linkDown", Consequence::Poll)
    );
    let port = report.port.clone().unwrap();
    assert_eq!(port.index, Some(17));
    assert_eq!(port.name.as_deref(), Some("Gi0/17"));
    assert_eq!(
        report.notification.agent_address,
        Some([192, 0, 2, 1].into())
    );
    assert!(!answered(&device).await, "it is not kept yet");
    // It comes again meanwhile.
    device.send_to(&inform(1), lab.at).await.unwrap();
    assert!(lab.is_quiet().await && !answered(&device).await);
    report.acknowledgement.unwrap().send();
    assert!(answered(&device).await);
    // The answer was lost.
    device.send_to(&inform(1), lab.at).await.unwrap();
    assert!(answered(&device).await && lab.is_quiet().await);

    // One that could not be kept is new when it comes again.
    device.send_to(&inform(2), lab.at).await.unwrap();
    drop(lab.report().await);
    device.send_to(&inform(2), lab.at).await.unwrap();
    assert!(lab.report().await.acknowledgement.is_some());
    let stats = lab.listener.stats();
    assert_eq!(
        (
            stats.accepted,
            stats.informs_repeated,
            stats.informs_answered
        ),
        (3, 2, 1)
    );
    lab.cancel.cancel();
    timeout(PATIENCE, lab.listener.join()).await.unwrap();
}

#[tokio::test]
async fn an_inform_with_a_used_id_and_other_content_is_told() {
    let (mut lab, first) = start(100, 16);
    let second = CredentialId::new();
    let both = ["public", "secret"].map(|community| Arc::new(Credentials::v2c(community)));
    lab.listener
        .believe([first, second].into_iter().zip(both).collect());
    let device = device().await;
    let public = inform(1);
    // sysUpTime is 0x43012a.
    let at = public.windows(3).position(|three| three == [0x43, 1, 42]);
    let mut later = public.clone();
    later[at.unwrap() + 2] = 43;
    let at = public.windows(6).position(|six| six == b"public").unwrap();
    let mut by_another = public.clone();
    by_another[at..at + 6].copy_from_slice(b"secret");
    for (datagram, credential) in [(&public, first), (&later, first), (&by_another, second)] {
        device.send_to(datagram, lab.at).await.unwrap();
        let report = lab.report().await;
        assert_eq!(report.credential_id, credential);
        report.acknowledgement.unwrap().send();
        assert!(answered(&device).await);
        // Each comes again, and is answered and told no more.
        device.send_to(datagram, lab.at).await.unwrap();
        assert!(answered(&device).await);
    }
    assert!(lab.is_quiet().await);
    assert_eq!(lab.listener.stats().informs_repeated, 3);
    lab.cancel.cancel();
    lab.listener.join().await;
}

#[tokio::test]
async fn what_nobody_takes_in_waits_and_beyond_its_bound_is_dropped_and_counted() {
    let (mut lab, _) = start(10_000, 4);
    let device = device().await;
    let mut sent = 0;
    let mut bring = async |octets: &[u8], listener: &TrapListener| {
        device.send_to(octets, lab.at).await.unwrap();
        sent += 1;
        while listener.stats().datagrams < sent {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        listener.stats().queue_full
    };
    for id in 0..10 {
        bring(&trap(id), &lab.listener).await;
    }
    while lab.listener.stats().accepted < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // What is no trap waits as others do, until the sender has no room, not even for a short one.
    let long = vec![0; 60_000];
    while bring(&long, &lab.listener).await == 0 {}
    let mut id = 10;
    // What came last may not be counted yet when another is.
    let full = lab.listener.stats().queue_full;
    while bring(&trap(id), &lab.listener).await < full + 3 {
        id += 1;
    }
    bring(&inform(77), &lab.listener).await;
    assert!(!answered(&device).await);
    let stats = lab.listener.stats();
    assert_eq!(stats.accepted, 4);
    assert!(stats.queue_full >= 3, "{stats:?}");
    // They are taken in by and by, each once.
    let mut told = 0;
    loop {
        let stats = lab.listener.stats();
        let refused: u64 = stats.rejected.values().sum();
        if told + refused + stats.queue_full == stats.datagrams {
            break;
        }
        if let Ok(report) = timeout(SILENCE, lab.reports.recv()).await {
            assert!(report.unwrap().acknowledgement.is_none());
            told += 1;
        }
    }
    assert!(told >= 10, "{told}");
    // There is room: the inform that comes again is new.
    device.send_to(&inform(77), lab.at).await.unwrap();
    lab.report().await.acknowledgement.unwrap().send();
    assert!(answered(&device).await);
}

#[tokio::test]
async fn a_flood_is_cut_and_what_is_not_believed_is_counted_by_its_reason() {
    let (mut lab, _) = start(1, 64);
    let flood = UdpSocket::bind("127.0.0.7:0").await.unwrap();
    for id in 0..100u32 {
        flood.send_to(&trap(id), lab.at).await.unwrap();
    }
    let device = device().await;
    let mut wrong = inform(1);
    wrong[7] = b'P';
    device.send_to(&wrong, lab.at).await.unwrap();
    device.send_to(b"nothing", lab.at).await.unwrap();
    device.send_to(&inform(2), lab.at).await.unwrap();
    // They are served in turn, so that those of the flood are told before and after.
    let (mut of_flood, mut of_device) = (0, 0);
    while of_device == 0 || lab.listener.stats().over_rate + of_flood < 100 {
        let report = lab.report().await;
        if report.source == device.local_addr().unwrap() {
            of_device += 1;
        } else {
            of_flood += 1;
        }
    }
    let stats = lab.listener.stats();
    // A burst of 20 s at one a second, and perhaps one that came back meanwhile.
    assert!((20..=25).contains(&of_flood), "{of_flood}");
    assert_eq!(stats.over_rate + of_flood, 100);
    assert_eq!(of_device, 1);
    assert_eq!(stats.rejected[&Rejection::UnknownCommunity], 1);
    assert_eq!(stats.rejected[&Rejection::Malformed], 1);
    assert_eq!(stats.sources, 2);
}
