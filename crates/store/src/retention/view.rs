//! Which series there are, as a plan looks at them: a snapshot without ids and labels.

use crate::blocks::Column;
use model::DeviceId;
use std::collections::{BTreeMap, BTreeSet};

/// All series, by device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Names of metrics. Series say theirs by its place here.
    pub metrics: Vec<String>,
    /// The devices that have series or had some.
    pub devices: BTreeMap<DeviceId, DeviceView>,
}

/// The series of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceView {
    /// The device's tags as they are now; none where it is not in the inventory.
    pub tags: BTreeSet<String>,
    /// Its series, ascending by column, each with the place of its metric.
    pub series: Vec<(Column, u16)>,
    /// Columns below this that are no series now are of series that were deleted.
    pub deleted_below: u32,
}

/// What a column is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A series, whose metric has this place.
    Series(u16),
    /// One that was deleted.
    Deleted,
    /// Nobody knows: the registry may have been lost.
    Unknown,
}

impl DeviceView {
    pub(super) fn known(&self, column: Column) -> Known {
        let found = self.series.binary_search_by_key(&column, |(here, _)| *here);
        match found.ok().and_then(|place| self.series.get(place)) {
            Some((_, metric)) => Known::Series(*metric),
            None if column.0 < self.deleted_below => Known::Deleted,
            None => Known::Unknown,
        }
    }
}
