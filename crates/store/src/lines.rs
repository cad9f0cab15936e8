//! Documents as JSON lines: out of a data folder and into one. Bytes: `docs/formats/document-lines.md`.
//!
//! Begin with [`export`] and [`import`]. Both go through [`Documents`], document by document, in
//! bounded memory; neither is one moment of a folder that is being written to meanwhile. What is
//! sealed leaves sealed, and comes into no folder but one with the same vault.

mod export;
mod import;

pub use export::{ExportError, Exported, export};
pub use import::{
    ImportError, ImportOptions, Imported, Mode, REFUSALS_LISTED_MAX, REPLACED_MAX, Refusal, import,
};

use crate::StoreError;
use crate::catalog;
use crate::documents::{DOCUMENT_BYTES_MAX, Documents, Query};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// What the first line says that the file is.
const KIND: &str = "documents";
/// Version of the lines.
const FORMAT: u32 = 1;
/// Octets of a line: a document, and room for its id and what else is beside it.
pub const LINE_BYTES_MAX: usize = DOCUMENT_BYTES_MAX + (64 << 10);
/// Documents that are read at a time, each of up to [`DOCUMENT_BYTES_MAX`].
const PAGE_LEN: usize = 8;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// [`KIND`].
    foretell: String,
    /// [`FORMAT`].
    format: u32,
    /// Which vault sealed what is sealed: see [`vault_mark`].
    vault: Option<String>,
    /// The collections that follow, with the versions of their documents.
    collections: BTreeMap<String, u32>,
}

/// A document.
#[derive(Serialize)]
struct DocumentLine<'a> {
    collection: &'a str,
    version: u32,
    id: &'a str,
    revision: u64,
    body: &'a RawValue,
}

/// The last line, by which one knows that nothing is missing.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    /// Documents that came before.
    documents: u64,
}

/// A line behind the first, as it is read.
#[derive(Deserialize)]
struct Read<'a> {
    end: Option<End>,
    collection: Option<String>,
    version: Option<u32>,
    id: Option<String>,
    // A body that is `null` is a body.
    #[serde(borrow, default, deserialize_with = "there")]
    body: Option<&'a RawValue>,
}

fn there<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(reader).map(Some)
}

/// A mark of the vault that the documents belong to: SHA-256, in hex, over its documents, each as
/// its id, a zero octet, its body, a zero octet. None where there is no vault yet. It tells nothing
/// of the key.
async fn vault_mark(documents: &dyn Documents) -> Result<Option<String>, StoreError> {
    let query = Query {
        limit: PAGE_LEN,
        ..Query::default()
    };
    let page = documents.page(&catalog::VAULT, query).await?;
    if page.items.is_empty() {
        return Ok(None);
    }
    let mut sum = Sha256::new();
    for document in page.items {
        for part in [document.id.as_bytes(), &document.body] {
            sum.update(part);
            sum.update([0]);
        }
    }
    Ok(Some(hex::encode(sum.finalize())))
}
