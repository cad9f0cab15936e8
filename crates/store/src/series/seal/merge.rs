//! Packs to larger packs: what lies over each other becomes one, column by column, so that it takes
//! memory for some columns of one device, however many devices there are.

use super::{Maintained, packs_of, samples};
use crate::blocks::codec::BlockView;
use crate::blocks::{Block, BlockKey, Column, Level, Run, Values};
use crate::pack::{Damage, Entry, Head, Kind, Pack, PackError, PackId, PackWriter};
use crate::series::SeriesError;
use crate::series::parts::Parts;
use crate::series::read::chain;
use crate::series::registry::with;
use crate::series::stats::add;
use model::{DeviceId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// How long after its end a day becomes one pack: its last half-hours are sealed and merged, and most
/// of what comes late has come.
const DAY_DELAY: Duration = Duration::from_mins(45);

/// Values of a device that are in memory at once, 24 octets each.
const CELLS_AT_ONCE: usize = 1 << 20;

/// Merges all two hours that have ended as a whole and have half-hours.
pub(super) fn two_hours(
    parts: &Parts,
    by: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    let halves = packs_of(parts, Level::HalfHour).into_iter();
    let starts: BTreeSet<Timestamp> = halves
        .map(|half| Level::TwoHours.start(half.id.start))
        .filter(|start| end(Level::TwoHours, *start) <= by)
        .collect();
    for start in starts {
        let merged = merge(parts, Level::TwoHours, start)?;
        done.merged += merged;
        add(&parts.counters.blocks_merged, merged);
    }
    Ok(())
}

/// Merges days that are over: one a pass, the oldest first, so that sealing need not wait for many.
/// A day that is one pack already is merged again where it has patches or devices that are gone, but
/// no more than once in a day.
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
        of.has_more |= meta.id.level != Level::Day;
    }
    for day in parts.blocks.days()? {
        found.entry(day).or_default().has_more = true;
    }
    for (day, of) in found.into_iter().filter(|(day, _)| due(day)) {
        let is_new = !of.is_whole;
        let is_due =
            is_new || (parts.looks_again(day, today) && (of.has_more || has_gone(parts, day)));
        if is_due {
            done.days += merge(parts, Level::Day, day)?;
            return Ok(());
        }
    }
    Ok(())
}

/// What there is of a day.
#[derive(Default)]
struct Day {
    /// It has a pack of the day.
    is_whole: bool,
    /// It has others, or patches.
    has_more: bool,
}

pub(super) fn end(level: Level, start: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(start.unix_ms().saturating_add(level.span_ms()))
}

/// Whether the pack of a day holds a device that was deleted.
fn has_gone(parts: &Parts, day: Timestamp) -> bool {
    let packs = parts.packs.packs(Kind::Samples, day, end(Level::Day, day));
    let mut entries = packs.iter().flat_map(|pack| pack.entries());
    entries.any(|entry| !with(&parts.index, |index| index.has_device(entry.device_id)))
}

/// Makes one pack of all that there is of a range; answers of how many devices.
fn merge(parts: &Parts, level: Level, start: Timestamp) -> Result<u64, SeriesError> {
    let end = end(level, start);
    let packs = parts.packs.packs(Kind::Samples, start, end);
    // One that is larger than the range, as that of a day in which something came late, stays.
    let packs: Vec<Arc<Pack>> = packs
        .into_iter()
        .filter(|pack| pack.meta().id.level <= level)
        .collect();
    let patches = parts.blocks.keys(start, end)?;
    let devices = packs.iter().flat_map(|pack| pack.entries());
    let devices = devices.map(|entry| entry.device_id);
    let devices: BTreeSet<DeviceId> = devices
        .chain(patches.iter().map(|key| key.device_id))
        .filter(|id| with(&parts.index, |index| index.has_device(*id)))
        .collect();
    let mut damaged = Damaged::new();
    let mut writer = parts.packs.begin(samples(start, level))?;
    for device_id in &devices {
        let mut sources = Sources::of(parts, *device_id, &packs, (start, end), &mut damaged)?;
        sources.write(parts, &mut writer, &mut damaged)?;
    }
    let ids = packs.iter().map(|pack| pack.meta().id);
    let gone: Vec<PackId> = ids.filter(|id| !damaged.contains_key(id)).collect();
    let mut count = 0;
    if devices.is_empty() {
        drop(writer);
        parts.packs.commit(&[], &gone)?;
    } else {
        let meta = writer.finish()?;
        count = meta.totals.devices;
        parts.packs.commit(&[meta], &gone)?;
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
                Err(error @ PackError::File { .. }) => return Err(error.into()),
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

    /// Writes the device: all its times, then some columns at a time.
    fn write(
        &mut self,
        parts: &Parts,
        writer: &mut PackWriter,
        damaged: &mut Damaged,
    ) -> Result<(), SeriesError> {
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
        // Of a device that was deleted and met again, the old ones are nobody's.
        let columns: Vec<Column> = with(&parts.index, |index| {
            let known = |column: &Column| index.has(self.device_id, *column);
            columns.into_iter().filter(known).collect()
        });
        writer.begin(self.device_id, &times)?;
        let at_once = (CELLS_AT_ONCE / times.len().max(1)).max(1);
        for wanted in columns.chunks(at_once) {
            let mut laid = Laid::new(&times, wanted.len());
            self.lay(parts, wanted, &mut laid, damaged)?;
            for (column, values) in wanted.iter().zip(laid.columns) {
                if let Some(values) = values_of(&values) {
                    writer.column(*column, &values)?;
                }
            }
        }
        Ok(())
    }

    fn lay(
        &self,
        parts: &Parts,
        wanted: &[Column],
        laid: &mut Laid,
        damaged: &mut Damaged,
    ) -> Result<(), SeriesError> {
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
        for (pack, entry, _) in &self.packs {
            let found: Vec<Damage> = pack.read(entry, wanted, from, to, |place, slice| {
                laid.lay(place, slice.points());
            })?;
            for damage in found {
                parts.lost(&damage.to_string());
                damaged.insert(pack.meta().id, damage.to_string());
            }
        }
        blocks(&self.above, laid);
        Ok(())
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
    let mut laid = Block::new();
    for pack in packs {
        let Some(entry) = pack.find(device_id) else {
            continue;
        };
        match pack.dense(&entry) {
            Ok((dense, damage)) if damage.is_empty() => {
                laid = laid.overlaid_by(&dense.to_block());
            }
            _ => return false,
        }
    }
    laid.overlaid_by(block) == laid
}
