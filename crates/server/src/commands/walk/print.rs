//! Objects as they are printed: a line each, in the words of net-snmp's snmpwalk, or JSON.

use serde::Serialize;
use snmp::{Oid, Value};
use std::fmt::Write as _;

/// An object in JSON.
#[derive(Serialize)]
struct Object<'a> {
    oid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    kind: &'a str,
    value: String,
}

/// One object as JSON, without an end of line.
pub(super) fn json(oid: &Oid, value: &Value, numeric: bool) -> serde_json::Result<String> {
    let name = collect::object_names::name(oid.arcs()).filter(|_| !numeric);
    serde_json::to_string(&Object {
        oid: oid.to_string(),
        name,
        kind: value.kind(),
        value: value.text(),
    })
}

/// One object as a line, without its end.
pub(super) fn line(oid: &Oid, value: &Value, numeric: bool) -> String {
    format!("{} = {}", called(oid, numeric), said(value, numeric))
}

fn called(oid: &Oid, numeric: bool) -> String {
    collect::object_names::name(oid.arcs())
        .filter(|_| !numeric)
        .unwrap_or_else(|| format!(".{oid}"))
}

fn said(value: &Value, numeric: bool) -> String {
    match value {
        Value::Integer(number) => format!("INTEGER: {number}"),
        Value::Octets(octets) if octets.is_empty() => "\"\"".to_owned(),
        Value::Octets(octets) if is_ascii(octets) => {
            format!("STRING: \"{}\"", quoted(&String::from_utf8_lossy(octets)))
        }
        Value::Octets(octets) => format!("Hex-STRING: {}", pairs(octets)),
        Value::Oid(oid) => format!("OID: {}", called(oid, numeric)),
        Value::IpAddress(address) => format!("IpAddress: {address}"),
        Value::Counter32(number) => format!("Counter32: {number}"),
        Value::Gauge32(number) => format!("Gauge32: {number}"),
        Value::TimeTicks(ticks) => format!("Timeticks: ({ticks}) {}", time(*ticks)),
        Value::Counter64(number) => format!("Counter64: {number}"),
        Value::Opaque(octets) => match value.as_f64() {
            Some(number) => format!("Opaque: Float: {number}"),
            None => format!("Opaque: {}", pairs(octets)),
        },
        other => other.kind().to_owned(),
    }
}

fn is_ascii(octets: &[u8]) -> bool {
    let is_text =
        |octet: &u8| octet.is_ascii_graphic() || matches!(octet, b' ' | b'\t' | b'\n' | b'\r');
    octets.iter().all(is_text)
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Pairs of digits, each with a space behind, as snmpwalk writes them.
fn pairs(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{octet:02X} ");
        text
    })
}

/// Hundredths of a second in days, hours, minutes and seconds.
fn time(ticks: u32) -> String {
    let (secs, rest) = (ticks / 100, ticks % 100);
    let (minutes, hours, days) = (secs / 60, secs / 3_600, secs / 86_400);
    let clock = format!(
        "{}:{:02}:{:02}.{rest:02}",
        hours % 24,
        minutes % 60,
        secs % 60
    );
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_in_the_words_of_snmpwalk() {
        let check = |arcs: &[u32], value: Value, expected: &str| {
            assert_eq!(line(&Oid::from_slice(arcs), &value, true), expected);
        };
        let here = [1, 3, 6, 1, 4, 1, 9];
        check(&here, Value::Integer(-1), ".1.3.6.1.4.1.9 = INTEGER: -1");
        check(
            &here,
            Value::Octets("say \"so\"".into()),
            ".1.3.6.1.4.1.9 = STRING: \"say \\\"so\\\"\"",
        );
        check(&here, Value::Octets("".into()), ".1.3.6.1.4.1.9 = \"\"");
        check(
            &here,
            Value::Octets(vec![2u8, 0, 0x1a].into()),
            ".1.3.6.1.4.1.9 = Hex-STRING: 02 00 1A ",
        );
        check(
            &here,
            Value::TimeTicks(8_640_123),
            ".1.3.6.1.4.1.9 = Timeticks: (8640123) 1 day, 0:00:01.23",
        );
        check(
            &here,
            Value::Oid(Oid::from_slice(&[1, 3, 6])),
            ".1.3.6.1.4.1.9 = OID: .1.3.6",
        );
        let name = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 5, 0]);
        assert_eq!(
            line(&name, &Value::Octets("r1".into()), false),
            "sysName.0 = STRING: \"r1\""
        );
    }
}
