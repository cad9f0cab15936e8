//! Metrics that users made: rows beside the table, known for as long as the process lives.
//!
//! A row is leaked once and never moves, so that a [`Metric`] stays a number; rows are only appended.
//! What is kept of them, and for longer, is the store's.

use super::{Kind, Metric, Row, TABLE};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Metrics of users that there may be: as many as a registry keeps names that it does not know.
pub const OWN_MAX: usize = 1_024;
/// Longest name of a metric of users, in characters.
pub const NAME_LEN_MAX: usize = 128;
/// Longest unit, in characters; the longest of the table has 23.
pub const UNIT_LEN_MAX: usize = 64;
/// Longest help, in characters.
pub const HELP_LEN_MAX: usize = 512;

/// The number of the first; those below are of the table.
const FIRST: u16 = 0x8000;
/// Rows of a process: those deleted and made again under other names stay until its end.
const ROWS_MAX: u16 = 0x7FFF;

static OWN: RwLock<Own> = RwLock::new(Own {
    rows: Vec::new(),
    by_name: BTreeMap::new(),
});

struct Own {
    rows: Vec<OwnRow>,
    /// Places of the rows, by their names in lower case.
    by_name: BTreeMap<String, u16>,
}

#[derive(Clone, Copy)]
struct OwnRow {
    row: &'static Row,
    /// It was deleted: its name is not known any more.
    forgotten: bool,
}

/// A metric to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMetric {
    /// The name: a letter or `_`, then letters, digits and `_`.
    pub name: String,
    /// Base unit; empty for a state.
    pub unit: String,
    /// How values behave.
    pub kind: Kind,
    /// One line for a person.
    pub help: String,
}

/// It cannot be a metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAMetric {
    /// The name is not one.
    #[error("a name is a letter or `_`, then up to 127 letters, digits and `_`")]
    Name,
    /// The table has that name, or another metric has it in letters of another case.
    #[error("`{other}` is a metric already")]
    Taken {
        /// The name that is there.
        other: String,
    },
    /// The unit is not one.
    #[error("{detail}")]
    Unit {
        /// What is the matter.
        detail: &'static str,
    },
    /// The help is not one line of text.
    #[error("a help is one line of up to 512 characters")]
    Help,
    /// A metric of this name was there, with another unit or kind.
    #[error(
        "there was a metric `{name}` of another unit or kind; it can be made after the next start of \
         the server"
    )]
    Differs {
        /// The name.
        name: String,
    },
    /// There are as many as may be.
    #[error("there are as many metrics as may be")]
    TooMany,
}

impl NewMetric {
    /// Checks all that can be told of it alone.
    pub fn check(&self) -> Result<(), NotAMetric> {
        if !is_name(&self.name) {
            return Err(NotAMetric::Name);
        }
        let of_table = TABLE.iter().map(|row| row.name);
        let taken = of_table
            .into_iter()
            .find(|name| name.eq_ignore_ascii_case(&self.name));
        if let Some(other) = taken {
            let other = other.to_owned();
            return Err(NotAMetric::Taken { other });
        }
        check_unit(&self.unit, self.kind)?;
        check_help(&self.help)
    }
}

/// Whether a text can be the name of a metric.
pub fn is_name(text: &str) -> bool {
    let is_first = |octet: u8| octet.is_ascii_alphabetic() || octet == b'_';
    let is_other = |octet: u8| is_first(octet) || octet.is_ascii_digit();
    let octets = text.as_bytes();
    octets.len() <= NAME_LEN_MAX
        && octets.first().copied().is_some_and(is_first)
        && octets.iter().copied().all(is_other)
}

/// Whether a text can be the help of a metric.
pub fn check_help(text: &str) -> Result<(), NotAMetric> {
    let is_one_line = !text.chars().any(char::is_control);
    let fits = text.chars().count() <= HELP_LEN_MAX;
    (is_one_line && fits).then_some(()).ok_or(NotAMetric::Help)
}

fn check_unit(unit: &str, kind: Kind) -> Result<(), NotAMetric> {
    let wrong = |detail| Err(NotAMetric::Unit { detail });
    match (unit.is_empty(), kind) {
        (true, Kind::State) => return Ok(()),
        (true, _) => {
            return wrong("a unit is needed; a number without one is a `ratio` or a `count`");
        }
        (false, Kind::State) => return wrong("a state has no unit"),
        (false, _) => {}
    }
    let is_of_unit = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'/';
    if unit.len() > UNIT_LEN_MAX || !unit.bytes().all(is_of_unit) {
        return wrong("a unit is up to 64 letters, digits, `_` and `/`, as `bits_per_second`");
    }
    Ok(())
}

