//! Reading what is kept, by subject and range. All of it blocks: call it where that is allowed.

use super::month::Month;
use super::row::{Kind, Row, Subject};
use super::{CHANGES_READ_MAX, History, HistoryError};
use model::history::{DeviceFound, IfStates, InterfaceFound, MaintenanceWindow, Run};
use model::{DeviceId, InterfaceId, Timestamp};

/// What is kept of an interface over a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceHistory {
    /// How it was before the first of `found`; none where nothing is kept of it, or it was first
    /// seen then.
    pub first: Option<IfStates>,
    /// Its changes in the range, ascending in time.
    pub found: Vec<InterfaceFound>,
    /// Nothing is kept of it at all: it is as it was when the keeping began.
    pub never_changed: bool,
}

impl History {
    /// When the server measured, of all that meets `[from, to)`, ascending; none overlaps another.
    pub fn runs(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Run>, HistoryError> {
        let months = &self.0.parts.months;
        // A run is cut at the end of a month: what was found before it may hold on.
        let (first, last) = (Month::of(from).previous(), Month::of(to));
        let mut runs: Vec<Run> = Vec::new();
        for month in months.of(first..=last) {
            let rows = months.read(month, |file| {
                file.range(Subject::RUN, i64::MIN, to.unix_ms(), CHANGES_READ_MAX + 1)
            })?;
            runs.extend(rows.iter().map(Row::run));
        }
        if runs.len() > CHANGES_READ_MAX {
            return Err(HistoryError::TooMany {
                max: CHANGES_READ_MAX,
            });
        }
        let now = self.0.parts.clock.now();
        if let Some(own) = self.0.parts.run_until(now) {
            for run in runs.iter_mut().filter(|run| run.from == own.from) {
                run.until = own.until;
            }
        }
        runs.sort_by_key(|run| run.from);
        runs.dedup_by(|later, run| {
            let goes_on = run.until == later.from;
            if goes_on {
                run.until = later.until;
            }
            goes_on
        });
        // A clock that was set back makes runs overlap: the later holds.
        let next: Vec<Timestamp> = runs.iter().skip(1).map(|run| run.from).collect();
        for (run, next) in runs.iter_mut().zip(next) {
            run.until = run.until.min(next);
        }
        runs.retain(|run| run.until >= from && run.from < to);
        Ok(runs)
    }

    /// What was found of a device in `[from, to)`, ascending, and before it the last that was found
    /// earlier. Evidence is read only where it is wanted.
    pub fn device(
        &self,
        id: DeviceId,
        from: Timestamp,
        to: Timestamp,
        with_evidence: bool,
    ) -> Result<Vec<DeviceFound>, HistoryError> {
        let subject = Subject {
            kind: Kind::Device,
            id: *id.as_bytes(),
        };
        let mut rows: Vec<Row> = self.last_before(subject, from)?.into_iter().collect();
        rows.extend(self.range(subject, from, to)?);
        Ok(rows.iter().map(|row| row.device(with_evidence)).collect())
    }

    /// What was found of an interface in `[from, to)`, and how it was before.
    pub fn interface(
        &self,
        id: InterfaceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<InterfaceHistory, HistoryError> {
        let subject = Subject {
            kind: Kind::Interface,
            id: *id.as_bytes(),
        };
        let found: Vec<InterfaceFound> = self
            .range(subject, from, to)?
            .iter()
            .map(Row::interface)
            .collect();
        if let Some(change) = found.first() {
            return Ok(InterfaceHistory {
                first: change.before,
                found,
                never_changed: false,
            });
        }
        // Nothing changed in the range: it was as the next change says that it was before, else as
        // the last says that it was after.
        let months = &self.0.parts.months;
        for month in months.of(Month::of(to)..) {
            let rows = months.read(month, |file| file.range(subject, to.unix_ms(), i64::MAX, 1))?;
            if let Some(row) = rows.first() {
                return Ok(InterfaceHistory {
                    first: row.interface().before,
                    ..InterfaceHistory::default()
                });
            }
        }
        let last = self.last_before(subject, from)?;
        Ok(InterfaceHistory {
            first: last.as_ref().map(|row| row.interface().now),
            found,
            never_changed: last.is_none(),
        })
    }

    /// The maintenance of a device that is over and meets `[from, to)`.
    pub fn maintenance(
        &self,
        id: DeviceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<MaintenanceWindow>, HistoryError> {
        let subject = Subject {
            kind: Kind::Maintenance,
            id: *id.as_bytes(),
        };
        let months = &self.0.parts.months;
        let mut windows = Vec::new();
        // They are filed under their end.
        for month in months.of(Month::of(from)..) {
            let rows = months.read(month, |file| {
                file.range(subject, i64::MIN, to.unix_ms(), CHANGES_READ_MAX)
            })?;
            windows.extend(
                rows.iter()
                    .map(Row::maintenance)
                    .filter(|window| window.to > from),
            );
        }
        Ok(windows)
    }

    fn range(
        &self,
        subject: Subject,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Row>, HistoryError> {
        let months = &self.0.parts.months;
        let mut rows = Vec::new();
        if from >= to {
            return Ok(rows);
        }
        for month in months.of(Month::of(from)..=Month::of(to)) {
            let room = CHANGES_READ_MAX + 1 - rows.len();
            rows.extend(months.read(month, |file| {
                file.range(subject, from.unix_ms(), to.unix_ms(), room)
            })?);
            if rows.len() > CHANGES_READ_MAX {
                return Err(HistoryError::TooMany {
                    max: CHANGES_READ_MAX,
                });
            }
        }
        Ok(rows)
    }

    fn last_before(&self, subject: Subject, at: Timestamp) -> Result<Option<Row>, HistoryError> {
        let months = &self.0.parts.months;
        for month in months.of(..=Month::of(at)).into_iter().rev() {
            let rows = months.read(month, |file| file.last_before(subject, at.unix_ms()))?;
            if let Some(row) = rows.into_iter().next() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}
