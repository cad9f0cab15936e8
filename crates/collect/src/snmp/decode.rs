//! Bytes and indexes as MIBs pack them: pure, total, and never larger than what they were given.
//!
//! All of these are fuzzed. None where the bytes are not what the textual convention says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest text that is kept of one object: SnmpAdminString and DisplayString end at 255, agents
/// do not.
const TEXT_LEN_MAX: usize = 2048;

/// An OID or an index as people write it: arcs with dots between.
pub fn dotted(arcs: &[u32]) -> String {
    arcs.iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(".")
}

/// A number without its decimals; what is beyond the integers is the last of them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "that is what it is for: the cast saturates"
)]
pub fn integer(number: f64) -> i64 {
    number as i64
}

/// A number without its decimals where it is not negative.
pub fn whole(number: f64) -> Option<u64> {
    u64::try_from(integer(number)).ok()
}

/// Text for people: UTF-8, else Latin-1, without NULs and the space around it.
pub fn text(octets: &[u8]) -> Option<String> {
    let octets = octets.get(..TEXT_LEN_MAX).unwrap_or(octets);
    let text = match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        // A character cut in two at the end is a cut, not another encoding.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(octets.get(..error.valid_up_to())?).into_owned()
        }
        Err(_) => octets.iter().map(|&octet| char::from(octet)).collect(),
    };
    let text = text.replace('\0', "");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Octets as lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> Option<String> {
    (!octets.is_empty()).then(|| joined(octets, ""))
}

/// A MAC address as `aa:bb:cc:dd:ee:ff`: six octets, or the same written out. Not all zero.
/// Source: SNMPv2-TC::PhysAddress, MacAddress.
pub fn mac(octets: &[u8]) -> Option<String> {
    let octets: [u8; 6] = match octets.len() {
        6 => octets.try_into().ok()?,
        12..=18 => written_mac(octets)?,
        _ => return None,
    };
    (octets != [0; 6]).then(|| joined(&octets, ":"))
}

