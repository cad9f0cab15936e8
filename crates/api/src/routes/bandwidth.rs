//! Bandwidth in bit/s: of an interface and of a device, now and over a range.

use super::{devices, interfaces};
use crate::auth::gate::{Granted, permit};
use crate::limits::is_physical;
use crate::problem::Answer;
use crate::query::{PathId, Query};
use crate::rates::{RateReader, Rates};
use crate::sampling::{self, Aggregation, POINTS_MAX, Plan, Point, Span, Where};
use crate::services::Services;
use axum::Json;
use model::series::Series;
use model::{DeviceId, InterfaceId, Metric, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::series::SeriesStore;

/// Bandwidth of an interface.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InterfaceBandwidth {
    /// The interface.
    interface_id: InterfaceId,
    /// Whose it is.
    device_id: DeviceId,
    /// Nominal speed in bit/s.
    speed_bps: Option<u64>,
    /// Now.
    now: Now,
    /// Over the range.
    #[serde(flatten)]
    history: History,
}

/// Bandwidth of a device: the sum over its physical interfaces.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeviceBandwidth {
    /// The device.
    device_id: DeviceId,
    /// Now.
    now: Now,
    /// The interfaces that are summed up, the busiest first.
    interfaces: Vec<InterfaceNow>,
    /// Over the range.
    #[serde(flatten)]
    history: History,
}

/// What is carried now; null where it is not known.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BandwidthNow)]
pub(crate) struct Now {
    /// bit/s received.
    in_bps: Option<f64>,
    /// bit/s sent.
    out_bps: Option<f64>,
    /// Share of the speed, 0 to 1; null for a device.
    in_utilization: Option<f64>,
    /// Share of the speed, 0 to 1; null for a device.
    out_utilization: Option<f64>,
}

/// What one interface of a device carries now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = InterfaceBandwidthNow)]
pub(crate) struct InterfaceNow {
    /// The interface.
    interface_id: InterfaceId,
    /// Its name.
    name: String,
    /// Now.
    #[serde(flatten)]
    now: Now,
}

/// What was carried over a range.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BandwidthHistory)]
pub(crate) struct History {
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// Seconds of a step.
    step_secs: u32,
    /// `[unix_ms, bit/s]` received in each step; null where it is not known.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    in_bps: Vec<Point>,
    /// `[unix_ms, bit/s]` sent in each step; null where it is not known.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    out_bps: Vec<Point>,
}

/// Over which range.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct BandwidthQuery {
    /// Where the range begins; an hour before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Seconds of a step; some 300 steps where it is not given.
    #[param(minimum = 1, maximum = 31_622_400)]
    step_secs: Option<u32>,
}

/// Reads the bandwidth of an interface.
#[utoipa::path(get, path = "/interfaces/{interface_id}/bandwidth", tag = "interfaces", operation_id = "get_interface_bandwidth",
    params(("interface_id" = InterfaceId, Path, description = "The interface."), BandwidthQuery),
    responses((status = 200, description = "Its bandwidth.", body = InterfaceBandwidth)))]
pub(crate) async fn of_interface(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<InterfaceId>,
    Query(query): Query<BandwidthQuery>,
) -> Answer<Json<InterfaceBandwidth>> {
    let (record, interface) = interfaces::find(&granted, id)?;
    let services = granted.services();
    let wanted = Wanted::new(services, &query, interface.device_id, &[id])?;
    let (store, now) = (services.series.clone(), services.clock.now());
    let work = move || -> Answer<InterfaceBandwidth> {
        let rates = RateReader::new(&store, now).of(&record.device.body, &interface);
        Ok(InterfaceBandwidth {
            interface_id: id,
            device_id: interface.device_id,
            speed_bps: interface.speed_bps,
            now: Now::of(rates),
            history: wanted.read(&store)?,
        })
    };
    granted.state().blocking(work).await?.map(Json)
}

/// Reads the bandwidth of a device.
#[utoipa::path(get, path = "/devices/{device_id}/bandwidth", tag = "devices", operation_id = "get_device_bandwidth",
    params(("device_id" = DeviceId, Path, description = "The device."), BandwidthQuery),
    responses((status = 200, description = "Its bandwidth.", body = DeviceBandwidth)))]
