//! Notifications by net-snmp's snmptrap and snmpinform, in every mode that they speak, and ones that
//! are not to be believed.

use super::modes;
use foretell_snmp::{
    AuthProtocol, Credentials, LocalEngine, Notification, Outcome, Protection, Receiver, Rejection,
    User, Value, Version,
};
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const OTHER: &str = "not the phrase at all";
/// Engine of the device that sends traps.
const DEVICE: &str = "0x8000000001020304";
const OURS: [u8; 9] = [0x80, 0, 0, 0, 5, 1, 2, 3, 4];
const LINK_DOWN: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 5, 3];

/// What came of one run of a program.
struct Heard {
    notifications: Vec<Notification>,
    rejections: Vec<Rejection>,
    discoveries: usize,
    /// Whether the program ended well; snmpinform does where it was answered.
    is_content: bool,
}

fn is_installed() -> bool {
    let there = Path::new("/usr/bin/snmptrap").exists();
    if !there {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let skipped = b"SKIPPED: snmptrap not installed (apt install snmp)\n";
        std::io::stderr().write_all(skipped).unwrap();
    }
    there
}

fn receiver(credentials: Vec<Credentials>) -> Receiver {
    let mut receiver = Receiver::new(LocalEngine::new(&OURS, 7).unwrap());
    receiver.believe(credentials.into_iter().map(Arc::new).collect());
    receiver
}

/// Runs a program that sends to us, and answers it for as long as it runs.
fn send(receiver: &mut Receiver, program: &str, arguments: &[&str], content: &[&str]) -> Heard {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(program)
        .args(["-t", "1", "-r", "1"])
        .args(arguments)
        .arg(socket.local_addr().unwrap().to_string())
        .args(content)
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .env("SNMPCONFPATH", folder.path())
        .env("MIBS", "")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let mut heard = Heard {
        notifications: Vec::new(),
        rejections: Vec::new(),
        discoveries: 0,
        is_content: false,
    };
    let mut buffer = vec![0; 65_535];
    let mut ended = None;
    // A trap is sent and forgotten: what is in the socket when its program has ended is read.
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                let taken = receiver.take(&buffer[..length], begun.elapsed());
                if let Some(reply) = taken.reply {
                    socket.send_to(&reply, from).unwrap();
                }
                match taken.outcome {
                    Outcome::Notification(it) => heard.notifications.push(*it),
                    Outcome::Rejected(reason) => heard.rejections.push(reason),
                    Outcome::Discovery => heard.discoveries += 1,
                }
            }
            Err(_) if ended.is_some() => break,
            Err(_) => ended = child.try_wait().unwrap(),
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{program} hangs");
    }
    heard.is_content = ended.is_some_and(|status| status.success());
    heard
}

const CONTENT: [&str; 8] = [
    "4242",
    "1.3.6.1.6.3.1.1.5.3",
    "1.3.6.1.2.1.2.2.1.1.17",
    "i",
    "17",
    "1.3.6.1.2.1.2.2.1.8.17",
    "i",
    "2",
];

fn check_content(heard: &Heard, what: &str) -> Notification {
    let [notification] = heard.notifications.as_slice() else {
        panic!("{what}: {:?} {:?}", heard.notifications, heard.rejections);
    };
    assert_eq!(notification.trap_oid.arcs(), LINK_DOWN, "{what}");
    assert_eq!(notification.uptime, Some(4242), "{what}");
    let objects: Vec<_> = notification
        .objects
        .iter()
        .map(|(oid, value)| (oid.to_string(), value.clone()))
        .collect();
    assert_eq!(
        objects,
        [
            ("1.3.6.1.2.1.2.2.1.1.17".to_owned(), Value::Integer(17)),
            ("1.3.6.1.2.1.2.2.1.8.17".to_owned(), Value::Integer(2)),
        ],
        "{what}"
    );
    assert_eq!(notification.defects, 0, "{what}");
    assert!(
        heard.rejections.is_empty(),
        "{what}: {:?}",
        heard.rejections
    );
    assert!(heard.is_content, "{what}: the sender is not content");
    notification.clone()
}

