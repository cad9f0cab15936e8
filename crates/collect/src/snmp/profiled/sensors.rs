//! Sensors by profiles.

use super::super::decode::dotted;
use super::super::draft::{Draft, Sensor};
use super::super::{Groups, Rows, decode, entity};
use super::cell::{self, first_text, passes};
use super::loads::indexes;
use crate::profile::{Amount, Cell, InterfaceOf, Kind, Quantity, Sensors, Unit};
use ::snmp::Defect;
use model::facts::{SensorLimits, Severity};

/// The cells besides the value that are needed.
pub(super) fn cells(table: &Sensors) -> Vec<&Cell> {
    let amounts = [
        &table.multiply,
        &table.divide,
        &table.limits.low,
        &table.limits.low_warning,
        &table.limits.high_warning,
        &table.limits.high,
    ];
    let amounts = amounts
        .into_iter()
        .flatten()
        .filter_map(|amount| match amount {
            Amount::Cell(cell) => Some(cell),
            Amount::Number(_) => None,
        });
    let kind = match &table.kind {
        Kind::ByCell(cell, _) => Some(cell),
        Kind::One(_) => None,
    };
    let interface = match &table.interface {
        Some(InterfaceOf::Cell(cell)) => Some(cell),
        _ => None,
    };
    let others = [&table.exponent, &table.scale, &table.precision];
    let others = others.into_iter().flatten().chain(interface);
    amounts.chain(kind).chain(others).collect()
}

pub(super) fn read(table: &Sensors, rows: &Rows, draft: &mut Draft) {
    let known = |draft: &Draft, quantity: Quantity| {
        draft
            .facts
            .sensors
            .iter()
            .any(|sensor| sensor.kind.as_deref() == Some(quantity.kind()))
    };
    if table.rows.fallback && matches!(table.kind, Kind::One(quantity) if known(draft, quantity)) {
        return;
    }
    let is_cut = draft.cut.intersects(Groups::SENSORS);
    let is_second = table
        .once
        .as_ref()
        .is_some_and(|word| !draft.words.insert(word.clone()));
    if is_cut && (is_second || table.rows.fallback) {
        return;
    }
    for index in indexes(&table.value, rows) {
        if let Some(word) = &table.once
            && draft.read_once.contains(&(word.clone(), index.to_vec()))
        {
            continue;
        }
        if !passes(&table.rows.when, rows, index) {
            continue;
        }
        if is_overflow(table, rows, index) {
            draft.defects.add(Defect::AbsurdValue);
            continue;
        }
        let Some(sensor) = row(table, rows, index, draft) else {
            continue;
        };
        if let Some(word) = &table.once {
            draft.read_once.insert((word.clone(), index.to_vec()));
        }
        if draft.sensor(sensor) {
            draft.note_cell("sensors", &table.value, index);
        }
    }
}

/// In the form of ENTITY-SENSOR-MIB, an overflow and an underflow are told as 1,000,000,000 and its
/// negative (RFC 3433 section 3.1).
fn is_overflow(table: &Sensors, rows: &Rows, index: &[u32]) -> bool {
    table.scale.is_some() && raw(table, rows, index).is_some_and(|raw| raw.abs() >= 1e9)
}

