//! Talkers that went on when the server stopped: each goes on where it is seen again soon after the start, and is
//! over when it was seen last where it is not. Where flows are not listened for any more, all are over.

use super::{Key, RETRY_AFTER, Told, Watch, secs};
use analytics::talker::{KEPT_SHARE, QUIET_SECS, Seen};
use model::event::Event;
use model::flow::FlowDirection;
use model::foresight::{Anomaly, AnomalyKind, AnomalyState};
use model::{AnomalyId, DeviceId, InterfaceId, Labels, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Store, StoreError};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// An interface of a device, one way, as an anomaly names it: by its id, or by its ifIndex.
type Of = (DeviceId, Option<InterfaceId>, Option<u32>, FlowDirection);

/// Those that were not seen since the start.
#[derive(Default)]
pub(super) struct LeftOpen {
    // Invariant: none is empty.
    by_place: BTreeMap<Of, Vec<Anomaly>>,
    /// When they were read.
    since: Timestamp,
    /// Whether they were; where not, or where one could not be ended, they are read at the next tick.
    pub(super) is_read: bool,
}

/// Ends all talkers that are open, each when it was seen last: flows are not listened for. What fails is tried again
/// until the server stops.
pub(in crate::flows) async fn end_all(
    store: Store,
    events: broadcast::Sender<Arc<Event>>,
    stop: CancellationToken,
) {
    let mut is_failing = false;
    while let Err(error) = end_open(&store, &events).await {
        if !std::mem::replace(&mut is_failing, true) {
            warn!(error = %crate::chain(&error), "open talkers could not be ended");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

async fn end_open(store: &Store, events: &broadcast::Sender<Arc<Event>>) -> Result<(), StoreError> {
    for anomaly in store.anomalies.open().await? {
        if anomaly.kind != AnomalyKind::HeavyTalker {
            continue;
        }
        if let Some(ended) = end(store, anomaly.id, anomaly.last_seen_at).await? {
            // An error means that nobody listens.
            let _ = events.send(Arc::new(Event::AnomalyEnded(Arc::new(ended))));
        }
    }
    Ok(())
}

/// Keeps that a talker is over; none where it was before, or is not there.
pub(super) async fn end(
    store: &Store,
    id: AnomalyId,
    at: Timestamp,
) -> Result<Option<Anomaly>, StoreError> {
    let known = match store.anomalies.get(id).await? {
        Some(stored) if stored.body.state == AnomalyState::Open => stored.body,
        _ => return Ok(None),
    };
    let at = at.max(known.started_at);
    let change = |anomaly: &mut Anomaly| {
        anomaly.state = AnomalyState::Ended;
        anomaly.ended_at = Some(at);
        anomaly.last_seen_at = at;
    };
    store.anomalies.update(id, change).await
}

impl Watch {
    /// Takes in the talkers that are open and were not told since the start: they went on when the server stopped.
    pub(super) async fn take_left_open(&mut self) {
        let open = match self.context.store.anomalies.open().await {
            Ok(open) => open,
            Err(error) => return self.not_kept("open talkers", &error),
        };
        self.left_open = LeftOpen {
            since: self.context.clock.now(),
            is_read: true,
            ..LeftOpen::default()
        };
        let places = self.places.values();
        let told = places.flat_map(|place| place.told.values().map(|told| told.id));
        let told: BTreeSet<AnomalyId> = told.collect();
        for anomaly in open {
            if anomaly.kind != AnomalyKind::HeavyTalker || told.contains(&anomaly.id) {
                continue;
            }
            let Some(of) = of(&anomaly) else {
                self.close(anomaly.id, anomaly.last_seen_at).await;
                continue;
            };
            self.left_open.by_place.entry(of).or_default().push(anomaly);
        }
    }

    /// Goes on with those of an interface that are seen.
    pub(super) fn reopen(&mut self, key: Key, total: f64, hosts: &[Seen<IpAddr>], now: Timestamp) {
        if self.left_open.by_place.is_empty() {
            return;
        }
        let Some(owner) = self.owner(key) else {
            return;
        };
        let index = owner.interface_id.is_none().then_some(key.if_index);
        let of = (owner.device_id, owner.interface_id, index, key.direction);
        let Some(place) = self.places.get_mut(&key) else {
            return;
        };
        let Some(left) = self.left_open.by_place.get_mut(&of) else {
            return;
        };
        left.retain(|anomaly| {
            let Some(talker) = &anomaly.talker else {
                return true;
            };
            let (host, share) = (talker.address, talker.share);
            let is_seen = hosts
                .iter()
                .any(|seen| seen.host == host && seen.octets >= total * KEPT_SHARE);
            // Told anew before it was read: that one goes on.
            let is_seen = is_seen && !place.told.contains_key(&host);
            let started = anomaly.started_at;
            if !is_seen || !place.talkers.reopen(host, secs(started), share, secs(now)) {
                return true;
            }
            let id = anomaly.id;
            place.told.insert(host, Told { id, share });
            place.last_begun_ms = place.last_begun_ms.max(started.unix_ms());
            false
        });
        if left.is_empty() {
            self.left_open.by_place.remove(&of);
        }
    }

    /// Ends those that were not seen for as long as one may be silent.
    pub(super) async fn close_unseen(&mut self, now: Timestamp) {
        if secs(now).saturating_sub(secs(self.left_open.since)) < QUIET_SECS {
            return;
        }
        let over = std::mem::take(&mut self.left_open.by_place);
        for anomaly in over.into_values().flatten() {
            self.close(anomaly.id, anomaly.last_seen_at).await;
        }
    }

    /// Keeps when each that goes on was seen last: the server stops, and the next goes on with them.
    pub(super) async fn leave_open(&mut self) {
        let mut all = Vec::new();
        for place in self.places.values() {
            for (host, last_secs) in place.talkers.open_ones() {
                if let Some(told) = place.told.get(&host) {
                    let last = Timestamp::from_unix_ms(last_secs.saturating_mul(1_000));
                    all.push((told.id, last));
                }
            }
        }
        for (id, last) in all {
            let change = |anomaly: &mut Anomaly| {
                anomaly.last_seen_at = anomaly.last_seen_at.max(last);
            };
            if let Err(error) = self.context.store.anomalies.update(id, change).await {
                self.not_kept("when a talker was seen last", &error);
            }
        }
    }
}

/// Where a talker is; none where its anomaly does not say it.
fn of(anomaly: &Anomaly) -> Option<Of> {
    let direction = anomaly.talker.as_ref()?.direction;
    let index = match anomaly.interface_id {
        Some(_) => None,
        None => Some(anomaly.labels.get(Labels::IF_INDEX)?.parse().ok()?),
    };
    Some((anomaly.device_id, anomaly.interface_id, index, direction))
}
