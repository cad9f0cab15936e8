//! Traps and informs of net-snmp's programs, heard by the server: kept, matched, shown, acted on.

use crate::agent::Agent;
use crate::program::{Server, skipped, until};
use crate::serve::{add_credential, discover, wait_for_samples};
use crate::simulate::Simulation;
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PHRASE: &str = "a phrase of the test";
const PRIVATE: &str = "another one for privacy";
/// Patience of one attempt of snmpinform, and how often it tries.
const PATIENCE: [&str; 4] = ["-t", "1", "-r", "3"];

const AUTHS: [(&str, &str); 6] = [
    ("md5", "MD5"),
    ("sha1", "SHA"),
    ("sha224", "SHA-224"),
    ("sha256", "SHA-256"),
    ("sha384", "SHA-384"),
    ("sha512", "SHA-512"),
];
const PRIVS: [(&str, &str); 6] = [
    ("des", "DES"),
    ("aes128", "AES"),
    ("aes192", "AES-192"),
    ("aes256", "AES-256"),
    ("aes192c", "AES-192-C"),
    ("aes256c", "AES-256-C"),
];

pub(crate) fn is_installed() -> bool {
    let there = Path::new("/usr/bin/snmptrap").exists();
    if !there {
        skipped("there is no snmptrap on this machine (apt-get install snmp)");
    }
    there
}

/// A server that listens for traps, and where.
fn start(data: &Path, more: &[(&str, &str)]) -> (Server, String) {
    let environment = [&[("FORETELL_TRAPS__LISTEN", "127.0.0.1:0")], more].concat();
    let mut server = Server::start_with(data, &environment);
    server.sign_in();
    let told = server.printed.iter();
    let mut at = told.filter_map(|line| line.strip_prefix("traps on udp://"));
    let at = at.next().expect("it says where it listens").to_owned();
    (server, at)
}

/// Sends; whether the program was content, which snmpinform is where it was answered.
fn send(program: &str, arguments: &[&str], to: &str, content: &[&str]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(program)
        .args(PATIENCE)
        .args(arguments)
        .arg(to)
        .args(content)
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .env("SNMPCONFPATH", folder.path())
        .env("MIBS", "")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.unwrap().success()
}

fn link(what: &str, index: &str) -> Vec<String> {
    let last = if what == "linkDown" { "3" } else { "4" };
    let status = if what == "linkDown" { "2" } else { "1" };
    let words = [
        "4242",
        &format!("1.3.6.1.6.3.1.1.5.{last}"),
        &format!("1.3.6.1.2.1.2.2.1.1.{index}"),
        "i",
        index,
        &format!("1.3.6.1.2.1.2.2.1.8.{index}"),
        "i",
        status,
    ];
    words.iter().map(|&word| word.to_owned()).collect()
}

fn send_link(program: &str, arguments: &[&str], to: &str, what: &str, index: &str) -> bool {
    let content = link(what, index);
    let content: Vec<&str> = content.iter().map(String::as_str).collect();
    send(program, arguments, to, &content)
}

