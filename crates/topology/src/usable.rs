//! Which values identify anything at all. Agents fill the fields they do not know with zeros,
//! "N/A" and factory texts; two devices that share such a value share nothing.

/// Texts that stand for "no serial number", in lower case. Seen in ENTITY-MIB and DMI tables.
const EMPTY_SERIALS: &[&str] = &[
    "n/a",
    "na",
    "none",
    "null",
    "unknown",
    "unspecified",
    "not specified",
    "not available",
    "not applicable",
    "no serial",
    "default string",
    "default",
    "to be filled by o.e.m.",
    "to be filled by oem",
    "system serial number",
    "chassis serial number",
    "serial number",
    "serial",
    "123456789",
    "1234567890",
    "0123456789",
    "12345678",
    "not set",
    "invalid",
    "empty",
];

/// Names that a system carries until someone gives it one, in lower case.
const DEFAULT_NAMES: &[&str] = &[
    "localhost",
    "localhost.localdomain",
    "(none)",
    "none",
    "unknown",
    "router",
    "switch",
    "default",
];

/// snmpEngineID is 5 to 32 octets. Source: SNMP-FRAMEWORK-MIB (RFC 3411).
const ENGINE_ID_OCTETS: std::ops::RangeInclusive<usize> = 5..=32;

/// The engine id in a form to compare, where it identifies: not all zeros or ones after the
/// enterprise number, and not made from a loopback address or an empty MAC (RFC 3411, the formats
/// of SnmpEngineID).
pub fn engine_id(hex: &str) -> Option<String> {
    let hex = hex.trim().to_ascii_lowercase();
    let hex = hex.strip_prefix("0x").unwrap_or(&hex);
    let octets = octets(hex)?;
    if !ENGINE_ID_OCTETS.contains(&octets.len()) {
        return None;
    }
    let rest = octets.get(4..)?;
    let plain = |bytes: &[u8]| bytes.iter().all(|b| *b == 0) || bytes.iter().all(|b| *b == 0xff);
    if plain(rest) || plain(&octets) {
        return None;
    }
    let variable = octets.first().is_some_and(|first| first & 0x80 != 0);
    if let (true, Some((format, value))) = (variable, rest.split_first()) {
        let empty = match format {
            1 => value.first() == Some(&127) || plain(value),
            2 => value == std::net::Ipv6Addr::LOCALHOST.octets() || plain(value),
            _ => plain(value),
        };
        if empty {
            return None;
        }
    }
    Some(hex.to_owned())
}

/// The serial number in a form to compare, where it identifies.
pub fn serial(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let first = text.chars().next()?;
    let one_sign_repeated = text.chars().all(|c| c == first);
    let nothing_but_signs = !text.chars().any(char::is_alphanumeric);
    let zeros = text
        .chars()
        .all(|c| matches!(c, '0' | ' ' | '-' | '.' | ':' | '_'));
    if one_sign_repeated || nothing_but_signs || zeros || text.chars().count() < 4 {
        return None;
    }
    (!EMPTY_SERIALS.contains(&text.as_str())).then_some(text)
}

/// A MAC in a form to compare, where it identifies: neither zero nor a group address.
pub fn mac(text: &str) -> Option<String> {
    let octets = mac_octets(text)?;
    let group = octets.first().is_some_and(|first| first & 1 == 1);
    if group || octets.iter().all(|b| *b == 0) {
        return None;
    }
    Some(
        octets
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<Vec<_>>()
            .join(":"),
    )
}

/// An interface's MAC in a form to compare: as [`mac`], and not one that routers share by design
/// (VRRP, RFC 5798 section 7.3; HSRP, RFC 2281; GLBP).
pub fn interface_mac(text: &str) -> Option<String> {
    let mac = mac(text)?;
    let shared = [
        "00:00:5e:00:01:",
        "00:00:5e:00:02:",
        "00:00:0c:07:ac:",
        "00:00:0c:9f:f",
        "00:07:b4:00:",
    ];
    (!shared.iter().any(|prefix| mac.starts_with(prefix))).then_some(mac)
}

/// An LLDP chassis id in a form to compare: a MAC as [`mac`]; any other text unless it is a name
/// that nobody gave.
pub fn chassis_id(text: &str) -> Option<String> {
    if mac_octets(text).is_some() {
        return mac(text);
    }
    if let Ok(address) = text.trim().parse::<std::net::IpAddr>() {
        return (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string());
    }
    let name = name(text)?;
    serial(&name).map(|_| name)
}

/// A sysName in a form to compare, where somebody chose it.
pub fn name(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('.').to_lowercase();
    (!text.is_empty() && !DEFAULT_NAMES.contains(&text.as_str())).then_some(text)
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn mac_octets(text: &str) -> Option<Vec<u8>> {
    let parts: Vec<&str> = text.trim().split([':', '-']).collect();
    if parts.len() != 6 {
        return None;
    }
    parts
        .iter()
        .map(|part| (part.len() <= 2).then(|| u8::from_str_radix(part, 16).ok())?)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_values_identify_nothing() {
        for text in [
            "0",
            "000000000",
            "N/A",
            "n/a ",
            "None",
            "",
            "  ",
            "XXXXXXXX",
            "-",
            "..........",
            "To Be Filled By O.E.M.",
            "Default string",
            "0000-0000",
            "1",
        ] {
            assert_eq!(serial(text), None, "serial {text:?}");
        }
        for text in [
            "",
            "00",
            "0000000000000000",
            "ffffffffffffffffffffffff",
            "80001f8801", /* no value */
            "80001f88017f000001",
            "80001f8803000000000000",
            "800000000000000000",
            "not hex",
            "80001f888",
        ] {
            assert_eq!(engine_id(text), None, "engine id {text:?}");
        }
        for text in [
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "",
            "eth0",
            "00:11:22:33:44",
        ] {
            assert_eq!(mac(text), None, "mac {text:?}");
        }
        for text in [
            "00:00:00:00:00:00",
            "localhost",
            "",
            "0.0.0.0",
            "127.0.0.1",
            "N/A",
        ] {
            assert_eq!(chassis_id(text), None, "chassis id {text:?}");
        }
        assert_eq!(interface_mac("00:00:5e:00:01:0a"), None, "VRRP");
        assert_eq!(name("localhost."), None);
    }

    #[test]
    fn real_values_are_brought_to_one_form() {
        assert_eq!(serial(" FCW2140L0AB ").as_deref(), Some("fcw2140l0ab"));
        assert_eq!(
            engine_id("80001F8880E9630000D61FF449").as_deref(),
            Some("80001f8880e9630000d61ff449")
        );
        assert_eq!(
            engine_id("80001f880400").as_deref(),
            None,
            "text of one zero octet"
        );
        assert_eq!(
            mac("0-1b-21-AB-CD-EF").as_deref(),
            Some("00:1b:21:ab:cd:ef")
        );
        assert_eq!(chassis_id("Core-1").as_deref(), Some("core-1"));
        assert_eq!(name("R1.Example.net.").as_deref(), Some("r1.example.net"));
    }
}
