//! What the server says itself in a sender's log, where a reader looks: that something of it is
//! missing there.

use model::device::LOCAL_VANTAGE;
use model::{DeviceId, EventId, EventKind, EventRecord, Timestamp};
use std::net::{IpAddr, Ipv6Addr};

/// The severity of what is said: warning.
const WARNING: u8 = 4;
/// Where it is said of senders that are not told apart.
pub const OTHERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// A line in a sender's log.
pub fn own_line(
    at: Timestamp,
    source: IpAddr,
    device_id: Option<DeviceId>,
    text: String,
) -> EventRecord {
    EventRecord {
        id: EventId::received(at),
        at,
        vantage: LOCAL_VANTAGE.to_owned(),
        kind: EventKind::Log,
        device_id,
        interface_id: None,
        source,
        severity: Some(WARNING),
        text,
        body: serde_json::Value::Null,
    }
}
