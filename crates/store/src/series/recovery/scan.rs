//! One walk over the log: every frame is proved, none is kept.
//!
//! A frame that is damaged is kept as a file under `damaged/`, named and counted; the rest is used.

use super::{Frames, Place, failed};
use crate::disk::read_around;
use crate::series::head::window;
use crate::series::log::frame::{self, HEADER_LEN, Seen};
use crate::series::log::segments::Segments;
use crate::series::registry::{Shared, with};
use crate::series::stats::Counters;
use crate::series::{Column, OpenSeriesError, SeriesRecovery};
use model::DeviceId;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::PoisonError;

/// Damaged frames of one segment that are kept as files; more are only counted.
const KEPT_MAX: usize = 100;

/// Goes over the log, one segment in memory at a time. Answers what is to be replayed, and the
/// number of the next segment.
pub(in crate::series) fn scan(
    segments: &Segments,
    damaged: &Path,
    index: &Shared,
    counters: &Counters,
    told: &mut SeriesRecovery,
) -> Result<(Frames, u64), OpenSeriesError> {
    let numbers = segments.list().map_err(failed("list", segments.folder()))?;
    let mut frames = Frames::new();
    let mut bytes = Vec::new();
    for number in &numbers {
        let path = segments.path(*number);
        bytes.clear();
        let file = File::open(&path).map_err(failed("read", &path))?;
        if let Err(error) = (&file).read_to_end(&mut bytes) {
            let lost = read_around(&file, &mut bytes).map_err(failed("read", &path))?;
            // It may have been read the second time.
            if lost > 0 {
                segments.keep(*number);
                counters.defect("damaged_frame", 1);
                told.damage.push(format!(
                    "log segment {number}: {lost} of its octets cannot be read ({error}); it is kept"
                ));
            }
        }
        told.segments += 1;
        if frame::parse_header(&bytes) != Some(*number) && !bytes.is_empty() {
            counters.defect("damaged_segment_header", 1);
            told.damage
                .push(format!("log segment {number}: its header is damaged"));
        }
        let mut segment = Segment {
            number: *number,
            bytes: &bytes,
            damaged,
            index,
            counters,
            starts: BTreeSet::new(),
            kept: 0,
        };
        let behind = bytes.get(HEADER_LEN..).unwrap_or_default();
        frame::scan(behind, |seen| segment.see(seen, &mut frames, told));
        segments.holds(*number, segment.starts);
    }
    counters.defect("orphaned", told.orphaned);
    let next = numbers.last().map_or(1, |last| last.saturating_add(1));
    Ok((frames, next))
}

/// The segment that is being gone over.
struct Segment<'a> {
    number: u64,
    bytes: &'a [u8],
    damaged: &'a Path,
    index: &'a Shared,
    counters: &'a Counters,
    /// The half-hours that it holds samples of.
    starts: BTreeSet<i64>,
    /// Damaged frames kept as files.
    kept: usize,
}

impl Segment<'_> {
    fn see(&mut self, seen: Seen<'_>, frames: &mut Frames, told: &mut SeriesRecovery) {
        let number = self.number;
        match seen {
            Seen::Frame {
                offset,
                length,
                device_id,
                at,
                columns,
            } => {
                let orphaned = orphaned(self.index, device_id, columns);
                told.frames += 1;
                told.samples += (columns.len() - orphaned) as u64;
                told.orphaned += orphaned as u64;
                // One that is longer than a frame may be does not prove itself.
                if let (true, Ok(length)) = (orphaned < columns.len(), u32::try_from(length)) {
                    self.starts.insert(window(at));
                    frames.entry(device_id).or_default().push(Place {
                        segment: number,
                        offset: (offset + HEADER_LEN) as u64,
                        length,
                    });
                }
            }
            Seen::Damaged { offset, length } => {
                let place = offset + HEADER_LEN;
                self.counters.defect("damaged_frame", 1);
                told.damage.push(format!(
                    "log segment {number}: {length} octets at {place} are damaged"
                ));
                self.kept += 1;
                if let (true, Some(octets)) = (
                    self.kept <= KEPT_MAX,
                    self.bytes.get(place..place.saturating_add(length)),
                ) {
                    let name = format!("log-{number:016x}-{place}.frame");
                    // For a person to look at; the start does not depend on it.
                    let _ = fs::write(self.damaged.join(name), octets);
                }
            }
            Seen::Torn { offset, length } => {
                let place = offset + HEADER_LEN;
                self.counters.defect("torn_bytes", length as u64);
                told.damage.push(format!(
                    "log segment {number}: the last {length} octets, from {place}, were torn"
                ));
            }
        }
    }
}

/// How many of the columns of a frame have no series any more. They are not given out again: another
/// series must not get these samples and, with them, what is in blocks.
fn orphaned(index: &Shared, device_id: DeviceId, columns: &[Column]) -> usize {
    let (count, last) = with(index, |index| {
        let all = columns.iter().copied();
        if index.first_unknown(device_id, all.clone()).is_none() {
            return (0, None);
        }
        let mut unknown = all.filter(|column| !index.has(device_id, *column));
        (unknown.clone().count(), unknown.next_back())
    });
    if let Some(Column(column)) = last {
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        index.reserve(device_id, column.saturating_add(1));
    }
    count
}
