//! The poller: in time, one poll at a time, and how devices are by what they answer.

use super::agent::{Agent, COMMUNITY, PASSPHRASE, USER, free_port};
use super::relay::{deaf_to, failing_over, silent, slow};
use foretell_collect::poller::{PollReport, Poller, PollerOptions, PollerStats, Target};
use foretell_collect::profile::Catalog;
use foretell_collect::reading::Instance;
use foretell_collect::snmp::Groups;
use foretell_collect::{Pinger, Profiles, credentials};
use model::credential::{AuthProtocol, CredentialKind, CredentialSecrets, PrivacyProtocol, Secret};
use model::status::{Check, CheckOutcome, Status};
use model::{Clock, DeviceId, Metric, Timestamp};
use snmp::{Credentials, Transport};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Ten times as quick as the shortest interval in earnest, so that two of them are no long wait.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);
/// Far longer than anything here takes; only a failed test waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn clock() -> Clock {
    Clock::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::from_unix_ms(i64::try_from(since.unwrap().as_millis()).unwrap())
    })
}

pub(super) fn v2c() -> Arc<Credentials> {
    Arc::new(Credentials::v2c(COMMUNITY))
}

fn v3(passphrase: &str) -> Arc<Credentials> {
    let kind = CredentialKind::SnmpV3 {
        user: USER.to_owned(),
        auth: Some(AuthProtocol::Sha256),
        privacy: Some(PrivacyProtocol::Aes128),
        context: String::new(),
    };
    let secrets = CredentialSecrets {
        community: None,
        auth: Some(Secret::new(passphrase.to_owned())),
        privacy: Some(Secret::new(PASSPHRASE.to_owned())),
    };
    Arc::new(credentials(&kind, &secrets).unwrap())
}

pub(super) struct Lab {
    pub(super) poller: Poller,
    reports: mpsc::Receiver<PollReport>,
    cancel: CancellationToken,
}

fn start(in_flight_max: usize, reports_max: usize) -> Lab {
    let options = PollerOptions {
        in_flight_max,
        ..PollerOptions::default()
    };
    start_with(options, reports_max)
}

pub(super) fn start_with(options: PollerOptions, reports_max: usize) -> Lab {
    start_by(options, reports_max, Profiles::default())
}

fn start_by(options: PollerOptions, reports_max: usize, profiles: Profiles) -> Lab {
    let options = PollerOptions {
        interval_min: INTERVAL,
        ..options
    };
    let (send, reports) = mpsc::channel(reports_max);
    let cancel = CancellationToken::new();
    let transport = Transport::bind().unwrap();
    let pinger = Pinger::disabled("Not in this test.");
    let poller = Poller::start(
        options,
        transport,
        pinger,
        clock(),
        profiles,
        send,
        cancel.clone(),
    );
    Lab {
        poller,
        reports,
        cancel,
    }
}

impl Lab {
    fn add(
        &self,
        address: SocketAddr,
        credentials: impl Into<Option<Arc<Credentials>>>,
    ) -> DeviceId {
        self.add_every(INTERVAL, address, credentials)
    }

    fn add_every(
        &self,
        interval: Duration,
        address: SocketAddr,
        credentials: impl Into<Option<Arc<Credentials>>>,
    ) -> DeviceId {
        let device_id = DeviceId::new();
        self.poller.set(Target {
            device_id,
            address,
            credentials: credentials.into(),
            interval,
            profile: None,
        });
        device_id
    }

    pub(super) async fn report(&mut self) -> PollReport {
        let next = timeout(PATIENCE, self.reports.recv());
        next.await.expect("a report").unwrap()
    }

    pub(super) async fn report_of(&mut self, device_id: DeviceId) -> PollReport {
        loop {
            let report = self.report().await;
            if report.device_id == device_id {
                return report;
            }
        }
    }

    /// Waits until a device has a status; the report that says so.
    async fn until(&mut self, device_id: DeviceId, status: Status) -> PollReport {
        let patience = Instant::now() + PATIENCE;
        loop {
            let report = self.report_of(device_id).await;
            if report.status == status {
                return report;
            }
            assert!(Instant::now() < patience, "never {status:?}: {report:?}");
        }
    }

