//! New heavy talkers, while they talk: every half second the windows that are under way are looked at, and a host
//! that takes much of an interface and was none of its heavy ones before is kept as an anomaly, and told.
//!
//! Who was heavy before is known since the server started; of the time before, the tops that are kept are read
//! when a host may be new for the first time. One that was told when the server stopped goes on where it is seen
//! again soon ([`left_open`]). What decides is in [`analytics::talker`].

pub(super) mod left_open;
mod past;
mod said;

use crate::senders::Senders;
use analytics::talker::{Said, Seen, Talkers};
use collect::flow::{Flows, HeavyPlace};
use left_open::LeftOpen;
use model::event::Event;
use model::flow::{FlowDirection, WINDOW_SECS};
use model::{AnomalyId, Clock, DeviceId, InterfaceId, Timestamp};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often windows are looked at: a talker is told within a second of the flow that made it heavy.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked which talkers are over.
const TICK_EVERY: Duration = Duration::from_secs(5);
/// Interfaces and directions whose talkers are known; others are counted. Four times as many as a window holds: those
/// of ten thousand devices do not all carry something in one minute.
const PLACES_MAX: usize = 65_536;
/// Octets that they take: 1 KiB for each where four hosts are remembered, 17 KiB at most. Where it is more, those go
/// that were not seen for longest.
const OCTETS_MAX: usize = 128 << 20;
/// Octets of one, without its hosts.
const PLACE_OCTETS: usize = 512;
/// Octets of a host that is remembered, with its share of the tree.
const HOST_OCTETS: usize = 128;
/// One that was not seen for so long makes room for another.
const ROOM_AFTER: Duration = Duration::from_mins(10);
/// An interface without a flow for so long is forgotten.
const IDLE: Duration = Duration::from_hours(24 * 8);
/// Interfaces whose past is read at one look, each some tenths of a second.
const READS_MAX: usize = 2;
/// How long an interface is left alone whose past could not be read, or whose device is not known.
const RETRY_AFTER: Duration = Duration::from_mins(1);
/// Talkers that go on at a time; others are counted.
const TALKERS_MAX: usize = 1_000;
/// A window that is younger does not tell who goes on: of its little traffic anybody may have the most.
const JUDGED_AFTER: Duration = Duration::from_secs(15);
/// Hosts with less than one part in so many are not looked at: a little less than is remembered.
const PART: u64 = 7;

/// What it works with.
pub(super) struct Context {
    /// Where everything is kept.
    pub(super) store: Store,
    /// Whose an address is.
    pub(super) senders: Senders,
    /// What comes in.
    pub(super) flows: Flows,
    /// The present time.
    pub(super) clock: Clock,
    /// Whom to tell.
    pub(super) events: broadcast::Sender<Arc<Event>>,
    /// What is counted.
    pub(super) counts: Counts,
    /// Cancelled when the server stops.
    pub(super) stop: CancellationToken,
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    told: Counter,
    left_out: Counter,
    not_kept: Counter,
}

impl Counts {
    /// Registers them.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        for (name, help, counter) in [
            (
                "foretell_heavy_talkers",
                "New heavy talkers that were told",
                &counts.told,
            ),
            (
                "foretell_heavy_talkers_left_out",
                "Looks at interfaces, and talkers, beyond as many as are known at a time",
                &counts.left_out,
            ),
            (
                "foretell_heavy_talkers_not_kept",
                "What was said of talkers and could not be kept",
                &counts.not_kept,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        counts
    }
}

/// An interface of an exporter, one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    exporter: IpAddr,
    if_index: u32,
    direction: FlowDirection,
}

/// What is known of an interface, one way.
struct Place {
    talkers: Talkers<IpAddr>,
    /// Whether its past is read.
    is_read: bool,
    /// Before then its past is not read again.
    retry_at: Timestamp,
    seen_at: Timestamp,
    /// Those that are told and go on.
    told: BTreeMap<IpAddr, Told>,
    /// When the last began that was told: no two of an interface begin at one time, which their ids are made of.
    last_begun_ms: i64,
}

/// A talker that is told.
#[derive(Clone, Copy, Debug)]
struct Told {
    id: AnomalyId,
    share: f64,
}

/// Whose an interface is.
struct Owner {
    device_id: DeviceId,
    interface_id: Option<InterfaceId>,
    name: String,
}

