//! Series: what is measured, and under which id it is asked for.

pub(super) mod cardinality;
mod select;

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, Place, sort_field};
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

/// Which series, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeriesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// device (by device, then in the order they were registered); with `device_id` or
    /// `interface_id` also metric or interface; with a leading `-` the other way.
    sort: Option<String>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Only of this interface.
    interface_id: Option<InterfaceId>,
    /// Only of these metrics, with commas between.
    #[param(value_type = Option<String>, example = "ifHCInOctets,ifHCOutOctets")]
    metric: Option<String>,
    /// Only those that this selector means, by their labels and those of their devices and interfaces;
    /// see the guide to series. Goes with `limit` and `cursor` only, and is by id.
    #[serde(rename = "match")]
    #[param(
        max_length = 4096,
        example = "ifHCInOctets{site=\"lyon\",interface=~\"eth.*\"}"
    )]
    matching: Option<String>,
}

/// Lists series.
#[utoipa::path(get, path = "/series", tag = "series", operation_id = "list_series",
    params(SeriesQuery),
    responses((status = 200, description = "A page of series.", body = Page<SeriesResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<SeriesQuery>,
) -> Answer<Json<Page<SeriesResource>>> {
    if let Some(text) = &query.matching {
        return select::list(&granted, text, &query).await;
    }
    let metrics = metrics(query.metric.as_deref())?;
    let filters = format!("{:?}{:?}{metrics:?}", query.device_id, query.interface_id);
    let (field, descending) = sort(&query)?;
    let field = field.to_owned();
    let paging = Paging::new(
        query.limit,
        query.cursor.as_deref(),
        (&field, descending),
        &filters,
    )?;
    let services = granted.services();
    let mut devices = devices(services, &query);
    if descending {
        devices.reverse();
    }
    // 10,000 devices have millions of series: only those of the page are looked at.
    let by_device = field == DEVICE;
    if let Some((Key::Text(device), _)) = paging.after().filter(|_| by_device) {
        devices.retain(|id| (id.to_string() >= *device) != descending || id.to_string() == *device);
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
                if descending {
                    series.reverse();
                }
                series
            })
            .map(|series| (place(&series, &field), SeriesResource::of(series)));
        if by_device {
            paging.take_sorted(rows)
        } else {
            paging.take(rows)
        }
    };
    granted.state().blocking(work).await.map(Json)
}

const DEVICE: &str = "device";

/// What is sorted by. All series of a network are never looked at for one page, so that other orders
/// than their own go with one device.
fn sort(query: &SeriesQuery) -> Answer<(&str, bool)> {
    let (field, descending) = sort_field(query.sort.as_deref(), &[DEVICE, "metric", "interface"])?;
    let one = query.device_id.is_some() || query.interface_id.is_some();
    if field == DEVICE || one {
        return Ok((field, descending));
    }
    Err(Problem::field(
        Kind::BadQuery,
        "?sort",
        format!("`{field}` goes with device_id or interface_id: a network has millions of series"),
    ))
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

fn place(series: &Series, field: &str) -> Place {
    let key = match field {
        "metric" => Key::text(series.key.metric.name()),
        "interface" => {
            let name = series.key.labels.0.get(Labels::INTERFACE);
            Key::maybe_text(name.map(String::as_str))
        }
        _ => Key::Text(series.key.device_id.to_string()),
    };
    (key, series.id.to_string())
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
