//! Scaling triggers at work: each is looked at when a step of its series is over, raised and cleared, and
//! what changed is told on the stream and to its webhook. What was learned is kept, and goes on after a start
//! with the steps that were missed. How it is decided is in [`follow`](self) and `analytics::scaling`.

mod counts;
mod follow;
mod look;
#[cfg(test)]
mod tests;

pub use counts::Counts;

use crate::webhook::{Message, Webhooks};
use api::foresight::{Ground, input};
use follow::STEP;
use look::Looker;
use model::event::Event;
use model::scaling::{ScalingStanding, ScalingState, ScalingTold, ScalingTrigger};
use model::webhook::{Delivery, DeliveryState};
use model::{Clock, EventId, Timestamp, TriggerId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::StoreError;
use store::documents::Stored;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How often it is looked which are due.
const TICK: Duration = Duration::from_millis(500);
/// How long after a step the next look is; what is late is taken in by the one after it.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// What is learned is kept so often where nothing changed: what a crash loses is read of the samples again.
const KEEP_EVERY: Duration = Duration::from_hours(1);
/// How long a trigger rests whose look ended in a mistake of ours.
const REST_AFTER_PANIC: Duration = Duration::from_hours(1);
/// Words of deliveries that wait to be taken in.
const WORDS_MAX: usize = 64;

/// What it works with.
#[derive(Clone)]
pub struct Context {
    /// What is looked at.
    pub ground: Ground,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// Who sends to webhooks.
    pub webhooks: Webhooks,
    /// The present time.
    pub clock: Clock,
    /// While this says something, a history is being made, and nothing is learned.
    pub seeding: watch::Receiver<Option<api::Reason>>,
    /// What is counted.
    pub counts: Counts,
    /// Who joins what is being sent.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// Runs until the server stops; what was learned is kept then.
pub async fn run(mut context: Context) {
    let stop = context.stop.clone();
    tokio::select! {
        _ = context.seeding.wait_for(Option::is_none) => {}
        () = stop.cancelled() => return,
    }
    let (words_in, mut words) = mpsc::channel(WORDS_MAX);
    let mut scaling = Scaling {
        context,
        at_work: BTreeMap::new(),
        read_at: None,
        words: words_in,
    };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some((id, delivery)) = words.recv() => scaling.hear(id, delivery).await,
            _ = ticks.tick() => Box::pin(scaling.turn(&stop)).await,
        }
    }
    scaling.end().await;
}

/// A message that says that a trigger's webhook is reached: its state is told as it is, and nothing changed.
/// None where the trigger has no webhook.
pub async fn test_message(
    store: &store::Store,
    id: TriggerId,
    event_id: EventId,
    now: Timestamp,
) -> Result<Option<Message>, StoreError> {
    let Some((stored, standing)) = store.scaling.get(id) else {
        return Ok(None);
    };
    let Some(webhook) = &stored.body.webhook else {
        return Ok(None);
    };
    let told = told(&stored.body, &standing, now);
    Ok(Some(Message {
        event_id,
        url: webhook.url.clone(),
        secret: store.scaling.secret(id).await?,
        kind: "dev.foretell.scaling.test",
        subject: format!("/api/v1/scaling/{id}"),
        at: now,
        data: serde_json::to_value(told).unwrap_or_default(),
    }))
}

/// What is told of a trigger as it stands.
fn told(typed: &ScalingTrigger, standing: &ScalingStanding, at: Timestamp) -> ScalingTold {
    let raise = standing.raise();
    let outlook = standing.outlook.as_ref();
    ScalingTold {
        trigger_id: typed.id,
        name: typed.name.clone(),
        series_id: typed.series_id,
        state: standing.state,
        at,
        expected_at: raise.map(|raise| raise.expected_at),
        probability: raise.map(|raise| raise.probability),
        threshold: outlook.map(|outlook| outlook.threshold),
        latest: outlook.map(|outlook| outlook.latest),
        forecast_max: outlook.map(|outlook| outlook.forecast_max),
    }
}

struct Scaling {
    context: Context,
    // Invariant: no more than triggers are kept, which the API bounds.
    at_work: BTreeMap<TriggerId, AtWork>,
    read_at: Option<u64>,
    words: mpsc::Sender<(TriggerId, Delivery)>,
}

/// A trigger at work.
struct AtWork {
    stored: Arc<Stored<ScalingTrigger>>,
    looker: Looker,
    due: Timestamp,
    kept_at: Timestamp,
    /// Whether it was raised when that was told last. That it is raised anew while it is so is not told.
    was_raised: bool,
    failing: bool,
}

impl Scaling {
    /// Looks at those that are due, one after another.
    async fn turn(&mut self, stop: &CancellationToken) {
        self.read();
        let now = self.context.clock.now();
        let due = self.at_work.iter().filter(|(_, one)| one.due <= now);
        let due: Vec<TriggerId> = due.map(|(id, _)| *id).collect();
        if due.is_empty() {
            return;
        }
        for id in due {
            if stop.is_cancelled() {
                return;
            }
            if let Some(one) = self.at_work.remove(&id)
                && let Some(one) = self.look(one, now).await
            {
                self.at_work.insert(id, one);
            }
        }
        let states = self.at_work.values().map(|one| one.looker.standing.state);
        self.context.counts.show(states);
    }

