//! `foretell documents`: everything that is kept besides samples and events, out and in.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Take documents out of a data folder as JSON lines, and put them in.
#[derive(Debug, Subcommand)]
pub enum Documents {
    /// Write documents as JSON lines.
    #[command(
        after_help = "The server must be stopped: while it runs the data folder is its own. Documents of an older server are brought to the present version first, with a copy kept beside them, as a start of this server would do it.\n\nEach line is one document with its collection, version, id and body, as\n  {\"collection\":\"devices\",\"version\":1,\"id\":\"0190..\",\"revision\":3,\"body\":{..}}\nThe first line says what the file is, the last how many documents it has.\n\nSecrets stay sealed: to use them elsewhere takes the key file (secret.key) as well. The file is still not for everybody: it has hashes of passwords, and is made for its owner alone.\n\nExamples:\n  foretell documents export --data-dir /var/lib/foretell --out documents.jsonl\n  foretell documents export --collection devices --collection checks | jq 'select(.body).body.name'\n\nWhat collections there are, and their fields: docs/formats/collections.md."
    )]
    Export(ExportDocuments),
    /// Read documents from JSON lines, and write them into a data folder.
    #[command(
        after_help = "The server must be stopped: while it runs the data folder is its own. Documents of an older server are brought to the present version first, with a copy kept beside them, as a start of this server would do it.\n\nA document that is not there is made, one that says something else is changed. A line that cannot be taken is named with its number, and the rest goes on; what was done is kept, and it can be done again.\n\n  --mode merge     documents that the file has not stay\n  --mode replace   those of the collections that the file is of are deleted in the end, where\n                   the file is whole and no line was refused\n\nSealed secrets come only into a folder with the vault that sealed them, or into a new one, which then needs the key file (secret.key) of the old one beside it before the server starts.\n\nExamples:\n  foretell documents import documents.jsonl --data-dir ./copy --dry-run\n  foretell documents import documents.jsonl --data-dir ./copy --mode replace\n  foretell documents import - --collection checks < checks.jsonl\n\nExit codes: 0 every line was taken, 1 some were not or the file is cut short, 2 it is no such file."
    )]
    Import(ImportDocuments),
}

/// Write documents as JSON lines.
#[derive(Debug, Args)]
pub struct ExportDocuments {
    /// File to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    /// Print what was done as one JSON object; beside lines on standard output, on standard error
    #[arg(long)]
    pub json: bool,
    /// Which documents, of which folder.
    #[command(flatten)]
    pub of: DocumentsOf,
}

/// Read documents from JSON lines.
#[derive(Debug, Args)]
pub struct ImportDocuments {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What becomes of documents that are there and not in the file
    #[arg(long, value_name = "MODE", default_value = "merge")]
    pub mode: ImportMode,
    /// Only tell what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Which documents, of which folder.
    #[command(flatten)]
    pub of: DocumentsOf,
}

/// Which documents, of which folder.
#[derive(Debug, Args)]
pub struct DocumentsOf {
    /// Collection to take; may be repeated [default: all]
    #[arg(long = "collection", value_name = "NAME")]
    pub collections: Vec<String>,
    /// File of the configuration
    #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder that everything is kept in
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What becomes of documents that are there and not in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImportMode {
    /// They stay.
    Merge,
    /// They are deleted, once all else was taken.
    Replace,
}
