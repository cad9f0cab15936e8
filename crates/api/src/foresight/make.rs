//! The forecast of a series, made of what the store has of it.

use super::Ground;
use super::input::{self, Grain, Input};
use super::limit::{self, limit_of};
use super::pattern;
use super::place::Place;
use super::score::{self, Came};
use analytics::forecast::{Clock, Forecast, Method, VALUES_MIN, forecast_by_clock};
use model::forecast::{
    Course, ForecastHead, ForecastState, ForecastWhy, KeptForecast, Lead, Member, Outlook,
};
use model::metric::Kind;
use model::pattern::TrafficPattern;
use model::series::Series;
use model::{Metric, Timestamp};
use std::time::{Duration, Instant};
use store::series::SeriesError;

/// The model's name.
pub const MODEL: &str = "pool";
/// Its version: another when the same series would be forecast otherwise.
pub const VERSION: u32 = 2;
/// Hours of a kept forecast: a week, also when it is a day old.
pub const HOURS_KEPT: usize = 192;
/// The longest horizon.
pub const HORIZON_MAX: Duration = Duration::from_hours(24 * 366);
/// Known hours from which on the week is known, and nothing is said of learning.
const LEARNED_HOURS: usize = 168;
/// What was last measured so long ago is not forecast.
const SILENT_MAX: Duration = Duration::from_hours(48);
/// Days ago at which forecasts are made afterwards, the longest ago first.
const BACKCAST_DAYS: [u64; 8] = [8, 7, 6, 5, 4, 3, 2, 1];
/// Known hours before the first of these.
const BACKCAST_HOURS_MIN: usize = 72;
/// Shares of the bands.
const COVERAGES: [f64; 2] = [0.8, 0.95];
/// Members with less weight are not told.
const WEIGHT_MIN: f64 = 0.005;

/// A forecast that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// To be kept.
    pub kept: KeptForecast,
    /// What earlier forecasts said of times that are over now.
    pub came: Vec<Came>,
}

/// What is expected of a series from a moment on.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Of what it was made: when the first value began, and when the last ended, at which the course begins.
    pub trained: (Timestamp, Timestamp),
    /// Step by step.
    pub course: Course,
    /// The members of the pool with weight.
    pub members: Vec<Member>,
}

/// Why nothing is expected of a series.
#[derive(Debug, thiserror::Error)]
pub enum NotExpected {
    /// It will be, when more is known.
    #[error("{0}")]
    Learning(String),
    /// It will not be as it is.
    #[error("{0}")]
    Unforecastable(String),
}

/// Makes the forecast of a series anew: scores what the one before said, and says when limits are reached.
/// Blocks: it reads files, and takes milliseconds of a core for a thousand hours.
pub fn make(
    ground: &Ground,
    series: &Series,
    (why, before): (ForecastWhy, Option<KeptForecast>),
    (now, until): (Timestamp, Option<Instant>),
) -> Result<Made, SeriesError> {
    let how = input::usual(series.key.metric.kind());
    let hours = input::read(ground, series, Grain::Hours, how, (now, until))?;
    let was = before
        .as_ref()
        .map(|kept| (kept.head.pattern.as_ref(), kept.head.pattern_since));
    let (pattern, pattern_since) = pattern_of(ground, &hours, was, now);
    let (mut scores, mut waiting, was_backcast) = before.map_or_else(Default::default, |kept| {
        (kept.head.scores, kept.waiting, kept.head.is_backcast)
    });
    let came = score::settle(&mut waiting, &mut scores, &hours, false);
    let metric = series.key.metric;
    let expected = expect_values(
        metric,
        &hours,
        (Grain::Hours, &ground.place),
        HOURS_KEPT,
        now,
    );
    let is_backcast = was_backcast || expected.is_ok();
    if expected.is_ok() && !was_backcast && scores.is_empty() {
        backcast(series, &hours, &ground.place, &mut scores);
    }
    scores.sort_by_key(|score| score.lead);
    let mut head = ForecastHead {
        series_id: series.id,
        device_id: series.key.device_id,
        state: ForecastState::Ready,
        reason: None,
        why,
        made_at: now,
        trained_from: None,
        trained_to: None,
        model: MODEL.to_owned(),
        version: VERSION,
        members: Vec::new(),
        scores,
        is_backcast,
        capacity: None,
        pattern,
        pattern_since,
    };
    let mut course = Course::default();
    match expected {
        Ok(expected) => {
            head.trained_from = Some(expected.trained.0);
            head.trained_to = Some(expected.trained.1);
            head.members = expected.members;
            course = expected.course;
            score::wait_for(&mut waiting, score::pieces(expected.trained.1, &course));
            if let Some(reason) = learning(hours.known()) {
                head.state = ForecastState::Learning;
                head.reason = Some(reason);
            }
        }
        Err(error) => {
            head.state = match error {
                NotExpected::Learning(_) => ForecastState::Learning,
                NotExpected::Unforecastable(_) => ForecastState::Unforecastable,
            };
            head.reason = Some(error.to_string());
        }
    }
    if let (Some(limit), false) = (limit_of(ground, series), hours.values.is_empty()) {
        let days = limit::days(ground, series, &hours, (now, until))?;
        head.capacity = Some(limit::capacity(limit, &days, &ground.thresholds, now));
    }
    Ok(Made {
        kept: KeptForecast {
            head,
            course,
            waiting,
        },
        came,
    })
}

