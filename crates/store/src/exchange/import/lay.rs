//! Rows of a day in the order in which they are written: by device, then by time, then by column, each
//! once.

use super::super::find::{Finder, Target};
use super::super::row::{Refused, Why};
use super::super::spool::{DAY_MS, Spool, Spooled};
use super::{ImportError, Imported};
use crate::blocks::Column;
use crate::progress::Progress;
use model::{DeviceId, Value};
use std::ops::ControlFlow;

/// Rows that are in memory at a time: some 150 MB.
pub(super) const ROWS_A_PART: usize = 2 << 20;
/// Rows after which is looked whether to go on: some milliseconds.
const ROWS_A_LOOK: u64 = 1 << 16;

/// A row whose series is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Laid {
    pub(super) device_id: DeviceId,
    pub(super) at_ms: i64,
    pub(super) column: Column,
    pub(super) line: u32,
    pub(super) value: Value,
}

/// Some of the times of a day, with all rows of these: of several rows of one series and time the last
/// of the file. So they are, however many rows a day has, and wherever in the file they are.
#[derive(Debug)]
pub(super) struct Part {
    /// In order.
    pub(super) rows: Vec<Laid>,
    /// The first time that is of a later part.
    pub(super) to_ms: i64,
    /// With the first part of a day: all rows of the day that have a series.
    pub(super) of_day: u64,
}

/// Reads the rows of a day from a time on: those of as many times as there is room for.
pub(super) struct Reader<'a> {
    pub(super) finder: &'a Finder,
    pub(super) spool: &'a Spool,
    pub(super) progress: &'a Progress,
    /// Rows in memory.
    pub(super) rows_max: usize,
}

impl Reader<'_> {
    /// The part of a day that begins at a time. With the first of a day all rows of it whose series could
    /// not be made are refused, and the others are counted.
    pub(super) fn part(
        &self,
        day: i64,
        from_ms: i64,
        told: &mut Imported,
    ) -> Result<Part, ImportError> {
        let begin_ms = day.saturating_mul(DAY_MS);
        let is_first = from_ms == begin_ms;
        let mut part = Part {
            rows: Vec::new(),
            to_ms: begin_ms.saturating_add(DAY_MS),
            of_day: 0,
        };
        let mut rows_max = self.rows_max;
        let mut seen: u64 = 0;
        let read = self.spool.read(day, |row| {
            seen += 1;
            if seen.is_multiple_of(ROWS_A_LOOK)
                && let Err(stopped) = self.progress.go_on()
            {
                return ControlFlow::Break(stopped);
            }
            let in_part = (from_ms..part.to_ms).contains(&row.at_ms);
            if !in_part && !is_first {
                return ControlFlow::Continue(());
            }
            match laid(row, self.finder) {
                Err(refused) if is_first => told.refuse(refused),
                Err(_) => {}
                Ok(row) => {
                    part.of_day += u64::from(is_first);
                    if in_part {
                        part.rows.push(row);
                    }
                }
            }
            if part.rows.len() >= rows_max {
                part.shorten(from_ms, self.rows_max / 2);
                rows_max = self.rows_max.max(part.rows.len() * 2);
            }
            ControlFlow::Continue(())
        });
        if let ControlFlow::Break(stopped) = read.map_err(ImportError::Spool)? {
            return Err(stopped.into());
        }
        part.tidy();
        Ok(part)
    }
}

impl Part {
    /// In order, of those with one series and time the last.
    fn tidy(&mut self) {
        let key = |row: &Laid| (row.device_id, row.at_ms, row.column);
        // Stable: of one series and time the rows stay in the order of the file.
        self.rows.sort_by_key(key);
        self.rows.reverse();
        self.rows.dedup_by_key(|row| key(row));
        self.rows.reverse();
    }

    /// Leaves out what need not be in memory: what is there again, and the later half of the times where
    /// more than so many rows are left.
    fn shorten(&mut self, from_ms: i64, rows_max: usize) {
        self.tidy();
        if self.rows.len() <= rows_max {
            return;
        }
        let mut times: Vec<i64> = self.rows.iter().map(|row| row.at_ms).collect();
        let (_, middle, _) = times.select_nth_unstable(self.rows.len() / 2);
        let to_ms = (*middle).max(from_ms.saturating_add(1));
        self.to_ms = to_ms;
        self.rows.retain(|row| row.at_ms < to_ms);
    }
}

fn laid(row: Spooled, finder: &Finder) -> Result<Laid, Refused> {
    match finder.target(row.series) {
        Some(Target::Known(found)) => Ok(Laid {
            device_id: found.device_id,
            at_ms: row.at_ms,
            column: found.column,
            line: row.line,
            value: row.value,
        }),
        Some(Target::Refused(why, detail)) => {
            Err(Refused::new(row.line.into(), *why, detail.clone()))
        }
        _ => {
            let detail = "its series was not made";
            Err(Refused::new(row.line.into(), Why::NotTaken, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at_ms: i64, column: u32, line: u32) -> Laid {
        Laid {
            device_id: model::series::NETWORK,
            at_ms,
            column: Column(column),
            line,
            value: Value::U64(line.into()),
        }
    }

    fn lines(part: &Part) -> Vec<u32> {
        part.rows.iter().map(|row| row.line).collect()
    }

    #[test]
    fn the_last_of_each_series_and_time_is_left_and_the_later_half_goes() {
        let mut part = Part {
            rows: vec![row(5, 0, 1), row(3, 0, 2), row(5, 1, 3), row(5, 0, 4)],
            to_ms: 100,
            of_day: 0,
        };
        part.shorten(0, 3);
        assert_eq!((lines(&part), part.to_ms), (vec![2, 4, 3], 100));
        part.rows.push(row(3, 0, 5));
        part.shorten(0, 2);
        assert_eq!((lines(&part), part.to_ms), (vec![5], 5));
        // Of one time all are kept, whatever they are.
        part.rows = (0..9).map(|n| row(0, n, n)).collect();
        part.shorten(0, 2);
        assert_eq!((part.rows.len(), part.to_ms), (9, 1));
    }
}
