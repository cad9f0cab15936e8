//! What is archived is not lost by what happens here or there: damage, lost files, disks that are not
//! mounted, an older state of the folder, a start without the archive.

use super::kept_tests::{policy, read_all};
use super::tests::{DAY_MS, Kept, bits, day, on, read_day, run};
use super::*;
use crate::documents::Query;
use crate::progress::Progress;
use crate::retention::{Amount, RetentionError};
use crate::series::cold::ColdError;
use model::Value;
use std::path::Path;

/// The pack of a day.
fn pack_of(folder: &Path, day: &str) -> PathBuf {
    let day = folder.join("series/packs").join(day);
    let files = std::fs::read_dir(day).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    files
        .find(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("day-") && path.extension().is_some_and(|end| end == "pack")
        })
        .unwrap()
}

/// Flips bits of a file, from a place on, a quarter of it.
fn damage(path: &Path, from: usize) {
    let mut octets = std::fs::read(path).unwrap();
    let end = from + octets.len() / 4;
    octets[from..end]
        .iter_mut()
        .for_each(|octet| *octet ^= 0x55);
    std::fs::write(path, octets).unwrap();
}

fn place(folder: &tempfile::TempDir) -> Place {
    Place::Folder(folder.path().join("archive"))
}

async fn short(retention: &crate::retention::Retention, policy: &crate::retention::Policy) {
    let put = retention.put_policy(policy, Expect::Absent);
    put.await.unwrap();
}

async fn settle(kept: &Kept, at: i64) {
    kept.set(at);
    for _ in 0..4 {
        kept.store.series.maintain().await.unwrap();
    }
}

async fn failed(archive: &Archive) -> ArchiveError {
    let done = on(archive, |archive| archive.run(None, &Progress::default())).await;
    done.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_damaged_here_is_read_of_the_archive_and_does_not_replace_it() {
    let mut kept = Kept::new(2, 3).await;
    let other = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&other)).await;
    assert_eq!(run(&archive).await.days, 2);
    let before = archive.days();
    damage(&pack_of(kept.path(), "2026-03-01"), 400);
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given), "whoever meets it reads on");
    // What is sound of it becomes a pack with what comes late.
    kept.append(day(0).unix_ms() + 1_000, Value::U64(77)).await;
    settle(&kept, day(4).unix_ms() + DAY_MS / 4).await;
    let done = run(&archive).await;
    assert!(done.failed.unwrap().contains("less of 2026-03-01"));
    let after = archive.days();
    assert_eq!(after[0].revision, before[0].revision);
    assert_eq!(after[0].samples, before[0].samples);
    assert!(after[0].thinned);
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
    assert_eq!(run(&archive).await.failed, None, "it is told once");
    // Restored it is whole, and archived as it is then.
    let restored = on(&archive, |archive| {
        archive.restore(day(0), day(1), day(9), "admin", &Progress::default())
    });
    assert_eq!(restored.await.unwrap().days, 1);
    assert_eq!(run(&archive).await.days, 1);
    assert_eq!(archive.days()[0].samples, before[0].samples + 1);
    let read = on(&archive, |archive| read_day(archive, day(0))).await;
    assert_eq!(bits(&read.unwrap()), bits(&kept.of_day(day(0))));
}

