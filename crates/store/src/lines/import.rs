//! Documents into a data folder.

mod reading;
mod writing;

use super::{FORMAT, Header, vault_mark};
use crate::StoreError;
use crate::documents::{CollectionSpec, Documents};
use reading::{Judged, Lines, judged};
use serde::Serialize;
use std::io::{self, BufRead};
use writing::{Import, Row, Vault};

/// Lines that are refused and named; what is wrong with them is seen from the first few, and the
/// number is exact.
pub const REFUSALS_LISTED_MAX: usize = 1_000;
/// Documents of an import that replaces: what it had is remembered in some 40 octets each, to tell
/// what it had not. Twice as many as a fleet of 20,000 devices has.
pub const REPLACED_MAX: usize = 2_000_000;

/// What becomes of documents that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Those that the lines do not have stay.
    #[default]
    Merge,
    /// Those of the collections that the first line names are deleted, once every other line was
    /// taken: a file that is cut short, or of which a line was refused, deletes none. A line that must
    /// have alone what such a one holds is written in the end, at once with its deletion.
    Replace,
}

/// How to import.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Which collections to take of the file; none means all that it has.
    pub collections: Option<Vec<&'static CollectionSpec>>,
    /// What becomes of documents that are there.
    pub mode: Mode,
    /// Only tells what would be done. Two lines that want the same unique key are not noticed then.
    pub dry_run: bool,
}

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Its number, from 1.
    pub line: u64,
    /// Its collection, where it could be read.
    pub collection: Option<String>,
    /// Its document, where it could be read.
    pub id: Option<String>,
    /// Why, in words.
    pub reason: String,
}

/// What was imported, or with [`ImportOptions::dry_run`] would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What became of documents that were there.
    pub mode: Mode,
    /// Lines that were read.
    pub lines: u64,
    /// Documents that were not there.
    pub created: u64,
    /// Documents that were there and said something else.
    pub changed: u64,
    /// Documents that were there as they are.
    pub unchanged: u64,
    /// Documents that were deleted: of [`Mode::Replace`].
    pub deleted: u64,
    /// Lines of collections that were not asked for.
    pub left_out: u64,
    /// Lines that were not taken.
    pub refused: u64,
    /// Those, at most [`REFUSALS_LISTED_MAX`].
    pub refusals: Vec<Refusal>,
    /// The file has no end, or fewer documents than its end says.
    pub cut_short: bool,
    /// Of [`Mode::Replace`], whether what the file has not was deleted.
    pub replaced: bool,
}

/// Why an import stopped. What was written before is kept, and it can be done again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It does not begin as an export does.
    #[error(
        "this is no export of documents: its first line is to be {{\"foretell\":\"documents\", ..}}"
    )]
    NotAnExport,
    /// A newer Foretell wrote it.
    #[error("it was written by a newer Foretell (format {found}; this one reads up to {FORMAT})")]
    Newer {
        /// Its format.
        found: u32,
    },
    /// It cannot be read.
    #[error("line {line} could not be read")]
    Read {
        /// Which line.
        line: u64,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The documents could not be read or written.
    #[error("the import stopped at line {line}")]
    Documents {
        /// The line that was read last.
        line: u64,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// There is more than can be remembered.
    #[error("line {line} is one document more than the {REPLACED_MAX} that can replace others")]
    TooMany {
        /// Which line.
        line: u64,
    },
}

/// Reads lines as [`super::export`] writes them, and writes their documents: those that are not there
/// are made, those that say something else are changed. A line that cannot be taken is named, and the
/// rest goes on. `progress` is told, now and then, how many lines were read.
pub async fn import(
    documents: &dyn Documents,
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut lines = Lines::new(input);
    let header = header(&mut lines)?;
    let stopped = |line| move |source| ImportError::Documents { line, source };
    let vault = vault_mark(documents).await.map_err(stopped(lines.number))?;
    let vault = Vault {
        same: vault.is_some() && vault == header.vault,
        none_here: vault.is_none(),
    };
    let mut import = Import::new(documents, options, vault);
    let (mut met, mut promised) = (0, None);
    while let Some(text) = lines.next()? {
        let judged = match text {
            Ok(text) if promised.is_none() => {
                judged(text, import.vault, &|spec| options.wants(spec))
            }
            Ok(_) => Judged::refused(None, None, "it is behind the end"),
            Err(reason) => Judged::refused(None, None, reason),
        };
        let number = lines.number;
        met += u64::from(!matches!(judged, Judged::End { .. }));
        match judged {
            Judged::End { documents } => promised = Some(documents),
            Judged::Refused {
                collection,
                id,
                reason,
            } => import.refuse(number, collection, id, reason),
            Judged::LeftOut => import.imported.left_out += 1,
            Judged::Taken { spec, id, body } => {
                let row = Row {
                    line: number,
                    spec,
                    id,
                    body,
                };
                import.take(row)?;
                if import.is_full() {
                    import.flush().await.map_err(stopped(number))?;
                    progress(number);
                }
            }
        }
    }
    import.flush().await.map_err(stopped(lines.number))?;
    import.imported.lines = lines.number;
    import.imported.cut_short = promised.is_none_or(|promised| met < promised);
    import.sweep(&header).await.map_err(stopped(lines.number))?;
    progress(lines.number);
    Ok(import.imported)
}

fn header(lines: &mut Lines<'_>) -> Result<Header, ImportError> {
    let Some(Ok(text)) = lines.next()? else {
        return Err(ImportError::NotAnExport);
    };
    let header: Header = serde_json::from_slice(text).map_err(|_| ImportError::NotAnExport)?;
    if header.foretell != super::KIND {
        return Err(ImportError::NotAnExport);
    }
    if header.format > FORMAT {
        return Err(ImportError::Newer {
            found: header.format,
        });
    }
    Ok(header)
}

impl ImportOptions {
    fn wants(&self, spec: &'static CollectionSpec) -> bool {
        let wanted = self.collections.as_ref();
        wanted.is_none_or(|wanted| wanted.contains(&spec))
    }
}
