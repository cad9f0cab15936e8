//! Traps and informs that were received.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging};
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::search;
use axum::Json;
use model::trap::{TrapBody, TrapObject};
use model::{CredentialId, DeviceId, EventId, EventKind, EventRecord, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::events::EventQuery;

/// A trap or an inform.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Trap)]
pub(crate) struct TrapResource {
    /// The id.
    id: EventId,
    /// When the server received it.
    at: Timestamp,
    /// Which poller received it.
    vantage: String,
    /// Whose it is; null where it came from what is no device.
    device_id: Option<DeviceId>,
    /// What the device is called now.
    device_name: Option<String>,
    /// The interface that it is about.
    interface_id: Option<InterfaceId>,
    /// What the interface was called then.
    interface_name: Option<String>,
    /// ifIndex that it names.
    interface_index: Option<u32>,
    /// Who sent it.
    #[schema(value_type = String)]
    source: IpAddr,
    /// The UDP port that it came from.
    source_port: u16,
    /// By what its device was known: `engine_id`, `named_address` (by the address that it names) or
    /// `source_address`.
    known_by: Option<String>,
    /// `v1`, `v2c` or `v3`.
    version: String,
    /// `community`, `no_auth_no_priv`, `auth_no_priv` or `auth_priv`: only the last two prove who
    /// sent it.
    protection: String,
    /// Whether its sender was answered (inform).
    confirmed: bool,
    /// The credential that it was believed by.
    credential_id: Option<CredentialId>,
    /// The user of SNMPv3.
    user: Option<String>,
    /// contextName of SNMPv3.
    context: Option<String>,
    /// snmpEngineID of its maker in lower-case hex.
    engine_id: Option<String>,
    /// snmpTrapOID: what happened.
    trap_oid: String,
    /// Its name in its MIB, as `linkDown`, where that is known.
    name: Option<String>,
    /// That MIB.
    module: Option<String>,
    /// It in one line.
    text: String,
    /// sysUpTime of its maker in seconds.
    uptime_seconds: Option<f64>,
    /// The address that it names as its maker's.
    #[schema(value_type = Option<String>)]
    agent_address: Option<IpAddr>,
    /// enterprise of SNMPv1 or snmpTrapEnterprise.
    enterprise: Option<String>,
    /// The objects that it carries.
    objects: Vec<TrapObject>,
    /// What was done about it: `poll` (its device was polled at once), `reread` (all of it was read
    /// at once), or null.
    consequence: Option<String>,
}

/// Which traps, and how they are paged: the latest first.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrapsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given. A page may have fewer although there
    /// are more: `next_cursor` tells.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Only from this address.
    #[param(value_type = Option<String>)]
    source: Option<IpAddr>,
    /// Only where all these words are in the line: its name, the interface, objects and values. A
    /// word of three letters or more is found as the beginning of longer ones too.
    q: Option<String>,
    /// From this time on.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Before this time.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
}

/// Lists traps and informs, the latest first.
#[utoipa::path(get, path = "/traps", tag = "events", operation_id = "list_traps",
    params(TrapsQuery),
    responses((status = 200, description = "A page of traps.", body = Page<TrapResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<TrapsQuery>,
) -> Answer<Json<Page<TrapResource>>> {
    let services = granted.services();
    let text = search::text(query.q)?;
    let filters = format!(
        "{:?}{:?}{:?}{text:?}{:?}",
        query.device_id, query.from, query.to, query.source
    );
    let paging = Paging::new(query.limit, query.cursor.as_deref(), ("at", true), &filters)?;
    let after = paging.after().map(|(_, place)| place.parse());
    let Ok(cursor) = after.transpose() else {
        let detail = "it is not one of ours";
        return Err(Problem::field(Kind::BadCursor, "?cursor", detail));
    };
    let asked = EventQuery {
        kind: Some(EventKind::Trap),
        device_id: query.device_id,
        source: query.source,
        severity_max: None,
        text,
        from: query.from,
        to: query.to,
        cursor,
        limit: paging.limit(),
    };
    let page = services.store.events.query(asked).await;
    let page = page.map_err(|error| Problem::internal("the event store", &error))?;
    let next = page.next.map(|next| (Key::Absent, next.to_string()));
    let items = page.items.into_iter().map(|event| {
        let device = event
            .device_id
            .and_then(|id| services.store.inventory.device(id));
        resource(event, device.map(|record| record.device.body.name()))
    });
    Ok(Json(paging.going_on(items.collect(), next.as_ref())))
}

fn resource(event: EventRecord, device_name: Option<String>) -> TrapResource {
    // A body of another release that cannot be read leaves what stands beside it.
    let body: TrapBody = serde_json::from_value(event.body).unwrap_or_default();
    TrapResource {
        id: event.id,
        at: event.at,
        vantage: event.vantage,
        device_id: event.device_id,
        device_name,
        interface_id: event.interface_id,
        interface_name: body.interface,
        interface_index: body.if_index,
        source: event.source,
        source_port: body.source_port,
        known_by: body.known_by,
        version: body.version,
        protection: body.protection,
        confirmed: body.confirmed,
        credential_id: body.credential_id,
        user: body.user,
        context: body.context,
        engine_id: body.engine_id,
        trap_oid: body.trap_oid,
        name: body.name,
        module: body.module,
        text: event.text,
        uptime_seconds: body.uptime_seconds,
        agent_address: body.agent_address,
        enterprise: body.enterprise,
        objects: body.objects,
        consequence: body.consequence,
    }
}
