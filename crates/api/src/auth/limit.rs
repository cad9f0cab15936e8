//! How often somebody may try to sign in: GCRA by address, and by address and name.
//!
//! By name alone would let anybody lock the administrator out.

use axum::http::{HeaderName, HeaderValue};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
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

type Limiter<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The limits.
pub(crate) struct LoginLimits {
    by_address: Limiter<IpAddr>,
    by_name: Limiter<(IpAddr, String)>,
    clock: DefaultClock,
    tries: AtomicU32,
}

/// How a client stands with the limit that it is nearest to, for the headers `RateLimit` and
/// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    policy: Policy,
    /// Tries that are left at once.
    remaining: u32,
    /// Until one more is.
    again: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Address,
    Name,
}

impl Policy {
    fn row(self) -> (&'static str, NonZeroU32, Duration) {
        match self {
            Self::Address => ("address", ADDRESS_BURST, ADDRESS_EVERY),
            Self::Name => ("name", NAME_BURST, NAME_EVERY),
        }
    }
}

impl Standing {
    /// After how long to come again.
    pub(crate) fn again(self) -> Duration {
        self.again
    }
    /// Both headers.
    pub(crate) fn headers(self) -> [(HeaderName, HeaderValue); 2] {
        let policy = |policy: Policy| {
            let (name, burst, every) = policy.row();
            format!(
                "\"{name}\";q={burst};w={}",
                u64::from(burst.get()) * every.as_secs()
            )
        };
        let policies = format!("{}, {}", policy(Policy::Name), policy(Policy::Address));
        let secs = self.again.as_secs() + u64::from(self.again.subsec_nanos() > 0);
        let (name, ..) = self.policy.row();
        let standing = format!("\"{name}\";r={};t={secs}", self.remaining);
        let value = |text: String| {
            HeaderValue::from_str(&text).expect("names and digits are a header value")
        };
        [
            (HeaderName::from_static("ratelimit-policy"), value(policies)),
            (HeaderName::from_static("ratelimit"), value(standing)),
        ]
    }
}

impl LoginLimits {
    pub(crate) fn new() -> Self {
        let quota = |every, burst| {
            Quota::with_period(every)
                .expect("the period is not zero")
                .allow_burst(burst)
        };
        Self {
            by_address: RateLimiter::keyed(quota(ADDRESS_EVERY, ADDRESS_BURST)).with_middleware(),
            by_name: RateLimiter::keyed(quota(NAME_EVERY, NAME_BURST)).with_middleware(),
            clock: DefaultClock::default(),
            tries: AtomicU32::new(0),
        }
    }

    /// Takes a try into account: how the client stands then, as an error where it was one too many.
    pub(crate) fn check(&self, address: IpAddr, name: &str) -> Result<Standing, Standing> {
        if self.tries.fetch_add(1, Ordering::Relaxed) % CLEAR_EVERY == CLEAR_EVERY - 1 {
            self.by_address.retain_recent();
            self.by_name.retain_recent();
        }
        let address = network_of(address);
        // Names are cut: a key must not grow with what a stranger sends.
        let name = name.chars().take(64).collect::<String>().to_lowercase();
        let of_address = self.one(&self.by_address, &address, Policy::Address)?;
        let of_name = self.one(&self.by_name, &(address, name), Policy::Name)?;
        let nearest = of_address.remaining < of_name.remaining;
        Ok(if nearest { of_address } else { of_name })
    }

    fn one<K: Clone + std::hash::Hash + Eq>(
        &self,
        limiter: &Limiter<K>,
        key: &K,
        policy: Policy,
    ) -> Result<Standing, Standing> {
        let standing = |remaining, again| Standing {
            policy,
            remaining,
            again,
        };
        match limiter.check_key(key) {
            Ok(snapshot) => {
                let (_, _, every) = policy.row();
                Ok(standing(snapshot.remaining_burst_capacity(), every))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                Err(standing(0, wait))
            }
        }
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
        let standing = limits.check(here, "ADMIN").unwrap_err();
        let wait = standing.again();
        assert!(wait > Duration::ZERO && wait <= NAME_EVERY, "{wait:?}");
        let [policy, standing] = standing.headers().map(|(_, value)| value);
        assert_eq!(policy, "\"name\";q=20;w=100, \"address\";q=60;w=60");
        assert_eq!(standing, "\"name\";r=0;t=5");
        let other = limits.check(here, "other").unwrap();
        let [_, standing] = other.headers().map(|(_, value)| value);
        assert_eq!(standing, "\"name\";r=19;t=5");
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