    async fn stats(&self, holds: impl Fn(&PollerStats) -> bool) -> PollerStats {
        let patience = Instant::now() + PATIENCE;
        loop {
            let stats = self.poller.stats();
            if holds(&stats) {
                return stats;
            }
            assert!(Instant::now() < patience, "{stats:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) async fn stop(self) {
        self.cancel.cancel();
        timeout(PATIENCE, self.poller.join()).await.unwrap();
    }
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn snmp_outcome(report: &PollReport) -> (CheckOutcome, &str) {
    let evidence = report.evidence.iter().find(|e| e.check == Check::Snmp);
    let evidence = evidence.unwrap();
    (evidence.outcome, &evidence.detail)
}

#[tokio::test]
async fn an_agent_that_dies_and_comes_back() {
    let Some(mut agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    let mut lab = start(16, 64);
    let device = lab.add(agent.address, v2c());
    let first = lab.until(device, Status::Up).await;
    assert_eq!(snmp_outcome(&first).0, CheckOutcome::Answered);
    assert!(first.complete.contains(Groups::COUNTERS - Groups::TRAFFIC));
    assert!(first.complete.contains(Groups::NEIGHBORS), "{first:#?}");
    assert!(first.said.is_some() && first.identity.is_some());
    assert!(first.answered_at >= first.started_at);
    assert_eq!(
        first.last_seen_at.map(|at| at >= first.started_at),
        Some(true)
    );
    assert!(
        first
            .readings
            .iter()
            .any(|r| r.metric == Metric::POLL_DURATION)
    );
    let icmp = first.evidence.iter().find(|e| e.check == Check::Icmp);
    assert!(icmp.unwrap().detail.contains("loopback"), "{icmp:?}");
    // What seldom changes is not read every time.
    let second = lab.report_of(device).await;
    assert!(second.said.is_none(), "{:?}", second.complete);
    assert!(!second.complete.contains(Groups::INTERFACES));
    let names = |r: &PollReport| -> Vec<_> {
        let rows = r.facts.interfaces.iter();
        rows.map(|row| (row.index, row.name.clone())).collect()
    };
    assert_eq!(names(&first), names(&second));

    agent.stop();
    let stopped = clock().now();
    let down = lab.until(device, Status::Down).await;
    let (outcome, detail) = snmp_outcome(&down);
    assert_eq!(outcome, CheckOutcome::Silent);
    assert!(detail.contains("last answered at"), "{detail}");
    let after = down.started_at.since(stopped);
    assert!(after < INTERVAL * 3, "{after:?}");
    // Silent for long: asked less often, yet it is seen again within two intervals.
    for _ in 0..3 {
        lab.report_of(device).await;
    }
    agent.resume().await;
    let resumed = clock().now();
    let up = lab.until(device, Status::Up).await;
    let after = up.started_at.since(resumed);
    assert!(after <= INTERVAL * 2, "{after:?}");
    lab.stop().await;
}

#[tokio::test]
async fn a_value_that_changes_its_type_between_polls_costs_only_itself() {
    let Some(mut agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    let mut lab = start(16, 64);
    let device = lab.add(agent.address, v2c());
    let read = |report: &PollReport, metric| {
        let of_first = Instance::Interface { index: 1 };
        let mut all = report.readings.iter();
        all.any(|it| it.metric == metric && it.instance == of_first)
    };
    let first = lab.until(device, Status::Up).await;
    assert!(read(&first, Metric::IF_IN_ERRORS) && read(&first, Metric::IF_HC_IN_OCTETS));
    // ifInErrors of the first interface is a text from now on.
    agent.stop();
    lab.until(device, Status::Down).await;
    agent.configure("override 1.3.6.1.2.1.2.2.1.14.1 octet_str \"many\"");
    agent.resume().await;
    let mut then = lab.until(device, Status::Up).await;
    while !read(&then, Metric::IF_HC_IN_OCTETS) {
        then = lab.report_of(device).await;
    }
    assert!(!read(&then, Metric::IF_IN_ERRORS), "{then:?}");
    assert!(then.defects.get("wrong_type") >= Some(&1), "{then:?}");
    // And a number again.
    agent.stop();
    lab.until(device, Status::Down).await;
    agent.configure("");
    agent.resume().await;
    let mut then = lab.until(device, Status::Up).await;
    while !read(&then, Metric::IF_IN_ERRORS) {
        then = lab.report_of(device).await;
    }
    assert_eq!(then.defects.get("wrong_type"), None, "{then:?}");
    lab.stop().await;
}

#[tokio::test]
async fn silence_refusal_and_no_credential_are_told_apart() {
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    let mut lab = start(16, 64);
    let good = lab.add(agent.address, v3(PASSPHRASE));
    let wrong = lab.add(agent.address, v3("not the right phrase"));
    let unknown_community = lab.add(agent.address, Arc::new(Credentials::v2c("other")));
    let unasked = lab.add(agent.address, None);
    let report = lab.until(good, Status::Up).await;
    assert_eq!(snmp_outcome(&report).0, CheckOutcome::Answered);
    let report = lab.until(wrong, Status::Degraded).await;
    let (outcome, detail) = snmp_outcome(&report);
    assert_eq!(outcome, CheckOutcome::Refused, "{detail}");
    assert!(detail.contains("authentication pass phrase"), "{detail}");
    let report = lab.until(unknown_community, Status::Down).await;
    assert_eq!(snmp_outcome(&report).0, CheckOutcome::Silent);
    let report = lab.report_of(unasked).await;
    assert_eq!(report.status, Status::Unknown);
    assert_eq!(snmp_outcome(&report).0, CheckOutcome::Skipped);
    lab.stop().await;
}

#[tokio::test]
async fn a_slow_agent_costs_only_itself_and_is_asked_one_thing_at_a_time() {
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    // Each answer comes well within the time that a question is given, and yet all of them
    // together take longer than the interval.
    let slow = slow(agent.address, Duration::from_millis(100)).await;
    let mut lab = start(16, 256);
    let slow_device = lab.add_every(INTERVAL * 3, slow.address, v2c());
    let quick_device = lab.add(agent.address, v2c());
    lab.until(quick_device, Status::Up).await;
    let mut quick = Vec::new();
    let mut slow_seen = 0;
    while quick.len() < 8 || slow_seen < 2 {
        // However impatient somebody is.
        lab.poller.poll_now(slow_device);
        let report = lab.report().await;
        if report.device_id == quick_device {
            quick.push(report);
        } else {
            assert_ne!(report.status, Status::Down);
            slow_seen += 1;
        }
    }
    for report in &quick {
        assert_eq!(report.status, Status::Up);
        assert!(report.lag < INTERVAL, "{:?}", report.lag);
    }
    assert_eq!(slow.counts.open_max.load(Ordering::SeqCst), 1);
    lab.stop().await;
}

/// 1.3.6.1.2.1.4.24: all tables of IP-FORWARD-MIB.
const ROUTES: &[u8] = &[0x2b, 6, 1, 2, 1, 4, 24];
/// 1.2.840.10006.300.43.1.2: the ports of IEEE8023-LAG-MIB.
const LAG_PORTS: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x16, 0x82, 0x2c, 43, 1, 2];

#[tokio::test]
async fn silence_over_the_routes_costs_nothing_else() {
    // An established peer of BGP.
    let lines = "override 1.3.6.1.2.1.15.3.1.2.192.0.2.9 integer 6";
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), lines).await else {
        return;
    };
    let deaf = deaf_to(agent.address, ROUTES).await;
    let mut lab = start(16, 64);
    let device = lab.add_every(INTERVAL * 3, deaf.address, v2c());
    let first = lab.report_of(device).await;
    assert_eq!(first.status, Status::Up, "{first:?}");
    let whole = Groups::ROUTING | Groups::ARP | Groups::INTERFACES;
    assert!(first.complete.contains(whole), "{:?}", first.complete);
    assert_eq!(first.facts.routing_neighbors.len(), 1, "{first:?}");
    assert!(first.facts.default_routes.is_empty());
    for _ in 0..2 {
        assert_eq!(lab.report_of(device).await.status, Status::Up);
    }
    lab.stop().await;
}

#[tokio::test]
async fn failing_over_routes_or_members_costs_only_these_tables() {
    // Members of an aggregate, 9, of which the first port is one.
    let lines = "override 1.3.6.1.2.1.2.2.1.2.9 octet_str \"ae9\"\n\
         override 1.3.6.1.2.1.2.2.1.3.9 integer 161\n\
         override 1.2.840.10006.300.43.1.2.1.1.13.1 integer 9\n";
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), lines).await else {
        return;
    };
    let members = |report: &PollReport| -> Vec<(Option<u32>, u32)> {
        let rows = report.facts.interfaces.iter();
        rows.filter_map(|row| Some((row.index, row.aggregate?)))
            .collect()
    };
    for (octets, expected) in [(ROUTES, vec![(Some(1), 9)]), (LAG_PORTS, vec![])] {
        let failing = failing_over(agent.address, octets).await;
        let mut lab = start(16, 64);
        let device = lab.add_every(INTERVAL * 3, failing.address, v2c());
        let first = lab.report_of(device).await;
        assert_eq!(first.status, Status::Up, "{first:?}");
        let whole = Groups::ROUTING | Groups::ARP | Groups::INTERFACES | Groups::ADDRESSES;
        assert!(first.complete.contains(whole), "{:?}", first.complete);
        assert_eq!(members(&first), expected);
        assert_eq!(lab.report_of(device).await.status, Status::Up);
        lab.stop().await;
    }
}

