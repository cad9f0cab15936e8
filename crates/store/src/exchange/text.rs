//! Lines of a text, with a bound on each.

use std::io::{self, BufRead};

/// Longest line that is read, in octets: a thousand points of JSON have 40 KB.
pub const LINE_LEN_MAX: usize = 1 << 20;

/// What a line was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is in the buffer, without its end.
    Whole,
    /// It was longer than is read, and was stepped over.
    TooLong,
    /// There is none any more.
    None,
}

/// The lines of a text.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// The number of the line in the buffer, from 1.
    pub(super) number: u64,
    pub(super) buffer: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Self {
        Self {
            input,
            number: 0,
            buffer: Vec::new(),
        }
    }

    /// Goes on to the next line.
    pub(super) fn next(&mut self) -> io::Result<Line> {
        self.buffer.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let octets = self.input.fill_buf()?;
            if octets.is_empty() {
                break;
            }
            any = true;
            let end = octets.iter().position(|octet| *octet == b'\n');
            let taken = end.unwrap_or(octets.len());
            if self.buffer.len() + taken > LINE_LEN_MAX {
                too_long = true;
                self.buffer.clear();
            } else if !too_long {
                self.buffer
                    .extend_from_slice(octets.get(..taken).unwrap_or_default());
            }
            self.input.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(Line::None);
        }
        self.number += 1;
        Ok(if too_long { Line::TooLong } else { Line::Whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_are_read_and_one_that_is_too_long_costs_itself() {
        let long = "x".repeat(LINE_LEN_MAX + 1);
        let text = format!("a\n\n{long}\nb\r\n{}\nlast", "y".repeat(LINE_LEN_MAX));
        let mut input = BufReader::with_capacity(1_000, text.as_bytes());
        let mut lines = Lines::new(&mut input);
        let mut seen = Vec::new();
        loop {
            match lines.next().unwrap() {
                Line::None => break,
                line => seen.push((lines.number, line, lines.buffer.len())),
            }
        }
        let whole = Line::Whole;
        assert_eq!(
            seen,
            [
                (1, whole, 1),
                (2, whole, 0),
                (3, Line::TooLong, 0),
                (4, whole, 2),
                (5, whole, LINE_LEN_MAX),
                (6, whole, 4),
            ]
        );
    }
}
