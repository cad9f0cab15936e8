//! What may be typed of a device.

use crate::problem::{Answer, Faults};
use crate::text::objection;
use model::device::Device;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Most tags of a device.
const TAGS_MAX: usize = 64;
/// Shortest and longest time between polls, in seconds.
const INTERVAL_SECS: std::ops::RangeInclusive<u32> = 5..=86_400;

pub(crate) fn default_port() -> u16 {
    161
}

/// Checks and tidies what was typed: white space around text goes, empty text is none.
pub(crate) fn check(device: &mut Device) -> Answer<()> {
    let mut faults = Faults::default();
    if !may_be_asked(device.address) {
        faults.add("/address", "an address of one host is expected");
    }
    if device.port == 0 {
        faults.add("/port", "a port from 1 to 65535 is expected");
    }
    if let Some(detail) = objection_to_interval(device.interval_secs) {
        faults.add("/interval_secs", detail);
    }
    let typed = &mut device.typed;
    let texts = [
        ("name", &mut typed.name),
        ("location", &mut typed.location),
        ("site", &mut typed.site),
        ("profile", &mut typed.profile),
    ];
    check_typed("", texts, &mut typed.tags, &mut faults);
    faults.into_result()
}

/// Why an interval is not taken; none where it is.
pub(crate) fn objection_to_interval(secs: u32) -> Option<&'static str> {
    (!INTERVAL_SECS.contains(&secs)).then_some("5 to 86400 seconds are expected")
}

/// Checks and tidies texts and tags that are at `place` of their body.
pub(crate) fn check_typed<const N: usize>(
    place: &str,
    texts: [(&str, &mut Option<String>); N],
    tags: &mut BTreeSet<String>,
    faults: &mut Faults,
) {
    for (name, text) in texts {
        *text = text
            .take()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty());
        if let Some(objection) = text.as_deref().and_then(objection) {
            faults.add(format!("{place}/{name}"), objection);
        }
    }
    let at = format!("{place}/tags");
    if tags.len() > TAGS_MAX {
        faults.add(at.clone(), format!("at most {TAGS_MAX} tags are taken"));
    }
    *tags = std::mem::take(tags)
        .into_iter()
        .map(|tag| tag.trim().to_owned())
        .collect();
    for tag in tags.iter() {
        if tag.is_empty() || tag.contains(',') {
            faults.add(at.clone(), "a tag is not empty and has no comma");
        } else if let Some(objection) = objection(tag) {
            faults.add(at.clone(), objection);
        }
    }
}

fn may_be_asked(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

/// An address as text that sorts as its number does, IPv4 first.
pub(crate) fn address_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("4{:08x}", v4.to_bits()),
        IpAddr::V6(v6) => format!("6{:032x}", v6.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_sort_as_numbers() {
        let mut addresses: Vec<IpAddr> = ["10.0.0.10", "::1", "10.0.0.9", "9.255.0.1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        addresses.sort_by_key(|address| address_key(*address));
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["9.255.0.1", "10.0.0.9", "10.0.0.10", "::1"]);
    }

    #[test]
    fn only_hosts_may_be_asked() {
        for (address, may) in [
            ("192.0.2.1", true),
            ("::1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
        ] {
            assert_eq!(may_be_asked(address.parse().unwrap()), may, "{address}");
        }
    }
}
