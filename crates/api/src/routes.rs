//! The routes, one file a resource. To add one: its file, its lines here, its tests.

mod analysis;
mod anomalies;
mod archive;
mod audit;
mod auth;
pub(crate) mod availability;
mod backups;
mod balance;
mod bands;
pub(crate) mod bandwidth;
mod billing;
mod candidates;
mod capacity;
pub(crate) mod checks;
mod credentials;
pub(crate) mod devices;
mod discoveries;
mod discovery_rules;
mod discovery_schedules;
mod flows;
mod forecasts;
pub(crate) mod health;
mod imports;
mod interfaces;
pub(crate) mod jobs;
mod links;
mod logs;
mod maintenance;
mod metric_types;
mod models;
mod neighbors;
mod profiles;
mod pushed_samples;
mod query;
mod reports;
pub(crate) mod retention;
mod sample_exports;
pub(crate) mod sample_imports;
mod samples;
pub(crate) mod scaling;
mod series;
mod status_history;
mod stream;
mod system;
pub(crate) mod top;
mod traps;

use crate::auth::gate::App;
pub(crate) use devices::fields::{check_typed, objection_to_interval};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

/// Everything under `/api/v1`.
pub(crate) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(auth::login))
        .routes(routes!(auth::open_session, auth::close_session))
        .routes(routes!(auth::get_me))
        .routes(routes!(auth::change_password))
        .routes(routes!(devices::list::list, devices::create))
        .routes(routes!(devices::get, devices::update, devices::delete))
        .routes(routes!(devices::poll))
        .routes(routes!(imports::create).layer(imports::body_limit()))
        .routes(routes!(devices::accept_identity))
        .routes(routes!(interfaces::list_of_device))
        .routes(routes!(neighbors::list_of_device))
        .merge(device_parts())
        .routes(routes!(bandwidth::of_device))
        .routes(routes!(status_history::of_device))
        .routes(routes!(availability::of_device))
        .routes(routes!(availability::list))
        .routes(routes!(maintenance::set))
        .merge(ranges())
        .routes(routes!(flows::top))
        .routes(routes!(flows::series))
        .routes(routes!(flows::interfaces))
        .routes(routes!(flows::exporters::list))
        .routes(routes!(flows::exporters::listeners))
        .routes(routes!(interfaces::list))
        .routes(routes!(interfaces::get))
        .routes(routes!(bandwidth::of_interface))
        .routes(routes!(billing::of_interface))
        .routes(routes!(status_history::of_interface))
        .routes(routes!(availability::of_interface))
        .routes(routes!(neighbors::list))
        .routes(routes!(traps::list))
        .routes(routes!(links::list))
        .routes(routes!(links::loads::list))
        .routes(routes!(links::get))
        .routes(routes!(logs::list))
        .routes(routes!(health::get))
        .routes(routes!(health::history))
        .routes(routes!(series::list))
        .routes(routes!(series::cardinality::get))
        .routes(routes!(series::get))
        .routes(routes!(samples::get))
        .routes(routes!(samples::query))
        .routes(routes!(query::query))
        .routes(routes!(credentials::list, credentials::create))
        .routes(routes!(
            credentials::get,
            credentials::update,
            credentials::delete
        ))
        .routes(routes!(discoveries::list, discoveries::start))
        .routes(routes!(discoveries::get, discoveries::cancel))
        .routes(routes!(discoveries::results))
        .routes(routes!(
            discovery_schedules::list,
            discovery_schedules::create
        ))
        .routes(routes!(
            discovery_schedules::get,
            discovery_schedules::update,
            discovery_schedules::delete
        ))
        .routes(routes!(discovery_schedules::run))
        .routes(routes!(profiles::list, profiles::create))
        .routes(routes!(profiles::get, profiles::change, profiles::delete))
        .routes(routes!(profiles::check))
        .routes(routes!(profiles::try_on))
        .routes(routes!(profiles::walk))
        .routes(routes!(profiles::mibs, profiles::upload_mib))
        .routes(routes!(profiles::delete_mib))
        .routes(routes!(profiles::mib_objects))
        .routes(routes!(discovery_rules::list, discovery_rules::create))
        .routes(routes!(
            discovery_rules::get,
            discovery_rules::update,
            discovery_rules::delete
        ))
        .routes(routes!(discovery_rules::dry_run::dry_run))
        .routes(routes!(checks::list, checks::create))
        .routes(routes!(checks::get, checks::update, checks::delete))
        .routes(routes!(candidates::list))
        .routes(routes!(candidates::accept))
        .routes(routes!(candidates::ignore, candidates::offer))
        .merge(storage())
        .merge(foresight())
        .routes(routes!(stream::open))
        .routes(routes!(stream::ticket))
        .routes(routes!(system::get))
        .routes(routes!(system::notices))
}

/// What a device told of itself when it was last read.
fn device_parts() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(devices::parts::addresses))
        .routes(routes!(devices::vlans::list))
        .routes(routes!(devices::parts::processors))
        .routes(routes!(devices::parts::memory))
        .routes(routes!(devices::parts::storage))
        .routes(routes!(devices::sensors::list))
        .routes(routes!(devices::parts::wireless))
        .routes(routes!(devices::parts::inventory))
        .routes(routes!(devices::parts::routing_neighbors))
        .routes(routes!(devices::parts::default_routes))
        .routes(routes!(devices::parts::arp))
        .routes(routes!(devices::parts::system))
        .routes(routes!(devices::parts::defects))
}

/// What many things were over a range.
fn ranges() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(top::list))
        .routes(routes!(reports::list))
        .routes(routes!(reports::get))
}

/// How long what is kept is kept, and copies of it.
fn storage() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(retention::routes())
        .routes(routes!(backups::list, backups::start))
        .routes(routes!(backups::get))
        .merge(archive::routes())
        .merge(jobs::routes())
        .merge(metric_types::routes())
        .merge(sample_imports::routes())
        .merge(sample_exports::routes())
        .merge(audit::routes())
        .merge(pushed_samples::routes())
}

/// What is said beforehand.
fn foresight() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(anomalies::routes())
        .merge(bands::routes())
        .merge(forecasts::routes())
        .merge(capacity::routes())
        .merge(balance::routes())
        .merge(analysis::routes())
        .merge(models::routes())
        .merge(scaling::routes())
}

/// What is beside `/api/v1`: for machines that look after this one.
pub(crate) fn root() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::livez))
        .routes(routes!(system::readyz))
        .routes(routes!(system::metrics))
        .routes(routes!(system::jwks))
        .routes(routes!(system::openapi))
}
