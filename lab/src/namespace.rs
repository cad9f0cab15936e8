//! Network namespaces by name, and the links between them, by iproute2.

use anyhow::{Context as _, bail};
use std::process::{Command, Stdio};

/// Every namespace of the lab begins so: what a killed run left behind is found by it.
pub const PREFIX: &str = "fl-";

/// A network namespace. Dropping it kills what runs in it and deletes it, and with it its links.
#[derive(Debug)]
pub struct Namespace {
    // Invariant: begins with PREFIX.
    name: String,
}

impl Namespace {
    /// Makes `fl-NAME` with its loopback up.
    pub fn create(name: &str) -> anyhow::Result<Self> {
        let namespace = Self {
            name: format!("{PREFIX}{name}"),
        };
        ip(&["netns", "add", &namespace.name])?;
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` on it, from outside.
    pub fn ip(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut all = vec!["-n", &self.name];
        all.extend(arguments);
        ip(&all)
    }

    /// A program to be run in it. Its process is that of the program itself.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name])
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// Takes one of its interfaces up or down.
    pub fn set_link(&self, interface: &str, up: bool) -> anyhow::Result<()> {
        let state = if up { "up" } else { "down" };
        self.ip(&["link", "set", interface, state]).map(drop)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Joins two namespaces by a veth pair, both ends up.
pub fn join(a: &Namespace, a_end: &str, b: &Namespace, b_end: &str) -> anyhow::Result<()> {
    ip(&[
        "link", "add", "name", a_end, "netns", &a.name, "type", "veth", "peer", "name", b_end,
        "netns", &b.name,
    ])?;
    a.set_link(a_end, true)?;
    b.set_link(b_end, true)
}

/// Joins a namespace to the host's own network by a veth pair, both ends up.
pub fn join_host(host_end: &str, b: &Namespace, b_end: &str) -> anyhow::Result<()> {
    // The kernel takes a deleted namespace apart in its own time, and the host's end of its link
    // only then.
    let _ = ip(&["link", "delete", host_end]);
    ip(&[
        "link", "add", "name", host_end, "type", "veth", "peer", "name", b_end, "netns", &b.name,
    ])?;
    ip(&["link", "set", host_end, "up"])?;
    b.set_link(b_end, true)
}

/// Removes what a killed run left: namespaces, what runs in them, and with them their links.
pub fn remove_leftovers() -> anyhow::Result<()> {
    for line in ip(&["netns", "list"])?.lines() {
        if let Some(name) = line.split_whitespace().next()
            && name.starts_with(PREFIX)
        {
            remove(name);
        }
    }
    Ok(())
}

/// Runs `ip` on the host.
pub fn ip(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("could not start ip")?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("ip {}: {}", arguments.join(" "), told.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As well as can be: this runs in drops and before the lab stands.
fn remove(name: &str) {
    for pid in ip(&["netns", "pids", name])
        .unwrap_or_default()
        .split_whitespace()
    {
        if let Ok(pid) = pid.parse() {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
    let _ = ip(&["netns", "delete", name]);
}
