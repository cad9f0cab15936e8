//! The `snmp` crate: what comes off the wire.

use snmp::{
    AuthProtocol, Credentials, LocalEngine, OBJECTS_MAX, Outcome, PrivacyProtocol, Receiver, User,
};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// Octets that a Report or a response may have beyond what it answers.
const REPLY_GROWTH_MAX: usize = 400;

thread_local! {
    static RECEIVER: RefCell<Receiver> = RefCell::new(receiver());
}

/// The shell of a message, and the diagnosis of a report.
pub(crate) fn envelope(data: &[u8]) {
    if let Some(envelope) = snmp::envelope(data) {
        assert!(matches!(envelope.version, 0 | 1 | 3));
    }
}

/// A trap or an inform, believed or not, and what it is taken for.
pub(crate) fn notification(data: &[u8]) {
    let Some((&moment, datagram)) = data.split_first() else {
        return;
    };
    let elapsed = Duration::from_secs(u64::from(moment) * 60);
    RECEIVER.with_borrow_mut(|receiver| {
        let taken = receiver.take(datagram, elapsed);
        if let Some(reply) = &taken.reply {
            assert!(reply.len() <= datagram.len() + REPLY_GROWTH_MAX);
            // What we say is never a notification.
            let said = receiver.take(reply, elapsed).outcome;
            assert!(!matches!(said, Outcome::Notification(_)));
        }
        if let Outcome::Notification(notification) = taken.outcome {
            assert!(notification.objects.len() <= OBJECTS_MAX);
            let _ = collect::trap::kind::of(&notification.trap_oid);
            let _ = collect::trap::port::of(&notification.objects);
            for (oid, value) in &notification.objects {
                let _ = (collect::object_names::name(oid.arcs()), value.text());
            }
        }
    });
}

/// Believes a community, a user without authentication, by whom everything behind it is reached, and
/// one with all.
fn receiver() -> Receiver {
    let mut receiver = Receiver::new(LocalEngine::new(b"\x80fuzz-engine", 1).unwrap());
    let plain = User::new("plain", None, None, "").unwrap();
    let phrase = || "a phrase of the test".into();
    let auth = Some((AuthProtocol::Sha1, phrase()));
    let privacy = Some((PrivacyProtocol::Aes128, phrase()));
    let whole = User::new("whole", auth, privacy, "").unwrap();
    receiver.believe(vec![
        Arc::new(Credentials::v2c("public")),
        Arc::new(Credentials::V3(plain)),
        Arc::new(Credentials::V3(whole)),
    ]);
    receiver
}
