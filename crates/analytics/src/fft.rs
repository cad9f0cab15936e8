//! The fast Fourier transform, for autocorrelations, which are O(n²) without it.
//!
//! Source: Cooley and Tukey, "An Algorithm for the Machine Calculation of Complex Fourier Series", 1965, with
//! lengths of powers of two; what is shorter is padded with zeroes.

// A kernel over arrays whose length is a power of two that is made here.
#![allow(clippy::indexing_slicing)]

use std::f64::consts::TAU;

/// A complex number: real and imaginary part.
type Complex = (f64, f64);

/// Sums of products of a series with itself at lags from 0 to `lags`. O(n log n).
pub(crate) fn autoproducts(values: &[f64], lags: usize) -> Vec<f64> {
    let size = (values.len() + lags + 1).next_power_of_two();
    let mut cells = padded(values.iter(), size);
    let turns = turns(size);
    transform(&mut cells, &turns);
    for cell in &mut cells {
        *cell = (cell.0 * cell.0 + cell.1 * cell.1, 0.0);
    }
    // Of what is real and even the transform is its own inverse, but for the scale.
    transform(&mut cells, &turns);
    let scale = 1.0 / crate::linear::count(size);
    cells
        .iter()
        .take(lags + 1)
        .map(|cell| cell.0 * scale)
        .collect()
}

fn padded<'a>(values: impl Iterator<Item = &'a f64>, size: usize) -> Vec<Complex> {
    let mut cells: Vec<Complex> = values.map(|value| (*value, 0.0)).collect();
    cells.resize(size, (0.0, 0.0));
    cells
}

/// Half a circle of roots of one, each computed by itself, so that no error adds up.
fn turns(size: usize) -> Vec<Complex> {
    (0..size / 2)
        .map(|at| {
            let (sin, cos) =
                (-TAU * crate::linear::count(at) / crate::linear::count(size)).sin_cos();
            (cos, sin)
        })
        .collect()
}

fn times(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

/// In place, of a power of two of cells.
fn transform(cells: &mut [Complex], turns: &[Complex]) {
    let size = cells.len();
    if size < 2 {
        return;
    }
    let bits = size.trailing_zeros();
    for at in 0..size {
        let other = at.reverse_bits() >> (usize::BITS - bits);
        if at < other {
            cells.swap(at, other);
        }
    }
    let mut half = 1;
    while half < size {
        let stride = size / (2 * half);
        for block in cells.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for ((a, b), turn) in low.iter_mut().zip(high).zip(turns.iter().step_by(stride)) {
                let turned = times(*b, *turn);
                *b = (a.0 - turned.0, a.1 - turned.1);
                *a = (a.0 + turned.0, a.1 + turned.1);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_sums() {
        for n in [1_usize, 2, 3, 17, 64, 100] {
            let values: Vec<f64> = (0..n)
                .map(|at| ((at * at * 7 + 3) % 23) as f64 - 11.0)
                .collect();
            let lags = n / 2;
            for (lag, product) in autoproducts(&values, lags).into_iter().enumerate() {
                let sum: f64 = values
                    .iter()
                    .skip(lag)
                    .zip(&values)
                    .map(|(a, b)| a * b)
                    .sum();
                assert!((product - sum).abs() < 1e-8, "{n} {lag}: {product} {sum}");
            }
        }
    }
}
