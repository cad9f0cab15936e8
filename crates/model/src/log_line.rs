//! What a line of a log says beyond its text: the body of an event of that kind.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// A line of a log as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// How it was written.
    pub format: LogFormat,
    /// How it came.
    pub transport: LogTransport,
    /// Facility of RFC 5424, 0 to 23; none where the line had no PRI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<u8>,
    /// The sender's name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The program or part of the device: APP-NAME, or TAG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Its process: PROCID, or what TAG has in brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The kind of message: MSGID, or Cisco's `FACILITY-SEVERITY-MNEMONIC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Cisco's running number of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The sender's time as it was written. It is only told: lines are ordered by when they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_time: Option<String>,
    /// The instant of that, where the line says its time zone and does not say that the clock was
    /// never set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_at: Option<Timestamp>,
    /// The sender says that its clock is not to be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockDoubt>,
    /// STRUCTURED-DATA of RFC 5424.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub structured: Vec<StructuredElement>,
}

/// How a line was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LogFormat {
    /// RFC 5424.
    Rfc5424,
    /// As RFC 3164 describes what is usual.
    Rfc3164,
    /// As Cisco's devices do.
    Cisco,
    /// None of these: all of it is the text.
    #[default]
    Plain,
}

/// How a line came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LogTransport {
    /// RFC 5426.
    #[default]
    Udp,
    /// RFC 6587.
    Tcp,
    /// RFC 5425.
    Tls,
}

impl LogTransport {
    /// As it is told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// Why a sender's clock is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ClockDoubt {
    /// It was never set: Cisco's `*`.
    Unset,
    /// It was set, and has lost its server: Cisco's `.`.
    Unsynchronized,
}

/// An element of STRUCTURED-DATA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StructuredElement {
    /// SD-ID.
    pub id: String,
    /// Its parameters, in the order in which they were sent; a name may come several times.
    pub parameters: Vec<StructuredParameter>,
}

/// A parameter of an element.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StructuredParameter {
    /// PARAM-NAME.
    pub name: String,
    /// PARAM-VALUE.
    pub value: String,
}
