//! What the archive asks of the samples that are here: which days are closed, what is in them, and the
//! number that tells one archiving of a day from another.

use super::cold::ColdSeries;
use super::read::chain;
use super::registry::with;
use super::seal;
use super::{SeriesError, SeriesStore};
use crate::blocks::{Column, Level};
use crate::pack::{Damage, Entry, Kind, Pack, PackId, PackMeta};
use crate::series::Points;
use model::series::Series;
use model::{DeviceId, SeriesId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Values of a device that are in memory at once.
const CELLS_AT_ONCE: usize = 1 << 20;

/// The revision of a day that is being archived. What is deleted while it lives stays hidden in it.
pub(crate) struct Revision {
    series: SeriesStore,
    day: Timestamp,
    pub(crate) number: u64,
}

impl Drop for Revision {
    fn drop(&mut self) {
        let parts = self.series.parts();
        parts.is_archiving(self.day, self.number, false);
    }
}

/// Columns of a device of a pack that are no series here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nobodys {
    /// Those of series that were deleted.
    pub(crate) deleted: u64,
    /// Those that are merely not known, as where the registry was lost.
    pub(crate) unknown: u64,
}

impl SeriesStore {
    /// The days that ended by a time and whose samples are one pack, with nothing that lies over it,
    /// ascending.
    pub(crate) fn closed_days(&self, ended_by: Timestamp) -> Result<Vec<PackMeta>, SeriesError> {
        let parts = self.parts();
        let list = parts.packs.list();
        let mut of_days: BTreeMap<Timestamp, Vec<&PackMeta>> = BTreeMap::new();
        for meta in list.iter().filter(|meta| meta.id.kind == Kind::Samples) {
            let day = Level::Day.start(meta.id.start);
            of_days.entry(day).or_default().push(meta);
        }
        let mut closed = Vec::new();
        for (day, packs) in of_days {
            let end = seal::end(Level::Day, day);
            if end > ended_by {
                break;
            }
            let [pack] = packs.as_slice() else {
                continue;
            };
            let lone = pack.id.level == Level::Day && parts.blocks.keys(day, end)?.is_empty();
            if lone {
                closed.push(**pack);
            }
        }
        Ok(closed)
    }

    /// What tells the packs of samples that are here, by the day that they are of.
    pub(crate) fn packs_of_samples(&self) -> BTreeSet<(Timestamp, String)> {
        let list = self.parts().packs.list();
        let samples = list.iter().filter(|meta| meta.id.kind == Kind::Samples);
        let stamped = samples.map(|meta| (Level::Day.start(meta.id.start), meta.stamp()));
        stamped.collect()
    }

    /// Whether a pack is still one of those that count.
    pub(crate) fn has_pack(&self, id: &PackId) -> bool {
        let list = self.parts().packs.list();
        list.binary_search_by_key(id, |meta| meta.id).is_ok()
    }

    /// Does something where a pack is still one of those that count, and nothing replaces or removes it
    /// before that is done; `None` where it is not. Waits for a pass that is under way.
    pub(crate) fn while_there<T>(&self, id: &PackId, work: impl FnOnce() -> T) -> Option<T> {
        let passes = &self.parts().passes;
        let _one_at_a_time = passes.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_pack(id).then(work)
    }

    /// Something that was here of a day may not be here any more: the archive is read as well.
    pub(crate) fn lacks_of(&self, day: Timestamp) {
        self.parts().packs.lacks_of(day);
    }

    /// All that the archive has of a day is here.
    pub(crate) fn lacks_nothing_of(&self, day: Timestamp) {
        self.parts().packs.lacks_nothing_of(day);
    }

    /// The id that an archived series of a device has here: another where the registry was lost since, and
    /// its own where it is not known.
    pub(crate) fn known_as(&self, device_id: DeviceId, series: &ColdSeries) -> SeriesId {
        with(&self.parts().index, |index| {
            if index.place_of(series.id).is_some() {
                return series.id;
            }
            let known = index.find_named(device_id, &series.metric, &series.labels);
            known.map_or(series.id, |known| known.id)
        })
    }

