//! What a collection declares: its name, the version and the shape of its documents, its indexes.

use super::Shape;
use serde_json::Value;

/// A kind of document. Each is a `static` in [`crate::catalog`].
#[derive(Debug)]
pub struct CollectionSpec {
    /// snake_case; the name of its table.
    pub name: &'static str,
    /// One sentence: what its documents are, and what their ids.
    pub about: &'static str,
    /// Version of its documents: 1 at first, one more with each migration.
    pub version: u32,
    /// What its documents look like at that version.
    pub shape: Shape,
    /// What documents can be found by besides their id.
    pub indexes: &'static [Index],
    /// What brings documents of older versions to this one: of each version from 2 on one, in
    /// order. Documents of any version that was ever released must stay readable.
    pub migrations: &'static [Migration],
    /// Whether its documents hold what is sealed by the vault of their data folder, and can be
    /// opened by no other.
    pub sealed: bool,
}

/// One step from a version to the next.
#[derive(Debug)]
pub struct Migration {
    /// The version that it makes.
    pub to: u32,
    /// Makes a document of that version of one of the version before; an error says in words for
    /// an operator why that cannot be. It must not look at anything but the document.
    pub change: fn(Value) -> Result<Value, String>,
}

/// Two are the same collection where what is on disk of them would be the same.
impl PartialEq for CollectionSpec {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.version) == (other.name, other.version) && self.indexes == other.indexes
    }
}

impl Eq for CollectionSpec {}

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
    /// A collection of any JSON at version 1.
    pub const fn plain(name: &'static str, indexes: &'static [Index]) -> Self {
        Self {
            name,
            about: "",
            version: 1,
            shape: Shape::ANY,
            indexes,
            migrations: &[],
            sealed: false,
        }
    }

    /// A document of version `from` as one of the present version; an error says why it cannot
    /// become one, or is none though it was changed.
    pub fn upgraded(&self, from: u32, body: Value) -> Result<Value, String> {
        let mut body = body;
        for to in from.saturating_add(1)..=self.version {
            let step = self.migrations.iter().find(|step| step.to == to);
            let step = step.ok_or_else(|| format!("nothing makes version {to} of it"))?;
            body = (step.change)(body)?;
        }
        match (self.shape.check)(&body) {
            Ok(()) => Ok(body),
            Err(faults) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                Err(faults.join("; "))
            }
        }
    }

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
