//! Packs against a map: written and read, damaged, cut off, and as they were written before.

use foretell_store::blocks::{Block, Column, Dense, Level};
use foretell_store::disk::{Disk, RealDisk};
use foretell_store::pack::{
    self, Cursor, Damage, Kind, Pack, PackError, PackId, PackMeta, PackWriter,
};
use model::{DeviceId, Timestamp, Value};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// By device, column and time.
pub(crate) type Model = BTreeMap<(DeviceId, u32, i64), Value>;

pub(crate) const BEGIN_MS: i64 = 1_772_366_400_000;
const ALL: (Timestamp, Timestamp) = (
    Timestamp::from_unix_ms(i64::MIN),
    Timestamp::from_unix_ms(i64::MAX),
);

pub(crate) fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

pub(crate) fn id(level: Level, start_ms: i64) -> PackId {
    PackId {
        start: level.start(Timestamp::from_unix_ms(start_ms)),
        level,
        kind: Kind::Samples,
        class: 0,
        shard: 0,
        generation: 0,
    }
}

pub(crate) fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// The samples of each device, by column.
pub(crate) fn by_device(model: &Model) -> Vec<(DeviceId, Dense)> {
    let mut blocks: BTreeMap<DeviceId, Block> = BTreeMap::new();
    for ((device_id, column, at), value) in model {
        let block = blocks.entry(*device_id).or_default();
        block.set(Timestamp::from_unix_ms(*at), &[(Column(*column), *value)]);
    }
    let dense = |(device_id, block)| (device_id, Dense::try_from(&block).unwrap());
    blocks.into_iter().map(dense).collect()
}

fn written(folder: &Path, model: &Model) -> PackMeta {
    let mut writer = PackWriter::create(&disk(), folder, id(Level::Day, BEGIN_MS)).unwrap();
    for (device_id, dense) in by_device(model) {
        writer.push(device_id, &dense).unwrap();
    }
    writer.finish().unwrap()
}

/// The octets of a pack that holds the model.
fn octets(model: &Model) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let meta = written(folder.path(), model);
    std::fs::read(meta.id.path(folder.path())).unwrap()
}

/// All that can be read of a pack, and what is damaged.
pub(crate) fn read_all(pack: &Pack) -> (Model, Vec<Damage>) {
    let (mut model, mut damage) = (Model::new(), Vec::new());
    for entry in pack.entries() {
        let device_id = entry.device_id;
        match pack.dense(entry) {
            Ok((dense, more)) => {
                damage.extend(more);
                let block = dense.to_block();
                for column in block.columns() {
                    for (at, value) in block.points(column, ALL.0, ALL.1) {
                        model.insert((device_id, column.0, at.unix_ms()), value);
                    }
                }
            }
            Err(error) => damage.push(Damage {
                path: pack.path().to_owned(),
                device_id: Some(device_id),
                column: None,
                what: error.source().unwrap().to_string(),
            }),
        }
    }
    (model, damage)
}

