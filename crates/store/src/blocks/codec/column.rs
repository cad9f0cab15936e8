//! One column as octets: which rows it has, and how its values are written.
//!
//! Whole numbers are written as a constant, as differences, or by pco; floating-point numbers that
//! are decimal fractions are scaled to whole numbers and written like those, the others as their
//! bits are. Short columns go without pco: it costs them 40 octets and most of the time of sealing.

use super::super::dense::Run;
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

/// Writes a run of whole numbers behind what `into` holds; answers its tag.
pub(crate) fn encode_whole(run: &Run<u64>, into: &mut Vec<u8>) -> u8 {
    let sparse = put_present(run.present(), into);
    encode_u64(run.numbers(), into) | sparse
}

/// Writes a run of floating-point numbers behind what `into` holds; answers its tag.
pub(crate) fn encode_float(run: &Run<f64>, into: &mut Vec<u8>) -> u8 {
    let sparse = put_present(run.present(), into);
    encode_f64(run.numbers(), into) | sparse
}

fn put_present(present: Option<&[u8]>, into: &mut Vec<u8>) -> u8 {
    match present {
        None => 0,
        Some(map) => {
            into.extend(map);
            SPARSE
        }
    }
}

fn constant(values: &[u64]) -> Option<u64> {
    let first = *values.first()?;
    values.iter().all(|value| *value == first).then_some(first)
}

