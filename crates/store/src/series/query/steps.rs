//! The one place where samples become steps: of one device, the series that are wanted. Nothing else
//! of a query knows what the steps were made from.

use super::QueryError;
use crate::series::{
    Aggregation, Breaks, Column, SeriesStore, aggregate, bucket_count, read, resets,
};
use model::{DeviceId, Metric, Timestamp, Value};
use std::time::{Duration, Instant};

/// Samples that are held at a time, 24 octets each, and steps: 48 MB.
const HELD_MAX: u64 = 2_000_000;

/// Polls that are read on either side of what is asked for, so that pairs across its edges have others
/// next to them; as for charts.
const MARGIN_POLLS: u32 = 8;

/// The least of that, for what was polled less often than now.
const MARGIN_MIN: Duration = Duration::from_mins(5);
/// The most of it.
const MARGIN_MAX: Duration = Duration::from_hours(24);
/// The longest time between two samples that memory is reckoned by: what is polled seldom now may have
/// been polled each minute, or six times.
const SPACING_MAX: Duration = Duration::from_secs(10);

/// What is asked of a device.
pub(super) struct Asked<'a> {
    pub(super) device_id: DeviceId,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) step: Duration,
    /// From poll to poll.
    pub(super) interval: Duration,
    /// When another machine took its place; ascending.
    pub(super) replaced_at: &'a [Timestamp],
    /// When nobody waits any more.
    pub(super) until: Instant,
}

/// Reads columns of a device by steps, each in its own way. Hands over the place of each in `wanted`
/// with its steps, in that order, every step of the range in turn. Answers how many samples were read.
pub(super) fn read(
    store: &SeriesStore,
    asked: &Asked,
    wanted: &[(Column, Aggregation)],
    mut take: impl FnMut(usize, Vec<Option<f64>>) -> Result<(), QueryError>,
) -> Result<u64, QueryError> {
    let counts =
        |(_, way): &(Column, Aggregation)| matches!(way, Aggregation::Rate | Aggregation::Increase);
    let uptime = if wanted.iter().any(counts) {
        uptime_of(store, asked.device_id)
    } else {
        None
    };
    let parts = Parts::of(asked);
    let steps = bucket_count(asked.from, asked.to, asked.step) as u64;
    let at_a_time = HELD_MAX / parts.polls.max(steps).max(1);
    let at_a_time = usize::try_from(at_a_time).unwrap_or(usize::MAX);
    let (mut samples, mut place) = (0, 0);
    for some in wanted.chunks(at_a_time.max(1)) {
        let mut steps: Vec<Vec<Option<f64>>> = vec![Vec::new(); some.len()];
        for (from, to) in parts.clone() {
            if Instant::now() >= asked.until {
                return Err(QueryError::Late);
            }
            let mut columns: Vec<Column> = some.iter().map(|(column, _)| *column).collect();
            columns.extend(uptime);
            let margin = margin(asked.interval);
            let (early, late) = (from.minus(margin), to.plus(margin));
            let (of, device_id) = (&store.0.parts, asked.device_id);
            let mut points = read::read_many(of, device_id, &columns, early, late)?;
            samples += points.iter().map(|points| points.len() as u64).sum::<u64>();
            let restarts = uptime.and_then(|_| points.pop());
            let restarts = restarts.as_deref().map(resets).unwrap_or_default();
            let breaks = Breaks::new(asked.interval, restarts, asked.replaced_at);
            for ((steps, (_, way)), points) in steps.iter_mut().zip(some).zip(points) {
                fold(&points, (from, to), asked.step, *way, &breaks, steps);
            }
        }
        for values in steps {
            take(place, values)?;
            place += 1;
        }
    }
    Ok(samples)
}

fn fold(
    points: &[(Timestamp, Value)],
    (from, to): (Timestamp, Timestamp),
    step: Duration,
    way: Aggregation,
    breaks: &Breaks,
    steps: &mut Vec<Option<f64>>,
) {
    let part = aggregate(points, from, to, step, way, breaks);
    steps.extend(part.into_iter().map(|(_, value)| value));
}

fn margin(interval: Duration) -> Duration {
    (interval * MARGIN_POLLS).clamp(MARGIN_MIN, MARGIN_MAX)
}

/// Where restarts of a device are read from.
fn uptime_of(store: &SeriesStore, device_id: DeviceId) -> Option<Column> {
    let all = store.series_named(device_id, Metric::SYS_UP_TIME);
    let (_, column) = store.place(all.first()?.id).ok()?;
    Some(column)
}

/// The range in parts of whole steps, so that those put together are what one reading would give: one
/// part, unless it has more samples of a series than are held.
#[derive(Clone)]
struct Parts {
    next: Timestamp,
    to: Timestamp,
    step_ms: i64,
    part_ms: i64,
    /// Polls of a part, with those on either side of it.
    polls: u64,
}

impl Parts {
    fn of(asked: &Asked) -> Self {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX).max(1);
        let (step_ms, interval_ms) = (ms(asked.step), ms(asked.interval.min(SPACING_MAX)));
        let held = i64::try_from(HELD_MAX).unwrap_or(i64::MAX);
        // A step is not cut, however long it is.
        let part_ms = held.saturating_mul(interval_ms) / step_ms;
        let part_ms = part_ms.max(1).saturating_mul(step_ms);
        let longest = ms(asked.to.since(asked.from)).min(part_ms);
        let sides = 2 * ms(margin(asked.interval));
        let polls = longest.saturating_add(sides) / interval_ms + 1;
        Self {
            next: asked.from,
            to: asked.to,
            step_ms,
            part_ms,
            polls: polls.unsigned_abs(),
        }
    }
}

impl Iterator for Parts {
    type Item = (Timestamp, Timestamp);

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next;
        if from >= self.to {
            return None;
        }
        let aligned = from.unix_ms().div_euclid(self.step_ms) * self.step_ms;
        let end = Timestamp::from_unix_ms(aligned.saturating_add(self.part_ms));
        self.next = end.min(self.to);
        Some((from, self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(from: i64, to: i64, step: Duration, interval: Duration) -> Vec<(i64, i64)> {
        let asked = Asked {
            device_id: DeviceId::new(),
            from: Timestamp::from_unix_ms(from),
            to: Timestamp::from_unix_ms(to),
            step,
            interval,
            replaced_at: &[],
            until: Instant::now(),
        };
        let told = Parts::of(&asked);
        told.map(|(from, to)| (from.unix_ms(), to.unix_ms()))
            .collect()
    }

    #[test]
    fn long_ranges_are_read_in_parts_of_whole_steps() {
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let hour_ms = 3_600_000;
        // Two million seconds are 555 hours and some.
        let told = parts(5, 1_000 * hour_ms + 7, hour, second);
        let cut = 555 * hour_ms;
        assert_eq!(told, [(5, cut), (cut, 1_000 * hour_ms + 7)]);
        assert_eq!(parts(5, hour_ms, hour, second), [(5, hour_ms)]);
        assert_eq!(parts(7, 7, hour, second), []);
        // One step is longer than what is held.
        let year = Duration::from_hours(24 * 365);
        let to = i64::try_from(year.as_millis()).unwrap();
        assert_eq!(parts(0, to, year, second), [(0, to)]);
    }
}
