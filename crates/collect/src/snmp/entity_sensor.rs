//! ENTITY-SENSOR-MIB (RFC 3433), and how a sensor of any MIB becomes a fact and a reading.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode, entity};
use ::snmp::Defect;
use model::Metric;
use model::facts::SensorFacts;

pub(super) const COLUMNS: Columns = Columns {
    kind: &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, 1],
    scale: &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, 2],
    precision: &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, 3],
    value: &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, 4],
    status: &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, 5],
};

/// The columns of a table of sensors in the form of ENTITY-SENSOR-MIB.
pub(super) struct Columns {
    pub(super) kind: &'static [u32],
    pub(super) scale: &'static [u32],
    pub(super) precision: &'static [u32],
    pub(super) value: &'static [u32],
    pub(super) status: &'static [u32],
}

pub(super) static MIB: Mib = Mib {
    asks: &[
        Ask::of(Groups::SENSORS, COLUMNS.kind),
        Ask::of(Groups::SENSORS, COLUMNS.scale),
        Ask::of(Groups::SENSORS, COLUMNS.precision),
        Ask::of(Groups::SENSORS, COLUMNS.value),
        Ask::of(Groups::SENSORS, COLUMNS.status),
        Ask::where_any(Groups::SENSORS, entity::DESCR, COLUMNS.value),
        Ask::where_any(Groups::SENSORS, entity::NAME, COLUMNS.value),
        Ask::where_any(Groups::SENSORS, entity::ALIAS_MAPPING, COLUMNS.value),
    ],
    enterprises: &[],
    read: |rows, draft| read_table(&COLUMNS, rows, draft),
};

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    Voltage,
    Current,
    Power,
    Frequency,
    Temperature,
    Humidity,
    FanSpeed,
    AirFlow,
    Truth,
    Dbm,
    Load,
    Charge,
    Runtime,
    Other,
}

impl Quantity {
    /// EntitySensorDataType, and CISCO-ENTITY-SENSOR-MIB::SensorDataType which it grew from.
    fn of(number: i64) -> Option<Self> {
        Some(match number {
            3 | 4 => Self::Voltage,
            5 => Self::Current,
            6 => Self::Power,
            7 => Self::Frequency,
            8 => Self::Temperature,
            9 => Self::Humidity,
            10 => Self::FanSpeed,
            11 => Self::AirFlow,
            12 => Self::Truth,
            14 => Self::Dbm,
            1 | 2 | 13 => Self::Other,
            _ => return None,
        })
    }
    /// The kind in facts.
    fn kind(self) -> &'static str {
        match self {
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::Power => "power",
            Self::Frequency => "frequency",
            Self::Temperature => "temperature",
            Self::Humidity => "humidity",
            Self::FanSpeed => "fanspeed",
            Self::AirFlow => "airflow",
            Self::Truth => "state",
            Self::Dbm => "dbm",
            Self::Load => "load",
            Self::Charge => "charge",
            Self::Runtime => "runtime",
            Self::Other => "count",
        }
    }
    /// The unit of the value in facts.
    fn unit(self) -> &'static str {
        match self {
            Self::Voltage => "V",
            Self::Current => "A",
            Self::Power => "W",
            Self::Frequency => "Hz",
            Self::Temperature => "°C",
            Self::Humidity | Self::Load | Self::Charge => "%",
            Self::FanSpeed => "rpm",
            Self::AirFlow => "m³/min",
            Self::Dbm => "dBm",
            Self::Runtime => "min",
            Self::Truth | Self::Other => "",
        }
    }
    /// The metric and the factor to its base unit; none where there is no metric for it.
    fn metric(self) -> (Metric, f64) {
        match self {
            Self::Voltage => (Metric::SENSOR_VOLTAGE, 1.0),
            Self::Current => (Metric::SENSOR_CURRENT, 1.0),
            Self::Power => (Metric::SENSOR_POWER, 1.0),
            Self::Frequency => (Metric::SENSOR_FREQUENCY, 1.0),
            Self::Temperature => (Metric::SENSOR_TEMPERATURE, 1.0),
            Self::Humidity => (Metric::SENSOR_HUMIDITY, 0.01),
            Self::FanSpeed => (Metric::SENSOR_FAN_SPEED, 1.0),
            Self::AirFlow => (Metric::SENSOR_FLOW, 1.0 / 60.0),
            Self::Truth => (Metric::SENSOR_STATE, 1.0),
            Self::Dbm => (Metric::SENSOR_DBM, 1.0),
            Self::Load | Self::Charge | Self::Runtime | Self::Other => (Metric::SENSOR_OTHER, 1.0),
        }
    }
    /// What the quantity can be at all; agents fill absent sensors with the ends of their integers.
    fn is_possible(self, value: f64) -> bool {
        let range = match self {
            Self::Temperature => -200.0..=1_000.0,
            Self::Humidity | Self::Charge => 0.0..=100.0,
            Self::Load => 0.0..=1_000.0,
            Self::FanSpeed => 0.0..=200_000.0,
            Self::Dbm => -200.0..=100.0,
            Self::Voltage | Self::Current => -100_000.0..=100_000.0,
            Self::Power => -10_000_000.0..=10_000_000.0,
            _ => f64::MIN..=f64::MAX,
        };
        range.contains(&value)
    }
}

