//! A trigger that is raised some time before a series is expected to go over a threshold, so that what
//! takes minutes to add is there in time. Step by step: what it says of a step is of those until then.

mod course;
mod learner;
mod state;

use crate::anomaly::Moment;
use course::{Course, DAY_SECS};
use learner::{FEATURES, Learner};
use std::collections::VecDeque;

/// The longest lead, in steps.
pub const LEAD_MAX: usize = 48;
/// Beyond this, in either direction, nothing was measured: it counts as missing.
const VALUE_MAX: f64 = 1e100;
/// Raised where an overload is likelier than this.
const RAISED: f64 = 1.0 / 4.0;
/// Cleared where it is less likely than this.
const CLEARED: f64 = 1.0 / 8.0;

/// When a trigger is raised and cleared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalingOptions {
    /// Over this is overload, in the series' unit.
    pub threshold: f64,
    /// The least steps between raising and overload that are of use, from 1.
    pub lead_min: usize,
    /// The most steps between raising and overload, from `lead_min`.
    pub lead_max: usize,
    /// Length of a step in seconds.
    pub step_secs: u32,
}

/// A change of a trigger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Overload is expected.
    Raised {
        /// When it is most likely to begin: a Unix time in seconds.
        expected_at_secs: i64,
        /// How likely one begins within the lead, 0 to 1.
        probability: f64,
    },
    /// What was expected passed, or did not come.
    Cleared,
}

/// Why there is no trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unscalable {
    /// The threshold is no number, or over 1e100.
    #[error("a threshold is a number, to 1e100")]
    Threshold,
    /// A step of zero or over a day.
    #[error("a step is 1 to 86400 seconds")]
    Step,
    /// Leads are zero, or not in order, or too long.
    #[error("a lead is 1 to {LEAD_MAX} steps, the least no longer than the most")]
    Lead,
    /// What was read is no state of this trigger.
    #[error("the bytes are no state of a trigger with these options")]
    State,
}

/// A trigger of one series.
///
/// It learns from the series itself how likely an overload begins between the least and the most steps from
/// now: by logistic regression, updated step by step (the extended Kalman filter, as of Fahrmeir, "Posterior
/// Mode Estimation by Extended Kalman Filtering for Multivariate Dynamic Generalized Linear Models", Journal
/// of the American Statistical Association 87, 1992), on how far the value and its means of a short, a
/// middle and a long time are from the threshold; the share of overload lately, at that time of the day and
/// at that hour of the week; how long the last one is ago, and how often one began so long after the one
/// before. An overload is two steps or more over the threshold, behind `lead_max` steps without. Until it
/// has seen some, it is not raised.
///
/// State: under 16 KiB, some 7 for steps of five minutes and a lead of 8. Cost of a step: O(features² +
/// lead), some 3 us.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    options: ScalingOptions,
    /// When the last value was, and what.
    last: Option<(i64, f64)>,
    /// Steps since it was raised; none where it is not.
    raised_for: Option<usize>,
    learner: Learner,
    course: Course,
    /// Of the last steps, the latest last: over the threshold or not.
    over: VecDeque<bool>,
    /// Of the last steps, the latest last: what was looked at, and how long the last overload was ago.
    looked: VecDeque<([f64; FEATURES], usize)>,
}

impl Trigger {
    /// One that has seen nothing.
    pub fn new(options: ScalingOptions) -> Result<Self, Unscalable> {
        if !tellable(options.threshold) {
            return Err(Unscalable::Threshold);
        }
        if options.step_secs == 0 || options.step_secs > DAY_SECS {
            return Err(Unscalable::Step);
        }
        if options.lead_min == 0
            || options.lead_max < options.lead_min
            || options.lead_max > LEAD_MAX
        {
            return Err(Unscalable::Lead);
        }
        Ok(Self {
            options,
            last: None,
            raised_for: None,
            learner: Learner::new(),
            course: Course::new(&options),
            over: VecDeque::new(),
            looked: VecDeque::new(),
        })
    }

