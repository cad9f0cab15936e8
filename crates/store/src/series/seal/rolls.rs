//! The roll-ups of days: which are to be made, and what becomes of those there are.

use super::merge::DAY_DELAY;
use crate::blocks::Level;
use crate::pack::{self, Kind, Pack, PackId};
use crate::series::SeriesError;
use crate::series::parts::Parts;
use crate::series::registry::with;
use crate::series::rollup::KINDS;
use crate::series::rollup::days::{self, Day};
use model::{DeviceId, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The newest day that is one pack and has no roll-ups, or ones that are older than it, as after a crash,
/// or where an earlier version made the pack; of those whose turn it is.
pub(super) fn due(parts: &Parts, now: Timestamp) -> Option<Timestamp> {
    let list = parts.packs.list();
    // What would be removed again is not made.
    let first = list.first()?.id.start.max(parts.rolled_from(Kind::Hours));
    let days = days::days(&list, first, Level::Day.start(now.minus(DAY_DELAY)));
    let is_due = |(day, of): &(Timestamp, Day)| {
        let is_whole = of.samples.iter().all(|id| id.level == Level::Day);
        is_whole
            && !of.samples.is_empty()
            && !of.is_rolled(Kind::Hours)
            && parts.is_in_turn(Level::Day, *day, now)
    };
    let newest = days.into_iter().rev().find(is_due);
    newest.map(|(day, _)| day)
}

/// Whether the roll-ups of a day are of all that there is of it.
pub(super) fn is_settled(parts: &Parts, start: Timestamp) -> Result<bool, SeriesError> {
    let patched = !parts.blocks.keys(start, Level::Day.end(start))?.is_empty();
    Ok(!patched && is_rolled_up(parts, start))
}

/// Whether the packs of samples of a day are in its roll-ups, where those are kept.
pub(in crate::series) fn is_rolled_up(parts: &Parts, start: Timestamp) -> bool {
    let end = Level::Day.end(start);
    let day = days::days(&parts.packs.list(), start, end).remove(&start);
    let kept = KINDS.iter().filter(|kind| parts.rolled_from(**kind) < end);
    day.is_none_or(|day| kept.copied().all(|kind| day.is_rolled(kind)))
}

/// The roll-ups that there are of a day.
pub(super) struct Old {
    start: Timestamp,
    day: Day,
    packs: Vec<Arc<Pack>>,
}

impl Old {
    /// Those of the day that begins then.
    pub(super) fn of(parts: &Parts, start: Timestamp) -> Self {
        let mut days = days::days(&parts.packs.list(), start, Level::Day.end(start));
        let day = days.remove(&start).unwrap_or_default();
        let ids = KINDS.iter().flat_map(|kind| day.rolled(*kind));
        // One that cannot be opened is told when it is read.
        let packs = ids.filter_map(|id| parts.packs.pack(id).ok()).collect();
        Self { start, day, packs }
    }

    /// Whether there are any.
    pub(super) fn is_there(&self) -> bool {
        self.day.has_rolled()
    }

    /// Whether what a device's were made of is gone from the packs of samples: what came since is not
    /// all of the day, and they stay as they are.
    pub(super) fn is_retired(&self, device_id: DeviceId, samples: &[Arc<Pack>]) -> bool {
        let generation = |pack: &Arc<Pack>| pack.meta().id.generation;
        let has = |pack: &&Arc<Pack>| pack.find(device_id).is_some();
        let has_day = |pack: &&Arc<Pack>| {
            let Some(entry) = pack.find(device_id) else {
                return false;
            };
            // That of a month may be of other days of the device alone.
            let is_of_day = |head: pack::Head| {
                let times = head.times();
                let first = times.partition_point(|at| *at < self.start.unix_ms());
                let end = Level::Day.end(self.start).unix_ms();
                times.get(first).is_some_and(|at| *at < end)
            };
            pack.head(&entry).map_or(true, is_of_day)
        };
        let latest = self.packs.iter().filter(has_day).map(generation).max();
        latest.is_some_and(|latest| {
            let mut earlier = samples.iter().filter(|pack| generation(pack) < latest);
            !earlier.any(|pack| has(&pack))
        })
    }

    /// Those that new ones of some devices take the place of. A month's stays, and one that has other
    /// devices too: what is newer lies over it.
    pub(super) fn replaced_by(&self, parts: &Parts, devices: &BTreeSet<DeviceId>) -> Vec<PackId> {
        let is_gone = |id: DeviceId| {
            devices.contains(&id) || with(&parts.index, |index| index.is_deleted(id))
        };
        let packs = self.packs.iter().filter(|pack| {
            let is_of_day = pack.meta().id.level == Level::Day;
            is_of_day && pack.entries().iter().all(|entry| is_gone(entry.device_id))
        });
        packs.map(|pack| pack.meta().id).collect()
    }
}
