//! The registry against plain maps: what is registered, renamed and deleted, and found by labels.

use super::index::Index;
use super::select::select;
use super::table::{Change, Table};
use super::{Shared, with};
use crate::series::attached::{Attached, DEVICE_ID, METRIC, OfDevice};
use crate::series::{Column, Matcher, Resolved, Selector};
use model::interface::Interface;
use model::series::{NETWORK, Series};
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId, SeriesKey};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const METRICS: [Metric; 3] = [
    Metric::IF_HC_IN_OCTETS,
    Metric::ICMP_RTT,
    Metric::SENSOR_OTHER,
];

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

fn interface(n: u8) -> InterfaceId {
    InterfaceId::from_bytes([n + 1; 16])
}

/// Labels of an interface with a name, of an interface without one, of a part, or none; some that
/// are escaped in JSON.
fn labels() -> impl Strategy<Value = Labels> {
    let none = Labels::default().with(Labels::VANTAGE, "local");
    let port = |n: u8| Labels::default().with(Labels::INTERFACE_ID, interface(n).to_string());
    let name = "(eth0|eth1|lan|)";
    prop_oneof![
        1 => Just(none),
        3 => (0u8..3, name).prop_map(move |(n, name)| port(n).with(Labels::INTERFACE, name)),
        1 => (0u8..3).prop_map(port),
        1 => name.prop_map(|name| Labels::default().with(Labels::INTERFACE, name)),
        1 => "(a|b|a\"|é\\\\)".prop_map(|name| Labels::default().with("sensor", name)),
        // Names that are attached to others.
        1 => "(x|y)".prop_map(|site| Labels::default().with("site", site)),
    ]
}

fn keys() -> impl Strategy<Value = Vec<(Metric, Labels)>> {
    prop::collection::vec((prop::sample::select(METRICS.to_vec()), labels()), 1..6)
}

/// The part of labels that takes part in the key.
fn in_key(labels: &Labels) -> Labels {
    let mut key = labels.clone();
    if key.get(Labels::INTERFACE_ID).is_some() {
        key.0.remove(Labels::INTERFACE);
    }
    key
}

#[derive(Clone, Debug)]
enum Step {
    Resolve(u8, Vec<(Metric, Labels)>),
    Delete(u8),
    Compact,
    Forget,
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..3, keys()).prop_map(|(n, keys)| Step::Resolve(n, keys)),
        1 => (0u8..3).prop_map(Step::Delete),
        1 => Just(Step::Compact),
        1 => Just(Step::Forget),
        1 => Just(Step::Reload),
    ]
}

/// A series as the model has it.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    series: Resolved,
    interface: Option<String>,
}

type Model = BTreeMap<DeviceId, BTreeMap<(Metric, Labels), Kept>>;

