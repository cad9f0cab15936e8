//! Modules of SMI (RFC 2578) that an operator uploads: which objects they name, so that a profile can
//! be written from them. The texts are read by the crate `mib-rs`; here its answer is cut down to
//! what a profile needs.

use mib_rs::{Loader, source};
use std::collections::{BTreeMap, BTreeSet};

/// Objects of one module that are told.
const OBJECTS_MAX: usize = 50_000;
/// Characters of a description that are told.
const DESCRIPTION_LEN_MAX: usize = 600;

/// An object that holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MibObject {
    /// Its name.
    pub name: String,
    /// Its OID, without an instance.
    pub oid: Vec<u32>,
    /// Whether it is a column of a table; a scalar else.
    pub is_column: bool,
    /// Its base type, as `Integer32`.
    pub syntax: String,
    /// UNITS, where the module tells them.
    pub units: Option<String>,
    /// Named numbers.
    pub states: BTreeMap<i64, String>,
    /// What the module says of it, cut.
    pub description: String,
}

/// A module as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MibModule {
    /// Its name.
    pub name: String,
    /// Its objects by OID.
    pub objects: Vec<MibObject>,
    /// Modules that it imports from and that are not at hand: objects that stand on theirs are
    /// missing.
    pub missing: BTreeSet<String>,
}

/// A module cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MibError {
    /// It does not say its name.
    #[error("there is no `NAME DEFINITIONS ::= BEGIN` in it")]
    Nameless,
    /// The reader gave up.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// The name that a module's text gives itself.
pub fn name_of(text: &str) -> Result<String, MibError> {
    let plain: String = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join(" ");
    let (before, _) = plain.split_once("DEFINITIONS").ok_or(MibError::Nameless)?;
    let name = before
        .split_whitespace()
        .next_back()
        .ok_or(MibError::Nameless)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.len() > 64
        || !name.chars().all(is_name)
        || !name.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return Err(MibError::Nameless);
    }
    Ok(name.to_owned())
}

/// What a module names, given the texts of all modules at hand by their names.
pub fn read(name: &str, texts: &BTreeMap<String, String>) -> Result<MibModule, MibError> {
    let sources = source::memory_modules(
        texts
            .iter()
            .map(|(name, text)| (name.clone(), text.clone().into_bytes())),
    );
    let mib = Loader::new()
        .source(sources)
        .modules([name])
        .parallelism(1)
        .load()
        .map_err(|error| MibError::Unreadable(error.to_string()))?;
    let mut module = MibModule {
        name: name.to_owned(),
        ..MibModule::default()
    };
    for object in mib.objects().take(OBJECTS_MAX) {
        let is_own = object.module().is_some_and(|module| module.name() == name);
        let Some(oid) = object.node().map(|node| node.oid().to_vec()) else {
            continue;
        };
        if !is_own || !(object.is_column() || object.is_scalar()) {
            continue;
        }
        module.objects.push(MibObject {
            name: object.name().to_owned(),
            oid,
            is_column: object.is_column(),
            syntax: object
                .ty()
                .map(|kind| format!("{:?}", kind.effective_base()))
                .unwrap_or_default(),
            units: Some(object.units().to_owned()).filter(|units| !units.is_empty()),
            states: object
                .effective_enums()
                .iter()
                .map(|named| (named.value, named.label.clone()))
                .collect(),
            description: words(object.description()),
        });
    }
    module.objects.sort_by(|a, b| a.oid.cmp(&b.oid));
    let imported = texts
        .get(name)
        .map(|text| imports(text))
        .unwrap_or_default();
    module.missing = imported
        .into_iter()
        .filter(|import| mib.module(import).is_none())
        .collect();
    Ok(module)
}

/// The modules that a text imports from.
fn imports(text: &str) -> BTreeSet<String> {
    let Some((_, imports)) = text.split_once("IMPORTS") else {
        return BTreeSet::new();
    };
    let (imports, _) = imports.split_once(';').unwrap_or((imports, ""));
    let mut names = BTreeSet::new();
    let mut words = imports.split_whitespace();
    while let Some(word) = words.next() {
        if word == "FROM" {
            names.extend(words.next().map(str::to_owned));
        }
    }
    names
}

fn words(text: &str) -> String {
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = words.char_indices().nth(DESCRIPTION_LEN_MAX) {
        words.truncate(at);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = r#"-- a comment of DEFINITIONS
ACME-MIB DEFINITIONS ::= BEGIN
IMPORTS OBJECT-TYPE, MODULE-IDENTITY, Integer32, enterprises FROM SNMPv2-SMI;
acme MODULE-IDENTITY
    LAST-UPDATED "202603120000Z" ORGANIZATION "Acme" CONTACT-INFO "Acme" DESCRIPTION "Acme."
    ::= { enterprises 99999 }
acmeTemp OBJECT-TYPE
    SYNTAX Integer32 UNITS "tenths of degrees" MAX-ACCESS read-only STATUS current
    DESCRIPTION "Inside." ::= { acme 1 }
acmeFan OBJECT-TYPE
    SYNTAX INTEGER { running(1), stopped(2) } MAX-ACCESS read-only STATUS current
    DESCRIPTION "The fan." ::= { acme 2 }
END
"#;

    #[test]
    fn objects_of_a_module() {
        let name = name_of(ACME).unwrap();
        assert_eq!(name, "ACME-MIB");
        let module = read(&name, &[(name.clone(), ACME.to_owned())].into()).unwrap();
        let told: Vec<_> = module
            .objects
            .iter()
            .map(|object| {
                (
                    object.name.as_str(),
                    object.oid.last().copied(),
                    object.is_column,
                )
            })
            .collect();
        assert_eq!(
            told,
            [("acmeTemp", Some(1), false), ("acmeFan", Some(2), false)]
        );
        assert_eq!(
            module.objects[0].units.as_deref(),
            Some("tenths of degrees")
        );
        assert_eq!(
            module.objects[1].states.get(&2).map(String::as_str),
            Some("stopped")
        );
        assert!(module.missing.is_empty(), "{:?}", module.missing);
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = ACME
            .replace("enterprises FROM SNMPv2-SMI", "acmeRoot FROM ACME-SMI")
            .replace("enterprises 99999", "acmeRoot 1");
        let module = read("ACME-MIB", &[("ACME-MIB".to_owned(), text)].into());
        let missing = module.map(|module| module.missing);
        assert_eq!(missing, Ok(["ACME-SMI".to_owned()].into()));
        assert_eq!(name_of("nothing"), Err(MibError::Nameless));
    }
}
