//! Days that are over go into the archive each hour. What is written, and how, is the store's; here it
//! is begun, and told: in `/metrics`, by readiness and notices.

use crate::config::{ArchiveSettings, S3Credentials};
use crate::exit::UsageError;
use crate::metrics::Encoder;
use crate::readiness::{Live, reason};
use crate::secrets;
use anyhow::Context as _;
use model::Clock;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::archive::{Archive, ArchiveOptions, ArchiveStatus, Credentials, Place, S3Options};
use store::progress::Progress;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long after the start the first pass begins: there is enough to do until then.
const FIRST_AFTER: Duration = Duration::from_mins(5);
/// From the end of a pass to the next.
const INTERVAL: Duration = Duration::from_hours(1);
/// How often it is looked what fails, as others than these passes use the archive too.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// The archive fails.
const FAILING: &str = "archive_failing";
/// It is that of another installation, and nothing is written.
const OF_ANOTHER: &str = "archive_of_another";
/// What it has of some days is damaged.
const DAMAGED: &str = "archive_damaged";

/// Where the files of a day are made, in the data folder.
const STAGING: &str = "archive-staging";

/// Variables with the key of an object store.
const KEY_ID: &str = "FORETELL_ARCHIVE_S3_ACCESS_KEY_ID";
const SECRET: &str = "FORETELL_ARCHIVE_S3_SECRET_ACCESS_KEY";
const TOKEN: &str = "FORETELL_ARCHIVE_S3_SESSION_TOKEN";

/// How the archive that the settings name is opened; `None` where they name none. Fails where they name
/// an object store and no key of it.
pub fn options(
    settings: &ArchiveSettings,
    data_dir: &Path,
) -> anyhow::Result<Option<ArchiveOptions>> {
    if !settings.is_set() {
        return Ok(None);
    }
    let place = if settings.s3_bucket.is_empty() {
        Place::Folder(settings.folder.clone())
    } else {
        Place::S3(Box::new(S3Options {
            endpoint: (!settings.s3_endpoint.is_empty()).then(|| settings.s3_endpoint.clone()),
            bucket: settings.s3_bucket.clone(),
            prefix: settings.s3_prefix.clone(),
            region: settings.s3_region.clone(),
            allow_http: settings.s3_allow_http,
            checksums: settings.s3_checksums,
            credentials: credentials(settings)?,
            trusted: Vec::new(),
        }))
    };
    let mut options = ArchiveOptions::new(place, data_dir.join(STAGING));
    options.after_days = settings.after_days;
    options.cache_bytes_max = settings.cache_bytes_max;
    options.bytes_per_sec_max =
        (settings.bytes_per_sec_max > 0).then_some(settings.bytes_per_sec_max);
    Ok(Some(options))
}

fn credentials(settings: &ArchiveSettings) -> anyhow::Result<Credentials> {
    if settings.s3_credentials == S3Credentials::Instance {
        return Ok(Credentials::Instance);
    }
    let read = |variable: &str, file: &Path| -> anyhow::Result<Option<String>> {
        let set = std::env::var_os(variable).is_some();
        let file = (!set && !file.as_os_str().is_empty()).then_some(file);
        let secret = secrets::from(set.then_some(variable), file)?;
        Ok(secret.map(|secret| secret.reveal().to_owned()))
    };
    let key = read(KEY_ID, &settings.s3_key_file).context("the key of the archive")?;
    let secret = read(SECRET, &settings.s3_secret_file).context("the key of the archive")?;
    let (Some(access_key_id), Some(secret_access_key)) = (key, secret) else {
        let text = format!(
            "the object store of the archive needs a key: set {KEY_ID} and {SECRET}, or \
             `archive.s3_key_file` and `archive.s3_secret_file`"
        );
        return Err(UsageError(text).into());
    };
    let session_token = read(TOKEN, Path::new("")).context("the key of the archive")?;
    Ok(Credentials::Keys {
        access_key_id,
        secret_access_key: secret_access_key.into(),
        session_token: session_token.map(Into::into),
    })
}

/// What it works with.
pub struct Context {
    /// The archive.
    pub archive: Archive,
    /// The present time.
    pub clock: Clock,
    /// What the operator should know.
    pub live: Live,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// Runs until the server stops. A pass that is under way then ends within a step; what it wrote of the
/// day that it was at counts for nothing and is written again.
pub async fn run(context: Context) {
    let progress = Arc::new(Progress::default());
    let passes = async {
        let mut wait = FIRST_AFTER;
        loop {
            tokio::time::sleep(wait).await;
            wait = INTERVAL;
            let (archive, progress) = (context.archive.clone(), Arc::clone(&progress));
            let pass = move || archive.run(None, &progress);
            let done = tokio::task::spawn_blocking(pass).await;
            match done {
                Ok(Err(error)) => warn!(error = %crate::chain(&error), "days were not archived"),
                Ok(Ok(_)) => {}
                Err(_) => warn!("archiving ended early, by a mistake of ours"),
            }
        }
    };
    let looks = async {
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let archive = context.archive.clone();
            if let Ok(status) = tokio::task::spawn_blocking(move || archive.status()).await {
                tell(&status, &context.live, context.clock.now());
            }
        }
    };
    tokio::select! {
        () = passes => {}
        () = looks => {}
        () = context.stop.cancelled() => progress.stop(),
    }
}

