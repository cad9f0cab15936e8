//! What every interface carried at one moment, for lists that are sorted by it.
//!
//! Half a million interfaces are not looked at for each page: one look serves all that ask within
//! [`FRESH_FOR`], and longer where looking itself took long. Which columns belong to which interface
//! is kept from look to look. Nothing is looked at while nobody asks.

use super::{Carried, DeviceColumns, Rates, carried};
use crate::services::SharedRegistry;
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Timestamp};
use prometheus_client::metrics::counter::Counter;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::inventory::DeviceRecord;
use store::series::SeriesStore;

/// How long a look serves. Rates change with polls, which are some times as far apart.
pub(crate) const FRESH_FOR: Duration = Duration::from_secs(10);
/// A look serves at least so many times as long as it took: a twentieth of a core at most.
const REST_FACTOR: u32 = 20;

/// The latest look, and what makes the next one cheap.
pub(crate) struct Board {
    // Held while looking, so that those who ask at the same time wait for one look. Only where
    // blocking is allowed.
    kept: Mutex<Kept>,
    looks: Counter,
    seconds: Counter<f64, AtomicU64>,
}

#[derive(Default)]
struct Kept {
    columns: HashMap<DeviceId, Known>,
    look: Option<(Arc<Look>, Duration)>,
}

/// The columns of a device, as long as it has so many series.
struct Known {
    series: usize,
    columns: DeviceColumns,
}

/// What interfaces carried at one moment.
pub(crate) struct Look {
    at: Timestamp,
    /// By device, ascending by interface. bit/s received and sent, NaN where it is not known:
    /// 32 octets an interface.
    devices: HashMap<DeviceId, Box<[(InterfaceId, [f64; 2])]>>,
}

impl Board {
    pub(crate) fn register(registry: &SharedRegistry) -> Self {
        let board = Self {
            kept: Mutex::default(),
            looks: Counter::default(),
            seconds: Counter::default(),
        };
        let mut registry = registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "foretell_rate_looks",
            "Looks at what every interface carries, for lists sorted by it",
            board.looks.clone(),
        );
        registry.register(
            "foretell_rate_look_seconds",
            "Time spent looking at what every interface carries",
            board.seconds.clone(),
        );
        board
    }

    /// The latest look, or a new one where that is no longer fresh. May read files.
    pub(crate) fn look(
        &self,
        store: &SeriesStore,
        devices: &[Arc<DeviceRecord>],
        now: Timestamp,
    ) -> Arc<Look> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((look, good_for)) = &kept.look
            && look.at <= now
            && now.since(look.at) < *good_for
        {
            return look.clone();
        }
        let began = Instant::now();
        let mut columns = std::mem::take(&mut kept.columns);
        kept.columns.reserve(devices.len());
        let mut look = Look::empty(now, devices.len());
        for record in devices {
            let id = record.device.body.id;
            let series = store.count_of(id);
            let known = columns
                .remove(&id)
                .filter(|known| known.series == series)
                .unwrap_or_else(|| Known {
                    series,
                    columns: DeviceColumns::of(store, id),
                });
            look.add(store, record, &known.columns);
            kept.columns.insert(id, known);
        }
        let took = began.elapsed();
        self.looks.inc();
        self.seconds.inc_by(took.as_secs_f64());
        let look = Arc::new(look);
        kept.look = Some((look.clone(), FRESH_FOR.max(took * REST_FACTOR)));
        look
    }
}

impl Look {
    /// A look at some devices alone, kept by nobody.
    pub(crate) fn take(store: &SeriesStore, devices: &[Arc<DeviceRecord>], now: Timestamp) -> Self {
        let mut look = Self::empty(now, devices.len());
        for record in devices {
            let columns = DeviceColumns::of(store, record.device.body.id);
            look.add(store, record, &columns);
        }
        look
    }

    /// What an interface carried.
    pub(crate) fn of(&self, interface: &Interface) -> Rates {
        let rows = self.devices.get(&interface.device_id);
        let found = rows.and_then(|rows| {
            let place = rows.binary_search_by_key(&interface.id, |(id, _)| *id);
            rows.get(place.ok()?)
        });
        let known = |bps: f64| (!bps.is_nan()).then_some(bps);
        let carried: Carried = found.map_or([None; 2], |(_, bps)| bps.map(known));
        Rates::new(carried, interface)
    }

    fn empty(at: Timestamp, devices: usize) -> Self {
        Self {
            at,
            devices: HashMap::with_capacity(devices),
        }
    }

    fn add(&mut self, store: &SeriesStore, record: &DeviceRecord, columns: &DeviceColumns) {
        let device = &record.device.body;
        let octets: Vec<_> = columns.octets.iter().map(|(_, octets)| *octets).collect();
        let carried = carried(store, device, columns.uptime, &octets, self.at);
        let ids = columns.octets.iter().map(|(id, _)| *id);
        let rows = ids.zip(carried);
        let rows = rows.map(|(id, bps)| (id, bps.map(|bps| bps.unwrap_or(f64::NAN))));
        self.devices.insert(device.id, rows.collect());
    }
}
