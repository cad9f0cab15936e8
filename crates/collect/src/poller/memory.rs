//! What is remembered of a device from poll to poll: its session, its history, and when what was
//! last read. A poll takes it along and brings it back.

use super::access_points::AccessPoints;
use super::{PollerOptions, Target};
use crate::reading::{Instance, Reading};
use crate::snmp::{Dialect, Glimpse, Groups, Look, Markers};
use crate::status::History;
use model::facts::{InterfaceFacts, NeighborFacts};
use model::interface::IfStatus;
use model::{Metric, Value};
use snmp::{Session, SessionOptions, Transport};
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;
use tokio::time::Instant;

/// Shortest time between two readings of the neighbours: the tables are long and agents are slow
/// to fill them.
const NEIGHBORS_INTERVAL_MIN: Duration = Duration::from_secs(15);
/// Time from one reading of the neighbours to the next of an agent that has no marker for them, or
/// whose marker stood still while they changed.
const NEIGHBORS_UNMARKED_INTERVAL: Duration = Duration::from_mins(5);
/// Shortest time between two readings of the parts because their marker moved or other access points
/// are there: some agents move it all the time, and some access points come and go.
const INVENTORY_INTERVAL_MIN: Duration = Duration::from_mins(5);
/// Shortest time between two readings of the interfaces because members of aggregates changed: some
/// agents move those markers all the time, and a member that goes down is seen by its state.
const MEMBERS_INTERVAL_MIN: Duration = Duration::from_mins(5);
/// Time between two readings of who was heard on local networks: the tables of a router are long, and
/// an address that comes is no hurry.
const ARP_INTERVAL: Duration = Duration::from_hours(1);
/// Time until details that could not be read to their end are asked for again.
const DETAILS_RETRY: Duration = Duration::from_mins(1);

/// Shortest time between two readings of what seldom changes because interfaces came or went or
/// changed their state, or another device seems to answer.
const CHANGE_INTERVAL_MIN: Duration = Duration::from_secs(15);

/// What seldom changes.
pub(super) fn details() -> Groups {
    Groups::SYSTEM | Groups::INTERFACES | Groups::ADDRESSES | Groups::VLANS
}

/// What is read after a restart: another image may run, other cards may be in it.
fn after_restart() -> Groups {
    details() | Groups::INVENTORY | Groups::NEIGHBORS
}

/// What is remembered of a device.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) history: History,
    pub(super) session: Option<Session>,
    /// How it is asked.
    pub(super) dialect: Option<Dialect>,
    /// Groups that were not read to their end when they were last asked for.
    pub(super) incomplete: Groups,
    /// Groups that are to be read anew because something changed, until they were to their end.
    owed: Groups,
    /// When some of them were asked for in vain.
    owed_at: Option<Instant>,
    details_at: Option<Instant>,
    details_complete: bool,
    neighbors_at: Option<Instant>,
    inventory_at: Option<Instant>,
    inventory_complete: bool,
    /// What the markers said before the tables were last read.
    markers: Markers,
    /// What was heard of neighbours when they were last read, as a number.
    heard: Option<u64>,
    /// Neighbours changed while their marker stood still.
    neighbors_unmarked: bool,
    routing_at: Option<Instant>,
    arp_at: Option<Instant>,
    up_time: Option<(f64, Instant)>,
    /// Who answered when what seldom changes was last read.
    glimpse: Glimpse,
    /// When IF-MIB was last read to its end.
    interfaces_at: Option<Instant>,
    /// Rows of IF-MIB as they were last read to their end.
    interfaces: Vec<InterfaceFacts>,
    pub(super) access_points: AccessPoints,
}

impl Memory {
    /// The session for a target, as patient as its interval allows; none where SNMP is not asked.
    /// The poll puts it back: one that was given up on the way opens a new one.
    pub(super) fn take_session(
        &mut self,
        target: &Target,
        transport: &Transport,
        options: &PollerOptions,
    ) -> Option<Session> {
        let credentials = target.credentials.as_ref()?;
        let open = || {
            let options = patience(target.interval, options.answer_timeout);
            Session::open(transport, target.address, credentials, options)
        };
        Some(self.session.take().unwrap_or_else(open))
    }

