//! Reading a series: archived days, packs, what lies over them and head laid over each other, each time
//! once, ascending.

use crate::blocks::codec::BlockView;
use crate::blocks::{BlockKey, Column, Level};
use crate::pack::Kind;
use crate::series::cold::ColdDay;
use crate::series::cold::fetch::{self, Fetch};
use crate::series::parts::Parts;
use crate::series::seal::shown;
use crate::series::tombstones::Hidden;
use crate::series::{AHEAD_MAX, Points, SEAL_DELAY, SeriesError, head};
use model::{DeviceId, Timestamp, Value};
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// How far back `latest` looks.
pub const LATEST_BACK_MAX: Duration = Duration::from_hours(7 * 24);

/// What is read from blocks at a time, so that a long range is not in memory as blocks of a whole
/// device.
const STEP_MS: i64 = 24 * 3_600_000;

/// Sees to it that the head has all that the log had of a device.
pub(super) fn touch(parts: &Parts, device_id: DeviceId) -> Result<(), SeriesError> {
    let touched = parts.lazy.touch(device_id);
    touched.map_err(|error| SeriesError::Log(Arc::new(error)))
}

/// The samples in `[from, to)` that are here.
pub(super) fn read(
    parts: &Parts,
    device_id: DeviceId,
    column: Column,
    from: Timestamp,
    to: Timestamp,
) -> Result<Points, SeriesError> {
    let mut all = read_many(parts, device_id, &[column], from, to)?;
    Ok(all.pop().unwrap_or_default())
}

