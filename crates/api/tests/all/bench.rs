//! A stand-in for who answers about profiles, MIBs, walks and trials: all in memory, and it knows a
//! few words by which it refuses.

use foretell_api::workbench::{
    Expected, MibObject, MibSummary, ProfileMistake, ProfileSummary, ProfileText, TrialAnswer,
    WalkAnswer, WalkedObject, Workbench, WorkbenchError,
};
use model::facts::Facts;
use std::collections::BTreeMap;

/// What is kept: texts by name, with their revisions.
#[derive(Default)]
pub struct Bench {
    profiles: BTreeMap<String, (String, u64)>,
    mibs: BTreeMap<String, String>,
}

fn missing(what: &'static str, name: &str) -> WorkbenchError {
    WorkbenchError::NotFound {
        what,
        name: name.to_owned(),
    }
}

fn mistakes(text: &str) -> Vec<ProfileMistake> {
    let bad = text.lines().enumerate().filter(|(_, l)| l.contains("bad"));
    bad.map(|(at, _)| ProfileMistake {
        line: at as u64 + 1,
        key: "sensor[0].kind".to_owned(),
        detail: "`bad` is no kind of sensor".to_owned(),
    })
    .collect()
}

impl Bench {
    fn text(&self, name: &str) -> Result<ProfileText, WorkbenchError> {
        let own = self.profiles.get(name);
        let (text, revision) = match own {
            Some((text, revision)) => (text.clone(), *revision),
            None if name == "built-in" => ("summary = \"b\"".to_owned(), 1),
            None => return Err(missing("profile", name)),
        };
        Ok(ProfileText {
            name: name.to_owned(),
            summary: "of the test".to_owned(),
            own: own.is_some(),
            text,
            revision,
        })
    }

    fn expect(&self, name: &str, expected: Expected) -> Result<u64, WorkbenchError> {
        let found = match self.profiles.get(name) {
            Some((_, revision)) => *revision,
            None if name == "built-in" => {
                return Err(WorkbenchError::Conflict("it is built in".to_owned()));
            }
            None => return Err(missing("profile", name)),
        };
        match expected {
            Expected::Revision(wanted) if wanted != found => Err(WorkbenchError::Stale(found)),
            _ => Ok(found),
        }
    }

    pub fn answer(&mut self, question: Workbench) {
        match question {
            Workbench::Profiles(reply) => {
                let own = self.profiles.keys().map(|name| (name.as_str(), true));
                let rows = own.chain([("built-in", false)]);
                let rows = rows.map(|(name, own)| ProfileSummary {
                    name: name.to_owned(),
                    summary: "of the test".to_owned(),
                    extends: Vec::new(),
                    own,
                    in_use: true,
                });
                drop(reply.send(Ok(rows.collect())));
            }
            Workbench::Profile(name, reply) => drop(reply.send(self.text(&name))),
            Workbench::IsUsable(name, reply) => drop(reply.send(Ok(self.text(&name).is_ok()))),
            Workbench::Check(draft, reply) => drop(reply.send(Ok(mistakes(&draft.text)))),
            Workbench::Save {
                draft,
                revision,
                reply,
            } => {
                let wrong = mistakes(&draft.text);
                let told = wrong.iter().map(|m| {
                    let words = format!("line {}: {} {}", m.line, m.key, m.detail);
                    ("/text", words)
                });
                let answer = if !wrong.is_empty() {
                    Err(WorkbenchError::Invalid(told.collect()))
                } else if let Some(expected) = revision {
                    self.expect(&draft.name, expected)
                } else {
                    match self.profiles.get(&draft.name) {
                        Some((text, _)) if *text != draft.text => Err(WorkbenchError::Conflict(
                            format!("There is a profile `{}` of yours already.", draft.name),
                        )),
                        known => Ok(known.map_or(0, |(_, revision)| revision - 1)),
                    }
                };
                let answer = answer.and_then(|before| {
                    let kept = (draft.text, before + 1);
                    self.profiles.insert(draft.name.clone(), kept);
                    self.text(&draft.name)
                });
                drop(reply.send(answer));
            }
            Workbench::Delete {
                name,
                revision,
                reply,
            } => {
                let answer = self.expect(&name, revision);
                if answer.is_ok() {
                    self.profiles.remove(&name);
                }
                drop(reply.send(answer.map(drop)));
            }
            Workbench::Walk { object, reply, .. } => drop(reply.send(match object.as_str() {
                "nothing" => Err(WorkbenchError::Invalid(vec![(
                    "/object",
                    "`nothing` is not named by a MIB.".to_owned(),
                )])),
                "silent" => Err(WorkbenchError::Device("It does not answer.".to_owned())),
                "busy" => Err(WorkbenchError::Busy),
                "broken" => Err(WorkbenchError::Failed("the disk is broken".to_owned())),
                _ => Ok(WalkAnswer {
                    items: vec![WalkedObject {
                        oid: "1.3.6.1.2.1.1.5.0".to_owned(),
                        name: Some("sysName.0".to_owned()),
                        syntax: "OCTET STRING".to_owned(),
                        value: "core".to_owned(),
                    }],
                    complete: true,
                    ended: None,
                }),
            })),
            Workbench::Try { draft, reply, .. } => drop(reply.send(Ok(TrialAnswer {
                matched: true,
                profiles: vec![draft.name],
                origins: Vec::new(),
                facts: Facts::default(),
            }))),
            Workbench::Mibs(reply) => {
                let rows = self.mibs.keys().map(|name| MibSummary {
                    name: name.clone(),
                    objects: 3,
                    missing: vec!["ACME-SMI".to_owned()],
                });
                drop(reply.send(Ok(rows.collect())));
            }
            Workbench::SaveMib(text, reply) => {
                let name = text.split(' ').next().unwrap_or("").to_owned();
                let answer = if text.contains("DEFINITIONS") {
                    self.mibs.insert(name.clone(), text);
                    Ok(MibSummary {
                        name,
                        objects: 3,
                        missing: Vec::new(),
                    })
                } else {
                    Err(WorkbenchError::Invalid(vec![(
                        "/text",
                        "it has no name".to_owned(),
                    )]))
                };
                drop(reply.send(answer));
            }
            Workbench::DeleteMib(name, reply) => {
                let known = self.mibs.remove(&name);
                let answer = known.map(drop).ok_or_else(|| missing("MIB", &name));
                drop(reply.send(answer));
            }
            Workbench::MibObjects(name, reply) => {
                let object = |name: &str, oid: &str| MibObject {
                    name: name.to_owned(),
                    oid: oid.to_owned(),
                    is_column: false,
                    syntax: "Integer32".to_owned(),
                    units: None,
                    states: BTreeMap::new(),
                    description: format!("What {name} is."),
                };
                // By OID it is another order than by name, and than by the text of the OID.
                let all = vec![
                    object("zebra", "1.3.6.1.4.1.9"),
                    object("apple", "1.3.6.1.4.1.10"),
                    object("melon", "1.3.6.1.4.1.99999.1"),
                ];
                let known = self.mibs.contains_key(&name);
                drop(reply.send(known.then_some(all).ok_or_else(|| missing("MIB", &name))));
            }
        }
    }
}
