//! Which links are a group: those between the same two devices.

use super::LINKS_MAX;
use model::interface::Interface;
use model::link::{Link, LinkStatus};
use model::{DeviceId, LinkId};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::inventory::Inventory;

/// Sentences of evidence of each link: one for each end that reports it.
const SENTENCES_MAX: usize = 2;

/// A group as the inventory has it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The link with the lowest id.
    pub(crate) id: LinkId,
    /// The device with the lower id.
    pub(super) a: DeviceId,
    /// The other.
    pub(super) b: DeviceId,
    /// Its links by their ids: two or more.
    pub(super) links: Vec<Arc<Link>>,
    /// The interfaces of each at `a` and `b`, as far as they are known.
    pub(super) ports: Vec<[Option<Arc<Interface>>; 2]>,
}

impl Found {
    fn of(inventory: &Inventory, mut links: Vec<Arc<Link>>) -> Option<Self> {
        links.sort_by_key(|link| link.id);
        let first = links.first().filter(|_| links.len() > 1)?;
        let port = |id: Option<model::InterfaceId>| id.and_then(|id| inventory.interface(id));
        Some(Self {
            id: first.id,
            a: first.a.device_id,
            b: first.b.device_id,
            ports: links
                .iter()
                .map(|link| [port(link.a.interface_id), port(link.b.interface_id)])
                .collect(),
            links,
        })
    }

    /// Speed of all together in bit/s.
    fn speed_bps(links: &[Arc<Link>]) -> u64 {
        let speeds = links.iter().filter_map(|link| link.speed_bps);
        speeds.fold(0, u64::saturating_add)
    }

    /// What a link is called: its interfaces.
    pub(super) fn label(&self, place: usize) -> String {
        let name = |port: &Option<Arc<Interface>>| {
            port.as_ref().map_or_else(
                || "a port that is not known".to_owned(),
                |one| one.name.clone(),
            )
        };
        match self.ports.get(place) {
            Some([a, b]) => format!("{} - {}", name(a), name(b)),
            None => String::new(),
        }
    }

    /// What the group rests on, in sentences.
    pub(super) fn evidence(&self) -> Vec<String> {
        let mut sentences = vec![format!(
            "{} links are seen between the two devices; that they share what goes over them is taken from that alone",
            self.links.len()
        )];
        for (place, link) in self.links.iter().enumerate().take(LINKS_MAX) {
            let heard = link.evidence.iter().take(SENTENCES_MAX);
            sentences.extend(heard.map(|evidence| evidence.detail.clone()));
            match link.status {
                LinkStatus::Down => sentences.push(format!(
                    "{} is down and counts as no capacity",
                    self.label(place)
                )),
                LinkStatus::Unknown => sentences.push(format!(
                    "whether {} is up is not known; it is taken to be",
                    self.label(place)
                )),
                LinkStatus::Up => {}
            }
        }
        sentences
    }
}

/// The groups of a network, those with the greatest speed first, at most so many; and how many there are beyond.
/// O(links · log links).
pub(super) fn groups(inventory: &Inventory, max: usize) -> (Vec<Found>, usize) {
    let mut between: BTreeMap<(DeviceId, DeviceId), Vec<Arc<Link>>> = BTreeMap::new();
    for link in inventory.links().iter() {
        let pair = (link.a.device_id, link.b.device_id);
        between.entry(pair).or_default().push(Arc::clone(link));
    }
    let mut groups: Vec<Vec<Arc<Link>>> = between.into_values().collect();
    groups.retain(|links| links.len() > 1);
    groups.sort_by_key(|links| {
        let id = links.iter().map(|link| link.id).min();
        (Reverse(Found::speed_bps(links)), id)
    });
    let left_out = groups.len().saturating_sub(max);
    groups.truncate(max);
    let found = groups
        .into_iter()
        .filter_map(|links| Found::of(inventory, links));
    (found.collect(), left_out)
}

/// The group that a link is of; none where it is the only one between its devices, or there is no such link.
/// O(links).
pub(super) fn of_link(inventory: &Inventory, id: LinkId) -> Option<Found> {
    let all = inventory.links();
    let link = all.iter().find(|link| link.id == id)?;
    let pair = (link.a.device_id, link.b.device_id);
    let links = all
        .iter()
        .filter(|link| (link.a.device_id, link.b.device_id) == pair);
    Found::of(inventory, links.cloned().collect())
}
