//! Checks of real servers on loopback: HTTPS of our own making, dnsmasq and chronyd.

use super::*;
use crate::http::Trust;
use model::check::{DnsProbe, HttpProbe, NtpProbe, Record, objection_to_target};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// 2026-03-01T12:00:00Z.
const NOW: i64 = 1_772_366_400_000;

async fn made(trust: &Trust, target: &str, probe: &Probe, now_ms: i64) -> Outcome {
    let question = Question {
        target,
        probe,
        time: Duration::from_secs(2),
        slow: None,
        now: Timestamp::from_unix_ms(now_ms),
    };
    make(trust, question).await
}

fn nobody() -> Trust {
    Trust::in_roots(RootCertStore::empty())
}

#[tokio::test]
async fn a_port_takes_connections_or_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let outcome = made(&nobody(), &at, &Probe::Tcp {}, NOW).await;
    assert_eq!(outcome.status, Status::Up, "{outcome:?}");
    assert!(outcome.duration_secs.unwrap() < 1.0);
    // Taken, so that nobody else has it meanwhile, and not listened at.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = socket.local_addr().unwrap().to_string();
    let outcome = made(&nobody(), &at, &Probe::Tcp {}, NOW).await;
    assert_eq!(
        (outcome.status, outcome.duration_secs),
        (Status::Down, None)
    );
    assert!(
        outcome.detail.starts_with("no connection to 127.0.0.1:"),
        "{}",
        outcome.detail
    );
}

#[test]
fn targets_are_looked_at_beforehand() {
    let http = Probe::Http(HttpProbe::default());
    let ntp = Probe::Ntp(NtpProbe::default());
    let dns = |name: &str| {
        Probe::Dns(DnsProbe {
            name: name.to_owned(),
            record: Record::A,
            expected: Vec::new(),
        })
    };
    for (target, probe, good) in [
        ("192.0.2.1:22", &Probe::Tcp {}, true),
        ("[2001:db8::1]:22", &Probe::Tcp {}, true),
        ("192.0.2.1", &Probe::Tcp {}, false),
        ("host:0", &Probe::Tcp {}, false),
        ("https://host/path?x=1", &http, true),
        ("ftp://host", &http, false),
        ("https://user:secret@host", &http, false),
        ("host", &http, false),
        ("2001:db8::1", &ntp, true),
        ("time.example", &ntp, true),
        ("", &ntp, false),
        ("192.0.2.1", &dns("host.example."), true),
        ("192.0.2.1", &dns("a..b"), false),
        ("192.0.2.1", &dns(&"a".repeat(64)), false),
    ] {
        assert_eq!(
            objection_to_target(target, probe).is_none(),
            good,
            "{target} {probe:?}"
        );
    }
}

