//! One line of syslog: RFC 5424, what is usual by RFC 3164, and Cisco's forms.
//!
//! Nothing is refused: what cannot be told apart stays in the text, which is what people search.

use super::structured;
use super::time::{self, Written};
use model::Timestamp;
use model::log_line::{ClockDoubt, LogFormat, LogLine, LogTransport};
use std::borrow::Cow;

/// Octets of a line that are read; the rest is cut off. The store keeps as many.
pub const LINE_LEN_MAX: usize = 8_192;
/// Octets of a TAG or APP-NAME (RFC 5424, section 6).
const APP_LEN_MAX: usize = 48;
/// Octets of a HOSTNAME.
const HOST_LEN_MAX: usize = 255;
/// Octets of a PROCID.
const PROCESS_LEN_MAX: usize = 128;
/// Octets of Cisco's `FACILITY-SEVERITY-MNEMONIC`.
const MNEMONIC_LEN_MAX: usize = 96;

/// What a line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// 0 to 7; none where the line has neither PRI nor Cisco's own.
    pub severity: Option<u8>,
    /// What is read and searched: the program and its message.
    pub text: String,
    /// The rest.
    pub line: LogLine,
    /// What was wrong with it.
    pub defects: Defects,
}

/// What is wrong with a line that was read nevertheless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Defects {
    /// It has no PRI, or one above 191.
    pub no_priority: bool,
    /// It begins as RFC 5424 says and does not go on so.
    pub malformed: bool,
    /// It is not UTF-8, and was read as Latin-1.
    pub not_utf8: bool,
    /// It is longer than [`LINE_LEN_MAX`].
    pub cut: bool,
}

/// Reads a line, as it was received at a time. Never fails.
pub fn parse(octets: &[u8], transport: LogTransport, received: Timestamp) -> Parsed {
    let mut parsed = Parsed::default();
    parsed.line.transport = transport;
    let kept = octets.get(..LINE_LEN_MAX).unwrap_or(octets);
    parsed.defects.cut = kept.len() < octets.len();
    let text = decode(kept, &mut parsed.defects);
    let text = text.trim_end_matches(['\n', '\r', '\0', ' ']);
    let rest = if let Some((priority, rest)) = priority(text) {
        parsed.line.facility = Some(priority >> 3);
        parsed.severity = Some(priority & 7);
        rest
    } else {
        parsed.defects.no_priority = true;
        text
    };
    if let Some(rest) = rest.strip_prefix("1 ") {
        if rfc5424(rest, &mut parsed).is_some() {
            return parsed;
        }
        parsed.defects.malformed = true;
        parsed.line.structured.clear();
    }
    older(rest, received, &mut parsed);
    parsed
}

/// `<0>` to `<191>`.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (number, rest) = time::number(text.strip_prefix('<')?, 3)?;
    let rest = rest.strip_prefix('>')?;
    let number = u8::try_from(number).ok().filter(|number| *number <= 191)?;
    Some((number, rest))
}

/// As text: what is no UTF-8 is Latin-1, which older devices send.
fn decode<'a>(octets: &'a [u8], defects: &mut Defects) -> Cow<'a, str> {
    match str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        // A letter that was cut in two is no mistake of the sender.
        Err(error) if defects.cut && error.error_len().is_none() => {
            let valid = octets.get(..error.valid_up_to()).unwrap_or_default();
            String::from_utf8_lossy(valid)
        }
        Err(_) => {
            defects.not_utf8 = true;
            Cow::Owned(octets.iter().map(|octet| char::from(*octet)).collect())
        }
    }
}

