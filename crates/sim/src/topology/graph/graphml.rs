//! GraphML (Brandes et al. 2002), as far as nodes, edges and their data go: what the Internet Topology Zoo,
//! networkx and yEd write. Everything else in the file is passed over.
//!
//! Reading it takes tags and the text between them, no more of XML: no entities but the five, no
//! documents within documents.

use super::{Found, FoundLink, FoundNode, GraphError};
use std::collections::HashMap;

/// Elements in each other: a graph has five or six.
const DEPTH_MAX: usize = 64;

pub(super) fn read(text: &str) -> Result<Found, GraphError> {
    let mut found = Found::default();
    let mut keys: HashMap<String, String> = HashMap::new();
    let mut open: Vec<String> = Vec::new();
    let mut data: Option<(String, String)> = None;
    let mut rest = Rest { text, line: 1 };
    while let Some(piece) = rest.next()? {
        match piece {
            Piece::Text(words) => {
                if let Some((_, value)) = &mut data {
                    value.push_str(&plain(words));
                }
            }
            Piece::Close(name) => {
                if open.pop().as_deref() != Some(name) {
                    return Err(rest.wrong(format!("</{name}> closes nothing")));
                }
                if name == "data"
                    && let Some((key, value)) = data.take()
                {
                    take(
                        &mut found,
                        &open,
                        keys.get(&key).map_or(&key, |name| name),
                        &value,
                    );
                }
            }
            Piece::Open(name, attributes, closed) => {
                let of = |key: &str| attribute(attributes, key);
                match name {
                    "key" => {
                        if let (Some(id), Some(name)) = (of("id"), of("attr.name")) {
                            keys.insert(id, name);
                        }
                    }
                    "node" => {
                        let id = of("id").ok_or_else(|| rest.wrong("a node without id"))?;
                        found.nodes.push(FoundNode {
                            place: format!("node {id}"),
                            id,
                            label: None,
                        });
                    }
                    "edge" => {
                        let (Some(a), Some(b)) = (of("source"), of("target")) else {
                            return Err(rest.wrong("an edge without source and target"));
                        };
                        found.links.push(FoundLink {
                            place: format!("edge {a} to {b}"),
                            a,
                            b,
                            speed_bps: None,
                            cost: None,
                        });
                    }
                    "data" => data = of("key").map(|key| (key, String::new())),
                    _ => {}
                }
                if !closed {
                    if open.len() >= DEPTH_MAX {
                        return Err(rest.wrong("elements are too deep in each other"));
                    }
                    open.push(name.to_owned());
                }
            }
        }
    }
    match open.last() {
        None => Ok(found),
        Some(name) => Err(rest.wrong(format!("<{name}> is not closed"))),
    }
}

/// A datum of the node or edge that is open.
fn take(found: &mut Found, open: &[String], key: &str, value: &str) {
    let value = value.trim();
    let number = || {
        value
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
    };
    match open.last().map(String::as_str) {
        Some("node") => {
            if let (Some(node), "label" | "name") = (found.nodes.last_mut(), key)
                && !value.is_empty()
            {
                node.label = Some(value.to_owned());
            }
        }
        Some("edge") => {
            let Some(link) = found.links.last_mut() else {
                return;
            };
            match key {
                "LinkSpeedRaw" | "speed_bps" => link.speed_bps = number(),
                "speed_mbps" => link.speed_bps = number().map(|mbps| mbps * 1e6),
                "cost" | "weight" => link.cost = number(),
                _ => {}
            }
        }
        _ => {}
    }
}

enum Piece<'a> {
    Text(&'a str),
    /// Name, attributes, whether it closes itself.
    Open(&'a str, &'a str, bool),
    Close(&'a str),
}

/// What is still to be read.
struct Rest<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Rest<'a> {
    fn next(&mut self) -> Result<Option<Piece<'a>>, GraphError> {
        loop {
            if self.text.is_empty() {
                return Ok(None);
            }
            let Some(tag) = self.text.strip_prefix('<') else {
                let end = self.text.find('<').unwrap_or(self.text.len());
                return Ok(Some(Piece::Text(self.pass(end))));
            };
            if tag.starts_with("!--") {
                self.skip("-->")?;
            } else if tag.starts_with("![CDATA[") {
                let whole = self.skip("]]>")?;
                let inner = whole.strip_prefix("<![CDATA[").unwrap_or(whole);
                return Ok(Some(Piece::Text(
                    inner.strip_suffix("]]>").unwrap_or(inner),
                )));
            } else if tag.starts_with('?') || tag.starts_with('!') {
                self.skip(">")?;
            } else {
                let whole = self.tag()?;
                return Ok(Some(whole));
            }
        }
    }

    fn tag(&mut self) -> Result<Piece<'a>, GraphError> {
        let end = end_of_tag(self.text).ok_or_else(|| self.wrong("a tag is not closed"))?;
        let whole = self.pass(end);
        let inner = whole
            .strip_prefix('<')
            .and_then(|tag| tag.strip_suffix('>'))
            .unwrap_or_default();
        if let Some(name) = inner.strip_prefix('/') {
            return Ok(Piece::Close(local(name.trim())));
        }
        let (inner, closed) = match inner.strip_suffix('/') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        let (name, attributes) = inner.split_at_checked(end).unwrap_or((inner, ""));
        if name.is_empty() {
            return Err(self.wrong("a tag without name"));
        }
        Ok(Piece::Open(local(name), attributes, closed))
    }

    fn skip(&mut self, end: &str) -> Result<&'a str, GraphError> {
        let at = self
            .text
            .find(end)
            .ok_or_else(|| self.wrong(format!("`{end}` is missing")))?;
        Ok(self.pass(at + end.len()))
    }

    fn pass(&mut self, len: usize) -> &'a str {
        let (passed, rest) = self.text.split_at_checked(len).unwrap_or((self.text, ""));
        self.line += passed.matches('\n').count();
        self.text = rest;
        passed
    }

    fn wrong(&self, detail: impl Into<String>) -> GraphError {
        GraphError::Syntax {
            line: self.line,
            detail: detail.into(),
        }
    }
}

/// The end of the tag at the beginning: a `>` within quotes is none.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn attribute(attributes: &str, key: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = after.strip_prefix(quote)?.split_once(quote)?;
        if name.trim() == key {
            return Some(plain(value));
        }
        rest = after;
    }
}

fn plain(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
