//! What polling costs: one poll beside net-snmp's library, thousands of devices for five minutes, the
//! simulator itself, the page that shows it all, what lines of logs and flows cost, a sweep beside
//! fping, and what the listeners survive. The CPU time of each part is told by itself:
//! that of the simulator, which is its own process, and within the server that of asking (`poll`), of
//! taking in (`ingest`), of the log and the blocks (`store`) and of HTTP (`front`), which run on
//! threads of their own.

mod exporter;
mod fleet;
mod listeners;
mod load;
mod overview;
mod poll;
mod simulator;
mod sweep;

use super::example;
use super::figure::{Bound, Outcome, Peer, Want};
use crate::programs::target_dir;
use crate::service::{Interrupt, Service};
use crate::workspace;
use anyhow::Context as _;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Ports of a device of the fleet.
const PORTS: u32 = 48;
/// SNMP community of the simulated devices.
const COMMUNITY: &str = "public";

pub(super) const PARTS: &[&str] = &[
    "poll",
    "exporter",
    "simulator",
    "fleet",
    "load",
    "overview",
    "syslog",
    "flows",
    "sweep",
    "listeners",
];

pub(super) const WANTS: &[Want] = &[
    Want {
        name: "poll_cpu_ratio",
        floor: Bound::Most(1.5),
        target: Some(1.0),
        peer: Peer::None,
    },
    Want {
        name: "poll_cpu_us",
        floor: Bound::Less,
        target: None,
        peer: Peer::Measured("net_snmp_poll_cpu_us"),
    },
    Want {
        name: "poll_requests",
        floor: Bound::Most(16.0),
        target: None,
        peer: Peer::Measured("net_snmp_poll_requests"),
    },
    Want {
        name: "poll_cpu_ratio_to_exporter",
        floor: Bound::Most(0.2),
        target: Some(0.1),
        peer: Peer::None,
    },
    Want {
        name: "simulator_getbulk_25_counter64_per_agent_cpu_sec",
        floor: Bound::Least(50_000.0),
        target: Some(100_000.0),
        peer: Peer::None,
    },
    Want {
        name: "simulator_getbulk_25_of_10000_devices_per_agent_cpu_sec",
        floor: Bound::Least(50_000.0),
        target: Some(100_000.0),
        peer: Peer::None,
    },
    Want {
        name: "fleet_devices",
        floor: Bound::Least(2_000.0),
        target: Some(5_000.0),
        peer: Peer::None,
    },
    Want {
        name: "fleet_overruns",
        floor: Bound::Most(0.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "fleet_samples_lost",
        floor: Bound::Most(0.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "load_devices",
        floor: Bound::Least(10_000.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "load_samples_lost",
        floor: Bound::Most(0.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "load_overruns_percent",
        floor: Bound::Most(0.1),
        target: Some(0.0),
        peer: Peer::None,
    },
    Want {
        name: "load_collector_peak_memory_mib",
        floor: Bound::Most(1_536.0),
        target: Some(1_024.0),
        peer: Peer::None,
    },
    Want {
        name: "ipfix_flows_per_cpu_s",
        floor: Bound::Least(150_000.0),
        target: Some(300_000.0),
        peer: Peer::None,
    },
    Want {
        name: "overview_cpu_ms",
        floor: Bound::Most(50.0),
        target: Some(10.0),
        peer: Peer::None,
    },
    Want {
        name: "overview_interactive_ms",
        floor: Bound::Most(1_000.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "syslog_lines_per_cpu_s",
        floor: Bound::Least(20_000.0),
        target: Some(50_000.0),
        peer: Peer::None,
    },
    Want {
        name: "sweep_missed",
        floor: Bound::Most(0.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "sweep_cpu_us_per_ping",
        floor: Bound::Less,
        target: None,
        peer: Peer::Measured("fping_cpu_us_per_ping"),
    },
    Want {
        name: "sweep_cpu_ratio_to_fping",
        floor: Bound::Most(1.0),
        target: Some(0.5),
        peer: Peer::None,
    },
    Want {
        name: "listeners_secs",
        floor: Bound::Least(600.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_panics",
        floor: Bound::Most(0.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_peak_memory_mib",
        floor: Bound::Most(1_024.0),
        target: Some(512.0),
        peer: Peer::None,
    },
    Want {
        name: "listeners_slowest_health_ms",
        floor: Bound::Most(5_000.0),
        target: Some(1_000.0),
        peer: Peer::None,
    },
    Want {
        name: "listeners_good_lines_lost_percent",
        floor: Bound::Most(1.0),
        target: Some(0.0),
        peer: Peer::None,
    },
    Want {
        name: "listeners_overruns_percent",
        floor: Bound::Most(1.0),
        target: Some(0.0),
        peer: Peer::None,
    },
    Want {
        name: "listeners_traps_accepted",
        floor: Bound::Least(1.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_trap_digests_refused",
        floor: Bound::Least(1.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_flow_records",
        floor: Bound::Least(1.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_syslog_udp_lines",
        floor: Bound::Least(1.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_syslog_tcp_lines",
        floor: Bound::Least(1.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_syslog_tls_lines",
        floor: Bound::Least(1.0),
        target: None,
        peer: Peer::None,
    },
    Want {
        name: "listeners_events_kept",
        floor: Bound::Least(1.0),
        target: None,
        peer: Peer::None,
    },
];

/// One part: measures, and adds its figures.
type Part = fn(&Bench, &mut Outcome) -> anyhow::Result<()>;

/// Parts that are an example program of `collect`, and need no server.
const EXAMPLES: [(&str, &str); 2] = [("syslog", "syslog_bench"), ("flows", "flows_bench")];

/// Runs all parts or one of them.
pub(super) fn run(only: Option<&str>) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    for (name, example) in EXAMPLES {
        if only.is_none_or(|only| only == name) {
            eprintln!("==> {name}");
            let measured = example::run("foretell-collect", example, &[]);
            let measured = measured.with_context(|| name.to_owned())?;
            outcome.figures.extend(measured.figures);
        }
    }
    if only.is_some_and(|only| EXAMPLES.iter().any(|(name, _)| *name == only)) {
        return Ok(outcome);
    }
    let interrupt = Interrupt::listen()?;
    let program = workspace::build_foretell(true)?;
    let bench = Bench {
        program,
        interrupt,
        folder: target_dir().join("bench"),
    };
    std::fs::create_dir_all(&bench.folder)?;
    let parts: [(&str, Part); 8] = [
        ("poll", poll::run),
        ("exporter", exporter::run),
        ("simulator", simulator::run),
        ("fleet", fleet::run),
        ("load", load::run),
        ("overview", overview::run),
        ("sweep", sweep::run),
        ("listeners", listeners::run),
    ];
    for (name, part) in parts {
        if only.is_none_or(|only| only == name) {
            eprintln!("==> {name}");
            part(&bench, &mut outcome).with_context(|| name.to_owned())?;
        }
    }
    Ok(outcome)
}

/// What the parts work with.
struct Bench {
    program: PathBuf,
    interrupt: Interrupt,
    folder: PathBuf,
}

impl Bench {
    /// Starts a fleet of unconnected devices of [`PORTS`] ports. What the simulator tells of itself.
    fn fleet(&self, devices: u32) -> anyhow::Result<(Service, Value)> {
        simulate(&self.program, &self.folder.join("simulator.log"), devices)
    }
}

fn simulate(program: &Path, log: &Path, devices: u32) -> anyhow::Result<(Service, Value)> {
    Service::start(
        "simulator",
        Command::new(program)
            .args(["simulate", "--json", "--topology", "fleet", "--port", "0"])
            .args(["--control", "127.0.0.1:0", "--seed", "1"])
            .args(["--devices", &devices.to_string()])
            .args(["--ports", &PORTS.to_string()]),
        log,
        |line| serde_json::from_str(line).ok(),
    )
}

/// Where the first device of what the simulator tells is asked.
fn agent(told: &Value) -> anyhow::Result<String> {
    Ok(format!("{}:{}", text(told, "first_address")?, told["port"]))
}

/// Text of a field of what the simulator tells.
fn text<'a>(told: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    told[field]
        .as_str()
        .with_context(|| format!("no {field} in {told}"))
}

/// What the environment says instead of a size of a bench.
fn given(name: &str, otherwise: u32) -> anyhow::Result<u32> {
    match std::env::var(name) {
        Ok(given) => given.parse().with_context(|| name.to_owned()),
        Err(_) => Ok(otherwise),
    }
}

/// The middle of some numbers.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
