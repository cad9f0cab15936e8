//! Links of layer 2 between devices that we know. What they carry is in [`loads`].

pub(super) mod loads;

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Problem};
use crate::query::{OneOf, PathId, Query};
use axum::Json;
use model::link::{Link, LinkStatus};
use model::{DeviceId, LinkId};
use serde::Deserialize;

/// Which links, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinksQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// id (in the order they were found), status, confidence or last_seen_at; with a leading `-`
    /// the other way.
    sort: Option<String>,
    /// Only with an end at this device.
    device_id: Option<DeviceId>,
    /// Only these, with commas between.
    #[param(value_type = Option<String>, example = "down")]
    status: OneOf<LinkStatus>,
}

/// Lists links.
#[utoipa::path(get, path = "/links", tag = "topology", operation_id = "list_links",
    params(LinksQuery),
    responses((status = 200, description = "A page of links.", body = Page<Link>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<LinksQuery>,
) -> Answer<Json<Page<Link>>> {
    let sort = sort_field(
        query.sort.as_deref(),
        &["id", "status", "confidence", "last_seen_at"],
    )?;
    let filters = format!("{:?}{:?}", query.device_id, query.status);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let links = granted.services().store.inventory.links();
    let rows = links
        .iter()
        .filter(|link| query.status.takes(&link.status))
        .filter(|link| {
            query
                .device_id
                .is_none_or(|id| link.a.device_id == id || link.b.device_id == id)
        })
        .map(|link| ((key(link, sort.0), link.id.to_string()), link));
    Ok(Json(paging.take(rows).map(|link| Link::clone(link))))
}

/// Reads a link.
#[utoipa::path(get, path = "/links/{link_id}", tag = "topology", operation_id = "get_link",
    params(("link_id" = LinkId, Path, description = "The link.")),
    responses((status = 200, description = "The link.", body = Link)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<LinkId>,
) -> Answer<Json<Link>> {
    let links = granted.services().store.inventory.links();
    links
        .iter()
        .find(|link| link.id == id)
        .map(|link| Json(Link::clone(link)))
        .ok_or_else(|| Problem::not_found("link", id))
}

fn key(link: &Link, sort: &str) -> Key {
    match sort {
        "status" => Key::Number(match link.status {
            LinkStatus::Down => 0,
            LinkStatus::Unknown => 1,
            LinkStatus::Up => 2,
        }),
        // Confidence is 0 to 1: thousandths tell its values apart.
        #[allow(clippy::cast_possible_truncation)]
        "confidence" => Key::Number((link.confidence * 1_000.0) as i64),
        "last_seen_at" => Key::Number(link.last_seen_at.unix_ms()),
        _ => Key::Absent,
    }
}
