//! What an object holds.

use async_snmp::Oid;
use bytes::Bytes;
use std::net::Ipv4Addr;

/// The value of an object. Source: RFC 2578 section 7.1, RFC 3416 section 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// INTEGER
    Integer(i64),
    /// OCTET STRING
    Octets(Bytes),
    /// OBJECT IDENTIFIER
    Oid(Oid),
    /// IpAddress
    IpAddress(Ipv4Addr),
    /// Counter32
    Counter32(u32),
    /// Gauge32, Unsigned32
    Gauge32(u32),
    /// TimeTicks, hundredths of a second
    TimeTicks(u32),
    /// Counter64
    Counter64(u64),
    /// Opaque
    Opaque(Bytes),
    /// NULL
    Null,
    /// The agent has no such object.
    NoSuchObject,
    /// The agent has the object, not this instance.
    NoSuchInstance,
    /// Nothing comes after what was asked.
    EndOfMibView,
    /// A type that no RFC names.
    Other,
}

impl Value {
    /// A whole number that is not negative, of any numeric type.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::Integer(v) => u64::try_from(v).ok(),
            Self::Counter32(v) | Self::Gauge32(v) | Self::TimeTicks(v) => Some(u64::from(v)),
            Self::Counter64(v) => Some(v),
            _ => None,
        }
    }
    /// A whole number of any numeric type.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Integer(v) => Some(v),
            _ => self.as_u64().and_then(|v| i64::try_from(v).ok()),
        }
    }
    /// A number of any type, an Opaque float (net-snmp) among them. Never NaN or infinite.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(v) => Some(*v as f64),
            Self::Opaque(bytes) => opaque_float(bytes).filter(|v| v.is_finite()),
            _ => self.as_u64().map(|v| v as f64),
        }
    }
    /// The octets of a string.
    pub fn as_octets(&self) -> Option<&[u8]> {
        match self {
            Self::Octets(bytes) => Some(bytes),
            _ => None,
        }
    }
    /// An object identifier.
    pub fn as_oid(&self) -> Option<&Oid> {
        match self {
            Self::Oid(oid) => Some(oid),
            _ => None,
        }
    }
    /// Whether there is nothing there.
    pub fn is_absent(&self) -> bool {
        matches!(
            self,
            Self::NoSuchObject | Self::NoSuchInstance | Self::EndOfMibView | Self::Null
        )
    }
    /// Octets it takes in memory beyond itself.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Octets(bytes) | Self::Opaque(bytes) => bytes.len(),
            Self::Oid(oid) => oid.len().saturating_mul(4),
            _ => 0,
        }
    }
}

/// An Opaque that wraps a BER float or double, as net-snmp sends them (context tags 0x9f78, 0x9f79).
fn opaque_float(bytes: &[u8]) -> Option<f64> {
    match bytes {
        [0x9f, 0x78, 4, rest @ ..] => Some(f64::from(f32::from_be_bytes(rest.try_into().ok()?))),
        [0x9f, 0x79, 8, rest @ ..] => Some(f64::from_be_bytes(rest.try_into().ok()?)),
        _ => None,
    }
}

impl From<async_snmp::Value> for Value {
    fn from(value: async_snmp::Value) -> Self {
        use async_snmp::Value as V;
        match value {
            V::Integer(v) => Self::Integer(i64::from(v)),
            V::OctetString(bytes) | V::Nsap(bytes) => Self::Octets(bytes),
            V::Null => Self::Null,
            V::ObjectIdentifier(oid) => Self::Oid(oid),
            V::IpAddress(octets) => Self::IpAddress(Ipv4Addr::from(octets)),
            V::Counter32(v) => Self::Counter32(v),
            V::Gauge32(v) | V::UInteger32(v) => Self::Gauge32(v),
            V::TimeTicks(v) => Self::TimeTicks(v),
            V::Opaque(bytes) => Self::Opaque(bytes),
            V::Counter64(v) => Self::Counter64(v),
            V::NoSuchObject => Self::NoSuchObject,
            V::NoSuchInstance => Self::NoSuchInstance,
            V::EndOfMibView => Self::EndOfMibView,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type() {
        assert_eq!(Value::Integer(-1).as_u64(), None);
        assert_eq!(Value::Integer(-1).as_f64(), Some(-1.0));
        assert_eq!(Value::Counter64(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Value::Counter64(u64::MAX).as_i64(), None);
        let float = Bytes::from_static(&[0x9f, 0x78, 4, 0x42, 0x28, 0, 0]);
        assert_eq!(Value::Opaque(float).as_f64(), Some(42.0));
        let nan = Bytes::from_static(&[0x9f, 0x78, 4, 0x7f, 0xc0, 0, 0]);
        assert_eq!(Value::Opaque(nan).as_f64(), None);
        let lying = Bytes::from_static(&[0x9f, 0x78, 4, 0x42]);
        assert_eq!(Value::Opaque(lying).as_f64(), None);
    }
}
