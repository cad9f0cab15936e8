//! Whether one JSON schema keeps what another promised. For what a client sends the new one must take
//! all that the old one took; of what it hears the new one must say all that the old one said.
//!
//! Only what our documents use is known: types, enums, constants, properties, items, bounds, patterns,
//! `$ref`, `allOf`, `oneOf` and `anyOf`. An enum that an answer has more values of is taken for an
//! addition: clients are told to pass over what they do not know.

use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Who writes what the schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    /// Clients.
    Request,
    /// The server.
    Answer,
}

/// Two documents, and what the new one broke.
pub(super) struct Compared<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Pairs of references that were gone into, for schemas that hold themselves.
    seen: HashSet<(String, String, Side)>,
    pub(super) breaks: Vec<String>,
}

/// Bounds, and whether a larger value of each takes more.
const BOUNDS: [(&str, bool); 6] = [
    ("minimum", false),
    ("maximum", true),
    ("minLength", false),
    ("maxLength", true),
    ("minItems", false),
    ("maxItems", true),
];

impl<'a> Compared<'a> {
    pub(super) fn new(old: &'a Value, new: &'a Value) -> Self {
        Self {
            old,
            new,
            seen: HashSet::new(),
            breaks: Vec::new(),
        }
    }

    /// Notes what broke.
    pub(super) fn broken(&mut self, place: &str, what: &str) {
        self.breaks.push(format!("{place} {what}"));
    }

    /// Compares two schemas; `place` is where they are, for people.
    pub(super) fn schema(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        if let (Some(a), Some(b)) = (old["$ref"].as_str(), new["$ref"].as_str())
            && !self.seen.insert((a.to_owned(), b.to_owned(), side))
        {
            return;
        }
        let (old, new) = (flat(self.old, old), flat(self.new, new));
        let variants = (variants(&old), variants(&new));
        if let (Some(a), Some(b)) = &variants {
            self.variants(place, a, b, side);
            return;
        }
        // One with variants against one without: the plain one counts as its only variant.
        if variants.0.is_some() || variants.1.is_some() {
            let a = variants.0.unwrap_or_else(|| vec![old]);
            let b = variants.1.unwrap_or_else(|| vec![new]);
            self.variants(place, &a, &b, side);
            return;
        }
        self.types(place, &old, &new, side);
        if side == Side::Request {
            self.bounds(place, &old, &new);
            self.values(place, &old, &new);
        }
        self.properties(place, &old, &new, side);
        if !old["items"].is_null() {
            self.schema(&format!("{place} []"), &old["items"], &new["items"], side);
        }
    }

    /// Each variant that has to be met must be met by some variant of the other side.
    fn variants(&mut self, place: &str, old: &[Value], new: &[Value], side: Side) {
        let (all, others) = match side {
            Side::Request => (old, new),
            Side::Answer => (new, old),
        };
        for one in all {
            let fits = others.iter().any(|other| {
                let (a, b) = match side {
                    Side::Request => (one, other),
                    Side::Answer => (other, one),
                };
                let mut inner = Compared::new(self.old, self.new);
                inner.seen.clone_from(&self.seen);
                inner.schema(place, a, b, side);
                inner.breaks.is_empty()
            });
            if !fits {
                let what = match side {
                    Side::Request => "no longer takes",
                    Side::Answer => "may now be",
                };
                self.broken(place, &format!("{what} {}", short(one)));
            }
        }
    }

    fn types(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let (old, new) = (types(old), types(new));
        let (Some(old), Some(new)) = (&old, &new) else {
            // Any type: fine where that is the wider side.
            let narrowed = match side {
                Side::Request => old.is_none() && new.is_some(),
                Side::Answer => old.is_some() && new.is_none(),
            };
            if narrowed {
                self.broken(place, "has another type");
            }
            return;
        };
        let kept = match side {
            Side::Request => old.iter().all(|kind| takes(new, kind)),
            Side::Answer => new.iter().all(|kind| takes(old, kind)),
        };
        if !kept {
            let what = format!("was {} and is {}", old.join(" or "), new.join(" or "));
            self.broken(place, &what);
        }
    }