/// Looks until the server stops; what goes on then is left open for the next.
pub(super) async fn run(context: Context) {
    let mut watch = Watch {
        context,
        places: BTreeMap::new(),
        left_open: LeftOpen::default(),
        octets: 0,
        has_no_room: false,
        ticked_at: Timestamp::from_unix_ms(0),
        is_failing: false,
    };
    watch.take_left_open().await;
    let stop = watch.context.stop.clone();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = ticks.tick() => watch.turn().await,
        }
    }
    watch.leave_open().await;
}

struct Watch {
    context: Context,
    // Invariant: at most PLACES_MAX.
    places: BTreeMap<Key, Place>,
    /// Those that went on when the server stopped, and were not seen since.
    left_open: LeftOpen,
    /// What the places took when it was looked last.
    octets: usize,
    /// No place could make room since the last tick: it is not looked again for each newcomer.
    has_no_room: bool,
    ticked_at: Timestamp,
    is_failing: bool,
}

impl Watch {
    async fn turn(&mut self) {
        let flows = self.context.flows.clone();
        let heavy = tokio::task::spawn_blocking(move || flows.heavy(PART)).await;
        let mut reads = 0;
        for place in heavy.unwrap_or_default() {
            self.look(&place, &mut reads).await;
        }
        let now = self.context.clock.now();
        if now.since(self.ticked_at) >= TICK_EVERY || now < self.ticked_at {
            self.ticked_at = now;
            self.tick(now).await;
        }
    }

    async fn look(&mut self, seen: &HeavyPlace, reads: &mut usize) {
        let now = self.context.clock.now();
        let key = Key {
            exporter: seen.exporter,
            if_index: seen.if_index,
            direction: seen.direction,
        };
        if !self.places.contains_key(&key) {
            // A sender that is no device may be anybody.
            if self.owner(key).is_none() {
                return;
            }
            let is_full = self.places.len() >= PLACES_MAX || self.octets >= OCTETS_MAX;
            if is_full && (self.has_no_room || !self.make_room(now)) {
                self.context.counts.left_out.inc();
                return;
            }
        }
        let place = self.places.entry(key).or_insert_with(|| Place::new(now));
        place.seen_at = now;
        let hosts = hosts(seen);
        let total = seen.octets as f64;
        let is_judged = now.since(seen.from) >= JUDGED_AFTER;
        if is_judged {
            self.reopen(key, total, &hosts, now);
        }
        let Some(place) = self.places.get_mut(&key) else {
            return;
        };
        if !place.is_read {
            if is_judged {
                place.talkers.go_on(secs(now), total, &hosts);
            }
            let waits = *reads >= READS_MAX || now < place.retry_at;
            if waits || !place.talkers.may_begin(total, &hosts) {
                return;
            }
            *reads += 1;
            if !self.read(key, now).await {
                return;
            }
        }
        let Some(place) = self.places.get_mut(&key) else {
            return;
        };
        let window = seen.from.unix_ms() / (i64::from(WINDOW_SECS) * 1_000);
        let said = place.talkers.look(secs(now), window, total, &hosts);
        for one in said {
            self.keep(key, one, Some(seen), now).await;
        }
    }

    /// Forgets the place that was not seen for longest, of those where nothing goes on. Whether there was one.
    fn make_room(&mut self, now: Timestamp) -> bool {
        let is_calm =
            |place: &Place| place.told.is_empty() && now.since(place.seen_at) >= ROOM_AFTER;
        let calm = self.places.iter().filter(|(_, place)| is_calm(place));
        let oldest = calm.min_by_key(|(_, place)| place.seen_at);
        let oldest = oldest.map(|(key, _)| *key);
        let gone = oldest.and_then(|key| self.places.remove(&key));
        let octets = gone.as_ref().map_or(0, Place::octets);
        self.octets = self.octets.saturating_sub(octets);
        self.has_no_room = gone.is_none();
        gone.is_some()
    }

    /// Forgets those that were not seen for longest while all take more than they may.
    fn fit(&mut self) {
        self.octets = self.places.values().map(Place::octets).sum();
        if self.octets <= OCTETS_MAX {
            return;
        }
        let calm = self
            .places
            .iter()
            .filter(|(_, place)| place.told.is_empty());
        let mut calm: Vec<_> = calm.map(|(key, place)| (place.seen_at, *key)).collect();
        calm.sort_unstable();
        for (_, key) in calm {
            if self.octets <= OCTETS_MAX {
                return;
            }
            let gone = self.places.remove(&key);
            let octets = gone.as_ref().map_or(0, Place::octets);
            self.octets = self.octets.saturating_sub(octets);
            self.context.counts.left_out.inc();
        }
    }

