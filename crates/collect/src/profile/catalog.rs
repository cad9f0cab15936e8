//! Every profile there is, and which of them are for a device.

use super::check::Mistake;
use super::plan::{Plan, Profile};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// The profiles that are part of the program: name and text.
static EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// Octets of a profile's file.
const FILE_LEN_MAX: u64 = 1024 * 1024;
/// Files in an operator's folder. Those beyond are not looked at.
const FILES_MAX: usize = 2_000;

/// An operator's folder of profiles could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It could not be read.
    #[error("{path} could not be read")]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A profile that is left out, for the mistakes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "profile `{}`: {}", self.name, list(&self.mistakes))
    }
}

fn list(mistakes: &[Mistake]) -> String {
    mistakes
        .iter()
        .map(Mistake::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// The text of a profile's file.
fn text_of(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_LEN_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "a profile has at most 1 MiB",
        ));
    }
    fs::read_to_string(path)
}

/// Profiles by name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    profiles: BTreeMap<String, Arc<Profile>>,
    /// Those that an operator brought.
    own: BTreeSet<String>,
}

impl Catalog {
    /// The profiles that are part of the program.
    pub fn embedded() -> Arc<Self> {
        static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
            let mut catalog = Catalog::default();
            let texts = EMBEDDED
                .iter()
                .map(|&(name, text)| (name.to_owned(), text.to_owned()));
            let faults = catalog.add_all(texts.collect());
            // A test reads them all: an embedded profile with a mistake does not leave the house.
            for fault in faults {
                tracing::error!("left out: {fault}");
            }
            Arc::new(catalog)
        });
        Arc::clone(&CATALOG)
    }

    /// These, and those of an operator's folder (`*.toml`), which come first and take the place of
    /// those of the same name; and those of the folder that are left out for their mistakes.
    pub fn with_folder(&self, folder: &Path) -> Result<(Self, Vec<LeftOut>), CatalogError> {
        let unreadable = |path: &Path, source| CatalogError::Read {
            path: path.to_owned(),
            source,
        };
        let mut texts = Vec::new();
        let mut left_out = Vec::new();
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
        for entry in entries.take(FILES_MAX) {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            match text_of(&path) {
                Ok(text) => texts.push((name, text)),
                // One file that cannot be read does not take the others away.
                Err(error) => left_out.push(LeftOut {
                    name,
                    mistakes: vec![Mistake {
                        line: 1,
                        key: String::new(),
                        detail: format!("the file cannot be read: {error}"),
                    }],
                }),
            }
        }
        texts.sort();
        let mut catalog = self.clone();
        let names: Vec<String> = texts.iter().map(|(name, _)| name.clone()).collect();
        left_out.extend(catalog.add_all(texts));
        catalog.own.extend(
            names
                .into_iter()
                .filter(|name| left_out.iter().all(|fault| fault.name != *name)),
        );
        Ok((catalog, left_out))
    }

    /// Adds profiles, each after those that it extends; gives back those with mistakes.
    fn add_all(&mut self, mut texts: Vec<(String, String)>) -> Vec<LeftOut> {
        loop {
            let mut failed = Vec::new();
            let before = texts.len();
            for (name, text) in texts {
                match Profile::read(&name, &text, self) {
                    Ok(profile) => {
                        self.profiles.insert(name, Arc::new(profile));
                    }
                    Err(mistakes) => failed.push((name, text, mistakes)),
                }
            }
            // What extends one that came later is read in the next round.
            if failed.len() == before || failed.is_empty() {
                return failed
                    .into_iter()
                    .map(|(name, _, mistakes)| LeftOut { name, mistakes })
                    .collect();
            }
            texts = failed
                .into_iter()
                .map(|(name, text, _)| (name, text))
                .collect();
        }
    }

    /// These and one more, as if an operator had brought it; else what is wrong with it.
    pub fn with(&self, name: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let profile = Profile::read(name, text, self)?;
        let mut catalog = self.clone();
        catalog.profiles.insert(name.to_owned(), Arc::new(profile));
        catalog.own.insert(name.to_owned());
        Ok(catalog)
    }

    /// The profile of that name.
    pub fn find(&self, name: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(name)
    }

    /// All profiles, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.profiles.values()
    }

    /// Whether a profile is an operator's.
    pub fn is_own(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    /// What must be asked to tell which profiles are for a device: objects of which it matters
    /// whether there is anything under them.
    pub fn questions(&self, object_id: &[u32], description: &str) -> Vec<Vec<u32>> {
        let mut questions = BTreeSet::new();
        for profile in self.profiles.values() {
            for one in &profile.matches {
                if one.by_words(object_id, description).is_some() {
                    questions.extend(one.has.iter().cloned());
                }
            }
        }
        questions.into_iter().collect()
    }

    /// The profiles that are for a device, the sharpest first: an operator's own, then the longest
    /// sysObjectID, then what is told by other objects, then those for every device; each followed by
    /// what it extends.
    pub fn plan(&self, object_id: &[u32], description: &str, has: impl Fn(&[u32]) -> bool) -> Plan {
        let mut fitting: Vec<(_, &Arc<Profile>)> = Vec::new();
        for profile in self.profiles.values() {
            let best = profile
                .matches
                .iter()
                .filter(|one| one.has.is_empty() || one.has.iter().any(|object| has(object)))
                .filter_map(|one| {
                    Some((one.by_words(object_id, description)?, one.has.len().min(1)))
                })
                .max();
            if let Some(best) = best {
                fitting.push(((self.is_own(&profile.name), best), profile));
            }
        }
        fitting.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
        let mut plan = Plan::default();
        for (_, profile) in fitting {
            self.add(profile, object_id, &mut plan);
        }
        plan
    }

    /// Whether a profile may have a part in how a device is read: by its own match or by that of one
    /// that extends it. What only the device can tell counts as told.
    pub fn may_concern(&self, name: &str, object_id: &[u32], description: &str) -> bool {
        let fitting = self.profiles.values().filter(|profile| {
            let mut matches = profile.matches.iter();
            matches.any(|one| one.by_words(object_id, description).is_some())
        });
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = fitting.map(|profile| profile.name.as_str()).collect();
        while let Some(next) = open.pop() {
            if next == name {
                return true;
            }
            if let Some(profile) = self.profiles.get(next).filter(|_| seen.insert(next)) {
                open.extend(profile.extends.iter().map(String::as_str));
            }
        }
        false
    }

    fn add(&self, profile: &Arc<Profile>, object_id: &[u32], plan: &mut Plan) {
        if plan.profiles.iter().any(|known| known.name == profile.name) {
            return;
        }
        // It was read without a mistake before, so it is again.
        let own = profile.is_relative.then(|| {
            Profile::read_for(&profile.name, &profile.text, self, object_id)
                .ok()
                .map(Arc::new)
        });
        plan.profiles
            .push(own.flatten().unwrap_or_else(|| Arc::clone(profile)));
        for parent in &profile.extends {
            if let Some(parent) = self.find(parent) {
                self.add(parent, object_id, plan);
            }
        }
    }
}

