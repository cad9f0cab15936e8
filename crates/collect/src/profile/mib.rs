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
    /// Its tables and their rows, by name: they hold no value, and are walked.
    pub tables: Vec<(String, Vec<u32>)>,
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
    let plain = without_comments(text);
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
    let mut modules = load(&[name], texts)?;
    let unread = || MibError::Unreadable(format!("no module `{name}` was found in it"));
    modules.remove(name).ok_or_else(unread)
}

/// What all modules name, read together: each text is read once. One that cannot be read is there
/// without objects.
pub fn read_all(texts: &BTreeMap<String, String>) -> BTreeMap<String, MibModule> {
    let names: Vec<&str> = texts.keys().map(String::as_str).collect();
    let mut modules = load(&names, texts).unwrap_or_else(|_| {
        // One that is not a module at all: the others are read one by one.
        let each = names.iter().filter_map(|name| read(name, texts).ok());
        each.map(|module| (module.name.clone(), module)).collect()
    });
    for name in names {
        modules.entry(name.to_owned()).or_insert_with(|| MibModule {
            name: name.to_owned(),
            ..MibModule::default()
        });
    }
    modules
}

fn load(
    names: &[&str],
    texts: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, MibModule>, MibError> {
    let sources = source::memory_modules(
        texts
            .iter()
            .map(|(name, text)| (name.clone(), text.clone().into_bytes())),
    );
    let mib = Loader::new()
        .source(sources)
        .modules(names.iter().copied())
        .parallelism(1)
        .load()
        .map_err(|error| MibError::Unreadable(error.to_string()))?;
    let mut modules = BTreeMap::new();
    for &name in names {
        if mib.module(name).is_none() {
            continue;
        }
        let imported = texts.get(name).map(|text| imports(text));
        let missing = imported
            .unwrap_or_default()
            .into_iter()
            .filter(|import| mib.module(import).is_none());
        let module = MibModule {
            name: name.to_owned(),
            missing: missing.collect(),
            ..MibModule::default()
        };
        modules.insert(name.to_owned(), module);
    }
    for object in mib.objects() {
        let Some(oid) = object.node().map(|node| node.oid().to_vec()) else {
            continue;
        };
        let own = object.module().map(|module| module.name().to_owned());
        let Some(module) = own.and_then(|own| modules.get_mut(&own)) else {
            continue;
        };
        if object.is_table() || object.is_row() {
            if module.tables.len() < OBJECTS_MAX {
                module.tables.push((object.name().to_owned(), oid));
            }
            continue;
        }
        if module.objects.len() == OBJECTS_MAX || !(object.is_column() || object.is_scalar()) {
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
    for module in modules.values_mut() {
        module.objects.sort_by(|a, b| a.oid.cmp(&b.oid));
    }
    Ok(modules)
}

/// The modules that a text imports from.
fn imports(text: &str) -> BTreeSet<String> {
    let text = without_comments(text);
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

/// A text in one line, without its comments to the ends of lines.
fn without_comments(text: &str) -> String {
    let lines = text.lines();
    lines
        .map(|line| line.split("--").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join(" ")
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

    #[test]
    fn all_are_read_together_and_a_bad_one_costs_only_itself() {
        let other = ACME
            .replace("ACME-MIB", "OTHER-MIB")
            .replace("99999", "99998")
            .replace("IMPORTS", "IMPORTS -- a, FROM NOWHERE;\n");
        let texts = [
            ("ACME-MIB".to_owned(), ACME.to_owned()),
            ("BAD-MIB".to_owned(), "BAD-MIB DEFINITIONS ::=".to_owned()),
            ("OTHER-MIB".to_owned(), other),
        ];
        let modules = read_all(&texts.into());
        let counts: Vec<_> = modules
            .values()
            .map(|module| (module.name.as_str(), module.objects.len()))
            .collect();
        assert_eq!(counts, [("ACME-MIB", 2), ("BAD-MIB", 0), ("OTHER-MIB", 2)]);
        assert!(modules["OTHER-MIB"].missing.is_empty());
    }
}
