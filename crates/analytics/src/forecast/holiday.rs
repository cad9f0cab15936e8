//! Holidays of a series by the clock of a place: which weekday they are like, the past without them, and what is
//! expected of those that come.

use crate::linear::count;

/// Seconds of a day.
const DAY_SECS: i64 = 86_400;
/// The weekday that a holiday is like where none is in the past: Sunday, of 0 to 6 from Monday.
const SATURDAY: i64 = 5;
const SUNDAY: i64 = 6;
/// 1970 began on a Thursday.
const THURSDAY: i64 = 3;
/// Holidays of which it is told what they are like: the last ones. Some three years of them.
const PAST_MAX: usize = 40;
/// A day is told of when so many in so many of its steps are known.
const TOLD: u64 = 3;
const TOLD_OF: u64 = 4;
/// What is left of the distance to their own weekday where they are like another, at most.
const LEFT_MAX: f64 = 0.5;
/// Weeks to either side within which a day that is no holiday is looked for.
const WEEKS: i64 = 3;

/// The days of steps by the clock of a place.
// Invariant: `step_secs` divides a day into two or more.
pub(super) struct Days<'a, H> {
    first_secs: i64,
    step_secs: i64,
    is_holiday: &'a H,
}

/// Holidays that are not as other days.
pub(super) struct Holidays {
    /// The weekday that they are like, 0 to 6 from Monday.
    like: i64,
    /// Of the steps that were given, the days that are holidays, as days since 1970.
    days: Vec<i64>,
}

impl<'a, H: Fn(i64) -> bool> Days<'a, H> {
    /// Steps of which the first begins when the clock shows `first_secs` since 1970; none where they are no parts of a
    /// day.
    pub(super) fn new(first_secs: i64, step_secs: i64, is_holiday: &'a H) -> Option<Self> {
        let divides = (1..DAY_SECS).contains(&step_secs) && DAY_SECS % step_secs == 0;
        divides.then_some(Self {
            first_secs,
            step_secs,
            is_holiday,
        })
    }

    /// The holidays of the steps of a series and of those behind its end, and the weekday that they are like for
    /// it; none where there are none, or where they are as any other day. A weekday is that whose hours, in the
    /// weeks before and behind, are nearest on the average to those of the last [`PAST_MAX`] holidays; Sunday where
    /// none is known of. O(n) for n steps.
    pub(super) fn holidays(&self, values: &[f64], ahead: usize) -> Option<Holidays> {
        let steps = i64::try_from(values.len() + ahead).unwrap_or(i64::MAX);
        let (from, to) = (self.day(0), self.day(steps.saturating_sub(1)));
        let days: Vec<i64> = (from..=to).filter(|day| (self.is_holiday)(*day)).collect();
        if days.is_empty() {
            return None;
        }
        let like = self.like(values, &days)?;
        Some(Holidays { like, days })
    }

    /// The values with those of holidays as a week before, or missing where that is not known: so no step is told by
    /// what came behind it.
    pub(super) fn without(&self, values: &[f64], holidays: &Holidays) -> Vec<f64> {
        let mut rest = values.to_vec();
        for &day in holidays.days.iter().filter(|day| holidays.is_unlike(**day)) {
            let other = self.other(day, weekday(day), |shift| shift < 0);
            for step in self.steps(day, values.len()) {
                let before = other.and_then(|shift| self.shifted(values, step, shift));
                if let Some(value) = usize::try_from(step)
                    .ok()
                    .and_then(|step| rest.get_mut(step))
                {
                    *value = before.unwrap_or(f64::NAN);
                }
            }
        }
        rest
    }

    /// For steps from the end of `known` steps on, of which step is expected what is expected of each: of those of
    /// holidays it is that of the nearest such weekday ahead at the same hour.
    pub(super) fn sources(&self, known: usize, ahead: &[usize], holidays: &Holidays) -> Vec<usize> {
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        let source = |&step: &usize| {
            let nth = i64::try_from(step).ok()?;
            let day = self.day(known.saturating_add(nth));
            let is_one = holidays.is_unlike(day) && holidays.days.binary_search(&day).is_ok();
            if !is_one {
                return None;
            }
            let shift = self.other(day, holidays.like, |shift| nth + shift * self.a_day() >= 0)?;
            usize::try_from(nth + shift * self.a_day()).ok()
        };
        let all = ahead.iter();
        all.map(|step| source(step).unwrap_or(*step)).collect()
    }

