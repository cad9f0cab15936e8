//! What is out of the ordinary, told at each sample as it comes: a causal detector of constant memory for every
//! series, which needs no configuration.
//!
//! Begin at [`Detector::observe`]. What is expected is in `anomaly/expect.rs`, the bytes of a detector's state in
//! `anomaly/saved.rs`.

mod alarm;
mod evidence;
mod expect;
pub mod group;
mod profile;
mod saved;
mod tail;

pub use saved::DecodeError;

use alarm::Alarm;
use evidence::{Evidence, WARM};
use expect::Expectation;
use saved::Field;
use std::num::NonZeroU32;

/// Values are counted in a unit near the first; what is more than so many of it counts as so many.
const VALUE_MAX: f64 = 1e12;
/// A mean size over which the unit was a bad one, and the detector begins anew.
const SIZE_MAX: f32 = 1e10;
/// The greatest unit is two to this power, the least one by it.
const UNIT_MAX: i16 = 1_000;
/// Bounds of the alarms that may be false among a thousand samples.
const RATE_MIN: f32 = 0.01;
const RATE_MAX: f32 = 100.0;
/// Times by which the step is learned.
const STEPS: f32 = 30.0;
/// A gap is missing once it is longer than so many usual ones; a usual one is forgotten over so many samples.
const GAPS: f32 = 2.0;
const GAP_FORGET: f32 = 2_000.0;
/// How much longer than the usual a gap may be and be learned as it is.
const GAP_CLIP: f32 = 3.0;
/// Steps without a value after which what came just before says nothing.
const RESUMES: f32 = 5.0;
/// Rareness, in decimal digits, from which a kind is named.
const NAMED: f32 = 2.0;

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

/// When a sample came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Unix time in seconds: by it samples come in order, late, or after a gap.
    pub at: i64,
    /// What the clock of the place showed then, in seconds since 1970: by it hours of the day and of the week are
    /// told. Of a holiday it is that of a day that is like it, as the Sunday before.
    pub shown: i64,
}

impl Moment {
    /// One at a place whose clock is coordinated universal time.
    pub fn utc(at: i64) -> Self {
        Self { at, shown: at }
    }

    /// The hour that its clock shows, since 1970.
    fn hour(self) -> i64 {
        self.shown.div_euclid(3_600)
    }
}

impl From<i64> for Moment {
    fn from(at: i64) -> Self {
        Self::utc(at)
    }
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
    /// As in [`Options`].
    step_secs: Option<NonZeroU32>,
    false_alarms_per_1000: f32,
    /// What values are counted in, near the first that is not 0: the power of two of it; none before.
    unit: Option<i16>,
    /// When the last row and the last value came.
    last: i64,
    valued: i64,
    /// Values seen, and rows.
    seen: f32,
    rows: f32,
    /// Seconds from one value to the next.
    step: f32,
    /// Steps that the longest usual gap has.
    gap: f32,
    expectation: Expectation,
    evidence: Evidence,
    alarm: Alarm,
}

impl Detector {
    /// A detector that has seen nothing.
    pub fn new(options: Options) -> Self {
        let rate = options.false_alarms_per_1000;
        let rate = if rate.is_finite() { rate } else { 1.0 };
        let step_secs = options.step_secs.and_then(NonZeroU32::new);
        Self {
            step_secs,
            false_alarms_per_1000: narrow(rate).clamp(RATE_MIN, RATE_MAX),
            unit: None,
            last: i64::MIN,
            valued: i64::MIN,
            seen: 0.0,
            rows: 0.0,
            step: step_secs.map_or(300.0, |secs| narrow(f64::from(secs.get()))),
            gap: 1.0,
            expectation: Expectation::default(),
            evidence: Evidence::default(),
            alarm: Alarm::default(),
        }
    }

