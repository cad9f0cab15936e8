//! [`Documents`]: changes that are all made or none, revisions, indexes, pages, what is told of
//! changes, and all of it after the documents were closed and opened again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests

use crate::StoreError;
use crate::documents::{
    Change, Changed, Changes, CollectionSpec, Document, Documents, Expect, Index, Query, RawPage,
    What,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::broadcast::error::TryRecvError;

/// Opens a back end with these collections: each time at the same place, with what was written there
/// before.
pub type OpenDocuments = Box<dyn Fn(&[&'static CollectionSpec]) -> Arc<dyn Documents>>;

/// Most steps of a case.
const STEPS_MAX: usize = 40;

/// Does so many cases of random steps, each with a back end of its own that `empty` makes, and
/// compares each answer with that of a plain map.
pub fn documents(cases: u32, empty: impl Fn() -> OpenDocuments) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let steps = proptest::collection::vec(step(), 1..STEPS_MAX);
    let held = runner.run(&steps, |steps| runtime.block_on(conforms(&empty(), steps)));
    if let Err(failed) = held {
        panic!("{failed}");
    }
}

static PEOPLE: CollectionSpec = CollectionSpec::plain(
    "people",
    &[
        Index {
            name: "name",
            pointers: &["/name"],
            unique: true,
        },
        Index {
            name: "room",
            pointers: &["/floor", "/room"],
            unique: false,
        },
    ],
);
static ROOMS: CollectionSpec = CollectionSpec::plain("rooms", &[]);
static ALL: &[&CollectionSpec] = &[&PEOPLE, &ROOMS];

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Change>),
    Get(&'static CollectionSpec, String),
    Page(&'static CollectionSpec, Query),
    Count(&'static CollectionSpec, Option<(&'static str, String)>),
    Reopen,
}

/// The same, as a plain map, and what was told of it.
#[derive(Clone, Default)]
struct Model {
    kept: BTreeMap<(&'static str, String), (u64, Value)>,
    told: Vec<Changed>,
}

impl Model {
    fn find(&self, of: &'static CollectionSpec, index: &str, key: &str) -> Vec<String> {
        let index = of.index(index).unwrap();
        self.kept
            .iter()
            .filter(|((c, _), (_, body))| *c == of.name && index.key(body).as_deref() == Some(key))
            .map(|((_, id), _)| id.clone())
            .collect()
    }

    fn write(&mut self, changes: &[Change]) -> Result<Vec<u64>, &'static str> {
        let mut after = self.clone();
        let revisions = changes.iter().map(|c| after.apply(c)).collect();
        if let Ok(revisions) = revisions {
            *self = after;
            Ok(revisions)
        } else {
            revisions
        }
    }

    fn check(
        &self,
        of: &'static CollectionSpec,
        id: &str,
        expect: Expect,
    ) -> Result<u64, &'static str> {
        let now = self.kept.get(&(of.name, id.to_owned())).map(|(r, _)| *r);
        match (expect, now) {
            (Expect::Any | Expect::Absent, None) => Ok(0),
            (Expect::Any | Expect::Present, Some(now)) => Ok(now),
            (Expect::Revision(n), Some(now)) if n == now => Ok(now),
            (_, None) => Err("not found"),
            (_, Some(_)) => Err("conflict"),
        }
    }

    fn remove(&mut self, of: &'static CollectionSpec, id: &str) {
        if self.kept.remove(&(of.name, id.to_owned())).is_some() {
            self.tell(of, id, 0, What::Deleted);
        }
    }

    fn tell(&mut self, of: &'static CollectionSpec, id: &str, revision: u64, what: What) {
        let seq = self.told.last().map_or(0, |last| last.seq) + 1;
        self.told.push(Changed {
            seq,
            collection: of.name,
            id: id.to_owned(),
            revision,
            what,
        });
    }

    fn apply(&mut self, change: &Change) -> Result<u64, &'static str> {
        match change {
            Change::Put {
                collection,
                id,
                expect,
                body,
            } => {
                let revision = self.check(collection, id, *expect)? + 1;
                let body: Value = serde_json::from_slice(body).unwrap();
                for index in collection.indexes.iter().filter(|i| i.unique) {
                    if let Some(key) = index.key(&body)
                        && self
                            .find(collection, index.name, &key)
                            .iter()
                            .any(|other| other != id)
                    {
                        return Err("duplicate");
                    }
                }
                self.kept
                    .insert((collection.name, id.clone()), (revision, body));
                self.tell(collection, id, revision, What::Put);
                Ok(revision)
            }
            Change::Delete {
                collection,
                id,
                expect,
            } => {
                self.check(collection, id, *expect)?;
                self.remove(collection, id);
                Ok(0)
            }
            Change::DeleteAll {
                collection,
                index,
                key,
            } => {
                for id in self.find(collection, index, key) {
                    self.remove(collection, &id);
                }
                Ok(0)
            }
            Change::Require {
                collection,
                id,
                expect,
            } => self.check(collection, id, *expect),
            Change::RequireUnused {
                collection,
                index,
                key,
                ..
            } => match self.find(collection, index, key).len() {
                0 => Ok(0),
                _ => Err("in use"),
            },
        }
    }

    fn page(&self, of: &'static CollectionSpec, query: &Query) -> RawPage {
        let found = query.index.as_ref().map(|(i, key)| self.find(of, i, key));
        let mut ids: Vec<&(&str, String)> = self
            .kept
            .keys()
            .filter(|(c, id)| {
                *c == of.name
                    && found.as_ref().is_none_or(|found| found.contains(id))
                    && query
                        .prefix
                        .as_ref()
                        .is_none_or(|p| id.starts_with(p.as_str()))
            })
            .collect();
        if query.descending {
            ids.reverse();
        }
        if let Some(after) = &query.after {
            ids.retain(|(_, id)| {
                if query.descending {
                    id < after
                } else {
                    id > after
                }
            });
        }
        let more = ids.len() > query.limit;
        ids.truncate(query.limit);
        RawPage {
            next: ids.last().filter(|_| more).map(|(_, id)| id.clone()),
            items: ids
                .into_iter()
                .map(|key| {
                    let (revision, body) = &self.kept[key];
                    Document {
                        id: key.1.clone(),
                        revision: *revision,
                        body: body.to_string().into_bytes(),
                    }
                })
                .collect(),
        }
    }
}

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::RevisionConflict { .. } => "conflict",
        StoreError::NotFound { .. } => "not found",
        StoreError::Duplicate { .. } => "duplicate",
        StoreError::InUse { .. } => "in use",
        _ => "another failure",
    }
}

