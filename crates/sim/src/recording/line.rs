//! One line of a recording: `OID|TAG|VALUE`, as snmpsim reads it.

use crate::agent::MESSAGE_LEN_MAX;
use crate::mib::Value;
use std::borrow::Cow;
use std::net::Ipv4Addr;

/// Most arcs of an OBJECT IDENTIFIER. Source: RFC 2578 section 3.5.
const ARCS_MAX: usize = 128;
/// Octets of a value: no datagram carries more.
const VALUE_LEN_MAX: usize = MESSAGE_LEN_MAX;

/// Why a line is not an object instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not three parts.
    #[error("not of the form OID|TAG|VALUE")]
    Form,
    /// The first part.
    #[error("the name is not an object identifier")]
    Name,
    /// A number of no type, or a suffix of no meaning.
    #[error("there is no tag `{tag}`")]
    Tag {
        /// As it was.
        tag: String,
    },
    /// A module of snmpsim would make the value up.
    #[error("variation modules are not played: `{tag}`")]
    Variation {
        /// As it was.
        tag: String,
    },
    /// A value that no agent could have answered.
    #[error("the value has over {VALUE_LEN_MAX} octets")]
    TooLong,
    /// The third part does not fit the second.
    #[error("the value is not one of tag {tag}")]
    Value {
        /// As it was.
        tag: String,
    },
}

/// Reads a line into `name` and a value; none where there is nothing on it, or a comment.
pub(super) fn read<'a>(
    line: &'a [u8],
    name: &mut Vec<u32>,
) -> Result<Option<Value<'a>>, LineError> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let mut parts = line.splitn(3, |&octet| octet == b'|');
    let (Some(oid), Some(tag), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(LineError::Form);
    };
    name.clear();
    arcs(oid, name).ok_or(LineError::Name)?;
    let as_it_was = || String::from_utf8_lossy(tag).into_owned();
    if tag.contains(&b':') {
        return Err(LineError::Variation { tag: as_it_was() });
    }
    let (number, octets) = match tag.split_last() {
        Some((b'x', number)) => (number, hexadecimal(value).map(Cow::Owned)),
        Some((b'e', number)) => (number, escaped(value).map(Cow::Owned)),
        _ => (tag, Some(Cow::Borrowed(value))),
    };
    let kind: u8 = text(number)
        .and_then(|number| number.parse().ok())
        .filter(|kind| matches!(kind, 2 | 4 | 5 | 6 | 64..=68 | 70))
        .ok_or_else(|| LineError::Tag { tag: as_it_was() })?;
    if octets
        .as_ref()
        .is_some_and(|octets| octets.len() > VALUE_LEN_MAX)
    {
        return Err(LineError::TooLong);
    }
    let value = octets.and_then(|octets| typed(kind, octets));
    match value {
        Some(value) => Ok(Some(value)),
        None => Err(LineError::Value { tag: as_it_was() }),
    }
}

/// Writes an object instance as a line, without its end, that [`read`] reads as the same. Octets that
/// are not printable ASCII are written in hexadecimal.
pub fn write(name: &[u32], value: &Value<'_>) -> String {
    let dotted = |arcs: &[u32]| {
        let arcs: Vec<String> = arcs.iter().map(u32::to_string).collect();
        arcs.join(".")
    };
    let hex = |octets: &[u8]| {
        let digits = octets.iter().map(|octet| format!("{octet:02x}"));
        digits.collect::<String>()
    };
    let (tag, text) = match value {
        Value::Integer(number) => ("2", number.to_string()),
        Value::OctetString(octets) => match plain(octets) {
            Some(text) => ("4", text.to_owned()),
            None => ("4x", hex(octets)),
        },
        Value::Null => ("5", String::new()),
        Value::ObjectIdentifier(arcs) => ("6", dotted(arcs)),
        Value::IpAddress(octets) => ("64", Ipv4Addr::from(*octets).to_string()),
        Value::Counter32(number) => ("65", number.to_string()),
        Value::Gauge32(number) => ("66", number.to_string()),
        Value::TimeTicks(number) => ("67", number.to_string()),
        Value::Opaque(octets) => ("68x", hex(octets)),
        Value::Counter64(number) => ("70", number.to_string()),
    };
    format!("{}|{tag}|{text}", dotted(name))
}

