//! Series that behave alike: found fast by a sketch of the week, proved by correlation, and gathered in groups.

use crate::clean::is_known;
use crate::linear::count;
use crate::profile::{HOURS, WeekProfile};

/// Values of which a correlation is made, at most: the last ones. A year of hours.
pub const VALUES_MAX: usize = 8_784;
/// Steps by which one series may be behind the other, at most.
pub const LAG_MAX: usize = 168;
/// Pairs of values of which a correlation is told, at least.
pub const PAIRS_MIN: usize = 8;
/// Series that are told as nearest, at most.
pub const NEAREST_MAX: usize = 1_000;
/// Series that are gathered in groups at once, at most: distances between all take 8 MB.
pub const GROUPED_MAX: usize = 1_000;

/// Cells of a sketch: three hours of the week each.
const CELLS: usize = 56;
const HOURS_OF_CELL: usize = HOURS / CELLS;
/// A sketch as a vector is so long.
const LENGTH: f64 = 127.0;

/// The shape of a week in 56 octets: how three hours each lie beside the week's mean, whatever the size and the
/// unit. Of 100,000 series they take 5.6 MB.
// Invariant: as a vector it is about 127 long, so no cell and no product of two overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sketch([i8; CELLS]);

impl Sketch {
    /// The sketch of a profile; none of a week that does not vary. Hours in which nothing was measured count as the
    /// mean. O(168).
    pub fn of(profile: &WeekProfile) -> Option<Self> {
        let medians = || (0..HOURS).map(|hour| profile.hour(hour).map(|hour| hour.median));
        let known: Vec<f64> = medians()
            .flatten()
            .filter(|value| is_known(*value))
            .collect();
        let mean = known
            .iter()
            .map(|value| value / count(known.len()))
            .sum::<f64>();
        let away: Vec<f64> = medians()
            .map(|median| median.map_or(0.0, |median| median - mean))
            .collect();
        let cells: Vec<f64> = away
            .chunks(HOURS_OF_CELL)
            .map(|hours| hours.iter().sum::<f64>())
            .collect();
        let largest = cells.iter().map(|cell| cell.abs()).fold(0.0, f64::max);
        // What differs by rounding alone does not vary.
        if !(largest.is_finite() && largest > mean.abs() * f64::EPSILON * 1e3) {
            return None;
        }
        let square: f64 = cells.iter().map(|cell| (cell / largest).powi(2)).sum();
        let scale = LENGTH / square.sqrt();
        let mut sketch = [0; CELLS];
        for (to, cell) in sketch.iter_mut().zip(cells) {
            // No cell is longer than the vector.
            #[allow(clippy::cast_possible_truncation)]
            let rounded = (cell / largest * scale).round().clamp(-127.0, 127.0) as i8;
            *to = rounded;
        }
        Some(Self(sketch))
    }

    /// About the correlation of two weeks, -1 to 1. O(56).
    pub fn likeness(&self, other: &Self) -> f64 {
        self.likeness_of(other, self.dot(self), other.dot(other))
    }

    fn dot(&self, other: &Self) -> i32 {
        let cells = self.0.iter().zip(&other.0);
        cells.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
    }

    /// The same of two whose squares are known.
    fn likeness_of(&self, other: &Self, square: i32, of_other: i32) -> f64 {
        let both = f64::from(square) * f64::from(of_other);
        (f64::from(self.dot(other)) / both.sqrt().max(1.0)).clamp(-1.0, 1.0)
    }
}

/// The indexes of those most like one, with their likeness, the most alike first; at most so many and
/// [`NEAREST_MAX`]. O(56 · n): some milliseconds among 100,000.
pub fn nearest(of: &Sketch, among: &[Sketch], most: usize) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> = among
        .iter()
        .enumerate()
        .map(|(at, other)| (at, of.likeness(other)))
        .collect();
    let order = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let most = most.min(NEAREST_MAX);
    if most < found.len() {
        found.select_nth_unstable_by(most, order);
        found.truncate(most);
    }
    found.sort_unstable_by(order);
    found
}

