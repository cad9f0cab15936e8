//! The index: names, columns, bounds.

use super::*;
use model::{InterfaceId, Metric};
use std::collections::BTreeSet;

fn commit(index: &mut Index, device_id: DeviceId, keys: &[(Metric, Labels)]) -> Vec<Resolved> {
    let (changes, resolved) = index.plan(device_id, keys).unwrap();
    for change in changes {
        index.apply(change);
    }
    resolved
}

#[test]
fn a_renamed_interface_keeps_its_series() {
    let (mut index, device_id) = (Index::default(), DeviceId::new());
    let interface = InterfaceId::new().to_string();
    let named = |name| {
        Labels::default()
            .with("interface_id", &*interface)
            .with("interface", name)
    };
    let key = |name| [(Metric::IF_HC_IN_OCTETS, named(name))];
    let before = commit(&mut index, device_id, &key("eth0"));
    assert_eq!(index.lookup(device_id, &key("eth0")), Some(before.clone()));
    assert_eq!(index.lookup(device_id, &key("lan0")), None);
    let after = commit(&mut index, device_id, &key("lan0"));
    assert_eq!(before, after);
    assert_eq!(index.series(after[0].id).unwrap().key.labels, named("lan0"));
    // Without an interface_id the name is what tells series apart.
    let by_name = |name| [(Metric::ICMP_RTT, Labels::default().with("interface", name))];
    let a = commit(&mut index, device_id, &by_name("a"));
    assert_ne!(a, commit(&mut index, device_id, &by_name("b")));
}

#[test]
fn columns_are_not_given_twice() {
    let (mut index, device_id) = (Index::default(), DeviceId::new());
    let keys = [
        (Metric::ICMP_RTT, Labels::default()),
        (Metric::ICMP_LOSS, Labels::default()),
        (Metric::ICMP_RTT, Labels::default()),
    ];
    let first = commit(&mut index, device_id, &keys);
    assert_eq!((first[0], first[1].column), (first[2], Column(1)));
    index.apply(Change::Delete { device_id });
    assert_eq!((index.len(), index.series_of(device_id).len()), (0, 0));
    assert!(!index.has_device(device_id));
    // What the index is made anew of forgets neither.
    index = index.compacted();
    assert!(index.is_deleted(device_id) && index.is_deleted_column(device_id, Column(1)));
    let second = commit(&mut index, device_id, &keys);
    assert_eq!(second[0].column, Column(2));
    assert_ne!(first[0].id, second[0].id);
    let device = index
        .view(|_| BTreeSet::new())
        .devices
        .remove(&device_id)
        .unwrap();
    assert_eq!((device.deleted_below, device.series.len()), (2, 2));
}

#[test]
fn series_are_found_by_metric_and_column() {
    let (mut index, device_id) = (Index::default(), DeviceId::new());
    let sensor = |n: u32| Labels::default().with("sensor", n.to_string());
    let keys = [
        (Metric::ICMP_RTT, sensor(2)),
        (Metric::SYS_UP_TIME, sensor(0)),
        (Metric::ICMP_RTT, sensor(1)),
        (Metric::POLL_DURATION, sensor(0)),
    ];
    let resolved = commit(&mut index, device_id, &keys);
    for (metric, expected) in [
        (Metric::ICMP_RTT, vec![resolved[2].id, resolved[0].id]),
        (Metric::SYS_UP_TIME, vec![resolved[1].id]),
        (Metric::POLL_DURATION, vec![resolved[3].id]),
        (Metric::ICMP_LOSS, vec![]),
    ] {
        let found = index.series_named(device_id, metric);
        let found: Vec<SeriesId> = found.iter().map(|series| series.id).collect();
        assert_eq!(found, expected, "{metric}");
    }
    let unknown = |columns: &[u32]| {
        let columns = columns.iter().map(|column| Column(*column));
        index
            .first_unknown(device_id, columns)
            .map(|column| column.0)
    };
    assert_eq!(unknown(&[0, 1, 2, 3]), None);
    assert_eq!(unknown(&[1, 3]), None);
    assert_eq!(unknown(&[1, 4, 5]), Some(4));
    let other = index.first_unknown(DeviceId::new(), [Column(0)].into_iter());
    assert_eq!(other, Some(Column(0)));
}

