//! Samples that are kept no longer go each hour, and the time by which all ages are told goes on
//! (`store::ages`). What goes, and how, is the store's; here it is begun, and told in `/metrics`.

use crate::metrics::Encoder;
use model::Clock;
use std::fmt;
use std::time::Duration;
use store::Store;
use store::retention::RetentionStats;
use store::series::SeriesStore;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long after the start the first pass begins: there is enough to do until then.
const FIRST_AFTER: Duration = Duration::from_mins(10);
/// From the end of a pass to the next: a day that is over goes within an hour or two.
const INTERVAL: Duration = Duration::from_hours(1);

/// What it works with.
pub struct Context {
    /// Where policies and holds are kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// The present time.
    pub clock: Clock,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// Runs until the server stops. A pass that is under way then ends after its present step, which is
/// whole.
pub async fn run(context: Context) {
    let mut wait = FIRST_AFTER;
    let mut failing = false;
    loop {
        let pass = async {
            tokio::time::sleep(wait).await;
            let store = &context.store;
            let now = store.ages.go_on(context.clock.now()).await?;
            let attached = store.inventory.attached();
            let passed = store.retention.pass(&context.series, attached, now);
            passed.await
        };
        let done = tokio::select! {
            done = pass => done,
            () = context.stop.cancelled() => return,
        };
        wait = INTERVAL;
        // Once, and not each hour; a pass that fails in part tells it by itself.
        if let (Err(error), false) = (&done, failing) {
            warn!(error = %crate::chain(error), "samples that are kept no longer were not removed");
        }
        failing = done.is_err();
    }
}

/// What passes did, as OpenMetrics has it.
pub(crate) fn encode(stats: &RetentionStats, out: &mut Encoder<'_, '_>) -> fmt::Result {
    for (name, help, value) in [
        (
            "foretell_retention_passes",
            "Passes that remove samples which are kept no longer",
            stats.passes,
        ),
        (
            "foretell_retention_passes_failed",
            "Of these, those that were not made or failed in some part",
            stats.passes_failed,
        ),
        (
            "foretell_retention_files_removed",
            "Files of samples that were removed as a whole",
            stats.files_removed,
        ),
        (
            "foretell_retention_days_rewritten",
            "Days of samples that were written again without some series",
            stats.days_rewritten,
        ),
        (
            "foretell_retention_removed_bytes",
            "Octets of files of samples that went",
            stats.bytes_gone,
        ),
        (
            "foretell_retention_removed_samples",
            "Samples that went",
            stats.samples_gone,
        ),
    ] {
        out.counter(name, help, value)?;
    }
    out.counter_f64(
        "foretell_retention_pass_seconds",
        "Time that passes took, with their rests",
        stats.took_ms as f64 / 1e3,
    )?;
    for (name, help, value) in [
        (
            "foretell_retention_held_bytes",
            "Octets that holds alone kept at the last pass",
            stats.bytes_held,
        ),
        (
            "foretell_retention_left",
            "Files and days that the last pass left to the next",
            stats.left,
        ),
        ("foretell_retention_holds", "Holds on samples", stats.holds),
    ] {
        out.gauge(name, help, value)?;
    }
    Ok(())
}
