//! The API driven from outside: requests into the router, and a real port for the stream.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::similar_names,
    clippy::too_many_lines,
    unreachable_pub
)]

#[path = "all/bench.rs"]
mod bench;
#[path = "all/harness.rs"]
mod harness;

#[path = "all/anomalies.rs"]
mod anomalies;
#[path = "all/archive.rs"]
mod archive;
#[path = "all/asyncapi.rs"]
mod asyncapi;
#[path = "all/backups.rs"]
mod backups;
#[path = "all/balance.rs"]
mod balance;
#[path = "all/checks.rs"]
mod checks;
#[path = "all/credentials.rs"]
mod credentials;
#[path = "all/devices.rs"]
mod devices;
#[path = "all/discoveries.rs"]
mod discoveries;
#[path = "all/exchange.rs"]
mod exchange;
#[path = "all/flows.rs"]
mod flows;
#[path = "all/foresight.rs"]
mod foresight;
#[path = "all/imports.rs"]
mod imports;
#[path = "all/maintenance.rs"]
mod maintenance;
#[path = "all/measured.rs"]
mod measured;
#[path = "all/once.rs"]
mod once;
#[path = "all/openapi.rs"]
mod openapi;
#[path = "all/parts.rs"]
mod parts;
#[path = "all/past.rs"]
mod past;
#[path = "all/problems.rs"]
mod problems;
#[path = "all/profiles.rs"]
mod profiles;
#[path = "all/query.rs"]
mod query;
#[path = "all/report_formats.rs"]
mod report_formats;
#[path = "all/reports.rs"]
mod reports;
#[path = "all/resume.rs"]
mod resume;
#[path = "all/retention.rs"]
mod retention;
#[path = "all/rules.rs"]
mod rules;
#[path = "all/scaling.rs"]
mod scaling;
#[path = "all/schedules.rs"]
mod schedules;
#[path = "all/series.rs"]
mod series;
#[path = "all/sign_in.rs"]
mod sign_in;
#[path = "all/site.rs"]
mod site;
#[path = "all/stream.rs"]
mod stream;
#[path = "all/system.rs"]
mod system;
#[path = "all/top.rs"]
mod top;
#[path = "all/written.rs"]
mod written;
