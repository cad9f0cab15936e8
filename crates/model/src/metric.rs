//! The one table of what is measured: name, unit, kind, source.
//!
//! Names are those of the MIB object or of the field; values are stored in base units (octets,
//! seconds, ratio 0 to 1, degrees Celsius). To add a metric, add a row at the end of the table: the
//! row number is never stored, the name is. Metrics that users make are beside it, in [`own`].

pub mod own;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;

/// How a metric's values behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Kind {
    /// Grows, wraps, restarts with the device; read as a rate.
    Counter,
    /// Goes up and down.
    Gauge,
    /// One of a few named numbers; averaging it means nothing.
    State,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The name it is stored and asked for under.
    pub name: &'static str,
    /// Base unit: `octets`, `packets`, `seconds`, `ratio`, `celsius`, ... or empty for a state.
    pub unit: &'static str,
    /// How values behave.
    pub kind: Kind,
    /// One line for a person, with the source (MIB object, RFC).
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $name:literal $unit:literal $kind:ident $help:literal;)*) => {
        /// All rows, in the order they were added.
        static TABLE: &[Row] = &[$(Row { name: $name, unit: $unit, kind: Kind::$kind, help: $help }),*];
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Position { $($constant),* }
        impl Metric {
            $(#[doc = $help] pub const $constant: Metric = Metric(Position::$constant as u16);)*
        }
    };
}

