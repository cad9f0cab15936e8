//! `foretell simulate`, asked by the program itself and by net-snmp.

use crate::program::{foretell, skipped};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A simulation that runs; killed when dropped.
pub(crate) struct Simulation {
    child: Child,
    /// What it printed when it ran.
    told: Value,
}

impl Simulation {
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
            .args(["simulate", "--json", "--port", "0"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told = serde_json::from_str(&line).unwrap();
        Self { child, told }
    }

    fn text(&self, key: &str) -> String {
        match &self.told[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Where the agent of an address answers.
    pub(crate) fn agent(&self, address: &str) -> String {
        format!("{address}:{}", self.text("port"))
    }

    /// A command to it; exit code and standard output.
    pub(crate) fn command(&self, arguments: &[&str]) -> (i32, String) {
        let control = self.text("control");
        let arguments = [&["simulate"], arguments].concat();
        let output = foretell(&arguments, &[("FORETELL_CONTROL", &control)]);
        let out = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), out)
    }

    /// How many devices a discovery from the first address finds, and their names.
    fn discovered(&self) -> BTreeSet<String> {
        let output = foretell(
            &[
                "discover",
                &self.text("first_address"),
                "--allow",
                &self.text("network"),
                "--port",
                &self.text("port"),
                "--no-icmp",
                "--community",
                "public",
                "--json",
            ],
            &[],
        );
        assert!(output.status.success(), "{output:?}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let devices = found["devices"].as_array().unwrap().iter();
        devices
            .map(|device| device["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn probe(address: &str, more: &[&str], environment: &[(&str, &str)]) -> (i32, Value) {
    let arguments = [&["probe", address, "--json"], more].concat();
    let output = foretell(&arguments, environment);
    let facts = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), facts)
}

#[test]
fn every_device_is_found_from_one_address() {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.json");
    let truth = truth.to_str().unwrap();
    for (shape, devices) in [
        ("campus", "50"),
        ("leaf-spine", "20"),
        ("hub-and-spoke", "30"),
    ] {
        let base = ["--topology", shape, "--devices", devices, "--truth", truth];
        let simulation = Simulation::start(&[&base[..], &["--base", "127.21.0.1"]].concat(), &[]);
        let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
        let nodes = truth["nodes"].as_array().unwrap().iter();
        let expected: BTreeSet<String> = nodes
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(expected.len().to_string(), devices);
        assert_eq!(simulation.discovered(), expected, "{shape}");
    }
}

#[test]
fn a_device_is_probed_with_nothing_left_to_say() {
    let simulation = Simulation::start(&["--devices", "20", "--base", "127.22.0.1"], &[]);
    let (code, facts) = probe(
        &simulation.agent("127.22.0.1"),
        &["--community", "public"],
        &[],
    );
    assert_eq!(code, 0);
    let device = &facts["device"];
    assert_eq!(device["name"], "core-1");
    for known in [
        "vendor",
        "model",
        "os",
        "os_version",
        "serial",
        "engine_id",
        "chassis_id",
    ] {
        assert!(device[known].is_string(), "{known}: {device}");
    }
    for list in [
        "interfaces",
        "neighbors",
        "addresses",
        "processors",
        "memory",
        "storage",
        "sensors",
        "inventory",
    ] {
        let rows = facts[list].as_array();
        assert!(rows.is_some_and(|rows| !rows.is_empty()), "{list}: {facts}");
    }
    assert!(
        facts["defects"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty),
        "{facts}"
    );
}

#[test]
fn faults_come_and_go_by_command() {
    let simulation = Simulation::start(&["--devices", "20", "--base", "127.23.0.1"], &[]);
    let agent = simulation.agent("127.23.0.1");
    let quick = [
        "--community",
        "public",
        "--timeout-ms",
        "200",
        "--retries",
        "0",
    ];
    let up = |facts: &Value| {
        let interfaces = facts["interfaces"].as_array().unwrap().iter();
        let ups = interfaces.filter(|interface| interface["oper_status"] == "up");
        (ups.count(), facts["neighbors"].as_array().unwrap().len())
    };
    let (_, facts) = probe(&agent, &quick, &[]);
    let (ports, neighbors) = up(&facts);
    let (code, told) = simulation.command(&["fault", "link-down", "core-1", "edge-1"]);
    assert_eq!(code, 0, "{told}");
    // What a device says is worked out once a second, and agents are told of a fault a moment after
    // the command.
    crate::program::until("the link to be down", || {
        up(&probe(&agent, &quick, &[]).1) == (ports - 1, neighbors - 1)
    });
    assert_eq!(simulation.command(&["heal", "1"]).0, 0);
    crate::program::until("the link to be up", || {
        up(&probe(&agent, &quick, &[]).1) == (ports, neighbors)
    });

    assert_eq!(simulation.command(&["fault", "silent", "core-1"]).0, 0);
    crate::program::until("the agent to fall silent", || {
        probe(&agent, &quick, &[]).0 == 3
    });
    assert_eq!(simulation.command(&["heal", "2"]).0, 0);
    crate::program::until("the agent to answer", || probe(&agent, &quick, &[]).0 == 0);

    let (code, told) = simulation.command(&["faults"]);
    assert_eq!(code, 0);
    assert_eq!(
        told.lines().filter(|line| line.contains(" over ")).count(),
        2,
        "{told}"
    );
    assert_eq!(simulation.command(&["heal", "7"]).0, 2);
    assert_eq!(simulation.command(&["fault", "silent", "core-9"]).0, 2);
    assert_eq!(simulation.command(&["fault", "nonsense", "core-1"]).0, 2);
}

#[test]
fn a_user_of_v3_may_ask_and_a_wrong_pass_phrase_is_told() {
    let (auth, other) = ("a phrase of the test", "another phrase of it");
    let user = |variable: &'static str| {
        [
            "--v3-user",
            "monitor",
            "--v3-auth",
            "sha256",
            "--v3-auth-pass-env",
            variable,
        ]
    };
    let simulation = Simulation::start(
        &[
            &["--devices", "4", "--base", "127.24.0.1"][..],
            &user("AUTH"),
        ]
        .concat(),
        &[("AUTH", auth)],
    );
    assert_eq!(simulation.text("v3_user"), "monitor");
    let agent = simulation.agent("127.24.0.1");
    let (code, facts) = probe(&agent, &user("AUTH"), &[("AUTH", auth)]);
    assert_eq!(
        (code, &facts["device"]["name"]),
        (0, &Value::from("core-1"))
    );
    let (code, _) = probe(&agent, &user("AUTH"), &[("AUTH", other)]);
    assert_eq!(code, 4);
}

#[test]
fn net_snmp_walks_a_device_to_its_end() {
    let simulation = Simulation::start(&["--devices", "20", "--base", "127.25.0.1"], &[]);
    for (program, more) in [("snmpwalk", &[][..]), ("snmpbulkwalk", &["-Cr25"])] {
        let output = Command::new(program)
            .args(["-v2c", "-c", "public", "-On"])
            .args(more)
            .args([&simulation.agent("127.25.0.9"), ".1"])
            .output();
        let Ok(output) = output else {
            return skipped(&format!("{program} is not installed"));
        };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(text.lines().count() > 500, "{text}");
        assert!(text.contains("past the end of the MIB tree"), "{program}");
    }
}

#[test]
fn it_stops_in_order() {
    let mut simulation = Simulation::start(&["--devices", "4", "--base", "127.26.0.1"], &[]);
    let pid = Pid::from_raw(i32::try_from(simulation.child.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    let status = simulation.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_wrong_scenario_is_told_by_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, words: &str| {
        let file = folder.path().join("wrong.toml");
        std::fs::write(&file, text).unwrap();
        let output = foretell(&["simulate", "--scenario", file.to_str().unwrap()], &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(words), "`{words}` is not in {told}");
    };
    check(
        "seed = 1\ndevcies = 5\n",
        "wrong.toml: line 2: there is no key `devcies`; did you mean `devices`?",
    );
    check(
        "[[faults]]\nkind = \"reboot\"\ntarget = \"core-7\"\n",
        "wrong.toml: line 3: `faults[0].target`: there is no device `core-7`",
    );
    check(
        "topology = \"graph\"\ngraph = \"none.json\"\n",
        "none.json cannot be read",
    );
    let output = foretell(&["simulate", "--print-scenario"], &[]);
    let sample = String::from_utf8(output.stdout).unwrap();
    assert!(sample.contains("utilization"), "{sample}");
}

#[test]
fn flags_that_would_be_lost_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("one.snmprec"), "1.3.6.1|4|one\n").unwrap();
    let control = "http://127.0.0.1:1";
    let check = |arguments: &[&str], code: i32, words: &str| {
        let output = foretell(&[&["simulate"], arguments].concat(), &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(words), "`{words}` is not in {told}");
    };
    check(&["--listen", "127.0.0.1:0"], 2, "--recordings");
    check(&["--v1"], 2, "--v1");
    let user = ["--v3-user", "monitor", "--v3-context", "one"];
    check(&user, 2, "--v3-context");
    let played = ["--recordings", recordings, "--listen", "127.0.0.1:0"];
    let with = |more: &[&'static str]| [&played[..], more].concat();
    check(&with(&["--control", "127.0.0.1:0"]), 2, "--control");
    check(&with(&["--community", "open"]), 2, "--each-address");
    // It goes as far as to find that nobody is there to tell.
    let cold = ["fault", "overheat", "core-1", "--by-celsius", "-5"];
    let cold = [&cold[..], &["--control", control]].concat();
    check(&cold, 1, "no simulation answers");
}

#[test]
fn what_to_try_asks_as_the_agents_want_to_be_asked() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(["simulate", "--devices", "2", "--base", "127.28.0.1"])
        .args(["--port", "0", "--community-env", "TRIED"])
        .env("TRIED", "a secret of the test")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let tried = lines
        .map(Result::unwrap)
        .find(|line| line.starts_with("try"));
    child.kill().unwrap();
    child.wait().unwrap();
    let tried = tried.unwrap();
    assert!(
        tried.ends_with("--no-icmp --community-env TRIED"),
        "{tried}"
    );
}
