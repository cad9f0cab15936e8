//! The roll-ups of days: which are to be made, and what becomes of those there are.

use super::merge::DAY_DELAY;
use crate::blocks::{Column, Level};
use crate::pack::{Kind, Pack, PackId};
use crate::series::SeriesError;
use crate::series::parts::Parts;
use crate::series::read::chain;
use crate::series::rollup::KINDS;
use crate::series::rollup::days::{self, Day};
use crate::series::rollup::keep::Kept;
use crate::series::rollup::read::Rolls;
use crate::series::tombstones::Hidden;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Series of which what there is already is in memory at once, 76 KB each by five minutes.
pub(super) const KEPT_AT_ONCE: usize = 128;

/// The newest day that is one pack and of which not all is in its roll-ups, as after a crash, where an
/// earlier version made the pack, or where it was written again since; of those whose turn it is.
pub(super) fn due(parts: &Parts, now: Timestamp) -> Option<Timestamp> {
    let list = parts.packs.list();
    // What would be removed again is not made.
    let first = list.first()?.id.start.max(parts.rolled_from(Kind::Hours));
    let days = days::days(&list, first, Level::Day.start(now.minus(DAY_DELAY)));
    let is_due = |(day, of): &(Timestamp, Day)| {
        let is_whole = of.samples.iter().all(|id| id.level == Level::Day);
        is_whole && !is_of_all(parts, *day, of) && parts.is_in_turn(Level::Day, *day, now)
    };
    let newest = days.into_iter().rev().find(is_due);
    newest.map(|(day, _)| day)
}

/// Whether the roll-ups of a day are of all that there is of it.
pub(super) fn is_settled(parts: &Parts, start: Timestamp) -> Result<bool, SeriesError> {
    let patched = !parts.blocks.keys(start, Level::Day.end(start))?.is_empty();
    Ok(!patched && is_rolled_up(parts, start))
}

/// Whether the packs of samples of a day are in its roll-ups, where those are kept, and nothing of it was
/// deleted since: where the samples are gone only whole buckets can be left out.
pub(in crate::series) fn is_rolled_up(parts: &Parts, start: Timestamp) -> bool {
    let end = Level::Day.end(start);
    let day = days::days(&parts.packs.list(), start, end).remove(&start);
    day.is_none_or(|day| {
        let is_cut = !day.samples.is_empty() && is_cut_since(parts, start, &day);
        is_of_all(parts, start, &day) && !is_cut
    })
}

/// Whether something of a day may have been deleted since its roll-ups that are kept were made.
fn is_cut_since(parts: &Parts, start: Timestamp, day: &Day) -> bool {
    let end = Level::Day.end(start);
    let kept = KINDS
        .into_iter()
        .filter(|kind| parts.rolled_from(*kind) < end);
    let latest = kept.filter_map(|kind| day.rolled(kind).last());
    let oldest = latest.map(|id| id.generation).min();
    oldest.is_some_and(|generation| {
        let stones = parts.tombstones.all();
        let mut later = stones.iter().filter(|stone| stone.generation > generation);
        later.any(|stone| stone.meets(start, end))
    })
}

/// As [`is_rolled_up`], of a day whose packs are known.
pub(super) fn is_of_all(parts: &Parts, start: Timestamp, day: &Day) -> bool {
    let end = Level::Day.end(start);
    let mut kept = KINDS
        .into_iter()
        .filter(|kind| parts.rolled_from(*kind) < end);
    day.samples.is_empty() || kept.all(|kind| day.is_rolled(kind))
}

/// The roll-ups that there are of a day, which new ones take the place of: what of them stands is taken
/// over series by series.
pub(super) struct Old {
    start: Timestamp,
    /// By five minutes and by hours, the newest first.
    packs: [Vec<Arc<Pack>>; 2],
    /// Packs of the day alone of which something is damaged, and what.
    damaged: BTreeMap<PackId, String>,
}

/// What there is of one device.
pub(super) struct OldDevice<'a> {
    of: &'a mut Old,
    /// By five minutes and by hours.
    rolls: [Option<Rolls>; 2],
}

impl Old {
    /// Those of the day that begins then.
    pub(super) fn of(parts: &Parts, start: Timestamp) -> Result<Self, SeriesError> {
        let mut days = days::days(&parts.packs.list(), start, Level::Day.end(start));
        let day = days.remove(&start).unwrap_or_default();
        let mut old = Self {
            start,
            packs: Default::default(),
            damaged: BTreeMap::new(),
        };
        for (kind, packs) in KINDS.into_iter().zip(&mut old.packs) {
            for id in day.rolled(kind).iter().rev() {
                match parts.packs.pack(id) {
                    Ok(pack) => packs.push(pack),
                    Err(error) if error.is_passing() => return Err(error.into()),
                    Err(error) => damage(parts, &mut old.damaged, *id, chain(&error)),
                }
            }
        }
        for pack in old.packs.iter().flatten().filter(|pack| !pack.is_whole()) {
            let what = format!("{}: its ends are damaged", pack.path().display());
            damage(parts, &mut old.damaged, pack.meta().id, what);
        }
        Ok(old)
    }

