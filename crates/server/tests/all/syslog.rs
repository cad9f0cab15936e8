//! Logs end to end: lines by `logger` and `rsyslogd` over datagrams, connections and TLS, found again
//! by their words and by their device.

use crate::program::{Server, skipped, until};
use serde_json::{Value, json};
use std::io::Read as _;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

/// Starts one that believes `authority.pem` in its folder, and shows what `own` names where it is
/// given.
fn relay(folder: &Path, own: Option<&str>, (from, to): (u16, u16)) -> Relay {
    let shown = folder.display();
    let own = own.map_or(String::new(), |own| {
        format!(
            r#"global(defaultNetstreamDriverCertFile="{shown}/{own}.pem" defaultNetstreamDriverKeyFile="{shown}/{own}-key.pem")
"#
        )
    });
    let settings = format!(
        r#"global(workDirectory="{shown}" defaultNetstreamDriverCAFile="{shown}/authority.pem")
{own}module(load="imudp")
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

/// Writes a certificate of an authority, and its key: `authority.pem` and `authority-key.pem`.
fn authority(folder: &Path) {
    certificate(
        folder,
        "authority",
        &["-subj", "/CN=authority"],
        "critical,CA:TRUE",
    );
}

/// Writes a certificate that it signed, for this address and with a name: `FILE.pem` and
/// `FILE-key.pem`.
fn signed(folder: &Path, file: &str, name: &str) {
    let path = |file: &str| folder.join(file).display().to_string();
    let (authority, key) = (path("authority.pem"), path("authority-key.pem"));
    let subject = format!("/CN={name}");
    let addresses = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let arguments = [
        ["-CA", &authority, "-CAkey", &key],
        ["-subj", &subject, "-addext", addresses],
    ];
    certificate(folder, file, &arguments.concat(), "critical,CA:FALSE");
}

fn certificate(folder: &Path, file: &str, arguments: &[&str], constraints: &str) {
    // Without what the machine's own file of settings would add.
    let settings = folder.join("request.conf");
    std::fs::write(&settings, "[req]\ndistinguished_name=name\n[name]\n").unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-config"])
        .arg(settings)
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-nodes", "-days", "2"])
        .args(arguments)
        .args(["-addext", &format!("basicConstraints={constraints}")])
        .arg("-keyout")
        .arg(folder.join(format!("{file}-key.pem")))
        .arg("-out")
        .arg(folder.join(format!("{file}.pem")))
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success(), "{file}");
}

/// A server that listens over TLS with what `server` names, and asks for certificates of the
/// authority where it is told so.
fn server_over_tls(data: &Path, folder: &Path, tls: u16, of_authority: bool) -> Server {
    let path = |name| folder.join(name).display().to_string();
    let mut environment = vec![
        ("FORETELL_SYSLOG__LISTEN_TLS", address(tls)),
        ("FORETELL_SYSLOG__CERTIFICATE_FILE", path("server.pem")),
        ("FORETELL_SYSLOG__KEY_FILE", path("server-key.pem")),
    ];
    if of_authority {
        let name = "FORETELL_SYSLOG__CLIENT_AUTHORITY_FILE";
        environment.push((name, path("authority.pem")));
    }
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut server = Server::start_with(data, &environment);
    server.sign_in();
    server
}

/// Has a relay sent lines with a tag until something holds.
fn log_until(from: u16, tag: &str, what: &str, mut holds: impl FnMut() -> bool) {
    let mut n = 0;
    until(what, || {
        // The relay is not there at once, and a datagram is not sent again.
        n += 1;
        let line = format!("over{n}");
        logger(from, &["--udp", "--rfc3164", "--tag", tag, &line]);
        holds()
    });
}

/// Connections whose greeting failed.
fn failed(server: &Server) -> u64 {
    let (_, metrics) = server.text("/metrics");
    let mut counts = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("foretell_syslog_connections_failed_total "));
    counts.next().unwrap().parse().unwrap()
}

/// The name in the certificate that a port shows.
fn presented(port: u16) -> String {
    let shown = Command::new("openssl")
        .args(["s_client", "-connect", &address(port)])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let subject = shown.lines().find_map(|line| line.strip_prefix("subject="));
    subject.unwrap_or_else(|| panic!("{shown}")).to_owned()
}

