//! Parts of a series that come again (motifs), and parts that are like no other (discords).
//!
//! The matrix profile (Yeh and others, "Matrix Profile I: All Pairs Similarity Joins for Time Series", 2016): the
//! distance of each part to the one most like it, whatever their level and size. By diagonals, along which
//! products are carried on (Zhu and others, "Matrix Profile XI: SCRIMP++", 2018), all of them, so without chance.

// Kernels over parts whose number is made here: what is out of bounds is a defect, which the tests by chance would
// find.
#![allow(clippy::indexing_slicing)]

use crate::clean::is_known;
use crate::linear::count;

/// The most values that are looked at: the last ones. Half a year of hours; eight million pairs.
pub const VALUES_MAX: usize = 4_096;
/// The shortest part.
pub const WINDOW_MIN: usize = 4;
/// The most motifs and discords that are told.
pub const TOLD_MAX: usize = 100;

/// Distances of the parts of a series to those most like them.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixProfile {
    /// Of the part that begins at each value that was looked at: the distance between it and the part most like it,
    /// both brought to mean 0 and deviation 1; from 0, the same shape, over √(2 · window), not related, to
    /// 2 · √window. Infinite where a value is missing in it, or all others are.
    pub distances: Vec<f64>,
    /// Where the part most like it begins.
    pub nearest: Vec<Option<usize>>,
    /// Values in a part.
    pub window: usize,
    /// Values before these that were left out.
    pub left_out: usize,
}

/// A part and another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The index in the series at which it begins.
    pub at: usize,
    /// The index at which the part most like it begins.
    pub nearest: usize,
    /// Their distance, 0 to 2 · √window.
    pub distance: f64,
}

/// Why there is no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmatched {
    /// Parts are too short.
    #[error("a part of {0} values is shorter than {WINDOW_MIN}")]
    Window(usize),
    /// The series has no room for two parts beside each other.
    #[error("{values} values are no two parts of {window}")]
    TooFew {
        /// Values that there are.
        values: usize,
        /// Values of a part.
        window: usize,
    },
}

/// The matrix profile of a series for parts of so many values. Parts that begin nearer than half a window are not
/// compared; those with a missing value are left out; one that does not vary is like another that does not, and
/// √window from one that does. O(n²) for n = 4,096 at most: some tens of milliseconds.
pub fn matrix_profile(values: &[f64], window: usize) -> Result<MatrixProfile, Unmatched> {
    if window < WINDOW_MIN {
        return Err(Unmatched::Window(window));
    }
    let left_out = values.len().saturating_sub(VALUES_MAX);
    let values = &values[left_out..];
    if values.len() / 2 < window {
        let values = values.len();
        return Err(Unmatched::TooFew { values, window });
    }
    let parts = values.len() - window + 1;
    let scaled = scaled(values);
    let shapes: Vec<Shape> = (0..parts)
        .map(|at| shape(&values[at..at + window], &scaled[at..at + window]))
        .collect();
    // The square of the distance is 2 · window · (1 - correlation), so the greatest correlation is looked for.
    let mut best = vec![(f64::NEG_INFINITY, 0_usize); parts];
    let width = count(window);
    for diagonal in window.div_ceil(2)..parts {
        let mut product: f64 = scaled[..window]
            .iter()
            .zip(&scaled[diagonal..])
            .map(|(a, b)| a * b)
            .sum();
        for at in 0..parts - diagonal {
            let other = at + diagonal;
            if at > 0 {
                product += scaled[at + window - 1] * scaled[other + window - 1]
                    - scaled[at - 1] * scaled[other - 1];
            }
            let (a, b) = (&shapes[at], &shapes[other]);
            if !(a.known && b.known) {
                continue;
            }
            let correlation = match (a.varies(), b.varies()) {
                (true, true) => {
                    ((product / width - a.mean * b.mean) * a.inverse * b.inverse).min(1.0)
                }
                (false, false) => 1.0,
                _ => 0.5,
            };
            for (at, other) in [(at, other), (other, at)] {
                if correlation > best[at].0 {
                    best[at] = (correlation, other);
                }
            }
        }
    }
    let distance = |correlation: f64| (2.0 * width * (1.0 - correlation)).max(0.0).sqrt();
    Ok(MatrixProfile {
        distances: best.iter().map(|best| distance(best.0)).collect(),
        nearest: best
            .iter()
            .map(|best| best.0.is_finite().then_some(best.1))
            .collect(),
        window,
        left_out,
    })
}

