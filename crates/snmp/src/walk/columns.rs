//! Walking several columns together.
//!
//! A window of columns is asked in one GETBULK. A column that ends makes room for the next, so that
//! the many tables that an agent lacks cost a place in a packet, not a packet each. Each column has
//! its own cursor: sparse columns do not hold up the others.
//!
//! Some agents keep tables out of order, or tell a row twice. What comes before its predecessor is
//! counted as a defect and read on from, as long as it was not met before. What was met before, or lies
//! before the column, is dropped, a run of it counted as one defect; it costs nothing of what follows.
//!
//! A column ends where a whole answer brings it nothing new. So each answer but the last brings a row,
//! and the bound on rows is one on answers, too: a circle of any length ends with the answer after that
//! in which it closed.

use super::trail::{Met, Trail};
use super::{Bound, Columns, WalkBounds, WalkEnd};
use crate::defects::{Defect, Defects};
use crate::error::SessionError;
use crate::session::{Failure, Question, Session};
use crate::value::Value;
use async_snmp::Oid;
use tokio::time::{Instant, timeout_at};

/// Columns in one question: with one repetition each they fit a packet even as strings.
const WINDOW_MAX: usize = 20;
/// Questions that only one column's failure may cost before the walk gives the column up.
const FAILURES_A_COLUMN_MAX: u32 = 2;

struct Column {
    root: Oid,
    cursor: Oid,
    rows: usize,
    found: Vec<(Oid, Value)>,
    /// Every object that was met, once one came out of order; in a walk in pieces from the beginning.
    met: Option<Met>,
    /// The object before this one was dropped.
    is_dropping: bool,
    end: Option<WalkEnd>,
}

/// What an object was to its column.
enum Took {
    /// A row that is to be kept, or the end of the column.
    Forward,
    /// Nothing new.
    Dropped,
}

impl Column {
    fn begin(root: &Oid) -> Self {
        Self {
            root: root.clone(),
            cursor: root.clone(),
            rows: 0,
            found: Vec::new(),
            met: None,
            is_dropping: false,
            end: None,
        }
    }

    /// Whether an object was met already. Where all came in order, one that comes after was not.
    fn was_met(&mut self, oid: &Oid) -> bool {
        if self.met.is_none() && *oid > self.cursor {
            return false;
        }
        let found = &self.found;
        let met = self
            .met
            .get_or_insert_with(|| Met::of(found.iter().map(|(oid, _)| oid)));
        *oid == self.cursor || *oid == self.root || met.contains(oid)
    }

    /// What was found, in increasing order.
    fn into_found(mut self) -> Vec<(Oid, Value)> {
        if self.met.is_some() {
            self.found.sort_by(|a, b| a.0.cmp(&b.0));
        }
        self.found
    }
}

struct Walker<'a> {
    session: &'a mut Session,
    columns: Vec<Column>,
    octets: usize,
    bounds: WalkBounds,
    // Questions in a row that brought nothing.
    failures: u32,
    // Columns are asked one at a time until one succeeds, to find which it is that fails.
    alone: bool,
    // GETNEXT only, for the rest of this walk.
    plain: bool,
}

pub(super) async fn walk(session: &mut Session, roots: &[Oid], bounds: WalkBounds) -> Columns {
    let begun = roots.iter().map(Column::begin).collect();
    let (mut columns, ends, defects) = walk_columns(session, begun, bounds).await;
    columns.sort_by(|a, b| a.root.cmp(&b.root));
    let mut found = Columns {
        rows: columns.into_iter().flat_map(Column::into_found).collect(),
        ends,
        defects,
    };
    for end in &found.ends {
        if matches!(end, WalkEnd::Bound(Bound::Rows | Bound::Octets)) {
            found.defects.add(Defect::TooManyRows);
        }
    }
    found
}