    /// What it was made with.
    pub fn options(&self) -> &ScalingOptions {
        &self.options
    }

    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.raised_for.is_some()
    }

    /// Takes in a value at a moment, of which a Unix time in seconds is one, and says what changed. Times of the
    /// day and hours of the week are those that its clock shows. A value that is no number, or over
    /// 1e100 in either direction, is missing, and one that is not later than the last one is left out.
    /// Steps that are missing are taken to be as the last one; where they are more than `lead_max`, nothing
    /// is learned of them, and it is cleared.
    ///
    /// It is raised where an overload is likelier than one in four. What it says is of those that begin
    /// between the least and the most steps from then; when all steps have passed of whose overload it could
    /// be told in time, it is raised anew where one is still as likely, and cleared where it is less likely
    /// than one in eight.
    pub fn observe(&mut self, moment: impl Into<Moment>, value: f64) -> Option<Change> {
        if !tellable(value) {
            return None;
        }
        let moment = moment.into();
        let Moment {
            at: at_secs,
            shown: shown_secs,
        } = moment;
        let step = i64::from(self.options.step_secs);
        let mut cleared = None;
        if let Some((last_secs, last)) = self.last {
            if at_secs <= last_secs {
                return None;
            }
            let steps = at_secs.saturating_sub(last_secs).saturating_add(step / 2) / step;
            let missing = usize::try_from(steps.saturating_sub(1)).unwrap_or(usize::MAX);
            if missing > self.options.lead_max {
                self.over.clear();
                self.looked.clear();
                cleared = self.raised_for.take().map(|_| Change::Cleared);
            } else {
                for _ in 0..missing {
                    self.take(shown_secs, last);
                }
            }
        }
        self.last = Some((at_secs, value));
        let likely = self.take(shown_secs, value);
        self.decide(moment, value, likely).or(cleared)
    }

    /// One step: learns of what is known by it now, and says how likely an overload begins within the lead.
    fn take(&mut self, shown_secs: i64, value: f64) -> f64 {
        let is_over = value > self.options.threshold;
        if self.over.len() > 2 * self.options.lead_max + 1 {
            self.over.pop_front();
        }
        self.over.push_back(is_over);
        let features = self.course.take(&self.options, shown_secs, value);
        self.looked.push_back((features, self.course.since()));
        if self.looked.len() > self.options.lead_max + 1
            && let Some((features, since)) = self.looked.pop_front()
            && since > 0
        {
            let came = self.came();
            self.course.learn(since, came);
            self.learner.learn(&features, came);
        }
        self.raised_for = self.raised_for.map(|steps| steps.saturating_add(1));
        self.learner.likelihood(&features)
    }

    /// Whether an overload began between the least and the most steps behind the step of which it is known
    /// now: the one `lead_max` and one more steps ago.
    fn came(&self) -> bool {
        let back = |steps: usize| {
            let at = self.over.len().checked_sub(steps + 1);
            at.and_then(|at| self.over.get(at)).copied()
        };
        let lead = self.options.lead_max;
        // Steps back from now, of the first step of an overload.
        (1..=lead + 1 - self.options.lead_min).any(|begin| {
            back(begin) == Some(true)
                && back(begin - 1) == Some(true)
                && (begin + 1..=begin + lead).all(|before| back(before) != Some(true))
        })
    }

    fn decide(&mut self, moment: Moment, value: f64, likely: f64) -> Option<Change> {
        // What begins behind the last step that it spoke of is left to be told in time.
        let told = self.options.lead_max - self.options.lead_min;
        let passed = self.raised_for.is_none_or(|steps| steps > told);
        if value > self.options.threshold || !passed {
            return None;
        }
        if likely > RAISED {
            self.raised_for = Some(0);
            let ahead = self.course.ahead(&self.options, moment.shown);
            let secs = i64::from(self.options.step_secs).saturating_mul(ahead);
            return Some(Change::Raised {
                expected_at_secs: moment.at.saturating_add(secs),
                probability: likely,
            });
        }
        if likely < CLEARED {
            return self.raised_for.take().map(|_| Change::Cleared);
        }
        None
    }
}

/// Whether a number is one that was measured.
fn tellable(value: f64) -> bool {
    value.abs() <= VALUE_MAX
}
