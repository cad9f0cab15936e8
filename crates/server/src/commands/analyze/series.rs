//! Series as JSON, one a line.

use serde::de::{DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de::Error};
use std::borrow::Cow;
use std::fmt;

/// The most values of a series.
pub const VALUES_MAX: usize = 1_000_000;
/// The longest id, in octets.
pub const ID_LEN_MAX: usize = 1_024;
/// The most seasons of a series that are read.
const SEASONS_MAX: usize = 64;

/// A series' name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub String);

/// A series' values; what is missing is NaN.
#[derive(Clone, Debug)]
pub struct Values(pub Vec<f64>);

/// Steps after which a series repeats: one, or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seasons(pub Vec<usize>);

/// Reads a line: a JSON object, in which NaN and Infinity may stand where JSON has null.
pub fn parse<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(&as_json(line)).map_err(|error| {
        // All of it is in one line, which is told by its number in the file.
        let text = error.to_string();
        text.replacen(" at line 1 column ", " at character ", 1)
    })
}

/// The line with null for numbers that JSON does not have, as Python writes them.
fn as_json(line: &str) -> Cow<'_, str> {
    const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
    if !NO_NUMBERS.iter().any(|word| line.contains(word)) {
        return Cow::Borrowed(line);
    }
    let mut json = String::with_capacity(line.len());
    let (mut rest, mut is_quoted, mut is_escaped) = (line, false, false);
    while let Some(first) = rest.chars().next() {
        let word = NO_NUMBERS.iter().find(|word| rest.starts_with(*word));
        let taken = match word {
            Some(word) if !is_quoted => {
                json.push_str("null");
                word.len()
            }
            _ => {
                json.push(first);
                match first {
                    _ if is_escaped => is_escaped = false,
                    '\\' if is_quoted => is_escaped = true,
                    '"' => is_quoted = !is_quoted,
                    _ => {}
                }
                first.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    Cow::Owned(json)
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        if id.is_empty() || id.len() > ID_LEN_MAX {
            let text = format!("an id has 1 to {ID_LEN_MAX} octets");
            return Err(D::Error::custom(text));
        }
        Ok(Self(id))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Into;
        impl<'de> Visitor<'de> for Into {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element::<Option<f64>>()? {
                    if values.len() == VALUES_MAX {
                        let text = format!("a series has at most {VALUES_MAX} values");
                        return Err(A::Error::custom(text));
                    }
                    values.push(value.unwrap_or(f64::NAN));
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_seq(Into)
    }
}

impl<'de> Deserialize<'de> for Seasons {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a season is a number of steps, or a list of them"
        )]
        enum Given {
            One(usize),
            Some(Vec<usize>),
        }
        let seasons = match Given::deserialize(deserializer)? {
            Given::One(season) => vec![season],
            Given::Some(seasons) => seasons,
        };
        if seasons.len() > SEASONS_MAX {
            let text = format!("a series has at most {SEASONS_MAX} seasons");
            return Err(D::Error::custom(text));
        }
        Ok(Self(seasons))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Line {
        id: Id,
        season: Option<Seasons>,
        y: Values,
    }

    #[test]
    fn missing_values_are_no_numbers() {
        let line: Line = parse(
            r#"{"id": "NaN \" -Infinity", "season": 24, "more": [NaN], "y": [1, null, NaN, -Infinity, Infinity, -2.5e3]}"#,
        )
        .unwrap();
        assert_eq!(line.id.0, "NaN \" -Infinity");
        assert_eq!(line.season, Some(Seasons(vec![24])));
        let known: Vec<bool> = line.y.0.iter().map(|value| value.is_finite()).collect();
        assert_eq!(known, [true, false, false, false, false, true]);
        let line: Line = parse(r#"{"id": "a", "season": [24, 168], "y": []}"#).unwrap();
        assert_eq!(line.season, Some(Seasons(vec![24, 168])));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let many = format!(r#"{{"id": "a", "y": [{}1]}}"#, "1,".repeat(VALUES_MAX));
        for (line, wrong) in [
            ("", "EOF"),
            ("[1", "invalid"),
            (r#"{"id": "", "y": []}"#, "1 to 1024 octets at character 9"),
            (r#"{"id": "a"}"#, "missing field `y`"),
            (r#"{"id": "a", "y": ["1"]}"#, "expected f64"),
            (r#"{"id": "a", "y": [1e999]}"#, "out of range"),
            (r#"{"id": "a", "season": -1, "y": []}"#, "a number of steps"),
            (&many, "at most 1000000 values"),
        ] {
            let error = parse::<Line>(line).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
