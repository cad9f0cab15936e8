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
    name: "HOST-RESOURCES-MIB",
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
enum Kind {
    Memory,
    Disk,
    /// Media that are full by nature, and what is none of ours.
    Neither,
}

struct Volume {
    kind: Kind,
    name: String,
    index: Vec<u32>,
    used: u64,
    total: u64,
}

fn read(rows: &Rows, draft: &mut Draft) {
    processors(rows, draft);
    let mut memory = Vec::new();
    for index in rows.indexes(&[STORAGE_SIZE, STORAGE_USED]) {
        let Some(volume) = volume(rows, draft, index.to_vec()) else {
            continue;
        };
        match volume.kind {
            Kind::Memory => memory.push(volume),
            Kind::Disk => {
                draft.storage(&volume.name, &volume.index, volume.used, volume.total);
            }
            Kind::Neither => {}
        }
    }
    reclaim(&mut memory);
    // What a profile tells of the memory is nearer to the device than what its agent says in general.
    let is_told = !draft.facts.memory.is_empty();
    for volume in memory.into_iter().filter(|_| !is_told) {
        draft.memory(&volume.name, &volume.index, volume.used, volume.total);
    }
}

/// net-snmp counts buffers and cache as physical memory in use, lists them beside it, and gives
/// each as its own size. What the kernel would give up at once is not in use, and each is a share
/// of the physical memory.
fn reclaim(memory: &mut [Volume]) {
    let named = |volume: &Volume, name: &str| volume.name.eq_ignore_ascii_case(name);
    let Some(total) = memory
        .iter()
        .find(|volume| named(volume, "Physical memory"))
        .map(|volume| volume.total)
    else {
        return;
    };
    let spare: u64 = memory
        .iter()
        .filter(|volume| named(volume, "Memory buffers") || named(volume, "Cached memory"))
        .map(|volume| volume.used)
        .fold(0, u64::saturating_add);
    for volume in memory {
        if named(volume, "Physical memory") {
            volume.used = volume.used.checked_sub(spare).unwrap_or(volume.used);
        } else if [
            "Memory buffers",
            "Cached memory",
            "Shared memory",
            "Available memory",
        ]
        .iter()
        .any(|name| named(volume, name))
        {
            volume.total = total.max(volume.used);
        }
    }
}

/// Named by their place: hrDeviceDescr says the same of each.
fn processors(rows: &Rows, draft: &mut Draft) {
    if !draft.facts.processors.is_empty() {
        return;
    }
    let all: Vec<_> = rows.column(PROCESSOR_LOAD).collect();
    for (place, (index, load)) in all.iter().enumerate() {
        match load.as_i64() {
            Some(load) if all.len() == 1 => {
                draft.processor("Processor", index, load as f64);
            }
            Some(load) => {
                draft.processor(&format!("Processor {}", place + 1), index, load as f64);
            }
            None => draft.defects.add(Defect::WrongType),
        }
    }
}

fn volume(rows: &Rows, draft: &mut Draft, index: Vec<u32>) -> Option<Volume> {
    let name = draft
        .text(rows, STORAGE_DESCR, &index)
        .unwrap_or_else(|| format!("Storage {}", super::decode::dotted(&index)));
    let kind = rows
        .cell(STORAGE_TYPE, &index)
        .and_then(Value::as_oid)
        .map_or(Kind::Disk, |oid| kind(oid.arcs(), &name));
    let units = draft.unsigned32(rows, STORAGE_UNITS, &index).unwrap_or(1);
    let size = draft.unsigned32(rows, STORAGE_SIZE, &index);
    let used = draft.unsigned32(rows, STORAGE_USED, &index);
    // A size of nothing is an empty drive.
    let (size, used) = (size.filter(|&size| size > 0)?, used?);
    Some(Volume {
        kind,
        name,
        index,
        used: used.saturating_mul(units),
        total: size.saturating_mul(units),
    })
}

fn kind(oid: &[u32], name: &str) -> Kind {
    let number = oid
        .strip_prefix(STORAGE_TYPES)
        .and_then(|rest| rest.first());
    match number {
        Some(2 | 3) => Kind::Memory,
        // compactDisc
        Some(7) => Kind::Neither,
        // net-snmp lists buffers, cache and shared memory as other(1).
        Some(1) if is_memory(name) => Kind::Memory,
        _ => Kind::Disk,
    }
}

fn is_memory(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("memory") || name.contains("swap") || name.contains("buffer")
}
