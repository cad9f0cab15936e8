//! Answers what operators ask of device knowledge: profiles and MIBs as files in the data folder,
//! walks and trials on devices.

mod files;
mod names;
mod rereads;
mod trials;

use crate::desk;
use api::workbench::{
    MibObject, MibSummary, ProfileDraft, ProfileMistake, ProfileSummary, ProfileText, Workbench,
    WorkbenchError,
};
use collect::Profiles;
use collect::profile::{Catalog, Head, check, mib};
use collect::snmp::decode::dotted;
use files::Folder;
use names::Names;
use rereads::Rereads;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Walks and trials under way at once: each holds a session with a device for up to a minute.
const TRIALS_MAX: usize = 4;
/// Profiles of operators that are kept.
const PROFILES_MAX: usize = 1_000;
/// Profiles that a refused change is told to break: the first ones say what it is about.
const LOST_TOLD_MAX: usize = 10;
/// MIBs that are kept: every walk by name reads them.
const MIBS_MAX: usize = 200;

/// The MIBs as they were read last.
struct Modules {
    /// Of the texts: they are read anew where it is another one.
    revision: u64,
    by_name: BTreeMap<String, mib::MibModule>,
    names: Arc<Names>,
}

/// What operators work with.
#[derive(Clone)]
pub struct Bench {
    profiles: Profiles,
    profile_folder: Arc<Folder>,
    mib_folder: Arc<Folder>,
    /// Whose turn it is to change files.
    writing: Arc<Semaphore>,
    trials: Arc<Semaphore>,
    /// None before they are first needed.
    modules: Arc<Mutex<Option<Arc<Modules>>>>,
    rereads: Arc<Rereads>,
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
            modules: Arc::default(),
            rereads: Arc::default(),
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
            // Whoever saves a device or a rule need not wait for the disk.
            Workbench::IsUsable(name, reply) => {
                let _ = reply.send(Ok(self.profiles.now().contains(&name)));
            }
            question => {
                // An error cannot be: it is never closed.
                let _turn = self.writing.clone().acquire_owned().await;
                let bench = self.clone();
                let changed = match &question {
                    Workbench::Save { draft, .. } => Some(draft.name.clone()),
                    Workbench::Delete { name, .. } => Some(name.clone()),
                    _ => None,
                };
                let before = self.profiles.now();
                let _ = tokio::task::spawn_blocking(move || bench.answer_from_disk(question)).await;
                let now = self.profiles.now();
                if let Some(name) = changed.filter(|_| !Arc::ptr_eq(&before, &now)) {
                    let round = self.rereads.clone().run(context.clone(), name, before, now);
                    let stop = context.stop.clone();
                    context.tasks.spawn(async move {
                        let _ = stop.run_until_cancelled(round).await;
                    });
                }
            }
        }
    }

    fn answer_from_disk(&self, question: Workbench) {
        match question {
            Workbench::Profiles(reply) => drop(reply.send(self.summaries())),
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
                drop(reply.send(self.mib_folder.delete("MIB", &name)));
            }
            Workbench::MibObjects(name, reply) => drop(reply.send(self.mib_objects(&name))),
            Workbench::Walk { .. } | Workbench::Try { .. } | Workbench::IsUsable(..) => {}
        }
    }

    fn summaries(&self) -> Result<Vec<ProfileSummary>, WorkbenchError> {
        let catalog = self.profiles.now();
        let own = self.profile_folder.names()?;
        let summary = |profile: &Head| ProfileSummary {
            name: profile.name.clone(),
            summary: profile.summary.clone(),
            extends: profile.extends.clone(),
            own: own.contains(&profile.name),
            in_use: !own.contains(&profile.name) || catalog.is_own(&profile.name),
        };
        let left_out = own
            .iter()
            .filter(|name| !catalog.heads().any(|head| head.name == **name))
            .map(|name| ProfileSummary {
                name: name.clone(),
                summary: String::new(),
                extends: Vec::new(),
                own: true,
                in_use: false,
            });
        Ok(catalog.heads().map(summary).chain(left_out).collect())
    }

    /// An operator's own as its file is now, which someone may have edited; else a built-in one.
    fn profile(&self, name: &str) -> Result<ProfileText, WorkbenchError> {
        let catalog = self.profiles.now();
        let known = catalog.find(name);
        let summary = known.map_or_else(String::new, |profile| profile.summary.clone());
        if let Some(text) = self.profile_folder.text(name)? {
            return Ok(text_of(name, &summary, true, text));
        }
        let embedded = Catalog::embedded();
        let profile = embedded
            .find(name)
            .ok_or_else(|| not_found("profile", name))?;
        Ok(text_of(name, &profile.summary, false, profile.text.clone()))
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
        match (self.profile_folder.text(&draft.name)?, revision) {
            // The same again, as after a connection that broke off: doing it twice is as doing it
            // once.
            (Some(known), None) if known == draft.text => {}
            (Some(_), None) => {
                return Err(WorkbenchError::Conflict(format!(
                    "There is a profile `{}` of yours already.",
                    draft.name
                )));
            }
            (None, Some(_)) => return Err(self.not_own(&draft.name)),
            (Some(known), Some(expected)) => files::expect(expected, &known)?,
            (None, None) => {}
        }
        self.spares_others(&draft.name, Some(&draft.text))?;
        self.profile_folder.write(&draft.name, &draft.text)?;
        self.load_again()?;
        self.profile(&draft.name)
    }

    fn delete(&self, name: &str, revision: api::workbench::Expected) -> Result<(), WorkbenchError> {
        let known = self
            .profile_folder
            .text(name)?
            .ok_or_else(|| self.not_own(name))?;
        files::expect(revision, &known)?;
        self.spares_others(name, None)?;
        self.profile_folder.delete("profile", name)?;
        self.load_again()
    }

    /// Whether every other profile stays in use where one is another, or is gone.
    fn spares_others(&self, name: &str, text: Option<&str>) -> Result<(), WorkbenchError> {
        let embedded = Catalog::embedded();
        let mut texts = self.profile_folder.texts()?;
        let (catalog, left_out) = embedded.with_texts(texts.clone().into_iter().collect());
        let before: BTreeSet<String> = left_out.into_iter().map(|fault| fault.name).collect();
        // One that stands on what is built in is not read by that alone: it is tried itself.
        let broken = |catalog: &Catalog| -> BTreeSet<String> {
            let heads = catalog
                .heads()
                .filter(|head| catalog.leads_to(&head.name, name));
            let broken = heads.filter(|head| catalog.find(&head.name).is_none());
            broken.map(|head| head.name.clone()).collect()
        };
        let broken_before = broken(&catalog);
        match text {
            Some(text) => drop(texts.insert(name.to_owned(), text.to_owned())),
            None => drop(texts.remove(name)),
        }
        let (catalog, left_out) = embedded.with_texts(texts.into_iter().collect());
        let mut lost: Vec<String> = left_out
            .into_iter()
            .filter(|fault| fault.name == name || !before.contains(&fault.name))
            .map(|fault| fault.to_string())
            .collect();
        let broken = broken(&catalog);
        let broken = broken.difference(&broken_before);
        lost.extend(broken.map(|head| format!("`{head}` could not be read")));
        if lost.is_empty() {
            return Ok(());
        }
        if lost.len() > LOST_TOLD_MAX {
            let rest = lost.split_off(LOST_TOLD_MAX).len();
            lost.push(format!("and {rest} more"));
        }
        Err(WorkbenchError::Conflict(format!(
            "With that, others could not be used: {}.",
            lost.join("; ")
        )))
    }

    /// There is no profile of the operator's of that name.
    fn not_own(&self, name: &str) -> WorkbenchError {
        if self.profiles.now().find(name).is_some() {
            return WorkbenchError::Conflict(format!(
                "`{name}` is built in. Save one of your own under that name to take its place."
            ));
        }
        not_found("profile", name)
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
        let modules = self.modules()?;
        Ok(modules.by_name.values().map(summary_of).collect())
    }

    fn save_mib(&self, text: &str) -> Result<MibSummary, WorkbenchError> {
        let invalid =
            |error: mib::MibError| WorkbenchError::Invalid(vec![("/text", error.to_string())]);
        let name = mib::name_of(text).map_err(invalid)?;
        let mut texts = self.mib_folder.texts()?;
        texts.insert(name.clone(), text.to_owned());
        let module = mib::read(&name, &texts).map_err(invalid)?;
        self.mib_folder.write(&name, text)?;
        Ok(summary_of(&module))
    }

    fn mib_objects(&self, name: &str) -> Result<Vec<MibObject>, WorkbenchError> {
        let modules = self.modules()?;
        let module = modules
            .by_name
            .get(name)
            .ok_or_else(|| not_found("MIB", name))?;
        let object = |object: &mib::MibObject| MibObject {
            name: object.name.clone(),
            oid: dotted(&object.oid),
            is_column: object.is_column,
            syntax: object.syntax.clone(),
            units: object.units.clone(),
            states: object.states.clone(),
            description: object.description.clone(),
        };
        Ok(module.objects.iter().map(object).collect())
    }

    /// All MIBs as they are on disk now. They are read again only where a text changed.
    fn modules(&self) -> Result<Arc<Modules>, WorkbenchError> {
        let texts = self.mib_folder.texts()?;
        let revision = texts.iter().fold(0_u64, |all, (name, text)| {
            all.rotate_left(7) ^ files::revision(name) ^ files::revision(text).rotate_left(3)
        });
        let mut known = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(modules) = known.as_ref().filter(|one| one.revision == revision) {
            return Ok(Arc::clone(modules));
        }
        let by_name = mib::read_all(&texts);
        let modules = Arc::new(Modules {
            revision,
            names: Arc::new(Names::new(by_name.values())),
            by_name,
        });
        *known = Some(Arc::clone(&modules));
        Ok(modules)
    }
}