/// Pages over TLS: `/` says hello, `/away` leads to it, `/round` to itself, `/gone` is 404.
async fn pages(config: ServerConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(octet) = stream.read_u8().await else {
                        return;
                    };
                    head.push(octet);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let answer = match head.split(' ').nth(1) {
                    Some("/") => "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
                    Some("/away") => {
                        "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
                    }
                    Some("/round") => {
                        "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n"
                    }
                    _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("https://localhost:{}", at.port())
}

/// A server whose certificate ends at 2026-03-11, and those who trust it.
async fn secured() -> (String, Trust) {
    let authority = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = params.self_signed(&authority).unwrap();
    let issuer = Issuer::new(params, authority);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // Good today too: rustls verifies by the clock of this machine.
    params.not_after = rcgen::date_time_ymd(2126, 3, 11);
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (pages(config).await, Trust::in_roots(roots))
}

#[tokio::test]
async fn pages_are_read_over_tls_and_certificates_told() {
    let (url, trust) = secured().await;
    let end: Timestamp = "2126-03-11T00:00:00Z".parse().unwrap();
    let before = end.unix_ms() - 86_400_000 * 10;
    let probe = |change: fn(&mut HttpProbe)| {
        let mut probe = HttpProbe::default();
        change(&mut probe);
        Probe::Http(probe)
    };
    let plain = probe(|_| {});
    let check = async |path: &str, probe: &Probe, now, status, words: &str| {
        let outcome = made(&trust, &format!("{url}{path}"), probe, now).await;
        assert_eq!(outcome.status, status, "{path} {outcome:?}");
        assert!(outcome.detail.contains(words), "{path} {outcome:?}");
        outcome
    };
    let well = check("/", &plain, NOW, Status::Up, "it answered 200 OK in").await;
    let left = well.certificate_expiry_secs.unwrap();
    assert!(
        (left - (end.unix_ms() - NOW) as f64 / 1e3).abs() < 1.0,
        "{left}"
    );
    check(
        "/",
        &plain,
        before,
        Status::Degraded,
        "its certificate ends in 10 days",
    )
    .await;
    let few = probe(|probe| probe.certificate_days = Some(9));
    check("/", &few, before, Status::Up, "200").await;
    check("/gone", &plain, NOW, Status::Down, "it answered 404").await;
    check(
        "/gone",
        &probe(|p| p.status = Some(404)),
        NOW,
        Status::Up,
        "404",
    )
    .await;
    check(
        "/",
        &probe(|p| p.text = Some("hello".to_owned())),
        NOW,
        Status::Up,
        "",
    )
    .await;
    check(
        "/",
        &probe(|p| p.text = Some("bye".to_owned())),
        NOW,
        Status::Down,
        "`bye` is not in the page",
    )
    .await;
    check("/away", &plain, NOW, Status::Up, "302").await;
    let follows = probe(|p| p.redirects_max = 3);
    check("/away", &follows, NOW, Status::Up, "200 OK in").await;
    // A circle is no page.
    check(
        "/round",
        &follows,
        NOW,
        Status::Down,
        "more than 3 redirects",
    )
    .await;
    let named = probe(|p| (p.redirects_max, p.status) = (3, Some(302)));
    check("/round", &named, NOW, Status::Up, "after 3 redirects").await;

    let outcome = made(&nobody(), &url, &plain, NOW).await;
    assert_eq!(outcome.status, Status::Down);
    assert!(
        outcome.detail.contains("is not trusted"),
        "{}",
        outcome.detail
    );
    assert!(
        outcome.certificate_expiry_secs.is_some(),
        "it is told nevertheless"
    );
    let though = probe(|p| p.though_untrusted = true);
    let outcome = made(&Trust::of_this_machine(), &url, &though, NOW).await;
    assert_eq!(outcome.status, Status::Degraded, "{outcome:?}");
    assert!(
        outcome.detail.contains("its certificate is not trusted"),
        "{}",
        outcome.detail
    );
    let other_name = url.replace("localhost", "127.0.0.1");
    let outcome = made(&trust, &other_name, &plain, NOW).await;
    assert!(
        outcome.detail.contains("it is for another name"),
        "{}",
        outcome.detail
    );
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
                .await;
            kept.push(stream);
        }
    });
    let probe = Probe::Http(HttpProbe::default());
    let target = format!("http://{at}/");
    let question = Question {
        target: &target,
        probe: &probe,
        time: Duration::from_millis(200),
        slow: None,
        now: Timestamp::from_unix_ms(NOW),
    };
    let outcome = make(&nobody(), question).await;
    assert_eq!(
        (outcome.status, outcome.detail.as_str()),
        (Status::Down, "no answer within 200 ms")
    );
}

/// A daemon that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(program: &str, arguments: &[String]) -> Option<Daemon> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match child {
        Ok(child) => Some(Daemon(child)),
        Err(error) => {
            let skipped = format!("SKIPPED: {program} cannot be started: {error}\n");
            std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes()).unwrap();
            None
        }
    }
}

