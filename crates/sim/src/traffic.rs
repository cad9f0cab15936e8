//! What flows, as a function of time: the octets of one flow since the origin, exactly, at any
//! moment past or future, without anything remembered between two questions.
//!
//! A flow has a volume for each week. A week is halved, each half again, eighteen times, down to about
//! two seconds; each volume is divided between its halves in the ratio that the profile of day and
//! week says, moved by chance. So volumes are whole octets and conserved at every scale: an hour is
//! the sum of its minutes, and a counter never goes back. It is the multifractal wavelet model of
//! Riedi, Crouse, Ribeiro and Baraniuk (1999) with a prior from the profile in place of one half.
//!
//! Which flows there are is the business of [`demands`], which way they go that of
//! [`routes`](crate::routes).

pub(crate) mod demands;
mod profile;

pub use profile::Class;

use crate::hash::{self, purpose};
use model::Timestamp;
use profile::{Profile, TABLE_LEVELS};

const WEEK_MS: i64 = 604_800_000;
/// Halvings of a week: its finest parts are 2.3 s long, finer than any poll.
const LEVELS: u32 = 18;
/// Where weeks are counted from, a Monday: 2026-01-05T00:00:00Z. Counters before it are negative, so
/// that only their differences are shown.
pub(crate) const ORIGIN_MS: i64 = 1_767_571_200_000;
const WEEKS_PER_YEAR: f64 = 365.25 / 7.0;
/// Of a week's volume, the share that chance moves into the week before or after.
const WEEK_NOISE: f64 = 0.08;
/// One in so many parts of ten minutes to an hour is a burst or a lull.
const BURST_IN: u64 = 48;

/// One direction of a demand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Flow {
    /// Octets in a second, the mean of the first week.
    pub(crate) mean: f64,
    /// How it goes by day and week.
    pub(crate) class: Class,
    /// Milliseconds that its clock is before UTC.
    pub(crate) offset_ms: i32,
    /// Its chance.
    pub(crate) seed: u64,
}

/// What all flows of a network share.
pub(crate) struct Model {
    profiles: [Profile; Class::ALL.len()],
    /// How many times the volume of the week before.
    growth: f64,
    /// By level, how far a division may be moved, ratio.
    amplitudes: [f64; LEVELS as usize],
}

impl Model {
    pub(crate) fn new(growth_per_year: f64, noise: f64) -> Self {
        // exp and ln differ between platforms in the last bit; a root by halving does not.
        let growth = root(1.0 + growth_per_year, WEEKS_PER_YEAR);
        let mut amplitudes = [0.0; LEVELS as usize];
        for (level, amplitude) in (0_u32..).zip(&mut amplitudes) {
            let usual = match level {
                // Days.
                0..=2 => 0.05,
                // Hours.
                3..=7 => 0.08,
                // Minutes.
                8..=12 => 0.12,
                // Seconds.
                _ => 0.2,
            };
            *amplitude = f64::min(usual * noise, 0.9);
        }
        Self {
            profiles: Class::ALL.map(Profile::new),
            growth,
            amplitudes,
        }
    }

    /// The octets of a flow from the origin until `at`; negative before the origin. It never falls
    /// with time.
    pub(crate) fn octets(&self, flow: &Flow, at: Timestamp) -> i64 {
        let local = at.unix_ms() - ORIGIN_MS + i64::from(flow.offset_ms);
        let week = local.div_euclid(WEEK_MS);
        let within = local.rem_euclid(WEEK_MS);
        let before = self.until_week(flow, week);
        let volume = self.until_week(flow, week + 1) - before;
        before + self.within_week(flow, week, volume, within)
    }

    /// The octets from the origin until a week begins.
    fn until_week(&self, flow: &Flow, week: i64) -> i64 {
        let base = flow.mean * (WEEK_MS as f64 / 1000.0);
        let power = power(self.growth, week);
        let total = if (self.growth - 1.0).abs() < 1e-9 {
            base * week as f64
        } else {
            base * (power - 1.0) / (self.growth - 1.0)
        };
        let amplitude = WEEK_NOISE * f64::min(self.amplitudes[0] / 0.05, 3.0);
        let moved = hash::between(
            hash::mix2(flow.seed, purpose::FLOW, week.cast_unsigned()),
            -amplitude,
            amplitude,
        );
        whole(total + moved * base * power)
    }

    /// Of a week's volume, what has flowed after `within` milliseconds of it.
    fn within_week(&self, flow: &Flow, week: i64, volume: i64, within: i64) -> i64 {
        let profile = self.profile(flow.class);
        let seed = hash::mix(flow.seed, week.cast_unsigned());
        let scaled = within.cast_unsigned() << LEVELS;
        let leaf = scaled / WEEK_MS.cast_unsigned();
        let rest = scaled % WEEK_MS.cast_unsigned();
        let mut volume = volume.max(0).cast_unsigned();
        let mut done = 0_u64;
        for (level, &amplitude) in (0_u32..).zip(&self.amplitudes) {
            let node = (1_u64 << level) | (leaf >> (LEVELS - level));
            let prior = if level < TABLE_LEVELS {
                profile.left_share(node)
            } else {
                0.5
            };
            let left = part(volume, share(prior, amplitude, seed, node, level));
            if leaf >> (LEVELS - 1 - level) & 1 == 0 {
                volume = left;
            } else {
                done += left;
                volume -= left;
            }
        }
        let last = u128::from(volume) * u128::from(rest) / u128::from(WEEK_MS.cast_unsigned());
        (done + u64::try_from(last).unwrap_or(volume)).cast_signed()
    }