/// Whether the index says what the model says.
fn compare(index: &Index, model: &Model) {
    let all: usize = model.values().map(BTreeMap::len).sum();
    assert_eq!(index.len(), all);
    let mut by_metric = BTreeMap::new();
    for n in 0..3 {
        let device_id = device(n);
        let of_device = model.get(&device_id).cloned().unwrap_or_default();
        let mut expected: Vec<(Column, Series)> = Vec::new();
        for ((metric, key), kept) in &of_device {
            let mut labels = key.clone();
            if let Some(name) = &kept.interface {
                labels = labels.with(Labels::INTERFACE, name);
            }
            let known = [(*metric, labels.clone())];
            assert_eq!(index.lookup(device_id, &known), Some(vec![kept.series]));
            let place = (device_id, kept.series.column);
            assert_eq!(index.place_of(kept.series.id), Some(place));
            assert!(index.has(device_id, kept.series.column));
            let series = Series {
                id: kept.series.id,
                key: SeriesKey {
                    device_id,
                    metric: *metric,
                    labels,
                },
            };
            assert_eq!(index.series(series.id).as_ref(), Some(&series));
            *by_metric.entry(*metric).or_insert(0) += 1;
            expected.push((kept.series.column, series));
        }
        for metric in METRICS {
            // The model is in the order of labels.
            let ids = |series: Vec<Series>| series.iter().map(|s| s.id).collect::<Vec<_>>();
            let of_metric = of_device.iter().filter(|((of, _), _)| *of == metric);
            let of_metric: Vec<SeriesId> = of_metric.map(|(_, kept)| kept.series.id).collect();
            assert_eq!(ids(index.series_named(device_id, metric)), of_metric);
            let columns = index.columns_named(device_id, metric);
            assert_eq!(columns.len(), of_metric.len());
        }
        expected.sort_by_key(|(column, _)| *column);
        let columns = expected.iter().map(|(column, _)| *column);
        assert_eq!(index.first_unknown(device_id, columns), None);
        let expected: Vec<Series> = expected.into_iter().map(|(_, series)| series).collect();
        assert_eq!(index.count_of(device_id), expected.len());
        assert_eq!(index.has_device(device_id), !expected.is_empty());
        assert_eq!(index.series_of(device_id), expected);
    }
    let counted = index.cardinality(10);
    assert_eq!(counted.series, all);
    let told = counted.by_metric.iter();
    let told: BTreeMap<_, _> = told.map(|m| (m.name.as_str(), m.series)).collect();
    let by_metric: BTreeMap<_, _> = by_metric.iter().map(|(m, n)| (m.name(), *n)).collect();
    assert_eq!(told, by_metric);
    let mut by_label: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for series in model.keys().flat_map(|id| index.series_of(*id)) {
        for (name, value) in series.key.labels.0 {
            by_label.entry(name).or_default().push(value);
        }
    }
    assert_eq!(counted.by_label.len(), by_label.len());
    for count in &counted.by_label {
        let mut values = by_label[&count.name].clone();
        assert_eq!(values.len(), count.series, "{}", count.name);
        values.sort();
        values.dedup();
        assert_eq!(values.len(), count.values, "{}", count.name);
    }
    let with_series = model.values().filter(|of_device| !of_device.is_empty());
    assert_eq!(counted.devices, with_series.count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_index_holds_what_a_map_holds(steps in prop::collection::vec(step(), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("series.sqlite");
        let (mut table, loaded) = Table::open(&path).unwrap();
        let mut index = loaded.index;
        let mut model = Model::new();
        // No column of a device is given twice.
        let mut given: BTreeMap<(DeviceId, Column), SeriesId> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Resolve(n, mut keys) => {
                    let device_id = device(n);
                    // Of two names at once for one interface either may hold.
                    let mut met = BTreeSet::new();
                    keys.retain(|(metric, labels)| met.insert((*metric, in_key(labels))));
                    let (changes, resolved) = index.plan(device_id, &keys).unwrap();
                    table.commit(&changes).unwrap();
                    for change in changes {
                        index.apply(change);
                    }
                    prop_assert_eq!(resolved.len(), keys.len());
                    let of_device = model.entry(device_id).or_default();
                    for ((metric, labels), series) in keys.into_iter().zip(resolved) {
                        let key = in_key(&labels);
                        let name = (key != labels).then(|| labels.get(Labels::INTERFACE));
                        let name = name.flatten().map(str::to_owned);
                        let known = of_device.entry((metric, key)).or_insert(Kept {
                            series,
                            interface: None,
                        });
                        prop_assert_eq!(known.series, series);
                        known.interface = name.or(known.interface.take());
                        let place = (device_id, series.column);
                        prop_assert_eq!(*given.entry(place).or_insert(series.id), series.id);
                    }
                }
                Step::Delete(n) => {
                    let device_id = device(n);
                    let change = Change::Delete { device_id };
                    table.commit(std::slice::from_ref(&change)).unwrap();
                    index.apply(change);
                    model.remove(&device_id);
                }
                Step::Compact => index = index.compacted(),
                Step::Forget => index.forget_names(),
                Step::Reload => {
                    drop(table);
                    let (again, loaded) = Table::open(&path).unwrap();
                    prop_assert!(loaded.damage.is_empty(), "{:?}", loaded.damage);
                    (table, index) = (again, loaded.index);
                }
            }
            compare(&index, &model);
        }
    }
}

fn attached() -> impl Strategy<Value = Attached> {
    let maybe = |text: &'static str| prop::option::of(text);
    let tags = prop::collection::btree_set("(x|core|role=lab|role=x|site=z)", 0..3);
    let of_device = (maybe("(x|y)"), tags).prop_map(|(site, tags)| OfDevice {
        name: "r1".to_owned(),
        site,
        tags,
        ..OfDevice::default()
    });
    let devices = prop::collection::btree_map((0u8..3).prop_map(device), of_device, 0..3);
    let alias = (0u8..4, maybe("(x|uplink|)"), "(eth0|wan)");
    let interfaces = prop::collection::vec(alias, 0..4).prop_map(|all| {
        let interface = |(n, alias, name)| Interface {
            id: interface(n),
            device_id: device(0),
            index: 1,
            name,
            description: None,
            alias,
            kind: Some("ethernetCsmacd".to_owned()),
            speed_bps: None,
            mac: None,
            mtu: None,
            aggregate: None,
            admin_status: None,
            oper_status: None,
            last_change_at: None,
            present: true,
        };
        all.into_iter()
            .map(interface)
            .map(Arc::new)
            .collect::<Vec<_>>()
    });
    (devices, interfaces).prop_map(|(devices, interfaces)| Attached::new(devices, interfaces))
}

