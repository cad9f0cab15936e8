//! Roll-ups: what the samples of a day add up to, by five minutes and by hours.
//!
//! A day is folded when it becomes one pack, of its own samples alone ([`fold`]): what a bucket holds
//! does not depend on what the days beside it have or will have. What of a counter does depend on it,
//! the pairs of samples near the ends of the day and across them, is left to the reader, who is given
//! the samples there (*edges*). So a sum of rolled days is what [`aggregate`](super::aggregate) says of
//! the samples. `write` puts them in packs, whose octets are in `docs/formats/rollups.md`, with what `keep`
//! takes over of those there are; `days` says which days may be read from them; `read` has them back; `sums` adds samples and roll-ups up as they
//! come; `steps` answers questions. Months are put together by `seal::months`.

mod ask;
mod cache;
pub(super) mod days;
mod fold;
pub(super) mod keep;
pub(super) mod read;
pub(super) mod steps;
pub(super) mod sums;
pub(super) mod write;

pub(in crate::series) use ask::Budget;
pub use ask::{Ask, Grain, Part, Stepped};
pub use fold::{Folded, fold};

use super::aggregate::SPACINGS;
use crate::blocks::Column;
use crate::pack;

/// Milliseconds of a bucket of five minutes.
const FIVE_MS: i64 = 5 * 60_000;
/// Milliseconds of a bucket of an hour.
const HOUR_MS: i64 = 60 * 60_000;
/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// Buckets of five minutes in a day.
const FIVES: usize = 288;
/// Buckets of five minutes in an hour.
const FIVES_AN_HOUR: usize = 12;
/// Buckets of an hour in a day: the fewest rows that a day has in a pack, and so the bound of what is
/// listed in them.
const HOURS: usize = 24;

/// Samples that are kept of each end of a day. Whether a pair of samples is an increase is told by
/// [`SPACINGS`] pairs on either side: so many pairs at each end are not told by the day alone, and the
/// last of these needs as many samples behind it again.
const EDGE: usize = 2 * SPACINGS + 1;
/// Samples that are kept of both.
pub(super) const EDGES: usize = 2 * EDGE;

/// What is kept of a series, each as a column of its own. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    /// How many samples.
    Count = 0,
    /// The latest of them, as it was.
    Last = 1,
    /// The least.
    Min = 2,
    /// The greatest.
    Max = 3,
    /// Their sum.
    Sum = 4,
    /// By how much a counter grew, in what is covered.
    Increase = 5,
    /// Milliseconds that are covered.
    Covered = 6,
    /// The greatest increase per second of a pair.
    Peak = 7,
    /// When each sample of the edges was, in milliseconds of the day: a list.
    EdgeAt = 8,
    /// The samples of the edges: a list.
    Edge = 9,
    /// When the device restarted, in milliseconds of the day: a list.
    Restart = 10,
    /// Of how many samples the edges were before some of these were deleted, in the first row. Those that
    /// are left stand in their rows.
    Cut = 11,
}

/// Kinds of fields.
const FIELDS: usize = 12;
/// Columns of a pack that are set apart for a series. A series has a column below 2^28, so: columns are
/// given out one after the other, and 2^28 of one device would be one a second for eight years.
const COLUMNS_A_SERIES: u32 = 16;

impl Field {
    /// Whether it is a list of the day, and has no number in each bucket.
    const fn is_list(self) -> bool {
        matches!(self, Self::EdgeAt | Self::Edge | Self::Restart | Self::Cut)
    }

    /// Where it stands in a pack; none where the series' own column is too large.
    fn column(self, of: Column) -> Option<Column> {
        let first = of.0.checked_mul(COLUMNS_A_SERIES)?;
        Some(Column(first.saturating_add(self as u32)))
    }
}

/// The column of the series that a column of a pack of roll-ups is of.
pub(crate) fn series_of(column: Column) -> Column {
    Column(column.0 / COLUMNS_A_SERIES)
}

/// Whether a column of a pack of roll-ups says how many samples there are.
pub(super) fn is_count(column: Column) -> bool {
    column.0 % COLUMNS_A_SERIES == Field::Count as u32
}

/// The kinds of packs that roll-ups are kept in.
pub(super) const KINDS: [pack::Kind; 2] = [pack::Kind::FiveMinutes, pack::Kind::Hours];
