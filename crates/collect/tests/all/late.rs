//! A poller that does not keep up: what changes is read, what seldom changes waits; and how many
//! questions a poll takes.

use super::fake::{self, honest};
use super::polling::{INTERVAL, start_with, v2c};
use super::relay::{silent, slow};
use super::switch;
use foretell_collect::poller::{PollReport, PollerOptions, Target};
use foretell_collect::snmp::Groups;
use model::status::{Check, CheckOutcome, Status};
use model::{DeviceId, Metric, Value};
use std::sync::atomic::Ordering;
use std::time::Duration;

const PORTS: u32 = 4;
/// Silent ones: a poll of each holds the only place for two fifths of an interval, so that a turn of
/// all of them takes longer than any of them waits for its next.
const SILENT: usize = 8;
const DETAILS: Duration = INTERVAL.saturating_mul(8);
/// What two clocks differ by over a few seconds.
const CLOCKS: Duration = Duration::from_millis(20);
/// Reports of the living one that are read until what seldom changes was read twice.
const REPORTS_MAX: usize = 200;

fn count(report: &PollReport, metric: Metric) -> usize {
    let of_metric = report.readings.iter().filter(|it| it.metric == metric);
    of_metric.count()
}

fn took(report: &PollReport) -> Duration {
    let mut readings = report.readings.iter();
    let found = readings.find(|it| it.metric == Metric::POLL_DURATION);
    match found.unwrap().value {
        Value::F64(secs) => Duration::from_secs_f64(secs),
        other @ Value::U64(_) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn late_polls_read_what_changes_and_put_the_rest_off_but_not_for_ever() {
    let options = PollerOptions {
        in_flight_max: 1,
        details_interval: DETAILS,
        ..PollerOptions::default()
    };
    let agent =
        fake::start(|question| vec![question.response(&honest(&switch::objects(PORTS), question))])
            .await;
    let dead = silent().await;
    let mut lab = start_with(options, 1_024);
    let target = |address, credentials| Target {
        device_id: DeviceId::new(),
        address,
        credentials: Some(credentials),
        interval: INTERVAL,
        profile: None,
    };
    let living = target(agent.address, switch::credentials());
    lab.poller.set(living.clone());
    let first = lab.report_of(living.device_id).await;
    assert!(first.said.is_some(), "{first:?}");
    for _ in 0..SILENT {
        lab.poller.set(target(dead.address, v2c()));
    }

    let mut late = Vec::new();
    let mut again = None;
    while again.is_none() {
        assert!(late.len() < REPORTS_MAX, "never read again");
        let report = lab.report_of(living.device_id).await;
        match (report.said.is_some(), report.only_behind) {
            (true, _) => again = Some(report),
            (false, true) => {}
            (false, false) => late.push(report),
        }
    }
    for report in late.iter().chain(&again) {
        let snmp = report.evidence.iter().find(|it| it.check == Check::Snmp);
        assert_eq!(snmp.unwrap().outcome, CheckOutcome::Answered, "{report:?}");
        assert_eq!(report.status, Status::Up, "{report:?}");
        assert!(
            report
                .complete
                .intersects(Groups::TRAFFIC | Groups::INTERFACES),
            "{report:?}"
        );
        for metric in [Metric::IF_HC_IN_OCTETS, Metric::IF_OPER_STATUS] {
            assert_eq!(count(report, metric), PORTS as usize, "{report:?}");
        }
    }
    // The time of what seldom changes counts from the end of the poll that read it.
    let ended_at = first.started_at.plus(took(&first));
    let put_off = late.iter().filter(|report| {
        let since = report.started_at.since(ended_at);
        assert!(since < DETAILS * 2 + CLOCKS, "{since:?}: {report:?}");
        since > DETAILS + CLOCKS
    });
    let put_off: Vec<_> = put_off.collect();
    assert!(!put_off.is_empty(), "{late:?}");
    for report in put_off {
        assert!(report.lag > INTERVAL / 4, "{report:?}");
    }
    let stats = lab.poller.stats();
    assert!(stats.postponed > 0, "{stats:?}");
    lab.stop().await;
}

#[tokio::test]
async fn a_poll_of_fifty_ports_takes_few_questions() {
    let agent =
        fake::start(|question| vec![question.response(&honest(&switch::objects(50), question))])
            .await;
    let relay = slow(agent.address, Duration::ZERO).await;
    let mut lab = start_with(PollerOptions::default(), 16);
    let device_id = DeviceId::new();
    lab.poller.set(Target {
        device_id,
        address: relay.address,
        credentials: Some(switch::credentials()),
        interval: Duration::from_hours(1),
        profile: None,
    });
    // The first reads what seldom changes, and the next find how much the agent bears in an answer.
    let (mut before, mut questions) = (0, Vec::new());
    for _ in 0..6 {
        let report = lab.report_of(device_id).await;
        assert_eq!(report.status, Status::Up, "{report:?}");
        assert_eq!(count(&report, Metric::IF_HC_IN_OCTETS), 50, "{report:?}");
        let asked = relay.counts.asked.load(Ordering::SeqCst);
        questions.push(asked - before);
        before = asked;
        lab.poller.poll_now(device_id);
    }
    // 500 counters and states: 96 in each question, and one for what is no table.
    let last = questions.last().copied();
    assert!(
        last.is_some_and(|last| (1..=16).contains(&last)),
        "{questions:?}"
    );
    lab.stop().await;
}
