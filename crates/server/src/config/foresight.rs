//! Settings of what is expected of series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is expected of series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ForesightSettings {
    /// Most series that are watched for anomalies as their samples come, at about a KiB of memory each.
    /// Beyond it new ones are not watched and are counted. 0: none are.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub series_max: u32,
}

impl Default for ForesightSettings {
    fn default() -> Self {
        Self {
            series_max: 1_000_000,
        }
    }
}
