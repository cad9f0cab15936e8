//! What happens in the server and is told to whoever listens: the source of the WebSocket stream.

use crate::device::Maintenance;
use crate::discovery::{Discovery, DiscoveryResult};
use crate::forecast::{ForecastState, Outlook};
use crate::foresight::Anomaly;
use crate::interface::IfStatus;
use crate::pattern::{PatternKind, TrafficPattern};
use crate::scaling::ScalingTold;
use crate::status::Evidence;
use crate::{DeviceId, DiscoveryId, InterfaceId, ScheduleId, SeriesId, Status, Timestamp, Value};

/// One thing that happened. Sent after what it tells is durable.
#[derive(Clone, Debug)]
pub enum Event {
    /// A device was made or changed.
    DeviceChanged {
        /// Which.
        device_id: DeviceId,
    },
    /// A device was deleted.
    DeviceDeleted {
        /// Which.
        device_id: DeviceId,
    },
    /// A device's status changed.
    DeviceStatus {
        /// Which.
        device_id: DeviceId,
        /// How it was.
        from: Status,
        /// How it is.
        to: Status,
        /// Since when.
        since: Timestamp,
        /// Why.
        evidence: Vec<Evidence>,
    },
    /// An operator began, changed or ended work on a device, or it ended by itself.
    DeviceMaintenance {
        /// Which.
        device_id: DeviceId,
        /// The work as it is; none where it ended.
        maintenance: Option<Maintenance>,
        /// When.
        at: Timestamp,
    },
    /// An interface's operational status changed.
    InterfaceStatus {
        /// Whose.
        device_id: DeviceId,
        /// Which.
        interface_id: InterfaceId,
        /// How it was.
        from: Option<IfStatus>,
        /// How it is.
        to: Option<IfStatus>,
        /// When it was seen.
        at: Timestamp,
    },
    /// A poll's samples are synced.
    Samples {
        /// Whose.
        device_id: DeviceId,
        /// When the device answered.
        at: Timestamp,
        /// The values as read.
        samples: Vec<(SeriesId, Value)>,
    },
    /// A series was forecast anew.
    ForecastMade {
        /// Whose.
        device_id: DeviceId,
        /// Which series.
        series_id: SeriesId,
        /// How far it can be forecast.
        state: ForecastState,
        /// When.
        made_at: Timestamp,
    },
    /// A series is expected to reach a threshold of its limit soon, which it was not before.
    CapacityWarning {
        /// Whose.
        device_id: DeviceId,
        /// Of which interface; none where it is of no interface.
        interface_id: Option<InterfaceId>,
        /// Which series.
        series_id: SeriesId,
        /// When which of its numbers reaches which threshold.
        outlook: Outlook,
        /// When that was computed.
        at: Timestamp,
    },
    /// A series is traffic of another kind than before.
    PatternChanged {
        /// Whose.
        device_id: DeviceId,
        /// Of which interface; none where it is of no interface.
        interface_id: Option<InterfaceId>,
        /// Which series.
        series_id: SeriesId,
        /// What it was.
        before: PatternKind,
        /// What it is, and why; none where no kind fits any more.
        pattern: Option<TrafficPattern>,
        /// When that was found.
        at: Timestamp,
    },
    /// A scaling trigger was raised or cleared.
    Scaling {
        /// Whose series it watches.
        device_id: DeviceId,
        /// What is told.
        told: std::sync::Arc<ScalingTold>,
    },
    /// A series is out of the ordinary.
    AnomalyStarted(std::sync::Arc<Anomaly>),
    /// An anomaly is over.
    AnomalyEnded(std::sync::Arc<Anomaly>),
    /// A run of discovery moved on.
    DiscoveryProgress(Discovery),
    /// A run of discovery met a device that was not known, neither registered nor found by the run
    /// of the same schedule before.
    DeviceDiscovered {
        /// Which run.
        discovery_id: DiscoveryId,
        /// The schedule that began it; none where somebody did.
        schedule_id: Option<ScheduleId>,
        /// Where it answered, and who it is.
        result: DiscoveryResult,
    },
    /// A run of discovery found something.
    DiscoveryFound {
        /// Which run.
        discovery_id: DiscoveryId,
        /// What.
        result: DiscoveryResult,
    },
}