metrics! {
    SYS_UP_TIME "sysUpTime" "seconds" Gauge "Time since the agent restarted. Source: SNMPv2-MIB::sysUpTime (RFC 3418).";
    IF_HC_IN_OCTETS "ifHCInOctets" "octets" Counter "Octets received. Wraps at 2^64, or at 2^32 where only ifInOctets exists. Source: IF-MIB (RFC 2863).";
    IF_HC_OUT_OCTETS "ifHCOutOctets" "octets" Counter "Octets sent. Wraps at 2^64, or at 2^32 where only ifOutOctets exists. Source: IF-MIB (RFC 2863).";
    IF_HC_IN_UCAST_PKTS "ifHCInUcastPkts" "packets" Counter "Unicast packets received. Source: IF-MIB (RFC 2863).";
    IF_HC_OUT_UCAST_PKTS "ifHCOutUcastPkts" "packets" Counter "Unicast packets sent. Source: IF-MIB (RFC 2863).";
    IF_IN_DISCARDS "ifInDiscards" "packets" Counter "Inbound packets dropped without an error in them. Source: IF-MIB (RFC 2863).";
    IF_OUT_DISCARDS "ifOutDiscards" "packets" Counter "Outbound packets dropped without an error in them. Source: IF-MIB (RFC 2863).";
    IF_IN_ERRORS "ifInErrors" "packets" Counter "Inbound packets with errors. Source: IF-MIB (RFC 2863).";
    IF_OUT_ERRORS "ifOutErrors" "packets" Counter "Outbound packets that could not be sent for errors. Source: IF-MIB (RFC 2863).";
    IF_OPER_STATUS "ifOperStatus" "" State "1 up, 2 down, 3 testing, 4 unknown, 5 dormant, 6 notPresent, 7 lowerLayerDown. Source: IF-MIB (RFC 2863).";
    ICMP_RTT "icmp_rtt" "seconds" Gauge "Mean round trip of the echo requests of one poll (RFC 792, RFC 4443).";
    ICMP_LOSS "icmp_loss" "ratio" Gauge "Share of the echo requests of one poll that went unanswered, 0 to 1.";
    PROCESSOR_UTILIZATION "processor_utilization" "ratio" Gauge "Share of time a processor was busy over the last minute, 0 to 1. Source: HOST-RESOURCES-MIB::hrProcessorLoad (RFC 2790).";
    MEMORY_USED "memory_used" "octets" Gauge "Memory in use, buffers and cache left out where the agent tells them. Source: HOST-RESOURCES-MIB, UCD-SNMP-MIB.";
    MEMORY_SIZE "memory_size" "octets" Gauge "Memory there is. Source: HOST-RESOURCES-MIB, UCD-SNMP-MIB.";
    STORAGE_USED "storage_used" "octets" Gauge "Storage in use. Source: HOST-RESOURCES-MIB::hrStorageUsed (RFC 2790).";
    STORAGE_SIZE "storage_size" "octets" Gauge "Storage there is. Source: HOST-RESOURCES-MIB::hrStorageSize (RFC 2790).";
    SENSOR_TEMPERATURE "sensor_temperature" "celsius" Gauge "A temperature. Source: ENTITY-SENSOR-MIB::entPhySensorValue (RFC 3433).";
    SENSOR_VOLTAGE "sensor_voltage" "volts" Gauge "A voltage. Source: ENTITY-SENSOR-MIB (RFC 3433).";
    SENSOR_CURRENT "sensor_current" "amperes" Gauge "A current. Source: ENTITY-SENSOR-MIB (RFC 3433).";
    SENSOR_POWER "sensor_power" "watts" Gauge "A power. Source: ENTITY-SENSOR-MIB (RFC 3433).";
    SENSOR_FREQUENCY "sensor_frequency" "hertz" Gauge "A frequency. Source: ENTITY-SENSOR-MIB (RFC 3433).";
    SENSOR_HUMIDITY "sensor_humidity" "ratio" Gauge "Relative humidity, 0 to 1. Source: ENTITY-SENSOR-MIB (RFC 3433).";
    SENSOR_FAN_SPEED "sensor_fan_speed" "rpm" Gauge "Revolutions a minute of a fan. Source: ENTITY-SENSOR-MIB (RFC 3433).";
    SENSOR_FLOW "sensor_flow" "cubic_metres_per_second" Gauge "An air flow. Source: ENTITY-SENSOR-MIB cmm (RFC 3433).";
    SENSOR_DBM "sensor_dbm" "dBm" Gauge "An optical or radio power. Source: ENTITY-SENSOR-MIB dBm (RFC 3433 as extended).";
    SENSOR_STATE "sensor_state" "" State "A state by its number in the MIB of its vendor; a truth value is 1 true, 2 false (RFC 3433).";
    SENSOR_OTHER "sensor_other" "" Gauge "A sensor whose unit the agent does not name. Source: ENTITY-SENSOR-MIB other(1) (RFC 3433).";
    POLL_DURATION "poll_duration" "seconds" Gauge "Time from the first question of a poll to its last answer.";
    NETWORK_HEALTH "network_health" "ratio" Gauge "Health of the whole network, 0 to 1, assessed each minute; see health.md.";
    NETWORK_DEVICES "network_devices" "devices" Gauge "Devices in a state (label `state`), counted each minute.";
    NETWORK_INTERFACES "network_interfaces" "interfaces" Gauge "Interfaces in a state (label `state`), counted each minute.";
    IF_ADMIN_STATUS "ifAdminStatus" "" State "What an operator wants the interface to be: 1 up, 2 down, 3 testing. Source: IF-MIB (RFC 2863).";
    SENSOR_POWER_FACTOR "sensor_power_factor" "ratio" Gauge "A power factor, -1 to 1.";
    SENSOR_ENERGY "sensor_energy" "joules" Gauge "Energy taken since a moment that the device chose.";
    SENSOR_PRESSURE "sensor_pressure" "pascals" Gauge "A pressure.";
    SENSOR_SNR "sensor_snr" "dB" Gauge "A ratio of signal to noise.";
    SENSOR_LOSS "sensor_loss" "dB" Gauge "A loss of signal over a line or a part.";
    SENSOR_DBMV "sensor_dbmv" "dBmV" Gauge "A power in a cable network.";
    SENSOR_QUALITY "sensor_quality" "dB" Gauge "The quality factor (Q) of an optical line.";
    SENSOR_DISPERSION "sensor_dispersion" "ps/nm" Gauge "The chromatic dispersion of an optical line.";
    SENSOR_DELAY "sensor_delay" "seconds" Gauge "A delay that a device measured.";
    SENSOR_ERROR_RATIO "sensor_error_ratio" "ratio" Gauge "Share of bits in error, 0 to 1.";
    SENSOR_BIT_RATE "sensor_bit_rate" "bits_per_second" Gauge "A rate that a device states, of a radio for example.";
    SENSOR_LOAD "sensor_load" "ratio" Gauge "Load of a power supply, a battery or a channel, 1 being its rating.";
    SENSOR_SHARE "sensor_share" "ratio" Gauge "A percentage that a device states.";
    SENSOR_CHARGE "sensor_charge" "ratio" Gauge "Charge of a battery, 0 to 1. Source: UPS-MIB::upsEstimatedChargeRemaining (RFC 1628) and the like.";
    SENSOR_RUNTIME "sensor_runtime" "seconds" Gauge "Time that a battery will last. Source: UPS-MIB::upsEstimatedMinutesRemaining (RFC 1628) and the like.";
    SENSOR_COUNT "sensor_count" "count" Gauge "A number of things that a device counts.";
    SENSOR_CLIENTS "sensor_clients" "clients" Gauge "Clients of an access point or a controller.";
    SENSOR_DISTANCE "sensor_distance" "metres" Gauge "Length of a radio or optical line.";
    ICMP_JITTER "icmp_jitter" "seconds" Gauge "Mean absolute difference of the round trips of successive echo requests of one poll, as RFC 3550 section 6.4.1 has it before it is smoothed; none where fewer than two came back.";
    CHECK_UP "check_up" "ratio" Gauge "Whether a service answered a check as expected, also where it was degraded: 1 or 0 (label `check`).";
    CHECK_DURATION "check_duration" "seconds" Gauge "Time that a check of a service took (label `check`).";
    CHECK_CERTIFICATE_EXPIRY "check_certificate_expiry" "seconds" Gauge "Time until the certificate of a service ends, negative where it has (label `check`). Source: notAfter (RFC 5280).";
    NTP_OFFSET "ntp_offset" "seconds" Gauge "How far the clock of a time server is before ours (label `check`). Source: RFC 5905 section 8.";
    NETWORK_CHECKS "network_checks" "checks" Gauge "Checks of services in a state (label `state`), counted each minute.";
    NETWORK_LINKS "network_links" "links" Gauge "Links in a state (label `state`), counted each minute.";
    WIRELESS_CLIENTS "wireless_clients" "clients" Gauge "Clients of an access point, a radio or a wireless network (label `access_point`, `radio` or `ssid`). Source: device profiles.";
    WIRELESS_UTILIZATION "wireless_utilization" "ratio" Gauge "Share of time that the channel of a radio was busy, 0 to 1 (labels as of `wireless_clients`).";
    WIRELESS_NOISE "wireless_noise" "dBm" Gauge "Noise floor of a radio (labels as of `wireless_clients`).";
    WIRELESS_TRANSMIT_POWER "wireless_transmit_power" "dBm" Gauge "Power that a radio transmits (labels as of `wireless_clients`).";
    WIRELESS_FREQUENCY "wireless_frequency" "hertz" Gauge "Centre of the channel of a radio (labels as of `wireless_clients`).";
    WIRELESS_CHANNEL "wireless_channel" "" State "Channel of a radio by its number (IEEE 802.11; labels as of `wireless_clients`).";
    ANOMALY_SCORE "anomaly_score" "ratio" Gauge "How far a series is out of the ordinary, 0 to 1, at the most since the sample before: each five minutes of a series that is forecast daily, each sample while an anomaly goes on (labels `of_series`, `model`, `model_version`).";
    FORECAST "forecast" "unit_of_series" Gauge "What was forecast of a series for a time, in its unit (labels `of_series`, `lead`, `quantile`, `model`, `model_version`); written when that time has come.";
    FLOW_TALKER_SHARE "flow_talker_share" "ratio" Gauge "Share of the traffic of an interface that a new heavy talker takes while it lasts, 0 to 1 (labels of the interface, `direction`).";
    FLOW_OCTET_RATE "flow_octet_rate" "octets_per_second" Gauge "Octets a second of an application that crossed an interface over the minute that ends then, as its device told by flows, scaled up where it samples (labels of the interface, `direction`, `application`; `other` is all that has no series of its own).";
}