/// What kind of traffic a series is, and since when, beside what it was before.
fn pattern_of(
    ground: &Ground,
    hours: &Input,
    before: Option<(Option<&TrafficPattern>, Option<Timestamp>)>,
    now: Timestamp,
) -> (Option<TrafficPattern>, Option<Timestamp>) {
    let (before, since) = before.unwrap_or_default();
    let before = before.map(|pattern| pattern.kind);
    let found = pattern::pattern(hours, &ground.place, before);
    let since = found.as_ref().map(|found| {
        let known = since.filter(|_| Some(found.kind) == before);
        known.unwrap_or(now)
    });
    (found, since)
}

/// What is expected of a series over a horizon, made now. Blocks as [`make`] does.
pub fn expect_now(
    ground: &Ground,
    series: &Series,
    grain: Grain,
    steps: usize,
    (now, until): (Timestamp, Option<Instant>),
) -> Result<Result<Expected, NotExpected>, SeriesError> {
    let how = input::usual(series.key.metric.kind());
    let input = input::read(ground, series, grain, how, (now, until))?;
    let grain = (grain, &ground.place);
    Ok(expect_values(series.key.metric, &input, grain, steps, now))
}

/// What is said of a series of which little is known; none where enough is.
pub fn learning(known_hours: usize) -> Option<String> {
    (known_hours < LEARNED_HOURS).then(|| {
        format!("{known_hours} hours are known; the week is learned after {LEARNED_HOURS}")
    })
}

/// What is expected of values of a metric, or of sums of such, from the end of what is known on, by the clock and the
/// calendar of the place. Takes milliseconds of a core for a thousand steps.
pub(crate) fn expect_values(
    metric: Metric,
    input: &Input,
    (grain, place): (Grain, &Place),
    steps: usize,
    now: Timestamp,
) -> Result<Expected, NotExpected> {
    use NotExpected::{Learning, Unforecastable};
    if metric.kind() == Kind::State {
        let reason = "a state is one of a few numbers, between which there is nothing";
        return Err(Unforecastable(reason.to_owned()));
    }
    let known = input.known();
    if known < VALUES_MIN {
        let unit = match grain {
            Grain::FiveMinutes => "steps of five minutes",
            Grain::Hours => "hours",
            Grain::Days => "days",
        };
        return Err(Learning(format!(
            "{known} {unit} are known, and {VALUES_MIN} are needed"
        )));
    }
    let last = input.values.iter().rposition(|value| value.is_finite());
    let last = u32::try_from(last.unwrap_or(0) + 1).unwrap_or(u32::MAX);
    let known_to = input.from.plus(input.step * last);
    if now.since(known_to) > SILENT_MAX.max(grain.step() * 2) {
        return Err(Unforecastable(format!(
            "nothing was measured since {known_to}"
        )));
    }
    let clock = Clock {
        begin_secs: input.from.unix_ms().div_euclid(1_000),
        step_secs: u32::try_from(input.step.as_secs()).unwrap_or(u32::MAX),
        offset_secs: |at| place.offset_secs(at),
        is_holiday: |day| place.is_holiday(day),
    };
    let made = forecast_by_clock(&input.values, &clock, grain.seasons(), steps, &COVERAGES);
    let made = made.map_err(|error| Unforecastable(error.to_string()))?;
    Ok(Expected {
        trained: (input.from, input.to()),
        members: members(&made),
        course: course(made, bounds(metric, input)),
    })
}

