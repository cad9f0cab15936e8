//! What every back end of `Blocks` promises, checked against a map; and what only files can suffer.

use foretell_store::blocks::{BlockKey, Blocks, Level, SqliteBlocks};
use model::{DeviceId, Timestamp};
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;

const HALF: i64 = 30 * 60_000;

/// What is done to a back end.
#[derive(Clone, Debug)]
enum Step {
    Write {
        put: Vec<(BlockKey, Vec<u8>)>,
        remove: Vec<BlockKey>,
    },
    SetAside(BlockKey),
    DeleteDevice(DeviceId),
    Tidy,
    Reopen,
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn key() -> impl Strategy<Value = BlockKey> {
    // Six half-hours around a midnight, three devices.
    (0u8..3, any::<bool>(), 45i64..51).prop_map(|(n, large, half)| {
        let level = if large {
            Level::TwoHours
        } else {
            Level::HalfHour
        };
        BlockKey::holding(device(n), level, at(half * HALF))
    })
}

fn step() -> impl Strategy<Value = Step> {
    let put = prop::collection::vec((key(), prop::collection::vec(any::<u8>(), 0..20)), 0..5);
    prop_oneof![
        8 => (put, prop::collection::vec(key(), 0..3)).prop_map(|(put, remove)| {
            // One write never puts and removes the same key.
            let remove = remove.into_iter().filter(|key| put.iter().all(|(k, _)| k != key)).collect();
            Step::Write { put, remove }
        }),
        1 => key().prop_map(Step::SetAside),
        1 => (0u8..3).prop_map(|n| Step::DeleteDevice(device(n))),
        1 => Just(Step::Tidy),
        1 => Just(Step::Reopen),
    ]
}

/// Does the steps to a back end and to a map, and compares what both answer.
fn conforms<B: Blocks>(steps: Vec<Step>, open: impl Fn() -> B) {
    let mut blocks = open();
    let mut model: BTreeMap<BlockKey, Vec<u8>> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Write { put, remove } => {
                blocks.write(&put, &remove).unwrap();
                blocks.mend().unwrap();
                model.extend(put);
                model.retain(|key, _| !remove.contains(key));
            }
            Step::SetAside(key) => {
                blocks.set_aside(&key, "a test").unwrap();
                let told = blocks.damage();
                assert!(told.len() == 1 && told[0].contains("a test"), "{told:?}");
                model.remove(&key);
            }
            Step::DeleteDevice(device_id) => {
                blocks.delete_device(device_id).unwrap();
                model.retain(|key, _| key.device_id != device_id);
            }
            Step::Tidy => blocks.tidy(at(0), at(60 * HALF)).unwrap(),
            Step::Reopen => {
                drop(blocks);
                blocks = open();
            }
        }
        compare(&blocks, &model);
    }
}

fn compare(blocks: &impl Blocks, model: &BTreeMap<BlockKey, Vec<u8>>) {
    for half in 44..52 {
        for level in Level::LARGEST_FIRST {
            let key = BlockKey::holding(device(1), level, at(half * HALF));
            assert_eq!(blocks.get(&key).unwrap(), model.get(&key).cloned());
        }
    }
    for (from, to) in [
        (45 * HALF, 51 * HALF),
        (46 * HALF + 1, 47 * HALF + 1),
        (48 * HALF - 1, 48 * HALF),
        (5, 5),
    ] {
        let mut expected: Vec<_> = model
            .iter()
            .filter(|(key, _)| key.device_id == device(1))
            .filter(|(key, _)| from < to && key.start < at(to) && key.end() > at(from))
            .map(|(key, bytes)| (*key, bytes.clone()))
            .collect();
        expected.sort_by_key(|(key, _)| (Reverse(key.level), key.start));
        assert_eq!(
            blocks.read(device(1), at(from), at(to)).unwrap(),
            expected,
            "{from}..{to}"
        );
    }
    for (from, to) in [(0, 60 * HALF), (46 * HALF + 1, 48 * HALF), (7, 7)] {
        let meets = |key: &&BlockKey| from < to && key.start < at(to) && key.end() > at(from);
        let expected: Vec<BlockKey> = model.keys().filter(meets).copied().collect();
        assert_eq!(blocks.keys(at(from), at(to)).unwrap(), expected);
    }
    assert!(blocks.is_sound(at(0), at(60 * HALF)));
    assert_eq!(blocks.damage(), Vec::<String>::new());
    let days = blocks.days().unwrap();
    assert!(days.is_sorted());
    for key in model.keys() {
        let day = key.start.unix_ms().div_euclid(86_400_000) * 86_400_000;
        assert!(days.contains(&at(day)));
    }
    if let (Some(first), oldest) = (model.keys().next(), blocks.oldest().unwrap()) {
        assert!(oldest.unwrap() <= first.start);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn sqlite_conforms(steps in prop::collection::vec(step(), 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        conforms(steps, || SqliteBlocks::open(&folder.path().join("blocks")).unwrap());
    }
}

#[test]
fn a_day_is_a_file_named_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    let midnight: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    for at in [midnight, at(midnight.unix_ms() - 1), at(0)] {
        let key = BlockKey::holding(device(1), Level::HalfHour, at);
        blocks.write(&[(key, vec![1])], &[]).unwrap();
    }
    drop(blocks);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-journal"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "1970-01-01.sqlite",
            "2026-02-28.sqlite",
            "2026-03-01.sqlite"
        ]
    );
    let oldest = SqliteBlocks::open(folder.path()).unwrap().oldest().unwrap();
    assert_eq!(oldest, Some(at(0)));
}

