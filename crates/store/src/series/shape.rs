//! The series of a poll that is of the same things as the one before, without looking up each.
//!
//! Polls of a device mostly ask for the same things in the same order, so that comparing them costs
//! some nanoseconds a value; looking up each by its labels costs a hundred times as much, and a map
//! of them costs a hundred octets a series.

use super::Resolved;
use model::Metric;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Series in the order of a poll's values; none for a value that is not kept.
pub type InOrder = Arc<[Option<Resolved>]>;

/// What a poll was of, and the series of each of its values. `P` is what tells the parts of a device
/// apart in a poll, an ifIndex for example.
#[derive(Clone, Debug)]
// Invariant: `of` and `series` are as long; each part is in `parts` once, and `of` has its place.
pub struct Shape<P> {
    parts: Vec<P>,
    of: Vec<(Metric, u32)>,
    series: InOrder,
}

impl<P: Eq + Hash + Clone> Shape<P> {
    /// The shape of a poll whose values are of these metrics and parts, with the series of each.
    /// Values beyond those that have an entry in `series` are of no series.
    pub fn new<'a>(
        poll: impl IntoIterator<Item = (Metric, &'a P)>,
        series: impl IntoIterator<Item = Option<Resolved>>,
    ) -> Self
    where
        P: 'a,
    {
        let mut places: HashMap<&P, u32> = HashMap::new();
        let (mut parts, mut of) = (Vec::new(), Vec::new());
        for (metric, part) in poll {
            let place = *places.entry(part).or_insert_with(|| {
                parts.push(part.clone());
                // A poll has no four thousand million parts.
                u32::try_from(parts.len() - 1).unwrap_or(u32::MAX)
            });
            of.push((metric, place));
        }
        of.shrink_to_fit();
        let mut series: Vec<Option<Resolved>> = series.into_iter().take(of.len()).collect();
        series.resize(of.len(), None);
        Self {
            parts,
            of,
            series: series.into(),
        }
    }
}

impl<P: PartialEq> Shape<P> {
    /// The series of a poll, where it is of the same metrics and parts in the same order.
    pub fn series_of<'a>(&self, poll: impl IntoIterator<Item = (Metric, &'a P)>) -> Option<&InOrder>
    where
        P: 'a,
    {
        let mut known = self.of.iter();
        let same = poll.into_iter().all(|(metric, part)| {
            known.next().is_some_and(|(of, place)| {
                *of == metric && self.parts.get(*place as usize) == Some(part)
            })
        });
        (same && known.next().is_none()).then_some(&self.series)
    }

    /// The series of the poll that it was made of.
    pub fn series(&self) -> &InOrder {
        &self.series
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Column;
    use model::SeriesId;

    type Poll = Vec<(Metric, u32)>;

    fn borrowed(poll: &Poll) -> impl Iterator<Item = (Metric, &u32)> {
        poll.iter().map(|(metric, part)| (*metric, part))
    }

    #[test]
    fn a_poll_of_the_same_shape_has_the_same_series() {
        let (rtt, loss) = (Metric::ICMP_RTT, Metric::ICMP_LOSS);
        let poll: Poll = vec![(rtt, 1), (loss, 1), (rtt, 2), (loss, 3)];
        let series: Vec<Option<Resolved>> = (0..3)
            .map(|n| {
                (n != 1).then(|| Resolved {
                    id: SeriesId::new(),
                    column: Column(n),
                })
            })
            .collect();
        let shape = Shape::new(borrowed(&poll), series.clone());
        let known = shape.series_of(borrowed(&poll)).unwrap();
        assert_eq!(known[..3], series[..]);
        assert_eq!(known[3], None);
        assert!(Arc::ptr_eq(known, shape.series()));
        for other in [
            vec![],
            poll[..3].to_vec(),
            [poll.clone(), vec![(rtt, 4)]].concat(),
            vec![(rtt, 1), (loss, 1), (loss, 2), (loss, 3)],
            vec![(rtt, 1), (loss, 1), (rtt, 3), (loss, 3)],
            vec![(loss, 1), (rtt, 1), (rtt, 2), (loss, 3)],
        ] {
            assert!(shape.series_of(borrowed(&other)).is_none(), "{other:?}");
        }
    }
}
