//! What there is of a device in packs, patches and the archive, laid over each other and written as one.

use super::laid::Laid;
use super::merge::Keep;
use super::rolls::{KEPT_AT_ONCE, OldDevice};
use super::under::UnderDevice;
use crate::blocks::codec::BlockView;
use crate::blocks::{Block, BlockKey, Column, ColumnSlice, Level};
use crate::pack::{Damage, Entry, Head, Pack, PackId, PackWriter};
use crate::series::SeriesError;
use crate::series::parts::Parts;
use crate::series::read::chain;
use crate::series::registry::with;
use crate::series::rollup::write::DayWriter;
use crate::series::tombstones::Hidden;
use model::{DeviceId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Values of a device that are in memory at once, 9 octets each.
pub(super) const CELLS_AT_ONCE: usize = 1 << 20;

/// Packs that are damaged, and how.
pub(super) type Damaged = BTreeMap<PackId, String>;

/// What there is of one device, in the order to lay it over each other.
pub(super) struct Sources<'a> {
    device_id: DeviceId,
    range: (Timestamp, Timestamp),
    /// What the archive has, below all.
    pub(super) under: Option<UnderDevice<'a>>,
    /// Blocks of two hours of the first version, below the packs.
    below: Vec<(BlockKey, Vec<u8>)>,
    packs: Vec<Source<'a>>,
    /// Patches, above them.
    above: Vec<(BlockKey, Vec<u8>)>,
    /// What was deleted of patches, above and below.
    hidden: Option<Hidden>,
}

/// What a pack has of a device.
struct Source<'a> {
    pack: &'a Pack,
    entry: Entry,
    head: Head,
    /// What was deleted of it since.
    hidden: Option<Hidden>,
}

impl<'a> Sources<'a> {
    pub(super) fn of(
        parts: &Parts,
        device_id: DeviceId,
        packs: &'a [Arc<Pack>],
        (start, end): (Timestamp, Timestamp),
        damaged: &mut Damaged,
    ) -> Result<Self, SeriesError> {
        let blocks = parts.blocks.read(device_id, start, end)?;
        let (below, above) = blocks
            .into_iter()
            .partition(|(key, _)| key.level != Level::HalfHour);
        let mut found = Vec::new();
        for pack in packs {
            let Some(entry) = pack.find(device_id) else {
                continue;
            };
            match pack.head(&entry) {
                Ok(head) => {
                    let generation = pack.meta().id.generation;
                    let hidden = parts
                        .tombstones
                        .of_pack(device_id, generation, (start, end));
                    found.push(Source {
                        pack: pack.as_ref(),
                        entry,
                        head,
                        hidden,
                    });
                }
                Err(error) => {
                    parts.lost_of(&pack.meta().id, &chain(&error));
                    damaged.insert(pack.meta().id, chain(&error));
                }
            }
        }
        Ok(Self {
            device_id,
            range: (start, end),
            under: None,
            below,
            packs: found,
            above,
            hidden: parts.tombstones.of_patches(device_id, (start, end)),
        })
    }

