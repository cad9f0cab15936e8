//! ENTITY-MIB (RFC 6933): parts, and which interface a port is.

use super::view::{View, text};
use super::{Column, Rows};
use crate::hardware::Class;
use crate::hash::{self, purpose};
use crate::mib::Value;
use std::borrow::Cow;

macro_rules! column {
    ($arc:literal, $read:expr) => {
        Column {
            oid: &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, $arc],
            rows: Rows::Parts,
            read: $read,
        }
    };
}

pub(super) static COLUMNS: &[Column] = &[
    // entPhysicalDescr, VendorType, ContainedIn, Class, ParentRelPos, Name
    column!(2, |view, row| Some(text(&view.part(row)?.description))),
    column!(3, |_, _| Some(Value::ObjectIdentifier(Cow::Borrowed(&[
        0, 0
    ])))),
    column!(4, |view, row| Some(Value::Integer(
        view.part(row)?.within.cast_signed()
    ))),
    column!(5, |view, row| Some(Value::Integer(
        view.part(row)?.class as i32
    ))),
    column!(6, |view, row| Some(Value::Integer(
        view.part(row)?.place.cast_signed()
    ))),
    column!(7, |view, row| Some(text(&view.part(row)?.name))),
    // entPhysicalHardwareRev, FirmwareRev, SoftwareRev, SerialNum, MfgName, ModelName, Alias,
    // AssetID, IsFRU
    column!(8, |view, row| Some(told(view, row, "V02"))),
    column!(9, |_, _| Some(text(""))),
    column!(10, |view, row| {
        let is_chassis = matches!(view.part(row)?.class, Class::Chassis | Class::Module);
        Some(text(if is_chassis {
            view.device().make.version
        } else {
            ""
        }))
    }),
    column!(11, serial),
    column!(12, |view, row| Some(told(
        view,
        row,
        view.device().make.vendor
    ))),
    column!(13, |view, row| Some(match view.part(row)?.class {
        Class::Chassis => text(view.device().model()),
        Class::Supply => text("PWR-AC"),
        _ => text(""),
    })),
    column!(14, |_, _| Some(text(""))),
    column!(15, |_, _| Some(text(""))),
    column!(16, |view, row| {
        let is_spare = matches!(
            view.part(row)?.class,
            Class::Chassis | Class::Supply | Class::Fan
        );
        Some(Value::Integer(if is_spare { 1 } else { 2 }))
    }),
    // entAliasMappingIdentifier
    Column {
        oid: &[1, 3, 6, 1, 2, 1, 47, 1, 3, 2, 1, 2],
        rows: Rows::PartAliases,
        read: |view, row| {
            let port = *view.surroundings().part_aliases.1.get(row)?;
            let index = view.numbering().index(port);
            let arcs = vec![1, 3, 6, 1, 2, 1, 2, 2, 1, 1, index];
            Some(Value::ObjectIdentifier(Cow::Owned(arcs)))
        },
    },
    // entLastChangeTime
    Column {
        oid: &[1, 3, 6, 1, 2, 1, 47, 1, 4, 1],
        rows: Rows::Scalar,
        read: |_, _| Some(Value::TimeTicks(0)),
    },
];

/// Of what can be bought by itself.
fn told<'a>(view: &View<'a>, row: usize, word: &'a str) -> Value<'a> {
    let is_bought = view
        .part(row)
        .is_some_and(|part| matches!(part.class, Class::Chassis | Class::Supply));
    text(if is_bought { word } else { "" })
}

/// Letters and digits that are not mistaken for each other.
const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

fn serial<'a>(view: &View<'a>, row: usize) -> Option<Value<'a>> {
    let part = view.part(row)?;
    if !matches!(part.class, Class::Chassis | Class::Supply) {
        return Some(text(""));
    }
    let device = u64::from(view.number().0);
    let chance = hash::mix2(
        view.network().root,
        purpose::SERIAL,
        device << 16 | u64::from(part.index),
    );
    let initial = view.device().make.vendor.bytes().next().unwrap_or(b'X');
    let mut serial = vec![initial.to_ascii_uppercase(), b'S'];
    serial.extend((0..9).map(|place| {
        let sign = usize::try_from(chance >> (5 * place) & 31).unwrap_or(0);
        SIGNS.get(sign).copied().unwrap_or(b'X')
    }));
    Some(Value::OctetString(Cow::Owned(serial)))
}