#[test]
fn a_day_that_is_empty_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    let keys = [0, 86_400_000].map(|ms| BlockKey::holding(device(1), Level::HalfHour, at(ms)));
    for key in keys {
        blocks.write(&[(key, vec![7])], &[]).unwrap();
    }
    blocks.write(&[], &keys[..1]).unwrap();
    blocks.tidy(at(0), at(i64::MAX)).unwrap();
    assert_eq!(blocks.days().unwrap(), [at(86_400_000)]);
    let names = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().starts_with("1970-01-01")),
        "{names:?}"
    );
    blocks.write(&[(keys[0], vec![8])], &[]).unwrap();
    assert_eq!(blocks.get(&keys[0]).unwrap(), Some(vec![8]));
}

#[test]
fn a_file_that_is_no_database_is_set_aside_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [0, 86_400_000].map(|ms| BlockKey::holding(device(1), Level::HalfHour, at(ms)));
    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    for key in keys {
        blocks.write(&[(key, vec![7])], &[]).unwrap();
    }
    drop(blocks);
    fs::write(folder.path().join("1970-01-01.sqlite"), vec![0x5a; 20_000]).unwrap();

    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    let read = blocks.read(device(1), at(0), at(i64::MAX)).unwrap();
    assert_eq!(read, [(keys[1], vec![7])]);
    let damage = blocks.damage();
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].contains("1970-01-01.sqlite"), "{damage:?}");
    assert!(folder.path().join("1970-01-01.sqlite.0.damaged").exists());
    blocks.write(&[(keys[0], vec![8])], &[]).unwrap();
    assert_eq!(blocks.get(&keys[0]).unwrap(), Some(vec![8]));
}

#[test]
fn a_damaged_page_costs_what_is_on_it() {
    const BLOCKS: i64 = 48;
    const DEVICES: u8 = 10;
    let folder = tempfile::tempdir().unwrap();
    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    for n in 0..DEVICES {
        let put: Vec<_> = (0..BLOCKS)
            .map(|half| BlockKey::holding(device(n), Level::HalfHour, at(half * HALF)))
            .map(|key| (key, vec![n; 3000]))
            .collect();
        blocks.write(&put, &[]).unwrap();
    }
    blocks.mend().unwrap();
    drop(blocks);
    let file = folder.path().join("1970-01-01.sqlite");
    let sound = fs::read(&file).unwrap();
    let count = |blocks: &SqliteBlocks| -> usize {
        let of = |n| blocks.read(device(n), at(0), at(i64::MAX)).unwrap().len();
        (0..DEVICES).map(of).sum()
    };
    let all = usize::from(DEVICES) * usize::try_from(BLOCKS).unwrap();
    // Pages here and there, but the first two: the head of the file and the root of the table.
    for page in (2..sound.len() / 8192).step_by(31) {
        let mut bad = sound.clone();
        bad[page * 8192..(page + 1) * 8192].fill(0xee);
        fs::write(&file, bad).unwrap();
        let blocks = SqliteBlocks::open(folder.path()).unwrap();
        count(&blocks);
        blocks.mend().unwrap();
        let left = count(&blocks);
        assert!(left > all / 2, "page {page}: {left} of {all} are left");
        blocks.mend().unwrap();
        assert_eq!(count(&blocks), left);
        let key = BlockKey::holding(device(0), Level::HalfHour, at(0));
        blocks.write(&[(key, vec![9])], &[]).unwrap();
        drop(blocks);
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}
