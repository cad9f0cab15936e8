//! What is usual at each hour of a cycle, in one octet an hour.

use super::saved::Field;

/// What the range of a profile grows by beyond what it must hold, as a part of it.
const MARGIN: f32 = 0.25;
/// A range of which the values use less than one in so many parts is narrowed.
const NARROW: f32 = 8.0;
/// Cells count from 1: 0 is an hour that was never visited.
const CELLS: f32 = 254.0;

/// Hours of a cycle: the mean of visits to each, by exponential forgetting (Holt 1957; Winters 1960).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile<const N: usize> {
    cells: [u8; N],
    /// The value of cell 1, and what one cell more is.
    low: f32,
    grain: f32,
    /// Cycles seen.
    cycles: f32,
    /// What the series lies above its profile, of late.
    pub(super) offset: f32,
    /// Mean squared error, of late.
    pub(super) error: f32,
}

impl<const N: usize> Default for Profile<N> {
    fn default() -> Self {
        Self {
            cells: [0; N],
            low: 0.0,
            grain: 0.0,
            cycles: 0.0,
            offset: 0.0,
            error: 0.0,
        }
    }
}

impl<const N: usize> Profile<N> {
    /// The value at an hour since the epoch and a part of it, between the middles of hours where samples are
    /// closer than hours; none where the hour was never visited.
    pub(super) fn at(&self, hour: i64, part: f32, is_between: bool) -> Option<f32> {
        let here = self.value(hour)?;
        if !is_between {
            return Some(here + self.offset);
        }
        let (other, share) = if part < 0.5 {
            (self.value(hour - 1), 0.5 - part)
        } else {
            (self.value(hour + 1), part - 0.5)
        };
        let between = other.map_or(0.0, |other| (other - here) * share);
        Some(here + between + self.offset)
    }

    /// The least and the greatest, where every hour was visited.
    pub(super) fn range(&self) -> Option<(f32, f32)> {
        let (least, most) = self
            .cells
            .iter()
            .fold((u8::MAX, 0), |(least, most), &cell| {
                (least.min(cell), most.max(cell))
            });
        (least > 0).then(|| {
            let value = |cell: u8| self.low + f32::from(cell - 1) * self.grain + self.offset;
            (value(least), value(most))
        })
    }

    /// Learns the mean of a visit to an hour; a cycle counts at most as one in `memory`.
    pub(super) fn visited(&mut self, hour: i64, mean: f32, memory: f32) {
        self.cycles += 1.0 / self.cells.len() as f32;
        let share = 1.0 / self.cycles.ceil().clamp(1.0, memory);
        let value = match self.value(hour) {
            Some(value) => value + (mean - value) * share,
            None => mean - self.offset,
        };
        if Self::place(hour) == 0 {
            self.narrow();
        }
        self.hold(value);
        // Between two cells, each as often as it is near: what is less than a cell is not lost.
        let cell = self.cell(value, dither(hour));
        if let Some(place) = self.cells.get_mut(Self::place(hour)) {
            *place = cell;
        }
    }

    fn place(hour: i64) -> usize {
        usize::try_from(hour.rem_euclid(i64::try_from(N).unwrap_or(1))).unwrap_or(0)
    }

    fn value(&self, hour: i64) -> Option<f32> {
        let cell = *self.cells.get(Self::place(hour))?;
        (cell > 0).then(|| self.low + f32::from(cell - 1) * self.grain)
    }

    /// Widens the range until it holds a value. Each widening adds a quarter at least, so that they are few.
    fn hold(&mut self, value: f32) {
        if self.cycles * (self.cells.len() as f32) < 1.5 {
            self.low = value;
        }
        let high = self.low + CELLS * self.grain;
        if value >= self.low && value <= high {
            return;
        }
        self.span(self.low.min(value), high.max(value));
    }

    /// Narrows the range where little of it is used: one value that was far off would make cells coarse for good.
    fn narrow(&mut self) {
        let visited = self.cells.iter().filter(|cell| **cell > 0);
        let (least, most) = visited.fold((u8::MAX, 0), |(least, most), &cell| {
            (least.min(cell), most.max(cell))
        });
        if most > least && f32::from(most - least) * NARROW < CELLS {
            let value = |cell: u8| self.low + f32::from(cell - 1) * self.grain;
            self.span(value(least), value(most));
        }
    }

    /// Has the range span so much and a margin; what is known keeps its value.
    fn span(&mut self, low: f32, high: f32) {
        let margin = (high - low) * MARGIN;
        let (old_low, old_grain) = (self.low, self.grain);
        (self.low, self.grain) = (low - margin, (high - low + 2.0 * margin) / CELLS);
        for place in 0..N {
            let Some(cell) = self.cells.get(place).copied().filter(|cell| *cell > 0) else {
                continue;
            };
            let moved = self.cell(old_low + f32::from(cell - 1) * old_grain, 0.5);
            if let Some(cell) = self.cells.get_mut(place) {
                *cell = moved;
            }
        }
    }

    /// Between 1 and 255, the next one above from such a part of a cell on; what is no number counts as the least.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn cell(&self, value: f32, part: f32) -> u8 {
        if self.grain > 0.0 {
            ((value - self.low) / self.grain + part)
                .floor()
                .clamp(0.0, CELLS) as u8
                + 1
        } else {
            1
        }
    }

    pub(super) fn walk(&mut self, field: &mut impl Field) {
        for cell in &mut self.cells {
            field.u8(cell);
        }
        field.f32(&mut self.low);
        field.f32(&mut self.grain);
        field.f32(&mut self.cycles);
        field.f32(&mut self.offset);
        field.f32(&mut self.error);
    }
}

/// A part of one, of a low-discrepancy sequence (Weyl, "Über die Gleichverteilung von Zahlen mod. Eins", 1916): the
/// hours that are one of a cycle have all parts alike.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn dither(hour: i64) -> f32 {
    let part = (hour as u32).wrapping_mul(2_654_435_769);
    (part >> 8) as f32 / (1 << 24) as f32
}
