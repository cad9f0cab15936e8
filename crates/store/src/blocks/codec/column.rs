//! One column as octets: which rows it has, and how its values are written.
//!
//! Whole numbers are written as a constant, as differences, or by pco; floating-point numbers that
//! are decimal fractions are scaled to whole numbers and written like those, the others as their
//! bits are. Short columns go without pco: it costs them 40 octets and most of the time of sealing.

use super::super::octets::{Octets, Short, put_varint};
use super::super::rows::Cells;
use super::DecodeError;
use model::Value;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

const CONSTANT_U64: u8 = 0;
const CONSTANT_F64: u8 = 1;
const PCO_U64: u8 = 2;
const DECIMAL: u8 = 3;
const RAW_F64: u8 = 4;
const RAW_U64: u8 = 5;
const DELTA_U64: u8 = 6;
const DELTA_DECIMAL: u8 = 7;
/// Set beside the encoding where the column lacks rows: a bitmap comes first.
const SPARSE: u8 = 0x80;

const TIMES_REGULAR: u8 = 0;
const TIMES_PCO: u8 = 1;
const TIMES_RAW: u8 = 2;
const TIMES_DELTA: u8 = 3;

/// From so many values on, pco is smaller than plain differences.
const PCO_FROM: usize = 64;

/// The most decimal places that are tried: nanoseconds.
const PLACES_MAX: u8 = 9;
/// Whole numbers up to here are exact in floating point.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What is written for one column and one type of number.
pub(super) struct Entry {
    float: bool,
    rows: Vec<usize>,
    bits: Vec<u64>,
}

/// The entries of a column: one, or two where it has both types of number; none where it is empty.
pub(super) fn entries(cells: &Cells, rows: usize) -> impl Iterator<Item = Entry> {
    let new = |float| Entry {
        float,
        rows: Vec::new(),
        bits: Vec::with_capacity(rows),
    };
    let (mut whole, mut float) = (new(false), None);
    for row in 0..rows {
        let (into, bits) = match cells.get(row) {
            None => continue,
            Some(Value::U64(value)) => (&mut whole, value),
            Some(Value::F64(value)) => (float.get_or_insert_with(|| new(true)), value.to_bits()),
        };
        into.rows.push(row);
        into.bits.push(bits);
    }
    [Some(whole), float]
        .into_iter()
        .flatten()
        .filter(|entry| !entry.bits.is_empty())
}

impl Entry {
    /// Its tag and payload in a block of so many rows.
    pub(super) fn encode(&self, rows: usize) -> (u8, Vec<u8>) {
        let mut payload = Vec::new();
        let sparse = if self.rows.len() == rows {
            0
        } else {
            payload.resize(rows.div_ceil(8), 0u8);
            for row in &self.rows {
                if let Some(octet) = payload.get_mut(row / 8) {
                    *octet |= 1 << (row % 8);
                }
            }
            SPARSE
        };
        let tag = if self.float {
            encode_f64(&self.bits, &mut payload)
        } else {
            encode_u64(&self.bits, &mut payload)
        };
        (tag | sparse, payload)
    }
}

fn constant(bits: &[u64]) -> Option<u64> {
    let first = *bits.first()?;
    bits.iter().all(|b| *b == first).then_some(first)
}

fn encode_u64(values: &[u64], into: &mut Vec<u8>) -> u8 {
    if let Some(value) = constant(values) {
        put_varint(into, value);
        return CONSTANT_U64;
    }
    if values.len() < PCO_FROM {
        put_deltas(into, values.iter().copied());
        return DELTA_U64;
    }
    if let Some(packed) = pack(values) {
        into.extend(packed);
        return PCO_U64;
    }
    into.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    RAW_U64
}