    /// Whether a sample that an archived day of a generation has was deleted since.
    pub(crate) fn is_deleted_since(
        &self,
        device_id: DeviceId,
        id: SeriesId,
        at: Timestamp,
        generation: u64,
    ) -> bool {
        let parts = self.parts();
        let place = with(&parts.index, |index| index.place_of(id));
        match place {
            Some((device_id, column)) => {
                let stones = &parts.tombstones;
                stones.hides(device_id, column, at.unix_ms(), generation)
            }
            // What is merely not known was not deleted.
            None => with(&parts.index, |index| index.was_ever_deleted(device_id)),
        }
    }

    /// A pack that goes on to be readable when it is replaced.
    pub(crate) fn open_pack(&self, id: &PackId) -> Result<Arc<Pack>, SeriesError> {
        Ok(self.parts().packs.pack(id)?)
    }

    /// A generation that was never given before, for the revision of a day that is being archived: what is
    /// deleted from now on has a later one, and what was deleted before is hidden already. Waits for a
    /// pass that is under way.
    pub(crate) fn begin_revision(&self, day: Timestamp) -> Revision {
        let _not_while_deleting = self.between_passes();
        let number = self.parts().packs.give_generation();
        self.parts().is_archiving(day, number, true);
        Revision {
            series: self.clone(),
            day,
            number,
        }
    }

    /// No generation up to this is given any more.
    pub(crate) fn raise_generation(&self, next: u64) {
        self.parts().packs.raise_generation(next);
    }

    /// Hands over the series of a device of a pack, ascending by id, with their samples but for those
    /// that were deleted. Answers which columns are nobody's, which are left out, or what is damaged.
    pub(crate) fn visit_device<E>(
        &self,
        pack: &Pack,
        entry: &Entry,
        mut take: impl FnMut(&Series, &Points) -> Result<(), E>,
    ) -> Result<Result<Nobodys, Vec<Damage>>, E>
    where
        E: From<SeriesError>,
    {
        let parts = self.parts();
        let head = match pack.head(entry) {
            Ok(head) => head,
            Err(error) if error.is_passing() => return Err(E::from(error.into())),
            Err(error) => {
                let name = pack.meta().id.file_name();
                parts.lost_of(&pack.meta().id, &chain(&error));
                return Ok(Err(vec![Damage::of_file(Path::new(&name), chain(&error))]));
            }
        };
        let known = self.columns_of(entry.device_id);
        let mut wanted: Vec<(&Series, Column)> = Vec::new();
        let mut nobodys = Nobodys::default();
        for column in head.columns() {
            let is_deleted = || {
                with(&parts.index, |index| {
                    index.is_deleted_column(entry.device_id, column)
                })
            };
            match known.get(&column) {
                Some(series) => wanted.push((series, column)),
                None if is_deleted() => nobodys.deleted += 1,
                None => nobodys.unknown += 1,
            }
        }
        wanted.sort_by_key(|(series, _)| series.id);
        let id = pack.meta().id;
        let at_once = (CELLS_AT_ONCE / head.times().len().max(1)).max(1);
        for wanted in wanted.chunks(at_once) {
            let mut columns: Vec<Column> = wanted.iter().map(|(_, column)| *column).collect();
            columns.sort_unstable();
            let mut read: BTreeMap<Column, Points> = BTreeMap::new();
            let range = (id.start, id.end());
            let damage =
                pack.read_with(&head, entry, &columns, range.0, range.1, |place, slice| {
                    if let Some(column) = columns.get(place) {
                        read.entry(*column).or_default().extend(slice.points());
                    }
                });
            if let Some(first) = damage.first() {
                parts.lost_of(&id, &first.to_string());
                return Ok(Err(damage));
            }
            for (series, column) in wanted {
                let Some(mut points) = read.remove(column) else {
                    continue;
                };
                points.retain(|(at, _)| {
                    let hides = parts.tombstones.hides(
                        entry.device_id,
                        *column,
                        at.unix_ms(),
                        id.generation,
                    );
                    !hides
                });
                if !points.is_empty() {
                    take(series, &points)?;
                }
            }
        }
        Ok(Ok(nobodys))
    }

    /// The series of a device by their columns.
    fn columns_of(&self, device_id: DeviceId) -> BTreeMap<Column, Series> {
        with(&self.parts().index, |index| {
            let series = index.series_of(device_id).into_iter();
            let placed = series.filter_map(|series| {
                let (_, column) = index.place_of(series.id)?;
                Some((column, series))
            });
            placed.collect()
        })
    }
}