fn written_mac(text: &[u8]) -> Option<[u8; 6]> {
    let text = std::str::from_utf8(text)
        .ok()?
        .trim_end_matches('\0')
        .trim();
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.' | ' '))
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let mut octets = [0; 6];
    if digits.len() != 12 {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(digits.chunks(2)) {
        *octet = pair.iter().fold(0, |value: u8, digit| {
            (value << 4) | u8::try_from(*digit).unwrap_or(0)
        });
    }
    Some(octets)
}

fn joined(octets: &[u8], by: &str) -> String {
    octets
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect::<Vec<_>>()
        .join(by)
}

/// An address of its type. Source: INET-ADDRESS-MIB (RFC 4001): 1 ipv4, 2 ipv6, 3 ipv4z, 4 ipv6z;
/// the zone is left out.
pub fn inet_address(kind: u32, octets: &[u8]) -> Option<IpAddr> {
    match (kind, octets.len()) {
        (1, 4) | (3, 8) => {
            let octets: [u8; 4] = octets.get(..4)?.try_into().ok()?;
            Some(Ipv4Addr::from(octets).into())
        }
        (2, 16) | (4, 20) => {
            let octets: [u8; 16] = octets.get(..16)?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

/// An InetAddressType and InetAddress at the head of an index, and what follows them. An address
/// without its length before it, as some agents write ipv4, is taken too.
pub fn inet_index(index: &[u32]) -> Option<(IpAddr, &[u32])> {
    let (&kind, rest) = index.split_first()?;
    let (&length, body) = rest.split_first()?;
    if let Ok(length) = usize::try_from(length)
        && let Some((address, rest)) = body.split_at_checked(length)
        && let Some(octets) = octets(address)
        && let Some(address) = inet_address(kind, &octets)
    {
        return Some((address, rest));
    }
    // Only where it is the whole of the index, or a damaged one would pass for another address.
    if kind == 1 && rest.len() == 4 {
        return Some((inet_address(1, &octets(rest)?)?, &[]));
    }
    None
}

/// Arcs as octets; none where one is above 255.
pub fn octets(arcs: &[u32]) -> Option<Vec<u8>> {
    arcs.iter().map(|&arc| u8::try_from(arc).ok()).collect()
}

/// The address that is a whole index. Source: RFC1213-MIB::ipAddrTable.
pub fn ipv4_index(index: &[u32]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = octets(index)?.try_into().ok()?;
    Some(octets.into())
}

/// Bits of a mask; none where its ones are not together.
pub fn prefix_len(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let ones = bits.leading_ones();
    (bits.count_ones() == ones).then(|| u8::try_from(ones).ok())?
}

/// The prefix length at the end of an ipAddressPrefix row pointer
/// (ipAddressPrefixOrigin.ifIndex.type.length.prefix.prefixLength). None for zeroDotZero.
pub fn prefix_of_pointer(pointer: &[u32], address: IpAddr) -> Option<u8> {
    if pointer.len() < 10 {
        return None;
    }
    let &last = pointer.last()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    u8::try_from(last).ok().filter(|&bits| bits <= most)
}

/// Seconds since the Unix epoch. Source: SNMPv2-TC::DateAndTime, 8 octets or 11 with the offset
/// from UTC; without one it is taken for UTC.
pub fn date_and_time(octets: &[u8]) -> Option<i64> {
    let (head, zone) = match octets.len() {
        8 => (octets, None),
        11 => (octets.get(..8)?, octets.get(8..)),
        _ => return None,
    };
    let [
        year_high,
        year_low,
        month,
        day,
        hour,
        minute,
        second,
        _tenths,
    ] = *head
    else {
        return None;
    };
    let year = i64::from(u16::from_be_bytes([year_high, year_low]));
    let (month, day) = (i64::from(month), i64::from(day));
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let local = days_from_epoch(year, month, day) * 86_400
        + i64::from(hour) * 3600
        + i64::from(minute) * 60
        + i64::from(second);
    match zone {
        None => Some(local),
        Some(&[sign, hours, minutes]) if hours <= 14 && minutes <= 59 => {
            let offset = i64::from(hours) * 3600 + i64::from(minutes) * 60;
            match sign {
                b'+' => Some(local - offset),
                b'-' => Some(local + offset),
                _ => None,
            }
        }
        Some(_) => None,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March so that the leap day
/// is the last of its year.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A chassis id. Source: LLDP-MIB::LldpChassisIdSubtype: 4 is a MAC, 5 an address with its IANA
/// family before it, the rest text.
pub fn lldp_chassis_id(subtype: u32, id: &[u8]) -> Option<String> {
    match subtype {
        4 => mac(id).or_else(|| hex(id)),
        5 => network_address(id),
        1..=3 | 6 | 7 => printable(id),
        _ => None,
    }
}

/// A port id. Source: LLDP-MIB::LldpPortIdSubtype: 3 is a MAC, 4 an address, the rest text.
pub fn lldp_port_id(subtype: u32, id: &[u8]) -> Option<String> {
    match subtype {
        3 => mac(id).or_else(|| hex(id)),
        4 => network_address(id),
        1 | 2 | 5..=7 => printable(id),
        _ => None,
    }
}

/// An address with its family before it, as text. Source: IANA-ADDRESS-FAMILY-NUMBERS-MIB.
fn network_address(id: &[u8]) -> Option<String> {
    let (&family, address) = id.split_first()?;
    inet_address(u32::from(family), address)
        .map(|address| address.to_string())
        .or_else(|| hex(id))
}

/// Text where it can be read, else hexadecimal (a MAC with the separators of one).
fn printable(id: &[u8]) -> Option<String> {
    let is_text = std::str::from_utf8(id)
        .is_ok_and(|text| text.trim_end_matches('\0').chars().all(|c| !c.is_control()));
    if is_text {
        text(id)
    } else {
        mac(id).filter(|_| id.len() == 6).or_else(|| hex(id))
    }
}

/// What the index of a row of lldpRemManAddrTable says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LldpManagementIndex {
    /// lldpRemLocalPortNum
    pub port: u32,
    /// lldpRemIndex
    pub remote: u32,
    /// lldpRemManAddr
    pub address: IpAddr,
}

/// lldpRemTimeMark, lldpRemLocalPortNum, lldpRemIndex, lldpRemManAddrSubtype, lldpRemManAddr. The
/// time mark changes as it likes and is left out; the address comes with its length before it or
/// without.
pub fn lldp_management_index(index: &[u32]) -> Option<LldpManagementIndex> {
    let (&[_mark, port, remote], rest) = index.split_first_chunk::<3>()?;
    let (&family, body) = rest.split_first()?;
    let with_length = inet_index(rest).map(|(address, _)| address);
    let address = match with_length {
        Some(address) => address,
        None => inet_address(family, &octets(body)?)?,
    };
    Some(LldpManagementIndex {
        port,
        remote,
        address,
    })
}

/// Which of the interfaces or VLANs numbered from 1 are in a bit string, the highest bit first.
/// Source: Q-BRIDGE-MIB::PortList.
pub fn port_list(octets: &[u8]) -> Vec<u32> {
    (0u32..)
        .zip(octets)
        .flat_map(|(place, &octet)| {
            (0..8u32)
                .filter(move |bit| octet & (0x80 >> bit) != 0)
                .map(move |bit| place * 8 + bit + 1)
        })
        .collect()
}

/// A number in a value's base unit. Source: ENTITY-SENSOR-MIB: the value times ten to the power of
/// the scale (yocto is 1, units 9, yotta 17) with `precision` decimal places. None where scale or
/// precision are none of the MIB's, or the result is not a number.
pub fn scaled(value: i64, scale: i64, precision: i64) -> Option<f64> {
    if !(1..=17).contains(&scale) || !(-8..=9).contains(&precision) {
        return None;
    }
    let exponent = i32::try_from((scale - 9) * 3 - precision).ok()?;
    // Dividing by a whole power is exact where multiplying by a fraction is not.
    let scaled = if exponent < 0 {
        value as f64 / 10f64.powi(-exponent)
    } else {
        value as f64 * 10f64.powi(exponent)
    };
    scaled.is_finite().then_some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let check = |octets: &[u8], expected: Option<&str>| {
            assert_eq!(text(octets).as_deref(), expected, "{octets:?}");
        };
        check(b" core-1\0\0", Some("core-1"));
        check(b"\0\0", None);
        check("Zürich".as_bytes(), Some("Zürich"));
        check(b"Z\xfcrich", Some("Zürich"));
        check("Zü".as_bytes().get(..2).unwrap(), Some("Z"));
        assert_eq!(text(&vec![b'a'; 100_000]).unwrap().len(), TEXT_LEN_MAX);
    }

    #[test]
    fn macs() {
        let check = |octets: &[u8], expected: Option<&str>| {
            assert_eq!(mac(octets).as_deref(), expected, "{octets:?}");
        };
        check(
            &[0, 0x1b, 0x21, 0xaa, 0xbb, 0xcc],
            Some("00:1b:21:aa:bb:cc"),
        );
        check(b"00:1B:21:aa:bb:cc", Some("00:1b:21:aa:bb:cc"));
        check(b"001b.21aa.bbcc", Some("00:1b:21:aa:bb:cc"));
        check(&[0; 6], None);
        check(b"not a mac at all", None);
        check(&[1, 2, 3], None);
        check(&[0xff; 20], None);
    }

    #[test]
    fn addresses_in_indexes() {
        let check = |index: &[u32], expected: Option<(&str, usize)>| {
            let found = inet_index(index).map(|(address, rest)| (address.to_string(), rest.len()));
            assert_eq!(found, expected.map(|(a, n)| (a.to_owned(), n)), "{index:?}");
        };
        check(&[1, 4, 192, 0, 2, 1], Some(("192.0.2.1", 0)));
        check(&[1, 4, 192, 0, 2, 1, 9], Some(("192.0.2.1", 1)));
        check(&[1, 192, 0, 2, 1], Some(("192.0.2.1", 0)));
        check(
            &[3, 8, 169, 254, 0, 1, 0, 0, 0, 5],
            Some(("169.254.0.1", 0)),
        );
        check(
            &[
                2, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            ],
            Some(("2001:db8::1", 0)),
        );
        check(&[1, 4, 192, 0], None);
        check(&[1, 4, 192, 0, 2, 256], None);
        check(&[2, 4_294_967_295, 1], None);
        check(&[], None);
    }

    #[test]
    fn masks_and_pointers() {
        assert_eq!(prefix_len(Ipv4Addr::new(255, 255, 254, 0)), Some(23));
        assert_eq!(prefix_len(Ipv4Addr::new(255, 0, 255, 0)), None);
        assert_eq!(prefix_len(Ipv4Addr::UNSPECIFIED), Some(0));
        let address = "192.0.2.1".parse().unwrap();
        let pointer = [1, 3, 6, 1, 2, 1, 4, 32, 1, 5, 1, 1, 4, 192, 0, 2, 0, 24];
        assert_eq!(prefix_of_pointer(&pointer, address), Some(24));
        assert_eq!(prefix_of_pointer(&[0, 0], address), None);
        let absurd = [1, 3, 6, 1, 2, 1, 4, 32, 1, 5, 1, 1, 4, 192, 0, 2, 0, 64];
        assert_eq!(prefix_of_pointer(&absurd, address), None);
    }

    #[test]
    fn dates() {
        let check = |octets: &[u8], expected: Option<i64>| {
            assert_eq!(date_and_time(octets), expected, "{octets:?}");
        };
        // 1992-05-26 13:30:15.0, -4:0 is the example of RFC 2579.
        check(
            &[0x07, 0xc8, 5, 26, 13, 30, 15, 0, b'-', 4, 0],
            Some(706_901_415),
        );
        check(&[0x07, 0xb2, 1, 1, 0, 0, 0, 0], Some(0));
        check(&[0x07, 0xe8, 2, 29, 0, 0, 0, 0], Some(1_709_164_800));
        check(&[0x07, 0xe8, 13, 1, 0, 0, 0, 0], None);
        check(&[0x07, 0xe8], None);
        check(&[0x07, 0xe8, 1, 1, 0, 0, 0, 0, b'*', 0, 0], None);
    }

    #[test]
    fn lldp_ids() {
        let check = |found: Option<String>, expected: Option<&str>| {
            assert_eq!(found.as_deref(), expected);
        };
        check(
            lldp_chassis_id(4, &[0, 1, 2, 3, 4, 5]),
            Some("00:01:02:03:04:05"),
        );
        check(lldp_chassis_id(5, &[1, 192, 0, 2, 1]), Some("192.0.2.1"));
        check(lldp_chassis_id(7, b"chassis-7"), Some("chassis-7"));
        check(
            lldp_chassis_id(7, &[0, 1, 2, 3, 4, 5]),
            Some("00:01:02:03:04:05"),
        );
        check(lldp_chassis_id(9, b"x"), None);
        check(lldp_chassis_id(4, &[]), None);
        check(lldp_port_id(5, b"ge-0/0/1"), Some("ge-0/0/1"));
        check(
            lldp_port_id(3, &[0, 1, 2, 3, 4, 5]),
            Some("00:01:02:03:04:05"),
        );
        check(lldp_port_id(4, &[2, 1]), Some("0201"));
    }

    #[test]
    fn lldp_management_addresses() {
        let check = |index: &[u32], expected: Option<(u32, u32, &str)>| {
            let found = lldp_management_index(index)
                .map(|found| (found.port, found.remote, found.address.to_string()));
            assert_eq!(
                found,
                expected.map(|(p, r, a)| (p, r, a.to_owned())),
                "{index:?}"
            );
        };
        check(&[99, 2, 7, 1, 4, 192, 0, 2, 1], Some((2, 7, "192.0.2.1")));
        check(&[0, 2, 7, 1, 192, 0, 2, 1], Some((2, 7, "192.0.2.1")));
        check(&[0, 2, 7, 6, 6, 0, 1, 2, 3, 4, 5], None); // a MAC is not an address to ask
        check(&[0, 2], None);
    }

    #[test]
    fn sensors_are_scaled_to_their_unit() {
        assert_eq!(scaled(2350, 9, 2), Some(23.5));
        assert_eq!(scaled(3300, 8, 0), Some(3.3));
        assert_eq!(scaled(-45, 9, 1), Some(-4.5));
        assert_eq!(scaled(1, 0, 0), None);
        assert_eq!(scaled(1, 9, 100), None);
    }

    #[test]
    fn port_lists() {
        assert_eq!(port_list(&[0b1010_0000, 0, 1]), [1, 3, 24]);
        assert_eq!(port_list(&[]), [0u32; 0]);
    }
}
