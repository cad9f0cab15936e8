//! Answers what operators ask of device knowledge: profiles and MIBs as files in the data folder,
//! walks and trials on devices.

mod files;
mod trials;

use crate::desk;
use api::workbench::{
    MibObject, MibSummary, ProfileDraft, ProfileMistake, ProfileSummary, ProfileText, Workbench,
    WorkbenchError,
};
use collect::Profiles;
use collect::profile::{Catalog, Head, Profile, check, mib};
use files::Folder;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Walks and trials under way at once: each holds a session with a device for up to a minute.
const TRIALS_MAX: usize = 4;
/// Profiles of operators that are kept.
const PROFILES_MAX: usize = 1_000;
/// MIBs that are kept: every walk by name reads them.
const MIBS_MAX: usize = 200;

/// What operators work with.
#[derive(Clone)]
pub struct Bench {
    profiles: Profiles,
    profile_folder: Arc<Folder>,
    mib_folder: Arc<Folder>,
    /// Whose turn it is to change files.
    writing: Arc<Semaphore>,
    trials: Arc<Semaphore>,
}

impl Bench {
    /// Works with the folders `profiles` and `mibs` of the data folder, which are made when they are
    /// needed.
    pub fn new(data: &Path, profiles: Profiles) -> Self {
        Self {
            profiles,
            profile_folder: Arc::new(Folder::new(data.join("profiles"), "toml", PROFILES_MAX)),
            mib_folder: Arc::new(Folder::new(data.join("mibs"), "mib", MIBS_MAX)),
            writing: Arc::new(Semaphore::new(1)),
            trials: Arc::new(Semaphore::new(TRIALS_MAX)),
        }
    }

    /// Answers a question. An answer that nobody waits for any more is dropped.
    pub async fn answer(self, context: &desk::Access, question: Workbench) {
        match question {
            Workbench::Walk {
                device_id,
                object,
                limit,
                reply,
            } => {
                let _ = reply.send(trials::walk(&self, context, device_id, &object, limit).await);
            }
            Workbench::Try {
                device_id,
                draft,
                reply,
            } => {
                let _ = reply.send(trials::try_on(&self, context, device_id, &draft).await);
            }
            question => {
                // An error cannot be: it is never closed.
                let _turn = self.writing.clone().acquire_owned().await;
                let bench = self.clone();
                let _ = tokio::task::spawn_blocking(move || bench.answer_from_disk(question)).await;
            }
        }
    }

    fn answer_from_disk(&self, question: Workbench) {
        match question {
            Workbench::Profiles(reply) => drop(reply.send(Ok(self.summaries()))),
            Workbench::Profile(name, reply) => drop(reply.send(self.profile(&name))),
            Workbench::Check(draft, reply) => drop(reply.send(Ok(self.mistakes(&draft)))),
            Workbench::Save {
                draft,
                revision,
                reply,
            } => drop(reply.send(self.save(&draft, revision))),
            Workbench::Delete {
                name,
                revision,
                reply,
            } => drop(reply.send(self.delete(&name, revision))),
            Workbench::Mibs(reply) => drop(reply.send(self.mibs())),
            Workbench::SaveMib(text, reply) => drop(reply.send(self.save_mib(&text))),
            Workbench::DeleteMib(name, reply) => {
                drop(reply.send(self.mib_folder.delete("MIB", &name)))
            }
            Workbench::MibObjects(name, reply) => drop(reply.send(self.mib_objects(&name))),
            Workbench::Walk { .. } | Workbench::Try { .. } => {}
        }
    }

    fn summaries(&self) -> Vec<ProfileSummary> {
        let catalog = self.profiles.now();
        let summary = |profile: &Head| ProfileSummary {
            name: profile.name.clone(),
            summary: profile.summary.clone(),
            extends: profile.extends.clone(),
            own: catalog.is_own(&profile.name),
        };
        catalog.heads().map(summary).collect()
    }

    fn profile(&self, name: &str) -> Result<ProfileText, WorkbenchError> {
        let catalog = self.profiles.now();
        let profile = catalog
            .find(name)
            .ok_or_else(|| not_found("profile", name))?;
        Ok(text_of(&profile, catalog.is_own(name)))
    }

    fn mistakes(&self, draft: &ProfileDraft) -> Vec<ProfileMistake> {
        check(&draft.name, &draft.text, &self.profiles.now())
            .into_iter()
            .map(|mistake| ProfileMistake {
                line: mistake.line as u64,
                key: mistake.key,
                detail: mistake.detail,
            })
            .collect()
    }

    fn save(
        &self,
        draft: &ProfileDraft,
        revision: Option<api::workbench::Expected>,
    ) -> Result<ProfileText, WorkbenchError> {
        let mistakes = self.mistakes(draft);
        if !mistakes.is_empty() {
            let of =
                |m: &ProfileMistake| ("/text", format!("line {}: {} {}", m.line, m.key, m.detail));
            return Err(WorkbenchError::Invalid(mistakes.iter().map(of).collect()));
        }
        let catalog = self.profiles.now();
        let known = catalog
            .find(&draft.name)
            .filter(|_| catalog.is_own(&draft.name));
        match (known, revision) {
            (Some(_), None) => {
                return Err(WorkbenchError::Conflict(format!(
                    "There is a profile `{}` of yours already.",
                    draft.name
                )));
            }
            (None, Some(_)) => return Err(not_found("profile", &draft.name)),
            (Some(known), Some(expected)) => files::expect(expected, &known.text)?,
            (None, None) => {}
        }
        self.profile_folder.write(&draft.name, &draft.text)?;
        self.load_again()?;
        self.profile(&draft.name)
    }

