//! `collect::syslog`: what anybody may send to a port that takes lines of logs.

use collect::syslog::frames::Frames;
use collect::syslog::{LINE_LEN_MAX, parse};
use model::Timestamp;
use model::log_line::{LogLine, LogTransport};

/// A line: it is read whatever it is, no longer than it was, without signs that command a terminal,
/// and what it says can be written and read again.
pub(crate) fn line(data: &[u8]) {
    let received = Timestamp::from_unix_ms(1_800_000_000_000);
    let parsed = parse(data, LogTransport::Udp, received);
    assert!(
        !parsed
            .text
            .contains(|letter: char| letter.is_control() && letter != '\t')
    );
    // Latin-1 takes two octets for one; a program's name may come before the message again.
    assert!(parsed.text.len() <= 2 * LINE_LEN_MAX);
    assert!(parsed.severity.is_none_or(|severity| severity <= 7));
    assert!(parsed.line.facility.is_none_or(|facility| facility <= 23));
    let body = serde_json::to_value(&parsed.line).expect("its keys are strings");
    let again: LogLine = serde_json::from_value(body).expect("it was written by us");
    assert_eq!(again, parsed.line);
}

/// What a connection brings: the same messages in whatever pieces it comes; the first octet says in
/// which.
pub(crate) fn frames(data: &[u8]) {
    let Some((piece, octets)) = data.split_first() else {
        return;
    };
    let messages = |piece: usize| {
        let (mut frames, mut messages) = (Frames::default(), Vec::new());
        for piece in octets.chunks(piece) {
            frames.push(piece, |message| messages.push(message.to_vec()));
        }
        frames.finish(|message| messages.push(message.to_vec()));
        messages
    };
    let whole = messages(octets.len().max(1));
    assert!(
        whole
            .iter()
            .all(|message| message.len() <= LINE_LEN_MAX + 1)
    );
    assert_eq!(messages(usize::from(*piece) + 1), whole);
}
