//! How a profile points at a cell of a table, and texts with cells in them.
//!
//! | written | means |
//! | --- | --- |
//! | `fanSpeed` | the cell of that column in the row that is read |
//! | `fanSpeed.0`, `fanSpeed.1.2` | that instance, whatever the row |
//! | `ifName@1`, `ifName@-1`, `ifName@1-2`, `ifName@2-` | the row whose index are these arcs of the index |
//! | `entPhysicalName@cpuPhysicalIndex` | the row that the cell of another column names |
//! | `index`, `index@1` | the index itself, or arcs of it |
//! | `text@2-` | arcs of the index as characters |
//!
//! A column is a name of the profile's `[objects]`, one of the standard names, or an OID. A template
//! is text with such cells in braces: `Fan {index@-1}: {fanName}`.

use super::check::Problem;
use super::names::Names;

/// Cells that one cell leads to by `@`, one after the other: a row that names a row that names
/// another is as far as any MIB goes.
const POINTERS_MAX: usize = 4;
/// Arcs of an OID. Source: RFC 2578, section 3.5.
const ARCS_MAX: usize = 128;

/// Where in its column a cell is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the row that is read.
    Row,
    /// At an instance of its own.
    Fixed(Vec<u32>),
    /// Where these arcs of the row's index say.
    Arcs(Arcs),
    /// Where the value of another cell says.
    Pointer(Box<Cell>),
}

/// Some arcs of an index: from the first (0) on, or from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arcs {
    /// From one position up to, and without, another; to the end where there is none.
    From(usize, Option<usize>),
    /// The one so far from the end: 1 is the last.
    Last(usize),
}

/// A cell of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The column, or the index itself.
    pub column: Column,
    /// Where in it.
    pub place: Place,
}

/// What a cell is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// A column by its OID.
    Object(Vec<u32>),
    /// The index of the row.
    Index,
    /// The index of the row, as characters.
    Text,
}

/// Text with cells in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// What the cell holds.
    Cell(Cell),
}

