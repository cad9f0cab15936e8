//! A detector's state as bytes: each field in its order, the version first.

use super::{Detector, Options};

const VERSION: u8 = 1;

/// Why bytes are no state of a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early.
    #[error("the state of a detector ends too early")]
    Short,
    /// Written by another version; the detector begins anew.
    #[error("the state of a detector is of version {0}, which is not known")]
    Version(u8),
    /// Something stands there that no detector writes.
    #[error("the state of a detector holds what none writes")]
    Invalid,
}

/// What is done with every field of a state in its order: written, or read.
pub(super) trait Field {
    fn bytes<const N: usize>(&mut self, bytes: &mut [u8; N]);

    /// What must be true of the field just walked.
    fn hold(&mut self, is_true: bool);

    fn f32(&mut self, value: &mut f32) {
        let mut bytes = value.to_le_bytes();
        self.bytes(&mut bytes);
        *value = f32::from_le_bytes(bytes);
        self.hold(value.is_finite());
    }

    fn i64(&mut self, value: &mut i64) {
        let mut bytes = value.to_le_bytes();
        self.bytes(&mut bytes);
        *value = i64::from_le_bytes(bytes);
    }

    fn i32(&mut self, value: &mut i32) {
        let mut bytes = value.to_le_bytes();
        self.bytes(&mut bytes);
        *value = i32::from_le_bytes(bytes);
    }

    fn u32(&mut self, value: &mut u32) {
        let mut bytes = value.to_le_bytes();
        self.bytes(&mut bytes);
        *value = u32::from_le_bytes(bytes);
    }

    fn u8(&mut self, value: &mut u8) {
        let mut bytes = [*value];
        self.bytes(&mut bytes);
        [*value] = bytes;
    }

    fn i16(&mut self, value: &mut i16) {
        let mut bytes = value.to_le_bytes();
        self.bytes(&mut bytes);
        *value = i16::from_le_bytes(bytes);
    }

    fn u16(&mut self, value: &mut u16) {
        let mut bytes = value.to_le_bytes();
        self.bytes(&mut bytes);
        *value = u16::from_le_bytes(bytes);
    }
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Field for Writer<'_> {
    fn bytes<const N: usize>(&mut self, bytes: &mut [u8; N]) {
        self.0.extend_from_slice(bytes);
    }

    fn hold(&mut self, _: bool) {}
}

struct Reader<'a> {
    rest: &'a [u8],
    is_short: bool,
    is_wrong: bool,
}

impl Field for Reader<'_> {
    fn bytes<const N: usize>(&mut self, bytes: &mut [u8; N]) {
        match self.rest.split_first_chunk::<N>() {
            Some((head, tail)) => (*bytes, self.rest) = (*head, tail),
            None => self.is_short = true,
        }
    }

    fn hold(&mut self, is_true: bool) {
        self.is_wrong |= !is_true;
    }
}

pub(super) fn encode(detector: &Detector, into: &mut Vec<u8>) {
    into.push(VERSION);
    detector.clone().walk(&mut Writer(into));
}

pub(super) fn decode(bytes: &[u8]) -> Result<Detector, DecodeError> {
    let (&version, rest) = bytes.split_first().ok_or(DecodeError::Short)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let mut reader = Reader {
        rest,
        is_short: false,
        is_wrong: false,
    };
    let mut detector = Detector::new(Options::default());
    detector.walk(&mut reader);
    if reader.is_short {
        return Err(DecodeError::Short);
    }
    if !reader.rest.is_empty() || reader.is_wrong {
        return Err(DecodeError::Invalid);
    }
    Ok(detector)
}
