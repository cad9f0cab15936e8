//! `foretell analyze scaling`: when more capacity should be asked for, value by value.

use super::each::{Refusal, Series, series};
use super::output::field;
use super::series::{Id, Values};
use crate::cli::OfSeries;
use crate::exit::Exit;
use analytics::scaling::{Change, ScalingOptions, Trigger};
use serde::Deserialize;
use std::fmt::Write as _;

#[derive(Deserialize)]
struct Line {
    id: Id,
    y: Values,
    threshold: f64,
    lead_min: usize,
    lead_max: usize,
    step_s: u32,
}

impl Series for Line {
    fn id(&self) -> &Id {
        &self.id
    }
}

/// Runs it.
pub(super) fn run(asked: &OfSeries) -> anyhow::Result<Exit> {
    series("scaling", Some("id,t"), asked, answer)
}

fn answer(line: &Line, into: &mut String) -> Result<(), Refusal> {
    let trigger = Trigger::new(ScalingOptions {
        threshold: line.threshold,
        lead_min: line.lead_min,
        lead_max: line.lead_max,
        step_secs: line.step_s,
    });
    let mut trigger = trigger.map_err(|error| Refusal::Wrong(error.to_string()))?;
    let id = field(&line.id.0);
    // Its values have no times: the first is at 0.
    for (t, (at_secs, value)) in (0..)
        .step_by(line.step_s as usize)
        .zip(&line.y.0)
        .enumerate()
    {
        if let Some(Change::Raised { .. }) = trigger.observe(at_secs, *value) {
            let _ = writeln!(into, "{id},{t}");
        }
    }
    Ok(())
}
