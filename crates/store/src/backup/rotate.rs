//! Which backups are kept and which go. Pure.

use super::snapshot::Summary;
use model::{BackupId, Timestamp};
use std::collections::BTreeSet;

const DAY_MS: i64 = 86_400_000;
/// Within this time of the latest backup all are kept.
const ALL_KEPT_MS: i64 = DAY_MS;

/// How many backups are kept. The latest always is, and so are those of the 24 hours before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Days of which the latest backup is kept: the last ones that have any.
    pub daily_max: u32,
    /// The same of weeks, from Monday on, UTC.
    pub weekly_max: u32,
    /// The same of months.
    pub monthly_max: u32,
}

/// Tells which day, week or month a time is in.
type Period = fn(Timestamp) -> i64;

/// The backups that go, the oldest first.
pub(super) fn surplus(all: &[Summary], keep: &Keep) -> Vec<BackupId> {
    let mut latest_first: Vec<&Summary> = all.iter().collect();
    latest_first.sort_by_key(|summary| std::cmp::Reverse((summary.started_at, summary.id)));
    let Some(latest) = latest_first.first().map(|summary| summary.started_at) else {
        return Vec::new();
    };
    let mut kept = BTreeSet::new();
    let recent = |at: Timestamp| latest.unix_ms().saturating_sub(at.unix_ms()) < ALL_KEPT_MS;
    kept.extend(
        latest_first
            .iter()
            .filter(|summary| recent(summary.started_at))
            .map(|summary| summary.id),
    );
    let periods: [(u32, Period); 3] = [
        (keep.daily_max, day),
        (keep.weekly_max, week),
        (keep.monthly_max, month),
    ];
    for (most, period) in periods {
        let mut seen = BTreeSet::new();
        for summary in &latest_first {
            if seen.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
                break;
            }
            if seen.insert(period(summary.started_at)) {
                kept.insert(summary.id);
            }
        }
    }
    latest_first
        .iter()
        .rev()
        .map(|summary| summary.id)
        .filter(|id| !kept.contains(id))
        .collect()
}

fn day(at: Timestamp) -> i64 {
    at.unix_ms().div_euclid(DAY_MS)
}

/// 1970-01-01 was a Thursday.
fn week(at: Timestamp) -> i64 {
    (day(at) + 3).div_euclid(7)
}

fn month(at: Timestamp) -> i64 {
    // RFC 3339 in UTC: `2026-03-…`.
    let text = at.to_string();
    let number = |range| {
        text.get(range)
            .and_then(|digits: &str| digits.parse::<i64>().ok())
    };
    match (number(0..4), number(5..7)) {
        (Some(year), Some(month)) => year * 12 + month,
        // A time that no calendar shows is in a month of its own.
        _ => day(at),
    }
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::tests::summary;
    use super::*;

    fn kept(times: &[&str], keep: Keep) -> Vec<String> {
        let all: Vec<Summary> = times
            .iter()
            .map(|at| summary(at.parse::<Timestamp>().unwrap().unix_ms()))
            .collect();
        let gone = surplus(&all, &keep);
        all.iter()
            .filter(|one| !gone.contains(&one.id))
            .map(|one| one.started_at.to_string()[..13].to_owned())
            .collect()
    }

    #[test]
    fn the_latest_of_each_day_week_and_month_is_kept() {
        let times = [
            "2026-01-10T02:00:00Z",
            "2026-01-31T02:00:00Z",
            "2026-02-20T02:00:00Z",
            "2026-02-27T02:00:00Z",
            "2026-03-01T02:00:00Z",
            "2026-03-01T22:00:00Z",
            "2026-03-02T02:00:00Z",
            "2026-03-03T02:00:00Z",
            "2026-03-03T14:00:00Z",
        ];
        let keep = |daily_max, weekly_max, monthly_max| Keep {
            daily_max,
            weekly_max,
            monthly_max,
        };
        assert_eq!(
            kept(&times, keep(0, 0, 0)),
            ["2026-03-03T02", "2026-03-03T14"],
            "those of the last day"
        );
        assert_eq!(
            kept(&times, keep(3, 0, 0)),
            [
                "2026-03-01T22",
                "2026-03-02T02",
                "2026-03-03T02",
                "2026-03-03T14"
            ]
        );
        // 2026-03-02 is a Monday, so that the first of March ends the week before.
        assert_eq!(
            kept(&times, keep(0, 2, 0)),
            ["2026-03-01T22", "2026-03-03T02", "2026-03-03T14"]
        );
        assert_eq!(
            kept(&times, keep(0, 0, 3)),
            [
                "2026-01-31T02",
                "2026-02-27T02",
                "2026-03-03T02",
                "2026-03-03T14"
            ]
        );
        assert_eq!(kept(&[], keep(1, 1, 1)), Vec::<String>::new());
    }
}
