//! Traffic as exporters of flows tell of it: tops over a range, as numbers and as series. Who sends
//! flows is in [`exporters`].

pub(super) mod exporters;

use super::devices;
use crate::auth::gate::{Granted, permit};
use crate::flows::{self, Coverage, Question, Steps};
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::sampling::{Point, Span, Where};
use axum::Json;
use model::flow::{
    Application, FlowBound, FlowDimension, FlowDirection, FlowRow, FlowSampling, FlowTotal,
    Merging, WINDOW_SECS,
};
use model::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use store::inventory::Inventory;

/// The range where none is asked for.
const RANGE_DEFAULT: Duration = Duration::from_hours(1);
/// Rows where the client does not say.
const LIMIT_DEFAULT: u32 = 10;
/// Most rows of a table.
const LIMIT_MAX: u32 = 100;
/// Most series: more cannot be told apart on a chart.
const SERIES_MAX: u32 = 20;
/// The longest step.
const STEP_SECS_MAX: u32 = 86_400;

/// Whose traffic, which, and over which range.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopFlowsQuery {
    /// Of this device: all of its interfaces together.
    device_id: Option<DeviceId>,
    /// Of this interface alone.
    interface_id: Option<InterfaceId>,
    /// Received (ingress) or sent (egress) on the interface; ingress where it is not given.
    #[param(inline)]
    direction: Option<FlowDirection>,
    /// By what; application where it is not given.
    #[param(inline)]
    by: Option<FlowDimension>,
    /// Where the range begins; an hour before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given. A minute is there two minutes after it began, at
    /// the latest.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Rows, 1 to 100; 10 where it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// The same by steps of time.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct FlowSeriesQuery {
    /// Of this device: all of its interfaces together.
    device_id: Option<DeviceId>,
    /// Of this interface alone.
    interface_id: Option<InterfaceId>,
    /// Received (ingress) or sent (egress) on the interface; ingress where it is not given.
    #[param(inline)]
    direction: Option<FlowDirection>,
    /// By what; application where it is not given.
    #[param(inline)]
    by: Option<FlowDimension>,
    /// Where the range begins; an hour before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Series, 1 to 20; 10 where it is not given.
    #[param(minimum = 1, maximum = 20)]
    limit: Option<u32>,
    /// Seconds of a step, a multiple of 60; some 300 steps where it is not given.
    #[param(minimum = 60, maximum = 86400)]
    step_secs: Option<u32>,
}

/// Which device, over which range.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct FlowInterfacesQuery {
    /// The device.
    device_id: Option<DeviceId>,
    /// Where the range begins; an hour before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
}

/// The largest of a dimension over a range.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FlowTopAnswer {
    /// What it is of.
    #[serde(flatten)]
    of: FlowsOf,
    /// The rows, most octets first.
    items: Vec<FlowTopItem>,
}

/// What an answer about flows is of.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FlowsOf {
    /// The device.
    device_id: DeviceId,
    /// The interface; null where all of the device are added up.
    interface_id: Option<InterfaceId>,
    /// Which way.
    direction: FlowDirection,
    /// By what.
    by: FlowDimension,
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// All that crossed the interface, whatever the rows show.
    total: FlowTotal,
    /// How the exporters sampled. What was sampled is an estimate beyond the errors stated here.
    sampling: FlowSampling,
    /// The most that a key without a row may have had.
    absent: FlowBound,
    /// Minutes of interfaces that were added up.
    records: usize,
    /// There was more than one answer adds up: what is older than this is left out; null where all
    /// is in it.
    cut_before: Option<Timestamp>,
}

