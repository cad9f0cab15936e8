//! What a series is expected to be: a slow level and how far values lie from it.

use super::Band;

/// The part of a new value in the level.
const SHARE: f64 = 0.05;
/// Values before a band is told.
const SEEN_MIN: u32 = 20;

/// What was learned of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Expectation {
    pub(super) level: f64,
    pub(super) distance: f64,
    pub(super) seen: u32,
    pub(super) last: Option<i64>,
}

impl Expectation {
    pub(super) fn band(&self, _at: i64) -> Option<Band> {
        let half = self.distance * 1.2533 * 2.0;
        (self.seen >= SEEN_MIN).then_some(Band {
            lower: self.level - half,
            expected: self.level,
            upper: self.level + half,
        })
    }

    pub(super) fn learn(&mut self, at: i64, value: f64) {
        if self.last.is_some_and(|last| at <= last) {
            return;
        }
        self.last = Some(at);
        self.seen = self.seen.saturating_add(1);
        let share = SHARE.max(1.0 / f64::from(self.seen));
        let off = (value - self.level).clamp(-1e300, 1e300);
        self.level += off * share;
        self.distance += (off.abs() - self.distance) * share;
    }
}