    /// Says of a sample how it fits what was before, and learns it. A moment is Unix time in seconds, or a
    /// [`Moment`] where hours are by another clock; a value that is none or not finite is missing. A sample that is
    /// not after the last gets a verdict and is not learned: it raises no alarm. An hour that a clock shows twice is
    /// one hour, one that it skips is not learned. O(1).
    pub fn observe(&mut self, moment: impl Into<Moment>, value: Option<f64>) -> Verdict {
        let moment = moment.into();
        let value = value.filter(|value| value.is_finite());
        if self.rows > 0.0 && moment.at <= self.last {
            return self.late(moment, value);
        }
        self.last = moment.at;
        self.rows = (self.rows + 1.0).min(1e7);
        match value {
            Some(value) => self.value(moment, value),
            None => self.missing(moment),
        }
    }

    /// What is expected at a moment, of the hours of this week: for bands on charts and thresholds that follow
    /// them. Its width follows how many samples lay outside it, so that one in twenty does (Gibbs and Candès,
    /// 2021). None before thirty values are known. O(1).
    pub fn band(&self, moment: impl Into<Moment>) -> Option<Band> {
        let moment = moment.into();
        let expected = self.expectation.at(moment.shown, self.step)?;
        let [_, half] = self.evidence.halves(moment.hour());
        (self.seen >= WARM).then(|| self.banded(expected.slow, half))
    }

    /// Appends the state as bytes, the version first.
    pub fn encode(&self, into: &mut Vec<u8>) {
        saved::encode(self, into);
    }

