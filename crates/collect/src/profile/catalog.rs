//! Every profile there is, and which of them are for a device.
//!
//! Of a profile that is part of the program only its head is at hand: for which devices it is. The
//! rest is read from its text when a device needs it first.

use super::check::Mistake;
use super::plan::{Match, Pattern, Plan, Profile};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

/// A profile that is part of the program, as the build lists it.
struct Embedded {
    name: &'static str,
    summary: &'static str,
    extends: &'static [&'static str],
    matches: &'static [EmbeddedMatch],
    text: &'static str,
}

struct EmbeddedMatch {
    object_ids: &'static [&'static [u32]],
    descriptions: &'static [&'static str],
    not_descriptions: &'static [&'static str],
    has: &'static [&'static [u32]],
}

/// The profiles that are part of the program.
static EMBEDDED: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

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
    let mistakes: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    mistakes.join("; ")
}

/// What is known of a profile before it is read.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// The profiles that it extends.
    pub extends: Vec<String>,
    matches: Vec<Match>,
    text: Cow<'static, str>,
    /// Once it was needed; none where it has a mistake.
    profile: OnceLock<Option<Arc<Profile>>>,
}

/// Profiles by name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    heads: BTreeMap<String, Arc<Head>>,
    /// Those that an operator brought.
    own: BTreeSet<String>,
}

