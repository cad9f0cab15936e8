//! The history of devices and interfaces: kept, bounded, deleted by the month, read back after a
//! crash, and what is damaged of it.

use crate::fixture::{Fixture, device};
use foretell_store::Store;
use foretell_store::documents::Expect;
use foretell_store::history::{CHANGES_PER_DAY_MAX, Record, by_month, same_month};
use model::device::Maintenance;
use model::history::{DeviceFound, IfStates, InterfaceFound, MaintenanceWindow, Run};
use model::interface::IfStatus;
use model::status::{Check, CheckOutcome, Evidence};
use model::{DeviceId, InterfaceId, Status, Timestamp};
use std::fs;
use std::path::Path;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

fn found(at: Timestamp, status: Status) -> DeviceFound {
    DeviceFound {
        at,
        status,
        interfaces_read: status == Status::Up,
        evidence: vec![Evidence {
            check: Check::Snmp,
            outcome: CheckOutcome::Answered,
            at,
            detail: format!("It was {status:?}."),
        }],
    }
}

fn of_device(id: DeviceId, at: Timestamp, status: Status) -> Record {
    Record::Device {
        id,
        found: found(at, status),
    }
}

fn states(oper: IfStatus) -> IfStates {
    IfStates {
        oper: Some(oper),
        admin: Some(IfStatus::Up),
    }
}

fn of_interface(id: InterfaceId, at: Timestamp, before: IfStatus, now: IfStatus) -> Record {
    Record::Interface {
        id,
        found: InterfaceFound {
            at,
            before: Some(states(before)),
            now: states(now),
        },
    }
}

async fn keep(store: &Store, records: Vec<Record>) {
    let kept = store.history.append(records).await.unwrap();
    assert!(kept.iter().all(|kept| *kept), "{kept:?}");
}

fn all(store: &Store, id: DeviceId, now: Timestamp) -> Vec<DeviceFound> {
    let later = now.plus(DAY);
    store
        .history
        .device(id, Timestamp::default(), later, true)
        .unwrap()
}

#[tokio::test]
async fn what_was_found_is_there_after_a_restart() {
    let place = Fixture::new();
    let (id, port) = (DeviceId::new(), InterfaceId::new());
    let first_start = place.now();
    let mut options = place.options();
    options.history.silence = Duration::from_mins(10);
    let (store, _) = place.open_as(&options).await;
    store.history.begin_run().await.unwrap();
    keep(&store, vec![of_device(id, first_start, Status::Up)]).await;
    place.pass(Duration::from_mins(10));
    let down = place.now();
    keep(
        &store,
        vec![
            of_device(id, down, Status::Down),
            of_interface(port, down, IfStatus::Up, IfStatus::Down),
        ],
    )
    .await;
    place.pass(Duration::from_mins(5));
    store.close().await.unwrap();
    let stopped = place.now();
    drop(store);

    place.pass(Duration::from_mins(30));
    let store = place.open().await;
    store.history.begin_run().await.unwrap();
    let second_start = place.now();
    place.pass(Duration::from_mins(1));
    let now = place.now();
    assert_eq!(
        all(&store, id, now),
        [found(first_start, Status::Up), found(down, Status::Down)]
    );
    // The run at work goes on to this moment, also between two signs of life.
    let runs = store.history.runs(first_start, now).unwrap();
    let run = |from, until| Run { from, until };
    assert_eq!(runs, [run(first_start, stopped), run(second_start, now)]);
    // Of a range in which nothing changed there is what was found before it.
    let quiet = store.history.device(id, stopped, now, false).unwrap();
    assert_eq!(quiet.len(), 1);
    assert_eq!((quiet[0].at, quiet[0].status), (down, Status::Down));
    assert_eq!(quiet[0].evidence, []);
    for (from, to, first) in [
        (first_start, down, Some(states(IfStatus::Up))),
        (stopped, now, Some(states(IfStatus::Down))),
    ] {
        let past = store.history.interface(port, from, to).unwrap();
        assert_eq!((past.first, past.found.len()), (first, 0));
    }
    let past = store.history.interface(port, first_start, now).unwrap();
    assert_eq!(past.first, Some(states(IfStatus::Up)));
    assert_eq!(past.found[0].now, states(IfStatus::Down));
    let other = store
        .history
        .interface(InterfaceId::new(), first_start, now);
    assert!(other.unwrap().never_changed);
}

