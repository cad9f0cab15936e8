//! ENTITY-SENSOR-MIB (RFC 3433): temperatures, fans, power, light of optics.

use super::view::{View, text};
use super::{Column, Rows};
use crate::hardware::{Part, Sensor};
use crate::hash::{self, purpose};
use crate::mib::Value;
use crate::network::Peer;

macro_rules! column {
    ($arc:literal, $read:expr) => {
        Column {
            oid: &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, $arc],
            rows: Rows::Sensors,
            read: $read,
        }
    };
}

pub(super) static COLUMNS: &[Column] = &[
    // entPhySensorType, Scale, Precision, Value, OperStatus, UnitsDisplay, ValueTimeStamp,
    // ValueUpdateRate
    column!(1, |view, row| Some(Value::Integer(kind(
        sensor(view, row)?.1
    )))),
    column!(2, |_, _| Some(Value::Integer(UNITS))),
    column!(3, |view, row| Some(Value::Integer(precision(
        sensor(view, row)?.1
    )))),
    column!(4, |view, row| {
        let (part, sensor) = sensor(view, row)?;
        let value = if is_there(view, sensor) {
            value(view, part, sensor) * 10_f64.powi(precision(sensor))
        } else {
            0.0
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "far within i32 by what these measure"
        )]
        let value = value.round() as i32;
        Some(Value::Integer(value))
    }),
    column!(5, |view, row| {
        let there = is_there(view, sensor(view, row)?.1);
        Some(Value::Integer(if there { 1 } else { 2 }))
    }),
    column!(6, |view, row| Some(text(match sensor(view, row)?.1 {
        Sensor::Inlet | Sensor::Processor => "Celsius",
        Sensor::Fan => "RPM",
        Sensor::Supply => "Watts",
        Sensor::SentLight(_) | Sensor::ReceivedLight(_) => "dBm",
    }))),
    column!(7, |view, _| Some(Value::TimeTicks(view.ticks(view.at())))),
    column!(8, |_, _| Some(Value::Gauge32(10_000))),
];

/// EntitySensorDataScale units(9).
const UNITS: i32 = 9;

fn sensor<'a>(view: &View<'a>, row: usize) -> Option<(&'a Part, Sensor)> {
    let hardware = view.hardware();
    let part = hardware.parts.get(*hardware.sensors.get(row)?)?;
    Some((part, part.sensor?))
}

/// EntitySensorDataType.
fn kind(sensor: Sensor) -> i32 {
    match sensor {
        Sensor::Inlet | Sensor::Processor => 8,
        Sensor::Fan => 10,
        Sensor::Supply => 6,
        Sensor::SentLight(_) | Sensor::ReceivedLight(_) => 14,
    }
}

fn precision(sensor: Sensor) -> i32 {
    match sensor {
        Sensor::SentLight(_) | Sensor::ReceivedLight(_) => 2,
        Sensor::Inlet | Sensor::Processor => 1,
        Sensor::Fan | Sensor::Supply => 0,
    }
}

/// A port without a plug has no light to measure.
fn is_there(view: &View<'_>, sensor: Sensor) -> bool {
    match sensor {
        Sensor::SentLight(port) | Sensor::ReceivedLight(port) => view
            .device()
            .port(port)
            .is_some_and(|port| port.peer != Peer::Nothing),
        _ => true,
    }
}

fn value(view: &View<'_>, measured: &Part, sensor: Sensor) -> f64 {
    let device = u64::from(view.number().0);
    let chance = hash::mix2(
        view.network().root,
        purpose::SENSOR,
        device << 16 | u64::from(measured.index),
    );
    let ms = view.at().unix_ms();
    let hour = ms.rem_euclid(86_400_000) as f64 / 3_600_000.0;
    // Warmest at three in the afternoon.
    let day = 1.0 - (hour - 15.0).abs().min(24.0 - (hour - 15.0).abs()) / 6.0;
    let hotter = view.timeline().overheat_celsius(view.number(), view.at());
    let wave = |period_ms| hash::wave(chance, ms, period_ms);
    match sensor {
        Sensor::Inlet => {
            hash::between(chance, 20.0, 26.0) + 1.2 * day + 0.4 * wave(600_000) + hotter
        }
        Sensor::Processor => {
            hash::between(chance, 42.0, 58.0) + 1.5 * day + 1.5 * wave(180_000) + 1.1 * hotter
        }
        // Fans follow the heat.
        Sensor::Fan => {
            let usual = hash::between(chance, 4_200.0, 6_800.0);
            (usual + 60.0 * wave(30_000) + 80.0 * hotter).clamp(0.0, 16_000.0)
        }
        Sensor::Supply => {
            let plugs = f64::from(view.device().management_port());
            let usual = 40.0 + 1.1 * plugs + hash::between(chance, 0.0, 30.0);
            (usual + 2.0 * wave(60_000)) / f64::from(view.device().make.supplies.max(1))
        }
        Sensor::SentLight(_) => hash::between(chance, -2.6, -1.2) + 0.05 * wave(300_000),
        Sensor::ReceivedLight(port) => {
            if view.timeline().is_up(view.port(port), view.at()) {
                hash::between(chance, -7.5, -2.8) + 0.1 * wave(300_000)
            } else {
                // No light at all, as optics say it.
                -40.0
            }
        }
    }
}