    /// Whether it is time for what seldom changes.
    pub(super) fn details_due(&self, options: &PollerOptions, now: Instant) -> bool {
        let wait = if self.details_complete {
            options.details_interval
        } else {
            DETAILS_RETRY.min(options.details_interval)
        };
        passed(self.details_at, wait, now)
    }

    /// Whether what seldom changes was not asked for in twice its time: polls that are always late
    /// put it off, but not for ever.
    pub(super) fn details_overdue(&self, options: &PollerOptions, now: Instant) -> bool {
        passed(self.details_at, options.details_interval * 2, now)
    }

    /// Whether it is time for the neighbours, whatever their marker says.
    pub(super) fn neighbors_due(&self, options: &PollerOptions, now: Instant) -> bool {
        let is_marked =
            (self.markers.lldp.is_some() || self.markers.cdp.is_some()) && !self.neighbors_unmarked;
        let wait = if is_marked {
            options.details_interval
        } else {
            NEIGHBORS_UNMARKED_INTERVAL.min(options.details_interval)
        };
        // Polls are not perfectly even; a tenth too early is in time.
        passed(self.neighbors_at, wait * 9 / 10, now)
    }

    /// Whether it is time for the parts of the device, whatever their marker says.
    pub(super) fn inventory_due(&self, options: &PollerOptions, now: Instant) -> bool {
        let wait = if self.inventory_complete {
            options.inventory_interval
        } else {
            DETAILS_RETRY.min(options.inventory_interval)
        };
        passed(self.inventory_at, wait, now)
    }

    /// Whether what seldom changes was ever asked for.
    pub(super) fn is_known(&self) -> bool {
        self.details_at.is_some()
    }

    /// The tables of addresses for which it is time: routing neighbours as often as what seldom
    /// changes, ARP each hour.
    pub(super) fn heard_due(&self, options: &PollerOptions, now: Instant) -> Groups {
        let mut due = Groups::NONE;
        if passed(self.routing_at, options.details_interval, now) {
            due |= Groups::ROUTING;
        }
        if passed(self.arp_at, ARP_INTERVAL.max(options.details_interval), now) {
            due |= Groups::ARP;
        }
        due
    }

    /// What seldom changes, and the neighbours, are to be read with the next poll.
    pub(super) fn reread(&mut self) {
        self.details_at = None;
        self.neighbors_at = None;
        self.inventory_at = None;
        self.routing_at = None;
        self.arp_at = None;
    }

