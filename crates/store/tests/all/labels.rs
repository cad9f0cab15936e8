//! Series and their labels: selectors, what is attached, bounds that are told, registries of other
//! versions.

use crate::series_fixture::{Fixture, minute};
use foretell_store::series::attached::OfDevice;
use foretell_store::series::cardinality::NEAR_BOUND;
use foretell_store::series::{
    Attached, BoundHit, Resolved, SERIES_PER_DEVICE_MAX, Selector, SeriesError,
};
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId, Value};
use rusqlite::{Connection, params};
use std::fs;
use std::path::{Path, PathBuf};

/// The registry of one device of the demonstration, as the first version wrote it.
const OLD: &str = "tests/all/series-1.sqlite";

/// A store whose registry is the one of [`OLD`].
fn with_old_registry() -> (Fixture, PathBuf) {
    let mut fixture = Fixture::new();
    fixture.shut();
    let file = fixture.path().join("series.sqlite");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(OLD), &file).unwrap();
    (fixture, file)
}

fn select(fixture: &Fixture, selector: &str, attached: &Attached) -> Vec<SeriesId> {
    let selector: Selector = selector.parse().unwrap();
    let selected = fixture.store().select(&selector, attached, None, 10_000);
    assert_eq!(selected.matched, selected.series.len());
    selected.series.iter().map(|found| found.id).collect()
}

