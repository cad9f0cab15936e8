//! Packs to larger packs: what lies over each other becomes one, column by column, so that it takes
//! memory for some columns of one device, however many devices there are.

use super::laid::Laid;
use super::rolls::{self, KEPT_AT_ONCE, Old, OldDevice};
use super::under::{Under, UnderDevice};
use super::{Maintained, packs_of, samples};
use crate::blocks::codec::BlockView;
use crate::blocks::{Block, BlockKey, Column, ColumnSlice, Level};
use crate::pack::{Damage, Entry, Head, Kind, Pack, PackId, PackWriter};
use crate::progress::Progress;
use crate::series::SeriesError;
use crate::series::bury;
use crate::series::parts::Parts;
use crate::series::read::chain;
use crate::series::registry::index::Index;
use crate::series::registry::with;
use crate::series::rollup::write::DayWriter;
use crate::series::stats::add;
use crate::series::tombstones::Hidden;
use model::{DeviceId, Timestamp, Value};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// How long after its end a day becomes one pack: its last half-hours are sealed and merged, and most
/// of what comes late has come.
pub(super) const DAY_DELAY: Duration = Duration::from_mins(45);

/// How long after a range was merged it may be merged again.
const MERGE_INTERVAL: Duration = Duration::from_mins(30);

/// How long after merging a range failed it is tried again.
pub(super) const FAILED_INTERVAL: Duration = Duration::from_hours(1);

/// Packs of one half-hour that lie over each other before they become one: each is opened by whoever
/// reads that half-hour.
const OVER_EACH_OTHER_MAX: usize = 8;

/// Values of a device that are in memory at once, 9 octets each.
pub(super) const CELLS_AT_ONCE: usize = 1 << 20;

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
    merge_each(parts, Level::TwoHours, starts, now, done)
}

/// Merges the packs of a half-hour to which much comes late, as after a poller was cut off, before its
/// two hours are over or may be merged again.
pub(super) fn half_hours(
    parts: &Parts,
    now: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    let mut packs: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for meta in packs_of(parts, Level::HalfHour) {
        *packs.entry(meta.id.start).or_default() += 1;
    }
    packs.retain(|_, count| *count > OVER_EACH_OTHER_MAX);
    merge_each(parts, Level::HalfHour, packs.into_keys(), now, done)
}

