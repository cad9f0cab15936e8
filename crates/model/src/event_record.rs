//! What is kept of a line of a log, a trap or a row of flows: the record of an event, whatever its
//! kind. What each kind says beyond this is its body; the stream of changes is in `event`.

use crate::ids::EventId;
use crate::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventKind {
    /// A line of a log, as syslog brings it.
    Log,
    /// An SNMP trap or inform.
    Trap,
    /// The most of some traffic over a span of time.
    FlowTop,
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// Unique, and in order of time: [`EventId::received`].
    pub id: EventId,
    /// When the server received or found it, by the server's clock; never the sender's time.
    pub at: Timestamp,
    /// Which poller received it; [`crate::device::LOCAL_VANTAGE`] for the server itself.
    pub vantage: String,
    /// What it is.
    pub kind: EventKind,
    /// The device it is of, where that is known.
    pub device_id: Option<DeviceId>,
    /// The interface it is of, where that is known.
    pub interface_id: Option<InterfaceId>,
    /// Who sent it.
    pub source: IpAddr,
    /// Severity of RFC 5424, 0 (emergency) to 7 (debug); none where the sender gave none.
    pub severity: Option<u8>,
    /// What is searched: words of a person or a device, in one line or several.
    pub text: String,
    /// What the kind says beyond this; null where nothing.
    pub body: serde_json::Value,
}

/// Bits of the counter that are in an id: 12 in `rand_a`, 30 in `rand_b` (RFC 9562, section 5.7).
const COUNTER_BITS: u32 = 42;

impl EventId {
    /// The id of what is received at a time: a UUIDv7 of that time whose random part begins with a
    /// counter of this process, so that ids are unique and in the order in which they were made.
    pub fn received(at: Timestamp) -> Self {
        static COUNTER: OnceLock<(AtomicU64, u64)> = OnceLock::new();
        let (counter, random) = COUNTER.get_or_init(|| {
            let (a, b) = uuid::Uuid::now_v7().as_u64_pair();
            let seed = b.rotate_left(24) ^ a;
            (AtomicU64::new(seed & ((1 << 20) - 1)), b & 0xffff_ffff)
        });
        let count = counter.fetch_add(1, Ordering::Relaxed) & ((1 << COUNTER_BITS) - 1);
        let ms = u64::try_from(at.unix_ms()).unwrap_or(0) & ((1 << 48) - 1);
        let high = (ms << 16) | (7 << 12) | (count >> 30);
        let low = (0b10 << 62) | ((count & ((1 << 30) - 1)) << 32) | random;
        Self::from_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
    }

    /// The lower 20 bits of the counter, by which events of one millisecond are told apart.
    pub fn sequence(&self) -> u32 {
        let low = u128::from_be_bytes(*self.as_bytes()) >> 32;
        u32::try_from(low & ((1 << 20) - 1)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_of_their_time_and_in_order() {
        let at = Timestamp::from_unix_ms(1_772_366_400_250);
        let ids: Vec<EventId> = (0..5_000).map(|_| EventId::received(at)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        let first = ids[0].to_string();
        let second: uuid::Uuid = first.parse().unwrap();
        assert_eq!(second.get_version_num(), 7);
        assert_eq!(second.get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanos) = second.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_772_366_400, 250_000_000));
        let step = ids[1].sequence().wrapping_sub(ids[0].sequence()) & 0xf_ffff;
        assert!(step >= 1);
        assert!(EventId::received(at.plus(std::time::Duration::from_millis(1))) > ids[4_999]);
    }
}
