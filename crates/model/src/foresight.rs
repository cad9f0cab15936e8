//! Anomalies: what was out of the ordinary in a series, how an operator judged it, and the bounds that
//! an operator gives to what is expected of a series.

use crate::flow::FlowDirection;
use crate::{AnomalyId, DeviceId, InterfaceId, Labels, SeriesId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Alarms of a series that were judged, beyond which more change its threshold no further.
pub const JUDGED_MAX: i64 = 8;
/// Score from which an alarm is one while nobody judged any of the series.
pub const THRESHOLD: f64 = 0.5;
/// Share of what is above the threshold that one alarm judged noise leaves of it.
const NOISE_LEAVES: f64 = 0.75;

/// In what way a series is out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AnomalyKind {
    /// It stays above or below what is expected.
    Level,
    /// It is above what is expected, and just now.
    Spike,
    /// It is below what is expected, and just now.
    Dip,
    /// It leaves what is expected little by little.
    Drift,
    /// It repeats one value as it does not use to.
    FlatLine,
    /// It moves more than it uses to.
    Variance,
    /// It moves as it does at another hour.
    Pattern,
    /// No value came, though the device answered.
    Missing,
    /// It is above the ceiling that an operator set.
    AboveCeiling,
    /// It is below the floor that an operator set.
    BelowFloor,
    /// A host that was none before takes much of the traffic of an interface.
    HeavyTalker,
}

impl AnomalyKind {
    /// Its name, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Spike => "spike",
            Self::Dip => "dip",
            Self::Drift => "drift",
            Self::FlatLine => "flat_line",
            Self::Variance => "variance",
            Self::Pattern => "pattern",
            Self::Missing => "missing",
            Self::AboveCeiling => "above_ceiling",
            Self::BelowFloor => "below_floor",
            Self::HeavyTalker => "heavy_talker",
        }
    }
}

/// Whether an anomaly goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AnomalyState {
    /// It goes on.
    Open,
    /// It is over.
    Ended,
}

/// What an operator says of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Usefulness {
    /// It was worth being told.
    Useful,
    /// It was not.
    Noise,
}

/// An operator's verdict on an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Judgement {
    /// What they say.
    pub verdict: Usefulness,
    /// Who.
    pub user_id: UserId,
    /// Who: the name as it was.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What anomalies that happen together have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GroupScope {
    /// The device.
    Device,
    /// The site.
    Site,
    /// The metric.
    Metric,
}

/// The group that an anomaly is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnomalyGroup {
    /// The id: that of the first anomaly of the group.
    pub id: AnomalyId,
    /// What they have in common.
    pub scope: GroupScope,
}

/// A host that takes much of the traffic of an interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = HeavyTalker))]
pub struct Talker {
    /// Its address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: IpAddr,
    /// Which way the traffic goes, seen from the device.
    pub direction: FlowDirection,
    /// Its share of the traffic of the interface at its greatest, 0 to 1.
    pub share: f64,
    /// bit/s of it then, over a whole minute: at least that.
    pub rate_bps: f64,
    /// With whom it exchanges most.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub peer: Option<IpAddr>,
    /// By what, as `tcp/443`.
    pub application: Option<String>,
}

/// Something out of the ordinary in a series, from the alarm on until it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Anomaly {
    /// The id, which the series and the beginning make: what is found twice is one.
    pub id: AnomalyId,
    /// In which series.
    pub series_id: SeriesId,
    /// Whose series; the id of zeros where it is of no one device.
    pub device_id: DeviceId,
    /// Of which interface, where it is of one.
    pub interface_id: Option<InterfaceId>,
    /// What is measured.
    pub metric: String,
    /// Which series of the device.
    pub labels: Labels,
    /// In what way.
    pub kind: AnomalyKind,
    /// Whether it goes on.
    pub state: AnomalyState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was seen last.
    pub last_seen_at: Timestamp,
    /// When it was over; none while it goes on.
    pub ended_at: Option<Timestamp>,
    /// The greatest score so far, 0 to 1.
    pub peak_score: f64,
    /// What was measured at the greatest score, in the metric's unit, a second for counters; none where
    /// nothing was.
    pub value: Option<f64>,
    /// What was expected instead.
    pub expected: Option<f64>,
    /// The lower end of what was expected.
    pub lower: Option<f64>,
    /// The upper end of what was expected.
    pub upper: Option<f64>,
    /// What found it.
    pub model: String,
    /// Its version.
    pub model_version: u32,
    /// What it happened together with.
    pub group: Option<AnomalyGroup>,
    /// What was seen, in a sentence.
    pub evidence: String,
    /// What an operator says of it.
    pub judgement: Option<Judgement>,
    /// Of a heavy talker: who it is.
    #[serde(default)]
    pub talker: Option<Talker>,
}