/// As [`read_all`], where its ends may be damaged too.
fn read_damaged(octets: Vec<u8>) -> (Model, Vec<Damage>) {
    match pack::from_octets(octets.clone()) {
        Ok(pack) => read_all(&pack),
        Err(_) => {
            let (pack, mut damage) = pack::salvage_octets(octets).unwrap();
            assert!(!damage.is_empty());
            let (model, more) = read_all(&pack);
            damage.extend(more);
            (model, damage)
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(Value::U64),
        ((1u64 << 53)..(1 << 53) + 1000).prop_map(Value::U64),
        Just(Value::U64(7)),
        (-100_000i32..100_000).prop_map(|v| Value::F64(f64::from(v) / 1000.0)),
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(Value::F64),
    ]
}

/// Columns of some devices: the rows that each has of those of its device, and what is in them.
fn model() -> impl Strategy<Value = Model> {
    let column = (
        0u8..6,
        prop_oneof![0u32..8, any::<u32>()],
        prop::collection::vec(value(), 1..6),
        1usize..150,
        1usize..5,
    );
    prop::collection::vec(column, 1..30).prop_map(|columns| {
        let mut model = Model::new();
        for (n, column, values, rows, step) in columns {
            for row in (0..rows).step_by(step) {
                let at = BEGIN_MS + i64::try_from(row).unwrap() * 60_000 + i64::from(n) * 11;
                // Counters go on, so that differences are small.
                let value = match values[row % values.len()] {
                    Value::U64(v) => Value::U64(v.wrapping_add(row as u64)),
                    float @ Value::F64(_) => float,
                };
                model.insert((device(n), column, at), value);
            }
        }
        model
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_pack_holds_what_a_map_holds(
        model in model(),
        n in 0u8..6,
        wanted in prop::collection::btree_set(0u32..8, 0..5),
        from in -10i64..160,
        length in 0i64..160,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let meta = written(folder.path(), &model);
        let pack = Pack::open(&meta.id.path(folder.path())).unwrap();
        prop_assert_eq!(pack.meta(), &meta);
        let devices: BTreeSet<DeviceId> = model.keys().map(|(device_id, ..)| *device_id).collect();
        prop_assert_eq!(meta.totals.devices, devices.len() as u64);
        prop_assert_eq!(meta.totals.samples, model.len() as u64);
        prop_assert_eq!(meta.totals.first_ms, model.keys().map(|(.., at)| *at).min().unwrap());
        prop_assert_eq!(meta.totals.last_ms, model.keys().map(|(.., at)| *at).max().unwrap());
        prop_assert_eq!(read_all(&pack), (model.clone(), vec![]));

        let (from, to) = (BEGIN_MS + from * 60_000, BEGIN_MS + (from + length) * 60_000);
        let wanted: Vec<Column> = wanted.into_iter().map(Column).collect();
        let mut read = Model::new();
        let device_id = device(n);
        let entry = pack.find(device_id);
        prop_assert_eq!(entry.is_some(), devices.contains(&device_id));
        if let Some(entry) = entry {
            let mut places = Vec::new();
            let range = (Timestamp::from_unix_ms(from), Timestamp::from_unix_ms(to));
            let damage = pack.read(&entry, &wanted, range.0, range.1, |place, slice| {
                places.push(place);
                for (at, value) in slice.points() {
                    read.insert((device_id, wanted[place].0, at.unix_ms()), value);
                }
            });
            prop_assert_eq!(damage.unwrap(), vec![]);
            prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
        }
        let expected: Model = model
            .into_iter()
            .filter(|((whose, column, at), _)| {
                *whose == device_id && wanted.contains(&Column(*column)) && (from..to).contains(at)
            })
            .collect();
        prop_assert_eq!(read, expected);
        prop_assert!(pack.verify(Cursor::default(), u64::MAX).damage.is_empty());
    }

    #[test]
    fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(pack::from_octets(octets.clone()).is_err());
        let _ = pack::salvage_octets(octets);
    }
}

/// Five devices of 20 series and 80 rows: every encoding, gaps, and series of both types.
pub(crate) fn network() -> Model {
    let mut model = Model::new();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for n in 1..=5 {
        let mut counters = [1u64 << 40; 20];
        for row in 0..80i64 {
            for column in 0..20u32 {
                let random = next();
                let counter = &mut counters[column as usize];
                *counter += 1_000_000 + random % 4096;
                let value = match column % 10 {
                    0..=3 => Value::U64(*counter),
                    4 => Value::U64(12_345),
                    5 => Value::F64((random % 5000) as f64 / 1000.0),
                    6 => Value::F64(1.0 / (1 + random % 100) as f64),
                    7 => Value::U64(random),
                    8 if row % 2 == 0 => Value::U64(random % 100),
                    8 => Value::F64((random % 64) as f64 / 8.0),
                    _ => Value::F64(0.25),
                };
                if column % 7 != 3 || random % 3 > 0 {
                    let at = BEGIN_MS + row * 60_000 + i64::from(n);
                    model.insert((device(n), column, at), value);
                }
            }
        }
    }
    model
}

/// Where the parts of the devices end.
fn ends(octets: &[u8]) -> Vec<u64> {
    let pack = pack::from_octets(octets.to_vec()).unwrap();
    let mut end = 64;
    let ends = pack.entries().iter().map(|entry| {
        end += entry.bytes();
        end
    });
    ends.collect()
}

#[test]
fn a_flipped_bit_costs_what_it_is_part_of_and_is_named() {
    let model = network();
    let good = octets(&model);
    assert_eq!(read_damaged(good.clone()), (model.clone(), vec![]));
    let ends = ends(&good);
    let mut random = 0x2545_f491_4f6c_dd1du64;
    for n in 0..1000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Some in the ends, which are small.
        let place = match n % 10 {
            0 => usize::try_from(random >> 3).unwrap() % 64,
            1 => {
                let end = usize::try_from(*ends.last().unwrap()).unwrap();
                end + usize::try_from(random >> 3).unwrap() % (good.len() - end)
            }
            _ => usize::try_from(random >> 3).unwrap() % good.len(),
        };
        let bit = random % 8;
        let mut bad = good.clone();
        bad[place] ^= 1 << bit;
        let (read, damage) = read_damaged(bad.clone());
        assert_eq!(damage.len(), 1, "bit {bit} of {place}: {damage:?}");
        let hit = &damage[0];
        let is_hit = |device_id: DeviceId, column: u32| {
            hit.device_id == Some(device_id) && hit.column.is_none_or(|hit| hit.0 == column)
        };
        let mut expected = model.clone();
        expected.retain(|(device_id, column, _), _| !is_hit(*device_id, *column));
        assert_eq!(read, expected, "bit {bit} of {place}: {hit}");
        let in_parts = place >= 64 && (place as u64) < *ends.last().unwrap();
        assert_eq!(
            hit.device_id.is_some(),
            in_parts,
            "bit {bit} of {place}: {hit}"
        );
        if in_parts {
            let part = ends.partition_point(|end| *end <= place as u64);
            let whose = u8::try_from(part).unwrap() + 1;
            assert_eq!(hit.device_id, Some(device(whose)), "bit {bit} of {place}");
        }
        // Verifying finds the same, whatever the budget.
        if let Ok(pack) = pack::from_octets(bad) {
            let mut found = Vec::new();
            let mut from = Some(Cursor::default());
            while let Some(cursor) = from {
                let verified = pack.verify(cursor, 1 + random % 20_000);
                found.extend(verified.damage);
                from = verified.next;
            }
            let places: Vec<_> = found.iter().map(|d| (d.device_id, d.column)).collect();
            // A section of a budget of its own may bring its damaged head with it again.
            assert!(places.contains(&(hit.device_id, hit.column)), "{places:?}");
            assert!(
                places
                    .iter()
                    .all(|place| *place == (hit.device_id, hit.column))
            );
        }
    }
}

#[test]
fn what_is_cut_off_is_no_pack_and_the_devices_before_the_cut_are_saved() {
    let model = network();
    let good = octets(&model);
    let ends = ends(&good);
    for cut in (0..good.len()).step_by(64) {
        let cut_off = good[..cut].to_vec();
        assert!(pack::from_octets(cut_off.clone()).is_err(), "cut to {cut}");
        if cut < 64 {
            assert!(pack::salvage_octets(cut_off).is_err());
            continue;
        }
        let (pack, damage) = pack::salvage_octets(cut_off).unwrap();
        assert!(!damage.is_empty(), "cut to {cut}");
        let whole = ends.iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(pack.entries().len(), whole, "cut to {cut}");
        // Reading each cut's devices anew would take minutes; the last one is the nearest to it.
        if let Some(entry) = pack.entries().last() {
            let (dense, damage) = pack.dense(entry).unwrap();
            assert_eq!(damage, []);
            let samples = model.keys().filter(|(whose, ..)| *whose == entry.device_id);
            assert_eq!(dense.samples(), samples.count(), "cut to {cut}");
        }
    }
}

/// Written by version 1; these octets must be read for ever.
const VERSION_1: &str = "46545041434b0000010000020000000000dcb1a69c010000005c26050000000000000000000000000000000000000000000000000000000000000000053732000101010101010101010101010101010157000000820000000903031e80a8a8949567c2a907bea907c2a907bea907c2a907bea907c2a907bea9070006270300010501870fb60103fa01fa01f403fa01f403fa01e990edd6808080808080802086897a929bee029eade204aabfd606b6d1ca08c2e3be0acef5b20cda87a70e275d57830202020202020202020202020202020254000000540000000902031e80a8a8949567c2a907bea907c2a907bea907c2a907bea907c2a907bea907f0a204860755010004040404008707aa0001162828284719e20e0101010101010101010101010101010140000000000000005700000082000000030000000900000002020202020202020202020202020202c20000000000000054000000540000000200000009000000020000000000000005000000000000002100000000000000000a45a99c010000005d4ca99c01000046545041434b0000010000020000000000dcb1a69c010000005c26050000000000000000000000000000000000000000000000000000000000000000053732005000000000000000875059224654504b454e4400";

#[test]
fn version_1_is_still_read() {
    let mut model = Model::new();
    for row in 0..9u32 {
        let at = BEGIN_MS + i64::from(row) * 60_000 + i64::from(row % 2);
        let counter = (1u64 << 53) + u64::from(row * row) * 1_000_003;
        model.insert((device(1), 0, at), Value::U64(counter));
        model.insert((device(1), 3, at), Value::U64(5));
        if row % 3 > 0 {
            model.insert((device(1), 4, at), Value::F64(f64::from(row) / 8.0));
        }
        let both = match row % 2 {
            0 => Value::U64(u64::from(row)),
            _ => Value::F64(0.1 + f64::from(row)),
        };
        model.insert((device(2), 70_000, at), both);
    }
    let now = octets(&model)
        .iter()
        .fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
    let bytes: Vec<u8> = (0..VERSION_1.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&VERSION_1[i..i + 2], 16).unwrap())
        .collect();
    let pack = pack::from_octets(bytes);
    assert!(pack.is_ok(), "{pack:?}; today it is written {now}");
    let pack = pack.unwrap();
    assert_eq!(pack.meta().id, id(Level::Day, BEGIN_MS));
    assert_eq!(read_all(&pack), (model, vec![]));
}

