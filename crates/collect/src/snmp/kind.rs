//! What sort of device it is, from what it says of itself.

/// router, switch, firewall, wireless, server, storage, power, printer, ... None where nothing told.
pub(super) fn guess(
    vendor: Option<&str>,
    os: Option<&str>,
    description: &str,
    services: Option<u64>,
) -> Option<String> {
    let said = format!(
        "{} {} {description}",
        vendor.unwrap_or(""),
        os.unwrap_or("")
    )
    .to_lowercase();
    WORDS
        .iter()
        .find(|(words, _)| words.iter().any(|word| said.contains(word)))
        .map(|&(_, kind)| kind)
        .or_else(|| by_services(services?))
        .map(str::to_owned)
}

/// The first line that fits, so the sharper words come first.
static WORDS: &[(&[&str], &str)] = &[
    (
        &[
            "fortinet",
            "fortigate",
            "palo alto",
            "firewall",
            "pfsense",
            "opnsense",
            "check point",
            "sonicwall",
            "stormshield",
            "adaptive security",
            "sophos",
        ],
        "firewall",
    ),
    (
        &[
            "printer",
            "laserjet",
            "lexmark",
            "kyocera",
            "xerox",
            "brother nc",
            "ricoh",
            "officejet",
            "print server",
        ],
        "printer",
    ),
    (
        &[
            "apc",
            "ups ",
            "pdu",
            "rittal",
            "raritan",
            "cyberpower",
            "eaton",
            "vertiv",
            "tripp lite",
            "server technology",
            "powerware",
            "eltek",
            "socomec",
        ],
        "power",
    ),
    (
        &[
            "access point",
            "wireless",
            "airos",
            "unifi",
            "ruckus",
            "aruba",
            "airmax",
            "cambium",
            "mimosa",
            "wlan",
            "radio",
            "airfiber",
        ],
        "wireless",
    ),
    (
        &[
            "synology",
            "qnap",
            "netapp",
            "storage",
            "data ontap",
            "truenas",
            "freenas",
            "isilon",
            "equallogic",
        ],
        "storage",
    ),
    (
        &["switch", "procurve", "catalyst", "exos", "powerconnect"],
        "switch",
    ),
    (
        &[
            "router", "routeros", "junos", "timos", "ios xr", "vyos", "edgeos",
        ],
        "router",
    ),
    (
        &[
            "linux", "windows", "vmware", "freebsd", "openbsd", "solaris", "esxi", "proxmox",
            "darwin",
        ],
        "server",
    ),
];

/// sysServices: 2^(layer - 1) for each layer that it offers (RFC 3418).
fn by_services(services: u64) -> Option<&'static str> {
    if services & 0b100 != 0 {
        Some("router")
    } else if services & 0b10 != 0 {
        Some("switch")
    } else if services & 0b100_0000 != 0 {
        Some("server")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let check = |vendor: &str, description, services, expected: Option<&str>| {
            let found = guess(Some(vendor), None, description, services);
            assert_eq!(found.as_deref(), expected, "{vendor} {description}");
        };
        check("Fortinet", "", None, Some("firewall"));
        check(
            "HP",
            "ProCurve J9019B Switch 2510B-24",
            None,
            Some("switch"),
        );
        check("APC", "APC Web/SNMP Management Card", None, Some("power"));
        check("", "Linux host 6.1.0 x86_64", Some(72), Some("server"));
        check("", "", Some(2), Some("switch"));
        check("", "", Some(6), Some("router"));
        check("", "", None, None);
    }
}
