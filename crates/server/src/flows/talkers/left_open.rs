//! Talkers that went on when the server stopped: each goes on where it is seen again soon after the start, and is
//! over when it was seen last where it is not.

use super::{Key, Told, Watch, secs};
use analytics::talker::{KEPT_SHARE, QUIET_SECS, Seen};
use model::flow::FlowDirection;
use model::foresight::{Anomaly, AnomalyKind};
use model::{DeviceId, InterfaceId, Labels, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An interface of a device, one way, as an anomaly names it: by its id, or by its ifIndex.
type Of = (DeviceId, Option<InterfaceId>, Option<u32>, FlowDirection);

/// Those that were not seen since the start.
#[derive(Default)]
pub(super) struct LeftOpen {
    // Invariant: none is empty.
    by_place: BTreeMap<Of, Vec<Anomaly>>,
    /// When the server started.
    since: Timestamp,
}

impl Watch {
    /// Takes in the talkers that went on when the server stopped.
    pub(super) async fn take_left_open(&mut self) {
        self.left_open.since = self.context.clock.now();
        let open = match self.context.store.anomalies.open().await {
            Ok(open) => open,
            Err(error) => return self.not_kept("open talkers", &error),
        };
        for anomaly in open {
            if anomaly.kind != AnomalyKind::HeavyTalker {
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
            let is_seen = hosts
                .iter()
                .any(|seen| seen.host == talker.address && seen.octets >= total * KEPT_SHARE);
            let (host, share) = (talker.address, talker.share);
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
