//! SNMPv2-MIB, the system group (RFC 3418).

use super::view::{View, octets, text};
use super::{Column, Rows};
use crate::mib::Value;
use std::borrow::Cow;

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
    scalar(&[1, 3, 6, 1, 2, 1, 1, 1], |view, _| {
        Some(text(view.description()))
    }),
    scalar(&[1, 3, 6, 1, 2, 1, 1, 2], |view, _| {
        let device = view.device();
        let model = device.make.model(device.edge_ports);
        Some(Value::ObjectIdentifier(Cow::Borrowed(model.object_id)))
    }),
    scalar(&[1, 3, 6, 1, 2, 1, 1, 3], |view, _| {
        Some(Value::TimeTicks(view.ticks(view.at())))
    }),
    scalar(&[1, 3, 6, 1, 2, 1, 1, 4], |view, _| {
        Some(octets(format!("noc@{}.example", view.network().name)))
    }),
    scalar(&[1, 3, 6, 1, 2, 1, 1, 5], |view, _| {
        Some(text(&view.device().name))
    }),
    scalar(&[1, 3, 6, 1, 2, 1, 1, 6], |view, _| {
        Some(text(&view.network().site(view.number()).name))
    }),
    scalar(&[1, 3, 6, 1, 2, 1, 1, 7], |view, _| {
        Some(Value::Integer(view.device().role.services()))
    }),
];
