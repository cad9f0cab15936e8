//! Who asked just now, by the hash of what they showed: saves a look into the store and a check of
//! a signature. A sign-out forgets all, also who is being looked up at that moment.

use super::principal::Principal;
use model::Timestamp;
use moka::sync::Cache;
use std::time::Duration;
use tokio::sync::watch;

/// How long who asks is believed without looking again: a disabled account acts at most so long.
const PRINCIPAL_TTL: Duration = Duration::from_secs(5);
/// Principals that are remembered: clients at work within [`PRINCIPAL_TTL`]; one more costs a look
/// into the store and a signature check of 50 us.
const PRINCIPALS_MAX: u64 = 10_000;

/// The principals that are remembered.
pub(crate) struct Remembered {
    kept: Cache<String, Principal>,
    sign_outs: watch::Sender<u64>,
}

/// When a look into the store began, counted in sign-outs.
#[derive(Clone, Copy)]
pub(crate) struct Before(u64);

impl Remembered {
    pub(crate) fn new() -> Self {
        Self {
            kept: Cache::builder()
                .max_capacity(PRINCIPALS_MAX)
                .time_to_live(PRINCIPAL_TTL)
                .build(),
            sign_outs: watch::Sender::new(0),
        }
    }

    /// Who showed what has this hash, where it is remembered and has not ended.
    pub(crate) fn get(&self, hash: &str, now: Timestamp) -> Option<Principal> {
        self.kept.get(hash).filter(|known| known.expires_at > now)
    }

    /// To be taken before looking into the store.
    pub(crate) fn before(&self) -> Before {
        Before(*self.sign_outs.borrow())
    }

    /// Remembers what a look found, but not where somebody signed out since it began.
    pub(crate) fn keep(&self, before: Before, hash: &str, principal: Principal) {
        self.kept.insert(hash.to_owned(), principal);
        // Looked at after the insert: a sign-out either is seen here or forgets what is there.
        if *self.sign_outs.borrow() != before.0 {
            self.kept.invalidate(hash);
        }
    }

    /// Tells of sign-outs, for whoever was let in for long.
    pub(crate) fn sign_outs(&self) -> watch::Receiver<u64> {
        self.sign_outs.subscribe()
    }

    /// Forgets everybody; called after a sign-out is in the store.
    pub(crate) fn forget_all(&self) {
        self.sign_outs.send_modify(|count| *count += 1);
        self.kept.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use crate::auth::principal::{Basis, Method};

    #[test]
    fn a_look_that_a_sign_out_overtook_is_not_remembered() {
        let now = Timestamp::from_unix_ms(0);
        let who = Principal {
            user_id: model::UserId::new(),
            username: "admin".to_owned(),
            role: Role::Admin,
            method: Method::Token,
            basis: Basis::Token { issued_at: now },
            expires_at: now.plus(Duration::from_mins(15)),
        };
        let remembered = Remembered::new();
        let keep = |before| remembered.keep(before, "hash", who.clone());
        keep(remembered.before());
        assert!(remembered.get("hash", now).is_some());
        assert!(remembered.get("hash", who.expires_at).is_none(), "ended");
        let before = remembered.before();
        remembered.forget_all();
        assert!(remembered.get("hash", now).is_none());
        keep(before);
        assert!(remembered.get("hash", now).is_none(), "overtaken");
    }
}
