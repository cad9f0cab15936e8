//! Operating system, its version and the model, from patterns in sysDescr by family.
//!
//! sysDescr is prose, and each family writes its own. A row of [`FAMILIES`] says how to know the
//! family and after which words its version and model stand. What no family knows is read by the
//! words that all of them use.

mod families;

use super::mib::enterprise;
use families::{FAMILIES, Model};

/// What could be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) vendor: Option<String>,
    pub(super) os: Option<String>,
    pub(super) os_version: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
}

pub(super) fn read(object_id: &[u32], description: &str) -> Platform {
    described(enterprise(object_id), description)
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

/// The version after the first of these words that has one: of the two words that follow (uname
/// writes the host's name between), the one that begins with a digit, else the first with a digit.
fn first_after(line: &str, words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| {
        let (_, rest) = line.split_once(word)?;
        let found: Vec<String> = rest
            .split_whitespace()
            .take(2)
            .filter_map(version_like)
            .collect();
        found
            .iter()
            .find(|version| version.starts_with(|c: char| c.is_ascii_digit()))
            .or(found.first())
            .cloned()
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
    let word = word.split('[').next()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_by_their_words() {
        let check = |enterprise, description, expected: [&str; 3]| {
            let found = described(Some(enterprise), description);
            let found = [found.os, found.os_version, found.model].map(Option::unwrap_or_default);
            assert_eq!(found, expected, "{description}");
        };
        check(
            9,
            "Cisco IOS XR Software (Cisco ASR9K Series),  Version 6.1.4[Default]",
            ["IOS XR", "6.1.4", ""],
        );
        check(
            9,
            "Cisco NX-OS(tm) n9000, Software (n9000-dk9), Version 9.3(5), RELEASE SOFTWARE",
            ["NX-OS", "9.3(5)", ""],
        );
        check(
            2636,
            "Juniper Networks, Inc. ex3400-24t Ethernet Switch, kernel JUNOS 18.2R3.4, Build date: x",
            ["Junos", "18.2R3.4", "ex3400-24t"],
        );
        check(
            30065,
            "Arista Networks EOS version 4.20.1F running on an Arista Networks DCS-7050S-64",
            ["EOS", "4.20.1F", "DCS-7050S-64"],
        );
        check(
            14988,
            "RouterOS CCR1009-7G-1C-1S+",
            ["RouterOS", "", "CCR1009-7G-1C-1S+"],
        );
        check(
            1916,
            "ExtremeXOS (X460G2-48t-10G4) version 22.4.1.4 by release-manager",
            ["ExtremeXOS", "22.4.1.4", "X460G2-48t-10G4"],
        );
        check(
            8072,
            "Linux router-1 6.1.0-18-amd64 #1 SMP x86_64",
            ["Linux", "6.1.0-18-amd64", ""],
        );
        check(
            318,
            "APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.4.0 PN:a.bin MN:AP9630 HR:05 SN: X MD:1)",
            ["AOS", "6.4.0", "AP9630"],
        );
        check(99_999, "no family at all", ["", "", ""]);
    }

    #[test]
    fn versions_that_no_family_knows() {
        let check = |description, expected: Option<&str>| {
            assert_eq!(
                any_version(description).as_deref(),
                expected,
                "{description}"
            );
        };
        check(
            "Widget, Firmware Version: v2.10.3, Hardware 4",
            Some("2.10.3"),
        );
        check("Widget SW: 7.1-rc2 HW: A", Some("7.1-rc2"));
        check("Widget 24 ports 3.2.1", Some("3.2.1"));
        check("Widget of the subversion office", None);
    }

    #[test]
    fn part_numbers() {
        let check = |description, expected: Option<&str>| {
            assert_eq!(
                part_number(description).as_deref(),
                expected,
                "{description}"
            );
        };
        check("Acme Connect 731", Some("Acme Connect 731"));
        check(
            "XG350X-48 48-Port Gigabit Stackable Managed Switch",
            Some("XG350X-48"),
        );
        check("A switch of 48 ports with 10/100/1000 copper", None);
        check("Switch", None);
    }
}