#[test]
fn communities() {
    if !is_installed() {
        return;
    }
    let mut receiver = receiver(vec![Credentials::v2c("other"), Credentials::v2c("public")]);
    for (program, confirmed) in [("snmptrap", false), ("snmpinform", true)] {
        let heard = send(&mut receiver, program, &["-v2c", "-c", "public"], &CONTENT);
        let notification = check_content(&heard, program);
        assert_eq!(notification.version, Version::V2c);
        assert_eq!(notification.protection, Protection::Community);
        assert_eq!(notification.confirmed, confirmed);
        assert_eq!(notification.credential, 1);
        let heard = send(&mut receiver, program, &["-v2c", "-c", "wrong"], &CONTENT);
        assert!(heard.notifications.is_empty());
        assert_eq!(heard.rejections[0], Rejection::UnknownCommunity);
        assert_eq!(heard.is_content, !confirmed);
    }
    let v1 = [
        "1.3.6.1.4.1.8072.3.2.10",
        "192.0.2.7",
        "2",
        "0",
        "4242",
        "1.3.6.1.2.1.2.2.1.1.17",
        "i",
        "17",
        "1.3.6.1.2.1.2.2.1.8.17",
        "i",
        "2",
    ];
    let heard = send(&mut receiver, "snmptrap", &["-v1", "-c", "public"], &v1);
    let notification = check_content(&heard, "v1");
    assert_eq!(notification.version, Version::V1);
    assert_eq!(notification.agent_address, Some([192, 0, 2, 7].into()));
    assert_eq!(
        notification.enterprise.unwrap().to_string(),
        "1.3.6.1.4.1.8072.3.2.10"
    );
    // An enterprise's own: enterprise.0.specific (RFC 3584 section 3.1).
    let own = ["1.3.6.1.4.1.9.9.41.2", "", "6", "5", "1"];
    let heard = send(&mut receiver, "snmptrap", &["-v1", "-c", "public"], &own);
    assert_eq!(
        heard.notifications[0].trap_oid.to_string(),
        "1.3.6.1.4.1.9.9.41.2.0.5"
    );
}

#[test]
fn every_protocol_of_authentication_and_privacy() {
    if !is_installed() {
        return;
    }
    for mode in modes::all() {
        let mut receiver = receiver(vec![mode.user("ops", "")]);
        let arguments = mode.arguments("ops");
        let what = mode.name();
        let trap = [arguments.as_slice(), &["-e", DEVICE]].concat();
        let heard = send(&mut receiver, "snmptrap", &trap, &CONTENT);
        let notification = check_content(&heard, &what);
        let expected = match mode.level() {
            "noAuthNoPriv" => Protection::NoAuthNoPriv,
            "authNoPriv" => Protection::AuthNoPriv,
            _ => Protection::AuthPriv,
        };
        assert_eq!(notification.protection, expected, "{what}");
        assert_eq!(notification.version, Version::V3, "{what}");
        assert_eq!(notification.user.as_deref(), Some("ops"), "{what}");
        assert_eq!(notification.context, None, "{what}");
        assert_eq!(
            notification.engine_id.as_deref(),
            Some(&[0x80, 0, 0, 0, 1, 2, 3, 4][..]),
            "{what}"
        );
        // A sender of informs finds out who we are first.
        let heard = send(&mut receiver, "snmpinform", &arguments, &CONTENT);
        let notification = check_content(&heard, &what);
        assert!(notification.confirmed && heard.discoveries > 0, "{what}");
    }
}

#[test]
fn the_context_is_told() {
    if !is_installed() {
        return;
    }
    for name in ["plain", "SHA-256", "SHA-256+AES"] {
        let mode = modes::named(name);
        let mut receiver = receiver(vec![mode.user("ops", "")]);
        let arguments = [mode.arguments("ops"), vec!["-n", "other"]].concat();
        let trap = [arguments.as_slice(), &["-e", DEVICE]].concat();
        for (program, arguments) in [("snmptrap", &trap), ("snmpinform", &arguments)] {
            let heard = send(&mut receiver, program, arguments, &CONTENT);
            let what = format!("{program} {name}");
            let notification = check_content(&heard, &what);
            assert_eq!(notification.context.as_deref(), Some("other"), "{what}");
        }
    }
}

