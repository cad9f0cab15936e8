//! What a range is read of, and what that takes, by how often devices are polled. Pure: of a list of
//! packs.

use crate::pack::PackMeta;
use crate::series::Aggregation;
use crate::series::aggregate::Grid;
use crate::series::rollup::days::{self, Day};
use crate::series::rollup::sums::is_rolled_up;
use crate::series::rollup::{DAY_MS, EDGES, Grain};
use model::Timestamp;
use model::metric::Kind;
use std::collections::BTreeMap;
use std::time::Duration;

/// What there is of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Milliseconds of all of it.
    range_ms: u64,
    /// Of that, of days of which roll-ups do not answer the step.
    raw_ms: u64,
    /// Days of which they do, and their rows.
    days: u64,
    rows: u64,
    /// Some day that lies in it as a whole has roll-ups, or they are all that there is of one.
    pub(super) is_rolled: bool,
    /// Some day that it meets has roll-ups.
    pub(super) has_rolls: bool,
}

/// What there is of `[from, to)` by steps.
pub(super) fn reach(
    list: &[PackMeta],
    (from, to): (Timestamp, Timestamp),
    step: Duration,
) -> Reach {
    let step_ms = Grid::new(from, to, step).step;
    let range_ms = to
        .unix_ms()
        .saturating_sub(from.unix_ms())
        .max(0)
        .unsigned_abs();
    let mut reach = Reach {
        range_ms,
        raw_ms: range_ms,
        ..Reach::default()
    };
    for (day, of) in days::days(list, from, to) {
        let end = day.unix_ms().saturating_add(DAY_MS);
        let is_whole = day >= from && end <= to.unix_ms();
        let rolled = |grain: Grain| of.rolled(grain.kind()).last();
        let grains = [Grain::Hours, Grain::FiveMinutes];
        let has_rolls = grains.into_iter().any(|grain| rolled(grain).is_some());
        reach.has_rolls |= has_rolls;
        reach.is_rolled |= has_rolls && (is_whole || is_retired(&of));
        let fits = |grain: &Grain| step_ms % grain.step_ms() == 0 && of.is_rolled(grain.kind());
        if let Some(grain) = grains.into_iter().find(fits).filter(|_| is_whole) {
            reach.raw_ms = reach.raw_ms.saturating_sub(DAY_MS.unsigned_abs());
            reach.days += 1;
            reach.rows += (DAY_MS / grain.step_ms()).unsigned_abs();
        }
    }
    reach
}

/// Whether no samples of a day are left that its roll-ups were made of.
fn is_retired(of: &Day) -> bool {
    let grains = [Grain::Hours, Grain::FiveMinutes];
    let latest = grains
        .iter()
        .filter_map(|grain| of.rolled(grain.kind()).last());
    latest
        .max_by_key(|id| id.generation)
        .is_some_and(|latest| of.before(latest).next().is_none())
}

/// Series that are asked for, by what one of them takes.
#[derive(Debug, Default)]
pub(super) struct Load(BTreeMap<Each, u64>);

/// What a series takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Each {
    /// From poll to poll.
    poll_ms: u64,
    /// Where roll-ups answer: how many numbers each bucket has, and each day besides.
    numbers: Option<(u64, u64)>,
}

impl Load {
    /// Adds a series that is polled so often.
    pub(super) fn add(&mut self, poll: Duration, how: Aggregation, kind: Kind) {
        let numbers = is_rolled_up(how, kind).then_some(match how {
            Aggregation::Peak => (4, EDGES as u64),
            Aggregation::Rate | Aggregation::Increase => (3, EDGES as u64),
            Aggregation::Count => (1, 0),
            _ => (2, 0),
        });
        let poll_ms = u64::try_from(poll.as_millis()).unwrap_or(u64::MAX).max(1);
        *self.0.entry(Each { poll_ms, numbers }).or_default() += 1;
    }

    /// Samples and numbers of roll-ups that are read of all.
    pub(super) fn cost(&self, reach: &Reach) -> u64 {
        let of = self.0.iter().map(|(each, series)| {
            let polls = |ms: u64| ms / each.poll_ms + 1;
            let one = match each.numbers {
                Some((fields, edges)) => polls(reach.raw_ms)
                    .saturating_add(reach.rows.saturating_mul(fields))
                    .saturating_add(reach.days.saturating_mul(edges)),
                None => polls(reach.range_ms),
            };
            one.saturating_mul(*series)
        });
        of.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::Level;
    use crate::pack::{Kind as PackKind, PackId, Totals};

    const DAY: i64 = DAY_MS;
    const HOUR: Duration = Duration::from_hours(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(20_513 * DAY + ms)
    }

    /// Ten days, each with samples and both kinds of roll-ups; of the last there are samples alone.
    fn list() -> Vec<PackMeta> {
        let kinds = [PackKind::Samples, PackKind::FiveMinutes, PackKind::Hours];
        let mut all: Vec<PackMeta> = (0..10i64)
            .flat_map(|day| kinds.map(|kind| (day, kind)))
            .filter(|(day, kind)| *day < 9 || *kind == PackKind::Samples)
            .zip(1..)
            .map(|((day, kind), generation)| PackMeta {
                id: PackId {
                    start: at(day * DAY),
                    level: Level::Day,
                    kind,
                    class: 0,
                    shard: 0,
                    generation,
                },
                bytes: 0,
                totals: Totals::default(),
                crc: 0,
            })
            .collect();
        all.sort_by_key(|meta| meta.id);
        all
    }

    #[test]
    fn what_a_range_takes_is_told_by_days() {
        let list = list();
        let mut rates = Load::default();
        rates.add(Duration::from_mins(1), Aggregation::Rate, Kind::Counter);
        let mut spread = Load::default();
        spread.add(Duration::from_mins(1), Aggregation::Stddev, Kind::Gauge);
        for (from, to, step, rate, stddev, is_rolled) in [
            // Ten days, of which nine are rolled up.
            (0, 10 * DAY, HOUR, 1_441 + 9 * (24 * 3 + 22), 14_401, true),
            (
                0,
                10 * DAY,
                HOUR / 12,
                1_441 + 9 * (288 * 3 + 22),
                14_401,
                true,
            ),
            // A step that is not of whole buckets; roll-ups may still be all there is.
            (0, 10 * DAY, HOUR / 60, 14_401, 14_401, true),
            // From noon to noon one is whole; of a part of a day none is.
            (DAY / 2, 5 * DAY / 2, HOUR, 1_441 + 24 * 3 + 22, 2_881, true),
            (DAY / 2, 3 * DAY / 2, HOUR, 1_441, 1_441, false),
            (9 * DAY, 10 * DAY, HOUR, 1_441, 1_441, false),
        ] {
            let reach = reach(&list, (at(from), at(to)), step);
            let told = (rates.cost(&reach), spread.cost(&reach), reach.is_rolled);
            assert_eq!(told, (rate, stddev, is_rolled), "{from} {to} {step:?}");
            assert_eq!(reach.has_rolls, from < 9 * DAY);
        }
    }
}
