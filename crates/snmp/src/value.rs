//! What an object holds.

use async_snmp::Oid;
use bytes::Bytes;
use std::net::Ipv4Addr;

/// The value of an object. Source: RFC 2578 section 7.1, RFC 3416 section 3.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// The name of its type, as in RFC 2578 and RFC 3416.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "INTEGER",
            Self::Octets(_) => "OCTET STRING",
            Self::Oid(_) => "OBJECT IDENTIFIER",
            Self::IpAddress(_) => "IpAddress",
            Self::Counter32(_) => "Counter32",
            Self::Gauge32(_) => "Gauge32",
            Self::TimeTicks(_) => "TimeTicks",
            Self::Counter64(_) => "Counter64",
            Self::Opaque(_) => "Opaque",
            Self::Null => "NULL",
            Self::NoSuchObject => "noSuchObject",
            Self::NoSuchInstance => "noSuchInstance",
            Self::EndOfMibView => "endOfMibView",
            Self::Other => "unknown",
        }
    }
    /// It in words: numbers in decimal, strings as text where they are text and else as `0x` and
    /// hexadecimal digits.
    pub fn text(&self) -> String {
        match self {
            Self::Integer(v) => v.to_string(),
            Self::Counter32(v) | Self::Gauge32(v) | Self::TimeTicks(v) => v.to_string(),
            Self::Counter64(v) => v.to_string(),
            Self::Octets(octets) => printable(octets).map_or_else(|| hex(octets), str::to_owned),
            Self::Opaque(octets) => {
                opaque_float(octets).map_or_else(|| hex(octets), |v| v.to_string())
            }
            Self::Oid(oid) => oid.to_string(),
            Self::IpAddress(address) => address.to_string(),
            Self::Null
            | Self::NoSuchObject
            | Self::NoSuchInstance
            | Self::EndOfMibView
            | Self::Other => String::new(),
        }
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

/// Octets that are text: UTF-8 without control characters but white space; a NUL at the end, as C
/// has it, is left away.
fn printable(octets: &[u8]) -> Option<&str> {
    let octets = octets.strip_suffix(&[0]).unwrap_or(octets);
    let text = std::str::from_utf8(octets).ok()?;
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    text.chars().all(is_text).then_some(text)
}

fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| {
        let digit = DIGITS.get(usize::from(nibble));
        digit.map_or('0', |&digit| char::from(digit))
    };
    let digits = octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(octet & 0xf)]);
    "0x".chars().chain(digits).collect()
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
    fn words_for_values() {
        let octets = |octets: &'static [u8]| Value::Octets(Bytes::from_static(octets)).text();
        assert_eq!(octets(b"Gi0/1"), "Gi0/1");
        assert_eq!(octets(b"Gi0/1\0"), "Gi0/1");
        assert_eq!(octets("Zürich\n".as_bytes()), "Zürich\n");
        assert_eq!(octets(&[0, 0x1b, 0xff]), "0x001bff");
        assert_eq!(octets(&[]), "");
        assert_eq!(Value::Integer(-2).text(), "-2");
        assert_eq!(Value::IpAddress([192, 0, 2, 1].into()).text(), "192.0.2.1");
        assert_eq!(Value::Null.text(), "");
    }

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