/// All that was told and not yet heard.
fn heard(changes: &mut Changes) -> Result<Vec<Changed>, TestCaseError> {
    let mut heard = Vec::new();
    loop {
        match changes.try_recv() {
            Ok(one) => heard.push(one.as_ref().clone()),
            Err(TryRecvError::Empty) => return Ok(heard),
            Err(e) => return Err(TestCaseError::fail(format!("changes are not told: {e}"))),
        }
    }
}

/// Does the steps with the database that `open` opens, and compares each answer.
async fn conforms(open: &OpenDocuments, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    let mut documents = open(ALL);
    let mut changes = documents.changes();
    for step in steps {
        match step {
            Step::Write(asked) => {
                let (before, expected) = (model.told.len(), model.write(&asked));
                let answered = documents.write(asked).await;
                prop_assert_eq!(
                    answered.as_deref().map_err(kind),
                    expected.as_deref().map_err(|e| *e)
                );
                // Whoever was answered finds that it was told.
                prop_assert_eq!(&heard(&mut changes)?[..], &model.told[before..]);
            }
            Step::Get(of, id) => {
                let query = Query {
                    prefix: Some(id.clone()),
                    limit: 1,
                    ..Query::default()
                };
                let expected = model.page(of, &query).items.pop().filter(|d| d.id == id);
                prop_assert_eq!(documents.get(of, &id).await.unwrap(), expected);
            }
            Step::Page(of, query) => {
                let expected = model.page(of, &query);
                prop_assert_eq!(documents.page(of, query).await.unwrap(), expected);
            }
            Step::Count(of, index) => {
                let query = Query {
                    index: index.clone(),
                    limit: 1000,
                    ..Query::default()
                };
                let expected = model.page(of, &query).items.len() as u64;
                prop_assert_eq!(documents.count(of, index).await.unwrap(), expected);
            }
            Step::Reopen => {
                documents.close().await.unwrap();
                prop_assert!(matches!(
                    documents.get(&ROOMS, "a").await,
                    Err(StoreError::Closed)
                ));
                prop_assert_eq!(changes.try_recv().err(), Some(TryRecvError::Closed));
                let late = documents.changes().try_recv().err();
                prop_assert_eq!(late, Some(TryRecvError::Closed));
                documents = open(ALL);
                prop_assert_eq!(documents.damaged().await.unwrap(), vec![]);
                changes = documents.changes();
                model.told.clear();
            }
        }
    }
    Ok(())
}

