//! Starting who takes backups.

use super::Base;
use crate::backups::{Backups, Context, Counts};
use crate::readiness::Live;
use model::backup::Backup;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::sync::watch;

impl Base<'_> {
    /// Takes backups when they are due or asked for.
    pub(super) fn start_backups(
        &self,
        told: watch::Sender<Arc<Vec<Backup>>>,
        live: Live,
        registry: &mut Registry,
    ) -> Backups {
        let key_file = &self.settings.secret_key_file;
        let backups = Backups::new(Context {
            store: self.store.clone(),
            clock: self.clock.clone(),
            settings: self.settings.backup.clone(),
            secret_key_file: (!key_file.as_os_str().is_empty()).then(|| key_file.clone()),
            told,
            live,
            counts: Counts::register(registry),
            stop: self.intake.clone(),
            tasks: self.tasks.clone(),
        });
        self.tasks.spawn(backups.clone().run());
        backups
    }
}
