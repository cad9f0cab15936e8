//! The clock and the calendar of the place that is watched: what hour and what day it is there, also where clocks
//! are put forward and back, and which days are holidays.
//!
//! The rules of time zones are of the system's database where there is one, else of that which is built in. They are
//! read once: what is asked for afterwards is a table.

use analytics::calendar::{Calendar, EntryError};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::Arc;

/// The zone where none is named.
pub const UTC: &str = "UTC";
/// Years within which it is known when clocks are put and which days are holidays; before and behind, clocks are as
/// at the ends, and no day is one.
const YEARS: (i32, i32) = (1970, 2100);
/// Changes of a clock that are known at most: four a year, as of a zone that leaves summer time for Ramadan.
const CHANGES_MAX: usize = 4 * 131;

/// Entries of the calendar at most: as many as a country has holidays, and ten years of days of one's own.
pub const HOLIDAYS_MAX: usize = 200;

const DAY_SECS: i64 = 86_400;

/// The clock and the calendar of a place. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Arc<Table>);

#[derive(Debug, PartialEq, Eq)]
struct Table {
    zone: String,
    /// By how many seconds the clock is ahead of coordinated universal time, from when on in seconds since 1970.
    // Invariant: ascending; the first is from the beginning of time.
    offsets: Vec<(i64, i32)>,
    /// Holidays, as days since 1970, ascending.
    holidays: Vec<i64>,
}

/// Why there is no such place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No database of time zones has the name.
    #[error("`{0}` is no time zone")]
    Zone(String),
    /// An entry of the calendar is none.
    #[error(transparent)]
    Holiday(#[from] EntryError),
    /// There are more entries than may be.
    #[error("there are {0} holidays, and may be {HOLIDAYS_MAX}")]
    TooManyHolidays(usize),
}

