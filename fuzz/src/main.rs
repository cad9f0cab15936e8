//! Fuzz targets: one for each parser of ours that reads what others wrote, and one for each kind of thing
//! that is said of numbers. A target must neither panic nor take memory or time out of proportion; some
//! also check that what was read can be written and read again.
//!
//! All are in one program, so that their dependencies are instrumented and linked once.
//! `FUZZ_TARGET` picks one; `FUZZ_TARGET=list` prints their names. Run them by `cargo xtask fuzz`.
//! To add one, add a row to [`TARGETS`]; its saved inputs are in `corpus/NAME/`.
#![no_main]

mod analytics;
mod analyze;
mod api;
mod check;
mod collect_snmp;
mod config;
mod discovery;
mod flow;
mod http;
mod icmp;
mod input;
mod profile;
mod sim;
mod sim_network;
mod snmp_wire;
mod store;
mod syslog;

use std::process::exit;
use std::sync::LazyLock;

type Target = fn(&[u8]);

const TARGETS: &[(&str, Target)] = &[
    ("snmp_envelope", snmp_wire::envelope),
    ("snmp_notification", snmp_wire::notification),
    ("collect_octets", collect_snmp::octets),
    ("collect_indexes", collect_snmp::indexes),
    ("collect_look", collect_snmp::look),
    ("profile_check", profile::check),
    ("mib_read", profile::mib),
    ("discovery_target", discovery::target),
    ("icmp_reply", icmp::reply),
    ("syslog_line", syslog::line),
    ("syslog_frames", syslog::frames),
    ("flow_netflow", flow::netflow),
    ("flow_sflow", flow::sflow),
    ("sim_agent", sim::agent),
    ("sim_recording", sim::recording),
    ("sim_scenario", sim_network::scenario),
    ("sim_graph", sim_network::graph),
    ("sim_fault", sim_network::fault),
    ("store_block", store::block),
    ("store_pack", store::pack),
    ("store_log", store::log),
    ("store_document", store::document),
    ("store_salvage", store::salvage),
    ("store_history", store::history),
    ("store_backup", store::backup),
    ("store_archive_manifest", store::archive_manifest),
    ("store_vault", store::vault),
    ("store_selector", store::selector),
    ("store_csv", store::csv),
    ("store_lines_samples", store::lines_samples),
    ("store_openmetrics", store::openmetrics),
    ("api_stream_message", api::stream_message),
    ("api_cursor", api::cursor),
    ("api_import", api::import),
    ("http_certificate", http::certificate),
    ("check_dns", check::dns),
    ("check_ntp", check::ntp),
    ("config_load", config::load),
    ("analyze_rows", analyze::rows),
    ("analyze_series", analyze::series),
    ("analyze_matrices", analyze::matrices),
    ("analyze_services", analyze::services),
    ("analytics_forecast", analytics::forecasts),
    ("analytics_structure", analytics::structure),
    ("analytics_capacity", analytics::capacity),
    ("analytics_series", analytics::series::series),
    ("analytics_calendar", analytics::calendar),
    ("analytics_talkers", analytics::series::talkers),
    ("analytics_samples", analytics::samples),
    ("analytics_detector", analytics::detector),
    ("analytics_trigger", analytics::trigger),
    ("analytics_trigger_state", analytics::trigger_state),
    ("watch_state", analytics::watch_state),
    ("analytics_balance", analytics::balance),
    ("analytics_rank", analytics::ranking),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    if wanted == "list" {
        for (name, _) in TARGETS {
            println!("{name}");
        }
        exit(0);
    }
    let Some((_, target)) = TARGETS.iter().find(|(name, _)| *name == wanted) else {
        eprintln!("FUZZ_TARGET is `{wanted}`, which is no target");
        exit(2);
    };
    *target
});

libfuzzer_sys::fuzz_target!(
    init: LazyLock::force(&TARGET),
    |data: &[u8]| TARGET(data)
);
