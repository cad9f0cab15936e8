//! What the poller itself bears, without agents: no question is asked, so what is left is the
//! schedule, the tasks and the reports. Not part of the usual tests: run with
//! `--ignored --nocapture`.

use super::polling::clock;
use foretell_collect::poller::{Poller, PollerOptions, Target};
use foretell_collect::{Pinger, Profiles};
use model::DeviceId;
use snmp::Transport;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

const DEVICES: u32 = 10_000;
/// Twelve times as often as usual: 2,000 polls a second.
const INTERVAL: Duration = Duration::from_secs(5);

#[ignore = "takes 40 s"]
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_devices_every_five_seconds() {
    let (send, mut reports) = mpsc::channel(1024);
    let cancel = CancellationToken::new();
    let poller = Poller::start(
        PollerOptions::default(),
        Transport::bind().unwrap(),
        Pinger::disabled("Not in this test."),
        clock(),
        Profiles::default(),
        send,
        cancel.clone(),
    );
    for n in 0..DEVICES {
        poller.set(Target {
            device_id: DeviceId::new(),
            address: (Ipv4Addr::from_bits(0x0a00_0001 + n), 161).into(),
            credentials: None,
            interval: INTERVAL,
            profile: None,
        });
    }
    let until = Instant::now() + Duration::from_secs(40);
    while let Ok(Some(_)) = timeout_at(until, reports.recv()).await {}
    let stats = poller.stats();
    println!("{stats:?}");
    // The first polls take 20 s to begin; from then on each device every 5 s.
    assert!(stats.polls > u64::from(DEVICES) * 5, "{stats:?}");
    assert!(stats.lag_max < Duration::from_secs(1), "{stats:?}");
    cancel.cancel();
    poller.join().await;
}
