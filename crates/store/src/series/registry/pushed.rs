//! The registry as those who push samples look at it.

use super::index::Index;
use model::Metric;

impl Index {
    /// A metric of users is known now.
    pub(crate) fn learn(&mut self, metric: Metric) {
        self.metrics.learn(metric);
    }

    /// How many series measure something.
    pub(crate) fn count_measuring(&self, metric: Metric) -> usize {
        let numbers = self.metrics.of(metric);
        let numbers = numbers.and_then(|number| self.by_metric.get(number.place()));
        numbers.map_or(0, Vec::len)
    }

    /// Whether a label has that value already, or has fewer than `max`.
    pub(crate) fn takes_value(&self, name: &str, value: &str, max: usize) -> bool {
        self.labels.pairs_named(name).len() < max || self.labels.pair(name, value).is_some()
    }
}
