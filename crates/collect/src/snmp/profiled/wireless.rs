//! Access points, radios and wireless networks by profiles.

use super::super::decode::{self, dotted};
use super::super::draft::Draft;
use super::super::{Groups, Rows};
use super::cell::{self, first_text, passes};
use super::device::of_row;
use crate::profile::{Measure, Source, Wireless};
use crate::reading::Instance;
use ::snmp::Defect;
use model::Metric;
use model::facts::{WirelessFacts, WirelessKind};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Rows that are kept of one device. Each has up to six series, together 12,288 of the 16,384 that a
/// device may have, so that its interfaces and sensors have room. Each row beyond it is counted as a
/// defect.
pub(crate) const WIRELESS_MAX: usize = 2_048;

/// IEEE 802.11 has numbers up to 233 today.
const CHANNELS: RangeInclusive<f64> = 1.0..=500.0;
/// From the long waves to the sub-millimetre ones.
const FREQUENCIES_MHZ: RangeInclusive<f64> = 1.0..=1_000_000.0;
/// Agents tell a radio that is off by the ends of their integers.
const POWERS_DBM: RangeInclusive<f64> = -100.0..=100.0;
/// More than all that a controller can have.
const CLIENTS: RangeInclusive<f64> = 0.0..=1_000_000.0;
const PERCENT: RangeInclusive<f64> = 0.0..=100.0;
/// Thermal noise is above the one end; what is not below zero was not measured.
const NOISE_DBM: RangeInclusive<f64> = -200.0..=-1.0;

/// The numbers of a table.
pub(in super::super) fn measures(table: &Wireless) -> impl Iterator<Item = &Measure> {
    let all = [
        &table.channel,
        &table.frequency,
        &table.transmit_power,
        &table.clients,
        &table.utilization,
        &table.noise,
    ];
    all.into_iter().flatten()
}

/// The texts of a table that each poll reads.
pub(super) fn texts(table: &Wireless) -> impl Iterator<Item = &Source> {
    [&table.access_point, &table.state].into_iter().flatten()
}

/// The texts of a table that are the same as long as the row is: read with the parts of the device.
pub(super) fn lasting(table: &Wireless) -> impl Iterator<Item = &Source> {
    [&table.model, &table.serial].into_iter().flatten()
}

/// What was told of until now.
pub(super) fn kinds(draft: &Draft) -> BTreeSet<WirelessKind> {
    let told = draft.facts.wireless.iter();
    told.filter_map(|facts| facts.kind).collect()
}

/// Reads a table; `told` is what profiles before this one told of.
pub(super) fn read(
    table: &Wireless,
    told: &BTreeSet<WirelessKind>,
    rows: &Rows,
    draft: &mut Draft,
) {
    let is_told = told.contains(&table.kind) || draft.cut.intersects(Groups::WIRELESS);
    if !draft.wants(Groups::WIRELESS) || (table.rows.fallback && is_told) {
        return;
    }
    for (index, _) in rows.column(&table.column) {
        if !passes(&table.rows.when, rows, index) {
            continue;
        }
        if draft.facts.wireless.len() >= WIRELESS_MAX {
            draft.defects.add(Defect::TooManyRows);
            continue;
        }
        let mut facts = row(table, rows, index, draft);
        measured(&mut facts, label(table.kind), index, draft);
        draft.note("wireless", &[&table.column, index].concat());
        draft.facts.wireless.push(facts);
    }
}

fn row(table: &Wireless, rows: &Rows, index: &[u32], draft: &mut Draft) -> WirelessFacts {
    let text = |sources: &[Source]| of_row(sources, rows, index);
    let mut number = |measure: &Option<Measure>, possible: RangeInclusive<f64>| {
        let measure = measure.as_ref()?;
        let raw = cell::number(&measure.cell, rows, index)?;
        let value = raw * measure.multiply / measure.divide;
        if possible.contains(&value) {
            return Some(value);
        }
        // Some agents tell a noise floor without its sign: 92 for -92 dBm.
        if possible == NOISE_DBM && possible.contains(&-value) {
            return Some(-value);
        }
        // Zero is how agents tell that there is none.
        if raw != 0.0 {
            draft.defects.add(Defect::AbsurdValue);
        }
        None
    };
    let whole = |number: f64| u32::try_from(decode::integer(number)).ok();
    WirelessFacts {
        kind: Some(table.kind),
        name: Some(name(table, rows, index)),
        access_point: text(&table.access_point),
        state: text(&table.state),
        model: text(&table.model),
        serial: text(&table.serial),
        channel: number(&table.channel, CHANNELS).and_then(whole),
        frequency_mhz: number(&table.frequency, FREQUENCIES_MHZ),
        transmit_power_dbm: number(&table.transmit_power, POWERS_DBM),
        clients: number(&table.clients, CLIENTS).and_then(whole),
        utilization_percent: number(&table.utilization, PERCENT),
        noise_dbm: number(&table.noise, NOISE_DBM),
    }
}

fn name(table: &Wireless, rows: &Rows, index: &[u32]) -> String {
    first_text(&table.rows.name, rows, index).unwrap_or_else(|| {
        let noun = match table.kind {
            WirelessKind::AccessPoint => "Access point",
            WirelessKind::Radio => "Radio",
            WirelessKind::Network => "Network",
        };
        match index {
            [0] | [] => noun.to_owned(),
            index => format!("{noun} {}", dotted(index)),
        }
    })
}

/// The label that the series of a row carry.
fn label(kind: WirelessKind) -> &'static str {
    match kind {
        WirelessKind::AccessPoint => "access_point",
        WirelessKind::Radio => "radio",
        WirelessKind::Network => "ssid",
    }
}

/// What of a row is kept as series, in base units. The row is called as its series are.
fn measured(facts: &mut WirelessFacts, label: &'static str, index: &[u32], draft: &mut Draft) {
    let gauges = [
        (Metric::WIRELESS_CLIENTS, facts.clients.map(f64::from)),
        (
            Metric::WIRELESS_UTILIZATION,
            facts.utilization_percent.map(|percent| percent / 100.0),
        ),
        (Metric::WIRELESS_NOISE, facts.noise_dbm),
        (Metric::WIRELESS_TRANSMIT_POWER, facts.transmit_power_dbm),
        (
            Metric::WIRELESS_FREQUENCY,
            facts.frequency_mhz.map(|mhz| mhz * 1e6),
        ),
    ];
    // One name for all that is measured of a row, whichever of it that is.
    let name = facts.name.as_deref().unwrap_or_default();
    let Some(instance) = draft.part(Metric::WIRELESS_CLIENTS, label, name, index) else {
        return;
    };
    if let Instance::Part { name, .. } = &instance {
        facts.name = Some(name.as_ref().to_owned());
    }
    for (metric, value) in gauges {
        if let Some(value) = value {
            draft.gauge(metric, &instance, value);
        }
    }
    if let Some(channel) = facts.channel {
        draft.count(Metric::WIRELESS_CHANNEL, &instance, u64::from(channel));
    }
}
