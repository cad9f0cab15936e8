//! Ridge regression on the lags of one series, for many ends of the same history and many penalties, of
//! one pass over it.
//!
//! Source: Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems",
//! Technometrics 12 (1970).

// Kernels over rows and columns whose lengths are made here: what is out of bounds is a defect, which the
// tests by chance would find.
#![allow(clippy::indexing_slicing)]

/// Sums of products of a series with itself, of all pairs of lags, for several ends.
///
/// Cost: O(n) for each distance between two lags that occurs, and O(1) for each pair and end; not O(n) for
/// each pair, since what two lags give is the sum of one product sequence between two places.
pub(crate) struct Lagged {
    /// Lag 0, which is what is explained, and behind it ascending those that explain.
    lags: Vec<usize>,
    /// For each end: rows, sums of each column, and of each product of two columns.
    ends: Vec<Sums>,
}

struct Sums {
    rows: f64,
    columns: Vec<f64>,
    /// Row-major, lower triangle.
    products: Vec<f64>,
}

/// A linear model of a value by those before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Autoregression {
    /// Lags and their weights, ascending.
    lags: Vec<(usize, f64)>,
    /// What is expected where all lags are zero.
    constant: f64,
}

impl Lagged {
    /// Of a series without gaps, with lags that are ascending and over 0; each of `ends` is a length of the
    /// beginning that is used. None where an end leaves no two rows.
    pub(crate) fn new(values: &[f64], lags: &[usize], ends: &[usize]) -> Option<Self> {
        let lags: Vec<usize> = std::iter::once(0).chain(lags.iter().copied()).collect();
        let first = *lags.last()?;
        let width = lags.len();
        if ends
            .iter()
            .any(|&end| end < first + 2 || end > values.len())
        {
            return None;
        }
        let mut totals = Vec::with_capacity(values.len() + 1);
        running(&mut totals, values.iter().copied());
        let mut found: Vec<Sums> = ends
            .iter()
            .map(|&end| Sums {
                rows: count(end - first),
                columns: lags
                    .iter()
                    .map(|lag| totals[end - lag] - totals[first - lag])
                    .collect(),
                products: vec![0.0; width * width],
            })
            .collect();
        // Pairs by their distance: each distance is one sequence of products.
        let mut pairs: Vec<(usize, usize, usize)> = (0..width)
            .flat_map(|column| (0..=column).map(move |row| (row, column)))
            .map(|(near, far)| (lags[far] - lags[near], near, far))
            .collect();
        pairs.sort_unstable();
        for of_distance in pairs.chunk_by(|a, b| a.0 == b.0) {
            let distance = of_distance[0].0;
            running(
                &mut totals,
                (0..values.len()).map(|at| {
                    if at < distance {
                        0.0
                    } else {
                        values[at] * values[at - distance]
                    }
                }),
            );
            for &(_, near, far) in of_distance {
                let lag = lags[near];
                for (sums, &end) in found.iter_mut().zip(ends) {
                    sums.products[far * width + near] = totals[end - lag] - totals[first - lag];
                }
            }
        }
        Some(Self { lags, ends: found })
    }

    /// The model of one of the ends with a penalty, in parts of the mean variance of the lags. None where
    /// the series does not vary, or where no number comes of it.
    pub(crate) fn solve(&self, end: usize, penalty: f64) -> Option<Autoregression> {
        let sums = self.ends.get(end)?;
        let width = self.lags.len();
        let size = width - 1;
        let centred = |row: usize, column: usize| {
            let (low, high) = (row.min(column), row.max(column));
            sums.products[high * width + low] - sums.columns[row] * sums.columns[column] / sums.rows
        };
        let trace: f64 = (1..width).map(|at| centred(at, at)).sum();
        let ridge = penalty * trace / count(size);
        if !(trace > 0.0 && ridge.is_finite()) {
            return None;
        }
        let mut matrix = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                matrix[row * size + column] = centred(row + 1, column + 1);
            }
            matrix[row * size + row] += ridge;
        }
        let mut weights: Vec<f64> = (1..width).map(|row| centred(row, 0)).collect();
        solve_symmetric(&mut matrix, &mut weights)?;
        let mean = |column: usize| sums.columns[column] / sums.rows;
        let of_lags: f64 = weights
            .iter()
            .enumerate()
            .map(|(at, weight)| weight * mean(at + 1))
            .sum();
        Some(Autoregression {
            constant: mean(0) - of_lags,
            lags: self.lags.iter().skip(1).copied().zip(weights).collect(),
        })
    }
}

impl Autoregression {
    /// What it expects behind a history, step by step, each from those before it. None where the history is
    /// shorter than the longest lag, or where no number comes of it. O(h · p).
    pub(crate) fn expect(&self, history: &[f64], horizon: usize) -> Option<Vec<f64>> {
        let (longest, _) = *self.lags.last()?;
        let begin = history.len().checked_sub(longest)?;
        let mut values = history[begin..].to_vec();
        values.reserve(horizon);
        for _ in 0..horizon {
            let now = values.len();
            let by_lags = self
                .lags
                .iter()
                .map(|(lag, weight)| weight * values[now - lag]);
            let expected = self.constant + by_lags.sum::<f64>();
            if !expected.is_finite() {
                return None;
            }
            values.push(expected);
        }
        Some(values.split_off(longest))
    }
}

/// Sums of all before each place, and of all.
fn running(into: &mut Vec<f64>, values: impl Iterator<Item = f64>) {
    into.clear();
    into.push(0.0);
    let mut sum = 0.0;
    into.extend(values.map(|value| {
        sum += value;
        sum
    }));
}

/// Solves `matrix · x = right` in place by Cholesky's decomposition; `matrix` is symmetric, row-major, and
/// read in its lower triangle. None where it is not positive definite.
pub(crate) fn solve_symmetric(matrix: &mut [f64], right: &mut [f64]) -> Option<()> {
    let size = right.len();
    for row in 0..size {
        for column in 0..=row {
            let (above, of_row) = matrix.split_at_mut(row * size);
            let sum: f64 = if column == row {
                of_row[..column].iter().map(|cell| cell * cell).sum()
            } else {
                let other = &above[column * size..column * size + column];
                of_row[..column].iter().zip(other).map(|(a, b)| a * b).sum()
            };
            let rest = of_row[column] - sum;
            of_row[column] = if column == row {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / above[column * size + column]
            };
        }
    }
    for row in 0..size {
        let known: f64 = matrix[row * size..row * size + row]
            .iter()
            .zip(&right[..row])
            .map(|(a, b)| a * b)
            .sum();
        right[row] = (right[row] - known) / matrix[row * size + row];
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size)
            .map(|below| matrix[below * size + row] * right[below])
            .sum();
        right[row] = (right[row] - known) / matrix[row * size + row];
    }
    right.iter().all(|value| value.is_finite()).then_some(())
}

/// A count as a number; counts of samples are far below 2^53.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn count(of: usize) -> f64 {
    of as f64
}
