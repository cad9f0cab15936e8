//! What the tests need besides Rust, and getting it from apt where that may be done.

use crate::programs::{is_root, is_there, run};
use crate::tally::Outcome;
use std::path::Path;
use std::process::Command;

/// A program that tests run.
struct Need {
    program: &'static str,
    /// Debian's package of it; none where Debian's is too old to be of use.
    package: Option<&'static str>,
    /// What cannot be tested without it.
    used_by: &'static str,
}

const fn need(program: &'static str, package: Option<&'static str>, used_by: &'static str) -> Need {
    Need {
        program,
        package,
        used_by,
    }
}

/// The one list.
const NEEDS: &[Need] = &[
    need("snmpd", Some("snmpd"), "lab"),
    need("snmpget", Some("snmp"), "lab"),
    need("lldpd", Some("lldpd"), "lab"),
    need("ip", Some("iproute2"), "lab"),
    need("unshare", Some("util-linux"), "contract"),
    need("ping", Some("iputils-ping"), "lab"),
    need("softflowd", Some("softflowd"), "flows of a real exporter"),
    need("setpriv", Some("util-linux"), "lab"),
    need("logger", Some("bsdutils"), "tests of syslog"),
    need("rsyslogd", Some("rsyslog-openssl"), "tests of syslog"),
    need("openssl", Some("openssl"), "tests of syslog"),
    need("dnsmasq", Some("dnsmasq-base"), "checks of name servers"),
    need("chronyd", Some("chrony"), "checks of time servers"),
    need("chromium", Some("chromium"), "browser tests"),
    need("g++", Some("g++"), "fuzz"),
    need("python3", Some("python3"), "corpus, contract"),
    need("node", None, "page (Node 20.19 or newer, from nodejs.org)"),
    need("npm", None, "page (comes with Node)"),
];

/// net-snmp's library, which a bench is held beside. No test needs it.
const LIBRARY: (&str, &str) = ("net-snmp/library/snmp_api.h", "libsnmp-dev");
/// Where C compilers look for headers.
const INCLUDES: [&str; 2] = ["/usr/include", "/usr/local/include"];

/// Installs net-snmp's library where that may be done.
pub(crate) fn ensure_library() {
    if lacking_library().is_some() && is_root() && is_there("apt-get") {
        let (_, package) = LIBRARY;
        eprintln!("    installing {package}");
        if let Err(error) = install(&[package]) {
            eprintln!("    {error:#}");
        }
    }
}

/// Installs a program that a measurement has for a peer, where that may be done; whether it is there.
pub(crate) fn ensure_peer(program: &str, package: &str) -> bool {
    if !is_there(program) && is_root() && is_there("apt-get") {
        eprintln!("    installing {package}");
        if let Err(error) = install(&[package]) {
            eprintln!("    {error:#}");
        }
    }
    is_there(program)
}

/// What is missing to compile against net-snmp's library; nothing is `None`.
pub(crate) fn lacking_library() -> Option<String> {
    let (header, package) = LIBRARY;
    if !is_there("cc") {
        return Some("missing a C compiler".to_owned());
    }
    let there = INCLUDES
        .iter()
        .any(|folder| Path::new(folder).join(header).is_file());
    (!there).then(|| format!("missing {package}"))
}

/// Installs what is missing, as root where there is apt-get; says what is missing otherwise.
/// Tests that lack something are skipped aloud by their own steps.
pub(crate) fn ensure() -> Outcome {
    let mut packages: Vec<&str> = missing().filter_map(|need| need.package).collect();
    if is_there("python3") && !python_can_make_venvs() {
        packages.push("python3-venv");
    }
    if !packages.is_empty() {
        if !(is_root() && is_there("apt-get")) {
            let why = "not to be installed without root and apt-get";
            return without(&packages, why);
        }
        eprintln!("    installing {}", packages.join(" "));
        if let Err(error) = install(&packages) {
            return without(&packages, &format!("{error:#}"));
        }
    }
    for need in missing() {
        eprintln!("    missing {}: no {}", need.program, need.used_by);
    }
    Outcome::Passed
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    run(apt().arg("update"))?;
    run(apt()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))
}

/// What is missing, which tests are skipped for it, and why it stays so.
fn without(packages: &[&str], why: &str) -> Outcome {
    let mut users: Vec<&str> = missing().map(|need| need.used_by).collect();
    users.dedup();
    let (packages, users) = (packages.join(" "), users.join(", "));
    Outcome::Skipped(format!("missing {packages} (no {users}): {why}"))
}

/// Which programs that `user` needs are missing; none missing is `None`.
pub(crate) fn lacking(user: &str) -> Option<String> {
    let names: Vec<&str> = missing()
        .filter(|need| need.used_by.starts_with(user))
        .map(|need| need.program)
        .collect();
    (!names.is_empty()).then(|| format!("missing {}", names.join(", ")))
}

pub(crate) fn python_can_make_venvs() -> bool {
    Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn missing() -> impl Iterator<Item = &'static Need> {
    NEEDS.iter().filter(|need| !is_there(need.program))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command
        .arg("--quiet")
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}