impl super::plan::Match {
    /// How sharply sysObjectID and sysDescr fit: arcs of the longest beginning, and whether words do;
    /// none where they do not.
    fn by_words(&self, object_id: &[u32], description: &str) -> Option<(usize, bool)> {
        let arcs = if self.object_ids.is_empty() {
            0
        } else {
            let fitting = self
                .object_ids
                .iter()
                .filter(|prefix| object_id.starts_with(prefix));
            fitting.map(Vec::len).max()?
        };
        let has = |patterns: &[regex::Regex]| {
            patterns.iter().any(|pattern| pattern.is_match(description))
        };
        if has(&self.not_descriptions) || !(self.descriptions.is_empty() || has(&self.descriptions))
        {
            return None;
        }
        Some((arcs, !self.descriptions.is_empty()))
    }
}

/// The catalog that is in use, shared: an operator's new profile takes effect at each device's next
/// look at what seldom changes.
#[derive(Clone, Debug)]
pub struct Profiles(Arc<RwLock<Arc<Catalog>>>);

impl Profiles {
    /// Begins with a catalog.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self(Arc::new(RwLock::new(catalog)))
    }
    /// The catalog of now.
    pub fn now(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
    /// Puts another in its place.
    pub fn replace(&self, catalog: Arc<Catalog>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = catalog;
    }
}

