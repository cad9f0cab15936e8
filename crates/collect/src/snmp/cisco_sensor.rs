//! CISCO-ENTITY-SENSOR-MIB, which ENTITY-SENSOR-MIB grew from, and CISCO-ENVMON-MIB before it.

use super::draft::Draft;
use super::entity_sensor::{self, Columns, Quantity, Sensor, add};
use super::mib::{Ask, Mib};
use super::{Groups, Rows, entity};

const COLUMNS: Columns = Columns {
    kind: &[1, 3, 6, 1, 4, 1, 9, 9, 91, 1, 1, 1, 1, 1],
    scale: &[1, 3, 6, 1, 4, 1, 9, 9, 91, 1, 1, 1, 1, 2],
    precision: &[1, 3, 6, 1, 4, 1, 9, 9, 91, 1, 1, 1, 1, 3],
    value: &[1, 3, 6, 1, 4, 1, 9, 9, 91, 1, 1, 1, 1, 4],
    status: &[1, 3, 6, 1, 4, 1, 9, 9, 91, 1, 1, 1, 1, 5],
};

const TEMPERATURE_DESCR: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 13, 1, 3, 1, 2];
const TEMPERATURE_VALUE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 13, 1, 3, 1, 3];

pub(super) static MIB: Mib = Mib {
    asks: &[
        Ask::of(Groups::SENSORS, COLUMNS.kind),
        Ask::of(Groups::SENSORS, COLUMNS.scale),
        Ask::of(Groups::SENSORS, COLUMNS.precision),
        Ask::of(Groups::SENSORS, COLUMNS.value),
        Ask::of(Groups::SENSORS, COLUMNS.status),
        Ask::where_any(Groups::SENSORS, entity::DESCR, COLUMNS.value),
        Ask::where_any(Groups::SENSORS, entity::NAME, COLUMNS.value),
        Ask::of(Groups::SENSORS, TEMPERATURE_DESCR),
        Ask::of(Groups::SENSORS, TEMPERATURE_VALUE),
    ],
    enterprises: &[9],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    entity_sensor::read_table(&COLUMNS, rows, draft);
    let has_temperature = draft
        .facts
        .sensors
        .iter()
        .any(|sensor| sensor.kind.as_deref() == Some("temperature"));
    if has_temperature {
        return;
    }
    for (index, value) in rows.column(TEMPERATURE_VALUE) {
        let Some(celsius) = value.as_i64().filter(|&celsius| celsius != 0) else {
            continue;
        };
        let name = draft
            .text(rows, TEMPERATURE_DESCR, index)
            .unwrap_or_else(|| format!("Temperature {}", super::draft::dotted(index)));
        add(
            draft,
            Sensor {
                quantity: Quantity::Temperature,
                name,
                index: index.to_vec(),
                value: celsius as f64,
                interface: None,
            },
        );
    }
}
