//! Starting what looks ahead, and what looks whether it came so.

use super::Base;
use crate::foresight::watch::{self, counts::Counts};
use crate::threads::Places;
use crate::wire::Receiver;
use api::Reason;
use api::expected::BandsAsked;
use prometheus_client::registry::Registry;

/// The folder of detectors in the data folder.
const FOLDER: &str = "foresight";

impl Base<'_> {
    /// Watches every series as its samples come.
    pub(super) fn start_foresight(
        &self,
        asked: Receiver<BandsAsked>,
        seeding: tokio::sync::watch::Receiver<Option<Reason>>,
        registry: &mut Registry,
        places: &Places,
    ) {
        let settings = &self.settings.foresight;
        let context = watch::Context {
            store: self.store.clone(),
            series: self.series.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            folder: self.settings.data_dir.join(FOLDER),
            series_max: usize::try_from(settings.series_max).unwrap_or(usize::MAX),
            seeding,
            counts: Counts::register(registry),
            stop: self.intake.clone(),
        };
        self.tasks
            .spawn_on(watch::run(context, asked), &places.foresight);
    }
}