    /// Takes in what a look found; says what else may have changed, and is to be read anew: all that
    /// seldom changes where the device restarted, another one seems to answer, or its interfaces are
    /// other ones than before; IF-MIB where the state of an interface changed, since it may have
    /// been shut on purpose.
    pub(super) fn take_in(&mut self, look: &Look, now: Instant) -> Groups {
        // A table of ARP that is longer than is read makes no device degraded.
        let asked = implied(look.asked) - Groups::ARP;
        let complete = implied(look.complete);
        self.incomplete = (self.incomplete - asked) | (asked - complete);
        if look.asked.contains(details()) {
            self.details_at = Some(now);
            self.details_complete = look.complete.contains(details());
        }
        let mut moved = self.moved(look, now);
        if look.asked.contains(Groups::NEIGHBORS) {
            moved = moved - Groups::NEIGHBORS;
            self.hear(look);
            self.neighbors_at = Some(now);
        }
        if look.asked.contains(Groups::INVENTORY) {
            moved = moved - Groups::INVENTORY;
            self.inventory_at = Some(now);
            self.inventory_complete = look.complete.contains(Groups::INVENTORY);
            if self.inventory_complete {
                self.markers.inventory = look.markers.inventory;
            }
            self.access_points.take_in(look);
        }
        if look.asked.contains(Groups::INTERFACES) {
            moved = moved - Groups::INTERFACES;
            if look.complete.contains(Groups::INTERFACES) {
                self.markers.interfaces = look.markers.interfaces;
                self.markers.stacks = look.markers.stacks;
                self.markers.aggregates = look.markers.aggregates;
            }
        }
        if look.asked.contains(Groups::ROUTING) {
            self.routing_at = Some(now);
        }
        if look.asked.contains(Groups::ARP) {
            self.arp_at = Some(now);
        }
        // An agent that says now this and now that is not read whole all the time.
        let rested = passed(self.details_at, CHANGE_INTERVAL_MIN, now);
        let another = rested && look.glimpse != self.glimpse;
        if another || look.asked.contains(Groups::SYSTEM) {
            self.glimpse.clone_from(&look.glimpse);
        }
        let mut again = if another { details() | moved } else { moved };
        if let Some(up_time) = up_time_secs(look) {
            let restarted = self.up_time.is_some_and(|(before, at)| {
                let elapsed = now.saturating_duration_since(at).as_secs_f64();
                restarted(before, up_time, elapsed)
            });
            if restarted {
                again |= after_restart();
            }
            self.up_time = Some((up_time, now));
        }
        if look.complete.contains(Groups::INTERFACES) {
            self.interfaces_at = Some(now);
            self.interfaces.clone_from(&look.facts.interfaces);
        } else if complete.contains(Groups::TRAFFIC) {
            let known = self.interfaces.iter().filter_map(|row| row.index);
            let other = known.collect::<BTreeSet<u32>>() != indexes(look);
            // An agent whose interfaces come and go all the time is not read whole all the time.
            if other && passed(self.details_at, CHANGE_INTERVAL_MIN, now) {
                again |= details();
            } else if self.states_differ(look)
                && passed(self.interfaces_at, CHANGE_INTERVAL_MIN, now)
            {
                again |= Groups::INTERFACES;
            }
        }
        self.owe(look, again, now);
        again
    }

    /// What is to be read anew: at once where it was found just now, a while later where it was
    /// asked for and cut short.
    pub(super) fn owing(&self, now: Instant) -> Groups {
        if passed(self.owed_at, DETAILS_RETRY, now) {
            self.owed
        } else {
            Groups::NONE
        }
    }

    fn owe(&mut self, look: &Look, again: Groups, now: Instant) {
        let before = self.owed - look.complete;
        self.owed = before | (again - look.complete);
        if before.intersects(look.asked) {
            self.owed_at = Some(now);
        } else if before.is_empty() {
            self.owed_at = None;
        }
    }

    /// The tables whose marker is another than when they were last read, as far as they rested.
    fn moved(&self, look: &Look, now: Instant) -> Groups {
        let mut moved = Groups::NONE;
        let other = |now: Option<u64>, before: Option<u64>| now.is_some() && now != before;
        let (now_say, before) = (look.markers, self.markers);
        let neighbors = other(now_say.lldp, before.lldp) || other(now_say.cdp, before.cdp);
        if neighbors && passed(self.neighbors_at, NEIGHBORS_INTERVAL_MIN, now) {
            moved |= Groups::NEIGHBORS;
        }
        let parts = other(now_say.inventory, before.inventory);
        if (parts || self.access_points.differ(look))
            && passed(self.inventory_at, INVENTORY_INTERVAL_MIN, now)
        {
            moved |= Groups::INVENTORY;
        }
        if other(now_say.interfaces, before.interfaces)
            && passed(self.interfaces_at, CHANGE_INTERVAL_MIN, now)
        {
            moved |= Groups::INTERFACES;
        }
        let members =
            other(now_say.stacks, before.stacks) || other(now_say.aggregates, before.aggregates);
        if members && passed(self.interfaces_at, MEMBERS_INTERVAL_MIN, now) {
            moved |= Groups::INTERFACES;
        }
        moved
    }

