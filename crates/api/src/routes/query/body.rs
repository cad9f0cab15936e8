//! What a query asks, as it is written, checked.

use crate::problem::{Answer, Faults, Kind, Problem};
use crate::sampling::{POINTS_MAX, Span, Where, check_long, check_step, step_of, steps_of};
use model::{Metric, Timestamp};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use store::series::across::{Across, End, Grouping};
use store::series::query::{Put, Query, SAMPLES_MAX};
use store::series::selector::is_name;
use store::series::{Aggregation, Quantile, Selector, SelectorError};

/// Rows where the client does not say.
const ROWS_DEFAULT: u32 = 100;
/// Most rows.
const ROWS_MAX: u32 = 1_000;
/// Most points of all rows together, as of samples of many series.
const POINTS_OF_ALL_MAX: usize = POINTS_MAX * 10;
/// Most labels that are grouped by, or left out.
const LABELS_MAX: usize = 16;
/// From poll to poll, where a step is chosen: few are polled more seldom.
const INTERVAL_SECS: u32 = 60;

/// Which series, which steps of time, and what becomes of them.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryRequest {
    /// Which series: a selector, see the guide to series.
    #[serde(rename = "match")]
    #[schema(max_length = 4096, example = "ifHCInOctets{site=\"lyon\"}")]
    matching: String,
    /// Where the range begins; an hour before its end where it is not given.
    #[serde(default)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[serde(default)]
    to: Option<Timestamp>,
    /// Seconds of a step; where it is not given the range is cut into some 300, none shorter than a
    /// minute.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_622_400)]
    step_secs: Option<u32>,
    /// How the samples of a step become one; rate for counters, avg for gauges and last for states
    /// where it is not given.
    #[serde(default)]
    over: Option<Over>,
    /// What becomes of the series; where it is not given each is a row, in the order in which they
    /// were registered.
    #[serde(default)]
    across: Option<AcrossSeries>,
    /// Rows, 1 to 1000; where it is not given 100, or as many as have 110,000 points together.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// How the samples of a step become one.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueryOver)]
pub(crate) struct Over {
    /// The aggregation.
    op: OverOp,
    /// The share of a quantile, 0 to 1.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    q: Option<f64>,
}

/// An aggregation over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = QueryOverOp)]
pub(crate) enum OverOp {
    /// The mean of the samples.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The sum of the samples.
    Sum,
    /// How many samples there are.
    Count,
    /// The latest.
    Last,
    /// Increase per second of a counter.
    Rate,
    /// Increase of a counter.
    Increase,
    /// By how much a gauge changed, up or down.
    Delta,
    /// A quantile of the samples, between the two nearest by a straight line.
    Quantile,
    /// The standard deviation of the samples.
    Stddev,
}

/// What becomes of the series.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueryAcross)]
pub(crate) struct AcrossSeries {
    /// The aggregation.
    op: AcrossOp,
    /// The share of a quantile, 0 to 1.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    q: Option<f64>,
    /// How many of each group, of topk and bottomk.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    k: Option<u32>,
    /// Series with the same values of these labels are a group; all are one where neither this nor
    /// `without` is given.
    #[serde(default)]
    #[schema(max_items = 16)]
    by: Option<Vec<String>>,
    /// Series with the same values of all labels but these are a group.
    #[serde(default)]
    #[schema(max_items = 16)]
    without: Option<Vec<String>>,
}

/// An aggregation across series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = QueryAcrossOp)]
pub(crate) enum AcrossOp {
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The sum.
    Sum,
    /// How many have a value.
    Count,
    /// The standard deviation.
    Stddev,
    /// A quantile, between the two nearest by a straight line.
    Quantile,
    /// Those with the greatest mean over the range.
    TopK,
    /// Those with the least mean over the range.
    BottomK,
}

/// A query that was checked.
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) step_secs: u32,
}

impl QueryRequest {
    /// The query, or all that is wrong with it. Compiles expressions: call it where blocking is
    /// allowed.
    pub(super) fn check(&self, now: Timestamp, until: Instant) -> Answer<Asked> {
        let mut faults = Faults::default();
        let selector = self.selector(&mut faults);
        let over = self.over.as_ref().and_then(|over| over.check(&mut faults));
        let across = match &self.across {
            None => Some(Put::Each),
            Some(across) => across.check(&mut faults),
        };
        let limit = self.limit.unwrap_or(ROWS_DEFAULT);
        if !(1..=ROWS_MAX).contains(&limit) {
            faults.add("/limit", format!("1 to {ROWS_MAX} rows are answered"));
        }
        faults.into_result()?;
        let span = Span::long(self.from, self.to, now, Where::Body)?;
        check_step(self.step_secs, Where::Body)?;
        let step_secs = self
            .step_secs
            .unwrap_or_else(|| step_of(span, INTERVAL_SECS));
        check_long(span, step_secs, Where::Body)?;
        let (Some(selector), Some(across)) = (selector, across) else {
            return Err(Problem::new(Kind::Invalid, "The query cannot be read."));
        };
        let rows_max = self.rows_max(span, step_secs, &across)?;
        Ok(Asked {
            query: Query {
                selector,
                from: span.from,
                to: span.to,
                step: Duration::from_secs(step_secs.into()),
                over,
                across,
                rows_max,
                samples_max: SAMPLES_MAX,
                until,
            },
            step_secs,
        })
    }

