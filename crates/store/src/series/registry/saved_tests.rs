use super::*;
use crate::series::registry::metrics::Measured;
use crate::series::registry::table::Change;
use crate::series::{Column, Resolved};
use model::{DeviceId, SeriesId};
use std::fs;
use std::path::PathBuf;

const DEVICES: u8 = 4;

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

fn registered(n: u8, column: u8) -> Change {
    Change::Register {
        device_id: device(n),
        series: Resolved {
            id: SeriesId::from_bytes([16 * n + column; 16]),
            column: Column(column.into()),
        },
        metric: Measured::named("ifHCInOctets"),
        labels: format!(r#"{{"part":"{column}"}}"#),
        interface: None,
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("series.sqlite")
}

/// A registry of four devices with three series each, of which the last two are deleted, and the
/// samples of the last one, too.
fn filled(folder: &Path) {
    let (mut table, _) = Table::open(&file(folder)).unwrap();
    let all = (0..DEVICES).flat_map(|n| (0..3).map(move |column| registered(n, column)));
    table.commit(&all.collect::<Vec<_>>()).unwrap();
    let of = |n| Change::Delete {
        device_id: device(n),
    };
    table.commit(&[of(2), of(3)]).unwrap();
    let cleaned = Change::Cleaned {
        device_id: device(3),
    };
    table.commit(&[cleaned]).unwrap();
}

/// What a registry holds, in words; none where it cannot be opened.
fn held(folder: &Path) -> Option<String> {
    let (_, loaded) = Table::open(&file(folder)).ok()?;
    let index = &loaded.index;
    let of = |n: u8| {
        let id = device(n);
        let is_gone = index.is_deleted_column(id, Column(2));
        let (count, is_deleted) = (index.count_of(id), index.is_deleted(id));
        format!("{n}: {count} {is_deleted} {is_gone}")
    };
    let devices: Vec<String> = (0..DEVICES).map(of).collect();
    Some(format!("{devices:?} unclean {:?}", loaded.unclean))
}

/// Spoils the page on which a table of the file begins.
fn spoil(folder: &Path, page: usize) {
    let mut octets = fs::read(file(folder)).unwrap();
    octets[page * 4096..(page + 1) * 4096].fill(0xee);
    fs::write(file(folder), octets).unwrap();
}

#[test]
fn deleted_devices_stay_deleted_in_a_registry_that_was_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let sound = held(folder.path()).unwrap();
    // The first page, and one of an index: neither has rows.
    for page in [0, 2] {
        let octets = fs::read(file(folder.path())).unwrap();
        spoil(folder.path(), page);
        let (_, loaded) = Table::open(&file(folder.path())).unwrap();
        assert_eq!(loaded.damage.len(), 1, "{:?}", loaded.damage);
        assert_eq!(held(folder.path()).unwrap(), sound, "page {page}");
        fs::write(file(folder.path()), octets).unwrap();
    }
}

#[test]
fn a_row_of_a_deleted_device_that_changed_on_disk_is_named_and_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let connection = Connection::open(file(folder.path())).unwrap();
    let changed = "UPDATE deleted SET next = 2 WHERE device = ?1";
    connection.execute(changed, [device(2).as_bytes()]).unwrap();
    let (_, damage) = super::super::table::inspect(&connection).unwrap();
    assert_eq!(damage.len(), 1, "{damage:?}");
    drop(connection);
    let (_, loaded) = Table::open(&file(folder.path())).unwrap();
    assert_eq!(loaded.damage, damage);
    assert!(!loaded.index.is_deleted(device(2)));
    assert!(loaded.index.is_deleted(device(3)));
}

#[test]
fn a_registry_without_checksums_of_deleted_devices_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let sound = held(folder.path());
    let connection = Connection::open(file(folder.path())).unwrap();
    connection
        .execute_batch("ALTER TABLE deleted DROP COLUMN crc")
        .unwrap();
    drop(connection);
    assert_eq!(held(folder.path()), sound);
    let octets = fs::read(file(folder.path())).unwrap();
    for page in [0, 2] {
        spoil(folder.path(), page);
        assert_eq!(held(folder.path()), sound, "page {page}");
        fs::write(file(folder.path()), &octets).unwrap();
    }
    // The first device that is deleted brings them.
    let (mut table, _) = Table::open(&file(folder.path())).unwrap();
    let of = |n| Change::Delete {
        device_id: device(n),
    };
    table.commit(&[of(1)]).unwrap();
    table.commit(&[of(0)]).unwrap();
    drop(table);
    let (_, loaded) = Table::open(&file(folder.path())).unwrap();
    assert_eq!(loaded.damage, Vec::<String>::new());
    assert!((0..DEVICES).all(|n| loaded.index.is_deleted(device(n))));
}

#[test]
fn columns_stay_above_the_floor_of_a_registry_whose_damaged_ones_were_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let floor = || {
        let connection = Connection::open(file(folder.path())).unwrap();
        let floor = "SELECT max(next) FROM floor";
        connection
            .query_row(floor, [], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    for steps in 1..4 {
        spoil(folder.path(), 2);
        assert!(held(folder.path()).is_some());
        assert_eq!(floor(), steps * FLOOR_STEP);
        fs::remove_file(folder.path().join("series.sqlite.0.damaged")).unwrap();
    }
}

#[test]
fn a_salvage_that_is_cut_short_leaves_the_damaged_registry_or_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    for page in [0, 2] {
        let octets = fs::read(file(folder.path())).unwrap();
        spoil(folder.path(), page);
        salvage::steps::check(folder.path(), held);
        fs::write(file(folder.path()), octets).unwrap();
    }
}