/// Tells what the operator should know, and takes back what is over.
fn tell(status: &ArchiveStatus, live: &Live, now: model::Timestamp) {
    let another = status.foreign.as_ref().map(|installation| {
        format!(
            "the archive belongs to another installation ({installation}): its days are read and none \
             are written; `foretell archive adopt` takes it over"
        )
    });
    let failing = status.failing.as_ref().filter(|_| another.is_none());
    let failing = failing.map(|error| format!("days are not archived: {error}"));
    let damaged = (status.damaged > 0).then(|| {
        format!(
            "{} archived days are damaged; `foretell archive list` names them",
            status.damaged
        )
    });
    for (code, detail, message) in [
        (OF_ANOTHER, "the archive is another installation's", another),
        (FAILING, "days are not archived", failing),
        (DAMAGED, "archived days are damaged", damaged),
    ] {
        match message {
            Some(message) => live.set(code, reason("archive", detail), message, now),
            None => live.clear(code),
        }
    }
}

/// What the archive has and did, as OpenMetrics has it.
pub(crate) fn encode(status: &ArchiveStatus, out: &mut Encoder<'_, '_>) -> fmt::Result {
    let counts = &status.counts;
    for (name, help, value) in [
        (
            "foretell_archive_written_days",
            "Days that were archived",
            counts.days,
        ),
        (
            "foretell_archive_failed",
            "Passes of archiving that failed in some part",
            counts.runs_failed,
        ),
        (
            "foretell_archive_requests",
            "Requests to the archive",
            counts.operations,
        ),
        (
            "foretell_archive_requests_failed",
            "Of these, those that failed",
            counts.operations_failed,
        ),
        (
            "foretell_archive_written_bytes",
            "Octets written to the archive",
            counts.bytes_written,
        ),
        (
            "foretell_archive_read_bytes",
            "Octets read from the archive",
            counts.bytes_read,
        ),
        (
            "foretell_archive_read_blocks",
            "Blocks that were fetched from the archive for readers",
            counts.blocks_read,
        ),
        (
            "foretell_archive_found_blocks",
            "Blocks that readers found in memory",
            counts.cache_hits,
        ),
    ] {
        out.counter(name, help, value)?;
    }
    out.counter_f64(
        "foretell_archive_pass_seconds",
        "Time that passes of archiving took, with their rests",
        counts.took_ms as f64 / 1e3,
    )?;
    for (name, help, value) in [
        ("foretell_archive_days", "Archived days", status.days),
        (
            "foretell_archive_bytes",
            "Octets of their files",
            status.bytes,
        ),
        (
            "foretell_archive_waiting_days",
            "Days that are due and not archived as they are now",
            status.waiting,
        ),
        (
            "foretell_archive_damaged_days",
            "Archived days of which something was found damaged",
            status.damaged,
        ),
    ] {
        out.gauge(name, help, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_place_there_is_no_archive_and_without_a_key_no_object_store() {
        let data = Path::new("/nowhere");
        assert!(
            options(&ArchiveSettings::default(), data)
                .unwrap()
                .is_none()
        );
        let folder = ArchiveSettings {
            folder: "/elsewhere".into(),
            ..ArchiveSettings::default()
        };
        let there = options(&folder, data).unwrap().unwrap();
        assert_eq!(there.place.to_string(), "folder /elsewhere");
        assert_eq!(there.staging, data.join(STAGING));
        assert_eq!(there.bytes_per_sec_max, None);
        let bucket = ArchiveSettings {
            s3_bucket: "samples".to_owned(),
            ..ArchiveSettings::default()
        };
        let refused = options(&bucket, data).unwrap_err().to_string();
        assert!(
            refused.contains(KEY_ID) && refused.contains("s3_secret_file"),
            "{refused}"
        );
        let machine = ArchiveSettings {
            s3_credentials: S3Credentials::Instance,
            ..bucket.clone()
        };
        assert!(options(&machine, data).is_ok());
        let keys = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = keys.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let with_files = ArchiveSettings {
            s3_key_file: file("id", "AKIA\n"),
            s3_secret_file: file("secret", "s3cr3t-of-tests\n"),
            ..bucket
        };
        let there = options(&with_files, data).unwrap().unwrap();
        let shown = format!("{there:?}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
