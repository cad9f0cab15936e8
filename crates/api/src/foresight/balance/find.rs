//! Which ways are a group: links between the same two devices, members of an aggregate, next hops of the
//! default route that cost the same.

use super::LINKS_MAX;
use model::facts::DefaultRouteFacts;
use model::interface::{IfStatus, Interface};
use model::link::{End, Link, LinkStatus};
use model::{DeviceId, GroupId, InterfaceId, LinkId};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::inventory::{DeviceRecord, Inventory};

/// Sentences of evidence of each link: one for each end that reports it.
const SENTENCES_MAX: usize = 2;

/// Kinds of interfaces that lie over others, and have no capacity of their own.
const OVER_OTHERS: [&str; 5] = [
    "l2vlan",
    "l3ipvlan",
    "tunnel",
    "propVirtual",
    "softwareLoopback",
];

/// What makes a group one.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = BalanceKind)]
pub(crate) enum Kind {
    /// Links are seen between the same two devices.
    Links,
    /// A device says that its ports are active members of one aggregate.
    Aggregate,
    /// A device says that its default route has several next hops of the same cost.
    Routes,
}

/// A group as the inventory has it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Its lowest link, its aggregate, or the device whose routes they are.
    pub(crate) id: GroupId,
    /// The aggregate of the other end, which names it too.
    also: Option<GroupId>,
    /// What makes it one.
    pub(super) kind: Kind,
    /// What the device calls its aggregate.
    pub(super) name: Option<String>,
    /// Who sends; of links and aggregates that both ends tell of the device with the lower id.
    pub(super) a: DeviceId,
    /// The other; none where the ways lead to several, or it is not known where to.
    pub(super) b: Option<DeviceId>,
    /// Whether what comes back is split over the same ways.
    pub(super) is_both: bool,
    /// Two or more, by their ids.
    pub(super) ways: Vec<Way>,
    /// Why it is taken for one, in a sentence.
    pub(super) why: String,
}

/// One of the ways that traffic of a group can take.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The link; none where no neighbour is seen on the port.
    pub(super) link: Option<Arc<Link>>,
    /// Where it leads to.
    pub(super) to: Option<(DeviceId, String)>,
    /// How it is.
    pub(super) status: LinkStatus,
    /// What it carries at most in bit/s.
    pub(super) speed_bps: Option<u64>,
    /// Its interfaces at `a` and at the other end, as far as they are known.
    pub(super) ports: [Option<Arc<Interface>>; 2],
}

impl Way {
    /// A link, as the device at one of its ends sees it.
    fn of_link(inventory: &Inventory, link: &Arc<Link>, from: DeviceId) -> Self {
        let (near, far) = ends(link, from);
        let port = |end: &End| end.interface_id.and_then(|id| inventory.interface(id));
        Self {
            to: Some((far.device_id, name_of(inventory, far.device_id))),
            status: link.status,
            speed_bps: link.speed_bps,
            ports: [port(near), port(far)],
            link: Some(Arc::clone(link)),
        }
    }

    /// A port, by the link that is seen on it where there is one.
    fn of_port(inventory: &Inventory, links: &ByPort, port: &Arc<Interface>) -> Self {
        if let Some(link) = links.get(&port.id) {
            return Self {
                speed_bps: link.speed_bps.or(port.speed_bps),
                ..Self::of_link(inventory, link, port.device_id)
            };
        }
        Self {
            link: None,
            to: None,
            status: match port.oper_status {
                Some(IfStatus::Up | IfStatus::Dormant) => LinkStatus::Up,
                Some(IfStatus::Down | IfStatus::LowerLayerDown | IfStatus::NotPresent) => {
                    LinkStatus::Down
                }
                Some(IfStatus::Testing | IfStatus::Unknown) | None => LinkStatus::Unknown,
            },
            speed_bps: port.speed_bps,
            ports: [Some(Arc::clone(port)), None],
        }
    }

    /// The link, by its id.
    pub(super) fn link_id(&self) -> Option<LinkId> {
        self.link.as_ref().map(|link| link.id)
    }

    fn far_id(&self) -> Option<DeviceId> {
        self.to.as_ref().map(|(id, _)| *id)
    }
}

/// The link of each interface that has one.
type ByPort = BTreeMap<InterfaceId, Arc<Link>>;

impl Found {
    /// Speed of all together in bit/s.
    fn speed_bps(&self) -> u64 {
        let speeds = self.ways.iter().filter_map(|way| way.speed_bps);
        speeds.fold(0, u64::saturating_add)
    }

