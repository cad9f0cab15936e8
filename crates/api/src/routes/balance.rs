//! Load balancing: links that lead between the same two devices, members of aggregates and equal-cost routes, and
//! how traffic is best split over them. Nothing is changed by it.

use super::devices::list::belongs;
use crate::auth::gate::{App, Granted, permit};
use crate::foresight::balance::{self, Course, Direction, Group, Kind, Looked};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::sampling::not_read;
use axum::Json;
use model::{DeviceId, GroupId, InterfaceId, LinkId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Milliseconds of a step.
const STEP_MS: i64 = 3_600_000;

/// The routes under `/balance`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
}

/// A group with what was and what is expected, hour by hour.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BalanceAnswer {
    /// What is said of it.
    #[serde(flatten)]
    group: Group,
    /// One for each direction of which something is expected.
    courses: Vec<BalanceCourse>,
}

/// What was and what is expected of a direction, hour by hour.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BalanceCourse {
    /// Who sends.
    from_device_id: DeviceId,
    /// Seconds of a step.
    step_secs: u64,
    /// `[unix_ms, bps]`: what all links carried together in the last week; null where it is not known.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    past: Vec<(i64, Option<f64>)>,
    /// `[unix_ms, median, high]`: what is expected of all together in bit/s, half of what comes above `median`,
    /// and a tenth above `high`.
    #[schema(value_type = Vec<(i64, f64, f64)>)]
    points: Vec<(i64, f64, f64)>,
    /// Of each link in the order of `members`, its share of `high`.
    members: Vec<BalanceMemberCourse>,
}

/// What is expected of a link of a group, at the steps of `points`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BalanceMemberCourse {
    /// The link; null where no neighbour is seen on the interface.
    link_id: Option<LinkId>,
    /// The interface that sends; null where it is not known.
    interface_id: Option<InterfaceId>,
    /// bit/s as traffic is shared now.
    now_bps: Vec<f64>,
    /// bit/s with the weights that are advised.
    then_bps: Vec<f64>,
}

/// Which groups, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct BalanceQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// gain, worst (the load of the worst link as it is shared now) or device; with a leading `-` the other way,
    /// as `-gain` is where it is not given: what gains most is first.
    sort: Option<String>,
    /// Also groups of which nothing is advised, with the reason.
    all: Option<bool>,
    /// Only of these kinds, with commas between: links, aggregate, routes.
    #[param(value_type = Option<String>, max_length = 4096, example = "aggregate,routes")]
    kind: OneOf<Kind>,
    /// Only with an end at this device.
    device_id: Option<DeviceId>,
    /// Only with an end at devices of these sites, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    site: OneOf<String>,
    /// Only with an end at devices with any of these tags, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    tag: OneOf<String>,
}

