//! Points at which the level, the slope or the variance of a series changes.
//!
//! The series is cut where lines of a variance of their own, each with a price, describe it best: an exact
//! search over all cuts (Jackson and others, "An Algorithm for Optimal Partitioning of Data on an Interval",
//! 2005) that leaves out beginnings which cannot win any more (Killick, Fearnhead and Eckley, "Optimal Detection
//! of Changepoints With a Linear Computational Cost", 2012). The price grows with the memory of the noise, since
//! noise with memory wanders by itself. Where two lines that meet describe a cut as well, it is a change of slope
//! alone, and lies where they meet best (Hudson, "Fitting Segmented Curves Whose Join Points Have to Be
//! Estimated", 1966): lines that need not meet say little of the place of a bend.

use crate::clean::filled;
use crate::linear::{count, solve_symmetric};
use crate::robust::spread;
use crate::season::{autocorrelations, moving_mean, without_seasons};

/// The fewest values of a segment.
const SEGMENT_MIN: usize = 12;
/// The price of a cut, in logarithms of the length for each of its four parameters: place, level, slope and
/// variance.
const PRICE: f64 = 8.0;
/// Cuts are looked for among so many places, and then made exact.
const PLACES_MAX: usize = 600;

/// The indexes at which a new segment begins, ascending, of a series; `seasons` are taken out
/// before. What is missing counts as lying between its neighbours. O(n + p²) at most for p = min(n, 600) places.
pub fn change_points(values: &[f64], seasons: &[usize]) -> Vec<usize> {
    let rest = without_seasons(&filled(values), seasons);
    let Some(scale) = spread(&differences(&rest)).filter(|scale| *scale > 0.0) else {
        return Vec::new();
    };
    let sums = Sums::new(&rest, scale);
    let stride = rest.len().div_ceil(PLACES_MAX).max(1);
    let price = PRICE * count(rest.len().max(2)).ln() * memory(&rest);
    let mut cuts = partition(&sums, rest.len(), stride, price);
    if stride > 1 {
        refine(&sums, &mut cuts, rest.len(), stride);
    }
    join(&sums, &mut cuts, rest.len(), price);
    cuts
}

fn differences(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(a, b)| b - a)
        .collect()
}

/// How much more noise with memory varies in its means than noise without: of a first-order autoregression,
/// `(1 + r) / (1 - r)`, from what is left of slow movement.
fn memory(values: &[f64]) -> f64 {
    let near = moving_mean(values, (values.len() / 20).max(8));
    let rest: Vec<f64> = values
        .iter()
        .zip(near)
        .map(|(value, level)| value - level)
        .collect();
    let r = autocorrelations(&rest, 1)
        .get(1)
        .copied()
        .unwrap_or(0.0)
        .clamp(0.0, 0.8);
    (1.0 + r) / (1.0 - r)
}

/// Running sums, of which the best line of any segment follows.
struct Sums {
    /// Sums of y, y², and index times y, before each place.
    sums: Vec<[f64; 3]>,
    /// The least variance that a segment is believed to have.
    floor: f64,
}

impl Sums {
    fn new(values: &[f64], scale: f64) -> Self {
        let mean = values.iter().sum::<f64>() / count(values.len().max(1));
        let mut sums = vec![[0.0; 3]];
        let mut total = [0.0; 3];
        for (at, value) in values.iter().enumerate() {
            let y = (value - mean) / scale;
            for (sum, of) in total.iter_mut().zip([y, y * y, count(at) * y]) {
                *sum += of;
            }
            sums.push(total);
        }
        Self { sums, floor: 0.01 }
    }

    /// Twice the negative log-likelihood of a segment around its best line, without constants.
    fn cost(&self, from: usize, to: usize) -> f64 {
        let (Some(low), Some(high)) = (self.sums.get(from), self.sums.get(to)) else {
            return f64::INFINITY;
        };
        let [y, squares, products] = [high[0] - low[0], high[1] - low[1], high[2] - low[2]];
        let n = count(to - from);
        let middle = f64::midpoint(count(from), count(to) - 1.0);
        // Of the index around its middle.
        let spread = n * (n * n - 1.0) / 12.0;
        let of_line = products - middle * y;
        let explained = if spread > 0.0 {
            of_line * of_line / spread
        } else {
            0.0
        };
        let left = (squares - y * y / n - explained).max(0.0);
        n * (left / n).max(self.floor).ln()
    }

