//! The archive: closed days as Parquet in a folder or an object store, from where they are read and
//! brought back.
//!
//! Begin with [`Archive`]. [`Archive::run`] (`pass`) writes the days that are due: `write` makes their files
//! and has `compare` hold them against the revision before, `depot` puts them where they go, and a
//! [`Manifest`] makes them count once all was read back. What is there is looked over (`look`), whose it is
//! is `owner`'s. Nothing here deletes a sample of the store: that is retention's, which asks (`keep`) before
//! it removes what is not archived. Readers of the store come through `read`, which finds a series in a day (`lookup`) and
//! fetches the blocks that have it (`blocks`), each proved before a parser sees it. The layout is in
//! `docs/formats/archive.md`, reasons in decision 0119.

mod blocks;
mod compare;
mod days;
mod depot;
mod error;
mod fetch;
mod http;
mod keep;
mod look;
mod lookup;
mod manifest;
mod owner;
mod pass;
mod read;
mod restore;
mod sweep;
mod write;

pub use depot::{Depot, DepotError};
pub use error::ArchiveError;
pub use look::Checked;
pub use manifest::{BLOCK_BYTES, FileSums, Manifest};
pub use pass::Run;
pub use restore::Restored;

use crate::ArchivedDay;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect};
use crate::inventory::Inventory;
use crate::progress::Progress;
use crate::series::SeriesStore;
use blocks::Cache;
use days::Days;
use model::{Clock, Timestamp};
use read::Reading;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

/// What files and the owner's mark call themselves.
const FORMAT: &str = "foretell-archive";
/// The mark of the owner.
const OWNER: &str = "owner.json";
/// Octets of the mark that are read.
const OWNER_BYTES_MAX: u64 = 4_096;
/// Where the installation's own mark is kept, among the settings.
const INSTALLATION: &str = "archive_installation";
/// Days from the end of a day until it is archived, where nobody says otherwise.
pub const AFTER_DAYS_DEFAULT: u32 = 2;
/// Octets of the archive that are kept in memory, where nobody says otherwise.
pub const CACHE_BYTES_DEFAULT: u64 = 64 << 20;
/// How long is waited for one's turn until it is seen whether the work is to end.
const TURN_WAIT: Duration = Duration::from_secs(1);
/// How much longer archiving rests than it works: it takes a quarter of a core.
pub const REST_FACTOR_DEFAULT: u32 = 3;

/// Where and how days are archived.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// Where the archive lies.
    pub place: Place,
    /// Where the files of a day are made, 2 times its pack. Emptied at the start.
    pub staging: PathBuf,
    /// Days from the end of a day until it is archived.
    pub after_days: u32,
    /// Octets of the archive that are kept in memory for the next reader.
    pub cache_bytes_max: u64,
    /// Octets that are written to the archive in a second; as fast as it goes where it is not given.
    pub bytes_per_sec_max: Option<u64>,
    /// How much longer a pass rests than it worked.
    pub rest_factor: u32,
    /// Rows of a row group, where tests want fewer.
    #[doc(hidden)]
    pub row_group_rows: Option<usize>,
}

impl ArchiveOptions {
    /// The default options for a place.
    pub fn new(place: Place, staging: impl Into<PathBuf>) -> Self {
        Self {
            place,
            staging: staging.into(),
            after_days: AFTER_DAYS_DEFAULT,
            cache_bytes_max: CACHE_BYTES_DEFAULT,
            bytes_per_sec_max: None,
            rest_factor: REST_FACTOR_DEFAULT,
            row_group_rows: None,
        }
    }
}

/// Where the archive lies.
#[derive(Clone)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// An S3-compatible object store.
    S3(Box<S3Options>),
    /// Any store: for tests.
    Depot(Box<Depot>),
}

/// An S3-compatible object store.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// Where it is asked; Amazon's where it is not given.
    pub endpoint: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with.
    pub prefix: String,
    /// The region.
    pub region: String,
    /// Plain HTTP is spoken where the endpoint says so.
    pub allow_http: bool,
    /// Requests carry a checksum that the server checks; not all servers take it.
    pub checksums: bool,
    /// Who asks.
    pub credentials: Credentials,
    /// Certificates that are trusted besides those of this machine.
    pub trusted: Vec<CertificateDer<'static>>,
}

/// Who asks an object store.
#[derive(Clone)]
pub enum Credentials {
    /// Whoever has these keys.
    Keys {
        /// The name of the key.
        access_key_id: String,
        /// The key.
        secret_access_key: Zeroizing<String>,
        /// What goes with keys that are given for a time.
        session_token: Option<Zeroizing<String>>,
    },
    /// The machine, as the cloud that it is in says: asked at 169.254.169.254.
    Instance,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys { .. } => "Keys",
            Self::Instance => "Instance",
        })
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "folder {}", folder.display()),
            Self::S3(options) => {
                let endpoint = options.endpoint.as_deref().unwrap_or("s3");
                write!(f, "{endpoint} bucket {}", options.bucket)?;
                if options.prefix.is_empty() {
                    Ok(())
                } else {
                    write!(f, " under {}", options.prefix)
                }
            }
            Self::Depot(_) => f.write_str("a store of a test"),
        }
    }
}

