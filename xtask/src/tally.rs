//! What came of the steps of a task: told as they run, summed up at the end.

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

/// How many tests of a step passed and failed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tests {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tests {
    pub(crate) fn add(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
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
                    passed += tests.passed;
                    failed += tests.failed;
                    let word = if tests.failed == 0 { "ok" } else { "FAILED" };
                    (
                        word,
                        format!("{} passed, {} failed", tests.passed, tests.failed),
                    )
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
