//! Maintenance of many devices at once. One device is patched; see `routes::devices`.

use super::devices;
use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::maintenance::{self, Wish};
use crate::problem::{Answer, Faults};
use crate::query::OneOf;
use crate::services::Services;
use crate::store_problem::of_store;
use crate::text::objection;
use axum::Json;
use futures_util::stream::{self, StreamExt as _};
use model::device::Maintenance;
use model::event::Event;
use model::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::documents::Expect;

/// Most devices that are named in one request; a site or a tag may have more.
const DEVICE_IDS_MAX: usize = 10_000;
/// Devices changed at the same time: their writes share a sync of the disk.
const AT_A_TIME: usize = 64;
/// How often a change is made again where somebody else changed the device at the same moment.
const TRIES_MAX: u32 = 8;

/// Which devices, and what is wished of them. Devices are named by ids, by site or by tag, in one
/// of these ways.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenanceRequest {
    /// These devices.
    #[serde(default)]
    #[schema(max_items = 10000)]
    device_ids: Option<Vec<DeviceId>>,
    /// All devices of this site.
    #[serde(default)]
    site: Option<String>,
    /// All devices with this tag.
    #[serde(default)]
    tag: Option<String>,
    /// Whether maintenance begins (or goes on, with the end and reason given here) or ends.
    #[serde(default = "yes")]
    #[schema(default = true)]
    maintenance: bool,
    /// When it is to end by itself, in the future.
    #[serde(default)]
    until: Option<Timestamp>,
    /// What for.
    #[serde(default)]
    reason: Option<String>,
}

fn yes() -> bool {
    true
}

/// What was done of a bulk request.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MaintenanceAnswer {
    /// What was done for each, by id.
    items: Vec<MaintenanceItem>,
    /// Devices that were changed.
    changed: u64,
    /// Devices that could not be.
    failed: u64,
}

/// What was done for one device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MaintenanceItem {
    /// The device.
    device_id: DeviceId,
    /// What people call it; null where there is no such device.
    name: Option<String>,
    /// What was done.
    outcome: MaintenanceOutcome,
    /// Why it could not be done, in one sentence.
    problem: Option<String>,
}

/// What was done for one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaintenanceOutcome {
    /// Maintenance began.
    Began,
    /// It went on already, and its end or reason was changed.
    Changed,
    /// It ended.
    Ended,
    /// It was so already.
    Unchanged,
    /// There is no such device.
    NotFound,
    /// It could not be kept.
    Failed,
}

/// Begins or ends the maintenance of many devices; answers what was done for each.
#[utoipa::path(post, path = "/maintenance", tag = "devices", operation_id = "set_maintenance",
    request_body = MaintenanceRequest,
    responses((status = 200, description = "What was done for each.", body = MaintenanceAnswer)))]
pub(crate) async fn set(
    granted: Granted<permit::WriteInventory>,
    Body(body): Body<MaintenanceRequest>,
) -> Answer<Json<MaintenanceAnswer>> {
    let services = granted.services();
    check(&body, services.clock.now())?;
    let ids = which(services, &body);
    services
        .to_the_end(|services| async move {
            let wish = Wish {
                on: Some(body.maintenance),
                until: body.maintenance.then_some(body.until),
                reason: body.maintenance.then_some(body.reason),
            };
            let one = |id| set_one(&services, id, &wish);
            let mut items: Vec<MaintenanceItem> = stream::iter(ids.into_iter().map(one))
                .buffer_unordered(AT_A_TIME)
                .collect()
                .await;
            items.sort_by_key(|item| item.device_id);
            let count = |outcomes: &[MaintenanceOutcome]| {
                let items = items.iter();
                items
                    .filter(|item| outcomes.contains(&item.outcome))
                    .count() as u64
            };
            Ok(MaintenanceAnswer {
                changed: count(&[
                    MaintenanceOutcome::Began,
                    MaintenanceOutcome::Changed,
                    MaintenanceOutcome::Ended,
                ]),
                failed: count(&[MaintenanceOutcome::Failed, MaintenanceOutcome::NotFound]),
                items,
            })
        })
        .await
        .map(Json)
}

