//! A small network is registered as discovery would, its history is made, and what is kept is held
//! against what its devices answer from the first poll on.

use super::grid::SPAN_MIN;
use super::past::Past;
use super::*;
use collect::reading::Instance;
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::{Labels, Metric};
use sim::scenario::Shape;
use store::StoreOptions;
use store::series::{Aggregation, Breaks, aggregate, resets};

/// A Wednesday at noon, when traffic is anything but nothing.
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_608_000_000);

use model::Timestamp;

fn scenario() -> Scenario {
    Scenario {
        topology: Shape::Campus,
        devices: 4,
        seed: 5,
        ..Scenario::default()
    }
}

fn wanted() -> Wanted {
    Wanted {
        span: SPAN_MIN * 8,
        scenario: scenario(),
    }
}

fn clock() -> Clock {
    Clock::new(|| NOW)
}

async fn open(folder: &std::path::Path) -> Store {
    Store::open(StoreOptions::new(folder), clock())
        .await
        .unwrap()
        .0
}

/// Registers the devices of the network as they would be after their first poll.
async fn register(store: &Store, past: &Past) {
    let network = sim::Network::new(&scenario()).unwrap();
    for number in network.device_numbers() {
        let device = Device {
            id: DeviceId::new(),
            address: network.device(number).address.into(),
            port: 1161,
            vantage: LOCAL_VANTAGE.to_owned(),
            typed: Typed::default(),
            said: Said::default(),
            identity: Identity::default(),
            credential_id: None,
            interval_secs: 60,
            maintenance: None,
            conflict: None,
            replaced_at: Vec::new(),
            created_at: NOW,
        };
        let id = device.id;
        store.inventory.create(device).await.unwrap();
        let rows = past.interfaces(number, NOW);
        let assigned = topology::interfaces::assign(&[], &rows, true, id, NOW);
        store
            .inventory
            .set_interfaces(id, assigned.interfaces)
            .await
            .unwrap();
    }
}

async fn seeded(folder: &std::path::Path) -> Store {
    let store = open(folder).await;
    let seeding = prepare(&store, wanted(), &clock()).await.unwrap();
    let seeding = seeding.expect("a new store is seeded");
    register(&store, &seeding.past).await;
    let context = Context {
        store: store.clone(),
        clock: clock(),
        told: watch::Sender::new(None),
        stop: CancellationToken::new(),
    };
    seeding.run(context).await;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn history_goes_on_into_the_first_poll_without_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let store = seeded(folder.path()).await;
    let past = Past::new(&scenario(), clock()).unwrap();
    let network = sim::Network::new(&scenario()).unwrap();
    let first_poll = NOW.plus(Duration::from_secs(2));
    let mut kinds = std::collections::BTreeSet::new();
    for record in store.inventory.devices() {
        let device_id = record.device.body.id;
        let number = past.number(record.device.body.address).unwrap();
        // What a device answers from now on, and where it would be kept.
        let live = past.readings(number, first_poll).unwrap();
        let index_of = |id| {
            let interface = record.interfaces.iter().find(|one| one.id == id);
            interface.map(|one| one.index)
        };
        let all = store.series.series_of(device_id);
        assert_eq!(all.len(), live.len(), "each series of a poll has a history");
        let up_time = all
            .iter()
            .find(|one| one.key.metric == Metric::SYS_UP_TIME)
            .unwrap();
        let read = |id| {
            store
                .series
                .read(id, Timestamp::from_unix_ms(0), NOW)
                .unwrap()
        };
        for series in &all {
            let key = &series.key;
            let of_part = ["processor", "memory", "storage", "sensor"]
                .iter()
                .find_map(|label| key.labels.get(label));
            let same = live.iter().find(|reading| {
                reading.metric == key.metric
                    && match &reading.instance {
                        Instance::Device => {
                            of_part.is_none() && key.labels.interface_id().is_none()
                        }
                        Instance::Interface { index } => {
                            key.labels.interface_id().and_then(index_of) == Some(*index)
                        }
                        Instance::Part { name, .. } => of_part == Some(name.as_ref()),
                    }
            });
            let next = same.unwrap_or_else(|| panic!("{key:?} is not polled"));
            let mut points = read(series.id);
            assert!(points.len() >= 360, "{key:?} has {} points", points.len());
            points.push((first_poll, next.value));
            let mut up_times = read(up_time.id);
            let now = live.iter().find(|one| one.metric == Metric::SYS_UP_TIME);
            up_times.push((first_poll, now.unwrap().value));
            assert_eq!(resets(&up_times), [], "no restart is seen");
            kinds.insert(key.metric.name());
            if key.metric.kind() != model::metric::Kind::Counter {
                continue;
            }
            let ascending = points
                .windows(2)
                .all(|pair| pair[0].1.as_f64() <= pair[1].1.as_f64());
            assert!(ascending, "{key:?} never goes back");
            // The rate over the seam is one that the hours before have known.
            let rates = aggregate(
                &points,
                NOW.minus(SPAN_MIN * 4),
                first_poll,
                Duration::from_mins(5),
                Aggregation::Rate,
                &Breaks::new(Duration::from_mins(1), Vec::new(), &[]),
            );
            let rates: Vec<f64> = rates
                .into_iter()
                .map(|(_, rate)| rate.expect("no gap"))
                .collect();
            let (seam, before) = rates.split_last().unwrap();
            let most = before.iter().copied().fold(0.0, f64::max);
            assert!(*seam <= most * 3.0 + 10.0, "{key:?}: {seam} after {most}");
        }
    }
    for kind in [
        "ifHCInOctets",
        "ifHCOutUcastPkts",
        "ifInErrors",
        "ifOperStatus",
        "sysUpTime",
        "processor_utilization",
        "memory_used",
        "storage_used",
        "sensor_temperature",
    ] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    assert_eq!(network.devices().len(), 4);
    was_up_all_along(&store);
    store.close().await.unwrap();
}

