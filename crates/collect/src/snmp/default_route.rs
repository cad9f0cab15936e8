//! Where a device sends what it has no better route for: the rows of 0.0.0.0/0 and ::/0 of
//! inetCidrRouteTable (IP-FORWARD-MIB, RFC 4292), of ipCidrRouteTable before it (RFC 2096), of
//! ipRouteTable before that (RFC 1213). Nothing but these rows is walked: the table of a router on
//! the internet has a million.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode};
use ::snmp::{Defect, Value};
use model::facts::DefaultRouteFacts;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// A column of a table, and the beginning of the indexes of its default routes.
macro_rules! default_rows {
    ($($name:ident = $($arc:literal)+;)*) => {
        $(const $name: &[u32] = &[1, 3, 6, 1, 2, 1, 4, $($arc),+];)*
    };
}

default_rows! {
    // inetCidrRouteDestType, its length, inetCidrRouteDest, inetCidrRoutePfxLen
    V4_IF_INDEX = 24 7 1 7 1 4 0 0 0 0 0;
    V4_TYPE = 24 7 1 8 1 4 0 0 0 0 0;
    V4_PROTO = 24 7 1 9 1 4 0 0 0 0 0;
    V4_METRIC = 24 7 1 12 1 4 0 0 0 0 0;
    V6_IF_INDEX = 24 7 1 7 2 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0;
    V6_TYPE = 24 7 1 8 2 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0;
    V6_PROTO = 24 7 1 9 2 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0;
    V6_METRIC = 24 7 1 12 2 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0;
    // ipCidrRouteDest, ipCidrRouteMask, ipCidrRouteTos
    CIDR_IF_INDEX = 24 4 1 5 0 0 0 0 0 0 0 0 0;
    CIDR_TYPE = 24 4 1 6 0 0 0 0 0 0 0 0 0;
    CIDR_PROTO = 24 4 1 7 0 0 0 0 0 0 0 0 0;
    CIDR_METRIC = 24 4 1 11 0 0 0 0 0 0 0 0 0;
    // ipRouteDest, which is all of the index: without its last octet, since a walk begins behind
    // its root.
    OLD_IF_INDEX = 21 1 2 0 0 0;
    OLD_METRIC = 21 1 3 0 0 0;
    OLD_NEXT_HOP = 21 1 7 0 0 0;
    OLD_TYPE = 21 1 8 0 0 0;
    OLD_PROTO = 21 1 9 0 0 0;
}

/// What is left of the index of the one row of ipRouteTable that is meant.
const OLD_REST: &[u32] = &[0];

/// The tables in the order asked, each only where those before have no default route of IPv4: agents
/// are slow with them.
pub(super) const STEPS: [&[&[u32]]; 3] = [
    &[V4_IF_INDEX, V6_IF_INDEX],
    &[CIDR_IF_INDEX],
    &[OLD_IF_INDEX],
];

/// Whether some table has a default route of IPv4, as far as is said.
pub(super) fn has_v4(rows: &Rows) -> bool {
    [V4, CIDR, OLD].iter().any(|table| table.has_any(rows))
}

/// inetCidrRouteType and ipCidrRouteType: what is sent on, or is on a network of the device itself.
const CIDR_USED: [u64; 2] = [3, 4];
/// ipRouteType: direct, indirect.
const OLD_USED: [u64; 2] = [3, 4];
/// IANAipRouteProtocol, from 1 up; ipRouteProto begins alike.
const PROTOCOLS: [&str; 16] = [
    "other",
    "local",
    "netmgmt",
    "icmp",
    "egp",
    "ggp",
    "hello",
    "rip",
    "isIs",
    "esIs",
    "ciscoIgrp",
    "bbnSpfIgp",
    "ospf",
    "bgp",
    "idpr",
    "ciscoEigrp",
];

/// Next hops that are kept of one device, of both families together, those with the lowest metric
/// first: few routers split over more. Each that is not kept is counted as a defect.
pub(super) const NEXT_HOPS_MAX: usize = 16;

pub(super) static MIB: Mib = Mib {
    name: "IP-FORWARD-MIB",
    asks: &[
        Ask::aside(Groups::ROUTING, V4_IF_INDEX),
        where_any(V4_TYPE, V4_IF_INDEX),
        where_any(V4_PROTO, V4_IF_INDEX),
        where_any(V4_METRIC, V4_IF_INDEX),
        Ask::aside(Groups::ROUTING, V6_IF_INDEX),
        where_any(V6_TYPE, V6_IF_INDEX),
        where_any(V6_PROTO, V6_IF_INDEX),
        where_any(V6_METRIC, V6_IF_INDEX),
        Ask::aside(Groups::ROUTING, CIDR_IF_INDEX),
        where_any(CIDR_TYPE, CIDR_IF_INDEX),
        where_any(CIDR_PROTO, CIDR_IF_INDEX),
        where_any(CIDR_METRIC, CIDR_IF_INDEX),
        Ask::aside(Groups::ROUTING, OLD_IF_INDEX),
        where_any(OLD_METRIC, OLD_IF_INDEX),
        where_any(OLD_NEXT_HOP, OLD_IF_INDEX),
        where_any(OLD_TYPE, OLD_IF_INDEX),
        where_any(OLD_PROTO, OLD_IF_INDEX),
    ],
    enterprises: &[],
    read,
};

