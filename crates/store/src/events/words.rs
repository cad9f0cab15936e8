//! What is searched for: the words of an event as they are indexed, and those of a reader as they
//! are looked for.
//!
//! Device, source, kind and severity are words of the index too, so that any filter narrows what has
//! to be read. A text may hold such a word by chance or on purpose, and the index forgets how words
//! lie beside each other: what it finds is a candidate, and [`Search::holds`] decides.

use model::{DeviceId, EventKind, EventRecord};
use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;

/// Octets of a text that are indexed. What lies behind is kept and shown but not found; lines of
/// devices have a tenth of it.
pub const INDEXED_LEN_MAX: usize = 2_048;
/// Words of a search that are looked at; those behind are left out.
pub const WORDS_MAX: usize = 16;
/// Octets of a search that are looked at.
pub const SEARCH_LEN_MAX: usize = 512;
/// Letters from which on a word is also looked for as the beginning of longer ones. Beginnings of
/// fewer are in so many words that looking for them reads the index of a whole day.
const PREFIX_LEN_MIN: usize = 3;

/// The text of an event as it is given to the index, with the words of its filters behind it.
pub(super) fn indexed(into: &mut String, event: &EventRecord) {
    into.clear();
    let text = cut(&event.text, INDEXED_LEN_MAX);
    if text.is_ascii() {
        // The index's own folding is enough.
        into.push_str(text);
    } else {
        // To the index all that is not ASCII is of a word: dashes and spaces of other scripts too.
        let folded = text.to_lowercase();
        let letter = |letter: char| {
            if letter.is_ascii() || is_word(letter) {
                letter
            } else {
                ' '
            }
        };
        into.extend(folded.chars().map(letter));
    }
    into.push(' ');
    push_kind(into, event.kind);
    into.push(' ');
    push_source(into, event.source);
    if let Some(device_id) = event.device_id {
        into.push(' ');
        push_device(into, device_id);
    }
    if let Some(severity) = event.severity {
        into.push(' ');
        push_severity(into, severity);
    }
}

/// What a reader looks for.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Each must be in the text.
    words: Vec<Word>,
    /// The expression for the index; empty where it does not help.
    expression: String,
    /// The part of it that is of filters alone, behind which that of the words begins.
    filters_len: usize,
}

/// A word as it was typed, in small letters.
#[derive(Debug)]
struct Word {
    text: String,
    /// It may go on: its last part is long enough.
    open: bool,
}

impl Search {
    pub(super) fn new(
        text: &str,
        kind: Option<EventKind>,
        device_id: Option<DeviceId>,
        source: Option<IpAddr>,
        severity_max: Option<u8>,
    ) -> Self {
        let mut search = Self::default();
        if let Some(device_id) = device_id {
            search.must(|into| push_device(into, device_id));
        }
        if let Some(source) = source {
            search.must(|into| push_source(into, source));
        }
        if let Some(kind) = kind {
            search.must(|into| push_kind(into, kind));
        }
        if let Some(severity_max) = severity_max.filter(|severity| *severity < 7) {
            search.and();
            search.expression.push('(');
            for severity in 0..=severity_max {
                let or = if severity == 0 { "\"" } else { " OR \"" };
                search.expression.push_str(or);
                push_severity(&mut search.expression, severity);
                search.expression.push('"');
            }
            search.expression.push(')');
        }
        search.filters_len = search.expression.len();
        let folded = fold(cut(text, SEARCH_LEN_MAX)).into_owned();
        for word in folded.split_whitespace().take(WORDS_MAX) {
            search.word(word);
        }
        search
    }

    /// The expression for the index; empty where every event is a candidate.
    pub(super) fn expression(&self) -> &str {
        &self.expression
    }

    /// The expression of the filters without the words.
    pub(super) fn filters(&self) -> &str {
        self.expression.get(..self.filters_len).unwrap_or_default()
    }

    /// Whether words are looked for.
    pub(super) fn has_words(&self) -> bool {
        !self.words.is_empty()
    }