#[tokio::test]
async fn after_a_crash_a_run_ends_at_its_last_sign_of_life() {
    let place = Fixture::new();
    let store = place.open().await;
    let begin = place.now();
    store.history.begin_run().await.unwrap();
    place.pass(Duration::from_secs(30));
    store.history.alive().await.unwrap();
    place.pass(Duration::from_secs(10));
    // A change is a sign of life, too.
    let id = DeviceId::new();
    keep(&store, vec![of_device(id, place.now(), Status::Up)]).await;
    let last = place.now();
    place.pass(Duration::from_secs(20));
    // As a crash leaves it: nothing is closed.
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(place.dir.path().join("history")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let options = foretell_store::history::HistoryOptions::default();
    let (history, damage) =
        foretell_store::history::History::open(copy.path(), options, place.clock()).unwrap();
    assert_eq!(damage, Vec::<String>::new());
    let run = Run {
        from: begin,
        until: last,
    };
    assert_eq!(history.runs(begin, place.now()).unwrap(), [run]);
}

#[tokio::test]
async fn a_run_is_cut_by_the_month_and_old_months_go() {
    let place = Fixture::quick();
    let mut options = place.options();
    options.history.silence = DAY;
    let (store, _) = place.open_as(&options).await;
    let id = DeviceId::new();
    let begin = place.now();
    store.history.begin_run().await.unwrap();
    keep(&store, vec![of_device(id, begin, Status::Up)]).await;
    let mut told = begin;
    for _ in 0..420 {
        place.pass(DAY);
        store.history.alive().await.unwrap();
        // As ingest does it: once in each month.
        if !same_month(told, place.now()) {
            told = place.now();
            keep(&store, vec![of_device(id, told, Status::Up)]).await;
        }
    }
    let now = place.now();
    let runs = store.history.runs(begin, now).unwrap();
    assert!(runs[0].from > begin, "the oldest month is gone: {runs:?}");
    assert!(
        now.since(runs[0].from) >= DAY * 400,
        "and no more: {runs:?}"
    );
    assert_eq!(runs.len(), 1, "it goes on without a break: {runs:?}");
    assert_eq!(runs[0].until, now);
    assert!(all(&store, id, now).len() >= 13);
    let stats = store.history.stats();
    assert_eq!((stats.months_deleted, stats.months), (1, 14));
    // The file is gone as well.
    let files = fs::read_dir(place.dir.path().join("history")).unwrap();
    let names: Vec<_> = files.map(|f| f.unwrap().file_name()).collect();
    let months = names
        .iter()
        .filter(|n| n.to_string_lossy().ends_with(".sqlite"));
    assert_eq!(months.count(), 14, "{names:?}");
}

#[tokio::test]
async fn what_a_poll_found_just_before_the_cut_of_the_month_holds_after_it() {
    let place = Fixture::quick();
    let minute = Duration::from_mins(1);
    while same_month(place.now(), place.now().plus(minute * 10)) {
        place.pass(minute);
    }
    let store = place.open().await;
    let id = DeviceId::new();
    store.history.begin_run().await.unwrap();
    let mut told = place.now();
    keep(&store, vec![of_device(id, told, Status::Up)]).await;
    while same_month(told, place.now()) {
        place.pass(minute);
        store.history.alive().await.unwrap();
    }
    place.pass(Duration::from_secs(10));
    // Answered after midnight, and kept by the write that sees the new month.
    told = place.now().minus(Duration::from_secs(5));
    keep(&store, vec![of_device(id, told, Status::Up)]).await;
    for _ in 0..60 {
        place.pass(minute);
        store.history.alive().await.unwrap();
    }
    let now = place.now();
    let range = (now.minus(minute * 30), now);
    let runs = store.history.runs(range.0, range.1).unwrap();
    assert!(runs[0].from <= told, "{runs:?}");
    let found = store.history.device(id, range.0, range.1, false).unwrap();
    assert!(found[0].at >= runs[0].from);
}

#[tokio::test]
async fn time_in_which_the_process_stood_still_was_not_measured() {
    let place = Fixture::new();
    let store = place.open().await;
    let begin = place.now();
    store.history.begin_run().await.unwrap();
    place.pass(Duration::from_secs(15));
    store.history.alive().await.unwrap();
    let stopped = place.now();
    place.pass(Duration::from_hours(8));
    let resumed = place.now();
    assert_eq!(store.history.run_began(), None);
    store.history.alive().await.unwrap();
    assert_eq!(store.history.run_began(), Some(resumed));
    place.pass(Duration::from_secs(20));
    let now = place.now();
    let run = |from, until| Run { from, until };
    let runs = store.history.runs(begin, now).unwrap();
    assert_eq!(runs, [run(begin, stopped), run(resumed, now)]);
}

#[tokio::test]
async fn a_past_that_is_brought_here_is_read_as_one() {
    let place = Fixture::new();
    let store = place.open().await;
    let now = place.now();
    let run = Run {
        from: now.minus(DAY * 70),
        until: now,
    };
    let parts = by_month(run);
    assert_eq!(parts.len(), 3, "{parts:?}");
    keep(&store, parts.into_iter().map(Record::Run).collect()).await;
    let runs = store.history.runs(run.from, now).unwrap();
    assert_eq!(runs, [run], "they go on without a break");
    assert_eq!(store.history.runs(now.minus(DAY), now).unwrap().len(), 1);
}

#[tokio::test]
async fn what_changes_all_the_time_is_bounded_and_told_unknown() {
    let place = Fixture::new();
    let store = place.open().await;
    store.history.begin_run().await.unwrap();
    let (id, other) = (DeviceId::new(), DeviceId::new());
    let changes = (0..CHANGES_PER_DAY_MAX + 50).map(|n| {
        place.pass(Duration::from_secs(5));
        let status = [Status::Up, Status::Down][n as usize % 2];
        of_device(id, place.now(), status)
    });
    let kept = store.history.append(changes.collect()).await.unwrap();
    let kept = kept.iter().filter(|kept| **kept).count();
    assert_eq!(kept, CHANGES_PER_DAY_MAX as usize);
    let last = all(&store, id, place.now()).pop().unwrap();
    assert_eq!(last.status, Status::Unknown);
    assert!(last.evidence[0].detail.contains("so often"), "{last:?}");
    assert_eq!(store.history.stats().over_bound, 50);
    // Others are not held back, and neither is the next day.
    keep(&store, vec![of_device(other, place.now(), Status::Up)]).await;
    place.pass(DAY);
    keep(&store, vec![of_device(id, place.now(), Status::Up)]).await;
    // What a clock that jumped says is refused.
    let ahead = place.now().plus(DAY);
    let kept = store.history.append(vec![of_device(id, ahead, Status::Up)]);
    assert_eq!(kept.await.unwrap(), [false]);
}

#[tokio::test]
async fn maintenance_that_ends_is_kept_before_it_is_forgotten() {
    let place = Fixture::new();
    let store = place.open().await;
    let begin = place.now();
    let mut router = device(1, begin);
    let id = router.id;
    router.maintenance = Some(Maintenance {
        since: begin,
        until: None,
        reason: Some("fan".to_owned()),
    });
    store.inventory.create(router.clone()).await.unwrap();
    place.pass(Duration::from_mins(10));
    let now = place.now();
    router.maintenance = None;
    // Somebody else changed it first: the window is kept nonetheless, and goes on.
    let stale = Expect::Revision(7);
    let refused = store.update_device(router.clone(), stale, now).await;
    assert!(refused.is_err());
    place.pass(Duration::from_mins(5));
    let now = place.now();
    store
        .update_device(router, Expect::Revision(1), now)
        .await
        .unwrap();
    let window = MaintenanceWindow {
        from: begin,
        to: now,
        reason: Some("fan".to_owned()),
    };
    let read = |from, to| store.history.maintenance(id, from, to).unwrap();
    assert_eq!(read(begin, now), [window]);
    assert_eq!(read(now, now.plus(DAY)), []);
    assert_eq!(read(begin.minus(DAY), begin), []);
    store.delete_device(id, Expect::Any).await.unwrap();
    assert_eq!(read(begin, now), []);
}

#[tokio::test]
async fn a_deleted_device_leaves_nothing() {
    let place = Fixture::new();
    let store = place.open().await;
    let router = device(1, place.now());
    let (id, port) = (router.id, InterfaceId::new());
    store.inventory.create(router).await.unwrap();
    let interface = model::interface::Interface {
        id: port,
        device_id: id,
        index: 1,
        name: "eth0".to_owned(),
        description: None,
        alias: None,
        kind: None,
        speed_bps: None,
        mac: None,
        mtu: None,
        aggregate: None,
        admin_status: None,
        oper_status: None,
        last_change_at: None,
        present: true,
    };
    store
        .inventory
        .set_interfaces(id, vec![interface])
        .await
        .unwrap();
    let now = place.now();
    keep(
        &store,
        vec![
            of_device(id, now, Status::Up),
            of_interface(port, now, IfStatus::Up, IfStatus::Down),
        ],
    )
    .await;
    store.delete_device(id, Expect::Any).await.unwrap();
    assert_eq!(all(&store, id, now), []);
    let past = store.history.interface(port, now, now.plus(DAY)).unwrap();
    assert!(past.never_changed && past.found.is_empty());
}

/// Octets of a page of SQLite.
const PAGE: usize = 4_096;
/// How a page begins that holds rows, and one that holds keys of an index; neither points to others.
/// Source: <https://sqlite.org/fileformat2.html>, section 1.6.
const ROWS: u8 = 13;
const KEYS: u8 = 10;

/// Makes nonsense of the second page of a kind; answers how many rows or keys were on it.
fn spoil_page(path: &Path, kind: u8) -> usize {
    let mut bytes = fs::read(path).unwrap();
    let mut pages = bytes.chunks_mut(PAGE).skip(1);
    let page = pages
        .by_ref()
        .filter(|page| page[0] == kind)
        .nth(1)
        .unwrap();
    let count = u16::from_be_bytes([page[3], page[4]]);
    page.fill(0x55);
    fs::write(path, &bytes).unwrap();
    count.into()
}

#[tokio::test]
async fn a_damaged_month_is_set_aside_and_the_rest_is_read() {
    const DEVICES: usize = 200;
    let place = Fixture::new();
    let store = place.open().await;
    let ids: Vec<DeviceId> = (0..DEVICES).map(|_| DeviceId::new()).collect();
    for _ in 0..4 {
        place.pass(DAY * 40);
        let now = place.now();
        let found = ids.iter().map(|id| of_device(*id, now, Status::Up));
        keep(&store, found.collect()).await;
    }
    store.close().await.unwrap();
    drop(store);
    let folder = place.dir.path().join("history");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "sqlite"))
        .collect();
    files.sort();
    let [whole, rows_page, keys_page, row] = files.try_into().unwrap();
    // One file is no database any more, two have a page of nonsense, one a row that was altered.
    let mut bytes = fs::read(&whole).unwrap();
    bytes[..100].fill(0x55);
    fs::write(&whole, &bytes).unwrap();
    let lost = spoil_page(&rows_page, ROWS);
    assert!((5..50).contains(&lost), "{lost} rows on a page");
    let hidden = spoil_page(&keys_page, KEYS);
    assert!((20..DEVICES).contains(&hidden), "{hidden} keys on a page");
    let altered = "UPDATE change SET value = 3 WHERE rowid = 7";
    let connection = rusqlite::Connection::open(&row).unwrap();
    assert_eq!(connection.execute(altered, []).unwrap(), 1);
    drop(connection);

    let (store, recovery) = place.try_open().await.unwrap();
    assert_eq!(recovery.history.len(), 1, "{:?}", recovery.history);
    assert!(recovery.history[0].contains("2027-02"), "{recovery:?}");
    let now = place.now();
    let rows = || -> usize { ids.iter().map(|id| all(&store, *id, now).len()).sum() };
    // Of the file whose header is lost, all is saved: what lies where is known. So are the rows that
    // an index lost; those that a page held are lost, and the one that was altered is left out.
    let all_saved = 4 * DEVICES - lost - 1;
    let seen = rows();
    // It may be mended already.
    assert!((2 * DEVICES - 1..=all_saved).contains(&seen), "{seen}");
    store.history.alive().await.unwrap();
    assert_eq!(rows(), all_saved, "after mending");
    assert!(store.history.stats().damaged >= 4);
    keep(&store, vec![of_device(ids[0], now, Status::Up)]).await;
    let names = fs::read_dir(&folder).unwrap();
    let aside = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".damaged")
    });
    assert_eq!(aside.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_keep_at_once_share_their_syncs() {
    let place = Fixture::new();
    let store = place.open().await;
    let now = place.now();
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                keep(&store, vec![of_device(DeviceId::new(), now, Status::Down)]).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stats = store.history.stats();
    assert_eq!(stats.kept, 1_000);
    assert!(stats.commits <= 200, "{stats:?}");
    store.history.close().await;
    let refused = store
        .history
        .append(vec![of_device(DeviceId::new(), now, Status::Up)]);
    assert!(refused.await.is_err());
    assert!(store.history.runs(now, now.plus(DAY)).unwrap().is_empty());
}
