//! Which interface a port's name means. Neighbours announce ifName, ifDescr, ifAlias, a MAC or a
//! number, in long or short form.

use crate::usable;
use model::InterfaceId;
use model::interface::Interface;
use std::sync::Arc;

/// The interface that `port` means, where exactly one fits; the forms are tried in order.
pub(super) fn find(interfaces: &[Arc<Interface>], port: &str) -> Option<InterfaceId> {
    let port = port.trim();
    if port.is_empty() {
        return None;
    }
    let mac = usable::interface_mac(port);
    let long = canonical(port);
    let number = port.parse::<u32>().ok();
    let present = || interfaces.iter().filter(|interface| interface.present);
    only(present().filter(|i| i.name == port))
        .or_else(|| only(present().filter(|i| i.description.as_deref() == Some(port))))
        .or_else(|| {
            let mac = mac.as_deref()?;
            only(present().filter(|i| {
                i.mac.as_deref().and_then(usable::interface_mac).as_deref() == Some(mac)
            }))
        })
        .or_else(|| {
            only(present().filter(|i| {
                canonical(&i.name) == long
                    || i.description
                        .as_deref()
                        .is_some_and(|text| canonical(text) == long)
            }))
        })
        .or_else(|| only(present().filter(|i| i.alias.as_deref() == Some(port))))
        .or_else(|| only(present().filter(|i| Some(i.index) == number)))
}

fn only<'a>(mut found: impl Iterator<Item = &'a Arc<Interface>>) -> Option<InterfaceId> {
    let first = found.next()?;
    found.next().is_none().then_some(first.id)
}

/// Long names by how they are shortened, longest prefix first where two share a letter.
const KINDS: &[(&str, &[&str])] = &[
    ("hundredgigabitethernet", &["hundredgige", "hu"]),
    ("fortygigabitethernet", &["fortygige", "fo"]),
    ("twentyfivegigabitethernet", &["twentyfivegige", "twe"]),
    ("tengigabitethernet", &["tengige", "ten", "te", "xge"]),
    ("gigabitethernet", &["gige", "gig", "gi", "ge"]),
    ("fastethernet", &["fas", "fa"]),
    ("port-channel", &["po"]),
    ("ethernet", &["eth", "et"]),
    ("management", &["mgmt", "ma"]),
    ("vlan", &["vl"]),
];

/// One spelling for the many of one port: `Gi0/1`, `Gig 0/1` and `GigabitEthernet0/1`.
fn canonical(name: &str) -> String {
    let name: String = name
        .to_lowercase()
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let digits = name
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(name.len());
    let (kind, number) = name.split_at(digits);
    let long = KINDS
        .iter()
        .find(|(long, shorts)| kind == *long || shorts.contains(&kind))
        .map_or(kind, |(long, _)| *long);
    format!("{long}{number}")
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn short_and_long_names_of_a_port_are_one() {
        for (a, b) in [
            ("Gi0/1", "GigabitEthernet0/1"),
            ("Gig 0/1", "gigabitethernet0/1"),
            ("Te1/1/4", "TenGigabitEthernet1/1/4"),
            ("Eth1/3", "Ethernet1/3"),
            ("Po10", "port-channel10"),
        ] {
            assert_eq!(canonical(a), canonical(b), "{a} {b}");
        }
        for (a, b) in [("Gi0/1", "Te0/1"), ("eth1", "eth10"), ("Fa0/1", "Fo0/1")] {
            assert_ne!(canonical(a), canonical(b), "{a} {b}");
        }
    }
}
