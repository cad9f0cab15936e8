//! Anomalies as documents; the bounds that operators gave to what is expected of series; and how they judged
//! alarms. What finds anomalies is not known here.
//!
//! An anomaly is written when it begins, when it grows and when it ends. Its id begins with the moment of its
//! beginning, so the newest come first by id. Bounds and verdicts are in memory too, for each sample asks for
//! them.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Collection, Documents, Expect, PAGE_LEN_MAX, Query, Stored};
use model::foresight::{
    Anomaly, AnomalyKind, AnomalyState, BandLimits, Judged, Judgement, THRESHOLD, Usefulness,
};
use model::{AnomalyId, Clock, DeviceId, InterfaceId, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tracing::warn;

/// How long anomalies are kept, by when they began: a year can be compared with the one before.
pub const ANOMALIES_KEPT_FOR: Duration = Duration::from_hours(24 * 400);
/// Anomalies that are kept, at a kilobyte each; the oldest go.
pub const ANOMALIES_MAX: u64 = 100_000;
/// Series that may have bounds of an operator.
pub const BAND_LIMITS_MAX: usize = 10_000;
/// Series whose verdicts are counted; verdicts on alarms of others are kept and change no threshold.
pub const ALARM_RECORDS_MAX: usize = 100_000;
/// Versions of detectors whose verdicts are counted apart for one series; the lowest go.
const VERSIONS_MAX: usize = 8;
/// How often a change is made again where somebody else changed the anomaly at the same moment.
const TRIES_MAX: u32 = 8;

/// How the alarms of one series were judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlarmRecord {
    /// Which series.
    pub series_id: SeriesId,
    /// Whose series.
    pub device_id: DeviceId,
    /// All of them.
    pub judged: Judged,
    /// By what found them: model and version, as `streaming/1`.
    pub by_version: BTreeMap<String, Judged>,
}

/// Which anomalies are asked for.
#[derive(Clone, Debug, Default)]
pub struct AnomalyFilter {
    /// Of this series.
    pub series_id: Option<SeriesId>,
    /// Of these devices; of all where it is none.
    pub device_ids: Option<HashSet<DeviceId>>,
    /// Of this interface.
    pub interface_id: Option<InterfaceId>,
    /// Of this metric.
    pub metric: Option<String>,
    /// Of one of these kinds; of all where it is empty.
    pub kinds: Vec<AnomalyKind>,
    /// Those that go on, or those that are over.
    pub state: Option<AnomalyState>,
    /// Those with this score at their greatest or more.
    pub score_min: Option<f64>,
    /// Those that went on then or later.
    pub from: Option<Timestamp>,
    /// Those that began before.
    pub until: Option<Timestamp>,
    /// Those that were judged so.
    pub verdict: Option<Usefulness>,
    /// Those that were judged, or those that were not.
    pub judged: Option<bool>,
}

impl AnomalyFilter {
    fn has(&self, anomaly: &Anomaly) -> bool {
        let verdict = anomaly
            .judgement
            .as_ref()
            .map(|judgement| judgement.verdict);
        self.series_id.is_none_or(|id| anomaly.series_id == id)
            && self
                .device_ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&anomaly.device_id))
            && self
                .interface_id
                .is_none_or(|id| anomaly.interface_id == Some(id))
            && self
                .metric
                .as_ref()
                .is_none_or(|name| anomaly.metric == *name)
            && (self.kinds.is_empty() || self.kinds.contains(&anomaly.kind))
            && self.state.is_none_or(|state| anomaly.state == state)
            && self
                .score_min
                .is_none_or(|least| anomaly.peak_score >= least)
            && self
                .from
                .is_none_or(|from| anomaly.ended_at.is_none_or(|end| end >= from))
            && self.until.is_none_or(|until| anomaly.started_at < until)
            && self.verdict.is_none_or(|wanted| verdict == Some(wanted))
            && self.judged.is_none_or(|judged| verdict.is_some() == judged)
    }

    /// The index that leaves the fewest to look at.
    fn index(&self) -> Option<(&'static str, String)> {
        let only = self.device_ids.as_ref().filter(|ids| ids.len() == 1);
        let device = only.and_then(|ids| ids.iter().next());
        let open = self.state == Some(AnomalyState::Open);
        let series = self.series_id.map(|id| ("series_id", id.to_string()));
        series
            .or_else(|| open.then(|| ("state", "open".to_owned())))
            .or_else(|| device.map(|id| ("device_id", id.to_string())))
    }
}

