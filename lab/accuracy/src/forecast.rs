//! Scores of forecasts: errors in percent and by the series' own scale, how wide bands are and how often they
//! hold, each beside what naive forecasts get.
//!
//! MASE: Hyndman and Koehler, "Another look at measures of forecast accuracy", International Journal of
//! Forecasting 22 (2006). sMAPE, OWA, MSIS and coverage: Makridakis, Spiliotis and Assimakopoulos, "The M4
//! Competition", the same 36 (2020); MSIS after Gneiting and Raftery, "Strictly Proper Scoring Rules", JASA 102
//! (2007), of which is also that twice the mean loss of quantiles comes near to the continuous ranked
//! probability score. Geometric means of ratios: Fleming and Wallace, "How not to lie with statistics",
//! Communications of the ACM 29 (1986).

use crate::naive::{naive2, seasonal};
use crate::number::{count, mean, median};
use crate::read::{Table, json_lines, with_gaps};
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The share outside of the band that MSIS is of: what is outside costs 2 over it.
const OUTSIDE: f64 = 0.05;
/// What a series that never changes is scaled by.
const SCALE_LEAST: f64 = 1e-9;
/// The least error that a ratio is taken of.
const RATIO_LEAST: f64 = 1e-3;

#[derive(Deserialize)]
struct Task {
    id: String,
    season: Vec<usize>,
    y: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Truth {
    id: String,
    actual: Vec<Option<f64>>,
}

/// A forecast of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The middle, step by step.
    pub middle: Vec<f64>,
    /// Quantiles with their shares, the middle left out.
    pub quantiles: Vec<(f64, Vec<f64>)>,
    /// Lower and upper bounds of 80 %.
    pub band80: Option<(Vec<f64>, Vec<f64>)>,
    /// Lower and upper bounds of 95 %.
    pub band95: Option<(Vec<f64>, Vec<f64>)>,
}

/// The scores of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    smape: f64,
    mase: f64,
    naive2_smape: f64,
    naive2_mase: f64,
    seasonal_mase: f64,
    held80: Option<f64>,
    held95: Option<f64>,
    interval: Option<f64>,
    quantile_loss: Option<f64>,
}

/// Scores a file of answers. `period` is the season of naive forecasts and of the scale, in steps; where it is
/// none, the first season of each series is (the competition has 24 for hours and 1 for weeks).
pub fn score(
    input: &Path,
    truth: &Path,
    answers: &Path,
    period: Option<usize>,
    by_group: bool,
) -> anyhow::Result<Value> {
    let tasks: Vec<Task> = json_lines(input)?;
    let truth: Vec<Truth> = json_lines(truth)?;
    let truth: BTreeMap<String, Vec<f64>> = truth
        .into_iter()
        .map(|line| (line.id, with_gaps(&line.actual)))
        .collect();
    let answers = read_answers(&Table::read(answers)?)?;
    let mut scored: Vec<(String, Scored)> = Vec::with_capacity(tasks.len());
    for task in tasks {
        let came = truth
            .get(&task.id)
            .with_context(|| format!("no truth of {}", task.id))?;
        let answer = answers.get(&task.id);
        let answer = answer.filter(|answer| answer.middle.len() == came.len());
        let answer = answer.with_context(|| format!("missing or short forecast of {}", task.id))?;
        let period = period.or(task.season.first().copied()).unwrap_or(1).max(1);
        let past = with_gaps(&task.y);
        ensure!(!past.is_empty(), "{} has no past", task.id);
        scored.push((group(&task.id).to_owned(), of(&past, came, answer, period)));
    }
    ensure!(!scored.is_empty(), "there is no series");
    let all: Vec<&Scored> = scored.iter().map(|(_, scored)| scored).collect();
    let mut told = told(&all);
    if by_group {
        let mut groups: BTreeMap<&str, Vec<&Scored>> = BTreeMap::new();
        for (group, scored) in &scored {
            groups.entry(group).or_default().push(scored);
        }
        let groups = groups
            .into_iter()
            .map(|(name, of)| (name.to_owned(), self::told(&of).into()));
        told.insert("groups".to_owned(), Value::Object(groups.collect()));
    }
    Ok(told.into())
}

/// What a series is of, by its name: what is before the first mark in it.
fn group(id: &str) -> &str {
    id.split(['@', '_', '-']).next().unwrap_or(id)
}