fn merge_each(
    parts: &Parts,
    level: Level,
    starts: impl IntoIterator<Item = Timestamp>,
    now: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    let mut failed = None;
    for start in starts {
        match merge_in_turn(parts, level, start, now) {
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
    if let Some(day) = bury::due(parts, now, |day| due(&day)) {
        done.days += merge_in_turn(parts, Level::Day, day, now)?;
        return Ok(());
    }
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
    roll_up(parts, now, done)
}

/// Rolls up a day that ought to have been when it was merged, one a pass.
fn roll_up(parts: &Parts, now: Timestamp, done: &mut Maintained) -> Result<(), SeriesError> {
    let Some(day) = rolls::due(parts, now) else {
        return Ok(());
    };
    let rolled = roll_up_day(parts, day);
    let wait = if rolled.is_ok() {
        MERGE_INTERVAL
    } else {
        FAILED_INTERVAL
    };
    parts.next_turn(Level::Day, day, now.plus(wait));
    done.rolled += rolled?;
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
            Err(error) if error.is_passing() => return Err(error.into()),
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

/// Makes the roll-ups of a day of the packs that there are of it.
pub(in crate::series) fn roll_up_day(parts: &Parts, day: Timestamp) -> Result<u64, SeriesError> {
    merge_as(parts, Level::Day, day, Make::RollUps, &|_, _| true, None)
}

/// What is made of a range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Make {
    /// One pack, in place of those there are; and roll-ups, where it is a day.
    All,
    /// One pack; roll-ups stay as they are, as they are kept longer than what is left out.
    Samples,
    /// The roll-ups of a day alone.
    RollUps,
}

/// Which columns of which devices stay.
pub(in crate::series) type Keep<'a> = dyn Fn(DeviceId, Column) -> bool + 'a;

/// Makes one pack of all that there is of a range; answers of how many devices.
fn merge(parts: &Parts, level: Level, start: Timestamp) -> Result<u64, SeriesError> {
    merge_as(parts, level, start, Make::All, &|_, _| true, None)
}

/// As [`merge`], of the columns that are to be kept. Where that is none there is no pack afterwards. What
/// a day's roll-ups lack comes into them first, as they are not made anew of what is left.
pub(super) fn merge_kept(
    parts: &Parts,
    level: Level,
    start: Timestamp,
    keep: &Keep<'_>,
) -> Result<u64, SeriesError> {
    if level == Level::Day && !rolls::is_settled(parts, start)? {
        merge(parts, level, start)?;
    }
    merge_as(parts, level, start, Make::Samples, keep, None)
}

/// As [`merge`], of a day, with an archived day under all that there is of it.
pub(super) fn merge_under(
    parts: &Parts,
    start: Timestamp,
    under: &Under<'_>,
    progress: &Progress,
) -> Result<u64, SeriesError> {
    let under = Some((under, progress));
    merge_as(parts, Level::Day, start, Make::All, &|_, _| true, under)
}

fn merge_as(
    parts: &Parts,
    level: Level,
    start: Timestamp,
    make: Make,
    keep: &Keep<'_>,
    under: Option<(&Under<'_>, &Progress)>,
) -> Result<u64, SeriesError> {
    let end = end(level, start);
    let (packs, mut damaged) = packs_in(parts, level, (start, end))?;
    let patches = parts.blocks.keys(start, end)?;
    let mut writer = match make {
        Make::All | Make::Samples => Some(parts.packs.begin(samples(start, level))?),
        Make::RollUps => None,
    };
    let (mut rolls, mut old) = match (level, make) {
        // After the pack of the day, so that their generations are later.
        (Level::Day, Make::All | Make::RollUps) => (
            Some(DayWriter::begin(parts, start)?),
            Some(Old::of(parts, start)?),
        ),
        _ => (None, None),
    };
    let devices = packs.iter().flat_map(|pack| pack.entries());
    let devices = devices.map(|entry| entry.device_id);
    let devices: BTreeSet<DeviceId> = devices
        .chain(patches.iter().map(|key| key.device_id))
        .chain(old.iter().flat_map(Old::devices))
        .chain(
            under
                .iter()
                .flat_map(|(under, _)| under.series.keys())
                .copied(),
        )
        .filter(|id| !with(&parts.index, |index| index.is_deleted(*id)))
        .collect();
    let mut is_empty = true;
    for device_id in &devices {
        if parts.lazy.is_stopped() {
            // What was written of the new pack goes with it, and nothing else was changed.
            return Err(SeriesError::Closed);
        }
        let mut there = old.as_mut().map(|old| old.device(parts, *device_id));
        let rolls = rolls.as_mut().zip(there.as_mut());
        let mut sources = Sources::of(parts, *device_id, &packs, (start, end), &mut damaged)?;
        if let Some((under, progress)) = under {
            progress.go_on().map_err(|_| SeriesError::GivenUp)?;
            sources.under = under.of(parts, *device_id)?;
        }
        is_empty &= !sources.write(parts, (writer.as_mut(), rolls), keep, &mut damaged)?;
    }
    if !parts.blocks.is_sound(start, end) {
        // Something of the patches was not read: they are mended before they are taken in.
        return Err(SeriesError::Unsound { start });
    }
    let ids = packs.iter().map(|pack| pack.meta().id);
    let mut gone: Vec<PackId> = match make {
        Make::All | Make::Samples => ids.filter(|id| !damaged.contains_key(id)).collect(),
        Make::RollUps => Vec::new(),
    };
    let mut count = devices.len() as u64;
    let mut new = Vec::new();
    if let Some(samples) = writer.filter(|_| !is_empty) {
        let meta = samples.finish()?;
        count = meta.totals.devices;
        new.push(meta);
    }
    if let (Some(rolls), Some(old)) = (rolls, &old) {
        gone.extend(old.replaced());
        // An empty one says that there is nothing to roll up.
        if make == Make::RollUps || !devices.is_empty() {
            new.extend(rolls.finish()?);
        }
    }
    parts.commit(&new, &gone)?;
    if let Some(old) = &old {
        old.set_aside(parts)?;
    }
    if make == Make::RollUps {
        info!(day = %start, devices = count, "a day of samples is rolled up");
        return Ok(count);
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
    /// What the archive has, below all.
    under: Option<UnderDevice<'a>>,
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
                    parts.lost(&chain(&error));
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
    fn write(
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
        if let (Some((rolls, _)), Some(column)) = (&mut rolls, columns.first())
            && is_cut
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
                parts.lost(&damage.to_string());
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
