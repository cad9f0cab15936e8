//! `foretell discover`: finds the devices of a network from the command line. Writes nothing unless
//! a file is named.

use crate::cli;
use crate::exit::{Exit, UsageError};
use crate::{clock, complain, logging, secrets};
use anyhow::Context as _;
use collect::{DiscoveryPlan, Found, Pinger};
use indicatif::{ProgressBar, ProgressStyle};
use model::DeviceId;
use model::device::Identity;
use model::discovery::{DiscoveryRequest, DiscoveryResult, Method, SnmpAnswer};
use serde::Serialize;
use snmp::Transport;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use topology::identity::{Index, Resolution};

/// Words of the run that wait to be shown. Full: the run waits.
const FOUND_MAX: usize = 64;

/// What was found, as it is printed.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    devices: Vec<FoundDevice>,
    addresses: Vec<DiscoveryResult>,
    notices: Vec<String>,
    addresses_total: u64,
    addresses_answered: u64,
}

/// A device, once however many addresses it was met by.
#[derive(Debug, Serialize)]
struct FoundDevice {
    name: Option<String>,
    vendor: Option<String>,
    model: Option<String>,
    os: Option<String>,
    os_version: Option<String>,
    serial: Option<String>,
    /// Where it was met, each with the reason why it is this device.
    met_at: Vec<Met>,
}

#[derive(Debug, Serialize)]
struct Met {
    address: SocketAddr,
    reason: String,
}

/// Runs it.
pub fn run(discover: &cli::Discover) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    let tried = secrets::credentials(&discover.ask)?;
    let credentials = tried.into_iter().map(|tried| (None, tried.credentials));
    let mut methods = vec![Method::Snmp];
    if discover.hops > 0 {
        methods.push(Method::Neighbors);
    }
    if !discover.no_icmp {
        methods.push(Method::Icmp);
    }
    let request = DiscoveryRequest {
        targets: discover.targets.clone(),
        methods,
        credential_ids: Vec::new(),
        allowed_networks: discover.allowed.clone(),
        port: discover.port,
        max_hops: discover.hops,
        register: false,
    };
    let plan = DiscoveryPlan::parse(&request, credentials.collect())
        .map_err(|error| UsageError(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(look(plan, discover.no_icmp))?;
    for notice in &outcome.notices {
        complain(notice);
    }
    if let Some(file) = &discover.output {
        std::fs::write(file, serde_json::to_string_pretty(&outcome)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut out = std::io::stdout().lock();
    if discover.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&outcome)?)?;
    } else {
        print_people(&mut out, &outcome)?;
    }
    Ok(exit(&outcome))
}

async fn look(plan: DiscoveryPlan, no_icmp: bool) -> anyhow::Result<Outcome> {
    let transport = Transport::bind().context("cannot ask devices from here")?;
    let pinger = if no_icmp {
        Pinger::disabled("switched off by --no-icmp")
    } else {
        Pinger::open()
    };
    let (sender, mut found) = mpsc::channel(FOUND_MAX);
    let cancel = CancellationToken::new();
    let run = collect::discovery::run(
        plan,
        transport,
        pinger,
        clock::real(),
        sender,
        cancel.clone(),
    );
    let gather = async {
        let mut gathered = Gathered::new();
        loop {
            tokio::select! {
                word = found.recv() => match word {
                    Some(word) => gathered.take(word),
                    None => break,
                },
                // What was found so far is printed.
                _ = tokio::signal::ctrl_c() => cancel.cancel(),
            }
        }
        gathered.bar.finish_and_clear();
        gathered.outcome()
    };
    let ((), outcome) = tokio::join!(run, gather);
    Ok(outcome)
}

struct Gathered {
    bar: ProgressBar,
    index: Index,
    devices: BTreeMap<DeviceId, FoundDevice>,
    outcome: Outcome,
}

impl Gathered {
    fn new() -> Self {
        // On standard error; hidden where that is no terminal.
        let bar = ProgressBar::new(0);
        let template = "{bar:30} {pos}/{len} addresses, {msg}, {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message("0 devices");
        Self {
            bar,
            index: Index::default(),
            devices: BTreeMap::new(),
            outcome: Outcome::default(),
        }
    }

