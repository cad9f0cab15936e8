//! The collections that there are, in one list. To add one, add a `static` and its line in
//! [`ALL`].

use crate::documents::{CollectionSpec, Index};

macro_rules! collections {
    ($($(#[$doc:meta])* $constant:ident $name:literal [$($index:expr),*];)*) => {
        $($(#[$doc])* pub static $constant: CollectionSpec =
            CollectionSpec { name: $name, indexes: &[$($index),*] };)*
        /// Every collection.
        pub static ALL: &[&CollectionSpec] = &[$(&$constant),*];
    };
}

const fn index(name: &'static str, pointers: &'static [&'static str]) -> Index {
    Index {
        name,
        pointers,
        unique: false,
    }
}

const fn unique(name: &'static str, pointers: &'static [&'static str]) -> Index {
    Index {
        name,
        pointers,
        unique: true,
    }
}

collections! {
    /// `model::device::Device` by its id.
    DEVICES "devices" [unique("address", &["/vantage", "/address", "/port"]), index("credential_id", &["/credential_id"])];
    /// `model::interface::Interface` by its id.
    INTERFACES "interfaces" [index("device_id", &["/device_id"])];
    /// What a device said of itself, by the device's id.
    FACTS "facts" [];
    /// A device's neighbours, by the device's id.
    NEIGHBORS "neighbors" [];
    /// The latest known status of a device, by the device's id.
    STATUSES "statuses" [];
    /// `model::link::Link` by its id.
    LINKS "links" [index("a_device_id", &["/a/device_id"]), index("b_device_id", &["/b/device_id"])];
    /// Credentials by id, with sealed secrets.
    CREDENTIALS "credentials" [unique("name", &["/credential/name"])];
    /// `model::discovery::Discovery` by its id.
    DISCOVERIES "discoveries" [index("schedule_id", &["/schedule_id"])];
    /// What a discovery found, by the discovery's id and the address.
    DISCOVERY_RESULTS "discovery_results" [];
    /// `model::schedule::Schedule` by its id.
    SCHEDULES "schedules" [unique("name", &["/name"])];
    /// When a schedule ran and runs next, by the schedule's id.
    SCHEDULE_STATES "schedule_states" [];
    /// `model::rule::Rule` by its id.
    DISCOVERY_RULES "discovery_rules" [unique("name", &["/name"])];
    /// `model::candidate::Ignored` by its address.
    IGNORED_CANDIDATES "ignored_candidates" [];
    /// `model::check::ServiceCheck` by its id.
    CHECKS "checks" [unique("name", &["/name"])];
    /// How a service is, by the check's id.
    CHECK_STATES "check_states" [];
    /// Who may sign in, by id.
    USERS "users" [unique("name", &["/name"])];
    /// Who is signed in, by the hash of the session's token.
    SESSIONS "sessions" [index("user_id", &["/user_id"])];
    /// Keys that tokens are signed with, sealed, by key id.
    SIGNING_KEYS "signing_keys" [];
    /// Idempotency keys of requests and what those were answered, by a digest of user, route and key.
    IDEMPOTENCY_KEYS "idempotency_keys" [];
    /// What is set once for the whole server, by name.
    SETTINGS "settings" [];
    /// The vault's own: the data key, wrapped.
    VAULT "vault" [];
}
