//! Processors and memory of large vendors that HOST-RESOURCES-MIB does not tell, as a table: a row
//! each, no code. Anything that needs more than a row is for a profile.

use super::draft::{Draft, dotted};
use super::mib::{Ask, Mib, enterprise};
use super::{Groups, Rows, entity};
use model::facts::VolumeFacts;

/// A column of loads in percent.
struct Processor {
    enterprises: &'static [u32],
    load: &'static [u32],
    /// Where the rows are named: a column of the same index.
    names: Option<&'static [u32]>,
    /// A column of the same index that is above zero where the row is a processor at all.
    only_with: Option<&'static [u32]>,
}

/// Memory, as each vendor tells it.
struct Memory {
    enterprises: &'static [u32],
    name: &'static str,
    names: Option<&'static [u32]>,
    amount: Amount,
}

enum Amount {
    /// Octets in use and in all.
    Used {
        used: &'static [u32],
        total: &'static [u32],
    },
    /// Percent in use of so many units.
    Share {
        percent: &'static [u32],
        total: &'static [u32],
        unit_len: u64,
    },
    /// Percent in use of nobody says how much.
    Percent(&'static [u32]),
}

const JUNIPER_DESCR: &[u32] = &[1, 3, 6, 1, 4, 1, 2636, 3, 1, 13, 1, 5];
const JUNIPER_MEMORY: &[u32] = &[1, 3, 6, 1, 4, 1, 2636, 3, 1, 13, 1, 15];
const HUAWEI_MEMORY: &[u32] = &[1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 9];
const H3C_MEMORY: &[u32] = &[1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 10];

static PROCESSORS: &[Processor] = &[
    // FORTINET-FORTIGATE-MIB::fgSysCpuUsage, fgProcessorUsage
    plain(&[12356], &[1, 3, 6, 1, 4, 1, 12356, 101, 4, 1, 3]),
    plain(&[12356], &[1, 3, 6, 1, 4, 1, 12356, 101, 4, 4, 2, 1, 2]),
    // JUNIPER-MIB::jnxOperatingCPU
    Processor {
        enterprises: &[2636],
        load: &[1, 3, 6, 1, 4, 1, 2636, 3, 1, 13, 1, 8],
        names: Some(JUNIPER_DESCR),
        only_with: Some(JUNIPER_MEMORY),
    },
    // HUAWEI-ENTITY-EXTENT-MIB::hwEntityCpuUsage
    Processor {
        enterprises: &[2011],
        load: &[1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 5],
        names: Some(entity::NAME),
        only_with: Some(HUAWEI_MEMORY),
    },
    // HH3C-ENTITY-EXT-MIB::hh3cEntityExtCpuUsage
    Processor {
        enterprises: &[25506, 11],
        load: &[1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 6],
        names: Some(entity::NAME),
        only_with: Some(H3C_MEMORY),
    },
    // STATISTICS-MIB::hpSwitchCpuStat
    plain(&[11], &[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 5, 1, 9, 6, 1]),
    // WLSX-SYSTEMEXT-MIB::sysExtProcessorLoad
    Processor {
        enterprises: &[14823],
        load: &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 2, 1, 13, 1, 3],
        names: Some(&[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 2, 1, 13, 1, 2]),
        only_with: None,
    },
    // SW-MIB::swCpuUsage
    plain(&[1588], &[1, 3, 6, 1, 4, 1, 1588, 2, 1, 1, 1, 26, 1]),
    // AGENT-GENERAL-MIB::agentCPUutilizationIn5sec
    plain(&[171], &[1, 3, 6, 1, 4, 1, 171, 12, 1, 1, 6, 1]),
    // RADLAN-rndMng::rlCpuUtilDuringLast5Minutes: switches of many names on Marvell's software
    plain(&[9, 89, 674, 6486, 35265], &[1, 3, 6, 1, 4, 1, 89, 1, 9]),
];

static MEMORY: &[Memory] = &[
    Memory {
        enterprises: &[12356],
        name: "Memory",
        names: None,
        amount: Amount::Share {
            percent: &[1, 3, 6, 1, 4, 1, 12356, 101, 4, 1, 4],
            total: &[1, 3, 6, 1, 4, 1, 12356, 101, 4, 1, 5],
            unit_len: 1024,
        },
    },
    Memory {
        enterprises: &[2636],
        name: "Memory",
        names: Some(JUNIPER_DESCR),
        amount: Amount::Share {
            percent: &[1, 3, 6, 1, 4, 1, 2636, 3, 1, 13, 1, 11],
            total: JUNIPER_MEMORY,
            unit_len: 1024 * 1024,
        },
    },
    Memory {
        enterprises: &[2011],
        name: "Memory",
        names: Some(entity::NAME),
        amount: Amount::Share {
            percent: &[1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 7],
            total: HUAWEI_MEMORY,
            unit_len: 1,
        },
    },
    Memory {
        enterprises: &[25506, 11],
        name: "Memory",
        names: Some(entity::NAME),
        amount: Amount::Share {
            percent: &[1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 8],
            total: H3C_MEMORY,
            unit_len: 1,
        },
    },
    // NETSWITCH-MIB::hpLocalMemTable, hpGlobalMemTable
    Memory {
        enterprises: &[11],
        name: "Local memory",
        names: None,
        amount: Amount::Used {
            used: &[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 5, 1, 1, 2, 1, 1, 1, 7],
            total: &[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 5, 1, 1, 2, 1, 1, 1, 5],
        },
    },
    Memory {
        enterprises: &[11],
        name: "Global memory",
        names: None,
        amount: Amount::Used {
            used: &[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 5, 1, 1, 2, 2, 1, 1, 7],
            total: &[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 5, 1, 1, 2, 2, 1, 1, 5],
        },
    },
    // SW-MIB::swMemUsage
    Memory {
        enterprises: &[1588],
        name: "Memory",
        names: None,
        amount: Amount::Percent(&[1, 3, 6, 1, 4, 1, 1588, 2, 1, 1, 1, 26, 6]),
    },
    // AGENT-GENERAL-MIB::agentDRAMutilization
    Memory {
        enterprises: &[171],
        name: "Memory",
        names: None,
        amount: Amount::Percent(&[1, 3, 6, 1, 4, 1, 171, 12, 1, 1, 9, 1, 4]),
    },
];

