//! Numbers of metrics: those of the table, and beside them names that this version does not know.
//!
//! A later version may have written those; their series are kept, so that their samples are not
//! taken for another's and are there again for who knows them.

use model::Metric;
use std::collections::HashMap;

/// Names of metrics that are kept though they are not known. A registry with more is not a later
/// version's but damaged.
pub(super) const UNKNOWN_METRICS_MAX: usize = 1_024;

/// A metric by its number in memory: its row of the table, or a name above those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MetricNo(u16);

impl MetricNo {
    pub(super) fn place(self) -> usize {
        usize::from(self.0)
    }
}

/// What is measured, as the registry's table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    /// A metric of the table.
    Known(Metric),
    /// A name that is not in the table.
    Unknown(Box<str>),
}

impl Measured {
    /// What a name stands for.
    pub(crate) fn named(name: &str) -> Self {
        Metric::named(name).map_or_else(|_| Self::Unknown(name.into()), Self::Known)
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Known(metric) => metric.name(),
            Self::Unknown(name) => name,
        }
    }
}

/// The numbers of all metrics that there are.
#[derive(Clone)]
pub(super) struct MetricNumbers {
    known: Vec<Metric>,
    unknown: Vec<Box<str>>,
    by_name: HashMap<Box<str>, MetricNo>,
}

impl Default for MetricNumbers {
    fn default() -> Self {
        let known: Vec<Metric> = Metric::all().collect();
        let names = known.iter().map(|metric| Box::from(metric.name()));
        let by_name = names.zip((0..).map(MetricNo)).collect();
        Self {
            known,
            unknown: Vec::new(),
            by_name,
        }
    }
}

impl MetricNumbers {
    /// The number of a metric of the table.
    pub(super) fn of(&self, metric: Metric) -> MetricNo {
        // `Metric::all` is in the order of the table, and a metric is one of them.
        let place = self.known.binary_search(&metric).unwrap_or(0);
        MetricNo(u16::try_from(place).unwrap_or(0))
    }

    /// The number of a name, given to it where it is new; none where too many names are not known.
    pub(super) fn intern(&mut self, name: &str) -> Option<MetricNo> {
        if let Some(number) = self.by_name.get(name) {
            return Some(*number);
        }
        if self.unknown.len() >= UNKNOWN_METRICS_MAX {
            return None;
        }
        let number = MetricNo(u16::try_from(self.known.len() + self.unknown.len()).ok()?);
        self.unknown.push(name.into());
        self.by_name.insert(name.into(), number);
        Some(number)
    }

    /// The number of a name, where it has one.
    pub(super) fn numbered(&self, name: &str) -> Option<MetricNo> {
        self.by_name.get(name).copied()
    }

    /// The metric of a number, where it is in the table.
    pub(super) fn known(&self, number: MetricNo) -> Option<Metric> {
        self.known.get(number.place()).copied()
    }

    /// The name of a number.
    pub(super) fn name(&self, number: MetricNo) -> &str {
        let unknown = || self.unknown.get(number.place() - self.known.len());
        match self.known(number) {
            Some(metric) => metric.name(),
            None => unknown().map_or("", |name| name),
        }
    }

    /// Every number.
    pub(super) fn all(&self) -> impl Iterator<Item = MetricNo> {
        (0u16..)
            .take(self.known.len() + self.unknown.len())
            .map(MetricNo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_number_and_names_that_are_not_known_get_one() {
        let mut numbers = MetricNumbers::default();
        for metric in Metric::all() {
            let number = numbers.of(metric);
            assert_eq!(numbers.known(number), Some(metric));
            assert_eq!(numbers.name(number), metric.name());
            assert_eq!(numbers.intern(metric.name()), Some(number));
        }
        let later = numbers.intern("ifLaterOctets").unwrap();
        assert_eq!(numbers.intern("ifLaterOctets"), Some(later));
        assert_eq!(numbers.known(later), None);
        assert_eq!(numbers.name(later), "ifLaterOctets");
        assert_eq!(numbers.all().last(), Some(later));
        for n in 1..UNKNOWN_METRICS_MAX {
            assert!(numbers.intern(&format!("other{n}")).is_some());
        }
        assert_eq!(numbers.intern("one_too_many"), None);
    }
}
