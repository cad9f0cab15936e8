//! ENTITY-MIB (RFC 6933): parts, and what the chassis says the device is.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows};
use model::facts::PartFacts;

macro_rules! columns {
    ($($name:ident = $arc:literal;)*) => {
        $(pub(super) const $name: &[u32] = &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, $arc];)*
    };
}

columns! {
    DESCR = 2;
    CONTAINED_IN = 4;
    CLASS = 5;
    NAME = 7;
    HARDWARE_REV = 8;
    FIRMWARE_REV = 9;
    SOFTWARE_REV = 10;
    SERIAL_NUM = 11;
    MODEL_NAME = 13;
}

/// entAliasMappingIdentifier: which ifIndex a port is. Indexed by part and logical entity.
pub(super) const ALIAS_MAPPING: &[u32] = &[1, 3, 6, 1, 2, 1, 47, 1, 3, 2, 1, 2];

const CHASSIS: u64 = 3;
const STACK: u64 = 11;
const MODULE: u64 = 9;
/// Parts within parts between a sensor and its port.
const DEPTH_MAX: usize = 4;

pub(super) static MIB: Mib = Mib {
    name: "ENTITY-MIB",
    asks: &[
        Ask::head(Groups::SYSTEM, CLASS),
        Ask::head(Groups::SYSTEM, SERIAL_NUM),
        Ask::head(Groups::SYSTEM, MODEL_NAME),
        Ask::head(Groups::SYSTEM, SOFTWARE_REV),
        Ask::head(Groups::SYSTEM, FIRMWARE_REV),
        Ask::head(Groups::SYSTEM, DESCR),
        Ask::of(Groups::INVENTORY, DESCR),
        Ask::of(Groups::INVENTORY, CONTAINED_IN),
        Ask::of(Groups::INVENTORY, CLASS),
        Ask::of(Groups::INVENTORY, NAME),
        Ask::of(Groups::INVENTORY, HARDWARE_REV),
        Ask::of(Groups::INVENTORY, FIRMWARE_REV),
        Ask::of(Groups::INVENTORY, SOFTWARE_REV),
        Ask::of(Groups::INVENTORY, SERIAL_NUM),
        Ask::of(Groups::INVENTORY, MODEL_NAME),
    ],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if draft.wants(Groups::SYSTEM) {
        device(rows, draft);
    }
    if draft.wants(Groups::INVENTORY) {
        inventory(rows, draft);
    }
}

/// The chassis names the device; without one, the first part that has a serial number does.
fn device(rows: &Rows, draft: &mut Draft) {
    let mut parts: Vec<Vec<u32>> = rows
        .column(CLASS)
        .filter(|(_, class)| matches!(class.as_u64(), Some(CHASSIS | STACK)))
        .map(|(index, _)| index.to_vec())
        .collect();
    // A chassis before the stack that holds it: the stack rarely has a serial number.
    parts.sort_by_key(|index| {
        rows.cell(CLASS, index).and_then(::snmp::Value::as_u64) == Some(STACK)
    });
    parts.extend(
        rows.column(CLASS)
            .filter(|(_, class)| class.as_u64() == Some(MODULE))
            .map(|(index, _)| index.to_vec())
            .take(1),
    );
    if !rows.has(CLASS) {
        let named = rows.indexes(&[SERIAL_NUM, MODEL_NAME]);
        parts.extend(named.first().map(|index| index.to_vec()));
    }
    let first = |draft: &mut Draft, column: &[u32]| {
        parts
            .iter()
            .find_map(|index| draft.text(rows, column, index).filter(|text| is_told(text)))
    };
    let serial = first(draft, SERIAL_NUM);
    let model = first(draft, MODEL_NAME);
    let revision = first(draft, SOFTWARE_REV).or_else(|| first(draft, FIRMWARE_REV));
    let device = &mut draft.facts.device;
    device.serial = device.serial.take().or(serial);
    device.model = device.model.take().or(model);
    device.os_version = device.os_version.take().or(revision);
}

/// Agents fill what they do not know with words.
pub(super) fn is_told(text: &str) -> bool {
    let plain = text
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_ascii_lowercase();
    !matches!(
        plain.as_str(),
        "" | "0"
            | "n/a"
            | "na"
            | "none"
            | "unknown"
            | "not available"
            | "null"
            | "unspecified"
            | "not specified"
            | "to be filled by o.e.m"
            | "default string"
            | "empty"
    )
}

/// The ifIndex of the port that a part is, or is in: a transceiver's sensor sits in the transceiver,
/// which sits in the port.
pub(super) fn interface_of(rows: &Rows, index: &[u32]) -> Option<u32> {
    let mut part = *index.first()?;
    for _ in 0..DEPTH_MAX {
        let mapping = [ALIAS_MAPPING, &[part]].concat();
        let target = rows
            .column(&mapping)
            .next()
            .and_then(|(_, target)| target.as_oid());
        if let Some(target) = target {
            return target.arcs().last().copied();
        }
        let outer = rows.cell(CONTAINED_IN, &[part])?.as_u64()?;
        part = u32::try_from(outer).ok().filter(|&outer| outer > 0)?;
    }
    None
}

fn inventory(rows: &Rows, draft: &mut Draft) {
    for index in rows.indexes(&[CLASS, DESCR, NAME]) {
        let [number] = *index else {
            draft.defects.add(::snmp::Defect::WrongIndex);
            continue;
        };
        let part = PartFacts {
            index: Some(number),
            contained_in: draft
                .number(rows, CONTAINED_IN, index)
                .and_then(|part| u32::try_from(part).ok())
                .filter(|&part| part > 0),
            class: draft
                .number(rows, CLASS, index)
                .and_then(class)
                .map(str::to_owned),
            name: draft.text(rows, NAME, index),
            description: draft.text(rows, DESCR, index),
            model: draft.text(rows, MODEL_NAME, index),
            serial: draft.text(rows, SERIAL_NUM, index),
            hardware_revision: draft.text(rows, HARDWARE_REV, index),
            firmware_revision: draft.text(rows, FIRMWARE_REV, index),
            software_revision: draft.text(rows, SOFTWARE_REV, index),
        };
        draft.facts.inventory.push(part);
    }
}

/// Source: IANA-ENTITY-MIB::IANAPhysicalClass.
fn class(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "other",
        2 => "unknown",
        3 => "chassis",
        4 => "backplane",
        5 => "container",
        6 => "powerSupply",
        7 => "fan",
        8 => "sensor",
        9 => "module",
        10 => "port",
        11 => "stack",
        12 => "cpu",
        13 => "energyObject",
        14 => "battery",
        15 => "storageDrive",
        _ => return None,
    })
}
