//! What Foretell keeps: time series, documents, and secrets among them.
//!
//! Begin with [`Store`], which opens the data folder and hands out its parts: [`inventory`]
//! (devices and what is known of them, in memory and on disk), [`credentials`], [`discoveries`],
//! [`schedules`], [`rules`], [`ignored`], [`checks`], [`scaling`], [`anomalies`], [`accounts`],
//! [`idempotency`], [`settings`], [`retention`] (how long samples are kept), [`ages`] (by which time
//! they are old), [`audit`] (who changed them), all made of [`documents`], whose collections are in
//! [`catalog`] and which leave and come back as [`lines`]; [`series`], whose sealed samples are in
//! [`blocks`] and [`mod@pack`] and of which [`deletion`] takes out ranges; [`history`] (how things
//! were); and [`events`] (log lines, traps, flows). All of it is copied and brought back by
//! [`backup`], and looked over by [`mod@verify`]. Files of our own formats are written through
//! [`disk`]. No protocol and no detector is known here.

#![cfg_attr(
    not(feature = "archive"),
    allow(dead_code, reason = "days come back from an archive alone")
)]

pub mod accounts;
pub mod ages;
pub mod anomalies;
#[cfg(feature = "archive")]
pub mod archive;
mod archived_day;
pub mod audit;
pub mod backup;
pub mod blocks;
pub mod catalog;
pub mod checks;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod credentials;
pub mod deletion;
pub mod discoveries;
pub mod disk;
pub mod documents;
mod error;
pub mod events;
pub mod exchange;
mod folder;
pub mod forecasts;
pub mod history;
pub mod idempotency;
pub mod ignored;
pub mod inventory;
pub mod jobs;
pub mod lines;
pub mod own_metrics;
pub mod pack;
#[cfg(feature = "archive")]
pub mod parquet;
pub mod progress;
pub mod pushing;
pub mod retention;
pub mod rules;
pub mod scaling;
pub mod schedules;
pub mod series;
pub mod settings;
pub mod shapes;
mod store;
pub mod vault;
pub mod verify;

pub use archived_day::ArchivedDay;
pub use documents::{Expect, Page, Query, Stored};
pub use error::{OpenError, StoreError};
pub use store::{DocumentsAlone, Recovery, Store, StoreOptions};
