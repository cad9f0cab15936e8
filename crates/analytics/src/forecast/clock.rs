//! Forecasts of a series that follows the clock of a place, which is put forward and back.

use super::{Band, Forecast, HORIZON_MAX, Unforecastable, VALUES_MAX, forecast};

/// How far a clock may be from coordinated universal time, in seconds: a day. What is further counts as this.
pub const OFFSET_MAX_SECS: i64 = 86_400;

/// When the values of a series were, and by which clock its days are.
#[derive(Clone, Copy, Debug)]
pub struct Clock<F> {
    /// When the first value was, in seconds since 1970.
    pub begin_secs: i64,
    /// How far the values are apart, in seconds; 0 counts as 1.
    pub step_secs: u32,
    /// How far the clock is ahead of coordinated universal time at a time in seconds since 1970: in seconds too,
    /// at most [`OFFSET_MAX_SECS`] to either side.
    pub offset_secs: F,
}

/// As [`forecast`], of days and weeks by the clock of a place: what is done at eight is expected at eight also where
/// clocks were put in between, or will be.
///
/// Values are laid on the steps of that clock, to the nearest: of steps that come twice the mean is taken, what is
/// skipped is filled as other gaps are, and the answer is laid back. Where the clock is never put, or where steps
/// are longer than twice what it is put by, it is that of [`forecast`] to the bit. A step that comes again right
/// behind the end is expected to be as the one behind it. Of the last [`VALUES_MAX`] values. Method of our own.
/// Errors as of [`forecast`]; a clock of many steps in a row without values leaves too many missing. Cost: that of
/// [`forecast`], and O(n + h) calls of the clock.
pub fn forecast_by_clock<F: Fn(i64) -> i64>(
    values: &[f64],
    clock: &Clock<F>,
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
    let furthest = ahead.iter().copied().max().unwrap_or(0) + 1;
    let told = forecast(&by_clock, seasons, furthest, coverages)?;
    let back = |of: &[f64]| -> Vec<f64> {
        let at = |step: &usize| of.get(*step).copied().unwrap_or_default();
        ahead.iter().map(at).collect()
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

impl<F: Fn(i64) -> i64> Clock<F> {
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
