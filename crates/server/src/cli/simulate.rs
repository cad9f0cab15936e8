//! The words of `foretell simulate`.

use super::AskWith;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use sim::scenario::{Moment, Shape, Span};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

/// Simulate a network.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "A device answers at each address from the base on, all on one UDP port, over SNMPv1, v2c and,\nwith --v3-user, v3. The same scenario and seed make the same network and the same counters.\nFlags come before the scenario file, that before the defaults.\n\nExamples:\n  foretell simulate                                            a campus of 50 devices\n  foretell simulate --topology fleet --devices 10000           for load\n  foretell simulate --topology graph --graph network.json --truth truth.json\n  foretell simulate --print-scenario > lab.toml; foretell simulate --scenario lab.toml\n  foretell simulate --speed 60 --control 127.0.0.1:1180        a day in 24 minutes\n  foretell simulate fault link-down core-1 edge-1 --for 5m --control http://127.0.0.1:1180\n  foretell simulate --recordings devices --each-address        recordings of real agents"
)]
pub struct Simulate {
    /// What to do with a simulation that runs; without it, one is started.
    #[command(subcommand)]
    pub command: Option<SimulateCommand>,
    /// Scenario to run, a TOML file
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Print a scenario with every key explained, and end
    #[arg(long)]
    pub print_scenario: bool,
    /// Shape of the network [default: campus]
    #[arg(long, value_name = "SHAPE", value_parser = shapes())]
    pub topology: Option<Shape>,
    /// How many devices [default: 50]
    #[arg(long, value_name = "N")]
    pub devices: Option<usize>,
    /// Ports for hosts on each device that has hosts
    #[arg(long, value_name = "N")]
    pub ports: Option<u16>,
    /// Graph of the network, node-link JSON or GraphML; means --topology graph
    #[arg(long, value_name = "FILE")]
    pub graph: Option<PathBuf>,
    /// Seed of everything that chance decides [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// First address of the agents, within 127.0.0.0/8 [default: 127.20.0.1]
    #[arg(long, value_name = "ADDR")]
    pub base: Option<Ipv4Addr>,
    /// UDP port of the agents; 0 takes any [default: 1161]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Simulated seconds in a second [default: 1]
    #[arg(long, value_name = "TIMES")]
    pub speed: Option<f64>,
    /// Address and port of the control over HTTP; port 0 takes any
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub control: SocketAddr,
    /// Write the ground truth of the network into this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Export the flows of every device as IPFIX to this collector, from the devices' own addresses
    #[arg(long, value_name = "ADDR:PORT")]
    pub flows: Option<SocketAddrV4>,
    /// Send the log lines of every device as syslog over UDP to this collector, from the devices' own
    /// addresses
    #[arg(long, value_name = "ADDR:PORT")]
    pub syslog: Option<SocketAddrV4>,
    /// Threads that answer
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Print one JSON object when it runs
    #[arg(long)]
    pub json: bool,
    /// What agents are to be asked with.
    #[command(flatten)]
    pub ask: AskWith,
    /// Play the recordings (.snmprec) of this folder instead of a network
    #[arg(long, value_name = "DIR", help_heading = "Recordings", conflicts_with_all = NOT_WITH_RECORDINGS)]
    pub recordings: Option<PathBuf>,
    /// Address and UDP port to answer at; port 0 takes any
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:1161",
        help_heading = "Recordings",
        requires = "recordings"
    )]
    pub listen: SocketAddr,
    /// Give each recording an address of its own, from the one to listen on upwards (IPv4), with the
    /// community given (`public`); else all are at one address, and a recording's name is the
    /// community or, with --v3-user, the SNMPv3 context
    #[arg(long, help_heading = "Recordings", requires = "recordings")]
    pub each_address: bool,
}

/// What belongs to a simulated network alone.
const NOT_WITH_RECORDINGS: [&str; 13] = [
    "scenario", "topology", "devices", "ports", "graph", "seed", "base", "port", "speed", "truth",
    "control", "flows", "syslog",
];

/// What to do with a simulation that runs.
#[derive(Debug, Subcommand)]
pub enum SimulateCommand {
    /// Let something go wrong.
    Fault(Fault),
    /// Show every fault that there was or will be.
    Faults(ToControl),
    /// End a fault now.
    Heal(Heal),
}

/// Where the control is.
#[derive(Debug, Args)]
pub struct ToControl {
    /// Control of the simulation, as it was printed when it started
    #[arg(long, value_name = "URL", env = "FORETELL_CONTROL")]
    pub control: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Let something go wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Kinds:\n  link-down    a link or port carries nothing, down at both ends\n  device-down  a device is without power; it boots when the fault ends\n  reboot       a device is away for a while (90s), its counters begin again\n  renumber     a reboot after which every ifIndex is another\n  silent       an agent does not answer\n  slow         an agent answers late (--delay-ms 3000)\n  loss         requests to an agent get lost (--ratio 0.3)\n  errors       frames of a link or port arrive damaged (--ratio 0.01)\n  fill         a link fills up (--to 0.9 of its speed in the busy hour, --over 3d)\n  surge        traffic of a link or device is multiplied (--factor 3)\n  overheat     temperatures of a device rise (--by-celsius 30, --over 1h)\n\nA target is a device by name or address, two devices with a link between them, or a device and\none of its ports.\n\nExamples:\n  foretell simulate fault link-down core-1 b1-dist-1 --for 5m --control http://127.0.0.1:1180\n  FORETELL_CONTROL=http://127.0.0.1:1180 foretell simulate fault reboot b1-acc-1"
)]
pub struct Fault {
    /// Which kind
    #[arg(value_name = "KIND", value_parser = kinds())]
    pub kind: String,
    /// What it befalls
    #[arg(value_name = "TARGET", required = true, num_args = 1..=2)]
    pub target: Vec<String>,
    /// Where to say so.
    #[command(flatten)]
    pub to_control: ToControl,
    /// How long it lasts, as 90s or 1h30m; until it is ended, where nothing is said
    #[arg(long = "for", value_name = "TIME")]
    pub lasts: Option<Span>,
    /// When it begins: a simulated time from now, or a date; now, where nothing is said
    #[arg(long, value_name = "WHEN")]
    pub at: Option<Moment>,
    /// How long it takes to come on
    #[arg(long, value_name = "TIME")]
    pub over: Option<Span>,
    /// Real milliseconds that every answer waits, at most 60000
    #[arg(long, value_name = "MS")]
    pub delay_ms: Option<u32>,
    /// Share that is lost or damaged, 0 to 1
    #[arg(long, value_name = "RATIO")]
    pub ratio: Option<f64>,
    /// How many times the traffic becomes
    #[arg(long, value_name = "TIMES")]
    pub factor: Option<f64>,
    /// Utilisation that the link comes to in the busy hour, ratio
    #[arg(long, value_name = "RATIO")]
    pub to: Option<f64>,
    /// Degrees Celsius that temperatures rise by
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true)]
    pub by_celsius: Option<f64>,
}

/// End a fault now.
#[derive(Debug, Args)]
pub struct Heal {
    /// Number of the fault
    #[arg(value_name = "ID")]
    pub id: u32,
    /// Where to say so.
    #[command(flatten)]
    pub to_control: ToControl,
}

fn shapes() -> impl clap::builder::TypedValueParser<Value = Shape> {
    PossibleValuesParser::new(Shape::ALL.map(Shape::word)).map(|word| {
        Shape::ALL
            .into_iter()
            .find(|shape| shape.word() == word)
            .unwrap_or(Shape::Campus)
    })
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(sim::scenario::KINDS.map(|(kind, ..)| kind))
}
