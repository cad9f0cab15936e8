//! Whether the API's documents keep what the released ones promised: what was added is fine, what
//! breaks a client is not.
//!
//! The released documents are files in `crates/api/released/`. A breaking change fails the check
//! until `cargo xtask codegen --accept-breaking` makes the present documents the released ones, which
//! a reviewer then sees. What one schema promises against another is in [`schema`]; here are
//! operations and messages.

mod schema;

use crate::programs::root;
use crate::tally::Outcome;
use anyhow::{Context as _, bail};
use schema::{Compared, Side};
use serde_json::Value;
use std::fs;

/// The documents and their released states.
const DOCUMENTS: [(&str, &str); 2] = [
    (
        "crates/api/openapi.json",
        "crates/api/released/openapi.json",
    ),
    (
        "crates/api/asyncapi.yaml",
        "crates/api/released/asyncapi.yaml",
    ),
];

/// Fails where a document breaks what its released state promised.
pub(crate) fn check() -> anyhow::Result<Outcome> {
    let mut breaks = Vec::new();
    for (present, released) in DOCUMENTS {
        let (new, old) = (read(present)?, read(released)?);
        let found = if present.ends_with(".json") {
            operations(&old, &new)
        } else {
            messages(&old, &new)
        };
        breaks.extend(found.into_iter().map(|what| format!("{present}: {what}")));
    }
    if breaks.is_empty() {
        return Ok(Outcome::Passed);
    }
    bail!(
        "{}\n  Clients of the released API break by this. Where that is meant, say so in \
         CHANGELOG.md and run cargo xtask codegen --accept-breaking",
        breaks.join("\n  ")
    );
}

/// Makes the present documents the released ones.
pub(crate) fn accept() -> anyhow::Result<()> {
    for (present, released) in DOCUMENTS {
        let text = fs::read_to_string(root().join(present)).context(present)?;
        let released = root().join(released);
        if fs::read_to_string(&released).is_ok_and(|before| before == text) {
            continue;
        }
        if let Some(folder) = released.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&released, text).with_context(|| released.display().to_string())?;
        println!("{}", released.display());
    }
    Ok(())
}

fn read(path: &str) -> anyhow::Result<Value> {
    let text = fs::read_to_string(root().join(path)).with_context(|| path.to_owned())?;
    // JSON is YAML.
    serde_saphyr::from_str(&text).with_context(|| path.to_owned())
}

/// What an OpenAPI document broke.
fn operations(old: &Value, new: &Value) -> Vec<String> {
    let mut compared = Compared::new(old, new);
    for (path, item) in entries(&old["paths"]) {
        for (method, before) in entries(item) {
            let place = format!("{} {path}", method.to_uppercase());
            let after = &new["paths"][path][method];
            if after.is_null() {
                compared.broken(&place, "is gone");
            } else {
                operation(&mut compared, &place, before, after);
            }
        }
    }
    compared.breaks
}

fn operation(compared: &mut Compared<'_>, place: &str, before: &Value, after: &Value) {
    let open = |operation: &Value| operation["security"].is_array();
    if open(before) && !open(after) {
        compared.broken(place, "needs a sign-in");
    }
    let list = |operation: &Value| {
        operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let (old, new) = (list(before), list(after));
    let same = |a: &Value, b: &Value| a["name"] == b["name"] && a["in"] == b["in"];
    for parameter in &old {
        let place = format!("{place} parameter {}", text(&parameter["name"]));
        match new.iter().find(|other| same(parameter, other)) {
            None => compared.broken(&place, "is gone"),
            Some(other) => {
                if other["required"] == true && parameter["required"] != true {
                    compared.broken(&place, "is required");
                }
                let (a, b) = (&parameter["schema"], &other["schema"]);
                compared.schema(&place, a, b, Side::Request);
            }
        }
    }
    for parameter in &new {
        let added = !old.iter().any(|other| same(parameter, other));
        if added && parameter["required"] == true {
            let place = format!("{place} parameter {}", text(&parameter["name"]));
            compared.broken(&place, "is new and required");
        }
    }
    let (a, b) = (&before["requestBody"], &after["requestBody"]);
    if b["required"] == true && a["required"] != true {
        compared.broken(&format!("{place} body"), "is required");
    }
    content(compared, &format!("{place} body"), a, b, Side::Request);
    for (status, answer) in entries(&before["responses"]) {
        // Failures are problems of one shape, and one status of them may take another's place.
        if !status.starts_with('2') {
            continue;
        }
        let place = format!("{place} {status}");
        let other = &after["responses"][status];
        if other.is_null() {
            compared.broken(&place, "is gone");
        }
        content(compared, &place, answer, other, Side::Answer);
        for (name, _) in entries(&answer["headers"]) {
            if other["headers"][name].is_null() {
                compared.broken(&format!("{place} header {name}"), "is gone");
            }
        }
    }
}

fn content(compared: &mut Compared<'_>, place: &str, old: &Value, new: &Value, side: Side) {
    for (media_type, before) in entries(&old["content"]) {
        let after = &new["content"][media_type];
        if after.is_null() {
            compared.broken(&format!("{place} as {media_type}"), "is gone");
            continue;
        }
        compared.schema(place, &before["schema"], &after["schema"], side);
    }
}

/// What an AsyncAPI document broke.
fn messages(old: &Value, new: &Value) -> Vec<String> {
    let mut compared = Compared::new(old, new);
    for (name, before) in entries(&old["operations"]) {
        let after = &new["operations"][name];
        // The server's own point of view: it sends what clients hear.
        let side = match text(&before["action"]).as_str() {
            "send" => Side::Answer,
            _ => Side::Request,
        };
        let names = |operation: &Value| -> Vec<String> {
            let all = operation["messages"].as_array();
            all.into_iter().flatten().map(last_of_reference).collect()
        };
        let still = names(after);
        for message in names(before) {
            let place = format!("{name} {message}");
            if !still.contains(&message) {
                compared.broken(&place, "is gone");
                continue;
            }
            let payload = |document: &'_ Value| {
                document["components"]["messages"][&message]["payload"].clone()
            };
            compared.schema(&place, &payload(old), &payload(new), side);
        }
    }
    compared.breaks
}

