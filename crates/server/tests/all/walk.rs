//! `foretell walk` beside net-snmp's snmpwalk, against its agent; and what it records, played.

use crate::agent::{AUTH, Agent, COMMUNITY, PRIVACY, USER};
use crate::program::foretell;
use crate::recordings::Simulator;
use serde_json::Value;
use std::process::Command;

/// sysORTable and sysName: what stays as it is.
const STEADY: [&str; 2] = ["1.3.6.1.2.1.1.9", "1.3.6.1.2.1.1.5"];

struct Walked {
    code: i32,
    out: String,
    told: String,
}

fn walk(arguments: &[&str], environment: &[(&str, &str)]) -> Walked {
    let output = foretell(&[&["walk"], arguments].concat(), environment);
    Walked {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        told: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn it_prints_what_snmpwalk_prints() {
    let Some(agent) = Agent::start("walked") else {
        return;
    };
    let mut expected = String::new();
    for oid in STEADY {
        let output = Command::new("snmpwalk")
            .args(["-v2c", "-c", COMMUNITY, "-On", &agent.address(), oid])
            .env("MIBS", "")
            .output()
            .unwrap();
        expected += &String::from_utf8(output.stdout).unwrap();
    }
    assert!(expected.lines().count() > 10, "{expected}");
    let address = agent.address();
    let base = [&address, "--community", COMMUNITY];
    let walked = walk(&[&base[..], &["-n"], &STEADY].concat(), &[]);
    assert_eq!((walked.code, walked.told.as_str()), (0, ""));
    assert_eq!(walked.out, expected);
    // By name, in version 3, as JSON; an instance is read as well as a table.
    let v3 = [
        address.as_str(),
        "--v3-user",
        USER,
        "--v3-auth",
        "sha256",
        "--v3-auth-pass-env",
        "A",
        "--v3-priv",
        "aes128",
        "--v3-priv-pass-env",
        "P",
    ];
    let secrets = [("A", AUTH), ("P", PRIVACY)];
    let walked = walk(
        &[&v3[..], &["--json", "sysName.0", "ifTable"]].concat(),
        &secrets,
    );
    assert_eq!(walked.code, 0, "{}", walked.told);
    let objects: Value = serde_json::from_str(&walked.out).unwrap();
    assert_eq!(objects[0]["oid"], "1.3.6.1.2.1.1.5.0");
    assert_eq!(objects[0]["name"], "sysName.0");
    assert_eq!(objects[0]["kind"], "OCTET STRING");
    assert_eq!(objects[0]["value"], "walked");
    assert_eq!(objects[1]["name"], "ifIndex.1");

    // How it ends where it does not end well.
    let quick = ["--timeout-ms", "200", "--retries", "0"];
    let code = |more: &[&str], secrets: &[(&str, &str)]| {
        let walked = walk(&[more, &quick[..]].concat(), secrets);
        (walked.code, walked.told)
    };
    let (silent, told) = code(&[&address, "--community", "stranger", "system"], &[]);
    assert_eq!(silent, 3, "{told}");
    let wrong = [("A", "not the phrase"), ("P", PRIVACY)];
    let (refused, told) = code(&[&v3[..], &["system"]].concat(), &wrong);
    assert_eq!(refused, 4, "{told}");
    assert!(told.contains("authentication pass phrase"), "{told}");
    let (usage, _) = code(&[&address, "no-such-name"], &[]);
    assert_eq!(usage, 2);
    let bounded = walk(
        &[&base[..], &["--objects-max", "3", "system"]].concat(),
        &[],
    );
    assert_eq!(bounded.code, 1);
    assert_eq!(bounded.out.lines().count(), 3);
    assert!(bounded.told.contains("--objects-max"), "{}", bounded.told);
}

#[test]
fn what_is_recorded_is_played() {
    let Some(agent) = Agent::start("recorded") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("device.snmprec");
    let file = file.to_str().unwrap();
    let address = agent.address();
    let first = walk(
        &[&address, "--community", COMMUNITY, "-n", "--save", file],
        &[],
    );
    assert_eq!(first.code, 0, "{}", first.told);
    assert!(
        first.told.contains("objects are recorded in"),
        "{}",
        first.told
    );
    let objects = first.out.lines().count();
    assert!(objects > 500, "{objects}");
    let simulator = Simulator::start(folder.path(), &["--listen", "127.0.0.1:0"], &[]);
    let played = walk(&[simulator.address(), "--community", "device", "-n"], &[]);
    assert_eq!(played.code, 0, "{}", played.told);
    let missing: Vec<_> = first
        .out
        .lines()
        .zip(played.out.lines())
        .filter(|(recorded, played)| recorded != played)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(played.out.lines().count(), objects);
}

#[test]
fn several_credentials_are_tried_in_order_and_each_refusal_is_told() {
    let Some(agent) = Agent::start("tried") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.toml");
    let v3 = |user: &str, auth: &str, privacy: &str| {
        format!(
            "[[credential]]\nkind = \"snmp_v3\"\nuser = \"{user}\"\nauth = \"sha256\"\nauth_passphrase = \"{auth}\"\nprivacy = \"aes128\"\nprivacy_passphrase = \"{privacy}\"\n"
        )
    };
    let text = [
        "[[credential]]\nkind = \"snmp_v2c\"\ncommunity = \"stranger\"\n".to_owned(),
        v3("nobody", AUTH, PRIVACY),
        v3(USER, "not the phrase", PRIVACY),
        v3(USER, AUTH, "not the phrase"),
        v3(USER, AUTH, PRIVACY),
        format!("[[credential]]\nkind = \"snmp_v2c\"\ncommunity = \"{COMMUNITY}\"\n"),
    ];
    std::fs::write(&file, text.concat()).unwrap();
    let file = file.to_str().unwrap();
    let address = agent.address();
    let quick = ["--timeout-ms", "200", "--retries", "0"];
    let arguments = [
        &["probe", &address, "--credentials", file, "--json"],
        &quick[..],
    ]
    .concat();
    let output = foretell(&arguments, &[]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    for line in [
        "credential 1 (SNMPv2c): no answer from",
        "credential 2 (SNMPv3, user nobody): ",
        "it knows no such user",
        "the authentication pass phrase or protocol is wrong",
        "the privacy pass phrase or protocol is wrong",
        "credential 5 (SNMPv3, user ops) is answered",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains("credential 6"), "{told}");
    assert!(
        !told.contains("not the phrase"),
        "no secret is told: {told}"
    );
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["device"]["name"], "tried");
    // A mistake is told by its line, and without what stands there.
    std::fs::write(
        file,
        "[[credential]]\nkind = \"snmp_v2c\"\ncomunity = \"secret\"\n",
    )
    .unwrap();
    let output = foretell(&arguments, &[]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("line ") && !told.contains("secret"), "{told}");
}
