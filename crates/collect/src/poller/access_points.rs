//! What access points are by make and serial number, from one look at the parts of a device to the
//! next: the polls between them do not ask for it.

use crate::snmp::{Groups, Look, WIRELESS_MAX};
use model::facts::{WirelessFacts, WirelessKind};
use std::collections::{HashMap, HashSet};

/// Rows as they were when the parts were last read: at most [`WIRELESS_MAX`], as many as a look keeps.
#[derive(Default)]
pub(super) struct AccessPoints {
    makes: HashMap<Of, Make>,
}

type Of = (Option<WirelessKind>, Option<String>);

/// What does not change as long as it is the same row.
struct Make {
    model: Option<String>,
    serial: Option<String>,
}

impl Make {
    /// Takes what it lacks from what was known before, unless that is of another one in its place.
    fn keep(&mut self, before: &Self) {
        let differ = |now: &Option<String>, before: &Option<String>| {
            now.is_some() && before.is_some() && now != before
        };
        if differ(&self.model, &before.model) || differ(&self.serial, &before.serial) {
            return;
        }
        self.model = self.model.take().or_else(|| before.model.clone());
        self.serial = self.serial.take().or_else(|| before.serial.clone());
    }
}

impl AccessPoints {
    /// Takes in what a look at the parts found. One that was cut short takes nothing away.
    pub(super) fn take_in(&mut self, look: &Look) {
        if !look.asked.contains(Groups::INVENTORY) {
            return;
        }
        let is_whole = |groups| look.complete.contains(groups);
        let rows = || look.facts.wireless.iter();
        if is_whole(Groups::INVENTORY | Groups::WIRELESS) {
            self.makes.clear();
        } else if is_whole(Groups::WIRELESS) {
            let now: HashSet<Of> = rows().map(of).collect();
            self.makes.retain(|of, _| now.contains(of));
        }
        for row in rows() {
            let (of, mut make) = (of(row), make(row));
            // What was cut short may have come to the models and not to the serial numbers.
            if !is_whole(Groups::INVENTORY)
                && let Some(before) = self.makes.get(&of)
            {
                make.keep(before);
            }
            let tells = make.model.is_some() || make.serial.is_some();
            if tells || (is_access_point(row) && is_whole(Groups::INVENTORY)) {
                self.makes.insert(of, make);
            }
        }
        // Where the rows are never told to their end nothing is known to be gone.
        if self.makes.len() > WIRELESS_MAX {
            let now: HashSet<Of> = rows().map(of).collect();
            self.makes.retain(|of, _| now.contains(of));
        }
    }

    /// Whether there are other access points than when the parts were last read, so that these are to
    /// be read anew. A device that does not tell their makes is not asked again for them.
    pub(super) fn differ(&self, look: &Look) -> bool {
        let told = |make: &Make| make.model.is_some() || make.serial.is_some();
        let worth_asking = self.makes.is_empty() || self.makes.values().any(told);
        if !worth_asking || !look.complete.contains(Groups::WIRELESS) {
            return false;
        }
        let rows = look.facts.wireless.iter();
        let now: HashSet<Of> = rows.filter(|row| is_access_point(row)).map(of).collect();
        let is_one = |of: &&Of| of.0 == Some(WirelessKind::AccessPoint);
        let known = self.makes.keys().filter(is_one);
        now.len() != known.count() || now.iter().any(|of| !self.makes.contains_key(of))
    }

    /// Whether there are any.
    pub(super) fn are_known(&self) -> bool {
        !self.makes.is_empty()
    }

    /// Fills in what this poll did not ask for.
    pub(super) fn fill(&self, rows: &mut [WirelessFacts]) {
        if self.makes.is_empty() {
            return;
        }
        for row in rows {
            let Some(make) = self.makes.get(&of(row)) else {
                continue;
            };
            row.model = row.model.take().or_else(|| make.model.clone());
            row.serial = row.serial.take().or_else(|| make.serial.clone());
        }
    }
}

fn is_access_point(row: &WirelessFacts) -> bool {
    row.kind == Some(WirelessKind::AccessPoint)
}

fn of(row: &WirelessFacts) -> Of {
    (row.kind, row.name.clone())
}

