//! Days that are not like others.

use crate::{HOUR, MONDAY, any_time, any_value, hourly, is_office, noise};
use foretell_analytics::calendar::{
    Calendar, Date, Holiday, Observed, Rule, Weekday, YEAR_MAX, YEAR_MIN, clock_changes, easter,
    odd_days,
};
use foretell_analytics::profile::week_profile;
use proptest::prelude::*;

fn date(year: i32, month: u8, day: u8) -> Date {
    Date::new(year, month, day).unwrap()
}

fn check(rule: Rule, expected: Option<(i32, u8, u8)>, year: i32) {
    let expected = expected.map(|(year, month, day)| date(year, month, day));
    assert_eq!(rule.date(year), expected, "{rule:?} {year}");
}

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!(date(1970, 1, 1).days(), 0);
    assert_eq!(date(2026, 11, 27).days(), 20_784);
    assert_eq!(date(2026, 11, 27).weekday(), Weekday::Friday);
    assert_eq!(Date::at(-1), Some(date(1969, 12, 31)));
    for (year, month, day) in [
        (2023, 2, 29),
        (1900, 2, 29),
        (2024, 13, 1),
        (2024, 4, 31),
        (1500, 1, 1),
        (2024, 1, 0),
    ] {
        assert_eq!(Date::new(year, month, day), None);
    }
    for secs in [i64::MIN, i64::MAX] {
        assert_eq!(Date::at(secs), None);
    }
    // Of the almanacs.
    let easters = [
        (1583, 4, 10),
        (1818, 3, 22),
        (1943, 4, 25),
        (2000, 4, 23),
        (2019, 4, 21),
        (2024, 3, 31),
        (2025, 4, 20),
        (2026, 4, 5),
        (2038, 4, 25),
        (2285, 3, 22),
    ];
    for (year, month, day) in easters {
        assert_eq!(easter(year), Some(date(year, month, day)));
    }
}

#[test]
fn rules_name_their_day_or_none() {
    check(
        Rule::Fixed { month: 12, day: 25 },
        Some((2026, 12, 25)),
        2026,
    );
    check(Rule::Fixed { month: 2, day: 29 }, None, 2026);
    check(Rule::Easter { days: -2 }, Some((2026, 4, 3)), 2026);
    check(Rule::Easter { days: 50 }, Some((2026, 5, 25)), 2026);
    let nth = |month, weekday, nth| Rule::Nth {
        month,
        weekday,
        nth,
    };
    check(nth(11, Weekday::Thursday, 4), Some((2026, 11, 26)), 2026);
    check(nth(5, Weekday::Monday, -1), Some((2026, 5, 25)), 2026);
    check(nth(1, Weekday::Monday, 3), Some((2026, 1, 19)), 2026);
    check(nth(2, Weekday::Monday, 5), None, 2026);
    check(nth(2, Weekday::Monday, 0), None, 2026);
    check(nth(2, Weekday::Monday, i8::MIN), None, 2026);
    check(nth(13, Weekday::Monday, 1), None, 2026);
}

#[test]
fn a_year_has_its_holidays_those_observed_and_an_operators_own() {
    let holiday = |name: &str, rule, observed| Holiday {
        name: name.into(),
        rule,
        observed,
    };
    let new_year = Rule::Fixed { month: 1, day: 1 };
    let calendar = Calendar {
        holidays: vec![
            holiday("new year", new_year, Observed::Nearest),
            holiday(
                "christmas",
                Rule::Fixed { month: 12, day: 26 },
                Observed::MondayAfter,
            ),
        ],
        own: vec![(date(2021, 7, 9), "stocktaking".into())],
    };
    // 2022-01-01 and 2020-12-26 were Saturdays, 2021-12-26 was a Sunday.
    let expected = [
        (date(2021, 1, 1), "new year"),
        (date(2021, 7, 9), "stocktaking"),
        (date(2021, 12, 26), "christmas"),
        (date(2021, 12, 27), "christmas"),
        (date(2021, 12, 31), "new year"),
    ];
    assert_eq!(calendar.of_year(2021), expected);
    let noon = date(2021, 7, 9).days() * 24 * HOUR + 12 * HOUR;
    assert_eq!(calendar.name_at(noon), Some("stocktaking"));
    assert_eq!(calendar.name_at(noon + 24 * HOUR), None);
    for year in [i32::MIN, i32::MAX] {
        assert!(calendar.of_year(year).is_empty());
    }
}

