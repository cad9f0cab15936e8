//! What is counted of the plan, for `/metrics` and for those who ask how it stands.

use api::foresight::PlanStanding;
use model::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What is counted. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    made: Counter,
    failed: Counter,
    warned: Counter,
    seconds: Counter<f64, AtomicU64>,
    series: Gauge,
    left: Gauge,
    left_out: Gauge,
    behind_seconds: Gauge,
    /// When the last was made, in milliseconds since 1970; 0 before the first.
    last_ms: Arc<AtomicI64>,
}

impl Counts {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        for (name, help, counter) in [
            (
                "foretell_forecasts_made",
                "Forecasts of series that were made by the plan",
                &counts.made,
            ),
            (
                "foretell_forecasts_failed",
                "Of these, those that could not be made or kept",
                &counts.failed,
            ),
            (
                "foretell_capacity_warnings",
                "Limits that were warned of",
                &counts.warned,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register_with_unit(
            "foretell_forecast_cpu",
            "Time of a core that forecasts of the plan took",
            Unit::Seconds,
            counts.seconds.clone(),
        );
        for (name, help, gauge) in [
            (
                "foretell_forecast_series",
                "Series that are forecast by the plan",
                &counts.series,
            ),
            (
                "foretell_forecast_series_due",
                "Of these, those whose forecast is due",
                &counts.left,
            ),
            (
                "foretell_forecast_series_left_out",
                "Series that matter and are not forecast, for there are more than may be",
                &counts.left_out,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register_with_unit(
            "foretell_forecast_behind",
            "How long the forecast that is overdue the longest has been",
            Unit::Seconds,
            counts.behind_seconds.clone(),
        );
        counts
    }

    /// One was made or failed, and took so long.
    pub(super) fn made(&self, is_made: bool, spent: Duration, now: Timestamp) {
        self.made.inc();
        if !is_made {
            self.failed.inc();
        }
        self.seconds.inc_by(spent.as_secs_f64());
        self.last_ms.store(now.unix_ms(), Ordering::Relaxed);
    }

    /// A limit was warned of.
    pub(super) fn warned(&self) {
        self.warned.inc();
    }

    /// Shows how it stands.
    pub(super) fn show(&self, standing: &PlanStanding) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.series.set(number(standing.series));
        self.left.set(number(standing.left));
        self.left_out.set(number(standing.left_out));
        self.behind_seconds.set(number(standing.behind_secs));
    }

    /// What was counted since the start.
    pub(super) fn standing(&self) -> PlanStanding {
        let (made, seconds) = (self.made.get(), self.seconds.get());
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        let mean = Duration::from_secs_f64((seconds / made.max(1) as f64).max(0.0));
        PlanStanding {
            made,
            failed: self.failed.get(),
            last_made_at: (last_ms > 0).then(|| Timestamp::from_unix_ms(last_ms)),
            mean_us: u64::try_from(mean.as_micros()).unwrap_or(u64::MAX),
            ..PlanStanding::default()
        }
    }
}
