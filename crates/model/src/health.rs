//! The health of the whole network in one formula.

use serde::{Deserialize, Serialize};

/// How many of a kind are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateCounts {
    /// Well.
    pub up: u64,
    /// In part.
    pub degraded: u64,
    /// Not at all.
    pub down: u64,
    /// Not known; takes no part in the share.
    pub unknown: u64,
    /// An operator works on it, or it is shut on purpose; takes no part in the share.
    pub maintenance: u64,
}

impl StateCounts {
    /// Each state by its name, and how many are in it.
    pub fn each(self) -> [(&'static str, u64); 5] {
        [
            ("up", self.up),
            ("degraded", self.degraded),
            ("down", self.down),
            ("unknown", self.unknown),
            ("maintenance", self.maintenance),
        ]
    }
}

/// The health of the network: see `topology::health` for the formula.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// 0 to 1; none where nothing is known yet.
    pub score: Option<f64>,
    /// Devices by state.
    pub devices: StateCounts,
    /// Interfaces by state.
    pub interfaces: StateCounts,
    /// Links by state.
    pub links: StateCounts,
    /// Checks of services by state.
    #[serde(default)]
    pub checks: StateCounts,
}
