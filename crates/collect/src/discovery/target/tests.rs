//! What can be written as a target, and what cannot and why.

use super::*;
use proptest::prelude::*;

/// A target that can be read: how it is written back, and how many addresses it has.
fn reads(text: &str, as_text: &str, len: u128) {
    let target: Target = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(target.to_string(), as_text, "{text}");
    if let Target::Range(range) = target {
        assert_eq!(range.len(), len, "{text}");
    }
}

#[test]
fn what_can_be_read() {
    for (text, as_text, len) in [
        ("192.0.2.0/24", "192.0.2.1-192.0.2.254", 254),
        ("192.0.2.77/24", "192.0.2.1-192.0.2.254", 254),
        ("192.0.2.4/30", "192.0.2.5-192.0.2.6", 2),
        ("192.0.2.4/31", "192.0.2.4-192.0.2.5", 2),
        ("192.0.2.4/32", "192.0.2.4-192.0.2.4", 1),
        ("2001:db8::/120", "2001:db8::-2001:db8::ff", 256),
        (
            "::/0",
            "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            u128::MAX,
        ),
        ("0.0.0.0/0", "0.0.0.1-255.255.255.254", 0xffff_fffe),
        (" 192.0.2.10-192.0.2.40 ", "192.0.2.10-192.0.2.40", 31),
        ("192.0.2.10 - 192.0.2.10", "192.0.2.10-192.0.2.10", 1),
        ("2001:db8::1-2001:db8::ff", "2001:db8::1-2001:db8::ff", 255),
        ("192.0.2.1", "192.0.2.1", 1),
        ("192.0.2.1:1161", "192.0.2.1:1161", 1),
        ("::1", "::1", 1),
        ("[::1]", "::1", 1),
        ("[::1]:161", "[::1]:161", 1),
        ("::ffff:192.0.2.1", "192.0.2.1", 1),
        ("core-sw1", "core-sw1", 1),
        (
            "core-sw1.example.net.:1161",
            "core-sw1.example.net.:1161",
            1,
        ),
        ("10-0-0-1.example.net", "10-0-0-1.example.net", 1),
    ] {
        reads(text, as_text, len);
    }
}

#[test]
fn what_cannot_says_why() {
    for (text, why) in [
        ("", "empty"),
        ("  ", "empty"),
        (&"a".repeat(300), "longer"),
        ("192.0.2.0/33", "not a CIDR"),
        ("192.0.2/24", "not a CIDR"),
        ("192.0.2.0/", "not a CIDR"),
        ("/24", "not a CIDR"),
        ("192.0.2.0/24:161", "single host"),
        ("224.0.0.0/24", "not the address of a device"),
        ("192.0.2.1-40", "ends no range"),
        ("192.0.2.9-192.0.2.1", "ends before"),
        ("192.0.2.1-::1", "family"),
        ("192.0.2.1-255.255.255.255", "not the address"),
        ("0.0.0.0", "not the address"),
        ("ff02::1", "not the address"),
        ("fe80::1%eth0", "zone"),
        ("192.0.2.1:0", "port"),
        ("192.0.2.1:65536", "port"),
        ("host:snmp", "port"),
        ("[::1]161", "neither"),
        ("[::1", "neither"),
        ("192.0.2.256", "neither"),
        ("1.2.3", "neither"),
        ("-host", "neither"),
        ("a..b", "neither"),
        ("ho st", "neither"),
        ("host\u{0}", "neither"),
        ("höst", "neither"),
    ] {
        let error = text.parse::<Target>().expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn allowed_networks_are_ranges() {
    let range = allowed_network("10.0.0.0/8").unwrap();
    for (address, inside) in [
        ("10.0.0.1", true),
        ("10.255.255.254", true),
        ("::ffff:10.1.1.1", true),
        ("11.0.0.0", false),
        ("::a00:1", false),
    ] {
        assert_eq!(
            range.contains(address.parse().unwrap()),
            inside,
            "{address}"
        );
    }
    assert!(allowed_network("10.0.0.1:161").is_err());
    assert!(allowed_network("router").is_err());
    assert_eq!(allowed_network("::1").unwrap().len(), 1);
}

#[test]
fn addresses_are_listed_in_order() {
    let range = |text| match text {
        "none" => unreachable!(),
        text => allowed_network(text).unwrap(),
    };
    let listed: Vec<String> = range("192.0.2.254-192.0.3.1")
        .addresses()
        .map(|a| a.to_string())
        .collect();
    assert_eq!(
        listed,
        ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"]
    );
    assert_eq!(range("2001:db8::/126").addresses().count(), 4);
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
        let _ = text.parse::<Target>();
        let _ = allowed_network(&text);
    }

    #[test]
    fn any_near_miss_is_read_without_a_panic(text in "[0-9a-f:./\\[\\]%-]{0,48}") {
        if let Ok(target) = text.parse::<Target>() {
            let again: Target = target.to_string().parse().unwrap();
            if !matches!(target, Target::Range(_)) {
                prop_assert_eq!(again, target);
            }
        }
    }

    #[test]
    fn a_cidr_has_its_addresses(bits in any::<u32>(), prefix in 20u8..=32) {
        let text = format!("{}/{prefix}", Ipv4Addr::from_bits(bits & 0xdfff_ffff));
        if let Ok(Target::Range(range)) = text.parse::<Target>() {
            let all: Vec<IpAddr> = range.addresses().collect();
            prop_assert_eq!(all.len() as u128, range.len());
            prop_assert!(all.iter().all(|a| range.contains(*a)));
        }
    }
}
