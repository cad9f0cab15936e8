//! Neighbours and links: the one task that writes them. Where something new was heard it waits a
//! moment for more to come, then resolves what was heard and infers all links anew.

use crate::wire::{Heard, Receiver};
use model::event::Event;
use model::facts::NeighborFacts;
use model::link::LinkStatus;
use model::{Clock, DeviceId, LinkId, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use store::inventory::DeviceRecord;
use store::{Store, StoreError};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout_at};
use topology::{Directory, Known};
use tracing::warn;

/// How long more is waited for. A poll of a network tells the neighbours of many devices together;
/// a link that went down is still seen within half a second.
const PAUSE_MIN: Duration = Duration::from_millis(250);

/// The task rests this many times as long as it worked, so that it takes a fifth of a core at most
/// however large the network is.
const REST_FACTOR: u32 = 4;

/// Reports that say what was said before are kept within this time, for when neighbours were last
/// seen: most polls say nothing new, and all links are looked at each time.
const UNCHANGED_MAX: Duration = Duration::from_secs(10);

/// What was heard and is not kept yet.
#[derive(Default)]
struct Pending {
    /// The latest neighbours of each device. What could not be kept stays for the next time: no more
    /// than one entry a device.
    latest: HashMap<DeviceId, (Vec<NeighborFacts>, Timestamp)>,
    /// What each device said last.
    said: HashMap<DeviceId, Vec<NeighborFacts>>,
}

impl Pending {
    /// Takes in a word; whether it says anything new.
    fn take(&mut self, word: Heard) -> bool {
        let Some(neighbors) = word.neighbors else {
            return true;
        };
        let is_new = self.said.get(&word.device_id) != Some(&neighbors);
        if is_new {
            self.said.insert(word.device_id, neighbors.clone());
        }
        self.latest.insert(word.device_id, (neighbors, word.at));
        is_new
    }
}

/// Runs until ingest is gone and all that was heard is kept.
pub async fn run(
    store: Store,
    clock: Clock,
    events: broadcast::Sender<Arc<Event>>,
    mut heard: Receiver<Heard>,
) {
    let mut pending = Pending::default();
    let mut pause = PAUSE_MIN;
    let mut ended = false;
    while !ended {
        let due = Instant::now() + UNCHANGED_MAX;
        let mut is_new = false;
        while !is_new && !ended {
            match timeout_at(due, heard.recv()).await {
                Ok(Some(word)) => is_new = pending.take(word),
                Ok(None) => ended = true,
                Err(_) => break,
            }
        }
        if is_new {
            sleep(pause).await;
        }
        while let Some(word) = heard.try_recv() {
            is_new |= pending.take(word);
        }
        if !is_new && pending.latest.is_empty() {
            continue;
        }
        let begun = Instant::now();
        if let Err(error) = renew(&store, &clock, &events, &mut pending.latest).await {
            warn!(error = %crate::chain(&error), "links not kept");
        }
        let inventory = &store.inventory;
        pending.said.retain(|id, _| inventory.device(*id).is_some());
        pause = PAUSE_MIN.max(begun.elapsed() * REST_FACTOR);
    }
}

async fn renew(
    store: &Store,
    clock: &Clock,
    events: &broadcast::Sender<Arc<Event>>,
    heard: &mut HashMap<DeviceId, (Vec<NeighborFacts>, Timestamp)>,
) -> Result<(), StoreError> {
    let inventory = &store.inventory;
    let resolved = with_directory(&inventory.devices(), |directory, _| {
        let resolve = |(id, (reported, at)): (&DeviceId, &(Vec<NeighborFacts>, Timestamp))| {
            let known = &inventory.device(*id)?.neighbors;
            let now = topology::links::resolve_neighbors(*id, reported, known, directory, *at);
            Some((*id, now))
        };
        heard.iter().filter_map(resolve).collect::<Vec<_>>()
    });
    for (device_id, neighbors) in resolved {
        match inventory.set_neighbors(device_id, neighbors).await {
            // Deleted meanwhile.
            Ok(()) | Err(StoreError::NotFound { .. }) => {
                heard.remove(&device_id);
            }
            // The others are kept nonetheless, and this one is tried again with what comes next.
            Err(error) => {
                warn!(device.id = %device_id, error = %crate::chain(&error), "neighbours not kept, to be tried again");
            }
        }
    }
    let previous: Vec<_> = inventory
        .links()
        .iter()
        .map(|link| link.as_ref().clone())
        .collect();
    let links = with_directory(&inventory.devices(), |directory, records| {
        let neighbors = records.iter().flat_map(|record| record.neighbors.iter());
        topology::links::infer(neighbors, &previous, directory, clock.now())
    });
    let before: HashMap<LinkId, LinkStatus> =
        previous.iter().map(|link| (link.id, link.status)).collect();
    let changed: BTreeSet<DeviceId> = links
        .iter()
        .filter(|link| before.get(&link.id) != Some(&link.status))
        .flat_map(|link| [link.a.device_id, link.b.device_id])
        .collect();
    inventory.set_links(links).await?;
    for device_id in changed {
        // An error means that nobody listens.
        let _ = events.send(Arc::new(Event::DeviceChanged { device_id }));
    }
    Ok(())
}

fn with_directory<T>(
    records: &[Arc<DeviceRecord>],
    work: impl FnOnce(&Directory<'_>, &[Arc<DeviceRecord>]) -> T,
) -> T {
    let names: Vec<String> = records
        .iter()
        .map(|record| record.device.body.name())
        .collect();
    let known = records.iter().zip(&names).map(|(record, name)| {
        let device = &record.device.body;
        Known {
            device_id: device.id,
            name,
            address: device.address,
            identity: &device.identity,
            status: record.state.status,
            maintenance: device.maintenance.is_some(),
            interfaces: &record.interfaces,
        }
    });
    work(&Directory::new(known), records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_before_is_nothing_new() {
        let mut pending = Pending::default();
        let device_id = DeviceId::new();
        let say = |name: Option<&str>| Heard {
            device_id,
            neighbors: name.map(|name| {
                vec![NeighborFacts {
                    remote_name: Some(name.to_owned()),
                    ..NeighborFacts::default()
                }]
            }),
            at: Timestamp::default(),
        };
        assert!(pending.take(say(Some("r2"))));
        assert!(!pending.take(say(Some("r2"))));
        assert!(pending.take(say(Some("r3"))));
        assert!(pending.take(say(None)), "an interface changed");
        assert_eq!(pending.latest.len(), 1);
    }
}
