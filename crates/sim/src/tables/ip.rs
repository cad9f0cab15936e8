//! IP-MIB (RFC 4293): addresses of the device and of its neighbours, in the newer tables and in the
//! older ones (RFC 1213).

use super::surroundings::{Address, Neighbor};
use super::view::{View, octets};
use super::{Column, Rows};
use crate::mib::Value;
use std::borrow::Cow;
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

const UNICAST: i32 = 1;
const PREFERRED: i32 = 1;
const MANUAL: i32 = 2;
const VOLATILE: i32 = 2;
const ACTIVE: i32 = 1;
const DYNAMIC: i32 = 3;
const REACHABLE: i32 = 1;

pub(super) static COLUMNS: &[Column] = &[
    // ipForwarding, ipDefaultTTL
    column!(Scalar, 1, |view, _| {
        let forwards = !view.device().role.only_bridges();
        Some(Value::Integer(if forwards { 1 } else { 2 }))
    }),
    column!(Scalar, 2, |_, _| Some(Value::Integer(64))),
    // ipAdEntAddr, ipAdEntIfIndex, ipAdEntNetMask, ipAdEntBcastAddr, ipAdEntReasmMaxSize
    column!(Addresses, 20 1 1, |view, row| Some(ip(own(view, row)?.ip))),
    column!(Addresses, 20 1 2, |view, row| Some(index(view, own(view, row)?.port))),
    column!(Addresses, 20 1 3, |view, row| {
        let bits = u32::from(own(view, row)?.prefix_bits);
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        Some(ip(Ipv4Addr::from_bits(mask)))
    }),
    column!(Addresses, 20 1 4, |_, _| Some(Value::Integer(1))),
    column!(Addresses, 20 1 5, |_, _| Some(Value::Integer(65_535))),
    // ipNetToMediaIfIndex, ipNetToMediaPhysAddress, ipNetToMediaNetAddress, ipNetToMediaType
    column!(Neighbors, 22 1 1, |view, row| Some(index(view, other(view, row)?.port))),
    column!(Neighbors, 22 1 2, |view, row| Some(octets(other(view, row)?.mac))),
    column!(Neighbors, 22 1 3, |view, row| Some(ip(other(view, row)?.address))),
    column!(Neighbors, 22 1 4, |_, _| Some(Value::Integer(DYNAMIC))),
    // ipAddressIfIndex, ipAddressType, ipAddressPrefix, ipAddressOrigin, ipAddressStatus,
    // ipAddressCreated, ipAddressLastChanged, ipAddressRowStatus, ipAddressStorageType
    column!(InetAddresses, 34 1 3, |view, row| Some(index(view, own(view, row)?.port))),
    column!(InetAddresses, 34 1 4, |_, _| Some(Value::Integer(UNICAST))),
    column!(InetAddresses, 34 1 5, |view, row| Some(prefix(view, own(view, row)?))),
    column!(InetAddresses, 34 1 6, |_, _| Some(Value::Integer(MANUAL))),
    column!(InetAddresses, 34 1 7, |_, _| Some(Value::Integer(PREFERRED))),
    column!(InetAddresses, 34 1 8, |_, _| Some(Value::TimeTicks(0))),
    column!(InetAddresses, 34 1 9, |_, _| Some(Value::TimeTicks(0))),
    column!(InetAddresses, 34 1 10, |_, _| Some(Value::Integer(ACTIVE))),
    column!(InetAddresses, 34 1 11, |_, _| Some(Value::Integer(VOLATILE))),
    // ipNetToPhysicalPhysAddress, LastUpdated, Type, State, RowStatus
    column!(InetNeighbors, 35 1 4, |view, row| Some(octets(other(view, row)?.mac))),
    column!(InetNeighbors, 35 1 5, |_, _| Some(Value::TimeTicks(0))),
    column!(InetNeighbors, 35 1 6, |_, _| Some(Value::Integer(DYNAMIC))),
    column!(InetNeighbors, 35 1 7, |_, _| Some(Value::Integer(REACHABLE))),
    column!(InetNeighbors, 35 1 8, |_, _| Some(Value::Integer(ACTIVE))),
];

fn own(view: &View<'_>, row: usize) -> Option<Address> {
    view.surroundings().addresses.1.get(row).copied()
}

fn other(view: &View<'_>, row: usize) -> Option<Neighbor> {
    view.surroundings().neighbors.1.get(row).copied()
}

fn ip<'a>(address: Ipv4Addr) -> Value<'a> {
    Value::IpAddress(address.octets())
}

fn index<'a>(view: &View<'a>, port: u16) -> Value<'a> {
    Value::Integer(view.numbering().index(port).cast_signed())
}

/// A row pointer into ipAddressPrefixTable: ifIndex, type, length and octets, bits.
fn prefix<'a>(view: &View<'a>, of: Address) -> Value<'a> {
    let bits = u32::from(of.prefix_bits);
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    let network = Ipv4Addr::from_bits(of.ip.to_bits() & mask);
    let mut arcs = vec![1, 3, 6, 1, 2, 1, 4, 32, 1, 5];
    arcs.extend([view.numbering().index(of.port), 1, 4]);
    arcs.extend(network.octets().into_iter().map(u32::from));
    arcs.push(bits);
    Value::ObjectIdentifier(Cow::Owned(arcs))
}
