//! The roll-ups of a month that is over become one pack of each kind, so that a year is twelve files.
//!
//! Device by device and some columns at a time, as days are merged. A month is put together while all
//! its days are rolled up and nothing came to any of them since; what comes later makes a day's
//! roll-ups anew, which lie over the month until it is put together again.

use super::Maintained;
use super::laid::Laid;
use super::merge::{DAY_DELAY, FAILED_INTERVAL, roll_up_day};
use super::rolls;
use super::sources::CELLS_AT_ONCE;
use crate::blocks::{Column, Level};
use crate::pack::{Entry, Head, Kind, Pack, PackError, PackId, PackWriter};
use crate::series::SeriesError;
use crate::series::bury;
use crate::series::parts::Parts;
use crate::series::read::chain;
use crate::series::registry::with;
use crate::series::rollup::days::{self, Day};
use crate::series::rollup::{KINDS, series_of, write};
use crate::series::tombstones::Tombstone;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// How long after a month was put together it is so again: all of it is written for a day of it.
const MONTH_INTERVAL: Duration = Duration::from_hours(24);

/// Puts months together that are over: one a pass, the oldest first.
pub(super) fn merge(
    parts: &Parts,
    now: Timestamp,
    done: &mut Maintained,
) -> Result<(), SeriesError> {
    let list = parts.packs.list();
    let stones = parts.tombstones.all();
    let of_days = list.iter().map(|meta| meta.id);
    let of_days = of_days.filter(|id| {
        id.kind != Kind::Samples && (id.level == Level::Day || has_hidden(parts, &stones, id))
    });
    let months: BTreeSet<Timestamp> = of_days.map(|id| Level::Month.start(id.start)).collect();
    for month in months {
        let end = Level::Month.end(month);
        if end.plus(DAY_DELAY) > now || !parts.is_in_turn(Level::Month, month, now) {
            continue;
        }
        let days = days::days(&list, month, end);
        if !is_settled(parts, &days, (month, end))? {
            continue;
        }
        let merged = put_all_together(parts, month, &days);
        let wait = if merged.is_ok() {
            MONTH_INTERVAL
        } else {
            FAILED_INTERVAL
        };
        parts.next_turn(Level::Month, month, now.plus(wait));
        match merged {
            Ok(devices) => done.months += devices,
            // It stays in days, which are read as well.
            Err(SeriesError::Packs(PackError::TooLarge { .. })) => {
                parts.counters.defect("rollup_bound", 1);
                parts.next_turn(Level::Month, month, now.plus(MONTH_INTERVAL));
            }
            Err(error) => return Err(error),
        }
        return Ok(());
    }
    Ok(())
}

/// Whether all that there is of a month is in its roll-ups.
fn is_settled(
    parts: &Parts,
    days: &BTreeMap<Timestamp, Day>,
    (start, end): (Timestamp, Timestamp),
) -> Result<bool, SeriesError> {
    let mut all = days.iter();
    let is_settled = all.all(|(start, day)| rolls::is_of_all(parts, *start, day));
    Ok(is_settled && parts.blocks.keys(start, end)?.is_empty())
}

/// Makes one pack of each kind of a month; answers of how many devices. None where a day of it is damaged
/// and there are samples of it: it is rolled up anew, and the month waits for another time.
fn put_all_together(
    parts: &Parts,
    month: Timestamp,
    days: &BTreeMap<Timestamp, Day>,
) -> Result<u64, SeriesError> {
    let mut devices = 0;
    for kind in KINDS {
        let Some(of_kind) = put_together(parts, kind, month, days)? else {
            return Ok(0);
        };
        devices += of_kind;
    }
    Ok(devices)
}

