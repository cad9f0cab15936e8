//! Roll-ups as they are read of a pack: the fields that are wanted, of some series of a device.

use super::fold::Bucket;
use super::{DAY_MS, EDGE, FIELDS, Field, Grain};
use crate::blocks::Column;
use crate::pack::{Damage, Entry, Head, Pack, PackId};
use crate::series::aggregate::{Point, SPACINGS};
use model::{Timestamp, Value};
use std::sync::Arc;

/// What a pack of roll-ups has of a device.
pub(in crate::series) struct Rolls {
    pub(super) pack: Arc<Pack>,
    pub(super) entry: Entry,
    pub(super) head: Head,
}

/// Fields of series, as columns of a pack of roll-ups.
pub(super) struct Wanted {
    /// Ascending.
    pub(super) columns: Vec<Column>,
    /// Of each the place of its series, and its field.
    places: Vec<(usize, usize)>,
    series: usize,
}

impl Wanted {
    /// Columns of series and fields ascend.
    pub(super) fn new(series: &[Column], fields: &[Field]) -> Self {
        let each = series.iter().enumerate().flat_map(|(place, of)| {
            let fields = fields.iter();
            fields.filter_map(move |field| Some((field.column(*of)?, (place, *field as usize))))
        });
        let (columns, places) = each.unzip();
        Self {
            columns,
            places,
            series: series.len(),
        }
    }
}

/// What was read of it, by the place of the series that were wanted.
pub(super) struct Loaded {
    series: Vec<Fields>,
}

/// The rows of each field, ascending by time.
#[derive(Default)]
struct Fields {
    rows: [Vec<Point>; FIELDS],
    /// Something of it could not be read.
    is_damaged: bool,
}

/// A sample of an end of a day, with its place among those.
pub(super) type Edge = (usize, Point);

/// A day of a series.
#[derive(Debug, PartialEq)]
pub(super) struct Rolled {
    day: Timestamp,
    /// How many samples its buckets have.
    pub(super) count: u64,
    /// Its buckets that are not empty, with their starts in milliseconds since 1970.
    pub(super) buckets: Vec<(i64, Bucket)>,
    grain: Grain,
    /// Samples of the ends of the day, each with its place among them: there are places without one where
    /// something was deleted.
    edges: Vec<Edge>,
    /// Of how many samples they are.
    of: u64,
    /// Something of it was deleted.
    is_cut: bool,
    pub(super) restarts: Vec<Timestamp>,
}

impl Rolls {
    pub(in crate::series) fn new(pack: Arc<Pack>, entry: Entry, head: Head) -> Self {
        Self { pack, entry, head }
    }

    pub(in crate::series) fn id(&self) -> PackId {
        self.pack.meta().id
    }

    /// Reads what is wanted over days.
    pub(super) fn load(
        &self,
        wanted: &Wanted,
        from: Timestamp,
        to: Timestamp,
    ) -> (Loaded, Vec<Damage>) {
        let mut series: Vec<Fields> = Vec::new();
        series.resize_with(wanted.series, Fields::default);
        let (head, entry) = (&self.head, &self.entry);
        let damage = self
            .pack
            .read_with(head, entry, &wanted.columns, from, to, |n, slice| {
                let place = wanted.places.get(n).copied();
                let rows = place.and_then(|(place, field)| {
                    let fields = series.get_mut(place)?;
                    fields.rows.get_mut(field)
                });
                if let Some(rows) = rows {
                    slice.extend(rows);
                }
            });
        for damage in &damage {
            let found = damage
                .column
                .map(|column| wanted.columns.binary_search(&column));
            // Where it is not known what is damaged, all of it is taken to be.
            match found {
                Some(Ok(n)) => {
                    let place = wanted.places.get(n).map(|(place, _)| *place);
                    let hit = place.and_then(|place| series.get_mut(place));
                    if let Some(fields) = hit {
                        fields.is_damaged = true;
                    }
                }
                _ => series
                    .iter_mut()
                    .for_each(|fields| fields.is_damaged = true),
            }
        }
        (Loaded { series }, damage)
    }
}