fn traps(server: &Server, filter: &str) -> Vec<Value> {
    let (status, page) = server.get(&format!("traps?limit=1000&{filter}"));
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

fn metric(server: &Server, name: &str) -> u64 {
    let (_, metrics) = server.text("/metrics");
    let mut lines = metrics.lines();
    lines
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .unwrap_or(0)
}

/// Arguments by which net-snmp sends, and the user that they name.
type Mode = (Vec<String>, String);

/// Makes a credential for every mode that net-snmp speaks.
fn add_modes(server: &Server) -> Vec<Mode> {
    let mut modes: Vec<Mode> = Vec::new();
    let mut add = |auth: Option<(&str, &str)>, privacy: Option<(&str, &str)>| {
        let user = format!(
            "u-{}-{}",
            auth.map_or("none", |auth| auth.0),
            privacy.map_or("none", |privacy| privacy.0)
        );
        let mut body = json!({"name": user, "kind": "snmp_v3", "user": user});
        let mut arguments = vec!["-v3", "-u", &user, "-l"];
        arguments.push(match (auth, privacy) {
            (None, _) => "noAuthNoPriv",
            (Some(_), None) => "authNoPriv",
            _ => "authPriv",
        });
        if let Some((name, theirs)) = auth {
            body["auth"] = json!(name);
            body["auth_passphrase"] = json!(PHRASE);
            arguments.extend(["-a", theirs, "-A", PHRASE]);
        }
        if let Some((name, theirs)) = privacy {
            body["privacy"] = json!(name);
            body["privacy_passphrase"] = json!(PRIVATE);
            arguments.extend(["-x", theirs, "-X", PRIVATE]);
        }
        let (status, answer) = server.post("credentials", &body);
        assert_eq!(status, 201, "{answer}");
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        modes.push((arguments, user.clone()));
    };
    add(None, None);
    for auth in AUTHS {
        add(Some(auth), None);
        add(Some(auth), Some(PRIVS[1]));
    }
    // AES-128 was among those.
    for privacy in PRIVS.iter().filter(|privacy| privacy.0 != "aes128") {
        add(Some(AUTHS[1]), Some(*privacy));
        add(Some(AUTHS[5]), Some(*privacy));
    }
    modes
}

/// Each mode told twice, by a trap and an inform, and each trap says whose and which port's it is.
fn check_rows(all: &[Value], modes: &[Mode]) {
    for trap in all {
        assert_eq!(trap["name"], "linkDown", "{trap}");
        assert_eq!(trap["interface_name"], "lo", "{trap}");
        assert!(trap["interface_id"].is_string(), "{trap}");
        assert_eq!(trap["device_name"], "told", "{trap}");
        assert_eq!(trap["uptime_seconds"], 42.42, "{trap}");
        assert_eq!(trap["consequence"], "poll", "{trap}");
    }
    for (_, user) in modes {
        let of_user: Vec<_> = all.iter().filter(|trap| trap["user"] == **user).collect();
        assert_eq!(of_user.len(), 2, "{user}");
        let level = match user.as_str() {
            "u-none-none" => "no_auth_no_priv",
            user if user.ends_with("-none") => "auth_no_priv",
            _ => "auth_priv",
        };
        assert!(
            of_user.iter().all(|trap| trap["protection"] == level),
            "{user}"
        );
    }
}

fn check_pages(server: &Server) {
    let (_, first) = server.get("traps?limit=2");
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = server.get(&format!("traps?limit=2&cursor={cursor}"));
    assert_ne!(first["items"][1]["id"], second["items"][0]["id"]);
    assert_eq!(server.get("traps?cursor=nonsense").0, 400);
    assert_eq!(server.get("traps?limit=0").0, 400);
}

#[test]
fn every_mode_of_net_snmp_is_believed_kept_and_matched() {
    let Some(agent) = Agent::start("told") else {
        return;
    };
    if !is_installed() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let (server, at) = start(data.path(), &[]);
    let credential = add_credential(&server);
    let modes = add_modes(&server);
    let device = discover(&server, &agent.address(), &credential);
    wait_for_samples(&server, &device);
    let community = ["-v2c", "-c", crate::agent::COMMUNITY];
    // Credentials are believed within moments of being made.
    until("credentials to be believed", || {
        let (arguments, _) = modes.last().unwrap();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        send_link("snmpinform", &arguments, &at, "linkUp", "1")
    });
    let before = traps(&server, "").len();
    assert!(send_link("snmpinform", &community, &at, "linkDown", "1"));
    assert!(send_link("snmptrap", &community, &at, "linkDown", "1"));
    let v1 = ["-v1", "-c", crate::agent::COMMUNITY];
    let content = [
        "1.3.6.1.4.1.8072.3.2.10",
        "127.0.0.1",
        "2",
        "0",
        "4242",
        "1.3.6.1.2.1.2.2.1.1.1",
        "i",
        "1",
    ];
    assert!(send("snmptrap", &v1, &at, &content));
    for (arguments, user) in &modes {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let trap = [arguments.as_slice(), &["-e", "0x8000000001020304"]].concat();
        assert!(send_link("snmptrap", &trap, &at, "linkDown", "1"));
        assert!(
            send_link("snmpinform", &arguments, &at, "linkDown", "1"),
            "the inform of {user} is not answered"
        );
    }
    let expected = before + 3 + 2 * modes.len();
    until("all of them to be kept", || {
        traps(&server, "").len() >= expected
    });
    let all = traps(&server, &format!("device_id={device}&q=linkDown"));
    assert_eq!(all.len(), 3 + 2 * modes.len(), "each once, and matched");
    check_rows(&all, &modes);
    assert!(
        traps(&server, "q=lo+ifOperStatus.1").len() >= all.len() - 1,
        "words are searched"
    );
    check_pages(&server);

    // What is not believed is counted, not kept and not answered.
    let wrong = ["-v2c", "-c", "wrong"];
    assert!(!send_link("snmpinform", &wrong, &at, "linkDown", "1"));
    assert_eq!(traps(&server, "q=linkDown").len(), all.len());
    let refused = "foretell_traps_refused_total{reason=\"unknown_community\"}";
    assert!(metric(&server, refused) >= 1);
    let (_, metrics) = server.text("/metrics");
    assert!(
        !metrics.contains("foretell_traps_refused_total{reason=\"wrong_digest\"}"),
        "{metrics}"
    );

    // A restart keeps the traps, and counts the boots of our engine, so that informs go on.
    let (status, _) = server.terminate();
    assert!(status.success());
    let (server, at) = start(data.path(), &[]);
    assert_eq!(traps(&server, "q=linkDown").len(), all.len());
    let (arguments, _) = modes.last().unwrap();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    until("informs to be answered again", || {
        send_link("snmpinform", &arguments, &at, "linkUp", "1")
    });
}

#[test]
fn a_link_that_goes_down_is_seen_long_before_the_next_poll() {
    if !is_installed() {
        return;
    }
    let options = [
        "--devices",
        "20",
        "--base",
        "127.23.0.1",
        "--control",
        "127.0.0.1:0",
    ];
    let simulation = Simulation::start(&options, &[]);
    let data = tempfile::tempdir().unwrap();
    let slow = [("FORETELL_POLL__DEFAULT_INTERVAL_SECS", "3600")];
    let (server, at) = start(data.path(), &slow);
    let body = json!({"name": "sim", "kind": "snmp_v2c", "community": "public"});
    let (_, credential) = server.post("credentials", &body);
    let credential = credential["id"].as_str().unwrap();
    let device = discover(&server, &simulation.agent("127.23.0.1"), credential);
    let interfaces = || {
        let (_, page) = server.get(&format!("devices/{device}/interfaces?limit=1000"));
        page["items"].as_array().unwrap().clone()
    };
    until("the first poll", || {
        interfaces().iter().any(|row| row["oper_status"] == "up")
    });
    let port = interfaces()
        .into_iter()
        .find(|row| row["oper_status"] == "up" && row["kind"] == "ethernetCsmacd")
        .unwrap();
    let (id, name) = (
        port["id"].clone(),
        port["name"].as_str().unwrap().to_owned(),
    );
    let index = port["index"].to_string();
    let status = || {
        let rows = interfaces();
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        row["oper_status"].clone()
    };
    let (code, out) = simulation.command(&["fault", "link-down", "core-1", &name]);
    assert_eq!(code, 0, "{out}");
    let oper_status = format!("1.3.6.1.2.1.2.2.1.8.{index}");
    until("the agent to say so", || {
        let output = Command::new("snmpget")
            .args(["-v2c", "-c", "public", "-Oqv"])
            .args([&simulation.agent("127.23.0.1"), &oper_status])
            .env("MIBS", "")
            .output()
            .unwrap();
        output.stdout.starts_with(b"2")
    });
    assert_eq!(status(), "up", "nobody has looked yet");
    // The agent has the address 127.23.0.1, so its trap names it.
    let trap = [
        "1.3.6.1.4.1.8072.3.2.10",
        "127.23.0.1",
        "2",
        "0",
        "4242",
        &format!("1.3.6.1.2.1.2.2.1.1.{index}"),
        "i",
        &index,
    ];
    let begun = Instant::now();
    until("the trap's credential to be believed", || {
        assert!(send("snmptrap", &["-v1", "-c", "public"], &at, &trap));
        std::thread::sleep(Duration::from_millis(100));
        !traps(&server, "").is_empty()
    });
    until("the port to be down", || status() == "down");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(15), "it took {took:?}");
    let kept = traps(&server, &format!("device_id={device}"));
    assert_eq!(kept[0]["known_by"], "named_address");
    assert_eq!(kept[0]["interface_id"], id);
    assert_eq!(kept[0]["interface_name"], *name);
    assert!(metric(&server, "foretell_trap_polls_total") >= 1);
}

