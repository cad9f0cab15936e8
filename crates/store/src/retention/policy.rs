//! Policies: how long the samples of which series are kept.
//!
//! For each level of detail a built-in policy is for all series; an operator can change how long it
//! keeps, and lay others over it. Of the policies of a level that are for a series the one with the
//! greatest priority decides; of equal ones the one that keeps longest.

use super::view::{DeviceView, View};
use crate::pack::Kind;
use crate::series::selector::{Comparison, Matcher, SelectorFault};
use model::{PolicyId, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

/// Most policies that operators make: each is held against each metric and device.
pub const POLICIES_MAX: usize = 100;
/// Most patterns of metrics, or tags, of one policy.
pub const POLICY_LIST_MAX: usize = 64;
/// Longest pattern of metrics, in octets.
pub const METRICS_LEN_MAX: usize = 256;
/// Shortest time that may be kept, in days: a day is merged after it is over, and what is younger is
/// still being written.
pub const KEEP_DAYS_MIN: u32 = 1;
/// Longest, in days: a hundred years.
pub const KEEP_DAYS_MAX: u32 = 36_525;
/// Greatest priority. Operators' own begin at 1, the built-in have 0.
pub const PRIORITY_MAX: u32 = 1_000_000;

const DAY: Duration = Duration::from_hours(24);

/// How much detail samples are kept in.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[schema(as = RetentionLevel)]
pub enum Detail {
    /// Samples as they were polled.
    #[serde(rename = "raw")]
    Raw,
    /// Roll-ups of five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// Roll-ups of an hour.
    #[serde(rename = "1h")]
    Hours,
}

impl Detail {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Raw, Self::FiveMinutes, Self::Hours];

    /// What packs hold of it.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Samples => Self::Raw,
            Kind::FiveMinutes => Self::FiveMinutes,
            Kind::Hours => Self::Hours,
        }
    }

    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::FiveMinutes => "5m",
            Self::Hours => "1h",
        }
    }

    /// The built-in policy.
    fn built_in(self) -> Policy {
        let (number, keep_days) = match self {
            Self::Raw => (1, 400),
            Self::FiveMinutes => (2, 1_826),
            Self::Hours => (3, 3_652),
        };
        let mut id = BUILT_IN;
        if let Some(last) = id.last_mut() {
            *last = number;
        }
        Policy {
            id: PolicyId::from_bytes(id),
            name: format!("built-in {}", self.name()),
            metrics: Vec::new(),
            device_tags: BTreeSet::new(),
            level: self,
            keep_days,
            priority: 0,
            without_archive: false,
        }
    }
}

/// A UUIDv7 of the beginning of time; the last octet counts.
const BUILT_IN: [u8; 16] = [0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RetentionPolicyDocument)]
pub struct Policy {
    /// The id.
    pub id: PolicyId,
    /// What people call it.
    pub name: String,
    /// Names of metrics that it is for, as regular expressions of whole names; all where it is empty.
    pub metrics: Vec<String>,
    /// It is for devices that have one of these tags; for all where it is empty.
    pub device_tags: BTreeSet<String>,
    /// For which detail it is.
    pub level: Detail,
    /// How many days are kept.
    pub keep_days: u32,
    /// The greatest decides.
    pub priority: u32,
    /// Samples go when they are over, whether they were archived or not. Means nothing where there is no
    /// archive.
    #[serde(default)]
    pub without_archive: bool,
}

impl Policy {
    /// The built-in ones, as they are where nobody changed them.
    pub fn built_in() -> [Self; 3] {
        Detail::ALL.map(Detail::built_in)
    }

    /// Whether it is one of the built-in ones, changed or not.
    pub fn is_built_in(&self) -> bool {
        Self::built_in().iter().any(|other| other.id == self.id)
    }

    /// A day that ended by then is kept no longer. Always the start of a day.
    pub fn cut(&self, now: Timestamp) -> Timestamp {
        let oldest = now.minus(DAY.saturating_mul(self.keep_days.max(KEEP_DAYS_MIN)));
        crate::blocks::Level::Day.start(oldest)
    }
}

/// The pattern of a metric's name, or what is wrong with it.
pub fn metric_pattern(text: &str) -> Result<Matcher, SelectorFault> {
    if text.len() > METRICS_LEN_MAX {
        return Err(SelectorFault::TooLong);
    }
    Matcher::new(crate::series::attached::METRIC, Comparison::Fits, text)
}

/// A policy could not be understood. Nothing is removed while there is one, for it may be the one that
/// keeps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy {name} of retention cannot be understood")]
pub struct PolicyError {
    /// Its name.
    pub name: String,
    /// What is wrong.
    #[source]
    pub fault: SelectorFault,
}

/// All policies, those that go before others first.
#[derive(Clone, Debug)]
// Invariant: of each level there is one that is for all series.
pub struct PolicySet {
    policies: Vec<Policy>,
    metrics: Vec<Vec<Matcher>>,
}