fn encode_f64(bits: &[u64], into: &mut Vec<u8>) -> u8 {
    if let Some(bits) = constant(bits) {
        into.extend(bits.to_le_bytes());
        return CONSTANT_F64;
    }
    if let Some((places, values)) = decimal(bits) {
        into.push(places);
        if values.len() < PCO_FROM {
            put_deltas(into, values.iter().map(|value| value.cast_unsigned()));
            return DELTA_DECIMAL;
        }
        if let Some(packed) = pack(&values) {
            into.extend(packed);
            return DECIMAL;
        }
        into.pop();
    }
    into.extend(bits.iter().flat_map(|bits| bits.to_le_bytes()));
    RAW_F64
}

/// Each number as its difference to the one before, small ones of either sign short.
fn put_deltas(into: &mut Vec<u8>, values: impl Iterator<Item = u64>) {
    let mut before = 0u64;
    for value in values {
        let delta = value.wrapping_sub(before).cast_signed();
        put_varint(into, ((delta << 1) ^ (delta >> 63)).cast_unsigned());
        before = value;
    }
}

/// Reads `n` differences; the caller has bounded `n`.
fn deltas(octets: &mut Octets, n: usize) -> Result<Vec<u64>, Short> {
    let mut before = 0u64;
    (0..n)
        .map(|_| {
            let zigzag = octets.varint()?;
            let delta = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
            before = before.wrapping_add(delta);
            Ok(before)
        })
        .collect()
}

/// pco, delta order 1, level 4. `None` where it refuses, which it does not for such settings.
fn pack<T: Number>(values: &[T]) -> Option<Vec<u8>> {
    let config = ChunkConfig::default()
        .with_compression_level(4)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::TryConsecutive(1));
    simple_compress(values, &config).ok()
}

fn unpack<T: Number + Default>(packed: &[u8], n: usize) -> Result<Vec<T>, DecodeError> {
    let mut values = vec![T::default(); n];
    match simple_decompress_into(packed, &mut values) {
        Ok(progress) if progress.finished && progress.n_processed == n => Ok(values),
        _ => Err(DecodeError::Malformed {
            what: "a packed column",
        }),
    }
}

/// The values times a power of ten, where that makes whole numbers of them all and nothing is lost.
fn decimal(bits: &[u64]) -> Option<(u8, Vec<i64>)> {
    let mut places = 0;
    for bits in bits {
        while scaled(f64::from_bits(*bits), places).is_none() {
            places += 1;
            if places > PLACES_MAX {
                return None;
            }
        }
    }
    // A later value may have moved the scale, so all are scaled anew.
    let values = bits
        .iter()
        .map(|bits| scaled(f64::from_bits(*bits), places));
    Some((places, values.collect::<Option<_>>()?))
}

