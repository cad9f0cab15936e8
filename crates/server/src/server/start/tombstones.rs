//! Starting who looks after what was deleted by range.

use super::Base;
use crate::readiness::Live;
use crate::tombstones;

impl Base<'_> {
    /// Tells where what was deleted is not gone from the files in time.
    pub(super) fn start_tombstones(&self, live: Live) {
        self.tasks.spawn(tombstones::run(tombstones::Context {
            series: self.series.clone(),
            clock: self.clock.clone(),
            live,
            stop: self.intake.clone(),
        }));
    }
}
