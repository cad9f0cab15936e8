//! What a server answers, on standard output: as JSON, or in words.

use serde_json::Value;
use std::io::{self, BufWriter, ErrorKind, Stdout, StdoutLock, Write};

/// Refused rows that are shown; all are counted.
pub(super) const FAULTS_SHOWN: usize = 20;

/// A text of an answer; empty where there is none.
pub(super) fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A number of an answer; 0 where there is none.
pub(super) fn number(of: &Value, key: &str) -> u64 {
    of.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// The elements of a list of an answer.
pub(super) fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let list = of.get(key).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// Whether an answer says so.
pub(super) fn is_true(of: &Value, key: &str) -> bool {
    of.get(key).and_then(Value::as_bool) == Some(true)
}

/// Standard output for what came of work. Whether anybody still reads it changes neither the work nor
/// how the program ends.
pub(super) fn told() -> Told {
    Told(io::stdout().lock())
}

/// See [`told`].
pub(super) struct Told(StdoutLock<'static>);

impl Write for Told {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self.0.write(octets) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(octets.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Prints an answer as one JSON value, or the words for it.
pub(super) fn print(value: &Value, as_json: bool, words: &str) -> io::Result<()> {
    let mut out = told();
    if as_json {
        return writeln!(out, "{}", serde_json::to_string_pretty(value)?);
    }
    for line in words.lines() {
        writeln!(out, "{}", plain(line))?;
    }
    Ok(())
}

/// A line without characters that a terminal would act upon: devices choose the names in it.
pub(super) fn plain(line: &str) -> String {
    let shown = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    line.chars().map(shown).collect()
}

/// Rows on standard output as they come: a line each, or one JSON array.
pub(super) struct Rows {
    out: BufWriter<Stdout>,
    as_json: bool,
    is_first: bool,
}

impl Rows {
    /// Before the first.
    pub(super) fn begin(as_json: bool) -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
            as_json,
            is_first: true,
        }
    }

    /// One of them.
    pub(super) fn row(&mut self, row: &Value, words: impl Fn(&Value) -> String) -> io::Result<()> {
        if !self.as_json {
            return writeln!(self.out, "{}", plain(&words(row)));
        }
        let before = if self.is_first { "[\n  " } else { ",\n  " };
        self.is_first = false;
        write!(self.out, "{before}{row}")
    }

    /// Behind the last.
    pub(super) fn end(mut self) -> io::Result<()> {
        match (self.as_json, self.is_first) {
            (true, true) => writeln!(self.out, "[]")?,
            (true, false) => writeln!(self.out, "\n]")?,
            _ => {}
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        assert_eq!(plain("core\u{1b}[2J-1\t\u{85}é"), "core [2J-1  é");
    }
}
