//! What a cell of a profile holds in the row that is read, as a number or as text.

use super::super::decode::dotted;
use super::super::{Rows, decode};
use crate::profile::file::PlainFile;
use crate::profile::{Cell, Column, Condition, Octets, Piece, Place, Template, Test};
use ::snmp::Value;
use regex::Regex;
use std::borrow::Cow;

/// What there is in a cell.
#[derive(Clone, Debug)]
pub(super) enum Found<'a> {
    /// An object of the agent.
    Value(&'a Value),
    /// Arcs of the index.
    Arcs(&'a [u32]),
    /// Arcs of the index as characters.
    Text(String),
}

pub(super) fn find<'a>(cell: &Cell, rows: &'a Rows, index: &'a [u32]) -> Option<Found<'a>> {
    let column = match &cell.column {
        Column::Object(column) => column,
        Column::Index => {
            return match cell.place {
                Place::Arcs(arcs) => arcs.of(index).map(Found::Arcs),
                _ => Some(Found::Arcs(index)),
            };
        }
        Column::Text => {
            let arcs = match cell.place {
                Place::Arcs(arcs) => arcs.of(index)?,
                _ => index,
            };
            let octets: Vec<u8> = arcs
                .iter()
                .filter_map(|&arc| u8::try_from(arc).ok())
                .collect();
            return decode::text(&octets).map(Found::Text);
        }
    };
    let value = match &cell.place {
        Place::Row => rows.cell(column, index),
        Place::Fixed(instance) => rows.cell(column, instance),
        Place::Arcs(arcs) => rows.cell(column, arcs.of(index)?),
        Place::Pointer(pointer) => rows.cell(column, &arcs_of(pointer, rows, index)?),
    };
    value.map(Found::Value)
}

/// The index that a cell points to: its number, or the arcs of its OID.
fn arcs_of(pointer: &Cell, rows: &Rows, index: &[u32]) -> Option<Vec<u32>> {
    match find(pointer, rows, index)? {
        Found::Arcs(arcs) => Some(arcs.to_vec()),
        Found::Text(text) => text.split('.').map(|arc| arc.parse().ok()).collect(),
        Found::Value(Value::Oid(oid)) => oid.arcs().last().map(|&arc| vec![arc]),
        Found::Value(Value::Octets(octets)) => {
            let text = decode::text(octets)?;
            text.split('.').map(|arc| arc.parse().ok()).collect()
        }
        Found::Value(value) => value
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .map(|n| vec![n]),
    }
}

/// The cell as text.
pub(super) fn text(cell: &Cell, rows: &Rows, index: &[u32]) -> Option<String> {
    match find(cell, rows, index)? {
        Found::Value(value) => text_of_value(value),
        Found::Arcs(arcs) => Some(dotted(arcs)),
        Found::Text(text) => Some(text),
    }
}

fn text_of_value(value: &Value) -> Option<String> {
    match value {
        Value::Octets(octets) => decode::text(octets),
        Value::Oid(oid) => Some(dotted(oid.arcs())),
        Value::IpAddress(address) => Some(address.to_string()),
        value => value
            .as_i64()
            .map(|n| n.to_string())
            .or_else(|| value.as_f64().map(|n| n.to_string())),
    }
}

/// The cell as a number; text that begins with one counts.
pub(super) fn number(cell: &Cell, rows: &Rows, index: &[u32]) -> Option<f64> {
    number_by(cell, rows, index, None, Octets::Text)
}

/// The cell as a number, taken out of text by a pattern where there is one.
pub(super) fn number_by(
    cell: &Cell,
    rows: &Rows,
    index: &[u32],
    pattern: Option<&Regex>,
    octets: Octets,
) -> Option<f64> {
    let text = match find(cell, rows, index)? {
        Found::Value(Value::Octets(bytes)) => match octets {
            Octets::Text => Cow::Owned(decode::text(bytes)?),
            Octets::Float => return float(bytes),
            Octets::BigEndian => return big_endian(bytes),
        },
        Found::Value(value) if octets == Octets::Float => {
            let bits = value
                .as_i64()
                .and_then(|bits| u32::try_from(bits & 0xffff_ffff).ok());
            let number = bits.map(|bits| f64::from(f32::from_bits(bits)));
            return number
                .or_else(|| value.as_f64())
                .filter(|number| number.is_finite());
        }
        Found::Value(Value::Oid(oid)) => return oid.arcs().last().map(|&arc| f64::from(arc)),
        Found::Value(value) => match pattern {
            None => return value.as_f64(),
            Some(_) => Cow::Owned(text_of_value(value)?),
        },
        Found::Arcs(arcs) => return arcs.last().map(|&arc| f64::from(arc)),
        Found::Text(text) => Cow::Owned(text),
    };
    match pattern {
        Some(pattern) => leading_number(pattern.captures(&text)?.get(1)?.as_str()),
        None => leading_number(&text),
    }
}

/// The number that a text begins with: `35.5 C`, `-3`, `+12`, `1,5`, `1.7E+01`.
pub(super) fn leading_number(text: &str) -> Option<f64> {
    let text = without_thousands(text.trim());
    let text = text.as_ref();
    let mut end = 0;
    let mut dots = 0;
    for (place, character) in text.char_indices() {
        let goes_on = match character {
            '+' | '-' => place == 0,
            '.' | ',' => {
                dots += 1;
                dots == 1
            }
            other => other.is_ascii_digit(),
        };
        if !goes_on {
            break;
        }
        end = place + 1;
    }
    let (digits, rest) = text.split_at_checked(end)?;
    let number: f64 = digits.replace(',', ".").parse().ok()?;
    let number = number * 10_f64.powi(exponent(rest).unwrap_or(0).clamp(-30, 30));
    number.is_finite().then_some(number)
}

/// The text without the commas between the thousands of the number that it begins with: a comma with
/// exactly three digits behind it, any number of times (`3,200 RPM`, `1,234,567`). Any other comma is
/// a decimal one.
fn without_thousands(text: &str) -> Cow<'_, str> {
    let is_digit = |c: &char| c.is_ascii_digit();
    let mut rest = text.trim_start_matches(['+', '-']);
    let sign = text.get(..text.len() - rest.len()).unwrap_or_default();
    let digits = rest.chars().take_while(is_digit).count();
    if !(1..=3).contains(&digits) {
        return Cow::Borrowed(text);
    }
    let Some((first, others)) = rest.split_at_checked(digits) else {
        return Cow::Borrowed(text);
    };
    let mut whole = format!("{sign}{first}");
    let mut groups = 0;
    rest = others;
    while let Some(group) = rest.strip_prefix(',') {
        if group.chars().take_while(is_digit).count() != 3 {
            break;
        }
        let Some((thousand, after)) = group.split_at_checked(3) else {
            break;
        };
        whole.push_str(thousand);
        groups += 1;
        rest = after;
    }
    if groups == 0 || rest.starts_with(',') || whole.trim_start_matches(['+', '-']).starts_with('0')
    {
        return Cow::Borrowed(text);
    }
    whole.push_str(rest);
    Cow::Owned(whole)
}