#[tokio::test]
async fn silence_over_the_ports_of_vlans_costs_nothing_else() {
    let lines = "override 1.3.6.1.2.1.17.1.4.1.2.1 integer 1
        override 1.3.6.1.2.1.17.7.1.4.3.1.1.10 octet_str office
        override 1.3.6.1.2.1.17.7.1.4.5.1.1.1 uinteger 10";
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), lines).await else {
        return;
    };
    // dot1qVlanCurrentEgressPorts.
    let deaf = deaf_to(agent.address, &[0x2b, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 4]).await;
    let mut lab = start(16, 64);
    let device = lab.add_every(INTERVAL * 3, deaf.address, v2c());
    let first = lab.report_of(device).await;
    assert_eq!(first.status, Status::Up, "{first:?}");
    assert!(
        first.complete.contains(Groups::VLANS),
        "{:?}",
        first.complete
    );
    assert!(first.unheard.contains(Groups::VLANS), "{:?}", first.unheard);
    let vlans: Vec<_> = first.facts.vlans.iter().map(|vlan| vlan.id).collect();
    assert_eq!(vlans, [Some(10)]);
    assert_eq!(first.facts.bridge_ports[0].pvid, Some(10));
    lab.stop().await;
}

#[tokio::test]
async fn a_poll_that_runs_into_its_deadline_keeps_what_it_read() {
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    let slow = slow(agent.address, Duration::from_millis(60)).await;
    let options = PollerOptions {
        deadline_min: INTERVAL,
        ..PollerOptions::default()
    };
    let mut lab = start_with(options, 64);
    let device = lab.add(slow.address, v2c());
    let report = lab.report_of(device).await;
    let (outcome, detail) = snmp_outcome(&report);
    assert_eq!(outcome, CheckOutcome::Partial, "{detail}");
    assert!(detail.contains("slowly"), "{detail}");
    assert_eq!(report.status, Status::Degraded);
    let up_time = |r: &foretell_collect::reading::Reading| r.metric == Metric::SYS_UP_TIME;
    assert!(report.readings.iter().any(up_time), "{:?}", report.readings);
    assert_eq!(lab.poller.stats().deadlines, 1);
    lab.stop().await;
}

