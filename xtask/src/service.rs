//! Our own programs while they run beside a task: the server and the simulator. They are started in
//! process groups of their own, so that Control-C reaches the task alone, which stops them in order.

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a program may take to stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(15);
/// From look to look while something is waited for.
const LOOK: Duration = Duration::from_millis(50);
/// Lines of a log that a failure shows.
const LOG_LINES: usize = 20;

/// A program that runs. Dropping it kills it.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts it, its log going to a file, and reads what it prints until `found` makes something of
    /// a line.
    pub(crate) fn start<T>(
        name: &'static str,
        command: &mut Command,
        log: &Path,
        mut found: impl FnMut(&str) -> Option<T>,
    ) -> anyhow::Result<(Self, T)> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start the {name}"))?;
        let mut service = Self {
            name,
            child,
            log: log.to_owned(),
        };
        let stdout = service
            .child
            .stdout
            .take()
            .context("its output is not piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let told = loop {
            let Some(line) = lines.next().transpose()? else {
                bail!("the {name} ended as it started\n{}", service.log_end());
            };
            if let Some(told) = found(&line) {
                break told;
            }
        };
        // What else it prints is read until it ends, so that it is never held up.
        std::thread::spawn(move || for _ in lines.map_while(Result::ok) {});
        Ok((service, told))
    }

    /// Starts a program that says nothing of use; all that it prints goes to a file.
    pub(crate) fn start_silent(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log)?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start the {name}"))?;
        Ok(Self {
            name,
            child,
            log: log.to_owned(),
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails where it has ended.
    pub(crate) fn is_running(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the {} ended with {status}\n{}", self.name, self.log_end()),
        }
    }

    /// Asks it to stop and waits until it did; anything but success is an error.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.is_running()?;
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?;
        let deadline = Instant::now() + STOPPED_WITHIN;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!(
                    "the {} stopped with {status}\n{}",
                    self.name,
                    self.log_end()
                );
            }
            std::thread::sleep(LOOK);
        }
        bail!("the {} did not stop within {STOPPED_WITHIN:?}", self.name);
    }

    /// The last lines of its log.
    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody wants the task to end: SIGINT (Control-C), SIGTERM or SIGHUP came. When it is
/// dropped these end the process again, as they do usually.
pub(crate) struct Interrupt {
    came: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on these signals end no more than what asks here. Programs that are started have
    /// them as usual.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let (came, released) = (Arc::default(), Arc::default());
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&released))?;
            signal_hook::flag::register(signal, Arc::clone(&came))?;
        }
        Ok(Self { came, released })
    }

    /// Whether one came.
    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }

    /// Looks until `look` finds something; fails after a time, saying what was missing, and at once
    /// where the task is to end.
    pub(crate) fn or_until<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.came() {
                bail!("interrupted");
            }
            if Instant::now() > deadline {
                bail!("{what}: not within {} s", within.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.released.store(true, Ordering::Relaxed);
    }
}

/// The address in what the server prints: `127.0.0.1:8080` of `... http://127.0.0.1:8080/ ...`.
pub(crate) fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let address = rest.split(|c: char| c == '/' || c.is_whitespace()).next()?;
    (!address.is_empty()).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_the_server_prints() {
        let line = "listening on http://127.0.0.1:41234";
        assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:41234"));
        assert_eq!(address_in("no address"), None);
    }
}
