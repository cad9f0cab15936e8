//! What is wrong with a scenario, by line and key.

use super::fault::FaultProblem;

/// The scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("it cannot be read")]
    Read {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too long.
    #[error("over {len_max} octets are too many for a scenario")]
    TooLong {
        /// How long it may be.
        len_max: usize,
    },
    /// The text is not TOML, or a value is of another kind than its key.
    #[error("line {line}, column {column}: {detail}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong there.
        detail: String,
    },
    /// There is no such key, or no such word.
    #[error("line {line}: there is no {what} `{found}`{}", hint(.nearest.as_deref(), .known))]
    Unknown {
        /// Counted from 1.
        line: usize,
        /// `key` or `value`.
        what: &'static str,
        /// What was written.
        found: String,
        /// The nearest that there is, where one is near enough.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A value that does not fit its key.
    #[error("{}`{key}`: {detail}", line_of(*.line))]
    Value {
        /// Counted from 1; 0 where the value came from no file.
        line: usize,
        /// Which, as `traffic.noise` or `faults[2].target`.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
}

fn hint(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; there are {}", known.join(", ")),
    }
}

fn line_of(line: usize) -> String {
    if line == 0 {
        String::new()
    } else {
        format!("line {line}: ")
    }
}

impl ScenarioError {
    pub(crate) fn value(key: &str, detail: String) -> Self {
        Self::Value {
            line: 0,
            key: key.to_owned(),
            detail,
        }
    }

    /// A problem with the fault at this place of the list.
    pub(crate) fn fault(place: usize, problem: &FaultProblem) -> Self {
        let key = format!("faults[{place}].{}", problem.field);
        Self::value(&key, problem.detail.clone())
    }

    /// The same problem, with the line on which the key stands.
    pub(crate) fn in_text(self, text: &str) -> Self {
        match self {
            Self::Value {
                line: 0,
                key,
                detail,
            } => Self::Value {
                line: line_of_key(text, &key).unwrap_or(0),
                key,
                detail,
            },
            other => other,
        }
    }
}

/// The error of the TOML reader in our words.
pub(super) fn of_toml(text: &str, error: &toml::de::Error) -> ScenarioError {
    let start = error.span().map_or(0, |span| span.start);
    let (line, column) = position(text, start);
    let message = error.message();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let what = if message.starts_with("unknown field") {
        "key"
    } else if message.starts_with("unknown variant") {
        "value"
    } else {
        return ScenarioError::Syntax {
            line,
            column,
            detail: message.lines().collect::<Vec<_>>().join(" "),
        };
    };
    let (found, known) = quoted.split_first().unwrap_or((&"", &[]));
    ScenarioError::Unknown {
        line,
        what,
        found: (*found).to_owned(),
        nearest: nearest(found, known).map(str::to_owned),
        known: known.iter().map(|&word| word.to_owned()).collect(),
    }
}

/// The word most like this one, where one is alike enough to be meant.
pub(crate) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|&word| (strsim::jaro_winkler(found, word), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

/// Line and column of an octet, each from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    (line, column)
}

/// The line on which the value of this key stands; that of its section where it has no line of its
/// own.
fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let table = toml::de::DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table = table.get_ref();
    for part in key.split('.') {
        let (name, place) = match part.split_once('[') {
            Some((name, place)) => (name, place.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
            break;
        };
        found = Some(key.span().start);
        let mut value = value;
        if let (Some(place), Some(entries)) = (place, value.get_ref().as_array()) {
            let Some(entry) = entries.get(place) else {
                break;
            };
            found = Some(entry.span().start);
            value = entry;
        }
        match value.get_ref().as_table() {
            Some(inner) => table = inner,
            None => break,
        }
    }
    found.map(|at| position(text, at).0)
}
