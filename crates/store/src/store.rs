//! The store as a whole: opening the data folder, and what was found to be mended.

use crate::accounts::Accounts;
use crate::ages::Ages;
use crate::anomalies::Anomalies;
#[cfg(feature = "archive")]
use crate::archive::{Archive, ArchiveOptions};
use crate::archived_day::Shut;
use crate::audit::Audit;
use crate::catalog;
use crate::checks::Checks;
use crate::credentials::Credentials;
use crate::discoveries::Discoveries;
use crate::documents::sqlite::{SqliteDocuments, SqliteOptions, Upgrade};
use crate::documents::{Collection, Damage, Documents, Expect, Query, Stored};
use crate::events::{EventOptions, EventStore};
use crate::folder::Folder;
use crate::forecasts::Forecasts;
use crate::history::{History, HistoryError, HistoryOptions, Record};
use crate::idempotency::IdempotencyKeys;
use crate::ignored::IgnoredCandidates;
use crate::inventory::Inventory;
use crate::jobs::Jobs;
use crate::own_metrics::OwnMetrics;
use crate::retention::{Archiving, Retention};
use crate::rules::Rules;
use crate::scaling::ScalingTriggers;
use crate::schedules::Schedules;
use crate::series::{SeriesOptions, SeriesRecovery, SeriesStore};
use crate::settings::Settings;
use crate::vault::{Key, Sealed, Vault, VaultError, key_file};
use crate::{ArchivedDay, OpenError, StoreError};
use model::device::Device;
use model::history::MaintenanceWindow;
use model::{Clock, DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tracing::warn;

/// Where and how to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The data folder; made where it is not there.
    pub dir: PathBuf,
    /// The key file; none means `secret.key` in the data folder, made at the first start.
    pub key_file: Option<PathBuf>,
    /// How the documents are kept.
    pub documents: SqliteOptions,
    /// How the series are kept.
    pub series: SeriesOptions,
    /// How the history is kept.
    pub history: HistoryOptions,
    /// How the events are kept.
    pub events: EventOptions,
    /// Where days are archived; none: nowhere.
    #[cfg(feature = "archive")]
    pub archive: Option<ArchiveOptions>,
}

impl StoreOptions {
    /// The default options for a data folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            key_file: None,
            documents: SqliteOptions::default(),
            series: SeriesOptions::default(),
            history: HistoryOptions::default(),
            events: EventOptions::default(),
            #[cfg(feature = "archive")]
            archive: None,
        }
    }
}

/// What was found when the store was opened.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Documents that are damaged or missing: all that are known, not only those found now.
    pub damaged: Vec<Damage>,
    /// What was done to documents of an older server.
    pub upgrade: Upgrade,
    /// Runs of discovery that were at work when the server stopped.
    pub discoveries_interrupted: usize,
    /// Jobs that were waiting or at work when the server stopped.
    pub jobs_interrupted: usize,
    /// What was brought back of the series.
    pub series: SeriesRecovery,
    /// What of the history was found damaged and set aside, each named.
    pub history: Vec<String>,
    /// What of the events was found damaged and set aside, each named.
    pub events: Vec<String>,
}

/// The documents of a data folder alone, without a key: to take them out or put them in while no
/// server has the folder. It stays locked for as long as this lives.
pub struct DocumentsAlone {
    /// The documents. What is sealed in them stays so.
    pub documents: SqliteDocuments,
    _folder: Folder,
}

impl DocumentsAlone {
    /// Opens the data folder, made where it is not there; waits for the disk.
    pub fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        let folder = Folder::open(&options.dir)?;
        let path = folder.documents();
        let documents = SqliteDocuments::open(&path, catalog::ALL, &options.documents)?;
        Ok(Self {
            documents,
            _folder: folder,
        })
    }
}

