//! One trigger over its series, step by step: when it is raised and cleared, and whether what was expected
//! came. No clock and no store is known here.

use analytics::anomaly::Moment;
use analytics::scaling::{Change as Verdict, ScalingOptions, Trigger, Unscalable};
use api::foresight::place::{Place, UTC};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use model::scaling::{
    LEARNED_STEPS, RAISES_MAX, STEP_SECS, ScalingRaise, ScalingStanding, ScalingState,
    ScalingTrigger, ScalingVerdict,
};
use std::time::Duration;

/// Length of a step.
pub(super) const STEP: Duration = Duration::from_secs(STEP_SECS as u64);
/// Steps over the threshold from which on they are an overload, as `analytics::scaling` has it.
const OVERLOAD_STEPS: u32 = 2;

/// A trigger at work.
pub(super) struct Follower {
    trigger: Trigger,
    typed: ScalingTrigger,
    threshold: f64,
    place: Place,
    /// The value of the last step that was taken in here.
    latest: Option<f64>,
    pub(super) standing: ScalingStanding,
}

impl Follower {
    /// One that goes on where it was kept; where it was learned for something else, or cannot be read, it
    /// begins anew.
    pub(super) fn resume(
        typed: &ScalingTrigger,
        threshold: f64,
        place: &Place,
        kept: ScalingStanding,
    ) -> Result<Self, Unscalable> {
        let (lead_min, lead_max) = typed.lead_steps();
        let options = ScalingOptions {
            threshold,
            lead_min,
            lead_max,
            step_secs: STEP_SECS,
        };
        let is_same = kept.learned_for.as_ref().is_some_and(|other| {
            typed.watches_as(other)
                && kept.learned_threshold.map(f64::to_bits) == Some(threshold.to_bits())
                && kept.learned_zone.as_deref().unwrap_or(UTC) == place.zone()
        });
        let bytes = STANDARD.decode(&kept.learned).ok().filter(|_| is_same);
        let learned = bytes.and_then(|bytes| Trigger::decode(options, &bytes).ok());
        let (trigger, standing) = if let Some(trigger) = learned {
            (trigger, kept)
        } else {
            let fresh = ScalingStanding {
                delivery: kept.delivery,
                ..ScalingStanding::default()
            };
            (Trigger::new(options)?, fresh)
        };
        Ok(Self {
            trigger,
            typed: typed.clone(),
            threshold,
            place: place.clone(),
            latest: standing.outlook.map(|outlook| outlook.latest),
            standing,
        })
    }

    /// Whether it is still the one for that threshold.
    pub(super) fn is_for(&self, threshold: f64) -> bool {
        self.threshold.to_bits() == threshold.to_bits()
    }

    /// The threshold, in the unit of the series.
    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// When the last step ended, and its value.
    pub(super) fn latest(&self) -> Option<(Timestamp, f64)> {
        Some((self.standing.stepped_to?, self.latest?))
    }

    /// How it stands, with what it has learned.
    pub(super) fn kept(&self) -> ScalingStanding {
        ScalingStanding {
            learned_for: Some(self.typed.clone()),
            learned_threshold: Some(self.threshold),
            learned_zone: Some(self.place.zone().to_owned()),
            learned: STANDARD.encode(self.trigger.encode()),
            ..self.standing.clone()
        }
    }

    /// Takes in the value of the step that ends then. Steps that are not known are left out. `is_backcast`
    /// where it is of a time before the trigger was made.
    pub(super) fn take(&mut self, at: Timestamp, value: f64, is_backcast: bool) {
        if !value.is_finite() || self.standing.stepped_to.is_some_and(|last| at <= last) {
            return;
        }
        let at_secs = at.unix_ms().div_euclid(1_000);
        let moment = Moment {
            at: at_secs,
            shown: self.place.usual_secs(at_secs),
        };
        let change = self.trigger.observe(moment, value);
        let gap = self.standing.stepped_to.map(|last| at.since(last));
        if gap.is_some_and(|gap| gap > self.reach()) {
            self.standing.over_steps = 0;
            self.settle(ScalingVerdict::Unknown, |_| true);
        }
        self.standing.stepped_to = Some(at);
        self.latest = Some(value);
        self.standing.steps = self.standing.steps.saturating_add(1);
        let mut began = self.count(at, value);
        if self.standing.steps < LEARNED_STEPS {
            return self.learn();
        }
        if self.standing.state == ScalingState::Learning {
            self.become_at(ScalingState::Clear, at);
            self.standing.reason = None;
            // An overload that is there by now was not told when it began.
            if self.standing.over_steps >= OVERLOAD_STEPS {
                began = began.or(Some(at.minus(STEP)));
            }
        }
        if let Some(overload_at) = began {
            self.overload(at, overload_at, is_backcast);
        }
        let late = |raise: &ScalingRaise, reach: Duration| at.since(raise.raised_at) > reach + STEP;
        let reach = self.reach();
        let missed = self.settle(ScalingVerdict::False, |raise| late(raise, reach));
        self.standing.tally.false_raises += missed;
        self.decide(at, value, change, is_backcast);
    }