/// What cannot be compared, as it is damaged there, is replaced by what is here where that is not less.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_damaged_there_is_replaced_by_no_less() {
    for is_less in [false, true] {
        let mut kept = Kept::new(2, 3).await;
        let other = tempfile::tempdir().unwrap();
        let archive = kept.archive(place(&other)).await;
        assert_eq!(run(&archive).await.days, 2);
        let known = archive.days()[0].clone();
        let name = format!("archive/2026-03-01/r{:010}", known.revision);
        let samples = other.path().join(name).join("samples-000.parquet");
        let octets = std::fs::metadata(&samples).unwrap().len();
        damage(&samples, usize::try_from(octets / 2).unwrap());
        if is_less {
            damage(&pack_of(kept.path(), "2026-03-01"), 400);
        }
        kept.append(day(0).unix_ms() + 1_000, Value::U64(77)).await;
        settle(&kept, day(4).unix_ms() + DAY_MS / 4).await;
        // With nothing of it in memory.
        let archive = kept.archive(place(&other)).await;
        let done = run(&archive).await;
        let now = archive.days()[0].clone();
        if is_less {
            let failed = done.failed.unwrap();
            assert!(failed.contains("to be compared"), "{failed}");
            assert_eq!((now.revision, now.samples), (known.revision, known.samples));
            continue;
        }
        assert_eq!(done.failed, None);
        assert!(now.revision > known.revision && now.damaged.is_none());
        let read = on(&archive, |archive| read_day(archive, day(0))).await;
        assert_eq!(bits(&read.unwrap()), bits(&kept.of_day(day(0))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_is_lost_is_read_of_the_archive() {
    let mut kept = Kept::new(2, 3).await;
    let other = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&other)).await;
    assert_eq!(run(&archive).await.days, 2);
    drop(archive);
    kept.reopen(|folder| std::fs::remove_file(pack_of(folder, "2026-03-01")).unwrap())
        .await;
    // The start after that does not know it any more.
    kept.reopen(|_| ()).await;
    let archive = kept.archive(place(&other)).await;
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
    kept.append(day(0).unix_ms() + 1_000, Value::U64(77)).await;
    settle(&kept, day(3).unix_ms() + DAY_MS / 4).await;
    run(&archive).await;
    let of_day = on(&archive, |archive| read_day(archive, day(0))).await;
    assert!(of_day.unwrap().values().map(BTreeMap::len).sum::<usize>() > 10);
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_cannot_be_archived_keeps_no_other_from_it() {
    let kept = Kept::new(2, 3).await;
    let other = tempfile::tempdir().unwrap();
    let path = pack_of(kept.path(), "2026-03-01");
    // The heads of its devices and more.
    damage(&path, 40);
    let archive = kept.archive(place(&other)).await;
    for _ in 0..2 {
        let done = run(&archive).await;
        assert!(done.failed.is_some(), "{done:?}");
        let days: Vec<Timestamp> = archive.days().iter().map(|known| known.day).collect();
        assert_eq!(days, [day(1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_disk_is_not_mounted_is_not_taken_for_the_archive() {
    let kept = Kept::new(1, 3).await;
    let other = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&other)).await;
    assert_eq!(run(&archive).await.days, 2);
    let (there, away) = (other.path().join("archive"), other.path().join("away"));
    std::fs::rename(&there, &away).unwrap();
    std::fs::create_dir(&there).unwrap();
    let error = failed(&archive).await;
    assert!(matches!(error, ArchiveError::Unmarked), "{error:?}");
    assert_eq!(std::fs::read_dir(&there).unwrap().count(), 0);
    let read = on(&archive, |archive| read_day(archive, day(0))).await;
    assert!(matches!(read, Err(ColdError::Away { .. })), "{read:?}");
    let retention = kept.store.retention.clone();
    retention.set_archive(archive.keeper());
    short(&retention, &policy(1)).await;
    let pass = kept.try_pass().await;
    assert_eq!(pass.gone, Amount::default());
    assert!(pass.failed.unwrap().contains("archive"));
    assert!(archive.days().iter().all(|known| known.damaged.is_none()));
    std::fs::remove_dir(&there).unwrap();
    let options = ArchiveOptions::new(place(&other), kept.path().join("staging"));
    let parts = (kept.store.inventory.clone(), kept.store.series.clone());
    let opened = Archive::open(options, kept.store.documents.clone(), parts, kept.clock());
    let refused = opened.await.map(|_| ());
    assert!(
        matches!(refused, Err(ArchiveError::NoFolder { .. })),
        "{refused:?}"
    );
    assert!(!there.exists());
    std::fs::rename(&away, &there).unwrap();
    assert_eq!(run(&archive).await.failed, None);
    assert!(kept.try_pass().await.gone.samples > 0);
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_archive_any_more_when_it_is_to_go_stays() {
    let kept = Kept::new(1, 3).await;
    let other = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&other)).await;
    assert_eq!(run(&archive).await.days, 2);
    let retention = kept.store.retention.clone();
    retention.set_archive(archive.keeper());
    short(&retention, &policy(1)).await;
    let of_day = other.path().join("archive/2026-03-01");
    let revision = of_day.join(format!("r{:010}", archive.days()[0].revision));
    let samples = revision.join("samples-000.parquet");
    let whole = std::fs::read(&samples).unwrap();
    std::fs::write(&samples, &whole[1..]).unwrap();
    let pass = kept.try_pass().await;
    assert_eq!((pass.files_removed, pass.left), (1, 1), "{pass:?}");
    let days = archive.days();
    assert!(days[0].damaged.is_some() && !days[0].thinned);
    assert!(days[1].thinned);
    // It is archived anew of what is here, and then goes.
    assert_eq!(run(&archive).await.days, 1);
    assert_eq!(kept.try_pass().await.files_removed, 1);
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_a_day_since_it_was_planned_stays() {
    let mut kept = Kept::new(2, 3).await;
    let other = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&other)).await;
    assert_eq!(run(&archive).await.days, 2);
    let retention = kept.store.retention.clone();
    retention.set_archive(archive.keeper());
    // Of one series, so that days are written again.
    let mut policy = policy(1);
    policy.metrics = vec!["icmp_rtt".to_owned()];
    policy.device_tags.clear();
    short(&retention, &policy).await;
    kept.append(day(0).unix_ms() + 1_000, Value::U64(77)).await;
    settle(&kept, day(3).unix_ms() + DAY_MS / 4).await;
    let pass = kept.try_pass().await;
    assert_eq!(pass.files_removed, 1, "day 1 alone: {pass:?}");
    assert!(!archive.days()[0].thinned);
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_of_another_installation_do_not_count_as_those_of_this_one() {
    let (kept, other) = (Kept::new(1, 3).await, Kept::new(1, 3).await);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&kept.archive(place(&folder)).await).await.days, 2);
    let others = other.archive(place(&folder)).await;
    assert_eq!(on(&others, Archive::scan).await.unwrap(), 2);
    let retention = other.store.retention.clone();
    retention.set_archive(others.keeper());
    short(&retention, &policy(1)).await;
    let pass = other.try_pass().await;
    assert_eq!(pass.gone, Amount::default(), "{pass:?}");
    assert!(pass.waits_for_archive.samples > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_of_the_folder_finds_what_was_archived_since() {
    let kept = Kept::new(1, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 2);
    let known = archive.days();
    let documents = kept.store.documents.clone();
    let days: Collection<ArchivedDay> = Collection::new(documents, &catalog::ARCHIVED_DAYS);
    for stored in days.all(Query::default()).await.unwrap() {
        let older = ArchivedDay {
            revision: 3,
            source: vec!["day-c0-s0-g2.pack 10 00000000".to_owned()],
            samples: 1,
            ..stored.body.clone()
        };
        days.put(&stored.id, Expect::Any, &older).await.unwrap();
    }
    let before = std::fs::read_dir(folder.path().join("archive/2026-03-01")).unwrap();
    let before = before.count();
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 0);
    let found = archive.days();
    let revisions = |all: &[ArchivedDay]| all.iter().map(|one| one.revision).collect::<Vec<_>>();
    assert_eq!(revisions(&found), revisions(&known));
    assert!(found.iter().all(|one| !one.thinned && one.samples > 1));
    let after = std::fs::read_dir(folder.path().join("archive/2026-03-01")).unwrap();
    assert_eq!(after.count(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_a_look_does_not_find_is_named_and_archived_again() {
    let kept = Kept::new(1, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 2);
    let known = archive.days()[0].clone();
    let manifest = format!("archive/2026-03-01/r{:010}.json", known.revision);
    std::fs::remove_file(folder.path().join(manifest)).unwrap();
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 1);
    let found = archive.days();
    assert_eq!(found.len(), 2);
    assert!(found[0].revision > known.revision && found[0].damaged.is_none());
    let read = on(&archive, |archive| read_day(archive, day(0))).await;
    assert_eq!(bits(&read.unwrap()), bits(&kept.of_day(day(0))));
}

/// Files of a day that are older than what is being written can be.
fn age(folder: &Path) {
    let then = std::time::UNIX_EPOCH + Duration::from_hours(24);
    for file in std::fs::read_dir(folder).unwrap() {
        let file = std::fs::File::options()
            .append(true)
            .open(file.unwrap().path());
        file.unwrap().set_modified(then).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_copy_of_a_day_outlives_its_manifest() {
    // Whoever looks: a pass, a person, and one to whom no day is known.
    for case in ["pass", "scan", "anew"] {
        let kept = Kept::new(1, 3).await;
        let folder = tempfile::tempdir().unwrap();
        let archive = kept.archive(place(&folder)).await;
        assert_eq!(run(&archive).await.days, 2);
        let retention = kept.store.retention.clone();
        retention.set_archive(archive.keeper());
        short(&retention, &policy(1)).await;
        assert_eq!(kept.try_pass().await.files_removed, 2);
        let revision = format!("r{:010}", archive.days()[0].revision);
        let of_day = folder.path().join("archive/2026-03-01");
        let manifest = of_day.join(format!("{revision}.json"));
        let octets = std::fs::read(&manifest).unwrap();
        std::fs::remove_file(&manifest).unwrap();
        age(&of_day.join(&revision));
        let archive = match case {
            "anew" => kept.archive_anew(place(&folder)).await,
            _ => kept.archive(place(&folder)).await,
        };
        if case == "pass" {
            assert_eq!(run(&archive).await.days, 0);
        }
        for _ in 0..2 {
            on(&archive, Archive::scan).await.unwrap();
        }
        let found = archive.days();
        if case == "anew" {
            assert_eq!(found.len(), 1);
        } else {
            assert_eq!(found.len(), 2, "{case}");
            assert!(found[0].damaged.is_some() && found[0].thinned, "{case}");
        }
        std::fs::write(&manifest, octets).unwrap();
        assert_eq!(on(&archive, Archive::scan).await.unwrap(), 2, "{case}");
        let read = on(&archive, |archive| read_day(archive, day(0))).await;
        assert_eq!(bits(&read.unwrap()), bits(&kept.of_day(day(0))), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_broken_off_goes_once_its_day_is_archived() {
    let kept = Kept::new(1, 2).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 1);
    let of_day = folder.path().join("archive/2026-03-01");
    let [new, old] = ["r4000000000000", "r4000000000001"].map(|name| of_day.join(name));
    for left in [&new, &old] {
        std::fs::create_dir(left).unwrap();
        std::fs::write(left.join("samples-000.parquet"), "half").unwrap();
    }
    age(&old);
    assert_eq!(on(&archive, Archive::scan).await.unwrap(), 1);
    assert!(new.join("samples-000.parquet").exists());
    assert!(!old.join("samples-000.parquet").exists());
    let read = on(&archive, |archive| read_day(archive, day(0))).await;
    assert_eq!(bits(&read.unwrap()), bits(&kept.of_day(day(0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_object_takes_no_numbers_away() {
    let mut kept = Kept::new(1, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 2);
    for stray in [1 << 53, u64::MAX] {
        let name = format!("archive/2026-03-01/r{stray}.json");
        std::fs::write(folder.path().join(name), "stray").unwrap();
    }
    // The second time the day has the pack of the first.
    for n in 0..3_u8 {
        on(&archive, Archive::scan).await.unwrap();
        kept.append(day(0).unix_ms() + i64::from(n) + 1, Value::U64(n.into()))
            .await;
        kept.settle(day(4 + i64::from(n)).unix_ms() + DAY_MS / 4)
            .await;
        assert_eq!(run(&archive).await.failed, None);
        let known = archive.days()[0].clone();
        assert!(
            known.revision < 1 << 52 && known.damaged.is_none(),
            "{known:?}"
        );
        let read = read_all(&kept.store.series, &kept.given).await;
        assert_eq!(bits(&read), bits(&kept.given));
        let read = on(&archive, |archive| read_day(archive, day(0))).await;
        assert_eq!(bits(&read.unwrap()), bits(&kept.of_day(day(0))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_of_another_in_its_place_forgets_nothing() {
    let (kept, other) = (Kept::new(1, 3).await, Kept::new(1, 3).await);
    let (folder, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // At another time, so that its revisions are others.
    kept.set(kept.now().unix_ms() + 60_000);
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 2);
    assert_eq!(run(&other.archive(place(&others)).await).await.days, 2);
    let known = archive.days();
    let swap = || {
        let (mine, theirs) = (folder.path().join("archive"), others.path().join("archive"));
        let away = folder.path().join("away");
        std::fs::rename(&mine, &away).unwrap();
        std::fs::rename(&theirs, &mine).unwrap();
        std::fs::rename(&away, &theirs).unwrap();
    };
    swap();
    // It was looked over, and readers, retention and a restore meet the other one.
    let _of_the_other = on(&archive, |archive| read_day(archive, day(0))).await;
    assert!(on(&archive, |archive| archive.keeper().prove(day(1)).is_err()).await);
    let restored = on(&archive, |archive| {
        archive.restore(day(0), day(2), day(9), "admin", &Progress::default())
    });
    let restored = restored.await;
    assert!(
        matches!(restored, Err(ArchiveError::Another { .. })),
        "{restored:?}"
    );
    assert_eq!(archive.days(), known);
    let archive = kept.archive(place(&folder)).await;
    let done = on(&archive, |archive| {
        let progress = Progress::default();
        [
            archive.scan().map(|_| ()),
            archive.check(None, &progress).map(|_| ()),
            archive
                .restore(day(0), day(2), day(9), "admin", &progress)
                .map(|_| ()),
        ]
    });
    for done in done.await {
        assert!(
            matches!(done, Err(ArchiveError::Another { .. })),
            "{done:?}"
        );
    }
    assert_eq!(archive.days(), known);
    swap();
    assert_eq!(on(&archive, Archive::scan).await.unwrap(), 2);
    assert_eq!(archive.days(), known);
    // Whoever says that it is to be this one has what is in this one.
    swap();
    on(&archive, Archive::adopt).await.unwrap();
    assert_eq!(on(&archive, Archive::scan).await.unwrap(), 2);
    assert!(
        archive
            .days()
            .iter()
            .zip(&known)
            .all(|(now, then)| now.revision != then.revision)
    );
    // Whoever only reads it goes on to do so.
    let reader = Kept::new(0, 1).await;
    let reading = reader.archive(place(&others)).await;
    for _ in 0..2 {
        assert_eq!(on(&reading, Archive::scan).await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_while_no_archive_is_named_is_read_there_afterwards() {
    let mut kept = Kept::new(2, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = kept.archive(place(&folder)).await;
    assert_eq!(run(&archive).await.days, 2);
    drop(archive);
    let (device_id, columns) = kept.series.iter().next().unwrap();
    let (device_id, column) = (*device_id, columns[0]);
    kept.reopen(|_| ()).await;
    short(&kept.store.retention, &policy(1)).await;
    assert!(kept.try_pass().await.gone.samples > 0);
    // What is deleted meanwhile does not come back.
    let grave = crate::series::Grave {
        device_id,
        columns: Some(vec![column.column]),
    };
    let series = kept.store.series.clone();
    let deleted = tokio::task::spawn_blocking(move || series.bury(vec![grave], (day(0), day(1))));
    deleted.await.unwrap().unwrap();
    settle(&kept, day(3).unix_ms() + DAY_MS / 4).await;
    assert_eq!(kept.store.series.tombstones(), 1);
    kept.reopen(|_| ()).await;
    let archive = kept.archive(place(&folder)).await;
    let days = archive.days();
    assert!(days[0].thinned && days[1].thinned);
    let from = day(1).unix_ms();
    let of_series = kept.given.get_mut(&(device_id, column.id)).unwrap();
    of_series.retain(|at, _| *at >= from);
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_not_put_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::folder(folder.path(), false, Handle::current()).unwrap();
    let work = move || {
        depot
            .put_new("2026-03-01/r0000000001.json", "one".into())
            .unwrap();
        let refused = depot.put_new("2026-03-01/r0000000001.json", "two".into());
        assert!(refused.unwrap_err().to_string().contains("putting"));
        let there = depot.get_all("2026-03-01/r0000000001.json", 10, None);
        assert_eq!(there.unwrap().as_ref(), b"one");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

impl Kept {
    /// A pass of retention, whatever fails in it.
    async fn try_pass(&self) -> crate::retention::Pass {
        let attached = self.store.inventory.attached();
        let (retention, series) = (&self.store.retention, &self.store.series);
        let pass: Result<_, RetentionError> = retention.pass(series, attached, self.now()).await;
        pass.unwrap()
    }
}