/// One row. What truly flowed is at least what is counted and at most that and its error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FlowTopItem {
    /// What the dimension tells apart.
    key: String,
    /// What people call it: the service of a port, the device of an address, the class of a DSCP.
    name: Option<String>,
    /// The device of an address.
    device_id: Option<DeviceId>,
    /// Octets counted.
    octets: u64,
    /// Packets counted.
    packets: u64,
    /// Octets that may be missing, at most.
    octets_error: u64,
    /// Packets that may be missing, at most.
    packets_error: u64,
    /// bit/s in the mean of the range.
    bps: f64,
    /// Share of all octets, 0 to 1. Hosts and AS numbers count for both ends, so theirs add up to
    /// more than 1.
    share: f64,
}

/// The largest of a dimension by steps of time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FlowSeriesAnswer {
    /// What it is of.
    #[serde(flatten)]
    of: FlowsOf,
    /// Seconds of a step.
    step_secs: i64,
    /// `[unix_ms, bit/s]` of all; null where nothing was told.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    total_points: Vec<Point>,
    /// One series a key, most octets first.
    items: Vec<FlowSeriesItem>,
}

/// One series.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FlowSeriesItem {
    /// The row.
    #[serde(flatten)]
    row: FlowTopItem,
    /// `[unix_ms, bit/s]`; null where nothing was told.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    points: Vec<Point>,
}

/// What crossed the interfaces of a device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FlowInterfacesAnswer {
    /// The device.
    device_id: DeviceId,
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// One row an interface and direction, most octets first.
    items: Vec<FlowInterfaceItem>,
    /// There was more than one answer adds up: what is older than this is left out.
    cut_before: Option<Timestamp>,
}

/// What crossed one interface one way.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FlowInterfaceItem {
    /// The interface; null where the exporter named none, or one that is not known.
    interface_id: Option<InterfaceId>,
    /// ifIndex as the exporter sent it; 0 where it named none.
    if_index: u32,
    /// Its name.
    name: Option<String>,
    /// Which way.
    direction: FlowDirection,
    /// All that crossed it.
    total: FlowTotal,
    /// How it was sampled.
    sampling: FlowSampling,
    /// bit/s in the mean of the range.
    bps: f64,
}

/// Lists the largest applications, hosts, conversations, AS numbers or DSCPs of an interface or a
/// device, each with its error.
#[utoipa::path(get, path = "/flows/top", tag = "flows", operation_id = "list_top_flows",
    params(TopFlowsQuery),
    responses((status = 200, description = "The rows.", body = FlowTopAnswer)))]
pub(crate) async fn top(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<TopFlowsQuery>,
) -> Answer<Json<FlowTopAnswer>> {
    let limit = limit(query.limit, LIMIT_MAX)?;
    let question = Question {
        direction: query.direction.unwrap_or(FlowDirection::Ingress),
        by: query.by.unwrap_or(FlowDimension::Application),
        ..whose(
            &granted,
            query.device_id,
            query.interface_id,
            (query.from, query.to),
        )?
    };
    let state = granted.state();
    let (sum, coverage) = flows::read(state, &question, Merging::default(), flows::merge).await?;
    let services = granted.services();
    let added = coverage.added(question.span, services.clock.now());
    let inventory = &services.store.inventory;
    let rows = sum.rows(limit).into_iter();
    let items = rows.map(|row| item(inventory, &question, (sum.total(), added.secs()), row));
    Ok(Json(FlowTopAnswer {
        items: items.collect(),
        of: of(&question, &sum, coverage),
    }))
}

/// The same by steps of time: one series for each of the largest, and one for all.
#[utoipa::path(get, path = "/flows/series", tag = "flows", operation_id = "list_flow_series",
    params(FlowSeriesQuery),
    responses((status = 200, description = "The series.", body = FlowSeriesAnswer)))]
