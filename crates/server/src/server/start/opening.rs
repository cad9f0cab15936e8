//! Opening the store, and telling what was damaged in it.

use crate::config::Settings;
use crate::readiness::Standing;
use crate::server::options;
use model::Clock;
use store::Store;
use store::series::SeriesStore;
use tracing::{info, warn};

/// Opens the data folder; what was set aside is told.
pub(super) async fn open(
    settings: &Settings,
    clock: &Clock,
    standing: &mut Standing,
) -> anyhow::Result<(Store, SeriesStore)> {
    let begun = std::time::Instant::now();
    let mut options = options::store(settings);
    options.archive = crate::archive::options(&settings.archive, &settings.data_dir)?;
    let (store, recovery) = Store::open(options, clock.clone()).await?;
    if let Some(copy) = &recovery.upgrade.copy {
        let collections = recovery.upgrade.collections.iter();
        let set_aside: u64 = collections.map(|migrated| migrated.set_aside).sum();
        let detail = format!(
            "documents were brought to the versions of this server, {set_aside} were set aside; they \
             are kept as they were in {}",
            copy.display()
        );
        standing.note("documents_upgraded", detail, clock.now());
    }
    for damage in &recovery.damaged {
        let document = damage.id.as_deref().unwrap_or("(not known which)");
        warn!(
            "damaged, set aside: {} {document}: {}",
            damage.collection, damage.reason
        );
    }
    if !recovery.damaged.is_empty() {
        let detail = format!("{} damaged documents are set aside", recovery.damaged.len());
        standing.add("store", "damage_set_aside", detail, clock.now());
    }
    for defect in &recovery.history {
        warn!("{defect}");
    }
    if !recovery.history.is_empty() {
        let detail = format!(
            "{} months of the history were damaged; what could be read was saved",
            recovery.history.len()
        );
        standing.add("store", "damage_set_aside", detail, clock.now());
    }
    for defect in &recovery.events {
        warn!("{defect}");
    }
    if !recovery.events.is_empty() {
        let detail = format!(
            "{} days of events were damaged; what can be read is being saved",
            recovery.events.len()
        );
        standing.add("store", "damage_set_aside", detail, clock.now());
    }
    let recovery = recovery.series;
    for defect in &recovery.damage {
        warn!("{defect}");
    }
    if !recovery.damage.is_empty() {
        let detail = format!(
            "{} damaged parts of the samples are set aside",
            recovery.damage.len()
        );
        standing.add("store", "damage_set_aside", detail, clock.now());
    }
    info!(
        devices = store.inventory.device_count(),
        samples_recovered = recovery.samples,
        "store opened in {} ms",
        begun.elapsed().as_millis()
    );
    let series = store.series.clone();
    Ok((store, series))
}
