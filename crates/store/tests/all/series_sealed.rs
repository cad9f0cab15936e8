//! What is sealed: patches, packs of half an hour, two hours and a day, damage and loss of them, and
//! what earlier versions wrote.

use crate::series::{files, one};
use crate::series_fixture::{BEGIN_MS, Fixture, copied, minute};
use foretell_store::blocks::{Block, BlockKey, Blocks as _, Level, SqliteBlocks};
use model::{DeviceId, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

#[tokio::test]
async fn a_damaged_patch_is_set_aside_and_the_rest_is_read() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.put(device_id, series.column, 0, 1).await;
    fixture.put(device_id, series.column, 30, 2).await;
    fixture.maintain(61).await;
    fixture.put(device_id, series.column, 0, 3).await;
    fixture.maintain(62).await;
    assert_eq!(fixture.told(series), "0:3 30:2");
    fixture.shut();
    let day = fixture.path().join("blocks/2026-03-01.sqlite");
    let connection = rusqlite::Connection::open(&day).unwrap();
    let flip = "UPDATE block SET bytes = bytes || x'00' WHERE start = ?1";
    assert_eq!(connection.execute(flip, [BEGIN_MS]).unwrap(), 1);
    drop(connection);
    fixture.reopen();
    for _ in 0..2 {
        assert_eq!(fixture.told(series), "0:1 30:2");
        assert_eq!(fixture.store().stats().defects["damaged_block"], 1);
    }
    fixture.maintain(121).await;
    assert_eq!(fixture.told(series), "0:1 30:2");
}

#[tokio::test]
async fn a_damaged_pack_costs_what_it_hits_and_is_kept() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let (other, spared) = one(&fixture).await;
    for at in [0, 30] {
        fixture.put(device_id, series.column, at, 1).await;
        fixture.put(other, spared.column, at, 2).await;
    }
    fixture.maintain(61).await;
    fixture.shut();
    let packs = files(&fixture, "packs/2026-03-01");
    assert_eq!(packs.len(), 2, "{packs:?}");
    let mut bytes = fs::read(&packs[0]).unwrap();
    // Behind the header of 64 octets is the part of the device whose id is less.
    bytes[64 + 30] ^= 1;
    fs::write(&packs[0], bytes).unwrap();
    let (hit, left, spared, whole) = if device_id < other {
        (series, "30:1", spared, "0:2 30:2")
    } else {
        (spared, "30:2", series, "0:1 30:1")
    };
    fixture.reopen();
    for _ in 0..2 {
        assert_eq!(fixture.told(hit), left);
        assert_eq!(fixture.told(spared), whole);
        assert_eq!(fixture.store().stats().defects["damaged_block"], 1);
    }
    assert_eq!(fixture.maintain(121).await.merged, 2);
    assert_eq!(fixture.told(hit), left);
    assert_eq!(fixture.told(spared), whole);
    let packs = files(&fixture, "packs/2026-03-01");
    let damaged = |path: &PathBuf| path.to_string_lossy().ends_with(".damaged");
    assert_eq!(packs.iter().filter(|path| damaged(path)).count(), 1);
    assert_eq!(packs.len(), 2, "{packs:?}");
}

