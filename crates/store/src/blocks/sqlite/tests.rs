use super::*;
use crate::blocks::Level;
use std::thread;

fn device() -> DeviceId {
    DeviceId::from_bytes([1; 16])
}

fn end() -> Timestamp {
    Timestamp::from_unix_ms(DAY_MS)
}

/// A day of twenty blocks; answers its file.
fn filled(folder: &Path) -> PathBuf {
    let blocks = SqliteBlocks::open(folder).unwrap();
    let half = |n: i64| Timestamp::from_unix_ms(n * 1_800_000);
    let put: Vec<_> = (0..20)
        .map(|n| BlockKey::holding(device(), Level::HalfHour, half(n)))
        .map(|key| (key, vec![7; 100]))
        .collect();
    blocks.write(&put, &[]).unwrap();
    folder.join("1970-01-01.sqlite")
}

fn spoil(path: &Path, page: usize) {
    let mut octets = fs::read(path).unwrap();
    octets[page * 8192..(page + 1) * 8192].fill(0xee);
    fs::write(path, octets).unwrap();
}

/// What a folder holds, in words; none where it cannot be read.
fn held(folder: &Path) -> Option<String> {
    let blocks = SqliteBlocks::open(folder).ok()?;
    let _ = blocks.mend();
    let read = blocks.read(device(), Timestamp::default(), end()).ok()?;
    Some(format!("{} of {:?}", read.len(), blocks.days().ok()?))
}

#[test]
fn a_salvage_that_is_cut_short_leaves_the_damaged_day_or_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let sound = fs::read(&path).unwrap();
    let whole = held(folder.path()).unwrap();
    assert!(whole.starts_with("20 of"), "{whole}");
    // The first page, and that of the first index.
    for page in [0, 2] {
        fs::write(&path, &sound).unwrap();
        spoil(&path, page);
        salvage::steps::check(folder.path(), held);
    }
}

#[test]
fn of_many_that_find_a_day_damaged_one_begins_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    spoil(&path, 0);
    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| blocks.read(device(), Timestamp::default(), end())))
            .collect();
        for reader in readers {
            assert_eq!(reader.join().unwrap().unwrap().len(), 20);
        }
    });
    assert_eq!(blocks.damage().len(), 1);
    assert!(!folder.path().join("1970-01-01.sqlite.1.damaged").exists());
}

#[test]
fn a_day_that_could_not_be_begun_anew_stays_suspect_and_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    spoil(&path, 0);
    // There is no name left for it.
    let aside = |n| folder.path().join(format!("1970-01-01.sqlite.{n}.damaged"));
    for n in 0..salvage::ASIDE_MAX {
        fs::write(aside(n), b"").unwrap();
    }
    let next = BlockKey::holding(device(), Level::HalfHour, end());
    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    blocks.write(&[(next, vec![8])], &[]).unwrap();
    let all = || {
        blocks.read(
            device(),
            Timestamp::default(),
            end().plus(std::time::Duration::from_hours(1)),
        )
    };
    for _ in 0..2 {
        assert_eq!(all().unwrap().len(), 1);
        assert!(blocks.mend().is_err());
        assert!(!blocks.is_sound(Timestamp::default(), end()));
    }
    fs::remove_file(aside(0)).unwrap();
    blocks.mend().unwrap();
    assert!(blocks.is_sound(Timestamp::default(), end()));
    assert_eq!(all().unwrap().len(), 21);
}

#[test]
fn what_a_salvage_left_does_not_come_back_behind_a_day_that_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    fs::copy(&path, folder.path().join("1970-01-01.sqlite.new")).unwrap();
    let blocks = SqliteBlocks::open(folder.path()).unwrap();
    blocks.delete_device(device()).unwrap();
    blocks.tidy(Timestamp::default(), end()).unwrap();
    drop(blocks);
    assert!(held(folder.path()).unwrap().starts_with("0 of []"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
