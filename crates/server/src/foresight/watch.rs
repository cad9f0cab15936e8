//! Watching every series as its samples come: a detector for each, what it says kept and told, bands for who asks.
//!
//! Samples are heard of as everybody hears of them, after they are synced: nobody who takes samples in waits for
//! this. What is missed, as after a start or where events come faster than they are looked at, is read of the store
//! ([`catch_up`]), and until then the device's samples that come are left to that. One task has all the state; it
//! runs on a thread of its own.
//!
//! Begin at [`run`]. One series is in [`series`], one device in [`device`]; [`keeper`] writes and tells what is said,
//! [`scores`] keeps how far each is out of the ordinary;
//! [`shards`] are the files, whose bytes are in [`saved`].

pub mod catch_up;
pub mod counts;
pub mod device;
pub mod keeper;
pub mod saved;
pub mod scores;
pub mod sentence;
pub mod series;
pub mod shards;
pub mod together;

use crate::wire::Receiver;
use analytics::anomaly::Moment;
use api::Reason;
use api::expected::{BandsAsked, BandsTold};
use api::foresight::place::Place;
use catch_up::{Done, Task};
use counts::Counts;
use device::{Ground, OfDevice};
use keeper::{Keeper, LOTS_MAX, Lot};
use model::event::Event;
use model::foresight::{Anomaly, AnomalyKind};
use model::{Clock, DeviceId, SeriesId, Status, Timestamp, Value};
use scores::{Matter, Recorder, SCORES_MAX, Scores};
use series::{MODEL, MODEL_VERSION, Rules};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use store::series::SeriesStore;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often it is looked what is to be done besides.
const TICK: Duration = Duration::from_millis(500);
/// How often each file of detectors is written, and so how much is read of the store after a crash.
const WRITTEN_EVERY: Duration = Duration::from_mins(4);
/// Samples that are older when they are heard of say nothing of how far behind this is.
const LAG_MAX: Duration = Duration::from_hours(1);

/// What it works with.
#[derive(Clone)]
pub struct Context {
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Whom to hear, and to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// The present time.
    pub clock: Clock,
    /// The folder of the files of detectors.
    pub folder: PathBuf,
    /// Most series that are watched.
    pub series_max: usize,
    /// By which clock and calendar hours and days are told.
    pub place: Place,
    /// Whether a history is being made, which is waited for.
    pub seeding: watch::Receiver<Option<Reason>>,
    /// Series whose scores are kept always.
    pub matter: watch::Receiver<Matter>,
    /// What is counted.
    pub counts: Counts,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// What is known of a device.
#[derive(Default)]
struct Slot {
    /// None while it catches up.
    of: Option<OfDevice>,
    /// Something was missed.
    is_behind: bool,
    /// It waits for its turn to catch up.
    is_queued: bool,
    /// Something changed since its file was written.
    is_changed: bool,
    /// How many series there was no room for.
    left_out: usize,
    /// Anomalies that were open at the start, until it is known how they go on.
    open: Vec<Anomaly>,
}

/// Runs until the server stops, then writes what is known. What is told from this call on is heard.
pub fn run(context: Context, asked: Receiver<BandsAsked>) -> impl Future<Output = ()> + Send {
    let heard = context.events.subscribe();
    listen(context, asked, heard)
}

async fn listen(
    context: Context,
    mut asked: Receiver<BandsAsked>,
    mut heard: broadcast::Receiver<Arc<Event>>,
) {
    let keeper = Keeper {
        store: context.store.clone(),
        series: context.series.clone(),
        events: context.events.clone(),
        clock: context.clock.clone(),
        counts: context.counts.clone(),
    };
    let (lots, taken) = mpsc::channel(LOTS_MAX);
    let keeping = tokio::spawn(keeper.run(taken));
    let recorder = Recorder {
        series: context.series.clone(),
        events: context.events.clone(),
        counts: context.counts.clone(),
        is_failing: false,
    };
    let (scores, to_keep) = mpsc::channel(SCORES_MAX);
    let recording = tokio::spawn(recorder.run(to_keep));
    let mut watcher = Watcher::open(context.clone(), lots, scores).await;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = context.stop.cancelled() => break,
            done = finished(&mut watcher.catching_up) => watcher.caught_up(done).await,
            Some(question) = asked.recv() => watcher.answer(question),
            event = heard.recv() => match event {
                Ok(event) => watcher.hear(&event).await,
                Err(broadcast::error::RecvError::Lagged(missed)) => watcher.missed(missed),
                Err(broadcast::error::RecvError::Closed) => break,
            },
            _ = ticks.tick() => {}
        }
        watcher.turn().await;
    }
    watcher.stop().await;
    // These end when nobody has anything to tell any more.
    drop(watcher);
    let _ = keeping.await;
    let _ = recording.await;
}

