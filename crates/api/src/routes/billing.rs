//! What an interface is billed by: the 95th percentile of its five-minute means, each way.

use super::interfaces;
use crate::auth::gate::{Granted, permit};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{PathId, Query};
use crate::sampling::{self, Aggregation, Plan, Point, Span, Where};
use crate::services::Services;
use axum::Json;
use model::{DeviceId, InterfaceId, Metric, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::series::{Quantile, SeriesStore};

/// A step of a bill, in seconds: what carriers have agreed on.
const STEP_SECS: u32 = 300;
/// The range where none is asked for.
const RANGE_DEFAULT: Duration = Duration::from_hours(30 * 24);
/// Longest range: a month and a week, 10,944 steps.
const RANGE_MAX: Duration = Duration::from_hours(38 * 24);

/// What an interface is billed by.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InterfaceBilling {
    /// The interface.
    interface_id: InterfaceId,
    /// Whose it is.
    device_id: DeviceId,
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// Seconds of a step: 300.
    step_secs: u32,
    /// What was received.
    #[serde(rename = "in")]
    received: Direction,
    /// What was sent.
    #[serde(rename = "out")]
    sent: Direction,
    /// The greater of the two percentiles, in bit/s; null where neither is known.
    billable_bps: Option<f64>,
}

/// One direction of a bill.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BillingDirection)]
pub(crate) struct Direction {
    /// The least mean that 95 of 100 of the measured steps do not exceed, in bit/s; null where none was measured.
    p95_bps: Option<f64>,
    /// The mean of the measured steps, in bit/s.
    avg_bps: Option<f64>,
    /// The greatest of the measured steps, in bit/s.
    max_bps: Option<f64>,
    /// Octets counted, in what was measured; null where nothing was.
    octets: Option<f64>,
    /// Steps in which something was measured.
    measured_steps: u64,
    /// Steps of the range.
    steps: u64,
}

/// Over which range.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct BillingQuery {
    /// Where the range begins; 30 days before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given. What has not happened yet is no part of it.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
}

/// Reads what an interface is billed by.
///
/// Steps are five minutes, aligned to UTC; the percentile is that of the nearest rank, of the steps that were measured: at most 38 days are answered.
#[utoipa::path(get, path = "/interfaces/{interface_id}/billing", tag = "interfaces", operation_id = "get_interface_billing",
    params(("interface_id" = InterfaceId, Path, description = "The interface."), BillingQuery),
    responses((status = 200, description = "Its percentiles.", body = InterfaceBilling)))]
pub(crate) async fn of_interface(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<InterfaceId>,
    Query(query): Query<BillingQuery>,
) -> Answer<Json<InterfaceBilling>> {
    let (_, interface) = interfaces::find(&granted, id)?;
    let services = granted.services();
    let now = services.clock.now();
    let span = Span::past(query.from, query.to, now, RANGE_DEFAULT, Where::Query)?;
    if span.to.since(span.from) > RANGE_MAX {
        let detail = "a bill has at most 38 days".to_owned();
        return Err(Problem::field(Kind::BadQuery, "?from", detail));
    }
    let device_id = interface.device_id;
    let received = plans(services, device_id, id, Metric::IF_HC_IN_OCTETS, span);
    let sent = plans(services, device_id, id, Metric::IF_HC_OUT_OCTETS, span);
    let store = services.series.clone();
    let work = move || -> Answer<InterfaceBilling> {
        let (received, sent) = (
            direction(&store, received.as_ref(), span)?,
            direction(&store, sent.as_ref(), span)?,
        );
        let greater = |a: f64, b: f64| a.max(b);
        let both = received
            .p95_bps
            .zip(sent.p95_bps)
            .map(|(a, b)| greater(a, b));
        Ok(InterfaceBilling {
            interface_id: id,
            device_id,
            from: span.from,
            to: span.to,
            step_secs: STEP_SECS,
            billable_bps: both.or(received.p95_bps).or(sent.p95_bps),
            received,
            sent,
        })
    };
    granted.state().blocking(work).await?.map(Json)
}

/// What is read of a counter: its rate, and how much it grew.
fn plans(
    services: &Services,
    device_id: DeviceId,
    interface: InterfaceId,
    metric: Metric,
    span: Span,
) -> Option<[Plan; 2]> {
    let all = services.series.series_named(device_id, metric);
    let series = all
        .iter()
        .find(|series| series.key.labels.interface_id() == Some(interface))?;
    let plan = |way| Plan::new(services, series, span, Some(STEP_SECS), Some(way));
    Some([plan(Aggregation::Rate), plan(Aggregation::Increase)])
}

fn direction(store: &SeriesStore, plans: Option<&[Plan; 2]>, span: Span) -> Answer<Direction> {
    let (rates, increases) = match plans {
        Some([rate, increase]) => (known(store, rate)?, known(store, increase)?),
        None => (Vec::new(), Vec::new()),
    };
    let mut bps: Vec<f64> = rates.into_iter().map(|octets| octets * 8.0).collect();
    let measured = bps.len();
    let mean = bps.iter().sum::<f64>() / measured.max(1) as f64;
    Ok(Direction {
        p95_bps: Quantile::P95.nearest_rank(&mut bps),
        avg_bps: (measured > 0).then_some(mean),
        // They are in order by now.
        max_bps: bps.last().copied(),
        octets: increases.into_iter().reduce(|a, b| a + b),
        measured_steps: measured as u64,
        steps: sampling::steps_of(span, STEP_SECS) as u64,
    })
}

fn known(store: &SeriesStore, plan: &Plan) -> Answer<Vec<f64>> {
    let points = sampling::read(store, plan)?;
    Ok(points
        .into_iter()
        .filter_map(|Point(_, value)| value)
        .collect())
}
