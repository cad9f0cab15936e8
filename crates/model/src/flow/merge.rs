//! Adding tops up: minutes to hours, interfaces to a device. The error of a sum is the sum of the
//! errors; where a key has no row, all that it may have had there counts as error.

use super::{FlowBound, FlowRow, FlowSampling, FlowTop, FlowTotal};
use std::collections::HashMap;

/// Tops that are being added up.
#[derive(Clone, Debug, Default)]
pub struct Merging {
    total: FlowTotal,
    sampling: FlowSampling,
    absent: FlowBound,
    keys: HashMap<String, Sum>,
}

/// What a key has so far.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    octets: u64,
    packets: u64,
    error: FlowBound,
    /// Of the bounds of those without a row, the part of tops in which this key has one.
    known: FlowBound,
}

/// A row of the sum.
pub type MergedRow = FlowRow;

impl Merging {
    /// Adds one.
    pub fn add(&mut self, top: &FlowTop) {
        self.total.add(top.total);
        self.sampling.add(top.sampling);
        self.absent.add(top.absent);
        for row in &top.rows {
            let sum = match self.keys.get_mut(&row.key) {
                Some(sum) => sum,
                None => self.keys.entry(row.key.clone()).or_default(),
            };
            sum.octets = sum.octets.saturating_add(row.octets);
            sum.packets = sum.packets.saturating_add(row.packets);
            sum.error.add(row.error);
            sum.known.add(top.absent);
        }
    }

    /// All that was added, whatever the rows show.
    pub fn total(&self) -> FlowTotal {
        self.total
    }

    /// How it was sampled.
    pub fn sampling(&self) -> FlowSampling {
        self.sampling
    }

    /// The most that a key which no top had a row for may have had.
    pub fn absent(&self) -> FlowBound {
        self.absent
    }

    /// Different keys so far.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key was seen yet.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The largest so many rows, most octets first; those alike by key.
    pub fn rows(&self, limit: usize) -> Vec<MergedRow> {
        let mut order: Vec<(&String, &Sum)> = self.keys.iter().collect();
        order.sort_unstable_by(|(one_key, one), (other_key, other)| {
            (other.octets, one_key).cmp(&(one.octets, other_key))
        });
        order
            .into_iter()
            .take(limit)
            .map(|(key, sum)| {
                let mut error = sum.error;
                error.add(self.absent.without(sum.known));
                FlowRow {
                    key: key.clone(),
                    octets: sum.octets,
                    packets: sum.packets,
                    error,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowDimension, FlowDirection};

    fn top(absent: u64, rows: &[(&str, u64, u64)]) -> FlowTop {
        let bound = |octets| FlowBound { octets, packets: 0 };
        FlowTop {
            if_index: 1,
            direction: FlowDirection::Ingress,
            dimension: FlowDimension::Host,
            window_secs: 60,
            total: FlowTotal {
                octets: 1_000,
                packets: 0,
                flows: 0,
            },
            sampling: FlowSampling::default(),
            absent: bound(absent),
            rows: rows
                .iter()
                .map(|&(key, octets, error)| FlowRow {
                    key: key.to_owned(),
                    octets,
                    packets: 0,
                    error: bound(error),
                })
                .collect(),
        }
    }

    #[test]
    fn where_a_key_has_no_row_all_that_it_may_have_had_is_error() {
        let mut merging = Merging::default();
        merging.add(&top(7, &[("a", 100, 1), ("b", 50, 2)]));
        merging.add(&top(20, &[("a", 100, 0)]));
        merging.add(&top(0, &[("c", 60, 0)]));
        let shown: Vec<(String, u64, u64)> = merging
            .rows(3)
            .into_iter()
            .map(|row| (row.key, row.octets, row.error.octets))
            .collect();
        let row = |key: &str, octets, error| (key.to_owned(), octets, error);
        assert_eq!(
            shown,
            [row("a", 200, 1), row("c", 60, 27), row("b", 50, 22)]
        );
        assert_eq!(merging.total().octets, 3_000);
        assert_eq!(merging.rows(1).len(), 1);
    }
}