const fn where_any(root: &'static [u32], column: &'static [u32]) -> Ask<'static> {
    Ask {
        where_any: Some(column),
        ..Ask::aside(Groups::ROUTING, root)
    }
}

/// The columns of the default routes of a table.
struct Table {
    if_index: &'static [u32],
    kind: &'static [u32],
    proto: &'static [u32],
    metric: &'static [u32],
    used: [u64; 2],
    /// The next hop, by what follows in the index.
    next_hop: fn(&Rows, &[u32]) -> Option<IpAddr>,
    /// What is left of the index of the only row that is meant.
    only: Option<&'static [u32]>,
}

impl Table {
    /// What is left of the indexes of its default routes.
    fn indexes<'a>(&self, rows: &'a Rows) -> impl Iterator<Item = &'a [u32]> {
        let only = self.only;
        let indexes = rows.column(self.if_index).map(|(rest, _)| rest);
        indexes.filter(move |rest| only.is_none_or(|only| *rest == only))
    }

    fn has_any(&self, rows: &Rows) -> bool {
        self.indexes(rows).next().is_some()
    }
}

const V4: Table = Table {
    if_index: V4_IF_INDEX,
    kind: V4_TYPE,
    proto: V4_PROTO,
    metric: V4_METRIC,
    used: CIDR_USED,
    next_hop: inet_next_hop,
    only: None,
};
const V6: Table = Table {
    if_index: V6_IF_INDEX,
    kind: V6_TYPE,
    proto: V6_PROTO,
    metric: V6_METRIC,
    used: CIDR_USED,
    next_hop: inet_next_hop,
    only: None,
};
const CIDR: Table = Table {
    if_index: CIDR_IF_INDEX,
    kind: CIDR_TYPE,
    proto: CIDR_PROTO,
    metric: CIDR_METRIC,
    used: CIDR_USED,
    next_hop: |_, rest| Some(decode::ipv4_index(rest)?.into()),
    only: None,
};
const OLD: Table = Table {
    if_index: OLD_IF_INDEX,
    kind: OLD_TYPE,
    proto: OLD_PROTO,
    metric: OLD_METRIC,
    used: OLD_USED,
    next_hop: |rows, rest| match rows.cell(OLD_NEXT_HOP, rest)? {
        Value::IpAddress(address) => Some(IpAddr::from(*address)),
        _ => None,
    },
    only: Some(OLD_REST),
};

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::ROUTING) {
        return;
    }
    let of_v4 = [V4, CIDR, OLD]
        .into_iter()
        .find(|table| table.has_any(rows));
    let mut found = BTreeMap::new();
    for (is_v6, table) in of_v4
        .map(|table| (false, table))
        .into_iter()
        .chain([(true, V6)])
    {
        take(rows, draft, (is_v6, &table), &mut found);
    }
    let left_out = found.len().saturating_sub(NEXT_HOPS_MAX);
    draft.defects.add_many(Defect::TooManyRows, left_out as u64);
    draft.facts.default_routes = found.into_values().take(NEXT_HOPS_MAX).collect();
}

/// The lowest metric first, and of equals the lowest next hop; one without a metric last.
type Place = (u32, bool, IpAddr, u32);

fn take(
    rows: &Rows,
    draft: &mut Draft,
    (is_v6, table): (bool, &Table),
    found: &mut BTreeMap<Place, DefaultRouteFacts>,
) {
    for rest in table.indexes(rows) {
        let Some(next_hop) = (table.next_hop)(rows, rest) else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let kind = draft.number(rows, table.kind, rest);
        if kind.is_some_and(|kind| !table.used.contains(&kind)) {
            continue;
        }
        let index = draft.number(rows, table.if_index, rest);
        let index = index
            .and_then(|index| u32::try_from(index).ok())
            .filter(|index| *index > 0);
        // -1 says that a metric is not used.
        let metric = rows.cell(table.metric, rest).and_then(Value::as_u64);
        let metric = metric.and_then(|metric| u32::try_from(metric).ok());
        let proto = draft.number(rows, table.proto, rest);
        let proto = proto.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
        let place = (
            metric.unwrap_or(u32::MAX),
            is_v6,
            next_hop,
            index.unwrap_or(0),
        );
        let destination = if is_v6 { "::/0" } else { "0.0.0.0/0" };
        found.entry(place).or_insert_with(|| DefaultRouteFacts {
            destination: Some(destination.to_owned()),
            next_hop: Some(next_hop).filter(|hop| !hop.is_unspecified()),
            interface: index.and_then(|index| draft.interface_names.get(&index).cloned()),
            interface_index: index,
            metric,
            protocol: proto
                .and_then(|place| PROTOCOLS.get(place))
                .map(|name| (*name).to_owned()),
        });
    }
}

/// inetCidrRoutePolicy, inetCidrRouteNextHopType and inetCidrRouteNextHop. A next hop of type 0
/// (unknown), which has no octets, is that of a link without addresses.
fn inet_next_hop(_: &Rows, rest: &[u32]) -> Option<IpAddr> {
    let (&policy_len, rest) = rest.split_first()?;
    let (_, hop) = rest.split_at_checked(usize::try_from(policy_len).ok()?)?;
    if hop == [0, 0] {
        return Some(Ipv4Addr::UNSPECIFIED.into());
    }
    let (address, left) = decode::inet_index(hop)?;
    left.is_empty().then_some(address)
}