/// The anomalies. Cheap to clone.
#[derive(Clone)]
pub struct Anomalies {
    documents: Arc<dyn Documents>,
    collection: Collection<Anomaly>,
    limits: Collection<BandLimits>,
    records: Collection<AlarmRecord>,
    /// Tells how old an anomaly is.
    ages: Clock,
    // Never held across an await.
    view: Arc<RwLock<View>>,
    /// Verdicts are counted one at a time.
    judging: Arc<tokio::sync::Mutex<()>>,
    /// Grows with each change of bounds and verdicts.
    changes: Arc<AtomicU64>,
}

#[derive(Default)]
struct View {
    limits: HashMap<SeriesId, Arc<Stored<BandLimits>>>,
    records: HashMap<SeriesId, AlarmRecord>,
}

impl Anomalies {
    pub(crate) async fn load(
        documents: Arc<dyn Documents>,
        ages: Clock,
    ) -> Result<Self, StoreError> {
        let all = Self {
            collection: Collection::new(documents.clone(), &catalog::ANOMALIES),
            limits: Collection::new(documents.clone(), &catalog::BAND_LIMITS),
            records: Collection::new(documents.clone(), &catalog::ALARM_RECORDS),
            documents,
            ages,
            view: Arc::default(),
            judging: Arc::default(),
            changes: Arc::default(),
        };
        let limits = all.limits.all(Query::default()).await?.into_iter();
        let records = all.records.all(Query::default()).await?.into_iter();
        all.alter(|view| {
            view.limits = limits
                .map(|kept| (kept.body.series_id, Arc::new(kept)))
                .collect();
            view.records = records
                .map(|kept| (kept.body.series_id, kept.body))
                .collect();
        });
        Ok(all)
    }

