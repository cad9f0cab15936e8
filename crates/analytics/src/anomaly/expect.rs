//! What a series is expected to be at a moment: a level, hours of the day and hours of the week, each weighed by
//! how well it foretold, and an autoregression of what they leave.
//!
//! Profiles are learned by exponential forgetting of whole visits (Holt 1957; Winters 1960), robustly: what lies
//! far off counts as lying near (Gelper, Fried and Croux, "Robust Forecasting with Exponential and Holt-Winters
//! Smoothing", 2010). Experts are weighed by their recent errors (Bates and Granger, "The Combination of
//! Forecasts", 1969). The autoregression is recursive least squares (Ljung, "System Identification", 1999).

use super::profile::Profile;
use super::saved::Field;

/// Hours of a day and of a week.
const DAY: usize = 24;
const WEEK: usize = 168;
/// Samples over which the level forgets.
const LEVEL_SAMPLES: f32 = 32.0;
/// Visits over which a profile forgets.
const DAYS: f32 = 8.0;
const WEEKS: f32 = 6.0;
/// How far a value may lie off, in distances, and be learned as it is.
const CLIP: f32 = 4.0;
/// Samples over which errors are forgotten.
const ERRORS: f32 = 200.0;
/// Forgetting of the autoregression.
const FORGET: f32 = 0.995;
/// Squares below this count as none.
const TINY: f32 = 1e-36;

/// What is expected of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    /// Of the level and the hours.
    pub(super) slow: f32,
    /// Of what came just before as well.
    pub(super) fast: f32,
    /// Of each expert.
    experts: [Option<f32>; 3],
}

/// What was learned of a series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expectation {
    level: f32,
    level_error: f32,
    seen: f32,
    day: Profile<DAY>,
    week: Profile<WEEK>,
    /// The hour that is being visited, the sum of what was seen in it, and how many.
    visit: (i32, f32, f32),
    /// Coefficients, their covariance, and the last two that were left.
    ar: [f32; 2],
    cov: [f32; 3],
    left: [f32; 2],
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            level: 0.0,
            level_error: 0.0,
            seen: 0.0,
            day: Profile::default(),
            week: Profile::default(),
            visit: (i32::MIN, 0.0, 0.0),
            ar: [0.5, 0.0],
            cov: [1.0, 0.0, 1.0],
            left: [0.0; 2],
        }
    }
}

impl Expectation {
    /// What is expected where the clock shows so many seconds since 1970; none before the first value.
    pub(super) fn at(&self, shown: i64, step: f32) -> Option<Expected> {
        if self.seen < 1.0 {
            return None;
        }
        let hour = shown.div_euclid(3_600);
        let part = shown.rem_euclid(3_600) as f32 / 3_600.0;
        let is_between = step < 1_800.0;
        let experts = [
            Some(self.level),
            self.day.at(hour, part, is_between),
            self.week.at(hour, part, is_between),
        ];
        let errors = [self.level_error, self.day.error, self.week.error];
        let (mut sum, mut weights) = (0.0, 0.0);
        let least = errors.iter().copied().fold(f32::MAX, f32::min).max(TINY);
        for (expert, error) in experts.iter().zip(errors) {
            if let Some(value) = expert {
                let weight = (least / error.max(TINY)).powi(3).max(1e-9);
                sum += value * weight;
                weights += weight;
            }
        }
        let slow = sum / weights;
        let fast = slow + self.ar[0] * self.left[0] + self.ar[1] * self.left[1];
        Some(Expected {
            slow,
            fast,
            experts,
        })
    }

    /// Learns a value for which this was expected, and which lies so far from it as a rule (0 where that is not
    /// known yet).
    pub(super) fn learn(
        &mut self,
        value: f32,
        expected: Option<&Expected>,
        hour: i64,
        distance: f32,
        step: f32,
    ) {
        self.seen += 1.0;
        // Thousands of centuries to either side.
        let hour = i32::try_from(hour).unwrap_or(i32::MAX);
        let Some(expected) = expected else {
            self.level = value;
            self.visit = (hour, value, 1.0);
            return;
        };
        let clip = if distance > 0.0 {
            distance * CLIP
        } else {
            f32::MAX
        };
        let of_day = (86_400.0 / step).clamp(24.0, 400.0);
        let errors = 1.0 / self.seen.min(ERRORS);
        let off = |expert: f32| (value - expert).clamp(-clip, clip);
        let level = off(self.level);
        self.level_error += (level * level - self.level_error) * errors;
        self.level += level / self.seen.min(LEVEL_SAMPLES);
        for (expert, error, offset) in [
            (
                expected.experts[1],
                &mut self.day.error,
                &mut self.day.offset,
            ),
            (
                expected.experts[2],
                &mut self.week.error,
                &mut self.week.offset,
            ),
        ] {
            match expert {
                Some(expert) => {
                    let off = off(expert);
                    *error += (off * off - *error) * errors;
                    *offset += off / of_day;
                }
                // An expert that says nothing yet begins as good as the level.
                None => *error = self.level_error,
            }
        }
        // The visit that ended is learned whole.
        let near = expected.slow + (value - expected.slow).clamp(-clip, clip);
        if self.visit.0 != hour {
            let (of, sum, many) = self.visit;
            if many > 0.0 {
                self.day.visited(i64::from(of), sum / many, DAYS);
                self.week.visited(i64::from(of), sum / many, WEEKS);
            }
            self.visit = (hour, 0.0, 0.0);
        }
        self.visit.1 += near;
        self.visit.2 += 1.0;
        self.regress(near - expected.slow);
    }

    fn regress(&mut self, now: f32) {
        let scale = (self.level_error.max(0.0) + TINY).sqrt();
        let [first, second] = self.left.map(|left| left / scale);
        let [own, both, other] = self.cov;
        let gain = [own * first + both * second, both * first + other * second];
        let under = FORGET + first * gain[0] + second * gain[1];
        let pull = gain.map(|gain| gain / under);
        let error = now / scale - self.ar[0] * first - self.ar[1] * second;
        if pull.iter().all(|pull| pull.is_finite()) && error.is_finite() {
            self.ar = [
                (self.ar[0] + pull[0] * error).clamp(-1.5, 1.5),
                (self.ar[1] + pull[1] * error).clamp(-1.0, 1.0),
            ];
            self.cov = [
                ((own - pull[0] * gain[0]) / FORGET).clamp(1e-6, 10.0),
                ((both - pull[0] * gain[1]) / FORGET).clamp(-5.0, 5.0),
                ((other - pull[1] * gain[1]) / FORGET).clamp(1e-6, 10.0),
            ];
        }
        self.left = [now, self.left[0]];
    }

    /// After a gap: what came just before says nothing any more.
    pub(super) fn resume(&mut self) {
        self.left = [0.0; 2];
    }

    /// The least and greatest of the hours of a day, where all are known.
    pub(super) fn day_range(&self) -> Option<(f32, f32)> {
        self.day.range()
    }

    pub(super) fn walk(&mut self, field: &mut impl Field) {
        field.f32(&mut self.level);
        field.f32(&mut self.level_error);
        field.f32(&mut self.seen);
        self.day.walk(field);
        self.week.walk(field);
        field.i32(&mut self.visit.0);
        field.f32(&mut self.visit.1);
        field.f32(&mut self.visit.2);
        for value in self
            .ar
            .iter_mut()
            .chain(&mut self.cov)
            .chain(&mut self.left)
        {
            field.f32(value);
        }
    }
}