/// What came of catching up; pends where nothing catches up.
async fn finished(job: &mut Option<JoinHandle<Done>>) -> Option<Done> {
    match job {
        None => std::future::pending().await,
        Some(handle) => {
            let done = handle.await;
            *job = None;
            done.ok()
        }
    }
}

struct Watcher {
    context: Context,
    lots: mpsc::Sender<Lot>,
    scores: mpsc::Sender<Scores>,
    matter: Matter,
    devices: HashMap<DeviceId, Slot>,
    /// Devices that wait for their turn to catch up.
    queue: VecDeque<DeviceId>,
    catching_up: Option<JoinHandle<Done>>,
    /// The device that catches up.
    away: Option<DeviceId>,
    writing: Option<JoinHandle<()>>,
    /// When each file was written.
    written_at: [Timestamp; shards::SHARDS],
    rules: Arc<HashMap<SeriesId, Rules>>,
    /// What the rules were made of.
    rules_of: Option<u64>,
    /// Series that are watched, those of the device that catches up too.
    series: usize,
}

impl Watcher {
    async fn open(context: Context, lots: mpsc::Sender<Lot>, scores: mpsc::Sender<Scores>) -> Self {
        let folder = context.folder.clone();
        let loaded = tokio::task::spawn_blocking(move || shards::load(&folder)).await;
        let loaded = loaded.unwrap_or_default();
        for damage in &loaded.damage {
            warn!("{damage}; what was in it is learned again");
        }
        let now = context.clock.now();
        let share = WRITTEN_EVERY / u32::try_from(shards::SHARDS).unwrap_or(1);
        let written_at =
            std::array::from_fn(|shard| now.minus(share * u32::try_from(shard).unwrap_or(0)));
        let mut watcher = Self {
            lots,
            scores,
            matter: Matter::default(),
            devices: HashMap::new(),
            queue: VecDeque::new(),
            catching_up: None,
            away: None,
            writing: None,
            written_at,
            rules: Arc::default(),
            rules_of: None,
            series: 0,
            context,
        };
        for (id, of) in loaded.devices {
            if watcher.context.store.inventory.device(id).is_none() && id != model::series::NETWORK
            {
                continue;
            }
            watcher.series += of.series.len();
            let slot = watcher.devices.entry(id).or_default();
            slot.of = Some(of);
            watcher.lag_behind(id);
        }
        watcher.take_open().await;
        watcher
    }

    /// Takes in the anomalies that were open when the server stopped.
    async fn take_open(&mut self) {
        let open = match self.context.store.anomalies.open().await {
            Ok(open) => open,
            Err(error) => {
                warn!(error = %crate::chain(&error), "open anomalies could not be read");
                return;
            }
        };
        for anomaly in open {
            if anomaly.kind == AnomalyKind::HeavyTalker {
                // Told and ended by who looks for talkers.
                continue;
            }
            let id = anomaly.device_id;
            let is_there = self.context.store.inventory.device(id).is_some();
            if is_there || id == model::series::NETWORK {
                let slot = self.devices.entry(id).or_default();
                slot.open.push(anomaly);
                self.lag_behind(id);
            } else {
                self.say(Lot::Close(anomaly.id, self.context.clock.now()))
                    .await;
            }
        }
    }

    async fn hear(&mut self, event: &Event) {
        self.know_rules();
        self.know_matter();
        match event {
            Event::Samples {
                device_id,
                at,
                samples,
            } => self.look(*device_id, *at, samples).await,
            Event::DeviceDeleted { device_id } => self.forget(*device_id).await,
            _ => {}
        }
    }

