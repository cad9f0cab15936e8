//! How good and how dear forecasts, anomalies and advice are. Accuracy is that of `foretell analyze` over the
//! development sets in `../shared`, scored by `lab/accuracy`; cost is that of an example program of the
//! analytics, and of the whole program beside statsforecast's MSTL. What is wanted is in [`rows`], and the tables
//! of docs/accuracy.md are written anew by [`page`].

mod answers;
mod cost;
mod page;
mod rows;

use super::figure::{Outcome, Want};
use rows::{ACCURACY, COST, Row};

pub(super) const PARTS: &[&str] = &["accuracy", "detector", "forecast", "scale", "peer"];

const ROWS: usize = ACCURACY.len() + COST.len();

pub(super) const WANTS: &[Want] = &wants();

const fn wants() -> [Want; ROWS] {
    let mut wants = [COST[0].want(); ROWS];
    let mut at = 0;
    while at < ROWS {
        wants[at] = row(at).want();
        at += 1;
    }
    wants
}

const fn row(at: usize) -> &'static Row {
    if at < ACCURACY.len() {
        &ACCURACY[at]
    } else {
        &COST[at - ACCURACY.len()]
    }
}

/// Runs all parts or one of them, and writes those tables of the page of which all figures are there.
pub(super) fn run(only: Option<&str>) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    for part in PARTS {
        if only.is_none_or(|only| only == *part) {
            eprintln!("==> {part}");
            match *part {
                "accuracy" => answers::measure(&mut outcome)?,
                "detector" => cost::detector(&mut outcome)?,
                "forecast" => cost::forecast(&mut outcome)?,
                "scale" => cost::scale(&mut outcome)?,
                _ => cost::peer(&mut outcome)?,
            }
        }
    }
    cost::day(&mut outcome);
    println!("{}", page::table(ACCURACY, &outcome.figures));
    println!("{}", page::table(COST, &outcome.figures));
    page::write(&outcome.figures)?;
    Ok(outcome)
}
