//! What is counted of backups, for `/metrics`.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use store::backup::Summary;

/// What is counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    taken: Counter,
    failed: Counter,
    latest_seconds: Gauge,
    latest_bytes: Gauge,
    latest_bytes_written: Gauge,
}

impl Counts {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register(
            "foretell_backups_taken",
            "Backups that were taken",
            counts.taken.clone(),
        );
        registry.register(
            "foretell_backups_failed",
            "Backups that could not be taken",
            counts.failed.clone(),
        );
        for (name, help, unit, gauge) in [
            (
                "foretell_backup_latest_time",
                "When the latest backup that is there began, since 1970; 0 where there is none",
                Unit::Seconds,
                &counts.latest_seconds,
            ),
            (
                "foretell_backup_latest_size",
                "Octets of the files in the latest backup",
                Unit::Bytes,
                &counts.latest_bytes,
            ),
            (
                "foretell_backup_latest_written",
                "Octets that had to be written for it",
                Unit::Bytes,
                &counts.latest_bytes_written,
            ),
        ] {
            registry.register_with_unit(name, help, unit, gauge.clone());
        }
        counts
    }

    pub(super) fn done(&self, summary: &Summary) {
        self.taken.inc();
        self.set_latest(Some(summary));
    }

    pub(super) fn failed(&self) {
        self.failed.inc();
    }

    pub(super) fn set_latest(&self, latest: Option<&Summary>) {
        let Some(latest) = latest else { return };
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let seconds = latest.started_at.unix_ms().div_euclid(1_000);
        self.latest_seconds.set(seconds);
        self.latest_bytes.set(number(latest.bytes));
        self.latest_bytes_written.set(number(latest.bytes_written));
    }
}