/// Octets that a line carries as they are: its ends are trimmed when it is read.
fn plain(octets: &[u8]) -> Option<&str> {
    let is_plain = octets
        .iter()
        .all(|&octet| octet == b' ' || octet.is_ascii_graphic());
    let ends = [octets.first(), octets.last()];
    let trimmed = ends.contains(&Some(&b' '));
    (is_plain && !trimmed).then(|| text(octets))?
}

/// A value by the number of its BER tag.
fn typed(kind: u8, octets: Cow<'_, [u8]>) -> Option<Value<'_>> {
    Some(match kind {
        2 => Value::Integer(number(&octets)?),
        4 => Value::OctetString(octets),
        5 => Value::Null,
        6 => {
            let mut oid = Vec::new();
            arcs(&octets, &mut oid)?;
            Value::ObjectIdentifier(oid.into())
        }
        64 => Value::IpAddress(ip_address(&octets)?),
        65 => Value::Counter32(number(&octets)?),
        66 => Value::Gauge32(number(&octets)?),
        67 => Value::TimeTicks(number(&octets)?),
        68 => Value::Opaque(octets),
        70 => Value::Counter64(number(&octets)?),
        _ => return None,
    })
}

fn text(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok()
}

fn number<T: std::str::FromStr>(octets: &[u8]) -> Option<T> {
    text(octets)?.trim().parse().ok()
}

/// Four octets, or what is written with dots.
fn ip_address(octets: &[u8]) -> Option<[u8; 4]> {
    if let Ok(address) = octets.try_into() {
        return Some(address);
    }
    let address: Ipv4Addr = text(octets)?.trim().parse().ok()?;
    Some(address.octets())
}

/// Numbers between dots; a dot may stand in front. None where BER could not encode them: there are
/// two at least, and the first two are bounded (X.690 section 8.19). None where there are too many.
fn arcs(dotted: &[u8], arcs: &mut Vec<u32>) -> Option<()> {
    let dotted = text(dotted)?.trim();
    let dotted = dotted.strip_prefix('.').unwrap_or(dotted);
    for arc in dotted.split('.') {
        if arcs.len() == ARCS_MAX {
            return None;
        }
        arcs.push(arc.parse().ok()?);
    }
    matches!(arcs.as_slice(), [0..=1, 0..40, ..] | [2, _, ..]).then_some(())
}

/// Pairs of digits; the last may lack its second, which is then 0, as pyasn1 has it.
fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    digits
        .chunks(2)
        .map(|pair| {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            let high = digit(pair.first()?)?;
            let low = pair.get(1).map_or(Some(0), digit)?;
            u8::try_from(high * 16 + low).ok()
        })
        .collect()
}

