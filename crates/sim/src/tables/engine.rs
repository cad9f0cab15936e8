//! SNMP-FRAMEWORK-MIB, the snmpEngine group (RFC 3411).

use super::view::{View, octets};
use super::{Column, Rows};
use crate::mib::Value;
use crate::network::{DeviceNo, Network};

/// snmpEngineMaxMessageSize: a frame of Ethernet without its headers.
const MESSAGE_LEN_MAX: i32 = 1_472;

const fn scalar(
    oid: &'static [u32],
    read: for<'a> fn(&View<'a>, usize) -> Option<Value<'a>>,
) -> Column {
    Column {
        oid,
        rows: Rows::Scalar,
        read,
    }
}

pub(super) static COLUMNS: &[Column] = &[
    scalar(&[1, 3, 6, 1, 6, 3, 10, 2, 1, 1], |view, _| {
        Some(octets(view.network().engine_id(view.number())))
    }),
    scalar(&[1, 3, 6, 1, 6, 3, 10, 2, 1, 2], |view, _| {
        Some(Value::Integer(view.boots().cast_signed()))
    }),
    scalar(&[1, 3, 6, 1, 6, 3, 10, 2, 1, 3], |view, _| {
        let booted = view.timeline().booted(view.number(), view.at());
        let secs = view.at().since(booted).as_secs();
        Some(Value::Integer(i32::try_from(secs).unwrap_or(i32::MAX)))
    }),
    scalar(&[1, 3, 6, 1, 6, 3, 10, 2, 1, 4], |_, _| {
        Some(Value::Integer(MESSAGE_LEN_MAX))
    }),
];

impl Network {
    /// The SNMP engine id of a device: its enterprise, and its MAC. Source: RFC 3411,
    /// SnmpEngineID.
    pub fn engine_id(&self, device: DeviceNo) -> Vec<u8> {
        let here = self.device(device);
        let object_id = here.make.model(here.edge_ports).object_id;
        let enterprise = object_id.get(6).copied().unwrap_or(8_072);
        let mut id = (0x8000_0000 | enterprise).to_be_bytes().to_vec();
        id.push(3);
        id.extend(self.chassis_mac(device));
        id
    }
}