    /// Reads who was heavy before. Whether it could.
    async fn read(&mut self, key: Key, now: Timestamp) -> bool {
        let past = match self.owner(key) {
            Some(owner) => past::read(&self.context.store, key, &owner, now).await,
            None => Ok(None),
        };
        let past = match past {
            Ok(past) => past,
            Err(error) => {
                self.not_kept("what was heavy before", &error);
                None
            }
        };
        let Some(place) = self.places.get_mut(&key) else {
            return false;
        };
        match past {
            Some(past) => {
                past.give(&mut place.talkers);
                place.is_read = true;
            }
            None => place.retry_at = now.plus(RETRY_AFTER),
        }
        place.is_read
    }

    async fn tick(&mut self, now: Timestamp) {
        self.has_no_room = false;
        let mut all = Vec::new();
        for (key, place) in &mut self.places {
            let said = place.talkers.tick(secs(now)).into_iter();
            all.extend(said.map(|one| (*key, one)));
        }
        for (key, one) in all {
            self.keep(key, one, None, now).await;
        }
        self.places
            .retain(|_, place| !place.told.is_empty() || now.since(place.seen_at) < IDLE);
        self.fit();
        if !self.left_open.is_read {
            self.take_left_open().await;
        }
        self.close_unseen(now).await;
    }

    /// Keeps and tells what is said of a host.
    async fn keep(
        &mut self,
        key: Key,
        said: Said<IpAddr>,
        seen: Option<&HeavyPlace>,
        now: Timestamp,
    ) {
        match said {
            Said::Begun(talk) => self.begin(key, &talk, seen, now).await,
            Said::Grew(talk) => self.grow(key, &talk, seen, now).await,
            Said::Ended {
                host, last_secs, ..
            } => {
                let told = self.places.get_mut(&key);
                if let Some(told) = told.and_then(|place| place.told.remove(&host)) {
                    let at = Timestamp::from_unix_ms(last_secs.saturating_mul(1_000));
                    self.close(told.id, at).await;
                }
            }
        }
    }

    /// Whose an interface is; none where the exporter is no device that we know.
    fn owner(&self, key: Key) -> Option<Owner> {
        let senders = self.context.senders.snapshot();
        let device_id = senders.at(key.exporter, None)?;
        let record = self.context.store.inventory.device(device_id)?;
        let rows = record.interfaces.iter();
        let mut rows: Vec<_> = rows.filter(|row| row.index == key.if_index).collect();
        // Where an ifIndex was given anew, the interface that is there has it.
        rows.sort_by_key(|row| row.present);
        let interface = rows.last();
        let name = interface.map(|row| row.name.clone());
        Some(Owner {
            device_id,
            interface_id: interface.map(|row| row.id),
            name: name.unwrap_or_else(|| match key.if_index {
                0 => "the device".to_owned(),
                index => format!("interface {index}"),
            }),
        })
    }

    fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.context.events.send(Arc::new(event));
    }

    fn not_kept(&mut self, what: &str, error: &(dyn std::error::Error + 'static)) {
        self.context.counts.not_kept.inc();
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!(error = %crate::chain(error), "{what} could not be kept or read");
        }
    }
}

impl Place {
    fn new(now: Timestamp) -> Self {
        Self {
            talkers: Talkers::new(secs(now)),
            is_read: false,
            retry_at: now,
            seen_at: now,
            told: BTreeMap::new(),
            last_begun_ms: i64::MIN,
        }
    }

    fn octets(&self) -> usize {
        PLACE_OCTETS + self.talkers.known_count() * HOST_OCTETS
    }
}

fn hosts(seen: &HeavyPlace) -> Vec<Seen<IpAddr>> {
    let hosts = seen.hosts.iter().map(|host| Seen {
        host: host.address,
        octets: host.octets as f64,
        peer: host
            .peer
            .as_ref()
            .map(|(address, _, octets)| (*address, *octets as f64)),
    });
    hosts.collect()
}

fn secs(at: Timestamp) -> i64 {
    at.unix_ms().div_euclid(1_000)
}

#[cfg(test)]
mod tests;
