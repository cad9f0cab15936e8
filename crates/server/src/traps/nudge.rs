//! Which devices are polled for their traps, and when: at once, but each no more often than every
//! few seconds, and never so that what a trap told is left unread. Pure.

use collect::trap::Consequence;
use model::DeviceId;
use std::collections::HashMap;
use std::time::Duration;

/// Shortest time from one poll for a trap to the next of the same device.
const GAP: Duration = Duration::from_secs(5);
/// Devices that are remembered before those whose gap is over are forgotten.
const SWEPT_AT: usize = 10_000;

/// Polls for traps.
#[derive(Default)]
pub(super) struct Nudges(HashMap<DeviceId, Nudge>);

struct Nudge {
    last: Duration,
    /// What is to be done when the gap is over.
    pending: Consequence,
}

impl Nudges {
    /// A trap of a device asks for something: what to do now; none where nothing is to be done, or
    /// not yet.
    pub(super) fn ask(
        &mut self,
        device_id: DeviceId,
        wanted: Consequence,
        now: Duration,
    ) -> Option<Consequence> {
        if wanted == Consequence::None {
            return None;
        }
        if self.0.len() >= SWEPT_AT {
            self.0
                .retain(|_, nudge| nudge.pending != Consequence::None || !nudge.is_over(now));
        }
        match self.0.get_mut(&device_id) {
            Some(nudge) if !nudge.is_over(now) => {
                nudge.pending = nudge.pending.max(wanted);
                None
            }
            Some(nudge) => {
                nudge.last = now;
                let pending = std::mem::take(&mut nudge.pending);
                Some(pending.max(wanted))
            }
            None => {
                let nudge = Nudge {
                    last: now,
                    pending: Consequence::None,
                };
                self.0.insert(device_id, nudge);
                Some(wanted)
            }
        }
    }

    /// What is to be done now since its gap is over.
    pub(super) fn take_due(&mut self, now: Duration) -> Vec<(DeviceId, Consequence)> {
        let mut due = Vec::new();
        for (device_id, nudge) in &mut self.0 {
            if nudge.pending != Consequence::None && nudge.is_over(now) {
                nudge.last = now;
                due.push((*device_id, std::mem::take(&mut nudge.pending)));
            }
        }
        due
    }

    /// When something is to be done next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let waiting = self.0.values();
        waiting
            .filter(|nudge| nudge.pending != Consequence::None)
            .map(|nudge| nudge.last + GAP)
            .min()
    }
}

impl Nudge {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) >= GAP
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Consequence::{None as Nothing, Poll, Reread};

    #[test]
    fn a_flapping_port_costs_a_poll_a_gap_and_its_last_state_is_read() {
        let (a, b) = (DeviceId::new(), DeviceId::new());
        let mut nudges = Nudges::default();
        let ms = Duration::from_millis;
        assert_eq!(nudges.ask(a, Nothing, ms(0)), None);
        assert_eq!(nudges.ask(a, Poll, ms(100)), Some(Poll));
        assert_eq!(nudges.next_due(), None);
        for at in 1..40 {
            assert_eq!(nudges.ask(a, Poll, ms(100 + at * 100)), None);
        }
        assert_eq!(nudges.ask(b, Reread, ms(4_000)), Some(Reread));
        assert_eq!(nudges.ask(a, Reread, ms(4_500)), None);
        assert_eq!(nudges.next_due(), Some(ms(5_100)));
        assert_eq!(nudges.take_due(ms(5_099)), []);
        assert_eq!(nudges.take_due(ms(5_100)), [(a, Reread)]);
        assert_eq!(nudges.next_due(), None);
        assert_eq!(nudges.ask(a, Poll, ms(6_000)), None);
        assert_eq!(nudges.ask(a, Poll, ms(11_000)), Some(Poll));
        assert_eq!(nudges.next_due(), None);
    }

    #[test]
    fn devices_whose_gap_is_over_are_forgotten() {
        let mut nudges = Nudges::default();
        for at in 0..50_000u64 {
            nudges.ask(DeviceId::new(), Poll, Duration::from_millis(at));
        }
        assert!(nudges.0.len() <= SWEPT_AT);
    }
}
