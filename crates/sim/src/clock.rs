//! Simulated time: it starts where the scenario says and runs as fast as it says.

use model::{Clock, Timestamp};
use std::sync::{PoisonError, RwLock};

/// Real milliseconds for which an agent shows the same counters: devices do not count every packet
/// at once either, and all answers of one poll agree.
const TICK_REAL_MS: f64 = 100.0;
/// Real milliseconds that are waited for at once; longer waits are waited for in parts.
const WAIT_MS_MAX: f64 = 86_400_000.0;

/// Simulated time, as it follows from real time.
#[derive(Debug)]
pub struct Pace {
    real: Clock,
    real_start: Timestamp,
    start: Timestamp,
    speed: f64,
    tick_ms: i64,
    /// At which moment the ticks stand still, where they do.
    held: RwLock<Option<Timestamp>>,
}

/// Ticks that stand still until this is dropped.
pub(crate) struct HeldTicks<'a> {
    pace: &'a Pace,
    now: Timestamp,
}

impl HeldTicks<'_> {
    /// The simulated time at which they stand: no later tick has been seen by anyone.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }
}

impl Drop for HeldTicks<'_> {
    fn drop(&mut self) {
        *self
            .pace
            .held
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Pace {
    /// Simulated time that is `start` now, and goes on with `speed` simulated seconds in a second.
    pub fn new(real: Clock, start: Timestamp, speed: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "between a tenth of a second and a quarter of an hour, by the bounds of the speed"
        )]
        let tick_ms = (TICK_REAL_MS * speed.max(1.0)) as i64;
        Self {
            real_start: real.now(),
            real,
            start,
            speed,
            tick_ms: tick_ms.max(1),
            held: RwLock::new(None),
        }
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        let passed = self.real.now().unix_ms() - self.real_start.unix_ms();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "exact for thousands of years"
        )]
        let simulated = (passed as f64 * self.speed) as i64;
        Timestamp::from_unix_ms(self.start.unix_ms().saturating_add(simulated))
    }

    /// The simulated time at which agents' counters are as they show them now.
    pub fn tick(&self) -> Timestamp {
        // The time is read under the lock, so that no tick is later than where they are then held.
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let now = held.unwrap_or_else(|| self.now()).unix_ms();
        Timestamp::from_unix_ms(now - now.rem_euclid(self.tick_ms))
    }

    /// Lets the ticks stand still. One at a time may hold them.
    pub(crate) fn hold_ticks(&self) -> HeldTicks<'_> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        *held = Some(now);
        HeldTicks { pace: self, now }
    }

    /// The simulated time at the start.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Simulated seconds in a second.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Real milliseconds until it is `at`; none where it has been.
    pub fn real_ms_until(&self, at: Timestamp) -> Option<u64> {
        let left = at.unix_ms() - self.now().unix_ms();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to a day"
        )]
        let real = (left.max(0) as f64 / self.speed).ceil().min(WAIT_MS_MAX) as u64;
        (left > 0).then_some(real)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[test]
    fn faster_than_time_and_in_ticks() {
        let real = Arc::new(AtomicI64::new(1_000_000));
        let clock = {
            let real = Arc::clone(&real);
            Clock::new(move || Timestamp::from_unix_ms(real.load(Ordering::Relaxed)))
        };
        let pace = Pace::new(clock, Timestamp::from_unix_ms(60_000), 60.0);
        assert_eq!(pace.now().unix_ms(), 60_000);
        real.store(1_001_050, Ordering::Relaxed);
        assert_eq!(pace.now().unix_ms(), 123_000);
        assert_eq!(pace.tick().unix_ms(), 120_000);
        assert_eq!(
            pace.real_ms_until(Timestamp::from_unix_ms(183_000)),
            Some(1_000)
        );
        assert_eq!(pace.real_ms_until(Timestamp::from_unix_ms(123_000)), None);
    }
}