/// A sensor as a MIB's reader found it, in the unit of its quantity.
pub(super) struct Sensor {
    pub(super) quantity: Quantity,
    pub(super) name: String,
    pub(super) index: Vec<u32>,
    pub(super) value: f64,
    pub(super) interface: Option<String>,
}

/// Adds a sensor to facts and readings.
pub(super) fn add(draft: &mut Draft, sensor: Sensor) {
    if !draft.wants(Groups::SENSORS) {
        return;
    }
    let Sensor {
        quantity,
        name,
        index,
        value,
        interface,
    } = sensor;
    if !value.is_finite() || !quantity.is_possible(value) {
        return draft.defects.add(Defect::AbsurdValue);
    }
    let (metric, factor) = quantity.metric();
    let instance = draft.part("sensor", &name, &index);
    if quantity == Quantity::Truth {
        draft.count(
            metric,
            &instance,
            if value > 0.0 && value < 2.0 { 1 } else { 2 },
        );
    } else {
        draft.gauge(metric, &instance, value * factor);
    }
    let unit = quantity.unit();
    draft.facts.sensors.push(SensorFacts {
        name: Some(name),
        kind: Some(quantity.kind().to_owned()),
        value: Some(value),
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
        interface,
    });
}

/// Reads a table of sensors in the form of ENTITY-SENSOR-MIB.
pub(super) fn read_table(columns: &Columns, rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::SENSORS) {
        return;
    }
    for (index, value) in rows.column(columns.value) {
        // The same sensor under both MIBs is read once.
        if !draft.sensed.insert(index.to_vec()) {
            continue;
        }
        // nonoperational(3) and unavailable(2) keep an old value or none.
        let status = draft.integer(rows, columns.status, index);
        if status.is_some_and(|status| status != 1) {
            continue;
        }
        let Some(raw) = value.as_i64() else {
            draft.defects.add(Defect::WrongType);
            continue;
        };
        let kind = draft.integer(rows, columns.kind, index);
        let Some(quantity) = kind.and_then(Quantity::of) else {
            continue;
        };
        if quantity == Quantity::Other {
            continue;
        }
        // Units without decimals where the agent leaves them out.
        let scale = draft.integer(rows, columns.scale, index).unwrap_or(9);
        let precision = draft.integer(rows, columns.precision, index).unwrap_or(0);
        let Some(value) = decode::scaled(raw, scale, precision) else {
            draft.defects.add(Defect::AbsurdValue);
            continue;
        };
        // 1,000,000,000 is how an overflow is told (RFC 3433 section 3.1).
        if raw.abs() >= 1_000_000_000 {
            draft.defects.add(Defect::AbsurdValue);
            continue;
        }
        let name = name(rows, draft, index);
        let interface = interface(rows, draft, index);
        add(
            draft,
            Sensor {
                quantity,
                name,
                index: index.to_vec(),
                value,
                interface,
            },
        );
    }
}

fn name(rows: &Rows, draft: &mut Draft, index: &[u32]) -> String {
    draft
        .text(rows, entity::NAME, index)
        .or_else(|| draft.text(rows, entity::DESCR, index))
        .unwrap_or_else(|| format!("Sensor {}", super::draft::dotted(index)))
}

/// The interface that the part is a port of, where the agent says so.
fn interface(rows: &Rows, draft: &Draft, index: &[u32]) -> Option<String> {
    let mapping = [entity::ALIAS_MAPPING, index].concat();
    let (_, target) = rows.column(&mapping).next()?;
    let &number = target.as_oid()?.arcs().last()?;
    draft.interface_names.get(&number).cloned()
}
