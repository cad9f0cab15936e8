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
/// Files in an operator's folder.
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
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
        for entry in entries.take(FILES_MAX) {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            let len = fs::metadata(&path)
                .map_err(|error| unreadable(&path, error))?
                .len();
            if len > FILE_LEN_MAX {
                let error =
                    io::Error::new(io::ErrorKind::FileTooLarge, "a profile has at most 1 MiB");
                return Err(unreadable(&path, error));
            }
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            texts.push((name, text));
        }
        texts.sort();
        let mut catalog = self.clone();
        catalog
            .own
            .extend(texts.iter().map(|(name, _)| name.clone()));
        let left_out = catalog.add_all(texts);
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
