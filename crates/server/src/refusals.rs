//! Samples that are refused since the log cannot be written, as on a full disk: told by readiness and a
//! notice while it lasts. The health of the network is appended each minute, so that where the disk has
//! room again this ends within one, also where no device is polled and nobody sends anything.

use crate::readiness::{Live, reason};
use model::{Clock, Timestamp};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::series::{LogFailing, SeriesStore};
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// There is no room for samples.
const FULL: &str = "disk_full";
/// The disk fails in another way.
const FAILING: &str = "disk_failing";

/// What it works with.
pub struct Context {
    /// Where samples are kept.
    pub series: SeriesStore,
    /// The data folder.
    pub folder: PathBuf,
    /// The present time.
    pub clock: Clock,
    /// What the operator should know.
    pub live: Live,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// Runs until the server stops.
pub async fn run(context: Context) {
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = context.stop.cancelled() => return,
        }
        let failing = context.series.log_failing();
        let now = context.clock.now();
        tell(failing.as_ref(), &context.folder, &context.live, now);
    }
}

/// Tells it, and takes it back when it is over.
fn tell(failing: Option<&LogFailing>, folder: &Path, live: &Live, now: Timestamp) {
    let full = failing.filter(|failing| failing.is_full());
    let other = failing.filter(|failing| !failing.is_full());
    let folder = folder.display();
    match full {
        Some(_) => {
            let message = format!(
                "samples are refused: the disk of {folder} is full; make room there, and they are taken \
                 again within a minute, without a restart"
            );
            let detail = "samples are refused: the disk is full";
            live.set(FULL, reason("store", detail), message, now);
        }
        None => live.clear(FULL),
    }
    match other {
        Some(LogFailing { operation, source }) => {
            let message = format!(
                "samples are refused: the log in {folder} could not be {operation} ({source}); look into \
                 the kernel's log before anything else"
            );
            let detail = "samples are refused: the log cannot be written";
            live.set(FAILING, reason("store", detail), message, now);
        }
        None => live.clear(FAILING),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Arc;

    #[test]
    fn a_full_disk_and_one_that_fails_are_told_apart_until_the_log_is_written_again() {
        use io::ErrorKind::{Other, QuotaExceeded, StorageFull};
        let (live, now) = (Live::default(), Timestamp::from_unix_ms(0));
        for (kind, full, failing) in [
            (None, false, false),
            (Some(StorageFull), true, false),
            (Some(Other), false, true),
            (Some(QuotaExceeded), true, false),
            (None, false, false),
        ] {
            let log = kind.map(|kind| LogFailing {
                operation: "written",
                source: Arc::new(io::Error::from(kind)),
            });
            tell(log.as_ref(), Path::new("data"), &live, now);
            let told = (live.is_told(FULL), live.is_told(FAILING));
            assert_eq!(told, (full, failing), "{kind:?}");
        }
    }
}