    /// Which weekday holidays are like; none where they are days like all others. One on a weekend says nothing of
    /// that.
    fn like(&self, values: &[f64], days: &[i64]) -> Option<i64> {
        // By weekday, and last by the holiday's own: sums of distances, and of how many steps.
        let mut off = [(0.0, 0.0); 8];
        let past: Vec<i64> = days
            .iter()
            .copied()
            .filter(|day| weekday(*day) < SATURDAY && self.is_told(*day, values))
            .collect();
        let last = past.len().saturating_sub(PAST_MAX);
        for &day in past.iter().skip(last) {
            for (nth, off) in (0_i64..).zip(&mut off) {
                let like = if nth < 7 { nth } else { weekday(day) };
                let sides = [
                    self.other(day, like, |shift| shift < 0),
                    self.other(day, like, |shift| shift > 0),
                ];
                for step in self.steps(day, values.len()) {
                    let usual = sides.iter().flatten();
                    let usual = usual.filter_map(|shift| self.shifted(values, step, *shift));
                    let usual: Vec<f64> = usual.collect();
                    let n = count(usual.len());
                    let usual: f64 = usual.iter().map(|value| value / n).sum();
                    if let (Some(value), true) = (self.shifted(values, step, 0), n > 0.0) {
                        off.0 += (value - usual).abs();
                        off.1 += 1.0;
                    }
                }
            }
        }
        let means = off.map(|(sum, steps)| if steps > 0.0 { sum / steps } else { f64::NAN });
        let [.., own] = means;
        if !own.is_finite() {
            return Some(SUNDAY);
        }
        let weekdays = (0_i64..7).zip(means).filter(|(_, mean)| mean.is_finite());
        let best = weekdays.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (best.1 <= own * LEFT_MAX && own > 0.0).then_some(best.0)
    }

    /// By how many days to go from one to the nearest of a weekday that is no holiday; none within [`WEEKS`].
    fn other(&self, day: i64, of: i64, may: impl Fn(i64) -> bool) -> Option<i64> {
        let later = (of - weekday(day)).rem_euclid(7);
        let shifts = (-WEEKS..WEEKS).map(|week| later + 7 * week);
        let free = shifts.filter(|shift| {
            let other = day.saturating_add(*shift);
            *shift != 0 && may(*shift) && !(self.is_holiday)(other)
        });
        free.min_by_key(|shift| (shift.abs(), *shift))
    }

    /// Whether enough of a day is known for it to be told: the first hours of one that goes on are a night.
    fn is_told(&self, day: i64, values: &[f64]) -> bool {
        let steps = self.steps(day, values.len());
        let known = steps.filter(|step| self.shifted(values, *step, 0).is_some());
        known.count() as u64 * TOLD_OF >= self.a_day().unsigned_abs() * TOLD
    }

    /// The value of a step so many days away, where it is known.
    fn shifted(&self, values: &[f64], step: i64, days: i64) -> Option<f64> {
        let place = usize::try_from(step + days * self.a_day()).ok()?;
        let value = values.get(place).copied()?;
        (value.abs() <= super::VALUE_MAX).then_some(value)
    }

    /// The steps of a day, of so many.
    fn steps(&self, day: i64, of: usize) -> std::ops::Range<i64> {
        let of = i64::try_from(of).unwrap_or(i64::MAX);
        let into = day.saturating_mul(DAY_SECS).saturating_sub(self.first_secs);
        let first = -(into.saturating_neg().div_euclid(self.step_secs));
        first.clamp(0, of)..first.saturating_add(self.a_day()).clamp(0, of)
    }

    fn day(&self, step: i64) -> i64 {
        let into = step.saturating_mul(self.step_secs);
        self.first_secs.saturating_add(into).div_euclid(DAY_SECS)
    }

    fn a_day(&self) -> i64 {
        DAY_SECS / self.step_secs
    }
}

impl Holidays {
    /// Whether a day would be as another weekday if it were a holiday.
    fn is_unlike(&self, day: i64) -> bool {
        weekday(day) != self.like
    }
}

/// The weekday of a day since 1970, 0 to 6 from Monday.
fn weekday(day: i64) -> i64 {
    day.saturating_add(THURSDAY).rem_euclid(7)
}