/// Everything that is kept. Cheap to clone; the data folder stays locked until the last clone is
/// gone.
#[derive(Clone)]
pub struct Store {
    /// The documents themselves.
    pub documents: Arc<dyn Documents>,
    /// Devices and what is known of them.
    pub inventory: Inventory,
    /// What devices are asked with.
    pub credentials: Credentials,
    /// Runs of discovery.
    pub discoveries: Discoveries,
    /// Schedules of discoveries.
    pub schedules: Schedules,
    /// Rules for what discoveries find.
    pub rules: Rules,
    /// Addresses that are not to be offered.
    pub ignored: IgnoredCandidates,
    /// Checks of services.
    pub checks: Checks,
    /// What was out of the ordinary.
    pub anomalies: Anomalies,
    /// Who may sign in.
    pub accounts: Accounts,
    /// Requests that are done once, however often they are sent.
    pub idempotency: IdempotencyKeys,
    /// Long work that somebody asked for.
    pub jobs: Jobs,
    /// Metrics that users made.
    pub metrics: OwnMetrics,
    /// What is set once for the whole server.
    pub settings: Settings,
    /// What is forecast.
    pub forecasts: Forecasts,
    /// What is raised before an overload.
    pub scaling: ScalingTriggers,
    /// How long what was measured is kept.
    pub retention: Retention,
    /// The time by which it is told how old something is.
    pub ages: Ages,
    /// Who changed what was measured.
    pub audit: Audit,
    /// What was measured.
    pub series: SeriesStore,
    /// How devices and interfaces were.
    pub history: History,
    /// Lines of logs, traps, tops of flows.
    pub events: EventStore,
    /// Archived days, where there is an archive.
    #[cfg(feature = "archive")]
    pub archive: Option<Archive>,
    /// Seals secrets.
    pub vault: Vault,
    folder: Arc<Folder>,
}

impl Store {
    /// Opens the data folder. Damage is set aside and told in [`Recovery`]; what stops the start
    /// is another server on the same folder, files of a newer Foretell, a missing or wrong key,
    /// or a disk that does not answer.
    pub async fn open(options: StoreOptions, clock: Clock) -> Result<(Self, Recovery), OpenError> {
        let StoreOptions {
            dir,
            key_file,
            documents,
            series,
            history,
            events,
            #[cfg(feature = "archive")]
            archive,
        } = options;
        let (series_clock, anomalies_clock) = (clock.clone(), clock.clone());
        let opened = blocking(move || -> Result<_, OpenError> {
            let folder = Arc::new(Folder::open(&dir)?);
            folder.clear_staging();
            let path = folder.documents();
            let documents = SqliteDocuments::open(&path, catalog::ALL, &documents)?;
            Ok((folder, documents))
        });
        let (folder, documents) = opened.await?;
        let upgrade = documents.upgrade().clone();
        let documents: Arc<dyn Documents> = Arc::new(documents);
        // Before the series, which keep what they do not know under its name alone.
        let metrics = OwnMetrics::load(documents.clone(), clock.clone()).await?;
        let archived = archived_days(&documents).await?;
        let settings = Settings::new(documents.clone());
        let ages = Ages::load(settings.clone()).await?;
        let clocks = (clock.clone(), ages.clock(clock.clone()));
        let (history_clocks, events_clocks) = (clocks.clone(), clocks);
        let beside = folder.clone();
        let opened = blocking(move || -> Result<_, OpenError> {
            let series = SeriesStore::open(&beside.series(), series, series_clock)?;
            series.0.note_archived(archived);
            let history = History::open_aged(&beside.history(), history, history_clocks)?;
            let events = EventStore::open_aged(&beside.events(), events, events_clocks)?;
            Ok((series, history, events))
        });
        let ((series, series_recovery), history, events) = opened.await?;
        let ((history, history_damage), (events, events_damage)) = (history, events);
        let vault = open_vault(&documents, key_file, &folder).await?;
        let inventory = Inventory::load(documents.clone(), clock.clone()).await?;
        let discoveries = Discoveries::new(documents.clone(), clock.clone());
        let interrupted = discoveries.end_interrupted().await;
        let discoveries_interrupted = though_full(interrupted, "ending interrupted discoveries")?;
        let jobs = Jobs::new(documents.clone(), clock.clone());
        let interrupted = jobs.end_interrupted().await;
        let jobs_interrupted = though_full(interrupted, "ending interrupted jobs")?;
        let accounts = Accounts::new(documents.clone(), vault.clone(), clock.clone());
        let forgotten = accounts.sessions.forget_ended().await;
        though_full(forgotten, "forgetting sessions")?;
        let idempotency =
            IdempotencyKeys::load(documents.clone(), vault.clone(), clock.clone()).await?;
        let audit = Audit::new(documents.clone(), clock.clone(), ages.clock(clock.clone()));
        though_full(audit.end_interrupted().await, "telling what was broken off")?;
        let recovery = Recovery {
            damaged: documents.damaged().await?,
            upgrade,
            discoveries_interrupted,
            jobs_interrupted,
            series: series_recovery,
            history: history_damage,
            events: events_damage,
        };
        let retention = Retention::load(documents.clone()).await?;
        #[cfg(feature = "archive")]
        let archive = {
            let kept = (&inventory, &series, &retention);
            open_archive(archive, &documents, kept, clock.clone()).await?
        };
        #[cfg(not(feature = "archive"))]
        shut_archive(&documents, &series, &retention).await?;
        let store = Self {
            inventory,
            credentials: Credentials::new(documents.clone(), vault.clone(), clock),
            discoveries,
            schedules: Schedules::new(documents.clone()),
            checks: Checks::load(documents.clone()).await?,
            forecasts: Forecasts::load(documents.clone()).await?,
            scaling: ScalingTriggers::load(documents.clone(), vault.clone()).await?,
            anomalies: Anomalies::load(documents.clone(), ages.clock(anomalies_clock)).await?,
            rules: Rules::new(documents.clone()),
            ignored: IgnoredCandidates::new(documents.clone()),
            accounts,
            idempotency,
            jobs,
            metrics,
            settings,
            retention,
            ages,
            #[cfg(feature = "archive")]
            archive,
            audit,
            series,
            history,
            events,
            documents,
            vault,
            folder,
        };
        Ok((store, recovery))
    }

