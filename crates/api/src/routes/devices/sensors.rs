//! Sensors of a device, each with the group that it is shown under.

use super::parts::{PartsQuery, page};
use crate::auth::gate::{Granted, permit};
use crate::page::Page;
use crate::problem::Answer;
use crate::query::{OneOf, PathId, Query};
use crate::routes::devices;
use axum::Json;
use model::DeviceId;
use model::facts::SensorFacts;
use serde::{Deserialize, Serialize};

/// What a sensor tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SensorGroup {
    /// Light in a fibre, and the transceiver of an interface.
    Optics,
    /// Supplies, batteries and outlets.
    Power,
    /// Signals of radio links.
    Radio,
    /// Anything else.
    Other,
}

/// A sensor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Sensor {
    /// What it tells of.
    group: SensorGroup,
    #[serde(flatten)]
    facts: SensorFacts,
}

/// Which sensors, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SensorsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// place (the device's own order), or the name of a field; with a leading `-` the other way.
    sort: Option<String>,
    /// Only of these groups (optics, power, radio, other), with commas between.
    #[param(value_type = Option<String>, max_length = 4096, example = "optics,power")]
    group: OneOf<SensorGroup>,
}

/// Lists the sensors of a device.
#[utoipa::path(get, path = "/devices/{device_id}/sensors", tag = "devices", operation_id = "list_device_sensors",
    params(("device_id" = DeviceId, Path, description = "The device."), SensorsQuery),
    responses((status = 200, description = "A page of sensors.", body = Page<Sensor>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<SensorsQuery>,
) -> Answer<Json<Page<Sensor>>> {
    let record = devices::find(granted.services(), id)?;
    let sensors = &record.facts.sensors;
    let grouped = sensors.iter().zip(groups(sensors));
    let rows: Vec<Sensor> = grouped
        .filter(|(_, group)| query.group.takes(group))
        .map(|(facts, group)| Sensor {
            group,
            facts: facts.clone(),
        })
        .collect();
    let filters = format!("{:?}", query.group);
    let paging = PartsQuery {
        limit: query.limit,
        cursor: query.cursor,
        sort: query.sort,
    };
    let fields = ["name", "kind", "value", "unit", "interface", "group"];
    page(&paging, &filters, &fields, &rows)
}

/// Kinds that tell of light in a fibre.
const LIGHT: &[&str] = &[
    "dbm",
    "signal_loss",
    "chromatic_dispersion",
    "quality_factor",
    "ber",
    "snr",
];
/// Kinds that tell of power supplies, batteries and outlets.
const POWER: &[&str] = &[
    "voltage",
    "current",
    "power",
    "power_consumed",
    "power_factor",
    "frequency",
    "load",
    "charge",
    "runtime",
];
/// Kinds that tell of radios alone.
const AIR: &[&str] = &["signal", "noise_floor", "clients", "access_points"];
/// Kinds that tell of a radio on a device that tells of a signal, and of light or power elsewhere.
const BESIDE_SIGNAL: &[&str] = &["snr", "bitrate", "distance", "frequency"];

/// The group of each of a device's sensors.
fn groups(sensors: &[SensorFacts]) -> impl Iterator<Item = SensorGroup> {
    let of = |sensor: &SensorFacts, kinds: &[&str]| {
        let kind = sensor.kind.as_deref();
        kind.is_some_and(|kind| kinds.contains(&kind))
    };
    let has_signal = sensors.iter().any(|sensor| of(sensor, &["signal"]));
    sensors.iter().map(move |sensor| {
        let on_interface = sensor
            .interface
            .as_ref()
            .is_some_and(|name| !name.is_empty());
        if of(sensor, AIR) || (has_signal && of(sensor, BESIDE_SIGNAL)) {
            SensorGroup::Radio
        } else if of(sensor, LIGHT) || (on_interface && !of(sensor, &["power"])) {
            // Voltage and current of an interface are those of its transceiver; power is what it
            // supplies.
            SensorGroup::Optics
        } else if of(sensor, POWER) {
            SensorGroup::Power
        } else {
            SensorGroup::Other
        }
    })
}

#[cfg(test)]
mod tests {
    use super::SensorGroup::{Optics, Other, Power, Radio};
    use super::*;

    /// Kind and interface of each sensor of a device, and the group that each is in.
    fn check(device: &[(&str, Option<&str>, SensorGroup)]) {
        let sensors: Vec<SensorFacts> = device
            .iter()
            .map(|(kind, interface, _)| SensorFacts {
                kind: Some((*kind).to_owned()),
                interface: interface.map(str::to_owned),
                ..SensorFacts::default()
            })
            .collect();
        let expected: Vec<_> = device.iter().map(|(_, _, group)| *group).collect();
        assert_eq!(groups(&sensors).collect::<Vec<_>>(), expected, "{device:?}");
    }

    #[test]
    fn light_belongs_to_optics_supplies_to_power_each_once() {
        check(&[
            ("dbm", Some("xe-0/0/1"), Optics),
            ("current", Some("xe-0/0/1"), Optics),
            ("temperature", Some("xe-0/0/1"), Optics),
            ("dbm", None, Optics),
            ("power", Some("gi1/0/1"), Power),
            ("voltage", None, Power),
            ("voltage", Some(""), Power),
            ("temperature", None, Other),
            ("state", None, Other),
        ]);
        assert_eq!(
            groups(&[SensorFacts::default()]).collect::<Vec<_>>(),
            [Other]
        );
    }

    #[test]
    fn what_a_radio_link_tells_is_neither_optics_nor_power_and_only_beside_a_signal() {
        check(&[
            ("signal", Some("wlan1"), Radio),
            ("snr", None, Radio),
            ("frequency", None, Radio),
            ("temperature", None, Other),
        ]);
        check(&[
            ("snr", Some("xe-0/0/1"), Optics),
            ("frequency", None, Power),
        ]);
        check(&[("clients", None, Radio), ("distance", None, Other)]);
    }
}
