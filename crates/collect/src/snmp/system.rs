//! SNMPv2-MIB (RFC 3418) and SNMP-FRAMEWORK-MIB (RFC 3411): what the agent is.

use super::decode::dotted;
use super::draft::Draft;
use super::mib::{Ask, Mib, enterprise};
use super::{Glimpse, Groups, Rows, decode, kind, platform, vendor};
use crate::reading::Instance;
use ::snmp::Value;
use model::Metric;

pub(super) const SYS_DESCR: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 1];
pub(super) const SYS_OBJECT_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 2];
pub(super) const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3];
const SYS_CONTACT: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 4];
const SYS_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 5];
const SYS_LOCATION: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 6];
const SYS_SERVICES: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 7];
const SNMP_ENGINE_ID: &[u32] = &[1, 3, 6, 1, 6, 3, 10, 2, 1, 1];
const SNMP_ENGINE_TIME: &[u32] = &[1, 3, 6, 1, 6, 3, 10, 2, 1, 3];

/// RMON2-MIB::probeSoftwareRev (RFC 4502)
const PROBE_SOFTWARE_REV: &[u32] = &[1, 3, 6, 1, 2, 1, 16, 19, 2];

/// The scalars that every look asks for first: they show that the agent answers, what it is, and
/// whether it is the one that answered before.
pub(super) const FIRST: &[&[u32]] = &[
    SYS_UP_TIME,
    SYS_OBJECT_ID,
    SNMP_ENGINE_TIME,
    SNMP_ENGINE_ID,
    SYS_NAME,
];
/// The scalars of a look at the system group.
pub(super) const SCALARS: &[&[u32]] = &[SYS_DESCR, SYS_CONTACT, SYS_LOCATION, SYS_SERVICES];

pub(super) static MIB: Mib = Mib {
    name: "SNMPv2-MIB",
    asks: &[Ask::of(Groups::SYSTEM, PROBE_SOFTWARE_REV)],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    let up_time = rows.scalar(SYS_UP_TIME).and_then(Value::as_u64);
    if let Some(hundredths) = up_time {
        draft.gauge(
            Metric::SYS_UP_TIME,
            &Instance::Device,
            hundredths as f64 / 100.0,
        );
    }
    if let Some(object_id) = rows.scalar(SYS_OBJECT_ID).and_then(Value::as_oid) {
        draft.object_id = object_id.arcs().to_vec();
    }
    let scalar = |draft: &mut Draft, object| draft.text(rows, object, &[0]);
    let name = scalar(draft, SYS_NAME);
    let engine_id = draft
        .octets(rows, SNMP_ENGINE_ID, &[0])
        .and_then(decode::hex);
    draft.glimpse = Glimpse {
        engine_id: engine_id.clone(),
        name: name.clone(),
        object_id: (!draft.object_id.is_empty()).then(|| dotted(&draft.object_id)),
    };
    if !draft.wants(Groups::SYSTEM) {
        return;
    }
    let engine_time = draft.number(rows, SNMP_ENGINE_TIME, &[0]);
    let description = scalar(draft, SYS_DESCR);
    let contact = scalar(draft, SYS_CONTACT);
    let location = scalar(draft, SYS_LOCATION);
    let services = draft.number(rows, SYS_SERVICES, &[0]);
    let number = enterprise(&draft.object_id);
    let probe_version = scalar(draft, PROBE_SOFTWARE_REV);
    let told = platform::read(&draft.object_id, description.as_deref().unwrap_or(""));
    let vendor = number
        .and_then(vendor::name)
        .map(str::to_owned)
        .or(told.vendor);
    let kind = kind::guess(
        vendor.as_deref(),
        told.os.as_deref(),
        description.as_deref().unwrap_or(""),
        services,
    );
    let device = &mut draft.facts.device;
    device.object_id = (!draft.object_id.is_empty()).then(|| dotted(&draft.object_id));
    // sysUpTime runs over after 497 days; snmpEngineTime does not.
    device.uptime_seconds = engine_time
        .map(|seconds| seconds as f64)
        .into_iter()
        .chain(up_time.map(|hundredths| hundredths as f64 / 100.0))
        .reduce(f64::max);
    device.description = description;
    device.name = name;
    device.contact = contact;
    device.location = location;
    device.engine_id = engine_id;
    device.vendor = vendor;
    device.model = told.model;
    device.os = told.os;
    device.os_version = told.os_version.or(probe_version);
    device.serial = told.serial;
    device.kind = kind;
}

/// What only guesses can fill, once every MIB has had its say.
pub(super) fn finish(draft: &mut Draft) {
    let device = &mut draft.facts.device;
    if device.model.is_none() && device.os.as_deref() != Some("Linux") {
        device.model = device
            .description
            .as_deref()
            .and_then(platform::part_number);
    }
    if device.os_version.is_none() {
        device.os_version = device
            .description
            .as_deref()
            .and_then(platform::any_version);
    }
}