/// What stands in the archive for whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    format: String,
    version: u32,
    installation: String,
}

/// What this installation calls itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Installation {
    id: String,
}

/// How the archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveStatus {
    /// Where it lies, without secrets.
    pub place: String,
    /// What this installation calls itself in it.
    pub installation: String,
    /// Whose it is, where that is another: then nothing is written.
    pub foreign: Option<String>,
    /// Archived days.
    pub days: u64,
    /// Samples in them.
    pub samples: u64,
    /// Octets of their files.
    pub bytes: u64,
    /// The oldest of them.
    pub oldest: Option<Timestamp>,
    /// The newest.
    pub newest: Option<Timestamp>,
    /// Days of them of which something was found damaged.
    pub damaged: u64,
    /// Closed days that are due and not archived as they are now.
    pub waiting: u64,
    /// The last pass.
    pub last: Option<Run>,
    /// What fails; none once a pass went well.
    pub failing: Option<String>,
    /// What was counted since the start.
    pub counts: ArchiveCounts,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveCounts {
    /// Days archived.
    pub days: u64,
    /// Passes that failed.
    pub runs_failed: u64,
    /// Milliseconds that passes took.
    pub took_ms: u64,
    /// Requests to the archive.
    pub operations: u64,
    /// Of them, those that failed.
    pub operations_failed: u64,
    /// Octets written to it.
    pub bytes_written: u64,
    /// Octets read from it.
    pub bytes_read: u64,
    /// Blocks fetched for readers.
    pub blocks_read: u64,
    /// Blocks that a reader found in memory.
    pub cache_hits: u64,
}

/// The archive. Cheap to clone.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

struct Inner {
    options: ArchiveOptions,
    reading: Arc<Reading>,
    inventory: Inventory,
    series: SeriesStore,
    clock: Clock,
    /// When it was looked over; not since the start.
    looked: Arc<Mutex<Option<Instant>>>,
    state: Mutex<State>,
    /// Held by whoever writes into the archive or looks it over, a day at a time where it is for long.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    foreign: Option<String>,
    last: Option<Run>,
    failing: Option<String>,
    days: u64,
    runs_failed: u64,
    took_ms: u64,
    /// How often archiving a day failed, of those that are still due.
    failures: BTreeMap<Timestamp, u32>,
}