pub(crate) async fn of_device(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<BandwidthQuery>,
) -> Answer<Json<DeviceBandwidth>> {
    let services = granted.services();
    let record = devices::find(services, id)?;
    let counted: Vec<_> = record
        .interfaces
        .iter()
        .filter(|row| row.present && is_physical(row))
        .cloned()
        .collect();
    let ids: Vec<InterfaceId> = counted.iter().map(|row| row.id).collect();
    let wanted = Wanted::new(services, &query, id, &ids)?;
    let (store, now) = (services.series.clone(), services.clock.now());
    let work = move || -> Answer<DeviceBandwidth> {
        let mut reader = RateReader::new(&store, now);
        let mut total = Rates::default();
        let mut rows = Vec::with_capacity(counted.len());
        for row in &counted {
            let rates = reader.of(&record.device.body, row);
            total.in_bps = sum(total.in_bps, rates.in_bps);
            total.out_bps = sum(total.out_bps, rates.out_bps);
            rows.push(InterfaceNow {
                interface_id: row.id,
                name: row.name.clone(),
                now: Now::of(rates),
            });
        }
        rows.sort_by(|a, b| b.now.busy().total_cmp(&a.now.busy()));
        Ok(DeviceBandwidth {
            device_id: id,
            now: Now::of(total),
            interfaces: rows,
            history: wanted.read(&store)?,
        })
    };
    granted.state().blocking(work).await?.map(Json)
}

impl Now {
    fn of(rates: Rates) -> Self {
        Self {
            in_bps: rates.in_bps,
            out_bps: rates.out_bps,
            in_utilization: rates.in_utilization,
            out_utilization: rates.out_utilization,
        }
    }
    fn busy(&self) -> f64 {
        self.in_bps.unwrap_or(0.0).max(self.out_bps.unwrap_or(0.0))
    }
}

/// What is to be read: the octets of some interfaces of a device.
struct Wanted {
    span: Span,
    step_secs: u32,
    received: Vec<Plan>,
    sent: Vec<Plan>,
}

impl Wanted {
    fn new(
        services: &Services,
        query: &BandwidthQuery,
        device: DeviceId,
        interfaces: &[InterfaceId],
    ) -> Answer<Self> {
        let span = Span::new(query.from, query.to, services.clock.now(), Where::Query)?;
        sampling::check_step(query.step_secs, Where::Query)?;
        let all: Vec<Series> = services.series.series_of(device);
        let plans = |metric: Metric| -> Vec<Plan> {
            all.iter()
                .filter(|series| series.key.metric == metric)
                .filter(|series| {
                    let owner = series.key.labels.interface_id();
                    owner.is_some_and(|id| interfaces.contains(&id))
                })
                .map(|series| {
                    let way = Some(Aggregation::Rate);
                    Plan::new(services, series, span, query.step_secs, way)
                })
                .collect()
        };
        let (received, sent) = (
            plans(Metric::IF_HC_IN_OCTETS),
            plans(Metric::IF_HC_OUT_OCTETS),
        );
        for plan in received.iter().chain(&sent).take(1) {
            plan.check(POINTS_MAX, Where::Query)?;
        }
        let first = received.first().or(sent.first());
        let step_secs = first.map_or(query.step_secs.unwrap_or(60).max(1), |plan| plan.step_secs);
        Ok(Self {
            span,
            step_secs,
            received,
            sent,
        })
    }

    fn read(&self, store: &SeriesStore) -> Answer<History> {
        Ok(History {
            from: self.span.from,
            to: self.span.to,
            step_secs: self.step_secs,
            in_bps: bits(store, &self.received)?,
            out_bps: bits(store, &self.sent)?,
        })
    }
}

/// The sum of some series' rates in bit/s, step by step.
fn bits(store: &SeriesStore, plans: &[Plan]) -> Answer<Vec<Point>> {
    let mut steps: BTreeMap<i64, Option<f64>> = BTreeMap::new();
    for plan in plans {
        for Point(at, octets) in sampling::read(store, plan)? {
            let step = steps.entry(at).or_default();
            *step = sum(*step, octets.map(|octets| octets * 8.0));
        }
    }
    Ok(steps.into_iter().map(|(at, bps)| Point(at, bps)).collect())
}

/// The sum of what is known.
fn sum(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (known, None) | (None, known) => known,
    }
}
