//! The applications of interfaces as series: of each minute that was watched whole, what the largest had a second,
//! and what all others had together. Which they are is chosen by [`chosen`].
//!
//! A minute in which a device told nothing has no samples. One in which it told of other applications or interfaces
//! has zeros, where none can be hidden: an application without a row in a top that leaves out as much as matters may
//! have had something, and has no sample.

mod chosen;

use super::Owner;
use chosen::Chosen;
use collect::flow::window::WINDOW_INTERFACES_MAX;
use model::device::LOCAL_VANTAGE;
use model::event::Event;
use model::flow::{Application, FlowDimension, FlowDirection, FlowTop, GRACE, WINDOW_SECS};
use model::series::Series;
use model::{Clock, DeviceId, InterfaceId, Labels, Metric, SeriesId, Timestamp, Value};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::inventory::Inventory;
use store::series::{Batch, Resolved, SeriesStore};
use tokio::sync::broadcast;
use tracing::warn;

/// What is not one of the series of an interface.
const OTHER: &str = "other";
/// Length of a window.
const WINDOW: Duration = Duration::from_secs(WINDOW_SECS as u64);
/// Interfaces and directions that are weighed, some 4 KiB each: as many as a window holds.
const PLACES_MAX: usize = WINDOW_INTERFACES_MAX;
/// Series that an interface may have one way, those that are none any more too: so many ports that change by the day
/// fill no registry.
const PLACE_SERIES_MAX: usize = 32;
/// Series that a device may have of applications: an eighth of what a device may have in all, so that those that are
/// polled have room. Some eighty interfaces both ways.
const DEVICE_SERIES_MAX: usize = 2_048;
/// An interface without a flow for so long has no samples any more.
const IDLE: Duration = Duration::from_hours(24 * 8);
/// What a top may leave out of an application and is taken for nothing: less than one part in so many of all.
const ABSENT_PART: u64 = 100;
/// Flows have stopped where no minute could be kept for so long: one comes each minute, two after it began.
const STOPPED_AFTER: Duration = Duration::from_mins(3);
/// How long a device is left alone whose series could not be made.
const RETRY_AFTER: Duration = Duration::from_mins(10);
/// Interfaces of a device that are weighed, some milliseconds, before others on the thread have their turn.
const PLACES_AT_ONCE: usize = 256;
/// Devices whose samples are written, and told, at once: a sixteenth of the events that a slow receiver may be behind.
const LOT_MAX: usize = 256;

/// What is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    series: Gauge,
    left_out: Counter,
    not_kept: Counter,
}

impl Counts {
    /// Registers them.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register(
            "foretell_flow_application_series",
            "Series of applications that the last minute of flows had a sample of",
            counts.series.clone(),
        );
        registry.register(
            "foretell_flow_applications_left_out",
            "Times that an interface, or an application, had no series for there are as many as may be",
            counts.left_out.clone(),
        );
        registry.register(
            "foretell_flow_applications_not_kept",
            "Minutes of devices whose applications could not be kept as samples",
            counts.not_kept.clone(),
        );
        counts
    }
}

/// An interface, as flows name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    /// One that is known.
    Interface(InterfaceId),
    /// By its ifIndex; 0 is the whole device.
    Index(u32),
}

/// An interface, one way.
type At = (Of, FlowDirection);

/// What crossed an interface in a minute, one way.
#[derive(Clone, Debug, Default)]
struct Crossed {
    /// Its name, where it is known.
    name: Option<String>,
    total: u64,
    /// The most octets that an application without a row may have.
    absent: u64,
    rows: BTreeMap<Application, u64>,
}

impl Crossed {
    /// What an application had; none where it has no row and may yet have had as much as matters.
    fn of(&self, application: Application) -> Option<u64> {
        let known = self.rows.get(&application).copied();
        let is_hidden = self.absent > 0 && self.absent.saturating_mul(ABSENT_PART) >= self.total;
        known.or_else(|| (!is_hidden).then_some(0))
    }
}

/// A minute of all devices, as it is gathered of its tops.
#[derive(Clone, Debug, Default)]
pub(super) struct Minute {
    from: Timestamp,
    devices: BTreeMap<DeviceId, BTreeMap<At, Crossed>>,
}

