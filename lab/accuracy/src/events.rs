//! What an operator sees of alarms: events that were found, how late, and alarms for nothing.
//!
//! An alarm is a stretch of rows in which one was raised; stretches a few rows apart are one. It is right where
//! it touches a labelled event or comes a few rows after it. Source of counting events and not points: Tatbul,
//! Lee, Zdonik, Alam and Gottschlich, "Precision and Recall for Time Series", NeurIPS 2018 (existence alone).

use crate::number::{count, f1, median, ratio, runs};

/// Stretches that begin no more than this many rows after the end of the one before are one alarm.
const GAP_MAX: usize = 3;

/// Counts over one series or many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// Labelled events.
    pub events: usize,
    /// Those that an alarm touched.
    pub found: usize,
    /// Alarms.
    pub alarms: usize,
    /// Those that touched an event.
    pub right: usize,
    /// Rows from the begin of each event that was found to its first alarm.
    pub delays: Vec<f64>,
    /// Rows in all.
    pub rows: usize,
}

impl Events {
    /// Adds a series. `buffer` is how many rows after an event an alarm still counts as of it.
    pub fn add(&mut self, labels: &[bool], alarms: &[bool], buffer: usize) {
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        for (first, last) in runs(alarms.iter().copied()) {
            match stretches.last_mut() {
                Some(before) if first - before.1 <= GAP_MAX => before.1 = last,
                _ => stretches.push((first, last)),
            }
        }
        let mut right = vec![false; stretches.len()];
        let events = runs(labels.iter().copied());
        for (begin, end) in &events {
            let touches = |alarm: &(usize, usize)| alarm.0 <= end + buffer && alarm.1 >= *begin;
            if let Some(first) = stretches.iter().find(|alarm| touches(alarm)) {
                self.found += 1;
                self.delays.push(count(first.0.saturating_sub(*begin)));
            }
            for (alarm, right) in stretches.iter().zip(&mut right) {
                *right |= touches(alarm);
            }
        }
        self.events += events.len();
        self.alarms += stretches.len();
        self.right += right.iter().filter(|right| **right).count();
        self.rows += labels.len();
    }

    /// The share of alarms that were right.
    pub fn precision(&self) -> f64 {
        count(self.right) / count(self.alarms.max(1))
    }

    /// The share of events that were found.
    pub fn recall(&self) -> f64 {
        count(self.found) / count(self.events.max(1))
    }

    /// The harmonic mean of both.
    pub fn f1(&self) -> f64 {
        f1(self.precision(), self.recall())
    }

    /// Alarms for nothing per thousand rows.
    pub fn false_per_1000(&self) -> f64 {
        1_000.0 * ratio(count(self.alarms - self.right), count(self.rows))
    }

    /// Half of the events that were found had their alarm within so many rows.
    pub fn median_delay(&self) -> Option<f64> {
        (!self.delays.is_empty()).then(|| median(&self.delays))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Vec<bool> {
        text.bytes().map(|octet| octet == b'#').collect()
    }

    fn check(
        labels: &str,
        alarms: &str,
        expected: (usize, usize, usize, usize),
        delay: Option<f64>,
    ) {
        let mut events = Events::default();
        events.add(&row(labels), &row(alarms), 2);
        let found = (events.events, events.found, events.alarms, events.right);
        assert_eq!(found, expected, "{labels} {alarms}");
        assert_eq!(events.median_delay(), delay, "{labels} {alarms}");
    }

    #[test]
    fn alarms_are_held_against_events() {
        check("...###....", "....#.....", (1, 1, 1, 1), Some(1.0));
        // Just behind it counts, farther does not, and before it neither.
        check("...###....", ".......#..", (1, 1, 1, 1), Some(4.0));
        check("...###....", "........#.", (1, 0, 1, 0), None);
        check("...###....", "..#.......", (1, 0, 1, 0), None);
        // Two stretches three rows apart are one alarm, four apart two.
        check("..........", "#..#......", (0, 0, 1, 0), None);
        check("..........", "#...#.....", (0, 0, 2, 0), None);
        // A long alarm from before an event finds both, at once.
        check("..#....#..", "########..", (2, 2, 1, 1), Some(0.0));
    }

    #[test]
    fn shares_are_those_of_counts() {
        let mut events = Events::default();
        events.add(
            &row("...###..............."),
            &row("....#........#......#"),
            2,
        );
        assert!((events.precision() - 1.0 / 3.0).abs() < 1e-12);
        assert!((events.recall() - 1.0).abs() < 1e-12);
        assert!((events.false_per_1000() - 2_000.0 / 21.0).abs() < 1e-9);
    }
}
