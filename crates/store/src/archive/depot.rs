//! Where the archive lies: a folder or an S3-compatible object store, both through `object_store`. Each
//! operation has its time and is counted; all of them block, so call them where that is allowed.
//!
//! Names are never given twice and nothing is renamed or copied, so that no store needs to know more than
//! putting, getting, listing and deleting.

use super::http::Wire;
use super::{ArchiveError, Credentials, OWNER, S3Options};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use model::Timestamp;
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};
use std::fs::File;
use std::future::Future;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Time for one operation; a part of 16 MiB takes as long at 1.1 Mbit/s.
const OPERATION_TIME: Duration = Duration::from_mins(2);
/// Octets from which on an object is put in parts, and those of a part. In memory at once.
const PART_BYTES: usize = 16 << 20;
/// Objects that are listed at most: 32 files a day for eighty years.
const LISTED_MAX: usize = 1_000_000;
/// Time for a list: a thousand pages of a thousand objects take minutes.
const LIST_TIME: Duration = Duration::from_mins(10);
/// How often a request is tried again that failed on its way, and for how long.
const RETRIES: usize = 5;
const RETRY_TIME: Duration = Duration::from_mins(1);

/// Where the archive lies. Cheap to clone.
#[derive(Clone)]
pub struct Depot {
    store: Arc<dyn ObjectStore>,
    prefix: Name,
    /// Where it is a folder.
    folder: Option<Arc<PathBuf>>,
    runtime: Handle,
    counts: Arc<Counts>,
}

/// What went to and fro since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) operations: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) bytes_written: AtomicU64,
    pub(super) bytes_read: AtomicU64,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Its name behind the prefix.
    pub(super) name: String,
    /// Since when it is there.
    pub(super) since: Timestamp,
}

/// The folder or object store did not do as it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {name} failed")]
pub struct DepotError {
    /// What was tried.
    pub operation: &'static str,
    /// Of which object.
    pub name: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
    late: bool,
}

impl DepotError {
    /// Whether it was the reader's time that ended.
    pub(super) fn is_late(&self) -> bool {
        self.late
    }

    /// Whether the object is not as long as it should be.
    pub(super) fn is_other_length(&self) -> bool {
        self.source.is::<Length>()
    }

    /// Whether there is no such object.
    pub(super) fn is_missing(&self) -> bool {
        let source = self.source.downcast_ref::<object_store::Error>();
        source.is_some_and(|error| matches!(error, object_store::Error::NotFound { .. }))
    }

    /// Whether the archive itself is not there.
    pub(super) fn is_unmarked(&self) -> bool {
        self.source.is::<Unmarked>()
    }

    /// Whether the object is longer than any of its kind is read.
    pub(super) fn is_too_long(&self) -> bool {
        let length = self.source.downcast_ref::<Length>();
        length.is_some_and(|length| length.found > length.expected)
    }
}

/// The archive is not where it was: its mark is missing, as where a disk is not mounted. What is missing
/// there says nothing of the archive.
#[derive(Debug, thiserror::Error)]
#[error("it is not there, and {OWNER} is not either: is the archive's disk mounted?")]
struct Unmarked;

/// An object has the name that was to be given to a new one.
#[derive(Debug, thiserror::Error)]
#[error("there is one of that name already, which stays")]
struct There;

/// What the store answered is not what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{found} octets where {expected} are expected")]
struct Length {
    expected: u64,
    found: u64,
}

impl Depot {
    /// A folder, which is made where it is not there, but not where it was used before: where the disk that
    /// it is on is missing, it would be made on another. What is written is synced.
    pub fn folder(folder: &Path, is_used: bool, runtime: Handle) -> Result<Self, ArchiveError> {
        if is_used && !folder.is_dir() {
            let path = folder.to_owned();
            return Err(ArchiveError::NoFolder { path });
        }
        std::fs::create_dir_all(folder).map_err(super::error::failed("making", folder))?;
        let opened = LocalFileSystem::new_with_prefix(folder);
        let store = opened.map_err(|error| ArchiveError::Settings {
            what: error.to_string(),
        })?;
        let store = store.with_fsync(true);
        Ok(Self {
            folder: Some(Arc::new(folder.to_owned())),
            ..Self::of(Arc::new(store), "", runtime)
        })
    }

