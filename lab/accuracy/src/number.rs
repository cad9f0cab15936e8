//! Means, percentiles, and intervals of them.

/// Sum over count; not a number where there is none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The value below which half of them are.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which a share of them is, as a line between the two nearest (definition 7 of Hyndman and Fan,
/// "Sample Quantiles in Statistical Packages", The American Statistician 50, 1996). Not a number where there is
/// none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (below, part) = (place.floor(), place.fract());
    let at = |place: f64| sorted.get(whole(place)).copied();
    match (at(below), at(below + 1.0)) {
        (Some(low), Some(high)) => low + (high - low) * part,
        (Some(low), None) => low,
        (None, _) => f64::NAN,
    }
}

/// Twice the product over the sum: of precision and recall.
pub fn f1(precision: f64, recall: f64) -> f64 {
    ratio(2.0 * precision * recall, precision + recall)
}

/// A share, 0 of nothing.
pub fn ratio(part: f64, of: f64) -> f64 {
    if of > 0.0 { part / of } else { 0.0 }
}

/// A count as a number.
pub fn count(count: usize) -> f64 {
    count as f64
}

/// A number that is none below zero, without what is behind its point.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn whole(value: f64) -> usize {
    value.clamp(0.0, 1e15) as usize
}

/// The interval that holds the share of which a sample of so many shows that part, in 95 of 100 cases (Wilson,
/// "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927).
pub fn wilson(share: f64, of: usize) -> (f64, f64) {
    const DEVIATIONS: f64 = 1.959_963_984_540_054;
    let (n, z2) = (count(of), DEVIATIONS * DEVIATIONS);
    let middle = share + z2 / (2.0 * n);
    let half = DEVIATIONS * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    ((middle - half) / scale, (middle + half) / scale)
}

/// How often a sample is drawn anew for an interval.
const RESAMPLES: usize = 2_000;

/// The interval of a score of so many parts that are drawn with replacement, in 95 of 100 cases (percentile
/// bootstrap: Efron, "Bootstrap Methods", The Annals of Statistics 7, 1979). The same draws each time.
pub fn bootstrap(parts: usize, score: impl Fn(&[usize]) -> f64) -> (f64, f64) {
    if parts == 0 {
        return (f64::NAN, f64::NAN);
    }
    let mut state = 0_u64;
    let mut draw = || {
        // SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let of_parts = u128::from(mixed ^ (mixed >> 31)) * parts as u128;
        usize::try_from(of_parts >> 64).expect("less than the parts")
    };
    let scores: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<usize> = (0..parts).map(|_| draw()).collect();
            score(&drawn)
        })
        .collect();
    (quantile(&scores, 0.025), quantile(&scores, 0.975))
}

/// The stretches of a row that hold: first and last place of each.
pub fn runs(row: impl IntoIterator<Item = bool>) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, holds) in row.into_iter().enumerate() {
        match runs.last_mut() {
            Some((_, last)) if holds && *last + 1 == at => *last = at,
            _ if holds => runs.push((at, at)),
            _ => {}
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_on_lines_between_values() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert!((median(&values) - 2.5).abs() < 1e-12);
        assert!((quantile(&values, 0.95) - 3.85).abs() < 1e-12);
        assert!((quantile(&values, 1.0) - 4.0).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn runs_are_found_at_both_ends() {
        let row = [1, 1, 0, 1, 0, 0, 1].map(|bit| bit == 1);
        assert_eq!(runs(row), [(0, 1), (3, 3), (6, 6)]);
        assert!(runs([]).is_empty());
    }

    #[test]
    fn intervals_hold_the_score() {
        // Worked in the paper's form by hand: 5 of 16.
        let (low, high) = wilson(5.0 / 16.0, 16);
        assert!(
            (low - 0.1416).abs() < 1e-3 && (high - 0.5560).abs() < 1e-3,
            "{low} {high}"
        );
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let of = |drawn: &[usize]| drawn.iter().map(|at| values[*at]).sum::<f64>() / 8.0;
        let (low, high) = bootstrap(values.len(), of);
        assert!(
            2.0 < low && low < 4.0 && 5.0 < high && high < 7.0,
            "{low} {high}"
        );
        assert_eq!(bootstrap(values.len(), of), (low, high));
    }

    #[test]
    fn shares_of_nothing_are_none() {
        assert!(f1(0.0, 0.0).abs() < 1e-12);
        assert!((f1(0.5, 1.0) - 2.0 / 3.0).abs() < 1e-12);
    }
}
