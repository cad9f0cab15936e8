//! Which packs a folder has: after a crash, with files that are missing, damaged, strange or new.

use crate::packs::{BEGIN_MS, Model, by_device, device, disk, id, read_all};
use foretell_store::blocks::Level;
use foretell_store::pack::{Damage, FolderCursor, Kind, PackFolder, PackId, PackMeta};
use model::{Timestamp, Value};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const HALF_MS: i64 = 30 * 60_000;

pub(crate) fn open(folder: &Path) -> (PackFolder, Vec<Damage>) {
    let packs = PackFolder::open(disk(), folder).unwrap();
    let damage = packs.damage();
    (packs, damage)
}

/// Four devices of three series, a row a minute, over a range of so many half-hours.
pub(crate) fn samples(half: i64, halves: i64) -> Model {
    let mut model = Model::new();
    for minute in half * 30..(half + halves) * 30 {
        for n in 1..5 {
            for column in 0..3 {
                let value = Value::U64(minute.unsigned_abs() * 1_000 * u64::from(n));
                let at = BEGIN_MS + minute * 60_000;
                model.insert((device(n), column, at), value);
            }
        }
    }
    model
}

/// The id of the half-hour, or of what larger level begins then.
pub(crate) fn id_of(level: Level, half: i64) -> PackId {
    id(level, BEGIN_MS + half * HALF_MS)
}

/// Finishes a pack, without adding it.
pub(crate) fn finish(
    packs: &PackFolder,
    id: PackId,
    model: &Model,
) -> Result<PackMeta, foretell_store::pack::PackError> {
    let mut writer = packs.begin(id)?;
    for (device_id, dense) in by_device(model) {
        writer.push(device_id, &dense)?;
    }
    writer.finish()
}

/// Finishes a pack of half an hour and adds it.
fn add(packs: &PackFolder, half: i64) -> PackMeta {
    let meta = finish(packs, id_of(Level::HalfHour, half), &samples(half, 1)).unwrap();
    packs.commit(&[meta], &[]).unwrap();
    meta
}

/// All that the packs hold, the later laid over the earlier.
pub(crate) fn read(packs: &PackFolder) -> (Model, Vec<Damage>) {
    let (mut model, mut damage) = (Model::new(), Vec::new());
    let all = (
        Timestamp::from_unix_ms(i64::MIN),
        Timestamp::from_unix_ms(i64::MAX),
    );
    for pack in packs.packs(Kind::Samples, all.0, all.1) {
        let (more, found) = read_all(&pack);
        model.extend(more);
        damage.extend(found);
    }
    damage.extend(packs.damage());
    (model, damage)
}

fn halves(packs: &PackFolder) -> Vec<i64> {
    let half = |meta: &PackMeta| (meta.id.start.unix_ms() - BEGIN_MS) / HALF_MS;
    packs.list().iter().map(half).collect()
}

/// The one thing that is damaged.
fn only(damage: &[Damage]) -> String {
    assert_eq!(damage.len(), 1, "{damage:?}");
    damage[0].to_string()
}

#[test]
fn what_was_finished_before_a_crash_is_adopted_and_what_was_not_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, damage) = open(folder.path());
    assert_eq!(damage, []);
    add(&packs, 0);
    let adopted = finish(&packs, id_of(Level::HalfHour, 1), &samples(1, 1)).unwrap();
    let unfinished = packs.begin(id_of(Level::HalfHour, 2)).unwrap();
    std::mem::forget(unfinished);
    assert_eq!(halves(&packs), [0]);
    drop(packs);
    let (packs, damage) = open(folder.path());
    assert_eq!(damage, []);
    assert_eq!(halves(&packs), [0, 1]);
    assert_eq!(packs.list()[1], adopted);
    assert_eq!(read(&packs), (samples(0, 2), vec![]));
    let day = folder.path().join("2026-03-01");
    assert_eq!(fs::read_dir(day).unwrap().count(), 2);
    let given = add(&packs, 2).id.generation;
    assert!(
        packs.list()[..2]
            .iter()
            .all(|meta| meta.id.generation < given)
    );
}

#[test]
fn packs_are_laid_over_each_other_in_order_and_read_by_their_range() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let kinds = [
        (Level::HalfHour, 4),
        (Level::Day, 0),
        (Level::TwoHours, 0),
        (Level::HalfHour, 0),
        (Level::HalfHour, 0),
    ];
    for (level, half) in kinds {
        let meta = finish(&packs, id_of(level, half), &samples(half, 1)).unwrap();
        packs.commit(&[meta], &[]).unwrap();
    }
    let told = |from: i64, to: i64| -> Vec<String> {
        let at = |half| Timestamp::from_unix_ms(BEGIN_MS + half * HALF_MS);
        let found = packs.packs(Kind::Samples, at(from), at(to));
        found
            .iter()
            .map(|pack| pack.meta().id.file_name())
            .collect()
    };
    let (day, two) = ("day-c0-s0-g1.pack", "t12-c0-s0-g2.pack");
    let (first, again, later) = (
        "h1200-c0-s0-g3.pack",
        "h1200-c0-s0-g4.pack",
        "h1400-c0-s0-g0.pack",
    );
    assert_eq!(told(0, 5), [day, two, first, again, later]);
    assert_eq!(told(0, 1), [day, two, first, again]);
    assert_eq!(told(1, 4), [day, two]);
    assert_eq!(told(-24, -23), [day]);
    assert_eq!(told(-26, -25), [""; 0]);
    let none = packs.packs(
        Kind::Hours,
        Timestamp::from_unix_ms(0),
        Timestamp::from_unix_ms(i64::MAX),
    );
    assert!(none.is_empty());
}

