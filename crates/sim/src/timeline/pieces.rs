//! Pieces of functions of time: from a moment on, what had been counted until then, and how it goes
//! on.

use model::Timestamp;
use std::sync::Arc;

/// Parts of one in a factor.
pub(super) const ONE: u32 = 1 << 16;

/// From a moment on, a flow is multiplied.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlowPiece {
    pub(super) start: Timestamp,
    /// What the flow had carried.
    pub(super) offset: i64,
    /// What it would have carried without faults.
    pub(super) before: i64,
    /// In parts of [`ONE`].
    pub(super) factor: u32,
}

impl FlowPiece {
    /// What the flow has carried, where without faults it would have carried `raw`.
    pub(super) fn octets(&self, raw: i64) -> i64 {
        let since = i128::from(raw - self.before) * i128::from(self.factor) / i128::from(ONE);
        self.offset
            .saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

/// From a moment on, a channel carries other flows.
#[derive(Clone, Debug)]
pub(super) struct ChannelPiece {
    pub(super) start: Timestamp,
    /// What the channel had carried.
    pub(super) offset: i64,
    /// What these flows had carried, on whatever way.
    pub(super) before: i64,
    pub(super) flows: Arc<[u32]>,
}

/// From a moment on, this share of a channel's packets is damaged or dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharePiece {
    pub(super) start: Timestamp,
    /// What had been damaged.
    pub(super) offset: i64,
    /// The channel's packets until then.
    pub(super) packets: i64,
    pub(super) ratio: f64,
}

impl SharePiece {
    /// What has been damaged after so many packets.
    pub(super) fn count(&self, packets: i64) -> i64 {
        let since = (packets - self.packets) as f64 * self.ratio;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "far within i64: a share of a count of packets"
        )]
        let since = since.floor() as i64;
        self.offset + since
    }
}

/// The last of a list in order of time that began at `at` or before.
pub(super) fn last<T>(pieces: &[T], at: Timestamp, start: impl Fn(&T) -> Timestamp) -> Option<&T> {
    let begun = pieces.partition_point(|piece| start(piece) <= at);
    pieces.get(begun.checked_sub(1)?)
}

/// Forgets what begins at `at` or later.
pub(super) fn forget<T>(pieces: &mut Vec<T>, at: Timestamp, start: impl Fn(&T) -> Timestamp) {
    pieces.truncate(pieces.partition_point(|piece| start(piece) < at));
}
