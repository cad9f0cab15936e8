//! The changes of status that samples tell: a device was up at each moment at which it answered, and
//! its interfaces were as it said then. Taken from the samples that were written, so that charts and
//! availability tell one past.

use model::history::{DeviceFound, IfStates, InterfaceFound, Run};
use model::interface::IfStatus;
use model::status::{Check, CheckOutcome, Evidence};
use model::{DeviceId, InterfaceId, Metric, SeriesId, Status, Timestamp, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Store;
use store::history::{HistoryError, Record, by_month, same_month};
use store::inventory::DeviceRecord;
use store::series::{Points, SeriesError, SeriesStore};
use tokio::task::JoinError;

/// The changes could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangesError {
    #[error("the samples could not be read")]
    Series(#[from] SeriesError),
    #[error("the changes could not be kept")]
    History(#[from] HistoryError),
    #[error("the reading of samples ended")]
    Reading(#[from] JoinError),
}

/// Writes the changes of all devices at these moments, and that the server measured then, up to
/// `until`; how many changes that were.
pub(super) async fn all(
    store: &Store,
    devices: &BTreeMap<DeviceId, Arc<DeviceRecord>>,
    moments: &[Timestamp],
    until: Timestamp,
) -> Result<usize, ChangesError> {
    let Some(from) = moments.first().copied() else {
        return Ok(0);
    };
    let runs = by_month(Run { from, until });
    let runs = runs.into_iter().map(Record::Run).collect();
    store.history.append(runs).await?;
    let moments: Arc<[Timestamp]> = moments.into();
    let mut count = 0;
    for record in devices.values() {
        let (series, record, moments) = (
            store.series.clone(),
            Arc::clone(record),
            Arc::clone(&moments),
        );
        let told = tokio::task::spawn_blocking(move || told(&series, &record, &moments, until));
        let records = told.await??;
        count += records.len();
        store.history.append(records).await?;
    }
    Ok(count)
}

/// What the samples of a device tell. Blocks: it reads files.
fn told(
    series: &SeriesStore,
    record: &DeviceRecord,
    moments: &[Timestamp],
    until: Timestamp,
) -> Result<Vec<Record>, SeriesError> {
    let device_id = record.device.body.id;
    let from = moments.first().copied().unwrap_or(until);
    let up_time = series.series_named(device_id, Metric::SYS_UP_TIME);
    let of_interfaces: Vec<(SeriesId, InterfaceId)> = series
        .series_named(device_id, Metric::IF_OPER_STATUS)
        .into_iter()
        .filter_map(|one| Some((one.id, one.key.labels.interface_id()?)))
        .collect();
    let mut ids: Vec<SeriesId> = up_time.iter().map(|one| one.id).take(1).collect();
    ids.extend(of_interfaces.iter().map(|(id, _)| *id));
    let mut read = series.read_many(device_id, &ids, from, until)?.into_iter();
    let answered: Vec<Timestamp> = match up_time.first() {
        Some(_) => read.next().unwrap_or_default().into_iter(),
        None => Points::new().into_iter(),
    }
    .map(|(at, _)| at)
    .collect();
    let mut records = of_device(device_id, moments, &answered);
    for ((_, id), points) in of_interfaces.into_iter().zip(read) {
        // How it was shut or opened is in no series: it is taken to have been as it is.
        let interface = record.interfaces.iter().find(|row| row.id == id);
        let admin = interface.and_then(|row| row.admin_status);
        records.extend(of_interface(id, &points, admin));
    }
    Ok(records)
}

/// The changes of a device that answered at some of the moments: silent once it is degraded, silent
/// again it is down.
fn of_device(id: DeviceId, moments: &[Timestamp], answered: &[Timestamp]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut silent = 0u32;
    let mut last: Option<(Timestamp, Status)> = None;
    for &at in moments {
        silent = match answered.binary_search(&at) {
            Ok(_) => 0,
            Err(_) => silent.saturating_add(1),
        };
        let (status, outcome, detail) = match silent {
            0 => (Status::Up, CheckOutcome::Answered, "SNMP answered."),
            1 => (Status::Degraded, CheckOutcome::Silent, "SNMP: no answer."),
            _ => (Status::Down, CheckOutcome::Silent, "SNMP: no answer."),
        };
        // As ingest does: once in each month, too.
        if last.is_some_and(|(before, known)| known == status && same_month(before, at)) {
            continue;
        }
        last = Some((at, status));
        records.push(Record::Device {
            id,
            found: DeviceFound {
                at,
                status,
                interfaces_read: status == Status::Up,
                evidence: vec![Evidence {
                    check: Check::Snmp,
                    outcome,
                    at,
                    detail: detail.to_owned(),
                }],
            },
        });
    }
    records
}

/// The changes of an interface, from its samples of ifOperStatus.
fn of_interface(id: InterfaceId, points: &Points, admin: Option<IfStatus>) -> Vec<Record> {
    let mut before: Option<IfStates> = None;
    let mut records = Vec::new();
    for (at, value) in points {
        let Value::U64(number) = value else {
            continue;
        };
        let now = IfStates {
            oper: IfStatus::from_number(*number),
            admin,
        };
        if before == Some(now) {
            continue;
        }
        let found = InterfaceFound {
            at: *at,
            before,
            now,
        };
        records.push(Record::Interface { id, found });
        before = Some(now);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_unix_ms(minute * 60_000)
    }

    #[test]
    fn silence_is_degraded_and_then_down() {
        let moments: Vec<Timestamp> = (0..8).map(at).collect();
        let answered: Vec<Timestamp> = [0, 1, 2, 5, 7].map(at).to_vec();
        let told: Vec<_> = of_device(DeviceId::new(), &moments, &answered)
            .into_iter()
            .filter_map(|record| match record {
                Record::Device { found, .. } => Some((found.at, found.status)),
                _ => None,
            })
            .collect();
        let wanted = [
            (at(0), Status::Up),
            (at(3), Status::Degraded),
            (at(4), Status::Down),
            (at(5), Status::Up),
            (at(6), Status::Degraded),
            (at(7), Status::Up),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn only_changes_of_an_interface_are_told() {
        let points = [1, 1, 2, 2, 1].iter().zip(0..);
        let points: Points = points
            .map(|(number, minute)| (at(minute), Value::U64(*number)))
            .collect();
        let told = of_interface(InterfaceId::new(), &points, Some(IfStatus::Up));
        let times: Vec<Timestamp> = told.iter().map(Record::at).collect();
        assert_eq!(times, [at(0), at(2), at(4)]);
    }
}
