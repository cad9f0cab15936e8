//! Writing what was observed of a device. Only what differs from what is kept is written.
//!
//! How a device is, what it says and whom it sees is shown even where the disk is full and it
//! could not be written: an operator must see that a device is down. It is written with the next
//! observation that finds room. Interfaces are not, since series are kept under their ids.

use super::Inventory;
use super::devices::missing;
use super::record::{KeptNeighbors, KeptStatus, lasting};
use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Expect};
use model::device::DeviceState;
use model::facts::Facts;
use model::interface::Interface;
use model::link::Link;
use model::neighbor::Neighbor;
use model::status::Evidence;
use model::{DeviceId, InterfaceId, Status, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// How old the kept "last seen" of a neighbour or link may be where nothing else changed. After a
/// crash it is behind by no more; writing it at each poll would be most of what is written.
const SEEN_AGE_MAX: Duration = Duration::from_mins(10);

/// How a device was found to be.
#[derive(Clone, Debug)]
pub struct StatusReport {
    /// How it is.
    pub status: Status,
    /// Why we say so.
    pub evidence: Vec<Evidence>,
    /// When this was found.
    pub at: Timestamp,
    /// When anything answered last, where this poll was answered.
    pub last_seen_at: Option<Timestamp>,
    /// Defects in its answers since the server started.
    pub defects: BTreeMap<String, u64>,
}

/// A device's status is another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// How it was.
    pub from: Status,
    /// How it is.
    pub to: Status,
    /// Since when. Before the report where the server was restarted and the status is what it was.
    pub since: Timestamp,
}

/// An interface that was written.
#[derive(Clone, Debug)]
pub struct InterfaceChange {
    /// As it was; none where it is new.
    pub before: Option<Arc<Interface>>,
    /// As it is; none where it is gone.
    pub after: Option<Arc<Interface>>,
}

impl Inventory {
    /// Takes in how a device is; answers whether its status changed. Only a change of status is
    /// written. `unknown` is never: the status before it goes on when the device is asked again.
    pub async fn set_state(
        &self,
        id: DeviceId,
        report: StatusReport,
    ) -> Result<Option<StatusChange>, StoreError> {
        let record = self.device(id).ok_or_else(|| missing(id))?;
        let kept = record.kept_status.clone();
        let last_seen_at = report.last_seen_at.max(record.state.last_seen_at);
        let since = match &kept {
            _ if report.status == record.state.status => {
                record.state.status_since.unwrap_or(report.at)
            }
            Some(kept) if kept.status == report.status => kept.since,
            _ => report.at,
        };
        let differs = kept.as_ref().is_none_or(|k| k.status != report.status);
        let kept = if report.status != Status::Unknown && differs {
            let status = KeptStatus {
                status: report.status,
                since,
                last_seen_at,
                evidence: report.evidence.clone(),
            };
            let key = id.to_string();
            let changes = vec![
                device_is_there(&key),
                self.collections
                    .statuses
                    .change(&key, Expect::Any, &status)?,
            ];
            let written = self.try_write(id, "status", changes).await?;
            if written {
                Some(Arc::new(status))
            } else {
                kept
            }
        } else {
            kept
        };
        let change = (report.status != record.state.status).then_some(StatusChange {
            from: record.state.status,
            to: report.status,
            since,
        });
        self.change().alter(id, |record| {
            record.kept_status = kept;
            record.state = DeviceState {
                status: report.status,
                status_since: Some(since),
                status_evidence: report.evidence,
                last_seen_at,
                defects: report.defects,
            };
        });
        Ok(change)
    }

    /// Writes the interfaces of a device as they are now: all of them. One that is left out is
    /// deleted. Answers what changed.
    pub async fn set_interfaces(
        &self,
        id: DeviceId,
        interfaces: Vec<Interface>,
    ) -> Result<Vec<InterfaceChange>, StoreError> {
        let record = self.device(id).ok_or_else(|| missing(id))?;
        let mut before: HashMap<InterfaceId, &Arc<Interface>> =
            record.interfaces.iter().map(|i| (i.id, i)).collect();
        let mut changed = Vec::new();
        let mut now: Vec<Arc<Interface>> = Vec::with_capacity(interfaces.len());
        for interface in interfaces {
            let old = before.remove(&interface.id);
            match old {
                Some(old) if **old == interface => now.push(old.clone()),
                old => {
                    let after = Arc::new(interface);
                    now.push(after.clone());
                    changed.push(InterfaceChange {
                        before: old.cloned(),
                        after: Some(after),
                    });
                }
            }
        }
        changed.extend(before.into_values().map(|gone| InterfaceChange {
            before: Some(gone.clone()),
            after: None,
        }));
        if changed.is_empty() {
            return Ok(changed);
        }
        let collection = &self.collections.interfaces;
        let mut write = vec![device_is_there(&id.to_string())];
        for change in &changed {
            write.extend(match change {
                InterfaceChange {
                    after: Some(after), ..
                } => Some(collection.change(&after.id.to_string(), Expect::Any, after)?),
                InterfaceChange {
                    before: Some(gone), ..
                } => Some(collection.removal(&gone.id.to_string(), Expect::Any)),
                InterfaceChange { .. } => None,
            });
        }
        self.documents.write(write).await.map_err(by_device)?;
        now.sort_by(|a, b| (a.index, &a.name, a.id).cmp(&(b.index, &b.name, b.id)));
        self.change()
            .alter(id, |record| record.interfaces = now.into());
        Ok(changed)
    }

