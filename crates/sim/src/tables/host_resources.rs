//! HOST-RESOURCES-MIB (RFC 2790): processors, memory, storage. How busy and how full they are follows
//! from the hour and from chance, as traffic does, but stands still for nobody's sum.

use super::view::{View, text};
use super::{Column, Rows};
use crate::hardware::{Storage, StorageKind};
use crate::hash::{self, purpose};
use crate::mib::Value;
use crate::network::Role;
use crate::traffic::Class;
use std::borrow::Cow;

macro_rules! column {
    ($rows:ident, $($arc:literal)+, $read:expr) => {
        Column {
            oid: &[1, 3, 6, 1, 2, 1, 25, $($arc),+],
            rows: Rows::$rows,
            read: $read,
        }
    };
}

const DAY_MS: i64 = 86_400_000;

pub(super) static COLUMNS: &[Column] = &[
    // hrSystemUptime, hrMemorySize
    column!(Scalar, 1 1, |view, _| Some(Value::TimeTicks(view.ticks(view.at())))),
    column!(Scalar, 2 2, |view, _| {
        let kilobytes = u64::from(view.device().make.memory_mb) * 1024;
        Some(Value::Integer(i32::try_from(kilobytes).unwrap_or(i32::MAX)))
    }),
    // hrStorageIndex, Type, Descr, AllocationUnits, Size, Used, AllocationFailures
    column!(Storages, 2 3 1 1, |_, row| Some(Value::Integer(i32::try_from(row).ok()? + 1))),
    column!(Storages, 2 3 1 2, |view, row| {
        let kind = view.hardware().storages.get(row)?.kind as u32;
        Some(Value::ObjectIdentifier(Cow::Owned(vec![1, 3, 6, 1, 2, 1, 25, 2, 1, kind])))
    }),
    column!(Storages, 2 3 1 3, |view, row| Some(text(view.hardware().storages.get(row)?.name))),
    column!(Storages, 2 3 1 4, |view, row| {
        Some(Value::Integer(view.hardware().storages.get(row)?.unit_len))
    }),
    column!(Storages, 2 3 1 5, |view, row| {
        Some(Value::Integer(size(view, view.hardware().storages.get(row)?)))
    }),
    column!(Storages, 2 3 1 6, |view, row| {
        let storage = view.hardware().storages.get(row)?;
        let units = f64::from(size(view, storage)) * used(view, storage, row);
        #[expect(clippy::cast_possible_truncation, reason = "a share of an i32")]
        let units = units as i32;
        Some(Value::Integer(units))
    }),
    column!(Storages, 2 3 1 7, |_, _| Some(Value::Counter32(0))),
    // hrDeviceIndex, Type, Descr, ID, Status, Errors
    column!(Processors, 3 2 1 1, |_, row| Some(Value::Integer(i32::try_from(row).ok()? + 1))),
    column!(Processors, 3 2 1 2, |_, _| {
        Some(Value::ObjectIdentifier(Cow::Borrowed(&[1, 3, 6, 1, 2, 1, 25, 3, 1, 3])))
    }),
    column!(Processors, 3 2 1 3, |_, _| Some(text("Processor"))),
    column!(Processors, 3 2 1 4, |_, _| Some(Value::ObjectIdentifier(Cow::Borrowed(&[0, 0])))),
    column!(Processors, 3 2 1 5, |_, _| Some(Value::Integer(2))),
    column!(Processors, 3 2 1 6, |_, _| Some(Value::Counter32(0))),
    // hrProcessorFrwID, hrProcessorLoad
    column!(Processors, 3 3 1 1, |_, _| Some(Value::ObjectIdentifier(Cow::Borrowed(&[0, 0])))),
    column!(Processors, 3 3 1 2, |view, row| Some(Value::Integer(load(view, row)))),
];

fn size(view: &View<'_>, storage: &Storage) -> i32 {
    let megabytes = u64::from(storage.size_mb.unwrap_or(view.device().make.memory_mb));
    let unit_len = u64::try_from(storage.unit_len).unwrap_or(1).max(1);
    i32::try_from(megabytes * 1024 * 1024 / unit_len).unwrap_or(i32::MAX)
}

/// Ratio of a storage that is in use.
fn used(view: &View<'_>, storage: &Storage, row: usize) -> f64 {
    let device = u64::from(view.number().0);
    let chance = hash::mix2(
        view.network().root,
        purpose::STORAGE,
        device << 8 | row as u64,
    );
    let ms = view.at().unix_ms();
    match storage.kind {
        StorageKind::Ram => {
            let base = hash::between(chance, 0.35, 0.7);
            base + 0.04 * business(view) + 0.02 * hash::wave(chance, ms, 900_000)
        }
        StorageKind::Virtual => hash::between(chance, 0.0, 0.05),
        StorageKind::Flash => hash::between(chance, 0.3, 0.6),
        // Logs grow until they are rotated; what people keep grows until somebody clears it away, which on
        // every other disk is shortly before it is full.
        StorageKind::FixedDisk => {
            let days = ms as f64 / DAY_MS as f64;
            let fills = hash::mix(chance, 2).is_multiple_of(2);
            let (shortest, base, height) = if fills {
                (45.0, 0.3, 0.65)
            } else {
                (20.0, hash::between(chance, 0.2, 0.6), 0.15)
            };
            let cleared = hash::between(hash::mix(chance, 1), shortest, 90.0);
            let begun = hash::between(hash::mix(chance, 3), 0.0, 1.0);
            let phase = (days / cleared + begun).fract();
            base + height * phase + 0.002 * hash::wave(chance, ms, 3_600_000)
        }
    }
    .clamp(0.0, 0.99)
}

/// Percent of a processor that is busy.
fn load(view: &View<'_>, row: usize) -> i32 {
    let device = u64::from(view.number().0);
    let chance = hash::mix2(view.network().root, purpose::LOAD, device << 8 | row as u64);
    let idle = hash::between(chance, 3.0, 15.0);
    let work = hash::between(hash::mix(chance, 1), 2.0, 14.0) * business(view);
    let ms = view.at().unix_ms();
    let swing = 4.0 * hash::wave(chance, ms, 300_000) + 3.0 * hash::wave(!chance, ms, 20_000);
    #[expect(clippy::cast_possible_truncation, reason = "within 0 to 100")]
    let percent = (idle + work + swing).clamp(1.0, 99.0) as i32;
    percent
}

fn business(view: &View<'_>) -> f64 {
    let class = match view.device().role {
        Role::Server | Role::Spine | Role::Leaf => Class::Steady,
        Role::Router => Class::Home,
        _ => Class::Office,
    };
    let offset_ms = view.network().site(view.number()).offset_ms;
    view.network().traffic.business(class, offset_ms, view.at())
}
