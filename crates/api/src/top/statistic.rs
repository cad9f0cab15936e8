//! The numbers of a range from its steps, and its steps for a small chart.

use super::TopStatistic;
use crate::sampling::Point;
use model::Timestamp;
use store::series::Quantile;

/// The numbers by which rows are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) avg: f64,
    pub(crate) p95: f64,
    pub(crate) max: f64,
}

impl Numbers {
    /// Of the steps that have a value; none where none has. The percentile is of the nearest rank:
    /// the least value that 95 of 100 steps do not exceed.
    pub(super) fn of_steps(steps: &[(Timestamp, Option<f64>)]) -> Option<Self> {
        let mut known: Vec<f64> = steps.iter().filter_map(|(_, value)| *value).collect();
        let avg = known.iter().sum::<f64>() / known.len().max(1) as f64;
        Some(Self {
            avg,
            p95: Quantile::P95.nearest_rank(&mut known)?,
            // They are in order by now.
            max: *known.last()?,
        })
    }

    /// The one that decides.
    pub(crate) fn of(self, statistic: TopStatistic) -> f64 {
        match statistic {
            TopStatistic::Avg => self.avg,
            TopStatistic::P95 => self.p95,
            TopStatistic::Max => self.max,
        }
    }
}

/// At most `most` points: the mean of the steps that each stands for.
pub(super) fn thinned(steps: &[(Timestamp, Option<f64>)], most: usize) -> Vec<Point> {
    let each = steps.len().div_ceil(most.max(1)).max(1);
    steps
        .chunks(each)
        .filter_map(|chunk| {
            let (at, _) = chunk.first()?;
            let known: Vec<f64> = chunk.iter().filter_map(|(_, value)| *value).collect();
            let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
            Some(Point(at.unix_ms(), (!known.is_empty()).then_some(mean)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(values: &[Option<f64>]) -> Vec<(Timestamp, Option<f64>)> {
        let times = (0..).map(|n| Timestamp::from_unix_ms(n * 1_000));
        times.zip(values.iter().copied()).collect()
    }

    #[test]
    fn numbers_by_hand() {
        let numbers = |values: &[Option<f64>]| Numbers::of_steps(&steps(values));
        assert_eq!(numbers(&[None, None]), None);
        let all: Vec<Option<f64>> = (1..=100).map(|n| Some(f64::from(n))).collect();
        let told = numbers(&all).unwrap();
        assert_eq!((told.avg, told.p95, told.max), (50.5, 95.0, 100.0));
        let told = numbers(&[Some(4.0), None, Some(2.0)]).unwrap();
        assert_eq!((told.avg, told.p95, told.max), (3.0, 4.0, 4.0));
    }

    #[test]
    fn points_are_means_and_gaps_stay() {
        let values = [Some(1.0), Some(3.0), None, None, Some(5.0)];
        let points = thinned(&steps(&values), 3);
        let wanted = [
            Point(0, Some(2.0)),
            Point(2_000, None),
            Point(4_000, Some(5.0)),
        ];
        assert_eq!(points, wanted);
        assert_eq!(thinned(&steps(&values), 60).len(), 5);
        assert_eq!(thinned(&[], 60), []);
    }
}
