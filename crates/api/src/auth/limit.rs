//! How often somebody may try to sign in: GCRA by address, and by address and name.
//!
//! By name alone would let anybody lock the administrator out.

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Tries in a row for one name from one address; then one each [`NAME_EVERY`]: scripts that sign in
/// anew for each of their few steps get by, and guessing is held to 17,000 tries a day.
const NAME_BURST: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
const NAME_EVERY: Duration = Duration::from_secs(5);
/// Tries in a row from one address; then one each [`ADDRESS_EVERY`].
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
const ADDRESS_EVERY: Duration = Duration::from_secs(1);
/// Tries between two clearings of keys that are at rest, so that the tables stay small.
const CLEAR_EVERY: u32 = 256;

/// The limits.
pub(crate) struct LoginLimits {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_name: DefaultKeyedRateLimiter<(IpAddr, String)>,
    clock: DefaultClock,
    tries: AtomicU32,
}

impl LoginLimits {
    pub(crate) fn new() -> Self {
        let quota = |every, burst| {
            Quota::with_period(every)
                .expect("the period is not zero")
                .allow_burst(burst)
        };
        Self {
            by_address: RateLimiter::keyed(quota(ADDRESS_EVERY, ADDRESS_BURST)),
            by_name: RateLimiter::keyed(quota(NAME_EVERY, NAME_BURST)),
            clock: DefaultClock::default(),
            tries: AtomicU32::new(0),
        }
    }

    /// Takes a try into account; after how long to come again, where it is one too many.
    pub(crate) fn check(&self, address: IpAddr, name: &str) -> Result<(), Duration> {
        if self.tries.fetch_add(1, Ordering::Relaxed) % CLEAR_EVERY == CLEAR_EVERY - 1 {
            self.by_address.retain_recent();
            self.by_name.retain_recent();
        }
        let address = network_of(address);
        // Names are cut: a key must not grow with what a stranger sends.
        let name = name.chars().take(64).collect::<String>().to_lowercase();
        let wait = |not_until: governor::NotUntil<_>| not_until.wait_time_from(self.clock.now());
        self.by_address.check_key(&address).map_err(wait)?;
        self.by_name.check_key(&(address, name)).map_err(wait)
    }
}

/// An IPv6 host has its whole /64 to come from.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_held_back_and_others_are_not() {
        let limits = LoginLimits::new();
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..NAME_BURST.get() {
            assert!(limits.check(here, "admin").is_ok());
        }
        let wait = limits.check(here, "ADMIN").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= NAME_EVERY, "{wait:?}");
        assert!(limits.check(here, "other").is_ok());
        assert!(limits.check("192.0.2.2".parse().unwrap(), "admin").is_ok());
    }

    #[test]
    fn an_address_is_held_back_whatever_names_it_tries() {
        let limits = LoginLimits::new();
        let tries = (0..100u32).filter(|n| {
            let address = format!("2001:db8::{n:x}").parse().unwrap();
            limits.check(address, &format!("user{n}")).is_ok()
        });
        let passed = tries.count();
        assert!((60..=61).contains(&passed), "{passed}");
    }
}
