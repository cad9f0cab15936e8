//! How many questions the simulated agents answer with one processor.

use super::super::example;
use super::Bench;
use crate::bench::figure::Outcome;

pub(super) fn run(_: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    let told = example::run("foretell-sim", "agent_bench", &[])?;
    for (name, value) in told.figures {
        outcome.add(&format!("simulator_{name}"), value);
    }
    Ok(())
}
