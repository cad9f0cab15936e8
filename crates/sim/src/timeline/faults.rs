//! The list of faults: what was scheduled, what was added while the network runs, what was removed.

use super::{FAULTS_KEPT_MAX, Timeline};
use crate::network::{DeviceNo, EdgeNo, LinkNo, Target, TargetError};
use crate::scenario::{Effect, Fault, FaultDraft, FaultProblem, Moment, Scenario, ScenarioError};
use model::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// Steps in which a link fills up: small enough not to show, and few enough to remember.
const FILL_STEPS: u32 = 48;

/// Which fault: numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FaultId(pub u32);

/// A fault, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultView {
    /// Which.
    pub id: FaultId,
    /// What was asked for, with what was left out filled in.
    #[serde(flatten)]
    pub draft: FaultDraft,
    /// Simulated time at which it begins.
    pub starts_at: Timestamp,
    /// Simulated time at which it ends; null where it lasts until it is removed.
    pub ends_at: Option<Timestamp>,
    /// `scheduled`, `active` or `over`.
    pub state: &'static str,
}

/// A fault that cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// A field makes no sense.
    #[error(transparent)]
    Problem(#[from] FaultProblem),
    /// It would have begun already: counters have been shown since.
    #[error("`at`: {at} is past; it is {now}")]
    Past {
        /// When it was to begin.
        at: Timestamp,
        /// The simulated time.
        now: Timestamp,
    },
    /// Counters remember too much already.
    #[error("{FAULTS_KEPT_MAX} faults are remembered, and counters remember them all: start anew")]
    Full,
}

/// A fault with its place in time.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) id: FaultId,
    pub(super) draft: FaultDraft,
    pub(super) fault: Fault,
    pub(super) target: Target,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
}

impl Span {
    pub(super) fn is_active(&self, at: Timestamp) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }

    /// When something changes by it.
    pub(super) fn moments(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let (start, end) = (self.start, self.end);
        let steps = match self.fault.effect {
            Effect::Fill { over, .. } => (1..=FILL_STEPS)
                .map(|step| start.plus(over * step / FILL_STEPS))
                .collect(),
            Effect::Overheat { over, .. } => vec![start.plus(over)],
            _ => Vec::new(),
        };
        let steps = steps
            .into_iter()
            .filter(move |step| end.is_none_or(|end| *step < end));
        std::iter::once(start).chain(steps).chain(end)
    }

    /// How far what comes on slowly has come, 0 to 1.
    pub(super) fn progress(&self, at: Timestamp) -> f64 {
        let Effect::Fill { over, .. } = self.fault.effect else {
            return 1.0;
        };
        let passed = at.since(self.start).as_secs_f64();
        let steps = f64::from(FILL_STEPS);
        (passed * steps / over.as_secs_f64().max(0.001) + 1e-6)
            .floor()
            .min(steps)
            / steps
    }

    /// The device that it befalls, where it befalls one.
    pub(super) fn device(&self) -> Option<DeviceNo> {
        match self.target {
            Target::Device(device) => Some(device),
            Target::Link(_) | Target::Edge(_) => None,
        }
    }
}

impl Timeline {
    /// Every fault that there was or will be, in the order they were added.
    pub fn faults(&self, now: Timestamp) -> Vec<FaultView> {
        self.spans.iter().map(|span| view(span, now)).collect()
    }

    /// Adds a fault, at `now` or later.
    pub fn add(&mut self, draft: &FaultDraft, now: Timestamp) -> Result<FaultView, AddError> {
        if self.spans.len() >= FAULTS_KEPT_MAX {
            return Err(AddError::Full);
        }
        let fault = draft.checked()?;
        // From now, not from the start: who sends a command thinks of now.
        let start = fault.at.map_or(now, |at| at.from_start(now));
        if start < now {
            return Err(AddError::Past { at: start, now });
        }
        let target = self.network.target(&fault.target);
        let target = target.map_err(|error| in_field(&error))?;
        let span = self.span(draft.clone(), fault, target, start)?;
        let view = view(&span, now);
        self.spans.push(span);
        self.recount(start);
        Ok(view)
    }

