//! This program run again as a child that works until it is killed, and what it said until then.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Runs one test of this program; answers it and the lines that it prints.
pub(crate) fn start(
    test: &str,
    environment: &[(&str, &OsStr)],
) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// Runs one test of this program, which goes on for ever, and kills it once `read` made something of so
/// many of its lines, after a `pause`. Answers all that was made of its lines, given word by word: what
/// was said before the kill and still is in the pipe counts too. A line that was torn must be told from
/// a whole one by `read`.
pub(crate) fn run_and_kill<T>(
    test: &str,
    environment: &[(&str, &OsStr)],
    wanted: usize,
    pause: impl FnOnce(),
    mut read: impl FnMut(&[&str]) -> Option<T>,
) -> Vec<T> {
    let (mut child, lines) = start(test, environment);
    let (mut said, mut pause) = (Vec::new(), Some(pause));
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        said.extend(read(&words));
        if said.len() >= wanted
            && let Some(pause) = pause.take()
        {
            pause();
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(
        pause.is_none(),
        "the child ended by itself after {} answers",
        said.len()
    );
    said
}

/// Lets a moment pass that is too short to sleep.
pub(crate) fn spin(turns: u64) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}
