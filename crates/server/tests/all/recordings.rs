//! `foretell simulate --recordings`: a folder of recordings, played and asked.

use crate::program::foretell;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `foretell simulate`; killed when dropped.
pub(crate) struct Simulator {
    child: Child,
    /// The line that says where it listens, or the JSON that does.
    listening: String,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Simulator {
    pub(crate) fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
            .args(["simulate", "--recordings"])
            .arg(folder)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = lines
            .map(Result::unwrap)
            .find(|line| line.starts_with("listening on ") || line.starts_with('{'))
            .expect("it ended before it listened");
        Self { child, listening }
    }

    /// The first address and port that it said.
    pub(crate) fn address(&self) -> &str {
        self.listening.split([',', ' ']).nth(2).unwrap()
    }

    /// Stops it as an operator would; what it told on standard error.
    fn stop(mut self) -> String {
        let id = Pid::from_raw(self.child.id().try_into().unwrap());
        kill(id, Signal::SIGINT).unwrap();
        let mut told = String::new();
        let mut err = self.child.stderr.take().unwrap();
        err.read_to_string(&mut told).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{told}");
        told
    }
}

fn recordings() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["alpha", "beta"] {
        // In no order, with a line that cannot be read.
        let text = format!(
            "1.3.6.1.2.1.1.5.0|4|{name}\n1.3.6.1.2.1.1.1.0|4|A device\nnonsense\n\
             1.3.6.1.2.1.1.3.0|67|100\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.32473.1\n"
        );
        std::fs::write(folder.path().join(format!("{name}.snmprec")), text).unwrap();
    }
    folder
}

fn check_name(address: &str, community: &str, expected: &str) {
    let output = foretell(&["probe", address, "--community", community, "--json"], &[]);
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["device"]["name"], expected);
}

#[test]
fn a_recording_is_asked_by_its_name() {
    let folder = recordings();
    let simulator = Simulator::start(folder.path(), &["--listen", "127.0.0.1:0"], &[]);
    check_name(simulator.address(), "alpha", "alpha");
    check_name(simulator.address(), "beta", "beta");
    let told = simulator.stop();
    assert!(
        told.contains("alpha: 1 lines left out, the first is line 3"),
        "{told}"
    );
    assert!(told.contains("requests"), "{told}");
}

#[test]
fn a_user_asks_for_a_recording_by_its_context() {
    let folder = recordings();
    let arguments = "--v3-user reader --v3-auth sha256 --v3-auth-pass-env AUTH \
                     --v3-priv aes128 --v3-priv-pass-env PRIV";
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    let phrases = [
        ("AUTH", "a phrase of the test"),
        ("PRIV", "another of the test"),
    ];
    let listen = ["--listen", "127.0.0.1:0", "--json"];
    let simulator = Simulator::start(folder.path(), &[&listen, &arguments[..]].concat(), &phrases);
    let told: Value = serde_json::from_str(&simulator.listening).unwrap();
    assert_eq!(told["recordings"], 2);
    assert_eq!(told["community"], Value::Null);
    let address = told["first_address"].as_str().unwrap();
    let probe = ["probe", address, "--json", "--v3-context", "beta"];
    let output = foretell(&[&probe, &arguments[..]].concat(), &phrases);
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["device"]["name"], "beta");
}

#[test]
fn each_recording_has_an_address() {
    let folder = recordings();
    let arguments = [
        "--listen",
        "127.9.0.1:0",
        "--each-address",
        "--community",
        "open",
    ];
    let simulator = Simulator::start(folder.path(), &arguments, &[]);
    let first = simulator.address();
    let second = first.replace("127.9.0.1:", "127.9.0.2:");
    assert!(
        simulator.listening.contains(&second),
        "{}",
        simulator.listening
    );
    check_name(first, "open", "alpha");
    check_name(&second, "open", "beta");
}

#[test]
fn a_folder_without_recordings_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let output = foretell(&["simulate", "--recordings", path], &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("there is no .snmprec file in"), "{told}");
}