    /// What a way is called: its interfaces.
    pub(super) fn label(&self, place: usize) -> String {
        let Some(way) = self.ways.get(place) else {
            return String::new();
        };
        let name = |port: &Option<Arc<Interface>>| {
            port.as_ref().map_or_else(
                || "a port that is not known".to_owned(),
                |one| one.name.clone(),
            )
        };
        let [a, b] = &way.ports;
        match &way.link {
            Some(_) => format!("{} - {}", name(a), name(b)),
            None => name(a),
        }
    }

    /// What the group rests on, in sentences.
    pub(super) fn evidence(&self) -> Vec<String> {
        let mut sentences = vec![self.why.clone()];
        if !self.is_both {
            sentences.push(
                "only what is sent is looked at: how what comes in is split is set by those who send it"
                    .to_owned(),
            );
        }
        for (place, way) in self.ways.iter().enumerate().take(LINKS_MAX) {
            let evidence = way.link.iter().flat_map(|link| link.evidence.iter());
            let heard = evidence.take(SENTENCES_MAX);
            sentences.extend(heard.map(|evidence| evidence.detail.clone()));
            match way.status {
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

    /// The links, where all ways are some.
    fn links(&self) -> Option<BTreeSet<LinkId>> {
        self.ways.iter().map(Way::link_id).collect()
    }

    /// The links, where routes over the same would be this group.
    fn joinable(&self) -> Option<BTreeSet<LinkId>> {
        let is_one = self.kind != Kind::Aggregate && self.b.is_some();
        is_one.then(|| self.links()).flatten()
    }

    /// Why nothing is advised of it, where a way has no capacity of its own.
    pub(super) fn over_others(&self) -> Option<String> {
        let mut ports = self.ways.iter().filter_map(|way| way.ports[0].as_ref());
        let port = ports
            .find(|port| {
                port.kind
                    .as_deref()
                    .is_some_and(|kind| OVER_OTHERS.contains(&kind))
            })
            .filter(|_| self.kind == Kind::Routes)?;
        Some(format!(
            "{} lies over another interface: its capacity is that of the port beneath",
            port.name
        ))
    }

    /// The one device that all ways lead to, as far as that is known.
    fn one_end(ways: &[Way]) -> Option<DeviceId> {
        let ends: Option<BTreeSet<DeviceId>> = ways.iter().map(Way::far_id).collect();
        ends.filter(|ends| ends.len() == 1)?.pop_first()
    }

    fn is_named(&self, id: GroupId) -> bool {
        let is = |bytes: &[u8; 16]| bytes == id.as_bytes();
        let of_way = |way: &Way| {
            let mut ports = way.ports.iter().flatten();
            way.link_id().is_some_and(|link| is(link.as_bytes()))
                || ports.any(|port| is(port.id.as_bytes()))
        };
        self.also == Some(id) || self.ways.iter().any(of_way)
    }
}

/// The groups of a network, those with the greatest speed first, at most so many; and how many there are beyond.
/// O(interfaces + links · log links).
pub(super) fn groups(inventory: &Inventory, max: usize) -> (Vec<Found>, usize) {
    let mut groups = all(inventory);
    groups.sort_by_key(|group| (Reverse(group.speed_bps()), group.id, group.kind));
    let left_out = groups.len().saturating_sub(max);
    groups.truncate(max);
    (groups, left_out)
}

/// The group of an id, else the one that a link or an interface of this id is of; none where there is none. What
/// an aggregate splits is asked for before what routes do. O(interfaces + links · log links).
pub(super) fn of_id(inventory: &Inventory, id: GroupId) -> Option<Found> {
    let mut groups = all(inventory);
    let place = groups.iter().position(|group| group.id == id);
    let place = place.or_else(|| groups.iter().position(|group| group.is_named(id)));
    place.map(|place| groups.swap_remove(place))
}

/// Aggregates, then links, then routes.
fn all(inventory: &Inventory) -> Vec<Found> {
    let links = inventory.links();
    let mut by_port = ByPort::new();
    for link in links.iter() {
        for port in [&link.a, &link.b]
            .into_iter()
            .filter_map(|end| end.interface_id)
        {
            by_port.entry(port).or_insert_with(|| Arc::clone(link));
        }
    }
    let devices = inventory.devices();
    let mut groups = Vec::new();
    let mut taken = BTreeSet::new();
    for record in &devices {
        aggregates(inventory, &by_port, record, &mut taken, &mut groups);
    }
    let mut between: BTreeMap<(DeviceId, DeviceId), Vec<Arc<Link>>> = BTreeMap::new();
    for link in links.iter().filter(|link| !taken.contains(&link.id)) {
        let pair = (link.a.device_id, link.b.device_id);
        between.entry(pair).or_default().push(Arc::clone(link));
    }
    groups.extend(
        between
            .into_values()
            .filter_map(|links| parallel(inventory, links)),
    );
    let mut by_links = ByLinks::new();
    for (place, group) in groups.iter().enumerate() {
        if let Some(links) = group.joinable() {
            by_links.entry(links).or_insert(place);
        }
    }
    for record in &devices {
        if let Some(found) = routes(inventory, &by_port, record) {
            join(&mut groups, &by_links, found);
        }
    }
    groups
}

/// The places of groups between two devices, by their links.
type ByLinks = BTreeMap<BTreeSet<LinkId>, usize>;

fn parallel(inventory: &Inventory, mut links: Vec<Arc<Link>>) -> Option<Found> {
    links.sort_by_key(|link| link.id);
    let first = links.first().filter(|_| links.len() > 1)?;
    let (id, a, b) = (first.id, first.a.device_id, first.b.device_id);
    Some(Found {
        id: GroupId::from_bytes(*id.as_bytes()),
        also: None,
        kind: Kind::Links,
        name: None,
        a,
        b: Some(b),
        is_both: true,
        ways: links
            .iter()
            .map(|link| Way::of_link(inventory, link, a))
            .collect(),
        why: format!(
            "{} links are seen between the two devices; that they share what goes over them is taken from that alone",
            links.len()
        ),
    })
}

/// The aggregates of a device. An aggregate of which the other end tells too is found at the device with the
/// lower id.
fn aggregates(
    inventory: &Inventory,
    by_port: &ByPort,
    record: &DeviceRecord,
    taken: &mut BTreeSet<LinkId>,
    groups: &mut Vec<Found>,
) {
    for (index, ports) in members_of(record) {
        let here = record.device.body.id;
        let ways = ports
            .iter()
            .map(|port| Way::of_port(inventory, by_port, port));
        let ways: Vec<Way> = ways.collect();
        taken.extend(ways.iter().filter_map(Way::link_id));
        let aggregate = record
            .interfaces
            .iter()
            .find(|one| one.present && one.index == index);
        let Some(aggregate) = aggregate.filter(|_| ways.len() > 1) else {
            continue;
        };
        let b = Found::one_end(&ways);
        let there = b.and_then(|b| inventory.device(b));
        let is_both = match there.as_deref().map(|there| far_aggregate(&ways, there)) {
            Some(Far::Same) if b.is_some_and(|b| b < here) => continue,
            Some(Far::Same | Far::Untold) => true,
            Some(Far::Other) | None => false,
        };
        groups.push(Found {
            id: GroupId::from_bytes(*aggregate.id.as_bytes()),
            also: there.and_then(|there| far_interface(&ways, &there)).filter(|_| is_both),
            kind: Kind::Aggregate,
            name: Some(aggregate.name.clone()),
            a: here,
            b,
            is_both,
            why: format!(
                "aggregate {}: {} ports of {} are active members of it; weights are a hint for its hash buckets, and where it takes none, members of like speed are what helps",
                aggregate.name,
                ways.len(),
                name_of(inventory, here)
            ),
            ways,
        });
    }
}

/// Active members by the ifIndex of their aggregate, in the order of their ids.
fn members_of(record: &DeviceRecord) -> BTreeMap<u32, Vec<Arc<Interface>>> {
    let mut members: BTreeMap<u32, Vec<Arc<Interface>>> = BTreeMap::new();
    for port in record.interfaces.iter().filter(|port| port.present) {
        if let Some(aggregate) = port.aggregate {
            members.entry(aggregate).or_default().push(Arc::clone(port));
        }
    }
    for ports in members.values_mut() {
        ports.sort_by_key(|port| port.id);
    }
    members
}

/// What the device at the other end says of an aggregate.
enum Far {
    /// It has one with the same links.
    Same,
    /// It tells of no aggregate.
    Untold,
    /// It splits otherwise.
    Other,
}

fn far_aggregate(ways: &[Way], there: &DeviceRecord) -> Far {
    let of_far = |way: &Way| {
        let [_, far] = &way.ports;
        far.as_ref().and_then(|port| port.aggregate)
    };
    let far: BTreeSet<Option<u32>> = ways.iter().map(of_far).collect();
    match far.iter().collect::<Vec<_>>()[..] {
        [None] => Far::Untold,
        [Some(index)] => {
            let members = members_of(there).remove(index).unwrap_or_default();
            if members.len() == ways.len() {
                Far::Same
            } else {
                Far::Other
            }
        }
        _ => Far::Other,
    }
}

/// The interface of the aggregate that the ways end in.
fn far_interface(ways: &[Way], there: &DeviceRecord) -> Option<GroupId> {
    let [_, far] = &ways.first()?.ports;
    let index = far.as_ref()?.aggregate?;
    let mut all = there.interfaces.iter();
    let aggregate = all.find(|one| one.present && one.index == index)?;
    Some(GroupId::from_bytes(*aggregate.id.as_bytes()))
}

/// The next hops of a device's default route that share what is sent: of IPv4, and where that has but one, of IPv6.
fn routes(inventory: &Inventory, by_port: &ByPort, record: &DeviceRecord) -> Option<Found> {
    let here = record.device.body.id;
    ["0.0.0.0/0", "::/0"].into_iter().find_map(|destination| {
        let ports = equal_ports(record, destination);
        let ways = ports.iter().map(|port| {
            let mut way = Way::of_port(inventory, by_port, port);
            // Where an aggregate leads to is seen on its members.
            if way.to.is_none() {
                let mut members = record.interfaces.iter().filter(|member| {
                    member.present && member.aggregate == Some(port.index)
                });
                let link = members.find_map(|member| by_port.get(&member.id));
                way.to = link.map(|link| {
                    let (_, far) = ends(link, here);
                    (far.device_id, name_of(inventory, far.device_id))
                });
            }
            way
        });
        let ways: Vec<Way> = ways.collect();
        (ways.len() > 1).then(|| Found {
            id: GroupId::from_bytes(*here.as_bytes()),
            also: None,
            kind: Kind::Routes,
            name: None,
            a: here,
            b: None,
            is_both: false,
            why: format!(
                "equal-cost default routes: {} has next hops of the same metric for {destination} over {} interfaces; weights are those of unequal-cost multipath",
                name_of(inventory, here),
                ways.len()
            ),
            ways,
        })
    })
}

/// The interfaces of the next hops with the lowest metric, each once. A next hop whose metric is not known is no
/// equal of another.
fn equal_ports(record: &DeviceRecord, destination: &str) -> Vec<Arc<Interface>> {
    let hops = record.facts.default_routes.iter();
    let hops = hops.filter(|hop| hop.destination.as_deref() == Some(destination));
    let cost = |hop: &DefaultRouteFacts| Some((hop.metric?, hop.protocol.clone()));
    let hops: Vec<_> = hops.filter_map(|hop| Some((cost(hop)?, hop))).collect();
    let Some(best) = hops.iter().map(|(cost, _)| cost.0).min() else {
        return Vec::new();
    };
    let first = hops
        .iter()
        .find(|(cost, _)| cost.0 == best)
        .map(|(cost, _)| cost.clone());
    let equal = hops.iter().filter(|(cost, _)| Some(cost) == first.as_ref());
    let ports = equal.filter_map(|(_, hop)| {
        let index = hop.interface_index?;
        record
            .interfaces
            .iter()
            .find(|port| port.present && port.index == index)
    });
    let ports: BTreeMap<InterfaceId, Arc<Interface>> =
        ports.map(|port| (port.id, Arc::clone(port))).collect();
    ports.into_values().collect()
}

/// Adds routes. Over the same links as a group between two devices they are that group, with better evidence.
fn join(groups: &mut Vec<Found>, by_links: &ByLinks, routes: Found) {
    let place = routes.links().and_then(|links| by_links.get(&links));
    match place.and_then(|place| groups.get_mut(*place)) {
        Some(group) => {
            group.kind = Kind::Routes;
            group.why = routes.why;
        }
        None => groups.push(routes),
    }
}

/// The end at a device, and the other.
fn ends(link: &Link, at: DeviceId) -> (&End, &End) {
    if link.a.device_id == at {
        (&link.a, &link.b)
    } else {
        (&link.b, &link.a)
    }
}

/// What people call a device.
pub(super) fn name_of(inventory: &Inventory, id: DeviceId) -> String {
    let record = inventory.device(id);
    record
        .map(|record| record.device.body.name())
        .unwrap_or_default()
}
