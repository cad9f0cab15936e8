//! Some polls of one layout, column by column, in a third of the room or less.
//!
//! The octets are in memory only, so what they mean may change with any version. Each column has an
//! octet that says how it is kept: its kind in the three lowest bits, then whether differences are
//! kept, then the width of what is kept of each value, in octets. A base follows (a varint), with
//! differences their least (zigzag, a varint), and what each value or difference is above that.

use super::row::{FLOAT, Layout, PRESENT, Row, short, value};
use crate::blocks::octets::{Octets, Short, put_varint};
use crate::series::Column;
use model::{Timestamp, Value};
use std::sync::Arc;

/// Polls frozen together. More would be smaller (the base of a column counts less) but wait longer at
/// 8 octets a value: at ten, a poll a minute, the two are about even.
pub(super) const ROWS: usize = 10;

/// Columns of which only the first one's place is kept; to the others one walks.
const STRIDE: usize = 16;

/// Kinds of columns: whole numbers, bits of floating-point numbers, both or with gaps (marks of two
/// bits a value are before the base), and from here on decimals.
const WHOLE: u8 = 0;
const FLOATS: u8 = 1;
const MIXED: u8 = 2;
const DECIMAL: u8 = 3;
const KIND: u8 = 7;
/// Set where differences are kept.
const STEPS: u8 = 8;

/// What decimals are multiplied by to become whole numbers, by their kind.
const SCALES: [f64; 5] = [1.0, 1e2, 1e3, 1e6, 1e9];
/// Whole numbers up to here are exact in floating point: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Polls of one layout. Never changed.
#[derive(Debug)]
// Invariant: `times` ascends strictly and has at most `ROWS`; `octets` is what `encode` made.
pub(super) struct Frozen {
    layout: Layout,
    times: Box<[i64]>,
    /// Where every `STRIDE`-th column begins.
    places: Box<[u32]>,
    octets: Box<[u8]>,
}

/// One column of some polls.
#[derive(Clone, Copy, Debug, Default)]
struct Cells {
    words: [u64; ROWS],
    marks: [u64; ROWS],
}

impl Frozen {
    /// The rows, of which the first [`ROWS`] are taken; they share a layout and ascend in time.
    /// `None` where there are none.
    pub(super) fn of(rows: &[Row]) -> Option<Self> {
        let rows = rows.get(..rows.len().min(ROWS))?;
        let layout = Arc::clone(&rows.first()?.layout);
        let mut places = Vec::with_capacity(layout.len().div_ceil(STRIDE));
        let mut octets = Vec::with_capacity(layout.len() * 32);
        for place in 0..layout.len() {
            if place.is_multiple_of(STRIDE) {
                places.push(u32::try_from(octets.len()).expect("a device's polls are megabytes"));
            }
            let mut cells = Cells::default();
            let into = cells.words.iter_mut().zip(&mut cells.marks);
            for (row, (word, mark)) in rows.iter().zip(into) {
                (*word, *mark) = row.cell(place);
            }
            encode(&cells, rows.len(), &mut octets);
        }
        Some(Self {
            layout,
            times: rows.iter().map(|row| row.at).collect(),
            places: places.into(),
            octets: octets.into(),
        })
    }

    /// Its times, ascending, in milliseconds since 1970.
    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// Whether it may hold something of `[from, to)`.
    pub(super) fn meets(&self, from: i64, to: i64) -> bool {
        let edges = self.times.first().zip(self.times.last());
        edges.is_some_and(|(first, last)| *first < to && from <= *last)
    }

    /// Hands over the values at a place of its layout in `[from, to)`, ascending in time.
    pub(super) fn points(
        &self,
        place: usize,
        from: i64,
        to: i64,
        points: &mut Vec<(Timestamp, Value)>,
    ) {
        let begin = self.places.get(place / STRIDE);
        let octets = begin.and_then(|begin| self.octets.get(usize::try_from(*begin).ok()?..));
        let Some(mut octets) = octets.map(Octets) else {
            return;
        };
        for _ in 0..place % STRIDE {
            if skip(&mut octets, self.times.len()).is_err() {
                return;
            }
        }
        let Ok(cells) = decode(&mut octets, self.times.len()) else {
            return;
        };
        for (at, (word, mark)) in self.times.iter().zip(cells.words.iter().zip(cells.marks)) {
            if (from..to).contains(at) {
                points
                    .extend(value(*word, mark).map(|value| (Timestamp::from_unix_ms(*at), value)));
            }
        }
    }

