//! Samples that were deleted and are still in files.

use crate::blocks::Column;
use model::DeviceId;

/// Ranges of series that were deleted.
#[derive(Debug, Default)]
pub(crate) struct Tombstones {}

impl Tombstones {
    /// Whether a sample of a generation was deleted after it was written.
    #[expect(clippy::unused_self, reason = "nothing can be deleted by range as yet")]
    pub(crate) fn hides(
        &self,
        _device_id: DeviceId,
        _column: Column,
        _at_ms: i64,
        _generation: u64,
    ) -> bool {
        false
    }
}
