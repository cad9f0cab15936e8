use super::*;
use proptest::prelude::*;

/// A row as a line: `line address:port name credential tags site location interval`.
fn told(read: &[Read]) -> Vec<String> {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    read.iter()
        .map(|row| match row {
            Ok(row) => format!(
                "{} {} {} {} {} [{}] {} {} {}{}",
                row.line,
                row.address,
                row.port.map_or("-".to_owned(), |port| port.to_string()),
                or(&row.name),
                or(&row.credential),
                row.tags.iter().cloned().collect::<Vec<_>>().join("|"),
                or(&row.site),
                or(&row.location),
                row.interval_secs
                    .map_or("-".to_owned(), |secs| secs.to_string()),
                if row.echo_alone { " echo" } else { "" },
            ),
            Err(refused) => format!(
                "{} {} REFUSED {}",
                refused.line,
                or(&refused.name),
                refused.reason
            ),
        })
        .collect()
}

fn check(format: Format, text: &str, expected: &[&str]) {
    let read = read(format, text).unwrap();
    assert_eq!(told(&read), expected, "{text}");
}

#[test]
fn csv_is_read_by_its_header() {
    check(
        Format::Csv,
        "\u{feff}Name,ADDRESS,tags,credential,interval,site,port,location\r\n\
         \"core, 1\",192.0.2.1,\"a, b\",ro,30,HQ,1161,\"Room\n2\"\r\n\
         \r\n\
         sw2,2001:db8::1,a;c,,,,,\r\n",
        &[
            "2 192.0.2.1 1161 core, 1 ro [a|b] HQ Room\n2 30",
            "5 2001:db8::1 - sw2 - [a|c] - - -",
        ],
    );
    check(
        Format::Csv,
        "address;name\n192.0.2.1;core\n",
        &["2 192.0.2.1 - core - [] - - -"],
    );
    check(
        Format::Csv,
        "address,port,interval_secs,name\n,,,x\nsw1,,,\n192.0.2.1,0,,\n192.0.2.1,,soon,\n192.0.2.1\n192.0.2.1,,,a,b\n",
        &[
            "2 x REFUSED it has no address",
            "3 sw1 REFUSED `sw1` is not an address",
            "4 192.0.2.1 REFUSED `0` is not a port from 1 to 65535",
            "5 192.0.2.1 REFUSED `soon` is not a whole number of seconds",
            "6 192.0.2.1 - - - [] - - -",
            "7 a REFUSED 5 fields are there, and the header has 4",
        ],
    );
}

#[test]
fn a_header_that_is_not_known_is_a_mistake() {
    for (text, reason) in [
        ("", "line 1: the header has no column `address`"),
        ("name\nx\n", "line 1: the header has no column `address`"),
        (
            "address,colour\n",
            "line 1: there is no column `colour`; there are address, port, name, credential, tags, site, location, interval_secs",
        ),
        (
            "address,Address\n",
            "line 1: the column `address` is there twice",
        ),
    ] {
        assert_eq!(read(Format::Csv, text).unwrap_err().to_string(), reason);
    }
    let many = format!("address\n{}", "192.0.2.1\n".repeat(ROWS_MAX + 1));
    let error = read(Format::Csv, &many).unwrap_err();
    assert_eq!(error.line, ROWS_MAX as u64 + 2);
}

#[test]
fn devices_of_netbox() {
    let text = include_str!("recorded/netbox.json");
    check(
        Format::Netbox,
        text,
        &[
            "6 192.0.2.2 - dmi01-akron-rtr01 - [Edge] DM-Akron Row 1 -",
            "53 spare REFUSED it is `inventory` in NetBox",
            "54 ncsu-sw1 REFUSED it has no primary IP address",
            "55 2001:db8::5 - ncsu-sw2 - [v6] NCSU - -",
        ],
    );
    // The list alone.
    check(
        Format::Netbox,
        r#"[{"name": "a", "primary_ip": {"address": "192.0.2.1/24"}}, 7, {"primary_ip": {"address": "x"}}]"#,
        &[
            "1 192.0.2.1 - a - [] - - -",
            "1 - REFUSED it is no device: an object is expected",
            "1 - REFUSED `x` is not an address",
        ],
    );
}

#[test]
fn devices_of_librenms_without_their_secrets() {
    let text = include_str!("recorded/librenms.json");
    check(
        Format::Librenms,
        text,
        &[
            "4 192.0.2.20 161 core-1.example - [] - HQ, room 2 -",
            "5 192.0.2.121 1161 Edge router - [] - - -",
            "6 old.example REFUSED it is disabled in LibreNMS",
            "7 printer.example REFUSED it has no address: neither overwrite_ip nor ip nor hostname is one",
            "8 192.0.2.23 161 ping.example - [] - - - echo",
            "9 192.0.2.24 REFUSED `70000` is not a port from 1 to 65535",
        ],
    );
    let read = read(Format::Librenms, text).unwrap();
    assert!(!format!("{read:?}").contains("not-to-be-read"));
}

#[test]
fn hosts_of_zabbix_in_yaml_and_json() {
    let text = include_str!("recorded/zabbix.yaml");
    let expected = [
        "7 192.0.2.30 161 Core switch - [core|site:HQ] - Room 2 -",
        "29 linux-1 REFUSED it is disabled in Zabbix",
        "35 192.0.2.33 - web - [] - - - echo",
        "40 by-name REFUSED it is asked by the name `sw2.example`; an address is needed",
        "47 macro REFUSED `{$SNMP_PORT}` is not a port from 1 to 65535",
        "53 - REFUSED it is no host: an object is expected",
    ];
    check(Format::Zabbix, text, &expected);
    check(
        Format::Zabbix,
        r#"{"zabbix_export": {"version": "6.4", "hosts": [
            {"host": "a", "interfaces": [{"type": "SNMP", "ip": "192.0.2.1"}]},
            {"host": "b"}]}}"#,
        &[
            "2 192.0.2.1 - a - [] - - -",
            "3 b REFUSED it has no interface",
        ],
    );
}

#[test]
fn files_of_another_kind_are_refused_with_the_place() {
    for (format, text, reason) in [
        (
            Format::Netbox,
            "{\n}",
            "line 1: there is no `results` in it",
        ),
        (
            Format::Netbox,
            "{\"results\":\n 7}",
            "line 2: it is not as expected: invalid type: integer `7`, expected a sequence at line 1 column 1",
        ),
        (
            Format::Librenms,
            "[\n{",
            "line 2: no JSON: EOF while parsing an object at line 2 column 1",
        ),
    ] {
        assert_eq!(read(format, text).unwrap_err().to_string(), reason);
    }
    for text in [
        "",
        "a: 1",
        "zabbix_export:\n  hosts: 7\n",
        "zabbix_export: &a\n  hosts: [*a, *a]\n",
    ] {
        assert!(read(Format::Zabbix, text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,400}") {
        for format in [Format::Csv, Format::Netbox, Format::Librenms, Format::Zabbix] {
            let _ = read(format, &text);
        }
    }
}