    /// Its columns, one after the other.
    pub(super) fn columns(&self) -> FrozenColumns<'_> {
        FrozenColumns {
            octets: Octets(&self.octets),
            rows: self.times.len(),
        }
    }

    /// Its polls as they were, ascending in time.
    pub(super) fn rows(&self) -> Vec<(i64, Vec<(Column, Value)>)> {
        let with_room = |at: &i64| (*at, Vec::with_capacity(self.layout.len()));
        let mut rows: Vec<(i64, Vec<(Column, Value)>)> = self.times.iter().map(with_room).collect();
        let mut octets = Octets(&self.octets);
        for column in &*self.layout {
            let Ok(cells) = decode(&mut octets, rows.len()) else {
                break;
            };
            let cells = cells.words.iter().zip(cells.marks);
            for ((_, values), (word, mark)) in rows.iter_mut().zip(cells) {
                values.extend(value(*word, mark).map(|value| (*column, value)));
            }
        }
        rows
    }
}

/// The columns of some polls, of which the next is taken or gone past.
pub(super) struct FrozenColumns<'a> {
    octets: Octets<'a>,
    rows: usize,
}

impl FrozenColumns<'_> {
    /// Appends the words and marks of the next column, a row each.
    pub(super) fn next(&mut self, words: &mut Vec<u64>, marks: &mut Vec<u8>) {
        let cells = decode(&mut self.octets, self.rows).unwrap_or_default();
        words.extend(cells.words.iter().take(self.rows));
        marks.extend(cells.marks.iter().take(self.rows).map(|mark| short(*mark)));
    }
}

/// Of a kind that all the marks agree on.
fn kind_of(marks: &[u64]) -> u8 {
    if marks.iter().all(|mark| *mark == PRESENT) {
        WHOLE
    } else if marks.iter().all(|mark| *mark == PRESENT | FLOAT) {
        FLOATS
    } else {
        MIXED
    }
}

/// Appends a column of `rows` cells.
fn encode(cells: &Cells, rows: usize, into: &mut Vec<u8>) {
    let (Some(marks), mut words) = (cells.marks.get(..rows), cells.words) else {
        return;
    };
    let Some(words) = words.get_mut(..rows) else {
        return;
    };
    let mut kind = kind_of(marks);
    match kind {
        FLOATS => {
            if let Some((scale, whole)) = decimals(words) {
                kind = scale;
                for (word, whole) in words.iter_mut().zip(whole) {
                    *word = whole;
                }
            }
        }
        MIXED => fill(words, marks),
        _ => {}
    }
    let words = &*words;
    let least = words.iter().copied().min().unwrap_or(0);
    let most = words.iter().copied().max().unwrap_or(0);
    let plain = width(most - least);
    let (least_step, most_step) = steps(words).fold((i64::MAX, i64::MIN), |(least, most), step| {
        (least.min(step), most.max(step))
    });
    let stepped = width(most_step.wrapping_sub(least_step).cast_unsigned());
    // The least difference costs some octets as well; three is what it mostly takes.
    let by_steps = rows > 1 && stepped * (rows - 1) + 3 < plain * rows;
    let width = if by_steps { stepped } else { plain };
    let tag = u8::try_from(width << 4).expect("a width of at most eight fits four bits");
    into.push(kind | tag | if by_steps { STEPS } else { 0 });
    if kind == MIXED {
        let all = marks.iter().rev().fold(0, |all, mark| (all << 2) | mark);
        put_varint(into, all);
    }
    let put = |into: &mut Vec<u8>, above: u64| {
        into.extend(above.to_le_bytes().get(..width).unwrap_or_default());
    };
    if by_steps {
        put_varint(into, words.first().copied().unwrap_or(0));
        put_varint(into, zigzag(least_step));
        for step in steps(words) {
            put(into, step.wrapping_sub(least_step).cast_unsigned());
        }
    } else {
        put_varint(into, least);
        for word in words {
            put(into, word - least);
        }
    }
}

