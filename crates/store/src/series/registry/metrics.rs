//! Numbers of metrics: those of the table, those that users made, and names that are not known.
//!
//! A later version may have written those; their series are kept, so that their samples are not
//! taken for another's and are there again for who knows them.

use model::Metric;
use std::collections::HashMap;

/// Names of metrics that are kept though they are not known. A registry with more is not a later
/// version's but damaged.
pub(super) const UNKNOWN_METRICS_MAX: usize = 1_024;

/// A metric by its number in memory.
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
    /// A metric of the table, or of users.
    Known(Metric),
    /// A name that is not known.
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

/// The numbers of all metrics that there are, in the order in which they were met. A name that becomes
/// known keeps its number: lists of series are found by it.
#[derive(Clone)]
pub(super) struct MetricNumbers {
    all: Vec<(Box<str>, Option<Metric>)>,
    by_name: HashMap<Box<str>, MetricNo>,
    by_metric: HashMap<Metric, MetricNo>,
    unknown: usize,
}

impl Default for MetricNumbers {
    fn default() -> Self {
        let mut numbers = Self {
            all: Vec::new(),
            by_name: HashMap::new(),
            by_metric: HashMap::new(),
            unknown: 0,
        };
        for metric in Metric::all() {
            numbers.add(metric.name(), Some(metric));
        }
        numbers
    }
}

impl MetricNumbers {
    /// The number of a metric; none of one that users made and that has no series yet.
    pub(super) fn of(&self, metric: Metric) -> Option<MetricNo> {
        self.by_metric.get(&metric).copied()
    }

    /// The number of a name, given to it where it is new; none where too many names are not known.
    pub(super) fn intern(&mut self, name: &str) -> Option<MetricNo> {
        let known = Metric::named(name).ok();
        if let Some(number) = self.by_name.get(name).copied() {
            if let Some(metric) = known {
                self.learn(metric);
            }
            return Some(number);
        }
        if known.is_none() && self.unknown >= UNKNOWN_METRICS_MAX {
            return None;
        }
        self.add(name, known)
    }

    /// A metric is known now: so are the series that were kept of its name.
    pub(super) fn learn(&mut self, metric: Metric) {
        let Some(number) = self.by_name.get(metric.name()).copied() else {
            return;
        };
        let Some((_, known)) = self.all.get_mut(number.place()) else {
            return;
        };
        if known.replace(metric).is_none() {
            self.unknown = self.unknown.saturating_sub(1);
        }
        self.by_metric.insert(metric, number);
    }

    fn add(&mut self, name: &str, metric: Option<Metric>) -> Option<MetricNo> {
        let number = MetricNo(u16::try_from(self.all.len()).ok()?);
        self.all.push((name.into(), metric));
        self.by_name.insert(name.into(), number);
        match metric {
            Some(metric) => {
                self.by_metric.insert(metric, number);
            }
            None => self.unknown += 1,
        }
        Some(number)
    }

    /// The number of a name, where it has one.
    pub(super) fn numbered(&self, name: &str) -> Option<MetricNo> {
        self.by_name.get(name).copied()
    }

    /// The metric of a number, where it is known.
    pub(super) fn known(&self, number: MetricNo) -> Option<Metric> {
        self.all.get(number.place())?.1
    }

    /// The name of a number.
    pub(super) fn name(&self, number: MetricNo) -> &str {
        self.all.get(number.place()).map_or("", |(name, _)| name)
    }

    /// Every number.
    pub(super) fn all(&self) -> impl Iterator<Item = MetricNo> {
        (0u16..).take(self.all.len()).map(MetricNo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::metric::Kind;
    use model::metric::own::NewMetric;

    #[test]
    fn every_metric_has_a_number_and_names_that_are_not_known_get_one() {
        let mut numbers = MetricNumbers::default();
        for metric in Metric::all() {
            let number = numbers.of(metric).unwrap();
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

    #[test]
    fn a_name_that_becomes_known_keeps_its_number() {
        let mut numbers = MetricNumbers::default();
        let before = numbers.intern("registry_own_a").unwrap();
        let behind = numbers.intern("registry_own_b").unwrap();
        let metric = Metric::own(&NewMetric {
            name: "registry_own_a".to_owned(),
            unit: "octets".to_owned(),
            kind: Kind::Counter,
            help: String::new(),
        })
        .unwrap();
        assert_eq!(numbers.of(metric), None);
        numbers.learn(metric);
        assert_eq!(numbers.of(metric), Some(before));
        assert_eq!(numbers.known(before), Some(metric));
        assert_eq!(numbers.name(behind), "registry_own_b");
        assert_eq!(numbers.intern("registry_own_a"), Some(before));
        let table = numbers.of(Metric::ICMP_RTT).unwrap();
        assert_eq!(numbers.known(table), Some(Metric::ICMP_RTT));
    }
}
