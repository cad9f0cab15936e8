//! A trap as it is kept.

use collect::trap::{Consequence, TrapReport};
use model::device::LOCAL_VANTAGE;
use model::interface::{IfStatus, Interface};
use model::trap::{TrapBody, TrapObject};
use model::{EventId, EventKind, EventRecord};
use snmp::{Oid, Value};
use std::fmt::Write as _;
use std::sync::Arc;
use store::inventory::DeviceRecord;
use topology::senders::{KnownBy, PortClues};

/// Most octets of a value that are kept: a trap carries words and numbers.
const VALUE_LEN_MAX: usize = 1_024;
/// ifAdminStatus and ifOperStatus, whose numbers are told by their names. Source: RFC 2863.
const IF_STATUSES: [&[u32]; 2] = [
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 7],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
];

/// The event of a trap of a device, where that is known.
pub(super) fn event(
    report: &TrapReport,
    known_by: Option<KnownBy>,
    record: Option<&DeviceRecord>,
) -> EventRecord {
    let notification = &report.notification;
    let interface = record.and_then(|record| interface(report, &record.interfaces));
    let objects: Vec<TrapObject> = notification.objects.iter().map(object).collect();
    let body = TrapBody {
        version: notification.version.name().to_owned(),
        protection: notification.protection.name().to_owned(),
        confirmed: notification.confirmed,
        credential_id: Some(report.credential_id),
        user: notification.user.clone(),
        context: notification.context.clone(),
        engine_id: notification.engine_id.as_ref().map(hex::encode),
        trap_oid: notification.trap_oid.to_string(),
        name: report.kind.map(|kind| kind.name.to_owned()),
        module: report.kind.map(|kind| kind.module.to_owned()),
        uptime_seconds: notification.uptime.map(|ticks| f64::from(ticks) / 100.0),
        agent_address: notification.agent_address.map(Into::into),
        enterprise: notification.enterprise.as_ref().map(Oid::to_string),
        source_port: report.source.port(),
        known_by: known_by.map(|by| by.name().to_owned()),
        interface: interface.map(|interface| interface.name.clone()),
        if_index: report.port.as_ref().and_then(|port| port.index),
        objects,
        consequence: match report.kind.map(|kind| kind.consequence) {
            Some(Consequence::Poll) if record.is_some() => Some("poll".to_owned()),
            Some(Consequence::Reread) if record.is_some() => Some("reread".to_owned()),
            _ => None,
        },
    };
    EventRecord {
        id: EventId::received(report.at),
        at: report.at,
        vantage: LOCAL_VANTAGE.to_owned(),
        kind: EventKind::Trap,
        device_id: record.map(|record| record.device.body.id),
        interface_id: interface.map(|interface| interface.id),
        source: report.source.ip(),
        severity: None,
        text: text(&body),
        // A struct of texts and numbers cannot fail to become JSON.
        body: serde_json::to_value(&body).unwrap_or_default(),
    }
}

fn interface<'a>(
    report: &TrapReport,
    interfaces: &'a [Arc<Interface>],
) -> Option<&'a Arc<Interface>> {
    let port = report.port.as_ref()?;
    let clues = PortClues {
        index: port.index,
        name: port.name.as_deref(),
        description: port.description.as_deref(),
    };
    let id = topology::senders::interface(interfaces, clues)?;
    interfaces.iter().find(|interface| interface.id == id)
}

fn object((oid, value): &(Oid, Value)) -> TrapObject {
    TrapObject {
        oid: oid.to_string(),
        name: collect::object_names::name(oid.arcs()),
        kind: value.kind().to_owned(),
        value: cut(words(oid, value)),
    }
}

/// A value in words; a state by its name, an OID by its.
fn words(oid: &Oid, value: &Value) -> String {
    let is_status = IF_STATUSES
        .iter()
        .any(|column| oid.arcs().starts_with(column));
    let status = value
        .as_u64()
        .filter(|_| is_status)
        .and_then(IfStatus::from_number);
    match (status, value) {
        (Some(status), _) => {
            let name = serde_json::to_value(status).unwrap_or_default();
            format!("{} ({})", name.as_str().unwrap_or_default(), value.text())
        }
        (None, Value::Oid(named)) => {
            collect::object_names::name(named.arcs()).unwrap_or_else(|| value.text())
        }
        _ => value.text(),
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(VALUE_LEN_MAX));
    text
}

/// What is searched and read in a list: what happened, where, and the objects.
fn text(body: &TrapBody) -> String {
    let mut text = body.name.clone().unwrap_or_else(|| body.trap_oid.clone());
    if let Some(interface) = &body.interface {
        let _ = write!(text, " {interface}");
    }
    for object in &body.objects {
        let name = object.name.as_ref().unwrap_or(&object.oid);
        let _ = write!(text, ", {name} = {}", object.value);
    }
    text
}
