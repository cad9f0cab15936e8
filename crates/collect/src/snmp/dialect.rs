//! How one device is asked: which profiles are for it, and what it is known not to have.

use super::mib::Ask;
use super::system::{SYS_DESCR, SYS_OBJECT_ID, SYS_UP_TIME};
use super::{Groups, Look, Markers, Rows, decode};
use crate::profile::{Plan, Profiles};
use ::snmp::{Bound, Oid, Session, Value, WalkBounds, WalkEnd};
use model::facts::DefaultRouteFacts;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Hundredths of a second after a start in which an empty column says nothing: cards and sensors
/// are still coming up.
const STARTING_TICKS: u64 = 10 * 60 * 100;

/// How one device is asked. Keep it from look to look: each look at the system group finds the
/// profiles anew, and columns of parts that were empty then are left out of the polls until the next.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    profiles: Profiles,
    /// Name of the profile that the device is to be read by; none: by those that match it.
    chosen: Option<Arc<str>>,
    /// There was no such profile when the plan was made.
    is_chosen_missing: bool,
    plan: Arc<Plan>,
    /// sysObjectID when the plan was made; none before there is one.
    made_for: Option<Vec<u32>>,
    /// Markers that the agent has none of.
    unmarked: BTreeSet<Vec<u32>>,
    /// Columns of parts that ended without a row when they were last walked. Bounded by what the
    /// plan asks for.
    absent: BTreeSet<Vec<u32>>,
    /// ifName, else ifDescr, by ifIndex, as they were last read. Bounded as the rows of a walk are.
    names: Arc<BTreeMap<u32, String>>,
    /// What the markers said at the last look.
    markers: Markers,
    /// Aggregates by the ifIndex of their members, as they were last heard to the end. Bounded as the
    /// rows of a walk are.
    members: Option<BTreeMap<u32, u32>>,
    /// The default routes, as they were last heard to the end.
    default_routes: Option<Vec<DefaultRouteFacts>>,
}

impl Dialect {
    /// Of a device of which nothing is known yet.
    pub fn new(profiles: &Profiles) -> Self {
        Self {
            profiles: profiles.clone(),
            ..Self::default()
        }
    }

    /// Says by which profile the device is to be read; none: by those that match it. Another one
    /// than before is taken up at the next look.
    pub fn choose(&mut self, profile: Option<&Arc<str>>) {
        if self.chosen.as_ref() != profile {
            self.chosen = profile.cloned();
            self.is_chosen_missing = false;
            self.made_for = None;
        }
    }

    /// The name of the chosen profile, where there was none of that name at the last look at the
    /// system group: the device is read by those that match it.
    pub fn missing(&self) -> Option<&Arc<str>> {
        self.chosen.as_ref().filter(|_| self.is_chosen_missing)
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
            let first_is_absent = |first: &[u32]| is_poll(wanted) && self.absent.contains(first);
            let is_there = !self.skips(wanted, &ask) && !ask.where_any.is_some_and(first_is_absent);
            if is_there && !ask.head && !columns.iter().any(|column| column == ask.root) {
                columns.push(ask.root.to_vec());
            }
        }
        columns
    }

    /// What the interfaces are called, as far as is known.
    pub(super) fn names(&self) -> &Arc<BTreeMap<u32, String>> {
        &self.names
    }

    /// Takes in the names that a look read; of one that was cut short only where there are none yet.
    pub(super) fn name(&mut self, names: BTreeMap<u32, String>, is_whole: bool) {
        if is_whole || self.names.is_empty() {
            self.names = Arc::new(names);
        }
    }

    /// Remembers members of aggregates and default routes that were heard to their end, and puts them
    /// in the place of those that were not.
    pub(super) fn keep(&mut self, look: &mut Look) {
        let is_heard = |group| look.complete.contains(group) && !look.unheard.contains(group);
        if look.asked.contains(Groups::INTERFACES) {
            let rows = &mut look.facts.interfaces;
            if is_heard(Groups::INTERFACES) {
                let pairs = rows
                    .iter()
                    .filter_map(|row| Some((row.index?, row.aggregate?)));
                self.members = Some(pairs.collect());
            } else if let Some(members) = &self.members {
                let listed: BTreeSet<u32> = rows.iter().filter_map(|row| row.index).collect();
                for row in rows {
                    let aggregate = row.index.and_then(|index| members.get(&index));
                    row.aggregate = aggregate.copied().filter(|index| listed.contains(index));
                }
            }
        }
        if look.asked.contains(Groups::ROUTING) {
            if is_heard(Groups::ROUTING) {
                self.default_routes = Some(look.facts.default_routes.clone());
            } else if let Some(routes) = &self.default_routes {
                look.facts.default_routes.clone_from(routes);
            }
        }
    }

    /// Whether the agent has no such marker, as far as is known.
    pub(super) fn lacks(&self, marker: &[u32]) -> bool {
        self.unmarked.contains(marker)
    }

    /// Whether a look at some groups takes a column to be empty, as it was before. Only looks at
    /// what each poll reads do, and only of parts: whoever asks for more does so because something
    /// changed, or to know for sure.
    pub(super) fn skips(&self, wanted: Groups, ask: &Ask<'_>) -> bool {
        is_poll(wanted) && Groups::PARTS.contains(ask.groups) && self.absent.contains(ask.root)
    }

    /// Begins a look: what was empty may be so no more where the device, its interfaces or its parts
    /// are read anew, or a marker says that they changed.
    pub(super) fn begin(&mut self, wanted: Groups, markers: Markers) {
        let anew = Groups::SYSTEM | Groups::INTERFACES | Groups::INVENTORY;
        let moved = (markers.interfaces, markers.inventory)
            != (self.markers.interfaces, self.markers.inventory);
        if moved || wanted.intersects(anew) {
            self.absent.clear();
        }
        self.markers = markers;
    }

    /// Takes in that a column was walked to its end, and whether there was nothing in it.
    pub(super) fn ended(&mut self, ask: &Ask<'_>, rows: &Rows) {
        if !Groups::PARTS.contains(ask.groups) {
            return;
        }
        let up_time = rows.scalar(SYS_UP_TIME).and_then(Value::as_u64);
        if rows.has(ask.root) || up_time.is_some_and(|ticks| ticks < STARTING_TICKS) {
            self.absent.remove(ask.root);
        } else {
            self.absent.insert(ask.root.to_vec());
        }
    }

    /// Finds the profiles of the agent whose system group is in `rows`, where it is time for that;
    /// says whether all that it takes was answered. Where not, an earlier plan stays.
    pub(super) async fn learn(
        &mut self,
        session: &mut Session,
        wanted: Groups,
        rows: &mut Rows,
        time: Duration,
    ) -> bool {
        let object_id = object_id(rows);
        if !wanted.contains(Groups::SYSTEM) && self.made_for.as_ref() == Some(&object_id) {
            return true;
        }
        let mut is_answered = true;
        if rows.scalar(SYS_DESCR).is_none() {
            let scalar = Oid::from_slice(SYS_DESCR).child(0);
            match session.get(&[scalar]).await {
                Ok(objects) => rows.extend(objects),
                Err(error) => is_answered = error.is_answer(),
            }
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
            let found = session.columns(&questions, bounds).await;
            is_answered &= !found.ends.iter().any(is_lost);
            there.extend(found.rows);
        }
        if !is_answered && self.made_for.as_ref() == Some(&object_id) {
            return false;
        }
        let has = |object: &[u32]| there.has(object);
        let chosen = self.chosen.as_deref();
        let by_choice = chosen.map(|name| catalog.plan_by(name, &object_id, &description, has));
        self.is_chosen_missing = matches!(by_choice, Some(None));
        let plan = by_choice.flatten();
        self.plan = Arc::new(plan.unwrap_or_else(|| catalog.plan(&object_id, &description, has)));
        // A look at the system group is repeated soon; any other learns anew at the next.
        let is_done = is_answered || wanted.contains(Groups::SYSTEM);
        self.made_for = is_done.then_some(object_id);
        self.absent.clear();
        self.unmarked.clear();
        for marker in super::markers::OBJECTS {
            if rows.scalar(marker).is_none() {
                self.unmarked.insert(marker.to_vec());
            }
        }
        is_answered
    }
}

