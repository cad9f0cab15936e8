//! What the server does by the clock alone: it says that it is alive, ends maintenance that is over,
//! and each minute assesses the health of the network and tends the files of events. Polls have their own schedule in `collect`,
//! discoveries theirs at the desk.

use api::HEALTH_INTERVAL_SECS;
use futures_util::{StreamExt as _, stream};
use model::event::Event;
use model::health::Health;
use model::series::NETWORK;
use model::{Clock, Labels, Metric, SeriesId, Timestamp, Value};
use std::sync::Arc;
use std::time::Duration;
use store::documents::Expect;
use store::inventory::DeviceRecord;
use store::series::{AppendError, Batch, SeriesError, SeriesStore};
use store::{Store, StoreError};
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the clock is looked at: maintenance ends within a second of its time.
const TICK: Duration = Duration::from_secs(1);
/// Ticks from one sign of life to the next: so much of what was measured is unknown after a crash.
const TICKS_PER_SIGN: u32 = 15;
/// Devices whose maintenance is ended at a time: what waits together shares the syncs of the disk.
const AT_A_TIME: usize = 64;

/// What it works with.
pub struct Context {
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// The present time.
    pub clock: Clock,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// Runs until the server stops.
pub async fn run(context: Context) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until_sign = TICKS_PER_SIGN;
    let mut assessed = minute(context.clock.now());
    let mut failing = Failing::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = context.stop.cancelled() => return,
        }
        until_sign -= 1;
        if until_sign == 0 {
            until_sign = TICKS_PER_SIGN;
            let signed = context.store.history.alive().await;
            failing.told(Part::Sign, &signed.map_err(|error| crate::chain(&error)));
        }
        context.end_maintenance(&mut failing).await;
        let now = context.clock.now();
        if assessed != minute(now) {
            assessed = minute(now);
            let kept = context.assess(now).await;
            failing.told(Part::Health, &kept.map_err(|error| crate::chain(&error)));
            let tended = context.store.events.tend().await;
            failing.told(Part::Events, &tended.map_err(|error| crate::chain(&error)));
        }
    }
}

fn minute(at: Timestamp) -> i64 {
    at.unix_ms()
        .div_euclid(i64::from(HEALTH_INTERVAL_SECS) * 1_000)
}

/// What failed the last time, so that a full disk is told once and not each second.
#[derive(Default)]
struct Failing([bool; 4]);

#[derive(Clone, Copy)]
enum Part {
    Sign,
    Health,
    Maintenance,
    Events,
}

impl Failing {
    fn told(&mut self, part: Part, done: &Result<(), String>) {
        let (what, place) = match part {
            Part::Sign => ("the sign of life is", 0),
            Part::Health => ("the health of the network is", 1),
            Part::Maintenance => ("the end of a maintenance is", 2),
            Part::Events => ("what is too old or damaged of the events is", 3),
        };
        let Some(failing) = self.0.get_mut(place) else {
            return;
        };
        if let (Err(error), false) = (done, *failing) {
            warn!(%error, "{what} not kept");
        }
        *failing = done.is_err();
    }
}

/// Health could not be kept.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error("the series of the network could not be registered")]
    Series(#[from] SeriesError),
    #[error("the samples could not be appended")]
    Append(#[from] AppendError),
    #[error("the assessment was given up")]
    GivenUp,
}

impl Context {
    /// Ends the maintenance that is over.
    async fn end_maintenance(&self, failing: &mut Failing) {
        let now = self.clock.now();
        let over = over(&self.store.inventory.devices(), now);
        let one = |record| async move { self.end_one(record, now).await };
        let ended = stream::iter(over.into_iter().map(one));
        let mut ended = ended.buffer_unordered(AT_A_TIME);
        let mut done = Ok(());
        while let Some(one) = ended.next().await {
            match one {
                Ok(())
                // Somebody changed it this moment, or it is gone: the next tick looks again.
                | Err(StoreError::RevisionConflict { .. } | StoreError::NotFound { .. }) => {}
                Err(error) => done = Err(crate::chain(&error)),
            }
        }
        failing.told(Part::Maintenance, &done);
    }

    async fn end_one(&self, record: Arc<DeviceRecord>, now: Timestamp) -> Result<(), StoreError> {
        let mut device = record.device.body.clone();
        let device_id = device.id;
        let until = device.maintenance.take().and_then(|work| work.until);
        let expect = Expect::Revision(record.device.revision);
        self.store.update_device(device, expect, now).await?;
        info!(device.id = %device_id, "its maintenance has ended by itself");
        self.tell(Event::DeviceChanged { device_id });
        self.tell(Event::DeviceMaintenance {
            device_id,
            maintenance: None,
            at: until.unwrap_or(now),
        });
        Ok(())
    }

    /// Assesses the health, keeps it as samples of the network, and tells them.
    async fn assess(&self, now: Timestamp) -> Result<(), NotKept> {
        let store = self.store.clone();
        let assessed = tokio::task::spawn_blocking(move || api::assess(&store, now));
        let health = assessed.await.map_err(|_| NotKept::GivenUp)?;
        let (keys, values): (Vec<_>, Vec<_>) = measured(&health).into_iter().unzip();
        let series = self.series.resolve(NETWORK, keys).await?;
        let batch = Batch {
            device_id: NETWORK,
            at: now,
            values: series
                .iter()
                .zip(&values)
                .map(|(series, value)| (series.column, *value))
                .collect(),
        };
        self.series.append(batch).await?;
        let samples: Vec<(SeriesId, Value)> =
            series.iter().map(|series| series.id).zip(values).collect();
        self.tell(Event::Samples {
            device_id: NETWORK,
            at: now,
            samples,
        });
        Ok(())
    }

    fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(Arc::new(event));
    }
}

/// The devices whose maintenance was to end by now.
fn over(records: &[Arc<DeviceRecord>], now: Timestamp) -> Vec<Arc<DeviceRecord>> {
    let is_over = |record: &&Arc<DeviceRecord>| {
        let work = record.device.body.maintenance.as_ref();
        let until = work.and_then(|work| work.until);
        until.is_some_and(|until| until <= now)
    };
    records.iter().filter(is_over).cloned().collect()
}

/// Health as samples. Where nothing is known there is no score.
fn measured(health: &Health) -> Vec<((Metric, Labels), Value)> {
    let mut all = Vec::with_capacity(21);
    if let Some(score) = health.score {
        let key = (Metric::NETWORK_HEALTH, Labels::default());
        all.push((key, Value::F64(score)));
    }
    for (metric, counts) in [
        (Metric::NETWORK_DEVICES, health.devices),
        (Metric::NETWORK_INTERFACES, health.interfaces),
        (Metric::NETWORK_LINKS, health.links),
        (Metric::NETWORK_CHECKS, health.checks),
    ] {
        for (state, count) in counts.each() {
            let labels = Labels::default().with(Labels::STATE, state);
            all.push(((metric, labels), Value::U64(count)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_twenty_one_samples_and_no_score_where_nothing_is_known() {
        let mut health = Health::default();
        assert_eq!(measured(&health).len(), 20);
        health.score = Some(0.5);
        health.devices.down = 3;
        let all = measured(&health);
        assert_eq!(all.len(), 21);
        let down = all.iter().find(|((metric, labels), _)| {
            *metric == Metric::NETWORK_DEVICES && labels.get(Labels::STATE) == Some("down")
        });
        assert_eq!(down.unwrap().1, Value::U64(3));
    }
}
