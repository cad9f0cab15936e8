//! Settings and bounds of the series store.

use std::time::Duration;

/// Series of one device. A chassis of 1,000 ports with ten counters each has 10,000; what asks for
/// more is mistaken or lying.
pub const SERIES_PER_DEVICE_MAX: usize = 16_384;

/// Polls of one device kept in one half-hour: one in two seconds, where the shortest interval that
/// may be set is five.
pub const ROWS_PER_SEAL_MAX: usize = 1_024;

/// Batches waiting for the log. At 10,000 devices a minute it is 24 s of work; a full queue makes
/// `append` wait.
pub const APPEND_QUEUE_MAX: usize = 4_096;

/// Requests waiting for the registry; a full queue makes `resolve` wait.
pub const REGISTRY_QUEUE_MAX: usize = 1_024;

/// How far ahead of the clock samples may be. More would keep the log from ever being cut.
pub const AHEAD_MAX: Duration = Duration::from_hours(1);

/// Default of [`SeriesOptions::late_max`]: as far back as [`latest`](super::SeriesStore::latest) looks, and
/// longer than a poller is cut off over a weekend.
pub const LATE_MAX_DEFAULT: Duration = Duration::from_hours(7 * 24);

/// Batches of one call that wait for their sync together: fewer than the log's queue holds, so that
/// live polls are never behind them all.
pub const APPENDS_IN_FLIGHT_MAX: usize = 1_024;

/// Default of [`SeriesOptions::scrub_bytes_per_sec_max`]: a terabyte in three days, by a thousandth of
/// a core and a fraction of what the slowest disk reads.
pub const SCRUB_BYTES_PER_SEC_DEFAULT: u64 = 4 << 20;

/// When the log is synced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// After each batch.
    EachBatch,
    /// At most this long after a batch arrives, for all that arrived meanwhile. Held to at most
    /// one second.
    Every(Duration),
}

impl SyncPolicy {
    /// The longest that a batch may wait.
    pub const WAIT_MAX: Duration = Duration::from_secs(1);

    /// How long a batch may wait for others, bounded.
    pub(crate) fn wait(self) -> Option<Duration> {
        match self {
            Self::EachBatch => None,
            Self::Every(wait) => Some(wait.min(Self::WAIT_MAX)),
        }
    }
}

/// Settings of the series store.
#[derive(Clone, Copy, Debug)]
pub struct SeriesOptions {
    /// When the log is synced. Default: every 100 ms.
    pub sync: SyncPolicy,
    /// How often sealing and merging are looked for, in real time. `None`: only when `maintain`
    /// is called, as tests do.
    pub maintain_every: Option<Duration>,
    /// Octets after which a new log segment is begun.
    pub segment_bytes_max: u64,
    /// How old samples may be that are [appended](super::SeriesStore::append): what is older was
    /// measured by a clock that is wrong. Corrections and imports have no such bound
    /// ([`append_at_any_age`](super::SeriesStore::append_at_any_age)).
    pub late_max: Duration,
    /// Octets a second of packs that are read again to see whether they are sound; zero: none are.
    pub scrub_bytes_per_sec_max: u64,
}

impl Default for SeriesOptions {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::Every(Duration::from_millis(100)),
            maintain_every: Some(Duration::from_secs(10)),
            segment_bytes_max: 64 << 20,
            late_max: LATE_MAX_DEFAULT,
            scrub_bytes_per_sec_max: SCRUB_BYTES_PER_SEC_DEFAULT,
        }
    }
}