/// The same bits in every row: zero and minus zero differ.
fn constant_f64(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    let same = |value: &f64| value.to_bits() == first.to_bits();
    values.iter().all(same).then_some(first)
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

fn encode_f64(numbers: &[f64], into: &mut Vec<u8>) -> u8 {
    if let Some(number) = constant_f64(numbers) {
        into.extend(number.to_le_bytes());
        return CONSTANT_F64;
    }
    if let Some((places, values)) = decimal(numbers) {
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
    into.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
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
fn decimal(numbers: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut places = 0;
    let mut power = power_of_ten(places);
    for number in numbers {
        while scaled(*number, power).is_none() {
            places += 1;
            if places > PLACES_MAX {
                return None;
            }
            power = power_of_ten(places);
        }
    }
    // A later value may have moved the scale, so all are scaled anew.
    let values = numbers.iter().map(|number| scaled(*number, power));
    Some((places, values.collect::<Option<_>>()?))
}

/// Exact for as many places as are tried.
fn power_of_ten(places: u8) -> f64 {
    10f64.powi(i32::from(places))
}

fn scaled(value: f64, power: f64) -> Option<i64> {
    let whole = (value * power).round();
    if whole.abs() > EXACT_MAX || whole.is_nan() {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // Within 2^53, so it is exact.
    let whole = whole as i64;
    (unscaled(whole, power).to_bits() == value.to_bits()).then_some(whole)
}

fn unscaled(whole: i64, power: f64) -> f64 {
    whole as f64 / power
}

/// The numbers of one entry: a column that has both types has two.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Whole numbers.
    Whole(Run<u64>),
    /// Floating-point numbers.
    Float(Run<f64>),
}

/// Reads an entry of a block of so many rows into the cells. A row that is there already is an
/// error: the two entries of a column never share one.
pub(super) fn decode(
    tag: u8,
    payload: &[u8],
    rows: usize,
    cells: &mut Cells,
) -> Result<(), DecodeError> {
    let mut set = |row, value| {
        if cells.get(row).is_some() {
            return Err(DecodeError::Malformed {
                what: "a row given twice",
            });
        }
        cells.set(row, value);
        Ok(())
    };
    match decode_entry(tag, payload, rows)? {
        Entry::Whole(run) => {
            for (row, number) in run.iter() {
                set(row, Value::U64(number))?;
            }
        }
        Entry::Float(run) => {
            for (row, number) in run.iter() {
                set(row, Value::F64(number))?;
            }
        }
    }
    Ok(())
}

/// Whether how many numbers an entry has is said by its payload; else it has one for each row.
pub(crate) fn is_sparse(tag: u8) -> bool {
    tag & SPARSE != 0
}

/// How many numbers an entry of a block of so many rows has, without reading those.
pub(crate) fn count(tag: u8, payload: &[u8], rows: usize) -> Result<usize, Short> {
    if !is_sparse(tag) {
        return Ok(rows);
    }
    let map = Octets(payload).take(rows.div_ceil(8))?;
    let bits = |octet: &u8| octet.count_ones() as usize;
    let all: usize = map.iter().map(bits).sum();
    let behind = match (rows % 8, map.last()) {
        (rest @ 1.., Some(last)) => bits(&(last >> rest)),
        _ => 0,
    };
    Ok(all - behind)
}

/// Reads an entry of a block of so many rows, which the caller has bounded. It may have no number.
pub(crate) fn decode_entry(tag: u8, payload: &[u8], rows: usize) -> Result<Entry, DecodeError> {
    let mut octets = Octets(payload);
    let mut present = None;
    let mut n = rows;
    if tag & SPARSE != 0 {
        let mut map = octets.take(rows.div_ceil(8))?.to_vec();
        if let (1.., Some(last)) = (rows % 8, map.last_mut()) {
            *last &= (1 << (rows % 8)) - 1;
        }
        n = map.iter().map(|octet| octet.count_ones() as usize).sum();
        present = (n < rows).then_some(map);
    }
    decode_numbers(tag & !SPARSE, octets, n, present)
}

/// `n` is at most the rows of a block, so what is allocated is bounded.
fn decode_numbers(
    tag: u8,
    mut octets: Octets,
    n: usize,
    present: Option<Vec<u8>>,
) -> Result<Entry, DecodeError> {
    let numbers = match tag {
        CONSTANT_U64 => vec![octets.varint()?; n],
        PCO_U64 => unpack(octets.0, n)?,
        DELTA_U64 => deltas(&mut octets, n)?,
        RAW_U64 => (0..n).map(|_| octets.u64()).collect::<Result<_, _>>()?,
        CONSTANT_F64 | DECIMAL | DELTA_DECIMAL | RAW_F64 => {
            let numbers = decode_floats(tag, octets, n)?;
            if !numbers.iter().all(|number| number.is_finite()) {
                return Err(DecodeError::Malformed {
                    what: "a number that is not finite",
                });
            }
            return Ok(Entry::Float(Run::from_parts(present, numbers)));
        }
        _ => {
            return Err(DecodeError::Malformed {
                what: "the encoding of a column",
            });
        }
    };
    Ok(Entry::Whole(Run::from_parts(present, numbers)))
}

fn decode_floats(tag: u8, mut octets: Octets, n: usize) -> Result<Vec<f64>, DecodeError> {
    if tag == CONSTANT_F64 {
        return Ok(vec![f64::from_bits(octets.u64()?); n]);
    }
    if tag == RAW_F64 {
        let numbers = (0..n).map(|_| octets.u64().map(f64::from_bits));
        return Ok(numbers.collect::<Result<_, _>>()?);
    }
    let places = octets.u8()?;
    if places > PLACES_MAX {
        return Err(DecodeError::Malformed {
            what: "a decimal scale",
        });
    }
    let power = power_of_ten(places);
    Ok(if tag == DECIMAL {
        let values: Vec<i64> = unpack(octets.0, n)?;
        values.into_iter().map(|v| unscaled(v, power)).collect()
    } else {
        let values = deltas(&mut octets, n)?;
        let scale = |v: u64| unscaled(v.cast_signed(), power);
        values.into_iter().map(scale).collect()
    })
}

/// The times of the rows: evenly spaced, or by pco.
pub(crate) fn encode_times(times: &[i64]) -> (u8, Vec<u8>) {
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
pub(crate) fn decode_times(tag: u8, payload: &[u8], rows: usize) -> Result<Vec<i64>, DecodeError> {
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