/// What comes behind `VERSION SP` of RFC 5424; none where it is not so.
fn rfc5424(text: &str, parsed: &mut Parsed) -> Option<()> {
    let mut fields = text.splitn(6, ' ');
    let (time, host, app) = (fields.next()?, fields.next()?, fields.next()?);
    let (process, message_id, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let at = if time == "-" {
        None
    } else {
        Some(time::rfc3339(time)?)
    };
    let (structured, rest) = structured::elements(rest)?;
    let message = match rest.strip_prefix(' ') {
        Some(message) => message,
        None if rest.is_empty() => rest,
        None => return None,
    };
    let line = &mut parsed.line;
    line.format = LogFormat::Rfc5424;
    line.device_at = at;
    line.device_time = field(time, usize::MAX);
    line.host = field(host, HOST_LEN_MAX);
    line.app = field(app, APP_LEN_MAX);
    line.process = field(process, PROCESS_LEN_MAX);
    line.message_id = field(message_id, APP_LEN_MAX);
    line.structured = structured;
    let message = message
        .strip_prefix('\u{feff}')
        .unwrap_or(message)
        .trim_start();
    let mut shown = String::with_capacity(message.len() + app.len() + process.len() + 4);
    if line.app.is_some() {
        shown.push_str(app);
        if line.process.is_some() {
            shown.extend(["[", process, "]"]);
        }
        shown.push_str(": ");
    }
    if message.is_empty() {
        // The data are all that it says.
        for element in &line.structured {
            for parameter in &element.parameters {
                shown.extend([&parameter.name, "=", &parameter.value, " "]);
            }
        }
    } else {
        shown.push_str(message);
    }
    parsed.text = clean(shown.trim_end());
    Some(())
}

fn field(text: &str, length_max: usize) -> Option<String> {
    let cut = text.char_indices().nth(length_max);
    let text = cut.map_or(Some(text), |(end, _)| text.get(..end))?;
    (text != "-" && !text.is_empty()).then(|| text.to_owned())
}

/// All that is older than RFC 5424: its own kinds of beginnings, then the text.
fn older(text: &str, received: Timestamp, parsed: &mut Parsed) {
    let line = &mut parsed.line;
    let (sequence, rest) = sequence(text);
    let (origin, doubt, written) = dated(rest, received);
    let rest = match &written {
        Some(written) => written.rest,
        None => uptime(rest).unwrap_or(rest),
    };
    let colon = written.is_some_and(|written| written.colon);
    if let Some(written) = written {
        line.device_time = Some(written.text.to_owned());
        line.device_at = written.at.filter(|_| doubt != Some(ClockDoubt::Unset));
    }
    let (host, message) = if colon { (None, rest) } else { asa_host(rest) };
    if let Some((mnemonic, severity)) =
        mnemonic(message).filter(|_| colon || host.is_some() || message.starts_with('%'))
    {
        line.format = LogFormat::Cisco;
        line.message_id = Some(mnemonic.to_owned());
        (line.sequence, line.clock) = (sequence, doubt);
        line.host = origin.or(host).map(str::to_owned);
        parsed.severity = parsed.severity.or(Some(severity));
        parsed.text = clean(message);
        return;
    }
    if colon && (sequence.is_some() || doubt.is_some()) {
        line.format = LogFormat::Cisco;
        (line.sequence, line.clock) = (sequence, doubt);
        line.host = origin.map(str::to_owned);
        parsed.text = clean(rest);
        return;
    }
    if written.is_none() {
        // A tag may be all of its header.
        parsed.text = clean(text);
        tagged(text, line);
        return;
    }
    line.format = LogFormat::Rfc3164;
    let rest = match rest.split_once(' ') {
        // A tag in the place of the host: some leave that out.
        Some((word, behind))
            if !word.ends_with(':') && !word.ends_with(']') && !word.is_empty() =>
        {
            line.host = field(word, HOST_LEN_MAX);
            behind
        }
        _ => rest,
    };
    tagged(rest, line);
    parsed.text = clean(rest);
}

/// Cisco's running number: `29: `, or an empty one.
fn sequence(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let read = || {
        let rest = text.get(digits..)?.strip_prefix(':')?;
        // `12:00:00` is a time.
        let rest = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix(' ')?
        };
        let number = text.get(..digits)?.parse().ok();
        (digits <= 19).then_some((number, rest.trim_start_matches(' ')))
    };
    read().unwrap_or((None, text))
}

type Dated<'a> = (Option<&'a str>, Option<ClockDoubt>, Option<Written<'a>>);