impl Minute {
    /// Takes in a top of applications; tops of the same interface add up.
    pub(super) fn add(&mut self, owner: &Owner, from: Timestamp, top: &FlowTop) {
        if top.dimension != FlowDimension::Application {
            return;
        }
        self.from = from;
        let interface = owner.interfaces.get(&top.if_index);
        let of = interface.map_or(Of::Index(top.if_index), |(id, _)| Of::Interface(*id));
        let device = self.devices.entry(owner.device_id).or_default();
        let crossed = device.entry((of, top.direction)).or_default();
        crossed.name = interface.map(|(_, name)| name.clone());
        crossed.total = crossed.total.saturating_add(top.total.octets);
        crossed.absent = crossed.absent.saturating_add(top.absent.octets);
        for row in &top.rows {
            let Some(application) = Application::from_key(&row.key) else {
                continue;
            };
            let octets = crossed.rows.entry(application).or_default();
            *octets = octets.saturating_add(row.octets);
        }
    }

    /// Whether it was listened for from its beginning, and what came late is in it: else a part is missing, as where
    /// the server stops.
    fn is_whole(&self, listened_since: Timestamp, now: Timestamp) -> bool {
        self.from >= listened_since && self.from.plus(WINDOW).plus(GRACE) <= now
    }
}

/// What is known of an interface, one way.
struct Place {
    chosen: Chosen,
    name: Option<String>,
    /// Its series, also those that have no samples now; none is all others.
    series: BTreeMap<Option<Application>, Resolved>,
    /// When something crossed it last.
    seen_at: Timestamp,
}

/// What is known of a device.
#[derive(Default)]
struct OfDevice {
    places: BTreeMap<At, Place>,
    /// Series that it has of applications.
    series: usize,
    /// Before then none is made.
    retry_at: Timestamp,
}

/// A sample of each of a device's applications, and whose they are.
struct Lot {
    batch: Batch,
    told: Vec<(SeriesId, Value)>,
}

/// Keeps the applications of interfaces as samples.
pub(super) struct Applications {
    series: SeriesStore,
    inventory: Inventory,
    events: broadcast::Sender<Arc<Event>>,
    clock: Clock,
    counts: Counts,
    /// Since when it is listened for flows.
    listened_since: Timestamp,
    devices: BTreeMap<DeviceId, OfDevice>,
    // Invariant: at most PLACES_MAX, and those that devices had at the start.
    places: usize,
    /// When a minute was kept last, or it was found that there is none.
    kept_at: Timestamp,
    is_failing: bool,
}

impl Applications {
    /// Of flows that are listened for from now on.
    pub(super) fn new(
        series: SeriesStore,
        inventory: Inventory,
        events: broadcast::Sender<Arc<Event>>,
        clock: Clock,
        counts: Counts,
    ) -> Self {
        Self {
            listened_since: clock.now(),
            kept_at: clock.now(),
            series,
            inventory,
            events,
            clock,
            counts,
            devices: BTreeMap::new(),
            places: 0,
            is_failing: false,
        }
    }

