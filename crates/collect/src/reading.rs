//! One measured value and what of the device it was measured on.

use model::{Metric, Value};
use std::sync::Arc;

/// A value as it was read in one look, in the metric's base unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What was measured.
    pub metric: Metric,
    /// On which part.
    pub instance: Instance,
    /// The value; never NaN or infinite.
    pub value: Value,
}

/// The part of a device that a reading is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instance {
    /// The device as a whole.
    Device,
    /// An interface, by its ifIndex in this look.
    Interface {
        /// ifIndex
        index: u32,
    },
    /// Another part, told apart by name.
    Part {
        /// The label that its series carry: `processor`, `memory`, `storage`, `sensor`,
        /// `access_point`, `radio` or `ssid`.
        label: &'static str,
        /// The part's name, unique among those of its label in one look.
        name: Arc<str>,
    },
}