/// What stands in a string of Python, with its backslashes.
fn escaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next()? {
            b'a' => 0x07,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => b'\r',
            &quoted @ (b'\\' | b'\'' | b'"') => quoted,
            b'x' => {
                let pair = [*rest.next()?, *rest.next()?];
                *hexadecimal(&pair)?.first()?
            }
            _ => return None,
        });
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read<'a> = Result<Option<(&'a [u32], Value<'a>)>, LineError>;

    fn check(line: &str, expected: &Read<'_>) {
        let mut name = Vec::new();
        let read = read(line.as_bytes(), &mut name);
        let read = read.map(|value| value.map(|value| (name.as_slice(), value)));
        assert_eq!(&read, expected, "{line}");
    }

    fn check_value(tag_and_value: &str, expected: Value<'_>) {
        let line = format!("1.3|{tag_and_value}");
        check(&line, &Ok(Some((&[1, 3], expected))));
    }

    #[test]
    fn values_of_every_type() {
        check_value("2|-5", Value::Integer(-5));
        check_value("4|a|b # c", Value::OctetString(b"a|b # c"[..].into()));
        check_value("4|", Value::OctetString(b""[..].into()));
        check_value("4x|00Ff7", Value::OctetString([0, 0xff, 0x70][..].into()));
        check_value(
            r"4e|\x00\n\\\'9",
            Value::OctetString(b"\x00\n\\'9"[..].into()),
        );
        let longest = "a".repeat(65_507);
        check_value(
            &format!("4|{longest}"),
            Value::OctetString(longest.as_bytes().into()),
        );
        check_value("5|", Value::Null);
        check_value("6|.1.3.6", Value::ObjectIdentifier([1, 3, 6][..].into()));
        check_value("64|192.0.2.1", Value::IpAddress([192, 0, 2, 1]));
        check_value("64x|c0000201", Value::IpAddress([192, 0, 2, 1]));
        check_value("65|4294967295", Value::Counter32(u32::MAX));
        check_value("66|7", Value::Gauge32(7));
        check_value("67|100", Value::TimeTicks(100));
        check_value("68x|9f78", Value::Opaque([0x9f, 0x78][..].into()));
        check_value("70|18446744073709551615", Value::Counter64(u64::MAX));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let long: Vec<u8> = (0..=255).collect();
        for value in [
            Value::Integer(-5),
            Value::OctetString(b"a|b # c"[..].into()),
            Value::OctetString(b""[..].into()),
            Value::OctetString(b" a "[..].into()),
            Value::OctetString(b"two\nlines"[..].into()),
            Value::OctetString(long.as_slice().into()),
            Value::Null,
            Value::ObjectIdentifier([1, 3, 6, 1][..].into()),
            Value::IpAddress([192, 0, 2, 1]),
            Value::Counter32(7),
            Value::Gauge32(u32::MAX),
            Value::TimeTicks(1),
            Value::Opaque([0x9f, 0x78, 4, 0, 0, 0, 0][..].into()),
            Value::Counter64(u64::MAX),
        ] {
            let line = write(&[1, 3, 6, 1, 2, 1], &value);
            check(&line, &Ok(Some((&[1, 3, 6, 1, 2, 1], value))));
        }
    }

    #[test]
    fn lines_without_an_instance() {
        check("", &Ok(None));
        check("  # a comment", &Ok(None));
        check("1.3|4", &Err(LineError::Form));
        check("1.x|4|", &Err(LineError::Name));
        check("1.4294967296|4|", &Err(LineError::Name));
        check("1.40|4|", &Err(LineError::Name));
        check("1|4|", &Err(LineError::Name));
        check("|4|", &Err(LineError::Name));
        check(
            &format!("1.3{}|4|", ".1".repeat(127)),
            &Err(LineError::Name),
        );
        let tag = |tag: &str| LineError::Tag { tag: tag.into() };
        check("1.3||", &Err(tag("")));
        check("1.3|3|", &Err(tag("3")));
        check("1.3|4z|", &Err(tag("4z")));
        let value = |tag: &str| LineError::Value { tag: tag.into() };
        check("1.3|2|many", &Err(value("2")));
        check("1.3|65|4294967296", &Err(value("65")));
        check("1.3|4x|0g", &Err(value("4x")));
        check(r"1.3|4e|\q", &Err(value("4e")));
        check("1.3|64|192.0.2", &Err(value("64")));
        check(&format!("1.3|6|1.3{}", ".1".repeat(127)), &Err(value("6")));
        check(
            &format!("1.3|4|{}", "a".repeat(65_508)),
            &Err(LineError::TooLong),
        );
        let tag = "2:numeric".to_owned();
        check("1.3|2:numeric|min=1", &Err(LineError::Variation { tag }));
    }
}