    /// Keeps a minute, and tells of it.
    pub(super) async fn keep(&mut self, minute: Minute) {
        if minute.devices.is_empty() {
            return self.keep_nothing();
        }
        if !minute.is_whole(self.listened_since, self.clock.now()) {
            return;
        }
        self.kept_at = self.clock.now();
        self.forget(minute.from);
        let (from, mut lots, mut count) = (minute.from, Vec::new(), 0_usize);
        for (device_id, crossed) in minute.devices {
            if let Some(lot) = self.of_device(device_id, from, crossed).await {
                count = count.saturating_add(lot.told.len());
                lots.push(lot);
            }
            if lots.len() >= LOT_MAX {
                self.write(std::mem::take(&mut lots)).await;
            }
            tokio::task::yield_now().await;
        }
        self.write(lots).await;
        self.counts
            .series
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Looks whether flows have stopped: then no minute comes that could be kept. To be asked now and then.
    pub(super) fn tick(&mut self) {
        let now = self.clock.now();
        if now.since(self.kept_at) >= STOPPED_AFTER || now < self.kept_at {
            self.keep_nothing();
        }
    }

    /// Takes in that a minute had nothing.
    fn keep_nothing(&mut self) {
        self.kept_at = self.clock.now();
        self.forget(self.kept_at);
        self.counts.series.set(0);
    }

    /// Forgets devices that are no longer there, and interfaces that nothing crosses.
    fn forget(&mut self, now: Timestamp) {
        let inventory = &self.inventory;
        self.devices.retain(|id, of| {
            of.places.retain(|_, place| now.since(place.seen_at) < IDLE);
            inventory.device(*id).is_some()
        });
        let devices = self.devices.values();
        self.places = devices.map(|of| of.places.len()).sum();
    }

    /// The samples of a device's minute.
    async fn of_device(
        &mut self,
        device_id: DeviceId,
        from: Timestamp,
        crossed: BTreeMap<At, Crossed>,
    ) -> Option<Lot> {
        let minute = from.unix_ms().div_euclid(i64::from(WINDOW_SECS) * 1_000);
        if !self.devices.contains_key(&device_id) {
            let all = self.series.series_named(device_id, Metric::FLOW_OCTET_RATE);
            let known = self.known(device_id, &all, from);
            self.places = self.places.saturating_add(known.places.len());
            self.devices.insert(device_id, known);
        }
        let of = self.devices.get_mut(&device_id)?;
        // The busiest first: they have series where not all can.
        let mut busiest: Vec<(&At, &Crossed)> = crossed.iter().collect();
        busiest.sort_by_key(|(at, crossed)| (std::cmp::Reverse(crossed.total), **at));
        let mut wanted = Vec::new();
        for (at, crossed) in busiest {
            if !of.places.contains_key(at) && self.places >= PLACES_MAX {
                self.counts.left_out.inc();
                continue;
            }
            let place = of.places.entry(*at).or_insert_with(|| {
                self.places += 1;
                Place::new(from)
            });
            place.seen_at = place.seen_at.max(from);
            let is_renamed = place.name != crossed.name && !place.series.is_empty();
            place.name.clone_from(&crossed.name);
            if is_renamed {
                // Asked for again, series take over the name.
                wanted.extend(place.series.keys().map(|one| (*at, *one)));
            }
        }
        let nothing = Crossed::default();
        for (nth, (at, place)) in of.places.iter_mut().enumerate() {
            if nth % PLACES_AT_ONCE == PLACES_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let crossed = crossed.get(at).unwrap_or(&nothing);
            place.chosen.take(minute, crossed.total, &crossed.rows);
            if from < of.retry_at {
                continue;
            }
            let (new, left_out) = place.new_ones(minute, of.series);
            of.series = of.series.saturating_add(new.len());
            self.counts.left_out.inc_by(left_out);
            wanted.extend(new.into_iter().map(|one| (*at, one)));
        }
        self.make(device_id, from, wanted).await;
        let of = self.devices.get_mut(&device_id)?;
        let mut told = Vec::new();
        let mut values = Vec::new();
        for (at, place) in &mut of.places {
            let crossed = crossed.get(at).unwrap_or(&nothing);
            for (series, rate) in place.rates(minute, crossed) {
                values.push((series.column, Value::F64(rate)));
                told.push((series.id, Value::F64(rate)));
            }
        }
        let at = from.plus(WINDOW);
        (!told.is_empty()).then_some(Lot {
            batch: Batch {
                device_id,
                at,
                values,
            },
            told,
        })
    }

    /// What is known of a device by the series that it has.
    fn known(&self, device_id: DeviceId, all: &[Series], now: Timestamp) -> OfDevice {
        let mut of = OfDevice {
            series: all.len(),
            ..OfDevice::default()
        };
        let keys = all
            .iter()
            .map(|one| (one.key.metric, one.key.labels.clone()))
            .collect::<Vec<_>>();
        let resolved = self.series.known(device_id, &keys);
        for (one, known) in all.iter().zip(resolved) {
            let labels = &one.key.labels;
            let (Some((at, application)), Some(known)) = (place_of(labels), known) else {
                continue;
            };
            let place = of.places.entry(at).or_insert_with(|| Place::new(now));
            place.name = labels.get(Labels::INTERFACE).map(str::to_owned);
            place.series.insert(application, known.series);
        }
        let minute = now.unix_ms().div_euclid(i64::from(WINDOW_SECS) * 1_000);
        for place in of.places.values_mut() {
            let applications = place.series.keys().flatten().copied();
            place.chosen = Chosen::going_on(applications, minute);
        }
        of
    }

    /// Makes series of a device that it has not.
    async fn make(
        &mut self,
        device_id: DeviceId,
        now: Timestamp,
        wanted: Vec<(At, Option<Application>)>,
    ) {
        let Some(of) = self.devices.get_mut(&device_id) else {
            return;
        };
        if wanted.is_empty() {
            return;
        }
        let keys = wanted.iter().map(|(at, application)| {
            let name = of.places.get(at).and_then(|place| place.name.as_deref());
            (Metric::FLOW_OCTET_RATE, labels(*at, name, *application))
        });
        let keys = keys.collect();
        match self.series.resolve(device_id, keys).await {
            Ok(series) => {
                for ((at, application), series) in wanted.into_iter().zip(series) {
                    if let Some(place) = of.places.get_mut(&at) {
                        place.series.insert(application, series);
                    }
                }
            }
            Err(error) => {
                of.retry_at = now.plus(RETRY_AFTER);
                self.not_kept(&error);
            }
        }
        let all = self.series.series_named(device_id, Metric::FLOW_OCTET_RATE);
        if let Some(of) = self.devices.get_mut(&device_id) {
            of.series = all.len();
        }
    }

    /// Writes the samples of devices, then tells of them.
    async fn write(&mut self, lots: Vec<Lot>) {
        let (batches, told): (Vec<_>, Vec<_>) = lots
            .into_iter()
            .map(|lot| {
                let (device_id, at) = (lot.batch.device_id, lot.batch.at);
                (lot.batch, (device_id, at, lot.told))
            })
            .unzip();
        let done = self.series.append_many(batches).await;
        for ((device_id, at, samples), done) in told.into_iter().zip(done) {
            match done {
                Ok(()) => {
                    self.is_failing = false;
                    // An error means that nobody listens.
                    let _ = self.events.send(Arc::new(Event::Samples {
                        device_id,
                        at,
                        samples,
                    }));
                }
                Err(error) => {
                    // Its series may be others now.
                    self.devices.remove(&device_id);
                    self.not_kept(&error);
                }
            }
        }
    }

    fn not_kept(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.counts.not_kept.inc();
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!(error = %crate::chain(error), "applications of flows could not be kept as samples");
        }
    }
}