impl Arcs {
    /// These arcs of an index; none where it is too short.
    pub fn of(self, index: &[u32]) -> Option<&[u32]> {
        match self {
            Self::From(from, None) => index.get(from..).filter(|arcs| !arcs.is_empty()),
            Self::From(from, Some(to)) => index.get(from..to),
            Self::Last(back) => {
                let at = index.len().checked_sub(back)?;
                index.get(at..=at)
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(back) = text.strip_prefix('-') {
            return back.parse().ok().filter(|&back| back > 0).map(Self::Last);
        }
        let position = |text: &str| text.parse::<usize>().ok().filter(|&n| n > 0);
        match text.split_once('-') {
            None => position(text).map(|n| Self::From(n - 1, Some(n))),
            Some((from, "")) => position(from).map(|n| Self::From(n - 1, None)),
            Some((from, to)) => {
                let (from, to) = (position(from)?, position(to)?);
                (from <= to).then_some(Self::From(from - 1, Some(to)))
            }
        }
    }
}

impl Cell {
    /// Reads a cell as it is written in a profile.
    pub(super) fn parse(text: &str, names: &Names<'_>) -> Result<Self, Problem> {
        if text.matches('@').count() > POINTERS_MAX {
            return Err(Problem::Cell {
                text: text.chars().take(80).collect(),
                detail: "more than four `@`",
            });
        }
        Self::parse_bounded(text, names)
    }

    /// Once for each `@`, of which there are few.
    fn parse_bounded(text: &str, names: &Names<'_>) -> Result<Self, Problem> {
        let text = text.trim();
        let (column, place) = match text.split_once('@') {
            None => (text, None),
            Some((column, place)) => (column, Some(place)),
        };
        let (column, instance) = column_of(column, names)?;
        let place = match (place, instance) {
            (None, None) => Place::Row,
            (None, Some(instance)) => Place::Fixed(instance),
            (Some(_), Some(_)) => {
                return Err(Problem::Cell {
                    text: text.to_owned(),
                    detail: "an instance and an `@`",
                });
            }
            (Some(place), None) => match Arcs::parse(place) {
                Some(arcs) => Place::Arcs(arcs),
                None => Place::Pointer(Box::new(Self::parse_bounded(place, names)?)),
            },
        };
        Ok(Self { column, place })
    }

    /// The columns that are asked for to know it.
    pub fn columns(&self) -> Vec<&[u32]> {
        let mut columns = Vec::new();
        if let Column::Object(column) = &self.column {
            columns.push(column.as_slice());
        }
        if let Place::Pointer(cell) = &self.place {
            columns.extend(cell.columns());
        }
        columns
    }
}

/// The column that a text names, and the instance that it names with it.
fn column_of(text: &str, names: &Names<'_>) -> Result<(Column, Option<Vec<u32>>), Problem> {
    match text {
        "index" => return Ok((Column::Index, None)),
        "text" => return Ok((Column::Text, None)),
        _ => {}
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok((Column::Object(oid(text)?), None));
    }
    let (name, instance) = match text.split_once('.') {
        None => (text, None),
        Some((name, instance)) => (
            name,
            Some(arcs(instance).ok_or_else(|| Problem::Oid(text.to_owned()))?),
        ),
    };
    let column = names
        .find(name)
        .ok_or_else(|| Problem::UnknownObject(name.to_owned()))?;
    if let Some(instance) = &instance {
        joined(&column, instance).ok_or_else(|| Problem::Oid(text.to_owned()))?;
    }
    Ok((Column::Object(column), instance))
}

/// An OID in dots, with or without one before it.
pub(super) fn oid(text: &str) -> Result<Vec<u32>, Problem> {
    arcs(text.trim().trim_start_matches('.'))
        .filter(|arcs| arcs.len() >= 2)
        .ok_or_else(|| Problem::Oid(text.to_owned()))
}

/// Numbers with dots between; none where they are no numbers, or more than an OID may have.
pub(super) fn arcs(text: &str) -> Option<Vec<u32>> {
    let arcs = text.split('.').take(ARCS_MAX + 1);
    let arcs: Option<Vec<u32>> = arcs.map(|arc| arc.parse().ok()).collect();
    arcs.filter(|arcs| arcs.len() <= ARCS_MAX)
}

/// An object and what follows it; none where that is more than an OID may have.
pub(super) fn joined(object: &[u32], rest: &[u32]) -> Option<Vec<u32>> {
    Some([object, rest].concat()).filter(|arcs| arcs.len() <= ARCS_MAX)
}

impl Template {
    /// Reads a template as it is written in a profile. `{{` is a brace.
    pub(super) fn parse(text: &str, names: &Names<'_>) -> Result<Self, Problem> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = after.strip_prefix("{{") {
                plain.push('{');
                rest = after;
                continue;
            }
            let after = after.strip_prefix('{').unwrap_or(after);
            let Some((cell, after)) = after.split_once('}') else {
                return Err(Problem::Brace(text.to_owned()));
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Cell(Cell::parse(cell, names)?));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The columns that are asked for to know it.
    pub fn columns(&self) -> Vec<&[u32]> {
        let cells = self.0.iter().filter_map(|piece| match piece {
            Piece::Cell(cell) => Some(cell),
            Piece::Text(_) => None,
        });
        cells.flat_map(Cell::columns).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_cell_that_points_on_and_on_is_refused() {
        let none = BTreeMap::new();
        let parse = |pointers: usize| {
            let text = vec!["index"; pointers + 1].join("@");
            Cell::parse(&text, &Names(&none))
        };
        assert!(parse(POINTERS_MAX).is_ok());
        assert!(parse(POINTERS_MAX + 1).is_err());
        assert!(parse(1_000_000).is_err());
    }

    #[test]
    fn an_oid_has_at_most_128_arcs() {
        let text = |arcs: usize| vec!["1"; arcs].join(".");
        assert!(oid(&text(ARCS_MAX)).is_ok());
        assert!(oid(&text(ARCS_MAX + 1)).is_err());
        let names = BTreeMap::from([("long".to_owned(), vec![1; ARCS_MAX])]);
        assert!(Cell::parse("long", &Names(&names)).is_ok());
        assert!(Cell::parse("long.0", &Names(&names)).is_err());
    }
}
