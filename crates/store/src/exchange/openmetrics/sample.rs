//! A line of a sample: `metricname [labels] SP number [SP timestamp] [SP # SP exemplar]`.

use crate::exchange::row::{LABELS_MAX, Why, short};
use std::borrow::Cow;

/// A sample as its line has it.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// Its name and its labels.
    pub(super) series: &'a str,
    pub(super) name: &'a str,
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    /// Its value, which looks like a number.
    pub(super) value: &'a str,
    /// Seconds since 1970.
    pub(super) time: Option<f64>,
    pub(super) has_exemplar: bool,
}

type Fault = (Why, String);

/// Reads a line.
pub(super) fn parse(text: &str) -> Result<Sample<'_>, Fault> {
    let malformed = |what: &str| (Why::Malformed, what.to_owned());
    let name_len = name_len(text, true);
    let (name, rest) = text.split_at_checked(name_len).unwrap_or(("", text));
    if name.is_empty() {
        let detail = format!("`{}` begins with no name of a metric", short(text));
        return Err((Why::Malformed, detail));
    }
    let (labels, rest) = labels(rest)?;
    let series_len = text.len() - rest.len();
    let series = text.get(..series_len).unwrap_or_default();
    let rest = rest
        .strip_prefix(' ')
        .ok_or_else(|| malformed("a blank is needed before the value"))?;
    let (sample, exemplar) = match rest.split_once(" # ") {
        Some((sample, exemplar)) => (sample, Some(exemplar)),
        None => (rest, None),
    };
    let mut parts = sample.split(' ');
    let value = parts.next().unwrap_or_default();
    let time = parts.next();
    if parts.next().is_some() {
        return Err(malformed("there is more behind the time"));
    }
    if let Some(exemplar) = exemplar {
        is_exemplar(exemplar)?;
    }
    if !looks_like_number(value) {
        return Err((Why::BadValue, format!("`{}` is no number", short(value))));
    }
    Ok(Sample {
        series,
        name,
        labels,
        value,
        time: time.map(seconds).transpose()?,
        has_exemplar: exemplar.is_some(),
    })
}

/// How many octets of a text are a name; of a metric, which may have colons, or of a label.
fn name_len(text: &str, of_metric: bool) -> usize {
    let is_part = |(at, octet): (usize, u8)| {
        octet.is_ascii_alphabetic()
            || octet == b'_'
            || (of_metric && octet == b':')
            || (at > 0 && octet.is_ascii_digit())
    };
    text.bytes()
        .enumerate()
        .take_while(|part| is_part(*part))
        .count()
}

type Pairs<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The labels that a text begins with, and what is behind them.
fn labels(text: &str) -> Result<(Pairs<'_>, &str), Fault> {
    let malformed = |what: &str| (Why::Malformed, what.to_owned());
    let Some(mut rest) = text.strip_prefix('{') else {
        return Ok((Vec::new(), text));
    };
    let mut all = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok((all, behind));
        }
        let (name, behind) = rest
            .split_at_checked(name_len(rest, false))
            .unwrap_or(("", rest));
        let behind = behind.strip_prefix("=\"").filter(|_| !name.is_empty());
        let behind = behind.ok_or_else(|| malformed("a label is `name=\"value\"`"))?;
        let end = end_of_quoted(behind).ok_or_else(|| malformed("a quote is not closed"))?;
        let value = behind.get(..end).unwrap_or_default();
        let value = if value.contains('\\') {
            Cow::Owned(unescaped(value))
        } else {
            Cow::Borrowed(value)
        };
        // With room for those that say whose the series is.
        if all.len() > LABELS_MAX + 2 {
            let detail = format!("a series has at most {LABELS_MAX} labels");
            return Err((Why::BadLabels, detail));
        }
        all.push((name, value));
        rest = behind.get(end + 1..).unwrap_or_default();
        match rest.strip_prefix(',') {
            Some(more) if !more.starts_with('}') => rest = more,
            Some(_) => return Err(malformed("there is no label behind a comma")),
            None if rest.starts_with('}') => {}
            None => return Err(malformed("a comma or `}` is needed behind a label")),
        }
    }
}