fn make(row: &WirelessFacts) -> Make {
    Make {
        model: row.model.clone(),
        serial: row.serial.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(complete: Groups, rows: &[(&str, Option<&str>)]) -> Look {
        let row = |(name, serial): &(&str, Option<&str>)| WirelessFacts {
            kind: Some(WirelessKind::AccessPoint),
            name: Some((*name).to_owned()),
            serial: serial.map(str::to_owned),
            ..WirelessFacts::default()
        };
        let mut look = Look {
            asked: complete,
            complete,
            ..Look::default()
        };
        look.facts.wireless = rows.iter().map(row).collect();
        look
    }

    #[test]
    fn access_points_keep_their_serial_numbers_in_polls_that_do_not_ask_for_them() {
        let parts = Groups::INVENTORY | Groups::WIRELESS;
        let mut known = AccessPoints::default();
        known.take_in(&look(parts, &[("hall", Some("A1")), ("attic", Some("A2"))]));
        let mut poll = look(Groups::WIRELESS, &[("hall", None), ("attic", None)]);
        known.take_in(&poll);
        assert!(!known.differ(&poll));
        known.fill(&mut poll.facts.wireless);
        let serials: Vec<Option<&str>> = poll
            .facts
            .wireless
            .iter()
            .map(|row| row.serial.as_deref())
            .collect();
        assert_eq!(serials, [Some("A1"), Some("A2")]);
    }

    #[test]
    fn a_look_that_was_cut_short_takes_nothing_away_and_one_without_any_takes_all() {
        let parts = Groups::INVENTORY | Groups::WIRELESS;
        let mut known = AccessPoints::default();
        known.take_in(&look(parts, &[("hall", Some("A1"))]));
        let mut cut = look(parts, &[("attic", Some("A2"))]);
        cut.complete = Groups::NONE;
        known.take_in(&cut);
        let mut poll = look(Groups::WIRELESS, &[("hall", None), ("attic", None)]);
        known.fill(&mut poll.facts.wireless);
        let mut rows = poll.facts.wireless.iter();
        assert!(rows.all(|row| row.serial.is_some()), "{poll:?}");
        // All are gone: that is known, and asked no more.
        let none = look(parts, &[]);
        assert!(known.differ(&none));
        known.take_in(&none);
        assert!(!known.differ(&none));
    }

    #[test]
    fn a_look_that_was_cut_between_models_and_serial_numbers_forgets_no_serial_number() {
        let parts = Groups::INVENTORY | Groups::WIRELESS;
        for (complete, model, serial) in [
            (Groups::WIRELESS, "Old", Some("A1")),
            // Another one is in its place, whose serial number was not read yet.
            (Groups::WIRELESS, "New", None),
            // What was read to its end says that there is none.
            (parts, "Old", None),
        ] {
            let mut known = AccessPoints::default();
            let mut before = look(parts, &[("hall", Some("A1"))]);
            before.facts.wireless[0].model = Some("Old".to_owned());
            known.take_in(&before);
            let mut now = look(parts, &[("hall", None)]);
            now.facts.wireless[0].model = Some(model.to_owned());
            now.complete = complete;
            known.take_in(&now);
            let mut poll = look(Groups::WIRELESS, &[("hall", None)]);
            known.fill(&mut poll.facts.wireless);
            let row = &poll.facts.wireless[0];
            let told = (row.model.as_deref(), row.serial.as_deref());
            assert_eq!(told, (Some(model), serial));
        }
    }

    #[test]
    fn access_points_whose_rows_are_never_read_to_their_end_are_bounded() {
        let mut known = AccessPoints::default();
        for round in 0..4 {
            let names: Vec<String> = (0..WIRELESS_MAX).map(|n| format!("{round}-{n}")).collect();
            let rows: Vec<_> = names.iter().map(|name| (&**name, Some("A1"))).collect();
            let mut cut = look(Groups::INVENTORY | Groups::WIRELESS, &rows);
            cut.complete = Groups::INVENTORY;
            known.take_in(&cut);
            assert_eq!(known.makes.len(), WIRELESS_MAX);
            let mut poll = look(Groups::WIRELESS, &[(&names[0], None)]);
            known.fill(&mut poll.facts.wireless);
            assert!(poll.facts.wireless[0].serial.is_some());
        }
    }

    #[test]
    fn parts_are_read_anew_when_access_points_come_or_go() {
        let parts = Groups::INVENTORY | Groups::WIRELESS;
        let (all, none) = (Groups::WIRELESS, Groups::NONE);
        let told: &[_] = &[("hall", Some("A1"))];
        let untold: &[_] = &[("hall", None)];
        for (before, complete, now, expected) in [
            (told, all, &[("hall", None)][..], false),
            (told, all, &[("hall", None), ("attic", None)], true),
            (told, all, &[("attic", None)], true),
            (told, all, &[], true),
            // A table that was cut short says nothing of what is gone.
            (told, none, &[], false),
            (&[], all, &[("hall", None)], true),
            // One that tells no makes is not asked for them again.
            (untold, all, &[("attic", None)], false),
        ] {
            let mut known = AccessPoints::default();
            known.take_in(&look(parts, before));
            assert_eq!(known.differ(&look(complete, now)), expected, "{now:?}");
        }
    }
}
