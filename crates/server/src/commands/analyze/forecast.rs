//! `foretell analyze forecast`: what comes of series, with bands.

use super::each::{Refusal, Series, series};
use super::output::field;
use super::series::{Id, Seasons, Values};
use crate::cli::OfSeries;
use crate::exit::Exit;
use analytics::forecast::{HORIZON_MAX, Unforecastable, VALUES_MAX, forecast};
use analytics::gaps::filled;
use analytics::season::seasons;
use serde::Deserialize;
use std::fmt::Write as _;

/// The shares of the bands: the columns of the output.
const COVERAGES: [f64; 2] = [0.8, 0.95];

#[derive(Deserialize)]
struct Line {
    id: Id,
    y: Values,
    horizon: usize,
    season: Option<Seasons>,
}

impl Series for Line {
    fn id(&self) -> &Id {
        &self.id
    }
}

/// Runs it.
pub(super) fn run(asked: &OfSeries) -> anyhow::Result<Exit> {
    let header = "series_id,step,mean,lo80,hi80,lo95,hi95";
    series("forecast", Some(header), asked, answer)
}

fn answer(line: &Line, into: &mut String) -> Result<(), Refusal> {
    let values = &line.y.0;
    let seasons = if let Some(seasons) = &line.season {
        seasons.0.clone()
    } else {
        let recent = values.len().saturating_sub(VALUES_MAX);
        seasons(&filled(values.get(recent..).unwrap_or_default()))
    };
    let told = forecast(values, &seasons, line.horizon, &COVERAGES);
    let told = told.map_err(|error| match error {
        Unforecastable::Horizon(_) => {
            Refusal::Wrong(format!("a horizon is 1 to {HORIZON_MAX} steps"))
        }
        _ => Refusal::Untellable(error.to_string()),
    })?;
    let id = field(&line.id.0);
    for (place, median) in told.median.iter().enumerate() {
        let _ = write!(into, "{id},{},{median}", place + 1);
        for band in &told.bands {
            let bounds = band.lower.get(place).zip(band.upper.get(place));
            let (lower, upper) = bounds.unwrap_or((median, median));
            let _ = write!(into, ",{lower},{upper}");
        }
        into.push('\n');
    }
    Ok(())
}
