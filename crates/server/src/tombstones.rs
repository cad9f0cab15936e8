//! What was deleted by range goes from the files as these are written again. Where that does not come to an
//! end it is told, by readiness and a notice: nobody reads it, but it is there.

use crate::readiness::{Live, reason};
use model::{Clock, Timestamp};
use std::time::Duration;
use store::series::SeriesStore;
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const LOOK_INTERVAL: Duration = Duration::from_mins(5);
/// How old what waits may be: a year that is deleted at once is out of the days within four days, a quarter
/// of an hour for each, and out of the roll-ups of months a day or two later.
const AGE_MAX: Duration = Duration::from_hours(7 * 24);
const HOUR_SECS: u64 = 3_600;

/// Something that was deleted is not yet gone.
const OLD: &str = "tombstones_old";

/// What it works with.
pub struct Context {
    /// Where samples are kept.
    pub series: SeriesStore,
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
        let oldest = Duration::from_secs(context.series.stats().tombstone_oldest_secs);
        tell(oldest, &context.live, context.clock.now());
    }
}

/// Tells it, and takes it back when it is over.
fn tell(oldest: Duration, live: &Live, now: Timestamp) {
    if oldest <= AGE_MAX {
        live.clear(OLD);
        return;
    }
    let message = format!(
        "samples that were deleted {} hours ago are still in files, where nobody reads them: writing these \
         again fails, or more is deleted than can be (`foretell_tombstones`); the log says what fails",
        oldest.as_secs() / HOUR_SECS
    );
    let detail = "what was deleted long ago is still in files";
    live.set(OLD, reason("store", detail), message, now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_where_it_takes_longer_than_it_may() {
        let (live, now) = (Live::default(), Timestamp::from_unix_ms(0));
        for (hours, told) in [(0, false), (7 * 24, false), (200, true), (20, false)] {
            tell(Duration::from_hours(hours), &live, now);
            assert_eq!(live.is_told(OLD), told, "{hours}");
        }
    }
}
