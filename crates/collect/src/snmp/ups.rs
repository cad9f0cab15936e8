//! UPS-MIB (RFC 1628): batteries, inputs and outputs.

use super::draft::{Draft, dotted};
use super::entity_sensor::{Quantity, Sensor, add};
use super::mib::{Ask, Mib};
use super::{Groups, Rows};

const UPS: &[u32] = &[1, 3, 6, 1, 2, 1, 33, 1];

/// Column, name, quantity, and what the value is divided by to its unit.
static OBJECTS: &[(&[u32], &str, Quantity, f64)] = &[
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 2, 3],
        "Battery runtime",
        Quantity::Runtime,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 2, 4],
        "Battery charge",
        Quantity::Charge,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 2, 5],
        "Battery",
        Quantity::Voltage,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 2, 6],
        "Battery",
        Quantity::Current,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 2, 7],
        "Battery",
        Quantity::Temperature,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 3, 3, 1, 2],
        "Input",
        Quantity::Frequency,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 3, 3, 1, 3],
        "Input",
        Quantity::Voltage,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 3, 3, 1, 4],
        "Input",
        Quantity::Current,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 3, 3, 1, 5],
        "Input",
        Quantity::Power,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 4, 2],
        "Output",
        Quantity::Frequency,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 4, 4, 1, 2],
        "Output",
        Quantity::Voltage,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 4, 4, 1, 3],
        "Output",
        Quantity::Current,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 4, 4, 1, 4],
        "Output",
        Quantity::Power,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 4, 4, 1, 5],
        "Output load",
        Quantity::Load,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 5, 1],
        "Bypass",
        Quantity::Frequency,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 5, 3, 1, 2],
        "Bypass",
        Quantity::Voltage,
        1.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 5, 3, 1, 3],
        "Bypass",
        Quantity::Current,
        10.0,
    ),
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 5, 3, 1, 4],
        "Bypass",
        Quantity::Power,
        1.0,
    ),
];

pub(super) static MIB: Mib = Mib {
    asks: &[Ask::of(Groups::SENSORS, UPS)],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    for &(column, what, quantity, divisor) in OBJECTS {
        for (index, value) in rows.column(column) {
            let Some(raw) = value.as_i64() else {
                draft.defects.add(::snmp::Defect::WrongType);
                continue;
            };
            // Unsupported values are told as -1.
            if raw == -1 {
                continue;
            }
            let line = match index {
                [0] => what.to_owned(),
                index => format!("{what} {}", dotted(index)),
            };
            let kind = format!("{line} {}", suffix(quantity));
            add(
                draft,
                Sensor {
                    quantity,
                    name: kind.trim_end().to_owned(),
                    index: index.to_vec(),
                    value: raw as f64 / divisor,
                    interface: None,
                },
            );
        }
    }
}

/// Batteries and lines have several quantities each: the name says which.
fn suffix(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Voltage => "voltage",
        Quantity::Current => "current",
        Quantity::Power => "power",
        Quantity::Frequency => "frequency",
        Quantity::Temperature => "temperature",
        _ => "",
    }
}
