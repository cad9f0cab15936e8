//! Aggregates: links between two devices that are used as one. Each end has an interface more, which counts what
//! its members count and has their address; the links themselves stay as they are.

use super::{DeviceNo, LinkNo, Network, Peer, PortNo};
use serde::Serialize;

/// Which aggregate: its place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AggregateNo(pub u32);

/// Links that are used as one.
// Invariant: all links are between the devices of the two ends, and no link is in two aggregates.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The interface at one end.
    pub a: PortNo,
    /// The interface at the other.
    pub b: PortNo,
    /// Its members, in order.
    pub links: Vec<LinkNo>,
}

impl Network {
    /// All aggregates; an [`AggregateNo`] is the place in this list.
    pub fn aggregates(&self) -> &[Aggregate] {
        &self.aggregates
    }

    /// An aggregate.
    pub fn aggregate(&self, aggregate: AggregateNo) -> &Aggregate {
        super::at(&self.aggregates, aggregate.0)
    }

    /// The ports that are members of an aggregate's interface, in order; none of any other port.
    pub fn members(&self, port: PortNo) -> impl Iterator<Item = PortNo> {
        let links = match self.peer(port) {
            Some(Peer::Aggregate(number)) => &self.aggregate(number).links[..],
            _ => &[],
        };
        links.iter().map(move |&number| {
            let link = self.link(number);
            if link.a.device == port.device {
                link.a
            } else {
                link.b
            }
        })
    }

    /// The interface of the aggregate that a link is a member of, at one of its devices.
    pub fn aggregate_of(&self, link: LinkNo, device: DeviceNo) -> Option<PortNo> {
        let mut all = self.aggregates.iter();
        let aggregate = all.find(|aggregate| aggregate.links.contains(&link))?;
        let mut ends = [aggregate.a, aggregate.b].into_iter();
        ends.find(|end| end.device == device)
    }

    /// The interface that a port of a link is used by: its aggregate's where it has one, else itself.
    pub(crate) fn used_by(&self, link: LinkNo, port: PortNo) -> PortNo {
        self.aggregate_of(link, port.device).unwrap_or(port)
    }

    /// The aggregates that a device has an end of.
    pub(crate) fn aggregates_of(&self, device: DeviceNo) -> impl Iterator<Item = PortNo> {
        let all = self.aggregates.iter();
        let ends = all.flat_map(|aggregate| [aggregate.a, aggregate.b]);
        ends.filter(move |end| end.device == device)
    }

    pub(crate) fn peer(&self, port: PortNo) -> Option<Peer> {
        Some(self.device(port.device).port(port.port)?.peer)
    }
}
