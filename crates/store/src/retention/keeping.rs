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

/// What holds kept when they were looked at.
pub(crate) struct Keeping {
    placed: Vec<Arc<Placed>>,
    holds: Vec<HeldBy>,
}

impl Keeping {
    pub(crate) fn holds(&self) -> &[HeldBy] {
        &self.holds
    }
}

impl Retention {
    /// As [`keeping`](Self::keeping), for who looks again and again: where no hold was placed, changed or
    /// released since `before`, it is that.
    pub(crate) fn keeping_since(
        &self,
        before: Option<Keeping>,
        series: &SeriesStore,
        attached: impl FnOnce() -> Arc<Attached>,
    ) -> Result<Keeping, RetentionError> {
        let placed: Vec<Arc<Placed>> = lock(&self.guarded).holds.values().cloned().collect();
        let is_same = |before: &Keeping| {
            let mut both = before.placed.iter().zip(&placed);
            before.placed.len() == placed.len() && both.all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if let Some(before) = before.filter(is_same) {
            return Ok(before);
        }
        let holds = pass::meant(&placed, series, &attached())?;
        Ok(Keeping { placed, holds })
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
