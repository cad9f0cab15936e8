//! The times that syslog's senders write.

use model::Timestamp;
use std::fmt::Write as _;

/// A time at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written<'a> {
    /// As it was written, with its zone.
    pub(super) text: &'a str,
    /// The instant, where the zone is told; the year may be missing.
    pub(super) at: Option<Timestamp>,
    /// A colon follows, as with Cisco.
    pub(super) colon: bool,
    /// What comes behind it, without the colon and spaces.
    pub(super) rest: &'a str,
}

/// Longest word that is looked at as a time of RFC 3339.
const RFC3339_LEN_MAX: usize = 40;

/// A time of RFC 3339, as RFC 5424 has it; the word may not have anything else.
pub(super) fn rfc3339(word: &str) -> Option<Timestamp> {
    let digit = word.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if !digit || word.len() > RFC3339_LEN_MAX || !word.contains('T') {
        return None;
    }
    word.parse().ok()
}

/// Any time that a line may begin with. `received` gives a year to one that has none.
pub(super) fn written(text: &str, received: Timestamp) -> Option<Written<'_>> {
    let word = text.split(' ').next().unwrap_or_default();
    let bare = word.strip_suffix(':').unwrap_or(word);
    if let Some(at) = rfc3339(bare) {
        let (colon, rest) = after(text.get(bare.len()..)?);
        return Some(Written {
            text: bare,
            at: Some(at),
            colon,
            rest,
        });
    }
    calendar(text, received)
}

/// `Mar  1 00:00:00`, with a year before the month, before or behind the time or nowhere; with
/// parts of a second or without; with a zone where a colon comes behind it.
fn calendar(text: &str, received: Timestamp) -> Option<Written<'_>> {
    let (mut year, mut rest) = year(text);
    let month;
    (month, rest) = month_of(rest.trim_start_matches(' '))?;
    let day;
    (day, rest) = number(spaced(rest)?, 2)?;
    if year.is_none() {
        let told = spaced(rest).map(self::year);
        if let Some((Some(told), behind)) = told {
            (year, rest) = (Some(told), behind);
        }
    }
    let clock = Clock::read(spaced(rest)?)?;
    rest = clock.rest;
    if year.is_none() {
        let told = spaced(rest).map(self::year);
        if let Some((Some(told), behind)) = told {
            (year, rest) = (Some(told), behind);
        }
    }
    let mut offset = None;
    if let Some((zone, behind)) = zone(rest) {
        (offset, rest) = (zone, behind);
    }
    if !(1..=31).contains(&day) {
        return None;
    }
    let length = text.len() - rest.len();
    let at = offset.and_then(|offset| {
        let instant = |year| clock.on(year, month, day, offset);
        match year {
            Some(year) => instant(year),
            None => nearest(instant, received),
        }
    });
    let (colon, rest) = after(rest);
    Some(Written {
        text: text.get(..length)?.trim_end(),
        at,
        colon,
        rest,
    })
}

/// The instant in the year that brings it nearest to another.
fn nearest(instant: impl Fn(u32) -> Option<Timestamp>, received: Timestamp) -> Option<Timestamp> {
    let year: u32 = received.to_string().get(..4)?.parse().ok()?;
    let years = [year.saturating_sub(1), year, year.saturating_add(1)];
    let far = |at: &Timestamp| at.since(received).max(received.since(*at));
    years.into_iter().filter_map(instant).min_by_key(far)
}

/// A time of day.
struct Clock<'a> {
    /// `00:00:00.000`
    text: &'a str,
    rest: &'a str,
}

impl<'a> Clock<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (hour, rest) = number(text, 2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
        let (second, mut rest) = number(rest.strip_prefix(':')?, 2)?;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = leading_digits(fraction);
            if (1..=9).contains(&digits) {
                rest = fraction.get(digits..)?;
            }
        }
        let text = text.get(..text.len() - rest.len())?;
        Some(Self { text, rest })
    }

    /// The instant on a day.
    fn on(&self, year: u32, month: u32, day: u32, offset: &str) -> Option<Timestamp> {
        let mut iso = String::with_capacity(RFC3339_LEN_MAX);
        // Writing to a string does not fail.
        let _ = write!(iso, "{year:04}-{month:02}-{day:02}T{}{offset}", self.text);
        iso.parse().ok()
    }
}

/// A zone that a colon follows, as its offset where that is known: ` UTC:`, ` CET:`, ` +02:00:`.
fn zone(text: &str) -> Option<(Option<&str>, &str)> {
    let behind = spaced(text)?;
    let end = behind.find([' ', '\t']).unwrap_or(behind.len());
    let word = behind.get(..end)?.strip_suffix(':')?;
    let rest = behind.get(word.len()..)?;
    if matches!(word, "UTC" | "GMT" | "Z") {
        return Some((Some("Z"), rest));
    }
    let is_name = (1..=5).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase());
    if is_name {
        // Names of other zones are not unique.
        return Some((None, rest));
    }
    let signed = word.strip_prefix(['+', '-'])?;
    let (_, minutes) = number(signed, 2)?;
    let (_, end) = number(minutes.strip_prefix(':')?, 2)?;
    end.is_empty().then_some((Some(word), rest))
}

