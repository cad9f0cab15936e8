//! Putting the roll-ups of a day in packs, one of five minutes and one of hours.

use super::fold::{Bucket, Uptime};
use super::keep::Kept;
use super::read::number;
use super::{DAY_MS, FIVE_MS, FIVES, Field, HOUR_MS, HOURS, KINDS, fold};
use crate::blocks::{Column, Level, Run, Values};
use crate::pack::{self, ENTRIES_MAX, PackError, PackId, PackMeta, PackWriter};
use crate::series::aggregate::Point;
use crate::series::parts::Parts;
use crate::series::read::newest_of_each_time;
use crate::series::registry::with;
use model::metric::Kind;
use model::{DeviceId, Timestamp, Value};

/// Restarts of a device in a day that are listed: an hour's roll-ups have a row for each. Counters of a
/// device that restarts more often are not rolled up.
const RESTARTS_MAX: usize = HOURS;

/// Entries that a series takes in a pack at most: its fields, of which the latest value and the edges
/// may be of both types of number. A counter takes seven mostly, others five, so that 9,000 series and
/// more of a device are rolled up.
const ENTRIES_A_SERIES: usize = 14;

/// Fields of a series, ascending by column.
type Fields = Vec<(Column, Values)>;

/// The roll-ups of a day in the making.
pub(in crate::series) struct DayWriter {
    day: Timestamp,
    fives: PackWriter,
    hours: PackWriter,
    fives_times: Vec<i64>,
    hours_times: Vec<i64>,
    device: Device,
}

/// What is known of the device that is being written.
#[derive(Default)]
struct Device {
    kinds: Vec<(Column, Kind)>,
    uptime: Option<Column>,
    of_uptime: Uptime,
    entries: usize,
}

impl DayWriter {
    /// Begins them. Their generations are later than those of all packs that there are.
    pub(in crate::series) fn begin(parts: &Parts, day: Timestamp) -> Result<Self, PackError> {
        let begin = |kind| parts.packs.begin(id(kind, Level::Day, day));
        let times = |rows: usize, step: i64| {
            let starts = (0..).map(|row: i64| day.unix_ms().saturating_add(row * step));
            starts.take(rows).collect()
        };
        Ok(Self {
            day,
            fives: begin(pack::Kind::FiveMinutes)?,
            hours: begin(pack::Kind::Hours)?,
            fives_times: times(FIVES, FIVE_MS),
            hours_times: times(HOURS, HOUR_MS),
            device: Device::default(),
        })
    }

    /// Begins a device. Answers the column of its sysUpTime, whose samples are wanted before any
    /// column is given ([`uptime`](Self::uptime)).
    pub(in crate::series) fn device(
        &mut self,
        parts: &Parts,
        device_id: DeviceId,
    ) -> Result<Option<Column>, PackError> {
        let (kinds, uptime) = with(&parts.index, |index| {
            (index.kinds_of(device_id), index.uptime_column(device_id))
        });
        self.device = Device {
            kinds,
            uptime,
            ..Device::default()
        };
        self.fives.begin(device_id, &self.fives_times)?;
        self.hours.begin(device_id, &self.hours_times)?;
        Ok(uptime)
    }

    /// The samples of sysUpTime of the device over the day, and what there is of it by hours already:
    /// that tells of restarts where it is of more samples.
    pub(in crate::series) fn uptime(&mut self, points: &[Point], kept: Option<&Kept>) {
        let (hours, day) = (pack::Kind::Hours, self.day);
        let stands = kept.filter(|kept| kept.count > kept.split(points, hours, day).0);
        self.device.of_uptime = match stands {
            Some(kept) => self.kept_uptime(kept),
            None => Uptime::of(points),
        };
    }

    fn kept_uptime(&self, kept: &Kept) -> Uptime {
        let time = |value: Value| {
            let behind = i64::try_from(number(value)).unwrap_or(DAY_MS).min(DAY_MS);
            Timestamp::from_unix_ms(self.day.unix_ms().saturating_add(behind))
        };
        let ends = kept.list(Field::EdgeAt).map(time);
        Uptime {
            restarts: kept.list(Field::Restart).map(time).collect(),
            ends: ends.zip(kept.list(Field::Edge)).collect(),
        }
    }

