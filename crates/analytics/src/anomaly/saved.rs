//! A detector's state as bytes.

use super::expect::Expectation;
use super::{Detector, Options};

const VERSION: u8 = 0;

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

pub(super) fn encode(detector: &Detector, into: &mut Vec<u8>) {
    let of = &detector.expectation;
    into.push(VERSION);
    into.extend(detector.options.step_secs.unwrap_or(0).to_le_bytes());
    into.extend(detector.options.false_alarms_per_1000.to_le_bytes());
    into.extend(of.level.to_le_bytes());
    into.extend(of.distance.to_le_bytes());
    into.extend(of.seen.to_le_bytes());
    into.push(u8::from(of.last.is_some()));
    into.extend(of.last.unwrap_or(0).to_le_bytes());
}

pub(super) fn decode(bytes: &[u8]) -> Result<Detector, DecodeError> {
    let mut rest = bytes;
    let [version] = take(&mut rest)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let step = u32::from_le_bytes(take(&mut rest)?);
    let rate = f64::from_le_bytes(take(&mut rest)?);
    let (level, distance) = (
        f64::from_le_bytes(take(&mut rest)?),
        f64::from_le_bytes(take(&mut rest)?),
    );
    let seen = u32::from_le_bytes(take(&mut rest)?);
    let [is_last] = take(&mut rest)?;
    let last = i64::from_le_bytes(take(&mut rest)?);
    if !rest.is_empty() || !level.is_finite() || !distance.is_finite() || !rate.is_finite() {
        return Err(DecodeError::Invalid);
    }
    let mut detector = Detector::new(Options {
        step_secs: Some(step),
        false_alarms_per_1000: rate,
    });
    detector.expectation = Expectation {
        level,
        distance,
        seen,
        last: (is_last != 0).then_some(last),
    };
    Ok(detector)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(DecodeError::Short)?;
    *rest = tail;
    Ok(*head)
}
