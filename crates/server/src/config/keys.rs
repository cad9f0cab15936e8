//! Every configuration key, read from the schema of [`Settings`]: its path, type, default, bounds
//! and words. What the reference shows and what is checked is thereby one thing.

use super::Settings;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::sync::LazyLock;

/// One key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Path, as `poll.default_interval_secs`.
    pub path: String,
    /// What it means.
    pub help: String,
    /// What it holds.
    pub kind: Kind,
    /// The value where nothing sets it.
    pub default: Value,
    /// Smallest and largest number.
    pub range: Option<(i128, i128)>,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text, which may be a path or an address.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Switch,
    /// One of a few words, each with its meaning.
    OneOf(Vec<(String, String)>),
    /// A list of texts.
    Texts,
}

impl Key {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        match self.path.as_str() {
            "log.filter" => "FORETELL_LOG".to_owned(),
            _ => self.variable_by_rule(),
        }
    }
    /// The variable by the rule alone, which is understood where another is shown, too.
    pub fn variable_by_rule(&self) -> String {
        format!("FORETELL_{}", self.path.replace('.', "__").to_uppercase())
    }
}

/// Every key: those without a section first, then by section, each in alphabetical order.
pub fn all() -> &'static [Key] {
    static ALL: LazyLock<Vec<Key>> = LazyLock::new(read);
    &ALL
}

fn read() -> Vec<Key> {
    let schema = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<Settings>();
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut keys = Vec::new();
    walk(schema.as_value(), &defaults, "", &mut keys);
    keys.sort_by_key(|key| (key.path.contains('.'), key.path.clone()));
    keys
}

/// What a section is about.
pub fn section_help(name: &str) -> String {
    let schema = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<Settings>();
    let pointer = format!("/properties/{name}");
    schema
        .as_value()
        .pointer(&pointer)
        .map(words)
        .unwrap_or_default()
}

/// The known path most like this one, where one is alike enough to be meant.
pub fn nearest<'a>(path: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    known
        .into_iter()
        .map(|candidate| {
            let whole = strsim::jaro_winkler(path, candidate);
            // The right name in the wrong section is a common slip.
            let name = strsim::jaro_winkler(&last(path), &last(candidate)) * 0.95;
            (whole.max(name), candidate)
        })
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn walk(schema: &Value, defaults: &Value, prefix: &str, keys: &mut Vec<Key>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (name, property) in properties {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let default = defaults.get(name).cloned().unwrap_or_default();
        if property.get("properties").is_some() {
            walk(property, &default, &path, keys);
            continue;
        }
        let bound = |which: &str| property.get(which).and_then(whole);
        keys.push(Key {
            path,
            help: words(property),
            kind: kind(property),
            default,
            range: bound("minimum").zip(bound("maximum")),
        });
    }
}

/// A number that is whole, of either sign.
pub(super) fn whole(value: &Value) -> Option<i128> {
    let unsigned = value.as_u64().map(i128::from);
    unsigned.or_else(|| value.as_i64().map(i128::from))
}

fn kind(property: &Value) -> Kind {
    if let Some(choices) = property.get("oneOf").and_then(Value::as_array) {
        let choice = |choice: &Value| {
            let name = choice.get("const")?.as_str()?.to_owned();
            Some((name, words(choice)))
        };
        return Kind::OneOf(choices.iter().filter_map(choice).collect());
    }
    match property.get("type").and_then(Value::as_str) {
        Some("integer") => Kind::Number,
        Some("boolean") => Kind::Switch,
        Some("array") => Kind::Texts,
        _ => Kind::Text,
    }
}

/// The description, its line breaks taken out.
fn words(schema: &Value) -> String {
    let text = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