    /// Takes in what was heard of neighbours, and whether their marker told that it changed.
    fn hear(&mut self, look: &Look) {
        if look.complete.contains(Groups::NEIGHBORS) {
            let heard = fingerprint(&look.facts.neighbors);
            let stood =
                (look.markers.lldp, look.markers.cdp) == (self.markers.lldp, self.markers.cdp);
            self.neighbors_unmarked |= stood && self.heard.is_some_and(|before| before != heard);
            self.heard = Some(heard);
            (self.markers.lldp, self.markers.cdp) = (look.markers.lldp, look.markers.cdp);
        }
    }

    /// Whether any interface has another ifOperStatus than when IF-MIB was last read to its end.
    fn states_differ(&self, look: &Look) -> bool {
        let known: HashMap<u32, Option<IfStatus>> = self
            .interfaces
            .iter()
            .filter_map(|row| Some((row.index?, row.oper_status)))
            .collect();
        look.readings.iter().any(|reading| {
            let (Instance::Interface { index }, Value::U64(now)) =
                (&reading.instance, reading.value)
            else {
                return false;
            };
            let before = known.get(index).copied().flatten();
            reading.metric == Metric::IF_OPER_STATUS
                && before.is_some_and(|before| before.number() != now)
        })
    }

    /// The rows of IF-MIB after a look at the counters alone: what seldom changes as it was last
    /// read, the state and the counters as they are now.
    pub(super) fn interfaces(&self, look: &Look) -> Vec<InterfaceFacts> {
        let mut now: HashMap<u32, Vec<&Reading>> = HashMap::new();
        for reading in &look.readings {
            if let Instance::Interface { index } = reading.instance {
                now.entry(index).or_default().push(reading);
            }
        }
        let rows = self.interfaces.iter();
        rows.filter_map(|row| Some(updated(row, now.get(&row.index?)?)))
            .collect()
    }
}

fn updated(row: &InterfaceFacts, readings: &[&Reading]) -> InterfaceFacts {
    let mut row = row.clone();
    for reading in readings {
        let Value::U64(value) = reading.value else {
            continue;
        };
        match reading.metric {
            Metric::IF_ADMIN_STATUS => row.admin_status = IfStatus::from_number(value),
            Metric::IF_OPER_STATUS => row.oper_status = IfStatus::from_number(value),
            Metric::IF_HC_IN_OCTETS => row.in_octets = Some(value),
            Metric::IF_HC_OUT_OCTETS => row.out_octets = Some(value),
            Metric::IF_IN_ERRORS => row.in_errors = Some(value),
            Metric::IF_OUT_ERRORS => row.out_errors = Some(value),
            _ => {}
        }
    }
    row
}

/// Who is heard on which port, as a number: another one where that is another.
fn fingerprint(neighbors: &[NeighborFacts]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for neighbor in neighbors {
        let port = (
            neighbor.protocol,
            neighbor.local_index,
            &neighbor.local_interface,
        );
        let who = (
            &neighbor.remote_chassis_id,
            &neighbor.remote_name,
            &neighbor.remote_port,
        );
        (port, who).hash(&mut hasher);
    }
    hasher.finish()
}

/// Whether an agent restarted in `elapsed` seconds: its clock went back, or says that it began
/// after we asked before. A little unevenness is no restart.
fn restarted(before_secs: f64, now_secs: f64, elapsed_secs: f64) -> bool {
    now_secs + 1.0 < before_secs || now_secs + 5.0 < elapsed_secs
}

/// The interfaces that something was read of.
fn indexes(look: &Look) -> BTreeSet<u32> {
    let readings = look.readings.iter();
    readings
        .filter_map(|reading| match reading.instance {
            Instance::Interface { index } => Some(index),
            _ => None,
        })
        .collect()
}

/// A poll of a short interval waits less, so that silence is known well within it: two questions
/// of 1 s at 5 s, three of 1.5 s at a minute.
pub(super) fn patience(interval: Duration, answer_timeout: Duration) -> SessionOptions {
    SessionOptions {
        timeout: answer_timeout.min(interval / 5),
        retries: if interval < Duration::from_secs(15) {
            1
        } else {
            2
        },
    }
}

