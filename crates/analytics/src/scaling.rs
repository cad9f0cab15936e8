//! A trigger that is raised some time before a series is expected to go over a threshold, so that what
//! takes minutes to add is there in time. Step by step: what it says of a step is of those until then.

/// The longest lead, in steps.
pub const LEAD_MAX: usize = 48;

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
    /// The threshold is no number.
    #[error("a threshold is a number")]
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
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    options: ScalingOptions,
    last: Option<(i64, f64)>,
    raised: bool,
}

impl Trigger {
    /// One that has seen nothing.
    pub fn new(options: ScalingOptions) -> Result<Self, Unscalable> {
        if !options.threshold.is_finite() {
            return Err(Unscalable::Threshold);
        }
        if options.step_secs == 0 || options.step_secs > 86_400 {
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
            raised: false,
        })
    }

    /// Takes in a value at a Unix time in seconds, and says what changed. A value that is no number is
    /// missing; one that is not later than the last one is left out.
    pub fn observe(&mut self, at_secs: i64, value: f64) -> Option<Change> {
        if !value.is_finite() || self.last.is_some_and(|last| last.0 >= at_secs) {
            return None;
        }
        let slope = self.last.map_or(0.0, |last| value - last.1);
        self.last = Some((at_secs, value));
        let steps = i64::try_from(self.options.lead_min).unwrap_or(1);
        let over = value + slope > self.options.threshold;
        if over && !self.raised {
            self.raised = true;
            return Some(Change::Raised {
                expected_at_secs: at_secs.saturating_add(steps * i64::from(self.options.step_secs)),
                probability: 0.5,
            });
        }
        if !over && self.raised {
            self.raised = false;
            return Some(Change::Cleared);
        }
        None
    }

    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.raised
    }
}
