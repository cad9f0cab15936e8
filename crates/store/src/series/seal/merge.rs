//! Packs to larger packs: what lies over each other becomes one, column by column, so that it takes
//! memory for some columns of one device, however many devices there are.

use super::{Maintained, packs_of, samples};
use crate::blocks::codec::BlockView;
use crate::blocks::{Block, BlockKey, Column, Level, Run, Values};
use crate::pack::{Damage, Entry, Head, Kind, Pack, PackId, PackWriter};
use crate::series::SeriesError;
use crate::series::parts::Parts;
use crate::series::read::chain;
use crate::series::registry::index::Index;
use crate::series::registry::with;
use crate::series::stats::add;
use model::{DeviceId, Timestamp, Value};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// How long after its end a day becomes one pack: its last half-hours are sealed and merged, and most
/// of what comes late has come.
const DAY_DELAY: Duration = Duration::from_mins(45);

/// How long after a range was merged it may be merged again.
const MERGE_INTERVAL: Duration = Duration::from_mins(30);

/// How long after merging a range failed it is tried again.
const FAILED_INTERVAL: Duration = Duration::from_hours(1);

/// Values of a device that are in memory at once, 24 octets each.
const CELLS_AT_ONCE: usize = 1 << 20;

/// Merges all two hours that have ended as a whole and have half-hours. One that fails holds up no
/// other.
pub(super) fn two_hours(
    parts: &Parts,
    by: Timestamp,
    now: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    let halves = packs_of(parts, Level::HalfHour).into_iter();
    let starts: BTreeSet<Timestamp> = halves
        .map(|half| Level::TwoHours.start(half.id.start))
        .filter(|start| end(Level::TwoHours, *start) <= by)
        .collect();
    let mut failed = None;
    for start in starts {
        match merge_in_turn(parts, Level::TwoHours, start, now) {
            Ok(merged) => {
                done.merged += merged;
                add(&parts.counters.blocks_merged, merged);
            }
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Merges days that are over: one a pass, the oldest first, so that sealing need not wait for many.
/// A day that is one pack already is merged again where something came to it, once a day at most, and
/// some where a device of theirs was deleted.
pub(super) fn days(
    parts: &Parts,
    now: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    let due = |start: &Timestamp| end(Level::Day, *start).plus(DAY_DELAY) <= now;
    let today = Level::Day.start(now.minus(DAY_DELAY));
    let list = parts.packs.list();
    let samples = list.iter().filter(|meta| meta.id.kind == Kind::Samples);
    let mut found: BTreeMap<Timestamp, Day> = BTreeMap::new();
    for meta in samples {
        let of = found.entry(Level::Day.start(meta.id.start)).or_default();
        of.is_whole |= meta.id.level == Level::Day;
        of.has_parts |= meta.id.level != Level::Day;
    }
    for day in parts.blocks.days()? {
        found.entry(day).or_default();
    }
    for (day, of) in found.into_iter().filter(|(day, _)| due(day)) {
        if of.is_whole && !parts.looks_again(day, today) {
            continue;
        }
        // A day's file may hold nothing but what was set aside.
        let has_more = of.has_parts || !parts.blocks.keys(day, end(Level::Day, day))?.is_empty();
        let forgets = || of.is_whole && has_gone(parts, day) && parts.may_forget(today);
        if !has_more && !forgets() {
            continue;
        }
        match merge_in_turn(parts, Level::Day, day, now) {
            Ok(0) => {}
            Ok(merged) => {
                done.days += merged;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Merges a range where it is not too soon for another time: one that was merged or failed a short
/// while ago waits, so that what comes late to it, or is wrong with it, does not cost a merge a pass.
fn merge_in_turn(
    parts: &Parts,
    level: Level,
    start: Timestamp,
    now: Timestamp,
) -> Result<u64, SeriesError> {
    if !parts.is_in_turn(level, start, now) {
        return Ok(0);
    }
    let merged = merge(parts, level, start);
    let wait = if merged.is_ok() {
        MERGE_INTERVAL
    } else {
        FAILED_INTERVAL
    };
    parts.next_turn(level, start, now.plus(wait));
    merged
}

/// What there is of a day.
#[derive(Default)]
struct Day {
    /// It has a pack of the day.
    is_whole: bool,
    /// It has others.
    has_parts: bool,
}

pub(in crate::series) fn end(level: Level, start: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(start.unix_ms().saturating_add(level.span_ms()))
}

/// Whether the pack of a day holds a device that was deleted. Opens it, but where none ever was.
fn has_gone(parts: &Parts, day: Timestamp) -> bool {
    if !with(&parts.index, Index::any_deleted) {
        return false;
    }
    let packs = parts.packs.packs(Kind::Samples, day, end(Level::Day, day));
    let mut entries = packs.iter().flat_map(|pack| pack.entries());
    entries.any(|entry| with(&parts.index, |index| index.is_deleted(entry.device_id)))
}

/// The packs of a range, in the order to lay them over each other, and those that are damaged. One
/// that cannot be opened is set aside here, so that it is not met again.
fn packs_in(
    parts: &Parts,
    level: Level,
    (start, end): (Timestamp, Timestamp),
) -> Result<(Vec<Arc<Pack>>, Damaged), SeriesError> {
    let mut damaged = Damaged::new();
    let mut packs = Vec::new();
    // One that is larger than the range, as that of a day in which something came late, stays.
    let is_part = |id: &PackId| {
        id.kind == Kind::Samples && id.level <= level && id.start >= start && id.end() <= end
    };
    let list = parts.packs.list();
    for id in list.iter().map(|meta| meta.id).filter(is_part) {
        match parts.packs.pack(&id) {
            Ok(pack) => {
                if !pack.is_whole() {
                    damaged.insert(id, "its ends are damaged".to_owned());
                }
                packs.push(pack);
            }
            Err(error) => {
                parts.lost(&chain(&error));
                parts.packs.set_aside(&id, &chain(&error))?;
            }
        }
    }
    packs.sort_by_key(|pack| {
        let id = &pack.meta().id;
        (Reverse(id.level), id.start, id.generation)
    });
    Ok((packs, damaged))
}

/// Which columns of which devices stay.
pub(in crate::series) type Keep<'a> = dyn Fn(DeviceId, Column) -> bool + 'a;

/// Makes one pack of all that there is of a range; answers of how many devices.
fn merge(parts: &Parts, level: Level, start: Timestamp) -> Result<u64, SeriesError> {
    merge_kept(parts, level, start, &|_, _| true)
}

/// As [`merge`], of the columns that are to be kept. Where that is none there is no pack afterwards.
pub(super) fn merge_kept(
    parts: &Parts,
    level: Level,
    start: Timestamp,
    keep: &Keep<'_>,
) -> Result<u64, SeriesError> {
    let end = end(level, start);
    let (packs, mut damaged) = packs_in(parts, level, (start, end))?;
    let patches = parts.blocks.keys(start, end)?;
    let devices = packs.iter().flat_map(|pack| pack.entries());
    let devices = devices.map(|entry| entry.device_id);
    let devices: BTreeSet<DeviceId> = devices
        .chain(patches.iter().map(|key| key.device_id))
        .filter(|id| !with(&parts.index, |index| index.is_deleted(*id)))
        .collect();
    let mut writer = parts.packs.begin(samples(start, level))?;
    let mut is_empty = true;
    for device_id in &devices {
        let mut sources = Sources::of(parts, *device_id, &packs, (start, end), &mut damaged)?;
        let written = sources.write(parts, &mut writer, keep, &mut damaged)?;
        is_empty &= !written;
    }
    if !parts.blocks.is_sound(start, end) {
        // Something of the patches was not read: they are mended before they are taken in.
        return Err(SeriesError::Unsound { start });
    }
    let ids = packs.iter().map(|pack| pack.meta().id);
    let gone: Vec<PackId> = ids.filter(|id| !damaged.contains_key(id)).collect();
    let mut count = 0;
    if is_empty {
        drop(writer);
        parts.packs.commit(&[], &gone)?;
    } else {
        let meta = writer.finish()?;
        count = meta.totals.devices;
        parts.commit(meta, &gone)?;
    }
    // Kept for a person to look at. What is sound of them is in the new one.
    for (id, what) in &damaged {
        parts.packs.set_aside(id, what)?;
    }
    // Durable as part of the pack, they are not needed: whoever reads them still reads the same.
    let _alone = parts.move_blocks();
    parts.blocks.write(&[], &patches)?;
    parts.blocks.tidy(start, end)?;
    if level == Level::Day {
        info!(day = %start, devices = count, "a day of samples is one pack");
    }
    Ok(count)
}

/// Packs that are damaged, and how.
type Damaged = BTreeMap<PackId, String>;

/// What there is of one device, in the order to lay it over each other.
struct Sources<'a> {
    device_id: DeviceId,
    range: (Timestamp, Timestamp),
    /// Blocks of two hours of the first version, below the packs.
    below: Vec<(BlockKey, Vec<u8>)>,
    packs: Vec<(&'a Pack, Entry, Head)>,
    /// Patches, above them.
    above: Vec<(BlockKey, Vec<u8>)>,
}

impl<'a> Sources<'a> {
    fn of(
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
                Ok(head) => found.push((pack.as_ref(), entry, head)),
                Err(error) => {
                    parts.lost(&chain(&error));
                    damaged.insert(pack.meta().id, chain(&error));
                }
            }
        }
        Ok(Self {
            device_id,
            range: (start, end),
            below,
            packs: found,
            above,
        })
    }

    /// Writes the device: all its times, then some columns at a time. Answers whether anything of it
    /// was written.
    fn write(
        &mut self,
        parts: &Parts,
        writer: &mut PackWriter,
        keep: &Keep<'_>,
        damaged: &mut Damaged,
    ) -> Result<bool, SeriesError> {
        let (mut times, mut columns) = (BTreeSet::new(), BTreeSet::new());
        let mut sound = |blocks: &mut Vec<(BlockKey, Vec<u8>)>| {
            blocks.retain(|(key, bytes)| {
                let view = BlockView::parse(bytes);
                match view.and_then(|view| Ok((view.columns()?, view))) {
                    Ok((of, view)) => {
                        times.extend(view.times());
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
        for (_, _, head) in &self.packs {
            times.extend(head.times());
            columns.extend(head.columns());
        }
        let times: Vec<i64> = times.into_iter().collect();
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
        writer.begin(self.device_id, &times)?;
        let mut written = false;
        let at_once = (CELLS_AT_ONCE / times.len().max(1)).max(1);
        for wanted in columns.chunks(at_once) {
            let mut laid = Laid::new(&times, wanted.len());
            self.lay(parts, wanted, &mut laid, damaged);
            for (column, values) in wanted.iter().zip(laid.columns) {
                if let Some(values) = values_of(&values) {
                    writer.column(*column, &values)?;
                    written = true;
                }
            }
        }
        Ok(written)
    }

    fn lay(&self, parts: &Parts, wanted: &[Column], laid: &mut Laid, damaged: &mut Damaged) {
        let (from, to) = self.range;
        let blocks = |blocks: &[(BlockKey, Vec<u8>)], laid: &mut Laid| {
            for (key, bytes) in blocks {
                let read = BlockView::parse(bytes).and_then(|view| {
                    view.points_of(wanted, from, to, |place, points| {
                        laid.lay(place, points.into_iter());
                    })
                });
                if let Err(error) = read {
                    parts.set_aside(key, &error.to_string());
                }
            }
        };
        blocks(&self.below, laid);
        for (pack, entry, head) in &self.packs {
            let found: Vec<Damage> =
                pack.read_with(head, entry, wanted, from, to, |place, slice| {
                    laid.lay(place, slice.points());
                });
            for damage in found {
                parts.lost(&damage.to_string());
                damaged.insert(pack.meta().id, damage.to_string());
            }
        }
        blocks(&self.above, laid);
    }
}

/// Some columns, row by row, over which more is laid.
struct Laid<'a> {
    times: &'a [i64],
    columns: Vec<Vec<Option<Value>>>,
}

impl<'a> Laid<'a> {
    fn new(times: &'a [i64], columns: usize) -> Self {
        Self {
            times,
            columns: vec![vec![None; times.len()]; columns],
        }
    }

    /// Lays points, ascending in time, over what a column has.
    fn lay(&mut self, place: usize, points: impl Iterator<Item = (Timestamp, Value)>) {
        let Some(values) = self.columns.get_mut(place) else {
            return;
        };
        let mut rows = self.times.iter().zip(values).peekable();
        let mut first = true;
        for (at, value) in points {
            if std::mem::take(&mut first) {
                // Most sources begin far behind the first row.
                let behind = self.times.partition_point(|time| *time < at.unix_ms());
                if let Some(skipped) = behind.checked_sub(1) {
                    rows.nth(skipped);
                }
            }
            while rows.next_if(|(time, _)| **time < at.unix_ms()).is_some() {}
            if let Some((_, place)) = rows.next_if(|(time, _)| **time == at.unix_ms()) {
                *place = Some(value);
            }
        }
    }
}

/// The values of a column; none where it has none.
fn values_of(rows: &[Option<Value>]) -> Option<Values> {
    let (mut whole, mut float) = (Vec::new(), Vec::new());
    for (row, value) in rows.iter().enumerate() {
        match value {
            Some(Value::U64(number)) => whole.push((row, *number)),
            Some(Value::F64(number)) => float.push((row, *number)),
            None => {}
        }
    }
    Values::new(Run::at(rows.len(), whole), Run::at(rows.len(), float))
}

/// Whether packs hold all that a block holds, with the same values.
pub(super) fn holds(packs: &[Arc<Pack>], device_id: DeviceId, block: &Block) -> bool {
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
        let damage = pack.read_with(head, entry, &columns, from, to, |place, slice| {
            laid.lay(place, slice.points());
        });
        if !damage.is_empty() {
            return false;
        }
    }
    columns.iter().zip(&laid.columns).all(|(column, kept)| {
        let mut points = block.points(*column, from, to);
        points.all(|(at, value)| {
            let row = block.times().binary_search(&at.unix_ms()).ok();
            row.and_then(|row| kept.get(row)) == Some(&Some(value))
        })
    })
}
