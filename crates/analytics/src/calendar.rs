//! Days that are not like others: holidays by rule, days of an operator, days found to behave like another, and
//! clocks that were put forward or back.
//!
//! Dates are of the Gregorian calendar, from 1583 on; times are seconds since 1970 by the clock of the place.

mod entry;

pub use entry::{ENTRY_CHARS_MAX, EntryError};

use crate::clean::is_known;
use crate::linear::count;
use crate::profile::{HOURS, SAMPLES_MAX, WeekProfile, hour_of_week};
use crate::robust::median;

/// The first year of which dates are told.
pub const YEAR_MIN: i32 = 1583;
/// The last one.
pub const YEAR_MAX: i32 = 9999;
/// Rules of one calendar, and days of an operator, at most of each.
pub const ENTRIES_MAX: usize = 1_000;
/// Days that are looked at for odd ones and for clocks that were put: the last ones.
pub const DAYS_MAX: usize = 800;

const DAY_SECS: i64 = 86_400;
/// Hours of a day of which something must be known for it to be told.
const HOURS_MIN: usize = 18;
/// Days to either side by which a clock that was put is told.
const SIDE_DAYS: usize = 14;
/// An odd day is at least so many spreads from what is usual of its weekday, on the average of its hours.
const ODD_MIN: f64 = 1.5;
/// What is left of the distance to another weekday, or by another hour, at most.
const LEFT_MAX: f64 = 0.5;

/// A date.
// Invariant: it exists, and its year is 1583 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
}

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

impl Date {
    /// A date; none where it does not exist or is out of range.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let exists = (YEAR_MIN..=YEAR_MAX).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of_month(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// The date of a time; none where it is out of range.
    pub fn at(secs: i64) -> Option<Self> {
        Self::of_days(secs.div_euclid(DAY_SECS))
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01. By eras of 400 years (Reingold and Dershowitz, "Calendrical Calculations", 2018).
    pub fn days(self) -> i64 {
        // March is the first month, so that a leap day is the last.
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month = (i64::from(self.month) + 9) % 12;
        let of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The weekday.
    pub fn weekday(self) -> Weekday {
        let of_week = usize::try_from((self.days() + 3).rem_euclid(7)).unwrap_or(0);
        WEEK.get(of_week).copied().unwrap_or(Weekday::Monday)
    }

    /// So many days later, or earlier; none where that is out of range.
    pub fn plus(self, days: i64) -> Option<Self> {
        Self::of_days(self.days().saturating_add(days))
    }

    fn of_days(days: i64) -> Option<Self> {
        // Within the years that are told, so that nothing overflows.
        if days.abs() > 366 * i64::from(YEAR_MAX) {
            return None;
        }
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let of_months = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + i64::from(of_months <= 2);
        Self::new(
            i32::try_from(year).ok()?,
            u8::try_from(of_months).ok()?,
            u8::try_from(day).ok()?,
        )
    }
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i32, month: u8) -> u8 {
    match month {
        2 => 28 + u8::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Easter Sunday of the Gregorian calendar (the rule of Meeus, "Astronomical Algorithms", 1991, chapter 8, first
/// printed in Nature, 20 April 1876). None where the year is out of range.
pub fn easter(year: i32) -> Option<Date> {
    let golden = year.rem_euclid(19);
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let shift = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - shift + 15).rem_euclid(30);
    let week =
        (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * week) / 451;
    let place = epact + week - 7 * late + 114;
    Date::new(
        year,
        u8::try_from(place / 31).ok()?,
        u8::try_from(place % 31 + 1).ok()?,
    )
}

/// On which day of a year a holiday is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The same date each year; 29 February is in leap years only.
    Fixed {
        /// The month, 1 to 12.
        month: u8,
        /// The day of the month.
        day: u8,
    },
    /// So many days behind Easter Sunday: -2 is Good Friday, 39 Ascension, 50 Whit Monday.
    Easter {
        /// Days behind it; before it where under 0.
        days: i16,
    },
    /// The nth of a weekday in a month.
    Nth {
        /// The month, 1 to 12.
        month: u8,
        /// The weekday.
        weekday: Weekday,
        /// Which: 1 to 5 from the first, -1 to -5 from the last.
        nth: i8,
    },
}

/// Which day is free where a holiday is on a weekend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Observed {
    /// No other.
    #[default]
    ThatDay,
    /// The Monday behind it.
    MondayAfter,
    /// Friday for Saturday, Monday for Sunday.
    Nearest,
}

/// A holiday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holiday {
    /// What it is called.
    pub name: String,
    /// When it is.
    pub rule: Rule,
    /// Which day is free where that is on a weekend.
    pub observed: Observed,
}

/// Holidays by rule, and days of an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Holidays; those behind the first [`ENTRIES_MAX`] count for nothing.
    pub holidays: Vec<Holiday>,
    /// Days that are like holidays, with what they are called; as many.
    pub own: Vec<(Date, String)>,
}

