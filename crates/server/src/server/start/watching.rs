//! Starting what looks ahead, and what looks whether it came so.

use super::Base;
use crate::foresight::watch::scores::Matter;
use crate::foresight::{plan, scale, watch};
use crate::server::options;
use crate::threads::Places;
use crate::webhook::{self, Webhooks};
use crate::wire::Receiver;
use api::Reason;
use api::expected::BandsAsked;
use api::foresight::{Ground, PlanStanding};
use prometheus_client::registry::Registry;
use std::time::Duration;
use tokio::sync::watch::Sender;
use tracing::warn;

/// The folder of detectors in the data folder.
const FOLDER: &str = "foresight";

/// How the making of history stands; none where none is made.
type Seeding = tokio::sync::watch::Receiver<Option<Reason>>;

impl Base<'_> {
    /// Watches every series as its samples come, and raises triggers before an overload; who tells their
    /// webhooks.
    pub(super) fn start_watch(
        &self,
        asked: Receiver<BandsAsked>,
        (seeding, matter): (Seeding, tokio::sync::watch::Receiver<Matter>),
        registry: &mut Registry,
        places: &Places,
    ) -> Webhooks {
        let webhooks = self.start_scaling(seeding.clone(), registry, places);
        let settings = &self.settings.foresight;
        let context = watch::Context {
            store: self.store.clone(),
            series: self.series.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            folder: self.settings.data_dir.join(FOLDER),
            series_max: usize::try_from(settings.series_max).unwrap_or(usize::MAX),
            place: options::place(self.settings),
            seeding,
            matter,
            counts: watch::counts::Counts::register(registry),
            stop: self.intake.clone(),
        };
        self.tasks
            .spawn_on(watch::run(context, asked), &places.foresight);
        webhooks
    }

    fn start_scaling(
        &self,
        seeding: Seeding,
        registry: &mut Registry,
        places: &Places,
    ) -> Webhooks {
        let counts = webhook::Counts::register(registry);
        let webhooks = Webhooks::new(self.clock.clone(), counts, self.intake.clone());
        let context = scale::Context {
            ground: self.ground(),
            events: self.events.clone(),
            webhooks: webhooks.clone(),
            clock: self.clock.clone(),
            seeding,
            counts: scale::Counts::register(registry),
            tasks: self.tasks.clone(),
            stop: self.intake.clone(),
        };
        self.tasks.spawn_on(scale::run(context), &places.foresight);
        webhooks
    }

    fn ground(&self) -> Ground {
        Ground {
            store: self.store.clone(),
            series: self.series.clone(),
            thresholds: self.settings.foresight.thresholds(),
            place: options::place(self.settings),
        }
    }

    /// Forecasts the series that matter day by day; how that stands.
    pub(super) fn start_plan(
        &self,
        seeding: Seeding,
        matter: Sender<Matter>,
        registry: &mut Registry,
    ) -> tokio::sync::watch::Receiver<PlanStanding> {
        let settings = &self.settings.foresight;
        let told = Sender::new(PlanStanding::default());
        let shown = told.subscribe();
        let context = plan::Context {
            ground: self.ground(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            told,
            matter,
            seeding,
            counts: plan::Counts::register(registry),
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
