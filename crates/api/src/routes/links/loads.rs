//! What links carry now, as both of their ends tell it. What is drawn of it, and how, is the page's
//! affair.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::Answer;
use crate::query::Query;
use crate::rates::{RateReader, Rates};
use axum::Json;
use model::interface::IfStatus;
use model::link::{End, Link};
use model::{DeviceId, LinkId};
use serde::{Deserialize, Serialize};
use store::inventory::Inventory;

/// What a link carries now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LinkLoad {
    /// The link.
    link_id: LinkId,
    /// The end `a` of the link.
    a: EndLoad,
    /// The end `b` of the link.
    b: EndLoad,
    /// The largest share of its speed that either end receives or sends, 0 to 1; null where neither
    /// end tells.
    utilization: Option<f64>,
}

/// What one end of a link carries now; null where it is not known.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(crate) struct EndLoad {
    /// Name of the interface.
    interface: Option<String>,
    /// ifOperStatus.
    oper_status: Option<IfStatus>,
    /// bit/s received between the last two polls.
    in_bps: Option<f64>,
    /// bit/s sent, likewise.
    out_bps: Option<f64>,
    /// `in_bps` as a share of the interface's speed, 0 to 1.
    in_utilization: Option<f64>,
    /// `out_bps` as a share of the interface's speed, 0 to 1.
    out_utilization: Option<f64>,
}

impl EndLoad {
    fn utilization(&self) -> Option<f64> {
        largest(self.in_utilization, self.out_utilization)
    }
}

/// Which links, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinkLoadsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// id (in the order they were found) or utilization; with a leading `-` the other way.
    sort: Option<String>,
    /// Only of links with an end at this device.
    device_id: Option<DeviceId>,
}

/// Lists what links carry now.
#[utoipa::path(get, path = "/links/loads", tag = "topology", operation_id = "list_link_loads",
    params(LinkLoadsQuery),
    responses((status = 200, description = "A page of what links carry.", body = Page<LinkLoad>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<LinkLoadsQuery>,
) -> Answer<Json<Page<LinkLoad>>> {
    let filters = format!("{:?}", query.device_id);
    let sort = sort_field(query.sort.as_deref(), &["id", "utilization"])?;
    let by_load = sort.0 == "utilization";
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let services = granted.services();
    let (series, now) = (services.series.clone(), services.clock.now());
    let inventory = services.store.inventory.clone();
    let work = move || {
        let links = inventory.links();
        let rows = links.iter().filter(|link| {
            query
                .device_id
                .is_none_or(|id| link.a.device_id == id || link.b.device_id == id)
        });
        let mut rates = RateReader::new(&series, now);
        if by_load {
            // To a billionth, as of interfaces.
            let loads = rows.map(|link| load(link, &inventory, &mut rates));
            let placed = loads.map(|load| {
                let key = Key::measured(load.utilization, 1e9);
                ((key, load.link_id.to_string()), load)
            });
            return paging.take(placed);
        }
        let placed = rows.map(|link| ((Key::Absent, link.id.to_string()), link));
        paging
            .take(placed)
            .map(|link| load(link, &inventory, &mut rates))
    };
    granted.state().blocking(work).await.map(Json)
}

fn load(link: &Link, inventory: &Inventory, rates: &mut RateReader<'_>) -> LinkLoad {
    let a = end(&link.a, inventory, rates);
    let b = end(&link.b, inventory, rates);
    LinkLoad {
        link_id: link.id,
        utilization: largest(a.utilization(), b.utilization()),
        a,
        b,
    }
}

fn end(end: &End, inventory: &Inventory, rates: &mut RateReader<'_>) -> EndLoad {
    let Some((record, interface)) = end.interface_id.and_then(|id| {
        let interface = inventory.interface(id)?;
        Some((inventory.device(interface.device_id)?, interface))
    }) else {
        return EndLoad::default();
    };
    let Rates {
        in_bps,
        out_bps,
        in_utilization,
        out_utilization,
    } = rates.of(&record.device.body, &interface);
    EndLoad {
        interface: Some(interface.name.clone()),
        oper_status: interface.oper_status,
        in_bps,
        out_bps,
        in_utilization,
        out_utilization,
    }
}

fn largest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (known, None) | (None, known) => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_end_tells_is_told() {
        assert_eq!(largest(None, None), None);
        assert_eq!(largest(Some(0.2), None), Some(0.2));
        assert_eq!(largest(None, Some(0.2)), Some(0.2));
        assert_eq!(largest(Some(0.2), Some(0.7)), Some(0.7));
    }
}
