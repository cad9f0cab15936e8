//! What holds keep, for those who would change samples.

use super::{HeldBy, Placed, Retention, RetentionError, lock, pass};
use crate::blocks::Column;
use crate::series::{Attached, SeriesStore};
use model::{DeviceId, Timestamp};
use std::sync::Arc;

impl Retention {
    /// All holds with what they mean now. Asks for all their series: call it where blocking is allowed.
    pub fn keeping(
        &self,
        series: &SeriesStore,
        attached: &Attached,
    ) -> Result<Vec<HeldBy>, RetentionError> {
        let holds: Vec<Arc<Placed>> = lock(&self.guarded).holds.values().cloned().collect();
        pass::meant(&holds, series, attached)
    }
}

impl HeldBy {
    /// Whether it keeps a sample as it is.
    pub fn keeps(&self, device_id: DeviceId, column: Column, at: Timestamp) -> bool {
        self.from.is_none_or(|begin| begin <= at)
            && self.to.is_none_or(|end| at < end)
            && self
                .series
                .get(&device_id)
                .is_some_and(|columns| columns.has(column))
    }
}