#[test]
fn what_is_not_to_be_believed() {
    if !is_installed() {
        return;
    }
    let (right, without_privacy) = (modes::named("SHA-256+AES"), modes::named("SHA-256"));
    let with = |change: [&'static str; 2]| [right.arguments("ops"), change.to_vec()].concat();
    let secret = || vec![right.user("ops", "")];
    for (what, credentials, arguments, reason) in [
        (
            "digest",
            secret(),
            with(["-A", OTHER]),
            Rejection::WrongDigest,
        ),
        (
            "cipher",
            secret(),
            with(["-X", OTHER]),
            Rejection::DecryptionError,
        ),
        (
            "user",
            secret(),
            with(["-u", "nobody"]),
            Rejection::UnknownUser,
        ),
        (
            "level below",
            secret(),
            without_privacy.arguments("ops"),
            Rejection::SecurityLevelTooLow,
        ),
        (
            "no level at all",
            secret(),
            modes::named("plain").arguments("ops"),
            Rejection::SecurityLevelTooLow,
        ),
        (
            "level above",
            vec![without_privacy.user("ops", "")],
            right.arguments("ops"),
            Rejection::UnsupportedSecurityLevel,
        ),
    ] {
        let trap = [arguments.as_slice(), &["-e", DEVICE]].concat();
        let mut receiver = receiver(credentials);
        let heard = send(&mut receiver, "snmptrap", &trap, &CONTENT);
        assert_eq!(heard.rejections, [reason], "{what}");
        let heard = send(&mut receiver, "snmpinform", &arguments, &CONTENT);
        assert!(heard.notifications.is_empty(), "{what}");
        assert!(heard.rejections.contains(&reason), "{what}");
        assert!(!heard.is_content, "{what}");
    }
}

#[test]
fn one_user_name_with_two_pass_phrases() {
    if !is_installed() {
        return;
    }
    let other = (AuthProtocol::Sha1, OTHER.into());
    let other = Credentials::V3(User::new("ops", Some(other), None, "").unwrap());
    let mut receiver = receiver(vec![other, modes::named("SHA").user("ops", "")]);
    let arguments = modes::named("SHA").arguments("ops");
    let heard = send(&mut receiver, "snmpinform", &arguments, &CONTENT);
    assert_eq!(check_content(&heard, "second").credential, 1);
}

#[test]
fn a_record_of_a_trap_is_believed_for_as_long_as_its_time_may_be_off() {
    if !is_installed() {
        return;
    }
    let mut receiver = receiver(vec![modes::named("SHA").user("ops", "")]);
    let arguments = modes::named("SHA").arguments("ops");
    let at = |boots: &'static str| [arguments.as_slice(), &["-e", DEVICE, "-Z", boots]].concat();
    let heard = send(&mut receiver, "snmptrap", &at("5,1000"), &CONTENT);
    assert_eq!(heard.notifications.len(), 1);
    let heard = send(&mut receiver, "snmptrap", &at("5,800"), &CONTENT);
    assert_eq!(heard.rejections, [Rejection::NotInTimeWindow]);
    let heard = send(&mut receiver, "snmptrap", &at("4,5000"), &CONTENT);
    assert_eq!(heard.rejections, [Rejection::NotInTimeWindow]);
    let heard = send(&mut receiver, "snmptrap", &at("6,1"), &CONTENT);
    assert_eq!(heard.notifications.len(), 1);
}

#[test]
fn what_is_no_notification() {
    let mut receiver = receiver(vec![Credentials::v2c("public")]);
    let mut check = |datagram: &[u8], reason| {
        let taken = receiver.take(datagram, Duration::ZERO);
        assert_eq!(taken.outcome, Outcome::Rejected(reason));
        assert_eq!(taken.reply, None);
    };
    check(&[], Rejection::Malformed);
    check(b"<13>Oct 11 22:14:15 host a line", Rejection::Malformed);
    check(&[0x30, 0x82, 0xff, 0xff, 2, 1, 1], Rejection::Malformed);
    check(&vec![0x30; 16 * 1024 + 1], Rejection::TooLong);
    let get = [
        0x30, 0x26, 2, 1, 1, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa0, 0x19, 2, 1, 1, 2, 1,
        0, 2, 1, 0, 0x30, 0x0e, 0x30, 0x0c, 6, 8, 0x2b, 6, 1, 2, 1, 1, 5, 0, 5, 0,
    ];
    check(&get, Rejection::NotANotification);
}
