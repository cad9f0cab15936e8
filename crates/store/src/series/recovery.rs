//! The start: what the log holds is found, and brought back to the head while the store is in use.
//!
//! [`scan`] goes over the log once, before the store is open: it proves each frame, names what is
//! damaged, and remembers where the frames of each device are. [`lazy`] replays them, device by
//! device: on a thread of its own, and before that for whoever reads, appends or seals.
//!
//! Replaying is harmless however often it is done: the head and the blocks keep one value for each
//! series and time, and frames of a device are replayed in the order in which they were written,
//! before anything newer of it is added.

pub(crate) mod lazy;
mod scan;

pub(super) use scan::scan;

use crate::series::OpenSeriesError;
use model::DeviceId;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where the frame of a poll is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of the segment.
    segment: u64,
    /// From the begin of the file, in octets.
    offset: u64,
    /// In octets.
    length: u32,
}

/// The frames that are to be replayed, by device, as they were written.
pub(crate) type Frames = HashMap<DeviceId, Vec<Place>>;

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
