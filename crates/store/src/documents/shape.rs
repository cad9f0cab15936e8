//! What documents look like: a Rust type seen from outside, as a JSON Schema and as a check.
//!
//! The schema is made of what the types derive for the API's document (`utoipa`), so that a type is
//! described once. The check reads a document as the type, which is what every reader does; tests
//! hold the one against the other.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt;
use utoipa::ToSchema;

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Where an OpenAPI document has its types.
const COMPONENTS: &str = "#/components/schemas/";
/// Where a schema has the types that it refers to.
const DEFINITIONS: &str = "#/$defs/";

/// What the documents of a collection look like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Their JSON Schema (2020-12). Types that it refers to are under `$defs`.
    pub schema: fn() -> Value,
    /// What is wrong with a document; nothing where it is one of these.
    pub check: fn(&Value) -> Result<(), Vec<Fault>>,
    /// Reads a document, and answers the JSON that would be written of it.
    pub rewrite: fn(&[u8]) -> serde_json::Result<Vec<u8>>,
}

/// Something that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as `request.targets[0]`; `.` is the document itself.
    pub at: String,
    /// What, in words.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "." => f.write_str(&self.reason),
            at => write!(f, "{at}: {}", self.reason),
        }
    }
}

impl Shape {
    /// Any JSON.
    pub const ANY: Self = Self::of::<Value>();

    /// What a `T` is written as.
    pub const fn of<T: Serialize + DeserializeOwned + ToSchema>() -> Self {
        Self {
            schema: schema::<T>,
            check: check::<T>,
            rewrite: rewrite::<T>,
        }
    }
}

/// Reading ends at the first fault, so that there is one at most.
fn check<T: DeserializeOwned>(body: &Value) -> Result<(), Vec<Fault>> {
    match serde_path_to_error::deserialize::<_, T>(body) {
        Ok(_) => Ok(()),
        Err(error) => Err(vec![Fault {
            at: error.path().to_string(),
            reason: error.inner().to_string(),
        }]),
    }
}

fn rewrite<T: Serialize + DeserializeOwned>(body: &[u8]) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&serde_json::from_slice::<T>(body)?)
}

fn schema<T: ToSchema>() -> Value {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let mut definitions = Map::new();
    for (name, part) in parts {
        definitions.insert(name, standing(&part));
    }
    let mut schema = standing(&T::schema());
    let mut open = BTreeSet::new();
    close_whole(&mut schema, &definitions, &mut open);
    for (name, definition) in definitions.clone() {
        let mut definition = definition;
        close_whole(&mut definition, &definitions, &mut open);
        definitions.insert(name, definition);
    }
    for name in open {
        if let Some(Value::Object(definition)) = definitions.get_mut(&name) {
            definition.remove("additionalProperties");
        }
    }
    if let Value::Object(schema) = &mut schema {
        schema.insert("$schema".to_owned(), json!(DIALECT));
        if !definitions.is_empty() {
            schema.insert("$defs".to_owned(), Value::Object(definitions));
        }
    }
    schema
}

/// A part of an OpenAPI document as one of a schema: what it refers to is elsewhere.
fn standing(part: &impl Serialize) -> Value {
    // What cannot be written says nothing, and so takes everything.
    let mut part = serde_json::to_value(part).unwrap_or_default();
    point(&mut part);
    part
}

fn point(part: &mut Value) {
    match part {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(to) if key == "$ref" => {
                        if let Some(name) = to.strip_prefix(COMPONENTS) {
                            *to = format!("{DEFINITIONS}{name}");
                        }
                    }
                    value => point(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(point),
        _ => {}
    }
}

/// A type without other fields than its own that is one part of a whole (a variant with its tag
/// beside its fields) would refuse the other parts: there the whole is closed and the part, which
/// goes into `open`, is not.
fn close_whole(schema: &mut Value, definitions: &Map<String, Value>, open: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let parts = fields.get("allOf").and_then(Value::as_array);
            let closed: Vec<String> = parts
                .into_iter()
                .flatten()
                .filter_map(|part| part.get("$ref")?.as_str()?.strip_prefix(DEFINITIONS))
                .filter(|name| {
                    let definition = definitions.get(*name);
                    definition.and_then(|d| d.get("additionalProperties"))
                        == Some(&Value::Bool(false))
                })
                .map(str::to_owned)
                .collect();
            if !closed.is_empty() {
                fields.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
                open.extend(closed);
            }
            for value in fields.values_mut() {
                close_whole(value, definitions, open);
            }
        }
        Value::Array(items) => {
            for item in items {
                close_whole(item, definitions, open);
            }
        }
        _ => {}
    }
}