    /// Writes the device: all its times, then some columns at a time; its roll-ups with what there is of
    /// them already. Answers whether any samples were written.
    pub(super) fn write(
        &mut self,
        parts: &Parts,
        (mut samples, mut rolls): (
            Option<&mut PackWriter>,
            Option<(&mut DayWriter, &mut OldDevice<'_>)>,
        ),
        keep: &Keep<'_>,
        damaged: &mut Damaged,
    ) -> Result<bool, SeriesError> {
        let (mut times, mut columns) = (BTreeSet::new(), BTreeSet::new());
        let mut sound = |blocks: &mut Vec<(BlockKey, Vec<u8>)>| {
            blocks.retain(|(key, bytes)| {
                let view = BlockView::parse(bytes);
                match view.and_then(|view| Ok((view.columns()?, view))) {
                    Ok((of, view)) => {
                        times.extend(left_of(view.times(), self.hidden.as_ref()));
                        columns.extend(of);
                        true
                    }
                    Err(error) => {
                        parts.set_aside(key, &error.to_string());
                        false
                    }
                }
            });
        };
        sound(&mut self.below);
        sound(&mut self.above);
        for Source { head, hidden, .. } in &self.packs {
            times.extend(left_of(head.times(), hidden.as_ref()));
            columns.extend(head.columns());
        }
        if let Some(under) = &self.under {
            times.extend(&under.times);
            columns.extend(&under.columns);
        }
        let times: Vec<i64> = times.into_iter().collect();
        // Series of which there are roll-ups alone.
        columns.extend(rolls.iter().flat_map(|(_, old)| old.series()));
        // Of a device that was deleted and met again, the old ones are nobody's. What is merely
        // unknown is kept: the registry may have been lost.
        let columns: Vec<Column> = with(&parts.index, |index| {
            let kept = |column: &Column| !index.is_deleted_column(self.device_id, *column);
            columns.into_iter().filter(kept).collect()
        });
        let columns: Vec<Column> = columns
            .into_iter()
            .filter(|column| keep(self.device_id, *column))
            .collect();
        if columns.is_empty() {
            return Ok(false);
        }
        let old = rolls.as_ref().map(|(_, old)| &**old);
        let is_cut = self.hidden.is_some()
            || self.packs.iter().any(|of| of.hidden.is_some())
            || old.is_some_and(|old| old.is_cut(parts, self.device_id));
        if times.is_empty() && !old.is_some_and(OldDevice::is_there) {
            // All of it was deleted.
            if let (Some((rolls, _)), Some(column)) = (&mut rolls, columns.first()) {
                rolls.device(parts, self.device_id)?;
                rolls.nothing(*column)?;
            }
            return Ok(false);
        }
        if let Some(samples) = &mut samples {
            samples.begin(self.device_id, &times)?;
        }
        if let Some((rolls, old)) = &mut rolls
            && let Some(uptime) = rolls.device(parts, self.device_id)?
        {
            let mut laid = Laid::new(&times, 1);
            self.lay_under(parts, &[uptime], &mut laid)?;
            self.lay(parts, &[uptime], &mut laid, damaged);
            let points = laid.columns.first().map(|column| column.points(&times));
            let kept = old.kept(parts, self.device_id, &[uptime]).pop();
            let by_hours = kept.and_then(|[_, by_hours]| by_hours);
            rolls.uptime(&points.unwrap_or_default(), by_hours.as_ref());
        }
        let (mut written, mut any) = (false, false);
        let mut at_once = (CELLS_AT_ONCE / times.len().max(1)).max(1);
        if rolls.as_ref().is_some_and(|(_, old)| old.is_there()) {
            at_once = at_once.min(KEPT_AT_ONCE);
        }
        for wanted in columns.chunks(at_once) {
            let mut laid = Laid::new(&times, wanted.len());
            self.lay_under(parts, wanted, &mut laid)?;
            self.lay(parts, wanted, &mut laid, damaged);
            let kept = rolls
                .as_mut()
                .map(|(_, old)| old.kept(parts, self.device_id, wanted));
            let mut kept = kept.into_iter().flatten();
            for (column, values) in wanted.iter().zip(laid.columns) {
                if let Some((rolls, _)) = &mut rolls {
                    let kept = kept.next().unwrap_or_default();
                    any |= rolls.column(parts, *column, &values.points(&times), kept)?;
                }
                let Some(values) = values.into_values() else {
                    continue;
                };
                any = true;
                if let Some(samples) = &mut samples {
                    samples.column(*column, &values)?;
                    written = true;
                }
            }
        }
        if let (Some((rolls, old)), Some(column)) = (&mut rolls, columns.first())
            && (is_cut || old.is_there())
            && !any
        {
            rolls.nothing(*column)?;
        }
        Ok(written)
    }

    /// Lays what the archive has, before all else.
    fn lay_under(
        &self,
        parts: &Parts,
        wanted: &[Column],
        laid: &mut Laid,
    ) -> Result<(), SeriesError> {
        let under = self.under.as_ref();
        under.map_or(Ok(()), |under| under.lay(parts, wanted, laid))
    }

    fn lay(&self, parts: &Parts, wanted: &[Column], laid: &mut Laid, damaged: &mut Damaged) {
        let (from, to) = self.range;
        let blocks = |blocks: &[(BlockKey, Vec<u8>)], laid: &mut Laid| {
            for (key, bytes) in blocks {
                let read = BlockView::parse(bytes).and_then(|view| {
                    view.points_of(wanted, from, to, |place, points| {
                        let hidden = self.hidden.as_ref();
                        laid.lay(place, shown(points, hidden, wanted.get(place)));
                    })
                });
                if let Err(error) = read {
                    parts.set_aside(key, &error.to_string());
                }
            }
        };
        blocks(&self.below, laid);
        for source in &self.packs {
            let Source {
                pack, head, entry, ..
            } = source;
            let found: Vec<Damage> =
                pack.read_with(head, entry, wanted, from, to, |place, slice| {
                    lay_shown(laid, place, &slice, source.hidden.as_ref(), wanted);
                });
            for damage in found {
                parts.lost_of(&pack.meta().id, &damage.to_string());
                damaged.insert(pack.meta().id, damage.to_string());
            }
        }
        blocks(&self.above, laid);
    }
}

/// The times of which not all is deleted.
fn left_of<'a>(times: &'a [i64], hidden: Option<&Hidden>) -> impl Iterator<Item = i64> + 'a {
    let hidden = hidden.cloned();
    let left = move |at: &i64| hidden.as_ref().is_none_or(|hidden| !hidden.has_all_of(*at));
    times.iter().copied().filter(left)
}