    /// The same of two lines that meet at a place within the segment, around which values vary alike.
    fn cost_joined(&self, from: usize, knot: usize, to: usize) -> Option<f64> {
        let (low, middle, high) = (
            self.sums.get(from)?,
            self.sums.get(knot)?,
            self.sums.get(to)?,
        );
        // Of the index from the knot: its sums and those of its squares over so many steps to a side.
        let powers = |steps: f64| {
            (
                steps * (steps + 1.0) / 2.0,
                steps * (steps + 1.0) * (2.0 * steps + 1.0) / 6.0,
            )
        };
        let n = count(to - from);
        let (left, left_squares) = powers(count(knot - from));
        let (right, right_squares) = powers(count(to - knot) - 1.0);
        let [y, squares, products] = [high[0] - low[0], high[1] - low[1], high[2] - low[2]];
        let of_knot = count(knot);
        let of_right = (high[2] - middle[2]) - of_knot * (high[0] - middle[0]);
        let of_left = products - of_knot * y - of_right;
        // Lines through one level at the knot: y = level + slope · min(u, 0) + slope' · max(u, 0).
        let mut matrix = [
            n,
            0.0,
            0.0, //
            -left,
            left_squares,
            0.0, //
            right,
            0.0,
            right_squares,
        ];
        let mut weights = [y, of_left, of_right];
        solve_symmetric(&mut matrix, &mut weights)?;
        let explained = weights[0] * y + weights[1] * of_left + weights[2] * of_right;
        let left = (squares - explained).max(0.0);
        Some(n * (left / n).max(self.floor).ln())
    }
}

fn partition(sums: &Sums, len: usize, stride: usize, price: f64) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).step_by(stride).collect();
    places.push(len);
    let shortest = SEGMENT_MIN.max(2 * stride);
    // The best total up to each place, and the place before it.
    let mut best: Vec<(f64, usize)> = vec![(-price, 0)];
    let mut open: Vec<usize> = vec![0];
    for (nth, &to) in places.iter().enumerate().skip(1) {
        let mut found = (f64::INFINITY, 0);
        let mut totals = Vec::with_capacity(open.len());
        for &begin in &open {
            let (Some(&from), Some(&(before, _))) = (places.get(begin), best.get(begin)) else {
                continue;
            };
            if to - from < shortest {
                totals.push(f64::NEG_INFINITY);
                continue;
            }
            let total = before + sums.cost(from, to);
            totals.push(total);
            if total + price < found.0 {
                found = (total + price, begin);
            }
        }
        best.push(found);
        // What is worse by more than a cut costs cannot win any more.
        let mut kept = totals.iter();
        open.retain(|_| kept.next().is_some_and(|total| *total <= found.0));
        open.push(nth);
    }
    let mut cuts = Vec::new();
    let mut at = places.len() - 1;
    while let Some(&(total, before)) = best.get(at) {
        if before == 0 || !total.is_finite() {
            break;
        }
        cuts.extend(places.get(before));
        at = before;
    }
    cuts.reverse();
    cuts
}

/// Moves each cut to the best place between its neighbours' near sides.
fn refine(sums: &Sums, cuts: &mut [usize], len: usize, stride: usize) {
    for nth in 0..cuts.len() {
        let before = nth
            .checked_sub(1)
            .and_then(|nth| cuts.get(nth))
            .copied()
            .unwrap_or(0);
        let behind = cuts.get(nth + 1).copied().unwrap_or(len);
        let Some(cut) = cuts.get_mut(nth) else {
            continue;
        };
        let low = cut.saturating_sub(2 * stride).max(before + SEGMENT_MIN);
        let high = (*cut + 2 * stride).min(behind.saturating_sub(SEGMENT_MIN));
        let total = |at: &usize| sums.cost(before, *at) + sums.cost(*at, behind);
        if let Some(best) = (low..=high).min_by(|a, b| total(a).total_cmp(&total(b))) {
            *cut = best;
        }
    }
}

/// Moves each cut that is but a bend to where two lines meet best.
fn join(sums: &Sums, cuts: &mut [usize], len: usize, price: f64) {
    for nth in 0..cuts.len() {
        let before = nth.checked_sub(1).and_then(|nth| cuts.get(nth)).copied();
        let (before, behind) = (
            before.unwrap_or(0),
            cuts.get(nth + 1).copied().unwrap_or(len),
        );
        let Some(cut) = cuts.get_mut(nth) else {
            continue;
        };
        let apart = sums.cost(before, *cut) + sums.cost(*cut, behind);
        let knots = before + SEGMENT_MIN..=behind.saturating_sub(SEGMENT_MIN);
        let joined = knots
            .filter_map(|knot| Some((knot, sums.cost_joined(before, knot, behind)?)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        // A level and a variance less, of four that are paid for.
        if let Some((knot, cost)) = joined
            && cost <= apart + price / 2.0
        {
            *cut = knot;
        }
    }
}
