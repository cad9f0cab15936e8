//! How to ask a device: sessions over one shared socket, walks with bounds, the diagnosis of SNMPv3
//! refusals; and how to hear one: traps and informs.
//!
//! What lives here knows SNMP and no MIB: which objects there are and what they mean is `collect`'s
//! business. Nothing here panics on, or sizes an allocation by, what a peer sent: defects are
//! counted ([`Defects`]) and the rest of the answer is used.
//!
//! Begin with [`Transport`] (one for all devices) and [`Session`] (one a device); for what devices
//! send by themselves with [`Receiver`].

mod credentials;
mod defects;
mod envelope;
mod error;
mod notification;
mod refusal;
mod session;
mod transport;
mod value;
mod walk;

pub use async_snmp::{Oid, oid};
pub use credentials::{
    AuthProtocol, Credentials, CredentialsError, Passphrase, PrivacyProtocol, User,
};
pub use defects::{Defect, Defects};
pub use envelope::{Envelope, envelope};
pub use error::{Refusal, SessionError, TransportError};
pub use notification::{
    EngineError, LocalEngine, NOTIFICATION_LEN_MAX, Notification, OBJECTS_MAX, Outcome, Protection,
    Receiver, Rejection, Taken, Version,
};
pub use refusal::{Diagnosis, diagnose};
pub use session::{Session, SessionOptions};
pub use transport::{Transport, TransportStats};
pub use value::Value;
pub use walk::{Bound, Columns, Index, Row, Table, Trail, Walk, WalkBounds, WalkEnd};
