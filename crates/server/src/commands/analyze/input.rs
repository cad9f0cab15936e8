//! Lines of files, read one by one within bounds; gzip is known by its content. What is in a line is
//! not known here.

use crate::exit::UsageError;
use anyhow::Context as _;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _};
use std::path::Path;

/// The longest line, in octets: a series of a million values is shorter.
pub const LINE_LEN_MAX: usize = 16 << 20;
/// What gzip begins with (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The lines of a file.
pub struct Lines {
    name: String,
    input: Box<dyn BufRead + Send>,
    octets: Vec<u8>,
    /// The line that was read last, from 1.
    number: u64,
}

impl Lines {
    /// Opens a file, or standard input where its name is `-`.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::of("standard input", Box::new(BufReader::new(io::stdin())));
        }
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
        Self::of(&name, Box::new(BufReader::new(file)))
    }

    /// The lines of an input that is called so in errors.
    pub fn of(name: &str, mut input: Box<dyn BufRead + Send>) -> anyhow::Result<Self> {
        let mut first = Vec::new();
        let begin = input.by_ref().take(GZIP.len() as u64);
        { begin }
            .read_to_end(&mut first)
            .with_context(|| format!("{name} cannot be read"))?;
        let is_gzip = first == GZIP;
        let whole = Cursor::new(first).chain(input);
        let input: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::new(MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self {
            name: name.to_owned(),
            input,
            octets: Vec::new(),
            number: 0,
        })
    }

    /// The next line that is not empty, with its number and without its end; none behind the last.
    pub fn read(&mut self) -> anyhow::Result<Option<(u64, &str)>> {
        loop {
            self.octets.clear();
            let mut bounded = self.input.by_ref().take(LINE_LEN_MAX as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.octets);
            let (name, line) = (&self.name, self.number + 1);
            let read = read.with_context(|| format!("{name}, line {line}: it cannot be read"))?;
            if read == 0 {
                return Ok(None);
            }
            self.number = line;
            if read > LINE_LEN_MAX {
                let detail = format!("a line has at most {LINE_LEN_MAX} octets");
                return Err(self.wrong(line, &detail));
            }
            let is_mark = line == 1 && self.octets.starts_with(b"\xef\xbb\xbf");
            if is_mark {
                self.octets.drain(..3);
            }
            if !self.octets.trim_ascii().is_empty() {
                break;
            }
        }
        match str::from_utf8(&self.octets) {
            Ok(text) => Ok(Some((self.number, text.trim_end_matches(['\n', '\r'])))),
            Err(_) => Err(self.wrong(self.number, "it is not UTF-8 text")),
        }
    }

    /// The rest as one text, of at most so many octets.
    pub fn rest(&mut self, len_max: usize) -> anyhow::Result<String> {
        let name = &self.name;
        let mut octets = Vec::new();
        let mut bounded = self.input.by_ref().take(len_max as u64 + 1);
        let read = bounded.read_to_end(&mut octets);
        let read = read.with_context(|| format!("{name} cannot be read"))?;
        if read > len_max {
            let text = format!("{name} has more than {len_max} octets");
            return Err(UsageError(text).into());
        }
        let text = String::from_utf8(octets);
        text.map_err(|_| UsageError(format!("{name} is not UTF-8 text")).into())
    }

    /// Says what is wrong with a line.
    pub fn wrong(&self, line: u64, detail: &str) -> anyhow::Error {
        UsageError(format!("{}, line {line}: {detail}", self.name)).into()
    }

    /// What the input is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn lines(octets: Vec<u8>) -> Result<Vec<(u64, String)>, String> {
        let mut lines = Lines::of("x", Box::new(Cursor::new(octets))).unwrap();
        let mut all = Vec::new();
        while let Some((number, text)) = lines.read().map_err(|error| format!("{error:#}"))? {
            all.push((number, text.to_owned()));
        }
        Ok(all)
    }

    #[test]
    fn lines_are_read_plain_and_packed() {
        let text = b"\xef\xbb\xbfa,b\r\n\n  \n1,2\n3,4";
        let expected = [(1, "a,b"), (4, "1,2"), (5, "3,4")].map(|(n, t)| (n, t.to_owned()));
        assert_eq!(lines(text.to_vec()).unwrap(), expected);
        // As `cat` of two files: members behind one another.
        let mut packed = Vec::new();
        for part in text.chunks(9) {
            let mut writer = GzEncoder::new(&mut packed, Compression::fast());
            writer.write_all(part).unwrap();
            writer.finish().unwrap();
        }
        assert_eq!(lines(packed.clone()).unwrap(), expected);
        packed.truncate(packed.len() - 9);
        assert!(lines(packed).unwrap_err().contains("cannot be read"));
        assert_eq!(lines(Vec::new()).unwrap(), []);
        assert_eq!(lines(b"x".to_vec()).unwrap(), [(1, "x".to_owned())]);
    }

    #[test]
    fn lines_are_bounded_and_text() {
        let long = vec![b'1'; LINE_LEN_MAX + 1];
        assert!(
            lines(long)
                .unwrap_err()
                .starts_with("x, line 1: a line has")
        );
        let octets = b"a\n\xff\n".to_vec();
        assert_eq!(
            lines(octets).unwrap_err(),
            "x, line 2: it is not UTF-8 text"
        );
    }
}