fn of() -> impl Strategy<Value = &'static CollectionSpec> {
    prop_oneof![3 => Just(&PEOPLE), 1 => Just(&ROOMS)]
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,2}", Just("ä/1".to_owned()), Just("ä/2".to_owned())]
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![
        4 => Just(Expect::Any),
        2 => Just(Expect::Absent),
        2 => Just(Expect::Present),
        2 => (1_u64..4).prop_map(Expect::Revision),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just(Value::Null), "[xyz]".prop_map(Value::from)];
    // Some bodies are large enough to need several pages of a file.
    (name, 0..2, 0..2, prop_oneof![4 => Just(0_usize), 1 => 1_usize..20_000])
        .prop_map(|(name, floor, room, len)| {
            json!({"name": name, "floor": floor, "room": room, "text": "t".repeat(len)})
        })
}

fn index() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        "[xyz]".prop_map(|name| ("name", name)),
        (0..2, 0..2).prop_map(|(floor, room)| ("room", format!("{floor}\u{1f}{room}"))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (of(), id(), expect(), body()).prop_map(|(collection, id, expect, body)| Change::Put {
            collection, id, expect, body: body.to_string().into_bytes(),
        }),
        3 => (of(), id(), expect()).prop_map(|(collection, id, expect)| Change::Delete {
            collection, id, expect,
        }),
        1 => (of(), id(), expect()).prop_map(|(collection, id, expect)| Change::Require {
            collection, id, expect,
        }),
        1 => index().prop_map(|(index, key)| Change::DeleteAll {
            collection: &PEOPLE, index, key,
        }),
        1 => index().prop_map(|(index, key)| Change::RequireUnused {
            of: (&ROOMS, "a".to_owned()), collection: &PEOPLE, index, key,
        }),
    ]
}

fn query() -> impl Strategy<Value = (&'static CollectionSpec, Query)> {
    let index = proptest::option::of(index());
    let text = || proptest::option::of(prop_oneof!["[ab]", Just("ä/".to_owned())]);
    (of(), index, text(), text(), any::<bool>(), 1_usize..5).prop_map(
        |(of, index, prefix, after, descending, limit)| {
            let index = index.filter(|_| of.name == PEOPLE.name);
            let query = Query {
                index,
                prefix,
                after,
                descending,
                limit,
            };
            (of, query)
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec(change(), 1..5).prop_map(Step::Write),
        2 => (of(), id()).prop_map(|(of, id)| Step::Get(of, id)),
        3 => query().prop_map(|(of, query)| Step::Page(of, query)),
        1 => index().prop_map(|index| Step::Count(&PEOPLE, Some(index))),
        1 => of().prop_map(|of| Step::Count(of, None)),
        1 => Just(Step::Reopen),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::sqlite::{SqliteDocuments, SqliteOptions};

    #[test]
    fn sqlite_answers_as_a_map_would() {
        documents(48, || {
            let dir = tempfile::tempdir().unwrap();
            Box::new(move |collections| {
                let path = dir.path().join("documents.sqlite3");
                let options = SqliteOptions::default();
                Arc::new(SqliteDocuments::open(&path, collections, &options).unwrap())
            })
        });
    }
}