/// What is left of a trail, which goes on behind the agent's last object, not behind the greatest.
pub(super) async fn walk_on(
    session: &mut Session,
    trail: &mut Trail,
    bounds: WalkBounds,
) -> Columns {
    let begun = vec![Column {
        root: trail.root.clone(),
        cursor: trail.last.clone(),
        rows: 0,
        found: Vec::new(),
        met: Some(std::mem::take(&mut trail.met)),
        is_dropping: false,
        end: None,
    }];
    let (columns, ends, defects) = walk_columns(session, begun, bounds).await;
    let mut rows = Vec::new();
    for mut column in columns {
        trail.last.clone_from(&column.cursor);
        trail.met = column.met.take().unwrap_or_default();
        rows = column.found;
        rows.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Columns {
        rows,
        ends,
        defects,
    }
}

/// Walks columns to their ends: what they found, how each ended, and what was wrong with the answers.
async fn walk_columns(
    session: &mut Session,
    columns: Vec<Column>,
    bounds: WalkBounds,
) -> (Vec<Column>, Vec<WalkEnd>, Defects) {
    let deadline = Instant::now() + bounds.time;
    let earlier = session.take_defects();
    let mut walker = Walker {
        columns,
        octets: 0,
        bounds,
        failures: 0,
        alone: false,
        plain: !session.pace.bulk(),
        session,
    };
    while walker.step(deadline).await {}
    let Walker {
        session,
        mut columns,
        ..
    } = walker;
    let mut defects = session.take_defects();
    // What was noted before this walk stays the session's.
    restore(session, &earlier);
    let ends = columns
        .iter_mut()
        .map(|column| column.end.take().unwrap_or(WalkEnd::Complete))
        .collect::<Vec<_>>();
    for end in &ends {
        if *end == WalkEnd::Bound(Bound::Time) {
            defects.add(Defect::TooSlow);
        }
    }
    (columns, ends, defects)
}

fn restore(session: &Session, earlier: &Defects) {
    for (defect, count) in earlier.iter() {
        session.note_many(defect, count);
    }
}

impl Walker<'_> {
    /// Asks one question and takes in its answer. Whether there is more to ask.
    async fn step(&mut self, deadline: Instant) -> bool {
        let width = if self.alone { 1 } else { WINDOW_MAX };
        let asked: Vec<usize> = (0..self.columns.len())
            .filter(|&position| self.is_open(position))
            .take(width)
            .collect();
        if asked.is_empty() {
            return false;
        }
        let cursors: Vec<Oid> = asked
            .iter()
            .filter_map(|&position| self.columns.get(position))
            .map(|column| column.cursor.clone())
            .collect();
        let repetitions = if self.plain {
            1
        } else {
            self.session.pace.repetitions(cursors.len())
        };
        let question = if self.plain {
            Question::Next(&cursors)
        } else {
            Question::Bulk(&cursors, repetitions)
        };
        let Ok(answer) = timeout_at(deadline, self.session.ask_once(&question)).await else {
            self.end_all(&WalkEnd::Bound(Bound::Time));
            return false;
        };
        match answer {
            Ok(objects) if objects.is_empty() => {
                self.session.note(Defect::MissingObject);
                self.failed(&asked, Failure::Malformed);
            }
            Ok(objects) => {
                self.failures = 0;
                self.alone = false;
                self.session.pace.went_well();
                self.take_in(&asked, objects, repetitions);
            }
            Err(failure) => self.failed(&asked, failure),
        }
        true
    }

    fn is_open(&self, position: usize) -> bool {
        self.columns
            .get(position)
            .is_some_and(|column| column.end.is_none())
    }

    fn take_in(&mut self, asked: &[usize], objects: Vec<(Oid, Value)>, repetitions: u32) {
        let expected = asked
            .len()
            .saturating_mul(usize::try_from(repetitions).unwrap_or(usize::MAX));
        // Of each column whether the answer brought it forward; none where it had no place in it.
        let mut came: Vec<Option<bool>> = vec![None; asked.len()];
        for (place, (oid, value)) in objects.into_iter().enumerate() {
            if place >= expected {
                self.session.note(Defect::UnaskedObject);
                break;
            }
            let Some(at) = place.checked_rem(asked.len()) else {
                break;
            };
            if let (Some(&position), Some(came)) = (asked.get(at), came.get_mut(at)) {
                let forward = matches!(self.take_object(position, oid, value), Took::Forward);
                *came = Some(forward || *came == Some(true));
            }
        }
        // Asking again would bring the same.
        for (&position, came) in asked.iter().zip(came) {
            if came == Some(false) {
                self.end(position, WalkEnd::NotIncreasing);
            }
        }
    }

    /// Takes one object into its column.
    fn take_object(&mut self, position: usize, oid: Oid, value: Value) -> Took {
        let Some(column) = self.columns.get_mut(position) else {
            return Took::Dropped;
        };
        if column.end.is_some() {
            // What follows the end of a column in the same answer.
            return Took::Forward;
        }
        if value == Value::EndOfMibView {
            column.end = Some(WalkEnd::Complete);
            return Took::Forward;
        }
        let is_within = oid.starts_with(&column.root);
        if !is_within && oid > column.cursor {
            column.end = Some(WalkEnd::Complete);
            return Took::Forward;
        }
        if !is_within || column.was_met(&oid) {
            if !std::mem::replace(&mut column.is_dropping, true) {
                self.session.note(Defect::OidNotIncreasing);
            }
            return Took::Dropped;
        }
        column.is_dropping = false;
        if oid < column.cursor {
            self.session.note(Defect::OidNotIncreasing);
        }
        if column.rows >= self.bounds.rows {
            column.end = Some(WalkEnd::Bound(Bound::Rows));
            return Took::Forward;
        }
        self.octets = self
            .octets
            .saturating_add(value.weight())
            .saturating_add(oid.len() * size_of::<u32>());
        if self.octets > self.bounds.octets {
            self.end_all(&WalkEnd::Bound(Bound::Octets));
            return Took::Forward;
        }
        column.rows += 1;
        column.cursor.clone_from(&oid);
        if let Some(met) = &mut column.met {
            met.insert(&oid);
        }
        if !value.is_absent() {
            column.found.push((oid, value));
        }
        Took::Forward
    }

    fn failed(&mut self, asked: &[usize], failure: Failure) {
        let agent = self.session.agent();
        match failure {
            Failure::Status { status, index } => self.refused_object(asked, status, index),
            Failure::TooBig => {
                self.session.pace.went_badly();
                self.failures += 1;
                if asked.len() > 1 && self.failures > FAILURES_A_COLUMN_MAX {
                    self.alone = true;
                }
                if asked.len() == 1 && self.session.pace.repetitions(1) == 1 {
                    self.end_first(asked, &failure.into_error(agent));
                }
            }
            Failure::Silent | Failure::Malformed => {
                self.session.pace.went_badly();
                self.failures += 1;
                let patience = self.session.retries();
                let error = match failure {
                    Failure::Silent => self.session.silent(self.failures),
                    failure => failure.into_error(agent),
                };
                if self.failures > patience + FAILURES_A_COLUMN_MAX {
                    self.end_all(&WalkEnd::Failed(error));
                } else if self.failures > patience {
                    // Perhaps it is one column that the agent cannot answer: ask singly and
                    // plainly, giving up the one that fails.
                    if self.alone {
                        self.end_first(asked, &error);
                    }
                    if !self.plain {
                        self.session.pace.bulk_failed();
                        self.plain = true;
                    }
                    self.alone = true;
                }
            }
            Failure::Refused(_) | Failure::Session(_) => {
                let error = failure.into_error(agent);
                self.end_all(&WalkEnd::Failed(error));
            }
        }
    }

    /// An error-status with the position of the object that it is about.
    fn refused_object(&mut self, asked: &[usize], status: i32, index: u32) {
        // noSuchName(2) is how SNMPv1 says that nothing comes after (RFC 1157 section 4.1.3).
        let no_more = status == 2;
        let culprit = usize::try_from(index)
            .ok()
            .and_then(|index| index.checked_sub(1))
            .and_then(|index| asked.get(index))
            .or(if asked.len() == 1 {
                asked.first()
            } else {
                None
            });
        match culprit {
            Some(&position) if no_more => self.end(position, WalkEnd::Complete),
            // genErr(5) about nothing is how net-snmp says over SNMPv3 that the answer got too big.
            _ if !self.plain && index == 0 && self.session.pace.repetitions(asked.len()) > 1 => {
                self.session.pace.went_badly();
            }
            _ if !self.plain => {
                // Some agents fail on GETBULK alone.
                self.session.note(Defect::AgentError);
                self.session.pace.bulk_failed();
                self.plain = true;
            }
            Some(&position) => {
                self.session.note(Defect::AgentError);
                let error = Failure::Status { status, index }.into_error(self.session.agent());
                self.end(position, WalkEnd::Failed(error));
            }
            None => self.alone = true,
        }
    }

    fn end_first(&mut self, asked: &[usize], error: &SessionError) {
        if let Some(&position) = asked.first() {
            self.end(position, WalkEnd::Failed(error.clone()));
        }
    }

    fn end(&mut self, position: usize, end: WalkEnd) {
        if let Some(column) = self.columns.get_mut(position) {
            column.end.get_or_insert(end);
        }
    }

    fn end_all(&mut self, end: &WalkEnd) {
        for column in &mut self.columns {
            column.end.get_or_insert_with(|| end.clone());
        }
    }
}