pub(crate) async fn series(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<FlowSeriesQuery>,
) -> Answer<Json<FlowSeriesAnswer>> {
    let limit = limit(query.limit, SERIES_MAX)?;
    let is_step = |step: u32| {
        (WINDOW_SECS..=STEP_SECS_MAX).contains(&step) && step.is_multiple_of(WINDOW_SECS)
    };
    if query.step_secs.is_some_and(|step| !is_step(step)) {
        let detail = "a step is a multiple of 60, up to 86400";
        return Err(Problem::field(Kind::BadQuery, "?step_secs", detail));
    }
    let question = Question {
        direction: query.direction.unwrap_or(FlowDirection::Ingress),
        by: query.by.unwrap_or(FlowDimension::Application),
        ..whose(
            &granted,
            query.device_id,
            query.interface_id,
            (query.from, query.to),
        )?
    };
    let steps = Steps::new(question.span, query.step_secs);
    let state = granted.state();
    let (steps, coverage) = flows::read(state, &question, steps, Steps::take).await?;
    let (inventory, now) = (
        &granted.services().store.inventory,
        granted.services().clock.now(),
    );
    let added = coverage.added(question.span, now);
    let total = steps.merging.total();
    let rows = steps.merging.rows(limit).into_iter();
    let items = rows.map(|row| FlowSeriesItem {
        points: steps.of(&row.key, question.span, added),
        row: item(inventory, &question, (total, added.secs()), row),
    });
    Ok(Json(FlowSeriesAnswer {
        items: items.collect(),
        of: of(&question, &steps.merging, coverage),
        step_secs: steps.step_secs(),
        total_points: steps.total(question.span, added),
    }))
}

/// What was counted of an interface, by its ifIndex and direction.
type Totals = BTreeMap<(u32, Option<InterfaceId>), (FlowTotal, FlowSampling)>;

/// Lists the interfaces of a device that flows were told of, with all that crossed each.
#[utoipa::path(get, path = "/flows/interfaces", tag = "flows", operation_id = "list_flow_interfaces",
    params(FlowInterfacesQuery),
    responses((status = 200, description = "The interfaces.", body = FlowInterfacesAnswer)))]
pub(crate) async fn interfaces(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<FlowInterfacesQuery>,
) -> Answer<Json<FlowInterfacesAnswer>> {
    let whose = whose(&granted, query.device_id, None, (query.from, query.to))?;
    let (device_id, span) = (whose.device_id, whose.span);
    let mut items = Vec::new();
    let mut cut_before = None;
    for direction in FlowDirection::ALL {
        // Every window has its applications, and its total beside them.
        let question = Question {
            direction,
            by: FlowDimension::Application,
            ..whose.clone()
        };
        let (totals, coverage) = flows::read(
            granted.state(),
            &question,
            Totals::new(),
            |totals, event, top| {
                let (total, sampling) = totals
                    .entry((top.if_index, event.interface_id))
                    .or_default();
                total.add(top.total);
                sampling.add(top.sampling);
            },
        )
        .await?;
        cut_before = cut_before.max(coverage.cut_before);
        let services = granted.services();
        let secs = coverage.added(span, services.clock.now()).secs();
        let inventory = &services.store.inventory;
        items.extend(
            totals
                .into_iter()
                .map(|((if_index, id), (total, sampling))| {
                    let interface = id.and_then(|id| inventory.interface(id));
                    FlowInterfaceItem {
                        interface_id: id,
                        if_index,
                        name: interface.map(|interface| interface.name.clone()),
                        direction,
                        bps: bps(total.octets, secs),
                        total,
                        sampling,
                    }
                }),
        );
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.total.octets));
    Ok(Json(FlowInterfacesAnswer {
        device_id,
        from: span.from,
        to: span.to,
        items,
        cut_before,
    }))
}

fn limit(limit: Option<u32>, max: u32) -> Answer<usize> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=max).contains(&limit) {
        let detail = format!("1 to {max} are answered");
        return Err(Problem::field(Kind::BadQuery, "?limit", detail));
    }
    Ok(limit as usize)
}

