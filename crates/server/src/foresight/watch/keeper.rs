//! Keeps what is said of series: writes anomalies, and tells whoever listens once that is durable. It has a task of
//! its own, so that those who look at samples do not wait for the disk.

use super::counts::{Counts, KindLabels};
use super::device::Word;
use super::sentence;
use super::series::{MODEL, MODEL_VERSION, Said, Seen};
use super::together::{self, Begun};
use model::event::Event;
use model::foresight::{Anomaly, AnomalyState};
use model::series::Series;
use model::{AnomalyId, Clock, DeviceId, Timestamp};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::series::SeriesStore;
use tokio::sync::{broadcast, mpsc};
use tracing::warn;

/// Lots of words on their way to the keeper. Full: looking at samples waits, and events that it misses meanwhile
/// are read of the store.
pub const LOTS_MAX: usize = 256;
/// Lots that are taken at a time: their writes share a sync of the disk.
const AT_A_TIME: usize = 64;
/// How often it is looked for anomalies that are over their time.
const SWEEP_INTERVAL: Duration = Duration::from_hours(6);

/// What the keeper is told.
#[derive(Debug)]
pub enum Lot {
    /// Of anomalies.
    Words(Vec<Word>),
    /// A device is gone: what operators said of its series goes too.
    Forget(DeviceId),
    /// An anomaly that nobody goes on with is over.
    Close(AnomalyId, Timestamp),
}

/// What it works with.
#[derive(Clone)]
pub struct Keeper {
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// The present time.
    pub clock: Clock,
    /// What is counted.
    pub counts: Counts,
}

impl Keeper {
    /// Runs until nobody has anything to tell any more.
    pub async fn run(self, mut lots: mpsc::Receiver<Lot>) {
        let mut recent = VecDeque::new();
        let mut sweep_at = self.clock.now();
        let mut taken = Vec::with_capacity(AT_A_TIME);
        while lots.recv_many(&mut taken, AT_A_TIME).await > 0 {
            self.keep(std::mem::take(&mut taken), &mut recent).await;
            let now = self.clock.now();
            if sweep_at <= now {
                sweep_at = now.plus(SWEEP_INTERVAL);
                self.store.anomalies.sweep_or_tell().await;
            }
        }
    }

    async fn keep(&self, lots: Vec<Lot>, recent: &mut VecDeque<Begun>) {
        // What is said of one anomaly is kept in its order; anomalies go side by side.
        let mut by_anomaly: BTreeMap<AnomalyId, Vec<Word>> = BTreeMap::new();
        let mut begun = Vec::new();
        for lot in lots {
            match lot {
                Lot::Words(words) => {
                    for word in words {
                        let id = id_of(&word);
                        if matches!(word.said, Said::Begun(_)) {
                            begun.push((id, word.clone()));
                        }
                        by_anomaly.entry(id).or_default().push(word);
                    }
                }
                Lot::Forget(device_id) => {
                    if let Err(error) = self.store.anomalies.forget_device(device_id).await {
                        self.not_kept("bounds and verdicts of a device that is gone", &error);
                    }
                }
                Lot::Close(id, at) => self.close(id, at).await,
            }
        }
        let groups = self.groups(&begun, recent);
        let each = by_anomaly.into_iter().map(|(id, words)| {
            let group = groups.get(&id).copied();
            async move {
                for word in words {
                    self.keep_word(id, &word, group).await;
                }
            }
        });
        futures_util::future::join_all(each).await;
        let new: BTreeSet<AnomalyId> = begun.iter().map(|(id, _)| *id).collect();
        for (id, group) in groups {
            // Those that began before it was known that they are of a group.
            let set = |anomaly: &mut Anomaly| anomaly.group = Some(group);
            if !new.contains(&id)
                && let Err(error) = self.store.anomalies.update(id, set).await
            {
                self.not_kept("the group of an anomaly", &error);
            }
        }
    }

    /// The groups that anomalies which begin are of, and those of before that are of them too.
    fn groups(
        &self,
        begun: &[(AnomalyId, Word)],
        recent: &mut VecDeque<Begun>,
    ) -> BTreeMap<AnomalyId, model::foresight::AnomalyGroup> {
        if begun.is_empty() {
            return BTreeMap::new();
        }
        for (id, word) in begun {
            let device = self.store.inventory.device(word.device_id);
            let (Said::Begun(seen), Some(series)) =
                (&word.said, self.series.series(word.series_id))
            else {
                continue;
            };
            recent.push_back(Begun {
                id: *id,
                series_id: word.series_id,
                device_id: word.device_id,
                site: device.and_then(|record| record.device.body.typed.site.clone()),
                metric: series.key.metric,
                at_ms: seen.started_at_ms,
                score: seen.score,
                group: None,
            });
        }
        let sites = OnceCell::new();
        let of_site = |site: &str| {
            let sites: &BTreeMap<String, usize> = sites.get_or_init(|| self.series_by_site());
            sites.get(site).copied().unwrap_or(0)
        };
        let ground = together::Ground {
            series: self.series.stats().series,
            of_device: &|id| self.series.count_of(id),
            of_site: &of_site,
            of_metric: &|metric| self.series.count_of_metric(metric),
        };
        together::find(recent, ground)
    }

