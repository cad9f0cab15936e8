//! When limits are reached: the series that have one, ranked, and what would be if.

use super::devices::list::belongs;
use super::series;
use crate::auth::gate::{App, Granted, permit};
use crate::foresight::input::{self, Grain};
use crate::foresight::limit::{self, Days, limit_of};
use crate::foresight::subject::Subject;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::sampling::not_read;
use axum::Json;
use model::forecast::{CapacityOf, ForecastHead, LimitKind, Outlook};
use model::{DeviceId, InterfaceId, Metric, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The greatest factor that is asked for, and its inverse the least.
const FACTOR_MAX: f64 = 1_000.0;
/// Most links that are added.
const LINKS_MAX: u32 = 64;

/// The routes under `/capacity`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(what_if))
}

/// A series with a limit, and when that is reached.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CapacityItem {
    /// What it is of.
    #[serde(flatten)]
    subject: Subject,
    /// What limits it.
    limit_kind: LimitKind,
    /// The limit in the unit of the series.
    limit: f64,
    /// The outlook that it is ranked by; null where nothing is told.
    outlook: Option<Outlook>,
    /// All of them: mean, 95th percentile and peak of its days, each for both thresholds.
    outlooks: Vec<Outlook>,
    /// Why there are none, in one sentence.
    reason: Option<String>,
    /// When that was computed.
    made_at: Timestamp,
}

/// Which series, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct CapacityQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// expected_at (the soonest first), used or device; with a leading `-` the other way. What is not expected
    /// to be reached comes last.
    sort: Option<String>,
    /// Which number of a day ranks; p95 where it is not given.
    #[param(inline)]
    of: Option<CapacityOf>,
    /// Which of the server's thresholds ranks; the higher where it is not given.
    #[param(inline)]
    threshold: Option<Threshold>,
    /// Only those that are expected within so many days, 1 to 366.
    #[param(minimum = 1, maximum = 366)]
    within_days: Option<u32>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Only of this interface.
    interface_id: Option<InterfaceId>,
    /// Only of devices of these sites, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    site: OneOf<String>,
    /// Only of devices with any of these tags, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    tag: OneOf<String>,
    /// Only of these metrics, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    metric: OneOf<Metric>,
}

/// One of the server's thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CapacityThreshold)]
pub(crate) enum Threshold {
    /// The lower.
    Warning,
    /// The higher.
    #[default]
    Critical,
}

