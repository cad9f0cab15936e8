//! The start: what the log holds is brought back to the head.
//!
//! Replaying is harmless however often it is done: the head and the blocks keep one value for each
//! series and time, and frames are replayed in the order in which they were written. A frame that
//! is damaged is kept as a file under `damaged/`, named and counted; the rest is used.

use crate::series::head::{Head, window};
use crate::series::log::frame::{self, Found, HEADER_LEN};
use crate::series::log::segments::Segments;
use crate::series::registry::{Shared, with};
use crate::series::stats::Counters;
use crate::series::{Column, OpenSeriesError, SeriesRecovery};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// Damaged frames of one segment that are kept as files; more are only counted.
const KEPT_MAX: usize = 100;

/// Names a path in an error.
pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> OpenSeriesError {
    let path: PathBuf = path.to_owned();
    move |source| OpenSeriesError::File {
        operation,
        path,
        source,
    }
}

/// Brings back what the log holds; answers the number of the next segment.
pub(super) fn replay(
    segments: &Segments,
    damaged: &Path,
    index: &Shared,
    head: &Head,
    counters: &Counters,
    told: &mut SeriesRecovery,
) -> Result<u64, OpenSeriesError> {
    let numbers = segments.list().map_err(failed("list", segments.folder()))?;
    for number in &numbers {
        let path = segments.path(*number);
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        segments.holds(*number, []);
        told.segments += 1;
        if frame::parse_header(&bytes) != Some(*number) && !bytes.is_empty() {
            counters.defect("damaged_segment_header", 1);
            told.damage
                .push(format!("log segment {number}: its header is damaged"));
        }
        let mut starts = BTreeSet::new();
        let mut kept = 0;
        for found in frame::frames(bytes.get(HEADER_LEN..).unwrap_or_default()) {
            match found {
                Found::Batch(mut batch) => {
                    let all = batch.values.len();
                    let unknown = with(index, |index| {
                        let is_known = |column| index.has(batch.device_id, column);
                        let mut last = batch.values.iter().rev().map(|(column, _)| *column);
                        let unknown = last.find(|column| !is_known(*column));
                        batch.values.retain(|(column, _)| is_known(*column));
                        unknown
                    });
                    if let Some(Column(column)) = unknown {
                        // Another series must not get it and, with it, what is in blocks.
                        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
                        index.reserve(batch.device_id, column.saturating_add(1));
                    }
                    told.frames += 1;
                    told.samples += batch.values.len() as u64;
                    told.orphaned += (all - batch.values.len()) as u64;
                    if !batch.values.is_empty() {
                        starts.insert(window(batch.at));
                        head.add(&batch);
                    }
                }
                Found::Damaged { offset, length } => {
                    let place = offset + HEADER_LEN;
                    counters.defect("damaged_frame", 1);
                    told.damage.push(format!(
                        "log segment {number}: {length} octets at {place} are damaged"
                    ));
                    kept += 1;
                    if let (true, Some(octets)) = (
                        kept <= KEPT_MAX,
                        bytes.get(place..place.saturating_add(length)),
                    ) {
                        let name = format!("log-{number:016x}-{place}.frame");
                        // For a person to look at; the start does not depend on it.
                        let _ = fs::write(damaged.join(name), octets);
                    }
                }
                Found::Torn { offset, length } => {
                    let place = offset + HEADER_LEN;
                    counters.defect("torn_bytes", length as u64);
                    told.damage.push(format!(
                        "log segment {number}: the last {length} octets, from {place}, were torn"
                    ));
                }
            }
        }
        segments.holds(*number, starts);
    }
    counters.defect("orphaned", told.orphaned);
    Ok(numbers.last().map_or(1, |last| last.saturating_add(1)))
}