#[test]
fn what_a_pack_may_not_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let one = Dense::try_from(&{
        let mut block = Block::new();
        block.set(Timestamp::from_unix_ms(5), &[(Column(1), Value::U64(1))]);
        block
    });
    let one = one.unwrap();
    let create = |id| PackWriter::create(&disk(), folder.path(), id);
    let mut askew = id(Level::Day, 0);
    askew.start = Timestamp::from_unix_ms(1);
    assert!(matches!(create(askew), Err(PackError::Start { .. })));

    let mut writer = create(id(Level::Day, 0)).unwrap();
    writer.push(device(3), &one).unwrap();
    writer.push(device(4), &Dense::default()).unwrap();
    writer
        .push(device(5), &Dense::new(vec![1]).unwrap())
        .unwrap();
    for n in [3, 2] {
        let refused = writer.push(device(n), &one);
        assert!(
            matches!(refused, Err(PackError::Order { .. })),
            "{refused:?}"
        );
    }
    let refused = writer.begin(device(6), &[2, 1]);
    assert!(
        matches!(refused, Err(PackError::Samples { .. })),
        "{refused:?}"
    );
    writer.begin(device(6), &[5]).unwrap();
    let values = &one.columns()[0].1;
    writer.column(Column(7), values).unwrap();
    let refused = writer.column(Column(7), values);
    assert!(
        matches!(refused, Err(PackError::Samples { .. })),
        "{refused:?}"
    );
    let meta = writer.finish().unwrap();
    let pack = Pack::open(&meta.id.path(folder.path())).unwrap();
    let devices: Vec<_> = pack.entries().iter().map(|entry| entry.device_id).collect();
    assert_eq!(devices, [device(3), device(6)]);
    assert_eq!(meta.totals.samples, 2);
    assert!(pack.find(device(4)).is_none());
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writer = PackWriter::create(&disk(), folder.path(), id(Level::Day, 0)).unwrap();
    let day = folder.path().join("1970-01-01");
    assert_eq!(std::fs::read_dir(&day).unwrap().count(), 1);
    drop(writer);
    assert_eq!(std::fs::read_dir(&day).unwrap().count(), 0);
}

/// A pack whose checksums all hold and whose lengths lie.
#[test]
fn claims_are_checked_before_they_cost_memory() {
    let mut model = Model::new();
    model.insert((device(1), 0, 5), Value::U64(1));
    let good = octets(&model);
    // The footer: the index of one device, and behind it 124 octets.
    let index = good.len() - 124 - 40;
    for (offset, length) in [(16, 8), (24, 4), (28, 4), (32, 4), (36, 4)] {
        for octet in [0x00, 0x01, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[index + offset..index + offset + length].fill(octet);
            let covered = bad.len() - 12;
            let crc = crc32c::crc32c(&bad[index..covered]);
            bad[covered..covered + 4].copy_from_slice(&crc.to_le_bytes());
            if bad == good {
                continue;
            }
            let read = pack::from_octets(bad).map(|pack| read_all(&pack));
            if let Ok((read, damage)) = read {
                assert!(read.is_empty() && damage.len() == 1, "{offset} {octet}");
            }
        }
    }
    let mut bad = good.clone();
    bad[index + 40 + 40 + 64..][..8].fill(0xff);
    assert!(pack::from_octets(bad).is_err());
}