#[test]
fn what_was_removed_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let metas = [add(&packs, 0), add(&packs, 1)];
    let path = metas[0].id.path(folder.path());
    let bytes = fs::read(&path).unwrap();
    packs.commit(&[], &[metas[0].id]).unwrap();
    assert!(!path.exists());
    drop(packs);
    // As where the removing was not durable, or failed.
    fs::write(&path, bytes).unwrap();
    for _ in 0..2 {
        let (packs, damage) = open(folder.path());
        assert_eq!((halves(&packs), damage), (vec![1], vec![]));
        assert!(!path.exists());
    }
}

#[test]
fn what_is_added_in_the_step_that_removes_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let meta = add(&packs, 0);
    packs.commit(&[meta], &[meta.id]).unwrap();
    assert_eq!(read(&packs), (samples(0, 1), vec![]));
    drop(packs);
    let (packs, damage) = open(folder.path());
    assert_eq!((halves(&packs), damage), (vec![0], vec![]));
    assert_eq!(read(&packs), (samples(0, 1), vec![]));
}

#[test]
fn a_pack_that_is_missing_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let metas = [add(&packs, 0), add(&packs, 1)];
    let path = metas[0].id.path(folder.path());
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    // Also while the folder is open.
    let (model, damage) = read(&packs);
    assert_eq!(model, samples(1, 1));
    assert!(only(&damage).contains("h1200-c0-s0-g0.pack"));
    drop(packs);
    let (packs, damage) = open(folder.path());
    let told = only(&damage);
    assert!(
        told.contains("h1200-c0-s0-g0.pack: is listed, with 360 samples"),
        "{told}"
    );
    assert_eq!(halves(&packs), [1]);
    drop(packs);
    let (packs, damage) = open(folder.path());
    assert_eq!((halves(&packs), damage), (vec![1], vec![]));
    drop(packs);
    // It was only away.
    fs::write(&path, bytes).unwrap();
    let (packs, damage) = open(folder.path());
    assert_eq!((halves(&packs), damage), (vec![0, 1], vec![]));
}

#[test]
fn without_a_manifest_or_a_frame_of_it_each_pack_proves_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    for half in 0..3 {
        add(&packs, half);
    }
    drop(packs);
    let manifest = folder.path().join("MANIFEST");
    let good = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let (packs, damage) = open(folder.path());
    assert!(only(&damage).ends_with("the manifest is missing"));
    assert_eq!(read(&packs), (samples(0, 3), vec![]));
    drop(packs);
    let mut bad = good;
    let middle = bad.len() / 2;
    bad[middle] ^= 4;
    fs::write(&manifest, bad).unwrap();
    let (packs, damage) = open(folder.path());
    let told = only(&damage);
    assert!(
        told.contains("MANIFEST") && told.contains("damaged"),
        "{told}"
    );
    assert_eq!(read(&packs), (samples(0, 3), vec![]));
    drop(packs);
    // It was written anew.
    let (packs, damage) = open(folder.path());
    assert_eq!((halves(&packs), damage), (vec![0, 1, 2], vec![]));
}

#[test]
fn the_manifest_is_short_again_after_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let mut last = add(&packs, 0);
    for _ in 0..50 {
        let next = finish(&packs, id_of(Level::HalfHour, 0), &samples(0, 1)).unwrap();
        packs.commit(&[next], &[last.id]).unwrap();
        last = next;
    }
    drop(packs);
    let length = || fs::metadata(folder.path().join("MANIFEST")).unwrap().len();
    let before = length();
    let (packs, damage) = open(folder.path());
    assert_eq!((packs.list().to_vec(), damage), (vec![last], vec![]));
    assert!(length() * 20 < before, "{before} and {}", length());
    assert!(add(&packs, 1).id.generation > last.id.generation);
}

