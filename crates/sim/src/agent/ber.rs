//! As much BER as SNMP needs: a reader that trusts no length, a writer that allocates nothing of its
//! own. Source: X.690 as narrowed by RFC 3417 section 8.
//!
//! Which value follows which is not known here; see `message`.

use super::names::Names;
use crate::mib::Value;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const IP_ADDRESS: u8 = 0x40;
pub(crate) const COUNTER32: u8 = 0x41;
pub(crate) const GAUGE32: u8 = 0x42;
pub(crate) const TIME_TICKS: u8 = 0x43;
pub(crate) const OPAQUE: u8 = 0x44;
pub(crate) const COUNTER64: u8 = 0x46;
pub(crate) const NO_SUCH_OBJECT: u8 = 0x80;
pub(crate) const NO_SUCH_INSTANCE: u8 = 0x81;
pub(crate) const END_OF_MIB_VIEW: u8 = 0x82;

/// What is left to read. Every call takes what it read off the front; none is a malformed message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Any value: its tag and its contents.
    pub(crate) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        self.0 = rest;
        let length = self.length()?;
        let (contents, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// The contents of a value that must have this tag.
    pub(crate) fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, contents) = self.any()?;
        (tag == wanted).then_some(contents)
    }

    pub(crate) fn sequence(&mut self) -> Option<Reader<'a>> {
        self.expect(SEQUENCE).map(Reader)
    }

    /// An INTEGER of 32 bits.
    pub(crate) fn integer(&mut self) -> Option<i32> {
        let contents = self.expect(INTEGER)?;
        let (&first, _) = contents.split_first()?;
        if contents.len() > 4 {
            return None;
        }
        let start = if first & 0x80 == 0 { 0i32 } else { -1 };
        Some(contents.iter().fold(start, |value, &octet| {
            value.wrapping_shl(8) | i32::from(octet)
        }))
    }

    fn length(&mut self) -> Option<usize> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        if first < 0x80 {
            return Some(usize::from(first));
        }
        // 0x80 is the indefinite form, which SNMP forbids; no honest datagram needs over four octets.
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 4 {
            return None;
        }
        let (length, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        length.iter().try_fold(0usize, |length, &octet| {
            length.checked_mul(256)?.checked_add(usize::from(octet))
        })
    }
}

/// Octets that a value takes whose contents are `contents` octets long.
pub(crate) fn whole_len(contents: usize) -> usize {
    1 + length_len(contents) + contents
}

/// Octets of a length field. No message is longer than 65,535 octets.
fn length_len(contents: usize) -> usize {
    match contents {
        0..0x80 => 1,
        0x80..0x100 => 2,
        0x100..0x1_0000 => 3,
        _ => 4,
    }
}

/// Writes the tag and length of a value whose contents follow.
pub(crate) fn put_header(out: &mut Vec<u8>, tag: u8, contents: usize) {
    out.push(tag);
    put_length(out, contents);
}

pub(crate) fn put_octets(out: &mut Vec<u8>, tag: u8, contents: &[u8]) {
    put_header(out, tag, contents.len());
    out.extend_from_slice(contents);
}

/// An INTEGER, or what is made of it.
pub(crate) fn put_integer(out: &mut Vec<u8>, tag: u8, value: i64) {
    let octets = value.to_be_bytes();
    let length = integer_len(value);
    put_header(out, tag, length);
    out.extend_from_slice(octets.get(8 - length..).unwrap_or(&octets));
}

/// Octets of an INTEGER's contents: the fewest that keep its sign.
pub(crate) fn integer_len(value: i64) -> usize {
    let spare = if value < 0 {
        value.leading_ones()
    } else {
        value.leading_zeros()
    };
    // One bit of the sign must stay.
    8 - (spare as usize - 1) / 8
}

/// A Counter64 may need nine octets: it has no sign, its encoding does.
fn put_unsigned64(out: &mut Vec<u8>, tag: u8, value: u64) {
    if let Ok(value) = i64::try_from(value) {
        return put_integer(out, tag, value);
    }
    put_header(out, tag, 9);
    out.push(0);
    out.extend_from_slice(&value.to_be_bytes());
}

/// One VarBind with its value.
pub(crate) fn put_varbind(out: &mut Vec<u8>, oid: &[u32], value: &Value<'_>) {
    let start = out.len();
    out.extend_from_slice(&[SEQUENCE, 0]);
    put_oid(out, oid);
    put_value(out, value);
    mend_length(out, start + 1);
}