impl Loaded {
    /// A day of a series in buckets of its grain; none where there is nothing of it, or where some of
    /// it is damaged.
    pub(super) fn day(&self, place: usize, day: Timestamp, grain: Grain) -> Option<Rolled> {
        let step_ms = grain.step_ms();
        let fields = self.series.get(place).filter(|all| !all.is_damaged)?;
        let begin = day.unix_ms();
        let rows = |field: Field| {
            let rows = fields
                .rows
                .get(field as usize)
                .map_or(&[][..], Vec::as_slice);
            let end = begin.saturating_add(DAY_MS);
            let first = rows.partition_point(|(at, _)| at.unix_ms() < begin);
            let next = rows.partition_point(|(at, _)| at.unix_ms() < end);
            rows.get(first..next).unwrap_or_default()
        };
        let slots = usize::try_from(DAY_MS / step_ms).ok()?;
        let mut buckets = vec![Bucket::default(); slots];
        let mut count = 0;
        let mut each = |field: Field, set: &mut dyn FnMut(&mut Bucket, Value)| {
            for (at, value) in rows(field) {
                let place = at.unix_ms().saturating_sub(begin) / step_ms;
                let place = usize::try_from(place).ok();
                if let Some(bucket) = place.and_then(|place| buckets.get_mut(place)) {
                    set(bucket, *value);
                }
            }
        };
        each(Field::Count, &mut |bucket, value| {
            count += number(value);
            bucket.fold.count = u32::try_from(number(value)).unwrap_or(u32::MAX);
        });
        each(Field::Last, &mut |bucket, value| {
            bucket.last = Some(value);
            bucket.fold.last = value.as_f64();
        });
        each(Field::Min, &mut |bucket, value| {
            bucket.fold.min = value.as_f64();
        });
        each(Field::Max, &mut |bucket, value| {
            bucket.fold.max = value.as_f64();
        });
        each(Field::Sum, &mut |bucket, value| {
            bucket.fold.sum = value.as_f64();
        });
        each(Field::Increase, &mut |bucket, value| {
            bucket.spread.sum = value.as_f64();
        });
        each(Field::Covered, &mut |bucket, value| {
            let covered = i64::try_from(number(value)).unwrap_or(0);
            bucket.spread.covered_ms = covered.min(step_ms);
        });
        each(Field::Peak, &mut |bucket, value| {
            bucket.spread.peak = value.as_f64();
        });
        if count == 0 {
            return None;
        }
        let time = |value: Value| {
            let behind = i64::try_from(number(value)).unwrap_or(DAY_MS);
            Timestamp::from_unix_ms(begin.saturating_add(behind.min(DAY_MS)))
        };
        let row = |at: &Timestamp| usize::try_from(at.unix_ms().saturating_sub(begin) / step_ms);
        let edges = rows(Field::EdgeAt).iter().filter_map(|(at, behind)| {
            let samples = rows(Field::Edge);
            let place = samples.binary_search_by_key(at, |(at, _)| *at).ok()?;
            let (_, value) = samples.get(place)?;
            Some((row(at).ok()?, (time(*behind), *value)))
        });
        let cut = rows(Field::Cut).first().map(|(_, of)| number(*of));
        let starts = (0..).map(|n: i64| begin.saturating_add(n * step_ms));
        let is_empty = |bucket: &Bucket| bucket.fold.count == 0 && bucket.spread.covered_ms == 0;
        Some(Rolled {
            day,
            count,
            edges: edges.collect(),
            of: cut.unwrap_or(count),
            is_cut: cut.is_some(),
            restarts: rows(Field::Restart)
                .iter()
                .map(|(_, at)| time(*at))
                .collect(),
            buckets: starts
                .zip(buckets)
                .filter(|(_, bucket)| !is_empty(bucket))
                .collect(),
            grain,
        })
    }
}

impl Rolled {
    pub(super) fn grain(&self) -> Grain {
        self.grain
    }

    /// How long a bucket is, in milliseconds.
    pub(super) fn step_ms(&self) -> i64 {
        self.grain.step_ms()
    }

    /// How many numbers were read of it, of so many fields that its buckets have.
    pub(super) fn numbers(&self, fields: usize) -> usize {
        self.buckets.len() * fields + self.edges.len()
    }

    /// The day without what was deleted since, ranges in milliseconds since 1970: buckets that meet it are
    /// left out as a whole. That the device restarted is no sample of the series.
    pub(super) fn without(mut self, ranges: &[(i64, i64)]) -> Self {
        let step_ms = self.step_ms();
        let meets = |from: i64, to: i64| ranges.iter().any(|range| from < range.1 && to > range.0);
        self.buckets
            .retain(|(start, _)| !meets(*start, start.saturating_add(step_ms)));
        self.edges.retain(|(_, (at, _))| {
            let at = at.unix_ms();
            !meets(at, at.saturating_add(1))
        });
        let counts = self.buckets.iter().map(|(_, bucket)| bucket.fold.count);
        self.count = counts.map(u64::from).sum();
        self.is_cut = true;
        self
    }

    /// Of samples that there are, ascending, how many are in buckets in which it has some too; and the
    /// others.
    pub(super) fn split(&self, points: &[Point]) -> (u64, Vec<Point>) {
        let has = |(at, _): &Point| {
            let bucket = self.bucket(*at);
            bucket.is_some_and(|bucket| bucket.fold.count > 0)
        };
        let fill: Vec<Point> = points.iter().filter(|point| !has(point)).copied().collect();
        ((points.len() - fill.len()) as u64, fill)
    }