    /// The longest lead.
    fn reach(&self) -> Duration {
        let (_, most) = self.typed.lead_steps();
        STEP * u32::try_from(most).unwrap_or(u32::MAX)
    }

    fn learn(&mut self) {
        let (known, needed) = (self.standing.steps, LEARNED_STEPS);
        self.standing.reason = Some(format!(
            "{known} steps of five minutes are known, and {needed} are needed"
        ));
    }

    /// Counts steps over the threshold; when an overload began, where it is known by this one.
    fn count(&mut self, at: Timestamp, value: f64) -> Option<Timestamp> {
        if value <= self.threshold {
            self.standing.over_steps = 0;
            return None;
        }
        self.standing.over_steps = self.standing.over_steps.saturating_add(1);
        if self.standing.over_steps > OVERLOAD_STEPS {
            self.standing.over_at = Some(at);
        }
        (self.standing.over_steps == OVERLOAD_STEPS).then(|| at.minus(STEP))
    }

    /// An overload began.
    fn overload(&mut self, at: Timestamp, overload_at: Timestamp, is_backcast: bool) {
        let reach = self.reach();
        let is_meant = |raise: &ScalingRaise| {
            let lead = overload_at.since(raise.raised_at);
            raise.verdict == ScalingVerdict::Waiting && lead <= reach
        };
        let first = self.standing.raises.iter().position(is_meant);
        if let Some(first) = first {
            // Those behind it said the same anew.
            self.standing.raises.truncate(first + 1);
        }
        let before = self.standing.over_at.replace(at);
        let is_raised = self.standing.state == ScalingState::Raised;
        if let (Some(_), Some(raise)) = (first, self.standing.raises.last_mut()) {
            let lead_secs = overload_at.since(raise.raised_at).as_secs();
            raise.verdict = ScalingVerdict::Came;
            raise.overload_at = Some(overload_at);
            raise.lead_secs = Some(lead_secs);
            // It may have been cleared too soon.
            raise.cleared_at = None;
            let tally = &mut self.standing.tally;
            tally.came += 1;
            tally.backcast += u64::from(raise.is_backcast);
            tally.lead_secs_sum = tally.lead_secs_sum.saturating_add(lead_secs);
            if !is_raised {
                self.become_at(ScalingState::Raised, at);
            }
            return;
        }
        if is_raised {
            return;
        }
        // One that goes on after a pause is not another.
        if before.is_none_or(|before| overload_at.since(before) > reach) {
            self.standing.tally.missed += 1;
            self.standing.tally.backcast += u64::from(is_backcast);
        }
        self.raise(ScalingRaise {
            raised_at: at,
            expected_at: overload_at,
            probability: 1.0,
            cleared_at: None,
            verdict: ScalingVerdict::Late,
            overload_at: Some(overload_at),
            lead_secs: None,
            is_backcast,
        });
    }

    /// Gives those that wait and that are meant a verdict; how many they were.
    fn settle(&mut self, verdict: ScalingVerdict, is_meant: impl Fn(&ScalingRaise) -> bool) -> u64 {
        let mut settled = 0;
        for raise in &mut self.standing.raises {
            if raise.verdict == ScalingVerdict::Waiting && is_meant(raise) {
                raise.verdict = verdict;
                settled += 1;
                if raise.is_backcast && verdict == ScalingVerdict::False {
                    self.standing.tally.backcast += 1;
                }
            }
        }
        settled
    }

    fn decide(&mut self, at: Timestamp, value: f64, change: Option<Verdict>, is_backcast: bool) {
        if let Some(Verdict::Raised {
            expected_at_secs,
            probability,
        }) = change
        {
            let expected_ms = expected_at_secs.saturating_mul(1_000);
            return self.raise(ScalingRaise {
                raised_at: at,
                expected_at: Timestamp::from_unix_ms(expected_ms),
                probability,
                cleared_at: None,
                verdict: ScalingVerdict::Waiting,
                overload_at: None,
                lead_secs: None,
                is_backcast,
            });
        }
        let is_low = value <= self.threshold * self.typed.clear_below_share;
        if self.standing.state == ScalingState::Raised && is_low && !self.trigger.raised() {
            self.end_raise(at);
            self.become_at(ScalingState::Clear, at);
        }
    }

    fn raise(&mut self, raise: ScalingRaise) {
        self.end_raise(raise.raised_at);
        self.become_at(ScalingState::Raised, raise.raised_at);
        self.standing.raises.push(raise);
        let above = self.standing.raises.len().saturating_sub(RAISES_MAX);
        self.standing.raises.drain(..above);
    }

    fn end_raise(&mut self, at: Timestamp) {
        if self.standing.state == ScalingState::Raised
            && let Some(last) = self.standing.raises.last_mut()
        {
            last.cleared_at.get_or_insert(at);
        }
    }

    fn become_at(&mut self, state: ScalingState, at: Timestamp) {
        self.standing.state = state;
        self.standing.since = Some(at);
    }
}
