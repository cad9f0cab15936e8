//! What is wrong with a profile, and where.

use super::catalog::Catalog;
use super::plan::Profile;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("{0}")]
    Toml(String),
    #[error("`{0}` is no OID: numbers with dots between are expected, 128 at most")]
    Oid(String),
    #[error("`{0}` is neither in [objects] nor a standard object")]
    UnknownObject(String),
    #[error("`{text}`: {detail}")]
    Cell { text: String, detail: &'static str },
    #[error("`{0}` opens a brace that is not closed")]
    Brace(String),
    #[error("the pattern is not understood: {0}")]
    Pattern(String),
    #[error("`{0}` is no kind of sensor; known are: {1}")]
    Kind(String, String),
    #[error("`{text}` is none of {known}")]
    Word { text: String, known: &'static str },
    #[error("{0}")]
    Missing(&'static str),
    #[error("no profile is named `{0}`")]
    Extends(String),
    #[error("`{0}` extends itself")]
    ExtendsItself(String),
    #[error("`{0}` extends this profile in turn: a circle")]
    Circle(String),
    #[error("`{0}` is no number")]
    Number(String),
    #[error("a profile has at most {most} {of}; this one has {found}")]
    TooMany {
        of: &'static str,
        most: usize,
        found: usize,
    },
    #[error("a profile has at most {0} patterns")]
    TooManyPatterns(usize),
}

/// Where in the file: keys and positions in lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(pub(super) Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    At(usize),
}

impl Path {
    pub(super) fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Key(key.to_owned()));
        path
    }
    pub(super) fn at(&self, position: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Step::At(position));
        path
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::At(position) => write!(f, "[{position}]")?,
            }
        }
        Ok(())
    }
}

/// A problem and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) path: Path,
    pub(super) problem: Problem,
}

/// A mistake in a profile's file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// Which key, as `sensor[2].value`; empty where the file cannot be read at all.
    pub key: String,
    /// What is wrong with it.
    pub detail: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.detail)
    }
}

/// Everything that is wrong with a profile, in the order of its lines. What it extends is looked for
/// in the catalog.
pub fn check(name: &str, text: &str, catalog: &Catalog) -> Vec<Mistake> {
    match Profile::read(name, text, catalog) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes,
    }
}

/// Faults as mistakes with their lines.
pub(super) fn placed(text: &str, faults: Vec<Fault>) -> Vec<Mistake> {
    let table = DeTable::parse(text).ok();
    let mut mistakes: Vec<Mistake> = faults
        .into_iter()
        .map(|fault| Mistake {
            line: table.as_ref().map_or(1, |table| {
                line_of(text, offset(table.get_ref(), &fault.path.0))
            }),
            key: fault.path.to_string(),
            detail: fault.problem.to_string(),
        })
        .collect();
    mistakes.sort_by_key(|mistake| mistake.line);
    mistakes
}

/// The line of an octet of a text, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Where the value at a path begins; as far down as there is something.
fn offset(table: &DeTable<'_>, path: &[Step]) -> usize {
    let mut steps = path.iter();
    let Some(Step::Key(key)) = steps.next() else {
        return 0;
    };
    let Some((_, mut value)) = table.iter().find(|(own, _)| own.get_ref() == key) else {
        return 0;
    };
    for step in steps {
        match step_into(value, step) {
            Some(inner) => value = inner,
            None => break,
        }
    }
    value.span().start
}

fn step_into<'a, 'i>(
    value: &'a Spanned<DeValue<'i>>,
    step: &Step,
) -> Option<&'a Spanned<DeValue<'i>>> {
    match (value.get_ref(), step) {
        (DeValue::Table(table), Step::Key(key)) => table
            .iter()
            .find(|(own, _)| own.get_ref() == key)
            .map(|(_, value)| value),
        (DeValue::Array(list), Step::At(position)) => list.get(*position),
        _ => None,
    }
}
