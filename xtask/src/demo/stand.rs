//! The two programs of a demo, simulator and server, started and brought to where there is something
//! to see: devices discovered from one address, history made.

use crate::http::{self, Api};
use crate::service::{Interrupt, Service, address_in};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The usual address; another port where this one is taken.
const ADDRESS: &str = "127.0.0.1:8080";
/// How long the server may take to be ready.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long discovery may take.
const DISCOVERED_WITHIN: Duration = Duration::from_mins(3);
/// How long the history may take to be made.
const SEEDED_WITHIN: Duration = Duration::from_mins(10);
/// SNMP community of the simulated devices.
const COMMUNITY: &str = "public";

/// What kind of demo.
pub(crate) struct Shape {
    /// Devices of the network, where it is made anew.
    pub(crate) devices: u16,
    /// How much history, as `14d`.
    pub(crate) history: String,
    /// How often the devices are polled.
    pub(crate) interval_secs: u16,
}

/// A demo that stands.
pub(crate) struct Stand {
    // The server first: it is dropped, and so killed, before what it asks.
    server: Service,
    simulator: Service,
    address: String,
    control: String,
    password: String,
}

impl Stand {
    /// Starts both and waits until there is something to see. What is in the folder already is kept.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        shape: &Shape,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let scenario = scenario(folder, shape)?;
        let password = password(&folder.join("admin-password"))?;
        eprintln!("==> simulated network");
        let (flows, syslog) = free_ports()?;
        let (simulator, told) = simulator(program, folder, &scenario, (&flows, &syslog))?;
        eprintln!("==> server");
        let (mut server, address) = Service::start(
            "server",
            Command::new(program)
                .arg("serve")
                .arg("--data-dir")
                .arg(folder.join("data"))
                .args(["--listen", free_address(), "--seed-history", &shape.history])
                .arg("--seed-scenario")
                .arg(&scenario)
                .env("FORETELL_ADMIN_PASSWORD", &password)
                .env("FORETELL_FLOWS__LISTEN_NETFLOW", format!("[\"{flows}\"]"))
                .env("FORETELL_SYSLOG__LISTEN_UDP", format!("[\"{syslog}\"]"))
                .env(
                    "FORETELL_POLL__DEFAULT_INTERVAL_SECS",
                    shape.interval_secs.to_string(),
                ),
            &folder.join("server.log"),
            address_in,
        )?;
        interrupt.or_until("the server is ready", READY_WITHIN, || {
            server.is_running()?;
            let answer = http::ask(&address, "GET", "/readyz", None, None)?;
            Ok((answer.status == 200).then_some(()))
        })?;
        let stand = Self {
            server,
            simulator,
            address,
            control: text(&told, "control")?,
            password,
        };
        let api = stand.api()?;
        if api.list("devices")?.is_empty() {
            eprintln!("==> discovery");
            discover(&api, &told, interrupt)?;
        }
        eprintln!("==> history");
        stand.wait_for_history(interrupt)?;
        Ok(stand)
    }

    /// The address of the page.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The administrator's.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// A client that is signed in.
    pub(crate) fn api(&self) -> anyhow::Result<Api> {
        Api::sign_in(&self.address, &self.password)
    }

    /// What the simulator says of its network.
    pub(crate) fn network(&self) -> anyhow::Result<Value> {
        http::ask(self.control_address(), "GET", "/network", None, None)?.json()
    }

    fn control_address(&self) -> &str {
        self.control.trim_start_matches("http://")
    }

    /// What to type to cut a link of the network, and the name of a device at its end: of the links of the
    /// first device the one that has carried the most, so that there is something to see. Of two links
    /// between the same devices the command could not tell which.
    pub(crate) fn fault(&self, program: &Path) -> anyhow::Result<(String, String)> {
        let network = self.network()?;
        let links = network["links"].as_array().context("no links")?;
        let hub = text(&links.first().context("no link")?["a"], "node")?;
        let device = http::ask(
            self.control_address(),
            "GET",
            &format!("/devices/{hub}"),
            None,
            None,
        )?
        .json()?;
        let carried = |port: &Value| {
            let mut ports = device["ports"].as_array().into_iter().flatten();
            let found = ports.find(|one| one["name"] == *port);
            let octets = |name| found.and_then(|one| one[name].as_u64()).unwrap_or(0);
            octets("in_octets") + octets("out_octets")
        };
        let ends = |link: &Value| {
            let ends = [(&link["a"], &link["b"]), (&link["b"], &link["a"])];
            let (near, far) = ends.into_iter().find(|(near, _)| near["node"] == *hub)?;
            Some((carried(&near["port"]), text(far, "node").ok()?))
        };
        let near: Vec<(u64, String)> = links.iter().filter_map(ends).collect();
        let is_alone = |far: &str| near.iter().filter(|(_, other)| other == far).count() == 1;
        let fullest = near.iter().filter(|(_, far)| is_alone(far)).max();
        let (_, far) = fullest.context("no link of the first device is alone between its ends")?;
        let (program, control) = (program.display(), &self.control);
        let command = format!("{program} simulate fault link-down {hub} {far} --control {control}");
        Ok((command, hub))
    }

    /// What to type to mend what is broken next.
    pub(crate) fn heal(&self, program: &Path) -> anyhow::Result<String> {
        let faults = http::ask(self.control_address(), "GET", "/faults", None, None)?.json()?;
        let faults = faults["items"].as_array().into_iter().flatten();
        let known = faults.filter_map(|fault| fault["id"].as_u64()).max();
        let next = known.unwrap_or(0) + 1;
        let (program, control) = (program.display(), &self.control);
        Ok(format!(
            "{program} simulate heal {next} --control {control}"
        ))
    }

    /// Fails where one of the two has ended.
    pub(crate) fn is_running(&mut self) -> anyhow::Result<()> {
        self.server.is_running()?;
        self.simulator.is_running()
    }

    /// Stops the server, then the network that it watches.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let server = self.server.stop();
        let simulator = self.simulator.stop();
        server.and(simulator)
    }

    fn wait_for_history(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        let mut said = String::new();
        // On a screen one line moves; in a log every tenth part is told.
        let on_screen = std::io::stderr().is_terminal();
        interrupt.or_until("the history is made", SEEDED_WITHIN, || {
            let readiness = http::ask(&self.address, "GET", "/readyz", None, None)?.json()?;
            let reasons = readiness["degraded"].as_array().into_iter().flatten();
            let mut seeding = reasons.filter(|reason| reason["part"] == "history");
            let Some(reason) = seeding.next() else {
                if on_screen && !said.is_empty() {
                    eprintln!();
                }
                return Ok(Some(()));
            };
            let detail = reason["detail"].as_str().unwrap_or_default();
            let round = !detail.contains('%') || detail.contains("0 %");
            if detail != said && (round || on_screen) {
                eprint!(
                    "{}    {detail}{}",
                    if on_screen { "\r" } else { "" },
                    if on_screen { "  " } else { "\n" }
                );
                detail.clone_into(&mut said);
            }
            Ok(None)
        })
    }
}

