//! Operating system, its version and the model, from patterns in sysDescr by family.
//!
//! sysDescr is prose, and each family writes its own. A row of [`FAMILIES`] says how to know the
//! family and after which words its version and model stand. What no family knows is read by the
//! words that all of them use.

use super::mib::enterprise;
use super::{Rows, decode};
use ::snmp::Value;

/// MIKROTIK-MIB::mtxrLicVersion
pub(super) const MIKROTIK_VERSION: &[u32] = &[1, 3, 6, 1, 4, 1, 14988, 1, 1, 4, 4];
/// FORTINET-FORTIGATE-MIB::fgSysVersion
pub(super) const FORTINET_VERSION: &[u32] = &[1, 3, 6, 1, 4, 1, 12356, 101, 4, 1, 1];
/// PAN-COMMON-MIB::panSysSwVersion
pub(super) const PALO_ALTO_VERSION: &[u32] = &[1, 3, 6, 1, 4, 1, 25461, 2, 1, 2, 1, 1];

/// What could be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) vendor: Option<String>,
    pub(super) os: Option<String>,
    pub(super) os_version: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
}

/// How a family writes its sysDescr.
struct Family {
    os: &'static str,
    /// Enterprise numbers under which it is looked for; empty is any.
    enterprises: &'static [u32],
    /// Words of which one is in sysDescr; empty is any text.
    says: &'static [&'static str],
    /// Words after which the version stands, the first that is there.
    version_after: &'static [&'static str],
    model: Model,
}

/// Where a family writes its model.
enum Model {
    /// Nowhere.
    None,
    /// The word after one of these.
    After(&'static [&'static str]),
    /// The text before the first of these.
    Before(&'static [&'static str]),
    /// The first word.
    First,
}

pub(super) fn read(rows: &Rows, object_id: &[u32], description: &str) -> Platform {
    let mut platform = described(enterprise(object_id), description);
    let scalar = |object: &[u32]| {
        rows.scalar(object)
            .and_then(Value::as_octets)
            .and_then(decode::text)
    };
    for (os, object) in [
        ("RouterOS", MIKROTIK_VERSION),
        ("FortiOS", FORTINET_VERSION),
        ("PAN-OS", PALO_ALTO_VERSION),
    ] {
        if let Some(version) = scalar(object) {
            platform.os = Some(os.to_owned());
            platform.os_version = Some(first_version(&version).unwrap_or(version));
        }
    }
    platform
}

/// From sysDescr alone.
fn described(enterprise: Option<u32>, description: &str) -> Platform {
    // One line: the families differ in where they break it.
    let line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let family = FAMILIES.iter().find(|family| {
        let enterprise_fits = family.enterprises.is_empty()
            || enterprise.is_some_and(|number| family.enterprises.contains(&number));
        enterprise_fits
            && (family.says.is_empty() || family.says.iter().any(|word| has(&line, word)))
    });
    let version = family.and_then(|family| first_after(&line, family.version_after));
    Platform {
        vendor: None,
        os: family.map(|family| family.os.to_owned()),
        os_version: version,
        model: family
            .and_then(|family| family.model.find(&line))
            .or_else(|| first_after_any(&line, MODEL_WORDS)),
        serial: first_after(&line, SERIAL_WORDS),
    }
}

impl Model {
    fn find(&self, line: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::After(words) => first_after_any(line, words),
            Self::Before(marks) => {
                let end = marks.iter().filter_map(|mark| line.find(mark)).min()?;
                told(line.get(..end)?)
            }
            Self::First => told(line.split([' ', ',', ';']).next()?),
        }
    }
}

