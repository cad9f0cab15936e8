//! Lines as devices and programs send them.

use super::*;
use model::log_line::{StructuredElement, StructuredParameter};

fn read(line: &str) -> Parsed {
    let received = "2026-06-01T00:00:00Z".parse().unwrap();
    parse(line.as_bytes(), LogTransport::Udp, received)
}

/// Format, severity, host, app, process, message id, time as written, text.
type Told<'a> = (
    LogFormat,
    Option<u8>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
);

fn told(parsed: &Parsed) -> Told<'_> {
    let line = &parsed.line;
    (
        line.format,
        parsed.severity,
        line.host.as_deref(),
        line.app.as_deref(),
        line.process.as_deref(),
        line.message_id.as_deref(),
        line.device_time.as_deref(),
        &parsed.text,
    )
}

fn check(line: &str, expected: Told) {
    let parsed = read(line);
    assert_eq!(told(&parsed), expected, "{line}");
}

#[test]
fn rfc_5424() {
    use LogFormat::Rfc5424;
    let time = Some("2003-10-11T22:14:15.003Z");
    check(
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed on /dev/pts/8",
        (
            Rfc5424,
            Some(2),
            Some("mymachine.example.com"),
            Some("su"),
            None,
            Some("ID47"),
            time,
            "su: 'su root' failed on /dev/pts/8",
        ),
    );
    check(
        "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
        (
            Rfc5424,
            Some(5),
            Some("192.0.2.1"),
            Some("myproc"),
            Some("8710"),
            None,
            Some("2003-08-24T05:14:15.000003-07:00"),
            "myproc[8710]: %% It's time to make the do-nuts.",
        ),
    );
    check(
        r#"<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut="3" eventID="1011"]"#,
        (
            Rfc5424,
            Some(5),
            Some("h"),
            Some("evntslog"),
            None,
            Some("ID47"),
            time,
            "evntslog: iut=3 eventID=1011",
        ),
    );
    check(
        "<0>1 - - - - - -",
        (Rfc5424, Some(0), None, None, None, None, None, ""),
    );
    let parsed = read(r#"<191>1 2003-10-11T22:14:15.003Z h a p m [x@1 b="c\"d"] text"#);
    assert_eq!(parsed.line.facility, Some(23));
    assert_eq!(
        parsed.line.device_at,
        Some("2003-10-11T22:14:15.003Z".parse().unwrap())
    );
    let parameter = StructuredParameter {
        name: "b".into(),
        value: "c\"d".into(),
    };
    let element = StructuredElement {
        id: "x@1".into(),
        parameters: vec![parameter],
    };
    assert_eq!(parsed.line.structured, [element]);
    assert_eq!(parsed.defects, Defects::default());
}

#[test]
fn what_is_not_quite_rfc_5424_is_kept_as_text() {
    for line in [
        "<34>1 yesterday host su - - - x",
        "<34>1 2003-10-11T22:14:15.003Z host su - - [a b] x",
        "<34>1 2003-10-11T22:14:15.003Z host",
    ] {
        let parsed = read(line);
        assert!(parsed.defects.malformed, "{line}");
        assert_eq!(parsed.severity, Some(2), "{line}");
        assert!(
            parsed.text.len() > 10 || parsed.line.host.is_some(),
            "{line}: {parsed:?}"
        );
    }
}

#[test]
fn rfc_3164() {
    use LogFormat::{Plain, Rfc3164};
    check(
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
        (
            Rfc3164,
            Some(2),
            Some("mymachine"),
            Some("su"),
            None,
            None,
            Some("Oct 11 22:14:15"),
            "su: 'su root' failed for lonvick on /dev/pts/8",
        ),
    );
    check(
        "<38>Jan  2 03:04:05 gw sshd[4721]: Accepted publickey for root",
        (
            Rfc3164,
            Some(6),
            Some("gw"),
            Some("sshd"),
            Some("4721"),
            None,
            Some("Jan  2 03:04:05"),
            "sshd[4721]: Accepted publickey for root",
        ),
    );
    check(
        "<13>2026-03-01T12:00:00.5+01:00 gw app: x",
        (
            Rfc3164,
            Some(5),
            Some("gw"),
            Some("app"),
            None,
            None,
            Some("2026-03-01T12:00:00.5+01:00"),
            "app: x",
        ),
    );
    check(
        "<13>Jan  2 03:04:05 systemd[1]: no host here",
        (
            Rfc3164,
            Some(5),
            None,
            Some("systemd"),
            Some("1"),
            None,
            Some("Jan  2 03:04:05"),
            "systemd[1]: no host here",
        ),
    );
    check(
        "<30>system,info,account user admin logged in",
        (
            Plain,
            Some(6),
            None,
            None,
            None,
            None,
            None,
            "system,info,account user admin logged in",
        ),
    );
    check(
        "<30>dnsmasq: x",
        (
            Plain,
            Some(6),
            None,
            Some("dnsmasq"),
            None,
            None,
            None,
            "dnsmasq: x",
        ),
    );
    check(
        "Use the BFG!",
        (Plain, None, None, None, None, None, None, "Use the BFG!"),
    );
    for line in ["<192>x", "<>x", "<1 x", "<-1>x", "<1234>x"] {
        let parsed = read(line);
        assert!(parsed.defects.no_priority, "{line}");
        assert_eq!(parsed.text, line);
    }
    check("", (Plain, None, None, None, None, None, None, ""));
}

#[test]
fn cisco() {
    use LogFormat::Cisco;
    let (none, up) = (
        None,
        "%LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to up",
    );
    let id = Some("LINK-3-UPDOWN");
    for (head, host, time) in [
        (
            "<187>29: *Mar  1 00:00:46.123 UTC: ",
            None,
            Some("Mar  1 00:00:46.123 UTC"),
        ),
        ("<187>29: Mar  1 00:00:46: ", None, Some("Mar  1 00:00:46")),
        (
            "<187>: 2026 Mar  1 00:00:46 UTC: ",
            None,
            Some("2026 Mar  1 00:00:46 UTC"),
        ),
        (
            "<187>29: R1: .Mar  1 00:00:46.123: ",
            Some("R1"),
            Some("Mar  1 00:00:46.123"),
        ),
        (
            "<187>29: R1.example.net: Mar  1 2026 00:00:46 CET: ",
            Some("R1.example.net"),
            Some("Mar  1 2026 00:00:46 CET"),
        ),
        ("<187>29: 00:00:46: ", None, None),
        ("<187>29: 1w2d: ", None, None),
        ("<187>29: ", None, None),
        ("<187>", None, None),
        (
            "<187>Mar 01 2026 00:00:46 asa1 : ",
            Some("asa1"),
            Some("Mar 01 2026 00:00:46"),
        ),
        (
            "<187>Mar 01 2026 00:00:46: ",
            None,
            Some("Mar 01 2026 00:00:46"),
        ),
        (
            "29: *Mar  1 00:00:46.123 UTC: ",
            None,
            Some("Mar  1 00:00:46.123 UTC"),
        ),
    ] {
        let line = format!("{head}{up}");
        check(&line, (Cisco, Some(3), host, None, None, id, time, up));
        let sequence = head.contains("29: ").then_some(29);
        assert_eq!(read(&line).line.sequence, sequence, "{line}");
    }
    check(
        "<189>30: RP/0/RSP0/CPU0:Mar  1 00:00:46.123 UTC: config[65710]: %MGBL-CONFIG-6-DB_COMMIT : Configuration committed",
        (
            Cisco,
            Some(5),
            Some("RP/0/RSP0/CPU0"),
            None,
            none,
            Some("MGBL-CONFIG-6-DB_COMMIT"),
            Some("Mar  1 00:00:46.123 UTC"),
            "config[65710]: %MGBL-CONFIG-6-DB_COMMIT : Configuration committed",
        ),
    );
    check(
        "<190>31: *Mar  1 00:00:46: no mnemonic",
        (
            Cisco,
            Some(6),
            None,
            None,
            None,
            None,
            Some("Mar  1 00:00:46"),
            "no mnemonic",
        ),
    );
}

#[test]
fn a_clock_that_is_wrong_is_told_and_not_believed() {
    let at = |line: &str| (read(line).line.clock, read(line).line.device_at);
    let instant = |text: &str| Some(text.parse().unwrap());
    assert_eq!(
        at("<189>1: *Mar  1 00:00:00 UTC: %SYS-5-RESTART: x"),
        (Some(ClockDoubt::Unset), None)
    );
    assert_eq!(
        at("<189>1: .May 31 00:00:00 UTC: %SYS-5-RESTART: x"),
        (
            Some(ClockDoubt::Unsynchronized),
            instant("2026-05-31T00:00:00Z")
        )
    );
    assert_eq!(
        at("<189>1: May 31 00:00:00 UTC: %SYS-5-RESTART: x"),
        (None, instant("2026-05-31T00:00:00Z"))
    );
    assert_eq!(
        at("<34>1 1999-01-01T00:00:00Z h a - - - x"),
        (None, instant("1999-01-01T00:00:00Z"))
    );
    // Without a zone it is no instant.
    assert_eq!(at("<34>May 31 00:00:00 h a: x"), (None, None));
}

#[test]
fn bytes_that_are_no_text_are_read_nevertheless() {
    let received = Timestamp::default();
    let parsed = parse(
        b"<13>Jan  2 03:04:05 h a: \xdcberlast\n\0",
        LogTransport::Tcp,
        received,
    );
    assert_eq!(parsed.text, "a: \u{dc}berlast");
    assert!(parsed.defects.not_utf8);
    let parsed = parse(
        "<13>a\x1b[31m\tred\r\nb\u{9b}c".as_bytes(),
        LogTransport::Tcp,
        received,
    );
    assert_eq!(parsed.text, "a [31m\tred  b c");
    let long = format!("<13>{}", "é".repeat(LINE_LEN_MAX));
    let parsed = parse(long.as_bytes(), LogTransport::Tls, received);
    assert!(parsed.defects.cut && !parsed.defects.not_utf8);
    assert!(parsed.text.len() <= LINE_LEN_MAX);
    assert!(parsed.text.ends_with('é'));
}

/// Lines with octets changed, lost, doubled and cut: each is read, and what it says is within bounds.
#[test]
fn mutated_lines_are_read() {
    let seeds: [&[u8]; 6] = [
        b"<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed",
        b"<165>1 2003-10-11T22:14:15.003Z h app 77 ID47 [a@1 b=\"c\\\"d\"][e] \xef\xbb\xbftext",
        b"<187>29: *Mar  1 00:00:46.123 UTC: %LINK-3-UPDOWN: Interface Gi0/1",
        b"<189>30: RP/0/RSP0/CPU0:Mar  1 00:00:46 UTC: config[65]: %MGBL-CONFIG-6-DB : x",
        b"<187>: 2026 Mar  1 00:00:46 -04:00: %ETHPORT-5-IF_UP: \xdcber",
        b"<166>Mar 01 2026 12:00:00 asa1 : %ASA-6-302013: Built",
    ];
    let mut random = 20_261_125_u64;
    let mut next = |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    for _ in 0..60_000 {
        let mut line = seeds[next(seeds.len())].to_vec();
        for _ in 0..=next(4) {
            let at = next(line.len());
            match next(5) {
                0 => line[at] = u8::try_from(next(256)).unwrap(),
                1 => drop(line.remove(at)),
                2 => line.insert(at, b"0:<>[]\"\\% *."[next(12)]),
                3 => line.truncate(at.max(1)),
                _ => line.extend_from_within(at..),
            }
            if line.is_empty() {
                line.push(b'<');
            }
        }
        let parsed = parse(
            &line,
            LogTransport::Udp,
            Timestamp::from_unix_ms(1_800_000_000_000),
        );
        assert!(parsed.text.len() <= 2 * line.len(), "{line:?}");
        assert!(
            parsed.severity.is_none_or(|severity| severity <= 7),
            "{line:?}"
        );
        let body = serde_json::to_value(&parsed.line).unwrap();
        assert_eq!(
            serde_json::from_value::<LogLine>(body).unwrap(),
            parsed.line,
            "{line:?}"
        );
    }
}
