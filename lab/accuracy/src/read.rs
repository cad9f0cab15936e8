//! Files of truth and of answers: CSV, JSON and JSON lines, compressed by gzip or not, which is told by their
//! first octets and not by their names. Each error names the file and the line.

use anyhow::{Context as _, bail, ensure};
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The most octets that are read of one file, after it was decompressed.
const OCTETS_MAX: u64 = 1 << 30;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a file holds.
pub fn text(path: &Path) -> anyhow::Result<String> {
    let told = || path.display().to_string();
    let octets = fs::read(path).with_context(told)?;
    if !octets.starts_with(&GZIP) {
        return String::from_utf8(octets).with_context(told);
    }
    let mut text = String::new();
    let mut plain = MultiGzDecoder::new(octets.as_slice()).take(OCTETS_MAX);
    plain.read_to_string(&mut text).with_context(told)?;
    ensure!(plain.limit() > 0, "{}: over {OCTETS_MAX} octets", told());
    Ok(text)
}

/// A file that is one JSON value.
pub fn json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    serde_json::from_str(&text(path)?).with_context(|| path.display().to_string())
}

/// A file with a JSON value on each line; empty lines are none.
pub fn json_lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = text(path)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), at + 1))
        })
        .collect()
}

/// Columns of a CSV file by name.
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads one. Every row must have as many cells as there are names.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = text(path)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let told = || path.display().to_string();
        let names = reader.headers().with_context(told)?;
        let names = names.iter().map(|name| name.trim().to_owned()).collect();
        let rows = reader
            .records()
            .collect::<Result<_, _>>()
            .with_context(told)?;
        Ok(Self {
            path: path.to_owned(),
            names,
            rows,
        })
    }

    /// The names of its columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether it has a column of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| other == name)
    }

    /// The cells of a column.
    pub fn texts(&self, name: &str) -> anyhow::Result<Vec<&str>> {
        let at = self.names.iter().position(|other| other == name);
        let Some(at) = at else {
            bail!("{}: there is no column `{name}`", self.path.display());
        };
        Ok(self
            .rows
            .iter()
            .map(|row| row.get(at).unwrap_or_default().trim())
            .collect())
    }

    /// The numbers of a column; what is empty or `nan` is not a number.
    pub fn numbers(&self, name: &str) -> anyhow::Result<Vec<f64>> {
        let texts = self.texts(name)?.into_iter().enumerate();
        let number = |(at, text): (usize, &str)| match text {
            "" => Ok(f64::NAN),
            text => text.parse().with_context(|| {
                // The names are the first line.
                format!(
                    "{}:{}: {name} is no number: {text}",
                    self.path.display(),
                    at + 2
                )
            }),
        };
        texts.map(number).collect()
    }
}

/// The CSV files of a folder, by name.
pub fn csv_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let told = || folder.display().to_string();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(told)? {
        let path = entry.with_context(told)?.path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "{}: there is no CSV file", told());
    files.sort();
    Ok(files)
}

/// Answers by their id; two of one id are an error.
pub fn by_id<T>(
    answers: impl IntoIterator<Item = (String, T)>,
) -> anyhow::Result<BTreeMap<String, T>> {
    let mut by_id = BTreeMap::new();
    for (id, answer) in answers {
        ensure!(!by_id.contains_key(&id), "there are two answers for {id}");
        by_id.insert(id, answer);
    }
    Ok(by_id)
}

/// Numbers of which some are null: those are not a number.
pub fn with_gaps(values: &[Option<f64>]) -> Vec<f64> {
    values
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(octets: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(octets).unwrap();
        file
    }

    #[test]
    fn gzip_is_told_by_its_octets() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"{\"id\": 1}\n\n{\"id\": 2}\n").unwrap();
        let file = file(&packed.finish().unwrap());
        let lines: Vec<serde_json::Value> = json_lines(file.path()).unwrap();
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_bad_cell_is_told_with_its_line() {
        let file = file(b"timestamp,value\n1,2\n2,\n3,x\n");
        let table = Table::read(file.path()).unwrap();
        let error = table.numbers("value").unwrap_err().to_string();
        assert!(error.ends_with(":4: value is no number: x"), "{error}");
        assert!(table.numbers("label").is_err());
        assert_eq!(table.numbers("timestamp").unwrap(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn two_answers_for_one_are_refused() {
        let two = ["a", "a"].map(|id| (id.to_owned(), ()));
        assert!(by_id(two).is_err());
    }
}