/// The samples of several columns of a device in `[from, to)` that are here; each block is read once.
pub(super) fn read_many(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[Column],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Points>, SeriesError> {
    let all = read_at_most(parts, device_id, columns, (from, to), u64::MAX, None)?;
    Ok(all.unwrap_or_default())
}

/// As [`read_many`], with those of archived days under them.
pub(super) fn read_fetching(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[Column],
    range: (Timestamp, Timestamp),
    fetch: &mut Fetch,
) -> Result<Vec<Points>, SeriesError> {
    let all = read_at_most(parts, device_id, columns, range, u64::MAX, Some(fetch))?;
    Ok(all.unwrap_or_default())
}

/// As [`read_many`], with those of archived days under them where these are to be fetched, and where that
/// is at most so many samples; else `None`, told after the day that is one too many, so that no more than
/// that is in memory.
pub(super) fn read_at_most(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[Column],
    (from, to): (Timestamp, Timestamp),
    max: u64,
    fetch: Option<&mut Fetch>,
) -> Result<Option<Vec<Points>>, SeriesError> {
    let mut ascending = columns.to_vec();
    ascending.sort_unstable();
    ascending.dedup();
    touch(parts, device_id)?;
    // The head first: what leaves it afterwards was sealed before.
    let head = parts.head.points_together(device_id, &ascending, from, to);
    let of_head = length(&head);
    let mut found = vec![Points::new(); ascending.len()];
    let archived = fetch.as_ref().map(|_| fetch::days(parts, from, to));
    if let Some((oldest, newest)) = sealed_span(parts)? {
        let (mut start, end) = (from.max(oldest), to.min(newest));
        while start < end {
            let step = Timestamp::from_unix_ms(start.unix_ms().saturating_add(STEP_MS));
            let next = step.min(end);
            sealed(parts, device_id, &ascending, (start, next), &mut found)?;
            start = next;
            if of_head + length(&found) > max {
                return Ok(None);
            }
        }
    }
    if of_head > max {
        return Ok(None);
    }
    if let (Some(fetch), Some(before)) = (fetch, archived) {
        let range = (from, to);
        let days = with_those_since(parts, before, range);
        let left = max.saturating_sub(of_head + length(&found));
        let wanted = (device_id, ascending.as_slice());
        if !lay_under(parts, wanted, range, (&days, left), fetch, &mut found)? {
            return Ok(None);
        }
    }
    for (points, head) in found.iter_mut().zip(head) {
        points.extend(head);
        newest_of_each_time(points);
    }
    // A column that is asked for twice is answered twice.
    let once = columns.len() == ascending.len();
    let answer = |column: &Column| {
        let place = ascending.binary_search(column).ok()?;
        let points = found.get_mut(place)?;
        Some(if once {
            std::mem::take(points)
        } else {
            points.clone()
        })
    };
    let all = columns.iter().map(answer);
    Ok(Some(all.map(Option::unwrap_or_default).collect()))
}

/// Samples of several series.
pub(super) fn length(all: &[Points]) -> u64 {
    all.iter().map(|points| points.len() as u64).sum()
}

/// The archived days to read: those that were not here when reading began, as one that is restored
/// meanwhile was not read yet, and those that are not here now, as their packs may have gone before they
/// were read.
fn with_those_since(
    parts: &Parts,
    mut days: Vec<ColdDay>,
    (from, to): (Timestamp, Timestamp),
) -> Vec<ColdDay> {
    days.extend(fetch::days(parts, from, to));
    days.sort_unstable_by_key(|day| (day.day, Reverse(day.generation)));
    days.dedup_by_key(|day| day.day);
    days
}

/// Lays what archived days have under what was found; false where that is more samples than may be.
fn lay_under(
    parts: &Parts,
    (device_id, columns): (DeviceId, &[Column]),
    range: (Timestamp, Timestamp),
    (days, max): (&[ColdDay], u64),
    fetch: &mut Fetch,
    found: &mut [Points],
) -> Result<bool, SeriesError> {
    if days.is_empty() {
        return Ok(true);
    }
    let mut under = vec![Points::new(); columns.len()];
    let wanted = (device_id, columns);
    if !fetch::read(parts, wanted, range, (days, max), fetch, &mut under)? {
        return Ok(false);
    }
    for (found, mut under) in found.iter_mut().zip(under) {
        under.append(found);
        *found = under;
    }
    Ok(true)
}

/// From when to when something is sealed; `None` where nothing is. That may be ahead of the clock,
/// which may have been set back since by any time; a day without a file costs next to nothing.
pub(super) fn sealed_span(parts: &Parts) -> Result<Option<(Timestamp, Timestamp)>, SeriesError> {
    let list = parts.packs.list();
    let patched = parts.blocks.days()?;
    let begin = list
        .iter()
        .map(|meta| meta.id.start)
        .chain(patched.iter().copied());
    let patched = patched.iter().map(|day| day.plus(Duration::from_hours(24)));
    let end = list.iter().map(|meta| meta.id.end()).chain(patched);
    Ok(begin.min().zip(end.max()))
}

/// The sealed samples of columns, which ascend: of a time that is there twice the later given holds.
/// What is damaged is set aside, and the rest is read.
fn sealed(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[Column],
    (from, to): (Timestamp, Timestamp),
    found: &mut [Points],
) -> Result<(), SeriesError> {
    // Read before the packs, as they go from here into those, and laid over them.
    let blocks = parts.blocks.read(device_id, from, to)?;
    let packs = parts.packs.packs(Kind::Samples, from, to);
    // The first version merged two hours here, and what is newer lies over them.
    let (below, above) = blocks
        .into_iter()
        .partition::<Vec<_>, _>(|(key, _)| key.level != Level::HalfHour);
    let hidden = parts.tombstones.of_patches(device_id, (from, to));
    lay_blocks(parts, &below, columns, hidden.as_ref(), (from, to), found);
    for pack in packs {
        let Some(entry) = pack.find(device_id) else {
            continue;
        };
        let generation = pack.meta().id.generation;
        let hidden = parts.tombstones.of_pack(device_id, generation, (from, to));
        let read = pack.read(&entry, columns, from, to, |place, slice| {
            let Some(all) = found.get_mut(place) else {
                return;
            };
            if hidden.is_some() {
                all.extend(shown(slice.points(), hidden.as_ref(), columns.get(place)));
            } else {
                slice.extend(all);
            }
        });
        match read {
            Ok(damage) => damage.iter().for_each(|damage| {
                parts.lost_of(&pack.meta().id, &damage.to_string());
            }),
            Err(error) => parts.lost_of(&pack.meta().id, &chain(&error)),
        }
    }
    lay_blocks(parts, &above, columns, hidden.as_ref(), (from, to), found);
    Ok(())
}

fn lay_blocks(
    parts: &Parts,
    blocks: &[(BlockKey, Vec<u8>)],
    columns: &[Column],
    hidden: Option<&Hidden>,
    (from, to): (Timestamp, Timestamp),
    found: &mut [Points],
) {
    for (key, bytes) in blocks {
        let read = BlockView::parse(bytes).and_then(|view| {
            view.points_of(columns, from, to, |place, points| {
                if let Some(all) = found.get_mut(place) {
                    all.extend(shown(points, hidden, columns.get(place)));
                }
            })
        });
        if let Err(error) = read {
            parts.set_aside(key, &error.to_string());
        }
    }
}

/// An error with what it stems from, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let stems = std::iter::successors(error.source(), |error| error.source());
    stems.fold(error.to_string(), |told, error| format!("{told}: {error}"))
}