/// The parts most like another, the most alike first, none of which overlaps one told before or its like; at most so
/// many and [`TOLD_MAX`]. O(n log n).
pub fn motifs(profile: &MatrixProfile, most: usize) -> Vec<Part> {
    told(profile, most, true)
}

/// The parts least like any other, the oddest first, none of which overlaps one told before; at most so many and
/// [`TOLD_MAX`] (discords of Keogh, Lin and Fu, "HOT SAX", 2005). O(n log n).
pub fn discords(profile: &MatrixProfile, most: usize) -> Vec<Part> {
    told(profile, most, false)
}

fn told(profile: &MatrixProfile, most: usize, alike: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = profile
        .distances
        .iter()
        .zip(&profile.nearest)
        .enumerate()
        .filter_map(|(at, (&distance, nearest))| {
            Some(Part {
                at,
                nearest: (*nearest)?,
                distance,
            })
        })
        .collect();
    parts.sort_by(|a, b| {
        let order = a.distance.total_cmp(&b.distance);
        if alike { order } else { order.reverse() }.then(a.at.cmp(&b.at))
    });
    let mut taken = vec![false; profile.distances.len()];
    let mut found: Vec<Part> = Vec::new();
    for part in parts {
        if found.len() >= most.min(TOLD_MAX) {
            break;
        }
        let own = taken.get(part.at).copied().unwrap_or(true);
        if own || (alike && taken.get(part.nearest).copied().unwrap_or(true)) {
            continue;
        }
        let both = [part.at, part.nearest];
        for at in both.into_iter().take(if alike { 2 } else { 1 }) {
            let from = at.saturating_sub(profile.window - 1);
            taken
                .iter_mut()
                .take(at + profile.window)
                .skip(from)
                .for_each(|cell| *cell = true);
        }
        found.push(Part {
            at: part.at + profile.left_out,
            nearest: part.nearest + profile.left_out,
            distance: part.distance,
        });
    }
    found
}

/// From -1 to 1 around the mean, so that products keep their digits; zeroes where values are missing.
fn scaled(values: &[f64]) -> Vec<f64> {
    let known = || values.iter().copied().filter(|value| is_known(*value));
    let n = count(known().count().max(1));
    let mean = known().map(|value| value / n).sum::<f64>();
    let scale = known()
        .map(|value| (value - mean).abs())
        .fold(0.0, f64::max);
    let of = |value: &f64| {
        if is_known(*value) && scale > 0.0 {
            (value - mean) / scale
        } else {
            0.0
        }
    };
    values.iter().map(of).collect()
}

/// What is needed of one part.
struct Shape {
    known: bool,
    mean: f64,
    /// One over the deviation; 0 where it does not vary.
    inverse: f64,
}

impl Shape {
    fn varies(&self) -> bool {
        self.inverse > 0.0
    }
}

fn shape(raw: &[f64], scaled: &[f64]) -> Shape {
    let n = count(scaled.len());
    let mean = scaled.iter().sum::<f64>() / n;
    let variance = scaled
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / n;
    Shape {
        known: raw.iter().all(|value| is_known(*value)),
        mean,
        // Less is the rounding of the products.
        inverse: if variance > 1e-10 {
            1.0 / variance.sqrt()
        } else {
            0.0
        },
    }
}