/// The bounds that no value of a metric can leave, as far as it never did.
fn bounds(metric: Metric, input: &Input) -> (f64, f64) {
    let known = || input.values.iter().filter(|value| value.is_finite());
    let least = if known().all(|value| *value >= 0.0) {
        0.0
    } else {
        f64::NEG_INFINITY
    };
    let is_share = metric.unit() == "ratio" && known().all(|value| *value <= 1.0);
    (least, if is_share { 1.0 } else { f64::INFINITY })
}

fn course(made: Forecast, (least, most): (f64, f64)) -> Course {
    let mut bands = made.bands.into_iter();
    let (inner, outer) = (bands.next(), bands.next());
    let both = |band: Option<analytics::forecast::Band>| {
        band.map(|band| (band.lower, band.upper))
            .unwrap_or_default()
    };
    let ((lower80, upper80), (lower95, upper95)) = (both(inner), both(outer));
    let mut course = Course {
        median: made.median,
        lower80,
        upper80,
        lower95,
        upper95,
    };
    for all in course.each_mut() {
        for value in all {
            *value = value.clamp(least, most);
        }
    }
    course.rounded()
}

fn members(made: &Forecast) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for (method, weight) in &made.members {
        let name = name_of(method);
        match members.iter_mut().find(|member| member.model == name) {
            Some(member) => member.weight += weight,
            None => members.push(Member {
                model: name,
                weight: *weight,
            }),
        }
    }
    members.retain(|member| member.weight >= WEIGHT_MIN);
    members.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    members
}

/// The names of what the pool has. Those that differ in their penalty alone are one.
fn name_of(method: &Method) -> String {
    match method {
        Method::Autoregression { difference: 0, .. } => "autoregression".to_owned(),
        Method::Autoregression { difference, .. } => {
            format!("autoregression_of_differences_at_{difference}")
        }
        Method::Profile => "profile".to_owned(),
        Method::SeasonalNaive => "seasonal_naive".to_owned(),
        Method::Smoothing => "exponential_smoothing".to_owned(),
        Method::Parts => "seasons_and_rest".to_owned(),
        Method::SeasonalDrift => "seasonal_drift".to_owned(),
        Method::Theta => "theta".to_owned(),
        Method::Naive => "naive".to_owned(),
    }
}

/// Makes forecasts afterwards, of what was known before each time alone, and scores them against what came.
fn backcast(
    series: &Series,
    hours: &Input,
    place: &Place,
    scores: &mut Vec<model::forecast::Score>,
) {
    let end = hours.to();
    for days in BACKCAST_DAYS {
        let origin = end.minus(Duration::from_hours(24 * days));
        if origin <= hours.from {
            continue;
        }
        let before = hours.until(origin);
        if before.known() < BACKCAST_HOURS_MIN {
            continue;
        }
        let (_, end_of_week) = Lead::Week.hours();
        let Ok(expected) = expect_values(
            series.key.metric,
            &before,
            (Grain::Hours, place),
            end_of_week,
            origin,
        ) else {
            continue;
        };
        // What is behind the end of what is known is not scored, and waits for nobody.
        let mut waiting = score::pieces(origin, &expected.course);
        score::settle(&mut waiting, scores, hours, true);
    }
}