#[tokio::test]
async fn a_day_that_is_over_becomes_one_pack_with_what_came_late() {
    const DAY: i64 = 24 * 60;
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let (other, gone) = one(&fixture).await;
    let mut expected = BTreeMap::new();
    for at in (0..2 * DAY).step_by(17) {
        fixture.put(device_id, series.column, at, 1).await;
        fixture.put(other, gone.column, at, 1).await;
        expected.insert(at, 1);
        if at % 340 == 0 {
            fixture.store().maintain().await.unwrap();
        }
    }
    // Late by a day, while that is not yet one pack, and afterwards.
    for (late, value) in [(100, 2), (DAY - 17 * 60, 3), (700, 4)] {
        fixture.put(device_id, series.column, late, value).await;
        expected.insert(late, value);
        fixture.store().maintain().await.unwrap();
    }
    fixture.store().delete_device(other).await.unwrap();
    let told = |expected: &BTreeMap<i64, u64>| {
        let told: Vec<String> = expected.iter().map(|(at, v)| format!("{at}:{v}")).collect();
        told.join(" ")
    };
    for day in 2..4 {
        // One day a pass.
        for pass in 0..4 {
            fixture.maintain(day * DAY + pass).await;
            assert_eq!(fixture.told(series), told(&expected));
        }
    }
    // From noon on there is one of each of three days, and the device that is gone is in none.
    for day in ["2026-03-01", "2026-03-02", "2026-03-03"] {
        let packs = files(&fixture, &format!("packs/{day}"));
        assert_eq!(packs.len(), 1, "{packs:?}");
        let pack = foretell_store::pack::Pack::open(&packs[0]).unwrap();
        let ids: Vec<DeviceId> = pack.entries().iter().map(|entry| entry.device_id).collect();
        assert_eq!(ids, [device_id], "{day}");
    }
    let patches = files(&fixture, "blocks");
    assert!(patches.is_empty(), "{patches:?}");
    fixture.reopen();
    assert_eq!(fixture.told(series), told(&expected));
    // A year later what is late is taken in as well.
    fixture.put(device_id, series.column, 100, 9).await;
    expected.insert(100, 9);
    for minute in [5 * DAY, 6 * DAY] {
        fixture.maintain(minute).await;
        assert_eq!(fixture.told(series), told(&expected));
    }
    assert!(files(&fixture, "blocks").is_empty());
}

#[tokio::test]
async fn much_that_comes_late_to_a_half_hour_is_few_packs() {
    const DEVICES: usize = 70;
    let mut fixture = Fixture::new();
    let mut all = Vec::new();
    for _ in 0..DEVICES {
        all.push(one(&fixture).await);
    }
    fixture.maintain(100).await;
    // Each minute one poll more of all of them, of a time that is over.
    for late in 0..12 {
        for (device_id, series) in &all {
            fixture.put(*device_id, series.column, late, 1).await;
        }
        fixture.maintain(100 + late).await;
    }
    let packs = files(&fixture, "packs/2026-03-01");
    assert!(packs.len() <= 4, "{packs:?}");
    let expected: Vec<String> = (0..12).map(|at| format!("{at}:1")).collect();
    for (_, series) in &all {
        assert_eq!(fixture.told(*series), expected.join(" "));
    }
    fixture.reopen();
    assert_eq!(fixture.told(all[0].1), expected.join(" "));
}

/// As a crash leaves it between the manifest of new packs and the end of the segments.
#[tokio::test]
async fn a_log_that_is_sealed_already_is_brought_back_without_harm() {
    let mut fixture = Fixture::new();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(one(&fixture).await);
    }
    for at in 0..30_i64 {
        for (device_id, series) in &all {
            let value = at.unsigned_abs();
            fixture.put(*device_id, series.column, at, value).await;
            if at % 7 == 0 {
                // What was written last holds, however often it is read.
                fixture
                    .put(*device_id, series.column, at, value + 100)
                    .await;
            }
        }
    }
    let log = copied(&fixture.path().join("log"));
    let expected: Vec<String> = all.iter().map(|(_, one)| fixture.told(*one)).collect();
    assert_eq!(fixture.maintain(61).await.sealed, 3);
    let packs = files(&fixture, "packs/2026-03-01");
    for round in 0..3 {
        fixture.shut();
        for entry in fs::read_dir(log.path()).unwrap().map(Result::unwrap) {
            let segment = fixture.path().join("log").join(entry.file_name());
            fs::copy(entry.path(), segment).unwrap();
        }
        let recovery = fixture.reopen();
        assert!(recovery.frames > 90, "round {round}: {recovery:?}");
        for sealed in [false, true] {
            if sealed {
                fixture.maintain(62 + round).await;
            }
            let told: Vec<String> = all.iter().map(|(_, one)| fixture.told(*one)).collect();
            assert_eq!(told, expected, "round {round}, sealed: {sealed}");
        }
        // What a pack holds is not sealed twice.
        assert_eq!(files(&fixture, "packs/2026-03-01"), packs, "round {round}");
        assert!(files(&fixture, "blocks").is_empty(), "round {round}");
        assert!(files(&fixture, "log").is_empty(), "round {round}");
    }
}

