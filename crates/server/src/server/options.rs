//! From settings to the options of each part.

use crate::config::{SecureCookie, Settings, Sync};
use api::foresight::place::Place;
use collect::PollerOptions;
use collect::syslog::SyslogOptions;
use std::net::SocketAddr;
use std::time::Duration;
use store::StoreOptions;
use store::series::{SeriesOptions, SyncPolicy};

/// Where and how the documents are kept.
pub fn store(settings: &Settings) -> StoreOptions {
    let mut options = StoreOptions::new(&settings.data_dir);
    let key = &settings.secret_key_file;
    options.key_file = (!key.as_os_str().is_empty()).then(|| key.clone());
    options.series = series(settings);
    options.history.retention = days(settings.store.history_days);
    options.events.retention = days(settings.events.keep_days);
    options.events.size_max = settings.events.size_bytes_max;
    options
}

/// By which clock hours and days are told.
pub fn place(settings: &Settings) -> Place {
    settings
        .foresight
        .place()
        .expect("settings are checked where they are read")
}

fn days(days: u32) -> Duration {
    Duration::from_hours(24 * u64::from(days))
}

/// How samples are kept.
fn series(settings: &Settings) -> SeriesOptions {
    let wait = Duration::from_millis(u64::from(settings.store.sync_interval_ms));
    let sync = match settings.store.sync {
        Sync::Batch => SyncPolicy::EachBatch,
        Sync::Interval => SyncPolicy::Every(wait),
    };
    SeriesOptions {
        sync,
        late_max: days(settings.store.late_days),
        scrub_bytes_per_sec_max: settings.store.scrub_bytes_per_sec_max,
        ..SeriesOptions::default()
    }
}

/// How devices are polled.
pub(super) fn poller(settings: &Settings) -> PollerOptions {
    PollerOptions {
        in_flight_max: usize::try_from(settings.poll.concurrency_max).unwrap_or(1),
        answer_timeout: Duration::from_millis(u64::from(settings.poll.timeout_ms)),
        details_interval: Duration::from_secs(u64::from(settings.poll.details_interval_secs)),
        inventory_interval: Duration::from_secs(u64::from(settings.poll.inventory_interval_secs)),
        ..PollerOptions::default()
    }
}

/// The addresses at which datagrams are listened for. What is given with port 0 is not found by it.
pub(super) fn udp_listeners(settings: &Settings) -> impl Iterator<Item = SocketAddr> + '_ {
    let texts = settings.syslog.listen_udp.iter();
    let texts = texts.chain(&settings.traps.listen);
    let flows = settings.flows.listen_netflow.iter();
    let flows = flows.chain(&settings.flows.listen_sflow).copied();
    texts.filter_map(|text| text.parse().ok()).chain(flows)
}

/// How lines of logs are received.
pub(super) fn syslog(settings: &Settings) -> SyslogOptions {
    SyslogOptions {
        source_per_sec_max: settings.syslog.source_lines_per_sec_max,
        idle_max: Duration::from_secs(u64::from(settings.syslog.idle_secs)),
    }
}

/// How HTTP is served.
pub(super) fn api(settings: &Settings) -> api::Options {
    let secs = |secs: u32| Duration::from_secs(u64::from(secs));
    api::Options {
        default_interval_secs: settings.poll.default_interval_secs,
        allowed_networks: settings.discovery.allowed_networks.clone(),
        token_lifetime: secs(settings.http.token_lifetime_secs),
        session_lifetime: secs(settings.http.session_lifetime_secs),
        secure_cookie: match settings.http.secure_cookie {
            SecureCookie::Auto => !settings.listen.ip().is_loopback(),
            SecureCookie::Always => true,
            SecureCookie::Never => false,
        },
        allowed_origins: settings.http.allowed_origins.clone(),
        exchange_bytes_max: settings.store.exchange_bytes_max,
        request_timeout: secs(settings.http.request_timeout_secs),
        open_metrics: settings.http.open_metrics,
        capacity_thresholds: settings.foresight.thresholds(),
        place: place(settings),
        ..api::Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_opened_only_where_the_operator_says_so() {
        let mut settings = Settings::default();
        assert!(!api(&settings).open_metrics);
        settings.http.open_metrics = true;
        assert!(api(&settings).open_metrics);
    }
}
