//! From what was answered to what is kept: some threads read the past, one task writes it.

use super::past::Past;
use super::{Context, tell};
use crate::ingest::SeriesOfDevice;
use collect::reading::{Instance, Reading};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use model::{DeviceId, Metric, Timestamp};
use sim::DeviceNo;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::inventory::DeviceRecord;
use store::series::{AppendError, Batch, Column, SeriesError, SeriesStore};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use topology::interfaces::Assignment;

/// Moments that a thread reads before it takes others: of all devices, so that traffic is reckoned
/// once for both ends of a link.
const MOMENTS_A_TURN: usize = 8;
/// Looks on their way to the writer. Full: the reading threads wait.
const LOOKS_MAX: usize = 256;
/// Batches that wait for their sync. Fewer than the log's queue holds, so that live polls are never
/// behind them all.
const IN_FLIGHT_MAX: usize = 1_024;
/// Layouts remembered of a device: each reading thread has met its own.
const LAYOUTS_MAX: usize = 64;
/// Samples after which the store is asked to seal: some hundred megabytes in memory at most.
const SAMPLES_A_SEAL: u64 = 4_000_000;

/// The history could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the series could not be registered")]
    Series(#[from] SeriesError),
    #[error("the samples could not be appended")]
    Append(#[from] AppendError),
    #[error("a thread that reads the past ended")]
    Reading(#[from] JoinError),
}

/// What one device answered at one moment.
struct Look {
    device_id: DeviceId,
    at: Timestamp,
    readings: Vec<Reading>,
    layout: Arc<Layout>,
}

/// What the readings of a device are of, in their order. While it is the same, they go to the same
/// series.
struct Layout {
    of: Vec<(Metric, Instance)>,
    interfaces: Assignment,
}

/// Writes what all devices answered at all moments; how many samples that were.
pub(super) async fn all(
    context: &Context,
    past: &Arc<Past>,
    devices: &BTreeMap<DeviceId, Arc<DeviceRecord>>,
    moments: &[Timestamp],
) -> Result<u64, WriteError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (looks, mut read) = mpsc::channel(LOOKS_MAX);
    let job = Arc::new(Job {
        past: Arc::clone(past),
        devices: devices
            .values()
            .filter_map(|record| Some((past.number(record.device.body.address)?, record.clone())))
            .collect(),
        moments: moments.to_vec(),
        next: AtomicUsize::new(0),
        looks,
    });
    let readers: Vec<JoinHandle<()>> = (0..threads)
        .map(|_| {
            let job = Arc::clone(&job);
            tokio::task::spawn_blocking(move || job.read())
        })
        .collect();
    let expected = moments.len() * job.devices.len();
    drop(job);
    let mut writer = Writer {
        series: &context.store.series,
        devices: BTreeMap::new(),
        sealing: None,
        samples: 0,
        since_seal: 0,
    };
    let mut appends = FuturesUnordered::new();
    let (mut done, mut told) = (0, 0);
    while let Some(look) = read.recv().await {
        let batch = writer.batch(look).await?;
        appends.push(context.store.series.append_at_any_age(vec![batch]));
        while appends.len() >= IN_FLIGHT_MAX {
            taken(appends.next().await)?;
        }
        writer.seal_where_due().await?;
        done += 1;
        let percent = done * 100 / expected.max(1);
        if percent > told {
            told = percent;
            tell(context, &format!("{percent} % is made"));
            if percent.is_multiple_of(10) {
                tracing::info!("{percent} % of the history is made");
            }
        }
    }
    while let Some(appended) = appends.next().await {
        taken(Some(appended))?;
    }
    for reader in readers {
        reader.await?;
    }
    tell(context, "it is being sealed");
    writer.seal().await?;
    writer.sealed().await?;
    Ok(writer.samples)
}

/// An error where any of the batches was not taken.
fn taken(appended: Option<Vec<Result<(), AppendError>>>) -> Result<(), AppendError> {
    appended.into_iter().flatten().collect()
}

/// What the reading threads share.
struct Job {
    past: Arc<Past>,
    devices: Vec<(DeviceNo, Arc<DeviceRecord>)>,
    moments: Vec<Timestamp>,
    /// The first moment that no thread has taken yet.
    next: AtomicUsize,
    looks: mpsc::Sender<Look>,
}

impl Job {
    /// Takes some moments at a time and reads all devices at them. Blocks.
    fn read(&self) {
        let mut known: BTreeMap<DeviceNo, Latest> = BTreeMap::new();
        loop {
            let from = self.next.fetch_add(MOMENTS_A_TURN, Ordering::Relaxed);
            let Some(rest) = self.moments.get(from..).filter(|rest| !rest.is_empty()) else {
                return;
            };
            for &at in rest.iter().take(MOMENTS_A_TURN) {
                for (number, record) in &self.devices {
                    let known = known.entry(*number).or_default();
                    let Some(readings) = self.past.readings(*number, at) else {
                        continue;
                    };
                    let look = Look {
                        device_id: record.device.body.id,
                        at,
                        layout: known.layout(&readings, || self.interfaces(*number, record, at)),
                        readings,
                    };
                    if self.looks.blocking_send(look).is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Which interface each ifIndex was at a moment.
    fn interfaces(&self, number: DeviceNo, record: &DeviceRecord, at: Timestamp) -> Assignment {
        let rows = self.past.interfaces(number, at);
        let known: Vec<_> = record
            .interfaces
            .iter()
            .map(|interface| interface.as_ref().clone())
            .collect();
        topology::interfaces::assign(&known, &rows, false, record.device.body.id, at)
    }
}

/// The latest layout of a device that a thread has met.
#[derive(Default)]
struct Latest {
    layout: Option<Arc<Layout>>,
    up_time_secs: f64,
}

impl Latest {
    /// The layout of some readings. Interfaces are looked up anew where there are others than before
    /// and where the device restarted, for then it may number them anew.
    fn layout(
        &mut self,
        readings: &[Reading],
        interfaces: impl FnOnce() -> Assignment,
    ) -> Arc<Layout> {
        let up_time = readings
            .iter()
            .find(|reading| reading.metric == Metric::SYS_UP_TIME)
            .map_or(0.0, |reading| reading.value.as_f64());
        let restarted = up_time < std::mem::replace(&mut self.up_time_secs, up_time);
        match &self.layout {
            Some(known) if !restarted && known.is_of(readings) => Arc::clone(known),
            _ => {
                let layout = Arc::new(Layout {
                    of: readings
                        .iter()
                        .map(|reading| (reading.metric, reading.instance.clone()))
                        .collect(),
                    interfaces: interfaces(),
                });
                self.layout = Some(Arc::clone(&layout));
                layout
            }
        }
    }
}

impl Layout {
    fn is_of(&self, readings: &[Reading]) -> bool {
        let same = |((metric, instance), reading): (&(Metric, Instance), &Reading)| {
            *metric == reading.metric && *instance == reading.instance
        };
        self.of.len() == readings.len() && self.of.iter().zip(readings).all(same)
    }
}

/// Brings looks to their series and the store to seal.
struct Writer<'a> {
    series: &'a SeriesStore,
    devices: BTreeMap<DeviceId, Known>,
    sealing: Option<JoinHandle<Result<(), SeriesError>>>,
    samples: u64,
    since_seal: u64,
}

/// What is remembered of a device.
#[derive(Default)]
struct Known {
    series: SeriesOfDevice,
    /// The columns of the layouts met lately, one by one with their readings; none where a reading
    /// has no series.
    columns: VecDeque<(Arc<Layout>, Vec<Option<Column>>)>,
}

impl Known {
    async fn columns(
        &mut self,
        series: &SeriesStore,
        look: &Look,
    ) -> Result<&[Option<Column>], SeriesError> {
        let known = |columns: &VecDeque<(Arc<Layout>, _)>| {
            columns
                .iter()
                .position(|(layout, _)| Arc::ptr_eq(layout, &look.layout))
        };
        if known(&self.columns).is_none() {
            let interfaces = &look.layout.interfaces;
            let columns = self
                .series
                .columns(series, look.device_id, interfaces, &look.readings)
                .await?;
            self.columns.truncate(LAYOUTS_MAX - 1);
            self.columns.push_front((Arc::clone(&look.layout), columns));
        }
        let place = known(&self.columns).unwrap_or(0);
        let found = self.columns.get(place);
        Ok(found.map_or(&[], |(_, columns)| columns.as_slice()))
    }
}

impl Writer<'_> {
    async fn batch(&mut self, look: Look) -> Result<Batch, SeriesError> {
        let known = self.devices.entry(look.device_id).or_default();
        let columns = known.columns(self.series, &look).await?;
        let values: Vec<_> = columns
            .iter()
            .zip(&look.readings)
            .filter_map(|(column, reading)| Some(((*column)?, reading.value)))
            .collect();
        let count = values.len() as u64;
        self.samples += count;
        self.since_seal += count;
        Ok(Batch {
            device_id: look.device_id,
            at: look.at,
            values,
        })
    }

    async fn seal_where_due(&mut self) -> Result<(), WriteError> {
        if self.since_seal < SAMPLES_A_SEAL {
            return Ok(());
        }
        self.seal().await
    }

    /// Begins to seal, when what was begun before is done.
    async fn seal(&mut self) -> Result<(), WriteError> {
        self.sealed().await?;
        self.since_seal = 0;
        let series = self.series.clone();
        self.sealing = Some(tokio::spawn(
            async move { series.maintain().await.map(drop) },
        ));
        Ok(())
    }

    async fn sealed(&mut self) -> Result<(), WriteError> {
        match self.sealing.take() {
            Some(sealing) => Ok(sealing.await??),
            None => Ok(()),
        }
    }
}
