//! What keeping by age asks of what is sealed: what there is, removing files, leaving series out of a
//! day. What is to go is decided in [`crate::retention`]; here it is done, one step at a time, each
//! under the lock that passes of sealing and merging hold, so that none works on what the other removes.

use super::registry::with;
use super::seal::{self, Keep};
use super::{SeriesError, SeriesStore};
use crate::blocks::codec::decode;
use crate::blocks::{BlockKey, Level};
use crate::pack::{Kind, PackId, PackMeta};
use crate::retention::{Archiving, Contents, Patch, View};
use crate::series::attached::Attached;
use crate::series::cold::fetch;
use crate::series::parts::Parts;
use crate::series::{Selected, Selector, read};
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};

/// Days that are rolled up before their samples go, of those that go in one step.
const ROLLED_AT_ONCE: usize = 8;

/// How much there is of one kind and length of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// What the rows are.
    pub kind: Kind,
    /// How long the range of each file is.
    pub level: Level,
    /// Files.
    pub files: u64,
    /// Their octets.
    pub bytes: u64,
    /// Samples in them; of roll-ups, their fields.
    pub samples: u64,
    /// Where the oldest begins.
    pub oldest: Timestamp,
    /// Where the newest ends.
    pub newest: Timestamp,
}

/// What looking into a pack came to.
pub(crate) enum Looked {
    /// What is in it.
    Inside(Contents),
    /// It would take more heads than there are left.
    TooMany,
    /// It is damaged, or went meanwhile.
    Unread,
}

/// A day before and after series were left out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) before: Packed,
    pub(crate) after: Packed,
}

/// What is sealed of a day here at the moment at which something of it would be removed: nothing is sealed
/// or merged before that is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Here {
    /// Its packs of samples.
    pub packs: Vec<PackMeta>,
    /// Something lies over them.
    pub is_patched: bool,
}

/// Says at that moment whether samples of a day may go, and tells whoever must know before they do.
pub(crate) type MayGo<'a> = dyn Fn(Timestamp, &Here) -> bool + 'a;

/// What packs hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) bytes: u64,
    pub(crate) samples: u64,
}

impl SeriesStore {
    /// How much is sealed, by kind and length of range. What came late and is not yet in a pack, and
    /// what is in memory and the log, is not counted.
    pub fn sizes(&self) -> Vec<Size> {
        let mut sizes: BTreeMap<(Kind, Level), Size> = BTreeMap::new();
        for meta in self.packs().iter() {
            let PackId {
                kind, level, start, ..
            } = meta.id;
            let size = sizes.entry((kind, level)).or_insert(Size {
                kind,
                level,
                files: 0,
                bytes: 0,
                samples: 0,
                oldest: start,
                newest: meta.id.end(),
            });
            size.files += 1;
            size.bytes += meta.bytes;
            size.samples += meta.totals.samples;
            size.oldest = size.oldest.min(start);
            size.newest = size.newest.max(meta.id.end());
        }
        sizes.into_values().collect()
    }

    /// The packs, ascending by start.
    pub(crate) fn packs(&self) -> Arc<Vec<PackMeta>> {
        self.parts().packs.list()
    }

    /// The days of which something lies over the packs.
    pub(crate) fn patched_days(&self) -> Result<Vec<Timestamp>, SeriesError> {
        let parts = self.parts();
        let mut patched = Vec::new();
        for day in parts.blocks.days()? {
            if !parts
                .blocks
                .keys(day, seal::end(Level::Day, day))?
                .is_empty()
            {
                patched.push(day);
            }
        }
        Ok(patched)
    }

    /// All series, as a plan looks at them.
    pub(crate) fn view(&self, attached: &Attached) -> View {
        let tags_of = |device_id| {
            let device = attached.device(device_id);
            device.map(|device| device.tags.clone()).unwrap_or_default()
        };
        with(&self.parts().index, |index| index.view(tags_of))
    }

    /// All series that a selector means now.
    pub(crate) fn all_of(&self, selector: &Selector, attached: &Attached) -> Selected {
        self.select(selector, attached, None, usize::MAX)
    }

