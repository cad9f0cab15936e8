//! Reading the inventory into memory at the start.

use super::record::{DeviceRecord, KeptStatus, lasting};
use super::view::View;
use super::{Collections, Inventory};
use crate::StoreError;
use crate::documents::{Collection, Documents, PAGE_LEN_MAX, Query, Stored};
use model::{Clock, DeviceId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

impl Inventory {
    /// Reads all that is kept. What is damaged was set aside and is left out; what belongs to a
    /// device that is not there is left out too.
    pub(crate) async fn load(
        documents: Arc<dyn Documents>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let now = clock.now();
        let collections = Collections::new(&documents);
        let mut records: BTreeMap<DeviceId, DeviceRecord> = BTreeMap::new();
        each(&collections.devices, |stored| {
            let id = stored.body.id;
            records.insert(id, DeviceRecord::new(Arc::new(stored), now));
        })
        .await?;
        let mut interfaces: HashMap<DeviceId, Vec<_>> = HashMap::new();
        each(&collections.interfaces, |stored| {
            let of = interfaces.entry(stored.body.device_id).or_default();
            of.push(Arc::new(stored.body));
        })
        .await?;
        for (id, mut list) in interfaces {
            if let Some(record) = records.get_mut(&id) {
                list.sort_by(|a, b| (a.index, &a.name, a.id).cmp(&(b.index, &b.name, b.id)));
                record.interfaces = list.into();
            }
        }
        each(&collections.facts, |stored| {
            if let Some(record) = of(&mut records, &stored.id) {
                record.kept_facts = Arc::new(lasting(&stored.body));
                record.facts = record.kept_facts.clone();
            }
        })
        .await?;
        each(&collections.neighbors, |stored| {
            if let Some(record) = of(&mut records, &stored.id) {
                record.neighbors_kept_at = Some(stored.body.written_at);
                record.neighbors = stored.body.neighbors.into();
            }
        })
        .await?;
        each(&collections.statuses, |stored: Stored<KeptStatus>| {
            if let Some(record) = of(&mut records, &stored.id) {
                record.state.last_seen_at = stored.body.last_seen_at;
                record.kept_status = Some(Arc::new(stored.body));
            }
        })
        .await?;
        let mut view = View::empty();
        let mut links = BTreeMap::new();
        each(&collections.links, |stored| {
            let link = stored.body;
            let ends_known = [link.a.device_id, link.b.device_id]
                .iter()
                .all(|id| records.contains_key(id));
            if ends_known {
                links.insert(link.id, Arc::new(link));
            }
        })
        .await?;
        view.links = links.values().cloned().collect();
        view.kept_links = Arc::new(links);
        for record in records.into_values() {
            view.put(record);
        }
        Ok(Self {
            documents,
            collections: Arc::new(collections),
            view: Arc::new(RwLock::new(view)),
            attached: Arc::default(),
            clock,
        })
    }
}

fn of<'a>(
    records: &'a mut BTreeMap<DeviceId, DeviceRecord>,
    id: &str,
) -> Option<&'a mut DeviceRecord> {
    records.get_mut(&id.parse().ok()?)
}

/// Hands each document of a collection to `take`, a page at a time.
async fn each<T: Serialize + DeserializeOwned>(
    collection: &Collection<T>,
    mut take: impl FnMut(Stored<T>),
) -> Result<(), StoreError> {
    let mut query = Query {
        limit: PAGE_LEN_MAX,
        ..Query::default()
    };
    loop {
        let page = collection.page(query.clone()).await?;
        page.items.into_iter().for_each(&mut take);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}