/// What is measured: a row of the one table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "ifHCInOctets"))]
// Invariant: the number is a position in TABLE, or one that `own` gave out.
pub struct Metric(u16);

/// No metric has this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no metric is named `{name}`")]
pub struct UnknownMetric {
    /// The name, cut to 64 characters.
    pub name: String,
}

impl Metric {
    /// Every metric of the table, in its order.
    pub fn all() -> impl Iterator<Item = Metric> {
        (0u16..).take(TABLE.len()).map(Metric)
    }
    /// The metric of that name.
    pub fn named(name: &str) -> Result<Self, UnknownMetric> {
        Self::all()
            .find(|m| m.row().name == name)
            .or_else(|| own::named(name))
            .ok_or_else(|| UnknownMetric {
                name: name.chars().take(64).collect(),
            })
    }
    /// Its row: of the table, or as users made it.
    pub fn row(self) -> &'static Row {
        TABLE
            .get(usize::from(self.0))
            .or_else(|| own::row(self.0))
            .expect("a metric is a position in the table, or was made")
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }
    /// Its base unit; empty for a state.
    pub fn unit(self) -> &'static str {
        self.row().unit
    }
    /// How its values behave.
    pub fn kind(self) -> Kind {
        self.row().kind
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}
impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::named(&name).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_found_again() {
        let names: BTreeSet<_> = Metric::all().map(Metric::name).collect();
        assert_eq!(names.len(), TABLE.len());
        for metric in Metric::all() {
            assert_eq!(Metric::named(metric.name()), Ok(metric));
        }
        assert_eq!(Metric::IF_HC_IN_OCTETS.name(), "ifHCInOctets");
    }

    #[test]
    fn only_states_and_unnamed_sensors_lack_a_unit() {
        for metric in Metric::all().filter(|m| m.unit().is_empty()) {
            assert!(
                metric.kind() == Kind::State || metric == Metric::SENSOR_OTHER,
                "{metric}"
            );
        }
    }
}