impl Place {
    /// The place by the name of its time zone in IANA's database, as `Europe/Berlin`, with entries of its calendar
    /// as [`Calendar::add`] reads them, at most [`HOLIDAYS_MAX`].
    pub fn new(zone: &str, holidays: &[String]) -> Result<Self, PlaceError> {
        if holidays.len() > HOLIDAYS_MAX {
            return Err(PlaceError::TooManyHolidays(holidays.len()));
        }
        let mut calendar = Calendar::default();
        for entry in holidays {
            calendar.add(entry)?;
        }
        let holidays = calendar.days(YEARS.0, YEARS.1);
        let rules = jiff::tz::db()
            .get(zone)
            .or_else(|_| TimeZoneDatabase::bundled().get(zone))
            .map_err(|_| PlaceError::Zone(zone.to_owned()))?;
        let zone = rules.iana_name().unwrap_or(zone).to_owned();
        let offsets = offsets(&rules);
        Ok(Self(Arc::new(Table {
            zone,
            offsets,
            holidays,
        })))
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &str {
        &self.0.zone
    }

    /// By how many seconds its clock is ahead of coordinated universal time, at a time in seconds since 1970.
    /// O(log n) for n changes of the clock.
    pub fn offset_secs(&self, at_secs: i64) -> i64 {
        let later = self.0.offsets.partition_point(|(from, _)| *from <= at_secs);
        let now = self.0.offsets.get(later.saturating_sub(1));
        now.map_or(0, |(_, offset)| i64::from(*offset))
    }

    /// What its clock shows then, in seconds since 1970 as if that were coordinated universal time.
    pub fn shown_secs(&self, at_secs: i64) -> i64 {
        at_secs.saturating_add(self.offset_secs(at_secs))
    }

    /// What its clock shows then on a day that is usual: of a holiday, the same hour of the Sunday before it.
    pub fn usual_secs(&self, at_secs: i64) -> i64 {
        let shown = self.shown_secs(at_secs);
        let day = shown.div_euclid(DAY_SECS);
        if !self.is_holiday(day) {
            return shown;
        }
        // The fourth day of 1970 was a Sunday.
        let since_sunday = day.saturating_sub(3).rem_euclid(7);
        shown.saturating_sub(since_sunday * DAY_SECS)
    }

    /// Whether a day by its clock, in days since 1970, is a holiday. O(log n).
    pub fn is_holiday(&self, day: i64) -> bool {
        self.0.holidays.binary_search(&day).is_ok()
    }
}

impl Default for Place {
    /// One whose clock is coordinated universal time.
    fn default() -> Self {
        Self(Arc::new(Table {
            zone: UTC.to_owned(),
            offsets: vec![(i64::MIN, 0)],
            holidays: Vec::new(),
        }))
    }
}

/// The names of all time zones that are built in.
pub fn zones() -> Vec<String> {
    let bundled = TimeZoneDatabase::bundled();
    bundled.available().map(|name| name.to_string()).collect()
}

fn offsets(rules: &TimeZone) -> Vec<(i64, i32)> {
    // Years as days of a mean year: a day early or late is none of the changes.
    let secs_of = |year: i32| (i64::from(year) - 1_970) * 31_556_952;
    let begin = Timestamp::from_second(secs_of(YEARS.0)).unwrap_or(Timestamp::UNIX_EPOCH);
    let end = secs_of(YEARS.1 + 1);
    let mut offsets = vec![(i64::MIN, rules.to_offset(begin).seconds())];
    let changes = rules
        .following(begin)
        .map(|change| (change.timestamp().as_second(), change.offset().seconds()))
        .take_while(|(at, _)| *at < end);
    for (at, offset) in changes.take(CHANGES_MAX) {
        // A change of the name alone is none of the clock.
        if offsets.last().is_none_or(|(_, before)| *before != offset) {
            offsets.push((at, offset));
        }
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_are_days_by_the_clock_of_the_place() {
        let entries = ["12-25", "2026-06-01"].map(str::to_owned);
        let place = Place::new("Europe/Berlin", &entries).unwrap();
        let day = |text: &str| place.shown_secs(at(text)).div_euclid(DAY_SECS);
        for (when, is_one) in [
            ("2026-12-24T22:59:59Z", false),
            ("2026-12-24T23:00:00Z", true),
            ("2026-12-25T22:59:59Z", true),
            ("2026-12-25T23:00:00Z", false),
            ("2026-05-31T22:00:00Z", true),
            ("2027-06-01T12:00:00Z", false),
        ] {
            assert_eq!(place.is_holiday(day(when)), is_one, "{when}");
        }
        // Friday, Christmas, is Sunday, the 20th; the Saturday behind it is itself.
        let usual = |text: &str| place.usual_secs(at(text)) - 3_600;
        assert_eq!(usual("2026-12-25T11:30:00Z"), at("2026-12-20T11:30:00Z"));
        assert_eq!(usual("2026-12-26T11:30:00Z"), at("2026-12-26T11:30:00Z"));
        for secs in [i64::MIN, i64::MAX] {
            assert!(!place.is_holiday(secs));
            place.usual_secs(secs);
        }
        let wrong = Place::new(UTC, &["12-32".to_owned()]).unwrap_err();
        assert_eq!(wrong.to_string(), "`12-32` is a date that no year has");
        let many = vec!["12-25".to_owned(); HOLIDAYS_MAX + 1];
        let many = Place::new(UTC, &many).unwrap_err();
        assert_eq!(many, PlaceError::TooManyHolidays(HOLIDAYS_MAX + 1));
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn check(zone: &str, when: &str, hours: f64) {
        let place = Place::new(zone, &[]).unwrap();
        let offset = place.offset_secs(at(when));
        assert!(
            (offset as f64 / 3_600.0 - hours).abs() < 1e-9,
            "{zone} {when}: {offset}"
        );
    }

    #[test]
    fn clocks_are_put_forward_and_back() {
        check("UTC", "2026-07-01T00:00:00Z", 0.0);
        check("Europe/Berlin", "2026-03-29T00:59:59Z", 1.0);
        check("Europe/Berlin", "2026-03-29T01:00:00Z", 2.0);
        check("Europe/Berlin", "2026-10-25T00:59:59Z", 2.0);
        check("Europe/Berlin", "2026-10-25T01:00:00Z", 1.0);
        check("Europe/Berlin", "2090-07-01T00:00:00Z", 2.0);
        check("America/New_York", "2026-03-08T07:00:00Z", -4.0);
        check("Asia/Kolkata", "2026-01-01T00:00:00Z", 5.5);
        check("Asia/Kathmandu", "2026-01-01T00:00:00Z", 5.75);
        check("Australia/Lord_Howe", "2026-01-01T00:00:00Z", 11.0);
        check("Australia/Lord_Howe", "2026-07-01T00:00:00Z", 10.5);
    }

    #[test]
    fn all_of_time_has_an_offset() {
        let place = Place::new("Europe/Berlin", &[]).unwrap();
        for secs in [i64::MIN, -1, 0, 1 << 40, i64::MAX] {
            assert!((0..=7_200).contains(&place.offset_secs(secs)));
        }
        assert_eq!(place.shown_secs(i64::MAX), i64::MAX);
    }

    #[test]
    fn names_are_those_of_the_database() {
        assert_eq!(
            Place::new("europe/berlin", &[]).unwrap().zone(),
            "Europe/Berlin"
        );
        assert_eq!(Place::new(UTC, &[]).unwrap(), Place::default());
        for wrong in ["", "Europe/Berln", "../etc/passwd", "CET-1CEST", "\0"] {
            assert_eq!(
                Place::new(wrong, &[]),
                Err(PlaceError::Zone(wrong.to_owned()))
            );
        }
        let zones = zones();
        assert!(zones.len() > 300, "{}", zones.len());
        for zone in zones {
            let place = Place::new(&zone, &[]).unwrap();
            assert!(place.0.offsets.is_sorted() && place.0.offsets.len() <= CHANGES_MAX);
        }
    }
}