/// Makes one pack of a kind of a month; answers of how many devices, or none as
/// [`put_all_together`] says.
fn put_together(
    parts: &Parts,
    kind: Kind,
    month: Timestamp,
    days: &BTreeMap<Timestamp, Day>,
) -> Result<Option<u64>, SeriesError> {
    let ids: BTreeSet<PackId> = days
        .values()
        .flat_map(|day| day.rolled(kind))
        .copied()
        .collect();
    let stones = parts.tombstones.all();
    let is_due = |id: &PackId| id.level == Level::Day || has_hidden(parts, &stones, id);
    if !ids.iter().any(is_due) {
        return Ok(Some(0));
    }
    let (mut packs, mut damaged) = (Vec::new(), Damaged::new());
    for id in &ids {
        match parts.packs.pack(id) {
            Ok(pack) => {
                if !pack.is_whole() {
                    let what = format!("{}: its ends are damaged", pack.path().display());
                    damaged.insert(*id, what);
                }
                packs.push(pack);
            }
            Err(error) if error.is_passing() => return Err(error.into()),
            Err(error) => {
                damaged.insert(*id, chain(&error));
            }
        }
    }
    // What is newer lies over what is older.
    packs.sort_unstable_by_key(|pack| pack.meta().id.generation);
    if is_cut(parts, &stones, &packs) {
        return Ok(Some(0));
    }
    let entries = packs.iter().flat_map(|pack| pack.entries());
    let devices: BTreeSet<DeviceId> = entries
        .map(|entry| entry.device_id)
        .filter(|id| !with(&parts.index, |index| index.is_deleted(*id)))
        .collect();
    let mut writer = parts.packs.begin(write::id(kind, Level::Month, month))?;
    for device_id in &devices {
        device(parts, *device_id, &packs, &mut writer, &mut damaged)?;
    }
    let mut lost = damaged.iter().filter(|(id, _)| has_samples(days, id));
    if let Some((id, what)) = lost.next() {
        // One day for each time that the month's turn comes, as it takes as long as merging one.
        parts.lost(what);
        roll_up_day(parts, id.start)?;
        if parts.packs.list().iter().any(|meta| meta.id == *id) {
            parts.packs.set_aside(id, what)?;
        }
        return Ok(None);
    }
    let meta = parts.finish(writer)?;
    let sound = ids.iter().filter(|id| !damaged.contains_key(*id));
    let gone: Vec<PackId> = sound.copied().collect();
    parts.commit(&[meta], &gone)?;
    // Kept for a person to look at; what is sound of them is in the new one.
    for (id, what) in &damaged {
        parts.lost(what);
        parts.packs.set_aside(id, what)?;
    }
    info!(month = %month, kind = ?kind, devices = meta.totals.devices, "a month of roll-ups is one pack");
    Ok(Some(meta.totals.devices))
}

/// Whether a pack is of a day of which there are samples from before it, so that it can be made anew.
fn has_samples(days: &BTreeMap<Timestamp, Day>, id: &PackId) -> bool {
    let day = days.get(&id.start).filter(|_| id.level == Level::Day);
    day.is_some_and(|day| day.before(id).next().is_some())
}

/// Whether something of a pack was deleted since it was made.
fn has_hidden(parts: &Parts, stones: &[Arc<Tombstone>], id: &PackId) -> bool {
    let mut of = stones.iter().filter(|stone| bury::hides(stone, id));
    of.any(|stone| bury::may_have(parts, id, stone))
}

/// Whether a part of a day was deleted and the day was not rolled up anew since: packs that have it stay as
/// they are, where readers leave it out, until that is done. Of whole days nothing is taken along.
fn is_cut(parts: &Parts, stones: &[Arc<Tombstone>], packs: &[Arc<Pack>]) -> bool {
    let is_anew = |day: Timestamp, stone: &Tombstone| {
        let mut later = packs.iter().filter(|pack| {
            let id = &pack.meta().id;
            id.generation > stone.generation && id.start <= day && day < id.end()
        });
        later.any(|pack| bury::has_day(pack, stone.device_id, day))
    };
    let is_cut_of = |pack: &Arc<Pack>, stone: &Tombstone| {
        let id = &pack.meta().id;
        // Only the days of the ends of a range may be hidden in part.
        let last = Timestamp::from_unix_ms(stone.to_ms.saturating_sub(1));
        let ends = [Timestamp::from_unix_ms(stone.from_ms), last];
        ends.map(|end| Level::Day.start(end))
            .into_iter()
            .any(|day| {
                let end = Level::Day.end(day);
                let is_whole = stone.from_ms <= day.unix_ms() && end.unix_ms() <= stone.to_ms;
                let is_here = id.start <= day && day < id.end();
                is_here
                    && !is_whole
                    && bury::has_in(parts, pack, stone, (day, end))
                    && !is_anew(day, stone)
            })
    };
    packs.iter().any(|pack| {
        let mut of = stones.iter();
        of.any(|stone| bury::hides(stone, &pack.meta().id) && is_cut_of(pack, stone))
    })
}