#[tokio::test]
async fn a_registry_that_is_lost_costs_no_samples() {
    const DAY: i64 = 24 * 60;
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    for at in [0, 31, 150] {
        fixture.put(device_id, series.column, at, 7).await;
    }
    fixture.maintain(200).await;
    fixture.shut();
    fs::remove_file(fixture.path().join("series.sqlite")).unwrap();
    fixture.reopen();
    let (other, more) = one(&fixture).await;
    fixture.put(other, more.column, 201, 1).await;
    for at in [300, DAY, DAY + 1, 2 * DAY, 2 * DAY + 1, 3 * DAY] {
        fixture.maintain(at).await;
    }
    // Nobody knows whose they are, and so nobody said that they may go.
    let packs = files(&fixture, "packs/2026-03-01");
    assert_eq!(packs.len(), 1, "{packs:?}");
    let pack = foretell_store::pack::Pack::open(&packs[0]).unwrap();
    let entry = pack.find(device_id).unwrap();
    let (dense, damage) = pack.dense(&entry).unwrap();
    assert!(damage.is_empty(), "{damage:?}");
    assert_eq!(dense.samples(), 3);
    assert!(pack.find(other).is_some());
}

#[tokio::test]
async fn the_log_shrinks_after_its_only_device_was_deleted() {
    let fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.put(device_id, series.column, 0, 1).await;
    fixture.store().delete_device(device_id).await.unwrap();
    let (other, more) = one(&fixture).await;
    fixture.put(other, more.column, 31, 1).await;
    fixture.maintain(62).await;
    assert!(
        files(&fixture, "log").is_empty(),
        "{:?}",
        files(&fixture, "log")
    );
}

#[tokio::test]
async fn a_pack_that_is_gone_holds_up_nothing() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    for at in [0, 31, 150] {
        fixture.put(device_id, series.column, at, 1).await;
    }
    fixture.maintain(181).await;
    let packs = files(&fixture, "packs/2026-03-01");
    assert_eq!(packs.len(), 2, "two hours, and half an hour: {packs:?}");
    let half = packs
        .iter()
        .find(|path| path.to_string_lossy().contains("/h"))
        .unwrap();
    fixture.shut();
    fixture.reopen();
    fs::remove_file(half).unwrap();
    // It fails once, and is not tried each time.
    fixture.clock.set(minute(241));
    let _ = fixture.store().maintain().await;
    for at in [242, 24 * 60, 24 * 60 + 1] {
        fixture.maintain(at).await;
        assert_eq!(fixture.told(series), "0:1 31:1");
    }
    assert!(files(&fixture, "packs/2026-03-01").len() <= 2);
}

/// Two hours and half-hours, as blocks of a day's file.
#[tokio::test]
async fn what_the_first_version_sealed_is_read_and_becomes_packs() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.shut();
    let blocks = SqliteBlocks::open(&fixture.path().join("blocks")).unwrap();
    let block = |points: &[(i64, u64)]| {
        let mut block = Block::new();
        for (at, value) in points {
            block.set(minute(*at), &[(series.column, Value::U64(*value))]);
        }
        foretell_store::blocks::codec::encode(&block).unwrap()
    };
    let key = |level, at| BlockKey::holding(device_id, level, minute(at));
    let put = [
        (key(Level::TwoHours, 0), block(&[(0, 1), (50, 2)])),
        (key(Level::HalfHour, 30), block(&[(50, 3)])),
        (key(Level::HalfHour, 120), block(&[(120, 4), (121, 5)])),
    ];
    blocks.write(&put, &[]).unwrap();
    drop(blocks);
    fixture.reopen();
    assert_eq!(fixture.told(series), "0:1 50:3 120:4 121:5");
    // Late, to what is there; and what comes next.
    fixture.put(device_id, series.column, 121, 6).await;
    fixture.put(device_id, series.column, 150, 7).await;
    let expected = "0:1 50:3 120:4 121:6 150:7";
    for at in [181, 241, 24 * 60, 24 * 60 + 1] {
        fixture.maintain(at).await;
        assert_eq!(fixture.told(series), expected, "{at}");
    }
    assert!(files(&fixture, "blocks").is_empty());
    assert_eq!(files(&fixture, "packs/2026-03-01").len(), 1);
    fixture.reopen();
    assert_eq!(fixture.told(series), expected);
}
