//! Reading and writing octets of our own formats: little-endian numbers and varints (LEB128).
//!
//! Shared by blocks and the log. Reading never panics and never allocates.

/// The octets ended before what was to be read, or a varint did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the octets end too early")]
pub struct Short;

/// Takes octets from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Octets<'a>(pub(crate) &'a [u8]);

impl<'a> Octets<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Short> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Short)?;
        self.0 = rest;
        Ok(head)
    }
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Short)?;
        self.0 = rest;
        Ok(*head)
    }
    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.array().map(|[octet]| octet)
    }
    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_le_bytes)
    }
    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_le_bytes)
    }
    pub(crate) fn i64(&mut self) -> Result<i64, Short> {
        self.array().map(i64::from_le_bytes)
    }
    /// A varint of at most 64 bits.
    pub(crate) fn varint(&mut self) -> Result<u64, Short> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let octet = self.u8()?;
            let low = u64::from(octet & 0x7f);
            if shift == 63 && low > 1 {
                return Err(Short);
            }
            value |= low << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Short)
    }
    /// A varint that is a length or a count; what does not fit is too long for any slice.
    pub(crate) fn length(&mut self) -> Result<usize, Short> {
        usize::try_from(self.varint()?).map_err(|_| Short)
    }
}

/// Appends a varint.
pub(crate) fn put_varint(into: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits fit an octet");
        value >>= 7;
        if value == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}

/// Appends a length or count as a varint.
pub(crate) fn put_length(into: &mut Vec<u8>, length: usize) {
    put_varint(into, length as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_both_ways() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(Octets(&bytes).varint(), Ok(value));
            assert_eq!(Octets(&bytes[..bytes.len() - 1]).varint(), Err(Short));
        }
        assert_eq!(Octets(&[0xff; 11]).varint(), Err(Short));
        assert_eq!(
            Octets(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint(),
            Err(Short)
        );
    }
}
