//! Shaping the fuzzer's bytes into what a parser takes.

/// Reads values off the front of the input; zeros where it is short.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(std::array::from_fn(|_| self.u8()))
    }

    /// Up to so many bytes.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Arcs of an object identifier: most are small, so a byte is one, and 255 begins a long one.
    pub(crate) fn arcs(mut self) -> Vec<u32> {
        let mut arcs = Vec::new();
        while !self.0.is_empty() {
            arcs.push(match self.u8() {
                255 => u32::from_le_bytes(std::array::from_fn(|_| self.u8())),
                small => small.into(),
            });
        }
        arcs
    }
}