/// The power of ten that a text begins with: `E+01`, `e-3`. A sign tells it from a unit.
fn exponent(text: &str) -> Option<i32> {
    let signed = text
        .strip_prefix(['E', 'e'])
        .filter(|rest| rest.starts_with(['+', '-']))?;
    let end = signed
        .char_indices()
        .find(|&(place, character)| place > 0 && !character.is_ascii_digit())
        .map_or(signed.len(), |(place, _)| place);
    signed.get(..end)?.parse().ok()
}

fn float(octets: &[u8]) -> Option<f64> {
    let number = match octets {
        [a, b, c, d] => f64::from(f32::from_be_bytes([*a, *b, *c, *d])),
        [0x9f, 0x78, 4, rest @ ..] => f64::from(f32::from_be_bytes(rest.try_into().ok()?)),
        octets => f64::from_be_bytes(octets.try_into().ok()?),
    };
    number.is_finite().then_some(number)
}

fn big_endian(octets: &[u8]) -> Option<f64> {
    (1..=8).contains(&octets.len()).then(|| {
        octets
            .iter()
            .fold(0_u64, |number, &octet| number << 8 | u64::from(octet)) as f64
    })
}

/// A template's text; none where one of its cells is missing, or nothing is left.
pub(super) fn text_of(template: &Template, rows: &Rows, index: &[u32]) -> Option<String> {
    let mut text = String::new();
    for piece in &template.0 {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Cell(cell) => text.push_str(&self::text(cell, rows, index)?),
        }
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first of some templates that gives a text.
pub(super) fn first_text(templates: &[Template], rows: &Rows, index: &[u32]) -> Option<String> {
    templates
        .iter()
        .find_map(|template| text_of(template, rows, index))
}

/// Whether all conditions of a row hold.
pub(super) fn passes(conditions: &[Condition], rows: &Rows, index: &[u32]) -> bool {
    conditions.iter().all(|condition| {
        let cell = &condition.cell;
        let is_one_of = |values: &[PlainFile]| {
            values.iter().any(|value| match value {
                PlainFile::Number(wanted) => number(cell, rows, index) == Some(*wanted as f64),
                PlainFile::Text(wanted) => text(cell, rows, index).as_ref() == Some(wanted),
            })
        };
        match &condition.test {
            Test::Is(values) => is_one_of(values),
            Test::Not(values) => !is_one_of(values),
            Test::Above(least) => number(cell, rows, index).is_some_and(|n| n > *least),
            Test::Below(most) => number(cell, rows, index).is_some_and(|n| n < *most),
            Test::AtMost(most) => number(cell, rows, index).is_none_or(|n| n <= *most),
            Test::Matches(pattern) => {
                text(cell, rows, index).is_some_and(|text| pattern.is_match(&text))
            }
            Test::Exists(wanted) => find(cell, rows, index).is_some() == *wanted,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_texts_begin_with() {
        for (text, expected) in [
            ("35.5 C", Some(35.5)),
            ("-3", Some(-3.0)),
            (" +12dBm", Some(12.0)),
            ("1,5", Some(1.5)),
            ("3,200 RPM", Some(3_200.0)),
            ("-1,234,567.5", Some(-1_234_567.5)),
            ("1,2345", Some(1.2345)),
            ("0,125", Some(0.125)),
            ("1.2.3", Some(1.2)),
            ("1.7168E+01", Some(17.168)),
            ("5E-1 W", Some(0.5)),
            ("3 E", Some(3.0)),
            ("C 3", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(leading_number(text), expected, "{text:?}");
        }
    }
}
