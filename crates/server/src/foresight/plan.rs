//! The plan: each day every series that matters is forecast anew with full selection of models, the most
//! important first, by one thread that rests after each so that it takes no more than its share of a core.
//! What is done is known by what is kept, so that a start goes on where the last run ended.

mod counts;
mod due;
mod record;
#[cfg(test)]
mod tests;

pub use counts::Counts;

use super::watch::scores::Matter;
use api::foresight::make::{Made, make, warning};
use api::foresight::matter::matter;
use api::foresight::{Ground, PlanStanding};
use due::{Due, due};
use model::event::Event;
use model::forecast::{ForecastHead, ForecastWhy, KeptForecast, Outlook};
use model::pattern::PatternKind;
use model::series::Series;
use model::{Clock, SeriesId, Timestamp};
use record::{is_recorded, record};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use store::series::SeriesError;
use tokio::sync::{broadcast, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How often it is looked which series matter: that of 10,000 devices takes some seconds.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// How often it is looked whether a series was chosen, or is due.
const TICK: Duration = Duration::from_secs(10);
/// The longest rest after one forecast.
const REST_MAX: Duration = Duration::from_mins(1);
/// Series whose samples could not be read are left alone for so long.
const RETRY_AFTER: Duration = Duration::from_hours(1);
/// Forecasts of series that matter no longer are kept for so long.
const KEPT_FOR: Duration = Duration::from_hours(24 * 7);
/// The longest time that reading the samples of one series may take.
const READ_MAX: Duration = Duration::from_mins(1);

/// What it works with.
pub struct Context {
    /// What forecasts are made of.
    pub ground: Ground,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// The present time.
    pub clock: Clock,
    /// How it stands.
    pub told: watch::Sender<PlanStanding>,
    /// Which series matter, for who keeps their scores.
    pub matter: watch::Sender<Matter>,
    /// While this says something, a history is being made, and nothing is forecast.
    pub seeding: watch::Receiver<Option<api::Reason>>,
    /// What is counted.
    pub counts: Counts,
    /// Share of a core that it takes at most, over 0 to 1.
    pub cpu_share_max: f64,
    /// Series that are forecast at most.
    pub series_max: usize,
    /// What reaches a threshold within so long is warned of.
    pub warn_within: Duration,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// Starts the thread. `tasks` waits for its end, which comes after the forecast that is under way.
pub fn start(context: Context, tasks: &TaskTracker) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (ended_in, ended_out) = oneshot::channel::<()>();
    std::thread::Builder::new()
        .name("foresight".to_owned())
        .spawn(move || {
            runtime.block_on(Plan::new(context).run());
            let _ = ended_in.send(());
        })?;
    tasks.spawn(async move {
        let _ = ended_out.await;
    });
    Ok(())
}

/// A forecast could not be made or kept.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    #[error("the samples could not be read")]
    Read(#[from] SeriesError),
    #[error("the forecast could not be kept")]
    Keep(#[from] StoreError),
}

/// What the forecast before said.
#[derive(Default)]
struct Before {
    /// The limit that was warned of.
    warned: Option<Outlook>,
    /// The kind of traffic.
    pattern: Option<PatternKind>,
}

struct Plan {
    context: Context,
    /// The most important first, and why.
    matter: Vec<(SeriesId, ForecastWhy)>,
    /// Of these, those that an operator chose.
    chosen: BTreeSet<SeriesId>,
    left_out: usize,
    looked_at: Option<Timestamp>,
    /// Those that are due, in turn, and how many there are, as it was found then.
    turn: VecDeque<(SeriesId, ForecastWhy)>,
    due: Due,
    found_at: Option<Timestamp>,
    /// When those that failed are tried again. Invariant: of series that matter alone.
    retry_at: BTreeMap<SeriesId, Timestamp>,
    failing: bool,
}

impl Plan {
    fn new(context: Context) -> Self {
        Self {
            context,
            matter: Vec::new(),
            chosen: BTreeSet::new(),
            left_out: 0,
            looked_at: None,
            turn: VecDeque::new(),
            due: Due::default(),
            found_at: None,
            retry_at: BTreeMap::new(),
            failing: false,
        }
    }

    async fn run(mut self) {
        let stop = self.context.stop.clone();
        if self.no_history_is_made().await.is_none() {
            return;
        }
        while !stop.is_cancelled() {
            let now = self.context.clock.now();
            let next = self.next(now).await;
            self.tell();
            let rest = match next.and_then(|(id, why)| self.series(id).map(|series| (series, why)))
            {
                Some((series, why)) => self.one(&series, why, now).await,
                None => TICK,
            };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Waits for a history that is being made; none where the server stops.
    async fn no_history_is_made(&mut self) -> Option<()> {
        let stop = self.context.stop.clone();
        let seeding = &mut self.context.seeding;
        tokio::select! {
            _ = seeding.wait_for(Option::is_none) => Some(()),
            () = stop.cancelled() => None,
        }
    }

    fn series(&self, id: SeriesId) -> Option<Series> {
        self.context.ground.series.series(id)
    }

    /// Looks which series matter, where that was long ago or others were chosen.
    async fn look(&mut self, now: Timestamp) {
        let is_old = self
            .looked_at
            .is_none_or(|at| now.since(at) >= LOOK_EVERY || at > now);
        let forecasts = &self.context.ground.store.forecasts;
        let chosen = forecasts.chosen();
        let is_known = |id: SeriesId| self.chosen.contains(&id) || self.series(id).is_none();
        if !is_old && chosen.iter().all(|one| is_known(one.series_id)) {
            return;
        }
        let found = matter(&self.context.ground, now, self.context.series_max);
        let is_chosen = |(_, why): &&(SeriesId, ForecastWhy)| *why == ForecastWhy::Chosen;
        let of_choice = found.series.iter().filter(is_chosen);
        self.chosen = of_choice.map(|(id, _)| *id).collect();
        let all: HashSet<SeriesId> = found.series.iter().map(|(id, _)| *id).collect();
        self.context.matter.send_replace(Arc::new(all));
        self.matter = found.series;
        self.left_out = found.left_out;
        self.looked_at = Some(now);
        let matter = &self.matter;
        self.retry_at
            .retain(|id, _| matter.iter().any(|(other, _)| other == id));
        self.forget(now).await;
    }

    /// Forgets forecasts of series that are gone, and of those that have not mattered for long.
    async fn forget(&self, now: Timestamp) {
        let forecasts = &self.context.ground.store.forecasts;
        let gone = |head: &Arc<ForecastHead>| {
            self.series(head.series_id).is_none() || now.since(head.made_at) >= KEPT_FOR
        };
        let heads = forecasts.heads().into_iter().filter(gone);
        let heads = heads.map(|head| head.series_id);
        let chosen = forecasts.chosen().into_iter().map(|one| one.series_id);
        let chosen = chosen.filter(|id| self.series(*id).is_none());
        for id in heads.chain(chosen) {
            if let Err(error) = forecasts.forget(id).await {
                warn!(series.id = %id, error = %crate::chain(&error), "a forecast is not forgotten yet");
                return;
            }
        }
    }

    /// The series whose turn it is. Which are due is found out every [`TICK`], not for each.
    async fn next(&mut self, now: Timestamp) -> Option<(SeriesId, ForecastWhy)> {
        let is_old = self
            .found_at
            .is_none_or(|at| now.since(at) >= TICK || at > now);
        if is_old || self.turn.is_empty() {
            self.look(now).await;
            self.find(now);
            self.found_at = Some(now);
        }
        self.turn.pop_front()
    }

    /// Finds out which are due, and how many.
    fn find(&mut self, now: Timestamp) {
        self.turn.clear();
        self.due = Due::default();
        for (id, why) in &self.matter {
            let head = self.context.ground.store.forecasts.head(*id);
            let at = due(head.as_deref());
            self.due.count(at, now);
            let waits = self.retry_at.get(id).is_some_and(|at| *at > now);
            if at.is_none_or(|at| at <= now) && !waits {
                self.turn.push_back((*id, *why));
            }
        }
    }

    fn tell(&self) {
        let (counts, due) = (&self.context.counts, &self.due);
        let standing = PlanStanding {
            series: self.matter.len() as u64,
            done: due.done,
            left: due.left,
            left_out: self.left_out as u64,
            behind_secs: due.behind.as_secs(),
            ..counts.standing()
        };
        counts.show(&standing);
        self.context.told.send_replace(standing);
    }

    /// Forecasts a series; how long to rest after it.
    async fn one(&mut self, series: &Series, why: ForecastWhy, now: Timestamp) -> Duration {
        let begun = crate::process::thread_cpu_nanos().unwrap_or(0);
        let (id, device_id) = (series.id, series.key.device_id);
        let done = self.forecast(series, why, now).await;
        let spent = crate::process::thread_cpu_nanos().unwrap_or(begun);
        let spent = Duration::from_nanos(spent.saturating_sub(begun));
        self.context.counts.made(done.is_ok(), spent, now);
        match done {
            Ok((head, before)) => {
                self.failing = false;
                self.retry_at.remove(&id);
                self.due.made();
                let state = head.state;
                self.tell_event(Event::ForecastMade {
                    device_id,
                    series_id: id,
                    state,
                    made_at: now,
                });
                self.warn(series, &head, before.warned, now);
                self.tell_pattern(series, &head, before.pattern, now);
            }
            Err(error) => {
                if !self.failing {
                    warn!(series.id = %id, error = %crate::chain(&error), "a series could not be forecast");
                }
                self.failing = true;
                self.retry_at.insert(id, now.plus(RETRY_AFTER));
            }
        }
        let share = self.context.cpu_share_max.clamp(0.001, 1.0);
        spent.mul_f64(1.0 / share - 1.0).min(REST_MAX)
    }

    /// Makes and keeps a forecast; what is told of it, and what was told before.
    async fn forecast(
        &self,
        series: &Series,
        why: ForecastWhy,
        now: Timestamp,
    ) -> Result<(ForecastHead, Before), NotMade> {
        let forecasts = &self.context.ground.store.forecasts;
        let before: Option<KeptForecast> = forecasts.get(series.id).await?;
        let within = self.context.warn_within;
        let of = |kept: &KeptForecast| Before {
            warned: warning(&kept.head, within),
            pattern: kept.head.pattern.as_ref().map(|pattern| pattern.kind),
        };
        let told = before.as_ref().map(of).unwrap_or_default();
        let until = Some(std::time::Instant::now() + READ_MAX);
        let ground = &self.context.ground;
        let Made { kept, came } = make(ground, series, (why, before), (now, until))?;
        let head = kept.head.clone();
        forecasts.put(kept).await?;
        if is_recorded(why)
            && let Err(error) = record(&ground.series, series, &head, &came).await
        {
            // The scores are kept: what is missing is the line beside the chart.
            warn!(series.id = %series.id, error = %crate::chain(&error), "what was forecast is not kept as series");
        }
        Ok((head, told))
    }

    /// Warns of a limit that is near, where none was warned of before or a higher threshold is near now.
    fn warn(&self, series: &Series, head: &ForecastHead, before: Option<Outlook>, now: Timestamp) {
        let Some(outlook) = warning(head, self.context.warn_within) else {
            return;
        };
        if before.is_some_and(|before| before.threshold >= outlook.threshold) {
            return;
        }
        info!(series.id = %series.id, "a limit is near");
        self.context.counts.warned();
        self.tell_event(Event::CapacityWarning {
            device_id: series.key.device_id,
            interface_id: series.key.labels.interface_id(),
            series_id: series.id,
            outlook,
            at: now,
        });
    }

    /// Tells that a series is of another kind than it was, once a forecast at most: which kind it is at first is
    /// no news.
    fn tell_pattern(
        &self,
        series: &Series,
        head: &ForecastHead,
        before: Option<PatternKind>,
        now: Timestamp,
    ) {
        let kind = head.pattern.as_ref().map(|pattern| pattern.kind);
        let Some(before) = before.filter(|before| Some(*before) != kind) else {
            return;
        };
        self.tell_event(Event::PatternChanged {
            device_id: series.key.device_id,
            interface_id: series.key.labels.interface_id(),
            series_id: series.id,
            before,
            pattern: head.pattern.clone(),
            at: now,
        });
    }

    fn tell_event(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.context.events.send(Arc::new(event));
    }
}