fn check(body: &MaintenanceRequest, now: Timestamp) -> Answer<()> {
    let mut faults = Faults::default();
    let named = [
        body.device_ids.is_some(),
        body.site.is_some(),
        body.tag.is_some(),
    ];
    if named.into_iter().filter(|named| *named).count() != 1 {
        faults.add("", "exactly one of device_ids, site and tag is needed");
    }
    if let Some(ids) = &body.device_ids
        && !(1..=DEVICE_IDS_MAX).contains(&ids.len())
    {
        faults.add(
            "/device_ids",
            format!("1 to {DEVICE_IDS_MAX} ids are taken"),
        );
    }
    for (pointer, text) in [("/site", &body.site), ("/tag", &body.tag)] {
        if text.as_deref().is_some_and(|text| text.trim().is_empty()) {
            faults.add(pointer, "it is empty");
        }
    }
    if body.until.is_some_and(|until| until <= now) {
        faults.add("/until", format!("it is over; now it is {now}"));
    }
    if let Some(objection) = body.reason.as_deref().and_then(objection) {
        faults.add("/reason", objection);
    }
    if !body.maintenance {
        for (pointer, given) in [
            ("/until", body.until.is_some()),
            ("/reason", body.reason.is_some()),
        ] {
            if given {
                faults.add(pointer, "it goes with the beginning of maintenance only");
            }
        }
    }
    faults.into_result()
}

fn which(services: &Services, body: &MaintenanceRequest) -> Vec<DeviceId> {
    if let Some(ids) = &body.device_ids {
        let mut ids = ids.clone();
        ids.sort_unstable();
        ids.dedup();
        return ids;
    }
    let one = |text: &Option<String>| OneOf(text.iter().map(|t| t.trim().to_owned()).collect());
    let (site, tag) = (one(&body.site), one(&body.tag));
    services
        .store
        .inventory
        .devices()
        .iter()
        .map(|record| &record.device.body)
        .filter(|device| devices::list::belongs(device, &site, &tag))
        .map(|device| device.id)
        .collect()
}

async fn set_one(services: &Services, id: DeviceId, wish: &Wish) -> MaintenanceItem {
    let inventory = &services.store.inventory;
    let mut name = None;
    let mut tries = 0;
    let (outcome, problem) = loop {
        let Some(record) = inventory.device(id) else {
            break (MaintenanceOutcome::NotFound, None);
        };
        name = Some(record.device.body.name());
        let mut device = record.device.body.clone();
        let before = device.maintenance.clone();
        if let Err(problem) = maintenance::apply(&mut device, wish.clone(), services.clock.now()) {
            let said: Vec<String> = problem.faults().into_iter().map(|f| f.detail).collect();
            break (MaintenanceOutcome::Failed, Some(said.join("; ")));
        }
        let outcome = outcome(before.as_ref(), device.maintenance.as_ref());
        if outcome == MaintenanceOutcome::Unchanged {
            break (outcome, None);
        }
        tries += 1;
        let expect = Expect::Revision(record.device.revision);
        let now = services.clock.now();
        match services.store.update_device(device, expect, now).await {
            Ok(stored) => {
                services.publish(Event::DeviceChanged { device_id: id });
                services.publish(Event::DeviceMaintenance {
                    device_id: id,
                    maintenance: stored.body.maintenance.clone(),
                    at: now,
                });
                break (outcome, None);
            }
            Err(StoreError::RevisionConflict { .. }) if tries < TRIES_MAX => {
                // Memory may be a moment behind the documents.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                let said = of_store(error).faults().into_iter().map(|f| f.detail);
                break (
                    MaintenanceOutcome::Failed,
                    Some(said.collect::<Vec<_>>().join("; ")),
                );
            }
        }
    };
    MaintenanceItem {
        device_id: id,
        name,
        outcome,
        problem,
    }
}

fn outcome(before: Option<&Maintenance>, after: Option<&Maintenance>) -> MaintenanceOutcome {
    match (before, after) {
        (None, Some(_)) => MaintenanceOutcome::Began,
        (Some(_), None) => MaintenanceOutcome::Ended,
        (before, after) if before == after => MaintenanceOutcome::Unchanged,
        _ => MaintenanceOutcome::Changed,
    }
}