#[tokio::test]
async fn the_registry_of_the_first_version_is_read() {
    let (mut fixture, file) = with_old_registry();
    let recovery = fixture.reopen();
    assert!(recovery.damage.is_empty(), "{recovery:?}");
    let connection = Connection::open(&file).unwrap();
    let mut rows = connection
        .prepare("SELECT id, device, metric, labels, interface FROM series ORDER BY slot")
        .unwrap();
    let rows: Vec<(SeriesId, DeviceId, String, String, Option<String>)> = rows
        .query_map([], |row| {
            let (id, device) = (row.get(0)?, row.get(1)?);
            Ok((
                SeriesId::from_bytes(id),
                DeviceId::from_bytes(device),
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 109);
    let device_id = rows[0].1;
    let series = fixture.store().series_of(device_id);
    assert_eq!(series.len(), rows.len());
    for (series, (id, device, metric, labels, interface)) in series.iter().zip(&rows) {
        assert_eq!((series.id, series.key.device_id), (*id, *device));
        assert_eq!(series.key.metric.name(), metric);
        let mut expected: Labels = serde_json::from_str(labels).unwrap();
        if let Some(name) = interface {
            expected = expected.with(Labels::INTERFACE, name);
        }
        assert_eq!(series.key.labels, expected);
        // And it is the same when it is asked for by what it is of.
        let key = vec![(series.key.metric, series.key.labels.clone())];
        let known = fixture.store().known(device_id, &key);
        assert_eq!(
            known[0].map(|known| (known.series.id, known.renamed)),
            Some((*id, false))
        );
        let resolved = fixture.store().resolve(device_id, key).await.unwrap();
        assert_eq!(resolved[0].id, *id);
    }
    let none = Attached::default();
    for (selector, count) in [
        ("{}", 109),
        ("ifHCInOctets", 7),
        (r#"{interface="Loopback0"}"#, 9),
        (
            r#"{interface=~"Ethernet5[0-2]/1",metric=~"ifHC.*Octets"}"#,
            6,
        ),
        (r#"sensor_dbm{sensor!~"Sensor.*"}"#, 10),
        (r#"{interface_id="",sensor=""}"#, 10),
        (r#"{vantage!="local"}"#, 0),
        (
            r#"ifInErrors{interface_id="01a213b1-4c6a-74f7-9b43-2815787f30cf"}"#,
            1,
        ),
    ] {
        assert_eq!(select(&fixture, selector, &none).len(), count, "{selector}");
    }
}

#[tokio::test]
async fn another_name_site_or_tag_is_no_other_series() {
    let fixture = Fixture::new();
    let (device_id, other) = (DeviceId::new(), DeviceId::new());
    let interface = InterfaceId::new().to_string();
    let key = |name: &str| {
        let labels = Labels::default()
            .with(Labels::INTERFACE_ID, &*interface)
            .with(Labels::INTERFACE, name);
        vec![(Metric::IF_HC_IN_OCTETS, labels)]
    };
    let series = fixture.store().resolve(device_id, key("eth0")).await;
    let series: Resolved = series.unwrap()[0];
    fixture.store().resolve(other, key("eth0")).await.unwrap();
    fixture.put(device_id, series.column, 0, 7).await;
    let attached = |site: &str, tag: &str| {
        let of_device = OfDevice {
            name: "core-1".to_owned(),
            site: Some(site.to_owned()),
            tags: [tag.to_owned()].into(),
            ..OfDevice::default()
        };
        Attached::new([(device_id, of_device)], [])
    };
    let before = attached("x", "role=edge");
    let text = r#"ifHCInOctets{site="x",interface=~"eth.*",role!="lab"}"#;
    assert_eq!(select(&fixture, text, &before), [series.id]);
    let after = attached("y", "role=lab");
    assert!(select(&fixture, text, &after).is_empty());
    let text = r#"{site="y",device="core-1",role="lab"}"#;
    assert_eq!(select(&fixture, text, &after), [series.id]);
    // Renamed, it is found by its new name, with the samples of before.
    let renamed = fixture.store().resolve(device_id, key("lan0")).await;
    assert_eq!(renamed.unwrap(), [series]);
    assert_eq!(
        select(&fixture, r#"{interface="lan0"}"#, &after),
        [series.id]
    );
    let of_old = select(&fixture, r#"{interface="eth0"}"#, &after);
    assert_eq!(of_old.len(), 1);
    assert_ne!(of_old, [series.id]);
    assert_eq!(fixture.told(series), "0:7");
    let by_id = format!(r#"{{device_id="{device_id}"}}"#);
    assert_eq!(select(&fixture, &by_id, &after), [series.id]);
}

#[tokio::test]
async fn a_device_that_would_have_too_many_series_is_told() {
    let mut fixture = Fixture::new();
    let (full, near, small) = (DeviceId::new(), DeviceId::new(), DeviceId::new());
    let key = |n: usize| {
        let labels = Labels::default().with("sensor", n.to_string());
        (Metric::SENSOR_OTHER, labels)
    };
    let keys = |count: usize| (0..count).map(key).collect::<Vec<_>>();
    fixture.series(near, NEAR_BOUND).await;
    fixture.series(small, 3).await;
    fixture.series(full, 10).await;
    assert_eq!(fixture.store().bound_hit(full), None);
    for times in 1..3 {
        let refused = fixture
            .store()
            .resolve(full, keys(SERIES_PER_DEVICE_MAX + 5));
        let refused = refused.await;
        assert!(matches!(refused, Err(SeriesError::TooManySeries { .. })));
        let asked = SERIES_PER_DEVICE_MAX + 5;
        let hit = BoundHit { asked, times };
        assert_eq!(fixture.store().bound_hit(full), Some(hit));
    }
    let counted = fixture.store().cardinality(2);
    assert_eq!((counted.series, counted.devices), (NEAR_BOUND + 13, 3));
    assert_eq!(counted.by_metric.len(), 1);
    let of_label = &counted.by_label[0];
    assert_eq!(
        (of_label.name.as_str(), of_label.values),
        ("sensor", NEAR_BOUND)
    );
    assert_eq!(of_label.series, NEAR_BOUND + 13);
    let ids = |counts: &[foretell_store::series::cardinality::DeviceCount]| {
        counts
            .iter()
            .map(|count| count.device_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&counted.largest_devices), [near, full]);
    assert_eq!(ids(&counted.near_bound), [near, full]);
    assert_eq!(counted.near_bound_count, 2);
    // What is known of the bound goes with the device, and with the process.
    fixture.store().delete_device(full).await.unwrap();
    assert_eq!(fixture.store().bound_hit(full), None);
    fixture.reopen();
    assert_eq!(fixture.store().cardinality(9).near_bound_count, 1);
}

fn checksum(parts: &[&[u8]]) -> u32 {
    let parts = parts.iter();
    parts.fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

#[tokio::test]
async fn a_metric_of_a_later_version_is_kept_and_named() {
    let (mut fixture, file) = with_old_registry();
    let connection = Connection::open(&file).unwrap();
    let select = "SELECT id, device, labels FROM series WHERE slot = 3";
    let (id, device, labels): ([u8; 16], [u8; 16], String) = connection
        .query_row(select, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let crc = checksum(&[
        &id,
        &device,
        &3u32.to_le_bytes(),
        b"ifLaterOctets",
        labels.as_bytes(),
    ]);
    let update = "UPDATE series SET metric = 'ifLaterOctets', crc = ?1 WHERE slot = 3";
    assert_eq!(connection.execute(update, params![crc]).unwrap(), 1);
    drop(connection);
    let recovery = fixture.reopen();
    assert!(recovery.damage.is_empty(), "{recovery:?}");
    let (id, device_id) = (SeriesId::from_bytes(id), DeviceId::from_bytes(device));
    let column = foretell_store::series::Column(3);
    // Its samples are taken and read; what it measures cannot be said.
    fixture
        .try_put(device_id, minute(0), vec![(column, Value::U64(5))])
        .await
        .unwrap();
    assert_eq!(fixture.told(Resolved { id, column }), "0:5");
    assert_eq!(fixture.store().series(id), None);
    assert_eq!(fixture.store().count_of(device_id), 109);
    assert_eq!(fixture.store().series_of(device_id).len(), 108);
    let unknown = fixture.store().cardinality(0).by_metric;
    let unknown = unknown.into_iter().filter(|metric| !metric.known);
    let unknown: Vec<_> = unknown.map(|metric| (metric.name, metric.series)).collect();
    assert_eq!(unknown, [("ifLaterOctets".to_owned(), 1)]);
    // Nothing else gets its column, and it is there again after the next start.
    let key = vec![(Metric::POLL_DURATION, Labels::default())];
    let new = fixture.store().resolve(device_id, key).await.unwrap()[0];
    assert_eq!(new.column, foretell_store::series::Column(109));
    let recovery = fixture.reopen();
    assert_eq!((recovery.orphaned, recovery.samples), (0, 1));
    assert_eq!(fixture.told(Resolved { id, column }), "0:5");
}

#[tokio::test]
async fn a_row_that_is_missing_from_the_table_but_not_from_its_index_is_noticed() {
    let (mut fixture, file) = with_old_registry();
    // As after a page of the table was written to an older state, which SQLite does not notice.
    let connection = Connection::open(&file).unwrap();
    let sql = "
        PRAGMA writable_schema = ON;
        DELETE FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex_series%';
        UPDATE sqlite_schema SET sql = replace(replace(sql, 'UNIQUE (device, slot)', 'CHECK (1)'),
            'PRIMARY KEY', '') WHERE name = 'series';
    ";
    connection.execute_batch(sql).unwrap();
    drop(connection);
    let connection = Connection::open(&file).unwrap();
    let deleted = connection.execute("DELETE FROM series WHERE slot = 7", []);
    assert_eq!(deleted.unwrap(), 1);
    drop(connection);
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(OLD)).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    // The schema as it was is on the first page.
    bytes[..4096].copy_from_slice(&whole[..4096]);
    fs::write(&file, bytes).unwrap();
    let recovery = fixture.reopen();
    assert_eq!(recovery.damage.len(), 1, "{recovery:?}");
    assert!(
        recovery.damage[0].contains("108 series saved"),
        "{recovery:?}"
    );
    assert_eq!(select(&fixture, "{}", &Attached::default()).len(), 108);
}