/// The scenario of this folder, made at the first start: what it says afterwards holds, whatever was
/// changed in it by hand.
fn scenario(folder: &Path, shape: &Shape) -> anyhow::Result<PathBuf> {
    let path = folder.join("network.toml");
    if !path.exists() {
        // Devices are known by address and port, so the port is chosen once.
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let text = format!(
            "# The network of the demo. See docs/guide/simulate-your-own-network.md.\n\
             name = \"demo\"\nseed = 7\ntopology = \"campus\"\ndevices = {}\n\n\
             [agents]\nport = {port}\ncommunity = \"{COMMUNITY}\"\n",
            shape.devices
        );
        fs::write(&path, text)?;
    }
    Ok(path)
}

/// Starts the simulator; what it tells of itself.
fn simulator(
    program: &Path,
    folder: &Path,
    scenario: &Path,
    (flows, syslog): (&str, &str),
) -> anyhow::Result<(Service, Value)> {
    Service::start(
        "simulator",
        Command::new(program)
            .args([
                "simulate",
                "--json",
                "--control",
                "127.0.0.1:0",
                "--flows",
                flows,
                "--syslog",
                syslog,
                "--scenario",
            ])
            .arg(scenario),
        &folder.join("simulator.log"),
        |line| serde_json::from_str::<Value>(line).ok(),
    )
}

/// Discovers from one address by SNMP, following neighbours, and waits until it is done.
fn discover(api: &Api, told: &Value, interrupt: &Interrupt) -> anyhow::Result<()> {
    let credential = json!({"name": "demo", "kind": "snmp_v2c", "community": COMMUNITY});
    let credential = text(&api.post("credentials", &credential)?, "id")?;
    let request = json!({
        "targets": [told["first_address"]],
        "methods": ["snmp", "neighbors"],
        "credential_ids": [credential],
        "allowed_networks": [told["network"]],
        "port": told["port"],
    });
    let path = format!(
        "discoveries/{}",
        text(&api.post("discoveries", &request)?, "id")?
    );
    interrupt.or_until("discovery ends", DISCOVERED_WITHIN, || {
        let discovery = api.get(&path)?;
        match discovery["phase"].as_str() {
            Some("running") => Ok(None),
            Some("done") => {
                eprintln!("    {} devices found", discovery["devices_found"]);
                Ok(Some(()))
            }
            phase => bail!("discovery ended as {phase:?}: {discovery}"),
        }
    })
}

/// The administrator's password: what is set, else one made for this data and kept beside it.
fn password(path: &Path) -> anyhow::Result<String> {
    if let Ok(given) = std::env::var("FORETELL_ADMIN_PASSWORD") {
        return Ok(given);
    }
    if let Ok(kept) = fs::read_to_string(path) {
        return Ok(kept.trim().to_owned());
    }
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let made = format!("{:032x}", u128::from_ne_bytes(bytes));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{made}")?;
    Ok(made)
}

/// UDP ports for flows and for syslog that are free just now.
fn free_ports() -> anyhow::Result<(String, String)> {
    let flows = UdpSocket::bind("127.0.0.1:0")?;
    let syslog = UdpSocket::bind("127.0.0.1:0")?;
    let addresses = (flows.local_addr()?, syslog.local_addr()?);
    Ok((addresses.0.to_string(), addresses.1.to_string()))
}

fn free_address() -> &'static str {
    if TcpListener::bind(ADDRESS).is_ok() {
        ADDRESS
    } else {
        "127.0.0.1:0"
    }
}

/// Text of a field.
fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    let text = value[field].as_str();
    Ok(text
        .with_context(|| format!("no {field} in {value}"))?
        .to_owned())
}