    fn delete(&self, name: &str, revision: api::workbench::Expected) -> Result<(), WorkbenchError> {
        let catalog = self.profiles.now();
        let known = catalog
            .find(name)
            .ok_or_else(|| not_found("profile", name))?;
        if !catalog.is_own(name) {
            return Err(WorkbenchError::Conflict(format!(
                "`{name}` is built in; only profiles of your own can be deleted."
            )));
        }
        files::expect(revision, &known.text)?;
        let needed: Vec<&str> = catalog
            .heads()
            .filter(|other| other.extends.iter().any(|parent| parent == name))
            .map(|other| other.name.as_str())
            .collect();
        if !needed.is_empty() && Catalog::embedded().find(name).is_none() {
            return Err(WorkbenchError::Conflict(format!(
                "`{name}` is extended by {}.",
                needed.join(", ")
            )));
        }
        self.profile_folder.delete("profile", name)?;
        self.load_again()
    }

    /// Puts what is on disk into use: devices are read by it at their next look at the system group.
    fn load_again(&self) -> Result<(), WorkbenchError> {
        let embedded = Catalog::embedded();
        let (catalog, left_out) = embedded
            .with_folder(self.profile_folder.path())
            .map_err(|error| WorkbenchError::Failed(crate::chain(&error)))?;
        for fault in left_out {
            tracing::warn!("left out: {fault}");
        }
        self.profiles.replace(Arc::new(catalog));
        Ok(())
    }

    fn mibs(&self) -> Result<Vec<MibSummary>, WorkbenchError> {
        let texts = self.mib_folder.texts()?;
        let summary = |name: &String| match mib::read(name, &texts) {
            Ok(module) => MibSummary {
                name: name.clone(),
                objects: module.objects.len() as u64,
                missing: module.missing.into_iter().collect(),
            },
            Err(_) => MibSummary {
                name: name.clone(),
                objects: 0,
                missing: Vec::new(),
            },
        };
        Ok(texts.keys().map(summary).collect())
    }

    fn save_mib(&self, text: &str) -> Result<MibSummary, WorkbenchError> {
        let invalid =
            |error: mib::MibError| WorkbenchError::Invalid(vec![("/text", error.to_string())]);
        let name = mib::name_of(text).map_err(invalid)?;
        let mut texts = self.mib_folder.texts()?;
        texts.insert(name.clone(), text.to_owned());
        let module = mib::read(&name, &texts).map_err(invalid)?;
        self.mib_folder.write(&name, text)?;
        Ok(MibSummary {
            name,
            objects: module.objects.len() as u64,
            missing: module.missing.into_iter().collect(),
        })
    }

    fn mib_objects(&self, name: &str) -> Result<Vec<MibObject>, WorkbenchError> {
        let texts = self.mib_folder.texts()?;
        if !texts.contains_key(name) {
            return Err(not_found("MIB", name));
        }
        let module =
            mib::read(name, &texts).map_err(|error| WorkbenchError::Failed(error.to_string()))?;
        let object = |object: mib::MibObject| MibObject {
            name: object.name,
            oid: dotted(&object.oid),
            is_column: object.is_column,
            syntax: object.syntax,
            units: object.units,
            states: object.states,
            description: object.description,
        };
        Ok(module.objects.into_iter().map(object).collect())
    }

    /// The objects of all MIBs, by name and by OID.
    fn names(&self) -> Result<Names, WorkbenchError> {
        let texts = self.mib_folder.texts()?;
        let modules = texts.keys().filter_map(|name| mib::read(name, &texts).ok());
        Ok(Names(
            modules
                .flat_map(|module| module.objects)
                .map(|object| (object.name, object.oid))
                .collect(),
        ))
    }
}

/// Objects that MIBs name.
struct Names(Vec<(String, Vec<u32>)>);

impl Names {
    fn find(&self, name: &str) -> Option<&[u32]> {
        self.0
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, oid)| oid.as_slice())
    }

    /// The name of an object, and the instance after it.
    fn name_of(&self, oid: &[u32]) -> Option<String> {
        let (name, rest) = self
            .0
            .iter()
            .filter_map(|(name, object)| Some((name, oid.strip_prefix(object.as_slice())?)))
            .min_by_key(|(_, rest)| rest.len())?;
        Some(if rest.is_empty() {
            name.clone()
        } else {
            format!("{name}.{}", dotted(rest))
        })
    }
}

fn text_of(profile: &Profile, own: bool) -> ProfileText {
    ProfileText {
        name: profile.name.clone(),
        summary: profile.summary.clone(),
        own,
        text: profile.text.clone(),
        revision: files::revision(&profile.text),
    }
}

fn not_found(what: &'static str, name: &str) -> WorkbenchError {
    WorkbenchError::NotFound {
        what,
        name: name.chars().take(64).collect(),
    }
}

fn dotted(arcs: &[u32]) -> String {
    arcs.iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(".")
}
