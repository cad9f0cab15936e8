//! Prints `docs/formats/collections.md`: every collection of documents, with its fields as its JSON
//! Schema has them. Run by `cargo xtask codegen`.
#![allow(clippy::print_stdout)]

use foretell_store::catalog;
use foretell_store::documents::CollectionSpec;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const INTRODUCTION: &str = "\
Every collection of documents, from the code: `crates/store/src/catalog.rs` lists them, and their \
fields are those of the Rust types. How documents lie on disk is told in [documents](documents.md), \
how they leave and come back in [document lines](document-lines.md).

- **version**: that of the documents' shape. It goes up where old documents are no longer read as they \
are; they are then brought along when the file is opened. A field that may be missing can come without \
a new version.
- **index**: a document is found by the values of the named fields, where none is missing or null.
- **needed**: a document without it is refused. What is not needed may be missing or has a default.
- **sealed**: holds secrets that only the vault of their data folder opens.
";

fn main() {
    println!("# Collections");
    println!();
    println!("Generated from `crates/store/src/catalog.rs` by `cargo xtask codegen`; do not edit.");
    println!();
    println!("{INTRODUCTION}");
    println!("| collection | version | what |");
    println!("| --- | --- | --- |");
    for spec in catalog::ALL {
        let (name, version) = (spec.name, spec.version);
        println!("| [`{name}`](#{name}) | {version} | {} |", about(spec));
    }
    let mut types = BTreeMap::new();
    for spec in catalog::ALL {
        println!();
        print(spec, &mut types);
    }
    println!();
    println!("# Types");
    for (name, schema) in &types {
        println!();
        println!("## {name}");
        println!();
        describe(schema);
    }
}

/// What is printed of a collection; the types that it refers to are put into `types`.
fn print(spec: &CollectionSpec, types: &mut BTreeMap<String, Value>) {
    let mut schema = (spec.shape.schema)();
    let definitions = schema.as_object_mut().and_then(|all| all.remove("$defs"));
    for (name, definition) in definitions.iter().filter_map(Value::as_object).flatten() {
        let other = types.insert(name.clone(), definition.clone());
        assert!(
            other.is_none_or(|other| other == *definition),
            "two types are called {name}: give one another by `schema(as = ..)`"
        );
    }
    println!("## {}", spec.name);
    println!();
    let sealed = if spec.sealed { " Sealed." } else { "" };
    println!("{} Version {}.{sealed}", about(spec), spec.version);
    println!();
    for index in spec.indexes {
        let unique = if index.unique { ", unique" } else { "" };
        let fields: Vec<String> = index.pointers.iter().map(|p| format!("`{p}`")).collect();
        println!("- index `{}`{unique}: {}", index.name, fields.join(", "));
    }
    if !spec.indexes.is_empty() {
        println!();
    }
    if !fields(&schema) {
        println!("Any JSON.");
    }
}

fn about(spec: &CollectionSpec) -> &'static str {
    spec.about.trim()
}

/// What is printed of a type.
fn describe(schema: &Value) {
    if let Some(text) = schema["description"].as_str() {
        println!("{}", words(text));
        println!();
    }
    if let Some(variants) = schema["oneOf"].as_array() {
        for variant in variants {
            println!("- {}", variant_of(variant));
        }
    } else if !fields(schema) {
        println!("{}.", kind(schema));
    }
}

/// Prints the fields as a table; whether there are any.
fn fields(schema: &Value) -> bool {
    let mut rows = Vec::new();
    gather(schema, &mut rows);
    if rows.is_empty() {
        return false;
    }
    println!("| field | type | needed | what |");
    println!("| --- | --- | --- | --- |");
    for row in rows {
        println!("{row}");
    }
    true
}

/// A row for each field, also for those of the parts that a type is made of.
fn gather(schema: &Value, rows: &mut Vec<String>) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if part["$ref"].is_string() {
            rows.push(format!("| (those of {}) | | | |", kind(part)));
        }
        gather(part, rows);
    }
    let required = schema["required"].as_array();
    for (name, field) in by_name(schema["properties"].as_object()) {
        let needed = required.is_some_and(|all| all.iter().any(|one| one == name));
        let needed = if needed { "yes" } else { "" };
        let text = described(field);
        rows.push(format!(
            "| `{name}` | {} | {needed} | {text} |",
            kind(field)
        ));
    }
}

/// A field's words: its own, or those beside what it refers to.
fn described(field: &Value) -> String {
    let own = field["description"].as_str();
    let beside = || {
        let choices = field["oneOf"].as_array()?;
        choices.iter().find_map(|one| one["description"].as_str())
    };
    own.or_else(beside).map(words).unwrap_or_default()
}

/// Words of a doc comment in one line of Markdown: links to code are code.
fn words(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("[`", "`")
        .replace("`]", "`")
        .replace('|', "\\|")
}

/// A variant in one line: what tells it from others, its fields, what it means.
fn variant_of(variant: &Value) -> String {
    let mut parts = Vec::new();
    for part in variant["allOf"].as_array().into_iter().flatten() {
        if part["$ref"].is_string() {
            parts.push(format!("the fields of {}", kind(part)));
        }
        parts.extend(inline(part["properties"].as_object()));
    }
    parts.extend(inline(variant["properties"].as_object()));
    if parts.is_empty() {
        parts.push(kind(variant));
    }
    match described(variant) {
        text if text.is_empty() => parts.join(", "),
        text => format!("{}: {text}", parts.join(", ")),
    }
}

fn inline(properties: Option<&Map<String, Value>>) -> Vec<String> {
    let fields = by_name(properties).into_iter();
    fields
        .map(|(name, field)| format!("`{name}` ({})", kind(field)))
        .collect()
}

/// Fields by name, for in which order they come depends on what else is built.
fn by_name(fields: Option<&Map<String, Value>>) -> BTreeMap<&String, &Value> {
    fields.into_iter().flatten().collect()
}

/// A type in some words.
fn kind(schema: &Value) -> String {
    if let Some(to) = schema["$ref"].as_str() {
        let name = to.rsplit('/').next().unwrap_or(to);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choices: Vec<String> = choices.iter().map(kind).collect();
        return choices.join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|v| format!("`{}`", plain(v))).collect();
        return values.join(", ");
    }
    match &schema["type"] {
        Value::Array(kinds) => {
            let kinds: Vec<String> = kinds
                .iter()
                .map(|kind| of_kind(&plain(kind), schema))
                .collect();
            kinds.join(" or ")
        }
        Value::String(kind) => of_kind(kind, schema),
        _ => "any".to_owned(),
    }
}

fn of_kind(kind: &str, schema: &Value) -> String {
    let detail = match kind {
        "array" => return format!("list of {}", self::kind(&schema["items"])),
        "string" => schema["format"].as_str().map(str::to_owned),
        "integer" => match (&schema["minimum"], &schema["maximum"]) {
            (Value::Number(least), Value::Number(most)) => Some(format!("{least} to {most}")),
            (Value::Number(least), _) => Some(format!("from {least}")),
            (_, Value::Number(most)) => Some(format!("up to {most}")),
            _ => None,
        },
        _ => None,
    };
    match detail {
        Some(detail) => format!("{kind} ({detail})"),
        None => kind.to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
