//! Packs: how much there is, what of them was deleted, and reading them again to see whether they are
//! sound.

use super::Encoder;
use std::fmt;
use store::series::SeriesStats;

/// Encodes it.
pub(super) fn encode(stats: &SeriesStats, out: &mut Encoder<'_, '_>) -> fmt::Result {
    out.gauge(
        "foretell_pack_bytes",
        "Octets of all packs, which hold sealed samples",
        stats.pack_bytes,
    )?;
    out.gauge(
        "foretell_tombstones",
        "Ranges of devices that were deleted and may still be in files",
        stats.tombstones,
    )?;
    out.gauge(
        "foretell_tombstone_oldest_seconds",
        "How long ago the oldest of them was written down of which something is left in files here",
        stats.tombstone_oldest_secs,
    )?;
    for (name, help, value) in [
        (
            "foretell_scrub_bytes",
            "Octets of packs read again to see whether they are sound",
            stats.scrub_bytes,
        ),
        (
            "foretell_scrub_passes",
            "How often all packs were read again",
            stats.scrub_passes,
        ),
        (
            "foretell_scrub_damage",
            "What of them was found damaged by that, each time that it was met",
            stats.scrub_damage,
        ),
    ] {
        out.counter(name, help, value)?;
    }
    Ok(())
}
