//! Scores kept as series beside what they are of: of each series that matters the highest of five minutes, and of
//! any series each sample of an anomaly. Each is the highest since the one before it, at the time of a sample of the
//! device, so that its block has no more times for them. Who keeps them has a task and a queue of its own: what
//! cannot be kept is counted, and nobody who looks at samples waits for it.

use super::counts::Counts;
use super::series::{MODEL, MODEL_VERSION};
use model::event::Event;
use model::{DeviceId, Labels, Metric, SeriesId, Timestamp, Value};
use std::collections::HashSet;
use std::sync::Arc;
use store::series::{Batch, Column, SeriesError, SeriesStore};
use tokio::sync::{broadcast, mpsc};
use tracing::warn;

/// Series that are scored always: those that matter to the forecast plan, which bounds them.
pub type Matter = Arc<HashSet<SeriesId>>;

/// How often the score of a series that matters is kept.
const KEPT_EVERY_MS: i64 = 5 * 60_000;
/// Moments of devices on their way to be kept, a minute of a network of 10,000. Full: those that come are counted
/// and left out, and the next of their series is kept.
pub const SCORES_MAX: usize = 4_096;
/// Moments that are taken at a time: they share a sync of the disk.
const AT_A_TIME: usize = 512;
/// Series of scores of one device, a quarter of those that it may have: the rest is for what is measured.
const PER_DEVICE_MAX: usize = 4_096;
/// Parts of a score that are kept: more digits say nothing, and take room.
const PARTS: f64 = 100.0;

/// Scores of series of a device at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Whose series.
    pub device_id: DeviceId,
    /// When.
    pub at: Timestamp,
    /// How far each is out of the ordinary, 0 to 1.
    pub scores: Vec<(SeriesId, f64)>,
}

/// What waits to be kept of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waiting {
    /// The highest score since one was kept; none where there was no sample that could be judged.
    highest: Option<f64>,
    /// In which five minutes one was kept last.
    kept_in: Option<i64>,
}

impl Waiting {
    /// Takes the score of a sample.
    pub fn take(&mut self, score: f64) {
        self.highest = Some(self.highest.map_or(score, |highest| highest.max(score)));
    }

    /// What is to be kept now; none before the five minutes of the last are over, but `at_once` where an anomaly
    /// goes on.
    pub fn due(&mut self, at_ms: i64, at_once: bool) -> Option<f64> {
        let now_in = Some(at_ms.div_euclid(KEPT_EVERY_MS));
        if !at_once && now_in <= self.kept_in {
            return None;
        }
        let highest = self.highest.take()?;
        self.kept_in = now_in;
        Some((highest * PARTS).round() / PARTS)
    }
}

/// A score and where it is kept.
type Placed = (SeriesId, Column, Value);

/// Keeps scores.
pub struct Recorder {
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// What is counted.
    pub counts: Counts,
    /// Whether the last could not be kept, which was told.
    pub is_failing: bool,
}

impl Recorder {
    /// Runs until nobody has anything to keep any more.
    pub async fn run(mut self, mut scores: mpsc::Receiver<Scores>) {
        let mut taken = Vec::with_capacity(AT_A_TIME);
        while scores.recv_many(&mut taken, AT_A_TIME).await > 0 {
            self.keep(std::mem::take(&mut taken)).await;
        }
    }

