//! Repositories that are not what they were: not mounted, of somebody else, without the file that says
//! which one, with what cannot be read; and data folders of which something cannot be read.

use crate::backup::{Filled, files, free, how, options, repository};
use crate::faulty_disk::{Fault, FaultyDisk};
use crate::series_fixture::quick_folder;
use foretell_store::backup::{
    Access, BackupError, Keep, Progress, Repository, RestoreOptions, take_stopped,
};
use foretell_store::verify::{VerifyOptions, verify};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that can be opened, and not read from its beginning on: nothing is mapped there.
const UNREADABLE: &str = "/proc/self/mem";

/// What is in a folder goes to another, as where its disk is no longer mounted.
fn unmount(folder: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

async fn refused(filled: &Filled) -> BackupError {
    filled.take(None).await.unwrap_err()
}

#[test]
fn the_folder_of_a_missing_disk_is_not_made() {
    let disk = quick_folder();
    let folder = disk.path().join("backups");
    let opened = Repository::open(&folder, None, Access::Write);
    let refused = opened.err().unwrap().to_string();
    assert!(refused.contains("foretell backup --init"), "{refused}");
    assert!(!folder.exists());
    Repository::init(&folder, None).unwrap();
    drop(repository(&folder, None, Access::Write).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_empty_folder_of_a_missing_disk_is_not_begun_anew() {
    let filled = Filled::new().await;
    let first = filled.take(None).await.unwrap();
    let (folder, aside) = (filled.backups.path(), quick_folder());
    let disk = aside.path().join("disk");
    unmount(folder, &disk);
    for _ in 0..2 {
        let refused = refused(&filled).await;
        assert!(
            matches!(refused, BackupError::NotMounted { .. }),
            "{refused}"
        );
    }
    let chunks = files(&folder.join("chunks"));
    assert_eq!(chunks, Vec::<PathBuf>::new(), "nothing was written");
    // A backup elsewhere, as by hand, does not make the empty folder a new one.
    let elsewhere = quick_folder();
    let into = elsewhere.path().to_owned();
    let by_hand = filled.take_into(move || repository(&into, None, Access::Write));
    by_hand.await.unwrap();
    let refused = refused(&filled).await;
    assert!(
        matches!(refused, BackupError::NotMounted { .. }),
        "{refused}"
    );
    // The disk is back.
    unmount(folder, &aside.path().join("left"));
    unmount(&disk, folder);
    let second = filled.take(None).await.unwrap();
    assert!(second.bytes_written < first.bytes_written);
    // It is lost, and somebody says so.
    unmount(folder, &disk);
    Repository::init(folder, None).unwrap();
    filled.take(None).await.unwrap();
    filled.take(None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_data_folder_is_refused_until_it_is_adopted() {
    let (first, mut second) = (Filled::new().await, Filled::new().await);
    second.backups = first.backups;
    let first = Filled {
        backups: quick_folder(),
        ..first
    };
    let folder = second.backups.path().to_owned();
    let of_first = || {
        let folder = folder.clone();
        first.take_into(move || repository(&folder, None, Access::Write))
    };
    let taken = of_first().await.unwrap();
    assert!(taken.data_folder.is_some());
    let error = refused(&second).await;
    let text = error.to_string();
    assert!(
        matches!(error, BackupError::OtherDataFolder { backup_id, .. } if backup_id == taken.id),
        "{text}"
    );
    assert!(text.contains("foretell backup --adopt"), "{text}");
    let there = repository(&folder, None, Access::Write).unwrap();
    there.adopt().unwrap();
    drop(there);
    let adopted = second.take(None).await.unwrap();
    assert_ne!(adopted.data_folder, taken.data_folder);
    // Once: from then on it is the second's.
    second.take(None).await.unwrap();
    let error = of_first().await.unwrap_err();
    assert!(matches!(error, BackupError::OtherDataFolder { .. }));
    // What is restored goes on with the backups that it is of.
    let (into, restored) = second.restore(None, RestoreOptions::default());
    assert!(restored.unwrap().is_whole());
    let id = fs::read_to_string(into.path().join("folder-id")).unwrap();
    assert_eq!(Some(id.trim().to_owned()), adopted.data_folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_without_its_file_is_named_and_not_begun_anew() {
    let filled = Filled::new().await;
    filled.take(None).await.unwrap();
    let folder = filled.backups.path();
    let (mark, copy) = (folder.join("repository"), folder.join("copy"));
    fs::rename(&mark, &copy).unwrap();
    for access in [Access::Write, Access::Read, Access::List] {
        let opened = Repository::open(folder, None, access).err().unwrap();
        let text = opened.to_string();
        assert!(matches!(opened, BackupError::MarkLost { .. }), "{text}");
        assert!(text.contains(&*mark.to_string_lossy()), "{text}");
        assert!(text.contains("put a copy of it back"), "{text}");
        assert!(!mark.exists());
    }
    fs::rename(&copy, &mark).unwrap();
    filled.take(None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_read_is_told_and_stops_nothing() {
    let mut filled = Filled::new().await;
    let first = filled.take(None).await.unwrap();
    filled.poll().await;
    let second = filled.take(None).await.unwrap();
    let snapshots = filled.backups.path().join("snapshots");
    let path = snapshots.join(format!("{}.snapshot", second.id));
    fs::remove_file(&path).unwrap();
    symlink(UNREADABLE, &path).unwrap();

    let there = repository(filled.backups.path(), None, Access::List).unwrap();
    let (all, damage) = there.list().unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].contains(&second.id.to_string()), "{damage:?}");
    let checked = there.check(&Progress::default()).unwrap();
    assert_eq!(checked.damaged, 1, "{checked:?}");
    let (_, restored) = filled.restore(None, RestoreOptions::default());
    let restored = restored.unwrap();
    assert_eq!(restored.backup.id, first.id);
    assert_eq!(restored.unreadable, damage);

    let third = filled.take(None).await.unwrap();
    assert!(third.bytes_written < first.bytes_written);
    let mut there = repository(filled.backups.path(), None, Access::Write).unwrap();
    assert_eq!(there.list().unwrap().0.len(), 2);
    let refused = there.sweep(&Progress::default()).unwrap_err();
    assert!(matches!(refused, BackupError::NotSwept { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_were_cut_short_are_written_again() {
    let filled = Filled::new().await;
    filled.take(None).await.unwrap();
    let chunks = files(&filled.backups.path().join("chunks"));
    for chunk in &chunks {
        File::options()
            .write(true)
            .open(chunk)
            .unwrap()
            .set_len(9)
            .unwrap();
    }
    filled.take(None).await.unwrap();
    let (_, restored) = filled.restore(None, RestoreOptions::default());
    assert!(restored.unwrap().is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backup_that_failed_left_is_durable_when_it_is_used() {
    let filled = Filled::new().await;
    let whole = filled.backups.path().join("whole");
    fs::create_dir(&whole).unwrap();
    let counting = FaultyDisk::beside(Fault::None, u64::MAX, &whole);
    let disk = Arc::new(counting.clone());
    let opened = move || free(|| Repository::open_on(disk.clone(), &whole, None, Access::Write));
    filled.take_into(opened).await.unwrap();
    let mut failed = 0;
    // Towards the end names are made durable.
    let end = counting.calls();
    for at in (end / 2..end).step_by(7) {
        let folder = filled.backups.path().join(format!("cut-{at}"));
        fs::create_dir(&folder).unwrap();
        let disk = FaultyDisk::beside(Fault::Once, at, &folder);
        let open = || {
            let (disk, folder) = (Arc::new(disk.clone()), folder.clone());
            move || free(|| Repository::open_on(disk.clone(), &folder, None, Access::Write))
        };
        failed += u32::from(filled.take_into(open()).await.is_err());
        // Nothing goes wrong with the next one.
        disk.make_room();
        filled.take_into(open()).await.unwrap();
        disk.cut_power();
        let there = repository(&folder, None, Access::List).unwrap();
        let checked = there.check(&Progress::default()).unwrap();
        assert_eq!(checked.damage, Vec::<String>::new(), "call {at}");
    }
    assert!(failed >= 5, "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_and_sweeping_can_be_stopped() {
    let filled = Filled::new().await;
    filled.take(None).await.unwrap();
    let folder = filled.backups.path();
    let mut there = repository(folder, None, Access::Write).unwrap();
    let stop = Progress::default();
    stop.stop();
    let keep = Keep {
        daily_max: 1,
        weekly_max: 0,
        monthly_max: 0,
    };
    let swept = there.sweep(&stop);
    assert!(matches!(swept, Err(BackupError::Stopped)));
    let rotated = there.rotate(&keep, &stop);
    assert!(matches!(rotated, Err(BackupError::Stopped)));
    drop(there);
    let opened = free(|| Repository::open_watched(folder, None, Access::Write, &stop));
    assert!(matches!(opened, Err(BackupError::Stopped)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_left_out_and_told() {
    let filled = Filled::new().await;
    let dir = filled.store.dir().to_owned();
    symlink(UNREADABLE, dir.join("profiles/torn.toml")).unwrap();
    fs::write(dir.join("profiles/whole.toml"), "name = \"whole\"\n").unwrap();
    let taken = filled.take(None).await.unwrap();
    let left_out = |path: &str, left: &[foretell_store::backup::LeftOut]| {
        left.iter().any(|left| left.path == path)
    };
    assert!(left_out("profiles/torn.toml", &taken.left_out), "{taken:?}");
    let (into, restored) = filled.restore(None, RestoreOptions::default());
    assert!(restored.unwrap().is_whole());
    assert!(into.path().join("profiles/whole.toml").exists());
    assert!(!into.path().join("profiles/torn.toml").exists());

    let Filled {
        store,
        fixture,
        backups,
        ..
    } = filled;
    store.close().await.unwrap();
    drop(store);
    let segment = "series/log/00000000000000ff.log";
    symlink(UNREADABLE, dir.join(segment)).unwrap();
    let taken = free(|| {
        let mut there = Repository::open(backups.path(), None, Access::Write)?;
        let (how, progress) = (how(), Progress::default());
        take_stopped(
            &options(&dir),
            &fixture.clock(),
            &mut there,
            &how,
            &progress,
        )
    });
    let taken = taken.unwrap();
    assert!(left_out(segment, &taken.left_out), "{taken:?}");
    assert!(taken.counts.log_frames > 0);

    let report =
        free(|| verify(&dir, VerifyOptions::default(), &mut |_| ()).map_err(BackupError::from));
    let report = report.unwrap();
    let damaged: Vec<&str> = report
        .files
        .iter()
        .filter(|file| file.damaged > 0)
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(damaged, [segment]);
}
