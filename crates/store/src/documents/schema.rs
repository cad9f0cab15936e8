//! What a collection declares: its name and its indexes.

use serde_json::Value;

/// A kind of document. Each is a `static` in [`crate::catalog`].
#[derive(Debug, PartialEq, Eq)]
pub struct CollectionSpec {
    /// snake_case; the name of its table.
    pub name: &'static str,
    /// What documents can be found by besides their id.
    pub indexes: &'static [Index],
}

/// One index: a name and the parts of the document that make its key.
#[derive(Debug, PartialEq, Eq)]
pub struct Index {
    /// snake_case.
    pub name: &'static str,
    /// JSON pointers (RFC 6901) to strings, numbers or booleans. A document in which one is
    /// missing or null is not in the index.
    pub pointers: &'static [&'static str],
    /// Whether two documents may not have the same key.
    pub unique: bool,
}

/// Stands between the parts of a key that has several; no text of ours has it.
const SEPARATOR: char = '\u{1f}';

impl Index {
    /// The key of a document in this index; none where it is not in it.
    pub fn key(&self, body: &Value) -> Option<String> {
        let parts = self
            .pointers
            .iter()
            .map(|pointer| match body.pointer(pointer)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(yes) => Some(yes.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        Some(join(&parts))
    }
}

/// The key that several parts make.
fn join<S: AsRef<str>>(parts: &[S]) -> String {
    let mut key = String::new();
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            key.push(SEPARATOR);
        }
        key.push_str(part.as_ref());
    }
    key
}

impl CollectionSpec {
    /// The index of that name.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }
    /// Its declaration as text, to tell whether the indexes on disk are those declared.
    pub fn declaration(&self) -> String {
        let indexes: Vec<String> = self
            .indexes
            .iter()
            .map(|index| format!("{}({})", index.name, index.pointers.join(",")))
            .collect();
        indexes.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_made_of_what_is_there() {
        let index = Index {
            name: "asked_at",
            pointers: &["/address", "/port"],
            unique: true,
        };
        for (body, key) in [
            (
                json!({"address": "192.0.2.1", "port": 161}),
                Some("192.0.2.1\u{1f}161"),
            ),
            (json!({"address": "192.0.2.1", "port": null}), None),
            (json!({"address": "192.0.2.1"}), None),
            (json!([]), None),
        ] {
            assert_eq!(index.key(&body).as_deref(), key, "{body}");
        }
    }
}
