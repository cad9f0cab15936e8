//! The binary and its configuration, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "all/agent.rs"]
mod agent;
#[path = "all/analyze.rs"]
mod analyze;
#[path = "all/archive.rs"]
mod archive;
#[path = "all/backups.rs"]
mod backups;
#[path = "all/bond.rs"]
mod bond;
#[path = "all/checks.rs"]
mod checks;
#[path = "all/commands.rs"]
mod commands;
#[path = "all/configuration.rs"]
mod configuration;
#[path = "all/documents.rs"]
mod documents;
#[path = "all/exchange.rs"]
mod exchange;
#[path = "all/flows.rs"]
mod flows;
#[path = "all/foresight.rs"]
mod foresight;
#[path = "all/full_disk.rs"]
mod full_disk;
#[path = "all/groups.rs"]
mod groups;
#[path = "all/groups_asked.rs"]
mod groups_asked;
#[path = "all/jobs.rs"]
mod jobs;
#[path = "all/moved.rs"]
mod moved;
#[path = "all/own_objects.rs"]
mod own_objects;
#[path = "../../collect/tests/all/packets.rs"]
mod packets;
#[path = "all/past.rs"]
mod past;
#[path = "all/program.rs"]
mod program;
#[path = "all/recordings.rs"]
mod recordings;
#[path = "all/replaced.rs"]
mod replaced;
#[path = "all/retention.rs"]
mod retention;
#[path = "all/rules.rs"]
mod rules;
#[path = "all/schedules.rs"]
mod schedules;
#[path = "all/serve.rs"]
mod serve;
#[path = "all/simulate.rs"]
mod simulate;
#[path = "../../store/tests/all/small_mount.rs"]
mod small_mount;
#[path = "all/syslog.rs"]
mod syslog;
#[path = "all/traps.rs"]
mod traps;
#[path = "all/walk.rs"]
mod walk;
