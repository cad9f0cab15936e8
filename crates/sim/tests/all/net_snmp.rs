//! Agents asked by net-snmp's programs.

use super::shelf;
use foretell_sim::agent::{Access, Agent, ServeOptions, Server, Shown, User, serve};
use snmp::{AuthProtocol, PrivacyProtocol};
use std::io::Write as _;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

const PHRASE: &str = "a phrase of the test";
const OTHER: &str = "not the phrase at all";

const AUTHS: &[(&str, AuthProtocol)] = &[
    ("MD5", AuthProtocol::Md5),
    ("SHA", AuthProtocol::Sha1),
    ("SHA-224", AuthProtocol::Sha224),
    ("SHA-256", AuthProtocol::Sha256),
    ("SHA-384", AuthProtocol::Sha384),
    ("SHA-512", AuthProtocol::Sha512),
];
const PRIVACIES: &[(&str, Option<PrivacyProtocol>)] = &[
    ("", None),
    ("DES", Some(PrivacyProtocol::Des)),
    ("AES", Some(PrivacyProtocol::Aes128)),
    ("AES-192", Some(PrivacyProtocol::Aes192)),
    ("AES-256", Some(PrivacyProtocol::Aes256)),
];

/// One without any protection, and one for every hash with every cipher.
static USERS: LazyLock<Vec<User>> = LazyLock::new(|| {
    let mut users = vec![User::new("plain", None, None).unwrap()];
    for &(auth_name, auth) in AUTHS {
        for &(privacy_name, privacy) in PRIVACIES {
            let name = format!("{auth_name}{privacy_name}");
            let privacy = privacy.map(|privacy| (privacy, PHRASE));
            users.push(User::new(name, Some((auth, PHRASE)), privacy).unwrap());
        }
    }
    users
});

struct Served {
    server: Server,
}

fn served(ports: u32) -> Served {
    let agent = Agent::new(
        "127.0.0.1:0".parse().unwrap(),
        Shown::One(Arc::new(shelf::switch(ports))),
        Arc::new(Access::by_communities(["public"]).with_users(USERS.clone())),
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

/// How net-snmp is told to ask as a user.
fn v3<'a>(
    user: &'a str,
    auth: Option<(&'a str, &'a str)>,
    privacy: Option<(&'a str, &'a str)>,
) -> Vec<&'a str> {
    let level = match (auth, privacy) {
        (None, _) => "noAuthNoPriv",
        (_, None) => "authNoPriv",
        _ => "authPriv",
    };
    let mut arguments = vec!["-v3", "-u", user, "-l", level];
    if let Some((protocol, phrase)) = auth {
        arguments.extend(["-a", protocol, "-A", phrase]);
    }
    if let Some((protocol, phrase)) = privacy {
        arguments.extend(["-x", protocol, "-X", phrase]);
    }
    arguments
}

#[test]
fn every_hash_with_every_cipher() {
    if !installed() {
        return;
    }
    let served = served(2);
    let plain = served.ask("snmpwalk", V2C, &[".1.3"]);
    let walk = |arguments: &[&str]| served.ask("snmpbulkwalk", arguments, &[".1.3"]);
    assert_eq!(walk(&v3("plain", None, None)), plain);
    for &(auth, _) in AUTHS {
        for &(privacy, protocol) in PRIVACIES {
            let user = format!("{auth}{privacy}");
            let privacy = protocol.map(|_| (privacy, PHRASE));
            assert_eq!(
                walk(&v3(&user, Some((auth, PHRASE)), privacy)),
                plain,
                "{user}"
            );
        }
    }
}

#[test]
fn who_may_not_ask_is_told_why() {
    if !installed() {
        return;
    }
    let served = served(1);
    let (sha256, aes) = (("SHA-256", PHRASE), ("AES", PHRASE));
    for (arguments, expected) in [
        (v3("nobody", Some(sha256), Some(aes)), "Unknown user name"),
        (
            v3("SHA-256AES", Some(("SHA-256", OTHER)), Some(aes)),
            "Authentication failure",
        ),
        (
            v3("SHA-256AES", Some(("SHA-512", PHRASE)), Some(aes)),
            "Authentication failure",
        ),
        (
            v3("SHA-256AES", Some(sha256), Some(("AES", OTHER))),
            "Decryption error",
        ),
        (v3("SHA-256AES", Some(sha256), None), "authorizationError"),
        (v3("SHA-256AES", None, None), "authorizationError"),
        (
            v3("SHA-256", Some(sha256), Some(aes)),
            "Unsupported security level",
        ),
        (
            v3("plain", Some(sha256), None),
            "Unsupported security level",
        ),
        (
            [v3("plain", None, None), vec!["-n", "elsewhere"]].concat(),
            "bad context",
        ),
    ] {
        let printed = served.ask("snmpget", &arguments, &[".1.3.6.1.2.1.1.5.0"]);
        assert!(
            printed.to_lowercase().contains(&expected.to_lowercase()),
            "{arguments:?}: {printed}"
        );
    }
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
