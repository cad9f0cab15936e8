//! Who was refused and why, of late: so that each is logged once, not once a datagram.

use snmp::Rejection;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Senders and reasons that are remembered. Beyond it nothing more is logged until some are old.
const REMEMBERED_MAX: usize = 1_024;
/// A refusal is logged again after so long.
const TOLD_EVERY: Duration = Duration::from_hours(1);

/// When each refusal was logged last.
// Invariant: at most REMEMBERED_MAX.
#[derive(Default)]
pub(super) struct Refusals(HashMap<(IpAddr, Rejection), Duration>);

impl Refusals {
    /// Whether this one should be logged.
    pub(super) fn is_news(&mut self, source: IpAddr, reason: Rejection, now: Duration) -> bool {
        let key = (source, reason);
        if let Some(at) = self.0.get_mut(&key) {
            let is_news = now.saturating_sub(*at) > TOLD_EVERY;
            if is_news {
                *at = now;
            }
            return is_news;
        }
        if self.0.len() >= REMEMBERED_MAX {
            self.0.retain(|_, at| now.saturating_sub(*at) <= TOLD_EVERY);
        }
        if self.0.len() >= REMEMBERED_MAX {
            return false;
        }
        self.0.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn each_is_news_once_and_again_after_a_while() {
        let mut refusals = Refusals::default();
        let source = |number: u32| IpAddr::from(Ipv4Addr::from(number));
        let reason = Rejection::UnknownCommunity;
        let now = Duration::from_secs(1);
        assert!(refusals.is_news(source(1), reason, now));
        assert!(!refusals.is_news(source(1), reason, now));
        assert!(refusals.is_news(source(1), Rejection::UnknownUser, now));
        let news = (0..10_000)
            .filter(|number| refusals.is_news(source(100 + number), reason, now))
            .count();
        assert_eq!(news, REMEMBERED_MAX - 2);
        let later = now + TOLD_EVERY + Duration::from_secs(1);
        assert!(refusals.is_news(source(1), reason, later));
    }
}