/// Where the quote is that closes a text.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|octet| {
        let ends = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        ends
    })
}

/// A text without its escapes: `\n`, `\"`, `\\`; of another character it is that character.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            other => plain.push(other),
        }
    }
    plain
}

fn is_exemplar(text: &str) -> Result<(), Fault> {
    let malformed = |what: &str| (Why::Malformed, what.to_owned());
    if !text.starts_with('{') {
        return Err(malformed("an exemplar begins with labels"));
    }
    let (_, rest) = labels(text)?;
    let mut parts = rest.split(' ');
    let (before, value) = (parts.next(), parts.next().unwrap_or_default());
    let time = parts.next();
    if before != Some("") || !looks_like_number(value) || parts.next().is_some() {
        return Err(malformed("an exemplar is `{labels} number [time]`"));
    }
    time.map_or(Ok(()), |time| seconds(time).map(|_| ()))
}

/// Whether a text is a number of the grammar: digits with a sign, a point and an exponent, or one that is
/// not finite.
fn looks_like_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    matches!(lower.as_str(), "inf" | "infinity" | "nan") || is_real(unsigned)
}

fn is_real(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_ok = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()) && exponent_ok
}

fn seconds(text: &str) -> Result<f64, Fault> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let read = is_real(unsigned)
        .then(|| text.parse::<f64>().ok())
        .flatten();
    read.ok_or_else(|| {
        let detail = format!("`{}` is no time in seconds", short(text));
        (Why::BadTime, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_and_time(text: &str) -> Option<(&str, Option<f64>)> {
        parse(text).ok().map(|sample| (sample.value, sample.time))
    }

    #[test]
    fn lines_are_read_by_the_grammar() {
        for (text, expected) in [
            ("a 1", Some(("1", None))),
            ("a{} 1", Some(("1", None))),
            ("a:b_9 1 2", Some(("1", Some(2.0)))),
            ("a 1e3 1.5e3", Some(("1e3", Some(1_500.0)))),
            ("a +Inf", Some(("+Inf", None))),
            ("a -.5 -2.", Some(("-.5", Some(-2.0)))),
            (r#"a{b="c",d="e"} 1"#, Some(("1", None))),
            (r#"a{b="} 5 \"",d="e"} 1"#, Some(("1", None))),
            (r#"a{b=" # "} 1"#, Some(("1", None))),
            (r#"a 1 2 # {trace="x"} 0.5 1.2"#, Some(("1", Some(2.0)))),
            ("a 1 # {} 0.5", Some(("1", None))),
            ("a", None),
            ("a  1", None),
            ("a 1 ", None),
            ("a 1 2 3", None),
            ("a\t1", None),
            ("9a 1", None),
            ("a 1\r", None),
            ("a 0x10", None),
            ("a 1_000", None),
            ("a 1 now", None),
            ("a{b=c} 1", None),
            (r#"a{b="c} 1"#, None),
            (r#"a{b="c",} 1"#, None),
            (r#"a{b="c" d="e"} 1"#, None),
            (r#"a{="c"} 1"#, None),
            ("a 1 # 5", None),
            ("a 1 # {} x", None),
            ("", None),
        ] {
            assert_eq!(value_and_time(text), expected, "{text}");
        }
    }

    #[test]
    fn labels_are_without_their_escapes() {
        let sample = parse(r#"a{b="\"\\\n\x",c="é"} 1"#).unwrap();
        let labels: Vec<_> = sample
            .labels
            .iter()
            .map(|(n, v)| (*n, v.as_ref()))
            .collect();
        assert_eq!(labels, [("b", "\"\\\nx"), ("c", "é")]);
        assert_eq!(sample.series, r#"a{b="\"\\\n\x",c="é"}"#);
    }
}