    /// How busy the hour is for this class, where 1 is the mean of the week. For what follows
    /// traffic without being it, as the load of a processor.
    pub(crate) fn business(&self, class: Class, offset_ms: i32, at: Timestamp) -> f64 {
        let local = at.unix_ms() - ORIGIN_MS + i64::from(offset_ms);
        self.profile(class)
            .density(local.rem_euclid(WEEK_MS) as f64 / WEEK_MS as f64)
    }

    /// How busy the busiest hour of the week is, where 1 is the mean.
    pub(crate) fn peak(&self, class: Class) -> f64 {
        self.profile(class).peak()
    }

    /// How many times the volume of the first week, at that moment.
    pub(crate) fn growth_at(&self, at: Timestamp) -> f64 {
        power(self.growth, (at.unix_ms() - ORIGIN_MS).div_euclid(WEEK_MS))
    }

    fn profile(&self, class: Class) -> &Profile {
        let [office, home, steady, night] = &self.profiles;
        match class {
            Class::Office => office,
            Class::Home => home,
            Class::Steady => steady,
            Class::Night => night,
        }
    }
}

/// The left half's share of a volume, in 2^-32: the prior, moved by chance.
fn share(prior: f64, amplitude: f64, seed: u64, node: u64, level: u32) -> u64 {
    let hash = hash::mix(seed, node);
    // Two uniform halves make a triangle: small moves are likelier than large ones.
    let low = (hash & 0xffff_ffff) as f64;
    let high = (hash >> 32) as f64;
    let mut moved = (low + high) / f64::from(u32::MAX) - 1.0;
    if (8..=10).contains(&level) && hash.is_multiple_of(BURST_IN) {
        moved = moved.signum() * 3.5;
    }
    let moved = (moved * amplitude * 1.4).clamp(-0.9, 0.9);
    if level >= TABLE_LEVELS {
        // Two halves that are alike but for chance: the sum below is one.
        return fixed(0.5 + 0.5 * moved);
    }
    let left = prior * (1.0 + moved);
    let right = (1.0 - prior) * (1.0 - moved);
    let sum = left + right;
    if sum <= 0.0 {
        return 1 << 31;
    }
    fixed(left / sum)
}

/// A share in 2^-32.
fn fixed(share: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 2^32 by what it is"
    )]
    let share = (share * 4_294_967_296.0) as u64;
    share.min(1 << 32)
}

/// A share of a volume, rounded down: never more than all of it.
fn part(volume: u64, share: u64) -> u64 {
    u64::try_from((u128::from(volume) * u128::from(share)) >> 32).unwrap_or(volume)
}

fn whole(octets: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "far within i64 for what a century of the fastest link carries; held at its ends beyond"
    )]
    let octets = octets.floor() as i64;
    octets
}

/// By squaring, so that it is the same on every machine.
fn power(base: f64, exponent: i64) -> f64 {
    let mut square = if exponent < 0 { 1.0 / base } else { base };
    let mut rest = exponent.unsigned_abs();
    let mut product = 1.0;
    while rest > 0 {
        if rest & 1 == 1 {
            product *= square;
        }
        square *= square;
        rest >>= 1;
    }
    product
}

/// The `n`th root, by halving: sums, products and square roots alone are the same everywhere.
fn root(of: f64, n: f64) -> f64 {
    // of^(1/n) through the binary digits of 1/n.
    let mut exponent = 1.0 / n;
    let mut factor = of;
    let mut product = 1.0;
    for _ in 0..48 {
        factor = factor.sqrt();
        exponent *= 2.0;
        if exponent >= 1.0 {
            exponent -= 1.0;
            product *= factor;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flow(seed: u64) -> Flow {
        Flow {
            mean: 1_000_000.0,
            class: Class::Office,
            offset_ms: 0,
            seed,
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ORIGIN_MS + ms)
    }

    #[test]
    fn a_year_has_its_volume_and_its_growth() {
        let model = Model::new(0.3, 1.0);
        let flow = flow(3);
        let week = |n: i64| {
            (model.octets(&flow, at((n + 1) * WEEK_MS)) - model.octets(&flow, at(n * WEEK_MS)))
                as f64
        };
        let first: f64 = (0..8).map(week).sum::<f64>() / 8.0;
        let later: f64 = (52..60).map(week).sum::<f64>() / 8.0;
        assert!((first / 604_800e6 - 1.0).abs() < 0.1, "{first}");
        assert!((later / first - 1.3).abs() < 0.1, "{}", later / first);
    }

    #[test]
    fn working_hours_are_busier_than_nights_and_weekends() {
        let model = Model::new(0.0, 1.0);
        let flow = flow(3);
        let rate = |day: i64, hour: i64| {
            let from = (day * 24 + hour) * 3_600_000;
            (model.octets(&flow, at(from + 3_600_000)) - model.octets(&flow, at(from))) as f64
        };
        assert!(rate(1, 10) > 4.0 * rate(1, 3), "day and night");
        assert!(rate(1, 10) > 3.0 * rate(5, 10), "Tuesday and Saturday");
    }

    proptest! {
        #[test]
        fn counters_never_go_back(seed: u64, ms in -400_000_000_000_i64..400_000_000_000, step in 0_i64..10_000_000) {
            let model = Model::new(0.3, 2.0);
            let flow = flow(seed);
            let (a, b) = (model.octets(&flow, at(ms)), model.octets(&flow, at(ms + step)));
            prop_assert!(a <= b, "{a} {b}");
        }

        #[test]
        fn no_speed_is_absurd(seed: u64, ms in 0_i64..40_000_000_000) {
            let model = Model::new(0.0, 1.0);
            let flow = flow(seed);
            let minute = model.octets(&flow, at(ms + 60_000)) - model.octets(&flow, at(ms));
            // The mean is 60 MB in a minute.
            prop_assert!(minute < 12 * 60_000_000, "{minute}");
        }
    }
}