    /// Samples that are in buckets of which it knows nothing, in runs between those of which it does.
    pub(super) fn runs<'a>(&self, fill: &'a [Point]) -> Vec<&'a [Point]> {
        let place = |at: Timestamp| {
            let start = self.start_of(at);
            let place = self.buckets.partition_point(|(other, _)| *other < start);
            (place, self.bucket(at).is_none())
        };
        let runs = fill.chunk_by(|a, b| place(a.0) == place(b.0));
        let is_free = |run: &&[Point]| run.first().is_some_and(|(at, _)| place(*at).1);
        runs.filter(is_free).collect()
    }

    fn start_of(&self, at: Timestamp) -> i64 {
        let ms = at.unix_ms();
        ms.saturating_sub(ms.rem_euclid(self.step_ms()))
    }

    fn bucket(&self, at: Timestamp) -> Option<&Bucket> {
        let start = self.start_of(at);
        let place = self
            .buckets
            .binary_search_by_key(&start, |(start, _)| *start);
        self.buckets.get(place.ok()?).map(|(_, bucket)| bucket)
    }

    /// Whether all its samples are at its edges.
    pub(super) fn is_all_edges(&self) -> bool {
        self.of <= 2 * EDGE as u64
    }

    /// The samples at its edges.
    pub(super) fn edges(&self) -> impl DoubleEndedIterator<Item = Point> {
        self.edges.iter().map(|(_, point)| *point)
    }

    /// The edges of each end, each with its place: the first samples and the last. All are among the first
    /// where there are no more.
    pub(super) fn ends(&self) -> (&[Edge], &[Edge]) {
        if self.is_all_edges() {
            return (&self.edges, &[]);
        }
        let head = self.edges.partition_point(|(place, _)| *place < EDGE);
        self.edges.split_at(head)
    }

    /// The samples between which the day told of pairs by itself, or its ends where they were deleted; none
    /// where it told of none.
    pub(super) fn told(&self) -> Option<(Timestamp, Timestamp)> {
        if self.is_all_edges() {
            return None;
        }
        let at = |wanted: usize| {
            let mut of = self.edges.iter();
            of.find_map(|(place, (at, _))| (*place == wanted).then_some(*at))
        };
        let end = Timestamp::from_unix_ms(self.day.unix_ms().saturating_add(DAY_MS));
        let first = at(SPACINGS).unwrap_or(self.day);
        Some((first, at(EDGE + SPACINGS).unwrap_or(end)))
    }

    /// The samples of a range at one of its edges, the first of them or the last, but for those that were
    /// deleted.
    pub(super) fn edges_next_to(
        &self,
        first: bool,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<Point> {
        let (head, tail) = self.ends();
        let edge = if first || self.is_all_edges() {
            head
        } else {
            tail
        };
        let points = edge.iter().map(|(_, point)| *point);
        points.filter(|(at, _)| (from..to).contains(at)).collect()
    }

    /// Whether it has the edges that its samples make, or what was left of them.
    pub(super) fn has_edges(&self) -> bool {
        let wanted = self.of.min(2 * EDGE as u64);
        let ascends = self.edges.windows(2);
        let ascends = ascends
            .into_iter()
            .all(|pair| matches!(pair, [a, b] if a.1.0 < b.1.0));
        let found = self.edges.len() as u64;
        ascends && (found == wanted || (self.is_cut && found < wanted))
    }
}

pub(super) fn number(value: Value) -> u64 {
    match value {
        Value::U64(number) => number,
        Value::F64(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day of which all samples of its last edge were deleted: those of its first stand beside no later
    /// day, as there are others between them.
    #[test]
    fn the_edge_of_one_end_is_not_that_of_the_other() {
        let at = |n: usize| Timestamp::from_unix_ms(i64::try_from(n).unwrap() * 60_000);
        let rolled = |places: std::ops::Range<usize>, of: usize| Rolled {
            day: at(0),
            count: of as u64,
            buckets: Vec::new(),
            grain: Grain::FiveMinutes,
            edges: places.map(|n| (n, (at(n), Value::U64(n as u64)))).collect(),
            of: of as u64,
            is_cut: true,
            restarts: Vec::new(),
        };
        let next_to = |day: &Rolled, first| {
            let points = day.edges_next_to(first, (at(2), at(1_440)));
            points.iter().map(|(at, _)| *at).collect::<Vec<_>>()
        };
        let cut = rolled(0..EDGE, 100);
        assert_eq!(next_to(&cut, true), (2..EDGE).map(at).collect::<Vec<_>>());
        assert_eq!(next_to(&cut, false), []);
        let whole = rolled(0..2 * EDGE, 100);
        let last: Vec<_> = (EDGE..2 * EDGE).map(at).collect();
        assert_eq!(next_to(&whole, false), last);
        // All of them are at its edges.
        let few = rolled(0..5, 5);
        assert_eq!(next_to(&few, false), [at(2), at(3), at(4)]);
    }
}
