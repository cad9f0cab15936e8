//! Series that another registry knew, as an archive has them: made known under the ids that they had,
//! so that their samples come back as theirs.

use super::index::Index;
use super::labels::{for_people, key_text};
use super::metrics::Measured;
use super::table::Change;
use crate::series::{Column, Resolved, SERIES_PER_DEVICE_MAX};
use model::{DeviceId, Labels, SeriesId};
use std::collections::HashMap;

/// A series that is to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adopted {
    /// Its id.
    pub(crate) id: SeriesId,
    /// What is measured.
    pub(crate) metric: String,
    /// Its labels, with the name of its interface for people.
    pub(crate) labels: Labels,
}

/// Why a series did not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdoptRefused {
    /// Its device was deleted here.
    DeviceDeleted,
    /// Another series has its id.
    OtherSeries,
    /// Its device has the most series that are kept.
    TooMany,
    /// Nobody knows what was measured.
    UnknownMetric,
    /// What the archive has of it is damaged.
    Damaged,
}

impl AdoptRefused {
    /// As answers say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceDeleted => "device_deleted",
            Self::OtherSeries => "other_series",
            Self::TooMany => "too_many",
            Self::UnknownMetric => "unknown_metric",
            Self::Damaged => "damaged",
        }
    }
}

/// What became of each that was to be known, in the order in which they were given.
pub(crate) type AdoptedAs = Vec<Result<Resolved, AdoptRefused>>;

impl Index {
    /// The changes that make series of a device known, and what each is known as after them. Those that
    /// are new get columns in the order of their ids, as they had.
    pub(crate) fn plan_adopt(
        &self,
        device_id: DeviceId,
        series: &[Adopted],
    ) -> (Vec<Change>, AdoptedAs) {
        let mut order: Vec<usize> = (0..series.len()).collect();
        order.sort_by_key(|n| series.get(*n).map(|series| series.id));
        let mut plan = Plan {
            index: self,
            device_id,
            next: self.next_column(device_id),
            count: self.count_of(device_id),
            new: HashMap::new(),
            changes: Vec::new(),
        };
        let mut all = vec![Err(AdoptRefused::OtherSeries); series.len()];
        for n in order {
            if let (Some(series), Some(answer)) = (series.get(n), all.get_mut(n)) {
                *answer = plan.adopt(series);
            }
        }
        (plan.changes, all)
    }
}

struct Plan<'a> {
    index: &'a Index,
    device_id: DeviceId,
    /// The column of the next series.
    next: u32,
    /// Series that the device will have.
    count: usize,
    /// Those that are new, by metric and labels.
    new: HashMap<(String, String), Resolved>,
    changes: Vec<Change>,
}

impl Plan<'_> {
    fn adopt(&mut self, series: &Adopted) -> Result<Resolved, AdoptRefused> {
        let labels = key_text(&series.labels);
        if let Some((device_id, metric, known, resolved)) = self.index.known_as(series.id) {
            let is_it = device_id == self.device_id && metric == series.metric && known == labels;
            return is_it.then_some(resolved).ok_or(AdoptRefused::OtherSeries);
        }
        // Whatever it was: what was deleted does not come back, under another id either.
        if self.index.was_ever_deleted(self.device_id) {
            return Err(AdoptRefused::DeviceDeleted);
        }
        let by_key = self
            .index
            .find_named(self.device_id, &series.metric, &series.labels);
        if let Some(resolved) = by_key {
            return Ok(resolved);
        }
        let key = (series.metric.clone(), labels);
        if let Some(resolved) = self.new.get(&key) {
            return Ok(*resolved);
        }
        let metric = Measured::named(&series.metric);
        if matches!(metric, Measured::Unknown(_)) && !self.index.keeps_metric(&series.metric) {
            return Err(AdoptRefused::UnknownMetric);
        }
        if self.count >= SERIES_PER_DEVICE_MAX {
            return Err(AdoptRefused::TooMany);
        }
        let resolved = Resolved {
            id: series.id,
            column: Column(self.next),
        };
        self.next = self.next.saturating_add(1);
        self.count += 1;
        self.changes.push(Change::Register {
            device_id: self.device_id,
            series: resolved,
            metric,
            labels: key.1.clone(),
            interface: for_people(&series.labels).map(str::to_owned),
        });
        self.new.insert(key, resolved);
        Ok(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Metric;

    fn series(id: SeriesId, metric: &str, port: &str) -> Adopted {
        Adopted {
            id,
            metric: metric.to_owned(),
            labels: Labels::default().with("port", port),
        }
    }

    fn adopt(index: &mut Index, device_id: DeviceId, series: &[Adopted]) -> AdoptedAs {
        let (changes, answer) = index.plan_adopt(device_id, series);
        for change in changes {
            index.apply(change);
        }
        answer
    }

    #[test]
    fn series_are_known_under_the_ids_that_they_had() {
        let mut index = Index::default();
        let device_id = DeviceId::new();
        let (first, second, third) = (SeriesId::new(), SeriesId::new(), SeriesId::new());
        let rtt = Metric::ICMP_RTT.name();
        // Given in another order than that of their ids.
        let given = [series(second, rtt, "2"), series(first, rtt, "1")];
        let answer = adopt(&mut index, device_id, &given);
        let known = |id, column| {
            Ok(Resolved {
                id,
                column: Column(column),
            })
        };
        assert_eq!(answer, [known(second, 1), known(first, 0)]);
        assert_eq!(adopt(&mut index, device_id, &given), answer, "once more");
        // The same under another id, which nobody has: that which is known is it.
        let again = [series(third, rtt, "1")];
        assert_eq!(adopt(&mut index, device_id, &again), [known(first, 0)]);
        // The id of another.
        let other = [series(first, rtt, "9")];
        let refused = [Err(AdoptRefused::OtherSeries)];
        assert_eq!(adopt(&mut index, device_id, &other), refused);
        assert_eq!(adopt(&mut index, DeviceId::new(), &given[1..]), refused);
        // Twice the same in one request.
        let (one, two) = (SeriesId::new(), SeriesId::new());
        let twice = [series(one, rtt, "5"), series(two, rtt, "5")];
        let answer = adopt(&mut index, device_id, &twice);
        assert_eq!(answer, [known(one, 2), known(one, 2)]);
        assert_eq!(index.count_of(device_id), 3);
    }

    #[test]
    fn what_cannot_be_known_is_refused_by_itself() {
        let mut index = Index::default();
        let device_id = DeviceId::new();
        let rtt = Metric::ICMP_RTT.name();
        let mixed = [
            series(SeriesId::new(), "nobody_measures_this", "1"),
            series(SeriesId::new(), rtt, "1"),
        ];
        let answer = adopt(&mut index, device_id, &mixed);
        assert_eq!(answer[0], Err(AdoptRefused::UnknownMetric));
        assert!(answer[1].is_ok());
        index.apply(Change::Delete { device_id });
        let back = adopt(&mut index, device_id, &mixed[1..]);
        assert_eq!(back, [Err(AdoptRefused::DeviceDeleted)]);
        let device_id = DeviceId::new();
        let many: Vec<Adopted> = (0..=SERIES_PER_DEVICE_MAX)
            .map(|n| series(SeriesId::new(), rtt, &n.to_string()))
            .collect();
        let answer = adopt(&mut index, device_id, &many);
        assert_eq!(answer.last(), Some(&Err(AdoptRefused::TooMany)));
        assert_eq!(answer.iter().filter(|one| one.is_err()).count(), 1);
    }
}