impl Place {
    fn new(now: Timestamp) -> Self {
        Self {
            chosen: Chosen::default(),
            name: None,
            series: BTreeMap::new(),
            seen_at: now,
        }
    }

    /// Which series are to be made at a minute, of a device that has so many, and how many may not be.
    fn new_ones(&mut self, minute: i64, of_device: usize) -> (Vec<Option<Application>>, u64) {
        let active = self.chosen.at(minute);
        let new = active.iter().map(|one| Some(*one));
        let others = (!active.is_empty()).then_some(None);
        // All others first: without it the sum of an interface is not known.
        let new = others.into_iter().chain(new);
        let new: Vec<_> = new.filter(|one| !self.series.contains_key(one)).collect();
        let room = PLACE_SERIES_MAX
            .saturating_sub(self.series.len())
            .min(DEVICE_SERIES_MAX.saturating_sub(of_device));
        let left_out = new.len().saturating_sub(room) as u64;
        (new.into_iter().take(room).collect(), left_out)
    }

    /// What each series had a second in a minute, those left out of which it is not known: what they had is in the
    /// others.
    fn rates(&mut self, minute: i64, crossed: &Crossed) -> Vec<(Resolved, f64)> {
        let rate = |octets: u64| octets as f64 / f64::from(WINDOW_SECS);
        let active: BTreeSet<Application> = self.chosen.at(minute).clone();
        let mut rates = Vec::new();
        let mut others = crossed.total;
        for application in active {
            let series = self.series.get(&Some(application));
            if let (Some(series), Some(octets)) = (series, crossed.of(application)) {
                others = others.saturating_sub(octets);
                rates.push((*series, rate(octets)));
            }
        }
        if let Some(series) = self.series.get(&None) {
            rates.push((*series, rate(others)));
        }
        rates
    }
}

fn labels((of, direction): At, name: Option<&str>, application: Option<Application>) -> Labels {
    let labels = Labels::default()
        .with(Labels::VANTAGE, LOCAL_VANTAGE)
        .with(Labels::DIRECTION, direction.name());
    let key = application.map_or_else(|| OTHER.to_owned(), |one| one.to_string());
    let labels = labels.with(Labels::APPLICATION, key);
    match of {
        Of::Interface(id) => {
            let labels = labels.with(Labels::INTERFACE_ID, id.to_string());
            match name {
                Some(name) => labels.with(Labels::INTERFACE, name),
                None => labels,
            }
        }
        Of::Index(index) => labels.with(Labels::IF_INDEX, index.to_string()),
    }
}

/// The other way round; none where the labels are not ours.
fn place_of(labels: &Labels) -> Option<(At, Option<Application>)> {
    let direction = labels.get(Labels::DIRECTION)?;
    let direction = FlowDirection::ALL
        .into_iter()
        .find(|one| one.name() == direction)?;
    let of = match labels.interface_id() {
        Some(id) => Of::Interface(id),
        None => Of::Index(labels.get(Labels::IF_INDEX)?.parse().ok()?),
    };
    let application = match labels.get(Labels::APPLICATION)? {
        OTHER => None,
        key => Some(Application::from_key(key)?),
    };
    Some(((of, direction), application))
}

#[cfg(test)]
mod tests;