const fn plain(enterprises: &'static [u32], load: &'static [u32]) -> Processor {
    Processor {
        enterprises,
        load,
        names: None,
        only_with: None,
    }
}

pub(super) static MIB: Mib = Mib {
    // What is asked depends on the vendor: see `asks`.
    asks: &[],
    enterprises: &[],
    read,
};

/// The columns that the tables above need of an agent, and the groups that need them.
pub(super) fn asks(object_id: &[u32]) -> Vec<Ask> {
    let Some(number) = enterprise(object_id) else {
        return Vec::new();
    };
    let processors = PROCESSORS
        .iter()
        .filter(|row| row.enterprises.contains(&number))
        .flat_map(Processor::columns)
        .map(|column| Ask::of(Groups::PROCESSORS, column));
    let memory = MEMORY
        .iter()
        .filter(|row| row.enterprises.contains(&number))
        .flat_map(Memory::columns)
        .map(|column| Ask::of(Groups::MEMORY, column));
    processors.chain(memory).collect()
}

/// All columns of the tables above.
pub(super) fn roots() -> impl Iterator<Item = &'static [u32]> {
    let processors = PROCESSORS.iter().flat_map(Processor::columns);
    processors.chain(MEMORY.iter().flat_map(Memory::columns))
}

impl Processor {
    fn columns(&self) -> impl Iterator<Item = &'static [u32]> + use<> {
        [Some(self.load), self.names, self.only_with]
            .into_iter()
            .flatten()
    }
}

impl Memory {
    fn columns(&self) -> impl Iterator<Item = &'static [u32]> + use<> {
        let columns = match self.amount {
            Amount::Used { used, total } => [Some(used), Some(total), self.names],
            Amount::Share { percent, total, .. } => [Some(percent), Some(total), self.names],
            Amount::Percent(percent) => [Some(percent), None, self.names],
        };
        columns.into_iter().flatten()
    }
}

fn read(rows: &Rows, draft: &mut Draft) {
    let Some(number) = enterprise(&draft.object_id) else {
        return;
    };
    if draft.facts.processors.is_empty() {
        for row in PROCESSORS
            .iter()
            .filter(|row| row.enterprises.contains(&number))
        {
            processors(row, rows, draft);
        }
    }
    if draft.facts.memory.is_empty() {
        for row in MEMORY
            .iter()
            .filter(|row| row.enterprises.contains(&number))
        {
            memory(row, rows, draft);
        }
    }
}

fn processors(row: &Processor, rows: &Rows, draft: &mut Draft) {
    for (index, load) in rows.column(row.load) {
        let is_one = row.only_with.is_none_or(|column| {
            rows.cell(column, index).and_then(::snmp::Value::as_u64) > Some(0)
        });
        // 101 is how some say that they did not measure.
        if let Some(load) = load.as_u64().filter(|&load| is_one && load <= 100) {
            let name = name(row.names, "Processor", rows, draft, index);
            draft.processor(&name, index, load as f64);
        }
    }
}

fn memory(row: &Memory, rows: &Rows, draft: &mut Draft) {
    match row.amount {
        Amount::Used { used, total } => {
            for index in rows.indexes(&[total]) {
                let used = draft.number(rows, used, index);
                let total = draft.number(rows, total, index).filter(|&total| total > 0);
                if let (Some(used), Some(total)) = (used, total) {
                    let name = name(row.names, row.name, rows, draft, index);
                    draft.memory(&name, index, used, total);
                }
            }
        }
        Amount::Share {
            percent,
            total,
            unit_len,
        } => {
            for index in rows.indexes(&[total]) {
                let percent = draft.number(rows, percent, index);
                let total = draft.number(rows, total, index).filter(|&total| total > 0);
                if let (Some(percent @ 0..=100), Some(total)) = (percent, total) {
                    let total = total.saturating_mul(unit_len);
                    let name = name(row.names, row.name, rows, draft, index);
                    draft.memory(&name, index, total / 100 * percent, total);
                }
            }
        }
        Amount::Percent(column) => {
            for (index, percent) in rows.column(column) {
                if let Some(percent) = percent.as_u64().filter(|&percent| percent <= 100)
                    && draft.wants(Groups::MEMORY)
                {
                    let name = name(row.names, row.name, rows, draft, index);
                    draft.facts.memory.push(VolumeFacts {
                        name: Some(name),
                        used_percent: Some(percent as f64),
                        ..VolumeFacts::default()
                    });
                }
            }
        }
    }
}

fn name(
    names: Option<&[u32]>,
    otherwise: &str,
    rows: &Rows,
    draft: &mut Draft,
    index: &[u32],
) -> String {
    names
        .and_then(|names| draft.text(rows, names, index))
        .unwrap_or_else(|| match index {
            [0] => otherwise.to_owned(),
            index => format!("{otherwise} {}", dotted(index)),
        })
}