/// Whether a walk ended without telling whether there is anything: an agent that answers with an
/// error, or with nonsense, will do so again.
fn is_lost(end: &WalkEnd) -> bool {
    match end {
        WalkEnd::Complete | WalkEnd::Bound(Bound::Rows) | WalkEnd::NotIncreasing => false,
        WalkEnd::Bound(_) => true,
        WalkEnd::Failed(error) => !error.is_answer(),
    }
}

/// Whether these are groups that each poll reads, and no others.
fn is_poll(wanted: Groups) -> bool {
    Groups::COUNTERS.contains(wanted)
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

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMN: &[u32] = &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1, 4];

    fn up_for(ticks: u32) -> Rows {
        let object = Oid::from_slice(SYS_UP_TIME).child(0);
        [(object, Value::TimeTicks(ticks))].into_iter().collect()
    }

    #[test]
    fn only_a_poll_takes_a_column_of_parts_to_be_empty() {
        let sensors = Ask::of(Groups::SENSORS, COLUMN);
        let long = up_for(10_000_000);
        let mut dialect = Dialect::default();
        dialect.ended(&sensors, &long);
        assert!(dialect.skips(Groups::COUNTERS, &sensors));
        assert!(!dialect.skips(Groups::SENSORS | Groups::INVENTORY, &sensors));
        assert!(!dialect.skips(Groups::ALL, &sensors));
        let vlans = Ask::of(Groups::VLANS, COLUMN);
        let mut dialect = Dialect::default();
        dialect.ended(&vlans, &long);
        assert!(!dialect.skips(Groups::COUNTERS, &sensors), "no part");
        dialect.ended(&sensors, &up_for(10_000));
        assert!(!dialect.skips(Groups::COUNTERS, &sensors), "just started");
    }

    #[test]
    fn only_a_lost_answer_leaves_it_open_whether_there_is_something() {
        for (end, expected) in [
            (WalkEnd::Complete, false),
            (WalkEnd::Bound(Bound::Rows), false),
            (WalkEnd::NotIncreasing, false),
            (WalkEnd::Bound(Bound::Time), true),
        ] {
            assert_eq!(is_lost(&end), expected, "{end:?}");
        }
    }

    #[test]
    fn what_was_empty_is_asked_again_when_something_changed() {
        let sensors = Ask::of(Groups::SENSORS, COLUMN);
        let stood = Markers::default();
        let moved = Markers {
            inventory: Some(7),
            ..stood
        };
        for (wanted, markers, is_skipped) in [
            (Groups::COUNTERS, stood, true),
            (Groups::NEIGHBORS, stood, true),
            (Groups::COUNTERS, moved, false),
            (Groups::INVENTORY, stood, false),
            (Groups::INTERFACES, stood, false),
            (Groups::SYSTEM, stood, false),
        ] {
            let mut dialect = Dialect::default();
            dialect.ended(&sensors, &up_for(10_000_000));
            dialect.begin(wanted, markers);
            let skips = dialect.skips(Groups::COUNTERS, &sensors);
            assert_eq!(skips, is_skipped, "{wanted:?} {markers:?}");
        }
    }
}
