//! Who was heavy before the server started: the tops by host that are kept of an interface, of the last day and of
//! the same hours a week before.

use super::{Key, Owner};
use analytics::talker::{LEARNED_SECS, RISE_SECS, Talkers};
use model::flow::{FlowDimension, FlowTop};
use model::{EventKind, EventRecord, Timestamp};
use serde::Deserialize as _;
use std::net::IpAddr;
use std::time::Duration;
use store::Store;
use store::events::{EventQuery, EventsError, LIMIT_MAX};

/// How far back every minute is read.
const DAY: Duration = Duration::from_hours(25);
/// What is read of a week before: so long to either side.
const BESIDE: Duration = Duration::from_hours(1);
/// Pages that are read of a range: of a day's minutes and some more.
const PAGES_MAX: usize = 4;

/// A minute of an interface.
struct Minute {
    at_secs: i64,
    /// Its octets.
    total: f64,
    /// Those of its hosts.
    hosts: Vec<(IpAddr, f64)>,
}

/// Minutes of a past.
pub(super) struct Past {
    /// The oldest first.
    minutes: Vec<Minute>,
    /// When something was there that is not read.
    begun_secs: Option<i64>,
}

impl Past {
    /// Has talkers know it.
    pub(super) fn give(self, talkers: &mut Talkers<IpAddr>) {
        for minute in &self.minutes {
            talkers.past(minute.at_secs, minute.total, &minute.hosts);
        }
        if let Some(at) = self.begun_secs {
            talkers.begun(at);
        }
    }
}

/// Reads it. What is of the last minutes is left out: who is new now is new in them.
pub(super) async fn read(
    store: &Store,
    key: Key,
    owner: &Owner,
    now: Timestamp,
) -> Result<Option<Past>, EventsError> {
    let secs = |secs: i64| Duration::from_secs(secs.unsigned_abs());
    let week = now.minus(Duration::from_hours(24 * 7));
    let ranges = [
        (week.minus(BESIDE), week.plus(BESIDE)),
        (now.minus(DAY), now.minus(secs(RISE_SECS))),
    ];
    let query = |from: Option<Timestamp>, to: Timestamp, limit: usize| EventQuery {
        kind: Some(EventKind::FlowTop),
        device_id: Some(owner.device_id),
        text: FlowTop::words(key.direction, FlowDimension::Host, owner.interface_id),
        from,
        to: Some(to),
        limit,
        ..EventQuery::default()
    };
    let mut minutes = Vec::new();
    for (from, to) in ranges {
        let mut query = query(Some(from), to, LIMIT_MAX);
        for _ in 0..PAGES_MAX {
            let page = store.events.query(query.clone()).await?;
            minutes.extend(page.items.iter().filter_map(|event| minute(event, key)));
            let Some(next) = page.next else {
                break;
            };
            query.cursor = Some(next);
        }
    }
    minutes.sort_by_key(|minute: &Minute| minute.at_secs);
    let learned = now.minus(secs(LEARNED_SECS));
    let older = store.events.query(query(None, learned, 1)).await?;
    let begun_secs = older.items.first().map(|event| super::secs(event.at));
    Ok(Some(Past {
        minutes,
        begun_secs,
    }))
}

/// The hosts of a minute of that interface and direction.
fn minute(event: &EventRecord, key: Key) -> Option<Minute> {
    let top = FlowTop::deserialize(&event.body).ok()?;
    let is_of = event.source == key.exporter
        && top.if_index == key.if_index
        && top.direction == key.direction
        && top.dimension == FlowDimension::Host;
    if !is_of {
        return None;
    }
    let rows = top.rows.iter();
    let hosts = rows.filter_map(|row| Some((row.key.parse().ok()?, row.octets as f64)));
    Some(Minute {
        at_secs: super::secs(event.at),
        total: top.total.octets as f64,
        hosts: hosts.collect(),
    })
}