/// The scores of one series.
pub fn of(past: &[f64], came: &[f64], answer: &Answer, period: usize) -> Scored {
    let scale = scale(past, period);
    let naive2 = naive2(past, came.len(), period);
    let seasonal = seasonal(past, came.len(), period);
    let mut scored = Scored {
        smape: smape(came, &answer.middle),
        mase: absolute(came, &answer.middle) / scale,
        naive2_smape: smape(came, &naive2),
        naive2_mase: absolute(came, &naive2) / scale,
        seasonal_mase: absolute(came, &seasonal) / scale,
        ..Scored::default()
    };
    let mut quantiles = vec![(0.5, &answer.middle)];
    if let Some((low, high)) = &answer.band95 {
        scored.held95 = Some(held(came, low, high));
        let widths = came.iter().zip(low).zip(high).map(|((came, low), high)| {
            high - low + 2.0 / OUTSIDE * ((low - came).max(0.0) + (came - high).max(0.0))
        });
        scored.interval = Some(mean(&widths.collect::<Vec<f64>>()) / scale);
        quantiles.extend([(0.025, low), (0.975, high)]);
    }
    if let Some((low, high)) = &answer.band80 {
        scored.held80 = Some(held(came, low, high));
        quantiles.extend([(0.1, low), (0.9, high)]);
    }
    quantiles.extend(
        answer
            .quantiles
            .iter()
            .map(|(share, values)| (*share, values)),
    );
    if quantiles.len() > 1 {
        let losses = quantiles.iter().map(|(share, values)| {
            let loss = came.iter().zip(*values).map(|(came, value)| {
                let over = came - value;
                2.0 * (share * over).max((share - 1.0) * over)
            });
            mean(&loss.collect::<Vec<f64>>())
        });
        scored.quantile_loss = Some(mean(&losses.collect::<Vec<f64>>()) / scale);
    }
    scored
}

/// The mean change over a season, which errors are measured by.
fn scale(past: &[f64], period: usize) -> f64 {
    let over = |lag: usize| {
        let changes = past
            .iter()
            .skip(lag)
            .zip(past)
            .map(|(later, earlier)| (later - earlier).abs());
        mean(&changes.collect::<Vec<f64>>())
    };
    let scale = over(if past.len() > period { period } else { 1 });
    let scale = if scale > 0.0 { scale } else { over(1) };
    if scale == 0.0 { SCALE_LEAST } else { scale }
}

fn absolute(came: &[f64], middle: &[f64]) -> f64 {
    mean(
        &came
            .iter()
            .zip(middle)
            .map(|(came, middle)| (came - middle).abs())
            .collect::<Vec<f64>>(),
    )
}

/// In percent, of the mean of what came and what was expected; 0 where both are nought.
fn smape(came: &[f64], middle: &[f64]) -> f64 {
    let error = |(came, middle): (&f64, &f64)| match came.abs() + middle.abs() {
        0.0 => 0.0,
        size => (came - middle).abs() / size,
    };
    200.0 * mean(&came.iter().zip(middle).map(error).collect::<Vec<f64>>())
}

fn held(came: &[f64], low: &[f64], high: &[f64]) -> f64 {
    let pairs = came.iter().zip(low).zip(high);
    count(
        pairs
            .filter(|((came, low), high)| *came >= *low && *came <= *high)
            .count(),
    ) / count(came.len())
}

/// A score that not every series has.
type Column = fn(&Scored) -> Option<f64>;

fn told(scored: &[&Scored]) -> Map<String, Value> {
    let column =
        |of: fn(&Scored) -> f64| scored.iter().map(|of_one| of(of_one)).collect::<Vec<f64>>();
    let smape = mean(&column(|series| series.smape));
    let mases = column(|series| series.mase);
    let mase = mean(&mases);
    let (naive2_smape, naive2_mase) = (
        mean(&column(|series| series.naive2_smape)),
        mean(&column(|series| series.naive2_mase)),
    );
    let seasonal_mase = mean(&column(|series| series.seasonal_mase));
    let geometric = |other: fn(&Scored) -> f64| {
        let logs = column(other).into_iter().zip(&mases);
        let logs = logs.map(|(other, mase)| (mase.max(RATIO_LEAST) / other.max(RATIO_LEAST)).ln());
        mean(&logs.collect::<Vec<f64>>()).exp()
    };
    let mut told = Map::new();
    let mut tell = |name: &str, value: f64| told.insert(name.to_owned(), json!(value));
    tell("sMAPE", smape);
    tell("MASE", mase);
    tell(
        "OWA_vs_Naive2",
        f64::midpoint(smape / naive2_smape, mase / naive2_mase),
    );
    tell("median_MASE", median(&mases));
    tell(
        "gmean_rel_MASE_vs_sNaive",
        geometric(|series| series.seasonal_mase),
    );
    tell(
        "gmean_rel_MASE_vs_Naive2",
        geometric(|series| series.naive2_mase),
    );
    tell("rel_MASE_vs_sNaive", mase / seasonal_mase);
    tell("Naive2_sMAPE", naive2_smape);
    tell("Naive2_MASE", naive2_mase);
    tell("sNaive_MASE", seasonal_mase);
    let columns: [(&str, Column); 4] = [
        ("cov80", |series| series.held80),
        ("cov95", |series| series.held95),
        ("msis", |series| series.interval),
        ("crps", |series| series.quantile_loss),
    ];
    for (name, of) in columns {
        let there: Vec<f64> = scored.iter().filter_map(|series| of(series)).collect();
        if !there.is_empty() {
            tell(name, mean(&there));
        }
    }
    told.insert("series".to_owned(), json!(scored.len()));
    told
}