    /// Adds a series of the device, with its samples of the day and its roll-ups that there are, by five
    /// minutes and by hours. Columns ascend. What there is stands where it is of more samples than there
    /// are now in its buckets: the others went since; what came to other buckets is added. One whose metric is not known has what there is; else it is left
    /// out, as is one whose numbers are too large to be summed up, and what is more than a pack may hold
    /// of a device: what is left out is read from the samples. Answers whether there is anything.
    pub(in crate::series) fn column(
        &mut self,
        parts: &Parts,
        column: Column,
        points: &[Point],
        kept: [Option<Kept>; 2],
    ) -> Result<bool, PackError> {
        let kinds = &self.device.kinds;
        let found = kinds.binary_search_by_key(&column, |(column, _)| *column);
        let kind = found.ok().and_then(|place| kinds.get(place));
        let kind = kind.map(|(_, kind)| *kind);
        if self.device.entries + ENTRIES_A_SERIES > ENTRIES_MAX {
            parts.counters.defect("rollup_bound", 1);
            return Ok(false);
        }
        let [fives, hours] = kept;
        let kept = [
            fives.and_then(|kept| self.standing(kept, column, points, (kind, 0))),
            hours.and_then(|kept| self.standing(kept, column, points, (kind, 1))),
        ];
        let made = match kind {
            Some(kind) if !points.is_empty() && kept.iter().any(Option::is_none) => {
                self.made(column, points, kind)
            }
            _ => [None, None],
        };
        let mut most = 0;
        let writers = [&mut self.fives, &mut self.hours];
        for ((writer, kept), made) in writers.into_iter().zip(kept).zip(made) {
            let mut entries = 0;
            for (column, values) in kept.or(made).iter().flatten() {
                entries += usize::from(values.whole().is_some());
                entries += usize::from(values.float().is_some());
                writer.column(*column, values)?;
            }
            most = most.max(entries);
        }
        self.device.entries += most;
        Ok(most > 0)
    }

    /// The fields of a series by what there is of it by five minutes (0) or by hours (1), where that is of
    /// more samples than there are in its buckets: with those in others. Where the metric is not known it
    /// stays as it is.
    fn standing(
        &self,
        kept: Kept,
        column: Column,
        points: &[Point],
        (kind, place): (Option<Kind>, usize),
    ) -> Option<Fields> {
        let grain = *KINDS.get(place)?;
        let rows = [self.fives_times.len(), self.hours_times.len()];
        let rows = *rows.get(place)?;
        let Some(kind) = kind else {
            return Some(kept.into_values(rows));
        };
        let (there, fill) = kept.split(points, grain, self.day);
        if kept.count <= there {
            return None;
        }
        if fill.is_empty() {
            return Some(kept.into_values(rows));
        }
        if kind == Kind::Counter && kept.is_all_edges() {
            // What it was made of is known.
            let mut all = kept.edges(self.day);
            all.extend(points);
            newest_of_each_time(&mut all);
            let made = self.made(column, &all, kind).into_iter().nth(place);
            if let Some(made) = made.flatten() {
                return Some(made);
            }
        }
        let restarts = &self.device.of_uptime.restarts;
        let filled = kept.filled(column, &fill, (grain, kind, self.day), restarts);
        Some(filled.into_values(rows))
    }

    /// The fields of a series by five minutes and by hours, of its samples; none where they are not
    /// rolled up.
    fn made(&self, column: Column, points: &[Point], kind: Kind) -> [Option<Fields>; 2] {
        let device = &self.device;
        let is_uptime = device.uptime == Some(column);
        let restarts = &device.of_uptime.restarts;
        if restarts.len() > RESTARTS_MAX && (is_uptime || kind == Kind::Counter) {
            return [None, None];
        }
        let folded = fold(points, self.day, kind, restarts);
        let edges = if is_uptime {
            &device.of_uptime.ends
        } else {
            &folded.edges
        };
        let made = [&folded.fives, &folded.hours()].map(|buckets| {
            let mut fields = of_buckets(buckets, kind);
            let rows = buckets.len();
            let times = edges.iter().map(|(at, _)| *at);
            fields.push((Field::EdgeAt, list(rows, times, self.day)));
            let values = edges.iter().map(|(_, value)| *value);
            fields.push((Field::Edge, both(rows, values.enumerate())));
            if is_uptime {
                fields.push((
                    Field::Restart,
                    list(rows, restarts.iter().copied(), self.day),
                ));
            }
            let is_finite = |values: &Values| {
                let floats = values.float().map_or(&[][..], Run::numbers);
                floats.iter().all(|number| number.is_finite())
            };
            let fields = fields
                .into_iter()
                .filter_map(|(field, values)| Some((field.column(column)?, values?)));
            let fields: Fields = fields.collect();
            let all_finite = fields.iter().all(|(_, values)| is_finite(values));
            all_finite.then_some(fields)
        });
        // Neither or both, as one is read for the other.
        if made.iter().any(Option::is_none) {
            return [None, None];
        }
        made
    }

