//! HOST-RESOURCES-MIB (RFC 2790): processors, memory and storage.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows};
use ::snmp::{Defect, Value};

const STORAGE_TYPE: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 2];
const STORAGE_DESCR: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 3];
const STORAGE_UNITS: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 4];
const STORAGE_SIZE: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 5];
const STORAGE_USED: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 6];
const PROCESSOR_LOAD: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2];
/// hrStorageTypes: the last arc tells which.
const STORAGE_TYPES: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 1];

const VOLUMES: Groups = Groups::VOLUMES;

pub(super) static MIB: Mib = Mib {
    asks: &[
        Ask::of(Groups::PROCESSORS, PROCESSOR_LOAD),
        Ask::of(VOLUMES, STORAGE_TYPE),
        Ask::of(VOLUMES, STORAGE_DESCR),
        Ask::of(VOLUMES, STORAGE_UNITS),
        Ask::of(VOLUMES, STORAGE_SIZE),
        Ask::of(VOLUMES, STORAGE_USED),
    ],
    enterprises: &[],
    read,
};

/// What a row of hrStorageTable is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Volume {
    Memory,
    Disk,
    /// Media that are full by nature, and what is none of ours.
    Neither,
}

fn read(rows: &Rows, draft: &mut Draft) {
    processors(rows, draft);
    for index in rows.indexes(&[STORAGE_SIZE, STORAGE_USED]) {
        volume(rows, draft, &index);
    }
}

/// Named by their place: hrDeviceDescr says the same of each.
fn processors(rows: &Rows, draft: &mut Draft) {
    let all: Vec<_> = rows.column(PROCESSOR_LOAD).collect();
    for (place, (index, load)) in all.iter().enumerate() {
        match load.as_i64() {
            Some(load) if all.len() == 1 => draft.processor("Processor", index, load as f64),
            Some(load) => draft.processor(&format!("Processor {}", place + 1), index, load as f64),
            None => draft.defects.add(Defect::WrongType),
        }
    }
}

fn volume(rows: &Rows, draft: &mut Draft, index: &[u32]) {
    let name = draft
        .text(rows, STORAGE_DESCR, index)
        .unwrap_or_else(|| format!("Storage {}", super::draft::dotted(index)));
    let kind = rows
        .cell(STORAGE_TYPE, index)
        .and_then(Value::as_oid)
        .map_or(Volume::Disk, |oid| kind(oid.arcs(), &name));
    if kind == Volume::Neither {
        return;
    }
    let units = draft.unsigned32(rows, STORAGE_UNITS, index).unwrap_or(1);
    let size = draft.unsigned32(rows, STORAGE_SIZE, index);
    let used = draft.unsigned32(rows, STORAGE_USED, index);
    let (Some(size), Some(used)) = (size, used) else {
        return;
    };
    // An empty drive.
    if size == 0 {
        return;
    }
    let total = size.saturating_mul(units);
    let used = used.saturating_mul(units);
    if kind == Volume::Memory {
        draft.memory(&name, index, used, total);
    } else {
        draft.storage(&name, index, used, total);
    }
}

fn kind(oid: &[u32], name: &str) -> Volume {
    let number = oid
        .strip_prefix(STORAGE_TYPES)
        .and_then(|rest| rest.first());
    match number {
        Some(2 | 3) => Volume::Memory,
        // compactDisc
        Some(7) => Volume::Neither,
        // net-snmp lists buffers, cache and shared memory as other(1).
        Some(1) if is_memory(name) => Volume::Memory,
        _ => Volume::Disk,
    }
}

fn is_memory(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("memory") || name.contains("swap") || name.contains("buffer")
}