#[test]
fn a_device_has_a_bound_on_its_series() {
    let (mut index, device_id) = (Index::default(), DeviceId::new());
    let key = |n: usize| {
        (
            Metric::SENSOR_OTHER,
            Labels::default().with("sensor", n.to_string()),
        )
    };
    let full: Vec<_> = (0..SERIES_PER_DEVICE_MAX).map(key).collect();
    let resolved = commit(&mut index, device_id, &full);
    let one_more = [key(SERIES_PER_DEVICE_MAX)];
    assert_eq!(
        index.plan(device_id, &one_more).err(),
        Some(SERIES_PER_DEVICE_MAX + 1)
    );
    assert_eq!(index.lookup(device_id, &full), Some(resolved));
}

/// An agent that calls its ports anew at each poll.
#[test]
fn names_that_nothing_is_called_by_any_more_are_forgotten() {
    let (mut index, device_id) = (Index::default(), DeviceId::new());
    let port = InterfaceId::new().to_string();
    let key = |name: String| {
        let labels = Labels::default()
            .with(Labels::INTERFACE_ID, &*port)
            .with(Labels::INTERFACE, name);
        [(Metric::IF_HC_IN_OCTETS, labels)]
    };
    let series = commit(&mut index, device_id, &key("lo".to_owned()));
    let long = "x".repeat(1_000);
    let before = index.generation;
    for n in 0..4_000 {
        let name = format!("{long}{n}");
        assert_eq!(commit(&mut index, device_id, &key(name.clone())), series);
        let taken = index.labels.octets();
        assert!(
            taken <= 2 * NAMES_LEFT_OCTETS_MAX,
            "{taken} octets of names"
        );
        let told = index.series(series[0].id).unwrap().key.labels;
        assert_eq!(told.get(Labels::INTERFACE), Some(&*name));
    }
    // The sets are the same, and whoever looked meanwhile knows that numbers are others.
    assert_ne!(index.generation, before);
    assert_eq!(index.labels.set_count(), 1);
    // One that goes back and forth leaves nothing.
    let (generation, taken) = (index.generation, index.labels.octets());
    for n in 0..10_000 {
        let name = if n % 2 == 0 { "a" } else { "b" };
        commit(&mut index, device_id, &key(name.to_owned()));
    }
    assert_eq!(index.generation, generation);
    assert!(index.labels.octets() <= taken + 2 * (PAIR_OCTETS + 1));
}

#[test]
fn what_was_deleted_is_so_after_the_index_was_made_anew() {
    let (mut index, gone) = (Index::default(), DeviceId::new());
    commit(&mut index, gone, &[(Metric::ICMP_RTT, Labels::default())]);
    index.apply(Change::Delete { device_id: gone });
    index = index.compacted();
    assert!(index.any_deleted() && index.is_deleted(gone));
    assert!(index.is_deleted_column(gone, Column(0)));
}

#[test]
fn many_devices_that_are_deleted_together_are_gone_and_the_others_stay() {
    let mut one_by_one = Index::default();
    let together = crate::series::registry::Shared::default();
    let ids: Vec<DeviceId> = (0..200).map(|_| DeviceId::new()).collect();
    let keys = [Metric::ICMP_RTT, Metric::ICMP_LOSS].map(|metric| (metric, Labels::default()));
    for id in &ids {
        let (changes, _) = one_by_one.plan(*id, &keys).unwrap();
        for change in changes {
            one_by_one.apply(change.clone());
            together.write().unwrap().apply(change);
        }
    }
    let changes: Vec<Change> = ids
        .iter()
        .filter(|id| !ids.iter().step_by(10).any(|kept| kept == *id))
        .map(|id| Change::Delete { device_id: *id })
        .collect();
    for change in changes.clone() {
        one_by_one.apply(change);
    }
    let ends: Vec<usize> = (1..=changes.len()).collect();
    crate::series::registry::apply(&together, changes, &ends);
    let together = together.read().unwrap();
    assert_eq!(together.len(), 40);
    assert_eq!(together.by_metric, one_by_one.by_metric);
    for id in &ids {
        assert_eq!(together.series_of(*id), one_by_one.series_of(*id));
        assert_eq!(together.is_deleted(*id), one_by_one.is_deleted(*id));
    }
}
