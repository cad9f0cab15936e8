//! Series: what is measured, and under which id it is asked for.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, Place};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{PathId, Query};
use crate::services::Services;
use axum::Json;
use model::metric::Kind as MetricKind;
use model::series::{NETWORK, Series};
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId};
use serde::{Deserialize, Serialize};

/// A series.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Series)]
pub(crate) struct SeriesResource {
    /// The id.
    id: SeriesId,
    /// What is measured: the name of the MIB object or of the field.
    metric: Metric,
    /// Base unit: octets, seconds, ratio, ...; empty for a state.
    unit: &'static str,
    /// How its values behave.
    kind: MetricKind,
    /// Which of the metric's series it is; `device_id` and `vantage` unless it is of the whole
    /// network, `interface_id` and `interface` where it is an interface's.
    labels: Labels,
}

impl SeriesResource {
    pub(crate) fn of(series: Series) -> Self {
        let key = series.key;
        Self {
            id: series.id,
            metric: key.metric,
            unit: key.metric.unit(),
            kind: key.metric.kind(),
            labels: if key.device_id == NETWORK {
                key.labels
            } else {
                key.labels.with("device_id", key.device_id.to_string())
            },
        }
    }
}

/// Which series, and how they are paged; in the order of their devices, then of their ids.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeriesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Only of this interface.
    interface_id: Option<InterfaceId>,
    /// Only of these metrics, with commas between.
    #[param(value_type = Option<String>, example = "ifHCInOctets,ifHCOutOctets")]
    metric: Option<String>,
}

/// Lists series.
#[utoipa::path(get, path = "/series", tag = "series", operation_id = "list_series",
    params(SeriesQuery),
    responses((status = 200, description = "A page of series.", body = Page<SeriesResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<SeriesQuery>,
) -> Answer<Json<Page<SeriesResource>>> {
    let metrics = metrics(query.metric.as_deref())?;
    let filters = format!("{:?}{:?}{metrics:?}", query.device_id, query.interface_id);
    let paging = Paging::new(
        query.limit,
        query.cursor.as_deref(),
        ("device", false),
        &filters,
    )?;
    let services = granted.services();
    let mut devices = devices(services, &query);
    // 10,000 devices have millions of series: only those of the page are looked at.
    if let Some((Key::Text(device), _)) = paging.after() {
        devices.retain(|id| id.to_string() >= *device);
    }
    let store = services.series.clone();
    let interface = query.interface_id;
    let wanted = move |series: &Series| {
        (metrics.is_empty() || metrics.contains(&series.key.metric))
            && interface.is_none_or(|id| series.key.labels.interface_id() == Some(id))
    };
    let work = move || {
        let rows = devices
            .into_iter()
            .flat_map(|device| {
                let mut series = store.series_of(device);
                series.retain(&wanted);
                series.sort_by_key(|series| series.id);
                series
            })
            .map(|series| (place(&series), SeriesResource::of(series)));
        paging.take_sorted(rows)
    };
    granted.state().blocking(work).await.map(Json)
}

/// Reads a series.
#[utoipa::path(get, path = "/series/{series_id}", tag = "series", operation_id = "get_series",
    params(("series_id" = SeriesId, Path, description = "The series.")),
    responses((status = 200, description = "The series.", body = SeriesResource)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<SeriesId>,
) -> Answer<Json<SeriesResource>> {
    find(granted.services(), id).map(|series| Json(SeriesResource::of(series)))
}

/// The series, or that there is none.
pub(super) fn find(services: &Services, id: SeriesId) -> Answer<Series> {
    services
        .series
        .series(id)
        .ok_or_else(|| Problem::not_found("series", id))
}

fn place(series: &Series) -> Place {
    (
        Key::Text(series.key.device_id.to_string()),
        series.id.to_string(),
    )
}

/// The devices to look at, by id.
fn devices(services: &Services, query: &SeriesQuery) -> Vec<DeviceId> {
    let inventory = &services.store.inventory;
    let of_interface = query
        .interface_id
        .map(|id| inventory.interface(id).map(|row| row.device_id));
    match (query.device_id, of_interface) {
        (Some(device), Some(owner)) => owner.filter(|owner| *owner == device).into_iter().collect(),
        (None, Some(owner)) => owner.into_iter().collect(),
        (Some(device), None) => vec![device],
        (None, None) => {
            let mut all: Vec<DeviceId> = inventory
                .devices()
                .iter()
                .map(|record| record.device.body.id)
                .collect();
            all.push(NETWORK);
            all.sort();
            all
        }
    }
}

fn metrics(text: Option<&str>) -> Answer<Vec<Metric>> {
    text.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            Metric::named(name)
                .map_err(|error| Problem::field(Kind::BadQuery, "?metric", error.to_string()))
        })
        .collect()
}