impl Catalog {
    /// The profiles that are part of the program.
    pub fn embedded() -> Arc<Self> {
        static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
            let heads = EMBEDDED
                .iter()
                .map(|one| (one.name.to_owned(), Arc::new(one.head())));
            Arc::new(Catalog {
                heads: heads.collect(),
                own: BTreeSet::new(),
            })
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
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            if path.extension().is_some_and(|end| end == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut texts = Vec::new();
        let mut left_out = Vec::new();
        for (position, path) in paths.iter().enumerate() {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = name.into_owned();
            let text = if position < FILES_MAX {
                text_of(path)
            } else {
                Err(format!("a folder has at most {FILES_MAX} profiles"))
            };
            match text {
                Ok(text) => texts.push((name, text)),
                Err(detail) => left_out.push(LeftOut {
                    name,
                    mistakes: vec![Mistake {
                        line: 1,
                        key: String::new(),
                        detail,
                    }],
                }),
            }
        }
        let (catalog, with_mistakes) = self.with_texts(texts);
        left_out.extend(with_mistakes);
        Ok((catalog, left_out))
    }

    /// These, and an operator's by name and text; and those that are left out for their mistakes.
    pub fn with_texts(&self, texts: Vec<(String, String)>) -> (Self, Vec<LeftOut>) {
        let mut catalog = self.clone();
        let left_out = catalog.add_all(texts);
        (catalog, left_out)
    }

    /// These and one more, as if an operator had brought it; else what is wrong with it.
    pub fn with(&self, name: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let profile = Profile::read(name, text, self)?;
        let mut catalog = self.clone();
        catalog.put(profile);
        Ok(catalog)
    }

    /// Adds an operator's profiles, each after those that it extends; gives back those with
    /// mistakes.
    fn add_all(&mut self, mut texts: Vec<(String, String)>) -> Vec<LeftOut> {
        loop {
            let mut failed = Vec::new();
            let before = texts.len();
            for (name, text) in texts {
                match Profile::read(&name, &text, self) {
                    Ok(profile) => self.put(profile),
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

    fn put(&mut self, profile: Profile) {
        let name = profile.name.clone();
        self.own.insert(name.clone());
        // What extends one of this name is read anew, with the objects of this one.
        for head in self.heads.values_mut() {
            if head.extends.contains(&name) {
                let anew = Head {
                    profile: OnceLock::new(),
                    ..Head::clone(head)
                };
                *head = Arc::new(anew);
            }
        }
        let head = Head {
            name: name.clone(),
            summary: profile.summary.clone(),
            extends: profile.extends.clone(),
            matches: profile.matches.clone(),
            text: Cow::Owned(profile.text.clone()),
            profile: OnceLock::from(Some(Arc::new(profile))),
        };
        self.heads.insert(name, Arc::new(head));
    }

    /// The profile of that name.
    pub fn find(&self, name: &str) -> Option<Arc<Profile>> {
        let head = self.heads.get(name)?;
        if let Some(profile) = head.profile.get() {
            return profile.clone();
        }
        // Without itself: a circle of profiles that extend each other ends where it began.
        let mut others = self.clone();
        others.heads.remove(name);
        match Profile::read(name, &head.text, &others) {
            Ok(profile) => head.profile.get_or_init(|| Some(Arc::new(profile))).clone(),
            // A test reads them all: an embedded profile with a mistake does not leave the house.
            Err(mistakes) => {
                let name = name.to_owned();
                tracing::error!("left out: {}", LeftOut { name, mistakes });
                head.profile.get_or_init(|| None).clone()
            }
        }
    }

    /// Whether a profile extends another, itself or by what it extends.
    pub fn leads_to(&self, from: &str, to: &str) -> bool {
        let mut met = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            let Some(head) = self.heads.get(name).filter(|_| met.insert(name)) else {
                continue;
            };
            if head.extends.iter().any(|parent| parent == to) {
                return true;
            }
            open.extend(head.extends.iter().map(String::as_str));
        }
        false
    }

    /// What is known of all profiles before they are read, by name.
    pub fn heads(&self) -> impl Iterator<Item = &Head> {
        self.heads.values().map(AsRef::as_ref)
    }

    /// Whether there is a profile of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.heads.contains_key(name)
    }

    /// Whether a profile is an operator's.
    pub fn is_own(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    /// What must be asked to tell which profiles are for a device: objects of which it matters
    /// whether there is anything under them.
    pub fn questions(&self, object_id: &[u32], description: &str) -> Vec<Vec<u32>> {
        let mut questions = BTreeSet::new();
        for head in self.heads.values() {
            for one in &head.matches {
                if !one.has.is_empty() && one.by_words(object_id, description).is_some() {
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
        let mut plan = Plan::default();
        for head in self.fitting(object_id, description, has, |_| true) {
            self.add(&head.name, object_id, &mut plan);
        }
        plan
    }

    /// The profiles for a device that is to be read by one of them: that one with what it extends,
    /// then those for every device and those that the device's own objects tell, in the order of
    /// [`Self::plan`]; none where there is no such profile.
    pub fn plan_by(
        &self,
        chosen: &str,
        object_id: &[u32],
        description: &str,
        has: impl Fn(&[u32]) -> bool,
    ) -> Option<Plan> {
        let mut plan = Plan::default();
        self.add(chosen, object_id, &mut plan);
        if plan.profiles.is_empty() {
            return None;
        }
        let is_standard = |sharpness| sharpness == Sharpness::default();
        for head in self.fitting(object_id, description, has, is_standard) {
            self.add(&head.name, object_id, &mut plan);
        }
        Some(plan)
    }

    /// The profiles that match a device so sharply as `is_wanted` says, the sharpest first.
    fn fitting(
        &self,
        object_id: &[u32],
        description: &str,
        has: impl Fn(&[u32]) -> bool,
        is_wanted: impl Fn(Sharpness) -> bool,
    ) -> Vec<&Head> {
        let mut fitting: Vec<(_, &Head)> = Vec::new();
        for head in self.heads() {
            let best = head
                .matches
                .iter()
                .filter(|one| one.has.is_empty() || one.has.iter().any(|object| has(object)))
                .filter_map(|one| {
                    let sharpness = one.by_words(object_id, description)?;
                    is_wanted(sharpness).then(|| (sharpness, one.has.len().min(1)))
                })
                .max();
            if let Some(best) = best {
                fitting.push(((self.is_own(&head.name), best), head));
            }
        }
        fitting.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
        fitting.into_iter().map(|(_, head)| head).collect()
    }

    /// Whether a profile may have a part in how a device is read: by its own match or by that of one
    /// that extends it. What only the device can tell counts as told.
    pub fn may_concern(&self, name: &str, object_id: &[u32], description: &str) -> bool {
        let fitting = self.heads().filter(|head| {
            let mut matches = head.matches.iter();
            matches.any(|one| one.by_words(object_id, description).is_some())
        });
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = fitting.map(|head| head.name.as_str()).collect();
        while let Some(next) = open.pop() {
            if next == name {
                return true;
            }
            if let Some(head) = self.heads.get(next).filter(|_| seen.insert(next)) {
                open.extend(head.extends.iter().map(String::as_str));
            }
        }
        false
    }

    fn add(&self, name: &str, object_id: &[u32], plan: &mut Plan) {
        if plan.profiles.iter().any(|known| known.name == name) {
            return;
        }
        let Some(profile) = self.find(name) else {
            return;
        };
        // It was read without a mistake before, so it is again.
        let own = profile.is_relative.then(|| {
            Profile::read_for(&profile.name, &profile.text, self, object_id)
                .ok()
                .map(Arc::new)
        });
        plan.profiles
            .push(own.flatten().unwrap_or_else(|| Arc::clone(&profile)));
        for parent in &profile.extends {
            self.add(parent, object_id, plan);
        }
    }
}

/// The text of a profile's file, else why it cannot be used.
fn text_of(path: &Path) -> Result<String, String> {
    let len = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if len > FILE_LEN_MAX {
        return Err("a profile has at most 1 MiB".to_owned());
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

impl Embedded {
    fn head(&self) -> Head {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let patterns =
            |texts: &[&'static str]| texts.iter().map(|text| Pattern::new(text)).collect();
        let oids = |oids: &[&[u32]]| oids.iter().map(|oid| oid.to_vec()).collect();
        let matches = self.matches.iter().map(|one| Match {
            object_ids: oids(one.object_ids),
            descriptions: patterns(one.descriptions),
            not_descriptions: patterns(one.not_descriptions),
            has: oids(one.has),
        });
        Head {
            name: self.name.to_owned(),
            summary: self.summary.to_owned(),
            extends: owned(self.extends),
            matches: matches.collect(),
            text: Cow::Borrowed(self.text),
            profile: OnceLock::new(),
        }
    }
}

/// How sharply sysObjectID and sysDescr fit: arcs of the longest beginning, and whether words do.
type Sharpness = (usize, bool);

impl Match {
    /// How sharply sysObjectID and sysDescr fit; none where they do not.
    fn by_words(&self, object_id: &[u32], description: &str) -> Option<Sharpness> {
        let arcs = if self.object_ids.is_empty() {
            0
        } else {
            let fitting = self
                .object_ids
                .iter()
                .filter(|prefix| object_id.starts_with(prefix));
            fitting.map(Vec::len).max()?
        };
        let has =
            |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_match(description));
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
    use super::*;

    #[test]
    fn every_embedded_profile_is_without_mistake() {
        let catalog = Catalog::embedded();
        let wrong: Vec<String> = EMBEDDED
            .iter()
            .filter_map(|one| {
                let mistakes = super::super::check(one.name, one.text, &catalog);
                let name = one.name.to_owned();
                (!mistakes.is_empty()).then(|| LeftOut { name, mistakes }.to_string())
            })
            .collect();
        assert_eq!(wrong, Vec::<String>::new());
    }

    /// What the build read of the heads is what the program reads.
    #[test]
    fn heads_say_what_their_texts_say() {
        for head in Catalog::embedded().heads() {
            let profile = Profile::read(&head.name, &head.text, &Catalog::embedded()).unwrap();
            assert_eq!(head.extends, profile.extends, "{}", head.name);
            assert_eq!(head.summary, profile.summary, "{}", head.name);
            assert_eq!(
                format!("{:?}", head.matches),
                format!("{:?}", profile.matches),
                "{}",
                head.name
            );
        }
    }

    #[test]
    fn a_circle_of_profiles_is_refused() {
        let text = |parent: &str| format!("extends = [\"{parent}\"]\n[[match]]\nany = true\n");
        let catalog = Catalog::default()
            .with("a", "[[match]]\nany = true\n")
            .unwrap()
            .with("b", &text("a"))
            .unwrap()
            .with("c", &text("b"))
            .unwrap();
        for (parent, expected) in [
            ("a", "`a` extends itself"),
            ("c", "`c` extends this profile in turn: a circle"),
        ] {
            let mistakes = catalog.with("a", &text(parent)).unwrap_err();
            assert_eq!(mistakes.len(), 1);
            assert_eq!(mistakes[0].detail, expected);
        }
        assert_eq!(catalog.plan(&[], "", |_| false).profiles.len(), 3);
    }

    #[test]
    fn one_file_that_cannot_be_used_costs_only_itself() {
        let folder = std::env::temp_dir().join(format!("foretell-profiles-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("good.toml"), "[[match]]\nany = true\n").unwrap();
        fs::write(folder.join("octets.toml"), [0xff, 0xfe]).unwrap();
        let long = vec![b'#'; usize::try_from(FILE_LEN_MAX).unwrap() + 1];
        fs::write(folder.join("long.toml"), long).unwrap();
        let read = Catalog::default().with_folder(&folder);
        fs::remove_dir_all(&folder).unwrap();
        let (catalog, left_out) = read.unwrap();
        assert!(catalog.is_own("good"));
        let names: Vec<&str> = left_out.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["long", "octets"], "{left_out:?}");
    }

    const OWN: &str =
        "[[match]]\nobject_id = [\"1.3.6.1.4.1.99999\"]\n[device]\nvendor = \"Acme\"\n";

    #[test]
    fn a_chosen_profile_takes_the_place_of_those_that_match() {
        let any = "[[match]]\nany = true\n";
        let other = "[[match]]\ndescription = [\"Acme\"]\n";
        let catalog = Catalog::default()
            .with("base", "[device]\nvendor = \"Base\"\n")
            .and_then(|catalog| catalog.with("chosen", "extends = [\"base\"]\n"))
            .and_then(|catalog| catalog.with("matches", OWN))
            .and_then(|catalog| catalog.with("other", other))
            .and_then(|catalog| catalog.with("standard", any))
            .unwrap();
        let acme = [1, 3, 6, 1, 4, 1, 99_999, 1];
        let by = |chosen: Option<&str>| {
            let plan = match chosen {
                None => Some(catalog.plan(&acme, "Acme", |_| false)),
                Some(name) => catalog.plan_by(name, &acme, "Acme", |_| false),
            };
            plan.map(|plan| {
                let names = plan.profiles.iter().map(|one| one.name.clone());
                names.collect::<Vec<_>>().join(" ")
            })
        };
        for (chosen, expected) in [
            (None, Some("matches other standard")),
            (Some("chosen"), Some("chosen base standard")),
            (Some("standard"), Some("standard")),
            (Some("nowhere"), None),
        ] {
            assert_eq!(by(chosen).as_deref(), expected, "{chosen:?}");
        }
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
