//! The store from outside, by capability.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "all/accounts.rs"]
mod accounts;
#[path = "all/archive_kill.rs"]
mod archive_kill;
#[path = "all/backup.rs"]
mod backup;
#[path = "all/backup_kill.rs"]
mod backup_kill;
#[path = "all/backup_repository.rs"]
mod backup_repository;
#[path = "all/blocks.rs"]
mod blocks;
#[path = "all/clock.rs"]
mod clock;
#[path = "all/crash.rs"]
mod crash;
#[path = "all/damage.rs"]
mod damage;
#[path = "all/delete_kill.rs"]
mod delete_kill;
#[path = "all/deletion.rs"]
mod deletion;
#[path = "all/discoveries.rs"]
mod discoveries;
#[path = "all/events.rs"]
mod events;
#[path = "all/events_damage.rs"]
mod events_damage;
#[path = "all/events_kill.rs"]
mod events_kill;
#[path = "all/exchange.rs"]
mod exchange;
#[path = "all/exchange_formats.rs"]
mod exchange_formats;
#[path = "all/faulty_disk.rs"]
mod faulty_disk;
#[path = "all/feed.rs"]
mod feed;
#[path = "all/fixture.rs"]
mod fixture;
#[path = "all/flips.rs"]
mod flips;
#[path = "all/flips_rolls.rs"]
mod flips_rolls;
#[path = "all/flips_series.rs"]
mod flips_series;
#[path = "all/history.rs"]
mod history;
#[path = "all/idempotency.rs"]
mod idempotency;
#[path = "all/inventory.rs"]
mod inventory;
#[path = "all/kill.rs"]
mod kill;
#[path = "all/killing.rs"]
mod killing;
#[path = "all/labels.rs"]
mod labels;
#[path = "all/levels.rs"]
mod levels;
#[path = "all/lines.rs"]
mod lines;
#[path = "all/log_cuts.rs"]
mod log_cuts;
#[path = "all/migrations.rs"]
mod migrations;
#[path = "all/observed.rs"]
mod observed;
#[path = "all/old_folders.rs"]
mod old_folders;
#[path = "all/packs.rs"]
mod packs;
#[path = "all/packs_faults.rs"]
mod packs_faults;
#[path = "all/packs_folder.rs"]
mod packs_folder;
#[path = "all/query.rs"]
mod query;
#[path = "all/retention.rs"]
mod retention;
#[path = "all/retention_faults.rs"]
mod retention_faults;
#[path = "all/rollups.rs"]
mod rollups;
#[path = "all/salvage.rs"]
mod salvage;
#[path = "all/samples_model.rs"]
mod samples_model;
#[path = "all/scale.rs"]
mod scale;
#[path = "all/schemas.rs"]
mod schemas;
#[path = "all/series.rs"]
mod series;
#[path = "all/series_faults.rs"]
mod series_faults;
#[path = "all/series_fixture.rs"]
mod series_fixture;
#[path = "all/series_sealed.rs"]
mod series_sealed;
#[path = "all/series_start.rs"]
mod series_start;
#[path = "all/small_disk.rs"]
mod small_disk;
#[path = "all/small_mount.rs"]
mod small_mount;
#[path = "all/survive.rs"]
mod survive;
#[path = "all/tombstones.rs"]
mod tombstones;
#[path = "all/tombstones_rolled.rs"]
mod tombstones_rolled;
#[path = "all/vault.rs"]
mod vault;