/// A time, perhaps behind the name of the device or of a part of it (`R1: `, `RP/0/RSP0/CPU0:`), and
/// behind the sign of a clock that is not right.
fn dated(text: &str, received: Timestamp) -> Dated<'_> {
    let marked = |text: &str| match text.as_bytes().first() {
        Some(b'*') => Some(ClockDoubt::Unset),
        Some(b'.') => Some(ClockDoubt::Unsynchronized),
        _ => None,
    };
    let of = |text| {
        let doubt = marked(text);
        let bare = if doubt.is_some() {
            text.get(1..)
        } else {
            Some(text)
        };
        (doubt, bare.and_then(|bare| time::written(bare, received)))
    };
    if let (doubt, Some(written)) = of(text) {
        return (None, doubt, Some(written));
    }
    if let Some((origin, behind)) = text.split_once(':')
        && (1..=HOST_LEN_MAX).contains(&origin.len())
        && !origin.contains([' ', '%', '[', '<'])
        && let (doubt, Some(written)) = of(behind.trim_start_matches(' '))
    {
        return (Some(origin), doubt, Some(written));
    }
    (None, None, None)
}

/// What comes behind the time that a device runs, in the place of a time: `00:00:46: %`, `1w2d: %`.
fn uptime(text: &str) -> Option<&str> {
    let text = text.strip_prefix(['*', '.']).unwrap_or(text);
    let (word, rest) = text.split_once(": ")?;
    let of_uptime = |octet: u8| {
        octet.is_ascii_digit() || matches!(octet, b':' | b'.' | b'y' | b'w' | b'd' | b'h')
    };
    let is_uptime =
        word.starts_with(|first: char| first.is_ascii_digit()) && word.bytes().all(of_uptime);
    (is_uptime && rest.starts_with('%')).then_some(rest)
}

/// The host that an ASA writes behind its time: `asa1 : %ASA-6-302013: `.
fn asa_host(text: &str) -> (Option<&str>, &str) {
    let read = || {
        let (host, rest) = text.split_once(' ')?;
        let rest = rest.trim_start_matches([' ', ':']);
        let is_host = !host.is_empty() && host.len() <= HOST_LEN_MAX && !host.starts_with('%');
        (is_host && mnemonic_at(rest).is_some()).then_some((Some(host.trim_end_matches(':')), rest))
    };
    read().unwrap_or((None, text))
}

/// `%LINK-3-UPDOWN:` at the beginning of a text, or behind the process of IOS XR (`config[65]: `);
/// answers it without its signs, and the severity in it.
fn mnemonic(text: &str) -> Option<(&str, u8)> {
    mnemonic_at(text).or_else(|| {
        let (process, rest) = text.split_once(": ")?;
        (process.len() <= APP_LEN_MAX && !process.contains(' ')).then_some(())?;
        mnemonic_at(rest)
    })
}

fn mnemonic_at(text: &str) -> Option<(&str, u8)> {
    let name = text.strip_prefix('%')?;
    let end = name
        .bytes()
        .take(MNEMONIC_LEN_MAX)
        .position(|octet| octet == b':' || octet == b' ')?;
    let name = name.get(..end)?;
    let severity = name.split('-').find_map(|part| match part.as_bytes() {
        [digit @ b'0'..=b'7'] => Some(digit - b'0'),
        _ => None,
    })?;
    Some((name, severity))
}

/// TAG of RFC 3164, `sshd[123]: `, at the beginning of a text.
fn tagged(text: &str, line: &mut LogLine) {
    let of_tag =
        |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b':' | b'[' | b'%' | b'<');
    let length = text
        .bytes()
        .take(APP_LEN_MAX + 1)
        .take_while(|octet| of_tag(*octet))
        .count();
    let (Some(tag), Some(rest)) = (text.get(..length), text.get(length..)) else {
        return;
    };
    if !(1..=APP_LEN_MAX).contains(&length) {
        return;
    }
    if rest.starts_with(": ") || rest == ":" {
        line.app = Some(tag.to_owned());
        return;
    }
    let process = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some((process, behind)) = process
        && process.len() <= PROCESS_LEN_MAX
        && !process.contains(' ')
        && (behind.starts_with(':') || behind.is_empty())
    {
        line.app = Some(tag.to_owned());
        line.process = field(process, PROCESS_LEN_MAX);
    }
}

/// Signs that command terminals are spaces: a log is shown in one line, and on terminals.
fn clean(text: &str) -> String {
    let is_sign = |letter: char| letter.is_control() && letter != '\t';
    if text.contains(is_sign) {
        return text.replace(is_sign, " ").trim().to_owned();
    }
    text.trim().to_owned()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