/// The sharper rows first.
static FAMILIES: &[Family] = &[
    Family {
        os: "IOS XR",
        enterprises: &[9],
        says: &["IOS XR"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "NX-OS",
        enterprises: &[9],
        says: &["NX-OS"],
        version_after: &["Version ", "version "],
        model: Model::None,
    },
    Family {
        os: "IOS XE",
        enterprises: &[9],
        says: &["IOS-XE", "IOS XE", "IOSXE", "LINUX_IOSD"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "ASA",
        enterprises: &[9],
        says: &["Adaptive Security Appliance"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "IOS",
        enterprises: &[9],
        says: &["IOS", "Internetwork Operating System"],
        version_after: &["Version "],
        model: Model::None,
    },
    Family {
        os: "Junos",
        enterprises: &[2636],
        says: &["JUNOS"],
        version_after: &["JUNOS "],
        model: Model::After(&["Juniper Networks, Inc. ", "Juniper "]),
    },
    Family {
        os: "EOS",
        enterprises: &[30065],
        says: &["Arista"],
        version_after: &["EOS version "],
        model: Model::After(&["running on an Arista Networks "]),
    },
    Family {
        os: "Comware",
        enterprises: &[],
        says: &["Comware"],
        version_after: &["Software Version ", "Version "],
        model: Model::After(&["H3C ", "HP ", "HPE "]),
    },
    Family {
        os: "VRP",
        enterprises: &[2011],
        says: &["VRP", "Versatile Routing Platform", "Huawei"],
        version_after: &["Version ", "VRP (R) software, Version "],
        model: Model::None,
    },
    Family {
        os: "ProCurve",
        enterprises: &[11],
        says: &["revision"],
        version_after: &["revision "],
        model: Model::Before(&[", revision"]),
    },
    Family {
        os: "ArubaOS",
        enterprises: &[14823],
        says: &["ArubaOS"],
        version_after: &["Version "],
        model: Model::After(&["MODEL: "]),
    },
    Family {
        os: "RouterOS",
        enterprises: &[14988],
        says: &[],
        version_after: &["RouterOS "],
        model: Model::After(&["RouterOS "]),
    },
    Family {
        os: "TiMOS",
        enterprises: &[6527],
        says: &["TiMOS"],
        version_after: &["TiMOS-"],
        model: Model::After(&["Nokia ", "ALCATEL "]),
    },
    Family {
        os: "ExtremeXOS",
        enterprises: &[1916],
        says: &["ExtremeXOS", "XOS"],
        version_after: &["version "],
        model: Model::After(&["ExtremeXOS (", "Extreme Networks, Inc. "]),
    },
    Family {
        os: "IronWare",
        enterprises: &[1991],
        says: &["IronWare"],
        version_after: &["IronWare Version ", "Version "],
        model: Model::After(&[
            "Brocade Communications Systems, Inc. ",
            "Foundry Networks, Inc. ",
        ]),
    },
    Family {
        os: "FTOS",
        enterprises: &[6027],
        says: &["Force10", "Dell"],
        version_after: &[
            "Application Software Version: ",
            "Software Version: ",
            "Version: ",
        ],
        model: Model::After(&["Series: ", "System Type: "]),
    },
    Family {
        os: "Dell Networking OS6",
        enterprises: &[674],
        says: &[],
        version_after: &["Version: ", "version ", ", "],
        model: Model::Before(&[", "]),
    },
    Family {
        os: "ESXi",
        enterprises: &[6876],
        says: &["VMware ESX"],
        version_after: &["ESXi ", "ESX "],
        model: Model::None,
    },
    Family {
        os: "Windows",
        enterprises: &[311],
        says: &["Windows"],
        version_after: &["Windows Version ", "Version "],
        model: Model::None,
    },
    Family {
        os: "AOS",
        enterprises: &[318],
        says: &["APC Web/SNMP", "APC "],
        version_after: &["PF:v", "PF:", "MB:v"],
        model: Model::After(&["MN:", "MN: "]),
    },
    Family {
        os: "FreeBSD",
        enterprises: &[8072, 12325],
        says: &["FreeBSD"],
        version_after: &["FreeBSD "],
        model: Model::None,
    },
    Family {
        os: "SunOS",
        enterprises: &[],
        says: &["SunOS"],
        version_after: &["SunOS "],
        model: Model::None,
    },
    Family {
        os: "Linux",
        enterprises: &[8072, 2021],
        says: &["Linux "],
        version_after: &["Linux "],
        model: Model::None,
    },
    Family {
        os: "JETDIRECT",
        enterprises: &[11],
        says: &["JETDIRECT"],
        version_after: &["EEPROM "],
        model: Model::After(&["PID:"]),
    },
    Family {
        os: "Zyxel",
        enterprises: &[890],
        says: &[],
        version_after: &[],
        model: Model::First,
    },
    Family {
        os: "airOS",
        enterprises: &[41112],
        says: &[],
        version_after: &[],
        model: Model::First,
    },
    Family {
        os: "Synology DSM",
        enterprises: &[6574],
        says: &[],
        version_after: &[],
        model: Model::None,
    },
    Family {
        os: "Windows",
        enterprises: &[],
        says: &["Software: Windows"],
        version_after: &["Windows Version "],
        model: Model::None,
    },
    Family {
        os: "Linux",
        enterprises: &[],
        says: &["Linux "],
        version_after: &["Linux "],
        model: Model::None,
    },
];

/// Words after which a version stands in what no family knows, the surer first.
static VERSION_WORDS: &[&str] = &[
    "software version",
    "firmware version",
    "sw version",
    "fw version",
    "os version",
    "system version",
    "version",
    "firmware",
    "software",
    "release",
    "revision",
    "sw:",
    "fw:",
    "ver.",
    "ver",
    "sw",
    "fw",
    "rev",
];

static MODEL_WORDS: &[&str] = &[
    "Model: ",
    "Model:",
    "MODEL: ",
    "Model ",
    "model ",
    "Product: ",
    "PID:",
];
static SERIAL_WORDS: &[&str] = &[
    "SN: ",
    "SN:",
    "S/N: ",
    "S/N:",
    "Serial Number: ",
    "Serial: ",
    "serial number ",
];

fn has(line: &str, word: &str) -> bool {
    line.to_ascii_lowercase()
        .contains(&word.to_ascii_lowercase())
}

/// The version after the first of these words that has one.
fn first_after(line: &str, words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| {
        let (_, rest) = line.split_once(word)?;
        version_like(rest.split_whitespace().next()?)
    })
}

/// The word after the first of these that there is.
fn first_after_any(line: &str, words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| {
        let (_, rest) = line.split_once(word)?;
        told(
            rest.split([' ', ',', ';', ')', '|'])
                .find(|part| !part.is_empty())?,
        )
    })
}

fn told(text: &str) -> Option<String> {
    let text = text
        .trim()
        .trim_matches(|c: char| ",;:()[]\"'".contains(c))
        .trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The part number in what no family knows: all of a short text with a digit in it, else the first
/// word of capitals and digits.
pub(super) fn part_number(description: &str) -> Option<String> {
    let words: Vec<&str> = description.split_whitespace().collect();
    let has_digit = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    if words.len() <= SHORT_WORDS_MAX && has_digit(description) {
        return told(&words.join(" "));
    }
    words.iter().filter_map(|word| told(word)).find(|word| {
        word.len() >= PART_NUMBER_LEN_MIN
            && has_digit(word)
            && !word.contains(['.', ':', '='])
            && word.chars().filter(char::is_ascii_uppercase).count() >= 2
    })
}

/// Words of a text that is a name rather than a sentence.
const SHORT_WORDS_MAX: usize = 4;
/// Characters of the shortest part number: shorter ones are units and revisions.
const PART_NUMBER_LEN_MIN: usize = 4;

/// A version after any of the words that agents put before one.
pub(super) fn any_version(line: &str) -> Option<String> {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = line.to_ascii_lowercase();
    VERSION_WORDS
        .iter()
        .find_map(|word| {
            lower.match_indices(word).find_map(|(place, _)| {
                // A word by itself, not the end of another.
                let before = lower.get(..place)?.chars().next_back();
                if before.is_some_and(char::is_alphanumeric) {
                    return None;
                }
                let rest = line.get(place + word.len()..)?;
                let rest = rest.trim_start_matches(|c: char| ":=#.([- ".contains(c));
                version_like(rest.split_whitespace().next()?)
            })
        })
        .or_else(|| first_version(&line))
}

/// The first word that looks like a version by itself: `v2.1`, `12.4(3)`, `1.0.2`.
fn first_version(line: &str) -> Option<String> {
    line.split([' ', ',', ';', '(', ')', '/'])
        .filter(|word| word.contains('.'))
        .find_map(|word| {
            let bare = word.trim_start_matches(['v', 'V']);
            bare.starts_with(|c: char| c.is_ascii_digit())
                .then(|| version_like(word))
                .flatten()
        })
}

/// The word as a version, where it has a digit in it: without punctuation around it and a leading
/// `v`.
fn version_like(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| ",;:[]\"'".contains(c));
    let word = match word.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => word,
    };
    // A parenthesis that was opened before it.
    let word = if word.contains('(') {
        word
    } else {
        word.trim_end_matches(')')
    };
    let word = word.trim_matches(|c: char| c == ',' || c == '.');
    word.contains(|c: char| c.is_ascii_digit())
        .then(|| word.to_owned())
}
