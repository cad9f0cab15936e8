//! The nouns of Foretell, shared by every other crate: ids, time, units, device, interface,
//! neighbour, link, series, sample, facts, discovery, event.
//!
//! What lives here has no I/O and no clock, and is used by at least two crates; a type that one
//! crate uses alone lives in that crate. Begin with [`device`], then [`facts`] (what a device says
//! of itself) and [`series`] (what is measured of it).

pub mod backup;
pub mod candidate;
pub mod check;
pub mod credential;
pub mod device;
pub mod discovery;
pub mod event;
pub mod event_record;
pub mod facts;
pub mod flow;
pub mod forecast;
pub mod foresight;
pub mod health;
pub mod history;
pub mod ids;
pub mod interface;
pub mod job;
pub mod link;
pub mod log_line;
pub mod metric;
pub mod neighbor;
pub mod network;
pub mod pattern;
pub mod rule;
pub mod scaling;
pub mod schedule;
pub mod series;
pub mod status;
pub mod time;
pub mod trap;
pub mod webhook;

pub use event_record::{EventKind, EventRecord};
pub use ids::{
    AnomalyId, AuditId, BackupId, CheckId, CredentialId, DeviceId, DiscoveryId, EventId, GroupId,
    HoldId, InterfaceId, JobId, LinkId, PolicyId, ReservedId, RuleId, ScheduleId, SeriesId,
    StreamId, TriggerId, UserId,
};
pub use metric::Metric;
pub use series::{Labels, SeriesKey, Value};
pub use status::Status;
pub use time::{Clock, Timestamp};