fn matcher() -> impl Strategy<Value = String> {
    let names = [
        METRIC,
        DEVICE_ID,
        "vantage",
        "sensor",
        "interface",
        "interface_id",
        "interface_alias",
        "interface_kind",
        "site",
        "device",
        "tag",
        "role",
        "nothing",
    ];
    let values = [
        String::new(),
        ".*".to_owned(),
        ".+".to_owned(),
        "x".to_owned(),
        "x|y|eth0".to_owned(),
        "eth.".to_owned(),
        "eth0".to_owned(),
        "a\\\"".to_owned(),
        "local|lab|core|r1".to_owned(),
        "icmp_rtt|ethernetCsmacd".to_owned(),
        "i.*".to_owned(),
        interface(1).to_string(),
        device(1).to_string(),
    ];
    let name = prop::sample::select(names.to_vec());
    let sign = prop::sample::select(vec!["=", "!=", "=~", "!~"]);
    let value = prop::sample::select(values.to_vec());
    (name, sign, value).prop_map(|(name, sign, value)| format!("{name}{sign}\"{value}\""))
}

fn selector() -> impl Strategy<Value = Selector> {
    let metric = prop::sample::select(vec!["", "", "ifHCInOctets", "icmp_rtt", "no_metric"]);
    let matchers = prop::collection::vec(matcher(), 0..4);
    (metric, matchers).prop_map(|(metric, matchers)| {
        let text = format!("{metric}{{{}}}", matchers.join(","));
        text.parse().unwrap()
    })
}

/// The values that a series has for a label, as the documentation of `attached` has it.
fn values(series: &Series, attached: &Attached, name: &str) -> Vec<String> {
    if name == METRIC {
        return vec![series.key.metric.name().to_owned()];
    }
    if let Some(value) = series.key.labels.get(name) {
        return vec![value.to_owned()];
    }
    if name == DEVICE_ID {
        let id = series.key.device_id;
        return (id != NETWORK)
            .then(|| id.to_string())
            .into_iter()
            .collect();
    }
    let interface_id = series.key.labels.interface_id();
    if let Some(value) = interface_id.and_then(|id| attached.of_interface(id, name)) {
        return vec![value.to_owned()];
    }
    let of_device = attached.device(series.key.device_id);
    let values = of_device.map(|of| of.values(name).map(str::to_owned).collect());
    values.unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_selector_finds_what_looking_at_each_series_finds(
        registered in prop::collection::vec((0u8..3, keys()), 0..12),
        deleted in prop::option::of(0u8..3),
        attached in attached(),
        selectors in prop::collection::vec(selector(), 1..8),
        limit in 1usize..6,
    ) {
        let mut index = Index::default();
        for (n, keys) in registered {
            let (changes, _) = index.plan(device(n), &keys).unwrap();
            for change in changes {
                index.apply(change);
            }
        }
        if let Some(n) = deleted {
            index.apply(Change::Delete { device_id: device(n) });
        }
        let all: Vec<Series> = (0..3).flat_map(|n| index.series_of(device(n))).collect();
        let index: Shared = Arc::new(index.into());
        for selector in selectors {
            let holds = |series: &Series, matcher: &Matcher| {
                let values = values(series, &attached, matcher.name());
                matcher.holds(values.iter().map(String::as_str))
            };
            let meant = |series: &&Series| {
                let is_it = selector.metric().is_none_or(|name| name == series.key.metric.name());
                is_it && selector.matchers().iter().all(|matcher| holds(series, matcher))
            };
            let mut expected: Vec<SeriesId> = all.iter().filter(meant).map(|s| s.id).collect();
            expected.sort();
            let all_of = (None, usize::MAX);
            let selected = select(&index, &selector, &attached, all_of, None).unwrap();
            let ids: Vec<SeriesId> = selected.series.iter().map(|s| s.id).collect();
            prop_assert_eq!(&ids, &expected, "{}", selector);
            prop_assert_eq!((selected.matched, selected.more), (expected.len(), false));
            for found in &selected.series {
                let series = with(&index, |index| index.series(found.id)).unwrap();
                prop_assert_eq!(series.key.device_id, found.device_id);
                prop_assert_eq!(series.key.metric, found.metric);
                let place = (found.device_id, found.column);
                let told = with(&index, |index| index.place_of(found.id));
                prop_assert_eq!(told, Some(place));
            }
            // And page by page.
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let page = select(&index, &selector, &attached, (after, limit), None).unwrap();
                prop_assert_eq!(page.matched, expected.len());
                prop_assert!(page.series.len() <= limit);
                paged.extend(page.series.iter().map(|found| found.id));
                after = paged.last().copied();
                if !page.more {
                    break;
                }
            }
            prop_assert_eq!(paged, expected);
        }
    }
}
