//! Running other programs: where things are, how a failure is told, counting tests as they print.

use crate::tally::Tests;
use anyhow::{Context as _, bail};
use std::env;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long is waited for a line until it is seen whether the program has ended.
const LINE_WAIT: Duration = Duration::from_secs(2);

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the root of the checkout")
}

/// Where cargo builds to.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Cargo, in the root of the checkout.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_package(&mut command);
    command.args(arguments).current_dir(root());
    command
}

/// What cargo told this process of its own package is not for what it starts.
pub(crate) fn without_package(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
}

/// Whether a program of that name can be run.
pub(crate) fn is_there(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(name).is_file())
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs to the end with nothing on standard input; anything but success is an error that shows
/// the command.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// The same command, given only the time that nothing else on the machine wants.
pub(crate) fn in_idle_time(command: &Command) -> Command {
    let mut idle = Command::new("nice");
    idle.arg("-n19")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => idle.env(name, value),
            None => idle.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        idle.current_dir(folder);
    }
    idle
}

/// Runs to the end and gives its standard output; the rest as [`run`].
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("could not start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).context("its output is not UTF-8")
}

/// Runs a test program, passing its output on and counting the tests it tells of, also of those that
/// it skips, which it says on either output. A failure that no test accounts for (a crash, a build
/// error) is an error.
pub(crate) fn count_tests(command: &mut Command) -> anyhow::Result<Tests> {
    let (told, output) = io::pipe()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("could not start {}", shown(command)))?;
    // The command has the other end too, and the output ends when nobody has it.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (lines, read) = mpsc::channel();
    // What a program that died left at work may have the other end for ever.
    thread::spawn(move || {
        for line in BufReader::new(told).split(b'\n').map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    let mut tests = Tests::default();
    let mut ended = None;
    loop {
        let line = match read.recv_timeout(LINE_WAIT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if ended.is_some() => {
                println!("what {} started is still at work", shown(command));
                break;
            }
            Err(RecvTimeoutError::Timeout) => {
                ended = child.try_wait()?;
                continue;
            }
        };
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tests.add(counted_in(&line));
    }
    let status = child.wait()?;
    if !status.success() && tests.failed == 0 {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(tests)
}

/// How many tests these lines of a test program tell of.
pub(crate) fn counted_in(lines: &str) -> Tests {
    let mut tests = Tests::default();
    for line in lines.lines() {
        tests.add(counted(line).unwrap_or_default());
        tests.skipped += u64::from(is_skipped(line));
    }
    tests
}

/// Whether a test says that it is skipped: in a line of its own, or behind its name where tests run one
/// at a time.
fn is_skipped(line: &str) -> bool {
    line.starts_with("SKIPPED") || line.contains(" ... SKIPPED")
}

/// The counts in a line of libtest (`test result: ok. 3 passed; 0 failed; ...`) or of vitest
/// (`Tests  1 failed | 3 passed (4)`).
fn counted(line: &str) -> Option<Tests> {
    let line = line.trim();
    let rest = line
        .strip_prefix("test result: ")
        .or_else(|| line.strip_prefix("Tests  "))?;
    let words: Vec<&str> = rest
        .split(|c: char| c.is_whitespace() || ";.|".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let before = |name: &str| {
        words
            .windows(2)
            .find_map(|pair| match pair {
                [number, word] if *word == name => number.parse().ok(),
                _ => None,
            })
            .unwrap_or(0)
    };
    Some(Tests {
        passed: before("passed"),
        failed: before("failed"),
        skipped: 0,
    })
}

/// As a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(u64, u64)>) {
        let found = counted(line).map(|tests| (tests.passed, tests.failed));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn counts_of_both_test_programs_are_read() {
        check(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
            Some((12, 0)),
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 0 ignored",
            Some((3, 2)),
        );
        check("      Tests  31 passed (31)", Some((31, 0)));
        check("      Tests  1 failed | 30 passed (31)", Some((30, 1)));
        check("test lost ... ok", None);
    }

    #[test]
    fn tests_that_say_that_they_are_skipped_are_counted_whatever_they_say_it_on() {
        let script = "echo 'SKIPPED: there is no snmpd' >&2; echo 'test walk ... SKIPPED: no page'; \
            printf 'not UTF-8: \\377\\n'; echo 'test result: ok. 3 passed; 0 failed'";
        let mut command = Command::new("sh");
        let counted = count_tests(command.args(["-c", script])).unwrap();
        let expected = Tests {
            passed: 3,
            failed: 0,
            skipped: 2,
        };
        assert_eq!(counted, expected);
    }
}
