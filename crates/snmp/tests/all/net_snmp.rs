//! Sessions against net-snmp's snmpd on loopback, on a port of the test's own.

use super::modes::{self, AUTH_PHRASE, PRIVACY_PHRASE};
use foretell_snmp::{
    AuthProtocol, Credentials, Oid, PrivacyProtocol, Refusal, Session, SessionError,
    SessionOptions, Transport, User, Value, WalkBounds, WalkEnd,
};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const OTHER: &str = "not the phrase at all";

struct Snmpd {
    address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A user in every mode, each under the name of its mode and at no lower level than its own; then
/// more lines.
fn configuration(name: &str, lines: &str) -> String {
    let mut text = format!("rocommunity public 127.0.0.1\nsysName {name}\nsysLocation here\n");
    for mode in modes::all() {
        let name = mode.name();
        let level = match mode.level() {
            "noAuthNoPriv" => "noauth",
            "authNoPriv" => "auth",
            _ => "priv",
        };
        writeln!(text, "{}\nrouser {name} {level}", mode.create_user(&name)).unwrap();
    }
    text + lines
}

/// snmpd, answering; none, said loudly, where it is not installed.
async fn snmpd(transport: &Transport) -> Option<Snmpd> {
    configured(transport, "test-agent", "").await
}

/// The same, with a name and lines of configuration of its own.
async fn configured(transport: &Transport, name: &str, lines: &str) -> Option<Snmpd> {
    let program = ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd", "/usr/bin/snmpd"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(program) = program else {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let skipped = b"SKIPPED: snmpd not installed (apt install snmpd)\n";
        std::io::stderr().write_all(skipped).unwrap();
        return None;
    };
    // The port may be taken between finding and using it; then another is tried.
    for _ in 0..5 {
        let address = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("snmpd.conf");
        std::fs::write(&file, configuration(name, lines)).unwrap();
        let child = Command::new(program)
            .args(["-f", "-Ln", "-C", "-c"])
            .arg(&file)
            .arg("-p")
            .arg(folder.path().join("pid"))
            .arg(format!("udp:{address}"))
            .env("SNMP_PERSISTENT_DIR", folder.path())
            .env("SNMPCONFPATH", folder.path())
            .env("MIBS", "")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut snmpd = Snmpd {
            address,
            child,
            _folder: folder,
        };
        if answers(transport, &mut snmpd).await {
            return Some(snmpd);
        }
    }
    panic!("snmpd is installed and does not come up");
}

async fn answers(transport: &Transport, snmpd: &mut Snmpd) -> bool {
    let quick = SessionOptions {
        timeout: Duration::from_millis(200),
        retries: 0,
    };
    let mut session = Session::open(transport, snmpd.address, &Credentials::v2c("public"), quick);
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until && snmpd.child.try_wait().unwrap().is_none() {
        if session.get(&[sys_name()]).await.is_ok() {
            return true;
        }
    }
    false
}

fn sys_name() -> Oid {
    Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 5, 0])
}

async fn ask(
    transport: &Transport,
    snmpd: &Snmpd,
    credentials: &Credentials,
) -> Result<Vec<(Oid, Value)>, SessionError> {
    let options = SessionOptions {
        timeout: Duration::from_secs(1),
        retries: 1,
    };
    Session::open(transport, snmpd.address, credentials, options)
        .get(&[sys_name()])
        .await
}

fn user(
    name: &str,
    auth: Option<(AuthProtocol, &str)>,
    privacy: Option<(PrivacyProtocol, &str)>,
) -> Credentials {
    let auth = auth.map(|(protocol, phrase)| (protocol, phrase.into()));
    let privacy = privacy.map(|(protocol, phrase)| (protocol, phrase.into()));
    Credentials::V3(User::new(name, auth, privacy, "").unwrap())
}