/// Sorts by time; of several samples for one time the last given holds.
pub(super) fn newest_of_each_time(points: &mut Vec<(Timestamp, Value)>) {
    let ascending = points
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.0 < b.0));
    if ascending {
        return;
    }
    // Backwards and stable, so that the last given is the first of its time.
    points.reverse();
    points.sort_by_key(|(at, _)| *at);
    points.dedup_by_key(|(at, _)| *at);
}

/// The last `n` samples, no older than [`LATEST_BACK_MAX`].
pub(super) fn latest(
    parts: &Parts,
    device_id: DeviceId,
    column: Column,
    n: usize,
) -> Result<Points, SeriesError> {
    let now = parts.clock.now();
    let to = now.plus(AHEAD_MAX).plus(Duration::from_millis(1));
    let mut back = Duration::from_mins(30);
    loop {
        let mut points = read(parts, device_id, column, now.minus(back), to)?;
        if points.len() >= n || back >= LATEST_BACK_MAX {
            points.drain(..points.len().saturating_sub(n));
            return Ok(points);
        }
        back = (back * 8).min(LATEST_BACK_MAX);
    }
}

/// The last `n` samples since a time of each of several series of a device, in the order of
/// `columns`. Files are read, once for all, only where the head has fewer and may have been sealed.
pub(super) fn latest_together(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[Column],
    n: usize,
    since: Timestamp,
) -> Result<Vec<Points>, SeriesError> {
    let now = parts.clock.now();
    let to = now.plus(AHEAD_MAX).plus(Duration::from_millis(1));
    touch(parts, device_id)?;
    let mut all = parts.head.points_together(device_id, columns, since, to);
    let short = all.iter().any(|points| points.len() < n);
    let sealed = head::window_end(since).plus(SEAL_DELAY) <= now;
    if short && sealed {
        let mut ascending = columns.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        let mut found = vec![Points::new(); ascending.len()];
        self::sealed(parts, device_id, &ascending, (since, to), &mut found)?;
        let below = columns.iter().map(|column| {
            let place = ascending.binary_search(column).ok();
            place
                .and_then(|place| found.get(place))
                .cloned()
                .unwrap_or_default()
        });
        for (points, mut sealed) in all.iter_mut().zip(below) {
            sealed.append(points);
            newest_of_each_time(&mut sealed);
            *points = sealed;
        }
    }
    for points in &mut all {
        points.drain(..points.len().saturating_sub(n));
    }
    Ok(all)
}