impl PolicySet {
    /// The policies of operators, with the built-in ones where they are not among them.
    pub fn new(mut policies: Vec<Policy>) -> Result<Self, PolicyError> {
        for built_in in Policy::built_in() {
            match policies.iter_mut().find(|policy| policy.id == built_in.id) {
                // Whatever else was written, it is for all series, and the last.
                Some(changed) => {
                    let keep_days = changed.keep_days;
                    *changed = Policy {
                        keep_days,
                        ..built_in
                    };
                }
                None => policies.push(built_in),
            }
        }
        policies.sort_by_key(|policy| {
            let first = (Reverse(policy.priority), Reverse(policy.keep_days));
            (policy.is_built_in(), first, policy.id)
        });
        let metrics = policies.iter().map(|policy| {
            let patterns = policy.metrics.iter().map(|text| metric_pattern(text));
            patterns
                .collect::<Result<Vec<_>, _>>()
                .map_err(|fault| PolicyError {
                    name: policy.name.clone(),
                    fault,
                })
        });
        Ok(Self {
            metrics: metrics.collect::<Result<_, _>>()?,
            policies,
        })
    }

    /// The policies, those that go before others first.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    pub(super) fn get(&self, place: usize) -> Option<&Policy> {
        self.policies.get(place)
    }

    /// Of each policy, whether it is for each metric.
    pub(super) fn for_metrics(&self, view: &View) -> Vec<Vec<bool>> {
        let fits = |patterns: &Vec<Matcher>| {
            let all = view.metrics.iter();
            all.map(|metric| {
                patterns.is_empty() || patterns.iter().any(|p| p.holds([metric.as_str()]))
            })
            .collect()
        };
        self.metrics.iter().map(fits).collect()
    }

    /// The places of the policies that are for a device.
    pub(super) fn for_device(&self, device: &DeviceView) -> Vec<usize> {
        let is_for = |policy: &Policy| {
            policy.device_tags.is_empty() || !policy.device_tags.is_disjoint(&device.tags)
        };
        let all = self.policies.iter().enumerate();
        all.filter(|(_, policy)| is_for(policy))
            .map(|(place, _)| place)
            .collect()
    }

    /// The place of the policy of a level that keeps longest: for what nobody knows.
    pub(super) fn longest(&self, level: Detail) -> usize {
        let all = self.policies.iter().enumerate();
        let of_level = all.filter(|(_, policy)| policy.level == level);
        of_level
            .max_by_key(|(_, policy)| policy.keep_days)
            .map_or(usize::MAX, |(place, _)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, level: Detail, keep_days: u32, priority: u32) -> Policy {
        Policy {
            id: PolicyId::new(),
            name: name.to_owned(),
            keep_days,
            priority,
            ..level.built_in()
        }
    }

    #[test]
    fn the_greatest_priority_is_first_then_the_longest_and_the_built_in_last() {
        let given = vec![
            policy("short", Detail::Raw, 10, 5),
            policy("long", Detail::Raw, 20, 5),
            policy("first", Detail::Raw, 1, 9),
        ];
        let set = PolicySet::new(given).unwrap();
        let names: Vec<&str> = set.policies().iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names[..3], ["first", "long", "short"]);
        assert_eq!(names[3..], ["built-in 1h", "built-in 5m", "built-in raw"]);
        assert_eq!(set.get(set.longest(Detail::Raw)).unwrap().keep_days, 400);
    }

    #[test]
    fn of_a_built_in_only_the_days_can_be_other() {
        let changed = Policy {
            keep_days: 7,
            priority: 99,
            metrics: vec!["(".to_owned()],
            ..Detail::Raw.built_in()
        };
        let set = PolicySet::new(vec![changed]).unwrap();
        let raw = set
            .policies()
            .iter()
            .find(|p| p.level == Detail::Raw)
            .unwrap();
        let expected = Policy {
            keep_days: 7,
            ..Detail::Raw.built_in()
        };
        assert_eq!(raw, &expected);
        assert_eq!(set.policies().len(), 3);
    }

    #[test]
    fn a_policy_that_cannot_be_understood_is_told() {
        let bad = Policy {
            metrics: vec!["if(".to_owned()],
            ..policy("bad", Detail::Raw, 1, 1)
        };
        assert_eq!(PolicySet::new(vec![bad]).unwrap_err().name, "bad");
    }

    #[test]
    fn a_cut_is_at_midnight_and_no_younger_than_a_day() {
        let now = "2026-03-10T13:00:00Z".parse().unwrap();
        for (keep_days, cut) in [
            (0, "2026-03-09T00:00:00Z"),
            (1, "2026-03-09T00:00:00Z"),
            (9, "2026-03-01T00:00:00Z"),
        ] {
            let policy = policy("p", Detail::Raw, keep_days, 1);
            assert_eq!(policy.cut(now), cut.parse().unwrap(), "{keep_days}");
        }
    }
}