    /// Takes in the triggers as they are now.
    fn read(&mut self) {
        let triggers = &self.context.ground.store.scaling;
        let changes = triggers.changes();
        if self.read_at == Some(changes) {
            return;
        }
        let is_start = self.read_at.replace(changes).is_none();
        let mut before = std::mem::take(&mut self.at_work);
        for (stored, standing) in triggers.list() {
            let id = stored.body.id;
            let known = before.remove(&id);
            if is_start {
                self.resend(&stored.body, &standing);
            }
            if !stored.body.enabled {
                continue;
            }
            let same = known
                .as_ref()
                .is_some_and(|known| known.stored.revision == stored.revision);
            let one = match known {
                Some(known) if same => known,
                // What was learned goes on where it is good for the trigger as it is now.
                Some(known) => self.begin(stored, known.looker.standing),
                None => self.begin(stored, ScalingStanding::clone(&standing)),
            };
            self.at_work.insert(id, one);
        }
        let states = self.at_work.values().map(|one| one.looker.standing.state);
        self.context.counts.show(states);
    }

    /// Sends what was being sent when the server stopped.
    fn resend(&self, typed: &ScalingTrigger, standing: &ScalingStanding) {
        if let Some(delivery) = &standing.delivery
            && delivery.state == DeliveryState::Waiting
        {
            self.send(typed, standing, delivery.event_id, self.context.clock.now());
        }
    }

    fn begin(&self, stored: Arc<Stored<ScalingTrigger>>, standing: ScalingStanding) -> AtWork {
        let now = self.context.clock.now();
        AtWork {
            was_raised: standing.state == ScalingState::Raised,
            looker: Looker {
                ground: self.context.ground.clone(),
                typed: stored.body.clone(),
                follower: None,
                standing,
            },
            stored,
            due: now,
            kept_at: Timestamp::default(),
            failing: false,
        }
    }