/// How much two series go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Together {
    /// The correlation, -1 to 1.
    pub correlation: f64,
    /// Steps by which the second is behind the first; under 0 where it is before it.
    pub lag: isize,
    /// Pairs of values of which it is.
    pub pairs: usize,
}

/// The correlation (Pearson's) of two series at the same equal steps that end together, at the lag of at most
/// `lag_max` (and [`LAG_MAX`]) steps to either side at which it is greatest; the least lag where several are. Missing
/// values are left out in pairs. None where no lag has [`PAIRS_MIN`] pairs of values that vary. O(n · lags).
pub fn together(first: &[f64], second: &[f64], lag_max: usize) -> Option<Together> {
    let same = first.len().min(second.len()).min(VALUES_MAX);
    let late = |values: &[f64]| scaled(values.get(values.len() - same..).unwrap_or_default());
    let (first, second) = (late(first), late(second));
    let mut best: Option<Together> = None;
    for lag in 0..=lag_max.min(LAG_MAX).min(same) {
        let behind = correlation(&first, second.get(lag..).unwrap_or_default());
        let before = correlation(first.get(lag..).unwrap_or_default(), &second);
        let signed = isize::try_from(lag).unwrap_or_default();
        for (found, lag) in [(behind, signed), (before, -signed)] {
            if let Some((correlation, pairs)) = found
                && best.is_none_or(|best| correlation > best.correlation)
            {
                best = Some(Together {
                    correlation,
                    lag,
                    pairs,
                });
            }
        }
    }
    best
}

/// From -1 to 1 around a middle, so that nothing overflows; missing stays missing.
fn scaled(values: &[f64]) -> Vec<f64> {
    let known = || values.iter().copied().filter(|value| is_known(*value));
    let n = count(known().count().max(1));
    let mean = known().map(|value| value / n).sum::<f64>();
    let scale = known()
        .map(|value| (value - mean).abs())
        .fold(0.0, f64::max);
    let varies = scale > mean.abs() * f64::EPSILON * n;
    let of = |value: &f64| match (is_known(*value), varies) {
        (false, _) => f64::NAN,
        (true, false) => 0.0,
        (true, true) => (value - mean) / scale,
    };
    values.iter().map(of).collect()
}

fn correlation(first: &[f64], second: &[f64]) -> Option<(f64, usize)> {
    let (mut pairs, mut sums) = (0, [0.0; 5]);
    for (a, b) in first.iter().zip(second) {
        let product = a * b;
        if product.is_nan() {
            continue;
        }
        pairs += 1;
        for (sum, of) in sums.iter_mut().zip([*a, *b, a * a, b * b, product]) {
            *sum += of;
        }
    }
    let n = count(pairs);
    let [of_first, of_second, first_squares, second_squares, products] = sums;
    let first_varies = first_squares - of_first * of_first / n;
    let second_varies = second_squares - of_second * of_second / n;
    let least = 1e-12 * n;
    if pairs < PAIRS_MIN || first_varies <= least || second_varies <= least {
        return None;
    }
    let both = products - of_first * of_second / n;
    let correlation = both / (first_varies * second_varies).sqrt();
    Some((correlation.clamp(-1.0, 1.0), pairs))
}

/// Why series are not gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} series are more than the {GROUPED_MAX} that are gathered at once")]
pub struct TooMany {
    /// How many there are.
    pub found: usize,
}

