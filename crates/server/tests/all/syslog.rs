//! Logs end to end: lines by `logger` and `rsyslogd` over datagrams, connections and TLS, found again
//! by their words and by their device.

use crate::program::{Server, skipped, until};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn there(program: &str) -> bool {
    let is_there = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file());
    if !is_there {
        skipped(&format!("there is no {program}"));
    }
    is_there
}

fn logger(port: u16, arguments: &[&str]) {
    let done = Command::new("logger")
        .args(["--server", "127.0.0.1", "--port", &port.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .status();
    assert!(done.unwrap().success(), "{arguments:?}");
}

fn lines(server: &Server, query: &str) -> Vec<Value> {
    let (status, answer) = server.get(&format!("logs?{query}"));
    assert_eq!(status, 200, "{answer}");
    answer["items"].as_array().unwrap().clone()
}

/// The one line that has a word.
fn line(server: &Server, word: &str) -> Value {
    let mut found = Vec::new();
    until(word, || {
        found = lines(server, &format!("q={word}"));
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

#[test]
fn lines_of_logger_are_found_by_words_and_device_and_are_there_after_a_restart() {
    if !there("logger") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let (udp, tcp) = (free_port(), free_port());
    let environment = [
        ("FORETELL_SYSLOG__LISTEN_UDP", address(udp)),
        ("FORETELL_SYSLOG__LISTEN_TCP", address(tcp)),
    ];
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let (status, device) = server.post("devices", &json!({"address": "127.0.0.1", "port": 9}));
    assert_eq!(status, 201, "{device}");

    let tag = ["--tag", "probe", "--priority", "local3.err"];
    let of = |how: &[&'static str], word: &'static str| [&tag[..], how, &[word]].concat();
    logger(udp, &of(&["--udp", "--rfc3164"], "oneudp"));
    logger(udp, &of(&["--udp", "--rfc5424", "--id=77"], "twoudp"));
    logger(tcp, &of(&["--tcp", "--rfc3164"], "threetcp"));
    logger(
        tcp,
        &of(&["--tcp", "--rfc5424", "--octet-count"], "fourtcp"),
    );
    let structured = ["--sd-id", "zone@32473", "--sd-param", "name=\"a b\""];
    let arguments = ["--tcp", "--rfc5424", "--octet-count"];
    logger(tcp, &of(&[&arguments[..], &structured].concat(), "fivetcp"));
    for (word, format, transport) in [
        ("oneudp", "rfc3164", "udp"),
        ("twoudp", "rfc5424", "udp"),
        ("threetcp", "rfc3164", "tcp"),
        ("fourtcp", "rfc5424", "tcp"),
        ("fivetcp", "rfc5424", "tcp"),
    ] {
        let line = line(&server, word);
        let details = &line["details"];
        assert_eq!(details["format"], format, "{line}");
        assert_eq!(details["transport"], transport, "{line}");
        assert_eq!(
            (&details["app"], &details["facility"]),
            (&json!("probe"), &json!(19)),
            "{line}"
        );
        assert_eq!(
            (&line["severity"], &line["source"]),
            (&json!(3), &json!("127.0.0.1"))
        );
        assert_eq!(line["device_id"], device["id"], "{line}");
        assert!(details["device_time"].is_string(), "{line}");
        assert!(details["host"].is_string(), "{line}");
    }
    assert_eq!(line(&server, "twoudp")["details"]["process"], "77");
    let structured = &line(&server, "fivetcp")["details"]["structured"];
    let zone = structured
        .as_array()
        .unwrap()
        .iter()
        .find(|element| element["id"] == "zone@32473");
    assert_eq!(
        zone.unwrap()["parameters"],
        json!([{"name": "name", "value": "a b"}])
    );

    let id = device["id"].as_str().unwrap();
    assert_eq!(lines(&server, &format!("device_id={id}")).len(), 5);
    assert_eq!(lines(&server, &format!("device_id={id}&q=tcp")).len(), 0);
    assert_eq!(lines(&server, "severity=2").len(), 0);
    assert_eq!(
        lines(&server, "severity=3&source=127.0.0.1&q=probe").len(),
        5
    );
    assert_eq!(lines(&server, "to=2020-01-01T00:00:00Z").len(), 0);
    let (_, page) = server.get("logs?limit=2");
    let next = page["next_cursor"].as_str().unwrap();
    assert_eq!(lines(&server, &format!("limit=3&cursor={next}")).len(), 3);
    for wrong in [
        "severity=8",
        "source=x",
        "q=%20a%20b%20c%20d%20e%20f%20g%20h%20i%20j%20k%20l%20m%20n%20o%20p%20q",
        "cursor=x",
        "limit=0",
    ] {
        assert_eq!(server.get(&format!("logs?{wrong}")).0, 400, "{wrong}");
    }
    assert_eq!(server.get("logs?q=%22%20OR%20(a").0, 200);
    // A line can be read a moment before the thread that wrote it has counted it.
    until("the count of lines that are kept", || {
        let (_, metrics) = server.text("/metrics");
        metrics.contains("foretell_events_kept_total 5")
    });
    let (_, metrics) = server.text("/metrics");
    assert!(
        metrics.contains("foretell_syslog_received_udp_total 2"),
        "{metrics}"
    );

    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
    let mut server = Server::start(data.path());
    server.sign_in();
    assert_eq!(lines(&server, "q=probe").len(), 5);
}

#[test]
fn a_flood_of_one_sender_costs_no_other_and_what_cannot_be_listened_on_is_told() {
    let data = tempfile::tempdir().unwrap();
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let udp = address(free_port());
    let listen = format!("{taken},{udp}");
    let environment = [
        ("FORETELL_SYSLOG__LISTEN_UDP", listen.as_str()),
        ("FORETELL_SYSLOG__SOURCE_LINES_PER_SEC_MAX", "10"),
    ];
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let (_, notices) = server.get("system/notices");
    let notices = notices["items"].as_array().unwrap();
    let notice = notices
        .iter()
        .find(|notice| notice["code"] == "syslog_not_received");
    assert!(
        notice.unwrap()["message"]
            .as_str()
            .unwrap()
            .contains(&taken),
        "{notices:?}"
    );
    drop(holder);

    let loud = UdpSocket::bind("127.0.0.1:0").unwrap();
    for n in 0..500 {
        loud.send_to(format!("<13>loud: number {n}").as_bytes(), &udp)
            .unwrap();
    }
    let quiet = UdpSocket::bind("127.0.0.2:0").unwrap();
    quiet
        .send_to(b"<187>7: *Mar  1 00:00:01 UTC: %LINK-3-UPDOWN: quiet", &udp)
        .unwrap();
    let line = line(&server, "quiet");
    assert_eq!(line["source"], "127.0.0.2");
    assert_eq!(line["device_id"], Value::Null);
    assert_eq!(line["details"]["clock"], "unset");
    assert!(lines(&server, "q=loud&limit=1000").len() < 200);
    let (_, metrics) = server.text("/metrics");
    let dropped = metrics
        .lines()
        .find_map(|line| line.strip_prefix("foretell_syslog_dropped_of_source_total "));
    assert!(
        dropped.unwrap().parse::<f64>().unwrap() > 300.0,
        "{metrics}"
    );
}

/// A relay of rsyslog: takes datagrams, and sends them on over TLS.
struct Relay(Child);

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn relay(folder: &Path, from: u16, to: u16) -> Relay {
    let shown = folder.display();
    let settings = format!(
        r#"global(workDirectory="{shown}" defaultNetstreamDriverCAFile="{shown}/certificate.pem")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{from}")
action(type="omfwd" target="127.0.0.1" port="{to}" protocol="tcp" tcp_framing="octet-counted"
    template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1"
    streamDriver="ossl" streamDriverMode="1" streamDriverAuthMode="x509/certvalid")
"#
    );
    let file = folder.join("rsyslog.conf");
    std::fs::write(&file, settings).unwrap();
    let relay = Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(&file)
        .arg("-i")
        .arg(folder.join("pid"))
        .stdin(Stdio::null())
        .spawn();
    Relay(relay.unwrap())
}

fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("certificate.pem"))
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
}

#[test]
fn a_relay_of_rsyslog_brings_lines_over_tls() {
    if !(there("rsyslogd") && there("openssl") && there("logger")) {
        return;
    }
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificate(folder.path());
    let (tls, from) = (free_port(), free_port());
    let path = |name| folder.path().join(name).display().to_string();
    let environment = [
        ("FORETELL_SYSLOG__LISTEN_TLS", address(tls)),
        ("FORETELL_SYSLOG__CERTIFICATE_FILE", path("certificate.pem")),
        ("FORETELL_SYSLOG__KEY_FILE", path("key.pem")),
    ];
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let _relay = relay(folder.path(), from, tls);
    let mut n = 0;
    until("a line by the relay", || {
        // The relay is not there at once, and a datagram is not sent again.
        n += 1;
        logger(
            from,
            &[
                "--udp",
                "--rfc3164",
                "--tag",
                "relayed",
                &format!("over{n}"),
            ],
        );
        !lines(&server, "q=relayed").is_empty()
    });
    let line = lines(&server, "q=relayed").remove(0);
    assert_eq!(line["details"]["transport"], "tls", "{line}");
    assert_eq!(line["details"]["format"], "rfc5424", "{line}");
    assert_eq!(line["details"]["app"], "relayed", "{line}");
    assert!(line["details"]["device_at"].is_string(), "{line}");
}
