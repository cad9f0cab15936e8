//! Starting who tells that samples are refused.

use super::Base;
use crate::readiness::Live;
use crate::refusals;

impl Base<'_> {
    /// Tells where samples are refused since the log cannot be written.
    pub(super) fn start_refusals(&self, live: Live) {
        self.tasks.spawn(refusals::run(refusals::Context {
            series: self.series.clone(),
            folder: self.settings.data_dir.clone(),
            clock: self.clock.clone(),
            live,
            stop: self.intake.clone(),
        }));
    }
}