    /// The data folder.
    pub fn dir(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Deletes a device with all that is known and was measured of it. [`StoreError::Held`] where a
    /// hold keeps its samples.
    pub async fn delete_device(&self, id: DeviceId, expect: Expect) -> Result<(), StoreError> {
        let attached = || self.inventory.attached();
        let may_delete = self.retention.may_delete(id, &self.series, attached);
        let _no_hold_meanwhile = may_delete.await?;
        let record = self.inventory.device(id);
        self.inventory.delete(id, expect).await?;
        let interfaces = record.iter().flat_map(|record| record.interfaces.iter());
        let interfaces = interfaces.map(|interface| interface.id);
        if let Err(error) = self.history.forget(id, interfaces).await {
            // Nobody asks for it any more, and it goes with its months.
            warn!(device.id = %id, error = ?error, "history of a deleted device not deleted");
        }
        let deleted = self.series.delete_device(id).await;
        deleted.map_err(|source| StoreError::Series {
            device_id: id,
            source: Arc::new(source),
        })
    }

    /// Writes a device that is there, where it is still at the expected revision. A maintenance that
    /// ends by it is put into the history first, for a crash between the two must not lose it; that
    /// it is there and not over does no harm.
    pub async fn update_device(
        &self,
        device: Device,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Arc<Stored<Device>>, StoreError> {
        let before = self.inventory.device(device.id);
        let work = before.and_then(|record| record.device.body.maintenance.clone());
        if let (Some(work), None) = (work, &device.maintenance) {
            let window = MaintenanceWindow {
                from: work.since.max(device.created_at),
                to: work.until.unwrap_or(now).min(now),
                reason: work.reason,
            };
            let record = Record::Maintenance {
                id: device.id,
                window,
            };
            let kept = self.history.append(vec![record]).await;
            kept.map_err(of_history)?;
        }
        self.inventory.update(device, expect).await
    }

    /// Finishes what was begun and closes the files. What is asked later is refused.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.events.close().await;
        self.history.close().await;
        self.series.close().await;
        self.documents.close().await
    }
}

fn of_history(error: HistoryError) -> StoreError {
    match error {
        HistoryError::File { ref source, .. } if error.is_full() => StoreError::Full {
            source: Arc::clone(source),
        },
        error => StoreError::History(error),
    }
}

/// Opens the archive, where one is named, and has retention wait for it.
#[cfg(feature = "archive")]
async fn open_archive(
    options: Option<ArchiveOptions>,
    documents: &Arc<dyn Documents>,
    (inventory, series, retention): (&Inventory, &SeriesStore, &Retention),
    clock: Clock,
) -> Result<Option<Archive>, OpenError> {
    let Some(options) = options else {
        shut_archive(documents, series, retention).await?;
        return Ok(None);
    };
    let kept = (inventory.clone(), series.clone());
    let opened = Archive::open(options, Arc::clone(documents), kept, clock);
    let archive = opened.await.map_err(Box::new)?;
    retention.set_archive(archive.keeper());
    Ok(Some(archive))
}

/// Without an archive what is known of archived days is kept true all the same, for when there is one again.
async fn shut_archive(
    documents: &Arc<dyn Documents>,
    series: &SeriesStore,
    retention: &Retention,
) -> Result<(), StoreError> {
    let shut = Shut::load(Arc::clone(documents)).await?;
    let days = shut.count();
    if days == 0 {
        return Ok(());
    }
    warn!(days, "archived days are not read, as no archive is named");
    let shut: Arc<dyn Archiving> = Arc::new(shut);
    series.set_keeper(Arc::clone(&shut));
    retention.set_archive(shut);
    Ok(())
}

/// What can wait until there is room on the disk does not keep the server from starting.
fn though_full(done: Result<usize, StoreError>, what: &str) -> Result<usize, StoreError> {
    match done {
        Err(e @ StoreError::Full { .. }) => {
            warn!(error = %e, "{what} is put off");
            Ok(0)
        }
        done => done,
    }
}

/// Does work that waits for the disk where that keeps nobody else from being served.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never cancelled; what is left is a panic, which goes on here.
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}

