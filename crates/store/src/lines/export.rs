//! Documents out of a data folder.

use super::{DocumentLine, End, FORMAT, Header, KIND, PAGE_LEN, vault_mark};
use crate::StoreError;
use crate::catalog;
use crate::documents::{CollectionSpec, Document, Documents, Query};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{self, Write};
use tracing::warn;

/// Why documents could not be exported to the end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// They could not be read.
    #[error("the documents could not be read")]
    Read(#[from] StoreError),
    /// A line could not be written.
    #[error("a line could not be written")]
    Write(#[source] io::Error),
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Documents, a line each.
    pub documents: u64,
    /// Documents that are no JSON; they are logged.
    pub left_out: u64,
}

/// Writes every document of the collections as a line, by collection and id; the vault's come first,
/// so that whoever reads what is sealed has read them. `progress` is told, now and then, how many
/// were written. What is damaged is not there to be read, and is left out.
pub async fn export(
    documents: &dyn Documents,
    collections: &[&'static CollectionSpec],
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Exported, ExportError> {
    let header = Header {
        foretell: KIND.to_owned(),
        format: FORMAT,
        vault: vault_mark(documents).await?,
        collections: collections
            .iter()
            .map(|spec| (spec.name.to_owned(), spec.version))
            .collect(),
    };
    write_line(out, &header)?;
    let mut exported = Exported::default();
    let collections = collections.iter().copied();
    let (first, others): (Vec<_>, Vec<_>) = collections.partition(|spec| *spec == &catalog::VAULT);
    for spec in first.into_iter().chain(others) {
        let mut query = Query {
            limit: PAGE_LEN,
            ..Query::default()
        };
        loop {
            let page = documents.page(spec, query.clone()).await?;
            for document in &page.items {
                if write_document(out, spec, document)? {
                    exported.documents += 1;
                } else {
                    exported.left_out += 1;
                }
            }
            progress(exported.documents);
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    let end = End {
        documents: exported.documents,
    };
    write_line(out, &json!({ "end": end }))?;
    out.flush().map_err(ExportError::Write)?;
    Ok(exported)
}

fn write_document(
    out: &mut dyn Write,
    spec: &CollectionSpec,
    document: &Document,
) -> Result<bool, ExportError> {
    let Some(body) = in_one_line(&document.body) else {
        let (collection, id) = (spec.name, &document.id);
        warn!(collection, id, "a document is no JSON and is not exported");
        return Ok(false);
    };
    let line = DocumentLine {
        collection: spec.name,
        version: spec.version,
        id: &document.id,
        revision: document.revision,
        body: &body,
    };
    write_line(out, &line)?;
    Ok(true)
}

/// The JSON as it is kept; written anew where it goes over several lines, which ours does not.
fn in_one_line(body: &[u8]) -> Option<Box<RawValue>> {
    let kept: Box<RawValue> = serde_json::from_slice(body).ok()?;
    if !kept.get().contains(['\n', '\r']) {
        return Some(kept);
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    serde_json::value::to_raw_value(&value).ok()
}

fn write_line(out: &mut dyn Write, line: &impl Serialize) -> Result<(), ExportError> {
    let mut text = serde_json::to_vec(line)
        .map_err(io::Error::from)
        .map_err(ExportError::Write)?;
    text.push(b'\n');
    out.write_all(&text).map_err(ExportError::Write)
}