#[tokio::test]
async fn every_protocol_of_authentication_and_privacy() {
    let transport = Transport::bind().unwrap();
    let Some(snmpd) = snmpd(&transport).await else {
        return;
    };
    let expected = Ok(vec![(sys_name(), Value::Octets("test-agent".into()))]);
    assert_eq!(
        ask(&transport, &snmpd, &Credentials::v1("public")).await,
        expected
    );
    assert_eq!(
        ask(&transport, &snmpd, &Credentials::v2c("public")).await,
        expected
    );
    for mode in modes::all() {
        let name = mode.name();
        let answer = ask(&transport, &snmpd, &mode.user(&name, "")).await;
        assert_eq!(answer, expected, "{name}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_from_silence() {
    use {AuthProtocol::Sha256, PrivacyProtocol::Aes128};
    let transport = Transport::bind().unwrap();
    let Some(snmpd) = snmpd(&transport).await else {
        return;
    };
    let known = "SHA-256+AES";
    for (what, credentials, expected) in [
        (
            "password",
            user(known, Some((Sha256, OTHER)), Some((Aes128, PRIVACY_PHRASE))),
            Refusal::WrongDigest,
        ),
        (
            "hash",
            user(
                known,
                Some((AuthProtocol::Sha1, AUTH_PHRASE)),
                Some((Aes128, PRIVACY_PHRASE)),
            ),
            Refusal::WrongDigest,
        ),
        (
            "privacy password",
            user(known, Some((Sha256, AUTH_PHRASE)), Some((Aes128, OTHER))),
            Refusal::DecryptionError,
        ),
        (
            "user",
            user(
                "nobody",
                Some((Sha256, AUTH_PHRASE)),
                Some((Aes128, PRIVACY_PHRASE)),
            ),
            Refusal::UnknownUser,
        ),
        (
            "level",
            user("plain", Some((Sha256, AUTH_PHRASE)), None),
            Refusal::UnsupportedSecurityLevel,
        ),
        (
            "too low a level",
            user(known, Some((Sha256, AUTH_PHRASE)), None),
            Refusal::AuthorizationError,
        ),
    ] {
        let started = Instant::now();
        match ask(&transport, &snmpd, &credentials).await {
            Err(SessionError::Refused { reason, .. }) => assert_eq!(reason, expected, "{what}"),
            other => panic!("wrong {what}: {other:?}"),
        }
        // An agent that cannot decipher says nothing, and is asked differently after that.
        let at_once = what == "privacy password" || started.elapsed() < Duration::from_secs(1);
        assert!(at_once, "{what} was waited out");
    }
    // SNMPv2c agents say nothing to a community that they do not know.
    let stranger = ask(&transport, &snmpd, &Credentials::v2c("stranger")).await;
    assert!(
        matches!(stranger, Err(SessionError::Silent { .. })),
        "{stranger:?}"
    );
}

#[tokio::test]
async fn a_context_is_asked_and_one_that_is_unknown_is_told_from_silence() {
    let transport = Transport::bind().unwrap();
    let Some(other) = configured(&transport, "other-agent", "").await else {
        return;
    };
    let mut lines = String::new();
    for user in ["plain noauth", "SHA-256 auth", "SHA-256+AES priv"] {
        writeln!(lines, "rouser {user} .1 other").unwrap();
    }
    let address = other.address;
    writeln!(lines, "proxy -Cn other -v2c -c public {address} .1.3").unwrap();
    let snmpd = configured(&transport, "test-agent", &lines).await.unwrap();
    let named = |name: &str| Ok(vec![(sys_name(), Value::Octets(name.to_owned().into()))]);
    let refusal = |answer: &Result<_, SessionError>| match answer {
        Err(SessionError::Refused { reason, .. }) => Some(*reason),
        _ => None,
    };
    for name in ["plain", "SHA-256", "SHA-256+AES"] {
        let mode = modes::named(name);
        let ask_in = async |context| ask(&transport, &snmpd, &mode.user(name, context)).await;
        assert_eq!(ask_in("").await, named("test-agent"), "{name}");
        assert_eq!(ask_in("other").await, named("other-agent"), "{name}");
        let answer = ask_in("wrong").await;
        let expected = Some(Refusal::UnknownContext);
        assert_eq!(refusal(&answer), expected, "{name}: {answer:?}");
    }
    // A wrong pass phrase in a context that is known is not taken for the context.
    let credentials = User::new(
        "SHA-256+AES",
        Some((AuthProtocol::Sha256, AUTH_PHRASE.into())),
        Some((PrivacyProtocol::Aes128, OTHER.into())),
        "other",
    );
    let credentials = Credentials::V3(credentials.unwrap());
    let answer = ask(&transport, &snmpd, &credentials).await;
    let expected = Some(Refusal::DecryptionError);
    assert_eq!(refusal(&answer), expected, "{answer:?}");
}

#[tokio::test]
async fn walks_agree_whatever_they_are_asked_by() {
    let transport = Transport::bind().unwrap();
    let Some(snmpd) = snmpd(&transport).await else {
        return;
    };
    let mode = modes::named("SHA-512+AES-256");
    let v3 = mode.user(&mode.name(), "");
    // sysORTable: rows that stay as they are while the test runs.
    let root = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 9, 1]);
    let mut found = Vec::new();
    for credentials in [Credentials::v1("public"), Credentials::v2c("public"), v3] {
        let options = SessionOptions::default();
        let mut session = Session::open(&transport, snmpd.address, &credentials, options);
        let walk = session.walk(&root, WalkBounds::default()).await;
        assert_eq!(walk.end, WalkEnd::Complete);
        assert!(walk.defects.is_empty(), "{:?}", walk.defects);
        assert!(!walk.rows.is_empty());
        found.push(walk.rows);
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[1], found[2]);
}
