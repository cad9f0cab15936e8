//! A server to look at, with its data in `demo` of cargo's target folder.
//!
//! It has no network of its own yet: it watches what its operator adds.

use crate::programs::target_dir;
use crate::{web, workspace};
use anyhow::{Context as _, bail};
use clap::Args;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The usual address; another port where this one is taken.
const ADDRESS: &str = "127.0.0.1:8080";
/// How long the server may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long the server may take to stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(15);

#[derive(Args)]
pub(crate) struct Options {
    /// Throw away the data of the last demo first.
    #[arg(long)]
    fresh: bool,
    /// Do not open a browser.
    #[arg(long)]
    no_open: bool,
    /// Stop as soon as the server is ready: a test of the demo itself.
    #[arg(long)]
    exit_after_ready: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    eprintln!("==> page");
    if let crate::tally::Outcome::Skipped(why) = web::build()? {
        eprintln!("SKIPPED page: {why}; the server will show how to build it");
    }
    eprintln!("==> workspace");
    workspace::build(false)?;
    let data = target_dir().join("demo");
    if options.fresh && data.exists() {
        fs::remove_dir_all(&data)?;
    }
    fs::create_dir_all(&data)?;
    let password = password(&data.join("admin-password"))?;
    let mut server = Command::new(workspace::foretell())
        .arg("serve")
        .arg("--data-dir")
        .arg(data.join("data"))
        .arg("--listen")
        .arg(free_address())
        .env("FORETELL_ADMIN_PASSWORD", &password)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", workspace::foretell().display()))?;
    let address = match ready(&mut server) {
        Ok(address) => address,
        Err(error) => {
            let _ = server.kill();
            let _ = server.wait();
            return Err(error);
        }
    };
    println!("\nForetell is at  http://{address}/");
    println!("Sign in as      admin");
    println!("with            {password}");
    println!(
        "There is no demo network yet: add devices of your own under Discovery. \
         Data is in {}.",
        data.display()
    );
    if options.exit_after_ready {
        return stop(server);
    }
    if !options.no_open && std::env::var_os("DISPLAY").is_some() {
        let mut browser = Command::new("xdg-open");
        let _ = browser.arg(format!("http://{address}/")).status();
    }
    println!("Control-C stops it.");
    let status = server.wait()?;
    Ok(exit_code(status.code()))
}

/// The administrator's password: what is set, else one made for this data and kept beside it.
fn password(path: &Path) -> anyhow::Result<String> {
    if let Ok(given) = std::env::var("FORETELL_ADMIN_PASSWORD") {
        return Ok(given);
    }
    if let Ok(kept) = fs::read_to_string(path) {
        return Ok(kept.trim().to_owned());
    }
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let made = format!("{:032x}", u128::from_ne_bytes(bytes));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{made}")?;
    Ok(made)
}

fn free_address() -> &'static str {
    if TcpListener::bind(ADDRESS).is_ok() {
        ADDRESS
    } else {
        "127.0.0.1:0"
    }
}

/// Passes on what the server prints, finds its address in it, and waits until it is ready.
pub(crate) fn ready(server: &mut Child) -> anyhow::Result<String> {
    let stdout = server.stdout.take().context("its output is not piped")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = loop {
        let Some(line) = lines.next().transpose()? else {
            bail!("the server ended before it named its address");
        };
        println!("{line}");
        if let Some(address) = address_in(&line) {
            break address;
        }
    };
    // Whatever else it prints is passed on until it ends.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            println!("{line}");
        }
    });
    let deadline = Instant::now() + READY_WITHIN;
    while !answers_ready(&address) {
        if let Some(status) = server.try_wait()? {
            bail!("the server ended with {status}");
        }
        if Instant::now() > deadline {
            bail!("the server was not ready within {READY_WITHIN:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(address)
}

/// `127.0.0.1:8080` of `... http://127.0.0.1:8080/ ...`.
fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let address = rest.split(|c: char| c == '/' || c.is_whitespace()).next()?;
    (!address.is_empty()).then(|| address.to_owned())
}

fn answers_ready(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(
            stream,
            "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Asks the server to stop, and tells how it ended.
fn stop(mut server: Child) -> anyhow::Result<ExitCode> {
    let pid = nix::unistd::Pid::from_raw(server.id().try_into()?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    let deadline = Instant::now() + STOPPED_WITHIN;
    while Instant::now() < deadline {
        if let Some(status) = server.try_wait()? {
            return Ok(exit_code(status.code()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    server.kill()?;
    server.wait()?;
    bail!("the server did not stop within {STOPPED_WITHIN:?}");
}

fn exit_code(code: Option<i32>) -> ExitCode {
    code.and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_the_server_prints() {
        let line = "foretell is listening on http://127.0.0.1:41234/ with data in x";
        assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:41234"));
        assert_eq!(address_in("no address"), None);
    }
}