    /// What a pack holds of the devices that are to be looked at. Counts the heads down that are left.
    pub(crate) fn contents(
        &self,
        meta: &PackMeta,
        look_at: impl Fn(DeviceId) -> bool,
        heads_left: &mut usize,
    ) -> Looked {
        let parts = self.parts();
        let pack = match parts.packs.pack(&meta.id) {
            Ok(pack) if pack.is_whole() => pack,
            Ok(_) => return Looked::Unread,
            Err(error) => {
                parts.lost_of(&meta.id, &read::chain(&error));
                return Looked::Unread;
            }
        };
        let entries = pack.entries();
        let wanted: Vec<_> = entries.iter().filter(|e| look_at(e.device_id)).collect();
        let Some(left) = heads_left.checked_sub(wanted.len()) else {
            return Looked::TooMany;
        };
        *heads_left = left;
        let mut devices = Vec::with_capacity(wanted.len());
        for entry in &wanted {
            match pack.weigh(entry) {
                Ok(part) => devices.push(part),
                // It counts as one that stays: merging sets the file aside.
                Err(error) => parts.lost_of(&meta.id, &read::chain(&error)),
            }
        }
        Looked::Inside(Contents {
            meta: *meta,
            others: (entries.len() - devices.len()) as u64,
            devices,
        })
    }

    /// From when on roll-ups of five minutes and of hours are kept: those of before are not made.
    pub(crate) fn keep_rolled_from(&self, from: [Timestamp; 2]) {
        self.parts().keep_rolled_from(from);
    }

    /// Sets who keeps what is known of archived days: once, before the first pass. Another time changes
    /// nothing.
    pub(crate) fn set_keeper(&self, keeper: Arc<dyn Archiving>) {
        let _ = self.parts().keeper.set(keeper);
    }

    /// Removes packs, in one step; answers those that were still there. Samples of a day that was not
    /// rolled up stay until it is: some days are at a time. So do those of days that may not go.
    pub(crate) fn remove_packs(
        &self,
        ids: &[PackId],
        may_go: &MayGo<'_>,
    ) -> Result<Vec<PackMeta>, SeriesError> {
        let parts = self.parts();
        let _one_at_a_time = one_at_a_time(parts);
        let of_samples = ids.iter().filter(|id| id.kind == Kind::Samples);
        let days: BTreeSet<Timestamp> = of_samples.map(|id| Level::Day.start(id.start)).collect();
        let mut made = 0;
        let mut waits = BTreeSet::new();
        for day in days {
            if !seal::is_rolled_up(parts, day) {
                made += 1;
                let done = made <= ROLLED_AT_ONCE && seal::roll_up_day(parts, day).is_ok();
                if !done {
                    waits.insert(day);
                    continue;
                }
            }
            if !may_go(day, &here(parts, day)?) {
                waits.insert(day);
                continue;
            }
            fetch::may_go(parts, day)?;
        }
        let stays =
            |id: &PackId| id.kind == Kind::Samples && waits.contains(&Level::Day.start(id.start));
        let list = parts.packs.list();
        let listed = |id: &PackId| {
            let place = list.binary_search_by_key(id, |meta| meta.id).ok()?;
            list.get(place).copied()
        };
        let gone = ids.iter().filter(|id| !stays(id));
        let there: Vec<PackMeta> = gone.filter_map(listed).collect();
        let ids: Vec<PackId> = there.iter().map(|meta| meta.id).collect();
        if !ids.is_empty() {
            parts.packs.commit(&[], &ids)?;
        }
        Ok(there)
    }

    /// Writes a day again without the series that are not to be kept; `None` where it may not go.
    pub(crate) fn rewrite_day(
        &self,
        day: Timestamp,
        keep: &Keep<'_>,
        may_go: &MayGo<'_>,
    ) -> Result<Option<Rewritten>, SeriesError> {
        let parts = self.parts();
        let _one_at_a_time = one_at_a_time(parts);
        if !may_go(day, &here(parts, day)?) {
            return Ok(None);
        }
        fetch::may_go(parts, day)?;
        let before = packed(&packs_of(parts, day));
        seal::rewrite_day(parts, day, keep)?;
        let after = packed(&packs_of(parts, day));
        Ok(Some(Rewritten { before, after }))
    }

