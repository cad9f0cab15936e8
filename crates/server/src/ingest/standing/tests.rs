//! How a device is while another one answers in its place, by cases.

use super::*;
use collect::snmp::Glimpse;
use model::device::{Device, LOCAL_VANTAGE, Said, Typed};
use model::facts::Facts;
use model::{Clock, DeviceId, Timestamp};
use std::collections::BTreeMap;
use store::{Store, StoreOptions};

const START_SECS: i64 = 1_800_000_000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix_ms((START_SECS + secs) * 1_000)
}

fn device() -> Device {
    Device {
        id: DeviceId::new(),
        address: [192, 0, 2, 1].into(),
        port: 161,
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed::default(),
        said: Said::default(),
        identity: Identity::default(),
        credential_id: None,
        interval_secs: 60,
        maintenance: None,
        created_at: at(0),
        conflict: None,
        replaced_at: Vec::new(),
    }
}

fn report(device: &Device, secs: i64, snmp: CheckOutcome, icmp: CheckOutcome) -> PollReport {
    let evidence = |check, outcome, detail: &str| Evidence {
        check,
        outcome,
        at: at(secs),
        detail: detail.to_owned(),
    };
    PollReport {
        device_id: device.id,
        address: device.socket(),
        due_at: at(secs),
        started_at: at(secs),
        answered_at: at(secs),
        last_seen_at: Some(at(secs)),
        status: Status::Up,
        evidence: vec![
            evidence(Check::Snmp, snmp, "SNMP."),
            evidence(Check::Icmp, icmp, "1 of 1 echoes came back."),
        ],
        facts: Facts::default(),
        complete: Groups::NONE,
        unheard: Groups::NONE,
        said: None,
        identity: None,
        glimpse: Glimpse::default(),
        readings: Vec::new(),
        defects: BTreeMap::new(),
        lag: Duration::ZERO,
        only_behind: false,
    }
}

#[tokio::test]
async fn the_device_is_silent_whoever_answers_in_its_place() {
    use CheckOutcome::{Answered, OtherDevice, Refused, Silent, Skipped};
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new(|| at(0));
    let (store, _) = Store::open(StoreOptions::new(folder.path()), clock)
        .await
        .unwrap();
    let device = device();
    let record = store.inventory.create(device.clone()).await.unwrap();
    let mut record = DeviceRecord::clone(&record);
    record.state.last_seen_at = Some(at(0));
    let conflict = IdentityConflict {
        since: at(60),
        reason: "serial number A1 was known, B2 is said here".to_owned(),
        said: Said::default(),
        met: Identity::default(),
    };
    for (secs, outcomes, status, told) in [
        (
            60,
            (Answered, Answered),
            Status::Degraded,
            [OtherDevice, OtherDevice],
        ),
        // An operator asked at once.
        (
            61,
            (Answered, Skipped),
            Status::Degraded,
            [OtherDevice, Skipped],
        ),
        (
            120,
            (Answered, Answered),
            Status::Down,
            [OtherDevice, OtherDevice],
        ),
        (
            180,
            (Refused, Answered),
            Status::Down,
            [Refused, OtherDevice],
        ),
        (240, (Silent, Silent), Status::Down, [Silent, Silent]),
    ] {
        let report = report(&device, secs, outcomes.0, outcomes.1);
        let found = absence(&record, &report, &conflict);
        assert_eq!(found.status, status, "{secs} s");
        let outcomes: Vec<_> = found.evidence.iter().map(|e| e.outcome).collect();
        assert_eq!(outcomes, told, "{secs} s");
        let words = &found.evidence[0].detail;
        let wanted = "at 192.0.2.1";
        assert!(
            words.contains(wanted) && words.contains(&conflict.reason),
            "{words}"
        );
        assert_eq!(found.last_seen_at, None, "the device was not seen");
    }
    let mut behind = report(&device, 600, Skipped, Skipped);
    (behind.only_behind, behind.status) = (true, Status::Unknown);
    assert_eq!(absence(&record, &behind, &conflict).status, Status::Unknown);
}

#[test]
fn remembered_macs_are_no_evidence_of_who_answers() {
    let mut report = report(&device(), 0, CheckOutcome::Answered, CheckOutcome::Answered);
    report.said = Some(Said::default());
    report.identity = Some(Identity {
        interface_macs: ["02:00:00:00:00:01".to_owned()].into(),
        ..Identity::default()
    });
    for (complete, macs) in [
        (Groups::ALL, Some(1)),
        (Groups::SYSTEM, Some(0)),
        (Groups::INTERFACES, None),
    ] {
        report.complete = complete;
        let whole = read_whole(&report);
        assert_eq!(whole.map(|whole| whole.interface_macs.len()), macs);
    }
}
