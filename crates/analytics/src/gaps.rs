//! Gaps of a series, filled.

use crate::linear::count;

/// The values from the first that is known to the last, with those that are missing on the line between the known
/// ones beside them (linear interpolation). Empty where none is known. What is not finite is missing. O(n).
pub fn filled(values: &[f64]) -> Vec<f64> {
    let is_known = |value: &&f64| value.is_finite();
    let Some(begin) = values.iter().position(|value| value.is_finite()) else {
        return Vec::new();
    };
    let mut filled: Vec<f64> = Vec::with_capacity(values.len() - begin);
    let mut gap = 0;
    for value in values.iter().skip(begin) {
        if !is_known(&value) {
            gap += 1;
            continue;
        }
        let last = filled.last().copied().unwrap_or(*value);
        let steps = count(gap + 1);
        filled.extend((1..=gap).map(|place| {
            let share = count(place) / steps;
            // Not the difference of both, which may be beyond the largest number.
            last * (1.0 - share) + value * share
        }));
        filled.push(*value);
        gap = 0;
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gaps_are_lines() {
        let nan = f64::NAN;
        let values = [nan, f64::INFINITY, 1.0, nan, nan, 4.0, 5.0, nan];
        assert_eq!(filled(&values), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(filled(&[]), []);
        assert_eq!(filled(&[nan; 9]), []);
        assert_eq!(
            filled(&[f64::MAX, nan, -f64::MAX]),
            [f64::MAX, 0.0, -f64::MAX]
        );
        assert_eq!(filled(&vec![7.0; 100_000]).len(), 100_000);
    }

    proptest! {
        #[test]
        fn what_is_known_stays_and_the_rest_lies_between(
            values in prop::collection::vec(prop_oneof![3 => any::<f64>(), 1 => Just(f64::NAN)], 0..200)
        ) {
            let known: Vec<usize> = (0..values.len()).filter(|&at| values[at].is_finite()).collect();
            let filled = filled(&values);
            let (Some(&first), Some(&last)) = (known.first(), known.last()) else {
                prop_assert!(filled.is_empty());
                return Ok(());
            };
            prop_assert_eq!(filled.len(), last - first + 1);
            for pair in known.windows(2) {
                let (a, b) = (values[pair[0]], values[pair[1]]);
                // Within rounding of the two products.
                let (low, high) = (a.min(b), a.max(b));
                let room = (a.abs().max(b.abs())) * 1e-15;
                for at in pair[0]..=pair[1] {
                    let value = filled[at - first];
                    prop_assert!(value >= low - room && value <= high + room);
                }
                prop_assert_eq!(filled[pair[0] - first].to_bits(), a.to_bits());
            }
        }
    }
}