    fn bounds(&mut self, place: &str, old: &Value, new: &Value) {
        for (bound, larger_takes_more) in BOUNDS {
            let (before, after) = (old[bound].as_f64(), new[bound].as_f64());
            let narrower = match (before, after) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(before), Some(after)) if larger_takes_more => after < before,
                (Some(before), Some(after)) => after > before,
            };
            if narrower {
                self.broken(place, &format!("has a narrower {bound}"));
            }
        }
        if !new["pattern"].is_null() && old["pattern"] != new["pattern"] {
            self.broken(place, "has another pattern");
        }
    }

    fn values(&mut self, place: &str, old: &Value, new: &Value) {
        let Some(new) = constants(new) else {
            return;
        };
        let Some(old) = constants(old) else {
            self.broken(place, "takes only some values");
            return;
        };
        for value in old.iter().filter(|value| !new.contains(value)) {
            self.broken(place, &format!("no longer takes {value}"));
        }
    }

    fn properties(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let (before, after) = (required(old), required(new));
        match side {
            Side::Request => {
                for name in after.iter().filter(|name| !before.contains(name)) {
                    self.broken(&format!("{place} /{name}"), "is required");
                }
            }
            Side::Answer => {
                let there = |name: &&String| !new["properties"][name.as_str()].is_null();
                let lost = before.iter().filter(|name| !after.contains(name));
                for name in lost.filter(there) {
                    self.broken(&format!("{place} /{name}"), "may be missing");
                }
            }
        }
        for (name, before) in old["properties"].as_object().into_iter().flatten() {
            let place = format!("{place} /{name}");
            match new["properties"].get(name) {
                Some(after) => self.schema(&place, before, after, side),
                None => self.broken(&place, "is gone"),
            }
        }
    }
}

/// A schema without `$ref` and `allOf`: what it refers to and all its parts in one.
fn flat(document: &Value, schema: &Value) -> Value {
    let mut flat = Map::new();
    merge(document, schema, &mut flat);
    Value::Object(flat)
}

