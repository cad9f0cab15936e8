//! CISCO-PROCESS-MIB: processors of Cisco devices, and of those that speak its MIBs.

use super::draft::{Draft, dotted};
use super::mib::{Ask, Mib};
use super::{Groups, Rows, entity};

const PHYSICAL_INDEX: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 109, 1, 1, 1, 1, 2];
const TOTAL_5MIN: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 109, 1, 1, 1, 1, 5];
const TOTAL_5MIN_REV: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 109, 1, 1, 1, 1, 8];
/// cpmCore5min, indexed by processor and core.
const CORE_5MIN: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 109, 1, 1, 2, 1, 5];
/// OLD-CISCO-CPU-MIB::avgBusy5
const AVG_BUSY_5: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 2, 1, 58];

pub(super) static MIB: Mib = Mib {
    asks: &[
        Ask::of(Groups::PROCESSORS, PHYSICAL_INDEX),
        Ask::of(Groups::PROCESSORS, TOTAL_5MIN),
        Ask::of(Groups::PROCESSORS, TOTAL_5MIN_REV),
        Ask::of(Groups::PROCESSORS, CORE_5MIN),
        Ask::of(Groups::PROCESSORS, AVG_BUSY_5),
        Ask::where_any(Groups::PROCESSORS, entity::NAME, TOTAL_5MIN_REV),
    ],
    enterprises: &[9],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    for index in rows.indexes(&[TOTAL_5MIN, TOTAL_5MIN_REV]) {
        let load = draft
            .number(rows, TOTAL_5MIN_REV, index)
            .or_else(|| draft.number(rows, TOTAL_5MIN, index));
        let part = draft
            .number(rows, PHYSICAL_INDEX, index)
            .and_then(|part| u32::try_from(part).ok());
        let name = part
            .and_then(|part| draft.text(rows, entity::NAME, &[part]))
            .unwrap_or_else(|| format!("Processor {}", dotted(index)));
        if let Some(load) = load {
            draft.processor(&name, index, load as f64);
        }
        let cores = [CORE_5MIN, index].concat();
        for (core, load) in rows.column(&cores) {
            if let Some(load) = load.as_u64() {
                let name = format!("{name}: core {}", dotted(core));
                draft.processor(&name, &[index, core].concat(), load as f64);
            }
        }
    }
    if draft.facts.processors.is_empty()
        && let Some(load) = draft.number(rows, AVG_BUSY_5, &[0])
    {
        draft.processor("Processor", &[0], load as f64);
    }
}