    /// Says of the device that it has nothing of the day, as all was deleted: else what older roll-ups say
    /// of it would seem to be all there is. It is a count of nought of one of its series.
    pub(in crate::series) fn nothing(&mut self, column: Column) -> Result<(), PackError> {
        let Some(count) = Field::Count.column(column) else {
            return Ok(());
        };
        for (writer, rows) in [(&mut self.fives, FIVES), (&mut self.hours, HOURS)] {
            if let Some(values) = whole(rows, std::iter::once((0, 0))) {
                writer.column(count, &values)?;
            }
        }
        Ok(())
    }

    /// Ends the packs: once this returns they are durable under their names. They are not yet in the
    /// manifest.
    pub(in crate::series) fn finish(self, parts: &Parts) -> Result<[PackMeta; 2], PackError> {
        // The hours last: where they are, the others are too.
        let fives = parts.finish(self.fives)?;
        Ok([fives, parts.finish(self.hours)?])
    }
}

/// A pack of roll-ups; its generation is given when it is begun.
pub(in crate::series) fn id(kind: pack::Kind, level: Level, start: Timestamp) -> PackId {
    PackId {
        start,
        level,
        kind,
        class: 0,
        shard: 0,
        generation: 0,
    }
}

/// The fields of the buckets, ascending.
fn of_buckets(buckets: &[Bucket], kind: Kind) -> Vec<(Field, Option<Values>)> {
    let rows = buckets.len();
    let at = || buckets.iter().enumerate();
    let seen = || at().filter(|(_, bucket)| bucket.fold.count > 0);
    let counts = seen().map(|(row, bucket)| (row, u64::from(bucket.fold.count)));
    let lasts = at().filter_map(|(row, bucket)| Some((row, bucket.last?)));
    let mut fields = vec![
        (Field::Count, whole(rows, counts)),
        (Field::Last, both(rows, lasts)),
    ];
    if kind == Kind::Counter {
        let covered = || at().filter(|(_, bucket)| bucket.spread.covered_ms > 0);
        let of = |number: fn(&Bucket) -> f64| {
            float(rows, covered().map(|(row, bucket)| (row, number(bucket))))
        };
        let covered_ms = covered().map(|(row, bucket)| {
            let covered = bucket.spread.covered_ms;
            (row, covered.unsigned_abs())
        });
        fields.push((Field::Increase, of(|bucket| bucket.spread.sum)));
        fields.push((Field::Covered, whole(rows, covered_ms)));
        fields.push((Field::Peak, of(|bucket| rounded_up(bucket.spread.peak))));
    } else {
        let of = |number: fn(&Bucket) -> f64| {
            float(rows, seen().map(|(row, bucket)| (row, number(bucket))))
        };
        fields.push((Field::Min, of(|bucket| bucket.fold.min)));
        fields.push((Field::Max, of(|bucket| bucket.fold.max)));
        fields.push((Field::Sum, of(|bucket| bucket.fold.sum)));
    }
    fields
}

/// To thousandths, which take less room than the number itself, and never down: no pair was faster.
pub(super) fn rounded_up(number: f64) -> f64 {
    let rounded = (number * 1e3).ceil() / 1e3;
    if rounded >= number { rounded } else { number }
}

fn whole(rows: usize, numbers: impl Iterator<Item = (usize, u64)>) -> Option<Values> {
    Values::new(Run::at(rows, numbers), Run::full(Vec::new()))
}

fn float(rows: usize, numbers: impl Iterator<Item = (usize, f64)>) -> Option<Values> {
    Values::new(Run::full(Vec::new()), Run::at(rows, numbers))
}

/// Values of either type.
pub(super) fn both(rows: usize, values: impl Iterator<Item = (usize, Value)>) -> Option<Values> {
    let (mut whole, mut float) = (Vec::new(), Vec::new());
    for (row, value) in values {
        match value {
            Value::U64(number) => whole.push((row, number)),
            Value::F64(number) => float.push((row, number)),
        }
    }
    Values::new(Run::at(rows, whole), Run::at(rows, float))
}

/// Times of the day, one after the other in the first rows.
fn list(rows: usize, times: impl Iterator<Item = Timestamp>, day: Timestamp) -> Option<Values> {
    let behind = times.map(|at| {
        let ms = at.unix_ms().saturating_sub(day.unix_ms());
        ms.clamp(0, DAY_MS).unsigned_abs()
    });
    whole(rows, behind.enumerate())
}
