//! What comes again in a series: what kind of traffic it is and why, when it is busy, what is usual in each hour,
//! the days most like another, and those like no other. Computed when it is asked for.

use super::{AnalysisGround, AnalysisQuery, Whole, analysed, hours};
use crate::auth::gate::{App, Granted, permit};
use crate::foresight::pattern::{local_samples, look, name_of, told};
use crate::foresight::place::Place;
use crate::problem::Answer;
use crate::query::Query;
use analytics::calendar::{Date, Weekday, odd_days};
use analytics::motif::{MatrixProfile, Part, discords, matrix_profile, motifs};
use analytics::pattern::Pattern;
use analytics::profile::{self, HOURS, WeekProfile, business_hours, week_profile};
use analytics::robust::{quantile_of_sorted, sort};
use axum::Json;
use model::Timestamp;
use model::pattern::{PatternKind, TrafficPattern};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Days that are told as most like another, and as like no other, at most of each.
const DAYS_TOLD: usize = 3;
/// Days of which nothing came as usual that are told at most.
const ODD_DAYS_TOLD: usize = 31;
/// Hours that are compared with others: a day.
const WINDOW: usize = 24;
/// A day is like another from this correlation on.
const ALIKE: f64 = 0.8;
/// The quantiles that are told beside the median of an hour.
const QUARTILES: (f64, f64) = (0.25, 0.75);

/// The route of patterns.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(patterns))
}

/// What comes again in a series. Steps are always of an hour.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Patterns {
    /// Of what it is said.
    #[serde(flatten)]
    ground: AnalysisGround,
    /// The time zone of `business_hours`, `day`, `week` and `odd_days`, as `Europe/Berlin`.
    time_zone: String,
    /// What kind of traffic it is, and why; null where none fits.
    pattern: Option<TrafficPattern>,
    /// Why there is none, in one sentence.
    pattern_reason: Option<String>,
    /// How well each kind fits, the best first; empty where too little is known.
    kinds: Vec<KindFit>,
    /// When it is busy; null where that is not the same from week to week.
    business_hours: Option<BusinessHours>,
    /// Why there are none, in one sentence.
    business_hours_reason: Option<String>,
    /// What is usual in each hour of a day, from 00:00; null where nothing was measured.
    day: Vec<Option<UsualHour>>,
    /// What is usual in each of the 168 hours of a week, from Monday 00:00; empty where less than half are known.
    week: Vec<Option<UsualHour>>,
    /// Stretches of a day most like another, the most alike first.
    motifs: Vec<DayPart>,
    /// Stretches of a day like no other, the oddest first.
    discords: Vec<DayPart>,
    /// Days that went as another day of the week does, as holidays do.
    odd_days: Vec<OddDay>,
}

/// How well a kind of traffic fits.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PatternKindFit)]
pub(crate) struct KindFit {
    /// The kind.
    kind: PatternKind,
    /// How well it fits, 0 to 1.
    fits: f64,
}

/// When a series is busy.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PatternBusinessHours)]
pub(crate) struct BusinessHours {
    /// Busy hours, in order.
    windows: Vec<BusyWindow>,
    /// An hour is busy whose usual value is over this.
    threshold: f64,
    /// What is usual of busy hours.
    busy: f64,
    /// What is usual of quiet hours.
    quiet: f64,
    /// The part of the difference between hours that being busy or quiet explains, 0 to 1.
    separation: f64,
    /// The share of hours that were as busy or quiet as they usually are, 0 to 1.
    held: f64,
    /// Days of the week with hardly any busy hours beside others that have, 0 is Monday.
    quiet_days: Vec<usize>,
}

/// Busy hours of a day.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PatternBusyWindow)]
pub(crate) struct BusyWindow {
    /// The day of the week, 0 is Monday.
    day: usize,
    /// The first busy hour, 0 to 23.
    from_hour: usize,
    /// The first hour behind it, 1 to 24.
    to_hour: usize,
}