/// One VarBind whose value is an exception, which has no contents.
pub(crate) fn put_exception(out: &mut Vec<u8>, oid: &[u32], exception: u8) {
    let start = out.len();
    out.extend_from_slice(&[SEQUENCE, 0]);
    put_oid(out, oid);
    out.extend_from_slice(&[exception, 0]);
    mend_length(out, start + 1);
}

/// One VarBind with an exception and the name of the VarBind that is the end of `out` from `start`.
pub(crate) fn put_exception_like(out: &mut Vec<u8>, start: usize, exception: u8) {
    let Some(varbind) = out.get(start..).and_then(|whole| Reader(whole).sequence()) else {
        return;
    };
    let mut value = varbind;
    value.expect(OBJECT_IDENTIFIER);
    let name_start = out.len() - varbind.0.len();
    let name_end = out.len() - value.0.len();
    put_header(out, SEQUENCE, name_end - name_start + 2);
    out.extend_from_within(name_start..name_end);
    out.extend_from_slice(&[exception, 0]);
}

pub(crate) fn put_oid(out: &mut Vec<u8>, oid: &[u32]) {
    let start = out.len();
    out.extend_from_slice(&[OBJECT_IDENTIFIER, 0]);
    match oid {
        &[first, second, ref rest @ ..] => {
            put_subidentifier(out, u64::from(first) * 40 + u64::from(second));
            // Most arcs are small, and then the loop is one that the compiler unrolls.
            if rest.iter().all(|&arc| arc < 0x80) {
                #[expect(clippy::cast_possible_truncation, reason = "all are below 0x80")]
                out.extend(rest.iter().map(|&arc| arc as u8));
            } else {
                for &arc in rest {
                    put_subidentifier(out, u64::from(arc));
                }
            }
        }
        &[only] => put_subidentifier(out, u64::from(only) * 40),
        [] => out.push(0),
    }
    mend_length(out, start + 1);
}

fn put_subidentifier(out: &mut Vec<u8>, value: u64) {
    if let Ok(octet @ 0..0x80) = u8::try_from(value) {
        return out.push(octet);
    }
    let septets = (64 - value.leading_zeros()).div_ceil(7);
    for place in (0..septets).rev() {
        let more = if place == 0 { 0 } else { 0x80 };
        out.push((value >> (7 * place) & 0x7f) as u8 | more);
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Integer(value) => put_integer(out, INTEGER, i64::from(*value)),
        Value::OctetString(octets) => put_octets(out, OCTET_STRING, octets),
        Value::ObjectIdentifier(arcs) => put_oid(out, arcs),
        Value::IpAddress(octets) => put_octets(out, IP_ADDRESS, octets),
        Value::Counter32(value) => put_integer(out, COUNTER32, i64::from(*value)),
        Value::Gauge32(value) => put_integer(out, GAUGE32, i64::from(*value)),
        Value::TimeTicks(value) => put_integer(out, TIME_TICKS, i64::from(*value)),
        Value::Opaque(octets) => put_octets(out, OPAQUE, octets),
        Value::Counter64(value) => put_unsigned64(out, COUNTER64, *value),
        Value::Null => out.extend_from_slice(&[NULL, 0]),
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        return out.push(short);
    }
    let octets = length.to_be_bytes();
    let leading = octets.iter().take_while(|&&octet| octet == 0).count();
    let octets = octets.get(leading..).unwrap_or(&octets);
    out.push(0x80 | u8::try_from(octets.len()).unwrap_or(8));
    out.extend_from_slice(octets);
}

/// Sets the length octet at `at`, for which one was left, to how much follows it; makes room where
/// one octet is too few.
fn mend_length(out: &mut Vec<u8>, at: usize) {
    let length = out.len().saturating_sub(at + 1);
    if let (Ok(short @ 0..0x80), Some(octet)) = (u8::try_from(length), out.get_mut(at)) {
        *octet = short;
        return;
    }
    let mut octets = Vec::with_capacity(5);
    put_length(&mut octets, length);
    out.splice(at..=at, octets);
}

/// Reads the names of a VarBindList's contents. The values are skipped: nothing may be set here.
pub(crate) fn names(list: &[u8], names: &mut Names) -> Option<()> {
    names.clear();
    let mut list = Reader(list);
    while !list.is_empty() {
        let mut varbind = list.sequence()?;
        let oid = varbind.expect(OBJECT_IDENTIFIER)?;
        varbind.any()?;
        if !varbind.is_empty() {
            return None;
        }
        names.push_encoded(oid)?;
    }
    Some(())
}
