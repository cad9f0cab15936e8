//! What a sensor measures: its kind in facts, its unit, its metric, what it can be at all.

use model::Metric;

/// A kind of sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// Invariant: a position in KINDS.
pub struct Quantity(u8);

struct Row {
    kind: &'static str,
    /// As people write it.
    unit: &'static str,
    metric: Metric,
    /// From the unit to the metric's base unit.
    factor: f64,
    /// The least and the most it can be; agents fill absent sensors with the ends of their integers.
    least: f64,
    most: f64,
}

macro_rules! kinds {
    ($($kind:literal $unit:literal $metric:ident $factor:literal $least:literal $most:literal;)*) => {
        static KINDS: &[Row] = &[$(Row {
            kind: $kind, unit: $unit, metric: Metric::$metric, factor: $factor, least: $least, most: $most,
        }),*];
    };
}

kinds! {
    // First, for it is the one that is told apart: see `STATE`.
    "state" "" SENSOR_STATE 1.0 -9e15 9e15;
    "temperature" "°C" SENSOR_TEMPERATURE 1.0 -200.0 1_000.0;
    "voltage" "V" SENSOR_VOLTAGE 1.0 -100_000.0 100_000.0;
    "current" "A" SENSOR_CURRENT 1.0 -100_000.0 100_000.0;
    "power" "W" SENSOR_POWER 1.0 -10_000_000.0 10_000_000.0;
    "power_factor" "" SENSOR_POWER_FACTOR 1.0 -1.0 1.0;
    "power_consumed" "kWh" SENSOR_ENERGY 3_600_000.0 0.0 1e12;
    "frequency" "Hz" SENSOR_FREQUENCY 1.0 0.0 1e15;
    "humidity" "%" SENSOR_HUMIDITY 0.01 0.0 100.0;
    "fanspeed" "rpm" SENSOR_FAN_SPEED 1.0 0.0 200_000.0;
    "airflow" "m³/min" SENSOR_FLOW 0.016_666_666_666_666_666 0.0 1e9;
    "waterflow" "l/min" SENSOR_FLOW 0.000_016_666_666_666_666_667 0.0 1e9;
    "pressure" "kPa" SENSOR_PRESSURE 1_000.0 -1e9 1e9;
    "dbm" "dBm" SENSOR_DBM 1.0 -200.0 200.0;
    "snr" "dB" SENSOR_SNR 1.0 -100.0 200.0;
    "signal" "dBm" SENSOR_DBM 1.0 -200.0 200.0;
    "signal_loss" "dB" SENSOR_LOSS 1.0 -200.0 200.0;
    "tv_signal" "dBmV" SENSOR_DBMV 1.0 -200.0 200.0;
    "noise_floor" "dBm" SENSOR_DBM 1.0 -200.0 200.0;
    "quality_factor" "dB" SENSOR_QUALITY 1.0 -1_000.0 1_000.0;
    "chromatic_dispersion" "ps/nm" SENSOR_DISPERSION 1.0 -1e9 1e9;
    "delay" "s" SENSOR_DELAY 1.0 -1e9 1e9;
    "ber" "" SENSOR_ERROR_RATIO 1.0 0.0 1.0;
    "bitrate" "bit/s" SENSOR_BIT_RATE 1.0 0.0 1e16;
    "load" "%" SENSOR_LOAD 0.01 0.0 1_000.0;
    "percent" "%" SENSOR_SHARE 0.01 -1_000.0 1_000.0;
    "utilization" "%" SENSOR_LOAD 0.01 0.0 1_000.0;
    "charge" "%" SENSOR_CHARGE 0.01 0.0 100.0;
    "runtime" "min" SENSOR_RUNTIME 60.0 0.0 1e9;
    "count" "" SENSOR_COUNT 1.0 -9e15 9e15;
    "clients" "" SENSOR_CLIENTS 1.0 0.0 1e9;
    "access_points" "" SENSOR_COUNT 1.0 0.0 1e9;
    "distance" "km" SENSOR_DISTANCE 1_000.0 0.0 1e9;
    "other" "" SENSOR_OTHER 1.0 -9e15 9e15;
}

impl Quantity {
    /// A state by its number, which is no measure of anything.
    pub(crate) const STATE: Self = Self(0);

    /// The kind of that name.
    pub fn named(kind: &str) -> Option<Self> {
        let position = KINDS.iter().position(|row| row.kind == kind)?;
        u8::try_from(position).ok().map(Self)
    }
    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|row| row.kind)
    }
    fn row(self) -> &'static Row {
        KINDS
            .get(usize::from(self.0))
            .expect("a quantity is a position in the table")
    }
    /// The kind in facts.
    pub fn kind(self) -> &'static str {
        self.row().kind
    }
    /// The unit of the value in facts; empty where there is none.
    pub fn unit(self) -> &'static str {
        self.row().unit
    }
    /// The metric, and the factor to its base unit.
    pub fn metric(self) -> (Metric, f64) {
        (self.row().metric, self.row().factor)
    }
    /// Whether it can be so much at all.
    pub fn is_possible(self, value: f64) -> bool {
        (self.row().least..=self.row().most).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names_and_states_are_the_first() {
        assert_eq!(Quantity::STATE.kind(), "state");
        for kind in Quantity::names() {
            assert_eq!(Quantity::named(kind).map(Quantity::kind), Some(kind));
        }
    }
}