/// Lists when limits are reached, the soonest first.
#[utoipa::path(get, path = "/capacity", tag = "foresight", operation_id = "list_capacity",
    params(CapacityQuery),
    responses((status = 200, description = "A page of series with a limit.", body = Page<CapacityItem>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<CapacityQuery>,
) -> Answer<Json<Page<CapacityItem>>> {
    let sort = sort_field(query.sort.as_deref(), &["expected_at", "used", "device"])?;
    let filters = format!(
        "{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
        query.of,
        query.threshold,
        query.within_days,
        query.device_id,
        query.interface_id,
        query.site,
        query.tag,
        query.metric
    );
    if query
        .within_days
        .is_some_and(|days| !(1..=366).contains(&days))
    {
        let detail = "1 to 366 days are looked at";
        return Err(Problem::field(Kind::BadQuery, "?within_days", detail));
    }
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let field = sort.0.to_owned();
    let services = granted.services().clone();
    let work = move || {
        let ground = services.ground();
        let [warning, critical] = ground.thresholds;
        let threshold = match query.threshold.unwrap_or_default() {
            Threshold::Warning => warning,
            Threshold::Critical => critical,
        };
        let ranks = (query.of.unwrap_or(CapacityOf::P95), threshold);
        let until = query.within_days.map(|days| {
            let within = Duration::from_hours(24) * days;
            services.clock.now().plus(within)
        });
        let rows = services
            .store
            .forecasts
            .heads()
            .into_iter()
            .filter_map(|head| {
                if query.device_id.is_some_and(|id| id != head.device_id) {
                    return None;
                }
                let item = item(&head, ranks, Subject::of(&ground, head.series_id)?)?;
                let of_interface = query
                    .interface_id
                    .is_none_or(|id| item.subject.interface_id == Some(id));
                let expected_at = item.outlook.and_then(|outlook| outlook.expected_at);
                let is_soon = until.is_none_or(|until| expected_at.is_some_and(|at| at <= until));
                if !of_interface || !is_soon || !query.metric.takes(&item.subject.metric) {
                    return None;
                }
                if !(query.site.0.is_empty() && query.tag.0.is_empty()) {
                    let record = services.store.inventory.device(head.device_id)?;
                    if !belongs(&record.device.body, &query.site, &query.tag) {
                        return None;
                    }
                }
                let key = match field.as_str() {
                    "used" => Key::measured(item.outlook.map(|outlook| outlook.used), 1e9),
                    "device" => Key::text(&item.subject.device_name),
                    _ => Key::maybe_number(expected_at.map(Timestamp::unix_ms)),
                };
                Some(((key, head.series_id.to_string()), item))
            });
        paging.take(rows)
    };
    granted.state().blocking(work).await.map(Json)
}

fn item(head: &ForecastHead, ranks: (CapacityOf, f64), subject: Subject) -> Option<CapacityItem> {
    let capacity = head.capacity.clone()?;
    let outlooks = capacity.outlooks;
    let ranked = outlooks
        .iter()
        .find(|one| one.of == ranks.0 && (one.threshold - ranks.1).abs() < 1e-9);
    Some(CapacityItem {
        subject,
        limit_kind: capacity.limit_kind,
        limit: capacity.limit,
        outlook: ranked.copied(),
        outlooks,
        reason: capacity.reason,
        made_at: head.made_at,
    })
}

/// What is supposed.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhatIfQuery {
    /// What is carried or used grows at once by this factor, as 2 for twice as many users; 0.001 to 1000, 1
    /// where it is not given.
    #[param(minimum = 0.001, maximum = 1000)]
    demand_factor: Option<f64>,
    /// It grows so many times as quickly from now on; 0 to 1000, 1 where it is not given.
    #[param(minimum = 0, maximum = 1000)]
    growth_factor: Option<f64>,
    /// The limit is raised by so much, in the unit of the series; none where it is not given.
    #[param(minimum = 0)]
    added_capacity: Option<f64>,
    /// So many links of the same speed take their even share; 0 to 64, none where it is not given. For
    /// interfaces.
    #[param(minimum = 0, maximum = 64)]
    added_links: Option<u32>,
}

/// What would be if.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WhatIf {
    /// What it is of.
    #[serde(flatten)]
    subject: Subject,
    /// What limits it.
    limit_kind: LimitKind,
    /// The limit as it is, in the unit of the series.
    limit: f64,
    /// The limit as it would be.
    limit_then: f64,
    /// When thresholds are reached as it is.
    before: Vec<Outlook>,
    /// When they would be.
    after: Vec<Outlook>,
    /// Why nothing is told, in one sentence; null where something is.
    reason: Option<String>,
}

/// Says when limits would be reached if there were more demand, capacity or links. Nothing is kept.
#[utoipa::path(get, path = "/capacity/{series_id}/what-if", tag = "foresight", operation_id = "get_capacity_what_if",
    params(("series_id" = SeriesId, Path, description = "The series."), WhatIfQuery),
    responses((status = 200, description = "What would be.", body = WhatIf)))]
