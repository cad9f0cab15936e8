//! Links from neighbours: what both ends say is one link, what only one end says is one of less
//! confidence, and what is no longer said is a link that is down until something else is plugged
//! into its port or a day has passed.

use super::neighbors::resolve_remote;
use crate::Directory;
use model::interface::IfStatus;
use model::link::{End, Link, LinkEvidence, LinkStatus};
use model::neighbor::{Neighbor, Protocol};
use model::{DeviceId, InterfaceId, LinkId, Status, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How long a link is shown as down after its ends stopped reporting it. A day covers a night's
/// work on a cable; after that it is taken for removed.
pub const LINK_KEPT_UNREPORTED: Duration = Duration::from_hours(24);

/// Confidence in a link that one end reports.
const ONE_END: f64 = 0.8;
/// Confidence in a link that both ends report.
const BOTH_ENDS: f64 = 1.0;

/// The links that follow from what devices report now. `previous` are the links inferred before:
/// a link between the same ends keeps its id and its age.
pub fn infer<'n>(
    neighbors: impl IntoIterator<Item = &'n Neighbor>,
    previous: &[Link],
    directory: &Directory<'_>,
    now: Timestamp,
) -> Vec<Link> {
    let mut reports: Vec<Report> = neighbors
        .into_iter()
        .filter_map(|neighbor| Report::of(neighbor, directory))
        .collect();
    // Reports that name both ports first, so that those that name one find their partner.
    reports.sort_by_key(|report| (report.unknown_ends(), report.order()));
    let mut between: BTreeMap<Pair, Between<'_>> = BTreeMap::new();
    for before in previous {
        between
            .entry(pair(&before.a, &before.b))
            .or_default()
            .previous
            .push(before);
    }
    for report in &reports {
        let (a, b) = report.ends();
        let links = &mut between.entry(pair(a, b)).or_default().links;
        match links.iter_mut().find(|link| report.fits(link)) {
            Some(link) => report.join(link),
            None => links.push(report.link()),
        }
    }
    for between in between.values_mut() {
        keep_ids(&mut between.links, &between.previous);
    }
    let newest = newest_by_interface(between.values().flat_map(|between| &between.links));
    let mut links = Vec::new();
    for Between {
        links: reported,
        previous,
    } in between.into_values()
    {
        links.extend(lost(&previous, &reported, &newest, directory, now));
        links.extend(
            reported
                .into_iter()
                .map(|link| finish(link, directory, true)),
        );
    }
    links.sort_by_key(|link| link.id);
    links
}

/// Two devices, the one with the lower id first.
type Pair = (DeviceId, DeviceId);

fn pair(a: &End, b: &End) -> Pair {
    (a.device_id, b.device_id)
}

/// What is known of the links between two devices.
#[derive(Default)]
struct Between<'a> {
    links: Vec<Link>,
    previous: Vec<&'a Link>,
}

/// For each interface with a link, when the youngest of its links was first seen.
fn newest_by_interface<'a>(
    links: impl Iterator<Item = &'a Link>,
) -> HashMap<InterfaceId, Timestamp> {
    let mut newest = HashMap::new();
    for link in links {
        for id in [&link.a, &link.b]
            .into_iter()
            .filter_map(|end| end.interface_id)
        {
            let at = newest.entry(id).or_insert(link.first_seen_at);
            *at = (*at).max(link.first_seen_at);
        }
    }
    newest
}

/// One end's word for a link.
struct Report {
    from: End,
    to: End,
    evidence: LinkEvidence,
    first_seen_at: Timestamp,
}

impl Report {
    fn of(neighbor: &Neighbor, directory: &Directory<'_>) -> Option<Self> {
        let mut neighbor = neighbor.clone();
        resolve_remote(&mut neighbor, directory);
        let to = neighbor.remote_device_id?;
        let from = neighbor.device_id;
        let known = directory.device(from)?;
        let protocol = match neighbor.protocol {
            Protocol::Lldp => "LLDP",
            Protocol::Cdp => "CDP",
            Protocol::Fdp => "FDP",
        };
        let detail = format!(
            "{} hears {} port {} on {} by {protocol}",
            known.name,
            directory.device(to).map_or("?", |device| device.name),
            neighbor.remote_port.as_deref().unwrap_or("?"),
            neighbor.local_interface.as_deref().unwrap_or("?"),
        );
        Some(Self {
            from: End {
                device_id: from,
                interface_id: neighbor.interface_id,
            },
            to: End {
                device_id: to,
                interface_id: neighbor.remote_interface_id,
            },
            evidence: LinkEvidence {
                reported_by: from,
                protocol: neighbor.protocol,
                seen_at: neighbor.last_seen_at,
                detail,
            },
            first_seen_at: neighbor.first_seen_at,
        })
    }

    fn unknown_ends(&self) -> u8 {
        u8::from(self.from.interface_id.is_none()) + u8::from(self.to.interface_id.is_none())
    }

    fn order(&self) -> (DeviceId, Option<InterfaceId>, DeviceId, Option<InterfaceId>) {
        let (from, to) = (&self.from, &self.to);
        (
            from.device_id,
            from.interface_id,
            to.device_id,
            to.interface_id,
        )
    }

    /// The ends in the order that a link has them.
    fn ends(&self) -> (&End, &End) {
        if self.from.device_id <= self.to.device_id {
            (&self.from, &self.to)
        } else {
            (&self.to, &self.from)
        }
    }