    /// A bucket of an object store.
    pub fn s3(options: &S3Options, runtime: Handle) -> Result<Self, ArchiveError> {
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_TIME,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&options.bucket)
            .with_region(&options.region)
            .with_allow_http(options.allow_http)
            .with_retry(retry)
            .with_http_connector(Wire::new(options.allow_http, &options.trusted)?);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if options.checksums {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        match &options.credentials {
            // Without keys the library asks 169.254.169.254 of itself.
            Credentials::Instance => {}
            Credentials::Keys {
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                if access_key_id.is_empty() || secret_access_key.is_empty() {
                    let what = "the keys of the object store are missing".to_owned();
                    return Err(ArchiveError::Settings { what });
                }
                builder = builder
                    .with_access_key_id(access_key_id)
                    .with_secret_access_key(secret_access_key.as_str());
                if let Some(token) = session_token {
                    builder = builder.with_token(token.as_str());
                }
            }
        }
        let store = builder.build().map_err(|error| ArchiveError::Settings {
            what: error.to_string(),
        })?;
        Ok(Self::of(Arc::new(store), &options.prefix, runtime))
    }

    /// Any store, under a prefix: for tests.
    pub fn of(store: Arc<dyn ObjectStore>, prefix: &str, runtime: Handle) -> Self {
        Self {
            store,
            prefix: Name::from(prefix),
            folder: None,
            runtime,
            counts: Arc::default(),
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Waits for something that is not blocking.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// What carries all that is asked.
    pub(super) fn runtime(&self) -> Handle {
        self.runtime.clone()
    }

    /// The folder that it is, where it is one.
    pub(super) fn as_folder(&self) -> Option<&Path> {
        self.folder.as_deref().map(PathBuf::as_path)
    }

    /// Puts a file under a name that no object has, in parts where it is large, and sees that it is there
    /// as long as it is.
    pub(super) fn put_file(&self, name: &str, file: &Path) -> Result<(), ArchiveError> {
        self.must_be_new(name)?;
        let reading = || super::error::failed("reading", file);
        let mut opened = File::open(file).map_err(reading())?;
        let bytes = opened.metadata().map_err(reading())?.len();
        if bytes <= PART_BYTES as u64 {
            let octets = std::fs::read(file).map_err(reading())?;
            return Ok(self.put(name, octets.into())?);
        }
        let at = self.name(name);
        let operation = "putting";
        let mut upload = self.run(operation, name, None, async {
            self.store.put_multipart(&at).await
        })?;
        let mut parts = || -> Result<(), ArchiveError> {
            let mut left = bytes;
            while left > 0 {
                let length = left.min(PART_BYTES as u64);
                let mut part = Vec::with_capacity(PART_BYTES);
                (&mut opened)
                    .take(length)
                    .read_to_end(&mut part)
                    .map_err(reading())?;
                if part.len() as u64 != length {
                    return Err(reading()(std::io::ErrorKind::UnexpectedEof.into()));
                }
                self.run(operation, name, None, upload.put_part(part.into()))?;
                count(&self.counts.bytes_written, length);
                left -= length;
            }
            self.run(operation, name, None, upload.complete())?;
            Ok(())
        };
        if let Err(error) = parts() {
            // Object stores keep parts, and ask money for them, until they are given up.
            let _given_up = self.run("giving up", name, None, upload.abort());
            return Err(error);
        }
        Ok(self.is_as_long(name, bytes)?)
    }

    /// Puts an object that is in memory.
    pub(super) fn put(&self, name: &str, octets: Bytes) -> Result<(), DepotError> {
        let (at, bytes) = (self.name(name), octets.len() as u64);
        self.run("putting", name, None, async {
            self.store.put(&at, PutPayload::from(octets)).await
        })?;
        count(&self.counts.bytes_written, bytes);
        self.is_as_long(name, bytes)
    }

    /// As [`put`](Self::put), under a name that no object has. Not all stores can put on that condition, so
    /// that they are asked before.
    pub(super) fn put_new(&self, name: &str, octets: Bytes) -> Result<(), DepotError> {
        self.must_be_new(name)?;
        self.put(name, octets)
    }

    fn must_be_new(&self, name: &str) -> Result<(), DepotError> {
        let at = self.name(name);
        match self.run("looking at", name, None, self.store.head(&at)) {
            Ok(_) => Err(DepotError {
                operation: "putting",
                name: name.to_owned(),
                source: Box::new(There),
                late: false,
            }),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Fails where an object is not there, or not as long.
    pub(super) fn is_as_long(&self, name: &str, expected: u64) -> Result<(), DepotError> {
        let found = self.length(name, None)?;
        as_long("looking at", name, expected, found)
    }

    /// How many octets an object has.
    pub(super) fn length(&self, name: &str, deadline: Option<Instant>) -> Result<u64, DepotError> {
        let at = self.name(name);
        let about = self.run("looking at", name, deadline, self.store.head(&at));
        let about = about.map_err(|error| self.if_marked(error, deadline))?;
        Ok(about.size)
    }

    /// That an object is missing, where the archive's mark is there; else that this is missing.
    fn if_marked(&self, error: DepotError, deadline: Option<Instant>) -> DepotError {
        if !error.is_missing() || error.name == OWNER {
            return error;
        }
        let mark = self.name(OWNER);
        match self.run("looking at", OWNER, deadline, self.store.head(&mark)) {
            Ok(_) => error,
            Err(no_mark) if no_mark.is_missing() => DepotError {
                source: Box::new(Unmarked),
                ..error
            },
            Err(away) => away,
        }
    }

    /// Octets of an object, all that were asked for.
    pub(super) fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        deadline: Option<Instant>,
    ) -> Result<Bytes, DepotError> {
        let (at, expected) = (self.name(name), range.end.saturating_sub(range.start));
        let got = self.run("reading", name, deadline, self.store.get_range(&at, range));
        let got = got.map_err(|error| self.if_marked(error, deadline))?;
        count(&self.counts.bytes_read, got.len() as u64);
        as_long("reading", name, expected, got.len() as u64)?;
        Ok(got)
    }

    /// All octets of an object of no more than so many.
    pub(super) fn get_all(
        &self,
        name: &str,
        max: u64,
        deadline: Option<Instant>,
    ) -> Result<Bytes, DepotError> {
        let length = self.length(name, deadline)?;
        if length > max {
            return as_long("reading", name, max, length).map(|()| Bytes::new());
        }
        if length == 0 {
            return Ok(Bytes::new());
        }
        self.get_range(name, 0..length, deadline)
    }

    /// The objects whose names begin with folders, in no order.
    pub(super) fn list(&self, under: &str) -> Result<Vec<Object>, ArchiveError> {
        let mut objects = Vec::new();
        self.each(under, |object| objects.push(object))?;
        Ok(objects)
    }

    /// Hands over the objects whose names begin with folders, in no order, with none of them in memory
    /// afterwards.
    pub(super) fn each(
        &self,
        under: &str,
        mut see: impl FnMut(Object),
    ) -> Result<(), ArchiveError> {
        let (at, mut count) = (self.name(under), 0);
        let all = async {
            let mut listed = self.store.list(Some(&at)).take(LISTED_MAX + 1);
            while let Some(about) = listed.try_next().await? {
                count += 1;
                let Some(parts) = about.location.prefix_match(&self.prefix) else {
                    continue;
                };
                let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
                see(Object {
                    name: parts.join("/"),
                    since: Timestamp::from_unix_ms(about.last_modified.timestamp_millis()),
                });
            }
            Ok::<_, object_store::Error>(())
        };
        self.run_within(LIST_TIME, "listing", under, None, all)?;
        if count > LISTED_MAX {
            return Err(ArchiveError::TooMany {
                what: "objects in the archive",
                max: LISTED_MAX,
            });
        }
        Ok(())
    }

    /// Removes an object; that it is not there is as good.
    pub(super) fn delete(&self, name: &str) -> Result<(), DepotError> {
        let at = self.name(name);
        match self.run("removing", name, None, self.store.delete(&at)) {
            Err(error) if error.is_missing() => Ok(()),
            done => done,
        }
    }

    fn name(&self, name: &str) -> Name {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(self.prefix.clone(), Name::join)
    }

    /// Waits for an operation, no longer than its time and the reader's.
    fn run<T>(
        &self,
        operation: &'static str,
        name: &str,
        deadline: Option<Instant>,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, DepotError> {
        self.run_within(OPERATION_TIME, operation, name, deadline, work)
    }

    fn run_within<T>(
        &self,
        most: Duration,
        operation: &'static str,
        name: &str,
        deadline: Option<Instant>,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, DepotError> {
        count(&self.counts.operations, 1);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let time = left.map_or(most, |left| left.min(most));
        let done = self.runtime.block_on(async {
            let work = async {
                if time.is_zero() {
                    std::future::pending::<()>().await;
                }
                work.await
            };
            tokio::time::timeout(time, work).await
        });
        let failed = |source, late| {
            count(&self.counts.failed, 1);
            DepotError {
                operation,
                name: name.to_owned(),
                source,
                late,
            }
        };
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(failed(error.into(), false)),
            Err(late) => Err(failed(late.into(), time < most)),
        }
    }
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn as_long(
    operation: &'static str,
    name: &str,
    expected: u64,
    found: u64,
) -> Result<(), DepotError> {
    if found == expected {
        return Ok(());
    }
    Err(DepotError {
        operation,
        name: name.to_owned(),
        source: Box::new(Length { expected, found }),
        late: false,
    })
}
