//! Forecasts of a series that follows the clock and the calendar of a place: hours that are put forward and back,
//! and holidays.

use super::holiday::Days;
use super::{Band, Forecast, HORIZON_MAX, Unforecastable, VALUES_MAX, forecast};

/// How far a clock may be from coordinated universal time, in seconds: a day. What is further counts as this.
pub const OFFSET_MAX_SECS: i64 = 86_400;

/// When the values of a series were, and by which clock its days are.
#[derive(Clone, Copy, Debug)]
pub struct Clock<F, H> {
    /// When the first value was, in seconds since 1970.
    pub begin_secs: i64,
    /// How far the values are apart, in seconds; 0 counts as 1.
    pub step_secs: u32,
    /// How far the clock is ahead of coordinated universal time at a time in seconds since 1970: in seconds too,
    /// at most [`OFFSET_MAX_SECS`] to either side.
    pub offset_secs: F,
    /// Whether a day by that clock, in days since 1970, is a holiday.
    pub is_holiday: H,
}

/// As [`forecast`], of days and weeks by the clock of a place: what is done at eight is expected at eight also where
/// clocks were put in between, or will be.
///
/// Values are laid on the steps of that clock, to the nearest: of steps that come twice the mean is taken, what is
/// skipped is filled as other gaps are, and the answer is laid back. Where the clock is never put, or where steps
/// are longer than twice what it is put by, it is that of [`forecast`] to the bit. A step that comes again right
/// behind the end is expected to be as the one behind it. Of the last [`VALUES_MAX`] values. Method of our own.
///
/// Holidays count where steps are equal parts of a day. Those of the past say which weekday a holiday is like for
/// this series (Sunday where none is known), and are forecast of as if the same day a week before had come instead;
/// holidays ahead are expected, with their bands, as that weekday nearest ahead. Where they were never half as near
/// to another weekday as to their own they are days like all others. Calendar effects as days of another weekday:
/// Cancelo, Espasa and Grafe, "Forecasting the electricity load from one day to one week ahead for the Spanish
/// system operator", International Journal of Forecasting 24 (2008). Where there is no holiday nothing changes, to
/// the bit.
///
/// Errors as of [`forecast`]; a clock of many steps in a row without values leaves too many missing. Cost: that of
/// [`forecast`], at up to three weeks more of horizon where a holiday is ahead, by which members are weighed then, O(n + h) calls of the clock and as
/// many days of the calendar.
pub fn forecast_by_clock<F: Fn(i64) -> i64, H: Fn(i64) -> bool>(
    values: &[f64],
    clock: &Clock<F, H>,
    seasons: &[usize],
    horizon: usize,
    coverages: &[f64],
) -> Result<Forecast, Unforecastable> {
    if !(1..=HORIZON_MAX).contains(&horizon) {
        return Err(Unforecastable::Horizon(horizon));
    }
    let left_out = values.len().saturating_sub(VALUES_MAX);
    let values = values.get(left_out..).unwrap_or_default();
    let places: Vec<i64> = (left_out..left_out + values.len() + horizon)
        .map(|nth| clock.place(nth))
        .collect();
    let (seen, ahead) = places.split_at(values.len().min(places.len()));
    let first = seen.iter().copied().min().unwrap_or(0);
    let last = seen.iter().copied().max().unwrap_or(-1);
    let steps = usize::try_from(last - first + 1).unwrap_or(0);
    let mut sums = vec![(0.0, 0.0); steps];
    for (value, place) in values.iter().zip(seen) {
        let cell = usize::try_from(place - first).ok();
        if let Some((mean, times)) = cell.and_then(|cell| sums.get_mut(cell)) {
            // Means one by one, so that the greatest numbers have one.
            if value.is_finite() {
                *times += 1.0;
                *mean += value / *times - *mean / *times;
            }
        }
    }
    let by_clock = |&(mean, times): &(f64, f64)| if times > 0.0 { mean } else { f64::NAN };
    let by_clock: Vec<f64> = sums.iter().map(by_clock).collect();
    // Steps behind the end, from 0.
    let ahead: Vec<usize> = ahead
        .iter()
        .map(|place| usize::try_from(place - last - 1).unwrap_or(0))
        .map(|step| step.min(HORIZON_MAX - 1))
        .collect();
    let first_secs = clock.shown_secs(first);
    let is_holiday = &clock.is_holiday;
    let days = Days::new(first_secs, i64::from(clock.step_secs.max(1)), is_holiday);
    let holidays = days.and_then(|days| {
        let holidays = days.holidays(&by_clock, furthest(&ahead))?;
        Some((days, holidays))
    });
    let (told, sources) = match holidays {
        None => (
            forecast(&by_clock, seasons, furthest(&ahead), coverages)?,
            ahead,
        ),
        Some((days, holidays)) => {
            let sources = days.sources(by_clock.len(), &ahead, &holidays);
            let within = |(source, step): (&usize, &usize)| {
                if *source < HORIZON_MAX {
                    *source
                } else {
                    *step
                }
            };
            let sources: Vec<usize> = sources.iter().zip(&ahead).map(within).collect();
            let rest = days.without(&by_clock, &holidays);
            let horizon = furthest(&sources).max(furthest(&ahead));
            // Of little it is told with its holidays, rather than not at all.
            let told = forecast(&rest, seasons, horizon, coverages)
                .or_else(|_| forecast(&by_clock, seasons, horizon, coverages))?;
            (told, sources)
        }
    };
    let back = |of: &[f64]| -> Vec<f64> {
        let at = |step: &usize| of.get(*step).copied().unwrap_or_default();
        sources.iter().map(at).collect()
    };
    let band = |band: &Band| Band {
        coverage: band.coverage,
        lower: back(&band.lower),
        upper: back(&band.upper),
    };
    Ok(Forecast {
        median: back(&told.median),
        bands: told.bands.iter().map(band).collect(),
        ..told
    })
}

/// How many steps are to be told so that these are.
fn furthest(steps: &[usize]) -> usize {
    steps.iter().copied().max().unwrap_or(0) + 1
}

impl<F: Fn(i64) -> i64, H> Clock<F, H> {
    /// What the clock shows at the beginning of a step of it, in seconds since 1970.
    fn shown_secs(&self, place: i64) -> i64 {
        let offset = (self.offset_secs)(self.begin_secs).clamp(-OFFSET_MAX_SECS, OFFSET_MAX_SECS);
        let into = place.saturating_mul(i64::from(self.step_secs.max(1)));
        self.begin_secs.saturating_add(offset).saturating_add(into)
    }

    /// The step of the clock in which the nth value lies, counted from the first.
    fn place(&self, nth: usize) -> i64 {
        let step = i64::from(self.step_secs.max(1));
        let nth = i64::try_from(nth).unwrap_or(i64::MAX);
        let at = self.begin_secs.saturating_add(nth.saturating_mul(step));
        let offset = |at| (self.offset_secs)(at).clamp(-OFFSET_MAX_SECS, OFFSET_MAX_SECS);
        let put = offset(at) - offset(self.begin_secs);
        nth.saturating_add((put + step / 2).div_euclid(step))
    }
}