fn last_of_reference(message: &Value) -> String {
    let reference = text(&message["$ref"]);
    reference.rsplit('/').next().unwrap_or_default().to_owned()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "paths": {"/devices": {
                "get": {
                    "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}],
                    "responses": {"200": {
                        "headers": {"ETag": {}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Device"}}},
                    }},
                },
                "post": {
                    "requestBody": {"required": true, "content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/DeviceCreate"},
                    }}},
                    "responses": {"201": {}},
                },
            }},
            "components": {"schemas": {
                "Device": {"type": "object", "required": ["id"], "properties": {
                    "id": {"type": "string"},
                    "parent": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Device"}]},
                }},
                "DeviceCreate": {"type": "object", "required": ["address"], "properties": {
                    "address": {"type": "string"},
                }},
            }},
        })
    }

    /// Puts `value` at a JSON pointer, or takes away what is there where it is null.
    #[track_caller]
    fn check(pointer: &str, value: Value, broken: &[&str]) {
        let (old, mut new) = (document(), document());
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        match new.pointer_mut(parent).unwrap() {
            Value::Object(map) if value.is_null() => {
                map.remove(&key);
            }
            Value::Object(map) => {
                map.insert(key, value);
            }
            Value::Array(all) => all.push(value),
            other => panic!("{other}"),
        }
        assert_eq!(operations(&old, &new), broken, "{pointer}");
    }

    const GET: &str = "/paths/~1devices/get";
    const SCHEMAS: &str = "/components/schemas";

    #[test]
    fn what_is_added_breaks_nothing() {
        check("/paths/~1links", json!({"get": {}}), &[]);
        let optional = json!({"name": "sort", "in": "query", "schema": {"type": "string"}});
        check(&format!("{GET}/parameters/-"), optional, &[]);
        let field = json!({"type": "string"});
        check(
            &format!("{SCHEMAS}/Device/properties/name"),
            field.clone(),
            &[],
        );
        check(
            &format!("{SCHEMAS}/DeviceCreate/properties/name"),
            field,
            &[],
        );
        check(&format!("{GET}/responses/404"), json!({}), &[]);
    }

    #[test]
    fn what_is_gone_or_asked_for_breaks() {
        check(
            "/paths/~1devices",
            Value::Null,
            &["GET /devices is gone", "POST /devices is gone"],
        );
        check(GET, Value::Null, &["GET /devices is gone"]);
        let required = json!({"name": "site", "in": "query", "required": true});
        check(
            &format!("{GET}/parameters/-"),
            required,
            &["GET /devices parameter site is new and required"],
        );
        check(
            &format!("{GET}/parameters"),
            json!([]),
            &["GET /devices parameter limit is gone"],
        );
        check(
            &format!("{GET}/responses/200/headers/ETag"),
            Value::Null,
            &["GET /devices 200 header ETag is gone"],
        );
        check(
            &format!("{SCHEMAS}/Device/properties/parent"),
            Value::Null,
            &["GET /devices 200 /parent is gone"],
        );
        check(
            &format!("{SCHEMAS}/DeviceCreate/required"),
            json!(["address", "name"]),
            &["POST /devices body /name is required"],
        );
    }

    #[test]
    fn messages_of_both_directions_are_held() {
        let document = |heard: Value, said: Value| {
            json!({
                "operations": {
                    "listen": {"action": "send", "messages": [{"$ref": "#/channels/stream/messages/hello"}]},
                    "ask": {"action": "receive", "messages": [{"$ref": "#/channels/stream/messages/subscribe"}]},
                },
                "components": {"messages": {"hello": {"payload": heard}, "subscribe": {"payload": said}}},
            })
        };
        let object = |fields: Value, required: Value| json!({"type": "object", "properties": fields, "required": required});
        let old = document(
            object(json!({"seq": {"type": "integer"}}), json!(["seq"])),
            object(json!({"topic": {"enum": ["a", "b"]}}), json!([])),
        );
        let more = document(
            object(
                json!({"seq": {"type": "integer"}, "at": {}}),
                json!(["seq", "at"]),
            ),
            object(json!({"topic": {"enum": ["a", "b", "c"]}}), json!([])),
        );
        assert_eq!(messages(&old, &more), Vec::<String>::new());
        assert_eq!(
            messages(&more, &old),
            [
                "ask subscribe /topic no longer takes \"c\"",
                "listen hello /at is gone"
            ]
        );
    }

    #[test]
    fn the_committed_documents_can_be_read() {
        for (present, released) in DOCUMENTS {
            assert!(read(present).unwrap().is_object(), "{present}");
            assert!(read(released).unwrap().is_object(), "{released}");
        }
    }
}