    async fn look(&mut self, id: DeviceId, at: Timestamp, samples: &[(SeriesId, Value)]) {
        let slot = self.devices.entry(id).or_default();
        let Some(of) = slot.of.as_mut().filter(|_| !slot.is_behind) else {
            self.lag_behind(id);
            return;
        };
        for (series, _) in samples {
            if of.knows(*series) {
                continue;
            }
            // One that is never watched misses nothing: so a score that is kept for the first time.
            let known = self.context.series.series(*series);
            if known.is_none_or(|known| series::watched_as(known.key.metric).is_some()) {
                self.lag_behind(id);
                return;
            }
            of.unwatched.insert(*series);
        }
        let begun = Instant::now();
        let record = self.context.store.inventory.device(id);
        let device = record.as_ref().map(|record| &record.device.body);
        let ground = Ground {
            rules: &self.rules,
            is_down: record
                .as_ref()
                .is_some_and(|record| record.state.status == Status::Down),
            maintenance_since_ms: device
                .and_then(|device| device.maintenance.as_ref())
                .map(|work| work.since.unix_ms()),
            replaced_at: device.map_or(&[], |device| &device.replaced_at),
            matter: Some(&self.matter),
            place: &self.context.place,
        };
        let mut words = Vec::new();
        let points = of.row(id, at, samples, &ground, &mut words);
        let scores = of.scores(at, samples, &self.matter);
        if points > 0 {
            slot.is_changed = true;
        }
        let counts = &self.context.counts;
        counts.points.inc_by(points);
        counts.busy.inc_by(begun.elapsed().as_secs_f64());
        let lag = self.context.clock.now().since(at);
        let is_polled = samples.iter().any(|(id, _)| !of.is_unpolled(*id));
        if points > 0 && is_polled && lag < LAG_MAX {
            counts.lag.observe(lag.as_secs_f64());
        }
        if !words.is_empty() {
            self.say(Lot::Words(words)).await;
        }
        if !scores.is_empty() {
            let (device_id, count) = (id, scores.len());
            let scores = Scores {
                device_id,
                at,
                scores,
            };
            if self.scores.try_send(scores).is_err() {
                counts.scores_not_kept.inc_by(count as u64);
            }
        }
    }

    /// Events were missed: of whom is not known.
    fn missed(&mut self, events: u64) {
        self.context.counts.missed.inc_by(events);
        let all: Vec<DeviceId> = self.devices.keys().copied().collect();
        for id in all {
            self.lag_behind(id);
        }
        // What was missed may be the first of a device, or its end.
        for record in self.context.store.inventory.devices() {
            self.lag_behind(record.device.body.id);
        }
    }

    fn lag_behind(&mut self, id: DeviceId) {
        let slot = self.devices.entry(id).or_default();
        slot.is_behind = true;
        if !slot.is_queued {
            slot.is_queued = true;
            self.queue.push_back(id);
        }
    }

    async fn forget(&mut self, id: DeviceId) {
        self.say(Lot::Forget(id)).await;
        let Some(slot) = self.devices.remove(&id) else {
            return;
        };
        let now = self.context.clock.now();
        for anomaly in slot.open {
            self.say(Lot::Close(anomaly.id, now)).await;
        }
        // One that catches up meanwhile is let go when it comes back.
        if let Some(mut of) = slot.of {
            self.series = self.series.saturating_sub(of.series.len());
            let words = of.end_all(id, now.unix_ms());
            self.say(Lot::Words(words)).await;
        }
        if let Some(at) = self.written_at.get_mut(shards::shard_of(id)) {
            *at = Timestamp::from_unix_ms(0);
        }
    }

    /// Takes in what operators set and judged since, before the next sample is held against it.
    fn know_rules(&mut self) {
        let changes = self.context.store.anomalies.changes();
        if self.rules_of != Some(changes) {
            self.rules_of = Some(changes);
            let all = self.context.store.anomalies.rules().into_iter();
            let rules = all.map(|(id, threshold, floor, ceiling)| {
                let rules = Rules {
                    threshold,
                    floor,
                    ceiling,
                };
                (id, rules)
            });
            self.rules = Arc::new(rules.collect());
        }
    }

    /// Takes in of which series scores are kept always.
    fn know_matter(&mut self) {
        // An error means that nobody says it any more: it stays as it was.
        if self.context.matter.has_changed().unwrap_or(false) {
            self.matter = self.context.matter.borrow_and_update().clone();
        }
    }