    fn selector(&self, faults: &mut Faults) -> Option<Selector> {
        let selector: Result<Selector, SelectorError> = self.matching.parse();
        let wrong = match &selector {
            Err(error) => Some(error.to_string()),
            Ok(selector) => {
                let unknown = selector.metric().map(Metric::named).and_then(Result::err);
                unknown.map(|error| error.to_string())
            }
        };
        if let Some(detail) = wrong {
            faults.add("/match", detail);
            return None;
        }
        selector.ok()
    }

    /// The rows that may be answered with so many steps, or what would fit.
    fn rows_max(&self, span: Span, step_secs: u32, across: &Put) -> Answer<usize> {
        let steps = steps_of(span, step_secs);
        if steps > POINTS_MAX {
            let least = span.secs().div_ceil(POINTS_MAX as u64 - 1);
            let detail = format!(
                "the range has {steps} steps and at most {POINTS_MAX} are answered: ask for a step \
                 of {least} seconds or a shorter range"
            );
            return Err(Problem::field(Kind::Invalid, "/step_secs", detail));
        }
        let fit = POINTS_OF_ALL_MAX / steps.max(1);
        let Some(limit) = self.limit else {
            return Ok(fit.min(ROWS_DEFAULT as usize));
        };
        let limit = limit as usize;
        let most = match across {
            Put::First { k, grouping, .. } if grouping.is_all() => limit.min(*k),
            Put::Together(_, grouping) if grouping.is_all() => 1,
            _ => limit,
        };
        if most > fit {
            let detail = format!(
                "at most {POINTS_OF_ALL_MAX} points are answered: {fit} rows of {steps} steps fit, \
                 or longer steps"
            );
            return Err(Problem::field(Kind::Invalid, "/limit", detail));
        }
        Ok(limit)
    }
}

impl Over {
    fn check(&self, faults: &mut Faults) -> Option<Aggregation> {
        let q = quantile(self.q, self.op == OverOp::Quantile, "/over/q", faults);
        Some(match self.op {
            OverOp::Avg => Aggregation::Avg,
            OverOp::Min => Aggregation::Min,
            OverOp::Max => Aggregation::Max,
            OverOp::Sum => Aggregation::Sum,
            OverOp::Count => Aggregation::Count,
            OverOp::Last => Aggregation::Last,
            OverOp::Rate => Aggregation::Rate,
            OverOp::Increase => Aggregation::Increase,
            OverOp::Delta => Aggregation::Delta,
            OverOp::Stddev => Aggregation::Stddev,
            OverOp::Quantile => Aggregation::Quantile(q?),
        })
    }
}

impl AcrossSeries {
    fn check(&self, faults: &mut Faults) -> Option<Put> {
        let q = quantile(self.q, self.op == AcrossOp::Quantile, "/across/q", faults);
        let ranks = matches!(self.op, AcrossOp::TopK | AcrossOp::BottomK);
        let k = match (self.k, ranks) {
            (Some(k), true) if (1..=ROWS_MAX).contains(&k) => Some(k as usize),
            (None, false) => None,
            (_, true) => {
                let detail = format!("topk and bottomk take 1 to {ROWS_MAX}");
                faults.add("/across/k", detail);
                None
            }
            (Some(_), false) => {
                faults.add("/across/k", "it goes with topk and bottomk");
                None
            }
        };
        let grouping = self.grouping(faults);
        let together = |across| grouping.clone().map(|all| Put::Together(across, all));
        let first = |end| {
            let (k, grouping) = k.zip(grouping.clone())?;
            Some(Put::First { k, end, grouping })
        };
        match self.op {
            AcrossOp::Avg => together(Across::Avg),
            AcrossOp::Min => together(Across::Min),
            AcrossOp::Max => together(Across::Max),
            AcrossOp::Sum => together(Across::Sum),
            AcrossOp::Count => together(Across::Count),
            AcrossOp::Stddev => together(Across::Stddev),
            AcrossOp::Quantile => together(Across::Quantile(q?)),
            AcrossOp::TopK => first(End::Top),
            AcrossOp::BottomK => first(End::Bottom),
        }
    }

    fn grouping(&self, faults: &mut Faults) -> Option<Grouping> {
        let (place, names) = match (&self.by, &self.without) {
            (None, None) => return Some(Grouping::all()),
            (Some(by), None) => ("by", by),
            (None, Some(without)) => ("without", without),
            (Some(_), Some(_)) => {
                faults.add("/across/without", "it does not go with by");
                return None;
            }
        };
        if names.len() > LABELS_MAX {
            let detail = format!("at most {LABELS_MAX} labels are taken");
            faults.add(format!("/across/{place}"), detail);
            return None;
        }
        let mut sound = true;
        for (n, name) in names.iter().enumerate() {
            if !is_name(name) {
                let detail = "a name of a label has letters, digits and _, no digit first";
                faults.add(format!("/across/{place}/{n}"), detail);
                sound = false;
            }
        }
        let names: BTreeSet<String> = names.iter().cloned().collect();
        sound.then_some(if place == "by" {
            Grouping::By(names)
        } else {
            Grouping::Without(names)
        })
    }
}

/// The share of a quantile, where it is one.
fn quantile(
    share: Option<f64>,
    is_one: bool,
    pointer: &str,
    faults: &mut Faults,
) -> Option<Quantile> {
    let quantile = share.and_then(Quantile::new);
    match (is_one, share) {
        (true, _) if quantile.is_none() => {
            faults.add(pointer, "a quantile takes a share from 0 to 1");
        }
        (false, Some(_)) => faults.add(pointer, "it goes with quantile"),
        _ => {}
    }
    quantile
}
