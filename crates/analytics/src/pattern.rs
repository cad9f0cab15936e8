//! What kind of traffic a series is, with the figures that decided, so that an operator can disagree.
//!
//! Each kind asks some figures of a series; each figure says from 0 to 1 how well it fits, and a kind fits as well
//! as the worst of its figures (Zadeh, "Fuzzy Sets", 1965). Begin at [`classify`].

use crate::change::change_points;
use crate::clean::{Unusable, filled, is_known, regular};
use crate::forecast::VALUES_MAX;
use crate::linear::count;
use crate::profile::{HOURS, Unprofiled, WeekProfile, week_profile};
use crate::robust::{quantile_of_sorted, sort, spread};
use crate::season::{autocorrelations, seasons};
use crate::trend::{Direction, trend};

/// A kind fits from this on, 0 to 1.
pub const FITS_MIN: f64 = 0.5;
/// Another kind must fit better by this before it takes the place of the one that was told before.
pub const BETTER_BY: f64 = 0.15;

/// Values that count for bursts: the greatest twentieth.
const TOP: f64 = 0.95;

/// Kinds of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing happens: it hardly ever changes.
    Idle,
    /// The same at all times, but for a little noise.
    Flat,
    /// By day on working days.
    OfficeHours,
    /// In the evening, on all days.
    Evening,
    /// At night: copies and batches.
    NightBatch,
    /// Short and at regular intervals.
    PeriodicJob,
    /// Short and at no regular time.
    Bursty,
    /// It grows.
    Growing,
}

/// One figure that a kind asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// What the figure is.
    pub figure: &'static str,
    /// Its value.
    pub value: f64,
    /// The value from which on it speaks wholly against the kind.
    pub against: f64,
    /// The value from which on it speaks wholly for the kind.
    pub wholly: f64,
    /// How well it fits, 0 to 1.
    pub fits: f64,
}

/// How well one kind fits, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The kind.
    pub kind: Kind,
    /// The least of its figures, 0 to 1.
    pub fits: f64,
    /// The figures.
    pub evidence: Vec<Evidence>,
}

/// Figures of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The share of values that are as the one before them, 0 to 1.
    pub still: f64,
    /// The spread of values in parts of their median size.
    pub variation: f64,
    /// The part of the variance that the hour of the week explains, 0 to 1.
    pub weekly: f64,
    /// How far hours of working days are apart: greatest less least median, in parts of the greatest size.
    pub contrast: f64,
    /// Saturday and Sunday in parts of working days, each above the least hour.
    pub weekend: f64,
    /// The middle of the daily hump, in hours from midnight, 0 to 24.
    pub hump_hour: f64,
    /// Hours of a day over the middle of the least and the greatest.
    pub hump_hours: f64,
    /// The share of what is above the least hour that falls between 22:00 and 6:00, 0 to 1.
    pub night: f64,
    /// The share of what is above the median that the greatest twentieth of values carries, 0 to 1.
    pub top: f64,
    /// The share of time over the middle of the median and the greatest, 0 to 1.
    pub duty: f64,
    /// The autocorrelation at the interval at which it comes again, 0 where there is none.
    pub repeats: f64,
    /// That interval in seconds; 0 where there is none.
    pub interval_secs: i64,
    /// The growth over all of the series in parts of its median size; 0 where no trend is believed. What it gained
    /// in jumps of its level is no part of it.
    pub growth: f64,
}

/// What a series is.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// The kind that fits, if any does.
    pub kind: Option<Kind>,
    /// All kinds, the one that fits best first.
    pub fits: Vec<Fit>,
    /// The figures of which they are told.
    pub figures: Figures,
}

