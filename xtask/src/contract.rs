//! Schemathesis against the running server: requests made up from the OpenAPI document, right and
//! wrong ones, with and without a sign-in. No failure of ours, and nothing outside the document.
//!
//! It makes up addresses, too, and the server asks them. So all of it runs in a network namespace of
//! its own, where there is nothing but loopback.

use crate::beside::{self, Step};
use crate::http;
use crate::install::python_can_make_venvs;
use crate::programs::{is_root, is_there, output, root, run as run_program, target_dir};
use crate::python::Venv;
use crate::service::{Interrupt, Service, address_in};
use crate::tally::Outcome;
use crate::workspace;
use anyhow::Context as _;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Seed of the run that `cargo xtask test` makes; another one looks elsewhere.
pub(crate) const SEED: u32 = 1;
/// Seconds of the part with a sign-in, and of the one without.
const SIGNED_IN_SECS: u32 = 80;
const SIGNED_OUT_SECS: u32 = 20;
/// Schemathesis.
const VENV: Venv = Venv {
    name: "schemathesis",
    packages: &["schemathesis==4.32.5"],
};
const PASSWORD: &str = "correct horse battery staple";
const COMMUNITY: &str = "of-the-test";

/// Runs it in a namespace.
pub(crate) fn run(seed: u32) -> anyhow::Result<Outcome> {
    match in_namespace(seed) {
        Ok(mut inside) => run_program(&mut inside).map(|()| Outcome::Passed),
        Err(why) => Ok(Outcome::Skipped(why)),
    }
}

/// The same, to run beside a step that waits most of the time. Nothing where it cannot be run here:
/// [`run`] says why.
pub(crate) fn step() -> Option<Step> {
    let inside = in_namespace(SEED).ok()?;
    Some(beside::waiting("contract", inside))
}

/// What runs it; or why it cannot be run here.
fn in_namespace(seed: u32) -> Result<Command, String> {
    for program in ["unshare", "ip"] {
        if !is_there(program) {
            return Err(format!("missing {program}"));
        }
    }
    if !python_can_make_venvs() {
        return Err("python3 cannot make a venv".to_owned());
    }
    if let Err(error) = VENV.program("schemathesis") {
        return Err(format!("Schemathesis cannot be installed: {error:#}"));
    }
    let unshare = |more: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.arg("--net").args(more);
        if !is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        unshare
    };
    let made = unshare(&[]).arg("true").stderr(Stdio::null()).status();
    if !made.is_ok_and(|status| status.success()) {
        return Err("no network namespace may be made here".to_owned());
    }
    let mut inside = unshare(&["--pid", "--fork", "--kill-child"]);
    inside
        .arg(workspace::xtask())
        .args(["contract", "--inside", "--seed", &seed.to_string()]);
    Ok(inside)
}

/// The part in the namespace.
pub(crate) fn inside(seed: u32) -> anyhow::Result<()> {
    run_program(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let folder = target_dir().join("contract");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let agent = Agent::start(&folder)?;
    let server = Server::start(&folder)?;
    let mut prepare = Command::new(VENV.program("python")?);
    prepare
        .arg(root().join("xtask/contract/prepare.py"))
        .args([&server.url, PASSWORD])
        .current_dir(&folder);
    if let Some(agent) = &agent {
        prepare.args([&agent.port.to_string(), COMMUNITY]);
    }
    let token = output(&mut prepare)?;
    let bearer = format!("Authorization: Bearer {}", token.trim());
    println!("    seed {seed}");
    let signed_in = test(&server, &folder, seed, SIGNED_IN_SECS, Some(&bearer));
    let signed_out = test(&server, &folder, seed, SIGNED_OUT_SECS, None);
    // Both are told before either fails.
    signed_in.context("signed in")?;
    signed_out.context("signed out")
}

fn test(
    server: &Server,
    folder: &Path,
    seed: u32,
    seconds: u32,
    header: Option<&str>,
) -> anyhow::Result<()> {
    let mut command = Command::new(VENV.program("schemathesis")?);
    command
        .arg("run")
        .arg(format!("{}/openapi.json", server.url))
        .args(["--workers", "1", "--no-color"])
        .args(["--seed", &seed.to_string()])
        .args(["--max-time", &seconds.to_string()])
        .args(["--generation-database", "none"])
        .current_dir(folder);
    if let Some(header) = header {
        command.args(["--header", header]);
    }
    run_program(&mut command)
}

/// A real agent, so that there is something to list; killed when dropped.
struct Agent {
    child: Child,
    port: u16,
}

impl Agent {
    fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        if !is_there("snmpd") {
            println!("    no snmpd: what is measured stays empty");
            return Ok(None);
        }
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = folder.join("snmpd.conf");
        let configuration = format!(
            "agentAddress udp:127.0.0.1:{port}\nrocommunity {COMMUNITY}\nsysName contract\n"
        );
        fs::write(&file, configuration)?;
        let child = Command::new("snmpd")
            .args(["-f", "-Lo", "-C", "-I", "-systemstats", "-c"])
            .arg(&file)
            .env("SNMP_PERSISTENT_DIR", folder.join("snmpd"))
            .env("PATH", search_path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("could not start snmpd")?;
        Ok(Some(Self { child, port }))
    }
}

/// Where daemons are, besides where a user looks.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long the server may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The server; killed when dropped.
struct Server {
    _service: Service,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let (mut service, address) = Service::start(
            "server",
            Command::new(workspace::foretell())
                .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
                .arg(folder.join("data"))
                .env("FORETELL_ADMIN_PASSWORD", PASSWORD)
                .env("FORETELL_POLL__DEFAULT_INTERVAL_SECS", "5"),
            &folder.join("server.log"),
            address_in,
        )?;
        Interrupt::listen()?.or_until("the server is ready", READY_WITHIN, || {
            service.is_running()?;
            let answer = http::ask(&address, "GET", "/readyz", None, None)?;
            Ok((answer.status == 200).then_some(()))
        })?;
        Ok(Self {
            _service: service,
            url: format!("http://{address}"),
        })
    }
}