/// Bounds that an operator gives to what is expected of a series, in the metric's unit, a second for
/// counters: a value beyond them is an alarm, and the band never leaves them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BandLimits {
    /// Which series.
    pub series_id: SeriesId,
    /// Whose series.
    pub device_id: DeviceId,
    /// The least that is good.
    pub floor: Option<f64>,
    /// The most that is good; over the floor.
    pub ceiling: Option<f64>,
    /// Who set them: the name as it was.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// How alarms were judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AlarmsJudged))]
pub struct Judged {
    /// Alarms that were useful.
    pub useful: u64,
    /// Alarms that were noise.
    pub noise: u64,
}

impl Judged {
    /// The share of alarms that were useful, 0 to 1; none where none was judged.
    pub fn precision(self) -> Option<f64> {
        let all = self.useful.saturating_add(self.noise);
        (all > 0).then(|| self.useful as f64 / all as f64)
    }

    /// The score from which an alarm is one, of a series whose alarms were judged so: [`THRESHOLD`], and
    /// nearer to 1 for each that was noise beyond those that were useful, up to [`JUDGED_MAX`].
    pub fn threshold(self) -> f64 {
        let noise = i64::try_from(self.noise).unwrap_or(i64::MAX);
        let useful = i64::try_from(self.useful).unwrap_or(i64::MAX);
        let net = noise.saturating_sub(useful).clamp(0, JUDGED_MAX);
        let net = i32::try_from(net).unwrap_or(0);
        1.0 - (1.0 - THRESHOLD) * NOISE_LEAVES.powi(net)
    }

    /// Counts one verdict.
    pub fn add(&mut self, verdict: Usefulness) {
        let count = self.of(verdict);
        *count = count.saturating_add(1);
    }

    /// Takes one verdict back.
    pub fn take_back(&mut self, verdict: Usefulness) {
        let count = self.of(verdict);
        *count = count.saturating_sub(1);
    }

    fn of(&mut self, verdict: Usefulness) -> &mut u64 {
        match verdict {
            Usefulness::Useful => &mut self.useful,
            Usefulness::Noise => &mut self.noise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_raises_the_threshold_and_never_beyond_its_bound() {
        let threshold = |useful, noise| Judged { useful, noise }.threshold();
        assert!((threshold(0, 0) - THRESHOLD).abs() < 1e-12);
        assert!((threshold(3, 0) - THRESHOLD).abs() < 1e-12);
        assert!(threshold(0, 1) > THRESHOLD);
        assert!(threshold(1, 2) < threshold(0, 2));
        assert!(threshold(0, u64::MAX) < 1.0);
        assert!((threshold(0, 8) - threshold(0, 9)).abs() < 1e-12);
    }

    #[test]
    fn an_anomaly_of_one_series_and_moment_has_one_id_which_sorts_by_time() {
        let series = SeriesId::new();
        let at = |ms| AnomalyId::of_series(series, Timestamp::from_unix_ms(ms));
        assert_eq!(at(1_772_366_400_000), at(1_772_366_400_000));
        assert!(at(1_772_366_400_000) < at(1_772_366_400_001));
        assert_ne!(
            at(5),
            AnomalyId::of_series(SeriesId::new(), Timestamp::from_unix_ms(5))
        );
        let text = at(1_772_366_400_000).to_string();
        assert_eq!(text.parse::<AnomalyId>(), Ok(at(1_772_366_400_000)));
    }
}
