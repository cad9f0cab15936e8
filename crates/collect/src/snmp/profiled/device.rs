//! The device as a whole by its profiles.

use super::super::draft::Draft;
use super::super::{Rows, entity};
use super::cell;
use crate::profile::{Cell, Column, DeviceSources, Piece, Place, Source};

/// Fills what no sharper profile filled.
pub(super) fn read(sources: &DeviceSources, rows: &Rows, draft: &mut Draft) {
    let told = |list: &[Source]| list.iter().find_map(|source| text(source, rows));
    let fields = [
        ("device.vendor", told(&sources.vendor)),
        ("device.model", told(&sources.model)),
        ("device.os", told(&sources.os)),
        ("device.os_version", told(&sources.os_version)),
        ("device.serial", told(&sources.serial)),
        ("device.kind", told(&sources.kind)),
        ("device.name", told(&sources.name)),
        ("device.location", told(&sources.location)),
    ];
    for (field, told) in fields {
        let Some((text, object)) = told else {
            continue;
        };
        // The first profile that tells it is the sharpest.
        if !draft.told.insert(field) {
            continue;
        }
        draft.note(field, &object);
        let device = &mut draft.facts.device;
        let place = match field {
            "device.vendor" => &mut device.vendor,
            "device.model" => &mut device.model,
            "device.os" => &mut device.os,
            "device.os_version" => &mut device.os_version,
            "device.serial" => &mut device.serial,
            "device.kind" => &mut device.kind,
            "device.name" => &mut device.name,
            _ => &mut device.location,
        };
        *place = Some(text);
    }
}

/// What a source tells, and the object that it is of (none where it is a plain text).
fn text(source: &Source, rows: &Rows) -> Option<(String, Vec<u32>)> {
    let mut text = String::new();
    let mut object = Vec::new();
    for piece in &source.from.0 {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Cell(cell) => {
                let (said, of) = first(cell, rows)?;
                text.push_str(&said);
                object = of;
            }
        }
    }
    Some((made(source, text)?, object))
}

/// What a source makes of the text of its template.
fn made(source: &Source, mut text: String) -> Option<String> {
    if let Some((pattern, format)) = &source.pattern {
        let captures = pattern.captures(&text)?;
        let mut taken = String::new();
        captures.expand(format, &mut taken);
        text = taken;
    }
    if let Some(map) = &source.map {
        text = map.get(text.trim())?.clone();
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    entity::is_told(&text).then_some(text)
}

/// What the first of some sources that tells something tells in a row of a table.
pub(super) fn of_row(sources: &[Source], rows: &Rows, index: &[u32]) -> Option<String> {
    sources
        .iter()
        .find_map(|source| made(source, cell::text_of(&source.from, rows, index)?))
}

/// A scalar, or the first row of a column that tells something.
fn first(cell: &Cell, rows: &Rows) -> Option<(String, Vec<u32>)> {
    let Column::Object(column) = &cell.column else {
        return None;
    };
    if let Place::Fixed(instance) = &cell.place {
        let text = cell::text(cell, rows, &[])?;
        return Some((text, [column.as_slice(), instance].concat()));
    }
    rows.column(column).find_map(|(index, _)| {
        let text = cell::text(cell, rows, index).filter(|text| entity::is_told(text))?;
        Some((text, [column.as_slice(), index].concat()))
    })
}
