//! Starting who archives.

use super::Base;
use crate::archive;
use crate::readiness::Live;

impl Base<'_> {
    /// Archives days that are over, where the settings name where to.
    pub(super) fn start_archive(&self, live: Live) {
        if let Some(archive) = &self.store.archive {
            self.tasks.spawn(archive::run(archive::Context {
                archive: archive.clone(),
                clock: self.clock.clone(),
                live,
                stop: self.intake.clone(),
            }));
        }
    }
}
