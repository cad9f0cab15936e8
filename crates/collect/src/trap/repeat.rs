//! Informs that come again because their answer was late or lost: answered again, told once.

use model::CredentialId;
use snmp::Notification;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

/// How long an inform may come again. net-snmp repeats one five times after a second each, Cisco's
/// agents three times after 15 s.
const REPEATED_FOR: Duration = Duration::from_mins(2);
/// Informs that are remembered; beyond it the oldest is forgotten, and told twice where it comes
/// again.
const REMEMBERED_MAX: usize = 16_384;

/// What tells an inform from others; a repeated one keeps all of it. A sender that begins anew, or
/// several behind one address, use a request-id again for what is another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct InformKey {
    pub(super) source: SocketAddr,
    request_id: i32,
    credential_id: CredentialId,
    /// Of who made it, snmpTrapOID, sysUpTime and the objects.
    content: u64,
}

impl InformKey {
    /// Of an inform that was believed by a credential; none of a trap. `hasher` is the same for all,
    /// and made at random, so that nobody makes two informs of one hash.
    pub(super) fn of(
        source: SocketAddr,
        credential_id: CredentialId,
        notification: &Notification,
        hasher: &RandomState,
    ) -> Option<Self> {
        let request_id = notification.request_id.filter(|_| notification.confirmed)?;
        let mut content = hasher.build_hasher();
        notification.engine_id.hash(&mut content);
        notification.context.hash(&mut content);
        notification.agent_address.hash(&mut content);
        notification.trap_oid.hash(&mut content);
        notification.uptime.hash(&mut content);
        notification.objects.len().hash(&mut content);
        for (oid, value) in &notification.objects {
            oid.hash(&mut content);
            value.hash(&mut content);
        }
        Some(Self {
            source,
            request_id,
            credential_id,
            content: content.finish(),
        })
    }
}

/// What is known of an inform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is new.
    New,
    /// It was told, and is not kept yet: it is answered when it is.
    Pending,
    /// It was answered; the answer was lost.
    Answered,
}

/// Informs of late.
// Invariant: `order` holds the keys of `informs`, oldest first, and perhaps some that were forgotten.
#[derive(Default)]
pub(super) struct Repeats {
    informs: HashMap<InformKey, (Known, Duration)>,
    order: VecDeque<(InformKey, Duration)>,
}

impl Repeats {
    /// Notes an inform; what was known of it before.
    pub(super) fn note(&mut self, key: InformKey, now: Duration) -> Known {
        self.forget_old(now);
        if let Some((known, _)) = self.informs.get(&key) {
            return *known;
        }
        self.informs.insert(key, (Known::Pending, now));
        self.order.push_back((key, now));
        Known::New
    }

    /// It was kept and answered.
    pub(super) fn answered(&mut self, key: &InformKey) {
        if let Some((known, _)) = self.informs.get_mut(key) {
            *known = Known::Answered;
        }
    }

    /// It could not be kept, and is new if it comes again.
    pub(super) fn forget(&mut self, key: &InformKey) {
        self.informs.remove(key);
    }

    fn forget_old(&mut self, now: Duration) {
        while let Some((key, at)) = self.order.front() {
            let is_old = now.saturating_sub(*at) > REPEATED_FOR;
            if !is_old && self.order.len() < REMEMBERED_MAX {
                return;
            }
            // One that was forgotten and came again has a later place, too.
            if self.informs.get(key).is_some_and(|(_, noted)| noted == at) {
                self.informs.remove(key);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16, request_id: i32) -> InformKey {
        InformKey {
            source: ([192, 0, 2, 1], port).into(),
            request_id,
            credential_id: CredentialId::from_bytes([1; 16]),
            content: 0,
        }
    }

    #[test]
    fn an_inform_is_new_once() {
        let mut repeats = Repeats::default();
        let now = Duration::from_secs(5);
        assert_eq!(repeats.note(key(1, 7), now), Known::New);
        assert_eq!(repeats.note(key(1, 7), now), Known::Pending);
        assert_eq!(repeats.note(key(2, 7), now), Known::New);
        repeats.answered(&key(1, 7));
        assert_eq!(repeats.note(key(1, 7), now), Known::Answered);
        repeats.forget(&key(2, 7));
        assert_eq!(repeats.note(key(2, 7), now), Known::New);
        let later = now + REPEATED_FOR + Duration::from_secs(1);
        assert_eq!(repeats.note(key(1, 7), later), Known::New);
    }

    #[test]
    fn informs_beyond_the_bound_are_forgotten() {
        let mut repeats = Repeats::default();
        let now = Duration::from_secs(5);
        for id in 0..100_000 {
            repeats.note(key(1, id), now);
            repeats.forget(&key(1, id));
            repeats.note(key(1, id), now);
        }
        assert!(repeats.informs.len() <= REMEMBERED_MAX);
        assert!(repeats.order.len() <= REMEMBERED_MAX);
    }
}