    /// Whether this report tells of that link: the same devices, and no port that differs. A port
    /// that is not known may be any, but not where this end spoke of that link already on another.
    fn fits(&self, link: &Link) -> bool {
        let (a, b) = self.ends();
        let may_be = |mine: &End, other: &End| {
            mine.device_id == other.device_id
                && (mine.interface_id == other.interface_id
                    || mine.interface_id.is_none()
                    || other.interface_id.is_none())
        };
        if !may_be(a, &link.a) || !may_be(b, &link.b) {
            return false;
        }
        let exact = a.interface_id == link.a.interface_id && b.interface_id == link.b.interface_id;
        let spoken = link.evidence.iter().any(|evidence| {
            evidence.reported_by == self.evidence.reported_by
                && evidence.protocol == self.evidence.protocol
        });
        exact || !spoken
    }

    fn link(&self) -> Link {
        let (a, b) = self.ends();
        Link {
            id: LinkId::new(),
            a: a.clone(),
            b: b.clone(),
            status: LinkStatus::Unknown,
            confidence: ONE_END,
            evidence: vec![self.evidence.clone()],
            speed_bps: None,
            first_seen_at: self.first_seen_at,
            last_seen_at: self.evidence.seen_at,
        }
    }

    fn join(&self, link: &mut Link) {
        let (a, b) = self.ends();
        link.a.interface_id = link.a.interface_id.or(a.interface_id);
        link.b.interface_id = link.b.interface_id.or(b.interface_id);
        link.first_seen_at = link.first_seen_at.min(self.first_seen_at);
        link.last_seen_at = link.last_seen_at.max(self.evidence.seen_at);
        link.evidence.push(self.evidence.clone());
    }
}

/// Gives each link the id it had, each id once: first where both ports agree, then where one of
/// them was not known.
fn keep_ids(links: &mut [Link], previous: &[&Link]) {
    let mut taken: HashSet<LinkId> = HashSet::new();
    let mut kept = vec![false; links.len()];
    let exact = |before: &Link, link: &Link| before.a == link.a && before.b == link.b;
    for agrees in [&exact as &dyn Fn(&Link, &Link) -> bool, &same_ends] {
        for (link, kept) in links.iter_mut().zip(&mut kept).filter(|(_, kept)| !**kept) {
            let before = previous
                .iter()
                .find(|before| !taken.contains(&before.id) && agrees(before, link));
            if let Some(before) = before {
                taken.insert(before.id);
                link.id = before.id;
                link.first_seen_at = before.first_seen_at;
                *kept = true;
            }
        }
    }
}

/// The same link as before: the same devices, and no port that is known to differ.
fn same_ends(before: &Link, link: &Link) -> bool {
    let same = |x: &End, y: &End| {
        x.device_id == y.device_id
            && (x.interface_id == y.interface_id
                || (x.interface_id.is_none() != y.interface_id.is_none()))
    };
    same(&before.a, &link.a) && same(&before.b, &link.b)
}

/// Links that nobody reports any more and that are still shown, as down.
fn lost(
    previous: &[&Link],
    links: &[Link],
    newest: &HashMap<InterfaceId, Timestamp>,
    directory: &Directory<'_>,
    now: Timestamp,
) -> Vec<Link> {
    let replaced = |before: &Link| {
        let ends = [&before.a, &before.b]
            .into_iter()
            .filter_map(|end| end.interface_id);
        ends.filter_map(|id| newest.get(&id))
            .any(|at| *at > before.last_seen_at)
    };
    previous
        .iter()
        .filter(|before| !links.iter().any(|link| same_ends(before, link)))
        .filter(|before| now.since(before.last_seen_at) < LINK_KEPT_UNREPORTED)
        .filter(|before| {
            directory.device(before.a.device_id).is_some()
                && directory.device(before.b.device_id).is_some()
        })
        .filter(|before| !replaced(before))
        .map(|before| finish((*before).clone(), directory, false))
        .collect()
}

/// Fills in what follows from the ends.
fn finish(mut link: Link, directory: &Directory<'_>, reported: bool) -> Link {
    let by = |end: &End| link.evidence.iter().any(|e| e.reported_by == end.device_id);
    link.confidence = if by(&link.a) && by(&link.b) {
        BOTH_ENDS
    } else {
        ONE_END
    };
    let ends = [&link.a, &link.b].map(|end| state(end, directory));
    link.status = if !reported || ends.contains(&LinkStatus::Down) {
        LinkStatus::Down
    } else if ends.contains(&LinkStatus::Up) {
        LinkStatus::Up
    } else {
        LinkStatus::Unknown
    };
    let speed = |end: &End| directory.interface(end.interface_id?)?.speed_bps;
    link.speed_bps = [&link.a, &link.b].into_iter().filter_map(speed).min();
    link
}

/// How one end is. What a device that no longer answers said last is not how it is now.
fn state(end: &End, directory: &Directory<'_>) -> LinkStatus {
    let answering = directory
        .device(end.device_id)
        .is_some_and(|device| matches!(device.status, Status::Up | Status::Degraded));
    let interface = end.interface_id.and_then(|id| directory.interface(id));
    match interface {
        Some(interface) if answering && !interface.present => LinkStatus::Down,
        Some(interface) if answering => match interface.oper_status {
            Some(IfStatus::Up) => LinkStatus::Up,
            Some(IfStatus::Down | IfStatus::LowerLayerDown | IfStatus::NotPresent) => {
                LinkStatus::Down
            }
            _ => LinkStatus::Unknown,
        },
        _ => LinkStatus::Unknown,
    }
}