fn summary_of(module: &mib::MibModule) -> MibSummary {
    MibSummary {
        name: module.name.clone(),
        objects: module.objects.len() as u64,
        missing: module.missing.iter().cloned().collect(),
    }
}

fn text_of(name: &str, summary: &str, own: bool, text: String) -> ProfileText {
    ProfileText {
        name: name.to_owned(),
        summary: summary.to_owned(),
        own,
        revision: files::revision(&text),
        text,
    }
}

fn not_found(what: &'static str, name: &str) -> WorkbenchError {
    WorkbenchError::NotFound {
        what,
        name: name.chars().take(64).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::workbench::Expected;

    #[test]
    fn a_profile_that_others_stand_on_is_not_taken_from_them() {
        let data = tempfile::tempdir().unwrap();
        let bench = Bench::new(data.path(), Profiles::default());
        let draft = |name: &str, text: &str| ProfileDraft {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let base = "summary = \"base\"\n[objects]\nacmeLoad = \"1.3.6.1.4.1.99999.1\"\n";
        let child = "extends = [\"acme-base\"]\n[[match]]\nany = true\n[[processor]]\nload = \"acmeLoad\"\n";
        bench.save(&draft("acme-base", base), None).unwrap();
        bench.save(&draft("acme", child), None).unwrap();
        let without = draft("acme-base", "summary = \"base\"\n");
        for refused in [
            bench.save(&without, Some(Expected::Any)).map(drop),
            bench.delete("acme-base", Expected::Any),
        ] {
            assert!(
                matches!(&refused, Err(WorkbenchError::Conflict(words)) if words.contains("`acme`")),
                "{refused:?}"
            );
        }
        assert_eq!(bench.profile("acme-base").unwrap().text, base);
        bench.delete("acme", Expected::Any).unwrap();
        bench.delete("acme-base", Expected::Any).unwrap();
    }

    #[test]
    fn a_profile_of_yours_that_stands_on_a_built_in_one_is_not_taken_from_you_by_its_replacement() {
        let data = tempfile::tempdir().unwrap();
        let bench = Bench::new(data.path(), Profiles::default());
        let draft = |name: &str, text: &str| ProfileDraft {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        // It comes before what it extends, also in the alphabet.
        let own =
            "extends = [\"cisco\"]\n[[match]]\nany = true\n[[processor]]\nload = \"avgBusy5\"\n";
        bench.save(&draft("acme", own), None).unwrap();
        let without = "summary = \"nothing\"\n";
        let refused = bench.save(&draft("cisco", without), None);
        assert!(
            matches!(&refused, Err(WorkbenchError::Conflict(words)) if words.contains("`acme`")),
            "{refused:?}"
        );
        assert!(bench.profiles.now().find("acme").is_some());
    }
}