/// The group of each of some weeks, from 0 in the order of their first members: those whose likeness is at least
/// `alike` (-1 to 1) on the average of all pairs are of one. Average linkage (Sokal and Michener, "A Statistical
/// Method for Evaluating Systematic Relationships", 1958) by chains of nearest neighbours (Murtagh, "A Survey of
/// Recent Advances in Hierarchical Clustering Algorithms", 1983), without chance. O(n²) in time and memory.
pub fn groups(sketches: &[Sketch], alike: f64) -> Result<Vec<usize>, TooMany> {
    let n = sketches.len();
    if n > GROUPED_MAX {
        return Err(TooMany { found: n });
    }
    let mut apart = Distances::new(sketches);
    let mut merges: Vec<(f64, usize, usize)> = Vec::with_capacity(n);
    let mut sizes = vec![1.0; n];
    let mut left: Vec<usize> = (0..n).collect();
    let mut chain: Vec<usize> = Vec::with_capacity(n);
    while left.len() > 1 {
        let Some(last) = chain.last().copied().or_else(|| left.first().copied()) else {
            break;
        };
        if chain.is_empty() {
            chain.push(last);
        }
        let before = chain
            .len()
            .checked_sub(2)
            .and_then(|at| chain.get(at))
            .copied();
        // The one before wins where another is as near, so that every chain ends.
        let others = before.into_iter().chain(left.iter().copied());
        let near = others
            .filter(|other| *other != last)
            .map(|other| (apart.of(last, other), other))
            .fold(None, |best: Option<(f64, usize)>, new| match best {
                Some(best) if best.0 <= new.0 => Some(best),
                _ => Some(new),
            });
        let Some((distance, other)) = near else {
            break;
        };
        if Some(other) != before {
            chain.push(other);
            continue;
        }
        chain.truncate(chain.len() - 2);
        let (kept, gone) = (last.min(other), last.max(other));
        merges.push((distance, kept, gone));
        let size = |at: usize| sizes.get(at).copied().unwrap_or(1.0);
        let (of_kept, of_gone) = (size(kept), size(gone));
        left.retain(|at| *at != gone);
        for &at in left.iter().filter(|at| **at != kept) {
            let both = of_kept * apart.of(kept, at) + of_gone * apart.of(gone, at);
            apart.set(kept, at, both / (of_kept + of_gone));
        }
        if let Some(size) = sizes.get_mut(kept) {
            *size += of_gone;
        }
    }
    Ok(labels(n, &merges, 1.0 - alike))
}

/// Groups by the merges that are near enough; they need no order, since average linkage never comes nearer again.
fn labels(n: usize, merges: &[(f64, usize, usize)], most: f64) -> Vec<usize> {
    let mut joined: Vec<usize> = (0..n).collect();
    for &(_, kept, gone) in merges.iter().filter(|merge| merge.0 <= most) {
        if let Some(cell) = joined.get_mut(gone) {
            *cell = kept;
        }
    }
    let mut numbers: Vec<Option<usize>> = vec![None; n];
    let mut next = 0;
    (0..n)
        .map(|at| {
            // Each points to a lower one or to itself.
            let mut root = at;
            while let Some(&lower) = joined.get(root).filter(|lower| **lower < root) {
                root = lower;
            }
            let Some(number) = numbers.get_mut(root) else {
                return 0;
            };
            *number.get_or_insert_with(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

/// Distances between all pairs.
struct Distances {
    n: usize,
    /// Row-major.
    cells: Vec<f64>,
}

impl Distances {
    fn new(sketches: &[Sketch]) -> Self {
        let n = sketches.len();
        let mut apart = Self {
            n,
            cells: vec![0.0; n * n],
        };
        let squares: Vec<i32> = sketches.iter().map(|sketch| sketch.dot(sketch)).collect();
        let all = || sketches.iter().zip(&squares).enumerate();
        for (row, (a, of_a)) in all() {
            for (column, (b, of_b)) in all().take(row) {
                apart.set(row, column, 1.0 - a.likeness_of(b, *of_a, *of_b));
            }
        }
        apart
    }

    fn of(&self, a: usize, b: usize) -> f64 {
        self.cells
            .get(a * self.n + b)
            .copied()
            .unwrap_or(f64::INFINITY)
    }

    fn set(&mut self, a: usize, b: usize, distance: f64) {
        for at in [a * self.n + b, b * self.n + a] {
            if let Some(cell) = self.cells.get_mut(at) {
                *cell = distance;
            }
        }
    }
}