#[tokio::test]
async fn the_dead_do_not_delay_the_living() {
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    let dead = silent().await;
    let mut lab = start(64, 1024);
    let devices: Vec<DeviceId> = (0..40).map(|_| lab.add(dead.address, v2c())).collect();
    let living = lab.add(agent.address, v2c());
    for _ in 0..5 {
        let report = lab.report_of(living).await;
        assert_eq!(report.status, Status::Up);
        assert!(report.lag < INTERVAL / 2, "{:?}", report.lag);
    }
    let report = lab.until(devices[7], Status::Down).await;
    assert!(report.readings.is_empty(), "{:?}", report.readings);
    assert!(report.last_seen_at.is_none());
    lab.stop().await;
}

#[tokio::test]
async fn a_full_channel_makes_polls_wait_and_is_counted() {
    let dead = silent().await;
    let mut lab = start(1, 1);
    for _ in 0..3 {
        lab.add(dead.address, v2c());
    }
    let stats = lab
        .stats(|s| s.reports_waited > 0 && s.in_flight_bound_hits > 0 && s.waiting > 0)
        .await;
    assert_eq!((stats.devices, stats.in_flight), (3, 1));
    // Once somebody reads again everything goes on.
    for _ in 0..6 {
        lab.report().await;
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_removed_device_reports_no_more() {
    let dead = silent().await;
    let mut lab = start(16, 64);
    let removed = lab.add(dead.address, v2c());
    let kept = lab.add(dead.address, v2c());
    lab.stats(|s| s.in_flight == 2).await;
    lab.poller.remove(removed);
    lab.stats(|s| s.devices == 1).await;
    for _ in 0..3 {
        assert_eq!(lab.report().await.device_id, kept);
    }
    // Nothing that happens to a device that is gone does harm.
    lab.poller.poll_now(removed);
    lab.poller.remove(removed);
    assert_eq!(lab.report().await.device_id, kept);
    lab.stop().await;
}

#[tokio::test]
async fn a_poll_can_be_asked_for_and_a_credential_changed() {
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    let options = PollerOptions {
        answer_timeout: Duration::from_millis(200),
        ..PollerOptions::default()
    };
    let mut lab = start_with(options, 64);
    let device_id = DeviceId::new();
    let mut target = Target {
        device_id,
        address: agent.address,
        credentials: Some(Arc::new(Credentials::v2c("other"))),
        interval: Duration::from_hours(1),
        profile: None,
    };
    lab.poller.set(target.clone());
    let report = lab.report().await;
    assert_eq!(report.status, Status::Unknown, "{report:?}");
    // An hour is not waited for.
    lab.poller.poll_now(device_id);
    let report = lab.report().await;
    assert_eq!(snmp_outcome(&report).0, CheckOutcome::Silent);
    target.credentials = Some(v2c());
    lab.poller.set(target);
    let report = lab.report().await;
    assert_eq!(report.status, Status::Up, "{report:?}");
    lab.stop().await;
}

#[tokio::test]
async fn a_device_is_read_at_once_by_a_profile_that_is_chosen_for_it() {
    let Some(agent) = Agent::start(local(free_port("127.0.0.1")), "").await else {
        return;
    };
    let own = "[device]\nvendor = \"Acme\"\n";
    let catalog = Catalog::embedded().with("acme", own).unwrap();
    let profiles = Profiles::new(Arc::new(catalog));
    let mut lab = start_by(PollerOptions::default(), 64, profiles);
    let mut target = Target {
        device_id: DeviceId::new(),
        address: agent.address,
        credentials: Some(v2c()),
        interval: Duration::from_hours(1),
        profile: None,
    };
    // An hour is not waited for, neither for the poll nor for the look at the system group.
    for (profile, is_acme, is_missing) in [
        (None, false, false),
        (Some("acme"), true, false),
        (Some("nowhere"), false, true),
        (None, false, false),
    ] {
        target.profile = profile.map(Arc::from);
        lab.poller.set(target.clone());
        let report = lab.report().await;
        assert_eq!(report.status, Status::Up, "{profile:?} {report:?}");
        let said = report.said.clone().expect("what it says of itself");
        let vendor = said.vendor.as_deref();
        assert_eq!(vendor == Some("Acme"), is_acme, "{profile:?} {said:?}");
        let (outcome, words) = snmp_outcome(&report);
        assert_eq!(outcome, CheckOutcome::Answered, "{profile:?}");
        let told = words.ends_with(
            " There is no profile `nowhere`, which was chosen for it: those that match are used.",
        );
        assert_eq!(told, is_missing, "{profile:?} {words}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn cancelling_ends_polls_in_flight() {
    let dead = silent().await;
    let lab = start(16, 64);
    for _ in 0..10 {
        lab.add(dead.address, v2c());
    }
    lab.stats(|s| s.in_flight == 10).await;
    let began = Instant::now();
    lab.stop().await;
    assert!(began.elapsed() < Duration::from_millis(500));
}