impl Metric {
    /// Makes a metric of users known to this process. One of that name, unit and kind that is known is
    /// that one, with the help that it had.
    pub fn own(new: &NewMetric) -> Result<Self, NotAMetric> {
        new.check()?;
        let mut own = OWN.write().unwrap_or_else(PoisonError::into_inner);
        let key = new.name.to_ascii_lowercase();
        if let Some(place) = own.by_name.get(&key).copied() {
            let Some(known) = own.rows.get_mut(usize::from(place)) else {
                return Err(NotAMetric::TooMany);
            };
            let other = known.row;
            if other.name != new.name && !known.forgotten {
                let other = other.name.to_owned();
                return Err(NotAMetric::Taken { other });
            }
            if other.name == new.name {
                if (other.unit, other.kind) != (&*new.unit, new.kind) {
                    let name = new.name.clone();
                    return Err(NotAMetric::Differs { name });
                }
                known.forgotten = false;
                return Ok(Self(FIRST + place));
            }
        }
        let place = u16::try_from(own.rows.len()).unwrap_or(u16::MAX);
        let there = own.rows.iter().filter(|own| !own.forgotten).count();
        if place >= ROWS_MAX || there >= OWN_MAX {
            return Err(NotAMetric::TooMany);
        }
        let leaked = |text: &str| -> &'static str { Box::leak(Box::from(text)) };
        let row = Row {
            name: leaked(&new.name),
            unit: leaked(&new.unit),
            kind: new.kind,
            help: leaked(&new.help),
        };
        own.rows.push(OwnRow {
            row: Box::leak(Box::new(row)),
            forgotten: false,
        });
        own.by_name.insert(key, place);
        Ok(Self(FIRST + place))
    }

    /// The name of a metric of users is not known any more.
    pub fn forget(self) {
        self.set_forgotten(true);
    }

    /// It is known again.
    pub fn remember(self) {
        self.set_forgotten(false);
    }

    fn set_forgotten(self, forgotten: bool) {
        let mut own = OWN.write().unwrap_or_else(PoisonError::into_inner);
        let place = self.0.checked_sub(FIRST);
        let row = place.and_then(|place| own.rows.get_mut(usize::from(place)));
        if let Some(row) = row {
            row.forgotten = forgotten;
        }
    }

    /// Whether users made it.
    pub fn is_own(self) -> bool {
        self.0 >= FIRST
    }

    /// Those that users made and that are known, in the order they were made.
    pub fn all_own() -> Vec<Self> {
        let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
        let rows = own.rows.iter().zip(FIRST..);
        rows.filter(|(row, _)| !row.forgotten)
            .map(|(_, number)| Self(number))
            .collect()
    }
}

/// The row of a number that is none of the table.
pub(super) fn row(number: u16) -> Option<&'static Row> {
    let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
    let place = number.checked_sub(FIRST)?;
    own.rows.get(usize::from(place)).map(|own| own.row)
}

/// The metric of that name, of those that users made.
pub(super) fn named(name: &str) -> Option<Metric> {
    let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
    let place = *own.by_name.get(&name.to_ascii_lowercase())?;
    let found = own.rows.get(usize::from(place))?;
    (found.row.name == name && !found.forgotten).then_some(Metric(FIRST + place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str) -> NewMetric {
        NewMetric {
            name: name.to_owned(),
            unit: "octets".to_owned(),
            kind: Kind::Gauge,
            help: "Of a test.".to_owned(),
        }
    }

    #[test]
    fn a_metric_of_users_is_known_by_its_name_and_keeps_its_number() {
        assert!(Metric::named("model_own_a").is_err());
        let first = Metric::own(&new("model_own_a")).unwrap();
        let other = Metric::own(&new("model_own_b")).unwrap();
        assert_ne!(first, other);
        assert_eq!(Metric::named("model_own_a"), Ok(first));
        assert_eq!(
            (first.name(), first.unit(), first.kind(), first.is_own()),
            ("model_own_a", "octets", Kind::Gauge, true)
        );
        let other_help = NewMetric {
            help: "Another.".to_owned(),
            ..new("model_own_a")
        };
        assert_eq!(Metric::own(&other_help), Ok(first));
        assert!(Metric::all().all(|metric| !metric.is_own()));
        first.forget();
        assert!(Metric::named("model_own_a").is_err());
        assert!(!Metric::all_own().contains(&first));
        assert_eq!(first.name(), "model_own_a", "what has it can name it");
        assert_eq!(Metric::own(&new("model_own_a")), Ok(first));
        let counter = NewMetric {
            kind: Kind::Counter,
            ..new("model_own_a")
        };
        assert!(matches!(
            Metric::own(&counter),
            Err(NotAMetric::Differs { .. })
        ));
        let json = serde_json::to_string(&other).unwrap();
        assert_eq!(serde_json::from_str::<Metric>(&json).unwrap(), other);
    }

    #[test]
    fn what_cannot_be_a_metric_says_why() {
        let state = |unit: &str| NewMetric {
            unit: unit.to_owned(),
            kind: Kind::State,
            ..new("model_own_state")
        };
        for (metric, ok) in [
            (new("model_own_c"), true),
            (new("_x9"), true),
            (new("9x"), false),
            (new("a-b"), false),
            (new(""), false),
            (new(&"x".repeat(NAME_LEN_MAX)), true),
            (new(&"x".repeat(NAME_LEN_MAX + 1)), false),
            (new("ifHCInOctets"), false),
            (new("IFHCINOCTETS"), false),
            (state(""), true),
            (state("octets"), false),
            (
                NewMetric {
                    unit: String::new(),
                    ..new("model_own_c")
                },
                false,
            ),
            (
                NewMetric {
                    unit: "a b".to_owned(),
                    ..new("model_own_c")
                },
                false,
            ),
            (
                NewMetric {
                    help: "two\nlines".to_owned(),
                    ..new("model_own_c")
                },
                false,
            ),
        ] {
            assert_eq!(metric.check().is_ok(), ok, "{metric:?}");
        }
        Metric::own(&new("model_own_case")).unwrap();
        assert!(matches!(
            Metric::own(&new("model_OWN_case")),
            Err(NotAMetric::Taken { .. })
        ));
    }
}
