//! UCD-SNMP-MIB (net-snmp): memory, disks and processor of hosts, where HOST-RESOURCES-MIB does not
//! tell them.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows};

const MEM_TOTAL_SWAP: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 4, 3];
const MEM_AVAIL_SWAP: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 4, 4];
const MEM_TOTAL_REAL: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 4, 5];
const MEM_AVAIL_REAL: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 4, 6];
const MEM_BUFFER: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 4, 14];
const MEM_CACHED: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 4, 15];
const DISK_PATH: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 9, 1, 2];
const DISK_TOTAL: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 9, 1, 6];
const DISK_USED: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 9, 1, 8];
const CPU_IDLE: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 11, 11];

pub(super) static MIB: Mib = Mib {
    name: "UCD-SNMP-MIB",
    asks: &[
        Ask::of(Groups::MEMORY, MEM_TOTAL_SWAP),
        Ask::of(Groups::MEMORY, MEM_AVAIL_SWAP),
        Ask::of(Groups::MEMORY, MEM_TOTAL_REAL),
        Ask::of(Groups::MEMORY, MEM_AVAIL_REAL),
        Ask::of(Groups::MEMORY, MEM_BUFFER),
        Ask::of(Groups::MEMORY, MEM_CACHED),
        Ask::of(Groups::STORAGE, DISK_PATH),
        Ask::of(Groups::STORAGE, DISK_TOTAL),
        Ask::of(Groups::STORAGE, DISK_USED),
        Ask::of(Groups::PROCESSORS, CPU_IDLE),
    ],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if draft.facts.processors.is_empty()
        && let Some(idle) = draft.integer(rows, CPU_IDLE, &[0])
    {
        draft.processor("Processor", &[0], 100.0 - idle as f64);
    }
    if draft.facts.memory.is_empty() {
        memory(rows, draft);
    }
    if draft.facts.storage.is_empty() {
        disks(rows, draft);
    }
}

fn memory(rows: &Rows, draft: &mut Draft) {
    let mut kilobytes = |object| {
        let number = draft.unsigned32(rows, object, &[0]);
        number.map(|kilobytes| kilobytes.saturating_mul(1024))
    };
    let real = (kilobytes(MEM_TOTAL_REAL), kilobytes(MEM_AVAIL_REAL));
    let swap = (kilobytes(MEM_TOTAL_SWAP), kilobytes(MEM_AVAIL_SWAP));
    let buffers = kilobytes(MEM_BUFFER);
    let cached = kilobytes(MEM_CACHED);
    // What the kernel would give up at once is not in use.
    let spare = buffers.unwrap_or(0).saturating_add(cached.unwrap_or(0));
    if let (Some(total), Some(available)) = real
        && total > 0
    {
        let used = total.saturating_sub(available).saturating_sub(spare);
        draft.memory("Physical memory", &[5], used, total);
        for (name, index, share) in [
            ("Memory buffers", 14, buffers),
            ("Cached memory", 15, cached),
        ] {
            if let Some(share) = share.filter(|&share| share <= total) {
                draft.memory(name, &[index], share, total);
            }
        }
    }
    if let (Some(total), Some(available)) = swap
        && total > 0
    {
        draft.memory("Swap space", &[3], total.saturating_sub(available), total);
    }
}

fn disks(rows: &Rows, draft: &mut Draft) {
    for index in rows.indexes(&[DISK_TOTAL]) {
        let path = draft
            .text(rows, DISK_PATH, index)
            .unwrap_or_else(|| format!("Disk {}", super::decode::dotted(index)));
        let total = draft.unsigned32(rows, DISK_TOTAL, index);
        let used = draft.unsigned32(rows, DISK_USED, index);
        if let (Some(total), Some(used)) = (total, used)
            && total > 0
        {
            let octets = |kilobytes: u64| kilobytes.saturating_mul(1024);
            draft.storage(&path, index, octets(used), octets(total));
        }
    }
}