fn scaled(value: f64, places: u8) -> Option<i64> {
    let whole = (value * 10f64.powi(i32::from(places))).round();
    if whole.abs() > EXACT_MAX || whole.is_nan() {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // Within 2^53, so it is exact.
    let whole = whole as i64;
    (unscaled(whole, places).to_bits() == value.to_bits()).then_some(whole)
}

fn unscaled(whole: i64, places: u8) -> f64 {
    whole as f64 / 10f64.powi(i32::from(places))
}

/// Reads an entry of a block of so many rows into the cells. A row that is there already is an
/// error: the two entries of a column never share one.
pub(super) fn decode(
    tag: u8,
    payload: &[u8],
    rows: usize,
    cells: &mut Cells,
) -> Result<(), DecodeError> {
    let mut octets = Octets(payload);
    let present = if tag & SPARSE == 0 {
        None
    } else {
        Some(octets.take(rows.div_ceil(8))?)
    };
    let has = |row: usize| {
        present.is_none_or(|map| map.get(row / 8).is_some_and(|o| o & (1 << (row % 8)) != 0))
    };
    let n = (0..rows).filter(|row| has(*row)).count();
    let values = decode_values(tag & !SPARSE, octets, n)?;
    for (row, value) in (0..rows).filter(|row| has(*row)).zip(values) {
        if cells.get(row).is_some() {
            return Err(DecodeError::Malformed {
                what: "a row given twice",
            });
        }
        cells.set(row, value);
    }
    Ok(())
}

/// `n` is at most the rows of a block, so what is allocated is bounded.
fn decode_values(tag: u8, mut octets: Octets, n: usize) -> Result<Vec<Value>, DecodeError> {
    let float = |bits| {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            Ok(Value::F64(value))
        } else {
            Err(DecodeError::Malformed {
                what: "a number that is not finite",
            })
        }
    };
    Ok(match tag {
        CONSTANT_U64 => vec![Value::U64(octets.varint()?); n],
        CONSTANT_F64 => vec![float(octets.u64()?)?; n],
        PCO_U64 => {
            let values: Vec<u64> = unpack(octets.0, n)?;
            values.into_iter().map(Value::U64).collect()
        }
        DELTA_U64 => deltas(&mut octets, n)?
            .into_iter()
            .map(Value::U64)
            .collect(),
        DECIMAL | DELTA_DECIMAL => {
            let places = octets.u8()?;
            if places > PLACES_MAX {
                return Err(DecodeError::Malformed {
                    what: "a decimal scale",
                });
            }
            let values: Vec<i64> = if tag == DECIMAL {
                unpack(octets.0, n)?
            } else {
                let values = deltas(&mut octets, n)?;
                values.into_iter().map(u64::cast_signed).collect()
            };
            values
                .into_iter()
                .map(|v| Value::F64(unscaled(v, places)))
                .collect()
        }
        RAW_F64 => (0..n)
            .map(|_| float(octets.u64()?))
            .collect::<Result<_, _>>()?,
        RAW_U64 => (0..n)
            .map(|_| Ok(Value::U64(octets.u64()?)))
            .collect::<Result<_, DecodeError>>()?,
        _ => {
            return Err(DecodeError::Malformed {
                what: "the encoding of a column",
            });
        }
    })
}

/// The times of the rows: evenly spaced, or by pco.
pub(super) fn encode_times(times: &[i64]) -> (u8, Vec<u8>) {
    let first = times.first().copied().unwrap_or(0);
    let step = times.get(1).map_or(0, |second| second.wrapping_sub(first));
    let even = times
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if b.wrapping_sub(*a) == step));
    if let (true, Ok(step)) = (even, u64::try_from(step)) {
        let mut payload = first.to_le_bytes().to_vec();
        put_varint(&mut payload, step);
        return (TIMES_REGULAR, payload);
    }
    if times.len() < PCO_FROM {
        let mut payload = Vec::with_capacity(8 + 3 * times.len());
        put_deltas(&mut payload, times.iter().map(|at| at.cast_unsigned()));
        return (TIMES_DELTA, payload);
    }
    match pack(times) {
        Some(packed) => (TIMES_PCO, packed),
        None => (
            TIMES_RAW,
            times.iter().flat_map(|at| at.to_le_bytes()).collect(),
        ),
    }
}

/// The times of so many rows (the caller has bounded them), which ascend.
pub(super) fn decode_times(tag: u8, payload: &[u8], rows: usize) -> Result<Vec<i64>, DecodeError> {
    let malformed = DecodeError::Malformed {
        what: "the column of times",
    };
    let mut octets = Octets(payload);
    let times = match tag {
        TIMES_REGULAR => {
            let (first, step) = (octets.i64()?, octets.varint()?);
            let step = i64::try_from(step).map_err(|_| malformed.clone())?;
            let mut times = Vec::with_capacity(rows);
            let mut next = Some(first);
            for _ in 0..rows {
                let at = next.ok_or_else(|| malformed.clone())?;
                times.push(at);
                next = at.checked_add(step);
            }
            times
        }
        TIMES_PCO => unpack(octets.0, rows)?,
        TIMES_DELTA => deltas(&mut octets, rows)?
            .into_iter()
            .map(u64::cast_signed)
            .collect(),
        TIMES_RAW => (0..rows).map(|_| octets.i64()).collect::<Result<_, _>>()?,
        _ => return Err(malformed),
    };
    let ascending = times.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    if ascending { Ok(times) } else { Err(malformed) }
}