/// What is usual in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = PatternHour)]
pub(crate) struct UsualHour {
    /// The middle value.
    median: f64,
    /// A quarter of the values are under it.
    lower: f64,
    /// A quarter of the values are over it.
    upper: f64,
    /// Values.
    values: usize,
}

/// A stretch of a day, and the one most like it.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PatternDayPart)]
pub(crate) struct DayPart {
    /// When it begins.
    from: Timestamp,
    /// When it ends.
    to: Timestamp,
    /// When the one most like it begins, which is as long.
    like: Timestamp,
    /// The correlation of the two, -1 to 1, whatever their level and size.
    likeness: f64,
}

/// A day that went as another day of the week does.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PatternOddDay)]
pub(crate) struct OddDay {
    /// The day, as 2026-12-25.
    date: String,
    /// The day of the week that it was like, 0 is Monday.
    like: usize,
    /// How far its hours were from what is usual of its own weekday, on the average, in spreads.
    from_own: f64,
    /// How far they were from what is usual of the other.
    from_other: f64,
}

/// Tells what kind of traffic a series is and why, when it is busy, what is usual, and which days come again.
#[utoipa::path(get, path = "/analysis/patterns", tag = "foresight", operation_id = "get_patterns",
    params(AnalysisQuery),
    responses((status = 200, description = "Its patterns.", body = Patterns)))]
pub(crate) async fn patterns(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<AnalysisQuery>,
) -> Answer<Json<Patterns>> {
    let place = granted.services().options.place.clone();
    let work = move |whole: Whole| of(whole, &place);
    analysed(&granted, &query, hours, work).await.map(Json)
}

fn of(whole: Whole, place: &Place) -> Patterns {
    let samples = local_samples(&whole.input, place);
    let (pattern, pattern_reason, kinds) = match look(&samples, None) {
        Ok(found) => {
            let pattern = told(&found);
            let reason = pattern.is_none().then(|| "no kind fits".to_owned());
            (pattern, reason, fits(&found))
        }
        Err(error) => (None, Some(sentence(&error)), Vec::new()),
    };
    let profile = week_profile(&samples, QUARTILES);
    let (hours, reason) = match &profile {
        Ok(profile) => match business_hours(profile, &samples) {
            Ok(hours) => (Some(busy(&hours)), None),
            Err(error) => (None, Some(sentence(&error))),
        },
        Err(error) => (None, Some(sentence(error))),
    };
    let profile = profile.ok();
    let parts = matrix_profile(&whole.input.values, WINDOW).ok();
    let part = |part: Part| day_part(&whole, &part);
    let (motifs, discords) = parts.as_ref().map(alike_and_odd).unwrap_or_default();
    Patterns {
        time_zone: place.zone().to_owned(),
        pattern,
        pattern_reason,
        kinds,
        business_hours: hours,
        business_hours_reason: reason,
        day: day(&samples),
        week: profile.as_ref().map(week).unwrap_or_default(),
        motifs: motifs.into_iter().map(part).collect(),
        discords: discords.into_iter().map(part).collect(),
        odd_days: profile
            .map(|profile| odd(&samples, &profile))
            .unwrap_or_default(),
        ground: whole.ground,
    }
}

