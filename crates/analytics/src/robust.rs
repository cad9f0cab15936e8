//! Statistics that few wild values do not move.

use crate::linear::count;

/// Sorts ascending; what is no number comes last.
pub fn sort(values: &mut [f64]) {
    values.sort_unstable_by(|a, b| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)));
}

/// The quantile of values, 0 to 1, between neighbours by their distance (Hyndman and Fan, "Sample Quantiles in
/// Statistical Packages", 1996, type 7). What is no number is left out; none where nothing is left. O(n log n).
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut finite: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    sort(&mut finite);
    quantile_of_sorted(&finite, share)
}

/// As [`quantile`], of finite values in ascending order. O(1).
pub fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * count(last);
    // Between 0 and the last.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let below = place.floor() as usize;
    let (low, high) = (*sorted.get(below)?, *sorted.get((below + 1).min(last))?);
    let (apart, share) = (high - low, place - place.floor());
    // What is further apart than the greatest number is weighed one by one.
    Some(if apart.is_finite() {
        low + apart * share
    } else {
        low * (1.0 - share) + high * share
    })
}

/// The middle value. O(n log n).
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The median distance from the median, times 1.4826: the standard deviation of what is normally distributed
/// (Hampel, "The Influence Curve and Its Role in Robust Estimation", 1974). O(n log n).
pub fn spread(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&distances).map(|middle| middle * 1.4826)
}

/// The value at which half of all weight lies to either side, between neighbours by their weight. Pairs of
/// value and weight, all finite, weights not negative; none where no weight is over zero. O(n log n).
pub fn weighted_median(pairs: &mut [(f64, f64)]) -> Option<f64> {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    if half.is_nan() || half <= 0.0 {
        return None;
    }
    let (mut behind, mut before) = (0.0, None);
    for &(value, weight) in pairs.iter().filter(|pair| pair.1 > 0.0) {
        let centre = behind + weight / 2.0;
        if centre >= half {
            return Some(match before {
                Some((last_value, last_centre)) => {
                    let share = (half - last_centre) / (centre - last_centre);
                    last_value + (value - last_value) * share
                }
                None => value,
            });
        }
        behind += weight;
        before = Some((value, centre));
    }
    before.map(|(value, _)| value)
}