/// All columns of IF-MIB have its counters among them.
fn implied(groups: Groups) -> Groups {
    if groups.contains(Groups::INTERFACES) {
        groups | Groups::TRAFFIC
    } else {
        groups
    }
}

fn passed(since: Option<Instant>, wait: Duration, now: Instant) -> bool {
    since.is_none_or(|since| now.saturating_duration_since(since) >= wait)
}

fn up_time_secs(look: &Look) -> Option<f64> {
    look.readings
        .iter()
        .find(|reading| reading.metric == Metric::SYS_UP_TIME)
        .map(|reading| reading.value.as_f64())
}

#[cfg(test)]
mod members_tests;

#[cfg(test)]
mod tests {
    use super::*;

    /// Counters say that an interface of a number above 8 is down; rows that all are up.
    fn look(asked: Groups, complete: Groups, up_time: f64, indexes: &[u32]) -> Look {
        let mut look = Look {
            asked,
            complete,
            ..Look::default()
        };
        look.readings.push(Reading {
            metric: Metric::SYS_UP_TIME,
            instance: Instance::Device,
            value: Value::F64(up_time),
        });
        for &index in indexes {
            look.readings.push(Reading {
                metric: Metric::IF_OPER_STATUS,
                instance: Instance::Interface { index },
                value: Value::U64(if index > 8 { 2 } else { 1 }),
            });
        }
        if asked.contains(Groups::INTERFACES) {
            let row = |index: &u32| InterfaceFacts {
                index: Some(*index),
                name: Some(format!("eth{index}")),
                oper_status: Some(IfStatus::Up),
                ..InterfaceFacts::default()
            };
            look.facts.interfaces = indexes.iter().map(row).collect();
        }
        look
    }

    #[tokio::test]
    async fn what_seldom_changes_is_asked_for_seldom() {
        let options = PollerOptions::default();
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        let all = Groups::COUNTERS | details() | Groups::INVENTORY;
        for (complete, due_after_secs) in [(all, 3_600), (all - Groups::VLANS, 60)] {
            let mut memory = Memory::default();
            assert!(memory.details_due(&options, now) && memory.inventory_due(&options, now));
            let again = memory.take_in(&look(all, complete, 5.0, &[1, 2]), now);
            assert_eq!(again, Groups::NONE);
            assert!(!memory.details_due(&options, after(due_after_secs - 1)));
            assert!(memory.details_due(&options, after(due_after_secs)));
            assert!(!memory.details_overdue(&options, after(7_199)));
            assert!(memory.details_overdue(&options, after(7_200)));
            assert!(!memory.inventory_due(&options, after(86_399)));
            assert!(memory.inventory_due(&options, after(86_400)));
        }
    }

    /// A look at neighbours, who are as `heard` says, with a marker.
    fn heard(marker: Option<u64>, heard: &str) -> Look {
        let mut look = look(Groups::NEIGHBORS, Groups::NEIGHBORS, 1e9, &[]);
        look.markers.lldp = marker;
        look.facts.neighbors.push(NeighborFacts {
            remote_name: Some(heard.to_owned()),
            ..NeighborFacts::default()
        });
        look
    }

    /// A look at the counters that also tells the marker.
    fn counted(marker: Option<u64>) -> Look {
        let mut look = look(Groups::COUNTERS, Groups::COUNTERS, 1e9, &[]);
        look.markers.lldp = marker;
        look
    }

    #[tokio::test]
    async fn neighbours_are_read_when_their_marker_moves() {
        let options = PollerOptions::default();
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        let mut memory = Memory::default();
        assert!(memory.neighbors_due(&options, now));
        memory.take_in(&heard(Some(7), "one"), now);
        assert!(!memory.neighbors_due(&options, after(3_000)));
        assert!(memory.neighbors_due(&options, after(3_600)));
        let stood = memory.take_in(&counted(Some(7)), after(60));
        assert_eq!(stood, Groups::NONE);
        let soon = memory.take_in(&counted(Some(8)), after(10));
        assert_eq!(soon, Groups::NONE, "they were just read");
        let moved = memory.take_in(&counted(Some(8)), after(70));
        assert_eq!(moved, Groups::NEIGHBORS);
        memory.take_in(&heard(Some(8), "two"), after(70));
        assert!(
            !memory.neighbors_due(&options, after(3_000)),
            "it told the truth"
        );
    }

