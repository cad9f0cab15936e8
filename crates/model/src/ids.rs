//! Identifiers. Each kind of thing has its own type, so that one cannot be passed for another.
//! All are UUIDv7 (RFC 9562): they sort by the time they were made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The text was not a UUID.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not an id (a UUID is expected)")]
pub struct IdError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Uuid))]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id at the present time. The one place in a pure crate that may look at
            /// the clock: ids must differ, not agree.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
            /// The id as 16 bytes, for keys on disk.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
            /// The id that was set aside for what is made now.
            pub fn reserved(id: ReservedId) -> Self {
                Self(id.0)
            }
            /// The id from the 16 bytes of a key on disk.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| IdError { text: text.chars().take(64).collect() })
            }
        }
    };
}

id!(/// An id that is set aside before it is known of what kind it will be.
    ReservedId);
id!(/// One device, whatever addresses it has.
    DeviceId);
id!(/// One interface of a device; kept when the agent renumbers its ifIndex.
    InterfaceId);
id!(/// Ways that share traffic: the id of the link, the interface or the device by which they are named.
    GroupId);
id!(/// One series: a device, a metric and labels.
    SeriesId);
id!(/// One set of credentials to ask devices with.
    CredentialId);
id!(/// One run of discovery.
    DiscoveryId);
id!(/// One schedule of discoveries.
    ScheduleId);
id!(/// One link between two interfaces or devices.
    LinkId);
id!(/// One life of the stream of events: it ends with the process.
    StreamId);
id!(/// One thing that was told or found at a moment: a line of a log, a trap, a row of flows.
    EventId);
id!(/// One person who signs in.
    UserId);
id!(/// One rule for what discoveries find.
    RuleId);
id!(/// One check of a service.
    CheckId);
id!(/// One policy of how long samples are kept.
    PolicyId);
id!(/// One entry of who changed what was measured.
    AuditId);
id!(/// One hold, which keeps samples whatever the policies say.
    HoldId);
id!(/// One backup of the data folder.
    BackupId);
id!(/// One anomaly of a series.
    AnomalyId);

impl AnomalyId {
    /// The id of the anomaly that began in a series at a moment: the time of a UUIDv7 (RFC 9562) is that
    /// moment, the rest is the series'. The same anomaly found twice, as after a crash, has the same id.
    pub fn of_series(series: SeriesId, started_at: crate::Timestamp) -> Self {
        let mut bytes = *series.as_bytes();
        let time = started_at.unix_ms().max(0).to_be_bytes();
        for (place, octet) in bytes.iter_mut().zip(time.iter().skip(2)) {
            *place = *octet;
        }
        Self::from_bytes(bytes)
    }
}

id!(/// One scaling trigger.
    TriggerId);
id!(/// One piece of long work that somebody asked for.
    JobId);
