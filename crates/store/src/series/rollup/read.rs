//! Roll-ups as they are read of a pack: the fields that are wanted, of some series of a device.

use super::fold::Bucket;
use super::{DAY_MS, EDGE, FIELDS, Field, Grain};
use crate::blocks::Column;
use crate::pack::{Damage, Entry, Head, Pack, PackId};
use crate::series::aggregate::Point;
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

/// A day of a series.
#[derive(Debug, PartialEq)]
pub(super) struct Rolled {
    /// How many samples it has.
    pub(super) count: u64,
    /// Its buckets that are not empty, with their starts in milliseconds since 1970.
    pub(super) buckets: Vec<(i64, Bucket)>,
    grain: Grain,
    pub(super) edges: Vec<Point>,
    pub(super) restarts: Vec<Timestamp>,
    /// What was deleted of the day since, in milliseconds since 1970.
    hidden: Vec<(i64, i64)>,
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
        let times = rows(Field::EdgeAt).iter().map(|(_, at)| time(*at));
        let samples = rows(Field::Edge).iter().map(|(_, value)| *value);
        let starts = (0..).map(|n: i64| begin.saturating_add(n * step_ms));
        let is_empty = |bucket: &Bucket| bucket.fold.count == 0 && bucket.spread.covered_ms == 0;
        Some(Rolled {
            count,
            edges: times.zip(samples).collect(),
            restarts: rows(Field::Restart)
                .iter()
                .map(|(_, at)| time(*at))
                .collect(),
            buckets: starts
                .zip(buckets)
                .filter(|(_, bucket)| !is_empty(bucket))
                .collect(),
            grain,
            hidden: Vec::new(),
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

    /// The day without what was deleted since: buckets that meet it are left out as a whole.
    pub(super) fn without(mut self, ranges: Vec<(i64, i64)>) -> Self {
        self.hidden = ranges;
        let mut buckets = std::mem::take(&mut self.buckets);
        buckets.retain(|(start, _)| !self.meets_hidden(*start));
        self.buckets = buckets;
        self
    }

    fn meets_hidden(&self, start: i64) -> bool {
        let end = start.saturating_add(self.step_ms());
        let mut ranges = self.hidden.iter();
        ranges.any(|(from, to)| start < *to && end > *from)
    }

    /// Whether a sample was deleted since.
    pub(super) fn is_hidden(&self, at: Timestamp) -> bool {
        let mut ranges = self.hidden.iter();
        ranges.any(|(from, to)| (*from..*to).contains(&at.unix_ms()))
    }

    /// Samples in the buckets that are left.
    pub(super) fn left(&self) -> u64 {
        let counts = self.buckets.iter().map(|(_, bucket)| bucket.fold.count);
        counts.map(u64::from).sum()
    }

    /// How many of some samples are in buckets that are left.
    pub(super) fn left_of(&self, points: &[Point]) -> u64 {
        let start = |at: Timestamp| {
            let ms = at.unix_ms();
            ms.saturating_sub(ms.rem_euclid(self.step_ms()))
        };
        let left = points
            .iter()
            .filter(|(at, _)| !self.meets_hidden(start(*at)));
        left.count() as u64
    }

    /// Whether all its samples are at its edges.
    pub(super) fn is_all_edges(&self) -> bool {
        self.count <= 2 * EDGE as u64
    }

    /// The edges of each end: the first samples and the last. All are among the first where there are
    /// no more.
    pub(super) fn ends(&self) -> (&[Point], &[Point]) {
        if self.is_all_edges() {
            return (&self.edges, &[]);
        }
        self.edges.split_at(EDGE.min(self.edges.len()))
    }

    /// The samples of a range at one of its edges, the first of them or the last, but for those that were
    /// deleted since.
    pub(super) fn edges_next_to(
        &self,
        first: bool,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<Point> {
        let (head, tail) = self.ends();
        let edge = if first || tail.is_empty() { head } else { tail };
        let is_left = |(at, _): &&Point| (from..to).contains(at) && !self.is_hidden(*at);
        edge.iter().filter(is_left).copied().collect()
    }

    /// Whether it has the edges that its samples make.
    pub(super) fn has_edges(&self) -> bool {
        let wanted = self.count.min(2 * EDGE as u64);
        let ascends = self.edges.windows(2);
        let ascends = ascends
            .into_iter()
            .all(|pair| matches!(pair, [a, b] if a.0 < b.0));
        self.edges.len() as u64 == wanted && ascends
    }
}

pub(super) fn number(value: Value) -> u64 {
    match value {
        Value::U64(number) => number,
        Value::F64(_) => 0,
    }
}
