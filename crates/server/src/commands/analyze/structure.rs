//! `foretell analyze structure`: seasons of series, where they change, and where they go.

use super::each::{Refusal, Series, series};
use super::series::{Id, Values};
use crate::cli::OfSeries;
use crate::exit::Exit;
use analytics::change::change_points;
use analytics::gaps::filled;
use analytics::season::seasons;
use analytics::trend::{Direction, trend};
use serde::Deserialize;
use serde_json::json;

/// The fewest values of which anything is told.
const VALUES_MIN: usize = 8;

#[derive(Deserialize)]
struct Line {
    id: Id,
    y: Values,
}

impl Series for Line {
    fn id(&self) -> &Id {
        &self.id
    }
}

/// Runs it.
pub(super) fn run(asked: &OfSeries) -> anyhow::Result<Exit> {
    series("structure", None, asked, answer)
}

fn answer(line: &Line, into: &mut String) -> Result<(), Refusal> {
    let values = filled(&line.y.0);
    if values.len() < VALUES_MIN {
        let text = format!(
            "{} values are known, and {VALUES_MIN} are needed",
            values.len()
        );
        return Err(Refusal::Untellable(text));
    }
    // Places are told as in the series that was given, which may begin with missing values.
    let before = line
        .y
        .0
        .iter()
        .take_while(|value| !value.is_finite())
        .count();
    let seasons = seasons(&values);
    let changes = change_points(&values, &seasons);
    let trend = match trend(&values, &seasons, &changes).direction {
        Direction::Up => "up",
        Direction::Down => "down",
        Direction::None => "none",
    };
    let changes: Vec<usize> = changes.iter().map(|place| place + before).collect();
    let told = json!({
        "id": line.id.0, "periods": seasons, "change_points": changes, "trend": trend,
    });
    into.push_str(&told.to_string());
    into.push('\n');
    Ok(())
}