    /// Takes in what a device said at its last complete looks. What lasts is written where it
    /// differs from what is kept; values that change all the time are in memory only.
    pub async fn set_facts(&self, id: DeviceId, mut facts: Facts) -> Result<(), StoreError> {
        let record = self.device(id).ok_or_else(|| missing(id))?;
        facts.interfaces = Vec::new();
        facts.neighbors = Vec::new();
        let lasts = lasting(&facts);
        let kept = if *record.kept_facts == lasts {
            record.kept_facts.clone()
        } else {
            let key = id.to_string();
            let changes = vec![
                device_is_there(&key),
                self.collections.facts.change(&key, Expect::Any, &lasts)?,
            ];
            let written = self.try_write(id, "facts", changes).await?;
            if written {
                Arc::new(lasts)
            } else {
                record.kept_facts.clone()
            }
        };
        self.change().alter(id, |record| {
            record.kept_facts = kept;
            record.facts = Arc::new(facts);
        });
        Ok(())
    }

    /// Writes the neighbours of a device as they are now: all of them. One that was there before
    /// keeps the time at which it was first seen.
    pub async fn set_neighbors(
        &self,
        id: DeviceId,
        mut neighbors: Vec<Neighbor>,
    ) -> Result<(), StoreError> {
        let record = self.device(id).ok_or_else(|| missing(id))?;
        let known: HashMap<_, Timestamp> = record
            .neighbors
            .iter()
            .map(|n| (who(n), n.first_seen_at))
            .collect();
        for neighbor in &mut neighbors {
            if let Some(first) = known.get(&who(neighbor)) {
                neighbor.first_seen_at = neighbor.first_seen_at.min(*first);
            }
        }
        let now = self.clock.now();
        let fresh = record
            .neighbors_kept_at
            .is_some_and(|at| now.since(at) < SEEN_AGE_MAX);
        let same = neighbors.len() == record.neighbors.len()
            && neighbors.iter().zip(record.neighbors.iter()).all(|(a, b)| {
                // All but when it was last seen.
                let b = Neighbor {
                    last_seen_at: a.last_seen_at,
                    ..b.clone()
                };
                *a == b
            });
        let untouched = same && (fresh || (neighbors.is_empty() && !record.neighbors_owed));
        let written_at = if untouched {
            record.neighbors_kept_at
        } else {
            let kept = KeptNeighbors {
                written_at: now,
                neighbors: neighbors.clone(),
            };
            let key = id.to_string();
            let changes = vec![
                device_is_there(&key),
                self.collections
                    .neighbors
                    .change(&key, Expect::Any, &kept)?,
            ];
            let written = self.try_write(id, "neighbours", changes).await?;
            written.then_some(now)
        };
        self.change().alter(id, |record| {
            record.neighbors_kept_at = written_at;
            record.neighbors_owed = !untouched && written_at.is_none();
            record.neighbors = neighbors.into();
        });
        Ok(())
    }

    /// Writes; answers whether it could be. An error is one that no waiting mends.
    async fn try_write(
        &self,
        id: DeviceId,
        what: &str,
        changes: Vec<Change>,
    ) -> Result<bool, StoreError> {
        match self.documents.write(changes).await {
            Ok(_) => Ok(true),
            Err(e @ (StoreError::Full { .. } | StoreError::Database { .. })) => {
                warn!(device.id = %id, error = %e, "{what} seen and not kept");
                Ok(false)
            }
            Err(e) => Err(by_device(e)),
        }
    }

    /// Writes the links as they are now: all of them. One task does this.
    pub async fn set_links(&self, links: Vec<Link>) -> Result<(), StoreError> {
        let kept = self.read().kept_links.clone();
        let collection = &self.collections.links;
        let mut kept_now = BTreeMap::new();
        let mut changes = Vec::new();
        let mut now = Vec::with_capacity(links.len());
        for link in links {
            let link = Arc::new(link);
            match kept.get(&link.id) {
                Some(old) if same_link(old, &link) => {
                    kept_now.insert(link.id, old.clone());
                }
                _ => {
                    changes.push(collection.change(&link.id.to_string(), Expect::Any, &link)?);
                    kept_now.insert(link.id, link.clone());
                }
            }
            now.push(link);
        }
        for gone in kept.keys().filter(|id| !kept_now.contains_key(id)) {
            changes.push(collection.removal(&gone.to_string(), Expect::Any));
        }
        if !changes.is_empty() {
            self.documents.write(changes).await?;
        }
        now.sort_by_key(|link| link.id);
        let mut view = self.change();
        view.kept_links = Arc::new(kept_now);
        view.links = now.into();
        Ok(())
    }
}

fn device_is_there(key: &str) -> Change {
    Change::Require {
        collection: &catalog::DEVICES,
        id: key.to_owned(),
        expect: Expect::Present,
    }
}

/// A write for a device that is gone is a write of something that is not there.
fn by_device(error: StoreError) -> StoreError {
    match error {
        StoreError::RevisionConflict {
            collection,
            id,
            found: None,
            ..
        } => StoreError::NotFound { collection, id },
        other => other,
    }
}

/// What makes a neighbour the one it was at the look before.
fn who(n: &Neighbor) -> impl Eq + std::hash::Hash + use<> {
    (
        n.protocol,
        n.local_interface.clone(),
        n.remote_chassis_id.clone(),
        n.remote_name.clone(),
        n.remote_port.clone(),
    )
}

/// Whether the kept link still says what is known now, but for times that are not far behind.
fn same_link(kept: &Link, now: &Link) -> bool {
    if now.last_seen_at.since(kept.last_seen_at) >= SEEN_AGE_MAX {
        return false;
    }
    let mut then = now.clone();
    then.last_seen_at = kept.last_seen_at;
    for (a, b) in then.evidence.iter_mut().zip(&kept.evidence) {
        a.seen_at = b.seen_at;
    }
    then == *kept
}
