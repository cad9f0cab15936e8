//! VLANs of a device, with the interfaces that they leave by.

use super::parts::{PartsQuery, page};
use crate::auth::gate::{Granted, permit};
use crate::page::Page;
use crate::problem::Answer;
use crate::query::{PathId, Query};
use crate::routes::devices;
use axum::Json;
use model::DeviceId;
use model::facts::VlanFacts;
use serde::Serialize;
use std::collections::HashMap;
use store::inventory::DeviceRecord;

/// A VLAN, and the interfaces that its frames leave by.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Vlan {
    /// 1 to 4094.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u16>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Names of the interfaces that its frames leave by without a tag, by ifIndex; left out where the
    /// device does not tell of ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    untagged: Option<Vec<String>>,
    /// Names of the interfaces that its frames leave by with a tag, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    tagged: Option<Vec<String>>,
}

/// Lists the VLANs of a device.
#[utoipa::path(get, path = "/devices/{device_id}/vlans", tag = "devices", operation_id = "list_device_vlans",
    params(("device_id" = DeviceId, Path, description = "The device."), PartsQuery),
    responses((status = 200, description = "A page of VLANs.", body = Page<Vlan>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<PartsQuery>,
) -> Answer<Json<Page<Vlan>>> {
    let record = devices::find(granted.services(), id)?;
    let Json(page) = page(&query, "", &["id", "name"], &record.facts.vlans)?;
    let names = names(&record);
    Ok(Json(page.map(|facts| Vlan::of(facts, &names))))
}

/// Names of interfaces by ifIndex.
fn names(record: &DeviceRecord) -> HashMap<u32, &str> {
    let present = record.interfaces.iter().filter(|one| one.present);
    present.map(|one| (one.index, one.name.as_str())).collect()
}

impl Vlan {
    fn of(facts: VlanFacts, names: &HashMap<u32, &str>) -> Self {
        let by_name = |ports: Vec<u32>| {
            let name = |index: u32| match names.get(&index) {
                Some(name) => (*name).to_owned(),
                None => format!("if{index}"),
            };
            ports.into_iter().map(name).collect()
        };
        Self {
            id: facts.id,
            name: facts.name,
            untagged: facts.untagged.map(by_name),
            tagged: facts.tagged.map(by_name),
        }
    }
}
