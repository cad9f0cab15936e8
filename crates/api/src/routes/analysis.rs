//! What a series' past says: its seasons, where it goes, when it changed; [`patterns`] what comes again, and
//! [`similar`] what moves alike. Computed when it is asked for.

mod patterns;
mod similar;

use super::series;
use crate::auth::gate::{App, Granted, permit};
use crate::foresight::input::{self, Input};
use crate::foresight::subject::Subject;
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::sampling::{Span, Where, not_read};
use analytics::change::change_points;
use analytics::season::seasons;
use analytics::trend::{Direction, trend};
use axum::Json;
use model::{SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The range where none is asked for.
const RANGE_DEFAULT: Duration = Duration::from_hours(24 * 28);
/// Up to this, steps are of five minutes.
const FINE_RANGE_MAX: Duration = Duration::from_hours(48);
/// Up to this, steps are of an hour; of a day beyond.
const HOURS_RANGE_MAX: Duration = Duration::from_hours(24 * 180);
/// The fewest values of which anything is said.
const VALUES_MIN: usize = 8;

/// The routes under `/analysis`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(seasonality))
        .routes(routes!(trend_of))
        .routes(routes!(changes))
        .merge(patterns::routes())
        .merge(similar::routes())
}

/// Which series, and of when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnalysisQuery {
    /// The series.
    series_id: SeriesId,
    /// Where the range begins; 28 days before its end where it is not given, at most 400.
    #[serde(default)]
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[serde(default)]
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
}

/// Of what something is said.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AnalysisGround {
    /// The series.
    #[serde(flatten)]
    subject: Subject,
    /// When the first value begins.
    from: Timestamp,
    /// When the last ends.
    to: Timestamp,
    /// Seconds of a step: 300 for up to 2 days, 3600 for up to 180, 86400 beyond; always 3600 of patterns and
    /// similar series.
    step_secs: u64,
    /// Steps.
    steps: usize,
    /// Of these, those without a value, which were filled as a line.
    missing: usize,
}

/// The seasons of a series.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Seasonality {
    /// Of what it is said.
    #[serde(flatten)]
    ground: AnalysisGround,
    /// What repeats, the shortest first; empty where nothing does.
    seasons: Vec<Season>,
}

/// A season.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Season {
    /// Its length.
    length_secs: u64,
    /// The mean of the values at each step of it, from the first of the range on.
    profile: Vec<f64>,
    /// The part of the variance that its profile explains, 0 to 1.
    explained: f64,
}

/// Where a series goes.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TrendAnswer {
    /// Of what it is said.
    #[serde(flatten)]
    ground: AnalysisGround,
    /// Where it goes.
    direction: TrendDirection,
    /// By how much a day, in the unit of the series; what it seems where it is not believed.
    slope_a_day: f64,
    /// How sure, in standard deviations of no trend: over 3.29 is one in a thousand.
    score: f64,
}

/// Where a series goes.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrendDirection {
    /// Up.
    Up,
    /// Down.
    Down,
    /// Neither, as far as can be told.
    Flat,
}

/// When a series changed.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Changes {
    /// Of what it is said.
    #[serde(flatten)]
    ground: AnalysisGround,
    /// When it changed its level, slope or variance, in order.
    changes: Vec<Change>,
}

/// A change.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesChange)]
pub(crate) struct Change {
    /// From when on it is otherwise.
    at: Timestamp,
    /// The mean from the change before to this one.
    mean_before: f64,
    /// The mean from this one to the next.
    mean_after: f64,
}

/// A series at equal steps without gaps.
struct Whole {
    ground: AnalysisGround,
    values: Vec<f64>,
    step: Duration,
    /// As it was read, with gaps.
    input: Input,
}

/// Finds what repeats in a series.
#[utoipa::path(get, path = "/analysis/seasonality", tag = "foresight", operation_id = "get_seasonality",
    params(AnalysisQuery),
    responses((status = 200, description = "Its seasons.", body = Seasonality)))]
pub(crate) async fn seasonality(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<AnalysisQuery>,
) -> Answer<Json<Seasonality>> {
    let work = |whole: Whole| {
        let found = seasons(&whole.values).into_iter();
        let season = |length: usize| {
            let (profile, explained) = profile(&whole.values, length);
            Season {
                length_secs: whole.step.as_secs() * length as u64,
                profile,
                explained,
            }
        };
        Seasonality {
            seasons: found.map(season).collect(),
            ground: whole.ground,
        }
    };
    analysed(&granted, &query, step_of, work).await.map(Json)
}

/// Tells where a series goes.
#[utoipa::path(get, path = "/analysis/trend", tag = "foresight", operation_id = "get_trend",
    params(AnalysisQuery),
    responses((status = 200, description = "Its trend.", body = TrendAnswer)))]
pub(crate) async fn trend_of(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<AnalysisQuery>,
) -> Answer<Json<TrendAnswer>> {
    let work = |whole: Whole| {
        let found = seasons(&whole.values);
        let changes = change_points(&whole.values, &found);
        let trend = trend(&whole.values, &found, &changes);
        let direction = match trend.direction {
            Direction::Up => TrendDirection::Up,
            Direction::Down => TrendDirection::Down,
            Direction::None => TrendDirection::Flat,
        };
        TrendAnswer {
            direction,
            slope_a_day: trend.slope * 86_400.0 / whole.step.as_secs_f64(),
            score: trend.score,
            ground: whole.ground,
        }
    };
    analysed(&granted, &query, step_of, work).await.map(Json)
}