pub(crate) async fn what_if(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<SeriesId>,
    Query(query): Query<WhatIfQuery>,
) -> Answer<Json<WhatIf>> {
    let services = granted.services();
    let series = series::find(services, id)?;
    let supposed = Supposed::of(&query)?;
    let ground = services.ground();
    let subject = Subject::of(&ground, id).ok_or_else(|| Problem::not_found("series", id))?;
    let now = services.clock.now();
    let until = Some(Instant::now() + services.options.request_timeout);
    let work = move || -> Answer<WhatIf> {
        let Some((limit_kind, limit)) = limit_of(&ground, &series) else {
            let detail = "Nothing is known that limits this series.";
            return Err(Problem::new(Kind::Conflict, detail));
        };
        let how = input::usual(series.key.metric.kind());
        let hours = input::read(&ground, &series, Grain::Hours, how, (now, until));
        let hours = hours.map_err(not_read)?;
        let days = limit::days(&ground, &series, &hours, (now, until)).map_err(not_read)?;
        let limit_then = limit + supposed.added_capacity;
        let thresholds = ground.thresholds;
        let before = limit::capacity((limit_kind, limit), &days, &thresholds, now);
        let (after, reason) = supposed.outlooks(&days, limit_then, &thresholds, now);
        Ok(WhatIf {
            subject,
            limit_kind,
            limit,
            limit_then,
            before: before.outlooks,
            after,
            reason,
        })
    };
    granted.state().query(work).await?.map(Json)
}

/// What is supposed, checked.
#[derive(Clone, Copy, Debug)]
struct Supposed {
    demand: f64,
    growth: f64,
    added_capacity: f64,
    /// Over how many links what is carried is spread.
    links: f64,
}

impl Supposed {
    fn of(query: &WhatIfQuery) -> Answer<Self> {
        let refuse = |name: &str, detail: String| {
            Err(Problem::field(Kind::BadQuery, format!("?{name}"), detail))
        };
        let demand = query.demand_factor.unwrap_or(1.0);
        if !(1.0 / FACTOR_MAX..=FACTOR_MAX).contains(&demand) {
            let detail = format!("{} to {FACTOR_MAX} times are taken", 1.0 / FACTOR_MAX);
            return refuse("demand_factor", detail);
        }
        let growth = query.growth_factor.unwrap_or(1.0);
        if !(0.0..=FACTOR_MAX).contains(&growth) {
            return refuse(
                "growth_factor",
                format!("0 to {FACTOR_MAX} times are taken"),
            );
        }
        let added_capacity = query.added_capacity.unwrap_or(0.0);
        if !(added_capacity.is_finite() && added_capacity >= 0.0) {
            return refuse("added_capacity", "a number from 0 is expected".to_owned());
        }
        let links = query.added_links.unwrap_or(0);
        if links > LINKS_MAX {
            return refuse(
                "added_links",
                format!("at most {LINKS_MAX} links are added"),
            );
        }
        Ok(Self {
            demand,
            growth,
            added_capacity,
            links: f64::from(links) + 1.0,
        })
    }

    /// The outlooks where days had been so; else why there are none.
    fn outlooks(
        self,
        days: &Days,
        limit: f64,
        thresholds: &[f64],
        now: Timestamp,
    ) -> (Vec<Outlook>, Option<String>) {
        let (mut outlooks, mut reason) = (Vec::new(), None);
        for of in CapacityOf::ALL {
            let values: Vec<f64> = days
                .of(of)
                .iter()
                .map(|value| value * self.demand / self.links)
                .collect();
            for &threshold in thresholds {
                match limit::outlook(of, &values, (limit, threshold), now) {
                    Ok(outlook) => outlooks.push(self.grown(outlook, now)),
                    Err(why) => reason = Some(why),
                }
            }
        }
        if !outlooks.is_empty() {
            reason = None;
        }
        (outlooks, reason)
    }

    /// An outlook where growth is so many times as quick: all is so many times as near.
    fn grown(self, outlook: Outlook, now: Timestamp) -> Outlook {
        let nearer = |at: Option<Timestamp>| {
            let left = at?.since(now);
            if left.is_zero() {
                return Some(now);
            }
            if self.growth <= 0.0 {
                return None;
            }
            let days = left.as_secs_f64() / 86_400.0 / self.growth;
            (days <= 366.0).then(|| now.plus(Duration::from_secs_f64(days * 86_400.0)))
        };
        Outlook {
            expected_at: nearer(outlook.expected_at),
            earliest_at: nearer(outlook.earliest_at),
            latest_at: nearer(outlook.latest_at),
            growth_a_day: (1.0 + outlook.growth_a_day).powf(self.growth) - 1.0,
            ..outlook
        }
    }
}