/// Whether a colon comes next, and what comes behind it and spaces.
fn after(text: &str) -> (bool, &str) {
    let text = text.trim_start_matches(' ');
    match text.strip_prefix(':') {
        Some(rest) => (true, rest.trim_start_matches(' ')),
        None => (false, text),
    }
}

/// A year of four digits and what is behind it, or nothing and all of the text.
fn year(text: &str) -> (Option<u32>, &str) {
    let read = || {
        let year = text.get(..4)?;
        let rest = text.get(4..)?;
        let plain = year.bytes().all(|octet| octet.is_ascii_digit());
        let ends = rest.is_empty() || rest.starts_with([' ', ':']);
        let year: u32 = year.parse().ok().filter(|_| plain && ends)?;
        (1970..2200).contains(&year).then_some((year, rest))
    };
    match read() {
        Some((year, rest)) => (Some(year), rest),
        None => (None, text),
    }
}

fn month_of(text: &str) -> Option<(u32, &str)> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let name = text.get(..3)?;
    let number = (1_u32..).zip(MONTHS).find(|(_, month)| *month == name)?.0;
    Some((number, text.get(3..)?))
}

/// What comes behind one space or several.
fn spaced(text: &str) -> Option<&str> {
    text.starts_with(' ').then(|| text.trim_start_matches(' '))
}

/// A number of one digit to `most`.
pub(super) fn number(text: &str, most: usize) -> Option<(u32, &str)> {
    let digits = leading_digits(text);
    if !(1..=most).contains(&digits) {
        return None;
    }
    let number = text.get(..digits)?.parse().ok()?;
    Some((number, text.get(digits..)?))
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_hand() {
        let received = "2026-01-02T00:00:00Z".parse().unwrap();
        for (text, written_as, at, colon, rest) in [
            (
                "Oct 11 22:14:15 host x",
                "Oct 11 22:14:15",
                None,
                false,
                "host x",
            ),
            (
                "Mar  1 00:00:00.000 UTC: %X",
                "Mar  1 00:00:00.000 UTC",
                Some("2026-03-01T00:00:00Z"),
                true,
                "%X",
            ),
            (
                "Dec 31 23:59:59 UTC: x",
                "Dec 31 23:59:59 UTC",
                Some("2025-12-31T23:59:59Z"),
                true,
                "x",
            ),
            (
                "Mar 01 2026 12:00:00: %ASA",
                "Mar 01 2026 12:00:00",
                None,
                true,
                "%ASA",
            ),
            (
                "2026 Mar  1 12:00:00.5 GMT: x",
                "2026 Mar  1 12:00:00.5 GMT",
                Some("2026-03-01T12:00:00.5Z"),
                true,
                "x",
            ),
            (
                "Mar 1 12:00:00 2026 CET: x",
                "Mar 1 12:00:00 2026 CET",
                None,
                true,
                "x",
            ),
            (
                "Mar 1 2026 12:00:00 -04:00: x",
                "Mar 1 2026 12:00:00 -04:00",
                Some("2026-03-01T16:00:00Z"),
                true,
                "x",
            ),
            (
                "2026-03-01T12:00:00.123456+02:00 h",
                "2026-03-01T12:00:00.123456+02:00",
                Some("2026-03-01T10:00:00.123Z"),
                false,
                "h",
            ),
            (
                "2026-03-01T12:00:00Z: x",
                "2026-03-01T12:00:00Z",
                Some("2026-03-01T12:00:00Z"),
                true,
                "x",
            ),
            (
                "Mar 1 12:00:00 UTC x",
                "Mar 1 12:00:00",
                None,
                false,
                "UTC x",
            ),
            (
                "Feb 29 2028 12:00:00 UTC:",
                "Feb 29 2028 12:00:00 UTC",
                Some("2028-02-29T12:00:00Z"),
                true,
                "",
            ),
        ] {
            let expected = Written {
                text: written_as,
                at: at.map(|at| at.parse().unwrap()),
                colon,
                rest,
            };
            assert_eq!(written(text, received), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        let received = Timestamp::default();
        for text in [
            "",
            "Oct",
            "Oct 11",
            "Oct 32 00:00:00 x",
            "Oct 1 24:00:00 x",
            "Oct 1 00:00 x",
            "Okt 1 00:00:00 x",
            "1 Oct 00:00:00",
            "2026-03-01 12:00:00",
            "é",
            "Mar 1 é",
        ] {
            assert_eq!(written(text, received), None, "{text}");
        }
    }
}