    /// What is done after each event: rules, catching up, files.
    async fn turn(&mut self) {
        self.know_rules();
        if self.catching_up.is_none() && self.context.seeding.borrow().is_none() {
            self.begin_catching_up().await;
        }
        self.begin_writing();
        let counts = &self.context.counts;
        counts
            .series
            .set(i64::try_from(self.series).unwrap_or(i64::MAX));
        let behind = self.queue.len() + usize::from(self.away.is_some());
        counts.behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
    }

    async fn begin_catching_up(&mut self) {
        let Some(id) = self.queue.pop_front() else {
            return;
        };
        let Some(slot) = self.devices.get_mut(&id) else {
            return;
        };
        slot.is_queued = false;
        slot.is_behind = false;
        if id != model::series::NETWORK && self.context.store.inventory.device(id).is_none() {
            return self.forget(id).await;
        }
        let task = Task {
            device_id: id,
            of: slot.of.take().unwrap_or_default(),
            open: slot.open.clone(),
            now: self.context.clock.now(),
            room: self.context.series_max.saturating_sub(self.series),
            rules: Arc::clone(&self.rules),
            place: self.context.place.clone(),
            store: self.context.store.clone(),
            series: self.context.series.clone(),
            stop: self.context.stop.clone(),
        };
        self.series = self.series.saturating_sub(task.of.series.len());
        self.away = Some(id);
        self.catching_up = Some(tokio::task::spawn_blocking(move || catch_up::run(task)));
    }

    async fn caught_up(&mut self, done: Option<Done>) {
        let away = self.away.take();
        let Some(done) = done else {
            // A mistake of ours; the device is learned anew.
            if let Some(id) = away {
                self.lag_behind(id);
            }
            return;
        };
        let Done {
            device_id,
            mut of,
            words,
            points,
            left_out,
            error,
            is_whole,
        } = done;
        self.context.counts.read_points.inc_by(points);
        if let Some(error) = error {
            warn!(device.id = %device_id, error = %crate::chain(&error), "not all samples that detectors missed could be read");
        }
        if !words.is_empty() {
            self.say(Lot::Words(words.clone())).await;
        }
        let Some(slot) = self.devices.get_mut(&device_id) else {
            // It was deleted meanwhile.
            let now = self.context.clock.now();
            let words = of.end_all(device_id, now.unix_ms());
            return self.say(Lot::Words(words)).await;
        };
        let mut closed = Vec::new();
        if is_whole {
            for anomaly in std::mem::take(&mut slot.open) {
                if !is_followed(&of, &anomaly, &words) {
                    closed.push(anomaly);
                }
            }
        }
        self.series += of.series.len();
        let counts = &self.context.counts;
        let before = i64::try_from(slot.left_out).unwrap_or(0);
        counts
            .left_out
            .inc_by(i64::try_from(left_out).unwrap_or(0) - before);
        slot.left_out = left_out;
        slot.of = Some(of);
        slot.is_changed = true;
        if slot.is_behind && !slot.is_queued {
            slot.is_queued = true;
            self.queue.push_back(device_id);
        }
        for anomaly in closed {
            self.say(Lot::Close(anomaly.id, anomaly.last_seen_at)).await;
        }
    }

    fn answer(&self, question: BandsAsked) {
        let device = self.context.series.series(question.series_id);
        let slot = device.and_then(|series| self.devices.get(&series.key.device_id));
        let place = &self.context.place;
        let told = slot.and_then(|slot| {
            let Some(of) = &slot.of else {
                return Some(told(None, &question.times, place));
            };
            let watched = of.series.get(&question.series_id)?;
            Some(told(Some(watched), &question.times, place))
        });
        // An error means that who asked has left.
        let _ = question.reply.send(told);
    }

