//! Packs to larger packs: what lies over each other becomes one, column by column, so that it takes
//! memory for some columns of one device, however many devices there are.

use super::rolls::{self, Old};
use super::sources::{Damaged, Sources};
use super::under::Under;
use super::{Maintained, packs_of, samples};
use crate::blocks::{Column, Level};
use crate::pack::{Kind, Pack, PackId, PackMeta};
use crate::progress::Progress;
use crate::series::SeriesError;
use crate::series::bury;
use crate::series::parts::Parts;
use crate::series::read::chain;
use crate::series::registry::index::Index;
use crate::series::registry::with;
use crate::series::rollup::write::DayWriter;
use crate::series::stats::add;
use model::{DeviceId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

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
    let list = parts.packs.list();
    let samples = || list.iter().filter(|meta| meta.id.kind == Kind::Samples);
    if let Some(day) = bury::due(parts, now, |day| due(&day)) {
        if samples().any(|meta| Level::Day.start(meta.id.start) == day) {
            done.days += merge_in_turn(parts, Level::Day, day, now)?;
        } else {
            roll_up_in_turn(parts, day, now, done)?;
        }
        return Ok(());
    }
    let today = Level::Day.start(now.minus(DAY_DELAY));
    let mut found: BTreeMap<Timestamp, Day> = BTreeMap::new();
    for meta in samples() {
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
    match rolls::due(parts, now) {
        Some(day) => roll_up_in_turn(parts, day, now, done),
        None => Ok(()),
    }
}

fn roll_up_in_turn(
    parts: &Parts,
    day: Timestamp,
    now: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
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
                parts.lost_of(&id, &chain(&error));
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

/// Tells who keeps what is known of archived days that a pack takes the place of others and holds nothing
/// that they do not. Before it counts, as it waits for the archive for good where that is not known.
fn replaces(
    parts: &Parts,
    day: Timestamp,
    packs: &[Arc<Pack>],
    by: &PackMeta,
) -> Result<(), SeriesError> {
    let Some(keeper) = parts.keeper.get() else {
        return Ok(());
    };
    let packs: Vec<String> = packs.iter().map(|pack| pack.meta().stamp()).collect();
    keeper.replace(day, &packs, &by.stamp()).map_err(|error| {
        warn!(%day, error = %chain(error.as_ref()), "what is left of an archived day could not be noted");
        SeriesError::NotThinned { day }
    })
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
        let meta = parts.finish(samples)?;
        if level == Level::Day
            && patches.is_empty()
            && under.is_none()
            && let Err(error) = replaces(parts, start, &packs, &meta)
        {
            // With nothing added the finished file goes; as much again may be needed.
            let _ = parts.commit(&[], &[]);
            return Err(error);
        }
        count = meta.totals.devices;
        new.push(meta);
    }
    if let (Some(rolls), Some(old)) = (rolls, &old) {
        gone.extend(old.replaced());
        // An empty one says that there is nothing to roll up.
        if make == Make::RollUps || !devices.is_empty() {
            new.extend(rolls.finish(parts)?);
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