/// Why a series has no kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclassified {
    /// It is no series.
    #[error("no series at equal steps")]
    Unusable(#[source] Unusable),
    /// It is too short.
    #[error("no profile of the week")]
    Unprofiled(#[source] Unprofiled),
}

const KINDS: [Kind; 8] = [
    Kind::Idle,
    Kind::Flat,
    Kind::OfficeHours,
    Kind::Evening,
    Kind::NightBatch,
    Kind::PeriodicJob,
    Kind::Bursty,
    Kind::Growing,
];

/// What kind of traffic samples of (seconds since 1970 by the clock of the place, value) are. The kind told
/// `before`, if any, stays while it fits at least 0.35 and no other fits better by [`BETTER_BY`], so that it does not change to
/// and fro. O(n log n + p²) for p = 600 places of jumps.
pub fn classify(samples: &[(i64, f64)], before: Option<Kind>) -> Result<Pattern, Unclassified> {
    let series = regular(samples, None).map_err(Unclassified::Unusable)?;
    let profile = week_profile(samples, (0.25, 0.75)).map_err(Unclassified::Unprofiled)?;
    let late = series.values.len().saturating_sub(VALUES_MAX);
    let values = series.values.get(late..).unwrap_or_default();
    let figures = figures(values, series.step_secs, &profile);
    let mut fits = fits(&figures);
    fits.sort_by(|a, b| b.fits.total_cmp(&a.fits).then(a.kind.cmp(&b.kind)));
    let best = fits.first().filter(|fit| fit.fits >= FITS_MIN);
    let kept = fits
        .iter()
        .find(|fit| Some(fit.kind) == before && fit.fits >= FITS_MIN - BETTER_BY);
    let kind = match (best, kept) {
        (Some(best), Some(kept)) if best.fits < kept.fits + BETTER_BY => Some(kept.kind),
        (None, Some(kept)) => Some(kept.kind),
        (best, _) => best.map(|fit| fit.kind),
    };
    Ok(Pattern {
        kind,
        fits,
        figures,
    })
}

/// How well each kind fits.
fn fits(of: &Figures) -> Vec<Fit> {
    KINDS
        .into_iter()
        .map(|kind| {
            let evidence = evidence(kind, of);
            let fits = evidence
                .iter()
                .map(|figure| figure.fits)
                .fold(1.0, f64::min);
            Fit {
                kind,
                fits,
                evidence,
            }
        })
        .collect()
}

/// The figures that a kind asks for.
fn evidence(kind: Kind, of: &Figures) -> Vec<Evidence> {
    let weekly = |against, wholly| {
        asks(
            "part of the variance by hour of the week",
            of.weekly,
            against,
            wholly,
        )
    };
    let contrast = |against, wholly| asks("difference between hours", of.contrast, against, wholly);
    let still = |against, wholly| {
        asks(
            "share of values like the one before",
            of.still,
            against,
            wholly,
        )
    };
    let weekend = |against, wholly| {
        asks(
            "weekend in parts of working days",
            of.weekend,
            against,
            wholly,
        )
    };
    let hump_hours = |against, wholly| asks("hours of the hump", of.hump_hours, against, wholly);
    let repeats = |against, wholly| {
        asks(
            "likeness from one interval to the next",
            of.repeats,
            against,
            wholly,
        )
    };
    let moves = || still(0.99, 0.9);
    // What speaks for the one speaks against the other, as much: from a quarter on it grows.
    let growth =
        |against, wholly| asks("growth in parts of the median", of.growth, against, wholly);
    match kind {
        Kind::Idle => vec![still(0.9, 0.99)],
        Kind::Flat => vec![
            asks("spread in parts of the median", of.variation, 0.3, 0.1),
            contrast(0.4, 0.2),
            growth(0.5, 0.0),
            moves(),
        ],
        Kind::OfficeHours => vec![
            weekly(0.2, 0.5),
            contrast(0.1, 0.3),
            weekend(0.85, 0.5),
            asks(
                "hours between 12:30 and the hump",
                hours_apart(12.5, of.hump_hour),
                6.0,
                4.0,
            ),
            hump_hours(3.0, 6.0),
        ],
        Kind::Evening => vec![
            weekly(0.2, 0.5),
            contrast(0.1, 0.3),
            weekend(0.6, 0.85),
            asks(
                "hours between 20:00 and the hump",
                hours_apart(20.0, of.hump_hour),
                5.0,
                3.0,
            ),
        ],
        Kind::NightBatch => vec![
            weekly(0.2, 0.5),
            contrast(0.1, 0.3),
            asks("share between 22:00 and 6:00", of.night, 0.45, 0.65),
            hump_hours(12.0, 8.0),
        ],
        Kind::PeriodicJob => vec![
            repeats(0.2, 0.5),
            asks("share of time at work", of.duty, 0.3, 0.15),
            moves(),
        ],
        Kind::Bursty => vec![
            asks("part carried by the greatest twentieth", of.top, 0.25, 0.5),
            repeats(0.4, 0.2),
            weekly(0.6, 0.3),
            moves(),
        ],
        Kind::Growing => vec![growth(0.0, 0.5), moves()],
    }
}

/// A figure that speaks from 0 at one value to 1 at the other.
fn asks(figure: &'static str, value: f64, against: f64, wholly: f64) -> Evidence {
    let fits = ((value - against) / (wholly - against)).clamp(0.0, 1.0);
    Evidence {
        figure,
        value,
        against,
        wholly,
        fits: if fits.is_nan() { 0.0 } else { fits },
    }
}

/// Hours between two times of day, 0 to 12.
fn hours_apart(a: f64, b: f64) -> f64 {
    let apart = (a - b).abs() % 24.0;
    apart.min(24.0 - apart)
}

fn figures(values: &[f64], step_secs: i64, profile: &WeekProfile) -> Figures {
    let mut sorted: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| is_known(*value))
        .collect();
    sort(&mut sorted);
    let at = |share| quantile_of_sorted(&sorted, share).unwrap_or_default();
    let (middle, greatest) = (at(0.5), at(1.0));
    let mut sizes: Vec<f64> = sorted.iter().map(|value| value.abs()).collect();
    sort(&mut sizes);
    let size = quantile_of_sorted(&sizes, 0.5).unwrap_or_default();
    let part = |of: f64| if size > 0.0 { of / size } else { 0.0 };
    let above = |least: f64| {
        sorted
            .iter()
            .map(|value| (value - least).max(0.0))
            .sum::<f64>()
    };
    let border = at(TOP);
    let of_top: f64 = sorted
        .iter()
        .filter(|value| **value >= border)
        .map(|value| value - middle)
        .sum();
    let all = above(middle);
    let busy = f64::midpoint(middle, greatest);
    let over = sorted.iter().filter(|value| **value > busy).count();
    let without_gaps = filled(values);
    let found = seasons(&without_gaps);
    let interval = found.first().copied().unwrap_or(0);
    let repeats = || autocorrelations(&without_gaps, interval).last().copied();
    let day = of_day(profile);
    Figures {
        still: still(values),
        variation: part(spread(&sorted).unwrap_or_default()),
        weekly: profile.explained(),
        contrast: day.contrast,
        weekend: day.weekend,
        hump_hour: day.hump_hour,
        hump_hours: day.hump_hours,
        night: day.night,
        top: if all > 0.0 { of_top / all } else { 0.0 },
        duty: count(over) / count(sorted.len().max(1)),
        repeats: if interval > 0 {
            repeats().unwrap_or(0.0)
        } else {
            0.0
        },
        interval_secs: step_secs.saturating_mul(i64::try_from(interval).unwrap_or(0)),
        growth: part(growth(&without_gaps, &found)),
    }
}

