//! When a forecast is to be made anew.

use api::foresight::make::VERSION;
use model::Timestamp;
use model::forecast::{ForecastHead, ForecastState};
use std::time::Duration;

/// How long a forecast is good.
const GOOD_FOR: Duration = Duration::from_hours(24);
/// The same of a series that is still learned: it says more each hour.
const LEARNING_FOR: Duration = Duration::from_hours(1);

/// When a forecast is due; none where it is at once, for there is none or it is of another version.
pub(super) fn due(head: Option<&ForecastHead>) -> Option<Timestamp> {
    let head = head.filter(|head| head.version == VERSION)?;
    let good = match head.state {
        ForecastState::Learning => LEARNING_FOR,
        ForecastState::Ready | ForecastState::Unforecastable => GOOD_FOR,
    };
    Some(head.made_at.plus(good))
}

/// How many are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Those that are good.
    pub(super) done: u64,
    /// Those that are due.
    pub(super) left: u64,
    /// How long the longest overdue has been, of those that were ever made.
    pub(super) behind: Duration,
}

impl Due {
    /// Counts one that is due then.
    pub(super) fn count(&mut self, at: Option<Timestamp>, now: Timestamp) {
        if at.is_some_and(|at| at > now) {
            self.done += 1;
            return;
        }
        self.left += 1;
        let late = at.map(|at| now.since(at)).unwrap_or_default();
        self.behind = self.behind.max(late);
    }

    /// One that was due is good.
    pub(super) fn made(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.done = self.done.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_due_are_counted() {
        let now = Timestamp::from_unix_ms(100_000_000);
        let mut all = Due::default();
        all.count(None, now);
        all.count(Some(now), now);
        all.count(Some(now.minus(Duration::from_secs(90))), now);
        all.count(Some(now.plus(Duration::from_secs(1))), now);
        assert_eq!((all.done, all.left), (1, 3));
        assert_eq!(all.behind, Duration::from_secs(90));
        assert_eq!(due(None), None);
    }
}