    /// The blocks that lie over packs of days that ended by a time: the oldest days, up to a number of
    /// blocks. One that is damaged is left out.
    pub(crate) fn patches(&self, until: Timestamp, max: usize) -> Result<Vec<Patch>, SeriesError> {
        let parts = self.parts();
        let mut found = Vec::new();
        for day in parts.blocks.days()? {
            let end = seal::end(Level::Day, day);
            if end > until || found.len() >= max {
                break;
            }
            if !parts.blocks.is_sound(day, end) {
                // It is mended first.
                continue;
            }
            for key in parts.blocks.keys(day, end)? {
                let Some(bytes) = parts.blocks.get(&key)? else {
                    continue;
                };
                let Ok(block) = decode(&bytes) else {
                    continue;
                };
                let all = (
                    Timestamp::from_unix_ms(i64::MIN),
                    Timestamp::from_unix_ms(i64::MAX),
                );
                let columns = block
                    .columns()
                    .map(|column| (column, block.points(column, all.0, all.1).count() as u64));
                found.push(Patch {
                    key,
                    bytes: bytes.len() as u64,
                    columns: columns.collect(),
                });
                if found.len() >= max {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Removes blocks that lie over packs, and the files of days that have nothing left. Blocks that do
    /// not have as many octets any more stay, as something came to them, and so do those of days that may
    /// not go; answers those that went.
    pub(crate) fn remove_patches(
        &self,
        patches: &[(BlockKey, u64)],
        may_go: &MayGo<'_>,
    ) -> Result<Vec<BlockKey>, SeriesError> {
        let parts = self.parts();
        let _one_at_a_time = one_at_a_time(parts);
        let _alone = parts.move_blocks();
        let mut keys = Vec::with_capacity(patches.len());
        for (key, bytes) in patches {
            let there = parts.blocks.get(key)?;
            if there.is_some_and(|there| there.len() as u64 == *bytes) {
                keys.push(*key);
            }
        }
        let day_of = |key: &BlockKey| Level::Day.start(key.start);
        let mut days: BTreeSet<Timestamp> = keys.iter().map(day_of).collect();
        for day in days.clone() {
            if may_go(day, &here(parts, day)?) {
                fetch::may_go(parts, day)?;
            } else {
                days.remove(&day);
            }
        }
        keys.retain(|key| days.contains(&day_of(key)));
        parts.blocks.write(&[], &keys)?;
        for day in days {
            parts.blocks.tidy(day, seal::end(Level::Day, day))?;
        }
        Ok(keys)
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.0.parts
    }
}

fn one_at_a_time(parts: &Parts) -> MutexGuard<'_, ()> {
    parts.passes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is sealed of a day. Under the lock of passes.
fn here(parts: &Parts, day: Timestamp) -> Result<Here, SeriesError> {
    let over = parts.blocks.keys(day, seal::end(Level::Day, day))?;
    Ok(Here {
        packs: packs_of(parts, day),
        is_patched: !over.is_empty(),
    })
}

/// The packs of samples of a day.
fn packs_of(parts: &Parts, day: Timestamp) -> Vec<PackMeta> {
    let end = seal::end(Level::Day, day);
    let list = parts.packs.list();
    let of_day = list.iter().filter(|meta| {
        let id = &meta.id;
        id.kind == Kind::Samples && id.start >= day && id.end() <= end
    });
    of_day.copied().collect()
}

/// What packs hold.
fn packed(packs: &[PackMeta]) -> Packed {
    packs.iter().fold(Packed::default(), |packed, meta| Packed {
        bytes: packed.bytes + meta.bytes,
        samples: packed.samples + meta.totals.samples,
    })
}
