//! How devices and interfaces were found to be over time: what is kept of it, and the sums that are
//! made of it. The arithmetic is `topology::availability`'s, the keeping `store`'s.

use crate::Timestamp;
use crate::interface::IfStatus;
use crate::status::{Evidence, Status};
use serde::{Deserialize, Serialize};

/// How a device was found to be: true from then on until it is found to be otherwise, or the
/// server stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFound {
    /// When the poll was answered, or given up.
    pub at: Timestamp,
    /// How it was.
    pub status: Status,
    /// Whether the states of its interfaces could be read.
    pub interfaces_read: bool,
    /// Why we say so.
    pub evidence: Vec<Evidence>,
}

/// The states of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IfStates {
    /// ifOperStatus; none where the agent does not list it.
    pub oper: Option<IfStatus>,
    /// ifAdminStatus.
    pub admin: Option<IfStatus>,
}

/// How an interface was found to be: true from then on while its device can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceFound {
    /// When its device answered.
    pub at: Timestamp,
    /// How it was until then; none where it was first seen.
    pub before: Option<IfStates>,
    /// How it was from then on.
    pub now: IfStates,
}

/// A time in which an operator worked on a device, and which is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// What for, in the operator's words.
    pub reason: Option<String>,
}

/// A time in which the server measured without a break. One that begins when another ends goes on
/// from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub from: Timestamp,
    /// The last sign of life.
    pub until: Timestamp,
}

/// How much of a range of time something was there. The formula is on
/// `topology::availability::sum_up`, and for users in `docs/guide/availability.md`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Availability {
    /// Where the range begins.
    pub from: Timestamp,
    /// Where it ends; now at the latest.
    pub to: Timestamp,
    /// `up_secs / measured_secs`, 0 to 1; null where nothing was measured.
    pub up_ratio: Option<f64>,
    /// `(up_secs + degraded_secs) / measured_secs`: the share in which it was not down.
    pub available_ratio: Option<f64>,
    /// `up_secs + degraded_secs + down_secs`.
    pub measured_secs: f64,
    /// Seconds in which it was up.
    pub up_secs: f64,
    /// Seconds in which it was degraded.
    pub degraded_secs: f64,
    /// Seconds in which it was down.
    pub down_secs: f64,
    /// Seconds that were not measured; left out of the ratios.
    pub unknown_secs: f64,
    /// Seconds in which an operator worked on it, whatever it was then; left out of the ratios.
    pub maintenance_secs: f64,
    /// Seconds in which the interface was shut on purpose (ifAdminStatus is not up); left out of
    /// the ratios. Null for a device.
    pub shut_secs: Option<f64>,
    /// Outages: times down with nothing better seen between.
    pub outages: u64,
    /// The longest of them, in seconds; null where there was none.
    pub longest_outage_secs: Option<f64>,
    /// `down_secs / outages`; null where there was none.
    pub mean_time_to_repair_secs: Option<f64>,
    /// `(up_secs + degraded_secs) / outages`; null where there was none.
    pub mean_time_between_failures_secs: Option<f64>,
}
