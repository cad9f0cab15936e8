//! Aggregates and default routes of a device: what its make's tables of them have.

use super::super::{Index, forwarding};
use super::{Sight, Table, of};
use crate::network::{Peer, Role, RouteTable};
use std::net::Ipv4Addr;

/// IANAipRouteProtocol: set by hand, and OSPF.
const NETMGMT: i32 = 3;
const OSPF: i32 = 13;

/// Aggregates and default routes.
pub(in super::super) struct Groups {
    /// ifStackTable, of a device with aggregates.
    pub(in super::super) stacked: Index,
    pub(in super::super) aggregates: Table<u16>,
    /// Members of aggregates, each with its aggregate.
    pub(in super::super) members: Table<(u16, u16)>,
    /// Default routes, in the newest table that the make has.
    pub(in super::super) inet_routes: Table<Route>,
    pub(in super::super) cidr_routes: Table<Route>,
    pub(in super::super) old_routes: Table<Route>,
}

/// A next hop of the default route.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Route {
    pub(in super::super) next_hop: Ipv4Addr,
    pub(in super::super) port: u16,
    pub(in super::super) metric: i32,
    /// IANAipRouteProtocol.
    pub(in super::super) protocol: i32,
}

impl Groups {
    pub(super) fn of(sight: &Sight<'_>) -> Self {
        let (network, numbering) = (sight.network, sight.numbering);
        let make = network.device(sight.device).make;
        let members = sight.members();
        let routes = sight.routes();
        let routes = |table: RouteTable, row: fn(Ipv4Addr) -> Vec<u32>| {
            let routes = routes.iter().filter(|_| make.routes == table);
            Index::sorted(routes.map(|route| (row(route.next_hop), *route)).collect())
        };
        Self {
            stacked: of(sight.stacked(&members).into_iter()),
            aggregates: Index::sorted(
                network
                    .aggregates_of(sight.device)
                    .map(|end| (vec![numbering.index(end.port)], end.port))
                    .collect(),
            ),
            members: Index::sorted(
                members
                    .iter()
                    .map(|member| (vec![numbering.index(member.0)], *member))
                    .collect(),
            ),
            inet_routes: routes(RouteTable::Inet, forwarding::inet_row),
            cidr_routes: routes(RouteTable::Cidr, forwarding::cidr_row),
            old_routes: routes(RouteTable::Old, |_| vec![0; 4]),
        }
    }
}

impl Sight<'_> {
    /// The members of the device's aggregates, each with its aggregate.
    fn members(&self) -> Vec<(u16, u16)> {
        let aggregates = self.network.aggregates_of(self.device);
        let members = aggregates.flat_map(|aggregate| {
            let members = self.network.members(aggregate);
            members.map(move |member| (member.port, aggregate.port))
        });
        members.collect()
    }

    /// The rows of ifStackTable, of a device with aggregates: what is under what, 0 above the highest and below
    /// the lowest.
    fn stacked(&self, members: &[(u16, u16)]) -> Vec<Vec<u32>> {
        if members.is_empty() {
            return Vec::new();
        }
        let index = |port| self.numbering.index(port);
        let mut rows = Vec::new();
        for (port, plug) in (0..).zip(self.network.device(self.device).ports()) {
            let over = members.iter().find(|(member, _)| *member == port);
            rows.push(vec![over.map_or(0, |(_, over)| index(*over)), index(port)]);
            if !matches!(plug.peer, Peer::Aggregate(_)) {
                rows.push(vec![index(port), 0]);
            }
        }
        rows
    }

    /// The next hops of the default route: of a router those that shortest ways out begin with, of a bridge its
    /// gateway.
    fn routes(&self) -> Vec<Route> {
        let network = self.network;
        let here = network.device(self.device);
        if here.role.only_bridges() {
            let segment = self.segment();
            let gateway = segment
                .gateway
                .filter(|gateway| gateway.device != self.device && !self.is_away(gateway.device));
            let route = gateway.map(|_| Route {
                next_hop: segment.gateway_address(),
                port: match here.role {
                    Role::Server => here.edge_ports,
                    _ => here.management_port(),
                },
                metric: 1,
                protocol: NETMGMT,
            });
            return route.into_iter().collect();
        }
        let way_out = self.timeline.way_out(self.at);
        let hops = self.links().filter_map(|(port, number, link, far)| {
            let metric = way_out.through(self.device, far.device, link.cost)?;
            let (port, next_hop) = self.hop(port, number, far)?;
            Some(Route {
                next_hop,
                port,
                metric: i32::try_from(metric).ok()?,
                protocol: OSPF,
            })
        });
        hops.collect()
    }
}
