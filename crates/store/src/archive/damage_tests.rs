//! What is damaged in the archive: each flipped bit is noticed, and costs what it reaches.

use super::blocks::Cache;
use super::manifest::{MANIFEST_BYTES_MAX, day_name, folder_of, manifest_of};
use super::read::Reading;
use super::tests::{Kept, bits, day, on, read_day, read_day_of, run};
use super::*;
use crate::progress::Progress;
use crate::series::ColdError;
use object_store::memory::InMemory;

/// Bits that are flipped of each kind of file.
const FLIPS: usize = 1_000;
/// Octets of a block: few, so that a block is not all of a small file.
const BLOCK: u32 = 128;

/// Numbers by chance, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }
}

pub(super) fn in_memory() -> Place {
    let store = Arc::new(InMemory::new());
    Place::Depot(Box::new(Depot::of(store, "a/b", Handle::current())))
}

/// A reader of the same archive who has nothing of it in memory.
pub(super) fn fresh(archive: &Archive) -> Reading {
    let known = archive.reading();
    let cache = Arc::new(Cache::new(CACHE_BYTES_DEFAULT));
    Reading::new(
        known.depot.clone(),
        cache,
        (Arc::clone(&known.days), Arc::default()),
        known.installation.clone(),
    )
}

/// The objects of a day, its manifest first; blocks are made small.
fn objects(archive: &Archive, n: i64) -> Vec<String> {
    let (depot, name) = (&archive.reading().depot, day_name(day(n)).unwrap());
    let revision = archive.reading().days.get(day(n)).unwrap().revision;
    let of_manifest = manifest_of(&name, revision);
    let octets = depot.get_all(&of_manifest, MANIFEST_BYTES_MAX, None);
    let mut manifest = Manifest::parse(&octets.unwrap()).unwrap();
    let mut all = vec![of_manifest.clone()];
    for file in &mut manifest.files {
        let name = format!("{}/{}", folder_of(&name, revision), file.name);
        let octets = depot.get_all(&name, u64::MAX, None).unwrap();
        file.block_bytes = BLOCK;
        let blocks = octets.chunks(BLOCK as usize);
        file.crc32c = blocks.map(crc32c::crc32c).collect();
        all.push(name);
    }
    let octets = manifest.to_octets().unwrap();
    depot.put(&of_manifest, octets.into()).unwrap();
    all
}

