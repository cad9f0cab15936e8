//! How many series there are, and of what: what an operator looks at where memory or time runs out.

use super::SERIES_PER_DEVICE_MAX;
use model::DeviceId;

/// From how many series on a device is told as near the bound: four fifths of it.
pub const NEAR_BOUND: usize = SERIES_PER_DEVICE_MAX / 5 * 4;

/// A device would have had more than [`SERIES_PER_DEVICE_MAX`] series; what was more is not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundHit {
    /// How many series it would have had, the last time.
    pub asked: usize,
    /// How often that was since the start. Pollers ask once and then leave it.
    pub times: u64,
}

/// How many series there are, and of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// Series.
    pub series: usize,
    /// Devices that have series; the network as a whole is one of them.
    pub devices: usize,
    /// Metrics that have series, the most first, then by name.
    pub by_metric: Vec<MetricCount>,
    /// Labels, the most values first, then by name.
    pub by_label: Vec<LabelCount>,
    /// The devices with the most series, the most first, then by id; as many as were asked for.
    pub largest_devices: Vec<DeviceCount>,
    /// Devices that have at least [`NEAR_BOUND`] series or would have had more than may be, the
    /// most first, then by id; as many as were asked for.
    pub near_bound: Vec<DeviceCount>,
    /// How many of those there are.
    pub near_bound_count: usize,
}

/// The series of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricCount {
    /// Its name.
    pub name: String,
    /// How many.
    pub series: usize,
    /// This version knows the metric. The series of others are kept, and not shown.
    pub known: bool,
}

/// The values of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelCount {
    /// Its name.
    pub name: String,
    /// How many different values it has.
    pub values: usize,
    /// How many series have it.
    pub series: usize,
}

/// The series of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCount {
    /// Which.
    pub device_id: DeviceId,
    /// How many.
    pub series: usize,
    /// It would have had more than may be.
    pub bound_hit: Option<BoundHit>,
}
