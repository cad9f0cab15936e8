//! What the archive asks of the samples that are here: which days are closed, what is in them, and the
//! number that tells one archiving of a day from another.

use super::registry::with;
use super::seal;
use super::{SeriesError, SeriesStore};
use crate::blocks::{Column, Level};
use crate::pack::{Damage, Entry, Kind, Pack, PackId, PackMeta};
use crate::series::Points;
use model::series::Series;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

    /// The names of the packs of samples that are here.
    pub(crate) fn packs_of_samples(&self) -> BTreeSet<String> {
        let list = self.parts().packs.list();
        let samples = list.iter().filter(|meta| meta.id.kind == Kind::Samples);
        samples.map(|meta| meta.id.file_name()).collect()
    }

    /// Whether a pack is still one of those that count.
    pub(crate) fn has_pack(&self, id: &PackId) -> bool {
        let list = self.parts().packs.list();
        list.binary_search_by_key(id, |meta| meta.id).is_ok()
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
    /// that were deleted. Answers how many columns are nobody's, which are left out, and what is damaged.
    pub(crate) fn visit_device<E>(
        &self,
        pack: &Pack,
        entry: &Entry,
        mut take: impl FnMut(&Series, &Points) -> Result<(), E>,
    ) -> Result<Result<u64, Vec<Damage>>, E>
    where
        E: From<SeriesError>,
    {
        let parts = self.parts();
        let head = pack.head(entry).map_err(|error| E::from(error.into()))?;
        let known = self.columns_of(entry.device_id);
        let mut wanted: Vec<(&Series, Column)> = Vec::new();
        let mut nobodys = 0;
        for column in head.columns() {
            match known.get(&column) {
                Some(series) => wanted.push((series, column)),
                None => nobodys += 1,
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
            if !damage.is_empty() {
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