/// The differences between words that follow each other.
fn steps(words: &[u64]) -> impl Iterator<Item = i64> {
    let pairs = words.iter().zip(words.iter().skip(1));
    pairs.map(|(a, b)| b.wrapping_sub(*a).cast_signed())
}

/// Octets that a number takes.
fn width(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(8) as usize
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Gives what is absent the word before it, or the first there is, so that it costs little.
fn fill(words: &mut [u64], marks: &[u64]) {
    let there = |mark: &u64| mark & PRESENT != 0;
    let first = words.iter().zip(marks).find(|(_, mark)| there(mark));
    let mut before = first.map_or(0, |(word, _)| *word);
    for (word, mark) in words.iter_mut().zip(marks) {
        if there(mark) {
            before = *word;
        } else {
            *word = before;
        }
    }
}

/// The kind whose scale makes whole numbers of all of these, exactly, and those numbers.
fn decimals(words: &[u64]) -> Option<(u8, [u64; ROWS])> {
    let mut whole = [0; ROWS];
    (DECIMAL..).zip(SCALES).find_map(|(kind, scale)| {
        words.iter().zip(&mut whole).try_for_each(|(word, whole)| {
            let scaled = (f64::from_bits(*word) * scale).round();
            if scaled.abs() > EXACT_MAX {
                return None;
            }
            #[allow(clippy::cast_possible_truncation)] // It is whole and within 2^53.
            let number = scaled as i64;
            *whole = zigzag(number);
            (unscaled(*whole, scale) == *word).then_some(())
        })?;
        Some((kind, whole))
    })
}

/// The bits of the number that was scaled.
fn unscaled(whole: u64, scale: f64) -> u64 {
    (unzigzag(whole) as f64 / scale).to_bits()
}

/// What is before the values of a column.
struct Opening {
    kind: u8,
    /// The mark of each row, where not all are alike.
    marks: u64,
    /// The least value, or the first one where there are differences.
    base: u64,
    /// The least difference, where there are some.
    least_step: Option<i64>,
    width: usize,
}

fn opening(octets: &mut Octets) -> Result<Opening, Short> {
    let tag = octets.u8()?;
    let kind = tag & KIND;
    let marks = if kind == MIXED { octets.varint()? } else { 0 };
    let base = octets.varint()?;
    let least_step = match tag & STEPS {
        0 => None,
        _ => Some(unzigzag(octets.varint()?)),
    };
    Ok(Opening {
        kind,
        marks,
        base,
        least_step,
        width: usize::from(tag >> 4),
    })
}

/// Goes past a column.
fn skip(octets: &mut Octets, rows: usize) -> Result<(), Short> {
    let opening = opening(octets)?;
    let kept = rows.saturating_sub(usize::from(opening.least_step.is_some()));
    octets.take(opening.width * kept).map(|_| ())
}

/// A number of so many octets.
fn above(octets: &mut Octets, width: usize) -> Result<u64, Short> {
    let kept = octets.take(width)?.iter().rev();
    Ok(kept.fold(0, |number, octet| (number << 8) | u64::from(*octet)))
}

/// The column at the front of the octets.
fn decode(octets: &mut Octets, rows: usize) -> Result<Cells, Short> {
    let Opening {
        kind,
        marks,
        base,
        least_step,
        width,
    } = opening(octets)?;
    let mut cells = Cells::default();
    let mut word = base;
    for (row, into) in cells.words.iter_mut().take(rows).enumerate() {
        match least_step {
            None => word = base.wrapping_add(above(octets, width)?),
            Some(least) if row > 0 => {
                let step = least.cast_unsigned().wrapping_add(above(octets, width)?);
                word = word.wrapping_add(step);
            }
            Some(_) => {}
        }
        *into = word;
    }
    if let Some(scale) = kind.checked_sub(DECIMAL) {
        let scale = SCALES.get(usize::from(scale)).copied().unwrap_or(1.0);
        for word in cells.words.iter_mut().take(rows) {
            *word = unscaled(*word, scale);
        }
    }
    for (row, mark) in cells.marks.iter_mut().take(rows).enumerate() {
        *mark = match kind {
            WHOLE => PRESENT,
            MIXED => (marks >> (2 * row)) & (PRESENT | FLOAT),
            _ => PRESENT | FLOAT,
        };
    }
    Ok(cells)
}

#[cfg(test)]
#[path = "frozen_tests.rs"]
mod tests;
