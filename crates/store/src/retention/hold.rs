//! Holds: samples that are kept whatever the policies say, and whose devices cannot be deleted.
//!
//! A hold is of the series that its selector meant when it was placed, which are kept beside it, so
//! that another tag or site releases none of them; and of those that its selector means later, as long
//! as it does.

use crate::blocks::Column;
use crate::series::Selection;
use model::{DeviceId, HoldId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most holds: each is asked for all its series at each pass.
pub const HOLDS_MAX: usize = 100;
/// Longest reason, in characters.
pub const REASON_LEN_MAX: usize = 1_000;

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RetentionHoldDocument)]
pub struct Hold {
    /// The id.
    pub id: HoldId,
    /// Which series, as a selector.
    pub selector: String,
    /// From when on samples are kept; since ever where it is not given.
    pub from: Option<Timestamp>,
    /// Until when, not itself; without end where it is not given.
    pub to: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub by: String,
    /// When it was placed.
    pub since: Timestamp,
}

/// The series that a hold meant when it was placed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeldSeries {
    /// By device, ascending.
    pub devices: Vec<HeldDevice>,
}

/// The series of a device that a hold meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeldDevice {
    /// Which device.
    pub device_id: DeviceId,
    /// Their columns, as `0-9,12`; all, also those that came later, where it is not given.
    pub columns: Option<String>,
}

/// Columns of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All of them.
    All,
    /// These, ascending.
    These(Vec<Column>),
}

impl Columns {
    pub(super) fn has(&self, column: Column) -> bool {
        match self {
            Self::All => true,
            Self::These(columns) => columns.binary_search(&column).is_ok(),
        }
    }

    fn read(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self::All;
        };
        let mut columns = Vec::new();
        for range in text.split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) else {
                // What cannot be read is held as a whole.
                return Self::All;
            };
            if last.saturating_sub(first) > COLUMNS_MAX {
                return Self::All;
            }
            columns.extend((first..=last).map(Column));
        }
        columns.sort_unstable();
        columns.dedup();
        Self::These(columns)
    }

    fn written(&self) -> Option<String> {
        let Self::These(columns) = self else {
            return None;
        };
        let mut text = String::new();
        for run in columns.chunk_by(|a, b| a.0.checked_add(1) == Some(b.0)) {
            let comma = if text.is_empty() { "" } else { "," };
            if let [first, rest @ ..] = run {
                let _ = write!(text, "{comma}{}", first.0);
                if let Some(last) = rest.last() {
                    let _ = write!(text, "-{}", last.0);
                }
            }
        }
        Some(text)
    }
}

/// The longest run of columns that is read of a text: far above what a device has.
const COLUMNS_MAX: u32 = 1 << 20;

/// Series by device.
pub type Held = BTreeMap<DeviceId, Columns>;

impl HeldSeries {
    /// What a selector means: of a device of which it means all, those to come as well. `count_of` says
    /// how many series a device has.
    pub(super) fn of(selected: &[Selection], count_of: impl Fn(DeviceId) -> usize) -> Self {
        let devices = by_device(selected).into_iter();
        let devices = devices.map(|(device_id, columns)| {
            let all = columns.len() >= count_of(device_id);
            let columns = if all {
                Columns::All
            } else {
                Columns::These(columns)
            };
            HeldDevice {
                device_id,
                columns: columns.written(),
            }
        });
        Self {
            devices: devices.collect(),
        }
    }

    /// These series, and those that a selector means now.
    pub(super) fn with(&self, selected: &[Selection]) -> Held {
        let kept = self.devices.iter();
        let kept = kept.map(|held| (held.device_id, Columns::read(held.columns.as_deref())));
        let mut all: Held = kept.collect();
        for (device_id, mut more) in by_device(selected) {
            match all.get_mut(&device_id) {
                Some(Columns::All) => {}
                Some(Columns::These(columns)) => {
                    columns.append(&mut more);
                    columns.sort_unstable();
                    columns.dedup();
                }
                None => {
                    all.insert(device_id, Columns::These(more));
                }
            }
        }
        all
    }

    /// Whether any series of a device is among them.
    pub(super) fn has(&self, device_id: DeviceId) -> bool {
        self.devices.iter().any(|held| held.device_id == device_id)
    }
}

/// Columns by device, each ascending.
fn by_device(selected: &[Selection]) -> BTreeMap<DeviceId, Vec<Column>> {
    let mut all: BTreeMap<DeviceId, Vec<Column>> = BTreeMap::new();
    for series in selected {
        all.entry(series.device_id).or_default().push(series.column);
    }
    for columns in all.values_mut() {
        columns.sort_unstable();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_both_ways() {
        for (columns, text) in [
            (vec![], ""),
            (vec![0], "0"),
            (vec![0, 1, 2, 9], "0-2,9"),
            (vec![4, 6, 7, u32::MAX], "4,6-7,4294967295"),
        ] {
            let columns = Columns::These(columns.into_iter().map(Column).collect());
            assert_eq!(columns.written().as_deref(), Some(text));
            assert_eq!(Columns::read(Some(text)), columns);
        }
        assert_eq!(Columns::All.written(), None);
        for unreadable in ["x", "1-", "0-4294967295"] {
            assert_eq!(Columns::read(Some(unreadable)), Columns::All);
        }
    }
}