impl Rule {
    /// The date in a year; none where there is none, such as a fifth Monday or a month 13. O(1).
    pub fn date(self, year: i32) -> Option<Date> {
        match self {
            Self::Fixed { month, day } => Date::new(year, month, day),
            Self::Easter { days } => easter(year)?.plus(i64::from(days)),
            Self::Nth {
                month,
                weekday,
                nth,
            } => {
                if !(1..=5).contains(&nth.unsigned_abs()) {
                    return None;
                }
                let first = Date::new(year, month, 1)?;
                let last = Date::new(year, month, days_of_month(year, month))?;
                let to = |from: Weekday, to: Weekday| (to as i64 - from as i64).rem_euclid(7);
                let date = if nth > 0 {
                    first.plus(to(first.weekday(), weekday) + 7 * (i64::from(nth) - 1))
                } else {
                    last.plus(7 * (i64::from(nth) + 1) - to(weekday, last.weekday()))
                }?;
                (date.month == month).then_some(date)
            }
        }
    }
}

impl Calendar {
    /// The days of a year that are holidays or an operator's, ascending, with what they are called; also those that
    /// are free for one of the year before or behind. O(k log k) for k entries.
    pub fn of_year(&self, year: i32) -> Vec<(Date, &str)> {
        let years = [year.saturating_sub(1), year, year.saturating_add(1)];
        let holidays = self.holidays.iter().take(ENTRIES_MAX).flat_map(|holiday| {
            let dates = years.into_iter().filter_map(|year| holiday.rule.date(year));
            let both = dates.flat_map(|date| [Some(date), observed(date, holiday.observed)]);
            both.flatten().map(|date| (date, holiday.name.as_str()))
        });
        let own = self.own.iter().take(ENTRIES_MAX);
        let own = own.map(|(date, name)| (*date, name.as_str()));
        let mut found: Vec<(Date, &str)> = holidays
            .chain(own)
            .filter(|(date, _)| date.year == year)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What the day of a time is called, where it is a holiday or an operator's. O(k log k).
    pub fn name_at(&self, secs: i64) -> Option<&str> {
        let date = Date::at(secs)?;
        let days = self.of_year(date.year);
        days.into_iter().find(|day| day.0 == date).map(|day| day.1)
    }
}

fn observed(date: Date, rule: Observed) -> Option<Date> {
    let later = match (rule, date.weekday()) {
        (Observed::MondayAfter, Weekday::Saturday) => 2,
        (Observed::MondayAfter | Observed::Nearest, Weekday::Sunday) => 1,
        (Observed::Nearest, Weekday::Saturday) => -1,
        _ => return None,
    };
    date.plus(later)
}

/// A day that behaved like another day of the week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OddDay {
    /// The day.
    pub date: Date,
    /// The weekday that it was like.
    pub like: Weekday,
    /// How far its hours were from what is usual of its own weekday, on the average, in spreads.
    pub from_own: f64,
    /// How far they were from what is usual of the other.
    pub from_other: f64,
}

/// Days that behaved like another day of the week, ascending: hours that are far from what is usual of their own
/// weekday, and at most half as far from another's, such as a holiday, which is like a Sunday. Of the last
/// [`DAYS_MAX`] days. O(n log n).
pub fn odd_days(samples: &[(i64, f64)], profile: &WeekProfile) -> Vec<OddDay> {
    days(samples)
        .iter()
        .filter_map(|day| {
            let date = Date::of_days(day.day)?;
            let own = date.weekday();
            let from_own = distance(day, own, profile)?;
            let others = WEEK.into_iter().filter(|other| *other != own);
            let (from_other, like) = others
                .filter_map(|other| Some((distance(day, other, profile)?, other)))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
            let odd = from_own >= ODD_MIN && from_other <= from_own * LEFT_MAX;
            odd.then_some(OddDay {
                date,
                like,
                from_own,
                from_other,
            })
        })
        .collect()
}

/// How far the hours of a day are from what is usual of a weekday, in spreads, on the average.
fn distance(day: &Day, of: Weekday, profile: &WeekProfile) -> Option<f64> {
    let usual = (0..24).map(|hour| profile.hour((of as usize * 24 + hour) % HOURS));
    let both = day.hours.iter().zip(usual);
    let away: Vec<f64> = both
        .filter_map(|(value, usual)| Some(((*value)?, usual?)))
        .map(|(value, usual)| {
            let away = (value - usual.median).abs();
            if away == 0.0 {
                0.0
            } else {
                away / usual.spread
            }
        })
        // Hours that never vary have no measure; of others the furthest count as ten spreads.
        .filter(|away| away.is_finite())
        .map(|away| away.min(10.0))
        .collect();
    (away.len() >= HOURS_MIN).then(|| away.iter().sum::<f64>() / count(away.len()))
}

/// A day on which a daily rhythm moved by an hour against the clock of its times, as it does in coordinated
/// universal time where people put their clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockChange {
    /// The first day of the new rhythm.
    pub date: Date,
    /// Hours by which all happens later from then on: 1 or -1.
    pub later_hours: i64,
    /// What is left of the difference between the weeks before and behind when this is taken out, 0 to 1.
    pub left: f64,
}

