//! Numbers of a handful of values: quantiles and moments. Pure.

use std::fmt;

/// A share of the values, from 0 (the least) to 1 (the greatest).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Quantile(f64);

impl Quantile {
    /// The middle.
    pub const MEDIAN: Self = Self(0.5);
    /// What bandwidth is billed by.
    pub const P95: Self = Self(0.95);
    /// What all but one in a hundred do not exceed.
    pub const P99: Self = Self(0.99);

    /// `None` where the share is not from 0 to 1.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// The share.
    pub fn share(self) -> f64 {
        self.0
    }

    /// The quantile of the values, which are put in order: between the two nearest by a straight
    /// line (type 7 of Hyndman and Fan 1996, "Sample quantiles in statistical packages"; as NumPy and
    /// PromQL do). `None` where there are no values.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place between the first and the last"
    )]
    pub fn of(self, values: &mut [f64]) -> Option<f64> {
        values.sort_by(f64::total_cmp);
        let place = self.0 * values.len().checked_sub(1)? as f64;
        let below = place.floor();
        let low = *values.get(below as usize)?;
        let high = *values.get(place.ceil() as usize)?;
        // Not where they are equal: the difference of two infinities is no number.
        if low.total_cmp(&high).is_eq() {
            return Some(low);
        }
        Some(low + (high - low) * (place - below))
    }

    /// The least of the values that at least this share of them does not exceed (nearest rank, type 1
    /// of Hyndman and Fan 1996), which is a value that was measured. The values are put in order.
    /// `None` where there are none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank from 1 to the count"
    )]
    pub fn nearest_rank(self, values: &mut [f64]) -> Option<f64> {
        values.sort_by(f64::total_cmp);
        // A share such as 0.95 is not exact: what is a whole rank but for that is one.
        let rank = (self.0 * values.len() as f64 - 1e-9).ceil().max(1.0);
        values.get(rank as usize - 1).copied()
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Count, mean and spread of values that are given one by one, without loss where they are large and
/// near each other. Source: Welford 1962, "Note on a method for calculating corrected sums of squares
/// and products".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// Sum of the squares of the differences from the mean.
    squares: f64,
}

impl Moments {
    /// One value more.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let off = value - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (value - self.mean);
    }

    /// The mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The standard deviation of these values as the whole population; `None` without values.
    pub fn stddev(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.squares / self.count as f64).max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let p = |share| Quantile::new(share).unwrap();
        let mut values = [4.0, 1.0, 3.0, 2.0];
        for (share, between, nearest) in [
            (0.0, 1.0, 1.0),
            (0.25, 1.75, 1.0),
            (0.5, 2.5, 2.0),
            (0.75, 3.25, 3.0),
            (0.76, 3.28, 4.0),
            (1.0, 4.0, 4.0),
        ] {
            let told = p(share).of(&mut values).unwrap();
            assert!((told - between).abs() < 1e-12, "{share}: {told}");
            assert_eq!(p(share).nearest_rank(&mut values), Some(nearest), "{share}");
        }
        assert_eq!(Quantile::P95.of(&mut []), None);
        assert_eq!(Quantile::P95.nearest_rank(&mut []), None);
        assert_eq!(Quantile::P95.of(&mut [7.0]), Some(7.0));
        for share in [-0.1, 1.1, f64::NAN] {
            assert_eq!(Quantile::new(share), None);
        }
    }

    /// A month of five minutes has 8,640: 95 of 100 are 8,208, and the 432 greatest are free.
    #[test]
    fn a_month_is_billed_by_the_value_behind_its_greatest_twentieth() {
        let mut month: Vec<f64> = (1..=8_640).map(f64::from).collect();
        assert_eq!(Quantile::P95.nearest_rank(&mut month), Some(8_208.0));
        let mut few: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(Quantile::P95.nearest_rank(&mut few), Some(19.0));
    }

    #[test]
    fn moments_do_not_drown_in_large_numbers() {
        let mut moments = Moments::default();
        assert_eq!((moments.mean(), moments.stddev()), (None, None));
        for value in [1e15 + 4.0, 1e15 + 7.0, 1e15 + 13.0, 1e15 + 16.0] {
            moments.add(value);
        }
        assert_eq!(moments.mean(), Some(1e15 + 10.0));
        assert!((moments.stddev().unwrap() - 22.5_f64.sqrt()).abs() < 1e-6);
    }
}