    fn take(&mut self, word: Found) {
        match word {
            Found::Progress {
                total,
                done,
                answered,
            } => {
                self.bar.set_length(total);
                self.bar.set_position(done);
                self.outcome.addresses_total = total;
                self.outcome.addresses_answered = answered;
            }
            Found::Notice(notice) => self.outcome.notices.push(notice),
            Found::Address {
                mut result, look, ..
            } => {
                if let Some(look) = look {
                    result.identity_reason = Some(self.place(&result, &look));
                }
                self.outcome.addresses.push(*result);
                self.bar
                    .set_message(format!("{} devices", self.devices.len()));
            }
            Found::Finished { cancelled } => {
                if cancelled {
                    self.outcome
                        .notices
                        .push("stopped before every address was asked".to_owned());
                }
            }
        }
    }

    /// Merges what was met with what is known, and tells why.
    fn place(&mut self, result: &DiscoveryResult, look: &collect::snmp::Look) -> String {
        let address = SocketAddr::new(result.address, result.port);
        let mut identity: Identity = look.identity();
        identity.addresses.insert(result.address);
        let resolution = self.index.resolve(&identity, address);
        let reason = resolution.reason().to_owned();
        let met = Met {
            address,
            reason: reason.clone(),
        };
        if let Resolution::Same { device_id, .. } = resolution
            && let Some(device) = self.devices.get_mut(&device_id)
        {
            device.met_at.push(met);
            return reason;
        }
        let id = DeviceId::new();
        self.index.insert(id, &identity, address);
        let said = look.said();
        let device = FoundDevice {
            name: said.name,
            vendor: said.vendor,
            model: said.model,
            os: said.os,
            os_version: said.os_version,
            serial: said.serial,
            met_at: vec![met],
        };
        self.devices.insert(id, device);
        reason
    }

    fn outcome(self) -> Outcome {
        let mut outcome = self.outcome;
        outcome.devices = self.devices.into_values().collect();
        outcome
            .addresses
            .sort_by_key(|result| (result.address, result.port));
        outcome
    }
}

/// Done where a device was found; else why nobody was.
fn exit(outcome: &Outcome) -> Exit {
    let refused = |result: &DiscoveryResult| matches!(result.snmp, SnmpAnswer::Refused { .. });
    let echoed = |result: &DiscoveryResult| result.icmp_answered == Some(true);
    if !outcome.devices.is_empty() || outcome.addresses.iter().any(echoed) {
        Exit::Done
    } else if outcome.addresses.iter().any(refused) {
        Exit::Refused
    } else {
        Exit::NoAnswer
    }
}

fn print_people(out: &mut impl Write, outcome: &Outcome) -> std::io::Result<()> {
    for device in &outcome.devices {
        let known = [
            &device.vendor,
            &device.model,
            &device.os,
            &device.os_version,
        ];
        let known: Vec<&str> = known
            .into_iter()
            .filter_map(|value| value.as_deref())
            .collect();
        let name = device.name.as_deref().unwrap_or("(no name)");
        writeln!(out, "{name:<24} {}", known.join(" "))?;
        for met in &device.met_at {
            writeln!(out, "  {:<22} {}", met.address.to_string(), met.reason)?;
        }
    }
    for result in &outcome.addresses {
        let address = SocketAddr::new(result.address, result.port).to_string();
        match &result.snmp {
            SnmpAnswer::Refused { reasons } => {
                writeln!(out, "{address:<24} refused: {}", reasons.join("; "))?;
            }
            SnmpAnswer::Silent if result.icmp_answered == Some(true) => {
                writeln!(out, "{address:<24} answers echo requests, not SNMP")?;
            }
            _ => {}
        }
    }
    writeln!(
        out,
        "{} devices, {} of {} addresses answered",
        outcome.devices.len(),
        outcome.addresses_answered,
        outcome.addresses_total
    )
}
