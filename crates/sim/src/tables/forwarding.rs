//! Where a device sends what it has no better route for: the rows of 0.0.0.0/0 of inetCidrRouteTable
//! (IP-FORWARD-MIB, RFC 4292), or of an older table where its make has no newer one. A router has a
//! next hop for each link that a shortest way out begins with; a bridge has its gateway.

use super::surroundings::Route;
use super::view::View;
use super::{Column, Rows};
use crate::mib::Value;
use std::net::Ipv4Addr;

macro_rules! column {
    ($rows:ident, $($arc:literal)+, $read:expr) => {
        Column {
            oid: &[1, 3, 6, 1, 2, 1, 4, $($arc),+],
            rows: Rows::$rows,
            read: $read,
        }
    };
}

/// inetCidrRouteType and ipCidrRouteType: remote. ipRouteType: indirect, which is the same number.
const REMOTE: i32 = 4;
/// A metric that is not used.
const UNUSED: i32 = -1;
const ACTIVE: i32 = 1;

pub(super) static COLUMNS: &[Column] = &[
    // inetCidrRouteIfIndex, inetCidrRouteType, inetCidrRouteProto, inetCidrRouteAge,
    // inetCidrRouteNextHopAS, inetCidrRouteMetric1 to 5, inetCidrRouteStatus
    column!(InetRoutes, 24 7 1 7, |view, row| Some(index(view, inet(view, row)?))),
    column!(InetRoutes, 24 7 1 8, |_, _| Some(Value::Integer(REMOTE))),
    column!(InetRoutes, 24 7 1 9, |view, row| Some(Value::Integer(inet(view, row)?.protocol))),
    column!(InetRoutes, 24 7 1 10, |_, _| Some(Value::Gauge32(0))),
    column!(InetRoutes, 24 7 1 11, |_, _| Some(Value::Gauge32(0))),
    column!(InetRoutes, 24 7 1 12, |view, row| Some(Value::Integer(inet(view, row)?.metric))),
    column!(InetRoutes, 24 7 1 13, |_, _| Some(Value::Integer(UNUSED))),
    column!(InetRoutes, 24 7 1 14, |_, _| Some(Value::Integer(UNUSED))),
    column!(InetRoutes, 24 7 1 15, |_, _| Some(Value::Integer(UNUSED))),
    column!(InetRoutes, 24 7 1 16, |_, _| Some(Value::Integer(UNUSED))),
    column!(InetRoutes, 24 7 1 17, |_, _| Some(Value::Integer(ACTIVE))),
    // ipCidrRouteDest, ipCidrRouteMask, ipCidrRouteTos, ipCidrRouteNextHop, ipCidrRouteIfIndex,
    // ipCidrRouteType, ipCidrRouteProto, ipCidrRouteAge, ipCidrRouteNextHopAS, ipCidrRouteMetric1,
    // ipCidrRouteStatus
    column!(CidrRoutes, 24 4 1 1, |_, _| Some(anywhere())),
    column!(CidrRoutes, 24 4 1 2, |_, _| Some(anywhere())),
    column!(CidrRoutes, 24 4 1 3, |_, _| Some(Value::Integer(0))),
    column!(CidrRoutes, 24 4 1 4, |view, row| Some(ip(cidr(view, row)?.next_hop))),
    column!(CidrRoutes, 24 4 1 5, |view, row| Some(index(view, cidr(view, row)?))),
    column!(CidrRoutes, 24 4 1 6, |_, _| Some(Value::Integer(REMOTE))),
    column!(CidrRoutes, 24 4 1 7, |view, row| Some(Value::Integer(cidr(view, row)?.protocol))),
    column!(CidrRoutes, 24 4 1 8, |_, _| Some(Value::Integer(0))),
    column!(CidrRoutes, 24 4 1 10, |_, _| Some(Value::Integer(0))),
    column!(CidrRoutes, 24 4 1 11, |view, row| Some(Value::Integer(cidr(view, row)?.metric))),
    column!(CidrRoutes, 24 4 1 16, |_, _| Some(Value::Integer(ACTIVE))),
    // ipRouteDest, ipRouteIfIndex, ipRouteMetric1, ipRouteNextHop, ipRouteType, ipRouteProto,
    // ipRouteAge, ipRouteMask
    column!(OldRoutes, 21 1 1, |_, _| Some(anywhere())),
    column!(OldRoutes, 21 1 2, |view, row| Some(index(view, old(view, row)?))),
    column!(OldRoutes, 21 1 3, |view, row| Some(Value::Integer(old(view, row)?.metric))),
    column!(OldRoutes, 21 1 7, |view, row| Some(ip(old(view, row)?.next_hop))),
    column!(OldRoutes, 21 1 8, |_, _| Some(Value::Integer(REMOTE))),
    column!(OldRoutes, 21 1 9, |view, row| Some(Value::Integer(old(view, row)?.protocol))),
    column!(OldRoutes, 21 1 10, |_, _| Some(Value::Integer(0))),
    column!(OldRoutes, 21 1 11, |_, _| Some(anywhere())),
];

fn inet(view: &View<'_>, row: usize) -> Option<Route> {
    view.surroundings().groups.inet_routes.1.get(row).copied()
}

fn cidr(view: &View<'_>, row: usize) -> Option<Route> {
    view.surroundings().groups.cidr_routes.1.get(row).copied()
}

fn old(view: &View<'_>, row: usize) -> Option<Route> {
    view.surroundings().groups.old_routes.1.get(row).copied()
}

fn index<'a>(view: &View<'a>, route: Route) -> Value<'a> {
    Value::Integer(view.numbering().index(route.port).cast_signed())
}

fn ip<'a>(address: Ipv4Addr) -> Value<'a> {
    Value::IpAddress(address.octets())
}

fn anywhere<'a>() -> Value<'a> {
    ip(Ipv4Addr::UNSPECIFIED)
}

/// What names a default route in inetCidrRouteTable: destination, bits, no policy, next hop.
pub(super) fn inet_row(next_hop: Ipv4Addr) -> Vec<u32> {
    let mut row = vec![1, 4, 0, 0, 0, 0, 0, 2, 0, 0, 1, 4];
    row.extend(next_hop.octets().into_iter().map(u32::from));
    row
}

/// The same in ipCidrRouteTable: destination, mask, type of service, next hop.
pub(super) fn cidr_row(next_hop: Ipv4Addr) -> Vec<u32> {
    let mut row = vec![0; 9];
    row.extend(next_hop.octets().into_iter().map(u32::from));
    row
}
