//! How one device is asked: which profiles are for it, and what it is known not to have.

use super::system::{SYS_DESCR, SYS_OBJECT_ID};
use super::{Groups, Rows, decode};
use crate::profile::{Plan, Profiles};
use ::snmp::{Oid, Session, Value, WalkBounds};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How one device is asked. Keep it from look to look: each look at the system group finds the
/// profiles anew, and what was not there then is not asked for until the next.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    profiles: Profiles,
    plan: Arc<Plan>,
    /// sysObjectID when the plan was made; none before there is one.
    made_for: Option<Vec<u32>>,
    /// Columns and subtrees in which there was nothing.
    absent: BTreeSet<Vec<u32>>,
}

impl Dialect {
    /// Of a device of which nothing is known yet.
    pub fn new(profiles: &Profiles) -> Self {
        Self {
            profiles: profiles.clone(),
            ..Self::default()
        }
    }

    /// What is asked beyond the standard MIBs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The columns and subtrees that the next look at some groups asks for to their end.
    pub fn columns(&self, wanted: Groups) -> Vec<Vec<u32>> {
        let object_id = self.made_for.as_deref().unwrap_or_default();
        let mut columns: Vec<Vec<u32>> = Vec::new();
        for ask in super::asks(object_id, wanted, &self.plan) {
            let is_there =
                !self.lacks(ask.root) && ask.where_any.is_none_or(|first| !self.lacks(first));
            if is_there && !ask.head && !columns.iter().any(|column| column == ask.root) {
                columns.push(ask.root.to_vec());
            }
        }
        columns
    }

    /// Whether there is nothing in a column, as far as is known.
    pub(super) fn lacks(&self, root: &[u32]) -> bool {
        self.absent.contains(root)
    }

    /// Notes that there was nothing in a column.
    pub(super) fn note_absent(&mut self, root: &[u32]) {
        self.absent.insert(root.to_vec());
    }

    /// Finds the profiles of the agent whose system group is in `rows`, where it is time for that.
    pub(super) async fn learn(
        &mut self,
        session: &mut Session,
        wanted: Groups,
        rows: &mut Rows,
        time: Duration,
    ) {
        let object_id = object_id(rows);
        if !wanted.contains(Groups::SYSTEM) && self.made_for.as_ref() == Some(&object_id) {
            return;
        }
        if rows.scalar(SYS_DESCR).is_none() {
            let scalar = Oid::from_slice(SYS_DESCR).child(0);
            rows.extend(session.get(&[scalar]).await.unwrap_or_default());
        }
        let catalog = self.profiles.now();
        let description = description(rows);
        let questions: Vec<Oid> = catalog
            .questions(&object_id, &description)
            .iter()
            .map(|object| Oid::from_slice(object))
            .collect();
        let bounds = WalkBounds {
            rows: 1,
            time,
            ..WalkBounds::default()
        };
        let mut there = Rows::default();
        if !questions.is_empty() {
            there.extend(session.columns(&questions, bounds).await.rows);
        }
        self.plan = Arc::new(catalog.plan(&object_id, &description, |object| there.has(object)));
        self.made_for = Some(object_id);
        self.absent.clear();
        for marker in super::markers::OBJECTS {
            if rows.scalar(marker).is_none() {
                self.note_absent(marker);
            }
        }
    }
}

impl Plan {
    /// The plan for an agent of which all rows are at hand.
    pub fn of_rows(profiles: &Profiles, rows: &Rows) -> Arc<Self> {
        let plan = profiles
            .now()
            .plan(&object_id(rows), &description(rows), |object| {
                rows.has(object)
            });
        Arc::new(plan)
    }
}

fn object_id(rows: &Rows) -> Vec<u32> {
    let value = rows.scalar(SYS_OBJECT_ID).and_then(Value::as_oid);
    value.map(|oid| oid.arcs().to_vec()).unwrap_or_default()
}

fn description(rows: &Rows) -> String {
    let octets = rows.scalar(SYS_DESCR).and_then(Value::as_octets);
    octets.and_then(decode::text).unwrap_or_default()
}
