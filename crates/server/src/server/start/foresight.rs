//! Starting what is said beforehand.

use super::Base;
use crate::foresight::plan::{self, Context, Counts};
use api::foresight::{Ground, PlanStanding};
use prometheus_client::registry::Registry;
use std::time::Duration;
use tokio::sync::watch;
use tracing::warn;

impl Base<'_> {
    /// Forecasts the series that matter day by day; how that stands.
    pub(super) fn start_plan(
        &self,
        seeding: watch::Receiver<Option<api::Reason>>,
        registry: &mut Registry,
    ) -> watch::Receiver<PlanStanding> {
        let settings = &self.settings.foresight;
        let told = watch::Sender::new(PlanStanding::default());
        let shown = told.subscribe();
        let context = Context {
            ground: Ground {
                store: self.store.clone(),
                series: self.series.clone(),
                thresholds: settings.thresholds(),
            },
            events: self.events.clone(),
            clock: self.clock.clone(),
            told,
            seeding,
            counts: Counts::register(registry),
            cpu_share_max: f64::from(settings.cpu_share_max_percent) / 100.0,
            series_max: usize::try_from(settings.forecast_series_max).unwrap_or(usize::MAX),
            warn_within: Duration::from_hours(24 * u64::from(settings.capacity_warning_days)),
            stop: self.intake.clone(),
        };
        if settings.forecast_series_max > 0
            && let Err(error) = plan::start(context, &self.tasks)
        {
            warn!(%error, "series are forecast only when somebody asks");
        }
        shown
    }
}
