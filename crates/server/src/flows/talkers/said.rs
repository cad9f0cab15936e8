//! What is said of a talker, kept as an anomaly of the series of its interface's talkers.

use super::left_open::end;
use super::{Key, Owner, TALKERS_MAX, Told, Watch};
use analytics::talker::{HEAVY_SHARE, Talk, score};
use collect::flow::HeavyPlace;
use model::device::LOCAL_VANTAGE;
use model::event::Event;
use model::flow::{FlowDirection, WINDOW_SECS};
use model::foresight::{Anomaly, AnomalyKind, AnomalyState, Talker};
use model::{AnomalyId, Labels, Metric, SeriesId, Timestamp, Value};
use std::net::IpAddr;
use store::series::Batch;

/// What finds talkers.
const MODEL: &str = "talker";
/// Its version.
const MODEL_VERSION: u32 = 1;
/// By how much a share grows before that is kept.
const GROWS_BY: f64 = 0.05;

impl Watch {
    /// Tells of a new talker, unless verdicts on those of its interface have raised what it must have.
    pub(super) async fn begin(
        &mut self,
        key: Key,
        talk: &Talk<IpAddr>,
        seen: Option<&HeavyPlace>,
        now: Timestamp,
    ) {
        let Some(owner) = self.owner(key) else {
            return;
        };
        let told: usize = self.places.values().map(|place| place.told.len()).sum();
        if told >= TALKERS_MAX {
            self.context.counts.left_out.inc();
            return;
        }
        let store = self.context.store.clone();
        let labels = labels(key, &owner);
        let keys = vec![(Metric::FLOW_TALKER_SHARE, labels.clone())];
        let series = match store.series.resolve(owner.device_id, keys).await {
            Ok(series) => series,
            Err(error) => return self.not_kept("the series of talkers", &error),
        };
        let Some(series) = series.into_iter().next() else {
            return;
        };
        if score(talk.share) < store.anomalies.judged(series.id).threshold() {
            return;
        }
        let Some(place) = self.places.get_mut(&key) else {
            return;
        };
        let started_ms = now.unix_ms().max(place.last_begun_ms.saturating_add(1));
        place.last_begun_ms = started_ms;
        let started_at = Timestamp::from_unix_ms(started_ms);
        let anomaly = anomaly(series.id, &owner, labels, (key, talk, seen), started_at);
        let share = talk.share;
        let id = anomaly.id;
        match store.anomalies.begin(&anomaly).await {
            Ok(_) => {
                self.is_failing = false;
                place.told.insert(talk.host, Told { id, share });
                self.context.counts.told.inc();
                self.tell(Event::AnomalyStarted(std::sync::Arc::new(anomaly)));
            }
            Err(error) => return self.not_kept("a talker", &error),
        }
        let batch = Batch {
            device_id: owner.device_id,
            at: started_at,
            values: vec![(series.column, Value::F64(share))],
        };
        if let Err(error) = store.series.append(batch).await {
            self.not_kept("the share of a talker", &error);
        }
    }

    /// Keeps the greatest share of a talker; one that was not told before is told where it has enough now.
    pub(super) async fn grow(
        &mut self,
        key: Key,
        talk: &Talk<IpAddr>,
        seen: Option<&HeavyPlace>,
        now: Timestamp,
    ) {
        let known = self.places.get_mut(&key);
        let Some(told) = known.and_then(|place| place.told.get_mut(&talk.host)) else {
            return self.begin(key, talk, seen, now).await;
        };
        if talk.share < told.share + GROWS_BY {
            return;
        }
        told.share = talk.share;
        let id = told.id;
        let Some(owner) = self.owner(key) else {
            return;
        };
        let change = |anomaly: &mut Anomaly| {
            anomaly.last_seen_at = anomaly.last_seen_at.max(now);
            put_peak(anomaly, &owner, (key, talk, seen));
        };
        if let Err(error) = self.context.store.anomalies.update(id, change).await {
            self.not_kept("a talker", &error);
        }
    }