/// Lists groups of links, ports or routes whose traffic is better split otherwise, what gains most first. At most 256 groups are
/// looked at, those with the greatest speed.
#[utoipa::path(get, path = "/balance", tag = "foresight", operation_id = "list_balance",
    params(BalanceQuery),
    responses((status = 200, description = "A page of groups.", body = Page<Group>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<BalanceQuery>,
) -> Answer<Json<Page<Group>>> {
    let sort = query.sort.as_deref().unwrap_or("-gain");
    let sort = sort_field(Some(sort), &["gain", "worst", "device"])?;
    let filters = format!(
        "{:?}{:?}{:?}{:?}{:?}",
        query.all, query.kind, query.device_id, query.site, query.tag
    );
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let field = sort.0.to_owned();
    let services = granted.services().clone();
    let state = granted.state().clone();
    let until = Instant::now() + services.options.request_timeout;
    let work = move || {
        let ground = services.ground();
        let now = services.clock.now();
        let all = balance::all(&ground, &state.balance, (now, Some(until))).map_err(not_read)?;
        let (looked, left_out) = all;
        state
            .balance_left_out
            .set(i64::try_from(left_out).unwrap_or(i64::MAX));
        let is_meant = |group: &Group| {
            let ends = ends(group);
            let wanted = query.all.unwrap_or_default() || group.is_advised;
            let wanted = wanted && query.kind.takes(&group.kind);
            let of_device = query.device_id.is_none_or(|id| ends.contains(&id));
            let is_filtered = !(query.site.0.is_empty() && query.tag.0.is_empty());
            let belong = |id: &DeviceId| {
                let record = services.store.inventory.device(*id);
                record.is_some_and(|record| belongs(&record.device.body, &query.site, &query.tag))
            };
            wanted && of_device && (!is_filtered || ends.iter().any(belong))
        };
        let rows = looked.iter().map(|looked| &looked.group);
        let rows = rows.filter(|group| is_meant(group));
        let rows = rows.map(|group| ((key_of(&field, group), group.id.to_string()), group));
        Ok(paging.take(rows).map(Group::clone))
    };
    granted.state().query(work).await?.map(Json)
}

/// The devices at the ends of a group; of one that leads to several all that are known.
fn ends(group: &Group) -> BTreeSet<DeviceId> {
    let members = group.directions.iter().flat_map(|one| &one.members);
    let ends = members.filter_map(|member| member.to_device_id);
    let b = group.b.iter().map(|end| end.device_id);
    ends.chain(b).chain([group.a.device_id]).collect()
}

fn key_of(field: &str, group: &Group) -> Key {
    match field {
        "worst" => Key::measured(group.worst_now, 1e9),
        "device" => Key::text(&group.a.device_name),
        _ => Key::measured(group.gain, 1e9),
    }
}

/// Reads the group that a link or an interface is of, also where nothing is advised.
#[utoipa::path(get, path = "/balance/{group_id}", tag = "foresight", operation_id = "get_balance",
    params(("group_id" = GroupId, Path, description = "The group, or any link or interface of it.")),
    responses((status = 200, description = "The group.", body = BalanceAnswer)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<GroupId>,
) -> Answer<Json<BalanceAnswer>> {
    let services = granted.services().clone();
    let state = granted.state().clone();
    let until = Instant::now() + services.options.request_timeout;
    let work = move || {
        let ground = services.ground();
        let times = (services.clock.now(), Some(until));
        balance::of_id(&ground, &state.balance, id, times)
    };
    let looked = granted.state().query(work).await?.map_err(not_read)?;
    let looked = looked
        .ok_or_else(|| Problem::not_found("group, nor a link or an interface in one,", id))?;
    Ok(Json(answer(&looked)))
}

fn answer(looked: &Looked) -> BalanceAnswer {
    let courses = looked.courses.iter().filter_map(|course| {
        let directions = &looked.group.directions;
        let of = directions
            .iter()
            .find(|direction| direction.from_device_id == course.from)?;
        Some(told(course, of))
    });
    BalanceAnswer {
        courses: courses.collect(),
        group: looked.group.clone(),
    }
}

fn told(course: &Course, direction: &Direction) -> BalanceCourse {
    let times = |from: Timestamp| (0i64..).map(move |nth| from.unix_ms() + nth * STEP_MS);
    let (past_from, past) = &course.past;
    let past = times(*past_from).zip(past);
    let expected = course.median.iter().zip(&course.high);
    let points = times(course.begins).zip(expected);
    let of_share = |share: Option<f64>| -> Vec<f64> {
        let share = share.unwrap_or_default();
        course.high.iter().map(|bps| bps * share).collect()
    };
    BalanceCourse {
        from_device_id: course.from,
        step_secs: STEP_MS.unsigned_abs() / 1_000,
        past: past
            .map(|(at, bps)| (at, bps.is_finite().then_some(*bps)))
            .collect(),
        points: points
            .map(|(at, (median, high))| (at, *median, *high))
            .collect(),
        members: direction
            .members
            .iter()
            .map(|member| BalanceMemberCourse {
                link_id: member.link_id,
                interface_id: member.interface_id,
                now_bps: of_share(member.share_now),
                then_bps: of_share(member.share_then),
            })
            .collect(),
    }
}
