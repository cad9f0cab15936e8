//! LLDP-MIB (IEEE 802.1AB-2005): what the device says of itself, and whom it hears on which port.
//! What it hears is what the other says: both ends are made from the same functions.

use super::view::{View, octets, text};
use super::{Column, Rows};
use crate::mib::Value;
use crate::network::{DeviceNo, PortNo};
use std::borrow::Cow;

macro_rules! column {
    ($rows:ident, $($arc:literal)+, $read:expr) => {
        Column {
            oid: &[1, 0, 8802, 1, 1, 2, 1, $($arc),+],
            rows: Rows::$rows,
            read: $read,
        }
    };
}

/// LldpChassisIdSubtype macAddress, LldpPortIdSubtype interfaceName, and ifIndex of the numbering of
/// ports behind addresses.
const BY_MAC: i32 = 4;
const BY_NAME: i32 = 5;
const BY_IF_INDEX: i32 = 2;
/// LldpSystemCapabilitiesMap: bits from the highest, bridge(2), router(4), stationOnly(7).
const BRIDGE: u8 = 0x20;
const ROUTER: u8 = 0x08;
const STATION: u8 = 0x01;

pub(super) static COLUMNS: &[Column] = &[
    // lldpMessageTxInterval, lldpMessageTxHoldMultiplier
    column!(Scalar, 1 1, |_, _| Some(Value::Integer(30))),
    column!(Scalar, 1 2, |_, _| Some(Value::Integer(4))),
    // lldpLocChassisIdSubtype, lldpLocChassisId, lldpLocSysName, lldpLocSysDesc,
    // lldpLocSysCapSupported, lldpLocSysCapEnabled
    column!(Scalar, 3 1, |_, _| Some(Value::Integer(BY_MAC))),
    column!(Scalar, 3 2, |view, _| Some(octets(view.network().chassis_mac(view.number())))),
    column!(Scalar, 3 3, |view, _| Some(text(&view.device().name))),
    column!(Scalar, 3 4, |view, _| Some(text(view.description()))),
    column!(Scalar, 3 5, |view, _| Some(capabilities(view, view.number()))),
    column!(Scalar, 3 6, |view, _| Some(capabilities(view, view.number()))),
    // lldpLocPortIdSubtype, lldpLocPortId, lldpLocPortDesc
    column!(LldpPorts, 3 7 1 2, |_, _| Some(Value::Integer(BY_NAME))),
    column!(LldpPorts, 3 7 1 3, |view, row| Some(text(view.hardware().name(local(view, row)?)))),
    column!(LldpPorts, 3 7 1 4, |view, row| {
        Some(text(view.hardware().description(local(view, row)?)))
    }),
    // lldpLocManAddrLen, lldpLocManAddrIfSubtype, lldpLocManAddrIfId, lldpLocManAddrOID
    column!(LldpLocalAddress, 3 8 1 3, |_, _| Some(Value::Integer(5))),
    column!(LldpLocalAddress, 3 8 1 4, |_, _| Some(Value::Integer(BY_IF_INDEX))),
    column!(LldpLocalAddress, 3 8 1 5, |view, _| {
        let index = view.numbering().index(view.device().management_port());
        Some(Value::Integer(index.cast_signed()))
    }),
    column!(LldpLocalAddress, 3 8 1 6, |_, _| Some(nothing())),
    // lldpRemChassisIdSubtype, lldpRemChassisId, lldpRemPortIdSubtype, lldpRemPortId,
    // lldpRemPortDesc, lldpRemSysName, lldpRemSysDesc, lldpRemSysCapSupported, Enabled
    column!(LldpRemotes, 4 1 1 4, |_, _| Some(Value::Integer(BY_MAC))),
    column!(LldpRemotes, 4 1 1 5, |view, row| {
        Some(octets(view.network().chassis_mac(remote(view, row)?.device)))
    }),
    column!(LldpRemotes, 4 1 1 6, |_, _| Some(Value::Integer(BY_NAME))),
    column!(LldpRemotes, 4 1 1 7, |view, row| {
        Some(octets(view.network().port_name(remote(view, row)?)))
    }),
    column!(LldpRemotes, 4 1 1 8, |view, row| {
        let port = remote(view, row)?;
        let device = view.network().device(port.device);
        Some(octets(device.port_description(port.port)))
    }),
    column!(LldpRemotes, 4 1 1 9, |view, row| {
        Some(text(&view.network().device(remote(view, row)?.device).name))
    }),
    column!(LldpRemotes, 4 1 1 10, |view, row| {
        let device = view.network().device(remote(view, row)?.device);
        Some(octets(device.make.describe(device.edge_ports, &device.name)))
    }),
    column!(LldpRemotes, 4 1 1 11, |view, row| {
        Some(capabilities(view, remote(view, row)?.device))
    }),
    column!(LldpRemotes, 4 1 1 12, |view, row| {
        Some(capabilities(view, remote(view, row)?.device))
    }),
    // lldpRemManAddrIfSubtype, lldpRemManAddrIfId, lldpRemManAddrOID
    column!(LldpRemoteAddresses, 4 2 1 3, |_, _| Some(Value::Integer(BY_IF_INDEX))),
    column!(LldpRemoteAddresses, 4 2 1 4, |view, row| {
        let far = remote(view, row)?.device;
        let port = view.network().device(far).management_port();
        let index = view.if_index(PortNo { device: far, port });
        Some(Value::Integer(index.cast_signed()))
    }),
    column!(LldpRemoteAddresses, 4 2 1 5, |_, _| Some(nothing())),
];

fn local(view: &View<'_>, row: usize) -> Option<u16> {
    view.surroundings().lldp_ports.1.get(row).copied()
}

fn remote(view: &View<'_>, row: usize) -> Option<PortNo> {
    view.surroundings().lldp_remotes.1.get(row).copied()
}

fn capabilities<'a>(view: &View<'a>, device: DeviceNo) -> Value<'a> {
    let role = view.network().device(device).role;
    let bridge = if role.bridges() { BRIDGE } else { 0 };
    let router = if role.only_bridges() { 0 } else { ROUTER };
    let bits = match bridge | router {
        0 => STATION,
        bits => bits,
    };
    octets([bits, 0])
}

/// zeroDotZero: there is no object to point to.
fn nothing<'a>() -> Value<'a> {
    Value::ObjectIdentifier(Cow::Borrowed(&[0, 0]))
}
