//! What comes out: a file, which is there once it is whole, or standard output.

use crate::exit::UsageError;
use anyhow::Context as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where answers are written.
pub(super) struct Output {
    writer: Box<dyn Write>,
    /// The file as it is made, and its name once it is whole.
    making: Option<(PathBuf, PathBuf)>,
}

impl Output {
    /// Begins a file, or standard output where its name is `-`. The folder of the file must be there.
    pub(super) fn begin(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self {
                writer: Box::new(BufWriter::new(io::stdout())),
                making: None,
            });
        }
        if path.is_dir() {
            let text = format!("{} is a folder, and a file is written", path.display());
            return Err(UsageError(text).into());
        }
        // A pipe or a device has no name to take later.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            let file = File::options().write(true).open(path);
            let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
            return Ok(Self {
                writer: Box::new(BufWriter::new(file)),
                making: None,
            });
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let making = PathBuf::from(name);
        let file = File::create(&making);
        let file = file.with_context(|| format!("{} cannot be written", making.display()))?;
        Ok(Self {
            writer: Box::new(BufWriter::new(file)),
            making: Some((making, path.to_owned())),
        })
    }

    /// The file is whole.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        if let Some((making, path)) = self.making.take() {
            std::fs::rename(&making, &path)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writer.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Output {
    /// What is there of a file that did not become whole is not what was asked for.
    fn drop(&mut self) {
        if let Some((making, _)) = self.making.take() {
            let _ = std::fs::remove_file(making);
        }
    }
}

/// Refuses to write over what is read.
pub(super) fn must_differ(input: &Path, output: &Path) -> anyhow::Result<()> {
    let Ok(input) = input.canonicalize() else {
        return Ok(());
    };
    // The output need not be there yet, but its folder.
    let there = output.canonicalize().or_else(|_| {
        let parent = output.parent().filter(|parent| parent.as_os_str() != "");
        let parent = parent.unwrap_or(Path::new(".")).canonicalize()?;
        Ok::<_, io::Error>(parent.join(output.file_name().unwrap_or_default()))
    });
    let is_inside = there.is_ok_and(|output| output.starts_with(&input));
    if is_inside {
        let text = format!("{} would be written into what is read", output.display());
        return Err(UsageError(text).into());
    }
    Ok(())
}

/// A text as a field of a CSV (RFC 4180).
pub(super) fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut output = Output::begin(&path).unwrap();
        output.write_all(b"1").unwrap();
        drop(output);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let mut output = Output::begin(&path).unwrap();
        output.write_all(b"2").unwrap();
        output.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
        assert!(must_differ(&path, &path).is_err());
        assert!(must_differ(folder.path(), &folder.path().join("new")).is_err());
        assert!(must_differ(&path, &folder.path().join("new")).is_ok());
    }

    #[test]
    fn fields_are_quoted_where_they_must() {
        assert_eq!(field("a b"), "a b");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