/// A UDP port that is free a moment ago.
fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Makes a check until its server is there.
async fn when_there(target: &str, probe: &Probe) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..50 {
        outcome = made(&nobody(), target, probe, NOW).await;
        if outcome.status != Status::Down {
            return outcome;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    outcome
}

#[tokio::test]
async fn a_name_server_answers() {
    let port = free_port();
    let mut arguments: Vec<String> = [
        "--keep-in-foreground",
        "--no-resolv",
        "--no-hosts",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--conf-file=/dev/null",
        "--user=root",
        "--pid-file=",
        "--host-record=sw1.example,192.0.2.7,2001:db8::7",
        "--host-record=sw1.example,192.0.2.8",
        "--cname=www.example,sw1.example",
        "--mx-host=example,mail.example,10",
        "--txt-record=example,hello there",
        "--local=/example/",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--port={port}"));
    let long: Vec<String> = (0..40)
        .map(|n| format!("--txt-record=long.example,{n}{}", "x".repeat(200)))
        .collect();
    arguments.extend(long);
    let Some(_server) = daemon("dnsmasq", &arguments) else {
        return;
    };
    let target = format!("127.0.0.1:{port}");
    let probe = |name: &str, record, expected: &[&str]| {
        Probe::Dns(DnsProbe {
            name: name.to_owned(),
            record,
            expected: expected.iter().map(|text| (*text).to_owned()).collect(),
        })
    };
    let first = probe("sw1.example", Record::A, &["192.0.2.7"]);
    let outcome = when_there(&target, &first).await;
    assert_eq!(outcome.status, Status::Up, "{outcome:?}");
    assert!(outcome.detail.contains("192.0.2.7"), "{}", outcome.detail);
    for (probe, status, words) in [
        (
            probe("SW1.example.", Record::Aaaa, &["2001:db8::7"]),
            Status::Up,
            "2001:db8::7",
        ),
        (
            probe("www.example", Record::Cname, &["SW1.example"]),
            Status::Up,
            "sw1.example.",
        ),
        (
            probe("example", Record::Mx, &["10 mail.example"]),
            Status::Up,
            "10 mail.example.",
        ),
        (
            probe("example", Record::Txt, &["hello there"]),
            Status::Up,
            "hello there",
        ),
        (
            probe("7.2.0.192.in-addr.arpa", Record::Ptr, &["sw1.example"]),
            Status::Up,
            "sw1.example.",
        ),
        (probe("long.example", Record::Txt, &[]), Status::Up, "xxx"),
        (
            probe("sw1.example", Record::A, &["192.0.2.9"]),
            Status::Down,
            "`192.0.2.9` is not among the answers",
        ),
        (
            probe("sw1.example", Record::Mx, &[]),
            Status::Down,
            "it has no MX of sw1.example",
        ),
        (
            probe("nobody.example", Record::A, &[]),
            Status::Down,
            "NXDOMAIN",
        ),
    ] {
        let outcome = made(&nobody(), &target, &probe, NOW).await;
        assert_eq!(outcome.status, status, "{probe:?} {outcome:?}");
        assert!(outcome.detail.contains(words), "{probe:?} {outcome:?}");
    }
}

#[tokio::test]
async fn a_time_server_answers() {
    let port = free_port();
    let folder = std::env::temp_dir().join(format!("foretell-chrony-{port}"));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("chrony.conf");
    let text = format!(
        "local stratum 5\nallow 127.0.0.1\nport {port}\nbindaddress 127.0.0.1\ncmdport 0\npidfile {0}/pid\ndriftfile {0}/drift\n",
        folder.display()
    );
    std::fs::write(&file, text).unwrap();
    // -x: it leaves the clock of this machine alone.
    let arguments = ["-x", "-d", "-u", "root", "-f", file.to_str().unwrap()].map(str::to_owned);
    let Some(server) = daemon("chronyd", &arguments) else {
        return;
    };
    let target = format!("127.0.0.1:{port}");
    let outcome = when_there(&target, &Probe::Ntp(NtpProbe::default())).await;
    assert_eq!(outcome.status, Status::Up, "{outcome:?}");
    assert_eq!(outcome.ntp_stratum, Some(5));
    assert!(outcome.ntp_offset_secs.unwrap().abs() < 0.05, "{outcome:?}");
    let strict = Probe::Ntp(NtpProbe {
        stratum_max: Some(4),
        ..NtpProbe::default()
    });
    let outcome = made(&nobody(), &target, &strict, NOW).await;
    assert_eq!(outcome.status, Status::Degraded, "{outcome:?}");
    drop(server);
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test]
async fn answers_to_other_questions_are_passed_over() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            // As asked, with another id, and then rubbish.
            let mut answer = buffer[..len].to_vec();
            answer[0] ^= 0xff;
            answer[2] |= 0x80;
            let _ = socket.send_to(&answer, from).await;
            let _ = socket.send_to(b"x", from).await;
        }
    });
    let dns = Probe::Dns(DnsProbe {
        name: "a.example".to_owned(),
        record: Record::A,
        expected: Vec::new(),
    });
    for probe in [dns, Probe::Ntp(NtpProbe::default())] {
        let question = Question {
            target: &target,
            probe: &probe,
            time: Duration::from_millis(300),
            slow: None,
            now: Timestamp::from_unix_ms(NOW),
        };
        let outcome = make(&nobody(), question).await;
        assert_eq!(outcome.detail, "no answer within 300 ms", "{probe:?}");
    }
}
