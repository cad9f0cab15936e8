//! Steps that run beside the others, one after the other, because they wait for a network or take
//! only the time that nothing else wants. What they print is kept, and told in one piece at their
//! end, unless all is well and no tests are told of.
//!
//! Cargo lets one process at a time build into a folder. While a lane of [`idle`] steps builds into
//! the target folder, the steps beside it run what is built and call cargo for nothing.

use crate::programs::{counted_in, in_idle_time, shown, target_dir};
use crate::tally::{Outcome, Tally, Tests};
use anyhow::{Context as _, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A step, and what does it.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// It is there for its tests, and does not hold without any.
    of_tests: bool,
}

impl Step {
    /// That step, of which tests are expected.
    pub(crate) fn of_tests(self) -> Self {
        Self {
            of_tests: true,
            ..self
        }
    }
}

/// A step that waits most of the time.
pub(crate) fn waiting(name: &'static str, command: Command) -> Step {
    Step {
        name,
        command,
        of_tests: false,
    }
}

/// A step that is given only the time that nothing else on the machine wants.
pub(crate) fn idle(name: &'static str, command: &Command) -> Step {
    waiting(name, in_idle_time(command))
}

/// Steps that run beside those of the task, one after the other.
pub(crate) struct Lane {
    thread: JoinHandle<Vec<Ended>>,
}

/// A step that is done.
struct Ended {
    name: &'static str,
    result: anyhow::Result<Outcome>,
    took: Duration,
    log: PathBuf,
}

impl Lane {
    /// Begins with the first of them.
    pub(crate) fn begin(steps: Vec<Step>) -> Self {
        let thread = thread::spawn(|| steps.into_iter().map(done).collect());
        Self { thread }
    }

    /// Waits for the end of them all, and tells each.
    pub(crate) fn tell(self, tally: &mut Tally) {
        let began = Instant::now();
        let ended = self.thread.join().expect("a lane does not panic");
        let waited = began.elapsed().as_secs_f64();
        for step in ended {
            // What compiled tells only what was compiled. Where there is no log, the error says why.
            let printed = match &step.result {
                Ok(Outcome::Passed) => String::new(),
                _ => fs::read_to_string(&step.log).unwrap_or_default(),
            };
            tally.beside(step.name, step.result, step.took, &printed);
        }
        eprintln!("    waited {waited:.1} s for what ran beside");
    }
}

fn done(mut step: Step) -> Ended {
    let name = step.name;
    let log = target_dir().join("beside").join(format!("{name}.log"));
    let began = Instant::now();
    let result = kept(&mut step, &log);
    if result.is_err() {
        eprintln!("FAILED {name}, beside; what it printed comes later");
    }
    Ended {
        name,
        result,
        took: began.elapsed(),
        log,
    }
}

/// Runs to the end, with what it prints in a file, and counts the tests that it tells of.
fn kept(step: &mut Step, log: &Path) -> anyhow::Result<Outcome> {
    let command = &mut step.command;
    let folder = log.parent().context("a log lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let out = File::create(log).with_context(|| format!("making {}", log.display()))?;
    let status = command
        .stdin(Stdio::null())
        .stderr(out.try_clone()?)
        .stdout(out)
        .status()
        .with_context(|| format!("could not start {}", shown(command)))?;
    let bytes = fs::read(log).with_context(|| format!("reading {}", log.display()))?;
    let tests = counted_in(&String::from_utf8_lossy(&bytes));
    if !status.success() && tests.failed == 0 {
        bail!("{} ended with {status}", shown(command));
    }
    // What only compiles tells of none.
    if tests == Tests::default() && !step.of_tests {
        return Ok(Outcome::Passed);
    }
    tests.outcome()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &'static str, script: &str) -> Step {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        waiting(name, command)
    }

    #[test]
    fn steps_beside_are_told_one_by_one() {
        let mut tally = Tally::new();
        let lane = Lane::begin(vec![
            shell("test-passes", "true"),
            shell("test-fails", "echo why; exit 3"),
            shell("test-counts", "echo 'test result: ok. 2 passed; 0 failed'").of_tests(),
            shell(
                "test-finds-none",
                "echo 'test result: ok. 0 passed; 0 failed'",
            )
            .of_tests(),
            shell("test-says-nothing", "true").of_tests(),
            shell(
                "test-counts-failures",
                "echo 'test result: FAILED. 2 passed; 1 failed'; exit 101",
            )
            .of_tests(),
        ]);
        lane.tell(&mut tally);
        let held = |name: &str| tally.held(name);
        assert!(held("test-passes") && held("test-counts"));
        assert!(!held("test-finds-none") && !held("test-says-nothing"));
        assert!(!held("test-fails") && !held("test-counts-failures"));
    }

    #[test]
    fn a_step_in_idle_time_is_the_same_command() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "test \"$IDLE\" = yes && test \"$(pwd)\" = /"])
            .env("IDLE", "yes")
            .current_dir("/");
        let mut tally = Tally::new();
        Lane::begin(vec![idle("test-idle", &command)]).tell(&mut tally);
        assert!(tally.held("test-idle"));
    }
}
