//! `foretell analyze capacity`: on which day series first exceed their capacity.

use super::each::{Refusal, Series, series};
use super::output::field;
use super::series::{Id, Values};
use crate::cli::Explained;
use crate::exit::Exit;
use analytics::capacity::{Untellable, exhaustion};
use serde::Deserialize;
use std::fmt::Write as _;

/// Days over whose mean a capacity is exceeded.
const CYCLE_DAYS: usize = 7;
/// Days that are looked ahead where nothing is said.
const AHEAD_DAYS: usize = 365;
/// The most.
const AHEAD_DAYS_MAX: usize = 3_660;
const DAY_SECS: f64 = 86_400.0;

#[derive(Deserialize)]
struct Line {
    id: Id,
    y: Values,
    capacity: f64,
    max_days: Option<usize>,
    step_s: Option<f64>,
}

impl Series for Line {
    fn id(&self) -> &Id {
        &self.id
    }
}

/// Runs it.
pub(super) fn run(asked: &Explained) -> anyhow::Result<Exit> {
    let header = if asked.explain {
        "id,hit_day,earliest_day,latest_day,growth_percent_per_week"
    } else {
        "id,hit_day"
    };
    let explain = asked.explain;
    series("capacity", Some(header), &asked.of, |line: &Line, into| {
        answer(line, explain, into)
    })
}

fn answer(line: &Line, explain: bool, into: &mut String) -> Result<(), Refusal> {
    let days = line.max_days.unwrap_or(AHEAD_DAYS);
    if !(1..=AHEAD_DAYS_MAX).contains(&days) {
        let text = format!("max_days is 1 to {AHEAD_DAYS_MAX}");
        return Err(Refusal::Wrong(text));
    }
    if line
        .step_s
        .is_some_and(|step| (step - DAY_SECS).abs() > 1.0)
    {
        return Err(Refusal::Wrong(
            "a value a day is expected: step_s is 86400".to_owned(),
        ));
    }
    let told = exhaustion(&line.y.0, CYCLE_DAYS, line.capacity, days);
    let told = told.map_err(|error| match error {
        Untellable::Limit => Refusal::Wrong("a capacity is a number over 0".to_owned()),
        Untellable::TooFew { .. } => Refusal::Untellable(error.to_string()),
    })?;
    let day = |day: Option<usize>| day.map_or_else(String::new, |day| day.to_string());
    let _ = write!(into, "{},{}", field(&line.id.0), day(told.expected));
    if explain {
        let (earliest, latest) = (day(told.earliest), day(told.latest));
        let _ = write!(into, ",{earliest},{latest},{}", told.growth * 100.0);
    }
    into.push('\n');
    Ok(())
}
