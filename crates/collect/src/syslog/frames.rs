//! Where a message ends on a connection: RFC 6587, by octet counting or by a line's end, told apart
//! for each message by how it begins.

use super::parse::LINE_LEN_MAX;

/// Largest count of octets that is believed. A larger one is no count: the message ends with its
/// line, as for senders whose lines begin with a digit.
const COUNT_MAX: usize = 1 << 20;
/// Digits of [`COUNT_MAX`].
const COUNT_DIGITS_MAX: usize = 7;

/// The messages of one connection. It never holds more than the beginning of one.
#[derive(Debug, Default)]
pub struct Frames {
    state: State,
    /// The beginning of the message, at most [`LINE_LEN_MAX`] octets and one more, by which the
    /// parser sees that it is cut.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Nothing of the next message was seen.
    #[default]
    Between,
    /// Digits that may be a count; they are held.
    Counting,
    /// So many octets of the message are still to come.
    Counted(usize),
    /// Up to the end of the line.
    Line,
}

impl Frames {
    /// Takes what was received, and hands on each message that is complete.
    pub fn push(&mut self, mut octets: &[u8], mut message: impl FnMut(&[u8])) {
        while let Some((first, rest)) = octets.split_first() {
            match self.state {
                State::Between => match first {
                    b'\n' | b'\r' | b'\0' | b' ' => octets = rest,
                    b'1'..=b'9' => self.state = State::Counting,
                    _ => self.state = State::Line,
                },
                State::Counting => {
                    octets = rest;
                    match first {
                        b'0'..=b'9' if self.held.len() < COUNT_DIGITS_MAX => self.held.push(*first),
                        b' ' => self.counted(),
                        b'\n' | b'\0' => self.end(&mut message),
                        _ => {
                            self.held.push(*first);
                            self.state = State::Line;
                        }
                    }
                }
                State::Counted(left) => {
                    let (now, rest) = octets.split_at(left.min(octets.len()));
                    self.hold(now);
                    octets = rest;
                    if now.len() == left {
                        self.end(&mut message);
                    } else {
                        self.state = State::Counted(left - now.len());
                    }
                }
                State::Line => {
                    let end = octets
                        .iter()
                        .position(|octet| matches!(octet, b'\n' | b'\0'));
                    let (now, rest) = octets.split_at(end.unwrap_or(octets.len()));
                    self.hold(now);
                    octets = rest;
                    if end.is_some() {
                        octets = rest.get(1..).unwrap_or_default();
                        self.end(&mut message);
                    }
                }
            }
        }
    }

    /// The connection ended: hands on what was begun.
    pub fn finish(mut self, mut message: impl FnMut(&[u8])) {
        if !self.held.is_empty() {
            self.end(&mut message);
        }
    }

    fn counted(&mut self) {
        let count = str::from_utf8(&self.held)
            .ok()
            .and_then(|text| text.parse().ok());
        if let Some(count @ 1..=COUNT_MAX) = count {
            self.held.clear();
            self.state = State::Counted(count);
        } else {
            self.held.push(b' ');
            self.state = State::Line;
        }
    }

    fn hold(&mut self, octets: &[u8]) {
        let room = (LINE_LEN_MAX + 1).saturating_sub(self.held.len());
        self.held
            .extend_from_slice(octets.get(..room).unwrap_or(octets));
    }

    fn end(&mut self, message: &mut impl FnMut(&[u8])) {
        if !self.held.is_empty() {
            message(&self.held);
        }
        self.held.clear();
        self.state = State::Between;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(octets: &[u8], piece: usize) -> Vec<String> {
        let (mut frames, mut messages) = (Frames::default(), Vec::new());
        let mut take = |octets: &[u8]| messages.push(String::from_utf8_lossy(octets).into_owned());
        for piece in octets.chunks(piece) {
            frames.push(piece, &mut take);
        }
        frames.finish(&mut take);
        messages
    }

    #[test]
    fn messages_of_both_framings_in_pieces_of_any_size() {
        for (octets, expected) in [
            ("<1>a\n<2>b\n", vec!["<1>a", "<2>b"]),
            ("<1>a\r\n<2>b", vec!["<1>a\r", "<2>b"]),
            ("4 <1>a6 <2>b\nc<3>d\n", vec!["<1>a", "<2>b\nc", "<3>d"]),
            ("4 <1>a\n4 <2>b", vec!["<1>a", "<2>b"]),
            ("<1>a\0<2>b\0", vec!["<1>a", "<2>b"]),
            ("9 short", vec!["short"]),
            ("99999999 x\ny\n", vec!["99999999 x", "y"]),
            ("9999999 x\ny\n", vec!["9999999 x", "y"]),
            ("12:00:00 x\n", vec!["12:00:00 x"]),
            ("0 x\n", vec!["0 x"]),
            ("12\n34", vec!["12", "34"]),
            ("\n\n\r\n  \0", vec![]),
            ("", vec![]),
        ] {
            for piece in 1..=octets.len().max(1) {
                assert_eq!(
                    messages(octets.as_bytes(), piece),
                    expected,
                    "{octets:?} by {piece}"
                );
            }
        }
    }

    #[test]
    fn a_message_without_end_is_held_only_as_far_as_it_is_read() {
        let mut frames = Frames::default();
        for start in ["<1>", "1000000 <1>"] {
            frames.push(start.as_bytes(), |_| panic!("no message ended"));
            for _ in 0..100 {
                frames.push(&[b'x'; 4_096], |_| panic!("no message ended"));
            }
            assert_eq!(frames.held.len(), LINE_LEN_MAX + 1);
            frames = Frames::default();
        }
    }
}