    #[tokio::test]
    async fn a_marker_that_stands_still_while_they_change_is_not_believed() {
        let options = PollerOptions::default();
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        for (first, second) in [(Some(7), Some(7)), (None, None)] {
            let mut memory = Memory::default();
            memory.take_in(&heard(first, "one"), now);
            memory.take_in(&heard(second, "two"), after(3_600));
            assert!(!memory.neighbors_due(&options, after(3_600 + 200)));
            assert!(memory.neighbors_due(&options, after(3_600 + 300)));
        }
    }

    #[tokio::test]
    async fn a_restart_or_other_interfaces_are_noticed() {
        let (counters, all) = (Groups::COUNTERS, Groups::COUNTERS | details());
        let now = Instant::now();
        let later = now + Duration::from_secs(20);
        for (up_time, indexes, complete, again) in [
            (120.0, [1, 2].as_slice(), counters, Groups::NONE),
            (14.0, &[1, 2], counters, after_restart()),
            (3.0, &[1, 2], counters, after_restart()),
            (120.0, &[1, 3], counters, details()),
            (120.0, &[1], counters, details()),
            // A table that was cut short says nothing about what is gone.
            (120.0, &[1], counters - Groups::TRAFFIC, Groups::NONE),
        ] {
            let mut memory = Memory::default();
            memory.take_in(&look(all, all, 100.0, &[1, 2]), now);
            let second = look(counters, complete, up_time, indexes);
            let told = memory.take_in(&second, later);
            assert_eq!(told, again, "{up_time} {indexes:?}");
        }
    }

    #[tokio::test]
    async fn another_agent_is_noticed_by_what_each_look_tells() {
        let (counters, all) = (Groups::COUNTERS, Groups::COUNTERS | details());
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        let told = |groups, name: &str| {
            let mut look = look(groups, groups, 1e9, &[1]);
            look.glimpse.name = Some(name.to_owned());
            look
        };
        let mut memory = Memory::default();
        memory.take_in(&told(all, "one"), now);
        let take =
            |memory: &mut Memory, look: &Look, secs| !memory.take_in(look, after(secs)).is_empty();
        assert!(!take(&mut memory, &told(counters, "one"), 60));
        assert!(take(&mut memory, &told(counters, "two"), 120));
        memory.take_in(&told(all, "two"), after(120));
        // One that says now this and now that is read whole not more often than every 15 s.
        assert!(!take(&mut memory, &told(counters, "one"), 125));
        assert!(take(&mut memory, &told(counters, "one"), 136));
        memory.reread();
        assert!(memory.details_due(&PollerOptions::default(), after(136)));
    }

    #[tokio::test]
    async fn where_a_state_changed_it_is_asked_whether_the_port_was_shut() {
        let (counters, all) = (Groups::COUNTERS, Groups::COUNTERS | details());
        let now = Instant::now();
        let mut memory = Memory::default();
        memory.take_in(&look(all, all, 100.0, &[1, 9]), now);
        let counted = |secs: f64| look(counters, counters, 100.0 + secs, &[1, 9]);
        let soon = memory.take_in(&counted(5.0), now + Duration::from_secs(5));
        assert_eq!(soon, Groups::NONE, "the tables were just read");
        let later = memory.take_in(&counted(20.0), now + Duration::from_secs(20));
        assert_eq!(later, Groups::INTERFACES);
    }

    #[test]
    fn a_restart_is_told_from_unevenness() {
        for (before, now, elapsed, expected) in [
            (100.0, 105.0, 5.0, false),
            (100.0, 99.5, 0.1, false),
            (100.0, 3.0, 5.0, true),
            (2.0, 3.0, 60.0, true),
            (2.0, 58.0, 60.0, false),
            (1e6, 1e6, 60.0, false),
        ] {
            assert_eq!(restarted(before, now, elapsed), expected, "{before} {now}");
        }
    }