    /// Looks at one; where that ends in a mistake of ours, it goes on later as it is shown. It is gone where
    /// it was deleted meanwhile.
    async fn look(&mut self, mut one: AtWork, now: Timestamp) -> Option<AtWork> {
        let begun = Instant::now();
        let stored = Arc::clone(&one.stored);
        let looked = tokio::task::spawn_blocking(move || {
            let done = one.looker.look(now);
            (one, done)
        });
        let (mut one, done) = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                let id = stored.body.id;
                self.context.counts.failed();
                warn!(trigger.id = %id, error = %error, "a look at the series of a scaling trigger broke off");
                let (_, standing) = self.context.ground.store.scaling.get(id)?;
                let mut one = self.begin(stored, ScalingStanding::clone(&standing));
                one.due = now.plus(REST_AFTER_PANIC);
                return Some(one);
            }
        };
        self.context.counts.looked(begun.elapsed());
        let id = one.stored.body.id;
        one.due = next_look(now, &one.looker.standing);
        // What was taken in before an error counts.
        if let Err(error) = done {
            self.context.counts.failed();
            if !one.failing {
                warn!(trigger.id = %id, error = %crate::chain(&error), "a scaling trigger could not look at its series");
            }
            one.failing = true;
        } else {
            one.failing = false;
        }
        let is_raised = one.looker.standing.state == ScalingState::Raised;
        if is_raised != std::mem::replace(&mut one.was_raised, is_raised) {
            let event_id = EventId::new();
            if one.stored.body.webhook.is_some() {
                one.looker.standing.delivery = Some(Delivery::new(event_id, now));
            }
            self.keep(&mut one, now).await;
            self.tell(&one, event_id, now);
        } else if now.since(one.kept_at) >= KEEP_EVERY {
            self.keep(&mut one, now).await;
        } else {
            self.show(&one);
        }
        Some(one)
    }

    /// Tells what changed, after it is durable.
    fn tell(&self, one: &AtWork, event_id: EventId, now: Timestamp) {
        let (typed, standing) = (&one.stored.body, &one.looker.standing);
        let state = standing.state;
        info!(trigger.id = %typed.id, state = state.name(), "a scaling trigger changed");
        self.context.counts.told(state);
        if let Some(series) = self.context.ground.series.series(typed.series_id) {
            let event = Event::Scaling {
                device_id: series.key.device_id,
                told: Arc::new(told(typed, standing, now)),
            };
            // An error means that nobody listens.
            let _ = self.context.events.send(Arc::new(event));
        }
        self.send(typed, standing, event_id, now);
    }

    /// Sends how a trigger stands to its webhook, in a task of its own.
    fn send(
        &self,
        typed: &ScalingTrigger,
        standing: &ScalingStanding,
        event_id: EventId,
        now: Timestamp,
    ) {
        let Some(webhook) = typed.webhook.clone() else {
            return;
        };
        let id = typed.id;
        let kind = match standing.state {
            ScalingState::Raised => "dev.foretell.scaling.raised",
            ScalingState::Clear | ScalingState::Learning => "dev.foretell.scaling.cleared",
        };
        let data = serde_json::to_value(told(typed, standing, now)).unwrap_or_default();
        let (words, hooks) = (self.words.clone(), self.context.webhooks.clone());
        let store = self.context.ground.store.clone();
        let stop = self.context.stop.clone();
        let Some(place) = hooks.place() else {
            let mut dropped = Delivery::new(event_id, now);
            dropped.state = DeliveryState::GivenUp;
            "too many messages are under way".clone_into(&mut dropped.detail);
            let _ = words.try_send((id, dropped));
            return;
        };
        self.context.tasks.spawn(async move {
            let secret = match store.scaling.secret(id).await {
                Ok(secret) => secret,
                Err(error) => {
                    let mut failed = Delivery::new(event_id, now);
                    failed.state = DeliveryState::GivenUp;
                    failed.detail = crate::chain(&error);
                    say(&words, &stop, (id, failed)).await;
                    return;
                }
            };
            let message = Message {
                event_id,
                url: webhook.url.clone(),
                secret,
                kind,
                subject: format!("/api/v1/scaling/{id}"),
                at: now,
                data,
            };
            // What was followed by another message, or has nobody to go to any more, is not sent again.
            let is_wanted = || {
                let known = store.scaling.get(id);
                known.is_some_and(|(stored, standing)| {
                    let last = standing.delivery.as_ref().map(|last| last.event_id);
                    stored.body.webhook.as_ref() == Some(&webhook) && last == Some(event_id)
                })
            };
            let done = hooks.deliver(place, &message, is_wanted, |delivery| {
                // One that is not heard is followed by another.
                let _ = words.try_send((id, delivery.clone()));
            });
            let done = done.await;
            if done.state == DeliveryState::GivenUp {
                warn!(trigger.id = %id, "a webhook was given up: {}", done.detail);
            }
            say(&words, &stop, (id, done)).await;
        });
    }

    /// How a message fares.
    async fn hear(&mut self, id: TriggerId, delivery: Delivery) {
        let now = self.context.clock.now();
        let Some(mut one) = self.at_work.remove(&id) else {
            return self.keep_word(id, delivery).await;
        };
        let known = one.looker.standing.delivery.as_ref();
        if known.is_some_and(|known| known.event_id == delivery.event_id && *known != delivery) {
            let is_done = delivery.state != DeliveryState::Waiting;
            one.looker.standing.delivery = Some(delivery);
            if is_done {
                self.keep(&mut one, now).await;
            } else {
                self.show(&one);
            }
        }
        self.at_work.insert(id, one);
    }

    /// Keeps how a message fared whose trigger is not at work any more.
    async fn keep_word(&self, id: TriggerId, delivery: Delivery) {
        let triggers = &self.context.ground.store.scaling;
        let Some((stored, standing)) = triggers.get(id) else {
            return;
        };
        let known = standing.delivery.as_ref().map(|known| known.event_id);
        if known == Some(delivery.event_id) && delivery.state != DeliveryState::Waiting {
            let mut standing = ScalingStanding::clone(&standing);
            standing.delivery = Some(delivery);
            self.keep_as(id, stored.revision, standing).await;
        }
    }

    fn show(&self, one: &AtWork) {
        let triggers = &self.context.ground.store.scaling;
        let standing = one.looker.standing.clone();
        triggers.show(one.stored.body.id, one.stored.revision, standing);
    }

    async fn keep(&self, one: &mut AtWork, now: Timestamp) {
        one.kept_at = now;
        let (id, standing) = (one.stored.body.id, one.looker.standing.clone());
        self.keep_as(id, one.stored.revision, standing).await;
    }

    async fn keep_as(&self, id: TriggerId, revision: u64, standing: ScalingStanding) {
        let triggers = &self.context.ground.store.scaling;
        match triggers.keep(id, revision, standing).await {
            Ok(()) | Err(StoreError::RevisionConflict { .. } | StoreError::NotFound { .. }) => {}
            Err(error) => {
                self.context.counts.failed();
                warn!(trigger.id = %id, error = %crate::chain(&error), "how a scaling trigger stands is not kept");
            }
        }
    }

    /// Keeps all that was learned.
    async fn end(&mut self) {
        let now = self.context.clock.now();
        for (_, mut one) in std::mem::take(&mut self.at_work) {
            self.keep(&mut one, now).await;
        }
    }
}

/// Says how a message fared in the end; not where the server stops.
async fn say(
    words: &mpsc::Sender<(TriggerId, Delivery)>,
    stop: &CancellationToken,
    word: (TriggerId, Delivery),
) {
    tokio::select! {
        _ = words.send(word) => {}
        () = stop.cancelled() => {}
    }
}

/// When a trigger is looked at next: as the step after the last one that is known is over, and every
/// [`LOOK_EVERY`] from then on.
fn next_look(now: Timestamp, standing: &ScalingStanding) -> Timestamp {
    let soon = now.plus(LOOK_EVERY);
    let ends = standing.stepped_to.map(|at| at.plus(STEP));
    let ends = ends.unwrap_or_else(|| input::begin_of(now, STEP));
    ends.max(soon)
}
