//! How an agent misbehaves. Switched while it runs, by whoever holds the [`Behaviour`].

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Longest delay. RFC 3414 calls a request stale after 150 s, and no monitor waits a minute.
pub const DELAY_MAX: Duration = Duration::from_mins(1);

/// How an agent misbehaves; at first not at all.
#[derive(Debug, Default)]
pub struct Behaviour {
    silent: AtomicBool,
    delay_ms: AtomicU32,
    // Parts in 2^32: as likely as a random 32-bit number is below it. All is u32::MAX.
    loss: AtomicU32,
}

impl Behaviour {
    /// Whether nothing is answered at all.
    pub fn silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    /// Answers nothing from now on, or answers again.
    pub fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// How long a request waits before it is looked at.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(u64::from(self.delay_ms.load(Ordering::Relaxed)))
    }

    /// Sets the delay, in whole milliseconds and at most [`DELAY_MAX`].
    pub fn set_delay(&self, delay: Duration) {
        let ms = delay.min(DELAY_MAX).as_millis();
        self.delay_ms
            .store(u32::try_from(ms).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Share of requests that are dropped, 0 to 1.
    pub fn loss(&self) -> f64 {
        f64::from(self.loss.load(Ordering::Relaxed)) / f64::from(u32::MAX)
    }

    /// Sets the share of requests that are dropped; what is not between 0 and 1 is taken as the
    /// nearer of them, and what is no number as 0.
    pub fn set_loss(&self, ratio: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and u32::MAX, and NaN becomes 0"
        )]
        let parts = (ratio.clamp(0.0, 1.0) * f64::from(u32::MAX)).round() as u32;
        self.loss.store(parts, Ordering::Relaxed);
    }

    /// Whether this random number means that a request is dropped.
    pub(super) fn loses(&self, random: u32) -> bool {
        let loss = self.loss.load(Ordering::Relaxed);
        loss > 0 && random <= loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_kept_and_confined() {
        let check = |given: f64, expected: f64| {
            let behaviour = Behaviour::default();
            behaviour.set_loss(given);
            assert!((behaviour.loss() - expected).abs() < 1e-9, "{given}");
        };
        check(0.25, 0.25);
        check(-1.0, 0.0);
        check(7.0, 1.0);
        check(f64::NAN, 0.0);
    }

    #[test]
    fn none_and_all_are_exact() {
        let behaviour = Behaviour::default();
        assert!(!behaviour.loses(0));
        behaviour.set_loss(1.0);
        assert!(behaviour.loses(u32::MAX));
    }
}