    /// The state that [`Detector::encode`] wrote. O(1): a state has one length.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        saved::decode(bytes)
    }

    /// Octets that the state takes in memory; nothing of it is elsewhere.
    pub fn octets(&self) -> usize {
        size_of_val(self)
    }

    fn value(&mut self, moment: Moment, value: f64) -> Verdict {
        if self.evidence.size > SIZE_MAX {
            *self = Self {
                last: self.last,
                rows: 1.0,
                ..Self::new(Options {
                    step_secs: self.step_secs.map(NonZeroU32::get),
                    false_alarms_per_1000: f64::from(self.false_alarms_per_1000),
                })
            };
        }
        if self.unit.is_none() && value != 0.0 {
            self.unit = Some(power(value));
        }
        let number = self.number(value);
        let hour = moment.hour();
        let secs = if self.seen > 0.0 {
            self.came_after(moment.at)
        } else {
            self.step
        };
        self.valued = moment.at;
        let seen = self.seen;
        self.seen = (self.seen + 1.0).min(1e7);
        let Some(expected) = self.expectation.at(moment.shown, self.step) else {
            self.evidence.begin(number);
            self.expectation.learn(number, None, hour, 0.0, secs);
            return Verdict::nothing(None);
        };
        let [half, _] = self.evidence.halves(hour);
        let band = (seen >= WARM).then(|| self.banded(expected.fast, half));
        let finding = self.evidence.weigh(
            number,
            &expected,
            &self.expectation,
            (hour, seen, secs, self.step),
        );
        let clip = if seen > WARM { finding.deviation } else { 0.0 };
        self.expectation
            .learn(number, Some(&expected), hour, clip, secs.min(self.step));
        self.judged(finding.rareness, finding.kind, band)
    }

    /// A row without a value: out of the ordinary once values are away for longer than they use to.
    fn missing(&mut self, moment: Moment) -> Verdict {
        if self.seen < WARM {
            return Verdict::nothing(self.band(moment));
        }
        let usual = self.gap * GAPS + 1.0;
        let over = self.steps_since(moment.at) / usual;
        let per_1000 = self.false_alarms_per_1000;
        let rareness = if over > 1.0 {
            // A gap that is no usual one is told at whatever rate: it is no chance.
            (3.0 - per_1000.log10() + over.log10()).max(3.0)
        } else {
            0.0
        };
        self.judged(rareness, Kind::Missing, self.band(moment))
    }

    /// A row that is not after the last: measured against the band, and not learned.
    fn late(&self, moment: Moment, value: Option<f64>) -> Verdict {
        let band = self.band(moment);
        let mut verdict = Verdict::nothing(band);
        if let (Some(value), Some(band)) = (value, band) {
            // Halves, so that the greatest numbers have a distance.
            let off = (value / 2.0 - band.expected / 2.0).abs()
                / (band.upper / 2.0 - band.lower / 2.0).max(1e-300);
            let off = if off.is_nan() { 0.0 } else { off };
            verdict.score = 0.499 * (1.0 - (-off / 4.0).exp());
        }
        verdict
    }

    fn judged(&mut self, rareness: f32, kind: Kind, band: Option<Band>) -> Verdict {
        // A state that was tampered with may hold numbers whose sums are none: they say nothing.
        let rareness = if rareness.is_nan() { 0.0 } else { rareness };
        let (score, alarm) = self
            .alarm
            .judge(rareness, self.seen, self.false_alarms_per_1000);
        Verdict {
            score,
            alarm,
            kind: (alarm || rareness >= NAMED).then_some(kind),
            ..Verdict::nothing(band)
        }
    }

    /// Learns the step and the usual gap from when a value came, and answers after how many seconds that was; a step
    /// where a gap lies between. A step that is not given follows where samples come more or less often from some
    /// time on.
    fn came_after(&mut self, at: i64) -> f32 {
        let secs = narrow(at.saturating_sub(self.valued).min(1 << 40) as f64).max(1.0);
        if self.step_secs.is_none() {
            if self.seen < 2.0 {
                self.step = secs;
            } else {
                let most = 0.3 * self.step;
                self.step += (secs - self.step).max(-most).min(most) / self.seen.min(STEPS);
            }
        }
        let steps = self.steps_since(at);
        let usual = 1.0 + (self.gap - 1.0) * (1.0 - 1.0 / GAP_FORGET);
        self.gap = usual.max(steps.min(self.gap * GAP_CLIP));
        if steps > RESUMES {
            self.expectation.resume();
            self.evidence.resume();
            return self.step;
        }
        secs
    }

    fn steps_since(&self, at: i64) -> f32 {
        narrow(at.saturating_sub(self.valued) as f64) / self.step.max(1.0)
    }

    fn number(&self, value: f64) -> f32 {
        narrow((value / self.unit()).clamp(-VALUE_MAX, VALUE_MAX))
    }

    fn unit(&self) -> f64 {
        f64::from(self.unit.unwrap_or(0)).exp2()
    }

    fn banded(&self, expected: f32, half: f32) -> Band {
        let unit = self.unit();
        let of = |number: f32| (f64::from(number) * unit).clamp(f64::MIN, f64::MAX);
        Band {
            lower: of(expected - half),
            expected: of(expected),
            upper: of(expected + half),
        }
    }

    fn walk(&mut self, field: &mut impl Field) {
        let mut step_secs = self.step_secs.map_or(0, NonZeroU32::get);
        field.u32(&mut step_secs);
        self.step_secs = NonZeroU32::new(step_secs);
        let rate = &mut self.false_alarms_per_1000;
        field.f32(rate);
        field.hold((RATE_MIN..=RATE_MAX).contains(rate));
        let mut unit = self.unit.unwrap_or(i16::MIN);
        field.i16(&mut unit);
        self.unit = (unit > i16::MIN).then_some(unit);
        field.hold(self.unit.is_none_or(|unit| unit.abs() <= UNIT_MAX));
        field.i64(&mut self.last);
        field.i64(&mut self.valued);
        for value in [
            &mut self.seen,
            &mut self.rows,
            &mut self.step,
            &mut self.gap,
        ] {
            field.f32(value);
            field.hold(*value >= 0.0);
        }
        self.expectation.walk(field);
        self.evidence.walk(field);
        self.alarm.walk(field);
    }
}

impl Verdict {
    fn nothing(band: Option<Band>) -> Self {
        Self {
            score: 0.0,
            alarm: false,
            kind: None,
            expected: band.map(|band| band.expected),
            lower: band.map(|band| band.lower),
            upper: band.map(|band| band.upper),
        }
    }
}

/// The nearest number of half the length.
#[allow(clippy::cast_possible_truncation)]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// The nearest of 65,536; what is no number is 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantised(value: f32) -> u16 {
    value.round().clamp(0.0, 65_535.0) as u16
}

/// The power of two that is a value, or just below.
#[allow(clippy::cast_possible_truncation)]
fn power(value: f64) -> i16 {
    let most = f64::from(UNIT_MAX);
    value.abs().log2().floor().clamp(-most, most) as i16
}
