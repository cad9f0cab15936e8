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
    ($($constant:ident $kind:literal $unit:literal $metric:ident $factor:literal $least:literal $most:literal;)*) => {
        static KINDS: &[Row] = &[$(Row {
            kind: $kind, unit: $unit, metric: Metric::$metric, factor: $factor, least: $least, most: $most,
        }),*];
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, dead_code)]
        enum Position { $($constant),* }
        #[allow(dead_code)]
        impl Quantity {
            $(pub(crate) const $constant: Self = Self(Position::$constant as u8);)*
        }
    };
}

kinds! {
    TEMPERATURE "temperature" "°C" SENSOR_TEMPERATURE 1.0 -200.0 1_000.0;
    VOLTAGE "voltage" "V" SENSOR_VOLTAGE 1.0 -100_000.0 100_000.0;
    CURRENT "current" "A" SENSOR_CURRENT 1.0 -100_000.0 100_000.0;
    POWER "power" "W" SENSOR_POWER 1.0 -10_000_000.0 10_000_000.0;
    POWER_FACTOR "power_factor" "" SENSOR_POWER_FACTOR 1.0 -1.0 1.0;
    ENERGY "power_consumed" "kWh" SENSOR_ENERGY 3_600_000.0 0.0 1e12;
    FREQUENCY "frequency" "Hz" SENSOR_FREQUENCY 1.0 0.0 1e15;
    HUMIDITY "humidity" "%" SENSOR_HUMIDITY 0.01 0.0 100.0;
    FAN_SPEED "fanspeed" "rpm" SENSOR_FAN_SPEED 1.0 0.0 200_000.0;
    AIR_FLOW "airflow" "m³/min" SENSOR_FLOW 0.016_666_666_666_666_666 0.0 1e9;
    WATER_FLOW "waterflow" "l/min" SENSOR_FLOW 0.000_016_666_666_666_666_667 0.0 1e9;
    PRESSURE "pressure" "kPa" SENSOR_PRESSURE 1_000.0 -1e9 1e9;
    STATE "state" "" SENSOR_STATE 1.0 -9e15 9e15;
    DBM "dbm" "dBm" SENSOR_DBM 1.0 -200.0 200.0;
    SNR "snr" "dB" SENSOR_SNR 1.0 -100.0 200.0;
    SIGNAL "signal" "dBm" SENSOR_DBM 1.0 -200.0 200.0;
    SIGNAL_LOSS "signal_loss" "dB" SENSOR_LOSS 1.0 -200.0 200.0;
    TV_SIGNAL "tv_signal" "dBmV" SENSOR_DBMV 1.0 -200.0 200.0;
    NOISE_FLOOR "noise_floor" "dBm" SENSOR_DBM 1.0 -200.0 200.0;
    QUALITY_FACTOR "quality_factor" "dB" SENSOR_QUALITY 1.0 -1_000.0 1_000.0;
    CHROMATIC_DISPERSION "chromatic_dispersion" "ps/nm" SENSOR_DISPERSION 1.0 -1e9 1e9;
    DELAY "delay" "s" SENSOR_DELAY 1.0 -1e9 1e9;
    BIT_ERROR_RATIO "ber" "" SENSOR_ERROR_RATIO 1.0 0.0 1.0;
    BIT_RATE "bitrate" "bit/s" SENSOR_BIT_RATE 1.0 0.0 1e16;
    LOAD "load" "%" SENSOR_LOAD 0.01 0.0 1_000.0;
    PERCENT "percent" "%" SENSOR_SHARE 0.01 -1_000.0 1_000.0;
    UTILIZATION "utilization" "%" SENSOR_LOAD 0.01 0.0 1_000.0;
    CHARGE "charge" "%" SENSOR_CHARGE 0.01 0.0 100.0;
    RUNTIME "runtime" "min" SENSOR_RUNTIME 60.0 0.0 1e9;
    COUNT "count" "" SENSOR_COUNT 1.0 -9e15 9e15;
    CLIENTS "clients" "" SENSOR_CLIENTS 1.0 0.0 1e9;
    ACCESS_POINTS "access_points" "" SENSOR_COUNT 1.0 0.0 1e9;
    DISTANCE "distance" "km" SENSOR_DISTANCE 1_000.0 0.0 1e9;
    OTHER "other" "" SENSOR_OTHER 1.0 -9e15 9e15;
}

impl Quantity {
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