fn row(table: &Sensors, rows: &Rows, index: &[u32], draft: &Draft) -> Option<Sensor> {
    let quantity = match &table.kind {
        Kind::One(quantity) => *quantity,
        Kind::ByCell(cell, kinds) => *kinds.get(&cell::text(cell, rows, index)?)?,
    };
    let raw = raw(table, rows, index)?;
    if table.rows.skip.contains(&raw) {
        return None;
    }
    let value = scaled(table, rows, index, raw)?;
    if table
        .range
        .is_some_and(|[least, most]| !(least..=most).contains(&value))
    {
        return None;
    }
    let limit = |amount: &Option<Amount>| match amount.as_ref()? {
        Amount::Number(number) => Some(*number),
        Amount::Cell(cell) => {
            let raw =
                cell::number(cell, rows, index).filter(|raw| !table.rows.skip.contains(raw))?;
            scaled(table, rows, index, raw)
        }
    };
    let limits = SensorLimits {
        low: limit(&table.limits.low),
        low_warning: limit(&table.limits.low_warning),
        high_warning: limit(&table.limits.high_warning),
        high: limit(&table.limits.high),
    };
    let number = decode::integer(raw);
    let severity = if quantity != Quantity::STATE {
        None
    } else if table.critical.contains(&number) {
        Some(Severity::Critical)
    } else if table.warning.contains(&number) {
        Some(Severity::Warning)
    } else if table.good.contains(&number) {
        Some(Severity::Ok)
    } else {
        None
    };
    let interface = table.interface.as_ref().and_then(|of| {
        let number = match of {
            InterfaceOf::Cell(cell) => {
                u32::try_from(decode::integer(cell::number(cell, rows, index)?)).ok()?
            }
            InterfaceOf::Entity => entity::interface_of(rows, index)?,
        };
        draft.interface_name(number)
    });
    let name = first_text(&table.rows.name, rows, index);
    Some(Sensor {
        quantity,
        name: name.unwrap_or_else(|| default_name(quantity, index)),
        index: index.to_vec(),
        value,
        interface,
        state: (quantity == Quantity::STATE)
            .then(|| table.states.get(&number).cloned())
            .flatten(),
        severity,
        limits,
    })
}

/// `Temperature 3`, `Temperature`. Not by the interface: its name is not read with each poll, and the
/// name of a series stays.
fn default_name(quantity: Quantity, index: &[u32]) -> String {
    let mut kind = quantity.kind().replace('_', " ");
    if let Some(first) = kind.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match index {
        [0] | [] => kind,
        index => format!("{kind} {}", dotted(index)),
    }
}

fn raw(table: &Sensors, rows: &Rows, index: &[u32]) -> Option<f64> {
    if !table.words.is_empty()
        && let Some(text) = cell::text(&table.value, rows, index)
        && let Some(number) = table.words.get(&text.to_lowercase())
    {
        return Some(*number);
    }
    cell::number_by(
        &table.value,
        rows,
        index,
        table.rows.pattern.as_ref(),
        table.octets,
    )
}

/// A raw number in the unit of its kind.
fn scaled(table: &Sensors, rows: &Rows, index: &[u32], raw: f64) -> Option<f64> {
    let amount = |amount: &Option<Amount>| match amount {
        None => Some(1.0),
        Some(Amount::Number(number)) => Some(*number),
        Some(Amount::Cell(cell)) => cell::number(cell, rows, index),
    };
    let divisor = amount(&table.divide)?;
    // An agent that says nothing of the divisor means one.
    let divisor = if divisor == 0.0 { 1.0 } else { divisor };
    let raw = if table.scale.is_some() || table.precision.is_some() {
        let of = |cell: &Option<Cell>, otherwise| {
            let number = cell
                .as_ref()
                .and_then(|cell| cell::number(cell, rows, index));
            number.map_or(otherwise, decode::integer)
        };
        // Units without decimals where the agent leaves them out.
        decode::scaled(
            decode::integer(raw),
            of(&table.scale, 9),
            of(&table.precision, 0),
        )?
    } else {
        raw
    };
    let mut value = raw * amount(&table.multiply)? / divisor;
    if let Some(exponent) = &table.exponent {
        let exponent = cell::number(exponent, rows, index)?;
        value *= 10_f64.powf(exponent.clamp(-30.0, 30.0));
    }
    let value = match table.unit {
        Unit::OfKind => value,
        Unit::Fahrenheit => (value - 32.0) / 1.8,
        Unit::Kelvin => value - 273.15,
        Unit::Milliwatts if value > 0.0 => 10.0 * value.log10(),
        Unit::Microwatts if value > 0.0 => 10.0 * (value / 1_000.0).log10(),
        Unit::Milliwatts | Unit::Microwatts => return None,
    } + table.add;
    value.is_finite().then_some(value)
}