/// Packs that are damaged, and how.
type Damaged = BTreeMap<PackId, String>;

/// A pack that has something of a device.
struct Source<'a> {
    pack: &'a Pack,
    entry: Entry,
    head: Head,
}

/// Writes a device: each day of it from the newest pack that has the day.
fn device(
    parts: &Parts,
    device_id: DeviceId,
    packs: &[Arc<Pack>],
    writer: &mut PackWriter,
    damaged: &mut Damaged,
) -> Result<(), SeriesError> {
    let mut sources = Vec::new();
    for pack in packs {
        let Some(entry) = pack.find(device_id) else {
            continue;
        };
        match pack.head(&entry) {
            Ok(head) => sources.push(Source { pack, entry, head }),
            Err(error) => {
                damaged.insert(pack.meta().id, chain(&error));
            }
        }
    }
    let day = |at: i64| Level::Day.start(Timestamp::from_unix_ms(at));
    let (mut times, mut columns) = (BTreeSet::new(), BTreeSet::new());
    let mut owners: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for (n, source) in sources.iter().enumerate() {
        times.extend(source.head.times());
        columns.extend(source.head.columns());
        owners.extend(source.head.times().iter().map(|at| (day(*at), n)));
    }
    let times: Vec<i64> = times.into_iter().collect();
    let columns: Vec<Column> = with(&parts.index, |index| {
        let kept = |column: &Column| !index.is_deleted_column(device_id, series_of(*column));
        columns.into_iter().filter(kept).collect()
    });
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Ok(());
    };
    let from = Timestamp::from_unix_ms(*first);
    let to = Timestamp::from_unix_ms(last.saturating_add(1));
    writer.begin(device_id, &times)?;
    let at_once = (CELLS_AT_ONCE / times.len()).max(1);
    for wanted in columns.chunks(at_once) {
        let mut laid = Laid::new(&times, wanted.len());
        for (n, source) in sources.iter().enumerate() {
            let Source { pack, entry, head } = source;
            let is_own = |at: Timestamp| owners.get(&day(at.unix_ms())) == Some(&n);
            let generation = pack.meta().id.generation;
            let hidden = parts.tombstones.of_pack(device_id, generation, (from, to));
            // Whole days are: a row is of a day and not of its time, where it is one of a list. Of a day
            // that is met in part there is nothing in that part.
            let is_hidden = |place: usize, at: Timestamp| {
                let of = hidden.as_ref().zip(wanted.get(place));
                let day = day(at.unix_ms());
                of.is_some_and(|(hidden, column)| {
                    hidden.has_whole(series_of(*column), (day, Level::Day.end(day)))
                })
            };
            let found = pack.read_with(head, entry, wanted, from, to, |place, slice| {
                let points = slice.points();
                laid.lay(
                    place,
                    points.filter(|(at, _)| is_own(*at) && !is_hidden(place, *at)),
                );
            });
            for damage in found {
                damaged.insert(pack.meta().id, damage.to_string());
            }
        }
        for (column, values) in wanted.iter().zip(laid.columns) {
            if let Some(values) = values.into_values() {
                writer.column(*column, &values)?;
            }
        }
    }
    Ok(())
}
