//! Rows of a day in the order in which they are written: by device, then by time, then by column.

use super::super::find::{Finder, Target};
use super::super::row::{Refused, Why};
use super::super::spool::Spooled;
use super::Imported;
use crate::blocks::Column;
use model::{DeviceId, Value};

/// A row whose series is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Laid {
    pub(super) device_id: DeviceId,
    pub(super) at_ms: i64,
    pub(super) column: Column,
    pub(super) line: u32,
    pub(super) value: Value,
}

/// The rows in order, of those with one series and time the last; the others are counted as
/// repeated, and those whose series could not be made are refused.
pub(super) fn lay(rows: Vec<Spooled>, finder: &Finder, told: &mut Imported) -> Vec<Laid> {
    let mut laid = Vec::with_capacity(rows.len());
    for row in rows {
        match finder.target(row.series) {
            Some(Target::Known(found)) => laid.push(Laid {
                device_id: found.device_id,
                at_ms: row.at_ms,
                column: found.column,
                line: row.line,
                value: row.value,
            }),
            Some(Target::Refused(why, detail)) => {
                told.refuse(Refused::new(row.line.into(), *why, detail.clone()));
            }
            _ => {
                let detail = "its series was not made";
                told.refuse(Refused::new(row.line.into(), Why::NotTaken, detail));
            }
        }
    }
    // Stable: of one series and time the rows stay in the order of the file.
    laid.sort_by_key(|row| (row.device_id, row.at_ms, row.column));
    let before = laid.len();
    laid.reverse();
    laid.dedup_by_key(|row| (row.device_id, row.at_ms, row.column));
    laid.reverse();
    told.repeated += (before - laid.len()) as u64;
    laid
}