    /// They are samples of the same device, named by the series that they are of.
    async fn keep(&mut self, taken: Vec<Scores>) {
        let this = &*self;
        let each = taken.into_iter().map(|scores| async {
            let placed = this.place(&scores).await;
            (scores, placed)
        });
        let (mut batches, mut events) = (Vec::new(), Vec::new());
        for (scores, placed) in futures_util::future::join_all(each).await {
            let (device_id, at) = (scores.device_id, scores.at);
            let (placed, refused) = placed;
            if let Some((count, error)) = refused {
                self.not_kept(count, &error);
            }
            if placed.is_empty() {
                continue;
            }
            batches.push(Batch {
                device_id,
                at,
                values: placed.iter().map(|one| (one.1, one.2)).collect(),
            });
            events.push(Event::Samples {
                device_id,
                at,
                samples: placed.iter().map(|one| (one.0, one.2)).collect(),
            });
        }
        let done = self.series.append_many(batches).await;
        for (done, event) in done.into_iter().zip(events) {
            let count = match &event {
                Event::Samples { samples, .. } => samples.len(),
                _ => 0,
            };
            match done {
                Ok(()) => {
                    self.is_failing = false;
                    self.counts.scores.inc_by(count as u64);
                    // An error means that nobody listens.
                    let _ = self.events.send(Arc::new(event));
                }
                Err(error) => self.not_kept(count, &error),
            }
        }
    }

    /// Where each is kept, and how many are not, as their series were refused. Series that a device has not yet are
    /// made while there is room for them.
    async fn place(&self, of: &Scores) -> (Vec<Placed>, Option<(usize, SeriesError)>) {
        let known = of.scores.iter().filter_map(|(id, score)| {
            let key = self.series.series(*id)?.key;
            let vantage = key.labels.get(Labels::VANTAGE);
            let labels = Labels::default()
                .with("of_series", id.to_string())
                .with("model", MODEL)
                .with("model_version", MODEL_VERSION.to_string())
                .with(
                    Labels::VANTAGE,
                    vantage.unwrap_or(model::device::LOCAL_VANTAGE),
                );
            Some(((Metric::ANOMALY_SCORE, labels), Value::F64(*score)))
        });
        let (keys, values): (Vec<_>, Vec<_>) = known.unzip();
        let there = self.series.known(of.device_id, &keys);
        let (mut placed, mut new) = (Vec::with_capacity(keys.len()), Vec::new());
        for ((key, value), known) in keys.into_iter().zip(values).zip(there) {
            match known {
                Some(known) => placed.push((known.series.id, known.series.column, value)),
                None => new.push((key, value)),
            }
        }
        if new.is_empty() {
            return (placed, None);
        }
        let all = self
            .series
            .series_named(of.device_id, Metric::ANOMALY_SCORE);
        let room = PER_DEVICE_MAX.saturating_sub(all.len());
        let left_out = new.len().saturating_sub(room);
        self.counts.scores_not_kept.inc_by(left_out as u64);
        new.truncate(room);
        let (keys, values): (Vec<_>, Vec<_>) = new.into_iter().unzip();
        match self.series.resolve(of.device_id, keys).await {
            Ok(made) => {
                let made = made.iter().zip(values);
                placed.extend(made.map(|(series, value)| (series.id, series.column, value)));
                (placed, None)
            }
            Err(error) => (placed, Some((values.len(), error))),
        }
    }

    fn not_kept(&mut self, scores: usize, error: &(dyn std::error::Error + 'static)) {
        self.counts.scores_not_kept.inc_by(scores as u64);
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!(error = %crate::chain(error), "scores could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_is_kept_is_the_highest_since_the_one_before() {
        let mut waiting = Waiting::default();
        let mut kept = Vec::new();
        // Samples of each minute: when, its score, and whether an anomaly goes on.
        let samples = [
            (0, Some(0.111), false),
            (1, Some(0.8), false),
            (4, Some(0.2), false),
            (5, Some(0.3), false),
            (6, Some(0.4), false),
            (7, Some(0.6), true),
            (8, Some(0.5), true),
            (9, Some(0.123), false),
            (10, None, false),
            (11, None, false),
            (16, Some(0.0), false),
            (15, Some(0.9), false),
        ];
        for (minute, score, at_once) in samples {
            if let Some(score) = score {
                waiting.take(score);
            }
            let due = waiting.due(minute * 60_000, at_once);
            kept.extend(due.map(|score| (minute, score)));
        }
        let expected = [
            (0, 0.11),
            (5, 0.8),
            (7, 0.6),
            (8, 0.5),
            (10, 0.12),
            (16, 0.0),
        ];
        assert_eq!(kept, expected);
    }
}
