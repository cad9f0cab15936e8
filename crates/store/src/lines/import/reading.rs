//! Lines as they are read, and what is to be thought of each.

use super::super::{LINE_BYTES_MAX, Read};
use super::ImportError;
use super::writing::Vault;
use crate::catalog;
use crate::documents::{CollectionSpec, DOCUMENT_BYTES_MAX};
use serde_json::Value;
use std::io::{self, BufRead};

/// Octets of an id; the longest of ours has some 80.
const ID_LEN_MAX: usize = 1_024;

/// Lines one by one, each in the same memory. Those without anything in them are passed over.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    text: Vec<u8>,
    /// Number of the line that was read last, from 1.
    pub(super) number: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Self {
        Self {
            input,
            text: Vec::new(),
            number: 0,
        }
    }

    /// The next line, or why it cannot be taken; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Result<&[u8], &'static str>>, ImportError> {
        loop {
            let line = self.number + 1;
            let read = self.read();
            let Some(whole) = read.map_err(|source| ImportError::Read { line, source })? else {
                return Ok(None);
            };
            self.number = line;
            if !whole {
                return Ok(Some(Err("it is longer than a document may be")));
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(Some(Ok(&self.text)));
            }
        }
    }

    /// Whether a line was read, and the whole of it.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.text.clear();
        let most = LINE_BYTES_MAX as u64 + 1;
        let mut input = io::Read::take(&mut *self.input, most);
        if input.read_until(b'\n', &mut self.text)? == 0 {
            return Ok(None);
        }
        if self.text.len() <= LINE_BYTES_MAX || self.text.ends_with(b"\n") {
            return Ok(Some(true));
        }
        self.input.skip_until(b'\n')?;
        Ok(Some(false))
    }
}

/// What is to be thought of a line.
pub(super) enum Judged {
    /// It is a document.
    Taken {
        spec: &'static CollectionSpec,
        id: String,
        body: Vec<u8>,
    },
    /// It is of a collection that was not asked for.
    LeftOut,
    /// It is the end.
    End {
        /// Documents that should have come before.
        documents: u64,
    },
    /// It cannot be taken.
    Refused {
        collection: Option<String>,
        id: Option<String>,
        reason: String,
    },
}

impl Judged {
    pub(super) fn refused(
        collection: Option<String>,
        id: Option<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Refused {
            collection,
            id,
            reason: reason.into(),
        }
    }
}

/// Judges a line behind the first.
pub(super) fn judged(
    text: &[u8],
    vault: Vault,
    wanted: &dyn Fn(&'static CollectionSpec) -> bool,
) -> Judged {
    let read: Read<'_> = match serde_json::from_slice(text) {
        Ok(read) => read,
        Err(e) => {
            let reason = format!("it is no line of an export: {e}");
            return Judged::refused(None, None, reason);
        }
    };
    if let Some(end) = read.end {
        return Judged::End {
            documents: end.documents,
        };
    }
    let (collection, id) = (read.collection.clone(), read.id.clone());
    let spec = collection.as_deref().and_then(catalog::named);
    if spec.is_some_and(|spec| !wanted(spec)) {
        return Judged::LeftOut;
    }
    match document(read, vault) {
        Ok((spec, id, body)) => Judged::Taken { spec, id, body },
        Err(reason) => Judged::refused(collection, id, reason),
    }
}

/// The document of a line as it is to be kept.
fn document(
    read: Read<'_>,
    vault: Vault,
) -> Result<(&'static CollectionSpec, String, Vec<u8>), String> {
    let missing = |what| format!("it has no `{what}`");
    let name = read.collection.ok_or_else(|| missing("collection"))?;
    let id = read.id.ok_or_else(|| missing("id"))?;
    let version = read.version.ok_or_else(|| missing("version"))?;
    let body = read.body.ok_or_else(|| missing("body"))?.get();
    let spec = catalog::named(&name).ok_or("there is no such collection")?;
    if id.is_empty() || id.len() > ID_LEN_MAX {
        return Err(format!("an id has 1 to {ID_LEN_MAX} octets"));
    }
    if !(1..=spec.version).contains(&version) {
        let known = spec.version;
        return Err(format!(
            "it is of version {version}; this Foretell reads up to {known}"
        ));
    }
    if spec.sealed && !vault.same {
        return Err("it is sealed by the vault of another folder".to_owned());
    }
    let value: Value = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let body = if version == spec.version {
        spec.upgraded(version, value)?;
        body.as_bytes().to_vec()
    } else {
        let value = spec.upgraded(version, value)?;
        serde_json::to_vec(&value).map_err(|e| e.to_string())?
    };
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(format!(
            "a document has at most {DOCUMENT_BYTES_MAX} octets"
        ));
    }
    Ok((spec, id, body))
}