    /// Ends a fault at `now`; one that has not begun never will. None where there is no such fault.
    pub fn remove(&mut self, id: FaultId, now: Timestamp) -> Option<FaultView> {
        let place = self.spans.iter().position(|span| span.id == id)?;
        let span = self.spans.get_mut(place)?;
        let is_over = span.end.is_some_and(|end| end <= now);
        if span.start > now {
            let start = span.start;
            let mut gone = view(span, now);
            gone.state = "over";
            self.spans.remove(place);
            self.recount(start.min(now));
            return Some(gone);
        }
        if !is_over {
            span.end = Some(now);
            self.recount(now);
        }
        self.spans.get(place).map(|span| view(span, now))
    }

    /// Takes in what the scenario schedules.
    pub(super) fn schedule(
        &mut self,
        scenario: &Scenario,
        start: Timestamp,
    ) -> Result<(), ScenarioError> {
        for (place, draft) in scenario.faults.iter().enumerate() {
            let refuse = |problem: FaultProblem| ScenarioError::fault(place, &problem);
            let fault = draft.checked().map_err(refuse)?;
            let target = self.network.target_of(place, &fault.target)?;
            let at = fault.at.unwrap_or(Moment::After(0)).from_start(start);
            let span = self
                .span(draft.clone(), fault, target, at)
                .map_err(refuse)?;
            self.spans.push(span);
        }
        self.recount(Timestamp::from_unix_ms(i64::MIN));
        Ok(())
    }

    fn span(
        &mut self,
        draft: FaultDraft,
        fault: Fault,
        target: Target,
        start: Timestamp,
    ) -> Result<Span, FaultProblem> {
        fits(&fault, target)?;
        let id = FaultId(self.next_id);
        self.next_id += 1;
        Ok(Span {
            id,
            draft,
            end: fault.lasts.map(|lasts| start.plus(lasts)),
            fault,
            target,
            start,
        })
    }

    /// The devices whose agents some fault befalls, whenever that is.
    pub(crate) fn devices_with_faults(&self) -> BTreeSet<DeviceNo> {
        self.spans.iter().filter_map(Span::device).collect()
    }

    /// Faults of a device at a moment.
    pub(super) fn spans_of(
        &self,
        device: DeviceNo,
        at: Timestamp,
    ) -> impl Iterator<Item = &Span> + use<'_> {
        self.spans
            .iter()
            .filter(move |span| span.device() == Some(device) && span.is_active(at))
    }
}

fn in_field(error: &TargetError) -> FaultProblem {
    FaultProblem::new("target", error.to_string())
}

/// Whether the effect can befall that kind of thing.
fn fits(fault: &Fault, target: Target) -> Result<(), FaultProblem> {
    let wanted = match fault.effect {
        Effect::LinkDown | Effect::Errors { .. } => "a link or a port",
        Effect::Fill { .. } => "a link",
        Effect::Surge { .. } => return Ok(()),
        _ => "a device",
    };
    let fits = match target {
        Target::Device(DeviceNo(_)) => wanted == "a device",
        Target::Link(LinkNo(_)) => wanted != "a device",
        Target::Edge(EdgeNo(_)) => wanted == "a link or a port",
    };
    if fits {
        return Ok(());
    }
    let detail = format!(
        "this kind befalls {wanted}, as \"{}\"",
        match wanted {
            "a device" => "acc-1",
            "a link" => "acc-1 dist-1",
            _ => "acc-1 dist-1\" or \"acc-1 Gi1/0/3",
        }
    );
    Err(FaultProblem::new("target", detail))
}

fn view(span: &Span, now: Timestamp) -> FaultView {
    let state = if now < span.start {
        "scheduled"
    } else if span.is_active(now) {
        "active"
    } else {
        "over"
    };
    FaultView {
        id: span.id,
        draft: FaultDraft {
            target: span.fault.target.clone(),
            at: None,
            lasts: span.fault.lasts.map(crate::scenario::Span),
            ..span.draft.clone()
        },
        starts_at: span.start,
        ends_at: span.end,
        state,
    }
}
