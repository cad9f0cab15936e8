//! The outer shell of an SNMP message: version and the id that tells whose answer it is.
//!
//! Read by hand, because the id must be found even in a message whose rest is damaged. Nothing is
//! copied and nothing is trusted: every length is checked against what is there.

/// The shell of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// 0 is SNMPv1, 1 is SNMPv2c, 3 is SNMPv3.
    pub version: u8,
    /// request-id of v1 and v2c (RFC 3416), msgID of v3 (RFC 3412).
    pub id: i32,
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// GetRequest-PDU to Report-PDU, save the Trap-PDU of v1 which has no request-id.
const PDUS: [u8; 8] = [0xa0, 0xa1, 0xa2, 0xa3, 0xa5, 0xa6, 0xa7, 0xa8];

/// The shell of a message; none where it cannot be read. The message's outer length may lie.
pub fn envelope(datagram: &[u8]) -> Option<Envelope> {
    let mut message = Reader(datagram);
    message.open(SEQUENCE)?;
    let version = u8::try_from(message.integer()?).ok()?;
    let id = match version {
        0 | 1 => {
            message.skip(OCTET_STRING)?;
            message.open_any(&PDUS)?;
            message.integer()?
        }
        3 => {
            message.open(SEQUENCE)?;
            message.integer()?
        }
        _ => return None,
    };
    Some(Envelope { version, id })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
    fn length(&mut self) -> Option<usize> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(usize::from(first));
        }
        // More than four octets of length cannot be honest in a datagram; 0x80 is indefinite.
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 4 {
            return None;
        }
        let mut length = 0usize;
        for &octet in self.take(octets)? {
            length = length.checked_mul(256)?.checked_add(usize::from(octet))?;
        }
        Some(length)
    }
    fn open(&mut self, tag: u8) -> Option<()> {
        self.open_any(&[tag])
    }
    fn open_any(&mut self, tags: &[u8]) -> Option<()> {
        let tag = self.byte()?;
        self.length()?;
        tags.contains(&tag).then_some(())
    }
    fn skip(&mut self, tag: u8) -> Option<()> {
        if self.byte()? != tag {
            return None;
        }
        let length = self.length()?;
        self.take(length).map(|_| ())
    }
    fn integer(&mut self) -> Option<i32> {
        if self.byte()? != INTEGER {
            return None;
        }
        let length = self.length()?;
        if length == 0 || length > 4 {
            return None;
        }
        let octets = self.take(length)?;
        let negative = octets.first().is_some_and(|first| first & 0x80 != 0);
        let start = if negative { -1i32 } else { 0 };
        Some(octets.iter().fold(start, |value, &octet| {
            value.wrapping_shl(8) | i32::from(octet)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hex: &str, expected: Option<(u8, i32)>) {
        let bytes: Vec<u8> = hex
            .split_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        let expected = expected.map(|(version, id)| Envelope { version, id });
        assert_eq!(envelope(&bytes), expected, "{hex}");
    }

    #[test]
    fn whole_messages() {
        check(
            "30 0c 02 01 01 04 01 70 a2 04 02 02 12 34",
            Some((1, 0x1234)),
        );
        check("30 0c 02 01 00 04 01 70 a2 03 02 01 ff", Some((0, -1)));
        check("30 0a 02 01 03 30 05 02 03 01 00 00", Some((3, 0x1_0000)));
    }

    #[test]
    fn damaged_messages() {
        check("", None);
        check("30", None);
        check("30 80 02 01 01", None);
        check("30 85 01 01 01 01 01 02 01 01", None);
        check("30 0c 02 01 02 04 01 70 a2 04 02 02 12 34", None); // version 3 of no RFC
        check("30 0c 02 01 01 04 7f 70 a2 04 02 02 12 34", None); // the community lies
        check("30 0c 02 01 01 04 01 70 a4 04 02 02 12 34", None); // a v1 trap has no id
        check("30 0c 02 01 01 04 01 70 a2 04 02 09 12 34", None);
        // The outer lengths lie, the id is there all the same.
        check(
            "30 02 02 01 01 04 01 70 a2 7f 02 02 12 34",
            Some((1, 0x1234)),
        );
    }
}