    fn series_by_site(&self) -> BTreeMap<String, usize> {
        let mut sizes = BTreeMap::new();
        for record in self.store.inventory.devices() {
            let device = &record.device.body;
            if let Some(site) = &device.typed.site {
                *sizes.entry(site.clone()).or_default() += self.series.count_of(device.id);
            }
        }
        sizes
    }

    async fn keep_word(
        &self,
        id: AnomalyId,
        word: &Word,
        group: Option<model::foresight::AnomalyGroup>,
    ) {
        let kept = match &word.said {
            Said::Begun(seen) => self.begin(id, word, seen, group).await,
            Said::Grew(seen) => self.grow(id, seen).await,
            Said::Ended { ended_at_ms, .. } => {
                let at = Timestamp::from_unix_ms(*ended_at_ms);
                return self.close(id, at).await;
            }
        };
        if let Err(error) = kept {
            self.not_kept("an anomaly", &error);
        }
    }

    async fn begin(
        &self,
        id: AnomalyId,
        word: &Word,
        seen: &Seen,
        group: Option<model::foresight::AnomalyGroup>,
    ) -> Result<(), store::StoreError> {
        let Some(series) = self.series.series(word.series_id) else {
            return Ok(());
        };
        let anomaly = anomaly(id, &series, seen, group);
        // One that is there already was told before a crash.
        if self.store.anomalies.begin(&anomaly).await? {
            let kind = anomaly.kind.word();
            self.counts
                .anomalies
                .get_or_create(&KindLabels { kind })
                .inc();
            self.tell(Event::AnomalyStarted(Arc::new(anomaly)));
        }
        Ok(())
    }

    async fn grow(&self, id: AnomalyId, seen: &Seen) -> Result<(), store::StoreError> {
        let change = |anomaly: &mut Anomaly| {
            let at = Timestamp::from_unix_ms(seen.at_ms);
            anomaly.last_seen_at = anomaly.last_seen_at.max(at);
            if seen.is_peak && seen.score > anomaly.peak_score {
                put_peak(anomaly, seen);
            }
        };
        self.store.anomalies.update(id, change).await.map(drop)
    }

    async fn close(&self, id: AnomalyId, at: Timestamp) {
        let known = match self.store.anomalies.get(id).await {
            Ok(Some(stored)) if stored.body.state == AnomalyState::Open => stored.body,
            Ok(_) => return,
            Err(error) => return self.not_kept("the end of an anomaly", &error),
        };
        let at = at.max(known.started_at);
        let change = |anomaly: &mut Anomaly| {
            anomaly.state = AnomalyState::Ended;
            anomaly.ended_at = Some(at);
            anomaly.last_seen_at = anomaly.last_seen_at.min(at);
        };
        match self.store.anomalies.update(id, change).await {
            Ok(Some(anomaly)) => self.tell(Event::AnomalyEnded(Arc::new(anomaly))),
            Ok(None) => {}
            Err(error) => self.not_kept("the end of an anomaly", &error),
        }
    }

    fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(Arc::new(event));
    }

    fn not_kept(&self, what: &str, error: &(dyn std::error::Error + 'static)) {
        self.counts.not_kept.inc();
        warn!(error = %crate::chain(error), "{what} could not be kept");
    }
}

fn id_of(word: &Word) -> AnomalyId {
    let started_at_ms = match &word.said {
        Said::Begun(seen) | Said::Grew(seen) => seen.started_at_ms,
        Said::Ended { started_at_ms, .. } => *started_at_ms,
    };
    AnomalyId::of_series(word.series_id, Timestamp::from_unix_ms(started_at_ms))
}

fn anomaly(
    id: AnomalyId,
    series: &Series,
    seen: &Seen,
    group: Option<model::foresight::AnomalyGroup>,
) -> Anomaly {
    let key = &series.key;
    let mut anomaly = Anomaly {
        id,
        series_id: series.id,
        device_id: key.device_id,
        interface_id: key.labels.interface_id(),
        metric: key.metric.name().to_owned(),
        labels: key.labels.clone(),
        kind: seen.kind,
        state: AnomalyState::Open,
        started_at: Timestamp::from_unix_ms(seen.started_at_ms),
        last_seen_at: Timestamp::from_unix_ms(seen.at_ms),
        ended_at: None,
        peak_score: seen.score,
        value: None,
        expected: None,
        lower: None,
        upper: None,
        model: MODEL.to_owned(),
        model_version: MODEL_VERSION,
        group,
        evidence: String::new(),
        judgement: None,
        talker: None,
    };
    put_peak(&mut anomaly, seen);
    anomaly
}

fn put_peak(anomaly: &mut Anomaly, seen: &Seen) {
    let [lower, expected, upper] = match seen.expected {
        Some(band) => band.map(Some),
        None => [None; 3],
    };
    anomaly.peak_score = seen.score;
    anomaly.value = seen.value;
    (anomaly.lower, anomaly.expected, anomaly.upper) = (lower, expected, upper);
    anomaly.evidence = sentence::of(&anomaly.metric, anomaly.kind, seen);
}
