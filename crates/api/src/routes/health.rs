//! The health of the whole network; the formula is `topology::health`'s.

use crate::auth::gate::{Granted, permit};
use crate::problem::Answer;
use axum::Json;
use model::health::Health;
use model::link::Link;
use topology::Known;

/// Reads the health of the network: the mean of the shares of devices, interfaces and links that
/// are well, each weighted by what hangs on it.
#[utoipa::path(get, path = "/health", tag = "topology", operation_id = "get_health",
    responses((status = 200, description = "The health, and how many are in each state.", body = Health)))]
pub(crate) async fn get(granted: Granted<permit::ReadInventory>) -> Answer<Json<Health>> {
    let inventory = granted.services().store.inventory.clone();
    let work = move || {
        let records = inventory.devices();
        let links: Vec<Link> = inventory
            .links()
            .iter()
            .map(|link| Link::clone(link))
            .collect();
        let names: Vec<String> = records.iter().map(|r| r.device.body.name()).collect();
        let known = records.iter().zip(&names).map(|(record, name)| Known {
            device_id: record.device.body.id,
            name,
            address: record.device.body.address,
            identity: &record.device.body.identity,
            status: record.state.status,
            maintenance: record.device.body.maintenance,
            interfaces: &record.interfaces,
        });
        topology::health::assess(known, &links)
    };
    granted.state().blocking(work).await.map(Json)
}