    /// Keeps and tells that a talker is over.
    pub(super) async fn close(&mut self, id: AnomalyId, at: Timestamp) {
        match end(&self.context.store, id, at).await {
            Ok(Some(anomaly)) => self.tell(Event::AnomalyEnded(std::sync::Arc::new(anomaly))),
            Ok(None) => {}
            Err(error) => {
                self.left_open.is_read = false;
                self.not_kept("the end of a talker", &error);
            }
        }
    }
}

/// What is known of a talker at a look.
type Of<'a> = (Key, &'a Talk<IpAddr>, Option<&'a HeavyPlace>);

fn labels(key: Key, owner: &Owner) -> Labels {
    let labels = Labels::default()
        .with(Labels::VANTAGE, LOCAL_VANTAGE)
        .with("direction", key.direction.name());
    match owner.interface_id {
        Some(id) => labels
            .with(Labels::INTERFACE_ID, id.to_string())
            .with(Labels::INTERFACE, owner.name.clone()),
        None => labels.with("if_index", key.if_index.to_string()),
    }
}

fn anomaly(
    series_id: SeriesId,
    owner: &Owner,
    labels: Labels,
    of: Of<'_>,
    started_at: Timestamp,
) -> Anomaly {
    let mut anomaly = Anomaly {
        id: AnomalyId::of_series(series_id, started_at),
        series_id,
        device_id: owner.device_id,
        interface_id: owner.interface_id,
        metric: Metric::FLOW_TALKER_SHARE.name().to_owned(),
        labels,
        kind: AnomalyKind::HeavyTalker,
        state: AnomalyState::Open,
        started_at,
        last_seen_at: started_at,
        ended_at: None,
        peak_score: 0.0,
        value: None,
        expected: None,
        lower: None,
        upper: Some(HEAVY_SHARE),
        model: MODEL.to_owned(),
        model_version: MODEL_VERSION,
        group: None,
        evidence: String::new(),
        judgement: None,
        talker: None,
    };
    put_peak(&mut anomaly, owner, of);
    anomaly
}

fn put_peak(anomaly: &mut Anomaly, owner: &Owner, (key, talk, seen): Of<'_>) {
    let hosts = seen.map(|seen| seen.hosts.as_slice()).unwrap_or_default();
    let peer = hosts
        .iter()
        .find(|host| host.address == talk.host)
        .and_then(|host| host.peer.clone());
    let talker = Talker {
        address: talk.host,
        direction: key.direction,
        share: talk.share,
        rate_bps: talk.octets * 8.0 / f64::from(WINDOW_SECS),
        peer: peer.as_ref().map(|peer| peer.0),
        application: peer.map(|peer| peer.1),
    };
    anomaly.peak_score = score(talk.share);
    anomaly.value = Some(talk.share);
    anomaly.evidence = sentence(&talker, &owner.name);
    anomaly.talker = Some(talker);
}

/// What was seen, for an operator.
fn sentence(talker: &Talker, interface: &str) -> String {
    let does = match talker.direction {
        FlowDirection::Ingress => "receives",
        FlowDirection::Egress => "sends",
    };
    let with = match (&talker.peer, &talker.application) {
        (Some(peer), Some(application)) => format!(", most of it with {peer} by {application}"),
        _ => String::new(),
    };
    format!(
        "{} has {:.0} % of what {interface} {does}, {:.1} Mbit/s and more{with}; it had no such share before.",
        talker.address,
        talker.share * 100.0,
        talker.rate_bps / 1e6
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talker_is_told_in_a_sentence() {
        let talker = Talker {
            address: "192.0.2.9".parse().unwrap(),
            direction: FlowDirection::Ingress,
            share: 0.456,
            rate_bps: 123_456_789.0,
            peer: Some("198.51.100.7".parse().unwrap()),
            application: Some("tcp/443".to_owned()),
        };
        assert_eq!(
            sentence(&talker, "eth0"),
            "192.0.2.9 has 46 % of what eth0 receives, 123.5 Mbit/s and more, most of it with 198.51.100.7 by \
             tcp/443; it had no such share before."
        );
    }
}
