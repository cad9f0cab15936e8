//! The program itself, run as a person or a supervisor would.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// The administrator's password in tests.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// What a state is waited for at most: far more than it takes, so that only a fault reaches it.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Waits for a state.
pub(crate) fn until(what: &str, mut state: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !state() {
        assert!(begun.elapsed() < WAIT_MAX, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Says that something cannot be tested here, and why: past the test harness, which keeps what a passing
/// test prints to itself.
pub(crate) fn skipped(why: &str) {
    let told = format!("SKIPPED: {why}\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

/// Runs a command of the program to its end.
pub(crate) fn foretell(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The same with something on its standard input.
pub(crate) fn foretell_given(
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// A running `foretell serve`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    /// What it printed before its address.
    pub(crate) printed: Vec<String>,
    http: reqwest::blocking::Client,
    token: String,
}

impl Server {
    /// Starts it on a folder, on any free port, and waits for its address.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_with(data: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_given(data, &[], environment)
    }

    /// The same with more arguments.
    pub(crate) fn start_given(
        data: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .args(arguments)
            .env("FORETELL_ADMIN_PASSWORD", PASSWORD)
            .env("FORETELL_LOG", "warn")
            .env("FORETELL_POLL__DEFAULT_INTERVAL_SECS", "5")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        let url = loop {
            let line = lines.next().expect("it ended before it listened").unwrap();
            match line.strip_prefix("listening on ") {
                Some(url) => break url.to_owned(),
                None => printed.push(line),
            }
        };
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .build()
            .unwrap();
        Self {
            child,
            url,
            printed,
            http,
            token: String::new(),
        }
    }

    pub(crate) fn sign_in(&mut self) {
        let body = serde_json::json!({"username": "admin", "password": PASSWORD});
        let (status, answer) = self.post("auth/login", &body);
        assert_eq!(status, 200, "{answer}");
        answer["token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.token);
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}/api/v1/{path}", self.url));
        answer(request.bearer_auth(&self.token))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url));
        answer(request.bearer_auth(&self.token).json(body))
    }

    /// Posts octets.
    pub(crate) fn post_octets(&self, path: &str, octets: &[u8]) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url));
        let request = request.header("Content-Type", "application/octet-stream");
        answer(request.bearer_auth(&self.token).body(octets.to_vec()))
    }

    /// Runs a command of the program that asks this server, with something on its standard input: its exit
    /// code, what it printed, and what it complained of.
    pub(crate) fn asked_with(
        &self,
        arguments: &[&str],
        input: &str,
    ) -> (Option<i32>, String, String) {
        let to = ["--server", &self.url, "--password-env", "PASSWORD"];
        let arguments = [arguments, &to].concat();
        let output = foretell_given(&arguments, &[("PASSWORD", PASSWORD)], input);
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// The same with nothing on its standard input.
    pub(crate) fn asked(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.asked_with(arguments, "")
    }

    /// How a command ends whose output nobody reads.
    pub(crate) fn asked_unread(&self, arguments: &[&str]) -> Option<i32> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
            .args(arguments)
            .args(["--server", &self.url, "--password-env", "PASSWORD"])
            .env("PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        child.wait().unwrap().code()
    }

    /// What a command prints as JSON that ends well.
    pub(crate) fn asked_json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let (code, told, complaints) = self.asked(&arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {told} {complaints}");
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    /// Posts nothing, to what is at a revision.
    pub(crate) fn post_at(&self, path: &str, revision: u64) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url));
        let request = request.header("If-Match", format!("\"{revision}\""));
        answer(request.bearer_auth(&self.token))
    }

    /// Changes whatever is there.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.patch(format!("{}/api/v1/{path}", self.url));
        let request = request.header("If-Match", "*");
        answer(request.bearer_auth(&self.token).json(body))
    }

    /// Puts a body in the place of whatever is there.
    pub(crate) fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.put(format!("{}/api/v1/{path}", self.url));
        let request = request.header("If-Match", "*");
        answer(request.bearer_auth(&self.token).json(body))
    }

    pub(crate) fn delete(&self, path: &str) -> u16 {
        let request = self.http.delete(format!("{}/api/v1/{path}", self.url));
        let request = request.header("If-Match", "*");
        answer(request.bearer_auth(&self.token)).0
    }

    /// The text at a path outside the API.
    pub(crate) fn text(&self, path: &str) -> (u16, String) {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        let answer = request.send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        let mut status = None;
        until("the server to stop", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap(), begun.elapsed())
    }
}

impl Server {
    /// Ends it as a crash does.
    pub(crate) fn crash(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(request: reqwest::blocking::RequestBuilder) -> (u16, Value) {
    let answer = request.send().unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}