impl Default for Profiles {
    fn default() -> Self {
        Self::new(Catalog::embedded())
    }
}

#[cfg(test)]
mod tests {
    use super::super::expression::oid;
    use super::super::quantity::Quantity;
    use super::*;

    #[test]
    fn every_embedded_profile_is_read_without_a_mistake() {
        let catalog = Catalog::embedded();
        let mut wrong = Vec::new();
        let mut names = BTreeSet::new();
        for &(name, text) in EMBEDDED {
            if !names.insert(name) {
                wrong.push(format!("{name}: there are two of that name"));
            }
            if let Err(mistakes) = Profile::read(name, text, &catalog) {
                wrong.push(format!("{name}: {}", list(&mistakes)));
                continue;
            }
            wrong.extend(what_the_text_says(name, text));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(names.len(), catalog.all().count());
        assert!(names.len() >= 10, "{}", names.len());
    }

    /// Reads a profile's text beside our reader: what it names must be there.
    fn what_the_text_says(name: &str, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let table: toml::Table = text.parse().unwrap();
        if table.get("summary").and_then(toml::Value::as_str).is_none() {
            wrong.push(format!("{name}: no summary"));
        }
        let blocks = |key: &str| {
            table
                .get(key)
                .and_then(toml::Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        for block in blocks("match") {
            let ids = block.get("object_id").and_then(toml::Value::as_array);
            for id in ids.into_iter().flatten() {
                let arcs = oid(id.as_str().unwrap_or("")).unwrap_or_default();
                if arcs.len() < 2 {
                    wrong.push(format!("{name}: object_id {id}"));
                }
            }
        }
        for block in blocks("sensor") {
            if let Some(kind) = block.get("kind").and_then(toml::Value::as_str)
                && Quantity::named(kind).is_none()
            {
                wrong.push(format!("{name}: kind {kind}"));
            }
        }
        wrong
    }

    const OWN: &str =
        "[[match]]\nobject_id = [\"1.3.6.1.4.1.99999\"]\n[device]\nvendor = \"Acme\"\n";

    #[test]
    fn one_bad_file_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        write("acme.toml", OWN.as_bytes());
        write("octets.toml", &[0xff, 0xfe]);
        write("wrong.toml", b"[[sensor]]\nkind = \"smell\"\n");
        write("README.md", b"not a profile");
        let large = fs::File::create(folder.path().join("large.toml")).unwrap();
        large.set_len(FILE_LEN_MAX + 1).unwrap();
        let (catalog, left_out) = Catalog::embedded().with_folder(folder.path()).unwrap();
        let mut names: Vec<&str> = left_out.iter().map(|fault| fault.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["large", "octets", "wrong"]);
        assert!(catalog.is_own("acme") && !catalog.is_own("wrong"));
        assert!(catalog.find("acme").is_some() && catalog.find("octets").is_none());
    }

    #[test]
    fn which_devices_a_profile_concerns() {
        let base = Catalog::default()
            .with("base", "[device]\nvendor = \"Acme\"\n")
            .unwrap();
        let catalog = base
            .with("acme", &format!("extends = [\"base\"]\n{OWN}"))
            .unwrap();
        let acme = [1, 3, 6, 1, 4, 1, 99_999, 1];
        assert!(catalog.may_concern("acme", &acme, ""));
        assert!(catalog.may_concern("base", &acme, ""), "it is extended");
        assert!(!catalog.may_concern("acme", &[1, 3, 6, 1, 4, 1, 9], ""));
        assert!(!base.may_concern("base", &acme, ""), "nothing matches");
    }
}
