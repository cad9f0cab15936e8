//! One-time tickets: how a client without a cookie opens a stream, since browsers cannot set
//! headers on a WebSocket. A ticket is in an address and so in logs of others: it is good once and
//! for half a minute.

use crate::auth::cookie;
use crate::auth::principal::{Method, Principal};
use model::Timestamp;
use moka::sync::Cache;
use std::time::Duration;

/// How long a ticket is good.
pub(crate) const TICKET_LIFETIME: Duration = Duration::from_secs(30);
/// Tickets that are out at a time; beyond, the oldest is forgotten.
const TICKETS_MAX: u64 = 10_000;

/// The tickets that are out, by their hash.
pub(crate) struct Tickets(Cache<String, (Principal, Timestamp)>);

impl Tickets {
    pub(crate) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(TICKETS_MAX)
                .time_to_live(TICKET_LIFETIME)
                .build(),
        )
    }

    /// A ticket for somebody, and when it ends.
    pub(crate) fn issue(
        &self,
        principal: &Principal,
        now: Timestamp,
    ) -> Result<(String, Timestamp), getrandom::Error> {
        let ticket = cookie::new_token()?;
        let ends = now.plus(TICKET_LIFETIME);
        self.0
            .insert(cookie::hash(&ticket), (principal.clone(), ends));
        Ok((ticket.as_str().to_owned(), ends))
    }

    /// Whose ticket it is; it is used up by this.
    pub(crate) fn redeem(&self, ticket: &str, now: Timestamp) -> Option<Principal> {
        let (principal, ends) = self.0.remove(&cookie::hash(ticket))?;
        (ends > now).then_some(Principal {
            method: Method::Ticket,
            ..principal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use crate::auth::principal::Basis;
    use model::UserId;

    #[test]
    fn a_ticket_is_good_once_and_for_half_a_minute() {
        let now = Timestamp::from_unix_ms(0);
        let who = Principal {
            user_id: UserId::new(),
            username: "admin".to_owned(),
            role: Role::Admin,
            method: Method::Token,
            basis: Basis::Token { issued_at: now },
            expires_at: now.plus(Duration::from_mins(15)),
        };
        let tickets = Tickets::new();
        let (ticket, ends) = tickets.issue(&who, now).unwrap();
        assert_eq!(tickets.redeem(&ticket, now).unwrap().user_id, who.user_id);
        assert!(tickets.redeem(&ticket, now).is_none(), "used");
        let (ticket, _) = tickets.issue(&who, now).unwrap();
        assert!(tickets.redeem(&ticket, ends).is_none(), "ended");
        assert!(tickets.redeem("nonsense", now).is_none());
    }
}