/// How much a series grows, where that is beyond chance. A level that jumped is no growth, so what is left of the
/// slope between jumps bounds it; whether that is beyond chance is asked of the whole, for growth that begins is
/// cut where it does.
fn growth(values: &[f64], seasons: &[usize]) -> f64 {
    let whole = trend(values, seasons, &[]);
    if whole.direction != Direction::Up {
        return 0.0;
    }
    let between = trend(values, seasons, &change_points(values, seasons));
    whole.slope.min(between.slope).max(0.0) * count(values.len())
}

fn still(values: &[f64]) -> f64 {
    let both = values.windows(2).filter_map(|pair| match pair {
        &[a, b] if is_known(a) && is_known(b) => Some((a, b)),
        _ => None,
    });
    let (mut all, mut alike) = (0, 0);
    for (a, b) in both {
        all += 1;
        alike += usize::from((a - b).abs() <= 1e-9 * a.abs());
    }
    count(alike) / count(all.max(1))
}

/// Figures of the profile of a day.
struct Day {
    contrast: f64,
    weekend: f64,
    hump_hour: f64,
    hump_hours: f64,
    night: f64,
}

fn of_day(profile: &WeekProfile) -> Day {
    let medians: Vec<Option<f64>> = (0..HOURS)
        .map(|hour| profile.hour(hour).map(|hour| hour.median))
        .collect();
    let known = || medians.iter().flatten().copied();
    let (least, greatest) = known()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let size = least.abs().max(greatest.abs());
    let contrast = if size > 0.0 {
        (greatest - least) / size
    } else {
        0.0
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count(values.len().max(1));
    let of_days = |weekend: bool| -> Vec<f64> {
        let hours = medians
            .iter()
            .enumerate()
            .filter(|(hour, _)| (*hour >= 120) == weekend);
        hours
            .filter_map(|(_, value)| Some((*value)? - least))
            .collect()
    };
    let (working, free) = (mean(&of_days(false)), mean(&of_days(true)));
    // Each hour of the day over all days above the least.
    let by_hour: Vec<f64> = (0..24)
        .map(|hour| {
            let of_hour: Vec<f64> = medians
                .iter()
                .skip(hour)
                .step_by(24)
                .filter_map(|value| Some((*value)? - least))
                .collect();
            mean(&of_hour)
        })
        .collect();
    let all: f64 = by_hour.iter().sum();
    let (low, high) = by_hour
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
    let middle = f64::midpoint(low, high);
    let (mut east, mut north, mut hours) = (0.0, 0.0, 0);
    for (hour, value) in by_hour
        .iter()
        .enumerate()
        .filter(|(_, value)| **value > middle)
    {
        let (sin, cos) = ((count(hour) + 0.5) / 24.0 * std::f64::consts::TAU).sin_cos();
        east += (value - middle) * cos;
        north += (value - middle) * sin;
        hours += 1;
    }
    let turn = north.atan2(east) / std::f64::consts::TAU;
    let of_night = by_hour
        .iter()
        .enumerate()
        .filter(|(hour, _)| *hour < 6 || *hour >= 22);
    let night: f64 = of_night.map(|(_, value)| value).sum();
    Day {
        contrast,
        weekend: if working > 0.0 { free / working } else { 1.0 },
        hump_hour: turn.rem_euclid(1.0) * 24.0,
        hump_hours: count(hours),
        night: if all > 0.0 { night / all } else { 0.0 },
    }
}