/// The data key as it is kept, twice: without it all that is sealed is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct WrappedKey {
    /// The key, wrapped by that of the key file.
    wrapped: Sealed,
}

/// Ids of the two copies.
const COPIES: [&str; 2] = ["data_key", "data_key_copy"];
/// Collections whose sealed parts nobody can do without.
static SEALED: [&crate::documents::CollectionSpec; 2] =
    [&catalog::CREDENTIALS, &catalog::SIGNING_KEYS];

/// The days that are known to be archived by their starts, each with its revision, whether there is an
/// archive or not.
async fn archived_days(
    documents: &Arc<dyn Documents>,
) -> Result<BTreeMap<Timestamp, u64>, StoreError> {
    let kept: Collection<ArchivedDay> =
        Collection::new(Arc::clone(documents), &catalog::ARCHIVED_DAYS);
    let all = kept.all(Query::default()).await?.into_iter();
    Ok(all.map(|day| (day.body.day, day.body.revision)).collect())
}

async fn open_vault(
    documents: &Arc<dyn Documents>,
    named: Option<PathBuf>,
    folder: &Folder,
) -> Result<Vault, OpenError> {
    let kept: Collection<WrappedKey> = Collection::new(documents.clone(), &catalog::VAULT);
    let mut copies = Vec::new();
    for id in COPIES {
        match kept.get(id).await {
            Ok(Some(copy)) => copies.push(copy.body),
            Ok(None) => {}
            Err(e @ (StoreError::Damaged { .. } | StoreError::Shape { .. })) => {
                warn!(error = %e, "a copy of the data key is lost");
            }
            Err(e) => return Err(e.into()),
        }
    }
    let mut encrypted = !copies.is_empty();
    for collection in SEALED {
        encrypted |= documents.count(collection, None).await? > 0;
    }
    let made_by_us = named.is_none();
    let path = named.unwrap_or_else(|| folder.key_file());
    let outer = match key_file::read(&path)? {
        Some(key) => key,
        None if encrypted => return Err(VaultError::KeyMissing { path }.into()),
        None if made_by_us => key_file::make(&path)?,
        None => return Err(VaultError::KeyFileNotFound { path }.into()),
    };
    if encrypted && copies.is_empty() {
        return Err(VaultError::DataKeyLost.into());
    }
    let data_key = match copies.iter().find_map(|c| outer.unwrap_key(&c.wrapped)) {
        Some(key) => key,
        None if encrypted => return Err(VaultError::KeyWrong { path }.into()),
        None => Key::random()?,
    };
    if copies.len() < COPIES.len() {
        let copy = match copies.into_iter().next() {
            Some(copy) => copy,
            None => WrappedKey {
                wrapped: outer.wrap(&data_key)?,
            },
        };
        let changes = COPIES
            .iter()
            .map(|id| kept.change(id, Expect::Any, &copy))
            .collect::<Result<_, _>>()?;
        documents.write(changes).await?;
    }
    Ok(Vault::new(data_key))
}