#[test]
fn a_flood_of_one_sender_leaves_another_unharmed() {
    if !is_installed() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let more = [
        ("FORETELL_TRAPS__ACCEPT_UNKNOWN_SENDERS", "true"),
        ("FORETELL_TRAPS__PER_SENDER_RATE_MAX", "10"),
    ];
    let (server, at) = start(data.path(), &more);
    add_credential(&server);
    let flood = UdpSocket::bind("127.0.0.9:0").unwrap();
    for number in 0..20_000u32 {
        // A mutated sea of nothing.
        let mut datagram = [0x30; 60];
        datagram[1..5].copy_from_slice(&number.to_be_bytes());
        let _ = flood.send_to(&datagram, &at);
    }
    let community = ["-v2c", "-c", crate::agent::COMMUNITY];
    until(
        "the credential to be believed, and an inform answered",
        || send_link("snmpinform", &community, &at, "linkDown", "1"),
    );
    let kept = traps(&server, "");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0]["device_id"], Value::Null);
    let dropped = metric(&server, "foretell_traps_over_rate_total");
    assert!(dropped > 1_000, "{dropped}");
}

#[test]
fn a_port_that_is_taken_is_told_and_harms_nothing() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let environment = [("FORETELL_TRAPS__LISTEN", address.as_str())];
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let (_, notices) = server.get("system/notices");
    let notices = notices.to_string();
    assert!(
        notices.contains("trap_port_not_bound") && notices.contains(&address),
        "{notices}"
    );
}
