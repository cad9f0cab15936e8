//! Reading packs again to see whether they are sound: how far it is.

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