/// Whether one who reads all of a day notices.
fn is_noticed(reading: &Reading, n: i64) -> bool {
    let revision = reading.days.get(day(n)).unwrap().revision;
    let manifest = match reading.fetch_manifest((day(n), revision), None) {
        Ok(manifest) => manifest,
        Err(ArchiveError::Damaged { .. }) => return true,
        Err(error) => panic!("{error:?}"),
    };
    manifest.files.iter().any(|file| {
        let file = reading.remote(&manifest, &file.name, None).unwrap();
        file.check(|_| Ok(())).unwrap().is_err()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_noticed_and_costs_the_series_that_it_reaches() {
    let kept = Kept::new(2, 2).await;
    let archive = kept.archive(in_memory()).await;
    assert_eq!(run(&archive).await.days, 1);
    let expected = bits(&kept.of_day(day(0)));
    let work = move |archive: &Archive| {
        let (depot, mut chance) = (&archive.reading().depot, Chance(0x5eed));
        for name in objects(archive, 0) {
            let whole = depot.get_all(&name, u64::MAX, None).unwrap();
            let (mut nothing, mut some, mut all) = (0, 0, 0);
            for _ in 0..FLIPS {
                let bit = chance.below(whole.len() * 8);
                let mut flipped = whole.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                depot.put(&name, flipped.into()).unwrap();
                let reading = fresh(archive);
                assert!(is_noticed(&reading, 0), "{name} bit {bit}");
                match read_day_of(&reading, day(0)) {
                    Ok((found, lost)) => {
                        let found = bits(&found);
                        for (key, points) in &expected {
                            let is_read = found.get(key) == Some(points);
                            let is_lost = lost.contains_key(key) && !found.contains_key(key);
                            assert!(is_read || is_lost, "{name} bit {bit}: {key:?} {lost:?}");
                        }
                        nothing += usize::from(lost.is_empty());
                        some += usize::from(!lost.is_empty() && lost.len() < expected.len());
                        all += usize::from(lost.len() == expected.len());
                    }
                    Err(ColdError::Damaged { .. }) => all += 1,
                    Err(error) => panic!("{name} bit {bit}: {error:?}"),
                }
            }
            depot.put(&name, whole).unwrap();
            println!("{name}: {nothing} cost nothing, {some} some series, {all} the day");
            if name.contains("samples") {
                assert!(some > 0, "{nothing} {some} {all}");
            }
        }
        assert!(!is_noticed(&fresh(archive), 0));
        assert!(archive.days()[0].damaged.is_some(), "a reader noted it");
    };
    on(&archive, work).await;
    let checked = on(&archive, |archive| {
        archive.check(None, &Progress::default())
    });
    assert!(checked.await.unwrap().damaged.is_empty());
    assert_eq!(archive.days()[0].damaged, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_the_owners_mark_lets_nobody_write_and_all_read() {
    let kept = Kept::new(1, 2).await;
    let archive = kept.archive(in_memory()).await;
    assert_eq!(run(&archive).await.days, 1);
    let expected = bits(&kept.of_day(day(0)));
    let work = move |archive: &Archive| {
        let (depot, mut chance) = (&archive.reading().depot, Chance(0x5eed));
        let whole = depot.get_all(OWNER, OWNER_BYTES_MAX, None).unwrap();
        let mut harmless = 0;
        for _ in 0..FLIPS {
            let bit = chance.below(whole.len() * 8);
            let mut flipped = whole.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            depot.put(OWNER, flipped.into()).unwrap();
            match archive.run(Some((day(50), day(51))), &Progress::default()) {
                Err(ArchiveError::Foreign { .. } | ArchiveError::Settings { .. }) => {}
                // A version of before the first.
                Ok(run) => harmless += usize::from(run.days == 0),
                other => panic!("bit {bit}: {other:?}"),
            }
        }
        assert!(harmless < FLIPS / 50, "{harmless}");
        assert_eq!(bits(&read_day(archive, day(0)).unwrap()), expected);
        depot.put(OWNER, whole).unwrap();
        archive.run(None, &Progress::default()).unwrap();
    };
    on(&archive, work).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_cut_grown_another_or_gone_is_damage_of_its_day_alone() {
    let kept = Kept::new(2, 3).await;
    let archive = kept.archive(in_memory()).await;
    assert_eq!(run(&archive).await.days, 2);
    let other = bits(&kept.of_day(day(1)));
    let work = move |archive: &Archive| {
        let depot = &archive.reading().depot;
        let (mine, others) = (objects(archive, 0), objects(archive, 1));
        for (name, of_other) in mine.iter().zip(&others) {
            let whole = depot.get_all(name, u64::MAX, None).unwrap();
            for change in ["cut", "cut short", "grown", "another", "empty", "gone"] {
                let put = |octets: Vec<u8>| depot.put(name, octets.into()).unwrap();
                match change {
                    "cut" => put(whole[..whole.len() - 9].to_vec()),
                    "cut short" => put(whole[..9].to_vec()),
                    "grown" => put([&whole[..], &whole[..9]].concat()),
                    "another" => {
                        let another = depot.get_all(of_other, u64::MAX, None).unwrap();
                        put(another.to_vec());
                    }
                    "empty" => put(Vec::new()),
                    _ => depot.delete(name).unwrap(),
                }
                let reading = fresh(archive);
                // What is behind the end is no part of a file.
                if !(change == "grown" && name.contains("parquet")) {
                    let found = read_day_of(&reading, day(0));
                    let is_damaged = match &found {
                        Ok((_, lost)) => !lost.is_empty(),
                        Err(error) => matches!(error, ColdError::Damaged { .. }),
                    };
                    assert!(is_damaged, "{change} {name}: {found:?}");
                    let checked = archive.check(None, &Progress::default()).unwrap();
                    assert_eq!(checked.damaged.len(), 1, "{change} {name}");
                    assert_eq!(checked.damaged[0].0, day(0));
                }
                let (found, lost) = read_day_of(&reading, day(1)).unwrap();
                assert!(lost.is_empty());
                assert_eq!(bits(&found), other);
                put(whole.to_vec());
            }
        }
        let checked = archive.check(None, &Progress::default()).unwrap();
        assert!(checked.damaged.is_empty(), "{checked:?}");
    };
    on(&archive, work).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_day_comes_back_but_for_what_is_damaged() {
    let kept = Kept::new(2, 4).await;
    let archive = kept.archive(in_memory()).await;
    assert_eq!(run(&archive).await.days, 3);
    let empty = Kept::new(0, 1).await;
    let place = archive.0.options.place.clone();
    let there = empty.archive(place).await;
    let named = on(&archive, |archive| {
        (objects(archive, 0), objects(archive, 1))
    });
    // Of the first day a block of samples, of the second what says where they are.
    let (first, second) = named.await;
    let expected = [0, 1, 2].map(|n| bits(&kept.of_day(day(n))));
    let work = move |archive: &Archive| {
        assert_eq!(archive.scan().unwrap(), 3);
        let depot = &archive.reading().depot;
        let named = |all: &[String], what: &str| {
            let mut found = all.iter().filter(|name| name.contains(what));
            found.next().unwrap().clone()
        };
        let flip = |name: &str, at: usize| {
            let mut octets = depot.get_all(name, u64::MAX, None).unwrap().to_vec();
            octets[at] ^= 1;
            depot.put(name, octets.into()).unwrap();
        };
        // The first octets behind the magic are the times of the first series.
        flip(&named(&first, "samples"), 4);
        flip(&named(&second, "series.parquet"), 4);
        let restored = archive.restore(day(0), day(9), day(30), "admin", &Progress::default());
        let restored = restored.unwrap();
        assert_eq!(restored.days, 2, "{restored:?}");
        assert_eq!(restored.damaged.len(), 1, "{restored:?}");
        assert_eq!(restored.damaged[0].0, day(1));
        let [(why, damaged)] = restored.refused.as_slice() else {
            panic!("{restored:?}");
        };
        assert_eq!(why, "damaged");
        assert!((1..6).contains(damaged), "{restored:?}");
        assert_eq!(restored.series + damaged, 12);
        let days = archive.days();
        let whole: Vec<bool> = days.iter().map(|day| !day.thinned).collect();
        assert_eq!(whole, [false, false, true]);
        let kept: Vec<bool> = days
            .iter()
            .map(|day| day.restored_until.is_some())
            .collect();
        assert_eq!(kept, [true, false, true]);
        let noted: Vec<bool> = days.iter().map(|day| day.damaged.is_some()).collect();
        assert_eq!(noted, [true, true, false]);
        // What came back is read, and of what did not it is told.
        let (mut told, mut read) = (0, 0);
        for (_, id) in expected[0].keys() {
            match archive.0.series.read(*id, day(0), day(1)) {
                Ok(_) => read += 1,
                Err(crate::series::SeriesError::ArchiveMissing { .. }) => told += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((told, read), (*damaged, 6 - damaged));
        // Once it is mended all of it comes back.
        flip(&named(&first, "samples"), 4);
        flip(&named(&second, "series.parquet"), 4);
        assert!(archive.check(None, &Progress::default()).is_ok());
        let restored = archive.restore(day(0), day(9), day(30), "admin", &Progress::default());
        let restored = restored.unwrap();
        assert_eq!((restored.days, restored.damaged.len()), (3, 0));
        assert!(restored.refused.is_empty(), "{restored:?}");
        for (n, expected) in (0..).zip(&expected) {
            for ((_, id), points) in expected {
                let read = archive.0.series.read(*id, day(n), day(n + 1)).unwrap();
                assert_eq!(read.len(), points.len());
            }
        }
    };
    on(&there, work).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_not_mounted_is_not_damaged_and_not_begun_anew() {
    let kept = Kept::new(1, 3).await;
    let (depot, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mounted, away) = (
        depot.path().join("archive"),
        elsewhere.path().join("archive"),
    );
    let archive = kept.archive(Place::Folder(mounted.clone())).await;
    assert_eq!(run(&archive).await.days, 2);
    // The folder is there, and nothing is in it.
    std::fs::rename(&mounted, &away).unwrap();
    std::fs::create_dir(&mounted).unwrap();
    let expected = bits(&kept.of_day(day(0)));
    let work = move |archive: &Archive| {
        let found = read_day_of(&fresh(archive), day(0));
        assert!(matches!(found, Err(ColdError::Away { .. })), "{found:?}");
        let progress = Progress::default();
        for done in [
            archive.run(None, &progress).map(|_| ()),
            archive.check(None, &progress).map(|_| ()),
            archive.scan().map(|_| ()),
        ] {
            assert!(matches!(done, Err(ArchiveError::Unmarked)), "{done:?}");
        }
        assert!(archive.status().failing.is_some());
        assert!(archive.days().iter().all(|day| day.damaged.is_none()));
        assert_eq!(std::fs::read_dir(&mounted).unwrap().count(), 0);
        // Back again; then really another place.
        std::fs::remove_dir(&mounted).unwrap();
        std::fs::rename(&away, &mounted).unwrap();
        assert_eq!(bits(&read_day(archive, day(0)).unwrap()), expected);
        assert_eq!(archive.run(None, &progress).unwrap().failed, None);
        std::fs::remove_dir_all(&mounted).unwrap();
        std::fs::create_dir(&mounted).unwrap();
        archive.adopt().unwrap();
        assert_eq!(archive.scan().unwrap(), 0);
        assert_eq!(archive.run(None, &progress).unwrap().days, 2);
        assert_eq!(bits(&read_day(archive, day(0)).unwrap()), expected);
    };
    on(&archive, work).await;
}