    #[tokio::test]
    async fn rows_have_their_names_and_the_present_state() {
        let mut memory = Memory::default();
        let (counters, all) = (Groups::COUNTERS, Groups::COUNTERS | details());
        memory.take_in(&look(all, all, 100.0, &[1, 9]), Instant::now());
        let rows = memory.interfaces(&look(counters, counters, 105.0, &[9, 3]));
        assert_eq!(rows.len(), 1, "one is gone, one is not known yet");
        assert_eq!(rows[0].name.as_deref(), Some("eth9"));
        assert_eq!(rows[0].oper_status, Some(IfStatus::Down));
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_remembered_until_it_could() {
        let mut memory = Memory::default();
        let now = Instant::now();
        let (interfaces, neighbors) = (Groups::INTERFACES, Groups::NEIGHBORS);
        memory.take_in(&look(interfaces, Groups::NONE, 1.0, &[]), now);
        assert_eq!(memory.incomplete, interfaces | Groups::TRAFFIC);
        memory.take_in(&look(neighbors, neighbors, 2.0, &[]), now);
        assert_eq!(memory.incomplete, interfaces | Groups::TRAFFIC);
        memory.take_in(&look(interfaces, interfaces, 3.0, &[]), now);
        assert_eq!(memory.incomplete, Groups::NONE);
    }

    #[tokio::test]
    async fn parts_that_were_cut_short_are_asked_for_again_soon() {
        let options = PollerOptions::default();
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        let mut memory = Memory::default();
        let mut cut = look(Groups::INVENTORY, Groups::NONE, 1e9, &[]);
        cut.markers.inventory = Some(7);
        memory.take_in(&cut, now);
        assert_eq!(memory.markers.inventory, None);
        assert!(!memory.inventory_due(&options, after(59)));
        assert!(memory.inventory_due(&options, after(60)));
        cut.complete = Groups::INVENTORY;
        memory.take_in(&cut, after(60));
        assert_eq!(memory.markers.inventory, Some(7));
        assert!(!memory.inventory_due(&options, after(3_600)));
    }

    #[tokio::test]
    async fn what_changed_is_owed_until_it_was_read() {
        let (counters, all) = (Groups::COUNTERS, Groups::COUNTERS | details());
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        let mut memory = Memory::default();
        memory.take_in(&look(all, all, 100.0, &[1, 2]), now);
        assert_eq!(memory.owing(now), Groups::NONE);
        memory.take_in(&look(counters, counters, 3.0, &[1, 2]), after(20));
        assert_eq!(memory.owing(after(20)), after_restart());
        // A late poll does not ask for it, and does not forget it.
        memory.take_in(&look(counters, counters, 63.0, &[1, 2]), after(80));
        assert_eq!(memory.owing(after(80)), after_restart());
        let read = after_restart() - Groups::INVENTORY;
        let asked = look(after_restart(), read, 63.0, &[1, 2]);
        memory.take_in(&asked, after(80));
        assert_eq!(memory.owing(after(139)), Groups::NONE, "just asked");
        assert_eq!(memory.owing(after(140)), Groups::INVENTORY);
        let parts = Groups::INVENTORY;
        memory.take_in(&look(parts, parts, 123.0, &[]), after(140));
        assert_eq!(memory.owing(after(999)), Groups::NONE);
    }

    #[test]
    fn patience_fits_the_interval() {
        for (secs, timeout_ms, retries) in [(5, 1000, 1), (10, 1500, 1), (60, 1500, 2)] {
            let interval = Duration::from_secs(secs);
            let patience = patience(interval, Duration::from_millis(1500));
            assert_eq!(patience.timeout.as_millis(), timeout_ms);
            assert_eq!(patience.retries, retries);
            let silence = patience.timeout * (u32::from(patience.retries) + 1);
            assert!(silence < interval, "{secs} s");
        }
    }
}