/// An error with what is behind it.
fn sentence(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn fits(pattern: &Pattern) -> Vec<KindFit> {
    let all = pattern.fits.iter().map(|fit| KindFit {
        kind: name_of(fit.kind),
        fits: fit.fits,
    });
    all.collect()
}

fn busy(hours: &profile::BusinessHours) -> BusinessHours {
    let windows = hours.windows.iter().map(|window| BusyWindow {
        day: window.day,
        from_hour: window.from_hour,
        to_hour: window.to_hour,
    });
    let days = hours.is_quiet_day.iter().enumerate();
    BusinessHours {
        windows: windows.collect(),
        threshold: hours.threshold,
        busy: hours.busy,
        quiet: hours.quiet,
        separation: hours.separation,
        held: hours.held,
        quiet_days: days.filter(|day| *day.1).map(|day| day.0).collect(),
    }
}

/// What is usual in each hour of a day.
fn day(samples: &[(i64, f64)]) -> Vec<Option<UsualHour>> {
    let mut by_hour: Vec<Vec<f64>> = vec![Vec::new(); 24];
    for (at, value) in samples {
        let hour = usize::try_from(at.div_euclid(3_600).rem_euclid(24)).unwrap_or(0);
        if let Some(cell) = by_hour.get_mut(hour) {
            cell.push(*value);
        }
    }
    let usual = |mut values: Vec<f64>| {
        sort(&mut values);
        Some(UsualHour {
            median: quantile_of_sorted(&values, 0.5)?,
            lower: quantile_of_sorted(&values, QUARTILES.0)?,
            upper: quantile_of_sorted(&values, QUARTILES.1)?,
            values: values.len(),
        })
    };
    by_hour.into_iter().map(usual).collect()
}

fn week(profile: &WeekProfile) -> Vec<Option<UsualHour>> {
    let usual = |hour: profile::Hour| UsualHour {
        median: hour.median,
        lower: hour.lower,
        upper: hour.upper,
        values: hour.samples,
    };
    (0..HOURS)
        .map(|hour| profile.hour(hour).map(usual))
        .collect()
}

/// The days most like another, and those that are like none.
fn alike_and_odd(parts: &MatrixProfile) -> (Vec<Part>, Vec<Part>) {
    let mut alike = motifs(parts, DAYS_TOLD);
    alike.retain(|part| likeness(part) >= ALIKE);
    let mut odd = discords(parts, DAYS_TOLD);
    odd.retain(|part| likeness(part) < ALIKE);
    (alike, odd)
}

/// The correlation of two parts, of the distance between them when both have mean 0 and deviation 1.
fn likeness(part: &Part) -> f64 {
    (1.0 - part.distance * part.distance / (2.0 * WINDOW as f64)).clamp(-1.0, 1.0)
}

fn day_part(whole: &Whole, part: &Part) -> DayPart {
    let at = |step: usize| {
        let steps = u32::try_from(step).unwrap_or(u32::MAX);
        whole.input.from.plus(whole.step * steps)
    };
    DayPart {
        from: at(part.at),
        to: at(part.at + WINDOW),
        like: at(part.nearest),
        likeness: likeness(part),
    }
}

fn odd(samples: &[(i64, f64)], profile: &WeekProfile) -> Vec<OddDay> {
    let mut days = odd_days(samples, profile);
    // The last are of most interest.
    let days = days.split_off(days.len().saturating_sub(ODD_DAYS_TOLD));
    let told = days.into_iter().map(|day| OddDay {
        date: date(day.date),
        like: weekday(day.like),
        from_own: day.from_own,
        from_other: day.from_other,
    });
    told.collect()
}

fn date(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

fn weekday(day: Weekday) -> usize {
    day as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_the_day_is_of_all_days() {
        let samples: Vec<(i64, f64)> = (0..72)
            .map(|hour| (hour * 3_600, (hour / 24) as f64))
            .collect();
        let usual = day(&samples);
        assert_eq!(usual.len(), 24);
        let first = usual[0].unwrap();
        assert_eq!((first.median.to_bits(), first.values), (1f64.to_bits(), 3));
        assert_eq!(day(&[]), vec![None; 24]);
    }

    #[test]
    fn likeness_is_a_correlation() {
        let part = |distance| Part {
            at: 0,
            nearest: 9,
            distance,
        };
        assert!((likeness(&part(0.0)) - 1.0).abs() < 1e-12);
        assert!(likeness(&part(48f64.sqrt())).abs() < 1e-12);
        assert!((likeness(&part(1e9)) + 1.0).abs() < 1e-12);
    }
}
