//! What is out of the ordinary, told at each sample as it comes: a causal detector of constant memory for every
//! series, which needs no configuration.
//!
//! Begin at [`Detector::observe`]. What is expected is in `anomaly/expect.rs`, the bytes of a detector's state in
//! `anomaly/saved.rs`.

mod expect;
mod saved;

pub use saved::DecodeError;

use expect::Expectation;

/// How a detector works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Seconds from one sample to the next; none where it is to be learned from the first times.
    pub step_secs: Option<u32>,
    /// Alarms that may be false among a thousand samples, over 0. What is no number or out of 0.01 to 100 counts as
    /// the nearest that is allowed.
    pub false_alarms_per_1000: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            step_secs: None,
            false_alarms_per_1000: 1.0,
        }
    }
}

/// In what way a series is out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
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
    /// No value came for longer than it uses to.
    Missing,
}

/// What is expected at a moment, in the units of the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// What a sample in forty is below.
    pub lower: f64,
    /// The middle.
    pub expected: f64,
    /// What a sample in forty is above.
    pub upper: f64,
}

/// What is said of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// How far out of the ordinary, 0 to 1; 0.5 and more where an anomaly begins.
    pub score: f64,
    /// Whether an operator should be told.
    pub alarm: bool,
    /// In what way, where the score is worth naming one.
    pub kind: Option<Kind>,
    /// What was expected before the sample was seen; none before anything is known.
    pub expected: Option<f64>,
    /// The lower end of the band that was expected.
    pub lower: Option<f64>,
    /// The upper end of the band that was expected.
    pub upper: Option<f64>,
}

/// A detector's state for one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    options: Options,
    expectation: Expectation,
}

impl Detector {
    /// A detector that has seen nothing.
    pub fn new(options: Options) -> Self {
        let rate = options.false_alarms_per_1000;
        let rate = if rate.is_finite() { rate } else { 1.0 };
        Self {
            options: Options {
                step_secs: options.step_secs.filter(|secs| *secs > 0),
                false_alarms_per_1000: rate.clamp(0.01, 100.0),
            },
            expectation: Expectation::default(),
        }
    }

    /// Says of a sample how it fits what was before, and learns it. `at` is Unix time in seconds; a value that is
    /// none or not finite is missing. A sample that is not after the last gets a verdict and is not learned.
    /// O(1).
    pub fn observe(&mut self, at: i64, value: Option<f64>) -> Verdict {
        let band = self.expectation.band(at);
        let value = value.filter(|value| value.is_finite());
        let (score, alarm, kind) = match (value, band) {
            (Some(value), Some(band)) => {
                let width = (band.upper - band.lower).max(f64::MIN_POSITIVE) / 4.0;
                let distance = (value - band.expected) / width;
                let score = 1.0 - (-distance.abs() / 8.0).exp2();
                let alarm = score >= 0.5;
                let kind = if distance > 0.0 {
                    Kind::Spike
                } else {
                    Kind::Dip
                };
                (score, alarm, alarm.then_some(kind))
            }
            _ => (0.0, false, None),
        };
        if let Some(value) = value {
            self.expectation.learn(at, value);
        }
        Verdict {
            score,
            alarm,
            kind,
            expected: band.map(|band| band.expected),
            lower: band.map(|band| band.lower),
            upper: band.map(|band| band.upper),
        }
    }

    /// What is expected at a moment, of the hours of this week: for bands on charts and thresholds that follow
    /// them. None before enough is known. O(1).
    pub fn band(&self, at: i64) -> Option<Band> {
        self.expectation.band(at)
    }

    /// Appends the state as bytes, the version first.
    pub fn encode(&self, into: &mut Vec<u8>) {
        saved::encode(self, into);
    }

    /// The state that [`Detector::encode`] wrote. O(length), which is bounded.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        saved::decode(bytes)
    }

    /// Octets that the state takes in memory.
    pub fn octets(&self) -> usize {
        size_of_val(self)
    }
}