/// Whose traffic and over which range; the rest is for the caller to fill in.
fn whose(
    granted: &Granted<permit::ReadInventory>,
    device_id: Option<DeviceId>,
    interface_id: Option<InterfaceId>,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Answer<Question> {
    let services = granted.services();
    let span = Span::past(from, to, services.clock.now(), RANGE_DEFAULT, Where::Query)?;
    flows::check(span)?;
    let device_id = match (device_id, interface_id) {
        (given, Some(id)) => {
            let (_, interface) = super::interfaces::find(granted, id)?;
            if given.is_some_and(|given| given != interface.device_id) {
                let detail = "the interface is of another device";
                return Err(Problem::field(Kind::BadQuery, "?interface_id", detail));
            }
            interface.device_id
        }
        (Some(id), None) => {
            devices::find(services, id)?;
            id
        }
        (None, None) => {
            let detail = "say which device, or which interface";
            return Err(Problem::field(Kind::BadQuery, "?device_id", detail));
        }
    };
    Ok(Question {
        device_id,
        interface_id,
        direction: FlowDirection::Ingress,
        by: FlowDimension::Application,
        span,
    })
}

fn of(question: &Question, sum: &Merging, coverage: Coverage) -> FlowsOf {
    FlowsOf {
        device_id: question.device_id,
        interface_id: question.interface_id,
        direction: question.direction,
        by: question.by,
        from: question.span.from,
        to: question.span.to,
        total: sum.total(),
        sampling: sum.sampling(),
        absent: sum.absent(),
        records: coverage.records,
        cut_before: coverage.cut_before,
    }
}

/// A row, of all that there was and of the seconds that were added up.
fn item(
    inventory: &Inventory,
    question: &Question,
    (total, secs): (FlowTotal, f64),
    row: FlowRow,
) -> FlowTopItem {
    let device = match question.by {
        FlowDimension::Host => device(inventory, &row.key),
        _ => None,
    };
    let (device_id, device_name) = device.unzip();
    FlowTopItem {
        name: device_name.or_else(|| name(question.by, &row.key)),
        device_id,
        octets: row.octets,
        packets: row.packets,
        octets_error: row.error.octets,
        packets_error: row.error.packets,
        bps: bps(row.octets, secs),
        share: row.octets as f64 / (total.octets.max(1)) as f64,
        key: row.key,
    }
}

/// The one device that is asked at an address.
fn device(inventory: &Inventory, key: &str) -> Option<(DeviceId, String)> {
    let address: IpAddr = key.parse().ok()?;
    match inventory.devices_at(address).as_slice() {
        [only] => Some((only.device.body.id, only.device.body.name())),
        _ => None,
    }
}

fn name(by: FlowDimension, key: &str) -> Option<String> {
    let application = match by {
        FlowDimension::Application => key,
        FlowDimension::Conversation => key.rsplit(' ').next()?,
        FlowDimension::Dscp => return dscp_name(key.parse().ok()?).map(str::to_owned),
        FlowDimension::Host | FlowDimension::As => return None,
    };
    Application::from_key(application)?
        .name()
        .map(str::to_owned)
}

/// Names of per-hop behaviours. Source: RFC 2474, 2597, 3246, 5865, 8622.
fn dscp_name(dscp: u8) -> Option<&'static str> {
    Some(match dscp {
        0 => "CS0, best effort",
        1 => "LE",
        8 => "CS1",
        10 => "AF11",
        12 => "AF12",
        14 => "AF13",
        16 => "CS2",
        18 => "AF21",
        20 => "AF22",
        22 => "AF23",
        24 => "CS3",
        26 => "AF31",
        28 => "AF32",
        30 => "AF33",
        32 => "CS4",
        34 => "AF41",
        36 => "AF42",
        38 => "AF43",
        40 => "CS5",
        44 => "VOICE-ADMIT",
        46 => "EF",
        48 => "CS6",
        56 => "CS7",
        _ => return None,
    })
}

fn bps(octets: u64, secs: f64) -> f64 {
    octets as f64 * 8.0 / secs
}
