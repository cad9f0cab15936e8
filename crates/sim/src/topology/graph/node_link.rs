//! Node-link JSON, as networkx and others write it, and as plain as `{"nodes": ["a", "b"],
//! "links": [{"a": "a", "b": "b"}]}`.

use super::{Found, FoundLink, FoundNode, GraphError};
use serde_json::{Map, Value};

pub(super) fn read(text: &str) -> Result<Found, GraphError> {
    let value: Value = serde_json::from_str(text).map_err(|error| GraphError::Syntax {
        line: error.line(),
        detail: format!("no JSON: {error}"),
    })?;
    let Value::Object(graph) = value else {
        return Err(content("/", "an object with nodes and links is expected"));
    };
    let mut found = Found::default();
    for (number, node) in list(&graph, &["nodes"])?.iter().enumerate() {
        let place = format!("nodes[{number}]");
        let (id, label) = match node {
            Value::Object(node) => {
                let id = ["id", "name", "key"]
                    .iter()
                    .find_map(|key| id(node.get(*key)?));
                let label = ["label", "name"].iter().find_map(|key| id_of(node, key));
                (id, label)
            }
            plain => (id(plain), None),
        };
        let id = id.ok_or_else(|| content(&place, "it has no id"))?;
        found.nodes.push(FoundNode { id, label, place });
    }
    let (name, links) = match graph.get("links") {
        Some(_) => ("links", list(&graph, &["links"])?),
        None => ("edges", list(&graph, &["edges", "links"])?),
    };
    for (number, link) in links.iter().enumerate() {
        let place = format!("{name}[{number}]");
        found.links.push(read_link(link, place)?);
    }
    Ok(found)
}

fn read_link(link: &Value, place: String) -> Result<FoundLink, GraphError> {
    let (a, b, more) = match link {
        Value::Object(link) => {
            let ends = [("a", "b"), ("source", "target"), ("from", "to")];
            let found = ends
                .iter()
                .find_map(|(a, b)| Some((id(link.get(*a)?)?, id(link.get(*b)?)?)));
            let (a, b) = found.ok_or_else(|| {
                content(
                    &place,
                    "its ends are missing: a and b, source and target, or from and to",
                )
            })?;
            (a, b, Some(link))
        }
        Value::Array(ends) => match ends.as_slice() {
            [a, b, ..] => match (id(a), id(b)) {
                (Some(a), Some(b)) => (a, b, None),
                _ => return Err(content(&place, "its ends are no names")),
            },
            _ => return Err(content(&place, "a link has two ends")),
        },
        _ => return Err(content(&place, "a link is an object or a pair")),
    };
    let number = |key: &str| more.and_then(|link| link.get(key)).and_then(Value::as_f64);
    Ok(FoundLink {
        a,
        b,
        speed_bps: number("speed_bps")
            .or_else(|| number("speed_mbps").map(|mbps| mbps * 1e6))
            .or_else(|| number("LinkSpeedRaw")),
        cost: number("cost").or_else(|| number("weight")),
        place,
    })
}

fn list<'a>(graph: &'a Map<String, Value>, keys: &[&str]) -> Result<&'a Vec<Value>, GraphError> {
    let first = keys.first().copied().unwrap_or_default();
    keys.iter()
        .find_map(|key| graph.get(*key))
        .ok_or_else(|| content(first, "it is missing"))?
        .as_array()
        .ok_or_else(|| content(first, "a list is expected"))
}

fn id_of(node: &Map<String, Value>, key: &str) -> Option<String> {
    id(node.get(key)?)
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn content(place: &str, detail: &str) -> GraphError {
    GraphError::Content {
        place: place.to_owned(),
        detail: detail.to_owned(),
    }
}