#[test]
fn a_holiday_is_found_that_is_like_a_sunday() {
    // The Wednesday of the fifth week is one.
    let holiday = 4 * 168 + 48..4 * 168 + 72;
    let of = |n: usize| {
        let office = is_office(n) && !holiday.contains(&n);
        let saturday = (120..144).contains(&(n % 168)) && (9..14).contains(&(n % 24));
        10.0 + if office { 70.0 } else { 0.0 } + if saturday { 30.0 } else { 0.0 } + 2.0 * noise(n)
    };
    let samples = hourly(9 * 168, of);
    let profile = week_profile(&samples, (0.25, 0.75)).unwrap();
    let found = odd_days(&samples, &profile);
    assert_eq!(found.len(), 1, "{found:?}");
    let expected = Date::at(MONDAY + 4 * 168 * HOUR + 48 * HOUR).unwrap();
    assert_eq!((found[0].date, found[0].like), (expected, Weekday::Sunday));
    assert!(odd_days(&hourly(9 * 168, noise), &profile).len() < 60);
}

#[test]
fn a_clock_that_was_put_is_found_on_its_day_and_growth_is_none() {
    for (moved, later_hours) in [(1, 1), (23, -1)] {
        let change = 70 * 24 + 6 * 24;
        let of = |n: usize| {
            let by_clock = if n < change {
                n
            } else {
                n - n % 24 + (n % 24 + 24 - moved) % 24
            };
            (if is_office(by_clock) { 80.0 } else { 10.0 }) * (1.0 + n as f64 / 4_000.0)
                + 3.0 * noise(n)
        };
        let found = clock_changes(&hourly(120 * 24, of));
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = Date::at(MONDAY + change as i64 * HOUR).unwrap();
        assert_eq!(found[0].later_hours, later_hours);
        assert!(
            found[0].date.days().abs_diff(expected.days()) <= 2,
            "{found:?}"
        );
    }
    let still = |n: usize| (if is_office(n) { 80.0 } else { 10.0 }) + 3.0 * noise(n);
    assert!(clock_changes(&hourly(120 * 24, still)).is_empty());
    assert!(clock_changes(&hourly(120 * 24, noise)).is_empty());
    assert!(clock_changes(&hourly(5 * 24, still)).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_date_is_itself_again(days in -141_000..2_900_000_i64, year in YEAR_MIN..=YEAR_MAX) {
        if let Some(date) = Date::at(days * 86_400) {
            prop_assert_eq!(date.days(), days);
            prop_assert_eq!(date.plus(1).unwrap().days(), days + 1);
        }
        let sunday = easter(year).unwrap();
        prop_assert_eq!(sunday.weekday(), Weekday::Sunday);
        let march = date(year, 3, 22)..=date(year, 4, 25);
        prop_assert!(march.contains(&sunday));
    }

    #[test]
    fn whatever_comes_is_answered(
        samples in prop::collection::vec((any_time(), any_value()), 0..400),
        rule in (any::<u8>(), any::<u8>(), any::<i16>(), any::<i8>()),
        year in any::<i32>(),
    ) {
        let (month, day, days, nth) = rule;
        let weekday = Weekday::Friday;
        for rule in [Rule::Fixed { month, day }, Rule::Easter { days }, Rule::Nth { month, weekday, nth }] {
            if let Some(date) = rule.date(year) {
                prop_assert!((date.year() - year).abs() <= 90);
            }
        }
        prop_assert!(clock_changes(&samples).len() <= samples.len());
        if let Ok(profile) = week_profile(&samples, (0.25, 0.75)) {
            prop_assert!(odd_days(&samples, &profile).len() <= samples.len());
        }
    }
}

fn entries(all: &[&str]) -> Calendar {
    let mut calendar = Calendar::default();
    for entry in all {
        calendar.add(entry).unwrap();
    }
    calendar
}

#[test]
fn entries_name_their_days() {
    let check = |entry: &str, year: i32, days: &[(u8, u8)]| {
        let calendar = entries(&[entry]);
        let found: Vec<Date> = calendar.of_year(year).iter().map(|day| day.0).collect();
        let days: Vec<Date> = days
            .iter()
            .map(|(month, day)| date(year, *month, *day))
            .collect();
        assert_eq!(found, days, "{entry} {year}");
    };
    check("12-25", 2026, &[(12, 25)]);
    check(" 1-1 ", 2026, &[(1, 1)]);
    check("02-29", 2026, &[]);
    check("2026-12-24", 2026, &[(12, 24)]);
    check("2026-12-24", 2027, &[]);
    check("easter", 2026, &[(4, 5)]);
    check("Easter-2", 2026, &[(4, 3)]);
    check("easter+39", 2026, &[(5, 14)]);
    check("11-thursday-4", 2026, &[(11, 26)]);
    check("5-MON-last", 2026, &[(5, 25)]);
    // A Saturday, for which the Friday is free, and one for which the Monday is.
    check("07-04 nearest", 2026, &[(7, 3), (7, 4)]);
    check("12-26 monday", 2026, &[(12, 26), (12, 28)]);
    let calendar = entries(&["01-01", "12-25", "2027-01-01"]);
    let days = calendar.days(2026, 2027);
    let known = [(2026, 1, 1), (2026, 12, 25), (2027, 1, 1), (2027, 12, 25)];
    assert_eq!(
        days,
        known.map(|(year, month, day)| date(year, month, day).days())
    );
    assert!(calendar.days(i32::MAX, i32::MIN).is_empty());
}

#[test]
fn what_is_no_entry_is_told() {
    let check = |entry: &str, told: &str| {
        let mut calendar = Calendar::default();
        let error = calendar.add(entry).unwrap_err().to_string();
        assert!(error.contains(told), "{entry}: {error}");
        assert_eq!(calendar, Calendar::default());
    };
    for entry in [
        "",
        "  ",
        "christmas",
        "25.12.",
        "12-",
        "-12-25",
        "12-25-2026",
        "easter2",
        "easter+",
        "easter--2",
        "11-thirsday-4",
        "11-th-4",
        "11-thursday-first",
        "1-monday--1",
        "+1-01",
        "12-25-",
        "é-é",
    ] {
        check(entry, "is no day");
    }
    for entry in [
        "02-30",
        "13-01",
        "00-01",
        "2026-02-29",
        "1500-01-01",
        "13-monday-1",
        "1-monday-6",
        "1-monday-0",
    ] {
        check(entry, "a date that no year has");
    }
    check("easter+101", "days from Easter");
    check("12-25 friday", "neither `nearest` nor `monday`");
    check("12-25 nearest monday", "neither `nearest` nor `monday`");
    check("2026-12-25 monday", "neither `nearest` nor `monday`");
    check(&"9".repeat(100_000), "100000 characters");
}

proptest! {
    #[test]
    fn any_text_is_an_entry_with_days_or_an_error(entry in "(easter|[0-9]{1,4}|[a-z]{3}|-|\\+| |last|nearest|monday){0,8}|\\PC{0,50}") {
        let mut calendar = Calendar::default();
        if calendar.add(&entry).is_ok() {
            prop_assert!(calendar.days(2000, 2400).is_sorted());
        } else {
            prop_assert_eq!(calendar, Calendar::default());
        }
    }
}
