//! Commands, their results and their exit codes.

use crate::agent::{AUTH, Agent, COMMUNITY, PRIVACY, USER};
use crate::program::foretell;
use serde_json::Value;
use std::net::UdpSocket;

/// Runs the program; `code` is the exit code, `out` and `err` must be in what it printed.
fn check(arguments: &[&str], environment: &[(&str, &str)], code: i32, out: &str, err: &str) {
    let output = foretell(arguments, environment);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let told = format!("{arguments:?}\nstdout: {stdout}\nstderr: {stderr}");
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(
        stdout.contains(out),
        "`{out}` is not on standard output of {told}"
    );
    assert!(
        stderr.contains(err),
        "`{err}` is not on standard error of {told}"
    );
}

#[test]
fn usage_is_taught() {
    check(
        &["--version"],
        &[],
        0,
        concat!("foretell ", env!("CARGO_PKG_VERSION")),
        "",
    );
    check(&["--help"], &[], 0, "foretell discover", "");
    check(&["probe", "--help"], &[], 0, "--v3-priv-pass-env", "");
    check(&["probe"], &[], 2, "", "ADDR[:PORT]");
    check(&["probe", "a:b"], &[], 2, "", "no address");
    check(
        &["probe", "127.0.0.1:1", "--community-env", "NOT_THERE"],
        &[],
        2,
        "",
        "NOT_THERE is not set",
    );
    check(
        &[
            "probe",
            "127.0.0.1:1",
            "--v3-user",
            "u",
            "--v3-auth",
            "sha256",
        ],
        &[],
        2,
        "",
        "--v3-auth-pass-env",
    );
    check(&["discover", "192.0.2.1/99"], &[], 2, "", "/targets/0");
    check(
        &["config", "sample"],
        &[],
        0,
        "# default_interval_secs = 60",
        "",
    );
    check(
        &["config", "check", "/no/such/file"],
        &[],
        2,
        "",
        "/no/such/file",
    );
    // Nothing is read here where a server is meant.
    let server = ["--server", "http://127.0.0.1:1"];
    for (command, word) in [
        (&["retention", "preview"][..], "name the password"),
        (&["retention", "preview", "--data-dir", "x"], "--data-dir"),
        (&["archive", "check", "--data-dir", "x"], "--data-dir"),
    ] {
        check(&[command, &server].concat(), &[], 2, "", word);
    }
    check(&["serve", "--listen", "nowhere"], &[], 2, "", "`listen`");
}

#[test]
fn silence_is_told() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let quick = [
        "probe",
        address.as_str(),
        "--timeout-ms",
        "100",
        "--retries",
        "0",
    ];
    check(&quick, &[], 3, "", "no answer");
}

#[test]
fn an_agent_is_probed_and_discovered() {
    let Some(agent) = Agent::start("probed") else {
        return;
    };
    let address = agent.address();
    let json = ["probe", &address, "--community", COMMUNITY, "--json"];
    let output = foretell(&json, &[]);
    assert!(output.status.success(), "{output:?}");
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["device"]["name"], "probed");
    assert_eq!(facts["device"]["location"], "on loopback");
    let lo = facts["interfaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["name"] == "lo");
    assert_eq!(lo.unwrap()["oper_status"], "up", "{facts}");

    check(
        &["probe", &address, "--community-env", "C"],
        &[("C", COMMUNITY)],
        0,
        "probed",
        "",
    );

    let v3 = |privacy: &'static str, auth: &'static str| {
        let arguments = [
            "probe",
            &address,
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
        foretell(&arguments, &[("A", auth), ("P", privacy)])
    };
    assert_eq!(v3(PRIVACY, AUTH).status.code(), Some(0));
    let wrong = v3(PRIVACY, "another pass phrase");
    assert_eq!(
        wrong.status.code(),
        Some(4),
        "a wrong pass phrase is not silence: {wrong:?}"
    );

    let discover = [
        "discover",
        &address,
        "--community",
        COMMUNITY,
        "--json",
        "--no-icmp",
    ];
    let output = foretell(&discover, &[]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["devices"][0]["name"], "probed", "{found}");
    assert_eq!(found["devices"][0]["met_at"][0]["address"], *address);
}

#[test]
fn a_device_met_by_two_addresses_is_one_and_the_reason_is_told() {
    let Some(agent) = Agent::start_on_two("twice") else {
        return;
    };
    let port = agent.port.to_string();
    let both = ["127.0.0.1", "127.0.0.2"].map(|address| format!("{address}:{port}"));
    let discover = [
        "discover",
        &both[0],
        &both[1],
        "--community",
        COMMUNITY,
        "--json",
        "--no-icmp",
    ];
    let output = foretell(&discover, &[]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["devices"].as_array().unwrap().len(), 1, "{found}");
    let met = found["devices"][0]["met_at"].as_array().unwrap();
    assert_eq!(met.len(), 2);
    assert!(
        met[1]["reason"].as_str().unwrap().contains("engine id"),
        "{met:?}"
    );
}

#[test]
fn made_up_history_is_asked_for_with_care() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.toml", "topology = \"ring\"\ndevices = 3\n");
    let odd = file("odd.toml", "devises = 3\n");
    let fast = file("fast.toml", "[time]\nspeed = 60.0\n");
    let early = file(
        "early.toml",
        "[[faults]]\nkind = \"silent\"\ntarget = \"core-1\"\nat = \"-1h\"\n",
    );
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let seed = |history, scenario, words| {
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            data,
            "--seed-history",
            history,
            "--seed-scenario",
            scenario,
        ];
        check(&arguments, &[], 2, "", words);
    };
    check(
        &["serve", "--seed-history", "14d"],
        &[],
        2,
        "",
        "--seed-scenario",
    );
    seed("14", &good, "--seed-history");
    seed("5m", &good, "not within 1h to 92d");
    seed("14d", &odd, "devises");
    seed("14d", &fast, "[time]");
    seed("14d", &early, "early.toml: line 4: `faults[0].at`");
    assert!(!folder.path().join("data").exists(), "nothing was made");
}