/// Days on which the rhythm moved by an hour, ascending: the two weeks behind one are like those before it only when
/// they are moved. Of several near each other that which explains most is told. Of the last [`DAYS_MAX`] days.
/// O(n log n).
pub fn clock_changes(samples: &[(i64, f64)]) -> Vec<ClockChange> {
    let days = days(samples);
    let mut found: Vec<(f64, ClockChange)> = Vec::new();
    for at in SIDE_DAYS..(days.len() + 1).saturating_sub(SIDE_DAYS) {
        let side = |from: usize| rhythm(days.get(from..from + SIDE_DAYS).unwrap_or_default());
        let (Some(before), Some(behind)) = (side(at - SIDE_DAYS), side(at)) else {
            continue;
        };
        let near = days.get(at - SIDE_DAYS..at + SIDE_DAYS).unwrap_or_default();
        let Some(date) = boundary(near, &before, &behind).and_then(Date::of_days) else {
            continue;
        };
        let apart = |moved: usize| -> f64 {
            let later = behind.iter().cycle().skip(moved);
            let both = before.iter().zip(later);
            both.map(|(a, b)| (a - b).abs()).sum()
        };
        let unmoved = apart(0);
        for (moved, later_hours) in [(1, 1), (23, -1)] {
            let left = apart(moved) / unmoved;
            if unmoved > 0.0 && left <= LEFT_MAX {
                let change = ClockChange {
                    date,
                    later_hours,
                    left,
                };
                found.push((unmoved - apart(moved), change));
            }
        }
    }
    // The best of those that are near.
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.date.cmp(&b.1.date)));
    let mut told: Vec<ClockChange> = Vec::new();
    let near = i64::try_from(2 * SIDE_DAYS).unwrap_or_default();
    for (_, change) in found {
        let is_near = |other: &ClockChange| (other.date.days() - change.date.days()).abs() < near;
        if !told.iter().any(is_near) {
            told.push(change);
        }
    }
    told.sort_by_key(|change| change.date);
    told
}

/// The first of some days that is more like what was behind than like what was before: that at which the distances
/// of all days to their side's rhythm are least.
fn boundary(days: &[Day], before: &[f64], behind: &[f64]) -> Option<i64> {
    let mut best: (f64, Option<i64>) = (f64::INFINITY, None);
    let mut sum = 0.0;
    for day in days {
        if sum < best.0 {
            best = (sum, Some(day.day));
        }
        if is_working(day) {
            sum += from_rhythm(day, before) - from_rhythm(day, behind);
        }
    }
    best.1
}

fn from_rhythm(day: &Day, rhythm: &[f64]) -> f64 {
    let both = || day.hours.iter().zip(rhythm);
    let known = both().filter_map(|(value, usual)| Some((*value)? - usual));
    let away: Vec<f64> = known.collect();
    let level = away.iter().sum::<f64>() / count(away.len().max(1));
    away.iter().map(|away| (away - level).abs()).sum()
}

fn is_working(day: &Day) -> bool {
    hour_of_week(day.day.saturating_mul(DAY_SECS)) < 120
}

/// The median of each hour of the day over working days, without level, so that growth is no move; none where an hour has no
/// value.
fn rhythm(days: &[Day]) -> Option<Vec<f64>> {
    let working: Vec<&Day> = days.iter().filter(|day| is_working(day)).collect();
    let medians: Option<Vec<f64>> = (0..24)
        .map(|hour| {
            let of_hour: Vec<f64> = working
                .iter()
                .filter_map(|day| day.hours.get(hour).copied().flatten())
                .collect();
            median(&of_hour)
        })
        .collect();
    let mut medians = medians?;
    let level = medians.iter().map(|value| value / 24.0).sum::<f64>();
    for value in &mut medians {
        *value -= level;
    }
    Some(medians)
}

/// Means of the hours of one day.
struct Day {
    /// Days since 1970-01-01.
    day: i64,
    hours: [Option<f64>; 24],
}

/// The last days of which something is known, ascending.
fn days(samples: &[(i64, f64)]) -> Vec<Day> {
    let last = samples.len().saturating_sub(SAMPLES_MAX);
    let mut hours: Vec<(i64, f64)> = samples
        .iter()
        .skip(last)
        .filter(|sample| is_known(sample.1))
        .map(|sample| (sample.0.div_euclid(3_600), sample.1))
        .collect();
    // Stable, so that means are the same to the bit.
    hours.sort_by_key(|hour| hour.0);
    let mut found: Vec<Day> = Vec::new();
    for of_hour in hours.chunk_by(|a, b| a.0 == b.0) {
        let Some(&(hour, _)) = of_hour.first() else {
            continue;
        };
        let n = count(of_hour.len());
        let mean = of_hour.iter().map(|(_, value)| value / n).sum::<f64>();
        let (day, place) = (hour.div_euclid(24), hour.rem_euclid(24));
        if found.last().is_none_or(|last| last.day != day) {
            found.push(Day {
                day,
                hours: [None; 24],
            });
        }
        let cell = found.last_mut().zip(usize::try_from(place).ok());
        if let Some(cell) = cell.and_then(|(last, place)| last.hours.get_mut(place)) {
            *cell = Some(mean);
        }
    }
    found.split_off(found.len().saturating_sub(DAYS_MAX))
}
