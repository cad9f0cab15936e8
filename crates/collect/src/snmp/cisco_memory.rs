//! CISCO-MEMORY-POOL-MIB and CISCO-ENHANCED-MEMPOOL-MIB: memory of Cisco devices.

use super::draft::{Draft, dotted};
use super::mib::{Ask, Mib};
use super::{Groups, Rows, entity};

const POOL_NAME: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 48, 1, 1, 1, 2];
const POOL_USED: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 48, 1, 1, 1, 5];
const POOL_FREE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 48, 1, 1, 1, 6];
/// Indexed by entPhysicalIndex and pool.
const ENHANCED_NAME: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 221, 1, 1, 1, 1, 3];
const ENHANCED_USED: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 221, 1, 1, 1, 1, 7];
const ENHANCED_FREE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 221, 1, 1, 1, 1, 8];
const ENHANCED_HC_USED: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 221, 1, 1, 1, 1, 18];
const ENHANCED_HC_FREE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 221, 1, 1, 1, 1, 20];

pub(super) static MIB: Mib = Mib {
    asks: &[
        Ask::of(Groups::MEMORY, POOL_NAME),
        Ask::of(Groups::MEMORY, POOL_USED),
        Ask::of(Groups::MEMORY, POOL_FREE),
        Ask::of(Groups::MEMORY, ENHANCED_NAME),
        Ask::of(Groups::MEMORY, ENHANCED_USED),
        Ask::of(Groups::MEMORY, ENHANCED_FREE),
        Ask::of(Groups::MEMORY, ENHANCED_HC_USED),
        Ask::of(Groups::MEMORY, ENHANCED_HC_FREE),
        Ask::where_any(Groups::MEMORY, entity::NAME, ENHANCED_USED),
    ],
    enterprises: &[9],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    let before = draft.facts.memory.len();
    for index in rows.indexes(&[ENHANCED_USED, ENHANCED_HC_USED]) {
        let used = wide(rows, draft, ENHANCED_HC_USED, ENHANCED_USED, index);
        let free = wide(rows, draft, ENHANCED_HC_FREE, ENHANCED_FREE, index);
        let pool = draft
            .text(rows, ENHANCED_NAME, index)
            .unwrap_or_else(|| format!("Memory {}", dotted(index)));
        let part = index
            .first()
            .and_then(|&part| draft.text(rows, entity::NAME, &[part]));
        let name = part.map_or(pool.clone(), |part| format!("{part} - {pool}"));
        add(draft, &name, index, used, free);
    }
    if draft.facts.memory.len() > before {
        return;
    }
    for index in rows.indexes(&[POOL_USED]) {
        let used = draft.number(rows, POOL_USED, index);
        let free = draft.number(rows, POOL_FREE, index);
        let name = draft
            .text(rows, POOL_NAME, index)
            .unwrap_or_else(|| format!("Memory {}", dotted(index)));
        add(draft, &name, index, used, free);
    }
}

/// The 64-bit column where it holds something, else the 32-bit one.
fn wide(
    rows: &Rows,
    draft: &mut Draft,
    wide: &[u32],
    narrow: &[u32],
    index: &[u32],
) -> Option<u64> {
    draft
        .number(rows, wide, index)
        .filter(|&octets| octets > 0)
        .or_else(|| draft.number(rows, narrow, index))
}

fn add(draft: &mut Draft, name: &str, index: &[u32], used: Option<u64>, free: Option<u64>) {
    if let (Some(used), Some(free)) = (used, free)
        && let Some(total) = used.checked_add(free)
        && total > 0
    {
        draft.memory(name, index, used, total);
    }
}
