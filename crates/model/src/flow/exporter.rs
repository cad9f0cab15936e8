//! Who sends flows, and where they are listened for, as it is shown.

use crate::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// An exporter of flows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowExporter {
    /// Where it sends from.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: IpAddr,
    /// The device of that address; null where there is none, or more than one: then its flows are
    /// counted but not kept.
    pub device_id: Option<DeviceId>,
    /// What it spoke last: `netflow_v5`, `netflow_v9`, `ipfix` or `sflow_v5`; null where nothing
    /// could be read yet.
    pub format: Option<String>,
    /// When it was heard first since the server started.
    pub first_heard_at: Timestamp,
    /// When it was heard last.
    pub last_heard_at: Timestamp,
    /// Datagrams received.
    pub datagrams: u64,
    /// Flow records, or sampled packets of sFlow, that were read.
    pub flows: u64,
    /// Of these, those whose sampling rate is not stated: they count as they were sent.
    pub unstated_flows: u64,
    /// The sampling rate stated last, one packet in so many; null where none was.
    pub sampling_rate: Option<u32>,
    /// Templates that are known.
    pub templates: u64,
    /// Templates that data came for and that did not come yet, at most 64 of them.
    pub templates_waited_for: Vec<WaitedTemplate>,
    /// What was wrong with what it sent, and how often; what never was is left out.
    pub defects: Vec<FlowDefect>,
}

/// A template that did not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WaitedTemplate {
    /// Observation domain id, or source id.
    pub domain: u32,
    /// Template id.
    pub template: u16,
    /// Sets of data that could not be read for want of it.
    pub sets: u64,
}

/// Something wrong with what an exporter sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowDefect {
    /// What: `sets_without_template`, `flows_lost`, `lengths`, ...
    pub kind: String,
    /// How often, or how many.
    pub count: u64,
}

/// Where flows are listened for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowListener {
    /// `netflow` (v5, v9 and IPFIX) or `sflow`.
    pub protocol: String,
    /// Address and port.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: SocketAddr,
    /// Why it is not listened on; null where it is.
    pub error: Option<String>,
}

/// All of it at one moment.
#[derive(Clone, Debug, Default)]
pub struct FlowStanding {
    /// Where flows are listened for.
    pub listeners: Vec<FlowListener>,
    /// Every exporter that was heard, by address.
    pub exporters: Vec<FlowExporter>,
}