/// Who works on the archive, and nobody else.
type Alone<'a> = tokio::sync::MutexGuard<'a, ()>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Archive {
    /// Opens the archive of a store, and has the store's readers reach it. Does not wait for it: where it
    /// is away that shows when it is asked. To be called on a runtime of several threads, which carries
    /// all that is asked of it.
    pub async fn open(
        options: ArchiveOptions,
        documents: Arc<dyn Documents>,
        (inventory, series): (Inventory, SeriesStore),
        clock: Clock,
    ) -> Result<Self, ArchiveError> {
        let installation = installation(&documents).await?;
        let days = Arc::new(Days::load(documents).await?);
        let runtime = Handle::current();
        let depot = match &options.place {
            Place::Folder(folder) => {
                let is_used = !days.all().is_empty();
                Depot::folder(folder, is_used, runtime)?
            }
            Place::S3(options) => Depot::s3(options, runtime)?,
            Place::Depot(depot) => depot.as_ref().clone(),
        };
        raise_generation(&series, days.greatest(), clock.now());
        doubt(&series, &days);
        let staging = options.staging.clone();
        let emptied = tokio::task::spawn_blocking(move || write::empty(&staging)).await;
        emptied.map_err(|error| ArchiveError::Settings {
            what: error.to_string(),
        })??;
        let cache = Arc::new(Cache::new(options.cache_bytes_max));
        let looked = Arc::default();
        let known = (days, Arc::clone(&looked));
        let reading = Arc::new(Reading::new(depot, cache, known, installation));
        series.set_cold(Arc::<Reading>::clone(&reading));
        series.set_keeper(Arc::<Reading>::clone(&reading));
        Ok(Self(Arc::new(Inner {
            options,
            reading,
            inventory,
            series,
            clock,
            looked,
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        })))
    }

    /// What is known of archived days, ascending.
    pub fn days(&self) -> Vec<ArchivedDay> {
        self.reading().days.all().values().cloned().collect()
    }

    /// How the archive is, as far as is known: nothing of it is asked. Looks at what there is of each day
    /// here: call it where blocking is allowed.
    pub fn status(&self) -> ArchiveStatus {
        let days = self.reading().days.all();
        let waiting = self.due(None).map_or(0, |due| due.len() as u64);
        let (depot, cache) = (self.reading().depot.counts(), &self.reading().cache);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let state = lock(&self.0.state);
        ArchiveStatus {
            place: self.0.options.place.to_string(),
            installation: self.reading().installation.clone(),
            foreign: state.foreign.clone(),
            days: days.len() as u64,
            samples: days.values().map(|day| day.samples).sum(),
            bytes: days.values().map(|day| day.bytes).sum(),
            oldest: days.keys().next().copied(),
            newest: days.keys().next_back().copied(),
            damaged: days.values().filter(|day| day.damaged.is_some()).count() as u64,
            waiting,
            last: state.last.clone(),
            failing: state.failing.clone(),
            counts: ArchiveCounts {
                days: state.days,
                runs_failed: state.runs_failed,
                took_ms: state.took_ms,
                operations: count(&depot.operations),
                operations_failed: count(&depot.failed),
                bytes_written: count(&depot.bytes_written),
                bytes_read: count(&depot.bytes_read),
                blocks_read: count(&cache.blocks_read),
                cache_hits: count(&cache.hits),
            },
        }
    }

    /// What retention asks before it removes samples of a day, and tells of it.
    pub fn keeper(&self) -> Arc<dyn crate::retention::Archiving> {
        Arc::<Reading>::clone(self.reading())
    }

    fn reading(&self) -> &Arc<Reading> {
        &self.0.reading
    }

    /// Waits until nobody else writes into the archive or looks it over, in the order of those who wait;
    /// ends early where `progress` says so.
    fn alone(&self, progress: &Progress) -> Result<Alone<'_>, ArchiveError> {
        let turn = async {
            // One place among those who wait.
            let mut turn = std::pin::pin!(self.0.writing.lock());
            loop {
                progress.go_on()?;
                if let Ok(alone) = tokio::time::timeout(TURN_WAIT, &mut turn).await {
                    return Ok(alone);
                }
            }
        };
        self.reading().depot.wait(turn)
    }

    /// As [`alone`](Self::alone), for so long; `None` where that was not long enough.
    fn alone_within(&self, wait: Duration) -> Option<Alone<'_>> {
        let turn = async { tokio::time::timeout(wait, self.0.writing.lock()).await };
        self.reading().depot.wait(turn).ok()
    }
}

/// Generations go on from the time of the start: where the store was brought back from a backup, all that
/// were given since, at less than one a millisecond, are below that. So no revision and no pack gets a number
/// again that the archive has, and what is deleted now hides in whatever it has.
fn raise_generation(series: &SeriesStore, greatest: Option<u64>, now: Timestamp) {
    let behind = greatest.map_or(0, |greatest| greatest.saturating_add(1));
    let by_time = u64::try_from(now.unix_ms()).unwrap_or(0);
    series.raise_generation(behind.max(by_time));
}

/// Days that were whole here and of which the packs that were archived are not here any more may have been
/// merged with what came to them, or were lost: until they are archived anew the archive is read as well.
fn doubt(series: &SeriesStore, days: &Days) {
    let here = series.packs_of_samples();
    for (day, known) in days.all().iter() {
        let is_here = |stamp: &String| here.contains(&(*day, stamp.clone()));
        if !known.thinned && !known.source.iter().all(is_here) {
            series.lacks_of(*day);
        }
    }
}

/// What this installation calls itself; made at the first start with an archive.
async fn installation(documents: &Arc<dyn Documents>) -> Result<String, ArchiveError> {
    let kept: Collection<Installation> = Collection::new(Arc::clone(documents), &catalog::SETTINGS);
    if let Some(known) = kept.get(INSTALLATION).await? {
        return Ok(known.body.id);
    }
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|error| ArchiveError::Settings {
        what: error.to_string(),
    })?;
    let new = Installation {
        id: hex::encode(octets),
    };
    kept.put(INSTALLATION, Expect::Any, &new).await?;
    Ok(new.id)
}

/// Rests after work, so that it takes only its share of a core.
struct Pace {
    factor: u32,
    since: Instant,
}

/// Work after which it is worth resting, and the longest rest.
const WORK_LEAST: Duration = Duration::from_millis(50);
const REST_MAX: Duration = Duration::from_secs(10);

impl Pace {
    fn new(factor: u32) -> Self {
        Self {
            factor,
            since: Instant::now(),
        }
    }

    fn rest(&mut self) {
        let worked = self.since.elapsed();
        if worked < WORK_LEAST {
            return;
        }
        std::thread::sleep(worked.saturating_mul(self.factor).min(REST_MAX));
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod going_tests;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod s3_tests;
#[cfg(test)]
mod safe_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod turn_tests;