/// What was answered was up, and somebody measured it.
fn was_up_all_along(store: &Store) {
    let from = NOW.minus(SPAN_MIN * 8);
    let runs = store.history.runs(from, NOW).unwrap();
    assert_eq!(runs.last().map(|run| run.until), Some(NOW));
    for record in store.inventory.devices() {
        let found = store
            .history
            .device(record.device.body.id, from, NOW, false);
        let found = found.unwrap();
        assert_eq!(
            found.first().map(|found| found.status),
            Some(model::Status::Up)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_store_is_known_again_and_nothing_else_is_seeded() {
    let folder = tempfile::tempdir().unwrap();
    let store = seeded(folder.path()).await;
    let mark = mark_of(&store).await.unwrap().unwrap();
    assert_eq!(mark.until, Some(NOW));
    store.close().await.unwrap();
    drop(store);
    let store = open(folder.path()).await;
    assert!(
        prepare(&store, wanted(), &clock()).await.unwrap().is_none(),
        "not again"
    );
    let mut other = wanted();
    other.scenario.seed = 6;
    let refused = prepare(&store, other, &clock()).await;
    assert!(matches!(
        refused,
        Err(SeedError::AnotherNetwork { seed: 5, .. })
    ));
    store.close().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    register(&store, &Past::new(&scenario(), clock()).unwrap()).await;
    let refused = prepare(&store, wanted(), &clock()).await;
    assert!(matches!(
        refused,
        Err(SeedError::NotOurs { devices: 4, .. })
    ));
    assert!(mark_of(&store).await.unwrap().is_none());
    let keys = vec![(Metric::ICMP_RTT, Labels::default())];
    store.series.resolve(DeviceId::new(), keys).await.unwrap();
    store.close().await.unwrap();
}

#[test]
fn a_device_that_never_answers_is_not_waited_for_without_end() {
    // How many looks it takes until no more are expected, where nothing changes from the second on.
    let check = |known, polled, expected: Option<u32>| {
        let mut quiet = Quiet::default();
        let look = Look { known, polled };
        let enough = (1..=1_000).find(|_| {
            let is_still = quiet.is_unchanged(look);
            quiet.is_enough(look, is_still, 4)
        });
        assert_eq!(enough, expected, "{look:?}");
    };
    check(4, 4, Some(1));
    check(3, 3, Some(1 + QUIET_LOOKS));
    check(4, 3, Some(1 + UNPOLLED_LOOKS));
    check(3, 1, Some(1 + UNPOLLED_LOOKS));
    check(4, 0, None);
    // A poll of another begins the wait anew, and so does a discovery.
    let mut quiet = Quiet::default();
    for polled in [1, 2, 3] {
        let look = Look { known: 4, polled };
        for _ in 0..UNPOLLED_LOOKS {
            let is_still = quiet.is_unchanged(look);
            assert!(!quiet.is_enough(look, is_still, 4));
        }
    }
    let look = Look {
        known: 4,
        polled: 3,
    };
    assert!(!quiet.is_enough(look, false, 4));
    assert!(!quiet.is_enough(look, true, 4));
}
