//! Series and their samples.

use crate::{DeviceId, InterfaceId, Metric, SeriesId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whose series those of no one device are, as the health of the whole network. No device has this
/// id, for theirs are UUIDv7.
pub const NETWORK: DeviceId = DeviceId::from_bytes([0; 16]);

/// What tells the series of one device and metric apart, as `interface="eth0"` or
/// `sensor="PSU 1 inlet"`. Names are snake_case; sorted by name.
///
/// Every series of a device carries `vantage` (which poller saw it). A series of an interface
/// carries `interface_id` and, for people, `interface` (ifName).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Labels(pub BTreeMap<String, String>);

impl Labels {
    /// The label of an application by its key, as `tcp/443`.
    pub const APPLICATION: &'static str = "application";
    /// The label of a check's id.
    pub const CHECK: &'static str = "check";
    /// The label of the way that traffic goes.
    pub const DIRECTION: &'static str = "direction";
    /// The label of an interface's ifIndex, where the interface is not known.
    pub const IF_INDEX: &'static str = "if_index";
    /// The label of an interface's id.
    pub const INTERFACE_ID: &'static str = "interface_id";
    /// The label of an interface's name, for people.
    pub const INTERFACE: &'static str = "interface";
    /// The label of the state that something is counted in.
    pub const STATE: &'static str = "state";
    /// The label of the poller that saw it.
    pub const VANTAGE: &'static str = "vantage";

    /// These labels and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
    /// The interface a series belongs to, where it belongs to one.
    pub fn interface_id(&self) -> Option<InterfaceId> {
        self.get(Self::INTERFACE_ID)?.parse().ok()
    }
}

/// What makes a series the one it is.
///
/// The label `interface` is for people and takes no part: an interface that is renamed keeps its
/// series. `store` matches keys by device, metric and the labels other than `interface` wherever
/// there is an `interface_id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Whose series.
    pub device_id: DeviceId,
    /// What is measured.
    pub metric: Metric,
    /// Which of the device's series of that metric.
    pub labels: Labels,
}

/// A series as it is kept: its key, and the id it is asked for under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The id.
    pub id: SeriesId,
    /// What it is.
    #[serde(flatten)]
    pub key: SeriesKey,
}

/// One measured value, as read. Counters stay whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Value {
    /// A counter or a state.
    U64(u64),
    /// A gauge. Never NaN or infinite: such a reading is a defect of the device.
    F64(f64),
}

impl Value {
    /// As a floating-point number; exact up to 2^53.
    pub fn as_f64(self) -> f64 {
        match self {
            Value::U64(v) => v as f64,
            Value::F64(v) => v,
        }
    }
}