/// The points of a column that are not deleted.
pub(in crate::series) fn shown<I: IntoIterator<Item = (Timestamp, Value)>>(
    points: I,
    hidden: Option<&Hidden>,
    column: Option<&Column>,
) -> impl Iterator<Item = (Timestamp, Value)> + use<I> {
    let hidden = hidden.cloned().zip(column.copied());
    points.into_iter().filter(move |(at, _)| {
        let hidden = hidden.as_ref();
        hidden.is_none_or(|(hidden, column)| !hidden.has(*column, at.unix_ms()))
    })
}

/// Lays what is not deleted of rows of a pack.
fn lay_shown(
    laid: &mut Laid<'_>,
    place: usize,
    slice: &ColumnSlice<'_>,
    hidden: Option<&Hidden>,
    wanted: &[Column],
) {
    if hidden.is_none() {
        laid.lay_slice(place, slice);
    } else {
        laid.lay(place, shown(slice.points(), hidden, wanted.get(place)));
    }
}

/// Whether packs hold all that a block holds, with the same values. What was deleted of them they do not
/// hold: it may be written again.
pub(super) fn holds(
    parts: &Parts,
    packs: &[Arc<Pack>],
    device_id: DeviceId,
    block: &Block,
) -> bool {
    let found = packs
        .iter()
        .filter_map(|pack| Some((pack, pack.find(device_id)?)));
    let heads = found.map(|(pack, entry)| Some((pack, entry, pack.head(&entry).ok()?)));
    let Some(heads) = heads.collect::<Option<Vec<_>>>() else {
        return false;
    };
    // Most of what comes late is of a time that nobody has: that is seen by the heads alone.
    let is_known = |at: &i64| {
        heads
            .iter()
            .any(|(_, _, head)| head.times().binary_search(at).is_ok())
    };
    let (Some(first), Some(last)) = (block.times().first(), block.times().last()) else {
        return true;
    };
    if !block.times().iter().all(is_known) {
        return false;
    }
    let columns: Vec<Column> = block.columns().collect();
    let from = Timestamp::from_unix_ms(*first);
    let to = Timestamp::from_unix_ms(last.saturating_add(1));
    let mut laid = Laid::new(block.times(), columns.len());
    for (pack, entry, head) in &heads {
        let generation = pack.meta().id.generation;
        let hidden = parts.tombstones.of_pack(device_id, generation, (from, to));
        let damage = pack.read_with(head, entry, &columns, from, to, |place, slice| {
            lay_shown(&mut laid, place, &slice, hidden.as_ref(), &columns);
        });
        if !damage.is_empty() {
            return false;
        }
    }
    columns.iter().zip(&laid.columns).all(|(column, kept)| {
        let mut points = block.points(*column, from, to);
        points.all(|(at, value)| {
            let row = block.times().binary_search(&at.unix_ms()).ok();
            row.and_then(|row| kept.get(row)) == Some(value)
        })
    })
}