#[test]
fn a_relay_of_rsyslog_brings_lines_over_tls() {
    if !(there("rsyslogd") && there("openssl") && there("logger")) {
        return;
    }
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    authority(folder.path());
    signed(folder.path(), "server", "server");
    let (tls, from) = (free_port(), free_port());
    let server = server_over_tls(data.path(), folder.path(), tls, false);
    let _relay = relay(folder.path(), None, (from, tls));
    log_until(from, "relayed", "a line by the relay", || {
        !lines(&server, "q=relayed").is_empty()
    });
    let line = lines(&server, "q=relayed").remove(0);
    assert_eq!(line["details"]["transport"], "tls", "{line}");
    assert_eq!(line["details"]["format"], "rfc5424", "{line}");
    assert_eq!(line["details"]["app"], "relayed", "{line}");
    assert!(line["details"]["device_at"].is_string(), "{line}");
}

#[test]
fn only_senders_with_a_certificate_of_the_authority_are_heard_where_one_is_named() {
    if !(there("rsyslogd") && there("openssl") && there("logger")) {
        return;
    }
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    authority(folder.path());
    signed(folder.path(), "server", "server");
    signed(folder.path(), "sender", "sender");
    // Signed by an authority of the same name.
    let other = tempfile::tempdir().unwrap();
    authority(other.path());
    signed(other.path(), "stranger", "sender");
    for file in ["stranger.pem", "stranger-key.pem"] {
        std::fs::copy(other.path().join(file), folder.path().join(file)).unwrap();
    }
    let tls = free_port();
    let server = server_over_tls(data.path(), folder.path(), tls, true);
    for own in [None, Some("stranger")] {
        let (from, before) = (free_port(), failed(&server));
        let _stranger = relay(folder.path(), own, (from, tls));
        log_until(from, "stranger", "a relay to be refused", || {
            failed(&server) > before
        });
    }
    let from = free_port();
    let _sender = relay(folder.path(), Some("sender"), (from, tls));
    log_until(from, "sender", "a line by the relay", || {
        !lines(&server, "q=sender").is_empty()
    });
    assert_eq!(lines(&server, "q=stranger"), Vec::<Value>::new());
}

#[test]
fn a_connection_that_does_not_greet_is_closed() {
    if !there("openssl") {
        return;
    }
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    authority(folder.path());
    signed(folder.path(), "server", "server");
    let tls = free_port();
    let server = server_over_tls(data.path(), folder.path(), tls, false);
    let mut silent = TcpStream::connect(address(tls)).unwrap();
    let begun = Instant::now();
    let patience = Some(Duration::from_mins(1));
    silent.set_read_timeout(patience).unwrap();
    let read = silent.read(&mut [0; 16]);
    assert!(matches!(read, Ok(0)), "{read:?}");
    let waited = begun.elapsed();
    assert!(waited > Duration::from_secs(9), "{waited:?}");
    until("its failure to be counted", || failed(&server) == 1);
}

#[test]
fn a_certificate_that_was_renewed_is_shown_without_a_restart() {
    if !there("openssl") {
        return;
    }
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    authority(folder);
    signed(folder, "server", "first");
    let tls = free_port();
    let _server = server_over_tls(data.path(), folder, tls, false);
    assert!(presented(tls).ends_with("first"));
    // A new certificate whose key is not there yet changes nothing.
    signed(folder, "next", "second");
    let renew = |file: &str, from: &str| std::fs::copy(folder.join(from), folder.join(file));
    renew("server.pem", "next.pem").unwrap();
    assert!(presented(tls).ends_with("first"));
    renew("server-key.pem", "next-key.pem").unwrap();
    assert!(presented(tls).ends_with("second"));
    // Nor does one that is damaged, or gone.
    std::fs::write(folder.join("server.pem"), "no certificate").unwrap();
    assert!(presented(tls).ends_with("second"));
    std::fs::remove_file(folder.join("server.pem")).unwrap();
    assert!(presented(tls).ends_with("second"));
}