    /// Begins to write one file whose turn it is.
    fn begin_writing(&mut self) {
        if self
            .writing
            .as_ref()
            .is_some_and(|writing| !writing.is_finished())
        {
            return;
        }
        let now = self.context.clock.now();
        let away = self.away.map(shards::shard_of);
        let due = self
            .written_at
            .iter()
            .enumerate()
            .filter(|(shard, at)| now.since(**at) >= WRITTEN_EVERY && away != Some(*shard));
        let Some(shard) = due.min_by_key(|(_, at)| **at).map(|(shard, _)| shard) else {
            return;
        };
        let was_forced = self.written_at.get(shard) == Some(&Timestamp::from_unix_ms(0));
        if let Some(at) = self.written_at.get_mut(shard) {
            *at = now;
        }
        if let Some(bytes) = self.bytes_of(shard, was_forced) {
            let (folder, counts) = (self.context.folder.clone(), self.context.counts.clone());
            let write = move || write_or_tell(&folder, shard, &bytes, &counts);
            self.writing = Some(tokio::task::spawn_blocking(write));
        }
    }

    /// What a file is to hold; none where nothing changed.
    fn bytes_of(&mut self, shard: usize, is_forced: bool) -> Option<Vec<u8>> {
        let of_shard = |id: &DeviceId| shards::shard_of(*id) == shard;
        let changed = self.devices.iter_mut().filter(|(id, _)| of_shard(id));
        let changed = changed.fold(is_forced, |any, (_, slot)| {
            std::mem::take(&mut slot.is_changed) | any
        });
        let all = self.devices.iter().filter(|(id, _)| of_shard(id));
        let mut all: Vec<(DeviceId, &OfDevice)> = all
            .filter_map(|(id, slot)| Some((*id, slot.of.as_ref()?)))
            .collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        changed.then(|| saved::write(all.into_iter()))
    }

    /// Waits for what is at work, and writes all that changed.
    async fn stop(&mut self) {
        if let Some(job) = self.catching_up.take() {
            let done = job.await.ok();
            self.caught_up(done).await;
        }
        if let Some(writing) = self.writing.take() {
            let _ = writing.await;
        }
        for shard in 0..shards::SHARDS {
            let Some(bytes) = self.bytes_of(shard, false) else {
                continue;
            };
            let (folder, counts) = (self.context.folder.clone(), self.context.counts.clone());
            let write = move || write_or_tell(&folder, shard, &bytes, &counts);
            let _ = tokio::task::spawn_blocking(write).await;
        }
        info!(series = self.series, "detectors are kept");
    }

    async fn say(&self, lot: Lot) {
        // An error means that the keeper has ended, which it does after this.
        let _ = self.lots.send(lot).await;
    }
}

/// Whether an anomaly that was open at the start goes on, or has its end among what is said.
fn is_followed(of: &OfDevice, anomaly: &Anomaly, words: &[device::Word]) -> bool {
    let started_at_ms = anomaly.started_at.unix_ms();
    let has_ended = words.iter().any(|word| {
        word.series_id == anomaly.series_id
            && matches!(word.said, series::Said::Ended { started_at_ms: at, .. } if at == started_at_ms)
    });
    let open = of
        .series
        .get(&anomaly.series_id)
        .and_then(|watched| watched.open);
    has_ended || open.is_some_and(|open| open.started_at_ms == started_at_ms)
}

fn told(watched: Option<&series::Watched>, times: &[Timestamp], place: &Place) -> BandsTold {
    let band = |at: &Timestamp| {
        let at = at.unix_ms().div_euclid(1_000);
        let shown = place.usual_secs(at);
        let band = watched?.detector.band(Moment { at, shown })?;
        let band = [band.lower, band.expected, band.upper];
        band.iter().all(|value| value.is_finite()).then_some(band)
    };
    BandsTold {
        bands: times.iter().map(band).collect(),
        samples: watched.map_or(0, |watched| watched.samples),
        learned_from: watched
            .filter(|watched| watched.samples > 0)
            .map(|watched| Timestamp::from_unix_ms(watched.first_at_ms)),
        learning: watched.is_none_or(series::Watched::is_learning),
        seen_at: watched
            .and_then(|watched| watched.last)
            .map(|(at, _)| Timestamp::from_unix_ms(at)),
        model: MODEL,
        model_version: MODEL_VERSION,
    }
}

fn write_or_tell(folder: &std::path::Path, shard: usize, bytes: &[u8], counts: &Counts) {
    match shards::write(folder, shard, bytes) {
        Ok(()) => {
            counts.written.inc();
        }
        Err(error) => {
            warn!(%error, "a file of detectors could not be written; after a crash more is read of the store");
        }
    }
}

#[cfg(test)]
mod tests;
