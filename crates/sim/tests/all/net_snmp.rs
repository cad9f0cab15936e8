//! Agents asked by net-snmp's programs.

use super::shelf;
use foretell_sim::agent::{Access, Agent, ServeOptions, Server, Shown, serve};
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

struct Served {
    server: Server,
}

fn served(ports: u32) -> Served {
    let agent = Agent::new(
        "127.0.0.1:0".parse().unwrap(),
        Shown::One(Arc::new(shelf::switch(ports))),
        Arc::new(Access::by_communities(["public"])),
        Instant::now(),
    );
    Served {
        server: serve(&[Arc::new(agent)], &ServeOptions::default()).unwrap(),
    }
}

/// Whether net-snmp's programs are here; where not, that is said loudly.
fn installed() -> bool {
    let found = Command::new("snmpget").arg("-V").output().is_ok();
    if !found {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let skipped = b"SKIPPED: net-snmp's programs not installed (apt install snmp)\n";
        std::io::stderr().write_all(skipped).unwrap();
    }
    found
}

impl Served {
    /// What a program prints, to standard output and then to standard error.
    fn ask(&self, program: &str, arguments: &[&str], oids: &[&str]) -> String {
        let output = Command::new(program)
            .args(["-On", "-t", "1", "-r", "0"])
            .args(arguments)
            .arg(self.server.address(0).unwrap().to_string())
            .args(oids)
            .env("MIBS", "")
            .env("SNMPCONFPATH", "/nonexistent")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }
}

const V2C: &[&str] = &["-v2c", "-c", "public"];
const V1: &[&str] = &["-v1", "-c", "public"];

#[test]
fn one_object() {
    if !installed() {
        return;
    }
    let served = served(2);
    let check = |arguments: &[&str], oid: &str, expected: &str| {
        let printed = served.ask("snmpget", arguments, &[oid]);
        assert!(printed.contains(expected), "{oid}: {printed}");
    };
    for version in [V1, V2C] {
        check(version, ".1.3.6.1.2.1.1.5.0", "STRING: \"switch\"");
        check(version, ".1.3.6.1.2.1.1.2.0", "OID: .1.3.6.1.4.1.32473.1");
        check(version, ".1.3.6.1.2.1.1.3.0", "(4294967295)");
        check(version, ".1.3.6.1.2.1.2.2.1.5.1", "Gauge32: 4294967295");
    }
    let counter64 = ".1.3.6.1.2.1.31.1.1.1.10.1";
    check(V2C, counter64, "Counter64: 18446744073709551614");
    check(V1, counter64, "noSuchName");
    check(V2C, ".1.3.6.1.2.1.1.5.1", "No Such Instance");
    check(V2C, ".1.3.6.1.2.1.1.99.0", "No Such Object");
    check(V1, ".1.3.6.1.2.1.1.99.0", "noSuchName");
    check(&["-v2c", "-c", "stranger"], counter64, "Timeout");
}

#[test]
fn walks() {
    if !installed() {
        return;
    }
    let served = served(48);
    let v1 = served.ask("snmpwalk", V1, &[".1.3"]);
    let v2c = served.ask("snmpwalk", V2C, &[".1.3"]);
    let bulk = served.ask("snmpbulkwalk", V2C, &[".1.3"]);
    // Over SNMPv1 there is no Counter64; over SNMPv2c the end of the MIB is told besides.
    assert_eq!(v1.lines().count(), 5 + 48 * 5 + 1, "{v1}");
    assert_eq!(bulk.lines().count(), 5 + 48 * 7 + 1, "{bulk}");
    assert_eq!(v2c, bulk);
}

#[test]
fn nothing_can_be_set() {
    if !installed() {
        return;
    }
    let served = served(1);
    let check = |arguments: &[&str], oid: &str, expected: &str| {
        let printed = served.ask("snmpset", arguments, &[oid, "s", "new"]);
        assert!(printed.contains(expected), "{oid}: {printed}");
    };
    check(V2C, ".1.3.6.1.2.1.1.5.0", "notWritable");
    check(V2C, ".1.3.6.1.2.1.1.99.0", "noAccess");
    check(V1, ".1.3.6.1.2.1.1.5.0", "noSuchName");
}