    /// Whether all words are in a text.
    pub(super) fn holds(&self, text: &str) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let text = fold(text);
        self.words.iter().all(|word| word.is_in(&text))
    }

    fn word(&mut self, word: &str) {
        let mut parts = word.split(|letter: char| !is_word(letter)).peekable();
        let mut open = true;
        while let Some(part) = parts.next() {
            if part.is_empty() {
                // Signs at the end say where the word ends.
                continue;
            }
            // Only the last part of a word may go on; those before it end where they end.
            let goes_on = parts.peek().is_none() && part.chars().count() >= PREFIX_LEN_MIN;
            self.must(|into| into.push_str(part));
            if goes_on {
                self.expression.push('*');
            }
            open = goes_on;
        }
        let text = word.to_owned();
        self.words.push(Word { text, open });
    }

    /// One more word that the index must have. It is of letters and digits only, and quoted: nothing
    /// that a reader types is syntax.
    fn must(&mut self, push: impl FnOnce(&mut String)) {
        self.and();
        self.expression.push('"');
        push(&mut self.expression);
        self.expression.push('"');
    }

    fn and(&mut self) {
        if !self.expression.is_empty() {
            self.expression.push_str(" AND ");
        }
    }
}

impl Word {
    /// Whether the word is in a text of small letters, from the beginning of one of its words on.
    fn is_in(&self, text: &str) -> bool {
        let begins = |at: usize| !self.text.starts_with(is_word) || !ends_in_word(text, at);
        let ends = |end: usize| {
            let goes_on = text
                .get(end..)
                .is_some_and(|rest| rest.starts_with(is_word));
            self.open || !self.text.ends_with(is_word) || !goes_on
        };
        let mut places = text.match_indices(self.text.as_str());
        places.any(|(at, found)| begins(at) && ends(at + found.len()))
    }
}

/// Whether a letter of a word comes before a place.
fn ends_in_word(text: &str, at: usize) -> bool {
    text.get(..at)
        .is_some_and(|before| before.ends_with(is_word))
}

/// Whether a letter is of a word: letters and digits of any script.
fn is_word(letter: char) -> bool {
    letter.is_alphanumeric()
}

fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|octet| octet.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(text.to_lowercase())
}

/// The beginning of a text, of at most so many octets, without half a letter at its end.
pub(super) fn cut(text: &str, len_max: usize) -> &str {
    if text.len() <= len_max {
        return text;
    }
    let end = (0..=len_max).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

fn push_kind(into: &mut String, kind: EventKind) {
    let _ = write!(into, "zzk{}", super::row::kind_number(kind));
}

fn push_severity(into: &mut String, severity: u8) {
    let _ = write!(into, "zzs{severity}");
}

fn push_source(into: &mut String, source: IpAddr) {
    match source.to_canonical() {
        IpAddr::V4(address) => push_hex(into, "zza", &address.octets()),
        IpAddr::V6(address) => push_hex(into, "zza", &address.octets()),
    }
}

fn push_device(into: &mut String, device_id: DeviceId) {
    push_hex(into, "zzd", device_id.as_bytes());
}

fn push_hex(into: &mut String, before: &str, octets: &[u8]) {
    into.push_str(before);
    for octet in octets {
        for half in [octet >> 4, octet & 15] {
            into.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_types_is_never_syntax() {
        for (typed, expression) in [
            ("", ""),
            ("Link down", "\"link\"* AND \"down\"*"),
            ("GigabitEthernet0/1", "\"gigabitethernet0\" AND \"1\""),
            ("10.0.0.12", "\"10\" AND \"0\" AND \"0\" AND \"12\""),
            ("a\" OR b", "\"a\" AND \"or\" AND \"b\""),
            ("NEAR(x y) ^z* -", "\"near\" AND \"x\" AND \"y\" AND \"z\""),
            ("\0'; DROP", "\"drop\"*"),
            ("Überlast", "\"überlast\"*"),
        ] {
            let search = Search::new(typed, None, None, None, None);
            assert_eq!(search.expression, expression, "{typed}");
        }
    }

    #[test]
    fn a_candidate_must_hold_every_word_as_it_was_typed() {
        let holds = |typed: &str, text| Search::new(typed, None, None, None, None).holds(text);
        assert!(holds("interface gi0/1", "LINK: Interface Gi0/1 down"));
        assert!(!holds("gi0/1", "Gi1 and 0"));
        assert!(holds("ÜBERLAST", "überlast"));
        assert!(holds("", "anything"));
        for (typed, text, is_found) in [
            ("gi0/1", "gi0/11", false),
            ("gi0/1", "gi0/11 gi0/1", true),
            ("gi0/11", "xgi0/11", false),
            ("down", "updown", false),
            ("up", "updown", false),
            ("upd", "updown", true),
            ("%", "100%", true),
            ("-3-", "link-3-updown", true),
        ] {
            assert_eq!(holds(typed, text), is_found, "{typed} in {text}");
        }
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("é", 0), "");
    }
}