/// The outlook that is worth a warning: of those that are expected within so long, also where growth is slow, the
/// earliest. The peak of a day alone is none.
pub fn warning(head: &ForecastHead, within: Duration) -> Option<Outlook> {
    let outlooks = &head.capacity.as_ref()?.outlooks;
    let until = head.made_at.plus(within);
    let soon = outlooks.iter().filter(|outlook| {
        outlook.of != model::forecast::CapacityOf::Peak
            && outlook.expected_at.is_some_and(|at| at <= until)
            && outlook.latest_at.is_some()
    });
    // Of one time the higher threshold.
    soon.min_by(|a, b| {
        let key = |outlook: &Outlook| outlook.expected_at;
        key(a)
            .cmp(&key(b))
            .then(b.threshold.total_cmp(&a.threshold))
    })
    .copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use analytics::forecast::forecast;

    /// Hours of an office in Berlin, from 2026-01-05T00:00:00Z on, closed on these days of 1970.
    fn office(hours: usize, closed: &[i64]) -> Input {
        let from = Timestamp::from_unix_ms(1_767_571_200_000);
        let berlin = berlin(&[]);
        let value = |nth: usize| {
            let at = from.unix_ms() / 1_000 + 3_600 * i64::try_from(nth).unwrap();
            let shown = berlin.shown_secs(at);
            let (day, hour) = (shown.div_euclid(86_400), shown.rem_euclid(86_400) / 3_600);
            let is_open = (day + 3).rem_euclid(7) < 5 && !closed.contains(&day);
            let noise = (nth * 7_919 % 100) as f64;
            noise
                + if is_open && (8..18).contains(&hour) {
                    9_000.0
                } else {
                    1_000.0
                }
        };
        Input {
            from,
            step: Duration::from_hours(1),
            values: (0..hours).map(value).collect(),
        }
    }

    fn berlin(holidays: &[&str]) -> Place {
        let holidays: Vec<String> = holidays.iter().map(|entry| (*entry).to_owned()).collect();
        Place::new("Europe/Berlin", &holidays).unwrap()
    }

    /// The mean error of the two days behind so many hours.
    fn error(all: &Input, known: usize, place: &Place) -> f64 {
        let before = Input {
            values: all.values[..known].to_vec(),
            ..all.clone()
        };
        let metric = Metric::IF_HC_IN_OCTETS;
        let grain = (Grain::Hours, place);
        let told = expect_values(metric, &before, grain, 48, before.to()).unwrap();
        let came = all.values[known..].iter().zip(&told.course.median);
        came.map(|(came, median)| (came - median).abs())
            .sum::<f64>()
            / 48.0
    }

    #[test]
    fn summer_time_and_holidays_of_the_place_are_expected() {
        // Up to Sunday, 2026-03-29T01:00:00Z, when clocks are put; Monday and Tuesday come behind it.
        let known = 83 * 24 + 24;
        let summer = office(known + 48, &[]);
        let (by_clock, by_utc) = (
            error(&summer, known, &berlin(&[])),
            error(&summer, known, &Place::default()),
        );
        assert!(by_clock * 3.0 < by_utc, "{by_clock} {by_utc}");
        // Good Friday, 2026-04-03, by the calendar or not.
        let known = known + 4 * 24;
        let friday = 20_546;
        let easter = office(known + 48, &[friday]);
        let (known_of, unknown) = (
            error(&easter, known, &berlin(&["easter-2"])),
            error(&easter, known, &berlin(&[])),
        );
        assert!(known_of * 5.0 < unknown, "{known_of} {unknown}");
    }

    #[test]
    fn where_clocks_are_never_put_it_is_the_same_to_the_bit() {
        let input = office(1_000, &[]);
        let plain = forecast(&input.values, Grain::Hours.seasons(), 48, &COVERAGES).unwrap();
        let metric = Metric::IF_HC_IN_OCTETS;
        let grain = (Grain::Hours, &Place::default());
        let told = expect_values(metric, &input, grain, 48, input.to()).unwrap();
        assert_eq!(told.course, course(plain, bounds(metric, &input)));
    }
}
