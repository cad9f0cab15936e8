//! How many series there are, and of what.

use crate::auth::gate::{Granted, permit};
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::services::Services;
use axum::Json;
use model::DeviceId;
use serde::{Deserialize, Serialize};
use store::series::SERIES_PER_DEVICE_MAX;
use store::series::cardinality::{Cardinality, DeviceCount, LabelCount, MetricCount};

/// Devices where the client does not say.
const TOP_DEFAULT: u32 = 10;
/// Most devices.
const TOP_MAX: u32 = 100;
/// Most labels; there are a dozen names.
const LABELS_MAX: usize = 100;

/// How many series there are, and of what.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesCardinality)]
pub(crate) struct CardinalityResource {
    /// Series.
    series: usize,
    /// Devices that have series; the network as a whole is one of them.
    devices: usize,
    /// Most series that one device may have.
    series_per_device_max: usize,
    /// Metrics that have series, the most first.
    by_metric: Vec<SeriesOfMetric>,
    /// Labels of series, those with the most values first, at most 100.
    by_label: Vec<SeriesOfLabel>,
    /// Devices with the most series.
    largest_devices: Vec<SeriesOfDevice>,
    /// Devices with at least four fifths of what they may have, or that would have had more, the
    /// most first.
    near_bound: Vec<SeriesOfDevice>,
    /// How many of those there are.
    near_bound_count: usize,
}

/// Series of a metric.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeriesOfMetric {
    /// The metric.
    metric: String,
    /// How many.
    series: usize,
    /// Whether this version knows the metric. Series of others are kept, and not shown.
    known: bool,
}

/// Values of a label.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeriesOfLabel {
    /// The label.
    label: String,
    /// How many different values it has.
    values: usize,
    /// How many series have it.
    series: usize,
}

/// Series of a device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesOfDevice)]
pub(crate) struct SeriesOfDevice {
    /// The device.
    device_id: DeviceId,
    /// What people call it; null for the network as a whole and where it is no longer there.
    device_name: Option<String>,
    /// How many series it has.
    series: usize,
    /// How many it would have had when it asked for more than it may have since the start of the
    /// server; null where it did not. What was more is not measured.
    asked: Option<usize>,
}

/// How much is answered.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct CardinalityQuery {
    /// Devices of each list, 1 to 100; 10 where it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Counts series: by metric, by label, by device, and devices near the bound on theirs.
#[utoipa::path(get, path = "/series/cardinality", tag = "series",
    operation_id = "get_series_cardinality", params(CardinalityQuery),
    responses((status = 200, description = "How many there are.", body = CardinalityResource)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<CardinalityQuery>,
) -> Answer<Json<CardinalityResource>> {
    let limit = query.limit.unwrap_or(TOP_DEFAULT);
    if !(1..=TOP_MAX).contains(&limit) {
        let detail = format!("a list has 1 to {TOP_MAX} devices");
        return Err(Problem::field(Kind::BadQuery, "?limit", detail));
    }
    let series = granted.services().series.clone();
    let counted = granted
        .state()
        .blocking(move || series.cardinality(limit as usize))
        .await?;
    Ok(Json(told(counted, granted.services())))
}

fn told(counted: Cardinality, services: &Services) -> CardinalityResource {
    let of_device = |count: DeviceCount| SeriesOfDevice {
        device_id: count.device_id,
        device_name: services
            .store
            .inventory
            .device(count.device_id)
            .map(|record| record.device.body.name()),
        series: count.series,
        asked: count.bound_hit.map(|hit| hit.asked),
    };
    let of_metric = |count: MetricCount| SeriesOfMetric {
        metric: count.name,
        series: count.series,
        known: count.known,
    };
    let of_label = |count: LabelCount| SeriesOfLabel {
        label: count.name,
        values: count.values,
        series: count.series,
    };
    let labels = counted.by_label.into_iter().take(LABELS_MAX);
    CardinalityResource {
        series: counted.series,
        devices: counted.devices,
        series_per_device_max: SERIES_PER_DEVICE_MAX,
        by_metric: counted.by_metric.into_iter().map(of_metric).collect(),
        by_label: labels.map(of_label).collect(),
        largest_devices: counted.largest_devices.into_iter().map(of_device).collect(),
        near_bound: counted.near_bound.into_iter().map(of_device).collect(),
        near_bound_count: counted.near_bound_count,
    }
}
