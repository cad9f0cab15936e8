//! Reading numbers in network byte order off the front of a datagram.

/// What is left of a datagram, or of a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octets<'a>(pub(super) &'a [u8]);

impl<'a> Octets<'a> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many octets; none where there are not as many.
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }
}

/// A number of any length up to eight octets; of a longer one the last eight.
#[inline]
pub(super) fn number(octets: &[u8]) -> u64 {
    // The usual lengths without a loop.
    if let Ok(octets) = <[u8; 8]>::try_from(octets) {
        return u64::from_be_bytes(octets);
    }
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return u64::from(u32::from_be_bytes(octets));
    }
    octets
        .iter()
        .fold(0, |sum, octet| sum << 8 | u64::from(*octet))
}