    /// The devices that they may have something of.
    pub(super) fn devices(&self) -> impl Iterator<Item = DeviceId> {
        let entries = self.packs.iter().flatten().flat_map(|pack| pack.entries());
        entries.map(|entry| entry.device_id)
    }

    /// What there is of a device, as far as it can be read: of each kind the newest that has the day.
    pub(super) fn device(&mut self, parts: &Parts, device_id: DeviceId) -> OldDevice<'_> {
        let mut rolls = [None, None];
        for (newest, packs) in rolls.iter_mut().zip(&self.packs) {
            for pack in packs {
                let Some(entry) = pack.find(device_id) else {
                    continue;
                };
                match pack.head(&entry) {
                    Ok(head) => {
                        let found = Rolls::new(Arc::clone(pack), entry, head);
                        if found.has_day(self.start) {
                            *newest = Some(found);
                            break;
                        }
                    }
                    Err(error) => {
                        let id = pack.meta().id;
                        damage(parts, &mut self.damaged, id, chain(&error));
                    }
                }
            }
        }
        OldDevice { of: self, rolls }
    }

    /// The packs that go when new ones are there: those of the day alone. A month's stays, as new ones lie
    /// over it; what is damaged is not removed but [set aside](Self::set_aside).
    pub(super) fn replaced(&self) -> impl Iterator<Item = PackId> {
        let ids = self.packs.iter().flatten().map(|pack| pack.meta().id);
        ids.filter(|id| id.level == Level::Day && !self.damaged.contains_key(id))
    }

    /// Takes what is damaged out of the way, kept for a person to look at.
    pub(super) fn set_aside(&self, parts: &Parts) -> Result<(), SeriesError> {
        for (id, what) in &self.damaged {
            parts.packs.set_aside(id, what)?;
        }
        Ok(())
    }
}

impl OldDevice<'_> {
    /// Whether there is anything.
    pub(super) fn is_there(&self) -> bool {
        self.rolls.iter().any(Option::is_some)
    }

    /// The series of which there may be something.
    pub(super) fn series(&self) -> BTreeSet<Column> {
        let rolls = self.rolls.iter().flatten();
        rolls.flat_map(Rolls::series).collect()
    }

    /// Whether something of it was deleted since it was made.
    pub(super) fn is_cut(&self, parts: &Parts, device_id: DeviceId) -> bool {
        let mut rolls = self.rolls.iter().flatten();
        rolls.any(|rolls| self.hidden(parts, device_id, rolls).is_some())
    }

    /// What was deleted since roll-ups of it were made.
    fn hidden(&self, parts: &Parts, device_id: DeviceId, rolls: &Rolls) -> Option<Hidden> {
        let day = (self.of.start, Level::Day.end(self.of.start));
        let generation = rolls.id().generation;
        parts.tombstones.of_pack(device_id, generation, day)
    }

    /// What there is of series, which ascend: of each by five minutes and by hours, without what was
    /// deleted since.
    pub(super) fn kept(
        &mut self,
        parts: &Parts,
        device_id: DeviceId,
        series: &[Column],
    ) -> Vec<[Option<Kept>; 2]> {
        let mut all: Vec<[Option<Kept>; 2]> = vec![[None, None]; series.len()];
        for (n, rolls) in self.rolls.iter().enumerate() {
            let Some(rolls) = rolls else {
                continue;
            };
            let hidden = self.hidden(parts, device_id, rolls);
            let (mut kept, found) = rolls.kept(series, self.of.start);
            if let Some(hidden) = hidden {
                let left = |(kept, column): (Option<Kept>, &Column)| {
                    kept?.without(&hidden.ranges(*column), rolls.id().kind, self.of.start)
                };
                kept = kept.into_iter().zip(series).map(left).collect();
            }
            for found in found {
                damage(parts, &mut self.of.damaged, rolls.id(), found.to_string());
            }
            for (all, kept) in all.iter_mut().zip(kept) {
                if let Some(place) = all.get_mut(n) {
                    *place = kept;
                }
            }
        }
        all
    }
}

/// Tells of damage. A month's pack is not taken out of the way for one of its days.
fn damage(parts: &Parts, damaged: &mut BTreeMap<PackId, String>, id: PackId, what: String) {
    parts.lost(&what);
    if id.level == Level::Day {
        damaged.insert(id, what);
    }
}