fn merge(document: &Value, schema: &Value, into: &mut Map<String, Value>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference
            .strip_prefix('#')
            .and_then(|at| document.pointer(at));
        if let Some(target) = target {
            merge(document, target, into);
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        merge(document, part, into);
    }
    for (key, value) in schema.as_object().into_iter().flatten() {
        match (key.as_str(), into.get_mut(key), value) {
            ("$ref" | "allOf", _, _) => {}
            ("properties", Some(Value::Object(there)), Value::Object(more)) => {
                for (name, property) in more {
                    let both = match there.get(name) {
                        Some(before) => json!({"allOf": [before, property]}),
                        None => property.clone(),
                    };
                    there.insert(name.clone(), both);
                }
            }
            ("required", Some(Value::Array(there)), Value::Array(more)) => {
                there.extend(more.iter().cloned());
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

fn variants(schema: &Value) -> Option<Vec<Value>> {
    let all = schema["oneOf"].as_array().or(schema["anyOf"].as_array())?;
    Some(all.clone())
}

fn types(schema: &Value) -> Option<Vec<String>> {
    let of = |value: &Value| value.as_str().map(str::to_owned);
    match &schema["type"] {
        Value::Array(all) => Some(all.iter().filter_map(of).collect()),
        Value::String(one) => Some(vec![one.clone()]),
        _ => None,
    }
}

fn takes(types: &[String], kind: &str) -> bool {
    types.iter().any(|one| one == kind)
        || (kind == "integer" && types.iter().any(|t| t == "number"))
}

/// The values that an enum or a constant lists.
fn constants(schema: &Value) -> Option<Vec<Value>> {
    match (&schema["enum"], schema.get("const")) {
        (Value::Array(all), _) => Some(all.clone()),
        (_, Some(one)) => Some(vec![one.clone()]),
        _ => None,
    }
}

fn required(schema: &Value) -> Vec<String> {
    let all = schema["required"].as_array().into_iter().flatten();
    all.filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn short(schema: &Value) -> String {
    schema.to_string().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What breaks where a client sends it, and where it hears it.
    #[track_caller]
    fn check(old: &Value, new: &Value, sent: &[&str], heard: &[&str]) {
        for (side, expected) in [(Side::Request, sent), (Side::Answer, heard)] {
            let none = Value::Null;
            let mut compared = Compared::new(&none, &none);
            compared.schema("it", old, new, side);
            assert_eq!(compared.breaks, expected, "{side:?}: {old} to {new}");
        }
    }

    #[test]
    fn types_and_bounds() {
        let string = json!({"type": "string"});
        let nullable = json!({"type": ["string", "null"]});
        check(&string, &string, &[], &[]);
        check(
            &string,
            &nullable,
            &[],
            &["it was string and is string or null"],
        );
        check(
            &nullable,
            &string,
            &["it was string or null and is string"],
            &[],
        );
        let (integer, number) = (json!({"type": "integer"}), json!({"type": "number"}));
        check(&integer, &number, &[], &["it was integer and is number"]);
        check(&number, &integer, &["it was number and is integer"], &[]);
        let up_to = |maximum: u32| json!({"type": "integer", "maximum": maximum});
        check(&up_to(10), &up_to(20), &[], &[]);
        check(&up_to(20), &up_to(10), &["it has a narrower maximum"], &[]);
        check(&integer, &up_to(10), &["it has a narrower maximum"], &[]);
        let pattern = json!({"type": "string", "pattern": "^a$"});
        check(&string, &pattern, &["it has another pattern"], &[]);
        check(&pattern, &string, &[], &[]);
    }

    #[test]
    fn values_and_variants() {
        let (two, three) = (
            json!({"enum": ["a", "b"]}),
            json!({"enum": ["a", "b", "c"]}),
        );
        check(&two, &three, &[], &[]);
        check(&three, &two, &["it no longer takes \"c\""], &[]);
        let one_of = |kinds: &[&str]| {
            let all: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind})).collect();
            json!({"oneOf": all})
        };
        let (plain, either) = (json!({"type": "string"}), one_of(&["null", "string"]));
        check(&plain, &either, &[], &["it may now be {\"type\":\"null\"}"]);
        check(
            &either,
            &plain,
            &["it no longer takes {\"type\":\"null\"}"],
            &[],
        );
        check(&either, &one_of(&["string", "null"]), &[], &[]);
    }

    #[test]
    fn properties_and_items() {
        let of = |fields: Value, required: Value| json!({"type": "array", "items": {"type": "object", "properties": fields, "required": required}});
        let string = json!({"type": "string"});
        let one = of(json!({"a": string}), json!([]));
        let same_required = of(json!({"a": string}), json!(["a"]));
        let two = of(json!({"a": string, "b": string}), json!([]));
        check(&one, &two, &[], &[]);
        check(&two, &one, &["it [] /b is gone"], &["it [] /b is gone"]);
        check(&one, &same_required, &["it [] /a is required"], &[]);
        check(&same_required, &one, &[], &["it [] /a may be missing"]);
    }

    #[test]
    fn parts_are_put_together() {
        let document = json!({"base": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}});
        let parts =
            json!({"allOf": [{"$ref": "#/base"}, {"properties": {"a": {"const": "x"}, "b": {}}}]});
        let flat = flat(&document, &parts);
        assert_eq!(flat["required"], json!(["a"]));
        assert_eq!(flat["type"], "object");
        assert!(flat["properties"]["b"].is_object() && flat["properties"]["a"]["allOf"].is_array());
    }
}
