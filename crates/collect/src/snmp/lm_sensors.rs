//! LM-SENSORS-MIB (net-snmp): the sensors of a host's mainboard.

use super::draft::Draft;
use super::entity_sensor::{Quantity, Sensor, add};
use super::mib::{Ask, Mib};
use super::{Groups, Rows};

/// Name column, value column, quantity, and what the value is divided by.
static TABLES: &[(&[u32], &[u32], Quantity, f64)] = &[
    (
        &[1, 3, 6, 1, 4, 1, 2021, 13, 16, 2, 1, 2],
        &[1, 3, 6, 1, 4, 1, 2021, 13, 16, 2, 1, 3],
        Quantity::Temperature,
        1000.0,
    ),
    (
        &[1, 3, 6, 1, 4, 1, 2021, 13, 16, 3, 1, 2],
        &[1, 3, 6, 1, 4, 1, 2021, 13, 16, 3, 1, 3],
        Quantity::FanSpeed,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 4, 1, 2021, 13, 16, 4, 1, 2],
        &[1, 3, 6, 1, 4, 1, 2021, 13, 16, 4, 1, 3],
        Quantity::Voltage,
        1000.0,
    ),
];

pub(super) static MIB: Mib = Mib {
    asks: &[Ask::of(Groups::SENSORS, &[1, 3, 6, 1, 4, 1, 2021, 13, 16])],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    for &(names, values, quantity, divisor) in TABLES {
        for (index, value) in rows.column(values) {
            let Some(raw) = value.as_u64().filter(|&raw| raw > 0) else {
                continue;
            };
            // Below zero the agent counts back from 2^32.
            let raw = if quantity == Quantity::Temperature && raw > u64::from(u32::MAX / 2) {
                raw as f64 - 4_294_967_296.0
            } else {
                raw as f64
            };
            let name = draft
                .text(rows, names, index)
                .unwrap_or_else(|| format!("Sensor {}", super::draft::dotted(index)));
            add(
                draft,
                Sensor {
                    quantity,
                    name,
                    index: index.to_vec(),
                    value: raw / divisor,
                    interface: None,
                },
            );
        }
    }
}