    /// Writes an anomaly that begins. Whether it is new: where it is there already, as after a crash, nothing
    /// is changed.
    pub async fn begin(&self, anomaly: &Anomaly) -> Result<bool, StoreError> {
        let id = anomaly.id.to_string();
        match self.collection.put(&id, Expect::Absent, anomaly).await {
            Ok(_) => Ok(true),
            Err(StoreError::RevisionConflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes an anomaly, also where somebody judges it at the same moment: `change` may be asked more than
    /// once. None where it is not there.
    pub async fn update(
        &self,
        id: AnomalyId,
        change: impl Fn(&mut Anomaly),
    ) -> Result<Option<Anomaly>, StoreError> {
        let key = id.to_string();
        let mut tries = 0;
        loop {
            let Some(stored) = self.collection.get(&key).await? else {
                return Ok(None);
            };
            let mut anomaly = stored.body;
            change(&mut anomaly);
            tries += 1;
            let expect = Expect::Revision(stored.revision);
            match self.collection.put(&key, expect, &anomaly).await {
                Ok(_) => return Ok(Some(anomaly)),
                Err(StoreError::RevisionConflict { .. }) if tries < TRIES_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One anomaly; none where it is not there.
    pub async fn get(&self, id: AnomalyId) -> Result<Option<Stored<Anomaly>>, StoreError> {
        self.collection.get(&id.to_string()).await
    }

    /// All that go on, the oldest first.
    pub async fn open(&self) -> Result<Vec<Anomaly>, StoreError> {
        let query = Query {
            index: Some(("state", "open".to_owned())),
            ..Query::default()
        };
        let all = self.collection.all(query).await?.into_iter();
        Ok(all.map(|stored| stored.body).collect())
    }

    /// Anomalies that a filter has, those that began last first, behind the one with the id `after`: at most
    /// `limit`, and with which id to go on.
    pub async fn page(
        &self,
        filter: &AnomalyFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Anomaly>, Option<String>), StoreError> {
        let none = SeriesId::from_bytes([0; 16]);
        let first = filter
            .until
            .map(|until| AnomalyId::of_series(none, until).to_string());
        let query = Query {
            index: filter.index(),
            after: after.or(first),
            ..Query::default()
        };
        let of_filter = |anomaly: &Anomaly| filter.has(anomaly);
        self.collection.newest(query, limit, of_filter).await
    }

    /// Keeps what an operator says of an alarm, or with none takes it back, and counts it for its series:
    /// answers both. None where there is no such anomaly.
    pub async fn judge(
        &self,
        id: AnomalyId,
        judgement: Option<Judgement>,
    ) -> Result<Option<(Anomaly, Judged)>, StoreError> {
        let _one_at_a_time = self.judging.lock().await;
        let key = id.to_string();
        let mut tries = 0;
        loop {
            let Some(stored) = self.collection.get(&key).await? else {
                return Ok(None);
            };
            let mut anomaly = stored.body;
            let before = anomaly.judgement.take().map(|judgement| judgement.verdict);
            anomaly.judgement.clone_from(&judgement);
            let record = self.record_with(&anomaly, before);
            let expect = Expect::Revision(stored.revision);
            let mut changes = vec![self.collection.change(&key, expect, &anomaly)?];
            if let Some(record) = &record {
                let series = record.series_id.to_string();
                changes.push(self.records.change(&series, Expect::Any, record)?);
            }
            tries += 1;
            match self.documents.write(changes).await {
                Ok(_) => {}
                Err(StoreError::RevisionConflict { .. }) if tries < TRIES_MAX => continue,
                Err(error) => return Err(error),
            }
            let judged = record
                .as_ref()
                .map_or(Judged::default(), |record| record.judged);
            if let Some(record) = record {
                self.alter(|view| {
                    view.records.insert(record.series_id, record);
                });
            }
            return Ok(Some((anomaly, judged)));
        }
    }

    /// The record of the series as it is with the judgement of an anomaly of it in the place of the one of
    /// `before`; none where there are as many records as may be.
    fn record_with(&self, anomaly: &Anomaly, before: Option<Usefulness>) -> Option<AlarmRecord> {
        let known = {
            let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
            let known = view.records.get(&anomaly.series_id).cloned();
            if known.is_none() && view.records.len() >= ALARM_RECORDS_MAX {
                return None;
            }
            known
        };
        let mut record = known.unwrap_or_else(|| AlarmRecord {
            series_id: anomaly.series_id,
            device_id: anomaly.device_id,
            judged: Judged::default(),
            by_version: BTreeMap::new(),
        });
        let version = format!("{}/{}", anomaly.model, anomaly.model_version);
        let of_version = record.by_version.entry(version).or_default();
        for judged in [&mut record.judged, of_version] {
            if let Some(before) = before {
                judged.take_back(before);
            }
            if let Some(judgement) = &anomaly.judgement {
                judged.add(judgement.verdict);
            }
        }
        while record.by_version.len() > VERSIONS_MAX {
            record.by_version.pop_first();
        }
        Some(record)
    }

    /// How the alarms of a series were judged.
    pub fn judged(&self, series: SeriesId) -> Judged {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let record = view.records.get(&series);
        record.map_or(Judged::default(), |record| record.judged)
    }

    /// How the alarms of all series were judged, by what found them.
    pub fn judged_by_version(&self) -> BTreeMap<String, Judged> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let mut sums: BTreeMap<String, Judged> = BTreeMap::new();
        for (version, judged) in view.records.values().flat_map(|record| &record.by_version) {
            let sum = sums.entry(version.clone()).or_default();
            sum.useful = sum.useful.saturating_add(judged.useful);
            sum.noise = sum.noise.saturating_add(judged.noise);
        }
        sums
    }

    /// The bounds of a series; none where nobody set any.
    pub fn limits(&self, series: SeriesId) -> Option<Arc<Stored<BandLimits>>> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.limits.get(&series).cloned()
    }

    /// Of each series whose alarms are not as all others': the score from which it alarms, floor and ceiling.
    pub fn rules(&self) -> Vec<(SeriesId, f64, Option<f64>, Option<f64>)> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let judged = view.records.iter().map(|(id, record)| (*id, record.judged));
        let raised = judged.filter(|(_, judged)| judged.threshold() > THRESHOLD);
        let mut rules: BTreeMap<SeriesId, _> = raised
            .map(|(id, judged)| (id, (judged.threshold(), None, None)))
            .collect();
        for (id, stored) in &view.limits {
            let rule = rules.entry(*id).or_insert((THRESHOLD, None, None));
            (rule.1, rule.2) = (stored.body.floor, stored.body.ceiling);
        }
        let rules = rules.into_iter();
        rules
            .map(|(id, (threshold, floor, ceiling))| (id, threshold, floor, ceiling))
            .collect()
    }

    /// How many series have bounds.
    pub fn limits_count(&self) -> usize {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.limits.len()
    }

    /// Another number after each change of bounds and verdicts. To be asked for before those.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Writes the bounds of a series; answers their revision.
    pub async fn put_limits(&self, limits: BandLimits, expect: Expect) -> Result<u64, StoreError> {
        let series = limits.series_id;
        let key = series.to_string();
        let revision = self.limits.put(&key, expect, &limits).await?;
        let stored = Arc::new(Stored {
            id: key,
            revision,
            body: limits,
        });
        self.alter(|view| {
            let newer = |there: &Arc<Stored<BandLimits>>| there.revision < revision;
            if view.limits.get(&series).is_none_or(newer) {
                view.limits.insert(series, stored);
            }
        });
        Ok(revision)
    }

    /// Deletes the bounds of a series.
    pub async fn delete_limits(&self, series: SeriesId, expect: Expect) -> Result<(), StoreError> {
        self.limits.delete(&series.to_string(), expect).await?;
        self.alter(|view| {
            view.limits.remove(&series);
        });
        Ok(())
    }

    /// Forgets bounds and counted verdicts of the series of a device that is gone. Its anomalies stay.
    pub async fn forget_device(&self, device_id: DeviceId) -> Result<(), StoreError> {
        let all_of = |collection| Change::DeleteAll {
            collection,
            index: "device_id",
            key: device_id.to_string(),
        };
        let changes = vec![
            all_of(&catalog::BAND_LIMITS),
            all_of(&catalog::ALARM_RECORDS),
        ];
        self.documents.write(changes).await?;
        self.alter(|view| {
            view.limits
                .retain(|_, limits| limits.body.device_id != device_id);
            view.records
                .retain(|_, record| record.device_id != device_id);
        });
        Ok(())
    }

    /// Deletes what began longer ago than [`ANOMALIES_KEPT_FOR`], and the oldest beyond [`ANOMALIES_MAX`]; one
    /// that goes on stays. Answers how many.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let oldest = self.ages.now().minus(ANOMALIES_KEPT_FOR);
        let mut beyond = self.collection.count().await?.saturating_sub(ANOMALIES_MAX);
        let (mut gone, mut after) = (0, None);
        loop {
            let query = Query {
                after,
                limit: PAGE_LEN_MAX,
                ..Query::default()
            };
            let page = self.collection.page(query).await?;
            for stored in &page.items {
                if beyond == 0 && stored.body.started_at >= oldest {
                    return Ok(gone);
                }
                if stored.body.state == AnomalyState::Open {
                    continue;
                }
                self.collection.delete(&stored.id, Expect::Any).await?;
                beyond = beyond.saturating_sub(1);
                gone += 1;
            }
            if page.next.is_none() {
                return Ok(gone);
            }
            after = page.next;
        }
    }

    /// Deletes what is over its time; a failure is told and tried again by the next.
    pub async fn sweep_or_tell(&self) {
        if let Err(error) = self.sweep().await {
            warn!(%error, "old anomalies are deleted later");
        }
    }

    fn alter(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
        self.changes.fetch_add(1, Ordering::Release);
    }
}
