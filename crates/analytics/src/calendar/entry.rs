//! Entries of a calendar as text: `12-25`, `2026-12-24`, `easter-2`, `11-thursday-4`, `05-monday-last`, each with
//! `nearest` or `monday` behind it where another day is free instead of one on a weekend.

use super::{Calendar, Date, ENTRIES_MAX, Holiday, Observed, Rule, WEEK, Weekday};

/// Characters of an entry at most.
pub const ENTRY_CHARS_MAX: usize = 40;
/// Days before or behind Easter Sunday, at most.
const EASTER_DAYS_MAX: i16 = 100;
/// Shortest that the name of a weekday may be cut to.
const WEEKDAY_CHARS_MIN: usize = 3;
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Why a text is no entry of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// There are as many as may be.
    #[error("there are over {ENTRIES_MAX} entries")]
    TooMany,
    /// It is longer than any.
    #[error("an entry has {0} characters, and may have {ENTRY_CHARS_MAX}")]
    Long(usize),
    /// It begins as none does.
    #[error(
        "`{0}` is no day, as `12-25`, `2026-12-24`, `easter-2`, `11-thursday-4` or `05-monday-last` are"
    )]
    Day(String),
    /// There is no such date.
    #[error("`{0}` is a date that no year has")]
    NoDate(String),
    /// It is further from Easter than any holiday.
    #[error("`{0}` is over {EASTER_DAYS_MAX} days from Easter")]
    FarFromEaster(String),
    /// What is behind the day is no word of ours.
    #[error(
        "`{0}` ends in what is neither `nearest` nor `monday`, or is of one year and has one of them"
    )]
    Observed(String),
}

enum Day {
    Rule(Rule),
    Own(Date),
}

impl Calendar {
    /// Adds an entry: a day, and where it is on a weekend which other is free: `nearest` (Friday for Saturday,
    /// Monday for Sunday) or `monday` (the Monday behind it). Days are `MM-DD`, `YYYY-MM-DD`, `easter` with so many
    /// days before or behind it, and `MM-WEEKDAY-NTH` with an nth of 1 to 5 or `last`. Case counts for nothing.
    /// O(length).
    pub fn add(&mut self, entry: &str) -> Result<(), EntryError> {
        if self.holidays.len().max(self.own.len()) >= ENTRIES_MAX {
            return Err(EntryError::TooMany);
        }
        let chars = entry.chars().take(ENTRY_CHARS_MAX + 1).count();
        if chars > ENTRY_CHARS_MAX {
            return Err(EntryError::Long(entry.chars().count()));
        }
        let lower = entry.to_ascii_lowercase();
        let mut words = lower.split_whitespace();
        let day = day(words.next().unwrap_or_default(), entry)?;
        let observed = match (words.next(), &day) {
            (None, _) => Observed::ThatDay,
            (Some("nearest"), Day::Rule(_)) => Observed::Nearest,
            (Some("monday"), Day::Rule(_)) => Observed::MondayAfter,
            _ => return Err(EntryError::Observed(entry.to_owned())),
        };
        if words.next().is_some() {
            return Err(EntryError::Observed(entry.to_owned()));
        }
        let name = entry.trim().to_owned();
        match day {
            Day::Own(date) => self.own.push((date, name)),
            Day::Rule(rule) => self.holidays.push(Holiday {
                name,
                rule,
                observed,
            }),
        }
        Ok(())
    }

    /// The days of the years from one to another that are holidays or an operator's, as days since 1970, ascending.
    /// O(n · k log k) for n years and k entries.
    pub fn days(&self, from_year: i32, to_year: i32) -> Vec<i64> {
        let years = from_year.max(super::YEAR_MIN)..=to_year.min(super::YEAR_MAX);
        let dates = years.flat_map(|year| self.of_year(year));
        let mut days: Vec<i64> = dates.map(|(date, _)| date.days()).collect();
        days.dedup();
        days
    }
}

fn day(text: &str, entry: &str) -> Result<Day, EntryError> {
    let wrong = || EntryError::Day(entry.to_owned());
    let no_date = || EntryError::NoDate(entry.to_owned());
    if let Some(rest) = text.strip_prefix("easter") {
        let is_signed = rest.is_empty() || rest.starts_with(['+', '-']);
        let days: i16 = match rest {
            "" => 0,
            _ => rest.parse().map_err(|_| wrong())?,
        };
        return match (
            is_signed,
            days.unsigned_abs() <= EASTER_DAYS_MAX.unsigned_abs(),
        ) {
            (false, _) => Err(wrong()),
            (_, false) => Err(EntryError::FarFromEaster(entry.to_owned())),
            _ => Ok(Day::Rule(Rule::Easter { days })),
        };
    }
    let parts: Vec<&str> = text.splitn(4, '-').collect();
    match parts.as_slice() {
        [month, day] => {
            let (month, day) = (
                number(month).ok_or_else(wrong)?,
                number(day).ok_or_else(wrong)?,
            );
            // Of a leap year, so that 29 February is one.
            Date::new(2_024, month, day).ok_or_else(no_date)?;
            Ok(Day::Rule(Rule::Fixed { month, day }))
        }
        [year, month, day] if year.len() == 4 => {
            let year = year.parse().map_err(|_| wrong())?;
            let (month, day) = (
                number(month).ok_or_else(wrong)?,
                number(day).ok_or_else(wrong)?,
            );
            Date::new(year, month, day)
                .ok_or_else(no_date)
                .map(Day::Own)
        }
        [month, name, nth] => {
            let month = number(month).ok_or_else(wrong)?;
            let weekday = weekday(name).ok_or_else(wrong)?;
            let nth = match *nth {
                "last" => -1,
                nth => nth.parse().map_err(|_| wrong())?,
            };
            if !(1..=12).contains(&month) || !(nth == -1 || (1..=5).contains(&nth)) {
                return Err(no_date());
            }
            Ok(Day::Rule(Rule::Nth {
                month,
                weekday,
                nth,
            }))
        }
        _ => Err(wrong()),
    }
}

/// A number of one or two digits.
fn number(text: &str) -> Option<u8> {
    let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn weekday(text: &str) -> Option<Weekday> {
    let mut named = WEEKDAYS.iter().zip(WEEK);
    let found = named.find(|(name, _)| text.len() >= WEEKDAY_CHARS_MIN && name.starts_with(text));
    found.map(|(_, weekday)| weekday)
}