/// Finds when a series changed.
#[utoipa::path(get, path = "/analysis/changes", tag = "foresight", operation_id = "get_changes",
    params(AnalysisQuery),
    responses((status = 200, description = "Its changes.", body = Changes)))]
pub(crate) async fn changes(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<AnalysisQuery>,
) -> Answer<Json<Changes>> {
    let work = |whole: Whole| {
        let found = seasons(&whole.values);
        let cuts = change_points(&whole.values, &found);
        let ends = cuts.iter().copied().skip(1).chain([whole.values.len()]);
        let begins = [0].into_iter().chain(cuts.iter().copied());
        let mean = |from: usize, to: usize| {
            let part = whole.values.get(from..to).unwrap_or_default();
            part.iter().sum::<f64>() / part.len().max(1) as f64
        };
        let change = |((begin, cut), end): ((usize, usize), usize)| Change {
            at: whole
                .ground
                .from
                .plus(whole.step * u32::try_from(cut).unwrap_or(u32::MAX)),
            mean_before: mean(begin, cut),
            mean_after: mean(cut, end),
        };
        let changes = begins.zip(cuts.iter().copied()).zip(ends).map(change);
        Changes {
            changes: changes.collect(),
            ground: whole.ground,
        }
    };
    analysed(&granted, &query, step_of, work).await.map(Json)
}

/// Reads what was asked for and works on it, where it holds nobody up.
async fn analysed<T: Send + 'static>(
    granted: &Granted<permit::ReadInventory>,
    query: &AnalysisQuery,
    step_of: fn(Duration) -> Duration,
    work: impl FnOnce(Whole) -> T + Send + 'static,
) -> Answer<T> {
    let services = granted.services();
    let series = series::find(services, query.series_id)?;
    if series.key.metric.kind() == model::metric::Kind::State {
        let detail = "A state is one of a few numbers, between which there is nothing.";
        return Err(Problem::field(Kind::BadQuery, "?series_id", detail));
    }
    let now = services.clock.now();
    let span = Span::past(query.from, query.to, now, RANGE_DEFAULT, Where::Query)?;
    let ground = services.ground();
    let subject = Subject::of(&ground, series.id)
        .ok_or_else(|| Problem::not_found("series", query.series_id))?;
    let until = Some(Instant::now() + services.options.request_timeout);
    let step = step_of(span.to.since(span.from));
    let how = input::usual(series.key.metric.kind());
    let range = (
        input::begin_of(span.from, step),
        input::begin_of(span.to, step),
    );
    let read = move || -> Answer<T> {
        let input = input::range(&ground, &series, step, how, range, until).map_err(not_read)?;
        Ok(work(whole(subject, input)?))
    };
    granted.state().query(read).await?
}

/// An hour, whatever the range.
fn hours(_: Duration) -> Duration {
    Duration::from_hours(1)
}

fn step_of(range: Duration) -> Duration {
    if range <= FINE_RANGE_MAX {
        Duration::from_mins(5)
    } else if range <= HOURS_RANGE_MAX {
        Duration::from_hours(1)
    } else {
        Duration::from_hours(24)
    }
}

fn whole(subject: Subject, input: Input) -> Answer<Whole> {
    let known = input.known();
    let steps = input.values.len();
    if known < VALUES_MIN || known * 2 < steps {
        let detail = format!(
            "{known} of {steps} steps are known; {VALUES_MIN} and half of all are needed to say anything."
        );
        return Err(Problem::new(Kind::Conflict, detail));
    }
    Ok(Whole {
        ground: AnalysisGround {
            subject,
            from: input.from,
            to: input.to(),
            step_secs: input.step.as_secs(),
            steps,
            missing: steps - known,
        },
        values: input.filled(),
        step: input.step,
        input,
    })
}

/// The means at each place of a season, and the part of the variance that they explain.
fn profile(values: &[f64], length: usize) -> (Vec<f64>, f64) {
    let length = length.max(1);
    let mut sums = vec![(0.0, 0.0); length];
    for (value, at) in values.iter().zip((0..length).cycle()) {
        if let Some((sum, count)) = sums.get_mut(at) {
            *sum += value;
            *count += 1.0;
        }
    }
    let means: Vec<f64> = sums
        .iter()
        .map(|(sum, count)| sum / f64::max(*count, 1.0))
        .collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mut left, mut all) = (0.0, 0.0);
    for (value, expected) in values.iter().zip(means.iter().cycle()) {
        left += (value - expected).powi(2);
        all += (value - mean).powi(2);
    }
    let explained = if all > 0.0 { 1.0 - left / all } else { 0.0 };
    (
        means,
        if explained.is_finite() {
            explained.clamp(0.0, 1.0)
        } else {
            0.0
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_explains_what_repeats() {
        let saw: Vec<f64> = (0..48).map(|at| f64::from(at % 4)).collect();
        let (means, explained) = profile(&saw, 4);
        assert_eq!(means, [0.0, 1.0, 2.0, 3.0]);
        assert!((explained - 1.0).abs() < 1e-12);
        assert!(profile(&saw, 5).1 < 0.2);
        assert!(profile(&[1.0; 9], 3).1.abs() < 1e-12);
        assert_eq!(profile(&[], 3).0.len(), 3);
    }
}
