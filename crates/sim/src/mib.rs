//! The seam between what is simulated and how it is asked for: an agent answers from a [`Mib`].

use std::borrow::Cow;
use std::ops::ControlFlow;

/// The value of one object instance, in the types of SMIv2. Source: RFC 2578, RFC 3416.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// INTEGER, Integer32 and enumerations.
    Integer(i32),
    /// OCTET STRING and what is made of it.
    OctetString(Cow<'a, [u8]>),
    /// OBJECT IDENTIFIER, its arcs.
    ObjectIdentifier(Cow<'a, [u32]>),
    /// IpAddress.
    IpAddress([u8; 4]),
    /// Counter32; wraps at 2^32.
    Counter32(u32),
    /// Gauge32 and Unsigned32.
    Gauge32(u32),
    /// TimeTicks: hundredths of a second, wraps at 2^32.
    TimeTicks(u32),
    /// Opaque, its octets.
    Opaque(Cow<'a, [u8]>),
    /// Counter64; wraps at 2^64. Not to be had over SNMPv1 (RFC 3584).
    Counter64(u64),
    /// NULL: some agents say it where they have nothing.
    Null,
}

impl Value<'_> {
    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Integer(value) => Value::Integer(value),
            Self::OctetString(octets) => Value::OctetString(Cow::Owned(octets.into_owned())),
            Self::ObjectIdentifier(arcs) => Value::ObjectIdentifier(Cow::Owned(arcs.into_owned())),
            Self::IpAddress(octets) => Value::IpAddress(octets),
            Self::Counter32(value) => Value::Counter32(value),
            Self::Gauge32(value) => Value::Gauge32(value),
            Self::TimeTicks(value) => Value::TimeTicks(value),
            Self::Opaque(octets) => Value::Opaque(Cow::Owned(octets.into_owned())),
            Self::Counter64(value) => Value::Counter64(value),
            Self::Null => Value::Null,
        }
    }
}

/// What one agent answers from: its object instances in lexicographic order. Asked from several
/// threads at once, and often: neither call should allocate for what is fixed.
pub trait Mib: Send + Sync {
    /// The instance at exactly `oid`; none where it is not there. Source: RFC 3416 (GetRequest).
    fn get(&self, oid: &[u32]) -> Option<Value<'_>>;

    /// Shows the instances after `oid`, in order, until `visit` breaks or there are no more.
    /// Source: RFC 3416 (GetNextRequest, GetBulkRequest).
    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>);
}
