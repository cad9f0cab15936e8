//! What is known of the course of a series against its threshold, in constant memory.

// Places in tables are made in range here.
#![allow(clippy::indexing_slicing)]

use super::ScalingOptions;
use super::learner::FEATURES;
use crate::linear::count;

/// A day, in seconds.
pub(super) const DAY_SECS: u32 = 86_400;
/// The least time of the day that is told from the next, in seconds.
const SLOT_SECS: u32 = 300;
/// Hours of a week.
pub(super) const HOURS: usize = 168;
/// Steps since the last overload that are told from each other.
pub(super) const SINCE_MAX: usize = 128;
/// Longer ago than this is long ago, in steps.
const LONG_AGO: usize = 1_000;
/// How much of a mean each step replaces: of the value over a short, a middle and a long time; of the share
/// of overload over a short and a long one, and ever.
const MEANS: [f64; 3] = [1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0];
const SHARES: [f64; 3] = [1.0 / 8.0, 1.0 / 64.0, 1.0 / 1_000.0];
/// The same of the level and the spread by which distances are measured.
const LEVEL: f64 = 0.005;
/// How much of the share at a time of the day one day replaces, and at an hour of the week one week.
const OF_DAY: f64 = 1.0 / 6.0;
const OF_WEEK: f64 = 1.0 / 3.0;
/// How much of how often an overload began so long after the last one each time replaces.
const OF_SINCE: f64 = 0.05;
/// What is often and seldom before anything was seen.
const BEFORE: f64 = 0.1;

/// Means and shares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Course {
    pub(super) begun: bool,
    pub(super) level: f64,
    pub(super) spread: f64,
    pub(super) means: [f64; 3],
    pub(super) shares: [f64; 3],
    /// Steps since the last one over the threshold; 0 where this is.
    pub(super) since: usize,
    /// Share of overload by time of the day.
    pub(super) of_day: Vec<f64>,
    /// The same by hour of the week.
    pub(super) of_week: Vec<f64>,
    /// How often one began within the lead, by steps since the last.
    pub(super) of_since: Vec<f64>,
}

/// Slots of a day for a length of step.
pub(super) fn slots(options: &ScalingOptions) -> usize {
    (DAY_SECS / options.step_secs.max(SLOT_SECS)).max(1) as usize
}

impl Course {
    pub(super) fn new(options: &ScalingOptions) -> Self {
        Self {
            begun: false,
            level: 0.0,
            spread: 0.0,
            means: [0.0; 3],
            shares: [0.0, 0.0, BEFORE],
            since: LONG_AGO,
            of_day: vec![BEFORE; slots(options)],
            of_week: vec![BEFORE; HOURS],
            of_since: vec![BEFORE; SINCE_MAX + 1],
        }
    }

    /// Steps since the last one over the threshold.
    pub(super) fn since(&self) -> usize {
        self.since
    }

    /// Takes in a step, and says what there is to look at behind it; each between -3 and 3.
    pub(super) fn take(
        &mut self,
        options: &ScalingOptions,
        at_secs: i64,
        value: f64,
    ) -> [f64; FEATURES] {
        if !self.begun {
            self.begun = true;
            self.level = value;
            self.spread = (value - options.threshold).abs();
            self.means = [value; 3];
        }
        self.spread += LEVEL * ((value - self.level).abs() - self.spread);
        self.spread = self.spread.max(f64::MIN_POSITIVE);
        self.level += LEVEL * (value - self.level);
        for (mean, rate) in self.means.iter_mut().zip(MEANS) {
            *mean += rate * (value - *mean);
        }
        let is_over = value > options.threshold;
        let over = f64::from(u8::from(is_over));
        for (share, rate) in self.shares.iter_mut().zip(SHARES) {
            *share += rate * (over - *share);
        }
        self.since = if is_over {
            0
        } else {
            (self.since + 1).min(LONG_AGO)
        };
        let (slot, hour) = self.places(at_secs);
        let slot_secs = f64::from(DAY_SECS) / count(self.of_day.len());
        let step_secs = f64::from(options.step_secs);
        let part = |secs: f64| (step_secs / secs).min(1.0);
        self.of_day[slot] += OF_DAY * part(slot_secs) * (over - self.of_day[slot]);
        self.of_week[hour] += OF_WEEK * part(3_600.0) * (over - self.of_week[hour]);
        self.features(options, at_secs, value)
    }

    fn features(&self, options: &ScalingOptions, at_secs: i64, value: f64) -> [f64; FEATURES] {
        let distance = |of: f64| ((of - options.threshold) / self.spread / 2.0).clamp(-3.0, 3.0);
        let (mut of_day, mut of_week) = (0.0, 0.0);
        for steps in options.lead_min..=options.lead_max {
            let (slot, hour) = self.places(later(options, at_secs, steps));
            of_day += self.of_day[slot];
            of_week += self.of_week[hour];
        }
        let lead = count(options.lead_max - options.lead_min + 1);
        let near = self.since.min(SINCE_MAX);
        let beside = &self.of_since[near.saturating_sub(2)..=(near + 2).min(SINCE_MAX)];
        let often = beside.iter().sum::<f64>() / count(beside.len());
        let often = often.clamp(0.003, 0.997);
        let twice = 2 * options.lead_max;
        [
            1.0,
            distance(value),
            distance(self.means[0]),
            distance(self.means[1]),
            distance(self.means[2]),
            self.shares[0],
            self.shares[1],
            of_day / lead,
            of_week / lead,
            count(self.since.min(twice)) / count(twice),
            f64::from(u8::from(self.since >= options.lead_max)),
            count(self.since).ln_1p() / 5.0,
            (often / (1.0 - often)).ln() / 2.0,
        ]
    }

    /// Learns whether an overload began within the lead, so many steps after the last.
    pub(super) fn learn(&mut self, since: usize, came: bool) {
        let often = &mut self.of_since[since.min(SINCE_MAX)];
        *often += OF_SINCE * (f64::from(u8::from(came)) - *often);
    }

    /// Steps until an overload is expected, if one comes within the lead: the mean by what is usual at those
    /// times of the day.
    pub(super) fn ahead(&self, options: &ScalingOptions, at_secs: i64) -> i64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for steps in options.lead_min..=options.lead_max {
            let (slot, _) = self.places(later(options, at_secs, steps));
            // Where nothing is usual, all are as likely.
            let weight = self.of_day[slot] + 1e-3;
            sum += weight * count(steps);
            total += weight;
        }
        // Between the least and the most steps.
        #[allow(clippy::cast_possible_truncation)]
        let steps = (sum / total).round() as i64;
        steps
    }

    /// The slot of the day and the hour of the week of a time.
    fn places(&self, at_secs: i64) -> (usize, usize) {
        let slot_secs = i64::from(DAY_SECS) / i64::try_from(self.of_day.len()).unwrap_or(1);
        let of_day = at_secs.rem_euclid(i64::from(DAY_SECS)) / slot_secs;
        let of_week = at_secs.rem_euclid(7 * i64::from(DAY_SECS)) / 3_600;
        let place = |of: i64, most: usize| usize::try_from(of).unwrap_or(0).min(most - 1);
        (place(of_day, self.of_day.len()), place(of_week, HOURS))
    }
}

/// So many steps later.
fn later(options: &ScalingOptions, at_secs: i64, steps: usize) -> i64 {
    let steps = i64::try_from(steps).unwrap_or(i64::MAX);
    at_secs.saturating_add(i64::from(options.step_secs).saturating_mul(steps))
}
