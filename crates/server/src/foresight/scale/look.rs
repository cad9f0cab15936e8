//! A look at one trigger's series: the steps that are over since the last look, and what is expected within
//! the lead. Blocks: it reads files, and forecasts.

use super::follow::{Follower, STEP};
use api::foresight::Ground;
use api::foresight::input::{self, Grain};
use api::foresight::limit::limit_of;
use api::foresight::make;
use model::Timestamp;
use model::scaling::{
    ScalingOutlook, ScalingStanding, ScalingState, ScalingThreshold, ScalingTrigger,
};
use model::series::Series;
use std::time::{Duration, Instant};
use store::series::SeriesError;

/// How far back a trigger learns at first: four weeks of roll-ups, twenty milliseconds.
const BACK: Duration = Duration::from_hours(24 * 28);
/// The same where older days would have to be fetched of the archive.
const BACK_SHORT: Duration = Duration::from_hours(24 * 2);
/// The longest time that a look may take.
const LOOK_MAX: Duration = Duration::from_mins(1);

/// What a trigger is looked at with.
pub(super) struct Looker {
    pub(super) ground: Ground,
    pub(super) typed: ScalingTrigger,
    /// None before the first look, and where nothing can be followed.
    pub(super) follower: Option<Follower>,
    /// How it stands, with what it has learned.
    pub(super) standing: ScalingStanding,
}

impl Looker {
    /// Takes in what is over by now.
    pub(super) fn look(&mut self, now: Timestamp) -> Result<(), SeriesError> {
        let ground = &self.ground;
        let Some(series) = ground.series.series(self.typed.series_id) else {
            self.waits("the series is gone", now);
            return Ok(());
        };
        let threshold = match self.typed.threshold {
            ScalingThreshold::Value { value } => Some(value),
            ScalingThreshold::OfLimit { share } => {
                let limit = limit_of(ground, &series).map(|(_, limit)| limit * share);
                // One that is not read for a while is as it was.
                limit.or_else(|| self.threshold_learned())
            }
        };
        let Some(threshold) = threshold else {
            self.waits("the limit of the series is not known", now);
            return Ok(());
        };
        let follower = self.follower.take().filter(|one| one.is_for(threshold));
        let follower = match follower {
            Some(follower) => Ok(follower),
            None => Follower::resume(&self.typed, threshold, &ground.place, self.standing.clone()),
        };
        let mut follower = match follower {
            Ok(follower) => follower,
            Err(error) => {
                self.waits(&error.to_string(), now);
                return Ok(());
            }
        };
        let until = Some(Instant::now() + LOOK_MAX);
        let done = self.go_on(&series, &mut follower, (now, until));
        self.standing = ScalingStanding {
            delivery: self.standing.delivery.take(),
            ..follower.kept()
        };
        self.follower = Some(follower);
        done
    }

    fn go_on(
        &self,
        series: &Series,
        follower: &mut Follower,
        (now, until): (Timestamp, Option<Instant>),
    ) -> Result<(), SeriesError> {
        self.steps(series, follower, (now, until))?;
        let of = follower.standing.outlook.map(|outlook| outlook.at);
        if of != follower.standing.stepped_to {
            // Where it cannot be made, there is none: the one before says nothing of now.
            follower.standing.outlook = None;
            follower.standing.outlook = self.outlook(series, follower, (now, until))?;
        }
        Ok(())
    }

    /// The threshold that was learned for last, where the trigger still watches the same.
    fn threshold_learned(&self) -> Option<f64> {
        let of = self.standing.learned_for.as_ref();
        let is_same = of.is_some_and(|other| self.typed.watches_as(other));
        self.standing.learned_threshold.filter(|_| is_same)
    }

    /// Nothing can be followed now.
    fn waits(&mut self, reason: &str, now: Timestamp) {
        self.follower = None;
        if self.standing.state == ScalingState::Raised
            && let Some(last) = self.standing.raises.last_mut()
        {
            last.cleared_at.get_or_insert(now);
        }
        if self.standing.state != ScalingState::Learning {
            self.standing.since = Some(now);
        }
        self.standing.state = ScalingState::Learning;
        self.standing.reason = Some(reason.to_owned());
        self.standing.outlook = None;
    }

    /// Takes in steps.
    fn steps(
        &self,
        series: &Series,
        follower: &mut Follower,
        (now, until): (Timestamp, Option<Instant>),
    ) -> Result<(), SeriesError> {
        let inventory = &self.ground.store.inventory;
        let record = inventory.device(series.key.device_id);
        let interval = record.map_or(60, |record| record.device.body.interval_secs);
        // The last sample of a step comes up to an interval after its end.
        let settle = Duration::from_secs(interval.into()).min(STEP);
        let to = input::begin_of(now.minus(settle), STEP);
        let last = follower.standing.stepped_to;
        let how = input::usual(series.key.metric.kind());
        let read = |back: Duration| {
            let from = last.map_or(to.minus(back), |last| last.max(to.minus(back)));
            let range = (from, to);
            if from >= to {
                return Ok(None);
            }
            input::range(&self.ground, series, STEP, how, range, until).map(Some)
        };
        let read = match read(BACK) {
            Err(SeriesError::Archive(_) | SeriesError::TooManyArchived { .. }) => read(BACK_SHORT),
            read => read,
        };
        let Some(input) = read? else {
            return Ok(());
        };
        let begun = self.typed.created_at;
        let mut at = input.from;
        for value in input.values {
            at = at.plus(STEP);
            // What is gone through at first was told to nobody.
            follower.take(at, value, last.is_none() || at <= begun);
        }
        if follower.standing.stepped_to.is_none() {
            follower.standing.reason = Some("nothing is known of the series yet".to_owned());
        }
        Ok(())
    }

    /// What is expected within the lead.
    fn outlook(
        &self,
        series: &Series,
        follower: &Follower,
        (now, until): (Timestamp, Option<Instant>),
    ) -> Result<Option<ScalingOutlook>, SeriesError> {
        let Some((at, latest)) = follower.latest() else {
            return Ok(None);
        };
        let (_, most) = self.typed.lead_steps();
        let ground = &self.ground;
        // The step that is under way is forecast too.
        let made = make::expect_now(ground, series, Grain::FiveMinutes, most + 1, (now, until))?;
        let greatest = |all: &[f64]| {
            let known = all.iter().copied().filter(|value| value.is_finite());
            known.fold(latest, f64::max)
        };
        let course = made.ok().map(|expected| expected.course);
        let max = |part: fn(&model::forecast::Course) -> &Vec<f64>| {
            course
                .as_ref()
                .map_or(latest, |course| greatest(part(course)))
        };
        Ok(Some(ScalingOutlook {
            at,
            latest,
            threshold: follower.threshold(),
            forecast_max: max(|course| &course.median),
            forecast_max_upper80: max(|course| &course.upper80),
            is_forecast: course.is_some(),
        }))
    }
}
