//! The steps of many series made those of a few: summed up across series by their labels, or the
//! largest of them chosen. Pure: no store, no clock.
//!
//! Every row has the same steps. A group has a value where any of its rows has one, of those that have
//! one: a device that was not asked makes a sum smaller, and [`Group::rows`] says over how many it is.

use super::statistics::{Moments, Quantile};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// A row: what it is of, and its value of each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Labels by their names.
    pub labels: BTreeMap<String, String>,
    /// The value of each step; none where it is not known.
    pub values: Vec<Option<f64>>,
}

/// How the rows of a group become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Across {
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The sum.
    Sum,
    /// How many have a value.
    Count,
    /// The standard deviation, of the rows as the whole population.
    Stddev,
    /// A quantile, between the two nearest by a straight line.
    Quantile(Quantile),
}

/// Which rows are a group: those of the same labels, of the ones named or of all but these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// By the labels named; a row that lacks one has it as the empty text.
    By(BTreeSet<String>),
    /// By all labels but those named.
    Without(BTreeSet<String>),
}

impl Grouping {
    /// All rows are one group.
    pub fn all() -> Self {
        Self::By(BTreeSet::new())
    }

    /// Whether there is but one group.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::By(names) if names.is_empty())
    }

    /// The group of a row with these labels.
    pub fn of(&self, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        match self {
            Self::By(names) => names
                .iter()
                .map(|name| (name.clone(), labels.get(name).cloned().unwrap_or_default()))
                .collect(),
            Self::Without(names) => labels
                .iter()
                .filter(|(name, _)| !names.contains(*name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }
}

/// A group of rows while rows are added; its size does not grow with them but for a quantile.
#[derive(Clone, Debug)]
pub struct Group {
    /// What its rows have in common.
    pub labels: BTreeMap<String, String>,
    /// How many rows it has, those without any value too.
    pub rows: u64,
    steps: Vec<Step>,
}

/// What is known of one step.
#[derive(Clone, Debug)]
enum Step {
    Fold {
        count: u64,
        sum: f64,
        min: f64,
        max: f64,
    },
    Moments(Moments),
    All(Vec<f64>),
}

/// Sums rows up as they come, in any order.
#[derive(Clone, Debug)]
pub struct Groups {
    across: Across,
    grouping: Grouping,
    steps: usize,
    by_labels: BTreeMap<BTreeMap<String, String>, Group>,
}

impl Groups {
    /// Without rows; each will have so many steps.
    pub fn new(across: Across, grouping: Grouping, steps: usize) -> Self {
        Self {
            across,
            grouping,
            steps,
            by_labels: BTreeMap::new(),
        }
    }

    /// How many groups there are by now.
    pub fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_labels.is_empty()
    }

    /// Adds a row. What it has beyond the steps is left.
    pub fn add(&mut self, row: &Row) {
        let labels = self.grouping.of(&row.labels);
        let (across, steps) = (self.across, self.steps);
        let group = self
            .by_labels
            .entry(labels)
            .or_insert_with_key(|labels| Group {
                labels: labels.clone(),
                rows: 0,
                steps: vec![Step::new(across); steps],
            });
        group.rows += 1;
        for (step, value) in group.steps.iter_mut().zip(&row.values) {
            if let Some(value) = value {
                step.add(*value);
            }
        }
    }

    /// The rows of the groups, in the order of their labels, each with how many rows it was made of.
    pub fn rows(self) -> Vec<(Row, u64)> {
        let across = self.across;
        let groups = self.by_labels.into_values().map(|group| {
            let row = Row {
                labels: group.labels,
                values: group
                    .steps
                    .into_iter()
                    .map(|step| step.value(across))
                    .collect(),
            };
            (row, group.rows)
        });
        groups.collect()
    }
}

impl Step {
    fn new(across: Across) -> Self {
        match across {
            Across::Stddev => Self::Moments(Moments::default()),
            Across::Quantile(_) => Self::All(Vec::new()),
            _ => Self::Fold {
                count: 0,
                sum: 0.0,
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
            },
        }
    }

    fn add(&mut self, value: f64) {
        match self {
            Self::Fold {
                count,
                sum,
                min,
                max,
            } => {
                *count += 1;
                *sum += value;
                *min = min.min(value);
                *max = max.max(value);
            }
            Self::Moments(moments) => moments.add(value),
            Self::All(values) => values.push(value),
        }
    }

    fn value(self, across: Across) -> Option<f64> {
        match (self, across) {
            (Self::Moments(moments), _) => moments.stddev(),
            (Self::All(mut values), Across::Quantile(quantile)) => quantile.of(&mut values),
            (Self::All(_) | Self::Fold { count: 0, .. }, _) => None,
            (
                Self::Fold {
                    count,
                    sum,
                    min,
                    max,
                },
                across,
            ) => Some(match across {
                Across::Min => min,
                Across::Max => max,
                Across::Sum => sum,
                Across::Count => count as f64,
                _ => sum / count as f64,
            }),
        }
    }
}

/// Which end of an order is chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The greatest.
    Top,
    /// The least.
    Bottom,
}

/// Keeps the k first by a number, whatever comes, in memory for k.
#[derive(Clone, Debug)]
pub struct Ranking<T> {
    k: usize,
    end: End,
    /// The last of those kept on top.
    kept: BinaryHeap<Reverse<Ranked<T>>>,
    seen: u64,
}

#[derive(Clone, Debug)]
struct Ranked<T> {
    /// Greater is better.
    by: f64,
    /// Of equal ones the earlier is better.
    seen: Reverse<u64>,
    what: T,
}

impl<T> Ranking<T> {
    /// Of nothing yet.
    pub fn new(k: usize, end: End) -> Self {
        Self {
            k,
            end,
            kept: BinaryHeap::new(),
            seen: 0,
        }
    }

    /// Considers one; what it is is only made where it is kept.
    pub fn consider(&mut self, by: f64, what: impl FnOnce() -> T) {
        let by = match self.end {
            End::Top => by,
            End::Bottom => -by,
        };
        self.seen += 1;
        if self.kept.len() >= self.k {
            let is_better = |Reverse(last): &Reverse<Ranked<T>>| by.total_cmp(&last.by).is_gt();
            if !self.kept.peek().is_some_and(is_better) {
                return;
            }
            self.kept.pop();
        }
        self.kept.push(Reverse(Ranked {
            by,
            seen: Reverse(self.seen),
            what: what(),
        }));
    }

    /// How many were considered.
    pub fn considered(&self) -> u64 {
        self.seen
    }

    /// Those kept, the best first, with their number.
    pub fn ranked(self) -> Vec<(f64, T)> {
        let end = self.end;
        let kept = self.kept.into_sorted_vec().into_iter();
        kept.map(|Reverse(ranked)| match end {
            End::Top => (ranked.by, ranked.what),
            End::Bottom => (-ranked.by, ranked.what),
        })
        .collect()
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by = self.by.total_cmp(&other.by);
        by.then_with(|| self.seen.cmp(&other.seen))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Ranked<T> {}

#[cfg(test)]
#[path = "across_tests.rs"]
mod tests;
