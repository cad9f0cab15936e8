//! What a device's series missed is read of the store: since the last sample that each was given, or, of one that is
//! new, of the past that it is learned from. So nothing is learned twice, and nothing is skipped.

use super::device::{Ground, OfDevice, Word};
use super::series::Rules;
use api::foresight::place::Place;
use model::foresight::Anomaly;
use model::{DeviceId, SeriesId, Timestamp, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::series::{SeriesError, SeriesStore};
use tokio_util::sync::CancellationToken;

/// How far back is learned: the hours of a week, twice.
pub const LEARNED_BACK: Duration = Duration::from_hours(24 * 14);
/// What is read at a time, so that no more is in memory.
const CHUNK_MS: i64 = 24 * 3_600_000;
/// How far ahead of the clock samples may be.
const AHEAD: Duration = Duration::from_mins(10);

/// What is needed for it.
pub struct Task {
    /// Whose series.
    pub device_id: DeviceId,
    /// What is known of them.
    pub of: OfDevice,
    /// Anomalies that were open when the server stopped, until it is known how they went on.
    pub open: Vec<Anomaly>,
    /// The present time.
    pub now: Timestamp,
    /// How many new series may be watched.
    pub room: usize,
    /// What decides about alarms.
    pub rules: Arc<HashMap<SeriesId, Rules>>,
    /// By which clock and calendar hours and days are told.
    pub place: Place,
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Cancelled when the server stops: what was learned so far is kept.
    pub stop: CancellationToken,
}

/// What came of it.
pub struct Done {
    /// Whose series.
    pub device_id: DeviceId,
    /// What is known of them.
    pub of: OfDevice,
    /// What is said of them.
    pub words: Vec<Word>,
    /// Samples that were looked at.
    pub points: u64,
    /// Series that there was no room for.
    pub left_out: usize,
    /// What could not be read.
    pub error: Option<SeriesError>,
    /// Whether it came to its end.
    pub is_whole: bool,
}

/// Reads and learns. Reads files and computes: call it where blocking is allowed.
pub fn run(task: Task) -> Done {
    let Task {
        device_id,
        mut of,
        open,
        now,
        room,
        rules,
        place,
        store,
        series,
        stop,
    } = task;
    let all = series.series_of(device_id);
    let left_out = of.adopt(&all, room, now.unix_ms());
    for anomaly in &open {
        if let Some(watched) = of.series.get_mut(&anomaly.series_id) {
            watched.go_on(anomaly);
        }
    }
    let record = store.inventory.device(device_id);
    let device = record.as_ref().map(|record| &record.device.body);
    let ground = Ground {
        rules: &rules,
        is_down: record
            .as_ref()
            .is_some_and(|record| record.state.status == model::Status::Down),
        maintenance_since_ms: device
            .and_then(|device| device.maintenance.as_ref())
            .map(|work| work.since.unix_ms()),
        replaced_at: device.map_or(&[], |device| &device.replaced_at),
        matter: None,
        place: &place,
    };
    let mut done = Done {
        device_id,
        of: OfDevice::default(),
        words: Vec::new(),
        points: 0,
        left_out,
        error: None,
        is_whole: true,
    };
    let oldest = now.minus(LEARNED_BACK);
    let uptime = of.uptime.map_or(oldest, |(at, _)| at.max(oldest));
    let begins = of.series.iter().map(|(id, watched)| {
        let last = watched.last.map(|(last, _)| Timestamp::from_unix_ms(last));
        (*id, last.map_or(oldest, |last| last.max(oldest)))
    });
    let begins: Vec<(SeriesId, Timestamp)> = begins
        .chain(of.uptime_series.map(|id| (id, uptime)))
        .collect();
    let end = now.plus(AHEAD);
    let mut start = begins.iter().map(|(_, from)| *from).min().unwrap_or(end);
    while start < end {
        if stop.is_cancelled() {
            done.is_whole = false;
            break;
        }
        let next = Timestamp::from_unix_ms(start.unix_ms().saturating_add(CHUNK_MS)).min(end);
        let ids = begins.iter().filter(|(_, from)| *from < next);
        let ids: Vec<SeriesId> = ids.map(|(id, _)| *id).collect();
        match series.read_many(device_id, &ids, start, next) {
            Ok(points) => {
                for (at, samples) in rows(&ids, points) {
                    done.points += of.row(device_id, at, &samples, &ground, &mut done.words);
                }
            }
            // A gap like any other; what comes next is learned.
            Err(error) => done.error = Some(error),
        }
        start = next;
    }
    done.of = of;
    done
}

/// The samples of series by their moments, in order.
fn rows(
    ids: &[SeriesId],
    points: Vec<Vec<(Timestamp, Value)>>,
) -> Vec<(Timestamp, Vec<(SeriesId, Value)>)> {
    let of_series = ids.iter().zip(points);
    let mut all: Vec<(Timestamp, SeriesId, Value)> = of_series
        .flat_map(|(id, points)| points.into_iter().map(|(at, value)| (at, *id, value)))
        .collect();
    all.sort_by_key(|(at, id, _)| (*at, *id));
    let lots = all.chunk_by(|a, b| a.0 == b.0);
    let row = |lot: &[(Timestamp, SeriesId, Value)]| {
        let at = lot.first()?.0;
        Some((at, lot.iter().map(|(_, id, value)| (*id, *value)).collect()))
    };
    lots.filter_map(row).collect()
}
