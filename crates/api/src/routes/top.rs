//! The busiest and the worst: interfaces or devices by what was measured over a range.

use super::devices::list::belongs;
use crate::auth::gate::{Granted, permit};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, Query};
use crate::sampling::{Point, Span, Where};
use crate::top::{self, Question, Ranked, Ranking, TopBy, TopOf, TopStatistic};
use crate::turns::Turn;
use axum::Json;
use model::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The range where none is asked for.
const RANGE_DEFAULT: Duration = Duration::from_hours(1);

/// Rows where the client does not say.
const LIMIT_DEFAULT: u32 = 10;
/// Most rows.
const LIMIT_MAX: u32 = 100;

/// The first rows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Top {
    /// By what they are compared.
    by: TopBy,
    /// What is compared.
    of: TopOf,
    /// Which number decides.
    statistic: TopStatistic,
    /// Unit of the numbers: bit/s, ratio, packets/s or seconds.
    unit: &'static str,
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// The rows, the greatest first.
    items: Vec<TopItem>,
    /// How many were compared.
    compared: u64,
    /// How many had no value in the range, and so take no part.
    without_value: u64,
}

/// One row.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TopItem {
    /// The device.
    device_id: DeviceId,
    /// What people call it.
    device_name: String,
    /// The site it belongs to.
    site: Option<String>,
    /// The interface; null where devices are compared.
    interface_id: Option<InterfaceId>,
    /// Its name.
    interface_name: Option<String>,
    /// ifAlias: what an operator typed on the device.
    interface_alias: Option<String>,
    /// Nominal speed of the interface in bit/s.
    speed_bps: Option<u64>,
    /// The number that decides.
    value: f64,
    /// The mean over the range.
    avg: f64,
    /// The 95th percentile of the steps.
    p95: f64,
    /// The greatest of the steps.
    max: f64,
    /// `[unix_ms, value]` in some 60 steps, where `points=true` was asked for; null where it is not
    /// known.
    #[schema(value_type = Option<Vec<(i64, Option<f64>)>>)]
    points: Option<Vec<Point>>,
}

/// What is compared, over which range, of which devices.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopQuery {
    /// By what; in_bps where it is not given.
    #[param(inline)]
    by: Option<TopBy>,
    /// What; interfaces where it is not given.
    #[param(inline)]
    of: Option<TopOf>,
    /// Which number of the range decides; avg where it is not given.
    #[param(inline)]
    statistic: Option<TopStatistic>,
    /// Where the range begins; an hour before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Rows, 1 to 100; 10 where it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Only of devices of these sites, with commas between.
    #[param(value_type = Option<String>)]
    site: OneOf<String>,
    /// Only of devices with any of these tags, with commas between.
    #[param(value_type = Option<String>)]
    tag: OneOf<String>,
    /// Whether each row has some 60 points for a small chart.
    points: Option<bool>,
}

/// Lists the busiest or the worst interfaces or devices over a range.
#[utoipa::path(get, path = "/top", tag = "series", operation_id = "list_top",
    params(TopQuery),
    responses((status = 200, description = "The first rows.", body = Top)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<TopQuery>,
) -> Answer<Json<Arc<Top>>> {
    let services = granted.services();
    let question = check(&query, services.clock.now())?;
    // As long as a query may be, at most.
    let key = format!("{query:?}");
    let state = granted.state();
    let turn = match state.top.turn(&key).await? {
        Turn::Answered(answer) => return Ok(Json(answer)),
        Turn::Yours(turn) => turn,
    };
    let devices: Vec<_> = services
        .store
        .inventory
        .devices()
        .into_iter()
        .filter(|record| belongs(&record.device.body, &query.site, &query.tag))
        .collect();
    let store = services.series.clone();
    let until = Instant::now() + services.options.request_timeout;
    let work = move || {
        // The turn goes with the work: a client that leaves does not make room for another while its
        // work goes on.
        let _turn = turn;
        top::rank(&store, devices, question, until)
    };
    let ranking = state.blocking(work).await??;
    let answer = answer(question, ranking);
    Ok(Json(state.top.answered(key, answer)))
}

fn check(query: &TopQuery, now: Timestamp) -> Answer<Question> {
    let span = Span::past(query.from, query.to, now, RANGE_DEFAULT, Where::Query)?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let refuse = |name: &str, detail: String| {
        Err(Problem::field(Kind::BadQuery, format!("?{name}"), detail))
    };
    if !(1..=LIMIT_MAX).contains(&limit) {
        return refuse("limit", format!("1 to {LIMIT_MAX} rows are answered"));
    }
    let (by, of) = (query.by.unwrap_or_default(), query.of.unwrap_or_default());
    if of == TopOf::Interfaces && !by.is_of_interfaces() {
        return refuse("by", "interfaces do not have it; ask of=devices".to_owned());
    }
    if of == TopOf::Devices && by == TopBy::Utilization {
        return refuse("by", "a device has no speed; ask of=interfaces".to_owned());
    }
    Ok(Question {
        by,
        of,
        statistic: query.statistic.unwrap_or_default(),
        span,
        limit: limit as usize,
        points: query.points == Some(true),
    })
}

fn answer(question: Question, ranking: Ranking) -> Top {
    let item = |row: Ranked| {
        let device = &row.record.device.body;
        let interface = row.interface.as_deref();
        TopItem {
            device_id: device.id,
            device_name: device.name(),
            site: device.typed.site.clone(),
            interface_id: interface.map(|row| row.id),
            interface_name: interface.map(|row| row.name.clone()),
            interface_alias: interface.and_then(|row| row.alias.clone()),
            speed_bps: interface.and_then(|row| row.speed_bps),
            value: row.numbers.of(question.statistic),
            avg: row.numbers.avg,
            p95: row.numbers.p95,
            max: row.numbers.max,
            points: row.points,
        }
    };
    Top {
        by: question.by,
        of: question.of,
        statistic: question.statistic,
        unit: question.by.unit(),
        from: question.span.from,
        to: question.span.to,
        items: ranking.rows.into_iter().map(item).collect(),
        compared: ranking.compared,
        without_value: ranking.without_value,
    }
}