#[test]
fn strange_files_are_set_aside_or_left() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let meta = add(&packs, 0);
    drop(packs);
    let day = folder.path().join("2026-03-01");
    let good = fs::read(meta.id.path(folder.path())).unwrap();
    fs::write(day.join("h0000-c0-s0-g9.pack"), vec![0x5a; 20_000]).unwrap();
    fs::write(day.join("h0030-c0-s0-g9.pack"), &good).unwrap();
    fs::write(day.join("notes.txt"), "of a person").unwrap();
    let mut later = good;
    later[8] = 2;
    later.truncate(later.len() - 7);
    fs::write(day.join("h0100-c0-s0-g9.pack"), &later).unwrap();
    let (packs, damage) = open(folder.path());
    let mut told: Vec<String> = damage.iter().map(ToString::to_string).collect();
    told.sort();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("h0000-c0-s0-g9.pack: not a pack; kept as"),
        "{told:?}"
    );
    assert!(
        told[1].contains("h0030-c0-s0-g9.pack: it has the name of another pack"),
        "{told:?}"
    );
    assert!(
        told[2].contains("version 2") && told[2].ends_with("left as it is"),
        "{told:?}"
    );
    assert_eq!(read(&packs), (samples(0, 1), vec![]));
    let mut names: Vec<String> = fs::read_dir(&day)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "h0000-c0-s0-g9.pack.0.damaged",
        "h0030-c0-s0-g9.pack.0.damaged",
        "h0100-c0-s0-g9.pack",
        "h1200-c0-s0-g0.pack",
        "notes.txt",
    ];
    assert_eq!(names, expected);

    packs.set_aside(&meta.id, "a test").unwrap();
    assert!(only(&packs.damage()).contains("a test; kept as"));
    assert_eq!(read(&packs), (Model::new(), vec![]));
    assert!(day.join("h1200-c0-s0-g0.pack.0.damaged").exists());
}

#[test]
fn a_damaged_pack_is_read_as_far_as_it_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let metas = [add(&packs, 0), add(&packs, 1)];
    drop(packs);
    let path = metas[0].id.path(folder.path());
    let good = fs::read(&path).unwrap();
    for place in [10, good.len() - 100] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&path, bad).unwrap();
        let (packs, damage) = open(folder.path());
        assert_eq!(damage, [], "ends are looked at when a pack is read");
        let (model, damage) = read(&packs);
        assert_eq!(model, samples(0, 2));
        assert!(only(&damage).contains("is not used"));
        let verified = packs.verify(FolderCursor::default(), u64::MAX);
        assert!(only(&verified.damage).contains("is not used"));
    }
    // Cut off: what is before the cut is used, and told at each start.
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    for _ in 0..2 {
        let (packs, mut damage) = open(folder.path());
        assert_eq!(halves(&packs), [0, 1]);
        let (model, more) = read(&packs);
        damage.extend(more);
        assert!(!damage.is_empty());
        let expected = samples(0, 2);
        assert!(model.len() > samples(1, 1).len() && model.len() < expected.len());
        assert!(
            model
                .iter()
                .all(|(key, value)| expected.get(key) == Some(value))
        );
    }
}

#[test]
fn all_of_a_folder_is_verified_whatever_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let metas: Vec<PackMeta> = (0..3).map(|half| add(&packs, half)).collect();
    let path = metas[1].id.path(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    let device_2 = usize::try_from(64 + metas[1].bytes / 4).unwrap();
    bytes[device_2] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let mut told = Vec::new();
    for budget in [1, 100, 1000, u64::MAX] {
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut from = Some(FolderCursor::default());
        while let Some(cursor) = from {
            let verified = packs.verify(cursor, budget);
            bytes += verified.bytes;
            found.extend(verified.damage);
            from = verified.next;
        }
        let path_found = &found[0].path;
        assert_eq!((found.len(), path_found), (1, &path), "{budget}: {found:?}");
        // Once, however often it is met.
        told.extend(packs.damage());
        assert_eq!(told, found);
        let all: u64 = metas.iter().map(|meta| meta.bytes).sum();
        // Each octet once, the ends with the rest; with less of a budget each step opens its pack anew.
        assert!(budget < u64::MAX || bytes == all);
    }
}

#[test]
fn octets_of_opening_count_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let all: u64 = (0..3).map(|half| add(&packs, half).bytes).sum();
    let once = packs.verify(FolderCursor::default(), u64::MAX).bytes;
    assert_eq!(once, all);
    let (mut bytes, mut from, mut steps) = (0, Some(FolderCursor::default()), 0);
    while let Some(cursor) = from {
        let verified = packs.verify(cursor, 1);
        bytes += verified.bytes;
        steps += 1;
        from = verified.next;
    }
    // Each step opens its pack anew.
    assert!(steps > 3 && bytes > once + 64 * (steps - 3), "{bytes}");
}

#[test]
fn readers_see_a_pack_or_what_took_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (packs, _) = open(folder.path());
    let mut last = add(&packs, 0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let expected = samples(0, 1);
                while !over.load(Ordering::Relaxed) {
                    let (model, damage) = read(&packs);
                    assert_eq!((&model, damage), (&expected, vec![]));
                }
            });
        }
        for _ in 0..100 {
            let next = finish(&packs, id_of(Level::HalfHour, 0), &samples(0, 1)).unwrap();
            packs.commit(&[next], &[last.id]).unwrap();
            last = next;
        }
        over.store(true, Ordering::Relaxed);
    });
}
