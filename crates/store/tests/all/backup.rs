//! Backups from outside: what goes in comes out, the second writes little, damage is noticed, a key is
//! needed where there is one, and a full disk costs nothing but the backup.

use crate::events::line;
use crate::faulty_disk::{Fault, FaultyDisk};
use crate::fixture::{FORKED_MAX, Fixture, device, open_unlocked};
use crate::series_fixture::{Chance, quick_folder};
use foretell_store::backup::{
    Access, BackupError, BackupKey, Keep, Progress, Repository, RestoreOptions, Restored, Summary,
    TakeOptions, restore, take, take_stopped,
};
use foretell_store::history::Record;
use foretell_store::series::{Batch, Points, SeriesOptions, SyncPolicy};
use foretell_store::verify::{VerifyOptions, verify};
use foretell_store::{OpenError, Recovery, Store, StoreOptions};
use model::history::DeviceFound;
use model::{BackupId, Clock, DeviceId, Labels, Metric, SeriesId, Status, Timestamp, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
const SERIES: usize = 5;

pub(crate) fn key() -> BackupKey {
    BackupKey::parse(KEY).unwrap()
}

pub(crate) fn options(dir: &Path) -> StoreOptions {
    let mut options = StoreOptions::new(dir);
    options.series = SeriesOptions {
        sync: SyncPolicy::EachBatch,
        maintain_every: None,
        scrub_bytes_per_sec_max: 0,
        ..SeriesOptions::default()
    };
    options
}

pub(crate) async fn open(dir: &Path, clock: Clock) -> Result<(Store, Recovery), OpenError> {
    open_unlocked(options(dir), clock).await
}

pub(crate) fn how() -> TakeOptions {
    TakeOptions {
        id: BackupId::new(),
        version: "test".to_owned(),
        key_file: None,
    }
}

/// Does what takes a lock, again where a child that another test starts holds it for a moment.
pub(crate) fn free<T>(mut work: impl FnMut() -> Result<T, BackupError>) -> Result<T, BackupError> {
    let began = Instant::now();
    loop {
        let done = work();
        let held = match &done {
            Err(BackupError::InUse { .. }) => true,
            Err(BackupError::Open(error)) => matches!(**error, OpenError::InUse { .. }),
            _ => false,
        };
        if !held || began.elapsed() > FORKED_MAX {
            return done;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn repository(
    folder: &Path,
    key: Option<&BackupKey>,
    access: Access,
) -> Result<Repository, BackupError> {
    free(|| Repository::open(folder, key, access))
}

/// A store with something of everything, and a folder for its backups.
pub(crate) struct Filled {
    pub(crate) fixture: Fixture,
    pub(crate) store: Store,
    pub(crate) device: DeviceId,
    pub(crate) series: Vec<SeriesId>,
    pub(crate) backups: TempDir,
}

impl Filled {
    pub(crate) async fn new() -> Self {
        Self::of(Fixture::quick()).await
    }

    /// The same with the data below a folder.
    pub(crate) async fn within(folder: &Path) -> Self {
        Self::of(Fixture::within(folder)).await
    }

    async fn of(fixture: Fixture) -> Self {
        let opened = open(fixture.dir.path(), fixture.clock()).await;
        let (store, _) = opened.unwrap();
        let device = device(1, fixture.now());
        let id = device.id;
        store.inventory.create(device).await.unwrap();
        let mut filled = Self {
            fixture,
            store,
            device: id,
            series: Vec::new(),
            backups: quick_folder(),
        };
        // Some hours are in packs, the last minutes in the log alone.
        for _ in 0..180 {
            filled.poll().await;
        }
        filled.store.series.maintain().await.unwrap();
        for _ in 0..10 {
            filled.poll().await;
        }
        let now = filled.fixture.now();
        let found = DeviceFound {
            at: now,
            status: Status::Down,
            interfaces_read: false,
            evidence: Vec::new(),
        };
        let record = Record::Device { id, found };
        filled.store.history.append(vec![record]).await.unwrap();
        let lines = (0..200).map(|n| line(now, &format!("a line of a log, number {n}")));
        filled.store.events.append(lines.collect()).await.unwrap();
        let profiles = filled.store.dir().join("profiles");
        fs::create_dir(&profiles).unwrap();
        fs::write(profiles.join("own.toml"), "name = \"own\"\n").unwrap();
        filled
    }

    /// One poll, a minute after the last.
    pub(crate) async fn poll(&mut self) {
        self.fixture.pass(Duration::from_mins(1));
        let key = |n: usize| {
            let labels = Labels::default().with("sensor", n.to_string());
            (Metric::SENSOR_OTHER, labels)
        };
        let keys = (0..SERIES).map(key).collect();
        let series = self.store.series.resolve(self.device, keys).await.unwrap();
        self.series = series.iter().map(|series| series.id).collect();
        let at = self.fixture.now();
        let number = at.unix_ms().unsigned_abs() / 60_000;
        let values = series.iter().zip(0..);
        let value = |n: u64| Value::U64(number.wrapping_mul(7_919).rotate_left(9) + n);
        let batch = Batch {
            device_id: self.device,
            at,
            values: values
                .map(|(series, n)| (series.column, value(n)))
                .collect(),
        };
        self.store.series.append(batch).await.unwrap();
    }

    pub(crate) fn samples(&self, store: &Store) -> Vec<Points> {
        let read = |id: &SeriesId| {
            let (from, to) = (
                Timestamp::from_unix_ms(0),
                Timestamp::from_unix_ms(i64::MAX),
            );
            store.series.read(*id, from, to).unwrap()
        };
        self.series.iter().map(read).collect()
    }

    pub(crate) async fn take(&self, key: Option<BackupKey>) -> Result<Summary, BackupError> {
        let folder = self.backups.path().to_owned();
        self.take_into(move || repository(&folder, key.as_ref(), Access::Write))
            .await
    }

    pub(crate) async fn take_into(
        &self,
        open: impl FnOnce() -> Result<Repository, BackupError> + Send + 'static,
    ) -> Result<Summary, BackupError> {
        let (store, clock) = (self.store.clone(), self.fixture.clock());
        let taken = tokio::task::spawn_blocking(move || {
            take(&store, &clock, &mut open()?, &how(), &Progress::default())
        });
        let taken = taken.await.unwrap();
        // What it gathers is let go of, however it ends.
        assert!(!self.store.dir().join("backup-staging").exists());
        taken
    }

    pub(crate) fn restore(
        &self,
        key: Option<&BackupKey>,
        how: RestoreOptions,
    ) -> (TempDir, Result<Restored, BackupError>) {
        let into = quick_folder();
        let restored = repository(self.backups.path(), key, Access::Read).and_then(|from| {
            let (clock, progress) = (self.fixture.clock(), Progress::default());
            restore(&from, into.path(), &how, &clock, &progress)
        });
        (into, restored)
    }
}

/// Every file of a folder and of those in it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn bytes(folder: &Path) -> u64 {
    let length = |path: &PathBuf| path.metadata().unwrap().len();
    files(folder).iter().map(length).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_is_there_again() {
    for encrypted in [false, true] {
        let filled = Filled::new().await;
        let given = encrypted.then(key);
        let taken = filled.take(given.clone()).await.unwrap();
        assert_eq!(taken.encrypted, encrypted);
        // The device and both copies of the data key.
        assert_eq!(taken.counts.documents, 3);
        assert!(taken.counts.pack_samples > 0, "{taken:?}");
        assert_eq!(taken.counts.series, SERIES as u64);
        assert_eq!((taken.counts.events, taken.counts.changes), (200, 1));
        let left_out: Vec<&str> = taken
            .left_out
            .iter()
            .map(|left| left.path.as_str())
            .collect();
        let without_key = ["secret.key"];
        let expected: &[&str] = if encrypted { &[] } else { &without_key };
        assert_eq!(left_out, expected);

        let (into, restored) = filled.restore(given.as_ref(), RestoreOptions::default());
        let restored = restored.unwrap();
        assert!(restored.is_whole(), "{:?}", restored.differs);
        assert_eq!(restored.counts, taken.counts);
        let odd = |path: &PathBuf| path.to_string_lossy().contains("damaged");
        assert!(!files(into.path()).iter().any(odd));
        let own = fs::read_to_string(into.path().join("profiles/own.toml")).unwrap();
        assert_eq!(own, "name = \"own\"\n");
        if !encrypted {
            let opened = open(into.path(), filled.fixture.clock()).await;
            assert!(
                matches!(opened, Err(OpenError::Vault(_))),
                "the key is missing"
            );
            let key = filled.store.dir().join("secret.key");
            fs::copy(key, into.path().join("secret.key")).unwrap();
        }
        let opened = open(into.path(), filled.fixture.clock()).await;
        let (store, recovery) = opened.unwrap();
        assert_eq!(recovery.series.damage, Vec::<String>::new());
        assert_eq!(recovery.damaged, vec![]);
        assert_eq!(filled.samples(&store), filled.samples(&filled.store));
        assert!(store.inventory.device(filled.device).is_some());
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_backup_of_an_idle_store_writes_a_hundredth() {
    let mut filled = Filled::new().await;
    // A summary is as long for a small store as for a large one.
    let day = filled.store.dir().join("profiles/large.toml");
    let mut chance = Chance(5);
    let octets: Vec<u8> = (0..3 << 20)
        .map(|_| chance.below(256).to_le_bytes()[0])
        .collect();
    fs::write(day, octets).unwrap();
    let first = filled.take(None).await.unwrap();
    let second = filled.take(None).await.unwrap();
    println!(
        "{} octets, then {}",
        first.bytes_written, second.bytes_written
    );
    assert!(
        second.bytes_written * 100 <= first.bytes_written,
        "{second:?}"
    );
    assert_eq!(second.counts, first.counts);
    filled.poll().await;
    let third = filled.take(None).await.unwrap();
    assert_eq!(third.counts.log_frames, first.counts.log_frames + 1);
    // Each can be had.
    for (taken, frames) in [
        (&first, first.counts.log_frames),
        (&third, third.counts.log_frames),
    ] {
        let how = RestoreOptions {
            id: Some(taken.id),
            ..RestoreOptions::default()
        };
        let restored = filled.restore(None, how).1.unwrap();
        assert!(restored.is_whole(), "{:?}", restored.differs);
        assert_eq!(
            (restored.backup.id, restored.counts.log_frames),
            (taken.id, frames)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_folder_is_backed_up_as_it_is() {
    let filled = Filled::new().await;
    let running = filled.take(None).await.unwrap();
    let dir = filled.store.dir().to_owned();
    let clock = filled.fixture.clock();
    let mut to = repository(filled.backups.path(), None, Access::Write).unwrap();
    let mut stopped = || {
        let (how, progress) = (how(), Progress::default());
        take_stopped(&options(&dir), &clock, &mut to, &how, &progress)
    };
    assert!(
        matches!(stopped(), Err(BackupError::Open(_))),
        "it is in use"
    );
    let Filled { store, fixture, .. } = filled;
    store.close().await.unwrap();
    drop(store);
    let taken = free(stopped).unwrap();
    assert_eq!(taken.counts, running.counts);
    drop(to);
    let into = quick_folder();
    let from = repository(filled.backups.path(), None, Access::Read).unwrap();
    let progress = Progress::default();
    let how = RestoreOptions::default();
    let restored = restore(&from, into.path(), &how, &fixture.clock(), &progress).unwrap();
    assert!(restored.is_whole(), "{:?}", restored.differs);
    assert_eq!(restored.backup.id, taken.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_locks_and_folders_are_refused_clearly() {
    let filled = Filled::new().await;
    filled.take(Some(key())).await.unwrap();
    let folder = filled.backups.path();
    let other = BackupKey::parse(&KEY.replace('7', "8")).unwrap();
    let refused = |folder: &Path, key: Option<&BackupKey>, access| {
        let opened = Repository::open(folder, key, access);
        opened
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let wrong = refused(folder, Some(&other), Access::Read);
    assert!(wrong.contains("the key is not the one"), "{wrong}");
    let needed = refused(folder, None, Access::List);
    assert!(needed.contains("are encrypted: name the key"), "{needed}");
    let plain = quick_folder();
    drop(Repository::open(plain.path(), None, Access::Write).unwrap());
    let useless = refused(plain.path(), Some(&other), Access::Write);
    assert!(useless.contains("are not encrypted"), "{useless}");
    let none = refused(Path::new("/nowhere/at/all"), None, Access::Read);
    assert!(none.contains("there are no backups in"), "{none}");
    let foreign = refused(filled.store.dir(), None, Access::Write);
    assert!(foreign.contains("holds no backups"), "{foreign}");

    let held = repository(folder, Some(&key()), Access::Write).unwrap();
    let again = folder.to_owned();
    let second = filled.take_into(move || Repository::open(&again, Some(&key()), Access::Write));
    let second = second.await.unwrap_err();
    assert!(matches!(second, BackupError::InUse { .. }), "{second}");
    assert_eq!(held.list().unwrap().0.len(), 1);
    drop(held);

    let from = repository(folder, Some(&key()), Access::Read).unwrap();
    let (clock, progress) = (filled.fixture.clock(), Progress::default());
    let how = RestoreOptions::default();
    let refused = restore(&from, filled.store.dir(), &how, &clock, &progress).unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty { .. }), "{refused}");
    let how = RestoreOptions {
        id: Some(BackupId::new()),
        ..how
    };
    let into = quick_folder();
    let refused = restore(&from, into.path(), &how, &clock, &progress).unwrap_err();
    assert!(matches!(refused, BackupError::NotFound { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_of_a_repository_is_noticed() {
    const FLIPS: u32 = 1_000;
    for given in [None, Some(key())] {
        let mut filled = Filled::new().await;
        filled.take(given.clone()).await.unwrap();
        filled.poll().await;
        filled.take(given.clone()).await.unwrap();
        let mut files = files(filled.backups.path());
        files.retain(|path| path.metadata().unwrap().len() > 0);
        let mut chance = Chance::new();
        let check = || {
            let opened = Repository::open(filled.backups.path(), given.as_ref(), Access::List);
            opened.and_then(|repository| repository.check(&Progress::default()))
        };
        assert_eq!(check().unwrap().damage, Vec::<String>::new());
        for flip in 0..FLIPS / 2 {
            // Each file in its turn, so that those of which there is one are among them.
            let path = &files[flip as usize % files.len()];
            let whole = fs::read(path).unwrap();
            let bit = chance.below(whole.len() as u64 * 8);
            let mut altered = whole.clone();
            altered[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
            fs::write(path, &altered).unwrap();
            match check() {
                Ok(checked) => assert!(checked.damaged > 0, "{} bit {bit}", path.display()),
                Err(BackupError::Damaged { .. }) => {}
                Err(other) => panic!("{}: {other}", path.display()),
            }
            fs::write(path, &whole).unwrap();
        }
        assert_eq!(check().unwrap().damaged, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_ends_a_restore_or_is_named_where_it_is_accepted() {
    let filled = Filled::new().await;
    filled.take(None).await.unwrap();
    let largest = |path: &PathBuf| path.metadata().unwrap().len();
    let chunks = files(&filled.backups.path().join("chunks"));
    let chunk = chunks.into_iter().max_by_key(largest).unwrap();
    fs::remove_file(&chunk).unwrap();
    let (into, refused) = filled.restore(None, RestoreOptions::default());
    let refused = refused.unwrap_err();
    assert!(matches!(refused, BackupError::Torn { .. }), "{refused}");
    // What was begun is no data folder.
    let opened = open(into.path(), filled.fixture.clock()).await;
    assert!(matches!(opened, Err(OpenError::Restoring { .. })));
    let how = RestoreOptions {
        accept_damage: true,
        ..RestoreOptions::default()
    };
    let restored = filled.restore(None, how).1.unwrap();
    assert_eq!(restored.damage.len(), 1, "{:?}", restored.damage);
    assert!(!restored.is_whole());
    // The next backup writes what is missing.
    filled.take(None).await.unwrap();
    assert!(chunk.exists());
    assert!(
        filled
            .restore(None, RestoreOptions::default())
            .1
            .unwrap()
            .is_whole()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_a_backup_and_nothing_else() {
    let mut filled = Filled::new().await;
    let keep = Keep {
        daily_max: 1,
        weekly_max: 0,
        monthly_max: 0,
    };
    let mut refused = 0;
    for at in [1, 2, 4, 6, 9, 14, 20, 30, 40, 50] {
        let folder = filled.backups.path().join(format!("full-{at}"));
        fs::create_dir(&folder).unwrap();
        let disk = FaultyDisk::beside(Fault::Full, at, &folder);
        let open = |disk: &FaultyDisk| {
            let (disk, folder) = (Arc::new(disk.clone()), folder.clone());
            move || free(|| Repository::open_on(disk.clone(), &folder, None, Access::Write))
        };
        let taken = filled.take_into(open(&disk)).await;
        if let Err(error) = &taken {
            assert!(error.is_full(), "call {at}: {error:?}");
            refused += 1;
        }
        // Samples are taken all the same, and as soon as there is room so are backups.
        filled.poll().await;
        disk.make_room();
        filled.take_into(open(&disk)).await.unwrap();
        let mut repository = repository(&folder, None, Access::Write).unwrap();
        repository.rotate(&keep, &Progress::default()).unwrap();
        let checked = repository.check(&Progress::default()).unwrap();
        assert_eq!(checked.damage, Vec::<String>::new(), "call {at}");
        let partial = |path: &PathBuf| path.to_string_lossy().ends_with(".partial");
        assert!(!files(&folder).iter().any(partial), "call {at}");
    }
    assert!(refused >= 8, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_backups_that_went_are_swept() {
    let mut filled = Filled::new().await;
    let extra = filled.store.dir().join("profiles/extra.toml");
    fs::write(&extra, "# only in the first\n".repeat(10_000)).unwrap();
    let first = filled.take(None).await.unwrap();
    fs::remove_file(&extra).unwrap();
    for _ in 0..3 {
        filled.fixture.pass(Duration::from_hours(24));
        filled.poll().await;
        filled.take(None).await.unwrap();
    }
    let keep = Keep {
        daily_max: 2,
        weekly_max: 0,
        monthly_max: 0,
    };
    let mut repository = repository(filled.backups.path(), None, Access::Write).unwrap();
    let before = bytes(filled.backups.path());
    let progress = Progress::default();
    let swept = repository.rotate(&keep, &progress).unwrap();
    assert_eq!(swept.snapshots, 2, "{swept:?}");
    assert!(swept.bytes > 150_000, "{swept:?}");
    assert!(bytes(filled.backups.path()) < before);
    assert!(!repository.has(first.id));
    assert_eq!(repository.list().unwrap().0.len(), 2);
    let checked = repository.check(&Progress::default()).unwrap();
    assert_eq!(checked.damage, Vec::<String>::new());
    assert_eq!(repository.sweep(&progress).unwrap().chunks, 0);
    // Nobody knows what a snapshot that cannot be read needs.
    let snapshot = files(&filled.backups.path().join("snapshots")).remove(0);
    fs::write(snapshot, "nonsense").unwrap();
    let refused = repository.sweep(&progress).unwrap_err();
    assert!(matches!(refused, BackupError::NotSwept { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_verified_and_what_is_damaged_is_named() {
    let filled = Filled::new().await;
    let dir = filled.store.dir().to_owned();
    let once = |deep| verify(&dir, VerifyOptions { deep }, &mut |_| ());
    assert!(once(false).is_err(), "it is in use");
    let look = |deep| free(|| once(deep).map_err(BackupError::from));
    let Filled { store, .. } = filled;
    store.close().await.unwrap();
    drop(store);
    for deep in [false, true] {
        let report = look(deep).unwrap();
        assert_eq!(report.damaged, 0, "{report:?}");
        assert_eq!(
            (report.counts.series, report.counts.events),
            (SERIES as u64, 200)
        );
        assert!(report.counts.pack_samples > 0 && report.counts.log_frames > 0);
    }
    let before: Vec<PathBuf> = files(&dir);
    for (ending, deep) in [
        (".pack", true),
        (".log", false),
        ("documents.sqlite3", true),
        ("series.sqlite", true),
    ] {
        let found = before
            .iter()
            .filter(|path| path.to_string_lossy().ends_with(ending));
        let path = found
            .max_by_key(|path| path.metadata().unwrap().len())
            .unwrap();
        let whole = fs::read(path).unwrap();
        let mut altered = whole.clone();
        // Where rows, sections and frames are.
        let place = match ending {
            ".pack" => whole.len() / 3,
            ".log" => whole.len() / 2,
            _ => 100,
        };
        altered[place] ^= 0x10;
        fs::write(path, &altered).unwrap();
        let report = look(deep).unwrap();
        assert!(report.damaged > 0, "{ending}");
        let name = path.strip_prefix(&dir).unwrap().to_string_lossy();
        let told = report.files.iter().find(|file| file.damaged > 0).unwrap();
        assert_eq!(told.path, name);
        fs::write(path, &whole).unwrap();
    }
    assert_eq!(look(true).unwrap().damaged, 0);
    assert_eq!(files(&dir), before, "nothing was changed");
    let missing = verify(&dir.join("nothing"), VerifyOptions::default(), &mut |_| ());
    assert!(missing.is_err());
    assert!(!dir.join("nothing").exists());
}