/// Forecasts by the id of their series, each in the order of its steps.
fn read_answers(table: &Table) -> anyhow::Result<BTreeMap<String, Answer>> {
    let (ids, steps) = (table.texts("series_id")?, table.numbers("step")?);
    let middle = table.numbers("mean")?;
    let column = |name: &str| table.has(name).then(|| table.numbers(name)).transpose();
    let bounds = [
        column("lo80")?,
        column("hi80")?,
        column("lo95")?,
        column("hi95")?,
    ];
    let mut quantiles = Vec::new();
    for name in table.names() {
        let digits = name.strip_prefix('q').unwrap_or_default();
        if !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()) {
            quantiles.push((format!("0.{digits}").parse::<f64>()?, table.numbers(name)?));
        }
    }
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        rows.entry(id).or_default().push(at);
    }
    let answers = rows.into_iter().map(|(id, mut rows)| {
        rows.sort_by(|a, b| steps[*a].total_cmp(&steps[*b]));
        let pick = |column: &[f64]| rows.iter().map(|at| column[*at]).collect::<Vec<f64>>();
        // Bounds count where each step of the series has them.
        let band = |low: &Option<Vec<f64>>, high: &Option<Vec<f64>>| {
            let (low, high) = (pick(low.as_ref()?), pick(high.as_ref()?));
            (!low.iter().any(|low| low.is_nan())).then_some((low, high))
        };
        let answer = Answer {
            middle: pick(&middle),
            quantiles: quantiles
                .iter()
                .map(|(share, values)| (*share, pick(values)))
                .collect(),
            band80: band(&bounds[0], &bounds[1]),
            band95: band(&bounds[2], &bounds[3]),
        };
        (id.to_owned(), answer)
    });
    Ok(answers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    #[test]
    fn scores_are_those_of_hand() {
        // Changes over a period of two: 2, 0, 2. So the scale is 4/3.
        let past = [1.0, 5.0, 3.0, 5.0, 1.0];
        let answer = Answer {
            middle: vec![3.0, 5.0],
            band95: Some((vec![2.0, 4.0], vec![4.0, 6.0])),
            ..Answer::default()
        };
        let scored = of(&past, &[3.0, 8.0], &answer, 2);
        let scale = 4.0 / 3.0;
        near(scored.mase, 1.5 / scale);
        near(scored.smape, 200.0 * (3.0 / 13.0) / 2.0);
        // The season goes on as 5, 1.
        near(scored.seasonal_mase, 4.5 / scale);
        near(scored.held95.unwrap(), 0.5);
        near(
            scored.interval.unwrap(),
            (2.0 + 2.0 + 40.0 * 2.0) / 2.0 / scale,
        );
        // Means over two steps: 3/2 of the middle; lower 0.05 * (1 + 4) / 2; upper 0.05 * 1 / 2 and 1.95 * 2 / 2.
        let losses = [1.5, 0.125, 0.025 + 1.95];
        near(
            scored.quantile_loss.unwrap(),
            losses.iter().sum::<f64>() / 3.0 / scale,
        );
    }

    #[test]
    fn a_series_that_never_changes_has_a_scale() {
        near(scale(&[2.0; 9], 3), SCALE_LEAST);
        // Over a season nothing changes, from step to step something does.
        near(scale(&[1.0, 2.0, 1.0, 2.0], 2), 1.0);
        near(smape(&[0.0, 1.0], &[0.0, 1.0]), 0.0);
    }

    #[test]
    fn groups_are_told_by_names() {
        for (id, of) in [
            ("cesnet103_n_flows@1344", "cesnet103"),
            ("M4-H1", "M4"),
            ("isp", "isp"),
        ] {
            assert_eq!(group(id), of);
        }
    }
}
