//! What came of the steps of a task: told as they run, summed up at the end.

use anyhow::bail;
use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What came of one step.
pub(crate) enum Outcome {
    /// It held.
    Passed,
    /// It held, or not, test by test.
    Tests(Tests),
    /// It could not be done here, and why.
    Skipped(String),
}

/// How many tests of a step passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    /// As the test programs count them: those that said that they are skipped are among them.
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Those that said so: what cannot be tested here.
    pub(crate) skipped: u64,
}

impl Tests {
    pub(crate) fn add(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }

    /// What came of a step that is there for its tests. Where there were none it did not hold: they were
    /// not found, or not built.
    pub(crate) fn outcome(self) -> anyhow::Result<Outcome> {
        if self.passed + self.failed == 0 {
            bail!("no test ran");
        }
        Ok(Outcome::Tests(self))
    }

    fn really_passed(self) -> u64 {
        self.passed.saturating_sub(self.skipped)
    }
}

impl fmt::Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.really_passed(), self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

struct Step {
    name: String,
    result: Result<Outcome, anyhow::Error>,
    took: Duration,
    /// It ran beside others, so that its time is not added to theirs.
    beside: bool,
}

/// The steps of a task so far.
pub(crate) struct Tally {
    started: Instant,
    steps: Vec<Step>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            steps: Vec::new(),
        }
    }

    /// Does one step and remembers what came of it. A failure does not stop the task: the steps
    /// after it may tell more.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<Outcome>) {
        eprintln!("==> {name}");
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        self.told(name, result, took, false);
    }

    /// Remembers what came of a step that ran beside others, and what it printed.
    pub(crate) fn beside(
        &mut self,
        name: &str,
        result: anyhow::Result<Outcome>,
        took: Duration,
        printed: &str,
    ) {
        eprintln!("==> {name}, which ran beside");
        println!("{printed}");
        self.told(name, result, took, true);
    }

    fn told(&mut self, name: &str, result: anyhow::Result<Outcome>, took: Duration, beside: bool) {
        match &result {
            Ok(Outcome::Skipped(why)) => eprintln!("SKIPPED {name}: {why}"),
            Ok(_) => eprintln!("    {name}: {:.1} s", took.as_secs_f64()),
            Err(error) => eprintln!("FAILED {name}: {error:#}"),
        }
        self.steps.push(Step {
            name: name.to_owned(),
            result,
            took,
            beside,
        });
    }

    /// Whether a step of that name ran and held.
    pub(crate) fn held(&self, name: &str) -> bool {
        self.steps.iter().any(|step| {
            step.name == name
                && match &step.result {
                    Ok(Outcome::Passed) => true,
                    Ok(Outcome::Tests(tests)) => tests.failed == 0,
                    Ok(Outcome::Skipped(_)) | Err(_) => false,
                }
        })
    }

    /// Prints the summary; its last line is the count alone.
    pub(crate) fn finish(self) -> ExitCode {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        println!();
        for step in &self.steps {
            let (word, note) = match &step.result {
                Ok(Outcome::Passed) => {
                    passed += 1;
                    ("ok", String::new())
                }
                Ok(Outcome::Tests(tests)) => {
                    passed += tests.really_passed();
                    failed += tests.failed;
                    skipped += tests.skipped;
                    let word = if tests.failed == 0 { "ok" } else { "FAILED" };
                    (word, tests.to_string())
                }
                Ok(Outcome::Skipped(why)) => {
                    skipped += 1;
                    ("SKIPPED", why.clone())
                }
                Err(error) => {
                    failed += 1;
                    ("FAILED", format!("{error:#}"))
                }
            };
            let secs = step.took.as_secs_f64();
            let beside = if step.beside { "beside" } else { "" };
            println!(
                "{word:<8} {:<22} {secs:>7.1} s  {beside:<6}  {note}",
                step.name
            );
        }
        println!("total {:.0} s", self.started.elapsed().as_secs_f64());
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(passed: u64, failed: u64, skipped: u64) -> String {
        let tests = Tests {
            passed,
            failed,
            skipped,
        };
        match tests.outcome() {
            Ok(Outcome::Tests(tests)) => tests.to_string(),
            Ok(_) => "no tests".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_step_of_tests_without_any_does_not_hold_and_what_is_skipped_did_not_pass() {
        assert_eq!(told(0, 0, 0), "no test ran");
        assert_eq!(told(3, 0, 0), "3 passed, 0 failed");
        assert_eq!(told(3, 1, 2), "1 passed, 1 failed, 2 skipped");
    }
}
